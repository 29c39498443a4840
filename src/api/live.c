#include "api/live_internal.h"

#include <stdlib.h>

#include "api/answer.h"
#include "base/diag.h"

enum { EVENT_BYTES_MAX = 1024 * 1024 };

struct watcher {
    struct live *live;
    struct watcher *previous, *next;
    struct server_stream *stream;
    unsigned events; /* it is still to be sent */
};

/* Nothing runs while nobody looks. */
struct live {
    struct work work; /* first: a snapshot under way */
    struct rest *rest;
    struct watcher watchers; /* list head */
    size_t count;
    uv_timer_t timer;
    bool has_timer; /* the handle is open or closing */
    bool is_working, is_stopping;
    struct buffer event; /* the pool's while it works */
    struct error e;
    void (*done)(void *context);
    void *done_context;
};

struct live *live_make(struct rest *rest)
{
    struct live *live = calloc(1, sizeof *live);
    if (live != NULL) {
        live->rest = rest;
        live->watchers.previous = live->watchers.next = &live->watchers;
        buffer_init(&live->event, EVENT_BYTES_MAX);
    }
    return live;
}

void live_free(struct live *live)
{
    if (live != NULL) {
        buffer_clear(&live->event);
        free(live);
    }
}

static void forget(struct watcher *watcher)
{
    watcher->previous->next = watcher->next;
    watcher->next->previous = watcher->previous;
    watcher->live->count--;
    free(watcher);
}

static void on_end(void *context)
{
    forget(context);
}

/* ---- A snapshot ---- */

/* On the pool. JSON has no line break of its own in this form, so it is one line of data. */
static void run(struct work *work)
{
    struct live *live = (struct live *)work;
    json_t *figures = NULL;
    buffer_reset(&live->event);
    live->e = (struct error){ .kind = ERROR_NONE };
    if (!live->rest->options.figures(live->rest->options.context, &figures, &live->e)) {
        return;
    }
    buffer_append_text(&live->event, "event: figures\ndata: ");
    bool ok = answer_append_json(&live->event, figures, JSON_COMPACT | JSON_REAL_PRECISION(10));
    buffer_append_text(&live->event, "\n\n");
    if (!ok || live->event.failed) {
        (void)error_memory(&live->e, "figures");
    }
    json_decref(figures);
}

static void tell(struct watcher *watcher, struct bytes event)
{
    server_stream_write(watcher->stream, event);
    watcher->events--;
    if (watcher->events == 0) {
        server_stream_finish(watcher->stream);
        forget(watcher);
    }
}

static void made(struct work *work)
{
    struct live *live = (struct live *)work;
    struct watcher *next;
    live->is_working = false;
    if (live->e.kind != ERROR_NONE) {
        diag_error(DIAG_WARN, "api", "the figures could not be made", &live->e);
        return;
    }
    for (struct watcher *watcher = live->watchers.next; watcher != &live->watchers && !live->is_stopping; watcher = next) {
        next = watcher->next;
        tell(watcher, buffer_bytes(&live->event));
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct live *live = timer->data;
    struct error e;
    if (live->count == 0) {
        (void)uv_timer_stop(timer);
        buffer_clear(&live->event);
        buffer_init(&live->event, EVENT_BYTES_MAX);
        return;
    }
    if (!live->is_working && !live->is_stopping) {
        live->work = (struct work){ .run = run, .done = made };
        /* Where the pool has no room the second is left out: others need it more. */
        live->is_working = work_start(live->rest->works, &live->work, &e);
    }
}

/* ---- Who looks ---- */

static bool start_timer(struct live *live)
{
    if (!live->has_timer) {
        if (uv_timer_init(live->rest->loop, &live->timer) != 0) {
            return false;
        }
        live->timer.data = live;
        live->has_timer = true;
    }
    return uv_is_active((uv_handle_t *)&live->timer) || uv_timer_start(&live->timer, on_tick, 0, LIVE_PERIOD_MS) == 0;
}

void live_join(struct live *live, struct server_request *request, const struct server_answer *answer, unsigned events)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL || live->count >= LIVE_WATCHERS_MAX || live->is_stopping) {
        free(watcher);
        const struct server_answer full = { .status = 503, .fields = answer->fields, .field_count = answer->field_count };
        server_answer(request, &full);
        return;
    }
    watcher->live = live;
    watcher->events = events;
    watcher->next = &live->watchers;
    watcher->previous = live->watchers.previous;
    if (!server_answer_stream(&watcher->stream, request, answer, LIVE_WAITING_BYTES_MAX, on_end, watcher)) {
        free(watcher);
        return;
    }
    watcher->previous->next = watcher;
    watcher->next->previous = watcher;
    live->count++;
    /* How soon to come again; and that the head goes out now. */
    server_stream_write(watcher->stream, BYTES("retry: 2000\n\n"));
    if (!start_timer(live)) {
        server_stream_finish(watcher->stream);
        forget(watcher);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct live *live = handle->data;
    live->done(live->done_context);
}

void live_stop(struct live *live, void (*done)(void *context), void *context)
{
    live->is_stopping = true;
    live->done = done;
    live->done_context = context;
    if (!live->has_timer) {
        done(context);
        return;
    }
    (void)uv_timer_stop(&live->timer);
    uv_close((uv_handle_t *)&live->timer, on_closed);
}
