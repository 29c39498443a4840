/* What may be decided: each refusal, and that nobody gives more than the notice asks for. */
#include "consent/grant_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "notice_fixture.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define NAME "https://w3id.org/dpv/pd#Name"
enum { ALL_ACTS = (1 << LAW_SEPARATE_COUNT) - 1 };
static const int64_t now_ms = 1795507200000; /* 2026-11-24T08:00:00Z */

/* A grown-up who gives everything, in English; each row changes something. */
struct scene {
    struct law *law;
    struct notice *notice;
    struct consent_answer answer;
    struct consent_act act;
    struct consent_person person;
    bool is_registered;
};

static void set_scene(struct scene *s, const char *law, const char *patch)
{
    struct error e = { 0 };
    *s = (struct scene){ .answer = { .person = BYTES("p-1"), .separate = ALL_ACTS },
                         .act = { .role = CONSENT_ROLE_PERSON, .method = CONSENT_METHOD_PORTAL, .language = BYTES("en") },
                         .person = { .has_born = true, .born_day = 3652 /* 1980-01-01 */ } };
    if (!law_load_builtin(&s->law, bytes_of_text(law), &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    s->notice = notice_fixture(patch);
    s->answer.notice = s->notice->digest;
}

static void clear_scene(struct scene *s)
{
    notice_drop(s->notice);
    law_drop(s->law);
}

/* NULL: permitted; "" : ERROR_INPUT. */
static const char *check(const struct scene *s, struct grant *grant)
{
    const struct grant_case c = { .law = s->law,
                                  .notice = s->notice,
                                  .answer = &s->answer,
                                  .act = &s->act,
                                  .person = &s->person,
                                  .is_registered = s->is_registered,
                                  .now_ms = now_ms };
    const char *reason = NULL;
    struct error e = { 0 };
    if (grant_check(&c, grant, &reason, &e)) {
        assert_null(reason);
        return NULL;
    }
    assert_int_equal(e.kind, reason != NULL ? ERROR_DENIED : ERROR_INPUT);
    return reason != NULL ? reason : "";
}

static void must_be(const struct scene *s, const char *want, const char *what)
{
    struct grant grant;
    const char *got = check(s, &grant);
    if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0)) {
        fail_msg("%s: %s, want %s", what, got == NULL ? "permitted" : got, want == NULL ? "permitted" : want);
    }
}

static void binds_the_notice(void **state)
{
    (void)state;
    struct scene s;
    struct grant grant;
    set_scene(&s, "CN-PIPL", NULL);
    assert_null(check(&s, &grant));
    assert_true(grant.is_given);
    assert_false(grant.is_minor);
    assert_int_equal(grant.count, 2);
    assert_memory_equal(grant.terms.notice, s.notice->digest, SHA256_SIZE);
    assert_int_equal(grant.terms.role, CONSENT_ROLE_PERSON);
    assert_int_equal(grant.terms.limits.max, 1);
    assert_int_equal(grant.terms.limits.total, 1);
    assert_int_equal(grant.terms.limits.per.days, 1);
    assert_true(grant.terms.limits.has_recipient_life);
    assert_int_equal(grant.terms.limits.recipient_life.days, 30);
    assert_int_equal(grant.decisions[0].valid_from_ms, now_ms);
    assert_int_equal(grant.decisions[0].valid_until_ms, period_after(now_ms, (struct period){ .months = 12 }));
    clear_scene(&s);
}

static void each_act_is_named(void **state)
{
    (void)state;
    struct scene s;
    static const uint32_t needed = LAW_SEPARATE_SENSITIVE | LAW_SEPARATE_PROVIDE | LAW_SEPARATE_BORDER;
    set_scene(&s, "CN-PIPL", NULL);
    s.answer.separate = needed;
    must_be(&s, NULL, "all that are needed");
    for (unsigned bit = 1; bit <= needed; bit <<= 1) {
        s.answer.separate = needed & ~bit;
        must_be(&s, (needed & bit) != 0 ? "consent.not_separate" : NULL, law_separate_word(bit));
    }
    s.answer.separate = 0;
    s.answer.is_refusal = true;
    must_be(&s, NULL, "who says no needs none");
    clear_scene(&s);
    set_scene(&s, "CN-PIPL", "{\"border\":{\"crosses\":false,\"instrument\":null}}");
    s.answer.separate = LAW_SEPARATE_SENSITIVE | LAW_SEPARATE_PROVIDE;
    must_be(&s, NULL, "no border is crossed");
    clear_scene(&s);
}

static void who_may_decide(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum consent_role role;
        int born; /* year; 0: unknown */
        bool is_registered, is_refusal;
        const char *want;
    } row[] = {
        { "a grown-up", CONSENT_ROLE_PERSON, 1980, false, false, NULL },
        { "a child alone", CONSENT_ROLE_PERSON, 2020, false, false, "consent.guardian" },
        { "a child says no", CONSENT_ROLE_PERSON, 2020, false, true, NULL },
        { "a guardian", CONSENT_ROLE_GUARDIAN, 2020, true, false, NULL },
        { "a guardian whom nobody knows", CONSENT_ROLE_GUARDIAN, 2020, false, false, "consent.guardian" },
        { "a guardian for a grown-up", CONSENT_ROLE_GUARDIAN, 1980, true, false, "consent.guardian" },
        { "a guardian's no for a grown-up", CONSENT_ROLE_GUARDIAN, 1980, true, true, "consent.guardian" },
        { "a delegate", CONSENT_ROLE_DELEGATE, 1980, true, false, NULL },
        { "a delegate whom nobody knows", CONSENT_ROLE_DELEGATE, 1980, false, false, "consent.guardian" },
        { "a delegate for a child", CONSENT_ROLE_DELEGATE, 2020, true, false, "consent.guardian" },
        { "a relative", CONSENT_ROLE_RELATIVE, 1980, true, false, "consent.guardian" },
        { "an authority", CONSENT_ROLE_AUTHORITY, 1980, true, false, "consent.guardian" },
        { "the system", CONSENT_ROLE_SYSTEM, 1980, true, false, "consent.guardian" },
        { "an unknown age, sensitive", CONSENT_ROLE_PERSON, 0, false, false, "minor.unknown" },
        { "an unknown age, a guardian", CONSENT_ROLE_GUARDIAN, 0, true, false, NULL },
        { "thirteen", CONSENT_ROLE_PERSON, 2013, false, false, "consent.guardian" },
        { "fourteen", CONSENT_ROLE_PERSON, 2012, false, false, NULL },
    };
    struct scene s;
    set_scene(&s, "CN-PIPL", NULL);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        s.act.role = row[i].role;
        s.is_registered = row[i].is_registered;
        s.answer.is_refusal = row[i].is_refusal;
        s.person = (struct consent_person){ .has_born = row[i].born != 0 };
        s.person.born_day = row[i].born != 0 ? (int32_t)period_day_of(row[i].born, 3, 1) : 0;
        must_be(&s, row[i].want, row[i].what);
    }
    s.person = (struct consent_person){ .has_died = true };
    s.act.role = CONSENT_ROLE_PERSON;
    must_be(&s, "person.died", "the dead");
    clear_scene(&s);
}

/* The age that the notice names counts where it is above the law's; a notice that isn't for minors takes no guardian's word. */
static void notices_about_minors(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "CN-PIPL", "{\"minor\":{\"allowed\":true,\"guardianRequiredBelow\":16}}");
    s.person.born_day = (int32_t)period_day_of(2011, 3, 1); /* 15 */
    must_be(&s, "consent.guardian", "15 where the notice says 16");
    clear_scene(&s);
    set_scene(&s, "CN-PIPL", "{\"minor\":{\"allowed\":false,\"guardianRequiredBelow\":14}}");
    s.person.born_day = (int32_t)period_day_of(2020, 3, 1);
    s.act.role = CONSENT_ROLE_GUARDIAN;
    s.is_registered = true;
    must_be(&s, "consent.guardian", "a notice that is not for minors");
    clear_scene(&s);
}

static void categories_are_the_notices(void **state)
{
    (void)state;
    struct scene s;
    struct grant grant;
    set_scene(&s, "CN-PIPL", NULL);
    const struct consent_choice no_name[] = { { BYTES(BLOOD), true }, { BYTES(NAME), false } };
    const struct consent_choice no_blood[] = { { BYTES(BLOOD), false }, { BYTES(NAME), true } };
    const struct consent_choice neither[] = { { BYTES(BLOOD), false }, { BYTES(NAME), false } };
    const struct consent_choice twice[] = { { BYTES(BLOOD), true }, { BYTES(BLOOD), true } };
    const struct consent_choice other[] = { { BYTES(BLOOD), true }, { BYTES("https://w3id.org/dpv/pd#Salary"), true } };
    const struct {
        const char *what;
        const struct consent_choice *choices;
        size_t count;
        const char *want;
    } row[] = {
        { "what is optional is refused", no_name, 2, NULL },
        { "what is required is refused", no_blood, 2, "consent.required" },
        { "all is refused", neither, 2, NULL },
        { "one is decided twice", twice, 2, "" },
        { "one that is not in the notice", other, 2, "" },
        { "one is left open", no_name, 1, "" },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        s.answer.choices = row[i].choices;
        s.answer.choice_count = row[i].count;
        must_be(&s, row[i].want, row[i].what);
    }
    s.answer.choices = no_name;
    s.answer.choice_count = 2;
    assert_null(check(&s, &grant));
    assert_int_equal(grant.decisions[0].state, CONSENT_GIVEN);
    assert_int_equal(grant.decisions[1].state, CONSENT_REFUSED);
    s.answer.choices = neither;
    assert_null(check(&s, &grant));
    assert_false(grant.is_given);
    clear_scene(&s);
}

static void time_and_language(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "CN-PIPL", NULL);
    s.act.language = BYTES("en-GB");
    must_be(&s, NULL, "a region of a language");
    s.act.language = BYTES("eng");
    must_be(&s, "", "another language that begins alike");
    s.act.language = BYTES("");
    must_be(&s, "", "no language");
    s.act.language = BYTES("zh");
    s.answer.valid_until_ms = period_after(now_ms, (struct period){ .months = 12 });
    must_be(&s, NULL, "as long as the notice allows");
    s.answer.valid_until_ms++;
    must_be(&s, "consent.wider", "longer than the notice allows");
    s.answer.valid_until_ms = now_ms;
    must_be(&s, "", "over already");
    s.answer.valid_until_ms = 0;
    s.answer.valid_from_ms = now_ms + INT64_C(400) * 86400 * 1000;
    must_be(&s, "", "too far away");
    clear_scene(&s);
    set_scene(&s, "strict", "{\"maxValidity\":\"P2Y\"}");
    s.answer.valid_until_ms = period_after(now_ms, (struct period){ .months = 13 });
    must_be(&s, "consent.wider", "longer than the law allows");
    clear_scene(&s);
}

static void in_writing_where_the_law_says_so(void **state)
{
    (void)state;
    struct scene s;
    struct grant grant;
    set_scene(&s, "CN-PIPL", NULL);
    struct law law = *s.law;
    struct law_category health = { .iri = BYTES("https://w3id.org/dpv/pd#MedicalHealth") };
    law.consent_written_for = &health;
    law.consent_written_for_count = 1;
    struct law *kept = s.law;
    s.law = &law;
    must_be(&s, "consent.written", "blood is of health, and this came by a portal");
    s.act.method = CONSENT_METHOD_PAPER;
    must_be(&s, "consent.written", "paper without evidence");
    s.act.has_evidence = true;
    assert_null(check(&s, &grant));
    assert_true(grant.terms.is_written);
    s.act.method = CONSENT_METHOD_PORTAL;
    s.answer.is_refusal = true;
    must_be(&s, NULL, "who says no needs no paper");
    s.law = kept;
    clear_scene(&s);
}

static void forbidden_purposes(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, "CN-PIPL", "{\"purpose\":{\"iri\":\"https://w3id.org/dpv#SellDataToThirdParties\"}}");
    must_be(&s, "purpose.forbidden", "sold data");
    clear_scene(&s);
}

/* ---- Narrowing ---- */

/*
 * The model: what somebody may do under limits, tried out. A behaviour is how it is used, which data, how long they are kept, and on which of
 * some days it happens; limits are no wider when all that they allow the notice allows.
 */
enum { DAYS = 6 };
struct behaviour {
    enum use_mode mode;
    enum use_fetch fetch;
    int64_t data_ms, erased_ms;
    unsigned kept_days;
    unsigned uses[DAYS]; /* on each day */
};

static bool allows(const struct consent_limits *l, const struct behaviour *b)
{
    unsigned total = 0;
    for (unsigned from = 0; from < DAYS; from++) {
        unsigned in_window = 0;
        for (unsigned day = from; day < DAYS && l->max > 0 && day < from + l->per.days; day++) {
            in_window += b->uses[day];
        }
        if (l->max > 0 && in_window > l->max) {
            return false;
        }
        total += b->uses[from];
    }
    return (l->total == 0 || total <= l->total) && b->mode <= l->mode && b->fetch <= l->fetch &&
           (!l->has_data_from || b->data_ms >= l->data_from_ms) && (!l->has_data_until || b->data_ms < l->data_until_ms) &&
           (!l->has_recipient_life || b->kept_days <= l->recipient_life.days) && (l->erase_at_ms == 0 || b->erased_ms <= l->erase_at_ms);
}

static unsigned throw(unsigned *dice, unsigned below)
{
    return (unsigned)rand_r(dice) % below;
}

static struct consent_limits throw_limits(unsigned *dice)
{
    struct consent_limits l = { .mode = (enum use_mode) throw(dice, 4), .fetch = (enum use_fetch) throw(dice, 2) };
    l.max = throw(dice, 4);
    l.per.days = l.max > 0 ? 1 + throw(dice, 4) : 0;
    l.total = throw(dice, 3) * 3;
    l.has_data_from = throw(dice, 2) == 1;
    l.data_from_ms = l.has_data_from ? (int64_t) throw(dice, 4) : 0;
    l.has_data_until = throw(dice, 2) == 1;
    l.data_until_ms = l.has_data_until ? 4 + (int64_t) throw(dice, 4) : 0;
    l.has_recipient_life = throw(dice, 2) == 1;
    l.recipient_life.days = l.has_recipient_life ? throw(dice, 4) : 0;
    l.erase_at_ms = (int64_t) throw(dice, 4);
    return l;
}

static struct behaviour throw_behaviour(unsigned *dice)
{
    struct behaviour b = { .mode = (enum use_mode) throw(dice, 4), .fetch = (enum use_fetch) throw(dice, 2) };
    b.data_ms = (int64_t) throw(dice, 9);
    b.erased_ms = 1 + (int64_t) throw(dice, 5);
    b.kept_days = throw(dice, 5);
    for (unsigned day = 0; day < DAYS; day++) {
        b.uses[day] = throw(dice, 3) == 0 ? 1 + throw(dice, 3) : 0;
    }
    return b;
}

static void narrower_is_narrower(void **state)
{
    (void)state;
    unsigned narrower = 0, wider = 0, shown = 0;
    for (unsigned seed = 1; seed <= 4000; seed++) {
        unsigned dice = seed;
        struct consent_limits notice = throw_limits(&dice), asked = throw_limits(&dice);
        if (throw(&dice, 2) == 0) { /* few are narrower by chance: change one thing only */
            struct consent_limits other = asked;
            asked = notice;
            asked.max = other.max;
            asked.per = other.per;
            asked.mode = throw(&dice, 2) == 0 ? other.mode : asked.mode;
            asked.erase_at_ms = throw(&dice, 2) == 0 ? other.erase_at_ms : asked.erase_at_ms;
        }
        const char *found = grant_find_wider(&notice, &asked);
        bool is_shown = false;
        for (unsigned i = 0; i < 400 && !is_shown; i++) {
            struct behaviour b = throw_behaviour(&dice);
            is_shown = allows(&asked, &b) && !allows(&notice, &b);
        }
        if (found == NULL && is_shown) {
            fail_msg("seed %u: something that the notice does not allow is allowed", seed);
        }
        narrower += found == NULL;
        wider += found != NULL;
        shown += is_shown;
    }
    print_message("%u narrower, %u wider, of which %u were seen to be\n", narrower, wider, shown);
    assert_true(narrower > 300 && shown > 1500);
}

static void limits_are_checked(void **state)
{
    (void)state;
    struct scene s;
    struct grant grant;
    set_scene(&s, "CN-PIPL", NULL);
    const struct consent_limits whole = consent_limits_of(s.notice);
    s.answer.has_limits = true;
    s.answer.limits = whole;
    must_be(&s, NULL, "as the notice says");
    s.answer.limits.mode = USE_MODE_STORE;
    must_be(&s, "consent.wider", "mode");
    s.answer.limits = whole;
    s.answer.limits.total = 0;
    must_be(&s, "consent.wider", "total");
    s.answer.limits = whole;
    s.answer.limits.recipient_life.days = 7;
    s.answer.limits.erase_at_ms = now_ms + 1;
    assert_null(check(&s, &grant));
    assert_int_equal(grant.terms.limits.recipient_life.days, 7);
    s.answer.limits.erase_at_ms = now_ms;
    must_be(&s, "", "erased in the past");
    s.answer.limits = whole;
    s.answer.limits.has_data_until = true;
    s.answer.limits.data_until_ms = whole.data_from_ms;
    must_be(&s, "", "an empty range");
    s.answer.limits = whole;
    s.answer.limits.has_data_from = false;
    must_be(&s, "consent.wider", "data_from");
    clear_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_the_notice),
        cmocka_unit_test(each_act_is_named),
        cmocka_unit_test(who_may_decide),
        cmocka_unit_test(notices_about_minors),
        cmocka_unit_test(categories_are_the_notices),
        cmocka_unit_test(time_and_language),
        cmocka_unit_test(in_writing_where_the_law_says_so),
        cmocka_unit_test(forbidden_purposes),
        cmocka_unit_test(narrower_is_narrower),
        cmocka_unit_test(limits_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
