#include "api/work.h"

#include <stdlib.h>

struct work_group {
    uv_loop_t *loop;
    unsigned running, running_max, waiting, waiting_max;
    struct work *first, *last; /* of those that wait */
    bool is_stopping;
    void (*done)(void *context);
    void *context;
};

struct work_group *work_group_make(uv_loop_t *loop, unsigned running_max, unsigned waiting_max)
{
    struct work_group *group = calloc(1, sizeof *group);
    if (group != NULL) {
        group->loop = loop;
        group->running_max = running_max;
        group->waiting_max = waiting_max;
    }
    return group;
}

size_t work_group_count(const struct work_group *group)
{
    return (size_t)group->running + group->waiting;
}

static void free_if_over(struct work_group *group)
{
    if (!group->is_stopping || group->running > 0 || group->waiting > 0) {
        return;
    }
    void (*done)(void *) = group->done;
    void *context = group->context;
    free(group);
    if (done != NULL) {
        done(context);
    }
}

static void run_work(uv_work_t *uv)
{
    struct work *work = uv->data;
    work->run(work);
}

static void after_work(uv_work_t *uv, int status);

/* False: libuv has no memory for it. */
static bool queue(struct work_group *group, struct work *work)
{
    work->uv.data = work;
    if (uv_queue_work(group->loop, &work->uv, run_work, after_work) != 0) {
        return false;
    }
    group->running++;
    return true;
}

static void after_work(uv_work_t *uv, int status)
{
    struct work *work = uv->data;
    struct work_group *group = work->group;
    (void)status; /* never cancelled */
    group->running--;
    struct work *next = group->first;
    /* What can't be queued now keeps its place, and the next that ends tries again; uv_queue_work() fails for a NULL callback only. */
    if (next != NULL && queue(group, next)) {
        group->first = next->next;
        group->last = group->first == NULL ? NULL : group->last;
        group->waiting--;
    }
    work->done(work);
    free_if_over(group);
}

bool work_start(struct work_group *group, struct work *work, struct error *e)
{
    work->group = group;
    work->next = NULL;
    if (group->is_stopping) {
        return error_set(e, ERROR_FULL, "thread pool", "try again later", "the gateway is stopping");
    }
    if (group->running < group->running_max) {
        return queue(group, work) || error_set(e, ERROR_FULL, "thread pool", "try again later", "the work can't be queued");
    }
    if (group->waiting >= group->waiting_max) {
        return error_set(e, ERROR_FULL, "thread pool", "try again later", "%u requests are waiting already", group->waiting);
    }
    if (group->last == NULL) {
        group->first = work;
    } else {
        group->last->next = work;
    }
    group->last = work;
    group->waiting++;
    return true;
}

void work_group_stop(struct work_group *group, void (*done)(void *context), void *context)
{
    group->is_stopping = true;
    group->done = done;
    group->context = context;
    free_if_over(group);
}
