#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "portal/asset.h"
#include "portal/catalogue.h"
#include "portal/pages.h"

static struct catalogues *built_in(void)
{
    struct error e = { 0 };
    struct catalogues *all = catalogues_make();
    assert_non_null(all);
    for (size_t i = 0; i < portal_language_count; i++) {
        size_t lacking = 1;
        if (!catalogues_add(all, portal_languages[i].name, portal_languages[i].text, &lacking, &e) || lacking != 0) {
            fail_msg("%s: %zu lacking; %s: %s", portal_languages[i].name, lacking, e.where, e.what);
        }
    }
    return all;
}

static void plurals_known_answers(void **state) /* CLDR 44, supplemental/plurals.xml: the samples of each category */
{
    static const struct {
        const char *language;
        int64_t count;
        enum plural wanted;
    } row[] = {
        { "en", 0, PLURAL_OTHER },      { "en", 1, PLURAL_ONE },         { "en", 2, PLURAL_OTHER },    { "en", 1000000, PLURAL_OTHER },
        { "sw", 0, PLURAL_OTHER },      { "sw", 1, PLURAL_ONE },         { "sw", 16, PLURAL_OTHER },   { "zh", 0, PLURAL_OTHER },
        { "zh", 1, PLURAL_OTHER },      { "fr", 0, PLURAL_ONE },         { "fr", 1, PLURAL_ONE },      { "fr", 2, PLURAL_OTHER },
        { "fr", 1000000, PLURAL_MANY }, { "fr", 1000001, PLURAL_OTHER }, { "ar", 0, PLURAL_ZERO },     { "ar", 1, PLURAL_ONE },
        { "ar", 2, PLURAL_TWO },        { "ar", 3, PLURAL_FEW },         { "ar", 10, PLURAL_FEW },     { "ar", 11, PLURAL_MANY },
        { "ar", 26, PLURAL_MANY },      { "ar", 99, PLURAL_MANY },       { "ar", 100, PLURAL_OTHER },  { "ar", 102, PLURAL_OTHER },
        { "ar", 103, PLURAL_FEW },      { "ar", 111, PLURAL_MANY },      { "ar", 1000, PLURAL_OTHER }, { "ar", 1003, PLURAL_FEW },
        { "ar", -3, PLURAL_FEW },
    };
    (void)state;
    struct catalogues *all = built_in();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        enum plural found = catalogue_plural(catalogues_find(all, bytes_of_text(row[i].language)), row[i].count);
        if (found != row[i].wanted) {
            fail_msg("%s %lld: %d, want %d", row[i].language, (long long)row[i].count, found, row[i].wanted);
        }
    }
    catalogues_free(all);
}

static void numbers_and_dates(void **state)
{
    static const struct {
        const char *language;
        int64_t number;
        const char *wanted, *day, *moment;
    } row[] = {
        { "en", 1234567, "1,234,567", "5 November 2026", "5 November 2026, 07:09 UTC" },
        { "en", -12345,
          "\xe2\x88\x92"
          "12,345",
          "5 November 2026", "5 November 2026, 07:09 UTC" },
        { "en", 2026, "2026", "5 November 2026", "5 November 2026, 07:09 UTC" },
        { "en", INT64_MIN,
          "\xe2\x88\x92"
          "9,223,372,036,854,775,808",
          "5 November 2026", "5 November 2026, 07:09 UTC" },
        { "fr", 12345,
          "12\xe2\x80\xaf"
          "345",
          "5 novembre 2026", "5 novembre 2026 à 07:09 UTC" },
        { "sw", 0, "0", "5 Novemba 2026", "5 Novemba 2026, 07:09 UTC" },
        { "zh", 12345, "12,345", "2026年11月5日", "2026年11月5日 07:09 UTC" },
        { "ar", 12345, "١٢٬٣٤٥", "٥ نوفمبر ٢٠٢٦", "٥ نوفمبر ٢٠٢٦، ٠٧:٠٩ UTC" },
    };
    (void)state;
    struct catalogues *all = built_in();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const struct catalogue *one = catalogues_find(all, bytes_of_text(row[i].language));
        struct buffer out;
        char text[256];
        buffer_init(&out, sizeof text);
        catalogue_append_number(one, row[i].number, &out);
        buffer_append_u8(&out, '|');
        catalogue_append_time(one, 1793862540000, false, &out);
        buffer_append_u8(&out, '|');
        catalogue_append_time(one, 1793862540000, true, &out);
        buffer_append_u8(&out, '\0');
        (void)snprintf(text, sizeof text, "%s|%s|%s", row[i].wanted, row[i].day, row[i].moment);
        assert_string_equal((const char *)out.data, text);
        buffer_clear(&out);
    }
    catalogues_free(all);
}

static void chooses_by_what_is_accepted(void **state) /* RFC 9110 12.5.4 */
{
    static const char *const row[][2] = {
        { "", "en" },
        { "fr", "fr" },
        { "fr-CA, en;q=0.5", "fr" },
        { "de, sw;q=0.2, ar;q=0.8", "ar" },
        { "zh-Hans-CN", "zh" },
        { "ZH-cn", "zh" },
        { "en;q=0.1, fr;q=0.100, sw;q=0.11", "sw" },
        { "fr;q=0, sw;q=0.001", "sw" },
        { "fr;q=x, sw;q=0.1", "sw" },
        { "*", "en" },
        { "xx-yy-zz, , ;q=1, fr;level=1;q=0.4", "fr" },
        { "de", "en" },
        { "-, -fr, fr-, f", "fr" },
    };
    (void)state;
    struct catalogues *all = built_in();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const char *found = catalogue_name(catalogues_choose(all, bytes_of_text(row[i][0])));
        if (strcmp(found, row[i][1]) != 0) {
            fail_msg("'%s': %s, want %s", row[i][0], found, row[i][1]);
        }
    }
    assert_null(catalogues_find(all, BYTES_NONE));
    assert_null(catalogues_find(all, BYTES("../en")));
    catalogues_free(all);
}

#define RULES                                                                                                                                 \
    "\"language.name\":\"X\",\"language.direction\":\"ltr\",\"language.plurals\":\"one\",\"language.months\":\"1|2|3|4|5|6|7|8|9|10|11|12\"," \
    "\"language.digits\":\"0|1|2|3|4|5|6|7|8|9\",\"language.thousands\":\" \",\"language.date\":\"{day}\",\"language.moment\":\"{hour}\""

/* A translator's file: what is good adds or changes, what is wrong says where. */
static void files_of_translators(void **state)
{
    static const struct {
        const char *name, *text;
        const char *where; /* NULL: it is taken */
    } row[] = {
        { "pt-BR", "{" RULES ",\"layout.dark\":\"Escuro\"}", NULL },
        { "fr", "{" RULES ",\"layout.dark\":\"Noir\"}", NULL },
        { "de", "{" RULES ",\"no.such\":\"x\"}", "languages/de.json: no.such" },
        { "de", "{" RULES ",\"layout.dark\":\"{name}\"}", "languages/de.json: layout.dark" },
        { "de", "{" RULES ",\"layout.dark\":\"}{\"}", "languages/de.json: layout.dark" },
        { "de", "{" RULES ",\"layout.dark\":\"{\"}", "languages/de.json: layout.dark" },
        { "de", "{" RULES ",\"layout.dark\":1}", "languages/de.json: layout.dark" },
        { "de", "{" RULES ",\"layout.dark#umpteen\":\"x\"}", "languages/de.json: layout.dark#umpteen" },
        { "de", "{\"layout.dark\":\"x\"}", "languages/de.json: language.plurals" },
        { "de", "[]", "languages/de.json: line 1" },
        { "de", "{\n\n\"a\"", "languages/de.json: line 3" },
        { "../x", "{" RULES "}", "languages/../x.json: file" },
        { "d", "{" RULES "}", "languages/d.json: file" },
        { "de-", "{" RULES "}", "languages/de-.json: file" },
    };
    (void)state;
    struct catalogues *all = built_in();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e = { 0 };
        size_t lacking = 0;
        bool ok = catalogues_add(all, row[i].name, bytes_of_text(row[i].text), &lacking, &e);
        if (ok != (row[i].where == NULL) || (!ok && strcmp(e.where, row[i].where) != 0) || (ok && lacking == 0)) {
            fail_msg("row %zu: %d, %s: %s", i, ok, e.where, e.what);
        }
    }
    const struct catalogue *brazil = catalogues_find(all, BYTES("pt-BR")), *french = catalogues_find(all, BYTES("fr-CH"));
    assert_int_equal(catalogues_count(all), portal_language_count + 1);
    assert_true(bytes_equal(catalogue_text(brazil, BYTES("layout.dark"), -1), BYTES("Escuro")));
    assert_true(bytes_equal(catalogue_text(brazil, BYTES("layout.light"), -1), BYTES("Light"))); /* English stands in */
    assert_false(catalogue_has(brazil, BYTES("layout.light")));
    assert_true(bytes_equal(catalogue_text(french, BYTES("layout.dark"), -1), BYTES("Noir")));
    assert_null(catalogue_text(brazil, BYTES("no.such"), -1).data);
    catalogues_free(all);
}

static void english_comes_first(void **state)
{
    struct error e = { 0 };
    struct catalogues *all = catalogues_make();
    (void)state;
    assert_non_null(all);
    assert_false(catalogues_add(all, "fr", BYTES("{" RULES "}"), NULL, &e));
    assert_true(catalogues_add(all, "en", BYTES("{" RULES "}"), NULL, &e));
    catalogues_free(all);
}

/* What is built in starts: every template parses, every text that one names is there. */
static void see_key(void *context, const char *template, struct bytes key)
{
    const struct catalogue *texts = context;
    char other[128];
    (void)snprintf(other, sizeof other, "%.*s#other", BYTES_FMT(key));
    if (!catalogue_has(texts, key) && !catalogue_has(texts, bytes_of_text(other))) {
        fail_msg("%s.html names the text %.*s, which no catalogue has", template, BYTES_FMT(key));
    }
}

static void templates_name_texts_that_are_there(void **state)
{
    struct error e = { 0 };
    struct portal *portal = NULL;
    struct templates *templates = NULL;
    (void)state;
    struct catalogues *all = built_in();
    if (!portal_make(&portal, NULL, &e) || !templates_make(&templates, portal_templates, portal_template_count, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    for (size_t i = 0; i < catalogues_count(all); i++) {
        templates_each_text(templates, see_key, (void *)(uintptr_t)catalogues_at(all, i));
    }
    templates_free(templates);
    portal_free(portal);
    catalogues_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plurals_known_answers),       cmocka_unit_test(numbers_and_dates),
        cmocka_unit_test(chooses_by_what_is_accepted), cmocka_unit_test(files_of_translators),
        cmocka_unit_test(english_comes_first),         cmocka_unit_test(templates_name_texts_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
