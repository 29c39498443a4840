/*
 * Finding exchanges in a gateway's log: by id, other member, service, reason and time, newest first. What the log says is read from the log; beside
 * it, for each thousand entries, a summary of a KiB says what can't be among them, so that a search passes over them. The summaries are derived: in the
 * background, a bounded number a second, and by a search that meets none. They never stand in a message's way, name nobody, and can be thrown away.
 */
#ifndef COMITY_CONSENT_EXCHANGE_FIND_H
#define COMITY_CONSENT_EXCHANGE_FIND_H

#include "base/disk.h"
#include "evidence/log.h"
#include "store/store.h"

enum {
    FIND_BLOCK_ENTRIES = 1024,
    FIND_SUMMARY_SIZE = 1024, /* a Bloom filter: one byte an entry */
    /* What bounds one search: so many entries are read, so many summaries looked at. Some 100 ms each. */
    FIND_ENTRIES_MAX = 64 * 1024,
    FIND_SUMMARIES_MAX = 16 * 1024,
};

struct exchange_finder;
/* Reads the log's two disks beside a running gateway; all three are borrowed and must outlive *out. */
must_check bool exchange_finder_open(struct exchange_finder **out, struct store *store, struct disk *public, struct disk *private,
                                     struct error *e);
void exchange_finder_close(struct exchange_finder *finder); /* NULL is allowed */

/* Summarises up to `max_blocks` more; `*lag`: whole blocks of entries that have none yet. Blocks. Any thread, one at a time (a mutex inside). */
must_check bool exchange_finder_catch_up(struct exchange_finder *finder, size_t max_blocks, uint64_t *lag, struct error *e);

/* How an exchange ended, as its last entry in this log says. Views until the callback returns. */
struct exchange_found {
    uint64_t entry;
    int64_t time_ms;
    bool is_holder; /* this gateway's side in it */
    bool is_refused;
    struct bytes exchange;                /* its id */
    struct bytes client, service, reason; /* encoded; a code. Empty where nothing was said */
    uint64_t status;                      /* of the answer; 0: there was none */
};
/* What is empty (or 0, INT64_MAX) matches all. */
struct exchange_query {
    struct bytes exchange; /* the id */
    struct bytes peer;     /* COMMUNITY/CLASS/MEMBER: the other side's */
    struct bytes service;  /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE */
    struct bytes reason;
    bool is_decided; /* by the reason of our decision, where the other side was told another: such an exchange is found by that entry */
    int64_t from_ms, until_ms;
    uint64_t before; /* entries from there on are not looked at: `next` of the page before, UINT64_MAX at first */
    size_t rows_max;
};
/* How far it came. */
struct exchange_page_found {
    uint64_t next;          /* for `before` */
    bool is_last;           /* nothing is behind it */
    int64_t searched_to_ms; /* of the oldest entry or summary that was looked at */
};
typedef bool exchange_find_each(void *context, const struct exchange_found *found); /* false stops; the page then goes on there */
/* Newest first. ERROR_INPUT: an entry is damaged. */
must_check bool exchange_find(struct exchange_finder *finder, const struct exchange_query *query, exchange_find_each *each, void *context,
                              struct exchange_page_found *page, struct error *e);

/* All entries of one exchange, newest first, as far as the bounds of a search from `before` reach; erased ones are not known to be of it. */
typedef bool exchange_entry_each(void *context, const struct log_entry *entry);
must_check bool exchange_find_entries(struct exchange_finder *finder, struct bytes exchange, uint64_t before, exchange_entry_each *each,
                                      void *context, struct exchange_page_found *page, struct error *e);

#endif
