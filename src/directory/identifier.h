/* X-Road identifiers: COMMUNITY/CLASS/MEMBER[/SUBSYSTEM[/SERVICE]] (reference: X-Road REST 1.2). Pure. */
#ifndef COMITY_DIRECTORY_IDENTIFIER_H
#define COMITY_DIRECTORY_IDENTIFIER_H

#include "base/buffer.h"
#include "base/error.h"

enum { IDENTIFIER_PARTS_MAX = 5, IDENTIFIER_PART_SIZE_MAX = 255 };

/* Decoded parts: views, case-sensitive. part_count is 3 (member), 4 (subsystem) or 5 (service). */
struct identifier {
    struct bytes parts[IDENTIFIER_PARTS_MAX]; /* community, class, member, subsystem, service */
    size_t part_count;
};

/*
 * Parses percent-encoded parts joined by '/' (header and URL form). `storage` takes the decoded bytes (text.size at most) and must
 * outlive `*out`. Refused (ERROR_INPUT): a part count outside least..most, empty or over-long parts, bytes outside pchar, a bad
 * escape, parts that aren't UTF-8.
 */
must_check bool identifier_parse(struct bytes text, size_t least, size_t most, uint8_t *storage, struct identifier *out, struct error *e);
/* The encoded form: every byte outside pchar becomes upper-case %XX. */
void identifier_append(struct buffer *out, const struct identifier *id);
/* Of the first `parts` parts only. */
void identifier_append_parts(struct buffer *out, const struct identifier *id, size_t parts);
bool identifier_equal(const struct identifier *a, const struct identifier *b);
/* Is `a` the same as, or inside of, `b`? (A subsystem is inside its member.) */
bool identifier_is_within(const struct identifier *a, const struct identifier *b);
/*
 * For registering: refuses control characters (U+0000-1F, 7F-9F), % : ; / \ and U+200B, U+FEFF in a part. `*is_plain` (may be NULL)
 * tells whether all are within A-Z a-z 0-9 '()+,-.=? (X-Road REST 4.8), which callers may warn about.
 */
must_check bool identifier_check_new(const struct identifier *id, bool *is_plain, struct error *e);

#endif
