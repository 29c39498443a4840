/* What the files of the audit share: the two lists, and the telling of findings. */
#ifndef COMITY_AUDIT_AUDIT_INTERNAL_H
#define COMITY_AUDIT_AUDIT_INTERNAL_H

#include "audit/audit.h"

enum {
    AUDIT_ITEMS_MAX = 8 * 1024 * 1024, /* of one side: some 120 bytes each */
    AUDIT_SKEW_MS = 3600 * 1000,       /* their clock may differ from ours by less: the replay window sees to that */
    AUDIT_AT_END = 256,                /* so many requests may be on their way at once when a run ends badly */
    AUDIT_UNREAD_TOLD_MAX = 10,
};

struct audit_item {
    struct exchange_note note;
    bool is_refusal; /* of an answer of theirs that we keep: a refusal may come before the request was proven */
};
struct audit_list {
    struct arena arena; /* of the ids */
    struct audit_item *items;
    size_t count, capacity;
};

struct audit {
    const struct audit_own *own;
    const struct audit_peer *peer;
    const struct audit_options *options;
    struct audit_counts *counts;
    struct audit_list ours, theirs;
    uint64_t first, size; /* of our entries: looked at from the first up to the size */
    int64_t read_ms;      /* when our log was read: what is younger over there may not be here yet */
    struct checkpoint_cache *cache;
    struct peer_log own_log;
    struct marks {
        uint64_t *slots; /* checkpoints that were looked at already: hashes, 0 is free */
        size_t room, count;
        uint64_t seed;
    } seen;
    unsigned refreshes;
    uint64_t short_size; /* the largest that they signed and do not have */
    struct error failure;
};

void audit_tell(struct audit *a, enum audit_finding_kind kind, const struct audit_item *ours, const struct audit_item *theirs,
                const char *detail);
/* False: too many, or memory is out (a->failure). The id is copied. */
must_check bool audit_list_add(struct audit *a, struct audit_list *list, const struct exchange_note *note, bool is_refusal);
/* audit_own.c: reads our log, and holds each receipt and checkpoint against theirs. */
must_check bool audit_read_own(struct audit *a, struct error *e);
/* audit_compare.c: by exchange. */
void audit_sort(struct audit_list *list);
void audit_compare(struct audit *a);
/* audit_numbers.c: the numbers of requests, theirs and ours. False: memory is out. */
must_check bool audit_compare_numbers(struct audit *a);

#endif
