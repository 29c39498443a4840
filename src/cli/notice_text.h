/* A notice as a person reads it, in one language; and a commented draft of one for a service of the policy. Pure. */
#ifndef COMITY_CLI_NOTICE_TEXT_H
#define COMITY_CLI_NOTICE_TEXT_H

#include "consent/notice.h"
#include "policy/policy.h"

/* `language` empty: the notice's first. */
void notice_text_write(const struct notice *notice, struct bytes language, struct buffer *out);

/* What a draft is made of. Views; empty or NULL where it isn't known. */
struct notice_draft {
    struct bytes holder;    /* member */
    struct bytes recipient; /* member */
    const struct policy *policy;
    const struct policy_service *service;
    const struct law *law;
};
/* YAML with a comment above each part, of lifecycle draft: what stands in <> is to be written. */
void notice_draft_write(const struct notice_draft *draft, struct buffer *out);

#endif
