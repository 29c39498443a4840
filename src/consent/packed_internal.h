/*
 * What a record says of its categories, as its row has it: "1C,2C,7G1764000000000", the category's number, a letter for the state ('A' is
 * CONSENT_REQUESTED), and, unless the state is as old as the record, since when, in milliseconds. Pure.
 */
#ifndef COMITY_CONSENT_PACKED_INTERNAL_H
#define COMITY_CONSENT_PACKED_INTERNAL_H

#include "base/buffer.h"
#include "consent/consent_internal.h"

struct packed {
    int64_t category; /* its number */
    enum consent_state state;
    int64_t changed_ms;
};
enum { PACKED_BYTES_MAX = CONSENT_CATEGORIES_MAX * (20 + 1 + 20 + 1) };

void packed_write(const struct packed *list, size_t count, int64_t created_ms, struct buffer *out);
/* Up to CONSENT_CATEGORIES_MAX. False: it is not of this form. */
must_check bool packed_read(struct bytes text, int64_t created_ms, struct packed *list, size_t *count);
/* Given, paused, or waiting for an answer: what time, the person or a death can end. */
bool packed_is_open(enum consent_state state);

#endif
