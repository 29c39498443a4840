/*
 * A connection's states:
 *
 *      idle --first byte--> head --whole--> body --whole--> handling --answer--> sending --+--> idle
 *                             |               |                |                   ^       |
 *                             |               |                +--> streaming -----+       |
 *                             +----fault------+------------------------------------+       +--> closed (after a fault, too)
 *
 * One request at a time: what comes while one is handled or answered is kept in `input`, and reading is paused, so at most what one
 * read brings is kept. Otherwise `input` holds nothing but a head that has come in part.
 */
#include <stdio.h>

#include "base/time.h"
#include "net/connection_internal.h"
#include "net/http1_message_internal.h"
#include "net/http1_write_internal.h"

enum state { STATE_IDLE = 0, STATE_HEAD, STATE_BODY, STATE_HANDLING, STATE_STREAMING, STATE_SENDING, STATE_CLOSED };

struct http1_server {
    struct server_connection base;
    enum state state;
    bool is_running; /* run() is on the stack */
    bool is_paused;
    bool is_head;                     /* the request's method */
    bool closes;                      /* after the answer */
    bool is_chunked;                  /* the streamed answer under way */
    struct server_exchange *exchange; /* being received */
    struct body *sending;
    struct http1_sender sender;
    struct http1_scan scan;
    struct http1_message message;
    struct buffer input;
    struct loop_work work; /* goes on with `input` */
};

static struct http1_server *connection_of(struct server_connection *c)
{
    return (struct http1_server *)c;
}

static bool is_reading(const struct http1_server *h)
{
    return h->state == STATE_IDLE || h->state == STATE_HEAD || h->state == STATE_BODY;
}

static void end(struct http1_server *h, bool resets)
{
    if (h->state == STATE_CLOSED) {
        return;
    }
    h->state = STATE_CLOSED;
    server_connection_clear_timer(&h->base);
    buffer_clear(&h->input);
    if (resets) {
        stream_abort(h->base.stream);
    } else {
        stream_close(h->base.stream);
    }
}

/* ---- Answers ---------------------------------------------------------------------------------------------------------------- */

static void go_on(void *context);

static void finish_answer(struct http1_server *h)
{
    body_free(h->sending);
    h->sending = NULL;
    if (h->closes || h->base.is_draining) {
        end(h, false);
        return;
    }
    h->state = STATE_IDLE;
    h->scan = (struct http1_scan){ .field_count_max = h->base.limits->field_count_max };
    server_connection_set_timer(&h->base, h->base.limits->idle_ms);
    if (h->is_running) {
        return;
    }
    if (h->input.size > 0) {
        loop_work_add(h->base.loop, LOOP_DISPATCH, &h->work, go_on, h);
        return;
    }
    stream_keep_end(h->base.stream, false);
    if (h->is_paused) {
        h->is_paused = false;
        stream_resume(h->base.stream);
    }
}

static void send_on(struct http1_server *h)
{
    if (!http1_send(&h->sender, h->base.stream, h->base.limits->write_buffer_bytes, NULL)) {
        end(h, true); /* the head has promised more: nothing else tells the reader that it is cut short */
        return;
    }
    /* A peer that sends requests and reads no answers is not read on from, either. */
    if (h->sender.body == NULL && stream_waiting(h->base.stream) < h->base.limits->write_buffer_bytes) {
        finish_answer(h);
    }
}

/* How the end of an answer's content is told. */
enum framing { FRAMING_NONE = 0, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* The head of an answer; `size` is of its fields. False: memory, and the connection is ended. */
static bool write_head(struct http1_server *h, unsigned status, const struct field *fields, size_t field_count, size_t size,
                       enum framing framing, uint64_t length)
{
    struct http1_writer w = { .capacity = size + HTTP1_FIXED_BYTES_MAX };
    w.data = stream_room(h->base.stream, w.capacity);
    if (w.data == NULL) {
        end(h, true);
        return false;
    }
    http1_put_status(&w, status);
    /* RFC 9110 6.6.1: what a handler passes on keeps the Date of the one who made it. */
    bool has_date = false;
    for (size_t i = 0; i < field_count; i++) {
        has_date = has_date || bytes_equal_ignoring_case(fields[i].name, BYTES("Date"));
        http1_put_field(&w, fields[i].name, fields[i].value);
    }
    if (!has_date) {
        http1_put_date(&w);
    }
    if (framing == FRAMING_LENGTH) {
        http1_put(&w, BYTES("Content-Length: "));
        http1_put_decimal(&w, length);
        http1_put(&w, BYTES("\r\n"));
    } else if (framing == FRAMING_CHUNKED) {
        http1_put(&w, BYTES("Transfer-Encoding: chunked\r\n"));
    }
    if (h->closes) {
        http1_put(&w, BYTES("Connection: close\r\n"));
    }
    http1_put(&w, BYTES("\r\n"));
    stream_wrote(h->base.stream, w.size);
    return true;
}

/* Takes answer->body. */
static void write_answer(struct http1_server *h, const struct server_answer *answer)
{
    unsigned status = answer->status;
    const struct field *fields = answer->fields;
    size_t field_count = answer->field_count, size = 0;
    struct body *body = answer->body;
    if (!http1_fields_size(fields, field_count, &size) || status < 200 || status > 599) {
        body_free(body);
        body = NULL;
        status = 500;
        field_count = size = 0;
        h->closes = true;
    }
    bool has_content = status != 204 && status != 304;
    uint64_t length = body != NULL ? body_size(body) : 0;
    if (!write_head(h, status, fields, field_count, size, has_content ? FRAMING_LENGTH : FRAMING_NONE, length)) {
        body_free(body);
        return;
    }
    h->state = STATE_SENDING;
    h->sending = body;
    h->sender = (struct http1_sender){ .body = has_content && !h->is_head ? body : NULL };
    send_on(h);
}

static void answer(struct server_connection *c, struct server_exchange *x, const struct server_answer *answer)
{
    struct http1_server *h = connection_of(c);
    if (h->state != STATE_HANDLING) { /* ended meanwhile */
        body_free(answer->body);
    } else {
        h->closes = h->closes || answer->close || c->is_draining;
        write_answer(h, answer);
    }
    server_request_free(x);
}

/* ---- Streamed answers (RFC 9112 7.1) ---- */

static bool begin_stream(struct server_connection *c, struct server_exchange *x, const struct server_answer *answer)
{
    struct http1_server *h = connection_of(c);
    size_t size = 0;
    bool can_stream = h->state == STATE_HANDLING && !h->is_head && answer->status >= 200 && answer->status <= 599 &&
                      answer->status != 204 && answer->status != 304 && http1_fields_size(answer->fields, answer->field_count, &size);
    if (!can_stream) { /* it has no content, then */
        http1_server_functions.answer(c, x, answer);
        return false;
    }
    h->is_chunked = h->message.minor > 0;
    h->closes = h->closes || answer->close || !h->is_chunked;
    bool ok = write_head(h, answer->status, answer->fields, answer->field_count, size, h->is_chunked ? FRAMING_CHUNKED : FRAMING_CLOSE, 0);
    if (ok) {
        h->state = STATE_STREAMING;
        stream_keep_end(c->stream, false); /* one that has closed its side reads no stream */
    }
    server_request_free(x);
    return ok;
}

static void write_stream(struct server_connection *c, struct bytes data)
{
    struct http1_server *h = connection_of(c);
    char size[24];
    if (h->state != STATE_STREAMING) {
        return;
    }
    if (!h->is_chunked) {
        stream_write(c->stream, data);
        return;
    }
    int digits = snprintf(size, sizeof size, "%zx\r\n", data.size);
    stream_write(c->stream, bytes_of(size, (size_t)digits));
    stream_write(c->stream, data);
    stream_write(c->stream, BYTES("\r\n"));
}

static void finish_stream(struct server_connection *c)
{
    struct http1_server *h = connection_of(c);
    if (h->state != STATE_STREAMING) {
        return;
    }
    if (h->is_chunked) {
        stream_write(c->stream, BYTES("0\r\n\r\n"));
    }
    h->state = STATE_SENDING;
    h->sender = (struct http1_sender){ .body = NULL };
    send_on(h);
}

/* Nothing behind a fault can be trusted to begin where it seems to: the connection ends. The stream reads on for a while when it closes
 * (RFC 9112 9.6), so that what the peer still sends does not make TCP reset, and destroy the answer on its way. */
static void refuse(struct http1_server *h, enum server_fault fault, const char *detail)
{
    struct arena arena = { 0 };
    struct server_answer answer = { 0 };
    const struct field *accept = h->exchange != NULL ? fields_find(&h->exchange->request.fields, BYTES("Accept")) : NULL;
    server_connection_clear_timer(&h->base);
    server_fault_make(&h->base, fault, accept != NULL ? accept->value : BYTES_NONE, detail, &arena, &answer);
    h->closes = true;
    write_answer(h, &answer);
    arena_clear(&arena);
    server_request_free(h->exchange);
    h->exchange = NULL;
}

static void refuse_message(struct http1_server *h)
{
    static const enum server_fault faults[] = {
        [HTTP1_MALFORMED] = SERVER_FAULT_MALFORMED,
        [HTTP1_HEAD_TOO_LARGE] = SERVER_FAULT_HEAD_TOO_LARGE,
        [HTTP1_BODY_TOO_LARGE] = SERVER_FAULT_BODY_TOO_LARGE,
        [HTTP1_STORAGE] = SERVER_FAULT_STORAGE,
        [HTTP1_METHOD] = SERVER_FAULT_METHOD,
        [HTTP1_MEMORY] = SERVER_FAULT_STORAGE,
    };
    refuse(h, faults[h->message.fault], h->message.detail);
}

/* ---- Requests --------------------------------------------------------------------------------------------------------------- */

static bool is_version(struct bytes text)
{
    return text.size == 9 && bytes_start_with(text, BYTES(" HTTP/")) && text.data[6] >= '0' && text.data[6] <= '9' && text.data[7] == '.' &&
           text.data[8] >= '0' && text.data[8] <= '9';
}

/* Looked at as soon as the first line is whole: a peer that speaks HTTP/0.9 or HTTP/2 would never end the head. */
static bool check_first_line(struct http1_server *h, struct bytes line)
{
    struct bytes version = bytes_slice(line, line.size < 9 ? 0 : line.size - 9, line.size);
    if (bytes_equal(version, BYTES(" HTTP/1.1")) || bytes_equal(version, BYTES(" HTTP/1.0"))) {
        return true;
    }
    if (is_version(version)) {
        refuse(h, SERVER_FAULT_VERSION, "an HTTP version other than 1.1 and 1.0");
    } else {
        refuse(h, SERVER_FAULT_MALFORMED, "a request line without a version");
    }
    return false;
}

/* RFC 9112 3.2: origin-form, or * with OPTIONS. A proxy's forms would name a host besides Host. */
static const char *check_target(const struct http1_message *m)
{
    if (bytes_equal(m->target, BYTES("*"))) {
        return bytes_equal(m->method, BYTES("OPTIONS")) ? NULL : "the target * with a method other than OPTIONS";
    }
    if (m->target.size == 0 || m->target.data[0] != '/') {
        return "a target that is no path";
    }
    for (size_t i = 0; i < m->target.size; i++) {
        if (m->target.data[i] <= ' ' || m->target.data[i] >= 0x7f || m->target.data[i] == '#') {
            return "a target with a byte that has to be percent-encoded";
        }
    }
    return NULL;
}

static const char *check_host(const struct http1_message *m, struct bytes *authority)
{
    size_t count = fields_count(m->fields, BYTES("Host"));
    if (count > 1) {
        return "more than one Host";
    }
    if (count == 1) {
        *authority = fields_find(m->fields, BYTES("Host"))->value;
    }
    if (m->minor > 0 && authority->size == 0) {
        return "no Host";
    }
    for (size_t i = 0; i < authority->size; i++) {
        uint8_t byte = authority->data[i];
        if (byte <= ' ' || byte >= 0x7f || strchr("\"#,/<>?@\\^`{|}", byte) != NULL) {
            return "a malformed Host";
        }
    }
    return NULL;
}

static bool check_expect(const struct http1_message *m, bool *wants_continue)
{
    for (size_t i = 0; i < m->fields->count; i++) {
        if (bytes_equal_ignoring_case(m->fields->list[i].name, BYTES("Expect"))) {
            *wants_continue = m->minor > 0;
            if (!bytes_equal_ignoring_case(m->fields->list[i].value, BYTES("100-continue"))) {
                return false;
            }
        }
    }
    return true;
}

static void deliver(struct http1_server *h)
{
    struct server_exchange *x = h->exchange;
    h->exchange = NULL;
    h->state = STATE_HANDLING;
    server_connection_clear_timer(&h->base);
    server_request_deliver(x);
}

/* The head was read: is it one that we answer? Then waits for the body, or hands the request over. */
static void accept_head(struct http1_server *h)
{
    struct http1_message *m = &h->message;
    struct server_request *request = &h->exchange->request;
    bool wants_continue = false;
    h->is_head = bytes_equal(m->method, BYTES("HEAD"));
    h->closes = m->wants_close || m->minor == 0;
    if (bytes_equal(m->method, BYTES("CONNECT"))) {
        refuse(h, SERVER_FAULT_METHOD, "CONNECT");
        return;
    }
    /* One space between method, target and version (RFC 9112 3): llhttp takes several. */
    bool is_tight = h->scan.first_size == m->method.size + m->target.size + sizeof "  HTTP/1.1" - 1;
    const char *wrong = is_tight ? check_target(m) : "a request line with more than one space between its parts";
    wrong = wrong != NULL ? wrong : check_host(m, &request->authority);
    if (wrong != NULL) {
        refuse(h, SERVER_FAULT_MALFORMED, wrong);
        return;
    }
    if (!check_expect(m, &wants_continue)) {
        refuse(h, SERVER_FAULT_EXPECTATION, "an expectation other than 100-continue");
        return;
    }
    request->method = m->method;
    request->target = m->target;
    request->has_body = m->has_length || m->has_coding;
    request->received_at_us = time_monotonic_us();
    if (m->is_whole) {
        deliver(h);
        return;
    }
    if (wants_continue) {
        stream_write(h->base.stream, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    h->state = STATE_BODY;
    server_connection_set_timer(&h->base, h->base.limits->body_stall_ms);
}

static void read_request(struct http1_server *h, struct bytes head)
{
    struct server_exchange *x = server_request_make(&h->base);
    if (x == NULL) {
        end(h, true);
        return;
    }
    h->exchange = x;
    struct bytes copy = arena_copy(&x->request.arena, head);
    if (copy.data == NULL) {
        end(h, true);
        return;
    }
    http1_message_init(&h->message, HTTP_REQUEST);
    h->message.fields = &x->request.fields;
    h->message.arena = &x->request.arena;
    h->message.body = x->request.body;
    h->message.field_count_max = h->base.limits->field_count_max;
    h->message.body_bytes_max = h->base.limits->body.size_max;
    if (!http1_message_head(&h->message, copy)) {
        h->is_head = bytes_equal(h->message.method, BYTES("HEAD"));
        refuse_message(h);
        return;
    }
    accept_head(h);
}

/* Returns how much was used: a whole head, or nothing. */
static size_t read_head(struct http1_server *h, struct bytes data)
{
    const struct net_limits *limits = h->base.limits;
    struct http1_scan *scan = &h->scan;
    if (h->state == STATE_IDLE) {
        h->state = STATE_HEAD;
        h->is_head = h->closes = false;
        server_connection_set_timer(&h->base, limits->head_ms);
    }
    bool had_first = scan->first_size > 0;
    bool is_fine = http1_scan(scan, data);
    size_t reached = is_fine && scan->end == 0 ? data.size : scan->end > 0 ? scan->end : scan->offset;
    /* In the order in which their bytes come, so that how they were cut on their way makes no difference. */
    if (!had_first && scan->first_size > 0 && scan->first_size <= limits->head_bytes_max &&
        !check_first_line(h, bytes_of(data.data + scan->start, scan->first_size))) {
        return 0;
    }
    if (reached - scan->start > limits->head_bytes_max) {
        refuse(h, SERVER_FAULT_HEAD_TOO_LARGE, "the head is too large");
    } else if (!is_fine) {
        refuse(h, scan->is_too_large ? SERVER_FAULT_HEAD_TOO_LARGE : SERVER_FAULT_MALFORMED, scan->fault);
    } else if (scan->end > 0) {
        size_t end_of_head = scan->end;
        read_request(h, bytes_slice(data, scan->start, end_of_head));
        return end_of_head;
    }
    return 0;
}

static size_t read_body(struct http1_server *h, struct bytes data)
{
    size_t used = 0;
    if (!http1_message_body(&h->message, data, &used)) {
        refuse_message(h);
        return 0;
    }
    if (h->message.is_whole) {
        deliver(h);
    } else {
        server_connection_set_timer(&h->base, h->base.limits->body_stall_ms);
    }
    return used;
}

/* Reads and delivers requests until data are used up, one is not answered at once, or one is refused. */
static size_t run(struct http1_server *h, struct bytes data)
{
    size_t used = 0;
    h->is_running = true;
    while (is_reading(h) && used < data.size) {
        struct bytes rest = bytes_slice(data, used, data.size);
        size_t step = h->state == STATE_BODY ? read_body(h, rest) : read_head(h, rest);
        if (step == 0) {
            break;
        }
        used += step;
    }
    h->is_running = false;
    return used;
}

/* `input` is up to date: it holds what was not used. */
static void read_or_pause(struct http1_server *h)
{
    if (h->input.size == 0 && h->input.data != NULL) {
        buffer_clear(&h->input);
    }
    if (h->state == STATE_CLOSED) {
        return;
    }
    /* A client that has closed its side behind its last request still waits for the answer. */
    stream_keep_end(h->base.stream, !is_reading(h) && h->state != STATE_STREAMING);
    bool pauses = !is_reading(h) && h->input.size > 0;
    if (pauses != h->is_paused) {
        h->is_paused = pauses;
        if (pauses) {
            stream_pause(h->base.stream);
        } else {
            stream_resume(h->base.stream);
        }
    }
}

static void go_on(void *context)
{
    struct http1_server *h = context;
    if (is_reading(h)) {
        size_t used = run(h, buffer_bytes(&h->input));
        buffer_consume(&h->input, used);
    }
    read_or_pause(h);
}

static void data(struct server_connection *c, struct bytes data)
{
    struct http1_server *h = connection_of(c);
    if (h->state == STATE_CLOSED) {
        return;
    }
    bool was_kept = h->input.size > 0;
    size_t used = was_kept ? 0 : run(h, data);
    if (h->state == STATE_CLOSED) {
        return;
    }
    buffer_append(&h->input, bytes_slice(data, used, data.size));
    if (h->input.failed) {
        end(h, true);
        return;
    }
    if (was_kept) {
        go_on(h);
    } else {
        read_or_pause(h);
    }
}

static void drained(struct server_connection *c)
{
    struct http1_server *h = connection_of(c);
    if (h->state == STATE_SENDING) {
        send_on(h);
    }
}

static void timeout(struct server_connection *c)
{
    struct http1_server *h = connection_of(c);
    if (h->state == STATE_HEAD && h->input.size > h->scan.start) {
        refuse(h, SERVER_FAULT_TIMEOUT, "the head took too long");
    } else if (h->state == STATE_BODY) {
        refuse(h, SERVER_FAULT_TIMEOUT, "the body stalled");
    } else if (h->state == STATE_HEAD || h->state == STATE_IDLE) {
        end(h, false);
    }
}

static void drain(struct server_connection *c)
{
    struct http1_server *h = connection_of(c);
    if (h->state == STATE_IDLE && c->is_started) {
        end(h, false);
    } else if (h->state == STATE_STREAMING) { /* it would never end by itself; in order, so that its reader asks elsewhere */
        h->closes = true;
        finish_stream(c);
    }
}

static bool start(struct server_connection *c, struct error *e)
{
    struct http1_server *h = connection_of(c);
    (void)e;
    buffer_init(&h->input, c->limits->head_bytes_max + 4 * (size_t)LOOP_READ_SIZE);
    h->scan = (struct http1_scan){ .field_count_max = c->limits->field_count_max };
    if (c->is_draining) {
        end(h, false);
        return true;
    }
    server_connection_set_timer(c, c->limits->idle_ms);
    return true;
}

static void clear(struct server_connection *c)
{
    struct http1_server *h = connection_of(c);
    h->state = STATE_CLOSED;
    loop_work_remove(&h->work);
    server_request_free(h->exchange);
    h->exchange = NULL;
    body_free(h->sending);
    h->sending = NULL;
    buffer_clear(&h->input);
}

const struct server_connection_functions http1_server_functions = {
    .size = sizeof(struct http1_server),
    .start = start,
    .data = data,
    .drained = drained,
    .timeout = timeout,
    .answer = answer,
    .stream_begin = begin_stream,
    .stream_write = write_stream,
    .stream_finish = finish_stream,
    .drain = drain,
    .clear = clear,
};
