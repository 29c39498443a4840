/* What binds the recipient of an answer: how long it may keep it, by when it erases it, and that it hands it to nobody (Comity-Conditions). Pure. */
#ifndef COMITY_POLICY_CONDITIONS_H
#define COMITY_POLICY_CONDITIONS_H

#include "policy/decide.h"

struct conditions {
    bool has_life;
    struct period life;  /* from the answer on */
    int64_t erase_at_ms; /* 0: nothing was said */
    bool is_never_onward;
};

/*
 * The narrowest of what the service's policy and the consents say that the released categories stand on; `released` has one for each of the
 * service's releases. Lives are compared as they end when they begin at `now_ms`. All zero when nothing is released.
 */
struct conditions conditions_of(const struct policy_service *service, const struct decide_result *decision, const bool *released,
                                int64_t now_ms);
/* "life=P30D, erase-at=2027-01-01T00:00:00Z, onward=no" (docs/formats/exchange.md): what was said of it; nothing: nothing was. */
void conditions_write(const struct conditions *conditions, struct buffer *out);

#endif
