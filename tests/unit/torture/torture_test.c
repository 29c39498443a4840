#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "torture/torture.h"

enum { SEEDS = 4, ACTIONS = 400 };

static void run(uint64_t seed, bool has_lying_disk, struct torture_result *result, struct buffer *trace)
{
    struct error e = { 0 };
    const struct torture_options options = { .seed = seed,
                                             .actions = has_lying_disk ? ACTIONS / 2 : ACTIONS,
                                             .has_lying_disk = has_lying_disk };
    if (!torture_run(&options, result, trace, &e)) {
        fail_msg("seed %llu could not be tried: %s", (unsigned long long)seed, e.what);
    }
}

static void nothing_breaks(void **state)
{
    size_t acknowledged = 0, crashes = 0, cosigned = 0, released = 0, withdrawn = 0, refused = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct torture_result result;
        struct buffer trace;
        buffer_init(&trace, 1024 * 1024);
        run(seed, false, &result, &trace);
        if (result.is_broken) {
            fail_msg("seed %llu: %s\n%.*s", (unsigned long long)seed, result.what, BYTES_FMT(buffer_bytes(&trace)));
        }
        buffer_clear(&trace);
        acknowledged += result.acknowledged;
        crashes += result.crashes;
        cosigned += result.cosigned;
        released += result.released;
        withdrawn += result.withdrawn;
        refused += result.refused;
    }
    /* Invariants that nothing happens under would say nothing. */
    assert_true(acknowledged > 50 && crashes > 15 && cosigned > 15 && released > 20 && withdrawn > 20 && refused > 50);
}

static void one_seed_does_the_same(void **state)
{
    struct torture_result first, second, other;
    (void)state;
    run(77, false, &first, NULL);
    run(77, false, &second, NULL);
    run(78, false, &other, NULL);
    assert_int_equal(first.entries, second.entries);
    assert_true(first.digest == second.digest);
    assert_true(first.digest != other.digest);
}

/* A disk that lies about its syncs must be found out, and the way to it told in few actions. */
static void finds_a_lying_disk(void **state)
{
    struct torture_result result;
    struct buffer trace;
    (void)state;
    buffer_init(&trace, 1024 * 1024);
    run(3, true, &result, &trace);
    assert_true(result.is_broken);
    assert_true(result.what[0] != '\0');
    assert_true(trace.size > 0 && trace.size < 4096);
    buffer_clear(&trace);
}

static void refuses_what_it_cannot_do(void **state)
{
    struct torture_result result;
    struct error e = { 0 };
    (void)state;
    assert_false(torture_run(&(const struct torture_options){ .actions = 0 }, &result, NULL, &e));
    assert_false(torture_run(&(const struct torture_options){ .actions = TORTURE_ACTIONS_MAX + 1 }, &result, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_breaks),
        cmocka_unit_test(one_seed_does_the_same),
        cmocka_unit_test(finds_a_lying_disk),
        cmocka_unit_test(refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
