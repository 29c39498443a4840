/* One list against the other, exchange by exchange. */
#include <stdlib.h>

#include "audit/audit_internal.h"

enum { TOO_YOUNG_MS = 3000 };

static int by_exchange(const void *left, const void *right)
{
    const struct exchange_note *a = &((const struct audit_item *)left)->note, *b = &((const struct audit_item *)right)->note;
    int order = bytes_compare(a->exchange, b->exchange);
    if (order == 0) {
        order = (a->kind > b->kind) - (a->kind < b->kind);
    }
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

void audit_sort(struct audit_list *list)
{
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof list->items[0], by_exchange);
    }
}

/* The items of one exchange and kind: from *first on, so many. */
static size_t find(const struct audit_list *list, struct bytes exchange, enum exchange_kind kind, const struct audit_item **first)
{
    const struct audit_item wanted = { .note = { .exchange = exchange, .kind = kind } };
    size_t low = 0, high = list->count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_exchange(&list->items[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *first = low < list->count ? &list->items[low] : NULL;
    while (low + count < list->count && list->items[low + count].note.kind == kind &&
           bytes_equal(list->items[low + count].note.exchange, exchange)) {
        count++;
    }
    return count;
}

/* Any of them with this statement; NULL. */
static const struct audit_item *find_same(const struct audit_item *first, size_t count, const struct exchange_note *note)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(first[i].note.digest, note->digest, SHA256_SIZE) == 0) {
            return &first[i];
        }
    }
    return NULL;
}

static bool is_closed_there(const struct audit *a, uint64_t index)
{
    const struct audit_item *first;
    size_t count = find(&a->theirs, BYTES_NONE, EXCHANGE_CLOSED, &first);
    for (size_t low = 0, high = count; low < high;) { /* sorted by index */
        size_t middle = low + (high - low) / 2;
        if (first[middle].note.index == index) {
            return true;
        }
        if (first[middle].note.index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/*
 * A message of theirs that we have a receipt for: they must list it as theirs, at the place that the receipt names. They have signed that it
 * is there, so there is no excuse but an erasure.
 */
static void check_signed(struct audit *a, const struct audit_item *ours, enum exchange_kind kind, enum audit_finding_kind denied)
{
    const struct audit_item *first;
    size_t count = find(&a->theirs, ours->note.exchange, kind, &first);
    const struct audit_item *same = find_same(first, count, &ours->note);
    if (same != NULL && same->note.index == ours->note.receipt_index) {
        return;
    }
    if (is_closed_there(a, ours->note.receipt_index)) {
        audit_tell(a, AUDIT_CLOSED, ours, NULL, NULL);
    } else if (count == 0) {
        audit_tell(a, denied, ours, NULL, NULL);
    } else {
        audit_tell(a, AUDIT_DIFFERENT, ours, same != NULL ? same : first, same != NULL ? "it stands at another place" : NULL);
    }
}

/* They answered: so the request arrived there, and they must have the very one that we sent. */
static void check_arrival(struct audit *a, const struct audit_item *answer)
{
    const struct audit_item *sent, *taken;
    size_t sent_count = find(&a->ours, answer->note.exchange, EXCHANGE_REQUEST_SENT, &sent);
    size_t count = find(&a->theirs, answer->note.exchange, EXCHANGE_REQUEST_TAKEN, &taken);
    if (count == 0) {
        /* A refusal may come before it was proven who asks: then nothing of the request is kept. Closed entries tell no exchange. */
        const struct audit_item *closed;
        bool is_excused = answer->is_refusal || find(&a->theirs, BYTES_NONE, EXCHANGE_CLOSED, &closed) > 0;
        audit_tell(a, is_excused ? AUDIT_CLOSED : AUDIT_ARRIVAL_DENIED, answer, NULL,
                   is_excused ? "they do not list that the request arrived" : NULL);
        return;
    }
    for (size_t i = 0; i < sent_count; i++) {
        const struct audit_item *same = find_same(taken, count, &sent[i].note);
        if (same == NULL || same->note.receipt_index != sent[i].note.index) {
            audit_tell(a, AUDIT_DIFFERENT, &sent[i], taken, NULL);
        }
    }
}

/* A message of ours: did it arrive, by their word? Of the first of several alike only. */
static void check_sent(struct audit *a, const struct audit_item *ours, enum exchange_kind kind)
{
    const struct audit_item *first;
    size_t count = find(&a->theirs, ours->note.exchange, kind, &first);
    if (find_same(first, count, &ours->note) != NULL) {
        return;
    }
    if (kind == EXCHANGE_REQUEST_TAKEN) {
        const struct audit_item *answer;
        if (find(&a->ours, ours->note.exchange, EXCHANGE_ANSWER_TAKEN, &answer) == 0) {
            audit_tell(a, AUDIT_REQUEST_LOST, ours, NULL, "to them");
        }
        return;
    }
    audit_tell(a, AUDIT_ANSWER_LOST, ours, NULL, "to them");
}

/* A message of ours, of which they say that they have our receipt: then it stands in our log at that place. */
static void check_claim(struct audit *a, const struct audit_item *theirs, enum exchange_kind kind, enum audit_finding_kind claimed)
{
    const struct audit_item *first;
    if (theirs->note.receipt_index < a->first || theirs->note.receipt_index >= a->size) {
        return; /* before what was looked at, or younger */
    }
    size_t count = find(&a->ours, theirs->note.exchange, kind, &first);
    const struct audit_item *same = find_same(first, count, &theirs->note);
    if (same != NULL && same->note.index == theirs->note.receipt_index) {
        return;
    }
    audit_tell(a, count == 0 ? claimed : AUDIT_DIFFERENT, count == 0 ? NULL : first, theirs, NULL);
}

static void check_lost_here(struct audit *a, const struct audit_item *theirs, enum exchange_kind kind, enum audit_finding_kind lost)
{
    const struct audit_item *first;
    bool is_outside = theirs->note.time_ms > a->read_ms - TOO_YOUNG_MS ||
                      (a->options->since_ms > 0 && theirs->note.time_ms < a->options->since_ms + AUDIT_SKEW_MS);
    size_t count = find(&a->ours, theirs->note.exchange, kind, &first);
    if (find_same(first, count, &theirs->note) == NULL && count == 0 && !is_outside) {
        audit_tell(a, lost, NULL, theirs, "to us");
    }
}

static bool is_first_of_its_kind(const struct audit_list *list, size_t i)
{
    return i == 0 || list->items[i - 1].note.kind != list->items[i].note.kind ||
           !bytes_equal(list->items[i - 1].note.exchange, list->items[i].note.exchange);
}

void audit_compare(struct audit *a)
{
    for (size_t i = 0; i < a->ours.count; i++) {
        const struct audit_item *item = &a->ours.items[i];
        if (item->note.kind == EXCHANGE_REQUEST_TAKEN) {
            check_signed(a, item, EXCHANGE_REQUEST_SENT, AUDIT_REQUEST_DENIED);
        } else if (item->note.kind == EXCHANGE_ANSWER_TAKEN) {
            check_signed(a, item, EXCHANGE_ANSWER_SENT, AUDIT_ANSWER_DENIED);
            check_arrival(a, item);
        } else if (item->note.kind == EXCHANGE_REQUEST_SENT && is_first_of_its_kind(&a->ours, i)) {
            check_sent(a, item, EXCHANGE_REQUEST_TAKEN);
        } else if (item->note.kind == EXCHANGE_ANSWER_SENT && is_first_of_its_kind(&a->ours, i)) {
            check_sent(a, item, EXCHANGE_ANSWER_TAKEN);
        }
    }
    for (size_t i = 0; i < a->theirs.count; i++) {
        const struct audit_item *item = &a->theirs.items[i];
        if (item->note.kind == EXCHANGE_REQUEST_TAKEN) {
            check_claim(a, item, EXCHANGE_REQUEST_SENT, AUDIT_REQUEST_CLAIMED);
        } else if (item->note.kind == EXCHANGE_ANSWER_TAKEN) {
            check_claim(a, item, EXCHANGE_ANSWER_SENT, AUDIT_ANSWER_CLAIMED);
        } else if (item->note.kind == EXCHANGE_REQUEST_SENT) {
            check_lost_here(a, item, EXCHANGE_REQUEST_TAKEN, AUDIT_REQUEST_LOST);
        } else if (item->note.kind == EXCHANGE_ANSWER_SENT) {
            check_lost_here(a, item, EXCHANGE_ANSWER_TAKEN, AUDIT_ANSWER_LOST);
        }
    }
}
