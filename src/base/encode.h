/* Hexadecimal, base64 and percent-encoding. Pure. */
#ifndef COMITY_BASE_ENCODE_H
#define COMITY_BASE_ENCODE_H

#include "base/buffer.h"

/* Lower-case hex; `out` takes 2 * size + 1 bytes and ends with a NUL. */
void hex_write(struct bytes view, char *out);
/* Exactly 2 * size hex digits of either case. */
must_check bool hex_parse(struct bytes text, uint8_t *out, size_t size);

/* Standard base64 with padding (RFC 4648 section 4): 4 * ceil(size / 3) characters. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)
/* Writes BASE64_SIZE(view.size) characters without a NUL and returns how many. */
size_t base64_write(struct bytes view, uint8_t *out);
void base64_append(struct buffer *b, struct bytes view);
/*
 * Canonical base64 only: padding where it belongs, no white space, unused bits zero. `out` takes `capacity` bytes; `*size` is
 * what was decoded. False on anything else, or when `capacity` is too small.
 */
must_check bool base64_parse(struct bytes text, uint8_t *out, size_t capacity, size_t *size);

/* RFC 3986 pchar stay bare, every other byte becomes upper-case %XX: X-Road's identifier parts. */
void percent_append(struct buffer *b, struct bytes view);
/* Decodes %XX into `out` (at most text.size bytes); false on % without two hex digits. */
must_check bool percent_decode(struct bytes text, uint8_t *out, size_t *size);
/* ALPHA / DIGIT / "-" / "." / "_" / "~" / sub-delims / ":" / "@" (RFC 3986 3.3 pchar without pct-encoded). */
bool is_pchar(uint8_t byte);

#endif
