#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "log_rig.h"

static void expect_refusal(struct rig *rig, enum error_kind kind, const char *where, const char *what)
{
    struct disk *public = sim_disk_copy(rig->public);
    struct disk *private = sim_disk_copy(rig->private);
    if (rig_open(rig)) {
        fail_msg("the log was opened");
    }
    if (rig->last.kind != kind || strstr(rig->last.where, where) == NULL || strstr(rig->last.what, what) == NULL) {
        fail_msg("%d %s: %s; want %s: %s", (int)rig->last.kind, rig->last.where, rig->last.what, where, what);
    }
    assert_true(sim_disk_equal(rig->public, public) && sim_disk_equal(rig->private, private));
    disk_free(public);
    disk_free(private);
}

static void batches_of_all_sizes(void **state)
{
    static const size_t counts[] = { 1, 1, 2, 3, 249, 1, 255, 256, 257, 1, 512, 31, 600, 7 };
    struct rig *rig = rig_make(1);
    (void)state;
    assert_true(rig_open(rig));
    assert_int_equal(log_size(rig->log), 0);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        assert_true(rig_append(rig, counts[i]));
        rig_check(rig, "after a batch");
        if (i % 3 == 1) {
            assert_true(rig_publish(rig));
            assert_int_equal(log_published_size(rig->log), log_size(rig->log));
            rig_check(rig, "after publishing");
            rig_verify(rig, "after publishing");
        }
        if (i % 4 == 3) {
            uint64_t size = log_size(rig->log);
            rig_close(rig);
            rig_verify(rig, "closed");
            assert_true(rig_open(rig));
            assert_int_equal(log_size(rig->log), size);
        }
    }
    rig_close(rig);
    rig_check(rig, "at the end");
    rig_verify(rig, "at the end");
    rig_free(rig);
}

static void note_folder(void *context, const char *name, bool is_folder)
{
    if (is_folder && strcmp(name, "000.p") == 0) {
        *(bool *)context = true;
    }
}

static bool has_partial_folder(struct rig *rig, const char *folder)
{
    bool is_there = false;
    assert_int_equal(rig->public->functions->list(rig->public, folder, note_folder, &is_there), 0);
    return is_there;
}

static void partial_tiles_go_when_the_full_one_is_there(void **state)
{
    struct rig *rig = rig_make(2);
    size_t size = 0;
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 10) && rig_publish(rig) && rig_append(rig, 10) && rig_publish(rig));
    assert_non_null(sim_disk_data(rig->public, "tile/0/000.p/10", &size));
    assert_non_null(sim_disk_data(rig->public, "tile/0/000.p/20", &size));
    assert_non_null(sim_disk_data(rig->public, "tile/entries/000.p/10", &size));
    assert_true(rig_append(rig, 250) && rig_publish(rig));
    assert_null(sim_disk_data(rig->public, "tile/0/000.p/10", &size));
    assert_null(sim_disk_data(rig->public, "tile/entries/000.p/20", &size));
    assert_false(has_partial_folder(rig, "tile/0"));
    assert_false(has_partial_folder(rig, "tile/entries"));
    assert_true(has_partial_folder(rig, "tile/1"));
    assert_non_null(sim_disk_data(rig->public, "tile/0/000", &size));
    assert_int_equal(size, TILE_BYTES_MAX);
    assert_non_null(sim_disk_data(rig->public, "tile/1/000.p/1", &size));
    assert_non_null(sim_disk_data(rig->public, "tile/0/001.p/14", &size));
    rig_close(rig);
    rig_verify(rig, "after partial tiles went");
    rig_free(rig);
}

static void receipts_come_from_tiles(void **state)
{
    struct rig *rig = rig_make(3);
    struct log_reader *reader = NULL;
    struct error e = { 0 };
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 600) && rig_append(rig, 371) && rig_publish(rig) && rig_append(rig, 3));
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    for (uint64_t i = 0; i < 971; i += 1 + i % 13) {
        struct buffer text;
        struct receipt receipt;
        struct checkpoint_view view;
        buffer_init(&text, RECEIPT_BYTES_MAX);
        if (!log_reader_prove(reader, i, &text, &e)) {
            fail_msg("entry %" PRIu64 ": %s: %s", i, e.where, e.what);
        }
        assert_true(receipt_parse(buffer_bytes(&text), &receipt, &e));
        assert_true(receipt_verify(&receipt, rig_statement(rig->told[i].number), signer_verifier(rig->signer), NULL, &view, &e));
        assert_int_equal(view.size, 971);
        buffer_clear(&text);
    }
    struct buffer text;
    struct log_entry entry;
    buffer_init(&text, RECEIPT_BYTES_MAX);
    assert_false(log_reader_prove(reader, 972, &text, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_true(log_reader_get(reader, 973, &entry, &e));
    assert_false(log_reader_get(reader, 974, &entry, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    /* Beside the writer: what it appends is there at the next call. */
    assert_true(rig_append(rig, 2));
    assert_true(log_reader_get(reader, 975, &entry, &e));
    assert_true(log_reader_get(reader, 0, &entry, &e));
    buffer_clear(&text);
    log_reader_close(reader);
    rig_close(rig);
    rig_free(rig);
}

/* Segments of 1, 2, 4, 8 MiB: random reading finds records in all of them, and a batch larger than a segment has room. */
static void segments_follow_each_other(void **state)
{
    struct rig *rig = rig_make(4);
    static uint8_t large[RECORD_ATTACHMENT_BYTES_MAX];
    struct log_record record[12];
    struct log_record *pointers[12];
    struct buffer note;
    struct error e = { 0 };
    (void)state;
    memset(large, 'x', sizeof large);
    assert_true(rig_open(rig) && rig_append(rig, 5));
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < COUNT_OF(record); i++) {
            record[i] = (struct log_record){ .kind = RECORD_EVENT,
                                             .statement = BYTES("large"),
                                             .attachment = bytes_of(large, sizeof large) };
            pointers[i] = &record[i];
        }
        buffer_init(&note, CHECKPOINT_BYTES_MAX);
        assert_true(log_append(rig->log, pointers, COUNT_OF(record), &note, &e));
        rig->acknowledged = log_size(rig->log);
        buffer_clear(&note);
        assert_true(rig_append(rig, 5));
        for (int i = 0; i < 40; i++) {
            log_prepare(rig->log, i % 2 == 0);
        }
        if (round % 2 == 0) {
            rig_close(rig);
            assert_true(rig_open(rig));
        }
    }
    rig_check(rig, "in many segments");
    rig_close(rig);
    rig_verify(rig, "in many segments");
    uint64_t *firsts = NULL;
    size_t count = 0;
    assert_true(segment_list(rig->private, &firsts, &count, NULL));
    assert_true(count >= 4 && firsts[0] == 0);
    free(firsts);
    struct log_reader *reader = NULL;
    struct log_entry entry;
    assert_true(log_reader_open(&reader, rig->public, rig->private, NULL));
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t index = i * 37 % rig->acknowledged;
        assert_true(log_reader_get(reader, index, &entry, NULL));
        assert_int_equal(entry.index, index);
    }
    log_reader_close(reader);
    rig_free(rig);
}

static void bad_records_are_refused(void **state)
{
    struct rig *rig = rig_make(5);
    static uint8_t large[RECORD_ATTACHMENT_BYTES_MAX + 1];
    struct log_record record = { .kind = RECORD_EVENT, .statement = { large, RECORD_STATEMENT_BYTES_MAX + 1 } };
    struct log_record *pointer = &record;
    struct buffer note;
    struct error e = { 0 };
    (void)state;
    buffer_init(&note, CHECKPOINT_BYTES_MAX);
    assert_true(rig_open(rig));
    assert_false(log_append(rig->log, &pointer, 1, &note, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    record = (struct log_record){ .kind = RECORD_EVENT, .attachment = { large, sizeof large } };
    assert_false(log_append(rig->log, &pointer, 1, &note, &e));
    record = (struct log_record){ .kind = RECORD_NONE };
    assert_false(log_append(rig->log, &pointer, 1, &note, &e));
    assert_false(log_append(rig->log, &pointer, 0, &note, &e));
    record = (struct log_record){ .kind = RECORD_EVENT,
                                  .statement = { large, RECORD_STATEMENT_BYTES_MAX },
                                  .attachment = { large, RECORD_ATTACHMENT_BYTES_MAX } };
    assert_true(log_append(rig->log, &pointer, 1, &note, &e));
    assert_true(rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 2);
    buffer_clear(&note);
    rig_close(rig);
    rig_verify(rig, "after the largest record");
    rig_free(rig);
}

/* Rows 7, 11 of the faults to survive: what is published and is not there any more is refused, and nothing is changed. */
static void damage_is_refused(void **state)
{
    struct rig *rig = rig_make(6);
    size_t size = 0;
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 20));
    rig_close(rig);
    struct disk *old_private = sim_disk_copy(rig->private);
    struct disk *old_public = sim_disk_copy(rig->public);
    assert_true(rig_open(rig) && rig_append(rig, 20));
    rig_close(rig);

    /* An older copy of the private folder beside the newer public one: records are missing that were published. */
    struct disk *private = rig->private;
    rig->private = rig->faulty_private.real = old_private;
    expect_refusal(rig, ERROR_INPUT, "records/00000000000000000000.seg", "entry 20 is damaged or missing");
    rig->private = rig->faulty_private.real = private;

    /* An older copy of the public folder: the records have it all, and it is published again. */
    struct disk *public = rig->public;
    rig->public = rig->faulty_public.real = old_public;
    assert_true(rig_open(rig));
    assert_int_equal(log_size(rig->log), 40);
    rig_close(rig);
    rig_check(rig, "published again");
    rig_verify(rig, "published again");
    rig->public = rig->faulty_public.real = public;

    uint8_t *data = sim_disk_data(rig->private, "records/00000000000000000020.seg", &size);
    if (data == NULL) {
        data = sim_disk_data(rig->private, "records/00000000000000000000.seg", &size);
    }
    assert_non_null(data);
    data[SEGMENT_HEADER_BYTES + 100] ^= 4;
    expect_refusal(rig, ERROR_INPUT, "records/", "is damaged");
    data[SEGMENT_HEADER_BYTES + 100] ^= 4;

    data = sim_disk_data(rig->public, "tile/entries/000.p/40", &size);
    data[70] ^= 1;
    expect_refusal(rig, ERROR_INPUT, "tile/0", "entry 2: the tile and the entry bundle disagree");
    data[70] ^= 1;
    data = sim_disk_data(rig->public, "checkpoint", &size);
    data[20] ^= 1;
    expect_refusal(rig, ERROR_INPUT, "checkpoint", "");
    data[20] ^= 1;
    assert_int_equal(rig->public->functions->remove(rig->public, "tile/entries/000.p/40"), 0);
    expect_refusal(rig, ERROR_INPUT, "tile/entries/000.p/40", "missing");
    assert_int_equal(rig->public->functions->remove(rig->public, "checkpoint"), 0);
    expect_refusal(rig, ERROR_INPUT, "checkpoint", "there are records, but no checkpoint");
    disk_free(old_private);
    disk_free(old_public);
    rig_free(rig);
}

static void another_key_is_refused(void **state)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 8 };
    struct rig *rig = rig_make(7);
    struct signer *right = rig->signer;
    struct signer *wrong = NULL;
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 3));
    rig_close(rig);
    assert_true(signer_from_seed(&wrong, BYTES("log.example/rig"), key, NULL));
    rig->signer = wrong;
    expect_refusal(rig, ERROR_INPUT, "checkpoint", "");
    signer_free(wrong);
    assert_true(signer_from_seed(&wrong, BYTES("log.example/other"), key, NULL));
    rig->signer = wrong;
    expect_refusal(rig, ERROR_INPUT, "checkpoint", "signed by another key");
    rig->signer = right;
    signer_free(wrong);
    rig_free(rig);
}

/* An entry that a later batch proves durable is damaged, though it was never published: no crash did that, so it is not cut off. */
static void damage_before_a_later_batch_is_refused(void **state)
{
    struct rig *rig = rig_make(8);
    size_t size = 0;
    (void)state;
    assert_true(rig_open(rig) && rig_append(rig, 3) && rig_append(rig, 2) && rig_append(rig, 2));
    rig_kill(rig);
    uint8_t *data = sim_disk_data(rig->private, "records/00000000000000000000.seg", &size);
    data[SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 1] ^= 1;
    expect_refusal(rig, ERROR_INPUT, "records/00000000000000000000.seg", "entry 0 is damaged; a later batch is there");
    data[SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 1] ^= 1;
    uint8_t kept[RECORD_HEADER_BYTES];
    memcpy(kept, data + SEGMENT_HEADER_BYTES, sizeof kept);
    memset(data + SEGMENT_HEADER_BYTES, 0, sizeof kept);
    expect_refusal(rig, ERROR_INPUT, "records/00000000000000000000.seg", "entry 0 is damaged; a later batch is there");
    memcpy(data + SEGMENT_HEADER_BYTES, kept, sizeof kept);
    assert_true(rig_open(rig));
    assert_int_equal(log_size(rig->log), 7);
    rig_close(rig);
    rig_check(rig, "mended");
    rig_free(rig);
}

static void one_process_at_a_time(void **state)
{
    char path[] = "/tmp/comity-log-lock-XXXXXX";
    struct rig *rig = rig_make(9);
    struct log *first = NULL;
    struct log *second = NULL;
    struct error e = { 0 };
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_true(log_open(&first, rig->public, rig->private, path, rig->signer, &e));
    assert_false(log_open(&second, rig->public, rig->private, path, rig->signer, &e));
    assert_null(second);
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_string_equal(e.where, path);
    log_close(first);
    assert_true(log_open(&second, rig->public, rig->private, path, rig->signer, &e));
    log_close(second);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    rig_free(rig);
}

static int64_t test_clock_ms;

static int64_t read_test_clock(void *context)
{
    (void)context;
    return test_clock_ms;
}

static void expect_event(struct rig *rig, uint64_t index, const char *wanted)
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    struct error e = { 0 };
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e) && log_reader_get(reader, index, &entry, &e));
    assert_int_equal(entry.kind, RECORD_EVENT);
    if (!bytes_equal(entry.statement, bytes_of_text(wanted))) {
        fail_msg("%.*s\nwant\n%s", BYTES_FMT(entry.statement), wanted);
    }
    log_reader_close(reader);
}

/* Row 13: times never go back, entries still append, and a jump is an entry itself. */
static void clocks_may_jump(void **state)
{
    struct rig *rig = rig_make(10);
    (void)state;
    test_clock_ms = 2000000000000; /* 2033; then past 2038 */
    time_replace(read_test_clock, NULL);
    assert_true(rig_open(rig) && rig_append(rig, 2));
    test_clock_ms -= 4000; /* a small step back is no event */
    assert_true(rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 3);
    assert_int_equal(rig->told[2].time_ms, 2000000000000);
    test_clock_ms = 2000000000000 - 60000;
    assert_true(rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 5); /* the event and the entry */
    assert_int_equal(rig->told[4].time_ms, 2000000000000);
    assert_true(rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 6); /* said once */
    test_clock_ms = 2200000000000;
    assert_true(rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 8);
    assert_int_equal(rig->told[7].time_ms, 2200000000000);
    rig_close(rig);
    test_clock_ms = 2100000000000; /* while nobody looked, behind what the log has */
    assert_true(rig_open(rig) && rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 10);
    assert_int_equal(rig->told[9].time_ms, 2200000000000);
    expect_event(rig, 8, "comity-event: clock-jump/1\nbefore: 2200000000000\nafter: 2100000000000\ntime: 2200000000000\n");
    rig_close(rig);
    test_clock_ms = 2300000000000; /* a log that was closed for long is no jump */
    assert_true(rig_open(rig) && rig_append(rig, 1));
    assert_int_equal(log_size(rig->log), 11);
    rig_close(rig);
    rig_check(rig, "after the jumps");
    time_replace(NULL, NULL);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_all_sizes),     cmocka_unit_test(partial_tiles_go_when_the_full_one_is_there),
        cmocka_unit_test(receipts_come_from_tiles), cmocka_unit_test(segments_follow_each_other),
        cmocka_unit_test(bad_records_are_refused),  cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(another_key_is_refused),   cmocka_unit_test(damage_before_a_later_batch_is_refused),
        cmocka_unit_test(one_process_at_a_time),    cmocka_unit_test(clocks_may_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
