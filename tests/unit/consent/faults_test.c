/*
 * A log that is full, a store that fails at the n-th call, and a change in the middle of a load. The store's functions are wrapped by
 * the linker (--wrap), so that the real ones run but for the chosen call.
 */
#include "rig.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
static const struct consent_key anna = { BYTES("anna-1"), BYTES("KE/MED/CLINIC9"), BYTES("https://w3id.org/dpv#Care") };

/* ---- the wrapped store ---- */

bool __real_store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                      void *context, int64_t *changed, struct error *e);
bool __wrap_store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                      void *context, int64_t *changed, struct error *e);
bool __real_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e);
bool __wrap_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e);
bool __real_store_begin(struct store *store, struct error *e);
bool __wrap_store_begin(struct store *store, struct error *e);
bool __real_store_commit(struct store *store, struct error *e);
bool __wrap_store_commit(struct store *store, struct error *e);
bool __real_store_begin_relaxed(struct store *store, struct error *e);
bool __wrap_store_begin_relaxed(struct store *store, struct error *e);
bool __real_store_begin_remembered(struct store *store, struct error *e);
bool __wrap_store_begin_remembered(struct store *store, struct error *e);
bool __real_store_changes(struct store *store, struct buffer *out, struct error *e);
bool __wrap_store_changes(struct store *store, struct buffer *out, struct error *e);

static _Atomic int calls_left = -1; /* the call that fails; below zero: none */
static _Atomic bool has_failed;
/* A load that stops behind its query until the test lets it go on. */
static _Atomic int stop_next_load, is_stopped, may_go_on;

static bool fails_now(struct error *e)
{
    if (atomic_load(&calls_left) < 0 || atomic_fetch_sub(&calls_left, 1) != 0) {
        return false;
    }
    has_failed = true;
    (void)error_set(e, ERROR_FULL, "test", "free space", "the disk is full");
    return true;
}

bool __wrap_store_run(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                      void *context, int64_t *changed, struct error *e)
{
    return !fails_now(e) && __real_store_run(store, sql, values, value_count, row, context, changed, e);
}

bool __wrap_store_read(struct store *store, const char *sql, const struct store_value *values, size_t value_count, store_row *row,
                       void *context, struct error *e)
{
    if (fails_now(e)) {
        return false;
    }
    bool ok = __real_store_read(store, sql, values, value_count, row, context, e);
    if (atomic_exchange(&stop_next_load, 0) == 1) {
        is_stopped = 1;
        while (!may_go_on) {
        }
    }
    return ok;
}

bool __wrap_store_begin(struct store *store, struct error *e)
{
    return !fails_now(e) && __real_store_begin(store, e);
}

bool __wrap_store_begin_relaxed(struct store *store, struct error *e)
{
    return !fails_now(e) && __real_store_begin_relaxed(store, e);
}

bool __wrap_store_begin_remembered(struct store *store, struct error *e)
{
    return !fails_now(e) && __real_store_begin_remembered(store, e);
}

bool __wrap_store_changes(struct store *store, struct buffer *out, struct error *e)
{
    return !fails_now(e) && __real_store_changes(store, out, e);
}

bool __wrap_store_commit(struct store *store, struct error *e)
{
    if (fails_now(e)) {
        store_rollback(store);
        return false;
    }
    return __real_store_commit(store, e);
}

bool __real_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e);
bool __wrap_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e);
static _Atomic bool is_queue_full;

bool __wrap_committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e)
{
    return is_queue_full ? error_set(e, ERROR_FULL, "committer", "try again", "its queue is full")
                         : __real_committer_submit(committer, entry, e);
}

/* ---- tests ---- */

static int make_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_make(rig);
    rig->has_faults = true;
    rig_open(rig);
    *state = rig;
    return 0;
}

static int remove_rig(void **state)
{
    rig_remove(*state);
    free(*state);
    return 0;
}

struct loader {
    struct rig *rig;
    enum consent_state state;
};

static void *load(void *context)
{
    struct loader *loader = context;
    loader->state = rig_state(loader->rig, &anna, BLOOD);
    return NULL;
}

/* The load has read "given" when the withdrawal comes and is acknowledged: what it hands out must be "withdrawn". */
static void a_load_sees_the_change_that_overtook_it(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE];
    pthread_t thread;
    struct loader loader = { rig, CONSENT_NONE };
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
    stop_next_load = 1;
    is_stopped = 0;
    may_go_on = 0;
    assert_int_equal(pthread_create(&thread, NULL, load, &loader), 0);
    while (!is_stopped) {
    }
    assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
    may_go_on = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(loader.state, CONSENT_WITHDRAWN);
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
}

static bool note_state(void *context, const struct consent_record *record)
{
    *(enum consent_state *)context = record->state;
    return false;
}

static void ignore_entry(void *context, const struct log_entry *entry)
{
    (void)context;
    (void)entry;
}

static void a_full_log_fails_closed(void **state)
{
    struct rig *rig = *state;
    struct error e = { 0 };
    char given[CONSENT_ID_SIZE], pending[CONSENT_ID_SIZE];
    struct consent_key other = anna;
    struct consent_view view;
    enum consent_state listed = CONSENT_NONE;
    bool is_changed = false;
    other.person = BYTES("bert-2");
    assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, given, &e));
    assert_true(consents_load(rig->consents, &anna, &view, &e));
    rig_fill_disk(rig, true);

    assert_false(consent_withdraw(rig->consents, bytes_of_text(given), BYTES_NONE, &is_changed, NULL, &e));
    assert_non_null(strstr(e.what, "in force, but not yet in the log"));
    assert_null(strstr(e.what, "anna"));
    assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
    struct commit_entry entry = { 0 };
    const struct consent_release release = { .view = &view };
    enum consent_result result;
    assert_false(consents_release(rig->consents, &release, &entry, &result, &e));
    assert_int_equal(result, CONSENT_OVERTAKEN);
    consent_view_clear(&view);

    assert_false(rig_decide(rig, &other, BLOOD, CONSENT_EVENT_GIVE, pending, &e));
    assert_int_equal(rig_state(rig, &other, BLOOD), CONSENT_NONE);
    assert_true(consent_list(rig->consents, other.person, BYTES_NONE, note_state, &listed, &e));
    assert_int_equal(listed, CONSENT_REQUESTED);
    /* Again, while it is still full: the same answer, and nothing more is written. */
    assert_false(consent_withdraw(rig->consents, bytes_of_text(given), BYTES_NONE, &is_changed, NULL, &e));
    assert_int_equal(rig_read(rig, ignore_entry, NULL), 1);
}

/*
 * What the log did not take comes into it, in order: with the next change, even one that changes nothing, after its queue was full; or at
 * the next start, after its disk was full and it died.
 */
static void the_backlog_is_logged_in_order(void **state)
{
    for (int by_restart = 0; by_restart < 2; by_restart++) {
        struct rig *rig = *state;
        struct error e = { 0 };
        char id[CONSENT_ID_SIZE], again[CONSENT_ID_SIZE];
        bool is_changed = true;
        uint64_t index = 0, before = rig_read(rig, ignore_entry, NULL);
        assert_true(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, id, &e));
        is_queue_full = by_restart == 0;
        rig_fill_disk(rig, by_restart != 0);
        assert_false(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, NULL, NULL, &e));
        assert_false(rig_decide(rig, &anna, BLOOD, CONSENT_EVENT_GIVE, again, &e));
        assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_WITHDRAWN);
        is_queue_full = false;
        rig_fill_disk(rig, false);
        if (by_restart != 0) {
            rig_close(rig);
            rig_open(rig);
        }
        assert_true(consent_withdraw(rig->consents, bytes_of_text(id), BYTES_NONE, &is_changed, &index, &e));
        assert_false(is_changed);
        assert_true(index == before + 1);
        assert_int_equal(rig_state(rig, &anna, BLOOD), CONSENT_GIVEN); /* the second giving is in the log by now */
        assert_int_equal(rig_read(rig, ignore_entry, NULL), before + 3);
        assert_true(consent_withdraw_all(rig->consents, anna.person, NULL, &e));
        struct rig_order order = rig_check_order(rig);
        assert_true(order.faults == 0 && order.twice == 0);
    }
}

/* A give, a withdrawal, a refusal and a withdrawal of all, with the n-th call of the store failing, for each n. */
static int change_with_faults(struct rig *rig, const struct consent_key *key, enum consent_state *acknowledged)
{
    struct error e = { 0 };
    char id[CONSENT_ID_SIZE], refused[CONSENT_ID_SIZE];
    int done = 0;
    *acknowledged = CONSENT_NONE;
    if (!rig_decide(rig, key, BLOOD, CONSENT_EVENT_GIVE, id, &e)) {
        return done;
    }
    *acknowledged = CONSENT_GIVEN;
    done++;
    if (!consent_withdraw(rig->consents, bytes_of_text(id), BYTES(BLOOD), NULL, NULL, &e)) {
        return done;
    }
    *acknowledged = CONSENT_WITHDRAWN;
    done++;
    if (!rig_decide(rig, key, BLOOD, CONSENT_EVENT_REFUSE, refused, &e)) {
        return done;
    }
    *acknowledged = CONSENT_REFUSED;
    done++;
    return consent_withdraw_all(rig->consents, key->person, NULL, &e) ? done + 1 : done;
}

static void each_failing_call_of_the_store_is_survived(void **state)
{
    struct rig *rig = *state;
    bool met_fault = true;
    int n = 0;
    for (; met_fault; n++) {
        static const enum consent_state next[] = { CONSENT_GIVEN, CONSENT_WITHDRAWN, CONSENT_REFUSED, CONSENT_REFUSED, CONSENT_REFUSED };
        char name[16];
        enum consent_state acknowledged;
        struct consent_key key = anna;
        (void)snprintf(name, sizeof name, "n%d", n);
        key.person = bytes_of_text(name);
        has_failed = false;
        atomic_store(&calls_left, n);
        int done = change_with_faults(rig, &key, &acknowledged);
        atomic_store(&calls_left, -1);
        met_fault = has_failed;
        enum consent_state now = rig_state(rig, &key, BLOOD);
        rig_close(rig);
        rig_open(rig);
        enum consent_state later = rig_state(rig, &key, BLOOD);
        if ((now != acknowledged && now != next[done]) || (later != now && later != next[done])) {
            fail_msg("call %d, %d done: %s, then %s; acknowledged %s", n, done, consent_state_name(now), consent_state_name(later),
                     consent_state_name(acknowledged));
        }
    }
    struct rig_order order = rig_check_order(rig);
    assert_int_equal(order.faults, 0);
    assert_true(n > 20);
    print_message("%d calls made to fail\n", n - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_rig, remove_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_load_sees_the_change_that_overtook_it),
        TEST(a_full_log_fails_closed),
        TEST(the_backlog_is_logged_in_order),
        TEST(each_failing_call_of_the_store_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
