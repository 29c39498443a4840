/* Whom a breach touched: the disclosures of a time, by person. */
#include <stdlib.h>

#include <xxhash.h>

#include "rights/breach.h"

enum { SLOTS_FIRST = 1024, WORDS_MAX = 4096, LIST_BYTES_MAX = 1024 * 1024 };

/* Texts that come again and again, once each; they are referred to by index. */
struct words {
    struct bytes list[WORDS_MAX];
    size_t count;
};
/* A growing list of indexes, in the arena, each once, in order of coming. */
struct set {
    uint32_t *list;
    uint32_t count, capacity;
};
struct touched {
    struct bytes person;
    uint64_t disclosures;
    int64_t first_ms, last_ms;
    struct set categories, recipients;
};
struct scan {
    const struct breach_scope *scope;
    struct arena *arena;
    struct words categories, recipients;
    struct touched **persons; /* heap; each in the arena */
    size_t count, capacity;
    uint32_t *slots; /* heap: index + 1 by hash; 0: free */
    size_t slot_count;
    uint64_t disclosures;
    struct error *e;
    bool failed;
};

static bool is_within(struct bytes whole, struct bytes part)
{
    return part.size == 0 || bytes_equal(whole, part) ||
           (bytes_start_with(whole, part) && whole.size > part.size && whole.data[part.size] == '/');
}

static bool is_meant(const struct breach_scope *scope, const struct disclosure *d)
{
    return d->time_ms >= scope->from_ms && d->time_ms < scope->until_ms && d->person.size > 0 && is_within(d->service, scope->service) &&
           is_within(d->client, scope->recipient) && (scope->category.size == 0 || bytes_list_has(d->released, scope->category));
}

/* ---- Words and sets ---- */

static bool word_index(struct scan *scan, struct words *words, struct bytes text, uint32_t *out)
{
    for (size_t i = 0; i < words->count; i++) {
        if (bytes_equal(words->list[i], text)) {
            *out = (uint32_t)i;
            return true;
        }
    }
    if (words->count == WORDS_MAX) {
        return error_set(scan->e, ERROR_FULL, "breach", "narrow it by --service, --recipient or a shorter time",
                         "more than %d recipients or categories", WORDS_MAX);
    }
    struct bytes copy = arena_copy(scan->arena, text);
    if (copy.data == NULL) {
        return error_memory(scan->e, "breach");
    }
    *out = (uint32_t)words->count;
    words->list[words->count++] = copy;
    return true;
}

static bool set_add(struct scan *scan, struct set *set, uint32_t value)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->list[i] == value) {
            return true;
        }
    }
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 4 : 2 * set->capacity;
        uint32_t *grown = arena_take(scan->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_memory(scan->e, "breach");
        }
        if (set->count > 0) {
            memcpy(grown, set->list, set->count * sizeof *grown);
        }
        set->list = grown;
        set->capacity = capacity;
    }
    set->list[set->count++] = value;
    return true;
}

/* ---- Persons ---- */

static size_t slot_of(const struct scan *scan, struct bytes person)
{
    size_t at = (size_t)XXH3_64bits(person.data, person.size) & (scan->slot_count - 1);
    while (scan->slots[at] != 0 && !bytes_equal(scan->persons[scan->slots[at] - 1]->person, person)) {
        at = (at + 1) & (scan->slot_count - 1);
    }
    return at;
}

static bool grow(struct scan *scan)
{
    size_t capacity = scan->capacity == 0 ? SLOTS_FIRST / 2 : 2 * scan->capacity;
    struct touched **persons = realloc(scan->persons, capacity * sizeof *persons);
    uint32_t *slots = calloc(2 * capacity, sizeof *slots);
    scan->persons = persons != NULL ? persons : scan->persons;
    if (persons == NULL || slots == NULL || capacity > UINT32_MAX / 2) {
        free(slots);
        return error_memory(scan->e, "breach");
    }
    free(scan->slots);
    scan->slots = slots;
    scan->slot_count = 2 * capacity;
    scan->capacity = capacity;
    for (size_t i = 0; i < scan->count; i++) {
        scan->slots[slot_of(scan, scan->persons[i]->person)] = (uint32_t)i + 1;
    }
    return true;
}

static struct touched *find_person(struct scan *scan, struct bytes person)
{
    if (scan->count == scan->capacity && !grow(scan)) {
        return NULL;
    }
    size_t at = slot_of(scan, person);
    if (scan->slots[at] != 0) {
        return scan->persons[scan->slots[at] - 1];
    }
    struct touched *fresh = arena_take_zeroed(scan->arena, sizeof *fresh);
    struct bytes copy = arena_copy(scan->arena, person);
    if (fresh == NULL || copy.data == NULL) {
        (void)error_memory(scan->e, "breach");
        return NULL;
    }
    fresh->person = copy;
    scan->persons[scan->count++] = fresh;
    scan->slots[at] = (uint32_t)scan->count;
    return fresh;
}

static bool take(struct scan *scan, const struct disclosure *d)
{
    struct touched *touched = find_person(scan, d->person);
    struct bytes rest = d->released, item;
    uint32_t index = 0;
    if (touched == NULL || !word_index(scan, &scan->recipients, d->client, &index) || !set_add(scan, &touched->recipients, index)) {
        return false;
    }
    while (rest.size > 0 && bytes_split(&rest, ',', &item)) {
        if (!word_index(scan, &scan->categories, bytes_trim(item), &index) || !set_add(scan, &touched->categories, index)) {
            return false;
        }
    }
    touched->first_ms = touched->disclosures == 0 ? d->time_ms : touched->first_ms;
    touched->last_ms = d->time_ms;
    touched->disclosures++;
    scan->disclosures++;
    return true;
}

static bool take_disclosure(void *context, const struct disclosure *d)
{
    struct scan *scan = context;
    scan->failed = is_meant(scan->scope, d) && !take(scan, d);
    return !scan->failed;
}

/* ---- Telling ---- */

static int by_person(const void *a, const void *b)
{
    return bytes_compare((*(struct touched *const *)a)->person, (*(struct touched *const *)b)->person);
}

static void join(const struct words *words, const uint32_t *indexes, size_t count, struct buffer *out)
{
    buffer_reset(out);
    for (size_t i = 0; i < count; i++) {
        buffer_append(out, i > 0 ? BYTES(", ") : BYTES_NONE);
        buffer_append(out, words->list[indexes == NULL ? i : indexes[i]]);
    }
}

static bool tell(struct scan *scan, breach_each *each, void *context, struct breach_extent *extent)
{
    struct buffer categories, recipients;
    bool ok = true;
    buffer_init(&categories, LIST_BYTES_MAX);
    buffer_init(&recipients, LIST_BYTES_MAX);
    for (size_t i = 0; ok && each != NULL && i < scan->count; i++) {
        const struct touched *t = scan->persons[i];
        join(&scan->categories, t->categories.list, t->categories.count, &categories);
        join(&scan->recipients, t->recipients.list, t->recipients.count, &recipients);
        const struct breach_person person = { .person = t->person,
                                              .categories = buffer_bytes(&categories),
                                              .recipients = buffer_bytes(&recipients),
                                              .disclosures = t->disclosures,
                                              .first_ms = t->first_ms,
                                              .last_ms = t->last_ms };
        ok = !categories.failed && !recipients.failed;
        if (ok && !each(context, &person)) {
            break;
        }
    }
    join(&scan->categories, NULL, scan->categories.count, &categories);
    join(&scan->recipients, NULL, scan->recipients.count, &recipients);
    extent->persons = scan->count;
    extent->disclosures = scan->disclosures;
    extent->categories = arena_copy(scan->arena, buffer_bytes(&categories));
    extent->recipients = arena_copy(scan->arena, buffer_bytes(&recipients));
    ok = ok && !categories.failed && !recipients.failed && extent->categories.data != NULL && extent->recipients.data != NULL;
    buffer_clear(&categories);
    buffer_clear(&recipients);
    return ok || error_memory(scan->e, "breach");
}

bool breach_scan(struct disk *public, struct disk *private, const struct breach_scope *scope, breach_each *each, void *context,
                 struct arena *arena, struct breach_extent *extent, struct error *e)
{
    struct log_reader *reader = NULL;
    uint64_t size = 0, from = 0;
    struct scan *scan = calloc(1, sizeof *scan);
    *extent = (struct breach_extent){ 0 };
    if (scan == NULL) {
        return error_memory(e, "breach");
    }
    *scan = (struct scan){ .scope = scope, .arena = arena, .e = e };
    bool ok = log_reader_open(&reader, public, private, e) && log_reader_size(reader, &size, e) &&
              log_first_since(reader, size, scope->from_ms, &from, e) && disclosures_scan(reader, from, size, take_disclosure, scan, e) &&
              !scan->failed;
    if (ok && scan->count > 0) {
        qsort(scan->persons, scan->count, sizeof(struct touched *), by_person);
    }
    ok = ok && tell(scan, each, context, extent);
    log_reader_close(reader);
    free(scan->persons);
    free(scan->slots);
    free(scan);
    return ok;
}
