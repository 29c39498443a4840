/* What the files about notices share. */
#ifndef COMITY_CONSENT_NOTICE_INTERNAL_H
#define COMITY_CONSENT_NOTICE_INTERNAL_H

#include "consent/notice.h"

/* Where a notice has texts in languages, outside of its categories. */
struct notice_text_member {
    const char *pointer;
    size_t offset; /* of a struct notice_texts in struct notice */
};
extern const struct notice_text_member notice_text_members[];
extern const size_t notice_text_member_count;
static inline const struct notice_texts *notice_text_at(const struct notice *notice, size_t member)
{
    return (const struct notice_texts *)((const char *)notice + notice_text_members[member].offset);
}

/* `old` with one revision more, or (of the same digest) with another word on whether it is logged. */
must_check bool notices_add(struct notices **out, const struct notices *old, const struct notices_entry *entry, struct error *e);
/* The revision with the highest number, in force or not; NULL: none. */
const struct notice *notices_newest(const struct notices *notices, struct bytes id, bool is_complete);

#endif
