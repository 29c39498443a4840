#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "evidence/cosignature.h"

#define DASH "\xE2\x80\x94 "

static json_t *kat;
static struct signer *witness;
static struct verifier witness_key, log_key;

static const char *answer(const char *name)
{
    const char *text = json_string_value(json_object_get(kat, name));
    assert_non_null(text);
    return text;
}

static struct signer *signer_of_hex(const char *hex, const char *name)
{
    uint8_t seed[ED25519_SEED_SIZE];
    struct signer *signer = NULL;
    struct error e = { 0 };
    assert_true(hex_parse(bytes_of_text(hex), seed, sizeof seed));
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, &e));
    return signer;
}

static int set_up(void **state)
{
    json_error_t fault;
    struct error e = { 0 };
    (void)state;
    kat = json_load_file(VECTORS "/tlog-kat.json", 0, &fault);
    assert_non_null(kat);
    witness = signer_of_hex(answer("wit_seed"), "witness.example/w1");
    assert_true(signer_become_cosigner(witness, &e));
    assert_true(cosigner_parse(&witness_key, bytes_of_text(answer("wit_vkey")), "kat", &e));
    assert_true(verifier_parse(&log_key, bytes_of_text(answer("log_vkey")), "kat", &e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    signer_free(witness);
    json_decref(kat);
    return 0;
}

static void the_known_answer_is_made_and_verified(void **state)
{
    struct error e = { 0 };
    struct note note;
    struct buffer line;
    uint64_t time_s = 0;
    (void)state;
    assert_true(verifier_equal(signer_verifier(witness), &witness_key));
    assert_memory_equal(signer_verifier(witness)->id, witness_key.id, KEY_ID_SIZE);
    assert_true(note_parse(&note, bytes_of_text(answer("cosigned_checkpoint_7")), "kat", &e));
    assert_true(cosignatures_verify(&note, &witness_key, 1, &time_s, "kat", &e));
    assert_int_equal(time_s, 1700000000);

    buffer_init(&line, 4096);
    assert_true(cosignature_add(note.text, witness, 1700000000, &line, &e));
    assert_true(bytes_equal(buffer_bytes(&line), bytes_of_text(answer("cosigline_7"))));
    buffer_clear(&line);
}

static void roles_are_never_exchanged(void **state)
{
    struct error e = { 0 };
    struct note note;
    struct buffer out;
    struct verifier key, as_log;
    uint64_t time_s = 0;
    size_t good = 0;
    (void)state;
    struct signer *log = signer_of_hex(answer("log_seed"), "log.example/comity-kat");
    buffer_init(&out, 4096);
    assert_true(note_parse(&note, bytes_of_text(answer("cosigned_checkpoint_7")), "kat", &e));

    assert_false(cosigner_parse(&key, bytes_of_text(answer("log_vkey")), "file", &e));
    assert_non_null(strstr(e.what, "a log's key"));
    assert_false(cosignature_add(note.text, log, 1700000000, &out, &e));
    assert_non_null(strstr(e.what, "never cosigns"));
    assert_false(note_sign(BYTES("text\n"), witness, &out, &e));
    assert_non_null(strstr(e.what, "never signs a note"));
    assert_int_equal(out.size, 0);
    note_add_signature(BYTES("text\n"), witness, &out);
    assert_true(out.failed);

    /* The same bytes of a key in the other role have another id, and sign nothing here. */
    assert_true(verifier_init(&as_log, bytes_of_text("witness.example/w1"), SIGNATURE_ED25519, witness_key.public_key, &e));
    assert_true(note_verify(&note, &as_log, 1, &good, NULL, "kat", &e));
    assert_int_equal(good, 0);
    assert_true(cosignatures_verify(&note, &as_log, 1, &time_s, "kat", &e));
    assert_int_equal(time_s, 0);
    assert_true(note_verify(&note, &witness_key, 1, &good, NULL, "kat", &e));
    assert_int_equal(good, 0);
    buffer_clear(&out);
    signer_free(log);
}

static void ml_dsa_is_named_for_what_it_is(void **state)
{
    static uint8_t key[1 + ML_DSA_44_PUBLIC_SIZE] = { COSIGNATURE_ML_DSA_44 };
    struct buffer vkey;
    struct verifier v;
    struct error e = { 0 };
    (void)state;
    buffer_init(&vkey, 4096);
    buffer_append_text(&vkey, "witness.example/pq+01020304+");
    base64_append(&vkey, bytes_of(key, sizeof key));
    assert_false(cosigner_parse(&v, buffer_bytes(&vkey), "policy:3", &e));
    assert_string_equal(e.where, "policy:3");
    assert_non_null(strstr(e.what, "this OpenSSL has no ML-DSA"));
    /* Its lines in a note are those of a stranger. */
    static uint8_t signature[KEY_ID_SIZE + 8 + 2420] = { 1, 2, 3, 4 };
    struct buffer whole;
    struct note note;
    uint64_t time_s = 0;
    buffer_init(&whole, 16384);
    buffer_append_text(&whole, answer("cosigned_checkpoint_7"));
    buffer_append_text(&whole, DASH "witness.example/pq ");
    base64_append(&whole, bytes_of(signature, sizeof signature));
    buffer_append_u8(&whole, '\n');
    assert_true(note_parse(&note, buffer_bytes(&whole), "kat", &e));
    assert_true(cosignatures_verify(&note, &witness_key, 1, &time_s, "kat", &e));
    assert_int_equal(time_s, 1700000000);
    buffer_clear(&vkey);
    buffer_clear(&whole);
}

/* Every byte of the line's base64 and of the text: never a pass. */
static void a_changed_byte_is_refused(void **state)
{
    struct error e = { 0 };
    struct note note;
    const char *whole = answer("cosigned_checkpoint_7");
    size_t size = strlen(whole);
    size_t refused = 0;
    (void)state;
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    for (size_t i = 0; i < size * 8; i++) {
        uint64_t time_s = 0;
        memcpy(copy, whole, size);
        copy[i / 8] = (uint8_t)(copy[i / 8] ^ (1U << (i % 8)));
        if (!note_parse(&note, bytes_of(copy, size), "kat", &e) || !cosignatures_verify(&note, &witness_key, 1, &time_s, "kat", &e)) {
            refused++;
        } else if (time_s != 0) {
            /* Only the log's own line may change without the cosignature knowing. */
            size_t line = (size_t)(strstr(whole, "\n\n") + 2 - whole);
            size_t end = (size_t)(strstr(whole, DASH "witness") - whole);
            assert_true(i / 8 >= line && i / 8 < end);
        }
    }
    assert_true(refused > 0);
    free(copy);
}

static void times_out_of_range_are_refused(void **state)
{
    struct error e = { 0 };
    struct buffer out;
    struct note note;
    uint64_t time_s = 0;
    (void)state;
    buffer_init(&out, 4096);
    assert_true(note_parse(&note, bytes_of_text(answer("checkpoint_7")), "kat", &e));
    assert_false(cosignature_add(note.text, witness, 0, &out, &e));
    assert_false(cosignature_add(note.text, witness, COSIGNATURE_TIME_MAX + 1, &out, &e));
    assert_false(cosignature_add(BYTES("no line feed"), witness, 1, &out, &e));
    assert_int_equal(out.size, 0);
    assert_true(cosignature_add(note.text, witness, COSIGNATURE_TIME_MAX, &out, &e));
    struct buffer line;
    buffer_init(&line, 4096);
    assert_true(cosignature_take(note.text, buffer_bytes(&out), &witness_key, &line, &time_s, "answer", &e));
    assert_true(time_s == COSIGNATURE_TIME_MAX);
    assert_true(bytes_equal(buffer_bytes(&line), buffer_bytes(&out)));

    /* Time 0 with a signature that is right for it is still no cosignature. */
    uint8_t bytes[KEY_ID_SIZE + 8 + ED25519_SIGNATURE_SIZE] = { 0 };
    struct buffer message;
    buffer_init(&message, 4096);
    buffer_append_text(&message, "cosignature/v1\ntime 0\n");
    buffer_append(&message, note.text);
    memcpy(bytes, witness_key.id, KEY_ID_SIZE);
    signer_sign(witness, buffer_bytes(&message), bytes + KEY_ID_SIZE + 8);
    buffer_reset(&out);
    buffer_append_text(&out, DASH "witness.example/w1 ");
    base64_append(&out, bytes_of(bytes, sizeof bytes));
    buffer_append_u8(&out, '\n');
    buffer_reset(&line);
    assert_false(cosignature_take(note.text, buffer_bytes(&out), &witness_key, &line, &time_s, "answer", &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_int_equal(line.size, 0);
    buffer_clear(&message);
    buffer_clear(&line);
    buffer_clear(&out);
}

static void what_a_witness_may_answer(void **state)
{
    struct error e = { 0 };
    struct note note;
    struct buffer lines, line;
    uint64_t time_s = 0;
    (void)state;
    assert_true(note_parse(&note, bytes_of_text(answer("checkpoint_7")), "kat", &e));
    static const struct {
        const char *before, *after;
        bool is_good;
        enum error_kind kind;
    } row[] = {
        { "", "", true, ERROR_NONE },
        { DASH "stranger AAAAAAA=\n", DASH "other AAAAAAA=\n", true, ERROR_NONE },
        { DASH "witness.example/w1 AAAAAAA=\n", "", true, ERROR_NONE }, /* the name with another id */
        { "", "\n", false, ERROR_INPUT },
        { "", "garbage\n", false, ERROR_INPUT },
        { "\n", "", false, ERROR_INPUT },
        { "HTTP\n", "", false, ERROR_INPUT },
        { DASH "x AAAAAAA=\n\n", "", false, ERROR_INPUT },
    };
    buffer_init(&lines, 1U << 20);
    buffer_init(&line, 4096);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        buffer_reset(&lines);
        buffer_reset(&line);
        buffer_append_text(&lines, row[i].before);
        buffer_append_text(&lines, answer("cosigline_7"));
        buffer_append_text(&lines, row[i].after);
        if (cosignature_take(note.text, buffer_bytes(&lines), &witness_key, &line, &time_s, "answer", &e) != row[i].is_good) {
            fail_msg("row %zu", i);
        }
        if (row[i].is_good) {
            assert_true(bytes_equal(buffer_bytes(&line), bytes_of_text(answer("cosigline_7"))));
        } else {
            assert_int_equal(e.kind, row[i].kind);
            assert_int_equal(line.size, 0);
        }
    }
    /* Nothing of it, of another checkpoint, and too much of it. */
    assert_false(cosignature_take(note.text, BYTES(DASH "x AAAAAAA=\n"), &witness_key, &line, &time_s, "answer", &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_false(cosignature_take(note.text, BYTES_NONE, &witness_key, &line, &time_s, "answer", &e));
    struct note other;
    assert_true(note_parse(&other, bytes_of_text(answer("checkpoint_8")), "kat", &e));
    assert_false(cosignature_take(other.text, bytes_of_text(answer("cosigline_7")), &witness_key, &line, &time_s, "answer", &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    buffer_reset(&lines);
    for (size_t i = 0; i < 8000; i++) {
        buffer_append_text(&lines, DASH "x AAAAAAA=\n");
    }
    assert_false(cosignature_take(note.text, buffer_bytes(&lines), &witness_key, &line, &time_s, "answer", &e));
    assert_int_equal(line.size, 0);
    buffer_clear(&line);
    buffer_clear(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_answer_is_made_and_verified), cmocka_unit_test(roles_are_never_exchanged),
        cmocka_unit_test(ml_dsa_is_named_for_what_it_is),        cmocka_unit_test(a_changed_byte_is_refused),
        cmocka_unit_test(times_out_of_range_are_refused),        cmocka_unit_test(what_a_witness_may_answer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
