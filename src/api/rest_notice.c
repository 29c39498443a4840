/* /v1/notices: what persons are shown, every revision by its digest; publishing. */
#include <stdio.h>

#include "api/rest_handlers_internal.h"
#include "base/encode.h"
#include "consent/notice_store.h"
#include "interchange/json_make.h"

static struct consents *consents_of(const struct rest_call *call)
{
    return call->rest->options.operations.consents;
}

bool rest_answer_notice(struct rest_call *call, const struct notice *notice, struct error *e)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(notice->digest, SHA256_SIZE), hex);
    (void)snprintf(call->etag, sizeof call->etag, "%s", hex);
    call->answer = json_pack("{s:s, s:o}", "sha256", hex, "notice",
                             json_loadb((const char *)notice->text.data, notice->text.size, JSON_REJECT_DUPLICATES, NULL));
    call->is_public = true;
    return call->answer != NULL || error_memory(e, "answer");
}

static json_t *notice_row(const struct notice *notice, bool is_current)
{
    struct json_maker m = json_make();
    json_make_digest(&m, "sha256", notice->digest);
    json_make_bytes(&m, "id", notice->id);
    json_make_number(&m, "revision", notice->revision);
    json_make_text(&m, "lifecycle", notice->lifecycle == NOTICE_COMPLETE ? "complete" : "draft");
    json_make_bool(&m, "active", notice->is_active);
    json_make_bool(&m, "current", is_current);
    json_make_bytes(&m, "holder", notice->holder.member);
    json_make_bytes(&m, "recipient", notice->recipient.member);
    json_make_bytes(&m, "purpose", notice->purpose);
    json_make_value(&m, "purposeText", json_of_texts(&notice->purpose_text));
    return json_made(&m);
}

/* Persons see what is in force; organisations and auditors everything that was. */
bool handle_notice_list(struct rest_call *call, struct error *e)
{
    struct notices *notices = consents_notices(consents_of(call));
    bool is_all = (call->principal.roles & ROLES_OF_PERSONS) == 0;
    uint64_t from = 0, at;
    char next[24];
    bool ok = call->cursor.size == 0 || bytes_to_u64(call->cursor, &from) ||
              rest_refuse(call, e, 400, "request.malformed", "query cursor", "take it from the page before", "is no cursor of this list");
    call->answer = ok ? json_pack("{s:[]}", "notices") : NULL;
    json_t *rows = json_object_get(call->answer, "notices");
    for (at = from; call->answer != NULL && at < notices_count(notices) && json_array_size(rows) < call->limit; at++) {
        const struct notice *notice = notices_at(notices, at);
        bool is_current = notices_is_current(notices, notice);
        if ((is_all || is_current) && !json_list_add(rows, notice_row(notice, is_current))) {
            json_decref(call->answer);
            call->answer = NULL;
        }
    }
    (void)snprintf(next, sizeof next, "%llu", (unsigned long long)at);
    if (ok && (call->answer == NULL ||
               json_object_set_new(call->answer, "next", at < notices_count(notices) ? json_string(next) : json_null()) != 0)) {
        ok = error_memory(e, "answer");
    }
    notices_drop(notices);
    return ok;
}

bool handle_notice_read(struct rest_call *call, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    if (!hex_parse(call->match.parameters[0], digest, sizeof digest)) {
        return rest_absent(call, e);
    }
    struct notices *notices = consents_notices(consents_of(call));
    const struct notice *notice = notices_find_by_digest(notices, digest);
    bool ok = notice != NULL ? rest_answer_notice(call, notice, e) : rest_absent(call, e);
    notices_drop(notices);
    return ok;
}

/* ---- Publishing ---- */

/* The first of what is missing is the error; how many there are is said beside it. */
static bool refuse_findings(struct rest_call *call, const struct notice_findings *findings, struct error *e)
{
    const struct notice_finding *first = &findings->items[0];
    return rest_refuse(call, e, 422, "notice.incomplete", first->pointer, NULL, "%s (%.*s; %zu findings in all)", first->what,
                       BYTES_FMT(first->article), findings->count);
}

static bool is_own_iri(const void *context, struct bytes iri)
{
    const struct policy *policy = context;
    for (size_t i = 0; policy != NULL && i < policy->category_count; i++) {
        if (bytes_equal(policy->categories[i].iri, iri)) {
            return true;
        }
    }
    return false;
}

bool handle_notice_publish(struct rest_call *call, struct error *e)
{
    const struct operation_context *context = &call->rest->options.operations;
    struct operation_grounds grounds = context->grounds == NULL ? (struct operation_grounds){ 0 }
                                                                : context->grounds(context->grounds_context);
    struct notice_published published = { 0 };
    struct bytes by = arena_format(&call->arena, "%s:%.*s", role_name(rest_role(call)), BYTES_FMT(call->principal.name));
    bool ok = grounds.law != NULL || error_set(e, ERROR_IO, "law", "try again later", "the community's law is not at hand");
    ok = ok && (by.data != NULL || error_memory(e, "notice"));
    if (ok && !bytes_equal(call->principal.member, call->rest->options.member)) {
        ok = rest_refuse(call, e, 403, "auth.role", "request", "send it to the holder", "only the holder publishes notices");
    }
    if (ok) {
        const struct notice_submission submission = {
            .value = json_object_get(call->body, "notice"),
            .by = by,
            .ground = { .law = grounds.law, .now_ms = call->now_ms, .is_own = is_own_iri, .context = grounds.policy },
            .archive = call->rest->options.archive,
        };
        ok = notice_publish(consents_of(call), &submission, &published, e) ||
             (e->kind == ERROR_INPUT && published.findings.count > 0 && refuse_findings(call, &published.findings, e));
    }
    if (ok) {
        ok = rest_answer_notice(call, published.notice, e);
        call->is_public = false;
        ok = ok && ((json_object_set_new(call->answer, "changed", json_boolean(published.is_changed)) == 0 &&
                     json_object_set_new(call->answer, "difference", json_string(notice_difference_name(published.difference))) == 0) ||
                    error_memory(e, "answer"));
    }
    notice_published_clear(&published);
    law_drop(grounds.law);
    policy_drop(grounds.policy);
    return ok;
}
