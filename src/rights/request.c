#include "rights/request.h"

#include "rights/rights_internal.h"

enum { PERSON_MAX = 256, SUBJECT_MAX = 512 };

/* ---- The state machine ---- */

/* Zero is "not allowed", so a forgotten cell refuses; a state without a row is final. */
static const enum request_state after[][REQUEST_EVENT_COUNT] = {
    [REQUEST_NONE] = { [REQUEST_EVENT_RECEIVE] = REQUEST_RECEIVED },
    [REQUEST_RECEIVED] = { [REQUEST_EVENT_ACCEPT] = REQUEST_ACCEPTED,
                           [REQUEST_EVENT_EXTEND] = REQUEST_RECEIVED,
                           [REQUEST_EVENT_REFUSE] = REQUEST_REFUSED,
                           [REQUEST_EVENT_CANCEL] = REQUEST_CANCELLED },
    [REQUEST_ACCEPTED] = { [REQUEST_EVENT_EXTEND] = REQUEST_ACCEPTED,
                           [REQUEST_EVENT_FULFIL] = REQUEST_FULFILLED,
                           [REQUEST_EVENT_FULFIL_PARTLY] = REQUEST_PARTLY,
                           [REQUEST_EVENT_REFUSE] = REQUEST_REFUSED,
                           [REQUEST_EVENT_CANCEL] = REQUEST_CANCELLED },
};

enum request_state request_after(enum request_state state, enum request_event event)
{
    return (size_t)state < COUNT_OF(after) && (size_t)event < REQUEST_EVENT_COUNT ? after[state][event] : REQUEST_NONE;
}

const char *request_state_name(enum request_state state)
{
    static const char *const names[] = {
        [REQUEST_NONE] = "none",     [REQUEST_RECEIVED] = "received", [REQUEST_ACCEPTED] = "accepted",   [REQUEST_FULFILLED] = "fulfilled",
        [REQUEST_PARTLY] = "partly", [REQUEST_REFUSED] = "refused",   [REQUEST_CANCELLED] = "cancelled",
    };
    return (size_t)state < COUNT_OF(names) ? names[state] : "unknown";
}

static const char *const events[REQUEST_EVENT_COUNT] = {
    [REQUEST_EVENT_RECEIVE] = "receive",
    [REQUEST_EVENT_ACCEPT] = "accept",
    [REQUEST_EVENT_EXTEND] = "extend",
    [REQUEST_EVENT_FULFIL] = "fulfil",
    [REQUEST_EVENT_FULFIL_PARTLY] = "fulfil-partly",
    [REQUEST_EVENT_REFUSE] = "refuse",
    [REQUEST_EVENT_CANCEL] = "cancel",
};

const char *request_event_name(enum request_event event)
{
    return (size_t)event < REQUEST_EVENT_COUNT ? events[event] : "unknown";
}

bool request_event_find(struct bytes name, enum request_event *out)
{
    for (size_t i = 0; i < REQUEST_EVENT_COUNT; i++) {
        if (bytes_equal(name, bytes_of_text(events[i]))) {
            *out = (enum request_event)i;
            return true;
        }
    }
    return false;
}

bool request_right_find(struct bytes word, enum law_right *out)
{
    for (size_t i = 0; i < LAW_RIGHT_COUNT; i++) {
        if (bytes_equal(word, bytes_of_text(law_right_word((enum law_right)i)))) {
            *out = (enum law_right)i;
            return true;
        }
    }
    return false;
}

/* ---- The event ---- */

/* What was said stays in the store; the log has its digest, and the person's name, by which it is found and erased. */
static void write_event(const struct request *request, enum request_event event, struct bytes by, int64_t now_ms, struct buffer *out)
{
    uint8_t digest[SHA256_SIZE];
    event_text_append(out, "comity-event", BYTES("rights/1"));
    event_text_append(out, "event", bytes_of_text(request_event_name(event)));
    event_text_append(out, "id", request->id);
    event_text_append(out, "person", request->person);
    event_text_append(out, "right", bytes_of_text(law_right_word(request->right)));
    event_text_append(out, "state", bytes_of_text(request_state_name(request->state)));
    if (request->subject.size > 0) {
        event_text_append(out, "subject", request->subject);
    }
    event_text_append(out, "law", request->law);
    event_text_append_decimal(out, "due", request->due_at_ms);
    event_text_append(out, "by", by);
    if (request->reason.size > 0) {
        event_text_append(out, "reason", request->reason);
    }
    if (request->answer.size > 0) {
        sha256(request->answer, digest);
        event_text_append_digest(out, "answer", digest);
    }
    event_text_append_decimal(out, "time", now_ms);
}

static bool finish(struct rights *rights, const struct request *request, enum request_event event, struct bytes by, int64_t now_ms,
                   uint64_t *index, struct error *e)
{
    struct buffer text;
    buffer_init(&text, RECORD_STATEMENT_BYTES_MAX);
    write_event(request, event, by, now_ms, &text);
    bool ok = !text.failed;
    if (ok) {
        ok = rights_finish(rights, request->id, buffer_bytes(&text), index, e);
    } else {
        rights_give_up(rights);
        (void)error_memory(e, "rights");
    }
    buffer_wipe(&text);
    return ok;
}

/* ---- Receiving ---- */

static bool check_new(const struct request_new *request, const struct law *law, struct error *e)
{
    if ((size_t)request->right >= LAW_RIGHT_COUNT || !law->rights[request->right].is_set) {
        return error_set(e, ERROR_DENIED, "right", "see 'comity law show' for the rights that it gives", "%.*s gives no such right",
                         BYTES_FMT(law->id));
    }
    if (request->right == LAW_CORRECT && request->words.size == 0) {
        return error_set(e, ERROR_INPUT, "words", NULL, "say what is wrong, and what is right");
    }
    if (request->right == LAW_EXPLAIN && request->subject.size == 0) {
        return error_set(e, ERROR_INPUT, "subject", "copy it from the list of uses", "name the exchange that is to be explained");
    }
    return rights_check_line(request->person, 1, PERSON_MAX, "person", e) &&
           rights_check_line(request->subject, 0, SUBJECT_MAX, "subject", e) &&
           rights_check_text(request->words, 0, RIGHTS_WORDS_MAX, "words", e) &&
           rights_check_line(request->by, 1, RIGHTS_NAME_MAX, "by", e) &&
           rights_check_line(request->method, 1, RIGHTS_NAME_MAX, "method", e);
}

bool request_receive(struct rights *rights, const struct request_new *request, const struct law *law, int64_t now_ms,
                     char id[RIGHTS_ID_SIZE], uint64_t *index, struct error *e)
{
    if (!check_new(request, law, e)) {
        return false;
    }
    rights_make_id('r', id);
    const struct request fresh = { .id = bytes_of_text(id),
                                   .person = request->person,
                                   .subject = request->subject,
                                   .law = law->id,
                                   .right = request->right,
                                   .state = request_after(REQUEST_NONE, REQUEST_EVENT_RECEIVE),
                                   .due_at_ms = period_after(now_ms, law->rights[request->right].value) };
    const struct store_value values[] = {
        STORE_STR(fresh.id),
        STORE_STR(request->person),
        STORE_INT(request->right),
        STORE_INT(fresh.state),
        STORE_INT(now_ms),
        STORE_INT(period_after(now_ms, law->rights_identity.value)),
        STORE_INT(fresh.due_at_ms),
        STORE_STR(law->id),
        STORE_STR(request->by),
        STORE_STR(request->method),
        rights_text_or_null(request->subject),
        rights_text_or_null(request->words),
    };
    if (!rights_begin(rights, e)) {
        return false;
    }
    if (!store_run(
            rights->store,
            "INSERT INTO rights_requests (id, person, entitlement, state, received_at, identity_due_at, due_at, law, asked_by, method, "
            "subject, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            values, COUNT_OF(values), NULL, NULL, NULL, e)) {
        rights_give_up(rights);
        return false;
    }
    return finish(rights, &fresh, REQUEST_EVENT_RECEIVE, request->by, now_ms, index, e);
}

/* ---- Acting ---- */

#define COLUMNS                                                                                                                             \
    "id, person, entitlement, state, received_at, identity_due_at, due_at, is_extended, closed_at, law, asked_by, method, subject, words, " \
    "reason, remedy, answer, (SELECT log_index FROM rights_events WHERE subject = rights_requests.id ORDER BY sequence DESC LIMIT 1)"

static void read_row(const struct store_value *columns, struct request *out)
{
    *out = (struct request){
        .id = columns[0].bytes,
        .person = columns[1].bytes,
        .right = (enum law_right)columns[2].integer,
        .state = (enum request_state)columns[3].integer,
        .received_at_ms = columns[4].integer,
        .identity_due_at_ms = columns[5].integer,
        .due_at_ms = columns[6].integer,
        .is_extended = columns[7].integer != 0,
        .closed_at_ms = columns[8].type == STORE_NULL ? 0 : columns[8].integer,
        .law = columns[9].bytes,
        .by = columns[10].bytes,
        .method = columns[11].bytes,
        .subject = columns[12].bytes,
        .words = columns[13].bytes,
        .reason = columns[14].bytes,
        .remedy = columns[15].bytes,
        .answer = columns[16].bytes,
        .log_index = columns[17].type == STORE_NULL ? -1 : columns[17].integer,
    };
}

struct found {
    struct arena *arena;
    struct request request;
    bool is_found, failed;
};

static bool keep_row(void *context, const struct store_value *columns, size_t count)
{
    struct found *found = context;
    struct request row;
    (void)count;
    read_row(columns, &row);
    found->request = row;
    struct bytes *const texts[] = { &found->request.id,     &found->request.person,  &found->request.law,   &found->request.by,
                                    &found->request.method, &found->request.subject, &found->request.words, &found->request.reason,
                                    &found->request.remedy, &found->request.answer };
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
    return store_run(rights->store, "SELECT " COLUMNS " FROM rights_requests WHERE id = ?1", values, COUNT_OF(values), keep_row, found,
                     NULL, e) &&
           (!found->failed || error_memory(e, "rights")) &&
           (found->is_found || error_set(e, ERROR_ABSENT, "id", "see 'comity rights list'", "there is no such request"));
}

static bool check_act(const struct request_act *act, struct error *e)
{
    bool is_answered = act->event == REQUEST_EVENT_FULFIL || act->event == REQUEST_EVENT_FULFIL_PARTLY;
    bool needs_reason = act->event == REQUEST_EVENT_EXTEND || act->event == REQUEST_EVENT_FULFIL_PARTLY ||
                        act->event == REQUEST_EVENT_REFUSE;
    if (act->event == REQUEST_EVENT_RECEIVE || (size_t)act->event >= REQUEST_EVENT_COUNT) {
        return error_set(e, ERROR_INPUT, "event", NULL, "must be accept, extend, fulfil, fulfil-partly, refuse or cancel");
    }
    return rights_check_line(act->by, 1, RIGHTS_NAME_MAX, "by", e) &&
           rights_check_line(act->reason, needs_reason ? 1 : 0, RIGHTS_NAME_MAX, "reason", e) &&
           rights_check_line(act->remedy, act->event == REQUEST_EVENT_REFUSE ? 1 : 0, RIGHTS_NAME_MAX, "remedy", e) &&
           rights_check_text(act->answer, is_answered ? 1 : 0, RIGHTS_WORDS_MAX, "answer", e);
}

/* What the act makes of the request, if it may. */
static bool apply(const struct request_act *act, const struct law *law, int64_t now_ms, struct request *request, struct error *e)
{
    enum request_state next = request_after(request->state, act->event);
    if (next == REQUEST_NONE) {
        return error_set(e, ERROR_DENIED, "event", act->event == REQUEST_EVENT_FULFIL ? "accept it first: it must be known who asks" : NULL,
                         "a request that is %s can't be changed so", request_state_name(request->state));
    }
    if (act->event == REQUEST_EVENT_EXTEND) {
        if (request->is_extended || period_is_zero(law->rights_extend.value)) {
            return error_set(e, ERROR_DENIED, "event", "answer it in time", "%s",
                             request->is_extended ? "it was extended already" : "the law allows no extension");
        }
        if (now_ms >= request->due_at_ms) {
            return error_set(e, ERROR_DENIED, "event", "answer it now", "its time is over: it can't be extended any more");
        }
        request->is_extended = true;
        request->due_at_ms = period_after(request->due_at_ms, law->rights_extend.value);
    }
    request->state = next;
    request->reason = act->reason.size > 0 ? act->reason : request->reason;
    request->remedy = act->remedy.size > 0 ? act->remedy : request->remedy;
    request->answer = act->answer.size > 0 ? act->answer : request->answer;
    request->closed_at_ms = next == REQUEST_RECEIVED || next == REQUEST_ACCEPTED ? 0 : now_ms;
    return true;
}

static bool update(struct rights *rights, const struct request *request, struct error *e)
{
    const struct store_value values[] = {
        STORE_STR(request->id),
        STORE_INT(request->state),
        STORE_INT(request->due_at_ms),
        STORE_INT(request->is_extended),
        request->closed_at_ms == 0 ? (struct store_value){ .type = STORE_NULL } : STORE_INT(request->closed_at_ms),
        rights_text_or_null(request->reason),
        rights_text_or_null(request->remedy),
        rights_text_or_null(request->answer),
    };
    return store_run(rights->store,
                     "UPDATE rights_requests SET state = ?2, due_at = ?3, is_extended = ?4, closed_at = ?5, reason = ?6, remedy = ?7, "
                     "answer = ?8 WHERE id = ?1",
                     values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool request_do(struct rights *rights, const struct request_act *act, const struct law *law, int64_t now_ms, uint64_t *index,
                struct error *e)
{
    struct arena arena = { 0 };
    struct found found = { .arena = &arena };
    if (!check_act(act, e) || !rights_begin(rights, e)) {
        return false;
    }
    bool ok = find(rights, act->id, &found, e) && apply(act, law, now_ms, &found.request, e) && update(rights, &found.request, e);
    if (ok) {
        ok = finish(rights, &found.request, act->event, act->by, now_ms, index, e);
    } else {
        rights_give_up(rights);
    }
    arena_clear(&arena);
    return ok;
}

/* ---- Looking ---- */

bool request_is_overdue(const struct request *request, int64_t now_ms)
{
    bool is_late_for_identity = request->state == REQUEST_RECEIVED && now_ms >= request->identity_due_at_ms;
    return request->closed_at_ms == 0 && (is_late_for_identity || now_ms >= request->due_at_ms);
}

struct listing {
    request_each *each;
    void *context;
};

static bool tell_row(void *context, const struct store_value *columns, size_t count)
{
    struct listing *listing = context;
    struct request row;
    (void)count;
    read_row(columns, &row);
    return listing->each(listing->context, &row);
}

bool request_list(struct rights *rights, const struct request_filter *filter, request_each *each, void *context, struct error *e)
{
    struct listing listing = { each, context };
    const struct store_value values[] = { STORE_STR(filter->id.size > 0 ? filter->id : filter->person) };
    if (filter->id.size > 0) {
        return store_read(rights->store, "SELECT " COLUMNS " FROM rights_requests WHERE id = ?1", values, 1, tell_row, &listing, e);
    }
    if (filter->person.size > 0) {
        return filter->is_open
                   ? store_read(rights->store,
                                "SELECT " COLUMNS " FROM rights_requests WHERE person = ?1 AND closed_at IS NULL ORDER BY due_at", values,
                                1, tell_row, &listing, e)
                   : store_read(rights->store, "SELECT " COLUMNS " FROM rights_requests WHERE person = ?1 ORDER BY received_at DESC",
                                values, 1, tell_row, &listing, e);
    }
    return filter->is_open ? store_read(rights->store, "SELECT " COLUMNS " FROM rights_requests WHERE closed_at IS NULL ORDER BY due_at",
                                        NULL, 0, tell_row, &listing, e)
                           : store_read(rights->store, "SELECT " COLUMNS " FROM rights_requests ORDER BY received_at DESC", NULL, 0,
                                        tell_row, &listing, e);
}
