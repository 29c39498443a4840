/*
 * Counters that the law and the consents name: how often a record was used (`total`, and `max` in each period), how many distinct persons an exporter
 * has let out of the country in a year, how many distinct persons a consumer asked about of late, and how that compares with what a service is used to.
 *
 * They are exact and durable because the log is the counter. An answer that leaves is one entry, submitted in the same moment in which it is
 * counted in memory (consents_release()), and the decision event that it names says what it counts for. The store holds the counts up to an entry; what
 * stands behind is read from the log at the start. So nothing is lost or doubled by a crash, and anyone who may open the log can count again.
 * Persons are known by keyed hashes; the key is in the store. docs/formats/events.md, "What is counted".
 */
#ifndef COMITY_CONSENT_COUNTERS_H
#define COMITY_CONSENT_COUNTERS_H

#include "consent/consent.h"

struct counters;

/* One use of a record with limits. Line `use: <record> <window_ms>` of the decision event. */
struct counter_use {
    struct bytes record;
    int64_t window_ms; /* when the present period of the record began: counters_window() */
    uint64_t max;      /* so many in a period; 0: any number */
    uint64_t total;    /* so many in all; 0: any number */
};
/* The period that `now_ms` lies in, counted from `from_ms`; `from_ms` when `per` is zero, or not begun. Pure. */
int64_t counters_window(int64_t from_ms, struct period per, int64_t now_ms);
/* How often it was used, in this period (or in one that began later, should a clock have gone back) and in all. Any thread; no disk, no memory. */
void counters_peek_use(struct counters *counters, const struct counter_use *use, uint64_t *in_window, uint64_t *in_all);

/* A person goes out of the country. Lines `export: <year_ms> <exporter>` and `sensitive: yes`. */
struct counter_export {
    struct bytes exporter; /* COMMUNITY/CLASS/MEMBER */
    int64_t year_ms;       /* when the counting year began */
    struct bytes person;
    bool is_sensitive;
    uint64_t max, max_sensitive; /* so many distinct persons in the year, this one among them; 0: any number */
};
struct counter_exported {
    uint64_t persons, sensitive_persons;      /* distinct, in the year; who went out as sensitive is among the persons, too */
    bool is_counted, is_counted_as_sensitive; /* this person is among them */
};
void counters_peek_export(struct counters *counters, const struct counter_export *exported, struct counter_exported *out);

/* A consumer asks about a person: every decision, whatever it says. Lines `client`, `service`, `person`, `time`. */
enum {
    COUNTER_STEP_MS = 5 * 60 * 1000,             /* in which a window is counted: it is up to one step longer than asked for */
    COUNTER_WINDOW_STEPS_MAX = 31 * 24 * 60 / 5, /* 31 days */
    COUNTER_RATE_MS = 60 * 60 * 1000,            /* a service's history goes by the hour */
    COUNTER_RATE_WEIGHT = 24,                    /* an hour counts for 1/24: some days of memory */
    COUNTER_CONSUMERS_MAX = 4096,                /* past them a consumer has asked for too much */
    COUNTER_ASKED_MAX = 8 * 1000 * 1000,         /* consumer and person: as well */
};
struct counter_ask {
    struct bytes client;  /* as the event has it: its first three parts are the consumer */
    struct bytes service; /* likewise, whole */
    struct bytes person;
    int64_t now_ms;    /* the decision's time */
    int64_t window_ms; /* at most 31 days */
};
struct counter_asked {
    uint64_t persons;   /* distinct persons in the window, without this one */
    bool is_known;      /* this one is among those of the window */
    bool is_full;       /* too many to be told apart: refuse */
    uint64_t recent;    /* requests about persons at this service in the present hour, without this one */
    uint64_t usual;     /* in an hour, on average (exponentially weighted) of those before; 0: no history yet */
    uint64_t deviation; /* the standard deviation of the same */
    uint64_t hours;     /* so many hours of history */
};
/* What was asked before this request. Any thread; no disk, no memory. */
void counters_peek_asked(struct counters *counters, const struct counter_ask *ask, struct counter_asked *out);
/* Counts the request; once for each decision event. Takes memory for a new person. */
void counters_add_ask(struct counters *counters, const struct counter_ask *ask);
/*
 * An operator let the consumer go on (event `hold/1`, `released`): the persons that it asked about before, at any service, no longer count, nor do the
 * requests of this hour at this service. In memory at once; in the store when the log's entry is counted. Any thread.
 */
void counters_forgive(struct counters *counters, struct bytes consumer, struct bytes service);

/* What a release counts for. All or nothing. */
struct counter_release {
    const struct counter_use *uses;
    size_t use_count;
    const struct counter_export *exported; /* NULL: it stays in the country */
};
/*
 * A release counts in two steps, with the submission of its entry between them, all three under the lock that orders withdrawals: nobody else
 * counts meanwhile. Preparing looks at the limits, and makes room. False: one would be exceeded, or there is no memory; `*exceeded_use` (may be NULL):
 * which use; use_count: the export.
 */
must_check bool counters_prepare_release(struct counters *counters, const struct counter_release *release, size_t *exceeded_use);
void counters_count_release(struct counters *counters, const struct counter_release *release);

/*
 * Store and disks are borrowed and outlive *out. Makes the key at the first time, brings the store's counts up to the log, and reads them. ERROR_INPUT: an
 * entry, or what is stored, is damaged. Without disks (NULL): for a log that is not there; nothing is read from it.
 */
must_check bool counters_open(struct counters **out, struct store *store, struct disk *public, struct disk *private, struct error *e);
void counters_close(struct counters *counters); /* NULL is allowed */
/*
 * Brings the store's counts up to the log, by at most `max_entries`; `*lag` (may be NULL): what is left. What is not done is done at the next start.
 * Blocks; one at a time (a mutex inside).
 */
must_check bool counters_catch_up(struct counters *counters, size_t max_entries, uint64_t *lag, struct error *e);
/* How many entries of the log the store's counts have; 0: nothing was counted. */
must_check bool counters_read_next(struct store *store, uint64_t *next, struct error *e);

#endif
