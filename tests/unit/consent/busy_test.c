/*
 * Another process writes into the database, and a change of consents waits for it: what finds, loads and releases does not wait with it.
 * store_read() and committer_submit() are wrapped by the linker (--wrap): the real ones run, and the test comes in between.
 */
#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/time.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
enum { AT_ONCE_MS = 1500 /* a change waits 5000 */, OVERTAKEN_LOADS = 8, LOADERS = 3, CHANGES = 40 };

static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

static struct consent_key key_of(const char *person)
{
    struct consent_key key = anna;
    key.person = bytes_of_text(person);
    return key;
}

/* ---- the other process, and a change that waits for it ---- */

static sqlite3 *other;

static void occupy(void)
{
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void set_free(void)
{
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

struct change {
    struct rig *rig;
    const char *withdraws; /* a record's id; NULL: it gives for `person` */
    const char *person;
    pthread_t thread;
    char id[CONSENT_ID_SIZE];
    struct error e;
    _Atomic bool is_over;
    bool ok;
};

static void *run_change(void *context)
{
    struct change *change = context;
    if (change->withdraws != NULL) {
        change->ok = consent_withdraw(change->rig->consents, bytes_of_text(change->withdraws), BYTES_NONE, NULL, NULL, &change->e);
    } else {
        struct consent_key key = key_of(change->person);
        change->ok = rig_decide(change->rig, &key, BLOOD, CONSENT_EVENT_GIVE, change->id, &change->e);
    }
    change->is_over = true;
    return NULL;
}

static void start(struct change *change)
{
    assert_int_equal(pthread_create(&change->thread, NULL, run_change, change), 0);
}

static void must_end_well(struct change *change)
{
    assert_int_equal(pthread_join(change->thread, NULL), 0);
    if (!change->ok) {
        fail_msg("%s: %s", change->e.where, change->e.what);
    }
}

/* ---- the wrapped functions ---- */

bool __real_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e);
bool __wrap_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e);
bool __real_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e);
bool __wrap_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e);

/* Changes that come between a load's query and its end; before the last one goes on, the database is occupied and `waiting` starts. */
static int overtakes_left;
static struct rig *overtakes_in;
static struct change *waiting;
static _Atomic bool occupies_at_submit;

bool __wrap_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e)
{
    bool ok = __real_store_read(store, sql, values, value_count, row, context, e);
    if (overtakes_left > 0 && strstr(sql, "c.decisions") != NULL) {
        char id[CONSENT_ID_SIZE];
        struct error failed;
        overtakes_left--;
        ok = ok && rig_decide(overtakes_in, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &failed);
        if (overtakes_left == 0) {
            occupy();
            start(waiting);
            (void)usleep(200 * 1000); /* by now it waits */
        }
    }
    return ok;
}

bool __wrap_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e)
{
    if (atomic_exchange(&occupies_at_submit, false)) {
        occupy(); /* behind the change's commit, before it notes where its event went */
    }
    return __real_committer_submit(committer, entry, e);
}

/* ---- tests ---- */

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    rig_open(rig);
    *state = rig;
    return sqlite3_open(rig->store_url + strlen("sqlite:"), &other) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    int result = sqlite3_close(other);
    rig_remove(*state);
    free(*state);
    return result == SQLITE_OK ? 0 : -1;
}

static struct consent_view must_load(struct rig *rig, const char *person)
{
    struct error e = { 0 };
    struct consent_key key = key_of(person);
    struct consent_view view;
    if (!consents_load(rig->consents, &key, &view, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return view;
}

/* Somebody else's exchanges: one whose view is in memory, one whose view isn't, both through to the log. */
static void must_release_at_once(struct rig *rig, const struct consent_view *held, const char *unknown)
{
    uint64_t begin_us = time_monotonic_us();
    struct consent_key bert = key_of("bert-2"), key = key_of(unknown);
    struct consent_room room;
    struct consent_view found, unfound;
    assert_true(consents_find(rig->consents, &bert, &room, &found));
    assert_false(consents_find(rig->consents, &key, &room, &unfound));
    struct consent_view loaded = must_load(rig, unknown);
    assert_true(rig_release(rig, held, BYTES("to bert"), NULL));
    assert_true(rig_release(rig, &found, BYTES("to bert"), NULL));
    assert_true(rig_release(rig, &loaded, BYTES("to another"), NULL));
    consent_view_clear(&loaded);
    uint64_t took_ms = (time_monotonic_us() - begin_us) / 1000;
    assert_true(took_ms < AT_ONCE_MS);
}

static void a_change_that_waits_to_begin_stops_nobody(void **state)
{
    struct rig *rig = *state;
    struct consent_view bert = must_load(rig, "bert-2");
    struct change give = { .rig = rig, .person = "anna-1" };
    occupy();
    start(&give);
    (void)usleep(200 * 1000);
    must_release_at_once(rig, &bert, "carl-3");
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_NONE);
    assert_false(give.is_over);
    set_free();
    must_end_well(&give);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN);

    struct change withdraw = { .rig = rig, .withdraws = give.id };
    struct consent_view given = must_load(rig, "anna-1");
    occupy();
    start(&withdraw);
    (void)usleep(200 * 1000);
    must_release_at_once(rig, &bert, "dora-4");
    assert_true(rig_release(rig, &given, BYTES("to anna"), NULL)); /* the withdrawal isn't acknowledged: it stands in the log later */
    assert_false(withdraw.is_over);
    set_free();
    must_end_well(&withdraw);
    assert_false(rig_release(rig, &given, BYTES("to anna"), NULL));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    consent_view_clear(&given);
    consent_view_clear(&bert);
}

/* It is in the store and in the log, and waits to note where it is in the log: in force, but not acknowledged. */
static void a_change_that_waits_to_end_stops_nobody(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    struct consent_view bert = must_load(rig, "bert-2");
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    struct consent_view given = must_load(rig, "anna-1");
    struct change withdraw = { .rig = rig, .withdraws = id };
    occupies_at_submit = true;
    start(&withdraw);
    (void)usleep(200 * 1000);
    assert_false(occupies_at_submit);
    must_release_at_once(rig, &bert, "carl-3");
    assert_false(rig_release(rig, &given, BYTES("to anna"), NULL));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    assert_false(withdraw.is_over);
    set_free();
    must_end_well(&withdraw);
    consent_view_clear(&given);
    consent_view_clear(&bert);
}

/* A load that changes ran into again and again hands out what was so when it was asked, waits for none, and releases nothing. */
static void a_load_that_was_overtaken_often_waits_for_none(void **state)
{
    struct rig *rig = *state;
    struct change give = { .rig = rig, .person = "bert-2" };
    overtakes_in = rig;
    waiting = &give;
    overtakes_left = OVERTAKEN_LOADS;
    struct consent_view view = must_load(rig, "anna-1");
    assert_int_equal(overtakes_left, 0);
    assert_false(give.is_over);
    assert_int_equal(consent_view_state(&view, BYTES(BLOOD), time_now_ms(), NULL), CONSENT_GIVEN);
    assert_false(rig_release(rig, &view, BYTES("to anna"), NULL));
    consent_view_clear(&view);
    view = must_load(rig, "anna-1");
    assert_true(rig_release(rig, &view, BYTES("to anna"), NULL));
    assert_false(give.is_over);
    set_free();
    must_end_well(&give);
    consent_view_clear(&view);
}

struct loads {
    struct rig *rig;
    _Atomic bool is_over;
    _Atomic unsigned count;
};

static void *load_others(void *context)
{
    struct loads *loads = context;
    while (!loads->is_over) {
        char name[24];
        (void)snprintf(name, sizeof name, "other-%u", loads->count++);
        struct consent_view view = must_load(loads->rig, name);
        consent_view_clear(&view);
    }
    return NULL;
}

/* Not from memory but from the store, while others read there: each acknowledged change is seen by the next load. */
static void a_load_sees_each_acknowledged_change(void **state)
{
    struct rig *rig = *state;
    struct loads loads = { .rig = rig };
    pthread_t threads[LOADERS];
    for (size_t i = 0; i < LOADERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load_others, &loads), 0);
    }
    unsigned wrong = 0;
    for (int i = 0; i < CHANGES; i++) {
        static const enum consent_state want[] = { CONSENT_GIVEN, CONSENT_WITHDRAWN };
        struct change changes[] = { { .rig = rig, .person = "anna-1" }, { .rig = rig, .withdraws = changes[0].id } };
        for (size_t j = 0; j < COUNT_OF(changes); j++) {
            (void)run_change(&changes[j]);
            struct consent_room room;
            struct consent_view absent;
            assert_false(consents_find(rig->consents, &anna, &room, &absent));
            struct consent_view view = must_load(rig, "anna-1");
            wrong += !changes[j].ok || consent_view_state(&view, BYTES(BLOOD), time_now_ms(), NULL) != want[j];
            consent_view_clear(&view);
        }
    }
    loads.is_over = true;
    for (size_t i = 0; i < LOADERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    print_message("%d changes beside %u loads\n", 2 * CHANGES, loads.count);
    assert_int_equal(wrong, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_that_waits_to_begin_stops_nobody),
        TEST(a_change_that_waits_to_end_stops_nobody),
        TEST(a_load_that_was_overtaken_often_waits_for_none),
        TEST(a_load_sees_each_acknowledged_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
