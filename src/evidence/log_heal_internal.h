/* What the files of log_heal.h share. */
#ifndef COMITY_EVIDENCE_LOG_HEAL_INTERNAL_H
#define COMITY_EVIDENCE_LOG_HEAL_INTERNAL_H

#include "evidence/log_heal.h"
#include "evidence/log_internal.h"

struct heal {
    const struct log_heal_options *options;
    struct log_heal_result *result;
    bool is_writing;                 /* the second pass of a run that is no dry one */
    bool is_telling;                 /* the second pass: each thing is said once */
    bool is_hopeless;                /* only losses are said: nothing will be written */
    uint64_t pruned, pruned_records; /* what retention took: bundles and records below may be gone */
    bool wants_copies;               /* ask the copies for every block, since the damage could not be found */
};
__attribute__((format(printf, 5, 6))) void heal_tell(struct heal *h, enum log_heal_what what, const char *where, const char *todo,
                                                     const char *text, ...);

/*
 * Turns single bits of data[from, to) until `is_good`, which then is true of what stands there; the bit's offset goes to `*bit`. False, and the
 * data as it was, when none does.
 */
typedef bool heal_is_good(void *context);
must_check bool heal_turn_bit(uint8_t *data, size_t from, size_t to, heal_is_good *is_good, void *context, size_t *bit);

/* ---- log_heal_checkpoint.c ---- */

struct heal_checkpoint {
    struct checkpoint_view view;
    struct buffer note; /* the views point into it */
    bool is_known;
    bool is_to_write;
    char how[96]; /* what it was healed by */
};
/* The newest checkpoint that can be had: the log's own, or from its copies. Not known: none, and nothing is wrong but that. */
must_check bool heal_checkpoint_find(struct heal *h, struct heal_checkpoint *out, struct error *e);
/* Signs one for `size` entries with this root: the very bytes that were lost. */
must_check bool heal_checkpoint_sign(struct heal *h, uint64_t size, const uint8_t root[SHA256_SIZE], struct heal_checkpoint *out,
                                     struct error *e);

/* ---- log_heal_records.c ---- */

/* The private records in order, each single flipped bit turned back on the way. */
struct heal_records;
must_check bool heal_records_make(struct heal_records **out, struct heal *h, uint64_t published, struct error *e);
void heal_records_free(struct heal_records *records); /* NULL is allowed */
enum heal_record { HEAL_RECORD_GOOD, HEAL_RECORD_LOST, HEAL_RECORD_PRUNED, HEAL_RECORD_END };
/* The next record's commitment, or that it is lost, or that no segment says there is one more. */
must_check bool heal_records_next(struct heal_records *records, enum heal_record *what, uint8_t commitment[SHA256_SIZE], struct error *e);
/* The record that the last call told lost has this commitment. */
must_check bool heal_records_replace(struct heal_records *records, uint64_t index, const uint8_t commitment[SHA256_SIZE], struct error *e);
/* The segment that the last record came from. */
const char *heal_records_path(const struct heal_records *records);

/* ---- log_heal_block.c ---- */

/* The entries of one bundle, by everything that knows about them. */
struct heal_block {
    uint64_t index; /* of the bundle */
    unsigned width;
    uint8_t record[TILE_WIDTH][SHA256_SIZE], bundle[TILE_WIDTH][SHA256_SIZE], copy[TILE_WIDTH][SHA256_SIZE]; /* commitments */
    uint8_t record_leaf[TILE_WIDTH][SHA256_SIZE], bundle_leaf[TILE_WIDTH][SHA256_SIZE], copy_leaf[TILE_WIDTH][SHA256_SIZE];
    uint8_t tile[TILE_WIDTH][SHA256_SIZE]; /* leaf hashes */
    bool has_record[TILE_WIDTH], has_bundle[TILE_WIDTH], has_tile[TILE_WIDTH], has_copy[TILE_WIDTH];
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE]; /* what they are */
    bool has_leaf[TILE_WIDTH];
    bool is_record_pruned[TILE_WIDTH]; /* it is gone, and may be: retention said so before */
    bool is_bundle_pruned;             /* likewise */
};

struct heal_pass {
    struct heal *heal;
    uint64_t size;
    const uint8_t (*root)[SHA256_SIZE]; /* NULL: not known */
    struct tree tree;
    struct heal_records *records;
    struct heal_block *block;
    bool has_all_records; /* each published entry has one */
    bool is_undecided;    /* an entry of which nothing is left */
};
/* Everything that is known of the bundle `index`. */
must_check bool heal_block_gather(struct heal_pass *p, uint64_t index, struct error *e);
/* Sets leaves and has_leaf; asks the copies where the log itself leaves a doubt. */
void heal_block_decide(struct heal_pass *p);

#endif
