/*
 * One byte stream: TCP or a unix socket, with or without TLS, on one loop. HTTP/1.1 and HTTP/2 are written over it. What is written
 * in one turn of the loop goes out in one system call at its end (a prepare handle flushes all streams that were written to).
 */
#ifndef COMITY_NET_STREAM_INTERNAL_H
#define COMITY_NET_STREAM_INTERNAL_H

#include <uv.h>

#include "base/buffer.h"
#include "net/message.h"
#include "net/tls.h"

struct stream;

enum stream_end {
    STREAM_END_EOF = 0, /* the peer closed in order */
    STREAM_END_RESET,   /* reset, or any read or write error */
    STREAM_END_TLS,     /* handshake or record failure */
    STREAM_END_STALLED, /* took nothing for write_stall_ms */
    STREAM_END_CONNECT, /* connecting failed */
    STREAM_END_RESOLVE,
    STREAM_END_CLOSED, /* by stream_close() or stream_abort() */
};

/* All are called on the loop (on_flush apart: at the end of a turn), never from inside a stream_ function that the user called. */
struct stream_events {
    /* Connected, and with TLS handshaken: stream_peer() and stream_alpn_is_h2() are valid. */
    void (*on_ready)(void *context);
    /* Bytes that live until it returns. Not called while paused. May call stream_abort(), stream_pause(), stream_write(). */
    void (*on_data)(void *context, struct bytes data);
    /* What waited to be written is below write_buffer_bytes again, after it was not. */
    void (*on_drain)(void *context);
    /* After stream_want_flush(), at the end of the turn, just before what was written goes out: may stream_write(). May be NULL. */
    void (*on_flush)(void *context);
    /* Last event: afterwards `context` is not touched; the stream frees itself. */
    void (*on_end)(void *context, enum stream_end how, const struct error *e);
};

/* `events` is kept by reference. The stream holds its own references to `tls`, and copies the rest.
 * Makes a stream of an accepted, non-blocking socket, which is closed on failure, too; a TLS handshake may take head_ms. */
must_check bool stream_accept(struct stream **out, uv_loop_t *loop, int fd, bool is_unix, struct tls *tls, const struct net_limits *limits,
                              const struct stream_events *events, void *context, struct error *e);
/* Connects: resolves and tries the addresses in order until one is ready; all of it within connect_ms, in which each gets its share. */
must_check bool stream_connect(struct stream **out, uv_loop_t *loop, const struct bytes *addresses, size_t address_count, struct tls *tls,
                               const uint8_t (*pins)[PIN_SIZE], size_t pin_count, struct bytes server_name, const struct net_limits *limits,
                               const struct stream_events *events, void *context, struct error *e);
/* Appends to what goes out at the end of this turn. Data is copied. Unbounded here: the writer looks at stream_waiting() before it
 * adds more of a body. */
void stream_write(struct stream *stream, struct bytes data);
/* The same without a copy: room in the outgoing buffer that is filled by the caller, then stream_wrote(). NULL when memory is out. */
uint8_t *stream_room(struct stream *stream, size_t size);
void stream_wrote(struct stream *stream, size_t size);
/* Has on_flush() called at the end of this turn. */
void stream_want_flush(struct stream *stream);
/* Bytes not yet taken by the kernel. */
size_t stream_waiting(const struct stream *stream);
/* Stops reading, so that TCP slows the peer; data already decrypted stays inside. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* While it keeps the end, a peer that has closed its side (which may be only half of the connection) does not end ours: it still gets
 * what is written. Off at the start; when it is turned off again, an end that came meanwhile takes effect. */
void stream_keep_end(struct stream *stream, bool keeps);
/* Writes what waits, ends TLS and TCP in order, then on_end(CLOSED). */
void stream_close(struct stream *stream);
/* Resets at once; on_end(CLOSED) comes later, from the loop. */
void stream_abort(struct stream *stream);
/* Which of the addresses it was. */
size_t stream_address_index(const struct stream *stream);
const struct peer *stream_peer(const struct stream *stream);
/* Asks the kernel whether the peer has closed an idle stream, which the loop may not have seen yet. */
bool stream_looks_open(const struct stream *stream);
bool stream_alpn_is_h2(const struct stream *stream);

#endif
