#include "api/govstack_internal.h"

#include <stdio.h>

const struct govstack_kind govstack_policy = { OBJECT_POLICY, "Policy", "policy", "policies", 'p' };
const struct govstack_kind govstack_agreement = { OBJECT_AGREEMENT, "DataAgreement", "dataAgreement", "dataAgreements", 'a' };
const struct govstack_kind govstack_individual = { OBJECT_INDIVIDUAL, "Individual", "individual", "individuals", 'i' };
const struct govstack_kind govstack_record = { OBJECT_RECORD, "ConsentRecord", "consentRecord", "consentRecords", 'g' };
const struct govstack_kind govstack_signature = { OBJECT_SIGNATURE, "Signature", "signature", "signatures", 's' };

void govstack_fill(const struct rest_call *call, const struct govstack_kind *kind, struct bytes id, json_t *content,
                   struct object_change *change)
{
    *change = (struct object_change){ .kind = kind->kind,
                                      .schema_name = kind->schema_name,
                                      .id = id,
                                      .owner = call->principal.member,
                                      .content = content,
                                      .by_other = call->access == ACCESS_OWN ? BYTES_NONE : call->principal.name,
                                      .now_ms = call->now_ms };
}

/* Is the present revision the one that If-Match names? In the transaction, so that nobody comes in between. */
static bool check_present(struct rest_call *call, const struct object_change *change, struct error *e)
{
    json_t *revision = NULL;
    if (fields_find(&call->request->fields, BYTES("If-Match")) == NULL) {
        return true;
    }
    if (!object_revision(call->rest->options.store, change->kind, change->id, BYTES_NONE, &revision, NULL, e)) {
        return false;
    }
    const char *present = json_string_value(json_object_get(revision, "id"));
    bool ok = rest_match(call, present == NULL ? "" : present, e);
    json_decref(revision);
    return ok;
}

bool govstack_change(struct rest_call *call, const struct object_change *change, bool is_new, json_t **revision, struct error *e)
{
    struct store *store = call->rest->options.store;
    if (!store_begin(store, e)) {
        return false;
    }
    if ((!is_new && !change->has_no_revision && !check_present(call, change, e)) || !object_write(store, change, is_new, revision, e) ||
        (!change->has_no_revision && !object_log_revision(call->rest->options.committer, *revision, change->now_ms, e))) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

bool govstack_find(struct rest_call *call, const struct govstack_kind *kind, struct bytes id, struct object *out, struct error *e)
{
    struct error cause = { 0 };
    *out = (struct object){ 0 };
    if (id.size == 0) {
        return rest_absent(call, e);
    }
    if (!object_find(call->rest->options.store, kind->kind, id, false, &call->arena, out, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return rest_absent(call, e);
        }
        *e = cause;
        return false;
    }
    bool is_foreign = call->access == ACCESS_MEMBER && !bytes_equal(call->principal.member, call->rest->options.member) &&
                      !bytes_equal(out->owner, call->principal.member);
    if (is_foreign) {
        object_clear(out);
        return rest_absent(call, e);
    }
    return true;
}

bool govstack_answer(struct rest_call *call, const char *member, json_t *content, json_t *revision, struct error *e)
{
    /* Not its digest: the same said twice within a second has the same one. */
    (void)snprintf(call->etag, sizeof call->etag, "%.*s", BYTES_FMT(rest_json_bytes(json_object_get(revision, "id"))));
    call->answer = json_pack("{s:o*, s:o*}", member, content, "revision", revision);
    return call->answer != NULL || error_memory(e, "answer");
}

struct listing {
    struct rest_call *call;
    json_t *rows;
    govstack_each *each;
    bool failed;
};

static bool add_row(void *context, struct object *object)
{
    struct listing *listing = context;
    if (listing->each == NULL || listing->each(listing->call, object)) {
        listing->failed = json_array_append(listing->rows, object->content) != 0;
    }
    return !listing->failed;
}

bool govstack_list(struct rest_call *call, const struct object_filter *filter, const char *list, govstack_each *each, struct error *e)
{
    struct object_filter page = *filter;
    page.offset = call->offset;
    page.limit = call->limit;
    call->answer = json_pack("{s:[]}", list);
    struct listing listing = { .call = call, .rows = json_object_get(call->answer, list), .each = each };
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    return object_list(call->rest->options.store, &page, &call->arena, add_row, &listing, e) &&
           (!listing.failed || error_memory(e, "answer"));
}
