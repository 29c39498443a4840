/* Release by field: a JSON answer in, what is permitted of it out. Streams; memory is bounded by depth. Pure but for memory. */
#ifndef COMITY_POLICY_RELEASE_H
#define COMITY_POLICY_RELEASE_H

#include "base/buffer.h"
#include "policy/policy.h"

enum {
    RELEASE_DEPTH_MAX = 256,
    RELEASE_KEY_BYTES_MAX = 64 * 1024,
    RELEASE_KEYS_MAX = 100000,        /* of all objects that are open at one moment */
    RELEASE_PATH_BYTES_MAX = 1 << 20, /* the keys on the way down to one value */
};

struct release;
/*
 * `permitted`: one flag a release of the service, as decide() gave; copied. The service must outlive the release. A value is kept when at
 * least one of the service's fields matches it or a container that it is in, and every category so matched is permitted (structure asks for
 * nothing). Containers of which nothing is left are left out, but for the root; a container that came empty is a value like any other. A root
 * that is no container and not kept becomes null.
 *
 * What is kept keeps its order and its numbers' digits; strings are written anew (the same text, with fewest escapes), and white space goes.
 * The output is never larger than the answer, but for the 4 bytes of a root's null.
 * Memory: some 30 KiB, 16 bytes for each key of the open objects, and up to 4 times the longest string. Time: linear in the answer.
 * Ends the process when memory is out inside yajl, which can't say so.
 */
must_check bool release_make(struct release **out, const struct policy_service *service, const bool *permitted, struct error *e);
void release_free(struct release *release); /* NULL is allowed */
/*
 * Feeds the next piece of the answer; appends to `out` what of it is released. ERROR_INPUT: not JSON (RFC 8259), a repeated key in an object
 * (also when it is spelled with other escapes), invalid UTF-8, half a surrogate pair, or over one of the limits above: the whole answer must
 * then be refused, also what was already written. Every call after a failure fails.
 */
must_check bool release_add(struct release *release, struct bytes piece, struct buffer *out, struct error *e);
must_check bool release_end(struct release *release, struct buffer *out, struct error *e);
/* After release_end(), one flag a release of the service: its category had at least one value kept; one taken out because it isn't permitted. */
const bool *release_kept(const struct release *release);
const bool *release_removed(const struct release *release);

#endif
