#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "net/http2_server_internal.h"

static void check_session(struct http2_server *c)
{
    if (c->is_ending || c->base.stream == NULL) {
        return;
    }
    bool is_over = nghttp2_session_want_read(c->session) == 0 && nghttp2_session_want_write(c->session) == 0;
    if (is_over || (c->base.is_draining && c->stream_count == 0)) {
        http2_server_end(c, NGHTTP2_NO_ERROR);
    }
}

void http2_server_pull(struct http2_server *c)
{
    if (c->is_inside || c->base.stream == NULL) {
        return;
    }
    c->is_inside = true;
    bool ok = http2_pull(c->session, c->base.stream, c->base.limits->write_buffer_bytes, &c->borrowing);
    c->is_inside = false;
    if (!ok) {
        stream_abort(c->base.stream);
    } else if (c->is_flooded && !c->is_ending) {
        http2_server_end(c, NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
        check_session(c);
    }
}

enum { FIELDS_ON_STACK = 64, EXTRA_FIELDS = 4 };

/* RFC 9110 5.6.7; made once a second. */
static struct bytes http_date(struct http2_server *c)
{
    int64_t now_s = time_now_ms() / 1000;
    if (now_s != c->date_s) {
        time_t now = (time_t)now_s;
        struct tm tm;
        char text[sizeof c->date + 1];
        if (gmtime_r(&now, &tm) == NULL || strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) != sizeof c->date) {
            return BYTES_NONE; /* no time that has such a form */
        }
        memcpy(c->date, text, sizeof c->date);
        c->date_s = now_s;
    }
    return bytes_of(c->date, sizeof c->date);
}

/* What an answer's head says beside its own fields; each may be empty. */
struct head {
    struct bytes status, date, length, preface_name, preface;
};

/* Fills `nv`, which takes field_count + EXTRA_FIELDS. */
static size_t write_fields(nghttp2_nv *nv, const struct server_answer *answer, const struct head *head, bool may_borrow)
{
    size_t count = 0;
    bool has_date = false;
    nv[count++] = http2_nv(BYTES(":status"), head->status, may_borrow);
    for (size_t i = 0; i < answer->field_count; i++) {
        /* RFC 9110 6.6.1: what a handler passes on keeps the Date of the one who made it. */
        has_date = has_date || bytes_equal_ignoring_case(answer->fields[i].name, BYTES("date"));
        if (!http2_is_connection_field(answer->fields[i].name)) {
            nv[count++] = http2_nv(answer->fields[i].name, answer->fields[i].value, may_borrow);
        }
    }
    if (head->date.size > 0 && !has_date) {
        nv[count++] = http2_nv(BYTES("date"), head->date, may_borrow);
    }
    if (head->preface.size > 0) {
        nv[count++] = http2_nv(head->preface_name, head->preface, may_borrow);
    }
    if (head->length.size > 0) {
        nv[count++] = http2_nv(BYTES("content-length"), head->length, may_borrow);
    }
    return count;
}

/* Takes answer->body, and copies the preface if that goes in front of it. False: memory is out. */
static bool take_content(struct http2_stream *stream, const struct server_answer *answer, bool has_content)
{
    bool has_body = has_content && answer->body != NULL && body_size(answer->body) > 0;
    if (!has_body) {
        body_free(answer->body);
    }
    stream->sending = (struct http2_sending){ .body = has_body ? answer->body : NULL };
    if (!has_content || answer->preface.size == 0) {
        return true;
    }
    stream->sent_preface = malloc(answer->preface.size);
    if (stream->sent_preface == NULL) {
        return false;
    }
    memcpy(stream->sent_preface, answer->preface.data, answer->preface.size);
    stream->sending.preface = bytes_of(stream->sent_preface, answer->preface.size);
    return true;
}

/* Takes answer->body. */
static bool submit_answer(struct http2_stream *stream, const struct server_answer *answer, bool is_head)
{
    struct http2_server *c = stream->connection;
    bool ok = false;
    nghttp2_nv on_stack[FIELDS_ON_STACK], *nv = on_stack;
    uint8_t status_text[HTTP2_DECIMAL_SIZE], length_text[HTTP2_DECIMAL_SIZE], preface_text[HTTP2_DECIMAL_SIZE];
    uint8_t *coded = NULL;
    bool is_bodiless = answer->status == 204 || answer->status == 304;
    bool has_content = http2_has_content(answer->status, is_head);
    bool has_length = !is_bodiless && (!is_head || answer->body != NULL);
    uint64_t size = (answer->body == NULL ? 0 : body_size(answer->body)) + (has_content ? answer->preface.size : 0);
    bool is_kept = take_content(stream, answer, has_content);
    struct head head = { .status = http2_decimal(answer->status, status_text),
                         .date = http_date(c),
                         .length = has_length ? http2_decimal(size, length_text) : BYTES_NONE };
    if (answer->preface.size > 0) {
        head.preface_name = server_connection_preface(&c->base)->field;
        head.preface = http2_preface_value(answer->preface, has_content, preface_text, &coded);
        is_kept = is_kept && head.preface.size > 0;
    }
    if (answer->field_count > FIELDS_ON_STACK - EXTRA_FIELDS) {
        nv = answer->field_count > SIZE_MAX / sizeof *nv - EXTRA_FIELDS ? NULL : malloc((answer->field_count + EXTRA_FIELDS) * sizeof *nv);
    }
    bool has_data = http2_sending_is_left(&stream->sending);
    stream->moved_at_ms = loop_now_ms(c->base.loop);
    if (nv == NULL || !is_kept) {
        goto done;
    }
    /* Fields can be borrowed when they are sent before this returns. */
    bool is_now = !c->is_inside && stream_waiting(c->base.stream) < c->base.limits->write_buffer_bytes;
    size_t count = write_fields(nv, answer, &head, is_now);
    nghttp2_data_provider provider = { .source.ptr = &stream->sending, .read_callback = http2_read_body };
    stream->is_answered = true;
    if (has_data) {
        http2_server_set_timer(c, c->base.limits->write_stall_ms / HTTP2_STALL_LOOKS);
    }
    ok = nghttp2_submit_response(c->session, stream->id, nv, count, has_data ? &provider : NULL) == 0;
    if (ok && is_now) {
        c->borrowing = stream->id;
        http2_server_pull(c); /* may free `stream` */
    } else if (ok) {
        stream_want_flush(c->base.stream);
    }
done:
    free(coded);
    if (nv != on_stack) {
        free(nv);
    }
    return ok;
}

void http2_answer(struct server_connection *base, struct server_exchange *x, const struct server_answer *answer)
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

void http2_answer_fault(struct http2_stream *stream)
{
    struct http2_server *c = stream->connection;
    struct server_exchange *x = stream->x;
    struct server_answer answer;
    const struct field *accept = fields_find(&x->request.fields, BYTES("accept"));
    server_fault_make(&c->base, stream->fault, accept == NULL ? BYTES_NONE : accept->value, stream->detail, &x->request.arena, &answer);
    bool is_head = bytes_equal(x->request.method, BYTES("HEAD"));
    stream->is_cut = !stream->is_whole;
    stream->x = NULL;
    http2_stream_stop_receiving(stream);
    if (!submit_answer(stream, &answer, is_head)) {
        stream_abort(c->base.stream);
    }
    server_request_free(x);
}
