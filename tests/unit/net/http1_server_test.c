/* The HTTP/1.1 server over real sockets: every shape, every limit, slow and absent peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/time.h"
#include "http1_shapes.h"
#include "raw.h"
#include "test_server.h"

struct talk {
    int fd;
    struct buffer in, head, body;
};

static void talk_begin(struct talk *k, uint16_t port)
{
    k->fd = raw_connect(port);
    buffer_init(&k->in, 64 << 20);
    buffer_init(&k->head, 1 << 20);
    buffer_init(&k->body, 64 << 20);
}

static void talk_end(struct talk *k)
{
    raw_close(k->fd);
    buffer_clear(&k->in);
    buffer_clear(&k->head);
    buffer_clear(&k->body);
}

static unsigned talk_answer(struct talk *k)
{
    return raw_read_answer(k->fd, &k->in, &k->head, &k->body, false);
}

static bool head_has(const struct talk *k, const char *text)
{
    return raw_find(buffer_bytes(&k->head), bytes_of_text(text)) != SIZE_MAX;
}

static bool body_is(const struct talk *k, const char *text)
{
    return bytes_equal(buffer_bytes(&k->body), bytes_of_text(text));
}

/* The connection is at its end: nothing more comes. */
static bool is_over(struct talk *k)
{
    return k->in.size == 0 && raw_read_to_end(k->fd, &k->in) && k->in.size == 0;
}

static void check_alive(struct test_server *t, const char *after)
{
    struct talk k;
    talk_begin(&k, t->port);
    assert_true(raw_send(k.fd, BYTES("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n")));
    if (talk_answer(&k) != 200 || !body_is(&k, "/alive")) {
        fail_msg("after %s the server does not answer", after);
    }
    talk_end(&k);
}

static void play_shape(struct test_server *t, const struct http1_shape *shape, size_t piece)
{
    struct talk k;
    unsigned before = t->requests;
    talk_begin(&k, t->port);
    bool sent = true;
    for (size_t at = 0; sent && at < shape->input.size; at += piece) {
        sent = raw_send(k.fd, bytes_slice(shape->input, at, at + piece > shape->input.size ? shape->input.size : at + piece));
    }
    unsigned status = talk_answer(&k);
    if (status != shape->status) {
        fail_msg("%s: %u, want %u", shape->name, status, shape->status);
    }
    if (status != 200 && !head_has(&k, "\r\nX-Fault: ")) {
        fail_msg("%s: the listener's on_fault did not form the answer", shape->name);
    }
    for (unsigned i = 1; i < shape->requests; i++) {
        assert_int_equal(talk_answer(&k), 200);
    }
    if (shape->stays) {
        assert_true(raw_send(k.fd, BYTES("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
        if (talk_answer(&k) != 200 || !body_is(&k, "/next")) {
            fail_msg("%s: the connection does not take another request", shape->name);
        }
    }
    if (!head_has(&k, "\r\nConnection: close\r\n") || !is_over(&k)) {
        fail_msg("%s: the connection does not end", shape->name);
    }
    unsigned count = t->requests - before;
    if (count != shape->requests + shape->stays || t->smuggled != 0) {
        fail_msg("%s: %u requests reached the handler, %u smuggled", shape->name, count, atomic_load(&t->smuggled));
    }
    talk_end(&k);
    check_alive(t, shape->name);
}

static void shapes(void **state)
{
    (void)state;
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    for (size_t i = 0; i < COUNT_OF(http1_shapes); i++) {
        play_shape(&t, &http1_shapes[i], SIZE_MAX / 2);
        play_shape(&t, &http1_shapes[i], 7);
    }
    test_server_stop(&t);
}

static void fields_as_sent(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    assert_true(
        raw_send(k.fd,
                 BYTES("GET /fields HTTP/1.1\r\nX-b: 1\r\nhOsT:  a.example:8080 \t\r\nx-A:\t two  words \r\nX-B: 2\r\nX-b:\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(body_is(&k, "X-b=1\nhOsT=a.example:8080\nx-A=two  words\nX-B=2\nX-b=\nauthority=a.example:8080\nhas_body=0\n"));
    assert_true(head_has(&k, "\r\nX-Test: 1\r\n") && head_has(&k, "\r\nDate: ") && head_has(&k, " GMT\r\n"));
    assert_false(head_has(&k, "Connection"));
    assert_true(raw_send(k.fd, BYTES("POST /fields HTTP/1.0\r\nContent-Length: 0\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(body_is(&k, "Content-Length=0\nauthority=\nhas_body=1\n"));
    assert_true(is_over(&k));
    talk_end(&k);
    test_server_stop(&t);
}

static void answers_without_content(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("HEAD /12345 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(raw_read_answer(k.fd, &k.in, &k.head, &k.body, true), 200);
    assert_true(head_has(&k, "\r\nContent-Length: 6\r\n"));
    assert_true(raw_send(k.fd, BYTES("GET /status?204 HTTP/1.1\r\nHost: a\r\n\r\nGET /status?304 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 204);
    assert_false(head_has(&k, "Content-Length"));
    assert_int_equal(talk_answer(&k), 304);
    assert_false(head_has(&k, "Content-Length"));
    assert_true(raw_send(k.fd, BYTES("GET /status?200 HTTP/1.1\r\nHost: a\r\n\r\nGET /status?499 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(head_has(&k, "\r\nContent-Length: 0\r\n"));
    assert_int_equal(talk_answer(&k), 499);
    assert_true(raw_send(k.fd, BYTES("GET /close HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(head_has(&k, "\r\nConnection: close\r\n") && is_over(&k));
    assert_int_equal(t.smuggled, 0);
    talk_end(&k);
    test_server_stop(&t);
}

/* What a handler passes on from elsewhere can't become a field or an answer of its own. */
static void answers_cannot_be_split(void **state)
{
    (void)state;
    static const char *const requests[] = { "GET /split HTTP/1.1\r\nHost: a\r\n\r\n", "GET /status?101 HTTP/1.1\r\nHost: a\r\n\r\n" };
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct talk k;
        talk_begin(&k, t.port);
        assert_true(raw_send_text(k.fd, requests[i]));
        assert_int_equal(talk_answer(&k), 500);
        assert_false(head_has(&k, "stolen"));
        assert_true(is_over(&k));
        talk_end(&k);
    }
    test_server_stop(&t);
}

static void continue_when_acceptable(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 100);
    assert_true(raw_send(k.fd, BYTES("hello")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(body_is(&k, "hello"));
    talk_end(&k);
    test_server_stop(&t);
}

static void check_refused(struct test_server *t, struct bytes input, unsigned want, enum server_fault fault)
{
    struct talk k;
    talk_begin(&k, t->port);
    (void)raw_send(k.fd, input); /* may be cut off, as the answer comes before all was sent */
    unsigned status = talk_answer(&k);
    if (status != want || t->last_fault != fault) {
        fail_msg("%u (fault %u), want %u", status, atomic_load(&t->last_fault), want);
    }
    assert_true(is_over(&k));
    talk_end(&k);
    check_alive(t, "a refusal");
}

static void heads_over_the_limits(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer b;
    test_server_start(&t, &(struct server_options){ .limits = { .head_bytes_max = 4000, .field_count_max = 20 } });
    buffer_init(&b, 1 << 20);
    for (size_t extra = 0; extra < 2; extra++) { /* exactly the limit, and one more */
        size_t fixed = sizeof "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n" - 1;
        buffer_reset(&b);
        buffer_append_text(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        for (size_t i = 0; i < 4000 - fixed + extra; i++) {
            buffer_append_u8(&b, 'x');
        }
        buffer_append_text(&b, "\r\n\r\n");
        if (extra == 1) {
            check_refused(&t, buffer_bytes(&b), 431, SERVER_FAULT_HEAD_TOO_LARGE);
            continue;
        }
        struct talk k;
        talk_begin(&k, t.port);
        assert_true(raw_send(k.fd, buffer_bytes(&b)));
        assert_int_equal(talk_answer(&k), 200);
        talk_end(&k);
    }
    buffer_reset(&b); /* a head without end */
    for (size_t i = 0; i < 100000; i++) {
        buffer_append_u8(&b, 'G');
    }
    check_refused(&t, buffer_bytes(&b), 431, SERVER_FAULT_HEAD_TOO_LARGE);
    for (unsigned count = 20; count <= 21; count++) {
        buffer_reset(&b);
        buffer_append_text(&b, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        for (unsigned i = 2; i < count; i++) {
            buffer_append_text(&b, "X: y\r\n");
        }
        buffer_append_text(&b, "\r\n");
        if (count == 21) {
            check_refused(&t, buffer_bytes(&b), 431, SERVER_FAULT_HEAD_TOO_LARGE);
            continue;
        }
        struct talk k;
        talk_begin(&k, t.port);
        assert_true(raw_send(k.fd, buffer_bytes(&b)));
        assert_int_equal(talk_answer(&k), 200);
        talk_end(&k);
    }
    buffer_clear(&b);
    test_server_stop(&t);
}

static void bodies_over_the_limit(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer b;
    test_server_start(&t, &(struct server_options){ .limits = { .body = { .size_max = 1000, .memory_bytes = 100 } } });
    /* As early as the length tells: nothing of the body was sent. */
    check_refused(&t, BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), 413, SERVER_FAULT_BODY_TOO_LARGE);
    check_refused(&t, BYTES("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"), 413, SERVER_FAULT_BODY_TOO_LARGE);
    buffer_init(&b, 1 << 20);
    buffer_append_text(&b, "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < 100; i++) {
        buffer_append_text(&b, "a\r\n0123456789\r\n");
    }
    struct talk k;
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, buffer_bytes(&b)));
    assert_true(raw_send(k.fd, BYTES("0\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    assert_true(bytes_start_with(buffer_bytes(&k.body), BYTES("1000 ")));
    talk_end(&k);
    buffer_append_text(&b, "1\r\n0\r\n0\r\n\r\n");
    check_refused(&t, buffer_bytes(&b), 413, SERVER_FAULT_BODY_TOO_LARGE);
    buffer_clear(&b);
    test_server_stop(&t);
}

static void body_that_cannot_be_stored(void **state)
{
    (void)state;
    struct test_server t;
    test_server_start(&t, &(struct server_options){ .limits = { .body = { .memory_bytes = 4, .spool_folder = "/nonexistent" } } });
    check_refused(&t, BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n123456"), 507, SERVER_FAULT_STORAGE);
    test_server_stop(&t);
}

static void fault_knows_accept(void **state)
{
    (void)state;
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    check_refused(&t, BYTES("GET * HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\n\r\n"), 400, SERVER_FAULT_MALFORMED);
    struct talk k;
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("GET * HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 400);
    assert_string_equal(t.last_accept, "application/problem+json");
    assert_string_equal(t.last_detail, "the target * with a method other than OPTIONS");
    talk_end(&k);
    test_server_stop(&t);
}

static void slow_peers(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        unsigned status;
    } row[] = {
        { "", 0 },
        { "G", 408 },
        { "GET / HTTP/1.1\r\nHost: a\r\n", 408 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", 408 },
        { "\r\n", 0 }, /* an empty line is not the beginning of a request */
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 408 },
    };
    struct test_server t;
    test_server_start(&t, &(struct server_options){ .limits = { .idle_ms = 200, .head_ms = 200, .body_stall_ms = 200 } });
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct talk k;
        talk_begin(&k, t.port);
        uint64_t begun_us = time_monotonic_us();
        assert_true(raw_send_text(k.fd, row[i].input));
        unsigned status = talk_answer(&k);
        uint64_t took_ms = (time_monotonic_us() - begun_us) / 1000;
        if (status != row[i].status || took_ms < 199 || took_ms > 5000 || !is_over(&k)) {
            fail_msg("row %zu: %u after %llu ms", i, status, (unsigned long long)took_ms);
        }
        talk_end(&k);
    }
    assert_int_equal(t.requests, 0);
    check_alive(&t, "slow peers");
    test_server_stop(&t);
}

/* A byte now and then does not keep a head open past head_ms. */
static void trickled_head(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ .limits = { .head_ms = 400 } });
    talk_begin(&k, t.port);
    unsigned count = 0;
    for (; count < 100 && raw_is_quiet(k.fd, 50); count++) {
        assert_true(raw_send_text(k.fd, count == 0 ? "GET / HTTP/1.1\r\nX: " : "x"));
    }
    assert_in_range(count, 6, 40);
    assert_int_equal(talk_answer(&k), 408);
    talk_end(&k);
    test_server_stop(&t);
}

static void reader_that_takes_nothing(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ .limits = { .write_stall_ms = 300 } });
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("GET /large?30000000 HTTP/1.1\r\nHost: a\r\n\r\n")));
    for (unsigned i = 0; i < 100; i++) {
        test_server_count(&t);
        if (i > 0 && t.connections == 0) {
            break;
        }
        (void)raw_is_quiet(-1, 50); /* a pause */
    }
    assert_int_equal(t.connections, 0);
    talk_end(&k);
    check_alive(&t, "a reader that takes nothing");
    test_server_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(fields_as_sent),
        cmocka_unit_test(answers_without_content),
        cmocka_unit_test(answers_cannot_be_split),
        cmocka_unit_test(continue_when_acceptable),
        cmocka_unit_test(heads_over_the_limits),
        cmocka_unit_test(bodies_over_the_limit),
        cmocka_unit_test(body_that_cannot_be_stored),
        cmocka_unit_test(fault_knows_accept),
        cmocka_unit_test(slow_peers),
        cmocka_unit_test(trickled_head),
        cmocka_unit_test(reader_that_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
