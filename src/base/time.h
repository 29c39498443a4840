/* The one place that reads a clock, so that a test can put in another. */
#ifndef COMITY_BASE_TIME_H
#define COMITY_BASE_TIME_H

#include "base/error.h"

/* Milliseconds since 1970-01-01 UTC, without leap seconds. Any thread. */
int64_t time_now_ms(void);
/* A clock that never goes back; only differences mean something. Any thread. */
uint64_t time_monotonic_us(void);

/* Puts another wall clock in (NULL: the real one again). For tests, before any thread reads the time. */
void time_replace(int64_t (*now_ms)(void *context), void *context);
/* The same for the monotonic clock. */
void time_replace_monotonic(uint64_t (*now_us)(void *context), void *context);

enum { TIME_TEXT_SIZE = 25 }; /* "2027-03-01T09:15:02.113Z" and NUL */
/* RFC 3339 in UTC with milliseconds; years 0 to 9999. Returns `out`. */
const char *time_text(int64_t time_ms, char out[TIME_TEXT_SIZE]);
/* RFC 3339 with a zone ("Z" or an offset), fraction optional and cut to milliseconds; no leap second. */
must_check bool time_parse(struct bytes text, int64_t *time_ms);

/* "90", "90s", "15m", "2h", "30d": a whole number with a unit (ms s m h d w; none: seconds). At most 100 years. */
must_check bool duration_parse(struct bytes text, int64_t *duration_ms);

#endif
