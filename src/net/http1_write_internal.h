/* HTTP/1.1 going out: heads, and bodies piece by piece as the reader takes them. */
#ifndef COMITY_NET_HTTP1_WRITE_INTERNAL_H
#define COMITY_NET_HTTP1_WRITE_INTERNAL_H

#include "net/message.h"
#include "net/stream_internal.h"

/* A head composed in place: room is asked for once, of at least what will be put in. */
struct http1_writer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
/* Adds nothing that does not fit; the sizes below are those to ask room for. */
void http1_put(struct http1_writer *w, struct bytes text);
void http1_put_decimal(struct http1_writer *w, uint64_t value);
/* "Name: value" CRLF */
void http1_put_field(struct http1_writer *w, struct bytes name, struct bytes value);
enum { HTTP1_FIELD_EXTRA = 4, HTTP1_FIXED_BYTES_MAX = 320 };

/* What http1_put_field() needs for all of them. False when one has a name that is no token, or a control character in its value. */
must_check bool http1_fields_size(const struct field *fields, size_t count, size_t *size);

/* "HTTP/1.1 200 OK" CRLF; at most 64 bytes. */
void http1_put_status(struct http1_writer *w, unsigned status);
/* "Date: ..." CRLF (RFC 9110 5.6.7), made once a second for each thread; 37 bytes. */
void http1_put_date(struct http1_writer *w);

/* A body on its way out; owns nothing. */
struct http1_sender {
    const struct body *body; /* NULL: nothing is left */
    uint64_t sent;
};
/*
 * Writes on until all is with the stream (body becomes NULL) or `waiting_max` bytes wait: then stream_events.on_drain says when to go on.
 * False when the body can't be read.
 */
must_check bool http1_send(struct http1_sender *sender, struct stream *stream, size_t waiting_max, struct error *e);

#endif
