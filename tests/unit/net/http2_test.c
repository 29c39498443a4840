#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "fixture.h"

static void check_echo(struct fixture *f, size_t size)
{
    struct outcome out;
    struct body *body = body_filled(size);
    fixture_call(f, &out, "POST", "/echo", body);
    fixture_run_until(f, &out.is_done, 60000);
    if (out.answer == NULL) {
        fail_msg("size %zu: %s: %s", size, out.error.where, out.error.what);
    }
    assert_int_equal(out.answer->status, 200);
    assert_int_equal(body_size(out.answer->body), size);
    assert_memory_equal(body_sha256(out.answer->body), body_sha256(body), SHA256_SIZE);
    const struct field *type = fields_find(&out.answer->fields, BYTES("content-type"));
    assert_non_null(type);
    assert_true(bytes_equal(type->name, BYTES("content-type")));
    outcome_clear(&out);
    body_free(body);
}

static void echoes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        if (with_tls == 1) {
            fixture_tls(&f, KEY_CLIENT);
        }
        fixture_serve(&f, PROTOCOL_HTTP2, NULL);
        if (with_tls == 0) {
            fixture_connect(&f, NULL);
        }
        const size_t sizes[] = { 0, 1, 1000, 16384, 65536, 65537, 1000000, 5000000 };
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            check_echo(&f, sizes[i]);
        }
        fixture_stop_server(&f);
    }
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
