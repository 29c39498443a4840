#include "base/time.h"

#include <stdio.h>
#include <time.h>

static int64_t (*replaced_now)(void *context);
static void *replaced_context;
static uint64_t (*replaced_monotonic)(void *context);
static void *replaced_monotonic_context;

void time_replace(int64_t (*now_ms)(void *context), void *context)
{
    replaced_now = now_ms;
    replaced_context = context;
}

void time_replace_monotonic(uint64_t (*now_us)(void *context), void *context)
{
    replaced_monotonic = now_us;
    replaced_monotonic_context = context;
}

int64_t time_now_ms(void)
{
    if (replaced_now != NULL) {
        return replaced_now(replaced_context);
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t time_monotonic_us(void)
{
    if (replaced_monotonic != NULL) {
        return replaced_monotonic(replaced_monotonic_context);
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const char *time_text(int64_t time_ms, char out[TIME_TEXT_SIZE])
{
    int64_t seconds = time_ms / 1000;
    int64_t fraction = time_ms % 1000;
    if (fraction < 0) {
        fraction += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL || parts.tm_year < -1900 || parts.tm_year > 8099) {
        (void)snprintf(out, TIME_TEXT_SIZE, "%s", time_ms < 0 ? "0000-01-01T00:00:00.000Z" : "9999-12-31T23:59:59.999Z");
        return out;
    }
    char text[64];
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                   parts.tm_hour, parts.tm_min, parts.tm_sec, (int)fraction);
    memcpy(out, text, TIME_TEXT_SIZE - 1);
    out[TIME_TEXT_SIZE - 1] = '\0';
    return out;
}

static bool take_number(struct reader *r, size_t digits, int *out)
{
    struct bytes text = reader_take(r, digits);
    int value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            r->failed = true;
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return !r->failed;
}

static void take_byte(struct reader *r, const char *allowed)
{
    struct bytes byte = reader_take(r, 1);
    if (byte.size == 1 && (byte.data[0] == '\0' || strchr(allowed, byte.data[0]) == NULL)) {
        r->failed = true;
    }
}

static void take_fraction(struct reader *r, int *milliseconds)
{
    int weight = 100;
    size_t digits = 0;
    if (r->left.size == 0 || r->left.data[0] != '.') {
        return;
    }
    (void)reader_take(r, 1);
    while (r->left.size > 0 && r->left.data[0] >= '0' && r->left.data[0] <= '9') {
        *milliseconds += (r->left.data[0] - '0') * weight;
        weight /= 10;
        digits++;
        (void)reader_take(r, 1);
    }
    r->failed = r->failed || digits == 0;
}

static bool is_date(int year, int month, int day)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (leap ? 1 : 0);
}

bool time_parse(struct bytes text, int64_t *time_ms)
{
    struct reader r = { .left = text };
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milliseconds = 0, offset_minutes = 0;
    (void)take_number(&r, 4, &year);
    take_byte(&r, "-");
    (void)take_number(&r, 2, &month);
    take_byte(&r, "-");
    (void)take_number(&r, 2, &day);
    take_byte(&r, "Tt");
    (void)take_number(&r, 2, &hour);
    take_byte(&r, ":");
    (void)take_number(&r, 2, &minute);
    take_byte(&r, ":");
    (void)take_number(&r, 2, &second);
    take_fraction(&r, &milliseconds);
    uint8_t zone = reader_u8(&r);
    if (zone == '+' || zone == '-') {
        int hours = 0, minutes = 0;
        (void)take_number(&r, 2, &hours);
        take_byte(&r, ":");
        (void)take_number(&r, 2, &minutes);
        if (hours > 23 || minutes > 59) {
            return false;
        }
        offset_minutes = (zone == '+' ? 1 : -1) * (hours * 60 + minutes);
    } else if (zone != 'Z' && zone != 'z') {
        return false;
    }
    if (r.failed || r.left.size != 0 || !is_date(year, month, day) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    struct tm parts = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second };
    int64_t seconds = (int64_t)timegm(&parts) - (int64_t)offset_minutes * 60;
    *time_ms = seconds * 1000 + milliseconds;
    return true;
}

bool duration_parse(struct bytes text, int64_t *duration_ms)
{
    static const struct {
        struct bytes unit;
        int64_t ms;
    } units[] = {
        { BYTES("ms"), 1 },       { BYTES("s"), 1000 },      { BYTES("m"), 60000 }, { BYTES("h"), 3600000 },
        { BYTES("d"), 86400000 }, { BYTES("w"), 604800000 }, { BYTES(""), 1000 },
    };
    const int64_t longest_ms = 100LL * 366 * 86400000;
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    uint64_t value;
    if (!bytes_to_u64(bytes_slice(text, 0, digits), &value)) {
        return false;
    }
    struct bytes unit = bytes_slice(text, digits, text.size);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (bytes_equal(unit, units[i].unit)) {
            if (value > (uint64_t)(longest_ms / units[i].ms)) {
                return false;
            }
            *duration_ms = (int64_t)value * units[i].ms;
            return true;
        }
    }
    return false;
}
