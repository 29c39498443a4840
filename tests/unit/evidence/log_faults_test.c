/* Rows 1 to 7, 10 of the faults that the log must survive: each call fails, the power fails anywhere, the disk is full. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "log_rig.h"

/* What a process does in these tests; it goes on after a refusal, as a gateway does after a full disk. */
static void run_script(struct rig *rig)
{
    static const size_t counts[] = { 1, 3, 1, 40, 2, 220, 5, 1 };
    if (!rig_open(rig)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        (void)rig_append(rig, counts[i]);
        if (i % 3 == 1) {
            (void)rig_publish(rig);
        }
        if (i == 4) {
            rig_close(rig);
            if (!rig_open(rig)) {
                return;
            }
        }
    }
    (void)rig_publish(rig);
}

/* After any fault: what is there holds all that was acknowledged, opens, goes on, and is whole. */
static void check_survived(struct rig *rig, const char *when)
{
    char text[600];
    if (!rig_open(rig)) {
        fail_msg("%s: can't be opened again: %s", when, error_text(&rig->last, text, sizeof text));
    }
    if (log_size(rig->log) < rig->acknowledged) {
        fail_msg("%s: %" PRIu64 " entries, %" PRIu64 " were acknowledged", when, log_size(rig->log), rig->acknowledged);
    }
    rig_check(rig, when);
    if (!rig_append(rig, 2) || !rig_publish(rig)) {
        fail_msg("%s: can't go on: %s", when, error_text(&rig->last, text, sizeof text));
    }
    rig_close(rig);
    rig_check(rig, when);
    rig_verify(rig, when);
}

/* Rows 4, 5: the n-th call fails, once. A dead log stays dead; a refused batch leaves nothing; killed or not, all is there again. */
static void each_call_fails(int fault, bool power_fails)
{
    bool met = true;
    for (uint64_t n = 0; met; n += RIG_STRIDE) {
        char when[96];
        struct rig *rig = rig_make(n + 1);
        rig->faults = (struct faults){ .kinds = CALL_ALL, .fail_at = n, .fault = fault };
        run_script(rig);
        met = rig->faults.calls > n;
        if (rig->log != NULL && rig->log->is_dead) {
            rig->faults.fail_at = UINT64_MAX;
            assert_false(rig_append(rig, 1));
            assert_int_equal(rig->last.kind, ERROR_IO);
            assert_false(rig_publish(rig) && log_published_size(rig->log) < log_size(rig->log));
        }
        (void)snprintf(when, sizeof when, "errno %d at call %" PRIu64 "%s", fault, n, power_fails ? ", then a power cut" : "");
        if (power_fails) {
            rig_power_cut(rig, n);
        } else {
            rig_kill(rig);
        }
        check_survived(rig, when);
        rig_free(rig);
    }
}

static void each_call_fails_with_io_error(void **state)
{
    (void)state;
    each_call_fails(EIO, false);
    each_call_fails(EIO, true);
}

static void each_call_fails_with_no_space(void **state)
{
    (void)state;
    each_call_fails(ENOSPC, false);
    each_call_fails(ENOSPC, true);
}

/* Rows 1, 2, 3, 6, 7: the power fails before the n-th change, many times each. */
static void the_power_fails_anywhere(void **state)
{
    enum { SEEDS = 3 };
    bool met = true;
    (void)state;
    for (uint64_t n = 0; met; n += RIG_STRIDE) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            char when[96];
            struct rig *rig = rig_make(n + 1);
            rig->faults = (struct faults){ .kinds = CALL_CHANGES, .fail_at = n, .from_then_on = true, .fault = EIO };
            run_script(rig);
            met = rig->faults.calls > n;
            (void)snprintf(when, sizeof when, "power cut before change %" PRIu64 ", seed %" PRIu64, n, seed);
            rig_power_cut(rig, seed);
            check_survived(rig, when);
            rig_free(rig);
        }
    }
}

/* Rows 1, 2, 5, 6 for many tiles at once, which are made durable by one sync and named then: each of its calls fails, or the power does. */
static void many_tiles_are_published(void **state)
{
    enum { ENTRIES = 4090, BATCH = 409, FILES_MIN = 32 };
    bool met = true;
    (void)state;
    rig_has_short_texts = true;
    for (uint64_t n = 0; met; n += RIG_STRIDE) {
        const bool power_fails = n % 2 == 0;
        char when[96];
        struct rig *rig = rig_make(n + 1);
        assert_true(rig_open(rig));
        for (size_t i = 0; i < ENTRIES / BATCH; i++) {
            assert_true(rig_append(rig, BATCH));
        }
        const uint64_t syncs = sim_disk_syncs(rig->public);
        rig->faults = (struct faults){ .kinds = CALL_CHANGES, .fail_at = n, .from_then_on = power_fails, .fault = EIO };
        bool ok = rig_publish(rig);
        met = rig->faults.calls > n;
        assert_true(ok != met);
        assert_true(met || sim_disk_syncs(rig->public) - syncs < FILES_MIN);
        (void)snprintf(when, sizeof when, "%s at change %" PRIu64 " of a publication", power_fails ? "power cut" : "fault", n);
        if (power_fails) {
            rig_power_cut(rig, n + 1);
        } else {
            /* Tried again by the same process. */
            rig->faults = (struct faults){ .fail_at = UINT64_MAX };
            assert_true(rig_publish(rig));
            rig_kill(rig);
        }
        check_survived(rig, when);
        rig_free(rig);
    }
    rig_has_short_texts = false;
}

/* Row 10: killed before the n-th change, the page cache stays; then the power fails while the next process recovers. */
static void recovery_is_interrupted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        char when[96];
        uint64_t random = seed;
        struct rig *rig = rig_make(seed);
        rig->faults = (struct faults){ .kinds = CALL_CHANGES, .fail_at = test_random(&random) % 80, .from_then_on = true, .fault = EIO };
        run_script(rig);
        (void)snprintf(when, sizeof when, "seed %" PRIu64, seed);
        for (int times = 0; times < 4; times++) {
            if (test_random(&random) % 3 == 0) {
                rig_kill(rig);
            } else {
                rig_power_cut(rig, test_random(&random));
            }
            rig_check(rig, when);
            rig->faults = (struct faults){
                .kinds = CALL_CHANGES, .fail_at = test_random(&random) % 40, .from_then_on = true, .fault = EIO
            };
            if (rig_open(rig)) {
                (void)rig_append(rig, 1 + test_random(&random) % 5);
                (void)rig_append(rig, 1 + test_random(&random) % 5);
                if (test_random(&random) % 2 == 0) {
                    (void)rig_publish(rig);
                }
            }
        }
        rig_power_cut(rig, seed);
        check_survived(rig, when);
        rig_free(rig);
    }
}

/* Row 4: the disk fills up; readers live, nothing half is left, and appending goes on when there is space again. */
static void full_disks_are_survived(void **state)
{
    struct rig *rig = rig_make(11);
    unsigned refused = 0;
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 10) && rig_publish(rig));
    sim_disk_limit(rig->private, 1536 * 1024);
    for (int i = 0; i < 60 && refused < 5; i++) {
        log_prepare(rig->log, true);
        log_prepare(rig->log, true);
        assert_true(refused == 0 || !log_wants_prepare(rig->log)); /* an idle committer does not try without end */
        if (!rig_append(rig, 60)) {
            assert_int_equal(rig->last.kind, ERROR_FULL);
            refused++;
            rig_check(rig, "while the disk is full");
        }
    }
    assert_int_equal(refused, 5);
    assert_true(rig_publish(rig));
    sim_disk_limit(rig->private, 0);
    assert_true(rig_append(rig, 60));
    sim_disk_limit(rig->public, 1);
    assert_false(rig_publish(rig));
    assert_int_equal(rig->last.kind, ERROR_FULL);
    assert_true(rig_append(rig, 5)); /* publishing can wait */
    rig_check(rig, "while the public disk is full");
    sim_disk_limit(rig->public, 0);
    assert_true(rig_publish(rig));
    rig_close(rig);
    rig_verify(rig, "after the disks were full");
    rig_free(rig);
}

/* Tiles that can't be published are kept in memory up to a limit; then the log refuses, and goes on when they could be. */
static void publishing_that_fails_is_bounded(void **state)
{
    struct rig *rig = rig_make(12);
    (void)state;
    assert_true(rig_open(rig));
    sim_disk_limit(rig->public, 1);
    uint64_t batches = 0;
    struct log_record record[64];
    struct log_record *pointers[64];
    struct error e = { 0 };
    bool ok = true;
    while (ok && batches < 2 * LOG_UNPUBLISHED_MAX / COUNT_OF(record)) {
        struct buffer note;
        buffer_init(&note, CHECKPOINT_BYTES_MAX);
        for (size_t i = 0; i < COUNT_OF(record); i++) {
            record[i] = (struct log_record){ .kind = RECORD_EVENT };
            pointers[i] = &record[i];
        }
        ok = log_append(rig->log, pointers, COUNT_OF(record), &note, &e);
        batches += ok;
        buffer_clear(&note);
    }
    assert_int_equal(e.kind, ERROR_FULL);
    assert_int_equal(batches * COUNT_OF(record), LOG_UNPUBLISHED_MAX);
    sim_disk_limit(rig->public, 0);
    assert_true(rig_publish(rig));
    struct buffer note;
    buffer_init(&note, CHECKPOINT_BYTES_MAX);
    assert_true(log_append(rig->log, pointers, 1, &note, &e));
    buffer_clear(&note);
    rig_kill(rig);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_with_io_error),    cmocka_unit_test(each_call_fails_with_no_space),
        cmocka_unit_test(the_power_fails_anywhere),         cmocka_unit_test(many_tiles_are_published),
        cmocka_unit_test(recovery_is_interrupted),          cmocka_unit_test(full_disks_are_survived),
        cmocka_unit_test(publishing_that_fails_is_bounded),
    };
    diag_configure(DIAG_NOTHING, DIAG_TEXT); /* hundreds of warnings that are meant */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
