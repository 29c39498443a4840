#include "policy/glob.h"

#include "base/encode.h"

/*
 * The pattern is run as a machine whose states are its bytes' offsets, and all states that a path can be in are held as a set of bits: the
 * time is at most path x pattern whatever stars there are, where going back to the last star would be path x path x pattern.
 */
enum { WORDS = (GLOB_PATTERN_SIZE_MAX + 1 + 63) / 64 };

struct states {
    uint64_t bits[WORDS];
    bool is_done; /* the pattern's rest is "**": any path is matched from here on */
};

static bool is_star(struct bytes pattern, size_t at)
{
    return at < pattern.size && pattern.data[at] == '*';
}

/* The state `at`; before a run of stars also the one behind it, as stars may stand for nothing. */
static void enter(struct states *set, struct bytes pattern, size_t at)
{
    set->bits[at / 64] |= (uint64_t)1 << (at % 64);
    if (!is_star(pattern, at)) {
        return;
    }
    size_t end = at;
    while (is_star(pattern, end)) {
        end++;
    }
    set->is_done = set->is_done || (end == pattern.size && end - at >= 2);
    set->bits[end / 64] |= (uint64_t)1 << (end % 64);
}

static void advance(struct states *set, struct bytes pattern, size_t at, uint8_t byte)
{
    if (at == pattern.size) {
        return;
    }
    if (is_star(pattern, at)) {
        if (byte != '/' || is_star(pattern, at + 1)) {
            enter(set, pattern, at);
        }
        return;
    }
    bool is_escape = pattern.data[at] == '\\' && at + 1 < pattern.size && (pattern.data[at + 1] == '*' || pattern.data[at + 1] == '\\');
    if (pattern.data[is_escape ? at + 1 : at] == byte) {
        enter(set, pattern, at + (is_escape ? 2 : 1));
    }
}

/* How many bytes of both are plain and the same: the usual beginning, without the machine. */
static size_t plain_prefix(struct bytes pattern, struct bytes path)
{
    size_t i = 0;
    while (i < pattern.size && i < path.size && pattern.data[i] == path.data[i] && pattern.data[i] != '*' && pattern.data[i] != '\\') {
        i++;
    }
    return i;
}

bool glob_match(struct bytes pattern, struct bytes path)
{
    if (pattern.size > GLOB_PATTERN_SIZE_MAX) {
        return false;
    }
    size_t skipped = plain_prefix(pattern, path);
    pattern = bytes_slice(pattern, skipped, pattern.size);
    path = bytes_slice(path, skipped, path.size);
    size_t words = pattern.size / 64 + 1;
    struct states now = { .is_done = false };
    enter(&now, pattern, 0);
    for (size_t i = 0; i < path.size && !now.is_done; i++) {
        struct states next;
        uint64_t any = 0;
        memset(next.bits, 0, words * sizeof next.bits[0]);
        next.is_done = false;
        for (size_t word = 0; word < words; word++) {
            for (uint64_t left = now.bits[word]; left != 0; left &= left - 1) {
                advance(&next, pattern, word * 64 + (size_t)__builtin_ctzll(left), path.data[i]);
            }
        }
        for (size_t word = 0; word < words; word++) {
            now.bits[word] = next.bits[word];
            any |= next.bits[word];
        }
        now.is_done = next.is_done;
        if (any == 0) {
            return false;
        }
    }
    return now.is_done || (now.bits[pattern.size / 64] >> (pattern.size % 64) & 1) != 0;
}

/* ---- Paths ---- */

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Appends a segment decoded, but for %2F. */
static bool decode_segment(struct bytes segment, struct buffer *out, struct error *e)
{
    for (size_t i = 0; i < segment.size; i++) {
        uint8_t byte = segment.data[i];
        if (byte == '%') {
            int high = segment.size - i > 2 ? hex_value(segment.data[i + 1]) : -1;
            int low = segment.size - i > 2 ? hex_value(segment.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return error_set(e, ERROR_INPUT, "path", "write % as %25", "a '%%' without two hex digits");
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
            if (byte == '/') {
                buffer_append(out, BYTES("%2F"));
                continue;
            }
        }
        if (byte == '\0') {
            return error_set(e, ERROR_INPUT, "path", NULL, "a NUL character");
        }
        buffer_append_u8(out, byte);
    }
    return true;
}

static bool is_dots(struct bytes text)
{
    return bytes_equal(text, BYTES(".")) || bytes_equal(text, BYTES(".."));
}

/*
 * Would some server see a dot-segment here, though it isn't one as sent? Servers differ in whether they decode %2e, take "%2F" and "\" for
 * "/", and cut ";..." off a segment: what one of them could read as another path than the one that rights are checked on is refused.
 */
static bool hides_dots(struct bytes decoded)
{
    struct bytes rest = decoded, piece;
    while (bytes_split(&rest, '\\', &piece)) {
        struct bytes inner = piece;
        while (inner.data != NULL) {
            size_t end = 0;
            while (end < inner.size && !bytes_start_with(bytes_slice(inner, end, inner.size), BYTES("%2F"))) {
                end++;
            }
            struct bytes part = bytes_slice(inner, 0, end);
            if (is_dots(bytes_slice(part, 0, bytes_find(part, ';')))) {
                return true;
            }
            inner = end < inner.size ? bytes_slice(inner, end + 3, inner.size) : BYTES_NONE;
        }
    }
    return false;
}

/* Takes the last segment off, for "..": what stands before it keeps its '/'. */
static bool step_up(struct buffer *out, size_t start, struct error *e)
{
    if (out->size == start) {
        return error_set(e, ERROR_INPUT, "path", NULL, "'..' leads above the root");
    }
    size_t end = out->size;
    while (out->data[end - 1] != '/') {
        end--;
    }
    if (end == out->size) {
        /* "//..": a server that takes "//" for one "/" goes one step higher than one that does not. */
        return error_set(e, ERROR_INPUT, "path", NULL, "'..' behind an empty segment");
    }
    out->size = end - 1;
    return true;
}

bool glob_normalise(struct bytes path, struct buffer *out, struct error *e)
{
    size_t start = out->size;
    if (path.size == 0) {
        return true;
    }
    if (path.data[0] != '/') {
        return error_set(e, ERROR_INPUT, "path", NULL, "it does not begin with '/'");
    }
    struct bytes rest = bytes_slice(path, 1, path.size), segment;
    bool is_last = false;
    while (!is_last && bytes_split(&rest, '/', &segment)) {
        is_last = rest.data == NULL;
        if (bytes_equal(segment, BYTES("..")) && !step_up(out, start, e)) {
            return false;
        }
        if (is_dots(segment)) {
            if (is_last) {
                buffer_append_u8(out, '/');
            }
            continue;
        }
        buffer_append_u8(out, '/');
        size_t from = out->size;
        if (!decode_segment(segment, out, e)) {
            return false;
        }
        struct bytes decoded = bytes_of(out->failed ? NULL : out->data + from, out->failed ? 0 : out->size - from);
        if (hides_dots(decoded)) {
            return error_set(e, ERROR_INPUT, "path", NULL, "an encoded dot-segment");
        }
    }
    if (out->failed) {
        return error_memory(e, "path");
    }
    if (!bytes_are_utf8(bytes_of(out->data + start, out->size - start))) {
        return error_set(e, ERROR_INPUT, "path", NULL, "it is not UTF-8");
    }
    return true;
}
