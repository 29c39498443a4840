/* What HTTP/1.1 and HTTP/2 have in common (RFC 9110). */
#ifndef COMITY_NET_MESSAGE_H
#define COMITY_NET_MESSAGE_H

#include "base/arena.h"
#include "base/error.h"
#include "crypto/certificate.h"
#include "net/body.h"

enum protocol { PROTOCOL_HTTP1 = 0, PROTOCOL_HTTP2 };

/* One field line. Over HTTP/1.1 the name has the letter case it was sent in; over HTTP/2 it is lower case. Values are trimmed. */
struct field {
    struct bytes name;
    struct bytes value;
};
/* Field lines in the order they came. `list` lives in the message's arena. */
struct fields {
    struct field *list;
    size_t count;
    size_t capacity;
};
/* Appends; the views are kept, not copied. False when the arena is exhausted. */
must_check bool fields_add(struct fields *fields, struct arena *arena, struct bytes name, struct bytes value);
/* The first or last with this name (ignoring case); NULL when there is none. */
const struct field *fields_find(const struct fields *fields, struct bytes name);
const struct field *fields_find_last(const struct fields *fields, struct bytes name);
size_t fields_count(const struct fields *fields, struct bytes name);

/*
 * A preface: bytes in front of a message's body, inside of its content, that are no part of the body (and of its digests). HTTP/2 only. The
 * field that is named here says how many they are, in decimal; content-length counts both. Where HTTP allows no content (an answer to HEAD, 204,
 * 304) that field carries the bytes themselves, as `:base64:`.
 */
struct preface_form {
    struct bytes field; /* its name in lower case; outlives whatever uses it. Empty: no prefaces */
    size_t size_max;    /* more is refused */
};

/* Limits on what a peer can grow. Zero means the default that is named. */
struct net_limits {
    size_t head_bytes_max;    /* request or status line and all fields. 32 KiB; past it 431 */
    size_t field_count_max;   /* 128; past it 431 */
    struct body_limits body;  /* past size_max 413 */
    uint32_t connections_max; /* a listener. 10,000; past it accepted and closed at once */
    uint32_t streams_max;     /* open on one HTTP/2 connection. 256 */
    uint32_t idle_ms;         /* between messages. 60 s */
    uint32_t head_ms;         /* from a head's first byte to its last. 10 s; past it 408 */
    uint32_t body_stall_ms;   /* between two pieces of a body. 30 s; past it 408 */
    /* A reader that takes nothing, or over HTTP/2 less than a byte a millisecond. 30 s; past it the connection is reset, or the stream, if a
     * window is shut. */
    uint32_t write_stall_ms;
    size_t write_buffer_bytes; /* waiting in memory for one connection's reader. 256 KiB */
    uint32_t connect_ms;       /* 30 s */
    uint32_t floods_max;       /* HTTP/2 resets, pings, settings and empty frames in 10 s. 1,000; past it the connection ends */
};
/* The same with every zero replaced by its default. */
struct net_limits net_limits_complete(struct net_limits limits);

#endif
