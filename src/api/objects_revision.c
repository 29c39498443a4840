/* Revisions: snapshots, their digests, their chain. */
#include "api/objects_internal.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "api/rest_internal.h"
#include "base/encode.h"
#include "base/time.h"
#include "consent/canonical_json.h"

enum { SNAPSHOT_BYTES_MAX = 512 * 1024 };

/* For compatibility only: GovStack's revisions are chained by it. Nothing here relies on it. */
static bool write_sha1(struct bytes text, char out[SHA1_HEX_SIZE], struct error *e)
{
    uint8_t digest[20];
    size_t size = sizeof digest;
    if (EVP_Q_digest(NULL, "SHA1", NULL, text.data, text.size, digest, &size) != 1 || size != sizeof digest) {
        return error_set(e, ERROR_IO, "OpenSSL", "allow SHA-1 in its configuration, or don't use the GovStack API", "has no SHA-1");
    }
    hex_write(bytes_of(digest, sizeof digest), out);
    return true;
}

/* All of the object but its own bookkeeping (reference 1.3, 1). */
static json_t *object_data(const struct object_change *change)
{
    json_t *data = json_copy(change->content);
    if (data != NULL) {
        (void)json_object_del(data, "id");
    }
    return data;
}

static json_t *text_or_null(struct bytes text)
{
    return text.size == 0 ? json_null() : json_stringn((const char *)text.data, text.size);
}

bool snapshot_make(const struct object_change *change, struct snapshot_text *out, struct error *e)
{
    char time[TIME_TEXT_SIZE];
    uint8_t digest[SHA256_SIZE];
    buffer_init(&out->text, SNAPSHOT_BYTES_MAX);
    json_t *whole = json_pack("{s:s, s:o, s:b, s:s, s:o, s:o, s:o}", "schemaName", change->schema_name, "objectId",
                              change->is_draft ? json_null() : text_or_null(change->id), "signedWithoutObjectId", change->is_draft,
                              "timestamp", time_text(change->now_ms, time), "authorizedByIndividual", text_or_null(change->by_individual),
                              "authorizedByOther", text_or_null(change->by_other), "objectData", object_data(change));
    bool ok = whole == NULL ? error_memory(e, "snapshot") : canonical_json_write(whole, "snapshot", &out->text, e);
    json_decref(whole);
    ok = ok && write_sha1(buffer_bytes(&out->text), out->sha1, e);
    if (ok) {
        sha256(buffer_bytes(&out->text), digest);
        hex_write(bytes_of(digest, sizeof digest), out->sha256);
    } else {
        buffer_wipe(&out->text);
    }
    return ok;
}

/* ---- Rows to GovStack's Revision ---- */

enum {
    COLUMN_ID,
    COLUMN_KIND,
    COLUMN_OBJECT,
    COLUMN_SNAPSHOT,
    COLUMN_SHA1,
    COLUMN_SHA256,
    COLUMN_PREV_SHA1,
    COLUMN_PREV_SHA256,
    COLUMN_PREV_SIGNATURE,
    COLUMN_SUCCESSOR,
    COLUMN_IS_DRAFT,
    COLUMN_INDIVIDUAL,
    COLUMN_BY_OTHER,
    COLUMN_CREATED_AT,
    COLUMN_CONTENT,
    COLUMN_NUMBER,
};
#define COLUMNS                                                                                                                            \
    "id, kind, object, snapshot, sha1, sha256, prev_sha1, prev_sha256, prev_signature, successor, is_draft, individual, by_other,"         \
    " created_at, content, number"

static const char *schema_name_of(struct bytes kind)
{
    static const struct {
        struct bytes kind;
        const char *name;
    } rows[] = { { BYTES(OBJECT_POLICY), "Policy" },
                 { BYTES(OBJECT_AGREEMENT), "DataAgreement" },
                 { BYTES(OBJECT_RECORD), "ConsentRecord" },
                 { BYTES(OBJECT_SIGNATURE), "Signature" } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (bytes_equal(rows[i].kind, kind)) {
            return rows[i].name;
        }
    }
    return "Individual";
}

static json_t *revision_json(const struct store_value *columns)
{
    char time[TIME_TEXT_SIZE];
    struct bytes individual = columns[COLUMN_INDIVIDUAL].bytes, successor = columns[COLUMN_SUCCESSOR].bytes;
    json_t *value = json_pack("{s:o, s:s, s:o, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:I}}", "id",
                              text_or_null(columns[COLUMN_ID].bytes), "schemaName", schema_name_of(columns[COLUMN_KIND].bytes), "objectId",
                              text_or_null(columns[COLUMN_OBJECT].bytes), "signedWithoutObjectId", columns[COLUMN_IS_DRAFT].integer != 0,
                              "serializedSnapshot",
                              json_stringn((const char *)columns[COLUMN_SNAPSHOT].bytes.data, columns[COLUMN_SNAPSHOT].bytes.size),
                              "serializedHash", text_or_null(columns[COLUMN_SHA1].bytes), "timestamp",
                              time_text(columns[COLUMN_CREATED_AT].integer, time), "authorizedByIndividual",
                              individual.size == 0 ? json_null() : json_pack("{s:o}", "id", text_or_null(individual)), "authorizedByOther",
                              text_or_null(columns[COLUMN_BY_OTHER].bytes), "predecessorHash",
                              text_or_null(columns[COLUMN_PREV_SHA1].bytes), "predecessorSignature",
                              text_or_null(columns[COLUMN_PREV_SIGNATURE].bytes), "comity", "sha256",
                              text_or_null(columns[COLUMN_SHA256].bytes), "prevSha256", text_or_null(columns[COLUMN_PREV_SHA256].bytes),
                              "number", (json_int_t)columns[COLUMN_NUMBER].integer);
    if (value != NULL && successor.size > 0) {
        json_t *next = json_pack("{s:o}", "id", text_or_null(successor));
        if (next == NULL || json_object_set_new(value, "successor", next) != 0) {
            json_decref(value);
            value = NULL;
        }
    }
    return value;
}

struct revisions {
    json_t *list; /* of all, or */
    json_t **only, **content;
    size_t count;
    bool failed;
};

static bool take_revision(void *context, const struct store_value *columns, size_t count)
{
    struct revisions *r = context;
    (void)count;
    json_t *value = revision_json(columns);
    r->count++;
    if (value == NULL || (r->list != NULL && json_array_append_new(r->list, value) != 0)) {
        r->failed = true;
        return false;
    }
    if (r->list == NULL) {
        *r->only = value;
        if (r->content != NULL) {
            *r->content = json_loadb((const char *)columns[COLUMN_CONTENT].bytes.data, columns[COLUMN_CONTENT].bytes.size, 0, NULL);
            r->failed = *r->content == NULL;
        }
    }
    return !r->failed;
}

bool object_revision(struct store *store, const char *kind, struct bytes object, struct bytes id, json_t **revision, json_t **content,
                     struct error *e)
{
    static const char newest[] = "SELECT " COLUMNS " FROM api_revisions WHERE kind = ?1 AND object = ?2 AND ?3 = ''"
                                 " ORDER BY number DESC LIMIT 1";
    static const char named[] = "SELECT " COLUMNS " FROM api_revisions WHERE kind = ?1 AND object = ?2 AND id = ?3";
    const struct store_value values[] = { STORE_STR(bytes_of_text(kind)), STORE_STR(object), STORE_STR(id) };
    struct revisions r = { .only = revision, .content = content };
    *revision = NULL;
    if (content != NULL) {
        *content = NULL;
    }
    /* Through the writer, which sees what its own transaction has added. */
    if (!store_run(store, id.size == 0 ? newest : named, values, COUNT_OF(values), take_revision, &r, NULL, e)) {
        return false;
    }
    if (r.failed) {
        return error_memory(e, "revision");
    }
    return r.count == 1 || error_set(e, ERROR_ABSENT, "revision", NULL, "there is none of this id");
}

bool object_revisions(struct store *store, const char *kind, struct bytes object, uint64_t offset, uint64_t limit, json_t **revisions,
                      struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM api_revisions WHERE kind = ?1 AND object = ?2 ORDER BY number LIMIT ?3 OFFSET ?4";
    const struct store_value values[] = { STORE_STR(bytes_of_text(kind)), STORE_STR(object), STORE_INT((int64_t)limit),
                                          STORE_INT((int64_t)offset) };
    struct revisions r = { .list = json_array() };
    *revisions = r.list;
    bool ok = r.list != NULL && store_read(store, sql, values, COUNT_OF(values), take_revision, &r, e);
    if (ok && !r.failed) {
        return true;
    }
    json_decref(r.list);
    *revisions = NULL;
    return ok || r.list == NULL ? error_memory(e, "revisions") : false;
}

/* ---- A new one ---- */

static bool insert_revision(struct store *store, const struct object_change *change, const struct snapshot_text *snapshot, const char *id,
                            const json_t *previous, const char *content, struct error *e)
{
    static const char sql[] =
        "INSERT INTO api_revisions (id, kind, object, number, content, snapshot, sha1, sha256, prev_sha1, prev_sha256,"
        " prev_signature, is_draft, individual, by_other, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    const json_t *own = json_object_get(previous, "comity");
    const struct bytes texts[] = { rest_json_bytes(json_object_get(previous, "serializedHash")),
                                   rest_json_bytes(json_object_get(own, "sha256")), change->prev_signature, change->by_individual,
                                   change->by_other };
    struct store_value optional[COUNT_OF(texts)];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        optional[i] = texts[i].size == 0 ? (struct store_value){ .type = STORE_NULL } : STORE_STR(texts[i]);
    }
    const struct store_value values[] = { STORE_STR(bytes_of_text(id)),
                                          STORE_STR(bytes_of_text(change->kind)),
                                          STORE_STR(change->id),
                                          STORE_INT(json_integer_value(json_object_get(own, "number")) + 1),
                                          STORE_STR(bytes_of_text(content)),
                                          STORE_STR(buffer_bytes(&snapshot->text)),
                                          STORE_STR(bytes_of_text(snapshot->sha1)),
                                          STORE_STR(bytes_of_text(snapshot->sha256)),
                                          optional[0],
                                          optional[1],
                                          optional[2],
                                          STORE_INT(change->is_draft),
                                          optional[3],
                                          optional[4],
                                          STORE_INT(change->now_ms) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool set_successor(struct store *store, const json_t *previous, const char *id, struct error *e)
{
    static const char sql[] = "UPDATE api_revisions SET successor = ?2 WHERE id = ?1";
    const struct store_value values[] = { STORE_STR(rest_json_bytes(json_object_get(previous, "id"))), STORE_STR(bytes_of_text(id)) };
    return previous == NULL || store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool revision_add(struct store *store, const struct object_change *change, json_t **out, struct error *e)
{
    struct snapshot_text snapshot;
    struct error absent = { 0 };
    json_t *previous = NULL;
    char id[OBJECT_ID_SIZE], *content = NULL;
    bool ok = false;
    *out = NULL;
    if (!object_revision(store, change->kind, change->id, BYTES_NONE, &previous, NULL, &absent) && absent.kind != ERROR_ABSENT) {
        *e = absent;
        return false;
    }
    if (!snapshot_make(change, &snapshot, e)) {
        json_decref(previous);
        return false;
    }
    object_make_id('r', id);
    content = json_dumps(change->content, JSON_COMPACT);
    if (content == NULL) {
        error_memory(e, "revision");
        goto done;
    }
    ok = insert_revision(store, change, &snapshot, id, previous, content, e) && set_successor(store, previous, id, e) &&
         object_revision(store, change->kind, change->id, bytes_of_text(id), out, NULL, e);
done:
    json_decref(previous);
    free(content);
    buffer_wipe(&snapshot.text);
    return ok;
}
