/* The bytes of JSON strings: what yajl lets through, and how they are written. Pure. */
#ifndef COMITY_POLICY_RELEASE_TEXT_INTERNAL_H
#define COMITY_POLICY_RELEASE_TEXT_INTERNAL_H

#include "base/buffer.h"

/*
 * Watches the raw answer for \u escapes: yajl makes "?" of half a surrogate pair, and bytes that aren't UTF-8 of another; both would make two
 * different keys one, or the other way round. Zeroed is ready.
 */
struct escape_watch {
    uint8_t step; /* 0: outside; 1: behind a backslash; 2: in the digits of \uXXXX */
    uint8_t digits;
    uint16_t value;
    bool needs_low; /* the first half of a pair was there */
};
/* False: half a pair. What is no escape at all is left to yajl. */
must_check bool escape_watch_add(struct escape_watch *watch, struct bytes piece);

/* Only ASCII that a string holds as it is: no quote, backslash or control character, and so nothing to check or to escape. */
bool text_is_plain(struct bytes text);
/* Appends in quotes, with the escapes that RFC 8259 asks for and no others; never longer than the shortest way it could have been written. */
void text_append_quoted(struct buffer *out, struct bytes text);

#endif
