/* What other holders told us, and what we answered. */
#include "rights/obligation_internal.h"

enum { LIST_MAX = 512 * 1024 };

static bool add_event(struct rights *rights, const char *event, struct bytes from, struct bytes id, struct bytes note, struct bytes by,
                      int64_t now_ms, struct error *e)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    sha256(note, digest);
    event_text_append(&text, "comity-event", BYTES("received-notice/1"));
    event_text_append(&text, "event", bytes_of_text(event));
    event_text_append(&text, "id", id);
    event_text_append(&text, "from", from);
    event_text_append_digest(&text, "note", digest);
    if (by.size > 0) {
        event_text_append(&text, "by", by);
    }
    event_text_append_decimal(&text, "time", now_ms);
    bool ok = text.failed ? error_memory(e, "erase notice") : rights_add_event(rights, id, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

/* ---- Taking ---- */

static bool store_notice(struct rights *rights, const struct data_notice *notice, const uint8_t digest[SHA256_SIZE], struct bytes member,
                         struct bytes note, int64_t now_ms, int64_t *changed, struct error *e)
{
    struct buffer exchanges, categories;
    buffer_init(&exchanges, LIST_MAX);
    buffer_init(&categories, LIST_MAX);
    obligation_join(notice->exchanges, notice->exchange_count, &exchanges);
    obligation_join(notice->categories, notice->category_count, &categories);
    const struct store_value values[] = {
        STORE_STR(notice->from),
        STORE_STR(notice->id),
        STORE_STR(member),
        STORE_INT(notice->kind),
        STORE_STR(notice->reason),
        STORE_STR(buffer_bytes(&exchanges)),
        STORE_STR(buffer_bytes(&categories)),
        STORE_INT(now_ms),
        STORE_INT(notice->due_ms),
        STORE_STR(note),
        STORE_BIN(bytes_of(digest, SHA256_SIZE)),
    };
    bool ok = exchanges.failed || categories.failed ? error_memory(e, "erase notice") : true;
    ok = ok &&
         store_run(
             rights->store,
             "INSERT INTO received_notices (origin, id, member, kind, reason, exchanges, categories, received_at, due_at, note, digest) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (origin, id) DO NOTHING",
             values, COUNT_OF(values), NULL, NULL, changed, e);
    buffer_clear(&exchanges);
    buffer_clear(&categories);
    return ok;
}

struct same {
    const uint8_t *digest;
    bool is_same;
};

static bool compare(void *context, const struct store_value *columns, size_t count)
{
    struct same *same = context;
    (void)count;
    same->is_same = bytes_equal(columns[0].bytes, bytes_of(same->digest, SHA256_SIZE));
    return false;
}

/* Another text under an id that was used: we never promised to erase that. */
static bool check_same(struct rights *rights, const struct data_notice *notice, const uint8_t digest[SHA256_SIZE], struct error *e)
{
    struct same same = { .digest = digest };
    const struct store_value values[] = { STORE_STR(notice->from), STORE_STR(notice->id) };
    return store_run(rights->store, "SELECT digest FROM received_notices WHERE origin = ?1 AND id = ?2", values, COUNT_OF(values), compare,
                     &same, NULL, e) &&
           (same.is_same || error_set(e, ERROR_DENIED, "erase notice", "give it an id of its own", "another notice had this id"));
}

bool received_take(struct rights *rights, const struct signer *own, const struct verifier *peer, struct bytes member, struct bytes note,
                   int64_t now_ms, struct buffer *receipt, struct error *e)
{
    struct arena arena = { 0 };
    struct data_notice notice;
    uint8_t digest[SHA256_SIZE];
    int64_t changed = 0;
    bool ok = data_notice_read(note, peer, &arena, &notice, digest, e);
    if (ok && !bytes_equal(notice.to, bytes_of_text(signer_verifier(own)->name))) {
        ok = error_set(e, ERROR_DENIED, "erase notice", NULL, "it is for another gateway");
    }
    if (!ok || !rights_begin(rights, e)) {
        arena_clear(&arena);
        return false;
    }
    if (store_notice(rights, &notice, digest, member, note, now_ms, &changed, e) &&
        (changed > 0 ? add_event(rights, "received", notice.from, notice.id, note, BYTES_NONE, now_ms, e)
                     : check_same(rights, &notice, digest, e))) {
        ok = rights_commit(rights, NULL, e);
    } else {
        rights_give_up(rights);
        ok = false;
    }
    if (ok) {
        struct data_reply reply = { .id = notice.id, .from = notice.to, .to = notice.from, .time_ms = now_ms };
        memcpy(reply.notice, digest, sizeof digest);
        ok = data_reply_write(&reply, own, receipt, e);
    }
    arena_clear(&arena);
    return ok;
}

/* ---- Looking ---- */

struct listing {
    received_each *each;
    void *context;
};

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    (void)count;
    const struct received row = {
        .id = columns[0].bytes,
        .from = columns[1].bytes,
        .member = columns[2].bytes,
        .kind = (enum notice_kind)columns[3].integer,
        .reason = columns[4].bytes,
        .exchanges = columns[5].bytes,
        .categories = columns[6].bytes,
        .received_at_ms = columns[7].integer,
        .due_at_ms = columns[8].integer,
        .ended_at_ms = columns[9].type == STORE_NULL ? 0 : columns[9].integer,
        .outcome = columns[10].type == STORE_NULL ? 0 : (enum notice_outcome)columns[10].integer,
        .why = columns[11].bytes,
        .is_reported = columns[12].type != STORE_NULL,
    };
    return listing->each(listing->context, &row);
}

#define COLUMNS "id, origin, member, kind, reason, exchanges, categories, received_at, due_at, ended_at, outcome, why, reported_at"

bool received_list(struct rights *rights, bool is_open, received_each *each, void *context, struct error *e)
{
    struct listing listing = { each, context };
    return is_open ? store_read(rights->store, "SELECT " COLUMNS " FROM received_notices WHERE ended_at IS NULL ORDER BY due_at, id", NULL,
                                0, tell_row, &listing, e)
                   : store_read(rights->store, "SELECT " COLUMNS " FROM received_notices ORDER BY received_at DESC, id", NULL, 0, tell_row,
                                &listing, e);
}

/* ---- Ending ---- */

struct found {
    bool is_found, is_ended;
    uint8_t digest[SHA256_SIZE];
};

static bool keep_row(void *context, const struct store_value *columns, size_t count)
{
    struct found *found = context;
    (void)count;
    found->is_found = columns[0].bytes.size == SHA256_SIZE;
    found->is_ended = columns[1].type != STORE_NULL;
    if (found->is_found) {
        memcpy(found->digest, columns[0].bytes.data, SHA256_SIZE);
    }
    return false;
}

static bool check_open(struct rights *rights, struct bytes from, struct bytes id, struct found *found, struct error *e)
{
    const struct store_value values[] = { STORE_STR(from), STORE_STR(id) };
    if (!store_run(rights->store, "SELECT digest, ended_at FROM received_notices WHERE origin = ?1 AND id = ?2", values, COUNT_OF(values),
                   keep_row, found, NULL, e)) {
        return false;
    }
    if (!found->is_found) {
        return error_set(e, ERROR_ABSENT, "id", "see 'comity rights notices'", "there is no such notice");
    }
    return !found->is_ended || error_set(e, ERROR_DENIED, "id", NULL, "it was confirmed already");
}

static bool store_end(struct rights *rights, struct bytes from, struct bytes id, const struct data_reply *reply, struct bytes note,
                      struct error *e)
{
    const struct store_value values[] = {
        STORE_STR(from), STORE_STR(id), STORE_INT(reply->time_ms), STORE_INT(reply->outcome), rights_text_or_null(reply->reason),
        STORE_STR(note)
    };
    return store_run(
        rights->store,
        "UPDATE received_notices SET ended_at = ?3, outcome = ?4, why = ?5, confirmation = ?6, next_at = ?3 WHERE origin = ?1 AND "
        "id = ?2",
        values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool received_end(struct rights *rights, const struct signer *own, struct bytes from, struct bytes id, enum notice_outcome outcome,
                  struct bytes why, struct bytes by, int64_t now_ms, struct error *e)
{
    struct buffer note;
    struct found found = { 0 };
    struct data_reply reply = {
        .id = id, .from = bytes_of_text(signer_verifier(own)->name), .to = from, .outcome = outcome, .reason = why, .time_ms = now_ms
    };
    if (outcome != OUTCOME_ERASED && outcome != OUTCOME_KEPT) {
        return error_set(e, ERROR_INPUT, "outcome", NULL, "must be erased or kept");
    }
    if (!rights_check_line(by, 1, RIGHTS_NAME_MAX, "by", e) ||
        !rights_check_line(why, outcome == OUTCOME_KEPT ? 1 : 0, outcome == OUTCOME_KEPT ? RIGHTS_NAME_MAX : 0, "law", e) ||
        !rights_begin(rights, e)) {
        return false;
    }
    buffer_init(&note, DATA_NOTICE_BYTES_MAX);
    bool ok = check_open(rights, from, id, &found, e);
    memcpy(reply.notice, found.digest, sizeof reply.notice);
    ok = ok && data_reply_write(&reply, own, &note, e) && store_end(rights, from, id, &reply, buffer_bytes(&note), e) &&
         add_event(rights, notice_outcome_name(outcome), from, id, buffer_bytes(&note), by, now_ms, e);
    if (ok) {
        ok = rights_commit(rights, NULL, e);
    } else {
        rights_give_up(rights);
    }
    buffer_clear(&note);
    return ok;
}

/* ---- Reporting ---- */

struct next {
    struct arena *arena;
    struct bytes *from, *id, *note;
    bool is_found, failed;
};

static bool keep_next(void *context, const struct store_value *columns, size_t count)
{
    struct next *next = context;
    (void)count;
    *next->from = arena_copy(next->arena, columns[0].bytes);
    *next->id = arena_copy(next->arena, columns[1].bytes);
    *next->note = arena_copy(next->arena, columns[2].bytes);
    next->failed = next->from->data == NULL || next->id->data == NULL || next->note->data == NULL;
    next->is_found = true;
    return false;
}

bool received_next(struct rights *rights, int64_t now_ms, struct arena *arena, struct bytes *from, struct bytes *id, struct bytes *note,
                   struct error *e)
{
    struct next next = { .arena = arena, .from = from, .id = id, .note = note };
    const struct store_value values[] = { STORE_INT(now_ms) };
    if (!store_read(
            rights->store,
            "SELECT origin, id, confirmation FROM received_notices WHERE reported_at IS NULL AND next_at <= ?1 ORDER BY next_at LIMIT 1",
            values, 1, keep_next, &next, e)) {
        return false;
    }
    if (next.failed) {
        return error_memory(e, "erase notice");
    }
    return next.is_found || error_set(e, ERROR_ABSENT, "erase notice", NULL, "no confirmation is to be sent now");
}

struct attempts {
    int64_t count;
};

static bool take_attempts(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    ((struct attempts *)context)->count = columns[0].integer;
    return false;
}

bool received_reported(struct rights *rights, struct bytes from, struct bytes id, bool is_reported, int64_t now_ms, struct error *e)
{
    struct attempts attempts = { 0 };
    const struct store_value key[] = { STORE_STR(from), STORE_STR(id) };
    if (!store_read(rights->store, "SELECT attempts FROM received_notices WHERE origin = ?1 AND id = ?2", key, COUNT_OF(key), take_attempts,
                    &attempts, e)) {
        return false;
    }
    const struct store_value values[] = { STORE_STR(from), STORE_STR(id),
                                          is_reported ? STORE_INT(now_ms) : (struct store_value){ .type = STORE_NULL },
                                          STORE_INT(attempts.count + 1), STORE_INT(now_ms + obligation_retry_ms(attempts.count + 1)) };
    return store_run(rights->store,
                     "UPDATE received_notices SET reported_at = ?3, attempts = ?4, next_at = ?5 WHERE origin = ?1 AND id = ?2", values,
                     COUNT_OF(values), NULL, NULL, NULL, e);
}
