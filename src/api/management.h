/*
 * The management listener, on the main loop: GET /metrics (Prometheus text 0.0.4), /healthz (the process lives), /readyz (it takes
 * exchanges, or why not). Nothing here tells about a message or a person. Loopback by default: it asks nobody who he is.
 */
#ifndef COMITY_API_MANAGEMENT_H
#define COMITY_API_MANAGEMENT_H

#include <uv.h>

#include "base/error.h"

struct management;
struct management_options {
    const char *address;
    /* Ready? Fills `why` when not. On the loop; must not block. */
    bool (*is_ready)(void *context, struct error *why);
    void *context;
};
/* Errors: ERROR_IO when the address can't be had. On failure *out is NULL. */
must_check bool management_start(struct management **out, uv_loop_t *loop, const struct management_options *options, struct error *e);
uint16_t management_port(const struct management *management);
/* Frees itself once nothing of it is on the loop; then `done` (may be NULL). NULL is not allowed. */
void management_stop(struct management *management, void (*done)(void *context), void *context);

#endif
