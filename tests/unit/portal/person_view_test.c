#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "portal/asset.h"
#include "portal/person_consent_internal.h"

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

static void members_have_names(void **state)
{
    json_t *name = json_string("Aurora Clinic"),
           *found[] = { view_member(name, "A/B/C"), view_member(json_null(), "A/B/C%20D/E"), view_member(NULL, "A/B"),
                        view_member(NULL, "A/B/%FF/E"), view_community("A%C3%A9/B/C") };
    static const char *const wanted[] = { "Aurora Clinic", "C D", "A/B", "A/B/%FF/E", "A\xc3\xa9" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(json_string_value(found[i]), wanted[i]);
        json_decref(found[i]);
    }
    json_decref(name);
}

static void texts_are_the_readers_or_english(void **state)
{
    json_t *texts = parse("{\"en\":\"to treat\",\"fr\":\"soigner\"}"), *only = parse("{\"sw\":\"kutibu\"}"), *none = json_object();
    json_t *french = view_text(texts, "fr"), *english = view_text(texts, "ar"), *any = view_text(only, "zh");
    (void)state;
    assert_string_equal(text_at(french, "text"), "soigner");
    assert_string_equal(text_at(english, "language"), "en");
    assert_string_equal(text_at(any, "language"), "sw");
    assert_null(view_text(none, "en"));
    json_decref(french);
    json_decref(english);
    json_decref(any);
    json_decref(texts);
    json_decref(only);
    json_decref(none);
}

#define ROW(time, verdict, reason, why)                                                                                                    \
    "{\"kind\":\"exchange\",\"entry\":1,\"answerEntry\":2,\"time\":\"" time                                                                \
    "\",\"client\":\"A/B/C/D\",\"clientName\":null,\"verdict\":\"" verdict "\","                                                           \
    "\"reason\":" reason ",\"released\":[],\"withheld\":[{\"category\":\"x\",\"reason\":\"consent.none\"}],\"basis\":[],\"why\":" why      \
    ",\"consents\":[\"c-1\",\"c-1\",\"c-2\"],\"claim\":null}"

static void days_begin_with_the_newest_and_say_the_whole_reason(void **state)
{
    struct catalogues *all = catalogues_make();
    struct error e = { 0 };
    (void)state;
    assert_true(catalogues_add(all, portal_languages[0].name, portal_languages[0].text, NULL, &e));
    json_t *uses = parse("[" ROW("2026-11-23T23:59:59Z", "permit", "null", "[]") "," ROW(
        "2026-11-24T00:00:01Z", "refuse", "\"consent.none\"",
        "[{\"category\":\"x\",\"reason\":\"consent.withdrawn\"}]") "," ROW("2026-11-24T10:00:00Z", "refuse", "\"nobody.knows\"", "[]") "]");
    json_t *days = view_days(uses, catalogues_at(all, 0));
    assert_int_equal(json_array_size(days), 2);
    const json_t *newest = json_object_get(json_array_get(days, 0), "uses");
    assert_int_equal(json_array_size(newest), 2);
    assert_string_equal(text_at(json_array_get(newest, 0), "reason_key"), "reason.other");
    const json_t *withdrawn = json_array_get(newest, 1);
    assert_string_equal(text_at(withdrawn, "reason_key"), "reason.consent.withdrawn");
    assert_string_equal(text_at(json_array_get(json_object_get(withdrawn, "held_back"), 0), "reason_key"), "reason.consent.withdrawn");
    assert_int_equal(json_array_size(json_object_get(withdrawn, "records")), 2);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(json_array_get(days, 1), "uses"), 0), "is_nothing")));
    json_decref(days);
    json_decref(uses);
    catalogues_free(all);
}

static void links_of_others_do_no_harm(void **state)
{
    static const struct {
        const char *contact, *link;
    } row[] = { { "mailto:a@b.example", "mailto:a@b.example" },
                { "https://b.example/", "https://b.example/" },
                { "javascript:alert(1)", "" },
                { "JavaScript:alert(1)", "" },
                { " https://b.example/", "" },
                { "data:text/html,x", "" } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        json_t *notice = json_pack("{s:{s:s, s:s}}", "recipient", "member", "A/B/C", "contact", row[i].contact);
        json_t *view = view_notice(notice, "en");
        assert_non_null(view);
        assert_string_equal(text_at(json_object_get(json_object_get(view, "recipient"), "contact"), "link"), row[i].link);
        json_decref(view);
        json_decref(notice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_have_names),
        cmocka_unit_test(texts_are_the_readers_or_english),
        cmocka_unit_test(days_begin_with_the_newest_and_say_the_whole_reason),
        cmocka_unit_test(links_of_others_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
