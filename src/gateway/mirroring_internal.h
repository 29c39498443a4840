/* What a gateway does for copies of logs (src/witness): the mirror that it is for others, and the mirrors that hold its own log. */
#ifndef COMITY_GATEWAY_MIRRORING_INTERNAL_H
#define COMITY_GATEWAY_MIRRORING_INTERNAL_H

#include "gateway/gateway_internal.h"
#include "witness/mirror.h"
#include "witness/mirror_pusher.h"

struct mirroring {
    struct disk *disk;     /* mirror.folder; NULL: nothing is mirrored, and there is no copy */
    int lock;              /* of that folder, or -1 */
    struct signer *signer; /* keys.mirror */
    struct mirror *mirror; /* NULL: mirror.logs is not set */
    struct mirror_pusher *pusher;
};

/* Opens folder and key if mirror.logs says that something is mirrored here. After witnessing_open(). */
must_check bool mirroring_open(struct gateway *gateway, struct error *e);
/* Begins to bring our log to log.mirrors. After witnessing_start(). */
must_check bool mirroring_start(struct gateway *gateway, struct error *e);
/* Before the log and the snapshot go. */
void mirroring_stop(struct gateway *gateway);
void mirroring_free(struct gateway *gateway);

#endif
