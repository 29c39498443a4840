#include "test_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"

enum order { ORDER_STOP = 1, ORDER_DRAIN = 2, ORDER_COUNT = 4, ORDER_WRITE = 8 };

struct later {
    uv_timer_t timer;
    struct test_server *t;
    struct server_request *request;
};

uint8_t test_byte(size_t n)
{
    return (uint8_t)(n * 7 + n / 256);
}

static void answer(struct test_server *t, struct server_request *request, unsigned status, struct body *body)
{
    static const struct field fields[] = { { BYTES("Content-Type"), BYTES("text/plain") }, { BYTES("X-Test"), BYTES("1") } };
    if (request->is_gone) {
        t->gone++;
    }
    server_answer(request, &(struct server_answer){ .status = status, .fields = fields, .field_count = COUNT_OF(fields), .body = body });
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void later_fired(uv_timer_t *timer)
{
    struct later *later = timer->data;
    answer(later->t, later->request, 200, body_of(BYTES("later")));
    uv_close((uv_handle_t *)timer, closed);
}

static void answer_later(struct test_server *t, struct server_request *request, uint64_t in_ms)
{
    struct later *later = malloc(sizeof *later);
    if (later == NULL || uv_timer_init(&t->loop, &later->timer) != 0) {
        abort();
    }
    later->t = t;
    later->request = request;
    later->timer.data = later;
    if (uv_timer_start(&later->timer, later_fired, in_ms, 0) != 0) {
        abort();
    }
}

static struct body *large(size_t size)
{
    struct body *body = body_make(&(struct body_limits){ .size_max = UINT64_C(1) << 40 }, false);
    uint8_t piece[4096];
    for (size_t at = 0; body != NULL && at < size; at += sizeof piece) {
        size_t count = size - at < sizeof piece ? size - at : sizeof piece;
        for (size_t i = 0; i < count; i++) {
            piece[i] = test_byte(at + i);
        }
        if (!body_append(body, bytes_of(piece, count), NULL)) {
            abort();
        }
    }
    return body;
}

static struct body *list_fields(const struct server_request *request)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    for (size_t i = 0; i < request->fields.count; i++) {
        buffer_append(&text, request->fields.list[i].name);
        buffer_append_text(&text, "=");
        buffer_append(&text, request->fields.list[i].value);
        buffer_append_text(&text, "\n");
    }
    buffer_append_text(&text, "authority=");
    buffer_append(&text, request->authority);
    buffer_append_format(&text, "\nhas_body=%d\n", request->has_body);
    struct body *body = body_of(buffer_bytes(&text));
    buffer_clear(&text);
    return body;
}

static struct body *digest(struct server_request *request)
{
    char text[2 * SHA256_SIZE + 32], hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(body_sha256(request->body), SHA256_SIZE), hex);
    (void)snprintf(text, sizeof text, "%llu %s", (unsigned long long)body_size(request->body), hex);
    return body_of(bytes_of_text(text));
}

static void write_bytes(struct test_server *t, size_t size)
{
    uint8_t piece[65536];
    for (size_t at = 0; at < size && t->streaming != NULL; at += sizeof piece) {
        size_t count = size - at < sizeof piece ? size - at : sizeof piece;
        memset(piece, 'x', count);
        server_stream_write(t->streaming, bytes_of(piece, count));
    }
}

static void stream_ended(void *context)
{
    struct test_server *t = context;
    t->streaming = NULL;
    t->streams_ended++;
}

/* `size` bytes at once and the end of it, or nothing yet. */
static void answer_stream(struct test_server *t, struct server_request *request, size_t size)
{
    static const struct field fields[] = { { BYTES("Content-Type"), BYTES("text/event-stream") } };
    const struct server_answer head = { .status = 200, .fields = fields, .field_count = 1 };
    if (!server_answer_stream(&t->streaming, request, &head, 256 * 1024, stream_ended, t)) {
        return;
    }
    t->streams++;
    if (size > 0) {
        write_bytes(t, size);
        server_stream_finish(t->streaming);
        t->streaming = NULL;
    }
}

static void answer_split(struct server_request *request)
{
    const struct field fields[] = { { BYTES("X-Test"), BYTES("1\r\nSet-Cookie: stolen=1") } };
    server_answer(request, &(struct server_answer){ .status = 200, .fields = fields, .field_count = 1, .body = body_of(BYTES("split")) });
}

static void on_request(void *context, struct server_request *request)
{
    struct test_server *t = context;
    struct bytes number = request->target, path = BYTES_NONE;
    uint64_t n = 0;
    bool has_number = bytes_split(&number, '?', &path) && bytes_to_u64(number, &n);
    t->requests++;
    if (bytes_equal(path, BYTES("/smuggled"))) {
        t->smuggled++;
    }
    if (bytes_equal(path, BYTES("/echo"))) {
        struct body *body = request->body;
        request->body = NULL; /* taken */
        answer(t, request, 200, body);
    } else if (bytes_equal(path, BYTES("/fields"))) {
        answer(t, request, 200, list_fields(request));
    } else if (bytes_equal(path, BYTES("/digest"))) {
        answer(t, request, 200, digest(request));
    } else if (bytes_equal(path, BYTES("/later")) && has_number) {
        answer_later(t, request, n);
    } else if (bytes_equal(path, BYTES("/large")) && has_number) {
        answer(t, request, 200, large((size_t)n));
    } else if (bytes_equal(path, BYTES("/status")) && has_number) {
        answer(t, request, (unsigned)n, NULL);
    } else if (bytes_equal(path, BYTES("/close"))) {
        server_answer(request, &(struct server_answer){ .status = 200, .close = true });
    } else if (bytes_equal(path, BYTES("/stream")) && has_number) {
        answer_stream(t, request, (size_t)n);
    } else if (bytes_equal(path, BYTES("/split"))) {
        answer_split(request);
    } else {
        answer(t, request, 200, body_of(request->target));
    }
}

static void on_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                     struct server_answer *answer)
{
    struct test_server *t = context;
    struct field *fields = arena_take(arena, sizeof *fields);
    struct bytes value = arena_format(arena, "fault %d", (int)fault);
    if (fields != NULL && value.data != NULL) {
        *fields = (struct field){ BYTES("X-Fault"), value };
        answer->fields = fields;
        answer->field_count = 1;
    }
    answer->body = body_of(bytes_of_text(detail));
    (void)snprintf(t->last_accept, sizeof t->last_accept, "%.*s", BYTES_FMT(accept));
    (void)snprintf(t->last_detail, sizeof t->last_detail, "%s", detail);
    t->last_fault = fault;
    t->faults++;
}

static void stopped(void *context)
{
    struct test_server *t = context;
    t->server = NULL;
    uv_close((uv_handle_t *)&t->wake, NULL);
}

static void woken(uv_async_t *wake)
{
    struct test_server *t = wake->data;
    unsigned order = atomic_load(&t->order);
    if ((order & ORDER_COUNT) != 0) {
        t->connections = server_connection_count(t->server);
        t->unanswered = server_request_count(t->server);
    }
    if ((order & ORDER_DRAIN) != 0) {
        server_drain(t->server);
    }
    if ((order & ORDER_WRITE) != 0 && t->streaming != NULL) {
        write_bytes(t, t->piece);
        if (t->piece == 0) {
            server_stream_finish(t->streaming);
            t->streaming = NULL;
        }
    }
    if ((order & ORDER_STOP) != 0) {
        server_stop(t->server, stopped, t);
    }
    atomic_fetch_and(&t->order, ~order);
}

static void *run(void *context)
{
    struct test_server *t = context;
    (void)uv_run(&t->loop, UV_RUN_DEFAULT);
    return NULL;
}

void test_server_start(struct test_server *t, const struct server_options *options)
{
    struct error e = { 0 };
    (void)signal(SIGPIPE, SIG_IGN); /* as every program over libuv has to: it writes to sockets that the peer has closed */
    *t = (struct test_server){ .options = *options };
    t->options.address = "127.0.0.1:0";
    t->options.on_request = on_request;
    t->options.on_fault = on_fault;
    t->options.context = t;
    if (uv_loop_init(&t->loop) != 0 || uv_async_init(&t->loop, &t->wake, woken) != 0) {
        abort();
    }
    t->wake.data = t;
    if (!server_start(&t->server, &t->loop, &t->options, &e)) {
        (void)fprintf(stderr, "%s: %s\n", e.where, e.what);
        abort();
    }
    t->port = server_port(t->server);
    if (pthread_create(&t->thread, NULL, run, t) != 0) {
        abort();
    }
}

/* Has the loop's thread do it, and waits. */
static void order(struct test_server *t, unsigned what)
{
    atomic_fetch_or(&t->order, what);
    if (uv_async_send(&t->wake) != 0) {
        abort();
    }
    while ((atomic_load(&t->order) & what) != 0) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
}

void test_server_drain(struct test_server *t)
{
    order(t, ORDER_DRAIN);
}

void test_server_count(struct test_server *t)
{
    order(t, ORDER_COUNT);
}

void test_server_write(struct test_server *t, size_t size)
{
    t->piece = size;
    order(t, ORDER_WRITE);
}

void test_server_stop(struct test_server *t)
{
    order(t, ORDER_STOP);
    if (pthread_join(t->thread, NULL) != 0 || uv_loop_close(&t->loop) != 0) {
        (void)fprintf(stderr, "the server left something on its loop\n");
        abort();
    }
}
