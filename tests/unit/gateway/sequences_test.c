/* Numbers of requests: each once, none missing but those that are told. */
#include "gateway/sequences_internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct verifier key_of(uint8_t number)
{
    /* No key that could sign: the numbers don't ask. */
    struct verifier key = { .type = SIGNATURE_ED25519, .public_key = { number } };
    (void)snprintf(key.name, sizeof key.name, "peer-%u", number);
    return key;
}

static uint64_t take(struct sequences *sequences, const struct verifier *key, const char *want)
{
    struct arena arena = { 0 };
    uint64_t number = 0;
    struct bytes text = sequences_take(sequences, key, &arena, &number);
    assert_non_null(text.data);
    if (want != NULL && !bytes_equal(text, bytes_of_text(want))) {
        fail_msg("%.*s, want %s", BYTES_FMT(text), want);
    }
    arena_clear(&arena);
    return number;
}

static void counts_by_peer(void **state)
{
    struct verifier a = key_of(1), b = key_of(2), renamed = a;
    struct sequences *sequences = sequences_make(1234);
    (void)state;
    assert_non_null(sequences);
    memcpy(renamed.name, "other", 6);
    (void)take(sequences, &a, "1234.1");
    (void)take(sequences, &a, "1234.2");
    (void)take(sequences, &b, "1234.1");
    (void)take(sequences, &renamed, "1234.1"); /* a key under another name is another log */
    (void)take(sequences, &a, "1234.3");
    sequences_free(sequences);
}

static void takes_back(void **state)
{
    struct verifier a = key_of(1);
    struct sequences *sequences = sequences_make(0);
    (void)state;
    assert_non_null(sequences);
    for (unsigned i = 0; i < 5; i++) {
        (void)take(sequences, &a, NULL);
    }
    sequences_give_back(sequences, &a, 5);
    (void)take(sequences, &a, "0.5");
    sequences_give_back(sequences, &a, 2);
    sequences_give_back(sequences, &a, 0); /* none was taken */
    (void)take(sequences, &a, "0.2");
    (void)take(sequences, &a, "0.6");
    struct verifier b = key_of(2);
    sequences_give_back(sequences, &b, 1); /* nobody asked for it: nothing happens */
    (void)take(sequences, &b, "0.1");
    sequences_free(sequences);
}

/* A slow model: the set of numbers that stand in the log. */
static void no_number_twice_and_none_lost(void **state)
{
    enum { STEPS = 20000, HELD_MAX = 200 };
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        static bool is_logged[STEPS + 2];
        unsigned dice = seed;
        uint64_t held[HELD_MAX], most = 0;
        size_t held_count = 0, logged = 0;
        struct verifier a = key_of(1);
        struct sequences *sequences = sequences_make(0);
        assert_non_null(sequences);
        memset(is_logged, 0, sizeof is_logged);
        for (size_t i = 0; i < STEPS; i++) {
            if (held_count < HELD_MAX && (held_count == 0 || rand_r(&dice) % 2 == 0)) {
                uint64_t number = take(sequences, &a, NULL);
                for (size_t j = 0; j < held_count; j++) {
                    assert_true(held[j] != number);
                }
                assert_false(is_logged[number]);
                held[held_count++] = number;
                most = number > most ? number : most;
                continue;
            }
            size_t which = (size_t)rand_r(&dice) % held_count;
            if (rand_r(&dice) % 4 == 0) {
                sequences_give_back(sequences, &a, held[which]);
            } else {
                is_logged[held[which]] = true;
                logged++;
            }
            held[which] = held[--held_count];
        }
        /* What is given back is used first: so no more numbers were ever out than were logged or held. */
        while (held_count > 0) {
            is_logged[held[--held_count]] = true;
            logged++;
        }
        for (uint64_t n = most; n > 0 && logged < most; n--) {
            uint64_t number = take(sequences, &a, NULL);
            assert_true(number <= most && !is_logged[number]);
            is_logged[number] = true;
            logged++;
        }
        assert_int_equal(take(sequences, &a, NULL), most + 1);
        sequences_free(sequences);
    }
}

struct crowd {
    struct sequences *sequences;
    _Atomic uint64_t sum;
};

static void *take_many(void *context)
{
    struct crowd *crowd = context;
    struct verifier a = key_of(1);
    for (size_t i = 0; i < 1000; i++) {
        crowd->sum += take(crowd->sequences, &a, NULL);
    }
    return NULL;
}

static void by_many_threads(void **state)
{
    pthread_t threads[4];
    struct crowd crowd = { .sequences = sequences_make(7) };
    (void)state;
    assert_non_null(crowd.sequences);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &crowd), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(crowd.sum, 4000ULL * 4001 / 2);
    sequences_free(crowd.sequences);
}

static void is_bounded(void **state)
{
    struct arena arena = { 0 };
    uint64_t number = 1;
    struct sequences *sequences = sequences_make(7);
    (void)state;
    assert_non_null(sequences);
    for (unsigned i = 0; i <= SEQUENCES_PEERS_MAX; i++) {
        struct verifier key = key_of(1);
        memcpy(key.public_key, &i, sizeof i);
        struct bytes text = sequences_take(sequences, &key, &arena, &number);
        assert_non_null(text.data);
        assert_true((number == 0) == (i == SEQUENCES_PEERS_MAX) && (text.size == 0) == (number == 0));
    }
    arena_clear(&arena);
    sequences_free(sequences);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts_by_peer), cmocka_unit_test(takes_back),
                                        cmocka_unit_test(no_number_twice_and_none_lost), cmocka_unit_test(by_many_threads),
                                        cmocka_unit_test(is_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
