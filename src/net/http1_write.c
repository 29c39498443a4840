#include "net/http1_write_internal.h"

#include <stdio.h>
#include <time.h>

#include "base/time.h"
#include "net/http1_scan_internal.h"

enum { PIECE_BYTES = 64 * 1024, DATE_SIZE = 29 };

void http1_put(struct http1_writer *w, struct bytes text)
{
    if (text.size > 0 && text.size <= w->capacity - w->size) {
        memcpy(w->data + w->size, text.data, text.size);
        w->size += text.size;
    }
}

void http1_put_decimal(struct http1_writer *w, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    http1_put(w, bytes_of(digits + at, sizeof digits - at));
}

void http1_put_field(struct http1_writer *w, struct bytes name, struct bytes value)
{
    http1_put(w, name);
    http1_put(w, BYTES(": "));
    http1_put(w, value);
    http1_put(w, BYTES("\r\n"));
}

/* A field from a handler may hold what came from elsewhere: a CR or LF in it would be a field, or an answer, that nobody decided on. */
bool http1_fields_size(const struct field *fields, size_t count, size_t *size)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!http1_is_token(fields[i].name) || !http1_is_plain(fields[i].value)) {
            return false;
        }
        size_t one = fields[i].name.size + HTTP1_FIELD_EXTRA;
        if (fields[i].value.size > SIZE_MAX / 4 - one || sum > SIZE_MAX / 4) {
            return false;
        }
        sum += one + fields[i].value.size;
    }
    *size = sum;
    return true;
}

/* RFC 9110 15. Others get a line without a phrase, which is as good (RFC 9112 4). */
static struct bytes phrase(unsigned status)
{
    static const struct {
        unsigned status;
        struct bytes text;
    } known[] = {
        { 200, BYTES("OK") },
        { 201, BYTES("Created") },
        { 202, BYTES("Accepted") },
        { 204, BYTES("No Content") },
        { 206, BYTES("Partial Content") },
        { 301, BYTES("Moved Permanently") },
        { 302, BYTES("Found") },
        { 303, BYTES("See Other") },
        { 304, BYTES("Not Modified") },
        { 307, BYTES("Temporary Redirect") },
        { 308, BYTES("Permanent Redirect") },
        { 400, BYTES("Bad Request") },
        { 401, BYTES("Unauthorized") },
        { 403, BYTES("Forbidden") },
        { 404, BYTES("Not Found") },
        { 405, BYTES("Method Not Allowed") },
        { 406, BYTES("Not Acceptable") },
        { 408, BYTES("Request Timeout") },
        { 409, BYTES("Conflict") },
        { 410, BYTES("Gone") },
        { 412, BYTES("Precondition Failed") },
        { 413, BYTES("Content Too Large") },
        { 415, BYTES("Unsupported Media Type") },
        { 417, BYTES("Expectation Failed") },
        { 422, BYTES("Unprocessable Content") },
        { 429, BYTES("Too Many Requests") },
        { 431, BYTES("Request Header Fields Too Large") },
        { 500, BYTES("Internal Server Error") },
        { 501, BYTES("Not Implemented") },
        { 502, BYTES("Bad Gateway") },
        { 503, BYTES("Service Unavailable") },
        { 504, BYTES("Gateway Timeout") },
        { 505, BYTES("HTTP Version Not Supported") },
        { 507, BYTES("Insufficient Storage") },
    };
    for (size_t i = 0; i < COUNT_OF(known) && known[i].status <= status; i++) {
        if (known[i].status == status) {
            return known[i].text;
        }
    }
    return BYTES_NONE;
}

void http1_put_status(struct http1_writer *w, unsigned status)
{
    http1_put(w, BYTES("HTTP/1.1 "));
    http1_put_decimal(w, status);
    http1_put(w, BYTES(" "));
    http1_put(w, phrase(status));
    http1_put(w, BYTES("\r\n"));
}

void http1_put_date(struct http1_writer *w)
{
    /* A cache of a pure function of the second: each thread has its own, so that none waits for another. */
    static _Thread_local int64_t second = INT64_MIN;
    static _Thread_local char text[DATE_SIZE + 1];
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int64_t now = time_now_ms() / 1000;
    if (now != second) {
        time_t time = (time_t)now;
        struct tm tm;
        if (gmtime_r(&time, &tm) == NULL || tm.tm_year < -900 || tm.tm_year > 8099) {
            return; /* RFC 9110 6.6.1: without a clock that makes sense, no Date */
        }
        unsigned year = (unsigned)(tm.tm_year + 1900) % 10000;
        (void)snprintf(text, sizeof text, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday], (unsigned)tm.tm_mday % 100,
                       months[tm.tm_mon], year, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
        second = now;
    }
    http1_put_field(w, BYTES("Date"), bytes_of(text, DATE_SIZE));
}

bool http1_send(struct http1_sender *sender, struct stream *stream, size_t waiting_max, struct error *e)
{
    struct bytes view;
    bool is_in_memory = sender->body != NULL && body_view(sender->body, &view);
    while (sender->body != NULL) {
        uint64_t left = body_size(sender->body) - sender->sent;
        if (left == 0) {
            sender->body = NULL;
            return true;
        }
        size_t waiting = stream_waiting(stream);
        if (waiting >= waiting_max) {
            return true;
        }
        size_t size = waiting_max - waiting;
        size = size < PIECE_BYTES ? size : PIECE_BYTES;
        size = size < left ? size : (size_t)left;
        if (is_in_memory) {
            stream_write(stream, bytes_slice(view, (size_t)sender->sent, (size_t)sender->sent + size));
        } else {
            uint8_t *room = stream_room(stream, size);
            if (room == NULL) {
                return error_memory(e, "body");
            }
            size_t got = 0;
            if (!body_read(sender->body, sender->sent, room, size, &got, e)) {
                return false;
            }
            if (got != size) {
                return error_set(e, ERROR_IO, "body", NULL, "it is shorter than it was");
            }
            stream_wrote(stream, size);
        }
        sender->sent += size;
    }
    return true;
}
