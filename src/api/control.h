/*
 * The control socket, on the main loop: how commands speak to the running gateway. HTTP/1.1 with JSON over a unix socket of mode 0600, so
 * whoever may open it is the gateway's own user. What blocks runs on libuv's thread pool.
 *
 *   POST /v1/consents                    decide: give or refuse        GET  /v1/consents        all of them
 *   POST /v1/consents/list               of a person, or one by id     POST /v1/uses            a person's uses
 *   POST /v1/consents/withdraw-all       all of a person               POST /v1/reload          directory, policy, TLS keys
 *   POST /v1/notices                     publish a revision
 *   POST /v1/consents/{id}/withdraw      one, or one category of it    GET  /v1/status
 *
 * Bodies and answers: api/operation.h. A person's identifier is in a body, never in a URL. Errors are problem+json with a reason.
 */
#ifndef COMITY_API_CONTROL_H
#define COMITY_API_CONTROL_H

#include <uv.h>

#include "api/operation.h"

struct control_status {
    const char *origin;
    bool is_ready;
    struct error why; /* if not */
    uint64_t log_entries;
    int64_t started_at_ms;
};

struct control;
/* What the gateway lends: all of it must outlive the control, until `done` of control_stop(). Copied. */
struct control_options {
    const char *path; /* of the socket */
    struct operation_context operations;
    /* On the loop. */
    bool (*reload)(void *context, struct error *e);
    void (*status)(void *context, struct control_status *out);
    void *context;
};
/* Replaces a stale socket. Errors: ERROR_IO. On failure *out is NULL. */
must_check bool control_start(struct control **out, uv_loop_t *loop, const struct control_options *options, struct error *e);
/* Waits for what is under way; frees itself once nothing of it is on the loop; then `done` (may be NULL). */
void control_stop(struct control *control, void (*done)(void *context), void *context);

#endif
