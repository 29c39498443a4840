#include "evidence/closed_list_internal.h"

#include <stdlib.h>

#include "evidence/log_erase.h"

/* Both are ascending: one pass. */
static void excuse(struct closed_list *list, struct bytes rest)
{
    uint64_t first = 0, last = 0;
    size_t kept = 0, at = 0;
    while (erasure_event_next(&rest, &first, &last)) {
        for (; at < list->count && list->entries[at] <= last; at++) {
            if (list->entries[at] < first) {
                list->entries[kept++] = list->entries[at];
            }
        }
    }
    for (; at < list->count; at++) {
        list->entries[kept++] = list->entries[at];
    }
    list->count = kept;
}

bool closed_list_take(struct closed_list *list, const struct log_entry *entry)
{
    struct bytes rest;
    if (entry->form == RECORD_OPEN && entry->kind == RECORD_EVENT && list->count > 0 && erasure_event_entries(entry->statement, &rest)) {
        excuse(list, rest);
    }
    if (entry->form != RECORD_ERASED) {
        return true;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        uint64_t *grown = realloc(list->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        list->entries = grown;
        list->capacity = capacity;
    }
    list->entries[list->count++] = entry->index;
    return true;
}

void closed_list_clear(struct closed_list *list)
{
    free(list->entries);
    *list = (struct closed_list){ 0 };
}
