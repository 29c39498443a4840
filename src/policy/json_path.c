#include "policy/json_path.h"

#include <stdarg.h>
#include <stdio.h>

#include "policy/release_text_internal.h"

/* A cursor over the text. Names are decoded straight into the arena: no name is longer than what it is written as. */
struct scanner {
    struct bytes text;
    size_t at;
    struct arena *arena;
    const char *where;
    struct error *e;
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct scanner *s, const char *todo, const char *what, ...)
{
    char text[sizeof s->e->what];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    return error_set(s->e, ERROR_INPUT, s->where, todo, "JSONPath, column %zu: %s", s->at + 1, text);
}

/* The byte `ahead` of the cursor, or 0 past the end (NUL is in no path: it is refused like any stray byte). */
static uint8_t peek(const struct scanner *s, size_t ahead)
{
    return s->at + ahead < s->text.size ? s->text.data[s->at + ahead] : 0;
}

static void skip_blanks(struct scanner *s)
{
    while (peek(s, 0) == ' ' || peek(s, 0) == '\t' || peek(s, 0) == '\n' || peek(s, 0) == '\r') {
        s->at++;
    }
}

static bool is_name_byte(uint8_t byte, bool is_first)
{
    bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
    return is_letter || (!is_first && byte >= '0' && byte <= '9');
}

/* ---- Quoted names: RFC 9535 2.3.1.1 ---- */

static bool take_hex4(struct scanner *s, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        uint8_t byte = peek(s, 0), lower = byte | 0x20;
        uint32_t digit = byte >= '0' && byte <= '9' ? byte - (uint32_t)'0' : lower - (uint32_t)'a' + 10;
        if (!(byte >= '0' && byte <= '9') && !(lower >= 'a' && lower <= 'f')) {
            return refuse(s, NULL, "\\u needs four hex digits");
        }
        *value = *value << 4 | digit;
    }
    return true;
}

static bool take_unicode(struct scanner *s, uint32_t *point)
{
    if (!take_hex4(s, point)) {
        return false;
    }
    if (*point >= 0xd800 && *point <= 0xdbff && peek(s, 0) == '\\' && peek(s, 1) == 'u') {
        uint32_t low = 0;
        s->at += 2;
        if (!take_hex4(s, &low)) {
            return false;
        }
        if (low >= 0xdc00 && low <= 0xdfff) {
            *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return *point >= 0xd800 && *point <= 0xdfff ? refuse(s, NULL, "half a surrogate pair") : true;
}

/* Behind the backslash. */
static bool take_escape(struct scanner *s, uint8_t quote, uint8_t *out, size_t *size)
{
    static const char from[] = "bfnrt/\\", to[] = "\b\f\n\r\t/\\";
    uint8_t byte = peek(s, 0);
    const char *found = byte == 0 ? NULL : strchr(from, byte);
    uint32_t point = 0;
    if (byte == 'u') {
        s->at++;
        if (!take_unicode(s, &point)) {
            return false;
        }
    } else if (byte == quote || found != NULL) {
        s->at++;
        point = byte == quote ? quote : (uint8_t)to[found - from];
    } else {
        return refuse(s, "allowed: \\b \\f \\n \\r \\t \\/ \\\\ \\uXXXX and the quote", "an unknown escape");
    }
    *size += text_write_utf8(point, out + *size);
    return true;
}

static bool take_quoted(struct scanner *s, struct bytes *name)
{
    uint8_t quote = peek(s, 0), *out = arena_take(s->arena, s->text.size - s->at);
    size_t size = 0;
    if (out == NULL) {
        return error_memory(s->e, s->where);
    }
    s->at++;
    while (peek(s, 0) != quote) {
        uint8_t byte = peek(s, 0);
        if (byte < 0x20) {
            return refuse(s, NULL, s->at < s->text.size ? "a control character in a name" : "the quote is not closed");
        }
        s->at++;
        if (byte != '\\') {
            out[size++] = byte;
        } else if (!take_escape(s, quote, out, &size)) {
            return false;
        }
    }
    s->at++;
    *name = bytes_of(out, size);
    return true;
}

/* ---- Selectors and segments ---- */

static bool take_index(struct scanner *s, uint64_t *index)
{
    size_t from = s->at;
    if (peek(s, 0) == '-') {
        return refuse(s, "count from the front: [0] is the first", "an index from the end can't be known while an answer streams");
    }
    while (peek(s, 0) >= '0' && peek(s, 0) <= '9') {
        s->at++;
    }
    const uint64_t most = ((uint64_t)1 << 53) - 1; /* RFC 9535 2.1: I-JSON's integers */
    if (!bytes_to_u64(bytes_slice(s->text, from, s->at), index) || *index > most) {
        s->at = from;
        return refuse(s, NULL, "an index must be a whole number without leading zeros, at most 2^53-1");
    }
    return true;
}

static bool take_bracket(struct scanner *s, struct json_path_segment *segment)
{
    s->at++;
    skip_blanks(s);
    uint8_t byte = peek(s, 0);
    if (byte == '*') {
        s->at++;
        segment->kind = JSON_PATH_WILDCARD;
    } else if (byte == '\'' || byte == '"') {
        segment->kind = JSON_PATH_NAME;
        if (!take_quoted(s, &segment->name)) {
            return false;
        }
    } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
        segment->kind = JSON_PATH_INDEX;
        if (!take_index(s, &segment->index)) {
            return false;
        }
    } else {
        return refuse(s, "allowed in [ ]: 'name', \"name\", an index, *", byte == '?' ? "filters are not in the subset" : "not a selector");
    }
    skip_blanks(s);
    if (peek(s, 0) == ':' || peek(s, 0) == ',') {
        return refuse(s, "write one line a place", "slices and lists of selectors are not in the subset");
    }
    if (peek(s, 0) != ']') {
        return refuse(s, NULL, "']' is missing");
    }
    s->at++;
    return true;
}

static bool take_shorthand(struct scanner *s, struct json_path_segment *segment)
{
    size_t from = s->at;
    if (peek(s, 0) == '*') {
        s->at++;
        segment->kind = JSON_PATH_WILDCARD;
        return true;
    }
    while (is_name_byte(peek(s, 0), s->at == from)) {
        s->at++;
    }
    segment->kind = JSON_PATH_NAME;
    segment->name = bytes_slice(s->text, from, s->at);
    return segment->name.size > 0 ? true : refuse(s, "quote other names: ['a-b']", "a name begins with a letter or _");
}

static bool take_segment(struct scanner *s, struct json_path_segment *segment)
{
    if (peek(s, 0) == '[') {
        return take_bracket(s, segment);
    }
    if (peek(s, 0) != '.') {
        return refuse(s, "allowed: .name .* ['name'] [0] [*] ..name", "a segment begins with '.' or '['");
    }
    s->at++;
    if (peek(s, 0) == '.') {
        s->at++;
        segment->is_descendant = true;
        if (peek(s, 0) == '[') {
            return take_bracket(s, segment);
        }
    }
    return take_shorthand(s, segment);
}

bool json_path_parse(struct json_path **out, struct bytes text, struct arena *arena, const char *where, struct error *e)
{
    *out = NULL;
    struct scanner s = { .arena = arena, .where = where, .e = e };
    struct json_path_segment segments[JSON_PATH_SEGMENTS_MAX];
    size_t count = 0;
    if (!bytes_are_utf8(text)) {
        return refuse(&s, NULL, "it is not UTF-8");
    }
    /* The path's names are views into this copy. */
    s.text = arena_copy(arena, text);
    if (s.text.data == NULL) {
        return error_memory(e, where);
    }
    if (peek(&s, 0) != '$') {
        return refuse(&s, "begin with $, the whole answer", "a path begins with '$'");
    }
    s.at++;
    for (;;) {
        size_t before = s.at;
        skip_blanks(&s);
        if (s.at == s.text.size) {
            if (s.at != before) {
                return refuse(&s, NULL, "white space at the end");
            }
            break;
        }
        if (count == JSON_PATH_SEGMENTS_MAX) {
            return refuse(&s, NULL, "more than %d segments", JSON_PATH_SEGMENTS_MAX);
        }
        segments[count] = (struct json_path_segment){ .kind = JSON_PATH_NAME };
        if (!take_segment(&s, &segments[count])) {
            return false;
        }
        count++;
    }
    struct json_path *path = arena_take(arena, sizeof *path);
    struct json_path_segment *kept = arena_take(arena, count > 0 ? count * sizeof *kept : 1);
    if (path == NULL || kept == NULL) {
        return error_memory(e, where);
    }
    if (count > 0) {
        memcpy(kept, segments, count * sizeof *kept);
    }
    *path = (struct json_path){ .segments = kept, .count = count };
    *out = path;
    return true;
}
