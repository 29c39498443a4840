#include "consent/exchange_find.h"

#include <pthread.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/metrics.h"
#include "consent/event_text.h"
#include "evidence/statement.h"
#include "store/state.h"

enum { PROBES = 4, TOKENS_MAX = 6 };
#define STATE_NEXT "exchanges.next" /* the block that the background comes to next */

struct exchange_finder {
    struct store *store;
    struct disk *public, *private;
    pthread_mutex_t mutex;     /* of all below: one search at a time, and the background beside none */
    struct log_reader *reader; /* NULL until there is a log */
    bool is_checked;           /* summaries are of this log */
};

static struct metric lag_entries = { .name = "comity_consent_exchanges_lag_entries",
                                     .labels = "",
                                     .help = "Entries of the log that have no summary yet for finding exchanges.",
                                     .kind = METRIC_GAUGE };

bool exchange_finder_open(struct exchange_finder **out, struct store *store, struct disk *public, struct disk *private, struct error *e)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL || pthread_mutex_init(&(*out)->mutex, NULL) != 0) {
        free(*out);
        *out = NULL;
        return error_memory(e, "exchanges");
    }
    (*out)->store = store;
    (*out)->public = public;
    (*out)->private = private;
    metric_register(&lag_entries);
    return true;
}

void exchange_finder_close(struct exchange_finder *finder)
{
    if (finder != NULL) {
        log_reader_close(finder->reader);
        (void)pthread_mutex_destroy(&finder->mutex);
        free(finder);
    }
}

/* ---- What an entry says ---- */

/* The first five parts of /r1/COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE/...: what is behind them may name a person. */
static struct bytes service_of(struct bytes path)
{
    size_t at = 4, separators = 0;
    if (!bytes_start_with(path, BYTES("/r1/"))) {
        return BYTES_NONE;
    }
    while (at < path.size && (path.data[at] != '/' || ++separators < 5)) {
        at++;
    }
    return separators >= 4 ? bytes_slice(path, 4, at) : BYTES_NONE;
}

/* What kind of entry of an exchange it is: the last one, one before it, or none. */
enum part { PART_NONE = 0, PART_BEGIN, PART_DECISION, PART_END };

static enum part read_answer(const struct log_entry *entry, struct exchange_found *out)
{
    struct bytes text = entry->statement, status = statement_line(text, STATEMENT_LINE("@status"));
    out->is_holder = entry->kind == RECORD_ANSWER_SENT;
    out->exchange = statement_line(text, STATEMENT_LINE("x-road-request-id"));
    out->client = statement_line(text, STATEMENT_LINE("x-road-client"));
    out->service = statement_line(text, STATEMENT_LINE("x-road-service"));
    out->service = out->service.size > 0 ? out->service : service_of(statement_line(text, BYTES("\n\"@path\";req: ")));
    out->reason = statement_line(text, STATEMENT_LINE("comity-reason"));
    out->is_refused = out->reason.size > 0;
    out->status = bytes_to_u64(status, &out->status) ? out->status : 0;
    return PART_END;
}

static enum part read_event(const struct log_entry *entry, struct exchange_found *out)
{
    struct bytes text = entry->statement;
    bool is_decision = entry->kind == RECORD_DECISION;
    if (!is_decision && !bytes_start_with(text, BYTES("comity-event: refusal/1\n"))) {
        return PART_NONE;
    }
    out->is_holder = is_decision;
    out->exchange = statement_line(text, BYTES("\nexchange: "));
    out->client = statement_line(text, BYTES("\nclient: "));
    out->service = statement_line(text, BYTES("\nservice: "));
    out->reason = statement_line(text, BYTES("\nreason: "));
    out->is_refused = out->reason.size > 0;
    return is_decision ? PART_DECISION : PART_END;
}

static enum part read_entry(const struct log_entry *entry, struct exchange_found *out)
{
    *out = (struct exchange_found){ .entry = entry->index, .time_ms = entry->time_ms };
    if (entry->form != RECORD_OPEN) {
        return PART_NONE;
    }
    switch (entry->kind) {
    case RECORD_REQUEST_SENT:
        out->exchange = statement_line(entry->statement, STATEMENT_LINE("x-road-request-id"));
        return PART_BEGIN;
    case RECORD_ANSWER_SENT:
    case RECORD_ANSWER_RECEIVED:
        return read_answer(entry, out);
    case RECORD_DECISION:
    case RECORD_EVENT:
        return read_event(entry, out);
    case RECORD_NONE:
        break;
    }
    return PART_NONE;
}

/* COMMUNITY/CLASS/MEMBER of what begins so. */
static struct bytes member_of(struct bytes identifier)
{
    size_t at = 0, separators = 0;
    while (at < identifier.size && (identifier.data[at] != '/' || ++separators < 3)) {
        at++;
    }
    return bytes_slice(identifier, 0, at);
}

static struct bytes peer_of(const struct exchange_found *found)
{
    return member_of(found->is_holder ? found->client : found->service);
}

/* ---- Summaries ---- */

static uint64_t token_of(char kind, struct bytes text)
{
    return XXH3_64bits_withSeed(text.data, text.size, (uint64_t)(unsigned char)kind);
}

static void add_token(uint8_t summary[FIND_SUMMARY_SIZE], char kind, struct bytes text)
{
    uint64_t token = token_of(kind, text);
    for (unsigned i = 0; i < PROBES && text.size > 0; i++) {
        uint64_t bit = (token >> (i * 16)) % (FIND_SUMMARY_SIZE * 8);
        summary[bit / 8] = (uint8_t)(summary[bit / 8] | 1U << (bit % 8));
    }
}

static bool has_token(const uint8_t *summary, uint64_t token)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t bit = (token >> (i * 16)) % (FIND_SUMMARY_SIZE * 8);
        if ((summary[bit / 8] & 1U << (bit % 8)) == 0) {
            return false;
        }
    }
    return true;
}

static void summarise(const struct log_entry *entry, uint8_t summary[FIND_SUMMARY_SIZE])
{
    struct exchange_found found;
    if (read_entry(entry, &found) != PART_NONE) {
        add_token(summary, 'x', found.exchange);
        add_token(summary, 'p', peer_of(&found));
        add_token(summary, 's', found.service);
        add_token(summary, 'r', found.reason);
    }
}

/* Of one whole block, from the log. */
static bool make_summary(struct exchange_finder *f, uint64_t block, uint8_t summary[FIND_SUMMARY_SIZE], int64_t *time_ms, struct error *e)
{
    memset(summary, 0, FIND_SUMMARY_SIZE);
    for (uint64_t i = 0; i < FIND_BLOCK_ENTRIES; i++) {
        struct log_entry entry;
        if (!log_reader_get(f->reader, block * FIND_BLOCK_ENTRIES + i, &entry, e)) {
            return false;
        }
        *time_ms = i == 0 ? entry.time_ms : *time_ms;
        summarise(&entry, summary);
    }
    return true;
}

/* What was made and is not in the store yet: written together, for each write waits for the disk. */
enum { PENDING_MAX = FIND_ENTRIES_MAX / FIND_BLOCK_ENTRIES };
struct pending {
    size_t count;
    struct {
        uint64_t block;
        int64_t begins_ms;
        uint8_t check[SHA256_SIZE], summary[FIND_SUMMARY_SIZE];
    } rows[PENDING_MAX];
};

/* Makes one more: its last entry tells later whether it is of this log. */
static bool make_pending(struct exchange_finder *f, struct pending *p, uint64_t block, struct error *e)
{
    struct log_entry last;
    p->rows[p->count].block = block;
    if (!make_summary(f, block, p->rows[p->count].summary, &p->rows[p->count].begins_ms, e) ||
        !log_reader_get(f->reader, (block + 1) * FIND_BLOCK_ENTRIES - 1, &last, e)) {
        return false;
    }
    log_entry_commitment(&last, p->rows[p->count].check);
    p->count++;
    return true;
}

static bool put_pending(struct exchange_finder *f, const struct pending *p, const uint64_t *next, struct error *e)
{
    static const char sql[] = "INSERT INTO exchange_blocks (block, begins, check_sum, summary) VALUES (?1, ?2, ?3, ?4) "
                              "ON CONFLICT (block) DO UPDATE SET begins = ?2, check_sum = ?3, summary = ?4";
    if (p->count == 0 && next == NULL) {
        return true;
    }
    if (!store_begin(f->store, e)) {
        return false;
    }
    bool ok = next == NULL || state_set_u64(f->store, STATE_NEXT, *next, e);
    for (size_t i = 0; i < p->count && ok; i++) {
        const struct store_value values[] = { STORE_INT((int64_t)p->rows[i].block), STORE_INT(p->rows[i].begins_ms),
                                              STORE_BIN(bytes_of(p->rows[i].check, SHA256_SIZE)),
                                              STORE_BIN(bytes_of(p->rows[i].summary, FIND_SUMMARY_SIZE)) };
        ok = store_run(f->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    if (!ok) {
        store_rollback(f->store);
        return false;
    }
    return store_commit(f->store, e);
}

struct kept {
    bool is_there;
    int64_t begins_ms;
    uint8_t check[SHA256_SIZE], summary[FIND_SUMMARY_SIZE];
    int64_t block;
};

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct kept *kept = context;
    if (count == 4 && columns[2].bytes.size == SHA256_SIZE && columns[3].bytes.size == FIND_SUMMARY_SIZE) {
        kept->is_there = true;
        kept->block = columns[0].integer;
        kept->begins_ms = columns[1].integer;
        memcpy(kept->check, columns[2].bytes.data, SHA256_SIZE);
        memcpy(kept->summary, columns[3].bytes.data, FIND_SUMMARY_SIZE);
    }
    return false;
}

static bool get_summary(struct exchange_finder *f, uint64_t block, struct kept *kept, struct error *e)
{
    static const char sql[] = "SELECT block, begins, check_sum, summary FROM exchange_blocks WHERE block = ?1";
    const struct store_value values[] = { STORE_INT((int64_t)block) };
    kept->is_there = false;
    return store_read(f->store, sql, values, COUNT_OF(values), take_row, kept, e);
}

static bool drop_from(struct exchange_finder *f, uint64_t first, uint64_t end, struct error *e)
{
    static const char sql[] = "DELETE FROM exchange_blocks WHERE block < ?1 OR block >= ?2";
    const struct store_value values[] = { STORE_INT((int64_t)first), STORE_INT((int64_t)end) };
    return store_run(f->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* A database from a backup may have summaries of entries that this log doesn't have: then none is kept. Once a process. */
static bool check_newest(struct exchange_finder *f, uint64_t size, struct error *e)
{
    static const char sql[] = "SELECT block, begins, check_sum, summary FROM exchange_blocks ORDER BY block DESC LIMIT 1";
    struct kept kept = { .is_there = false };
    if (f->is_checked) {
        return true;
    }
    if (!store_read(f->store, sql, NULL, 0, take_row, &kept, e)) {
        return false;
    }
    uint64_t end = (uint64_t)kept.block * FIND_BLOCK_ENTRIES + FIND_BLOCK_ENTRIES;
    bool is_ours = !kept.is_there;
    if (kept.is_there && end <= size && end > log_reader_first(f->reader)) {
        struct log_entry last;
        uint8_t commitment[SHA256_SIZE];
        if (!log_reader_get(f->reader, end - 1, &last, e)) {
            return false;
        }
        log_entry_commitment(&last, commitment);
        is_ours = memcmp(commitment, kept.check, SHA256_SIZE) == 0;
    }
    if (!is_ours && (!drop_from(f, 0, 0, e) || !state_set_u64(f->store, STATE_NEXT, 0, e))) {
        return false;
    }
    f->is_checked = true;
    return true;
}

static bool begin(struct exchange_finder *f, uint64_t *size, struct error *e)
{
    return (f->reader != NULL || log_reader_open(&f->reader, f->public, f->private, e)) && log_reader_size(f->reader, size, e) &&
           check_newest(f, *size, e);
}

static bool catch_up(struct exchange_finder *f, struct pending *pending, size_t max_blocks, uint64_t *lag, struct error *e)
{
    struct kept kept;
    struct error absent;
    uint64_t size = 0, next = 0;
    if (!begin(f, &size, e)) {
        return false;
    }
    if (!state_get_u64(f->store, STATE_NEXT, &next, &absent) && absent.kind != ERROR_ABSENT) {
        *e = absent;
        return false;
    }
    uint64_t first = (log_reader_first(f->reader) + FIND_BLOCK_ENTRIES - 1) / FIND_BLOCK_ENTRIES, end = size / FIND_BLOCK_ENTRIES;
    if (next < first || next > end) { /* pruned, or cut back */
        if (!drop_from(f, first, end, e)) {
            return false;
        }
        next = next < first ? first : 0;
    }
    uint64_t from = next;
    for (size_t i = 0; i < max_blocks && next < end && pending->count < PENDING_MAX; i++, next++) {
        if (!get_summary(f, next, &kept, e) || (!kept.is_there && !make_pending(f, pending, next, e))) {
            return false;
        }
    }
    if (!put_pending(f, pending, next == from ? NULL : &next, e)) {
        return false;
    }
    *lag = end > next ? end - next : 0;
    metric_set(&lag_entries, (int64_t)(size - next * FIND_BLOCK_ENTRIES));
    return true;
}

bool exchange_finder_catch_up(struct exchange_finder *finder, size_t max_blocks, uint64_t *lag, struct error *e)
{
    uint64_t behind = 0;
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        return error_memory(e, "exchanges");
    }
    (void)pthread_mutex_lock(&finder->mutex);
    bool ok = catch_up(finder, pending, max_blocks, &behind, e);
    (void)pthread_mutex_unlock(&finder->mutex);
    free(pending);
    if (ok && lag != NULL) {
        *lag = behind;
    }
    return ok;
}

/* ---- Searching ---- */

struct search {
    struct exchange_finder *finder;
    const struct exchange_query *query;
    struct pending *pending;
    uint64_t tokens[TOKENS_MAX];
    size_t token_count;
    exchange_find_each *each; /* one of the two */
    exchange_entry_each *each_entry;
    void *context;
    size_t rows, entries, summaries;
    struct exchange_page_found *page;
    bool is_old;  /* what comes next is older than wanted */
    bool is_over; /* full, or there is nothing older that is wanted */
};

static void want(struct search *s, char kind, struct bytes text)
{
    if (text.size > 0) {
        s->tokens[s->token_count++] = token_of(kind, text);
    }
}

static bool is_wanted(const struct search *s, enum part part, const struct exchange_found *found)
{
    const struct exchange_query *q = s->query;
    return part == (q->is_decided ? PART_DECISION : PART_END) && (q->exchange.size == 0 || bytes_equal(q->exchange, found->exchange)) &&
           (q->peer.size == 0 || bytes_equal(q->peer, peer_of(found))) &&
           (q->service.size == 0 || bytes_equal(q->service, found->service)) &&
           (q->reason.size == 0 || bytes_equal(q->reason, found->reason)) && found->time_ms < q->until_ms;
}

/* One that is wanted, newest first. False: the caller stops; `next` is where it goes on. */
static bool look_at(struct search *s, const struct log_entry *entry)
{
    struct exchange_found found;
    (void)read_entry(entry, &found);
    if (entry->time_ms < s->query->from_ms) {
        s->page->is_last = true; /* time never goes back within a log */
        return false;
    }
    if (s->each_entry != NULL) {
        return s->each_entry(s->context, entry);
    }
    if (s->rows == s->query->rows_max || !s->each(s->context, &found)) {
        s->page->next = entry->index + 1;
        s->page->searched_to_ms = entry->time_ms;
        return false;
    }
    s->rows++;
    return true;
}

/* Of the exchanges that are asked for? What takes time and place into account comes later. */
static bool may_tell(const struct search *s, const struct log_entry *entry)
{
    struct exchange_found found;
    enum part part = read_entry(entry, &found);
    return s->each_entry != NULL ? part != PART_NONE && bytes_equal(found.exchange, s->query->exchange) : is_wanted(s, part, &found);
}

/*
 * Entries of [from, to), at most a block, the newest first. A log is read forwards, for to step back is to read some records anew: so what is wanted is found first,
 * and only that is read again.
 */
static bool look_through(struct search *s, uint64_t from, uint64_t to, struct error *e)
{
    uint64_t wanted[FIND_BLOCK_ENTRIES];
    size_t count = 0;
    struct log_entry entry;
    for (uint64_t index = from; index < to; index++) {
        if (!log_reader_get(s->finder->reader, index, &entry, e)) {
            return false;
        }
        if (index == from) {
            s->page->searched_to_ms = entry.time_ms != 0 ? entry.time_ms : s->page->searched_to_ms;
            s->is_old = entry.time_ms != 0 && entry.time_ms < s->query->from_ms;
        }
        if (may_tell(s, &entry)) {
            wanted[count++] = index;
        }
    }
    s->entries += (size_t)(to - from);
    while (count > 0 && !s->is_over) {
        count--;
        if (!log_reader_get(s->finder->reader, wanted[count], &entry, e)) {
            return false;
        }
        s->is_over = !look_at(s, &entry);
    }
    if (!s->is_over) {
        s->page->next = from;
        s->is_over = s->page->is_last = s->is_old;
    }
    return true;
}

/* Can it be among these? Where there is no summary yet, one is made, so that the next search passes faster. */
static bool may_have(struct search *s, uint64_t block, bool *may, struct error *e)
{
    struct kept kept;
    *may = true;
    if (s->token_count == 0) {
        return true;
    }
    if (!get_summary(s->finder, block, &kept, e)) {
        return false;
    }
    if (!kept.is_there) {
        s->entries += FIND_BLOCK_ENTRIES;
        if (s->pending->count == PENDING_MAX) {
            return true;
        }
        if (!make_pending(s->finder, s->pending, block, e)) {
            return false;
        }
        kept.begins_ms = s->pending->rows[s->pending->count - 1].begins_ms;
        memcpy(kept.summary, s->pending->rows[s->pending->count - 1].summary, FIND_SUMMARY_SIZE);
    }
    s->summaries++;
    for (size_t i = 0; i < s->token_count && *may; i++) {
        *may = has_token(kept.summary, s->tokens[i]);
    }
    if (!*may) {
        s->page->next = block * FIND_BLOCK_ENTRIES;
        s->page->searched_to_ms = kept.begins_ms != 0 ? kept.begins_ms : s->page->searched_to_ms;
        s->is_over = kept.begins_ms != 0 && kept.begins_ms < s->query->from_ms;
        s->page->is_last = s->page->is_last || s->is_over;
    }
    return true;
}

static bool run(struct search *s, struct error *e)
{
    struct exchange_finder *f = s->finder;
    uint64_t size = 0, to;
    if (!begin(f, &size, e)) {
        return false;
    }
    uint64_t first = log_reader_first(f->reader);
    to = s->query->before < size ? s->query->before : size;
    if (s->query->until_ms != INT64_MAX) {
        uint64_t end = to;
        if (!log_first_since(f->reader, size, s->query->until_ms, &end, e)) {
            return false;
        }
        to = end < to ? end : to;
    }
    s->page->next = to;
    while (to > first && !s->is_over && s->entries < FIND_ENTRIES_MAX && s->summaries < FIND_SUMMARIES_MAX) {
        uint64_t block = (to - 1) / FIND_BLOCK_ENTRIES, from = block * FIND_BLOCK_ENTRIES;
        bool is_whole = from >= first && from + FIND_BLOCK_ENTRIES <= size, may = true;
        from = from < first ? first : from;
        if ((is_whole && !may_have(s, block, &may, e)) || (may && !look_through(s, from, to, e))) {
            return false;
        }
        to = from;
    }
    s->page->is_last = s->page->is_last || s->page->next <= first;
    return true;
}

static bool search(struct search *s, struct error *e)
{
    want(s, 'x', s->query->exchange);
    want(s, 'p', s->query->peer);
    want(s, 's', s->query->service);
    want(s, 'r', s->query->reason);
    *s->page = (struct exchange_page_found){ .next = s->query->before };
    s->pending = calloc(1, sizeof *s->pending);
    if (s->pending == NULL) {
        return error_memory(e, "exchanges");
    }
    (void)pthread_mutex_lock(&s->finder->mutex);
    bool ok = run(s, e) && put_pending(s->finder, s->pending, NULL, e);
    (void)pthread_mutex_unlock(&s->finder->mutex);
    free(s->pending);
    return ok;
}

bool exchange_find(struct exchange_finder *finder, const struct exchange_query *query, exchange_find_each *each, void *context,
                   struct exchange_page_found *page, struct error *e)
{
    struct search s = { .finder = finder, .query = query, .each = each, .context = context, .page = page };
    return search(&s, e);
}

bool exchange_find_entries(struct exchange_finder *finder, struct bytes exchange, uint64_t before, exchange_entry_each *each, void *context,
                           struct exchange_page_found *page, struct error *e)
{
    const struct exchange_query query = { .exchange = exchange, .until_ms = INT64_MAX, .before = before };
    struct search s = { .finder = finder, .query = &query, .each_entry = each, .context = context, .page = page };
    return search(&s, e);
}
