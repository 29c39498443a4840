/* Path patterns and paths of access rights, as X-Road has them (reference: X-Road REST 1.8). Pure. */
#ifndef COMITY_POLICY_GLOB_H
#define COMITY_POLICY_GLOB_H

#include "base/buffer.h"
#include "base/error.h"

/* Patterns that are longer match nothing; policy_parse() refuses them. */
enum { GLOB_PATTERN_SIZE_MAX = 1023 };

/*
 * Anchored at both ends; `*` = zero or more characters but '/', `**` (or more) = anything, `\*` and `\\` literal, another backslash is
 * itself. Time at most path x pattern, stack fixed.
 */
bool glob_match(struct bytes pattern, struct bytes path);
/*
 * Appends the service path as rights are matched with: percent-decoded (but %2F stays, upper case) and dot-segments removed. ERROR_INPUT when
 * an escape is bad, ".." leads above the root or behind an empty segment, the result isn't UTF-8 or holds a NUL, or when some server could
 * see another path than this: a dot-segment that is encoded, has parameters ("..;x"), or stands between %2F or backslashes. On failure `out`
 * may hold a part.
 */
must_check bool glob_normalise(struct bytes path, struct buffer *out, struct error *e);

#endif
