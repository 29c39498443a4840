/*
 * Keeps the mirrors of our own log up to date (log.mirrors): a thread for each, which brings it to the newest published checkpoint, in the
 * background. No message ever waits for it; whatever a mirror does, the worst is that its copy grows old, which metrics and one warning say.
 */
#ifndef COMITY_WITNESS_MIRROR_PUSHER_H
#define COMITY_WITNESS_MIRROR_PUSHER_H

#include "witness/cosigner.h"

enum { MIRROR_PUSHERS_MAX = 16 };

struct mirror_pusher;
struct mirror_pusher_options {
    struct disk *public;        /* the log's public folder; borrowed, as is all here */
    const struct verifier *log; /* our log's key */
    const char *const *urls;    /* submission prefixes, each one that witness_url_parse() takes */
    size_t url_count;
    /* As of the cosigner. May be NULL. */
    bool (*find_peer)(void *context, struct bytes address, struct cosigner_peer *out);
    void (*release_peer)(void *context, struct cosigner_peer *peer);
    /* Which signed checkpoint is to be pushed, into an empty buffer; false, or NULL: the published one. Any thread. */
    bool (*choose)(void *context, struct buffer *note);
    /* What a mirror signed over the checkpoint `note`: signature lines that nobody has checked. Any thread. May be NULL. */
    void (*on_signed)(void *context, struct bytes note, struct bytes lines);
    void *context;
    uint32_t call_ms; /* how long one request may take; 0: 20 s */
};
must_check bool mirror_pusher_start(struct mirror_pusher **out, const struct mirror_pusher_options *options, struct error *e);
void mirror_pusher_stop(struct mirror_pusher *pusher); /* NULL is allowed */

#endif
