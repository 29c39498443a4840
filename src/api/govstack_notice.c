/*
 * Published notices as GovStack's data agreements, and consents to them. Each complete revision of a notice is a revision of the data agreement of its id,
 * written down when GovStack's API is first asked after it was published; whose snapshot it has is a notice is said by `comity.sha256` in it, which
 * nobody can write by the API. What is decided on such an agreement is a consent like any other: by the same function, under the same law.
 */
#include <stdatomic.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "base/diag.h"
#include "base/encode.h"
#include "consent/notice_store.h"

static struct consents *consents_of(const struct rest_call *call)
{
    return call->rest->options.operations.consents;
}

bool govstack_notice_digest(const json_t *agreement, uint8_t digest[SHA256_SIZE])
{
    struct bytes hex = rest_json_bytes(json_object_get(json_object_get(agreement, "comity"), "sha256"));
    return hex.size == 2 * SHA256_SIZE && hex_parse(hex, digest, SHA256_SIZE);
}

/* ---- Notices as agreements ---- */

/* The notice itself is left to /v1/notices: a consent record's snapshot has its agreement twice. NULL: memory. */
static json_t *agreement_of(const struct notice *notice)
{
    char hex[2 * SHA256_SIZE + 1];
    struct bytes language = notice->languages.count > 0 ? notice->languages.items[0] : BYTES_NONE;
    json_t *content = govstack_agreement_of_notice(notice, NULL, language);
    hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
    if (content != NULL && json_object_set_new(content, "comity", json_pack("{s:s}", "sha256", hex)) != 0) {
        json_decref(content);
        return NULL;
    }
    return content;
}

static bool write_revision(struct rest_call *call, const struct notice *notice, bool is_new, struct error *e)
{
    json_t *content = agreement_of(notice), *revision = NULL;
    if (content == NULL) {
        return error_memory(e, "data agreement");
    }
    const struct object_change change = { .kind = govstack_agreement.kind,
                                          .schema_name = govstack_agreement.schema_name,
                                          .id = notice->id,
                                          .owner = call->rest->options.member,
                                          .content = content,
                                          .by_other = notice->published_by,
                                          .now_ms = notice->published_at_ms };
    bool ok = object_write(call->rest->options.store, &change, is_new, &revision, e) &&
              object_log_revision(call->rest->options.committer, revision, call->now_ms, e);
    json_decref(content);
    json_decref(revision);
    return ok;
}

/* Which revision the agreement of this id has come to: 0: there is none yet. False in `*is_ours`: somebody else's has the name. */
static bool find_present(struct rest_call *call, const struct notices *notices, struct bytes id, uint32_t *revision, bool *is_ours,
                         struct error *e)
{
    struct object object;
    struct error cause = { 0 };
    uint8_t digest[SHA256_SIZE];
    *revision = 0;
    *is_ours = true;
    if (!object_find(call->rest->options.store, OBJECT_AGREEMENT, id, true, &call->arena, &object, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return true;
        }
        *e = cause;
        return false;
    }
    const struct notice *notice = govstack_notice_digest(object.content, digest) ? notices_find_by_digest(notices, digest) : NULL;
    *is_ours = notice != NULL;
    *revision = notice != NULL ? notice->revision : 0;
    object_clear(&object);
    return true;
}

/* All of one id; `*at` comes to stand behind them. */
static bool show_one(struct rest_call *call, const struct notices *notices, size_t *at, struct error *e)
{
    struct bytes id = notices_at(notices, *at)->id;
    uint32_t present;
    bool is_ours;
    if (!find_present(call, notices, id, &present, &is_ours, e)) {
        return false;
    }
    if (!is_ours) {
        diag(DIAG_WARN, "api", "a notice has the id of a data agreement that was made before: it takes consents under /v1 only", NULL);
    }
    for (; *at < notices_count(notices) && bytes_equal(notices_at(notices, *at)->id, id); (*at)++) {
        const struct notice *notice = notices_at(notices, *at);
        if (!is_ours || notice->revision <= present || notice->lifecycle != NOTICE_COMPLETE) {
            continue;
        }
        if (!write_revision(call, notice, present == 0, e)) {
            return false;
        }
        present = notice->revision;
    }
    return true;
}

bool govstack_show_notices(struct rest_call *call, struct error *e)
{
    struct store *store = call->rest->options.store;
    struct notices *notices = consents_notices(consents_of(call));
    size_t count = notices_count(notices), at = 0;
    if (count == atomic_load(&call->rest->shown_notices)) { /* revisions are never taken back */
        notices_drop(notices);
        return true;
    }
    bool ok = store_begin(store, e); /* one at a time from here on: whoever waited finds them written */
    if (ok) {
        while (ok && at < count) {
            ok = show_one(call, notices, &at, e);
        }
        if (ok) {
            ok = store_commit(store, e);
        } else {
            store_rollback(store);
        }
    }
    if (ok) {
        atomic_store(&call->rest->shown_notices, count);
    }
    notices_drop(notices);
    return ok;
}

bool govstack_refuse_notice(struct rest_call *call, const json_t *agreement, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    return !govstack_notice_digest(agreement, digest) ||
           rest_refuse(call, e, 409, "consent.state", "the data agreement", "publish another revision of the notice: POST /v1/notices",
                       "is a published notice, which nobody changes or deletes here");
}

/* ---- What is decided ---- */

struct bytes govstack_consent_id(const json_t *record)
{
    return rest_json_bytes(json_object_get(json_object_get(record, "comity"), "consentId"));
}

struct state {
    bool is_given, is_open;
};

static bool take_state(void *context, const struct consent_record *record)
{
    struct state *state = context;
    state->is_given = state->is_given || record->state == CONSENT_GIVEN;
    state->is_open = state->is_open || record->state == CONSENT_GIVEN || record->state == CONSENT_PAUSED;
    return true;
}

static bool find_state(struct rest_call *call, struct bytes id, struct state *out, struct error *e)
{
    *out = (struct state){ .is_given = false };
    return id.size == 0 || consent_list(consents_of(call), BYTES_NONE, id, take_state, out, e);
}

bool govstack_show_record(struct rest_call *call, json_t *record, struct error *e)
{
    struct state state;
    struct bytes id = govstack_consent_id(record);
    if (id.size == 0) {
        return true;
    }
    return find_state(call, id, &state, e) &&
           (state.is_given || json_object_set_new(record, "optIn", json_false()) == 0 || error_memory(e, "consent record"));
}

bool govstack_show_records(struct rest_call *call, struct error *e)
{
    size_t i;
    json_t *record;
    json_array_foreach(json_object_get(call->answer, "consentRecords"), i, record)
    {
        if (!govstack_show_record(call, record, e)) {
            return false;
        }
    }
    return true;
}

static bool read_separate(struct rest_call *call, const json_t *said, uint32_t *out, struct error *e)
{
    size_t i;
    json_t *one;
    uint32_t bit = 0;
    json_array_foreach(json_object_get(said, "separate"), i, one)
    {
        if (!law_separate_parse(rest_json_bytes(one), &bit)) {
            return rest_refuse(call, e, 400, "request.malformed", "/comity/separate", NULL, "is no separate act");
        }
        *out |= bit;
    }
    return true;
}

static bool read_act(struct rest_call *call, struct consent_act *act, struct error *e)
{
    return rest_act_in(call, json_object_get(call->body, "comity"), "/comity/method", act, e);
}

/* What GovStack's form has no place for is said in `comity` beside it. */
static bool explain_denial(struct rest_call *call, const struct consent_receipt *receipt, struct error *e)
{
    if (e->kind == ERROR_DENIED && receipt->reason != NULL && strcmp(receipt->reason, "consent.not_separate") == 0) {
        return rest_refuse(call, e, 409, receipt->reason, "/comity/separate",
                           "name the acts that the person made one by one, or let the person decide under /v1",
                           "the law wants acts by themselves, which GovStack's one signature doesn't show");
    }
    return rest_denied(call, receipt, e);
}

/* On one revision of a notice: gives all of it, or refuses all; a choice of categories GovStack's form can't say. */
static bool answer(struct rest_call *call, const uint8_t digest[SHA256_SIZE], bool is_given, char id[CONSENT_ID_SIZE], struct error *e)
{
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    struct consent_answer given = { .person = call->subject, .notice = digest, .is_refusal = !is_given };
    struct rest_rules rules;
    if (!read_act(call, &act, e) || !read_separate(call, json_object_get(call->body, "comity"), &given.separate, e) ||
        !rest_rules_take(call, &rules, e)) {
        return false;
    }
    const struct notice *notice = notices_find_by_digest(rules.notices, digest);
    if (act.language.size == 0 && notice != NULL && notice->languages.count > 0) {
        act.language = notice->languages.items[0]; /* in which the agreement was shown */
    }
    bool ok = consent_answer(consents_of(call), &rules.rules, &given, &act, &receipt, e) || explain_denial(call, &receipt, e);
    rest_rules_clear(&rules);
    if (ok) {
        memcpy(id, receipt.id, CONSENT_ID_SIZE);
    }
    return ok;
}

static bool set_consent(json_t *record, const char *id, struct error *e)
{
    return json_object_set_new(record, "comity", json_pack("{s:s}", "consentId", id)) == 0 || error_memory(e, "consent record");
}

bool govstack_decide(struct rest_call *call, json_t *record, bool is_given, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    char id[CONSENT_ID_SIZE];
    if (!govstack_notice_digest(json_object_get(record, "dataAgreement"), digest)) {
        return true; /* an agreement of GovStack's own: its records permit nothing */
    }
    return answer(call, digest, is_given, id, e) && set_consent(record, id, e);
}

bool govstack_must_be_given(struct rest_call *call, const json_t *record, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    struct state state;
    if (!govstack_notice_digest(json_object_get(record, "dataAgreement"), digest) || json_is_false(json_object_get(record, "optIn"))) {
        return true;
    }
    return find_state(call, govstack_consent_id(record), &state, e) &&
           (state.is_open || rest_refuse(call, e, 409, "consent.state", "the consent record", "opt in anew, then sign",
                                         "is of a consent that has ended: a signature doesn't revive it"));
}

/* In front of the record's own change: an end holds even if that one fails. */
bool govstack_opt(struct rest_call *call, json_t *record, bool wants_in, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    struct state state;
    struct bytes id = govstack_consent_id(record);
    if (!govstack_notice_digest(json_object_get(record, "dataAgreement"), digest)) {
        return true;
    }
    if (!find_state(call, id, &state, e)) {
        return false;
    }
    if (wants_in) {
        if (state.is_open) {
            return rest_refuse(call, e, 409, "consent.state", "/consentRecord/optIn", NULL, "is so already, and the consent holds");
        }
        (void)json_object_del(record, "comity"); /* another consent, once it is signed */
        return true;
    }
    if (id.size == 0) {
        return govstack_decide(call, record, false, e);
    }
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    const struct consent_order order = { .id = id, .event = CONSENT_EVENT_WITHDRAW };
    return !state.is_open ||
           (read_act(call, &act, e) && (consent_change(consents_of(call), &order, &act, &receipt, e) || rest_denied(call, &receipt, e)));
}
