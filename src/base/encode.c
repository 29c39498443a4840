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

static int base64_value(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    if (byte == '+') {
        return 62;
    }
    return byte == '/' ? 63 : -1;
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
    size_t written = 0;
    for (size_t i = 0; i < text.size; i += 4) {
        size_t digits = i + 4 == text.size ? 4 - padding : 4;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j < digits ? base64_value(text.data[i + j]) : 0;
            if (value < 0) {
                return false;
            }
            bits = bits << 6 | (uint32_t)value;
        }
        uint32_t unused = digits == 2 ? 0xFFFF : (digits == 3 ? 0xFF : 0);
        if ((bits & unused) != 0) {
            return false;
        }
        for (size_t j = 0; j + 1 < digits; j++) {
            out[written++] = (uint8_t)(bits >> (16 - 8 * j));
        }
    }
    *size = written;
    return true;
}

bool is_pchar(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("-._~!$&'()*+,;=:@", byte) != NULL);
}

void percent_append(struct buffer *b, struct bytes view)
{
    for (size_t i = 0; i < view.size; i++) {
        uint8_t byte = view.data[i];
        if (is_pchar(byte)) {
            buffer_append_u8(b, byte);
        } else {
            uint8_t coded[3] = { '%', (uint8_t)hex_upper[byte >> 4], (uint8_t)hex_upper[byte & 15] };
            buffer_append(b, bytes_of(coded, sizeof coded));
        }
    }
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
