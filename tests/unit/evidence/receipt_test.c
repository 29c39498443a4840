#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/receipt_internal.h"
#include "merkle_model.h"

static struct signer *make_signer(const char *name, uint8_t first)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { first };
    struct signer *signer = NULL;
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, NULL));
    return signer;
}

/* A log of `size` statements "statement i" with salts of the byte i, and the receipt of one of them. */
struct sample {
    struct signer *signer;
    uint8_t salt[SALT_SIZE];
    char statement[32];
    struct buffer text;
};

static void sample_make(struct sample *s, uint64_t index, uint64_t size, const char *origin, struct signer *signer)
{
    hash *leaves = malloc(size * sizeof *leaves);
    hash path[MERKLE_PATH_MAX];
    hash root;
    struct buffer text;
    struct buffer note;
    for (uint64_t i = 0; i < size; i++) {
        uint8_t salt[SALT_SIZE];
        char statement[32];
        memset(salt, (int)i, sizeof salt);
        (void)snprintf(statement, sizeof statement, "statement %" PRIu64, i);
        commitment(salt, bytes_of_text(statement), leaves[i]);
        merkle_leaf(bytes_of(leaves[i], SHA256_SIZE), leaves[i]);
        if (i == index) {
            memcpy(s->salt, salt, sizeof salt);
            memcpy(s->statement, statement, sizeof statement);
        }
    }
    size_t count = model_path((const hash *)leaves, index, 0, size, path);
    model_root((const hash *)leaves, 0, size, root);
    buffer_init(&text, 1024);
    buffer_init(&note, 4096);
    checkpoint_write(&text, bytes_of_text(origin), size, root);
    assert_true(note_sign(buffer_bytes(&text), signer, &note, NULL));
    buffer_init(&s->text, RECEIPT_BYTES_MAX);
    receipt_write(&s->text, s->salt, index, (const hash *)path, count, buffer_bytes(&note));
    assert_false(s->text.failed);
    buffer_clear(&text);
    buffer_clear(&note);
    free(leaves);
}

static bool verify(struct bytes text, const char *statement, const struct verifier *key, struct checkpoint_cache *cache, struct error *e)
{
    struct receipt receipt;
    struct checkpoint_view view;
    return receipt_parse(text, &receipt, e) && receipt_verify(&receipt, bytes_of_text(statement), key, cache, &view, e);
}

/* tests/vectors/tlog-kat.json: a tlog-proof that other implementations made. It has no salt; with one it is a receipt. */
static void known_answer(void **state)
{
    json_error_t json_e;
    json_t *json = json_load_file(VECTORS "/tlog-kat.json", 0, &json_e);
    struct error e = { 0 };
    struct receipt receipt;
    struct buffer text;
    struct note note;
    struct verifier log_key;
    struct checkpoint_view view;
    hash leaf;
    size_t good = 0;
    (void)state;
    assert_non_null(json);
    struct bytes proof = bytes_of_text(json_string_value(json_object_get(json, "tlog_proof_5_of_7")));
    assert_false(receipt_parse(proof, &receipt, &e));
    assert_non_null(strstr(e.what, "salt"));
    size_t first_line = bytes_find(proof, '\n') + 1;
    buffer_init(&text, RECEIPT_BYTES_MAX);
    buffer_append(&text, bytes_slice(proof, 0, first_line));
    buffer_append_text(&text, "extra AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n");
    buffer_append(&text, bytes_slice(proof, first_line, proof.size));
    assert_true(receipt_parse(buffer_bytes(&text), &receipt, &e));
    assert_int_equal(receipt.index, 5);
    assert_int_equal(receipt.path_count, 3);
    assert_int_equal(receipt.salt[31], 1);
    assert_true(bytes_equal(receipt.checkpoint, bytes_of_text(json_string_value(json_object_get(json, "cosigned_checkpoint_7")))));
    assert_true(verifier_parse(&log_key, bytes_of_text(json_string_value(json_object_get(json, "log_vkey"))), "vkey", &e));
    assert_true(note_parse(&note, receipt.checkpoint, "note", &e));
    assert_true(note_verify(&note, &log_key, 1, &good, NULL, "note", &e) && good == 1);
    assert_true(checkpoint_parse(note.text, &view, "checkpoint", &e));
    assert_int_equal(view.size, 7);
    assert_true(bytes_equal(view.origin, BYTES("log.example/comity-kat")));
    merkle_leaf(BYTES("\x40\x41\x42\x43"), leaf);
    assert_true(merkle_verify_inclusion(5, 7, leaf, (const hash *)receipt.path, receipt.path_count, view.root));
    /* What is written again is the same text. */
    struct buffer again;
    buffer_init(&again, RECEIPT_BYTES_MAX);
    receipt_write(&again, receipt.salt, 5, (const hash *)receipt.path, 3, receipt.checkpoint);
    assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&text)));
    buffer_clear(&again);
    buffer_clear(&text);
    json_decref(json);
}

static void checkpoints_known_answers(void **state)
{
    static const char *const names[] = { "checkpoint_0", "checkpoint_1", "checkpoint_3", "checkpoint_7", "checkpoint_8" };
    json_error_t json_e;
    json_t *json = json_load_file(VECTORS "/tlog-kat.json", 0, &json_e);
    uint8_t seed[ED25519_SEED_SIZE];
    struct signer *signer = NULL;
    (void)state;
    assert_true(hex_parse(bytes_of_text(json_string_value(json_object_get(json, "log_seed"))), seed, sizeof seed));
    assert_true(signer_from_seed(&signer, BYTES("log.example/comity-kat"), seed, NULL));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bytes want = bytes_of_text(json_string_value(json_object_get(json, names[i])));
        struct note note;
        struct checkpoint_view view;
        struct buffer text;
        struct buffer signed_text;
        buffer_init(&text, 1024);
        buffer_init(&signed_text, 1024);
        assert_true(note_parse(&note, want, names[i], NULL) && checkpoint_parse(note.text, &view, names[i], NULL));
        checkpoint_write(&text, view.origin, view.size, view.root);
        assert_true(bytes_equal(buffer_bytes(&text), note.text));
        assert_true(note_sign(buffer_bytes(&text), signer, &signed_text, NULL));
        assert_true(bytes_equal(buffer_bytes(&signed_text), want));
        buffer_clear(&text);
        buffer_clear(&signed_text);
    }
    signer_free(signer);
    json_decref(json);
}

static void bad_checkpoints_are_refused(void **state)
{
#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    static const char *const bad[] = {
        "",
        "a\n",
        "a\n0\n",
        "a\n0\n" ROOT,
        "\n0\n" ROOT "\n",
        "a\n00\n" ROOT "\n",
        "a\n-1\n" ROOT "\n",
        "a\n18446744073709551616\n" ROOT "\n",
        "a\n1 \n" ROOT "\n",
        "a\n1\nAA==\n",
        "a\n1\n" ROOT "=\n",
        "a\n1\n" ROOT "\nextension\n",
        "a\n1\n" ROOT "\n\n",
        "a\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
    };
    struct checkpoint_view view;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error e = { 0 };
        if (checkpoint_parse(bytes_of_text(bad[i]), &view, "checkpoint", &e)) {
            fail_msg("row %zu was taken", i);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    assert_true(checkpoint_parse(BYTES("a\n18446744073709551615\n" ROOT "\n"), &view, "checkpoint", NULL));
    assert_true(view.size == UINT64_MAX);
}

static void a_receipt_proves_its_statement_only(void **state)
{
    struct error e = { 0 };
    struct sample s;
    struct sample other;
    struct signer *signer = make_signer("log.example/a", 1);
    struct signer *same_name = make_signer("log.example/a", 2);
    struct signer *other_name = make_signer("log.example/b", 1);
    struct checkpoint_cache *cache = checkpoint_cache_make(16);
    (void)state;
    sample_make(&s, 5, 9, "log.example/a", signer);
    for (int i = 0; i < 3; i++) {
        assert_true(verify(buffer_bytes(&s.text), s.statement, signer_verifier(signer), cache, &e));
        assert_false(verify(buffer_bytes(&s.text), "statement 6", signer_verifier(signer), cache, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        /* The cache holds for the key that was used, not for one that only has its name. */
        assert_false(verify(buffer_bytes(&s.text), s.statement, signer_verifier(same_name), cache, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        assert_false(verify(buffer_bytes(&s.text), s.statement, signer_verifier(other_name), cache, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
    }
    /* Signed by the right key, under another origin: another log's. */
    sample_make(&other, 5, 9, "log.example/c", signer);
    assert_false(verify(buffer_bytes(&other.text), other.statement, signer_verifier(signer), cache, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    buffer_clear(&s.text);
    buffer_clear(&other.text);
    checkpoint_cache_free(cache);
    signer_free(signer);
    signer_free(same_name);
    signer_free(other_name);
}

/* No bit of a receipt can be flipped: also where the checkpoint is known, and never one that makes a bad one known. */
static void every_bit_counts(void **state)
{
    struct sample s;
    struct signer *signer = make_signer("log.example/a", 1);
    struct checkpoint_cache *cache = checkpoint_cache_make(16);
    (void)state;
    sample_make(&s, 5, 9, "log.example/a", signer);
    for (int round = 0; round < 2; round++) {
        for (size_t bit = 0; bit < s.text.size * 8; bit++) {
            struct error e = { 0 };
            s.text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (verify(buffer_bytes(&s.text), s.statement, signer_verifier(signer), cache, &e)) {
                fail_msg("round %d: bit %zu could be flipped", round, bit);
            }
            s.text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < s.text.size; size++) {
            assert_false(verify(bytes_of(s.text.data, size), s.statement, signer_verifier(signer), cache, NULL));
        }
        assert_true(verify(buffer_bytes(&s.text), s.statement, signer_verifier(signer), cache, NULL));
    }
    buffer_clear(&s.text);
    checkpoint_cache_free(cache);
    signer_free(signer);
}

static void receipts_are_bounded(void **state)
{
    struct buffer text;
    struct receipt receipt;
    hash path[RECEIPT_PATH_MAX + 1] = { { 0 } };
    uint8_t salt[SALT_SIZE] = { 0 };
    (void)state;
    buffer_init(&text, 64 * 1024);
    receipt_write(&text, salt, 1, (const hash *)path, RECEIPT_PATH_MAX, BYTES("x"));
    assert_true(receipt_parse(buffer_bytes(&text), &receipt, NULL));
    assert_int_equal(receipt.path_count, RECEIPT_PATH_MAX);
    buffer_reset(&text);
    receipt_write(&text, salt, 1, (const hash *)path, RECEIPT_PATH_MAX + 1, BYTES("x"));
    assert_false(receipt_parse(buffer_bytes(&text), &receipt, NULL));
    buffer_reset(&text);
    receipt_write(&text, salt, 1, NULL, 0, BYTES_NONE);
    while (text.size <= RECEIPT_BYTES_MAX) {
        buffer_append_text(&text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
    assert_false(receipt_parse(buffer_bytes(&text), &receipt, NULL));
    buffer_clear(&text);
}

static void the_cache_is_bounded_and_forgets_the_oldest(void **state)
{
    struct signer *signer = make_signer("log.example/a", 1);
    struct checkpoint_cache *cache = checkpoint_cache_make(4);
    hash root = { 1 };
    hash got;
    uint64_t size = 0;
    char note[64];
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        (void)snprintf(note, sizeof note, "log.example/a\n%" PRIu64 "\n", i);
        checkpoint_cache_add(cache, bytes_of_text(note), signer_verifier(signer), i, root);
        assert_true(checkpoint_cache_find(cache, bytes_of_text(note), signer_verifier(signer), &size, got) && size == i);
    }
    for (uint64_t i = 0; i < 100; i++) {
        (void)snprintf(note, sizeof note, "log.example/a\n%" PRIu64 "\n", i);
        assert_int_equal(checkpoint_cache_find(cache, bytes_of_text(note), signer_verifier(signer), &size, got), i >= 96);
    }
    checkpoint_cache_free(cache);
    signer_free(signer);
}

struct race {
    struct checkpoint_cache *cache;
    const struct sample *sample;
    const struct verifier *key;
    bool failed;
};

static void *race_run(void *context)
{
    struct race *race = context;
    char note[64];
    hash root = { 1 };
    for (uint64_t i = 0; i < 2000; i++) {
        (void)snprintf(note, sizeof note, "log.example/a\n%" PRIu64 "\n", i % 50);
        checkpoint_cache_add(race->cache, bytes_of_text(note), race->key, i % 50, root);
        if (i % 50 == 0 && !verify(buffer_bytes(&race->sample->text), race->sample->statement, race->key, race->cache, NULL)) {
            race->failed = true;
        }
    }
    return NULL;
}

static void the_cache_serves_threads(void **state)
{
    struct sample s;
    struct signer *signer = make_signer("log.example/a", 1);
    struct race race = { checkpoint_cache_make(8), &s, signer_verifier(signer), false };
    struct race races[4];
    pthread_t threads[4];
    (void)state;
    sample_make(&s, 5, 9, "log.example/a", signer);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        races[i] = race;
        assert_int_equal(pthread_create(&threads[i], NULL, race_run, &races[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(races[i].failed);
    }
    buffer_clear(&s.text);
    checkpoint_cache_free(race.cache);
    signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),
        cmocka_unit_test(checkpoints_known_answers),
        cmocka_unit_test(bad_checkpoints_are_refused),
        cmocka_unit_test(a_receipt_proves_its_statement_only),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(receipts_are_bounded),
        cmocka_unit_test(the_cache_is_bounded_and_forgets_the_oldest),
        cmocka_unit_test(the_cache_serves_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
