#include "cli/audit_source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/disk.h"
#include "cli/file.h"
#include "cli/place.h"
#include "net/client.h"
#include "net/tls.h"

enum { CALL_MS = 20000, WAIT_MS = 1200, PAGE_BYTES_MAX = 4 * 1024 * 1024, LIST_FILE_BYTES_MAX = 1024 * 1024 * 1024 };

struct audit_source {
    /* the net */
    const struct directory_gateway *gateway;
    struct tls *tls;
    /* a copy */
    struct disk *disk;
    struct buffer list;
    bool has_list;
};

static bool is_peer(void *context, const uint8_t pin[PIN_SIZE])
{
    const struct directory_gateway *gateway = context;
    for (size_t i = 0; i < gateway->tls_pin_count; i++) {
        if (memcmp(gateway->tls_pins[i], pin, PIN_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

bool audit_source_net(struct audit_source **out, const struct gateway_config *config, const struct directory_gateway *gateway,
                      struct error *e)
{
    struct audit_source *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL) {
        return error_memory(e, "audit");
    }
    s->gateway = gateway;
    buffer_init(&s->list, LIST_FILE_BYTES_MAX);
    if (gateway->address_count == 0) {
        return error_set(e, ERROR_ABSENT, "the directory", "give a copy of their log by --with", "this gateway has no address");
    }
    return tls_make_peer(&s->tls, config->certificate_path, config->tls_key_path, is_peer, (void *)gateway, e);
}

bool audit_source_copy(struct audit_source **out, const char *path, struct error *e)
{
    struct stat state;
    char file[PLACE_PATH_SIZE];
    struct audit_source *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL) {
        return error_memory(e, "audit");
    }
    buffer_init(&s->list, LIST_FILE_BYTES_MAX);
    if (stat(path, &state) != 0) {
        return error_system(e, path, "name a copy of their public log folder, or a file with their list");
    }
    if (!S_ISDIR(state.st_mode)) {
        s->has_list = true;
        return file_read_whole(path, &s->list, e);
    }
    if (!path_join(file, path, "checkpoint", e)) {
        return false;
    }
    if (!file_is_there(file)) {
        return error_set(e, ERROR_ABSENT, path, "name a copy of their public log folder", "there is no checkpoint in it");
    }
    if (!disk_open_folder(&s->disk, path, true, e) || !path_join(file, path, "exchanges.jsonl", e)) {
        return false;
    }
    s->has_list = file_is_there(file);
    return !s->has_list || file_read_whole(file, &s->list, e);
}

void audit_source_free(struct audit_source *source)
{
    if (source == NULL) {
        return;
    }
    tls_free(source->tls);
    disk_free(source->disk);
    buffer_clear(&source->list);
    free(source);
}

bool audit_source_has_log(const struct audit_source *source)
{
    return source->tls != NULL || source->disk != NULL;
}

/* A long one lies in a file. */
static bool take_body(struct body *body, struct buffer *out, struct error *e)
{
    enum { PIECE = 64 * 1024 };
    for (uint64_t at = 0; at < body_size(body) && !out->failed;) {
        uint64_t left = body_size(body) - at;
        uint8_t *room = buffer_room(out, left < PIECE ? (size_t)left : PIECE);
        size_t got = 0;
        if (room == NULL) {
            break; /* over its limit: told by the caller */
        }
        if (!body_read(body, at, room, left < PIECE ? (size_t)left : PIECE, &got, e)) {
            return false;
        }
        if (got == 0) {
            return error_set(e, ERROR_IO, "answer", NULL, "the file of its body is shorter than it was");
        }
        buffer_added(out, got);
        at += got;
    }
    return true;
}

/* One GET; on success the answer's body is appended to `out`. ERROR_ABSENT for 404 and 410. */
static bool get(const struct audit_source *s, const char *target, size_t size_max, struct buffer *out, struct error *e)
{
    struct client_answer *answer = NULL;
    const struct client_target to = { .protocol = PROTOCOL_HTTP2,
                                      .addresses = s->gateway->addresses,
                                      .address_count = s->gateway->address_count,
                                      .tls = s->tls,
                                      .pins = (const uint8_t(*)[PIN_SIZE])s->gateway->tls_pins,
                                      .pin_count = s->gateway->tls_pin_count };
    const struct client_request request = { .method = BYTES("GET"),
                                            .target = bytes_of_text(target),
                                            .authority = s->gateway->addresses[0],
                                            .read_stall_ms = CALL_MS,
                                            .answer_bytes_max = size_max };
    if (!client_fetch(&to, &request, CALL_MS, &answer, NULL, e)) {
        return false;
    }
    bool ok = answer->status == 200;
    if (ok) {
        ok = take_body(answer->body, out, e) &&
             (!out->failed || error_set(e, ERROR_FULL, target, NULL, "the answer is over %zu bytes", size_max));
    } else if (answer->status == 404 || answer->status == 410) {
        (void)error_set(e, ERROR_ABSENT, target, NULL, "the peer says that it is not there (%u)", answer->status);
    } else if (answer->status == 403) {
        (void)error_set(e, ERROR_DENIED, target, "is this gateway in the peer's directory?", "the peer does not know us");
    } else {
        (void)error_set(e, ERROR_IO, target, NULL, "the peer answers with status %u", answer->status);
    }
    client_answer_free(answer);
    return ok;
}

bool audit_source_read(void *context, const char *path, size_t size_max, uint8_t **data, size_t *size, struct error *e)
{
    struct audit_source *s = context;
    struct buffer out;
    char target[TILE_PATH_SIZE + 8];
    *data = NULL;
    if (s->disk != NULL) {
        int fault = disk_read_whole(s->disk, path, size_max, data, size);
        return fault == 0 || error_set(e, fault == ENOENT ? ERROR_ABSENT : ERROR_IO, path, "is the copy whole?", "%s", strerror(fault));
    }
    buffer_init(&out, size_max);
    (void)snprintf(target, sizeof target, "/log/%s", path);
    if (!get(s, target, size_max, &out, e)) {
        buffer_clear(&out);
        return false;
    }
    uint8_t *copy = malloc(out.size + 1);
    if (copy == NULL) {
        buffer_clear(&out);
        return error_memory(e, path);
    }
    memcpy(copy, out.size == 0 ? (const uint8_t *)"" : out.data, out.size);
    *data = copy;
    *size = out.size;
    buffer_clear(&out);
    return true;
}

static bool read_page_net(void *context, int64_t since_ms, uint64_t after, struct buffer *out, struct error *e)
{
    char target[128];
    if (after > 0) {
        (void)snprintf(target, sizeof target, "/evidence/exchanges?after=%" PRIu64, after);
    } else {
        (void)snprintf(target, sizeof target, "/evidence/exchanges?since=%" PRId64, since_ms);
    }
    return get(context, target, PAGE_BYTES_MAX, out, e);
}

/* Pages one behind the other: of a file each is handed on up to and with its last line, found anew by where it ended. */
static bool read_page_file(void *context, int64_t since_ms, uint64_t after, struct buffer *out, struct error *e)
{
    struct audit_source *s = context;
    struct bytes rest = buffer_bytes(&s->list), line;
    (void)since_ms;
    if (after == 0) {
        while (rest.size > 0 && bytes_split(&rest, '\n', &line)) {
            struct exchange_note note;
            struct exchange_page page;
            struct arena arena = { 0 };
            bool ok = exchange_note_read(line, &arena, &note, &page, e);
            arena_clear(&arena);
            if (!ok) {
                return false;
            }
            if (!page.is_page) {
                buffer_append(out, line);
                buffer_append_u8(out, '\n');
            }
        }
    }
    exchange_page_write(0, true, 0, out);
    return !out->failed || error_set(e, ERROR_FULL, "--with", "give --since a later time", "the list is over the limit");
}

static void wait_a_moment(void *context)
{
    const struct timespec pause = { .tv_sec = WAIT_MS / 1000, .tv_nsec = (WAIT_MS % 1000) * 1000000L };
    (void)context;
    (void)nanosleep(&pause, NULL);
}

void audit_source_fill(struct audit_source *source, struct audit_peer *peer)
{
    peer->context = source;
    peer->read_page = source->tls != NULL ? read_page_net : source->has_list ? read_page_file : NULL;
    peer->wait = source->tls != NULL ? wait_a_moment : NULL;
}
