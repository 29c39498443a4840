#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"

static void errors_say_where_what_and_what_to_do(void **state)
{
    struct error e;
    char text[512];
    (void)state;
    assert_false(error_set(&e, ERROR_DENIED, "a.yaml:3", "do that", "%s is %d", "it", 7));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_string_equal(error_text(&e, text, sizeof text), "a.yaml:3: it is 7; do that");
    assert_false(error_set(&e, ERROR_INPUT, NULL, NULL, "plain"));
    assert_string_equal(error_text(&e, text, sizeof text), "plain");
    assert_string_equal(error_text(&e, text, 4), "pla");
    /* An error wrapped in itself. */
    assert_false(error_set(&e, ERROR_INPUT, "outer", NULL, "inner said: %s", e.what));
    assert_string_equal(e.what, "inner said: plain");
    assert_false(error_set(NULL, ERROR_INPUT, "a", "b", "c"));
    assert_false(error_memory(&e, "here"));
    assert_int_equal(e.kind, ERROR_MEMORY);
}

static void errno_tells_the_kind(void **state)
{
    static const struct {
        int number;
        enum error_kind kind;
    } row[] = { { ENOENT, ERROR_ABSENT }, { ENOSPC, ERROR_FULL }, { EDQUOT, ERROR_FULL }, { EIO, ERROR_IO }, { EACCES, ERROR_IO } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e;
        errno = row[i].number;
        assert_false(error_system(&e, "file", "look"));
        assert_int_equal(e.kind, row[i].kind);
        assert_true(e.what[0] != '\0');
    }
}

static void long_texts_are_cut(void **state)
{
    char huge[1000];
    struct error e;
    (void)state;
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_false(error_set(&e, ERROR_INPUT, huge, huge, "%s", huge));
    assert_int_equal(strlen(e.where), sizeof e.where - 1);
    assert_int_equal(strlen(e.what), sizeof e.what - 1);
    assert_int_equal(strlen(e.todo), sizeof e.todo - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where_what_and_what_to_do),
        cmocka_unit_test(errno_tells_the_kind),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
