#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static void nothing_comes_twice(void **state)
{
    enum { COUNT = 2000 };
    static uint8_t drawn[COUNT][16];
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random_fill(drawn[i], sizeof drawn[i]);
        for (size_t j = 0; j < i; j++) {
            if (memcmp(drawn[i], drawn[j], sizeof drawn[i]) == 0) {
                fail_msg("%zu is %zu again", i, j);
            }
        }
    }
    static uint8_t large[10000]; /* larger than a thread's page */
    size_t zeros = 0;
    random_fill(large, sizeof large);
    for (size_t i = 0; i < sizeof large; i++) {
        zeros += large[i] == 0;
    }
    assert_true(zeros < 200); /* 39 are to be expected */
    random_fill(large, 0);
}

static void uuids_are_version_4(void **state) /* RFC 9562 5.4 */
{
    (void)state;
    for (int n = 0; n < 100; n++) {
        char uuid[UUID_TEXT_SIZE];
        random_uuid(uuid);
        assert_int_equal(strlen(uuid), 36);
        for (size_t i = 0; i < 36; i++) {
            bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
            assert_true(is_dash ? uuid[i] == '-' : strchr("0123456789abcdef", uuid[i]) != NULL);
        }
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
    }
}

static void count_up(void *context, void *out, size_t size)
{
    uint8_t *at = context, *to = out;
    for (size_t i = 0; i < size; i++) {
        to[i] = (*at)++;
    }
}

static void another_source(void **state)
{
    uint8_t at = 0, drawn[4];
    char uuid[UUID_TEXT_SIZE];
    (void)state;
    random_replace(count_up, &at);
    random_fill(drawn, sizeof drawn);
    assert_memory_equal(drawn, "\x00\x01\x02\x03", 4);
    random_uuid(uuid);
    assert_string_equal(uuid, "04050607-0809-4a0b-8c0d-0e0f10111213");
    random_replace(NULL, NULL);
    random_fill(drawn, sizeof drawn);
    assert_int_equal(at, 20);
}

static void *draw(void *context)
{
    random_fill(context, 32);
    return NULL;
}

static void threads_draw_apart(void **state)
{
    uint8_t drawn[2][32];
    pthread_t threads[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw, drawn[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_memory_not_equal(drawn[0], drawn[1], 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_twice),
        cmocka_unit_test(uuids_are_version_4),
        cmocka_unit_test(another_source),
        cmocka_unit_test(threads_draw_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
