/* The bytes of private records and of the segments that hold them: docs/formats/records.md. Pure. */
#ifndef COMITY_EVIDENCE_RECORD_INTERNAL_H
#define COMITY_EVIDENCE_RECORD_INTERNAL_H

#include "evidence/log.h"

enum {
    RECORD_HEADER_BYTES = 80,
    RECORD_CLOSED_BYTES = 88,
    RECORD_BYTES_MAX = RECORD_HEADER_BYTES + RECORD_STATEMENT_BYTES_MAX + RECORD_ATTACHMENT_BYTES_MAX,
    RECORD_ALIGNMENT = 8,
    SEGMENT_HEADER_BYTES = 64,
    SEGMENT_NAME_SIZE = 25, /* 20 digits, ".seg", NUL */
};

/* The chain of checksums: each record's is seeded by the one before, so that it is bound to its place in this log. */
uint64_t record_chain_start(struct bytes origin);

/* What a segment begins with. */
struct segment_header {
    uint64_t first;        /* index of its first record */
    uint64_t chain;        /* checksum of the record before that one */
    uint64_t origin_hash;  /* record_chain_start() of the log's origin */
    uint64_t capacity;     /* size of the file in bytes */
    uint64_t previous_end; /* not 0: made by a recovery, and the segment before it ends at this offset */
};
void segment_header_write(const struct segment_header *header, uint8_t out[SEGMENT_HEADER_BYTES]);
must_check bool segment_header_parse(struct bytes data, struct segment_header *out);
/* "00000000000000000042.seg" */
void segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE]);
must_check bool segment_name_parse(const char *name, uint64_t *first);

/* The size on disk, padding included. */
size_t record_bytes(size_t statement_size, size_t attachment_size);
/* Writes record_bytes() bytes and moves `*chain` on. `batch` is the index of the first record of its batch. */
void record_write(const struct log_record *record, uint64_t batch, uint64_t *chain, uint8_t *out);

/* One parsed record: views into the data. */
struct record_view {
    struct log_entry entry;
    uint64_t batch;
    size_t size;    /* on disk */
    uint64_t chain; /* its checksum: seeds the next one's */
};

/*
 * The closed form: a record of which only the commitment is known (docs/formats/records.md). `record` is the whole good record that stood behind
 * one with the checksum `before`; its erased form takes its place byte for byte, and seeds the next one as it did. False when it has no room for it:
 * a record without a statement, which says nothing about anybody.
 */
must_check bool record_erase(struct bytes record, const struct record_view *view, uint64_t before, uint8_t *out);
/* RECORD_CLOSED_BYTES of the recovered form; moves `*chain` on, like record_write(). */
void record_write_recovered(uint64_t index, uint64_t batch, int64_t time_ms, const uint8_t commitment[SHA256_SIZE], uint64_t *chain,
                            uint8_t out[RECORD_CLOSED_BYTES]);
/*
 * The recovered form in the place of one or more damaged records: `was` has index, batch, time and size (at least RECORD_CLOSED_BYTES, a multiple of
 * RECORD_ALIGNMENT). `after` (NULL: none) is the checksum that the record behind it is seeded by. `out` is `was->size` bytes.
 */
void record_write_replaced(const struct record_view *was, const uint8_t commitment[SHA256_SIZE], const uint64_t *after, uint64_t *chain,
                           uint8_t *out);

enum record_state {
    RECORD_GOOD = 0,
    RECORD_END,   /* zeros: nothing was written here */
    RECORD_SHORT, /* `data` ends within the record; `*needed` says how many bytes it takes */
    RECORD_DAMAGED,
};
/* Parses and checks the record `index` at the front of `data`, which follows a record with the checksum `chain`. */
enum record_state record_parse(struct bytes data, uint64_t index, uint64_t chain, struct record_view *out, size_t *needed);
/* What the header at the front of `data` claims, whatever its checksum; false if it does not look like one. */
struct record_claim {
    uint64_t index, batch;
    uint64_t chain; /* the checksum as it stands there */
    size_t size;
};
must_check bool record_peek(struct bytes data, struct record_claim *out);
/* The checksum that `data`, one whole record, should have behind one with the checksum `chain`. */
uint64_t record_checksum(struct bytes data, uint64_t chain);

#endif
