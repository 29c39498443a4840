/* Looking into the log: entries, one exchange, a person's uses. Proving and verifying: command_log_verify.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "cli/question.h"
#include "cli/command_log_internal.h"
#include "cli/output.h"
#include "cli/value.h"
#include "consent/event_text.h"
#include "evidence/individual.h"
#include "evidence/log.h"

enum { LAST_USUALLY = 20, LIST_BYTES_MAX = 64 * 1024 * 1024, ENTRY_BYTES_MAX = 1024 * 1024, EXCHANGE_SIZE_MAX = 64 };

bool log_index_parse(const struct call *call, const char *word, uint64_t *index)
{
    if (bytes_to_u64(bytes_of_text(word), index)) {
        return true;
    }
    (void)call_misused(call, "'%.40s' is no entry of the log: entries are counted from 0", word);
    return false;
}

static const char *kind_name(enum record_kind kind)
{
    switch (kind) {
    case RECORD_REQUEST_SENT:
        return "request-sent";
    case RECORD_DECISION:
        return "decision";
    case RECORD_ANSWER_SENT:
        return "answer-sent";
    case RECORD_ANSWER_RECEIVED:
        return "answer-received";
    case RECORD_EVENT:
        return "event";
    case RECORD_NONE:
        break;
    }
    return "unknown";
}

/* ---- What an entry says, in short ---- */

/* The value of a line `"NAME": value` of a signature base (RFC 9421 2.5). */
static struct bytes component(struct bytes statement, const char *name)
{
    char before[64];
    int size = snprintf(before, sizeof before, "\"%s\": ", name);
    struct bytes line, rest = statement;
    while (bytes_split(&rest, '\n', &line)) {
        if (bytes_start_with(line, bytes_of(before, (size_t)size))) {
            return bytes_slice(line, (size_t)size, line.size);
        }
    }
    return BYTES_NONE;
}

static const char *form_name(enum record_form form)
{
    static const char *const names[] = { [RECORD_OPEN] = "open", [RECORD_ERASED] = "erased", [RECORD_RECOVERED] = "recovered" };
    return names[form];
}

static struct bytes exchange_of(const struct log_entry *entry)
{
    struct bytes id = BYTES_NONE;
    if (entry->kind == RECORD_DECISION || entry->kind == RECORD_EVENT) {
        return event_text_get(entry->statement, "exchange", &id) ? id : BYTES_NONE;
    }
    return component(entry->statement, "x-road-request-id");
}

static void append_pair(struct buffer *out, const char *name, struct bytes value)
{
    if (value.size > 0) {
        buffer_append_format(out, "  %s=%.*s", name, BYTES_FMT(value));
    }
}

static void append_event_pair(struct buffer *out, const struct log_entry *entry, const char *name)
{
    struct bytes value;
    if (event_text_get(entry->statement, name, &value)) {
        append_pair(out, name, value);
    }
}

/* One line, without what may name a person: paths and bodies are not in it. */
static void append_line(struct buffer *out, const struct log_entry *entry)
{
    char time[TIME_TEXT_SIZE];
    buffer_append_format(out, "%8" PRIu64 "  %s  %-15s", entry->index, time_text(entry->time_ms, time), kind_name(entry->kind));
    if (entry->form != RECORD_OPEN) {
        buffer_append_format(out, "  (%s: only its commitment is known)", form_name(entry->form));
    } else if (entry->kind == RECORD_DECISION) {
        append_event_pair(out, entry, "verdict");
        append_event_pair(out, entry, "reason");
        append_event_pair(out, entry, "client");
        append_event_pair(out, entry, "service");
    } else if (entry->kind == RECORD_EVENT) {
        append_event_pair(out, entry, "comity-event");
        append_event_pair(out, entry, "event");
        append_event_pair(out, entry, "id");
    } else {
        append_pair(out, "method", component(entry->statement, "@method"));
        append_pair(out, "status", component(entry->statement, "@status"));
        append_pair(out, "reason", component(entry->statement, "comity-reason"));
        append_pair(out, "client", component(entry->statement, "x-road-client"));
        append_pair(out, "service", component(entry->statement, "x-road-service"));
    }
    append_pair(out, "exchange", exchange_of(entry));
    buffer_append_u8(out, '\n');
}

static json_t *json_of_entry(const struct log_entry *entry)
{
    uint8_t hash[SHA256_SIZE];
    char text[BASE64_SIZE(SHA256_SIZE) + 1] = { 0 };
    log_entry_commitment(entry, hash);
    (void)base64_write(bytes_of(hash, sizeof hash), (uint8_t *)text);
    return json_pack("{s:I, s:o, s:s, s:s, s:s, s:o, s:o}", "index", (json_int_t)entry->index, "time", json_of_time(entry->time_ms), "kind",
                     kind_name(entry->kind), "form", form_name(entry->form), "commitment", text, "exchange",
                     json_of_bytes(exchange_of(entry)), "statement", json_of_bytes(entry->statement));
}

/* ---- Reading ---- */

/* The gateway's log, open for reading. */
struct reading {
    struct place place;
    struct log_reader *reader;
    uint64_t size;
};

static bool reading_open(struct reading *r, const struct call *call, struct error *e)
{
    return place_open(&r->place, call->folder, e) && place_open_disks(&r->place, e) &&
           log_reader_open(&r->reader, r->place.public_disk, r->place.private_disk, e) && log_reader_size(r->reader, &r->size, e);
}

static void reading_close(struct reading *r)
{
    log_reader_close(r->reader);
    place_close(&r->place);
}

/* Entries of one exchange, or the last ones. */
static bool collect(const struct call *call, struct reading *r, const char *exchange, uint64_t from, struct buffer *out, json_t *list,
                    struct error *e)
{
    struct progress progress = { .what = "looking" };
    bool ok = true;
    from = from < log_reader_first(r->reader) ? log_reader_first(r->reader) : from; /* what was pruned is not shown */
    for (uint64_t i = from; ok && i < r->size; i++) {
        struct log_entry entry;
        ok = log_reader_get(r->reader, i, &entry, e);
        progress_show(&progress, i - from, r->size - from);
        if (!ok || (exchange != NULL && !bytes_equal(exchange_of(&entry), bytes_of_text(exchange)))) {
            continue;
        }
        if (call->is_json) {
            ok = json_array_append_new(list, json_of_entry(&entry)) == 0 || error_memory(e, "log");
        } else {
            append_line(out, &entry);
        }
    }
    progress_end(&progress);
    return ok;
}

static int show_list(struct call *call, struct reading *r)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct buffer out;
    uint64_t last = LAST_USUALLY;
    const char *exchange = call_value(call, "exchange"), *given = call_value(call, "last");
    json_t *list = json_array();
    buffer_init(&out, LIST_BYTES_MAX);
    if (given != NULL && !bytes_to_u64(bytes_of_text(given), &last)) {
        end = call_misused(call, "--last is a whole number, not '%.40s'", given);
        goto done;
    }
    uint64_t from = exchange == NULL && r->size > last ? r->size - last : 0;
    if (!collect(call, r, exchange, from, &out, list, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (exchange != NULL && out.size == 0 && json_array_size(list) == 0) {
        error_set(&e, ERROR_ABSENT, "--exchange", "the other side's log may have it", "no entry has this exchange");
        end = call_refuse(call, &e);
        goto done;
    }
    end = (call->is_json ? output_json(json_pack("{s:I, s:O}", "size", (json_int_t)r->size, "entries", list)) : output_buffer(&out))
              ? COMMAND_DONE
              : COMMAND_NOT_TRIED;
done:
    json_decref(list);
    buffer_clear(&out);
    return end;
}

/* ---- One entry ---- */

/* An entry by its parts (docs/formats/records.md): of a peer's message its statement and receipt, of any message its own signature. */
struct parts {
    struct bytes peer_statement, peer_receipt;
    struct bytes message; /* the statement of the message that this entry is about */
    bool is_signed;
    uint8_t signature[ED25519_SIGNATURE_SIZE];
};

static struct parts split_entry(const struct log_entry *entry)
{
    struct bytes attachment = entry->attachment;
    struct parts parts = { .message = entry->statement };
    parts.is_signed = individual_detach(&attachment, parts.signature);
    struct reader r = { .left = attachment };
    if (entry->kind == RECORD_ANSWER_RECEIVED) {
        parts.peer_statement = entry->statement;
        parts.peer_receipt = attachment;
    } else if (entry->kind == RECORD_DECISION) {
        struct bytes statement = reader_take(&r, reader_u32(&r));
        parts.message = parts.peer_statement = r.failed ? BYTES_NONE : statement;
        parts.peer_receipt = r.failed ? BYTES_NONE : r.left;
    }
    return parts;
}

static bool write_data(struct bytes data)
{
    return data.size == 0 || fwrite(data.data, 1, data.size, stdout) == data.size;
}

/* What an own signature is over, for any program that knows Ed25519. */
static int show_signed(struct call *call, const struct parts *parts)
{
    struct error e;
    struct arena arena = { 0 };
    struct individual_base base;
    int end = COMMAND_NOT_TRIED;
    if (!individual_base_make(parts->message, &arena, &base, &e)) {
        end = call_fail(call, &e);
    } else if (write_data(base.text)) {
        end = COMMAND_DONE;
    }
    arena_clear(&arena);
    return end;
}

static int show_part(struct call *call, const struct log_entry *entry, const char *part)
{
    struct error e;
    if (entry->form != RECORD_OPEN) {
        error_set(&e, ERROR_ABSENT, "log", NULL, "entry %" PRIu64 " is %s: only its commitment is known", entry->index,
                  form_name(entry->form));
        return call_refuse(call, &e);
    }
    const struct parts parts = split_entry(entry);
    if (strcmp(part, "statement") == 0) {
        return write_data(entry->statement) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    bool is_of_peer = strcmp(part, "peer-statement") == 0, is_receipt = strcmp(part, "peer-receipt") == 0;
    bool is_signature = strcmp(part, "signature") == 0;
    if (!is_of_peer && !is_receipt && !is_signature && strcmp(part, "signed") != 0) {
        return call_misused(call, "--part is statement, peer-statement, peer-receipt, signature or signed, not '%.40s'", part);
    }
    if (is_of_peer || is_receipt) {
        struct bytes data = is_of_peer ? parts.peer_statement : parts.peer_receipt;
        if (data.size > 0) {
            return write_data(data) ? COMMAND_DONE : COMMAND_NOT_TRIED;
        }
        error_set(&e, ERROR_ABSENT, "--part", "entries of the kinds decision and answer-received have one",
                  "this entry has nothing of a peer");
        return call_refuse(call, &e);
    }
    if (!parts.is_signed) {
        error_set(&e, ERROR_ABSENT, "--part", "messages of services with 'evidence: individual' have one",
                  "no message of this entry was signed by itself");
        return call_refuse(call, &e);
    }
    if (!is_signature) {
        return show_signed(call, &parts);
    }
    return write_data(bytes_of(parts.signature, sizeof parts.signature)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int show_entry(struct call *call, struct reading *r)
{
    uint64_t index = 0;
    struct error e = { 0 };
    struct log_entry entry;
    struct buffer out;
    if (!log_index_parse(call, call->words[0], &index)) {
        return COMMAND_NOT_TRIED;
    }
    if (!log_reader_get(r->reader, index, &entry, &e)) {
        return e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
    }
    if (call_is_given(call, "part")) {
        return show_part(call, &entry, call_value(call, "part"));
    }
    if (call->is_json) {
        return output_json(json_of_entry(&entry)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, ENTRY_BYTES_MAX);
    append_line(&out, &entry);
    buffer_append_u8(&out, '\n');
    buffer_append(&out, entry.statement);
    if (!bytes_end_with(entry.statement, BYTES("\n"))) {
        buffer_append_u8(&out, '\n');
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- A person's uses ---- */

static void append_use(struct buffer *out, const json_t *use)
{
    static const char *const keys[] = { "reason", "client", "service", "purpose", "released", "withheld", "exchange" };
    buffer_append_format(out, "%s  %s  %s  entry %lld\n", json_string_value(json_object_get(use, "time")),
                         json_string_value(json_object_get(use, "kind")), json_string_value(json_object_get(use, "verdict")),
                         json_integer_value(json_object_get(use, "log_index")));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *value = json_string_value(json_object_get(use, keys[i]));
        if (value != NULL) {
            buffer_append_format(out, "    %-9s %s\n", keys[i], value);
        }
    }
}

static int show_answer(struct call *call, json_t *answer)
{
    struct buffer out;
    const json_t *uses = json_object_get(answer, "uses");
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, LIST_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(uses); i++) {
        append_use(&out, json_array_get(uses, i));
    }
    if (json_array_size(uses) == 0) {
        (void)fprintf(stderr, "%s: there is none\n", call->name);
    }
    json_int_t lag = json_integer_value(json_object_get(answer, "lag"));
    if (lag > 0) {
        (void)fprintf(stderr, "%s: %lld entries of the log are not looked at yet: ask again\n", call->name, lag);
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int show_uses(struct call *call)
{
    static const struct question question = { "/v1/uses", operation_uses, QUESTION_USES };
    int end = COMMAND_NOT_TRIED;
    uint64_t last = 0;
    struct error e = { 0 };
    struct place place = { 0 };
    struct buffer person;
    json_t *answer = NULL, *request = json_object();
    buffer_init(&person, PERSON_BYTES_MAX);
    if (call_is_given(call, "last") && (!bytes_to_u64(bytes_of_text(call_value(call, "last")), &last) || last == 0 || last > 1000000)) {
        end = call_misused(call, "--last is a whole number from 1");
        goto done;
    }
    if (request == NULL || !person_read(call_value(call, "person"), &person, &e) ||
        json_object_set_new(request, "person", json_stringn((const char *)person.data, person.size)) != 0 ||
        (last > 0 && json_object_set_new(request, "last", json_integer((json_int_t)last)) != 0) || !place_open(&place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (question_ask(call, &place, &question, request, &answer, &end)) {
        end = show_answer(call, answer);
    }
done:
    json_decref(answer);
    json_decref(request);
    buffer_wipe(&person);
    place_close(&place);
    return end;
}

static int run_show(struct call *call)
{
    struct error e = { 0 };
    struct reading r = { 0 };
    bool is_person = call_is_given(call, "person"), is_one = call->word_count == 1;
    if ((is_one && (is_person || call_is_given(call, "exchange") || call_is_given(call, "last"))) ||
        (is_person && call_is_given(call, "exchange")) || (call_is_given(call, "part") && !is_one)) {
        return call_misused(call, "name one entry, or --exchange, or --person, or nothing for the last ones");
    }
    if (is_person) {
        return show_uses(call);
    }
    int end = !reading_open(&r, call, &e) ? call_fail(call, &e) : is_one ? show_entry(call, &r) : show_list(call, &r);
    reading_close(&r);
    return end;
}

/* ---- Tables ---- */

static const struct command_option show_options[] = {
    { "last", "N", "how many of the newest; without it 20" },
    { "exchange", "ID", "the entries of one exchange" },
    { "person", "-|@FILE", "the uses of a person's information; the identifier from standard input or a file" },
    { "part", "PART",
      "of one entry only the bytes of: statement, peer-statement, peer-receipt; of a message that is signed by itself: signature, and signed, "
      "which it is over" },
};

static const struct command log_show_command = {
    .name = "show",
    .arguments = "[INDEX [--part PART] | --exchange ID | --person -|@FILE] [--last N]",
    .summary = "show entries, one exchange, or what was asked and released about a person",
    .text =
        "Without INDEX a line an entry, the newest last. With INDEX the statement that the entry commits to. Works beside a running gateway.\n"
        "The parts of an entry are written byte for byte: the statement of this side, and the statement and receipt that the other side "
        "sent; 'comity log verify --receipt' checks them against the other side's key. Where messages are signed by themselves ('evidence: individual'), "
        "signature is the 64 bytes of Ed25519 over signed, which any program can verify.",
    .examples = "comity log show --last 5\n"
                "comity log show --person @person.txt\n"
                "comity log show 12 --part peer-receipt >receipt.tlog-proof",
    .options = show_options,
    .option_count = COUNT_OF(show_options),
    .word_max = 1,
    .run = run_show,
};

static const struct command *const log_parts[] = { &log_show_command,  &log_prove_command,   &log_receipt_command, &log_erase_command,
                                                   &log_prune_command, &log_verify_command,  &log_replay_command,  &log_audit_command,
                                                   &log_uses_command,  &log_recover_command, &log_witness_command, &log_mirror_command,
                                                   &log_heal_command };

const struct command command_log = {
    .name = "log",
    .arguments = "show|prove|receipt|prune|erase|verify|replay|audit|uses|recover|heal|witness|mirror ...",
    .summary = "look into the evidence log, prove an entry, verify a log or a receipt, decide again",
    .text =
        "The log is a Merkle tree (C2SP tlog-tiles) of salted commitments: its public folder shows volume and nothing else. The private "
        "records beside it open the entries. A receipt (C2SP tlog-proof) proves that a statement is in a log, to anyone who has the log's "
        "public key.",
    .parts = log_parts,
    .part_count = COUNT_OF(log_parts),
};
