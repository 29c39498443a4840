#include "evidence/tile_read_internal.h"

#include <errno.h>
#include <stdlib.h>

bool tile_read(struct disk *disk, struct tile tile, uint8_t **data, struct error *e)
{
    char path[TILE_PATH_SIZE];
    size_t size = 0;
    size_t each = tile_item_bytes(tile.level);
    tile_path(tile, path);
    int fault = disk_read_whole(disk, path, TILE_WIDTH * each, data, &size);
    if (fault == ENOENT && tile.width < TILE_WIDTH) {
        char full[TILE_PATH_SIZE];
        tile_path((struct tile){ .level = tile.level, .index = tile.index, .width = TILE_WIDTH }, full);
        fault = disk_read_whole(disk, full, TILE_WIDTH * each, data, &size);
    }
    if (fault == ENOENT) {
        return error_set(e, ERROR_INPUT, path, "restore it from a copy or a mirror", "the tile is missing");
    }
    if (fault != 0 && fault != EFBIG) {
        errno = fault;
        return error_system(e, path, "check the public folder's disk, owner and mode");
    }
    if (fault == EFBIG || size < tile.width * each) {
        free(*data);
        *data = NULL;
        return error_set(e, ERROR_INPUT, path, "restore it from a copy or a mirror", "the tile has %s bytes than it must",
                         fault == EFBIG ? "more" : "fewer");
    }
    return true;
}
