/*
 * A message's body: appended to once, then read any number of times. Held in memory up to a limit, past it in an unlinked file; its
 * digests are made on the way. One thread.
 */
#ifndef COMITY_NET_BODY_H
#define COMITY_NET_BODY_H

#include "base/error.h"
#include "crypto/hash.h"

struct body;
struct body_limits {
    size_t memory_bytes;      /* held in memory; past it the body is spooled. 0: 64 KiB */
    uint64_t size_max;        /* more is refused. 0: 64 MiB */
    const char *spool_folder; /* NULL: $TMPDIR or /var/tmp. Outlives the body */
};
must_check struct body *body_make(const struct body_limits *limits, bool with_sha512);
/* A body in memory from bytes that are copied. */
must_check struct body *body_of(struct bytes data);
void body_free(struct body *body); /* NULL is allowed */
/* A hint, before the first bytes: so many will come, so memory is taken once. Nothing is taken before they do. */
void body_expect(struct body *body, uint64_t size);
/* ERROR_FULL when size_max would be passed (nothing is appended), ERROR_IO when spooling fails, ERROR_MEMORY. */
must_check bool body_append(struct body *body, struct bytes data, struct error *e);
uint64_t body_size(const struct body *body);
/* SHA-256 of all that was appended; ends appending. The pointer lives as long as the body. */
const uint8_t *body_sha256(struct body *body);
const uint8_t *body_sha512(struct body *body); /* only if made with it */
/* Up to `size` bytes from `offset`; `*got` is less only at the end. */
must_check bool body_read(const struct body *body, uint64_t offset, uint8_t *out, size_t size, size_t *got, struct error *e);
/* The whole as one view, when it is in memory; false when it was spooled. Lives until the body changes. */
bool body_view(const struct body *body, struct bytes *out);

#endif
