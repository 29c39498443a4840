/* Release by field: a JSON answer in, what is permitted of it out. Streams; memory is bounded by depth and keys. Pure but for memory. */
#ifndef COMITY_POLICY_RELEASE_H
#define COMITY_POLICY_RELEASE_H

#include "base/buffer.h"
#include "policy/json_scan.h"
#include "policy/policy.h"

enum {
    RELEASE_DEPTH_MAX = JSON_SCAN_DEPTH_MAX,
    RELEASE_KEY_BYTES_MAX = 64 * 1024,
    RELEASE_KEYS_MAX = 100000,        /* of all objects that are open at one moment */
    RELEASE_PATH_BYTES_MAX = 1 << 20, /* the keys on the way down to one value */
};

struct release;
/*
 * `permitted`: one flag a release of the service, as decide() gave; copied, as is `context` (NULL: there is none, so ages are counted to 1970 and
 * no pseudonym is made). The service must outlive the release.
 *
 * A value is kept when at least one of the service's fields matches it or a container that it is in, and every category so matched is permitted
 * (structure asks for nothing). Where a field asks for a transformation, on condition of release or instead of removal (policy_field), it is that
 * of each string, number and literal it matches; two different ones that meet in a value let nothing of it leave. Containers of which nothing is
 * left are left out, but for the root; a container that came empty is a value like any other (but can't be transformed). A root that is no
 * container and not kept becomes null.
 *
 * What is kept keeps its order and is written as it came, byte by byte, but for white space between tokens. The output is never larger than the
 * answer, but for the 4 bytes of a root's null: a transformed value takes no more bytes than it had, or is removed.
 * Memory: some 40 KiB, 20 bytes for each key of the open objects, and the keys on the way down; no string is held, however long, but one that is to
 * be transformed, up to TRANSFORM_TOKEN_BYTES_MAX. Time: linear in the answer.
 */
must_check bool release_make(struct release **out, const struct policy_service *service, const bool *permitted,
                             const struct transform_context *context, struct error *e);
void release_free(struct release *release); /* NULL is allowed */
/*
 * Feeds the next piece of the answer; appends to `out` what of it is released. ERROR_INPUT, with the place: not JSON (json_scan.h), a repeated key
 * in an object (also when it is spelled with other escapes), or over one of the limits above: the whole answer must then be refused, also what was
 * already written. Every call after a failure fails.
 */
must_check bool release_add(struct release *release, struct bytes piece, struct buffer *out, struct error *e);
must_check bool release_end(struct release *release, struct buffer *out, struct error *e);
/*
 * After release_end(), one flag a release of the service: at least one value was kept that leaves by its category, whole or transformed; one was
 * taken out, or left under another category (`as`), because this one isn't permitted; one was taken out as it could not be transformed.
 */
const bool *release_kept(const struct release *release);
const bool *release_removed(const struct release *release);
const bool *release_failed(const struct release *release);
/* Was a value that leaves by this release's category transformed so? */
bool release_transformed(const struct release *release, size_t index, enum transform_kind kind);

#endif
