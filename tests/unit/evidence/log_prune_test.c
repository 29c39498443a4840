/* Pruning: what is stated is gone, every proof is still made, and nothing that was not stated is excused. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/log_prove.h"
#include "evidence/log_prune.h"
#include "evidence/log_remove_internal.h"
#include "log_rig.h"

enum { BATCHES = 6, EACH = 200, HALF_HOUR_MS = 30 * 60 * 1000 };
static int64_t now_ms;

static int64_t read_clock(void *context)
{
    (void)context;
    return now_ms;
}

/* Six batches of 200 entries, half an hour apart, the first ones a segment each: five bundles, four of them full. */
static struct rig *make_log(uint64_t seed, size_t segments, int64_t times[BATCHES])
{
    struct error e;
    now_ms = INT64_C(1700000000000);
    time_replace(read_clock, NULL);
    struct rig *rig = rig_make(seed);
    assert_true(rig_open(rig));
    for (size_t i = 0; i < BATCHES; i++) {
        times[i] = now_ms;
        assert_true(rig_append(rig, EACH));
        assert_true(rig_publish(rig));
        assert_true(i >= segments || log_seal(rig->log, &e));
        now_ms += HALF_HOUR_MS;
    }
    return rig;
}

static bool prune(struct rig *rig, int64_t before_ms, bool with_records, struct prune_result *out, struct error *e)
{
    const struct prune_options options = {
        .public = rig->public, .private = rig->private, .signer = rig->signer, .before_ms = before_ms, .with_records = with_records
    };
    return log_prune(&options, out, e);
}

static bool is_there(struct disk *disk, const char *path)
{
    size_t size;
    return sim_disk_data(disk, path, &size) != NULL;
}

static void old_bundles_go_and_all_verifies(void **state)
{
    (void)state;
    struct error e;
    struct prune_result pruned;
    int64_t times[BATCHES];
    uint64_t minimum;
    struct buffer receipt;
    struct rig *rig = make_log(1, 5, times);
    buffer_init(&receipt, RECEIPT_BYTES_MAX);
    assert_true(prune(rig, times[4], false, &pruned, &e));
    /* Entries 0 to 799 are older: three whole bundles. */
    assert_int_equal(pruned.minimum, 768);
    assert_int_equal(pruned.bundles, 3);
    assert_int_equal(pruned.segments, 0);
    assert_false(is_there(rig->public, "tile/entries/000") || is_there(rig->public, "tile/entries/002"));
    assert_true(is_there(rig->public, "tile/entries/003") && is_there(rig->public, "tile/0/000"));
    assert_true(pruned_read(rig->public, PRUNED_PATH, signer_verifier(rig->signer), &minimum, &e));
    assert_int_equal(minimum, 768);
    rig_check(rig, "pruned");
    rig_verify(rig, "pruned");
    for (uint64_t i = 0; i < BATCHES * EACH; i += 97) {
        buffer_reset(&receipt);
        assert_true(log_prove(rig->public, i, NULL, &receipt, &e));
    }
    /* Younger entries were asked for before: the minimum does not go back. */
    assert_true(prune(rig, times[2], false, &pruned, &e));
    assert_int_equal(pruned.minimum, 768);
    assert_int_equal(pruned.bundles, 0);
    /* It goes on, is opened again, and is never pruned of its last bundle. */
    assert_true(rig_append(rig, 80)); /* 1280: five full bundles */
    assert_true(rig_publish(rig));
    assert_true(prune(rig, INT64_MAX, false, &pruned, &e));
    assert_int_equal(pruned.minimum, 1024);
    rig_close(rig);
    assert_true(rig_open(rig));
    assert_true(rig_append(rig, 1));
    rig_close(rig);
    rig_check(rig, "opened again");
    rig_verify(rig, "opened again");
    buffer_clear(&receipt);
    rig_free(rig);
}

static void old_segments_go_when_that_is_asked(void **state)
{
    (void)state;
    struct error e;
    struct log_entry entry;
    struct log_reader *reader = NULL;
    struct prune_result pruned;
    int64_t times[BATCHES];
    struct buffer receipt;
    uint64_t first = 0;
    struct rig *rig = make_log(2, 5, times);
    buffer_init(&receipt, RECEIPT_BYTES_MAX);
    assert_true(prune(rig, times[4], true, &pruned, &e));
    assert_int_equal(pruned.records_minimum, 800);
    assert_int_equal(pruned.segments, 4);
    rig_verify(rig, "pruned");
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    assert_false(log_reader_get(reader, 799, &entry, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(log_reader_get(reader, 800, &entry, &e));
    assert_int_equal(log_reader_first(reader), 800);
    assert_true(log_reader_prove(reader, 800, &receipt, &e));
    assert_true(log_first_since(reader, 1200, times[5], &first, &e));
    assert_int_equal(first, 1000);
    assert_true(log_first_since(reader, 1200, 0, &first, &e));
    assert_int_equal(first, 800);
    log_reader_close(reader);
    buffer_reset(&receipt);
    assert_true(log_prove(rig->public, 3, NULL, &receipt, &e));
    assert_true(rig_append(rig, 5));
    /* Nothing of it is in the way, were everything old. */
    assert_true(prune(rig, INT64_MAX, true, &pruned, &e));
    rig_kill(rig);
    assert_true(rig_open(rig));
    rig_close(rig);
    rig_verify(rig, "opened again");
    buffer_clear(&receipt);
    rig_free(rig);
}

static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct error e;
    struct prune_result pruned;
    int64_t times[BATCHES];
    struct rig *rig = make_log(3, 5, times);
    struct disk *public = sim_disk_copy(rig->public), *private = sim_disk_copy(rig->private);
    const struct prune_options options = {
        .public = rig->public, .private = rig->private, .signer = rig->signer, .before_ms = times[4], .with_records = true, .is_dry = true
    };
    assert_true(log_prune(&options, &pruned, &e));
    assert_int_equal(pruned.bundles, 3);
    assert_int_equal(pruned.segments, 4);
    assert_true(sim_disk_equal(public, rig->public) && sim_disk_equal(private, rig->private));
    disk_free(public);
    disk_free(private);
    rig_free(rig);
}

static uint64_t count_faults(struct rig *rig)
{
    uint64_t entries = 0, faults = 0;
    struct error e;
    assert_true(log_verify(rig->public, rig->private, signer_verifier(rig->signer), NULL, NULL, NULL, &entries, &faults, &e));
    return faults;
}

/* What a log's key may say, and other keys, too. */
static void write_note(struct disk *disk, const char *path, const struct signer *signer, const char *origin, const char *what,
                       const char *index)
{
    struct buffer text, note;
    struct error e;
    buffer_init(&text, 1024);
    buffer_init(&note, 4096);
    buffer_append_format(&text, "comity-pruned/1\n%s\n%s\n%s\n2027-01-01T00:00:00.000Z\n", origin, what, index);
    assert_true(note_sign(buffer_bytes(&text), signer, &note, &e));
    assert_int_equal(disk_replace(disk, path, buffer_bytes(&note)), 0);
    buffer_clear(&text);
    buffer_clear(&note);
}

static void only_what_the_key_states_is_excused(void **state)
{
    (void)state;
    static const uint8_t seed[ED25519_SEED_SIZE] = { 9 };
    struct error e;
    struct prune_result pruned;
    int64_t times[BATCHES];
    struct signer *other = NULL;
    struct rig *rig = make_log(4, 5, times);
    const char *name = signer_verifier(rig->signer)->name;
    assert_int_equal(rig->public->functions->remove(rig->public, "tile/entries/000"), 0);
    assert_int_equal(count_faults(rig), 1);
    write_note(rig->public, PRUNED_PATH, rig->signer, name, PRUNED_PATH, "256");
    assert_int_equal(count_faults(rig), 0);
    write_note(rig->public, PRUNED_PATH, rig->signer, name, PRUNED_PATH, "255");
    assert_int_equal(count_faults(rig), 1);
    /* By another key; for another log; for another folder; malformed; too far: the note itself is a fault as well, and excuses nothing. */
    assert_true(signer_from_seed(&other, bytes_of_text(name), seed, &e));
    write_note(rig->public, PRUNED_PATH, other, name, PRUNED_PATH, "256");
    assert_int_equal(count_faults(rig), 2);
    assert_false(prune(rig, times[3], false, &pruned, &e));
    signer_free(other);
    static const char *const bad[][3] = { { "another", PRUNED_PATH, "256" },
                                          { NULL, PRUNED_RECORDS_PATH, "256" },
                                          { NULL, PRUNED_PATH, "0256" },
                                          { NULL, PRUNED_PATH, "-1" },
                                          { NULL, PRUNED_PATH, "" },
                                          { NULL, PRUNED_PATH, "1200" },
                                          { NULL, PRUNED_PATH, "9223372036854775807" } };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        write_note(rig->public, PRUNED_PATH, rig->signer, bad[i][0] == NULL ? name : bad[i][0], bad[i][1], bad[i][2]);
        assert_int_equal(count_faults(rig), 2);
    }
    /* A checkpoint is none. */
    size_t size = 0;
    const uint8_t *data = sim_disk_data(rig->public, "checkpoint", &size);
    uint8_t copy[1024];
    memcpy(copy, data, size);
    assert_int_equal(disk_replace(rig->public, PRUNED_PATH, bytes_of(copy, size)), 0);
    assert_int_equal(count_faults(rig), 2);
    rig_free(rig);
}

static void a_segment_that_was_not_stated_is_missed(void **state)
{
    (void)state;
    struct error e;
    int64_t times[BATCHES];
    struct rig *rig = make_log(5, 5, times);
    assert_true(segment_remove(rig->private, 0, &e));
    assert_in_range(count_faults(rig), 1, 1000);
    write_note(rig->private, PRUNED_RECORDS_PATH, rig->signer, signer_verifier(rig->signer)->name, PRUNED_RECORDS_PATH, "200");
    assert_int_equal(count_faults(rig), 0);
    assert_true(segment_remove(rig->private, 2 * EACH, &e)); /* one in the middle is no pruning */
    assert_in_range(count_faults(rig), 1, 1000);
    rig_free(rig);
}

/* A tile that is wrong is found although the bundle that would say so is gone. */
static void damage_is_still_found(void **state)
{
    (void)state;
    struct error e;
    struct prune_result pruned;
    int64_t times[BATCHES];
    size_t size = 0;
    struct rig *rig = make_log(6, 5, times);
    assert_true(prune(rig, times[4], true, &pruned, &e));
    sim_disk_data(rig->public, "tile/0/001", &size)[100] ^= 1;
    assert_in_range(count_faults(rig), 1, 10);
    rig_free(rig);
}

static void each_fault(int fault, bool power_fails)
{
    bool met = true;
    for (uint64_t n = 0; met; n++) {
        char when[96];
        struct error e = { 0 };
        struct prune_result pruned;
        int64_t times[BATCHES];
        struct rig *rig = make_log(n + 1, 2, times);
        struct faults faults = { .kinds = CALL_ALL, .fail_at = n, .fault = fault, .from_then_on = power_fails };
        struct faulty_disk public, private;
        rig_close(rig);
        faulty_disk_init(&public, rig->public, &faults);
        faulty_disk_init(&private, rig->private, &faults);
        const struct prune_options options = {
            .public = &public.disk, .private = &private.disk, .signer = rig->signer, .before_ms = times[4], .with_records = true
        };
        bool ok = log_prune(&options, &pruned, &e);
        met = faults.calls > n;
        (void)snprintf(when, sizeof when, "errno %d at call %" PRIu64 "%s", fault, n, power_fails ? ", then a power cut" : "");
        if (!ok && !met) {
            fail_msg("%s: %s", when, e.what);
        }
        if (power_fails) {
            sim_disk_power_cut(rig->private, n + 7);
            sim_disk_power_cut(rig->public, n + 8);
        }
        rig_verify(rig, when);
        if (!prune(rig, times[4], true, &pruned, &e)) {
            fail_msg("%s: then: %s", when, e.what);
        }
        assert_int_equal(pruned.minimum, 768);
        assert_int_equal(pruned.records_minimum, 400);
        assert_false(is_there(rig->private, ERASING_PATH));
        assert_false(is_there(rig->public, "tile/entries/000") || is_there(rig->public, "tile/entries/002"));
        assert_true(rig_open(rig));
        assert_true(rig_append(rig, 2));
        rig_close(rig);
        rig_verify(rig, when);
        rig_free(rig);
    }
}

static void each_call_fails(void **state)
{
    (void)state;
    each_fault(EIO, false);
}

static void the_power_fails_anywhere(void **state)
{
    (void)state;
    each_fault(EIO, true);
}

int main(void)
{
    diag_configure((enum diag_level)(DIAG_ERROR + 1), DIAG_TEXT);
    rig_has_short_texts = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_bundles_go_and_all_verifies),
        cmocka_unit_test(old_segments_go_when_that_is_asked),
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(only_what_the_key_states_is_excused),
        cmocka_unit_test(a_segment_that_was_not_stated_is_missed),
        cmocka_unit_test(damage_is_still_found),
        cmocka_unit_test(each_call_fails),
        cmocka_unit_test(the_power_fails_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
