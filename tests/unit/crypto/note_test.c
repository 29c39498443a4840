#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "crypto/note.h"

#define DASH "\xE2\x80\x94 "
#define EXAMPLE_KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define EXAMPLE_TEXT "This is an example message.\n"
#define EXAMPLE_LINE DASH "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static struct verifier key_of(const char *vkey)
{
    struct verifier v;
    struct error e = { 0 };
    if (!verifier_parse(&v, bytes_of_text(vkey), "test", &e)) {
        fail_msg("%s", e.what);
    }
    return v;
}

static struct signer *signer_of(uint8_t number, const char *name)
{
    uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    struct error e = { 0 };
    if (!signer_from_seed(&signer, bytes_of_text(name), seed, &e)) {
        fail_msg("%s", e.what);
    }
    return signer;
}

static struct note note; /* too large for a stack */

static void example_of_the_reference(void **state) /* reference: evidence formats 1.2 */
{
    const struct verifier known = key_of(EXAMPLE_KEY);
    struct error e = { 0 };
    size_t good = 9;
    bool is_good = false;
    (void)state;
    if (!note_parse(&note, BYTES(EXAMPLE_TEXT "\n" EXAMPLE_LINE), "test", &e)) {
        fail_msg("%s", e.what);
    }
    assert_true(bytes_equal(note.text, BYTES(EXAMPLE_TEXT)));
    assert_int_equal(note.signature_count, 1);
    assert_true(bytes_equal(note.signatures[0].name, BYTES("example.com/foo")));
    assert_true(note_verify(&note, &known, 1, &good, &is_good, "test", &e));
    assert_int_equal(good, 1);
    assert_true(is_good);
    assert_true(note_verify(&note, NULL, 0, &good, NULL, "test", &e));
    assert_int_equal(good, 0);
}

static void checkpoints_of_the_vectors(void **state) /* tests/vectors/tlog-kat.json */
{
    static const char *const names[] = { "checkpoint_0", "checkpoint_1", "checkpoint_3",         "checkpoint_7",
                                         "checkpoint_8", "checkpoint_7", "cosigned_checkpoint_7" };
    json_error_t fault;
    struct error e = { 0 };
    (void)state;
    json_t *kat = json_load_file(VECTORS "/tlog-kat.json", 0, &fault);
    assert_non_null(kat);
    const struct verifier log_key = key_of(json_string_value(json_object_get(kat, "log_vkey")));
    const struct verifier witness = key_of(json_string_value(json_object_get(kat, "wit_vkey")));
    const struct verifier known[] = { witness, log_key };
    uint8_t seed[ED25519_SEED_SIZE];
    struct signer *signer = NULL;
    assert_true(hex_parse(bytes_of_text(json_string_value(json_object_get(kat, "log_seed"))), seed, sizeof seed));
    assert_true(signer_from_seed(&signer, bytes_of_text(log_key.name), seed, &e));
    assert_true(verifier_equal(signer_verifier(signer), &log_key));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bytes whole = bytes_of_text(json_string_value(json_object_get(kat, names[i])));
        size_t good = 0;
        bool is_good[2] = { false };
        struct buffer again;
        buffer_init(&again, 4096);
        if (!note_parse(&note, whole, names[i], &e) || !note_verify(&note, known, COUNT_OF(known), &good, is_good, names[i], &e)) {
            fail_msg("%s: %s", names[i], e.what);
        }
        assert_int_equal(note.signature_count, i == 6 ? 2 : 1);
        assert_int_equal(good, 1); /* a cosignature is not over the text alone, and not looked at here */
        assert_true(!is_good[0] && is_good[1]);
        assert_true(note_sign(note.text, signer, &again, &e));
        assert_true(bytes_start_with(whole, buffer_bytes(&again)));
        buffer_clear(&again);
    }
    signer_free(signer);
    json_decref(kat);
}

static void bad_notes_are_refused(void **state)
{
    static const struct {
        struct bytes data;
        const char *what;
    } row[] = {
        { BYTES(""), "no empty line" },
        { BYTES("\n"), "no empty line" },
        { BYTES(EXAMPLE_TEXT), "no empty line" },
        { BYTES(EXAMPLE_TEXT EXAMPLE_LINE), "no empty line" },
        { BYTES(EXAMPLE_TEXT "\n"), "no signature line" },
        { BYTES("\n\n"), "no signature line" },
        { BYTES(EXAMPLE_TEXT "\n" EXAMPLE_LINE "\n"), "no signature line" },
        { BYTES(EXAMPLE_TEXT "\n" DASH "a AAAAAAA="), "not end in LF" },
        { BYTES("a\tb\n\n" DASH "a AAAAAAA=\n"), "0x09 in line 1" },
        { BYTES("a\nb\r\n\n" DASH "a AAAAAAA=\n"), "0x0d in line 2" },
        { BYTES("a\0b\n\n" DASH "a AAAAAAA=\n"), "0x00 in line 1" },
        { BYTES("a\xFF\n\n" DASH "a AAAAAAA=\n"), "UTF-8" },
        { BYTES("a\xC0\x80\n\n" DASH "a AAAAAAA=\n"), "UTF-8" },
        { BYTES("a\n\n- a AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n\xE2\x80\x94"
                "a AAAAAAA=\n"),
          "line 1 is not" },
        { BYTES("a\n\n" DASH "aAAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH " AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a+b AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a\u00A0 AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a \n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a AAAA\n"), "line 1 is not" },     /* three bytes */
        { BYTES("a\n\n" DASH "a AAAAAA==\n"), "line 1 is not" }, /* an id alone */
        { BYTES("a\n\n" DASH "a AAAAAAB=\n"), "line 1 is not" }, /* unused bits set */
        { BYTES("a\n\n" DASH "a AAAAAAA\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a  AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a AAAAAAA= \n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a AAAAAAA= AAAAAAA=\n"), "line 1 is not" },
        { BYTES("a\n\n" DASH "a AAAAAAA=\nand more\n"), "line 2 is not" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct error e = { 0 };
        if (note_parse(&note, row[i].data, "some.note", &e)) {
            fail_msg("row %zu was read", i);
        }
        if (e.kind != ERROR_INPUT || strcmp(e.where, "some.note") != 0 || strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, e.what, row[i].what);
        }
    }
}

static void the_last_empty_line_splits(void **state)
{
    struct error e = { 0 };
    (void)state;
    assert_true(note_parse(&note, BYTES("a\n\nb\n\n\n\n" DASH "x AAAAAAA=\n"), "test", &e));
    assert_true(bytes_equal(note.text, BYTES("a\n\nb\n\n\n")));
    assert_true(note_parse(&note, BYTES("\n\n" DASH "x AAAAAAA=\n"), "test", &e));
    assert_true(bytes_equal(note.text, BYTES("\n")));
}

static void as_many_signatures_as_allowed(void **state)
{
    struct buffer data;
    struct error e = { 0 };
    (void)state;
    buffer_init(&data, 1U << 20);
    buffer_append_text(&data, "text\n\n");
    for (int i = 0; i < NOTE_SIGNATURES_MAX; i++) {
        buffer_append_text(&data, DASH "x AAAAAAA=\n");
    }
    assert_true(note_parse(&note, buffer_bytes(&data), "test", &e));
    assert_int_equal(note.signature_count, NOTE_SIGNATURES_MAX);
    buffer_append_text(&data, DASH "x AAAAAAA=\n");
    assert_false(note_parse(&note, buffer_bytes(&data), "test", &e));
    assert_non_null(strstr(e.what, "more than 100"));

    /* One signature, as long as allowed, and a byte longer. */
    static uint8_t signature[KEY_ID_SIZE + NOTE_SIGNATURE_SIZE_MAX + 1];
    for (size_t more = 0; more < 2; more++) {
        buffer_reset(&data);
        buffer_append_text(&data, "text\n\n" DASH "x ");
        base64_append(&data, bytes_of(signature, sizeof signature - 1 + more));
        buffer_append_text(&data, "\n");
        assert_int_equal(note_parse(&note, buffer_bytes(&data), "test", &e), more == 0);
    }
    buffer_clear(&data);
}

static void strangers_are_passed_over_and_forgers_are_not(void **state)
{
    struct signer *signers[3] = { signer_of(1, "one"), signer_of(2, "two"), signer_of(3, "three") };
    struct verifier known[6];
    struct buffer data;
    struct error e = { 0 };
    size_t good = 0;
    bool is_good[6];
    (void)state;
    buffer_init(&data, 65536);
    for (size_t i = 0; i < 3; i++) {
        known[i] = *signer_verifier(signers[i]);
    }
    assert_true(note_sign(BYTES("text\n"), signers[0], &data, &e));
    note_add_signature(BYTES("text\n"), signers[0], &data); /* twice: one signer still */
    note_add_signature(BYTES("text\n"), signers[1], &data);
    buffer_append_text(&data, DASH "stranger AAAAAAA=\n" DASH "one AAAAAAA=\n"); /* the second: a known name, another id */
    assert_true(note_parse(&note, buffer_bytes(&data), "test", &e));
    assert_int_equal(note.signature_count, 5);
    assert_true(note_verify(&note, known, 3, &good, is_good, "test", &e));
    assert_int_equal(good, 2);
    assert_true(is_good[0] && is_good[1] && !is_good[2]);

    /* The same key listed twice, also under another name, is one signer. */
    known[3] = known[0];
    assert_true(verifier_init(&known[4], BYTES("alias"), SIGNATURE_ED25519, known[0].public_key, &e));
    assert_true(note_verify(&note, known, 5, &good, is_good, "test", &e));
    assert_int_equal(good, 2);
    assert_true(is_good[0] && is_good[3] && !is_good[4]);

    /* A known name and id, and a signature over another text, or too short a one: the whole note is refused. */
    note_add_signature(BYTES("other text\n"), signers[2], &data);
    assert_true(note_parse(&note, buffer_bytes(&data), "test", &e));
    assert_true(note_verify(&note, known, 2, &good, NULL, "test", &e));
    assert_int_equal(good, 2);
    assert_false(note_verify(&note, known, 3, &good, is_good, "test", &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_int_equal(good, 0);
    assert_non_null(strstr(e.what, "three"));
    buffer_reset(&data);
    uint8_t part[KEY_ID_SIZE + 1] = { 0 };
    memcpy(part, known[0].id, KEY_ID_SIZE);
    buffer_append_text(&data, "text\n\n" DASH "one ");
    base64_append(&data, bytes_of(part, sizeof part));
    buffer_append_text(&data, "\n");
    assert_true(note_parse(&note, buffer_bytes(&data), "test", &e));
    assert_false(note_verify(&note, known, 3, &good, NULL, "test", &e));

    /* A cosignature key of the same name and id is not looked at. */
    known[0].type = SIGNATURE_COSIGNATURE_V1;
    assert_true(note_verify(&note, known, 3, &good, NULL, "test", &e));
    assert_int_equal(good, 0);
    for (size_t i = 0; i < 3; i++) {
        signer_free(signers[i]);
    }
    buffer_clear(&data);
}

static void only_notes_are_signed(void **state)
{
    static const struct bytes row[] = { BYTES(""), BYTES("no line feed"), BYTES("a\tb\n"), BYTES("\xFF\n") };
    struct signer *signer = signer_of(1, "one");
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    buffer_init(&out, 1024);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_false(note_sign(row[i], signer, &out, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(out.size, 0);
    }
    buffer_clear(&out);
    buffer_init(&out, 16);
    assert_false(note_sign(BYTES("text\n"), signer, &out, &e)); /* does not fit */
    buffer_clear(&out);
    signer_free(signer);
}

/* Whatever one byte of a signed note is changed to, no known key has signed the result. */
static void no_changed_byte_goes_unseen(void **state)
{
    struct signer *signer = signer_of(7, "example.com/operator");
    struct buffer data;
    struct error e = { 0 };
    (void)state;
    buffer_init(&data, 4096);
    assert_true(note_sign(BYTES("first line\n\nsecond \xC3\xB6 line\n"), signer, &data, &e));
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t dice = seed;
        size_t good = 0;
        size_t at = next(&dice) % data.size;
        uint8_t was = data.data[at];
        data.data[at] = (uint8_t)(was ^ (1 + next(&dice) % 255));
        bool ok = note_parse(&note, buffer_bytes(&data), "test", &e) &&
                  note_verify(&note, signer_verifier(signer), 1, &good, NULL, "test", &e) && good > 0;
        if (ok) {
            fail_msg("seed %" PRIu64 ": byte %zu, 0x%02x for 0x%02x, was not seen", seed, at, data.data[at], was);
        }
        data.data[at] = was;
    }
    buffer_clear(&data);
    signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_reference),      cmocka_unit_test(checkpoints_of_the_vectors),
        cmocka_unit_test(bad_notes_are_refused),         cmocka_unit_test(the_last_empty_line_splits),
        cmocka_unit_test(as_many_signatures_as_allowed), cmocka_unit_test(strangers_are_passed_over_and_forgers_are_not),
        cmocka_unit_test(only_notes_are_signed),         cmocka_unit_test(no_changed_byte_goes_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
