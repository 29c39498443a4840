/* comity log audit: our log against a peer's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/audit_source.h"
#include "cli/command_log_internal.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "witness/state.h"
#include "witness/watch.h"

enum { FINDINGS_SHOWN_MAX = 1000, PAGE_BYTES_MAX = 1024 * 1024 };

struct auditing {
    struct call *call;
    struct place place;
    struct world *world;
    const struct directory_gateway *peer;
    struct audit_source *source;
    struct peer_log log;
    bool has_log, is_caught, is_told;
    struct disk *witness_disk;
    struct buffer witnessed;
    json_t *list; /* with --json */
    uint64_t shown;
    struct progress progress;
};

static void tell_left_out(void *context, const char *community, const struct error *e)
{
    const struct auditing *a = context;
    (void)fprintf(stderr, "%s: the community %s is left out: %s\n", a->call->name, community, e->what);
}

static const char *weight_name(enum audit_weight weight)
{
    static const char *const names[] = { "lost", "unclear", "fault" };
    return names[weight];
}

static void tell_finding(void *context, const struct audit_finding *f)
{
    struct auditing *a = context;
    progress_end(&a->progress);
    if (a->shown++ >= FINDINGS_SHOWN_MAX) {
        return; /* they are counted all the same */
    }
    if (a->list != NULL) {
        json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "weight", weight_name(audit_weight(f->kind)), "code", audit_code(f->kind), "what",
                                audit_text(f->kind), "detail", f->detail);
        if (row != NULL && f->exchange.size > 0) {
            (void)json_object_set_new(row, "exchange", json_of_bytes(f->exchange));
        }
        if (row != NULL && f->has_index) {
            (void)json_object_set_new(row, "index", json_integer((json_int_t)f->index));
        }
        if (row != NULL && f->has_their_index) {
            (void)json_object_set_new(row, "their_index", json_integer((json_int_t)f->their_index));
        }
        (void)json_array_append_new(a->list, row);
        return;
    }
    (void)printf("%-7s  %s", weight_name(audit_weight(f->kind)), audit_text(f->kind));
    if (f->exchange.size > 0) {
        (void)printf("; exchange %.*s", BYTES_FMT(f->exchange));
    }
    if (f->has_index) {
        (void)printf(", entry %" PRIu64, f->index);
    }
    if (f->has_their_index) {
        (void)printf(", their entry %" PRIu64, f->their_index);
    }
    (void)printf("%s%s\n", f->detail[0] != '\0' ? "; " : "", f->detail);
}

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    struct auditing *a = context;
    progress_show(&a->progress, done, all);
}

/* The proof goes where the gateway looks for it, and the gateway is told to look. */
static void take_proof(void *context, struct bytes a_note, struct bytes b_note, const struct peer_log_proof *proof)
{
    struct auditing *a = context;
    struct watch *watch = NULL;
    struct error e;
    char text[sizeof e];
    if (a->is_caught) {
        return;
    }
    if (!watch_open(&watch, a->witness_disk, &e)) {
        (void)fprintf(stderr, "%s: the proof is not kept: %s\n", a->call->name, error_text(&e, text, sizeof text));
        return;
    }
    a->is_caught = watch_catch(watch, &a->peer->statement_key, a_note, b_note, proof->path_count > 0 ? proof->prefix : NULL,
                               (const uint8_t(*)[SHA256_SIZE])proof->path, proof->path_count);
    watch_free(watch);
    if (a->is_caught) {
        a->is_told = control_call(a->place.config, "POST", "/v1/reload", NULL, NULL, &e) == CONTROL_DONE;
    }
}

/* ---- Opening ---- */

static bool find_peer(struct auditing *a, const char *name, struct error *e)
{
    uint8_t storage[1024];
    struct identifier id, member;
    size_t size = strlen(name);
    if (size > sizeof storage || !identifier_parse(bytes_of_text(name), 4, 4, storage, &id, e)) {
        return error_set(e, ERROR_INPUT, "--peer", "write COMMUNITY/CLASS/MEMBER/GATEWAY", "'%.80s' names no gateway", name);
    }
    member = id;
    member.part_count = 3;
    const struct directory_member *found = world_find_member(a->world, &member, time_now_ms());
    for (size_t i = 0; found != NULL && i < found->gateway_count; i++) {
        if (bytes_equal(found->gateways[i].code, id.parts[3])) {
            a->peer = &found->gateways[i];
        }
    }
    return a->peer != NULL ||
           error_set(e, ERROR_ABSENT, "--peer", "write it as the directory does", "no directory that is valid here has this gateway");
}

/* What our witness cosigned last of their log; without a witness there is nothing. */
static void read_witnessed(struct auditing *a)
{
    char name[STATE_NAME_SIZE];
    uint8_t *data = NULL;
    size_t size = 0;
    state_name(bytes_of_text(a->peer->statement_key.name), name);
    if (disk_read_whole(a->witness_disk, name, STATE_BYTES_MAX, &data, &size) == 0) {
        buffer_append(&a->witnessed, bytes_of(data, size));
        free(data);
    }
}

static bool open_all(struct auditing *a, struct error *e)
{
    const struct gateway_config *config = a->place.config;
    const char *with = call_value(a->call, "with");
    if (!gateway_config_check_complete(config, e) || !place_open_disks(&a->place, e) ||
        !signer_load(&a->place.signer, config->origin, config->statement_key_path, e) ||
        !world_load(&a->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                    config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), NULL,
                    tell_left_out, a, e) ||
        !find_peer(a, call_value(a->call, "peer"), e) || !disk_open_folder(&a->witness_disk, config->witness_folder, false, e)) {
        return false;
    }
    read_witnessed(a);
    if (call_is_given(a->call, "export")) {
        return true;
    }
    if (!(with == NULL ? audit_source_net(&a->source, config, a->peer, e) : audit_source_copy(&a->source, with, e))) {
        return false;
    }
    a->has_log = audit_source_has_log(a->source);
    return !a->has_log || peer_log_open(&a->log, &a->peer->statement_key, audit_source_read, a->source, e);
}

static void close_all(struct auditing *a)
{
    if (a->has_log) {
        peer_log_close(&a->log);
    }
    audit_source_free(a->source);
    world_release(a->world);
    disk_free(a->witness_disk);
    buffer_clear(&a->witnessed);
    json_decref(a->list);
    place_close(&a->place);
}

/* ---- Our list, for them ---- */

static bool write_line(void *context, const struct exchange_line *line)
{
    struct exchange_note note;
    exchange_note_of(line, &note);
    return exchange_note_write(&note, context);
}

static bool export_lines(struct auditing *a, int64_t since_ms, FILE *file, struct error *e)
{
    struct log_reader *reader = NULL;
    struct exchanges *exchanges = NULL;
    struct buffer text;
    uint64_t size = 0, first = 0;
    buffer_init(&text, PAGE_BYTES_MAX);
    bool ok = log_reader_open(&reader, a->place.public_disk, a->place.private_disk, e) && log_reader_size(reader, &size, e) &&
              log_first_since(reader, size, since_ms, &first, e) && exchanges_make(&exchanges, a->peer, e);
    for (uint64_t i = first; ok && i < size; i++) {
        struct log_entry entry;
        progress_show(&a->progress, i - first, size - first);
        ok = log_reader_get(reader, i, &entry, e) && (exchanges_read(exchanges, &entry, write_line, &text) || error_memory(e, "exchanges"));
        if (ok && i + 1 == size) {
            exchange_page_write(size, true, size, &text);
        }
        if (ok && text.size > 0) {
            ok = fwrite(text.data, 1, text.size, file) == text.size || error_system(e, "--export", "check the disk");
            buffer_reset(&text);
        }
    }
    progress_end(&a->progress);
    buffer_clear(&text);
    exchanges_free(exchanges);
    log_reader_close(reader);
    return ok;
}

static int run_export(struct auditing *a, int64_t since_ms)
{
    struct error e = { 0 };
    const char *path = call_value(a->call, "export");
    bool is_output = strcmp(path, "-") == 0;
    FILE *file = is_output ? stdout : fopen(path, "wxe");
    if (file == NULL) {
        (void)error_system(&e, path, "name a file that is not there yet");
        return call_fail(a->call, &e);
    }
    bool ok = export_lines(a, since_ms, file, &e);
    if ((is_output ? fflush(file) : fclose(file)) != 0 && ok) {
        ok = error_system(&e, path, "check the disk");
    }
    return ok ? COMMAND_DONE : call_fail(a->call, &e);
}

/* ---- The verdict ---- */

static int report_json(struct auditing *a, const struct audit_counts *c, bool is_good)
{
    return output_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:b, s:O, s:b}", "peer",
                                 a->peer->statement_key.name, "entries", (json_int_t)c->entries, "requests_sent", (json_int_t)c->sent,
                                 "requests_received", (json_int_t)c->received, "receipts", (json_int_t)c->receipts, "checkpoints",
                                 (json_int_t)c->checkpoints, "their_lines", (json_int_t)c->theirs, "has_list", c->has_list, "has_log",
                                 c->has_log, "faults", (json_int_t)audit_count(c, AUDIT_FAULT), "unclear",
                                 (json_int_t)(audit_count(c, AUDIT_UNCLEAR) - audit_count(c, AUDIT_FAULT)), "lost",
                                 (json_int_t)(audit_count(c, AUDIT_LOST) - audit_count(c, AUDIT_UNCLEAR)), "distrusted", a->is_caught,
                                 "findings", a->list, "ok", is_good))
               ? (is_good ? COMMAND_DONE : COMMAND_NO)
               : COMMAND_NOT_TRIED;
}

static int report(struct auditing *a, const struct audit_counts *c)
{
    uint64_t faults = audit_count(c, AUDIT_FAULT), unclear = audit_count(c, AUDIT_UNCLEAR) - faults;
    bool is_good = faults == 0;
    if (a->call->is_json) {
        return report_json(a, c, is_good);
    }
    (void)printf("%sour entries        %" PRIu64 "\nrequests sent      %" PRIu64 "\nrequests received  %" PRIu64
                 "\ntheir receipts     %" PRIu64 "\ntheir checkpoints  %" PRIu64 "%s\ntheir list         ",
                 a->shown > 0 ? "\n" : "", c->entries, c->sent, c->received, c->receipts, c->checkpoints,
                 c->has_log ? ", each held against their log" : ", their log was not at hand");
    (void)(c->has_list ? printf("%" PRIu64 " lines\n", c->theirs) : printf("not at hand\n"));
    if (a->is_caught) {
        (void)printf("\nProof of equivocation kept in %s/%s; %s\n", a->place.config->witness_folder, WATCH_FOLDER,
                     a->is_told ? "the gateway no longer trusts this peer"
                                : "no gateway runs here: it will not trust this peer when it starts");
    }
    (void)printf("\n%s: %" PRIu64 " faults, %" PRIu64 " unclear, %" PRIu64 " lost on the way\n",
                 is_good ? (unclear == 0 ? "consistent" : "nothing contradicts") : "NOT CONSISTENT", faults, unclear,
                 audit_count(c, AUDIT_LOST) - audit_count(c, AUDIT_UNCLEAR));
    return is_good ? COMMAND_DONE : COMMAND_NO;
}

static int run_against(struct auditing *a, int64_t since_ms)
{
    struct error e = { 0 };
    struct audit_counts counts;
    struct audit_peer peer = { .gateway = a->peer, .log = a->has_log ? &a->log : NULL };
    const struct audit_own own = { .public = a->place.public_disk,
                                   .private = a->place.private_disk,
                                   .key = signer_verifier(a->place.signer),
                                   .witnessed = buffer_bytes(&a->witnessed) };
    const struct audit_options options = {
        .since_ms = since_ms, .each = tell_finding, .progress = tell_progress, .proven = take_proof, .context = a
    };
    audit_source_fill(a->source, &peer);
    bool ok = audit_run(&own, &peer, &options, &counts, &e);
    progress_end(&a->progress);
    return ok ? report(a, &counts) : call_fail(a->call, &e);
}

/* "30d" ago, or a time. */
static bool since_parse(const char *text, int64_t *since_ms, struct error *e)
{
    int64_t duration_ms;
    char at_midnight[32];
    if (duration_parse(bytes_of_text(text), &duration_ms)) {
        *since_ms = time_now_ms() - duration_ms;
        return true;
    }
    (void)snprintf(at_midnight, sizeof at_midnight, "%.*sT00:00:00Z", BYTES_FMT(bytes_slice(bytes_of_text(text), 0, 16)));
    return time_parse(bytes_of_text(text), since_ms) || time_parse(bytes_of_text(at_midnight), since_ms) ||
           error_set(e, ERROR_INPUT, "--since", "write how long ago (30d, 12h) or since when (2027-03-01, 2027-03-01T12:00:00Z)",
                     "'%.60s' is neither a duration nor a time", text);
}

static int run_audit(struct call *call)
{
    struct error e = { 0 };
    int64_t since_ms = 0;
    int end = COMMAND_NOT_TRIED;
    struct auditing a = { .call = call, .list = call->is_json ? json_array() : NULL, .progress = { .what = "auditing" } };
    buffer_init(&a.witnessed, STATE_BYTES_MAX);
    if (!call_is_given(call, "peer")) {
        return call_misused(call, "name the peer's gateway: --peer COMMUNITY/CLASS/MEMBER/GATEWAY");
    }
    if (call_is_given(call, "with") && call_is_given(call, "export")) {
        return call_misused(call, "--with and --export do not go together");
    }
    if ((call_is_given(call, "since") && !since_parse(call_value(call, "since"), &since_ms, &e)) ||
        !place_open(&a.place, call->folder, &e) || !open_all(&a, &e)) {
        end = call_fail(call, &e);
    } else {
        since_ms = since_ms < 0 ? 0 : since_ms;
        end = call_is_given(call, "export") ? run_export(&a, since_ms) : run_against(&a, since_ms);
    }
    close_all(&a);
    return end;
}

static const struct command_option audit_options[] = {
    { "peer", "GATEWAY", "the peer: COMMUNITY/CLASS/MEMBER/GATEWAY, as in the directory" },
    { "since", "WHEN", "look at entries from then on: how long ago (30d), or a time; without it all" },
    { "with", "FOLDER|FILE",
      "their side from a copy of their public log, or from a file that they wrote by --export; without it their gateway is asked" },
    { "export", "FILE", "instead: write our list of exchanges with the peer, for its auditor ('-': standard output)" },
};

const struct command log_audit_command = {
    .name = "audit",
    .arguments = "--peer GATEWAY [--since WHEN] [--with FOLDER|FILE | --export FILE]",
    .summary = "hold this log against a peer's: missing exchanges, gaps, forked histories",
    .text =
        "Compares the exchanges that both logs have between the two gateways, the numbers of the requests, and every receipt and checkpoint of "
        "the peer that this log keeps with the peer's log as it is now. Their list and log are asked for over mutual TLS (GET "
        "/evidence/exchanges and /log/...), or taken from what --with names: a folder with a copy of their public log, in which their list may "
        "lie as exchanges.jsonl, or the list alone.\n"
        "Findings have three weights. A fault contradicts something that somebody signed. Unclear is what may be harmless: an erased entry, "
        "the end of a run that crashed, a copy that is too old. Lost is what a network loses. Ends with 1 if there is a fault.\n"
        "When their log has another history than a checkpoint that they signed, the proof (comity-equivocation/1) is put into the folder "
        "equivocation/ of the witness, and the gateway is told: it then no longer trusts that peer. 'comity evidence verify' checks the file "
        "anywhere.",
    .examples = "comity log audit --peer BAOBAB/GOV/CLINIC/GW1\n"
                "comity log audit --peer BAOBAB/GOV/CLINIC/GW1 --since 30d --json\n"
                "comity log audit --peer AURORA/GOV/HOSPITAL/GW1 --export exchanges.jsonl",
    .options = audit_options,
    .option_count = COUNT_OF(audit_options),
    .run = run_audit,
};
