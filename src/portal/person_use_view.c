/* A use as a person reads it, of what /v1/uses says. Pure. */
#include <stdio.h>

#include "portal/person_internal.h"

enum { KEY_BYTES = 96, DAY_BYTES = 10 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* Why a category was held back: the decision's whole reason, which the consumer was not told, else the short one. */
static const char *why_of(const json_t *use, const char *category, const char *told)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(use, "why"), i, row)
    {
        if (strcmp(text_of(row, "category"), category) == 0) {
            return text_of(row, "reason");
        }
    }
    return told;
}

static json_t *view_withheld(const json_t *use, const struct catalogue *texts)
{
    json_t *list = json_array();
    const json_t *row;
    size_t i;
    char key[KEY_BYTES];
    json_array_foreach(json_object_get(use, "withheld"), i, row)
    {
        const char *category = text_of(row, "category");
        const char *reason = why_of(use, category, text_of(row, "reason"));
        if (list == NULL || json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "category", category, "reason", reason, "reason_key",
                                                                  view_key(texts, "reason", reason, key, sizeof key))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Each ground once, in the order in which they come. */
static json_t *view_bases(const json_t *use)
{
    json_t *list = json_array();
    const json_t *row, *had;
    size_t i, j;
    char key[KEY_BYTES];
    json_array_foreach(json_object_get(use, "basis"), i, row)
    {
        bool is_known = false;
        (void)snprintf(key, sizeof key, "basis.%s", text_of(row, "basis"));
        json_array_foreach(list, j, had)
        {
            is_known = is_known || strcmp(text_of(had, "key"), key) == 0;
        }
        if (list == NULL || (!is_known && json_array_append_new(list, json_pack("{s:s}", "key", key)) != 0)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/*
 * A refusal's reason: of the answer, which never says more than "no consent" of a person; the decision knows better. Where categories have
 * several, what ended a consent says more than that there never was one for something else.
 */
static const char *reason_of(const json_t *use)
{
    const char *reason = text_of(use, "reason"), *first = NULL;
    const json_t *row;
    size_t i;
    if (strcmp(reason, "consent.none") != 0) {
        return reason;
    }
    json_array_foreach(json_object_get(use, "why"), i, row)
    {
        const char *why = text_of(row, "reason");
        if (strcmp(why, "consent.none") != 0 && strcmp(why, "consent.refused") != 0) {
            return why;
        }
        first = first == NULL ? why : first;
    }
    return first == NULL ? reason : first;
}

/* Staff is MEMBER/NAME: what stands behind the member. */
static const char *name_behind_member(const char *client)
{
    unsigned slashes = 0;
    const char *at = client;
    while (*at != '\0' && slashes < 3) {
        slashes += *at++ == '/';
    }
    return at;
}

/* Each consent once: the decision names it for each category. */
static json_t *view_records(const json_t *use)
{
    json_t *list = json_array();
    const json_t *id, *had;
    size_t i, j;
    json_array_foreach(json_object_get(use, "consents"), i, id)
    {
        bool is_known = false;
        json_array_foreach(list, j, had)
        {
            is_known = is_known || json_equal(had, id);
        }
        if (list == NULL || (!is_known && json_array_append(list, (json_t *)(uintptr_t)id) != 0)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool add_exchange(json_t *view, const json_t *use, const struct catalogue *texts)
{
    char key[KEY_BYTES];
    bool is_refused = strcmp(text_of(use, "verdict"), "refuse") == 0 || text_of(use, "reason")[0] != '\0';
    bool has_left = json_array_size(json_object_get(use, "released")) > 0;
    bool is_answered = json_is_integer(json_object_get(use, "answerEntry"));
    bool is_emergency = text_of(use, "claim")[0] != '\0';
    return json_object_set_new(view, "is_exchange", json_true()) == 0 &&
           json_object_set_new(view, "is_refused", json_boolean(is_refused)) == 0 &&
           json_object_set_new(view, "is_allowed", json_boolean(!is_refused)) == 0 &&
           json_object_set_new(view, "is_emergency", json_boolean(is_emergency)) == 0 &&
           json_object_set_new(view, "is_unanswered", json_boolean(!is_refused && !is_answered)) == 0 &&
           json_object_set_new(view, "is_nothing", json_boolean(!is_refused && is_answered && !has_left)) == 0 &&
           json_object_set_new(view, "reason_key", json_string(view_key(texts, "reason", reason_of(use), key, sizeof key))) == 0 &&
           json_object_set_new(view, "bases", view_bases(use)) == 0 &&
           json_object_set_new(view, "held_back", view_withheld(use, texts)) == 0 &&
           json_object_set_new(view, "has_left", json_boolean(has_left)) == 0 &&
           json_object_set_new(view, "records", view_records(use)) == 0;
}

static bool add_words(json_t *view, const json_t *use, const struct catalogue *texts)
{
    char key[KEY_BYTES];
    const char *kind = text_of(use, "kind");
    if (strcmp(kind, "exchange") == 0) {
        return add_exchange(view, use, texts);
    }
    bool is_access = strcmp(kind, "access") == 0, is_sign_in = is_access && strcmp(text_of(use, "service"), "signIn") == 0;
    const char *key_text = is_sign_in  ? view_key(texts, "signin", text_of(use, "verdict"), key, sizeof key)
                           : is_access ? view_key(texts, "operation", text_of(use, "service"), key, sizeof key)
                                       : view_key(texts, "event", text_of(use, "verdict"), key, sizeof key);
    return json_object_set_new(view, is_access ? "is_access" : "is_event", json_true()) == 0 &&
           json_object_set_new(view, "event_key", json_string(key_text)) == 0 &&
           json_object_set_new(view, "is_sign_in", json_boolean(is_sign_in)) == 0 &&
           json_object_set_new(view, "staff", json_string(is_access ? name_behind_member(text_of(use, "client")) : "")) == 0;
}

json_t *view_use(const json_t *use, const struct catalogue *texts)
{
    const char *client = text_of(use, "client");
    json_t *view = json_copy((json_t *)(uintptr_t)use);
    bool ok = view != NULL &&
              json_object_set_new(view, "who", client[0] == '\0' ? json_null() : view_member(json_object_get(use, "clientName"), client)) ==
                  0 &&
              json_object_set_new(view, "community", client[0] == '\0' ? json_null() : view_community(client)) == 0 &&
              add_words(view, use, texts);
    if (!ok) {
        json_decref(view);
        return NULL;
    }
    return view;
}

json_t *view_days(const json_t *uses, const struct catalogue *texts)
{
    json_t *days = json_array(), *day = NULL;
    for (size_t i = json_array_size(uses); days != NULL && i-- > 0;) {
        const json_t *use = json_array_get(uses, i);
        const char *time = text_of(use, "time");
        if (day == NULL || strncmp(text_of(day, "day"), time, DAY_BYTES) != 0) {
            day = json_pack("{s:s, s:[]}", "day", time, "uses");
            if (json_array_append_new(days, day) != 0) {
                json_decref(days);
                return NULL;
            }
        }
        if (json_array_append_new(json_object_get(day, "uses"), view_use(use, texts)) != 0) {
            json_decref(days);
            return NULL;
        }
    }
    return days;
}
