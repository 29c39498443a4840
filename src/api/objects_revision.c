/* Revisions: snapshots, their digests, their chain. */
#include "api/objects_internal.h"

#include <stdlib.h>

#include "api/rest_internal.h"
#include "base/encode.h"

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
};
#define COLUMNS                                                                                                                            \
    "id, kind, object, snapshot, sha1, sha256, prev_sha1, prev_sha256, prev_signature, successor, is_draft, individual, by_other,"         \
    " created_at, content"

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

static void copy_sha1(struct bytes text, char out[GOVSTACK_SHA1_TEXT_SIZE])
{
    bool fits = text.size == GOVSTACK_SHA1_TEXT_SIZE - 1;
    memcpy(out, fits ? (const char *)text.data : "", fits ? text.size : 0);
    out[fits ? text.size : 0] = '\0';
}

/* NULL: memory, or a row that isn't what was written. */
static json_t *revision_json(const struct store_value *columns)
{
    struct govstack_revision revision = {
        .id = columns[COLUMN_ID].bytes,
        .schema_name = bytes_of_text(schema_name_of(columns[COLUMN_KIND].bytes)),
        .object_id = columns[COLUMN_IS_DRAFT].integer != 0 ? BYTES_NONE : columns[COLUMN_OBJECT].bytes,
        .timestamp_ms = columns[COLUMN_CREATED_AT].integer,
        .individual = columns[COLUMN_INDIVIDUAL].bytes,
        .other = columns[COLUMN_BY_OTHER].bytes,
        .snapshot = columns[COLUMN_SNAPSHOT].bytes,
        .predecessor_signature = columns[COLUMN_PREV_SIGNATURE].bytes,
        .has_predecessor = columns[COLUMN_PREV_SHA256].type != STORE_NULL,
        .successor = columns[COLUMN_SUCCESSOR].bytes,
    };
    copy_sha1(columns[COLUMN_SHA1].bytes, revision.sha1);
    copy_sha1(columns[COLUMN_PREV_SHA1].bytes, revision.predecessor_sha1);
    if (!hex_parse(columns[COLUMN_SHA256].bytes, revision.sha256, SHA256_SIZE) ||
        (revision.has_predecessor && !hex_parse(columns[COLUMN_PREV_SHA256].bytes, revision.predecessor_sha256, SHA256_SIZE))) {
        return NULL;
    }
    json_t *value = govstack_revision_json(&revision);
    struct bytes object = columns[COLUMN_OBJECT].bytes; /* of a draft, too: it was given to it afterwards */
    if (value != NULL && json_object_set_new(value, "objectId", json_stringn((const char *)object.data, object.size)) != 0) {
        json_decref(value);
        value = NULL;
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

bool object_find_revision(struct store *store, const char *kind, struct bytes sha256, struct arena *arena, json_t **content,
                          json_t **revision, struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM api_revisions WHERE sha256 = ?1 AND kind = ?2";
    const struct store_value values[] = { STORE_STR(sha256), STORE_STR(bytes_of_text(kind)) };
    struct revisions r = { .only = revision };
    struct object object;
    struct error absent = { 0 };
    *content = NULL;
    *revision = NULL;
    if (!store_run(store, sql, values, COUNT_OF(values), take_revision, &r, NULL, e)) {
        return false;
    }
    if (r.failed) {
        return error_memory(e, "revision");
    }
    if (r.count == 0) {
        return true;
    }
    if (object_find(store, kind, rest_json_bytes(json_object_get(*revision, "objectId")), false, arena, &object, &absent)) {
        *content = object.content;
        return true;
    }
    json_decref(*revision);
    *revision = NULL;
    if (absent.kind != ERROR_ABSENT) {
        *e = absent;
        return false;
    }
    return true; /* erased since */
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

struct next {
    int64_t number;
};

static bool take_next(void *context, const struct store_value *columns, size_t count)
{
    struct next *next = context;
    (void)count;
    next->number = columns[0].type == STORE_INTEGER ? columns[0].integer + 1 : 1;
    return true;
}

struct new_revision {
    char id[OBJECT_ID_SIZE], *content;
    struct bytes snapshot;
    char sha1[GOVSTACK_SHA1_TEXT_SIZE], sha256[2 * SHA256_SIZE + 1];
    int64_t number;
};

static struct store_value text_or_null(struct bytes text)
{
    return text.size == 0 ? (struct store_value){ .type = STORE_NULL } : STORE_STR(text);
}

static bool insert_revision(struct store *store, const struct object_change *change, const struct new_revision *made,
                            const json_t *previous, struct error *e)
{
    static const char sql[] =
        "INSERT INTO api_revisions (id, kind, object, number, content, snapshot, sha1, sha256, prev_sha1, prev_sha256,"
        " prev_signature, is_draft, individual, by_other, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    const json_t *own = json_object_get(previous, "comity");
    const struct store_value values[] = { STORE_STR(bytes_of_text(made->id)),
                                          STORE_STR(bytes_of_text(change->kind)),
                                          STORE_STR(change->id),
                                          STORE_INT(made->number),
                                          STORE_STR(bytes_of_text(made->content)),
                                          STORE_STR(made->snapshot),
                                          STORE_STR(bytes_of_text(made->sha1)),
                                          STORE_STR(bytes_of_text(made->sha256)),
                                          text_or_null(rest_json_bytes(json_object_get(previous, "serializedHash"))),
                                          text_or_null(rest_json_bytes(json_object_get(own, "sha256"))),
                                          text_or_null(change->prev_signature),
                                          STORE_INT(change->is_draft),
                                          text_or_null(change->by_individual),
                                          text_or_null(change->by_other),
                                          STORE_INT(change->now_ms) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool set_successor(struct store *store, const json_t *previous, const char *id, struct error *e)
{
    static const char sql[] = "UPDATE api_revisions SET successor = ?2 WHERE id = ?1";
    const struct store_value values[] = { STORE_STR(rest_json_bytes(json_object_get(previous, "id"))), STORE_STR(bytes_of_text(id)) };
    return previous == NULL || store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool object_snapshot(const struct object_change *change, struct buffer *out, struct error *e)
{
    json_t *content = change->content, *plain = NULL;
    if (strcmp(change->kind, OBJECT_RECORD) == 0 && json_object_get(content, "comity") != NULL) {
        plain = json_copy(content); /* which consent it came to is known only afterwards, and nobody signs it */
        if (plain == NULL || json_object_del(plain, "comity") != 0) {
            json_decref(plain);
            return error_memory(e, "revision");
        }
    }
    const struct govstack_change made = { .schema_name = bytes_of_text(change->schema_name),
                                          .object_id = change->is_draft ? BYTES_NONE : change->id,
                                          .timestamp_ms = change->now_ms,
                                          .individual = change->by_individual,
                                          .other = change->by_other,
                                          .object = plain != NULL ? plain : content };
    bool ok = govstack_snapshot_write(&made, out, e);
    json_decref(plain);
    return ok;
}

bool revision_add(struct store *store, const struct object_change *change, json_t **out, struct error *e)
{
    static const char newest[] = "SELECT max(number) FROM api_revisions WHERE kind = ?1 AND object = ?2";
    const struct store_value key[] = { STORE_STR(bytes_of_text(change->kind)), STORE_STR(change->id) };
    struct new_revision made = { .snapshot = change->snapshot };
    struct next next = { 1 };
    struct buffer snapshot;
    struct error absent = { 0 };
    uint8_t digest[SHA256_SIZE];
    json_t *previous = NULL;
    bool ok = false;
    *out = NULL;
    buffer_init(&snapshot, GOVSTACK_SNAPSHOT_BYTES_MAX);
    if (!object_revision(store, change->kind, change->id, BYTES_NONE, &previous, NULL, &absent) && absent.kind != ERROR_ABSENT) {
        *e = absent;
        goto done;
    }
    if (change->snapshot.size == 0) {
        if (!object_snapshot(change, &snapshot, e)) {
            goto done;
        }
        made.snapshot = buffer_bytes(&snapshot);
    }
    govstack_snapshot_hash(made.snapshot, made.sha1, digest);
    hex_write(bytes_of(digest, sizeof digest), made.sha256);
    object_make_id('r', made.id);
    made.content = json_dumps(change->content, JSON_COMPACT);
    if (made.content == NULL) {
        error_memory(e, "revision");
        goto done;
    }
    if (!store_run(store, newest, key, COUNT_OF(key), take_next, &next, NULL, e)) {
        goto done;
    }
    made.number = next.number;
    ok = insert_revision(store, change, &made, previous, e) && set_successor(store, previous, made.id, e) &&
         object_revision(store, change->kind, change->id, bytes_of_text(made.id), out, NULL, e);
done:
    json_decref(previous);
    free(made.content);
    buffer_wipe(&snapshot);
    return ok;
}
