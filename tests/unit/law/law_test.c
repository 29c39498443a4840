#include "law/law.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void all_profiles_are_good(void **state)
{
    (void)state;
    assert_int_equal(law_builtin_count, 5);
    for (size_t i = 0; i < law_builtin_count; i++) {
        struct law *law = NULL;
        struct error e = { 0 };
        char text[512];
        if (!law_load_builtin(&law, bytes_of_text(law_builtins[i].id), &e)) {
            fail_msg("%s", error_text(&e, text, sizeof text));
        }
        assert_true(bytes_equal(law->id, bytes_of_text(law_builtins[i].id)));
        law_drop(law);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_profiles_are_good) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
