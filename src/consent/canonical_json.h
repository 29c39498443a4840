/*
 * The one form of a JSON value whose digest everybody can make anew: RFC 8785 (JCS), of values whose numbers are whole. Pure.
 */
#ifndef COMITY_CONSENT_CANONICAL_JSON_H
#define COMITY_CONSENT_CANONICAL_JSON_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"

enum { CANONICAL_JSON_DEPTH_MAX = 32, CANONICAL_JSON_KEYS_MAX = 1024 /* of one object */ };

/*
 * Appends the canonical bytes. ERROR_INPUT: a number that is not whole or outside -(2^53 - 1) to 2^53 - 1 (RFC 7493 2.2), deeper or with
 * more keys than the limits; ERROR_FULL: `out` is too small; ERROR_MEMORY. `where` names the value in errors.
 */
must_check bool canonical_json_write(const json_t *value, const char *where, struct buffer *out, struct error *e);

#endif
