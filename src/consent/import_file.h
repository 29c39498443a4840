/*
 * A batch of imported records, as it lies beside the log's own records: `imports/BATCH` in the private folder (docs/formats/imports.md). The log has one
 * event for all of it, which commits to the root of a Merkle tree (RFC 9162 2.1) over the records; the file has what opens each leaf: a salt of its own, and
 * the text of the event that gave the record. Erasing a person wipes both, and leaves the leaf: the root is still the root.
 */
#ifndef COMITY_CONSENT_IMPORT_FILE_H
#define COMITY_CONSENT_IMPORT_FILE_H

#include "base/buffer.h"
#include "base/disk.h"
#include "evidence/merkle.h"

enum {
    IMPORT_BATCH_SIZE = 24,     /* hex digits of its name */
    IMPORT_RECORDS_MAX = 65536, /* of a batch */
    IMPORT_SALT_SIZE = 16,
    IMPORT_REFERENCE_BYTES_MAX = 65536,
};

/* A batch on its way. Zeroed before import_batch_begin(). */
struct import_batch {
    char name[IMPORT_BATCH_SIZE + 1];
    struct buffer reference, entries;
    uint32_t *offsets; /* within `entries` */
    uint8_t (*leaves)[SHA256_SIZE];
    uint8_t (*salts)[IMPORT_SALT_SIZE];
    size_t count, room;
};
must_check bool import_batch_begin(struct import_batch *batch, size_t count_max, struct error *e);
/* `digest` receives the SHA-256 of the text. */
must_check bool import_batch_add(struct import_batch *batch, struct bytes text, uint8_t digest[SHA256_SIZE], struct error *e);
/* Writes the file, durably, and its root. */
must_check bool import_batch_write(struct import_batch *batch, struct disk *private, uint8_t root[SHA256_SIZE], struct error *e);
void import_batch_clear(struct import_batch *batch);

/* "c-" and the batch's name and eight digits of the place in it. */
must_check bool import_place(struct bytes id, char batch[IMPORT_BATCH_SIZE + 1], uint32_t *place);

/* One record: its text, unless it was erased. ERROR_ABSENT: no such batch or place. */
must_check bool import_file_text(struct disk *private, const char *batch, uint32_t place, struct buffer *text, bool *is_erased,
                                 struct error *e);
/* Wipes a record's salt and text, durably. Once more is no error. */
must_check bool import_file_erase(struct disk *private, const char *batch, uint32_t place, struct error *e);

/* A whole file, read and checked against itself. */
struct import_file {
    uint8_t *data;
    size_t size;
    size_t count;
    uint8_t (*leaves)[SHA256_SIZE];
    uint8_t root[SHA256_SIZE];
};
must_check bool import_file_read(struct import_file *file, struct disk *private, const char *batch, struct error *e);
/* The text of a record; *is_erased: there is none any more. */
must_check bool import_file_at(const struct import_file *file, uint32_t place, struct buffer *text, bool *is_erased, struct error *e);
/* What shows that a record is in the batch: its salt, and the path of its leaf to the root. False: it was erased. */
must_check bool import_file_prove(const struct import_file *file, uint32_t place, uint8_t salt[IMPORT_SALT_SIZE],
                                  uint8_t (*path)[SHA256_SIZE], size_t *path_count);
void import_file_clear(struct import_file *file);

#endif
