/* A store on a disk in memory: what was committed outlives a cut of the power, and what goes wrong with the disk is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/state.h"
#include "torture/faulty_disk.h"

enum { CUTS = 60, FACTS = 20 };

static struct store *open_it(struct disk *disk)
{
    struct store *store = NULL;
    struct error e = { 0 };
    if (!store_open_on(&store, disk, "comity.db", &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return store;
}

static uint64_t get(struct store *store)
{
    uint64_t value = 0;
    struct error e = { 0 };
    assert_true(state_get_u64(store, "fact", &value, &e) || e.kind == ERROR_ABSENT);
    return value;
}

static void what_was_committed_outlives_a_cut(void **state)
{
    struct faults faults = { .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    struct faulty_disk faulty;
    struct disk *disk = sim_disk_make();
    uint64_t known = 0;
    (void)state;
    faulty_disk_init(&faulty, disk, &faults);
    for (uint64_t cut = 1; cut <= CUTS; cut++) {
        struct error e = { 0 };
        struct store *store = open_it(&faulty.disk);
        uint64_t found = get(store);
        assert_true(found == known || found == known + 1); /* the one that was under way may be there */
        known = found;
        faults = (struct faults){ .kinds = CALL_ALL, .fail_at = cut * 3, .from_then_on = true, .fault = EIO };
        for (int i = 0; i < FACTS && state_set_u64(store, "fact", known + 1, &e); i++) {
            known++;
        }
        faults.is_dead = true;
        store_close(store);
        faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        sim_disk_power_cut(disk, cut);
    }
    assert_true(known > CUTS);
    disk_free(disk);
}

/* A process that ends without a cut: what was committed without waiting for the disk is there, too. */
static void a_process_that_ends_loses_nothing(void **state)
{
    struct faults faults = { .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    struct faulty_disk faulty;
    struct disk *disk = sim_disk_make();
    struct error e = { 0 };
    (void)state;
    faulty_disk_init(&faulty, disk, &faults);
    struct store *store = open_it(&faulty.disk);
    assert_true(store_begin_relaxed(store, &e));
    assert_true(state_set_u64(store, "fact", 7, &e));
    assert_true(store_commit(store, &e));
    faults.is_dead = true;
    store_close(store);
    faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    store = open_it(&faulty.disk);
    assert_int_equal(get(store), 7);
    store_close(store);
    disk_free(disk);
}

/* A power cut may undo what did not wait, but never half of it. */
static void a_relaxed_transaction_is_whole_or_not_there(void **state)
{
    (void)state;
    size_t kept = 0, lost = 0;
    for (uint64_t seed = 1; seed <= CUTS; seed++) {
        struct faults faults = { .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        struct faulty_disk faulty;
        struct disk *disk = sim_disk_make();
        struct error e = { 0 };
        uint64_t other = 0;
        faulty_disk_init(&faulty, disk, &faults);
        struct store *store = open_it(&faulty.disk);
        assert_true(store_begin_relaxed(store, &e));
        assert_true(state_set_u64(store, "fact", 1, &e) && state_set_u64(store, "other", 1, &e));
        assert_true(store_commit(store, &e));
        faults.is_dead = true;
        store_close(store);
        faults = (struct faults){ .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        sim_disk_power_cut(disk, seed);
        store = open_it(&faulty.disk);
        assert_true(state_get_u64(store, "other", &other, &e) || e.kind == ERROR_ABSENT);
        assert_int_equal(get(store), other);
        kept += other;
        lost += 1 - other;
        store_close(store);
        disk_free(disk);
    }
    assert_true(kept > 0 && lost > 0);
}

static void a_full_disk_is_told_and_passes(void **state)
{
    struct disk *disk = sim_disk_make();
    struct error e = { 0 };
    (void)state;
    struct store *store = NULL;
    struct faults faults = { .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    struct faulty_disk faulty;
    faulty_disk_init(&faulty, disk, &faults);
    store = open_it(&faulty.disk);
    sim_disk_limit(disk, sim_disk_bytes(disk) + 1);
    bool is_full = false;
    for (uint64_t i = 1; i < 1000 && !is_full; i++) {
        is_full = !state_set_u64(store, "fact", i, &e);
    }
    assert_true(is_full);
    assert_int_equal(e.kind, ERROR_FULL);
    sim_disk_limit(disk, 0);
    assert_true(state_set_u64(store, "fact", 5000, &e));
    assert_int_equal(get(store), 5000);
    store_close(store);
    disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_outlives_a_cut),
        cmocka_unit_test(a_process_that_ends_loses_nothing),
        cmocka_unit_test(a_relaxed_transaction_is_whole_or_not_there),
        cmocka_unit_test(a_full_disk_is_told_and_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
