/* GovStack's chain of revisions (reference consent-standards 1.3). */
#include <stdio.h>

#include "base/encode.h"
#include "consent/canonical_json.h"
#include "interchange/govstack.h"
#include "interchange/json_make.h"

/* Bookkeeping of a revision, and the id, which is beside it. */
static json_t *object_data(const json_t *object)
{
    static const char *const left_out[] = { "id", "successor", "predecessorHash", "predecessorSignature" };
    json_t *copy = json_copy((json_t *)object);
    for (size_t i = 0; copy != NULL && i < COUNT_OF(left_out); i++) {
        (void)json_object_del(copy, left_out[i]); /* -1: it has none */
    }
    return copy;
}

bool govstack_snapshot_write(const struct govstack_change *change, struct buffer *out, struct error *e)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "schemaName", change->schema_name);
    json_make_bytes_or_null(&m, "objectId", change->object_id);
    json_make_bool(&m, "signedWithoutObjectId", change->object_id.size == 0);
    json_make_time(&m, "timestamp", change->timestamp_ms);
    json_make_bytes_or_null(&m, "authorizedByIndividual", change->individual);
    json_make_bytes_or_null(&m, "authorizedByOther", change->other);
    json_make_value(&m, "objectData", object_data(change->object));
    json_t *made = json_made(&m);
    bool ok = canonical_json_write(made, "revision", out, e);
    json_decref(made);
    return ok;
}

void govstack_snapshot_hash(struct bytes snapshot, char sha1[GOVSTACK_SHA1_TEXT_SIZE], uint8_t sha256_out[SHA256_SIZE])
{
    uint8_t digest[SHA1_SIZE];
    sha1_for_compatibility(snapshot, digest);
    hex_write(bytes_of(digest, sizeof digest), sha1);
    sha256(snapshot, sha256_out);
}

void govstack_revision_make(const struct govstack_change *change, struct bytes id, struct bytes snapshot,
                            const struct govstack_revision *before, struct govstack_revision *out)
{
    *out = (struct govstack_revision){
        .id = id,
        .schema_name = change->schema_name,
        .object_id = change->object_id,
        .timestamp_ms = change->timestamp_ms,
        .individual = change->individual,
        .other = change->other,
        .snapshot = snapshot,
        .has_predecessor = before != NULL,
    };
    govstack_snapshot_hash(snapshot, out->sha1, out->sha256);
    if (before != NULL) {
        memcpy(out->predecessor_sha1, before->sha1, sizeof out->predecessor_sha1);
        memcpy(out->predecessor_sha256, before->sha256, sizeof out->predecessor_sha256);
    }
}

/* Individual and Revision are objects in the schema; of another one only the id is known here. */
static json_t *reference_of(struct bytes id)
{
    return id.size == 0 ? json_null() : json_pack("{s:o}", "id", json_from_bytes(id));
}

json_t *govstack_revision_json(const struct govstack_revision *revision)
{
    struct json_maker comity = json_make();
    json_make_digest(&comity, "sha256", revision->sha256);
    if (revision->has_predecessor) {
        json_make_digest(&comity, "prevSha256", revision->predecessor_sha256);
    } else {
        json_make_value(&comity, "prevSha256", json_null());
    }
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", revision->id);
    json_make_bytes(&m, "schemaName", revision->schema_name);
    json_make_bytes(&m, "objectId", revision->object_id);
    json_make_bool(&m, "signedWithoutObjectId", revision->object_id.size == 0);
    json_make_bytes(&m, "serializedSnapshot", revision->snapshot);
    json_make_text(&m, "serializedHash", revision->sha1);
    json_make_time(&m, "timestamp", revision->timestamp_ms);
    json_make_value(&m, "authorizedByIndividual", reference_of(revision->individual));
    json_make_bytes_or_null(&m, "authorizedByOther", revision->other);
    json_make_value(&m, "successor", reference_of(revision->successor));
    json_make_bytes_or_null(&m, "predecessorHash", bytes_of_text(revision->predecessor_sha1));
    json_make_bytes_or_null(&m, "predecessorSignature", revision->predecessor_signature);
    json_make_value(&m, "comity", json_made(&comity));
    return json_made(&m);
}

static bool refuse(const struct govstack_revision *revision, struct error *e, const char *what)
{
    char where[128];
    (void)snprintf(where, sizeof where, "revision %.*s", BYTES_FMT(bytes_slice(revision->id, 0, 100)));
    return error_set(e, ERROR_INPUT, where, "restore the database from a backup", "%s", what);
}

static bool check_one(const struct govstack_revision *revision, const struct govstack_revision *before,
                      const struct govstack_revision *after, struct error *e)
{
    char sha1[GOVSTACK_SHA1_TEXT_SIZE];
    uint8_t digest[SHA256_SIZE];
    govstack_snapshot_hash(revision->snapshot, sha1, digest);
    if (memcmp(digest, revision->sha256, sizeof digest) != 0 || strcmp(sha1, revision->sha1) != 0) {
        return refuse(revision, e, "its hashes are not those of its snapshot");
    }
    if (revision->has_predecessor != (before != NULL) ||
        (before != NULL ? memcmp(revision->predecessor_sha256, before->sha256, SHA256_SIZE) != 0 ||
                              strcmp(revision->predecessor_sha1, before->sha1) != 0
                        : revision->predecessor_sha1[0] != '\0')) {
        return refuse(revision, e, "it does not continue the revision before it");
    }
    return bytes_equal(revision->successor, after != NULL ? after->id : BYTES_NONE) ||
           refuse(revision, e, "its successor is another than the revision behind it");
}

bool govstack_chain_check(const struct govstack_revision *revisions, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        if (!check_one(&revisions[i], i > 0 ? &revisions[i - 1] : NULL, i + 1 < count ? &revisions[i + 1] : NULL, e)) {
            return false;
        }
    }
    return true;
}
