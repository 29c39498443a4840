/* What many cached records have in common, kept once for each sort, by number. Nothing here locks: the shard's lock is the caller's. */
#ifndef COMITY_CONSENT_PATTERNS_INTERNAL_H
#define COMITY_CONSENT_PATTERNS_INTERNAL_H

#include "consent/consent.h"

struct pattern_decision {
    struct bytes category; /* interned */
    enum consent_state state;
};
/* Texts are interned: equal ones are the same pointer. */
struct pattern {
    uint64_t hash;
    uint32_t references;
    uint32_t next; /* in its bucket; of a free number: the next free one */
    struct bytes recipient, purpose;
    uint64_t ends;                     /* a hash of these two, of the caller's making */
    const struct consent_terms *terms; /* interned; NULL: none */
    uint32_t count;
    struct pattern_decision decisions[];
};
/* Zeroed but for bytes_max, it is ready. */
struct patterns {
    struct pattern **list; /* numbers begin with 1; NULL: free */
    uint32_t *next_free;   /* beside it */
    uint32_t *buckets;     /* as many as `capacity`, a power of two */
    uint32_t end, capacity, free;
    size_t bytes, bytes_max;
};
void patterns_clear(struct patterns *patterns);
/* With room for `count` decisions; NULL: out of memory. */
must_check struct pattern *pattern_make(size_t count);
/* The number of the pattern like `made`, with one reference more; takes `made` over in any case. 0: no memory, or more than bytes_max. */
uint32_t patterns_keep(struct patterns *patterns, struct pattern *made);
void patterns_release(struct patterns *patterns, uint32_t number);
static inline const struct pattern *patterns_get(const struct patterns *patterns, uint32_t number)
{
    return patterns->list[number];
}
size_t patterns_bytes(const struct patterns *patterns);

#endif
