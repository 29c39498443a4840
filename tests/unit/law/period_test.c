#include "law/period.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/time.h"

static uint64_t dice_state;

static uint64_t roll(uint64_t below) /* xorshift64*: the seed repeats a run */
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (dice_state * UINT64_C(2685821657736338717) >> 11) % below;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    if (!time_parse(bytes_of_text(text), &ms)) {
        fail_msg("%s is not a time", text);
    }
    return ms;
}

static struct period period(const char *text)
{
    struct period out = { 0 };
    if (!period_parse(bytes_of_text(text), &out)) {
        fail_msg("%s is not a period", text);
    }
    return out;
}

static void good_periods_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        struct period period;
        const char *written;
    } row[] = {
        { "P3Y", { 36, 0, 0 }, "P3Y" },
        { "P6M", { 6, 0, 0 }, "P6M" },
        { "P90D", { 0, 90, 0 }, "P90D" },
        { "P2W", { 0, 14, 0 }, "P14D" },
        { "P1Y2M3W4DT5H6M7S", { 14, 25, 18367 }, "P1Y2M25DT5H6M7S" },
        { "PT72H", { 0, 0, 259200 }, "PT72H" },
        { "PT1M", { 0, 0, 60 }, "PT1M" },
        { "P0D", { 0, 0, 0 }, "P0D" },
        { "PT0S", { 0, 0, 0 }, "P0D" },
        { "P18M", { 18, 0, 0 }, "P1Y6M" },
        { "P007D", { 0, 7, 0 }, "P7D" },
        { "P1000Y", { 12000, 0, 0 }, "P1000Y" },
        { "P366000D", { 0, 366000, 0 }, "P366000D" },
        { "PT8784000H", { 0, 0, UINT64_C(31622400000) }, "PT8784000H" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char text[PERIOD_TEXT_SIZE];
        struct period got = period(row[i].text);
        if (!period_equal(got, row[i].period) || strcmp(period_text(got, text), row[i].written) != 0) {
            fail_msg("row %zu: %s is read as %s", i, row[i].text, period_text(got, text));
        }
    }
}

static void bad_periods_are_refused(void **state)
{
    static const char *const row[] = {
        "",           "P",        "PT",         "P1",       "3Y",           "P3",    "p3y",   "P3y",     "P-3Y",           "-P3Y",
        "+P3Y",       "P3.5Y",    "P1,5D",      "P1D1Y",    "P1Y1Y",        "P1S",   "P1H",   "PT1D",    "PT1Y",           "P1DT",
        " P1D",       "P1D ",     "P1 D",       "PT1S1M",   "PT1M1H",       "P1D1W", "PTT1H", "PT1HT1M", "P1001Y",         "P12001M",
        "PYMD",       "P366001D", "PT8784001H", "P1000Y1M", "P9999999999D", "PT1H1", "P1Y2",  "P1T1H",   "P\357\274\221D", "PT31622400001S",
        "P366000D1W", "P365999D",
    };
    (void)state;
    for (size_t i = 0; i + 1 < COUNT_OF(row); i++) {
        struct period out;
        if (period_parse(bytes_of_text(row[i]), &out)) {
            fail_msg("row %zu: '%s' is taken", i, row[i]);
        }
    }
    assert_int_equal(period(row[COUNT_OF(row) - 1]).days, 365999); /* the last is just below the limit */
    struct period out;
    assert_false(period_parse(bytes_of("P1D\0", 4), &out));
}

static void moments_are_those_of_the_calendar(void **state) /* by hand from a calendar */
{
    static const struct {
        const char *from, *period, *after, *before;
    } row[] = {
        { "2027-01-31T10:00:00Z", "P1M", "2027-02-28T10:00:00.000Z", "2026-12-31T10:00:00.000Z" },
        { "2028-01-31T10:00:00Z", "P1M", "2028-02-29T10:00:00.000Z", "2027-12-31T10:00:00.000Z" },
        { "2028-02-29T00:00:00Z", "P1Y", "2029-02-28T00:00:00.000Z", "2027-02-28T00:00:00.000Z" },
        { "2028-02-29T00:00:00Z", "P4Y", "2032-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z" },
        { "2027-03-31T23:59:59.999Z", "P6M", "2027-09-30T23:59:59.999Z", "2026-09-30T23:59:59.999Z" },
        { "2026-12-31T23:00:00Z", "PT2H", "2027-01-01T01:00:00.000Z", "2026-12-31T21:00:00.000Z" },
        { "2026-11-24T12:00:00Z", "P3Y", "2029-11-24T12:00:00.000Z", "2023-11-24T12:00:00.000Z" },
        { "2026-11-24T12:00:00Z", "P60D", "2027-01-23T12:00:00.000Z", "2026-09-25T12:00:00.000Z" },
        { "2027-01-31T00:00:00Z", "P1M1D", "2027-03-01T00:00:00.000Z", "2026-12-30T00:00:00.000Z" },
        { "1969-12-31T23:59:59.999Z", "P1M", "1970-01-31T23:59:59.999Z", "1969-11-30T23:59:59.999Z" },
        { "2000-01-01T00:00:00Z", "P0D", "2000-01-01T00:00:00.000Z", "2000-01-01T00:00:00.000Z" },
        { "9998-06-01T00:00:00Z", "P2Y", "9999-12-31T23:59:59.999Z", "9996-06-01T00:00:00.000Z" },
        { "0001-06-01T00:00:00Z", "P2Y", "0003-06-01T00:00:00.000Z", "0000-01-01T00:00:00.000Z" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char after[TIME_TEXT_SIZE], before[TIME_TEXT_SIZE];
        (void)time_text(period_after(at(row[i].from), period(row[i].period)), after);
        (void)time_text(period_before(at(row[i].from), period(row[i].period)), before);
        if (strcmp(after, row[i].after) != 0 || strcmp(before, row[i].before) != 0) {
            fail_msg("row %zu: %s and %s: %s, before: %s", i, row[i].from, row[i].period, after, before);
        }
    }
    /* What nobody can write doesn't overflow either. */
    struct period all = { UINT32_MAX, UINT32_MAX, UINT64_MAX };
    assert_int_equal(period_after(INT64_MAX, all), at("9999-12-31T23:59:59.999Z"));
    assert_int_equal(period_before(INT64_MIN, all), at("0000-01-01T00:00:00Z"));
}

/* The slow way: one month at a time by the C library, and back from the overflow that a day has which the month hasn't. */
static int64_t model_after(int64_t ms, struct period p, int sign)
{
    time_t seconds = (time_t)((ms - ((ms % 1000) + 1000) % 1000) / 1000);
    struct tm parts;
    (void)gmtime_r(&seconds, &parts);
    int day = parts.tm_mday;
    parts.tm_mday = 1;
    for (uint32_t i = 0; i < p.months; i++) {
        parts.tm_mon += sign;
        (void)timegm(&parts);
    }
    int month = parts.tm_mon;
    for (parts.tm_mday = day;; day--) {
        struct tm trial = parts;
        trial.tm_mday = day;
        (void)timegm(&trial);
        if (trial.tm_mon == month) {
            parts = trial;
            break;
        }
    }
    for (uint32_t i = 0; i < p.days; i++) {
        parts.tm_mday += sign;
        (void)timegm(&parts);
    }
    return ((int64_t)timegm(&parts) + sign * (int64_t)p.seconds) * 1000 + ((ms % 1000) + 1000) % 1000;
}

static void arithmetic_matches_the_library(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        dice_state = seed;
        for (int i = 0; i < 4; i++) {
            (void)roll(2);
        }
        int64_t from = (int64_t)roll(UINT64_C(253402300800000)) - (int64_t)roll(UINT64_C(62000000000000));
        from = from > INT64_C(220000000000000) ? from / 2 : from;
        from = from < INT64_C(-60000000000000) ? from / 2 : from;
        struct period p = { (uint32_t)roll(400), (uint32_t)roll(400), roll(1000000) };
        int64_t after = period_after(from, p), before = period_before(from, p);
        if (after != model_after(from, p, 1) || before != model_after(from, p, -1)) {
            fail_msg("seed %" PRIu64 ": %" PRId64 " + %u months %u days %" PRIu64 " s: %" PRId64 ", want %" PRId64 "; before %" PRId64,
                     seed, from, p.months, p.days, p.seconds, after, model_after(from, p, 1), before);
        }
        char text[PERIOD_TEXT_SIZE];
        if (!period_equal(period(period_text(p, text)), p)) {
            fail_msg("seed %" PRIu64 ": %s is not read as it was", seed, text);
        }
    }
}

static void every_day_has_one_number(void **state)
{
    (void)state;
    int64_t next = period_day_of(0, 1, 1);
    for (; next < period_day_of(10000, 1, 1); next++) {
        int year;
        unsigned month, day;
        period_date_of(next, &year, &month, &day);
        time_t seconds = (time_t)(next * 86400);
        struct tm parts;
        (void)gmtime_r(&seconds, &parts);
        if (period_day_of(year, month, day) != next || year != parts.tm_year + 1900 || (int)month != parts.tm_mon + 1 ||
            (int)day != parts.tm_mday) {
            fail_msg("day %" PRId64 " is %d-%u-%u", next, year, month, day);
        }
    }
    int64_t day = 0;
    assert_true(period_parse_date(BYTES("2026-11-24"), &day));
    assert_int_equal(day * 86400000, at("2026-11-24T00:00:00Z"));
    static const char *const bad[] = { "2026-02-29",  "2026-13-01", "2026-00-01",
                                       "2026-01-00",  "2026-1-01",  "26-01-01",
                                       "2026-01-01Z", "2026/01/01", "" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(period_parse_date(bytes_of_text(bad[i]), &day));
    }
}

static void shorter_is_shorter_from_every_day(void **state)
{
    static const struct {
        const char *a, *b;
        bool a_in_b, b_in_a;
    } row[] = {
        { "P28D", "P1M", true, false },   { "P29D", "P1M", false, false }, { "P31D", "P1M", false, true },
        { "P365D", "P1Y", true, false },  { "P366D", "P1Y", false, true }, { "P12M", "P1Y", true, true },
        { "PT24H", "P1D", true, true },   { "PT25H", "P1D", false, true }, { "P15D", "P30D", true, false },
        { "P3Y", "P36M", true, true },    { "P0D", "PT1S", true, false },  { "P59D", "P2M", true, false },
        { "P62D", "P2M", false, true },   { "P60D", "P2M", false, false }, { "P3Y", "P1095D", false, true },
        { "P1M1D", "P32D", true, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct period a = period(row[i].a), b = period(row[i].b);
        if (period_is_within(a, b) != row[i].a_in_b || period_is_within(b, a) != row[i].b_in_a) {
            fail_msg("row %zu: %s and %s", i, row[i].a, row[i].b);
        }
    }
}

static void ages_and_counting_years(void **state)
{
    static const struct {
        const char *born, *at;
        int age;
    } row[] = {
        { "2012-11-24", "2026-11-23T23:59:59.999Z", 13 }, { "2012-11-24", "2026-11-24T00:00:00Z", 14 },
        { "2012-02-29", "2026-02-28T12:00:00Z", 13 },     { "2012-02-29", "2026-03-01T00:00:00Z", 14 },
        { "2012-02-29", "2028-02-29T00:00:00Z", 16 },     { "2026-11-24", "2026-11-24T05:00:00Z", 0 },
        { "2026-11-25", "2026-11-24T23:00:00Z", -1 },     { "1908-01-01", "2026-11-24T00:00:00Z", 118 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t born = 0;
        assert_true(period_parse_date(bytes_of_text(row[i].born), &born));
        if (period_age(born, at(row[i].at)) != row[i].age) {
            fail_msg("row %zu: %d years", i, period_age(born, at(row[i].at)));
        }
    }
    assert_int_equal(period_year_start(at("2026-11-24T12:00:00Z"), 1, 1), at("2026-01-01T00:00:00Z"));
    assert_int_equal(period_year_start(at("2026-01-01T00:00:00Z"), 1, 1), at("2026-01-01T00:00:00Z"));
    assert_int_equal(period_year_start(at("2026-01-01T00:00:00Z") - 1, 1, 1), at("2025-01-01T00:00:00Z"));
    assert_int_equal(period_year_start(at("2026-03-31T00:00:00Z"), 4, 1), at("2025-04-01T00:00:00Z"));
    assert_int_equal(period_year_start(at("2026-04-01T00:00:00Z"), 4, 1), at("2026-04-01T00:00:00Z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_periods_are_read_and_written), cmocka_unit_test(bad_periods_are_refused),
        cmocka_unit_test(moments_are_those_of_the_calendar), cmocka_unit_test(arithmetic_matches_the_library),
        cmocka_unit_test(every_day_has_one_number),          cmocka_unit_test(shorter_is_shorter_from_every_day),
        cmocka_unit_test(ages_and_counting_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
