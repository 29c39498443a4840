/* Who is calling: the application, and the subsystem that it says it speaks for. */
#ifndef COMITY_GATEWAY_IDENTIFY_INTERNAL_H
#define COMITY_GATEWAY_IDENTIFY_INTERNAL_H

#include "gateway/exchange_internal.h"

/* Parses X-Road-Client (the last one counts) into x->client and x->client_text. */
enum verdict identify_client(struct exchange *x);
/* Did the caller prove that it speaks for x->client: by its listener, a client certificate, or a bearer token? */
enum verdict authenticate_client(struct exchange *x);
/* Is this field a bearer token that was meant for us, and so is not passed on? */
bool is_own_token(const struct exchange *x, const struct field *field);

#endif
