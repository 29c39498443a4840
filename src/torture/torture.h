/*
 * Deterministic torture: several whole gateways over simulated disks, lines and clocks in one thread. A run is a list of actions that is drawn
 * from a seed; the same seed always does the same. After every step the invariants of docs/torture.md are looked at.
 */
#ifndef COMITY_TORTURE_TORTURE_H
#define COMITY_TORTURE_TORTURE_H

#include "base/buffer.h"
#include "base/error.h"

enum { TORTURE_ACTIONS_MAX = 100000 };

struct torture_options {
    uint64_t seed;
    size_t actions;      /* how many are drawn; 1 to TORTURE_ACTIONS_MAX */
    bool has_lying_disk; /* a disk that says "synced" and forgets: shows that the torture finds what it looks for */
    bool is_told;        /* every action and what became of it goes to `trace` */
};

/* What a run did. */
struct torture_result {
    bool is_broken;
    char what[256];   /* which invariant, and of what */
    size_t broken_at; /* number of the action */
    size_t exchanges, acknowledged, refused;
    size_t starts, crashes, refused_starts;
    size_t cosigned, equivocations, mirrored, healed;
    size_t released;    /* answers with a person's data that reached an application */
    size_t withdrawn;   /* consents, acknowledged */
    size_t erased;      /* entries */
    uint64_t recovered; /* entries that came back from mirrors */
    uint64_t entries;   /* in all logs at the end */
    uint64_t digest;    /* of everything that happened: equal for equal seeds */
};

/*
 * One run; `trace` (may be NULL) gets its actions as text, and, when an invariant broke, the shortest list that still breaks one. Replaces
 * the process's clock and randomness (base/time.h, base/random.h) while it runs: one at a time, and nothing else beside it. False only
 * when it could not be tried.
 */
must_check bool torture_run(const struct torture_options *options, struct torture_result *result, struct buffer *trace, struct error *e);

#endif
