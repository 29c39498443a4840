/* What the files of this part share: the handle, and one change with its event. */
#ifndef COMITY_RIGHTS_RIGHTS_INTERNAL_H
#define COMITY_RIGHTS_RIGHTS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "consent/event_text.h"
#include "rights/rights.h"

struct hold_row;            /* hold.c */
struct obligation_follower; /* obligation_derive.c */
struct rights {
    struct store *store;
    struct committer *committer; /* NULL: looking only */
    pthread_mutex_t changing;    /* held by a change until its event is in the log, so that both have changes in one order */

    pthread_mutex_t holding; /* guards `holds`; taken behind `changing` */
    struct hold_row *holds;  /* newest first */
    _Atomic size_t hold_count;
    bool has_hold_failed; /* out of memory while they were loaded */

    pthread_mutex_t following;            /* guards `follower`; taken before `changing` */
    struct obligation_follower *follower; /* NULL until the log is first followed */
};

/* Takes the mutex and begins the transaction. True: end it by rights_finish() or rights_give_up(). */
must_check bool rights_begin(struct rights *rights, struct error *e);
/* Writes an event of the change beside it. */
must_check bool rights_add_event(struct rights *rights, struct bytes subject, struct bytes text, struct error *e);
/*
 * Commits, and logs what is unlogged. `index` (may be NULL): where the last event is. False: nothing was changed; or, where the error says so, it was
 * changed and is not in the log yet.
 */
must_check bool rights_commit(struct rights *rights, uint64_t *index, struct error *e);
/* Both; gives up if the event can't be written. */
must_check bool rights_finish(struct rights *rights, struct bytes subject, struct bytes text, uint64_t *index, struct error *e);
void rights_give_up(struct rights *rights);

void rights_make_id(char prefix, char out[RIGHTS_ID_SIZE]);
/* Text from a person or an operator: UTF-8, no control characters but LF and tab, `least` to `most` bytes. */
must_check bool rights_check_text(struct bytes text, size_t least, size_t most, const char *where, struct error *e);
/* The same without LF and tab: a name, a reference, an identifier. */
must_check bool rights_check_line(struct bytes text, size_t least, size_t most, const char *where, struct error *e);
/* A text that may be absent: NULL in the store. */
struct store_value rights_text_or_null(struct bytes text);

#endif
