#include "law/period.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    DIGITS_MAX = 9,
    MONTHS_MAX = 12000,
    DAYS_MAX = 366000,
    CYCLE_DAYS = 146097, /* of the 400 years after which the Gregorian calendar begins again */
    YEAR_LAST = 9999,
};
static const uint64_t seconds_max = UINT64_C(31622400000);
static const int64_t day_ms = INT64_C(86400000);

/* ---- The calendar ---- */

/* Years that begin in March, so that the day that comes and goes is their last. */
int64_t period_day_of(int year, unsigned month, unsigned day)
{
    int64_t from_march = month > 2 ? year : year - 1;
    int64_t cycle = (from_march >= 0 ? from_march : from_march - 399) / 400;
    int64_t year_of_cycle = from_march - cycle * 400;
    int64_t month_of_year = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t day_of_year = (153 * month_of_year + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    return cycle * CYCLE_DAYS + day_of_cycle - 719468; /* from 1 March of year 0 to 1970-01-01 */
}

void period_date_of(int64_t day, int *year, unsigned *month, unsigned *day_of_month)
{
    int64_t shifted = day + 719468;
    int64_t cycle = (shifted >= 0 ? shifted : shifted - (CYCLE_DAYS - 1)) / CYCLE_DAYS;
    int64_t day_of_cycle = shifted - cycle * CYCLE_DAYS;
    int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / (CYCLE_DAYS - 1)) / 365;
    int64_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    *day_of_month = (unsigned)(day_of_year - (153 * month_of_year + 2) / 5 + 1);
    *month = (unsigned)(month_of_year < 10 ? month_of_year + 3 : month_of_year - 9);
    *year = (int)(year_of_cycle + cycle * 400 + (*month <= 2 ? 1 : 0));
}

static unsigned days_of_month(int year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static int64_t day_of_ms(int64_t time_ms)
{
    return time_ms >= 0 ? time_ms / day_ms : (time_ms - (day_ms - 1)) / day_ms;
}

static int64_t first_ms(void)
{
    return period_day_of(0, 1, 1) * day_ms;
}

static int64_t last_ms(void)
{
    return period_day_of(YEAR_LAST + 1, 1, 1) * day_ms - 1;
}

static int64_t cut(int64_t time_ms)
{
    if (time_ms < first_ms()) {
        return first_ms();
    }
    return time_ms > last_ms() ? last_ms() : time_ms;
}

/* The day `months` later, or earlier when negative. */
static int64_t move_months(int64_t day, int64_t months)
{
    int year;
    unsigned month, day_of_month;
    period_date_of(day, &year, &month, &day_of_month);
    int64_t count = (int64_t)year * 12 + (int64_t)month - 1 + months;
    int64_t to_year = (count >= 0 ? count : count - 11) / 12;
    unsigned to_month = (unsigned)(count - to_year * 12) + 1;
    unsigned last = days_of_month((int)to_year, to_month);
    return period_day_of((int)to_year, to_month, day_of_month < last ? day_of_month : last);
}

static int64_t move(int64_t time_ms, struct period period, int sign)
{
    int64_t from = cut(time_ms), day = day_of_ms(from), of_day = from - day * day_ms;
    /* What was parsed is within these; what was put together by hand is cut to them, so that nothing below overflows. */
    int64_t months = period.months < MONTHS_MAX ? period.months : MONTHS_MAX;
    int64_t days = period.days < DAYS_MAX ? period.days : DAYS_MAX;
    int64_t seconds = (int64_t)(period.seconds < seconds_max ? period.seconds : seconds_max);
    if (months > 0) {
        day = move_months(day, sign * months);
    }
    return cut((day + sign * days) * day_ms + of_day + sign * seconds * 1000);
}

int64_t period_after(int64_t time_ms, struct period period)
{
    return move(time_ms, period, 1);
}

int64_t period_before(int64_t time_ms, struct period period)
{
    return move(time_ms, period, -1);
}

int64_t period_year_start(int64_t time_ms, unsigned month, unsigned day)
{
    int year;
    unsigned month_now, day_now;
    period_date_of(day_of_ms(time_ms), &year, &month_now, &day_now);
    int64_t start = period_day_of(year, month, day);
    if (start * day_ms > time_ms) {
        start = period_day_of(year - 1, month, day);
    }
    return start * day_ms;
}

int period_age(int64_t born_day, int64_t time_ms)
{
    int year, born_year;
    unsigned month, born_month, day, born_day_of_month;
    int64_t today = day_of_ms(time_ms);
    if (today < born_day) {
        return -1;
    }
    period_date_of(today, &year, &month, &day);
    period_date_of(born_day, &born_year, &born_month, &born_day_of_month);
    bool is_before_birthday = month < born_month || (month == born_month && day < born_day_of_month);
    return year - born_year - (is_before_birthday ? 1 : 0);
}

static bool two_digits(struct bytes text, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        *out = *out * 10 + (unsigned)(text.data[i] - '0');
    }
    return true;
}

bool period_parse_date(struct bytes text, int64_t *day)
{
    unsigned year, month, day_of_month;
    if (text.size != 10 || text.data[4] != '-' || text.data[7] != '-' || !two_digits(bytes_slice(text, 0, 4), &year) ||
        !two_digits(bytes_slice(text, 5, 7), &month) || !two_digits(bytes_slice(text, 8, 10), &day_of_month)) {
        return false;
    }
    if (month < 1 || month > 12 || day_of_month < 1 || day_of_month > days_of_month((int)year, month)) {
        return false;
    }
    *day = period_day_of((int)year, month, day_of_month);
    return true;
}

/* ---- Text ---- */

/* Digits, at least one, then one letter of the part. */
static bool take_number(struct bytes *rest, uint64_t *number, uint8_t *letter)
{
    size_t digits = 0;
    *number = 0;
    while (digits < rest->size && digits <= DIGITS_MAX && rest->data[digits] >= '0' && rest->data[digits] <= '9') {
        *number = *number * 10 + (uint64_t)(rest->data[digits] - '0');
        digits++;
    }
    if (digits == 0 || digits > DIGITS_MAX || digits == rest->size) {
        return false;
    }
    *letter = rest->data[digits];
    *rest = bytes_slice(*rest, digits + 1, rest->size);
    return true;
}

/* The numbers before or behind T, in the order of `letters`; how much one of each letter counts is in `weights`. */
static bool take_part(struct bytes part, const char *letters, const uint64_t weights[4], uint64_t counts[4])
{
    size_t next = 0;
    while (part.size > 0) {
        uint64_t number;
        uint8_t letter;
        if (!take_number(&part, &number, &letter)) {
            return false;
        }
        while (letters[next] != '\0' && (uint8_t)letters[next] != letter) {
            next++;
        }
        if (letters[next] == '\0') {
            return false;
        }
        counts[next] = number * weights[next];
        next++;
    }
    return true;
}

bool period_parse(struct bytes text, struct period *out)
{
    static const uint64_t date_weights[] = { 12, 1, 7, 1 }, time_weights[] = { 3600, 60, 1, 0 };
    uint64_t date[4] = { 0 }, time[4] = { 0 };
    if (text.size < 3 || text.data[0] != 'P') {
        return false;
    }
    size_t at = bytes_find(text, 'T');
    struct bytes before = bytes_slice(text, 1, at), behind = bytes_slice(text, at + 1, text.size);
    if ((at < text.size && behind.size == 0) || !take_part(before, "YMWD", date_weights, date) ||
        !take_part(behind, "HMS", time_weights, time)) {
        return false;
    }
    uint64_t months = date[0] + date[1], days = date[2] + date[3], seconds = time[0] + time[1] + time[2];
    if (months > MONTHS_MAX || days > DAYS_MAX || seconds > seconds_max) {
        return false;
    }
    *out = (struct period){ .months = (uint32_t)months, .days = (uint32_t)days, .seconds = seconds };
    return true;
}

static void add_text(char out[PERIOD_TEXT_SIZE], size_t *used, uint64_t number, char letter)
{
    if (number > 0 && *used < PERIOD_TEXT_SIZE) {
        *used += (size_t)snprintf(out + *used, PERIOD_TEXT_SIZE - *used, "%" PRIu64 "%c", number, letter);
    }
}

const char *period_text(struct period period, char out[PERIOD_TEXT_SIZE])
{
    size_t used = 1;
    (void)snprintf(out, PERIOD_TEXT_SIZE, "P");
    add_text(out, &used, period.months / 12, 'Y');
    add_text(out, &used, period.months % 12, 'M');
    add_text(out, &used, period.days, 'D');
    if (period.seconds > 0) {
        used += (size_t)snprintf(out + used, PERIOD_TEXT_SIZE - used, "T");
        add_text(out, &used, period.seconds / 3600, 'H');
        add_text(out, &used, period.seconds / 60 % 60, 'M');
        add_text(out, &used, period.seconds % 60, 'S');
    }
    if (used == 1) {
        (void)snprintf(out, PERIOD_TEXT_SIZE, "P0D");
    }
    return out;
}

/* ---- Comparing ---- */

bool period_equal(struct period a, struct period b)
{
    return a.months == b.months && a.days == b.days && a.seconds == b.seconds;
}

bool period_is_zero(struct period period)
{
    return period_equal(period, (struct period){ 0 });
}

bool period_is_within(struct period a, struct period b)
{
    int64_t a_rest = (int64_t)a.days * 86400 + (int64_t)a.seconds, b_rest = (int64_t)b.days * 86400 + (int64_t)b.seconds;
    if (a.months == b.months) {
        return a_rest <= b_rest;
    }
    /* Every day of a cycle is tried: what "longer" means between months and days is too easily got wrong by a formula. */
    int64_t start = period_day_of(2000, 1, 1);
    for (int64_t day = start; day < start + CYCLE_DAYS; day++) {
        if (move_months(day, a.months) * 86400 + a_rest > move_months(day, b.months) * 86400 + b_rest) {
            return false;
        }
    }
    return true;
}
