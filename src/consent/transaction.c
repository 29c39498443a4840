/* The frame of every change: a transaction in the store, then the log; docs/formats/events.md says what is written. */
#include "consent/consent_internal.h"

#include "base/diag.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"

enum { TRANSACTION_CHANGES_MAX = 1024 * 1024 * 1024 }; /* of a transaction on all that one person has: it is for memory to say */

void consent_make_id(const char *prefix, char id[CONSENT_ID_SIZE])
{
    uint8_t raw[16];
    random_fill(raw, sizeof raw);
    memcpy(id, prefix, 2);
    hex_write(bytes_of(raw, sizeof raw), id + 2);
}

bool consent_is_plain(struct bytes text, size_t size_max, bool allows_space)
{
    if (text.size == 0 || text.size > size_max || !bytes_are_utf8(text)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f || (text.data[i] == ' ' && !allows_space)) {
            return false;
        }
    }
    return true;
}

bool transaction_begin(struct transaction *t, struct consents *consents, struct error *e)
{
    *t = (struct transaction){ .consents = consents };
    if (consents->committer == NULL) {
        return error_set(e, ERROR_DENIED, "consents", "send the change to the running gateway", "they are open for reading only");
    }
    (void)pthread_mutex_lock(&consents->changing);
    if (!store_begin_remembered(consents->store, e)) {
        (void)pthread_mutex_unlock(&consents->changing);
        return false;
    }
    t->now_ms = time_now_ms();
    return true;
}

static bool is_same_key(const struct consent_key *a, const struct consent_key *b)
{
    return bytes_equal(a->person, b->person) && bytes_equal(a->recipient, b->recipient) && bytes_equal(a->purpose, b->purpose);
}

/* Remembers what is overtaken, with a copy of its texts. */
static bool add_key(struct transaction *t, const struct consent_key *key, struct error *e)
{
    for (size_t i = 0; i < t->key_count; i++) {
        if (is_same_key(&t->keys[i], key)) {
            return true;
        }
    }
    if (t->key_count == t->key_room) {
        size_t room = t->key_room == 0 ? 8 : t->key_room * 2;
        struct consent_key *grown = arena_take(&t->arena, room * sizeof *grown);
        if (grown == NULL) {
            return error_memory(e, "consents");
        }
        if (t->key_count > 0) {
            memcpy(grown, t->keys, t->key_count * sizeof *grown);
        }
        t->keys = grown;
        t->key_room = room;
    }
    struct consent_key *added = &t->keys[t->key_count];
    *added = (struct consent_key){ .person = arena_copy(&t->arena, key->person) };
    if (key->recipient.size > 0) {
        added->recipient = arena_copy(&t->arena, key->recipient);
        added->purpose = arena_copy(&t->arena, key->purpose);
    }
    if (added->person.data == NULL || (key->recipient.size > 0 && (added->recipient.data == NULL || added->purpose.data == NULL))) {
        return error_memory(e, "consents");
    }
    t->key_count++;
    return true;
}

static void note(struct transaction *t, int64_t sequence, bool is_pending)
{
    t->first_sequence = t->first_sequence == 0 ? sequence : t->first_sequence;
    t->is_pending = t->is_pending || is_pending;
}

static bool add_text(struct transaction *t, int64_t sequence, int64_t record, struct bytes person, int event, struct buffer *text,
                     struct error *e)
{
    bool ok = text->failed ? error_set(e, ERROR_FULL, "consents", "decide on fewer categories at once", "the event is too long for the log")
                           : records_add_event(t->consents->store, sequence, record, person, event, buffer_bytes(text), e);
    buffer_wipe(text);
    return ok;
}

static bool tell(struct transaction *t, const struct consent_news *news, struct error *e)
{
    return t->consents->listener == NULL || t->consents->listener(t->consents->store, news, e);
}

static bool tell_change(struct transaction *t, const struct consent_change *change, struct error *e)
{
    const enum consent_event event = change->event;
    const struct consent_news news = { .event = consent_event_name(event),
                                       .id = change->id,
                                       .key = &change->key,
                                       .is_begin = event == CONSENT_EVENT_GIVE || event == CONSENT_EVENT_RESUME,
                                       .is_end = event != CONSENT_EVENT_GIVE && event != CONSENT_EVENT_RESUME &&
                                                 event != CONSENT_EVENT_REQUEST && event != CONSENT_EVENT_DEFER,
                                       .is_expiry = event == CONSENT_EVENT_EXPIRE,
                                       .time_ms = t->now_ms };
    return tell(t, &news, e);
}

bool transaction_tell_person(struct transaction *t, struct bytes person, const char *event, bool is_begin, struct error *e)
{
    struct record *first = NULL;
    if (t->consents->listener == NULL || !records_find_open(t->consents, person, &t->arena, &first, e)) {
        return t->consents->listener == NULL;
    }
    for (const struct record *record = first; record != NULL; record = record->next) {
        bool is_given = false;
        for (size_t i = 0; i < record->count; i++) {
            const struct consent_decision *decision = &record->decisions[i];
            is_given = is_given || consent_state_at(decision->state, decision->valid_until_ms, t->now_ms) == CONSENT_GIVEN;
        }
        const struct consent_news news = {
            .event = event, .id = record->id, .key = &record->key, .is_begin = is_begin, .is_end = !is_begin, .time_ms = t->now_ms
        };
        if (is_given && !tell(t, &news, e)) {
            return false;
        }
    }
    return true;
}

bool transaction_add(struct transaction *t, struct consent_change *change, bool is_new, struct error *e)
{
    struct store *store = t->consents->store;
    int64_t sequence = 0;
    struct buffer text;
    change->time_ms = t->now_ms;
    if (!records_next_sequence(store, &sequence, e) || !add_key(t, &change->key, e) ||
        !(is_new ? records_add(store, change, e) : records_update(store, change, e))) {
        return false;
    }
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    consent_event_write(change, sequence, &text);
    if (!records_note_event(store, change->number, consent_event_decides(change->event) ? sequence : 0, buffer_bytes(&text), e)) {
        buffer_wipe(&text);
        return false;
    }
    note(t, sequence, change->event == CONSENT_EVENT_GIVE || change->event == CONSENT_EVENT_RESUME);
    return add_text(t, sequence, change->number, BYTES_NONE, (int)change->event, &text, e) && tell_change(t, change, e);
}

bool transaction_add_person(struct transaction *t, struct bytes person, int event, bool is_pending,
                            void (*write)(const void *context, int64_t sequence, struct buffer *out), const void *context, struct error *e)
{
    const struct consent_key all = { .person = person };
    int64_t sequence = 0;
    struct buffer text;
    if (!records_next_sequence(t->consents->store, &sequence, e) || !add_key(t, &all, e)) {
        return false;
    }
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    write(context, sequence, &text);
    note(t, sequence, is_pending);
    return add_text(t, sequence, 0, person, event, &text, e);
}

/* The log failed after the store had committed: say what holds now. */
static bool fail_unlogged(struct error *e, bool is_pending)
{
    struct error cause = e != NULL ? *e : (struct error){ 0 };
    return error_set(e, cause.kind, cause.where,
                     "it is logged at the next change or start; until then see to what the log lacks (comity doctor)",
                     is_pending ? "the consent is stored, but in force only when it is in the log: %s"
                                : "the change is in force, but not yet in the log: %s",
                     cause.what);
}

static bool is_of_one_person(const struct transaction *t)
{
    for (size_t i = 1; i < t->key_count; i++) {
        if (!bytes_equal(t->keys[i].person, t->keys[0].person)) {
            return false;
        }
    }
    return true;
}

/*
 * What the transaction changed goes into the log beside its first event, and that is what makes it durable (docs/decisions/0013-...md): the store's own
 * commit waits for no disk. Too much for an entry: the store is made durable first, as it were two changes. So it is where it
 * is about several persons: an entry is erased with what lies beside it, and must hold nothing of anybody else.
 */
static bool commit(struct transaction *t, struct buffer *changes, struct error *e)
{
    struct store *store = t->consents->store;
    if (!store_changes(store, changes, e)) {
        store_rollback(store);
        return false;
    }
    if (!store_commit(store, e)) {
        return false;
    }
    if (changes->size <= RECORD_ATTACHMENT_BYTES_MAX && is_of_one_person(t)) {
        return true;
    }
    buffer_reset(changes);
    return store_sync(store, e);
}

bool transaction_end(struct transaction *t, bool ok, uint64_t *last_index, struct error *e)
{
    struct consents *consents = t->consents;
    struct error unsynced;
    struct buffer changes;
    uint64_t index = UINT64_MAX;
    bool is_written = ok && t->first_sequence != 0;
    buffer_init(&changes, TRANSACTION_CHANGES_MAX);
    if (is_written) {
        ok = commit(t, &changes, e);
    } else {
        store_rollback(consents->store);
    }
    /* Also when nothing was written: an earlier try may have come into the store and not into the log. */
    const struct logging_change change = { .first_sequence = is_written ? t->first_sequence : INT64_MAX,
                                           .keys = t->keys,
                                           .key_count = t->key_count,
                                           .changes = buffer_bytes(&changes) };
    if (ok && !logging_run(consents, &change, &index, e)) {
        ok = fail_unlogged(e, t->is_pending);
        if (is_written && !store_sync(consents->store, &unsynced)) { /* the log has it not: the store must keep it */
            diag_error(DIAG_ERROR, "consent", "a change that the log did not take may be lost in a power cut", &unsynced);
        }
    }
    buffer_wipe(&changes);
    (void)pthread_mutex_unlock(&consents->changing);
    if (last_index != NULL) {
        *last_index = is_written ? index : UINT64_MAX;
    }
    return ok;
}

void transaction_clear(struct transaction *t)
{
    arena_clear(&t->arena);
}
