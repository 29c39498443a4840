/*
 * Bytes of a peer into an HTTP/2 listener: over a real unix socket, so that streams, connections and their ends take part. Whatever comes,
 * the connection ends, nothing is left of it, and what reaches the handler is what a request may be. The first byte chooses how the
 * rest is cut, and whether preface and SETTINGS are put in front (nearly always: without them nothing gets far).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "net/server.h"

static uv_loop_t loop;
static struct server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static struct server_request *held;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void answer(struct server_request *request)
{
    struct field field = { BYTES("content-type"), BYTES("text/plain") };
    server_answer(request, &(struct server_answer){ .status = 200, .fields = &field, .field_count = 1, .body = body_of(request->target) });
}

static void on_request(void *context, struct server_request *request)
{
    (void)context;
    must(request->method.size > 0 && request->target.size > 0 && request->authority.size > 0 && request->body != NULL);
    must(body_size(request->body) <= 3000);
    for (size_t i = 0; i < request->fields.count; i++) {
        struct field field = request->fields.list[i];
        must(field.name.size > 0 && field.name.data[0] != ':');
        must(bytes_find(field.value, '\n') == field.value.size && bytes_find(field.value, 0) == field.value.size);
        for (size_t n = 0; n < field.name.size; n++) {
            must(field.name.data[n] > ' ' && !(field.name.data[n] >= 'A' && field.name.data[n] <= 'Z'));
        }
    }
    if (held == NULL && request->target.size % 2 == 0) {
        held = request; /* answered when its peer is gone */
        return;
    }
    answer(request);
}

static void start(void)
{
    static char path[64];
    struct error e = { 0 };
    struct net_limits limits = { .head_bytes_max = 2000,
                                 .field_count_max = 20,
                                 .streams_max = 8,
                                 .floods_max = 50,
                                 .body = { .size_max = 3000, .memory_bytes = 4096 } };
    (void)snprintf(path, sizeof path, "unix:/tmp/comity-fuzz-%d", (int)getpid());
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path + 5);
    diag_configure(DIAG_ERROR, DIAG_TEXT);
    must(uv_loop_init(&loop) == 0);
    must(server_start(&server, &loop,
                      &(struct server_options){ .address = path, .protocol = PROTOCOL_HTTP2, .limits = limits, .on_request = on_request },
                      &e));
}

static void stop(void)
{
    (void)unlink(address.sun_path);
}

static void send_piece(int fd, struct bytes data)
{
    (void)!send(fd, data.data, data.size, MSG_NOSIGNAL | MSG_DONTWAIT); /* the listener may have ended it already */
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server == NULL) {
        start();
        must(atexit(stop) == 0);
    }
    if (size == 0) {
        return 0;
    }
    struct bytes rest = bytes_of(data + 1, size - 1);
    size_t piece = data[0] % 16 == 0 ? 1 + data[0] / 16 : SIZE_MAX;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    if (data[0] != 0xff) {
        send_piece(fd, bytes_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    }
    for (size_t at = 0; at < rest.size;) {
        size_t next = piece < rest.size - at ? at + piece : rest.size;
        send_piece(fd, bytes_slice(rest, at, next));
        at = next;
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    must(close(fd) == 0);
    while (server_connection_count(server) > 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    if (held != NULL) {
        must(held->is_gone);
        answer(held);
        held = NULL;
    }
    must(server_request_count(server) == 0);
    return 0;
}
