/* Sessions in a request: the cookie, the CSRF token, where a request comes from. */
#include <stdio.h>

#include "api/rest_internal.h"
#include "api/session.h"
#include "api/session_internal.h"
#include "base/encode.h"
#include "base/random.h"

enum { VISIT_BYTES = 32, VISIT_TEXT = 2 * VISIT_BYTES };

/* ---- Cookies ---- */

bool session_is_secure(const struct rest_call *call)
{
    return call->settings->tls != NULL || bytes_start_with(call->settings->config->public_url, BYTES("https://"));
}

/* `__Host-`: no other host and no plain HTTP can have set it (RFC 6265bis 4.1.3.2); browsers take the prefix only with Secure. */
const char *session_cookie_name(const struct rest_call *call)
{
    return session_is_secure(call) ? "__Host-comity" : "comity";
}

static const char *visit_name(const struct rest_call *call)
{
    return session_is_secure(call) ? "__Host-comity-visit" : "comity-visit";
}

bool session_set_cookie(struct rest_call *call, const char *cookie, struct error *e)
{
    /* It goes when the browser is closed; how long it is good is said here and not there. */
    return rest_set_cookie(call, session_cookie_name(call), bytes_of_text(cookie), -1, e);
}

bool session_clear_cookie(struct rest_call *call, struct error *e)
{
    return rest_set_cookie(call, session_cookie_name(call), BYTES_NONE, 0, e);
}

/* ---- Who is signed in ---- */

static bool become(struct rest_call *call, const struct session *session, struct error *e)
{
    struct principal *principal = &call->principal;
    char hex[2 * SHA256_SIZE + 1];
    principal->roles = session->roles;
    principal->person = session->person;
    principal->member = session->member; /* empty: the provider named none, and then it is nobody's */
    principal->guardianship = session->guardianship;
    memcpy(principal->digest, session->owner, SHA256_SIZE);
    hex_write(bytes_of(session->owner, SHA256_SIZE), hex);
    principal->name = session->who.size > 0 ? session->who : arena_copy(&call->arena, bytes_of(hex, 16));
    call->session = session;
    return principal->name.data != NULL || error_memory(e, "session");
}

bool session_authenticate(struct rest_call *call, bool *is_found, struct error *e)
{
    char fresh[SESSION_COOKIE_SIZE];
    struct bytes cookie = rest_cookie(call, session_cookie_name(call));
    struct error cause = { 0 };
    *is_found = false;
    if (cookie.size == 0) {
        return true;
    }
    struct session *session = arena_take_zeroed(&call->arena, sizeof *session);
    if (session == NULL) {
        return error_memory(e, "session");
    }
    if (!session_find(call->rest->options.store, cookie, &call->settings->config->sessions, call->now_ms, &call->arena, session, fresh,
                      &cause)) {
        if (cause.kind != ERROR_ABSENT) {
            *e = cause;
            return false;
        }
        return session_clear_cookie(call, e); /* as if there were none */
    }
    *is_found = true;
    return become(call, session, e) && (fresh[0] == '\0' || session_set_cookie(call, fresh, e));
}

bool session_is_open(const struct rest_call *call)
{
    return call->session != NULL;
}

const struct session *session_of(const struct rest_call *call)
{
    return call->session;
}

/* ---- CSRF ---- */

static struct bytes field_of(const struct rest_call *call, struct bytes name)
{
    const struct field *field = fields_find(&call->request->fields, name);
    return field == NULL ? BYTES_NONE : field->value;
}

/*
 * Sec-Fetch-Site is the browser's own word and no script can change it (Fetch Metadata). "none" is the address bar: no page has sent that. Browsers
 * without it send Origin with what changes something.
 */
static bool is_from_here(const struct rest_call *call)
{
    struct bytes site = field_of(call, BYTES("Sec-Fetch-Site")), origin = field_of(call, BYTES("Origin"));
    struct bytes own = call->settings->config->public_url;
    if (fields_count(&call->request->fields, BYTES("Sec-Fetch-Site")) > 1 || fields_count(&call->request->fields, BYTES("Origin")) > 1) {
        return false;
    }
    if (site.size > 0 && !bytes_equal(site, BYTES("same-origin")) && !bytes_equal(site, BYTES("none"))) {
        return false;
    }
    /* A browser that hides where a form comes from writes "null" into Origin (Fetch, "append a request Origin header"); the site is told nevertheless. */
    bool is_hidden = bytes_equal(origin, BYTES("null")) && bytes_equal(site, BYTES("same-origin"));
    if (origin.size == 0 || is_hidden) {
        return true; /* the token speaks for it */
    }
    if (own.size > 0 && bytes_equal(origin, own)) {
        return true;
    }
    struct bytes host = bytes_start_with(origin, BYTES("https://"))  ? bytes_slice(origin, 8, origin.size)
                        : bytes_start_with(origin, BYTES("http://")) ? bytes_slice(origin, 7, origin.size)
                                                                     : BYTES_NONE;
    return own.size == 0 && host.size > 0 && bytes_equal_ignoring_case(host, call->request->authority);
}

bool session_check_site(struct rest_call *call, struct error *e)
{
    return is_from_here(call) || rest_refuse(call, e, 403, "auth.csrf", "request", "open the page again and send it from there",
                                             "was made by another place than this");
}

struct bytes session_visit(struct rest_call *call)
{
    struct bytes shown = call->visit.size > 0 ? call->visit : rest_cookie(call, visit_name(call));
    uint8_t raw[VISIT_BYTES];
    return shown.size == VISIT_TEXT && hex_parse(shown, raw, sizeof raw) ? shown : BYTES_NONE;
}

static void visit_secret(struct bytes visit, uint8_t out[SHA256_SIZE])
{
    const struct bytes parts[] = { BYTES("comity visit\n"), visit };
    sha256_parts(parts, COUNT_OF(parts), out);
}

/* Random, set as a cookie, and good for whoever shows it: a foreign page can neither read nor set it. */
static bool begin_visit(struct rest_call *call)
{
    uint8_t raw[VISIT_BYTES];
    char hex[VISIT_TEXT + 1];
    struct error ignored = { 0 };
    random_fill(raw, sizeof raw);
    hex_write(bytes_of(raw, sizeof raw), hex);
    call->visit = arena_copy(&call->arena, bytes_of_text(hex));
    return call->visit.data != NULL && rest_set_cookie(call, visit_name(call), call->visit, -1, &ignored);
}

/* The secret of the session, or of the visit before it. */
static bool find_secret(struct rest_call *call, uint8_t out[SHA256_SIZE])
{
    if (call->session != NULL) {
        memcpy(out, call->session->csrf, SHA256_SIZE);
        return true;
    }
    struct bytes visit = (call->route->flags & ROUTE_SIGN_IN) != 0 ? session_visit(call) : BYTES_NONE;
    if (visit.size > 0) {
        visit_secret(visit, out);
    }
    return visit.size > 0;
}

struct bytes session_csrf(struct rest_call *call)
{
    uint8_t secret[SHA256_SIZE];
    char token[SESSION_CSRF_SIZE];
    bool is_there = find_secret(call, secret);
    if (!is_there && (call->route->flags & ROUTE_SIGN_IN) != 0) {
        is_there = begin_visit(call) && find_secret(call, secret);
    }
    if (!is_there) {
        return BYTES_NONE;
    }
    session_csrf_make(secret, token);
    explicit_bzero(secret, sizeof secret);
    return arena_copy(&call->arena, bytes_of_text(token));
}

bool session_check_csrf(struct rest_call *call, struct bytes token, struct error *e)
{
    uint8_t secret[SHA256_SIZE];
    bool is_sign_in = (call->route->flags & ROUTE_SIGN_IN) != 0;
    if ((call->route->flags & ROUTE_PROVIDER) != 0) {
        return true;
    }
    if (call->session == NULL && !is_sign_in && !call->principal.is_anonymous) {
        /* No page sends a bearer token by itself; a browser sends a client's certificate with every page's form. */
        return fields_find(&call->request->fields, BYTES("Authorization")) != NULL || session_check_site(call, e);
    }
    if (!session_check_site(call, e)) {
        return false;
    }
    bool ok = find_secret(call, secret) && session_csrf_is_good(secret, token);
    explicit_bzero(secret, sizeof secret);
    return ok || rest_refuse(call, e, 403, "auth.csrf", call->pages != NULL ? "form" : "header Comity-CSRF",
                             "open the page again and send it from there", "was not made for you by this place, or too long ago");
}
