#include "merkle_model.h"

#include <stdlib.h>

static uint64_t split(uint64_t n)
{
    uint64_t k = 1;
    while (k * 2 < n) {
        k *= 2;
    }
    return k;
}

void model_root(const hash *leaves, uint64_t start, uint64_t end, hash out)
{
    hash left;
    hash right;
    if (start == end) {
        sha256(BYTES_NONE, out);
        return;
    }
    if (end - start == 1) {
        memcpy(out, leaves[start], SHA256_SIZE);
        return;
    }
    uint64_t middle = start + split(end - start);
    model_root(leaves, start, middle, left);
    model_root(leaves, middle, end, right);
    merkle_node(left, right, out);
}

size_t model_path(const hash *leaves, uint64_t index, uint64_t start, uint64_t end, hash *path)
{
    if (end - start == 1) {
        return 0;
    }
    uint64_t middle = start + split(end - start);
    bool is_left = index < middle;
    size_t count = is_left ? model_path(leaves, index, start, middle, path) : model_path(leaves, index, middle, end, path);
    model_root(leaves, is_left ? middle : start, is_left ? end : middle, path[count]);
    return count + 1;
}

size_t model_consistency(const hash *leaves, uint64_t start, uint64_t end, uint64_t low, uint64_t high, bool is_known, hash *path)
{
    size_t count = 0;
    if (start == low && end == high) {
        if (!is_known) {
            model_root(leaves, low, high, path[count++]);
        }
        return count;
    }
    uint64_t middle = low + split(high - low);
    if (end <= middle) {
        count = model_consistency(leaves, start, end, low, middle, is_known, path);
        model_root(leaves, middle, high, path[count]);
    } else if (start >= middle) {
        count = model_consistency(leaves, start, end, middle, high, is_known, path);
        model_root(leaves, low, middle, path[count]);
    } else {
        count = model_consistency(leaves, middle, end, middle, high, false, path);
        model_root(leaves, low, middle, path[count]);
    }
    return count + 1;
}

bool model_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE])
{
    const struct model *model = context;
    uint64_t start = index << level;
    uint64_t end = (index + 1) << level;
    if (end > model->count) {
        return false;
    }
    model_root(model->leaves, start, end, out);
    return true;
}

uint64_t test_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

hash *model_leaves(uint64_t seed, size_t count)
{
    hash *leaves = malloc((count + 1) * sizeof *leaves);
    for (size_t i = 0; leaves != NULL && i < count; i++) {
        uint64_t entry = test_random(&seed);
        merkle_leaf(bytes_of(&entry, sizeof entry), leaves[i]);
    }
    return leaves;
}
