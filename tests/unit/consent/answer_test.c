/* Lives of records on notices: asked, answered, paused, ended, by whom; persons and who answers for them. */
#include "consent/persons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"
#include "consent/past.h"
#include "notice_fixture.h"
#include "rig.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define NAME "https://w3id.org/dpv/pd#Name"
#define PURPOSE "https://w3id.org/dpv/sector/health#MedicalConditionDiagnosis"
enum { ALL_ACTS = (1 << LAW_SEPARATE_COUNT) - 1 };
static const int64_t day_ms = 86400000;

static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES(PURPOSE) };
static const struct consent_act by_person = { .role = CONSENT_ROLE_PERSON, .method = CONSENT_METHOD_PORTAL, .language = BYTES("en") };
static const struct consent_act by_system = { .role = CONSENT_ROLE_SYSTEM };
static const struct consent_act by_authority = { .role = CONSENT_ROLE_AUTHORITY, .ref = BYTES("court-3") };
static const struct consent_act by_mother = {
    .role = CONSENT_ROLE_GUARDIAN, .ref = BYTES("mother-7"), .method = CONSENT_METHOD_KIOSK, .language = BYTES("zh")
};

static int64_t clock_ms;

static int64_t now(void *context)
{
    (void)context;
    return clock_ms;
}

struct world {
    struct rig rig;
    struct law *law;
    struct notice *notice;
    struct notices *notices;
    struct consent_rules rules;
};

static struct notices *notices_of(struct notice *const *revisions, size_t count)
{
    struct notices_entry entries[2] = { 0 };
    struct notices *made = NULL;
    struct error e = { 0 };
    for (size_t i = 0; i < count; i++) {
        entries[i].notice = revisions[i];
        entries[i].is_logged = true;
    }
    if (!notices_make(&made, entries, count, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return made;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct error e = { 0 };
    clock_ms = 1795507200000; /* 2026-11-24T08:00:00Z */
    time_replace(now, NULL);
    rig_make(&w->rig);
    rig_open(&w->rig);
    w->notice = notice_fixture(NULL);
    w->notices = notices_of(&w->notice, 1);
    assert_true(law_load_builtin(&w->law, BYTES("CN-PIPL"), &e));
    w->rules = (struct consent_rules){ .law = w->law, .notices = w->notices };
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    rig_remove(&w->rig);
    notices_drop(w->notices);
    notice_drop(w->notice);
    law_drop(w->law);
    free(w);
    time_replace(NULL, NULL);
    return 0;
}

static void must(bool ok, const struct error *e, const char *what)
{
    if (!ok) {
        fail_msg("%s: %s: %s", what, e->where, e->what);
    }
}

static void must_deny(bool ok, const struct consent_receipt *receipt, const char *reason)
{
    assert_false(ok);
    assert_non_null(receipt->reason);
    assert_string_equal(receipt->reason, reason);
}

static void be_born(struct world *w, struct bytes person, int year)
{
    struct error e = { 0 };
    struct consent_receipt receipt;
    int32_t day = (int32_t)period_day_of(year, 1, 1);
    must(persons_set_born(w->rig.consents, person, &day, &by_authority, &receipt, &e), &e, "born");
}

static struct consent_answer answer_of(const struct world *w, struct bytes person)
{
    return (struct consent_answer){ .person = person, .notice = w->notice->digest, .separate = ALL_ACTS };
}

static void give(struct world *w, struct bytes person, const struct consent_act *act, struct consent_receipt *receipt)
{
    struct error e = { 0 };
    struct consent_answer answer = answer_of(w, person);
    must(consent_answer(w->rig.consents, &w->rules, &answer, act, receipt, &e), &e, "give");
}

static bool change(struct world *w, const char *id, enum consent_event event, const struct consent_act *act,
                   struct consent_receipt *receipt)
{
    struct error e = { 0 };
    const struct consent_order order = { .id = bytes_of_text(id), .event = event };
    return consent_change(w->rig.consents, &order, act, receipt, &e);
}

static void a_request_is_answered(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt asked, answered, again;
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-blood") };
    be_born(w, anna.person, 1980);
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_NONE); /* asking permits nothing */
    assert_true(change(w, asked.id, CONSENT_EVENT_DEFER, &by_person, &again));
    struct consent_answer answer = answer_of(w, BYTES_NONE);
    answer.id = bytes_of_text(asked.id);
    must(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &answered, &e), &e, "answer");
    assert_string_equal(answered.id, asked.id);
    assert_true(answered.log_index > asked.log_index);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &again, &e), &again, "consent.state");
}

/* A request takes nothing back, and an answer counts from when it was given, not from when it was asked for. */
static void the_newest_decision_speaks(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt first, asked, second, receipt;
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-blood") };
    be_born(w, anna.person, 1980);
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
    give(w, anna.person, &by_person, &first);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
    struct consent_answer answer = answer_of(w, BYTES_NONE);
    answer.id = bytes_of_text(asked.id);
    answer.is_refusal = true;
    must(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &second, &e), &e, "refuse the older record");
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_REFUSED);
    must_deny(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &receipt, &e), &receipt, "consent.reask");
    clock_ms += 89 * day_ms;
    must_deny(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &receipt, &e), &receipt, "consent.reask");
    clock_ms += 2 * day_ms;
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &receipt, &e), &e, "ask again after 90 days");
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_REFUSED);
}

static void an_unanswered_request_ends(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt asked, receipt;
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-blood"), .until_ms = clock_ms + day_ms };
    be_born(w, anna.person, 1980);
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
    must_deny(change(w, asked.id, CONSENT_EVENT_EXPIRE, &by_system, &receipt), &receipt, "consent.state");
    clock_ms += day_ms;
    struct consent_answer answer = answer_of(w, BYTES_NONE);
    answer.id = bytes_of_text(asked.id);
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "consent.state");
    assert_true(change(w, asked.id, CONSENT_EVENT_EXPIRE, &by_system, &receipt));
    clock_ms -= day_ms / 2; /* the clock goes back: it stays over */
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "consent.state");
}

static void paused_and_resumed(void **state)
{
    struct world *w = *state;
    struct consent_receipt given, receipt;
    be_born(w, anna.person, 1980);
    give(w, anna.person, &by_person, &given);
    assert_true(change(w, given.id, CONSENT_EVENT_PAUSE, &by_person, &receipt));
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_PAUSED);
    must_deny(change(w, given.id, CONSENT_EVENT_PAUSE, &by_person, &receipt), &receipt, "consent.state");
    must_deny(change(w, given.id, CONSENT_EVENT_RESUME, &by_system, &receipt), &receipt, "consent.guardian");
    assert_true(change(w, given.id, CONSENT_EVENT_RESUME, &by_person, &receipt));
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
    must_deny(change(w, given.id, CONSENT_EVENT_REVOKE, &by_person, &receipt), &receipt, "consent.guardian");
    assert_true(change(w, given.id, CONSENT_EVENT_REVOKE, &by_authority, &receipt));
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_REVOKED);
    must_deny(change(w, given.id, CONSENT_EVENT_RESUME, &by_person, &receipt), &receipt, "consent.state");
}

static void a_change_of_what_has_changed_is_refused(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given, receipt;
    static const uint8_t other[SHA256_SIZE] = { 1 };
    be_born(w, anna.person, 1980);
    give(w, anna.person, &by_person, &given);
    struct consent_order order = { .id = bytes_of_text(given.id), .event = CONSENT_EVENT_WITHDRAW, .expected = other };
    must_deny(consent_change(w->rig.consents, &order, &by_person, &receipt, &e), &receipt, "consent.changed");
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
}

static void notices_that_nobody_may_decide_on(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt receipt;
    static const uint8_t unknown[SHA256_SIZE] = { 7 };
    struct consent_answer answer = answer_of(w, anna.person);
    be_born(w, anna.person, 1980);
    answer.notice = unknown;
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "notice.absent");
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-other") };
    must_deny(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &receipt, &e), &receipt, "notice.absent");

    static const char *const patches[] = { "{\"lifecycle\":\"draft\"}", "{\"active\":false}" };
    for (size_t i = 0; i < COUNT_OF(patches); i++) {
        struct notice *notice = notice_fixture(patches[i]);
        struct notices *notices = notices_of(&notice, 1);
        const struct consent_rules rules = { .law = w->law, .notices = notices };
        answer.notice = notice->digest;
        must_deny(consent_answer(w->rig.consents, &rules, &answer, &by_person, &receipt, &e), &receipt, "notice.absent");
        notices_drop(notices);
        notice_drop(notice);
    }

    char patch[256], hex[2 * SHA256_SIZE + 1] = "";
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", w->notice->digest[i]);
    }
    (void)snprintf(patch, sizeof patch, "{\"revision\":2,\"prevSha256\":\"%s\",\"method\":{\"en\":\"twice\"}}", hex);
    struct notice *both[] = { w->notice, notice_fixture(patch) };
    struct notices *notices = notices_of(both, 2);
    const struct consent_rules rules = { .law = w->law, .notices = notices };
    answer.notice = w->notice->digest;
    must_deny(consent_answer(w->rig.consents, &rules, &answer, &by_person, &receipt, &e), &receipt, "consent.superseded");
    answer.notice = both[1]->digest;
    must(consent_answer(w->rig.consents, &rules, &answer, &by_person, &receipt, &e), &e, "the current revision");
    notices_drop(notices);
    notice_drop(both[1]);
}

/* ---- Persons ---- */

static void register_mother(struct world *w, struct bytes person, int64_t until_ms, struct consent_receipt *receipt)
{
    struct error e = { 0 };
    struct representative mother = { .person = person,
                                     .role = CONSENT_ROLE_GUARDIAN,
                                     .ref = BYTES("mother-7"),
                                     .relation = BYTES("mother"),
                                     .from_ms = clock_ms,
                                     .until_ms = until_ms };
    mother.evidence[0] = 1;
    mother.proof[0] = 2;
    must(representatives_add(w->rig.consents, &mother, &by_authority, receipt, &e), &e, "register");
}

static void a_guardian_decides_for_a_child(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt mother, given, receipt;
    struct consent_answer answer = answer_of(w, anna.person);
    be_born(w, anna.person, 2020);
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "consent.guardian");
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_mother, &receipt, &e), &receipt, "consent.guardian");
    register_mother(w, anna.person, clock_ms + 1000 * day_ms, &mother);
    give(w, anna.person, &by_mother, &given);

    struct consent_view view;
    must(consents_load(w->rig.consents, &anna, &view, &e), &e, "load");
    assert_int_equal(view.decisions[0].terms->role, CONSENT_ROLE_GUARDIAN);
    assert_memory_equal(view.decisions[0].terms->notice, w->notice->digest, SHA256_SIZE);
    assert_int_equal(view.decisions[0].terms->limits.total, 1);
    assert_true(view.person.has_born);
    assert_int_equal(view.person.guardian_until_ms, clock_ms + 1000 * day_ms);
    consent_view_clear(&view);

    /* The child may stop it, and not let it go on again. */
    assert_true(change(w, given.id, CONSENT_EVENT_PAUSE, &by_person, &receipt));
    must_deny(change(w, given.id, CONSENT_EVENT_RESUME, &by_person, &receipt), &receipt, "consent.guardian");
    assert_true(change(w, given.id, CONSENT_EVENT_RESUME, &by_mother, &receipt));

    must(representatives_end(w->rig.consents, bytes_of_text(mother.id), &by_authority, &receipt, &e), &e, "end");
    assert_true(receipt.is_changed);
    must_deny(change(w, given.id, CONSENT_EVENT_WITHDRAW, &by_mother, &receipt), &receipt, "consent.guardian");
    must(representatives_end(w->rig.consents, bytes_of_text(mother.id), &by_authority, &receipt, &e), &e, "end again");
    assert_false(receipt.is_changed);
}

static void a_guardian_of_yesterday_does_not_decide(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt mother, receipt;
    struct consent_answer answer = answer_of(w, anna.person);
    be_born(w, anna.person, 2020);
    register_mother(w, anna.person, clock_ms + day_ms, &mother);
    clock_ms += day_ms;
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_mother, &receipt, &e), &receipt, "consent.guardian");
}

static void who_is_registered_shows_it(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt receipt;
    const struct representative good = { .person = anna.person,
                                         .role = CONSENT_ROLE_GUARDIAN,
                                         .ref = BYTES("mother-7"),
                                         .relation = BYTES("mother"),
                                         .evidence = { 1 },
                                         .proof = { 2 },
                                         .from_ms = clock_ms,
                                         .until_ms = INT64_MAX };
    for (int i = 0; i < 7; i++) {
        struct representative bad = good;
        switch (i) {
        case 0:
            bad.evidence[0] = 0;
            break;
        case 1:
            bad.proof[0] = 0;
            break;
        case 2:
            bad.ref = bad.person;
            break;
        case 3:
            bad.relation = BYTES("");
            break;
        case 4:
            bad.until_ms = bad.from_ms;
            break;
        case 5:
            bad.role = CONSENT_ROLE_AUTHORITY;
            break;
        case 6:
            bad.person = BYTES("");
            break;
        }
        assert_false(representatives_add(w->rig.consents, &bad, &by_authority, &receipt, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    must_deny(representatives_add(w->rig.consents, &good, &by_person, &receipt, &e), &receipt, "consent.guardian");
}

static bool mark(struct world *w, enum person_event event, const struct consent_act *act, struct consent_receipt *receipt)
{
    struct error e = { 0 };
    return persons_mark(w->rig.consents, anna.person, event, act, receipt, &e);
}

/* A decision that was made before the mark releases nothing behind it, of whatever key of the person. */
static void a_mark_overtakes_every_view(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given, receipt;
    static const enum person_event marks[] = { PERSON_EVENT_PAUSE, PERSON_EVENT_RESUME, PERSON_EVENT_RESTRICT, PERSON_EVENT_UNRESTRICT };
    struct consent_key unknown = anna, bert = anna;
    unknown.recipient = BYTES("KE/MED/OTHER");
    bert.person = BYTES("bert-2");
    be_born(w, anna.person, 1980);
    give(w, anna.person, &by_person, &given);
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        struct consent_view view, other, foreign;
        must(consents_load(w->rig.consents, &anna, &view, &e), &e, "load");
        must(consents_load(w->rig.consents, &unknown, &other, &e), &e, "load");
        must(consents_load(w->rig.consents, &bert, &foreign, &e), &e, "load");
        assert_true(mark(w, marks[i], &by_person, &receipt));
        assert_true(receipt.is_changed);
        assert_false(rig_release(&w->rig, &view, BYTES("to anna"), NULL));
        assert_false(rig_release(&w->rig, &other, BYTES("to anna"), NULL));
        assert_true(rig_release(&w->rig, &foreign, BYTES("to bert"), NULL));
        consent_view_clear(&view);
        consent_view_clear(&other);
        consent_view_clear(&foreign);
        must(consents_load(w->rig.consents, &unknown, &other, &e), &e, "load");
        assert_int_equal(other.person.is_paused, i == 0);
        assert_int_equal(other.person.is_restricted, i == 2);
        consent_view_clear(&other);
        assert_true(mark(w, marks[i], &by_person, &receipt));
        assert_false(receipt.is_changed);
    }
}

static void a_death_ends_everything(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given, asked, receipt;
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-blood") };
    be_born(w, anna.person, 1980);
    give(w, anna.person, &by_person, &given);
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
    must_deny(mark(w, PERSON_EVENT_DIED, &by_person, &receipt), &receipt, "consent.guardian");
    assert_true(mark(w, PERSON_EVENT_DIED, &by_authority, &receipt));
    assert_int_equal(receipt.changed, 1);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_REVOKED);
    struct consent_answer answer = answer_of(w, anna.person);
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "person.died");
    must_deny(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &receipt, &e), &receipt, "person.died");
    answer.id = bytes_of_text(asked.id);
    must_deny(consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e), &receipt, "consent.state");
    assert_true(mark(w, PERSON_EVENT_ALIVE, &by_authority, &receipt));
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_REVOKED); /* what has ended stays ended */
    give(w, anna.person, &by_person, &receipt);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
}

static void withdraws_what_is_named(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given, receipt;
    be_born(w, anna.person, 1980);
    give(w, anna.person, &by_person, &given);
    struct consent_filter filter = { .person = anna.person, .recipient = BYTES("KE/MED/OTHER") };
    must(consent_withdraw_where(w->rig.consents, &filter, &by_person, &receipt, &e), &e, "another recipient");
    assert_int_equal(receipt.changed, 0);
    filter = (struct consent_filter){ .person = anna.person, .category = BYTES(NAME) };
    must(consent_withdraw_where(w->rig.consents, &filter, &by_person, &receipt, &e), &e, "one category");
    assert_int_equal(receipt.changed, 1);
    assert_int_equal(rig_state(&w->rig, &anna, NAME), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
    filter = (struct consent_filter){ .person = anna.person, .recipient = anna.recipient, .purpose = anna.purpose };
    must(consent_withdraw_where(w->rig.consents, &filter, &by_person, &receipt, &e), &e, "recipient and purpose");
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    must_deny(consent_withdraw_where(w->rig.consents, &filter, &by_system, &receipt, &e), &receipt, "consent.guardian");
}

/* ---- What an auditor makes of the log ---- */

struct reading {
    struct consent_history *history;
};

static void take_entry(void *context, const struct log_entry *entry)
{
    struct reading *reading = context;
    struct error e = { 0 };
    if (entry->kind == RECORD_EVENT && consent_history_takes(entry->statement)) {
        must(consent_history_add(reading->history, entry->statement, entry->index, NULL, &e), &e, "history");
    }
}

/* The newest view that the log gives has the digest of the view that a worker decides on: of keys with and without consents. */
static void must_agree(struct world *w, const struct consent_key *keys, size_t count)
{
    struct reading reading = { consent_history_make() };
    struct error e = { 0 };
    (void)rig_read(&w->rig, take_entry, &reading);
    for (size_t i = 0; i < count; i++) {
        struct consent_view view;
        uint8_t digest[SHA256_SIZE];
        must(consents_load(w->rig.consents, &keys[i], &view, &e), &e, "load");
        assert_true(consent_view_digest(&view, digest));
        const struct consent_past *past = consent_history_find(reading.history, &keys[i]);
        if (past != NULL) {
            assert_memory_equal(past->versions[0].digest, digest, sizeof digest);
        } else {
            uint8_t nothing[SHA256_SIZE];
            assert_true(consent_view_digest(NULL, nothing));
            assert_memory_equal(nothing, digest, sizeof digest);
        }
        consent_view_clear(&view);
    }
    consent_history_free(reading.history);
}

static void the_log_tells_the_same(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given, asked, mother, receipt;
    struct consent_key keys[] = { anna, anna, anna };
    const struct consent_offer offer = { .person = anna.person, .notice_id = BYTES("n-blood") };
    keys[1].recipient = BYTES("KE/MED/OTHER");
    keys[2].person = BYTES("bert-2");
    must_agree(w, keys, COUNT_OF(keys));
    be_born(w, anna.person, 2020);
    must_agree(w, keys, COUNT_OF(keys));
    must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
    must_agree(w, keys, COUNT_OF(keys));
    register_mother(w, anna.person, INT64_MAX, &mother);
    give(w, anna.person, &by_mother, &given);
    must_agree(w, keys, COUNT_OF(keys));
    struct consent_answer answer = answer_of(w, BYTES_NONE);
    const struct consent_choice no_name[] = { { BYTES(BLOOD), true }, { BYTES(NAME), false } };
    answer.id = bytes_of_text(asked.id);
    answer.choices = no_name;
    answer.choice_count = 2;
    must(consent_answer(w->rig.consents, &w->rules, &answer, &by_mother, &receipt, &e), &e, "answer the older record");
    must_agree(w, keys, COUNT_OF(keys));
    assert_true(change(w, asked.id, CONSENT_EVENT_PAUSE, &by_mother, &receipt));
    must_agree(w, keys, COUNT_OF(keys));
    assert_true(mark(w, PERSON_EVENT_PAUSE, &by_person, &receipt));
    must_agree(w, keys, COUNT_OF(keys));
    assert_true(mark(w, PERSON_EVENT_RESUME, &by_person, &receipt));
    must(representatives_end(w->rig.consents, bytes_of_text(mother.id), &by_authority, &receipt, &e), &e, "end");
    must_agree(w, keys, COUNT_OF(keys));
    assert_true(mark(w, PERSON_EVENT_DIED, &by_authority, &receipt));
    must_agree(w, keys, COUNT_OF(keys));
}

/* ---- Ends ---- */

/* In batches, and each of them only once; what is not over stays. */
static void what_is_over_is_swept(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    struct consent_receipt given;
    size_t swept = 0;
    be_born(w, anna.person, 1980);
    for (int i = 0; i < CONSENT_SWEEP_MAX + 3; i++) {
        char category[64], id[CONSENT_ID_SIZE];
        (void)snprintf(category, sizeof category, "urn:c:%d", i);
        assert_true(rig_decide(&w->rig, &anna, category, CONSENT_EVENT_GIVE, id, &e)); /* for a day */
    }
    give(w, anna.person, &by_person, &given); /* for a year */
    must(consents_sweep(w->rig.consents, &swept, &e), &e, "sweep");
    assert_int_equal(swept, 0);
    clock_ms += 2 * day_ms;
    for (int i = 0; i < 2; i++) {
        must(consents_sweep(w->rig.consents, &swept, &e), &e, "sweep");
        assert_int_equal(swept, i == 0 ? CONSENT_SWEEP_MAX : 3);
    }
    must(consents_sweep(w->rig.consents, &swept, &e), &e, "sweep");
    assert_int_equal(swept, 0);
    clock_ms -= 2 * day_ms; /* the clock goes back, and revives nothing */
    assert_int_equal(rig_state(&w->rig, &anna, "urn:c:0"), CONSENT_EXPIRED);
    assert_int_equal(rig_state(&w->rig, &anna, BLOOD), CONSENT_GIVEN);
}

/* ---- The machine, against a model ---- */

static enum consent_state model_after(enum consent_state state, enum consent_event event)
{
    bool waits = state == CONSENT_REQUESTED || state == CONSENT_DEFERRED, holds = state == CONSENT_GIVEN || state == CONSENT_PAUSED;
    switch (event) {
    case CONSENT_EVENT_GIVE:
        return waits ? CONSENT_GIVEN : CONSENT_NONE;
    case CONSENT_EVENT_REFUSE:
        return waits ? CONSENT_REFUSED : CONSENT_NONE;
    case CONSENT_EVENT_DEFER:
        return state == CONSENT_REQUESTED ? CONSENT_DEFERRED : CONSENT_NONE;
    case CONSENT_EVENT_PAUSE:
        return state == CONSENT_GIVEN ? CONSENT_PAUSED : CONSENT_NONE;
    case CONSENT_EVENT_RESUME:
        return state == CONSENT_PAUSED ? CONSENT_GIVEN : CONSENT_NONE;
    case CONSENT_EVENT_WITHDRAW:
        return holds ? CONSENT_WITHDRAWN : CONSENT_NONE;
    case CONSENT_EVENT_REVOKE:
        return holds ? CONSENT_REVOKED : CONSENT_NONE;
    case CONSENT_EVENT_SUPERSEDE:
        return state == CONSENT_GIVEN ? CONSENT_SUPERSEDED : CONSENT_NONE;
    case CONSENT_EVENT_INVALIDATE:
        return state == CONSENT_GIVEN ? CONSENT_INVALIDATED : CONSENT_NONE;
    case CONSENT_EVENT_EXPIRE:
    case CONSENT_EVENT_REQUEST:
    case CONSENT_EVENT_COUNT:
        return CONSENT_NONE; /* the clock's, which stands still here */
    }
    return CONSENT_NONE;
}

static bool act_once(struct world *w, const char *id, enum consent_event event)
{
    struct error e = { 0 };
    struct consent_receipt receipt;
    if (event == CONSENT_EVENT_GIVE || event == CONSENT_EVENT_REFUSE) {
        struct consent_answer answer = answer_of(w, BYTES_NONE);
        answer.id = bytes_of_text(id);
        answer.is_refusal = event == CONSENT_EVENT_REFUSE;
        return consent_answer(w->rig.consents, &w->rules, &answer, &by_person, &receipt, &e);
    }
    bool is_official = event == CONSENT_EVENT_REVOKE || event == CONSENT_EVENT_SUPERSEDE || event == CONSENT_EVENT_INVALIDATE ||
                       event == CONSENT_EVENT_EXPIRE;
    return change(w, id, event, is_official ? &by_system : &by_person, &receipt);
}

static bool take_state(void *context, const struct consent_record *record)
{
    *(enum consent_state *)context = record->state;
    return false;
}

static void no_sequence_leaves_a_final_state(void **state)
{
    struct world *w = *state;
    struct error e = { 0 };
    unsigned done = 0;
    for (unsigned seed = 1; seed <= 45; seed++) {
        unsigned dice = seed;
        char person[32];
        struct consent_receipt asked;
        (void)snprintf(person, sizeof person, "person-%u", seed);
        be_born(w, bytes_of_text(person), 1980);
        const struct consent_offer offer = { .person = bytes_of_text(person), .notice_id = BYTES("n-blood") };
        must(consent_request(w->rig.consents, &w->rules, &offer, &by_system, &asked, &e), &e, "ask");
        enum consent_state model = CONSENT_REQUESTED;
        for (unsigned step = 0; step < 14; step++) {
            enum consent_event event = (enum consent_event)(1 + rand_r(&dice) % (CONSENT_EVENT_COUNT - 1));
            enum consent_state next = model_after(model, event), got = CONSENT_NONE;
            bool is_settled = event == CONSENT_EVENT_WITHDRAW && model == CONSENT_WITHDRAWN;
            bool ok = act_once(w, asked.id, event);
            if (ok != (next != CONSENT_NONE || is_settled)) {
                fail_msg("seed %u step %u: %s in %s was %s", seed, step, consent_event_name(event), consent_state_name(model),
                         ok ? "done" : "refused");
            }
            model = next != CONSENT_NONE ? next : model;
            must(consent_list(w->rig.consents, BYTES_NONE, bytes_of_text(asked.id), take_state, &got, &e), &e, "list");
            if (got != model) {
                fail_msg("seed %u step %u: %s, want %s", seed, step, consent_state_name(got), consent_state_name(model));
            }
            done += next != CONSENT_NONE;
        }
    }
    print_message("%u changes\n", done);
    assert_true(done > 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered),
        TEST(the_newest_decision_speaks),
        TEST(an_unanswered_request_ends),
        TEST(paused_and_resumed),
        TEST(a_change_of_what_has_changed_is_refused),
        TEST(notices_that_nobody_may_decide_on),
        TEST(a_guardian_decides_for_a_child),
        TEST(a_guardian_of_yesterday_does_not_decide),
        TEST(who_is_registered_shows_it),
        TEST(a_mark_overtakes_every_view),
        TEST(a_death_ends_everything),
        TEST(withdraws_what_is_named),
        TEST(the_log_tells_the_same),
        TEST(what_is_over_is_swept),
        TEST(no_sequence_leaves_a_final_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
