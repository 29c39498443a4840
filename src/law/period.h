/*
 * Periods of time as laws write them, ISO 8601 durations: "P3Y", "P6M", "P90D", "PT72H". Pure: calendar arithmetic in UTC (the proleptic
 * Gregorian calendar, days of 86,400 seconds), no clock.
 */
#ifndef COMITY_LAW_PERIOD_H
#define COMITY_LAW_PERIOD_H

#include "base/buffer.h"

/*
 * A year is 12 months and a week 7 days, always; a month isn't any number of days, and a day is kept apart from 24 hours so that "PT72H" is
 * written back as it was. Zero is no time at all ("P0D"). What period_parse() gives is at most 1000 years in each part.
 */
struct period {
    uint32_t months;
    uint32_t days;
    uint64_t seconds;
};

enum { PERIOD_TEXT_SIZE = 64 };

/*
 * ISO 8601-1 5.5.2.2: P, then numbers with Y, M, W, D in this order, then, behind T, with H, M, S; at least one; whole numbers of up to 9 digits. No
 * sign, no fraction, no white space. False on anything else, and above 1000 years (12,000 months; 366,000 days; 31,622,400,000 seconds).
 */
must_check bool period_parse(struct bytes text, struct period *out);
/* The shortest way to write it, such as "P1Y6M", "P90D", "PT72H", "P0D". Returns `out`. */
const char *period_text(struct period period, char out[PERIOD_TEXT_SIZE]);
bool period_equal(struct period a, struct period b);
bool period_is_zero(struct period period);

/*
 * The moment `period` after (before) a moment, in milliseconds since 1970-01-01 UTC: first the months, with a day that the month doesn't have
 * becoming its last one (31 January and P1M: 28 or 29 February), then the days, then the seconds. Cut to year 0 to year 9999.
 */
int64_t period_after(int64_t time_ms, struct period period);
int64_t period_before(int64_t time_ms, struct period period);

/*
 * Does `a` never end later than `b`, from whatever day one begins to count? So P30D is within P1M only if no month were shorter: it isn't, P28D is.
 * Both false, for (a, b) and (b, a), where it depends on the day. Takes some milliseconds where months are compared with days: not for a hot path.
 */
bool period_is_within(struct period a, struct period b);

/* Days since 1970-01-01 of a date, and back. For years 0 to 9999; months and days from 1. */
int64_t period_day_of(int year, unsigned month, unsigned day);
void period_date_of(int64_t day, int *year, unsigned *month, unsigned *day_of_month);
/* The first moment of the counting year (from the month and day given, say 1 and 1) that `time_ms` lies in. */
int64_t period_year_start(int64_t time_ms, unsigned month, unsigned day);
/*
 * Whole years of life on the day of `time_ms` (UTC) of a person born on `born_day` (days since 1970-01-01): a year is complete with the beginning
 * of the birthday; who was born on 29 February completes it on 1 March in other years. -1 when not born yet.
 */
int period_age(int64_t born_day, int64_t time_ms);
/* "2026-11-24": a date of the calendar, as a day. */
must_check bool period_parse_date(struct bytes text, int64_t *day);

#endif
