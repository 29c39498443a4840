/*
 * The mirror that a gateway is for its peers (C2SP tlog-mirror): it takes checkpoints and entries of their logs, keeps them durably as public
 * folders, and cosigns what it holds in full: "I durably hold everything". Entries are commitments, so it learns nothing of persons. Any
 * thread; waits for a disk. One request of a log at a time.
 */
#ifndef COMITY_WITNESS_MIRROR_H
#define COMITY_WITNESS_MIRROR_H

#include "directory/directory.h"
#include "witness/mirror_wire.h"
#include "witness/witness.h"

enum { MIRROR_LOGS_MAX = 1024 };

struct mirror;
struct mirror_options {
    struct disk *disk;             /* mirrors/: <hex>.state and <hex>.pending; borrowed, as is all here */
    const struct signer *cosigner; /* ORIGIN/mirror: signs nothing but what this mirror holds */
    struct watch *watch;           /* may be NULL */
    struct bytes own_origin;
    const struct bytes *origins; /* whose logs are mirrored here; or `is_for_peers`: all that the directories name */
    size_t origin_count;
    bool is_for_peers;
    uint64_t bytes_max; /* of one log; 0: no limit */
    /* The public folder of one log, mirrors/<hex>/, as a disk, which the mirror frees. */
    bool (*open_folder)(void *context, const char *name, struct disk **out, struct error *e);
    void *context;
};
/* Makes the series known, whether or not there is a mirror; also done by mirror_make(). */
void mirror_metrics_register(void);
must_check bool mirror_make(struct mirror **out, const struct mirror_options *options, struct error *e);
void mirror_free(struct mirror *mirror); /* NULL is allowed */

/* add-checkpoint: the pending checkpoint, in the form of a witness's answers, but nothing is signed: 200 with no body. */
void mirror_add_checkpoint(struct mirror *mirror, const struct world *world, struct bytes body, int64_t now_ms,
                           struct witness_answer *answer);
/*
 * add-entries: 200 with this mirror's cosignature line when it holds all up to the checkpoint, 202 with how far it is, 409 with where to go
 * on, 400, 403 (caught with two histories), 404, 422 for entries that are not of the checkpoint, 507 past bytes_max, 503.
 */
void mirror_add_entries(struct mirror *mirror, const struct world *world, struct bytes body, int64_t now_ms, struct witness_answer *answer);

#endif
