#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "portal/template.h"

static const char english[] =
    "{\"language.name\":\"English\",\"language.direction\":\"ltr\",\"language.plurals\":\"one\",\"language.thousands\":\",\","
    "\"language.months\":\"January|February|March|April|May|June|July|August|September|October|November|December\","
    "\"language.digits\":\"0|1|2|3|4|5|6|7|8|9\",\"language.date\":\"{day} {month} {year}\","
    "\"language.moment\":\"{day} {month} {year}, {hour}:{minute} UTC\",\"plain\":\"A & B\",\"hello\":\"Dear {name}, {name}!\","
    "\"uses#one\":\"One use\",\"uses#other\":\"{count} uses\",\"since\":\"since {at:date}\",\"state.given\":\"Given <now>\","
    "\"term.pd:Health\":\"Health\"}";

static struct catalogues *catalogues;
static const struct catalogue *texts;

static int set_up(void **state)
{
    struct error e = { 0 };
    (void)state;
    catalogues = catalogues_make();
    assert_non_null(catalogues);
    if (!catalogues_add(catalogues, "en", bytes_of_text(english), NULL, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    texts = catalogues_at(catalogues, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    catalogues_free(catalogues);
    return 0;
}

/* The page; heap. NULL: refused, and `e` says why. */
static char *render(const struct template_source *sources, size_t count, const char *json, size_t size_max, struct error *e)
{
    struct templates *templates = NULL;
    struct buffer out;
    json_t *data = json_loads(json, JSON_DECODE_ANY, NULL);
    char *text = NULL;
    assert_non_null(data);
    *e = (struct error){ 0 };
    buffer_init(&out, size_max);
    if (templates_make(&templates, sources, count, e) &&
        template_render(templates, sources[0].name, count > 1 ? sources[1].name : NULL, data, texts, &out, e)) {
        buffer_append_u8(&out, 0);
        text = out.failed ? NULL : strdup((const char *)out.data);
    }
    buffer_clear(&out);
    templates_free(templates);
    json_decref(data);
    return text;
}

static void expect(const char *template, const char *json, const char *wanted)
{
    struct error e;
    const struct template_source source = { "page", bytes_of_text(template) };
    char *found = render(&source, 1, json, 65536, &e);
    if (found == NULL || strcmp(found, wanted) != 0) {
        fail_msg("%s with %s: got '%s' (%s), want '%s'", template, json, found == NULL ? "" : found, e.what, wanted);
    }
    free(found);
}

static void known_answers(void **state) /* of mustache(5), and of our own */
{
    static const char *const row[][3] = {
        { "", "{}", "" },
        { "no tag { } }} {", "{}", "no tag { } }} {" },
        { "<p>{{a}}</p>", "{\"a\":\"<b> & \\\"c\\\" 'd' `e`\"}", "<p>&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; &#96;e&#96;</p>" },
        { "{{a}}{{b}}{{c}}{{d}}", "{\"a\":1,\"b\":true,\"c\":null,\"d\":-0.5}", "1true-0.5" },
        { "{{ a.b.c }}|{{a.x}}|{{x.y}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep||" },
        { "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\":false}", "y" },
        { "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\":[]}", "y" },
        { "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\":\"\"}", "y" },
        { "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\":0}", "y" },
        { "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\":{}}", "x" },
        { "{{#a}}<{{.}}>{{/a}}", "{\"a\":[1,\"&\",3]}", "<1><&amp;><3>" },
        { "{{#a}}{{b}}{{c}} {{/a}}", "{\"c\":\"!\",\"a\":[{\"b\":1},{\"b\":2,\"c\":\"?\"}]}", "1! 2? " },
        { "{{#a}}{{#b}}{{x}}{{/b}}{{/a}}", "{\"a\":{\"b\":{\"x\":1}},\"b\":{\"x\":2}}", "1" },
        { "a\n  {{#a}}\nb\n  {{/a}}\nc\n", "{\"a\":true}", "a\nb\nc\n" },
        { "a\r\n{{#a}}\r\nb\r\n{{/a}}\r\nc", "{\"a\":true}", "a\r\nb\r\nc" },
        { "{{#a}}{{/a}}\n", "{\"a\":1}", "\n" },
        { "a {{! not\nseen }}b\n{{! alone }}\nc", "{}", "a b\nc" },
        { "{{#a}}x{{/a}} y\n", "{\"a\":true}", "x y\n" },
        { "{{t.plain}}", "{}", "A &amp; B" },
        { "{{t.hello}}", "{\"name\":\"<Eve>\"}", "Dear &lt;Eve&gt;, &lt;Eve&gt;!" },
        { "{{t.hello}}", "{\"name\":\"{name}\"}", "Dear {name}, {name}!" },
        { "{{t.uses}}", "{\"count\":1}", "One use" },
        { "{{t.uses}}", "{\"count\":12345}", "12,345 uses" },
        { "{{t.since}}", "{\"at\":\"2026-11-04T15:39:10Z\"}", "since 4 November 2026" },
        { "{{t.absent}}", "{}", "absent" },
        { "{{a:date}}|{{a:time}}", "{\"a\":\"2026-11-24T15:09:10.123Z\"}", "24 November 2026|24 November 2026, 15:09 UTC" },
        { "{{a:date}}", "{\"a\":\"<soon>\"}", "&lt;soon&gt;" },
        { "{{a:date}}{{b:date}}", "{\"a\":null}", "" },
        { "{{a:number}} {{b:number}}", "{\"a\":1234567,\"b\":\"<7>\"}", "1,234,567 &lt;7&gt;" },
        { "?x={{a:url}}", "{\"a\":\"a/b&c=\\\"\xc3\xa9 \"}", "?x=a%2Fb%26c%3D%22%C3%A9%20" },
        { "{{a:t.state}} {{b:t.state}}", "{\"a\":\"given\",\"b\":\"<x>\"}", "Given &lt;now&gt; &lt;x&gt;" },
        { "{{a:t}}", "{\"a\":\"plain\"}", "A &amp; B" },
        { "{{a:term}} {{b:term}}", "{\"a\":\"pd:Health\",\"b\":\"pd:<x>\"}", "Health &lt;x&gt;" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        expect(row[i][0], row[i][1], row[i][2]);
    }
}

static void refuses_what_it_does_not_know(void **state)
{
    static const char *const row[][2] = {
        { "a\n{{{b}}}", "page:2" },
        { "{{&b}}", "page:1" },
        { "{{=<% %>=}}", "page:1" },
        { "{{b", "page:1" },
        { "{{#b}}", "page:1" },
        { "\n\n{{/b}}", "page:3" },
        { "{{#a}}{{#b}}{{/a}}", "page:1" },
        { "{{a b}}", "page:1" },
        { "{{}}", "page:1" },
        { "{{a:nonsense}}", "page:1" },
        { "{{a..b}}", "page:1" },
        { "{{.a}}", "page:1" },
        { "\xff", "page:1" },
        { "{{#}}{{/}}", "page:1" },
        { "{{>}}", "page:1" },
        { "{{a:}}", "page:1" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e;
        const struct template_source source = { "page", bytes_of_text(row[i][0]) };
        char *found = render(&source, 1, "{}", 1024, &e);
        if (found != NULL || e.kind != ERROR_INPUT || strcmp(e.where, row[i][1]) != 0 || e.what[0] == '\0') {
            fail_msg("row %zu: '%s', %d at %s", i, found == NULL ? "" : found, e.kind, e.where);
        }
    }
}

static void templates_in_each_other(void **state)
{
    struct error e;
    const struct template_source sources[] = { { "layout", BYTES("[{{>content}}]{{>foot}}") },
                                               { "home", BYTES("{{a}}{{>foot}}") },
                                               { "foot", BYTES("-{{a}}") } };
    (void)state;
    char *found = render(sources, 3, "{\"a\":\"<\"}", 1024, &e);
    assert_non_null(found);
    assert_string_equal(found, "[&lt;-&lt;]-&lt;");
    free(found);
    const struct template_source absent[] = { { "layout", BYTES("{{>nobody}}") } };
    assert_null(render(absent, 1, "{}", 1024, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    const struct template_source endless[] = { { "layout", BYTES("x{{>layout}}") } };
    assert_null(render(endless, 1, "{}", 65536, &e));
    assert_int_equal(e.kind, ERROR_FULL);
}

/* At each limit it works, one past it refuses. */
static void limits(void **state)
{
    struct error e;
    char text[64 * (TEMPLATE_DEPTH_MAX + 1)];
    (void)state;
    for (size_t depth = TEMPLATE_DEPTH_MAX; depth <= TEMPLATE_DEPTH_MAX + 1; depth++) {
        size_t at = 0;
        for (size_t i = 0; i < 2 * depth; i++) {
            at += (size_t)snprintf(text + at, sizeof text - at, i < depth ? "{{#a}}" : "{{/a}}");
        }
        const struct template_source source = { "page", bytes_of_text(text) };
        char *found = render(&source, 1, "{\"a\":true}", 1024, &e);
        assert_int_equal(found != NULL, depth == TEMPLATE_DEPTH_MAX);
        free(found);
    }
    const struct template_source page = { "page", BYTES("{{a}}") };
    char *found = render(&page, 1, "{\"a\":\"123\"}", 4, &e); /* and the NUL */
    assert_non_null(found);
    free(found);
    assert_null(render(&page, 1, "{\"a\":\"12345\"}", 4, &e));
    assert_int_equal(e.kind, ERROR_FULL);
}

struct keys {
    char found[256];
};

static void take_key(void *context, const char *template, struct bytes key)
{
    struct keys *keys = context;
    size_t at = strlen(keys->found);
    (void)snprintf(keys->found + at, sizeof keys->found - at, "%s/%.*s ", template, BYTES_FMT(key));
}

static void names_each_text(void **state)
{
    struct error e = { 0 };
    struct keys keys = { "" };
    struct templates *templates = NULL;
    const struct template_source sources[] = { { "a", BYTES("{{t.x.y}}{{#b}}{{t.z}}{{/b}}") }, { "c", BYTES("{{t.x.y}}{{t}}") } };
    (void)state;
    assert_true(templates_make(&templates, sources, 2, &e));
    templates_each_text(templates, take_key, &keys);
    assert_string_equal(keys.found, "a/x.y a/z c/x.y ");
    templates_free(templates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),           cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(templates_in_each_other), cmocka_unit_test(limits),
        cmocka_unit_test(names_each_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
