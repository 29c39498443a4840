#include "policy/decide.h"

#include <jansson.h>

#include "base/encode.h"

enum { POINTER_SIZE_MAX = 1024, BODY_SIZE_MAX = 1024 * 1024 };

/*
 * Everything here fails closed: where a service might read another identifier than we do, there is none. The gateway would otherwise ask for
 * one person's consent and let another's record out.
 */

/* 1 to 256 bytes of UTF-8 without control characters (U+0000-1F, 7F-9F). */
static bool is_identifier(struct bytes text)
{
    if (text.size == 0 || text.size > PERSON_SIZE_MAX || !bytes_are_utf8(text)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        bool is_c1 = text.data[i] == 0xc2 && i + 1 < text.size && text.data[i + 1] < 0xa0; /* U+0080-9F */
        if (text.data[i] < 0x20 || text.data[i] == 0x7f || is_c1) {
            return false;
        }
    }
    return true;
}

static bool take_identifier(struct bytes text, struct arena *arena, struct bytes *out)
{
    if (!is_identifier(text)) {
        return false;
    }
    *out = arena_copy(arena, text);
    return out->data != NULL;
}

static bool decode(struct bytes text, struct arena *arena, struct bytes *out)
{
    size_t size = 0;
    uint8_t *room = arena_take(arena, text.size + 1);
    if (room == NULL || !percent_decode(text, room, &size)) {
        return false;
    }
    *out = bytes_of(room, size);
    return true;
}

/* ---- In the path ---- */

/* A segment that some server could take for more or less than one: empty, dots (also behind encoding), an encoded or a back slash. */
static bool is_clear_segment(struct bytes decoded)
{
    struct bytes name = bytes_slice(decoded, 0, bytes_find(decoded, ';'));
    return decoded.size > 0 && !bytes_equal(name, BYTES(".")) && !bytes_equal(name, BYTES("..")) &&
           bytes_find(decoded, '/') == decoded.size && bytes_find(decoded, '\\') == decoded.size;
}

/* The path is taken as it was sent: what is normalised here and not by the service would be another path. */
static bool find_in_path(struct bytes template, struct bytes path, struct arena *arena, struct bytes *out)
{
    struct bytes want = BYTES_NONE, segment, wants = bytes_slice(template, 1, template.size), rest = bytes_slice(path, 1, path.size);
    struct bytes person = BYTES_NONE;
    bool is_tail = false;
    if (!bytes_start_with(path, BYTES("/"))) {
        return false;
    }
    while (bytes_split(&rest, '/', &segment)) {
        struct bytes decoded = BYTES("");
        bool is_end = segment.size == 0 && rest.data == NULL; /* nothing behind the last slash */
        if (!is_end && (!decode(segment, arena, &decoded) || !is_clear_segment(decoded))) {
            return false;
        }
        if (!is_tail) {
            if (!bytes_split(&wants, '/', &want)) {
                return false;
            }
            is_tail = bytes_equal(want, BYTES("**"));
        }
        if (!is_tail && bytes_equal(want, BYTES("{person}"))) {
            person = decoded;
        } else if (!is_tail && !bytes_equal(want, decoded) && (is_end || !bytes_equal(want, BYTES("*")))) {
            return false;
        }
    }
    /* "/{person}/" with "**" behind also stands for "/{person}" alone. */
    bool is_whole = is_tail || wants.data == NULL || bytes_equal(wants, BYTES("**"));
    return is_whole && take_identifier(person, arena, out);
}

/* ---- In the query ---- */

static bool find_in_query(struct bytes name, struct bytes query, struct arena *arena, struct bytes *out)
{
    struct bytes rest = query, pair, value = BYTES_NONE, decoded;
    size_t found = 0;
    while (bytes_split(&rest, '&', &pair)) {
        size_t equals = bytes_find(pair, '=');
        if (!decode(bytes_slice(pair, 0, equals), arena, &decoded)) {
            return false;
        }
        /* Some frameworks take names without case, or with "[]" behind: such a second one is a second one. */
        size_t size = decoded.size - (bytes_end_with(decoded, BYTES("[]")) ? 2 : 0);
        if (!bytes_equal_ignoring_case(bytes_slice(decoded, 0, size), name)) {
            continue;
        }
        if (++found > 1 || !bytes_equal(decoded, name)) {
            return false;
        }
        value = bytes_slice(pair, equals + 1, pair.size);
    }
    /* '+' is a space to those who read queries as forms and a plus to those who don't: such a value has to be sent as %2B or %20. */
    return found == 1 && bytes_find(value, '+') == value.size && decode(value, arena, &decoded) && take_identifier(decoded, arena, out);
}

/* ---- In a header ---- */

static bool find_in_header(struct bytes name, const struct field *fields, size_t count, struct arena *arena, struct bytes *out)
{
    const struct field *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(fields[i].name, name)) {
            if (found != NULL) {
                return false;
            }
            found = &fields[i];
        }
    }
    return found != NULL && take_identifier(found->value, arena, out);
}

/* ---- In the body ---- */

/* The child that one reference token of a JSON pointer names (RFC 6901 4). */
static json_t *child_of(json_t *node, struct bytes token)
{
    char name[POINTER_SIZE_MAX + 1];
    size_t size = 0;
    uint64_t index = 0;
    for (size_t i = 0; i < token.size && size < sizeof name - 1; i++) {
        char byte = (char)token.data[i];
        if (byte == '~' && i + 1 < token.size) {
            i++;
            byte = token.data[i] == '1' ? '/' : '~';
        }
        name[size++] = byte;
    }
    name[size] = '\0';
    if (json_is_array(node)) {
        return bytes_to_u64(token, &index) && index < json_array_size(node) ? json_array_get(node, (size_t)index) : NULL;
    }
    return json_object_get(node, name); /* NULL when it is no object */
}

static bool find_in_body(struct bytes pointer, struct bytes body, struct arena *arena, struct bytes *out)
{
    bool ok = false;
    struct bytes rest = bytes_slice(pointer, 1, pointer.size), token;
    if (body.size == 0 || body.size > BODY_SIZE_MAX) {
        return false;
    }
    json_t *root = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL), *node = root;
    while (node != NULL && bytes_split(&rest, '/', &token)) {
        node = child_of(node, token);
    }
    if (json_is_string(node)) {
        ok = take_identifier(bytes_of(json_string_value(node), json_string_length(node)), arena, out);
    } else if (json_is_integer(node)) {
        struct bytes digits = arena_format(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
        ok = digits.data != NULL && take_identifier(digits, arena, out);
    }
    json_decref(root);
    return ok;
}

bool person_find(const struct policy_service *service, struct bytes service_path, struct bytes query, const struct field *fields,
                 size_t field_count, struct bytes body, struct arena *arena, struct bytes *out)
{
    *out = BYTES_NONE;
    switch (service->person_place) {
    case PERSON_NONE:
        return false;
    case PERSON_PATH:
        return find_in_path(service->person_template, service_path, arena, out);
    case PERSON_QUERY:
        return find_in_query(service->person_name, query, arena, out);
    case PERSON_HEADER:
        return find_in_header(service->person_name, fields, field_count, arena, out);
    case PERSON_BODY:
        return find_in_body(service->person_name, body, arena, out);
    }
    return false;
}
