#include "net/stream_parts_internal.h"

/*
 * What is written gathers in `out`. At the end of the turn it goes to the kernel, through TLS when there is one; what the kernel
 * doesn't take is `sending`, and libuv waits for room. TLS records that come to be meanwhile wait in `records`.
 */

static void push(struct stream *s);
static void check_drained(struct stream *s);

static void write_done(uv_write_t *write, int failed)
{
    struct stream *s = write->handle->data;
    if (s->stage == STREAM_ENDED) {
        return; /* cancelled by closing: `sending` is freed with the stream */
    }
    s->is_writing = false;
    if (s->stage >= STREAM_READY) { /* before, it is the handshake's timer */
        loop_timer_clear(&s->timer);
    }
    buffer_clear(&s->sending);
    if (failed != 0) {
        stream_fail_uv(s, STREAM_END_RESET, failed, "writing");
        return;
    }
    push(s);
}

/* `sending` is handed to libuv from `offset` on. */
static bool start_write(struct stream *s, size_t offset)
{
    uv_buf_t view = { .base = (char *)s->sending.data + offset, .len = s->sending.size - offset };
    int failed = uv_write(&s->request.write, &s->uv.stream, &view, 1, write_done);
    if (failed != 0) {
        stream_fail_uv(s, STREAM_END_RESET, failed, "writing");
        return false;
    }
    s->is_writing = true;
    s->stall_mark = view.len;
    if (s->stage >= STREAM_READY) {
        stream_set_timer(s, s->write_stall_ms);
    }
    return true;
}

/* How many bytes the kernel takes now; sets `*failed`. */
static size_t try_write(struct stream *s, struct bytes data, bool *failed)
{
    uv_buf_t view = { .base = (char *)(uintptr_t)data.data, .len = data.size };
    int wrote = uv_try_write(&s->uv.stream, &view, 1);
    *failed = wrote < 0 && wrote != UV_EAGAIN;
    if (*failed) {
        stream_fail_uv(s, STREAM_END_RESET, wrote, "writing");
    }
    return wrote < 0 ? 0 : (size_t)wrote;
}

bool stream_transmit(struct stream *s, struct bytes data)
{
    if (data.size == 0) {
        return true;
    }
    struct buffer *into = &s->records;
    bool must_start = false;
    if (!s->is_writing) {
        bool failed = false;
        size_t wrote = try_write(s, data, &failed);
        if (failed) {
            return false;
        }
        if (wrote == data.size) {
            return true;
        }
        data = bytes_slice(data, wrote, data.size);
        into = &s->sending;
        must_start = true;
    }
    buffer_append(into, data);
    if (into->failed) { /* memory, or a peer that makes TLS talk and never reads */
        struct error e = { 0 };
        (void)error_memory(&e, s->peer.address);
        stream_finish(s, STREAM_END_RESET, &e);
        return false;
    }
    return !must_start || start_write(s, 0);
}

static void push_plain(struct stream *s)
{
    if (s->out.size == 0) {
        return;
    }
    bool failed = false;
    size_t wrote = try_write(s, buffer_bytes(&s->out), &failed);
    if (failed) {
        return;
    }
    if (wrote == s->out.size) {
        buffer_clear(&s->out);
        return;
    }
    s->sending = s->out; /* libuv needs it in place, while more is written behind it */
    buffer_init(&s->out, s->sending.size_max);
    (void)start_write(s, wrote);
}

/* All is written: end our side, and wait shortly for the peer to end its own. */
static void shut_down(struct stream *s)
{
    if (s->tls != NULL && (!stream_tls_shutdown(s) || s->is_writing)) {
        return; /* comes again when close_notify is written */
    }
    stream_linger(s, STREAM_END_CLOSED, NULL);
}

/* Writes until all is gone or the kernel takes no more; then what was waiting for that. */
static void push(struct stream *s)
{
    if (!s->is_writing && s->records.size > 0) {
        s->sending = s->records;
        buffer_init(&s->records, s->sending.size_max);
        if (!start_write(s, 0)) {
            return;
        }
    }
    if (s->stage < STREAM_READY) {
        return; /* `out` waits for the handshake */
    }
    if (!s->is_writing) {
        if (s->tls != NULL) {
            stream_tls_push(s);
        } else {
            push_plain(s);
        }
    }
    if (s->stage == STREAM_ENDED) {
        return;
    }
    check_drained(s);
    if (s->is_writing || s->out.size > 0) {
        return;
    }
    if (s->is_at_end && !(s->keeps_end && s->stage == STREAM_READY)) {
        stream_finish(s, s->stage == STREAM_CLOSING ? STREAM_END_CLOSED : STREAM_END_EOF, NULL);
    } else if (s->stage == STREAM_CLOSING) {
        shut_down(s);
    }
}

static void flush_run(void *context)
{
    struct stream *s = context;
    if (s->wants_flush && (s->stage == STREAM_READY || s->stage == STREAM_CLOSING)) {
        s->wants_flush = false;
        if (s->events->on_flush != NULL) {
            s->is_flushing = true;
            s->events->on_flush(s->context);
            s->is_flushing = false;
        }
    }
    if (s->stage != STREAM_ENDED) {
        push(s);
    }
}

static void drain_run(void *context)
{
    struct stream *s = context;
    if (s->stage == STREAM_READY) {
        s->events->on_drain(s->context);
    }
}

static void check_drained(struct stream *s)
{
    if (s->was_full && stream_waiting(s) < s->write_buffer_bytes) {
        s->was_full = false;
        loop_work_add(s->loop, LOOP_NEXT, &s->drain_work, drain_run, s);
    }
}

void stream_schedule_flush(struct stream *s)
{
    loop_work_add(s->loop, LOOP_FLUSH, &s->flush_work, flush_run, s);
}

static void out_failed(struct stream *s)
{
    struct error e = { 0 };
    (void)error_memory(&e, s->peer.address);
    stream_finish(s, STREAM_END_RESET, &e);
}

static bool takes_bytes(const struct stream *s)
{
    return s->stage <= STREAM_READY || (s->stage == STREAM_CLOSING && s->is_flushing);
}

void stream_write(struct stream *s, struct bytes data)
{
    if (!takes_bytes(s)) {
        return;
    }
    buffer_append(&s->out, data);
    if (s->out.failed) {
        out_failed(s);
        return;
    }
    stream_wrote(s, 0);
}

uint8_t *stream_room(struct stream *s, size_t size)
{
    if (!takes_bytes(s)) {
        return NULL;
    }
    uint8_t *room = buffer_room(&s->out, size);
    if (room == NULL) {
        out_failed(s);
    }
    return room;
}

void stream_wrote(struct stream *s, size_t size)
{
    if (!takes_bytes(s)) {
        return;
    }
    buffer_added(&s->out, size);
    if (stream_waiting(s) >= s->write_buffer_bytes) {
        s->was_full = true;
    }
    if (!s->is_flushing) {
        stream_schedule_flush(s);
    }
}

void stream_want_flush(struct stream *s)
{
    if (s->stage <= STREAM_READY) {
        s->wants_flush = true;
        stream_schedule_flush(s);
    }
}

size_t stream_waiting(const struct stream *s)
{
    return s->out.size + s->sending.size + s->records.size;
}
