/*
 * What is owed after an end (rights/obligation.h) is found in the log, told to the gateways that had data, and answered to holders that told us: on the main
 * loop's timer, the work itself on a thread of the pool.
 */
#ifndef COMITY_GATEWAY_OBLIGING_INTERNAL_H
#define COMITY_GATEWAY_OBLIGING_INTERNAL_H

#include "gateway/gateway_internal.h"

void obliging_metrics_register(void);
/* Starts it if it does not run. */
void obliging_tick(struct gateway *gateway);

#endif
