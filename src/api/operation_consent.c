/* Asking, deciding and changing, on notices. */
#include <stdlib.h>

#include "api/operation_internal.h"
#include "api/operation_notice.h"
#include "base/encode.h"
#include "base/time.h"
#include "consent/event_text.h"
#include "consent/notice_store.h"

bool operation_rules_take(const struct operation_context *context, struct operation_rules *r, struct error *e)
{
    *r = (struct operation_rules){ .notices = NULL };
    if (!context->take_ground(context->ground_context, &r->ground, e)) {
        return false;
    }
    r->rules.law = r->ground.law;
    r->notices = consents_notices(context->consents);
    r->rules.notices = r->notices;
    return true;
}

void operation_rules_clear(struct operation_rules *r)
{
    notices_drop(r->notices);
    operation_ground_clear(&r->ground);
}

static bool answer_with(bool ok, const struct consent_receipt *receipt, json_t **answer, struct error *e)
{
    if (ok) {
        *answer = operation_receipt(receipt);
    }
    return ok && (*answer != NULL || error_memory(e, "consent"));
}

/* ---- Asking ---- */

bool operation_request(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "notice", "until", OPERATION_ACT_KEYS };
    struct consent_offer offer = { .until_ms = 0 };
    struct consent_act act;
    struct consent_receipt receipt;
    struct operation_rules rules;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &offer.person, e) ||
        !operation_get_text(request, "notice", false, NOTICE_ID_SIZE_MAX, &offer.notice_id, e) ||
        !operation_get_time(request, "until", &offer.until_ms, e) || !operation_get_act(request, CONSENT_ROLE_SYSTEM, &act, e) ||
        !operation_rules_take(context, &rules, e)) {
        return false;
    }
    bool ok = answer_with(consent_request(context->consents, &rules.rules, &offer, &act, &receipt, e), &receipt, answer, e);
    operation_rules_clear(&rules);
    return ok;
}

/* ---- Deciding ---- */

/* An answer and the memory of what it points to. */
struct answering {
    struct consent_answer answer;
    struct consent_choice choices[NOTICE_CATEGORIES_MAX];
    struct buffer given[OPERATION_CATEGORIES_MAX];
    size_t given_count;
    struct bytes notice_id;
    uint8_t shown[SHA256_SIZE], expected[SHA256_SIZE];
};

static bool read_given(const json_t *request, struct answering *a, struct error *e)
{
    const json_t *list = json_object_get(request, "categories");
    if (list != NULL && (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > OPERATION_CATEGORIES_MAX)) {
        return error_set(e, ERROR_INPUT, "categories", NULL, "must be a list of 1 to %d IRIs", OPERATION_CATEGORIES_MAX);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!operation_get_iri(json_array_get(list, i), "categories", &a->given[i], e)) {
            return false;
        }
        a->given_count++;
    }
    return true;
}

static bool read_separate(const json_t *request, struct answering *a, struct error *e)
{
    const json_t *list = json_object_get(request, "separate");
    if (list != NULL && !json_is_array(list)) {
        return error_set(e, ERROR_INPUT, "separate", NULL, "must be a list of words");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *word = json_array_get(list, i);
        uint32_t bit;
        if (!json_is_string(word) || !law_separate_parse(bytes_of(json_string_value(word), json_string_length(word)), &bit)) {
            return error_set(e, ERROR_INPUT, "separate", NULL, "must be of sensitive, provide, border, publish, publicplace, minor");
        }
        a->answer.separate |= bit;
    }
    return true;
}

static bool read_whole(const json_t *limits, const char *key, uint64_t *out, struct error *e)
{
    const json_t *value = json_object_get(limits, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 1) {
        return error_set(e, ERROR_INPUT, key, NULL, "must be a whole number from 1");
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_period(const json_t *limits, const char *key, bool *has, struct period *out, struct error *e)
{
    struct bytes text;
    if (!operation_get_text(limits, key, true, PERIOD_TEXT_SIZE, &text, e)) {
        return false;
    }
    *has = *has || text.size > 0;
    return text.size == 0 || period_parse(text, out) || error_set(e, ERROR_INPUT, key, "write it as P30D or PT12H", "is no duration");
}

/* What is said changes what the notice has. */
static bool read_limits(const json_t *request, const struct notice *notice, struct consent_limits *out, struct error *e)
{
    static const char *const keys[] = { "mode", "fetch", "max", "per", "total", "data_from", "data_until", "recipient_life", "erase_at" };
    const json_t *limits = json_object_get(request, "limits");
    struct bytes mode, fetch;
    bool has_per = false;
    *out = consent_limits_of(notice);
    if (!operation_check_keys(limits, keys, COUNT_OF(keys), e) || !operation_get_text(limits, "mode", true, 16, &mode, e) ||
        !operation_get_text(limits, "fetch", true, 16, &fetch, e) || !read_whole(limits, "max", &out->max, e) ||
        !read_whole(limits, "total", &out->total, e) || !read_period(limits, "per", &has_per, &out->per, e) ||
        !read_period(limits, "recipient_life", &out->has_recipient_life, &out->recipient_life, e) ||
        !operation_get_time(limits, "data_from", &out->data_from_ms, e) ||
        !operation_get_time(limits, "data_until", &out->data_until_ms, e) ||
        !operation_get_time(limits, "erase_at", &out->erase_at_ms, e)) {
        return false;
    }
    out->has_data_from = out->has_data_from || json_object_get(limits, "data_from") != NULL;
    out->has_data_until = out->has_data_until || json_object_get(limits, "data_until") != NULL;
    if (mode.size > 0 && !use_mode_parse(mode, &out->mode)) {
        return error_set(e, ERROR_INPUT, "mode", NULL, "must be view, query, store or stream");
    }
    return fetch.size == 0 || use_fetch_parse(fetch, &out->fetch) ||
           error_set(e, ERROR_INPUT, "fetch", NULL, "must be onetime or periodic");
}

/* What isn't named is refused where that may be; what must be there and isn't named is refused by the check. */
static bool choose(struct answering *a, const struct notice *notice, struct error *e)
{
    for (size_t i = 0; i < a->given_count; i++) {
        if (notice_find_category(notice, buffer_bytes(&a->given[i])) == NULL) {
            return error_set(e, ERROR_INPUT, "categories", "name the notice's categories", "number %zu is not in the notice", i + 1);
        }
    }
    for (size_t i = 0; a->given_count > 0 && i < notice->category_count; i++) {
        struct consent_choice *choice = &a->choices[a->answer.choice_count++];
        choice->category = notice->categories[i].iri;
        for (size_t j = 0; j < a->given_count; j++) {
            choice->is_given = choice->is_given || bytes_equal(buffer_bytes(&a->given[j]), choice->category);
        }
    }
    a->answer.choices = a->choices;
    return true;
}

/* The revision that was shown: by its digest, by the record that asks, or the notice's current one. */
struct shown {
    uint8_t *digest;
    bool is_found, is_whole;
};

static bool take_shown(void *context, const struct consent_event_text *event)
{
    struct shown *shown = context;
    struct bytes value;
    shown->is_found = true;
    shown->is_whole = event_text_get(event->text, "notice", &value) && event_text_digest(value, shown->digest);
    return false;
}

static bool find_shown(const struct operation_context *context, struct answering *a, bool has_digest, const struct operation_rules *rules,
                       struct error *e)
{
    struct shown shown = { .digest = a->shown };
    a->answer.notice = a->shown;
    if (has_digest) {
        return true;
    }
    if (a->answer.id.size > 0) {
        return consent_events(context->consents, a->answer.id, take_shown, &shown, e) &&
               ((shown.is_found && shown.is_whole) ||
                error_set(e, ERROR_ABSENT, "id", "see 'comity consent list'", "there is no consent that asks"));
    }
    const struct notice *notice = notices_find(rules->notices, a->notice_id, 0);
    if (notice == NULL) {
        return error_set(e, ERROR_ABSENT, "notice", "see 'comity notice list'", "there is no such notice");
    }
    memcpy(a->shown, notice->digest, sizeof a->shown);
    return true;
}

static bool read_answer(const json_t *request, struct answering *a, bool *has_digest, struct error *e)
{
    static const char *const keys[] = { "decision", "person",     "notice",      "id",     "sha256",   "categories",
                                        "separate", "valid_from", "valid_until", "limits", "expected", OPERATION_ACT_KEYS };
    struct bytes decision;
    bool has_expected = false;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !operation_get_text(request, "decision", false, 16, &decision, e) ||
        !operation_get_text(request, "person", true, OPERATION_PERSON_BYTES_MAX, &a->answer.person, e) ||
        !operation_get_text(request, "notice", true, NOTICE_ID_SIZE_MAX, &a->notice_id, e) ||
        !operation_get_text(request, "id", true, CONSENT_ID_SIZE, &a->answer.id, e) ||
        !operation_get_digest(request, "sha256", has_digest, a->shown, e) ||
        !operation_get_digest(request, "expected", &has_expected, a->expected, e) || !read_given(request, a, e) ||
        !read_separate(request, a, e) || !operation_get_time(request, "valid_from", &a->answer.valid_from_ms, e) ||
        !operation_get_time(request, "valid_until", &a->answer.valid_until_ms, e)) {
        return false;
    }
    a->answer.expected = has_expected ? a->expected : NULL;
    a->answer.is_refusal = bytes_equal(decision, BYTES("refuse"));
    if (!a->answer.is_refusal && !bytes_equal(decision, BYTES("give"))) {
        return error_set(e, ERROR_INPUT, "decision", NULL, "must be give or refuse");
    }
    bool is_new = a->answer.person.size > 0;
    return is_new != (a->answer.id.size > 0) && (!is_new || a->notice_id.size > 0 || *has_digest)
               ? true
               : error_set(e, ERROR_INPUT, "request", NULL, "must have person and notice, or the id of a record that asks");
}

bool operation_answer(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    bool ok = false, has_digest = false;
    struct consent_act act;
    struct consent_receipt receipt;
    struct operation_rules rules = { .notices = NULL };
    struct answering *a = calloc(1, sizeof *a);
    *answer = NULL;
    if (a == NULL) {
        return error_memory(e, "consent");
    }
    for (size_t i = 0; i < COUNT_OF(a->given); i++) {
        buffer_init(&a->given[i], 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    }
    if (!read_answer(request, a, &has_digest, e) || !operation_get_act(request, CONSENT_ROLE_PERSON, &act, e) ||
        !operation_rules_take(context, &rules, e) || !find_shown(context, a, has_digest, &rules, e)) {
        goto done;
    }
    const struct notice *notice = notices_find_by_digest(rules.notices, a->shown);
    if (notice != NULL) {
        a->answer.has_limits = json_object_get(request, "limits") != NULL;
        if (!choose(a, notice, e) || (a->answer.has_limits && !read_limits(request, notice, &a->answer.limits, e))) {
            goto done;
        }
        if (act.language.size == 0 && notice->languages.count == 1) {
            act.language = notice->languages.items[0];
        }
    }
    ok = answer_with(consent_answer(context->consents, &rules.rules, &a->answer, &act, &receipt, e), &receipt, answer, e);
done:
    for (size_t i = 0; i < COUNT_OF(a->given); i++) {
        buffer_clear(&a->given[i]);
    }
    operation_rules_clear(&rules);
    free(a);
    return ok;
}

/* ---- Changing ---- */

static bool read_event(const json_t *request, enum consent_event *out, struct error *e)
{
    struct bytes word;
    if (!operation_get_text(request, "event", false, 16, &word, e)) {
        return false;
    }
    for (int i = CONSENT_EVENT_DEFER; i < CONSENT_EVENT_COUNT; i++) {
        if (bytes_equal(word, bytes_of_text(consent_event_name((enum consent_event)i)))) {
            *out = (enum consent_event)i;
            return true;
        }
    }
    return error_set(e, ERROR_INPUT, "event", NULL, "must be defer, pause, resume, withdraw, revoke, supersede, invalidate or expire");
}

bool operation_change(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", "event", "category", "expected", OPERATION_ACT_KEYS };
    struct consent_order order = { .event = CONSENT_EVENT_COUNT };
    struct consent_act act;
    struct consent_receipt receipt;
    uint8_t expected[SHA256_SIZE];
    bool has_expected = false, ok = false;
    struct buffer category;
    const json_t *named = json_object_get(request, "category");
    *answer = NULL;
    buffer_init(&category, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    if (operation_check_keys(request, keys, COUNT_OF(keys), e) && operation_get_text(request, "id", false, CONSENT_ID_SIZE, &order.id, e) &&
        read_event(request, &order.event, e) && operation_get_digest(request, "expected", &has_expected, expected, e) &&
        operation_get_act(request, CONSENT_ROLE_PERSON, &act, e) && (named == NULL || operation_get_iri(named, "category", &category, e))) {
        order.category = buffer_bytes(&category);
        order.expected = has_expected ? expected : NULL;
        ok = answer_with(consent_change(context->consents, &order, &act, &receipt, e), &receipt, answer, e);
    }
    buffer_clear(&category);
    return ok;
}

bool operation_withdraw_where(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "recipient", "purpose", "category", OPERATION_ACT_KEYS };
    struct consent_filter filter = { .person = BYTES_NONE };
    struct consent_act act;
    struct consent_receipt receipt;
    struct buffer recipient, purpose, category;
    struct bytes member;
    const json_t *for_purpose = json_object_get(request, "purpose"), *of_category = json_object_get(request, "category");
    bool ok = false;
    *answer = NULL;
    buffer_init(&recipient, OPERATION_IDENTIFIER_BYTES_MAX);
    buffer_init(&purpose, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    buffer_init(&category, 2 * (size_t)OPERATION_IRI_BYTES_MAX);
    if (operation_check_keys(request, keys, COUNT_OF(keys), e) &&
        operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &filter.person, e) &&
        operation_get_text(request, "recipient", true, OPERATION_IDENTIFIER_BYTES_MAX, &member, e) &&
        (member.size == 0 || operation_get_member(member, "recipient", &recipient, e)) &&
        (for_purpose == NULL || operation_get_iri(for_purpose, "purpose", &purpose, e)) &&
        (of_category == NULL || operation_get_iri(of_category, "category", &category, e)) &&
        operation_get_act(request, CONSENT_ROLE_PERSON, &act, e)) {
        filter.recipient = buffer_bytes(&recipient);
        filter.purpose = buffer_bytes(&purpose);
        filter.category = buffer_bytes(&category);
        ok = answer_with(consent_withdraw_where(context->consents, &filter, &act, &receipt, e), &receipt, answer, e);
    }
    buffer_clear(&recipient);
    buffer_clear(&purpose);
    buffer_clear(&category);
    return ok;
}

/* ---- Looking back ---- */

struct telling {
    json_t *events;
    bool has_failed;
};

/* One event as an object of its lines; those of categories are a list. */
static json_t *event_json(const struct consent_event_text *event)
{
    char hex[2 * SHA256_SIZE + 1] = "";
    struct bytes rest = event->text, name, value;
    struct arena arena = { 0 };
    json_t *made = json_pack("{s:[]}", "categories");
    while (made != NULL && event_text_next(&rest, &name, &value)) {
        char key[64];
        struct bytes plain = event_text_decode(&arena, value);
        json_t *text = operation_text(plain);
        bool is_category = bytes_equal(name, BYTES("category"));
        bool ok = plain.data != NULL && text != NULL && name.size < sizeof key;
        if (ok && !is_category) {
            memcpy(key, name.data, name.size);
            key[name.size] = '\0';
        }
        if (!ok || (is_category ? json_array_append(json_object_get(made, "categories"), text) : json_object_set(made, key, text)) != 0) {
            json_decref(made);
            made = NULL;
        }
        json_decref(text);
    }
    arena_clear(&arena);
    hex_write(bytes_of(event->digest, SHA256_SIZE), hex);
    json_t *index = event->log_index != UINT64_MAX ? json_integer((json_int_t)event->log_index) : json_null();
    if (made != NULL &&
        (json_object_set_new(made, "log_index", index) != 0 || json_object_set_new(made, "sha256", json_string(hex)) != 0)) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static bool tell(void *context, const struct consent_event_text *event)
{
    struct telling *telling = context;
    json_t *made = event_json(event);
    telling->has_failed = made == NULL || json_array_append_new(telling->events, made) != 0;
    return !telling->has_failed;
}

bool operation_history(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id" };
    struct bytes id;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) || !operation_get_text(request, "id", false, CONSENT_ID_SIZE, &id, e)) {
        return false;
    }
    json_t *made = json_pack("{s:o, s:[]}", "id", operation_text(id), "events");
    struct telling telling = { .events = json_object_get(made, "events"), .has_failed = made == NULL };
    bool ok = !telling.has_failed && consent_events(context->consents, id, tell, &telling, e);
    if (telling.has_failed) {
        ok = error_memory(e, "consent");
    } else if (ok && json_array_size(telling.events) == 0) {
        ok = error_set(e, ERROR_ABSENT, "id", "see 'comity consent list'", "there is no such consent");
    }
    if (!ok) {
        json_decref(made);
        return false;
    }
    *answer = made;
    return true;
}
