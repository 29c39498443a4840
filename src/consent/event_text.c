#include "consent/event_text.h"

#include "base/encode.h"

/* What never stands bare in a value. */
static bool needs_escape(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Does an escape that event_text_append() may have written stand at `at`? */
static bool escape_at(struct bytes value, size_t at, uint8_t *byte)
{
    if (value.size - at < 3 || value.data[at] != '%') {
        return false;
    }
    int high = hex_digit(value.data[at + 1]);
    int low = hex_digit(value.data[at + 2]);
    if (high < 0 || low < 0) {
        return false;
    }
    uint8_t hidden = (uint8_t)(high * 16 + low);
    if (!needs_escape(hidden) && hidden != '%') {
        return false;
    }
    *byte = hidden;
    return true;
}

void event_text_append(struct buffer *out, const char *name, struct bytes value)
{
    static const char digits[] = "0123456789ABCDEF";
    buffer_append_text(out, name);
    buffer_append(out, BYTES(": "));
    size_t from = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        uint8_t hidden;
        if (!needs_escape(byte) && (byte != '%' || !escape_at(value, i, &hidden))) {
            continue;
        }
        buffer_append(out, bytes_slice(value, from, i));
        buffer_append(out, bytes_of((char[]){ '%', digits[byte >> 4], digits[byte & 15] }, 3));
        from = i + 1;
    }
    buffer_append(out, bytes_slice(value, from, value.size));
    buffer_append_u8(out, '\n');
}

void event_text_append_decimal(struct buffer *out, const char *name, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    buffer_append_text(out, name);
    buffer_append_text(out, value < 0 ? ": -" : ": ");
    buffer_append_decimal(out, size);
    buffer_append_u8(out, '\n');
}

void event_text_append_digest(struct buffer *out, const char *name, const uint8_t digest[32])
{
    buffer_append_text(out, name);
    buffer_append_text(out, ": sha-256=:");
    base64_append(out, bytes_of(digest, 32));
    buffer_append(out, BYTES(":\n"));
}

bool event_text_digest(struct bytes value, uint8_t out[32])
{
    struct bytes prefix = BYTES("sha-256=:");
    size_t size;
    return bytes_start_with(value, prefix) && value.data[value.size - 1] == ':' && value.size > prefix.size &&
           base64_parse(bytes_slice(value, prefix.size, value.size - 1), out, 32, &size) && size == 32;
}

bool event_text_next(struct bytes *rest, struct bytes *name, struct bytes *value)
{
    size_t end = bytes_find(*rest, '\n');
    size_t colon = bytes_find(bytes_slice(*rest, 0, end), ':');
    if (end == rest->size || colon == 0 || colon + 1 >= end || rest->data[colon + 1] != ' ') {
        return false;
    }
    *name = bytes_slice(*rest, 0, colon);
    *value = bytes_slice(*rest, colon + 2, end);
    *rest = bytes_slice(*rest, end + 1, rest->size);
    return true;
}

bool event_text_get(struct bytes text, const char *name, struct bytes *value)
{
    struct bytes wanted = bytes_of_text(name);
    struct bytes found;
    while (event_text_next(&text, &found, value)) {
        if (bytes_equal(found, wanted)) {
            return true;
        }
    }
    return false;
}

bool event_text_is(struct bytes text, const char *kind)
{
    struct bytes name, value;
    if (!event_text_next(&text, &name, &value) || !bytes_equal(name, BYTES("comity-event")) || !bytes_equal(value, bytes_of_text(kind))) {
        return false;
    }
    while (event_text_next(&text, &name, &value)) {
    }
    return text.size == 0;
}

struct bytes event_text_decode(struct arena *arena, struct bytes value)
{
    if (bytes_find(value, '%') == value.size) {
        return value.data != NULL ? value : BYTES("");
    }
    uint8_t *out = arena_take(arena, value.size);
    if (out == NULL) {
        return BYTES_NONE;
    }
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (escape_at(value, i, &byte)) {
            i += 2;
        }
        out[size++] = byte;
    }
    return bytes_of(out, size);
}
