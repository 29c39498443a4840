/* The HTTP/1.1 server over real sockets: pipelining, large bodies in constant memory, draining, and peers that go away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/hash.h"
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

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Waits until the server has so many. */
static void await(struct test_server *t, size_t connections, size_t unanswered)
{
    for (unsigned i = 0; i < 200; i++) {
        test_server_count(t);
        if (t->connections == connections && t->unanswered == unanswered) {
            return;
        }
        pause_ms(20);
    }
    fail_msg("%zu connections, %zu unanswered; want %zu, %zu", atomic_load(&t->connections), atomic_load(&t->unanswered), connections,
             unanswered);
}

/* AddressSanitizer keeps what was freed, so there memory can't be measured. */
#if defined(__SANITIZE_ADDRESS__)
enum { MEASURES_MEMORY = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { MEASURES_MEMORY = 0 };
#else
enum { MEASURES_MEMORY = 1 };
#endif
#else
enum { MEASURES_MEMORY = 1 };
#endif

/* Bytes of memory that are the process's own. */
static size_t resident(void)
{
    unsigned long long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &all, &pages), 2);
    assert_int_equal(fclose(file), 0);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void many_on_one_connection(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    for (unsigned i = 0; i < 2000; i++) {
        char text[100], want[16];
        (void)snprintf(want, sizeof want, "/%u", i);
        (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", want);
        assert_true(raw_send_text(k.fd, text));
        assert_int_equal(talk_answer(&k), 200);
        assert_true(bytes_equal(buffer_bytes(&k.body), bytes_of_text(want)));
    }
    test_server_count(&t);
    assert_int_equal(t.connections, 1);
    talk_end(&k);
    test_server_stop(&t);
}

/* One at a time, in order, although all come at once; some are answered later, some have bodies. */
static void pipelined(void **state)
{
    (void)state;
    struct test_server t;
    struct talk k;
    struct buffer b;
    test_server_start(&t, &(struct server_options){ 0 });
    buffer_init(&b, 1 << 24);
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 100 == 3) {
            buffer_append_text(&b, "GET /later?1 HTTP/1.1\r\nHost: a\r\n\r\n");
        } else if (i % 10 == 7) {
            buffer_append_format(&b, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n%08u\r\n0\r\n\r\n", i);
        } else {
            buffer_append_format(&b, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
        }
    }
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, buffer_bytes(&b)));
    for (unsigned i = 0; i < 3000; i++) {
        char want[16];
        (void)snprintf(want, sizeof want, i % 100 == 3 ? "later" : i % 10 == 7 ? "%08u" : "/%u", i);
        assert_int_equal(talk_answer(&k), 200);
        if (!bytes_equal(buffer_bytes(&k.body), bytes_of_text(want))) {
            fail_msg("answer %u is %.*s", i, BYTES_FMT(buffer_bytes(&k.body)));
        }
    }
    buffer_clear(&b);
    talk_end(&k);
    test_server_stop(&t);
}

/* More than is kept comes while a request is being handled: reading pauses, and nothing is lost. */
static void pipelined_past_what_is_kept(void **state)
{
    (void)state;
    enum { COUNT = 40, EACH = 50000 };
    struct test_server t;
    struct talk k;
    static const uint8_t zeros[EACH];
    char want[2 * SHA256_SIZE + 32], hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];
    sha256(bytes_of(zeros, EACH), digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    (void)snprintf(want, sizeof want, "%d %s", EACH, hex);
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("GET /later?300 HTTP/1.1\r\nHost: a\r\n\r\n")));
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(raw_send(k.fd, BYTES("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")));
        assert_true(raw_send(k.fd, bytes_of(zeros, EACH)));
    }
    assert_int_equal(talk_answer(&k), 200);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(talk_answer(&k), 200);
        assert_true(bytes_equal(buffer_bytes(&k.body), bytes_of_text(want)));
    }
    talk_end(&k);
    test_server_stop(&t);
}

/* Answers without a body count, too: a peer that reads nothing is not read from for ever. */
static void asking_without_reading_ends(void **state)
{
    (void)state;
    enum { TOTAL = 32 << 20 };
    struct test_server t;
    struct talk k;
    struct buffer b;
    size_t sent = 0;
    test_server_start(&t, &(struct server_options){ .limits = { .write_buffer_bytes = 65536 } });
    talk_begin(&k, t.port);
    buffer_init(&b, 1 << 20);
    for (unsigned i = 0; i < 1000; i++) {
        buffer_append_text(&b, "GET /status?204 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    while (sent < TOTAL && raw_send_without_waiting(k.fd, buffer_bytes(&b), 300)) {
        sent += b.size;
    }
    assert_true(sent < TOTAL); /* what the two kernel buffers took */
    buffer_clear(&b);
    talk_end(&k);
    test_server_stop(&t);
}

/* A peer that asks and asks and reads nothing: what waits for it stays bounded, and it gets all once it reads. */
static void pipelined_without_reading(void **state)
{
    (void)state;
    enum { COUNT = 400, EACH = 60000 };
    struct test_server t;
    struct talk k;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&k, t.port);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(raw_send(k.fd, BYTES("GET /large?60000 HTTP/1.1\r\nHost: a\r\n\r\n")));
    }
    pause_ms(300);
    assert_in_range(t.requests, 1, COUNT / 2); /* the kernel's buffers take some MiB */
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(talk_answer(&k), 200);
        assert_int_equal(k.body.size, EACH);
    }
    talk_end(&k);
    test_server_stop(&t);
}

static void upload(struct test_server *t, bool is_chunked)
{
    enum { TOTAL = 40 << 20, PIECE = 64 << 10 };
    struct talk k;
    struct hash *hash = hash_make(HASH_SHA256);
    uint8_t *piece = malloc(PIECE);
    char hex[2 * SHA256_SIZE + 1], want[2 * SHA256_SIZE + 32];
    uint8_t digest[SHA256_SIZE];
    assert_true(hash != NULL && piece != NULL);
    talk_begin(&k, t->port);
    char head[128];
    (void)snprintf(head, sizeof head, "POST /digest HTTP/1.1\r\nHost: a\r\n%s%d\r\n\r\n",
                   is_chunked ? "Transfer-Encoding: chunked\r\nX: " : "Content-Length: ", TOTAL);
    assert_true(raw_send_text(k.fd, head));
    size_t before = resident(), most = 0;
    for (size_t at = 0; at < TOTAL; at += PIECE) {
        for (size_t i = 0; i < PIECE; i++) {
            piece[i] = test_byte(at + i);
        }
        hash_add(hash, bytes_of(piece, PIECE));
        assert_true(!is_chunked || raw_send(k.fd, BYTES("10000\r\n")));
        assert_true(raw_send(k.fd, bytes_of(piece, PIECE)));
        assert_true(!is_chunked || raw_send(k.fd, BYTES("\r\n")));
        size_t now = resident();
        most = now > most ? now : most;
    }
    assert_true(!is_chunked || raw_send(k.fd, BYTES("0\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    hash_end(hash, digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    (void)snprintf(want, sizeof want, "%d %s", TOTAL, hex);
    assert_true(bytes_equal(buffer_bytes(&k.body), bytes_of_text(want)));
    if (MEASURES_MEMORY && most > before + (4 << 20)) {
        fail_msg("an upload of 40 MiB took %zu KiB of memory", (most - before) / 1024);
    }
    hash_free(hash);
    free(piece);
    talk_end(&k);
}

static void large_uploads(void **state)
{
    (void)state;
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    upload(&t, false);
    upload(&t, true);
    test_server_stop(&t);
}

static void large_download_to_slow_reader(void **state)
{
    (void)state;
    enum { TOTAL = 40 << 20 };
    struct test_server t;
    struct talk k;
    struct buffer b;
    test_server_start(&t, &(struct server_options){ .limits = { .write_stall_ms = 1000 } });
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("GET /large?41943040 HTTP/1.1\r\nHost: a\r\n\r\n")));
    buffer_init(&b, TOTAL + (1 << 20));
    assert_true(raw_read_until(k.fd, &b, BYTES("\r\n\r\n")));
    size_t head = raw_find(buffer_bytes(&b), BYTES("\r\n\r\n")) + 4, at = b.size - head, before = resident(), most = 0;
    for (size_t i = 0; i < at; i++) {
        assert_int_equal(b.data[head + i], test_byte(i));
    }
    while (at < TOTAL) {
        uint8_t piece[65536];
        if (at % (8 << 20) < sizeof piece) {
            pause_ms(200); /* the stall timer runs, but each pause is shorter */
        }
        ssize_t got = read(k.fd, piece, sizeof piece);
        assert_true(got > 0);
        for (size_t i = 0; i < (size_t)got; i++) {
            if (piece[i] != test_byte(at + i)) {
                fail_msg("byte %zu", at + i);
            }
        }
        at += (size_t)got;
        size_t now = resident();
        most = now > most ? now : most;
    }
    assert_int_equal(at, TOTAL);
    if (MEASURES_MEMORY && most > before + (4 << 20)) {
        fail_msg("a download of 40 MiB took %zu KiB of memory", (most - before) / 1024);
    }
    assert_true(raw_send(k.fd, BYTES("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    buffer_clear(&b);
    talk_end(&k);
    test_server_stop(&t);
}

static void drain_ends_idle_and_finishes_the_rest(void **state)
{
    (void)state;
    struct test_server t;
    struct talk idle, fresh, busy, half;
    test_server_start(&t, &(struct server_options){ 0 });
    talk_begin(&idle, t.port);
    assert_true(raw_send(idle.fd, BYTES("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&idle), 200);
    talk_begin(&fresh, t.port);
    talk_begin(&busy, t.port);
    assert_true(raw_send(busy.fd, BYTES("GET /later?800 HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")));
    talk_begin(&half, t.port);
    assert_true(raw_send(half.fd, BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")));
    await(&t, 4, 1);
    pause_ms(50);
    test_server_drain(&t);
    assert_true(raw_read_to_end(idle.fd, &idle.in) && idle.in.size == 0);
    assert_true(raw_read_to_end(fresh.fd, &fresh.in) && fresh.in.size == 0);
    assert_true(raw_send(half.fd, BYTES("cd")));
    assert_int_equal(talk_answer(&half), 200);
    assert_true(bytes_equal(buffer_bytes(&half.body), BYTES("abcd")));
    assert_int_equal(talk_answer(&busy), 200);
    assert_true(raw_find(buffer_bytes(&busy.head), BYTES("Connection: close")) != SIZE_MAX);
    assert_true(raw_read_to_end(busy.fd, &busy.in) && busy.in.size == 0);
    assert_int_equal(t.smuggled, 0);
    talk_end(&idle);
    talk_end(&fresh);
    talk_end(&busy);
    talk_end(&half);
    await(&t, 0, 0);
    test_server_stop(&t);
}

/* Peers go away at every point: the request is gone, its answer dropped, nothing is kept. */
static void peers_that_go_away(void **state)
{
    (void)state;
    static const char *const input[] = { "",
                                         "GET / HT",
                                         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
                                         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                                         "GET /later?200 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET /later?200 HTTP/1.1\r\nHost: a\r\n\r\nGET /later?200 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET /large?30000000 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET * HTTP/1.1\r\n\r\n" };
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    for (size_t i = 0; i < COUNT_OF(input); i++) {
        for (int reset = 0; reset < 2; reset++) {
            int fd = raw_connect(t.port);
            assert_true(raw_send_text(fd, input[i]));
            pause_ms(30);
            if (reset == 0) {
                raw_close(fd);
            } else {
                raw_reset(fd);
            }
        }
    }
    await(&t, 0, 0);
    assert_true(t.gone >= 2); /* by resets; a mere close may be half of one */
    struct talk k;
    talk_begin(&k, t.port);
    assert_true(raw_send(k.fd, BYTES("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_int_equal(talk_answer(&k), 200);
    talk_end(&k);
    test_server_stop(&t);
}

/* Clients that close their side behind the last request get all answers, and then the end. */
static void half_closed_peers_are_answered(void **state)
{
    (void)state;
    static const char *const input[] = { "GET /later?200 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET /later?50 HTTP/1.1\r\nHost: a\r\n\r\nGET /later?50 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET /later?50 HTTP/1.1\r\nHost: a\r\n\r\nGET /large?20000000 HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "GET /now HTTP/1.1\r\nHost: a\r\n\r\nGET /later?50 HTTP/1.1\r\nHost: a\r\n\r\nGET /half HT" };
    static const unsigned answers[] = { 1, 2, 2, 2 };
    struct test_server t;
    test_server_start(&t, &(struct server_options){ 0 });
    for (size_t i = 0; i < COUNT_OF(input); i++) {
        struct talk k;
        talk_begin(&k, t.port);
        assert_true(raw_send_text(k.fd, input[i]));
        raw_end(k.fd);
        for (unsigned n = 0; n < answers[i]; n++) {
            assert_int_equal(talk_answer(&k), 200);
        }
        if (!raw_read_to_end(k.fd, &k.in) || k.in.size != 0) {
            fail_msg("row %zu: no end", i);
        }
        talk_end(&k);
    }
    await(&t, 0, 0);
    assert_int_equal(t.gone, 0);
    test_server_stop(&t);
}

/* Stopped with requests at every stage; the handler answers one of them afterwards. */
static void stop_midway(void **state)
{
    (void)state;
    struct test_server t;
    int fd[4];
    test_server_start(&t, &(struct server_options){ 0 });
    for (size_t i = 0; i < COUNT_OF(fd); i++) {
        fd[i] = raw_connect(t.port);
    }
    assert_true(raw_send(fd[0], BYTES("GET /later?1500 HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_true(raw_send(fd[1], BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")));
    assert_true(raw_send(fd[2], BYTES("GET /large?30000000 HTTP/1.1\r\nHost: a\r\n\r\n")));
    await(&t, 4, 1);
    pause_ms(50);
    test_server_stop(&t);
    assert_int_equal(t.gone, 1);
    for (size_t i = 0; i < COUNT_OF(fd); i++) {
        raw_close(fd[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_on_one_connection),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(pipelined_past_what_is_kept),
        cmocka_unit_test(pipelined_without_reading),
        cmocka_unit_test(asking_without_reading_ends),
        cmocka_unit_test(large_uploads),
        cmocka_unit_test(large_download_to_slow_reader),
        cmocka_unit_test(drain_ends_idle_and_finishes_the_rest),
        cmocka_unit_test(peers_that_go_away),
        cmocka_unit_test(half_closed_peers_are_answered),
        cmocka_unit_test(stop_midway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
