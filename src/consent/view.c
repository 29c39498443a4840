/* Views that are on the heap: what a load makes, and the past. */
#include <stdlib.h>

#include "consent/consent.h"

static struct bytes place(uint8_t **at, struct bytes text)
{
    struct bytes placed = bytes_of(*at, text.size);
    if (text.size > 0) {
        memcpy(*at, text.data, text.size);
    }
    *at += text.size;
    return placed;
}

/* Decisions of one record stand together, so what one shares with the one before is what all of a record share. */
static bool has_own_terms(const struct consent_decision *decisions, size_t i)
{
    return decisions[i].terms != NULL && (i == 0 || decisions[i].terms != decisions[i - 1].terms);
}

bool consent_view_copy(struct consent_view *view, const struct consent_decision *decisions, size_t count)
{
    *view = (struct consent_view){ 0 };
    if (count == 0) {
        return true;
    }
    size_t size = count * sizeof *decisions;
    for (size_t i = 0; i < count; i++) {
        size += decisions[i].category.size + decisions[i].record_id.size;
        size += has_own_terms(decisions, i) ? sizeof(struct consent_terms) : 0;
    }
    struct consent_decision *copies = malloc(size);
    if (copies == NULL) {
        return false;
    }
    struct consent_terms *terms = (struct consent_terms *)(copies + count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = decisions[i];
        if (has_own_terms(decisions, i)) {
            *terms = *decisions[i].terms;
            copies[i].terms = terms++;
        } else if (decisions[i].terms != NULL) {
            copies[i].terms = copies[i - 1].terms;
        }
    }
    uint8_t *at = (uint8_t *)terms;
    for (size_t i = 0; i < count; i++) {
        copies[i].category = place(&at, decisions[i].category);
        copies[i].record_id = place(&at, decisions[i].record_id);
    }
    *view = (struct consent_view){ .decisions = copies, .count = count, .held = copies, .held_size = size };
    return true;
}

void consent_view_clear(struct consent_view *view)
{
    if (view->held != NULL) {
        explicit_bzero(view->held, view->held_size);
        free(view->held);
    }
    *view = (struct consent_view){ 0 };
}
