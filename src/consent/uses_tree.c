#include "consent/uses_tree.h"

static void write_u64(uint64_t value, uint8_t out[8])
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

void uses_sum_add(struct uses_sum *sum, uint64_t entry, const uint8_t leaf[SHA256_SIZE])
{
    uint8_t number[8];
    write_u64(entry, number);
    const struct bytes parts[] = { BYTES("\x07"), bytes_of(sum->chain, SHA256_SIZE), bytes_of(number, sizeof number),
                                   bytes_of(leaf, SHA256_SIZE) };
    sha256_parts(parts, COUNT_OF(parts), sum->chain);
    sum->count++;
}

void uses_leaf_hash(const uint8_t place[USES_PLACE_SIZE], const uint8_t salt[USES_SALT_SIZE], const struct uses_sum *sum,
                    uint8_t out[SHA256_SIZE])
{
    uint8_t number[8];
    write_u64(sum->count, number);
    const struct bytes parts[] = { BYTES("\x06"), bytes_of(place, USES_PLACE_SIZE), bytes_of(salt, USES_SALT_SIZE),
                                   bytes_of(number, sizeof number), bytes_of(sum->chain, SHA256_SIZE) };
    sha256_parts(parts, COUNT_OF(parts), out);
}

static void node_hash(const uint8_t left[SHA256_SIZE], const uint8_t right[SHA256_SIZE], uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { BYTES("\x05"), bytes_of(left, SHA256_SIZE), bytes_of(right, SHA256_SIZE) };
    sha256_parts(parts, COUNT_OF(parts), out);
}

static bool is_right(uint64_t place, unsigned depth)
{
    return (place >> (USES_DEPTH - 1 - depth) & 1) != 0;
}

void uses_path_root(const uint8_t place[USES_PLACE_SIZE], const uint8_t leaf[SHA256_SIZE], const uint8_t path[USES_DEPTH][SHA256_SIZE],
                    uint8_t out[SHA256_SIZE])
{
    struct reader r = { .left = bytes_of(place, USES_PLACE_SIZE) };
    const uint64_t at = reader_u64(&r);
    memcpy(out, leaf, SHA256_SIZE);
    for (unsigned i = 0; i < USES_DEPTH; i++) {
        if (is_right(at, USES_DEPTH - 1 - i)) {
            node_hash(path[i], out, out);
        } else {
            node_hash(out, path[i], out);
        }
    }
}

/* The first `depth` bits. */
static uint64_t prefix(uint64_t place, unsigned depth)
{
    return depth == 0 ? 0 : place & ~(depth == USES_DEPTH ? 0 : UINT64_MAX >> depth);
}

/* What is empty looks like anything else: HMAC(secret, depth || place). */
static void empty_hash(const uint8_t secret[SHA256_SIZE], unsigned depth, uint64_t place, uint8_t out[SHA256_SIZE])
{
    uint8_t text[9] = { (uint8_t)depth };
    write_u64(prefix(place, depth), text + 1);
    hmac_sha256(bytes_of(secret, SHA256_SIZE), bytes_of(text, sizeof text), out);
}

/* How many items, from the front, lie in the left half of the part at `depth`. */
static size_t left_count(const struct uses_item *items, size_t count, unsigned depth)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_right(items[middle].place, depth)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* At most USES_DEPTH deep. */
void uses_part_hash(const uint8_t secret[SHA256_SIZE], unsigned top, unsigned bottom, const struct uses_item *items, size_t count,
                    uint64_t place, uint8_t out[SHA256_SIZE])
{
    uint8_t left[SHA256_SIZE], right[SHA256_SIZE];
    if (count == 0) {
        empty_hash(secret, top, place, out);
        return;
    }
    if (top == bottom) {
        memcpy(out, items[0].hash, SHA256_SIZE);
        return;
    }
    const uint64_t here = prefix(place, top), other = here | UINT64_C(1) << (USES_DEPTH - 1 - top);
    size_t in_left = left_count(items, count, top);
    uses_part_hash(secret, top + 1, bottom, items, in_left, here, left);
    uses_part_hash(secret, top + 1, bottom, items + in_left, count - in_left, other, right);
    node_hash(left, right, out);
}

void uses_part_path(const uint8_t secret[SHA256_SIZE], unsigned top, unsigned bottom, const struct uses_item *items, size_t count,
                    uint64_t place, uint8_t (*out)[SHA256_SIZE])
{
    for (unsigned depth = top; depth < bottom; depth++) {
        const uint64_t sibling = prefix(place, depth + 1) ^ UINT64_C(1) << (USES_DEPTH - 1 - depth);
        size_t in_left = left_count(items, count, depth);
        bool goes_right = is_right(place, depth);
        const struct uses_item *others = goes_right ? items : items + in_left;
        size_t other_count = goes_right ? in_left : count - in_left;
        uses_part_hash(secret, depth + 1, bottom, others, other_count, sibling, out[bottom - 1 - depth]);
        items = goes_right ? items + in_left : items;
        count = goes_right ? count - in_left : in_left;
    }
}
