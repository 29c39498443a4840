/*
 * Importing consents by the ten thousand, from another consent platform or from a backup (docs/formats/imports.md, docs/decisions/0017). Each is checked as an
 * answer to its notice is, and becomes a record like any other. What differs is the log: one event stands for a batch, and commits to each of its
 * records by a Merkle root.
 */
#ifndef COMITY_CONSENT_IMPORT_H
#define COMITY_CONSENT_IMPORT_H

#include "consent/consent.h"
#include "consent/import_file.h"

/* Views. */
struct consent_import {
    struct bytes columns;   /* the file's first line */
    struct bytes lines;     /* at most IMPORT_RECORDS_MAX whole lines, each ended by LF */
    uint64_t first_line;    /* the number of the first of them, for messages */
    struct bytes notice_id; /* of lines that name none; may be empty */
    bool is_dry;            /* only looks what would come of it */
};
enum { IMPORT_FAULTS_MAX = 32, IMPORT_FAULT_SIZE = 320 };
struct consent_import_result {
    char batch[IMPORT_BATCH_SIZE + 1]; /* empty: no record was made */
    size_t records;                    /* that were made */
    size_t there;   /* lines about what the person has decided here already: passed over, so that a file can be imported again */
    size_t refused; /* lines */
    struct {
        uint64_t line;
        char text[IMPORT_FAULT_SIZE]; /* why; never what the line says */
    } faults[IMPORT_FAULTS_MAX];      /* of the first so many */
    uint64_t log_index;               /* of the batch's event; UINT64_MAX: none */
};
/*
 * Makes one batch, durable and in force when it returns true; lines that are refused are passed over and told. Refuses a whole batch for its columns
 * (ERROR_INPUT), or when the consents are open for reading only (ERROR_DENIED). Blocks, and holds up other changes meanwhile, but no decision. When the
 * log fails after the store has committed, the records are there but not in force; the next change or start logs them.
 */
must_check bool consents_import(struct consents *consents, const struct consent_rules *rules, const struct consent_import *import,
                                struct consent_import_result *result, struct error *e);

/* What shows, with a receipt for the batch's event, that a record is in the log. */
struct consent_import_proof {
    char batch[IMPORT_BATCH_SIZE + 1];
    uint64_t log_index; /* of the batch's event */
    uint32_t place;
    size_t records; /* in the batch */
    uint8_t salt[IMPORT_SALT_SIZE];
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t path_count;
    uint8_t root[SHA256_SIZE];
};
/* `text`: the record's event is appended. ERROR_ABSENT: no such record, or it was not imported; ERROR_DENIED: its person was erased. Blocks. */
must_check bool consents_prove_import(struct consents *consents, struct bytes id, struct consent_import_proof *out, struct buffer *text,
                                      struct error *e);

#endif
