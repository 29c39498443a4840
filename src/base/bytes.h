/* A view of bytes that someone else owns. Text is bytes too: nothing here looks for a NUL. */
#ifndef COMITY_BASE_BYTES_H
#define COMITY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define must_check __attribute__((warn_unused_result))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Owns nothing and outlives nothing. `data` may be NULL only when `size` is 0. Passed by value. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

#define BYTES(literal) ((struct bytes){ (const uint8_t *)("" literal), sizeof(literal) - 1 })
#define BYTES_NONE ((struct bytes){ NULL, 0 })
/* For printf: "%.*s", BYTES_FMT(view). Views of at most INT_MAX bytes. */
#define BYTES_FMT(view) (int)(view).size, (const char *)((view).data != NULL ? (view).data : (const uint8_t *)"")

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){ (const uint8_t *)data, size };
}

static inline struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){ (const uint8_t *)text, text == NULL ? 0 : strlen(text) };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Equality that ignores the case of ASCII letters only (HTTP field names, RFC 9110 5.1). */
bool bytes_equal_ignoring_case(struct bytes a, struct bytes b);

/* Like memcmp: the shorter of two views with the same beginning comes first. */
int bytes_compare(struct bytes a, struct bytes b);

bool bytes_start_with(struct bytes view, struct bytes prefix);
bool bytes_end_with(struct bytes view, struct bytes suffix);

/* The index of the first `byte`, or view.size when there is none. */
size_t bytes_find(struct bytes view, uint8_t byte);

/* The part from `from` up to, not including, `to`; both are cut to the view's size. */
struct bytes bytes_slice(struct bytes view, size_t from, size_t to);

/* Without leading and trailing spaces and tabs (RFC 9110 5.6.3 OWS). */
struct bytes bytes_trim(struct bytes view);

/*
 * Takes what stands before the first `separator` off the front of `*rest`, and the separator with it. Without one, takes all.
 * Returns false when `*rest` was exhausted before (data NULL); "a," gives "a" and then "".
 */
bool bytes_split(struct bytes *rest, uint8_t separator, struct bytes *piece);

/* Is `item` one of the pieces of `list`, which commas separate? Blanks around pieces do not count. */
bool bytes_list_has(struct bytes list, struct bytes item);

/* Parses an unsigned decimal of digits only, without sign, space or leading zeros (but "0"). False on anything else or overflow. */
must_check bool bytes_to_u64(struct bytes view, uint64_t *out);

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool bytes_are_utf8(struct bytes view);
/* The size of the well-formed character at the front (RFC 3629 section 4's table), 0 when there is none. */
size_t bytes_utf8_length(struct bytes view);

/* A bounded reader: sizes are compared without adding, a failure sticks, the caller asks once at the end. */
struct reader {
    struct bytes left;
    bool failed;
};
struct bytes reader_take(struct reader *r, size_t size);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r); /* big-endian, as are the next two */
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* The line up to, without, the next LF; fails when there is no LF. */
struct bytes reader_line(struct reader *r);

#endif
