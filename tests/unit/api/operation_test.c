/* Operations as JSON: what each does on a real store and log, and each kind of bad request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/operation.h"
#include "base/time.h"
#include "world.h"

#define PERSON "PNR-1980-0001"
#define GIVE(more) "{\"decision\":\"give\",\"person\":\"" PERSON "\",\"recipient\":\"X/Y/Z\",\"purpose\":\"dpv:MedicalHealth\"" more "}"

static bool run(struct api_world *w, operation *function, const char *request, json_t **answer, struct error *e)
{
    const struct operation_context context = { .consents = w->consents, .uses = w->uses };
    json_t *in = NULL;
    if (request != NULL) {
        in = json_loads(request, 0, NULL);
        assert_non_null(in);
    }
    *e = (struct error){ 0 };
    bool ok = function(&context, in, answer, e);
    json_decref(in);
    assert_true(ok == (*answer != NULL));
    return ok;
}

static json_t *must_run(struct api_world *w, operation *function, const char *request)
{
    json_t *answer = NULL;
    struct error e;
    char text[sizeof e];
    if (!run(w, function, request, &answer, &e)) {
        fail_msg("%s: %s", request, error_text(&e, text, sizeof text));
    }
    return answer;
}

static void text_of(const json_t *answer, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(answer, key));
    assert_non_null(text);
    (void)snprintf(out, size, "%s", text);
}

static void life_of_a_consent(void **state)
{
    struct api_world *w = *state;
    char id[64], request[256];
    json_t *answer = must_run(w, operation_decide, GIVE(",\"categories\":[\"pd:Health\",\"pd:Vaccination\"]"));
    text_of(answer, "id", id, sizeof id);
    assert_int_equal(json_integer_value(json_object_get(answer, "log_index")), 0);
    json_decref(answer);

    (void)snprintf(request, sizeof request, "{\"id\":\"%s\"}", id);
    answer = must_run(w, operation_list, request);
    const json_t *rows = json_object_get(answer, "consents"), *row = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(json_object_get(row, "purpose")), "https://w3id.org/dpv#MedicalHealth");
    assert_string_equal(json_string_value(json_object_get(row, "person")), PERSON);
    int64_t from_ms = 0, until_ms = 0;
    assert_true(time_parse(bytes_of_text(json_string_value(json_object_get(row, "valid_from"))), &from_ms));
    assert_true(time_parse(bytes_of_text(json_string_value(json_object_get(row, "valid_until"))), &until_ms));
    assert_int_equal(until_ms - from_ms, 365LL * 86400000);
    json_decref(answer);

    (void)snprintf(request, sizeof request, "{\"id\":\"%s\",\"category\":\"pd:Health\"}", id);
    answer = must_run(w, operation_withdraw, request);
    assert_true(json_is_true(json_object_get(answer, "changed")));
    json_decref(answer);
    answer = must_run(w, operation_withdraw, request);
    assert_true(json_is_false(json_object_get(answer, "changed")));
    assert_true(json_is_null(json_object_get(answer, "log_index")));
    json_decref(answer);

    answer = must_run(w, operation_withdraw_all, "{\"person\":\"" PERSON "\"}");
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), 1);
    json_decref(answer);
}

static void uses_and_their_limit(void **state)
{
    struct api_world *w = *state;
    for (int i = 0; i < 3; i++) {
        json_decref(must_run(w, operation_decide, GIVE(",\"categories\":[\"pd:Health\"]")));
    }
    json_t *answer = must_run(w, operation_uses, "{\"person\":\"" PERSON "\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "uses")), 3);
    assert_int_equal(json_integer_value(json_object_get(answer, "lag")), 0);
    json_decref(answer);
    answer = must_run(w, operation_uses, "{\"person\":\"" PERSON "\",\"last\":2}");
    const json_t *uses = json_object_get(answer, "uses");
    assert_int_equal(json_array_size(uses), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(uses, 1), "log_index")), 2); /* the newest last */
    json_decref(answer);
    answer = must_run(w, operation_uses, "{\"person\":\"nobody\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "uses")), 0);
    json_decref(answer);
}

static void nothing_is_there(void **state)
{
    struct api_world *w = *state;
    json_t *answer = must_run(w, operation_list, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "consents")), 0);
    json_decref(answer);
    struct error e;
    assert_false(run(w, operation_list, "{\"id\":\"c-00000000000000000000000000000000\"}", &answer, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(run(w, operation_withdraw, "{\"id\":\"c-00000000000000000000000000000000\"}", &answer, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

static void bad_requests(void **state)
{
    static const struct {
        operation *run;
        const char *request, *error;
    } row[] = {
        { operation_decide, "[]", "request: is no JSON object" },
        { operation_decide, "{\"persons\":1}", "request: unknown key 'persons'" },
        { operation_decide, "{}", "decision: must be a text" },
        { operation_decide, "{\"decision\":\"maybe\"}", "decision: must be give or refuse" },
        { operation_decide, "{\"decision\":\"give\"}", "person: must be a text" },
        { operation_decide, "{\"decision\":\"give\",\"person\":\"\"}", "person: must have 1 to 512 bytes" },
        { operation_decide, "{\"decision\":\"give\",\"person\":7}", "person: must be a text" },
        { operation_decide, "{\"decision\":\"give\",\"person\":\"p\",\"recipient\":\"A/B\"}", "recipient: is no member" },
        { operation_decide, "{\"decision\":\"give\",\"person\":\"p\",\"recipient\":\"A/B/C\"}", "purpose: '' is no IRI" },
        { operation_decide, "{\"decision\":\"give\",\"person\":\"p\",\"recipient\":\"A/B/C\",\"purpose\":\"no such\"}",
          "purpose: 'no such' is no IRI" },
        { operation_decide, GIVE(""), "categories: must be a list of 1 to 64 IRIs" },
        { operation_decide, GIVE(",\"categories\":\"pd:Health\""), "categories: must be a list" },
        { operation_decide, GIVE(",\"categories\":[1]"), "categories: '' is no IRI" },
        /* The same one, short and in full. */
        { operation_decide, GIVE(",\"categories\":[\"pd:Health\",\"https://w3id.org/dpv/pd#Health\"]"),
          "categories: 'https://w3id.org/dpv/pd#Health' is there twice" },
        { operation_decide, GIVE(",\"categories\":[\"pd:Health\"],\"valid_until\":\"soon\""), "valid_until: is no time" },
        { operation_decide, GIVE(",\"categories\":[\"pd:Health\"],\"valid_until\":\"2020-01-01T00:00:00Z\""),
          "valid_until: is over already" },
        { operation_list, "{\"person\":\"\"}", "person: must have 1 to 512 bytes" },
        { operation_list, "{\"who\":\"x\"}", "request: unknown key 'who'" },
        { operation_withdraw, "{}", "id: must be a text" },
        { operation_withdraw, "{\"id\":\"c-1\",\"category\":\"x y\"}", "category: 'x y' is no IRI" },
        { operation_withdraw_all, "{}", "person: must be a text" },
        { operation_uses, "{}", "person: must be a text" },
        { operation_uses, "{\"person\":\"p\",\"last\":0}", "last: must be a whole number from 1" },
        { operation_uses, "{\"person\":\"p\",\"last\":\"2\"}", "last: must be a whole number from 1" },
    };
    struct api_world *w = *state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        json_t *answer = NULL;
        struct error e;
        char text[sizeof e];
        if (run(w, row[i].run, row[i].request, &answer, &e)) {
            json_decref(answer);
            fail_msg("row %zu was taken; want: %s", i, row[i].error);
        }
        (void)error_text(&e, text, sizeof text);
        if (e.kind != ERROR_INPUT || strncmp(text, row[i].error, strlen(row[i].error)) != 0 || strstr(text, PERSON) != NULL) {
            fail_msg("row %zu: %s\n    want: %s", i, text, row[i].error);
        }
    }
    json_t *answer = must_run(w, operation_list, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "consents")), 0); /* none of it left a trace */
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(life_of_a_consent, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(uses_and_their_limit, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_there, api_world_setup, api_world_teardown),
        cmocka_unit_test_setup_teardown(bad_requests, api_world_setup, api_world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
