/* What a command asks of the running gateway, over its control socket. */
#ifndef COMITY_CLI_CONTROL_CLIENT_H
#define COMITY_CLI_CONTROL_CLIENT_H

#include <jansson.h>

#include "gateway/config.h"

enum control_outcome {
    CONTROL_DONE = 0,
    CONTROL_NOT_RUNNING, /* no gateway listens there: the command may do it itself */
    CONTROL_FAILED,      /* `e` says why: ERROR_DENIED and ERROR_ABSENT are answers, the rest is trouble */
};

/* `body` may be NULL. `*answer` (may be NULL if not wanted) is the caller's on CONTROL_DONE, else NULL. Waits. */
enum control_outcome control_call(const struct gateway_config *config, const char *method, const char *target, const json_t *body,
                                  json_t **answer, struct error *e);

#endif
