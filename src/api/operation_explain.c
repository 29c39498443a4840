/* Why a request would be allowed or refused: decided as the gateway would, on what it has now; nothing is asked of anybody, counted or logged. */
#include "api/operation_explain.h"

#include <stdlib.h>

#include "api/operation_internal.h"
#include "base/time.h"
#include "consent/counters.h"
#include "consent/notice_store.h"
#include "policy/explain.h"
#include "policy/glob.h"
#include "policy/peek.h"
#include "rights/hold.h"

enum { TEXT_BYTES_MAX = 1024 * 1024, PATH_BYTES_MAX = 16 * 1024, CLAIM_BYTES_MAX = 500 };

struct explaining {
    const struct operation_context *context;
    struct operation_grounds grounds;
    struct world *world;
    struct identifier client, service;
    struct consent_view view;
    struct notices *notices;
    struct arena arena;
    struct decide_request request;
    struct decide_context facts;
    struct decide_result result;
    bool is_named; /* a person is */
};

/* ---- What is asked ---- */

static bool take_id(struct explaining *x, const json_t *request, const char *key, size_t parts, struct identifier *out, struct error *e)
{
    struct bytes text;
    if (!operation_get_text(request, key, false, OPERATION_IDENTIFIER_BYTES_MAX, &text, e)) {
        return false;
    }
    uint8_t *storage = arena_take(&x->arena, text.size + 1);
    if (storage == NULL) {
        return error_memory(e, key);
    }
    if (!identifier_parse(text, parts, parts, storage, out, e)) {
        (void)snprintf(e->where, sizeof e->where, "%s", key);
        return false;
    }
    return true;
}

static bool keep(struct explaining *x, struct buffer *text, struct bytes *out, struct error *e)
{
    *out = text->failed ? BYTES_NONE : arena_copy(&x->arena, buffer_bytes(text));
    buffer_clear(text);
    return out->data != NULL || error_memory(e, "request");
}

static bool take_purpose(struct explaining *x, const json_t *request, struct error *e)
{
    const json_t *purpose = json_object_get(request, "purpose");
    struct buffer full;
    if (purpose == NULL) {
        return true;
    }
    buffer_init(&full, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    if (!operation_get_iri(purpose, "purpose", &full, e)) {
        buffer_clear(&full);
        return false;
    }
    return keep(x, &full, &x->request.purpose, e);
}

static bool take_path(struct explaining *x, const json_t *request, struct error *e)
{
    struct bytes path;
    struct buffer normal;
    if (!operation_get_text(request, "path", true, PATH_BYTES_MAX, &path, e)) {
        return false;
    }
    buffer_init(&normal, PATH_BYTES_MAX);
    if (!glob_normalise(path.size == 0 ? BYTES("/") : path, &normal, e)) {
        buffer_clear(&normal);
        return false;
    }
    return keep(x, &normal, &x->request.path, e);
}

static bool take_recipient(struct explaining *x, struct error *e)
{
    struct buffer member;
    buffer_init(&member, OPERATION_IDENTIFIER_BYTES_MAX);
    identifier_append_parts(&member, &x->client, 3);
    return keep(x, &member, &x->request.recipient, e);
}

static bool take_request(struct explaining *x, const json_t *request, struct error *e)
{
    static const char *const keys[] = { "client", "service", "method", "path",         "purpose",
                                        "person", "at",      "vital",  "confirmed_by", "authority" };
    struct decide_request *out = &x->request;
    out->now_ms = time_now_ms();
    bool ok = operation_check_keys(request, keys, COUNT_OF(keys), e) && take_id(x, request, "client", 4, &x->client, e) &&
              take_id(x, request, "service", 5, &x->service, e) && operation_get_text(request, "method", true, 16, &out->method, e) &&
              take_purpose(x, request, e) && take_path(x, request, e) && take_recipient(x, e) &&
              operation_get_text(request, "person", true, PERSON_SIZE_MAX, &out->person, e) &&
              operation_get_time(request, "at", &out->now_ms, e) &&
              operation_get_text(request, "vital", true, CLAIM_BYTES_MAX, &out->justification, e) &&
              operation_get_text(request, "confirmed_by", true, CLAIM_BYTES_MAX, &out->confirmed_by, e) &&
              operation_get_text(request, "authority", true, CLAIM_BYTES_MAX, &out->authority, e);
    out->client = &x->client;
    out->method = out->method.size == 0 ? BYTES("GET") : out->method;
    out->claims_vital = out->justification.size > 0;
    x->is_named = out->person.size > 0;
    out->person = x->is_named ? out->person : BYTES("-"); /* somebody: whom, is only for what is looked up */
    return ok;
}

/* ---- What it stands on ---- */

static bool take_grounds(struct explaining *x, struct error *e)
{
    const struct operation_context *context = x->context;
    if (context->grounds == NULL || context->world == NULL) {
        return error_set(e, ERROR_ABSENT, "gateway", "start the gateway", "law, policy and directory are not at hand");
    }
    x->grounds = context->grounds(context->grounds_context);
    x->world = context->world(context->world_context);
    if (x->grounds.law == NULL || x->grounds.policy == NULL || x->world == NULL) {
        return error_set(e, ERROR_ABSENT, "policy", "run: comity apply FILE", "there is no policy in force, or no law or directory");
    }
    x->request.service = policy_find_service(x->grounds.policy, &x->service);
    x->facts.policy = x->grounds.policy;
    x->facts.law = x->grounds.law;
    x->facts.parties = decide_parties_of(&x->client, &x->service, x->world->own,
                                         world_find_community(x->world, x->client.parts[0], x->request.now_ms));
    return true;
}

static void decide_counted(struct explaining *x)
{
    const struct peek peek = { .counters = x->context->counters, .request = &x->request, .service = &x->service, .context = &x->facts };
    peek_counters(&peek, &x->arena, &x->facts.counters);
    x->facts.counters.is_held = x->request.service != NULL && x->context->rights != NULL &&
                                hold_is_on(x->context->rights, x->request.recipient, x->request.service->id);
    decide(&x->request, &x->facts, &x->result);
}

/* A person that is not named is one of whom nothing is known. */
static bool decide_all(struct explaining *x, struct error *e)
{
    decide_counted(x);
    if (!x->result.needs_consent) {
        return true;
    }
    const struct consent_key key = { .person = x->request.person, .recipient = x->request.recipient, .purpose = x->result.purpose };
    if (x->is_named && !consents_load(x->context->consents, &key, &x->view, e)) {
        return false;
    }
    x->notices = consents_notices(x->context->consents);
    x->facts.notices = x->notices;
    x->facts.consents = &x->view;
    decide_counted(x);
    return true;
}

/* ---- What is said ---- */

static const char *remedy(const struct explaining *x, enum reason reason)
{
    return reason == REASON_NONE ? "" : explain_remedy(reason, x->facts.counters.is_held);
}

static json_t *category_json(const struct explaining *x, size_t i)
{
    const struct decide_category *category = &x->result.categories[i];
    struct bytes iri = x->facts.policy->categories[x->request.service->releases[i].category].iri;
    bool leaves = category->withheld == REASON_NONE;
    struct bytes article = leaves ? x->facts.law->basis[category->basis].source.article : explain_article(category);
    return json_pack("{s:o, s:b, s:b, s:s, s:s, s:o, s:s}", "category", operation_text(iri), "permitted", leaves, "sensitive",
                     category->is_sensitive, "basis", law_basis_word(category->basis), "reason", reason_code(category->withheld), "article",
                     article.size == 0 ? json_string("") : operation_text(article), "remedy", remedy(x, category->withheld));
}

static json_t *answer_json(const struct explaining *x)
{
    const enum reason reason = x->result.reason;
    struct buffer text;
    json_t *categories = json_array();
    size_t count = x->result.is_looked_at ? x->request.service->release_count : 0;
    bool ok = categories != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        ok = json_array_append_new(categories, category_json(x, i)) == 0;
    }
    buffer_init(&text, TEXT_BYTES_MAX);
    explain_write(&x->request, &x->facts, &x->result, &text);
    json_t *answer = !ok || text.failed
                         ? NULL
                         : json_pack("{s:b, s:s, s:s, s:s, s:b, s:O, s:o}", "permitted", reason == REASON_NONE, "reason",
                                     reason_code(reason), "told", reason_code(reason_told(reason)), "remedy", remedy(x, reason), "held",
                                     x->facts.counters.is_held, "categories", categories, "text", operation_text(buffer_bytes(&text)));
    json_decref(categories);
    buffer_clear(&text);
    return answer;
}

bool operation_explain(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    *answer = NULL;
    struct explaining *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return error_memory(e, "explain");
    }
    x->context = context;
    bool ok = take_request(x, request, e) && take_grounds(x, e) && decide_all(x, e);
    if (ok) {
        *answer = answer_json(x);
        ok = *answer != NULL || error_memory(e, "explain");
    }
    consent_view_clear(&x->view);
    notices_drop(x->notices);
    law_drop(x->grounds.law);
    policy_drop(x->grounds.policy);
    world_release(x->world);
    arena_clear(&x->arena);
    free(x);
    return ok;
}
