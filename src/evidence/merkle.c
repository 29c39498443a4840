#include "evidence/merkle.h"

void merkle_leaf(struct bytes entry, uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { BYTES("\x00"), entry };
    sha256_parts(parts, COUNT_OF(parts), out);
}

void merkle_node(const uint8_t left[SHA256_SIZE], const uint8_t right[SHA256_SIZE], uint8_t out[SHA256_SIZE])
{
    uint8_t data[1 + 2 * SHA256_SIZE];
    data[0] = 0x01;
    memcpy(data + 1, left, SHA256_SIZE);
    memcpy(data + 1 + SHA256_SIZE, right, SHA256_SIZE);
    sha256(bytes_of(data, sizeof data), out);
}

void merkle_root(const uint8_t (*hashes)[SHA256_SIZE], size_t count, uint8_t out[SHA256_SIZE])
{
    /* A stack of complete subtrees: after i hashes it holds one for each bit that is set in i. */
    uint8_t stack[64][SHA256_SIZE];
    size_t height = 0;
    if (count == 0) {
        sha256(BYTES_NONE, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(stack[height++], hashes[i], SHA256_SIZE);
        for (size_t ones = i; (ones & 1) != 0; ones >>= 1) {
            merkle_node(stack[height - 2], stack[height - 1], stack[height - 2]);
            height--;
        }
    }
    while (height > 1) {
        merkle_node(stack[height - 2], stack[height - 1], stack[height - 2]);
        height--;
    }
    memcpy(out, stack[0], SHA256_SIZE);
}

/* The largest power of two below `n`, for n > 1. */
static uint64_t split_of(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

bool merkle_is_subtree(uint64_t start, uint64_t end)
{
    if (start >= end) {
        return start == end;
    }
    uint64_t size = end - start;
    if (size > UINT64_C(1) << 63) {
        return start == 0;
    }
    uint64_t ceiling = size == 1 ? 1 : split_of(size) * 2;
    return (start & (ceiling - 1)) == 0;
}

bool merkle_subtree_root(uint64_t start, uint64_t end, merkle_read *read, void *context, uint8_t out[SHA256_SIZE])
{
    uint8_t parts[64][SHA256_SIZE];
    size_t count = 0;
    if (!merkle_is_subtree(start, end)) {
        return false;
    }
    if (start == end) {
        sha256(BYTES_NONE, out);
        return true;
    }
    /* The complete nodes that make it up, the largest first, then folded from the right. */
    for (uint64_t at = start; at < end;) {
        unsigned level = (unsigned)(63 - __builtin_clzll(end - at));
        if (!read(context, level, at >> level, parts[count++])) {
            return false;
        }
        at += UINT64_C(1) << level;
    }
    while (count > 1) {
        merkle_node(parts[count - 2], parts[count - 1], parts[count - 2]);
        count--;
    }
    memcpy(out, parts[0], SHA256_SIZE);
    return true;
}

/* Walking down from a root gives a path's hashes in the reverse of their order. */
static void turn_round(uint8_t (*path)[SHA256_SIZE], size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t kept[SHA256_SIZE];
        memcpy(kept, path[i], SHA256_SIZE);
        memcpy(path[i], path[count - 1 - i], SHA256_SIZE);
        memcpy(path[count - 1 - i], kept, SHA256_SIZE);
    }
}

bool merkle_prove_inclusion(uint64_t index, uint64_t start, uint64_t end, merkle_read *read, void *context, uint8_t (*path)[SHA256_SIZE],
                            size_t *count)
{
    *count = 0;
    if (!merkle_is_subtree(start, end) || index < start || index >= end) {
        return false;
    }
    while (end - start > 1) {
        uint64_t middle = start + split_of(end - start);
        bool is_left = index < middle;
        if (!merkle_subtree_root(is_left ? middle : start, is_left ? end : middle, read, context, path[*count])) {
            return false;
        }
        (*count)++;
        *(is_left ? &end : &start) = middle;
    }
    turn_round(path, *count);
    return true;
}

bool merkle_prove_consistency(uint64_t start, uint64_t end, uint64_t size, merkle_read *read, void *context, uint8_t (*path)[SHA256_SIZE],
                              size_t *count)
{
    uint64_t low = 0;
    uint64_t high = size;
    bool is_known = true; /* the verifier has the hash of what is left of [start, end) */
    *count = 0;
    if (!merkle_is_subtree(start, end) || end > size) {
        return false;
    }
    if (start == end) {
        return true;
    }
    while (start != low || end != high) {
        uint64_t middle = low + split_of(high - low);
        bool goes_left = end <= middle;
        if (!merkle_subtree_root(goes_left ? middle : low, goes_left ? high : middle, read, context, path[*count])) {
            return false;
        }
        (*count)++;
        if (goes_left) {
            high = middle;
        } else {
            is_known = is_known && start >= middle;
            start = start < middle ? middle : start;
            low = middle;
        }
    }
    if (!is_known) {
        if (!merkle_subtree_root(start, end, read, context, path[*count])) {
            return false;
        }
        (*count)++;
    }
    turn_round(path, *count);
    return true;
}

void merkle_cover(uint64_t start, uint64_t end, uint64_t first[2], uint64_t second[2])
{
    if (end - start <= 1) {
        first[0] = start;
        first[1] = second[0] = second[1] = end;
        return;
    }
    uint64_t last = end - 1;
    unsigned split = (unsigned)(63 - __builtin_clzll(start ^ last));
    uint64_t below = (UINT64_C(1) << split) - 1;
    uint64_t middle = last & ~below;
    uint64_t zeros = ~start & below;
    unsigned left_split = zeros == 0 ? 0 : (unsigned)(64 - __builtin_clzll(zeros));
    first[0] = start & ~((UINT64_C(1) << left_split) - 1);
    first[1] = second[0] = middle;
    second[1] = end;
}

bool merkle_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE],
                             size_t count, const uint8_t root[SHA256_SIZE])
{
    if (index >= size) {
        return false;
    }
    uint8_t hash[SHA256_SIZE];
    uint64_t node = index;
    uint64_t last = size - 1;
    memcpy(hash, leaf, SHA256_SIZE);
    for (size_t i = 0; i < count; i++) {
        if (last == 0) {
            return false;
        }
        if ((node & 1) != 0 || node == last) {
            merkle_node(path[i], hash, hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(hash, path[i], hash);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, SHA256_SIZE) == 0;
}

bool merkle_verify_subtree(uint64_t start, uint64_t end, uint64_t size, const uint8_t node[SHA256_SIZE], const uint8_t root[SHA256_SIZE],
                           const uint8_t (*path)[SHA256_SIZE], size_t count)
{
    if (!merkle_is_subtree(start, end) || start == end || end > size) {
        return false;
    }
    uint64_t first = start;
    uint64_t last = end - 1;
    uint64_t top = size - 1;
    /* Up to the largest complete node at the subtree's right edge: the proof starts there. */
    while (last == top ? first != last : first != last && (last & 1) != 0) {
        first >>= 1;
        last >>= 1;
        top >>= 1;
    }
    uint8_t small[SHA256_SIZE];
    uint8_t large[SHA256_SIZE];
    size_t at = 0;
    if (first != last && count == 0) {
        return false;
    }
    memcpy(small, first == last ? node : path[at++], SHA256_SIZE);
    memcpy(large, small, SHA256_SIZE);
    for (; at < count; at++) {
        if (top == 0) {
            return false;
        }
        if ((last & 1) != 0 || last == top) {
            if (first < last) {
                merkle_node(path[at], small, small);
            }
            merkle_node(path[at], large, large);
            while ((last & 1) == 0 && last != 0) {
                first >>= 1;
                last >>= 1;
                top >>= 1;
            }
        } else {
            merkle_node(large, path[at], large);
        }
        first >>= 1;
        last >>= 1;
        top >>= 1;
    }
    return top == 0 && memcmp(small, node, SHA256_SIZE) == 0 && memcmp(large, root, SHA256_SIZE) == 0;
}

bool merkle_verify_consistency(uint64_t old_size, uint64_t size, const uint8_t old_root[SHA256_SIZE], const uint8_t root[SHA256_SIZE],
                               const uint8_t (*path)[SHA256_SIZE], size_t count)
{
    if (old_size > size || old_size == 0) {
        return false;
    }
    if (old_size == size) {
        return count == 0 && memcmp(old_root, root, SHA256_SIZE) == 0;
    }
    return merkle_verify_subtree(0, old_size, size, old_root, root, path, count);
}
