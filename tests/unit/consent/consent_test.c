#include "rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define HEALTH "https://w3id.org/dpv/pd#Health"
static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

static int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    *state = rig;
    return 0;
}

static int remove_rig(void **state)
{
    rig_remove(*state);
    free(*state);
    time_replace(NULL, NULL);
    return 0;
}

static _Atomic int64_t clock_ms;
static int64_t set_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ms);
}

/* The table of reference consent-standards 6.3, as text; everything else is refused. */
static void states_follow_the_table(void **state)
{
    (void)state;
    static const char *const row[] = {
        "none request requested",     "requested give given",         "requested refuse refused", "requested defer deferred",
        "requested expire expired",   "deferred give given",          "deferred refuse refused",  "deferred expire expired",
        "given pause paused",         "given withdraw withdrawn",     "given revoke revoked",     "given expire expired",
        "given supersede superseded", "given invalidate invalidated", "paused resume given",      "paused withdraw withdrawn",
        "paused expire expired",      "paused revoke revoked",
    };
    size_t allowed = 0;
    for (int from = -1; from <= CONSENT_INVALIDATED + 1; from++) {
        for (int event = -1; event <= CONSENT_EVENT_COUNT; event++) {
            enum consent_state to = consent_after((enum consent_state)from, (enum consent_event)event);
            char text[64];
            (void)snprintf(text, sizeof text, "%s %s %s", consent_state_name((enum consent_state)from),
                           consent_event_name((enum consent_event)event), consent_state_name(to));
            bool is_listed = false;
            for (size_t i = 0; i < COUNT_OF(row); i++) {
                is_listed = is_listed || strcmp(row[i], text) == 0;
            }
            if (is_listed != (to != CONSENT_NONE)) {
                fail_msg("%s", text);
            }
            allowed += is_listed;
        }
    }
    assert_int_equal(allowed, COUNT_OF(row));
}

static void views_expire_by_the_clock(void **state)
{
    (void)state;
    struct consent_decision decisions[] = {
        { BYTES("given"), CONSENT_GIVEN, 100, 200, BYTES("c-1"), NULL },
        { BYTES("paused"), CONSENT_PAUSED, 100, 200, BYTES("c-1"), NULL },
        { BYTES("refused"), CONSENT_REFUSED, 100, 200, BYTES("c-1"), NULL },
        { BYTES("withdrawn"), CONSENT_WITHDRAWN, 100, 200, BYTES("c-1"), NULL },
    };
    struct consent_view view = { .decisions = decisions, .count = COUNT_OF(decisions) };
    static const struct {
        const char *category;
        int64_t now;
        enum consent_state want;
    } row[] = {
        { "given", 99, CONSENT_NONE },       { "given", 100, CONSENT_GIVEN },         { "given", 199, CONSENT_GIVEN },
        { "given", 200, CONSENT_EXPIRED },   { "paused", 150, CONSENT_PAUSED },       { "paused", 200, CONSENT_EXPIRED },
        { "refused", 500, CONSENT_REFUSED }, { "withdrawn", 500, CONSENT_WITHDRAWN }, { "other", 150, CONSENT_NONE },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const struct consent_decision *decision = &decisions[0];
        enum consent_state got = consent_view_state(&view, bytes_of_text(row[i].category), row[i].now, &decision);
        if (got != row[i].want || (decision == NULL) != (i == COUNT_OF(row) - 1)) {
            fail_msg("row %zu: %s", i, consent_state_name(got));
        }
    }
    assert_int_equal(consent_view_state(NULL, BYTES("given"), 150, NULL), CONSENT_NONE);
}

static void gives_and_withdraws(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], second[CONSENT_ID_SIZE];
    bool is_changed = false;
    uint64_t first_index = 0, index = 0;
    rig_open(rig);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_NONE);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(strlen(id) == 34 && strncmp(id, "c-", 2) == 0);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);
    assert_int_equal(rig_state(rig, &anna, HEALTH), CONSENT_NONE);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &first_index, &e));
    assert_true(is_changed);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES(BLOOD), &is_changed, &index, &e));
    assert_false(is_changed);
    assert_true(index == first_index);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, second, &e));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);
    rig_close(rig);
    rig_open(rig);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_REFUSE, id, &e));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_REFUSED);
    assert_false(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &index, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_false(consent_withdraw(rig->consents, BYTES("c-none"), BYTES_NONE, &is_changed, &index, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(consent_withdraw(rig->consents, bytes_of_text(second), BYTES(HEALTH), &is_changed, &index, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

static void withdraws_one_category(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    struct bytes categories[] = { BYTES(BLOOD), BYTES(HEALTH) };
    struct consent_grant grant = { anna, categories, 2, CONSENT_EVENT_GIVE, 0, time_now_ms() + 100000 };
    char id[CONSENT_ID_SIZE];
    bool is_changed = false;
    uint64_t blood = 0, health = 0, index = 0;
    rig_open(rig);
    assert_true(consent_give(rig->consents, &grant, id, NULL, &e));
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES(HEALTH), &is_changed, &health, &e));
    assert_true(is_changed);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);
    assert_int_equal(rig_state(rig, &anna, HEALTH), CONSENT_WITHDRAWN);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &blood, &e));
    assert_true(is_changed);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES(BLOOD), &is_changed, &index, &e));
    assert_true(!is_changed && index == blood && blood > health);
}

struct counts {
    size_t rows, given, withdrawn;
    size_t stop_after;
};

static bool count_record(void *context, const struct consent_record *record)
{
    struct counts *counts = context;
    counts->rows++;
    counts->given += record->state == CONSENT_GIVEN;
    counts->withdrawn += record->state == CONSENT_WITHDRAWN;
    return counts->rows != counts->stop_after;
}

static void withdraws_all_of_a_person(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    size_t changed = 0;
    struct consent_key other = anna, bert = anna;
    other.recipient = BYTES("KE/MED/OTHER");
    bert.person = BYTES("bert");
    rig_open(rig);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(rig_decide(rig, &anna, HEALTH, CONSENT_EVENT_GIVE, id, &e));
    assert_true(rig_decide(rig, &other, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(rig_decide(rig, &other, HEALTH, CONSENT_EVENT_REFUSE, id, &e));
    assert_true(rig_decide(rig, &bert, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_int_equal(rig_state(rig, &other, BLOOD), CONSENT_GIVEN);
    assert_true(consent_withdraw_all(rig->consents, anna.person, &changed, &e));
    assert_int_equal(changed, 3);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &anna, HEALTH), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &other, BLOOD), CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &other, HEALTH), CONSENT_REFUSED);
    assert_int_equal(rig_state(rig, &bert, BLOOD), CONSENT_GIVEN);
    assert_true(consent_withdraw_all(rig->consents, anna.person, &changed, &e));
    assert_int_equal(changed, 0);
    struct counts counts = { 0 };
    assert_true(consent_list(rig->consents, anna.person, BYTES_NONE, count_record, &counts, &e));
    assert_true(counts.rows == 4 && counts.withdrawn == 3 && counts.given == 0);
    counts = (struct counts){ 0 };
    assert_true(consent_list(rig->consents, BYTES_NONE, BYTES_NONE, count_record, &counts, &e));
    assert_true(counts.rows == 5 && counts.given == 1);
    counts = (struct counts){ .stop_after = 2 };
    assert_true(consent_list(rig->consents, BYTES_NONE, BYTES_NONE, count_record, &counts, &e));
    assert_int_equal(counts.rows, 2);
    counts = (struct counts){ 0 };
    assert_true(consent_list(rig->consents, BYTES_NONE, bytes_of_text(id), count_record, &counts, &e));
    assert_int_equal(counts.rows, 1);
    counts = (struct counts){ 0 };
    assert_true(consent_list(rig->consents, anna.person, bytes_of_text(id), count_record, &counts, &e));
    assert_int_equal(counts.rows, 0); /* that one is the other person's */
}

/* Withdrawing what the clock has expired changes nothing, and holds when the clock is set back. */
static void an_expired_one_stays_withdrawn(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    bool is_changed = true;
    uint64_t index;
    atomic_store(&clock_ms, 1000000000000);
    time_replace(set_clock, NULL);
    rig_open(rig);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    atomic_store(&clock_ms, 1000000000000 + 2 * 86400000);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_EXPIRED);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &index, &e));
    assert_false(is_changed);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_EXPIRED);
    atomic_store(&clock_ms, 1000000000000);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_EXPIRED);
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &index, &e));
    assert_false(is_changed);
}

static void refuses_bad_grants(void **state)
{
    struct rig *rig = *state;
    static char long_text[600];
    memset(long_text, 'x', sizeof long_text);
    struct bytes good[] = { BYTES(BLOOD), BYTES(HEALTH) }, twice[] = { BYTES(BLOOD), BYTES(BLOOD) }, bad[] = { BYTES("a b") };
    struct bytes many[65];
    char names[65][8];
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        many[i] = bytes_of_text(names[i]);
    }
    int64_t now = time_now_ms(), later = now + 1000000;
    struct consent_grant base = { anna, good, 2, CONSENT_EVENT_GIVE, now, later };
    struct consent_grant grants[16];
    for (size_t i = 0; i < COUNT_OF(grants); i++) {
        grants[i] = base;
    }
    grants[0].key.person = BYTES("");
    grants[1].key.person = bytes_of(long_text, 129);
    grants[2].key.person = BYTES("a\nb");
    grants[3].key.person = BYTES("\xff");
    grants[4].key.recipient = BYTES("");
    grants[5].key.purpose = BYTES("a b");
    grants[6].key.purpose = bytes_of(long_text, 513);
    grants[7].category_count = 0;
    grants[8].categories = many;
    grants[8].category_count = 65;
    grants[9].categories = twice;
    grants[10].categories = bad;
    grants[10].category_count = 1;
    grants[11].event = CONSENT_EVENT_WITHDRAW;
    grants[12].valid_until_ms = now;
    grants[13].valid_from_ms = 1;
    grants[13].valid_until_ms = now - 1;
    grants[14].valid_until_ms = INT64_MAX;
    grants[15].event = CONSENT_EVENT_DEFER;
    rig_open(rig);
    for (size_t i = 0; i < COUNT_OF(grants); i++) {
        struct error e = { 0 };
        char id[CONSENT_ID_SIZE];
        if (consent_give(rig->consents, &grants[i], id, NULL, &e) || e.kind != ERROR_INPUT || e.todo[0] == '\0') {
            fail_msg("row %zu: kind %d %s", i, e.kind, e.what);
        }
    }
    char id[CONSENT_ID_SIZE];
    struct error e = { 0 };
    base.categories = many;
    base.category_count = 64;
    assert_true(consent_give(rig->consents, &base, id, NULL, &e));
    struct consents *reading = NULL;
    const struct consents_options options = { .store = rig->store };
    assert_true(consents_open(&reading, &options, &e));
    assert_false(consent_give(reading, &base, id, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    consents_close(reading);
    consents_close(NULL);
}

static void a_release_on_an_overtaken_view_is_stopped(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], other_id[CONSENT_ID_SIZE];
    struct consent_view view, unrelated, nothing = { 0 };
    struct consent_room room;
    struct consent_key bert = anna;
    bert.person = BYTES("bert");
    rig->cache_max = 1;
    rig_open(rig);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(rig_decide(rig, &bert, BLOOD, CONSENT_EVENT_GIVE, other_id, &e));
    assert_false(consents_find(rig->consents, &anna, &room, &view));
    assert_true(consents_load(rig->consents, &anna, &view, &e));
    assert_true(consents_load(rig->consents, &bert, &unrelated, &e)); /* whether it is in memory is no matter */
    assert_true(rig_release(rig, &view, BYTES("one"), NULL));
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    assert_false(rig_release(rig, &view, BYTES("two"), NULL));
    assert_true(rig_release(rig, &unrelated, BYTES("three"), NULL));
    assert_true(rig_release(rig, NULL, BYTES("four"), NULL));
    /* One that was not read here says nothing of what is current. */
    struct commit_entry entry = { 0 };
    const struct consent_release release = { .view = &nothing };
    enum consent_result result;
    assert_false(consents_release(rig->consents, &release, &entry, &result, &e));
    assert_int_equal(result, CONSENT_OVERTAKEN);
    consent_view_clear(&view);
    consent_view_clear(&unrelated);
    consent_view_clear(&unrelated);
}

/* Many more keys than room: each answer stays right, and the table shrinks back to its maximum. */
static void a_small_cache_stays_right(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char ids[20][CONSENT_ID_SIZE];
    rig->cache_max = 4;
    rig_open(rig);
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < COUNT_OF(ids); i++) {
            char person[16];
            struct consent_key key = anna;
            (void)snprintf(person, sizeof person, "p%zu", i);
            key.person = bytes_of_text(person);
            enum consent_state want = round == 0 ? CONSENT_NONE : (i + round) % 3 == 0 || round == 1 ? CONSENT_GIVEN : CONSENT_WITHDRAWN;
            if (round == 1) {
                assert_true(rig_decide(rig, &key, BLOOD, CONSENT_EVENT_GIVE, ids[i], &e));
            } else if (round > 1 && want == CONSENT_WITHDRAWN) {
                assert_true(consent_withdraw(rig->consents, bytes_of_text(ids[i]), BYTES_NONE, NULL, NULL, &e));
            } else if (round > 1) {
                assert_true(rig_decide(rig, &key, BLOOD, CONSENT_EVENT_GIVE, ids[i], &e));
            }
            assert_int_equal(rig_state(rig, &key, BLOOD), want);
            assert_int_equal(rig_state(rig, &key, BLOOD), want);
        }
    }
}

static void note_text(void *context, const struct log_entry *entry)
{
    struct buffer *all = context;
    buffer_append(all, entry->statement);
    buffer_append(all, BYTES("--\n"));
}

static void events_are_written_as_documented(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], want[1024];
    atomic_store(&clock_ms, 1000000000000);
    time_replace(set_clock, NULL);
    rig_open(rig);
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    struct buffer all;
    buffer_init(&all, 4096);
    assert_int_equal(rig_read(rig, note_text, &all), 2);
    static const char common[] = "person: anna-1\nrecipient: KE/MED/CLINIC9\npurpose: https://w3id.org/dpv#Care\n";
    static const char dates[] = "valid_from: 1000000000000\nvalid_until: 1000086400000\n", time[] = "time: 1000000000000\n--\n";
    (void)snprintf(want, sizeof want,
                   "comity-event: consent/1\nevent: give\nsequence: 1\nid: %s\n%scategory: given %s\n%s%s"
                   "comity-event: consent/1\nevent: withdraw\nsequence: 2\nid: %s\n%scategory: withdrawn %s\n%sby: person\n%s",
                   id, common, BLOOD, dates, time, id, common, BLOOD, dates, time);
    buffer_append_u8(&all, 0);
    assert_string_equal((const char *)all.data, want);
    buffer_clear(&all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_rig, remove_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_follow_the_table),
        cmocka_unit_test(views_expire_by_the_clock),
        TEST(gives_and_withdraws),
        TEST(withdraws_one_category),
        TEST(withdraws_all_of_a_person),
        TEST(an_expired_one_stays_withdrawn),
        TEST(refuses_bad_grants),
        TEST(a_release_on_an_overtaken_view_is_stopped),
        TEST(a_small_cache_stays_right),
        TEST(events_are_written_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
