/* The newest checkpoint that was verified of each other gateway's log: what the next statement to it names. Any thread. */
#ifndef COMITY_GATEWAY_ORIGINS_INTERNAL_H
#define COMITY_GATEWAY_ORIGINS_INTERNAL_H

#include "base/arena.h"
#include "evidence/receipt.h"
#include "witness/watch.h"

struct origins;
must_check struct origins *origins_make(void);
void origins_free(struct origins *origins); /* NULL is allowed */
/*
 * Remembers it, with its signed note, if it is newer than what is known. Kept by name and key: another community's directory may give any name
 * to a key of its own. Bounded: past 65,536 origins nothing new is remembered. False: this log was caught with two histories, now (the same
 * size with another root, of which the proof is then written) or before; nothing of it may be trusted.
 */
must_check bool origins_note(struct origins *origins, struct watch *watch, const struct verifier *log_key,
                             const struct checkpoint_view *checkpoint, struct bytes note);
/* Comity-Peer-Checkpoint's value, in `arena`: "<size> <base64 root>", or "none". .data NULL when memory is out. */
struct bytes origins_text(struct origins *origins, const struct verifier *log_key, struct arena *arena);

#endif
