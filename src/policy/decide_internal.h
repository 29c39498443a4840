/* The decision, by file: decide.c (the order), decide_category.c (basis, assessment, border), decide_consent.c (the person). Pure. */
#ifndef COMITY_POLICY_DECIDE_INTERNAL_H
#define COMITY_POLICY_DECIDE_INTERNAL_H

#include "policy/decide.h"

/* One category on its way through the checks. */
struct deciding {
    const struct decide_request *request;
    const struct decide_context *context;
    const struct policy_service *service;
    const struct policy_release *release;
    const struct policy_category *category;
    bool is_minor; /* for this category, by this law: also when the age is not known */
    struct decide_result *result;
    struct decide_category *out; /* of this category */
};

/* Notes why, with the article (may be NULL); returns the reason. */
enum reason deciding_refuse(struct deciding *d, enum reason reason, const struct law_source *source);
/* The article of one bit of a mask. */
const struct law_source *deciding_source(const struct law_mask *mask, uint32_t bit);
/* Is there a border between holder and consumer? */
bool deciding_is_abroad(const struct decide_context *context);
/* REASON_NONE: the category may leave. */
enum reason decide_category(struct deciding *d);

/* decide_plain.c */
void decide_plain(const struct decide_request *request, const struct decide_context *context, struct decide_result *result);

/* decide_consent.c */
/* What is known of the person's age under this law. */
void deciding_age(const struct decide_context *context, int64_t now_ms, struct decide_result *result);
/* What of the person holds back every basis but those for emergencies and duties. */
enum reason decide_person(struct deciding *d);
enum reason decide_consent(struct deciding *d);

#endif
