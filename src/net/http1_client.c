/*
 * One call at a time. The request's body goes out as the peer takes it, and the answer is read meanwhile: a service may answer, and
 * close, before it has read everything. The connection is kept only when both messages were whole and nothing came behind the answer.
 */
#include "net/connection_internal.h"
#include "net/http1_message_internal.h"
#include "net/http1_write_internal.h"

/* 100, 102 and 103 stand before the answer; a peer that sends nothing else would hold the call for ever. */
enum { INTERIM_MAX = 16 };

enum phase { PHASE_NONE = 0, PHASE_HEAD, PHASE_BODY };

struct http1_client {
    struct client_connection base;
    struct client_call *call;
    enum phase phase; /* of the answer */
    unsigned interims;
    struct http1_sender sender;
    struct http1_scan scan;
    struct http1_message message;
    struct buffer input; /* a head that has come in part */
};

static struct http1_client *connection_of(struct client_connection *c)
{
    return (struct http1_client *)c;
}

/* Takes the call off this connection, which ends if it can't take another. */
static struct client_call *release(struct http1_client *h, bool is_clean)
{
    struct client_call *call = h->call;
    h->call = NULL;
    h->phase = PHASE_NONE;
    h->sender = (struct http1_sender){ 0 };
    buffer_clear(&h->input);
    client_connection_clear_timer(&h->base);
    if (!is_clean) {
        h->base.is_closing = true;
    }
    return call;
}

static void fail(struct http1_client *h, enum client_failure failure, enum error_kind kind, const char *what)
{
    struct error e = { 0 };
    const struct peer *peer = stream_peer(h->base.stream);
    (void)error_set(&e, kind, peer->address, NULL, "%s", what);
    struct client_call *call = release(h, false);
    stream_abort(h->base.stream);
    client_call_failed(call, failure, &e);
}

static void fail_message(struct http1_client *h)
{
    static const struct {
        enum client_failure failure;
        enum error_kind kind;
    } ways[] = {
        [HTTP1_MALFORMED] = { CLIENT_FAILURE_PROTOCOL, ERROR_INPUT },
        [HTTP1_HEAD_TOO_LARGE] = { CLIENT_FAILURE_PROTOCOL, ERROR_INPUT },
        [HTTP1_BODY_TOO_LARGE] = { CLIENT_FAILURE_TOO_LARGE, ERROR_FULL },
        [HTTP1_STORAGE] = { CLIENT_FAILURE_STORAGE, ERROR_IO },
        [HTTP1_METHOD] = { CLIENT_FAILURE_PROTOCOL, ERROR_INPUT },
        [HTTP1_MEMORY] = { CLIENT_FAILURE_STORAGE, ERROR_MEMORY },
    };
    fail(h, ways[h->message.fault].failure, ways[h->message.fault].kind, h->message.detail);
}

/* ---- Request ---------------------------------------------------------------------------------------------------------------- */

static void set_timer(struct http1_client *h)
{
    client_connection_set_timer(&h->base, h->call->request.read_stall_ms);
}

static void send_on(struct http1_client *h)
{
    struct error e = { 0 };
    if (!http1_send(&h->sender, h->base.stream, h->base.limits->write_buffer_bytes, &e)) {
        struct client_call *call = release(h, false);
        stream_abort(h->base.stream);
        client_call_failed(call, CLIENT_FAILURE_STORAGE, &e);
    }
}

/* RFC 9110 8.6: a length also with an empty body where the method gives content a meaning. */
static bool needs_length(const struct client_request *request)
{
    return request->body != NULL || bytes_equal(request->method, BYTES("POST")) || bytes_equal(request->method, BYTES("PUT")) ||
           bytes_equal(request->method, BYTES("PATCH"));
}

static bool is_visible(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0;
}

static bool write_head(struct http1_client *h, const struct client_request *request, size_t fields_size)
{
    size_t size = fields_size + request->method.size + request->target.size + request->authority.size + HTTP1_FIXED_BYTES_MAX;
    struct http1_writer w = { .data = stream_room(h->base.stream, size), .capacity = size };
    if (w.data == NULL) {
        return false;
    }
    http1_put(&w, request->method);
    http1_put(&w, BYTES(" "));
    http1_put(&w, request->target);
    http1_put(&w, BYTES(" HTTP/1.1\r\n"));
    http1_put_field(&w, BYTES("Host"), request->authority);
    for (size_t i = 0; i < request->field_count; i++) {
        http1_put_field(&w, request->fields[i].name, request->fields[i].value);
    }
    if (needs_length(request)) {
        http1_put(&w, BYTES("Content-Length: "));
        http1_put_decimal(&w, request->body != NULL ? body_size(request->body) : 0);
        http1_put(&w, BYTES("\r\n"));
    }
    http1_put(&w, BYTES("\r\n"));
    stream_wrote(h->base.stream, w.size);
    return true;
}

static void send_call(struct client_connection *c, struct client_call *call)
{
    struct http1_client *h = connection_of(c);
    const struct client_request *request = &call->request;
    size_t fields_size = 0;
    h->call = call;
    h->phase = PHASE_HEAD;
    h->interims = 0;
    h->scan = (struct http1_scan){ .field_count_max = h->base.limits->field_count_max };
    bool is_fine = http1_fields_size(request->fields, request->field_count, &fields_size) && http1_is_token(request->method) &&
                   is_visible(request->target) && http1_is_plain(request->authority);
    if (!is_fine) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, "the request has a byte that would break its head");
        return;
    }
    call->is_begun = true;
    if (!write_head(h, request, fields_size)) {
        fail(h, CLIENT_FAILURE_BROKEN, ERROR_MEMORY, "out of memory");
        return;
    }
    h->sender = (struct http1_sender){ .body = request->body };
    set_timer(h);
    send_on(h);
}

/* ---- Answer ----------------------------------------------------------------------------------------------------------------- */

static void answered(struct http1_client *h, bool has_more)
{
    const struct http1_message *m = &h->message;
    bool is_clean = !has_more && h->sender.body == NULL && !m->wants_close && m->minor > 0 && !h->base.is_closing;
    client_call_answered(release(h, is_clean));
}

/* "HTTP/1.1 200" or "HTTP/1.1 200 reason"; llhttp takes more than that. */
static bool is_status_line(struct bytes line)
{
    struct bytes digits = bytes_slice(line, 9, 12);
    if (!(bytes_start_with(line, BYTES("HTTP/1.1 ")) || bytes_start_with(line, BYTES("HTTP/1.0 "))) || digits.size != 3) {
        return false;
    }
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
    }
    return digits.data[0] >= '1' && digits.data[0] <= '5' && (line.size == 12 || line.data[12] == ' ');
}

/* A 1xx: the answer is still to come. */
static bool pass_interim(struct http1_client *h)
{
    if (h->message.status == 101) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, "the answer changes the protocol, which was not asked for");
        return false;
    }
    if (++h->interims > INTERIM_MAX) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, "too many answers of status 1xx");
        return false;
    }
    h->phase = PHASE_HEAD;
    h->scan = (struct http1_scan){ .field_count_max = h->base.limits->field_count_max };
    return true;
}

/* Returns false when the call is no longer here. */
static bool read_answer(struct http1_client *h, struct bytes head)
{
    struct error e = { 0 };
    struct client_call *call = h->call;
    if (!client_answer_begin(call, &e)) {
        fail(h, CLIENT_FAILURE_STORAGE, ERROR_MEMORY, "out of memory");
        return false;
    }
    struct client_answer *answer = call->answer;
    struct bytes copy = arena_copy(&answer->arena, head);
    if (copy.data == NULL) {
        fail(h, CLIENT_FAILURE_STORAGE, ERROR_MEMORY, "out of memory");
        return false;
    }
    http1_message_init(&h->message, HTTP_RESPONSE);
    h->message.fields = &answer->fields;
    h->message.arena = &answer->arena;
    h->message.body = answer->body;
    h->message.field_count_max = h->base.limits->field_count_max;
    h->message.body_bytes_max = call->request.answer_bytes_max;
    h->message.is_answer_to_head = call->is_head;
    if (!http1_message_head(&h->message, copy)) {
        fail_message(h);
        return false;
    }
    answer->status = h->message.status;
    if (answer->status < 200) {
        return pass_interim(h);
    }
    h->phase = PHASE_BODY;
    return true;
}

/* Returns how much was used: a whole head, or nothing. */
static size_t read_head(struct http1_client *h, struct bytes data)
{
    struct http1_scan *scan = &h->scan;
    bool had_first = scan->first_size > 0;
    bool is_fine = http1_scan(scan, data);
    size_t reached = is_fine && scan->end == 0 ? data.size : scan->end > 0 ? scan->end : scan->offset;
    if (!had_first && scan->first_size > 0 && !is_status_line(bytes_of(data.data + scan->start, scan->first_size))) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, "the answer is not HTTP/1.1");
    } else if (reached > h->base.limits->head_bytes_max) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, "the answer's head is too large");
    } else if (!is_fine || scan->start > 0) {
        fail(h, CLIENT_FAILURE_PROTOCOL, ERROR_INPUT, is_fine ? "an empty line before the answer" : scan->fault);
    } else if (scan->end > 0) {
        size_t end = scan->end;
        return read_answer(h, bytes_slice(data, 0, end)) ? end : 0;
    }
    return 0;
}

/* Reads until the answer is whole, or data are used up. Afterwards the call may be gone. Returns how much was used. */
static size_t run(struct http1_client *h, struct bytes data)
{
    size_t used = 0;
    while (h->phase == PHASE_HEAD && used < data.size) {
        size_t step = read_head(h, bytes_slice(data, used, data.size));
        if (step == 0) {
            return used;
        }
        used += step;
    }
    if (h->phase != PHASE_BODY) {
        return used;
    }
    if (!h->message.is_whole && used < data.size) {
        size_t step = 0;
        if (!http1_message_body(&h->message, bytes_slice(data, used, data.size), &step)) {
            fail_message(h);
            return used;
        }
        used += step;
    }
    if (h->message.is_whole) {
        answered(h, used < data.size);
    }
    return used;
}

static void data(struct client_connection *c, struct bytes data)
{
    struct http1_client *h = connection_of(c);
    if (h->call == NULL) {
        /* Nobody asked: what comes now could be taken for the answer to the next request. */
        if (!c->is_closing) {
            c->is_closing = true;
            stream_abort(c->stream);
        }
        return;
    }
    struct client_call *call = h->call;
    call->is_answer_begun = true;
    set_timer(h);
    if (h->input.size > 0) {
        /* Its memory is handed over, so that whatever happens to the call meanwhile leaves it alone. */
        struct buffer input = h->input;
        buffer_init(&h->input, input.size_max);
        buffer_append(&input, data);
        size_t used = input.failed ? 0 : run(h, buffer_bytes(&input));
        bool is_partial = h->call == call && h->phase == PHASE_HEAD;
        if (input.failed) {
            fail(h, CLIENT_FAILURE_STORAGE, ERROR_MEMORY, "out of memory");
        } else if (is_partial) {
            buffer_consume(&input, used);
            h->input = input;
            return;
        }
        buffer_clear(&input);
        return;
    }
    size_t used = run(h, data);
    if (h->call == call && h->phase == PHASE_HEAD) {
        buffer_append(&h->input, bytes_slice(data, used, data.size));
        if (h->input.failed) {
            fail(h, CLIENT_FAILURE_STORAGE, ERROR_MEMORY, "out of memory");
        }
    }
}

static void drained(struct client_connection *c)
{
    struct http1_client *h = connection_of(c);
    if (h->call != NULL) {
        set_timer(h);
        send_on(h);
    }
}

static void timeout(struct client_connection *c)
{
    struct http1_client *h = connection_of(c);
    if (h->call != NULL) {
        fail(h, CLIENT_FAILURE_TIMEOUT, ERROR_IO, "the answer did not come in time");
    }
}

static void cancel(struct client_connection *c, struct client_call *call)
{
    struct http1_client *h = connection_of(c);
    if (h->call == call) {
        (void)release(h, false);
        stream_abort(c->stream);
    }
}

static bool start(struct client_connection *c, struct error *e)
{
    (void)e;
    c->calls_max = 1;
    buffer_init(&connection_of(c)->input, c->limits->head_bytes_max + 4 * (size_t)LOOP_READ_SIZE);
    return true;
}

static void clear(struct client_connection *c, enum stream_end how, const struct error *e)
{
    struct http1_client *h = connection_of(c);
    c->is_closing = true;
    if (h->call == NULL) {
        buffer_clear(&h->input);
        return;
    }
    bool is_whole = how == STREAM_END_EOF && h->phase == PHASE_BODY && http1_message_end(&h->message);
    struct client_call *call = release(h, false);
    if (is_whole) {
        client_call_answered(call);
    } else {
        client_call_lost(call, false, client_failure_of(how), e);
    }
}

const struct client_connection_functions http1_client_functions = {
    .size = sizeof(struct http1_client),
    .start = start,
    .data = data,
    .drained = drained,
    .timeout = timeout,
    .send = send_call,
    .cancel = cancel,
    .clear = clear,
};
