/*
 * Pages for people on the REST API's listener: a second table of routes, made elsewhere (portal), whose handlers make documents instead of JSON.
 * Pages have the API's table of rights and its queries, and of their own: forms, cookies, redirections, refusals that are pages, and a strict
 * Content-Security-Policy (docs/pages.md). They are no part of the OpenAPI document.
 */
#ifndef COMITY_API_REST_PAGE_H
#define COMITY_API_REST_PAGE_H

#include "api/rest_call.h"
#include "base/buffer.h"

enum { COOKIE_BYTES_MAX = 4096, LOCATION_BYTES_MAX = 2048 };

/* Copied nowhere: outlives the API. */
struct rest_pages {
    const struct rest_route *routes;
    size_t count;
    /* Run for a path that no table has, or a method that the page hasn't (match.methods says which it has), when the client accepts text/html. */
    const struct rest_route *absent;
    /* Where a person without a session is led, "/sign-in"; `?next=` is added. NULL: refused by a page. */
    const char *sign_in;
    /* Makes the page that says so into call->raw, with its media type, on the pool. False: a problem goes out instead. */
    bool (*refuse)(struct rest_call *call, unsigned status, const char *reason, const struct error *cause);
    /* The same for what never became a call: too large, malformed; on the loop. Appended to `out`, in English. May be NULL. */
    bool (*fault)(void *context, unsigned status, const char *detail, struct buffer *out);
    void *context;
};

/* ---- For handlers of pages ---- */

/* The first field of this name; empty: not there. Values are well-formed UTF-8 without NUL. */
struct bytes rest_form(const struct rest_call *call, const char *name);
/* Each of those that may be there more than once: `*at` begins with 0. False: no more. */
bool rest_form_next(const struct rest_call *call, const char *name, size_t *at, struct bytes *value);
/* A cookie of the request; empty: not there. The last one, if it is there twice, is not looked at: BYTES_NONE. */
struct bytes rest_cookie(const struct rest_call *call, const char *name);
/*
 * Set-Cookie with Path=/, HttpOnly, SameSite=Lax, and Secure over TLS. `value` of cookie-octets (RFC 6265 4.1.1); max_age_s 0 takes the cookie
 * away, -1 leaves it to the end of the browser's session. False: memory, or COOKIES_SET_MAX are set.
 */
must_check bool rest_set_cookie(struct rest_call *call, const char *name, struct bytes value, int64_t max_age_s, struct error *e);
/* 303 See Other: what a form leads to. `target` is copied; one that is not of this place (rest_is_local()) becomes "/". */
must_check bool rest_redirect(struct rest_call *call, struct bytes target, struct error *e);
/* A path of this place, with a query perhaps: no host, no scheme, nothing that a browser would read as one. Pure. */
bool rest_is_local(struct bytes target);
/* Percent-encoded so that it is one value of a query, or one segment of a path if it has no '/'. */
void rest_append_query(struct buffer *out, struct bytes value);

#endif
