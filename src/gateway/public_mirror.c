/* POST /mirror/add-checkpoint and /mirror/add-entries (C2SP tlog-mirror), and GET of the copies: /mirror/<hex>/checkpoint and tile/... */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/time.h"
#include "evidence/tile.h"
#include "gateway/mirroring_internal.h"
#include "gateway/public_service_internal.h"

enum { COPY_PATH_SIZE = STATE_NAME_SIZE + 8 + TILE_PATH_SIZE, CHECKPOINT_BYTES_MAX = 64 * 1024 };

static struct mirror *mirror_of(struct public_call *call)
{
    struct mirror *mirror = call->gateway->mirroring->mirror;
    if (mirror == NULL) {
        public_refuse(call, 404, "this gateway mirrors nobody");
    }
    return mirror;
}

static void give(struct public_call *call, struct witness_answer *answer)
{
    public_add_field(call, BYTES("Accept-Encoding"), BYTES("gzip"));
    if (answer->status == 200 || answer->status == 202 || answer->status == 409) {
        call->status = answer->status;
        call->content_type = answer->content_type == NULL ? PUBLIC_TEXT : answer->content_type;
        buffer_append(&call->answer, buffer_bytes(&answer->body));
    } else {
        public_refuse(call, answer->status, "%s", answer->why.what);
    }
    witness_answer_clear(answer);
}

void public_mirror_checkpoint(struct public_call *call)
{
    struct mirror *mirror = mirror_of(call);
    if (mirror != NULL) {
        struct witness_answer answer;
        witness_answer_init(&answer);
        mirror_add_checkpoint(mirror, call->snapshot->world, call->body, time_now_ms(), &answer);
        give(call, &answer);
    }
}

/* A body in gzip, which every mirror must take; no more of it than it may have without. False: answered. */
static bool unpack(struct public_call *call, struct buffer *plain)
{
    z_stream z = { .next_in = (uint8_t *)(uintptr_t)call->body.data, .avail_in = (uInt)call->body.size };
    uint8_t *room = buffer_room(plain, MIRROR_UPLOAD_BYTES_MAX);
    if (room == NULL || inflateInit2(&z, 15 + 16) != Z_OK) {
        public_refuse(call, 503, "memory is out");
        return false;
    }
    z.next_out = room;
    z.avail_out = MIRROR_UPLOAD_BYTES_MAX;
    int end = inflate(&z, Z_FINISH);
    buffer_added(plain, z.total_out);
    bool is_too_large = end != Z_STREAM_END && z.avail_out == 0;
    (void)inflateEnd(&z);
    if (end != Z_STREAM_END) {
        public_refuse(call, is_too_large ? 413 : 400, is_too_large ? "the body is too large: send fewer packages" : "the body is no gzip");
    }
    return end == Z_STREAM_END;
}

void public_mirror_entries(struct public_call *call)
{
    struct mirror *mirror = mirror_of(call);
    const struct field *encoding = fields_find(call->fields, BYTES("Content-Encoding"));
    struct witness_answer answer;
    struct buffer plain;
    if (mirror == NULL) {
        return;
    }
    buffer_init(&plain, MIRROR_UPLOAD_BYTES_MAX);
    bool is_packed = encoding != NULL && bytes_equal_ignoring_case(encoding->value, BYTES("gzip"));
    if (encoding != NULL && !is_packed && !bytes_equal_ignoring_case(encoding->value, BYTES("identity"))) {
        public_refuse(call, 415, "send the body as it is, or in gzip");
    } else if (!is_packed || unpack(call, &plain)) {
        witness_answer_init(&answer);
        mirror_add_entries(mirror, call->snapshot->world, is_packed ? buffer_bytes(&plain) : call->body, time_now_ms(), &answer);
        give(call, &answer);
    }
    buffer_clear(&plain);
}

/* ---- The copies ---- */

static int read_copy(struct public_call *call, const char *name, const char *path, size_t size_max, size_t wanted)
{
    char whole[COPY_PATH_SIZE];
    uint8_t *data = NULL;
    size_t size = 0;
    (void)snprintf(whole, sizeof whole, "%s/%s", name, path);
    int fault = disk_read_whole(call->gateway->mirroring->disk, whole, size_max, &data, &size);
    if (fault == 0) {
        buffer_append(&call->answer, bytes_of(data, wanted != 0 && wanted < size ? wanted : size));
        free(data);
    }
    return fault;
}

static bool is_name(struct bytes hex)
{
    for (size_t i = 0; i < hex.size; i++) {
        if (!((hex.data[i] >= '0' && hex.data[i] <= '9') || (hex.data[i] >= 'a' && hex.data[i] <= 'f'))) {
            return false;
        }
    }
    return hex.size == STATE_NAME_SIZE - 1;
}

/* The path was parsed, and is written anew: what is opened is a tile of a copy, whatever was asked. */
static int read_tile(struct public_call *call, const char *name, struct tile tile)
{
    const size_t each = tile.level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
    char path[TILE_PATH_SIZE];
    tile_path(tile, path);
    int fault = read_copy(call, name, path, TILE_WIDTH * each, 0);
    if (fault == ENOENT && tile.width < TILE_WIDTH) {
        tile_path((struct tile){ .level = tile.level, .index = tile.index, .width = TILE_WIDTH }, path);
        fault = read_copy(call, name, path, TILE_WIDTH * each, tile.width * each);
    }
    if (fault == 0 && call->answer.size != tile.width * each && !call->answer.failed) {
        return EBADMSG;
    }
    call->content_type = PUBLIC_OCTETS;
    call->cache = PUBLIC_CACHE_FOREVER;
    call->may_compress = tile.level == TILE_ENTRIES;
    return fault;
}

void public_mirror_copy(struct public_call *call)
{
    struct bytes rest = call->rest, hex;
    char name[STATE_NAME_SIZE] = "";
    struct tile tile;
    int fault = ENOENT;
    if (mirror_of(call) == NULL) {
        return;
    }
    if (!bytes_split(&rest, '/', &hex) || !is_name(hex) || rest.data == NULL) {
        public_refuse(call, 404, "ask for HEX/checkpoint or HEX/tile/...: HEX is SHA-256 of the log's origin");
        return;
    }
    memcpy(name, hex.data, hex.size);
    name[hex.size] = '\0';
    if (bytes_equal(rest, BYTES("checkpoint"))) {
        fault = read_copy(call, name, "checkpoint", CHECKPOINT_BYTES_MAX, 0);
        if (fault == 0) {
            call->cache = PUBLIC_CACHE_SHORT;
            (void)public_is_unchanged(call);
        }
    } else if (tile_parse(rest, &tile)) {
        fault = read_tile(call, name, tile);
    }
    if (fault == ENOENT) {
        public_refuse(call, 404, "this mirror does not hold that");
    } else if (fault != 0) {
        struct error e;
        errno = fault;
        (void)error_system(&e, name, "see what comity log verify says of this copy");
        e.kind = ERROR_IO;
        public_fail(call, &e);
    }
}
