/* A member may be stricter than its community's law, never laxer: the section `law` of its policy file. Pure. */
#ifndef COMITY_LAW_TIGHTEN_H
#define COMITY_LAW_TIGHTEN_H

#include "law/law.h"

/*
 * A law of its own at *out: `base` with what the section `law` of the policy file makes stricter (docs/law-profiles.md, "Tighten it"). Without such a
 * section *out is `base` itself, with one more reference. The digest stays the base's: a policy's own digest says the rest. `base` is one that
 * law_parse() made, not a tightened one. ERROR_INPUT, with the line in `policy`, for what would loosen the law, and for everything that
 * law_parse() refuses; on failure *out is NULL. `policy` is the whole file, `file` its name in messages; other sections are not looked at.
 */
must_check bool law_tighten(struct law **out, struct law *base, struct bytes policy, const char *file, struct error *e);

#endif
