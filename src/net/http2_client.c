#include <stdio.h>
#include <stdlib.h>

#include "net/http2_internal.h"

/*
 * A connection of a pool. What nghttp2's callbacks find out about a call is noted in its http2_call and reported when nghttp2 has returned:
 * so the user's `done` never runs inside of nghttp2.
 */
struct http2_client {
    struct client_connection base;
    nghttp2_session *session;
    struct http2_call *calls;    /* all whose stream nghttp2 may still ask about */
    struct http2_call *finished; /* to be reported, in order */
    struct http2_call **finished_end;
    struct http2_flood flood;
    uint64_t heard_at_ms; /* when the last byte came */
    bool is_flooded;
    bool is_ending;
};

enum outcome { OUTCOME_NONE = 0, OUTCOME_ANSWERED, OUTCOME_FAILED, OUTCOME_LOST, OUTCOME_UNPROCESSED };

/* Outlives its call: until nghttp2 has closed the stream, it may ask for more of the body. */
struct http2_call {
    struct http2_client *connection;
    struct client_call *call; /* NULL once reported or cancelled */
    struct http2_call *previous, *next, *next_finished;
    int32_t id;
    struct http2_sending sending; /* the body is the user's, and NULL once the call is gone */
    enum outcome outcome;
    enum client_failure failure;
    const char *detail;
    size_t head_bytes, field_count;
    bool is_head_whole; /* of the final answer */
    bool is_closed;     /* nghttp2 is through with it */
};

/* ---- Calls ---- */

static struct http2_call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void free_call(struct http2_call *hc)
{
    if (hc->previous != NULL) {
        hc->previous->next = hc->next;
    } else {
        hc->connection->calls = hc->next;
    }
    if (hc->next != NULL) {
        hc->next->previous = hc->previous;
    }
    free(hc);
}

/* The first outcome counts. */
static void finish(struct http2_call *hc, enum outcome outcome, enum client_failure failure, const char *detail)
{
    struct http2_client *c = hc->connection;
    if (hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return;
    }
    hc->outcome = outcome;
    hc->failure = failure;
    hc->detail = detail;
    hc->sending.body = NULL;
    hc->next_finished = NULL;
    *c->finished_end = hc;
    c->finished_end = &hc->next_finished;
}

static void unqueue(struct http2_client *c, const struct http2_call *hc)
{
    struct http2_call **at = &c->finished;
    while (*at != NULL && *at != hc) {
        at = &(*at)->next_finished;
    }
    if (*at == NULL) {
        return;
    }
    *at = hc->next_finished;
    while (*at != NULL) {
        at = &(*at)->next_finished;
    }
    c->finished_end = at;
}

/* Tells the peer to stop, when it has not ended itself. */
static void reset_stream(struct http2_call *hc, uint32_t code)
{
    struct http2_client *c = hc->connection;
    if (hc->is_closed || c->base.stream == NULL || c->session == NULL) {
        return;
    }
    if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, hc->id, code) != 0) {
        stream_abort(c->base.stream);
        return;
    }
    stream_want_flush(c->base.stream);
}

static void report(struct http2_client *c, struct http2_call *hc)
{
    struct client_call *call = hc->call;
    struct error e = { 0 };
    enum outcome outcome = hc->outcome;
    enum client_failure failure = hc->failure;
    if (outcome != OUTCOME_ANSWERED) {
        const char *where = c->base.stream == NULL ? "HTTP/2" : stream_peer(c->base.stream)->address;
        enum error_kind kind = failure == CLIENT_FAILURE_TOO_LARGE  ? ERROR_FULL
                               : failure == CLIENT_FAILURE_PROTOCOL ? ERROR_INPUT
                                                                    : ERROR_IO;
        (void)error_set(&e, kind, where, NULL, "%s", hc->detail);
    }
    hc->call = NULL;
    call->state = NULL;
    if (hc->is_closed) {
        free_call(hc);
    } else {
        bool is_refusal = outcome == OUTCOME_FAILED;
        reset_stream(hc, is_refusal ? NGHTTP2_CANCEL : NGHTTP2_NO_ERROR);
    }
    if (outcome == OUTCOME_ANSWERED) {
        client_call_answered(call);
    } else if (outcome == OUTCOME_FAILED) {
        client_call_failed(call, failure, &e);
    } else {
        client_call_lost(call, outcome == OUTCOME_UNPROCESSED, failure, &e);
    }
}

static void report_finished(struct http2_client *c)
{
    while (c->finished != NULL) {
        struct http2_call *hc = c->finished;
        c->finished = hc->next_finished;
        if (c->finished == NULL) {
            c->finished_end = &c->finished;
        }
        report(c, hc);
    }
}

/* ---- Receiving: callbacks of nghttp2 ---- */

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
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer has trailer fields, which are not accepted");
        return 0;
    }
    hc->head_bytes = hc->field_count = 0;
    if (!client_answer_begin(hc->call, NULL)) {
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_STORAGE, "out of memory");
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
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer's fields are over the limit");
        bool is_bomb = hc->head_bytes / HTTP2_HEAD_BOMB > limits->head_bytes_max ||
                       hc->field_count / HTTP2_HEAD_BOMB > limits->field_count_max;
        c->is_flooded = c->is_flooded || is_bomb;
        return is_bomb ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    if (hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return 0;
    }
    if (!keep_field(hc->call->answer, bytes_of(name, name_size), bytes_of(value, value_size))) {
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer's head can't be used");
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
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer has a field with a name or value that HTTP does not allow");
    }
    return 0;
}

static void take_settings(struct http2_client *c)
{
    uint32_t allowed = nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    c->base.calls_max = allowed < c->base.limits->streams_max ? allowed : c->base.limits->streams_max;
    client_connection_changed(&c->base);
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
        hc->is_head_whole = true;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (hc->is_head_whole) {
            finish(hc, OUTCOME_ANSWERED, CLIENT_FAILURE_NONE, NULL);
        } else {
            finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the answer has no final status");
        }
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
    if (!body_append(hc->call->answer->body, bytes_of(data, size), &e)) {
        bool is_full = e.kind == ERROR_FULL;
        finish(hc, OUTCOME_FAILED, is_full ? CLIENT_FAILURE_TOO_LARGE : CLIENT_FAILURE_STORAGE,
               is_full ? "the answer's body is over the limit" : "the answer's body could not be kept");
    }
    return 0;
}

/* The stream is over; nghttp2 asks for it no more. */
static void closed(struct http2_call *hc, uint32_t code)
{
    hc->is_closed = true;
    if (code == NGHTTP2_REFUSED_STREAM) {
        finish(hc, OUTCOME_UNPROCESSED, CLIENT_FAILURE_BROKEN, "the peer refused the stream");
    } else if (code == NGHTTP2_PROTOCOL_ERROR) {
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_PROTOCOL, "the stream ended with a protocol error");
    } else {
        finish(hc, OUTCOME_LOST, CLIENT_FAILURE_BROKEN, "the stream was reset");
    }
    if (hc->call == NULL) {
        free_call(hc);
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
        finish(hc, OUTCOME_UNPROCESSED, CLIENT_FAILURE_BROKEN, "the connection takes no more requests");
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

static nghttp2_session_callbacks *make_callbacks(void)
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

/* ---- Sending ---- */

static void end_connection(struct http2_client *c, uint32_t code)
{
    if (c->is_ending) {
        return;
    }
    c->is_ending = true;
    c->base.is_closing = true;
    if (nghttp2_session_terminate_session(c->session, code) != 0 ||
        !http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes)) {
        stream_abort(c->base.stream);
        return;
    }
    stream_close(c->base.stream);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size, uint32_t *flags, nghttp2_data_source *source,
                         void *context)
{
    struct http2_call *hc = source->ptr;
    if (hc->call == NULL || hc->sending.body == NULL) {
        return NGHTTP2_ERR_DEFERRED; /* for good: its RST_STREAM is on the way */
    }
    hc->call->moved_at_ms = loop_now_ms(hc->connection->base.loop);
    nghttp2_data_source sending = { .ptr = &hc->sending };
    ssize_t got = http2_read_body(session, id, out, size, flags, &sending, context);
    if (got < 0) {
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_STORAGE, "the request's body can't be read");
    } else {
        hc->call->sent = hc->sending.offset;
    }
    return got;
}

enum { FIELDS_ON_STACK = 64, EXTRA_FIELDS = 5 };

static size_t write_fields(nghttp2_nv *nv, const struct client_request *request, bool is_tls, char length[24])
{
    size_t count = 0;
    nv[count++] = http2_nv(BYTES(":method"), request->method, false);
    nv[count++] = http2_nv(BYTES(":scheme"), is_tls ? BYTES("https") : BYTES("http"), false);
    nv[count++] = http2_nv(BYTES(":authority"), request->authority, false);
    nv[count++] = http2_nv(BYTES(":path"), request->target, false);
    for (size_t i = 0; i < request->field_count; i++) {
        if (!http2_is_connection_field(request->fields[i].name)) {
            nv[count++] = http2_nv(request->fields[i].name, request->fields[i].value, false);
        }
    }
    if (request->body != NULL) {
        (void)snprintf(length, 24, "%llu", (unsigned long long)body_size(request->body));
        nv[count++] = http2_nv(BYTES("content-length"), bytes_of_text(length), false);
    }
    return count;
}

/* 0, or what nghttp2 said. */
static int submit(struct http2_client *c, struct http2_call *hc)
{
    const struct client_request *request = &hc->call->request;
    nghttp2_nv on_stack[FIELDS_ON_STACK], *nv = on_stack;
    if (request->field_count > FIELDS_ON_STACK - EXTRA_FIELDS) {
        nv = malloc((request->field_count + EXTRA_FIELDS) * sizeof *nv);
        if (nv == NULL) {
            return NGHTTP2_ERR_NOMEM;
        }
    }
    char length[24];
    size_t count = write_fields(nv, request, c->base.pool != NULL && stream_peer(c->base.stream)->is_tls, length);
    nghttp2_data_provider provider = { .source.ptr = hc, .read_callback = read_body };
    bool has_data = request->body != NULL && body_size(request->body) > 0;
    int32_t id = nghttp2_submit_request(c->session, NULL, nv, count, has_data ? &provider : NULL, hc);
    if (nv != on_stack) {
        free(nv);
    }
    hc->id = id;
    return id < 0 ? id : 0;
}

static void arm_timer(struct http2_client *c, uint32_t in_ms)
{
    bool is_early_enough = loop_timer_is_set(&c->base.timer) && c->base.timer.due_ms <= loop_now_ms(c->base.loop) + in_ms;
    if (!is_early_enough) {
        client_connection_set_timer(&c->base, in_ms);
    }
}

static void http2_send(struct client_connection *base, struct client_call *call)
{
    struct http2_client *c = (struct http2_client *)base;
    struct http2_call *hc = calloc(1, sizeof *hc);
    struct error e = { 0 };
    if (hc == NULL) {
        (void)error_memory(&e, "HTTP/2");
        client_call_failed(call, CLIENT_FAILURE_STORAGE, &e);
        return;
    }
    *hc = (struct http2_call){ .connection = c, .call = call, .sending.body = call->request.body, .next = c->calls };
    if (hc->next != NULL) {
        hc->next->previous = hc;
    }
    c->calls = hc;
    int failed = submit(c, hc);
    if (failed != 0) {
        free_call(hc);
        base->is_closing = true; /* stream ids are used up, or memory is out: another connection may do */
        (void)error_set(&e, ERROR_IO, "HTTP/2", NULL, "%s", nghttp2_strerror(failed));
        client_call_lost(call, true, CLIENT_FAILURE_BROKEN, &e);
        return;
    }
    call->state = hc;
    call->id = hc->id;
    stream_want_flush(base->stream);
    arm_timer(c, call->request.read_stall_ms);
}

static void http2_cancel(struct client_connection *base, struct client_call *call)
{
    struct http2_client *c = (struct http2_client *)base;
    struct http2_call *hc = call->state;
    if (hc == NULL) {
        return;
    }
    if (hc->outcome != OUTCOME_NONE) {
        unqueue(c, hc);
    }
    hc->call = NULL;
    hc->sending.body = NULL;
    if (hc->is_closed) {
        free_call(hc);
    } else {
        reset_stream(hc, NGHTTP2_CANCEL);
    }
}

/* ---- The table ---- */

static bool http2_start(struct client_connection *base, struct error *e)
{
    struct http2_client *c = (struct http2_client *)base;
    nghttp2_session_callbacks *callbacks = make_callbacks();
    if (callbacks == NULL) {
        return error_memory(e, "HTTP/2");
    }
    c->finished_end = &c->finished;
    c->heard_at_ms = loop_now_ms(base->loop);
    c->session = http2_session_make(false, callbacks, c, base->limits);
    nghttp2_session_callbacks_del(callbacks);
    if (c->session == NULL) {
        return error_memory(e, "HTTP/2");
    }
    enum { CALLS_BEFORE_SETTINGS = 100 }; /* RFC 9113 6.5.2 asks servers for no less */
    base->calls_max = base->limits->streams_max < CALLS_BEFORE_SETTINGS ? base->limits->streams_max : CALLS_BEFORE_SETTINGS;
    stream_want_flush(base->stream);
    return true;
}

static void http2_data(struct client_connection *base, struct bytes data)
{
    struct http2_client *c = (struct http2_client *)base;
    if (c->is_ending) {
        return;
    }
    c->heard_at_ms = loop_now_ms(base->loop);
    ssize_t used = nghttp2_session_mem_recv(c->session, data.data, data.size);
    if (used < 0) {
        end_connection(c, c->is_flooded || used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    } else if (base->stream != NULL) {
        stream_want_flush(base->stream);
    }
    report_finished(c);
    if (base->is_closing) {
        client_connection_changed(base);
    }
}

static void http2_flush(struct client_connection *base)
{
    struct http2_client *c = (struct http2_client *)base;
    if (c->is_ending) {
        return;
    }
    bool ok = http2_pull(c->session, base->stream, base->limits->write_buffer_bytes);
    if (!ok) {
        base->is_closing = true;
        stream_abort(base->stream);
    } else if (nghttp2_session_want_read(c->session) == 0 && nghttp2_session_want_write(c->session) == 0) {
        end_connection(c, NGHTTP2_NO_ERROR);
    }
    report_finished(c);
}

static void http2_drained(struct client_connection *base)
{
    stream_want_flush(base->stream);
}

static void http2_timeout(struct client_connection *base)
{
    struct http2_client *c = (struct http2_client *)base;
    uint64_t now = loop_now_ms(base->loop), due = UINT64_MAX;
    for (struct http2_call *hc = c->calls; hc != NULL; hc = hc->next) {
        if (hc->call == NULL || hc->outcome != OUTCOME_NONE) {
            continue;
        }
        uint64_t limit = hc->call->request.read_stall_ms, gone = now - hc->call->moved_at_ms;
        if (gone < limit) {
            due = limit - gone < due ? limit - gone : due;
            continue;
        }
        finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_TIMEOUT, "the answer did not come in time");
        if (now - c->heard_at_ms >= limit) {
            base->is_closing = true; /* nothing at all came: the way may be dead, and new calls take another */
        }
    }
    if (due != UINT64_MAX) {
        client_connection_set_timer(base, due);
    }
    report_finished(c);
}

static void http2_clear(struct client_connection *base, enum stream_end how, const struct error *e)
{
    struct http2_client *c = (struct http2_client *)base;
    report_finished(c);
    nghttp2_session_del(c->session);
    c->session = NULL;
    while (c->calls != NULL) {
        struct http2_call *hc = c->calls;
        struct client_call *call = hc->call;
        free_call(hc);
        if (call != NULL) {
            call->state = NULL;
            client_call_lost(call, false, c->is_flooded || c->is_ending ? CLIENT_FAILURE_PROTOCOL : client_failure_of(how), e);
        }
    }
}

const struct client_connection_functions http2_client_functions = { .size = sizeof(struct http2_client),
                                                                    .start = http2_start,
                                                                    .data = http2_data,
                                                                    .drained = http2_drained,
                                                                    .flush = http2_flush,
                                                                    .timeout = http2_timeout,
                                                                    .send = http2_send,
                                                                    .cancel = http2_cancel,
                                                                    .clear = http2_clear };
