/* Release by field: a JSON answer in, what is permitted of it out. Streams; memory is bounded by depth. Pure but for memory. */
#ifndef COMITY_POLICY_RELEASE_H
#define COMITY_POLICY_RELEASE_H

#include "base/buffer.h"
#include "policy/policy.h"

enum { RELEASE_DEPTH_MAX = 256, RELEASE_KEY_BYTES_MAX = 64 * 1024, RELEASE_KEYS_MAX = 100000 };

struct release;
/*
 * `permitted`: one flag a release of the service, as decide() gave. A value is kept when at least one of the service's fields matches it
 * or a container that it is in, and every category so matched is permitted (structure asks for nothing). Containers that are left empty
 * are left out, but for the root.
 */
must_check bool release_make(struct release **out, const struct policy_service *service, const bool *permitted, struct error *e);
void release_free(struct release *release); /* NULL is allowed */
/* Feeds the next piece of the answer; appends to `out` what of it is released. ERROR_INPUT: not JSON, a duplicate key, invalid UTF-8, too
 * deep: the whole answer must then be refused, also what was already written. */
must_check bool release_add(struct release *release, struct bytes piece, struct buffer *out, struct error *e);
must_check bool release_end(struct release *release, struct buffer *out, struct error *e);
/* Which categories (one flag a release of the service) had at least one value kept, or taken out. After release_end(). */
const bool *release_kept(const struct release *release);
const bool *release_removed(const struct release *release);

#endif
