/*
 * Holds of the guard against harvesting: a consumer that asked one service about too many persons is refused there until somebody has looked, over restarts.
 * The decision's event in the log (line `hold`) is what holds it: in memory at once, in the store, with an event `hold/1`, when the log is read in the
 * background; what a crash left out of the store is read from the log at the start.
 */
#ifndef COMITY_RIGHTS_HOLD_H
#define COMITY_RIGHTS_HOLD_H

#include "base/disk.h"
#include "consent/counters.h"
#include "rights/rights.h"

/* Views. */
struct hold {
    struct bytes consumer; /* COMMUNITY/CLASS/MEMBER */
    struct bytes service;  /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE */
    int64_t since_ms;      /* of the decision */
    int64_t asked;         /* distinct persons that it had asked about before; -1: not known */
};

/* Is it held? Any thread; no disk, no memory. */
bool hold_is_on(struct rights *rights, struct bytes consumer, struct bytes service);
/* From now on it is; once it is held, more change nothing. Any thread; no disk. False: out of memory, and the log's reading makes up for it. */
bool hold_begin(struct rights *rights, const struct hold *hold);
/*
 * At the start, before anything is decided: what the log holds behind that which the background has looked at. Changes nothing in the store. Blocks.
 */
must_check bool hold_recover(struct rights *rights, struct disk *public, struct disk *private, struct error *e);

/*
 * Somebody has looked, and lets it go on. All persons that the consumer asked about so far, at any service of ours, no longer count against it, nor do this
 * hour's requests at the service: otherwise it would be held again at once. `counters` may be NULL: none. ERROR_ABSENT: it is not held.
 */
struct hold_release {
    struct bytes consumer, service;
    struct bytes by;     /* who decided */
    struct bytes reason; /* why; name no person: it is logged in clear */
};
must_check bool hold_release(struct rights *rights, struct counters *counters, const struct hold_release *release, int64_t now_ms,
                             uint64_t *index, struct error *e);

typedef bool hold_each(void *context, const struct hold *hold); /* false stops; calls nothing of this part */
/* Newest first. Views until the callback returns. */
void hold_list(struct rights *rights, hold_each *each, void *context);

#endif
