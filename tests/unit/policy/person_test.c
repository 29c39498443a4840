#include "policy/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(size_t row, const struct policy_service *service, struct bytes path, struct bytes query, const struct field *fields,
                  size_t field_count, struct bytes body, const char *want)
{
    struct arena arena = { 0 };
    struct bytes out;
    bool ok = person_find(service, path, query, fields, field_count, body, &arena, &out);
    if (ok != (want != NULL) || (ok && !bytes_equal(out, bytes_of_text(want)))) {
        fail_msg("row %zu: %d '%.*s', want '%s'", row, ok, BYTES_FMT(out), want != NULL ? want : "nobody");
    }
    if (!ok) {
        assert_int_equal(out.size, 0);
    }
    arena_clear(&arena);
}

static void in_the_path(void **state)
{
    const struct {
        struct bytes template, path;
        const char *want;
    } row[] = {
        { BYTES("/{person}"), BYTES("/PT-1001"), "PT-1001" },
        { BYTES("/{person}"), BYTES("/PT%2d1001"), "PT-1001" },
        { BYTES("/{person}"), BYTES("/PT-1001/"), NULL },
        { BYTES("/{person}"), BYTES("/PT-1001/x"), NULL },
        { BYTES("/{person}"), BYTES("/"), NULL },
        { BYTES("/{person}"), BYTES(""), NULL },
        { BYTES("/{person}"), BYTES("PT-1001"), NULL },
        { BYTES("/{person}/"), BYTES("/a/"), "a" },
        { BYTES("/{person}/"), BYTES("/a"), NULL },
        { BYTES("/{person}/**"), BYTES("/a"), "a" },
        { BYTES("/{person}/**"), BYTES("/a/"), "a" },
        { BYTES("/{person}/**"), BYTES("/a/b/c/"), "a" },
        { BYTES("/patients/{person}/record"), BYTES("/patients/a/record"), "a" },
        { BYTES("/patients/{person}/record"), BYTES("/p%61tients/a/record"), "a" },
        { BYTES("/patients/{person}/record"), BYTES("/others/a/record"), NULL },
        { BYTES("/patients/{person}/record"), BYTES("/patients/a"), NULL },
        { BYTES("/*/{person}/*"), BYTES("/x/a/y"), "a" },
        { BYTES("/*/{person}/*"), BYTES("/x/a/"), NULL },
        { BYTES("/{person}/**"), BYTES("/%c3%a4%20b"), "\xc3\xa4 b" },
        { BYTES("/{person}/**"), BYTES("/a/../b"), NULL }, /* the service could answer about b */
        { BYTES("/{person}/**"), BYTES("/a/%2e%2e/b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/..;x/b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/./b"), NULL },
        { BYTES("/{person}/**"), BYTES("//b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a//b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a%2Fb"), NULL },
        { BYTES("/{person}/**"), BYTES("/a\\b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/x%2Fy"), NULL },
        { BYTES("/{person}/**"), BYTES("/.."), NULL },
        { BYTES("/{person}/**"), BYTES("/a%0Ab"), NULL },
        { BYTES("/{person}/**"), BYTES("/a%c2%85"), NULL },
        { BYTES("/{person}/**"), BYTES("/a%7f"), NULL },
        { BYTES("/{person}/**"), BYTES("/%ff"), NULL },
        { BYTES("/{person}/**"), BYTES("/%4"), NULL },
        { BYTES("/{person}/**"), BYTES("/%00"), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct policy_service service = { .person_place = PERSON_PATH, .person_template = row[i].template };
        check(i, &service, row[i].path, BYTES_NONE, NULL, 0, BYTES_NONE, row[i].want);
    }
}

static void in_the_query(void **state)
{
    const struct {
        struct bytes query;
        const char *want;
    } row[] = {
        { BYTES("id=a"), "a" },           { BYTES("x=1&id=a&y"), "a" },  { BYTES("id=%61%20b"), "a b" }, { BYTES("%69d=a"), "a" },
        { BYTES("id=a=b"), "a=b" },       { BYTES("id=a%2Bb"), "a+b" },  { BYTES("id=a+b"), NULL },      { BYTES("id=a&id=a"), NULL },
        { BYTES("id=a&%69d=b"), NULL },   { BYTES("id=a&ID=b"), NULL },  { BYTES("ID=a"), NULL },        { BYTES("id[]=a"), NULL },
        { BYTES("id=a&id[]=b"), NULL },   { BYTES("id="), NULL },        { BYTES("id"), NULL },          { BYTES(""), NULL },
        { BYTES("xid=a"), NULL },         { BYTES("id=a&%zz=1"), NULL }, { BYTES("id=%4"), NULL },       { BYTES("id=%ff"), NULL },
        { BYTES("id=a;id=b"), "a;id=b" }, { BYTES("&&id=a&&"), "a" },
    };
    const struct policy_service service = { .person_place = PERSON_QUERY, .person_name = BYTES("id") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        check(i, &service, BYTES("/"), row[i].query, NULL, 0, BYTES_NONE, row[i].want);
    }
    check(99, &service, BYTES("/"), BYTES_NONE, NULL, 0, BYTES_NONE, NULL);
}

static void in_a_header(void **state)
{
    const struct field fields[] = {
        { BYTES("x-person"), BYTES("a") }, { BYTES("X-Other"), BYTES("b") }, { BYTES("X-Twice"), BYTES("c") },
        { BYTES("x-twice"), BYTES("c") },  { BYTES("X-Empty"), BYTES("") },  { BYTES("X-Bad"), BYTES("\xff") }
    };
    const struct {
        struct bytes name;
        const char *want;
    } row[] = {
        { BYTES("X-Person"), "a" }, { BYTES("x-other"), "b" }, { BYTES("X-Twice"), NULL },
        { BYTES("X-Empty"), NULL }, { BYTES("X-Bad"), NULL },  { BYTES("X-Absent"), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct policy_service service = { .person_place = PERSON_HEADER, .person_name = row[i].name };
        check(i, &service, BYTES("/"), BYTES_NONE, fields, COUNT_OF(fields), BYTES_NONE, row[i].want);
    }
}

static void in_the_body(void **state)
{
    const struct {
        struct bytes pointer, body;
        const char *want;
    } row[] = {
        { BYTES("/id"), BYTES("{\"id\":\"a\"}"), "a" },
        { BYTES("/id"), BYTES("{\"id\":4711}"), "4711" },
        { BYTES("/id"), BYTES("{\"id\":-1}"), "-1" },
        { BYTES("/id"), BYTES("{\"id\":1.5}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":true}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":null}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":[\"a\"]}"), NULL },
        { BYTES("/id/0"), BYTES("{\"id\":[\"a\"]}"), "a" },
        { BYTES("/id/1"), BYTES("{\"id\":[\"a\"]}"), NULL },
        { BYTES("/id/00"), BYTES("{\"id\":[\"a\"]}"), NULL },
        { BYTES("/id/-"), BYTES("{\"id\":[\"a\"]}"), NULL },
        { BYTES("/0"), BYTES("{\"0\":\"a\"}"), "a" },
        { BYTES("/a~1b/m~0n"), BYTES("{\"a/b\":{\"m~n\":\"a\"}}"), "a" },
        { BYTES("/"), BYTES("{\"\":\"a\"}"), "a" },
        { BYTES("/id/x"), BYTES("{\"id\":\"a\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"id\":\"b\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"\\u0069d\":\"b\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\"} x"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\""), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\\u0000b\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":99999999999999999999}"), NULL },
        { BYTES("/id"), BYTES("\"id\""), NULL },
        { BYTES("/id"), BYTES(""), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct policy_service service = { .person_place = PERSON_BODY, .person_name = row[i].pointer };
        check(i, &service, BYTES("/"), BYTES_NONE, NULL, 0, row[i].body, row[i].want);
    }
}

static void limits(void **state)
{
    uint8_t text[PERSON_SIZE_MAX + 4];
    struct policy_service service = { .person_place = PERSON_QUERY, .person_name = BYTES("i") };
    struct arena arena = { 0 };
    struct bytes out;
    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = 'i';
    text[1] = '=';
    assert_true(person_find(&service, BYTES("/"), bytes_of(text, PERSON_SIZE_MAX + 2), NULL, 0, BYTES_NONE, &arena, &out));
    assert_int_equal(out.size, PERSON_SIZE_MAX);
    assert_false(person_find(&service, BYTES("/"), bytes_of(text, PERSON_SIZE_MAX + 3), NULL, 0, BYTES_NONE, &arena, &out));
    struct arena small = { .size_max = 4 };
    assert_false(person_find(&service, BYTES("/"), bytes_of(text, 100), NULL, 0, BYTES_NONE, &small, &out));
    service.person_place = PERSON_NONE;
    assert_false(person_find(&service, BYTES("/"), bytes_of(text, 100), NULL, 0, BYTES_NONE, &arena, &out));
    arena_clear(&arena);
    arena_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_path), cmocka_unit_test(in_the_query), cmocka_unit_test(in_a_header),
        cmocka_unit_test(in_the_body), cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
