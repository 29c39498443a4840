#include <stdlib.h>

#include "base/time.h"
#include "net/http2_server_internal.h"

/* Callbacks of nghttp2: they note what came. Nothing here calls a handler, or sends. */

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

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
    if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == c->borrowing) {
        c->borrowing = 0;
    }
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (stream != NULL && ends && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && stream->is_cut) {
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR); /* RFC 9113 8.1 */
    }
    return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *context)
{
    (void)session;
    (void)code;
    struct http2_server *c = context;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == c->borrowing) {
        c->borrowing = 0; /* its stream was reset meanwhile */
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
            http2_stream_refuse(stream, SERVER_FAULT_MALFORMED, "trailer fields are not accepted");
        }
        return 0;
    }
    struct http2_stream *stream = http2_stream_open(c, frame->hd.stream_id);
    if (stream == NULL || nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream) != 0) {
        if (stream != NULL) {
            http2_stream_free(stream);
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
        http2_stream_refuse(stream, SERVER_FAULT_HEAD_TOO_LARGE, "the request's fields are over the limit");
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
        http2_stream_refuse(stream, SERVER_FAULT_MALFORMED, "a field has a name or value that HTTP does not allow");
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
        http2_stream_refuse(stream, SERVER_FAULT_METHOD, "CONNECT is not offered");
        return;
    }
    if (host != NULL && (fields_count(&request->fields, BYTES("host")) > 1 ||
                         (request->authority.size > 0 && !bytes_equal_ignoring_case(host->value, request->authority)))) {
        http2_stream_refuse(stream, SERVER_FAULT_MALFORMED, "host and :authority differ");
        return;
    }
    if (host != NULL && request->authority.size == 0) {
        request->authority = host->value;
    }
    if (request->authority.size == 0 || bytes_find(request->authority, '@') < request->authority.size) {
        http2_stream_refuse(stream, SERVER_FAULT_MALFORMED, ":authority is missing or not a host");
        return;
    }
    const char *detail = http2_preface_begin(&stream->preface, server_connection_preface(&stream->connection->base), &request->fields, true,
                                             &request->arena);
    if (detail != NULL) {
        bool is_memory = stream->preface.size > 0 && stream->preface.data == NULL;
        http2_stream_refuse(stream, is_memory ? SERVER_FAULT_STORAGE : SERVER_FAULT_MALFORMED, detail);
        return;
    }
    const struct field *length = fields_find(&request->fields, BYTES("content-length"));
    uint64_t size = 0;
    if (length != NULL && bytes_to_u64(length->value, &size)) {
        size -= size < stream->preface.size ? size : stream->preface.size;
        request->has_body = size > 0;
        if (stream->connection->base.limits->body.size_max < size) {
            http2_stream_refuse(stream, SERVER_FAULT_BODY_TOO_LARGE, "content-length is over the limit");
            return;
        }
    }
    const struct field *expect = fields_find(&request->fields, BYTES("expect"));
    if (expect != NULL && !bytes_equal_ignoring_case(expect->value, BYTES("100-continue"))) {
        http2_stream_refuse(stream, SERVER_FAULT_EXPECTATION, "expect is something else than 100-continue");
    } else if (expect != NULL && !has_ended && !send_continue(stream)) {
        http2_stream_refuse(stream, SERVER_FAULT_STORAGE, "out of memory");
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

/* The request's content is there. */
static void content_is_whole(struct http2_stream *stream)
{
    if (!http2_preface_is_whole(&stream->preface)) {
        http2_stream_refuse(stream, SERVER_FAULT_MALFORMED, "the content ends before its preface does");
        return;
    }
    stream->x->request.preface = bytes_of(stream->preface.data, stream->preface.size);
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
        content_is_whole(stream);
        http2_stream_stop_receiving(stream);
    }
    if (has_ended || stream->detail != NULL) {
        http2_stream_make_ready(stream);
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
    struct bytes rest = http2_preface_add(&stream->preface, bytes_of(data, size));
    if (rest.size == 0) {
        return 0;
    }
    stream->x->request.has_body = true;
    if (!body_append(stream->x->request.body, rest, &e)) {
        bool is_full = e.kind == ERROR_FULL;
        http2_stream_refuse(stream, is_full ? SERVER_FAULT_BODY_TOO_LARGE : SERVER_FAULT_STORAGE,
                            is_full ? "the request's body is over the limit" : "the request's body could not be kept");
        http2_stream_make_ready(stream);
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
    http2_stream_free(stream);
    return 0;
}

nghttp2_session_callbacks *http2_receive_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NULL;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}
