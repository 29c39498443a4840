#include "consent/uses_internal.h"

enum { PAGE_ENTRIES = 256 };

struct listing {
    struct uses *uses;
    struct bytes person;
    uint64_t next; /* the first entry that isn't indexed: no answer stands there or behind */
    uses_each *each;
    void *context;
    bool is_stopped;
};

struct page {
    uint64_t entries[PAGE_ENTRIES];
    size_t count;
};

static bool take_entry(void *context, const struct store_value *columns, size_t count)
{
    struct page *page = context;
    (void)count;
    page->entries[page->count++] = (uint64_t)columns[0].integer;
    return page->count < PAGE_ENTRIES;
}

/* `row->kind` is USE_NONE also where the log is shorter than the index: a restored backup, which the next indexing cuts back to. */
static bool read_row(const struct listing *listing, uint64_t index, struct arena *arena, struct use_row *row, struct error *e)
{
    struct log_reader *reader = listing->uses->list_reader;
    struct log_entry entry;
    struct error fault;
    uint64_t size;
    *row = (struct use_row){ .kind = USE_NONE };
    if (log_reader_get(reader, index, &entry, &fault)) {
        return use_row_read(&entry, arena, row) || error_memory(e, "uses");
    }
    if (fault.kind == ERROR_ABSENT) {
        if (!log_reader_size(reader, &size, e)) {
            return false;
        }
        if (index >= size || index < log_reader_first(reader)) {
            return true; /* the second: its record was pruned */
        }
    }
    return error_set(e, fault.kind, fault.where, fault.todo, "%s", fault.what);
}

static bool is_answer_to(const struct use_row *row, const struct use_row *decision)
{
    return row->kind == USE_ANSWER && memcmp(row->decision, decision->decision, SHA256_SIZE) == 0;
}

/*
 * The first answer behind the decision that names it; `answer->kind` is USE_NONE without one. An answer mostly stands in its decision's
 * block; only where there is none, every later block is asked.
 */
static bool find_answer(const struct listing *listing, const struct use_row *decision, struct arena *arena, struct use_row *answer,
                        struct error *e)
{
    static const char sql[] = "SELECT entry FROM uses_answers WHERE block = ?1 AND decision = ?2 AND entry > ?3 ORDER BY entry LIMIT 1";
    uint64_t behind = decision->entry;
    uint64_t block = decision->entry / USES_BLOCK_ENTRIES;
    *answer = (struct use_row){ .kind = USE_NONE };
    while (block * USES_BLOCK_ENTRIES < listing->next) {
        struct page found = { .count = 0 };
        struct store_value values[] = { STORE_INT((int64_t)block), STORE_INT(uses_short_digest(decision->decision)),
                                        STORE_INT((int64_t)behind) };
        if (!store_run(listing->uses->store, sql, values, COUNT_OF(values), take_entry, &found, NULL, e)) {
            return false;
        }
        if (found.count == 0) {
            block++;
            continue;
        }
        behind = found.entries[0];
        if (!read_row(listing, behind, arena, answer, e)) {
            return false;
        }
        if (is_answer_to(answer, decision)) {
            return true;
        }
        answer->kind = USE_NONE; /* another digest that begins alike */
    }
    return true;
}

static void show(struct listing *listing, const struct use_row *row, const struct use_row *answer)
{
    bool is_answered = answer->kind == USE_ANSWER;
    struct use use = {
        .kind = row->kind,
        .entry = row->entry,
        .answer_entry = is_answered ? answer->entry : UINT64_MAX,
        .time_ms = row->time_ms,
        .exchange = row->exchange,
        .client = row->client,
        .service = row->service,
        .purpose = row->purpose,
        .verdict = row->verdict,
        .reason = is_answered ? answer->reason : row->reason,
        .permitted = row->released,
        .released = is_answered ? answer->released : BYTES_NONE,
        .withheld = is_answered ? answer->withheld : row->withheld,
        .basis = row->basis,
        .why = row->why,
        .consents = row->consents,
        .claim = row->claim,
        .justification = row->justification,
    };
    listing->is_stopped = !listing->each(listing->context, &use);
}

/* One entry that the index has for the person. The log has the last word: an entry that says something else is passed over. */
static bool list_entry(struct listing *listing, uint64_t index, struct error *e)
{
    struct arena arena = { 0 };
    struct use_row row;
    struct use_row answer = { .kind = USE_NONE };
    bool ok = read_row(listing, index, &arena, &row, e);
    bool is_shown = row.kind == USE_EXCHANGE || row.kind == USE_CONSENT || row.kind == USE_ACCESS;
    if (ok && is_shown && bytes_equal(row.person, listing->person)) {
        ok = row.kind != USE_EXCHANGE || find_answer(listing, &row, &arena, &answer, e);
        if (ok) {
            show(listing, &row, &answer);
        }
    }
    arena_clear(&arena);
    return ok;
}

/* A block's entries from `last` (not among them) on, forwards or backwards. */
static bool list_block(struct listing *listing, uint64_t block, const uint8_t hash[USES_PERSON_SIZE], bool is_back, int64_t last,
                       struct error *e)
{
    static const char forth[] = "SELECT entry FROM uses WHERE block = ?1 AND person = ?2 AND entry > ?3 ORDER BY entry LIMIT ?4";
    static const char back[] = "SELECT entry FROM uses WHERE block = ?1 AND person = ?2 AND entry < ?3 ORDER BY entry DESC LIMIT ?4";
    struct page page;
    do {
        struct store_value values[] = { STORE_INT((int64_t)block), STORE_BIN(bytes_of(hash, USES_PERSON_SIZE)), STORE_INT(last),
                                        STORE_INT(PAGE_ENTRIES) };
        page.count = 0;
        if (!store_run(listing->uses->store, is_back ? back : forth, values, COUNT_OF(values), take_entry, &page, NULL, e)) {
            return false;
        }
        for (size_t i = 0; i < page.count && !listing->is_stopped; i++) {
            last = (int64_t)page.entries[i];
            if (!list_entry(listing, page.entries[i], e)) {
                return false;
            }
        }
    } while (page.count == PAGE_ENTRIES && !listing->is_stopped);
    return true;
}

/* With the mutex of lists. */
static bool begin(struct listing *listing, uint8_t hash[USES_PERSON_SIZE], struct error *e)
{
    struct uses *uses = listing->uses;
    uses_hash_person(uses, listing->person, hash);
    return (uses->list_reader != NULL || log_reader_open(&uses->list_reader, uses->public, uses->private, e)) &&
           uses_read_next(uses, &listing->next, e);
}

static bool list(struct listing *listing, struct error *e)
{
    uint8_t hash[USES_PERSON_SIZE];
    if (!begin(listing, hash, e)) {
        return false;
    }
    for (uint64_t block = 0; block * USES_BLOCK_ENTRIES < listing->next && !listing->is_stopped; block++) {
        if (!list_block(listing, block, hash, false, -1, e)) {
            return false;
        }
    }
    return true;
}

static bool list_back(struct listing *listing, uint64_t before, struct error *e)
{
    uint8_t hash[USES_PERSON_SIZE];
    if (!begin(listing, hash, e)) {
        return false;
    }
    before = before < listing->next ? before : listing->next;
    uint64_t block = before == 0 ? 0 : (before - 1) / USES_BLOCK_ENTRIES + 1;
    while (block > 0 && !listing->is_stopped) {
        if (!list_block(listing, --block, hash, true, (int64_t)before, e)) {
            return false;
        }
    }
    return true;
}

static bool find(struct listing *listing, uint64_t entry, struct error *e)
{
    static const char sql[] = "SELECT entry FROM uses WHERE block = ?1 AND person = ?2 AND entry = ?3";
    uint8_t hash[USES_PERSON_SIZE];
    struct page page = { .count = 0 };
    if (!begin(listing, hash, e) || entry >= listing->next) {
        return entry >= listing->next;
    }
    struct store_value values[] = { STORE_INT((int64_t)(entry / USES_BLOCK_ENTRIES)), STORE_BIN(bytes_of(hash, USES_PERSON_SIZE)),
                                    STORE_INT((int64_t)entry) };
    return store_run(listing->uses->store, sql, values, COUNT_OF(values), take_entry, &page, NULL, e) &&
           (page.count == 0 || list_entry(listing, entry, e));
}

bool uses_list(struct uses *uses, struct bytes person, uses_each *each, void *context, struct error *e)
{
    struct listing listing = { .uses = uses, .person = person, .each = each, .context = context };
    (void)pthread_mutex_lock(&uses->list_mutex);
    bool ok = list(&listing, e);
    (void)pthread_mutex_unlock(&uses->list_mutex);
    return ok;
}

bool uses_list_back(struct uses *uses, struct bytes person, uint64_t before, uses_each *each, void *context, struct error *e)
{
    struct listing listing = { .uses = uses, .person = person, .each = each, .context = context };
    (void)pthread_mutex_lock(&uses->list_mutex);
    bool ok = list_back(&listing, before, e);
    (void)pthread_mutex_unlock(&uses->list_mutex);
    return ok;
}

bool uses_find(struct uses *uses, struct bytes person, uint64_t entry, uses_each *each, void *context, struct error *e)
{
    struct listing listing = { .uses = uses, .person = person, .each = each, .context = context };
    (void)pthread_mutex_lock(&uses->list_mutex);
    bool ok = find(&listing, entry, e);
    (void)pthread_mutex_unlock(&uses->list_mutex);
    return ok;
}
