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

/* Ends the call's session, here and now; `*provider_url` (the call's) is where the provider ends its own, or NULL. Without a session: nothing. */
must_check bool login_out(struct rest_call *call, const char **provider_url, struct error *e);

/* The providers where one can sign in, in api.yaml's order. Until one is set up there is none, and codes alone let in. */
size_t login_provider_count(const struct rest_call *call);
struct bytes login_provider_name(const struct rest_call *call, size_t index);

void login_metrics_register(void);

#endif
