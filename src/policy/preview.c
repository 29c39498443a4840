#include "policy/preview.h"

#include "law/tighten.h"

static bool check_law(const struct policy *policy, const struct policy_preview *preview, struct bytes text, const char *file,
                      struct buffer *warnings, struct error *e)
{
    struct law *law = NULL;
    bool ok = law_tighten(&law, preview->base, text, file, e) && policy_check(policy, law, preview->now_ms, warnings, e);
    law_drop(law);
    return ok;
}

bool policy_preview(struct policy **out, const struct policy_preview *preview, struct bytes text, const char *file,
                    struct buffer *difference, struct buffer *warnings, struct error *e)
{
    if (!policy_parse(out, text, file, preview->folder, preview->owner, e)) {
        return false;
    }
    bool ok = (preview->base == NULL || check_law(*out, preview, text, file, warnings, e)) &&
              policy_difference(preview->current, *out, difference, e);
    if (!ok) {
        policy_drop(*out);
        *out = NULL;
    }
    return ok;
}
