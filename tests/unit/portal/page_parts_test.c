#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/rest_page.h"

static void local_targets(void **state) /* where `next` may lead: OWASP's list of open redirects, shortened */
{
    static const struct {
        const char *target;
        bool wanted;
    } row[] = {
        { "/", true },
        { "/uses?cursor=1#top", true },
        { "/a//b", true },
        { "/%2F/evil.example", true }, /* stays a path: nothing decodes it */
        { "", false },
        { "uses", false },
        { "//evil.example", false },
        { "///evil.example", false },
        { "/\\evil.example", false },
        { "\\/evil.example", false },
        { "/a\\b", false },
        { "https://evil.example/", false },
        { "javascript:alert(1)", false },
        { "/\t/evil.example", false },
        { "\t//evil.example", false },
        { "/\n/evil.example", false },
        { "/ /evil.example", false },
        { "/a\r\nSet-Cookie: x=y", false },
        { "/\xc3\xa9", false },
        { "/\x7f", false },
    };
    char text[LOCATION_BYTES_MAX + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (rest_is_local(bytes_of_text(row[i].target)) != row[i].wanted) {
            fail_msg("row %zu", i);
        }
    }
    memset(text, '/', 1);
    memset(text + 1, 'a', sizeof text - 1);
    assert_true(rest_is_local(bytes_of(text, LOCATION_BYTES_MAX)));
    assert_false(rest_is_local(bytes_of(text, LOCATION_BYTES_MAX + 1)));
}

/* A call with these Cookie lines; the caller frees the arena. */
static void with_cookies(struct rest_call *call, struct server_request *request, const char *const *lines, size_t count)
{
    *call = (struct rest_call){ .request = request };
    *request = (struct server_request){ .method = BYTES("GET") };
    for (size_t i = 0; i < count; i++) {
        assert_true(fields_add(&request->fields, &call->arena, BYTES("cookie"), bytes_of_text(lines[i])));
    }
}

static void cookies_of_a_request(void **state)
{
    struct rest_call call;
    struct server_request request;
    (void)state;
    with_cookies(&call, &request, (const char *const[]){ "lang=fr; theme=dark;x = y", "other=1=2; empty=" }, 2);
    assert_true(bytes_equal(rest_cookie(&call, "lang"), BYTES("fr")));
    assert_true(bytes_equal(rest_cookie(&call, "theme"), BYTES("dark")));
    assert_true(bytes_equal(rest_cookie(&call, "other"), BYTES("1=2")));
    assert_int_equal(rest_cookie(&call, "empty").size, 0);
    assert_int_equal(rest_cookie(&call, "absent").size, 0);
    assert_int_equal(rest_cookie(&call, "x").size, 0);
    arena_clear(&call.arena);
    with_cookies(&call, &request, (const char *const[]){ "lang=fr; lang=sw" }, 1); /* one of them is a stranger's */
    assert_null(rest_cookie(&call, "lang").data);
    arena_clear(&call.arena);
}

static void form_fields(void **state)
{
    struct rest_call call = { .form = { { BYTES("a"), BYTES("1") }, { BYTES("b"), BYTES("2") }, { BYTES("a"), BYTES("3") } },
                              .form_count = 3 };
    struct bytes value;
    size_t at = 0;
    (void)state;
    assert_true(bytes_equal(rest_form(&call, "a"), BYTES("1")));
    assert_null(rest_form(&call, "c").data);
    assert_true(rest_form_next(&call, "a", &at, &value) && bytes_equal(value, BYTES("1")));
    assert_true(rest_form_next(&call, "a", &at, &value) && bytes_equal(value, BYTES("3")));
    assert_false(rest_form_next(&call, "a", &at, &value));
}

static void query_values(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, 64);
    rest_append_query(&out, BYTES("/uses?a=b&c=\xc3\xa9 "));
    assert_int_equal(out.size, strlen("/uses%3Fa%3Db%26c%3D%C3%A9%20"));
    assert_memory_equal(out.data, "/uses%3Fa%3Db%26c%3D%C3%A9%20", out.size);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(local_targets), cmocka_unit_test(cookies_of_a_request),
                                        cmocka_unit_test(form_fields), cmocka_unit_test(query_values) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
