#include "audit/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/audit_internal.h"
#include "base/random.h"
#include "base/time.h"

enum { PAGE_BYTES_MAX = 4 * 1024 * 1024, PAGES_MAX = 1000000 };

static const struct {
    enum audit_weight weight;
    const char *code, *text;
} kinds[] = {
#define X(name, weight, code, text) { AUDIT_##weight, code, text },
    AUDIT_FINDINGS(X)
#undef X
};

const char *audit_code(enum audit_finding_kind kind)
{
    return kinds[kind].code;
}

const char *audit_text(enum audit_finding_kind kind)
{
    return kinds[kind].text;
}

enum audit_weight audit_weight(enum audit_finding_kind kind)
{
    return kinds[kind].weight;
}

uint64_t audit_count(const struct audit_counts *counts, enum audit_weight least)
{
    uint64_t count = 0;
    for (size_t i = 0; i < AUDIT_FINDING_KINDS; i++) {
        count += kinds[i].weight >= least ? counts->findings[i] : 0;
    }
    return count;
}

void audit_tell(struct audit *a, enum audit_finding_kind kind, const struct audit_item *ours, const struct audit_item *theirs,
                const char *detail)
{
    const struct audit_item *named = ours != NULL ? ours : theirs;
    struct audit_finding finding = { .kind = kind,
                                     .exchange = named == NULL ? BYTES_NONE : named->note.exchange,
                                     .has_index = ours != NULL,
                                     .has_their_index = theirs != NULL,
                                     .index = ours == NULL ? 0 : ours->note.index,
                                     .their_index = theirs == NULL ? 0 : theirs->note.index };
    (void)snprintf(finding.detail, sizeof finding.detail, "%s", detail == NULL ? "" : detail);
    a->counts->findings[kind]++;
    a->options->each(a->options->context, &finding);
}

bool audit_list_add(struct audit *a, struct audit_list *list, const struct exchange_note *note, bool is_refusal)
{
    if (list->count == AUDIT_ITEMS_MAX) {
        return error_set(&a->failure, ERROR_FULL, "audit", "give --since a later time", "more than %d messages on one side",
                         AUDIT_ITEMS_MAX);
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 1024 : list->capacity * 2;
        struct audit_item *grown = realloc(list->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_memory(&a->failure, "audit");
        }
        list->items = grown;
        list->capacity = capacity;
    }
    struct audit_item *item = &list->items[list->count];
    *item = (struct audit_item){ .note = *note, .is_refusal = is_refusal };
    if (note->exchange.size > 0) {
        item->note.exchange = arena_copy(&list->arena, note->exchange);
        if (item->note.exchange.data == NULL) {
            return error_memory(&a->failure, "audit");
        }
    }
    list->count++;
    return true;
}

static void list_clear(struct audit_list *list)
{
    arena_clear(&list->arena);
    free(list->items);
}

/* ---- Their list ---- */

static bool take_lines(struct audit *a, struct bytes text, struct exchange_page *page, struct error *e)
{
    struct bytes line;
    *page = (struct exchange_page){ 0 };
    while (bytes_split(&text, '\n', &line)) {
        struct exchange_note note;
        struct arena arena = { 0 };
        if (line.size == 0 && text.data == NULL) {
            break;
        }
        bool ok = exchange_note_read(line, &arena, &note, page, e);
        if (ok && !page->is_page) {
            ok = audit_list_add(a, &a->theirs, &note, false);
            *e = ok ? *e : a->failure;
            a->counts->theirs++;
        }
        arena_clear(&arena);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* Page by page, each of which must lead on: a peer that gives the same page for ever is not followed. */
static bool read_theirs(struct audit *a, struct error *e)
{
    uint64_t after = 0;
    struct buffer text;
    struct exchange_page page = { 0 };
    int64_t since_ms = a->options->since_ms > AUDIT_SKEW_MS ? a->options->since_ms - AUDIT_SKEW_MS : 0;
    buffer_init(&text, PAGE_BYTES_MAX);
    for (size_t i = 0; i < PAGES_MAX; i++) {
        buffer_reset(&text);
        if (!a->peer->read_page(a->peer->context, since_ms, after, &text, e)) {
            buffer_clear(&text);
            return false;
        }
        if (!take_lines(a, buffer_bytes(&text), &page, e)) {
            break;
        }
        if (!page.is_page || (!page.is_last && page.next <= after)) {
            (void)error_set(e, ERROR_INPUT, "exchanges", NULL, "a page does not say where the next one begins");
            break;
        }
        if (page.is_last) {
            buffer_clear(&text);
            a->counts->has_list = true;
            return true;
        }
        after = page.next;
    }
    buffer_clear(&text);
    return false;
}

/* ---- All ---- */

static bool make(struct audit *a, struct error *e)
{
    a->cache = checkpoint_cache_make(1024);
    a->seen.room = 1024;
    a->seen.slots = calloc(a->seen.room, sizeof *a->seen.slots);
    random_fill(&a->seen.seed, sizeof a->seen.seed);
    return (a->cache != NULL && a->seen.slots != NULL) || error_memory(e, "audit");
}

static bool run(struct audit *a, struct error *e)
{
    struct error fault;
    a->read_ms = time_now_ms();
    if (!audit_read_own(a, e)) {
        return false;
    }
    if (a->peer->read_page != NULL) {
        /* A peer of a version without lists: its log can be looked at all the same. */
        if (!read_theirs(a, &fault) && fault.kind != ERROR_ABSENT) {
            return error_set(e, fault.kind, fault.where, fault.todo, "%s", fault.what);
        }
    }
    audit_sort(&a->ours);
    audit_sort(&a->theirs);
    if (a->counts->has_list) {
        audit_compare(a);
    }
    return audit_compare_numbers(a) || error_memory(e, "audit");
}

bool audit_run(const struct audit_own *own, const struct audit_peer *peer, const struct audit_options *options, struct audit_counts *counts,
               struct error *e)
{
    struct audit a = { .own = own, .peer = peer, .options = options, .counts = counts };
    *counts = (struct audit_counts){ .has_log = peer->log != NULL };
    bool ok = make(&a, e) && run(&a, e);
    list_clear(&a.ours);
    list_clear(&a.theirs);
    peer_log_close(&a.own_log);
    checkpoint_cache_free(a.cache);
    free(a.seen.slots);
    return ok;
}
