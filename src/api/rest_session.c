/* /v1: one's own sessions, and codes on paper. */
#include "api/operation_code.h"
#include "api/rest_handlers_internal.h"
#include "api/session_internal.h"
#include "interchange/json_make.h"

/* ---- Sessions ---- */

static json_t *roles_of(const struct session *session)
{
    json_t *list = json_array();
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        if ((session->roles & (1U << role)) != 0 && !json_list_add(list, json_string(role_name((enum role)role)))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void write_session(struct json_maker *m, const struct rest_call *call, const struct session *session)
{
    json_make_text(m, "id", session->name);
    json_make_value(m, "roles", roles_of(session));
    json_make_bytes(m, "method", session->method);
    json_make_time(m, "createdAt", session->created_at_ms);
    json_make_time(m, "seenAt", session->seen_at_ms);
    json_make_time(m, "idleUntil", session->idle_until_ms);
    json_make_time(m, "until", session->until_ms);
    json_make_bool(m, "isThis", call->session != NULL && strcmp(call->session->name, session->name) == 0);
}

bool handle_session_read(struct rest_call *call, struct error *e)
{
    if (call->session == NULL) {
        return rest_absent(call, e);
    }
    struct json_maker m = json_make();
    write_session(&m, call, call->session);
    json_make_bytes(&m, "csrf", session_csrf(call));
    call->answer = json_made(&m);
    return call->answer != NULL || error_memory(e, "answer");
}

struct listing {
    struct rest_call *call;
    json_t *rows;
    bool failed;
};

static bool add_row(void *context, const struct session *session)
{
    struct listing *listing = context;
    struct json_maker m = json_make();
    write_session(&m, listing->call, session);
    listing->failed = !json_list_add(listing->rows, json_made(&m));
    return !listing->failed;
}

bool handle_session_list(struct rest_call *call, struct error *e)
{
    struct listing listing = { .call = call };
    call->answer = json_pack("{s:[]}", "sessions");
    listing.rows = json_object_get(call->answer, "sessions");
    return (call->answer != NULL || error_memory(e, "answer")) &&
           session_list(call->rest->options.store, call->principal.digest, call->now_ms, add_row, &listing, e) &&
           (!listing.failed || error_memory(e, "answer"));
}

static bool end_own_cookie(struct rest_call *call, struct error *e)
{
    return call->session == NULL || call->is_asked || session_clear_cookie(call, e);
}

bool handle_session_end(struct rest_call *call, struct error *e)
{
    struct bytes name = call->match.parameters[0];
    if (!session_end_named(call->rest->options.store, call->principal.digest, name, e)) {
        return e->kind == ERROR_ABSENT ? rest_absent(call, e) : false;
    }
    bool is_this = call->session != NULL && bytes_equal(name, bytes_of_text(call->session->name));
    return !is_this || end_own_cookie(call, e);
}

bool handle_session_end_all(struct rest_call *call, struct error *e)
{
    int64_t count = 0;
    if (!session_end_all(call->rest->options.store, call->principal.digest, &count, e) || !end_own_cookie(call, e)) {
        return false;
    }
    call->answer = json_pack("{s:I}", "ended", (json_int_t)count);
    return call->answer != NULL || error_memory(e, "answer");
}

/* ---- Codes ---- */

/* At a counter: for a person who stands there, who answers for one, or who helps one. Codes of staff are issued by whoever has the gateway's folder. */
bool handle_code_issue(struct rest_call *call, struct error *e)
{
    struct error cause = { 0 };
    int64_t age_ms = call->settings->config->code_age_ms;
    json_t *request = json_deep_copy(call->body);
    bool ok = request != NULL && json_object_set_new(request, "age_ms", json_integer(age_ms)) == 0 &&
              json_object_set_new(request, "person", json_from_bytes(call->subject)) == 0 &&
              json_object_set_new(request, "by", json_from_bytes(call->principal.name)) == 0;
    if (!ok) {
        json_decref(request);
        return error_memory(e, "code");
    }
    ok = operation_code_issue(&call->rest->options.operations, request, &call->answer, &cause);
    json_decref(request);
    rest_idempotency_abandon(call); /* the answer must not lie in the database for a day */
    if (!ok && cause.kind == ERROR_DENIED) {
        return rest_refuse(call, e, 409, "consent.guardian", cause.where, cause.todo, "%s", cause.what);
    }
    if (!ok) {
        *e = cause;
        return false;
    }
    call->is_subject_told = true; /* the code's own event says it */
    return true;
}
