/* GET /log/...: the public folder of the log as C2SP tlog-tiles 0.1.0 has it, and nothing else of the disk. */
#include <errno.h>
#include <stdlib.h>

#include "evidence/log_prove.h"
#include "evidence/log_prune.h"
#include "evidence/tile.h"
#include "gateway/public_service_internal.h"

enum { CHECKPOINT_BYTES_MAX = 64 * 1024 };

/* 0 or an errno; the file is appended to the answer. */
static int add_file(struct public_call *call, const char *path, size_t size_max, size_t wanted)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int fault = disk_read_whole(call->gateway->public_disk, path, size_max, &data, &size);
    if (fault == 0) {
        buffer_append(&call->answer, bytes_of(data, wanted != 0 && wanted < size ? wanted : size));
        free(data);
    }
    return fault;
}

static void fail_file(struct public_call *call, int fault, const char *path)
{
    struct error e;
    errno = fault;
    (void)error_system(&e, path, "check the public folder's disk, owner and mode");
    if (fault == EFBIG) {
        e.kind = ERROR_IO;
    }
    public_fail(call, &e);
}

static void send_checkpoint(struct public_call *call, const char *name)
{
    int fault = add_file(call, name, CHECKPOINT_BYTES_MAX, 0);
    if (fault == ENOENT) {
        public_refuse(call, 404, "%s is not there yet", name);
    } else if (fault != 0) {
        fail_file(call, fault, name);
    } else {
        call->cache = PUBLIC_CACHE_SHORT;
        (void)public_is_unchanged(call);
    }
}

/* Was the bundle pruned? Then that is the answer: what we state ourselves needs no look at its signature. */
static bool is_pruned(struct public_call *call, struct tile tile, const char *path)
{
    uint64_t minimum = 0;
    struct error e;
    if (!pruned_read(call->gateway->public_disk, PRUNED_PATH, NULL, &minimum, &e) || tile.index >= minimum / TILE_WIDTH) {
        return false;
    }
    public_refuse(call, 410, "%s was pruned: bundles are kept from entry %llu on (/log/" PRUNED_PATH "); tiles and receipts are all there",
                  path, (unsigned long long)minimum);
    return true;
}

/*
 * The path was parsed, and is written anew: what is opened is a tile's path, whatever was asked. Bundles are offered in gzip, which takes a
 * few bytes off their sizes; tiles are nothing but hashes, which no packing makes smaller.
 */
static void send_tile(struct public_call *call, struct tile tile)
{
    char path[TILE_PATH_SIZE];
    const size_t each = tile.level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
    tile_path(tile, path);
    int fault = add_file(call, path, TILE_WIDTH * each, 0);
    if (fault == ENOENT && tile.width < TILE_WIDTH) {
        /* A partial one goes when the full one is there, which begins with it. */
        char full[TILE_PATH_SIZE];
        tile_path((struct tile){ .level = tile.level, .index = tile.index, .width = TILE_WIDTH }, full);
        fault = add_file(call, full, TILE_WIDTH * each, tile.width * each);
    }
    if (fault == ENOENT && tile.level == TILE_ENTRIES && is_pruned(call, tile, path)) {
        return;
    }
    if (fault == ENOENT) {
        public_refuse(call, 404, "%s is not there: the newest checkpoint says how far the log is published", path);
    } else if (fault != 0) {
        fail_file(call, fault, path);
    } else if (call->answer.size != tile.width * each && !call->answer.failed) {
        struct error e;
        (void)error_set(&e, ERROR_IO, path, "run comity log verify, restore the file from a copy or a mirror", "it has %zu bytes, not %zu",
                        call->answer.size, tile.width * each);
        public_fail(call, &e);
    } else {
        call->content_type = PUBLIC_OCTETS;
        call->cache = PUBLIC_CACHE_FOREVER;
        call->may_compress = tile.level == TILE_ENTRIES;
    }
}

void public_log_file(struct public_call *call)
{
    struct tile tile;
    if (bytes_equal(call->rest, BYTES("checkpoint"))) {
        send_checkpoint(call, "checkpoint");
    } else if (bytes_equal(call->rest, BYTES("checkpoint.cosigned"))) {
        send_checkpoint(call, CHECKPOINT_COSIGNED_PATH);
    } else if (bytes_equal(call->rest, BYTES(PRUNED_PATH))) {
        send_checkpoint(call, PRUNED_PATH);
    } else if (tile_parse(call->rest, &tile)) {
        send_tile(call, tile);
    } else {
        public_refuse(call, 404, "there are checkpoint, checkpoint.cosigned, pruned and tile/... (C2SP tlog-tiles)");
    }
}

/* Under the newest cosigned checkpoint that has the entry, so that a receipt can be fetched again when the witnesses have seen it. */
void public_log_receipt(struct public_call *call)
{
    struct error e;
    uint64_t index;
    if (!bytes_to_u64(call->rest, &index)) {
        public_refuse(call, 404, "there is /log/receipt/<index>: a decimal number without leading zeros");
    } else if (!log_prove(call->gateway->public_disk, index, NULL, &call->answer, &e)) {
        if (e.kind == ERROR_INPUT) {
            e.kind = ERROR_IO; /* a damaged tile is our trouble, not the caller's */
        }
        public_fail(call, &e);
    } else {
        call->cache = PUBLIC_CACHE_SHORT;
    }
}
