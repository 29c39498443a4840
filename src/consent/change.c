/* Changes: a transaction in the store, then the log; docs/formats/events.md says what is written. */
#include "consent/consent_internal.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"

static const int64_t time_ms_max = 253402300799999; /* the end of the year 9999: the last that RFC 3339 can say */

static bool is_plain(struct bytes text, size_t size_max, bool allows_space)
{
    if (text.size == 0 || text.size > size_max || !bytes_are_utf8(text)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f || (text.data[i] == ' ' && !allows_space)) {
            return false;
        }
    }
    return true;
}

static bool check_grant(const struct consent_grant *grant, int64_t now_ms, struct error *e)
{
    if (!is_plain(grant->key.person, CONSENT_PERSON_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "person", "use the identifier that the service's requests carry",
                         "it must be 1 to %d bytes of UTF-8 without control characters", CONSENT_PERSON_BYTES_MAX);
    }
    if (!is_plain(grant->key.recipient, CONSENT_MEMBER_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "recipient", "write COMMUNITY/CLASS/MEMBER", "this is no member");
    }
    if (!is_plain(grant->key.purpose, CONSENT_IRI_BYTES_MAX, false)) {
        return error_set(e, ERROR_INPUT, "purpose", "write a full IRI", "it must be an IRI of at most %d bytes", CONSENT_IRI_BYTES_MAX);
    }
    if (grant->category_count == 0 || grant->category_count > CONSENT_CATEGORIES_MAX) {
        return error_set(e, ERROR_INPUT, "category", "decide on 1 to 64 categories", "%zu categories", grant->category_count);
    }
    for (size_t i = 0; i < grant->category_count; i++) {
        if (!is_plain(grant->categories[i], CONSENT_IRI_BYTES_MAX, false)) {
            return error_set(e, ERROR_INPUT, "category", "write a full IRI", "number %zu must be an IRI of at most %d bytes", i + 1,
                             CONSENT_IRI_BYTES_MAX);
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(grant->categories[i], grant->categories[j])) {
                return error_set(e, ERROR_INPUT, "category", "name each one once", "numbers %zu and %zu are the same", j + 1, i + 1);
            }
        }
    }
    if (grant->valid_from_ms < 0 || grant->valid_until_ms > time_ms_max || grant->valid_from_ms >= grant->valid_until_ms) {
        return error_set(e, ERROR_INPUT, "valid until", "set an end after the beginning; no consent is endless",
                         "it must be later than valid from");
    }
    if (grant->event == CONSENT_EVENT_GIVE && grant->valid_until_ms <= now_ms) {
        return error_set(e, ERROR_INPUT, "valid until", "set an end that is to come", "it has passed already");
    }
    return true;
}

static bool check_writable(const struct consents *consents, struct error *e)
{
    return consents->committer != NULL ||
           error_set(e, ERROR_DENIED, "consents", "send the change to the running gateway", "they are open for reading only");
}

static void make_id(char id[CONSENT_ID_SIZE])
{
    uint8_t raw[16];
    random_fill(raw, sizeof raw);
    memcpy(id, "c-", 2);
    hex_write(bytes_of(raw, sizeof raw), id + 2);
}

/* The log failed after the store had committed: say what holds now. */
static bool fail_unlogged(struct error *e, enum consent_event event)
{
    struct error cause = e != NULL ? *e : (struct error){ 0 };
    bool is_pending = event == CONSENT_EVENT_GIVE;
    return error_set(e, cause.kind, cause.where,
                     "it is logged at the next change or start; until then see to what the log lacks (comity doctor)",
                     is_pending ? "the consent is stored, but in force only when it is in the log: %s"
                                : "the change is in force, but not yet in the log: %s",
                     cause.what);
}

/* In one transaction: the rows and the event. */
static bool store_change(struct store *store, struct consent_change *change, bool is_new, struct arena *arena, int64_t *sequence,
                         struct error *e)
{
    bool ok = is_new ? records_add(store, change, arena, e) : records_update(store, change, e);
    return ok && records_add_event(store, change, sequence, e);
}

bool consent_give(struct consents *consents, const struct consent_grant *grant, char id[CONSENT_ID_SIZE], uint64_t *log_index,
                  struct error *e)
{
    int64_t now_ms = time_now_ms();
    enum consent_state state = consent_after(consent_after(CONSENT_NONE, CONSENT_EVENT_REQUEST), grant->event);
    if (state != CONSENT_GIVEN && state != CONSENT_REFUSED) {
        return error_set(e, ERROR_INPUT, "event", "use give or refuse", "this begins no consent");
    }
    if (!check_writable(consents, e) || !check_grant(grant, now_ms, e)) {
        return false;
    }
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX] = { 0 };
    for (size_t i = 0; i < grant->category_count; i++) {
        decisions[i].category = grant->categories[i];
        decisions[i].state = state;
        decisions[i].valid_from_ms = grant->valid_from_ms;
        decisions[i].valid_until_ms = grant->valid_until_ms;
    }
    make_id(id);
    struct consent_change change = { .event = grant->event,
                                     .id = bytes_of_text(id),
                                     .key = grant->key,
                                     .decisions = decisions,
                                     .count = grant->category_count,
                                     .time_ms = now_ms };
    struct arena arena = { 0 };
    int64_t sequence = 0;
    (void)pthread_mutex_lock(&consents->changing);
    bool ok = store_begin(consents->store, e);
    if (ok && !store_change(consents->store, &change, true, &arena, &sequence, e)) {
        store_rollback(consents->store);
        ok = false;
    }
    ok = ok && store_commit(consents->store, e);
    if (ok && !logging_run(consents, sequence, &grant->key, 1, log_index, e)) {
        ok = fail_unlogged(e, grant->event);
    }
    (void)pthread_mutex_unlock(&consents->changing);
    arena_clear(&arena);
    return ok;
}

/* What a withdrawal makes of one record. */
struct withdrawal {
    struct consent_decision withdrawn[CONSENT_CATEGORIES_MAX];
    struct consent_decision expired[CONSENT_CATEGORIES_MAX];
    size_t withdrawn_count, expired_count;
    size_t settled; /* withdrawn or expired before */
    size_t refused; /* their state allows no withdrawal */
    size_t looked_at;
};

/*
 * What the clock has expired is written down as expired, too: withdrawing it changes nothing today, and must still hold when a clock that
 * ran ahead is set back.
 */
static void plan_withdrawal(const struct record *record, struct bytes category, int64_t now_ms, struct withdrawal *plan)
{
    *plan = (struct withdrawal){ 0 };
    for (size_t i = 0; i < record->count; i++) {
        struct consent_decision decision = record->decisions[i];
        if (category.data != NULL && !bytes_equal(decision.category, category)) {
            continue;
        }
        plan->looked_at++;
        enum consent_state now = consent_state_at(decision.state, decision.valid_until_ms, now_ms);
        enum consent_state next = consent_after(now, CONSENT_EVENT_WITHDRAW);
        if (next != CONSENT_NONE) {
            decision.state = next;
            plan->withdrawn[plan->withdrawn_count++] = decision;
        } else if (now != decision.state) {
            decision.state = now;
            plan->expired[plan->expired_count++] = decision;
        } else if (now == CONSENT_WITHDRAWN || now == CONSENT_EXPIRED) {
            plan->settled++;
        } else {
            plan->refused++;
        }
    }
}

/* Writes the plan; `*first_sequence` (0 before the first) is that of the transaction's first event. */
static bool store_withdrawal(struct consents *consents, const struct record *record, const struct withdrawal *plan, int64_t now_ms,
                             int64_t *first_sequence, struct error *e)
{
    struct consent_change changes[] = {
        { .event = CONSENT_EVENT_EXPIRE, .decisions = plan->expired, .count = plan->expired_count },
        { .event = CONSENT_EVENT_WITHDRAW, .decisions = plan->withdrawn, .count = plan->withdrawn_count },
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        int64_t sequence = 0;
        changes[i].number = record->number;
        changes[i].id = record->id;
        changes[i].key = record->key;
        changes[i].time_ms = now_ms;
        if (changes[i].count == 0) {
            continue;
        }
        if (!store_change(consents->store, &changes[i], false, NULL, &sequence, e)) {
            return false;
        }
        *first_sequence = *first_sequence == 0 ? sequence : *first_sequence;
    }
    return true;
}

static bool check_plan(const struct withdrawal *plan, struct error *e)
{
    if (plan->looked_at == 0) {
        return error_set(e, ERROR_ABSENT, "consent", "show the consent to see its categories", "the consent has no such category");
    }
    if (plan->withdrawn_count + plan->expired_count + plan->settled == 0) {
        return error_set(e, ERROR_DENIED, "consent", "withdraw only what was given", "its state allows no withdrawal (consent.state)");
    }
    return true;
}

/* The transaction of one withdrawal. `*first_sequence` stays 0 when there was nothing to write. */
static bool withdraw_in_store(struct consents *consents, struct bytes id, struct bytes category, struct arena *arena,
                              struct record **record, struct withdrawal *plan, int64_t *first_sequence, struct error *e)
{
    int64_t now_ms = time_now_ms();
    if (!store_begin(consents->store, e)) {
        return false;
    }
    if (!records_find(consents->store, id, arena, record, e)) {
        goto fail;
    }
    plan_withdrawal(*record, category, now_ms, plan);
    if (!check_plan(plan, e) || !store_withdrawal(consents, *record, plan, now_ms, first_sequence, e)) {
        goto fail;
    }
    if (*first_sequence == 0) {
        store_rollback(consents->store);
        return true;
    }
    return store_commit(consents->store, e);
fail:
    store_rollback(consents->store);
    return false;
}

bool consent_withdraw(struct consents *consents, struct bytes id, struct bytes category, bool *is_changed, uint64_t *log_index,
                      struct error *e)
{
    struct arena arena = { 0 };
    struct record *record = NULL;
    struct withdrawal plan;
    int64_t first_sequence = 0;
    uint64_t index = UINT64_MAX;
    if (!check_writable(consents, e)) {
        return false;
    }
    (void)pthread_mutex_lock(&consents->changing);
    bool ok = withdraw_in_store(consents, id, category, &arena, &record, &plan, &first_sequence, e);
    if (ok) {
        /* Also when nothing was written: an earlier try may have come into the store and not into the log. */
        bool is_written = first_sequence != 0;
        ok = logging_run(consents, is_written ? first_sequence : INT64_MAX, &record->key, 1, &index, e) ||
             fail_unlogged(e, CONSENT_EVENT_WITHDRAW);
        if (ok && !is_written) {
            ok = records_find_withdrawal(consents->store, record->number, category, &index, e);
        }
    }
    (void)pthread_mutex_unlock(&consents->changing);
    if (ok && is_changed != NULL) {
        *is_changed = plan.withdrawn_count > 0;
    }
    if (ok && log_index != NULL) {
        *log_index = index;
    }
    arena_clear(&arena);
    return ok;
}

/* The transaction of all of a person's; the keys come into `arena`. */
static bool withdraw_all_in_store(struct consents *consents, struct bytes person, struct arena *arena, struct consent_key **keys,
                                  size_t *key_count, size_t *changed, int64_t *first_sequence, struct error *e)
{
    int64_t now_ms = time_now_ms();
    struct record *first = NULL;
    size_t count = 0;
    if (!store_begin(consents->store, e)) {
        return false;
    }
    if (!records_find_open(consents->store, person, arena, &first, e)) {
        goto fail;
    }
    for (struct record *record = first; record != NULL; record = record->next) {
        struct withdrawal plan;
        plan_withdrawal(record, BYTES_NONE, now_ms, &plan);
        if (!store_withdrawal(consents, record, &plan, now_ms, first_sequence, e)) {
            goto fail;
        }
        *changed += plan.withdrawn_count > 0;
        count++;
    }
    *keys = arena_take(arena, (count + 1) * sizeof **keys);
    if (*keys == NULL) {
        (void)error_memory(e, "consents");
        goto fail;
    }
    for (struct record *record = first; record != NULL; record = record->next) {
        (*keys)[(*key_count)++] = record->key;
    }
    return store_commit(consents->store, e);
fail:
    store_rollback(consents->store);
    return false;
}

bool consent_withdraw_all(struct consents *consents, struct bytes person, size_t *changed, struct error *e)
{
    struct arena arena = { 0 };
    struct consent_key *keys = NULL;
    size_t key_count = 0, count = 0;
    int64_t first_sequence = 0;
    if (!check_writable(consents, e)) {
        return false;
    }
    (void)pthread_mutex_lock(&consents->changing);
    bool ok = withdraw_all_in_store(consents, person, &arena, &keys, &key_count, &count, &first_sequence, e);
    if (ok && !logging_run(consents, first_sequence != 0 ? first_sequence : INT64_MAX, keys, key_count, NULL, e)) {
        ok = fail_unlogged(e, CONSENT_EVENT_WITHDRAW);
    }
    (void)pthread_mutex_unlock(&consents->changing);
    if (ok && changed != NULL) {
        *changed = count;
    }
    arena_clear(&arena);
    return ok;
}
