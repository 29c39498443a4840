#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

static void good_times_are_read(void **state) /* RFC 3339 5.8 and its neighbours; the numbers by `date -u -d ... +%s` */
{
    static const struct {
        const char *text;
        int64_t ms;
        const char *written;
    } row[] = {
        { "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z" },
        { "1985-04-12T23:20:50.52Z", 482196050520, "1985-04-12T23:20:50.520Z" },
        { "1996-12-19T16:39:57-08:00", 851042397000, "1996-12-20T00:39:57.000Z" },
        { "1937-01-01T12:00:27.87+00:20", -1041337172130, "1937-01-01T11:40:27.870Z" },
        { "2027-03-01t09:15:02.113z", 1803892502113, "2027-03-01T09:15:02.113Z" },
        { "2027-03-01T09:15:02.113999Z", 1803892502113, "2027-03-01T09:15:02.113Z" },
        { "2024-02-29T00:00:00Z", 1709164800000, "2024-02-29T00:00:00.000Z" },
        { "2000-02-29T00:00:00Z", 951782400000, "2000-02-29T00:00:00.000Z" },
        { "9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z" },
        { "0000-01-01T00:00:00Z", -62167219200000, "0000-01-01T00:00:00.000Z" },
        { "1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t ms = 7;
        char text[TIME_TEXT_SIZE];
        if (!time_parse(bytes_of_text(row[i].text), &ms) || ms != row[i].ms) {
            fail_msg("row %zu: %" PRId64 ", want %" PRId64, i, ms, row[i].ms);
        }
        assert_string_equal(time_text(ms, text), row[i].written);
    }
    char text[TIME_TEXT_SIZE];
    assert_string_equal(time_text(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(time_text(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}

static void bad_times_are_refused(void **state)
{
    static const char *const row[] = {
        "",
        "2027",
        "2027-03-01",
        "2027-03-01T09:15:02",
        "2027-03-01 09:15:02Z",
        "2027-03-01T09:15Z",
        "2027-3-01T09:15:02Z",
        "2027-13-01T09:15:02Z",
        "2027-00-01T09:15:02Z",
        "2027-02-29T09:15:02Z",
        "1900-02-29T09:15:02Z",
        "2027-04-31T09:15:02Z",
        "2027-03-00T09:15:02Z",
        "2027-03-01T24:00:00Z",
        "2027-03-01T09:60:02Z",
        "2027-03-01T09:15:60Z",
        "2027-03-01T09:15:02.Z",
        "2027-03-01T09:15:02,5Z",
        "2027-03-01T09:15:02ZZ",
        "2027-03-01T09:15:02+1:00",
        "2027-03-01T09:15:02+24:00",
        "2027-03-01T09:15:02+01:60",
        "2027-03-01T09:15:02+0100",
        "+027-03-01T09:15:02Z",
        "2027-03-01T09:15:02Z ",
        "2027-03-01T-9:15:02Z",
        "20270-03-01T09:15:02Z",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t ms;
        if (time_parse(bytes_of_text(row[i]), &ms)) {
            fail_msg("row %zu: %s", i, row[i]);
        }
    }
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } row[] = {
        { "90", true, 90000 },
        { "90s", true, 90000 },
        { "15m", true, 900000 },
        { "2h", true, 7200000 },
        { "30d", true, 2592000000 },
        { "1w", true, 604800000 },
        { "5ms", true, 5 },
        { "0", true, 0 },
        { "36600d", true, 3162240000000 },
        { "36601d", false, 0 },
        { "", false, 0 },
        { "s", false, 0 },
        { "1x", false, 0 },
        { "1 s", false, 0 },
        { "-1s", false, 0 },
        { "1.5s", false, 0 },
        { "01s", false, 0 },
        { "1S", false, 0 },
        { "18446744073709551615w", false, 0 },
        { "1sm", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t ms = 0;
        if (duration_parse(bytes_of_text(row[i].text), &ms) != row[i].ok || ms != row[i].ms) {
            fail_msg("row %zu: %" PRId64, i, ms);
        }
    }
}

static int64_t fixed(void *context)
{
    return *(int64_t *)context;
}

static void clocks(void **state)
{
    int64_t when = 1234;
    (void)state;
    time_replace(fixed, &when);
    assert_int_equal(time_now_ms(), 1234);
    time_replace(NULL, NULL);
    assert_true(time_now_ms() > 1700000000000);
    uint64_t before = time_monotonic_us();
    assert_true(time_monotonic_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_times_are_read),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(durations),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
