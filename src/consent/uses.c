#include "consent/uses.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/metrics.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "evidence/log.h"
#include "store/state.h"

#include "consent/uses_internal.h"

enum {
    CHUNK_ENTRIES = 256, /* in one transaction: holds the database for a few ms, and costs one sync */
    PAGE_ROWS = 256,     /* of a list, between which others get at the database */
    KEY_SIZE = 32,
};
#define STATE_KEY "uses.key"
#define STATE_NEXT "uses.next"

static struct metric lag_entries = { .name = "comity_consent_uses_lag_entries",
                                     .labels = "",
                                     .help = "Entries of the log that the index of uses lacks.",
                                     .kind = METRIC_GAUGE };

struct uses {
    struct store *store;
    struct disk *public;
    struct disk *private;
    pthread_mutex_t mutex;     /* of the reader */
    struct log_reader *reader; /* NULL until the log is there */
    uint8_t key[KEY_SIZE];
};

/* Reads the key, or makes it; inside a transaction, so that two processes agree on one. */
static bool load_key(struct uses *uses, struct error *e)
{
    struct buffer text;
    struct error absent;
    char hex[2 * KEY_SIZE + 1];
    buffer_init(&text, 256);
    bool ok = false;
    if (!store_begin(uses->store, e)) {
        goto done;
    }
    if (state_get_text(uses->store, STATE_KEY, &text, &absent)) {
        ok = hex_parse(buffer_bytes(&text), uses->key, KEY_SIZE) ||
             error_set(e, ERROR_INPUT, STATE_KEY, "restore the database from a backup", "the stored key is damaged");
    } else if (absent.kind == ERROR_ABSENT) {
        random_fill(uses->key, KEY_SIZE);
        hex_write(bytes_of(uses->key, KEY_SIZE), hex);
        ok = state_set_text(uses->store, STATE_KEY, bytes_of(hex, 2 * KEY_SIZE), e);
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
    uses->store = store;
    uses->public = public;
    uses->private = private;
    metric_register(&lag_entries);
    if (!load_key(uses, e)) {
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
    log_reader_close(uses->reader);
    (void)pthread_mutex_destroy(&uses->mutex);
    explicit_bzero(uses, sizeof *uses);
    free(uses);
}

/* 0 when nothing was indexed yet. */
static bool read_next(struct uses *uses, uint64_t *next, struct error *e)
{
    struct error absent;
    *next = 0;
    if (state_get_u64(uses->store, STATE_NEXT, next, &absent) || absent.kind == ERROR_ABSENT) {
        return true;
    }
    return error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
}

/* Drops what stands at `size` and behind. */
static bool cut(struct uses *uses, uint64_t size, struct error *e)
{
    static const char sql[] = "DELETE FROM uses WHERE entry >= ?1";
    struct store_value values[] = { STORE_INT((int64_t)size) };
    if (!store_begin(uses->store, e)) {
        return false;
    }
    if (!store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e) || !state_set_u64(uses->store, STATE_NEXT, size, e)) {
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

struct person_hash {
    uint8_t hash[SHA256_SIZE];
    bool is_found;
};

static bool take_person(void *context, const struct store_value *columns, size_t count)
{
    struct person_hash *person = context;
    (void)count;
    person->is_found = columns[0].bytes.size == SHA256_SIZE;
    if (person->is_found) {
        memcpy(person->hash, columns[0].bytes.data, SHA256_SIZE);
    }
    return false;
}

/* Whom a row is about: hashed from the identifier, or looked up by the decision. */
static bool find_person(struct uses *uses, const struct use_row *row, struct person_hash *person, struct error *e)
{
    static const char sql[] = "SELECT person FROM uses WHERE decision = ?1 AND kind = ?2 LIMIT 1";
    if (row->kind != USE_ANSWER) {
        hmac_sha256(bytes_of(uses->key, KEY_SIZE), row->person, person->hash);
        person->is_found = true;
        return true;
    }
    struct store_value values[] = { STORE_BIN(bytes_of(row->decision, SHA256_SIZE)), STORE_INT(USE_EXCHANGE) };
    person->is_found = false;
    return store_run(uses->store, sql, values, COUNT_OF(values), take_person, person, NULL, e);
}

static bool insert(struct uses *uses, const struct use_row *row, struct error *e)
{
    static const char sql[] = "INSERT INTO uses (entry, person, kind, at, decision, exchange, client, service, purpose, verdict, reason,"
                              " released, withheld) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    struct person_hash person;
    if (!find_person(uses, row, &person, e)) {
        return false;
    }
    if (!person.is_found) {
        return true; /* the answer to a request that was about nobody */
    }
    struct store_value none = { .type = STORE_NULL };
    struct store_value values[] = {
        STORE_INT((int64_t)row->entry),
        STORE_BIN(bytes_of(person.hash, SHA256_SIZE)),
        STORE_INT(row->kind),
        STORE_INT(row->time_ms),
        row->kind == USE_CONSENT ? none : STORE_BIN(bytes_of(row->decision, SHA256_SIZE)),
        STORE_STR(row->exchange),
        STORE_STR(row->client),
        STORE_STR(row->service),
        STORE_STR(row->purpose),
        STORE_STR(row->verdict),
        STORE_STR(row->reason),
        STORE_STR(row->released),
        STORE_STR(row->withheld),
    };
    return store_run(uses->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* Reads entries from `from` up to `to` into rows that the index wants. */
static bool read_chunk(struct uses *uses, uint64_t from, uint64_t to, struct arena *arena, struct use_row *rows, size_t *count,
                       struct error *e)
{
    *count = 0;
    for (uint64_t index = from; index < to; index++) {
        struct log_entry entry;
        if (!log_reader_get(uses->reader, index, &entry, e)) {
            return false;
        }
        if (!use_row_read(&entry, arena, &rows[*count])) {
            return error_memory(e, "uses");
        }
        *count += rows[*count].kind != USE_NONE;
    }
    return true;
}

/* `*is_done` false: another process has moved the index meanwhile; its place is to be read again. */
static bool write_chunk(struct uses *uses, uint64_t from, uint64_t to, const struct use_row *rows, size_t count, bool *is_done,
                        struct error *e)
{
    uint64_t next;
    if (!store_begin(uses->store, e)) {
        return false;
    }
    if (!read_next(uses, &next, e)) {
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

/* One transaction's worth, at most up to `to`. */
static bool index_chunk(struct uses *uses, uint64_t from, uint64_t to, bool *is_done, struct error *e)
{
    struct arena arena = { 0 };
    size_t count;
    bool ok = false;
    struct use_row *rows = calloc((size_t)(to - from), sizeof *rows);
    if (rows == NULL) {
        return error_memory(e, "uses");
    }
    ok = read_chunk(uses, from, to, &arena, rows, &count, e) && write_chunk(uses, from, to, rows, count, is_done, e);
    arena_clear(&arena);
    free(rows);
    return ok;
}

static bool catch_up(struct uses *uses, size_t max_entries, uint64_t *lag, struct error *e)
{
    uint64_t size, next, done = 0;
    if (uses->reader == NULL && !log_reader_open(&uses->reader, uses->public, uses->private, e)) {
        return false;
    }
    if (!log_reader_size(uses->reader, &size, e) || !read_next(uses, &next, e)) {
        return false;
    }
    if (next > size && !cut(uses, size, e)) {
        return false;
    }
    next = next > size ? size : next;
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
        } else if (!read_next(uses, &next, e)) {
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
    bool ok = catch_up(uses, max_entries, &behind, e);
    (void)pthread_mutex_unlock(&uses->mutex);
    if (ok) {
        metric_set(&lag_entries, (int64_t)behind);
        if (lag != NULL) {
            *lag = behind;
        }
    }
    return ok;
}

struct page {
    uses_each *each;
    void *context;
    int64_t last;
    size_t count;
    bool is_stopped;
};

static bool take_use(void *context, const struct store_value *columns, size_t count)
{
    struct page *page = context;
    (void)count;
    bool is_exchange = columns[1].integer == USE_EXCHANGE;
    bool is_answered = columns[11].type == STORE_INTEGER;
    struct use use = {
        .kind = is_exchange ? USE_EXCHANGE : USE_CONSENT,
        .entry = (uint64_t)columns[0].integer,
        .answer_entry = is_answered ? (uint64_t)columns[11].integer : UINT64_MAX,
        .time_ms = columns[2].integer,
        .exchange = columns[3].bytes,
        .client = columns[4].bytes,
        .service = columns[5].bytes,
        .purpose = columns[6].bytes,
        .verdict = columns[7].bytes,
        .reason = is_answered ? columns[12].bytes : columns[8].bytes,
        .permitted = columns[9].bytes,
        .released = is_answered ? columns[13].bytes : BYTES_NONE,
        .withheld = is_answered ? columns[14].bytes : columns[10].bytes,
    };
    page->last = columns[0].integer;
    page->count++;
    page->is_stopped = !page->each(page->context, &use);
    return !page->is_stopped;
}

bool uses_list(struct uses *uses, struct bytes person, uses_each *each, void *context, struct error *e)
{
    static const char sql[] =
        "SELECT u.entry, u.kind, u.at, u.exchange, u.client, u.service, u.purpose, u.verdict, u.reason, u.released, u.withheld,"
        " a.entry, a.reason, a.released, a.withheld FROM uses u LEFT JOIN uses a ON a.entry ="
        " (SELECT min(b.entry) FROM uses b WHERE b.decision = u.decision AND b.kind = ?3)"
        " WHERE u.person = ?1 AND u.kind <> ?3 AND u.entry > ?2 ORDER BY u.entry LIMIT ?4";
    uint8_t hash[SHA256_SIZE];
    hmac_sha256(bytes_of(uses->key, KEY_SIZE), person, hash);
    struct page page = { .each = each, .context = context, .last = -1 };
    do {
        struct store_value values[] = { STORE_BIN(bytes_of(hash, SHA256_SIZE)), STORE_INT(page.last), STORE_INT(USE_ANSWER),
                                        STORE_INT(PAGE_ROWS) };
        page.count = 0;
        if (!store_run(uses->store, sql, values, COUNT_OF(values), take_use, &page, NULL, e)) {
            return false;
        }
    } while (page.count == PAGE_ROWS && !page.is_stopped);
    return true;
}
