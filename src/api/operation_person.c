/* What is known of persons, and who answers for them. */
#include <stdio.h>

#include "api/operation_internal.h"
#include "base/time.h"
#include "consent/persons.h"

static bool answer_with(bool ok, const struct consent_receipt *receipt, json_t **answer, struct error *e)
{
    if (ok) {
        *answer = operation_receipt(receipt);
    }
    return ok && (*answer != NULL || error_memory(e, "person"));
}

/* ---- Looking ---- */

static json_t *born_json(const struct consent_person *person)
{
    char text[16];
    int year;
    unsigned month, day;
    if (!person->has_born) {
        return json_null();
    }
    period_date_of(person->born_day, &year, &month, &day);
    (void)snprintf(text, sizeof text, "%04d-%02u-%02u", year, month, day);
    return json_string(text);
}

struct telling {
    json_t *list;
    int64_t now_ms;
    bool has_failed;
};

static bool tell(void *context, const struct representative *r)
{
    struct telling *telling = context;
    json_t *row = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "id", operation_text(r->id), "role", consent_role_name(r->role),
                            "ref", operation_text(r->ref), "relation", operation_text(r->relation), "from", operation_time(r->from_ms),
                            "until", r->until_ms != INT64_MAX ? operation_time(r->until_ms) : json_null(), "ended",
                            r->ended_ms != 0 ? operation_time(r->ended_ms) : json_null(), "now", representative_is_now(r, telling->now_ms));
    telling->has_failed = row == NULL || json_array_append_new(telling->list, row) != 0;
    return !telling->has_failed;
}

bool operation_person(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person" };
    struct bytes name;
    struct consent_person person;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &name, e) ||
        !persons_find(context->consents, name, &person, e)) {
        return false;
    }
    json_t *made = json_pack("{s:o, s:b, s:b, s:b, s:[]}", "born", born_json(&person), "died", person.has_died, "paused", person.is_paused,
                             "restricted", person.is_restricted, "representatives");
    struct telling telling = { .list = json_object_get(made, "representatives"), .now_ms = time_now_ms(), .has_failed = made == NULL };
    bool ok = !telling.has_failed && representatives_list(context->consents, name, BYTES_NONE, tell, &telling, e);
    if (telling.has_failed) {
        ok = error_memory(e, "person");
    }
    if (!ok) {
        json_decref(made);
        return false;
    }
    *answer = made;
    return true;
}

/* ---- Facts ---- */

bool operation_person_born(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "born", OPERATION_ACT_KEYS };
    struct bytes person, text = BYTES_NONE;
    struct consent_act act;
    struct consent_receipt receipt;
    int64_t day = 0;
    const json_t *born = json_object_get(request, "born");
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &person, e) ||
        (!json_is_null(born) && !operation_get_text(request, "born", false, 16, &text, e)) ||
        !operation_get_act(request, CONSENT_ROLE_AUTHORITY, &act, e)) {
        return false;
    }
    if (text.size > 0 && (!period_parse_date(text, &day) || day < INT32_MIN || day > INT32_MAX)) {
        return error_set(e, ERROR_INPUT, "born", "write it as 1980-03-01", "is no date");
    }
    int32_t born_day = (int32_t)day;
    return answer_with(persons_set_born(context->consents, person, text.size > 0 ? &born_day : NULL, &act, &receipt, e), &receipt, answer,
                       e);
}

static bool read_event(const json_t *request, enum person_event *out, struct error *e)
{
    struct bytes word;
    if (!operation_get_text(request, "event", false, 16, &word, e)) {
        return false;
    }
    for (int i = PERSON_EVENT_DIED; i <= PERSON_EVENT_UNRESTRICT; i++) {
        if (bytes_equal(word, bytes_of_text(person_event_name((enum person_event)i)))) {
            *out = (enum person_event)i;
            return true;
        }
    }
    return error_set(e, ERROR_INPUT, "event", NULL, "must be died, alive, pause, resume, restrict or unrestrict");
}

bool operation_person_mark(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "event", OPERATION_ACT_KEYS };
    struct bytes person;
    enum person_event event;
    struct consent_act act;
    struct consent_receipt receipt;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &person, e) || !read_event(request, &event, e)) {
        return false;
    }
    bool is_official = event == PERSON_EVENT_DIED || event == PERSON_EVENT_ALIVE;
    return operation_get_act(request, is_official ? CONSENT_ROLE_AUTHORITY : CONSENT_ROLE_PERSON, &act, e) &&
           answer_with(persons_mark(context->consents, person, event, &act, &receipt, e), &receipt, answer, e);
}

/* ---- Representatives ---- */

bool operation_representative_add(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "person", "role", "ref",   "relation",        "relation_evidence",
                                        "proof",  "from", "until", OPERATION_ACT_KEYS };
    struct representative made = { .from_ms = time_now_ms(), .until_ms = INT64_MAX };
    struct bytes role;
    struct consent_act act;
    struct consent_receipt receipt;
    bool has_evidence = false, has_proof = false;
    *answer = NULL;
    if (!operation_check_keys(request, keys, COUNT_OF(keys), e) ||
        !operation_get_text(request, "person", false, OPERATION_PERSON_BYTES_MAX, &made.person, e) ||
        !operation_get_text(request, "role", false, 16, &role, e) || !operation_get_text(request, "ref", false, 128, &made.ref, e) ||
        !operation_get_text(request, "relation", false, 128, &made.relation, e) ||
        !operation_get_digest(request, "relation_evidence", &has_evidence, made.evidence, e) ||
        !operation_get_digest(request, "proof", &has_proof, made.proof, e) || !operation_get_time(request, "from", &made.from_ms, e) ||
        !operation_get_time(request, "until", &made.until_ms, e) || !operation_get_act(request, CONSENT_ROLE_AUTHORITY, &act, e)) {
        return false;
    }
    if (!consent_role_parse(role, &made.role)) {
        return error_set(e, ERROR_INPUT, "role", NULL, "must be guardian, delegate or relative");
    }
    return answer_with(representatives_add(context->consents, &made, &act, &receipt, e), &receipt, answer, e);
}

bool operation_representative_end(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    static const char *const keys[] = { "id", OPERATION_ACT_KEYS };
    struct bytes id;
    struct consent_act act;
    struct consent_receipt receipt;
    *answer = NULL;
    return operation_check_keys(request, keys, COUNT_OF(keys), e) && operation_get_text(request, "id", false, CONSENT_ID_SIZE, &id, e) &&
           operation_get_act(request, CONSENT_ROLE_AUTHORITY, &act, e) &&
           answer_with(representatives_end(context->consents, id, &act, &receipt, e), &receipt, answer, e);
}
