#include "rights/review.h"

#include "base/encode.h"
#include "crypto/hash.h"
#include "rights/decision_internal.h"

static const char *const names[] = { [REVIEW_JUSTIFIED] = "justified", [REVIEW_UNJUSTIFIED] = "unjustified" };

const char *review_verdict_name(enum review_verdict verdict)
{
    return verdict == REVIEW_JUSTIFIED || verdict == REVIEW_UNJUSTIFIED ? names[verdict] : "open";
}

bool review_verdict_find(struct bytes name, enum review_verdict *out)
{
    for (size_t i = REVIEW_JUSTIFIED; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, bytes_of_text(names[i]))) {
            *out = (enum review_verdict)i;
            return true;
        }
    }
    return false;
}

static const char *const notices[] = { [REVIEW_DEFERRED] = "deferred", [REVIEW_TOLD] = "told", [REVIEW_WAIVED] = "waived" };

const char *review_notice_name(enum review_notice notice)
{
    return (size_t)notice < COUNT_OF(notices) ? notices[notice] : "deferred";
}

bool review_notice_find(struct bytes name, enum review_notice *out)
{
    for (size_t i = REVIEW_TOLD; i < COUNT_OF(notices); i++) {
        if (bytes_equal(name, bytes_of_text(notices[i]))) {
            *out = (enum review_notice)i;
            return true;
        }
    }
    return false;
}

bool review_is_notice_overdue(const struct review *review, int64_t now_ms)
{
    return review->notice_at_ms == 0 && now_ms >= review->due_at_ms;
}

bool review_is_overdue(const struct review *review, int64_t now_ms)
{
    return review->reviewed_at_ms == 0 && now_ms >= review->due_at_ms;
}

/* ---- From the log ---- */

static bool get_time(struct bytes text, const char *name, int64_t *out)
{
    struct bytes value;
    uint64_t number = 0;
    bool ok = event_text_get(text, name, &value) && bytes_to_u64(value, &number) && number <= INT64_MAX;
    *out = (int64_t)number;
    return ok;
}

/* Only what left on a claim has a date for its review. */
bool review_take_decision(struct rights *rights, struct bytes text, uint64_t index, struct error *e)
{
    static const char sql[] = "INSERT INTO reviews (id, decision, decided_at, due_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
    enum { DIGITS = 32 };
    uint8_t digest[SHA256_SIZE];
    char id[2 + 2 * SHA256_SIZE + 1] = "v-";
    struct bytes claim;
    int64_t time_ms, due_at_ms;
    if (!event_text_get(text, "claim", &claim) || !bytes_equal(claim, BYTES("vital")) || !get_time(text, "review_by", &due_at_ms) ||
        !get_time(text, "time", &time_ms)) {
        return true;
    }
    sha256(text, digest);
    hex_write(bytes_of(digest, sizeof digest), id + 2);
    const struct store_value values[] = { STORE_STR(bytes_of(id, 2 + DIGITS)), STORE_INT((int64_t)index), STORE_INT(time_ms),
                                          STORE_INT(due_at_ms) };
    return store_run(rights->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* ---- Looking ---- */

static bool take_count(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return false;
}

bool review_count_overdue(struct rights *rights, int64_t now_ms, int64_t *count, struct error *e)
{
    const struct store_value values[] = { STORE_INT(now_ms) };
    *count = 0;
    return store_read(rights->store, "SELECT count(*) FROM reviews WHERE reviewed_at IS NULL AND due_at <= ?1", values, COUNT_OF(values),
                      take_count, count, e);
}

bool review_count_untold(struct rights *rights, int64_t now_ms, int64_t *count, struct error *e)
{
    const struct store_value values[] = { STORE_INT(now_ms) };
    *count = 0;
    return store_read(rights->store, "SELECT count(*) FROM reviews WHERE notice_at IS NULL AND due_at <= ?1", values, COUNT_OF(values),
                      take_count, count, e);
}

struct listing {
    struct log_reader *reader;
    uint64_t size;
    review_each *each;
    void *context;
    struct error *e;
    bool ok;
};

static bool get(struct bytes text, const char *name, struct arena *arena, struct bytes *out, struct error *e)
{
    struct bytes value;
    if (event_text_get(text, name, &value)) {
        *out = event_text_decode(arena, value);
        return out->data != NULL || error_memory(e, "review");
    }
    return true;
}

/* A log that was put back from a backup may have another entry at this place: the digest says so. */
static bool is_same(const struct log_entry *entry, struct bytes id)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    sha256(entry->statement, digest);
    hex_write(bytes_of(digest, sizeof digest), hex);
    return id.size > 2 && bytes_start_with(bytes_of_text(hex), bytes_slice(id, 2, id.size));
}

static bool read_decision(struct listing *listing, struct review *row, struct arena *arena)
{
    struct log_entry entry;
    if (row->log_index < log_reader_first(listing->reader) || row->log_index >= listing->size) {
        return true;
    }
    if (!log_reader_get(listing->reader, row->log_index, &entry, listing->e)) {
        return false;
    }
    const struct bytes text = entry.statement;
    return entry.form != RECORD_OPEN || !is_same(&entry, row->id) ||
           (get(text, "exchange", arena, &row->exchange, listing->e) && get(text, "client", arena, &row->client, listing->e) &&
            get(text, "service", arena, &row->service, listing->e) && get(text, "person", arena, &row->person, listing->e) &&
            get(text, "justification", arena, &row->justification, listing->e) &&
            get(text, "confirmed_by", arena, &row->confirmed_by, listing->e));
}

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    struct arena arena = { 0 };
    (void)count;
    struct review row = { .id = columns[0].bytes,
                          .log_index = (uint64_t)columns[1].integer,
                          .time_ms = columns[2].integer,
                          .due_at_ms = columns[3].integer,
                          .verdict = (enum review_verdict)columns[4].integer,
                          .by = columns[5].bytes,
                          .words = columns[6].bytes,
                          .reviewed_at_ms = columns[7].integer,
                          .notice = (enum review_notice)columns[8].integer,
                          .notice_by = columns[9].bytes,
                          .notice_words = columns[10].bytes,
                          .notice_at_ms = columns[11].integer };
    listing->ok = read_decision(listing, &row, &arena);
    bool goes_on = listing->ok && listing->each(listing->context, &row);
    arena_clear(&arena);
    return goes_on;
}

bool review_list(struct rights *rights, struct disk *public, struct disk *private, const struct review_filter *filter, review_each *each,
                 void *context, struct error *e)
{
    static const char sql[] = "SELECT id, decision, decided_at, due_at, verdict, reviewed_by, words, reviewed_at, notice, notice_by,"
                              " notice_words, notice_at FROM reviews WHERE (?1 = '' OR id = ?1) AND (?2 = 0 OR reviewed_at IS NULL)"
                              " AND (?3 = 0 OR notice_at IS NULL)"
                              " ORDER BY CASE WHEN reviewed_at IS NULL THEN 0 ELSE 1 END, due_at, id";
    const struct store_value values[] = { STORE_STR(filter->id.size > 0 ? filter->id : BYTES("")), STORE_INT(filter->is_open),
                                          STORE_INT(filter->is_untold) };
    struct listing listing = { .each = each, .context = context, .e = e, .ok = true };
    if (!log_reader_open(&listing.reader, public, private, e)) {
        return false;
    }
    bool ok = log_reader_size(listing.reader, &listing.size, e) &&
              store_read(rights->store, sql, values, COUNT_OF(values), tell_row, &listing, e) && listing.ok;
    log_reader_close(listing.reader);
    return ok;
}

/* ---- Reviewing ---- */

struct found {
    bool is_there, is_reviewed;
};

static bool take_found(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(struct found *)context = (struct found){ true, columns[0].type != STORE_NULL };
    return false;
}

/* What is said once of a review: `is_said` reads whether it was, `write` says it. */
struct saying {
    const char *is_said, *write, *done;
    const struct store_value *values; /* the id first */
    size_t value_count;
};

static bool say_once(struct rights *rights, const struct saying *saying, struct error *e)
{
    struct found found = { false, false };
    if (!store_run(rights->store, saying->is_said, saying->values, 1, take_found, &found, NULL, e)) {
        return false;
    }
    if (!found.is_there) {
        return error_set(e, ERROR_ABSENT, "id", "see 'comity policy reviews'", "there is no such review");
    }
    if (found.is_reviewed) {
        return error_set(e, ERROR_DENIED, "id", NULL, "%s", saying->done);
    }
    return store_run(rights->store, saying->write, saying->values, saying->value_count, NULL, NULL, NULL, e);
}

/* The event and the row in one transaction. `type` "review/1": `word` is its verdict. */
static bool say(struct rights *rights, const struct saying *saying, const char *type, const char *name, const char *word, int64_t now_ms,
                uint64_t *index, struct error *e)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    const struct bytes id = saying->values[0].bytes, by = saying->values[2].bytes, words = saying->values[3].bytes;
    if (!rights_check_line(id, 1, RIGHTS_ID_SIZE, "id", e) || !rights_check_line(by, 1, RIGHTS_NAME_MAX, "by", e) ||
        !rights_check_text(words, 1, RIGHTS_WORDS_MAX, "words", e) || !rights_begin(rights, e)) {
        return false;
    }
    sha256(words, digest);
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    event_text_append(&text, "comity-event", bytes_of_text(type));
    event_text_append(&text, "id", id);
    event_text_append(&text, name, bytes_of_text(word));
    event_text_append(&text, "by", by);
    event_text_append_digest(&text, "words", digest);
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = (!text.failed || error_memory(e, "review")) && say_once(rights, saying, e);
    if (ok) {
        ok = rights_finish(rights, id, buffer_bytes(&text), index, e);
    } else {
        rights_give_up(rights);
    }
    buffer_clear(&text);
    return ok;
}

bool review_do(struct rights *rights, struct bytes id, enum review_verdict verdict, struct bytes by, struct bytes words, int64_t now_ms,
               uint64_t *index, struct error *e)
{
    const struct store_value values[] = { STORE_STR(id), STORE_INT(verdict), STORE_STR(by), STORE_STR(words), STORE_INT(now_ms) };
    const struct saying saying = { .is_said = "SELECT reviewed_at FROM reviews WHERE id = ?1",
                                   .write = "UPDATE reviews SET verdict = ?2, reviewed_by = ?3, words = ?4, reviewed_at = ?5 WHERE id = ?1",
                                   .done = "it was reviewed already",
                                   .values = values,
                                   .value_count = COUNT_OF(values) };
    return say(rights, &saying, "review/1", "verdict", review_verdict_name(verdict), now_ms, index, e);
}

bool review_tell(struct rights *rights, struct bytes id, enum review_notice notice, struct bytes by, struct bytes words, int64_t now_ms,
                 uint64_t *index, struct error *e)
{
    const struct store_value values[] = { STORE_STR(id), STORE_INT(notice), STORE_STR(by), STORE_STR(words), STORE_INT(now_ms) };
    const struct saying saying = {
        .is_said = "SELECT notice_at FROM reviews WHERE id = ?1",
        .write = "UPDATE reviews SET notice = ?2, notice_by = ?3, notice_words = ?4, notice_at = ?5 WHERE id = ?1",
        .done = "the person was told already, or the notice was waived",
        .values = values,
        .value_count = COUNT_OF(values)
    };
    return say(rights, &saying, "deferred-notice/1", "event", review_notice_name(notice), now_ms, index, e);
}
