#include "policy/release_text_internal.h"

/* ---- Half surrogate pairs ---- */

/* The value of a whole \uXXXX. */
static bool end_escape(struct escape_watch *watch)
{
    bool is_low = watch->value >= 0xdc00 && watch->value <= 0xdfff;
    if (watch->needs_low != is_low) {
        return false;
    }
    watch->needs_low = watch->value >= 0xd800 && watch->value <= 0xdbff;
    watch->step = 0;
    return true;
}

static int hex_digit(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool watch_byte(struct escape_watch *watch, uint8_t byte)
{
    int digit = 0;
    switch (watch->step) {
    case 0:
        if (byte == '\\') {
            watch->step = 1;
            return true;
        }
        return !watch->needs_low;
    case 1:
        watch->step = byte == 'u' ? 2 : 0;
        watch->digits = 0;
        watch->value = 0;
        return byte == 'u' || !watch->needs_low;
    default:
        digit = hex_digit(byte);
        if (digit < 0) {
            watch->step = 0; /* yajl refuses it */
            return true;
        }
        watch->value = (uint16_t)(watch->value << 4 | digit);
        watch->digits++;
        return watch->digits < 4 || end_escape(watch);
    }
}

bool escape_watch_add(struct escape_watch *watch, struct bytes piece)
{
    size_t i = 0;
    while (i < piece.size) {
        if (watch->step == 0 && !watch->needs_low) {
            const uint8_t *found = memchr(piece.data + i, '\\', piece.size - i);
            if (found == NULL) {
                return true;
            }
            i = (size_t)(found - piece.data);
        }
        if (!watch_byte(watch, piece.data[i])) {
            return false;
        }
        i++;
    }
    return true;
}

/* ---- Writing ---- */

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define EACH_TOP (EACH_BYTE * 0x80)

/* Has one of the eight bytes its top bit set, or is it below 0x20, a quote or a backslash? */
static bool is_any_special(uint64_t eight)
{
    uint64_t quote = eight ^ EACH_BYTE * '"', backslash = eight ^ EACH_BYTE * '\\';
    uint64_t below = eight - EACH_BYTE * 0x20, no_quote = quote - EACH_BYTE, no_backslash = backslash - EACH_BYTE;
    return ((eight | (below & ~eight) | (no_quote & ~quote) | (no_backslash & ~backslash)) & EACH_TOP) != 0;
}

static bool is_special(uint8_t byte)
{
    return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
}

/* Fewer than eight bytes, as most keys are, in one word: each at least once, and plain ones in what is left. */
static uint64_t gather(struct bytes text)
{
    uint32_t first = 0, last = 0;
    if (text.size >= sizeof first) {
        memcpy(&first, text.data, sizeof first);
        memcpy(&last, text.data + (text.size - sizeof last), sizeof last);
        return (uint64_t)last << 32 | first;
    }
    if (text.size == 0) {
        return EACH_BYTE * 'a';
    }
    return (uint64_t)text.data[0] | (uint64_t)text.data[text.size / 2] << 8 | (uint64_t)text.data[text.size - 1] << 16 |
           (EACH_BYTE * 'a' & ~UINT64_C(0xffffff));
}

bool text_is_plain(struct bytes text)
{
    uint64_t eight = 0;
    if (text.size < sizeof eight) {
        return !is_any_special(gather(text));
    }
    for (size_t i = 0; i < text.size - sizeof eight; i += sizeof eight) {
        memcpy(&eight, text.data + i, sizeof eight);
        if (is_any_special(eight)) {
            return false;
        }
    }
    /* The last eight, part of which the loop may have seen. */
    memcpy(&eight, text.data + (text.size - sizeof eight), sizeof eight);
    return !is_any_special(eight);
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
        while (i < text.size && (text.data[i] >= 0x80 || !is_special(text.data[i]))) {
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
