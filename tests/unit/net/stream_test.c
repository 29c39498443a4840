/* Streams and the shared parts of a loop: order of events, pausing, closing, timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "net/loop_internal.h"
#include "net/stream_internal.h"

/* One end of a connection, and what happened to it. */
struct end {
    struct stream *stream;
    struct buffer in;
    bool is_ready, has_ended;
    unsigned drains;
    enum stream_end how;
    struct error error;
    size_t pause_after; /* pause whenever so many bytes more have come; 0: never */
    size_t since_pause;
    bool is_paused;
};

static void end_ready(void *context)
{
    struct end *end = context;
    assert_false(end->is_ready);
    end->is_ready = true;
}

static void end_data(void *context, struct bytes data)
{
    struct end *end = context;
    assert_true(end->is_ready);
    assert_false(end->has_ended);
    assert_false(end->is_paused);
    buffer_append(&end->in, data);
    end->since_pause += data.size;
    if (end->pause_after > 0 && end->since_pause >= end->pause_after) {
        end->since_pause = 0;
        end->is_paused = true;
        stream_pause(end->stream);
    }
}

static void end_drain(void *context)
{
    struct end *end = context;
    end->drains++;
}

static void end_end(void *context, enum stream_end how, const struct error *e)
{
    struct end *end = context;
    assert_false(end->has_ended);
    end->has_ended = true;
    end->how = how;
    end->stream = NULL;
    if (e != NULL) {
        end->error = *e;
    }
}

static const struct stream_events events = { .on_ready = end_ready, .on_data = end_data, .on_drain = end_drain, .on_end = end_end };

struct pair {
    struct fixture f;
    struct end client, server;
    int listener;
};

static void pair_open(struct pair *p, bool with_tls, const struct net_limits *limits)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    struct error e = { 0 };
    *p = (struct pair){ .listener = -1 };
    fixture_init(&p->f);
    if (with_tls) {
        fixture_tls(&p->f, KEY_CLIENT);
    }
    buffer_init(&p->client.in, 1 << 28);
    buffer_init(&p->server.in, 1 << 28);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(p->f.address, sizeof p->f.address, "127.0.0.1:%u", ntohs(address.sin_port));
    const struct bytes text = bytes_of_text(p->f.address);
    assert_true(stream_connect(&p->client.stream, &p->f.loop, &text, 1, p->f.client_tls, (const uint8_t(*)[PIN_SIZE])p->f.pin, 1,
                               BYTES("gateway.example"), limits, &events, &p->client, &e));
    fixture_run_for(&p->f, 10);
    int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(stream_accept(&p->server.stream, &p->f.loop, fd, false, p->f.server_tls, limits, &events, &p->server, &e));
    assert_false(p->server.is_ready); /* never from inside */
    fixture_run_until(&p->f, &p->client.is_ready, 5000);
    fixture_run_until(&p->f, &p->server.is_ready, 5000);
}

static void pair_close(struct pair *p)
{
    struct end *ends[] = { &p->client, &p->server };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (ends[i]->stream != NULL) {
            stream_abort(ends[i]->stream);
            assert_false(ends[i]->has_ended); /* never from inside */
            fixture_run_until(&p->f, &ends[i]->has_ended, 5000);
        }
        buffer_clear(&ends[i]->in);
    }
    (void)close(p->listener);
    fixture_clear(&p->f);
}

static void write_pattern(struct stream *stream, size_t size)
{
    uint8_t *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 31 % 253);
    }
    stream_write(stream, bytes_of(data, size));
    free(data);
}

static bool is_pattern(const struct buffer *in, size_t size)
{
    for (size_t i = 0; i < size && in->size == size; i++) {
        if (in->data[i] != (uint8_t)(i * 31 % 253)) {
            return false;
        }
    }
    return in->size == size;
}

static void close_delivers_all(void **state)
{
    const size_t sizes[] = { 0, 1, 70000, 5000000 };
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(sizes); i++) {
        struct pair p;
        size_t size = sizes[i / 2];
        pair_open(&p, i % 2 == 1, &(struct net_limits){ 0 });
        if (size > 0) {
            write_pattern(p.server.stream, size);
        }
        stream_write(p.client.stream, BYTES("still unread when the other side closes"));
        stream_close(p.server.stream);
        stream_write(p.server.stream, BYTES("too late"));
        fixture_run_until(&p.f, &p.client.has_ended, 10000);
        assert_int_equal(p.client.how, STREAM_END_EOF);
        assert_true(is_pattern(&p.client.in, size));
        fixture_run_until(&p.f, &p.server.has_ended, 5000);
        assert_int_equal(p.server.how, STREAM_END_CLOSED);
        pair_close(&p);
    }
}

static void abort_resets(void **state)
{
    (void)state;
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        struct pair p;
        pair_open(&p, with_tls == 1, &(struct net_limits){ 0 });
        stream_abort(p.server.stream);
        stream_abort(p.server.stream);
        fixture_run_until(&p.f, &p.server.has_ended, 5000);
        assert_int_equal(p.server.how, STREAM_END_CLOSED);
        fixture_run_until(&p.f, &p.client.has_ended, 5000);
        assert_int_equal(p.client.how, STREAM_END_RESET);
        pair_close(&p);
    }
}

/* Writing to a peer that has closed both ways must not raise SIGPIPE: over a unix socket the first write does. */
static void writing_to_a_closed_peer(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    struct end end = { 0 };
    int pair[2];
    fixture_init(&f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(stream_accept(&end.stream, &f.loop, pair[0], true, NULL, &(struct net_limits){ 0 }, &events, &end, &e));
    fixture_run_until(&f, &end.is_ready, 5000);
    stream_pause(end.stream); /* it doesn't see the end */
    (void)close(pair[1]);
    stream_write(end.stream, BYTES("anybody there?"));
    fixture_run_until(&f, &end.has_ended, 5000);
    assert_int_equal(end.how, STREAM_END_RESET);
    fixture_clear(&f);
}

/* Nothing is lost, doubled, or comes while paused. */
static void pausing(void **state)
{
    (void)state;
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        struct pair p;
        enum { SIZE = 3000000 };
        pair_open(&p, with_tls == 1, &(struct net_limits){ 0 });
        p.client.pause_after = 10000;
        write_pattern(p.server.stream, SIZE);
        stream_close(p.server.stream);
        for (int i = 0; i < 3000 && !p.client.has_ended; i++) {
            fixture_run_for(&p.f, 1);
            if (p.client.is_paused && !p.client.has_ended) {
                p.client.is_paused = false;
                stream_resume(p.client.stream);
            }
        }
        assert_true(is_pattern(&p.client.in, SIZE));
        assert_int_equal(p.client.how, STREAM_END_EOF);
        pair_close(&p);
    }
}

static void drains_once_the_reader_reads(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, true, &(struct net_limits){ 0 });
    stream_pause(p.client.stream);
    for (int i = 0; i < 100; i++) {
        write_pattern(p.server.stream, 100000);
    }
    fixture_run_for(&p.f, 50);
    assert_int_equal(p.server.drains, 0);
    assert_true(stream_waiting(p.server.stream) > 256 * 1024);
    stream_resume(p.client.stream);
    fixture_run_for(&p.f, 500);
    assert_int_equal(p.server.drains, 1);
    assert_int_equal(stream_waiting(p.server.stream), 0);
    assert_int_equal(p.client.in.size, 10000000);
    pair_close(&p);
}

static void stalled_reader_is_reset(void **state)
{
    (void)state;
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        struct pair p;
        pair_open(&p, with_tls == 1, &(struct net_limits){ .write_stall_ms = 300 });
        stream_pause(p.client.stream);
        write_pattern(p.server.stream, 20000000);
        fixture_run_until(&p.f, &p.server.has_ended, 5000);
        assert_int_equal(p.server.how, STREAM_END_STALLED);
        pair_close(&p);
    }
}

static void slow_reader_is_no_stalled_one(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, false, &(struct net_limits){ .write_stall_ms = 400 });
    p.client.pause_after = 100000;
    write_pattern(p.server.stream, 20000000);
    for (int i = 0; i < 60; i++) {
        fixture_run_for(&p.f, 20);
        if (p.client.is_paused) {
            p.client.is_paused = false;
            stream_resume(p.client.stream);
        }
    }
    assert_false(p.server.has_ended);
    pair_close(&p);
}

static void handshake_that_never_comes(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, true, &(struct net_limits){ .head_ms = 300 });
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&address, &size), 0);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(silent, (struct sockaddr *)&address, size), 0);
    int fd = accept4(p.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct end end = { 0 };
    struct error e = { 0 };
    assert_true(
        stream_accept(&end.stream, &p.f.loop, fd, false, p.f.server_tls, &(struct net_limits){ .head_ms = 300 }, &events, &end, &e));
    fixture_run_until(&p.f, &end.has_ended, 3000);
    assert_int_equal(end.how, STREAM_END_TLS);
    assert_false(end.is_ready);
    (void)close(silent);
    assert_false(p.client.has_ended); /* a handshake that came in time has no limit any more */
    pair_close(&p);
}

/* ---- Timers and work ---- */

struct tick {
    struct loop *loop;
    struct loop_timer timer;
    uint64_t want_ms, got_ms;
    unsigned fired, again;
};

static void tick_fired(void *context)
{
    struct tick *tick = context;
    tick->fired++;
    tick->got_ms = loop_now_ms(tick->loop);
    if (tick->again > 0) {
        tick->again--;
        loop_timer_set(tick->loop, &tick->timer, 100, tick_fired, tick);
    }
}

static void timers_fire_in_time(void **state)
{
    enum { COUNT = 300 };
    (void)state;
    struct fixture f;
    struct loop *loop = NULL;
    struct error e = { 0 };
    fixture_init(&f);
    assert_true(loop_retain(&loop, &f.loop, &e));
    struct tick *ticks = test_calloc(COUNT, sizeof *ticks);
    uint64_t now = loop_now_ms(loop);
    for (unsigned i = 0; i < COUNT; i++) {
        ticks[i] = (struct tick){ .loop = loop, .want_ms = now + i * 5 };
        loop_timer_set(loop, &ticks[i].timer, i % 2 == 0 ? 60000 : 1, tick_fired, &ticks[i]); /* set anew: earlier or later */
        loop_timer_set(loop, &ticks[i].timer, i * 5, tick_fired, &ticks[i]);
        if (i % 7 == 0) {
            loop_timer_clear(&ticks[i].timer);
        }
    }
    struct tick far = { .loop = loop }, often = { .loop = loop, .again = 3 };
    loop_timer_set(loop, &far.timer, 3600000, tick_fired, &far);
    loop_timer_set(loop, &often.timer, 10, tick_fired, &often);
    fixture_run_for(&f, 2000);
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned want = i % 7 == 0 ? 0 : 1;
        if (ticks[i].fired != want || (want == 1 && (ticks[i].got_ms < ticks[i].want_ms || ticks[i].got_ms > ticks[i].want_ms + 400))) {
            fail_msg("timer %u fired %u times, at %lld after its time", i, ticks[i].fired, (long long)(ticks[i].got_ms - ticks[i].want_ms));
        }
    }
    assert_int_equal(often.fired, 4);
    assert_int_equal(far.fired, 0);
    loop_timer_clear(&far.timer);
    loop_timer_clear(&far.timer);
    test_free(ticks);
    loop_release(loop, NULL, NULL);
    fixture_run_for(&f, 1);
    fixture_clear(&f);
}

static struct loop *work_loop;
static struct loop_work works[4];
static char order[16];

static void note(void *context)
{
    size_t used = strlen(order);
    order[used] = *(const char *)context;
    order[used + 1] = '\0';
    if (*(const char *)context == 'f') { /* flushing makes dispatching and the next turn's work necessary */
        loop_work_add(work_loop, LOOP_DISPATCH, &works[2], note, (void *)(uintptr_t) "e");
        loop_work_add(work_loop, LOOP_NEXT, &works[3], note, (void *)(uintptr_t) "n");
    }
}

static void work_runs_in_order(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    fixture_init(&f);
    assert_true(loop_retain(&work_loop, &f.loop, &e));
    loop_work_add(work_loop, LOOP_FLUSH, &works[0], note, (void *)(uintptr_t) "f");
    loop_work_add(work_loop, LOOP_FLUSH, &works[0], note, (void *)(uintptr_t) "f"); /* once */
    loop_work_add(work_loop, LOOP_DISPATCH, &works[1], note, (void *)(uintptr_t) "d");
    assert_string_equal(order, "");
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_string_equal(order, "dfe");
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_string_equal(order, "dfen");
    loop_work_add(work_loop, LOOP_DISPATCH, &works[1], note, (void *)(uintptr_t) "d");
    loop_work_remove(&works[1]);
    loop_work_remove(&works[1]);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_string_equal(order, "dfen");
    loop_release(work_loop, NULL, NULL);
    fixture_run_for(&f, 1);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_delivers_all),
        cmocka_unit_test(abort_resets),
        cmocka_unit_test(writing_to_a_closed_peer),
        cmocka_unit_test(pausing),
        cmocka_unit_test(drains_once_the_reader_reads),
        cmocka_unit_test(stalled_reader_is_reset),
        cmocka_unit_test(slow_reader_is_no_stalled_one),
        cmocka_unit_test(handshake_that_never_comes),
        cmocka_unit_test(timers_fire_in_time),
        cmocka_unit_test(work_runs_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
