/* Signing in and out, and where one is signed in. */
#include "api/login.h"
#include "api/rest_ask.h"
#include "api/session.h"
#include "interchange/json_make.h"
#include "portal/page_handlers_internal.h"

/* ---- In ---- */

static json_t *providers_of(const struct rest_call *call, struct bytes next)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < login_provider_count(call); i++) {
        json_t *row = json_pack("{s:o, s:o}", "name", json_from_bytes(login_provider_name(call, i)), "next", json_from_bytes(next));
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* Only ways of our own: whoever sends somebody a link to sign in must not choose where it ends. */
static struct bytes next_of(const struct rest_call *call, struct bytes given)
{
    (void)call;
    return rest_is_local(given) ? given : BYTES("/");
}

/* `problem` is the name of a text below "sign_in.", or NULL. */
static bool render(struct rest_call *call, struct bytes next, const char *problem, int64_t wait_s, struct error *e)
{
    json_t *providers = providers_of(call, next);
    bool has_providers = json_array_size(providers) > 0;
    json_t *data = json_pack("{s:b, s:o, s:b, s:o, s:b, s:b, s:I}", "has_form", 1, "providers", providers, "has_providers", has_providers,
                             "next", json_from_bytes(next), "is_wrong", problem != NULL && wait_s == 0, "is_to_wait", wait_s > 0, "seconds",
                             (json_int_t)wait_s);
    if (data != NULL && problem != NULL && json_object_set_new(data, "problem", json_string(problem)) != 0) {
        json_decref(data);
        data = NULL;
    }
    return page_render(call, "sign_in", data, e);
}

bool page_sign_in(struct rest_call *call, struct error *e)
{
    return render(call, next_of(call, rest_query(call, "next")), NULL, 0, e);
}

/* A plain cookie that says for which ward one looks (page_people.c): it is nobody else's. */
static bool forget_ward(struct rest_call *call, struct error *e)
{
    return rest_cookie(call, "ward").size == 0 || rest_set_cookie(call, "ward", BYTES(""), 0, e);
}

bool page_sign_in_code(struct rest_call *call, struct error *e)
{
    int64_t wait_s = 0;
    struct error cause = { 0 };
    struct bytes next = next_of(call, rest_form(call, "next"));
    if (login_with_code(call, rest_form(call, "code"), &wait_s, &cause)) {
        return forget_ward(call, e) && rest_redirect(call, next, e);
    }
    if (call->status != 403 && call->status != 429) {
        *e = cause;
        return false;
    }
    if (call->reason != NULL && strcmp(call->reason, "auth.guardian") == 0) {
        *e = cause;
        return false;
    }
    return render(call, next, wait_s > 0 ? "wait" : "wrong", wait_s, e); /* with the status that it has */
}

/* ---- Out ---- */

bool page_sign_out(struct rest_call *call, struct error *e)
{
    const char *provider_url = NULL;
    struct bytes provider = session_is_open(call) ? session_of(call)->method : BYTES_NONE;
    if (!login_out(call, &provider_url, e) || !forget_ward(call, e)) {
        return false;
    }
    if (provider_url == NULL) {
        return rest_redirect(call, BYTES("/signed-out"), e);
    }
    /* A form that leads to another place is stopped by browsers (form-action 'self'), and rightly: so it is a link, and the person's own step. */
    return page_render(call, "signed_out", json_pack("{s:s, s:o}", "provider_url", provider_url, "provider", json_from_bytes(provider)), e);
}

bool page_signed_out(struct rest_call *call, struct error *e)
{
    return page_render(call, "signed_out", json_object(), e);
}

/* ---- Where one is signed in ---- */

bool page_sessions(struct rest_call *call, struct error *e)
{
    json_t *answer = NULL, *row;
    unsigned status;
    size_t i;
    if (!rest_ask(call, "GET", "/v1/sessions", NULL, &answer, &status, e)) {
        return false;
    }
    json_array_foreach(json_object_get(answer, "sessions"), i, row)
    {
        bool is_code = strcmp(json_string_value(json_object_get(row, "method")), "code") == 0;
        if (json_object_set_new(row, "is_code", json_boolean(is_code)) != 0) {
            json_decref(answer);
            return error_memory(e, "page");
        }
    }
    return page_render(call, "sessions", answer, e);
}

bool page_sessions_end(struct rest_call *call, struct error *e)
{
    struct bytes id = rest_form(call, "id");
    bool is_this = session_is_open(call) && bytes_equal(id, bytes_of_text(session_of(call)->name));
    json_t *answer = NULL;
    unsigned status;
    struct error cause = { 0 };
    struct buffer target;
    if (is_this || !session_is_open(call)) {
        return page_sign_out(call, e);
    }
    if (id.size == 0) {
        bool ok = rest_ask(call, "DELETE", "/v1/sessions", NULL, &answer, &status, e);
        json_decref(answer);
        return ok && page_sign_out(call, e);
    }
    buffer_init(&target, LOCATION_BYTES_MAX);
    buffer_append_text(&target, "/v1/sessions/");
    rest_append_query(&target, id);
    buffer_append_u8(&target, '\0');
    bool ok = target.failed ? error_memory(e, "page") : rest_ask(call, "DELETE", (const char *)target.data, NULL, &answer, &status, &cause);
    json_decref(answer);
    buffer_clear(&target);
    if (!ok && !(cause.kind == ERROR_ABSENT)) { /* it is over already: a second click, another tab */
        *e = cause.kind == ERROR_NONE ? *e : cause;
        return false;
    }
    return rest_redirect(call, BYTES("/sessions"), e);
}

/* ---- At a provider ---- */

bool page_sign_in_provider(struct rest_call *call, struct error *e)
{
    return login_start(call, rest_query(call, "name"), next_of(call, rest_query(call, "next")), e);
}

bool page_sign_in_callback(struct rest_call *call, struct error *e)
{
    struct bytes next = BYTES("/");
    struct error cause = { 0 };
    if (login_finish(call, &next, &cause)) {
        return forget_ward(call, e) && rest_redirect(call, next, e);
    }
    bool is_no = call->reason != NULL && (strcmp(call->reason, "login.state") == 0 || strcmp(call->reason, "login.refused") == 0);
    if (!is_no) {
        *e = cause;
        return false;
    }
    return page_render(call, "sign_in_refused", json_pack("{s:s, s:s}", "title", "title.sign_in", "detail", cause.what), e);
}

/* From the provider's server, not from a browser: a status is all that it looks at. */
bool page_sign_out_provider(struct rest_call *call, struct error *e)
{
    return login_end_by_provider(call, rest_form(call, "logout_token"), e);
}
