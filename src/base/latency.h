/*
 * How long something took, as a histogram that one thread writes and any thread reads: no lock and no atomic read-modify-write, so that a step of
 * an exchange can be measured for the price of reading the clock. Four buckets an octave: a quantile is right within an eighth.
 */
#ifndef COMITY_BASE_LATENCY_H
#define COMITY_BASE_LATENCY_H

#include <stdint.h>

enum { LATENCY_BUCKETS = 100 /* 0 us to 67 s; what took longer is in the last */ };

/* Zeroed is empty. Counts wrap at 2^32: readers take differences. */
struct latency {
    _Atomic uint32_t counts[LATENCY_BUCKETS];
};
/* The one writer's thread. */
void latency_add(struct latency *latency, uint64_t duration_us);
/* Adds what is counted to `sums`. Any thread. */
void latency_read(const struct latency *latency, uint32_t sums[LATENCY_BUCKETS]);

/* How many there are between two readings. */
uint64_t latency_count(const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS]);
/* So many of a thousand of what came between two readings took at most this long, in microseconds; 0 when there is nothing. */
uint64_t latency_quantile_us(const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS], unsigned permille);

#endif
