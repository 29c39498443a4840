/* Taking a person's identifier out of what was asked and is owed, once that has ended; and out of what is owed by others at once. */
#include "rights/rights_internal.h"

static bool take_count(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

/* Requests that are open need the person to be answered: they stay. */
#define SUBJECTS                                                                                                                           \
    "(SELECT id FROM rights_requests WHERE person = ?1 AND closed_at IS NOT NULL UNION SELECT id FROM obligations WHERE person = ?1)"

static bool forget(struct store *store, struct bytes person, struct bytes alias, struct error *e)
{
    static const char unlogged[] = "SELECT count(*) FROM rights_events WHERE log_index IS NULL AND subject IN " SUBJECTS;
    static const char *const changes[] = {
        "UPDATE rights_events SET payload = '' WHERE ?2 IS NOT NULL AND subject IN " SUBJECTS,
        "UPDATE rights_requests SET person = ?2, asked_by = CASE asked_by WHEN ?1 THEN ?2 ELSE asked_by END, subject = NULL, words = NULL,"
        " answer = NULL WHERE person = ?1 AND closed_at IS NOT NULL",
        "UPDATE obligations SET person = ?2 WHERE person = ?1",
    };
    const struct store_value values[] = { STORE_STR(person), STORE_STR(alias) };
    int64_t waiting = 0;
    if (!store_run(store, unlogged, values, 1, take_count, &waiting, NULL, e)) {
        return false;
    }
    if (waiting > 0) {
        return error_set(e, ERROR_DENIED, "rights", "see to what the log lacks (comity doctor), then erase again",
                         "an event about this person is not in the log yet");
    }
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        if (!store_run(store, changes[i], values, COUNT_OF(values), NULL, NULL, NULL, e)) {
            return false;
        }
    }
    return true;
}

bool rights_forget(struct rights *rights, struct bytes person, struct bytes alias, struct error *e)
{
    (void)pthread_mutex_lock(&rights->changing);
    bool ok = store_begin(rights->store, e);
    if (ok && !forget(rights->store, person, alias, e)) {
        store_rollback(rights->store);
        ok = false;
    } else if (ok) {
        ok = store_commit(rights->store, e);
    }
    (void)pthread_mutex_unlock(&rights->changing);
    return ok && store_settle(rights->store, e);
}
