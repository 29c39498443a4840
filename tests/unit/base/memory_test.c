/* struct buffer and struct arena: what grows, and where it stops. */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"

static void a_buffer_appends(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 1024);
    buffer_append(&b, BYTES("ab"));
    buffer_append(&b, BYTES_NONE);
    buffer_append_text(&b, "c");
    buffer_append_u8(&b, 1);
    buffer_append_u16(&b, 0x0203);
    buffer_append_u32(&b, 0x04050607);
    buffer_append_u64(&b, 0x08090A0B0C0D0E0FU);
    buffer_append_decimal(&b, 0);
    buffer_append_decimal(&b, UINT64_MAX);
    buffer_append_format(&b, "%s-%d", "x", 7);
    assert_false(b.failed);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("abc\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F"
                                                    "018446744073709551615x-7")));
    buffer_consume(&b, 18);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("018446744073709551615x-7")));
    buffer_consume(&b, SIZE_MAX);
    assert_int_equal(b.size, 0);
    buffer_clear(&b);
    assert_null(b.data);
    assert_int_equal(b.size_max, 1024);
}

static void a_buffer_stops_at_its_maximum(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 4);
    buffer_append(&b, BYTES("abcd"));
    assert_false(b.failed);
    buffer_append(&b, BYTES_NONE);
    assert_false(b.failed);
    buffer_append_u8(&b, 'e');
    assert_true(b.failed);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("abcd"))); /* what was there stays */
    buffer_consume(&b, 4);
    buffer_append_u8(&b, 'e'); /* there is room again, but the failure sticks */
    assert_int_equal(b.size, 0);
    assert_null(buffer_room(&b, 1));
    buffer_reset(&b);
    assert_non_null(buffer_room(&b, 4));
    assert_false(b.failed);
    assert_null(buffer_room(&b, SIZE_MAX));
    buffer_wipe(&b);
    buffer_init(&b, 0);
    buffer_append_u8(&b, 'a');
    assert_true(b.failed);
    buffer_clear(&b);
}

static void a_buffer_grows_up_to_its_maximum(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 100003);
    for (size_t i = 0; i < 100003; i++) {
        buffer_append_u8(&b, (uint8_t)i);
    }
    assert_false(b.failed);
    assert_int_equal(b.size, 100003);
    for (size_t i = 0; i < b.size; i++) {
        if (b.data[i] != (uint8_t)i) {
            fail_msg("byte %zu", i);
        }
    }
    buffer_append_u8(&b, 0);
    assert_true(b.failed);
    buffer_clear(&b);
}

static void an_arena_hands_out_and_stops(void **state)
{
    struct arena a = { .size_max = 10000 };
    uint8_t *taken[64];
    (void)state;
    size_t count = 0;
    for (size_t size = 1; count < COUNT_OF(taken) && (taken[count] = arena_take(&a, size)) != NULL; size = size * 3 % 997, count++) {
        assert_int_equal((uintptr_t)taken[count] % alignof(max_align_t), 0);
        memset(taken[count], (int)count, size);
    }
    assert_true(count > 5 && a.size <= a.size_max);
    for (size_t size = 1, i = 0; i < count; size = size * 3 % 997, i++) {
        for (size_t j = 0; j < size; j++) {
            if (taken[i][j] != (uint8_t)i) {
                fail_msg("piece %zu was overwritten", i);
            }
        }
    }
    assert_null(arena_take(&a, 10000));
    assert_null(arena_take(&a, SIZE_MAX));
    assert_null(arena_take(&a, SIZE_MAX - 8));
    arena_clear(&a);
    assert_int_equal(a.size, 0);
    assert_non_null(arena_take(&a, 10000));
    assert_null(arena_take(&a, 1));
    arena_clear(&a);
}

static void an_arena_copies_and_formats(void **state)
{
    struct arena a = { 0 };
    (void)state;
    struct bytes copy = arena_copy(&a, BYTES("text"));
    assert_true(bytes_equal(copy, BYTES("text")) && copy.data[4] == '\0');
    copy = arena_copy(&a, BYTES_NONE);
    assert_true(copy.data != NULL && copy.size == 0 && copy.data[0] == '\0');
    struct bytes made = arena_format(&a, "%s/%05d", "tile", 42);
    assert_true(bytes_equal(made, BYTES("tile/00042")) && made.data[made.size] == '\0');
    uint8_t *zeroed = arena_take_zeroed(&a, 5000); /* larger than a chunk */
    assert_non_null(zeroed);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    assert_true(bytes_equal(made, BYTES("tile/00042")));
    arena_clear(&a);
    arena_clear(&a);
    struct arena small = { .size_max = 16 };
    assert_null(arena_copy(&small, BYTES("sixteen bytes...")).data); /* and a NUL */
    assert_null(arena_format(&small, "%s", "sixteen bytes...").data);
    assert_non_null(arena_copy(&small, BYTES("fifteen bytes..")).data);
    arena_clear(&small);
}

/* What one message said must not be found by the next one, whoever has its memory then. */
static void an_arena_is_wiped_before_it_is_used_again(void **state)
{
    enum { SIZE = 1000, ROUNDS = 200 };
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct arena a = { 0 };
        for (unsigned i = 0; i < 30; i++) {
            uint8_t *taken = arena_take(&a, SIZE);
            assert_non_null(taken);
            size_t found = 0;
            for (size_t j = 0; j < SIZE; j++) {
                found += taken[j] == 'S';
            }
            assert_true(found < SIZE / 2);
            memset(taken, 'S', SIZE);
        }
        arena_clear(&a);
    }
}

static void *use_arenas(void *context)
{
    struct arena a[10] = { { 0 } };
    for (size_t i = 0; i < COUNT_OF(a); i++) {
        for (unsigned j = 0; j < 100; j++) {
            if (arena_take(&a[i], 900) == NULL) {
                return NULL;
            }
        }
    }
    for (size_t i = 0; i < COUNT_OF(a); i++) {
        arena_clear(&a[i]);
    }
    return context;
}

/* What a thread keeps is freed with it: a leak would show under AddressSanitizer and valgrind, and here by its size. */
static void threads_give_back_what_they_kept(void **state)
{
    (void)state;
    size_t before = 0;
    for (unsigned i = 0; i < 60; i++) {
        pthread_t thread;
        void *result = NULL;
        assert_int_equal(pthread_create(&thread, NULL, use_arenas, &before), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, &before);
        size_t used = mallinfo2().uordblks;
        before = i == 20 ? used : before;
        assert_true(i <= 20 || used < before + 256 * 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_appends),
        cmocka_unit_test(a_buffer_stops_at_its_maximum),
        cmocka_unit_test(a_buffer_grows_up_to_its_maximum),
        cmocka_unit_test(an_arena_hands_out_and_stops),
        cmocka_unit_test(an_arena_copies_and_formats),
        cmocka_unit_test(an_arena_is_wiped_before_it_is_used_again),
        cmocka_unit_test(threads_give_back_what_they_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
