/* What a policy file would change before it is applied: the same for `comity apply` and for the REST API. Pure but for the files that it names. */
#ifndef COMITY_POLICY_PREVIEW_H
#define COMITY_POLICY_PREVIEW_H

#include "policy/policy.h"

/* Borrowed. */
struct policy_preview {
    const struct policy *current; /* in force; NULL: none, or none that can be read */
    struct law *base;             /* the community's law, untightened; NULL: there is none to check by */
    const struct identifier *owner;
    const char *folder; /* that files named in it are relative to */
    int64_t now_ms;
};
/*
 * Parses `text`, and appends what it changes to `difference` (policy_difference()) and what the law would hold back to `warnings` (policy_check()),
 * a line each. *out is the caller's (policy_drop()); NULL on failure. ERROR_INPUT with `file` and line: the text is wrong, or loosens the law.
 */
must_check bool policy_preview(struct policy **out, const struct policy_preview *preview, struct bytes text, const char *file,
                               struct buffer *difference, struct buffer *warnings, struct error *e);

#endif
