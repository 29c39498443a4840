/*
 * The other side of a mirror (C2SP tlog-mirror): brings it to one of our signed checkpoints, wherever it stands. No sockets: `post` is the
 * caller's. One thread; waits.
 */
#ifndef COMITY_WITNESS_MIRROR_PUSH_H
#define COMITY_WITNESS_MIRROR_PUSH_H

#include "base/disk.h"
#include "witness/mirror_wire.h"

/* One POST to <submission prefix>/<name>. False when there was no answer. `answer` is empty before. */
typedef bool mirror_post(void *context, const char *name, const char *content_type, struct bytes body, unsigned *status,
                         struct buffer *answer, struct error *e);

enum { MIRROR_ANSWER_BYTES_MAX = 256 * 1024 };

/* What is known of one mirror. Zeroed but for what the caller sets. */
struct mirror_push {
    struct disk *public;        /* our log's public folder */
    const struct verifier *log; /* our log's key */
    mirror_post *post;
    void *context;
    bool is_known; /* the mirror said where it stands: the next four */
    uint64_t pending, next;
    uint8_t *ticket; /* heap; freed by mirror_push_clear() */
    size_t ticket_size;
};
void mirror_push_clear(struct mirror_push *push);

/*
 * Until the mirror holds everything below `note`, our published checkpoint; then its answer, signature lines, is in `lines`, which nobody
 * has checked. ERROR_DENIED: it knows more of our log, or another history of it; ERROR_ABSENT: it does not mirror us; ERROR_FULL: it has no
 * room; ERROR_IO, ERROR_INPUT: it answers nothing sensible, or our own tiles are damaged. What it took stays taken.
 */
must_check bool mirror_push_to(struct mirror_push *push, struct bytes note, struct buffer *lines, struct error *e);

#endif
