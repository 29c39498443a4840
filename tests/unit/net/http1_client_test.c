/* The HTTP/1.1 client against servers that say, byte for byte, what a script holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <time.h>

#include "net/client.h"
#include "raw.h"
#include "script.h"

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* ---- The client: one loop, one call after the other ---- */

struct caller {
    uv_loop_t loop;
    struct client *client;
    struct client_answer *answer;
    enum client_failure failure;
    struct error error;
    bool is_done;
};

static void caller_begin(struct caller *c, const struct net_limits *limits)
{
    struct error e = { 0 };
    *c = (struct caller){ 0 };
    assert_int_equal(uv_loop_init(&c->loop), 0);
    assert_true(client_make(&c->client, &c->loop, limits, &e));
}

static void caller_end(struct caller *c)
{
    client_answer_free(c->answer);
    client_stop(c->client, NULL, NULL);
    assert_int_equal(uv_run(&c->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&c->loop), 0);
}

static void done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct caller *c = context;
    assert_false(c->is_done);
    assert_true((answer == NULL) == (failure != CLIENT_FAILURE_NONE));
    c->is_done = true;
    c->answer = answer;
    c->failure = failure;
    if (e != NULL) {
        c->error = *e;
    }
}

static struct client_call *begin(struct caller *c, const struct script *s, const struct client_request *request)
{
    char text[32];
    struct error e = { 0 };
    struct client_call *call = NULL;
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", s->port);
    const struct bytes address = bytes_of_text(text);
    const struct client_target target = { .protocol = PROTOCOL_HTTP1, .addresses = &address, .address_count = 1 };
    client_answer_free(c->answer);
    c->answer = NULL;
    c->is_done = false;
    c->failure = CLIENT_FAILURE_NONE;
    if (!client_call(&call, c->client, &target, request, done, c, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return call;
}

static void call(struct caller *c, const struct script *s, const struct client_request *request)
{
    (void)begin(c, s, request);
    while (!c->is_done) {
        (void)uv_run(&c->loop, UV_RUN_ONCE);
    }
}

static const struct client_request get = { .method = { (const uint8_t *)"GET", 3 },
                                           .target = { (const uint8_t *)"/a?b=%20", 8 },
                                           .authority = { (const uint8_t *)"a.example", 9 },
                                           .read_stall_ms = 10000 };

/* ---- Answers ---- */

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CONTINUE_17                                                                                                                        \
    CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE \
        CONTINUE CONTINUE

static const struct {
    const char *name;
    struct bytes answer;
    enum finish finish;
    enum client_failure failure;
    unsigned status;
    const char *body;
} answers[] = {
    { "length", BYTES(OK_HEAD "Content-Length: 5\r\n\r\nhello"), KEEP, 0, 200, "hello" },
    { "length zero", BYTES(OK_HEAD "Content-Length: 0\r\n\r\n"), KEEP, 0, 200, "" },
    { "chunked", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), KEEP, 0, 200, "hello" },
    { "trailers", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n"), KEEP, 0, 200, "a" },
    { "until close", BYTES(OK_HEAD "\r\nhello"), CLOSE, 0, 200, "hello" },
    { "until close, empty", BYTES(OK_HEAD "\r\n"), CLOSE, 0, 200, "" },
    { "1.0 until close", BYTES("HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello"), CLOSE, 0, 200, "hello" },
    { "1.0 with length", BYTES("HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), CLOSE, 0, 404, "no" },
    { "no content", BYTES("HTTP/1.1 204 No Content\r\n\r\n"), KEEP, 0, 204, "" },
    { "not modified with a length", BYTES("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), KEEP, 0, 304, "" },
    { "no reason", BYTES("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na"), KEEP, 0, 200, "a" },
    { "empty reason", BYTES("HTTP/1.1 500 \r\nContent-Length: 1\r\n\r\na"), KEEP, 0, 500, "a" },
    { "status of its own", BYTES("HTTP/1.1 599 Mine\r\nContent-Length: 1\r\n\r\na"), KEEP, 0, 599, "a" },
    { "continue first", BYTES(CONTINUE OK_HEAD "Content-Length: 1\r\n\r\na"), KEEP, 0, 200, "a" },
    { "hints first", BYTES("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" CONTINUE OK_HEAD "Content-Length: 1\r\n\r\na"), KEEP, 0, 200,
      "a" },
    { "more behind it", BYTES(OK_HEAD "Content-Length: 1\r\n\r\nab"), KEEP, 0, 200, "a" },
    { "another behind it", BYTES(OK_HEAD "Content-Length: 1\r\n\r\na" OK_HEAD "Content-Length: 1\r\n\r\nb"), KEEP, 0, 200, "a" },

    { "garbage", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "binary", BYTES("\x15\x03\x03\0\x02\x02\x46"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "0.9", BYTES("<html>\r\nhello</html>\r\n"), CLOSE, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "2.0", BYTES("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "1.2", BYTES("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "four digits", BYTES("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "two digits", BYTES("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "status 600", BYTES("HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "status 099", BYTES("HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "two spaces", BYTES("HTTP/1.1  200 X\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "empty line first", BYTES("\r\n" OK_HEAD "Content-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "bare LF", BYTES("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "folded", BYTES(OK_HEAD "X: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "NUL", BYTES(OK_HEAD "X: \0\r\nContent-Length: 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "space before colon", BYTES(OK_HEAD "Content-Length : 0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "two lengths", BYTES(OK_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "two equal lengths", BYTES(OK_HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "length and coding", BYTES(OK_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL,
      0, NULL },
    { "coding gzip", BYTES(OK_HEAD "Transfer-Encoding: gzip\r\n\r\na"), CLOSE, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "coding gzip, chunked", BYTES(OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "chunk junk", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "chunk overrun", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "switching", BYTES("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },
    { "continue without end", BYTES(CONTINUE_17), KEEP, CLIENT_FAILURE_PROTOCOL, 0, NULL },

    { "length over the limit", BYTES(OK_HEAD "Content-Length: 1001\r\n\r\n"), KEEP, CLIENT_FAILURE_TOO_LARGE, 0, NULL },
    { "chunk over the limit", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), KEEP, CLIENT_FAILURE_TOO_LARGE, 0, NULL },

    { "nothing", BYTES(""), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
    { "half a head", BYTES("HTTP/1.1 200 OK\r\nContent-"), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
    { "half a body", BYTES(OK_HEAD "Content-Length: 5\r\n\r\nhel"), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
    { "half a chunk", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
    { "no last chunk", BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
    { "only continue", BYTES(CONTINUE), CLOSE, CLIENT_FAILURE_BROKEN, 0, NULL },
};

static void check_answer(size_t i, size_t piece)
{
    struct script s;
    struct caller c;
    struct bytes view = BYTES_NONE;
    const struct exchange x = { .answer = answers[i].answer, .finish = answers[i].finish, .piece = piece, .wait_ms = piece == 1 ? 0 : 20 };
    script_start(&s, &x, 1);
    caller_begin(&c, &(struct net_limits){ 0 });
    struct client_request request = get;
    request.answer_bytes_max = 1000;
    call(&c, &s, &request);
    if (c.failure != answers[i].failure || (c.answer != NULL && c.answer->status != answers[i].status)) {
        fail_msg("%s: failure %d (%s), status %u", answers[i].name, c.failure, c.error.what, c.answer != NULL ? c.answer->status : 0);
    }
    if (c.answer != NULL && (!body_view(c.answer->body, &view) || !bytes_equal(view, bytes_of_text(answers[i].body)))) {
        fail_msg("%s: body %.*s", answers[i].name, BYTES_FMT(view));
    }
    if (c.failure != CLIENT_FAILURE_NONE && c.error.what[0] == '\0') {
        fail_msg("%s: no reason", answers[i].name);
    }
    caller_end(&c);
    script_end(&s);
}

static void each_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        check_answer(i, 0);
        check_answer(i, 1);
    }
}

static void request_as_it_goes_out(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES(OK_HEAD "Content-Length: 0\r\n\r\n") },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 0\r\n\r\n"), .body_bytes = 2 },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 0\r\n\r\n") },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 77\r\n\r\n") } };
    const struct field fields[] = { { BYTES("X-Road-client"), BYTES("a/b") }, { BYTES("x-empty"), BYTES("") } };
    struct script s;
    struct caller c;
    script_start(&s, x, COUNT_OF(x));
    caller_begin(&c, &(struct net_limits){ 0 });
    struct client_request request = get;
    request.fields = fields;
    request.field_count = COUNT_OF(fields);
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    request.method = BYTES("DELETE");
    request.body = body_of(BYTES("ab"));
    request.field_count = 0;
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    body_free(request.body);
    request.body = NULL;
    request.method = BYTES("POST");
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    request.method = BYTES("HEAD");
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    assert_int_equal(body_size(c.answer->body), 0);
    assert_non_null(fields_find(&c.answer->fields, BYTES("content-length")));
    caller_end(&c);
    script_wait(&s);
    assert_int_equal(s.connections, 1);
    assert_true(
        bytes_equal(buffer_bytes(&s.requests), BYTES("GET /a?b=%20 HTTP/1.1\r\nHost: a.example\r\nX-Road-client: a/b\r\nx-empty: \r\n\r\n"
                                                     "DELETE /a?b=%20 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n"
                                                     "POST /a?b=%20 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n"
                                                     "HEAD /a?b=%20 HTTP/1.1\r\nHost: a.example\r\n\r\n")));
    script_end(&s);
}

/* Never on the same connection after an answer that leaves it in doubt. */
static void reuse_only_when_clean(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct exchange first;
        size_t connections;
    } row[] = {
        { "clean", { .answer = BYTES(OK_HEAD "Content-Length: 1\r\n\r\na"), .finish = KEEP }, 1 },
        { "clean chunks", { .answer = BYTES(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), .finish = KEEP }, 1 },
        { "close", { .answer = BYTES(OK_HEAD "Connection: x, close\r\nContent-Length: 1\r\n\r\na"), .finish = LEAVE }, 2 },
        { "1.0", { .answer = BYTES("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"), .finish = LEAVE }, 2 },
        { "bytes behind it",
          { .answer = BYTES(OK_HEAD "Content-Length: 1\r\n\r\na" OK_HEAD "Content-Length: 6\r\n\r\nforged"),
            .finish = LEAVE,
            .wait_ms = 100 },
          2 },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const struct exchange x[] = { row[i].first, { .answer = BYTES(OK_HEAD "Content-Length: 4\r\n\r\ntrue") } };
        struct script s;
        struct caller c;
        struct bytes view = BYTES_NONE;
        script_start(&s, x, COUNT_OF(x));
        caller_begin(&c, &(struct net_limits){ 0 });
        call(&c, &s, &get);
        assert_int_equal(c.failure, 0);
        call(&c, &s, &get);
        if (c.failure != 0 || !body_view(c.answer->body, &view) || !bytes_equal(view, BYTES("true"))) {
            fail_msg("%s: failure %d (%s), %.*s", row[i].name, c.failure, c.error.what, BYTES_FMT(view));
        }
        caller_end(&c);
        script_wait(&s);
        if (s.connections != row[i].connections) {
            fail_msg("%s: %zu connections", row[i].name, s.connections);
        }
        script_end(&s);
    }
}

/* An answer that is sent late, on a connection that was given back, is nobody's. */
static void late_bytes_are_nobodys(void **state)
{
    (void)state;
    static const struct exchange x[] = {
        { .answer = BYTES(OK_HEAD "Content-Length: 1\r\n\r\na"), .wait_ms = 100 },
        { .answer = BYTES(OK_HEAD "Content-Length: 6\r\n\r\nforged"), .answers_first = true, .finish = CLOSE, .wait_ms = 200 },
        { .answer = BYTES(OK_HEAD "Content-Length: 4\r\n\r\ntrue") }
    };
    struct script s;
    struct caller c;
    struct bytes view = BYTES_NONE;
    script_start(&s, x, COUNT_OF(x));
    caller_begin(&c, &(struct net_limits){ 0 });
    call(&c, &s, &get);
    assert_int_equal(c.failure, 0);
    for (int i = 0; i < 20; i++) { /* the forged answer comes while nobody waits */
        pause_ms(10);
        (void)uv_run(&c.loop, UV_RUN_NOWAIT);
    }
    call(&c, &s, &get);
    assert_int_equal(c.failure, 0);
    assert_true(body_view(c.answer->body, &view) && bytes_equal(view, BYTES("true")));
    caller_end(&c);
    script_end(&s);
}

static void kept_connection_that_died(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES(OK_HEAD "Content-Length: 1\r\n\r\na") },
                                         { .answer = BYTES(""), .finish = CLOSE }, /* reads the request, and dies */
                                         { .answer = BYTES(OK_HEAD "Content-Length: 1\r\n\r\nb") } };
    for (int is_safe = 0; is_safe < 2; is_safe++) {
        struct script s;
        struct caller c;
        script_start(&s, x, is_safe ? 3 : 2);
        caller_begin(&c, &(struct net_limits){ 0 });
        struct client_request request = get;
        request.method = is_safe ? BYTES("GET") : BYTES("POST");
        call(&c, &s, &request);
        assert_int_equal(c.failure, 0);
        call(&c, &s, &request);
        assert_int_equal(c.failure, is_safe ? CLIENT_FAILURE_NONE : CLIENT_FAILURE_BROKEN); /* a POST is sent at most once */
        caller_end(&c);
        script_end(&s);
    }
}

static void stalls(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES(""), .wait_ms = 600, .finish = CLOSE },
                                         { .answer = BYTES("HTTP/1.1 200 OK\r\nX:"), .wait_ms = 600, .finish = CLOSE },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 5\r\n\r\nhel"), .wait_ms = 600, .finish = CLOSE },
                                         { .answer = BYTES(OK_HEAD "\r\nhel"), .wait_ms = 600, .finish = CLOSE } };
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        struct script s;
        struct caller c;
        script_start(&s, &x[i], 1);
        caller_begin(&c, &(struct net_limits){ 0 });
        struct client_request request = get;
        request.read_stall_ms = 200;
        call(&c, &s, &request);
        assert_int_equal(c.failure, CLIENT_FAILURE_TIMEOUT);
        caller_end(&c);
        script_end(&s);
    }
}

static void reset_midway(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES(OK_HEAD "Content-Length: 5\r\n\r\nhel"), .finish = RESET, .wait_ms = 50 },
                                         { .answer = BYTES(OK_HEAD "\r\nhel"), .finish = RESET, .wait_ms = 50 } };
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        struct script s;
        struct caller c;
        script_start(&s, &x[i], 1);
        caller_begin(&c, &(struct net_limits){ 0 });
        call(&c, &s, &get);
        assert_int_equal(c.failure, CLIENT_FAILURE_BROKEN);
        caller_end(&c);
        script_end(&s);
    }
}

static void heads_over_the_limits(void **state)
{
    (void)state;
    struct buffer b[2];
    for (size_t i = 0; i < COUNT_OF(b); i++) {
        struct script s;
        struct caller c;
        buffer_init(&b[i], 1 << 20);
        buffer_append_text(&b[i], OK_HEAD);
        for (unsigned n = 0; n < 2000; n++) {
            buffer_append_text(&b[i], i == 0 ? "X: y\r\n" : "xxxxxx");
        }
        const struct exchange x = { .answer = buffer_bytes(&b[i]), .wait_ms = 50 };
        script_start(&s, &x, 1);
        caller_begin(&c, &(struct net_limits){ .head_bytes_max = i == 0 ? 0 : 4000 });
        call(&c, &s, &get);
        assert_int_equal(c.failure, CLIENT_FAILURE_PROTOCOL);
        caller_end(&c);
        script_end(&s);
        buffer_clear(&b[i]);
    }
}

static struct body *large(size_t size)
{
    struct body *body = body_make(&(struct body_limits){ 0 }, false);
    assert_non_null(body);
    uint8_t piece[4096];
    for (size_t at = 0; at < size; at += sizeof piece) {
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = (uint8_t)((at + i) * 5 + (at + i) / 251);
        }
        assert_true(body_append(body, bytes_of(piece, sizeof piece), NULL));
    }
    return body;
}

static void large_bodies(void **state)
{
    (void)state;
    enum { TOTAL = 40 << 20 };
    struct script s;
    struct caller c;
    struct buffer b;
    buffer_init(&b, TOTAL + 1000);
    buffer_append_format(&b, OK_HEAD "Content-Length: %d\r\n\r\n", TOTAL);
    struct body *body = large(TOTAL);
    for (size_t at = 0; at < TOTAL;) {
        size_t got = 0;
        uint8_t *room = buffer_room(&b, 65536);
        assert_true(room != NULL && body_read(body, at, room, 65536, &got, NULL));
        buffer_added(&b, got);
        at += got;
    }
    const struct exchange x = { .answer = buffer_bytes(&b), .body_bytes = TOTAL };
    script_start(&s, &x, 1);
    caller_begin(&c, &(struct net_limits){ 0 });
    struct client_request request = get;
    request.method = BYTES("PUT");
    request.body = body;
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    assert_int_equal(body_size(c.answer->body), TOTAL);
    assert_memory_equal(body_sha256(c.answer->body), body_sha256(body), SHA256_SIZE);
    script_wait(&s);
    assert_memory_equal(s.sha256, body_sha256(body), SHA256_SIZE);
    caller_end(&c);
    body_free(body);
    script_end(&s);
    buffer_clear(&b);
}

/* A service that answers without reading the request: the answer counts, the connection doesn't. */
static void early_answer(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"),
                                           .finish = LEAVE },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 4\r\n\r\ntrue") } };
    struct script s;
    struct caller c;
    script_start(&s, x, COUNT_OF(x));
    caller_begin(&c, &(struct net_limits){ 0 });
    struct client_request request = get;
    request.method = BYTES("PUT");
    request.body = large(40 << 20);
    call(&c, &s, &request);
    assert_int_equal(c.failure, 0);
    assert_int_equal(c.answer->status, 413);
    body_free(request.body);
    call(&c, &s, &get);
    assert_int_equal(c.failure, 0);
    assert_int_equal(c.answer->status, 200);
    caller_end(&c);
    script_wait(&s);
    assert_int_equal(s.connections, 2);
    script_end(&s);
}

static void answer_that_cannot_be_stored(void **state)
{
    (void)state;
    static const struct exchange x = { .answer = BYTES(OK_HEAD "Content-Length: 6\r\n\r\n123456") };
    struct script s;
    struct caller c;
    script_start(&s, &x, 1);
    caller_begin(&c, &(struct net_limits){ .body = { .memory_bytes = 2, .spool_folder = "/nonexistent" } });
    call(&c, &s, &get);
    assert_int_equal(c.failure, CLIENT_FAILURE_STORAGE);
    caller_end(&c);
    script_end(&s);
}

/* Bytes that would make another request of a part of this one don't go out. */
static void requests_cannot_be_split(void **state)
{
    (void)state;
    const struct field fields[] = { { BYTES("X"), BYTES("1\r\nY: 2") }, { BYTES("X: 1\r\nY"), BYTES("2") } };
    struct client_request row[4] = { get, get, get, get };
    row[0].fields = &fields[0];
    row[0].field_count = 1;
    row[1].fields = &fields[1];
    row[1].field_count = 1;
    row[2].target = BYTES("/ HTTP/1.1\r\nX: y");
    row[3].authority = BYTES("a\r\nX: y");
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        static const struct exchange x = { .answer = BYTES("") };
        struct script s;
        struct caller c;
        script_start(&s, &x, 1);
        caller_begin(&c, &(struct net_limits){ 0 });
        call(&c, &s, &row[i]);
        assert_int_equal(c.failure, CLIENT_FAILURE_PROTOCOL);
        caller_end(&c);
        script_wait(&s);
        assert_int_equal(s.requests.size, 0);
        script_end(&s);
    }
}

static void cancelled_midway(void **state)
{
    (void)state;
    static const struct exchange x[] = { { .answer = BYTES(OK_HEAD "Content-Length: 5\r\n\r\nhel"), .wait_ms = 200, .finish = CLOSE },
                                         { .answer = BYTES(OK_HEAD "Content-Length: 4\r\n\r\ntrue") } };
    struct script s;
    struct caller c;
    script_start(&s, x, COUNT_OF(x));
    caller_begin(&c, &(struct net_limits){ 0 });
    struct client_call *cancelled = begin(&c, &s, &get);
    for (int i = 0; i < 10; i++) {
        pause_ms(10);
        (void)uv_run(&c.loop, UV_RUN_NOWAIT);
    }
    client_cancel(cancelled);
    assert_false(c.is_done);
    call(&c, &s, &get);
    assert_int_equal(c.failure, 0);
    caller_end(&c);
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer),
        cmocka_unit_test(request_as_it_goes_out),
        cmocka_unit_test(reuse_only_when_clean),
        cmocka_unit_test(late_bytes_are_nobodys),
        cmocka_unit_test(kept_connection_that_died),
        cmocka_unit_test(stalls),
        cmocka_unit_test(reset_midway),
        cmocka_unit_test(heads_over_the_limits),
        cmocka_unit_test(large_bodies),
        cmocka_unit_test(early_answer),
        cmocka_unit_test(answer_that_cannot_be_stored),
        cmocka_unit_test(requests_cannot_be_split),
        cmocka_unit_test(cancelled_midway),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
