/* The numbers of requests: in each run of the sender 1, 2, 3, ... for this receiver. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/audit_internal.h"

struct numbered {
    uint64_t start, number;
    const struct audit_item *item; /* NULL: a number that was not used */
};
struct numbers {
    struct numbered *all;
    size_t count;
    struct numbered *lasts; /* of runs that ended in order */
    size_t last_count;
};

static int by_number(const void *left, const void *right)
{
    const struct numbered *a = left, *b = right;
    int order = (a->start > b->start) - (a->start < b->start);
    order = order != 0 ? order : (a->number > b->number) - (a->number < b->number);
    /* One exchange stands in both lists: side by side, so that two exchanges of one number are told once. */
    return order != 0 || a->item == NULL || b->item == NULL ? order : bytes_compare(a->item->note.exchange, b->item->note.exchange);
}

static void take(struct numbers *n, const struct audit_list *list, enum exchange_kind kind)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct audit_item *item = &list->items[i];
        const struct exchange_sequence *s = &item->note.sequence;
        if (item->note.kind == kind && s->number > 0) {
            n->all[n->count++] = (struct numbered){ s->start, s->number, item };
        } else if (item->note.kind == EXCHANGE_NUMBERS && kind == EXCHANGE_REQUEST_SENT) {
            struct numbered made = { s->start, s->number, NULL };
            if (item->note.is_unused) {
                n->all[n->count++] = made;
            } else {
                n->lasts[n->last_count++] = made;
            }
        }
    }
}

static bool numbers_make(struct numbers *n, size_t most)
{
    *n = (struct numbers){ .all = calloc(most + 1, sizeof *n->all), .lasts = calloc(most + 1, sizeof *n->lasts) };
    return n->all != NULL && n->lasts != NULL;
}

static void numbers_clear(struct numbers *n)
{
    free(n->all);
    free(n->lasts);
}

static const struct numbered *find_last(const struct numbers *n, uint64_t start)
{
    for (size_t i = 0; i < n->last_count; i++) {
        if (n->lasts[i].start == start) {
            return &n->lasts[i];
        }
    }
    return NULL;
}

/* Numbers from `from` up to `to` are missing. `is_at_end`: near an end of what is known of the run, where requests overtake one another. */
static void tell_gap(struct audit *a, uint64_t start, uint64_t from, uint64_t to, bool is_at_end, bool is_own)
{
    char detail[AUDIT_DETAIL_SIZE];
    enum audit_finding_kind kind = is_own ? (is_at_end ? AUDIT_OWN_GAP_AT_END : AUDIT_OWN_GAP) : (is_at_end ? AUDIT_GAP_AT_END : AUDIT_GAP);
    if (from == to) {
        (void)snprintf(detail, sizeof detail, "number %" PRIu64 " of run %" PRIu64, from, start);
    } else {
        (void)snprintf(detail, sizeof detail, "numbers %" PRIu64 " to %" PRIu64 " of run %" PRIu64, from, to, start);
    }
    if (!is_own && !a->counts->has_list) {
        kind = AUDIT_GAP_HERE;
    }
    audit_tell(a, kind, NULL, NULL, detail);
}

/* One run: `count` numbers in order. */
static void check_run(struct audit *a, const struct numbers *n, const struct numbered *run, size_t count, bool is_own)
{
    const uint64_t start = run[0].start;
    const struct numbered *last = find_last(n, start);
    uint64_t most = run[count - 1].number;
    const uint64_t first = run[0].number;
    most = last != NULL && last->number > most ? last->number : most;
    /* A part of the log begins in the middle of a run. */
    const bool is_part = a->options->since_ms != 0;
    uint64_t next = is_part ? first : 1;
    for (size_t i = 0; i < count; i++) {
        if (run[i].number > next) {
            bool is_at_end = (last == NULL && most - next < AUDIT_AT_END) || (is_part && next - first < AUDIT_AT_END);
            tell_gap(a, start, next, run[i].number - 1, is_at_end, is_own);
        }
        if (i > 0 && run[i].number == run[i - 1].number && run[i].item != NULL && run[i - 1].item != NULL && !is_own &&
            !bytes_equal(run[i].item->note.exchange, run[i - 1].item->note.exchange)) {
            audit_tell(a, AUDIT_TWICE, run[i].item, NULL, NULL);
        }
        next = run[i].number >= next ? run[i].number + 1 : next;
    }
    if (next <= most) {
        tell_gap(a, start, next, most, false, is_own); /* it was told to be the last */
    }
}

static void check(struct audit *a, struct numbers *n, bool is_own)
{
    if (n->count > 1) {
        qsort(n->all, n->count, sizeof n->all[0], by_number);
    }
    for (size_t i = 0; i < n->count;) {
        size_t end = i;
        while (end < n->count && n->all[end].start == n->all[i].start) {
            end++;
        }
        check_run(a, n, &n->all[i], end - i, is_own);
        i = end;
    }
    /* A run of which nothing at all is there, though it says that it sent. */
    for (size_t i = 0; i < n->last_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < n->count && !is_there; j++) {
            is_there = n->all[j].start == n->lasts[i].start;
        }
        if (!is_there && n->lasts[i].number > 0 && a->options->since_ms == 0) {
            tell_gap(a, n->lasts[i].start, 1, n->lasts[i].number, false, is_own);
        }
    }
}

bool audit_compare_numbers(struct audit *a)
{
    struct numbers theirs, own;
    bool ok = numbers_make(&theirs, a->ours.count + a->theirs.count);
    if (ok) {
        /* What arrived here; what they list as sent is on their side, and was lost on the way. */
        take(&theirs, &a->ours, EXCHANGE_REQUEST_TAKEN);
        take(&theirs, &a->theirs, EXCHANGE_REQUEST_SENT);
        check(a, &theirs, false);
    }
    numbers_clear(&theirs);
    if (!ok) {
        return false;
    }
    ok = numbers_make(&own, a->ours.count);
    if (ok) {
        take(&own, &a->ours, EXCHANGE_REQUEST_SENT);
        check(a, &own, true);
    }
    numbers_clear(&own);
    return ok;
}
