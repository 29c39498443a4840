/* Reading one decision: the event, and the request's statement that is kept beside it. */
#include "audit/replay_internal.h"
#include "consent/event_text.h"
#include "policy/decide_event.h"

#include <stdio.h>

static bool take_digest(struct bytes text, const char *name, uint8_t out[SHA256_SIZE])
{
    struct bytes value;
    return event_text_get(text, name, &value) && said_digest(value, out);
}

static bool take_text(struct decision_read *read, struct bytes text, const char *name, struct bytes *out)
{
    struct bytes value;
    *out = event_text_get(text, name, &value) ? event_text_decode(&read->arena, value) : BYTES("");
    return out->data != NULL;
}

static bool take_time(struct bytes text, int64_t *out)
{
    struct bytes value;
    uint64_t number;
    if (!event_text_get(text, "time", &value) || !bytes_to_u64(value, &number) || number > INT64_MAX) {
        return false;
    }
    *out = (int64_t)number;
    return true;
}

static bool read_verdict(struct bytes text, struct decision_read *read)
{
    struct bytes verdict;
    if (!event_text_get(text, "verdict", &verdict)) {
        return false;
    }
    read->is_permit = bytes_equal(verdict, BYTES("permit"));
    if (read->is_permit) {
        return true;
    }
    read->reason = reason_find(read->reason_code);
    read->reason = read->reason == REASON_NONE ? REASON_COUNT : read->reason;
    return bytes_equal(verdict, BYTES("refuse"));
}

static bool next_number(struct bytes *rest, uint64_t *out)
{
    struct bytes word;
    return bytes_split(rest, ' ', &word) && bytes_to_u64(word, out);
}

static bool next_flag(struct bytes *rest, bool *out)
{
    uint64_t number;
    bool ok = next_number(rest, &number) && number <= 1;
    *out = ok && number == 1;
    return ok;
}

static bool read_uses(struct decision_read *read, struct bytes text)
{
    struct bytes name, value, rest = text;
    size_t count = 0;
    while (event_text_next(&rest, &name, &value)) {
        count += bytes_equal(name, BYTES("used"));
    }
    struct decide_use *uses = arena_take_zeroed(&read->arena, (count + 1) * sizeof *uses);
    read->counters.uses = uses;
    while (uses != NULL && event_text_next(&text, &name, &value)) {
        if (bytes_equal(name, BYTES("used"))) {
            struct decide_use *use = &uses[read->counters.use_count++];
            if (!next_number(&value, &use->in_period) || !next_number(&value, &use->total)) {
                return false;
            }
            use->record_id = value;
        }
    }
    return uses != NULL;
}

/* What was counted when it was decided: `exported`, `asked`, `used`. */
static bool read_counters(struct decision_read *read, struct bytes text)
{
    struct decide_counters *c = &read->counters;
    struct bytes value;
    if (event_text_get(text, "exported", &value) && !(next_number(&value, &c->exported) && next_number(&value, &c->exported_sensitive) &&
                                                      next_flag(&value, &c->is_exported) && next_flag(&value, &c->is_exported_sensitive))) {
        return false;
    }
    if (event_text_get(text, "asked", &value) &&
        !(next_number(&value, &c->asked) && next_flag(&value, &c->is_asked) && next_flag(&value, &c->is_full) &&
          next_number(&value, &c->recent) && next_number(&value, &c->usual) && next_flag(&value, &c->is_held))) {
        return false;
    }
    return read_uses(read, text);
}

static bool read_event(struct decision_read *read)
{
    struct bytes text = read->entry->statement, value;
    read->has_request = take_digest(text, "request", read->request);
    read->has_law = take_digest(text, "law", read->law);
    read->knows_client_directory = event_text_get(text, "client_directory", &value);
    read->has_client_directory = read->knows_client_directory && said_digest(value, read->client_directory);
    return take_text(read, text, "exchange", &read->exchange) && take_text(read, text, "person", &read->person) &&
           take_text(read, text, "reason", &read->reason_code) && take_text(read, text, "client", &read->client_text) &&
           take_text(read, text, "service", &read->service_text) && read_verdict(text, read) &&
           take_digest(text, "directory", read->directory) && take_digest(text, "policy", read->policy) &&
           take_digest(text, "consents", read->consents) && read_counters(read, text) && take_time(text, &read->time_ms);
}

static bool parse_id(struct decision_read *read, struct bytes text, size_t least, size_t most, struct identifier *out)
{
    uint8_t *storage = arena_take(&read->arena, text.size + 1);
    return storage != NULL && text.size > 0 && identifier_parse(text, least, most, storage, out, NULL);
}

/* /r1/{community}/{class}/{member}/{subsystem}/{service}[path], as the statement's @path has it. */
static bool split_path(struct decision_read *read, struct bytes path)
{
    struct bytes rest = bytes_slice(path, 4, path.size);
    size_t at = 0, separators = 0;
    if (!bytes_start_with(path, BYTES("/r1/"))) {
        return false;
    }
    while (at < rest.size && (rest.data[at] != '/' || ++separators < 5)) {
        at++;
    }
    read->path = bytes_slice(rest, at, rest.size);
    return parse_id(read, bytes_slice(rest, 0, at), 5, 5, &read->service);
}

static bool is_named(const struct identifier *id, struct bytes text)
{
    struct buffer encoded;
    buffer_init(&encoded, 8192);
    identifier_append(&encoded, id);
    bool is_same = !encoded.failed && bytes_equal(buffer_bytes(&encoded), text);
    buffer_clear(&encoded);
    return is_same;
}

/* What was asked, from the words that the consumer's gateway signed. */
static const char *read_request(struct decision_read *read, struct bytes statement)
{
    uint8_t digest[SHA256_SIZE];
    sha256(statement, digest);
    if (!read->has_request || memcmp(digest, read->request, sizeof digest) != 0) {
        return "the statement beside it is not the request that it names";
    }
    if (!said_parse(statement, &read->said, "the request's statement", NULL) || read->said.is_answer) {
        return "the request's statement can't be read";
    }
    read->method = said_value(&read->said, "@method", false);
    read->query = said_value(&read->said, "@query", false);
    read->query = bytes_slice(read->query, 1, read->query.size);
    read->purpose = said_value(&read->said, "comity-purpose", false);
    if (!bytes_equal(said_value(&read->said, "x-road-request-id", false), read->exchange)) {
        return "it is of another exchange than the request that it names";
    }
    if (!split_path(read, said_value(&read->said, "@path", false)) ||
        !parse_id(read, said_value(&read->said, "x-road-client", false), 3, 4, &read->client)) {
        return "the request's statement names no service or no client";
    }
    if (!is_named(&read->client, read->client_text) || !is_named(&read->service, read->service_text)) {
        return "client or service are not those of the request that it names";
    }
    return NULL;
}

enum read_outcome decision_read(const struct log_entry *entry, struct decision_read *out, char what[REPLAY_TEXT_SIZE])
{
    *out = (struct decision_read){ .entry = entry };
    what[0] = '\0';
    if (entry->kind != RECORD_DECISION) {
        return READ_OTHER;
    }
    if (!event_text_is(entry->statement, "decision/1") || !read_event(out)) {
        (void)snprintf(what, REPLAY_TEXT_SIZE, "it is no whole decision event");
        return READ_FAULT;
    }
    if (entry->attachment.size == 0) {
        (void)snprintf(what, REPLAY_TEXT_SIZE, "it permits, and no request is kept beside it");
        return out->is_permit ? READ_FAULT : READ_UNPROVEN;
    }
    struct reader r = { .left = entry->attachment };
    struct bytes statement = reader_take(&r, reader_u32(&r));
    const char *fault = r.failed ? "what is kept beside it can't be read" : read_request(out, statement);
    if (fault != NULL) {
        (void)snprintf(what, REPLAY_TEXT_SIZE, "%s", fault);
        return READ_FAULT;
    }
    return READ_DECISION;
}

void decision_read_clear(struct decision_read *read)
{
    arena_clear(&read->arena);
}

void decision_lines(struct bytes text, struct buffer *out)
{
    struct bytes name, value;
    while (event_text_next(&text, &name, &value)) {
        if (decide_is_outcome(name)) {
            buffer_append(out, name);
            buffer_append(out, BYTES(": "));
            buffer_append(out, value);
            buffer_append_u8(out, '\n');
        }
    }
}
