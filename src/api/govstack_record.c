/* GovStack's consent records: made, changed, signed, erased; each with its chain of revisions. */
#include <stdio.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "api/webhook.h"
#include "base/encode.h"
#include "crypto/key.h"

bool govstack_is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* ---- Records ---- */

/* Without `id`, as a draft is. NULL: memory. */
json_t *govstack_record_content(const struct govstack_agreement_view *agreement, struct bytes individual, bool is_opted_in,
                                const char *state)
{
    return json_pack("{s:O, s:O, s:O, s:{s:s%}, s:b, s:s}", "dataAgreement", agreement->content, "dataAgreementRevision",
                     agreement->revision, "dataAgreementRevisionHash", json_object_get(agreement->revision, "serializedHash"), "individual",
                     "id", (const char *)individual.data, individual.size, "optIn", is_opted_in, "state", state);
}

bool govstack_set_id(json_t *content, struct bytes id)
{
    return json_object_set_new(content, "id", json_stringn((const char *)id.data, id.size)) == 0;
}

void govstack_fill_record(const struct rest_call *call, struct bytes id, struct bytes agreement, json_t *content,
                          struct object_change *change)
{
    govstack_fill(call, &govstack_record, id, content, change);
    change->individual = call->individual;
    change->agreement = agreement;
    change->by_individual = call->individual;
}

/* What becomes of a record is told to whoever has subscribed, and to the consents of this gateway; in the same transaction. */
static bool record_changed(struct rest_call *call, const json_t *content, struct error *e)
{
    bool is_signed = strcmp(json_string_value(json_object_get(content, "state")), "signed") == 0;
    bool is_opted_in = json_is_true(json_object_get(content, "optIn"));
    if (is_opted_in && !is_signed) {
        return true; /* asked only: nobody has decided */
    }
    json_t *data = json_pack("{s:O, s:O, s:O, s:O, s:O}", "consentRecordId", json_object_get(content, "id"), "dataAgreementId",
                             json_object_get(json_object_get(content, "dataAgreement"), "id"), "individualId",
                             json_object_get(json_object_get(content, "individual"), "id"), "optIn", json_object_get(content, "optIn"),
                             "state", json_object_get(content, "state"));
    if (data == NULL) {
        return error_memory(e, "webhook");
    }
    bool ok = webhooks_queue(call->rest->options.store, BYTES_NONE, is_opted_in ? "consent.allowed" : "consent.disallowed", data,
                             call->now_ms, e);
    json_decref(data);
    return ok;
}

/* In one transaction: the individual where that is new, the record with its revision, a signature (may be NULL), and who is told. */
bool govstack_write_record(struct rest_call *call, struct object_change *change, bool is_new, json_t *signature, json_t **revision,
                           struct error *e)
{
    struct store *store = call->rest->options.store;
    if (!store_begin(store, e)) {
        return false;
    }
    bool ok = object_write(store, change, is_new, revision, e);
    if (ok && signature != NULL) {
        struct object_change signing;
        json_t *own = NULL;
        govstack_fill(call, &govstack_signature, rest_json_bytes(json_object_get(signature, "id")), signature, &signing);
        signing.individual = call->individual; /* erased with that person */
        ok = object_write(store, &signing, true, &own, e) && object_log_revision(call->rest->options.committer, own, call->now_ms, e);
        json_decref(own);
    }
    ok = ok && (change->has_no_revision || object_log_revision(call->rest->options.committer, *revision, call->now_ms, e)) &&
         record_changed(call, change->content, e);
    if (!ok) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

/* 29: a consent to the current or the named revision, not signed. */
bool govstack_record_create(struct rest_call *call, struct error *e)
{
    struct govstack_agreement_view agreement;
    struct object_change change;
    char id[OBJECT_ID_SIZE];
    json_t *revision = NULL;
    if (!govstack_agreement_get(call, call->match.parameters[0], rest_query(call, "revisionId"), true, &agreement, e)) {
        return false;
    }
    object_make_id(govstack_record.prefix, id);
    bool ok = govstack_prepare_own(call, e);
    json_t *content = ok ? govstack_record_content(&agreement, call->individual, true, "unsigned") : NULL;
    ok = ok && ((content != NULL && govstack_set_id(content, bytes_of_text(id))) || error_memory(e, "consent record"));
    if (ok) {
        govstack_fill_record(call, bytes_of_text(id), agreement.id, content, &change);
        ok = govstack_write_record(call, &change, true, NULL, &revision, e);
    }
    govstack_agreement_clear(&agreement);
    if (!ok) {
        json_decref(content);
        json_decref(revision);
        return false;
    }
    return govstack_answer(call, "consentRecord", content, revision, e);
}

/* 30: the one that counts. */
bool govstack_record_of_agreement(struct rest_call *call, struct error *e)
{
    struct object object;
    struct error cause = { 0 };
    if (!govstack_find_own(call, e)) {
        return false;
    }
    if (!object_find_newest_record(call->rest->options.store, call->individual, call->match.parameters[0], &call->arena, &object, &cause)) {
        return govstack_pass_or_absent(call, &cause, "the consent record", e);
    }
    if (!govstack_show_record(call, object.content, e)) {
        object_clear(&object);
        return false;
    }
    return govstack_answer(call, "consentRecord", object.content, NULL, e);
}

/* 33, 37: of the individual, on one agreement or on all. */
bool govstack_record_list_own(struct rest_call *call, struct error *e)
{
    if (!govstack_find_own(call, e)) {
        return false;
    }
    const struct object_filter filter = { .kind = OBJECT_RECORD, .individual = call->individual, .agreement = call->match.parameters[0] };
    if (call->individual.size == 0) { /* nobody has ever asked this person */
        call->answer = json_pack("{s:[]}", "consentRecords");
        return call->answer != NULL || error_memory(e, "answer");
    }
    return govstack_list(call, &filter, "consentRecords", NULL, e) && govstack_show_records(call, e);
}

/* ---- Signatures ---- */

/*
 * What can be checked is checked: the payload's digest, and an Ed25519 signature whose public key (base64, 32 bytes) is the artifact. Of other
 * methods only their makers know more; they are kept for whoever does.
 */
static bool check_signature(struct rest_call *call, const json_t *given, struct error *e)
{
    struct bytes payload = rest_json_bytes(json_object_get(given, "payload")),
                 said = rest_json_bytes(json_object_get(given, "verificationPayloadHash"));
    struct bytes checked = rest_json_bytes(json_object_get(given, "verificationPayload"));
    char sha1[GOVSTACK_SHA1_TEXT_SIZE], hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE], signature[ED25519_SIGNATURE_SIZE];
    size_t key_size = 0, size = 0;
    struct verifier verifier = { 0 };
    govstack_snapshot_hash(checked, sha1, digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    if (!bytes_equal(said, bytes_of_text(hex)) && !bytes_equal(said, bytes_of_text(sha1))) {
        return rest_refuse(call, e, 400, "consent.signature", "/signature/verificationPayloadHash", "send the SHA-256 in lower-case hex",
                           "is not the digest of verificationPayload");
    }
    if (!govstack_is_text(json_object_get(given, "verificationMethod"), "ed25519")) {
        return true;
    }
    bool ok = base64_parse(rest_json_bytes(json_object_get(given, "verificationArtifact")), verifier.public_key, sizeof verifier.public_key,
                           &key_size) &&
              key_size == sizeof verifier.public_key &&
              base64_parse(rest_json_bytes(json_object_get(given, "signature")), signature, sizeof signature, &size) &&
              size == sizeof signature && verifier_check(&verifier, payload, signature);
    return ok ||
           rest_refuse(call, e, 400, "consent.signature", "/signature/signature", "sign the payload's bytes with Ed25519", "is wrong");
}

/* A signature with its id and what it signs; the caller's. NULL: refused. */
json_t *govstack_take_signature(struct rest_call *call, struct bytes payload, const char *record, struct error *e)
{
    char id[OBJECT_ID_SIZE];
    json_t *given = json_object_get(call->body, "signature");
    if (!bytes_equal(rest_json_bytes(json_object_get(given, "payload")), payload)) {
        (void)rest_refuse(call, e, 400, "consent.signature", "/signature/payload", "sign the revision's serializedSnapshot, byte for byte",
                          "is not what must be signed");
        return NULL;
    }
    if (!check_signature(call, given, e)) {
        return NULL;
    }
    object_make_id(govstack_signature.prefix, id);
    json_t *signature = json_copy(given);
    if (signature == NULL || json_object_set_new(signature, "id", json_string(id)) != 0 ||
        json_object_set_new(signature, "objectReference", json_string(record)) != 0 ||
        json_object_set_new(signature, "objectType", json_string("revision")) != 0) {
        json_decref(signature);
        error_memory(e, "signature");
        return NULL;
    }
    return signature;
}

/* ---- Changing a record ---- */

/* The record in the path, which must be the individual's own. */
bool govstack_find_record(struct rest_call *call, struct object *out, struct error *e)
{
    if (!govstack_find(call, &govstack_record, call->match.parameters[0], out, e)) {
        return false;
    }
    if (!govstack_find_own(call, e)) {
        object_clear(out);
        return false;
    }
    if (call->individual.size > 0 && !bytes_equal(out->individual, call->individual)) {
        object_clear(out);
        return rest_absent(call, e);
    }
    if (call->individual.size == 0) { /* staff without the header: whose it is stands in the record */
        bool is_staff = call->access == ACCESS_MEMBER || call->access == ACCESS_ALL;
        if (!is_staff || !rest_find_individual(call, out->individual, e)) {
            object_clear(out);
            return is_staff ? false : rest_absent(call, e);
        }
    }
    return true;
}

/* Only optIn may be another than it is. */
static bool check_only_opt_in(struct rest_call *call, const json_t *present, const json_t *given, struct error *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)given, key, value)
    {
        if (strcmp(key, "optIn") != 0 && json_equal(value, json_object_get(present, key)) == 0) {
            char where[96];
            (void)snprintf(where, sizeof where, "/consentRecord/%.60s", key);
            return rest_refuse(call, e, 400, "request.malformed", where, "leave it out: only optIn may be changed",
                               "is another than the record's");
        }
    }
    return true;
}

/* 34: a new revision, which is not signed any more. */
bool govstack_record_update(struct rest_call *call, struct error *e)
{
    struct object object;
    struct object_change change;
    json_t *revision = NULL, *given = json_object_get(call->body, "consentRecord");
    if (!govstack_find_record(call, &object, e)) {
        return false;
    }
    if (!check_only_opt_in(call, object.content, given, e) ||
        !govstack_opt(call, object.content, json_is_true(json_object_get(given, "optIn")), e)) {
        object_clear(&object);
        return false;
    }
    struct bytes signed_by = rest_json_bytes(json_object_get(json_object_get(object.content, "signature"), "signature"));
    struct bytes before = signed_by.size == 0 ? BYTES_NONE : arena_copy(&call->arena, signed_by);
    (void)json_object_del(object.content, "signature");
    bool ok = json_object_set(object.content, "optIn", json_object_get(given, "optIn")) == 0 &&
              json_object_set_new(object.content, "state", json_string("unsigned")) == 0;
    ok = ok || error_memory(e, "consent record");
    if (ok) {
        govstack_fill_record(call, object.id, object.agreement, object.content, &change);
        change.prev_signature = before;
        ok = govstack_write_record(call, &change, false, NULL, &revision, e);
    }
    if (!ok) {
        object_clear(&object);
        json_decref(revision);
        return false;
    }
    return govstack_answer(call, "consentRecord", object.content, revision, e);
}

/* 35, 36: over the snapshot of the newest revision. */
static bool sign(struct rest_call *call, bool is_replacing, struct error *e)
{
    struct object object;
    struct object_change change;
    json_t *revision = NULL, *signature = NULL;
    bool ok = false;
    if (!govstack_find_record(call, &object, e)) {
        return false;
    }
    bool is_signed = json_object_get(object.content, "signature") != NULL;
    if (is_signed != is_replacing) {
        (void)rest_refuse(call, e, 409, "consent.state", "the consent record", is_replacing ? "use POST" : "use PUT",
                          is_replacing ? "has no signature yet" : "is signed already");
        goto done;
    }
    if (!object_revision(call->rest->options.store, OBJECT_RECORD, object.id, BYTES_NONE, &revision, NULL, e)) {
        goto done;
    }
    signature = govstack_take_signature(call, rest_json_bytes(json_object_get(revision, "serializedSnapshot")), rest_text(call, object.id),
                                        e);
    if (signature == NULL) {
        goto done;
    }
    bool is_in = json_is_true(json_object_get(object.content, "optIn"));
    if (is_replacing ? !govstack_must_be_given(call, object.content, e) : is_in && !govstack_decide(call, object.content, true, e)) {
        goto done;
    }
    if (json_object_set(object.content, "signature", signature) != 0 ||
        json_object_set_new(object.content, "state", json_string("signed")) != 0) {
        error_memory(e, "signature");
        goto done;
    }
    govstack_fill_record(call, object.id, object.agreement, object.content, &change);
    change.has_no_revision = true; /* the signature is of the present one */
    ok = govstack_write_record(call, &change, false, signature, NULL, e);
    if (ok) {
        call->answer = json_pack("{s:O}", "signature", signature);
        ok = call->answer != NULL || error_memory(e, "answer");
    }
done:
    object_clear(&object);
    json_decref(revision);
    json_decref(signature);
    return ok;
}

bool govstack_signature_create(struct rest_call *call, struct error *e)
{
    return sign(call, false, e);
}

bool govstack_signature_replace(struct rest_call *call, struct error *e)
{
    return sign(call, true, e);
}

/* ---- Erasing ---- */

struct erasing {
    struct rest_call *call;
    struct error *e;
    bool failed;
};

/* Of agreements that may be forgotten, and what was never signed; the log keeps the digests. */
static bool erase_one(void *context, struct object *object)
{
    struct erasing *erasing = context;
    bool is_forgettable = json_is_true(json_object_get(json_object_get(object->content, "dataAgreement"), "forgettable"));
    bool is_signed = govstack_is_text(json_object_get(object->content, "state"), "signed");
    if (is_forgettable || !is_signed) {
        erasing->failed = !object_erase(erasing->call->rest->options.store, OBJECT_RECORD, object->id, erasing->e);
    }
    return !erasing->failed;
}

/* 38 */
bool govstack_record_erase(struct rest_call *call, struct error *e)
{
    struct store *store = call->rest->options.store;
    if (!govstack_find_own(call, e)) {
        return false;
    }
    if (call->individual.size == 0) {
        return true;
    }
    struct erasing erasing = { .call = call, .e = e };
    const struct object_filter filter = { .kind = OBJECT_RECORD, .individual = call->individual, .limit = INT32_MAX };
    if (!store_begin(store, e)) {
        return false;
    }
    if (!object_list(store, &filter, &call->arena, erase_one, &erasing, e) || erasing.failed) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}
