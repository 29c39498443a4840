/* Changes of records; transaction.c is their frame, grant.c says what may be decided. */
#include <stdio.h>

#include "consent/persons_internal.h"

static const char reason_state[] = "consent.state";

bool change_deny(struct consent_receipt *receipt, const char *code, struct error *e, const char *where, const char *todo, const char *what)
{
    receipt->reason = code;
    return error_set(e, ERROR_DENIED, where, todo, "%s (%s)", what, code);
}

void change_begin_receipt(struct consent_receipt *receipt)
{
    *receipt = (struct consent_receipt){ .log_index = UINT64_MAX };
}

/* Which record of the same key came before, and how it stood then. */
bool change_find_prev(struct transaction *t, struct consent_change *change, struct error *e)
{
    return records_find_newest(t->consents->store, &change->key, &t->arena, &change->prev, &change->has_prev_digest, change->prev_digest,
                               e);
}

bool change_check_expected(const struct record *record, const uint8_t *expected, struct consent_receipt *receipt, struct error *e)
{
    return expected == NULL || (record->has_digest && memcmp(record->digest, expected, sizeof record->digest) == 0) ||
           change_deny(receipt, "consent.changed", e, "consent", "look at it again", "it has changed since it was looked at");
}

/* ---- Events on what is there ---- */

/* What an event makes of one record. */
struct plan {
    struct consent_decision changed[CONSENT_CATEGORIES_MAX];
    struct consent_decision expired[CONSENT_CATEGORIES_MAX];
    size_t changed_count, expired_count;
    size_t settled; /* what it was to become, it was before */
    size_t refused; /* their state does not allow it */
    size_t looked_at;
};

/* Withdrawing is never refused for coming late, nor is noting that the time is over. */
static bool is_settled(enum consent_event event, enum consent_state state)
{
    return (event == CONSENT_EVENT_WITHDRAW && (state == CONSENT_WITHDRAWN || state == CONSENT_EXPIRED)) ||
           (event == CONSENT_EVENT_EXPIRE && state == CONSENT_EXPIRED);
}

/*
 * What the clock has expired is written down as expired, too: withdrawing it changes nothing today, and must still hold when a clock that
 * ran ahead is set back.
 */
static void plan_event(const struct record *record, struct bytes category, enum consent_event event, int64_t now_ms, struct plan *plan)
{
    *plan = (struct plan){ 0 };
    for (size_t i = 0; i < record->count; i++) {
        struct consent_decision decision = record->decisions[i];
        if (category.size > 0 && !bytes_equal(decision.category, category)) {
            continue;
        }
        plan->looked_at++;
        enum consent_state now = consent_state_at(decision.state, decision.valid_until_ms, now_ms);
        enum consent_state next = event == CONSENT_EVENT_EXPIRE ? CONSENT_NONE : consent_after(now, event);
        if (next != CONSENT_NONE) {
            decision.state = next;
            plan->changed[plan->changed_count++] = decision;
        } else if (now != decision.state && is_settled(event, now)) {
            decision.state = now;
            plan->expired[plan->expired_count++] = decision;
        } else if (is_settled(event, now)) {
            plan->settled++;
        } else {
            plan->refused++;
        }
    }
}

static bool store_plan(struct transaction *t, const struct record *record, const struct plan *plan, enum consent_event event,
                       const struct consent_act *act, struct error *e)
{
    const struct consent_act clock = { .role = CONSENT_ROLE_SYSTEM };
    struct consent_change changes[] = {
        { .event = CONSENT_EVENT_EXPIRE, .decisions = plan->expired, .count = plan->expired_count, .act = &clock },
        { .event = event, .decisions = plan->changed, .count = plan->changed_count, .act = act },
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        changes[i].number = record->number;
        changes[i].id = record->id;
        changes[i].key = record->key;
        if (changes[i].count > 0 && !transaction_add(t, &changes[i], false, e)) {
            return false;
        }
    }
    return true;
}

static bool check_plan(const struct plan *plan, struct consent_receipt *receipt, struct error *e)
{
    if (plan->looked_at == 0) {
        return error_set(e, ERROR_ABSENT, "consent", "show the consent to see its categories", "the consent has no such category");
    }
    if (plan->changed_count + plan->expired_count + plan->settled == 0) {
        return change_deny(receipt, reason_state, e, "consent", "show the consent to see its state", "its state does not allow this");
    }
    return true;
}

/* `*number` is the record's; `*is_written` false: it was so before. */
static bool add_event(struct transaction *t, const struct consent_order *order, const struct consent_act *act, int64_t *number,
                      struct consent_receipt *receipt, struct error *e)
{
    struct record *record = NULL;
    struct consent_person facts;
    struct consent_act actor;
    struct plan plan;
    bool is_registered;
    if (!records_find(t->consents, order->id, &t->arena, &record, e) ||
        !records_find_person(t->consents->store, record->key.person, &facts, e) ||
        !persons_find_actor(t, record->key.person, act, &actor, &is_registered, e) ||
        !change_check_expected(record, order->expected, receipt, e)) {
        return false;
    }
    if (consent_role_reason(order->event, act->role, record->terms.role, is_registered, facts.has_died) != NULL) {
        return change_deny(receipt, "consent.guardian", e, "by", "let the person, or who is registered for the person, do it",
                           "this role may not do that");
    }
    plan_event(record, order->category, order->event, t->now_ms, &plan);
    *number = record->number;
    receipt->is_changed = plan.changed_count > 0;
    return check_plan(&plan, receipt, e) && store_plan(t, record, &plan, order->event, &actor, e);
}

bool consent_change(struct consents *consents, const struct consent_order *order, const struct consent_act *act,
                    struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    int64_t number = 0;
    change_begin_receipt(receipt);
    if (order->event == CONSENT_EVENT_REQUEST || order->event == CONSENT_EVENT_GIVE || order->event == CONSENT_EVENT_REFUSE ||
        (size_t)order->event >= CONSENT_EVENT_COUNT) {
        return error_set(e, ERROR_INPUT, "event", "ask, or answer, with a notice", "this is no event on a record alone");
    }
    if (!consent_check_act(act, e) || !transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_event(&t, order, act, &number, receipt, e), &receipt->log_index, e);
    bool is_written = t.first_sequence != 0;
    transaction_clear(&t);
    if (ok && !is_written) {
        ok = records_find_withdrawal(consents->store, number, order->category, &receipt->log_index, e);
    }
    if (ok) {
        (void)snprintf(receipt->id, sizeof receipt->id, "%.*s", BYTES_FMT(order->id));
        receipt->changed = receipt->is_changed ? 1 : 0;
    }
    return ok;
}

static bool is_wanted(const struct consent_filter *filter, const struct record *record)
{
    return (filter->recipient.size == 0 || bytes_equal(filter->recipient, record->key.recipient)) &&
           (filter->purpose.size == 0 || bytes_equal(filter->purpose, record->key.purpose));
}

static bool add_withdrawals(struct transaction *t, const struct consent_filter *filter, const struct consent_act *act,
                            struct consent_receipt *receipt, struct error *e)
{
    struct record *first = NULL;
    struct consent_person facts;
    struct consent_act actor;
    bool is_registered;
    if (!records_find_person(t->consents->store, filter->person, &facts, e) ||
        !persons_find_actor(t, filter->person, act, &actor, &is_registered, e) ||
        !records_find_open(t->consents, filter->person, &t->arena, &first, e)) {
        return false;
    }
    if (consent_role_reason(CONSENT_EVENT_WITHDRAW, act->role, CONSENT_ROLE_NONE, is_registered, facts.has_died) != NULL) {
        return change_deny(receipt, "consent.guardian", e, "by", "let the person, or who is registered for the person, do it",
                           "this role may not do that");
    }
    for (struct record *record = first; record != NULL; record = record->next) {
        struct plan plan;
        if (!is_wanted(filter, record)) {
            continue;
        }
        plan_event(record, filter->category, CONSENT_EVENT_WITHDRAW, t->now_ms, &plan);
        if (!store_plan(t, record, &plan, CONSENT_EVENT_WITHDRAW, &actor, e)) {
            return false;
        }
        receipt->changed += plan.changed_count > 0;
    }
    receipt->is_changed = receipt->changed > 0;
    return true;
}

bool consent_withdraw_where(struct consents *consents, const struct consent_filter *filter, const struct consent_act *act,
                            struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    change_begin_receipt(receipt);
    if (!consent_check_act(act, e) || !transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_withdrawals(&t, filter, act, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    return ok;
}

/* What ends with a death: what holds is revoked, and what is only asked for is over. */
static void plan_end(const struct record *record, int64_t now_ms, struct plan *plan)
{
    *plan = (struct plan){ 0 };
    for (size_t i = 0; i < record->count; i++) {
        struct consent_decision decision = record->decisions[i];
        enum consent_state now = consent_state_at(decision.state, decision.valid_until_ms, now_ms);
        enum consent_state revoked = consent_after(now, CONSENT_EVENT_REVOKE);
        if (revoked != CONSENT_NONE) {
            decision.state = revoked;
            plan->changed[plan->changed_count++] = decision;
        } else if (consent_after(decision.state, CONSENT_EVENT_EXPIRE) != CONSENT_NONE) {
            decision.state = CONSENT_EXPIRED;
            plan->expired[plan->expired_count++] = decision;
        }
    }
}

bool consent_end_all(struct transaction *t, struct bytes person, const struct consent_act *act, size_t *changed, struct error *e)
{
    struct record *first = NULL;
    if (!records_find_open(t->consents, person, &t->arena, &first, e)) {
        return false;
    }
    for (struct record *record = first; record != NULL; record = record->next) {
        struct plan plan;
        plan_end(record, t->now_ms, &plan);
        if (!store_plan(t, record, &plan, CONSENT_EVENT_REVOKE, act, e)) {
            return false;
        }
        *changed += plan.changed_count > 0;
    }
    return true;
}

/* ---- As it was before there were notices ---- */

static bool check_grant(const struct consent_grant *grant, int64_t now_ms, struct error *e)
{
    if (!consent_is_plain(grant->key.person, CONSENT_PERSON_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "person", "use the identifier that the service's requests carry",
                         "it must be 1 to %d bytes of UTF-8 without control characters", CONSENT_PERSON_BYTES_MAX);
    }
    if (!consent_is_plain(grant->key.recipient, CONSENT_MEMBER_BYTES_MAX, true)) {
        return error_set(e, ERROR_INPUT, "recipient", "write COMMUNITY/CLASS/MEMBER", "this is no member");
    }
    if (!consent_is_plain(grant->key.purpose, CONSENT_IRI_BYTES_MAX, false)) {
        return error_set(e, ERROR_INPUT, "purpose", "write a full IRI", "it must be an IRI of at most %d bytes", CONSENT_IRI_BYTES_MAX);
    }
    if (grant->category_count == 0 || grant->category_count > CONSENT_CATEGORIES_MAX) {
        return error_set(e, ERROR_INPUT, "category", "decide on 1 to 64 categories", "%zu categories", grant->category_count);
    }
    for (size_t i = 0; i < grant->category_count; i++) {
        if (!consent_is_plain(grant->categories[i], CONSENT_IRI_BYTES_MAX, false)) {
            return error_set(e, ERROR_INPUT, "category", "write a full IRI", "number %zu must be an IRI of at most %d bytes", i + 1,
                             CONSENT_IRI_BYTES_MAX);
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(grant->categories[i], grant->categories[j])) {
                return error_set(e, ERROR_INPUT, "category", "name each one once", "numbers %zu and %zu are the same", j + 1, i + 1);
            }
        }
    }
    if (grant->valid_from_ms < 0 || grant->valid_until_ms > CONSENT_TIME_MS_MAX || grant->valid_from_ms >= grant->valid_until_ms) {
        return error_set(e, ERROR_INPUT, "valid until", "set an end after the beginning; no consent is endless",
                         "it must be later than valid from");
    }
    if (grant->event == CONSENT_EVENT_GIVE && grant->valid_until_ms <= now_ms) {
        return error_set(e, ERROR_INPUT, "valid until", "set an end that is to come", "it has passed already");
    }
    return true;
}

static bool add_give(struct transaction *t, const struct consent_grant *grant, struct bytes id, struct error *e)
{
    enum consent_state state = consent_after(CONSENT_REQUESTED, grant->event);
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX] = { 0 };
    struct consent_change change = {
        .event = grant->event, .id = id, .key = grant->key, .decisions = decisions, .count = grant->category_count
    };
    if (!check_grant(grant, t->now_ms, e) || !change_find_prev(t, &change, e)) {
        return false;
    }
    for (size_t i = 0; i < grant->category_count; i++) {
        decisions[i].category = grant->categories[i];
        decisions[i].state = state;
        decisions[i].valid_from_ms = grant->valid_from_ms;
        decisions[i].valid_until_ms = grant->valid_until_ms;
    }
    return transaction_add(t, &change, true, e);
}

bool consent_give(struct consents *consents, const struct consent_grant *grant, char id[CONSENT_ID_SIZE], uint64_t *log_index,
                  struct error *e)
{
    struct transaction t;
    if (!consent_event_decides(grant->event)) {
        return error_set(e, ERROR_INPUT, "event", "use give or refuse", "this begins no consent");
    }
    consent_make_id("c-", id);
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_give(&t, grant, bytes_of_text(id), e), log_index, e);
    transaction_clear(&t);
    return ok;
}

static const struct consent_act by_person = { .role = CONSENT_ROLE_PERSON };

bool consent_withdraw(struct consents *consents, struct bytes id, struct bytes category, bool *is_changed, uint64_t *log_index,
                      struct error *e)
{
    const struct consent_order order = { .id = id, .category = category, .event = CONSENT_EVENT_WITHDRAW };
    struct consent_receipt receipt;
    if (!consent_change(consents, &order, &by_person, &receipt, e)) {
        return false;
    }
    if (is_changed != NULL) {
        *is_changed = receipt.is_changed;
    }
    if (log_index != NULL) {
        *log_index = receipt.log_index;
    }
    return true;
}

bool consent_withdraw_all(struct consents *consents, struct bytes person, size_t *changed, struct error *e)
{
    const struct consent_filter filter = { .person = person };
    struct consent_receipt receipt;
    if (!consent_withdraw_where(consents, &filter, &by_person, &receipt, e)) {
        return false;
    }
    if (changed != NULL) {
        *changed = receipt.changed;
    }
    return true;
}
