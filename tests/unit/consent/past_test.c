/* The views that an auditor makes again from the log, against those that the store had when decisions were made on them. */
#include "consent/past.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

#include "base/time.h"

enum { SEEDS = 4, STEPS = 50, PERSONS = 3, CATEGORIES = 5 };

static int64_t clock_ms;
static int64_t read_clock(void *context)
{
    (void)context;
    return clock_ms;
}

static struct consent_key key_of(unsigned person)
{
    static const struct bytes persons[PERSONS] = { BYTES("p-1"), BYTES("p 2%0A\xc3\xa9"), BYTES("p-3") };
    return (struct consent_key){ .person = persons[person], .recipient = BYTES("X/Y/Z"), .purpose = BYTES("urn:purpose") };
}

static bool take_event(void *context, const struct log_entry *entry, struct error *e)
{
    return entry->kind != RECORD_EVENT || consent_history_add(context, entry->statement, entry->index, NULL, e);
}

static void add_all(struct rig *rig, struct consent_history *history)
{
    struct error e;
    struct log_reader *reader = NULL;
    uint64_t size = 0;
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    assert_true(log_reader_size(reader, &size, &e));
    for (uint64_t i = 0; i < size; i++) {
        struct log_entry entry;
        assert_true(log_reader_get(reader, i, &entry, &e));
        assert_true(take_event(history, &entry, &e));
    }
    log_reader_close(reader);
}

/* The digests of all persons' views, by the store. */
static void note_views(struct rig *rig, uint8_t (*digests)[SHA256_SIZE])
{
    for (unsigned i = 0; i < PERSONS; i++) {
        struct error e;
        struct consent_view view;
        struct consent_key key = key_of(i);
        assert_true(consents_load(rig->consents, &key, &view, &e));
        assert_true(consent_view_digest(&view, digests[i]));
        consent_view_clear(&view);
    }
}

static void step(struct rig *rig, unsigned *dice, char ids[STEPS][CONSENT_ID_SIZE], size_t *count)
{
    static const struct bytes names[CATEGORIES] = { BYTES("urn:c"), BYTES("urn:a"), BYTES("urn:b"), BYTES("urn:ab"), BYTES("urn:a%0A") };
    struct error e;
    struct bytes categories[CATEGORIES];
    size_t chosen = 0;
    clock_ms += rand_r(dice) % 1000;
    if (*count > 0 && rand_r(dice) % 3 == 0) {
        struct bytes category = rand_r(dice) % 2 == 0 ? BYTES_NONE : names[rand_r(dice) % CATEGORIES];
        struct bytes id = bytes_of_text(ids[(size_t)rand_r(dice) % *count]);
        bool is_changed = false;
        if (!consent_withdraw(rig->consents, id, category, &is_changed, NULL, &e)) {
            assert_true(e.kind == ERROR_DENIED || e.kind == ERROR_ABSENT); /* a refusal, or a category that it has not */
        }
        return;
    }
    for (unsigned i = 0; i < CATEGORIES; i++) {
        if (rand_r(dice) % 2 == 0) {
            categories[chosen++] = names[i];
        }
    }
    struct consent_grant grant = { .key = key_of((unsigned)rand_r(dice) % PERSONS),
                                   .categories = categories,
                                   .category_count = chosen,
                                   .event = rand_r(dice) % 4 == 0 ? CONSENT_EVENT_REFUSE : CONSENT_EVENT_GIVE,
                                   .valid_from_ms = clock_ms,
                                   .valid_until_ms = clock_ms + 1 + rand_r(dice) % 5000 };
    if (chosen > 0) {
        if (!consent_give(rig->consents, &grant, ids[*count], NULL, &e)) {
            fail_msg("%s: %s", e.where, e.what);
        }
        ++*count;
    }
}

/* At each step the newest version is what the store has; at the end every digest of every step is found, in its order. */
static void run_seed(unsigned seed)
{
    static uint8_t seen[STEPS][PERSONS][SHA256_SIZE];
    char ids[STEPS][CONSENT_ID_SIZE];
    size_t count = 0;
    unsigned dice = seed;
    struct rig rig = { 0 };
    rig_make(&rig);
    rig_open(&rig);
    for (size_t i = 0; i < STEPS; i++) {
        step(&rig, &dice, ids, &count);
        note_views(&rig, seen[i]);
        struct consent_history *history = consent_history_make();
        assert_non_null(history);
        add_all(&rig, history);
        add_all(&rig, history); /* events that a crash has logged twice change nothing */
        for (unsigned p = 0; p < PERSONS; p++) {
            struct consent_key key = key_of(p);
            const struct consent_past *past = consent_history_find(history, &key);
            uint8_t nothing[SHA256_SIZE];
            assert_true(consent_view_digest(NULL, nothing));
            if (memcmp(past == NULL ? nothing : past->versions[0].digest, seen[i][p], SHA256_SIZE) != 0) {
                fail_msg("seed %u, step %zu, person %u: the newest view is another one", seed, i, p);
            }
            for (size_t j = 0; past != NULL && past->count < CONSENT_HISTORY_VERSIONS && j <= i; j++) {
                assert_non_null(consent_past_find(past, seen[j][p]));
            }
        }
        consent_history_free(history);
    }
    rig_remove(&rig);
}

static void is_what_the_store_had(void **state)
{
    (void)state;
    clock_ms = 1700000000000;
    time_replace(read_clock, NULL);
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed);
    }
    time_replace(NULL, NULL);
}

static void refuses_what_is_no_event(void **state)
{
    static const char *const bad[] = {
        "",
        "comity-event: decision/1\n",
        "comity-event: consent/1\nevent: give\n",
        /* no such state */
        "comity-event: consent/1\nevent: give\nsequence: 1\nid: c-1\nperson: p\nrecipient: r\npurpose: u\ncategory: taken urn:a\n"
        "valid_from: 1\nvalid_until: 2\ntime: 1\n",
        /* a sequence begins at 1 */
        "comity-event: consent/1\nevent: give\nsequence: 0\nid: c-1\nperson: p\nrecipient: r\npurpose: u\ncategory: given urn:a\n"
        "valid_from: 1\nvalid_until: 2\ntime: 1\n",
        /* nothing was given */
        "comity-event: consent/1\nevent: withdraw\nsequence: 7\nid: c-1\nperson: p\nrecipient: r\npurpose: u\ncategory: withdrawn urn:a\n"
        "valid_from: 1\nvalid_until: 2\ntime: 1\n",
    };
    struct consent_history *history = consent_history_make();
    (void)state;
    assert_non_null(history);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error e;
        assert_false(consent_history_add(history, bytes_of_text(bad[i]), i, NULL, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    consent_history_free(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(is_what_the_store_had), cmocka_unit_test(refuses_what_is_no_event) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
