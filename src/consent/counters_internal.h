/* What counters.c (memory) and counters_log.c (the log and the store) share. */
#ifndef COMITY_CONSENT_COUNTERS_INTERNAL_H
#define COMITY_CONSENT_COUNTERS_INTERNAL_H

#include <pthread.h>

#include "consent/count_table_internal.h"
#include "consent/counters.h"

enum { COUNTERS_SECRET_SIZE = 32 };

struct record_row {
    uint8_t key[COUNT_KEY_SIZE];
    uint64_t in_all, in_window;
    int64_t window_ms;
};
struct year_row { /* of an exporter */
    uint8_t key[COUNT_KEY_SIZE];
    uint64_t persons, sensitive_persons;
};
struct exported_row {
    uint8_t key[COUNT_KEY_SIZE];
    uint64_t is_sensitive;
};
struct asked_row {
    uint8_t key[COUNT_KEY_SIZE];
    int64_t step; /* of the last time */
};
struct consumer_row {
    uint8_t key[COUNT_KEY_SIZE];
    int64_t newest;    /* step */
    uint64_t forgiven; /* how often: other keys in `asked`, so that those before are not found */
    uint32_t *steps;   /* of how many persons the last time was in this step: a ring */
};
struct rate_row { /* of a service */
    uint8_t key[COUNT_KEY_SIZE];
    int64_t hour;
    uint64_t in_hour, hours; /* hours: before this one */
    double mean, variance;
    uint64_t is_changed; /* since it was stored */
};
/* A permit whose answer is still to come. */
struct pending_row {
    uint8_t key[COUNT_KEY_SIZE]; /* of the decision's digest */
    uint64_t entry;
    int64_t time_ms;
    uint8_t *text;
    uint64_t size;
};

struct counters {
    struct store *store;
    struct disk *public, *private;
    uint8_t secret[COUNTERS_SECRET_SIZE];
    pthread_mutex_t mutex; /* of what is in memory: the tables up to the blank line */
    struct count_table uses, years, exported, asked, consumers, rates;

    pthread_mutex_t log_mutex; /* of what follows the log: the rest */
    struct log_reader *reader;
    struct count_table logged_rates; /* up to `next` */
    struct count_table pending;
    uint64_t next;
    bool is_torn;    /* a transaction failed: what follows the log begins anew from what is stored */
    bool is_opening; /* what is read from the log goes into memory, too */
};

/* Keys: each domain its own, each part with its size, under the secret. */
void counters_key_use(const struct counters *counters, struct bytes record, uint8_t key[COUNT_KEY_SIZE]);
void counters_key_year(const struct counters *counters, struct bytes exporter, int64_t year_ms, uint8_t key[COUNT_KEY_SIZE]);
void counters_key_exported(const struct counters *counters, const uint8_t year[COUNT_KEY_SIZE], struct bytes person,
                           uint8_t key[COUNT_KEY_SIZE]);
void counters_key_consumer(const struct counters *counters, struct bytes client, uint8_t key[COUNT_KEY_SIZE]);
void counters_key_asked(const struct counters *counters, const uint8_t consumer[COUNT_KEY_SIZE], struct bytes person,
                        uint8_t key[COUNT_KEY_SIZE]);
void counters_key_rate(const struct counters *counters, struct bytes service, uint8_t key[COUNT_KEY_SIZE]);

/* One use more, as memory and store count it. */
void record_row_add(struct record_row *row, int64_t window_ms);
/* One request more in a service's history. Pure. */
void rate_row_add(struct rate_row *row, int64_t now_ms);
/* As it is at `now_ms`, without a request. */
void rate_row_move(struct rate_row *row, int64_t now_ms);
int64_t counters_step(int64_t now_ms);

/* By whoever has `mutex`, with stored keys. False: no memory. */
must_check bool counters_put_exported(struct counters *counters, const uint8_t year[COUNT_KEY_SIZE], const uint8_t person[COUNT_KEY_SIZE],
                                      bool is_sensitive);
/* False: no memory, or too many: counters_peek_asked() then says so. */
bool counters_put_asked(struct counters *counters, const uint8_t consumer[COUNT_KEY_SIZE], const uint8_t asked[COUNT_KEY_SIZE],
                        int64_t step);

#endif
