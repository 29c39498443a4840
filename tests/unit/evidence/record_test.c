/* The bytes of records: open and closed forms, and that no bit of one can change unseen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "evidence/record_internal.h"

enum { RECORDS = 3, ROOM = 1024 };

/* Three records behind each other. */
struct run {
    uint8_t data[ROOM];
    size_t at[RECORDS + 1];
    uint64_t chain[RECORDS + 1];
    struct log_record records[RECORDS];
};

static void write_run(struct run *run)
{
    static const char *const statements[RECORDS] = { "the first statement", "about a person", "x" };
    static const char *const attachments[RECORDS] = { "", "what the peer said of him, and its receipt", "" };
    memset(run, 0, sizeof *run);
    uint64_t chain = record_chain_start(BYTES("A/B/C/GW1"));
    for (size_t i = 0; i < RECORDS; i++) {
        run->chain[i] = chain;
        run->records[i] = (struct log_record){ .kind = RECORD_DECISION,
                                               .statement = bytes_of_text(statements[i]),
                                               .attachment = bytes_of_text(attachments[i]),
                                               .time_ms = 1000 + (int64_t)i,
                                               .index = 40 + i };
        memset(run->records[i].salt, (int)(0xa0 + i), SALT_SIZE);
        record_write(&run->records[i], 40, &chain, run->data + run->at[i]);
        run->at[i + 1] = run->at[i] + record_bytes(run->records[i].statement.size, run->records[i].attachment.size);
    }
    run->chain[RECORDS] = chain;
}

static enum record_state parse(const struct run *run, size_t i, struct record_view *view)
{
    size_t needed = 0;
    return record_parse(bytes_of(run->data + run->at[i], ROOM - run->at[i]), 40 + i, run->chain[i], view, &needed);
}

static void erase(struct run *run, size_t i)
{
    struct record_view view;
    uint8_t out[ROOM];
    assert_int_equal(parse(run, i, &view), RECORD_GOOD);
    assert_true(record_erase(bytes_of(run->data + run->at[i], view.size), &view, run->chain[i], out));
    memcpy(run->data + run->at[i], out, view.size);
}

static void an_erased_record_keeps_its_commitment_and_its_place(void **state)
{
    (void)state;
    struct run run;
    struct record_view view;
    uint8_t want[SHA256_SIZE], got[SHA256_SIZE];
    write_run(&run);
    commitment(run.records[1].salt, run.records[1].statement, want);
    erase(&run, 1);
    assert_int_equal(parse(&run, 1, &view), RECORD_GOOD);
    assert_int_equal(view.entry.form, RECORD_ERASED);
    assert_int_equal(view.entry.kind, RECORD_DECISION);
    assert_int_equal(view.entry.time_ms, 1001);
    assert_int_equal(view.entry.statement.size, 0);
    assert_int_equal(view.entry.attachment.size, 0);
    assert_int_equal(view.size, run.at[2] - run.at[1]);
    assert_int_equal(view.batch, 40);
    assert_int_equal(view.chain, run.chain[2]);
    log_entry_commitment(&view.entry, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(parse(&run, 2, &view), RECORD_GOOD);
    assert_int_equal(view.entry.form, RECORD_OPEN);
}

static bool holds(struct bytes haystack, struct bytes needle)
{
    return memmem(haystack.data, haystack.size, needle.data, needle.size) != NULL;
}

static void nothing_of_it_is_left(void **state)
{
    (void)state;
    struct run run;
    write_run(&run);
    struct bytes all = bytes_of(run.data, sizeof run.data);
    assert_true(holds(all, BYTES("person")) && holds(all, BYTES("receipt")) && holds(all, bytes_of(run.records[1].salt, SALT_SIZE)));
    erase(&run, 1);
    for (size_t i = 0; i + 8 <= run.records[1].statement.size; i++) {
        assert_false(holds(all, bytes_slice(run.records[1].statement, i, i + 8)));
    }
    assert_false(holds(all, BYTES("peer")) || holds(all, BYTES("receipt")) || holds(all, bytes_of(run.records[1].salt, 4)));
}

static void erasing_again_changes_nothing(void **state)
{
    (void)state;
    struct run once, twice;
    write_run(&once);
    write_run(&twice);
    erase(&once, 1);
    erase(&twice, 1);
    erase(&twice, 1);
    assert_memory_equal(once.data, twice.data, sizeof once.data);
}

static void each_bit_of_a_closed_record_is_checked(void **state)
{
    (void)state;
    struct run run;
    struct record_view view;
    write_run(&run);
    erase(&run, 1);
    for (size_t bit = 0; bit < 8 * (run.at[2] - run.at[1]); bit++) {
        run.data[run.at[1] + bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(parse(&run, 1, &view), RECORD_GOOD);
        run.data[run.at[1] + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(parse(&run, 1, &view), RECORD_GOOD);
    /* Behind another record, or in another place, it is worth nothing. */
    size_t needed = 0;
    assert_int_equal(record_parse(bytes_of(run.data + run.at[1], ROOM - run.at[1]), 41, run.chain[1] + 1, &view, &needed), RECORD_DAMAGED);
    assert_int_equal(record_parse(bytes_of(run.data + run.at[1], ROOM - run.at[1]), 42, run.chain[1], &view, &needed), RECORD_DAMAGED);
}

static void it_is_short_until_all_of_it_is_there(void **state)
{
    (void)state;
    struct run run;
    struct record_view view;
    struct record_claim claim;
    size_t needed = 0;
    write_run(&run);
    erase(&run, 1);
    size_t size = run.at[2] - run.at[1];
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(record_parse(bytes_of(run.data + run.at[1], i), 41, run.chain[1], &view, &needed), RECORD_SHORT);
        assert_int_equal(needed, i < RECORD_HEADER_BYTES ? RECORD_HEADER_BYTES : size);
    }
    assert_true(record_peek(bytes_of(run.data + run.at[1], RECORD_HEADER_BYTES), &claim));
    assert_int_equal(claim.index, 41);
    assert_int_equal(claim.size, size);
    assert_int_equal(claim.chain, run.chain[2]);
}

static void one_without_a_statement_is_not_erased(void **state)
{
    (void)state;
    uint8_t data[RECORD_HEADER_BYTES], out[RECORD_CLOSED_BYTES];
    struct log_record record = { .kind = RECORD_EVENT };
    struct record_view view;
    size_t needed = 0;
    uint64_t chain = 7;
    record_write(&record, 0, &chain, data);
    assert_int_equal(record_parse(bytes_of(data, sizeof data), 0, 7, &view, &needed), RECORD_GOOD);
    assert_false(record_erase(bytes_of(data, sizeof data), &view, 7, out));
}

static void recovered_records_follow_each_other(void **state)
{
    (void)state;
    uint8_t data[3 * RECORD_CLOSED_BYTES], hash[SHA256_SIZE];
    uint64_t start = record_chain_start(BYTES("A/B/C/GW1")), chain = start;
    for (size_t i = 0; i < 3; i++) {
        memset(hash, (int)i + 1, sizeof hash);
        record_write_recovered(9 + i, 9, 5000, hash, &chain, data + i * RECORD_CLOSED_BYTES);
    }
    chain = start;
    for (size_t i = 0; i < 3; i++) {
        struct record_view view;
        size_t needed = 0;
        uint8_t got[SHA256_SIZE];
        assert_int_equal(record_parse(bytes_of(data + i * RECORD_CLOSED_BYTES, RECORD_CLOSED_BYTES), 9 + i, chain, &view, &needed),
                         RECORD_GOOD);
        assert_int_equal(view.entry.form, RECORD_RECOVERED);
        assert_int_equal(view.entry.kind, RECORD_NONE);
        assert_int_equal(view.batch, 9);
        log_entry_commitment(&view.entry, got);
        memset(hash, (int)i + 1, sizeof hash);
        assert_memory_equal(got, hash, sizeof hash);
        chain = view.chain;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erased_record_keeps_its_commitment_and_its_place),
        cmocka_unit_test(nothing_of_it_is_left),
        cmocka_unit_test(erasing_again_changes_nothing),
        cmocka_unit_test(each_bit_of_a_closed_record_is_checked),
        cmocka_unit_test(it_is_short_until_all_of_it_is_there),
        cmocka_unit_test(one_without_a_statement_is_not_erased),
        cmocka_unit_test(recovered_records_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
