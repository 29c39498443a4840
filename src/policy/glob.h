/* Path patterns and paths of access rights, as X-Road has them (reference: X-Road REST 1.8). Pure. */
#ifndef COMITY_POLICY_GLOB_H
#define COMITY_POLICY_GLOB_H

#include "base/buffer.h"
#include "base/error.h"

/* Anchored at both ends; `*` = zero or more characters but '/', `**` (or more) = anything, `\*` and `\\` literal. Linear time and stack. */
bool glob_match(struct bytes pattern, struct bytes path);
/*
 * The service path as rights are matched with: percent-decoded (but %2F stays, upper case) and dot-segments removed. ERROR_INPUT when an
 * escape is bad, ".." remains or leads above the root, the result isn't UTF-8, or decoding changes the number of segments.
 */
must_check bool glob_normalise(struct bytes path, struct buffer *out, struct error *e);

#endif
