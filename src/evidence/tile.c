#include "evidence/tile.h"

#include <stdio.h>

/* A full path without the ".p" part. Returns its length. */
static size_t write_base(struct tile tile, char out[TILE_PATH_SIZE])
{
    int size = tile.level == TILE_ENTRIES ? snprintf(out, TILE_PATH_SIZE, "tile/entries")
                                          : snprintf(out, TILE_PATH_SIZE, "tile/%d", tile.level);
    unsigned groups[8];
    size_t count = 0;
    uint64_t rest = tile.index;
    do {
        groups[count++] = (unsigned)(rest % 1000);
        rest /= 1000;
    } while (rest != 0 && count < COUNT_OF(groups));
    while (count > 0) {
        count--;
        size += snprintf(out + size, TILE_PATH_SIZE - (size_t)size, count > 0 ? "/x%03u" : "/%03u", groups[count]);
    }
    return (size_t)size;
}

void tile_path(struct tile tile, char out[TILE_PATH_SIZE])
{
    size_t size = write_base(tile, out);
    if (tile.width < TILE_WIDTH) {
        (void)snprintf(out + size, TILE_PATH_SIZE - size, ".p/%u", tile.width);
    }
}

void tile_partial_folder(struct tile tile, char out[TILE_PATH_SIZE])
{
    size_t size = write_base(tile, out);
    (void)snprintf(out + size, TILE_PATH_SIZE - size, ".p");
}

static bool parse_level(struct bytes text, int *level)
{
    uint64_t number;
    if (bytes_equal(text, BYTES("entries"))) {
        *level = TILE_ENTRIES;
        return true;
    }
    if (!bytes_to_u64(text, &number) || number >= TILE_LEVELS) {
        return false;
    }
    *level = (int)number;
    return true;
}

/* "x001/x234/067": each group has three digits, all but the last an "x" before them; the first is not "x000". */
static bool parse_index(struct bytes *rest, uint64_t *index)
{
    struct bytes group;
    *index = 0;
    for (size_t count = 0; count < 6 && bytes_split(rest, '/', &group); count++) {
        bool has_more = group.size > 0 && group.data[0] == 'x';
        struct bytes digits = bytes_slice(group, has_more ? 1 : 0, group.size);
        if (!has_more && bytes_end_with(digits, BYTES(".p"))) {
            digits.size -= 2;
            if (rest->data == NULL) {
                return false;
            }
        } else if (!has_more && rest->data != NULL) {
            return false;
        }
        if (digits.size != 3) {
            return false;
        }
        for (size_t i = 0; i < 3; i++) {
            if (digits.data[i] < '0' || digits.data[i] > '9') {
                return false;
            }
            *index = *index * 10 + (uint64_t)(digits.data[i] - '0');
        }
        if (!has_more) {
            return true;
        }
        if (*index == 0) {
            return false;
        }
    }
    return false;
}

bool tile_parse(struct bytes path, struct tile *out)
{
    struct bytes rest = path;
    struct bytes piece;
    if (!bytes_split(&rest, '/', &piece) || !bytes_equal(piece, BYTES("tile")) || !bytes_split(&rest, '/', &piece) ||
        !parse_level(piece, &out->level) || !parse_index(&rest, &out->index)) {
        return false;
    }
    out->width = TILE_WIDTH;
    if (rest.data != NULL) {
        uint64_t width;
        if (!bytes_to_u64(rest, &width) || width == 0 || width >= TILE_WIDTH) {
            return false;
        }
        out->width = (unsigned)width;
    }
    return true;
}

unsigned tile_width(int level, uint64_t index, uint64_t size)
{
    uint64_t hashes = level <= 0 ? size : size >> (TILE_HEIGHT * level);
    uint64_t full = hashes / TILE_WIDTH;
    if (index > full) {
        return 0;
    }
    return index < full ? TILE_WIDTH : (unsigned)(hashes % TILE_WIDTH);
}

struct tile tile_of_node(unsigned level, uint64_t index, uint64_t size, unsigned *first, unsigned *count)
{
    unsigned below = level % TILE_HEIGHT;
    uint64_t start = index << below;
    struct tile tile = { .level = (int)(level / TILE_HEIGHT), .index = start / TILE_WIDTH };
    tile.width = tile_width(tile.level, tile.index, size);
    *first = (unsigned)(start % TILE_WIDTH);
    *count = 1U << below;
    return tile;
}

bool bundle_entry(struct bytes bundle, unsigned index, uint8_t out[SHA256_SIZE])
{
    struct bytes entry = bytes_slice(bundle, (size_t)index * BUNDLE_ENTRY_BYTES, (size_t)(index + 1) * BUNDLE_ENTRY_BYTES);
    if (entry.size != BUNDLE_ENTRY_BYTES || entry.data[0] != 0 || entry.data[1] != SHA256_SIZE) {
        return false;
    }
    memcpy(out, entry.data + 2, SHA256_SIZE);
    return true;
}

void bundle_write(const uint8_t (*commitments)[SHA256_SIZE], size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[0] = 0;
        out[1] = SHA256_SIZE;
        memcpy(out + 2, commitments[i], SHA256_SIZE);
        out += BUNDLE_ENTRY_BYTES;
    }
}
