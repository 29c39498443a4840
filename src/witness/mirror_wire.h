/* What goes over the line between a log and its mirror (C2SP tlog-mirror): the body of add-entries, and the answers 202 and 409. Pure. */
#ifndef COMITY_WITNESS_MIRROR_WIRE_H
#define COMITY_WITNESS_MIRROR_WIRE_H

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/receipt.h"
#include "evidence/tile.h"

enum {
    MIRROR_PROOF_MAX = 63,
    MIRROR_PACKAGE_BYTES_MAX = BUNDLE_BYTES_MAX + 1 + MIRROR_PROOF_MAX * SHA256_SIZE,
    MIRROR_PACKAGES_MAX = 32, /* that a client sends in one request */
    MIRROR_TICKET_BYTES_MAX = 32 * 1024,
    MIRROR_HEAD_BYTES_MAX = 2 + 65535 + 16 + 2 + MIRROR_TICKET_BYTES_MAX,
    /* Packages of 32 bytes' entries are small: a few times what a client should send at once is taken, too. */
    MIRROR_UPLOAD_BYTES_MAX = 1024 * 1024,
    MIRROR_INFO_BYTES_MAX = 128 + (MIRROR_TICKET_BYTES_MAX + 2) / 3 * 4,
};

/* What a body begins with: entries of [start, end) follow, in packages that end at multiples of 256. */
struct mirror_upload {
    struct bytes origin, ticket; /* views */
    uint64_t start, end;
};
/* ERROR_INPUT. `*size` is how many bytes it takes. */
must_check bool mirror_upload_parse(struct bytes body, struct mirror_upload *out, size_t *size, struct error *e);
void mirror_upload_write(struct buffer *out, const struct mirror_upload *upload);

/* Entries [start, start + count), and the subtree consistency proof from [start rounded down to 256, start + count) to the upload's end. */
struct mirror_package {
    uint64_t start;
    size_t count;
    uint8_t entries[TILE_WIDTH][SHA256_SIZE];
    uint8_t proof[MIRROR_PROOF_MAX][SHA256_SIZE];
    size_t proof_count;
};
/* How many entries the package has that begins with `start`; 0: there is none, start is the end. */
size_t mirror_package_count(uint64_t start, uint64_t end);
enum mirror_package_state {
    MIRROR_PACKAGE_GOOD = 0,
    MIRROR_PACKAGE_SHORT,   /* the body ends within it, or before it */
    MIRROR_PACKAGE_FOREIGN, /* an entry that is no commitment of 32 bytes, or more than 63 hashes */
};
/* The package at the front of `body`; `*size` is how many bytes it takes. */
enum mirror_package_state mirror_package_parse(struct bytes body, uint64_t start, uint64_t end, struct mirror_package *out, size_t *size);
void mirror_package_write(struct buffer *out, const struct mirror_package *package);

/* text/x.tlog.mirror-info: size of a pending checkpoint, next entry, ticket. */
#define MIRROR_INFO_TYPE "text/x.tlog.mirror-info"
struct mirror_info {
    uint64_t size, next;
    uint8_t ticket[MIRROR_TICKET_BYTES_MAX];
    size_t ticket_size;
};
must_check bool mirror_info_parse(struct bytes text, struct mirror_info *out);
void mirror_info_write(struct buffer *out, uint64_t size, uint64_t next, struct bytes ticket);

#endif
