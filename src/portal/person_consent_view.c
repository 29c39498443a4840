/* Views of consents for templates (person_consent_internal.h). */
#include "portal/person_consent_internal.h"

#include "law/period.h"

static bool put(json_t *object, const char *name, json_t *value)
{
    return value != NULL && json_object_set_new(object, name, value) == 0;
}

/* An absent text is an absent member. */
static bool put_text(json_t *object, const char *name, const json_t *texts, const char *language)
{
    return !json_is_object(texts) || json_object_size(texts) == 0 || put(object, name, view_text(texts, language));
}

static bool is_one_of(const json_t *word, const char *a, const char *b)
{
    const char *text = json_string_value(word);
    return text != NULL && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

static json_t *view_decisions(const json_t *decisions)
{
    json_t *list = json_deep_copy(decisions), *row;
    size_t i;
    json_array_foreach(list, i, row)
    {
        if (!put(row, "is_open", json_boolean(is_one_of(json_object_get(row, "decision"), "given", "paused")))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Is there more than one category that could be withdrawn by itself? */
static bool has_several(const json_t *decisions)
{
    const json_t *row;
    size_t i, count = 0;
    json_array_foreach(decisions, i, row)
    {
        count += json_is_true(json_object_get(row, "is_open"));
    }
    return count > 1;
}

json_t *view_consent(const json_t *consent, const json_t *notice, const char *language)
{
    const json_t *status = json_object_get(consent, "status"), *recipient = json_object_get(notice, "recipient");
    bool is_waiting = is_one_of(status, "requested", "deferred"), is_open = is_one_of(status, "given", "paused");
    const char *member = json_string_value(json_object_get(consent, "recipient"));
    json_t *name = view_text(json_object_get(recipient, "name"), language);
    json_t *view = json_copy((json_t *)(uintptr_t)consent);
    json_t *decisions = view_decisions(json_object_get(consent, "decisions"));
    bool ok = view != NULL && put(view, "several", json_boolean(has_several(decisions))) && put(view, "decisions", decisions);
    ok = ok && put(view, "who", name != NULL ? json_incref(json_object_get(name, "text")) : view_member(NULL, member)) &&
         put(view, "community", view_community(member)) && put(view, "is_waiting", json_boolean(is_waiting)) &&
         put(view, "is_open", json_boolean(is_open)) && put(view, "is_over", json_boolean(!is_open && !is_waiting)) &&
         put(view, "is_given", json_boolean(is_one_of(status, "given", "given"))) &&
         put(view, "is_paused", json_boolean(is_one_of(status, "paused", "paused"))) &&
         put_text(view, "purpose_text", json_object_get(json_object_get(notice, "purpose"), "text"), language) &&
         put(view, "has_notice", json_boolean(notice != NULL));
    json_decref(name);
    if (!ok) {
        json_decref(view);
        return NULL;
    }
    return view;
}

json_t *view_events(const json_t *consent)
{
    const json_t *events = json_object_get(consent, "events");
    json_t *list = json_array();
    for (size_t i = json_array_size(events); list != NULL && i-- > 0;) {
        const json_t *event = json_array_get(events, i);
        const json_t *by = json_object_get(event, "by");
        json_t *row = json_pack("{s:O, s:O, s:O?, s:O?}", "type", json_object_get(event, "type"), "at", json_object_get(event, "at"),
                                "role", json_object_get(by, "role"), "language", json_object_get(event, "language"));
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What comes from others is a link only where following it can do no more than open a page or write a letter. */
static bool is_safe_link(const char *text)
{
    static const char *const starts[] = { "https://", "http://", "mailto:", "tel:" };
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        if (strncmp(text, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool put_link(json_t *object, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return true;
    }
    const char *shown = strncmp(text, "mailto:", 7) == 0 ? text + 7 : strncmp(text, "tel:", 4) == 0 ? text + 4 : text;
    return put(object, name, json_pack("{s:s, s:s?}", "text", shown, "link", is_safe_link(text) ? text : NULL));
}

static json_t *view_party(const json_t *party, const char *language)
{
    static const char *const links[] = { "contact", "url", "officer" };
    const char *member = json_string_value(json_object_get(party, "member"));
    json_t *view = json_pack("{s:o, s:O?, s:O?}", "member", json_string(member == NULL ? "" : member), "address",
                             json_object_get(party, "address"), "country", json_object_get(party, "country"));
    bool ok = view != NULL && put_text(view, "name", json_object_get(party, "name"), language) &&
              put_text(view, "representative", json_object_get(party, "representative"), language);
    for (size_t i = 0; ok && i < COUNT_OF(links); i++) {
        ok = put_link(view, links[i], json_object_get(party, links[i]));
    }
    if (!ok) {
        json_decref(view);
        return NULL;
    }
    return view;
}

static json_t *view_categories(const json_t *categories, const char *language)
{
    json_t *list = json_array();
    const json_t *category;
    size_t i;
    json_array_foreach(categories, i, category)
    {
        json_t *view = json_pack("{s:I, s:O, s:O?, s:b}", "number", (json_int_t)i, "iri", json_object_get(category, "iri"), "sensitive",
                                 json_object_get(category, "sensitive"), "required",
                                 is_one_of(json_object_get(category, "necessity"), "required", "required"));
        bool ok = view != NULL && put_text(view, "why", json_object_get(category, "necessityText"), language) &&
                  put_text(view, "impact", json_object_get(category, "impactText"), language);
        if (!ok || json_array_append_new(list, view) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool put_rest(json_t *view, const json_t *notice, const char *language)
{
    static const char *const kept[] = { "processing",  "onward", "storage", "service",  "use",         "retention",
                                        "maxValidity", "dpia",   "law",     "revision", "publishedAt", "automatedDecision" };
    static const struct {
        const char *object, *member, *name;
    } texts[] = {
        { NULL, "method", "method" },
        { NULL, "automatedText", "automated_text" },
        { NULL, "refusalEffect", "refusal_effect" },
        { NULL, "obligationText", "obligation_text" },
        { NULL, "sourceText", "source_text" },
        { NULL, "basisText", "basis_text" },
        { "border", "remedyText", "border_remedy" },
        { "border", "safeguardText", "border_safeguard" },
        { "minor", "guardianText", "guardian_text" },
        { "minor", "childText", "child_text" },
        { "withdrawal", "text", "withdrawal_text" },
    };
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(kept); i++) {
        json_t *value = json_object_get(notice, kept[i]);
        ok = value == NULL || put(view, kept[i], json_incref(value));
    }
    for (size_t i = 0; ok && i < COUNT_OF(texts); i++) {
        const json_t *inside = texts[i].object == NULL ? notice : json_object_get(notice, texts[i].object);
        ok = put_text(view, texts[i].name, json_object_get(inside, texts[i].member), language);
    }
    return ok && put_link(view, "withdrawal_url", json_object_get(json_object_get(notice, "withdrawal"), "url")) &&
           put_link(view, "rights_url", json_object_get(json_object_get(notice, "rights"), "url")) &&
           put_link(view, "authority_url", json_object_get(json_object_get(notice, "rights"), "authority"));
}

/* P1Y2M10D as [ { is_years, count }, .. ]: each language has its own words and plurals for them. */
static json_t *view_period(const json_t *text)
{
    static const char *const names[] = { "is_years", "is_months", "is_days", "is_hours", "is_minutes", "is_seconds" };
    struct period period;
    json_t *list = json_array();
    const char *written = json_string_value(text);
    if (written == NULL || list == NULL || !period_parse(bytes_of_text(written), &period)) {
        return list;
    }
    const json_int_t counts[] = { period.months / 12,
                                  period.months % 12,
                                  period.days,
                                  (json_int_t)(period.seconds / 3600),
                                  (json_int_t)(period.seconds / 60 % 60),
                                  (json_int_t)(period.seconds % 60) };
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        if (counts[i] != 0 && json_array_append_new(list, json_pack("{s:b, s:I}", names[i], 1, "count", counts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool put_periods(json_t *view, const json_t *notice)
{
    const json_t *life = json_object_get(json_object_get(notice, "retention"), "recipientLife");
    const json_t *frequency = json_object_get(json_object_get(notice, "use"), "frequency");
    return put(view, "life", view_period(life)) && put(view, "has_life", json_boolean(json_is_string(life))) &&
           put(view, "each", view_period(json_object_get(frequency, "per"))) &&
           put(view, "max",
               json_is_integer(json_object_get(frequency, "max")) ? json_incref(json_object_get(frequency, "max")) : json_null()) &&
           put(view, "total",
               json_is_integer(json_object_get(frequency, "total")) ? json_incref(json_object_get(frequency, "total")) : json_null());
}

/* A section stands for a list that may be empty: Mustache sections repeat for lists. */
static bool put_flags(json_t *view, const json_t *notice)
{
    const json_t *border = json_object_get(notice, "border"), *minor = json_object_get(notice, "minor");
    return put(view, "crosses", json_boolean(json_is_true(json_object_get(border, "crosses")))) &&
           put(view, "for_minors", json_boolean(json_is_true(json_object_get(minor, "allowed")))) &&
           put(view, "has_onward", json_boolean(json_array_size(json_object_get(notice, "onward")) > 0)) &&
           put(view, "has_storage", json_boolean(json_array_size(json_object_get(notice, "storage")) > 0)) &&
           put(view, "has_processing", json_boolean(json_array_size(json_object_get(notice, "processing")) > 0));
}

json_t *view_notice(const json_t *notice, const char *language)
{
    const json_t *purpose = json_object_get(notice, "purpose");
    json_t *view = json_pack("{s:o, s:o, s:O?, s:o, s:O?}", "holder", view_party(json_object_get(notice, "holder"), language), "recipient",
                             view_party(json_object_get(notice, "recipient"), language), "purpose", json_object_get(purpose, "iri"),
                             "categories", view_categories(json_object_get(notice, "categories"), language), "basis",
                             json_object_get(notice, "basis"));
    bool ok = view != NULL && put_text(view, "purpose_text", json_object_get(purpose, "text"), language) &&
              put_rest(view, notice, language) && put_flags(view, notice) && put_periods(view, notice);
    if (!ok) {
        json_decref(view);
        return NULL;
    }
    return view;
}

json_t *view_obligation(const json_t *obligation)
{
    const char *recipient = json_string_value(json_object_get(obligation, "recipient"));
    json_t *view = json_copy((json_t *)(uintptr_t)obligation);
    if (view == NULL || !put(view, "who", view_member(NULL, recipient))) {
        json_decref(view);
        return NULL;
    }
    return view;
}
