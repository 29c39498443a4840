#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/individual.h"
#include "evidence/receipt.h"
#include "evidence/statement.h"

static struct arena arena;

static struct bytes statement_of(struct bytes tag)
{
    static const struct statement_component components[] = {
        { BYTES("@method"), false, BYTES("GET") }, { BYTES("x-note"), false, BYTES(";alg=\"tlog-ed25519\";tag=\"comity-request/1\"") }
    };
    const struct statement_parameters parameters = {
        .created_s = 1700000000, .nonce = BYTES("id-1"), .keyid = BYTES("A/B/C/GW1"), .alg = BYTES("tlog-ed25519"), .tag = tag
    };
    struct statement out;
    struct error e;
    assert_true(statement_make(components, COUNT_OF(components), &parameters, &arena, &out, &e));
    return out.text;
}

/* The algorithm in the last line is all that differs. */
static void base_is_the_statement_but_for_the_algorithm(void **state)
{
    struct individual_base base;
    struct error e;
    (void)state;
    assert_true(individual_base_make(statement_of(BYTES("comity-request/1")), &arena, &base, &e));
    assert_true(bytes_equal(base.text, BYTES("\"@method\": GET\n\"x-note\": ;alg=\"tlog-ed25519\";tag=\"comity-request/1\"\n"
                                             "\"@signature-params\": (\"@method\" \"x-note\");created=1700000000;nonce=\"id-1\";"
                                             "keyid=\"A/B/C/GW1\";alg=\"ed25519\";tag=\"comity-request/1\"")));
    assert_true(bytes_equal(base.parameters, BYTES("(\"@method\" \"x-note\");created=1700000000;nonce=\"id-1\";keyid=\"A/B/C/GW1\";"
                                                   "alg=\"ed25519\";tag=\"comity-request/1\"")));
    assert_true(individual_base_make(statement_of(BYTES("comity-answer/1")), &arena, &base, &e));
    assert_true(bytes_end_with(base.text, BYTES(";alg=\"ed25519\";tag=\"comity-answer/1\"")));
}

static void what_is_no_statement_has_no_base(void **state)
{
    static const struct bytes texts[] = {
        BYTES(""),
        BYTES("comity-event: decision/1\ntime: 1\n"),
        BYTES("A/B/C/GW1\n5\nAAAA\n"),
        BYTES(";alg=\"tlog-ed25519\";tag=\"comity-request/1\""),
        BYTES("\"@signature-params\": ();alg=\"tlog-ed25519\";tag=\"comity-request/1\""), /* nothing before its last line */
        BYTES("\"a\": b\n\"@signature-params\": ();alg=\"ed25519\";tag=\"comity-request/1\""),
        BYTES("\"a\": b\n\"@signature-params\": ();alg=\"tlog-ed25519\";tag=\"comity-request/2\""),
        BYTES("\"a\": b\n\"@signature-params\": ();alg=\"tlog-ed25519\";tag=\"comity-request/1\"\n"),
        BYTES("\"a\": b\n\"@other-params\": ();alg=\"tlog-ed25519\";tag=\"comity-request/1\""),
    };
    struct individual_base base;
    struct error e;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(individual_base_make(texts[i], &arena, &base, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
}

/* One key signs both: what is signed here never ends as the text of a note must. */
static void no_base_is_the_text_of_a_note(void **state)
{
    struct individual_base base;
    struct error e;
    struct buffer checkpoint;
    const uint8_t root[SHA256_SIZE] = { 1 };
    (void)state;
    buffer_init(&checkpoint, 1024);
    checkpoint_write(&checkpoint, BYTES("A/B/C/GW1"), 5, root);
    assert_int_equal(checkpoint.data[checkpoint.size - 1], '\n');
    buffer_clear(&checkpoint);
    assert_true(individual_base_make(statement_of(BYTES("comity-request/1")), &arena, &base, &e));
    assert_int_equal(base.text.data[base.text.size - 1], '"');
}

static void kept_behind_any_attachment(void **state)
{
    static const struct bytes attachments[] = { BYTES(""), BYTES("A/B/C/GW1"), BYTES("o\n1\nAA==\n\n\xE2\x80\x94 o AAAA\n") };
    uint8_t signature[ED25519_SIGNATURE_SIZE], found[ED25519_SIGNATURE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < COUNT_OF(attachments); i++) {
        struct bytes plain = attachments[i];
        assert_false(individual_detach(&plain, found));
        assert_true(bytes_equal(individual_attach(plain, BYTES_NONE, &arena), attachments[i]));
        struct bytes both = individual_attach(plain, bytes_of(signature, sizeof signature), &arena);
        assert_non_null(both.data);
        /* Not one byte of it may be another, and none missing. */
        for (size_t j = attachments[i].size; j < both.size; j++) {
            uint8_t *bent = (uint8_t *)arena_copy(&arena, both).data;
            bent[j] ^= 0x80;
            struct bytes view = bytes_of(bent, both.size);
            assert_false(individual_detach(&view, found));
            assert_int_equal(view.size, both.size);
        }
        for (size_t less = 1; less <= both.size - attachments[i].size; less++) {
            struct bytes view = bytes_slice(both, 0, both.size - less);
            assert_false(individual_detach(&view, found));
        }
        assert_true(individual_detach(&both, found));
        assert_true(bytes_equal(both, attachments[i]));
        assert_memory_equal(found, signature, sizeof found);
    }
    assert_null(individual_attach(BYTES("x"), BYTES("too short"), &arena).data);
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_is_the_statement_but_for_the_algorithm),
        cmocka_unit_test(what_is_no_statement_has_no_base),
        cmocka_unit_test(no_base_is_the_text_of_a_note),
        cmocka_unit_test(kept_behind_any_attachment),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
