/*
 * A person's list of uses with the proof that it is all of it ("comity_uses", docs/evidence-uses.md): made from a gateway's log, and verified
 * offline by anybody who trusts the log's key. Verification is pure.
 */
#ifndef COMITY_AUDIT_USES_PROOF_H
#define COMITY_AUDIT_USES_PROOF_H

#include <jansson.h>

#include "audit/trust.h"
#include "audit/verify.h"
#include "base/disk.h"
#include "consent/uses_map.h"

enum { USES_FILE_BYTES_MAX = 256 * 1024 * 1024, USES_FILE_ENTRIES_MAX = 100000 };
/* How a file begins. */
#define USES_FILE_BEGIN "{\"comity_uses\":1,"

/*
 * Makes the file from what operation_uses_proof() answered: reads entries, receipts and answers from the log's two disks. `directory` (a note, may be
 * empty) lets a reader find the log's key by the community's operators. Waits a few seconds for the root to be published. ERROR_ABSENT: an entry is
 * not there any more and nothing of it can be shown.
 */
must_check bool uses_proof_make(const json_t *proof, struct bytes person, const struct verifier *key, struct bytes directory,
                                struct disk *public, struct disk *private, struct buffer *out, struct error *e);

/* One entry of the list. Views into the file's JSON. */
struct uses_shown {
    uint64_t entry;
    bool is_hidden;         /* the entry was erased or left out: only its hash is there */
    struct bytes statement; /* the decision, or the consent event */
    struct bytes answer;    /* the answer's statement; empty: none is shown */
    uint64_t answer_entry;
};
/* What was proved. */
struct uses_story {
    json_t *file;
    struct bytes person;
    struct verifier key; /* the log's; its name is the origin */
    struct uses_root root;
    int64_t root_ms; /* when it was committed, by its own word */
    uint64_t seen_s; /* when enough witnesses had seen it; 0: they have not */
    size_t cosignature_count;
    struct uses_shown *uses; /* heap */
    size_t count;
};
/*
 * Each listed use is in the log at its place and is about this person; the list is exactly what the person's leaf says; the leaf is the only one that
 * this person can have under the root; and the root is committed in the log. False: refused, with a code of docs/evidence-uses.md, or (code NULL)
 * memory was out. `story` is cleared by uses_story_clear() in both cases.
 */
must_check bool uses_proof_verify(struct bytes file, const struct trust *trust, struct uses_story *story, struct refusal *refusal);
void uses_story_clear(struct uses_story *story);
/*
 * Is the exchange of this verified bundle in the list? Refused ("uses.left_out"): it is one of the same log, before the root, and its decision is not
 * there; ("uses.undecided"): a hidden entry may be it, or the bundle is of another log or a later time.
 */
must_check bool uses_proof_against(const struct uses_story *story, const struct story *bundle, struct refusal *refusal);
/* In plain language, and as JSON (NULL: memory). */
void uses_story_write(const struct uses_story *story, struct buffer *out);
json_t *uses_story_json(const struct uses_story *story);

#endif
