/* May this be decided, by this one, on this notice, under this law? Pure: all that it looks at is handed in. */
#ifndef COMITY_CONSENT_GRANT_INTERNAL_H
#define COMITY_CONSENT_GRANT_INTERNAL_H

#include "consent/consent_internal.h"

/* What an answer is checked against. Views. */
struct grant_case {
    const struct law *law;
    const struct notice *notice; /* the revision that was shown; complete */
    const struct consent_answer *answer;
    const struct consent_act *act;
    const struct consent_person *person;
    bool is_registered; /* the representative who acts is registered for this person, and now */
    int64_t now_ms;
};
/* What the record then says. Views of the notice. */
struct grant {
    struct consent_terms terms;
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX];
    size_t count;
    bool is_given; /* some category is */
    bool is_minor; /* or treated as one */
};
/* `*reason` as of struct consent_receipt. */
must_check bool grant_check(const struct grant_case *c, struct grant *out, const char **reason, struct error *e);

/* What of `asked` is wider than `notice`'s: the name of the first such limit, NULL when none is. */
const char *grant_find_wider(const struct consent_limits *notice, const struct consent_limits *asked);

#endif
