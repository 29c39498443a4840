/*
 * One HTTP/1.1 message, request or answer: llhttp in its strict mode, and what it lets through refused on top (two lengths, a length
 * with a transfer coding, codings other than chunked, chunk extensions, ...). Reads a whole head, then the body piece by piece.
 */
#ifndef COMITY_NET_HTTP1_MESSAGE_INTERNAL_H
#define COMITY_NET_HTTP1_MESSAGE_INTERNAL_H

#include <llhttp.h>

#include "net/http1_scan_internal.h"
#include "net/message.h"

enum http1_fault {
    HTTP1_FINE = 0,
    HTTP1_MALFORMED,
    HTTP1_HEAD_TOO_LARGE,
    HTTP1_BODY_TOO_LARGE,
    HTTP1_STORAGE, /* the body could not be spooled */
    HTTP1_METHOD,  /* a method that llhttp does not know */
    HTTP1_MEMORY,
};

struct http1_message {
    /* Set by the caller before http1_message_head(); `has_no_body` also from inside on_head. */
    struct fields *fields;
    struct arena *arena;
    struct body *body;
    size_t field_count_max;
    uint64_t body_bytes_max;
    bool is_answer_to_head;

    /* Read once the head is. */
    struct bytes method; /* views into the head */
    struct bytes target;
    unsigned status;
    unsigned minor; /* HTTP/1.x */
    bool has_length, has_coding;
    bool wants_close; /* Connection: close */
    uint64_t length;

    bool is_whole;
    enum http1_fault fault;
    const char *detail; /* a constant */

    /* Its own. */
    llhttp_t parser;
    struct http1_chunks chunks;
    struct bytes name, value;
    const uint8_t *framing; /* bytes from here on were not in a body's piece */
    bool is_head_read;
    bool is_too_large; /* a chunk was announced that breaks the limit */
};

/* All of it becomes zero; then the caller sets its part. */
void http1_message_init(struct http1_message *m, llhttp_type_t type);
/* Reads the head: `head` is what http1_scan() found whole, and lives as long as the message. False: `fault` and `detail` say why. When it
 * has no body, is_whole is true after it. */
must_check bool http1_message_head(struct http1_message *m, struct bytes head);
/* Reads on into `body`. `*used` is less than data.size only when is_whole becomes true. */
must_check bool http1_message_body(struct http1_message *m, struct bytes data, size_t *used);
/* The connection has ended in order: true when that ends an answer without a length, whose body is then whole. */
must_check bool http1_message_end(struct http1_message *m);
/* The body ends where the connection does. */
bool http1_message_needs_end(const struct http1_message *m);

/* Is `token` one of the comma-separated members of any field of this name, ignoring case? */
bool http1_fields_list(const struct fields *fields, struct bytes name, struct bytes token);

#endif
