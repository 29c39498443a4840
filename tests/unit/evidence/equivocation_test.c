#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/note.h"
#include "evidence/equivocation.h"
#include "merkle_model.h"

enum { LEAVES = 70 };

static struct signer *log_signer, *other_signer;
static const struct verifier *key;
static hash *honest, *forked; /* the same but for entry 2 */

static struct signer *signer_of(uint8_t number, const char *name)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    struct error e = { 0 };
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, &e));
    return signer;
}

static int set_up(void **state)
{
    (void)state;
    log_signer = signer_of(1, "log.example/a");
    other_signer = signer_of(2, "log.example/a");
    key = signer_verifier(log_signer);
    honest = model_leaves(7, LEAVES);
    forked = model_leaves(7, LEAVES);
    forked[2][0] ^= 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    signer_free(log_signer);
    signer_free(other_signer);
    free(honest);
    free(forked);
    return 0;
}

static void sign(struct buffer *out, const struct signer *signer, const char *origin, uint64_t size, const hash *leaves)
{
    hash root;
    struct buffer text;
    struct error e = { 0 };
    buffer_init(out, 4096);
    buffer_init(&text, 4096);
    model_root(leaves, 0, size, root);
    checkpoint_write(&text, bytes_of_text(origin), size, root);
    assert_true(note_sign(buffer_bytes(&text), signer, out, &e));
    buffer_clear(&text);
}

static const uint8_t (*path_of(const hash *path))[SHA256_SIZE]
{
    return (const uint8_t(*)[SHA256_SIZE])path;
}

/* Every pair of sizes: a fork is proven where the path shows it, an honest log never. */
static void every_fork_of_a_small_log(void **state)
{
    (void)state;
    for (uint64_t m = 1; m <= LEAVES; m++) {
        for (uint64_t n = m; n <= LEAVES; n++) {
            struct buffer small, large, good, out;
            struct error e = { 0 };
            hash path[MERKLE_PATH_MAX], prefix;
            size_t count = n > m ? model_consistency(forked, 0, m, 0, n, true, path) : 0;
            bool is_fork = m > 2;
            bool is_power = (m & (m - 1)) == 0;
            sign(&small, log_signer, key->name, m, honest);
            sign(&large, log_signer, key->name, n, forked);
            sign(&good, log_signer, key->name, n, honest);
            buffer_init(&out, EQUIVOCATION_BYTES_MAX);
            model_root(forked, 0, m, prefix);

            bool made = equivocation_write(&out, key, buffer_bytes(&large), buffer_bytes(&small), prefix, path_of(path), count, &e);
            assert_int_equal(made, is_fork);
            if (made) {
                struct equivocation read;
                if (!equivocation_check(&read, buffer_bytes(&out), "a.proof", &e)) {
                    fail_msg("%s: %s", e.where, e.what);
                }
                assert_true(verifier_equal(&read.log, key));
                assert_true(read.first.size == m && read.second.size == n);
            } else {
                assert_int_equal(e.kind, ERROR_DENIED);
                assert_int_equal(out.size, 0);
            }
            /* Without the root: from the path, which has it unless the size is a power of two. */
            buffer_reset(&out);
            assert_int_equal(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&large), NULL, path_of(path), count, &e),
                             is_fork && (n == m || !is_power));

            /* The honest log, with its own path and with the forked one's. */
            buffer_reset(&out);
            assert_false(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&good), NULL, path_of(path), count, &e));
            assert_false(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&good), prefix, path_of(path), count, &e));
            count = n > m ? model_consistency(honest, 0, m, 0, n, true, path) : 0;
            assert_false(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&good), NULL, path_of(path), count, &e));
            model_root(honest, 0, m, prefix);
            assert_false(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&good), prefix, path_of(path), count, &e));
            assert_int_equal(out.size, 0);
            buffer_clear(&small);
            buffer_clear(&large);
            buffer_clear(&good);
            buffer_clear(&out);
        }
    }
}

static void every_bit_of_a_proof(void **state)
{
    struct buffer small, large, out;
    struct error e = { 0 };
    hash path[MERKLE_PATH_MAX];
    size_t count = model_consistency(forked, 0, 7, 0, 20, true, path);
    (void)state;
    sign(&small, log_signer, key->name, 7, honest);
    sign(&large, log_signer, key->name, 20, forked);
    buffer_init(&out, EQUIVOCATION_BYTES_MAX);
    assert_true(equivocation_write(&out, key, buffer_bytes(&small), buffer_bytes(&large), NULL, path_of(path), count, &e));
    for (size_t i = 0; i < out.size * 8; i++) {
        static struct equivocation read;
        out.data[i / 8] = (uint8_t)(out.data[i / 8] ^ (1U << (i % 8)));
        if (equivocation_check(&read, buffer_bytes(&out), "a.proof", &e)) {
            fail_msg("bit %zu of byte %zu", i % 8, i / 8);
        }
        out.data[i / 8] = (uint8_t)(out.data[i / 8] ^ (1U << (i % 8)));
    }
    for (size_t size = 0; size < out.size; size++) {
        static struct equivocation read;
        assert_false(equivocation_check(&read, bytes_of(out.data, size), "a.proof", &e));
        assert_string_equal(e.where, "a.proof");
    }
    buffer_append_text(&out, "\n");
    static struct equivocation read;
    assert_false(equivocation_check(&read, buffer_bytes(&out), "a.proof", &e));
    buffer_clear(&small);
    buffer_clear(&large);
    buffer_clear(&out);
}

static void strangers_prove_nothing(void **state)
{
    struct buffer a, b, c, out;
    struct error e = { 0 };
    (void)state;
    sign(&a, log_signer, key->name, 5, honest);
    sign(&b, other_signer, key->name, 5, forked);     /* of the name, by another key */
    sign(&c, log_signer, "log.example/b", 5, forked); /* by the key, of another name */
    buffer_init(&out, EQUIVOCATION_BYTES_MAX);
    assert_false(equivocation_write(&out, key, buffer_bytes(&a), buffer_bytes(&b), NULL, NULL, 0, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_false(equivocation_write(&out, key, buffer_bytes(&a), buffer_bytes(&c), NULL, NULL, 0, &e));
    assert_non_null(strstr(e.what, "another log"));
    assert_false(equivocation_write(&out, key, buffer_bytes(&a), BYTES("text\n"), NULL, NULL, 0, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_false(equivocation_write(&out, key, buffer_bytes(&a), buffer_bytes(&a), NULL, NULL, 0, &e));
    assert_non_null(strstr(e.what, "the same root"));
    assert_int_equal(out.size, 0);
    buffer_clear(&a);
    buffer_clear(&b);
    buffer_clear(&c);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fork_of_a_small_log),
        cmocka_unit_test(every_bit_of_a_proof),
        cmocka_unit_test(strangers_prove_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
