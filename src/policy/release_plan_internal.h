/*
 * A service's fields, compiled: each path is a small machine whose positions are bits of one word, so that one step of it (down to a member
 * or an element) is a mask and a shift.
 */
#ifndef COMITY_POLICY_RELEASE_PLAN_INTERNAL_H
#define COMITY_POLICY_RELEASE_PLAN_INTERNAL_H

#include <xxhash.h>

#include "policy/json_path.h"
#include "policy/policy.h"

/* Bit i of a state: the first i segments have matched the way down to here. Bit 0 is where each path begins, at the root. */
struct plan_field {
    uint64_t wild;    /* positions whose next segment takes any child */
    uint64_t stay;    /* positions whose next segment is a descendant: it may match further down as well */
    uint64_t end;     /* the position behind the last segment: a match */
    uint64_t release; /* the category's bit in the service's releases; 0 for structure */
};
/* For one member name, or one element index, that some path mentions: in each field the positions whose next segment is that. */
struct plan_step {
    uint64_t hash; /* of names */
    struct bytes name;
    uint64_t index;
    uint64_t *positions; /* one a field */
};
struct release_plan {
    struct plan_field *fields;
    size_t field_count;
    uint64_t seed;           /* of the hashes: from the kernel, so that no answer can be made whose keys all collide */
    struct plan_step *names; /* open-addressed by hash; free: positions NULL */
    size_t name_mask;
    struct plan_step *indexes; /* sorted */
    size_t index_count;
};
/* Into `arena`. The service must outlive it. */
must_check bool release_plan_make(struct release_plan **out, const struct policy_service *service, struct arena *arena, struct error *e);

static inline XXH128_hash_t plan_hash(const struct release_plan *plan, struct bytes name)
{
    return XXH3_128bits_withSeed(name.data, name.size, plan->seed);
}
/* NULL: no path mentions it. */
const uint64_t *release_plan_name(const struct release_plan *plan, uint64_t hash, struct bytes name);
const uint64_t *release_plan_index(const struct release_plan *plan, uint64_t index);

#endif
