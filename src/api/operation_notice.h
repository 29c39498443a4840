/* Publishing notices, as an operation (operation.h). */
#ifndef COMITY_API_OPERATION_NOTICE_H
#define COMITY_API_OPERATION_NOTICE_H

#include "api/operation.h"
#include "consent/notice_store.h"
#include "policy/policy.h"

/* By what a notice is checked: the law as the policy tightens it, and the policy, whose purposes and categories are known words. Kept for the caller. */
struct operation_ground {
    struct law *law;
    struct policy *policy; /* NULL: none was applied */
};
void operation_ground_clear(struct operation_ground *ground);
/* Is it a purpose or a category of the policy (`context`; NULL: there is none)? As struct notice_ground asks. */
bool operation_is_own(const void *context, struct bytes iri);

/*
 * { "notice": {..}, "by": ".." } to { "id", "revision", "digest", "changed", "difference": "first"|"wider"|.., "log_index" (null: nothing changed) }.
 * Needs `take_ground` and `archive_folder`.
 */
operation operation_publish_notice;

#endif
