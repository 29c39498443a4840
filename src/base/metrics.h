/*
 * Counters, gauges and histograms, served as Prometheus text (exposition format 0.0.4). Names: comity_<part>_<noun>_<unit>[_total];
 * base units; label values from closed sets only, never a member's free text, a path or a person.
 */
#ifndef COMITY_BASE_METRICS_H
#define COMITY_BASE_METRICS_H

#include "base/buffer.h"

enum metric_kind { METRIC_COUNTER = 0, METRIC_GAUGE, METRIC_HISTOGRAM };

/* One time series. Static storage; registered once, never removed. Updates are atomic: any thread, no lock. */
struct metric {
    const char *name;   /* "comity_gateway_exchanges_total" */
    const char *labels; /* "side=\"consumer\",result=\"permit\"", or "" */
    const char *help;   /* one line; the docs are made from it */
    enum metric_kind kind;
    _Atomic int64_t value;       /* counters and gauges; a histogram's sum in microseconds */
    _Atomic int64_t buckets[16]; /* histograms: by metrics_bucket_us[], the last is +Inf */
    struct metric *next;
};

/* Upper bounds of the histogram buckets, in microseconds: 50 us to 10 s. */
extern const int64_t metrics_bucket_us[15];

/* Adds to the list that metrics_write() writes; the same metric twice is ignored. Any thread, usually at start. */
void metric_register(struct metric *metric);
void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
/* Histograms: one observation. */
void metric_observe_us(struct metric *metric, uint64_t duration_us);

/* The registered series of this name and labels, for its value and buckets; NULL: there is none (yet). Any thread. */
const struct metric *metric_find(const char *name, const char *labels);
/* The next series of this name behind `after` (NULL: the first); NULL: there is no more. Any thread. */
const struct metric *metric_find_next(const char *name, const struct metric *after);
/* The value of one, 0 when there is none. Any thread. */
int64_t metric_read(const char *name, const char *labels);

/* All registered series, grouped by name; histograms in seconds. */
void metrics_write(struct buffer *out);

#endif
