#include "cli/draft.h"

#include <string.h>

#include "base/time.h"
#include "cli/file.h"
#include "crypto/note.h"

/* Dates that a draft is checked with: any valid pair does. */
enum { CHECK_VALID_MS = 1000 };

static int append(const char *data, size_t size, void *context)
{
    struct buffer *out = context;
    buffer_append(out, bytes_of(data, size));
    return out->failed ? -1 : 0;
}

static bool write_json(const json_t *value, struct buffer *out, const char *where, struct error *e)
{
    bool ok = json_dump_callback(value, append, out, JSON_INDENT(2)) == 0;
    buffer_append_u8(out, '\n');
    return (ok && !out->failed) || error_set(e, ERROR_FULL, where, NULL, "the directory does not fit into %zu bytes", out->size_max);
}

bool draft_load(json_t **out, const char *path, struct error *e)
{
    struct buffer text;
    json_error_t fault;
    *out = NULL;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    if (!file_read_whole(path, &text, e)) {
        buffer_clear(&text);
        return false;
    }
    json_t *draft = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    buffer_clear(&text);
    if (draft == NULL) {
        return error_set(e, ERROR_INPUT, path, "name the draft (JSON), not the signed note", "line %d: %s", fault.line, fault.text);
    }
    if (!json_is_integer(json_object_get(draft, "comity_directory")) || !json_is_array(json_object_get(draft, "members")) ||
        !json_is_integer(json_object_get(draft, "serial")) || json_integer_value(json_object_get(draft, "serial")) < 0) {
        json_decref(draft);
        return error_set(e, ERROR_INPUT, path, "make one by 'comity directory create'", "is no draft of a directory");
    }
    *out = draft;
    return true;
}

/*
 * Parsing takes a signed note; who signed does not matter here, so a key that is forgotten at once does it. The same code thus reads a
 * draft that will read the signed directory everywhere.
 */
bool draft_parse_text(struct directory **out, struct bytes text, const char *where, struct error *e)
{
    bool ok = false;
    struct signer *nobody = NULL;
    struct buffer note;
    *out = NULL;
    buffer_init(&note, 2 * (size_t)DIRECTORY_BYTES_MAX);
    if (signer_make(&nobody, BYTES("draft"), e) && note_sign(text, nobody, &note, e)) {
        ok = directory_parse(out, buffer_bytes(&note), signer_verifier(nobody), 1, 1, where, e);
    }
    signer_free(nobody);
    buffer_clear(&note);
    return ok;
}

bool draft_write(const json_t *draft, int64_t from_ms, int64_t until_ms, const char *where, struct buffer *out, struct error *e)
{
    bool ok = false;
    char from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    struct directory *directory = NULL;
    struct buffer text;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    json_t *dated = json_copy((json_t *)draft); /* not deep: only members of the top are set */
    json_int_t serial = json_integer_value(json_object_get(draft, "serial")) + 1;
    if (dated == NULL || json_object_set_new(dated, "serial", json_integer(serial)) != 0 ||
        json_object_set_new(dated, "valid_from", json_string(time_text(from_ms, from))) != 0 ||
        json_object_set_new(dated, "valid_until", json_string(time_text(until_ms, until))) != 0) {
        error_memory(e, where);
        goto done;
    }
    ok = write_json(dated, &text, where, e) && draft_parse_text(&directory, buffer_bytes(&text), where, e) &&
         directory_write(directory, out, e);
done:
    directory_free(directory);
    json_decref(dated);
    buffer_clear(&text);
    return ok;
}

bool draft_save(const json_t *draft, const char *path, struct error *e)
{
    struct buffer text;
    int64_t now_ms = time_now_ms();
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    bool ok = draft_write(draft, now_ms, now_ms + CHECK_VALID_MS, path, &text, e);
    buffer_reset(&text);
    ok = ok && write_json(draft, &text, path, e) && file_replace_whole(path, buffer_bytes(&text), 0644, e);
    buffer_clear(&text);
    return ok;
}

static bool has_text(const json_t *object, const char *key, struct bytes value)
{
    const json_t *text = json_object_get(object, key);
    return json_is_string(text) && bytes_equal(bytes_of(json_string_value(text), json_string_length(text)), value);
}

json_t *draft_find_member(const json_t *draft, const struct identifier *id)
{
    const json_t *members = json_object_get(draft, "members");
    if (!has_text(draft, "community", id->parts[0])) {
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_t *member = json_array_get(members, i);
        if (has_text(member, "class", id->parts[1]) && has_text(member, "code", id->parts[2])) {
            return member;
        }
    }
    return NULL;
}

size_t draft_find(const json_t *array, const char *key, struct bytes value)
{
    size_t index = 0;
    while (index < json_array_size(array) && !has_text(json_array_get(array, index), key, value)) {
        index++;
    }
    return index;
}

json_t *draft_array(json_t *object, const char *key)
{
    json_t *array = json_object_get(object, key);
    if (array == NULL && json_object_set_new(object, key, json_array()) == 0) {
        array = json_object_get(object, key);
    }
    return array;
}
