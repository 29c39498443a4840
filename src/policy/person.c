#include "policy/decide.h"

#include <jansson.h>

#include "base/encode.h"

enum { POINTER_SIZE_MAX = 1024, BODY_SIZE_MAX = 1024 * 1024 };

static const json_int_t integer_max = (1LL << 53) - 1;

/*
 * Everything here fails closed: where a service might read another identifier than we do, there is none. The gateway would otherwise ask
 * for one person's consent and let another's record out.
 */

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static uint8_t lower_of(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static bool starts_ignoring_case(struct bytes text, struct bytes prefix)
{
    return bytes_equal_ignoring_case(bytes_slice(text, 0, prefix.size), prefix);
}

/* One character in UTF-8: what the trim() of some language takes off (White_Space, and U+180E, 200B, FEFF of older ones). */
static bool is_white(const uint8_t *text, size_t size)
{
    uint32_t code = 0;
    for (size_t i = 0; i < size; i++) {
        code = code << 8 | text[i];
    }
    return code == ' ' || code == 0xc2a0 || code == 0xe19a80 || code == 0xe1a08e || (code >= 0xe28080 && code <= 0xe2808b) ||
           code == 0xe280a8 || code == 0xe280a9 || code == 0xe280af || code == 0xe2819f || code == 0xe38080 || code == 0xefbbbf;
}

/* A service that trims looks up the trimmed identifier, which may be another person's. */
static bool has_white_end(struct bytes text)
{
    for (size_t size = 1; size <= 3 && size <= text.size; size++) {
        if (is_white(text.data, size) || is_white(text.data + text.size - size, size)) {
            return true;
        }
    }
    return false;
}

/* 1 to 256 bytes of UTF-8 without control characters (U+0000-1F, 7F-9F), without white space around. */
static bool is_identifier(struct bytes text)
{
    if (text.size == 0 || text.size > PERSON_SIZE_MAX || !bytes_are_utf8(text) || has_white_end(text)) {
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

/*
 * False for a segment that some server takes for more, less or other than one: nothing or dots (also before a ';' with Tomcat, or with
 * blanks that Windows drops), an encoded or a back slash, a '?' or '#' that cuts the path where a proxy decodes before it rewrites, a
 * control character (C code ends at NUL), overlong UTF-8 (old decoders read dots and slashes from it), and an escape that is still one
 * after decoding: behind a proxy that decodes and forwards, the service decodes it once more.
 */
static bool is_clear_segment(struct bytes decoded)
{
    struct bytes name = bytes_trim(bytes_slice(decoded, 0, bytes_find(decoded, ';')));
    if (name.size == 0 || bytes_equal(name, BYTES(".")) || bytes_equal(name, BYTES("..")) || !bytes_are_utf8(decoded)) {
        return false;
    }
    for (size_t i = 0; i < decoded.size; i++) {
        uint8_t byte = decoded.data[i], code;
        if (byte < 0x20 || byte == 0x7f || strchr("/\\?#", byte) != NULL) {
            return false;
        }
        if (byte == '%' && hex_parse(bytes_slice(decoded, i + 1, i + 3), &code, 1)) {
            return false;
        }
    }
    return true;
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
    /* Java servers cut a segment at its ';' (path parameters), raw or encoded; others don't. */
    return is_whole && bytes_find(person, ';') == person.size && take_identifier(person, arena, out);
}

/* ---- Header fields ---- */

/* CGI, WSGI, Rack and PHP hand X-Person and X_Person over as the same HTTP_X_PERSON; old ones so any byte that is no letter or digit. */
static bool is_same_field(struct bytes a, struct bytes b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        bool is_plain = is_alphanumeric(a.data[i]);
        if (is_plain != is_alphanumeric(b.data[i]) || (is_plain && lower_of(a.data[i]) != lower_of(b.data[i]))) {
            return false;
        }
    }
    return true;
}

/* The one field of this name; `*out` is NULL when there is none. False when the service might take another. */
static bool find_field(struct bytes name, const struct field *fields, size_t count, const struct field **out)
{
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!is_same_field(fields[i].name, name)) {
            continue;
        }
        if (*out != NULL || !bytes_equal_ignoring_case(fields[i].name, name)) {
            return false;
        }
        *out = &fields[i];
    }
    return true;
}

/* A ',' may be two fields joined on the way, of which the service takes one; bytes past ASCII are Latin-1 to some and UTF-8 to others. */
static bool find_in_header(struct bytes name, const struct field *fields, size_t count, struct arena *arena, struct bytes *out)
{
    const struct field *found;
    if (!find_field(name, fields, count, &found) || found == NULL) {
        return false;
    }
    for (size_t i = 0; i < found->value.size; i++) {
        if (found->value.data[i] == ',' || found->value.data[i] >= 0x80) {
            return false;
        }
    }
    return take_identifier(found->value, arena, out);
}

/* ---- In the query ---- */

static bool is_blank(uint8_t byte)
{
    return byte <= ' ' || byte == '+';
}

/*
 * What the laxest frameworks make of a parameter's decoded name: PHP skips blanks before it, ends it at NUL, and turns '.', blanks and an
 * unclosed '[' into '_'; PHP, Rack and qs take what stands before '[' as the name, and MVC a[b] as a.b; ASP.NET ignores case; '-' and '_'
 * are one to relaxed binders. `is_cut` ends it at '['.
 */
static bool fold_name(struct bytes name, bool is_cut, struct arena *arena, struct bytes *out)
{
    size_t from = 0, to, size = 0;
    uint8_t *folded = arena_take(arena, name.size + 1);
    if (folded == NULL) {
        return false;
    }
    while (from < name.size && is_blank(name.data[from])) {
        from++;
    }
    for (to = from; to < name.size && name.data[to] != '\0' && !(is_cut && name.data[to] == '['); to++) {
    }
    while (to > from && is_blank(name.data[to - 1])) {
        to--;
    }
    for (size_t i = from; i < to; i++) {
        uint8_t byte = name.data[i];
        if (byte != ']') {
            folded[size++] = is_blank(byte) || byte == '.' || byte == '-' || byte == '[' ? '_' : lower_of(byte);
        }
    }
    *out = bytes_of(folded, size);
    return true;
}

/* As configured, byte by byte; in escapes only where the name has bytes that need them. A raw '+' is a blank to most. */
static bool is_spelled_as(struct bytes raw, struct bytes decoded, struct bytes name)
{
    bool needs_escape = false;
    for (size_t i = 0; i < name.size; i++) {
        needs_escape = needs_escape || (!is_alphanumeric(name.data[i]) && (name.data[i] == '\0' || strchr("-._~", name.data[i]) == NULL));
    }
    return bytes_find(raw, '+') == raw.size && (bytes_equal(raw, name) || (needs_escape && bytes_equal(decoded, name)));
}

static bool find_parameter(struct bytes name, struct bytes query, struct arena *arena, struct bytes *value)
{
    struct bytes rest = query, pair, decoded, cut, uncut, name_cut, name_uncut;
    bool is_found = false;
    if (!fold_name(name, true, arena, &name_cut) || !fold_name(name, false, arena, &name_uncut)) {
        return false;
    }
    while (bytes_split(&rest, '&', &pair)) {
        size_t equals = bytes_find(pair, '=');
        struct bytes raw = bytes_slice(pair, 0, equals);
        if (!decode(raw, arena, &decoded) || !fold_name(decoded, true, arena, &cut) || !fold_name(decoded, false, arena, &uncut)) {
            return false;
        }
        if (!bytes_equal(cut, name_cut) && !bytes_equal(uncut, name_uncut)) {
            continue;
        }
        if (is_found || !is_spelled_as(raw, decoded, name)) {
            return false;
        }
        is_found = true;
        *value = bytes_slice(pair, equals + 1, pair.size);
    }
    return is_found;
}

/*
 * Go's FormValue, Rack and PHP's $_REQUEST let a form's fields win over the query's. Rack takes a body without a type for a form. A body
 * that was spooled is not seen here (body_view), so such a one without a type passes.
 */
static bool may_be_form(const struct field *fields, size_t count, struct bytes body)
{
    bool has_type = false;
    for (size_t i = 0; i < count; i++) {
        if (is_same_field(fields[i].name, BYTES("Content-Type"))) {
            struct bytes type = bytes_trim(fields[i].value);
            has_type = type.size > 0;
            if (starts_ignoring_case(type, BYTES("application/x-www-form-urlencoded")) || starts_ignoring_case(type, BYTES("multipart/"))) {
                return true;
            }
        }
    }
    return body.size > 0 && !has_type;
}

static bool find_in_query(struct bytes name, struct bytes query, struct arena *arena, struct bytes *out)
{
    struct bytes whole, value = BYTES_NONE, decoded;
    /* Python before 3.9.2, Perl and old Rack also split at ';'. What a lax reader makes of a broken escape, nobody knows. */
    if (bytes_find(query, ';') != query.size || !decode(query, arena, &whole) || !find_parameter(name, query, arena, &value)) {
        return false;
    }
    /* '+' is a space to those who read queries as forms and a plus to those who don't: such a value has to be sent as %2B or %20. */
    return bytes_find(value, '+') == value.size && decode(value, arena, &decoded) && take_identifier(decoded, arena, out);
}

/* ---- In the body ---- */

/* JSON in UTF-8 to everybody: any other type or charset, and the service might read no JSON, or other letters, from these bytes. */
static bool is_json_type(struct bytes value)
{
    struct bytes rest = value, piece;
    if (bytes_find(value, ',') != value.size || !bytes_split(&rest, ';', &piece)) {
        return false;
    }
    piece = bytes_trim(piece);
    for (size_t i = 0; i < piece.size; i++) {
        if (!is_alphanumeric(piece.data[i]) && (piece.data[i] == '\0' || strchr("/+-._", piece.data[i]) == NULL)) {
            return false;
        }
    }
    struct bytes end = bytes_slice(piece, piece.size - (piece.size < 5 ? piece.size : 5), piece.size);
    bool is_json = bytes_equal_ignoring_case(piece, BYTES("application/json")) ||
                   (starts_ignoring_case(piece, BYTES("application/")) && bytes_equal_ignoring_case(end, BYTES("+json")));
    while (is_json && bytes_split(&rest, ';', &piece)) {
        piece = bytes_trim(piece);
        /* Whatever begins so ("charset*=", "charset =") has to be the plain one. */
        is_json = !starts_ignoring_case(piece, BYTES("charset")) || bytes_equal_ignoring_case(piece, BYTES("charset=utf-8")) ||
                  bytes_equal_ignoring_case(piece, BYTES("charset=\"utf-8\""));
    }
    return is_json;
}

static bool is_plain_json(const struct field *fields, size_t count)
{
    const struct field *type, *encoding;
    return find_field(BYTES("Content-Type"), fields, count, &type) && find_field(BYTES("Content-Encoding"), fields, count, &encoding) &&
           type != NULL && is_json_type(type->value) &&
           (encoding == NULL || bytes_equal_ignoring_case(bytes_trim(encoding->value), BYTES("identity")));
}

/*
 * Go, Jackson and .NET may match keys without case, and then the last one wins. Go also folds U+017F to 's' and U+212A to 'k', others fold
 * more: so every key must be ASCII.
 */
static bool is_clear_object(json_t *object, struct bytes name)
{
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct bytes key = bytes_of_text(json_object_iter_key(at)); /* jansson takes no key with a NUL */
        for (size_t i = 0; i < key.size; i++) {
            if (key.data[i] >= 0x80) {
                return false;
            }
        }
        if (bytes_equal_ignoring_case(key, name) && !bytes_equal(key, name)) {
            return false;
        }
    }
    return true;
}

/* The child that one reference token of a JSON pointer names (RFC 6901 4). */
static json_t *child_of(json_t *node, struct bytes token)
{
    char name[POINTER_SIZE_MAX + 1];
    size_t size = 0;
    uint64_t index = 0;
    if (token.size > POINTER_SIZE_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < token.size; i++) {
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
    return json_is_object(node) && is_clear_object(node, bytes_of(name, size)) ? json_object_get(node, name) : NULL;
}

static bool take_value(json_t *node, struct arena *arena, struct bytes *out)
{
    if (json_is_string(node)) {
        return take_identifier(bytes_of(json_string_value(node), json_string_length(node)), arena, out);
    }
    /* Past that, those who hold numbers as doubles (JavaScript, Go's any) read a neighbour's number (RFC 8259 6). */
    if (!json_is_integer(node) || json_integer_value(node) > integer_max || json_integer_value(node) < -integer_max) {
        return false;
    }
    struct bytes digits = arena_format(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
    return digits.data != NULL && take_identifier(digits, arena, out);
}

static bool find_in_body(struct bytes pointer, struct bytes body, struct arena *arena, struct bytes *out)
{
    struct bytes rest = bytes_slice(pointer, 1, pointer.size), token;
    if (body.size == 0 || body.size > BODY_SIZE_MAX) {
        return false;
    }
    json_t *root = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL), *node = root;
    while (node != NULL && bytes_split(&rest, '/', &token)) {
        node = child_of(node, token);
    }
    bool ok = node != NULL && take_value(node, arena, out);
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
        return !may_be_form(fields, field_count, body) && find_in_query(service->person_name, query, arena, out);
    case PERSON_HEADER:
        return find_in_header(service->person_name, fields, field_count, arena, out);
    case PERSON_BODY:
        return is_plain_json(fields, field_count) && find_in_body(service->person_name, body, arena, out);
    }
    return false;
}
