#include "witness/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "net/client.h"
#include "witness/url.h"

enum { TIMEOUT_MS = 20000, CHECKPOINT_BYTES_MAX = 64 * 1024 };

struct source {
    struct disk *disk; /* NULL: over HTTP */
    struct source_options options;
    struct witness_url url;
    struct tls *own_tls;
};

const char *source_authorities(void)
{
    const char *named = getenv("SSL_CERT_FILE");
    return named != NULL ? named : "/etc/ssl/certs/ca-certificates.crt";
}

static bool open_folder(struct source *s, const char *from, struct error *e)
{
    struct stat status;
    if (stat(from, &status) != 0) {
        return error_system(e, from, "name the folder that holds checkpoint and tile/");
    }
    if (!S_ISDIR(status.st_mode)) {
        return error_set(e, ERROR_INPUT, from, "name the folder that holds checkpoint and tile/", "it is no folder");
    }
    return disk_open_folder(&s->disk, from, true, e);
}

bool source_open(struct source **out, const char *from, const struct source_options *options, struct error *e)
{
    struct bytes text = bytes_of_text(from);
    *out = NULL;
    struct source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_memory(e, from);
    }
    if (options != NULL) {
        s->options = *options;
    }
    s->options.timeout_ms = s->options.timeout_ms == 0 ? TIMEOUT_MS : s->options.timeout_ms;
    bool is_url = bytes_start_with(text, BYTES("http://")) || bytes_start_with(text, BYTES("https://"));
    bool ok = is_url ? witness_url_parse(&s->url, text, from, e) : open_folder(s, from, e);
    if (ok && s->url.is_tls && s->options.tls == NULL) {
        ok = tls_make_service(&s->own_tls, NULL, NULL, source_authorities(), e);
    }
    if (!ok) {
        source_close(s);
        return false;
    }
    *out = s;
    return true;
}

void source_close(struct source *source)
{
    if (source != NULL) {
        tls_free(source->own_tls);
        disk_free(source->disk);
        free(source);
    }
}

static bool read_disk(struct source *s, const char *path, struct buffer *out, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int fault = disk_read_whole(s->disk, path, out->size_max - out->size, &data, &size);
    if (fault == EFBIG) {
        return error_set(e, ERROR_INPUT, path, "try another copy", "it is larger than it may be");
    }
    if (fault != 0) {
        errno = fault;
        return error_system(e, path, "try another copy");
    }
    buffer_append(out, bytes_of(data, size));
    free(data);
    return !out->failed || error_memory(e, path);
}

static bool take_body(const struct client_answer *answer, const char *where, struct buffer *out, struct error *e)
{
    uint64_t size = body_size(answer->body);
    size_t got = 0;
    if (size > out->size_max - out->size) {
        return error_set(e, ERROR_INPUT, where, "try another copy", "it is larger than it may be");
    }
    uint8_t *room = buffer_room(out, (size_t)size + 1);
    if (room == NULL) {
        return error_memory(e, where);
    }
    if (!body_read(answer->body, 0, room, (size_t)size, &got, e)) {
        return false;
    }
    buffer_added(out, got);
    return true;
}

static bool read_http(struct source *s, const char *path, struct buffer *out, struct error *e)
{
    char target[URL_PATH_SIZE + TILE_PATH_SIZE + 16];
    struct bytes address = bytes_of_text(s->url.address);
    struct client_answer *answer = NULL;
    (void)snprintf(target, sizeof target, "%s/%s", s->url.prefix, path);
    bool is_peer = s->url.is_tls && s->options.tls != NULL;
    struct tls *tls = is_peer ? s->options.tls : s->own_tls;
    const struct client_target where = { .protocol = is_peer ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1,
                                         .addresses = &address,
                                         .address_count = 1,
                                         .tls = s->url.is_tls ? tls : NULL,
                                         .pins = s->options.pins,
                                         .pin_count = is_peer ? s->options.pin_count : 0,
                                         .server_name = bytes_of_text(s->url.host) };
    const struct client_request request = { .method = BYTES("GET"),
                                            .target = bytes_of_text(target),
                                            .authority = bytes_of_text(s->url.authority),
                                            .read_stall_ms = s->options.timeout_ms,
                                            .answer_bytes_max = out->size_max - out->size };
    if (!client_fetch(&where, &request, s->options.timeout_ms, &answer, NULL, e)) {
        return false;
    }
    bool ok = false;
    if (answer->status == 200) {
        ok = take_body(answer, target, out, e);
    } else if (answer->status == 404) {
        error_set(e, ERROR_ABSENT, target, "try another copy", "it is not there");
    } else {
        error_set(e, ERROR_IO, target, "try again, or another copy", "the answer is %u", answer->status);
    }
    client_answer_free(answer);
    return ok;
}

bool source_read(struct source *source, const char *path, struct buffer *out, struct error *e)
{
    return source->disk != NULL ? read_disk(source, path, out, e) : read_http(source, path, out, e);
}

bool source_fetch(void *context, struct tile tile, uint8_t **data, struct error *e)
{
    struct source *s = context;
    if (s->disk != NULL) {
        return tile_fetch_disk(s->disk, tile, data, e);
    }
    size_t each = tile.level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
    char path[TILE_PATH_SIZE];
    struct buffer text;
    struct error why = { 0 };
    *data = NULL;
    tile_path(tile, path);
    buffer_init(&text, TILE_WIDTH * each + 1);
    bool ok = read_http(s, path, &text, &why);
    if (!ok && why.kind == ERROR_ABSENT && tile.width < TILE_WIDTH) {
        /* A partial one goes when the full one is there, which begins with it. */
        tile_path((struct tile){ .level = tile.level, .index = tile.index, .width = TILE_WIDTH }, path);
        buffer_reset(&text);
        ok = read_http(s, path, &text, &why);
    }
    if (ok && text.size < tile.width * each) {
        ok = error_set(&why, ERROR_INPUT, path, "try another copy", "it has %zu bytes, too few", text.size);
    }
    if (ok) {
        *data = text.data; /* taken over */
        return true;
    }
    buffer_clear(&text);
    if (e != NULL) {
        *e = why;
    }
    return false;
}
