/*
 * The figures of the console: read when somebody asks, from the metrics, the workers' tallies and the system. Between two readings only the one before
 * is kept, so that quantiles and rates are of the last seconds; and of the last two minutes how many exchanges there were in each second.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/metrics.h"
#include "base/time.h"
#include "evidence/committer.h"
#include "gateway/exchange_internal.h"
#include "gateway/figures_internal.h"
#include "gateway/witnessing_internal.h"
#include "interchange/json_make.h"

enum { HISTORY_SECONDS = 120, RATE_SECONDS = 10, COMMIT_BUCKETS = 16 };
#define WINDOW_US (UINT64_C(5) * 1000 * 1000) /* a window is of one to two of these, while somebody looks */

/* Everything that only differences of mean something. */
struct reading {
    uint64_t at_us;
    uint32_t steps[2][TALLY_STEPS_MAX][LATENCY_BUCKETS], whole[2][LATENCY_BUCKETS], added[2][LATENCY_BUCKETS];
    int64_t commit[COMMIT_BUCKETS];
    uint64_t refused[REASON_COUNT], entries, cpu_us;
};

struct figures {
    pthread_mutex_t lock;     /* of all */
    struct reading *readings; /* three: the window's base, the next one's, and the present; NULL until somebody looks */
    uint64_t started_us;
    /* Of exchanges by second, a ring; [is_holder], and those that were refused. */
    uint32_t history[HISTORY_SECONDS][3];
    uint64_t last[3];
    size_t seconds; /* how many were noted */
};

bool figures_make(struct figures **out, struct error *e)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL || pthread_mutex_init(&(*out)->lock, NULL) != 0) {
        free(*out);
        *out = NULL;
        return error_memory(e, "figures");
    }
    (*out)->started_us = time_monotonic_us();
    return true;
}

void figures_free(struct figures *figures)
{
    if (figures != NULL) {
        (void)pthread_mutex_destroy(&figures->lock);
        free(figures->readings);
        free(figures);
    }
}

void figures_tick(struct gateway *gateway)
{
    struct figures *f = gateway->figures;
    const uint64_t refused = gateway_counted(false, true) + gateway_counted(true, true);
    const uint64_t now[3] = { gateway_counted(false, false) + gateway_counted(false, true),
                              gateway_counted(true, false) + gateway_counted(true, true), refused };
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < COUNT_OF(now); i++) {
        f->history[f->seconds % HISTORY_SECONDS][i] = (uint32_t)(now[i] - f->last[i]);
        f->last[i] = now[i];
    }
    f->seconds++;
    (void)pthread_mutex_unlock(&f->lock);
}

/* ---- A reading ---- */

static uint64_t cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000 + (uint64_t)usage.ru_utime.tv_usec +
           (uint64_t)usage.ru_stime.tv_usec;
}

static void read_all(const struct gateway *gateway, struct reading *r)
{
    memset(r, 0, sizeof *r);
    r->at_us = time_monotonic_us();
    for (size_t i = 0; i < gateway->worker_count; i++) {
        const struct tally *tally = gateway->workers[i].tally;
        for (size_t side = 0; side < 2 && tally != NULL; side++) {
            latency_read(&tally->whole[side], r->whole[side]);
            latency_read(&tally->added[side], r->added[side]);
            for (size_t step = 0; step < TALLY_STEPS_MAX; step++) {
                latency_read(&tally->steps[side][step], r->steps[side][step]);
            }
        }
    }
    const struct metric *commit = metric_find("comity_evidence_commit_duration_seconds", "");
    for (size_t i = 0; commit != NULL && i < COMMIT_BUCKETS; i++) {
        r->commit[i] = atomic_load_explicit(&commit->buckets[i], memory_order_relaxed);
    }
    for (size_t i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        r->refused[i] = gateway_refused((enum reason)i);
    }
    r->entries = committer_log_size(gateway->committer);
    r->cpu_us = cpu_us();
}

/* The present reading, and the base to take differences with: none older than needed, where somebody has looked lately. With the lock held. */
static bool take_reading(struct gateway *gateway, const struct reading **base, const struct reading **now, struct error *e)
{
    struct figures *f = gateway->figures;
    if (f->readings == NULL) {
        f->readings = calloc(3, sizeof *f->readings);
        if (f->readings == NULL) {
            return error_memory(e, "figures");
        }
        f->readings[0].at_us = f->readings[1].at_us = f->started_us; /* all of it is since the start */
    }
    struct reading *r = f->readings;
    read_all(gateway, &r[2]);
    if (r[2].at_us - r[1].at_us >= WINDOW_US) {
        r[0] = r[1];
        r[1] = r[2];
    }
    *base = &r[0];
    *now = &r[2];
    return true;
}

/* ---- As JSON ---- */

/* The upper bound of the bucket that the quantile is in. */
static uint64_t commit_quantile_us(const struct reading *base, const struct reading *now, unsigned permille)
{
    int64_t count = 0, seen = 0;
    for (size_t i = 0; i < COMMIT_BUCKETS; i++) {
        count += now->commit[i] - base->commit[i];
    }
    for (size_t i = 0; i < COMMIT_BUCKETS && count > 0; i++) {
        seen += now->commit[i] - base->commit[i];
        if (seen * 1000 >= count * permille) {
            return (uint64_t)metrics_bucket_us[i < COUNT_OF(metrics_bucket_us) ? i : COUNT_OF(metrics_bucket_us) - 1];
        }
    }
    return 0;
}

static void add_quantiles(struct json_maker *m, const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS])
{
    uint64_t count = latency_count(before, after);
    json_make_number(m, "count", count);
    json_make_value(m, "p50Us", count == 0 ? json_null() : json_integer((json_int_t)latency_quantile_us(before, after, 500)));
    json_make_value(m, "p99Us", count == 0 ? json_null() : json_integer((json_int_t)latency_quantile_us(before, after, 990)));
}

static json_t *quantiles(const uint32_t before[LATENCY_BUCKETS], const uint32_t after[LATENCY_BUCKETS])
{
    struct json_maker m = json_make();
    add_quantiles(&m, before, after);
    return json_made(&m);
}

static json_t *steps_of(bool is_holder, const struct reading *base, const struct reading *now)
{
    const struct step_table *table = is_holder ? &holder_table : &consumer_table;
    json_t *list = json_array();
    for (size_t i = 0; i < table->count; i++) {
        struct json_maker m = json_make();
        json_make_text(&m, "name", table->steps[i].name);
        json_make_bool(&m, "elsewhere", i == table->elsewhere);
        add_quantiles(&m, base->steps[is_holder][i], now->steps[is_holder][i]);
        if (!json_list_add(list, json_made(&m))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Of the last seconds that were noted, in all, by which = 0, 1 (side), 2 (refused). With the lock held. */
static uint64_t recent(const struct figures *f, size_t which, size_t *seconds)
{
    uint64_t sum = 0;
    *seconds = f->seconds < RATE_SECONDS ? f->seconds : RATE_SECONDS;
    for (size_t i = 0; i < *seconds; i++) {
        sum += f->history[(f->seconds - 1 - i) % HISTORY_SECONDS][which];
    }
    return sum;
}

static json_t *side_of(const struct figures *f, bool is_holder, const struct reading *base, const struct reading *now)
{
    struct json_maker m = json_make();
    size_t seconds = 0;
    uint64_t sum = recent(f, is_holder, &seconds);
    json_make_value(&m, "perSecond", json_real(seconds == 0 ? 0 : (double)(sum * 10 / seconds) / 10));
    json_make_number(&m, "permitted", gateway_counted(is_holder, false));
    json_make_number(&m, "refused", gateway_counted(is_holder, true));
    json_make_value(&m, "whole", quantiles(base->whole[is_holder], now->whole[is_holder]));
    json_make_value(&m, "added", quantiles(base->added[is_holder], now->added[is_holder]));
    json_make_value(&m, "steps", steps_of(is_holder, base, now));
    return json_made(&m);
}

/* The oldest first, [consumer, holder, refused] in each second. */
static json_t *history_of(const struct figures *f)
{
    json_t *list = json_array();
    size_t count = f->seconds < HISTORY_SECONDS ? f->seconds : HISTORY_SECONDS;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *row = f->history[(f->seconds - count + i) % HISTORY_SECONDS];
        if (!json_list_add(list, json_pack("[I, I, I]", (json_int_t)row[0], (json_int_t)row[1], (json_int_t)row[2]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *refusals_of(const struct reading *base, const struct reading *now)
{
    json_t *list = json_array();
    for (size_t i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (now->refused[i] == 0) {
            continue;
        }
        json_t *one = json_pack("{s:s, s:s, s:I, s:I}", "reason", reason_code((enum reason)i), "meaning", reason_meaning((enum reason)i),
                                "count", (json_int_t)now->refused[i], "recent", (json_int_t)(now->refused[i] - base->refused[i]));
        if (!json_list_add(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static double per_second(uint64_t count, const struct reading *base, const struct reading *now)
{
    uint64_t us = now->at_us - base->at_us;
    return us == 0 ? 0 : (double)(count * 10000000 / us) / 10;
}

static uint64_t gauge(const char *name)
{
    int64_t value = metric_read(name, "");
    return value < 0 ? 0 : (uint64_t)value;
}

static json_t *log_of(const struct gateway *gateway, const struct reading *base, const struct reading *now)
{
    struct json_maker m = json_make();
    const uint64_t entries = now->entries, published = gauge("comity_evidence_published_entries");
    json_make_number(&m, "entries", entries);
    json_make_value(&m, "perSecond", json_real(per_second(entries - base->entries, base, now)));
    json_make_number(&m, "unpublished", entries > published ? entries - published : 0);
    json_make_number(&m, "commitP50Us", commit_quantile_us(base, now, 500));
    json_make_number(&m, "commitP99Us", commit_quantile_us(base, now, 990));
    struct json_maker queues = json_make();
    json_make_number(&queues, "committer", gauge("comity_evidence_queue_entries"));
    json_make_number(&queues, "usesIndex", gauge("comity_consent_uses_lag_entries"));
    json_make_number(&queues, "obligations", gauge("comity_gateway_obligations_lag"));
    json_make_number(&queues, "underWay", atomic_load_explicit(&gateway->requests, memory_order_relaxed));
    json_make_value(&m, "queues", json_made(&queues));
    return json_made(&m);
}

static json_t *witnesses_of(const struct gateway *gateway)
{
    struct json_maker m = json_make();
    const struct witnessing *w = gateway->witnessing;
    if (w == NULL || w->cosigner == NULL) {
        json_make_bool(&m, "wanted", false);
        return json_made(&m);
    }
    const struct cosigner_status status = cosigner_status(w->cosigner);
    const int64_t age_s = status.time_s == 0 ? -1 : time_now_ms() / 1000 - (int64_t)status.time_s;
    json_make_bool(&m, "wanted", true);
    json_make_number(&m, "asked", status.asked);
    json_make_number(&m, "answered", status.answered);
    json_make_number(&m, "cosignedEntries", status.size);
    json_make_value(&m, "ageSeconds", age_s < 0 ? json_null() : json_integer(age_s));
    return json_made(&m);
}

/* Each with how much of what is published it does not hold yet. */
static json_t *mirrors_of(void)
{
    json_t *list = json_array();
    const struct metric *behind = NULL;
    while ((behind = metric_find_next("comity_mirror_behind_entries", behind)) != NULL) {
        struct bytes label = bytes_of_text(behind->labels), name;
        (void)bytes_split(&label, '"', &name);
        (void)bytes_split(&label, '"', &name);
        struct json_maker m = json_make();
        json_make_bytes(&m, "mirror", name);
        json_make_number(&m, "behindEntries", (uint64_t)atomic_load_explicit(&behind->value, memory_order_relaxed));
        if (!json_list_add(list, json_made(&m))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *process_of(const struct gateway *gateway, const struct reading *base, const struct reading *now)
{
    struct json_maker m = json_make();
    unsigned long long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &all, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    json_make_number(&m, "residentBytes", resident * (unsigned long long)sysconf(_SC_PAGESIZE));
    uint64_t us = now->at_us - base->at_us;
    json_make_value(&m, "cpuPercent", json_real(us == 0 ? 0 : (double)((now->cpu_us - base->cpu_us) * 1000 / us) / 10));
    json_make_number(&m, "connections", gauge("comity_net_connections"));
    struct statvfs disk;
    bool has_disk = gateway->config->records_folder != NULL && statvfs(gateway->config->records_folder, &disk) == 0;
    json_make_value(&m, "diskFreeBytes", has_disk ? json_integer((json_int_t)((uint64_t)disk.f_bavail * disk.f_frsize)) : json_null());
    json_make_value(&m, "diskBytes", has_disk ? json_integer((json_int_t)((uint64_t)disk.f_blocks * disk.f_frsize)) : json_null());
    return json_made(&m);
}

static json_t *make(struct gateway *gateway, const struct snapshot *snapshot, const struct reading *base, const struct reading *now)
{
    const struct figures *f = gateway->figures;
    struct json_maker m = json_make();
    struct error why = { 0 };
    char text[sizeof why];
    int64_t now_ms = time_now_ms();
    bool is_ready = gateway_is_ready(gateway, &why);
    size_t seconds = 0;
    uint64_t refused = recent(f, 2, &seconds);
    json_make_time(&m, "time", now_ms);
    json_make_bytes(&m, "member", gateway->config->member_text);
    json_make_bytes(&m, "origin", gateway->config->origin);
    json_make_text(&m, "version", COMITY_VERSION);
    json_make_bool(&m, "ready", is_ready);
    json_make_value(&m, "why", is_ready ? json_null() : json_string(error_text(&why, text, sizeof text)));
    json_make_number(&m, "upSeconds", (now->at_us - f->started_us) / 1000000);
    json_make_value(&m, "windowSeconds", json_real((double)((now->at_us - base->at_us) / 100000) / 10));
    json_make_value(&m, "consumer", side_of(f, false, base, now));
    json_make_value(&m, "holder", side_of(f, true, base, now));
    json_make_value(&m, "refusedPerSecond", json_real(seconds == 0 ? 0 : (double)(refused * 10 / seconds) / 10));
    json_make_value(&m, "history", history_of(f));
    json_make_value(&m, "refusals", refusals_of(base, now));
    json_make_value(&m, "peers", figures_peers(gateway, snapshot, now_ms));
    json_make_value(&m, "directories", figures_directories(gateway, snapshot, now_ms));
    json_make_value(&m, "certificates", figures_certificates(gateway, now_ms));
    json_make_value(&m, "log", log_of(gateway, base, now));
    json_make_value(&m, "witnesses", witnesses_of(gateway));
    json_make_value(&m, "mirrors", mirrors_of());
    json_make_value(&m, "process", process_of(gateway, base, now));
    return json_made(&m);
}

bool gateway_figures(struct gateway *gateway, json_t **out, struct error *e)
{
    const struct reading *base = NULL, *now = NULL;
    struct snapshot *snapshot = gateway_snapshot(gateway);
    *out = NULL;
    (void)pthread_mutex_lock(&gateway->figures->lock);
    bool ok = take_reading(gateway, &base, &now, e);
    if (ok) {
        *out = make(gateway, snapshot, base, now);
        ok = *out != NULL || error_memory(e, "figures");
    }
    (void)pthread_mutex_unlock(&gateway->figures->lock);
    snapshot_release(snapshot);
    return ok;
}
