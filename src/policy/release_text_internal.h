/* The text of JSON strings: decoded, and written. Pure. */
#ifndef COMITY_POLICY_RELEASE_TEXT_INTERNAL_H
#define COMITY_POLICY_RELEASE_TEXT_INTERNAL_H

#include "base/buffer.h"

/* Writes the 1 to 4 bytes of a character that is no surrogate; returns how many. */
size_t text_write_utf8(uint32_t point, uint8_t *out);
/* What stands between a string's quotes, as json_scan.h let it through, without its escapes. `out` takes inside.size bytes; returns how many. */
size_t text_decode(struct bytes inside, uint8_t *out);
/* Appends in quotes, with the escapes that RFC 8259 asks for and no others; never longer than the shortest way it could have been written. */
void text_append_quoted(struct buffer *out, struct bytes text);

#endif
