/* /v1/consents: what a person is asked, decides, and ends; by the person, by who answers for it, or at the holder's counter. */
#include <stdio.h>

#include "api/rest_document_internal.h"
#include "api/rest_handlers_internal.h"
#include "base/encode.h"
#include "base/time.h"
#include "consent/notice_store.h"
#include "evidence/log_prove.h"
#include "interchange/export.h"
#include "interchange/json_make.h"
#include "law/iri.h"

enum { CHOICES_MAX = NOTICE_CATEGORIES_MAX, PROOF_BYTES_MAX = 1024 * 1024 };

static struct consents *consents_of(const struct rest_call *call)
{
    return call->rest->options.operations.consents;
}

/* ---- One record ---- */

/* Each form of it has a tag of its own; the one that If-Match takes is our own form's. */
static void set_etag(struct rest_call *call, const uint8_t digest[SHA256_SIZE], enum export_format format)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(digest, SHA256_SIZE), hex);
    (void)snprintf(call->etag, sizeof call->etag, "%s%s%s", hex, format == EXPORT_OWN ? "" : "-",
                   format == EXPORT_OWN ? "" : export_format_name(format));
}

/* The record in the path, if this caller may see it. */
static bool find_record(struct rest_call *call, struct notices *notices, struct rest_document *out, struct error *e)
{
    struct error cause = { 0 };
    const struct rest_options *options = &call->rest->options;
    if (call->match.parameters[0].size == 0 || call->match.parameters[0].size >= CONSENT_ID_SIZE) {
        return rest_absent(call, e);
    }
    if (!rest_document_make(consents_of(call), call->match.parameters[0], options->origin, options->member, notices, call->now_ms,
                            &call->arena, out, &cause)) {
        if (cause.kind == ERROR_ABSENT) {
            return rest_absent(call, e);
        }
        *e = cause;
        return false;
    }
    return rest_enter_subject(call, out->value.person, out->value.recipient, e);
}

/* Of an auditor's copy: who is meant, and who acted for whom. */
static void redact(struct rest_document *document)
{
    struct consent_document_event *events = (struct consent_document_event *)(uintptr_t)document->value.events;
    document->value.person = BYTES("redacted");
    for (size_t i = 0; i < document->value.event_count; i++) {
        events[i].ref = BYTES_NONE;
        events[i].evidence = BYTES_NONE;
    }
}

/* Is this one of Accept's ranges, parameters such as fhirVersion included as far as they are named? */
static bool is_range_of(struct bytes range, struct bytes type)
{
    struct bytes name, wanted, parameter;
    (void)bytes_split(&range, ';', &name);
    (void)bytes_split(&type, ';', &wanted);
    if (!bytes_equal_ignoring_case(bytes_trim(name), bytes_trim(wanted))) {
        return false;
    }
    while (bytes_split(&range, ';', &parameter)) {
        parameter = bytes_trim(parameter);
        if (bytes_start_with(parameter, BYTES("fhirVersion=")) && !bytes_equal(parameter, bytes_trim(type))) {
            return false;
        }
    }
    return true;
}

/* By `format`, else by Accept; our own form else. */
static enum export_format format_of(struct rest_call *call, bool *is_known)
{
    enum export_format format = EXPORT_OWN;
    struct bytes named = rest_query(call, "format");
    const struct field *accept = fields_find(&call->request->fields, BYTES("Accept"));
    *is_known = named.size == 0 || export_format_parse(named, &format);
    struct bytes rest = named.size > 0 || accept == NULL ? BYTES_NONE : accept->value, range;
    while (rest.size > 0 && bytes_split(&rest, ',', &range)) {
        for (unsigned i = 0; i < EXPORT_FORMAT_COUNT; i++) {
            if (is_range_of(range, bytes_of_text(export_media_type((enum export_format)i)))) {
                return (enum export_format)i;
            }
        }
    }
    return format;
}

static bool write_export(struct rest_call *call, const struct notices *notices, struct rest_document *document, enum export_format format,
                         struct error *e)
{
    struct buffer receipt;
    bool ok = true;
    buffer_init(&receipt, PROOF_BYTES_MAX);
    if (format == EXPORT_RECEIPT) {
        struct error pending = { 0 };
        ok = document->log_index != UINT64_MAX &&
             log_prove(call->rest->options.operations.log->public, document->log_index, NULL, &receipt, &pending);
        ok = ok || rest_refuse(call, e, 503, "receipt.pending", "the log", "try again in a second",
                               "what was logged just now is not published yet");
    }
    const struct export_input input = { .document = &document->value,
                                        .notice = notices_find_by_digest(notices, document->value.notice_digest),
                                        .language = rest_query(call, "language"),
                                        .receipt = buffer_bytes(&receipt) };
    if (ok && format != EXPORT_OWN && input.notice == NULL) {
        ok = rest_refuse(call, e, 409, "consent.no_notice", "the consent", NULL,
                         "was decided without a notice: only our own form can say it");
    }
    ok = ok && (format == EXPORT_OWN ? consent_document_write(&document->value, &call->answer, e)
                                     : export_write(format, &input, &call->answer, e));
    buffer_clear(&receipt);
    call->media_type = format == EXPORT_OWN ? NULL : export_media_type(format);
    return ok;
}

bool handle_consent_read(struct rest_call *call, struct error *e)
{
    struct rest_document document;
    bool is_known;
    enum export_format format = format_of(call, &is_known);
    if (!is_known) {
        return rest_refuse(call, e, 400, "request.malformed", "query format", NULL,
                           "is none of comity, dpv, receipt, kantara, fhir-r4, fhir-r5, rebit");
    }
    struct notices *notices = consents_notices(consents_of(call));
    bool ok = find_record(call, notices, &document, e);
    if (ok) {
        set_etag(call, document.digest, format);
        if (call->access == ACCESS_REDACTED) {
            redact(&document);
        }
        ok = write_export(call, notices, &document, format, e);
    }
    notices_drop(notices);
    return ok;
}

/* The notice as it was shown then. */
bool handle_consent_notice(struct rest_call *call, struct error *e)
{
    struct rest_document document;
    struct notices *notices = consents_notices(consents_of(call));
    bool ok = find_record(call, notices, &document, e);
    const struct notice *notice = ok && document.has_notice ? notices_find_by_digest(notices, document.value.notice_digest) : NULL;
    if (ok) {
        ok = notice != NULL ? rest_answer_notice(call, notice, e) : rest_absent(call, e);
    }
    notices_drop(notices);
    return ok;
}

/* What the law wants of whoever says yes, as an act of its own; those that are due only if something sensitive is given, or the person is a minor, say so. */
static bool add_acts(struct rest_call *call, const struct law *law, const struct notice *notice, struct error *e)
{
    json_t *list = json_object_get(call->answer, "acts");
    uint32_t always = consent_acts(law, notice, false, false), sensitive = consent_acts(law, notice, true, false),
             minor = consent_acts(law, notice, true, true);
    for (unsigned i = 0; i < LAW_SEPARATE_COUNT; i++) {
        uint32_t bit = 1U << i;
        bool is_border = bit == LAW_SEPARATE_BORDER;
        const struct law_source *source = is_border ? &law->border.separate_consent_source : &law->separate_consent.source[i];
        const char *when = (always & bit) != 0 ? "always" : (sensitive & bit) != 0 ? "sensitive" : "minor";
        if ((minor & bit) != 0 && !json_list_add(list, json_pack("{s:s, s:s, s:o}", "act", law_separate_word(bit), "when", when, "article",
                                                                 json_from_bytes(source->article)))) {
            return error_memory(e, "answer");
        }
    }
    return true;
}

bool handle_consent_acts(struct rest_call *call, struct error *e)
{
    struct rest_document document;
    struct rest_rules rules;
    if (!rest_rules_take(call, &rules, e)) {
        return false;
    }
    bool ok = find_record(call, rules.notices, &document, e);
    const struct notice *notice = ok && document.has_notice ? notices_find_by_digest(rules.notices, document.value.notice_digest) : NULL;
    ok = ok && (notice != NULL || rest_absent(call, e));
    call->answer = ok ? json_pack("{s:[], s:o}", "acts", "law", json_from_bytes(rules.law->id)) : NULL;
    ok = ok && (call->answer != NULL || error_memory(e, "answer")) && add_acts(call, rules.law, notice, e);
    rest_rules_clear(&rules);
    return ok;
}

/* ---- Lists ---- */

struct listing {
    struct rest_call *call;
    json_t *rows, *row; /* the row of the record that is being read: borrowed */
    struct bytes after; /* the cursor: the last record of the page before */
    bool is_behind, has_more, failed;
};

static bool is_wanted(const struct listing *listing, const struct consent_record *record)
{
    const struct rest_call *call = listing->call;
    struct bytes recipient = rest_query(call, "recipient"), purpose = rest_query(call, "purpose");
    bool is_foreign = call->access == ACCESS_MEMBER && !bytes_equal(call->principal.member, call->rest->options.member);
    return (!is_foreign || bytes_equal(record->recipient, call->principal.member)) &&
           (recipient.size == 0 || bytes_equal(record->recipient, recipient)) &&
           (purpose.size == 0 || bytes_equal(record->purpose, purpose));
}

static json_t *begin_row(const struct consent_record *record)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", record->id);
    json_make_bytes(&m, "recipient", record->recipient);
    json_make_bytes(&m, "purpose", record->purpose);
    json_make_text(&m, "status", consent_state_name(record->state));
    json_make_time(&m, "validFrom", record->valid_from_ms);
    json_make_time(&m, "validUntil", record->valid_until_ms);
    json_make_time(&m, "changedAt", record->changed_at_ms);
    json_make_value(&m, "decisions", json_array());
    return json_made(&m);
}

/* Rows of one record stand together, a category each; the record's own state is given as soon as one category's is. */
static bool add_record(void *context, const struct consent_record *record)
{
    struct listing *listing = context;
    const char *present = json_string_value(json_object_get(listing->row, "id"));
    bool is_same = present != NULL && bytes_equal(bytes_of_text(present), record->id);
    if (!listing->is_behind) {
        listing->is_behind = bytes_equal(record->id, listing->after);
        return true;
    }
    if (bytes_equal(record->id, listing->after) || !is_wanted(listing, record)) {
        return true;
    }
    if (!is_same) {
        if (json_array_size(listing->rows) == listing->call->limit) {
            listing->has_more = true;
            return false;
        }
        listing->row = begin_row(record);
        if (!json_list_add(listing->rows, listing->row)) {
            listing->failed = true;
            return false;
        }
    }
    /* As the whole consent says it (rest_document.c). */
    const char *status = json_string_value(json_object_get(listing->row, "status"));
    if (record->state == CONSENT_GIVEN || (status != NULL && strcmp(status, "refused") == 0)) {
        listing->failed = json_object_set_new(listing->row, "status", json_string(consent_state_name(record->state))) != 0;
    }
    listing->failed = listing->failed || !json_list_add(json_object_get(listing->row, "decisions"),
                                                        json_pack("{s:o, s:s}", "category", json_from_bytes(record->category), "decision",
                                                                  consent_state_name(record->state)));
    return !listing->failed;
}

bool handle_consent_list(struct rest_call *call, struct error *e)
{
    call->answer = json_pack("{s:[]}", "consents");
    struct listing listing = {
        .call = call, .rows = json_object_get(call->answer, "consents"), .after = call->cursor, .is_behind = call->cursor.size == 0
    };
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    if (!consent_list(consents_of(call), call->subject, BYTES_NONE, add_record, &listing, e)) {
        return false;
    }
    if (!listing.is_behind) {
        return rest_refuse(call, e, 400, "request.malformed", "query cursor", "take it from the page before", "is no cursor of this list");
    }
    json_t *next = listing.has_more ? json_incref(json_object_get(listing.row, "id")) : json_null();
    return (!listing.failed && json_object_set_new(call->answer, "next", next) == 0) || error_memory(e, "answer");
}

/* ---- Deciding ---- */

static bool answer_receipt(struct rest_call *call, const struct consent_receipt *receipt, struct error *e)
{
    struct json_maker m = json_make();
    json_make_value(&m, "id", receipt->id[0] == '\0' ? json_null() : json_string(receipt->id));
    json_make_bool(&m, "changed", receipt->is_changed);
    json_make_number(&m, "records", receipt->changed);
    json_make_value(&m, "logIndex", receipt->log_index == UINT64_MAX ? json_null() : json_integer((json_int_t)receipt->log_index));
    call->answer = json_made(&m);
    return call->answer != NULL || error_memory(e, "answer");
}

/* What If-Match names, for the change itself to compare: between looking and changing nobody may come. */
static bool read_expected(struct rest_call *call, uint8_t out[SHA256_SIZE], const uint8_t **expected, struct error *e)
{
    const struct field *field = fields_find(&call->request->fields, BYTES("If-Match"));
    *expected = NULL;
    if (field == NULL || bytes_equal(field->value, BYTES("*"))) {
        return true;
    }
    struct bytes tag = field->value;
    if (tag.size < 2 || !hex_parse(bytes_slice(tag, 1, tag.size - 1), out, SHA256_SIZE)) {
        return rest_refuse(call, e, 412, "request.changed", "header If-Match", "read it again, then decide anew",
                           "is no tag of this consent");
    }
    *expected = out;
    return true;
}

struct choices {
    struct consent_choice list[CHOICES_MAX];
    size_t count;
};

static bool full_iri(struct rest_call *call, const json_t *value, const char *where, struct bytes *out, struct error *e)
{
    struct buffer full;
    struct bytes text = rest_json_bytes(value);
    buffer_init(&full, 2 * (size_t)NOTICE_IRI_SIZE_MAX);
    bool ok = iri_expand(text, &full) && !full.failed;
    *out = ok ? arena_copy(&call->arena, buffer_bytes(&full)) : BYTES_NONE;
    buffer_clear(&full);
    return ok ? out->data != NULL || error_memory(e, where) : rest_refuse(call, e, 400, "request.malformed", where, NULL, "is no IRI");
}

static bool read_choices(struct rest_call *call, struct choices *out, struct error *e)
{
    const json_t *list = json_object_get(call->body, "decisions");
    out->count = json_array_size(list); /* the schema allows as many as there is room for */
    for (size_t i = 0; i < out->count && i < CHOICES_MAX; i++) {
        const json_t *one = json_array_get(list, i);
        if (!full_iri(call, json_object_get(one, "category"), "/decisions", &out->list[i].category, e)) {
            return false;
        }
        out->list[i].is_given = strcmp(json_string_value(json_object_get(one, "decision")), "given") == 0;
    }
    return true;
}

static bool read_separate(struct rest_call *call, uint32_t *out, struct error *e)
{
    const json_t *list = json_object_get(call->body, "separate");
    uint32_t bit = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!law_separate_parse(rest_json_bytes(json_array_get(list, i)), &bit)) {
            return rest_refuse(call, e, 400, "request.malformed", "/separate", NULL, "is no separate act");
        }
        *out |= bit;
    }
    return true;
}

static bool read_answer(struct rest_call *call, struct consent_answer *answer, struct choices *choices, uint8_t notice[SHA256_SIZE],
                        struct error *e)
{
    struct bytes until = rest_json_bytes(json_object_get(call->body, "validUntil"));
    answer->is_refusal = strcmp(json_string_value(json_object_get(call->body, "decision")), "refuse") == 0;
    if (!read_choices(call, choices, e) || !read_separate(call, &answer->separate, e)) {
        return false;
    }
    answer->choices = choices->list;
    answer->choice_count = choices->count;
    answer->notice = notice;
    return hex_parse(rest_json_bytes(json_object_get(call->body, "notice")), notice, SHA256_SIZE) &&
           (until.size == 0 || time_parse(until, &answer->valid_until_ms));
}

/* On the record that asks (`id`), or a new one. */
static bool answer(struct rest_call *call, struct bytes id, struct error *e)
{
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    struct consent_answer given = { .id = id, .person = id.size == 0 ? call->subject : BYTES_NONE };
    struct choices choices;
    struct rest_rules rules;
    uint8_t notice[SHA256_SIZE], expected[SHA256_SIZE];
    if (!rest_act_of(call, &act, e) || !read_expected(call, expected, &given.expected, e) ||
        !read_answer(call, &given, &choices, notice, e) || !rest_rules_take(call, &rules, e)) {
        return false;
    }
    bool ok = consent_answer(consents_of(call), &rules.rules, &given, &act, &receipt, e) || rest_denied(call, &receipt, e);
    rest_rules_clear(&rules);
    return ok && answer_receipt(call, &receipt, e);
}

bool handle_consent_create(struct rest_call *call, struct error *e)
{
    return answer(call, BYTES_NONE, e);
}

bool handle_consent_answer(struct rest_call *call, struct error *e)
{
    struct rest_document document;
    return find_record(call, NULL, &document, e) && answer(call, document.value.id, e);
}

static bool change(struct rest_call *call, enum consent_event event, struct error *e)
{
    struct rest_document document;
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    struct consent_order order = { .event = event };
    uint8_t expected[SHA256_SIZE];
    const json_t *category = json_object_get(call->body, "category");
    if (!find_record(call, NULL, &document, e) || !rest_act_of(call, &act, e) || !read_expected(call, expected, &order.expected, e) ||
        (category != NULL && !full_iri(call, category, "/category", &order.category, e))) {
        return false;
    }
    order.id = document.value.id;
    if (!consent_change(consents_of(call), &order, &act, &receipt, e)) {
        return rest_denied(call, &receipt, e);
    }
    return answer_receipt(call, &receipt, e);
}

bool handle_consent_withdraw(struct rest_call *call, struct error *e)
{
    return change(call, CONSENT_EVENT_WITHDRAW, e);
}

bool handle_consent_pause(struct rest_call *call, struct error *e)
{
    return change(call, CONSENT_EVENT_PAUSE, e);
}

bool handle_consent_resume(struct rest_call *call, struct error *e)
{
    return change(call, CONSENT_EVENT_RESUME, e);
}

bool handle_consent_defer(struct rest_call *call, struct error *e)
{
    return change(call, CONSENT_EVENT_DEFER, e);
}

/* Everything, or what is for one recipient, one purpose, one category; in one transaction. */
bool handle_consent_withdraw_all(struct rest_call *call, struct error *e)
{
    struct consent_act act;
    struct consent_receipt receipt = { .reason = NULL };
    struct consent_filter filter = { .person = call->subject, .recipient = rest_json_bytes(json_object_get(call->body, "recipient")) };
    const json_t *purpose = json_object_get(call->body, "purpose"), *category = json_object_get(call->body, "category");
    if (!rest_act_of(call, &act, e) || (purpose != NULL && !full_iri(call, purpose, "/purpose", &filter.purpose, e)) ||
        (category != NULL && !full_iri(call, category, "/category", &filter.category, e))) {
        return false;
    }
    if (!consent_withdraw_where(consents_of(call), &filter, &act, &receipt, e)) {
        return rest_denied(call, &receipt, e);
    }
    return answer_receipt(call, &receipt, e);
}

/* ---- Asking ---- */

/* An organisation asks a person: on a notice of which it is the recipient, or the holder. */
bool handle_consent_request(struct rest_call *call, struct error *e)
{
    struct consent_receipt receipt = { .reason = NULL };
    const struct consent_act act = { .role = CONSENT_ROLE_SYSTEM, .ref = call->principal.member, .method = CONSENT_METHOD_API };
    struct consent_offer offer = { .person = call->subject, .notice_id = rest_json_bytes(json_object_get(call->body, "notice")) };
    struct bytes until = rest_json_bytes(json_object_get(call->body, "until"));
    struct rest_rules rules;
    if (until.size > 0 && !time_parse(until, &offer.until_ms)) {
        return rest_refuse(call, e, 400, "request.malformed", "/until", NULL, "is no time");
    }
    if (!rest_rules_take(call, &rules, e)) {
        return false;
    }
    const struct notice *notice = notices_find(rules.notices, offer.notice_id, 0);
    bool is_own = bytes_equal(call->principal.member, call->rest->options.member);
    bool ok = notice != NULL && (is_own || bytes_equal(notice->recipient.member, call->principal.member));
    ok = ok || rest_refuse(call, e, 404, "notice.absent", "/notice", "publish it first", "there is no such notice of yours");
    ok = ok && (consent_request(consents_of(call), &rules.rules, &offer, &act, &receipt, e) || rest_denied(call, &receipt, e));
    rest_rules_clear(&rules);
    return ok && answer_receipt(call, &receipt, e);
}
