/* GovStack's /config, and what of it /service shows as well: policies, data agreements, individuals. */
#include <stdio.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"

/* ---- Of any kind ---- */

/* The object in the body, with the id that it gets: its own, the path's, or a new one. NULL: refused. The reference is the caller's. */
static json_t *take_content(struct rest_call *call, const struct govstack_kind *kind, struct bytes path_id, struct bytes *id,
                            struct error *e)
{
    char made[OBJECT_ID_SIZE];
    json_t *given = json_object_get(call->body, kind->member);
    struct bytes own = rest_json_bytes(json_object_get(given, "id"));
    if (path_id.size > 0 && own.size > 0 && !bytes_equal(own, path_id)) {
        (void)rest_refuse(call, e, 400, "request.malformed", "/id", "leave it out", "is another id than the path's");
        return NULL;
    }
    object_make_id(kind->prefix, made);
    *id = arena_copy(&call->arena, path_id.size > 0 ? path_id : own.size > 0 ? own : bytes_of_text(made));
    json_t *content = json_copy(given);
    if (content == NULL || id->data == NULL || json_object_set_new(content, "id", json_stringn((const char *)id->data, id->size)) != 0) {
        json_decref(content);
        error_memory(e, "request");
        return NULL;
    }
    return content;
}

static bool create(struct rest_call *call, const struct govstack_kind *kind, struct error *e)
{
    struct bytes id;
    struct object_change change;
    json_t *revision = NULL, *content = take_content(call, kind, BYTES_NONE, &id, e);
    if (content == NULL) {
        return false;
    }
    govstack_fill(call, kind, id, content, &change);
    if (!govstack_change(call, &change, true, &revision, e)) {
        json_decref(content);
        return false;
    }
    return govstack_answer(call, kind->member, content, revision, e);
}

static bool read_revision(struct rest_call *call, const struct govstack_kind *kind, struct error *e)
{
    struct object object;
    json_t *revision = NULL, *content = NULL;
    struct error cause = { 0 };
    if (!govstack_find(call, kind, call->match.parameters[0], &object, e)) {
        return false;
    }
    bool ok = object_revision(call->rest->options.store, kind->kind, object.id, rest_query(call, "revisionId"), &revision, &content,
                              &cause);
    object_clear(&object);
    if (!ok && cause.kind == ERROR_ABSENT) {
        return rest_absent(call, e);
    }
    if (!ok) {
        json_decref(revision);
        json_decref(content);
        *e = cause;
        return false;
    }
    return govstack_answer(call, kind->member, content, revision, e);
}

static bool update(struct rest_call *call, const struct govstack_kind *kind, struct error *e)
{
    struct object object;
    struct object_change change;
    struct bytes id;
    json_t *revision = NULL, *content = NULL;
    if (!govstack_find(call, kind, call->match.parameters[0], &object, e)) {
        return false;
    }
    content = govstack_refuse_notice(call, object.content, e) ? take_content(call, kind, object.id, &id, e) : NULL;
    object_clear(&object);
    if (content == NULL) {
        return false;
    }
    govstack_fill(call, kind, id, content, &change);
    if (!govstack_change(call, &change, false, &revision, e)) {
        json_decref(content);
        return false;
    }
    return govstack_answer(call, kind->member, content, revision, e);
}

static bool delete (struct rest_call *call, const struct govstack_kind *kind, struct error *e)
{
    struct object object;
    struct object_change change;
    json_t *revision = NULL;
    if (!govstack_find(call, kind, call->match.parameters[0], &object, e)) {
        return false;
    }
    govstack_fill(call, kind, object.id, object.content, &change);
    change.is_delete = true;
    bool ok = govstack_refuse_notice(call, object.content, e) && govstack_change(call, &change, false, &revision, e);
    object_clear(&object);
    return ok && govstack_answer(call, kind->member, NULL, revision, e);
}

/* A foreign organisation sees its own; everybody else who may list sees all. */
static bool list(struct rest_call *call, const struct govstack_kind *kind, const char *name, struct error *e)
{
    bool is_foreign = call->access == ACCESS_MEMBER && !bytes_equal(call->principal.member, call->rest->options.member);
    const struct object_filter filter = { .kind = kind->kind, .owner = is_foreign ? call->principal.member : BYTES_NONE };
    return govstack_list(call, &filter, name, NULL, e);
}

/* ---- Policies ---- */

bool govstack_policy_create(struct rest_call *call, struct error *e)
{
    return create(call, &govstack_policy, e);
}

bool govstack_policy_read(struct rest_call *call, struct error *e)
{
    return read_revision(call, &govstack_policy, e);
}

bool govstack_policy_update(struct rest_call *call, struct error *e)
{
    return update(call, &govstack_policy, e);
}

bool govstack_policy_delete(struct rest_call *call, struct error *e)
{
    return delete (call, &govstack_policy, e);
}

/* The specification's schema has the policy only; without the list the endpoint would be pointless. */
bool govstack_policy_revisions(struct rest_call *call, struct error *e)
{
    struct object object;
    json_t *revisions = NULL;
    if (!govstack_find(call, &govstack_policy, call->match.parameters[0], &object, e)) {
        return false;
    }
    if (!object_revisions(call->rest->options.store, OBJECT_POLICY, object.id, call->offset, call->limit, &revisions, e)) {
        object_clear(&object);
        return false;
    }
    call->answer = json_pack("{s:o, s:o}", "policy", object.content, "revisions", revisions);
    return call->answer != NULL || error_memory(e, "answer");
}

bool govstack_policy_list(struct rest_call *call, struct error *e)
{
    return list(call, &govstack_policy, "policies", e);
}

/* ---- Data agreements ---- */

bool govstack_agreement_create(struct rest_call *call, struct error *e)
{
    return govstack_show_notices(call, e) && create(call, &govstack_agreement, e);
}

bool govstack_agreement_read(struct rest_call *call, struct error *e)
{
    return govstack_show_notices(call, e) && read_revision(call, &govstack_agreement, e);
}

bool govstack_agreement_update(struct rest_call *call, struct error *e)
{
    return govstack_show_notices(call, e) && update(call, &govstack_agreement, e);
}

bool govstack_agreement_delete(struct rest_call *call, struct error *e)
{
    return govstack_show_notices(call, e) && delete (call, &govstack_agreement, e);
}

/* The specification's key is in the singular, by mistake: both are sent. */
bool govstack_agreement_list(struct rest_call *call, struct error *e)
{
    return govstack_show_notices(call, e) && list(call, &govstack_agreement, "dataAgreements", e) &&
           (json_object_set(call->answer, "dataAgreement", json_object_get(call->answer, "dataAgreements")) == 0 ||
            error_memory(e, "answer"));
}

/* ---- Individuals: no revisions of their own ---- */

/* One person is one individual: two would have two answers to one question. */
static bool check_only_one(struct rest_call *call, struct bytes id, struct error *e)
{
    struct object other;
    struct error cause = { 0 };
    if (!object_find_individual(call->rest->options.store, call->subject, &call->arena, &other, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return true;
        }
        *e = cause;
        return false;
    }
    bool is_same = bytes_equal(other.id, id);
    object_clear(&other);
    return is_same || rest_refuse(call, e, 409, "request.denied", "/individual/externalId", "use the individual that is there",
                                  "another individual is this person already");
}

static bool write_individual(struct rest_call *call, struct bytes path_id, struct error *e)
{
    struct bytes id;
    struct object_change change;
    json_t *content = take_content(call, &govstack_individual, path_id, &id, e);
    if (content == NULL) {
        return false;
    }
    govstack_fill(call, &govstack_individual, id, content, &change);
    change.has_no_revision = true;
    struct bytes external = rest_json_bytes(json_object_get(content, "externalId"));
    call->subject = arena_copy(&call->arena, external.size > 0 ? external : id);
    change.individual = call->subject;
    if (call->subject.data == NULL) {
        json_decref(content);
        return error_memory(e, "individual");
    }
    if (!check_only_one(call, id, e) || !govstack_change(call, &change, path_id.size == 0, NULL, e)) {
        json_decref(content);
        return false;
    }
    return govstack_answer(call, "individual", content, NULL, e);
}

bool govstack_individual_create(struct rest_call *call, struct error *e)
{
    return write_individual(call, BYTES_NONE, e);
}

bool govstack_individual_read(struct rest_call *call, struct error *e)
{
    struct object object;
    if (!govstack_find(call, &govstack_individual, call->match.parameters[0], &object, e)) {
        return false;
    }
    struct bytes external = rest_json_bytes(json_object_get(object.content, "externalId"));
    struct bytes person = external.size > 0 ? external : object.id;
    if (!rest_enter_subject(call, person, object.owner, e)) {
        object_clear(&object);
        return false;
    }
    return govstack_answer(call, "individual", object.content, NULL, e);
}

bool govstack_individual_update(struct rest_call *call, struct error *e)
{
    struct object object;
    if (!govstack_find(call, &govstack_individual, call->match.parameters[0], &object, e)) {
        return false;
    }
    object_clear(&object);
    return write_individual(call, call->match.parameters[0], e);
}

/* A list is no look at anybody's data: ids only. Who wants to know whom one means reads that one, and that is told. */
static bool hide_identifier(struct rest_call *call, struct object *object)
{
    (void)call;
    (void)json_object_del(object->content, "externalId");
    return true;
}

bool govstack_individual_list(struct rest_call *call, struct error *e)
{
    bool is_foreign = !bytes_equal(call->principal.member, call->rest->options.member);
    const struct object_filter filter = { .kind = OBJECT_INDIVIDUAL, .owner = is_foreign ? call->principal.member : BYTES_NONE };
    return govstack_list(call, &filter, "individuals", hide_identifier, e);
}
