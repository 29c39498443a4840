/*
 * Proof of equivocation ("comity-equivocation/1", docs/formats/equivocation.md): two checkpoints that one log's key signed and that cannot both
 * be true, in one file that anybody can check offline. Pure.
 *
 * Of one size with two roots they contradict each other by themselves. Of two sizes they do with a consistency path that leads to the larger
 * one's root from another root than the smaller one states: the tree that the log signed later does not begin with the tree that it signed
 * before. A consistency proof that merely fails shows nothing: anybody can make one up.
 */
#ifndef COMITY_EVIDENCE_EQUIVOCATION_H
#define COMITY_EVIDENCE_EQUIVOCATION_H

#include "evidence/merkle.h"
#include "evidence/receipt.h"

enum { EQUIVOCATION_BYTES_MAX = 256 * 1024, EQUIVOCATION_NOTE_BYTES_MAX = 64 * 1024 };

/* Views into the file that was parsed. */
struct equivocation {
    struct verifier log; /* as the file names it: compare it with the key that the directory has (or had) for this origin */
    struct bytes first_note, second_note;
    struct checkpoint_view first, second;       /* first.size <= second.size */
    uint8_t prefix[SHA256_SIZE];                /* the root of the first `first.size` entries of the second tree; not set for one size */
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE]; /* from `prefix` to the second root (RFC 9162 2.1.4); none for one size */
    size_t path_count;
};

/*
 * Reads and checks a file: both signatures by the key that it names, and the contradiction. ERROR_INPUT for what has another form,
 * ERROR_DENIED for what proves nothing. `where` names the file in errors. Whose key it is remains to be compared by the caller.
 */
must_check bool equivocation_check(struct equivocation *out, struct bytes file, const char *where, struct error *e);

/*
 * Appends the proof, if these notes, in either order, are one; of their lines only the log's own are kept. `path` is the consistency path from the smaller to the larger size; `prefix` the
 * root that it starts from, or NULL: then it is taken from the path, which has it unless the smaller size is a power of two. False, with nothing
 * appended: they prove nothing (ERROR_DENIED), or are no checkpoints of this log (ERROR_INPUT, ERROR_DENIED).
 */
must_check bool equivocation_write(struct buffer *out, const struct verifier *log, struct bytes a_note, struct bytes b_note,
                                   const uint8_t prefix[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                                   struct error *e);

#endif
