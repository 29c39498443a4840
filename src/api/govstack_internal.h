/* What the handlers of GovStack's API share (reference consent-standards 1.1): its objects over objects_internal.h. */
#ifndef COMITY_API_GOVSTACK_INTERNAL_H
#define COMITY_API_GOVSTACK_INTERNAL_H

#include "api/objects_internal.h"
#include "api/rest_internal.h"

/* A kind of object that has an endpoint of its own. */
struct govstack_kind {
    const char *kind;        /* OBJECT_... */
    const char *schema_name; /* in snapshots */
    const char *member;      /* in bodies: "policy" */
    const char *list;        /* in bodies: "policies" */
    char prefix;             /* of ids */
};
extern const struct govstack_kind govstack_policy, govstack_agreement, govstack_individual, govstack_record;

/* One transaction: the object's new state, its revision, and the event in the log, in front of the commit: what is told is in the log. */
must_check bool govstack_change(struct rest_call *call, const struct object_change *change, bool is_new, json_t **revision,
                                struct error *e);
/* Filled from the call; `content` borrowed. */
void govstack_fill(const struct rest_call *call, const struct govstack_kind *kind, struct bytes id, json_t *content,
                   struct object_change *change);
/* Finds it, or refuses as absent; also when it is another organisation's and the caller may not see those. */
must_check bool govstack_find(struct rest_call *call, const struct govstack_kind *kind, struct bytes id, struct object *out,
                              struct error *e);
/* `{ member: content, "revision": revision }`; takes both references over, also on failure. `revision` may be NULL: left out. */
must_check bool govstack_answer(struct rest_call *call, const char *member, json_t *content, json_t *revision, struct error *e);
/* `{ list: [..] }` of what the filter finds; `each` (may be NULL) may change a content, or leave it out by returning false. */
typedef bool govstack_each(struct rest_call *call, struct object *object);
must_check bool govstack_list(struct rest_call *call, const struct object_filter *filter, const char *list, govstack_each *each,
                              struct error *e);

#endif
