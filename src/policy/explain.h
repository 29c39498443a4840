/*
 * A decision in plain words, for who answers for it: what was asked, category by category why it may leave or not, by which article, and what would
 * change that. It explains a result of decide(); it decides nothing itself. Pure.
 */
#ifndef COMITY_POLICY_EXPLAIN_H
#define COMITY_POLICY_EXPLAIN_H

#include "base/buffer.h"
#include "policy/decide.h"

/* Appends the text. It never holds the person's identifier; it holds ids of consents, notices and instruments. */
void explain_write(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                   struct buffer *out);
/*
 * One sentence: what would have to change for this reason to go away. Never empty for a reason that decide() gives. `is_held`: the guard against
 * harvesting holds the consumer, which waiting does not change.
 */
const char *explain_remedy(enum reason reason, bool is_held);
/* "PIPL 29", or empty when no article decided. A view into the law. */
struct bytes explain_article(const struct decide_category *category);

#endif
