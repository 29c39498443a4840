/* /v1: what is known of a person, the pause switch, and who answers for whom. */
#include <stdlib.h>

#include "api/rest_handlers_internal.h"
#include "base/encode.h"
#include "base/time.h"
#include "consent/persons.h"
#include "consent/notice_store.h"
#include "interchange/json_make.h"

/* ---- Who acts ---- */

static const struct {
    struct bytes name;
    enum consent_role role;
} representatives[] = { { BYTES("guardian"), CONSENT_ROLE_GUARDIAN },
                        { BYTES("delegate"), CONSENT_ROLE_DELEGATE },
                        { BYTES("relative"), CONSENT_ROLE_RELATIVE } };

/*
 * The session's person, or who acts for one; at a counter it is still the person who speaks: the employee says how, and is named as evidence of
 * that in the access event.
 */
bool rest_act_in(struct rest_call *call, const json_t *said, const char *where, struct consent_act *act, struct error *e)
{
    struct bytes method = rest_json_bytes(json_object_get(said, "method")), evidence = rest_json_bytes(json_object_get(said, "evidence"));
    *act = (struct consent_act){ .role = CONSENT_ROLE_PERSON, .method = CONSENT_METHOD_PORTAL };
    act->language = rest_json_bytes(json_object_get(said, "language"));
    for (size_t i = 0; i < COUNT_OF(representatives); i++) {
        if (bytes_equal(call->subject_role, representatives[i].name)) {
            act->role = representatives[i].role;
            act->ref = call->principal.person;
        }
    }
    if ((call->principal.roles & (1U << ROLE_HELPER)) != 0) {
        act->ref = call->principal.name; /* at the person's side: the event says who it was */
    }
    if (call->access != ACCESS_OWN) {
        act->method = CONSENT_METHOD_NONE;
        if (!consent_method_parse(method, &act->method) || act->method == CONSENT_METHOD_PORTAL) {
            return rest_refuse(call, e, 400, "request.malformed", where, "say how the person told you: kiosk, paper, voice or ussd",
                               "must be there");
        }
    } else if (method.size > 0) {
        return rest_refuse(call, e, 400, "request.malformed", where, "leave it out", "is for staff at a counter");
    }
    if (evidence.size > 0) {
        act->has_evidence = hex_parse(evidence, act->evidence, sizeof act->evidence);
    }
    return true;
}

bool rest_act_of(struct rest_call *call, struct consent_act *act, struct error *e)
{
    return rest_act_in(call, call->body, "/method", act, e);
}

bool rest_rules_take(struct rest_call *call, struct rest_rules *r, struct error *e)
{
    const struct operation_context *context = &call->rest->options.operations;
    struct operation_grounds grounds = context->grounds == NULL ? (struct operation_grounds){ 0 }
                                                                : context->grounds(context->grounds_context);
    *r = (struct rest_rules){ .law = grounds.law, .policy = grounds.policy };
    if (r->law == NULL) {
        policy_drop(r->policy);
        *r = (struct rest_rules){ 0 };
        return error_set(e, ERROR_IO, "law", "try again later", "the community's law is not at hand");
    }
    r->notices = consents_notices(context->consents);
    r->rules = (struct consent_rules){ .law = r->law, .notices = r->notices };
    return true;
}

void rest_rules_clear(struct rest_rules *r)
{
    notices_drop(r->notices);
    policy_drop(r->policy);
    law_drop(r->law);
}

bool rest_denied(struct rest_call *call, const struct consent_receipt *receipt, struct error *e)
{
    if (e->kind == ERROR_DENIED && receipt->reason != NULL) {
        call->reason = receipt->reason;
        call->status = strcmp(receipt->reason, "consent.changed") == 0 ? 412 : 409;
    }
    return false;
}

static struct consents *consents_of(const struct rest_call *call)
{
    return call->rest->options.operations.consents;
}

/* ---- Wards ---- */

struct finding {
    struct rest_call *call;
    struct bytes id;
    bool is_found, failed;
};

static bool take_ward(void *context, const struct representative *r)
{
    struct finding *f = context;
    if (!bytes_equal(r->id, f->id) || !representative_is_now(r, f->call->now_ms)) {
        return true;
    }
    f->call->subject = arena_copy(&f->call->arena, r->person);
    f->call->subject_role = bytes_of_text(consent_role_name(r->role));
    f->call->guardianship = f->id;
    f->is_found = true;
    f->failed = f->call->subject.data == NULL;
    return false;
}

bool rest_find_ward(struct rest_call *call, struct bytes guardianship, struct error *e)
{
    struct finding f = { .call = call, .id = guardianship };
    if (!representatives_list(consents_of(call), BYTES_NONE, call->principal.person, take_ward, &f, e)) {
        return false;
    }
    if (f.failed) {
        return error_memory(e, "guardianship");
    }
    return f.is_found ||
           rest_refuse(call, e, 403, "auth.guardian", "header Comity-Guardianship", NULL, "you do not answer for anybody by this");
}

/* ---- The person ---- */

static bool answer_person(struct rest_call *call, struct error *e)
{
    struct consent_person person;
    if (!persons_find(consents_of(call), call->subject, &person, e)) {
        return false;
    }
    struct json_maker m = json_make();
    json_make_bytes(&m, "person", call->subject);
    json_make_bytes(&m, "as", call->subject_role.size > 0 ? call->subject_role : BYTES("staff"));
    json_make_bool(&m, "paused", person.is_paused);
    json_make_bool(&m, "restricted", person.is_restricted);
    json_make_bool(&m, "died", person.has_died);
    json_make_bool(&m, "guarded", person.guardian_until_ms > call->now_ms);
    call->answer = json_made(&m);
    return call->answer != NULL || error_memory(e, "answer");
}

bool handle_person_read(struct rest_call *call, struct error *e)
{
    return answer_person(call, e);
}

static bool mark(struct rest_call *call, enum person_event event, struct error *e)
{
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    if (!rest_act_of(call, &act, e)) {
        return false;
    }
    if (!persons_mark(consents_of(call), call->subject, event, &act, &receipt, e)) {
        return rest_denied(call, &receipt, e);
    }
    return answer_person(call, e);
}

bool handle_person_pause(struct rest_call *call, struct error *e)
{
    return mark(call, PERSON_EVENT_PAUSE, e);
}

bool handle_person_resume(struct rest_call *call, struct error *e)
{
    return mark(call, PERSON_EVENT_RESUME, e);
}

/* ---- Guardianships ---- */

struct listing {
    struct rest_call *call;
    json_t *rows;
    bool is_of_ward; /* the row tells for whom, and not who */
    bool failed;
};

static bool add_row(void *context, const struct representative *r)
{
    struct listing *listing = context;
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", r->id);
    json_make_text(&m, "role", consent_role_name(r->role));
    json_make_bytes(&m, "relation", r->relation);
    json_make_bytes(&m, listing->is_of_ward ? "person" : "representative", listing->is_of_ward ? r->person : r->ref);
    json_make_time(&m, "from", r->from_ms);
    json_make_value(&m, "until", r->until_ms == INT64_MAX ? json_null() : json_from_time(r->until_ms));
    json_make_bool(&m, "active", representative_is_now(r, listing->call->now_ms));
    listing->failed = !json_list_add(listing->rows, json_made(&m));
    return !listing->failed;
}

/* For whom the subject answers, and who answers for the subject. */
bool handle_guardianship_list(struct rest_call *call, struct error *e)
{
    call->answer = json_pack("{s:[], s:[]}", "answersFor", "answeredBy");
    struct listing wards = { .call = call, .rows = json_object_get(call->answer, "answersFor"), .is_of_ward = true };
    struct listing own = { .call = call, .rows = json_object_get(call->answer, "answeredBy") };
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    /* Whom a guardian's ward answers for is no business of the guardian's. */
    bool is_for_ward = call->guardianship.size > 0;
    return (is_for_ward || representatives_list(consents_of(call), BYTES_NONE, call->subject, add_row, &wards, e)) &&
           representatives_list(consents_of(call), call->subject, BYTES_NONE, add_row, &own, e) &&
           ((!wards.failed && !own.failed) || error_memory(e, "answer"));
}

static bool read_times(const struct rest_call *call, struct representative *r, struct error *e)
{
    struct bytes from = rest_json_bytes(json_object_get(call->body, "from")), until = rest_json_bytes(json_object_get(call->body, "until"));
    r->from_ms = call->now_ms;
    r->until_ms = INT64_MAX;
    return ((from.size == 0 || time_parse(from, &r->from_ms)) && (until.size == 0 || time_parse(until, &r->until_ms))) ||
           error_set(e, ERROR_INPUT, "/from", NULL, "is no time");
}

/* By the holder's own office, which has seen both proofs. */
bool handle_guardianship_create(struct rest_call *call, struct error *e)
{
    struct consent_receipt receipt = { .reason = NULL };
    const struct consent_act act = { .role = CONSENT_ROLE_SYSTEM, .ref = call->principal.name, .method = CONSENT_METHOD_API };
    struct representative r = { .person = call->subject,
                                .ref = rest_json_bytes(json_object_get(call->body, "representative")),
                                .relation = rest_json_bytes(json_object_get(call->body, "relation")) };
    if (!consent_role_parse(rest_json_bytes(json_object_get(call->body, "role")), &r.role) ||
        !hex_parse(rest_json_bytes(json_object_get(call->body, "evidence")), r.evidence, sizeof r.evidence) ||
        !hex_parse(rest_json_bytes(json_object_get(call->body, "proof")), r.proof, sizeof r.proof)) {
        return rest_refuse(call, e, 400, "request.malformed", "body", NULL, "evidence and proof are SHA-256, as 64 hex digits");
    }
    if (!read_times(call, &r, e)) {
        return false;
    }
    if (!representatives_add(consents_of(call), &r, &act, &receipt, e)) {
        return rest_denied(call, &receipt, e);
    }
    call->answer = json_pack("{s:s, s:I}", "id", receipt.id, "logIndex", (json_int_t)receipt.log_index);
    return call->answer != NULL || error_memory(e, "answer");
}

bool handle_guardianship_end(struct rest_call *call, struct error *e)
{
    struct consent_receipt receipt = { .reason = NULL };
    const struct consent_act act = { .role = CONSENT_ROLE_SYSTEM, .ref = call->principal.name, .method = CONSENT_METHOD_API };
    if (call->match.parameters[0].size == 0) {
        return rest_absent(call, e);
    }
    if (!representatives_end(consents_of(call), call->match.parameters[0], &act, &receipt, e)) {
        return rest_denied(call, &receipt, e);
    }
    call->answer = json_pack("{s:b}", "changed", receipt.is_changed);
    return call->answer != NULL || error_memory(e, "answer");
}
