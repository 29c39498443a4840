#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/openapi_internal.h"

static void server_paths(void **state)
{
    (void)state;
    const struct {
        const char *url, *path;
    } rows[] = {
        { "http://petstore.swagger.io/v1/cats", "/v1/cats" },
        { "https://h:8443", "" },
        { "https://h/", "/" },
        { "https://{x}/v1", "https://{x}/v1" },
        { "/relative", "/relative" },
        { "https://h/{tenant}/v1", "/{tenant}/v1" },
        { "", "" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(bytes_equal(openapi_server_path(bytes_of_text(rows[i].url)), bytes_of_text(rows[i].path)));
    }
}

static char *rewritten(bool is_json, const char *text)
{
    struct buffer out;
    struct error e = { 0 };
    buffer_init(&out, 65536);
    bool ok = is_json ? openapi_rewrite_json(bytes_of_text(text), &out, &e) : openapi_rewrite_yaml(bytes_of_text(text), &out, &e);
    if (!ok) {
        buffer_clear(&out);
        return NULL;
    }
    buffer_append_u8(&out, '\0');
    return (char *)out.data;
}

/* Case 24 of the reference. */
static void yaml_keeps_what_it_should(void **state)
{
    (void)state;
    char *out = rewritten(false, "openapi: \"3.0.0\"\n"
                                 "info:\n  version: '1'\n  title: ~\n  servers: [{url: http://kept.example/x}]\n"
                                 "servers:\n  - url: http://petstore.swagger.io/v1/cats\n    description: null\n"
                                 "  - {description: url, url: \"https://other.example\"}\n"
                                 "paths:\n  /pets:\n    get:\n      summary: \"yes\"\n");
    assert_non_null(out);
    assert_null(strstr(out, "petstore.swagger.io"));
    assert_null(strstr(out, "other.example"));
    assert_non_null(strstr(out, "kept.example"));
    char *first = strstr(out, "/v1/cats");
    assert_non_null(first);
    assert_null(strstr(first + 1, "/v1/cats"));
    assert_non_null(strstr(out, "\"3.0.0\""));
    assert_non_null(strstr(out, "'1'"));
    assert_non_null(strstr(out, "title: ~"));
    assert_non_null(strstr(out, "description: null"));
    assert_non_null(strstr(out, "description: url"));
    assert_non_null(strstr(out, "\"yes\""));
    free(out);
}

static void json_keeps_order(void **state)
{
    (void)state;
    char *out = rewritten(true, "{\"servers\":[{\"url\":\"http://h/v1\"},{\"x\":null}],\"openapi\":\"3.0.0\",\"a\":1}");
    assert_non_null(out);
    assert_null(strstr(out, "http://h"));
    assert_non_null(strstr(out, "\"url\": \"/v1\""));
    assert_true(strstr(out, "openapi") < strstr(out, "\"a\""));
    free(out);
}

static void broken_ones(void **state)
{
    (void)state;
    assert_null(rewritten(true, "{"));
    assert_null(rewritten(false, "a: [b\n"));
    assert_null(rewritten(false, "a: b: c\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_paths),
        cmocka_unit_test(yaml_keeps_what_it_should),
        cmocka_unit_test(json_keeps_order),
        cmocka_unit_test(broken_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
