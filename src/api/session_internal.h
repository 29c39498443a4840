/* Sessions as the API's own files use them: cookies, and becoming who is signed in. */
#ifndef COMITY_API_SESSION_INTERNAL_H
#define COMITY_API_SESSION_INTERNAL_H

#include "api/rest_call.h"
#include "api/session.h"

/* Do browsers reach this place by TLS: its own, or a proxy's in front (public_url)? */
bool session_is_secure(const struct rest_call *call);
const char *session_cookie_name(const struct rest_call *call);
must_check bool session_set_cookie(struct rest_call *call, const char *cookie, struct error *e);
must_check bool session_clear_cookie(struct rest_call *call, struct error *e);
/* Makes whoever shows a good cookie the call's principal; `*is_found` says whether. One that is over is taken away, and no error. */
must_check bool session_authenticate(struct rest_call *call, bool *is_found, struct error *e);
/* What stands for this browser while nobody is signed in: a secret that only it has. Empty: none yet. */
struct bytes session_visit(struct rest_call *call);
/* 403 auth.csrf: another place has made the request. */
must_check bool session_check_site(struct rest_call *call, struct error *e);

#endif
