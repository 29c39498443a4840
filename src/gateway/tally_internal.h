/*
 * What one worker counts for the figures of the console (figures.c): how long each step took, and how the lines to other gateways are. Written by the
 * worker's thread alone, read by any: no lock, no shared cache line, and one reading of the clock a step.
 */
#ifndef COMITY_GATEWAY_TALLY_INTERNAL_H
#define COMITY_GATEWAY_TALLY_INTERNAL_H

#include "base/latency.h"
#include "crypto/key.h"

enum { TALLY_STEPS_MAX = 12, TALLY_PEERS_MAX = 512 /* gateways; what others do is not told by peer */ };

/* One other gateway. A slot is taken once `origin` is there, and then stays its gateway's. */
struct tally_peer {
    _Atomic(char *) origin; /* of its log; NULL: free */
    uint64_t key;           /* of its statement key; the worker's thread alone */
    _Atomic uint64_t answered, failed, heard;
    _Atomic int64_t answered_at_ms, failed_at_ms, heard_at_ms; /* 0: never */
    _Atomic int failure;                                       /* enum client_failure of the last one */
};

struct tally {
    struct latency steps[2][TALLY_STEPS_MAX]; /* [is_holder][step of the table]: of exchanges that were not refused in it */
    struct latency whole[2];                  /* of permitted exchanges: from the whole request to the answer */
    struct latency added[2];                  /* the same without the steps that wait for somebody else */
    struct tally_peer peers[TALLY_PEERS_MAX];
};
/* NULL when memory is out. */
struct tally *tally_make(void);
void tally_free(struct tally *tally); /* when its worker's thread has ended; NULL is allowed */

/* Each: NULL, or a table that is full, is nothing to count in. */
/* It answered a request of ours (whatever it said). */
void tally_answered(struct tally *tally, const struct verifier *peer, int64_t now_ms);
/* A request of ours got no answer; `failure` is net's (enum client_failure). */
void tally_failed(struct tally *tally, const struct verifier *peer, int failure, int64_t now_ms);
/* It asked us something. */
void tally_heard(struct tally *tally, const struct verifier *peer, int64_t now_ms);

#endif
