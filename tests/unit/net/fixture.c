#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"

static bool pin_is_known(void *context, const uint8_t pin[PIN_SIZE])
{
    struct fixture *f = context;
    for (size_t i = 0; i < COUNT_OF(f->pin); i++) {
        if (f->knows[i] && memcmp(pin, f->pin[i], PIN_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static void must(bool ok, const struct error *e)
{
    char text[512];
    if (!ok) {
        fail_msg("%s", error_text(e, text, sizeof text));
    }
}

void fixture_init(struct fixture *f)
{
    struct error e = { 0 };
    *f = (struct fixture){ .knows[KEY_CLIENT] = true };
    assert_int_equal(uv_loop_init(&f->loop), 0);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/comity-net-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    for (size_t i = 0; i < COUNT_OF(f->pin); i++) {
        (void)snprintf(f->certificate[i], sizeof f->certificate[i], "%s/%zu.pem", f->folder, i);
        (void)snprintf(f->key[i], sizeof f->key[i], "%s/%zu.key", f->folder, i);
        must(certificate_make(f->key[i], f->certificate[i], "test", 1, &e), &e);
        must(certificate_read_pin(f->certificate[i], f->pin[i], NULL, &e), &e);
    }
}

void fixture_tls(struct fixture *f, int client_key)
{
    struct error e = { 0 };
    must(tls_make_peer(&f->server_tls, f->certificate[KEY_SERVER], f->key[KEY_SERVER], pin_is_known, f, &e), &e);
    must(tls_make_peer(&f->client_tls, f->certificate[client_key], f->key[client_key], pin_is_known, f, &e), &e);
}

struct body *body_filled(size_t size)
{
    struct error e = { 0 };
    struct body *body = body_make(&(struct body_limits){ 0 }, false);
    assert_non_null(body);
    uint8_t piece[8192];
    for (size_t at = 0; at < size;) {
        size_t n = size - at < sizeof piece ? size - at : sizeof piece;
        for (size_t i = 0; i < n; i++) {
            piece[i] = (uint8_t)((at + i) * 7 % 251);
        }
        must(body_append(body, bytes_of(piece, n), &e), &e);
        at += n;
    }
    return body;
}

/* The fields are freed at once: under ASan a copy that was forgotten shows. */
void fixture_answer(struct server_request *request, unsigned status, struct body *body)
{
    char *type = strdup("text/plain"), *signature = strdup("comity=:AAAA:");
    assert_non_null(type);
    assert_non_null(signature);
    const struct field fields[] = { { BYTES("Content-Type"), bytes_of_text(type) }, { BYTES("signature"), bytes_of_text(signature) } };
    const struct server_answer answer = {
        .status = status, .fields = fields, .field_count = COUNT_OF(fields), .preface = request->preface, .body = body
    };
    server_answer(request, &answer);
    free(type);
    free(signature);
}

static void on_request(void *context, struct server_request *request)
{
    struct fixture *f = context;
    f->requests++;
    if (bytes_equal(request->target, BYTES("/hold"))) {
        assert_true(f->held_count < COUNT_OF(f->held));
        f->held[f->held_count++] = request;
        return;
    }
    if (bytes_start_with(request->target, BYTES("/size/"))) {
        uint64_t size = 0;
        assert_true(bytes_to_u64(bytes_slice(request->target, 6, request->target.size), &size));
        fixture_answer(request, 200, body_filled((size_t)size));
        return;
    }
    struct body *body = request->body;
    request->body = NULL;
    fixture_answer(request, 200, body);
}

static void on_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                     struct server_answer *answer)
{
    struct fixture *f = context;
    (void)accept;
    f->fault = fault;
    f->faults++;
    struct field *field = arena_take(arena, sizeof *field);
    assert_non_null(field);
    *field = (struct field){ BYTES("content-type"), BYTES("text/plain") };
    answer->fields = field;
    answer->field_count = 1;
    answer->body = body_of(bytes_of_text(detail));
}

void fixture_serve_at(struct fixture *f, const struct server_options *wanted)
{
    struct error e = { 0 };
    struct server_options options = *wanted;
    options.tls = f->server_tls;
    options.on_request = on_request;
    options.on_fault = on_fault;
    options.context = f;
    must(server_start(&f->server, &f->loop, &options, &e), &e);
    (void)snprintf(f->address, sizeof f->address, "127.0.0.1:%u", server_port(f->server));
}

void fixture_serve(struct fixture *f, enum protocol protocol, const struct net_limits *limits)
{
    struct server_options options = { .address = "127.0.0.1:0", .protocol = protocol };
    if (limits != NULL) {
        options.limits = *limits;
    }
    fixture_serve_at(f, &options);
}

void fixture_connect(struct fixture *f, const struct net_limits *limits)
{
    struct error e = { 0 };
    must(client_make(&f->client, &f->loop, limits, &e), &e);
}

static void one_stopped(void *context)
{
    struct fixture *f = context;
    f->stopping--;
}

static bool nothing_stops(void *context)
{
    struct fixture *f = context;
    return f->stopping == 0;
}

void fixture_stop_server(struct fixture *f)
{
    f->stopping++;
    server_stop(f->server, one_stopped, f);
    f->server = NULL;
    assert_int_equal(f->stopping, 1); /* never from inside */
    assert_true(fixture_wait(f, nothing_stops, f, 5000));
}

void fixture_clear(struct fixture *f)
{
    if (f->client != NULL) {
        f->stopping++;
        client_stop(f->client, one_stopped, f);
    }
    if (f->server != NULL) {
        f->stopping++;
        server_stop(f->server, one_stopped, f);
    }
    assert_true(fixture_wait(f, nothing_stops, f, 5000));
    for (size_t i = 0; i < f->held_count; i++) {
        if (f->held[i] != NULL) {
            assert_true(f->held[i]->is_gone);
            fixture_answer(f->held[i], 200, NULL);
        }
    }
    tls_free(f->server_tls);
    tls_free(f->client_tls);
    assert_int_equal(uv_run(&f->loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    for (size_t i = 0; i < COUNT_OF(f->pin); i++) {
        (void)unlink(f->certificate[i]);
        (void)unlink(f->key[i]);
    }
    (void)rmdir(f->folder);
}

static void call_done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct outcome *out = context;
    out->is_done = true;
    out->times++;
    out->answer = answer;
    out->failure = failure;
    assert_int_equal(answer == NULL, failure != CLIENT_FAILURE_NONE);
    if (e != NULL) {
        out->error = *e;
    }
}

void fixture_call_to(struct fixture *f, struct outcome *out, const struct client_target *target, const struct client_request *request)
{
    struct error e = { 0 };
    *out = (struct outcome){ 0 };
    must(client_call(&out->call, f->client, target, request, call_done, out, &e), &e);
    assert_false(out->is_done); /* never from inside */
}

void fixture_call(struct fixture *f, struct outcome *out, const char *method, const char *path, struct body *body)
{
    const struct bytes address = bytes_of_text(f->address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2,
                                          .addresses = &address,
                                          .address_count = 1,
                                          .tls = f->client_tls,
                                          .pins = (const uint8_t(*)[PIN_SIZE])f->pin,
                                          .pin_count = 1,
                                          .server_name = BYTES("gateway.example") };
    const struct field fields[] = { { BYTES("X-Road-Client"), BYTES("A/B/C/D") }, { BYTES("accept"), BYTES("*/*") } };
    const struct client_request request = { .method = bytes_of_text(method),
                                            .target = bytes_of_text(path),
                                            .authority = BYTES("gateway.example"),
                                            .fields = fields,
                                            .field_count = COUNT_OF(fields),
                                            .body = body };
    fixture_call_to(f, out, &target, &request);
}

void outcome_clear(struct outcome *out)
{
    client_answer_free(out->answer);
    out->answer = NULL;
}

struct wait {
    uv_timer_t timer;
    bool is_over;
};

static void wait_over(uv_timer_t *timer)
{
    ((struct wait *)timer->data)->is_over = true;
}

static void wait_closed(uv_handle_t *handle)
{
    ((struct wait *)handle->data)->is_over = true;
}

bool fixture_wait(struct fixture *f, bool (*is_true)(void *context), void *context, unsigned limit_ms)
{
    struct wait w = { .is_over = false };
    w.timer.data = &w;
    assert_int_equal(uv_timer_init(&f->loop, &w.timer), 0);
    assert_int_equal(uv_timer_start(&w.timer, wait_over, limit_ms, 0), 0);
    while (!w.is_over && !is_true(context)) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    bool ok = is_true(context);
    w.is_over = false;
    uv_close((uv_handle_t *)&w.timer, wait_closed);
    while (!w.is_over) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    return ok;
}

struct held_wait {
    const struct fixture *f;
    size_t count;
};

static bool enough_are_held(void *context)
{
    const struct held_wait *w = context;
    return w->f->held_count >= w->count;
}

void fixture_await_held(struct fixture *f, size_t count)
{
    struct held_wait w = { .f = f, .count = count };
    if (!fixture_wait(f, enough_are_held, &w, 5000)) {
        fail_msg("%zu requests are held, not %zu", f->held_count, count);
    }
    assert_int_equal(f->held_count, count);
}

static bool flag_is_set(void *context)
{
    return *(const bool *)context;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void fixture_run_until(struct fixture *f, const bool *flag, unsigned limit_ms)
{
    if (!fixture_wait(f, flag_is_set, (void *)(uintptr_t)flag, limit_ms)) {
        fail_msg("nothing happened within %u ms", limit_ms);
    }
}

void fixture_run_for(struct fixture *f, unsigned ms)
{
    (void)fixture_wait(f, never, NULL, ms);
}

void raw_sockets_open(struct raw_sockets *sockets, uint16_t port, size_t count)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_true(count <= COUNT_OF(sockets->fd));
    sockets->count = count;
    for (size_t i = 0; i < count; i++) {
        sockets->fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(sockets->fd[i] >= 0);
        assert_int_equal(connect(sockets->fd[i], (const struct sockaddr *)&address, sizeof address), 0);
    }
}

size_t raw_sockets_ended(const struct raw_sockets *sockets)
{
    size_t ended = 0;
    uint8_t piece[4096];
    for (size_t i = 0; i < sockets->count; i++) {
        ssize_t got;
        do {
            got = recv(sockets->fd[i], piece, sizeof piece, MSG_DONTWAIT);
        } while (got > 0);
        ended += got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
    return ended;
}

void raw_sockets_close(struct raw_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        (void)close(sockets->fd[i]);
    }
    sockets->count = 0;
}
