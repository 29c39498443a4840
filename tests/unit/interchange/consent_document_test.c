#include "interchange/consent_document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../consent/notice_fixture.h"
#include "document_fixture.h"

/* What is written reads back, and is then written the same, in every state. */
static void every_state_comes_back(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL);
    for (size_t i = 0; i < COUNT_OF(document_fixture_states); i++) {
        struct document_fixture f;
        struct consent_document back;
        struct arena arena = { 0 };
        struct error e = { 0 };
        json_t *made = NULL, *again = NULL;
        document_fixture_init(&f, notice, document_fixture_states[i]);
        f.document.has_prev = i % 2 == 0;
        f.document.has_erase_at = i % 3 == 0;
        f.document.erase_at_ms = 1830000000000;
        f.events[0].signature = BYTES("c2lnbmVk");
        f.events[0].signature_algorithm = BYTES("ed25519");
        f.events[0].signature_key = BYTES("k1");
        assert_true(consent_document_write(&f.document, &made, &e));
        if (!consent_document_read(made, &arena, &back, &e)) {
            fail_msg("state %zu: %s: %s", i, e.where, e.what);
        }
        assert_int_equal(back.state, document_fixture_states[i]);
        assert_int_equal(back.event_count, f.document.event_count);
        assert_true(consent_document_write(&back, &again, &e));
        assert_true(json_equal(made, again));
        json_decref(made);
        json_decref(again);
        arena_clear(&arena);
    }
    notice_drop(notice);
}

static void has_the_form_of_the_reference(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL);
    struct document_fixture f;
    struct error e;
    json_t *made = NULL;
    document_fixture_init(&f, notice, CONSENT_GIVEN);
    assert_true(consent_document_write(&f.document, &made, &e));
    const char *const keys[] = { "v",         "id",         "person",    "notice", "holder",   "recipient", "purpose",    "status",
                                 "validFrom", "validUntil", "decisions", "use",    "separate", "events",    "prevSha256", "sha256" };
    assert_int_equal(json_object_size(made), COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_non_null(json_object_get(made, keys[i]));
    }
    assert_string_equal(json_string_value(json_object_get(made, "status")), "given");
    assert_string_equal(json_string_value(json_object_get(made, "validFrom")), "2026-11-24T08:00:00Z");
    json_t *separate = json_pack("[s, s, s, s]", "sensitive", "provide", "border", "minor");
    assert_true(json_equal(json_object_get(made, "separate"), separate));
    json_t *decided = json_array_get(json_object_get(made, "events"), 1);
    assert_string_equal(json_string_value(json_object_get(decided, "type")), "given");
    assert_string_equal(json_string_value(json_object_get(json_object_get(decided, "by"), "relation")), "mother");
    assert_int_equal(consent_document_time(&f.document, CONSENT_GIVEN), 1795507200000);
    assert_int_equal(consent_document_time(&f.document, CONSENT_WITHDRAWN), 0);
    assert_ptr_equal(consent_document_decision_event(&f.document), &f.events[1]);
    json_decref(separate);
    json_decref(made);
    notice_drop(notice);
}

static void refuses_what_was_changed(void **state)
{
    (void)state;
    const struct {
        const char *patch, *where;
    } rows[] = {
        { "{\"status\":\"refused\"}", "consent: /sha256" },
        { "{\"sha256\":null}", "consent: /sha256" },
        { "{\"status\":\"perhaps\"}", "consent: /status" },
        { "{\"v\":2}", "consent: /v" },
        { "{\"surprise\":1}", "consent" },
        { "{\"person\":{\"ref\":\"\"}}", "consent: /person/ref" },
        { "{\"notice\":{\"sha256\":null}}", "consent: /notice/sha256" },
        { "{\"notice\":{\"revision\":0}}", "consent: /notice/revision" },
        { "{\"decisions\":[]}", "consent: /decisions" },
        { "{\"decisions\":[{\"category\":\"pd:Name\",\"decision\":\"given\"}]}", "consent: /decisions/0/category" },
        { "{\"validUntil\":\"2020-01-01T00:00:00Z\"}", "consent: /validUntil" },
        { "{\"validUntil\":null}", "consent: /validUntil" },
        { "{\"separate\":[\"sensitive\",\"whatever\"]}", "consent: /separate/1" },
        { "{\"events\":[{\"seq\":1,\"type\":\"given\",\"by\":{\"role\":\"person\"}}]}", "consent: /events/0/at" },
        { "{\"use\":{\"mode\":\"all\"}}", "consent: /use/mode" },
    };
    struct notice *notice = notice_fixture(NULL);
    struct document_fixture f;
    struct error e;
    json_t *made = NULL;
    document_fixture_init(&f, notice, CONSENT_GIVEN);
    assert_true(consent_document_write(&f.document, &made, &e));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena = { 0 };
        struct consent_document back;
        json_t *changed = json_deep_copy(made), *patch = json_loads(rows[i].patch, 0, NULL);
        assert_non_null(patch);
        notice_fixture_merge(changed, patch);
        if (consent_document_read(changed, &arena, &back, &e) || e.kind != ERROR_INPUT || strcmp(e.where, rows[i].where) != 0) {
            fail_msg("row %zu: %s: %s", i, e.where, e.what);
        }
        json_decref(patch);
        json_decref(changed);
        arena_clear(&arena);
    }
    json_decref(made);
    f.document.person = BYTES("p\xff");
    assert_false(consent_document_write(&f.document, &made, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    notice_drop(notice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_comes_back),
        cmocka_unit_test(has_the_form_of_the_reference),
        cmocka_unit_test(refuses_what_was_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
