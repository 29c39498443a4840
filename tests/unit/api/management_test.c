/* The management listener: its pages, what it refuses, readiness with reasons, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/management.h"
#include "base/metrics.h"
#include "world.h"

struct place {
    uv_loop_t loop;
    struct management *management;
    struct client *client;
    char address[32];
    bool is_ready;
    size_t stopped;
};

static bool is_ready(void *context, struct error *why)
{
    const struct place *place = context;
    return place->is_ready || error_set(why, ERROR_DENIED, "directory.note", "fetch the newest", "not valid since \"yesterday\"");
}

static void on_stopped(void *context)
{
    struct place *place = context;
    place->stopped++;
}

static void place_open(struct place *place)
{
    struct error e = { 0 };
    *place = (struct place){ .is_ready = true };
    assert_int_equal(uv_loop_init(&place->loop), 0);
    const struct management_options options = { .address = "127.0.0.1:0", .is_ready = is_ready, .context = place };
    assert_true(management_start(&place->management, &place->loop, &options, &e));
    assert_true(client_make(&place->client, &place->loop, NULL, &e));
    (void)snprintf(place->address, sizeof place->address, "127.0.0.1:%u", management_port(place->management));
}

static void place_close(struct place *place)
{
    management_stop(place->management, on_stopped, place);
    client_stop(place->client, on_stopped, place);
    (void)uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(place->stopped, 2);
    assert_int_equal(uv_loop_close(&place->loop), 0);
}

static void ask(struct place *place, const char *method, const char *target, struct api_reply *reply)
{
    api_call(place->client, place->address, method, target, NULL, reply);
    api_wait(&place->loop, reply);
    assert_int_equal(reply->failure, CLIENT_FAILURE_NONE);
}

static void pages(void **state)
{
    static struct metric metric = { .name = "comity_test_things_total", .labels = "kind=\"a\"", .help = "Things.", .kind = METRIC_COUNTER };
    struct place place;
    struct api_reply reply;
    (void)state;
    place_open(&place);
    metric_register(&metric);
    metric_add(&metric, 3);
    ask(&place, "GET", "/metrics?x=1", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(reply.text, "\ncomity_test_things_total{kind=\"a\"} 3\n"));
    assert_non_null(strstr(reply.text, "\nprocess_resident_memory_bytes "));
    ask(&place, "GET", "/healthz", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.text, "ok\n");
    ask(&place, "GET", "/readyz", &reply);
    assert_int_equal(reply.status, 200);
    place_close(&place);
}

static void refusals(void **state)
{
    static const struct {
        const char *method, *target;
        unsigned status;
        const char *reason;
    } row[] = {
        { "GET", "/", 404, "\"reason\":\"request.absent\"" },           { "GET", "/metrics/", 404, "\"reason\":\"request.absent\"" },
        { "GET", "/../metrics", 404, "\"reason\":\"request.absent\"" }, { "POST", "/metrics", 405, "\"reason\":\"request.method\"" },
        { "DELETE", "/healthz", 405, "\"reason\":\"request.method\"" },
    };
    struct place place;
    struct api_reply reply;
    (void)state;
    place_open(&place);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        ask(&place, row[i].method, row[i].target, &reply);
        if (reply.status != row[i].status || strcmp(reply.type, "application/problem+json") != 0 ||
            strstr(reply.text, row[i].reason) == NULL) {
            fail_msg("row %zu: %u %s %s", i, reply.status, reply.type, reply.text);
        }
    }
    place_close(&place);
}

static void readiness_says_why(void **state)
{
    struct place place;
    struct api_reply reply;
    (void)state;
    place_open(&place);
    place.is_ready = false;
    ask(&place, "GET", "/readyz", &reply);
    assert_int_equal(reply.status, 503);
    json_t *problem = json_loads(reply.text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(problem, "reason")), "gateway.not_ready");
    assert_string_equal(json_string_value(json_object_get(problem, "detail")),
                        "directory.note: not valid since \"yesterday\"; fetch the newest");
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 503);
    json_decref(problem);
    ask(&place, "GET", "/healthz", &reply);
    assert_int_equal(reply.status, 200);
    place.is_ready = true;
    ask(&place, "GET", "/readyz", &reply);
    assert_int_equal(reply.status, 200);
    place_close(&place);
}

static void taken_address(void **state)
{
    struct place place;
    struct error e = { 0 };
    struct management *second = (struct management *)&place;
    (void)state;
    place_open(&place);
    const struct management_options options = { .address = place.address, .is_ready = is_ready, .context = &place };
    assert_false(management_start(&second, &place.loop, &options, &e));
    assert_null(second);
    assert_int_equal(e.kind, ERROR_IO);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(refusals),
        cmocka_unit_test(readiness_says_why),
        cmocka_unit_test(taken_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
