#include "portal/person_internal.h"

#include <stdio.h>

#include "api/session.h"
#include "base/encode.h"
#include "portal/page_handlers_internal.h"

enum { TARGET_BYTES_MAX = 1024 };
#define WARD_COOKIE "ward"

/* What a page may be told that was done just now: anything else in the query is passed over. */
static const char *const told_words[] = {
    "withdrawn",      "withdrawn-all",   "withdrawn-part", "given",      "refused", "deferred", "paused", "resumed",
    "consent-paused", "consent-resumed", "asked",          "taken-back", "acting",  "own",      "ended",  "changed",
};

void person_choose(struct rest_call *call)
{
    const struct session *session = session_of(call);
    struct bytes ward = rest_cookie(call, WARD_COOKIE);
    if (session != NULL && session->guardianship.size > 0) {
        call->asking_guardianship = session->guardianship;
    } else if (ward.size > 0 && (call->principal.roles & (1U << ROLE_PERSON)) != 0) {
        call->asking_guardianship = ward;
    }
}

bool person_put(json_t *data, const char *name, json_t *value, struct error *e)
{
    return (value != NULL && json_object_set_new(data, name, value) == 0) || error_memory(e, "page");
}

bool person_ask_into(struct rest_call *call, json_t *data, const char *name, const char *target, struct error *e)
{
    json_t *answer = NULL;
    unsigned status;
    return rest_ask(call, "GET", target, NULL, &answer, &status, e) && person_put(data, name, answer, e);
}

bool person_redirect(struct rest_call *call, const char *path, const char *told, struct error *e)
{
    char target[TARGET_BYTES_MAX];
    int size = snprintf(target, sizeof target, "%s%stold=%s", path, strchr(path, '?') == NULL ? "?" : "&", told);
    return size > 0 && (size_t)size < sizeof target ? rest_redirect(call, bytes_of_text(target), e) : error_memory(e, "page");
}

const char *person_target(struct rest_call *call, const char *before, struct bytes segment, const char *after)
{
    struct buffer text;
    buffer_init(&text, TARGET_BYTES_MAX);
    buffer_append_text(&text, before);
    rest_append_query(&text, segment);
    buffer_append_text(&text, after);
    const char *kept = text.failed ? NULL : rest_text(call, buffer_bytes(&text));
    buffer_clear(&text);
    return kept;
}

static const char *told_of(const struct rest_call *call, char *room, size_t size)
{
    struct bytes told = rest_query(call, "told");
    for (size_t i = 0; i < COUNT_OF(told_words); i++) {
        if (bytes_equal(told, bytes_of_text(told_words[i]))) {
            (void)snprintf(room, size, "told.%s", told_words[i]);
            return room;
        }
    }
    return NULL;
}

/* Where the pause switch leads back to. */
static struct bytes back_of(const struct rest_call *call)
{
    struct bytes path = bytes_slice(call->request->target, 0, bytes_find(call->request->target, '?'));
    return bytes_equal(call->request->method, BYTES("GET")) && rest_is_local(path) ? path : BYTES("/consents");
}

static bool add_me(struct rest_call *call, json_t *data, json_t *person, struct error *e)
{
    char room[64];
    bool is_helper = (call->principal.roles & (1U << ROLE_HELPER)) != 0;
    struct bytes back = back_of(call);
    const char *told = told_of(call, room, sizeof room);
    json_t *me = json_pack("{s:O, s:b, s:b, s:b, s:O, s:O, s:O, s:O, s:s%}", "person", json_object_get(person, "person"), "is_ward",
                           call->asking_guardianship.size > 0, "is_helper", is_helper, "can_decide", !is_helper, "paused",
                           json_object_get(person, "paused"), "restricted", json_object_get(person, "restricted"), "died",
                           json_object_get(person, "died"), "guarded", json_object_get(person, "guarded"), "back", (const char *)back.data,
                           back.size);
    return person_put(data, "me", me, e) && (told == NULL || person_put(data, "told", json_string(told), e));
}

bool person_begin(struct rest_call *call, json_t **data, struct error *e)
{
    json_t *person = NULL;
    unsigned status;
    *data = NULL;
    if ((call->principal.roles & ROLES_OF_PERSONS) == 0) {
        return rest_refuse(call, e, 403, "auth.role", "page", NULL, "this page is for persons; staff has pages of its own");
    }
    person_choose(call);
    if (!rest_ask(call, "GET", "/v1/person", NULL, &person, &status, e)) {
        const struct session *session = session_of(call);
        bool is_chosen = call->asking_guardianship.size > 0 && (session == NULL || session->guardianship.size == 0);
        if (status != 403 || !is_chosen) {
            return false;
        }
        /* It has ended since it was chosen: nobody is left standing before a closed door. */
        *e = (struct error){ .kind = ERROR_NONE };
        call->status = 0;
        call->reason = NULL;
        return rest_set_cookie(call, WARD_COOKIE, BYTES(""), 0, e) && person_redirect(call, "/people", "ended", e);
    }
    *data = json_object();
    bool ok = *data != NULL ? add_me(call, *data, person, e) : error_memory(e, "page");
    json_decref(person);
    if (!ok) {
        json_decref(*data);
        *data = NULL;
    }
    return ok;
}

/* ---- Views ---- */

/* Part `wanted` (from 0) of an identifier, decoded; all of it where it has none. */
static json_t *part_of(const char *identifier, unsigned wanted)
{
    struct bytes rest = bytes_of_text(identifier), part = BYTES_NONE;
    uint8_t plain[512];
    size_t size = 0;
    for (unsigned i = 0; i <= wanted; i++) {
        if (!bytes_split(&rest, '/', &part)) {
            return json_string(identifier);
        }
    }
    bool ok = part.size < sizeof plain && percent_decode(part, plain, &size) && bytes_are_utf8(bytes_of(plain, size));
    return ok ? json_stringn((const char *)plain, size) : json_string(identifier);
}

json_t *view_member(const json_t *name, const char *identifier)
{
    return json_is_string(name) ? json_string(json_string_value(name)) : part_of(identifier == NULL ? "" : identifier, 2);
}

json_t *view_community(const char *identifier)
{
    return part_of(identifier == NULL ? "" : identifier, 0);
}

const char *view_key(const struct catalogue *texts, const char *prefix, const char *word, char *room, size_t size)
{
    (void)snprintf(room, size, "%s.%s", prefix, word == NULL ? "" : word);
    if (word == NULL || catalogue_text(texts, bytes_of_text(room), -1).data == NULL) {
        (void)snprintf(room, size, "%s.other", prefix);
    }
    return room;
}

json_t *view_text(const json_t *texts, const char *language)
{
    const char *found = language;
    const json_t *text = json_object_get(texts, language);
    if (text == NULL) {
        found = "en";
        text = json_object_get(texts, found);
    }
    if (text == NULL && json_object_size(texts) > 0) {
        void *first = json_object_iter((json_t *)(uintptr_t)texts);
        found = json_object_iter_key(first);
        text = json_object_iter_value(first);
    }
    return json_is_string(text) ? json_pack("{s:s, s:s}", "text", json_string_value(text), "language", found) : NULL;
}

/* ---- The pause switch, and for whom one acts ---- */

static bool post(struct rest_call *call, const char *target, struct error *e)
{
    json_t *answer = NULL, *body = json_object();
    unsigned status;
    person_choose(call);
    bool ok = body != NULL ? rest_ask(call, "POST", target, body, &answer, &status, e) : error_memory(e, "page");
    json_decref(answer);
    json_decref(body);
    return ok;
}

static const char *next_of(struct rest_call *call)
{
    struct bytes next = rest_form(call, "next");
    return rest_is_local(next) ? rest_text(call, next) : "/consents";
}

bool page_person_pause(struct rest_call *call, struct error *e)
{
    const char *next = next_of(call);
    return next != NULL ? post(call, "/v1/person/pause", e) && person_redirect(call, next, "paused", e) : error_memory(e, "page");
}

bool page_person_resume(struct rest_call *call, struct error *e)
{
    const char *next = next_of(call);
    return next != NULL ? post(call, "/v1/person/resume", e) && person_redirect(call, next, "resumed", e) : error_memory(e, "page");
}

/* Both lists are asked for as oneself: whom a ward answers for is not the guardian's business. */
bool page_people(struct rest_call *call, struct error *e)
{
    json_t *data = NULL;
    size_t i;
    json_t *row;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    struct bytes acting = call->asking_guardianship;
    const struct session *session = session_of(call);
    if (session == NULL || session->guardianship.size == 0) {
        call->asking_guardianship = BYTES_NONE;
    }
    if (!person_ask_into(call, data, "people", "/v1/guardianships", e)) {
        json_decref(data);
        return false;
    }
    json_array_foreach(json_object_get(json_object_get(data, "people"), "answersFor"), i, row)
    {
        bool is_here = bytes_equal(rest_json_bytes(json_object_get(row, "id")), acting);
        if (!person_put(row, "is_here", json_boolean(is_here), e)) {
            json_decref(data);
            return false;
        }
    }
    const json_t *people = json_object_get(data, "people");
    if (!person_put(data, "has_wards", json_boolean(json_array_size(json_object_get(people, "answersFor")) > 0), e) ||
        !person_put(data, "has_guardians", json_boolean(json_array_size(json_object_get(people, "answeredBy")) > 0), e)) {
        json_decref(data);
        return false;
    }
    return page_render(call, "people", data, e);
}

/* The API says whether one may; the cookie only remembers whom one chose. */
bool page_people_act(struct rest_call *call, struct error *e)
{
    json_t *person = NULL;
    unsigned status;
    struct bytes id = rest_form(call, "guardianship");
    call->asking_guardianship = id;
    if (id.size == 0) {
        return rest_refuse(call, e, 400, "request.malformed", "field guardianship", NULL, "must be there");
    }
    bool ok = rest_ask(call, "GET", "/v1/person", NULL, &person, &status, e);
    json_decref(person);
    return ok && rest_set_cookie(call, WARD_COOKIE, id, -1, e) && person_redirect(call, "/uses", "acting", e);
}

bool page_people_own(struct rest_call *call, struct error *e)
{
    return rest_set_cookie(call, WARD_COOKIE, BYTES(""), 0, e) && person_redirect(call, "/people", "own", e);
}
