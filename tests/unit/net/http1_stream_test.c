/* Streamed answers over real sockets: chunks, readers that leave or are slow, drain and stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "raw.h"
#include "test_server.h"

static void pause_ms(long ms)
{
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&time, NULL);
}

/* On the test's thread, until the loop's has counted so far. */
static void await(const atomic_uint *counter, unsigned count)
{
    for (int i = 0; *counter < count; i++) {
        if (i == RAW_WAIT_MS / 5) {
            fail_msg("%u of %u after %d ms", *counter, count, RAW_WAIT_MS);
        }
        pause_ms(5);
    }
}

static int ask(struct test_server *t, const char *head)
{
    int fd = raw_connect(t->port);
    assert_true(raw_send_text(fd, head));
    return fd;
}

static bool has(const struct buffer *in, const char *text)
{
    return raw_find(buffer_bytes(in), bytes_of_text(text)) != SIZE_MAX;
}

static void pieces_come_as_chunks(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    int fd = ask(&t, "GET /stream?0 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read_until(fd, &in, BYTES("\r\n\r\n")));
    assert_true(has(&in, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(&in, "Transfer-Encoding: chunked\r\n"));
    assert_true(has(&in, "Content-Type: text/event-stream\r\n"));
    assert_false(has(&in, "Content-Length"));
    /* It is no request under way: a drain need not wait for it. */
    test_server_count(&t);
    assert_int_equal(t.unanswered, 0);
    assert_int_equal(t.connections, 1);
    in.size = 0;
    test_server_write(&t, 5);
    assert_true(raw_read_until(fd, &in, BYTES("5\r\nxxxxx\r\n")));
    in.size = 0;
    test_server_write(&t, 20);
    assert_true(raw_read_until(fd, &in, BYTES("14\r\nxxxxxxxxxxxxxxxxxxxx\r\n")));
    in.size = 0;
    test_server_write(&t, 0);
    assert_true(raw_read_until(fd, &in, BYTES("0\r\n\r\n")));
    assert_int_equal(t.streams_ended, 0); /* it was finished */
    /* The connection takes the next request. */
    in.size = 0;
    assert_true(raw_send_text(fd, "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(raw_read_to_end(fd, &in));
    assert_true(has(&in, "\r\n\r\n/next"));
    raw_close(fd);
    test_server_stop(&t);
    buffer_clear(&in);
}

/* Finished inside the handler, with a request behind it that was sent at the same time. */
static void finished_at_once_and_pipelined(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    int fd = ask(&t, "GET /stream?3 HTTP/1.1\r\nHost: a\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(raw_read_to_end(fd, &in));
    assert_true(has(&in, "\r\n\r\n3\r\nxxx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_true(has(&in, "\r\n\r\n/behind"));
    raw_close(fd);
    test_server_stop(&t);
    buffer_clear(&in);
}

/* HTTP/1.0 knows no chunks: its end is the connection's. HEAD gets the head alone, with a length. */
static void old_readers_and_heads(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    int fd = ask(&t, "GET /stream?4 HTTP/1.0\r\n\r\n");
    assert_true(raw_read_to_end(fd, &in));
    assert_true(has(&in, "Connection: close\r\n"));
    assert_true(has(&in, "\r\n\r\nxxxx"));
    assert_false(has(&in, "Transfer-Encoding"));
    raw_close(fd);
    in.size = 0;
    fd = ask(&t, "HEAD /stream?4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(raw_read_to_end(fd, &in));
    assert_true(bytes_end_with(buffer_bytes(&in), BYTES("\r\n\r\n")));
    assert_false(has(&in, "Transfer-Encoding"));
    assert_int_equal(t.streams, 1); /* the second never was one */
    raw_close(fd);
    test_server_stop(&t);
    buffer_clear(&in);
}

static void a_reader_that_leaves_ends_it(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    for (unsigned i = 0; i < 3; i++) {
        in.size = 0;
        int fd = ask(&t, "GET /stream?0 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(raw_read_until(fd, &in, BYTES("\r\n\r\n")));
        if (i == 0) {
            raw_reset(fd);
        } else if (i == 1) {
            raw_close(fd);
        } else {
            raw_end(fd); /* half closed: who says nothing more gets nothing more, either */
        }
        await(&t.streams_ended, i + 1);
        test_server_write(&t, 10); /* nobody is there: nothing happens */
        if (i == 2) {
            raw_close(fd);
        }
    }
    test_server_count(&t);
    assert_int_equal(t.connections, 0);
    test_server_stop(&t);
    buffer_clear(&in);
}

/* What one slow reader can hold is bounded: it is cut off, others go on. */
static void a_slow_reader_is_dropped(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 64 << 20);
    int fd = ask(&t, "GET /stream?0 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read_until(fd, &in, BYTES("\r\n\r\n")));
    unsigned writes = 0;
    while (t.streams_ended == 0 && writes < 2000) { /* the kernel holds some MiB of its own */
        test_server_write(&t, 64 * 1024);
        writes++;
    }
    await(&t.streams_ended, 1);
    assert_in_range(writes, 5, 1999);
    in.size = 0;
    (void)raw_read_to_end(fd, &in); /* by a reset, or in order where that is what TCP makes of it */
    assert_false(bytes_end_with(buffer_bytes(&in), BYTES("0\r\n\r\n")));
    raw_close(fd);
    fd = ask(&t, "GET /alive HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    in.size = 0;
    assert_true(raw_read_to_end(fd, &in));
    assert_true(has(&in, "/alive"));
    raw_close(fd);
    test_server_stop(&t);
    buffer_clear(&in);
}

/* Draining ends it in order: its reader has a whole answer, and may ask another gateway. */
static void drain_ends_it(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    int fd = ask(&t, "GET /stream?0 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read_until(fd, &in, BYTES("\r\n\r\n")));
    test_server_write(&t, 2);
    test_server_drain(&t);
    test_server_write(&t, 7); /* too late, and harmless */
    assert_true(raw_read_to_end(fd, &in));
    assert_true(bytes_end_with(buffer_bytes(&in), BYTES("2\r\nxx\r\n0\r\n\r\n")));
    raw_close(fd);
    await(&t.streams_ended, 1);
    test_server_stop(&t);
    buffer_clear(&in);
}

static void stop_ends_it(void **state)
{
    (void)state;
    struct test_server t;
    struct buffer in;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&in, 1 << 20);
    int fd[3];
    for (size_t i = 0; i < COUNT_OF(fd); i++) {
        in.size = 0;
        fd[i] = ask(&t, "GET /stream?0 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(raw_read_until(fd[i], &in, BYTES("\r\n\r\n")));
    }
    test_server_stop(&t);
    assert_int_equal(t.streams_ended, COUNT_OF(fd));
    for (size_t i = 0; i < COUNT_OF(fd); i++) {
        raw_close(fd[i]);
    }
    buffer_clear(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_as_chunks),
        cmocka_unit_test(finished_at_once_and_pipelined),
        cmocka_unit_test(old_readers_and_heads),
        cmocka_unit_test(a_reader_that_leaves_ends_it),
        cmocka_unit_test(a_slow_reader_is_dropped),
        cmocka_unit_test(drain_ends_it),
        cmocka_unit_test(stop_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
