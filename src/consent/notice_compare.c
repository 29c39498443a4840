/* What a new revision of a notice means for consents on the older one: reference consent-standards 6.3. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "consent/notice_check.h"
#include "consent/notice_internal.h"

struct comparing {
    const struct notice *from, *to;
    struct notice_changes *out;
    size_t capacity;
    bool failed;
};

void notice_changes_clear(struct notice_changes *changes)
{
    free(changes->items);
    *changes = (struct notice_changes){ 0 };
}

const char *notice_difference_name(enum notice_difference difference)
{
    static const char *const names[] = {
        [NOTICE_SAME] = "same", [NOTICE_WORDING] = "wording", [NOTICE_NARROWER] = "narrower", [NOTICE_WIDER] = "wider"
    };
    return (size_t)difference < COUNT_OF(names) ? names[difference] : "";
}

__attribute__((format(printf, 4, 5))) static void add(struct comparing *c, enum notice_difference difference, const char *pointer,
                                                      const char *what, ...)
{
    c->out->worst = difference > c->out->worst ? difference : c->out->worst;
    if (c->failed || c->out->count == NOTICE_FINDINGS_MAX) {
        return;
    }
    if (c->out->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 16 : 2 * c->capacity;
        struct notice_change *items = reallocarray(c->out->items, capacity, sizeof *items);
        if (items == NULL) {
            c->failed = true;
            return;
        }
        c->out->items = items;
        c->capacity = capacity;
    }
    struct notice_change *change = &c->out->items[c->out->count++];
    va_list arguments;
    va_start(arguments, what);
    (void)snprintf(change->pointer, sizeof change->pointer, "%s", pointer);
    (void)vsnprintf(change->what, sizeof change->what, what, arguments);
    change->difference = difference;
    va_end(arguments);
}

/* ---- Kinds of members ---- */

static void compare_words(struct comparing *c, const char *pointer, struct bytes from, struct bytes to, enum notice_difference difference)
{
    if (!bytes_equal(from, to)) {
        add(c, difference, pointer, "'%.*s' becomes '%.*s'", BYTES_FMT(bytes_slice(from, 0, 90)), BYTES_FMT(bytes_slice(to, 0, 90)));
    }
}

static void compare_flag(struct comparing *c, const char *pointer, bool from, bool to, enum notice_difference if_set)
{
    if (from != to) {
        enum notice_difference if_unset = if_set == NOTICE_WIDER ? NOTICE_NARROWER : NOTICE_WIDER;
        add(c, to ? if_set : if_unset, pointer, "becomes %s", to ? "true" : "false");
    }
}

/* A list of what is allowed: more is wider. */
static void compare_lists(struct comparing *c, const char *pointer, const struct notice_list *from, const struct notice_list *to)
{
    for (size_t i = 0; i < to->count; i++) {
        if (!notice_list_has(from, to->items[i])) {
            add(c, NOTICE_WIDER, pointer, "adds %.*s", BYTES_FMT(bytes_slice(to->items[i], 0, 180)));
        }
    }
    for (size_t i = 0; i < from->count; i++) {
        if (!notice_list_has(to, from->items[i])) {
            add(c, NOTICE_NARROWER, pointer, "drops %.*s", BYTES_FMT(bytes_slice(from->items[i], 0, 180)));
        }
    }
}

static bool texts_equal(const struct notice_texts *a, const struct notice_texts *b)
{
    bool are_equal = a->count == b->count;
    for (size_t i = 0; are_equal && i < a->count; i++) {
        are_equal = bytes_equal(a->items[i].language, b->items[i].language) && bytes_equal(a->items[i].text, b->items[i].text);
    }
    return are_equal;
}

/* A limit in time that may be absent, which is no limit: longer is wider, and so is what can't be compared. */
static void compare_periods(struct comparing *c, const char *pointer, bool has_from, struct period from, bool has_to, struct period to)
{
    char before[PERIOD_TEXT_SIZE], after[PERIOD_TEXT_SIZE];
    if (has_from == has_to && (!has_from || period_equal(from, to))) {
        return;
    }
    bool is_narrower = has_to && (!has_from || period_is_within(to, from));
    add(c, is_narrower ? NOTICE_NARROWER : NOTICE_WIDER, pointer, "%s becomes %s", has_from ? period_text(from, before) : "no limit",
        has_to ? period_text(to, after) : "no limit");
}

/* A limit that is absent at 0: more is wider. */
static void compare_counts(struct comparing *c, const char *pointer, uint64_t from, uint64_t to)
{
    if (from == to) {
        return;
    }
    bool is_narrower = to != 0 && (from == 0 || to < from);
    char before[24], after[24];
    (void)snprintf(before, sizeof before, from == 0 ? "no limit" : "%llu", (unsigned long long)from);
    (void)snprintf(after, sizeof after, to == 0 ? "no limit" : "%llu", (unsigned long long)to);
    add(c, is_narrower ? NOTICE_NARROWER : NOTICE_WIDER, pointer, "%s becomes %s", before, after);
}

/* An end that may be absent: `more` tells whether the new one lets more in when both are there. */
static void compare_end(struct comparing *c, const char *pointer, bool has_from, bool has_to, bool is_equal, bool is_more)
{
    if (has_from == has_to && (!has_from || is_equal)) {
        return;
    }
    bool is_wider = !has_to || (has_from && is_more);
    add(c, is_wider ? NOTICE_WIDER : NOTICE_NARROWER, pointer, "%s", is_wider ? "lets more in" : "lets less in");
}

/* ---- The parts of a notice ---- */

static void compare_category(struct comparing *c, size_t index, const struct notice_category *from, const struct notice_category *to)
{
    char pointer[NOTICE_POINTER_SIZE];
    (void)snprintf(pointer, sizeof pointer, "/categories/%zu/sensitive", index);
    compare_flag(c, pointer, from->is_sensitive, to->is_sensitive, NOTICE_NARROWER);
    (void)snprintf(pointer, sizeof pointer, "/categories/%zu/necessity", index);
    compare_flag(c, pointer, from->is_required, to->is_required, NOTICE_WIDER);
    (void)snprintf(pointer, sizeof pointer, "/categories/%zu/attributes", index);
    compare_lists(c, pointer, &from->attributes, &to->attributes);
    (void)snprintf(pointer, sizeof pointer, "/categories/%zu/necessityText", index);
    if (!texts_equal(&from->necessity, &to->necessity)) {
        add(c, NOTICE_WORDING, pointer, "has other words");
    }
    (void)snprintf(pointer, sizeof pointer, "/categories/%zu/impactText", index);
    if (!texts_equal(&from->impact, &to->impact)) {
        add(c, NOTICE_WORDING, pointer, "has other words");
    }
}

static void compare_categories(struct comparing *c)
{
    for (size_t i = 0; i < c->to->category_count; i++) {
        const struct notice_category *to = &c->to->categories[i];
        const struct notice_category *from = notice_find_category(c->from, to->iri);
        char pointer[NOTICE_POINTER_SIZE];
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu", i);
        if (from == NULL) {
            add(c, NOTICE_WIDER, pointer, "adds %.*s", BYTES_FMT(bytes_slice(to->iri, 0, 180)));
        } else {
            compare_category(c, i, from, to);
        }
    }
    for (size_t i = 0; i < c->from->category_count; i++) {
        struct bytes iri = c->from->categories[i].iri;
        if (notice_find_category(c->to, iri) == NULL) {
            add(c, NOTICE_NARROWER, "/categories", "drops %.*s", BYTES_FMT(bytes_slice(iri, 0, 180)));
        }
    }
}

static void compare_party(struct comparing *c, const char *name, const struct notice_party *from, const struct notice_party *to)
{
    char pointer[NOTICE_POINTER_SIZE];
    const struct {
        const char *member;
        struct bytes from, to;
        enum notice_difference difference;
    } words[] = {
        { "member", from->member, to->member, NOTICE_WIDER },
        { "country", from->country, to->country, NOTICE_WIDER },
        { "contact", from->contact, to->contact, NOTICE_WORDING },
        { "address", from->address, to->address, NOTICE_WORDING },
        { "url", from->url, to->url, NOTICE_WORDING },
        { "officer", from->officer, to->officer, NOTICE_WORDING },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        (void)snprintf(pointer, sizeof pointer, "/%s/%s", name, words[i].member);
        compare_words(c, pointer, words[i].from, words[i].to, words[i].difference);
    }
}

static void compare_use(struct comparing *c)
{
    const struct use_limits *from = &c->from->use, *to = &c->to->use;
    if (from->mode != to->mode) {
        add(c, to->mode > from->mode ? NOTICE_WIDER : NOTICE_NARROWER, "/use/mode", "%s becomes %s", use_mode_name(from->mode),
            use_mode_name(to->mode));
    }
    if (from->fetch != to->fetch) {
        add(c, to->fetch > from->fetch ? NOTICE_WIDER : NOTICE_NARROWER, "/use/fetch", "%s becomes %s", use_fetch_name(from->fetch),
            use_fetch_name(to->fetch));
    }
    compare_counts(c, "/use/frequency/max", from->max, to->max);
    if (from->max > 0 && to->max > 0 && !period_equal(from->per, to->per)) {
        char before[PERIOD_TEXT_SIZE], after[PERIOD_TEXT_SIZE];
        /* As often in a longer time is less often. */
        add(c, period_is_within(from->per, to->per) ? NOTICE_NARROWER : NOTICE_WIDER, "/use/frequency/per", "%s becomes %s",
            period_text(from->per, before), period_text(to->per, after));
    }
    compare_counts(c, "/use/frequency/total", from->total, to->total);
    compare_end(c, "/use/dataRange/from", from->has_from, to->has_from, from->range_from_ms == to->range_from_ms,
                to->range_from_ms < from->range_from_ms);
    compare_end(c, "/use/dataRange/to", from->has_to, to->has_to, from->range_to_ms == to->range_to_ms,
                to->range_to_ms > from->range_to_ms);
}

static void compare_minor(struct comparing *c)
{
    const struct notice *from = c->from, *to = c->to;
    compare_flag(c, "/minor/allowed", from->allows_minor, to->allows_minor, NOTICE_WIDER);
    if (from->guardian_below != to->guardian_below) {
        add(c, to->guardian_below < from->guardian_below ? NOTICE_WIDER : NOTICE_NARROWER, "/minor/guardianRequiredBelow", "%u becomes %u",
            (unsigned)from->guardian_below, (unsigned)to->guardian_below);
    }
}

static void compare_references(struct comparing *c)
{
    const struct notice *from = c->from, *to = c->to;
    const struct {
        const char *pointer;
        struct bytes from, to;
        enum notice_difference difference;
    } words[] = {
        { "/law", from->law, to->law, NOTICE_WIDER },
        { "/purpose/iri", from->purpose, to->purpose, NOTICE_WIDER },
        { "/basis", bytes_of_text(law_basis_word(from->basis)), bytes_of_text(law_basis_word(to->basis)), NOTICE_WIDER },
        { "/border/instrument", from->instrument, to->instrument, NOTICE_WORDING },
        { "/withdrawal/url", from->withdrawal_url, to->withdrawal_url, NOTICE_WORDING },
        { "/rights/url", from->rights_url, to->rights_url, NOTICE_WORDING },
        { "/rights/authority", from->authority_url, to->authority_url, NOTICE_WORDING },
        { "/dpia/ref", from->dpia_ref, to->dpia_ref, NOTICE_WORDING },
        { "/dpia/date", from->dpia_date, to->dpia_date, NOTICE_WORDING },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        compare_words(c, words[i].pointer, words[i].from, words[i].to, words[i].difference);
    }
}

static void compare_texts(struct comparing *c)
{
    for (size_t i = 0; i < notice_text_member_count; i++) {
        if (!texts_equal(notice_text_at(c->from, i), notice_text_at(c->to, i))) {
            add(c, NOTICE_WORDING, notice_text_members[i].pointer, "has other words");
        }
    }
    const struct notice_list *from = &c->from->languages, *to = &c->to->languages;
    for (size_t i = 0; i < to->count; i++) {
        if (!notice_list_has(from, to->items[i])) {
            add(c, NOTICE_WORDING, "/languages", "adds %.*s", BYTES_FMT(to->items[i]));
        }
    }
    for (size_t i = 0; i < from->count; i++) {
        if (!notice_list_has(to, from->items[i])) {
            add(c, NOTICE_WORDING, "/languages", "drops %.*s", BYTES_FMT(from->items[i]));
        }
    }
}

bool notice_compare(const struct notice *from, const struct notice *to, struct notice_changes *out, struct error *e)
{
    struct comparing c = { .from = from, .to = to, .out = out };
    *out = (struct notice_changes){ 0 };
    compare_references(&c);
    compare_party(&c, "holder", &from->holder, &to->holder);
    compare_party(&c, "recipient", &from->recipient, &to->recipient);
    compare_flag(&c, "/purpose/descends", from->purpose_descends, to->purpose_descends, NOTICE_WIDER);
    compare_categories(&c);
    compare_lists(&c, "/service", &from->services, &to->services);
    compare_lists(&c, "/processing", &from->processing, &to->processing);
    compare_flag(&c, "/automatedDecision", from->is_automated, to->is_automated, NOTICE_WIDER);
    compare_lists(&c, "/onward", &from->onward, &to->onward);
    compare_use(&c);
    compare_periods(&c, "/retention/recipientLife", from->has_recipient_life, from->recipient_life, to->has_recipient_life,
                    to->recipient_life);
    compare_end(&c, "/retention/eraseAt", from->has_erase_at, to->has_erase_at, from->erase_at_ms == to->erase_at_ms,
                to->erase_at_ms > from->erase_at_ms);
    compare_lists(&c, "/storage", &from->storage, &to->storage);
    compare_lists(&c, "/jurisdiction", &from->jurisdictions, &to->jurisdictions);
    compare_periods(&c, "/maxValidity", from->has_max_validity, from->max_validity, to->has_max_validity, to->max_validity);
    compare_flag(&c, "/border/crosses", from->crosses_border, to->crosses_border, NOTICE_WIDER);
    compare_minor(&c);
    compare_texts(&c);
    if (c.failed) {
        notice_changes_clear(out);
        return error_memory(e, "notice");
    }
    return true;
}
