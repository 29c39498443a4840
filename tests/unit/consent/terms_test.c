/* Terms and facts as lines: what is written comes back, and no two of them have one digest. */
#include "consent/terms_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "consent/event_text.h"

static uint64_t throw(unsigned *dice, uint64_t below)
{
    return (uint64_t)rand_r(dice) % below;
}

static struct consent_terms throw_terms(unsigned *dice)
{
    struct consent_terms t = { .separate = (uint32_t) throw(dice, 64), .role = (enum consent_role) throw(dice, CONSENT_ROLE_SYSTEM + 1) };
    t.is_written = throw(dice, 2) == 1;
    memset(t.notice, (int) throw(dice, 3), sizeof t.notice);
    struct consent_limits *l = &t.limits;
    l->mode = (enum use_mode) throw(dice, 4);
    l->fetch = (enum use_fetch) throw(dice, 2);
    l->max = throw(dice, 3);
    l->per.days = l->max > 0 ? (uint32_t) throw(dice, 3) : 0;
    l->per.months = l->max > 0 ? (uint32_t) throw(dice, 30) : 0;
    l->total = throw(dice, 2) * 1000000;
    l->has_data_from = throw(dice, 2) == 1;
    l->has_data_until = throw(dice, 2) == 1;
    l->data_from_ms = l->has_data_from ? (int64_t) throw(dice, 1000) - 500 : 0;
    l->data_until_ms = l->has_data_until ? (int64_t) throw(dice, 1000) - 500 : 0;
    l->has_recipient_life = throw(dice, 2) == 1;
    l->recipient_life.seconds = l->has_recipient_life ? throw(dice, 2) * 3600 : 0;
    l->erase_at_ms = (int64_t) throw(dice, 2) * 1830000000000;
    return t;
}

static void assert_terms_equal(const struct consent_terms *a, const struct consent_terms *b)
{
    const struct consent_limits *m = &a->limits, *n = &b->limits;
    assert_memory_equal(a->notice, b->notice, sizeof a->notice);
    assert_int_equal(a->separate, b->separate);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->is_written, b->is_written);
    assert_int_equal(m->mode, n->mode);
    assert_int_equal(m->fetch, n->fetch);
    assert_int_equal(m->max, n->max);
    assert_true(period_equal(m->per, n->per));
    assert_int_equal(m->total, n->total);
    assert_int_equal(m->has_data_from, n->has_data_from);
    assert_int_equal(m->has_data_until, n->has_data_until);
    assert_int_equal(m->data_from_ms, n->data_from_ms);
    assert_int_equal(m->data_until_ms, n->data_until_ms);
    assert_int_equal(m->has_recipient_life, n->has_recipient_life);
    assert_true(period_equal(m->recipient_life, n->recipient_life));
    assert_int_equal(m->erase_at_ms, n->erase_at_ms);
}

static void terms_come_back(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        unsigned dice = seed;
        struct consent_terms terms = throw_terms(&dice), read;
        struct buffer text;
        bool has_any = false;
        buffer_init(&text, 4096);
        event_text_append(&text, "comity-event", BYTES("consent/1"));
        consent_terms_write(&terms, &text);
        event_text_append(&text, "time", BYTES("1"));
        assert_false(text.failed);
        if (!consent_terms_read(buffer_bytes(&text), &read, &has_any) || !has_any) {
            fail_msg("seed %u: not read", seed);
        }
        assert_terms_equal(&terms, &read);
        buffer_clear(&text);
    }
    struct consent_terms none;
    bool has_any = true;
    assert_true(consent_terms_read(BYTES("time: 1\n"), &none, &has_any));
    assert_false(has_any);
}

static void refuses_other_values(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "notice: x\n",
        "notice: sha-256=:AAAA:\n",
        "separate: sensitive  provide\n",
        "separate: \n",
        "separate: all\n",
        "decided_by: nobody\n",
        "mode: keep\n",
        "fetch: \n",
        "max: 0\n",
        "max: -1\n",
        "per: 3 days\n",
        "total: 1.5\n",
        "data_from: --1\n",
        "data_until: \n",
        "recipient_life: P\n",
        "erase_at: now\n",
        "notice: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\n",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct consent_terms terms;
        bool has_any;
        if (consent_terms_read(bytes_of_text(bad[i]), &terms, &has_any)) {
            fail_msg("row %zu was taken", i);
        }
    }
}

static void persons_come_back(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 500; seed++) {
        unsigned dice = seed;
        struct consent_person person = { .has_born = throw(&dice, 2) == 1,
                                         .has_died = throw(&dice, 2) == 1,
                                         .is_paused = throw(&dice, 2) == 1,
                                         .is_restricted = throw(&dice, 2) == 1,
                                         .guardian_until_ms = (int64_t) throw(&dice, 2) * INT64_MAX };
        person.born_day = person.has_born ? (int32_t) throw(&dice, 40000) - 20000 : 0;
        struct consent_person read;
        struct buffer text;
        buffer_init(&text, 4096);
        consent_person_write(&person, &text);
        assert_false(text.failed);
        assert_true(consent_person_read(buffer_bytes(&text), &read));
        assert_int_equal(read.has_born, person.has_born);
        assert_int_equal(read.born_day, person.born_day);
        assert_int_equal(read.has_died, person.has_died);
        assert_int_equal(read.is_paused, person.is_paused);
        assert_int_equal(read.is_restricted, person.is_restricted);
        assert_int_equal(read.guardian_until_ms, person.guardian_until_ms);
        assert_int_equal(read.delegate_until_ms, person.delegate_until_ms);
        buffer_clear(&text);
    }
    struct consent_person read;
    assert_false(consent_person_read(BYTES("born: 1.1.\n"), &read));
    assert_false(consent_person_read(BYTES("born: 4000000000\n"), &read));
    assert_false(consent_person_read(BYTES("paused: no\n"), &read));
}

/* Whatever a decision may look at changes the digest by which it names what it looked at. */
static void each_input_changes_the_digest(void **state)
{
    (void)state;
    enum { CHANGES = 24 };
    uint8_t digests[CHANGES][SHA256_SIZE];
    for (size_t i = 0; i < CHANGES; i++) {
        struct consent_terms terms = { .role = CONSENT_ROLE_PERSON };
        struct consent_decision decision = {
            .category = BYTES("urn:c"), .state = CONSENT_GIVEN, .record_id = BYTES("c-1"), .terms = &terms
        };
        struct consent_view view = { .decisions = &decision, .count = 1 };
        struct consent_limits *l = &terms.limits;
        switch (i) {
        case 0:
            break;
        case 1:
            decision.terms = NULL;
            break;
        case 2:
            terms.notice[31] = 1;
            break;
        case 3:
            terms.separate = LAW_SEPARATE_MINOR;
            break;
        case 4:
            terms.role = CONSENT_ROLE_GUARDIAN;
            break;
        case 5:
            l->mode = USE_MODE_STREAM;
            break;
        case 6:
            l->fetch = USE_FETCH_PERIODIC;
            break;
        case 7:
            l->max = 1;
            break;
        case 8:
            l->max = 1;
            l->per.days = 1;
            break;
        case 9:
            l->total = 1;
            break;
        case 10:
            l->has_data_from = true;
            break;
        case 11:
            l->has_data_until = true;
            break;
        case 12:
            l->has_recipient_life = true;
            break;
        case 13:
            l->erase_at_ms = 1;
            break;
        case 14:
            view.person.has_born = true;
            break;
        case 15:
            view.person.has_born = true;
            view.person.born_day = -1;
            break;
        case 16:
            view.person.has_died = true;
            break;
        case 17:
            view.person.is_paused = true;
            break;
        case 18:
            view.person.is_restricted = true;
            break;
        case 19:
            view.person.guardian_until_ms = 1;
            break;
        case 20:
            decision.state = CONSENT_PAUSED;
            break;
        case 21:
            terms.is_written = true;
            break;
        case 22:
            view.person.delegate_until_ms = 1;
            break;
        case 23:
            view.count = 0;
            break;
        }
        assert_true(consent_view_digest(&view, digests[i]));
        for (size_t j = 0; j < i; j++) {
            if (memcmp(digests[i], digests[j], SHA256_SIZE) == 0) {
                fail_msg("changes %zu and %zu have one digest", j, i);
            }
        }
    }
    uint8_t nothing[SHA256_SIZE];
    assert_true(consent_view_digest(NULL, nothing));
    assert_memory_equal(nothing, digests[23], SHA256_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_come_back),
        cmocka_unit_test(refuses_other_values),
        cmocka_unit_test(persons_come_back),
        cmocka_unit_test(each_input_changes_the_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
