/* HTTP/2 peers that ask, and then let nothing come (or take nothing): what waits for them does not wait for ever. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/time.h"
#include "http2_raw.h"

enum { STALL_MS = 600, IDLE_MS = 1500, ANSWER_SIZE = 200000, FIRST_WINDOW = 65535 };
static const struct net_limits limits = {
    .streams_max = 120, .idle_ms = IDLE_MS, .head_ms = 400, .body_stall_ms = 400, .write_stall_ms = STALL_MS, .floods_max = 1000
};

#define SHUT BYTES("\0\4\0\0\0\0")         /* SETTINGS_INITIAL_WINDOW_SIZE = 0 */
#define WIDE BYTES("\0\4\x7f\xff\xff\xff") /* the largest */

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* ---- Answers that wait for the client ---- */

static void scene_open_with(struct fixture *f, struct raw_peer *p, struct bytes settings, const struct net_limits *wanted)
{
    fixture_init(f);
    fixture_serve(f, PROTOCOL_HTTP2, wanted);
    raw_peer_connect(p, f);
    raw_peer_frame(p, F_SETTINGS, 0, 0, settings);
    fixture_run_for(f, 20);
}

static void scene_open(struct fixture *f, struct raw_peer *p, struct bytes settings)
{
    scene_open_with(f, p, settings, &limits);
}

static void scene_close(struct fixture *f, struct raw_peer *p)
{
    raw_peer_close(p);
    fixture_run_for(f, 50);
    assert_int_equal(server_connection_count(f->server), 0);
    fixture_clear(f);
}

/* The attack of the review: many answers, spooled to files, of which the peer lets no byte come. */
static void shut_streams_are_reset(void **state)
{
    enum { COUNT = 100, LONG_STALL_MS = 3000 }; /* all are held before the first is late, under a sanitizer, too */
    struct net_limits patient = limits;
    struct fixture f;
    struct raw_peer p;
    (void)state;
    patient.write_stall_ms = LONG_STALL_MS;
    scene_open_with(&f, &p, SHUT, &patient);
    size_t files = open_files();
    uint64_t began = time_monotonic_us();
    for (uint32_t i = 0; i < COUNT; i++) {
        raw_peer_request(&p, 1 + 2 * i, "GET", "/size/200000", F_END_STREAM);
    }
    assert_true(raw_peer_await(&p, &f, F_HEADERS, COUNT, 10000));
    assert_true(open_files() >= files + COUNT);
    assert_true(raw_peer_await(&p, &f, F_RST, COUNT, 4 * LONG_STALL_MS));
    assert_true(time_monotonic_us() - began >= LONG_STALL_MS * 1000);
    assert_int_equal(p.rst_code, NGHTTP2_CANCEL);
    assert_int_equal(p.data_bytes, 0);
    assert_int_equal(open_files(), files);
    assert_int_equal(f.requests, COUNT);
    /* the connection goes on, and ends when it is idle */
    raw_peer_request(&p, 1001, "GET", "/echo", F_END_STREAM);
    assert_true(raw_peer_await(&p, &f, F_HEADERS, COUNT + 1, 2000));
    assert_true(raw_peer_await_end(&p, &f, 2 * IDLE_MS));
    assert_int_equal(p.counts[F_RST], COUNT);
    assert_int_equal(p.goaway_code, NGHTTP2_NO_ERROR);
    scene_close(&f, &p);
}

/* Streams are wide open; what they share is used up. */
static void shut_connection_resets_its_streams(void **state)
{
    struct fixture f;
    struct raw_peer p;
    (void)state;
    scene_open(&f, &p, WIDE);
    size_t files = open_files();
    raw_peer_request(&p, 1, "GET", "/size/200000", F_END_STREAM);
    raw_peer_request(&p, 3, "GET", "/size/200000", F_END_STREAM);
    assert_true(raw_peer_await(&p, &f, F_RST, 2, 5000));
    assert_int_equal(p.rst_code, NGHTTP2_CANCEL);
    assert_int_equal(p.data_bytes, FIRST_WINDOW);
    assert_int_equal(open_files(), files);
    assert_false(p.is_closed);
    scene_close(&f, &p);
}

/* Only the stream that stands still: another one moves by little steps, but by more than a byte a millisecond, for longer than any limit,
 * and is brought to its end. */
static void moving_stream_goes_on(void **state)
{
    struct fixture f;
    struct raw_peer p;
    (void)state;
    scene_open(&f, &p, SHUT);
    raw_peer_request(&p, 1, "GET", "/size/200000", F_END_STREAM);
    raw_peer_request(&p, 3, "GET", "/size/200000", F_END_STREAM);
    for (unsigned gone = 0; gone < 4 * STALL_MS; gone += STALL_MS / 3) {
        raw_peer_open_window(&p, 3, 2 * STALL_MS / 3);
        raw_peer_run(&p, &f, STALL_MS / 3);
    }
    assert_int_equal(p.counts[F_RST], 1);
    assert_int_equal(p.data_bytes, 8 * STALL_MS);
    raw_peer_open_window(&p, 3, ANSWER_SIZE);
    raw_peer_open_window(&p, 0, ANSWER_SIZE);
    for (unsigned gone = 0; gone < 3000 && p.data_bytes < ANSWER_SIZE; gone += 20) {
        raw_peer_run(&p, &f, 20);
    }
    assert_int_equal(p.data_bytes, ANSWER_SIZE);
    assert_int_equal(p.counts[F_RST], 1);
    scene_close(&f, &p);
}

/* A byte at a time would hold an answer and its file for days: it is given the time that it pays for, and the limit. */
static void crawling_stream_is_reset(void **state)
{
    enum { STEP_MS = 50 };
    struct fixture f;
    struct raw_peer p;
    (void)state;
    scene_open(&f, &p, SHUT);
    size_t files = open_files();
    raw_peer_request(&p, 1, "GET", "/size/200000", F_END_STREAM);
    assert_true(raw_peer_await(&p, &f, F_HEADERS, 1, 2000));
    uint64_t began = time_monotonic_us();
    for (unsigned gone = 0; gone < 6 * STALL_MS && p.counts[F_RST] == 0; gone += STEP_MS) {
        raw_peer_open_window(&p, 1, 1);
        raw_peer_run(&p, &f, STEP_MS);
    }
    uint64_t took_ms = (time_monotonic_us() - began) / 1000;
    assert_int_equal(p.counts[F_RST], 1);
    assert_int_equal(p.rst_code, NGHTTP2_CANCEL);
    assert_true(p.data_bytes > 0 && p.data_bytes < 6 * STALL_MS / STEP_MS);
    assert_true(took_ms >= STALL_MS / 2 && took_ms < 4 * STALL_MS);
    assert_int_equal(open_files(), files);
    scene_close(&f, &p);
}

/* Answers without content wait for no window: HEAD, 204. */
static void nothing_to_send_is_no_stall(void **state)
{
    struct fixture f;
    struct raw_peer p;
    (void)state;
    scene_open(&f, &p, SHUT);
    size_t files = open_files();
    raw_peer_request(&p, 1, "HEAD", "/size/200000", F_END_STREAM);
    raw_peer_request(&p, 3, "GET", "/hold", F_END_STREAM);
    fixture_await_held(&f, 1);
    fixture_answer(f.held[0], 204, body_filled(ANSWER_SIZE));
    f.held_count = 0;
    assert_true(raw_peer_await(&p, &f, F_HEADERS, 2, 2000));
    assert_int_equal(open_files(), files);
    raw_peer_run(&p, &f, 2 * STALL_MS);
    assert_int_equal(p.counts[F_RST], 0);
    scene_close(&f, &p);
}

/* The idle time is looked at while the handler works; the connection is idle only after that. */
static void idle_after_a_long_request(void **state)
{
    struct fixture f;
    struct raw_peer p;
    (void)state;
    scene_open(&f, &p, SHUT);
    raw_peer_request(&p, 1, "GET", "/hold", F_END_STREAM);
    fixture_await_held(&f, 1);
    raw_peer_run(&p, &f, IDLE_MS + 300);
    fixture_answer(f.held[0], 200, NULL);
    f.held_count = 0;
    uint64_t began = time_monotonic_us();
    assert_true(raw_peer_await_end(&p, &f, 3 * IDLE_MS));
    assert_true(time_monotonic_us() - began >= (IDLE_MS - 50) * 1000);
    assert_int_equal(p.goaway_code, NGHTTP2_NO_ERROR);
    scene_close(&f, &p);
}

/* ---- Requests that wait for the server ---- */

static void client_open(struct fixture *f, struct raw_peer *p, int *listening, struct outcome *out, struct body *body,
                        struct bytes settings)
{
    fixture_init(f);
    *listening = raw_peer_listen(f);
    fixture_connect(f, &limits);
    fixture_call(f, out, "POST", "/", body);
    raw_peer_accept(p, f, *listening, settings);
}

static void client_close(struct fixture *f, struct raw_peer *p, int listening, struct outcome *out, struct body *body)
{
    outcome_clear(out);
    body_free(body);
    raw_peer_close(p);
    (void)close(listening);
    fixture_clear(f);
}

static void check_not_taken(const struct outcome *out)
{
    assert_int_equal(out->failure, CLIENT_FAILURE_TIMEOUT);
    assert_int_equal(out->times, 1);
    assert_non_null(strstr(out->error.what, "request's body"));
}

/* Not even by heads that say that an answer will come. */
static void shut_server_fails_the_call(void **state)
{
    struct fixture f;
    struct raw_peer p;
    struct outcome out, second;
    int listening;
    (void)state;
    struct body *body = body_filled(ANSWER_SIZE);
    client_open(&f, &p, &listening, &out, body, SHUT);
    assert_true(raw_peer_await(&p, &f, F_HEADERS, 1, 2000));
    size_t already = p.data_bytes; /* what was sent before our SETTINGS came: the window was 65,535 then */
    uint64_t began = time_monotonic_us();
    for (unsigned gone = 0; gone < 4 * STALL_MS && !out.is_done; gone += STALL_MS / 4) {
        raw_peer_frame(&p, F_HEADERS, F_END_HEADERS, 1,
                       BYTES("\x48\x03"
                             "100")); /* :status 100 */
        raw_peer_run(&p, &f, STALL_MS / 4);
    }
    assert_true(out.is_done);
    check_not_taken(&out);
    uint64_t took_ms = (time_monotonic_us() - began) / 1000;
    assert_true(took_ms >= STALL_MS / 2 && took_ms <= 3 * STALL_MS);
    assert_true(raw_peer_await(&p, &f, F_RST, 1, 2000));
    assert_int_equal(p.rst_code, NGHTTP2_CANCEL);
    assert_true(p.data_bytes >= already && p.data_bytes <= FIRST_WINDOW);
    if (p.data_bytes < FIRST_WINDOW) { /* only the stream was shut: the connection serves on */
        fixture_call(&f, &second, "GET", "/", NULL);
        assert_true(raw_peer_await(&p, &f, F_HEADERS, 2, 2000));
    }
    client_close(&f, &p, listening, &out, body);
}

static void crawling_server_fails_the_call(void **state)
{
    enum { STEP_MS = 50 };
    struct fixture f;
    struct raw_peer p;
    struct outcome out;
    int listening;
    (void)state;
    struct body *body = body_filled(ANSWER_SIZE);
    client_open(&f, &p, &listening, &out, body, BYTES_NONE);
    assert_true(raw_peer_await(&p, &f, F_HEADERS, 1, 2000));
    for (unsigned gone = 0; gone < 6 * STALL_MS && !out.is_done; gone += STEP_MS) {
        raw_peer_open_window(&p, 1, 1);
        raw_peer_open_window(&p, 0, 1);
        raw_peer_run(&p, &f, STEP_MS);
    }
    assert_true(out.is_done);
    check_not_taken(&out);
    client_close(&f, &p, listening, &out, body);
}

/* The window that all calls share: they fail, and new ones go elsewhere. */
static void shut_connection_takes_no_more_calls(void **state)
{
    struct fixture f;
    struct raw_peer p, next;
    struct outcome out, second;
    int listening;
    (void)state;
    struct body *body = body_filled(ANSWER_SIZE);
    client_open(&f, &p, &listening, &out, body, WIDE);
    fixture_run_until(&f, &out.is_done, 5000);
    check_not_taken(&out);
    fixture_call(&f, &second, "POST", "/", body);
    raw_peer_accept(&next, &f, listening, WIDE);
    raw_peer_open_window(&next, 0, ANSWER_SIZE);
    for (unsigned gone = 0; gone < 3000 && next.data_bytes < ANSWER_SIZE; gone += 20) {
        raw_peer_run(&next, &f, 20);
    }
    raw_peer_frame(&next, F_HEADERS, F_END_HEADERS | F_END_STREAM, 1, BYTES("\x88")); /* :status 200 */
    fixture_run_until(&f, &second.is_done, 2000);
    assert_int_equal(second.failure, CLIENT_FAILURE_NONE);
    outcome_clear(&second);
    raw_peer_close(&next);
    client_close(&f, &p, listening, &out, body);
}

/* Little by little is no stall; nor is a server that answers before it takes the rest. */
static void moving_request_goes_on(void **state)
{
    struct fixture f;
    struct raw_peer p;
    struct outcome out;
    int listening;
    (void)state;
    struct body *body = body_filled(ANSWER_SIZE);
    client_open(&f, &p, &listening, &out, body, BYTES_NONE);
    for (unsigned gone = 0; gone < 3 * STALL_MS; gone += STALL_MS / 3) {
        raw_peer_open_window(&p, 1, 2 * STALL_MS / 3);
        raw_peer_open_window(&p, 0, 2 * STALL_MS / 3);
        raw_peer_run(&p, &f, STALL_MS / 3);
    }
    assert_false(out.is_done);
    assert_true(p.data_bytes >= FIRST_WINDOW + 5 * STALL_MS);
    raw_peer_frame(&p, F_HEADERS, F_END_HEADERS, 1, BYTES("\x88")); /* :status 200 */
    raw_peer_run(&p, &f, 2 * STALL_MS);
    assert_false(out.is_done);
    raw_peer_frame(&p, F_DATA, F_END_STREAM, 1, BYTES("done"));
    fixture_run_until(&f, &out.is_done, 2000);
    assert_int_equal(out.failure, CLIENT_FAILURE_NONE);
    assert_int_equal(body_size(out.answer->body), 4);
    client_close(&f, &p, listening, &out, body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shut_streams_are_reset),
        cmocka_unit_test(shut_connection_resets_its_streams),
        cmocka_unit_test(moving_stream_goes_on),
        cmocka_unit_test(crawling_stream_is_reset),
        cmocka_unit_test(nothing_to_send_is_no_stall),
        cmocka_unit_test(idle_after_a_long_request),
        cmocka_unit_test(shut_server_fails_the_call),
        cmocka_unit_test(crawling_server_fails_the_call),
        cmocka_unit_test(shut_connection_takes_no_more_calls),
        cmocka_unit_test(moving_request_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
