#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "net/http2_internal.h"

/*
 * A connection of a listener. nghttp2 keeps the protocol; here are the requests, the limits and the times.
 *
 * Requests that have become whole while bytes are worked on are queued, and delivered when nghttp2 has returned: so no handler runs inside
 * of nghttp2, and may do what it likes. Answers are pulled out of the session at once, with their fields borrowed from the handler.
 */
struct http2_server {
    struct server_connection base;
    nghttp2_session *session;
    struct http2_stream *streams; /* open ones */
    struct http2_stream *ready;   /* whole or refused, to be delivered or answered; in order */
    struct http2_stream **ready_end;
    uint32_t stream_count;
    uint32_t receiving; /* streams that are not whole yet */
    struct http2_flood flood;
    uint64_t head_since_ms;  /* 0: no head is being received */
    uint64_t quiet_since_ms; /* since there is no stream */
    bool is_inside;          /* of nghttp2 */
    bool is_flooded;
    bool is_ending; /* GOAWAY is said and the stream is being closed */
};

struct http2_stream {
    struct http2_server *connection;
    struct server_exchange *x; /* NULL once answered or gone */
    struct http2_stream *previous, *next, *next_ready;
    int32_t id;
    size_t head_bytes;
    size_t field_count;
    enum server_fault fault;
    const char *detail; /* not NULL: refused with `fault` */
    bool is_head_whole, is_whole, is_ready, is_delivered, is_answered, has_host;
    bool is_cut; /* reset once its answer is sent: the rest of the request is not wanted */
    uint64_t moved_at_ms;
    struct http2_sending sending;
};

static void end_connection(struct http2_server *c, uint32_t code);

/* ---- Streams ---- */

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void make_ready(struct http2_stream *stream)
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
static void refuse(struct http2_stream *stream, enum server_fault fault, const char *detail)
{
    if (stream->detail == NULL && !stream->is_delivered) {
        stream->fault = fault;
        stream->detail = detail;
    }
}

static void stop_receiving(struct http2_stream *stream)
{
    if (!stream->is_whole) {
        stream->is_whole = true;
        stream->connection->receiving--;
    }
}

static struct http2_stream *open_stream(struct http2_server *c, int32_t id)
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

static void free_stream(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    stop_receiving(stream);
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
    free(stream);
    if (--c->stream_count == 0) {
        c->quiet_since_ms = loop_now_ms(c->base.loop);
    }
}

/* ---- Receiving: callbacks of nghttp2 ---- */

static int flooded(struct http2_server *c)
{
    c->is_flooded = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE; /* ends nghttp2_session_mem_recv() at once */
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *header, void *context)
{
    (void)session;
    struct http2_server *c = context;
    if (http2_frame_is_cheap(header) && !http2_flood_count(&c->flood, loop_now_ms(c->base.loop), c->base.limits->floods_max)) {
        return flooded(c);
    }
    return 0;
}

/* Resets that peers provoke count like their own: each costs us a stream (CVE-2025-8671). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_server *c = context;
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        !http2_flood_count(&c->flood, loop_now_ms(c->base.loop), c->base.limits->floods_max)) {
        c->is_flooded = true;
    }
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (stream != NULL && ends && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && stream->is_cut) {
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR); /* RFC 9113 8.1 */
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_server *c = context;
    c->head_since_ms = loop_now_ms(c->base.loop);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
        if (stream != NULL) {
            refuse(stream, SERVER_FAULT_MALFORMED, "trailer fields are not accepted");
        }
        return 0;
    }
    struct http2_stream *stream = open_stream(c, frame->hd.stream_id);
    if (stream == NULL || nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream) != 0) {
        if (stream != NULL) {
            free_stream(stream);
        }
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static bool copy_into(struct http2_stream *stream, struct bytes value, struct bytes *out)
{
    *out = arena_copy(&stream->x->request.arena, value);
    return out->data != NULL;
}

/* nghttp2 has checked that each comes once, in front, and that no other one comes (RFC 9113 8.3). */
static bool keep_pseudo_field(struct http2_stream *stream, struct bytes name, struct bytes value)
{
    struct server_request *request = &stream->x->request;
    if (bytes_equal(name, BYTES(":method"))) {
        return copy_into(stream, value, &request->method);
    }
    if (bytes_equal(name, BYTES(":path"))) {
        return copy_into(stream, value, &request->target);
    }
    if (bytes_equal(name, BYTES(":authority"))) {
        return copy_into(stream, value, &request->authority);
    }
    return true; /* :scheme says nothing that the listener doesn't know */
}

static bool keep_field(struct http2_stream *stream, struct bytes name, struct bytes value)
{
    struct server_request *request = &stream->x->request;
    if (name.size > 0 && name.data[0] == ':') {
        return keep_pseudo_field(stream, name, value);
    }
    struct bytes kept_name, kept_value;
    return copy_into(stream, name, &kept_name) && copy_into(stream, bytes_trim(value), &kept_value) &&
           fields_add(&request->fields, &request->arena, kept_name, kept_value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size, const uint8_t *value,
                     size_t value_size, uint8_t flags, void *context)
{
    (void)flags;
    struct http2_server *c = context;
    const struct net_limits *limits = c->base.limits;
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    stream->head_bytes += name_size + value_size + 4; /* ": " and CRLF, as HTTP/1.1 would count */
    stream->field_count++;
    if (stream->head_bytes > limits->head_bytes_max || stream->field_count > limits->field_count_max) {
        refuse(stream, SERVER_FAULT_HEAD_TOO_LARGE, "the request's fields are over the limit");
        bool is_bomb = stream->head_bytes / HTTP2_HEAD_BOMB > limits->head_bytes_max ||
                       stream->field_count / HTTP2_HEAD_BOMB > limits->field_count_max;
        return is_bomb ? flooded(c) : 0;
    }
    if (stream->detail != NULL || stream->x == NULL || stream->is_head_whole) {
        return 0;
    }
    return keep_field(stream, bytes_of(name, name_size), bytes_of(value, value_size)) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* nghttp2 would drop such a field and go on: but a field that is signed must not vanish. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                             const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    (void)context;
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (stream != NULL) {
        refuse(stream, SERVER_FAULT_MALFORMED, "a field has a name or value that HTTP does not allow");
    }
    return 0;
}

static bool send_continue(struct http2_stream *stream)
{
    nghttp2_nv nv = http2_nv(BYTES(":status"), BYTES("100"), true);
    return nghttp2_submit_headers(stream->connection->session, NGHTTP2_FLAG_NONE, stream->id, NULL, &nv, 1, NULL) == 0;
}

/* What nghttp2 leaves to us (RFC 9113 8.3.1, RFC 9110 7.2, 10.1.1). */
static void check_head(struct http2_stream *stream, bool has_ended)
{
    struct server_request *request = &stream->x->request;
    const struct field *host = fields_find(&request->fields, BYTES("host"));
    if (bytes_equal(request->method, BYTES("CONNECT"))) {
        refuse(stream, SERVER_FAULT_METHOD, "CONNECT is not offered");
        return;
    }
    if (host != NULL && (fields_count(&request->fields, BYTES("host")) > 1 ||
                         (request->authority.size > 0 && !bytes_equal_ignoring_case(host->value, request->authority)))) {
        refuse(stream, SERVER_FAULT_MALFORMED, "host and :authority differ");
        return;
    }
    if (host != NULL && request->authority.size == 0) {
        request->authority = host->value;
    }
    if (request->authority.size == 0 || bytes_find(request->authority, '@') < request->authority.size) {
        refuse(stream, SERVER_FAULT_MALFORMED, ":authority is missing or not a host");
        return;
    }
    const struct field *length = fields_find(&request->fields, BYTES("content-length"));
    uint64_t size = 0;
    if (length != NULL && bytes_to_u64(length->value, &size)) {
        request->has_body = size > 0;
        if (stream->connection->base.limits->body.size_max < size) {
            refuse(stream, SERVER_FAULT_BODY_TOO_LARGE, "content-length is over the limit");
            return;
        }
    }
    const struct field *expect = fields_find(&request->fields, BYTES("expect"));
    if (expect != NULL && !bytes_equal_ignoring_case(expect->value, BYTES("100-continue"))) {
        refuse(stream, SERVER_FAULT_EXPECTATION, "expect is something else than 100-continue");
    } else if (expect != NULL && !has_ended && !send_continue(stream)) {
        refuse(stream, SERVER_FAULT_STORAGE, "out of memory");
    }
}

static void head_is_whole(struct http2_stream *stream, bool has_ended)
{
    stream->connection->head_since_ms = 0;
    if (!stream->is_head_whole) {
        stream->is_head_whole = true;
        stream->x->request.received_at_us = time_monotonic_us();
        if (stream->detail == NULL) {
            check_head(stream, has_ended);
        }
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_server *c = context;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    bool has_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) {
        c->head_since_ms = 0;
    }
    if (stream == NULL || stream->is_answered || stream->x == NULL) {
        return 0;
    }
    stream->moved_at_ms = loop_now_ms(c->base.loop);
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_is_whole(stream, has_ended);
    }
    if (has_ended) {
        stop_receiving(stream);
    }
    if (has_ended || stream->detail != NULL) {
        make_ready(stream);
    }
    return 0;
}

/* nghttp2 resets the stream itself. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *context)
{
    (void)session;
    (void)code;
    struct http2_server *c = context;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        c->head_since_ms = 0;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *context)
{
    (void)flags;
    struct http2_server *c = context;
    struct http2_stream *stream = stream_of(session, id);
    if (stream == NULL || stream->x == NULL || stream->detail != NULL || stream->is_delivered) {
        return 0;
    }
    struct error e = { 0 };
    stream->moved_at_ms = loop_now_ms(c->base.loop);
    stream->x->request.has_body = true;
    if (!body_append(stream->x->request.body, bytes_of(data, size), &e)) {
        bool is_full = e.kind == ERROR_FULL;
        refuse(stream, is_full ? SERVER_FAULT_BODY_TOO_LARGE : SERVER_FAULT_STORAGE,
               is_full ? "the request's body is over the limit" : "the request's body could not be kept");
        make_ready(stream);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    (void)code;
    (void)context;
    struct http2_stream *stream = stream_of(session, id);
    if (stream == NULL) {
        return 0;
    }
    if (stream->x != NULL && stream->is_delivered) {
        server_request_gone(stream->x);
    }
    free_stream(stream);
    return 0;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NULL;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

/* ---- Sending ---- */

static void check_session(struct http2_server *c)
{
    if (c->is_ending || c->base.stream == NULL) {
        return;
    }
    bool is_over = nghttp2_session_want_read(c->session) == 0 && nghttp2_session_want_write(c->session) == 0;
    if (is_over || (c->base.is_draining && c->stream_count == 0)) {
        end_connection(c, NGHTTP2_NO_ERROR);
    }
}

static void pull(struct http2_server *c)
{
    if (c->is_inside || c->base.stream == NULL) {
        return;
    }
    c->is_inside = true;
    bool ok = http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes);
    c->is_inside = false;
    if (!ok) {
        stream_abort(c->base.stream);
    } else if (c->is_flooded && !c->is_ending) {
        end_connection(c, NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
        check_session(c);
    }
}

/* GOAWAY with `code`, then the end of the connection. */
static void end_connection(struct http2_server *c, uint32_t code)
{
    if (c->is_ending) {
        return;
    }
    c->is_ending = true;
    if (nghttp2_session_terminate_session(c->session, code) != 0 ||
        !http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes)) {
        stream_abort(c->base.stream);
        return;
    }
    stream_close(c->base.stream);
}

static void arm_timer(struct http2_server *c);

enum { FIELDS_ON_STACK = 64, EXTRA_FIELDS = 3 };

static const char *http_date(char out[32], time_t now)
{
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL || strftime(out, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0) {
        out[0] = '\0';
    }
    return out;
}

/* Fills `nv`, which takes field_count + EXTRA_FIELDS. */
static size_t write_fields(nghttp2_nv *nv, const struct server_answer *answer, struct bytes status, struct bytes date, struct bytes length,
                           bool may_borrow)
{
    size_t count = 0;
    bool has_date = false;
    nv[count++] = http2_nv(BYTES(":status"), status, may_borrow);
    for (size_t i = 0; i < answer->field_count; i++) {
        /* RFC 9110 6.6.1: what a handler passes on keeps the Date of the one who made it. */
        has_date = has_date || bytes_equal_ignoring_case(answer->fields[i].name, BYTES("date"));
        if (!http2_is_connection_field(answer->fields[i].name)) {
            nv[count++] = http2_nv(answer->fields[i].name, answer->fields[i].value, may_borrow);
        }
    }
    if (date.size > 0 && !has_date) {
        nv[count++] = http2_nv(BYTES("date"), date, may_borrow);
    }
    if (length.size > 0) {
        nv[count++] = http2_nv(BYTES("content-length"), length, may_borrow);
    }
    return count;
}

/* Takes answer->body. */
static bool submit_answer(struct http2_stream *stream, const struct server_answer *answer, bool is_head)
{
    struct http2_server *c = stream->connection;
    bool ok = false;
    nghttp2_nv on_stack[FIELDS_ON_STACK], *nv = on_stack;
    char status[8], date[32], length[24] = "";
    uint64_t size = answer->body == NULL ? 0 : body_size(answer->body);
    bool is_bodiless = answer->status == 204 || answer->status == 304;
    (void)snprintf(status, sizeof status, "%u", answer->status);
    if (!is_bodiless && (!is_head || answer->body != NULL)) {
        (void)snprintf(length, sizeof length, "%llu", (unsigned long long)size);
    }
    if (answer->field_count > FIELDS_ON_STACK - EXTRA_FIELDS) {
        nv = answer->field_count > SIZE_MAX / sizeof *nv - EXTRA_FIELDS ? NULL : malloc((answer->field_count + EXTRA_FIELDS) * sizeof *nv);
    }
    stream->sending = (struct http2_sending){ .body = answer->body };
    if (nv == NULL) {
        goto done;
    }
    /* Fields can be borrowed when they are sent before this returns. */
    bool is_now = !c->is_inside && stream_waiting(c->base.stream) < c->base.limits->write_buffer_bytes;
    size_t count = write_fields(nv, answer, bytes_of_text(status), bytes_of_text(http_date(date, (time_t)(time_now_ms() / 1000))),
                                bytes_of_text(length), is_now);
    nghttp2_data_provider provider = { .source.ptr = &stream->sending, .read_callback = http2_read_body };
    bool has_data = size > 0 && !is_head && !is_bodiless;
    stream->is_answered = true;
    ok = nghttp2_submit_response(c->session, stream->id, nv, count, has_data ? &provider : NULL) == 0;
    if (ok && is_now) {
        pull(c); /* may free `stream` */
    } else if (ok) {
        stream_want_flush(c->base.stream);
    }
done:
    if (nv != on_stack) {
        free(nv);
    }
    return ok;
}

static void http2_answer(struct server_connection *base, struct server_exchange *x, const struct server_answer *answer)
{
    struct http2_server *c = (struct http2_server *)base;
    struct http2_stream *stream = x->state;
    bool is_head = bytes_equal(x->request.method, BYTES("HEAD"));
    stream->x = NULL;
    if (!submit_answer(stream, answer, is_head)) {
        stream_abort(c->base.stream);
    }
    server_request_free(x);
}

static void answer_fault(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    struct server_exchange *x = stream->x;
    struct server_answer answer;
    const struct field *accept = fields_find(&x->request.fields, BYTES("accept"));
    server_fault_make(&c->base, stream->fault, accept == NULL ? BYTES_NONE : accept->value, stream->detail, &x->request.arena, &answer);
    bool is_head = bytes_equal(x->request.method, BYTES("HEAD"));
    stream->is_cut = !stream->is_whole;
    stream->x = NULL;
    stop_receiving(stream);
    if (!submit_answer(stream, &answer, is_head)) {
        stream_abort(c->base.stream);
    }
    server_request_free(x);
}

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
            answer_fault(stream);
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
    nghttp2_session_callbacks *callbacks = make_callbacks();
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
        end_connection(c, c->is_flooded || used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
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
        pull(c);
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
        end_connection(c, NGHTTP2_NO_ERROR);
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
        free_stream(c->streams);
    }
    nghttp2_session_del(c->session);
    c->session = NULL;
}

/* ---- Times ---- */

static uint64_t left_ms(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms)
{
    uint64_t gone = now_ms - since_ms;
    return gone >= limit_ms ? 0 : limit_ms - gone;
}

/* Until when nothing can be late; the timer is set to no earlier time than that. */
static uint64_t next_due_ms(struct http2_server *c, uint64_t now)
{
    const struct net_limits *limits = c->base.limits;
    uint64_t due = UINT64_MAX;
    if (c->stream_count == 0 && !c->base.is_draining) {
        due = left_ms(c->quiet_since_ms, limits->idle_ms, now);
    }
    if (c->head_since_ms != 0) {
        uint64_t head = left_ms(c->head_since_ms, limits->head_ms, now);
        due = head < due ? head : due;
    }
    return due;
}

/* Early is fine: http2_timeout() looks what is late, and arms again. So that costs nothing in most turns. */
static void arm_timer(struct http2_server *c)
{
    uint64_t now = loop_now_ms(c->base.loop), due = next_due_ms(c, now);
    if (c->receiving > 0 && c->base.limits->body_stall_ms < due) {
        due = c->base.limits->body_stall_ms;
    }
    bool is_early_enough = loop_timer_is_set(&c->base.timer) && c->base.timer.due_ms <= now + due;
    if (due != UINT64_MAX && !is_early_enough) {
        server_connection_set_timer(&c->base, due);
    }
}

/* Returns when the next body could be late. */
static uint64_t refuse_stalled(struct http2_server *c, uint64_t now)
{
    uint64_t due = UINT64_MAX;
    for (struct http2_stream *stream = c->streams; stream != NULL; stream = stream->next) {
        if (stream->is_whole || !stream->is_head_whole || stream->x == NULL) {
            continue;
        }
        uint64_t left = left_ms(stream->moved_at_ms, c->base.limits->body_stall_ms, now);
        if (left == 0) {
            refuse(stream, SERVER_FAULT_TIMEOUT, "the request's body stalled");
            make_ready(stream);
        }
        due = left > 0 && left < due ? left : due;
    }
    deliver_ready(c);
    return due;
}

static void http2_timeout(struct server_connection *base)
{
    struct http2_server *c = (struct http2_server *)base;
    uint64_t now = loop_now_ms(base->loop);
    if (c->is_ending) {
        return;
    }
    if (next_due_ms(c, now) == 0) {
        end_connection(c, NGHTTP2_NO_ERROR);
        return;
    }
    uint64_t stalled = refuse_stalled(c, now), due = next_due_ms(c, now);
    due = stalled < due ? stalled : due;
    if (!c->is_ending && due != UINT64_MAX) {
        server_connection_set_timer(base, due);
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
