/* GovStack's drafts of consent records: made, signed elsewhere, and handed in. */
#include <stdio.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "base/encode.h"
#include "base/time.h"
#include "consent/canonical_json.h"

enum { DRAFT_MS_MAX = 24 * 60 * 60 * 1000, CLOCK_SKEW_MS = 5 * 60 * 1000 };

static json_t *draft_signature(const struct rest_call *call, struct bytes snapshot, const uint8_t digest[SHA256_SIZE])
{
    char hex[2 * SHA256_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_write(bytes_of(digest, SHA256_SIZE), hex);
    return json_pack("{s:s%, s:s, s:s, s:s%, s:s, s:s%, s:s, s:s, s:b, s:s}", "payload", (const char *)snapshot.data, snapshot.size,
                     "signature", "", "verificationMethod", "", "verificationPayload", (const char *)snapshot.data, snapshot.size,
                     "verificationPayloadHash", hex, "verificationSignedBy", (const char *)call->individual.data, call->individual.size,
                     "verificationSignedAs", bytes_equal(call->subject_role, BYTES("guardian")) ? "delegate" : "individual", "timestamp",
                     time_text(call->now_ms, time), "signedWithoutObjectReference", 1, "objectType", "revision");
}

/* 31 */
bool govstack_draft_create(struct rest_call *call, struct error *e)
{
    struct govstack_agreement_view agreement;
    struct object_change change;
    struct buffer snapshot;
    char sha1[GOVSTACK_SHA1_TEXT_SIZE];
    uint8_t digest[SHA256_SIZE];
    if (!govstack_agreement_get(call, rest_query(call, "dataAgreementId"), rest_query(call, "revisionId"), true, &agreement, e)) {
        return false;
    }
    buffer_init(&snapshot, GOVSTACK_SNAPSHOT_BYTES_MAX);
    bool ok = govstack_prepare_own(call, e);
    json_t *content = ok ? govstack_record_content(&agreement, call->individual, true, "signed") : NULL;
    ok = ok && (content != NULL || error_memory(e, "draft"));
    if (ok) {
        govstack_fill_record(call, BYTES_NONE, agreement.id, content, &change);
        change.by_other = BYTES_NONE;
        change.is_draft = true;
        ok = object_snapshot(&change, &snapshot, e);
    }
    govstack_agreement_clear(&agreement);
    if (ok) {
        govstack_snapshot_hash(buffer_bytes(&snapshot), sha1, digest);
        call->answer = json_pack("{s:O, s:o}", "consentRecord", content, "signature",
                                 draft_signature(call, buffer_bytes(&snapshot), digest));
        ok = call->answer != NULL || error_memory(e, "draft");
    }
    json_decref(content);
    buffer_wipe(&snapshot);
    return ok;
}

/*
 * Is what was signed this record's snapshot, made not long ago? The bytes must be those that anybody makes anew of the record: then the
 * signature speaks of nothing else.
 */
static bool check_payload(struct rest_call *call, const json_t *content, struct bytes payload, int64_t *time_ms, struct error *e)
{
    struct buffer canonical;
    buffer_init(&canonical, GOVSTACK_SNAPSHOT_BYTES_MAX);
    json_t *said = json_loadb((const char *)payload.data, payload.size, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(said) && canonical_json_write(said, "signature", &canonical, e) &&
              bytes_equal(buffer_bytes(&canonical), payload);
    buffer_wipe(&canonical);
    ok = ok && govstack_is_text(json_object_get(said, "schemaName"), "ConsentRecord") && json_is_null(json_object_get(said, "objectId")) &&
         json_is_true(json_object_get(said, "signedWithoutObjectId")) && json_is_null(json_object_get(said, "authorizedByOther")) &&
         bytes_equal(rest_json_bytes(json_object_get(said, "authorizedByIndividual")), call->individual) &&
         json_equal(json_object_get(said, "objectData"), content) != 0 &&
         time_parse(rest_json_bytes(json_object_get(said, "timestamp")), time_ms);
    json_decref(said);
    if (!ok) {
        return rest_refuse(call, e, 400, "consent.signature", "/signature/payload", "sign the draft's payload as it came",
                           "is not the snapshot of this consent record");
    }
    return (*time_ms > call->now_ms - DRAFT_MS_MAX && *time_ms < call->now_ms + CLOCK_SKEW_MS) ||
           rest_refuse(call, e, 400, "consent.signature", "/signature/payload", "make a new draft", "the draft is older than a day");
}

/* The draft's own members, without what the gateway adds: the record as it was signed. NULL: memory. */
static json_t *drafted(const struct rest_call *call)
{
    json_t *content = json_copy(json_object_get(call->body, "consentRecord"));
    if (content != NULL) {
        (void)json_object_del(content, "id");
        (void)json_object_del(content, "signature");
    }
    return content;
}

/* The one that these very bytes became when they came for the first time; NULL in `content`: they are new. */
static bool find_submitted(struct rest_call *call, struct bytes payload, json_t **content, json_t **revision, struct error *e)
{
    char sha1[GOVSTACK_SHA1_TEXT_SIZE], hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];
    govstack_snapshot_hash(payload, sha1, digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    return object_find_revision(call->rest->options.store, OBJECT_RECORD, bytes_of_text(hex), &call->arena, content, revision, e);
}

static bool is_current_agreement(struct rest_call *call, const json_t *content, struct govstack_agreement_view *agreement, struct error *e)
{
    struct bytes id = rest_json_bytes(json_object_get(json_object_get(content, "dataAgreement"), "id"));
    struct bytes revision = rest_json_bytes(json_object_get(json_object_get(content, "dataAgreementRevision"), "id"));
    id = arena_copy(&call->arena, id);
    if (id.data == NULL) {
        return error_memory(e, "consent record");
    }
    if (!govstack_agreement_get(call, id, revision, true, agreement, e)) {
        return false;
    }
    bool is_same = json_equal(json_object_get(content, "dataAgreement"), agreement->content) != 0 &&
                   json_equal(json_object_get(content, "dataAgreementRevisionHash"),
                              json_object_get(agreement->revision, "serializedHash")) != 0;
    if (!is_same) {
        return rest_refuse(call, e, 400, "request.malformed", "/consentRecord/dataAgreement", "make a new draft",
                           "is not what its revision says");
    }
    return true;
}

/* Whose record it is: the session's person, or for staff whom the record names. */
static bool find_signer(struct rest_call *call, struct error *e)
{
    struct bytes named = rest_json_bytes(
        json_object_get(json_object_get(json_object_get(call->body, "consentRecord"), "individual"), "id"));
    bool is_own = call->access == ACCESS_OWN;
    if (!is_own && call->individual.size == 0 && !rest_find_individual(call, named, e)) {
        return false;
    }
    if (is_own && !govstack_find_own(call, e)) {
        return false;
    }
    return (call->individual.size > 0 && bytes_equal(named, call->individual)) ||
           rest_refuse(call, e, 400, "auth.person", "/consentRecord/individual", NULL, "is another than who asks");
}

/* 32: a finished draft comes back. The same a second time changes nothing and gets the same answer. */
bool govstack_draft_submit(struct rest_call *call, struct error *e)
{
    struct govstack_agreement_view agreement = { 0 };
    struct object_change change;
    struct bytes payload = rest_json_bytes(json_object_get(json_object_get(call->body, "signature"), "payload"));
    char id[OBJECT_ID_SIZE];
    int64_t drafted_at_ms = 0;
    json_t *content = NULL, *signature = NULL, *revision = NULL;
    bool ok = false;
    if (!find_signer(call, e)) {
        return false;
    }
    if (!find_submitted(call, payload, &content, &revision, e)) {
        return false;
    }
    if (content != NULL) {
        call->answer = json_pack("{s:O, s:o, s:O}", "consentRecord", content, "revision", revision, "signature",
                                 json_object_get(content, "signature"));
        json_decref(content);
        return call->answer != NULL || error_memory(e, "answer");
    }
    content = drafted(call);
    if (content == NULL) {
        return error_memory(e, "consent record");
    }
    if (!govstack_is_text(json_object_get(content, "state"), "signed")) {
        (void)rest_refuse(call, e, 400, "consent.state", "/consentRecord/state", "send the draft as it came", "a finished draft is signed");
        goto done;
    }
    if (!is_current_agreement(call, content, &agreement, e)) {
        goto done;
    }
    if (!check_payload(call, content, payload, &drafted_at_ms, e)) {
        goto done;
    }
    object_make_id(govstack_record.prefix, id);
    signature = govstack_take_signature(call, payload, id, e);
    if (signature == NULL) {
        goto done;
    }
    if (!govstack_decide(call, content, json_is_true(json_object_get(content, "optIn")), e)) {
        goto done;
    }
    if (!govstack_set_id(content, bytes_of_text(id)) || json_object_set(content, "signature", signature) != 0) {
        error_memory(e, "consent record");
        goto done;
    }
    govstack_fill_record(call, bytes_of_text(id), agreement.id, content, &change);
    change.is_draft = true;
    change.snapshot = payload;
    change.now_ms = drafted_at_ms;
    ok = govstack_write_record(call, &change, true, signature, &revision, e);
    if (ok) {
        call->answer = json_pack("{s:O, s:O, s:O}", "consentRecord", content, "revision", revision, "signature", signature);
        ok = call->answer != NULL || error_memory(e, "answer");
    }
done:
    govstack_agreement_clear(&agreement);
    json_decref(content);
    json_decref(signature);
    json_decref(revision);
    return ok;
}
