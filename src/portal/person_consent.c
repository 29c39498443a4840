/* The pages of consents: the list, one with its history and what happens at the recipient, a request with its notice, and what a person does with them. */
#include <stdio.h>

#include "base/time.h"
#include "portal/page_handlers_internal.h"
#include "portal/person_consent_internal.h"

enum { TARGET_BYTES_MAX = 2048, USES_COUNTED_MAX = 50 /* page_max is never less */ };

/* ---- Asking ---- */

/* What may be absent: *answer is NULL then, and the page goes on. */
static bool ask_if_any(struct rest_call *call, const char *target, json_t **answer, struct error *e)
{
    struct error absent = { 0 };
    unsigned status;
    if (rest_ask(call, "GET", target, NULL, answer, &status, &absent)) {
        return true;
    }
    if (status != 404) {
        *e = absent;
        return false;
    }
    call->status = 0;
    call->reason = NULL;
    return true;
}

static bool ask_about(struct rest_call *call, struct bytes id, const char *what, json_t **answer, struct error *e)
{
    const char *target = person_target(call, "/v1/consents/", id, what);
    return target != NULL ? ask_if_any(call, target, answer, e) : error_memory(e, "page");
}

/* ---- The list ---- */

static bool add_row(struct rest_call *call, json_t *data, const json_t *row, struct error *e)
{
    json_t *notice = NULL;
    if (!ask_about(call, rest_json_bytes(json_object_get(row, "id")), "/notice", &notice, e)) {
        return false;
    }
    json_t *view = view_consent(row, json_object_get(notice, "notice"), catalogue_name(page_language(call)));
    json_decref(notice);
    const char *list = json_is_true(json_object_get(view, "is_waiting")) ? "waiting"
                       : json_is_true(json_object_get(view, "is_open"))  ? "open"
                                                                         : "over";
    return (view != NULL && json_array_append_new(json_object_get(data, list), view) == 0) || error_memory(e, "page");
}

static bool fill_list(struct rest_call *call, json_t *data, const json_t *answer, struct error *e)
{
    const json_t *row;
    size_t i;
    json_t *next = json_object_get(answer, "next");
    bool ok = person_put(data, "waiting", json_array(), e) && person_put(data, "open", json_array(), e) &&
              person_put(data, "over", json_array(), e) && person_put(data, "next", json_incref(next), e);
    json_array_foreach(json_object_get(answer, "consents"), i, row)
    {
        ok = ok && add_row(call, data, row, e);
    }
    return ok && person_put(data, "has_open", json_boolean(json_array_size(json_object_get(data, "open")) > 0), e) &&
           person_put(data, "has_waiting", json_boolean(json_array_size(json_object_get(data, "waiting")) > 0), e) &&
           person_put(data, "has_over", json_boolean(json_array_size(json_object_get(data, "over")) > 0), e) &&
           person_put(data, "has_any", json_boolean(json_array_size(json_object_get(answer, "consents")) > 0), e);
}

bool page_consents(struct rest_call *call, struct error *e)
{
    json_t *data = NULL, *answer = NULL;
    unsigned status;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    struct bytes cursor = rest_query(call, "cursor");
    const char *target = cursor.size == 0 ? "/v1/consents?limit=20" : person_target(call, "/v1/consents?limit=20&cursor=", cursor, "");
    bool ok = target != NULL ? rest_ask(call, "GET", target, NULL, &answer, &status, e) : error_memory(e, "page");
    ok = ok && fill_list(call, data, answer, e);
    json_decref(answer);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "consents", data, e);
}

/* ---- One of them ---- */

/* How often it was used, counted in the person's own list: never the recipient's word. */
static bool add_uses(struct rest_call *call, json_t *data, struct bytes id, struct error *e)
{
    char before[64];
    json_t *answer = NULL;
    unsigned status;
    (void)snprintf(before, sizeof before, "/v1/uses?limit=%d&consent=", USES_COUNTED_MAX);
    const char *target = person_target(call, before, id, "");
    if (target == NULL || !rest_ask(call, "GET", target, NULL, &answer, &status, e)) {
        return target == NULL ? error_memory(e, "page") : false;
    }
    const json_t *uses = json_object_get(answer, "uses");
    size_t count = json_array_size(uses);
    json_t *view = json_pack("{s:I, s:b, s:b, s:O?}", "count", (json_int_t)count, "any", count > 0, "more",
                             json_is_string(json_object_get(answer, "next")), "last",
                             count == 0 ? NULL : json_object_get(json_array_get(uses, count - 1), "time"));
    json_decref(answer);
    return person_put(data, "used", view, e);
}

/* What the recipient was told after an end, and whether it has answered. */
static bool add_obligations(struct rest_call *call, json_t *data, const char *id, struct error *e)
{
    json_t *answer = NULL, *list = json_array();
    const json_t *row;
    unsigned status;
    size_t i;
    bool ok = list != NULL ? rest_ask(call, "GET", "/v1/obligations", NULL, &answer, &status, e) : error_memory(e, "page");
    json_array_foreach(json_object_get(answer, "obligations"), i, row)
    {
        const char *cause = json_string_value(json_object_get(row, "cause"));
        if (ok && cause != NULL && strcmp(cause, id) == 0) {
            ok = json_array_append_new(list, view_obligation(row)) == 0 || error_memory(e, "page");
        }
    }
    json_decref(answer);
    if (!ok) {
        json_decref(list);
        return false;
    }
    return person_put(data, "owed", list, e);
}

/* The boxes: each sensitive category has its own yes already, and for a child only a guardian is asked. */
static bool add_acts(json_t *data, const json_t *acts, struct error *e)
{
    bool is_ward = json_is_true(json_object_get(json_object_get(data, "me"), "is_ward"));
    json_t *list = json_array();
    const json_t *act;
    size_t i;
    bool ok = list != NULL;
    json_array_foreach(acts, i, act)
    {
        const char *word = json_string_value(json_object_get(act, "act"));
        bool is_asked = word != NULL && strcmp(word, "sensitive") != 0 && (is_ward || strcmp(word, "minor") != 0);
        ok = ok && (!is_asked || json_array_append_new(list, json_copy((json_t *)(uintptr_t)act)) == 0);
    }
    bool has_acts = json_array_size(list) > 0;
    if (!ok) {
        json_decref(list);
        return error_memory(e, "page");
    }
    return person_put(data, "acts", list, e) && person_put(data, "has_acts", json_boolean(has_acts), e);
}

/* The forms in which it can be had; names of standards are the same in each language. */
static json_t *exports(void)
{
    return json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "format", "comity", "key", "consent.export_own",
                     "format", "receipt", "key", "consent.export_receipt", "format", "dpv", "name", "W3C DPV", "format", "kantara", "name",
                     "Kantara", "format", "fhir-r4", "name", "HL7 FHIR R4");
}

/* The consent with all that stands around it. `*data` is begun; the record's tag goes into the forms. */
static bool fill_consent(struct rest_call *call, json_t *data, struct bytes id, struct error *e)
{
    json_t *consent = NULL, *notice = NULL, *acts = NULL;
    unsigned status;
    const char *language = catalogue_name(page_language(call));
    const char *target = person_target(call, "/v1/consents/", id, "");
    bool ok = target != NULL ? rest_ask(call, "GET", target, NULL, &consent, &status, e) : error_memory(e, "page");
    ok = ok && person_put(data, "match", json_string(call->asked_etag), e) && ask_about(call, id, "/notice", &notice, e);
    json_t *view = ok ? view_consent(consent, json_object_get(notice, "notice"), language) : NULL;
    bool is_waiting = json_is_true(json_object_get(view, "is_waiting"));
    ok = ok && person_put(data, "consent", view, e) && person_put(data, "exports", exports(), e) &&
         person_put(data, "events", view_events(consent), e);
    if (ok && notice != NULL) {
        ok = person_put(data, "notice", view_notice(json_object_get(notice, "notice"), language), e) &&
             person_put(data, "notice_digest", json_incref(json_object_get(notice, "sha256")), e);
    }
    ok = ok && (!is_waiting || (ask_about(call, id, "/acts", &acts, e) && add_acts(data, json_object_get(acts, "acts"), e)));
    ok = ok &&
         (is_waiting || (add_uses(call, data, id, e) && add_obligations(call, data, json_string_value(json_object_get(consent, "id")), e)));
    json_decref(consent);
    json_decref(notice);
    json_decref(acts);
    return ok;
}

static bool show_consent(struct rest_call *call, const char *template, struct error *e)
{
    json_t *data = NULL;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    if (!fill_consent(call, data, call->match.parameters[0], e)) {
        json_decref(data);
        return false;
    }
    return page_render(call, template, data, e);
}

bool page_consent(struct rest_call *call, struct error *e)
{
    return show_consent(call, "consent", e);
}

bool page_consent_notice(struct rest_call *call, struct error *e)
{
    return show_consent(call, "consent-notice", e);
}

/* ---- Acts ---- */

/* 412 and 409 lead back to the consent as it is now: another tab, or somebody who acts for the same person, was faster. */
static bool post_and_return(struct rest_call *call, const char *what, const json_t *body, const char *told, struct error *e)
{
    json_t *answer = NULL;
    struct error cause = { 0 };
    unsigned status;
    const char *target = person_target(call, "/v1/consents/", call->match.parameters[0], what);
    const char *own = person_target(call, "/consents/", call->match.parameters[0], "");
    if (target == NULL || own == NULL || body == NULL) {
        return error_memory(e, "page");
    }
    person_choose(call);
    if (rest_ask(call, "POST", target, body, &answer, &status, &cause)) {
        json_decref(answer);
        return person_redirect(call, own, told, e);
    }
    if (status != 412 && status != 409) {
        *e = cause;
        return false;
    }
    call->status = 0;
    call->reason = NULL;
    return person_redirect(call, own, "changed", e);
}

static bool post_change(struct rest_call *call, const char *what, const char *told, struct error *e)
{
    struct bytes category = rest_form(call, "category");
    json_t *body = json_object();
    bool ok = body != NULL &&
              (category.size == 0 || json_object_set_new(body, "category", json_stringn((const char *)category.data, category.size)) == 0);
    call->asking_match = rest_form(call, "match");
    ok = post_and_return(call, what, ok ? body : NULL, told, e);
    json_decref(body);
    return ok;
}

/* Never by the tag: whoever takes back something that has changed meanwhile wants it back all the same. */
bool page_consent_withdraw(struct rest_call *call, struct error *e)
{
    return post_change(call, "/withdraw", rest_form(call, "category").size > 0 ? "withdrawn-part" : "withdrawn", e);
}

bool page_consent_pause(struct rest_call *call, struct error *e)
{
    return post_change(call, "/pause", "consent-paused", e);
}

bool page_consent_resume(struct rest_call *call, struct error *e)
{
    return post_change(call, "/resume", "consent-resumed", e);
}

bool page_consents_withdraw(struct rest_call *call, struct error *e)
{
    json_t *answer = NULL, *body = json_object();
    unsigned status;
    person_choose(call);
    bool ok = body != NULL ? rest_ask(call, "POST", "/v1/consents/withdraw", body, &answer, &status, e) : error_memory(e, "page");
    json_decref(answer);
    json_decref(body);
    return ok && person_redirect(call, "/consents", "withdrawn-all", e);
}

/* ---- Answering ---- */

static bool add_decision(json_t *list, const json_t *category, bool is_given)
{
    return json_array_append_new(list, json_pack("{s:O, s:s}", "category", json_object_get(category, "iri"), "decision",
                                                 is_given ? "given" : "refused")) == 0;
}

/* The fields c0, c1, .. are the notice's categories in their order. `*unanswered` counts those without a word. */
static json_t *read_decisions(const struct rest_call *call, const json_t *notice, bool *gives_sensitive, size_t *unanswered)
{
    json_t *list = json_array();
    const json_t *category;
    size_t i;
    char name[24];
    *unanswered = 0;
    *gives_sensitive = false;
    json_array_foreach(json_object_get(notice, "categories"), i, category)
    {
        (void)snprintf(name, sizeof name, "c%zu", i);
        struct bytes said = rest_form(call, name);
        bool is_given = bytes_equal(said, BYTES("yes"));
        *unanswered += !is_given && !bytes_equal(said, BYTES("no"));
        *gives_sensitive = *gives_sensitive || (is_given && json_is_true(json_object_get(category, "sensitive")));
        if (list == NULL || !add_decision(list, category, is_given)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Each sensitive category has a yes of its own in this form: that is the act. The other acts are boxes that nobody ticked beforehand. */
static json_t *read_acts(const struct rest_call *call, bool gives_sensitive)
{
    json_t *list = json_array();
    size_t at = 0;
    struct bytes act;
    bool ok = list != NULL && (!gives_sensitive || json_array_append_new(list, json_string("sensitive")) == 0);
    while (ok && rest_form_next(call, "act", &at, &act)) {
        ok = bytes_equal(act, BYTES("sensitive")) || json_array_append_new(list, json_stringn((const char *)act.data, act.size)) == 0;
    }
    if (!ok) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* In which of its languages the notice was shown. */
static const char *shown_language(const struct rest_call *call, const json_t *notice)
{
    const json_t *languages = json_object_get(notice, "languages"), *one;
    const char *own = catalogue_name(page_language(call)), *found = NULL;
    size_t i;
    json_array_foreach(languages, i, one)
    {
        const char *language = json_string_value(one);
        bool is_own = language != NULL && strcmp(language, own) == 0, is_english = language != NULL && strcmp(language, "en") == 0;
        found = is_own || (is_english && (found == NULL || strcmp(found, own) != 0)) ? language : found;
    }
    return found != NULL ? found : json_string_value(json_array_get(languages, 0));
}

/* The form again, with what was chosen and what is missing. */
static bool show_again(struct rest_call *call, const char *missing, struct error *e)
{
    json_t *data = NULL, *category, *act;
    size_t i;
    char name[24];
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    bool ok = fill_consent(call, data, call->match.parameters[0], e) && person_put(data, "missing", json_string(missing), e);
    json_array_foreach(json_object_get(json_object_get(data, "notice"), "categories"), i, category)
    {
        (void)snprintf(name, sizeof name, "c%zu", i);
        bool is_yes = bytes_equal(rest_form(call, name), BYTES("yes")), is_no = bytes_equal(rest_form(call, name), BYTES("no"));
        ok = ok && person_put(category, "is_yes", json_boolean(is_yes), e) && person_put(category, "is_no", json_boolean(is_no), e) &&
             person_put(category, "is_unsaid", json_boolean(!is_yes && !is_no), e);
    }
    json_array_foreach(json_object_get(data, "acts"), i, act)
    {
        size_t at = 0;
        struct bytes ticked;
        bool is_ticked = false;
        while (rest_form_next(call, "act", &at, &ticked)) {
            is_ticked = is_ticked || bytes_equal(ticked, rest_json_bytes(json_object_get(act, "act")));
        }
        ok = ok && person_put(act, "is_ticked", json_boolean(is_ticked), e);
    }
    if (!ok) {
        json_decref(data);
        return false;
    }
    call->status = 422;
    call->reason = NULL;
    return page_render(call, "consent", data, e);
}

static bool send_answer(struct rest_call *call, json_t *body, bool is_refusal, struct error *e)
{
    json_t *answer = NULL;
    struct error cause = { 0 };
    unsigned status;
    const char *target = person_target(call, "/v1/consents/", call->match.parameters[0], "/answer");
    const char *own = person_target(call, "/consents/", call->match.parameters[0], "");
    if (target == NULL || own == NULL) {
        return error_memory(e, "page");
    }
    call->asking_match = rest_form(call, "match");
    if (rest_ask(call, "POST", target, body, &answer, &status, &cause)) {
        json_decref(answer);
        return person_redirect(call, own, is_refusal ? "refused" : "given", e);
    }
    const char *reason = call->reason;
    if (status != 412 && status != 409) {
        *e = cause;
        return false;
    }
    call->status = 0;
    call->reason = NULL;
    if (reason != NULL && strcmp(reason, "consent.not_separate") == 0) {
        return show_again(call, "answer.missing.act", e);
    }
    if (reason != NULL && strcmp(reason, "consent.required") == 0) {
        return show_again(call, "answer.missing.required", e);
    }
    if (reason != NULL && (strcmp(reason, "consent.guardian") == 0 || strcmp(reason, "minor.unknown") == 0)) {
        return show_again(call, "answer.missing.guardian", e);
    }
    if (reason != NULL && strcmp(reason, "consent.written") == 0) {
        return show_again(call, "answer.missing.written", e);
    }
    return person_redirect(call, own, "changed", e);
}

bool page_consent_answer(struct rest_call *call, struct error *e)
{
    json_t *notice = NULL;
    bool gives_sensitive = false;
    size_t unanswered = 0;
    bool is_refusal = bytes_equal(rest_form(call, "decision"), BYTES("refuse"));
    if (bytes_equal(rest_form(call, "decision"), BYTES("defer"))) {
        return post_change(call, "/defer", "deferred", e);
    }
    if (!is_refusal && !bytes_equal(rest_form(call, "decision"), BYTES("give"))) {
        return rest_refuse(call, e, 400, "request.malformed", "field decision", NULL, "must be give, refuse or defer");
    }
    person_choose(call);
    if (!ask_about(call, call->match.parameters[0], "/notice", &notice, e)) {
        return false;
    }
    if (notice == NULL) {
        return rest_absent(call, e);
    }
    const json_t *text = json_object_get(notice, "notice");
    struct bytes shown = rest_form(call, "notice");
    json_t *decisions = is_refusal ? json_array() : read_decisions(call, text, &gives_sensitive, &unanswered);
    json_t *acts = is_refusal ? json_array() : read_acts(call, gives_sensitive);
    json_t *body = json_pack("{s:s, s:s%, s:o*, s:o*, s:s}", "decision", is_refusal ? "refuse" : "give", "notice",
                             shown.size == 0 ? "" : (const char *)shown.data, shown.size, "decisions",
                             is_refusal ? NULL : json_incref(decisions), "separate", is_refusal ? NULL : json_incref(acts), "language",
                             shown_language(call, text));
    bool ok = decisions != NULL && acts != NULL && body != NULL;
    if (!ok) {
        error_memory(e, "page");
    } else if (unanswered > 0) {
        ok = show_again(call, "answer.missing.category", e);
    } else {
        ok = send_answer(call, body, is_refusal, e);
    }
    json_decref(decisions);
    json_decref(acts);
    json_decref(body);
    json_decref(notice);
    return ok;
}
