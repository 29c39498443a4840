#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"

static void comparing(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES(""), BYTES_NONE));
    assert_true(bytes_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_true(bytes_equal_ignoring_case(BYTES("Content-TYPE"), BYTES("content-type")));
    assert_false(bytes_equal_ignoring_case(BYTES("a@"), BYTES("a`"))); /* differ in the case bit, and are no letters */
    assert_false(bytes_equal_ignoring_case(BYTES("\xC3\x84"), BYTES("\xC3\xA4")));
    assert_true(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    assert_true(bytes_compare(BYTES("ab"), BYTES("a")) > 0);
    assert_true(bytes_compare(BYTES_NONE, BYTES("a")) < 0);
    assert_true(bytes_compare(BYTES("\xFF"), BYTES("\x01")) > 0);
    assert_int_equal(bytes_compare(BYTES_NONE, BYTES("")), 0);
    assert_true(bytes_start_with(BYTES("abc"), BYTES("ab")) && bytes_start_with(BYTES("abc"), BYTES_NONE));
    assert_false(bytes_start_with(BYTES("ab"), BYTES("abc")));
    assert_true(bytes_end_with(BYTES("abc"), BYTES("bc")) && bytes_end_with(BYTES_NONE, BYTES("")));
    assert_false(bytes_end_with(BYTES("bc"), BYTES("abc")));
}

static void cutting(void **state)
{
    struct bytes rest = BYTES("a,,b,"), piece;
    static const char *const pieces[] = { "a", "", "b", "" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        assert_true(bytes_split(&rest, ',', &piece));
        assert_true(bytes_equal(piece, bytes_of_text(pieces[i])));
    }
    assert_false(bytes_split(&rest, ',', &piece));
    rest = BYTES("whole");
    assert_true(bytes_split(&rest, ',', &piece) && bytes_equal(piece, BYTES("whole")));
    assert_false(bytes_split(&rest, ',', &piece));

    assert_true(bytes_equal(bytes_slice(BYTES("abcdef"), 2, 4), BYTES("cd")));
    assert_true(bytes_equal(bytes_slice(BYTES("abc"), 2, SIZE_MAX), BYTES("c")));
    assert_int_equal(bytes_slice(BYTES("abc"), 4, 2).size, 0);
    assert_int_equal(bytes_slice(BYTES_NONE, 1, 2).size, 0);
    assert_int_equal(bytes_find(BYTES("abc"), 'c'), 2);
    assert_int_equal(bytes_find(BYTES("abc"), 'd'), 3);
    assert_int_equal(bytes_find(BYTES_NONE, 'd'), 0);
    assert_true(bytes_equal(bytes_trim(BYTES(" \t a b\t ")), BYTES("a b")));
    assert_int_equal(bytes_trim(BYTES(" \t ")).size, 0);
    assert_true(bytes_equal(bytes_trim(BYTES("\ra\n")), BYTES("\ra\n")));
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } row[] = {
        { "0", true, 0 },
        { "7", true, 7 },
        { "18446744073709551615", true, UINT64_MAX },
        { "18446744073709551616", false, 0 },
        { "18446744073709551620", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "", false, 0 },
        { "00", false, 0 },
        { "01", false, 0 },
        { "+1", false, 0 },
        { "-1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "0x1", false, 0 },
        { "1e3", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint64_t value = 0;
        if (bytes_to_u64(bytes_of_text(row[i].text), &value) != row[i].ok || value != row[i].value) {
            fail_msg("row %zu: %" PRIu64, i, value);
        }
    }
}

/* Against the definition: every sequence of one to four bytes that encodes a scalar value in its shortest form, and no other. */
static bool is_utf8_by_definition(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint32_t first = data[at];
        size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (length == 0 || size - at < length) {
            return false;
        }
        uint32_t value = length == 1 ? first : first & (0x7FU >> length);
        for (size_t i = 1; i < length; i++) {
            if (data[at + i] >> 6 != 2) {
                return false;
            }
            value = value << 6 | (data[at + i] & 63U);
        }
        if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
            return false;
        }
        at += length;
    }
    return true;
}

static void utf8(void **state) /* RFC 3629 */
{
    static const uint8_t interesting[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                           0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF };
    const size_t count = COUNT_OF(interesting);
    (void)state;
    assert_true(bytes_are_utf8(BYTES_NONE));
    for (size_t n = 0; n < count * count * count * count; n++) {
        const uint8_t data[4] = { interesting[n % count], interesting[n / count % count], interesting[n / count / count % count],
                                  interesting[n / count / count / count] };
        for (size_t size = 1; size <= 4; size++) {
            if (bytes_are_utf8(bytes_of(data, size)) != is_utf8_by_definition(data, size)) {
                fail_msg("%02x %02x %02x %02x, the first %zu", data[0], data[1], data[2], data[3], size);
            }
        }
    }
}

static void reading(void **state)
{
    struct reader r = { .left = BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0Fline\nrest") };
    (void)state;
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_true(reader_u64(&r) == 0x08090A0B0C0D0E0FU);
    assert_true(bytes_equal(reader_line(&r), BYTES("line")));
    assert_false(r.failed);
    assert_int_equal(reader_take(&r, 0).size, 0);
    assert_int_equal(reader_line(&r).size, 0); /* no LF */
    assert_true(r.failed);
    assert_int_equal(reader_take(&r, 1).size, 0); /* a failure sticks, though there are bytes left */
    assert_int_equal(reader_u8(&r), 0);

    r = (struct reader){ .left = BYTES("ab") };
    assert_int_equal(reader_take(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);
    r = (struct reader){ .left = BYTES("\n") };
    assert_int_equal(reader_line(&r).size, 0);
    assert_false(r.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing), cmocka_unit_test(cutting), cmocka_unit_test(numbers),
        cmocka_unit_test(utf8),      cmocka_unit_test(reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
