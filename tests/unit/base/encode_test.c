#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void hex(void **state)
{
    char text[9];
    uint8_t data[4];
    (void)state;
    hex_write(BYTES("\x00\x7F\xAB\xFF"), text);
    assert_string_equal(text, "007fabff");
    hex_write(BYTES_NONE, text);
    assert_string_equal(text, "");
    assert_true(hex_parse(BYTES("007FaBff"), data, 4));
    assert_memory_equal(data, "\x00\x7F\xAB\xFF", 4);
    assert_true(hex_parse(BYTES_NONE, data, 0));
    static const char *const bad[] = { "007fabf", "007fabff0", "007fabff00", "007fabfg", "007fab f", "007fab\x1A", "@@@@@@@@", "````````" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (hex_parse(bytes_of_text(bad[i]), data, 4)) {
            fail_msg("row %zu", i);
        }
    }
}

static void base64_known_answers(void **state) /* RFC 4648 10 */
{
    static const char *const row[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "f\x6F", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xFB\xEF\xFF", "++//" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t data[16];
        size_t size = 99;
        struct buffer b;
        buffer_init(&b, 64);
        base64_append(&b, bytes_of_text(row[i][0]));
        assert_true(bytes_equal(buffer_bytes(&b), bytes_of_text(row[i][1])));
        assert_int_equal(b.size, BASE64_SIZE(strlen(row[i][0])));
        assert_true(base64_parse(buffer_bytes(&b), data, strlen(row[i][0]), &size));
        assert_true(bytes_equal(bytes_of(data, size), bytes_of_text(row[i][0])));
        if (size > 0) {
            assert_false(base64_parse(buffer_bytes(&b), data, size - 1, &size)); /* too small */
        }
        buffer_clear(&b);
    }
}

static void base64_has_one_form(void **state)
{
    static const char *const bad[] = {
        "Z",      "Zg",      "Zg=",   "Zg===",  "Zh==", "Zm9=", "Z===",    "====",     "=Zg=", "Zg==Zg==", "Zm8=Zm9v",
        "Zm9v\n", "Zm 9vYg", " Zm9v", "Zm9vZg", "Zm-_", "Zm9*", "Zm9\xC3", "Zm9v====", "Z=9v", "Zg=a",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint8_t data[16];
        size_t size;
        if (base64_parse(bytes_of_text(bad[i]), data, sizeof data, &size)) {
            fail_msg("row %zu: %s", i, bad[i]);
        }
    }
    /* Whatever four characters: if they are read, they are what would have been written. */
    static const char alphabet[] = "AQgwZz9+/=-\n";
    for (size_t n = 0; n < 12 * 12 * 12 * 12; n++) {
        const char text[4] = { alphabet[n % 12], alphabet[n / 12 % 12], alphabet[n / 144 % 12], alphabet[n / 1728] };
        uint8_t data[3], again[4];
        size_t size;
        if (base64_parse(bytes_of(text, 4), data, sizeof data, &size) &&
            (base64_write(bytes_of(data, size), again) != 4 || memcmp(again, text, 4) != 0)) {
            fail_msg("%.4s is read as if it were %.4s", text, (const char *)again);
        }
    }
}

static void percent(void **state)
{
    struct buffer b;
    uint8_t data[64];
    size_t size;
    (void)state;
    buffer_init(&b, 256);
    percent_append(&b, BYTES("aZ9-._~!$&'()*+,;=:@ /?#[]%\"<>\\^`{|}\x00\x7F\xC3\xB6"));
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("aZ9-._~!$&'()*+,;=:@%20%2F%3F%23%5B%5D%25%22%3C%3E%5C%5E%60%7B%7C%7D%00%7F%C3%B6")));
    assert_true(percent_decode(BYTES("%41%c3%B6b%00"), data, &size));
    assert_true(bytes_equal(bytes_of(data, size), BYTES("A\xC3\xB6"
                                                        "b\0")));
    static const char *const bad[] = { "%", "a%", "%4", "a%4", "%4g", "%g4", "%%41", "% 1", "%+1" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (percent_decode(bytes_of_text(bad[i]), data, &size)) {
            fail_msg("row %zu", i);
        }
    }
    buffer_clear(&b);
}

static void all_are_reversible(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        uint64_t dice = seed;
        uint8_t data[200], back[600];
        char text[401];
        size_t size = next(&dice) % sizeof data, got = 0;
        struct buffer b;
        buffer_init(&b, 1024);
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)next(&dice);
        }
        hex_write(bytes_of(data, size), text);
        assert_true(hex_parse(bytes_of_text(text), back, size));
        bool ok = memcmp(data, back, size) == 0;
        base64_append(&b, bytes_of(data, size));
        ok = ok && base64_parse(buffer_bytes(&b), back, size, &got) && bytes_equal(bytes_of(data, size), bytes_of(back, got));
        buffer_reset(&b);
        percent_append(&b, bytes_of(data, size));
        ok = ok && percent_decode(buffer_bytes(&b), back, &got) && bytes_equal(bytes_of(data, size), bytes_of(back, got));
        if (!ok) {
            fail_msg("seed %" PRIu64, seed);
        }
        buffer_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex),     cmocka_unit_test(base64_known_answers), cmocka_unit_test(base64_has_one_form),
        cmocka_unit_test(percent), cmocka_unit_test(all_are_reversible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
