#include "consent/canonical_json.h"

#include <stdlib.h>

enum { UTF8_LEAD_OF_E000 = 0xEE, UTF8_LEAD_OF_10000 = 0xF0 };
static const json_int_t whole_max = 9007199254740991; /* 2^53 - 1 */

struct writing {
    struct buffer *out;
    const char *where;
    struct error *e;
};

/* RFC 8785 3.2.2.2: the seven short escapes' five letters, \u00xx for other controls, and all else as it is. */
static void write_string(struct buffer *out, struct bytes text)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
    size_t from = 0;
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        buffer_append(out, bytes_slice(text, from, i));
        from = i + 1;
        buffer_append_u8(out, '\\');
        if (byte >= 0x20) {
            buffer_append_u8(out, byte);
        } else if (letters[byte] != '\0') {
            buffer_append_u8(out, (uint8_t)letters[byte]);
        } else {
            buffer_append_text(out, "u00");
            buffer_append_u8(out, (uint8_t)digits[byte >> 4]);
            buffer_append_u8(out, (uint8_t)digits[byte & 15]);
        }
    }
    buffer_append(out, bytes_slice(text, from, text.size));
    buffer_append_u8(out, '"');
}

/*
 * RFC 8785 3.2.3 sorts by UTF-16 units. That is the order of UTF-8 bytes, but for characters from U+10000: their surrogates (D800-DFFF)
 * come before U+E000-FFFF.
 */
static int compare_keys(const void *a, const void *b)
{
    const uint8_t *left = *(const uint8_t *const *)a;
    const uint8_t *right = *(const uint8_t *const *)b;
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    bool is_astral_left = *left >= UTF8_LEAD_OF_10000;
    bool is_astral_right = *right >= UTF8_LEAD_OF_10000;
    if (is_astral_left != is_astral_right && (is_astral_left ? *right : *left) >= UTF8_LEAD_OF_E000) {
        return is_astral_left ? -1 : 1;
    }
    return (int)*left - (int)*right;
}

static bool write_value(const struct writing *w, const json_t *value, unsigned depth);

static bool write_object(const struct writing *w, const json_t *object, unsigned depth)
{
    const char *key;
    json_t *unused;
    size_t count = json_object_size(object), i = 0;
    if (count > CANONICAL_JSON_KEYS_MAX) {
        return error_set(w->e, ERROR_INPUT, w->where, NULL, "an object has more than %d keys", CANONICAL_JSON_KEYS_MAX);
    }
    const char **keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL) {
        return error_memory(w->e, w->where);
    }
    json_object_foreach((json_t *)object, key, unused)
    {
        keys[i++] = key;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    bool ok = true;
    buffer_append_u8(w->out, '{');
    for (i = 0; ok && i < count; i++) {
        if (i > 0) {
            buffer_append_u8(w->out, ',');
        }
        write_string(w->out, bytes_of_text(keys[i]));
        buffer_append_u8(w->out, ':');
        ok = write_value(w, json_object_get(object, keys[i]), depth);
    }
    buffer_append_u8(w->out, '}');
    free(keys);
    return ok;
}

static bool write_array(const struct writing *w, const json_t *array, unsigned depth)
{
    buffer_append_u8(w->out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0) {
            buffer_append_u8(w->out, ',');
        }
        if (!write_value(w, json_array_get(array, i), depth)) {
            return false;
        }
    }
    buffer_append_u8(w->out, ']');
    return true;
}

static bool write_integer(const struct writing *w, json_int_t number)
{
    if (number < -whole_max || number > whole_max) {
        return error_set(w->e, ERROR_INPUT, w->where, "write it as a string", "a number is larger than 2^53 - 1");
    }
    if (number < 0) {
        buffer_append_u8(w->out, '-');
    }
    buffer_append_decimal(w->out, (uint64_t)(number < 0 ? -number : number));
    return true;
}

static bool write_value(const struct writing *w, const json_t *value, unsigned depth)
{
    if (depth == CANONICAL_JSON_DEPTH_MAX) {
        return error_set(w->e, ERROR_INPUT, w->where, NULL, "is nested deeper than %d", CANONICAL_JSON_DEPTH_MAX);
    }
    if (w->out->failed) {
        return false; /* there is no more room: told by who began */
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return write_object(w, value, depth + 1);
    case JSON_ARRAY:
        return write_array(w, value, depth + 1);
    case JSON_STRING:
        write_string(w->out, bytes_of(json_string_value(value), json_string_length(value)));
        return true;
    case JSON_INTEGER:
        return write_integer(w, json_integer_value(value));
    case JSON_REAL:
        return error_set(w->e, ERROR_INPUT, w->where, "write a whole number", "a number is not whole");
    case JSON_TRUE:
        buffer_append_text(w->out, "true");
        return true;
    case JSON_FALSE:
        buffer_append_text(w->out, "false");
        return true;
    case JSON_NULL:
        buffer_append_text(w->out, "null");
        return true;
    }
    return error_set(w->e, ERROR_INPUT, w->where, NULL, "is no JSON value");
}

bool canonical_json_write(const json_t *value, const char *where, struct buffer *out, struct error *e)
{
    const struct writing w = { .out = out, .where = where, .e = e };
    if (value == NULL) {
        return error_memory(e, where);
    }
    bool ok = write_value(&w, value, 0);
    if (out->failed) {
        return error_set(e, ERROR_FULL, where, "shorten it", "is longer than %zu bytes", out->size_max);
    }
    return ok;
}
