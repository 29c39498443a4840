/*
 * The witness that a gateway is for others (C2SP tlog-witness 1.0.0): for each log that our directory knows, the newest checkpoint that we
 * cosigned, persisted before it is answered. Any thread; waits for a disk.
 */
#ifndef COMITY_WITNESS_WITNESS_H
#define COMITY_WITNESS_WITNESS_H

#include "directory/directory.h"
#include "witness/state.h"
#include "witness/submission.h"
#include "witness/watch.h"

struct witness;
/* `disk` is the witness's folder; it, `cosigner` (made a cosigner's) and `watch` are borrowed. `own_origin`: our own log, which we never watch. */
must_check bool witness_make(struct witness **out, struct disk *disk, const struct signer *cosigner, struct watch *watch,
                             struct bytes own_origin, struct error *e);
void witness_free(struct witness *witness); /* NULL is allowed */
const struct verifier *witness_key(const struct witness *witness);

/* What goes back over HTTP. The caller clears `body`. */
struct witness_answer {
    unsigned status;
    const char *content_type; /* NULL: no body */
    struct buffer body;
    struct error why; /* for statuses other than 200 and 409 */
};
void witness_answer_init(struct witness_answer *answer);
void witness_answer_clear(struct witness_answer *answer);

/*
 * add-checkpoint: 200 with our cosignature line, 400, 403, 404, 409 with the size that we cosigned last, 422, or 503 when our own disk or
 * clock fails: then nothing was cosigned. A log that the directories name twice is the one of the key that we know already, else the
 * first, our own community's before others.
 */
void witness_add_checkpoint(struct witness *witness, const struct world *world, struct bytes body, int64_t now_ms,
                            struct witness_answer *answer);
/* GET <hex>/checkpoint: the newest that we cosigned of a log whose name hashes to `hex`; 404 when there is none. */
void witness_get_checkpoint(struct witness *witness, struct bytes hex, struct witness_answer *answer);

/* One log that we watch. */
struct witness_log {
    const struct directory_gateway *gateway;
    bool is_cosigned;
    uint64_t size, time_s; /* of the newest */
    struct error fault;    /* kind ERROR_NONE: its file is good */
};
/* Calls `each` for every log of the world but our own, in the world's order. */
typedef void witness_each(void *context, const struct witness_log *log);
void witness_list(struct witness *witness, const struct world *world, int64_t now_ms, witness_each *each, void *context);

#endif
