/* The counters in the log and in the store: what an entry counts for, and how far the store has counted. */
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/time.h"
#include "consent/counters_internal.h"
#include "consent/event_text.h"
#include "consent/uses_internal.h"
#include "store/state.h"

enum {
    CHUNK_ENTRIES = 1000,        /* in one transaction */
    PENDING_MS = 60 * 60 * 1000, /* an exchange that takes longer has ended some other way */
    PENDING_MAX = 1024 * 1024,
};
#define STATE_KEY "counters.key"
#define STATE_NEXT "counters.next" /* the first entry that the store has not counted */
#define STATE_FROM "counters.from" /* where to begin reading: the first permit then waiting for its answer */

/* ---- writing one count, in a transaction ---- */

static bool store_use(struct counters *c, const uint8_t key[COUNT_KEY_SIZE], int64_t window_ms, struct error *e)
{
    static const char sql[] = "INSERT INTO counter_uses (record, in_all, in_period, period) VALUES (?1, 1, 1, ?2)"
                              " ON CONFLICT (record) DO UPDATE SET in_all = counter_uses.in_all + 1,"
                              " in_period = CASE WHEN excluded.period > counter_uses.period THEN 1 ELSE counter_uses.in_period + 1 END,"
                              " period = CASE WHEN excluded.period > counter_uses.period THEN excluded.period ELSE counter_uses.period END";
    const struct store_value values[] = { STORE_BIN(bytes_of(key, COUNT_KEY_SIZE)), STORE_INT(window_ms) };
    return store_run(c->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool store_exported(struct counters *c, const uint8_t year[COUNT_KEY_SIZE], int64_t year_ms, const uint8_t key[COUNT_KEY_SIZE],
                           bool is_sensitive, struct error *e)
{
    static const char sql[] = "INSERT INTO counter_exports (exporter, person, year, is_sensitive) VALUES (?1, ?2, ?3, ?4)"
                              " ON CONFLICT (exporter, person) DO UPDATE SET is_sensitive ="
                              " CASE WHEN excluded.is_sensitive = 1 THEN 1 ELSE counter_exports.is_sensitive END";
    const struct store_value values[] = { STORE_BIN(bytes_of(year, COUNT_KEY_SIZE)), STORE_BIN(bytes_of(key, COUNT_KEY_SIZE)),
                                          STORE_INT(year_ms), STORE_INT(is_sensitive) };
    return store_run(c->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool store_asked(struct counters *c, const uint8_t consumer[COUNT_KEY_SIZE], const uint8_t asked[COUNT_KEY_SIZE], int64_t step,
                        struct error *e)
{
    static const char sql[] =
        "INSERT INTO counter_asks (consumer, person, step) VALUES (?1, ?2, ?3) ON CONFLICT (consumer, person)"
        " DO UPDATE SET step = CASE WHEN excluded.step > counter_asks.step THEN excluded.step ELSE counter_asks.step END";
    const struct store_value values[] = { STORE_BIN(bytes_of(consumer, COUNT_KEY_SIZE)), STORE_BIN(bytes_of(asked, COUNT_KEY_SIZE)),
                                          STORE_INT(step) };
    return store_run(c->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

enum { RATE_SCALE = 1000 * 1000 }; /* the store has no fractions */

struct rates_writing {
    struct counters *counters;
    struct error *e;
    bool ok;
};

static void store_rate(void *context, void *entry)
{
    static const char sql[] = "INSERT INTO counter_rates (service, hour, in_hour, hours, mean, variance) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                              " ON CONFLICT (service) DO UPDATE SET hour = ?2, in_hour = ?3, hours = ?4, mean = ?5, variance = ?6";
    struct rates_writing *writing = context;
    struct rate_row *row = entry;
    if (row->is_changed == 0 || !writing->ok) {
        return;
    }
    const struct store_value values[] = { STORE_BIN(bytes_of(row->key, COUNT_KEY_SIZE)),
                                          STORE_INT(row->hour),
                                          STORE_INT((int64_t)row->in_hour),
                                          STORE_INT((int64_t)row->hours),
                                          STORE_INT((int64_t)(row->mean * RATE_SCALE)),
                                          STORE_INT((int64_t)(row->variance * RATE_SCALE)) };
    writing->ok = store_run(writing->counters->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, writing->e);
    row->is_changed = 0;
}

/* ---- what an entry counts for ---- */

static bool memory_or(bool ok, struct error *e)
{
    return ok || error_memory(e, "counters");
}

static bool read_number(struct bytes *line, int64_t *out)
{
    struct bytes word;
    uint64_t number;
    if (!bytes_split(line, ' ', &word) || !bytes_to_u64(word, &number) || number > INT64_MAX) {
        return false;
    }
    *out = (int64_t)number;
    return true;
}

/* One `use: <record> <window>` of a permit that was answered. */
static bool count_use(struct counters *c, struct bytes value, struct error *e)
{
    uint8_t key[COUNT_KEY_SIZE];
    struct bytes record;
    int64_t window_ms;
    if (!bytes_split(&value, ' ', &record) || !read_number(&value, &window_ms)) {
        return error_set(e, ERROR_INPUT, "counters", NULL, "a decision in the log has a line `use` that is none");
    }
    counters_key_use(c, record, key);
    if (c->is_opening) {
        struct record_row *row = count_table_add(&c->uses, key);
        if (row == NULL) {
            return error_memory(e, "counters");
        }
        record_row_add(row, window_ms);
    }
    return store_use(c, key, window_ms, e);
}

/* `export: <year> <exporter>`. */
static bool count_export(struct counters *c, struct bytes value, struct bytes person, bool is_sensitive, struct error *e)
{
    uint8_t year[COUNT_KEY_SIZE], key[COUNT_KEY_SIZE];
    int64_t year_ms;
    if (!read_number(&value, &year_ms) || value.size == 0 || person.size == 0) {
        return error_set(e, ERROR_INPUT, "counters", NULL, "a decision in the log has a line `export` that is none");
    }
    counters_key_year(c, value, year_ms, year);
    counters_key_exported(c, year, person, key);
    return store_exported(c, year, year_ms, key, is_sensitive, e) &&
           (!c->is_opening || memory_or(counters_put_exported(c, year, key, is_sensitive), e));
}

/* All that an answered permit counts for. */
static bool count_permit(struct counters *c, struct bytes text, struct error *e)
{
    struct arena arena = { 0 };
    struct bytes name, value, person = BYTES_NONE, sensitive;
    bool ok = true;
    bool is_sensitive = event_text_get(text, "sensitive", &sensitive) && bytes_equal(sensitive, BYTES("yes"));
    if (event_text_get(text, "person", &value)) {
        person = event_text_decode(&arena, value);
        ok = memory_or(person.data != NULL, e);
    }
    while (ok && event_text_next(&text, &name, &value)) {
        if (bytes_equal(name, BYTES("use"))) {
            ok = count_use(c, value, e);
        } else if (bytes_equal(name, BYTES("export"))) {
            ok = count_export(c, value, person, is_sensitive, e);
        }
    }
    arena_clear(&arena);
    return ok;
}

static bool count_ask(struct counters *c, struct bytes text, struct error *e)
{
    uint8_t consumer[COUNT_KEY_SIZE], asked[COUNT_KEY_SIZE], rate_key[COUNT_KEY_SIZE];
    struct bytes client, service, person, time;
    uint64_t time_ms;
    if (!event_text_get(text, "client", &client) || !event_text_get(text, "service", &service) ||
        !event_text_get(text, "person", &person) || !event_text_get(text, "time", &time) || !bytes_to_u64(time, &time_ms) ||
        time_ms > INT64_MAX) {
        return true; /* about nobody */
    }
    struct arena arena = { 0 };
    struct bytes plain = event_text_decode(&arena, person);
    bool ok = memory_or(plain.data != NULL, e);
    if (ok) {
        counters_key_consumer(c, client, consumer);
        counters_key_asked(c, consumer, plain, asked);
        counters_key_rate(c, service, rate_key);
        int64_t step = counters_step((int64_t)time_ms);
        struct rate_row *rate = count_table_add(&c->logged_rates, rate_key);
        if (rate != NULL) { /* a history of too many services is none */
            rate_row_add(rate, (int64_t)time_ms);
            rate->is_changed = 1;
        }
        if (c->is_opening) {
            (void)counters_put_asked(c, consumer, asked, step); /* too many: counters_peek_asked() says so */
        }
        ok = store_asked(c, consumer, asked, step, e);
    }
    arena_clear(&arena);
    return ok;
}

static bool has_line(struct bytes text, const char *name)
{
    struct bytes value;
    return event_text_get(text, name, &value);
}

static bool is_permit_that_counts(struct bytes text)
{
    struct bytes verdict;
    return event_text_get(text, "verdict", &verdict) && bytes_equal(verdict, BYTES("permit")) &&
           (has_line(text, "use") || has_line(text, "export"));
}

static bool keep_pending(struct counters *c, const struct log_entry *entry, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    sha256(entry->statement, digest);
    struct pending_row *row = count_table_add(&c->pending, digest);
    if (row == NULL) {
        return error_memory(e, "counters");
    }
    if (row->text == NULL) {
        row->text = malloc(entry->statement.size);
        if (row->text == NULL) {
            count_table_remove(&c->pending, row);
            return error_memory(e, "counters");
        }
        memcpy(row->text, entry->statement.data, entry->statement.size);
        row->size = entry->statement.size;
        row->entry = entry->index;
        row->time_ms = entry->time_ms;
    }
    return true;
}

/* An answer that says no reason is one that left by consents_release(). Before `next` it was counted by an earlier run. */
static bool take_answer(struct counters *c, const struct log_entry *entry, struct error *e)
{
    struct use_mark mark;
    use_mark_read(entry, &mark);
    struct pending_row *row = mark.kind == USE_ANSWER ? count_table_find(&c->pending, mark.decision) : NULL;
    if (row == NULL) {
        return true;
    }
    uint8_t *text = row->text;
    bool counts = entry->index >= c->next && !use_is_refusal(entry);
    bool ok = !counts || count_permit(c, bytes_of(text, row->size), e);
    free(text);
    count_table_remove(&c->pending, row);
    return ok;
}

/* `hold/1`, `released`: what the consumer asked before no longer counts. */
static bool forgive(struct counters *c, struct bytes text, struct error *e)
{
    uint8_t key[COUNT_KEY_SIZE];
    struct bytes event, consumer, service;
    struct arena arena = { 0 };
    if (!event_text_get(text, "event", &event) || !bytes_equal(event, BYTES("released")) || !event_text_get(text, "consumer", &consumer) ||
        !event_text_get(text, "service", &service)) {
        return true;
    }
    consumer = event_text_decode(&arena, consumer);
    service = event_text_decode(&arena, service);
    bool ok = memory_or(consumer.data != NULL && service.data != NULL, e);
    if (ok) {
        counters_key_rate(c, service, key);
        struct rate_row *rate = count_table_find(&c->logged_rates, key);
        if (rate != NULL) {
            rate->in_hour = 0;
            rate->is_changed = 1;
        }
        if (c->is_opening) {
            counters_forgive(c, consumer, service);
        }
        counters_key_consumer(c, consumer, key);
        const struct store_value values[] = { STORE_BIN(bytes_of(key, COUNT_KEY_SIZE)) };
        ok = store_run(c->store, "DELETE FROM counter_asks WHERE consumer = ?1", values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    arena_clear(&arena);
    return ok;
}

static bool take_entry(struct counters *c, const struct log_entry *entry, struct error *e)
{
    if (entry->kind == RECORD_EVENT && entry->index >= c->next && event_text_is(entry->statement, "hold/1")) {
        return forgive(c, entry->statement, e);
    }
    if (entry->kind == RECORD_ANSWER_SENT) {
        return take_answer(c, entry, e);
    }
    if (entry->kind != RECORD_DECISION || !event_text_is(entry->statement, "decision/1")) {
        return true;
    }
    return (entry->index < c->next || count_ask(c, entry->statement, e)) &&
           (!is_permit_that_counts(entry->statement) || keep_pending(c, entry, e));
}

/* ---- following the log ---- */

static void find_oldest(void *context, void *row)
{
    const struct pending_row *pending = row;
    uint64_t *oldest = context;
    *oldest = pending->entry < *oldest ? pending->entry : *oldest;
}

struct forgetting {
    int64_t before_ms;
};

static bool is_young(void *context, const void *row)
{
    const struct pending_row *pending = row;
    bool is = pending->time_ms >= ((const struct forgetting *)context)->before_ms;
    if (!is) {
        free(pending->text);
    }
    return is;
}

/* Entries [from, to) in one transaction, without a sync of its own: what is lost of it is counted again. */
static bool count_chunk(struct counters *c, uint64_t from, uint64_t to, struct error *e)
{
    struct rates_writing writing = { .counters = c, .e = e, .ok = true };
    int64_t newest_ms = 0;
    if (!store_begin_relaxed(c->store, e)) {
        return false;
    }
    for (uint64_t i = from; i < to; i++) {
        struct log_entry entry;
        if (!log_reader_get(c->reader, i, &entry, e) || !take_entry(c, &entry, e)) {
            goto fail;
        }
        newest_ms = entry.time_ms;
    }
    struct forgetting forgetting = { newest_ms - PENDING_MS };
    uint64_t oldest = to, next = to > c->next ? to : c->next;
    (void)count_table_sweep(&c->pending, is_young, &forgetting);
    count_table_each(&c->pending, find_oldest, &oldest);
    count_table_each(&c->logged_rates, store_rate, &writing);
    if (!writing.ok || !state_set_u64(c->store, STATE_NEXT, next, e) || !state_set_u64(c->store, STATE_FROM, oldest, e)) {
        goto fail;
    }
    if (!store_commit(c->store, e)) {
        c->is_torn = true;
        return false;
    }
    c->next = next;
    return true;
fail:
    store_rollback(c->store);
    c->is_torn = true;
    return false;
}

static bool begin_anew(struct counters *c, uint64_t *from, struct error *e);

static bool catch_up_locked(struct counters *c, uint64_t from, size_t max_entries, uint64_t *lag, struct error *e)
{
    uint64_t size, done = 0;
    if (c->reader == NULL && !log_reader_open(&c->reader, c->public, c->private, e)) {
        return false;
    }
    if (!log_reader_size(c->reader, &size, e)) {
        return false;
    }
    if (c->next > size) {
        return error_set(e, ERROR_INPUT, "counters", "restore log and database from one backup, or recover the log (comity log recover)",
                         "the database has counted %llu entries, the log has %llu", (unsigned long long)c->next, (unsigned long long)size);
    }
    from = from < log_reader_first(c->reader) ? log_reader_first(c->reader) : from;
    while (from < size && done < max_entries) {
        uint64_t to = from + CHUNK_ENTRIES < size ? from + CHUNK_ENTRIES : size;
        if (!count_chunk(c, from, to, e)) {
            return false;
        }
        done += to - from;
        from = to;
    }
    *lag = size - from;
    return true;
}

bool counters_catch_up(struct counters *counters, size_t max_entries, uint64_t *lag, struct error *e)
{
    uint64_t left = 0;
    (void)pthread_mutex_lock(&counters->log_mutex);
    uint64_t from = counters->next;
    bool ok = !counters->is_torn || begin_anew(counters, &from, e);
    ok = ok && (counters->private == NULL || catch_up_locked(counters, from, max_entries, &left, e));
    (void)pthread_mutex_unlock(&counters->log_mutex);
    if (lag != NULL) {
        *lag = left;
    }
    return ok;
}

/* ---- opening ---- */

struct loading {
    struct counters *counters;
    enum error_kind failure;
};

static bool take_key(struct loading *loading, const struct store_value *column, uint8_t key[COUNT_KEY_SIZE])
{
    if (column->type != STORE_BLOB || column->bytes.size != COUNT_KEY_SIZE) {
        loading->failure = ERROR_INPUT;
        return false;
    }
    memcpy(key, column->bytes.data, COUNT_KEY_SIZE);
    return true;
}

static bool take_use(void *context, const struct store_value *columns, size_t count)
{
    struct loading *loading = context;
    uint8_t key[COUNT_KEY_SIZE];
    (void)count;
    if (!take_key(loading, &columns[0], key)) {
        return false;
    }
    struct record_row *row = count_table_add(&loading->counters->uses, key);
    if (row == NULL) {
        loading->failure = ERROR_MEMORY;
        return false;
    }
    row->in_all = (uint64_t)columns[1].integer;
    row->in_window = (uint64_t)columns[2].integer;
    row->window_ms = columns[3].integer;
    return true;
}

static bool take_exported(void *context, const struct store_value *columns, size_t count)
{
    struct loading *loading = context;
    uint8_t year[COUNT_KEY_SIZE], key[COUNT_KEY_SIZE];
    (void)count;
    if (!take_key(loading, &columns[0], year) || !take_key(loading, &columns[1], key)) {
        return false;
    }
    loading->failure = counters_put_exported(loading->counters, year, key, columns[2].integer != 0) ? ERROR_NONE : ERROR_MEMORY;
    return loading->failure == ERROR_NONE;
}

static bool take_asked(void *context, const struct store_value *columns, size_t count)
{
    struct loading *loading = context;
    uint8_t consumer[COUNT_KEY_SIZE], key[COUNT_KEY_SIZE];
    (void)count;
    if (!take_key(loading, &columns[0], consumer) || !take_key(loading, &columns[1], key)) {
        return false;
    }
    (void)counters_put_asked(loading->counters, consumer, key, columns[2].integer);
    return true;
}

static bool take_rate(void *context, const struct store_value *columns, size_t count)
{
    struct loading *loading = context;
    uint8_t key[COUNT_KEY_SIZE];
    (void)count;
    if (!take_key(loading, &columns[0], key)) {
        return false;
    }
    struct rate_row *row = count_table_add(&loading->counters->logged_rates, key);
    if (row != NULL) {
        row->hour = columns[1].integer;
        row->in_hour = (uint64_t)columns[2].integer;
        row->hours = (uint64_t)columns[3].integer;
        row->mean = (double)columns[4].integer / RATE_SCALE;
        row->variance = (double)columns[5].integer / RATE_SCALE;
    }
    return true;
}

/* Years that ended long ago, and persons whom nobody asked about of late, are left out. */
static bool load(struct counters *c, struct error *e)
{
    static const int64_t two_years_ms = INT64_C(2) * 366 * 24 * 60 * 60 * 1000;
    static const char uses[] = "SELECT record, in_all, in_period, period FROM counter_uses";
    static const char exports[] = "SELECT exporter, person, is_sensitive FROM counter_exports WHERE year >= ?1";
    static const char asks[] = "SELECT consumer, person, step FROM counter_asks WHERE step > ?1 ORDER BY step";
    struct loading loading = { .counters = c };
    const struct store_value year[] = { STORE_INT(time_now_ms() - two_years_ms) };
    const struct store_value step[] = { STORE_INT(counters_step(time_now_ms()) - COUNTER_WINDOW_STEPS_MAX) };
    bool ok = store_read(c->store, uses, NULL, 0, take_use, &loading, e) &&
              (loading.failure != ERROR_NONE || store_read(c->store, exports, year, 1, take_exported, &loading, e)) &&
              (loading.failure != ERROR_NONE || store_read(c->store, asks, step, 1, take_asked, &loading, e));
    if (ok && loading.failure == ERROR_INPUT) {
        ok = error_set(e, ERROR_INPUT, "counters", "restore the database from a backup", "a stored count is damaged");
    }
    return ok && (loading.failure == ERROR_NONE || error_memory(e, "counters"));
}

/* Reads the key, or makes it. */
static bool load_key(struct counters *c, struct error *e)
{
    struct buffer text;
    struct error absent;
    char hex[2 * COUNTERS_SECRET_SIZE + 1];
    buffer_init(&text, 256);
    bool ok;
    if (state_get_text(c->store, STATE_KEY, &text, &absent)) {
        ok = hex_parse(buffer_bytes(&text), c->secret, COUNTERS_SECRET_SIZE) ||
             error_set(e, ERROR_INPUT, STATE_KEY, "restore the database from a backup", "the stored key is damaged");
    } else if (absent.kind == ERROR_ABSENT) {
        random_fill(c->secret, COUNTERS_SECRET_SIZE);
        hex_write(bytes_of(c->secret, COUNTERS_SECRET_SIZE), hex);
        ok = state_set_text(c->store, STATE_KEY, bytes_of(hex, 2 * COUNTERS_SECRET_SIZE), e);
    } else {
        ok = error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
    }
    buffer_wipe(&text);
    explicit_bzero(hex, sizeof hex);
    return ok;
}

static bool read_state(struct store *store, const char *name, uint64_t *out, struct error *e)
{
    struct error absent;
    *out = 0;
    if (state_get_u64(store, name, out, &absent) || absent.kind == ERROR_ABSENT) {
        return true;
    }
    return error_set(e, absent.kind, absent.where, absent.todo, "%s", absent.what);
}

bool counters_read_next(struct store *store, uint64_t *next, struct error *e)
{
    return read_state(store, STATE_NEXT, next, e);
}

static void free_pending(void *context, void *row)
{
    (void)context;
    free(((struct pending_row *)row)->text);
}

static void copy_rate(void *context, void *row)
{
    struct counters *c = context;
    const struct rate_row *logged = row;
    struct rate_row *rate = count_table_add(&c->rates, logged->key);
    if (rate != NULL) {
        *rate = *logged;
    }
}

static bool load_rates(struct counters *c, struct error *e)
{
    static const char rates[] = "SELECT service, hour, in_hour, hours, mean, variance FROM counter_rates";
    struct loading loading = { .counters = c };
    count_table_clear(&c->logged_rates);
    return store_run(c->store, rates, NULL, 0, take_rate, &loading, NULL, e) &&
           (loading.failure == ERROR_NONE ||
            error_set(e, ERROR_INPUT, "counters", "restore the database from a backup", "a service's stored history is damaged"));
}

static bool begin_anew(struct counters *c, uint64_t *from, struct error *e)
{
    count_table_each(&c->pending, free_pending, NULL);
    count_table_clear(&c->pending);
    bool ok = load_rates(c, e) && read_state(c->store, STATE_NEXT, &c->next, e) && read_state(c->store, STATE_FROM, from, e);
    c->is_torn = !ok;
    return ok;
}

/* What waited for its answer in an earlier run waits in vain. */
static bool start(struct counters *c, struct error *e)
{
    uint64_t from, lag = 0;
    if (!load_key(c, e) || !load(c, e) || !begin_anew(c, &from, e)) {
        return false;
    }
    c->is_opening = true;
    bool ok = c->private == NULL || catch_up_locked(c, from, SIZE_MAX, &lag, e);
    c->is_opening = false;
    count_table_each(&c->pending, free_pending, NULL);
    count_table_clear(&c->pending);
    count_table_each(&c->logged_rates, copy_rate, c);
    return ok;
}

bool counters_open(struct counters **out, struct store *store, struct disk *public, struct disk *private, struct error *e)
{
    *out = NULL;
    struct counters *c = calloc(1, sizeof *c);
    if (c == NULL || pthread_mutex_init(&c->mutex, NULL) != 0) {
        free(c);
        return error_memory(e, "counters");
    }
    if (pthread_mutex_init(&c->log_mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&c->mutex);
        free(c);
        return error_memory(e, "counters");
    }
    c->store = store;
    c->public = public;
    c->private = private;
    c->uses = (struct count_table){ .row_size = sizeof(struct record_row), .count_max = SIZE_MAX / 2 };
    c->years = (struct count_table){ .row_size = sizeof(struct year_row), .count_max = SIZE_MAX / 2 };
    c->exported = (struct count_table){ .row_size = sizeof(struct exported_row), .count_max = SIZE_MAX / 2 };
    c->asked = (struct count_table){ .row_size = sizeof(struct asked_row), .count_max = COUNTER_ASKED_MAX };
    c->consumers = (struct count_table){ .row_size = sizeof(struct consumer_row), .count_max = COUNTER_CONSUMERS_MAX };
    c->rates = (struct count_table){ .row_size = sizeof(struct rate_row), .count_max = COUNTER_CONSUMERS_MAX };
    c->logged_rates = c->rates;
    c->pending = (struct count_table){ .row_size = sizeof(struct pending_row), .count_max = PENDING_MAX };
    if (!start(c, e)) {
        counters_close(c);
        return false;
    }
    *out = c;
    return true;
}

static void free_consumer(void *context, void *row)
{
    (void)context;
    free(((struct consumer_row *)row)->steps);
}

void counters_close(struct counters *c)
{
    if (c == NULL) {
        return;
    }
    count_table_each(&c->pending, free_pending, NULL);
    count_table_each(&c->consumers, free_consumer, NULL);
    struct count_table *tables[] = {
        &c->uses, &c->years, &c->exported, &c->asked, &c->consumers, &c->rates, &c->logged_rates, &c->pending
    };
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        count_table_clear(tables[i]);
    }
    log_reader_close(c->reader);
    (void)pthread_mutex_destroy(&c->mutex);
    (void)pthread_mutex_destroy(&c->log_mutex);
    explicit_bzero(c, sizeof *c);
    free(c);
}
