/* What goes on at a gateway behind one another and waits for its log inside: acts of persons and of its operator, and the background. */
#include <stdio.h>

#include "base/time.h"
#include "consent/erasure.h"
#include "consent/notice_store.h"
#include "consent/persons.h"
#include "evidence/log_prune.h"
#include "store/policies.h"
#include "torture/stage_internal.h"

enum { DRAIN_MS = 30 * 1000, HOUR_MS = 60 * 60 * 1000, MODES = 4 };

static const struct consent_act by_person = { .role = CONSENT_ROLE_PERSON, .method = CONSENT_METHOD_PORTAL, .language = BYTES("en") };
static const struct consent_act by_system = { .role = CONSENT_ROLE_SYSTEM };

static struct consents *consents_of(struct node *node)
{
    return gateway_consents(stepped_gateway(node->gateway));
}

/* ---- Persons ---- */

/* Limits and end by `mode`: none; a few uses in all; one a day; a short time. */
static void choose_terms(unsigned mode, struct consent_answer *answer)
{
    if (mode == 1 || mode == 2) {
        answer->has_limits = true;
        answer->limits = (struct consent_limits){ .mode = USE_MODE_VIEW, .fetch = USE_FETCH_PERIODIC, .has_recipient_life = true };
        answer->limits.recipient_life = (struct period){ .days = 7 };
        answer->limits.total = mode == 1 ? 2 : 0;
        answer->limits.max = mode == 2 ? 1 : 0;
        answer->limits.per = mode == 2 ? (struct period){ .days = 1 } : (struct period){ .days = 0 };
    } else if (mode == 3) {
        answer->valid_until_ms = time_now_ms() + HOUR_MS;
    }
}

static bool give(struct node *node, const struct action *action, struct error *e)
{
    struct law *law = NULL;
    struct policy *policy = NULL;
    struct consents *consents = consents_of(node);
    struct notices *notices = consents_notices(consents);
    struct consent_receipt receipt = { .log_index = UINT64_MAX };
    char person[16], id[16];
    community_person((unsigned)(action->seed % PERSONS), person);
    community_notice_id(action->peer, id);
    const struct notice *notice = notices_find(notices, bytes_of_text(id), 0);
    const struct consent_choice choices[] = { { bytes_of_text(category_iris[CATEGORY_NAME]), true },
                                              { bytes_of_text(category_iris[CATEGORY_HEALTH]), action->value < MODES } };
    struct consent_answer answer = { .person = bytes_of_text(person),
                                     .choices = choices,
                                     .choice_count = COUNT_OF(choices),
                                     .separate = LAW_SEPARATE_SENSITIVE | LAW_SEPARATE_PROVIDE };
    bool ok = notice != NULL || error_set(e, ERROR_ABSENT, "notice", NULL, "there is none");
    gateway_grounds(stepped_gateway(node->gateway), &law, &policy);
    if (ok) {
        const struct consent_rules rules = { .law = law, .notices = notices };
        answer.notice = notice->digest;
        choose_terms(action->value % MODES, &answer);
        ok = consent_answer(consents, &rules, &answer, &by_person, &receipt, e);
    }
    if (ok) {
        model_promise(node, &receipt, "give");
    }
    notices_drop(notices);
    law_drop(law);
    policy_drop(policy);
    return ok;
}

static bool withdraw(struct node *node, const struct action *action, struct error *e)
{
    struct consent_receipt receipt;
    char id[CONSENT_ID_SIZE];
    if (!model_pick_record(node, action->seed, id)) {
        return true;
    }
    const struct consent_order order = { .id = bytes_of_text(id), .event = CONSENT_EVENT_WITHDRAW };
    bool ok = consent_change(consents_of(node), &order, &by_person, &receipt, e);
    if (ok) {
        node->stage->result->withdrawn++;
        model_promise(node, &receipt, "withdraw");
    }
    return ok;
}

static bool leave(struct node *node, const struct action *action, struct error *e)
{
    struct consent_receipt receipt;
    char person[16];
    community_person(action->value, person);
    const struct consent_filter filter = { .person = bytes_of_text(person) };
    bool ok = consent_withdraw_where(consents_of(node), &filter, &by_person, &receipt, e);
    if (ok) {
        node->stage->result->withdrawn += receipt.changed;
        model_promise_person(node, bytes_of_text(person));
    }
    return ok;
}

static bool mark(struct node *node, const struct action *action, bool is_pause, struct error *e)
{
    struct consent_receipt receipt = { .log_index = UINT64_MAX };
    char text[CONSENT_ID_SIZE];
    if (action->seed % 2 == 0) {
        community_person(action->value, text);
        return persons_mark(consents_of(node), bytes_of_text(text), is_pause ? PERSON_EVENT_PAUSE : PERSON_EVENT_RESUME, &by_person,
                            &receipt, e);
    }
    if (!model_pick_record(node, action->seed, text)) {
        return true;
    }
    const struct consent_order order = { .id = bytes_of_text(text), .event = is_pause ? CONSENT_EVENT_PAUSE : CONSENT_EVENT_RESUME };
    return consent_change(consents_of(node), &order, &by_person, &receipt, e);
}

static bool erase(struct node *node, const struct action *action, struct error *e)
{
    struct gateway *gateway = stepped_gateway(node->gateway);
    struct erasure erasure = { 0 };
    char person[16];
    community_person(action->value, person);
    bool ok = erasure_run(gateway_erasure_log(gateway), gateway_consents(gateway), gateway_uses(gateway), bytes_of_text(person), false,
                          &erasure, e);
    node->stage->result->erased += ok ? erasure.count : 0;
    if (ok || e->kind != ERROR_DENIED) {
        model_forget_person(node, bytes_of_text(person)); /* it may have come so far, if it was cut short */
    }
    erasure_clear(&erasure);
    return ok;
}

/* ---- Its operator ---- */

static bool publish(struct node *node, unsigned recipient, unsigned wording, struct error *e)
{
    struct law *law = NULL;
    struct policy *policy = NULL;
    struct notice_published published = { 0 };
    json_t *value = community_notice(node, recipient, wording);
    gateway_grounds(stepped_gateway(node->gateway), &law, &policy);
    const struct notice_submission submission = {
        .value = value, .by = BYTES("operator:1"), .ground = { .law = law, .now_ms = time_now_ms() }, .archive = &node->faulty_archive.disk
    };
    bool ok = notice_publish(consents_of(node), &submission, &published, e);
    if (!ok && published.findings.count > 0) {
        (void)error_set(e, ERROR_INPUT, published.findings.items[0].pointer, NULL, "%s", published.findings.items[0].what);
    }
    notice_published_clear(&published);
    json_decref(value);
    law_drop(law);
    policy_drop(policy);
    return ok;
}

static bool apply(struct node *node, unsigned variant, struct error *e)
{
    struct buffer text;
    buffer_init(&text, POLICY_STORE_TEXT_MAX);
    community_write_policy(node, variant, &text);
    bool ok = policy_store_put(gateway_store(stepped_gateway(node->gateway)), buffer_bytes(&text), "policy.yaml", time_now_ms(), NULL, NULL,
                               e) &&
              stepped_reload(node->gateway, e);
    buffer_clear(&text);
    return ok;
}

static bool prune(struct node *node, struct error *e)
{
    struct prune_result result;
    return retention_prune(gateway_retention(stepped_gateway(node->gateway)), INT64_MAX, false, false, &result, e);
}

/* It takes no more, ends what is under way, and says its last words. */
static bool stop(struct node *node)
{
    struct stage *stage = node->stage;
    int64_t until_ms = stage->now_ms + DRAIN_MS;
    node->is_draining = true;
    while (stepped_request_count(node->gateway) > 0 && !node->is_ending && !stage->result->is_broken && stage_step(stage, until_ms)) {
    }
    stage->speaking = node;
    if (!node->is_ending) {
        stepped_conclude(node->gateway);
        node_end(node, false, 0);
    }
    return true;
}

/* ---- Running ---- */

static bool run(struct node *node, const struct action *action, struct error *e)
{
    switch (action->kind) {
    case ACTION_GIVE:
        return give(node, action, e);
    case ACTION_WITHDRAW:
        return withdraw(node, action, e);
    case ACTION_LEAVE:
        return leave(node, action, e);
    case ACTION_PAUSE:
        return mark(node, action, true, e);
    case ACTION_RESUME:
        return mark(node, action, false, e);
    case ACTION_NOTICE:
        return publish(node, action->peer, action->value, e);
    case ACTION_POLICY:
        return apply(node, action->value, e);
    case ACTION_DIRECTORY:
        return community_sign(node->stage, e) && stepped_reload(node->gateway, e);
    case ACTION_TICK:
        stepped_index(node->gateway);
        return true;
    case ACTION_ERASE:
        return erase(node, action, e);
    case ACTION_PRUNE:
        return prune(node, e);
    case ACTION_STOP:
        return stop(node);
    default:
        return true;
    }
}

void lane_run(struct node *node)
{
    const struct node *speaking = node->stage->speaking;
    struct action action = node->lane[0];
    struct error e = { 0 };
    node->lane_count--;
    memmove(node->lane, node->lane + 1, node->lane_count * sizeof node->lane[0]);
    node->stage->speaking = node;
    node->is_busy = true;
    node_enter(node);
    bool ok = run(node, &action, &e);
    stage_mix(node->stage, (uint64_t)action.kind << 1 | ok);
    stage_tell(node->stage, "gateway %u: %s: %s%s%s", node->number, plan_name(action.kind), ok ? "done" : e.where, ok ? "" : ": ",
               ok ? "" : e.what);
    node_leave(node);
    node->is_busy = false;
    node->stage->speaking = speaking;
}

/* Everybody was born in 1970 or so, and has consented to everything. */
bool lane_prepare(struct node *node, struct error *e)
{
    const struct node *speaking = node->stage->speaking;
    bool ok = true;
    node->stage->speaking = node;
    node_enter(node);
    for (unsigned i = 0; ok && i < PERSONS; i++) {
        struct consent_receipt receipt;
        int32_t born_day = (int32_t)(100 + i);
        char person[16];
        community_person(i, person);
        ok = persons_set_born(consents_of(node), bytes_of_text(person), &born_day, &by_system, &receipt, e);
    }
    for (unsigned i = 0; ok && i < NODES; i++) {
        ok = i == node->number || publish(node, i, 0, e);
    }
    ok = ok && apply(node, 0, e);
    for (unsigned i = 0; ok && i < NODES * PERSONS; i++) {
        const struct action first = { .kind = ACTION_GIVE, .peer = (uint8_t)(i % NODES), .seed = i / NODES };
        ok = first.peer == node->number || give(node, &first, e);
    }
    node_leave(node);
    node->stage->speaking = speaking;
    return ok;
}
