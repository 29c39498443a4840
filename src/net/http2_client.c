#include <stdlib.h>

#include "net/http2_client_internal.h"

/*
 * A connection of a pool. What nghttp2's callbacks find out about a call is noted in its http2_call and reported when nghttp2 has returned:
 * so the user's `done` never runs inside of nghttp2.
 */
/* ---- Calls ---- */

void http2_call_free(struct http2_call *hc)
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

void http2_call_finish(struct http2_call *hc, enum http2_outcome outcome, enum client_failure failure, const char *detail)
{
    struct http2_client *c = hc->connection;
    if (hc->call == NULL || hc->outcome != OUTCOME_NONE) {
        return;
    }
    hc->outcome = outcome;
    hc->failure = failure;
    hc->detail = detail;
    http2_sending_give_up(&hc->sending);
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
    enum http2_outcome outcome = hc->outcome;
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
        http2_call_free(hc);
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

/* ---- Sending ---- */

static void end_connection(struct http2_client *c, uint32_t code)
{
    if (c->is_ending) {
        return;
    }
    c->is_ending = true;
    c->base.is_closing = true;
    if (nghttp2_session_terminate_session(c->session, code) != 0 ||
        !http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes, NULL)) {
        stream_abort(c->base.stream);
        return;
    }
    stream_close(c->base.stream);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size, uint32_t *flags, nghttp2_data_source *source,
                         void *context)
{
    struct http2_call *hc = source->ptr;
    if (hc->call == NULL || hc->sending.is_given_up) {
        return NGHTTP2_ERR_DEFERRED; /* for good: its RST_STREAM is on the way */
    }
    hc->call->moved_at_ms = loop_now_ms(hc->connection->base.loop);
    nghttp2_data_source sending = { .ptr = &hc->sending };
    ssize_t got = http2_read_body(session, id, out, size, flags, &sending, context);
    if (got < 0) {
        http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_STORAGE, "the request's body can't be read");
    } else {
        hc->call->sent = hc->sending.offset;
    }
    return got;
}

enum { FIELDS_ON_STACK = 64, EXTRA_FIELDS = 6 };

/* Digits that must last until nghttp2 has copied them. */
struct numbers {
    uint8_t length[HTTP2_DECIMAL_SIZE], preface[HTTP2_DECIMAL_SIZE];
};

static size_t write_fields(nghttp2_nv *nv, const struct client_request *request, bool is_tls, struct numbers *numbers)
{
    size_t count = 0;
    uint64_t size = request->preface.size + (request->body == NULL ? 0 : body_size(request->body));
    nv[count++] = http2_nv(BYTES(":method"), request->method, false);
    nv[count++] = http2_nv(BYTES(":scheme"), is_tls ? BYTES("https") : BYTES("http"), false);
    nv[count++] = http2_nv(BYTES(":authority"), request->authority, false);
    nv[count++] = http2_nv(BYTES(":path"), request->target, false);
    for (size_t i = 0; i < request->field_count; i++) {
        if (!http2_is_connection_field(request->fields[i].name)) {
            nv[count++] = http2_nv(request->fields[i].name, request->fields[i].value, false);
        }
    }
    if (request->preface.size > 0) {
        nv[count++] = http2_nv(request->preface_form.field, http2_decimal(request->preface.size, numbers->preface), false);
    }
    if (request->body != NULL || size > 0) {
        nv[count++] = http2_nv(BYTES("content-length"), http2_decimal(size, numbers->length), false);
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
    struct numbers numbers;
    size_t count = write_fields(nv, request, c->base.pool != NULL && stream_peer(c->base.stream)->is_tls, &numbers);
    nghttp2_data_provider provider = { .source.ptr = hc, .read_callback = read_body };
    bool has_data = http2_sending_is_left(&hc->sending);
    int32_t id = nghttp2_submit_request(c->session, NULL, nv, count, has_data ? &provider : NULL, hc);
    if (nv != on_stack) {
        free(nv);
    }
    hc->id = id;
    return id < 0 ? id : 0;
}

static void arm_timer(struct http2_client *c, const struct http2_call *hc)
{
    uint32_t in_ms = hc->call->request.read_stall_ms, look_ms = c->base.limits->write_stall_ms / HTTP2_STALL_LOOKS;
    in_ms = http2_sending_is_left(&hc->sending) && look_ms < in_ms ? look_ms : in_ms;
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
    *hc = (struct http2_call){
        .connection = c, .call = call, .sending = { .preface = call->request.preface, .body = call->request.body }, .next = c->calls
    };
    hc->sent_at_ms = loop_now_ms(base->loop);
    if (hc->next != NULL) {
        hc->next->previous = hc;
    }
    c->calls = hc;
    int failed = submit(c, hc);
    if (failed != 0) {
        http2_call_free(hc);
        base->is_closing = true; /* stream ids are used up, or memory is out: another connection may do */
        (void)error_set(&e, ERROR_IO, "HTTP/2", NULL, "%s", nghttp2_strerror(failed));
        client_call_lost(call, true, CLIENT_FAILURE_BROKEN, &e);
        return;
    }
    call->state = hc;
    call->id = hc->id;
    stream_want_flush(base->stream);
    arm_timer(c, hc);
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
    http2_sending_give_up(&hc->sending);
    if (hc->is_closed) {
        http2_call_free(hc);
    } else {
        reset_stream(hc, NGHTTP2_CANCEL);
    }
}

/* ---- The table ---- */

static bool http2_start(struct client_connection *base, struct error *e)
{
    struct http2_client *c = (struct http2_client *)base;
    nghttp2_session_callbacks *callbacks = http2_client_callbacks();
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
    bool ok = http2_pull(c->session, base->stream, base->limits->write_buffer_bytes, NULL);
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

/* Has the peer shut the body out for too long? Its own time counts, so that an answer's 1xx heads don't keep it waiting for ever; once the
 * final answer comes, that is what counts. */
static bool body_stalled(struct http2_call *hc, uint64_t now)
{
    struct http2_client *c = hc->connection;
    bool is_shut = hc->call->is_begun && !hc->is_head_whole && http2_window_is_shut(c->session, hc->id);
    return http2_sending_is_stalled(&hc->sending, is_shut, &hc->sent_at_ms, c->base.limits->write_stall_ms, now);
}

/* Ends the call when it has stalled. Returns when to look again. */
static uint64_t check_call(struct http2_call *hc, uint64_t now)
{
    struct http2_client *c = hc->connection;
    uint64_t waited = hc->call->request.read_stall_ms, left = http2_left_ms(hc->call->moved_at_ms, waited, now);
    bool has_more = http2_sending_is_left(&hc->sending);
    const char *detail = NULL;
    if (left == 0) {
        detail = "the answer did not come in time";
    } else if (has_more && body_stalled(hc, now)) {
        detail = "the peer took nothing of the request's body in time";
        waited = c->base.limits->write_stall_ms;
    }
    if (detail == NULL) {
        uint64_t look = c->base.limits->write_stall_ms / HTTP2_STALL_LOOKS;
        return has_more && look < left ? look : left;
    }
    http2_call_finish(hc, OUTCOME_FAILED, CLIENT_FAILURE_TIMEOUT, detail);
    /* Nothing at all came, or the window that all calls share is shut: the way may be dead, and new calls take another. */
    if (now - c->heard_at_ms >= waited || nghttp2_session_get_remote_window_size(c->session) <= 0) {
        c->base.is_closing = true;
    }
    return UINT64_MAX;
}

static void http2_timeout(struct client_connection *base)
{
    struct http2_client *c = (struct http2_client *)base;
    uint64_t now = loop_now_ms(base->loop), due = UINT64_MAX;
    for (struct http2_call *hc = c->calls; hc != NULL; hc = hc->next) {
        if (hc->call != NULL && hc->outcome == OUTCOME_NONE) {
            uint64_t left = check_call(hc, now);
            due = left < due ? left : due;
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
        struct client_call *call = hc->call; /* NOLINT(clang-analyzer-unix.Malloc): http2_call_free() takes it off the list */
        http2_call_free(hc);
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
