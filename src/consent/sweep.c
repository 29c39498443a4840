/* What the clock has ended is written down as ended, some time after: then it stays so, whatever the clock does later. */
#include "consent/consent_internal.h"

#include "base/time.h"

struct due {
    struct arena *arena;
    struct bytes ids[CONSENT_SWEEP_MAX];
    size_t count;
    bool has_failed;
};

static bool take_due(void *context, const struct store_value *columns, size_t count)
{
    struct due *due = context;
    (void)count;
    due->ids[due->count] = arena_copy(due->arena, columns[0].bytes);
    due->has_failed = due->ids[due->count].data == NULL;
    return !due->has_failed && ++due->count < CONSENT_SWEEP_MAX;
}

static bool take_any(void *context, const struct store_value *columns, size_t count)
{
    (void)columns;
    (void)count;
    *(bool *)context = true;
    return false;
}

static bool find_due(struct transaction *t, struct due *due, struct error *e)
{
    static const char sql[] = "SELECT id FROM consents WHERE ends <= ?1 AND valid_until <= ?1 ORDER BY ends LIMIT 64";
    struct store_value values[] = { STORE_INT(t->now_ms) };
    return store_run(t->consents->store, sql, values, COUNT_OF(values), take_due, due, NULL, e) &&
           (!due->has_failed || error_memory(e, "consents"));
}

static bool expire(struct transaction *t, const struct record *record, struct error *e)
{
    static const struct consent_act clock = { .role = CONSENT_ROLE_SYSTEM };
    struct consent_decision expired[CONSENT_CATEGORIES_MAX];
    struct consent_change change = {
        .event = CONSENT_EVENT_EXPIRE, .number = record->number, .id = record->id, .key = record->key, .decisions = expired, .act = &clock
    };
    for (size_t i = 0; i < record->count; i++) {
        const struct consent_decision *decision = &record->decisions[i];
        if (decision->state != CONSENT_EXPIRED &&
            consent_state_at(decision->state, decision->valid_until_ms, t->now_ms) == CONSENT_EXPIRED) {
            expired[change.count] = *decision;
            expired[change.count++].state = CONSENT_EXPIRED;
        }
    }
    return change.count == 0 || transaction_add(t, &change, false, e);
}

/*
 * Imported records are looked for from the beginning of their last day on: their ends in the order of time would have touched a page of the index for each.
 * Now they get the exact one. Durable before any change of the record is: what lies beside that change in the log has the row as it then is.
 */
static bool set_exact_ends(struct consents *consents, int64_t now_ms, struct error *e)
{
    static const char sql[] = "UPDATE consents SET ends = valid_until WHERE number IN"
                              " (SELECT number FROM consents WHERE ends <= ?1 AND valid_until > ?1 ORDER BY ends LIMIT 4096)";
    const struct store_value values[] = { STORE_INT(now_ms) };
    return store_run(consents->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool consents_sweep(struct consents *consents, size_t *swept, struct error *e)
{
    struct transaction t;
    static const char sql[] = "SELECT 1 FROM consents WHERE ends <= ?1 LIMIT 1";
    struct store_value values[] = { STORE_INT(time_now_ms()) };
    bool is_due = false;
    *swept = 0;
    /* Mostly nothing is: then nobody waits for the database. */
    if (!store_read(consents->store, sql, values, COUNT_OF(values), take_any, &is_due, e)) {
        return false;
    }
    if (!is_due) {
        return true;
    }
    if (consents->committer != NULL && !set_exact_ends(consents, values[0].integer, e)) {
        return false;
    }
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    struct due due = { .arena = &t.arena };
    bool ok = find_due(&t, &due, e);
    for (size_t i = 0; ok && i < due.count; i++) {
        struct record *record = NULL;
        ok = records_find(consents, due.ids[i], &t.arena, &record, e) && expire(&t, record, e);
    }
    ok = transaction_end(&t, ok, NULL, e);
    transaction_clear(&t);
    *swept = ok ? due.count : 0;
    return ok;
}
