#include "consent/consent_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "consent/terms_internal.h"

static enum consent_state read_state(int64_t number)
{
    return number > CONSENT_NONE && number <= CONSENT_INVALIDATED ? (enum consent_state)number : CONSENT_NONE; /* the schema checks, too */
}

/* The newest decision on each category, as the rows come, newest record first. */
struct view_rows {
    struct arena arena;
    struct consent_decision *decisions;
    size_t count, capacity;
    int64_t record; /* the one whose decisions come now, and its terms */
    const struct consent_terms *terms;
    enum error_kind failure;
};

/* Decisions of one record share their terms: the view's memory relies on it. */
static bool take_terms(struct view_rows *rows, const struct store_value *columns)
{
    if (rows->record == columns[5].integer) {
        return true;
    }
    rows->record = columns[5].integer;
    rows->terms = NULL;
    if (columns[6].type != STORE_TEXT) {
        return true;
    }
    struct consent_terms *terms = arena_take(&rows->arena, sizeof *terms);
    bool has_any;
    if (terms == NULL || !consent_terms_read(columns[6].bytes, terms, &has_any)) {
        rows->failure = terms == NULL ? ERROR_MEMORY : ERROR_INPUT;
        return false;
    }
    rows->terms = terms;
    return true;
}

static bool add_decision(struct view_rows *rows, const struct consent_decision *decision)
{
    if (rows->count == CONSENT_VIEW_DECISIONS_MAX) {
        rows->failure = ERROR_FULL;
        return false;
    }
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        struct consent_decision *grown = realloc(rows->decisions, capacity * sizeof *grown);
        if (grown == NULL) {
            rows->failure = ERROR_MEMORY;
            return false;
        }
        rows->decisions = grown;
        rows->capacity = capacity;
    }
    struct consent_decision *added = &rows->decisions[rows->count];
    *added = *decision;
    added->category = arena_copy(&rows->arena, decision->category);
    added->record_id = arena_copy(&rows->arena, decision->record_id);
    if (added->category.data == NULL || added->record_id.data == NULL) {
        rows->failure = ERROR_MEMORY;
        return false;
    }
    rows->count++;
    return true;
}

static bool take_view_row(void *context, const struct store_value *columns, size_t count)
{
    struct view_rows *rows = context;
    (void)count;
    for (size_t i = 0; i < rows->count; i++) {
        if (bytes_equal(rows->decisions[i].category, columns[0].bytes)) {
            return true; /* a newer record has spoken */
        }
    }
    if (!take_terms(rows, columns)) {
        return false;
    }
    struct consent_decision decision = {
        .category = columns[0].bytes,
        .state = read_state(columns[1].integer),
        .valid_from_ms = columns[2].integer,
        .valid_until_ms = columns[3].integer,
        .record_id = columns[4].bytes,
        .terms = rows->terms,
    };
    if (decision.state == CONSENT_GIVEN && columns[7].integer != 0) {
        decision.state = CONSENT_PAUSED; /* until its resuming is in the log */
    }
    return add_decision(rows, &decision);
}

/* One order for one content, for decisions name it by digest: within a record by category. They mostly come so. */
static void put_in_order(struct view_rows *rows)
{
    for (size_t i = 1; i < rows->count; i++) {
        struct consent_decision moving = rows->decisions[i];
        size_t at = i;
        while (at > 0 && bytes_equal(rows->decisions[at - 1].record_id, moving.record_id) &&
               bytes_compare(rows->decisions[at - 1].category, moving.category) > 0) {
            rows->decisions[at] = rows->decisions[at - 1];
            at--;
        }
        rows->decisions[at] = moving;
    }
}

/*
 * A record whose giving isn't in the log is passed over: nothing may leave on it, or a release would stand before the consent that
 * it rests on. So is one that only asks: it takes nothing back from what was decided before.
 */
bool records_load_view(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e)
{
    static const char sql[] =
        "SELECT d.category, d.state, d.valid_from, d.valid_until, c.id, c.number, t.text,"
        " EXISTS (SELECT 1 FROM consent_events r WHERE r.record = c.number AND r.event = ?5 AND r.log_index IS NULL)"
        " FROM consents c JOIN consent_decisions d ON d.record = c.number LEFT JOIN consent_terms t ON t.number = c.terms"
        " WHERE c.person = ?1 AND c.recipient = ?2 AND c.purpose = ?3 AND c.decided IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM consent_events v WHERE v.record = c.number AND v.event = ?4 AND v.log_index IS NULL)"
        " ORDER BY c.decided DESC"; /* the index's own; what one record says is put in order behind it */
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient), STORE_STR(key->purpose),
                                    STORE_INT(CONSENT_EVENT_GIVE), STORE_INT(CONSENT_EVENT_RESUME) };
    struct view_rows rows = { 0 };
    struct consent_person person;
    bool ok = store_read(consents->store, sql, values, COUNT_OF(values), take_view_row, &rows, e) &&
              records_read_person(consents->store, key->person, &person, e);
    if (ok && rows.failure == ERROR_FULL) {
        ok = error_set(e, ERROR_FULL, "consents", NULL, "more than %d categories on one person, recipient and purpose",
                       CONSENT_VIEW_DECISIONS_MAX);
    }
    if (ok && rows.failure == ERROR_INPUT) {
        ok = error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "the terms of a consent can't be read");
    }
    put_in_order(&rows);
    if (ok && (rows.failure != ERROR_NONE || !consent_view_copy(view, rows.decisions, rows.count))) {
        ok = error_memory(e, "consents");
    }
    if (ok) {
        view->person = person;
    }
    free(rows.decisions);
    arena_clear(&rows.arena);
    return ok;
}

/* ---- Persons ---- */

struct person_rows {
    struct consent_person person;
    struct consent_person newer; /* of what isn't in the log yet: only what forbids counts */
    bool is_newest, has_failed;
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool take_person_row(void *context, const struct store_value *columns, size_t count)
{
    struct person_rows *rows = context;
    struct consent_person read;
    (void)count;
    bool is_logged = columns[1].type == STORE_INTEGER;
    if (!consent_person_read(columns[0].bytes, &read)) {
        rows->has_failed = true;
        return false;
    }
    if (is_logged || rows->is_newest) {
        rows->person = read;
        return false;
    }
    rows->newer.has_died = rows->newer.has_died || read.has_died;
    rows->newer.is_paused = rows->newer.is_paused || read.is_paused;
    rows->newer.is_restricted = rows->newer.is_restricted || read.is_restricted;
    rows->newer.guardian_until_ms = earlier(rows->newer.guardian_until_ms, read.guardian_until_ms);
    rows->newer.delegate_until_ms = earlier(rows->newer.delegate_until_ms, read.delegate_until_ms);
    return true;
}

static const char person_sql[] = "SELECT payload, log_index FROM consent_events WHERE person = ?1 ORDER BY sequence DESC";

static bool end_person(const struct person_rows *rows, struct consent_person *out, struct error *e)
{
    *out = rows->person;
    out->has_died = out->has_died || rows->newer.has_died;
    out->is_paused = out->is_paused || rows->newer.is_paused;
    out->is_restricted = out->is_restricted || rows->newer.is_restricted;
    out->guardian_until_ms = earlier(out->guardian_until_ms, rows->newer.guardian_until_ms);
    out->delegate_until_ms = earlier(out->delegate_until_ms, rows->newer.delegate_until_ms);
    return !rows->has_failed ||
           error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "what is known of a person can't be read");
}

bool records_read_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e)
{
    struct person_rows rows = { .newer = { .guardian_until_ms = INT64_MAX, .delegate_until_ms = INT64_MAX } };
    struct store_value values[] = { STORE_STR(person) };
    return store_read(store, person_sql, values, COUNT_OF(values), take_person_row, &rows, e) && end_person(&rows, out, e);
}

bool records_find_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e)
{
    struct person_rows rows = { .is_newest = true, .newer = { .guardian_until_ms = INT64_MAX, .delegate_until_ms = INT64_MAX } };
    struct store_value values[] = { STORE_STR(person) };
    return store_run(store, person_sql, values, COUNT_OF(values), take_person_row, &rows, NULL, e) && end_person(&rows, out, e);
}

/* ---- Writing ---- */

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

/* The number of these terms, which many records share; 0 for none. */
static bool take_terms_number(struct store *store, const struct consent_terms *terms, int64_t *number, struct error *e)
{
    static const char find[] = "SELECT number FROM consent_terms WHERE digest = ?1";
    static const char next[] = "SELECT coalesce(max(number), 0) + 1 FROM consent_terms";
    static const char add[] = "INSERT INTO consent_terms (number, digest, text) VALUES (?1, ?2, ?3)";
    uint8_t digest[SHA256_SIZE];
    struct buffer text;
    *number = 0;
    if (terms == NULL) {
        return true;
    }
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    consent_terms_write(terms, &text);
    sha256(buffer_bytes(&text), digest);
    struct store_value key[] = { STORE_BIN(bytes_of(digest, sizeof digest)) };
    bool ok = (!text.failed || error_memory(e, "consents")) && store_run(store, find, key, COUNT_OF(key), take_number, number, NULL, e);
    if (ok && *number == 0) {
        ok = store_run(store, next, NULL, 0, take_number, number, NULL, e);
        struct store_value row[] = { STORE_INT(*number), key[0], STORE_STR(buffer_bytes(&text)) };
        ok = ok && store_run(store, add, row, COUNT_OF(row), NULL, NULL, NULL, e);
    }
    buffer_clear(&text);
    return ok;
}

static struct store_value int_or_null(int64_t number)
{
    return number != 0 ? STORE_INT(number) : (struct store_value){ .type = STORE_NULL };
}

bool records_add(struct store *store, struct consent_change *change, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(number), 0) + 1 FROM consents";
    static const char add_record[] = "INSERT INTO consents (number, id, person, recipient, purpose, created_at, prev, terms)"
                                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    static const char add_decision_row[] = "INSERT INTO consent_decisions (record, category, state, valid_from, valid_until, changed_at)"
                                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    int64_t terms = 0;
    if (!store_run(store, next, NULL, 0, take_number, &change->number, NULL, e) || !take_terms_number(store, change->terms, &terms, e)) {
        return false;
    }
    struct store_value prev = change->prev.size > 0 ? STORE_STR(change->prev) : (struct store_value){ .type = STORE_NULL };
    struct store_value record[] = { STORE_INT(change->number),
                                    STORE_STR(change->id),
                                    STORE_STR(change->key.person),
                                    STORE_STR(change->key.recipient),
                                    STORE_STR(change->key.purpose),
                                    STORE_INT(change->time_ms),
                                    prev,
                                    int_or_null(terms) };
    if (!store_run(store, add_record, record, COUNT_OF(record), NULL, NULL, NULL, e)) {
        return false;
    }
    for (size_t i = 0; i < change->count; i++) {
        const struct consent_decision *decision = &change->decisions[i];
        struct store_value row[] = { STORE_INT(change->number),          STORE_STR(decision->category),       STORE_INT(decision->state),
                                     STORE_INT(decision->valid_from_ms), STORE_INT(decision->valid_until_ms), STORE_INT(change->time_ms) };
        if (!store_run(store, add_decision_row, row, COUNT_OF(row), NULL, NULL, NULL, e)) {
            return false;
        }
    }
    return true;
}

bool records_update(struct store *store, const struct consent_change *change, struct error *e)
{
    static const char sql[] = "UPDATE consent_decisions SET state = ?1, valid_from = ?2, valid_until = ?3, changed_at = ?4"
                              " WHERE record = ?5 AND category = ?6";
    static const char set_terms[] = "UPDATE consents SET terms = ?1 WHERE number = ?2";
    int64_t terms = 0;
    for (size_t i = 0; i < change->count; i++) {
        int64_t changed = 0;
        const struct consent_decision *decision = &change->decisions[i];
        struct store_value values[] = {
            STORE_INT(decision->state), STORE_INT(decision->valid_from_ms), STORE_INT(decision->valid_until_ms),
            STORE_INT(change->time_ms), STORE_INT(change->number),          STORE_STR(decision->category),
        };
        if (!store_run(store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e)) {
            return false;
        }
        if (changed != 1) {
            return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "a consent's decision is missing");
        }
    }
    if (change->terms == NULL) {
        return true;
    }
    if (!take_terms_number(store, change->terms, &terms, e)) {
        return false;
    }
    struct store_value values[] = { STORE_INT(terms), STORE_INT(change->number) };
    return store_run(store, set_terms, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

struct digest_row {
    uint8_t digest[SHA256_SIZE];
    bool is_found;
};

static bool take_digest(void *context, const struct store_value *columns, size_t count)
{
    struct digest_row *row = context;
    (void)count;
    row->is_found = columns[0].type == STORE_BLOB && columns[0].bytes.size == sizeof row->digest;
    if (row->is_found) {
        memcpy(row->digest, columns[0].bytes.data, sizeof row->digest);
    }
    return false;
}

/* SHA-256 of the digest before it, of which the first event has none, and the SHA-256 of the text. */
void consent_digest_add(const uint8_t *before, struct bytes text, uint8_t digest[SHA256_SIZE])
{
    uint8_t both[2 * SHA256_SIZE];
    sha256(text, both + SHA256_SIZE);
    if (before == NULL) {
        sha256(bytes_of(both + SHA256_SIZE, SHA256_SIZE), digest);
        return;
    }
    memcpy(both, before, SHA256_SIZE);
    sha256(bytes_of(both, sizeof both), digest);
}

bool records_note_event(struct store *store, int64_t number, int64_t decided, struct bytes text, struct error *e)
{
    static const char find[] = "SELECT digest FROM consents WHERE number = ?1";
    static const char sql[] = "UPDATE consents SET digest = ?1, decided = coalesce(?2, decided) WHERE number = ?3";
    struct digest_row before = { .is_found = false };
    struct store_value key[] = { STORE_INT(number) };
    uint8_t digest[SHA256_SIZE];
    if (!store_run(store, find, key, COUNT_OF(key), take_digest, &before, NULL, e)) {
        return false;
    }
    consent_digest_add(before.is_found ? before.digest : NULL, text, digest);
    struct store_value values[] = { STORE_BIN(bytes_of(digest, sizeof digest)), int_or_null(decided), key[0] };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool records_next_sequence(struct store *store, int64_t *sequence, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(sequence), 0) + 1 FROM consent_events";
    return store_run(store, next, NULL, 0, take_number, sequence, NULL, e);
}

bool records_add_event(struct store *store, int64_t sequence, int64_t record, struct bytes person, int event, struct bytes text,
                       struct error *e)
{
    static const char add[] = "INSERT INTO consent_events (sequence, record, person, event, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
    struct store_value whose = person.size > 0 ? STORE_STR(person) : (struct store_value){ .type = STORE_NULL };
    struct store_value values[] = { STORE_INT(sequence), int_or_null(record), whose, STORE_INT(event), STORE_STR(text) };
    return store_run(store, add, values, COUNT_OF(values), NULL, NULL, NULL, e);
}
