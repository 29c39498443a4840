/*
 * Quorum policy (C2SP tlog-policy): which logs and witnesses are known, and which sets of witnesses are enough. Pure.
 *
 *     log VKEY [URL]
 *     witness NAME VKEY [URL]
 *     group NAME all|any|K MEMBER...
 *     quorum NAME|none
 *
 * A name is defined before it is used; each is a member of one group at most, so that no witness counts twice.
 */
#ifndef COMITY_EVIDENCE_QUORUM_H
#define COMITY_EVIDENCE_QUORUM_H

#include "base/arena.h"
#include "evidence/cosignature.h"
#include "evidence/receipt.h"

enum { QUORUM_BYTES_MAX = 256 * 1024, QUORUM_LOGS_MAX = 64, QUORUM_WITNESSES_MAX = 64, QUORUM_GROUPS_MAX = 64 };

struct quorum_log {
    struct verifier key; /* its name is the log's origin */
    struct bytes url;    /* empty: none */
};
struct quorum_witness {
    struct bytes name;   /* in this file only */
    struct verifier key; /* of type 0x04 */
    struct bytes url;    /* its submission prefix; empty: none */
};
/* Witnesses and groups in the order of their lines: what a group counts stands before it. */
struct quorum_node {
    struct bytes name;
    bool is_group;
    size_t witness;   /* of a witness: its place in `witnesses` */
    size_t threshold; /* of a group */
    size_t member_count;
    size_t group; /* the node whose member it is; QUORUM_NO_GROUP: none */
};
enum { QUORUM_NODES_MAX = QUORUM_WITNESSES_MAX + QUORUM_GROUPS_MAX, QUORUM_NO_GROUP = QUORUM_NODES_MAX };

/* Never changes once parsed; what it hands out lives as long as it does. */
struct quorum {
    struct quorum_log logs[QUORUM_LOGS_MAX];
    size_t log_count;
    struct quorum_witness witnesses[QUORUM_WITNESSES_MAX];
    size_t witness_count;
    struct quorum_node nodes[QUORUM_NODES_MAX];
    size_t node_count;
    bool is_none;    /* "quorum none": no cosignature is needed */
    size_t required; /* the node that must be met */
    struct arena memory;
};

/* Errors (ERROR_INPUT) name FILE:LINE. The caller frees *out. */
must_check bool quorum_parse(struct quorum **out, struct bytes text, const char *file, struct error *e);
void quorum_free(struct quorum *quorum); /* NULL is allowed */

/* By the witnesses' cosignature times, as cosignatures_verify() gives them: 0 is no cosignature. */
bool quorum_is_met(const struct quorum *quorum, const uint64_t times_s[QUORUM_WITNESSES_MAX]);
/* The earliest moment at which the quorum was met: so much of the tree was there by then. 0 when it is not met, or is none. */
uint64_t quorum_time(const struct quorum *quorum, const uint64_t times_s[QUORUM_WITNESSES_MAX]);

/* What a checkpoint showed. */
struct quorum_result {
    struct checkpoint_view checkpoint; /* views into the note */
    struct verifier log;               /* who signed it as a log */
    uint64_t times_s[QUORUM_WITNESSES_MAX];
    size_t cosignature_count;
    bool is_met;
    uint64_t time_s; /* quorum_time() */
};
/*
 * Verifies a checkpoint: signed by `log` (or, when that is NULL, by the log of its origin that the policy names), no wrong signature of a
 * known key in it. Whether the quorum is met is in `*out`, not in the result: a checkpoint that waits for its witnesses is good, too.
 * ERROR_INPUT for what is no checkpoint, ERROR_DENIED for an unknown log or a wrong signature.
 */
must_check bool quorum_check(const struct quorum *quorum, const struct verifier *log, struct bytes note, struct quorum_result *out,
                             const char *where, struct error *e);

#endif
