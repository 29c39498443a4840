/*
 * The map of uses: for each person of the log how many entries are about them, and which, as a leaf of a tree whose root is committed in
 * the log (event uses-root/1, docs/evidence-uses.md). With it the holder can prove to a person that a list of uses is all of it. Kept in the
 * database beside the index of uses (consent/uses.h), in whose transactions it grows; made again from the log when it is lost.
 */
#ifndef COMITY_CONSENT_USES_MAP_H
#define COMITY_CONSENT_USES_MAP_H

#include "consent/uses.h"
#include "consent/uses_tree.h"
#include "crypto/vrf.h"
#include "evidence/committer.h"

/* What a root event says. */
struct uses_root {
    uint64_t entry; /* of the event */
    uint64_t from,
        covers; /* the entries that the map speaks of: from the first (0, unless older ones were pruned) up to, without, the second */
    uint8_t root[SHA256_SIZE];
    uint8_t vrf_key[VRF_PUBLIC_SIZE];
};
/* A whole uses-root/1 text; `entry` is not in it. */
must_check bool uses_root_parse(struct bytes text, struct uses_root *out);

/*
 * Brings the tree up to what is indexed and commits its root, if it is another one than the last. `*is_committed` (may be NULL) tells. Blocks;
 * not on a loop. One thread at a time (the index's mutex).
 */
must_check bool uses_commit(struct uses *uses, struct committer *committer, bool *is_committed, struct error *e);

/* The newest root that was committed. */
struct uses_committed {
    uint64_t entry;  /* of its event */
    uint64_t covers; /* 0: none was committed yet */
    int64_t time_ms; /* when */
};
must_check bool uses_committed(struct uses *uses, struct uses_committed *out, struct error *e);

/* One person's leaf under the newest root. */
struct uses_proof {
    struct uses_root root;
    uint8_t vrf_proof[VRF_PROOF_SIZE];
    uint8_t place[USES_PLACE_SIZE];
    uint8_t salt[USES_SALT_SIZE];
    struct uses_sum sum;
    uint8_t path[USES_DEPTH][SHA256_SIZE];
    uint64_t *entries; /* heap: sum.count of them, in order */
};
void uses_proof_clear(struct uses_proof *proof);
/*
 * Indexes what there is, commits a root that covers it, and proves the person's leaf under it. Somebody of whom the log has nothing gets a leaf
 * that says so. ERROR_FULL: the index is too far behind; ask again.
 */
must_check bool uses_prove(struct uses *uses, struct committer *committer, struct bytes person, struct uses_proof *out, struct error *e);

#endif
