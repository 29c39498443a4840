/*
 * What log_verify() needs of each block of 256 entries, read and hashed by a thread of its own while the blocks before are being checked.
 * That thread decides nothing: what it finds wrong it leaves in the block, so that faults are told in the log's order.
 */
#ifndef COMITY_EVIDENCE_VERIFY_AHEAD_INTERNAL_H
#define COMITY_EVIDENCE_VERIFY_AHEAD_INTERNAL_H

#include "evidence/record_check_internal.h"
#include "evidence/tile.h"

/* A full tile or bundle as it lies there; one that is absent, of another size, or not full has size 0. */
struct verify_file {
    size_t size;
    uint8_t data[BUNDLE_BYTES_MAX + 1];
};

/* What was wrong before or with the record of one of the block's entries. */
struct verify_fault {
    unsigned entry;
    struct error error;
};

struct verify_block {
    uint64_t index;
    unsigned width;
    /* By the records, if they are at hand: */
    unsigned record_count;                    /* how many were tried: less than width only if has_failed */
    uint8_t records[TILE_WIDTH][SHA256_SIZE]; /* commitments */
    uint64_t segments[TILE_WIDTH];            /* the first index of the segment that it stands in */
    bool has_record[TILE_WIDTH];
    bool is_hashed; /* else salts and statements are in `texts`, one after the other, and what is in `records` is to be made of them */
    uint8_t *texts;
    size_t text_bytes, text_capacity;
    uint32_t text_sizes[TILE_WIDTH]; /* 0: there is none, and the commitment is there already */
    struct verify_fault *faults;     /* in the order of the entries */
    size_t fault_count, fault_capacity;
    bool has_failed; /* reading could not go on */
    struct error failure;
    /* By the public files: */
    struct verify_file bundle, tile;
    bool is_clean; /* bundle and tile are full and agree in every entry; leaves are what the tile says */
    uint8_t (*leaves)[SHA256_SIZE];
};

struct verify_source {
    struct disk *public;
    struct record_check *records; /* NULL: not at hand */
    uint64_t size;                /* of the published tree */
    const char *todo;             /* for faults */
};

struct verify_ahead;
/* With `has_thread` false, or where no thread can be had, each block is read when it is taken. */
must_check bool verify_ahead_start(struct verify_ahead **out, const struct verify_source *source, bool has_thread, struct error *e);
/* The next block, in order; there are as many as the tree has. The caller's until verify_ahead_give_back(); one at a time. */
struct verify_block *verify_ahead_take(struct verify_ahead *ahead);
void verify_ahead_give_back(struct verify_ahead *ahead);
/* Ends the thread, wherever it is: from here on the records are the caller's again. NULL is allowed. */
void verify_ahead_stop(struct verify_ahead *ahead);

#endif
