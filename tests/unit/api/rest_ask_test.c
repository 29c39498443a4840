/* Asking in process is asking over HTTP: the same rights, queries, schemas, idempotency, and the same log of looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/api_config_internal.h"
#include "api/rest_ask.h"
#include "api/rest_internal.h"
#include "base/time.h"
#include "world.h"

struct asking {
    struct api_world *world;
    struct rest rest;
    struct rest_settings settings;
    struct rest_call call; /* of the page */
    struct server_request request;
    json_t *answer;
    unsigned status;
    struct error e;
};

static void begin(struct asking *a, struct api_world *world)
{
    struct error e = { 0 };
    *a = (struct asking){ .world = world };
    a->rest.options = (struct rest_options){
        .store = world->store, .committer = world->committer, .member = BYTES("A/B/C"), .origin = BYTES("A/B/C/GW1")
    };
    a->rest.options.operations = (struct operation_context){ .consents = world->consents, .uses = world->uses, .store = world->store };
    memset(a->rest.process, 7, sizeof a->rest.process);
    if (!schemas_make(&a->rest.schemas, bytes_of_text(rest_schemas_text), &e) ||
        !api_config_parse(&a->settings.config, BYTES("{}"), "api.yaml", ".", a->rest.options.member, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    a->settings.reference_count = 1;
}

static void end_page(struct asking *a)
{
    json_decref(a->answer);
    a->answer = NULL;
    arena_clear(&a->call.arena);
}

static void end(struct asking *a)
{
    end_page(a);
    schemas_free(a->rest.schemas);
    api_config_free(a->settings.config);
}

/* A page that was sent with this key, of this role and person. */
static void page(struct asking *a, enum role role, const char *person, const char *key)
{
    end_page(a);
    a->call = (struct rest_call){ .rest = &a->rest, .settings = &a->settings, .request = &a->request, .now_ms = time_now_ms() };
    a->call.principal = (struct principal){
        .roles = 1U << role, .name = BYTES("desk"), .person = bytes_of_text(person), .member = BYTES("A/B/C")
    };
    sha256(bytes_of_text(person == NULL ? "desk" : person), a->call.principal.digest);
    if (key != NULL) {
        a->call.form[0].name = BYTES("key");
        a->call.form[0].value = bytes_of_text(key);
        a->call.form_count = 1;
    }
}

static bool ask(struct asking *a, const char *method, const char *target, const char *body)
{
    json_t *json = body == NULL ? NULL : json_loads(body, 0, NULL);
    json_decref(a->answer);
    a->e = (struct error){ 0 };
    bool ok = rest_ask(&a->call, method, target, json, &a->answer, &a->status, &a->e);
    json_decref(json);
    if (ok != (a->status < 400) || ok != (a->e.kind == ERROR_NONE)) {
        fail_msg("%s %s: %d with status %u, %s", method, target, ok, a->status, a->e.what);
    }
    return ok;
}

static bool is_paused(const struct asking *a)
{
    const json_t *paused = json_object_get(a->answer, "paused");
    assert_true(json_is_boolean(paused));
    return json_is_true(paused);
}

static void asks_as_who_is_signed_in(void **state)
{
    struct asking a;
    begin(&a, *state);
    page(&a, ROLE_PERSON, "P-1", NULL);
    assert_true(ask(&a, "GET", "/v1/person", NULL));
    assert_int_equal(a.status, 200);
    assert_string_equal(json_string_value(json_object_get(a.answer, "person")), "P-1");
    assert_false(is_paused(&a));
    assert_true(ask(&a, "GET", "/v1/consents?limit=5", NULL));
    assert_int_equal(json_array_size(json_object_get(a.answer, "consents")), 0);
    end(&a);
}

static void refusals_are_those_of_the_api(void **state)
{
    static const struct {
        const char *method, *target, *body, *reason;
        unsigned status;
    } row[] = {
        { "GET", "/v1/nothing", NULL, "request.absent", 404 },
        { "DELETE", "/v1/person", NULL, "request.absent", 405 },
        { "GET", "/", NULL, "request.absent", 404 }, /* pages ask no pages */
        { "GET", "/v1/person?x=1", NULL, "request.malformed", 400 },
        { "GET", "/v1/consents?limit=0", NULL, "request.malformed", 400 },
        { "POST", "/v1/person/pause", "{\"x\":1}", "request.malformed", 400 },
        { "POST", "/v1/person/pause", NULL, "request.malformed", 400 },
        { "POST", "/v1/notices", "{}", "auth.role", 403 },
        { "GET", "/v1/holds", NULL, "auth.role", 403 },
        { "GET", "/v1/consents/nobodys", NULL, "request.absent", 404 },
    };
    struct asking a;
    begin(&a, *state);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        page(&a, ROLE_PERSON, "P-1", NULL);
        if (ask(&a, row[i].method, row[i].target, row[i].body) || a.status != row[i].status || a.call.status != row[i].status ||
            strcmp(a.call.reason, row[i].reason) != 0 || a.answer != NULL) {
            fail_msg("row %zu: %u %s", i, a.status, a.call.reason == NULL ? "" : a.call.reason);
        }
    }
    page(&a, ROLE_PERSON, "P-1", NULL);
    a.call.asking_person = BYTES("P-2"); /* another's */
    assert_false(ask(&a, "GET", "/v1/person", NULL));
    assert_string_equal(a.call.reason, "auth.person");
    page(&a, ROLE_ANONYMOUS, NULL, NULL);
    a.call.principal.is_anonymous = true;
    assert_false(ask(&a, "GET", "/v1/person", NULL));
    assert_int_equal(a.call.status, 401);
    end(&a);
}

static void a_form_that_comes_twice_is_done_once(void **state)
{
    struct asking a;
    begin(&a, *state);
    page(&a, ROLE_PERSON, "P-3", "form-1");
    assert_true(ask(&a, "POST", "/v1/person/pause", "{}"));
    assert_true(is_paused(&a));
    assert_true(ask(&a, "POST", "/v1/person/resume", "{}")); /* the page's second question, with a key of its own */
    assert_false(is_paused(&a));
    uint64_t size = committer_log_size(a.world->committer);
    page(&a, ROLE_PERSON, "P-3", "form-1");
    assert_true(ask(&a, "POST", "/v1/person/pause", "{}"));
    assert_true(is_paused(&a)); /* the first one's answer */
    assert_int_equal(committer_log_size(a.world->committer), size);
    assert_true(ask(&a, "GET", "/v1/person", NULL));
    assert_false(is_paused(&a)); /* and nothing was done again */
    page(&a, ROLE_PERSON, "P-3", "form-1");
    assert_false(ask(&a, "POST", "/v1/person/resume", "{}")); /* the key of another question */
    assert_string_equal(a.call.reason, "request.key_reused");
    page(&a, ROLE_PERSON, "P-3", "form-2");
    assert_true(ask(&a, "POST", "/v1/person/pause", "{}"));
    assert_true(committer_log_size(a.world->committer) > size);
    page(&a, ROLE_PERSON, "P-4", "form-1"); /* somebody else's key of the same text */
    assert_true(ask(&a, "GET", "/v1/person", NULL));
    assert_true(ask(&a, "POST", "/v1/person/pause", "{}"));
    end(&a);
}

static void looks_of_staff_are_told(void **state)
{
    struct asking a;
    begin(&a, *state);
    page(&a, ROLE_OFFICER, NULL, NULL);
    a.call.asking_person = BYTES("P-5");
    uint64_t size = committer_log_size(a.world->committer);
    assert_true(ask(&a, "GET", "/v1/consents", NULL));
    assert_int_equal(committer_log_size(a.world->committer), size + 1);
    a.call.asking_person = BYTES_NONE;
    assert_false(ask(&a, "GET", "/v1/consents?x", NULL));
    assert_int_equal(committer_log_size(a.world->committer), size + 1);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_as_who_is_signed_in, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(refusals_are_those_of_the_api, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(a_form_that_comes_twice_is_done_once, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(looks_of_staff_are_told, api_world_setup, api_world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
