/* The daily pruning of the log: on the main loop's timer, the work itself on a thread of the pool. */
#ifndef COMITY_GATEWAY_RETENTION_INTERNAL_H
#define COMITY_GATEWAY_RETENTION_INTERNAL_H

#include "gateway/gateway_internal.h"

void retention_metrics_register(void);
/* Starts it if it is due: at the start, then every day, or an hour after it failed. */
void retention_tick(struct gateway *gateway);

#endif
