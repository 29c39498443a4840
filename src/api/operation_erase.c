#include "api/objects_internal.h"
#include "api/operation.h"
#include "api/paper_code.h"
#include "api/session.h"

enum { PERSON_BYTES_MAX = 512 };

static bool read_request(const json_t *request, struct bytes *person, bool *is_dry, struct error *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)request, key, value)
    {
        if (strcmp(key, "person") != 0 && strcmp(key, "dry_run") != 0) {
            return error_set(e, ERROR_INPUT, "request", NULL, "unknown key '%.40s'", key);
        }
    }
    const json_t *given = json_object_get(request, "person"), *dry = json_object_get(request, "dry_run");
    *person = bytes_of(json_string_value(given), json_is_string(given) ? json_string_length(given) : 0);
    if (person->size == 0 || person->size > PERSON_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, "person", NULL, "must be a text of 1 to %d bytes", PERSON_BYTES_MAX);
    }
    *is_dry = json_is_true(dry);
    return dry == NULL || json_is_boolean(dry) || error_set(e, ERROR_INPUT, "dry_run", NULL, "must be true or false");
}

static json_t *json_of_erasure(const struct erasure *erasure, bool is_dry)
{
    json_t *answer = json_pack("{s:[], s:o, s:o}", "entries", "event",
                               is_dry || erasure->count == 0 ? json_null() : json_integer((json_int_t)erasure->event), "records",
                               is_dry ? json_null() : json_integer((json_int_t)erasure->records));
    json_t *entries = json_object_get(answer, "entries");
    for (size_t i = 0; answer != NULL && i < erasure->count; i++) {
        if (json_array_append_new(entries, json_integer((json_int_t)erasure->entries[i])) != 0) {
            json_decref(answer);
            return NULL;
        }
    }
    return answer;
}

/* What lies beside log and consents: requests that are closed, and what recipients owe. */
static bool forget_rights(const struct operation_context *context, struct bytes person, struct error *e)
{
    char alias[CONSENT_ALIAS_SIZE];
    if (context->rights == NULL) {
        return true;
    }
    return consents_alias(context->consents, person, alias, e) && rights_forget(context->rights, person, bytes_of_text(alias), e);
}

/* What the REST API keeps: GovStack's objects, answers that wait for a repeated Idempotency-Key, sessions and codes. */
static bool forget_objects(const struct operation_context *context, struct bytes person, struct error *e)
{
    if (context->store == NULL) {
        return true;
    }
    if (!store_begin(context->store, e)) {
        return false;
    }
    if (!objects_forget_person(context->store, person, e) || !session_forget_person(context->store, person, e) ||
        !paper_code_forget_person(context->store, person, e)) {
        store_rollback(context->store);
        return false;
    }
    return store_commit(context->store, e);
}

bool operation_erase(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e)
{
    struct bytes person;
    bool is_dry = false;
    struct erasure erasure;
    *answer = NULL;
    if (!read_request(request, &person, &is_dry, e) ||
        !erasure_run(context->log, context->consents, context->uses, person, is_dry, &erasure, e)) {
        return false;
    }
    if (!is_dry && (!forget_rights(context, person, e) || !forget_objects(context, person, e))) {
        erasure_clear(&erasure);
        return false;
    }
    *answer = json_of_erasure(&erasure, is_dry);
    erasure_clear(&erasure);
    return *answer != NULL || error_memory(e, "erasure");
}
