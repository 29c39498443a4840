#include "rights/obligation_internal.h"

enum { RETRY_FIRST_MS = 5 * 1000, RETRY_MOST_MS = 60 * 60 * 1000, LIST_MAX = 512 * 1024 };

const char *obligation_state_name(enum obligation_state state)
{
    static const char *const names[] = {
        [OBLIGATION_NONE] = "none", [OBLIGATION_WAITING] = "waiting",     [OBLIGATION_DUE] = "due",
        [OBLIGATION_TOLD] = "told", [OBLIGATION_CONFIRMED] = "confirmed", [OBLIGATION_KEPT] = "kept",
    };
    return (size_t)state < COUNT_OF(names) ? names[state] : "unknown";
}

bool obligation_is_overdue(const struct obligation *obligation, int64_t now_ms)
{
    return obligation->state != OBLIGATION_CONFIRMED && obligation->state != OBLIGATION_KEPT && now_ms >= obligation->due_at_ms;
}

int64_t obligation_retry_ms(int64_t attempts)
{
    int64_t wait = RETRY_FIRST_MS;
    for (int64_t i = 1; i < attempts && wait < RETRY_MOST_MS; i++) {
        wait *= 2;
    }
    return wait < RETRY_MOST_MS ? wait : RETRY_MOST_MS;
}

void obligation_join(const struct bytes *list, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_append_u8(out, '\n');
        }
        buffer_append(out, list[i]);
    }
}

bool obligation_split(struct bytes text, struct arena *arena, struct bytes **list, size_t *count)
{
    struct bytes rest = text, piece;
    *count = 0;
    while (text.size > 0 && bytes_split(&rest, '\n', &piece)) {
        (*count)++;
    }
    *list = arena_take(arena, (*count + 1) * sizeof **list);
    rest = text;
    for (size_t i = 0; *list != NULL && i < *count && bytes_split(&rest, '\n', &piece); i++) {
        (*list)[i] = piece;
    }
    return *list != NULL;
}

/* ---- Rows ---- */

#define COLUMNS                                                                                                                            \
    "id, person, recipient, gateway, cause, reason, exchanges, categories, kind, state, created_at, due_at, told_at, ended_at, attempts, " \
    "failure, note, confirmation"

static int64_t time_or_none(const struct store_value *value)
{
    return value->type == STORE_NULL ? 0 : value->integer;
}

static void read_row(const struct store_value *columns, struct obligation *out)
{
    *out = (struct obligation){
        .id = columns[0].bytes,
        .person = columns[1].bytes,
        .recipient = columns[2].bytes,
        .gateway = columns[3].bytes,
        .cause = columns[4].bytes,
        .reason = columns[5].bytes,
        .exchanges = columns[6].bytes,
        .categories = columns[7].bytes,
        .kind = (enum notice_kind)columns[8].integer,
        .state = (enum obligation_state)columns[9].integer,
        .created_at_ms = columns[10].integer,
        .due_at_ms = columns[11].integer,
        .told_at_ms = time_or_none(&columns[12]),
        .ended_at_ms = time_or_none(&columns[13]),
        .attempts = columns[14].integer,
        .failure = columns[15].bytes,
        .note = columns[16].bytes,
        .confirmation = columns[17].bytes,
    };
}

struct listing {
    obligation_each *each;
    void *context;
};

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    struct obligation row;
    (void)count;
    read_row(columns, &row);
    return listing->each(listing->context, &row);
}

bool obligation_list(struct rights *rights, const struct obligation_filter *filter, obligation_each *each, void *context, struct error *e)
{
    struct listing listing = { each, context };
    const struct store_value values[] = { STORE_STR(filter->id.size > 0 ? filter->id : filter->person) };
    if (filter->id.size > 0) {
        return store_read(rights->store, "SELECT " COLUMNS " FROM obligations WHERE id = ?1", values, 1, tell_row, &listing, e);
    }
    if (filter->person.size > 0) {
        return store_read(rights->store, "SELECT " COLUMNS " FROM obligations WHERE person = ?1 ORDER BY created_at DESC, id", values, 1,
                          tell_row, &listing, e);
    }
    return filter->is_open ? store_read(rights->store, "SELECT " COLUMNS " FROM obligations WHERE ended_at IS NULL ORDER BY due_at, id",
                                        NULL, 0, tell_row, &listing, e)
                           : store_read(rights->store, "SELECT " COLUMNS " FROM obligations ORDER BY created_at DESC, id", NULL, 0,
                                        tell_row, &listing, e);
}

struct found {
    struct arena *arena;
    struct obligation obligation;
    bool is_found, failed;
};

static bool keep_row(void *context, const struct store_value *columns, size_t count)
{
    struct found *found = context;
    struct obligation *row = &found->obligation;
    (void)count;
    read_row(columns, row);
    struct bytes *const texts[] = { &row->id,        &row->person,     &row->recipient, &row->gateway, &row->cause,       &row->reason,
                                    &row->exchanges, &row->categories, &row->failure,   &row->note,    &row->confirmation };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i]->size > 0) {
            *texts[i] = arena_copy(found->arena, *texts[i]);
            found->failed = found->failed || texts[i]->data == NULL;
        }
    }
    found->is_found = true;
    return false;
}

static bool find(struct rights *rights, struct bytes id, struct found *found, struct error *e)
{
    const struct store_value values[] = { STORE_STR(id) };
    return store_run(rights->store, "SELECT " COLUMNS " FROM obligations WHERE id = ?1", values, 1, keep_row, found, NULL, e) &&
           (!found->failed || error_memory(e, "obligation")) &&
           (found->is_found || error_set(e, ERROR_ABSENT, "id", "see 'comity rights obligations'", "there is no such obligation"));
}

/* ---- Making ---- */

/* The person isn't in it: the record or the request that is the cause says whom it is about. */
static void write_event(const char *event, const struct obligation *o, int64_t now_ms, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("obligation/1"));
    event_text_append(out, "event", bytes_of_text(event));
    event_text_append(out, "id", o->id);
    event_text_append(out, "kind", bytes_of_text(notice_kind_name(o->kind)));
    event_text_append(out, "reason", o->reason);
    event_text_append(out, "cause", o->cause);
    event_text_append(out, "recipient", o->recipient);
    event_text_append(out, "gateway", o->gateway);
    event_text_append_decimal(out, "due", o->due_at_ms);
    event_text_append_decimal(out, "time", now_ms);
}

static bool add_event(struct rights *rights, const char *event, const struct obligation *o, struct bytes note, int64_t now_ms,
                      struct error *e)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    write_event(event, o, now_ms, &text);
    if (note.size > 0) {
        sha256(note, digest);
        event_text_append_digest(&text, "note", digest);
    }
    bool ok = text.failed ? error_memory(e, "obligation") : rights_add_event(rights, o->id, buffer_bytes(&text), e);
    buffer_clear(&text);
    return ok;
}

bool obligation_add(struct rights *rights, const struct obligation_new *n, int64_t now_ms, struct error *e)
{
    char id[RIGHTS_ID_SIZE];
    int64_t changed = 0;
    struct buffer exchanges, categories;
    buffer_init(&exchanges, LIST_MAX);
    buffer_init(&categories, LIST_MAX);
    obligation_join(n->exchanges, n->exchange_count, &exchanges);
    obligation_join(n->categories, n->category_count, &categories);
    rights_make_id('o', id);
    const struct obligation made = { .id = bytes_of_text(id),
                                     .recipient = n->recipient,
                                     .gateway = n->gateway,
                                     .cause = n->cause,
                                     .reason = n->reason,
                                     .kind = n->kind,
                                     .due_at_ms = n->due_at_ms };
    const struct store_value values[] = {
        STORE_STR(made.id),
        STORE_STR(n->person),
        STORE_STR(n->recipient),
        STORE_STR(n->gateway),
        STORE_STR(n->cause),
        STORE_STR(n->reason),
        STORE_INT(n->part),
        STORE_STR(buffer_bytes(&exchanges)),
        STORE_STR(buffer_bytes(&categories)),
        STORE_INT(n->kind),
        STORE_INT(n->tell_at_ms > now_ms ? OBLIGATION_WAITING : OBLIGATION_DUE),
        STORE_INT(now_ms),
        STORE_INT(n->due_at_ms),
        STORE_INT(n->tell_at_ms),
    };
    bool ok = exchanges.failed || categories.failed ? error_memory(e, "obligation") : true;
    ok = ok &&
         store_run(rights->store,
                   "INSERT INTO obligations (id, person, recipient, gateway, cause, reason, part, exchanges, categories, kind, state, "
                   "created_at, due_at, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
                   "ON CONFLICT (cause, reason, gateway, part) DO NOTHING",
                   values, COUNT_OF(values), NULL, NULL, &changed, e);
    /* What only waits for its day is in the log by the answer that set it. */
    if (ok && changed > 0 && n->tell_at_ms <= now_ms) {
        ok = add_event(rights, "made", &made, BYTES_NONE, now_ms, e);
    }
    buffer_clear(&exchanges);
    buffer_clear(&categories);
    return ok;
}

/* ---- Telling ---- */

/* Signed once, and kept: the recipient may see it several times, and must see the same. */
static bool sign(struct rights *rights, const struct signer *signer, int64_t now_ms, struct arena *arena, struct obligation *o,
                 struct error *e)
{
    struct buffer note;
    struct bytes *exchanges = NULL, *categories = NULL;
    struct data_notice notice = { .id = o->id,
                                  .from = bytes_of_text(signer_verifier(signer)->name),
                                  .to = o->gateway,
                                  .recipient = o->recipient,
                                  .kind = o->kind,
                                  .reason = o->reason,
                                  .due_ms = o->due_at_ms,
                                  .time_ms = now_ms };
    if (!obligation_split(o->exchanges, arena, &exchanges, &notice.exchange_count) ||
        !obligation_split(o->categories, arena, &categories, &notice.category_count)) {
        return error_memory(e, "obligation");
    }
    notice.exchanges = exchanges;
    notice.categories = categories;
    buffer_init(&note, DATA_NOTICE_BYTES_MAX);
    bool ok = data_notice_write(&notice, signer, &note, e);
    if (ok) {
        o->note = arena_copy(arena, buffer_bytes(&note));
        const struct store_value values[] = { STORE_STR(o->id), STORE_STR(o->note) };
        ok = (o->note.data != NULL || error_memory(e, "obligation")) &&
             store_run(rights->store, "UPDATE obligations SET note = ?2 WHERE id = ?1 AND note IS NULL", values, COUNT_OF(values), NULL,
                       NULL, NULL, e);
    }
    buffer_clear(&note);
    return ok;
}

bool obligation_next(struct rights *rights, const struct signer *signer, int64_t now_ms, struct arena *arena, struct obligation *out,
                     struct error *e)
{
    struct found found = { .arena = arena };
    const struct store_value values[] = { STORE_INT(now_ms) };
    if (!store_read(rights->store,
                    "SELECT " COLUMNS
                    " FROM obligations WHERE next_at <= ?1 AND told_at IS NULL AND ended_at IS NULL ORDER BY next_at LIMIT 1",
                    values, 1, keep_row, &found, e)) {
        return false;
    }
    if (!found.is_found || found.failed) {
        return found.failed ? error_memory(e, "obligation") : error_set(e, ERROR_ABSENT, "obligation", NULL, "nobody is to be told now");
    }
    if (found.obligation.note.size == 0 && !sign(rights, signer, now_ms, arena, &found.obligation, e)) {
        return false;
    }
    *out = found.obligation;
    return true;
}

static bool note_failure(struct rights *rights, struct bytes id, const struct error *failure, int64_t attempts, int64_t now_ms,
                         struct error *e)
{
    const struct store_value values[] = { STORE_STR(id), STORE_STR(bytes_of_text(failure->what)), STORE_INT(attempts),
                                          STORE_INT(now_ms + obligation_retry_ms(attempts)) };
    return store_run(rights->store, "UPDATE obligations SET failure = ?2, attempts = ?3, next_at = ?4 WHERE id = ?1", values,
                     COUNT_OF(values), NULL, NULL, NULL, e);
}

/* A reply must be about just this notice, and to us. */
static bool check_reply(const struct obligation *o, const struct data_reply *reply, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    struct note note;
    if (!note_parse(&note, o->note, "obligation", e)) {
        return false;
    }
    sha256(note.text, digest);
    bool is_ours = bytes_equal(reply->id, o->id) && bytes_equal(reply->from, o->gateway) &&
                   memcmp(reply->notice, digest, sizeof digest) == 0;
    return is_ours || error_set(e, ERROR_DENIED, "erase notice", NULL, "the reply is about another notice");
}

bool obligation_tried(struct rights *rights, struct bytes id, const struct verifier *gateway, struct bytes receipt,
                      const struct error *failure, int64_t now_ms, struct error *e)
{
    struct arena arena = { 0 };
    struct found found = { .arena = &arena };
    struct data_reply reply;
    struct error cause = { 0 };
    if (!rights_begin(rights, e)) {
        return false;
    }
    bool ok = find(rights, id, &found, e);
    const struct obligation *o = &found.obligation;
    bool is_told = ok && failure == NULL && data_reply_read(receipt, gateway, &arena, &reply, &cause) && check_reply(o, &reply, &cause) &&
                   (reply.outcome == 0 || error_set(&cause, ERROR_INPUT, "erase notice", NULL, "the reply is no receipt"));
    if (ok && is_told) {
        const struct store_value values[] = { STORE_STR(id), STORE_INT(now_ms), STORE_INT(OBLIGATION_TOLD) };
        ok =
            store_run(
                rights->store,
                "UPDATE obligations SET told_at = ?2, state = ?3, attempts = attempts + 1, failure = NULL WHERE id = ?1 AND ended_at IS NULL",
                values, COUNT_OF(values), NULL, NULL, NULL, e) &&
            add_event(rights, "told", o, receipt, now_ms, e);
    } else if (ok) {
        ok = note_failure(rights, id, failure != NULL ? failure : &cause, o->attempts + 1, now_ms, e);
    }
    if (ok) {
        ok = rights_commit(rights, NULL, e);
    } else {
        rights_give_up(rights);
    }
    arena_clear(&arena);
    return ok;
}

static bool store_confirmation(struct rights *rights, const struct obligation *o, const struct data_reply *reply, struct bytes note,
                               int64_t now_ms, struct error *e)
{
    bool is_erased = reply->outcome == OUTCOME_ERASED;
    const struct store_value values[] = { STORE_STR(o->id), STORE_INT(is_erased ? OBLIGATION_CONFIRMED : OBLIGATION_KEPT),
                                          STORE_INT(now_ms), STORE_STR(note),
                                          is_erased ? (struct store_value){ .type = STORE_NULL } : STORE_STR(reply->reason) };
    return store_run(
               rights->store,
               "UPDATE obligations SET state = ?2, ended_at = ?3, told_at = coalesce(told_at, ?3), confirmation = ?4, failure = ?5 WHERE "
               "id = ?1",
               values, COUNT_OF(values), NULL, NULL, NULL, e) &&
           add_event(rights, is_erased ? "confirmed" : "kept", o, note, now_ms, e);
}

bool obligation_confirm(struct rights *rights, const struct verifier *gateway, struct bytes note, int64_t now_ms, struct error *e)
{
    struct arena arena = { 0 };
    struct found found = { .arena = &arena };
    struct data_reply reply;
    if (!data_reply_read(note, gateway, &arena, &reply, e) || !rights_begin(rights, e)) {
        arena_clear(&arena);
        return false;
    }
    bool ok = find(rights, reply.id, &found, e) && check_reply(&found.obligation, &reply, e) &&
              (reply.outcome != 0 || error_set(e, ERROR_INPUT, "erase notice", NULL, "this is a receipt, no confirmation"));
    if (ok && found.obligation.ended_at_ms != 0) {
        rights_give_up(rights); /* the first one stands */
    } else if (ok && store_confirmation(rights, &found.obligation, &reply, note, now_ms, e)) {
        ok = rights_commit(rights, NULL, e);
    } else {
        rights_give_up(rights);
        ok = false;
    }
    arena_clear(&arena);
    return ok;
}
