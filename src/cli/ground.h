/* What notices, policies and requests are judged by, read from a gateway's folder: its community's law as its policy tightens it, and the policy. */
#ifndef COMITY_CLI_GROUND_H
#define COMITY_CLI_GROUND_H

#include "api/operation_notice.h"
#include "gateway/config.h"

/* Where it is read from. Borrowed. */
struct ground_source {
    const struct gateway_config *config;
    struct store *store;
};
/* The profile that the community's directory names, untightened: see laws_load(). Reads the directory and the folder laws/. */
must_check bool ground_law(const struct gateway_config *config, struct law **out, struct error *e);
/* As struct operation_context asks for; `context` is a struct ground_source. Reads the directory, the store and the folder laws/. Blocks. */
must_check bool ground_take(void *context, struct operation_ground *out, struct error *e);

#endif
