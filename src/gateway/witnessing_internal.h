/* What a gateway does for the watching of logs (src/witness): the witness for others, its own cosigner, and whom it caught. */
#ifndef COMITY_GATEWAY_WITNESSING_INTERNAL_H
#define COMITY_GATEWAY_WITNESSING_INTERNAL_H

#include "gateway/gateway_internal.h"
#include "witness/cosigner.h"
#include "witness/watch.h"
#include "witness/witness.h"

struct witnessing {
    struct disk *disk; /* log.witness_folder */
    struct watch *watch;
    struct signer *signer;   /* NULL: there is no keys.witness */
    struct witness *witness; /* NULL likewise: nobody is witnessed */
    struct quorum *policy;   /* NULL: log.witnesses is not set */
    struct cosigner *cosigner;
};

/* Opens the folder, the proofs, the key if there is one, and reads log.witnesses. The statement key is open. */
must_check bool witnessing_open(struct gateway *gateway, struct error *e);
/* With log and snapshot open, and before anything is appended: begins to have checkpoints cosigned, and waits for what the witnesses know of our
 * log. ERROR_DENIED when that is more than we do. */
must_check bool witnessing_start(struct gateway *gateway, struct error *e);
/* Before the log and the snapshot go. */
void witnessing_stop(struct gateway *gateway);
void witnessing_free(struct gateway *gateway);
/* Trusts again whose proof an operator removed. On failure nothing changes. */
must_check bool witnessing_reload(struct gateway *gateway, struct error *e);

/* How the cosigner and those who push to mirrors find a gateway by its address (witness/cosigner.h). Any thread. */
bool witnessing_find_peer(void *context, struct bytes address, struct cosigner_peer *out);
void witnessing_release_peer(void *context, struct cosigner_peer *peer);

/* Was the log of this peer caught with two histories? Any thread; one load while nobody was. */
static inline bool gateway_distrusts(const struct gateway *gateway, const struct verifier *log)
{
    return watch_is_distrusted(gateway->witnessing->watch, log);
}
/* Reads log.witnesses: "FILE:LINE: what is wrong". */
must_check bool witnessing_read_policy(const struct gateway_config *config, struct quorum **out, struct error *e);

#endif
