/* The plain run of a JSON string: ASCII that stands for itself. One variant a kind of processor; tests compare both with the obvious loop. */
#ifndef COMITY_POLICY_JSON_SCAN_PLAIN_INTERNAL_H
#define COMITY_POLICY_JSON_SCAN_PLAIN_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What ends the run: not ASCII, below 0x20, a quote or a backslash. */
static inline bool json_scan_is_special(uint8_t byte)
{
    return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
}

/* Any processor: eight bytes at a time. Not inlined, as only the end of a piece comes here where there is something better. */
__attribute__((noinline, unused)) static const uint8_t *json_scan_skip_by_words(const uint8_t *p, const uint8_t *end)
{
    const uint64_t each = UINT64_C(0x0101010101010101), top = each * 0x80;
    while (end - p >= 8) {
        uint64_t eight;
        memcpy(&eight, p, sizeof eight);
        eight = le64toh(eight);
        uint64_t quote = eight ^ each * '"', backslash = eight ^ each * '\\';
        /* Exact up to the first special byte; behind it the borrow of a subtraction may mark others. */
        uint64_t special = (eight | ((eight - each * 0x20) & ~eight) | ((quote - each) & ~quote) | ((backslash - each) & ~backslash)) & top;
        if (special != 0) {
            return p + __builtin_ctzll(special) / 8;
        }
        p += 8;
    }
    while (p < end && !json_scan_is_special(*p)) {
        p++;
    }
    return p;
}

#ifdef __SSE2__
/* Every x86-64: sixteen at a time. As signed bytes, what isn't ASCII is below 0x20 too. */
static inline const uint8_t *json_scan_skip(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 16) {
        __m128i sixteen = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(sixteen, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(sixteen, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(sixteen, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
    return json_scan_skip_by_words(p, end);
}
#else
static inline const uint8_t *json_scan_skip(const uint8_t *p, const uint8_t *end)
{
    return json_scan_skip_by_words(p, end);
}
#endif

#endif
