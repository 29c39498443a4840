/* What was counted before a request, for its decision: by a gateway, and by who explains one. */
#ifndef COMITY_POLICY_PEEK_H
#define COMITY_POLICY_PEEK_H

#include "base/arena.h"
#include "consent/counters.h"
#include "policy/decide.h"

/* About what is counted. Borrowed. */
struct peek {
    struct counters *counters;            /* NULL: nothing was counted */
    const struct decide_request *request; /* with a service */
    const struct identifier *service;     /* its name */
    const struct decide_context *context; /* law, parties, and the person's consents when they are known */
};
/*
 * Fills *out; views into `arena`. Without the person's consents only what was asked is looked at, so that a first decide() can do with it. Without
 * memory the consumer counts as one that asked for too much: it fails closed. Reads no disk.
 */
void peek_counters(const struct peek *peek, struct arena *arena, struct decide_counters *out);

/* The parts of it, for counting what was decided. False, or an empty exporter: out of memory. */
must_check bool peek_make_ask(const struct peek *peek, struct arena *arena, struct counter_ask *out);
struct counter_export peek_make_export(const struct peek *peek, struct arena *arena);
struct counter_use peek_make_use(const struct consent_decision *consent, int64_t now_ms);
bool peek_has_limits(const struct consent_decision *consent); /* NULL: no */

#endif
