/* GovStack's verification and audit: across individuals. */
#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "base/encode.h"

enum { PSEUDONYM_DIGITS = 16 };

bool govstack_verify_records(struct rest_call *call, struct error *e)
{
    bool is_foreign = call->access == ACCESS_MEMBER && !bytes_equal(call->principal.member, call->rest->options.member);
    const struct object_filter filter = { .kind = OBJECT_RECORD,
                                          .owner = is_foreign ? call->principal.member : BYTES_NONE,
                                          .individual = call->individual };
    if (call->access == ACCESS_OWN) {
        return govstack_record_list_own(call, e);
    }
    return govstack_list(call, &filter, "consentRecords", call->access == ACCESS_REDACTED ? govstack_redact : NULL, e) &&
           govstack_show_records(call, e);
}

bool govstack_verify_record(struct rest_call *call, struct error *e)
{
    struct object object;
    json_t *revision = NULL;
    if (!govstack_find_record(call, &object, e)) {
        return false;
    }
    if (!object_revision(call->rest->options.store, OBJECT_RECORD, object.id, BYTES_NONE, &revision, NULL, e) ||
        !govstack_show_record(call, object.content, e)) {
        object_clear(&object);
        return false;
    }
    return govstack_answer(call, "consentRecord", object.content, revision, e);
}

/* The same individual is the same name in all of an audit, and not the id by which it could be looked up. */
bool govstack_redact(struct rest_call *call, struct object *object)
{
    const struct bytes parts[] = { BYTES("audit\n"), object->individual };
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    (void)call;
    sha256_parts(parts, COUNT_OF(parts), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    hex[PSEUDONYM_DIGITS] = '\0';
    (void)json_object_del(object->content, "signature"); /* names the signer, and carries the snapshot */
    return json_object_set_new(object->content, "individual", json_pack("{s:s}", "id", hex)) == 0;
}

bool govstack_audit_records(struct rest_call *call, struct error *e)
{
    const struct object_filter filter = { .kind = OBJECT_RECORD };
    return govstack_list(call, &filter, "consentRecords", govstack_redact, e) && govstack_show_records(call, e);
}

bool govstack_audit_record(struct rest_call *call, struct error *e)
{
    struct object object;
    if (!govstack_find(call, &govstack_record, call->match.parameters[0], &object, e)) {
        return false;
    }
    if (!govstack_show_record(call, object.content, e)) {
        object_clear(&object);
        return false;
    }
    if (!govstack_redact(call, &object)) {
        object_clear(&object);
        return error_memory(e, "answer");
    }
    return govstack_answer(call, "consentRecord", object.content, NULL, e);
}

/* The specification's audit of an agreement has no revision; verification and audit lists have the plural key. */
bool govstack_audit_agreement(struct rest_call *call, struct error *e)
{
    if (!govstack_agreement_read(call, e)) {
        return false;
    }
    return json_object_del(call->answer, "revision") == 0 || error_memory(e, "answer");
}

bool govstack_verify_agreements(struct rest_call *call, struct error *e)
{
    return govstack_agreement_list(call, e) && (json_object_del(call->answer, "dataAgreement") == 0 || error_memory(e, "answer"));
}
