/* Plain HTTP, as an application speaks it to its gateway. */
#ifndef COMITY_DEMO_ASK_H
#define COMITY_DEMO_ASK_H

#include <jansson.h>

#include "base/buffer.h"
#include "net/client.h"

/* An answer, read: the caller clears it. */
struct reply {
    unsigned status;
    json_t *body;      /* NULL if it was no JSON */
    char reason[128];  /* Comity-Reason; "" if permitted */
    char error[256];   /* X-Road-Error; "" if there was none */
    char exchange[64]; /* x-road-request-id */
    char released[1024], withheld[2048];
};
/* GET `path` at 127.0.0.1:`port` as `client` for the purpose of the demo. */
must_check bool ask(unsigned port, const char *path, const char *client, struct reply *out, struct error *e);
/* The same with more fields. */
must_check bool ask_with(unsigned port, const char *path, const char *client, const struct field *more, size_t count, struct reply *out,
                         struct error *e);
/* The compact text of `json` (NULL: nothing) into `out`, with a NUL that is not counted. */
void json_text(const json_t *json, struct buffer *out);
void reply_clear(struct reply *reply);
/* Asks again and again until the status is `wanted`. `log_path` is named in the error. */
must_check bool ask_until_there(unsigned port, const char *path, unsigned wanted, int timeout_ms, const char *log_path, struct error *e);

#endif
