/*
 * A service's fields, compiled: each path is a small machine whose positions are bits. The machines of several paths share one word, so that one
 * step of all of them (down to a member or an element) is a mask and a shift.
 */
#ifndef COMITY_POLICY_RELEASE_PLAN_INTERNAL_H
#define COMITY_POLICY_RELEASE_PLAN_INTERNAL_H

#include "policy/json_path.h"
#include "policy/policy.h"
#include "policy/release_seen_internal.h"
#include "policy/transform.h"

/*
 * The positions of one or more fields, one behind the other. A field takes a bit for each segment and one more: its bit i says that its first i
 * segments have matched the way down to here. What is shifted out of a field's last bit never is: no segment follows that.
 */
struct plan_word {
    uint64_t start; /* each field's first bit: the root */
    uint64_t wild;  /* positions whose next segment takes any child */
    uint64_t stay;  /* positions whose next segment is a descendant: it may match further down as well */
    uint64_t end;   /* each field's last bit: a match */
};
/* What a match of a field says. */
struct plan_field {
    uint64_t category;                 /* its bit in the service's releases; 0 for structure */
    uint64_t as;                       /* that of the category of the transformed value; 0: its own */
    const struct transform *transform; /* NULL: none */
};
/* For one member name, or one element index, that some path mentions: in each word the positions whose next segment is that. */
struct plan_step {
    struct name_id id; /* of names */
    struct bytes name;
    uint64_t index;
    uint64_t *positions; /* one a word */
};
struct release_plan {
    struct plan_word *words;
    size_t word_count;
    struct plan_field *fields;
    uint32_t *field_at;        /* the field whose last bit is bit b of word w: [w * 64 + b] */
    struct name_secret secret; /* so that no answer can be made whose keys all collide */
    struct plan_step *names;   /* open-addressed by id; free: positions NULL */
    size_t name_mask;
    struct plan_step *indexes; /* sorted */
    size_t index_count;
};
/* Into `arena`. The service must outlive it. */
must_check bool release_plan_make(struct release_plan **out, const struct policy_service *service, struct arena *arena, struct error *e);

static inline struct plan_step *release_plan_slot(const struct release_plan *plan, struct name_id id, struct bytes name)
{
    size_t at = name_id_place(id, &plan->secret) & plan->name_mask;
    while (plan->names[at].positions != NULL && !(plan->names[at].id.low == id.low && plan->names[at].id.high == id.high &&
                                                  (name.size <= NAME_ID_EXACT_MAX || bytes_equal(plan->names[at].name, name)))) {
        at = (at + 1) & plan->name_mask;
    }
    return &plan->names[at];
}

/* NULL: no path mentions it. */
static inline const uint64_t *release_plan_name(const struct release_plan *plan, struct name_id id, struct bytes name)
{
    return release_plan_slot(plan, id, name)->positions;
}
const uint64_t *release_plan_index(const struct release_plan *plan, uint64_t index);

#endif
