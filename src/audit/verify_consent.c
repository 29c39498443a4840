/* That what left on a consent was consented to: given, for this, valid then, and not withdrawn before in the log, as far as it is shown. */
#include "audit/verify_internal.h"
#include "consent/event_text.h"

enum { CATEGORIES_OF_EVENT_MAX = 64 };

/* What the person said in one record about one category, by the last event before the answer. */
struct word {
    struct bytes id, category;
    size_t decided; /* when something of the record was last given or refused, counted from 1: the latest counts. 0: it only asks */
    bool is_given;
    uint64_t from_ms, until_ms;
    int64_t given_ms;
};
struct words {
    struct word *list;
    size_t count, decided_count;
};

static uint64_t limit_of(const struct story *s)
{
    return s->answer != NULL && s->answer->index != UINT64_MAX ? s->answer->index : s->decision->index;
}

static bool is_shown_consent(const struct shown *shown)
{
    return shown->from->role == ROLE_CONSENT && !shown->from->is_hidden;
}

static bool check_order(struct verifying *v)
{
    const struct story *s = v->story;
    const struct shown *last = NULL;
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        char where[64];
        const struct shown *shown = &s->shown[i];
        if (shown->from->role != ROLE_CONSENT) {
            continue;
        }
        (void)verify_where(v, i, where);
        if (last != NULL && shown->index <= last->index) {
            return bundle_refuse(v->refusal, "evidence.order", where, "it does not stand behind the one before in the log");
        }
        last = shown;
    }
    return true;
}

/* Of the person, the recipient and the purpose that the decision is about. */
static bool check_subject(struct verifying *v, const struct shown *shown, const char *where)
{
    const struct story *s = v->story;
    struct bytes text = shown->from->text;
    return (s->person.size > 0 && bytes_equal(verify_event(text, "person"), s->person) &&
            bytes_equal(verify_event(text, "purpose"), s->purpose) && verify_same_member(v, verify_event(text, "recipient"), s->client)) ||
           bundle_refuse(v->refusal, "evidence.consent", where, "it is about another person, recipient or purpose than the decision");
}

static struct word *find_word(struct words *words, struct bytes id, struct bytes category)
{
    struct word fresh = { .id = id, .category = category };
    for (size_t i = 0; i < words->count; i++) {
        if (bytes_equal(words->list[i].id, id)) {
            fresh.decided = words->list[i].decided;
            if (bytes_equal(words->list[i].category, category)) {
                return &words->list[i];
            }
        }
    }
    struct word *word = &words->list[words->count++];
    *word = fresh;
    return word;
}

/* What was decided last speaks, whenever its record was made; one that only asks takes nothing back. */
static void note_decided(struct words *words, struct bytes text, struct bytes id)
{
    struct bytes event = verify_event(text, "event");
    if (!bytes_equal(event, BYTES("give")) && !bytes_equal(event, BYTES("refuse"))) {
        return;
    }
    words->decided_count++;
    for (size_t i = 0; i < words->count; i++) {
        if (bytes_equal(words->list[i].id, id)) {
            words->list[i].decided = words->decided_count;
        }
    }
}

static bool take_event(struct verifying *v, struct words *words, const struct shown *shown, const char *where)
{
    struct bytes name, value, text = shown->from->text, rest = text;
    uint64_t from_ms = 0, until_ms = 0;
    struct bytes id = verify_event(text, "id");
    size_t count = 0;
    if (id.size == 0 || !bytes_to_u64(verify_event(text, "valid_from"), &from_ms) ||
        !bytes_to_u64(verify_event(text, "valid_until"), &until_ms)) {
        return bundle_refuse(v->refusal, "evidence.statement", where, "it has no id or no dates");
    }
    while (event_text_next(&rest, &name, &value)) {
        if (!bytes_equal(name, BYTES("category"))) {
            continue;
        }
        size_t space = bytes_find(value, ' ');
        if (space == value.size || ++count > CATEGORIES_OF_EVENT_MAX) {
            return bundle_refuse(v->refusal, "evidence.statement", where, "a category has no state, or there are more than %d",
                                 CATEGORIES_OF_EVENT_MAX);
        }
        struct word *word = find_word(words, id, bytes_slice(value, space + 1, value.size));
        word->is_given = bytes_equal(bytes_slice(value, 0, space), BYTES("given"));
        word->from_ms = from_ms;
        word->until_ms = until_ms;
        word->given_ms = word->is_given ? shown->time_ms : word->given_ms;
    }
    note_decided(words, text, id);
    return true;
}

/* A crash may have it logged twice, the same text: the first counts. */
static bool is_repeated(const struct story *s, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (is_shown_consent(&s->shown[j]) && bytes_equal(s->shown[j].from->text, s->shown[i].from->text)) {
            return true;
        }
    }
    return false;
}

static bool take_events(struct verifying *v, struct words *words)
{
    struct story *s = v->story;
    uint64_t limit = limit_of(s);
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        char where[64];
        const struct shown *shown = &s->shown[i];
        if (!is_shown_consent(shown)) {
            continue;
        }
        (void)verify_where(v, i, where);
        if (!check_subject(v, shown, where) || (shown->index < limit && !is_repeated(s, i) && !take_event(v, words, shown, where))) {
            return false;
        }
    }
    return true;
}

/* Does the decision name this record? */
static bool is_named(const struct story *s, struct bytes id)
{
    struct bytes name, value, rest = s->decision->from->text;
    while (event_text_next(&rest, &name, &value)) {
        if (bytes_equal(name, BYTES("consent")) && bytes_equal(value, id)) {
            return true;
        }
    }
    return false;
}

static bool is_within(const struct word *word, int64_t time_ms)
{
    return (uint64_t)time_ms + 999 >= word->from_ms && (uint64_t)time_ms < word->until_ms;
}

/* The record that was decided last, of those that speak of the category. */
static const struct word *word_on(const struct words *words, struct bytes category)
{
    const struct word *newest = NULL;
    for (size_t i = 0; i < words->count; i++) {
        const struct word *word = &words->list[i];
        if (word->decided > 0 && bytes_equal(word->category, category) && (newest == NULL || word->decided > newest->decided)) {
            newest = word;
        }
    }
    return newest;
}

static bool is_covered(struct story *s, const struct words *words, struct bytes category)
{
    const struct word *word = word_on(words, category);
    if (word == NULL || !word->is_given || !is_named(s, word->id) || !is_within(word, s->decision->time_ms) ||
        (s->answer != NULL && !is_within(word, s->answer->time_ms))) {
        return false;
    }
    s->consent_given_ms = word->given_ms;
    s->consent_until_ms = (int64_t)(word->until_ms & INT64_MAX);
    return true;
}

/* One line `consent` stands in the decision for each category that leaves on one: as many must be covered. */
static bool check_cover(struct verifying *v, const struct words *words)
{
    struct story *s = v->story;
    struct bytes name, value, rest = s->decision->from->text;
    size_t needed = 0, covered = 0;
    while (event_text_next(&rest, &name, &value)) {
        needed += bytes_equal(name, BYTES("consent"));
        covered += bytes_equal(name, BYTES("released")) && is_covered(s, words, value);
    }
    s->on_consent_count = needed;
    return covered >= needed ||
           bundle_refuse(v->refusal, "evidence.consent", "decision",
                         "what left was not consented to at that time: %zu of %zu categories are covered", covered, needed);
}

static void find_withdrawal(struct story *s)
{
    uint64_t limit = limit_of(s);
    for (size_t i = 0; i < s->bundle.statement_count; i++) {
        const struct shown *shown = &s->shown[i];
        if (is_shown_consent(shown) && shown->index > limit && s->withdrawn_later_ms == 0 &&
            bytes_equal(verify_event(shown->from->text, "event"), BYTES("withdraw")) &&
            is_named(s, verify_event(shown->from->text, "id"))) {
            s->withdrawn_later_ms = shown->time_ms;
        }
    }
}

bool verify_consents(struct verifying *v)
{
    struct story *s = v->story;
    struct words words = { 0 };
    if (!check_order(v)) {
        return false;
    }
    if (s->decision == NULL) {
        return true; /* nothing here says what they were needed for */
    }
    words.list = arena_take(&s->arena, (size_t)BUNDLE_CONSENTS_MAX * CATEGORIES_OF_EVENT_MAX * sizeof *words.list);
    if (words.list == NULL) {
        return verify_memory(v);
    }
    if (!take_events(v, &words)) {
        return false;
    }
    if (!s->is_hidden[ROLE_CONSENT] && !check_cover(v, &words)) {
        return false;
    }
    find_withdrawal(s);
    return true;
}
