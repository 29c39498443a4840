/* An HTTP/2 listener against peers that misbehave: each gets its own answer, and the listener lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "http2_raw.h"

static const struct net_limits limits = { .head_bytes_max = 4096,
                                          .field_count_max = 20,
                                          .body.size_max = 100000,
                                          .streams_max = 16,
                                          .idle_ms = 5000,
                                          .head_ms = 400,
                                          .body_stall_ms = 400,
                                          .write_stall_ms = 600,
                                          .floods_max = 100 };

struct scene {
    struct fixture f;
    struct raw_peer p;
};

static void scene_open(struct scene *s)
{
    fixture_init(&s->f);
    fixture_serve(&s->f, PROTOCOL_HTTP2, &limits);
    raw_peer_connect(&s->p, &s->f);
}

/* Whatever happened: the next peer is served. */
static void scene_close(struct scene *s)
{
    raw_peer_close(&s->p);
    struct raw_peer next;
    raw_peer_connect(&next, &s->f);
    raw_peer_request(&next, 1, "GET", "/echo", F_END_STREAM);
    assert_true(raw_peer_await(&next, &s->f, F_HEADERS, 1, 2000));
    assert_int_equal(next.status, 200);
    raw_peer_close(&next);
    fixture_run_for(&s->f, 20);
    assert_int_equal(server_request_count(s->f.server), s->f.held_count);
    fixture_clear(&s->f);
}

static void check_flood(enum frame_type type, uint8_t flags, struct bytes payload, uint32_t stream)
{
    struct scene s;
    scene_open(&s);
    if (stream != 0) {
        raw_peer_request(&s.p, stream, "POST", "/echo", 0);
    }
    for (int i = 0; i < 150 && !s.p.is_closed; i++) {
        raw_peer_frame(&s.p, type, flags, stream, payload);
    }
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    assert_true(s.p.has_goaway);
    assert_int_equal(s.p.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    scene_close(&s);
}

static void floods_end_the_connection(void **state)
{
    (void)state;
    check_flood(F_PING, 0, BYTES("12345678"), 0);
    check_flood(F_SETTINGS, 0, BYTES_NONE, 0);
    check_flood(F_DATA, 0, BYTES_NONE, 1);
    check_flood(F_PRIORITY, 0, BYTES("\0\0\0\0\1"), 1);
}

static void rapid_reset(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    for (uint32_t i = 0; i < 150; i++) {
        raw_peer_request(&s.p, 1 + 2 * i, "GET", "/echo", F_END_STREAM);
        raw_peer_frame(&s.p, F_RST, 0, 1 + 2 * i, BYTES("\0\0\0\10"));
    }
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    assert_int_equal(s.p.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    scene_close(&s);
}

/* CVE-2025-8671: resets that the peer makes us send, here by a length that is not kept. */
static void made_you_reset(void **state)
{
    struct scene s;
    struct buffer block;
    (void)state;
    scene_open(&s);
    buffer_init(&block, 4096);
    raw_request(&block, "POST", "/echo");
    raw_field(&block, "content-length", BYTES("5"));
    for (uint32_t i = 0; i < 150; i++) {
        raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS | F_END_STREAM, 1 + 2 * i, buffer_bytes(&block));
        if (i % 10 == 0) {
            raw_peer_run(&s.p, &s.f, 10);
        }
    }
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    assert_int_equal(s.p.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    buffer_clear(&block);
    scene_close(&s);
}

static void continuation_flood(void **state)
{
    struct scene s;
    struct buffer block;
    (void)state;
    scene_open(&s);
    buffer_init(&block, 4096);
    raw_request(&block, "GET", "/echo");
    raw_peer_frame(&s.p, F_HEADERS, 0, 1, buffer_bytes(&block));
    for (int i = 0; i < 20; i++) {
        buffer_reset(&block);
        raw_field(&block, "x", BYTES("y"));
        raw_peer_frame(&s.p, F_CONTINUATION, 0, 1, buffer_bytes(&block));
    }
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    buffer_clear(&block);
    scene_close(&s);
}

/* One entry of the dynamic table, named again and again: a byte each on the wire, 3 KiB each when decoded. */
static void hpack_bomb(void **state)
{
    struct scene s;
    struct buffer block;
    uint8_t value[3000];
    (void)state;
    scene_open(&s);
    memset(value, 'b', sizeof value);
    buffer_init(&block, 65536);
    raw_request(&block, "GET", "/echo");
    buffer_append(&block, bytes_of("\x40\x01x\x7f\xb9\x16", 6)); /* incremental indexing, name "x", value of 127 + 57 + 22 * 128 = 3000 */
    buffer_append(&block, bytes_of(value, sizeof value));
    for (int i = 0; i < 8000; i++) {
        buffer_append_u8(&block, 0xbe); /* index 62 */
    }
    raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS | F_END_STREAM, 1, buffer_bytes(&block));
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    assert_int_equal(s.p.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    buffer_clear(&block);
    scene_close(&s);
}

struct bad_request {
    const char *what;
    void (*fill)(struct buffer *block);
    enum server_fault fault;
    unsigned status; /* 0: the stream is reset */
    bool is_open;    /* its body is still to come */
};

static void fill_long(struct buffer *block)
{
    uint8_t value[5000];
    memset(value, 'v', sizeof value);
    raw_request(block, "GET", "/echo");
    raw_field(block, "x", bytes_of(value, sizeof value));
}

static void fill_many(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    for (int i = 0; i < 30; i++) {
        raw_field(block, "x", BYTES("y"));
    }
}

static void fill_control(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "x", BYTES("a\x01z"));
}

static void fill_line_break(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "x", BYTES("a\r\nb: c"));
}

static void fill_upper(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "X-Upper", BYTES("a"));
}

static void fill_connection(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "connection", BYTES("close"));
}

static void fill_no_path(struct buffer *block)
{
    raw_field(block, ":method", BYTES("GET"));
    raw_field(block, ":scheme", BYTES("http"));
    raw_field(block, ":authority", BYTES("x"));
}

static void fill_two_paths(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, ":path", BYTES("/other"));
}

static void fill_late_pseudo(struct buffer *block)
{
    raw_field(block, ":method", BYTES("GET"));
    raw_field(block, "x", BYTES("y"));
    raw_field(block, ":scheme", BYTES("http"));
    raw_field(block, ":path", BYTES("/echo"));
    raw_field(block, ":authority", BYTES("x"));
}

static void fill_unknown_pseudo(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, ":protocol", BYTES("y"));
}

static void fill_host_differs(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "host", BYTES("other.example"));
}

static void fill_no_authority(struct buffer *block)
{
    raw_field(block, ":method", BYTES("GET"));
    raw_field(block, ":scheme", BYTES("http"));
    raw_field(block, ":path", BYTES("/echo"));
}

static void fill_connect(struct buffer *block)
{
    raw_field(block, ":method", BYTES("CONNECT"));
    raw_field(block, ":authority", BYTES("x:80"));
}

static void fill_expect(struct buffer *block)
{
    raw_request(block, "GET", "/echo");
    raw_field(block, "expect", BYTES("miracles"));
}

static void fill_length(struct buffer *block)
{
    raw_request(block, "POST", "/echo");
    raw_field(block, "content-length", BYTES("100001"));
}

static void fill_false_length(struct buffer *block)
{
    raw_request(block, "POST", "/echo");
    raw_field(block, "content-length", BYTES("5")); /* and the stream ends with no byte */
}

static const struct bad_request bad_requests[] = {
    { "a value over the limit", fill_long, SERVER_FAULT_HEAD_TOO_LARGE, 431, false },
    { "too many fields", fill_many, SERVER_FAULT_HEAD_TOO_LARGE, 431, false },
    { "a control character", fill_control, SERVER_FAULT_MALFORMED, 400, false },
    { "a line break", fill_line_break, SERVER_FAULT_MALFORMED, 400, false },
    { "an upper case name", fill_upper, SERVER_FAULT_MALFORMED, 0, false },
    { "a field of the connection", fill_connection, SERVER_FAULT_MALFORMED, 0, false },
    { "no path", fill_no_path, SERVER_FAULT_MALFORMED, 0, false },
    { "two paths", fill_two_paths, SERVER_FAULT_MALFORMED, 0, false },
    { "a pseudo field behind others", fill_late_pseudo, SERVER_FAULT_MALFORMED, 0, false },
    { "an unknown pseudo field", fill_unknown_pseudo, SERVER_FAULT_MALFORMED, 0, false },
    { "another host", fill_host_differs, SERVER_FAULT_MALFORMED, 400, false },
    { "no authority", fill_no_authority, SERVER_FAULT_MALFORMED, 0, false },
    { "CONNECT", fill_connect, SERVER_FAULT_METHOD, 501, false },
    { "an expectation", fill_expect, SERVER_FAULT_EXPECTATION, 417, false },
    { "a length over the limit", fill_length, SERVER_FAULT_BODY_TOO_LARGE, 413, true },
    { "a length that is not kept", fill_false_length, SERVER_FAULT_MALFORMED, 0, false },
};

static void bad_heads_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_requests); i++) {
        const struct bad_request *bad = &bad_requests[i];
        struct scene s;
        struct buffer block;
        scene_open(&s);
        buffer_init(&block, 16384);
        bad->fill(&block);
        raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS | (bad->is_open ? 0 : F_END_STREAM), 1, buffer_bytes(&block));
        bool came = raw_peer_await(&s.p, &s.f, bad->status == 0 ? F_RST : F_HEADERS, 1, 2000);
        if (!came || (bad->status != 0 && (s.p.status != bad->status || s.f.fault != bad->fault)) || s.f.requests != 0) {
            fail_msg("%s: came %d, status %u, want %u; fault %d; %zu delivered", bad->what, came, s.p.status, bad->status, (int)s.f.fault,
                     s.f.requests);
        }
        buffer_clear(&block);
        scene_close(&s);
    }
}

static void body_over_the_limit(void **state)
{
    struct scene s;
    uint8_t piece[16384] = { 0 };
    (void)state;
    scene_open(&s);
    raw_peer_frame(&s.p, F_SETTINGS, F_ACK, 0, BYTES_NONE); /* opens our window */
    raw_peer_request(&s.p, 1, "POST", "/echo", 0);
    for (int i = 0; i < 8; i++) {
        raw_peer_frame(&s.p, F_DATA, 0, 1, bytes_of(piece, sizeof piece));
    }
    assert_true(raw_peer_await(&s.p, &s.f, F_RST, 1, 2000)); /* the answer, then the rest is not wanted */
    assert_int_equal(s.p.rst_code, NGHTTP2_NO_ERROR);
    assert_int_equal(s.p.status, 413);
    assert_int_equal(s.f.fault, SERVER_FAULT_BODY_TOO_LARGE);
    scene_close(&s);
}

static void trailers_are_refused(void **state)
{
    struct scene s;
    struct buffer block;
    (void)state;
    scene_open(&s);
    raw_peer_request(&s.p, 1, "POST", "/echo", 0);
    raw_peer_frame(&s.p, F_DATA, 0, 1, BYTES("abc"));
    buffer_init(&block, 4096);
    raw_field(&block, "x-trailer", BYTES("y"));
    raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS | F_END_STREAM, 1, buffer_bytes(&block));
    assert_true(raw_peer_await(&s.p, &s.f, F_HEADERS, 1, 2000));
    assert_int_equal(s.p.status, 400);
    assert_int_equal(s.f.requests, 0);
    buffer_clear(&block);
    scene_close(&s);
}

static void continue_is_answered(void **state)
{
    struct scene s;
    struct buffer block;
    (void)state;
    scene_open(&s);
    buffer_init(&block, 4096);
    raw_request(&block, "POST", "/echo");
    raw_field(&block, "expect", BYTES("100-continue"));
    raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS, 1, buffer_bytes(&block));
    assert_true(raw_peer_await(&s.p, &s.f, F_HEADERS, 1, 2000));
    assert_int_equal(s.p.status, 100);
    raw_peer_frame(&s.p, F_DATA, F_END_STREAM, 1, BYTES("abc"));
    assert_true(raw_peer_await(&s.p, &s.f, F_DATA, 1, 2000));
    assert_int_equal(s.p.status, 200);
    assert_true(bytes_equal(buffer_bytes(&s.p.data), BYTES("abc")));
    buffer_clear(&block);
    scene_close(&s);
}

static void head_that_never_ends(void **state)
{
    struct scene s;
    struct buffer block;
    (void)state;
    scene_open(&s);
    buffer_init(&block, 4096);
    raw_request(&block, "GET", "/echo");
    raw_peer_frame(&s.p, F_HEADERS, 0, 1, buffer_bytes(&block)); /* no END_HEADERS */
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    buffer_clear(&block);
    scene_close(&s);
}

static void body_that_stalls(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    raw_peer_request(&s.p, 1, "POST", "/echo", 0);
    raw_peer_frame(&s.p, F_DATA, 0, 1, BYTES("abc"));
    raw_peer_request(&s.p, 3, "GET", "/echo", F_END_STREAM); /* others go on */
    assert_true(raw_peer_await(&s.p, &s.f, F_HEADERS, 1, 2000));
    assert_int_equal(s.p.status, 200);
    assert_true(raw_peer_await(&s.p, &s.f, F_RST, 1, 3000));
    assert_int_equal(s.p.status, 408);
    assert_int_equal(s.f.fault, SERVER_FAULT_TIMEOUT);
    assert_false(s.p.is_closed);
    scene_close(&s);
}

static void idle_connection_ends(void **state)
{
    struct fixture f;
    struct raw_peer p;
    (void)state;
    fixture_init(&f);
    fixture_serve(&f, PROTOCOL_HTTP2, &(struct net_limits){ .idle_ms = 300 });
    raw_peer_connect(&p, &f);
    assert_true(raw_peer_await_end(&p, &f, 3000));
    assert_true(p.has_goaway);
    assert_int_equal(p.goaway_code, NGHTTP2_NO_ERROR);
    raw_peer_close(&p);
    fixture_clear(&f);
}

static void garbage(void **state)
{
    static const struct bytes junk[] = { { (const uint8_t *)"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 },
                                         { (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 28 } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(junk); i++) {
        struct scene s;
        scene_open(&s);
        raw_peer_close(&s.p);
        raw_peer_connect(&s.p, &s.f);
        raw_peer_frame(&s.p, F_HEADERS, F_END_HEADERS, 1, junk[i]); /* no HPACK */
        assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
        scene_close(&s);
    }
}

static void streams_over_the_limit(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    for (uint32_t i = 0; i < 20; i++) {
        raw_peer_request(&s.p, 1 + 2 * i, "GET", "/hold", F_END_STREAM);
    }
    assert_true(raw_peer_await(&s.p, &s.f, F_RST, 4, 3000));
    assert_int_equal(s.p.rst_code, NGHTTP2_REFUSED_STREAM);
    assert_int_equal(s.f.held_count, 16);
    assert_int_equal(server_request_count(s.f.server), 16);
    raw_peer_frame(&s.p, F_SETTINGS, F_ACK, 0, BYTES_NONE); /* now it knows the limit */
    raw_peer_request(&s.p, 101, "GET", "/hold", F_END_STREAM);
    assert_true(raw_peer_await_end(&s.p, &s.f, 3000));
    assert_int_equal(s.p.goaway_code, NGHTTP2_PROTOCOL_ERROR);
    scene_close(&s);
}

/* Windows are opened wide and nothing is read: the server holds no more than its buffer, and then ends it. */
static void reader_that_takes_nothing(void **state)
{
    struct scene s;
    (void)state;
    fixture_init(&s.f);
    fixture_serve(&s.f, PROTOCOL_HTTP2, &limits);
    raw_peer_connect(&s.p, &s.f);
    raw_peer_frame(&s.p, F_SETTINGS, 0, 0, BYTES("\0\4\x7f\xff\xff\xff"));
    raw_peer_frame(&s.p, F_WINDOW, 0, 0, BYTES("\x7f\xfe\xff\xff"));
    raw_peer_request(&s.p, 1, "GET", "/size/33554432", F_END_STREAM);
    for (int i = 0; i < 40 && server_connection_count(s.f.server) > 0; i++) {
        fixture_run_for(&s.f, 100);
    }
    assert_int_equal(server_connection_count(s.f.server), 0);
    scene_close(&s);
}

static void gone_while_held(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s);
    raw_peer_request(&s.p, 1, "GET", "/hold", F_END_STREAM);
    raw_peer_request(&s.p, 3, "GET", "/hold", F_END_STREAM);
    raw_peer_run(&s.p, &s.f, 50);
    assert_int_equal(s.f.held_count, 2);
    assert_false(s.f.held[0]->is_gone);
    raw_peer_frame(&s.p, F_RST, 0, 1, BYTES("\0\0\0\10"));
    raw_peer_run(&s.p, &s.f, 50);
    assert_true(s.f.held[0]->is_gone);
    assert_false(s.f.held[1]->is_gone);
    fixture_answer(s.f.held[0], 200, body_filled(1000));
    s.f.held[0] = s.f.held[1];
    s.f.held_count = 1;
    assert_int_equal(server_request_count(s.f.server), 1);
    raw_peer_close(&s.p);
    raw_peer_connect(&s.p, &s.f);
    fixture_run_for(&s.f, 50);
    assert_true(s.f.held[0]->is_gone);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_end_the_connection),
        cmocka_unit_test(rapid_reset),
        cmocka_unit_test(made_you_reset),
        cmocka_unit_test(continuation_flood),
        cmocka_unit_test(hpack_bomb),
        cmocka_unit_test(bad_heads_are_refused),
        cmocka_unit_test(body_over_the_limit),
        cmocka_unit_test(trailers_are_refused),
        cmocka_unit_test(continue_is_answered),
        cmocka_unit_test(head_that_never_ends),
        cmocka_unit_test(body_that_stalls),
        cmocka_unit_test(idle_connection_ends),
        cmocka_unit_test(garbage),
        cmocka_unit_test(streams_over_the_limit),
        cmocka_unit_test(reader_that_takes_nothing),
        cmocka_unit_test(gone_while_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
