/*
 * Signing in and out with a browser. What is done is here; the pages around it are the portal's. Each blocks, on the pool, for a call of a page whose
 * route has ROUTE_SIGN_IN. Every sign-in of staff or for a person is an event in the log (access/1) before the session is there; the person sees it.
 */
#ifndef COMITY_API_LOGIN_H
#define COMITY_API_LOGIN_H

#include "api/rest_call.h"

/*
 * By a code on paper as it was typed. Refusals: 403 login.code (none such, used, over, mistyped: which of them is not told), 429 login.wait (too many
 * tries; how long to wait in *wait_s), 403 auth.guardian (the guardianship is over).
 */
must_check bool login_with_code(struct rest_call *call, struct bytes typed, int64_t *wait_s, struct error *e);

/*
 * Leads to the provider of this name (a redirection), with a cookie that lives for LOGIN_TIME_MAX_S and binds the answer to this browser. `next` is where it
 * ends. Refusals: 404 (no such provider), 503 auth.unavailable (it is down).
 */
enum { LOGIN_TIME_MAX_S = 600 };
must_check bool login_start(struct rest_call *call, struct bytes name, struct bytes next, struct error *e);
/*
 * Where the provider sends the browser back to. True: signed in, `*next` says where to go on. Refusals: 400 login.state (begun elsewhere, too long ago, or
 * shown twice), 403 login.refused (the provider said no, or what it said is not good), 403 auth.role, 503 auth.unavailable.
 */
must_check bool login_finish(struct rest_call *call, struct bytes *next, struct error *e);
/* OpenID Connect Back-Channel Logout 1.0: ends the sessions that the logout token names. Refusals: 400 login.logout; 503 auth.unavailable. */
must_check bool login_end_by_provider(struct rest_call *call, struct bytes logout_token, struct error *e);

/* Ends the call's session, here and now; `*provider_url` (the call's) is where the provider ends its own, or NULL. Without a session: nothing. */
must_check bool login_out(struct rest_call *call, const char **provider_url, struct error *e);

/* The providers where one can sign in, in api.yaml's order. Until one is set up there is none, and codes alone let in. */
size_t login_provider_count(const struct rest_call *call);
struct bytes login_provider_name(const struct rest_call *call, size_t index);

void login_metrics_register(void);

#endif
