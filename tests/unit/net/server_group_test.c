/* Listeners of one address that part their connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fixture.h"

enum { SERVERS = 3 };

struct scene {
    struct fixture f;
    struct server_group *group;
    struct server *servers[SERVERS];
    size_t stopping;
};

static void on_request(void *context, struct server_request *request)
{
    (void)context;
    fixture_answer(request, 200, NULL);
}

static void open_scene(struct scene *s, uint32_t connections_max)
{
    struct error e = { 0 };
    char address[32] = "127.0.0.1:0";
    *s = (struct scene){ 0 };
    fixture_init(&s->f);
    s->group = server_group_make();
    assert_non_null(s->group);
    for (size_t i = 0; i < SERVERS; i++) {
        const struct server_options options = { .address = address,
                                                .protocol = PROTOCOL_HTTP1,
                                                .limits.connections_max = connections_max,
                                                .reuse_port = true,
                                                .group = s->group,
                                                .on_request = on_request };
        assert_true(server_start(&s->servers[i], &s->f.loop, &options, &e));
        (void)snprintf(address, sizeof address, "127.0.0.1:%u", server_port(s->servers[0]));
    }
}

static void stopped(void *context)
{
    ((struct scene *)context)->stopping--;
}

static bool all_are_stopped(void *context)
{
    return ((struct scene *)context)->stopping == 0;
}

static void stop_servers(struct scene *s)
{
    for (size_t i = 0; i < SERVERS; i++) {
        s->stopping++;
        server_stop(s->servers[i], stopped, s);
    }
    assert_true(fixture_wait(&s->f, all_are_stopped, s, 5000));
}

static void close_scene(struct scene *s)
{
    server_group_free(s->group);
    fixture_clear(&s->f);
}

struct counted {
    struct scene *scene;
    size_t wanted;
};

static size_t count_of(const struct scene *s)
{
    size_t count = 0;
    for (size_t i = 0; i < SERVERS; i++) {
        count += server_connection_count(s->servers[i]);
    }
    return count;
}

static bool are_there(void *context)
{
    const struct counted *c = context;
    return count_of(c->scene) == c->wanted;
}

static void await_count(struct scene *s, size_t wanted)
{
    struct counted c = { s, wanted };
    if (!fixture_wait(&s->f, are_there, &c, 5000)) {
        fail_msg("%zu connections are there, not %zu", count_of(s), wanted);
    }
}

static void expect_even(const struct scene *s, size_t each)
{
    for (size_t i = 0; i < SERVERS; i++) {
        assert_int_equal(server_connection_count(s->servers[i]), each);
    }
}

static void connections_are_parted_evenly(void **state)
{
    struct scene s;
    struct raw_sockets first, second, third;
    (void)state;
    open_scene(&s, 0);
    raw_sockets_open(&first, server_port(s.servers[0]), SERVERS);
    await_count(&s, SERVERS);
    expect_even(&s, 1);
    raw_sockets_open(&second, server_port(s.servers[0]), SERVERS * 15);
    await_count(&s, SERVERS * 16);
    expect_even(&s, 16);
    /* Those that end make room. */
    raw_sockets_close(&second);
    await_count(&s, SERVERS);
    expect_even(&s, 1);
    raw_sockets_open(&third, server_port(s.servers[0]), SERVERS * 4);
    await_count(&s, SERVERS * 5);
    expect_even(&s, 5);
    assert_int_equal(raw_sockets_ended(&third), 0);
    stop_servers(&s);
    raw_sockets_close(&first);
    raw_sockets_close(&third);
    close_scene(&s);
}

/* One that drains gets no more; what the others take is served. */
static void one_leaves(void **state)
{
    struct scene s;
    struct raw_sockets sockets;
    (void)state;
    open_scene(&s, 0);
    server_drain(s.servers[1]);
    server_drain(s.servers[1]);
    raw_sockets_open(&sockets, server_port(s.servers[0]), 10);
    await_count(&s, 10);
    assert_int_equal(server_connection_count(s.servers[0]), 5);
    assert_int_equal(server_connection_count(s.servers[1]), 0);
    assert_int_equal(server_connection_count(s.servers[2]), 5);
    stop_servers(&s);
    raw_sockets_close(&sockets);
    close_scene(&s);
}

/* The limit is a listener's; who is over it is turned away, and doesn't count. */
static void the_limit_holds(void **state)
{
    struct scene s;
    struct raw_sockets sockets, more;
    (void)state;
    open_scene(&s, 2);
    raw_sockets_open(&sockets, server_port(s.servers[0]), SERVERS * 2);
    await_count(&s, SERVERS * 2);
    raw_sockets_open(&more, server_port(s.servers[0]), SERVERS * 2);
    fixture_run_for(&s.f, 50);
    expect_even(&s, 2);
    assert_int_equal(raw_sockets_ended(&sockets), 0);
    assert_int_equal(raw_sockets_ended(&more), SERVERS * 2);
    raw_sockets_close(&sockets);
    raw_sockets_close(&more);
    await_count(&s, 0);
    raw_sockets_open(&sockets, server_port(s.servers[0]), SERVERS * 2);
    await_count(&s, SERVERS * 2);
    expect_even(&s, 2);
    stop_servers(&s);
    raw_sockets_close(&sockets);
    close_scene(&s);
}

/* Stopped in each turn in which something may be on its way from one to another. */
static void stopped_while_connections_are_passed(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 6; turns++) {
        struct scene s;
        struct raw_sockets sockets;
        open_scene(&s, 0);
        raw_sockets_open(&sockets, server_port(s.servers[0]), 30);
        for (unsigned i = 0; i < turns; i++) {
            (void)uv_run(&s.f.loop, UV_RUN_NOWAIT);
        }
        stop_servers(&s);
        raw_sockets_close(&sockets);
        close_scene(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_parted_evenly),
        cmocka_unit_test(one_leaves),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(stopped_while_connections_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
