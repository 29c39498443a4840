#include "net/stream_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream_parts_internal.h"

/* ---- Life ---- */

struct stream *stream_make(struct loop *loop, const struct net_limits *limits, const struct stream_events *events, void *context)
{
    struct stream *s = malloc(sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    struct net_limits complete = net_limits_complete(*limits);
    *s = (struct stream){ .loop = loop,
                          .events = events,
                          .context = context,
                          .write_stall_ms = complete.write_stall_ms,
                          .write_buffer_bytes = complete.write_buffer_bytes };
    buffer_init(&s->out, SIZE_MAX / 2);
    buffer_init(&s->sending, SIZE_MAX / 2);
    buffer_init(&s->records, 2 * (size_t)LOOP_READ_SIZE);
    return s;
}

void stream_free(struct stream *s)
{
    stream_tls_free(s);
    connecting_free(s->connecting);
    buffer_clear(&s->out);
    buffer_clear(&s->sending);
    buffer_clear(&s->records);
    free(s->error);
    free(s);
}

bool stream_open_handle(struct stream *s, bool is_pipe, struct error *e)
{
    uv_loop_t *uv = loop_uv(s->loop);
    int failed = is_pipe ? uv_pipe_init(uv, &s->uv.pipe, 0) : uv_tcp_init(uv, &s->uv.tcp);
    if (failed != 0) {
        return error_set(e, ERROR_IO, "socket", NULL, "%s", uv_strerror(failed));
    }
    s->uv.handle.data = s;
    s->has_handle = true;
    s->is_closing_handle = false;
    return true;
}

void stream_closed(struct stream *s)
{
    s->has_handle = false;
    s->is_closing_handle = false;
    if (s->resolving > 0) {
        return; /* libuv's resolver still has requests of ours: the last one comes back here */
    }
    struct error error = { 0 };
    bool has_error = s->error != NULL;
    if (has_error) {
        error = *s->error;
    }
    enum stream_end how = s->how;
    const struct stream_events *events = s->events;
    void *context = s->context;
    struct loop *loop = s->loop;
    stream_free(s);
    loop_release(loop, NULL, NULL); /* before the event: whoever stops now may wait for the loop to be empty */
    events->on_end(context, how, has_error ? &error : NULL);
}

static void handle_closed(uv_handle_t *handle)
{
    stream_closed(handle->data);
}

static void keep_error(struct stream *s, const struct error *e)
{
    if (e != NULL) {
        s->error = malloc(sizeof *s->error);
        if (s->error != NULL) { /* else the end goes without its reason */
            *s->error = *e;
        }
    }
}

static void finish(struct stream *s, enum stream_end how, bool is_reset, const struct error *e)
{
    if (s->stage == STREAM_ENDED) {
        return;
    }
    if (s->stage != STREAM_LINGERING) { /* else it is decided already */
        s->how = how;
        keep_error(s, e);
    }
    s->stage = STREAM_ENDED;
    loop_timer_clear(&s->timer);
    loop_work_remove(&s->flush_work);
    loop_work_remove(&s->drain_work);
    loop_work_remove(&s->ready_work);
    if (s->is_closing_handle) {
        return; /* of a failed attempt to connect: connecting_next() will see the stage */
    }
    if (!s->has_handle && !stream_open_handle(s, false, NULL)) {
        abort(); /* uv_tcp_init() without a socket only links the handle into the loop */
    }
    s->is_closing_handle = true;
    is_reset = is_reset && s->uv.handle.type == UV_TCP && uv_tcp_close_reset(&s->uv.tcp, handle_closed) == 0;
    if (!is_reset) {
        uv_close(&s->uv.handle, handle_closed);
    }
}

void stream_finish(struct stream *s, enum stream_end how, const struct error *e)
{
    finish(s, how, how == STREAM_END_STALLED, e);
}

static void shutdown_done(uv_shutdown_t *request, int failed)
{
    struct stream *s = request->handle->data;
    if (failed != 0 && s->stage != STREAM_ENDED) {
        stream_finish(s, STREAM_END_CLOSED, NULL);
    }
}

void stream_linger(struct stream *s, enum stream_end how, const struct error *e)
{
    int failed = uv_shutdown(&s->request.shutdown, &s->uv.stream, shutdown_done);
    if (failed != 0) {
        stream_finish(s, how, e);
        return;
    }
    loop_work_remove(&s->flush_work);
    loop_work_remove(&s->drain_work);
    loop_work_remove(&s->ready_work);
    s->how = how;
    keep_error(s, e);
    s->stage = STREAM_LINGERING;
    stream_set_timer(s, STREAM_LINGER_MS);
    stream_start_reading(s);
}

void stream_fail(struct stream *s, enum stream_end how, const struct error *e)
{
    if (s->stage <= STREAM_HANDSHAKING && s->connecting != NULL) {
        connecting_failed(s, how, e);
        return;
    }
    stream_finish(s, s->stage >= STREAM_CLOSING ? STREAM_END_CLOSED : how, e);
}

void stream_fail_uv(struct stream *s, enum stream_end how, int code, const char *doing)
{
    struct error e = { 0 };
    (void)error_set(&e, ERROR_IO, s->peer.address, NULL, "%s: %s", doing, uv_strerror(code));
    stream_fail(s, how, &e);
}

/* ---- Timer ---- */

static void timer_fired(void *context)
{
    struct stream *s = context;
    struct error e = { 0 };
    switch (s->stage) {
    case STREAM_CONNECTING:
        connecting_timed_out(s);
        return;
    case STREAM_HANDSHAKING:
        (void)error_set(&e, ERROR_IO, s->peer.address, "check that TLS is spoken at this port", "the TLS handshake took too long");
        stream_fail(s, STREAM_END_TLS, &e);
        return;
    case STREAM_READY:
    case STREAM_CLOSING:
        if (s->is_writing) {
            size_t left = uv_stream_get_write_queue_size(&s->uv.stream);
            if (left < s->stall_mark) {
                s->stall_mark = left;
                stream_set_timer(s, s->write_stall_ms);
                return;
            }
            (void)error_set(&e, ERROR_IO, s->peer.address, "have the peer read what it asks for", "took nothing for %u ms",
                            s->write_stall_ms);
            stream_finish(s, STREAM_END_STALLED, &e);
        }
        return;
    case STREAM_LINGERING:
        stream_finish(s, STREAM_END_CLOSED, NULL);
        return;
    case STREAM_ENDED:
        return;
    }
}

void stream_set_timer(struct stream *s, uint64_t in_ms)
{
    loop_timer_set(s->loop, &s->timer, in_ms, timer_fired, s);
}

/* ---- Reading ---- */

static void read_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct stream *s = handle->data;
    *out = uv_buf_init((char *)loop_read_buffer(s->loop), LOOP_READ_SIZE);
}

static void stream_stop_reading(struct stream *s)
{
    if (s->is_reading) {
        s->is_reading = false;
        (void)uv_read_stop(&s->uv.stream); /* never fails */
    }
}

static void read_done(uv_stream_t *handle, ssize_t size, const uv_buf_t *buf)
{
    struct stream *s = handle->data;
    if (size == 0 || s->stage == STREAM_ENDED) {
        return;
    }
    if (size == UV_EOF) {
        stream_stop_reading(s);
        if (s->tls != NULL &&
            s->stage <= STREAM_READY) { /* the end of TLS is close_notify; without it the end may be somebody else's work */
            struct error e = { 0 };
            (void)error_set(&e, ERROR_IO, s->peer.address, NULL, "the connection ended without TLS's close_notify");
            stream_fail(s, s->stage == STREAM_HANDSHAKING ? STREAM_END_TLS : STREAM_END_RESET, &e);
            return;
        }
        stream_reached_end(s);
        return;
    }
    if (size < 0) {
        stream_fail_uv(s, s->stage == STREAM_HANDSHAKING ? STREAM_END_TLS : STREAM_END_RESET, (int)size, "reading");
        return;
    }
    if (s->stage >= STREAM_CLOSING) {
        return;
    }
    struct bytes data = bytes_of(buf->base, (size_t)size);
    if (s->tls != NULL) {
        stream_tls_input(s, data);
        return;
    }
    s->events->on_data(s->context, data);
}

void stream_start_reading(struct stream *s)
{
    if (s->is_reading) {
        return;
    }
    int failed = uv_read_start(&s->uv.stream, read_room, read_done);
    if (failed != 0) {
        stream_fail_uv(s, STREAM_END_RESET, failed, "reading");
        return;
    }
    s->is_reading = true;
}

/* The peer has closed its side, which ends ours, too: but what is already written for it still goes out. */
void stream_reached_end(struct stream *s)
{
    stream_stop_reading(s);
    if (s->stage == STREAM_LINGERING) {
        stream_finish(s, STREAM_END_CLOSED, NULL);
        return;
    }
    s->is_at_end = true;
    stream_schedule_flush(s);
}

void stream_keep_end(struct stream *s, bool keeps)
{
    if (s->keeps_end && !keeps && s->is_at_end && s->stage == STREAM_READY) {
        stream_schedule_flush(s);
    }
    s->keeps_end = keeps;
}

void stream_pause(struct stream *s)
{
    if (s->stage == STREAM_READY) {
        s->is_paused = true;
        stream_stop_reading(s);
    }
}

static void resume_run(void *context)
{
    struct stream *s = context;
    if (s->stage != STREAM_READY || s->is_paused) {
        return;
    }
    if (s->tls != NULL) {
        stream_tls_input(s, BYTES_NONE);
    }
    if (s->stage == STREAM_READY && !s->is_paused && !s->is_at_end) {
        stream_start_reading(s);
    }
}

void stream_resume(struct stream *s)
{
    if (s->stage == STREAM_READY && s->is_paused) {
        s->is_paused = false;
        loop_work_add(s->loop, LOOP_DISPATCH, &s->ready_work, resume_run, s);
    }
}

/* ---- Beginning and end ---- */

void stream_is_ready(struct stream *s)
{
    s->stage = STREAM_READY;
    loop_timer_clear(&s->timer);
    if (s->is_writing) {
        stream_set_timer(s, s->write_stall_ms);
    }
    connecting_free(s->connecting);
    s->connecting = NULL;
    if (s->out.size > 0 || s->wants_flush) {
        stream_schedule_flush(s);
    }
    s->events->on_ready(s->context);
}

static void ready_run(void *context)
{
    struct stream *s = context;
    stream_is_ready(s);
    if (s->stage == STREAM_READY && !s->is_paused) {
        stream_start_reading(s);
    }
}

static void set_peer_address(struct stream *s)
{
    if (s->uv.handle.type == UV_NAMED_PIPE) {
        (void)snprintf(s->peer.address, sizeof s->peer.address, "unix");
        return;
    }
    struct sockaddr_storage address;
    int size = sizeof address;
    char name[INET6_ADDRSTRLEN] = "";
    if (uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&address, &size) != 0) {
        return; /* gone already: reading will tell */
    }
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        (void)uv_ip4_name(in, name, sizeof name);
        (void)snprintf(s->peer.address, sizeof s->peer.address, "%s:%u", name, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;
        (void)uv_ip6_name(in, name, sizeof name);
        (void)snprintf(s->peer.address, sizeof s->peer.address, "[%s]:%u", name, ntohs(in->sin6_port));
    }
}

/* Common to both sides, once the socket is connected: from a callback of the loop, or stream_accept(). */
void stream_connected(struct stream *s)
{
    set_peer_address(s);
    if (s->uv.handle.type == UV_TCP) {
        (void)uv_tcp_nodelay(&s->uv.tcp, 1); /* only speed; a failure shows as a broken connection anyway */
        (void)uv_tcp_keepalive(&s->uv.tcp, 1, 60);
    }
    if (s->tls == NULL) {
        loop_work_add(s->loop, LOOP_DISPATCH, &s->ready_work, ready_run, s);
        return;
    }
    struct error e = { 0 };
    bool is_server = s->connecting == NULL;
    s->stage = STREAM_HANDSHAKING;
    if (!stream_tls_begin(s, is_server, &e)) {
        stream_fail(s, STREAM_END_TLS, &e);
        return;
    }
    stream_start_reading(s);
    if (!is_server && s->stage == STREAM_HANDSHAKING) {
        stream_tls_input(s, BYTES_NONE); /* the client speaks first */
    }
}

static bool adopt(struct stream *s, int fd, bool is_unix, struct error *e)
{
    if (!stream_open_handle(s, is_unix, e)) {
        (void)close(fd); /* accepted, never used */
        return false;
    }
    int failed = is_unix ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
    if (failed != 0) {
        (void)close(fd);
        stream_fail_uv(s, STREAM_END_RESET, failed, "accepting"); /* on_end() tells */
    }
    return true;
}

bool stream_accept(struct stream **out, uv_loop_t *uv, int fd, bool is_unix, struct tls *tls, const struct net_limits *limits,
                   const struct stream_events *events, void *context, struct error *e)
{
    struct loop *loop = NULL;
    *out = NULL;
    if (!loop_retain(&loop, uv, e)) {
        (void)close(fd);
        return false;
    }
    struct stream *s = stream_make(loop, limits, events, context);
    if (s == NULL || (tls != NULL && !stream_tls_make(s, tls, NULL, 0, BYTES_NONE, e))) {
        (void)close(fd);
        if (s != NULL) {
            stream_free(s);
        } else {
            (void)error_memory(e, "accepting");
        }
        loop_release(loop, NULL, NULL);
        return false;
    }
    if (!adopt(s, fd, is_unix, e)) {
        stream_free(s);
        loop_release(loop, NULL, NULL);
        return false;
    }
    *out = s;
    if (s->stage != STREAM_ENDED) {
        stream_set_timer(s, net_limits_complete(*limits).head_ms);
        stream_connected(s);
    }
    return true;
}

void stream_close(struct stream *s)
{
    if (s->stage >= STREAM_CLOSING) {
        return;
    }
    if (s->stage < STREAM_READY) {
        stream_finish(s, STREAM_END_CLOSED, NULL);
        return;
    }
    loop_work_remove(&s->drain_work);
    s->stage = STREAM_CLOSING;
    stream_schedule_flush(s);
}

void stream_abort(struct stream *s)
{
    finish(s, STREAM_END_CLOSED, true, NULL);
}

const struct peer *stream_peer(const struct stream *s)
{
    return &s->peer;
}

bool stream_alpn_is_h2(const struct stream *s)
{
    return s->tls != NULL && s->tls->ssl != NULL && tls_alpn_is_h2(s->tls->ssl);
}

size_t stream_address_index(const struct stream *s)
{
    return s->address_index;
}

bool stream_looks_open(const struct stream *s)
{
    uv_os_fd_t fd = -1;
    uint8_t byte;
    if (s->stage != STREAM_READY || uv_fileno(&s->uv.handle, &fd) != 0) {
        return false;
    }
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    /* Bytes are no good sign on an idle plain stream; in TLS they may be records of its own. */
    return (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) || (size > 0 && s->tls != NULL);
}
