#include "api/operation_rights.h"

#include "base/time.h"
#include "directory/json_place.h"
#include "law/iri.h"
#include "rights/assessment.h"
#include "rights/breach.h"
#include "rights/obligation.h"
#include "rights/register.h"
#include "rights/request.h"

enum { PERSON_MAX = 256, LINE_MAX_BYTES = 2400, LIST_MAX = 100000 };

/* ---- Reading ---- */

struct input {
    struct arena arena;
    struct json_source source;
    const json_t *object;
};

static bool input_open(struct input *in, const json_t *request, const char *const *keys, size_t count, struct error *e)
{
    *in = (struct input){ .source = { .memory = &in->arena, .where = "request", .e = e, .writes_pointers = true }, .object = request };
    return request == NULL || json_check_object(&in->source, NULL, request, keys, count);
}

/* May have line breaks, unlike what json_get_text() takes: the functions of rights say what they allow. Absent: empty. */
static bool words(struct input *in, const char *key, size_t most, struct bytes *out)
{
    const json_t *value = json_object_get(in->object, key);
    const struct json_place at = { .key = key };
    *out = BYTES_NONE;
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) > most) {
        return json_refuse(&in->source, &at, NULL, "must be a text of at most %zu bytes", most);
    }
    *out = bytes_of(json_string_value(value), json_string_length(value));
    return true;
}

static bool line(struct input *in, const char *key, struct bytes *out)
{
    return words(in, key, LINE_MAX_BYTES, out);
}

static bool moment(struct input *in, const char *key, int64_t *out)
{
    return json_get_time(&in->source, NULL, in->object, key, out);
}

static bool flag(struct input *in, const char *key, bool *out)
{
    return json_get_flag(&in->source, NULL, in->object, key, out);
}

/* "pd:Health" or the whole IRI; absent: empty. */
static bool iri(struct input *in, const char *key, struct bytes *out)
{
    struct bytes text;
    struct buffer full;
    const struct json_place at = { .key = key };
    *out = BYTES_NONE;
    if (!line(in, key, &text) || text.size == 0) {
        return text.size == 0;
    }
    buffer_init(&full, 2 * (size_t)IRI_SIZE_MAX);
    bool ok = iri_expand(text, &full) && !full.failed;
    *out = ok ? arena_copy(&in->arena, buffer_bytes(&full)) : BYTES_NONE;
    buffer_clear(&full);
    return ok ? out->data != NULL || json_no_memory(&in->source)
              : json_refuse(&in->source, &at, "write a full IRI, or one with a known prefix such as pd:", "is no IRI");
}

static bool grounds_of(const struct operation_context *context, struct operation_grounds *out, struct error *e)
{
    *out = context->grounds == NULL ? (struct operation_grounds){ 0 } : context->grounds(context->grounds_context);
    return out->law != NULL ||
           error_set(e, ERROR_ABSENT, "law", "start the gateway", "the gateway does not run, so its law is not at hand");
}

static void grounds_drop(struct operation_grounds *grounds)
{
    law_drop(grounds->law);
    policy_drop(grounds->policy);
}

/* ---- Writing ---- */

static json_t *text(struct bytes view)
{
    return view.size == 0 || !bytes_are_utf8(view) ? json_null() : json_stringn((const char *)view.data, view.size);
}

static json_t *when(int64_t time_ms)
{
    char out[TIME_TEXT_SIZE];
    return time_ms == 0 ? json_null() : json_string(time_text(time_ms, out));
}

/* The pieces between separators; blanks around them go. */
static json_t *pieces(struct bytes list, uint8_t separator)
{
    json_t *out = json_array();
    struct bytes piece;
    while (out != NULL && list.size > 0 && bytes_split(&list, separator, &piece)) {
        if (json_array_append_new(out, text(bytes_trim(piece))) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static bool give(json_t *made, json_t **answer, struct error *e)
{
    *answer = made;
    return made != NULL || error_memory(e, "answer");
}

static bool give_id(const char *id, uint64_t index, json_t **answer, struct error *e)
{
    return give(json_pack("{s:s, s:I}", "id", id, "log_index", (json_int_t)index), answer, e);
}

struct rows {
    json_t *list;
    int64_t now_ms;
    bool failed;
};

static bool add_row(struct rows *rows, json_t *row)
{
    rows->failed = row == NULL || json_array_append_new(rows->list, row) != 0;
    return !rows->failed && json_array_size(rows->list) < LIST_MAX;
}

static bool give_rows(struct rows *rows, bool ok, const char *name, json_t **answer, struct error *e)
{
    if (ok && !rows->failed && rows->list != NULL) {
        return give(json_pack("{s:o}", name, rows->list), answer, e);
    }
    json_decref(rows->list);
    return ok ? error_memory(e, name) : false;
}

static struct rows rows_open(void)
{
    return (struct rows){ .list = json_array(), .now_ms = time_now_ms() };
}

/* ---- Requests ---- */

bool operation_request_receive(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "right", "subject", "words", "by", "method" };
    struct input in;
    struct request_new asked = { .right = LAW_ACCESS };
    struct operation_grounds grounds = { 0 };
    struct bytes right;
    char id[RIGHTS_ID_SIZE];
    uint64_t index = 0;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && words(&in, "person", PERSON_MAX, &asked.person) &&
              line(&in, "right", &right) && line(&in, "subject", &asked.subject) && words(&in, "words", RIGHTS_WORDS_MAX, &asked.words) &&
              line(&in, "by", &asked.by) && line(&in, "method", &asked.method);
    const struct json_place at = { .key = "right" };
    ok = ok && (request_right_find(right, &asked.right) ||
                json_refuse(&in.source, &at, NULL, "must be access, copy, port, correct, delete, restrict, object or explain"));
    ok = ok && grounds_of(context, &grounds, e) && request_receive(context->rights, &asked, grounds.law, time_now_ms(), id, &index, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok && give_id(id, index, answer, e);
}

bool operation_request_do(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "event", "by", "reason", "remedy", "answer" };
    struct input in;
    struct request_act act = { .event = REQUEST_EVENT_ACCEPT };
    struct operation_grounds grounds = { 0 };
    struct bytes event;
    uint64_t index = 0;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "id", &act.id) && line(&in, "event", &event) &&
              line(&in, "by", &act.by) && line(&in, "reason", &act.reason) && line(&in, "remedy", &act.remedy) &&
              words(&in, "answer", RIGHTS_WORDS_MAX, &act.answer);
    const struct json_place at = { .key = "event" };
    ok = ok && ((request_event_find(event, &act.event) && act.event != REQUEST_EVENT_RECEIVE) ||
                json_refuse(&in.source, &at, NULL, "must be accept, extend, fulfil, fulfil-partly, refuse or cancel"));
    ok = ok && grounds_of(context, &grounds, e) && request_do(context->rights, &act, grounds.law, time_now_ms(), &index, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok && give(json_pack("{s:I}", "log_index", (json_int_t)index), answer, e);
}

static bool add_request(void *context, const struct request *r)
{
    struct rows *rows = context;
    return add_row(rows, json_pack("{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                                   text(r->id), "person", text(r->person), "right", law_right_word(r->right), "state",
                                   request_state_name(r->state), "overdue", request_is_overdue(r, rows->now_ms), "received_at",
                                   when(r->received_at_ms), "identity_due_at", when(r->identity_due_at_ms), "due_at", when(r->due_at_ms),
                                   "extended", r->is_extended, "closed_at", when(r->closed_at_ms), "law", text(r->law), "by", text(r->by),
                                   "method", text(r->method), "subject", text(r->subject), "words", text(r->words), "reason",
                                   text(r->reason), "remedy", text(r->remedy), "answer", text(r->answer), "log_index",
                                   r->log_index < 0 ? json_null() : json_integer(r->log_index)));
}

bool operation_request_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "id", "open" };
    struct input in;
    struct request_filter filter = { .is_open = false };
    struct rows rows = rows_open();
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && words(&in, "person", PERSON_MAX, &filter.person) &&
              line(&in, "id", &filter.id) && flag(&in, "open", &filter.is_open) &&
              request_list(context->rights, &filter, add_request, &rows, e);
    if (ok && filter.id.size > 0 && json_array_size(rows.list) == 0) {
        ok = error_set(e, ERROR_ABSENT, "id", "see 'comity rights list'", "there is no such request");
    }
    arena_clear(&in.arena);
    return give_rows(&rows, ok, "requests", answer, e);
}

/* ---- Obligations ---- */

static bool add_obligation(void *context, const struct obligation *o)
{
    struct rows *rows = context;
    return add_row(rows, json_pack("{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "id",
                                   text(o->id), "person", text(o->person), "kind", notice_kind_name(o->kind), "state",
                                   obligation_state_name(o->state), "overdue", obligation_is_overdue(o, rows->now_ms), "reason",
                                   text(o->reason), "cause", text(o->cause), "recipient", text(o->recipient), "gateway", text(o->gateway),
                                   "exchanges", pieces(o->exchanges, '\n'), "categories", pieces(o->categories, '\n'), "created_at",
                                   when(o->created_at_ms), "due_at", when(o->due_at_ms), "told_at", when(o->told_at_ms), "ended_at",
                                   when(o->ended_at_ms), "attempts", (json_int_t)o->attempts, "failure", text(o->failure), "notice",
                                   text(o->note), "confirmation", text(o->confirmation)));
}

bool operation_obligation_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "id", "open" };
    struct input in;
    struct obligation_filter filter = { .is_open = false };
    struct rows rows = rows_open();
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && words(&in, "person", PERSON_MAX, &filter.person) &&
              line(&in, "id", &filter.id) && flag(&in, "open", &filter.is_open) &&
              obligation_list(context->rights, &filter, add_obligation, &rows, e);
    arena_clear(&in.arena);
    return give_rows(&rows, ok, "obligations", answer, e);
}

static bool add_received(void *context, const struct received *r)
{
    struct rows *rows = context;
    bool is_overdue = r->ended_at_ms == 0 && rows->now_ms >= r->due_at_ms;
    return add_row(rows,
                   json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:b}", "id", text(r->id), "from",
                             text(r->from), "member", text(r->member), "kind", notice_kind_name(r->kind), "reason", text(r->reason),
                             "exchanges", pieces(r->exchanges, '\n'), "categories", pieces(r->categories, '\n'), "received_at",
                             when(r->received_at_ms), "due_at", when(r->due_at_ms), "overdue", is_overdue, "ended_at", when(r->ended_at_ms),
                             "outcome", r->outcome == 0 ? json_null() : json_string(notice_outcome_name(r->outcome)), "law", text(r->why),
                             "reported", r->is_reported));
}

bool operation_received_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "open" };
    struct input in;
    bool is_open = false;
    struct rows rows = rows_open();
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && flag(&in, "open", &is_open) &&
              received_list(context->rights, is_open, add_received, &rows, e);
    arena_clear(&in.arena);
    return give_rows(&rows, ok, "notices", answer, e);
}

bool operation_received_end(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "from", "id", "outcome", "law", "by" };
    struct input in;
    struct bytes from = BYTES_NONE, id = BYTES_NONE, outcome = BYTES_NONE, law = BYTES_NONE, by = BYTES_NONE;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "from", &from) && line(&in, "id", &id) &&
              line(&in, "outcome", &outcome) && line(&in, "law", &law) && line(&in, "by", &by);
    enum notice_outcome which = bytes_equal(outcome, BYTES("erased")) ? OUTCOME_ERASED
                                : bytes_equal(outcome, BYTES("kept")) ? OUTCOME_KEPT
                                                                      : 0;
    ok = ok && (context->signer != NULL || error_set(e, ERROR_ABSENT, "key", "start the gateway", "the gateway does not run")) &&
         received_end(context->rights, context->signer, from, id, which, law, by, time_now_ms(), e);
    arena_clear(&in.arena);
    return ok && give(json_object(), answer, e);
}

/* ---- Registers ---- */

bool operation_assessment_add(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "service", "reference", "author", "report", "made_at", "valid_until" };
    struct input in;
    struct assessment a = { .made_at_ms = 0 };
    struct operation_grounds grounds = { 0 };
    char id[RIGHTS_ID_SIZE];
    uint64_t index = 0;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "service", &a.service) &&
              line(&in, "reference", &a.reference) && line(&in, "author", &a.author) &&
              words(&in, "report", ASSESSMENT_WORDS_MAX, &a.words) && moment(&in, "made_at", &a.made_at_ms) &&
              moment(&in, "valid_until", &a.valid_until_ms) && grounds_of(context, &grounds, e) &&
              assessment_add(context->rights, &a, grounds.law, time_now_ms(), id, &index, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok && give_id(id, index, answer, e);
}

static bool add_assessment(void *context, const struct assessment *a)
{
    return add_row(context, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", text(a->id), "service", text(a->service),
                                      "reference", text(a->reference), "author", text(a->author), "report", text(a->words), "made_at",
                                      when(a->made_at_ms), "valid_until", when(a->valid_until_ms), "created_at", when(a->created_at_ms)));
}

bool operation_assessment_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "service" };
    struct input in;
    struct bytes service;
    struct rows rows = rows_open();
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "service", &service) &&
              assessment_list(context->rights, service, add_assessment, &rows, e);
    arena_clear(&in.arena);
    return give_rows(&rows, ok, "assessments", answer, e);
}

bool operation_register(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct input in;
    struct operation_grounds grounds = { 0 };
    *answer = NULL;
    bool ok = input_open(&in, request, NULL, 0, e) && grounds_of(context, &grounds, e) &&
              give(register_make(grounds.policy, grounds.law), answer, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok;
}

/* ---- Breaches ---- */

bool operation_breach_open(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "possible", "from",     "until",  "service", "recipient", "category", "cause",
                                        "harm",     "measures", "advice", "contact", "known_at",  "by" };
    struct input in;
    struct breach b = { .is_possible = false };
    struct operation_grounds grounds = { 0 };
    struct bytes by;
    char id[RIGHTS_ID_SIZE];
    uint64_t index = 0;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && flag(&in, "possible", &b.is_possible) &&
              moment(&in, "from", &b.scope.from_ms) && moment(&in, "until", &b.scope.until_ms) && line(&in, "service", &b.scope.service) &&
              line(&in, "recipient", &b.scope.recipient) && iri(&in, "category", &b.scope.category) &&
              words(&in, "cause", RIGHTS_WORDS_MAX, &b.cause) && words(&in, "harm", RIGHTS_WORDS_MAX, &b.harm) &&
              words(&in, "measures", RIGHTS_WORDS_MAX, &b.measures) && words(&in, "advice", RIGHTS_WORDS_MAX, &b.advice) &&
              line(&in, "contact", &b.contact) && moment(&in, "known_at", &b.known_at_ms) && line(&in, "by", &by) &&
              grounds_of(context, &grounds, e) && breach_open(context->rights, &b, grounds.law, by, time_now_ms(), id, &index, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok && give_id(id, index, answer, e);
}

bool operation_breach_do(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "step", "words", "by" };
    struct input in;
    struct operation_grounds grounds = { 0 };
    struct bytes id, step, said, by;
    enum breach_step which = BREACH_CLOSED;
    uint64_t index = 0;
    *answer = NULL;
    const struct json_place at = { .key = "step" };
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "id", &id) && line(&in, "step", &step) &&
              words(&in, "words", RIGHTS_WORDS_MAX, &said) && line(&in, "by", &by) &&
              (breach_step_find(step, &which) ||
               json_refuse(&in.source, &at, NULL, "must be authority-told, persons-told, persons-waived or closed")) &&
              grounds_of(context, &grounds, e) && breach_do(context->rights, id, which, said, grounds.law, by, time_now_ms(), &index, e);
    grounds_drop(&grounds);
    arena_clear(&in.arena);
    return ok && give(json_pack("{s:I}", "log_index", (json_int_t)index), answer, e);
}

static json_t *breach_row(const struct breach *b, int64_t now_ms)
{
    bool is_late = b->closed_ms == 0 && ((b->authority_told_ms == 0 && now_ms >= b->authority_due_ms) ||
                                         (b->persons_told_ms == 0 && now_ms >= b->persons_due_ms));
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "id", text(b->id), "possible", b->is_possible, "overdue", is_late, "from", when(b->scope.from_ms), "until",
                     when(b->scope.until_ms), "service", text(b->scope.service), "recipient", text(b->scope.recipient), "category",
                     text(b->scope.category), "cause", text(b->cause), "harm", text(b->harm), "measures", text(b->measures), "advice",
                     text(b->advice), "contact", text(b->contact), "law", text(b->law), "known_at", when(b->known_at_ms),
                     "authority_due_at", when(b->authority_due_ms), "persons_due_at", when(b->persons_due_ms), "report_due_at",
                     when(b->report_due_ms), "authority_told_at", when(b->authority_told_ms), "persons_told_at", when(b->persons_told_ms),
                     "waiver", text(b->waiver), "closed_at", when(b->closed_ms), "report", text(b->report));
}

static bool add_breach(void *context, const struct breach *b)
{
    struct rows *rows = context;
    return add_row(rows, breach_row(b, rows->now_ms));
}

bool operation_breach_list(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id" };
    struct input in;
    struct bytes id;
    struct rows rows = rows_open();
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "id", &id) &&
              breach_list(context->rights, id, add_breach, &rows, e);
    arena_clear(&in.arena);
    return give_rows(&rows, ok, "breaches", answer, e);
}

/* A breach with its texts kept, for the scan that comes after. */
struct kept_breach {
    struct arena *arena;
    struct breach breach;
    bool is_found, failed;
};

static bool keep_breach(void *context, const struct breach *b)
{
    struct kept_breach *kept = context;
    struct breach *out = &kept->breach;
    *out = *b;
    struct bytes *const texts[] = { &out->id,      &out->scope.service, &out->scope.recipient, &out->scope.category,
                                    &out->cause,   &out->harm,          &out->measures,        &out->advice,
                                    &out->contact, &out->law,           &out->waiver,          &out->report };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i]->size > 0) {
            *texts[i] = arena_copy(kept->arena, *texts[i]);
            kept->failed = kept->failed || texts[i]->data == NULL;
        }
    }
    kept->is_found = true;
    return false;
}

struct person_rows {
    struct rows rows;
    const struct breach *breach; /* NULL: no drafts */
    struct bytes holder;
    bool is_summary; /* figures only */
};

static bool add_person(void *context, const struct breach_person *p)
{
    struct person_rows *persons = context;
    struct buffer draft;
    if (persons->is_summary) {
        return true;
    }
    buffer_init(&draft, 256 * 1024);
    if (persons->breach != NULL) {
        breach_draft_person(persons->breach, p, persons->holder, &draft);
    }
    json_t *row = draft.failed ? NULL
                               : json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "person", text(p->person), "categories",
                                           pieces(p->categories, ','), "recipients", pieces(p->recipients, ','), "disclosures",
                                           (json_int_t)p->disclosures, "first", when(p->first_ms), "last", when(p->last_ms), "draft",
                                           text(buffer_bytes(&draft)));
    buffer_wipe(&draft);
    return add_row(&persons->rows, row);
}

static json_t *authority_draft(const struct breach *breach, const struct breach_extent *extent, struct bytes holder)
{
    struct buffer draft;
    buffer_init(&draft, 1024 * 1024);
    breach_draft_authority(breach, extent, holder, &draft);
    json_t *out = draft.failed ? NULL : text(buffer_bytes(&draft));
    buffer_clear(&draft);
    return out;
}

bool operation_breach_persons(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "drafts", "summary" };
    struct input in;
    struct bytes id;
    bool has_drafts = false;
    struct breach_extent extent;
    struct person_rows persons = { .rows = rows_open(), .holder = context->holder };
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && line(&in, "id", &id) && flag(&in, "drafts", &has_drafts) &&
              flag(&in, "summary", &persons.is_summary);
    struct kept_breach kept = { .arena = &in.arena };
    ok = ok && (id.size > 0 || error_set(e, ERROR_INPUT, "id", "see 'comity breach list'", "name the breach")) &&
         breach_list(context->rights, id, keep_breach, &kept, e) && (!kept.failed || error_memory(e, "breach")) &&
         (kept.is_found || error_set(e, ERROR_ABSENT, "id", "see 'comity breach list'", "there is no such breach"));
    persons.breach = has_drafts ? &kept.breach : NULL;
    ok = ok && breach_scan(context->log->public, context->log->private, &kept.breach.scope, add_person, &persons, &in.arena, &extent, e) &&
         (!persons.rows.failed || error_memory(e, "breach"));
    if (ok) {
        ok = give(json_pack("{s:O, s:I, s:I, s:o, s:o, s:o}", "persons", persons.rows.list, "person_count", (json_int_t)extent.persons,
                            "disclosures", (json_int_t)extent.disclosures, "categories", pieces(extent.categories, ','), "recipients",
                            pieces(extent.recipients, ','), "authority_draft",
                            has_drafts ? authority_draft(&kept.breach, &extent, context->holder) : json_null()),
                  answer, e);
    }
    json_decref(persons.rows.list);
    arena_clear(&in.arena);
    return ok;
}

/* ---- Everything about a person ---- */

bool operation_report(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const struct {
        const char *name;
        operation *run;
    } parts[] = {
        { "consents", operation_list },
        { "uses", operation_uses },
        { "requests", operation_request_list },
        { "obligations", operation_obligation_list },
    };
    static const char *const keys[] = { "person" };
    struct input in;
    struct bytes person;
    *answer = NULL;
    bool ok = input_open(&in, request, keys, COUNT_OF(keys), e) && words(&in, "person", PERSON_MAX, &person) &&
              (person.size > 0 || error_set(e, ERROR_INPUT, "person", NULL, "name the person"));
    json_t *all = json_object();
    for (size_t i = 0; ok && i < COUNT_OF(parts); i++) {
        json_t *part = NULL;
        ok = parts[i].run(context, request, &part, e) &&
             (json_object_set(all, parts[i].name, json_object_get(part, parts[i].name)) == 0 || error_memory(e, "report"));
        json_decref(part);
    }
    arena_clear(&in.arena);
    if (!ok) {
        json_decref(all);
        return false;
    }
    return give(all, answer, e);
}
