/*
 * The cache against a list that keeps everything, with random insertions, changes and finds in far too little room: what is found is what was put in
 * last, under a generation that is still current; and that finding takes no memory (malloc and its kin are wrapped by the linker).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "consent/cache_internal.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static _Atomic size_t allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    allocations++;
    return __real_realloc(old, size);
}

enum { PERSONS = 40, RECIPIENTS = 2, PURPOSES = 2, KEYS = PERSONS * RECIPIENTS * PURPOSES, DECISIONS_MAX = 80, STEPS = 60000 };
static const char *const categories[] = { "https://w3id.org/dpv/pd#BloodType", "https://w3id.org/dpv/pd#Name",
                                          "https://w3id.org/dpv/pd#Salary", "https://w3id.org/dpv/pd#Age",
                                          "https://w3id.org/dpv/pd#Vaccination" };

/* What the list knows of one key. */
struct known {
    bool was_put;
    bool is_kept_at_all; /* by its form: not too long, ids of ours */
    uint64_t generation;
    struct consent_person person;
    struct consent_decision decisions[DECISIONS_MAX];
    struct consent_terms terms[DECISIONS_MAX];
    char ids[DECISIONS_MAX][CONSENT_ID_SIZE], names[DECISIONS_MAX][64];
    size_t count;
};

static struct consent_key key_of(size_t number, char texts[3][64])
{
    (void)snprintf(texts[0], 64, "person-%zu", number / (RECIPIENTS * PURPOSES));
    (void)snprintf(texts[1], 64, "KE/MED/CLINIC%zu", number % RECIPIENTS);
    (void)snprintf(texts[2], 64, "https://w3id.org/dpv#Purpose%zu", number / RECIPIENTS % PURPOSES);
    return (struct consent_key){ bytes_of_text(texts[0]), bytes_of_text(texts[1]), bytes_of_text(texts[2]) };
}

/* Records of several decisions each, some with facts of the person, some that can't be kept. */
static void draw(struct known *known, bool is_plain)
{
    memset(known, 0, sizeof *known);
    known->was_put = known->is_kept_at_all = true;
    size_t want = (size_t)random() % 8;
    if (!is_plain && random() % 50 == 0) {
        want = CONSENT_ROOM_DECISIONS + 1 + (size_t)random() % (DECISIONS_MAX - CONSENT_ROOM_DECISIONS - 1);
        known->is_kept_at_all = false;
    }
    while (known->count < want) {
        size_t run = 1 + (size_t)random() % 3;
        int64_t from_ms = random() % 1000000, until_ms = random() % 2 == 0 ? 253402300799999 : random();
        struct consent_terms terms = { .separate = (uint32_t)random() % 3, .role = (enum consent_role)(random() % 4) };
        bool has_terms = random() % 2 == 0, has_foreign_id = !is_plain && random() % 100 == 0;
        known->is_kept_at_all = known->is_kept_at_all && !has_foreign_id;
        size_t first = known->count;
        for (size_t i = 0; i < run && known->count < want; i++) {
            size_t at = known->count++;
            known->terms[first] = terms;
            (void)snprintf(known->ids[at], sizeof known->ids[at], has_foreign_id ? "c-%032lX" : "c-%032lx", 0xabcdefUL + 16 * (first + 1));
            (void)snprintf(known->names[at], sizeof known->names[at], "%s%zu", categories[at % COUNT_OF(categories)],
                           at / COUNT_OF(categories));
            known->decisions[at] = (struct consent_decision){
                .category = bytes_of_text(known->names[at]),
                .state = is_plain ? CONSENT_GIVEN : (enum consent_state)(1 + (unsigned)random() % CONSENT_INVALIDATED),
                .valid_from_ms = from_ms,
                .valid_until_ms = until_ms,
                .record_id = bytes_of_text(known->ids[at]),
                .terms = has_terms ? &known->terms[first] : NULL
            };
        }
    }
    if (random() % 4 == 0) {
        known->person.has_born = true;
        known->person.born_day = (int32_t)(random() % 20000);
        known->person.is_paused = random() % 2 == 0;
        known->person.delegate_until_ms = random();
    }
}

static void must_be(const struct known *known, const struct consent_view *view)
{
    uint8_t want[SHA256_SIZE], got[SHA256_SIZE];
    const struct consent_view all = { .decisions = known->decisions, .count = known->count, .person = known->person };
    assert_int_equal(view->count, known->count);
    assert_true(consent_view_digest(&all, want) && consent_view_digest(view, got));
    assert_memory_equal(want, got, sizeof want);
}

static void finds_what_was_put_in_last(void **state)
{
    static const size_t rooms[] = { 16, 160, 100000 };
    (void)state;
    struct known *known = calloc(KEYS, sizeof *known);
    struct consent_room *room = calloc(1, sizeof *room);
    assert_non_null(known);
    assert_non_null(room);
    for (size_t r = 0; r < COUNT_OF(rooms); r++) {
        struct consent_cache cache;
        size_t hits = 0, allocated = 0;
        char texts[3][64];
        unsigned seed = 1000 + (unsigned)r;
        srandom(seed);
        memset(known, 0, KEYS * sizeof *known);
        assert_true(consent_cache_init(&cache, rooms[r]));
        for (int step = 0; step < STEPS; step++) {
            size_t number = (size_t)random() % KEYS;
            struct consent_key key = key_of(number, texts);
            struct cache_place place;
            consent_cache_place(&cache, &key, &place);
            uint64_t generation = consent_cache_generation(&cache, &place);
            long dice = random() % 100;
            if (dice < 30) {
                draw(&known[number], false);
                known[number].generation = generation;
                const struct consent_view view = { .decisions = known[number].decisions,
                                                   .count = known[number].count,
                                                   .person = known[number].person };
                (void)consent_cache_insert(&cache, &key, &place, generation, &view);
            } else if (dice < 40) {
                consent_cache_begin_change(&cache, &place);
                assert_int_equal(consent_cache_generation(&cache, &place) % 2, 1);
                consent_cache_begin_change(&cache, &place);
                consent_cache_end_change(&cache, &place);
                consent_cache_end_change(&cache, &place);
                assert_true(consent_cache_generation(&cache, &place) == generation + 2);
            } else if (dice == 40 && random() % 10 == 0) {
                consent_cache_overtake_all(&cache);
            } else {
                struct consent_view view;
                size_t before = allocations;
                bool is_found = consent_cache_find(&cache, &key, &place, room, &view);
                allocated += allocations - before;
                if (!is_found) {
                    continue;
                }
                hits++;
                assert_true(known[number].was_put && known[number].is_kept_at_all);
                assert_true(known[number].generation == generation);
                assert_true(consent_cache_is_current(&cache, &view));
                must_be(&known[number], &view);
            }
            assert_true(consent_cache_count(&cache) <= ((rooms[r] + CONSENT_SHARDS - 1) / CONSENT_SHARDS) * CONSENT_SHARDS);
        }
        print_message("seed %u, room %zu: %zu found\n", seed, rooms[r], hits);
        assert_int_equal(allocated, 0);
        assert_true(hits > (rooms[r] < 100 ? 50 : 5000)); /* else nothing was put to the test */
        consent_cache_clear(&cache);
    }
    free(known);
    free(room);
}

/* With room enough, all that can be kept is there. */
static void keeps_all_that_there_is_room_for(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct consent_cache cache;
    struct known *known = calloc(1, sizeof *known);
    struct consent_room *room = calloc(1, sizeof *room);
    char name[64];
    assert_true(known != NULL && room != NULL && consent_cache_init(&cache, 4 * MANY));
    srandom(3);
    for (int pass = 0; pass < 2; pass++) {
        srandom(3);
        for (int i = 0; i < MANY; i++) {
            struct cache_place place;
            struct consent_view view;
            (void)snprintf(name, sizeof name, "person-%d", i);
            const struct consent_key key = { bytes_of_text(name), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };
            consent_cache_place(&cache, &key, &place);
            draw(known, true);
            known->count = known->count > 3 ? 3 : known->count;
            if (pass == 0) {
                const struct consent_view all = { .decisions = known->decisions, .count = known->count, .person = known->person };
                assert_int_equal(consent_cache_insert(&cache, &key, &place, consent_cache_generation(&cache, &place), &all), 0);
            } else {
                assert_true(consent_cache_find(&cache, &key, &place, room, &view));
                must_be(known, &view);
            }
        }
    }
    consent_cache_clear(&cache);
    free(known);
    free(room);
}

/* 64 bytes a record, when they are alike but for person, dates and id; the generations are there once, whatever is kept. */
static void a_record_takes_64_bytes(void **state)
{
    enum { MANY = 1000000 };
    (void)state;
    struct consent_cache cache;
    char name[64], id[CONSENT_ID_SIZE];
    assert_true(consent_cache_init(&cache, MANY));
    size_t empty = CONSENT_GENERATIONS * sizeof *cache.generations + sizeof cache;
    for (int i = 0; i < MANY; i++) {
        struct cache_place place;
        (void)snprintf(name, sizeof name, "person-%d", i / 5);
        (void)snprintf(id, sizeof id, "c-%032x", i);
        char recipient[64];
        (void)snprintf(recipient, sizeof recipient, "KE/MED/CLINIC%d", i % 5);
        const struct consent_key key = { bytes_of_text(name), bytes_of_text(recipient), BYTES("https://w3id.org/dpv#Care") };
        const struct consent_decision decisions[] = {
            { .category = bytes_of_text(categories[0]),
              .state = CONSENT_GIVEN,
              .valid_from_ms = i,
              .valid_until_ms = 2 * (int64_t)i,
              .record_id = bytes_of_text(id) },
            { .category = bytes_of_text(categories[1]),
              .state = CONSENT_REFUSED,
              .valid_from_ms = i,
              .valid_until_ms = 2 * (int64_t)i,
              .record_id = bytes_of_text(id) },
        };
        const struct consent_view view = { .decisions = decisions, .count = COUNT_OF(decisions) };
        consent_cache_place(&cache, &key, &place);
        (void)consent_cache_insert(&cache, &key, &place, 0, &view);
    }
    size_t count = consent_cache_count(&cache), bytes = consent_cache_bytes(&cache) - empty;
    print_message("%zu records, %.2f bytes each\n", count, (double)bytes / (double)count);
    assert_true(count > MANY * 98 / 100);
    assert_true(bytes <= 65 * count);
    consent_cache_clear(&cache);
}

/* Many that find, beside one that changes and one that puts in: for ThreadSanitizer; and what is found is of the generation that it says. */
struct beside {
    struct consent_cache *cache;
    _Atomic bool is_over;
    _Atomic size_t found, wrong;
};

static void *find_all(void *context)
{
    struct beside *beside = context;
    struct consent_room *room = calloc(1, sizeof *room);
    char texts[3][64];
    for (size_t n = 0; room != NULL && !beside->is_over; n++) {
        struct consent_key key = key_of(n % KEYS, texts);
        struct cache_place place;
        struct consent_view view;
        consent_cache_place(beside->cache, &key, &place);
        if (consent_cache_find(beside->cache, &key, &place, room, &view)) {
            beside->found++;
            beside->wrong += view.count != 1 || (uint64_t)view.decisions[0].valid_from_ms != view.generation;
        }
    }
    free(room);
    return NULL;
}

static void finds_beside_changes(void **state)
{
    (void)state;
    struct consent_cache cache;
    struct beside beside = { .cache = &cache };
    pthread_t threads[3];
    char texts[3][64];
    assert_true(consent_cache_init(&cache, 100));
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, find_all, &beside), 0);
    }
    srandom(5);
    for (int i = 0; i < 30000; i++) {
        struct consent_key key = key_of((size_t)random() % KEYS, texts);
        struct cache_place place;
        consent_cache_place(&cache, &key, &place);
        if (random() % 3 == 0) {
            consent_cache_begin_change(&cache, &place);
            consent_cache_end_change(&cache, &place);
        }
        const struct consent_decision decision = { .category = bytes_of_text(categories[0]),
                                                   .state = CONSENT_GIVEN,
                                                   .valid_from_ms = (int64_t)consent_cache_generation(&cache, &place),
                                                   .record_id = BYTES("c-00000000000000000000000000000001") };
        const struct consent_view view = { .decisions = &decision, .count = 1 };
        (void)consent_cache_insert(&cache, &key, &place, consent_cache_generation(&cache, &place), &view);
    }
    beside.is_over = true;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(beside.wrong, 0);
    assert_true(beside.found > 0);
    consent_cache_clear(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_in_last),
        cmocka_unit_test(keeps_all_that_there_is_room_for),
        cmocka_unit_test(a_record_takes_64_bytes),
        cmocka_unit_test(finds_beside_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
