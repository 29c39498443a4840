/* Erased records that no event has named yet: what a verification must not excuse. */
#ifndef COMITY_EVIDENCE_CLOSED_LIST_INTERNAL_H
#define COMITY_EVIDENCE_CLOSED_LIST_INTERNAL_H

#include "evidence/log.h"

struct closed_list {
    uint64_t *entries; /* ascending */
    size_t count, capacity;
};
/* Takes the next good record of the log: one that is erased, or an event that names those before it. False: memory is out. */
must_check bool closed_list_take(struct closed_list *list, const struct log_entry *entry);
void closed_list_clear(struct closed_list *list);

#endif
