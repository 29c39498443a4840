#include "base/bytes.h"

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

bool bytes_equal_ignoring_case(struct bytes a, struct bytes b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0) {
        return order;
    }
    return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

bool bytes_start_with(struct bytes view, struct bytes prefix)
{
    return view.size >= prefix.size && (prefix.size == 0 || memcmp(view.data, prefix.data, prefix.size) == 0);
}

bool bytes_end_with(struct bytes view, struct bytes suffix)
{
    return view.size >= suffix.size && (suffix.size == 0 || memcmp(view.data + view.size - suffix.size, suffix.data, suffix.size) == 0);
}

size_t bytes_find(struct bytes view, uint8_t byte)
{
    const uint8_t *found = view.size == 0 ? NULL : memchr(view.data, byte, view.size);
    return found == NULL ? view.size : (size_t)(found - view.data);
}

struct bytes bytes_slice(struct bytes view, size_t from, size_t to)
{
    if (to > view.size) {
        to = view.size;
    }
    if (from > to) {
        from = to;
    }
    return (struct bytes){ view.data == NULL ? NULL : view.data + from, to - from };
}

struct bytes bytes_trim(struct bytes view)
{
    while (view.size > 0 && (view.data[0] == ' ' || view.data[0] == '\t')) {
        view = (struct bytes){ view.data + 1, view.size - 1 };
    }
    while (view.size > 0 && (view.data[view.size - 1] == ' ' || view.data[view.size - 1] == '\t')) {
        view.size--;
    }
    return view;
}

bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *piece)
{
    if (rest->data == NULL) {
        return false;
    }
    size_t at = bytes_find(*rest, separator);
    *piece = bytes_slice(*rest, 0, at);
    *rest = at == rest->size ? BYTES_NONE : bytes_slice(*rest, at + 1, rest->size);
    return true;
}

bool bytes_list_has(struct bytes list, struct bytes item)
{
    struct bytes piece;
    while (list.size > 0 && bytes_split(&list, ',', &piece)) {
        if (bytes_equal(bytes_trim(piece), item)) {
            return true;
        }
    }
    return false;
}

bool bytes_to_u64(struct bytes view, uint64_t *out)
{
    uint64_t value = 0;
    if (view.size == 0 || (view.size > 1 && view.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < view.size; i++) {
        if (view.data[i] < '0' || view.data[i] > '9') {
            return false;
        }
        uint64_t digit = view.data[i] - (uint64_t)'0';
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static size_t utf8_sequence(const uint8_t *data, size_t size)
{
    uint8_t first = data[0];
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    size_t length;
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (size < length || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (data[i] < 0x80 || data[i] > 0xBF) {
            return 0;
        }
    }
    return length;
}

size_t bytes_utf8_length(struct bytes view)
{
    return view.size == 0 ? 0 : utf8_sequence(view.data, view.size);
}

bool bytes_are_utf8(struct bytes view)
{
    size_t at = 0;
    while (at < view.size) {
        size_t length = utf8_sequence(view.data + at, view.size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

struct bytes reader_take(struct reader *r, size_t size)
{
    if (size > r->left.size) {
        r->failed = true;
    }
    if (r->failed || size == 0) {
        return BYTES_NONE;
    }
    struct bytes taken = { r->left.data, size };
    r->left = (struct bytes){ r->left.data + size, r->left.size - size };
    return taken;
}

static uint64_t reader_number(struct reader *r, size_t size)
{
    struct bytes taken = reader_take(r, size);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.size; i++) {
        value = value << 8 | taken.data[i];
    }
    return value;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return reader_number(r, 8);
}

struct bytes reader_line(struct reader *r)
{
    size_t at = bytes_find(r->left, '\n');
    if (r->failed || at == r->left.size) {
        r->failed = true;
        return BYTES_NONE;
    }
    struct bytes line = bytes_slice(r->left, 0, at);
    r->left = bytes_slice(r->left, at + 1, r->left.size);
    return line;
}
