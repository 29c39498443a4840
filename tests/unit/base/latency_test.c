/* Quantiles of the histogram against sorting all that was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/latency.h"

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 16;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void quantiles_are_near(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint64_t all[COUNT];
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct latency latency = { 0 };
        uint32_t before[LATENCY_BUCKETS] = { 0 }, after[LATENCY_BUCKETS] = { 0 };
        uint64_t random = seed;
        size_t count = 1 + (size_t)(next(&random) % COUNT);
        /* What was there before does not count. */
        for (int i = 0; i < 100; i++) {
            latency_add(&latency, next(&random) % 100000);
        }
        latency_read(&latency, before);
        for (size_t i = 0; i < count; i++) {
            all[i] = next(&random) % (UINT64_C(1) << (1 + next(&random) % 25));
            latency_add(&latency, all[i]);
        }
        latency_read(&latency, after);
        qsort(all, count, sizeof all[0], compare);
        assert_int_equal(latency_count(before, after), count);
        for (unsigned permille = 1; permille <= 1000; permille += 111) {
            size_t rank = (count * permille + 999) / 1000;
            uint64_t want = all[rank == 0 ? 0 : rank - 1], got = latency_quantile_us(before, after, permille);
            uint64_t off = got > want ? got - want : want - got;
            if (off > want / 8 + (want < 8 ? 0 : 1)) {
                fail_msg("seed %llu: %u of 1000 of %zu is %llu us, told %llu", (unsigned long long)seed, permille, count,
                         (unsigned long long)want, (unsigned long long)got);
            }
        }
    }
}

static void edges(void **state)
{
    (void)state;
    struct latency latency = { 0 };
    uint32_t before[LATENCY_BUCKETS] = { 0 }, after[LATENCY_BUCKETS] = { 0 };
    assert_int_equal(latency_quantile_us(before, after, 500), 0);
    latency_add(&latency, UINT64_MAX); /* the last bucket takes all that is longer */
    latency_read(&latency, after);
    assert_int_equal(latency_count(before, after), 1);
    assert_true(latency_quantile_us(before, after, 1000) > 50u * 1000 * 1000);
    /* Counts that have wrapped still make a difference. */
    memset(before, 0xff, sizeof before);
    memset(after, 0, sizeof after);
    assert_int_equal(latency_count(before, after), LATENCY_BUCKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(quantiles_are_near), cmocka_unit_test(edges) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
