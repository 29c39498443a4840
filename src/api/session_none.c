/* Until people can sign in with a browser there is no session, and no form is anybody's. */
#include "api/rest_call.h"
#include "api/session.h"

bool session_check_csrf(struct rest_call *call, struct bytes token, struct error *e)
{
    (void)token;
    return rest_refuse(call, e, 403, "auth.csrf", "form", "sign in", "nobody is signed in");
}

struct bytes session_csrf(struct rest_call *call)
{
    (void)call;
    return BYTES_NONE;
}
