/* The pools of the client over HTTP/1.1, where a connection carries one call at a time. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

static void open_both(struct fixture *f, const struct net_limits *limits)
{
    fixture_init(f);
    fixture_serve(f, PROTOCOL_HTTP1, limits);
    fixture_connect(f, limits);
}

static void call(struct fixture *f, struct outcome *out, const char *method, const char *path, struct body *body)
{
    const struct bytes address = bytes_of_text(f->address);
    const struct client_target target = { .addresses = &address, .address_count = 1 };
    const struct client_request request = {
        .method = bytes_of_text(method), .target = bytes_of_text(path), .authority = BYTES("service.example"), .body = body
    };
    fixture_call_to(f, out, &target, &request);
}

static void check_call(struct fixture *f, const char *method, const char *path, size_t size)
{
    struct outcome out;
    call(f, &out, method, path, NULL);
    fixture_run_until(f, &out.is_done, 10000);
    if (out.answer == NULL) {
        fail_msg("%s %s: %s: %s", method, path, out.error.where, out.error.what);
    }
    assert_int_equal(body_size(out.answer->body), size);
    outcome_clear(&out);
}

static void connections_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    open_both(&f, NULL);
    for (int i = 0; i < 20; i++) {
        check_call(&f, "GET", "/size/1000", 1000);
        check_call(&f, "POST", "/echo", 0);
    }
    assert_int_equal(server_connection_count(f.server), 1);
    struct body *large = body_filled(5000000);
    struct outcome out;
    call(&f, &out, "POST", "/echo", large);
    fixture_run_until(&f, &out.is_done, 30000);
    assert_non_null(out.answer);
    assert_memory_equal(body_sha256(out.answer->body), body_sha256(large), SHA256_SIZE);
    outcome_clear(&out);
    body_free(large);
    assert_int_equal(server_connection_count(f.server), 1);
    fixture_clear(&f);
}

static void many_at_once(void **state)
{
    enum { COUNT = 700 }; /* more than the connections to one target: some wait */
    (void)state;
    struct fixture f;
    struct outcome *out = test_calloc(COUNT, sizeof *out);
    open_both(&f, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        call(&f, &out[i], "GET", i % 7 == 0 ? "/size/50000" : "/size/50", NULL);
    }
    for (size_t i = 0; i < COUNT; i++) {
        fixture_run_until(&f, &out[i].is_done, 30000);
        if (out[i].answer == NULL) {
            fail_msg("call %zu: %s: %s", i, out[i].error.where, out[i].error.what);
        }
        assert_int_equal(body_size(out[i].answer->body), i % 7 == 0 ? 50000 : 50);
        outcome_clear(&out[i]);
    }
    assert_int_equal(client_call_count(f.client), 0);
    fixture_run_for(&f, 1500); /* surplus ones end, and linger a second */
    assert_true(server_connection_count(f.server) <= 256);
    fixture_clear(&f);
    test_free(out);
}

static void idle_ones_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_serve(&f, PROTOCOL_HTTP1, NULL);
    fixture_connect(&f, &(struct net_limits){ .idle_ms = 300 });
    check_call(&f, "GET", "/size/10", 10);
    assert_int_equal(server_connection_count(f.server), 1);
    fixture_run_for(&f, 900);
    assert_int_equal(server_connection_count(f.server), 0);
    check_call(&f, "GET", "/size/10", 10);
    fixture_clear(&f);
}

/* A service of raw sockets that answers once and closes without a word. */
struct closer {
    int listener, fd;
};

static void closer_answer(struct fixture *f, struct closer *c, bool then_close)
{
    char request[4096];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    ssize_t got = -1;
    for (int i = 0; i < 1000 && got <= 0; i++) {
        fixture_run_for(f, 2);
        if (c->fd < 0) {
            c->fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        got = c->fd < 0 ? -1 : recv(c->fd, request, sizeof request, MSG_DONTWAIT);
        if (got == 0) {
            (void)close(c->fd);
            c->fd = -1;
        }
    }
    assert_true(got > 0);
    assert_int_equal(send(c->fd, answer, sizeof answer - 1, MSG_NOSIGNAL), (ssize_t)sizeof answer - 1);
    if (then_close) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

static void closed_behind_the_answer(void **state)
{
    (void)state;
    struct fixture f;
    struct closer c = { .fd = -1 };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    fixture_init(&f);
    fixture_connect(&f, NULL);
    c.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(c.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(c.listener, 16), 0);
    assert_int_equal(getsockname(c.listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(f.address, sizeof f.address, "127.0.0.1:%u", ntohs(address.sin_port));
    const char *const methods[] = { "GET", "POST", "GET", "POST" };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct outcome first, second;
        call(&f, &first, "GET", "/", NULL);
        closer_answer(&f, &c, false);
        fixture_run_until(&f, &first.is_done, 5000);
        assert_non_null(first.answer);
        outcome_clear(&first);
        /* Closed, and the next call is made before the loop has looked. */
        (void)close(c.fd);
        c.fd = -1;
        call(&f, &second, methods[i], "/", NULL);
        closer_answer(&f, &c, true);
        fixture_run_until(&f, &second.is_done, 5000);
        if (second.answer == NULL) {
            fail_msg("row %zu: %s", i, second.error.what);
        }
        outcome_clear(&second);
    }
    (void)close(c.listener);
    fixture_clear(&f);
}

/* A service that takes requests and dies without a byte: the first use of a connection is not repeated, not even for GET. */
static void a_fresh_connection_is_not_repeated(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    fixture_init(&f);
    fixture_connect(&f, NULL);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), accepted = 0;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(f.address, sizeof f.address, "127.0.0.1:%u", ntohs(address.sin_port));
    call(&f, &out, "GET", "/", NULL);
    for (int i = 0; i < 1000 && !out.is_done; i++) {
        char request[4096];
        fixture_run_for(&f, 2);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted++;
            fixture_run_for(&f, 20);
            (void)!recv(fd, request, sizeof request, MSG_DONTWAIT);
            (void)close(fd);
        }
    }
    assert_true(out.is_done);
    assert_int_equal(out.failure, CLIENT_FAILURE_BROKEN);
    assert_int_equal(accepted, 1);
    (void)close(listener);
    fixture_clear(&f);
}

static void waiting_queue_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    open_both(&f, NULL);
    const struct bytes address = bytes_of_text(f.address);
    const struct client_target target = { .addresses = &address, .address_count = 1 };
    const struct client_request request = { .method = BYTES("GET"), .target = BYTES("/hold"), .authority = BYTES("x") };
    static struct outcome out[5000];
    size_t made = 0;
    while (made < COUNT_OF(out) && client_call(&out[made].call, f.client, &target, &request, NULL, NULL, &e)) {
        made++;
    }
    assert_int_equal(made, 4096);
    assert_int_equal(e.kind, ERROR_FULL);
    for (size_t i = 0; i < made; i++) {
        client_cancel(out[i].call);
    }
    assert_int_equal(client_call_count(f.client), 0);
    fixture_clear(&f);
}

static void refused_for_all_who_wait(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out[10];
    fixture_init(&f);
    fixture_connect(&f, NULL);
    (void)snprintf(f.address, sizeof f.address, "127.0.0.1:1");
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        call(&f, &out[i], "GET", "/", NULL);
    }
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        fixture_run_until(&f, &out[i].is_done, 5000);
        assert_int_equal(out[i].failure, CLIENT_FAILURE_CONNECT);
        assert_int_equal(out[i].times, 1);
    }
    fixture_clear(&f);
}

/* Its user has an answer from every call: those under way, and those that wait for a connection. */
static void stopping_breaks_all_calls(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out[80];
    open_both(&f, NULL);
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        call(&f, &out[i], "GET", "/hold", NULL);
        if (i + 1 == COUNT_OF(out) / 2) {
            fixture_await_held(&f, i + 1);
        }
    }
    fixture_clear(&f);
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        assert_int_equal(out[i].times, 1);
        assert_int_equal(out[i].failure, CLIENT_FAILURE_BROKEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(idle_ones_end),
        cmocka_unit_test(closed_behind_the_answer),
        cmocka_unit_test(a_fresh_connection_is_not_repeated),
        cmocka_unit_test(waiting_queue_is_bounded),
        cmocka_unit_test(refused_for_all_who_wait),
        cmocka_unit_test(stopping_breaks_all_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
