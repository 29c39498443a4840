#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

const int64_t metrics_bucket_us[15] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 2500000, 10000000
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *first;

/* Kept in the order of names, and within a name in the order of registering, so that a scrape groups each family as it must. */
void metric_register(struct metric *metric)
{
    (void)pthread_mutex_lock(&lock);
    struct metric **at = &first;
    bool known = false;
    for (struct metric *m = first; m != NULL; m = m->next) {
        known = known || m == metric;
    }
    if (!known) {
        while (*at != NULL && strcmp((*at)->name, metric->name) <= 0) {
            at = &(*at)->next;
        }
        metric->next = *at;
        *at = metric;
    }
    (void)pthread_mutex_unlock(&lock);
}

void metric_add(struct metric *metric, int64_t amount)
{
    atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *metric, uint64_t duration_us)
{
    size_t i = 0;
    while (i < COUNT_OF(metrics_bucket_us) && (int64_t)duration_us > metrics_bucket_us[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, (int64_t)duration_us, memory_order_relaxed);
}

const struct metric *metric_find(const char *name, const char *labels)
{
    (void)pthread_mutex_lock(&lock);
    struct metric *m = first;
    while (m != NULL && (strcmp(m->name, name) != 0 || strcmp(m->labels, labels) != 0)) {
        m = m->next;
    }
    (void)pthread_mutex_unlock(&lock);
    return m;
}

const struct metric *metric_find_next(const char *name, const struct metric *after)
{
    (void)pthread_mutex_lock(&lock);
    struct metric *m = after == NULL ? first : after->next;
    while (m != NULL && strcmp(m->name, name) != 0) {
        m = m->next;
    }
    (void)pthread_mutex_unlock(&lock);
    return m;
}

int64_t metric_read(const char *name, const char *labels)
{
    const struct metric *m = metric_find(name, labels);
    return m == NULL ? 0 : atomic_load_explicit(&m->value, memory_order_relaxed);
}

static void write_histogram(struct buffer *out, const struct metric *m)
{
    const char *comma = m->labels[0] == '\0' ? "" : ",";
    int64_t count = 0;
    for (size_t i = 0; i < COUNT_OF(m->buckets); i++) {
        count += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        if (i < COUNT_OF(metrics_bucket_us)) {
            buffer_append_format(out, "%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", m->name, m->labels, comma,
                                 (double)metrics_bucket_us[i] / 1e6, count);
        } else {
            buffer_append_format(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", m->name, m->labels, comma, count);
        }
    }
    double sum = (double)atomic_load_explicit(&m->value, memory_order_relaxed) / 1e6;
    const char *open = m->labels[0] == '\0' ? "" : "{";
    const char *close = m->labels[0] == '\0' ? "" : "}";
    buffer_append_format(out, "%s_sum%s%s%s %.6f\n", m->name, open, m->labels, close, sum);
    buffer_append_format(out, "%s_count%s%s%s %" PRId64 "\n", m->name, open, m->labels, close, count);
}

void metrics_write(struct buffer *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    const char *family = "";
    (void)pthread_mutex_lock(&lock);
    for (struct metric *m = first; m != NULL; m = m->next) {
        if (strcmp(family, m->name) != 0) {
            family = m->name;
            buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
        }
        if (m->kind == METRIC_HISTOGRAM) {
            write_histogram(out, m);
        } else if (m->labels[0] == '\0') {
            buffer_append_format(out, "%s %" PRId64 "\n", m->name, atomic_load_explicit(&m->value, memory_order_relaxed));
        } else {
            buffer_append_format(out, "%s{%s} %" PRId64 "\n", m->name, m->labels, atomic_load_explicit(&m->value, memory_order_relaxed));
        }
    }
    (void)pthread_mutex_unlock(&lock);
}
