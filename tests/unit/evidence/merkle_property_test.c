/* Paths, proofs and the right edge in memory, against the recursive model. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evidence/tree_internal.h"
#include "merkle_model.h"

static void change(uint64_t *random, hash *path, size_t *count, hash leaf, uint64_t *index, uint64_t *size)
{
    uint64_t bit = test_random(random);
    switch (test_random(random) % 6) {
    case 0:
        if (*count > 0) {
            path[bit % *count][bit / 64 % SHA256_SIZE] ^= (uint8_t)(1 << bit / 8 % 8);
            return;
        }
        break;
    case 1:
        if (*count > 0) {
            (*count)--;
            return;
        }
        break;
    case 2:
        memset(path[*count], (int)(bit & 0xFF), SHA256_SIZE);
        (*count)++;
        return;
    case 3:
        *index = bit % 3 == 0 ? *size : *index ^ 1;
        return;
    case 4:
        *size = *index;
        return;
    default:
        break;
    }
    leaf[bit % SHA256_SIZE] ^= 1;
}

static void inclusion_matches_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint64_t random = seed;
        uint64_t size = 1 + test_random(&random) % 300;
        uint64_t index = test_random(&random) % size;
        hash *leaves = model_leaves(seed, size);
        struct model model = { (const hash *)leaves, size };
        hash want[MERKLE_PATH_MAX];
        hash got[MERKLE_PATH_MAX + 1];
        hash root;
        size_t count = 0;
        size_t wanted = model_path((const hash *)leaves, index, 0, size, want);
        model_root((const hash *)leaves, 0, size, root);
        if (!merkle_prove_inclusion(index, 0, size, model_read, &model, got, &count) || count != wanted ||
            memcmp(got, want, count * SHA256_SIZE) != 0 ||
            !merkle_verify_inclusion(index, size, leaves[index], (const hash *)got, count, root)) {
            fail_msg("seed %" PRIu64 ": entry %" PRIu64 " of %" PRIu64, seed, index, size);
        }
        for (int i = 0; i < 20; i++) {
            hash path[MERKLE_PATH_MAX + 1];
            hash leaf;
            uint64_t other_index = index;
            uint64_t other_size = size;
            size_t other_count = count;
            memcpy(path, got, sizeof path);
            memcpy(leaf, leaves[index], sizeof leaf);
            change(&random, path, &other_count, leaf, &other_index, &other_size);
            if (merkle_verify_inclusion(other_index, other_size, leaf, (const hash *)path, other_count, root)) {
                fail_msg("seed %" PRIu64 " change %d: a changed proof was accepted", seed, i);
            }
        }
        free(leaves);
    }
}

static void consistency_matches_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint64_t random = seed;
        uint64_t size = 1 + test_random(&random) % 300;
        uint64_t old_size = 1 + test_random(&random) % size;
        hash *leaves = model_leaves(seed, size);
        struct model model = { (const hash *)leaves, size };
        hash want[MERKLE_PATH_MAX];
        hash got[MERKLE_PATH_MAX];
        hash root;
        hash old_root;
        size_t count = 0;
        size_t wanted = model_consistency((const hash *)leaves, 0, old_size, 0, size, true, want);
        model_root((const hash *)leaves, 0, size, root);
        model_root((const hash *)leaves, 0, old_size, old_root);
        if (!merkle_prove_consistency(0, old_size, size, model_read, &model, got, &count) || count != wanted ||
            memcmp(got, want, count * SHA256_SIZE) != 0 ||
            !merkle_verify_consistency(old_size, size, old_root, root, (const hash *)got, count)) {
            fail_msg("seed %" PRIu64 ": %" PRIu64 " to %" PRIu64, seed, old_size, size);
        }
        for (size_t i = 0; i < count; i++) {
            got[i][i % SHA256_SIZE] ^= 1;
            assert_false(merkle_verify_consistency(old_size, size, old_root, root, (const hash *)got, count));
            got[i][i % SHA256_SIZE] ^= 1;
        }
        old_root[0] ^= 1;
        assert_false(merkle_verify_consistency(old_size, size, old_root, root, (const hash *)got, count));
        free(leaves);
    }
}

static void check_edges(const struct tree *tree, const hash *leaves, uint64_t seed)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        const struct tree_edge *edge = &tree->edges[l];
        uint64_t complete = tree->size >> (TILE_HEIGHT * l);
        if (edge->first + edge->count != complete || edge->first % TILE_WIDTH != 0) {
            fail_msg("seed %" PRIu64 ": level %u of %" PRIu64 " entries ends at %" PRIu64, seed, l, tree->size, edge->first + edge->count);
        }
        for (size_t i = 0; i < edge->count; i++) {
            hash want;
            model_root(leaves, (edge->first + i) << (TILE_HEIGHT * l), (edge->first + i + 1) << (TILE_HEIGHT * l), want);
            assert_memory_equal(edge->hashes[i], want, SHA256_SIZE);
        }
    }
}

/* A tree read back from its partial tiles has the same root, and goes on to the same roots. */
static void check_rebuilt(const struct tree *tree)
{
    struct tree again;
    tree_init(&again);
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        uint64_t complete = tree->size >> (TILE_HEIGHT * l);
        size_t width = (size_t)(complete % TILE_WIDTH);
        again.edges[l].first = complete - width;
        assert_true(tree_edge_reserve(&again.edges[l], width));
        if (width > 0) {
            memcpy(again.edges[l].hashes, tree->edges[l].hashes[again.edges[l].first - tree->edges[l].first], width * SHA256_SIZE);
        }
        again.edges[l].count = width;
    }
    again.commitments.first = again.edges[0].first;
    tree_rebuild(&again, tree->size);
    assert_memory_equal(again.root, tree->root, SHA256_SIZE);
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        if ((tree->size >> level & 1) != 0) {
            assert_memory_equal(again.stack[level], tree->stack[level], SHA256_SIZE);
        }
    }
    tree_clear(&again);
}

enum { ENTRIES = 1400 };

static void append_run(uint64_t seed)
{
    uint64_t random = seed;
    hash *commitments = model_leaves(seed, ENTRIES);
    hash *leaves = malloc(ENTRIES * sizeof *leaves);
    struct tree tree;
    tree_init(&tree);
    for (size_t i = 0; i < ENTRIES; i++) {
        merkle_leaf(bytes_of(commitments[i], SHA256_SIZE), leaves[i]);
    }
    while (tree.size < ENTRIES) {
        size_t most = test_random(&random) % 4 == 0 ? 600 : 9;
        size_t count = 1 + test_random(&random) % most;
        uint64_t old_size = tree.size;
        count = count > ENTRIES - old_size ? ENTRIES - (size_t)old_size : count;
        hash(*paths)[RECEIPT_PATH_MAX] = calloc(count, sizeof *paths);
        struct tree_path *out = calloc(count, sizeof *out);
        hash root;
        for (size_t i = 0; i < count; i++) {
            out[i].hashes = paths[i];
        }
        assert_true(tree_reserve(&tree, count));
        tree_append(&tree, (const hash *)commitments + old_size, count, out);
        model_root((const hash *)leaves, 0, tree.size, root);
        assert_memory_equal(root, tree.root, SHA256_SIZE);
        for (size_t i = 0; i < count; i++) {
            hash want[MERKLE_PATH_MAX];
            size_t wanted = model_path((const hash *)leaves, old_size + i, 0, tree.size, want);
            if (out[i].count != wanted || memcmp(paths[i], want, wanted * SHA256_SIZE) != 0) {
                fail_msg("seed %" PRIu64 ": entry %" PRIu64 " of the batch [%" PRIu64 ", %" PRIu64 ")", seed, old_size + i, old_size,
                         tree.size);
            }
        }
        check_edges(&tree, (const hash *)leaves, seed);
        check_rebuilt(&tree);
        if (test_random(&random) % 3 == 0) {
            tree_forget(&tree, old_size);
        }
        free(paths);
        free(out);
    }
    tree_clear(&tree);
    free(commitments);
    free(leaves);
}

static void appending_matches_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        append_run(seed);
    }
}

/* Every batch [m, n) with n up to 70: all shapes of ragged edges. */
static void small_batches_match_model(void **state)
{
    enum { MOST = 70 };
    hash *commitments = model_leaves(7, MOST);
    hash leaves[MOST];
    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        merkle_leaf(bytes_of(commitments[i], SHA256_SIZE), leaves[i]);
    }
    for (size_t m = 0; m < MOST; m++) {
        for (size_t n = m + 1; n <= MOST; n++) {
            struct tree tree;
            hash paths[MOST][RECEIPT_PATH_MAX];
            struct tree_path out[MOST];
            tree_init(&tree);
            assert_true(tree_reserve(&tree, n));
            tree_append(&tree, (const hash *)commitments, m, NULL);
            for (size_t i = 0; i < n - m; i++) {
                out[i].hashes = paths[i];
            }
            assert_true(tree_reserve(&tree, n - m));
            tree_append(&tree, (const hash *)commitments + m, n - m, out);
            for (size_t i = 0; i < n - m; i++) {
                if (!merkle_verify_inclusion(m + i, n, leaves[m + i], (const hash *)paths[i], out[i].count, tree.root)) {
                    fail_msg("entry %zu of the batch [%zu, %zu)", m + i, m, n);
                }
            }
            tree_clear(&tree);
        }
    }
    free(commitments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inclusion_matches_model),
        cmocka_unit_test(consistency_matches_model),
        cmocka_unit_test(appending_matches_model),
        cmocka_unit_test(small_batches_match_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
