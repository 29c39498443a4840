#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/replay.h"

enum { WINDOW_MS = 60000 };

static void once_and_never_again(void **state)
{
    (void)state;
    struct replay *r = replay_make(WINDOW_MS, 0);
    assert_non_null(r);
    const int64_t now_ms = 1700000000000;
    const int64_t now_s = now_ms / 1000;
    assert_int_equal(replay_check(r, BYTES("a"), now_s, now_ms), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("a"), now_s, now_ms), REPLAY_IS_SEEN);
    assert_int_equal(replay_check(r, BYTES("b"), now_s - 60, now_ms), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("c"), now_s - 61, now_ms), REPLAY_OUTSIDE_WINDOW);
    assert_int_equal(replay_check(r, BYTES("c"), now_s + 61, now_ms), REPLAY_OUTSIDE_WINDOW);
    assert_int_equal(replay_check(r, BYTES("c"), INT64_MAX, now_ms), REPLAY_OUTSIDE_WINDOW);
    assert_int_equal(replay_check(r, BYTES("c"), -1, now_ms), REPLAY_OUTSIDE_WINDOW);
    replay_free(r);
}

/* As long as an id's time is inside the window, it is seen, however the generations turn over. */
static void seen_as_long_as_it_counts(void **state)
{
    (void)state;
    for (int64_t ahead_s = -60; ahead_s <= 60; ahead_s += 5) {
        for (int64_t start_ms = 0; start_ms < 4 * WINDOW_MS; start_ms += 7919) {
            struct replay *r = replay_make(WINDOW_MS, 0);
            const int64_t base_ms = 1700000000000;
            int64_t now_ms = base_ms + start_ms;
            int64_t created_s = now_ms / 1000 + ahead_s;
            char id[32];
            assert_non_null(r);
            assert_int_equal(replay_check(r, BYTES("first"), base_ms / 1000, base_ms), REPLAY_FRESH);
            enum replay_verdict first = replay_check(r, BYTES("x"), created_s, now_ms);
            for (int n = 0; n < 40; n++) {
                now_ms += 3571;
                (void)snprintf(id, sizeof id, "other-%d", n);
                enum replay_verdict other = replay_check(r, bytes_of_text(id), now_ms / 1000, now_ms);
                enum replay_verdict again = replay_check(r, BYTES("x"), created_s, now_ms);
                if (other != REPLAY_FRESH || (first == REPLAY_FRESH && again == REPLAY_FRESH)) {
                    fail_msg("ahead %lld start %lld step %d: other %d again %d", (long long)ahead_s, (long long)start_ms, n, other, again);
                }
            }
            replay_free(r);
        }
    }
}

static void clock_that_jumps_back(void **state)
{
    (void)state;
    struct replay *r = replay_make(WINDOW_MS, 0);
    const int64_t now_ms = 1700000000000;
    assert_int_equal(replay_check(r, BYTES("a"), now_ms / 1000, now_ms), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("b"), now_ms / 1000 - 3600, now_ms - 3600000), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("a"), now_ms / 1000, now_ms), REPLAY_IS_SEEN);
    replay_free(r);
}

/* As at a start: the log says that ids were accepted an hour ahead of the clock, and one of them comes when that hour has passed. */
static void refilled_from_ahead(void **state)
{
    (void)state;
    struct replay *r = replay_make(WINDOW_MS, 0);
    const int64_t now_ms = 1700000000000;
    const int64_t ahead_ms = now_ms + 3600000;
    char id[32];
    assert_int_equal(replay_check(r, BYTES("a"), ahead_ms / 1000, ahead_ms), REPLAY_FRESH);
    for (int i = 0; i < 3600; i += 30) {
        (void)snprintf(id, sizeof id, "%d", i);
        assert_int_equal(replay_check(r, bytes_of_text(id), now_ms / 1000 + i, now_ms + 1000 * i), REPLAY_FRESH);
    }
    assert_int_equal(replay_check(r, BYTES("a"), ahead_ms / 1000, ahead_ms + WINDOW_MS), REPLAY_IS_SEEN);
    replay_free(r);
}

/* What is forgotten while a clock is ahead is not new again when it is set right, in a process that runs and in one that began then. */
static void clock_that_was_ahead(void **state)
{
    (void)state;
    const int64_t now_ms = 1700000000000, ahead_ms = now_ms + 90 * 60 * 1000;
    struct replay *r = replay_make(WINDOW_MS, 0);
    assert_int_equal(replay_check(r, BYTES("a"), now_ms / 1000, now_ms), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("b"), ahead_ms / 1000, ahead_ms), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("c"), ahead_ms / 1000 + 121, ahead_ms + 121000), REPLAY_FRESH);
    assert_int_equal(replay_check(r, BYTES("a"), now_ms / 1000, now_ms + 1000), REPLAY_OUTSIDE_WINDOW);
    replay_free(r);
    r = replay_make(WINDOW_MS, 0);
    replay_begin(r, ahead_ms);
    assert_int_equal(replay_check(r, BYTES("a"), now_ms / 1000, now_ms + 1000), REPLAY_OUTSIDE_WINDOW);
    assert_int_equal(replay_check(r, BYTES("d"), ahead_ms / 1000 - 60, ahead_ms), REPLAY_FRESH);
    replay_free(r);
}

static void bounded(void **state)
{
    (void)state;
    struct replay *r = replay_make(WINDOW_MS, 1000);
    const int64_t now_ms = 1700000000000;
    char id[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        assert_int_equal(replay_check(r, bytes_of_text(id), now_ms / 1000, now_ms), REPLAY_FRESH);
    }
    assert_int_equal(replay_check(r, BYTES("one more"), now_ms / 1000, now_ms), REPLAY_IS_FULL);
    assert_int_equal(replay_check(r, BYTES("7"), now_ms / 1000, now_ms), REPLAY_IS_SEEN);
    replay_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_and_never_again), cmocka_unit_test(seen_as_long_as_it_counts), cmocka_unit_test(clock_that_jumps_back),
        cmocka_unit_test(refilled_from_ahead),  cmocka_unit_test(clock_that_was_ahead),      cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
