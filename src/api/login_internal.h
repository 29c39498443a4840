/* What the ways of signing in share. */
#ifndef COMITY_API_LOGIN_INTERNAL_H
#define COMITY_API_LOGIN_INTERNAL_H

#include "api/api_config.h"
#include "api/login.h"
#include "api/session.h"

enum login_result { LOGIN_DONE = 0, LOGIN_REFUSED, LOGIN_LIMITED, LOGIN_TROUBLE };
void login_count(bool is_code, enum login_result result);

/*
 * Logs it, opens the session, sets its cookie; a session that was there before ends (its id is never taken over). `subject` is whom the session is for:
 * the person, or a guardian's ward; empty for staff.
 */
must_check bool login_enter(struct rest_call *call, struct session *session, struct bytes subject, struct error *e);
/* Where the provider of this session ends its own; the call's. NULL: it is none of a provider, or the provider has no such place or is down. */
const char *login_end_url(struct rest_call *call, const struct session *session);
/* NULL: there are not so many. */
const struct api_issuer *login_provider(const struct rest_call *call, size_t index);
/* The guardian's ward, in the call's subject. 403 auth.guardian. */
must_check bool login_find_ward(struct rest_call *call, struct bytes guardian, struct bytes guardianship, struct error *e);

#endif
