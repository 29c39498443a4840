/* Reading any entry of a log at any time, in any order: by a jump where the reader has not been, and never led astray by one. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "evidence/log_internal.h"
#include "torture/faulty_disk.h"

enum { ENTRIES = 6000, BATCH = 200, FAKES = 100, FAKES_AT = 3001, TEXT_SIZE = 200 };

struct fixture {
    struct disk *public, *private;
    struct signer *signer;
    struct log *log;
    uint8_t fakes[RECORD_STATEMENT_BYTES_MAX];
    size_t fakes_size;
    uint64_t random;
};

static uint64_t draw(struct fixture *f, uint64_t below)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random % below;
}

static struct bytes text_of(uint64_t index, char out[TEXT_SIZE])
{
    int size = snprintf(out, TEXT_SIZE, "statement %" PRIu64 "%*s", index, (int)(index * 7919 % 150), "");
    return bytes_of(out, (size_t)size);
}

/* A statement made of whole records, chained as they should be, that claim to be the entries around it. */
static void make_fakes(struct fixture *f)
{
    uint64_t chain = 4711;
    f->fakes_size = 0;
    for (uint64_t i = FAKES_AT - FAKES / 2; i < FAKES_AT + FAKES / 2; i++) {
        struct log_record record = { .kind = RECORD_EVENT,
                                     .statement = bytes_of_text("a fake statement that nobody ever logged"),
                                     .index = i };
        uint8_t padded[600];
        size_t size = record_bytes(record.statement.size, 0);
        assert_true(size <= sizeof padded && f->fakes_size + size <= sizeof f->fakes);
        record_write(&record, i, &chain, f->fakes + f->fakes_size);
        f->fakes_size += size;
    }
}

static struct bytes statement_of(struct fixture *f, uint64_t index, char out[TEXT_SIZE])
{
    return index == FAKES_AT ? bytes_of(f->fakes, f->fakes_size) : text_of(index, out);
}

static void append_all(struct fixture *f)
{
    static char texts[BATCH][TEXT_SIZE];
    struct error e = { 0 };
    struct log_record records[BATCH] = { 0 };
    struct log_record *pointers[BATCH];
    for (uint64_t done = 0; done < ENTRIES; done += BATCH) {
        struct buffer note;
        buffer_init(&note, 4096);
        for (size_t i = 0; i < BATCH; i++) {
            records[i].kind = RECORD_EVENT;
            records[i].statement = statement_of(f, done + i, texts[i]);
            pointers[i] = &records[i];
        }
        assert_true(log_append(f->log, pointers, BATCH, &note, &e));
        buffer_clear(&note);
        if (done == ENTRIES / 2) {
            assert_true(log_next_segment(f->log, 0, &e));
        }
    }
}

static struct fixture *fixture_make(void)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 4 };
    struct fixture *f = calloc(1, sizeof *f);
    struct error e = { 0 };
    assert_non_null(f);
    f->random = 88172645463325252u;
    f->public = sim_disk_make();
    f->private = sim_disk_make();
    make_fakes(f);
    assert_true(signer_from_seed(&f->signer, BYTES("log.example/r"), key, &e));
    assert_true(log_open(&f->log, f->public, f->private, NULL, f->signer, &e));
    append_all(f);
    return f;
}

static void fixture_free(struct fixture *f)
{
    log_close(f->log);
    disk_free(f->public);
    disk_free(f->private);
    signer_free(f->signer);
    free(f);
}

static void check(struct fixture *f, struct log_reader *reader, uint64_t index)
{
    char text[TEXT_SIZE];
    struct log_entry entry;
    struct error e = { 0 };
    if (!log_reader_get(reader, index, &entry, &e)) {
        fail_msg("entry %" PRIu64 ": %s: %s", index, e.where, e.what);
    }
    if (entry.index != index || !bytes_equal(entry.statement, statement_of(f, index, text))) {
        fail_msg("entry %" PRIu64 " is another one: %" PRIu64 ", '%.*s'", index, entry.index, (int)(entry.statement.size % 100),
                 (const char *)entry.statement.data);
    }
}

static void read_all_ways(struct fixture *f)
{
    struct error e = { 0 };
    struct log_reader *reader = NULL;
    /* Each by a reader that has been nowhere yet. */
    for (uint64_t index = 0; index < ENTRIES; index += 1 + draw(f, 20)) {
        assert_true(log_reader_open(&reader, f->public, f->private, &e));
        check(f, reader, index);
        log_reader_close(reader);
    }
    /* In any order, then in a row, by one. */
    assert_true(log_reader_open(&reader, f->public, f->private, &e));
    for (size_t i = 0; i < 4000; i++) {
        uint64_t index = draw(f, ENTRIES);
        check(f, reader, index);
        for (uint64_t next = index + 1; next < ENTRIES && next < index + draw(f, 100); next++) {
            check(f, reader, next);
        }
    }
    for (uint64_t index = 0; index < ENTRIES; index++) {
        check(f, reader, index);
    }
    log_reader_close(reader);
}

static void any_entry_is_read(void **state)
{
    struct fixture *f = fixture_make();
    struct error e = { 0 };
    (void)state;
    read_all_ways(f); /* none is published: no jump, for nothing would say what an entry must be */
    assert_true(log_publish(f->log, &e));
    read_all_ways(f);
    fixture_free(f);
}

/* The jump itself is led astray by such a statement: or the test above shows nothing. */
static void fakes_do_lead_astray(void **state)
{
    struct fixture *f = fixture_make();
    struct error e = { 0 };
    struct segment_scan scan = { 0 };
    struct record_view view = { .size = 0 };
    size_t astray = 0;
    (void)state;
    assert_true(segment_scan_open(&scan, f->private, 0, &e));
    for (uint64_t index = FAKES_AT - FAKES / 2 + 1; index < FAKES_AT + FAKES / 2; index++) {
        if (segment_scan_jump(&scan, index, ENTRIES / 2 + BATCH)) {
            while (scan.index <= index && segment_scan_next(&scan, &view, &e) == SCAN_GOOD) {
            }
            astray += view.entry.index == index && bytes_start_with(view.entry.statement, BYTES("a fake"));
        }
    }
    segment_scan_close(&scan);
    assert_true(astray > 0);
    fixture_free(f);
}

/* A jump reads a few pieces of a segment, not all of it. */
static void a_jump_lands_near(void **state)
{
    struct fixture *f = fixture_make();
    struct error e = { 0 };
    struct segment_scan scan = { 0 };
    (void)state;
    assert_true(segment_scan_open(&scan, f->private, 0, &e));
    for (uint64_t index = 200; index < ENTRIES / 2; index += 13) {
        uint64_t limit = index % 2 == 0 ? ENTRIES / 2 + BATCH : UINT64_MAX;
        assert_true(segment_scan_jump(&scan, index, limit));
        assert_true(scan.index <= index && index - scan.index < 8 * 1024 / RECORD_HEADER_BYTES + 8);
    }
    segment_scan_close(&scan);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_entry_is_read), cmocka_unit_test(fakes_do_lead_astray),
                                        cmocka_unit_test(a_jump_lands_near) };
    diag_configure((enum diag_level)(DIAG_ERROR + 1), DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
