/* Asking, and answering: new records, and what a request becomes. */
#include <stdio.h>

#include "consent/grant_internal.h"
#include "consent/persons_internal.h"

static const int64_t request_window_ms = 30LL * 86400 * 1000;

/* ---- New records ---- */

const struct notice *consent_check_notice(const struct consent_rules *rules, const struct notice *notice, struct consent_receipt *receipt,
                                          struct error *e)
{
    if (notice == NULL || notice->lifecycle != NOTICE_COMPLETE || !notice->is_active) {
        (void)change_deny(receipt, "notice.absent", e, "notice", "publish it first, or show one that is published",
                          notice == NULL ? "there is no such notice" : "it is a draft, or no longer shown");
        return NULL;
    }
    if (!notices_is_accepted(rules->notices, notice->digest)) {
        (void)change_deny(receipt, "consent.superseded", e, "notice", "show the current revision", "another revision has taken its place");
        return NULL;
    }
    return notice;
}

/* The notice as somebody may decide on it now; NULL and an error otherwise. */
static const struct notice *find_notice(const struct consent_rules *rules, const uint8_t *digest, struct consent_receipt *receipt,
                                        struct error *e)
{
    return consent_check_notice(rules, notices_find_by_digest(rules->notices, digest), receipt, e);
}

static struct consent_key key_of(struct bytes person, const struct notice *notice)
{
    return (struct consent_key){ .person = person, .recipient = notice->recipient.member, .purpose = notice->purpose };
}

/* Who said no is left in peace for a while (NDSMR 22). */
static bool check_reask(struct transaction *t, const struct consent_rules *rules, const struct consent_key *key,
                        const struct notice *notice, struct consent_receipt *receipt, struct error *e)
{
    int64_t since_ms = period_before(t->now_ms, rules->law->consent_reask_after.value);
    for (size_t i = 0; i < notice->category_count; i++) {
        bool is_refused = false;
        if (!records_find_refusal(t->consents->store, key, notice->categories[i].iri, since_ms, &is_refused, e)) {
            return false;
        }
        if (is_refused) {
            return change_deny(receipt, "consent.reask", e, "notice",
                               "wait until law.consent.reask_after is over; the person may still give it",
                               "the person refused this to this recipient a short while ago");
        }
    }
    return true;
}

static bool check_alive(struct transaction *t, struct bytes person, struct consent_receipt *receipt, struct consent_person *facts,
                        struct error *e)
{
    return records_find_person(t->consents->store, person, facts, e) &&
           (!facts->has_died ||
            change_deny(receipt, "person.died", e, "person", NULL, "the person has died, and nobody consents any more"));
}

/* The record of a request, in the transaction. */
static bool add_request(struct transaction *t, const struct consent_rules *rules, const struct consent_offer *offer,
                        const struct notice *notice, const struct consent_act *act, struct consent_receipt *receipt, struct error *e)
{
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX] = { 0 };
    struct consent_terms terms = { .role = CONSENT_ROLE_NONE };
    struct consent_person facts;
    struct consent_act actor;
    bool is_registered;
    struct consent_change change = { .event = CONSENT_EVENT_REQUEST,
                                     .id = bytes_of_text(receipt->id),
                                     .key = key_of(offer->person, notice),
                                     .decisions = decisions,
                                     .count = notice->category_count,
                                     .notice = notice,
                                     .terms = &terms,
                                     .act = &actor };
    int64_t until_ms = offer->until_ms != 0 ? offer->until_ms : t->now_ms + request_window_ms;
    if (until_ms <= t->now_ms || until_ms > CONSENT_TIME_MS_MAX) {
        return error_set(e, ERROR_INPUT, "until", "set an end that is to come", "it has passed already");
    }
    if (!check_alive(t, offer->person, receipt, &facts, e) || !persons_find_actor(t, offer->person, act, &actor, &is_registered, e)) {
        return false;
    }
    if (consent_role_reason(change.event, act->role, CONSENT_ROLE_NONE, is_registered, false) != NULL) {
        return change_deny(receipt, "consent.guardian", e, "by", "let the person or the system ask", "this role does not ask");
    }
    if (!check_reask(t, rules, &change.key, notice, receipt, e)) {
        return false;
    }
    memcpy(terms.notice, notice->digest, sizeof terms.notice);
    terms.limits = consent_limits_of(notice);
    for (size_t i = 0; i < notice->category_count; i++) {
        decisions[i] = (struct consent_decision){
            .category = notice->categories[i].iri, .state = CONSENT_REQUESTED, .valid_from_ms = t->now_ms, .valid_until_ms = until_ms
        };
    }
    return change_find_prev(t, &change, e) && transaction_add(t, &change, true, e);
}

bool consent_request(struct consents *consents, const struct consent_rules *rules, const struct consent_offer *offer,
                     const struct consent_act *act, struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    change_begin_receipt(receipt);
    const struct notice *current = notices_find(rules->notices, offer->notice_id, 0);
    if (current == NULL) {
        return change_deny(receipt, "notice.absent", e, "notice", "publish it first: comity notice", "there is no such notice");
    }
    const struct notice *notice = find_notice(rules, current->digest, receipt, e);
    if (notice == NULL || !consent_check_person(offer->person, e) || !consent_check_act(act, e)) {
        return false;
    }
    consent_make_id("c-", receipt->id);
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_request(&t, rules, offer, notice, act, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    receipt->is_changed = ok;
    receipt->changed = ok ? 1 : 0;
    return ok;
}

/* ---- Answers ---- */

/* The record that the answer is to: waiting, and for this notice. */
static bool find_asking(struct transaction *t, const struct consent_answer *answer, struct consent_receipt *receipt, struct record **out,
                        struct error *e)
{
    if (!records_find(t->consents, answer->id, &t->arena, out, e)) {
        return false;
    }
    struct record *record = *out;
    for (size_t i = 0; i < record->count; i++) {
        enum consent_state now = consent_state_at(record->decisions[i].state, record->decisions[i].valid_until_ms, t->now_ms);
        if (consent_after(now, CONSENT_EVENT_GIVE) == CONSENT_NONE) {
            return change_deny(receipt, "consent.state", e, "consent", "make a new record: a decision that was made is final",
                               "it does not wait for an answer");
        }
    }
    if (memcmp(record->terms.notice, answer->notice, sizeof record->terms.notice) != 0) {
        return change_deny(receipt, "consent.superseded", e, "notice", "show the revision that was asked with",
                           "it asks with another notice");
    }
    return change_check_expected(record, answer->expected, receipt, e);
}

static bool add_answer(struct transaction *t, const struct consent_rules *rules, const struct consent_answer *answer,
                       const struct notice *notice, const struct consent_act *act, struct consent_receipt *receipt, struct error *e)
{
    struct record *record = NULL;
    struct consent_person facts;
    struct consent_act actor;
    struct grant grant;
    bool is_new = answer->id.size == 0;
    struct grant_case c = { .law = rules->law, .notice = notice, .answer = answer, .act = &actor, .person = &facts, .now_ms = t->now_ms };
    if (!is_new && !find_asking(t, answer, receipt, &record, e)) {
        return false;
    }
    struct bytes person = is_new ? answer->person : record->key.person;
    if (!records_find_person(t->consents->store, person, &facts, e) || !persons_find_actor(t, person, act, &actor, &c.is_registered, e) ||
        !grant_check(&c, &grant, &receipt->reason, e)) {
        return false;
    }
    struct consent_change change = { .event = grant.is_given ? CONSENT_EVENT_GIVE : CONSENT_EVENT_REFUSE,
                                     .id = is_new ? bytes_of_text(receipt->id) : record->id,
                                     .number = is_new ? 0 : record->number,
                                     .key = key_of(person, notice),
                                     .decisions = grant.decisions,
                                     .count = grant.count,
                                     .notice = notice,
                                     .terms = &grant.terms,
                                     .is_minor = grant.is_minor,
                                     .act = &actor };
    if (is_new && !change_find_prev(t, &change, e)) {
        return false;
    }
    return transaction_add(t, &change, is_new, e);
}

bool consent_answer(struct consents *consents, const struct consent_rules *rules, const struct consent_answer *answer,
                    const struct consent_act *act, struct consent_receipt *receipt, struct error *e)
{
    struct transaction t;
    change_begin_receipt(receipt);
    const struct notice *notice = find_notice(rules, answer->notice, receipt, e);
    if (notice == NULL || !consent_check_act(act, e) || (answer->id.size == 0 && !consent_check_person(answer->person, e))) {
        return false;
    }
    if (answer->id.size >= CONSENT_ID_SIZE) {
        return error_set(e, ERROR_ABSENT, "consent", "list the consents to find its id", "there is no such consent");
    }
    if (answer->id.size > 0) {
        (void)snprintf(receipt->id, sizeof receipt->id, "%.*s", BYTES_FMT(answer->id));
    } else {
        consent_make_id("c-", receipt->id);
    }
    if (!transaction_begin(&t, consents, e)) {
        return false;
    }
    bool ok = transaction_end(&t, add_answer(&t, rules, answer, notice, act, receipt, e), &receipt->log_index, e);
    transaction_clear(&t);
    receipt->is_changed = ok;
    receipt->changed = ok ? 1 : 0;
    return ok;
}
