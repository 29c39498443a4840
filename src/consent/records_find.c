#include "consent/consent_internal.h"

#include <stdlib.h>

#include "consent/event_text.h"
#include "consent/packed_internal.h"

/* Rows of records; the list is built as they come. */
struct record_rows {
    struct consents *consents;
    struct arena *arena;
    bool is_open_only; /* of their categories those that are not final */
    struct record *first, *last;
    bool has_failed;
    struct error *e; /* says why */
};

static bool copy_text(struct arena *arena, struct bytes view, struct bytes *out)
{
    *out = arena_copy(arena, view);
    return out->data != NULL;
}

static int by_category(const void *a, const void *b)
{
    return bytes_compare(((const struct consent_decision *)a)->category, ((const struct consent_decision *)b)->category);
}

static bool take_decisions(struct record_rows *rows, struct record *record, const struct store_value *columns, struct error *e)
{
    struct packed list[CONSENT_CATEGORIES_MAX];
    size_t count;
    if (!packed_read(columns[5].bytes, columns[6].integer, list, &count)) {
        return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "a consent can't be read");
    }
    record->decisions = arena_take_zeroed(rows->arena, CONSENT_CATEGORIES_MAX * sizeof *record->decisions);
    if (record->decisions == NULL) {
        return error_memory(e, "consents");
    }
    for (size_t i = 0; i < count; i++) {
        if (rows->is_open_only && !packed_is_open(list[i].state)) {
            continue;
        }
        struct consent_decision *decision = &record->decisions[record->count++];
        *decision = (struct consent_decision){
            .state = list[i].state, .valid_from_ms = columns[7].integer, .valid_until_ms = columns[8].integer, .record_id = record->id
        };
        if (!names_text(&rows->consents->names, list[i].category, rows->arena, &decision->category, e)) {
            return false;
        }
    }
    qsort(record->decisions, record->count, sizeof *record->decisions, by_category);
    return true;
}

static bool take_record(struct record_rows *rows, const struct store_value *columns, struct error *e)
{
    struct names *names = &rows->consents->names;
    const struct consent_terms *terms;
    struct record *made = arena_take_zeroed(rows->arena, sizeof *made);
    if (made == NULL || !copy_text(rows->arena, columns[1].bytes, &made->id) ||
        !copy_text(rows->arena, columns[2].bytes, &made->key.person)) {
        return error_memory(e, "consents");
    }
    if (!names_text(names, columns[3].integer, rows->arena, &made->key.recipient, e) ||
        !names_text(names, columns[4].integer, rows->arena, &made->key.purpose, e) ||
        !names_terms(names, columns[9].integer, rows->arena, &terms, e) || !take_decisions(rows, made, columns, e)) {
        return false;
    }
    made->number = columns[0].integer;
    made->terms = terms != NULL ? *terms : consent_terms_none;
    made->is_decided = columns[10].integer != 0;
    made->has_digest = columns[11].type == STORE_BLOB && columns[11].bytes.size == SHA256_SIZE;
    if (made->has_digest) {
        memcpy(made->digest, columns[11].bytes.data, SHA256_SIZE);
    }
    *(rows->last == NULL ? &rows->first : &rows->last->next) = made;
    rows->last = made;
    return true;
}

static bool take_record_row(void *context, const struct store_value *columns, size_t count)
{
    struct record_rows *rows = context;
    (void)count;
    rows->has_failed = !take_record(rows, columns, rows->e);
    return !rows->has_failed;
}

#define RECORD_COLUMNS                                                                                                                     \
    "SELECT c.number, c.id, p.identifier, c.recipient, c.purpose, c.decisions, c.created_at, c.valid_from, c.valid_until, c.terms,"        \
    " c.decided, c.digest"                                                                                                                 \
    " FROM consents c JOIN persons p ON p.number = c.person "

static bool find_records(struct record_rows *rows, const char *sql, struct bytes key, struct error *e)
{
    const struct store_value values[] = { STORE_STR(key) };
    rows->e = e;
    return store_run(rows->consents->store, sql, values, COUNT_OF(values), take_record_row, rows, NULL, e) && !rows->has_failed;
}

bool records_find(struct consents *consents, struct bytes id, struct arena *arena, struct record **out, struct error *e)
{
    static const char sql[] = RECORD_COLUMNS "WHERE c.id = ?1";
    struct record_rows rows = { .consents = consents, .arena = arena };
    *out = NULL;
    if (!find_records(&rows, sql, id, e)) {
        return false;
    }
    *out = rows.first;
    return rows.first != NULL || error_set(e, ERROR_ABSENT, "consent", "list the consents to find its id", "there is no such consent");
}

bool records_find_open(struct consents *consents, struct bytes person, struct arena *arena, struct record **out, struct error *e)
{
    static const char sql[] = RECORD_COLUMNS "WHERE p.identifier = ?1 AND c.ends IS NOT NULL ORDER BY c.number";
    struct record_rows rows = { .consents = consents, .arena = arena, .is_open_only = true };
    *out = NULL;
    if (!find_records(&rows, sql, person, e)) {
        return false;
    }
    *out = rows.first;
    return true;
}

struct newest {
    struct arena *arena;
    struct bytes id;
    bool has_digest, has_failed;
    uint8_t *digest;
};

static bool take_newest(void *context, const struct store_value *columns, size_t count)
{
    struct newest *newest = context;
    (void)count;
    newest->id = arena_copy(newest->arena, columns[0].bytes);
    newest->has_failed = newest->id.data == NULL;
    newest->has_digest = columns[1].type == STORE_BLOB && columns[1].bytes.size == SHA256_SIZE;
    if (newest->has_digest) {
        memcpy(newest->digest, columns[1].bytes.data, SHA256_SIZE);
    }
    return false;
}

bool records_find_newest(struct store *store, const struct consent_key *key, struct arena *arena, struct bytes *id, bool *has_digest,
                         uint8_t digest[SHA256_SIZE], struct error *e)
{
    static const char sql[] = "SELECT id, digest FROM consents WHERE person = (SELECT number FROM persons WHERE identifier = ?1)"
                              " AND recipient = (SELECT number FROM consent_names WHERE name = ?2)"
                              " AND purpose = (SELECT number FROM consent_names WHERE name = ?3) ORDER BY number DESC LIMIT 1";
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient), STORE_STR(key->purpose) };
    struct newest newest = { .arena = arena, .id = BYTES_NONE, .digest = digest };
    bool ok = store_run(store, sql, values, COUNT_OF(values), take_newest, &newest, NULL, e);
    *id = newest.id;
    *has_digest = newest.has_digest;
    return ok && (!newest.has_failed || error_memory(e, "consents"));
}

struct refusal {
    int64_t category, since_ms;
    bool is_found;
};

static bool take_refusal(void *context, const struct store_value *columns, size_t count)
{
    struct refusal *refusal = context;
    struct packed list[CONSENT_CATEGORIES_MAX];
    size_t decided;
    (void)count;
    refusal->category = columns[2].integer;
    if (!packed_read(columns[0].bytes, columns[1].integer, list, &decided)) {
        return true; /* whoever reads the record says so */
    }
    for (size_t i = 0; i < decided; i++) {
        refusal->is_found = refusal->is_found || (list[i].category == refusal->category && list[i].state == CONSENT_REFUSED &&
                                                  list[i].changed_ms > refusal->since_ms);
    }
    return !refusal->is_found;
}

bool records_find_refusal(struct store *store, const struct consent_key *key, struct bytes category, int64_t since_ms, bool *is_refused,
                          struct error *e)
{
    static const char sql[] = "SELECT c.decisions, c.created_at, g.number FROM persons p JOIN consents c ON c.person = p.number"
                              " JOIN consent_names g ON g.name = ?4 WHERE p.identifier = ?1"
                              " AND c.recipient = (SELECT number FROM consent_names WHERE name = ?2)"
                              " AND c.purpose = (SELECT number FROM consent_names WHERE name = ?3)";
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient), STORE_STR(key->purpose), STORE_STR(category) };
    struct refusal refusal = { .since_ms = since_ms };
    bool ok = store_run(store, sql, values, COUNT_OF(values), take_refusal, &refusal, NULL, e);
    *is_refused = refusal.is_found;
    return ok;
}

struct withdrawal {
    struct bytes category;
    uint64_t log_index;
};

/* Does the event's text say that this category was withdrawn? */
static bool names_category(struct bytes payload, struct bytes category)
{
    struct bytes name, value, prefix = BYTES("withdrawn ");
    struct arena arena = { 0 };
    bool found = false;
    while (!found && event_text_next(&payload, &name, &value)) {
        if (bytes_equal(name, BYTES("category"))) {
            struct bytes plain = event_text_decode(&arena, value);
            found = bytes_start_with(plain, prefix) && bytes_equal(bytes_slice(plain, prefix.size, plain.size), category);
        }
    }
    arena_clear(&arena);
    return found;
}

static bool take_withdrawal(void *context, const struct store_value *columns, size_t count)
{
    struct withdrawal *withdrawal = context;
    (void)count;
    if (columns[0].type != STORE_INTEGER || (withdrawal->category.size > 0 && !names_category(columns[1].bytes, withdrawal->category))) {
        return true;
    }
    withdrawal->log_index = (uint64_t)columns[0].integer;
    return false;
}

bool records_find_withdrawal(struct store *store, int64_t number, struct bytes category, uint64_t *log_index, struct error *e)
{
    static const char sql[] = "SELECT log_index, payload FROM consent_events WHERE record = ?1 AND event = ?2 ORDER BY sequence";
    struct store_value values[] = { STORE_INT(number), STORE_INT(CONSENT_EVENT_WITHDRAW) };
    struct withdrawal withdrawal = { .category = category, .log_index = UINT64_MAX };
    bool ok = store_run(store, sql, values, COUNT_OF(values), take_withdrawal, &withdrawal, NULL, e);
    *log_index = withdrawal.log_index;
    return ok;
}

struct pending_rows {
    struct arena *arena;
    struct pending_event *events;
    size_t count, capacity;
    bool has_failed;
};

static bool take_pending(void *context, const struct store_value *columns, size_t count)
{
    struct pending_rows *rows = context;
    (void)count;
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
        struct pending_event *grown = arena_take(rows->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            rows->has_failed = true;
            return false;
        }
        if (rows->count > 0) {
            memcpy(grown, rows->events, rows->count * sizeof *grown);
        }
        rows->events = grown;
        rows->capacity = capacity;
    }
    struct pending_event *added = &rows->events[rows->count];
    *added = (struct pending_event){ .sequence = columns[0].integer, .payload = arena_copy(rows->arena, columns[1].bytes) };
    rows->has_failed = added->payload.data == NULL;
    rows->count++;
    return !rows->has_failed;
}

bool records_find_unlogged(struct store *store, struct arena *arena, struct pending_event **out, size_t *count, struct error *e)
{
    static const char sql[] = "SELECT sequence, payload FROM consent_events WHERE log_index IS NULL ORDER BY sequence";
    struct pending_rows rows = { .arena = arena };
    *out = NULL;
    *count = 0;
    if (!store_run(store, sql, NULL, 0, take_pending, &rows, NULL, e)) {
        return false;
    }
    if (rows.has_failed) {
        return error_memory(e, "consents");
    }
    *out = rows.events;
    *count = rows.count;
    return true;
}

bool records_set_logged(struct store *store, const struct pending_event *events, size_t count, struct error *e)
{
    static const char sql[] = "UPDATE consent_events SET log_index = ?1 WHERE sequence = ?2";
    if (!store_begin_relaxed(store, e)) { /* recovery.c finds it again */
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct store_value values[] = { STORE_INT((int64_t)events[i].log_index), STORE_INT(events[i].sequence) };
        if (events[i].is_logged && !store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e)) {
            store_rollback(store);
            return false;
        }
    }
    return store_commit(store, e);
}
