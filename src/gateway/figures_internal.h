/* The figures of the console (gateway.h, gateway_figures()): what is kept between two of them. */
#ifndef COMITY_GATEWAY_FIGURES_INTERNAL_H
#define COMITY_GATEWAY_FIGURES_INTERNAL_H

#include <jansson.h>

#include "gateway/gateway_internal.h"

struct figures;
/* Costs two kilobytes until somebody looks. */
must_check bool figures_make(struct figures **out, struct error *e);
void figures_free(struct figures *figures); /* NULL is allowed */
/* Once a second, on the main loop: notes how many exchanges there were. Some ten nanoseconds. */
void figures_tick(struct gateway *gateway);

/* figures_peers.c: an array of the other gateways, those that need somebody first. NULL: memory. */
json_t *figures_peers(struct gateway *gateway, const struct snapshot *snapshot, int64_t now_ms);
/* Likewise of the directories in force, and of the certificate towards peers. */
json_t *figures_directories(const struct gateway *gateway, const struct snapshot *snapshot, int64_t now_ms);
json_t *figures_certificates(const struct gateway *gateway, int64_t now_ms);

#endif
