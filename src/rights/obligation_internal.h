/* What obligation.c (rows), obligation_derive.c (from the log) and received.c (the other side) share. */
#ifndef COMITY_RIGHTS_OBLIGATION_INTERNAL_H
#define COMITY_RIGHTS_OBLIGATION_INTERNAL_H

#include "rights/obligation.h"
#include "rights/rights_internal.h"

/* What is owed by one gateway for one cause; views. */
struct obligation_new {
    struct bytes person, recipient, gateway, cause, reason;
    enum notice_kind kind;
    const struct bytes *exchanges; /* 1 to DATA_NOTICE_EXCHANGES_MAX */
    size_t exchange_count;
    const struct bytes *categories;
    size_t category_count;
    unsigned part;      /* of the same cause and gateway, when there are more exchanges than one notice names */
    int64_t tell_at_ms; /* later than now: it waits */
    int64_t due_at_ms;
};
/* In the transaction of rights_begin(). One that was made before (by cause, reason, gateway and part) is left as it is. */
must_check bool obligation_add(struct rights *rights, const struct obligation_new *obligation, int64_t now_ms, struct error *e);

void obligation_follower_free(struct obligation_follower *follower); /* NULL is allowed */

/* When a failed telling is tried again: 5 s, doubling to an hour. */
int64_t obligation_retry_ms(int64_t attempts);

/* "a\nb" of a list, and back. */
void obligation_join(const struct bytes *list, size_t count, struct buffer *out);
must_check bool obligation_split(struct bytes text, struct arena *arena, struct bytes **list, size_t *count);

#endif
