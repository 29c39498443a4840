/* Erasing records: what is left opens to nobody, all the rest stays, whatever fails on the way. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "evidence/log_erase.h"
#include "evidence/log_prove.h"
#include "log_rig.h"

static const uint64_t chosen[] = { 0, 1, 7, 39, 40, 100, 255, 256, 257, 299 };
enum { BEFORE = 300 };

/* 300 entries in two segments; the event that names the chosen ones behind them, in the last. */
static struct rig *make_log(uint64_t seed, bool with_event)
{
    struct rig *rig = rig_make(seed);
    struct error e;
    assert_true(rig_open(rig));
    for (size_t i = 0; i < 3; i++) {
        assert_true(rig_append(rig, BEFORE / 3));
        assert_true(i == 1 || log_seal(rig->log, &e));
        assert_true(i == 1 || log_seal(rig->log, &e)); /* nothing new is there: no segment for it */
    }
    if (with_event) {
        struct buffer text, note;
        buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
        buffer_init(&note, 4096);
        assert_int_equal(erasure_event_write(&text, chosen, COUNT_OF(chosen), 1), COUNT_OF(chosen));
        struct log_record event = { .kind = RECORD_EVENT, .statement = buffer_bytes(&text) };
        struct log_record *batch[] = { &event };
        assert_true(log_append(rig->log, batch, 1, &note, &e));
        buffer_clear(&text);
        buffer_clear(&note);
    } else {
        assert_true(rig_append(rig, 1));
    }
    assert_true(rig_publish(rig));
    return rig;
}

static void tell(struct rig *rig, int erasure)
{
    for (size_t i = 0; i < COUNT_OF(chosen); i++) {
        rig->told[chosen[i]].erasure = erasure;
    }
}

static void erased_entries_open_to_nobody(void **state)
{
    (void)state;
    uint64_t erased = 0;
    struct error e;
    struct rig *rig = make_log(1, true);
    assert_true(log_erase(rig->private, chosen, COUNT_OF(chosen), &erased, &e));
    assert_int_equal(erased, COUNT_OF(chosen));
    tell(rig, TOLD_ERASED);
    rig_check(rig, "erased");
    rig_verify(rig, "erased");
    /* The log that is open goes on, and so does one that is opened. */
    assert_true(rig_append(rig, 3));
    rig_close(rig);
    assert_true(rig_open(rig));
    assert_true(rig_append(rig, 3));
    rig_kill(rig);
    assert_true(rig_open(rig));
    rig_close(rig);
    rig_check(rig, "opened again");
    rig_verify(rig, "opened again");
    assert_true(log_erase(rig->private, chosen, COUNT_OF(chosen), &erased, &e));
    assert_int_equal(erased, 0);
    rig_free(rig);
}

struct looking {
    const struct rig *rig;
    struct bytes needle;
    size_t found;
};

static void look(void *context, const char *path)
{
    struct looking *l = context;
    size_t size = 0;
    const uint8_t *data = sim_disk_data(l->rig->private, path, &size);
    l->found += data != NULL && memmem(data, size, l->needle.data, l->needle.size) != NULL;
}

static size_t count_files_with(const struct rig *rig, struct bytes needle)
{
    struct looking l = { rig, needle, 0 };
    sim_disk_each(rig->private, look, &l);
    return l.found;
}

static void no_byte_of_it_is_in_any_file(void **state)
{
    (void)state;
    struct error e;
    struct rig *rig = make_log(2, true);
    for (size_t i = 0; i < COUNT_OF(chosen); i++) {
        assert_int_equal(count_files_with(rig, bytes_of(rig->told[chosen[i]].salt, SALT_SIZE)), 1);
    }
    assert_true(log_erase(rig->private, chosen, COUNT_OF(chosen), NULL, &e));
    for (size_t i = 0; i < COUNT_OF(chosen); i++) {
        assert_int_equal(count_files_with(rig, bytes_of(rig->told[chosen[i]].salt, 8)), 0);
    }
    rig_free(rig);
}

static void the_commitment_is_still_proven(void **state)
{
    (void)state;
    struct error e;
    struct buffer text;
    struct log_entry entry;
    struct log_reader *reader = NULL;
    struct rig *rig = make_log(3, true);
    buffer_init(&text, RECEIPT_BYTES_MAX);
    assert_true(log_erase(rig->private, chosen, COUNT_OF(chosen), NULL, &e));
    assert_true(log_prove(rig->public, 40, NULL, &text, &e));
    buffer_reset(&text);
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    assert_true(log_reader_get(reader, 40, &entry, &e));
    assert_int_equal(entry.form, RECORD_ERASED);
    assert_false(log_prove(rig->public, 40, &entry, &text, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(log_reader_prove(reader, 40, &text, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(log_reader_prove(reader, 41, &text, &e));
    buffer_clear(&text);
    log_reader_close(reader);
    rig_free(rig);
}

/* A reader that was in the middle of a segment goes on with what it has open. */
static void a_reader_goes_on(void **state)
{
    (void)state;
    struct error e;
    struct log_entry entry;
    struct log_reader *reader = NULL;
    struct rig *rig = make_log(4, true);
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    assert_true(log_reader_get(reader, 5, &entry, &e));
    assert_true(log_erase(rig->private, chosen, COUNT_OF(chosen), NULL, &e));
    for (uint64_t i = 6; i <= BEFORE; i++) {
        assert_true(log_reader_get(reader, i, &entry, &e));
    }
    log_reader_close(reader);
    rig_free(rig);
}

struct faults_seen {
    size_t count;
    char text[32][640];
};

static void see(void *context, const struct error *e)
{
    struct faults_seen *seen = context;
    if (seen->count < COUNT_OF(seen->text)) {
        (void)error_text(e, seen->text[seen->count++], sizeof seen->text[0]);
    }
}

static void what_no_event_names_is_a_fault(void **state)
{
    (void)state;
    struct error e;
    struct faults_seen *seen = calloc(1, sizeof *seen);
    uint64_t entries = 0, faults = 0;
    struct rig *rig = make_log(5, false);
    assert_non_null(seen);
    assert_true(log_erase(rig->private, chosen, 3, NULL, &e));
    assert_true(log_verify(rig->public, rig->private, signer_verifier(rig->signer), see, NULL, seen, &entries, &faults, &e));
    assert_int_equal(faults, 3);
    assert_non_null(strstr(seen->text[2], "entry 7 was erased, and no event"));
    free(seen);
    rig_free(rig);
}

static void the_last_segment_is_left_alone(void **state)
{
    (void)state;
    static const uint64_t last[] = { 5, BEFORE };
    static const uint64_t beyond[] = { 100000 };
    struct error e;
    struct rig *rig = make_log(6, false);
    assert_false(log_erase(rig->private, last, 2, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_false(log_erase(rig->private, beyond, 1, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    rig_free(rig);
}

static void behind_damage_nothing_is_erased(void **state)
{
    (void)state;
    size_t size = 0;
    struct error e;
    struct rig *rig = make_log(7, false);
    char path[SEGMENT_PATH_SIZE];
    segment_path(0, path);
    sim_disk_data(rig->private, path, &size)[SEGMENT_HEADER_BYTES + 100] ^= 1;
    struct disk *before = sim_disk_copy(rig->private);
    assert_false(log_erase(rig->private, chosen + 2, 1, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(sim_disk_equal(before, rig->private));
    disk_free(before);
    rig_free(rig);
}

/* After a start an entry is as it was, or nothing of it is left: no segment that was replaced lies about. */
static void check_halves(const struct rig *rig, const char *when, bool has_exchange)
{
    for (size_t i = 0; i < COUNT_OF(chosen); i++) {
        struct bytes salt = bytes_of(rig->told[chosen[i]].salt, 16);
        size_t named = count_files_with(rig, salt);
        if (named > 1 || (named == 0 && has_exchange && sim_disk_holds(rig->private, salt))) {
            fail_msg("%s: the salt of entry %" PRIu64 " is in %zu files, and still on the disk", when, chosen[i], named);
        }
    }
}

/* Each call fails once, or the power fails there; what is there is whole, and erasing again does the rest. */
static void each_fault(int fault, bool power_fails, bool has_exchange)
{
    bool met = true;
    for (uint64_t n = 0; met; n += RIG_STRIDE) {
        char when[96];
        struct error e = { 0 };
        struct faults faults = { .kinds = CALL_ALL, .fail_at = n, .fault = fault, .from_then_on = power_fails };
        struct faulty_disk faulty;
        struct rig *rig = make_log(n + 1, true);
        rig_close(rig);
        if (!has_exchange) {
            sim_disk_no_exchange(rig->private);
        }
        faulty_disk_init(&faulty, rig->private, &faults);
        bool ok = log_erase(&faulty.disk, chosen, COUNT_OF(chosen), NULL, &e);
        met = faults.calls > n;
        (void)snprintf(when, sizeof when, "errno %d at call %" PRIu64 "%s", fault, n, power_fails ? ", then a power cut" : "");
        if (!ok && !met) {
            fail_msg("%s: %s", when, e.what);
        }
        tell(rig, ok ? TOLD_ERASED : TOLD_MAY_BE_ERASED);
        if (power_fails) {
            sim_disk_power_cut(rig->private, n + 7);
        }
        rig_check(rig, when);
        rig_verify(rig, when);
        assert_true(rig_open(rig));
        check_halves(rig, when, has_exchange);
        if (!log_erase(rig->private, chosen, COUNT_OF(chosen), NULL, &e)) {
            fail_msg("%s: then: %s", when, e.what);
        }
        tell(rig, TOLD_ERASED);
        assert_true(rig_append(rig, 2));
        rig_close(rig);
        rig_check(rig, when);
        rig_verify(rig, when);
        for (size_t i = 0; i < COUNT_OF(chosen); i++) {
            assert_int_equal(count_files_with(rig, bytes_of(rig->told[chosen[i]].salt, 8)), 0);
            if (has_exchange && sim_disk_holds(rig->private, bytes_of(rig->told[chosen[i]].salt, 16))) {
                fail_msg("%s: the salt of entry %" PRIu64 " is still on the disk", when, chosen[i]);
            }
        }
        rig_free(rig);
    }
}

static void each_call_fails(void **state)
{
    (void)state;
    each_fault(EIO, false, true);
    each_fault(ENOSPC, false, true);
    each_fault(EIO, false, false);
}

static void the_power_fails_anywhere(void **state)
{
    (void)state;
    each_fault(EIO, true, true);
    each_fault(EIO, true, false);
}

static void events_name_ranges(void **state)
{
    (void)state;
    struct buffer text;
    struct bytes rest;
    uint64_t first, last, many[RECORD_STATEMENT_BYTES_MAX / 4];
    buffer_init(&text, 2 * RECORD_STATEMENT_BYTES_MAX);
    assert_int_equal(erasure_event_write(&text, chosen, COUNT_OF(chosen), 77), COUNT_OF(chosen));
    assert_true(bytes_equal(buffer_bytes(&text), BYTES("comity-event: erasure/1\nentries: 0-1 7 39-40 100 255-257 299\ntime: 77\n")));
    assert_true(erasure_event_entries(buffer_bytes(&text), &rest));
    assert_true(erasure_event_next(&rest, &first, &last) && first == 0 && last == 1);
    assert_true(erasure_event_next(&rest, &first, &last) && first == 7 && last == 7);
    buffer_reset(&text);
    /* More than fit: the rest is for the next event. */
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = 10000000 + 2 * i;
    }
    size_t taken = erasure_event_write(&text, many, COUNT_OF(many), 77);
    assert_in_range(taken, 1000, COUNT_OF(many) - 1);
    assert_in_range(text.size, 1, RECORD_STATEMENT_BYTES_MAX);
    assert_true(erasure_event_entries(buffer_bytes(&text), &rest));
    size_t count = 0;
    while (erasure_event_next(&rest, &first, &last)) {
        assert_true(first == last && first == many[count]);
        count++;
    }
    assert_int_equal(count, taken);
    static const char *const bad[] = { "5-4", "x", "-", "1-", "-1", "01", "1--2", "18446744073709551616" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        rest = bytes_of_text(bad[i]);
        assert_false(erasure_event_next(&rest, &first, &last));
    }
    assert_false(erasure_event_entries(BYTES("comity-event: erasure/2\nentries: 1\n"), &rest));
    buffer_clear(&text);
}

int main(void)
{
    diag_configure((enum diag_level)(DIAG_ERROR + 1), DIAG_TEXT);
    rig_has_short_texts = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_name_ranges),
        cmocka_unit_test(erased_entries_open_to_nobody),
        cmocka_unit_test(no_byte_of_it_is_in_any_file),
        cmocka_unit_test(the_commitment_is_still_proven),
        cmocka_unit_test(a_reader_goes_on),
        cmocka_unit_test(what_no_event_names_is_a_fault),
        cmocka_unit_test(the_last_segment_is_left_alone),
        cmocka_unit_test(behind_damage_nothing_is_erased),
        cmocka_unit_test(each_call_fails),
        cmocka_unit_test(the_power_fails_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
