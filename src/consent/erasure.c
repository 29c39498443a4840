#include "consent/erasure.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "evidence/log_erase.h"

enum { SERVICE_SEGMENTS = 6 /* "r1", three of the member, subsystem, service */, SET_MIN = 1024 };

/* ---- A set of digests, by their first 8 bytes ---- */

struct digest_set {
    uint64_t *slots; /* 0: empty */
    size_t size;     /* a power of two */
    size_t count;
};

static uint64_t key_of(struct bytes text)
{
    uint8_t digest[SHA256_SIZE];
    sha256(text, digest);
    struct reader r = { .left = bytes_of(digest, sizeof digest) };
    return reader_u64(&r) | 1;
}

static size_t slot_of(const struct digest_set *set, uint64_t key)
{
    size_t at = (size_t)(key >> 8) & (set->size - 1);
    while (set->slots[at] != 0 && set->slots[at] != key) {
        at = (at + 1) & (set->size - 1);
    }
    return at;
}

static bool set_has(const struct digest_set *set, uint64_t key)
{
    return set->size > 0 && set->slots[slot_of(set, key)] == key;
}

static bool set_add(struct digest_set *set, uint64_t key)
{
    if (set->count * 2 >= set->size) {
        struct digest_set grown = { .size = set->size == 0 ? SET_MIN : set->size * 2 };
        grown.slots = calloc(grown.size, sizeof *grown.slots);
        if (grown.slots == NULL) {
            return false;
        }
        for (size_t i = 0; i < set->size; i++) {
            if (set->slots[i] != 0) {
                grown.slots[slot_of(&grown, set->slots[i])] = set->slots[i];
                grown.count++;
            }
        }
        free(set->slots);
        *set = grown;
    }
    size_t at = slot_of(set, key);
    set->count += set->slots[at] == 0;
    set->slots[at] = key;
    return true;
}

/* ---- Does a statement's path or query name the person? ---- */

/* The value of the component whose line begins with `start` (RFC 9421 2.5). */
static bool component(struct bytes statement, struct bytes start, struct bytes *value)
{
    struct bytes line;
    while (bytes_split(&statement, '\n', &line)) {
        if (bytes_start_with(line, start)) {
            *value = bytes_slice(line, start.size, line.size);
            return true;
        }
    }
    return false;
}

/* Is the part, decoded, the identifier? `is_form`: '+' is a space, too. */
static bool is_person(struct bytes part, struct bytes person, bool is_form)
{
    uint8_t decoded[2048];
    size_t size = 0;
    if (part.size < person.size || part.size > sizeof decoded) {
        return false;
    }
    if (percent_decode(part, decoded, &size) && bytes_equal(bytes_of(decoded, size), person)) {
        return true;
    }
    if (!is_form || bytes_find(part, '+') == part.size) {
        return false;
    }
    uint8_t spaced[sizeof decoded];
    for (size_t i = 0; i < part.size; i++) {
        spaced[i] = part.data[i] == '+' ? ' ' : part.data[i];
    }
    bool is_same = percent_decode(bytes_of(spaced, part.size), decoded, &size) && bytes_equal(bytes_of(decoded, size), person);
    explicit_bzero(spaced, sizeof spaced);
    return is_same;
}

static bool path_names(struct bytes path, struct bytes person)
{
    struct bytes part;
    size_t at = 0;
    path = bytes_slice(path, 1, path.size); /* the leading '/' */
    while (bytes_split(&path, '/', &part)) {
        if (at++ >= SERVICE_SEGMENTS && is_person(part, person, false)) {
            return true;
        }
    }
    return false;
}

static bool query_names(struct bytes query, struct bytes person)
{
    struct bytes pair;
    query = bytes_slice(query, 1, query.size); /* the '?' */
    while (bytes_split(&query, '&', &pair)) {
        size_t equals = bytes_find(pair, '=');
        if (is_person(equals == pair.size ? pair : bytes_slice(pair, equals + 1, pair.size), person, true)) {
            return true;
        }
    }
    return false;
}

static bool statement_names(struct bytes statement, bool is_answer, struct bytes person)
{
    struct bytes value;
    return (component(statement, is_answer ? BYTES("\"@path\";req: ") : BYTES("\"@path\": "), &value) && path_names(value, person)) ||
           (component(statement, is_answer ? BYTES("\"@query\";req: ") : BYTES("\"@query\": "), &value) && query_names(value, person));
}

/* ---- Finding ---- */

struct finding {
    struct bytes person;
    struct digest_set decisions; /* of the person's: their answers name them */
    struct digest_set exchanges; /* that this gateway asked in, about the person */
    struct erasure *out;
    size_t capacity;
    int64_t youngest_ms; /* of the decisions that were found */
};

static bool keep(struct finding *f, uint64_t index)
{
    if (f->out->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 64 : f->capacity * 2;
        uint64_t *grown = realloc(f->out->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        f->out->entries = grown;
        f->capacity = capacity;
    }
    f->out->entries[f->out->count++] = index;
    return true;
}

/* Whom a decision or a consent event names; empty: nobody. `*ok` false: memory is out. */
static bool names_person(const struct log_entry *entry, struct bytes person, bool *is_silent, bool *ok)
{
    struct use_mark mark;
    struct arena arena = { 0 };
    use_mark_read(entry, &mark);
    /* Of other events too: what is known of persons, what they asked for. */
    if (mark.person.size == 0 && entry->kind == RECORD_EVENT && !event_text_get(entry->statement, "person", &mark.person)) {
        mark.person = BYTES_NONE;
    }
    *is_silent = mark.person.size == 0;
    *ok = true;
    if (*is_silent) {
        return false;
    }
    struct bytes named = event_text_decode(&arena, mark.person);
    *ok = named.data != NULL;
    bool is_same = *ok && bytes_equal(named, person);
    arena_clear(&arena);
    return is_same;
}

/* A decision is the person's if it says so. One that names nobody, since the request was refused before, is judged by the request. */
static bool take_decision(struct finding *f, const struct log_entry *entry)
{
    bool ok = true, is_silent = false;
    bool is_found = names_person(entry, f->person, &is_silent, &ok);
    if (is_silent && entry->kind == RECORD_DECISION) {
        struct reader r = { .left = entry->attachment };
        struct bytes request = reader_take(&r, reader_u32(&r));
        is_found = !r.failed && statement_names(request, false, f->person);
    }
    if (ok && is_found && entry->kind == RECORD_DECISION) {
        f->youngest_ms = entry->time_ms > f->youngest_ms ? entry->time_ms : f->youngest_ms;
        ok = set_add(&f->decisions, key_of(entry->statement));
    }
    return ok && (!is_found || keep(f, entry->index));
}

static bool take_answer_sent(struct finding *f, const struct log_entry *entry)
{
    struct use_mark mark;
    use_mark_read(entry, &mark);
    struct reader r = { .left = bytes_of(mark.decision, SHA256_SIZE) };
    bool is_found = mark.kind == USE_ANSWER && set_has(&f->decisions, reader_u64(&r) | 1);
    return !is_found || keep(f, entry->index);
}

static bool take_own(struct finding *f, const struct log_entry *entry)
{
    struct bytes id;
    bool is_answer = entry->kind == RECORD_ANSWER_RECEIVED;
    bool has_id = component(entry->statement, BYTES("\"x-road-request-id\": "), &id) && id.size > 0;
    bool is_found = statement_names(entry->statement, is_answer, f->person) || (is_answer && has_id && set_has(&f->exchanges, key_of(id)));
    if (is_found && !is_answer && has_id && !set_add(&f->exchanges, key_of(id))) {
        return false;
    }
    return !is_found || keep(f, entry->index);
}

static bool take(struct finding *f, const struct log_entry *entry)
{
    if (entry->form != RECORD_OPEN) {
        return true;
    }
    switch (entry->kind) {
    case RECORD_DECISION:
    case RECORD_EVENT:
        return take_decision(f, entry);
    case RECORD_ANSWER_SENT:
        return take_answer_sent(f, entry);
    case RECORD_REQUEST_SENT:
    case RECORD_ANSWER_RECEIVED:
        return take_own(f, entry);
    case RECORD_NONE:
        break;
    }
    return true;
}

static bool find(const struct erasure_log *log, struct finding *f, struct error *e)
{
    struct log_reader *reader = NULL;
    uint64_t size = 0;
    bool ok = log_reader_open(&reader, log->public, log->private, e) && log_reader_size(reader, &size, e);
    for (uint64_t i = log_reader_first(reader); ok && i < size; i++) {
        struct log_entry entry;
        ok = log_reader_get(reader, i, &entry, e) && (take(f, &entry) || error_memory(e, "log"));
    }
    log_reader_close(reader);
    free(f->decisions.slots);
    free(f->exchanges.slots);
    return ok;
}

void erasure_clear(struct erasure *erasure)
{
    free(erasure->entries);
    *erasure = (struct erasure){ .entries = NULL };
}

bool erasure_find(const struct erasure_log *log, struct bytes person, struct erasure *out, struct error *e)
{
    struct finding f = { .person = person, .out = out };
    *out = (struct erasure){ .entries = NULL };
    if (!find(log, &f, e)) {
        erasure_clear(out);
        return false;
    }
    return true;
}

/* ---- Erasing ---- */

static bool look_for_given(void *context, const struct consent_record *record)
{
    bool *is_found = context;
    *is_found = record->state == CONSENT_GIVEN || record->state == CONSENT_PAUSED;
    return !*is_found;
}

/* A consent in force is decided on: its event must stand, and with it the person's name. */
static bool check_consents(struct consents *consents, struct bytes person, struct error *e)
{
    bool is_found = false;
    return consent_list(consents, person, BYTES_NONE, look_for_given, &is_found, e) &&
           (!is_found || error_set(e, ERROR_DENIED, "consents", "withdraw them first: comity consent withdraw --person",
                                   "a consent of this person is in force"));
}

static bool log_events(const struct erasure_log *log, struct erasure *erasure, struct error *e)
{
    struct buffer text;
    bool ok = true;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    for (size_t at = 0; ok && at < erasure->count;) {
        uint64_t index = 0;
        buffer_reset(&text);
        size_t taken = erasure_event_write(&text, erasure->entries + at, erasure->count - at, time_now_ms());
        ok = !text.failed ? committer_append(log->committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, &index, e)
                          : error_memory(e, "event");
        erasure->event = at == 0 ? index : erasure->event;
        at += taken;
    }
    buffer_clear(&text);
    return ok;
}

bool erasure_run(const struct erasure_log *log, struct consents *consents, struct uses *uses, struct bytes person, bool is_dry,
                 struct erasure *out, struct error *e)
{
    struct finding f = { .person = person, .out = out, .youngest_ms = INT64_MIN };
    *out = (struct erasure){ .entries = NULL };
    if (!check_consents(consents, person, e) || !find(log, &f, e)) {
        goto failed;
    }
    if (is_dry) {
        return true;
    }
    if (f.youngest_ms > time_now_ms() - 2 * log->replay_window_ms) {
        error_set(e, ERROR_DENIED, "log", "erase again when twice limits.replay_window has passed",
                  "a request about this person was just accepted; without its entry it could be played again");
        goto failed;
    }
    if (out->count > 0 && (!consents_sync(consents, e) || !log_events(log, out, e) || !committer_seal(log->committer, e) ||
                           !log_erase(log->private, out->entries, out->count, NULL, e))) {
        goto failed;
    }
    /* Also when all was erased before: a crash may have come between. */
    if (uses_forget(uses, person, e) && consents_forget(consents, person, &out->records, e)) {
        return true;
    }
failed:
    erasure_clear(out);
    return false;
}
