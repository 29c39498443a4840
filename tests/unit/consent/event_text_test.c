#include "consent/event_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void writes_known_lines(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    uint8_t digest[32] = { 0 };
    event_text_append(&out, "comity-event", BYTES("consent/1"));
    event_text_append(&out, "person", BYTES("a\nb\r%0A%2F%"));
    event_text_append(&out, "empty", BYTES_NONE);
    event_text_append_decimal(&out, "time", -5);
    event_text_append_digest(&out, "request", digest);
    struct bytes want = BYTES("comity-event: consent/1\nperson: a%0Ab%0D%250A%2F%\nempty: \ntime: -5\n"
                              "request: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\n");
    assert_true(bytes_equal(buffer_bytes(&out), want));
    struct bytes value;
    assert_true(event_text_get(buffer_bytes(&out), "empty", &value));
    assert_int_equal(value.size, 0);
    assert_true(event_text_get(buffer_bytes(&out), "time", &value));
    assert_true(bytes_equal(value, BYTES("-5")));
    assert_false(event_text_get(buffer_bytes(&out), "tim", &value));
    assert_true(event_text_is(buffer_bytes(&out), "consent/1"));
    assert_false(event_text_is(buffer_bytes(&out), "consent"));
    buffer_clear(&out);
}

static void refuses_bad_texts(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "a", "a\n", "a: b", ": b\n", "a:b\n", "a:\n", "comity-event: consent/1\nx", "\n" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (event_text_is(bytes_of_text(bad[i]), "consent/1")) {
            fail_msg("row %zu was taken", i);
        }
    }
    struct bytes value;
    assert_false(event_text_get(BYTES("a\nb: c\n"), "b", &value));
}

/* Any bytes come back as they went in, and stand on one line. */
static void any_value_comes_back(void **state)
{
    (void)state;
    static const uint8_t alphabet[] = { '%', '0', 'A', 'D', '2', '5', '\n', '\r', 0, 'x', 0x7f, 0xff, ' ', ':' };
    for (unsigned seed = 1; seed <= 5000; seed++) {
        unsigned dice = seed;
        uint8_t raw[24];
        size_t size = (size_t)(rand_r(&dice) % 24);
        for (size_t i = 0; i < size; i++) {
            raw[i] = alphabet[(size_t)rand_r(&dice) % sizeof alphabet];
        }
        struct buffer out;
        buffer_init(&out, 4096);
        event_text_append(&out, "value", bytes_of(raw, size));
        struct bytes rest = buffer_bytes(&out), name, value;
        struct arena arena = { 0 };
        if (!event_text_next(&rest, &name, &value) || rest.size != 0 ||
            !bytes_equal(event_text_decode(&arena, value), bytes_of(raw, size))) {
            fail_msg("seed %u", seed);
        }
        arena_clear(&arena);
        buffer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_known_lines),
        cmocka_unit_test(refuses_bad_texts),
        cmocka_unit_test(any_value_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
