#include "consent/consent_internal.h"

#include <stdio.h>
#include <stdlib.h>

static enum consent_state read_state(int64_t number)
{
    return number > CONSENT_NONE && number <= CONSENT_INVALIDATED ? (enum consent_state)number : CONSENT_NONE; /* the schema checks, too */
}

/* The newest decision on each category, as the rows come, newest record first. */
struct view_rows {
    struct arena arena;
    struct consent_decision *decisions;
    size_t count, capacity;
    enum error_kind failure;
};

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
    struct consent_decision decision = {
        .category = columns[0].bytes,
        .state = read_state(columns[1].integer),
        .valid_from_ms = columns[2].integer,
        .valid_until_ms = columns[3].integer,
        .record_id = columns[4].bytes,
    };
    return add_decision(rows, &decision);
}

/*
 * A record whose giving isn't in the log is passed over: nothing may leave on it, or a release would stand before the consent that
 * it rests on.
 */
bool records_load_view(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e)
{
    static const char sql[] =
        "SELECT d.category, d.state, d.valid_from, d.valid_until, c.id FROM consents c JOIN consent_decisions d ON d.record = c.number"
        " WHERE c.person = ?1 AND c.recipient = ?2 AND c.purpose = ?3 AND NOT EXISTS"
        " (SELECT 1 FROM consent_events v WHERE v.record = c.number AND v.event = ?4 AND v.log_index IS NULL)"
        " ORDER BY c.number DESC, d.category"; /* one order for one content: decisions name it by digest */
    struct store_value values[] = { STORE_STR(key->person), STORE_STR(key->recipient), STORE_STR(key->purpose),
                                    STORE_INT(CONSENT_EVENT_GIVE) };
    struct view_rows rows = { 0 };
    bool ok = store_read(consents->store, sql, values, COUNT_OF(values), take_view_row, &rows, e);
    if (ok && rows.failure == ERROR_FULL) {
        ok = error_set(e, ERROR_FULL, "consents", NULL, "more than %d categories on one person, recipient and purpose",
                       CONSENT_VIEW_DECISIONS_MAX);
    }
    if (ok && (rows.failure != ERROR_NONE || !consent_view_copy(view, rows.decisions, rows.count))) {
        ok = error_memory(e, "consents");
    }
    free(rows.decisions);
    arena_clear(&rows.arena);
    return ok;
}

struct text_row {
    struct arena *arena;
    struct bytes text;
    int64_t number;
    bool has_failed;
};

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

static bool take_text(void *context, const struct store_value *columns, size_t count)
{
    struct text_row *row = context;
    (void)count;
    row->text = arena_copy(row->arena, columns[0].bytes);
    row->has_failed = row->text.data == NULL;
    return false;
}

static bool find_prev(struct store *store, struct consent_change *change, struct arena *arena, struct error *e)
{
    static const char sql[] = "SELECT id FROM consents WHERE person = ?1 AND recipient = ?2 AND purpose = ?3 ORDER BY number DESC LIMIT 1";
    struct store_value values[] = { STORE_STR(change->key.person), STORE_STR(change->key.recipient), STORE_STR(change->key.purpose) };
    struct text_row row = { .arena = arena };
    if (!store_run(store, sql, values, COUNT_OF(values), take_text, &row, NULL, e)) {
        return false;
    }
    change->prev = row.text;
    return !row.has_failed || error_memory(e, "consents");
}

bool records_add(struct store *store, struct consent_change *change, struct arena *arena, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(number), 0) + 1 FROM consents";
    static const char add_record[] =
        "INSERT INTO consents (number, id, person, recipient, purpose, created_at, prev) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    static const char add_decision_row[] = "INSERT INTO consent_decisions (record, category, state, valid_from, valid_until, changed_at)"
                                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    if (!find_prev(store, change, arena, e) || !store_run(store, next, NULL, 0, take_number, &change->number, NULL, e)) {
        return false;
    }
    struct store_value prev = change->prev.size > 0 ? STORE_STR(change->prev) : (struct store_value){ .type = STORE_NULL };
    struct store_value record[] = { STORE_INT(change->number),
                                    STORE_STR(change->id),
                                    STORE_STR(change->key.person),
                                    STORE_STR(change->key.recipient),
                                    STORE_STR(change->key.purpose),
                                    STORE_INT(change->time_ms),
                                    prev };
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
    static const char sql[] = "UPDATE consent_decisions SET state = ?1, changed_at = ?2 WHERE record = ?3 AND category = ?4";
    for (size_t i = 0; i < change->count; i++) {
        int64_t changed = 0;
        struct store_value values[] = { STORE_INT(change->decisions[i].state), STORE_INT(change->time_ms), STORE_INT(change->number),
                                        STORE_STR(change->decisions[i].category) };
        if (!store_run(store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e)) {
            return false;
        }
        if (changed != 1) {
            return error_set(e, ERROR_INPUT, "consents", "restore the database from a backup", "a consent's decision is missing");
        }
    }
    return true;
}

bool records_add_event(struct store *store, const struct consent_change *change, int64_t *sequence, struct error *e)
{
    static const char next[] = "SELECT coalesce(max(sequence), 0) + 1 FROM consent_events";
    static const char add[] = "INSERT INTO consent_events (sequence, record, event, payload) VALUES (?1, ?2, ?3, ?4)";
    if (!store_run(store, next, NULL, 0, take_number, sequence, NULL, e)) {
        return false;
    }
    struct buffer text;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    consent_event_write(change, *sequence, &text);
    struct store_value values[] = { STORE_INT(*sequence), STORE_INT(change->number), STORE_INT(change->event),
                                    STORE_STR(buffer_bytes(&text)) };
    bool ok = text.failed ? error_set(e, ERROR_FULL, "consents", "decide on fewer categories at once", "the event is too long for the log")
                          : store_run(store, add, values, COUNT_OF(values), NULL, NULL, NULL, e);
    buffer_wipe(&text);
    return ok;
}
