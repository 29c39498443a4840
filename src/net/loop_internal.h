/*
 * What the connections of one uv loop share: the read buffer, the coarse timers, and the work that is put off to the end of a turn
 * (dispatching calls, then flushing streams). Found through uv_loop_get_data(): the loop's data belongs to net. One thread.
 *
 * The end of a turn: a prepare handle runs just before the loop would wait, so everything that one turn's callbacks wrote leaves
 * together; while work is put off, an idle handle keeps the loop from waiting.
 */
#ifndef COMITY_NET_LOOP_INTERNAL_H
#define COMITY_NET_LOOP_INTERNAL_H

#include <uv.h>

#include "base/error.h"

struct loop;

/* The loop's shared state, made at the first use and counted: each success needs one loop_release(). The first one makes the process
 * ignore SIGPIPE, unless it has a handler for it. */
must_check bool loop_retain(struct loop **out, uv_loop_t *uv, struct error *e);
/* At the last release the shared handles are closed. `done` (may be NULL) is called when that has happened, or at once, from inside, when
 * others still hold the state: so the caller must be in a callback of the loop. */
void loop_release(struct loop *loop, void (*done)(void *context), void *context);
uv_loop_t *loop_uv(const struct loop *loop);

/* Milliseconds of the loop's clock (uv_now): cached, so it costs nothing. */
uint64_t loop_now_ms(const struct loop *loop);

enum { LOOP_READ_SIZE = 65536, LOOP_TICK_MS = 100 };
/* LOOP_READ_SIZE bytes, for the length of one callback: whoever reads into it uses what was read before it returns. */
uint8_t *loop_read_buffer(struct loop *loop);
/* The same: plain text out of TLS, while the first holds the records; and records made by TLS, on their way to the kernel. */
uint8_t *loop_plain_buffer(struct loop *loop);
uint8_t *loop_record_buffer(struct loop *loop);

/* A timer of LOOP_TICK_MS resolution (it fires up to a tick late, never early). Zeroed is ready. Setting a set one to a later time costs
 * a store; so timers may be set again at every byte. Does not keep the loop alive by itself. */
struct loop_timer {
    struct loop_timer *previous, *next; /* NULL: not set */
    struct loop *loop;
    uint64_t due_ms, filed_ms;
    void (*fired)(void *context); /* may set it again, or free what holds it */
    void *context;
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t in_ms, void (*fired)(void *context), void *context);
void loop_timer_clear(struct loop_timer *timer); /* a timer that is not set is allowed */
bool loop_timer_is_set(const struct loop_timer *timer);

/* Work put off to the end of this turn; runs once. Zeroed is ready. Work that is added while work runs still runs in this turn, but for
 * LOOP_NEXT: that waits for the next turn, so that nobody who always finds more to do keeps the others from their turn. */
enum loop_phase { LOOP_DISPATCH = 0, LOOP_FLUSH, LOOP_NEXT, LOOP_PHASE_COUNT }; /* all dispatching comes before all flushing */
struct loop_work {
    struct loop_work *previous, *next; /* NULL: not put off */
    void (*run)(void *context);        /* may free what holds it */
    void *context;
};
void loop_work_add(struct loop *loop, enum loop_phase phase, struct loop_work *work, void (*run)(void *context), void *context);
void loop_work_remove(struct loop_work *work); /* work that is not put off is allowed */

#endif
