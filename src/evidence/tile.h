/* Tiles and entry bundles of C2SP tlog-tiles 0.1.0: where a hash or an entry stands, and the names of the files. Pure. */
#ifndef COMITY_EVIDENCE_TILE_H
#define COMITY_EVIDENCE_TILE_H

#include "crypto/hash.h"

enum {
    TILE_WIDTH = 256,
    TILE_HEIGHT = 8,
    TILE_LEVELS = 6, /* 2^48 entries */
    TILE_BYTES_MAX = TILE_WIDTH * SHA256_SIZE,
    TILE_PATH_SIZE = 64,
    BUNDLE_ENTRY_BYTES = 2 + SHA256_SIZE, /* our entries are commitments: a size of two bytes, then the hash */
    BUNDLE_BYTES_MAX = TILE_WIDTH * BUNDLE_ENTRY_BYTES,
};

/* `level` 0 to TILE_LEVELS - 1, or TILE_ENTRIES for an entry bundle; `width` is 1 to 256, 256 for a full tile. */
enum { TILE_ENTRIES = -1 };
struct tile {
    int level;
    uint64_t index;
    unsigned width;
};

/* "tile/0/x001/x234/067", "tile/1/000.p/17", "tile/entries/000.p/8". */
void tile_path(struct tile tile, char out[TILE_PATH_SIZE]);
/* The folder of the partial tiles of this level and index: "tile/1/000.p". */
void tile_partial_folder(struct tile tile, char out[TILE_PATH_SIZE]);
/* From such a path; false for everything that tile_path() does not write. */
must_check bool tile_parse(struct bytes path, struct tile *out);
/* How many hashes tile `index` of `level` (or entries, for TILE_ENTRIES) has in a tree of `size` entries: 0 to 256. */
unsigned tile_width(int level, uint64_t index, uint64_t size);

/* The tile that holds the complete node (level, index) of a tree of `size` entries, and the range of its hashes that make up the node. */
struct tile tile_of_node(unsigned level, uint64_t index, uint64_t size, unsigned *first, unsigned *count);

/* The `index`-th entry of a bundle of `width` commitments; false if the bundle has another form there. */
must_check bool bundle_entry(struct bytes bundle, unsigned index, uint8_t out[SHA256_SIZE]);
void bundle_write(const uint8_t (*commitments)[SHA256_SIZE], size_t count, uint8_t *out);

#endif
