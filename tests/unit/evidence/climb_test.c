/* What is remembered of other proofs changes no verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evidence/climb_internal.h"
#include "merkle_model.h"

enum { PATH_MAX_HERE = 64 };

/* A proof, bent or not. */
struct proof {
    uint64_t index, size;
    hash leaf, root, path[PATH_MAX_HERE];
    size_t count;
};

static void make(struct proof *p, const hash *leaves, uint64_t index, uint64_t size)
{
    memset(p, 0, sizeof *p);
    p->index = index;
    p->size = size;
    memcpy(p->leaf, leaves[index], SHA256_SIZE);
    model_root(leaves, 0, size, p->root);
    p->count = model_path(leaves, index, 0, size, p->path);
}

static bool check(const struct proof *p)
{
    const uint8_t(*path)[SHA256_SIZE] = (const uint8_t(*)[SHA256_SIZE])p->path;
    bool plain = merkle_verify_inclusion(p->index, p->size, p->leaf, path, p->count, p->root);
    bool climbed = climb_verify_inclusion(p->index, p->size, p->leaf, path, p->count, p->root);
    if (plain != climbed) {
        fail_msg("entry %llu of %llu with %zu hashes: %d, but climbing %d", (unsigned long long)p->index, (unsigned long long)p->size,
                 p->count, plain, climbed);
    }
    return climbed;
}

static void bend(struct proof *p, uint64_t *random)
{
    uint8_t bit = (uint8_t)(1U << test_random(random) % 8);
    switch (test_random(random) % 9) {
    case 0:
        p->leaf[test_random(random) % SHA256_SIZE] ^= bit;
        break;
    case 1:
        p->root[test_random(random) % SHA256_SIZE] ^= bit;
        break;
    case 2:
        p->index = test_random(random) % (p->size + 2);
        break;
    case 3:
        p->size += test_random(random) % 3 - 1;
        break;
    case 4:
        p->count -= p->count > 0;
        break;
    case 5:
        memcpy(p->path[p->count++], p->leaf, SHA256_SIZE);
        break;
    case 6:
        if (p->count > 1) { /* two hashes change places */
            size_t i = test_random(random) % (p->count - 1);
            hash kept;
            memcpy(kept, p->path[i], SHA256_SIZE);
            memcpy(p->path[i], p->path[i + 1], SHA256_SIZE);
            memcpy(p->path[i + 1], kept, SHA256_SIZE);
        }
        break;
    default:
        if (p->count > 0) {
            p->path[test_random(random) % p->count][test_random(random) % SHA256_SIZE] ^= bit;
        }
    }
}

/* Every entry of every small tree, one after the other and each bent in many ways in between. */
static void every_entry_of_small_trees(void **state)
{
    enum { SIZES = 70 };
    hash *leaves = model_leaves(1, SIZES);
    uint64_t random = 2;
    (void)state;
    for (uint64_t size = 1; size <= SIZES; size++) {
        for (uint64_t index = 0; index < size; index++) {
            struct proof good, bent;
            make(&good, leaves, index, size);
            for (unsigned i = 0; i < 12; i++) {
                bent = good;
                bend(&bent, &random);
                (void)check(&bent);
                assert_true(check(&good));
            }
        }
    }
    free(leaves);
}

/* Proofs of several trees in turn, more than are remembered, in any order. */
static void several_trees_in_turn(void **state)
{
    enum { SIZE = 1200, ROUNDS = 3000 };
    hash *leaves = model_leaves(3, SIZE);
    struct proof *proofs = test_calloc(ROUNDS, sizeof *proofs);
    uint64_t random = 4;
    size_t bad = 0;
    (void)state;
    for (size_t i = 0; i < 120; i++) {
        uint64_t size = SIZE - test_random(&random) % 7;
        make(&proofs[i], leaves, size - 1 - test_random(&random) % 60, size);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        struct proof p = proofs[test_random(&random) % 120];
        bool is_bent = test_random(&random) % 3 == 0;
        if (is_bent) {
            bend(&p, &random);
        }
        bool is_good = check(&p);
        assert_true(is_good || is_bent);
        bad += !is_good;
    }
    assert_true(bad > ROUNDS / 6);
    test_free(proofs);
    free(leaves);
}

/* The upper part of a path that was never needed for the hash: it must be right all the same, for the receipt is kept. */
static void a_path_is_right_to_its_end(void **state)
{
    enum { SIZE = 1000 };
    hash *leaves = model_leaves(5, SIZE);
    struct proof first, second;
    (void)state;
    make(&first, leaves, 998, SIZE);
    make(&second, leaves, 999, SIZE);
    assert_true(check(&first));
    assert_true(check(&second));
    for (size_t i = 0; i < second.count; i++) {
        struct proof bent = second;
        bent.path[i][0] ^= 1;
        assert_false(check(&bent));
    }
    free(leaves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_of_small_trees),
        cmocka_unit_test(several_trees_in_turn),
        cmocka_unit_test(a_path_is_right_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
