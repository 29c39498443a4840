#include "api/code_guard.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/metrics.h"

enum { ADDRESSES = 4096, KEY_SIZE = 48, US_PER_MS = 1000, US_PER_S = 1000 * 1000 };
static const uint64_t forgotten_after_us = UINT64_C(3600) * 1000 * 1000;

static struct metric failures = { .name = "comity_api_code_failures_total",
                                  .labels = "",
                                  .help = "codes on paper that were shown and were none, used, or over",
                                  .kind = METRIC_COUNTER },
                     limited = { .name = "comity_api_code_limited_total",
                                 .labels = "",
                                 .help = "tries of codes on paper that were refused because there were too many",
                                 .kind = METRIC_COUNTER };

void code_guard_metrics_register(void)
{
    metric_register(&failures);
    metric_register(&limited);
}

struct address {
    char key[KEY_SIZE]; /* "": free */
    unsigned failures;
    uint64_t until_us, last_us;
};
struct code_guard {
    pthread_mutex_t mutex;
    uint64_t second; /* of the failures that are counted */
    unsigned failures;
    struct address list[ADDRESSES];
};

struct code_guard *code_guard_make(void)
{
    struct code_guard *guard = calloc(1, sizeof *guard);
    if (guard != NULL && pthread_mutex_init(&guard->mutex, NULL) != 0) {
        free(guard);
        guard = NULL;
    }
    return guard;
}

void code_guard_free(struct code_guard *guard)
{
    if (guard != NULL) {
        (void)pthread_mutex_destroy(&guard->mutex);
        free(guard);
    }
}

/* "192.0.2.7:4711" without its port; of "[2001:db8:1:2::3]:4711" the first four groups: whoever has one address of IPv6 has its /64. */
static void make_key(const char *address, char out[KEY_SIZE])
{
    struct bytes view = bytes_of_text(address);
    size_t size = 0, groups = 0;
    bool is_v6 = view.size > 0 && view.data[0] == '[';
    size_t last = view.size;
    for (size_t i = view.size; i > 0 && last == view.size; i--) {
        last = view.data[i - 1] == ':' ? i - 1 : last;
    }
    struct bytes host = is_v6 ? bytes_slice(view, 1, bytes_find(view, ']')) : bytes_slice(view, 0, last);
    for (size_t i = 0; i < host.size && size < KEY_SIZE - 1; i++) {
        if (is_v6 && host.data[i] == ':') {
            groups++;
            if (groups == 4 || (i + 1 < host.size && host.data[i + 1] == ':')) {
                break; /* "::" in the first four: the rest of the /64 is zeros */
            }
        }
        out[size++] = (char)host.data[i];
    }
    out[size] = '\0';
}

/* The one of this key; a free or forgotten one, or the one that failed longest ago, when `is_to_be`. NULL else. */
static struct address *find(struct code_guard *guard, const char *key, uint64_t now_us, bool is_to_be)
{
    struct address *oldest = &guard->list[0];
    for (size_t i = 0; i < ADDRESSES; i++) {
        struct address *a = &guard->list[i];
        if (strcmp(a->key, key) == 0 && key[0] != '\0') {
            if (now_us - a->last_us > forgotten_after_us) {
                *a = (struct address){ .key = "" };
                break;
            }
            return a;
        }
        oldest = a->last_us < oldest->last_us ? a : oldest;
    }
    if (!is_to_be) {
        return NULL;
    }
    *oldest = (struct address){ .last_us = now_us };
    memcpy(oldest->key, key, KEY_SIZE);
    return oldest;
}

bool code_guard_may_try(struct code_guard *guard, const char *address, uint64_t now_us, int64_t *wait_ms)
{
    char key[KEY_SIZE] = { 0 };
    make_key(address, key);
    *wait_ms = 0;
    (void)pthread_mutex_lock(&guard->mutex);
    const struct address *a = find(guard, key, now_us, false);
    if (a != NULL && now_us < a->until_us) {
        *wait_ms = (int64_t)((a->until_us - now_us) / US_PER_MS) + 1;
    } else if (now_us / US_PER_S == guard->second && guard->failures >= CODE_FAILURES_PER_S) {
        *wait_ms = 1000;
    }
    (void)pthread_mutex_unlock(&guard->mutex);
    if (*wait_ms > 0) {
        metric_add(&limited, 1);
    }
    return *wait_ms == 0;
}

void code_guard_failed(struct code_guard *guard, const char *address, uint64_t now_us)
{
    char key[KEY_SIZE] = { 0 };
    make_key(address, key);
    (void)pthread_mutex_lock(&guard->mutex);
    struct address *a = find(guard, key, now_us, true);
    a->failures++;
    guard->failures = now_us / US_PER_S == guard->second ? guard->failures + 1 : 1;
    guard->second = now_us / US_PER_S;
    a->last_us = now_us;
    unsigned failed = a->failures;
    if (failed > CODE_FAILURES_FREE) {
        unsigned doublings = failed - CODE_FAILURES_FREE - 1;
        uint64_t wait_ms = doublings >= 6 ? CODE_WAIT_MAX_MS : UINT64_C(1000) << doublings;
        a->until_us = now_us + wait_ms * US_PER_MS;
    }
    (void)pthread_mutex_unlock(&guard->mutex);
    metric_add(&failures, 1);
    if (failed > CODE_FAILURES_FREE) {
        diag(DIAG_WARN, "api", "somebody guesses codes", "address", key, NULL);
    }
}

void code_guard_succeeded(struct code_guard *guard, const char *address)
{
    char key[KEY_SIZE] = { 0 };
    make_key(address, key);
    (void)pthread_mutex_lock(&guard->mutex);
    for (size_t i = 0; i < ADDRESSES; i++) {
        if (key[0] != '\0' && strcmp(guard->list[i].key, key) == 0) {
            guard->list[i] = (struct address){ .key = "" };
        }
    }
    (void)pthread_mutex_unlock(&guard->mutex);
}
