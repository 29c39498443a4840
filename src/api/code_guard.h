/*
 * Against guessing codes on paper: failures of late, by address (IPv4: whole; IPv6: its /64), and of all together; in memory, one for each
 * process. After CODE_FAILURES_FREE failures each more makes the address wait twice as long, up to CODE_WAIT_MAX_MS; and no more than CODE_FAILURES_PER_S
 * failures a second are let happen in all, whoever makes them: at that rate 75 bits last some 6 * 10^13 years for a single code. An address is forgotten after an
 * hour without a failure, and 4,096 are kept.
 */
#ifndef COMITY_API_CODE_GUARD_H
#define COMITY_API_CODE_GUARD_H

#include "base/bytes.h"

enum { CODE_FAILURES_FREE = 4, CODE_WAIT_MAX_MS = 60 * 1000, CODE_FAILURES_PER_S = 10 };

struct code_guard;
must_check struct code_guard *code_guard_make(void); /* NULL when memory is out */
void code_guard_free(struct code_guard *guard);      /* NULL is allowed */
/* May this address ("192.0.2.7:4711") try now? Else `*wait_ms` is how long it must wait. */
must_check bool code_guard_may_try(struct code_guard *guard, const char *address, uint64_t now_us, int64_t *wait_ms);
void code_guard_failed(struct code_guard *guard, const char *address, uint64_t now_us);
/* Its failures are forgotten. */
void code_guard_succeeded(struct code_guard *guard, const char *address);

void code_guard_metrics_register(void);

#endif
