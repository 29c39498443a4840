/* GovStack's /service: individuals, and the agreements that they decide on. */
#include <stdio.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "base/time.h"

/* ---- Individuals ---- */

bool govstack_pass_or_absent(struct rest_call *call, const struct error *cause, const char *where, struct error *e)
{
    if (cause->kind == ERROR_ABSENT) {
        return rest_refuse(call, e, 404, "request.absent", where, NULL, "is not known");
    }
    *e = *cause;
    return false;
}

bool rest_find_individual(struct rest_call *call, struct bytes id, struct error *e)
{
    struct object object;
    struct error cause = { 0 };
    if (id.size == 0) {
        return true;
    }
    if (!object_find(call->rest->options.store, OBJECT_INDIVIDUAL, id, false, &call->arena, &object, &cause)) {
        return govstack_pass_or_absent(call, &cause, "the individual", e);
    }
    call->individual = object.id;
    call->subject = object.individual;
    object_clear(&object);
    return true;
}

/*
 * The individual that the session's person is, by the holder's identifier. Without one: `call->individual` stays empty, and whoever is about to
 * write makes one.
 */
bool govstack_find_own(struct rest_call *call, struct error *e)
{
    struct object object;
    struct error cause = { 0 };
    if (call->individual.size > 0 || call->subject.size == 0) {
        return true;
    }
    if (!object_find_individual(call->rest->options.store, call->subject, &call->arena, &object, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return true;
        }
        *e = cause;
        return false;
    }
    call->individual = object.id;
    object_clear(&object);
    return true;
}

/* In the transaction of what the individual is needed for. */
static bool make_own_individual(struct rest_call *call, struct error *e)
{
    char id[OBJECT_ID_SIZE];
    struct object_change change;
    if (call->individual.size > 0) {
        return true;
    }
    object_make_id(govstack_individual.prefix, id);
    call->individual = arena_copy(&call->arena, bytes_of_text(id));
    json_t *content = json_pack("{s:s, s:s%}", "id", id, "externalId", (const char *)call->subject.data, call->subject.size);
    if (content == NULL || call->individual.data == NULL) {
        json_decref(content);
        return error_memory(e, "individual");
    }
    govstack_fill(call, &govstack_individual, call->individual, content, &change);
    change.individual = call->subject;
    change.has_no_revision = true;
    bool ok = object_write(call->rest->options.store, &change, true, NULL, e);
    json_decref(content);
    return ok;
}

/* Makes the individual first, in a transaction of its own: its id must be in the record's snapshot. */
bool govstack_prepare_own(struct rest_call *call, struct error *e)
{
    struct store *store = call->rest->options.store;
    if (!govstack_find_own(call, e)) {
        return false;
    }
    if (call->individual.size > 0) {
        return true;
    }
    if (!store_begin(store, e)) {
        return false;
    }
    if (!make_own_individual(call, e)) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

/* ---- The agreement that a record is about ---- */

void govstack_agreement_clear(struct govstack_agreement_view *agreement)
{
    json_decref(agreement->content);
    json_decref(agreement->revision);
    *agreement = (struct govstack_agreement_view){ 0 }; /* whoever gets it afterwards may clear it again */
}

static bool find_agreement(struct rest_call *call, struct bytes id, struct bytes revision, json_t **content, json_t **made, struct error *e)
{
    struct object object;
    if (id.size == 0) {
        return error_set(e, ERROR_ABSENT, "the data agreement", NULL, "is not named");
    }
    if (!object_find(call->rest->options.store, OBJECT_AGREEMENT, id, false, &call->arena, &object, e)) {
        return false;
    }
    object_clear(&object); /* it is there still; what it says is in the revision */
    if (!object_revision(call->rest->options.store, OBJECT_AGREEMENT, id, revision, made, content, e)) {
        return false;
    }
    (void)json_object_del(*made, "successor"); /* changes later, and must not change what rests on this revision */
    return true;
}

/* `revision` empty: the current one. Must it be one that new consents may be given on? */
bool govstack_agreement_get(struct rest_call *call, struct bytes id, struct bytes revision, bool must_be_active,
                            struct govstack_agreement_view *out, struct error *e)
{
    struct error cause = { 0 };
    *out = (struct govstack_agreement_view){ .id = id };
    if (!govstack_show_notices(call, e)) {
        return false;
    }
    if (!find_agreement(call, id, revision, &out->content, &out->revision, &cause)) {
        govstack_agreement_clear(out);
        return govstack_pass_or_absent(call, &cause, "the data agreement", e);
    }
    const char *lifecycle = json_string_value(json_object_get(json_object_get(out->content, "lifecycle"), "name"));
    bool is_active = !json_is_false(json_object_get(out->content, "active")) && (lifecycle == NULL || strcmp(lifecycle, "Complete") == 0);
    if (must_be_active && !is_active) {
        govstack_agreement_clear(out);
        return rest_refuse(call, e, 409, "consent.state", "the data agreement", NULL, "takes no new consents");
    }
    return true;
}
