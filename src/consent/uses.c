#include "consent/uses.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/metrics.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "store/state.h"

#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "evidence/merkle.h"

enum { CHUNK_ENTRIES = 500 }; /* in one transaction: holds the database for a millisecond and one sync */
#define STATE_KEY "uses.key"
#define STATE_NEXT "uses.next"
#define STATE_FIRST "uses.first"

static struct metric lag_entries = { .name = "comity_consent_uses_lag_entries",
                                     .labels = "",
                                     .help = "Entries of the log that the index of uses lacks.",
                                     .kind = METRIC_GAUGE };

/* Reads the key, or makes it; inside a transaction, so that two processes agree on one. */
static bool load_key(struct uses *uses, struct error *e)
{
    struct buffer text;
    struct error absent;
    char hex[2 * USES_KEY_SIZE + 1];
    buffer_init(&text, 256);
    bool ok = false;
    if (!store_begin(uses->store, e)) {
        goto done;
    }
    if (state_get_text(uses->store, STATE_KEY, &text, &absent)) {
        ok = hex_parse(buffer_bytes(&text), uses->key, USES_KEY_SIZE) ||
             error_set(e, ERROR_INPUT, STATE_KEY, "restore the database from a backup", "the stored key is damaged");
    } else if (absent.kind == ERROR_ABSENT) {
        random_fill(uses->key, USES_KEY_SIZE);
        hex_write(bytes_of(uses->key, USES_KEY_SIZE), hex);
        ok = state_set_text(uses->store, STATE_KEY, bytes_of(hex, 2 * USES_KEY_SIZE), e);
    } else {
        ok = error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
    }
    if (ok) {
        ok = store_commit(uses->store, e);
    } else {
        store_rollback(uses->store);
    }
done:
    buffer_wipe(&text);
    explicit_bzero(hex, sizeof hex);
    return ok;
}

bool uses_open(struct uses **out, struct store *store, struct disk *public, struct disk *private, struct error *e)
{
    *out = NULL;
    struct uses *uses = calloc(1, sizeof *uses);
    if (uses == NULL || pthread_mutex_init(&uses->mutex, NULL) != 0) {
        free(uses);
        return error_memory(e, "uses");
    }
    if (pthread_mutex_init(&uses->list_mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&uses->mutex);
        free(uses);
        return error_memory(e, "uses");
    }
    uses->store = store;
    uses->public = public;
    uses->private = private;
    metric_register(&lag_entries);
    if (!load_key(uses, e) || !uses_map_open(uses, e)) {
        uses_close(uses);
        return false;
    }
    *out = uses;
    return true;
}

void uses_close(struct uses *uses)
{
    if (uses == NULL) {
        return;
    }
    vrf_free(uses->vrf);
    log_reader_close(uses->reader);
    log_reader_close(uses->list_reader);
    (void)pthread_mutex_destroy(&uses->mutex);
    (void)pthread_mutex_destroy(&uses->list_mutex);
    explicit_bzero(uses, sizeof *uses);
    free(uses);
}

void uses_hash_person(const struct uses *uses, struct bytes person, uint8_t out[USES_PERSON_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    hmac_sha256(bytes_of(uses->key, USES_KEY_SIZE), person, hash);
    memcpy(out, hash, USES_PERSON_SIZE);
}

int64_t uses_short_digest(const uint8_t digest[SHA256_SIZE])
{
    struct reader r = { .left = bytes_of(digest, SHA256_SIZE) };
    return (int64_t)reader_u64(&r);
}

static bool read_number(struct uses *uses, const char *name, uint64_t *out, struct error *e)
{
    struct error absent;
    *out = 0;
    if (state_get_u64(uses->store, name, out, &absent) || absent.kind == ERROR_ABSENT) {
        return true;
    }
    return error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
}

bool uses_read_next(struct uses *uses, uint64_t *next, struct error *e)
{
    return read_number(uses, STATE_NEXT, next, e);
}

bool uses_read_first(struct uses *uses, uint64_t *first, struct error *e)
{
    return read_number(uses, STATE_FIRST, first, e);
}

/* Drops all, and begins anew at `first`: what the map says of a person is a sum, from which nothing can be taken. */
static bool cut(struct uses *uses, uint64_t first, struct error *e)
{
    static const char persons_sql[] = "DELETE FROM uses";
    static const char answers_sql[] = "DELETE FROM uses_answers";
    if (!store_begin(uses->store, e)) {
        return false;
    }
    if (!store_run(uses->store, persons_sql, NULL, 0, NULL, NULL, NULL, e) ||
        !store_run(uses->store, answers_sql, NULL, 0, NULL, NULL, NULL, e) || !uses_map_empty(uses, e) ||
        !state_set_u64(uses->store, STATE_NEXT, first, e) || !state_set_u64(uses->store, STATE_FIRST, first, e)) {
        store_rollback(uses->store);
        return false;
    }
    return store_commit(uses->store, e);
}

bool uses_rebuild(struct uses *uses, struct error *e)
{
    (void)pthread_mutex_lock(&uses->mutex);
    bool ok = cut(uses, 0, e);
    (void)pthread_mutex_unlock(&uses->mutex);
    return ok;
}

bool uses_forget(struct uses *uses, struct bytes person, struct error *e)
{
    static const char sql[] = "DELETE FROM uses WHERE person = ?1";
    uint8_t hash[USES_PERSON_SIZE];
    uses_hash_person(uses, person, hash);
    const struct store_value values[] = { STORE_BIN(bytes_of(hash, USES_PERSON_SIZE)) };
    (void)pthread_mutex_lock(&uses->mutex);
    bool ok = store_begin(uses->store, e);
    if (ok && (!store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) || !uses_map_forget(uses, hash, e))) {
        store_rollback(uses->store);
        ok = false;
    }
    ok = ok && store_commit(uses->store, e);
    (void)pthread_mutex_unlock(&uses->mutex);
    return ok;
}

/* One row for the tables, made before they are locked. */
struct index_row {
    uint64_t entry;
    bool is_answer;
    int64_t decision;           /* an answer's */
    struct uses_map_entry mark; /* of a person's entry */
};

static bool read_person(struct uses *uses, const struct log_entry *entry, struct bytes written, struct uses_map_entry *out, struct error *e)
{
    struct arena arena = { 0 }; /* takes memory only where there is an escape */
    struct bytes person = event_text_decode(&arena, written);
    bool ok = person.data != NULL || error_memory(e, "uses");
    if (ok) {
        out->entry = entry->index;
        log_entry_commitment(entry, out->leaf);
        merkle_leaf(bytes_of(out->leaf, SHA256_SIZE), out->leaf);
        uses_hash_person(uses, person, out->person);
        ok = uses_map_prepare(uses, person, out, e);
    }
    arena_clear(&arena);
    return ok;
}

/* Reads the entries from `from` up to `to`. */
static bool read_chunk(struct uses *uses, uint64_t from, uint64_t to, struct index_row rows[CHUNK_ENTRIES], size_t *count, struct error *e)
{
    *count = 0;
    for (uint64_t index = from; index < to; index++) {
        struct log_entry entry;
        struct use_mark mark;
        struct index_row *row = &rows[*count];
        if (!log_reader_get(uses->reader, index, &entry, e)) {
            return false;
        }
        use_mark_read(&entry, &mark);
        if (mark.kind == USE_NONE) {
            continue;
        }
        *row = (struct index_row){ .entry = index, .is_answer = mark.kind == USE_ANSWER, .decision = uses_short_digest(mark.decision) };
        if (!row->is_answer && !read_person(uses, &entry, mark.person, &row->mark, e)) {
            return false;
        }
        ++*count;
    }
    return true;
}

static bool insert(struct uses *uses, const struct index_row *row, struct error *e)
{
    static const char person_sql[] = "INSERT INTO uses (block, person, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    static const char answer_sql[] = "INSERT INTO uses_answers (block, decision, entry) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    const int64_t entry = (int64_t)row->entry;
    struct store_value values[] = { STORE_INT(entry / USES_BLOCK_ENTRIES),
                                    row->is_answer ? STORE_INT(row->decision) : STORE_BIN(bytes_of(row->mark.person, USES_PERSON_SIZE)),
                                    STORE_INT(entry) };
    const char *sql = row->is_answer ? answer_sql : person_sql;
    return store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) &&
           (row->is_answer || uses_map_add(uses, &row->mark, e));
}

/* `*is_done` false: another process has moved the index meanwhile; its place is to be read again. */
static bool write_chunk(struct uses *uses, uint64_t from, uint64_t to, const struct index_row *rows, size_t count, bool *is_done,
                        struct error *e)
{
    uint64_t next;
    if (!store_begin(uses->store, e)) {
        return false;
    }
    if (!uses_read_next(uses, &next, e)) {
        goto fail;
    }
    *is_done = next == from;
    if (!*is_done) {
        store_rollback(uses->store);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!insert(uses, &rows[i], e)) {
            goto fail;
        }
    }
    if (!state_set_u64(uses->store, STATE_NEXT, to, e)) {
        goto fail;
    }
    return store_commit(uses->store, e);
fail:
    store_rollback(uses->store);
    return false;
}

/* One transaction's worth, at most CHUNK_ENTRIES. The database is locked only for the writing. */
static bool index_chunk(struct uses *uses, uint64_t from, uint64_t to, bool *is_done, struct error *e)
{
    struct index_row rows[CHUNK_ENTRIES];
    size_t count;
    return read_chunk(uses, from, to, rows, &count, e) && write_chunk(uses, from, to, rows, count, is_done, e);
}

bool uses_catch_up_locked(struct uses *uses, size_t max_entries, uint64_t *lag, struct error *e)
{
    uint64_t size, next, done = 0;
    if (uses->reader == NULL && !log_reader_open(&uses->reader, uses->public, uses->private, e)) {
        return false;
    }
    if (!log_reader_size(uses->reader, &size, e) || !uses_read_next(uses, &next, e)) {
        return false;
    }
    if (next > size && !cut(uses, 0, e)) {
        return false;
    }
    next = next > size ? 0 : next;
    if (next < log_reader_first(uses->reader)) {
        if (!cut(uses, log_reader_first(uses->reader), e)) { /* what was indexed is pruned */
            return false;
        }
        next = log_reader_first(uses->reader);
    }
    while (next < size && done < max_entries) {
        uint64_t count = size - next;
        count = count < CHUNK_ENTRIES ? count : CHUNK_ENTRIES;
        count = count < max_entries - done ? count : max_entries - done;
        bool is_done = false;
        if (!index_chunk(uses, next, next + count, &is_done, e)) {
            return false;
        }
        done += count; /* also when another did it: the caller's bound on time holds */
        if (is_done) {
            next += count;
        } else if (!uses_read_next(uses, &next, e)) {
            return false;
        }
    }
    *lag = next < size ? size - next : 0;
    return true;
}

bool uses_catch_up(struct uses *uses, size_t max_entries, uint64_t *lag, struct error *e)
{
    uint64_t behind = 0;
    (void)pthread_mutex_lock(&uses->mutex);
    bool ok = uses_catch_up_locked(uses, max_entries, &behind, e);
    (void)pthread_mutex_unlock(&uses->mutex);
    if (ok) {
        metric_set(&lag_entries, (int64_t)behind);
        if (lag != NULL) {
            *lag = behind;
        }
    }
    return ok;
}
