#include "net/http2_client_internal.h"

/* Callbacks of nghttp2: they note what came. Nothing here calls a `done`, or sends. */

static struct http2_call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *header, void *context)
{
    (void)session;
    struct http2_client *c = context;
    if (http2_frame_is_cheap(header) && !http2_flood_count(&c->flood, loop_now_ms(c->base.loop), c->base.limits->floods_max)) {
        c->is_flooded = true;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)context;
    struct http2_call *hc = call_of(session, frame->hd.stream_id);
    if (hc == NULL || hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return 0;
    }
    hc->call->is_answer_begun = true;
    if (hc->is_head_whole) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer has trailer fields, which are not accepted");
        return 0;
    }
    hc->head_bytes = hc->field_count = 0;
    if (!client_answer_begin(hc->call, NULL)) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_STORAGE, "out of memory");
    }
    return 0;
}

static bool keep_field(struct client_answer *answer, struct bytes name, struct bytes value)
{
    if (bytes_equal(name, BYTES(":status"))) {
        uint64_t status = 0;
        if (!bytes_to_u64(value, &status) || status < 100 || status > 599) {
            return false;
        }
        answer->status = (unsigned)status;
        return true;
    }
    struct bytes kept_name = arena_copy(&answer->arena, name), kept_value = arena_copy(&answer->arena, bytes_trim(value));
    return kept_name.data != NULL && kept_value.data != NULL && fields_add(&answer->fields, &answer->arena, kept_name, kept_value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size, const uint8_t *value,
                     size_t value_size, uint8_t flags, void *context)
{
    (void)flags;
    struct http2_client *c = context;
    const struct net_limits *limits = c->base.limits;
    struct http2_call *hc = call_of(session, frame->hd.stream_id);
    if (hc == NULL) {
        return 0;
    }
    hc->head_bytes += name_size + value_size + 4;
    hc->field_count++;
    if (hc->head_bytes > limits->head_bytes_max || hc->field_count > limits->field_count_max) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer's fields are over the limit");
        bool is_bomb = hc->head_bytes / HTTP2_HEAD_BOMB > limits->head_bytes_max ||
                       hc->field_count / HTTP2_HEAD_BOMB > limits->field_count_max;
        c->is_flooded = c->is_flooded || is_bomb;
        return is_bomb ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    if (hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return 0;
    }
    if (!keep_field(hc->call->answer, bytes_of(name, name_size), bytes_of(value, value_size))) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer's head can't be used");
    }
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                             const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    (void)context;
    struct http2_call *hc = call_of(session, frame->hd.stream_id);
    if (hc != NULL) { /* nghttp2 would drop it and go on: but a field that is signed must not vanish */
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL,
                          "the answer has a field with a name or value that HTTP does not allow");
    }
    return 0;
}

static void take_settings(struct http2_client *c)
{
    uint32_t allowed = nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    c->base.calls_max = allowed < c->base.limits->streams_max ? allowed : c->base.limits->streams_max;
    c->base.is_settled = true;
    client_connection_changed(&c->base);
}

/* The final answer's head is there: what of its content is preface, and how large the rest will be. */
static void head_is_whole(struct http2_call *hc)
{
    struct client_answer *answer = hc->call->answer;
    const char *detail = http2_preface_begin(&hc->preface, &hc->call->request.preface_form, &answer->fields,
                                             http2_has_content(answer->status, hc->call->is_head), &answer->arena);
    const struct field *length = fields_find(&answer->fields, BYTES("content-length"));
    uint64_t size = 0;
    hc->is_head_whole = true;
    if (detail != NULL) {
        bool is_memory = hc->preface.size > 0 && hc->preface.data == NULL;
        http2_call_finish(hc, OUTCOME_FAILED, is_memory ? CLIENT_FAILURE_STORAGE : CLIENT_FAILURE_PROTOCOL, detail);
    } else if (length != NULL && bytes_to_u64(length->value, &size) && size > hc->preface.size) {
        body_expect(answer->body, size - hc->preface.size);
    }
}

static void answer_is_whole(struct http2_call *hc)
{
    if (!hc->is_head_whole) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer has no final status");
    } else if (!http2_preface_is_whole(&hc->preface)) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the content ends before its preface does");
    } else {
        hc->call->answer->preface = bytes_of(hc->preface.data, hc->preface.size);
        http2_call_finish(hc, OUTCOME_ANSWERED, CLIENT_FAILURE_NONE, NULL);
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_client *c = context;
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        take_settings(c);
        return 0;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->base.is_closing = true;
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct http2_call *hc = call_of(session, frame->hd.stream_id);
    if (hc == NULL || hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return 0;
    }
    hc->call->moved_at_ms = loop_now_ms(c->base.loop);
    if (frame->hd.type == NGHTTP2_HEADERS && hc->call->answer->status >= 200) {
        head_is_whole(hc);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        answer_is_whole(hc);
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *context)
{
    (void)flags;
    struct http2_client *c = context;
    struct http2_call *hc = call_of(session, id);
    if (hc == NULL || hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return 0;
    }
    struct error e = { 0 };
    hc->call->moved_at_ms = loop_now_ms(c->base.loop);
    struct bytes rest = http2_preface_add(&hc->preface, bytes_of(data, size));
    if (rest.size > 0 && !body_append(hc->call->answer->body, rest, &e)) {
        bool is_full = e.kind == ERROR_FULL;
        http2_call_finish(hc, OUTCOME_FAILED, is_full ? CLIENT_FAILURE_TOO_LARGE : CLIENT_FAILURE_STORAGE,
                          is_full ? "the answer's body is over the limit" : "the answer's body could not be kept");
    }
    return 0;
}

/* The stream is over; nghttp2 asks for it no more. */
static void closed(struct http2_call *hc, uint32_t code)
{
    hc->is_closed = true;
    if (code == NGHTTP2_REFUSED_STREAM) {
        http2_call_finish(hc, OUTCOME_UNPROCESSED, CLIENT_FAILURE_BROKEN, "the peer refused the stream");
    } else if (code == NGHTTP2_PROTOCOL_ERROR) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the stream ended with a protocol error");
    } else {
        http2_call_finish(hc, OUTCOME_LOST, CLIENT_FAILURE_BROKEN, "the stream was reset");
    }
    if (hc->call == NULL) {
        http2_call_free(hc);
    }
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    (void)context;
    struct http2_call *hc = call_of(session, id);
    if (hc != NULL) {
        (void)nghttp2_session_set_stream_user_data(session, id, NULL); /* it is there: it is being closed */
        closed(hc, code);
    }
    return 0;
}

/* A request that could not be sent any more: the peer has said GOAWAY. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code, void *context)
{
    (void)code;
    (void)context;
    struct http2_call *hc = frame->hd.type == NGHTTP2_HEADERS ? call_of(session, frame->hd.stream_id) : NULL;
    if (hc != NULL) {
        http2_call_finish(hc, OUTCOME_UNPROCESSED, CLIENT_FAILURE_BROKEN, "the connection takes no more requests");
    }
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)context;
    struct http2_call *hc = frame->hd.type == NGHTTP2_HEADERS ? call_of(session, frame->hd.stream_id) : NULL;
    if (hc != NULL && hc->call != NULL) {
        hc->call->is_begun = true;
    }
    return 0;
}

nghttp2_session_callbacks *http2_client_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NULL;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    return callbacks;
}
