#include <stdlib.h>

#include "net/http2_server_internal.h"

/*
 * A connection of a listener. nghttp2 keeps the protocol; here are the requests, the limits and the times.
 *
 * Requests that have become whole while bytes are worked on are queued, and delivered when nghttp2 has returned: so no handler runs inside
 * of nghttp2, and may do what it likes. Answers are pulled out of the session at once, with their fields borrowed from the handler.
 */
/* ---- Streams ---- */

void http2_stream_make_ready(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    if (!stream->is_ready) {
        stream->is_ready = true;
        stream->next_ready = NULL;
        *c->ready_end = stream;
        c->ready_end = &stream->next_ready;
    }
}

/* The first fault counts. It is answered when nghttp2 has returned. */
void http2_stream_refuse(struct http2_stream *stream, enum server_fault fault, const char *detail)
{
    if (stream->detail == NULL && !stream->is_delivered) {
        stream->fault = fault;
        stream->detail = detail;
    }
}

void http2_stream_stop_receiving(struct http2_stream *stream)
{
    if (!stream->is_whole) {
        stream->is_whole = true;
        stream->connection->receiving--;
    }
}

struct http2_stream *http2_stream_open(struct http2_server *c, int32_t id)
{
    struct http2_stream *stream = malloc(sizeof *stream);
    struct server_exchange *x = server_request_make(&c->base);
    if (stream == NULL || x == NULL) {
        free(stream);
        server_request_free(x);
        return NULL;
    }
    *stream = (struct http2_stream){ .connection = c, .x = x, .id = id, .next = c->streams, .moved_at_ms = loop_now_ms(c->base.loop) };
    x->id = id;
    x->state = stream;
    if (stream->next != NULL) {
        stream->next->previous = stream;
    }
    c->streams = stream;
    c->stream_count++;
    c->receiving++;
    return stream;
}

static void unqueue(struct http2_server *c, const struct http2_stream *stream)
{
    for (struct http2_stream **at = &c->ready; *at != NULL; at = &(*at)->next_ready) {
        if (*at == stream) {
            *at = stream->next_ready;
            break;
        }
    }
    c->ready_end = &c->ready;
    while (*c->ready_end != NULL) {
        c->ready_end = &(*c->ready_end)->next_ready;
    }
}

void http2_stream_free(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    http2_stream_stop_receiving(stream);
    if (stream->is_ready) {
        unqueue(c, stream);
    }
    if (stream->previous != NULL) {
        stream->previous->next = stream->next;
    } else {
        c->streams = stream->next;
    }
    if (stream->next != NULL) {
        stream->next->previous = stream->previous;
    }
    if (stream->x != NULL && !stream->is_delivered) {
        server_request_free(stream->x);
    }
    body_free(stream->sending.body);
    free(stream->sent_preface);
    free(stream);
    if (--c->stream_count == 0) {
        c->quiet_since_ms = loop_now_ms(c->base.loop);
    }
}

void http2_server_end(struct http2_server *c, uint32_t code)
{
    if (c->is_ending) {
        return;
    }
    c->is_ending = true;
    if (nghttp2_session_terminate_session(c->session, code) != 0 ||
        !http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes, NULL)) {
        stream_abort(c->base.stream);
        return;
    }
    stream_close(c->base.stream);
}

static void arm_timer(struct http2_server *c);

/* ---- The table ---- */

static void deliver_ready(struct http2_server *c)
{
    while (c->ready != NULL) {
        struct http2_stream *stream = c->ready;
        c->ready = stream->next_ready;
        if (c->ready == NULL) {
            c->ready_end = &c->ready;
        }
        stream->is_ready = false;
        if (stream->x == NULL || stream->is_delivered || c->base.stream == NULL) {
            continue;
        }
        if (stream->detail != NULL) {
            http2_answer_fault(stream);
            continue;
        }
        stream->is_delivered = true;
        server_request_deliver(stream->x);
    }
}

static bool http2_start(struct server_connection *base, struct error *e)
{
    struct http2_server *c = (struct http2_server *)base;
    c->ready_end = &c->ready;
    c->quiet_since_ms = loop_now_ms(base->loop);
    nghttp2_session_callbacks *callbacks = http2_receive_callbacks();
    if (callbacks == NULL) {
        return error_memory(e, "HTTP/2");
    }
    c->session = http2_session_make(true, callbacks, c, base->limits);
    nghttp2_session_callbacks_del(callbacks);
    if (c->session == NULL) {
        return error_memory(e, "HTTP/2");
    }
    stream_want_flush(base->stream);
    arm_timer(c);
    return true;
}

static void http2_data(struct server_connection *base, struct bytes data)
{
    struct http2_server *c = (struct http2_server *)base;
    if (c->is_ending) {
        return;
    }
    c->is_inside = true;
    ssize_t used = nghttp2_session_mem_recv(c->session, data.data, data.size);
    c->is_inside = false;
    if (used < 0 || c->is_flooded) {
        http2_server_end(c, c->is_flooded || used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
                            : used == NGHTTP2_ERR_NOMEM                  ? NGHTTP2_INTERNAL_ERROR
                                                                         : NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    deliver_ready(c);
    if (!c->is_ending) {
        stream_want_flush(base->stream);
        arm_timer(c);
    }
}

static void http2_flush(struct server_connection *base)
{
    struct http2_server *c = (struct http2_server *)base;
    if (!c->is_ending) {
        http2_server_pull(c);
    }
}

static void http2_drained(struct server_connection *base)
{
    stream_want_flush(base->stream);
}

static void http2_drain(struct server_connection *base)
{
    struct http2_server *c = (struct http2_server *)base;
    if (c->is_ending) {
        return;
    }
    if (c->stream_count == 0) {
        http2_server_end(c, NGHTTP2_NO_ERROR);
        return;
    }
    if (nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL,
                              0) != 0) {
        stream_abort(base->stream);
        return;
    }
    stream_want_flush(base->stream);
}

static void http2_clear(struct server_connection *base)
{
    struct http2_server *c = (struct http2_server *)base;
    while (c->streams != NULL) {
        http2_stream_free(c->streams); /* NOLINT(clang-analyzer-unix.Malloc): it takes it off the list */
    }
    nghttp2_session_del(c->session);
    c->session = NULL;
}

/* ---- Times ---- */

/* Until when nothing can be late; the timer is set to no earlier time than that. */
static uint64_t next_due_ms(struct http2_server *c, uint64_t now)
{
    const struct net_limits *limits = c->base.limits;
    uint64_t due = UINT64_MAX;
    if (c->stream_count == 0 && !c->base.is_draining) {
        due = http2_left_ms(c->quiet_since_ms, limits->idle_ms, now);
    }
    if (c->head_since_ms != 0) {
        uint64_t head = http2_left_ms(c->head_since_ms, limits->head_ms, now);
        due = head < due ? head : due;
    }
    return due;
}

void http2_server_set_timer(struct http2_server *c, uint64_t in_ms)
{
    bool is_early_enough = loop_timer_is_set(&c->base.timer) && c->base.timer.due_ms <= loop_now_ms(c->base.loop) + in_ms;
    if (!is_early_enough) {
        server_connection_set_timer(&c->base, in_ms);
    }
}

static void arm_timer(struct http2_server *c)
{
    uint64_t due = next_due_ms(c, loop_now_ms(c->base.loop));
    if (c->receiving > 0 && c->base.limits->body_stall_ms < due) {
        due = c->base.limits->body_stall_ms;
    }
    if (due != UINT64_MAX) {
        http2_server_set_timer(c, due);
    }
}

/* Refuses the request when its body stalls. Returns when it could be late. */
static uint64_t check_receiving(struct http2_stream *stream, uint64_t now)
{
    if (stream->is_whole || !stream->is_head_whole || stream->x == NULL) {
        return UINT64_MAX;
    }
    uint64_t left = http2_left_ms(stream->moved_at_ms, stream->connection->base.limits->body_stall_ms, now);
    if (left == 0) {
        http2_stream_refuse(stream, SERVER_FAULT_TIMEOUT, "the request's body stalled");
        http2_stream_make_ready(stream);
        return UINT64_MAX;
    }
    return left;
}

/* The body goes now, not when the reset has been sent: a peer that doesn't read either would hold its file until then. */
static void cancel_answer(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    body_free(stream->sending.body);
    http2_sending_give_up(&stream->sending);
    if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL) != 0) {
        stream_abort(c->base.stream);
        return;
    }
    stream_want_flush(c->base.stream);
}

/*
 * Resets the stream when the peer asked for its answer and lets none of it come, or a byte now and then: else shut windows would hold bodies
 * and their files for ever, at no cost. Returns when to look again.
 */
static uint64_t check_sending(struct http2_stream *stream, uint64_t now)
{
    struct http2_server *c = stream->connection;
    if (!http2_sending_is_left(&stream->sending)) {
        return UINT64_MAX;
    }
    bool is_shut = http2_window_is_shut(c->session, stream->id);
    if (http2_sending_is_stalled(&stream->sending, is_shut, &stream->moved_at_ms, c->base.limits->write_stall_ms, now)) {
        cancel_answer(stream);
        return UINT64_MAX;
    }
    return c->base.limits->write_stall_ms / HTTP2_STALL_LOOKS;
}

static void http2_timeout(struct server_connection *base)
{
    struct http2_server *c = (struct http2_server *)base;
    uint64_t now = loop_now_ms(base->loop), due = base->limits->idle_ms; /* at the latest: it may be idle by then */
    if (c->is_ending) {
        return;
    }
    if (next_due_ms(c, now) == 0) {
        http2_server_end(c, NGHTTP2_NO_ERROR);
        return;
    }
    for (struct http2_stream *stream = c->streams; stream != NULL; stream = stream->next) {
        uint64_t receiving = check_receiving(stream, now), sending = check_sending(stream, now);
        due = receiving < due ? receiving : due;
        due = sending < due ? sending : due;
    }
    deliver_ready(c);
    uint64_t next = next_due_ms(c, now);
    if (!c->is_ending) {
        server_connection_set_timer(base, next < due ? next : due);
    }
}

const struct server_connection_functions http2_server_functions = { .size = sizeof(struct http2_server),
                                                                    .start = http2_start,
                                                                    .data = http2_data,
                                                                    .drained = http2_drained,
                                                                    .flush = http2_flush,
                                                                    .timeout = http2_timeout,
                                                                    .answer = http2_answer,
                                                                    .drain = http2_drain,
                                                                    .clear = http2_clear };
