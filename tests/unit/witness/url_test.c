#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "witness/url.h"

static void addresses(void **state)
{
    static const struct {
        const char *text;
        bool is_tls;
        const char *host, *address, *authority, *prefix;
    } row[] = {
        { "https://b.example:5500/witness", true, "b.example", "b.example:5500", "b.example:5500", "/witness" },
        { "https://b.example/witness/", true, "b.example", "b.example:443", "b.example", "/witness" },
        { "http://b.example", false, "b.example", "b.example:80", "b.example", "" },
        { "http://b.example///", false, "b.example", "b.example:80", "b.example", "" },
        { "http://127.0.0.1:1/a/b", false, "127.0.0.1", "127.0.0.1:1", "127.0.0.1:1", "/a/b" },
        { "https://[2001:db8::1]:65535/x", true, "2001:db8::1", "[2001:db8::1]:65535", "[2001:db8::1]:65535", "/x" },
        { "https://[::1]", true, "::1", "[::1]:443", "[::1]", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct witness_url url;
        struct error e = { 0 };
        if (!witness_url_parse(&url, bytes_of_text(row[i].text), "test", &e)) {
            fail_msg("%s: %s", row[i].text, e.what);
        }
        assert_int_equal(url.is_tls, row[i].is_tls);
        assert_string_equal(url.host, row[i].host);
        assert_string_equal(url.address, row[i].address);
        assert_string_equal(url.authority, row[i].authority);
        assert_string_equal(url.prefix, row[i].prefix);
    }
}

static void what_is_no_address(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "ftp://x",
        "HTTP://x",
        "http://",
        "http:///a",
        "https://:80/a",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:080",
        "http://a:b",
        "http://a b/",
        "http://u@h/",
        "http://h/?q",
        "http://h/#f",
        "http://h/\x01",
        "http://h/\xC3\xA9",
        "http://[::1",
        "http://[]/",
        "http://[::1]x",
        "http://a[b/",
        "http://h/\"",
        "http://h/\\",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct witness_url url;
        struct error e = { 0 };
        if (witness_url_parse(&url, bytes_of_text(texts[i]), "policy:3", &e)) {
            fail_msg("'%s' was taken", texts[i]);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_string_equal(e.where, "policy:3");
        assert_true(e.todo[0] != '\0');
    }
}

static void as_long_as_allowed(void **state)
{
    char text[2 * URL_PATH_SIZE];
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct witness_url url;
        struct error e = { 0 };
        size_t size = 0;
        memcpy(text, "http://h/", 9);
        size = 9 + URL_PATH_SIZE - 2 + more; /* the prefix begins with the slash and ends with a NUL */
        memset(text + 9, 'p', size - 9);
        assert_int_equal(witness_url_parse(&url, bytes_of(text, size), "test", &e), more == 0);
        size = 7 + URL_HOST_SIZE - 1 + more;
        memset(text + 7, 'h', size - 7);
        assert_int_equal(witness_url_parse(&url, bytes_of(text, size), "test", &e), more == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(as_long_as_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
