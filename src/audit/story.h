/* What a bundle proved, in plain language and as JSON. Pure. */
#ifndef COMITY_AUDIT_STORY_H
#define COMITY_AUDIT_STORY_H

#include <jansson.h>

#include "audit/verify.h"

/* Text that came from elsewhere: none of it reaches a terminal as a control character. */
void story_append_clean(struct buffer *out, struct bytes text);
/* Sentences for a person who knows nothing of logs. */
void story_write(const struct story *story, const struct trust *trust, struct buffer *out);
/* NULL: memory. */
json_t *story_json(const struct story *story, const struct trust *trust);

#endif
