/*
 * What decisions stood on, kept by its SHA-256 for as long as the log: directory notes and policies. One file each, named by 64 hex digits,
 * on a private disk of its own (archive/). Written durably before it is used; never changed; checked whenever it is read. One writer: the
 * gateway's process; any number of readers beside it.
 */
#ifndef COMITY_EVIDENCE_ARCHIVE_H
#define COMITY_EVIDENCE_ARCHIVE_H

#include "base/buffer.h"
#include "base/disk.h"
#include "crypto/hash.h"

enum { ARCHIVE_BYTES_MAX = 65 * 1024 * 1024 }; /* a directory of the largest size, and its signatures */

/* Keeps `text` under its own digest, which goes to `digest` (may be NULL). What is there and good stays; what is damaged is replaced. */
must_check bool archive_put_text(struct disk *disk, struct bytes text, uint8_t digest[SHA256_SIZE], struct error *e);
/* Keeps a signed note, whole, under the digest of its text. ERROR_INPUT if it is no note. The first note of a text stays. */
must_check bool archive_put_note(struct disk *disk, struct bytes note, uint8_t digest[SHA256_SIZE], struct error *e);
/*
 * Appends the text or note whose digest this is to `out`, whose maximum is the caller's. ERROR_ABSENT: it is not kept here;
 * ERROR_INPUT: the file no longer has its digest (where: its name); ERROR_FULL: larger than `out` takes.
 */
must_check bool archive_get(struct disk *disk, const uint8_t digest[SHA256_SIZE], struct buffer *out, struct error *e);

#endif
