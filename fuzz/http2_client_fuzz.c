/*
 * Bytes of a server into an HTTP/2 client with two calls under way, over a real unix socket. Whatever comes, each call is reported once,
 * and an answer is what an answer may be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "net/client.h"

static uv_loop_t loop;
static int listener = -1;
static char address_text[64];
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    unsigned *count = context;
    ++*count;
    must((answer == NULL) == (failure != CLIENT_FAILURE_NONE));
    if (answer == NULL) {
        must(e->what[0] != '\0');
        return;
    }
    must(answer->status >= 200 && answer->status <= 599 && answer->body != NULL && body_size(answer->body) <= 3000);
    for (size_t i = 0; i < answer->fields.count; i++) {
        struct field field = answer->fields.list[i];
        must(field.name.size > 0 && field.name.data[0] != ':');
        must(bytes_find(field.value, '\n') == field.value.size && bytes_find(field.value, 0) == field.value.size);
    }
    client_answer_free(answer);
}

static void stop(void)
{
    (void)unlink(address.sun_path);
}

static void start(void)
{
    (void)snprintf(address_text, sizeof address_text, "unix:/tmp/comity-fuzz-%d", (int)getpid());
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", address_text + 5);
    diag_configure(DIAG_ERROR, DIAG_TEXT);
    must(uv_loop_init(&loop) == 0);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(listener >= 0 && bind(listener, (const struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 16) == 0);
    must(atexit(stop) == 0);
}

static void note_stopped(void *context)
{
    *(bool *)context = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "GET", "POST" };
    struct net_limits limits = { .head_bytes_max = 2000, .field_count_max = 20, .floods_max = 50, .body = { .size_max = 3000 } };
    struct client *client = NULL;
    struct client_call *calls[2];
    unsigned counts[2] = { 0 };
    struct error e = { 0 };
    bool is_stopped = false;
    if (listener < 0) {
        start();
    }
    must(client_make(&client, &loop, &limits, &e));
    const struct bytes text = bytes_of_text(address_text);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &text, .address_count = 1 };
    for (size_t i = 0; i < 2; i++) {
        const struct client_request request = { .method = bytes_of_text(methods[i]), .target = BYTES("/"), .authority = BYTES("x") };
        must(client_call(&calls[i], client, &target, &request, done, &counts[i], &e));
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    int fd = accept(listener, NULL, NULL);
    must(fd >= 0);
    for (int i = 0; i < 4; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    (void)!send(fd, "\0\0\0\4\0\0\0\0\0", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)!send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT); /* what doesn't fit is cut */
    for (int i = 0; i < 4; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    must(close(fd) == 0);
    for (int i = 0; i < 4; i++) { /* a refused stream is repeated on a fresh connection, which nobody answers */
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    client_stop(client, note_stopped, &is_stopped);
    while (!is_stopped) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    must(counts[0] <= 1 && counts[1] <= 1);
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        must(close(fd) == 0);
    }
    return 0;
}
