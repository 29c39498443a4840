/* Random histories of decisions against a slow model that remembers every event and thinks each answer through anew. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

enum { PERSONS = 2, RECIPIENTS = 2, CATEGORIES = 3, STEPS = 40, SEEDS = 12 };

static _Atomic int64_t clock_ms;
static int64_t read_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ms);
}

/* The model: every decision that was ever made, and every end that was put to one. Expiry is never stored. */
struct made {
    char id[CONSENT_ID_SIZE];
    unsigned person, recipient;
    bool has[CATEGORIES];
    bool is_refusal;
    int64_t from, until;
    int64_t withdrawn_at[CATEGORIES];    /* 0: never */
    enum consent_state told[CATEGORIES]; /* what the list said last */
};
struct history {
    struct rig rig;
    unsigned seed, dice;
    struct made made[STEPS];
    size_t count;
};

static unsigned roll(struct history *h, unsigned below)
{
    return (unsigned)rand_r(&h->dice) % below;
}

static enum consent_state model_of(const struct made *made, unsigned category, int64_t now)
{
    if (made->is_refusal) {
        return CONSENT_REFUSED;
    }
    if (made->withdrawn_at[category] != 0) {
        return CONSENT_WITHDRAWN;
    }
    return now >= made->until ? CONSENT_EXPIRED : CONSENT_GIVEN;
}

static enum consent_state model_state(const struct history *h, unsigned person, unsigned recipient, unsigned category, int64_t now)
{
    for (size_t i = h->count; i > 0; i--) {
        const struct made *made = &h->made[i - 1];
        if (made->person != person || made->recipient != recipient || !made->has[category]) {
            continue;
        }
        enum consent_state state = model_of(made, category, now);
        return state == CONSENT_GIVEN && now < made->from ? CONSENT_NONE : state;
    }
    return CONSENT_NONE;
}

static const char *category_name(unsigned category)
{
    static const char *const names[CATEGORIES] = { "urn:a", "urn:b", "urn:c" };
    return names[category];
}

static struct consent_key key_of(const struct history *h, unsigned person, unsigned recipient, char name[32])
{
    static const char *const recipients[RECIPIENTS] = { "A/B/C", "A/B/D" };
    (void)snprintf(name, 32, "seed%u-person%u", h->seed, person);
    return (struct consent_key){ bytes_of_text(name), bytes_of_text(recipients[recipient]), BYTES("urn:purpose") };
}

static void decide(struct history *h, int64_t now)
{
    struct made *made = &h->made[h->count];
    struct bytes categories[CATEGORIES];
    size_t count = 0;
    char name[32];
    struct error e = { 0 };
    *made = (struct made){ .person = roll(h, PERSONS), .recipient = roll(h, RECIPIENTS), .is_refusal = roll(h, 4) == 0 };
    made->from = now + (int64_t)roll(h, 3) * 50;
    made->until = made->from + 1 + (int64_t)roll(h, 400);
    for (unsigned i = 0; i < CATEGORIES; i++) {
        made->has[i] = roll(h, 2) == 0 || (i == CATEGORIES - 1 && count == 0);
        if (made->has[i]) {
            categories[count++] = bytes_of_text(category_name(i));
        }
    }
    struct consent_grant grant = { key_of(h, made->person, made->recipient, name),
                                   categories,
                                   count,
                                   made->is_refusal ? CONSENT_EVENT_REFUSE : CONSENT_EVENT_GIVE,
                                   made->from,
                                   made->until };
    if (!consent_give(h->rig.consents, &grant, made->id, NULL, &e)) {
        fail_msg("seed %u: %s: %s", h->seed, e.where, e.what);
    }
    h->count++;
}

static void withdraw(struct history *h, int64_t now)
{
    if (h->count == 0) {
        return;
    }
    struct made *made = &h->made[roll(h, (unsigned)h->count)];
    unsigned only = roll(h, 2 * CATEGORIES);
    bool may = false, is_there = false, want_change = false, is_changed = false;
    struct error e = { 0 };
    for (unsigned i = 0; i < CATEGORIES; i++) {
        if (!made->has[i] || (only < CATEGORIES && only != i)) {
            continue;
        }
        enum consent_state state = model_of(made, i, now);
        is_there = true;
        may = may || state != CONSENT_REFUSED;
        if (state == CONSENT_GIVEN) {
            made->withdrawn_at[i] = now;
            want_change = true;
        }
    }
    struct bytes category = only < CATEGORIES ? bytes_of_text(category_name(only)) : BYTES_NONE;
    bool ok = consent_withdraw(h->rig.consents, bytes_of_text(made->id), category, &is_changed, NULL, &e);
    enum error_kind want = !is_there ? ERROR_ABSENT : !may ? ERROR_DENIED : ERROR_NONE;
    if (ok != (want == ERROR_NONE) || (!ok && e.kind != want) || (ok && is_changed != want_change)) {
        fail_msg("seed %u: withdrawal: %d, kind %d, changed %d; want kind %d, changed %d: %s", h->seed, ok, e.kind, is_changed, want,
                 want_change, e.what);
    }
}

static void withdraw_all(struct history *h, int64_t now)
{
    unsigned person = roll(h, PERSONS);
    char name[32];
    size_t want = 0, changed = 0;
    struct error e = { 0 };
    for (size_t i = 0; i < h->count; i++) {
        bool is_changed = false;
        for (unsigned j = 0; j < CATEGORIES && h->made[i].person == person; j++) {
            if (h->made[i].has[j] && model_of(&h->made[i], j, now) == CONSENT_GIVEN) {
                h->made[i].withdrawn_at[j] = now;
                is_changed = true;
            }
        }
        want += is_changed;
    }
    if (!consent_withdraw_all(h->rig.consents, key_of(h, person, 0, name).person, &changed, &e) || changed != want) {
        fail_msg("seed %u: all: changed %zu, want %zu: %s", h->seed, changed, want, e.what);
    }
}

static bool is_final(enum consent_state state)
{
    return state == CONSENT_REFUSED || state == CONSENT_WITHDRAWN || state == CONSENT_EXPIRED;
}

static bool check_row(void *context, const struct consent_record *record)
{
    struct history *h = context;
    for (size_t i = 0; i < h->count; i++) {
        for (unsigned j = 0; j < CATEGORIES; j++) {
            struct made *made = &h->made[i];
            if (!bytes_equal(record->id, bytes_of_text(made->id)) || !bytes_equal(record->category, bytes_of_text(category_name(j)))) {
                continue;
            }
            enum consent_state want = model_of(made, j, time_now_ms());
            if (record->state != want || (is_final(made->told[j]) && record->state != made->told[j])) {
                fail_msg("seed %u: listed as %s, want %s, was %s", h->seed, consent_state_name(record->state), consent_state_name(want),
                         consent_state_name(made->told[j]));
            }
            made->told[j] = record->state;
        }
    }
    return true;
}

static void compare(struct history *h)
{
    struct error e = { 0 };
    for (unsigned i = 0; i < PERSONS * RECIPIENTS * CATEGORIES; i++) {
        unsigned person = i % PERSONS, recipient = i / PERSONS % RECIPIENTS, category = i / PERSONS / RECIPIENTS;
        char name[32];
        struct consent_key key = key_of(h, person, recipient, name);
        enum consent_state got = rig_state(&h->rig, &key, category_name(category));
        enum consent_state want = model_state(h, person, recipient, category, time_now_ms());
        if (got != want) {
            fail_msg("seed %u after %zu records: %s, want %s", h->seed, h->count, consent_state_name(got), consent_state_name(want));
        }
    }
    for (unsigned person = 0; person < PERSONS; person++) {
        char name[32];
        assert_true(consent_list(h->rig.consents, key_of(h, person, 0, name).person, BYTES_NONE, check_row, h, &e));
    }
}

static void play(struct history *h)
{
    for (unsigned step = 0; step < STEPS; step++) {
        int64_t now = atomic_load(&clock_ms);
        switch (roll(h, 8)) {
        case 0:
        case 1:
        case 2:
            decide(h, now);
            break;
        case 3:
        case 4:
            withdraw(h, now);
            break;
        case 5:
            withdraw_all(h, now);
            break;
        case 6:
            atomic_store(&clock_ms, now + (int64_t)roll(h, 150));
            break;
        default:
            if (roll(h, 4) == 0) {
                rig_close(&h->rig);
                rig_open(&h->rig);
            }
            break;
        }
        compare(h);
    }
}

static void histories_match_the_model(void **state)
{
    (void)state;
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    rig_make(&h->rig);
    h->rig.cache_max = 3;
    atomic_store(&clock_ms, 1000000);
    time_replace(read_clock, NULL);
    rig_open(&h->rig);
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        h->seed = seed;
        h->dice = seed;
        h->count = 0;
        play(h);
    }
    struct rig_order order = rig_check_order(&h->rig);
    assert_int_equal(order.faults, 0);
    assert_int_equal(order.twice, 0);
    rig_remove(&h->rig);
    time_replace(NULL, NULL);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(histories_match_the_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
