/* The counters in memory. */
#include "consent/counters_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/diag.h"
#include "crypto/hash.h"

/* ---- keys ---- */

static void make_key(const struct counters *counters, const char *domain, const struct bytes *parts, size_t count,
                     uint8_t key[COUNT_KEY_SIZE])
{
    enum { PARTS_MAX = 2 };
    uint8_t digest[SHA256_SIZE], sizes[PARTS_MAX] = { 0 };
    struct bytes all[2 + 2 * PARTS_MAX] = { bytes_of(counters->secret, sizeof counters->secret), bytes_of_text(domain) };
    size_t n = 2;
    for (size_t i = 0; i < count && i < PARTS_MAX; i++) {
        sizes[i] = (uint8_t)parts[i].size; /* all but the last are of one size */
        all[n++] = bytes_of(&sizes[i], 1);
        all[n++] = parts[i];
    }
    sha256_parts(all, n, digest);
    memcpy(key, digest, COUNT_KEY_SIZE);
}

void counters_key_use(const struct counters *counters, struct bytes record, uint8_t key[COUNT_KEY_SIZE])
{
    make_key(counters, "use", &record, 1, key);
}

void counters_key_year(const struct counters *counters, struct bytes exporter, int64_t year_ms, uint8_t key[COUNT_KEY_SIZE])
{
    make_key(counters, "year", (struct bytes[]){ bytes_of(&year_ms, sizeof year_ms), exporter }, 2, key);
}

void counters_key_exported(const struct counters *counters, const uint8_t year[COUNT_KEY_SIZE], struct bytes person,
                           uint8_t key[COUNT_KEY_SIZE])
{
    make_key(counters, "exported", (struct bytes[]){ bytes_of(year, COUNT_KEY_SIZE), person }, 2, key);
}

/* The consumer is a member: another subsystem of it is no other consumer. */
void counters_key_consumer(const struct counters *counters, struct bytes client, uint8_t key[COUNT_KEY_SIZE])
{
    struct bytes rest = client, part;
    size_t size = 0;
    for (int i = 0; i < 3 && bytes_split(&rest, '/', &part); i++) {
        size += part.size + (i > 0);
    }
    struct bytes member = bytes_slice(client, 0, size);
    make_key(counters, "consumer", &member, 1, key);
}

void counters_key_asked(const struct counters *counters, const uint8_t consumer[COUNT_KEY_SIZE], struct bytes person,
                        uint8_t key[COUNT_KEY_SIZE])
{
    make_key(counters, "asked", (struct bytes[]){ bytes_of(consumer, COUNT_KEY_SIZE), person }, 2, key);
}

void counters_key_rate(const struct counters *counters, struct bytes service, uint8_t key[COUNT_KEY_SIZE])
{
    make_key(counters, "rate", &service, 1, key);
}

/* ---- uses of a record ---- */

int64_t counters_window(int64_t from_ms, struct period per, int64_t now_ms)
{
    if (period_is_zero(per) || now_ms < from_ms) {
        return from_ms;
    }
    /* The n-th begins n periods after the first, counted from the first: months of unequal length don't add up. */
    uint32_t low = 0, high = 1;
    int64_t first_ms = period_after(from_ms, per);
    if (first_ms <= from_ms) {
        return from_ms;
    }
    while (high < UINT32_C(1) << 30) {
        struct period many = { per.months * high, per.days * high, per.seconds * high };
        if (period_after(from_ms, many) > now_ms) { /* at the latest when it is past the year 9999: nothing overflows before */
            break;
        }
        low = high;
        high *= 2;
    }
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        struct period many = { per.months * middle, per.days * middle, per.seconds * middle };
        if (period_after(from_ms, many) <= now_ms) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return period_after(from_ms, (struct period){ per.months * low, per.days * low, per.seconds * low });
}

void record_row_add(struct record_row *row, int64_t window_ms)
{
    if (row->in_all == 0 || window_ms > row->window_ms) {
        row->window_ms = window_ms;
        row->in_window = 0;
    }
    row->in_window++;
    row->in_all++;
}

static uint64_t in_window(const struct record_row *row, int64_t window_ms)
{
    return window_ms > row->window_ms ? 0 : row->in_window;
}

void counters_peek_use(struct counters *counters, const struct counter_use *use, uint64_t *window, uint64_t *in_all)
{
    uint8_t key[COUNT_KEY_SIZE];
    counters_key_use(counters, use->record, key);
    (void)pthread_mutex_lock(&counters->mutex);
    const struct record_row *row = count_table_find(&counters->uses, key);
    *window = row != NULL ? in_window(row, use->window_ms) : 0;
    *in_all = row != NULL ? row->in_all : 0;
    (void)pthread_mutex_unlock(&counters->mutex);
}

/* ---- persons that go out ---- */

void counters_peek_export(struct counters *counters, const struct counter_export *exported, struct counter_exported *out)
{
    uint8_t year_key[COUNT_KEY_SIZE], key[COUNT_KEY_SIZE];
    *out = (struct counter_exported){ 0 };
    counters_key_year(counters, exported->exporter, exported->year_ms, year_key);
    counters_key_exported(counters, year_key, exported->person, key);
    (void)pthread_mutex_lock(&counters->mutex);
    const struct year_row *year = count_table_find(&counters->years, year_key);
    const struct exported_row *row = count_table_find(&counters->exported, key);
    if (year != NULL) {
        out->persons = year->persons;
        out->sensitive_persons = year->sensitive_persons;
    }
    out->is_counted = row != NULL;
    out->is_counted_as_sensitive = row != NULL && row->is_sensitive != 0;
    (void)pthread_mutex_unlock(&counters->mutex);
}

bool counters_put_exported(struct counters *counters, const uint8_t year[COUNT_KEY_SIZE], const uint8_t person[COUNT_KEY_SIZE],
                           bool is_sensitive)
{
    size_t before = counters->exported.count;
    struct year_row *year_row = count_table_add(&counters->years, year);
    struct exported_row *row = year_row != NULL ? count_table_add(&counters->exported, person) : NULL;
    if (row == NULL) {
        return false;
    }
    year_row->persons += counters->exported.count > before;
    year_row->sensitive_persons += is_sensitive && row->is_sensitive == 0;
    row->is_sensitive = row->is_sensitive != 0 || is_sensitive;
    return true;
}

/* ---- the release ---- */

/* Keys of a release, made before the lock is taken. */
enum { RELEASE_USES_MAX = 64 };
struct release_keys {
    uint8_t uses[RELEASE_USES_MAX][COUNT_KEY_SIZE];
    uint8_t year[COUNT_KEY_SIZE], exported[COUNT_KEY_SIZE];
};

static void make_keys(const struct counters *counters, const struct counter_release *release, struct release_keys *keys)
{
    for (size_t i = 0; i < release->use_count; i++) {
        counters_key_use(counters, release->uses[i].record, keys->uses[i]);
    }
    if (release->exported != NULL) {
        counters_key_year(counters, release->exported->exporter, release->exported->year_ms, keys->year);
        counters_key_exported(counters, keys->year, release->exported->person, keys->exported);
    }
}

/* NULL fits: a limit is at least 1. */
static bool use_fits(const struct record_row *row, const struct counter_use *use)
{
    return (use->total == 0 || row->in_all < use->total) && (use->max == 0 || in_window(row, use->window_ms) < use->max);
}

static bool export_fits(struct counters *counters, const struct counter_export *exported, const struct release_keys *keys)
{
    const struct year_row *year = count_table_find(&counters->years, keys->year);
    const struct exported_row *row = count_table_find(&counters->exported, keys->exported);
    uint64_t persons = (year != NULL ? year->persons : 0) + (row == NULL);
    uint64_t sensitive = (year != NULL ? year->sensitive_persons : 0) + (exported->is_sensitive && (row == NULL || row->is_sensitive == 0));
    return (exported->max == 0 || persons <= exported->max) && (exported->max_sensitive == 0 || sensitive <= exported->max_sensitive);
}

bool counters_prepare_release(struct counters *counters, const struct counter_release *release, size_t *exceeded_use)
{
    struct release_keys keys;
    bool ok = release->use_count <= RELEASE_USES_MAX;
    size_t i = 0;
    if (ok) {
        make_keys(counters, release, &keys);
        (void)pthread_mutex_lock(&counters->mutex);
        while (ok && i < release->use_count) {
            const struct record_row *row = count_table_find(&counters->uses, keys.uses[i]);
            ok = row == NULL || use_fits(row, &release->uses[i]);
            i += ok;
        }
        ok = ok && count_table_reserve(&counters->uses, release->use_count) && count_table_reserve(&counters->years, 1) &&
             count_table_reserve(&counters->exported, 1) && (release->exported == NULL || export_fits(counters, release->exported, &keys));
        (void)pthread_mutex_unlock(&counters->mutex);
    }
    if (exceeded_use != NULL) {
        *exceeded_use = i;
    }
    return ok;
}

void counters_count_release(struct counters *counters, const struct counter_release *release)
{
    struct release_keys keys;
    make_keys(counters, release, &keys);
    (void)pthread_mutex_lock(&counters->mutex);
    bool ok = release->exported == NULL || counters_put_exported(counters, keys.year, keys.exported, release->exported->is_sensitive);
    for (size_t i = 0; i < release->use_count && ok; i++) {
        struct record_row *row = count_table_add(&counters->uses, keys.uses[i]);
        ok = row != NULL;
        if (ok) {
            record_row_add(row, release->uses[i].window_ms);
        }
    }
    (void)pthread_mutex_unlock(&counters->mutex);
    if (!ok) { /* it is in the log's queue: who can't count it must not go on */
        diag(DIAG_ERROR, "consent", "a release could not be counted, though there was room for it", NULL);
        abort();
    }
}

/* ---- persons asked about ---- */

int64_t counters_step(int64_t now_ms)
{
    return now_ms / COUNTER_STEP_MS;
}

static size_t ring_place(int64_t step)
{
    return (size_t)(((step % COUNTER_WINDOW_STEPS_MAX) + COUNTER_WINDOW_STEPS_MAX) % COUNTER_WINDOW_STEPS_MAX);
}

static bool is_in_ring(const struct consumer_row *consumer, int64_t step)
{
    return step > consumer->newest - COUNTER_WINDOW_STEPS_MAX && step <= consumer->newest;
}

/* Those who were asked about last a ring ago drop out. */
static void move_on(struct consumer_row *consumer, int64_t step)
{
    if (step - consumer->newest >= COUNTER_WINDOW_STEPS_MAX) {
        memset(consumer->steps, 0, COUNTER_WINDOW_STEPS_MAX * sizeof *consumer->steps);
        consumer->newest = step;
    }
    while (consumer->newest < step) {
        consumer->newest++;
        consumer->steps[ring_place(consumer->newest)] = 0;
    }
}

static bool is_recent(void *context, const void *row)
{
    const struct asked_row *asked = row;
    return asked->step > *(const int64_t *)context - COUNTER_WINDOW_STEPS_MAX;
}

static struct consumer_row *take_consumer(struct counters *counters, const uint8_t key[COUNT_KEY_SIZE], int64_t step)
{
    struct consumer_row *consumer = count_table_add(&counters->consumers, key);
    if (consumer != NULL && consumer->steps == NULL) {
        consumer->steps = calloc(COUNTER_WINDOW_STEPS_MAX, sizeof *consumer->steps);
        consumer->newest = step;
        if (consumer->steps == NULL) {
            count_table_remove(&counters->consumers, consumer);
            return NULL;
        }
    }
    return consumer;
}

/* The key in memory of a person whom a consumer asked about since it was last forgiven. */
static void key_since_forgiven(const struct consumer_row *consumer, const uint8_t asked_key[COUNT_KEY_SIZE], uint8_t key[COUNT_KEY_SIZE])
{
    for (size_t i = 0; i < COUNT_KEY_SIZE; i++) {
        key[i] = (uint8_t)(asked_key[i] ^ (i < sizeof consumer->forgiven ? consumer->forgiven >> (8 * i) : 0));
    }
}

bool counters_put_asked(struct counters *counters, const uint8_t consumer_key[COUNT_KEY_SIZE], const uint8_t asked_key[COUNT_KEY_SIZE],
                        int64_t step)
{
    uint8_t key[COUNT_KEY_SIZE];
    struct consumer_row *consumer = take_consumer(counters, consumer_key, step);
    if (consumer == NULL) {
        return false;
    }
    move_on(consumer, step);
    step = step < consumer->newest ? consumer->newest : step; /* a clock that went back makes nobody forgotten earlier */
    size_t before = counters->asked.count;
    if (counters->asked.count >= counters->asked.count_max && !count_table_sweep(&counters->asked, is_recent, &step)) {
        return false;
    }
    key_since_forgiven(consumer, asked_key, key);
    struct asked_row *row = count_table_add(&counters->asked, key);
    if (row == NULL) {
        return false;
    }
    if (counters->asked.count == before && is_in_ring(consumer, row->step)) {
        consumer->steps[ring_place(row->step)]--;
    }
    row->step = step;
    consumer->steps[ring_place(step)]++;
    return true;
}

static void peek_window(const struct counters *counters, const uint8_t consumer_key[COUNT_KEY_SIZE],
                        const uint8_t asked_key[COUNT_KEY_SIZE], const struct counter_ask *ask, struct counter_asked *out)
{
    const struct consumer_row *consumer = count_table_find(&counters->consumers, consumer_key);
    uint8_t key[COUNT_KEY_SIZE];
    if (consumer != NULL) {
        key_since_forgiven(consumer, asked_key, key);
    }
    const struct asked_row *row = consumer != NULL ? count_table_find(&counters->asked, key) : NULL;
    int64_t now = counters_step(ask->now_ms), steps = (ask->window_ms + COUNTER_STEP_MS - 1) / COUNTER_STEP_MS;
    out->is_full = (consumer == NULL && counters->consumers.count >= counters->consumers.count_max) ||
                   (row == NULL && counters->asked.count >= counters->asked.count_max);
    if (consumer == NULL) {
        return;
    }
    now = now < consumer->newest ? consumer->newest : now;
    int64_t oldest = now - (steps < COUNTER_WINDOW_STEPS_MAX ? steps : COUNTER_WINDOW_STEPS_MAX - 1);
    int64_t from = consumer->newest - COUNTER_WINDOW_STEPS_MAX + 1;
    for (int64_t step = oldest > from ? oldest : from; step <= consumer->newest; step++) {
        out->persons += consumer->steps[ring_place(step)];
    }
    out->is_known = row != NULL && is_in_ring(consumer, row->step) && row->step >= oldest;
    out->persons -= out->is_known;
}

/* An hour has ended: it is one more of the history, and weighs the more the shorter that is. */
static void end_hour(struct rate_row *row, double requests)
{
    double weight = row->hours + 1 < COUNTER_RATE_WEIGHT ? 1.0 / (double)(row->hours + 1) : 1.0 / COUNTER_RATE_WEIGHT;
    double difference = requests - row->mean;
    row->mean += weight * difference;
    row->variance = (1 - weight) * (row->variance + weight * difference * difference);
    row->hours++;
}

void rate_row_move(struct rate_row *row, int64_t now_ms)
{
    int64_t hour = now_ms / COUNTER_RATE_MS;
    if (row->in_hour == 0 && row->hours == 0) {
        row->hour = hour;
    }
    for (int i = 0; row->hour < hour && i < 16 * COUNTER_RATE_WEIGHT; i++) { /* after so many empty ones all is forgotten */
        end_hour(row, (double)row->in_hour);
        row->in_hour = 0;
        row->hour++;
    }
    row->hour = row->hour < hour ? hour : row->hour;
}

void rate_row_add(struct rate_row *row, int64_t now_ms)
{
    rate_row_move(row, now_ms);
    row->in_hour++;
}

void counters_peek_asked(struct counters *counters, const struct counter_ask *ask, struct counter_asked *out)
{
    uint8_t consumer_key[COUNT_KEY_SIZE], asked_key[COUNT_KEY_SIZE], rate_key[COUNT_KEY_SIZE];
    *out = (struct counter_asked){ 0 };
    counters_key_consumer(counters, ask->client, consumer_key);
    counters_key_asked(counters, consumer_key, ask->person, asked_key);
    counters_key_rate(counters, ask->service, rate_key);
    (void)pthread_mutex_lock(&counters->mutex);
    peek_window(counters, consumer_key, asked_key, ask, out);
    const struct rate_row *rate = count_table_find(&counters->rates, rate_key);
    if (rate != NULL) {
        struct rate_row now = *rate;
        rate_row_move(&now, ask->now_ms);
        out->recent = now.in_hour;
        out->usual = (uint64_t)(now.mean + 0.5);
        out->deviation = (uint64_t)(sqrt(now.variance) + 0.5);
        out->hours = now.hours;
    }
    (void)pthread_mutex_unlock(&counters->mutex);
}

void counters_add_ask(struct counters *counters, const struct counter_ask *ask)
{
    uint8_t consumer_key[COUNT_KEY_SIZE], asked_key[COUNT_KEY_SIZE], rate_key[COUNT_KEY_SIZE];
    counters_key_consumer(counters, ask->client, consumer_key);
    counters_key_asked(counters, consumer_key, ask->person, asked_key);
    counters_key_rate(counters, ask->service, rate_key);
    (void)pthread_mutex_lock(&counters->mutex);
    /* Where there is no room, counters_peek_asked() says so, and the next request is refused. */
    (void)counters_put_asked(counters, consumer_key, asked_key, counters_step(ask->now_ms));
    struct rate_row *rate = count_table_add(&counters->rates, rate_key);
    if (rate != NULL) {
        rate_row_add(rate, ask->now_ms);
    }
    (void)pthread_mutex_unlock(&counters->mutex);
}

void counters_forgive(struct counters *counters, struct bytes consumer, struct bytes service)
{
    uint8_t consumer_key[COUNT_KEY_SIZE], rate_key[COUNT_KEY_SIZE];
    counters_key_consumer(counters, consumer, consumer_key);
    counters_key_rate(counters, service, rate_key);
    (void)pthread_mutex_lock(&counters->mutex);
    struct consumer_row *row = count_table_find(&counters->consumers, consumer_key);
    struct rate_row *rate = count_table_find(&counters->rates, rate_key);
    if (row != NULL) {
        row->forgiven++;
        memset(row->steps, 0, COUNTER_WINDOW_STEPS_MAX * sizeof *row->steps);
    }
    if (rate != NULL) {
        rate->in_hour = 0;
    }
    (void)pthread_mutex_unlock(&counters->mutex);
}
