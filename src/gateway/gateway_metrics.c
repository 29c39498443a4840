/* What the pipeline counts: docs/reference/metrics.md. */
#include <stdatomic.h>

#include "base/metrics.h"

#include "gateway/gateway_internal.h"
#include "policy/reason.h"

#define EXCHANGES "comity_gateway_exchanges_total", .help = "Exchanges that ended, by side and result"
#define DURATION                                                                                                                           \
    "comity_gateway_exchange_duration_seconds", .help = "From the whole request to the answer, by side", .kind = METRIC_HISTOGRAM

/* [is_holder][is_refused] */
static struct metric exchanges[2][2] = {
    { { .name = EXCHANGES, .labels = "side=\"consumer\",result=\"permit\"" },
      { .name = EXCHANGES, .labels = "side=\"consumer\",result=\"refuse\"" } },
    { { .name = EXCHANGES, .labels = "side=\"holder\",result=\"permit\"" },
      { .name = EXCHANGES, .labels = "side=\"holder\",result=\"refuse\"" } },
};
static struct metric durations[2] = {
    { .name = DURATION, .labels = "side=\"consumer\"" },
    { .name = DURATION, .labels = "side=\"holder\"" },
};

#define X(name_, code, error78, error77, meaning)                                                                                          \
    [REASON_##name_] = { .name = "comity_policy_refusals_total", .labels = "reason=\"" code "\"", .help = "Refusals, by reason" },
static struct metric refusals[REASON_COUNT] = { REASONS(X) };
#undef X

void gateway_metrics_register(void)
{
    for (size_t side = 0; side < 2; side++) {
        metric_register(&exchanges[side][0]);
        metric_register(&exchanges[side][1]);
        metric_register(&durations[side]);
    }
    for (size_t i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        metric_register(&refusals[i]);
    }
}

uint64_t gateway_counted(bool is_holder, bool is_refused)
{
    return (uint64_t)atomic_load_explicit(&exchanges[is_holder][is_refused].value, memory_order_relaxed);
}

uint64_t gateway_refused(enum reason reason)
{
    return (uint64_t)atomic_load_explicit(&refusals[reason].value, memory_order_relaxed);
}

void gateway_count_exchange(bool is_holder, enum reason reason, uint64_t duration_us)
{
    metric_add(&exchanges[is_holder][reason != REASON_NONE], 1);
    metric_observe_us(&durations[is_holder], duration_us);
    if (reason != REASON_NONE) {
        metric_add(&refusals[reason], 1);
    }
}
