/*
 * The line discipline of HTTP/1.1, stricter than llhttp's and than RFC 9112 asks: two programs that disagree about where a line ends can
 * be made to disagree about where a request ends. Runs beside llhttp, over the same bytes. Pure.
 */
#ifndef COMITY_NET_HTTP1_SCAN_INTERNAL_H
#define COMITY_NET_HTTP1_SCAN_INTERNAL_H

#include "base/bytes.h"

/* Zeroed, but for field_count_max, is ready for a new head. One empty line before the first is passed over (RFC 9112 2.2). */
struct http1_scan {
    size_t field_count_max;
    size_t start;       /* of the first line: 0, or 2 behind an empty line */
    size_t first_size;  /* of the first line, without CRLF; 0: it is not whole yet */
    size_t line;        /* where the line that is being read begins */
    size_t offset;      /* what was looked at */
    size_t field_count; /* lines behind the first */
    size_t end;         /* just behind the empty line that ends the head; 0: not whole yet */
    const char *fault;  /* what is wrong, a constant; NULL: nothing */
    bool is_too_large;  /* that is, the fault is too many fields */
};
/* Goes on with `head`, which begins with the bytes it was called with before. False when it can't be a head: `fault` says why. */
must_check bool http1_scan(struct http1_scan *scan, struct bytes head);

/* RFC 9110 5.6.2: one or more tchar. */
bool http1_is_token(struct bytes text);
/* No CR, LF, NUL or other control character but HTAB. */
bool http1_is_plain(struct bytes text);

/* What stands around the data of chunks: sizes without extensions, CRLF, and trailer lines, which are dropped. Zeroed is ready. */
enum http1_chunk_state {
    HTTP1_CHUNK_SIZE = 0,
    HTTP1_CHUNK_SIZE_LF,
    HTTP1_CHUNK_DATA, /* data, or what ends it */
    HTTP1_CHUNK_DATA_LF,
    HTTP1_CHUNK_TRAILER, /* at the beginning of a line */
    HTTP1_CHUNK_TRAILER_LINE,
    HTTP1_CHUNK_TRAILER_LF,
    HTTP1_CHUNK_LAST_LF,
    HTTP1_CHUNK_END,
};
struct http1_chunks {
    enum http1_chunk_state state;
    unsigned digits; /* of the size so far */
    bool has_data;   /* the size is not zero */
    size_t trailer_size;
    const char *fault;
};
enum { HTTP1_CHUNK_DIGITS_MAX = 16, HTTP1_TRAILER_BYTES_MAX = 8192 };
must_check bool http1_chunks_scan(struct http1_chunks *chunks, struct bytes framing);

#endif
