#include "policy/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
        { BYTES("/{person}/**"), BYTES("/%2541"), NULL }, /* A to a service behind a proxy that decodes */
        { BYTES("/{person}/**"), BYTES("/a%252fb"), NULL },
        { BYTES("/{person}/**"), BYTES("/a%252541"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/%252e%252e/b"), NULL },
        { BYTES("/*/{person}"), BYTES("/%252e/b"), NULL },
        { BYTES("/{person}"), BYTES("/100%25"), "100%" },
        { BYTES("/{person}"), BYTES("/5%25a"), "5%a" },
        { BYTES("/{person}"), BYTES("/a;b"), NULL }, /* a to Java servers */
        { BYTES("/{person}"), BYTES("/a%3Bb"), NULL },
        { BYTES("/{person}"), BYTES("/a;"), NULL },
        { BYTES("/{person}"), BYTES("/;a"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/b;v=1"), "a" },
        { BYTES("/{person}/**"), BYTES("/a/;v=1/b"), NULL },
        { BYTES("/*/{person}"), BYTES("/;x/a"), NULL },
        { BYTES("/{person}"), BYTES("/%20a"), NULL },
        { BYTES("/{person}"), BYTES("/a%20"), NULL },
        { BYTES("/{person}"), BYTES("/a%09"), NULL },
        { BYTES("/{person}"), BYTES("/a%c2%a0"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/..%20/b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/%20/b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/x%00"), NULL },
        { BYTES("/*/{person}"), BYTES("/x%0a/a"), NULL },
        { BYTES("/{person}/**"), BYTES("/a%3Fid=b"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/b%23"), NULL },
        { BYTES("/{person}/**"), BYTES("/a/%c0%ae%c0%ae/b"), NULL },
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
        { BYTES("id=a"), "a" },
        { BYTES("x=1&id=a&y"), "a" },
        { BYTES("id=%61%20b"), "a b" },
        { BYTES("%69d=a"), NULL },
        { BYTES("id=a=b"), "a=b" },
        { BYTES("id=a%2Bb"), "a+b" },
        { BYTES("id=a+b"), NULL },
        { BYTES("id=a&id=a"), NULL },
        { BYTES("id=a&%69d=b"), NULL },
        { BYTES("id=a&ID=b"), NULL },
        { BYTES("ID=a"), NULL },
        { BYTES("id[]=a"), NULL },
        { BYTES("id=a&id[]=b"), NULL },
        { BYTES("id="), NULL },
        { BYTES("id"), NULL },
        { BYTES(""), NULL },
        { BYTES("xid=a"), NULL },
        { BYTES("id=a&%zz=1"), NULL },
        { BYTES("id=%4"), NULL },
        { BYTES("id=%ff"), NULL },
        { BYTES("id=a;id=b"), NULL },
        { BYTES("&&id=a&&"), "a" },
        { BYTES("id=a&x=1;y"), NULL },
        { BYTES("id=a%3Bb"), "a;b" },
        { BYTES("id=a&x=%zz"), NULL },
        { BYTES("id=a&x=%u0041"), NULL },
        { BYTES("id=a&x=%"), NULL },
        { BYTES("id=a&id[x]=b"), NULL },
        { BYTES("id=a&id[=b"), NULL },
        { BYTES("id=a&id%5B%5D=b"), NULL },
        { BYTES("id=a&id%00x=b"), NULL },
        { BYTES("id=a&%00id=b"), NULL },
        { BYTES("id=a&%20id=b"), NULL },
        { BYTES("id=a&+id=b"), NULL },
        { BYTES("id=a&id%09=b"), NULL },
        { BYTES("id=a&id+=b"), NULL },
        { BYTES("id=a&Id[x]=b"), NULL },
        { BYTES("%20id=a"), NULL },
        { BYTES("id=%20a"), NULL },
        { BYTES("id=a%20"), NULL },
        { BYTES("id=a%e3%80%80"), NULL },
        { BYTES("id=%ef%bb%bfa"), NULL },
        { BYTES("id=a&id="), NULL },
        { BYTES("id=a&id"), NULL },
        { BYTES("id=a&xid=b&idx=c"), "a" },
    };
    const struct policy_service service = { .person_place = PERSON_QUERY, .person_name = BYTES("id") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        check(i, &service, BYTES("/"), row[i].query, NULL, 0, BYTES_NONE, row[i].want);
    }
    check(99, &service, BYTES("/"), BYTES_NONE, NULL, 0, BYTES_NONE, NULL);
}

/* Names that frameworks fold into ours, and names that need escapes. */
static void names_in_the_query(void **state)
{
    const struct {
        struct bytes name, query;
        const char *want;
    } row[] = {
        { BYTES("p_id"), BYTES("p_id=a&p.id=b"), NULL }, { BYTES("p_id"), BYTES("p_id=a&p%20id=b"), NULL },
        { BYTES("p_id"), BYTES("p_id=a&p+id=b"), NULL }, { BYTES("p_id"), BYTES("p_id=a&p%2Bid=b"), NULL },
        { BYTES("p_id"), BYTES("p_id=a&p-ID=b"), NULL }, { BYTES("p_id"), BYTES("p_id=a&p[id=b"), NULL }, /* PHP: an unclosed [ */
        { BYTES("p_id"), BYTES("p-id=a"), NULL },        { BYTES("p_id"), BYTES("p_id=a&pid=b"), "a" },
        { BYTES("p.id"), BYTES("p.id=a"), "a" },         { BYTES("p.id"), BYTES("p.id=a&p[id]=b"), NULL },
        { BYTES("p[id]"), BYTES("p[id]=a"), "a" },       { BYTES("p[id]"), BYTES("p%5Bid%5D=a"), "a" },
        { BYTES("p[id]"), BYTES("p[id]=a&p=b"), NULL },  { BYTES("p[id]"), BYTES("p[id]=a&p[x]=b"), NULL },
        { BYTES("p id"), BYTES("p%20id=a"), "a" },       { BYTES("p id"), BYTES("p+id=a"), NULL },
        { BYTES("p+id"), BYTES("p%2Bid=a"), "a" },       { BYTES("p+id"), BYTES("p+id=a"), NULL }, /* "p id" to most */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct policy_service service = { .person_place = PERSON_QUERY, .person_name = row[i].name };
        check(i, &service, BYTES("/"), row[i].query, NULL, 0, BYTES_NONE, row[i].want);
    }
}

/* Many frameworks let a form's fields win over the query's. */
static void query_with_a_body(void **state)
{
    const struct {
        struct field field;
        struct bytes body;
        const char *want;
    } row[] = {
        { { BYTES("Content-Type"), BYTES("application/json") }, BYTES("{}"), "a" },
        { { BYTES("Content-Type"), BYTES("application/x-www-form-urlencoded") }, BYTES("id=b"), NULL },
        { { BYTES("content_type"), BYTES("application/x-www-form-urlencoded") }, BYTES("id=b"), NULL },
        { { BYTES("content-type"), BYTES("Application/X-WWW-Form-Urlencoded; charset=utf-8") }, BYTES_NONE, NULL },
        { { BYTES("Content-Type"), BYTES("multipart/form-data; boundary=x") }, BYTES("--x"), NULL },
        { { BYTES("Content-Type"), BYTES("") }, BYTES("id=b"), NULL },
        { { BYTES("Accept"), BYTES("*/*") }, BYTES("id=b"), NULL },
        { { BYTES("Accept"), BYTES("*/*") }, BYTES_NONE, "a" },
    };
    const struct policy_service service = { .person_place = PERSON_QUERY, .person_name = BYTES("id") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        check(i, &service, BYTES("/"), BYTES("id=a"), &row[i].field, 1, row[i].body, row[i].want);
    }
}

static void in_a_header(void **state)
{
    const struct field fields[] = {
        { BYTES("x-person"), BYTES("a") }, { BYTES("X-Other"), BYTES("b") },  { BYTES("X-Twice"), BYTES("c") },
        { BYTES("x-twice"), BYTES("c") },  { BYTES("X-Empty"), BYTES("") },   { BYTES("X-Bad"), BYTES("\xff") },
        { BYTES("X-Folded"), BYTES("a") }, { BYTES("x_folded"), BYTES("b") }, { BYTES("X_Only"), BYTES("a") },
        { BYTES("X-Dot-Id"), BYTES("a") }, { BYTES("X.Dot.Id"), BYTES("b") }, { BYTES("X-List"), BYTES("a, b") },
        { BYTES("X-End"), BYTES("a,") },   { BYTES("X-Blank"), BYTES(" a") }, { BYTES("X-Latin"), BYTES("\xc3\xa4") },
        { BYTES("X_Plain"), BYTES("a") },
    };
    const struct {
        struct bytes name;
        const char *want;
    } row[] = {
        { BYTES("X-Person"), "a" },  { BYTES("x-other"), "b" },   { BYTES("X-Twice"), NULL },  { BYTES("X-Empty"), NULL },
        { BYTES("X-Bad"), NULL },    { BYTES("X-Absent"), NULL }, { BYTES("X-Folded"), NULL }, { BYTES("X-Only"), NULL },
        { BYTES("X-Dot-Id"), NULL }, { BYTES("X-List"), NULL },   { BYTES("X-End"), NULL },    { BYTES("X-Blank"), NULL },
        { BYTES("X-Latin"), NULL },  { BYTES("x_plain"), "a" },
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
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"ID\":\"b\"}"), NULL }, /* Go takes the last */
        { BYTES("/id"), BYTES("{\"\\u0049d\":\"b\",\"id\":\"a\"}"), NULL },
        { BYTES("/id"), BYTES("{\"Id\":\"b\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"idx\":\"b\",\"_id\":\"c\"}"), "a" },
        { BYTES("/task"), BYTES("{\"task\":\"a\",\"ta\xc5\xbfk\":\"b\"}"), NULL }, /* U+017F */
        { BYTES("/task"), BYTES("{\"task\":\"a\",\"tas\\u212a\":\"b\"}"), NULL },  /* U+212A */
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"\xc3\xa4\":1}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\",\"x\":{\"\xc3\xa4\":1,\"y\":1,\"Y\":2}}"), "a" }, /* not on the way */
        { BYTES("/p/id"), BYTES("{\"p\":{\"id\":\"a\"},\"P\":{\"id\":\"b\"}}"), NULL },
        { BYTES("/p/id"), BYTES("{\"p\":{\"id\":\"a\"},\"\xc3\xa4\":1}"), NULL },
        { BYTES("/p/0/id"), BYTES("{\"p\":[{\"id\":\"a\",\"iD\":\"b\"}]}"), NULL },
        { BYTES("/\xc3\xa4"), BYTES("{\"\xc3\xa4\":\"a\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\" a\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":\"a\\u2003\"}"), NULL },
        { BYTES("/id"), BYTES("{\"id\":9007199254740991}"), "9007199254740991" },
        { BYTES("/id"), BYTES("{\"id\":9007199254740993}"), NULL }, /* ...992 as a double */
        { BYTES("/id"), BYTES("{\"id\":-9007199254740992}"), NULL },
        { BYTES("/id"), BYTES("\xef\xbb\xbf{\"id\":\"a\"}"), NULL },
    };
    const struct field json = { BYTES("Content-Type"), BYTES("application/json") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct policy_service service = { .person_place = PERSON_BODY, .person_name = row[i].pointer };
        check(i, &service, BYTES("/"), BYTES_NONE, &json, 1, row[i].body, row[i].want);
        check(i, &service, BYTES("/"), BYTES_NONE, NULL, 0, row[i].body, NULL);
    }
}

/* Whoever takes the body for something else than JSON in UTF-8 reads another identifier, or none. */
static void types_of_the_body(void **state)
{
    const struct {
        struct field fields[2];
        const char *want;
    } row[] = {
        { { { BYTES("content-type"), BYTES("Application/JSON") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/fhir+json; fhirVersion=4.0") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/json;charset=UTF-8") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/json ; charset=\"utf-8\"") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/json;") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/json; charset=utf-16") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json; charset=utf-7") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json; charset=utf-8; charset=utf-7") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json; charset*=utf-7''x") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json; charset =utf-7") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json, text/plain") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("text/plain +json") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/x www-form-urlencoded+json") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("+json") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("text/plain") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/x-www-form-urlencoded") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("") } }, NULL },
        { { { BYTES("Content_Type"), BYTES("application/json") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("content-type"), BYTES("application/json") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("Content_Type"), BYTES("text/plain") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("Content-Encoding"), BYTES("Identity") } }, "a" },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("Content-Encoding"), BYTES("gzip") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("content_encoding"), BYTES("identity") } }, NULL },
        { { { BYTES("Content-Type"), BYTES("application/json") }, { BYTES("Content-Encoding"), BYTES("") } }, NULL },
    };
    const struct policy_service service = { .person_place = PERSON_BODY, .person_name = BYTES("/id") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        size_t count = row[i].fields[1].name.size > 0 ? 2 : 1;
        check(i, &service, BYTES("/"), BYTES_NONE, row[i].fields, count, BYTES("{\"id\":\"a\"}"), row[i].want);
    }
}

/* Each character that some trim() takes off, at both ends; within it stays. */
static void white_space_around(void **state)
{
    const char *const white[] = {
        "\x20",         "\xc2\xa0",     "\xe1\x9a\x80", "\xe1\xa0\x8e", "\xe2\x80\x80", "\xe2\x80\x8b",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf",
    };
    const struct policy_service service = { .person_place = PERSON_PATH, .person_template = BYTES("/{person}") };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(white); i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/%sa", white[i]);
        check(i, &service, bytes_of_text(path), BYTES_NONE, NULL, 0, BYTES_NONE, NULL);
        (void)snprintf(path, sizeof path, "/a%s", white[i]);
        check(i, &service, bytes_of_text(path), BYTES_NONE, NULL, 0, BYTES_NONE, NULL);
        (void)snprintf(path, sizeof path, "/a%sb", white[i]);
        check(i, &service, bytes_of_text(path), BYTES_NONE, NULL, 0, BYTES_NONE, path + 1);
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
        cmocka_unit_test(in_the_path),       cmocka_unit_test(in_the_query),       cmocka_unit_test(names_in_the_query),
        cmocka_unit_test(query_with_a_body), cmocka_unit_test(in_a_header),        cmocka_unit_test(in_the_body),
        cmocka_unit_test(types_of_the_body), cmocka_unit_test(white_space_around), cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
