/* Release by field again, slow and obvious: the sentences of policy/release.h over a whole tree of jansson's. For tests and fuzzing. */
#ifndef COMITY_TESTS_RELEASE_MODEL_H
#define COMITY_TESTS_RELEASE_MODEL_H

#include <jansson.h>

#include "policy/release.h"

/* What a release tells of itself, one flag a release of the service. */
struct release_told {
    bool kept[POLICY_RELEASES_MAX], removed[POLICY_RELEASES_MAX], failed[POLICY_RELEASES_MAX];
    bool transformed[TRANSFORM_COUNT][POLICY_RELEASES_MAX];
};
/* After release_end(). */
void release_tell(const struct release *release, struct release_told *told);

/*
 * What must be left of `value`, as a new reference, and what must be told. The tree is at most RELEASE_DEPTH_MAX deep. Values are transformed as
 * jansson writes them: numbers that it writes in another way, and texts with escapes that are longer than they need to be, can differ in whether a
 * transformation finds room.
 */
json_t *release_model(const struct policy_service *service, const bool *permitted, const struct transform_context *context, json_t *value,
                      struct release_told *told);

#endif
