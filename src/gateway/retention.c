/* Once a day the log is pruned of bundles that log.retention does not keep. */
#include "base/metrics.h"
#include "gateway/retention_internal.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, RETRY_MS = 60 * 60 * 1000 };

static struct metric pruned_entries = { .name = "comity_gateway_pruned_entries",
                                        .labels = "",
                                        .help = "Entries whose bundles log.retention no longer keeps; their tiles and receipts are kept",
                                        .kind = METRIC_GAUGE };

void retention_metrics_register(void)
{
    metric_register(&pruned_entries);
}

static void prune(uv_work_t *work)
{
    struct gateway *gateway = work->data;
    struct prune_result result;
    struct error e;
    char bundles[24], minimum[24];
    gateway->has_pruned = retention_prune(&gateway->retention, INT64_MAX, false, false, &result, &e);
    if (!gateway->has_pruned) {
        diag_error(DIAG_WARN, "evidence", "the log could not be pruned", &e);
        return;
    }
    metric_set(&pruned_entries, (int64_t)result.minimum);
    if (result.bundles > 0) {
        (void)snprintf(bundles, sizeof bundles, "%llu", (unsigned long long)result.bundles);
        (void)snprintf(minimum, sizeof minimum, "%llu", (unsigned long long)result.minimum);
        diag(DIAG_INFO, "evidence", "pruned old entry bundles", "bundles", bundles, "kept_from", minimum, NULL);
    }
}

static void pruned(uv_work_t *work, int status)
{
    struct gateway *gateway = work->data;
    (void)status; /* nothing here cancels work */
    gateway->is_pruning = false;
    gateway->prune_after_ms = uv_now(gateway->main_loop) + (gateway->has_pruned ? DAY_MS : RETRY_MS);
}

void retention_tick(struct gateway *gateway)
{
    if (gateway->is_pruning || uv_now(gateway->main_loop) < gateway->prune_after_ms) {
        return;
    }
    gateway->prune_work.data = gateway;
    gateway->is_pruning = uv_queue_work(gateway->main_loop, &gateway->prune_work, prune, pruned) == 0;
}
