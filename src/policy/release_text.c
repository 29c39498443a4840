#include "policy/release_text_internal.h"

/* ---- Reading ---- */

size_t text_write_utf8(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

/* The value of XXXX at the front; the scanner has seen that these are hex digits. */
static uint32_t hex4(struct bytes text)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4 && i < text.size; i++) {
        uint32_t byte = text.data[i], letter = (byte | 0x20) - (uint32_t)'a' + 10;
        value = value << 4 | (byte <= '9' ? byte - (uint32_t)'0' : letter);
    }
    return value;
}

/* An escape, behind its backslash; takes it off the front. */
static size_t decode_escape(struct bytes *rest, uint8_t *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    uint8_t byte = rest->data[0];
    const char *found = byte == 0 ? NULL : strchr(from, byte);
    *rest = bytes_slice(*rest, 1, rest->size);
    if (byte != 'u') {
        out[0] = found != NULL ? (uint8_t)to[found - from] : byte;
        return 1;
    }
    uint32_t point = hex4(*rest);
    *rest = bytes_slice(*rest, 4, rest->size);
    if (point >= 0xd800 && point <= 0xdbff) {
        uint32_t low = hex4(bytes_slice(*rest, 2, rest->size));
        *rest = bytes_slice(*rest, 6, rest->size);
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    return text_write_utf8(point, out);
}

size_t text_decode(struct bytes inside, uint8_t *out)
{
    size_t size = 0;
    while (inside.size > 0) {
        size_t plain = bytes_find(inside, '\\');
        if (plain > 0) {
            memcpy(out + size, inside.data, plain);
        }
        size += plain;
        inside = bytes_slice(inside, plain + 1, inside.size);
        if (inside.size > 0) {
            size += decode_escape(&inside, out + size);
        }
    }
    return size;
}

/* ---- Writing ---- */

static bool is_to_escape(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void append_escape(struct buffer *out, uint8_t byte)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt", digits[] = "0123456789abcdef";
    const char *found = byte == 0 ? NULL : strchr(plain, byte);
    buffer_append_u8(out, '\\');
    if (found != NULL) {
        buffer_append_u8(out, (uint8_t)letter[found - plain]);
        return;
    }
    buffer_append(out, BYTES("u00"));
    buffer_append_u8(out, (uint8_t)digits[byte >> 4]);
    buffer_append_u8(out, (uint8_t)digits[byte & 0xf]);
}

void text_append_quoted(struct buffer *out, struct bytes text)
{
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < text.size;) {
        size_t from = i;
        while (i < text.size && !is_to_escape(text.data[i])) {
            i++;
        }
        buffer_append(out, bytes_slice(text, from, i));
        if (i < text.size) {
            append_escape(out, text.data[i]);
            i++;
        }
    }
    buffer_append_u8(out, '"');
}
