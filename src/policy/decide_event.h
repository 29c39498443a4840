/*
 * The lines of a decision event that the decision itself answers for (docs/formats/exchange.md, "Decision event"). The gateway writes them, and an
 * auditor who decides again must get the same. Pure.
 */
#ifndef COMITY_POLICY_DECIDE_EVENT_H
#define COMITY_POLICY_DECIDE_EVENT_H

#include "base/buffer.h"
#include "policy/decide.h"

/*
 * What came out, `person` to the last line that follows from it. `reason` is REASON_NONE for a permit; it may be another one than the result's, when
 * what was permitted came to nothing. `has_categories` false: it did not come to a service, or it is a metadata service.
 */
void decide_write_outcome(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                          enum reason reason, bool has_categories, struct buffer *out);
/* What it stands on beside directories, policy and consents: `law`, and what was counted. Nothing, when no law was handed in. */
void decide_write_grounds(const struct decide_context *context, const struct decide_result *result, struct buffer *out);

/* The names of the lines that decide_write_outcome() writes. */
bool decide_is_outcome(struct bytes name);

#endif
