#include "api/objects_internal.h"

#include <stdlib.h>

#include "api/rest_internal.h"
#include "base/encode.h"
#include "base/random.h"
#include "consent/event_text.h"

void object_clear(struct object *object)
{
    json_decref(object->content);
    object->content = NULL;
}

void object_make_id(char prefix, char out[OBJECT_ID_SIZE])
{
    uint8_t random[16];
    random_fill(random, sizeof random);
    out[0] = prefix;
    out[1] = '-';
    hex_write(bytes_of(random, sizeof random), out + 2);
}

/* ---- Reading ---- */

struct finding {
    struct arena *arena;
    object_each *each;
    void *context;
    struct object *only; /* instead of `each` */
    size_t count;
    bool failed;
};

static bool copy(struct finding *f, const struct store_value *column, struct bytes *out)
{
    *out = column->type == STORE_NULL ? BYTES_NONE : arena_copy(f->arena, column->bytes);
    f->failed = f->failed || (column->type != STORE_NULL && out->data == NULL);
    return !f->failed;
}

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct finding *f = context;
    struct object object = { .number = columns[0].integer, .is_deleted = columns[7].integer != 0 };
    (void)count;
    if (!copy(f, &columns[1], &object.id) || !copy(f, &columns[2], &object.owner) || !copy(f, &columns[3], &object.individual) ||
        !copy(f, &columns[4], &object.agreement) || !copy(f, &columns[6], &object.revision)) {
        return false;
    }
    object.content = json_loadb((const char *)columns[5].bytes.data, columns[5].bytes.size, JSON_REJECT_DUPLICATES, NULL);
    f->failed = object.content == NULL;
    if (f->failed) {
        return false;
    }
    f->count++;
    if (f->only != NULL) {
        *f->only = object;
        return true;
    }
    bool go_on = f->each(f->context, &object);
    object_clear(&object);
    return go_on;
}

#define COLUMNS "number, id, owner, individual, agreement, content, revision, is_deleted"

static bool end_finding(const struct finding *f, bool ok, struct error *e)
{
    return ok && (!f->failed || error_memory(e, "store"));
}

bool object_find(struct store *store, const char *kind, struct bytes id, bool with_deleted, struct arena *arena, struct object *out,
                 struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM api_objects WHERE kind = ?1 AND id = ?2 AND is_deleted <= ?3";
    *out = (struct object){ 0 };
    struct finding f = { .arena = arena, .only = out };
    const struct store_value values[] = { STORE_STR(bytes_of_text(kind)), STORE_STR(id), STORE_INT(with_deleted) };
    if (!end_finding(&f, store_read(store, sql, values, COUNT_OF(values), take_row, &f, e), e)) {
        object_clear(out);
        return false;
    }
    return f.count == 1 || error_set(e, ERROR_ABSENT, kind, NULL, "there is none of this id");
}

bool object_list(struct store *store, const struct object_filter *filter, struct arena *arena, object_each *each, void *context,
                 struct error *e)
{
    /* One statement for each index: a filter that may be absent (?2 IS NULL OR ...) would make it read the whole table. */
    static const char by_kind[] = "SELECT " COLUMNS " FROM api_objects WHERE kind = ?1 AND is_deleted = 0 AND (?2 = '' OR owner = ?2)"
                                  " AND ?3 = '' AND ?4 = '' ORDER BY number LIMIT ?5 OFFSET ?6";
    static const char by_individual[] = "SELECT " COLUMNS " FROM api_objects WHERE kind = ?1 AND is_deleted = 0 AND (?2 = '' OR owner = ?2)"
                                        " AND individual = ?3 AND (?4 = '' OR agreement = ?4) ORDER BY number LIMIT ?5 OFFSET ?6";
    static const char by_agreement[] = "SELECT " COLUMNS " FROM api_objects WHERE kind = ?1 AND is_deleted = 0 AND (?2 = '' OR owner = ?2)"
                                       " AND ?3 = '' AND agreement = ?4 ORDER BY number LIMIT ?5 OFFSET ?6";
    struct finding f = { .arena = arena, .each = each, .context = context };
    const char *sql = filter->individual.size > 0 ? by_individual : filter->agreement.size > 0 ? by_agreement : by_kind;
    const struct store_value values[] = {
        STORE_STR(bytes_of_text(filter->kind)), STORE_STR(filter->owner),          STORE_STR(filter->individual),
        STORE_STR(filter->agreement),           STORE_INT((int64_t)filter->limit), STORE_INT((int64_t)filter->offset),
    };
    return end_finding(&f, store_read(store, sql, values, COUNT_OF(values), take_row, &f, e), e);
}

static bool find_one(struct store *store, const char *sql, const struct store_value *values, size_t count, struct arena *arena,
                     const char *where, struct object *out, struct error *e)
{
    *out = (struct object){ 0 };
    struct finding f = { .arena = arena, .only = out };
    /* Through the writer, so that a transaction sees what it has made. */
    if (!end_finding(&f, store_run(store, sql, values, count, take_row, &f, NULL, e), e)) {
        object_clear(out);
        return false;
    }
    return f.count == 1 || error_set(e, ERROR_ABSENT, where, NULL, "there is none");
}

bool object_find_individual(struct store *store, struct bytes person, struct arena *arena, struct object *out, struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM api_objects WHERE individual = ?1 AND kind = '" OBJECT_INDIVIDUAL
                              "' AND is_deleted = 0"
                              " ORDER BY number LIMIT 1";
    const struct store_value value = STORE_STR(person);
    return find_one(store, sql, &value, 1, arena, OBJECT_INDIVIDUAL, out, e);
}

bool object_find_newest_record(struct store *store, struct bytes individual, struct bytes agreement, struct arena *arena,
                               struct object *out, struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM api_objects WHERE individual = ?1 AND kind = '" OBJECT_RECORD "' AND agreement = ?2"
                              " AND is_deleted = 0 ORDER BY number DESC LIMIT 1";
    const struct store_value values[] = { STORE_STR(individual), STORE_STR(agreement) };
    return find_one(store, sql, values, COUNT_OF(values), arena, OBJECT_RECORD, out, e);
}

/* ---- Writing ---- */

struct number {
    int64_t value;
    bool is_there;
};

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    struct number *number = context;
    (void)count;
    number->is_there = columns[0].type == STORE_INTEGER;
    number->value = number->is_there ? columns[0].integer : 0;
    return true;
}

static struct store_value text_or_null(struct bytes text)
{
    return text.size == 0 ? (struct store_value){ .type = STORE_NULL } : STORE_STR(text);
}

static bool dump(const json_t *value, char **out, struct error *e)
{
    *out = json_dumps(value, JSON_COMPACT);
    return *out != NULL || error_memory(e, "store");
}

static bool write_row(struct store *store, const struct object_change *change, bool is_new, struct bytes revision, const char *content,
                      struct error *e)
{
    static const char next[] = "SELECT max(number) FROM api_objects",
                      there[] = "SELECT number FROM api_objects WHERE kind = ?1 AND id = ?2";
    static const char insert[] = "INSERT INTO api_objects (number, kind, id, owner, individual, agreement, content, revision, is_deleted)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)";
    static const char update[] =
        "UPDATE api_objects SET content = ?3, revision = ?4, is_deleted = ?5, individual = coalesce(?6, individual)"
        " WHERE kind = ?1 AND id = ?2";
    struct number number = { 0 };
    int64_t changed = 0;
    const struct store_value key[] = { STORE_STR(bytes_of_text(change->kind)), STORE_STR(change->id) };
    if (is_new) {
        if (!store_run(store, there, key, COUNT_OF(key), take_number, &number, NULL, e)) {
            return false;
        }
        if (number.is_there) {
            return error_set(e, ERROR_DENIED, change->kind, "choose another id, or leave it out", "this id is taken");
        }
        if (!store_run(store, next, NULL, 0, take_number, &number, NULL, e)) {
            return false;
        }
        const struct store_value values[] = { STORE_INT(number.value + 1),
                                              key[0],
                                              key[1],
                                              STORE_STR(change->owner),
                                              text_or_null(change->individual),
                                              text_or_null(change->agreement),
                                              STORE_STR(bytes_of_text(content)),
                                              text_or_null(revision) };
        return store_run(store, insert, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    const struct store_value values[] = { key[0],
                                          key[1],
                                          STORE_STR(bytes_of_text(content)),
                                          text_or_null(revision),
                                          STORE_INT(change->is_delete),
                                          text_or_null(change->individual) };
    return store_run(store, update, values, COUNT_OF(values), NULL, NULL, &changed, e) &&
           (changed == 1 || error_set(e, ERROR_ABSENT, change->kind, NULL, "there is none of this id"));
}

bool object_write(struct store *store, const struct object_change *change, bool is_new, json_t **revision, struct error *e)
{
    char *content = NULL;
    json_t *made = NULL;
    if (revision != NULL) {
        *revision = NULL;
    }
    bool ok = change->has_no_revision || revision_add(store, change, &made, e);
    ok = ok && dump(change->content, &content, e) &&
         write_row(store, change, is_new, rest_json_bytes(json_object_get(made, "id")), content, e);
    free(content);
    if (ok && revision != NULL) {
        *revision = made;
        made = NULL;
    }
    json_decref(made);
    return ok;
}

bool object_erase(struct store *store, const char *kind, struct bytes id, struct error *e)
{
    static const char row[] = "UPDATE api_objects SET content = ?3, individual = NULL, is_deleted = 1 WHERE kind = ?1 AND id = ?2";
    static const char revisions[] =
        "UPDATE api_revisions SET snapshot = '', content = '{}', individual = NULL WHERE kind = ?1 AND object = ?2";
    const struct store_value values[] = { STORE_STR(bytes_of_text(kind)), STORE_STR(id), STORE_STR(BYTES("{}")) };
    return store_run(store, row, values, 3, NULL, NULL, NULL, e) && store_run(store, revisions, values, 2, NULL, NULL, NULL, e);
}

bool objects_forget_person(struct store *store, struct bytes person, struct error *e)
{
    /* Signatures carry the snapshot that was signed, and name its signer. */
    static const char *const statements[] = {
        "UPDATE api_revisions SET snapshot = '', content = '{}', individual = NULL WHERE (kind = 'consentRecord' AND object IN (SELECT id FROM"
        " api_objects WHERE kind = 'consentRecord' AND individual = ?1)) OR (kind = 'signature' AND object IN (SELECT id FROM api_objects"
        " WHERE kind = 'signature' AND individual = ?1))",
        "UPDATE api_objects SET content = '{}', is_deleted = 1, individual = NULL WHERE kind IN ('consentRecord', 'signature') AND individual = ?1",
        "UPDATE api_objects SET content = '{}', is_deleted = 1, individual = NULL WHERE kind = 'individual' AND id = ?1",
        "DELETE FROM api_requests WHERE instr(body, ?1) > 0",
    };
    struct object individual;
    struct arena arena = { 0 };
    struct error absent = { 0 };
    const struct store_value named = STORE_STR(person);
    bool ok = store_run(store, statements[COUNT_OF(statements) - 1], &named, 1, NULL, NULL, NULL, e);
    if (ok && object_find_individual(store, person, &arena, &individual, &absent)) {
        const struct store_value value = STORE_STR(individual.id);
        for (size_t i = 0; ok && i < COUNT_OF(statements); i++) {
            ok = store_run(store, statements[i], &value, 1, NULL, NULL, NULL, e);
        }
        object_clear(&individual);
    } else if (ok && absent.kind != ERROR_ABSENT) {
        *e = absent;
        ok = false;
    }
    arena_clear(&arena);
    return ok;
}

/* ---- The log ---- */

bool object_log_revision(struct committer *committer, const json_t *revision, int64_t now_ms, struct error *e)
{
    static const struct {
        const char *name, *member;
    } lines[] = { { "schema", "schemaName" }, { "object", "objectId" }, { "revision", "id" } };
    struct buffer text;
    if (committer == NULL) {
        return true;
    }
    const json_t *own = json_object_get(revision, "comity");
    buffer_init(&text, 4096);
    event_text_append(&text, "comity-event", BYTES("revision/1"));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        event_text_append(&text, lines[i].name, rest_json_bytes(json_object_get(revision, lines[i].member)));
    }
    event_text_append(&text, "sha256", rest_json_bytes(json_object_get(own, "sha256")));
    event_text_append(&text, "prev", rest_json_bytes(json_object_get(own, "prevSha256")));
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = text.failed ? error_memory(e, "revision event")
                          : committer_append(committer, RECORD_EVENT, buffer_bytes(&text), BYTES_NONE, NULL, e);
    buffer_wipe(&text);
    return ok;
}
