/* What a power cut took from the store, and the log has. */
#include "base/diag.h"
#include "consent/consent_internal.h"
#include "consent/counters_internal.h"
#include "consent/event_text.h"
#include "consent/past.h"
#include "store/state.h"

#include <stdio.h>

struct stored_event {
    struct bytes text; /* of the event in the log */
    uint64_t index;    /* where the store knows it to be; UINT64_MAX: nowhere */
    bool is_there, is_equal;
};

static bool take_stored(void *context, const struct store_value *columns, size_t count)
{
    struct stored_event *stored = context;
    (void)count;
    stored->is_there = true;
    stored->index = columns[1].type == STORE_INTEGER ? (uint64_t)columns[1].integer : UINT64_MAX;
    stored->is_equal = bytes_equal(columns[0].bytes, stored->text);
    return false;
}

static bool read_stored(struct store *store, int64_t sequence, struct stored_event *out, struct error *e)
{
    static const char sql[] = "SELECT payload, log_index FROM consent_events WHERE sequence = ?1";
    const struct store_value values[] = { STORE_INT(sequence) };
    return store_run(store, sql, values, COUNT_OF(values), take_stored, out, NULL, e);
}

static bool note_index(struct store *store, int64_t sequence, uint64_t index, struct error *e)
{
    static const char sql[] = "UPDATE consent_events SET log_index = ?1 WHERE sequence = ?2";
    const struct store_value values[] = { STORE_INT((int64_t)index), STORE_INT(sequence) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool fail(const struct log_entry *entry, const char *what, struct error *e)
{
    return error_set(e, ERROR_INPUT, "consents", "restore the newest backup of the database, or of log and database together",
                     "entry %llu of the log is a consent event that %s", (unsigned long long)entry->index, what);
}

/* In one transaction: the rows, if they are gone, and where the event is. */
static bool recover_entry(struct store *store, const struct log_entry *entry, bool *is_applied, struct error *e)
{
    struct stored_event stored = { .text = entry->statement, .index = UINT64_MAX };
    struct bytes value;
    uint64_t sequence;
    *is_applied = false;
    if (!event_text_get(entry->statement, "sequence", &value) || !bytes_to_u64(value, &sequence) || sequence > INT64_MAX) {
        return fail(entry, "has no sequence", e);
    }
    if (!read_stored(store, (int64_t)sequence, &stored, e)) {
        return false;
    }
    if (!stored.is_there && entry->attachment.size == 0) {
        return fail(entry, "the database lacks", e);
    }
    if (!stored.is_there) {
        *is_applied = true;
        if (!store_apply_changes(store, entry->attachment, e) || !read_stored(store, (int64_t)sequence, &stored, e)) {
            return false;
        }
    }
    /* Where the store knows its place the text may have been changed: a person's identifier is taken out of it before it is out of the log. */
    if (stored.is_there && stored.index <= entry->index) {
        return true;
    }
    /* Where it knows a later place, the event is in the log twice, and the first counts. */
    if (!stored.is_there || !stored.is_equal) {
        return fail(entry, "is not the one that the database has", e);
    }
    return note_index(store, (int64_t)sequence, entry->index, e);
}

static bool recover_one(struct store *store, const struct log_entry *entry, size_t *applied, struct error *e)
{
    bool is_applied = false;
    if (entry->form != RECORD_OPEN || entry->kind != RECORD_EVENT || !consent_history_takes(entry->statement)) {
        return true;
    }
    if (!store_begin_relaxed(store, e)) {
        return false;
    }
    if (!recover_entry(store, entry, &is_applied, e)) {
        store_rollback(store);
        return false;
    }
    *applied += is_applied;
    return store_commit(store, e);
}

bool recovery_run(struct store *store, struct disk *public, struct disk *private, struct error *e)
{
    struct log_reader *reader = NULL;
    uint64_t next, size = 0;
    size_t applied = 0;
    if (!counters_read_next(store, &next, e) || !log_reader_open(&reader, public, private, e)) {
        return false;
    }
    bool ok = log_reader_size(reader, &size, e);
    uint64_t from = next < log_reader_first(reader) ? log_reader_first(reader) : next;
    for (uint64_t i = from; ok && i < size; i++) {
        struct log_entry entry;
        ok = log_reader_get(reader, i, &entry, e) && recover_one(store, &entry, &applied, e);
    }
    log_reader_close(reader);
    if (ok && applied > 0) {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", applied);
        diag(DIAG_INFO, "consent", "the database had lost changes, which the log has", "changes", number, NULL);
        ok = store_sync(store, e);
    }
    return ok;
}
