#include "consent/past.h"

#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/arena.h"
#include "base/random.h"
#include "consent/consent_internal.h"
#include "consent/event_text.h"
#include "consent/import_file.h"
#include "consent/terms_internal.h"

enum { BUCKETS_FIRST = 1024, SEQUENCES_FIRST = 1024 };

/* One record, newest first in its key's list. Its decisions stand in the order of their categories. */
struct past_record {
    struct past_record *older;
    struct arena memory;
    struct bytes id;
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX];
    size_t count;
    struct consent_terms terms;
    bool has_terms;
    bool is_decided; /* not only asked for: only then it speaks in a view */
};
/* Keys of a person of whom only the facts are known share views. */
struct past_view {
    struct consent_view view;
    size_t references;
};
/*
 * What is known of one key; that of a person has a key without recipient and purpose. The person's facts are in the view of each of the
 * person's keys, so they are chained.
 */
struct key_history {
    struct key_history *next; /* in its bucket */
    uint64_t hash;
    struct arena memory; /* of the key */
    struct consent_key key;
    struct past_record *newest;
    struct consent_past past;
    struct key_history *of_person; /* in a person's: the newest of the keys; else the next one of the person */
    struct consent_person facts;   /* in a person's */
};
struct consent_history {
    struct key_history **buckets;
    size_t bucket_count, key_count; /* a power of two */
    uint64_t *sequences;            /* those seen: open addressing, 0 is free */
    size_t sequence_room, sequence_count;
    uint64_t seed;
    struct arena scratch; /* of one event */
};

struct consent_history *consent_history_make(void)
{
    struct consent_history *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return NULL;
    }
    h->bucket_count = BUCKETS_FIRST;
    h->sequence_room = SEQUENCES_FIRST;
    h->buckets = calloc(h->bucket_count, sizeof(struct key_history *));
    h->sequences = calloc(h->sequence_room, sizeof *h->sequences);
    random_fill(&h->seed, sizeof h->seed);
    if (h->buckets == NULL || h->sequences == NULL) {
        consent_history_free(h);
        return NULL;
    }
    return h;
}

static void free_view(struct consent_view *view)
{
    struct past_view *past = (struct past_view *)view;
    if (view != NULL && --past->references == 0) {
        consent_view_clear(view);
        free(past);
    }
}

static void free_key(struct key_history *key)
{
    while (key->newest != NULL) {
        struct past_record *older = key->newest->older;
        arena_clear(&key->newest->memory);
        free(key->newest);
        key->newest = older;
    }
    for (size_t i = 0; i < key->past.count; i++) {
        free_view(key->past.versions[i].view);
    }
    arena_clear(&key->memory);
    free(key);
}

void consent_history_free(struct consent_history *history)
{
    if (history == NULL) {
        return;
    }
    for (size_t i = 0; history->buckets != NULL && i < history->bucket_count; i++) {
        while (history->buckets[i] != NULL) {
            struct key_history *next = history->buckets[i]->next;
            free_key(history->buckets[i]);
            history->buckets[i] = next;
        }
    }
    free(history->buckets);
    free(history->sequences);
    arena_clear(&history->scratch);
    free(history);
}

/* ---- Which events were seen ---- */

static size_t sequence_slot(const uint64_t *table, size_t room, uint64_t seed, uint64_t sequence)
{
    size_t slot = XXH3_64bits_withSeed(&sequence, sizeof sequence, seed) & (room - 1);
    while (table[slot] != 0 && table[slot] != sequence) {
        slot = (slot + 1) & (room - 1);
    }
    return slot;
}

/* False: out of memory. */
static bool note_sequence(struct consent_history *h, uint64_t sequence, bool *is_new)
{
    size_t slot = sequence_slot(h->sequences, h->sequence_room, h->seed, sequence);
    *is_new = h->sequences[slot] == 0;
    if (!*is_new) {
        return true;
    }
    if (h->sequence_count * 2 >= h->sequence_room) {
        size_t room = h->sequence_room * 2;
        uint64_t *grown = calloc(room, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        for (size_t i = 0; i < h->sequence_room; i++) {
            if (h->sequences[i] != 0) {
                grown[sequence_slot(grown, room, h->seed, h->sequences[i])] = h->sequences[i];
            }
        }
        free(h->sequences);
        h->sequences = grown;
        h->sequence_room = room;
        slot = sequence_slot(grown, room, h->seed, sequence);
    }
    h->sequences[slot] = sequence;
    h->sequence_count++;
    return true;
}

/* ---- Keys ---- */

static uint64_t hash_key(const struct consent_history *h, const struct consent_key *key)
{
    static const uint8_t none;
    const struct bytes parts[] = { key->person, key->recipient, key->purpose };
    uint64_t hash = h->seed;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        hash = XXH3_64bits_withSeed(parts[i].data != NULL ? parts[i].data : &none, parts[i].size, hash);
    }
    return hash;
}

static struct key_history *find_key(const struct consent_history *h, const struct consent_key *key, uint64_t hash)
{
    struct key_history *found = h->buckets[hash & (h->bucket_count - 1)];
    while (found != NULL && (found->hash != hash || !bytes_equal(found->key.person, key->person) ||
                             !bytes_equal(found->key.recipient, key->recipient) || !bytes_equal(found->key.purpose, key->purpose))) {
        found = found->next;
    }
    return found;
}

/* Twice the buckets; without memory for it, the lists just grow longer. */
static void grow_buckets(struct consent_history *h)
{
    size_t count = h->bucket_count * 2;
    struct key_history **grown = calloc(count, sizeof(struct key_history *));
    if (grown == NULL) {
        return;
    }
    for (size_t i = 0; i < h->bucket_count; i++) {
        while (h->buckets[i] != NULL) {
            struct key_history *moved = h->buckets[i];
            h->buckets[i] = moved->next;
            moved->next = grown[moved->hash & (count - 1)];
            grown[moved->hash & (count - 1)] = moved;
        }
    }
    free(h->buckets);
    h->buckets = grown;
    h->bucket_count = count;
}

/* Without versions. NULL: out of memory. */
static struct key_history *add_key(struct consent_history *h, const struct consent_key *key, uint64_t hash)
{
    if (h->key_count >= h->bucket_count) {
        grow_buckets(h);
    }
    struct key_history *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->hash = hash;
    made->key = (struct consent_key){ .person = arena_copy(&made->memory, key->person),
                                      .recipient = arena_copy(&made->memory, key->recipient),
                                      .purpose = arena_copy(&made->memory, key->purpose) };
    if (made->key.person.data == NULL || made->key.recipient.data == NULL || made->key.purpose.data == NULL) {
        free_key(made);
        return NULL;
    }
    struct key_history **bucket = &h->buckets[hash & (h->bucket_count - 1)];
    made->next = *bucket;
    *bucket = made;
    h->key_count++;
    return made;
}

/* The person's own: where the facts are, and what the view of a key is that no event was about. */
static struct key_history *take_person(struct consent_history *h, struct bytes person)
{
    const struct consent_key key = { .person = person };
    uint64_t hash = hash_key(h, &key);
    struct key_history *found = find_key(h, &key, hash);
    if (found != NULL) {
        return found;
    }
    uint8_t nothing[SHA256_SIZE];
    found = consent_view_digest(NULL, nothing) ? add_key(h, &key, hash) : NULL;
    if (found != NULL) {
        found->past.count = 1;
        memcpy(found->past.versions[0].digest, nothing, sizeof nothing);
    }
    return found;
}

/* A key that comes late had until now the views that a person has of whom only the facts are known. */
static struct key_history *take_key(struct consent_history *h, const struct consent_key *key)
{
    uint64_t hash = hash_key(h, key);
    struct key_history *found = find_key(h, key, hash);
    struct key_history *person = found == NULL ? take_person(h, key->person) : NULL;
    if (found != NULL || person == NULL) {
        return found;
    }
    found = add_key(h, key, hash);
    if (found == NULL) {
        return NULL;
    }
    found->past = person->past;
    for (size_t i = 0; i < found->past.count; i++) {
        struct consent_view *view = found->past.versions[i].view;
        if (view != NULL) {
            ((struct past_view *)view)->references++;
        }
    }
    found->of_person = person->of_person;
    person->of_person = found;
    return found;
}

const struct consent_past *consent_history_find(const struct consent_history *history, const struct consent_key *key)
{
    const struct key_history *found = find_key(history, key, hash_key(history, key));
    if (found == NULL) {
        const struct consent_key person = { .person = key->person };
        found = find_key(history, &person, hash_key(history, &person));
    }
    return found == NULL ? NULL : &found->past;
}

const struct consent_version *consent_past_find(const struct consent_past *past, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < past->count; i++) {
        if (memcmp(past->versions[i].digest, digest, SHA256_SIZE) == 0) {
            return &past->versions[i];
        }
    }
    return NULL;
}

/* ---- One event ---- */

struct event {
    uint64_t sequence;
    struct bytes name, id;
    struct consent_key key;
    int64_t valid_from_ms, valid_until_ms;
    struct consent_decision decisions[CONSENT_CATEGORIES_MAX];
    size_t count;
    struct consent_terms terms;
    bool has_terms;
};

static bool take_text(struct consent_history *h, struct bytes text, const char *name, struct bytes *out)
{
    struct bytes value;
    *out = event_text_get(text, name, &value) ? event_text_decode(&h->scratch, value) : BYTES_NONE;
    return out->data != NULL;
}

static bool take_time(struct bytes text, const char *name, int64_t *out)
{
    struct bytes value;
    uint64_t number;
    if (!event_text_get(text, name, &value) || !bytes_to_u64(value, &number) || number > INT64_MAX) {
        return false;
    }
    *out = (int64_t)number;
    return true;
}

static bool find_state(struct bytes name, enum consent_state *out)
{
    for (int state = CONSENT_REQUESTED; state <= CONSENT_INVALIDATED; state++) {
        if (bytes_equal(name, bytes_of_text(consent_state_name((enum consent_state)state)))) {
            *out = (enum consent_state)state;
            return true;
        }
    }
    return false;
}

static int by_category(const void *a, const void *b)
{
    return bytes_compare(((const struct consent_decision *)a)->category, ((const struct consent_decision *)b)->category);
}

static bool take_categories(struct consent_history *h, struct bytes text, struct event *event)
{
    struct bytes name, value;
    while (event_text_next(&text, &name, &value)) {
        if (!bytes_equal(name, BYTES("category"))) {
            continue;
        }
        struct bytes rest = event_text_decode(&h->scratch, value), state;
        struct consent_decision *decision = &event->decisions[event->count];
        if (event->count == CONSENT_CATEGORIES_MAX || rest.data == NULL || !bytes_split(&rest, ' ', &state) ||
            !find_state(state, &decision->state) || rest.size == 0) {
            return false;
        }
        decision->category = rest;
        decision->valid_from_ms = event->valid_from_ms;
        decision->valid_until_ms = event->valid_until_ms;
        event->count++;
    }
    qsort(event->decisions, event->count, sizeof event->decisions[0], by_category);
    return event->count > 0;
}

static bool read_event(struct consent_history *h, struct bytes text, struct event *event)
{
    struct bytes value;
    *event = (struct event){ 0 };
    return event_text_is(text, "consent/1") && event_text_get(text, "sequence", &value) && bytes_to_u64(value, &event->sequence) &&
           event->sequence > 0 && take_text(h, text, "event", &event->name) && take_text(h, text, "id", &event->id) &&
           take_text(h, text, "person", &event->key.person) && take_text(h, text, "recipient", &event->key.recipient) &&
           take_text(h, text, "purpose", &event->key.purpose) && take_time(text, "valid_from", &event->valid_from_ms) &&
           take_time(text, "valid_until", &event->valid_until_ms) && take_categories(h, text, event) &&
           consent_terms_read(text, &event->terms, &event->has_terms);
}

/* Does it say what the person decided? Then the dates and the terms are those that hold. */
static bool is_decision(const struct event *event)
{
    return bytes_equal(event->name, BYTES("give")) || bytes_equal(event->name, BYTES("refuse"));
}

/* What the record's events until now and this one make of it. */
static void take_terms(struct past_record *record, const struct event *event)
{
    record->is_decided = record->is_decided || is_decision(event);
    if (event->has_terms) {
        record->terms = event->terms;
        record->has_terms = true;
    }
    for (size_t i = 0; i < record->count; i++) {
        record->decisions[i].terms = record->has_terms ? &record->terms : NULL;
    }
}

static bool add_record(struct key_history *key, const struct event *event)
{
    struct past_record *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return false;
    }
    made->id = arena_copy(&made->memory, event->id);
    bool ok = made->id.data != NULL;
    for (size_t i = 0; ok && i < event->count; i++) {
        made->decisions[i] = event->decisions[i];
        made->decisions[i].category = arena_copy(&made->memory, event->decisions[i].category);
        made->decisions[i].record_id = made->id;
        ok = made->decisions[i].category.data != NULL;
    }
    if (!ok) {
        arena_clear(&made->memory);
        free(made);
        return false;
    }
    made->count = event->count;
    take_terms(made, event);
    made->older = key->newest;
    key->newest = made;
    return true;
}

/* Where the record stands in the list; NULL: it isn't there. */
static struct past_record **find_record(struct key_history *key, struct bytes id)
{
    struct past_record **at = &key->newest;
    while (*at != NULL && !bytes_equal((*at)->id, id)) {
        at = &(*at)->older;
    }
    return *at != NULL ? at : NULL;
}

/* The newest decision speaks, however old the request is that it answers. */
static void bring_forward(struct key_history *key, struct past_record **at)
{
    struct past_record *record = *at;
    *at = record->older;
    record->older = key->newest;
    key->newest = record;
}

/* False: the record, or a category of it, is not there. */
static bool change_record(struct key_history *key, const struct event *event)
{
    struct past_record **at = find_record(key, event->id), *record = at != NULL ? *at : NULL;
    for (size_t i = 0; record != NULL && i < event->count; i++) {
        struct consent_decision *found = bsearch(&event->decisions[i], record->decisions, record->count, sizeof *found, by_category);
        if (found == NULL) {
            return false;
        }
        found->state = event->decisions[i].state;
        if (is_decision(event)) {
            found->valid_from_ms = event->valid_from_ms;
            found->valid_until_ms = event->valid_until_ms;
        }
    }
    if (record == NULL) {
        return false;
    }
    take_terms(record, event);
    if (is_decision(event)) {
        bring_forward(key, at);
    }
    return true;
}

/* ---- Views ---- */

static bool is_told(const struct consent_decision *decisions, size_t count, struct bytes category)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(decisions[i].category, category)) {
            return true;
        }
    }
    return false;
}

/* The same as records_load_view() makes of the rows: of each category what the newest record says. */
static struct consent_view *make_view(const struct key_history *key, const struct consent_person *facts)
{
    size_t most = 0, count = 0;
    for (const struct past_record *record = key->newest; record != NULL; record = record->older) {
        most += record->count;
    }
    struct consent_decision *decisions = calloc(most + 1, sizeof *decisions);
    if (decisions == NULL) {
        return NULL;
    }
    for (const struct past_record *record = key->newest; record != NULL; record = record->older) {
        for (size_t i = 0; record->is_decided && i < record->count; i++) {
            if (!is_told(decisions, count, record->decisions[i].category)) {
                decisions[count++] = record->decisions[i];
            }
        }
    }
    struct past_view *made = calloc(1, sizeof *made);
    if (made == NULL || !consent_view_copy(&made->view, decisions, count)) {
        free(made);
        free(decisions);
        return NULL;
    }
    free(decisions);
    made->references = 1;
    made->view.person = *facts;
    return &made->view;
}

static bool add_version(struct key_history *key, const struct consent_person *facts, uint64_t entry)
{
    struct consent_past *past = &key->past;
    struct consent_version version = { .view = make_view(key, facts), .entry = entry };
    if (version.view == NULL || !consent_view_digest(version.view, version.digest)) {
        free_view(version.view);
        return false;
    }
    if (past->count == CONSENT_HISTORY_VERSIONS) {
        free_view(past->versions[--past->count].view);
    }
    memmove(&past->versions[1], &past->versions[0], past->count * sizeof past->versions[0]);
    past->versions[0] = version;
    past->count++;
    return true;
}

/* An imported record may bring its person's date of birth. False: memory. */
static bool take_born(struct key_history *person, struct bytes text, uint64_t entry)
{
    struct consent_person facts;
    if (!consent_person_read(text, &facts) || !facts.has_born || person->facts.has_born) {
        return true;
    }
    person->facts.has_born = true;
    person->facts.born_day = facts.born_day;
    bool ok = add_version(person, &person->facts, entry);
    for (struct key_history *key = person->of_person; ok && key != NULL; key = key->of_person) {
        ok = add_version(key, &person->facts, entry);
    }
    return ok;
}

/* A consent's event; `is_alone`: not one of a batch, which all have its sequence. */
static bool add_consent(struct consent_history *history, struct bytes text, uint64_t entry, bool is_alone, struct consent_key *changed,
                        struct error *e)
{
    struct event event;
    bool is_new = true;
    if (!read_event(history, text, &event)) {
        return error_set(e, ERROR_INPUT, "consent event", NULL, "entry %llu is no whole consent event", (unsigned long long)entry);
    }
    if (is_alone && !note_sequence(history, event.sequence, &is_new)) {
        return error_memory(e, "consent events");
    }
    if (!is_new) {
        return true;
    }
    struct key_history *key = take_key(history, &event.key), *person = key != NULL ? take_person(history, event.key.person) : NULL;
    if (person == NULL || (!is_alone && !take_born(person, text, entry))) {
        return error_memory(e, "consent events");
    }
    bool begins = (is_decision(&event) || bytes_equal(event.name, BYTES("request"))) && find_record(key, event.id) == NULL;
    if (begins && !add_record(key, &event)) {
        return error_memory(e, "consent events");
    }
    if (!begins && !change_record(key, &event)) {
        return error_set(e, ERROR_INPUT, "consent event", "look for an earlier part of the log that is gone",
                         "entry %llu changes a consent that no entry before it gave", (unsigned long long)entry);
    }
    if (!add_version(key, &person->facts, entry)) {
        return error_memory(e, "consent events");
    }
    *changed = event.key;
    return true;
}

/* A person's event: it says what is known of the person from here on, and so is in all views. */
static bool add_person(struct consent_history *history, struct bytes text, uint64_t entry, struct consent_key *changed, struct error *e)
{
    struct bytes value, name;
    struct consent_person facts;
    uint64_t sequence = 0;
    bool is_new = false;
    if (!event_text_is(text, "person/1") || !event_text_get(text, "sequence", &value) || !bytes_to_u64(value, &sequence) || sequence == 0 ||
        !take_text(history, text, "person", &name) || !consent_person_read(text, &facts)) {
        return error_set(e, ERROR_INPUT, "person event", NULL, "entry %llu is no whole event of a person", (unsigned long long)entry);
    }
    struct key_history *person = note_sequence(history, sequence, &is_new) ? take_person(history, name) : NULL;
    if (person == NULL) {
        return error_memory(e, "consent events");
    }
    if (!is_new) {
        return true;
    }
    person->facts = facts;
    bool ok = add_version(person, &facts, entry);
    for (struct key_history *key = person->of_person; ok && key != NULL; key = key->of_person) {
        ok = add_version(key, &facts, entry);
    }
    changed->person = name;
    return ok || error_memory(e, "consent events");
}

bool consent_history_takes(struct bytes text)
{
    return bytes_start_with(text, BYTES("comity-event: consent/1\n")) || bytes_start_with(text, BYTES("comity-event: person/1\n")) ||
           consent_history_is_batch(text);
}

bool consent_history_is_batch(struct bytes text)
{
    return bytes_start_with(text, BYTES("comity-event: consent-import/1\n"));
}

bool consent_history_add(struct consent_history *history, struct bytes text, uint64_t entry, struct consent_key *changed, struct error *e)
{
    struct consent_key unwanted;
    changed = changed != NULL ? changed : &unwanted;
    *changed = (struct consent_key){ 0 };
    arena_clear(&history->scratch);
    if (consent_history_is_batch(text)) {
        return error_set(e, ERROR_INPUT, "consent event", NULL, "entry %llu is a batch's", (unsigned long long)entry);
    }
    return bytes_start_with(text, BYTES("comity-event: person/1\n")) ? add_person(history, text, entry, changed, e)
                                                                     : add_consent(history, text, entry, true, changed, e);
}

/* ---- Batches ---- */

static bool take_root(struct bytes text, uint8_t root[SHA256_SIZE])
{
    struct bytes value;
    return event_text_get(text, "root", &value) && event_text_digest(value, root);
}

static bool add_records(struct consent_history *history, const struct import_file *file, uint64_t entry, consent_history_each *each,
                        void *context, struct error *e)
{
    struct buffer record;
    bool ok = true;
    buffer_init(&record, RECORD_STATEMENT_BYTES_MAX);
    for (uint32_t i = 0; ok && i < file->count; i++) {
        struct consent_key changed = { .person = BYTES_NONE };
        bool is_erased = false;
        buffer_reset(&record);
        arena_clear(&history->scratch);
        ok = import_file_at(file, i, &record, &is_erased, e) &&
             (is_erased || (add_consent(history, buffer_bytes(&record), entry, false, &changed, e) &&
                            (each == NULL || changed.person.size == 0 || each(context, &changed) || error_memory(e, "consent events"))));
    }
    buffer_wipe(&record);
    return ok;
}

bool consent_history_add_batch(struct consent_history *history, struct bytes text, uint64_t entry, struct disk *private,
                               consent_history_each *each, void *context, struct error *e)
{
    struct import_file file;
    struct bytes name, sequence;
    uint8_t root[SHA256_SIZE];
    uint64_t number = 0;
    bool is_new = false;
    char batch[IMPORT_BATCH_SIZE + 1];
    if (!event_text_is(text, "consent-import/1") || !event_text_get(text, "batch", &name) || name.size != IMPORT_BATCH_SIZE ||
        !take_root(text, root) || !event_text_get(text, "sequence", &sequence) || !bytes_to_u64(sequence, &number) || number == 0) {
        return error_set(e, ERROR_INPUT, "import event", NULL, "entry %llu is no whole event of an import", (unsigned long long)entry);
    }
    if (private == NULL) {
        return error_set(e, ERROR_ABSENT, "import", NULL, "the records of entry %llu are not at hand", (unsigned long long)entry);
    }
    if (!note_sequence(history, number, &is_new)) {
        return error_memory(e, "consent events");
    }
    (void)snprintf(batch, sizeof batch, "%.*s", BYTES_FMT(name));
    if (!is_new || strspn(batch, "0123456789abcdef") != IMPORT_BATCH_SIZE) {
        return !is_new || error_set(e, ERROR_INPUT, "import event", NULL, "entry %llu names no batch", (unsigned long long)entry);
    }
    if (!import_file_read(&file, private, batch, e)) {
        return false;
    }
    bool ok = memcmp(file.root, root, sizeof root) == 0 ||
              error_set(e, ERROR_INPUT, "import", NULL, "the records are not those of entry %llu", (unsigned long long)entry);
    ok = ok && add_records(history, &file, entry, each, context, e);
    import_file_clear(&file);
    return ok;
}
