#include "policy/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

/* X-Road's PathGlobTest (reference case 21) and what its text says besides. */
static void known_answers(void **state)
{
    const struct {
        struct bytes pattern, path;
        bool matches;
    } row[] = {
        { BYTES("**"), BYTES(""), true },
        { BYTES("/*/"), BYTES("/a/"), true },
        { BYTES("/*/"), BYTES("/a/b/"), false },
        { BYTES("**/bar/**"), BYTES("a/b/c/bar/e/f"), true },
        { BYTES("\\*"), BYTES("*"), true },
        { BYTES("*"), BYTES("*"), true },
        { BYTES("\\*"), BYTES("\\*"), false },
        { BYTES("\\\\"), BYTES("\\"), true },
        { BYTES("a\\b"), BYTES("a\\b"), true },
        { BYTES("a\\"), BYTES("a\\"), true },
        { BYTES("\\\\*"), BYTES("\\xyz"), true },
        { BYTES("\\**"), BYTES("*xyz"), true },
        { BYTES("\\**"), BYTES("xyz"), false },
        { BYTES("simple"), BYTES("prefix.simple.suffix"), false },
        { BYTES("simple"), BYTES("simple"), true },
        { BYTES(""), BYTES(""), true },
        { BYTES(""), BYTES("/"), false },
        { BYTES("*"), BYTES(""), true },
        { BYTES("*"), BYTES("/"), false },
        { BYTES("/api/**"), BYTES("/api/foo"), true },
        { BYTES("/api/**"), BYTES("/api/"), true },
        { BYTES("/api/**"), BYTES("/api"), false },
        { BYTES("/api/***"), BYTES("/api/a/b"), true },
        { BYTES("/api/test/*"), BYTES("/api/test/foo"), true },
        { BYTES("/api/test/*"), BYTES("/api/test/foo/bar"), false },
        { BYTES("/api/test/*"), BYTES("/api/test/a%2Fb"), true },
        { BYTES("?"), BYTES("a"), false },
        { BYTES("[a]"), BYTES("a"), false },
        { BYTES("/*a*/**z"), BYTES("/bab/x/y/z"), true },
        { BYTES("**a*b"), BYTES("a/aab"), true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (glob_match(row[i].pattern, row[i].path) != row[i].matches) {
            fail_msg("row %zu: '%.*s' ~ '%.*s'", i, BYTES_FMT(row[i].pattern), BYTES_FMT(row[i].path));
        }
    }
}

/* The model: as the sentence says it, trying everything. */
static bool model(struct bytes pattern, struct bytes path)
{
    if (pattern.size == 0) {
        return path.size == 0;
    }
    if (pattern.data[0] == '*') {
        size_t stars = 1;
        while (stars < pattern.size && pattern.data[stars] == '*') {
            stars++;
        }
        struct bytes rest = bytes_slice(pattern, stars, pattern.size);
        for (size_t taken = 0; taken <= path.size; taken++) {
            if (model(rest, bytes_slice(path, taken, path.size))) {
                return true;
            }
            if (taken < path.size && path.data[taken] == '/' && stars == 1) {
                return false;
            }
        }
        return false;
    }
    size_t skip = pattern.data[0] == '\\' && pattern.size > 1 && (pattern.data[1] == '*' || pattern.data[1] == '\\') ? 1 : 0;
    return path.size > 0 && path.data[0] == pattern.data[skip] &&
           model(bytes_slice(pattern, skip + 1, pattern.size), bytes_slice(path, 1, path.size));
}

static void matches_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200000; seed++) {
        uint8_t pattern[12], path[14];
        unsigned dice = seed;
        size_t pattern_size = (size_t)rand_r(&dice) % (sizeof pattern + 1), path_size = (size_t)rand_r(&dice) % (sizeof path + 1);
        for (size_t i = 0; i < pattern_size; i++) {
            pattern[i] = (uint8_t) "ab/**\\"[rand_r(&dice) % 6];
        }
        for (size_t i = 0; i < path_size; i++) {
            path[i] = (uint8_t) "aaabb//*\\"[rand_r(&dice) % 9];
        }
        struct bytes a = bytes_of(pattern, pattern_size), b = bytes_of(path, path_size);
        if (glob_match(a, b) != model(a, b)) {
            fail_msg("seed %u: '%.*s' ~ '%.*s' should be %d", seed, BYTES_FMT(a), BYTES_FMT(b), model(a, b));
        }
    }
}

static void long_patterns_do_not_explode(void **state)
{
    static uint8_t pattern[GLOB_PATTERN_SIZE_MAX + 1], path[8192];
    (void)state;
    for (size_t i = 0; i < GLOB_PATTERN_SIZE_MAX; i++) {
        pattern[i] = (uint8_t) "**a*a"[i % 5];
    }
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = 'b';
    pattern[GLOB_PATTERN_SIZE_MAX - 1] = 'c';
    uint64_t before = time_monotonic_us();
    assert_false(glob_match(bytes_of(pattern, GLOB_PATTERN_SIZE_MAX), bytes_of(path, sizeof path)));
    pattern[GLOB_PATTERN_SIZE_MAX - 1] = 'b';
    assert_true(glob_match(bytes_of(pattern, GLOB_PATTERN_SIZE_MAX), bytes_of(path, sizeof path)));
    assert_true(time_monotonic_us() - before < 5000000); /* some 30 ms; under sanitizers on a busy machine more */
    assert_false(glob_match(bytes_of(pattern, sizeof pattern), bytes_of(path, sizeof path)));
}

static void paths_are_normalised(void **state)
{
    const struct {
        struct bytes path;
        const char *want; /* NULL: refused */
    } row[] = {
        { BYTES(""), "" },
        { BYTES("/"), "/" },
        { BYTES("/api/foo"), "/api/foo" },
        { BYTES("/api/t%65st/foo"), "/api/test/foo" },
        { BYTES("/api/test/foo/../bar"), "/api/test/bar" },
        { BYTES("/api/test/../bar"), "/api/bar" },
        { BYTES("/a/./b"), "/a/b" },
        { BYTES("/a/b/.."), "/a/" },
        { BYTES("/a/b/."), "/a/b/" },
        { BYTES("/a/.."), "/" },
        { BYTES("/a/../.."), NULL },
        { BYTES("/.."), NULL },
        { BYTES("/../a"), NULL },
        { BYTES("/a//b"), "/a//b" },
        { BYTES("/a//../b"), NULL },
        { BYTES("//.."), NULL },
        { BYTES("/a/"), "/a/" },
        { BYTES("/%2e%2e/secret"), NULL },
        { BYTES("/api/%2e%2e/secret"), NULL },
        { BYTES("/api/.%2E/secret"), NULL },
        { BYTES("/api/%2e/secret"), NULL },
        { BYTES("/a%2fb"), "/a%2Fb" },
        { BYTES("/a%2F..%2Fb"), NULL },
        { BYTES("/..%2fb"), NULL },
        { BYTES("/a%2f.."), NULL },
        { BYTES("/..;x/b"), NULL },
        { BYTES("/a/..%3bx/b"), NULL },
        { BYTES("/a;../b"), "/a;../b" },
        { BYTES("/..\\b"), NULL },
        { BYTES("/a%5C..%5Cb"), NULL },
        { BYTES("/a%5Cb"), "/a\\b" },
        { BYTES("/..."), "/..." },
        { BYTES("/..a"), "/..a" },
        { BYTES("/a%2Db"), "/a-b" },
        { BYTES("/%252e%252e/a"), "/%2e%2e/a" },
        { BYTES("/%"), NULL },
        { BYTES("/%2"), NULL },
        { BYTES("/%zz"), NULL },
        { BYTES("/%00"), NULL },
        { BYTES("/%c3%a4"), "/\xc3\xa4" },
        { BYTES("/%c3"), NULL },
        { BYTES("/%ff"), NULL },
        { BYTES("a/b"), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer out;
        struct error e = { 0 };
        buffer_init(&out, 4096);
        buffer_append_text(&out, "kept:");
        bool ok = glob_normalise(row[i].path, &out, &e);
        if (ok != (row[i].want != NULL)) {
            fail_msg("row %zu (%.*s): %d %s", i, BYTES_FMT(row[i].path), ok, e.what);
        }
        if (ok) {
            struct bytes got = bytes_slice(buffer_bytes(&out), 5, out.size);
            if (!bytes_equal(got, bytes_of_text(row[i].want))) {
                fail_msg("row %zu (%.*s): %.*s", i, BYTES_FMT(row[i].path), BYTES_FMT(got));
            }
        } else {
            assert_int_equal(e.kind, ERROR_INPUT);
        }
        buffer_clear(&out);
    }
}

static void memory_that_is_out_is_told(void **state)
{
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    buffer_init(&out, 8);
    assert_false(glob_normalise(BYTES("/much/longer/than/that"), &out, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(matches_the_model),
        cmocka_unit_test(long_patterns_do_not_explode),
        cmocka_unit_test(paths_are_normalised),
        cmocka_unit_test(memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
