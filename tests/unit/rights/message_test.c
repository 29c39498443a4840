#include "rights/notice_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t seed_holder[ED25519_SEED_SIZE] = { 1 }, seed_clinic[ED25519_SEED_SIZE] = { 2 };
#define HOLDER "AURORA/GOV/HOSPITAL/GW1"
#define CLINIC "BAOBAB/MED/CLINIC/GW1"

struct keys {
    struct signer *holder, *clinic;
};

static int make_keys(void **state)
{
    struct error e;
    struct keys *keys = calloc(1, sizeof *keys);
    assert_true(signer_from_seed(&keys->holder, BYTES(HOLDER), seed_holder, &e));
    assert_true(signer_from_seed(&keys->clinic, BYTES(CLINIC), seed_clinic, &e));
    *state = keys;
    return 0;
}

static int drop_keys(void **state)
{
    struct keys *keys = *state;
    signer_free(keys->holder);
    signer_free(keys->clinic);
    free(keys);
    return 0;
}

static struct data_notice some_notice(const struct bytes *exchanges, size_t count)
{
    static const struct bytes categories[] = { BYTES("https://w3id.org/dpv/pd#BloodType") };
    return (struct data_notice){ .id = BYTES("o-0123"),
                                 .from = BYTES(HOLDER),
                                 .to = BYTES(CLINIC),
                                 .recipient = BYTES("BAOBAB/MED/CLINIC"),
                                 .kind = NOTICE_ERASE,
                                 .reason = BYTES("consent.withdrawn"),
                                 .exchanges = exchanges,
                                 .exchange_count = count,
                                 .categories = categories,
                                 .category_count = 1,
                                 .due_ms = 2000,
                                 .time_ms = 1000 };
}

static void a_notice_reads_as_it_was_written(void **state)
{
    struct keys *keys = *state;
    struct error e;
    struct arena arena = { 0 };
    struct buffer note;
    struct data_notice out;
    uint8_t digest[SHA256_SIZE], wanted[SHA256_SIZE];
    const struct bytes exchanges[] = { BYTES("e-1"), BYTES("odd\nid %0A") };
    const struct data_notice in = some_notice(exchanges, 2);
    static const char text[] =
        "comity-event: erase-notice/1\nid: o-0123\nfrom: " HOLDER "\nto: " CLINIC
        "\nrecipient: BAOBAB/MED/CLINIC\nkind: erase\nreason: consent.withdrawn\nexchange: e-1\nexchange: odd%0Aid %250A\n"
        "category: https://w3id.org/dpv/pd#BloodType\ndue: 2000\ntime: 1000\n";
    buffer_init(&note, DATA_NOTICE_BYTES_MAX);
    assert_true(data_notice_write(&in, keys->holder, &note, &e));
    assert_true(bytes_start_with(buffer_bytes(&note), bytes_of_text(text)));
    assert_true(data_notice_read(buffer_bytes(&note), signer_verifier(keys->holder), &arena, &out, digest, &e));
    sha256(bytes_of_text(text), wanted);
    assert_memory_equal(digest, wanted, SHA256_SIZE);
    assert_int_equal(out.exchange_count, 2);
    assert_true(bytes_equal(out.exchanges[1], exchanges[1]));
    assert_int_equal(out.category_count, 1);
    assert_int_equal(out.due_ms, 2000);
    assert_int_equal(out.time_ms, 1000);
    assert_true(bytes_equal(out.recipient, in.recipient) && bytes_equal(out.reason, in.reason) && out.kind == NOTICE_ERASE);
    buffer_clear(&note);
    arena_clear(&arena);
}

/* Another key, or a name that is not the key's. */
static void only_its_sender_signs_it(void **state)
{
    struct keys *keys = *state;
    struct error e;
    struct arena arena = { 0 };
    struct buffer note;
    struct data_notice out;
    const struct bytes exchanges[] = { BYTES("e-1") };
    struct data_notice in = some_notice(exchanges, 1);
    buffer_init(&note, DATA_NOTICE_BYTES_MAX);
    assert_true(data_notice_write(&in, keys->holder, &note, &e));
    assert_false(data_notice_read(buffer_bytes(&note), signer_verifier(keys->clinic), &arena, &out, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    buffer_reset(&note);
    in.from = BYTES(CLINIC); /* in somebody else's name */
    assert_true(data_notice_write(&in, keys->holder, &note, &e));
    assert_false(data_notice_read(buffer_bytes(&note), signer_verifier(keys->holder), &arena, &out, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    buffer_clear(&note);
    arena_clear(&arena);
}

static void replies_read_as_they_were_written(void **state)
{
    struct keys *keys = *state;
    struct error e;
    struct arena arena = { 0 };
    struct data_reply out;
    const struct data_reply replies[] = {
        { .id = BYTES("o-1"), .from = BYTES(CLINIC), .to = BYTES(HOLDER), .notice = { 7 }, .time_ms = 5 },
        { .id = BYTES("o-1"), .from = BYTES(CLINIC), .to = BYTES(HOLDER), .notice = { 7 }, .outcome = OUTCOME_ERASED, .time_ms = 5 },
        { .id = BYTES("o-1"),
          .from = BYTES(CLINIC),
          .to = BYTES(HOLDER),
          .notice = { 7 },
          .outcome = OUTCOME_KEPT,
          .reason = BYTES("Act, s. 1"),
          .time_ms = 5 },
    };
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        struct buffer note;
        buffer_init(&note, DATA_NOTICE_BYTES_MAX);
        assert_true(data_reply_write(&replies[i], keys->clinic, &note, &e));
        assert_true(data_reply_read(buffer_bytes(&note), signer_verifier(keys->clinic), &arena, &out, &e));
        assert_int_equal(out.outcome, replies[i].outcome);
        assert_memory_equal(out.notice, replies[i].notice, SHA256_SIZE);
        assert_true(bytes_equal(out.reason, replies[i].reason));
        assert_false(data_reply_read(buffer_bytes(&note), signer_verifier(keys->holder), &arena, &out, &e));
        buffer_clear(&note);
    }
    arena_clear(&arena);
}

/* A line less, more, twice, elsewhere: signed by the right key, and refused all the same. */
static void its_form_is_strict(void **state)
{
    struct keys *keys = *state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "comity-event: erase-notice/2\nid: o\nfrom: " HOLDER
          "\nto: x\nrecipient: y\nkind: erase\nreason: r\nexchange: e\ndue: 1\ntime: 1\n",
          "it is no erase notice" },
        { "comity-event: erase-notice/1\nfrom: " HOLDER "\nto: x\nrecipient: y\nkind: erase\nreason: r\nexchange: e\ndue: 1\ntime: 1\n",
          "the line 'id' is missing, or not where it belongs" },
        { "comity-event: erase-notice/1\nid: o\nfrom: " HOLDER
          "\nto: x\nrecipient: y\nkind: burn\nreason: r\nexchange: e\ndue: 1\ntime: 1\n",
          "there is no such kind of notice" },
        { "comity-event: erase-notice/1\nid: o\nfrom: " HOLDER "\nto: x\nrecipient: y\nkind: erase\nreason: r\ndue: 1\ntime: 1\n",
          "it must have 1 to 500 lines 'exchange'" },
        { "comity-event: erase-notice/1\nid: o\nfrom: " HOLDER
          "\nto: x\nrecipient: y\nkind: erase\nreason: r\nexchange: e\ndue: soon\ntime: 1\n",
          "the line 'due' is no time in milliseconds" },
        { "comity-event: erase-notice/1\nid: o\nfrom: " HOLDER
          "\nto: x\nrecipient: y\nkind: erase\nreason: r\nexchange: e\ndue: 1\ntime: 1\nmore: 1\n",
          "there are more lines than belong to it" },
        { "comity-event: erase-notice/1\nid: o\nfrom: " HOLDER
          "\nto: x\nrecipient: y\nkind: erase\nreason: \nexchange: e\ndue: 1\ntime: 1\n",
          "the line 'reason' must have 1 to 2048 bytes" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error e;
        struct arena arena = { 0 };
        struct buffer note;
        struct data_notice out;
        buffer_init(&note, DATA_NOTICE_BYTES_MAX);
        assert_true(note_sign(bytes_of_text(cases[i].text), keys->holder, &note, &e));
        assert_false(data_notice_read(buffer_bytes(&note), signer_verifier(keys->holder), &arena, &out, NULL, &e));
        assert_string_equal(e.what, cases[i].says);
        buffer_clear(&note);
        arena_clear(&arena);
    }
}

static void there_is_a_limit(void **state)
{
    struct keys *keys = *state;
    struct error e;
    struct buffer note;
    struct bytes exchanges[DATA_NOTICE_EXCHANGES_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        exchanges[i] = BYTES("e");
    }
    struct data_notice in = some_notice(exchanges, COUNT_OF(exchanges));
    buffer_init(&note, DATA_NOTICE_BYTES_MAX);
    assert_false(data_notice_write(&in, keys->holder, &note, &e));
    in.exchange_count = 0;
    assert_false(data_notice_write(&in, keys->holder, &note, &e));
    in.exchange_count = DATA_NOTICE_EXCHANGES_MAX;
    assert_true(data_notice_write(&in, keys->holder, &note, &e));
    buffer_clear(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_notice_reads_as_it_was_written, make_keys, drop_keys),
        cmocka_unit_test_setup_teardown(only_its_sender_signs_it, make_keys, drop_keys),
        cmocka_unit_test_setup_teardown(replies_read_as_they_were_written, make_keys, drop_keys),
        cmocka_unit_test_setup_teardown(its_form_is_strict, make_keys, drop_keys),
        cmocka_unit_test_setup_teardown(there_is_a_limit, make_keys, drop_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
