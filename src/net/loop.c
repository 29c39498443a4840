#include "net/loop_internal.h"

#include <signal.h>
#include <stdlib.h>

/*
 * Timers: a wheel of 256 slots of LOOP_TICK_MS, 25.6 s round. A timer due later than a round is filed in the furthest slot and filed again
 * when that comes up. A timer that is set to a later time than it is filed for stays where it is: its slot finds it not due and files it
 * again. So a connection that sets its timer at each piece of data costs a store a piece, and one move of the list a period.
 */
enum { SLOT_COUNT = 256 };

struct loop {
    uv_loop_t *uv;
    size_t holders;
    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_timer_t ticker;
    unsigned open_handles;
    bool is_working;
    struct loop_work work[LOOP_PHASE_COUNT]; /* list heads */
    struct loop_timer slots[SLOT_COUNT];     /* list heads */
    size_t timer_count;
    uint64_t tick; /* the last one that was worked off */
    void (*closed)(void *context);
    void *closed_context;
    uint8_t *read_buffer;
    uint8_t *plain_buffer;
    uint8_t *record_buffer;
};

static void work_run(uv_prepare_t *prepare);
static void tick_run(uv_timer_t *ticker);

static bool loop_open_handles(struct loop *loop, struct error *e)
{
    int failed = uv_prepare_init(loop->uv, &loop->prepare);
    if (failed == 0) {
        failed = uv_idle_init(loop->uv, &loop->idle);
    }
    if (failed == 0) {
        failed = uv_timer_init(loop->uv, &loop->ticker);
    }
    if (failed != 0) { /* these three only link the handle into the loop: libuv documents no failure */
        return error_set(e, ERROR_IO, "event loop", NULL, "%s", uv_strerror(failed));
    }
    loop->prepare.data = loop->idle.data = loop->ticker.data = loop;
    loop->open_handles = 3;
    uv_unref((uv_handle_t *)&loop->ticker); /* timers belong to streams, which keep the loop alive themselves */
    return true;
}

/* libuv writes without MSG_NOSIGNAL: a peer that has closed would end the process. Whoever has a handler of their own keeps it. */
static void ignore_broken_pipes(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_DFL) {
        const struct sigaction ignored = { .sa_handler = SIG_IGN };
        (void)sigaction(SIGPIPE, &ignored, NULL); /* fails only for a signal that can't be ignored */
    }
}

bool loop_retain(struct loop **out, uv_loop_t *uv, struct error *e)
{
    struct loop *loop = uv_loop_get_data(uv);
    *out = loop;
    if (loop != NULL) {
        loop->holders++;
        return true;
    }
    ignore_broken_pipes();
    loop = calloc(1, sizeof *loop);
    uint8_t *buffers = malloc(3 * (size_t)LOOP_READ_SIZE);
    if (loop == NULL || buffers == NULL) {
        free(loop);
        free(buffers);
        return error_memory(e, "event loop");
    }
    *loop = (struct loop){ .uv = uv, .holders = 1, .read_buffer = buffers };
    loop->plain_buffer = buffers + LOOP_READ_SIZE;
    loop->record_buffer = loop->plain_buffer + LOOP_READ_SIZE;
    for (size_t i = 0; i < LOOP_PHASE_COUNT; i++) {
        loop->work[i].previous = loop->work[i].next = &loop->work[i];
    }
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        loop->slots[i].previous = loop->slots[i].next = &loop->slots[i];
    }
    if (!loop_open_handles(loop, e)) {
        free(buffers);
        free(loop);
        return false;
    }
    uv_loop_set_data(uv, loop);
    *out = loop;
    return true;
}

static void handle_closed(uv_handle_t *handle)
{
    struct loop *loop = handle->data;
    if (--loop->open_handles > 0) {
        return;
    }
    void (*closed)(void *context) = loop->closed;
    void *context = loop->closed_context;
    free(loop->read_buffer);
    free(loop);
    if (closed != NULL) {
        closed(context);
    }
}

void loop_release(struct loop *loop, void (*done)(void *context), void *context)
{
    if (--loop->holders > 0) {
        if (done != NULL) {
            done(context);
        }
        return;
    }
    uv_loop_set_data(loop->uv, NULL); /* who comes now gets a fresh one */
    loop->closed = done;
    loop->closed_context = context;
    uv_close((uv_handle_t *)&loop->prepare, handle_closed);
    uv_close((uv_handle_t *)&loop->idle, handle_closed);
    uv_close((uv_handle_t *)&loop->ticker, handle_closed);
}

uv_loop_t *loop_uv(const struct loop *loop)
{
    return loop->uv;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(loop->uv);
}

uint8_t *loop_read_buffer(struct loop *loop)
{
    return loop->read_buffer;
}

uint8_t *loop_plain_buffer(struct loop *loop)
{
    return loop->plain_buffer;
}

uint8_t *loop_record_buffer(struct loop *loop)
{
    return loop->record_buffer;
}

/* ---- Timers ---- */

static void timer_unlink(struct loop_timer *timer)
{
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->previous = timer->next = NULL;
}

static void timer_file(struct loop *loop, struct loop_timer *timer)
{
    uint64_t tick = (timer->due_ms + LOOP_TICK_MS - 1) / LOOP_TICK_MS;
    if (tick <= loop->tick) {
        tick = loop->tick + 1;
    }
    if (tick > loop->tick + SLOT_COUNT - 1) {
        tick = loop->tick + SLOT_COUNT - 1;
    }
    timer->filed_ms = tick * LOOP_TICK_MS;
    struct loop_timer *head = &loop->slots[tick % SLOT_COUNT];
    timer->previous = head->previous;
    timer->next = head;
    head->previous->next = timer;
    head->previous = timer;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t in_ms, void (*fired)(void *context), void *context)
{
    timer->due_ms = uv_now(loop->uv) + in_ms;
    timer->fired = fired;
    timer->context = context;
    if (timer->next != NULL) {
        if (timer->due_ms >= timer->filed_ms) {
            return;
        }
        timer_unlink(timer);
    } else if (loop->timer_count++ == 0) {
        loop->tick = uv_now(loop->uv) / LOOP_TICK_MS;
        (void)uv_timer_start(&loop->ticker, tick_run, LOOP_TICK_MS, LOOP_TICK_MS); /* fails only while closing, or without callback */
    }
    timer->loop = loop;
    timer_file(loop, timer);
}

void loop_timer_clear(struct loop_timer *timer)
{
    if (timer->next == NULL) {
        return;
    }
    timer_unlink(timer);
    if (--timer->loop->timer_count == 0) {
        (void)uv_timer_stop(&timer->loop->ticker);
    }
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->next != NULL;
}

static void slot_run(struct loop *loop, struct loop_timer *head)
{
    if (head->next == head) {
        return;
    }
    /* Moved to a list of its own first: what fires may set timers, for this very slot too, and may clear any of these. */
    struct loop_timer due = { .previous = head->previous, .next = head->next };
    due.previous->next = due.next->previous = &due;
    head->previous = head->next = head;
    while (due.next != &due) {
        struct loop_timer *timer = due.next;
        if (timer->due_ms > uv_now(loop->uv)) {
            timer_unlink(timer);
            timer_file(loop, timer);
            continue;
        }
        loop_timer_clear(timer);
        timer->fired(timer->context);
    }
}

static void tick_run(uv_timer_t *ticker)
{
    struct loop *loop = ticker->data;
    uint64_t now = uv_now(loop->uv) / LOOP_TICK_MS;
    if (now > loop->tick + SLOT_COUNT) { /* the process stood still: one round visits every slot */
        loop->tick = now - SLOT_COUNT;
    }
    while (loop->tick < now && loop->timer_count > 0) {
        loop->tick++;
        slot_run(loop, &loop->slots[loop->tick % SLOT_COUNT]);
    }
}

/* ---- Work at the end of a turn ---- */

static void idle_run(uv_idle_t *idle)
{
    (void)idle; /* being active is all: the loop doesn't wait */
}

void loop_work_add(struct loop *loop, enum loop_phase phase, struct loop_work *work, void (*run)(void *context), void *context)
{
    if (work->next != NULL) {
        return;
    }
    work->run = run;
    work->context = context;
    struct loop_work *head = &loop->work[phase];
    work->previous = head->previous;
    work->next = head;
    head->previous->next = work;
    head->previous = work;
    if (!loop->is_working) {
        loop->is_working = true;
        (void)uv_prepare_start(&loop->prepare, work_run); /* these two fail only without a callback */
        (void)uv_idle_start(&loop->idle, idle_run);
    }
}

void loop_work_remove(struct loop_work *work)
{
    if (work->next == NULL) {
        return;
    }
    work->previous->next = work->next;
    work->next->previous = work->previous;
    work->previous = work->next = NULL;
}

/* What waited for this turn comes before what this turn has put off. */
static void work_move_next(struct loop *loop)
{
    struct loop_work *from = &loop->work[LOOP_NEXT], *to = &loop->work[LOOP_DISPATCH];
    if (from->next == from) {
        return;
    }
    from->previous->next = to->next;
    to->next->previous = from->previous;
    to->next = from->next;
    from->next->previous = to;
    from->previous = from->next = from;
}

static void work_run(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    work_move_next(loop);
    for (size_t phase = 0; phase < LOOP_NEXT;) {
        struct loop_work *work = loop->work[phase].next;
        if (work == &loop->work[phase]) {
            phase++;
            continue;
        }
        loop_work_remove(work);
        work->run(work->context);
        phase = 0; /* flushing may have made dispatching necessary */
    }
    if (loop->work[LOOP_NEXT].next != &loop->work[LOOP_NEXT]) {
        return; /* prepare and idle stay active: the loop comes straight back */
    }
    loop->is_working = false;
    if (!uv_is_closing((uv_handle_t *)&loop->prepare)) {
        (void)uv_prepare_stop(&loop->prepare);
        (void)uv_idle_stop(&loop->idle);
    }
}
