#include "consent/consent_internal.h"

#include "consent/event_text.h"
#include "consent/terms_internal.h"

/* Rows of records and their decisions, in the order of records; the list is built as they come. */
struct record_rows {
    struct arena *arena;
    struct record *first, *last;
    size_t capacity;
    bool has_failed;
};

static bool copy_text(struct record_rows *rows, struct bytes view, struct bytes *out)
{
    *out = arena_copy(rows->arena, view);
    rows->has_failed = rows->has_failed || out->data == NULL;
    return out->data != NULL;
}

static struct record *add_record(struct record_rows *rows, const struct store_value *columns)
{
    struct record *made = arena_take_zeroed(rows->arena, sizeof *made);
    if (made == NULL || !copy_text(rows, columns[1].bytes, &made->id) || !copy_text(rows, columns[2].bytes, &made->key.person) ||
        !copy_text(rows, columns[3].bytes, &made->key.recipient) || !copy_text(rows, columns[4].bytes, &made->key.purpose)) {
        return NULL;
    }
    made->number = columns[0].integer;
    made->is_decided = columns[10].type == STORE_INTEGER;
    made->has_digest = columns[11].type == STORE_BLOB && columns[11].bytes.size == SHA256_SIZE;
    if (made->has_digest) {
        memcpy(made->digest, columns[11].bytes.data, SHA256_SIZE);
    }
    bool has_any;
    if (columns[9].type == STORE_TEXT && !consent_terms_read(columns[9].bytes, &made->terms, &has_any)) {
        return NULL;
    }
    made->decisions = arena_take_zeroed(rows->arena, CONSENT_CATEGORIES_MAX * sizeof *made->decisions);
    if (made->decisions == NULL) {
        return NULL;
    }
    if (rows->last == NULL) {
        rows->first = made;
    } else {
        rows->last->next = made;
    }
    rows->last = made;
    return made;
}

static bool take_record_row(void *context, const struct store_value *columns, size_t count)
{
    struct record_rows *rows = context;
    (void)count;
    struct record *record = rows->last;
    if (record == NULL || record->number != columns[0].integer) {
        record = add_record(rows, columns);
    }
    if (record == NULL || record->count == CONSENT_CATEGORIES_MAX) {
        rows->has_failed = true;
        return false;
    }
    struct consent_decision *decision = &record->decisions[record->count];
    decision->state = (enum consent_state)columns[6].integer;
    decision->valid_from_ms = columns[7].integer;
    decision->valid_until_ms = columns[8].integer;
    decision->record_id = record->id;
    record->count++;
    return copy_text(rows, columns[5].bytes, &decision->category);
}

#define RECORD_COLUMNS                                                                                                                     \
    "SELECT c.number, c.id, c.person, c.recipient, c.purpose, d.category, d.state, d.valid_from, d.valid_until, t.text, c.decided,"        \
    " c.digest"                                                                                                                            \
    " FROM consents c JOIN consent_decisions d ON d.record = c.number LEFT JOIN consent_terms t ON t.number = c.terms "

bool records_find(struct store *store, struct bytes id, struct arena *arena, struct record **out, struct error *e)
{
    static const char sql[] = RECORD_COLUMNS "WHERE c.id = ?1 ORDER BY d.category";
    struct record_rows rows = { .arena = arena };
    struct store_value values[] = { STORE_STR(id) };
    *out = NULL;
    if (!store_run(store, sql, values, COUNT_OF(values), take_record_row, &rows, NULL, e)) {
        return false;
    }
    if (rows.has_failed) {
        return error_memory(e, "consents");
    }
    *out = rows.first;
    return rows.first != NULL || error_set(e, ERROR_ABSENT, "consent", "list the consents to find its id", "there is no such consent");
}

bool records_find_open(struct store *store, struct bytes person, struct arena *arena, struct record **out, struct error *e)
{
    static const char sql[] = RECORD_COLUMNS "WHERE c.person = ?1 AND d.state IN (?2, ?3, ?4, ?5) ORDER BY c.number, d.category";
    struct record_rows rows = { .arena = arena };
    struct store_value values[] = { STORE_STR(person), STORE_INT(CONSENT_GIVEN), STORE_INT(CONSENT_PAUSED), STORE_INT(CONSENT_REQUESTED),
                                    STORE_INT(CONSENT_DEFERRED) };
    *out = NULL;
    if (!store_run(store, sql, values, COUNT_OF(values), take_record_row, &rows, NULL, e)) {
        return false;
    }
    if (rows.has_failed) {
        return error_memory(e, "consents");
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
    static const char sql[] = "SELECT id, digest FROM consents WHERE person = ?1 AND recipient = ?2 AND purpose = ?3"
                              " ORDER BY number DESC LIMIT 1";
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient), STORE_STR(key->purpose) };
    struct newest newest = { .arena = arena, .id = BYTES_NONE, .digest = digest };
    bool ok = store_run(store, sql, values, COUNT_OF(values), take_newest, &newest, NULL, e);
    *id = newest.id;
    *has_digest = newest.has_digest;
    return ok && (!newest.has_failed || error_memory(e, "consents"));
}

static bool take_any(void *context, const struct store_value *columns, size_t count)
{
    (void)columns;
    (void)count;
    *(bool *)context = true;
    return false;
}

bool records_find_refusal(struct store *store, const struct consent_key *key, struct bytes category, int64_t since_ms, bool *is_refused,
                          struct error *e)
{
    static const char sql[] = "SELECT 1 FROM consents c JOIN consent_decisions d ON d.record = c.number"
                              " WHERE c.person = ?1 AND c.recipient = ?2 AND c.purpose = ?3 AND d.category = ?4 AND d.state = ?5"
                              " AND d.changed_at > ?6 LIMIT 1";
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient),  STORE_STR(key->purpose),
                                    STORE_STR(category),    STORE_INT(CONSENT_REFUSED), STORE_INT(since_ms) };
    *is_refused = false;
    return store_run(store, sql, values, COUNT_OF(values), take_any, is_refused, NULL, e);
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
