#include "base/latency.h"

#include <stdatomic.h>
#include <stddef.h>

enum { EXACT = 4, OCTAVE_MAX = 25 };

/* 0 to 3 us exactly; from there on the two bits behind the first tell the bucket of the octave. */
static size_t bucket_of(uint64_t us)
{
    if (us < EXACT) {
        return (size_t)us;
    }
    unsigned octave = 63U - (unsigned)__builtin_clzll(us);
    if (octave > OCTAVE_MAX) {
        return LATENCY_BUCKETS - 1;
    }
    return EXACT + (size_t)(octave - 2) * 4 + (size_t)((us >> (octave - 2)) & 3);
}

/* The middle of a bucket. */
static uint64_t middle_of(size_t bucket)
{
    if (bucket < EXACT) {
        return bucket;
    }
    unsigned shift = (unsigned)((bucket - EXACT) / 4);
    uint64_t low = (uint64_t)(4 + (bucket - EXACT) % 4) << shift;
    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void latency_add(struct latency *latency, uint64_t duration_us)
{
    _Atomic uint32_t *count = &latency->counts[bucket_of(duration_us)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

void latency_read(const struct latency *latency, uint32_t sums[LATENCY_BUCKETS])
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        sums[i] += atomic_load_explicit(&latency->counts[i], memory_order_relaxed);
    }
}

uint64_t latency_count(const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS])
{
    uint64_t count = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        count += after[i] - before[i];
    }
    return count;
}

uint64_t latency_quantile_us(const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS], unsigned permille)
{
    uint64_t count = latency_count(before, after), seen = 0;
    uint64_t wanted = (count * permille + 999) / 1000;
    wanted = wanted == 0 ? 1 : wanted;
    for (size_t i = 0; i < LATENCY_BUCKETS && count > 0; i++) {
        seen += after[i] - before[i];
        if (seen >= wanted) {
            return middle_of(i);
        }
    }
    return 0;
}
