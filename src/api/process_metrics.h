/* The process's own numbers under Prometheus' customary names: memory, CPU time, open files, start. Read from /proc when asked for. */
#ifndef COMITY_API_PROCESS_METRICS_H
#define COMITY_API_PROCESS_METRICS_H

#include "base/buffer.h"

/* Appends what can be read; what can't is left out. */
void process_metrics_write(struct buffer *out);

#endif
