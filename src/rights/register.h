/*
 * The record of processing activities (PIPL 55, 56; GDPR 30; NDSMR 12), made from what is in force: nobody has to keep it up by hand, and it can't say anything
 * else than what the gateway does. Pure.
 */
#ifndef COMITY_RIGHTS_REGISTER_H
#define COMITY_RIGHTS_REGISTER_H

#include <jansson.h>

#include "law/law.h"
#include "policy/policy.h"

/*
 * { "law", "policy" (digest), "services": [ { "service", "about_persons", "purposes": [..], "recipients": [..], "relation", "assessment": { "reference", "valid_until" },
 * "automated", "contract", "duty", "categories": [ { "category", "sensitive", "basis", "law_ref" } ], "evidence" } ], "retention": { .. } }. The caller's; NULL: out of memory.
 */
json_t *register_make(const struct policy *policy, const struct law *law);

#endif
