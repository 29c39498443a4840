#include "base/encode.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_write(struct bytes view, char *out)
{
    for (size_t i = 0; i < view.size; i++) {
        *out++ = hex_lower[view.data[i] >> 4];
        *out++ = hex_lower[view.data[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

bool hex_parse(struct bytes text, uint8_t *out, size_t size)
{
    if (text.size / 2 != size || text.size % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

size_t base64_write(struct bytes view, uint8_t *out)
{
    uint8_t *start = out;
    size_t i = 0;
    for (; i + 3 <= view.size; i += 3) {
        uint32_t three = (uint32_t)view.data[i] << 16 | (uint32_t)view.data[i + 1] << 8 | view.data[i + 2];
        *out++ = (uint8_t)base64_digits[three >> 18];
        *out++ = (uint8_t)base64_digits[three >> 12 & 63];
        *out++ = (uint8_t)base64_digits[three >> 6 & 63];
        *out++ = (uint8_t)base64_digits[three & 63];
    }
    if (i < view.size) {
        bool two = view.size - i == 2;
        uint32_t rest = (uint32_t)view.data[i] << 16 | (two ? (uint32_t)view.data[i + 1] << 8 : 0);
        *out++ = (uint8_t)base64_digits[rest >> 18];
        *out++ = (uint8_t)base64_digits[rest >> 12 & 63];
        *out++ = two ? (uint8_t)base64_digits[rest >> 6 & 63] : '=';
        *out++ = '=';
    }
    return (size_t)(out - start);
}

void base64_append(struct buffer *b, struct bytes view)
{
    uint8_t *room = buffer_room(b, BASE64_SIZE(view.size));
    if (room != NULL) {
        buffer_added(b, base64_write(view, room));
    }
}

/* 64 marks what is no digit: its bit survives in the OR of all values, so that a whole text is checked by one comparison. */
static uint8_t base64_value(uint8_t byte)
{
    static const uint8_t values[256] = {
        /* Each digit's value plus one, so that what is not named here stays 0, and 0 - 1 has the marking bit. */
        ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11,
        ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
        ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
        ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
        ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
        ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
    };
    return (uint8_t)(values[byte] - 1);
}

/* Four digits at `text` to the 24 bits that they stand for; what is no digit leaves a bit above 63 in `*wrong`. */
static uint32_t base64_group(const uint8_t *text, uint8_t *wrong)
{
    uint8_t a = base64_value(text[0]), b = base64_value(text[1]), c = base64_value(text[2]), d = base64_value(text[3]);
    *wrong |= (uint8_t)(a | b | c | d);
    return (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
}

bool base64_parse(struct bytes text, uint8_t *out, size_t capacity, size_t *size)
{
    if (text.size % 4 != 0) {
        return false;
    }
    size_t padding = 0;
    if (text.size > 0 && text.data[text.size - 1] == '=') {
        padding = text.data[text.size - 2] == '=' ? 2 : 1;
    }
    size_t decoded = text.size / 4 * 3 - padding;
    if (decoded > capacity) {
        return false;
    }
    uint8_t wrong = 0;
    size_t whole = padding == 0 ? text.size : text.size - 4;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t bits = base64_group(text.data + i, &wrong);
        *out++ = (uint8_t)(bits >> 16);
        *out++ = (uint8_t)(bits >> 8);
        *out++ = (uint8_t)bits;
    }
    if (padding > 0) {
        const uint8_t *end = text.data + whole;
        const uint8_t last[4] = { end[0], end[1], padding == 2 ? (uint8_t)'A' : end[2], 'A' };
        uint32_t bits = base64_group(last, &wrong);
        if ((bits & (padding == 2 ? 0xFFFFU : 0xFFU)) != 0) {
            return false;
        }
        *out++ = (uint8_t)(bits >> 16);
        if (padding == 1) {
            *out = (uint8_t)(bits >> 8);
        }
    }
    *size = decoded;
    return wrong <= 63;
}

bool is_pchar(uint8_t byte)
{
    /* RFC 3986 3.3. A bit for each byte below 128. */
    static const uint64_t bits[2] = { UINT64_C(0x2FFF7FD200000000), UINT64_C(0x47FFFFFE87FFFFFF) };
    return byte < 128 && (bits[byte >> 6] >> (byte & 63) & 1) != 0;
}

void percent_append(struct buffer *b, struct bytes view)
{
    size_t from = 0;
    for (size_t i = 0; i < view.size; i++) {
        uint8_t byte = view.data[i];
        if (!is_pchar(byte)) {
            uint8_t coded[3] = { '%', (uint8_t)hex_upper[byte >> 4], (uint8_t)hex_upper[byte & 15] };
            buffer_append(b, bytes_slice(view, from, i));
            buffer_append(b, bytes_of(coded, sizeof coded));
            from = i + 1;
        }
    }
    buffer_append(b, bytes_slice(view, from, view.size));
}

bool percent_decode(struct bytes text, uint8_t *out, size_t *size)
{
    size_t written = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = text.size - i > 2 ? hex_digit(text.data[i + 1]) : -1;
            int low = text.size - i > 2 ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        out[written++] = byte;
    }
    *size = written;
    return true;
}
