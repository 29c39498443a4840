/* The control socket on a real store and log: each route, reload and status, many at once, and its end in the middle of work. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "api/control.h"
#include "world.h"

enum { AT_ONCE = 24 };
#define GIVE                                                                                                                               \
    "{\"decision\":\"give\",\"person\":\"p-1\",\"recipient\":\"X/Y/Z\",\"purpose\":\"dpv:MedicalHealth\",\"categories\":[\"pd:Health\"]}"

struct place {
    uv_loop_t loop;
    struct control *control;
    struct client *client;
    char path[128], address[160];
    bool can_reload;
    size_t reloads, stopped;
};

static bool reload(void *context, struct error *e)
{
    struct place *place = context;
    place->reloads++;
    return place->can_reload || error_set(e, ERROR_DENIED, "directory.note", "fetch the newest", "is over");
}

static void tell_status(void *context, struct control_status *out)
{
    (void)context;
    out->origin = "A/B/C/GW1";
    out->log_entries = 7;
    (void)error_set(&out->why, ERROR_DENIED, "gateway", NULL, "draining");
}

static void on_stopped(void *context)
{
    struct place *place = context;
    place->stopped++;
}

static void place_open(struct place *place, const struct api_world *w)
{
    struct error e = { 0 };
    *place = (struct place){ .can_reload = true };
    assert_int_equal(uv_loop_init(&place->loop), 0);
    (void)snprintf(place->path, sizeof place->path, "%s/control.sock", w->folder);
    (void)snprintf(place->address, sizeof place->address, "unix:%s", place->path);
    const struct control_options options = {
        .path = place->path,
        .operations = { .consents = w->consents, .uses = w->uses },
        .reload = reload,
        .status = tell_status,
        .context = place,
    };
    assert_true(control_start(&place->control, &place->loop, &options, &e));
    assert_true(client_make(&place->client, &place->loop, NULL, &e));
}

static void place_close(struct place *place)
{
    control_stop(place->control, on_stopped, place);
    client_stop(place->client, on_stopped, place);
    (void)uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(place->stopped, 2);
    assert_int_equal(uv_loop_close(&place->loop), 0);
}

static void ask(struct place *place, const char *method, const char *target, const char *body, struct api_reply *reply)
{
    api_call(place->client, place->address, method, target, body, reply);
    api_wait(&place->loop, reply);
    assert_int_equal(reply->failure, CLIENT_FAILURE_NONE);
}

static void each_route(void **state)
{
    struct place place;
    struct api_reply reply;
    struct stat status;
    char target[128], id[64] = { 0 };
    place_open(&place, *state);
    assert_int_equal(stat(place.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    ask(&place, "POST", "/v1/consents", GIVE, &reply);
    assert_int_equal(reply.status, 201);
    assert_int_equal(sscanf(reply.text, "{\"id\":\"%63[^\"]", id), 1);
    ask(&place, "GET", "/v1/consents", NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, id));
    ask(&place, "POST", "/v1/consents/list", "{\"person\":\"p-1\"}", &reply);
    assert_non_null(strstr(reply.text, "\"state\":\"given\""));
    (void)snprintf(target, sizeof target, "/v1/consents/%s/withdraw", id);
    ask(&place, "POST", target, "{\"category\":\"pd:Health\"}", &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, "\"changed\":true"));
    ask(&place, "POST", target, NULL, &reply); /* no body: all its categories */
    assert_non_null(strstr(reply.text, "\"changed\":false"));
    ask(&place, "POST", "/v1/consents/withdraw-all", "{\"person\":\"p-1\"}", &reply);
    assert_string_equal(reply.text, "{\"changed\":0}");
    ask(&place, "POST", "/v1/uses", "{\"person\":\"p-1\"}", &reply);
    assert_non_null(strstr(reply.text, "\"verdict\":\"withdraw\""));
    ask(&place, "GET", "/v1/status", NULL, &reply);
    assert_non_null(strstr(reply.text, "\"ready\":false,\"why\":\"gateway: draining\",\"log_entries\":7"));
    place_close(&place);
}

static void reload_and_its_failure(void **state)
{
    struct place place;
    struct api_reply reply;
    place_open(&place, *state);
    ask(&place, "POST", "/v1/reload", NULL, &reply);
    assert_int_equal(reply.status, 200);
    place.can_reload = false;
    ask(&place, "POST", "/v1/reload", NULL, &reply);
    assert_int_equal(reply.status, 409);
    assert_string_equal(reply.type, "application/problem+json");
    assert_non_null(strstr(reply.text, "directory.note: is over; fetch the newest"));
    assert_int_equal(place.reloads, 2);
    place_close(&place);
}

static void refusals(void **state)
{
    static const struct {
        const char *method, *target, *body;
        unsigned status;
    } row[] = {
        { "GET", "/", NULL, 404 },
        { "GET", "/v1/reload", NULL, 405 },
        { "PUT", "/v1/consents", "{}", 405 },
        { "POST", "/v1/consents", "", 400 },
        { "POST", "/v1/consents", "nonsense", 400 },
        { "POST", "/v1/consents", "{\"decision\":\"give\",\"decision\":\"give\"}", 400 },
        { "POST", "/v1/consents/c-1/withdraw", "[]", 400 },
        { "POST", "/v1/consents/c-1/withdraw", "{\"who\":1}", 400 },
        { "POST", "/v1/consents/c-1/withdraw", "{}", 404 },
        { "POST", "/v1/consents/a/b/withdraw", "{}", 404 },
        { "POST", "/v1/consents//withdraw", "{}", 404 },
        { "POST", "/v1/consents/withdraw", "{}", 404 },
    };
    struct place place;
    struct api_reply reply;
    place_open(&place, *state);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        ask(&place, row[i].method, row[i].target, row[i].body, &reply);
        if (reply.status != row[i].status || strcmp(reply.type, "application/problem+json") != 0) {
            fail_msg("row %zu: %u %s %s", i, reply.status, reply.type, reply.text);
        }
    }
    place_close(&place);
}

static void many_at_once(void **state)
{
    struct place place;
    static struct api_reply replies[AT_ONCE];
    struct api_reply reply;
    place_open(&place, *state);
    for (size_t i = 0; i < AT_ONCE; i++) {
        api_call(place.client, place.address, "POST", "/v1/consents", GIVE, &replies[i]);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        api_wait(&place.loop, &replies[i]);
        assert_int_equal(replies[i].status, 201);
    }
    ask(&place, "POST", "/v1/consents/withdraw-all", "{\"person\":\"p-1\"}", &reply);
    (void)snprintf(reply.type, sizeof reply.type, "{\"changed\":%d}", AT_ONCE);
    assert_string_equal(reply.text, reply.type);
    place_close(&place);
}

/* What was begun is done; its answers have nobody to go to; nothing is freed twice or forgotten. */
static void end_in_the_middle(void **state)
{
    struct api_world *w = *state;
    static struct api_reply replies[AT_ONCE];
    for (int turns = 0; turns < 12; turns++) {
        struct place place;
        place_open(&place, w);
        for (size_t i = 0; i < AT_ONCE; i++) {
            api_call(place.client, place.address, i % 2 == 0 ? "POST" : "GET", "/v1/consents", i % 2 == 0 ? GIVE : NULL, &replies[i]);
        }
        for (int i = 0; i < turns; i++) {
            (void)uv_run(&place.loop, UV_RUN_ONCE);
        }
        control_stop(place.control, on_stopped, &place);
        for (size_t i = 0; i < AT_ONCE; i++) {
            api_wait(&place.loop, &replies[i]);
        }
        client_stop(place.client, on_stopped, &place);
        (void)uv_run(&place.loop, UV_RUN_DEFAULT);
        assert_int_equal(place.stopped, 2);
        assert_int_equal(uv_loop_close(&place.loop), 0);
    }
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as main.c does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_route, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(reload_and_its_failure, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(refusals, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(many_at_once, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(end_in_the_middle, api_world_setup, api_world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
