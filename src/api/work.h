/*
 * What a listener's requests make the thread pool do: at most so many at once, the others wait their turn, and beyond that they are refused.
 * All functions on the loop; only `run` is on the pool.
 */
#ifndef COMITY_API_WORK_H
#define COMITY_API_WORK_H

#include <uv.h>

#include "base/error.h"

struct work_group;
/* The first member of whatever is to be done; its owner frees it in `done`. Zeroed before work_start(). */
struct work {
    uv_work_t uv;
    struct work_group *group;
    void (*run)(struct work *work);  /* on the pool: may block */
    void (*done)(struct work *work); /* afterwards, on the loop; never from inside work_start() */
    struct work *next;
};

/* NULL when memory is out. */
must_check struct work_group *work_group_make(uv_loop_t *loop, unsigned running_max, unsigned waiting_max);
/* ERROR_FULL: so many are running and waiting already, or the group is stopping; `done` won't be called. */
must_check bool work_start(struct work_group *group, struct work *work, struct error *e);
size_t work_group_count(const struct work_group *group); /* running and waiting */
/* Takes no more; when the last one is done the group is freed and `done` (may be NULL) called: at once, if there is none. */
void work_group_stop(struct work_group *group, void (*done)(void *context), void *context);

#endif
