/* The inside of a stream, for the stream*.c files alone. */
#ifndef COMITY_NET_STREAM_PARTS_INTERNAL_H
#define COMITY_NET_STREAM_PARTS_INTERNAL_H

#include "net/loop_internal.h"
#include "net/stream_internal.h"
#include "net/tls_internal.h"

enum stream_stage {
    STREAM_CONNECTING = 0,
    STREAM_HANDSHAKING,
    STREAM_READY,
    STREAM_CLOSING,   /* writes what waits; what comes in is dropped */
    STREAM_LINGERING, /* our side is shut down; reads until the peer's is, so that no reset overtakes our last bytes */
    STREAM_ENDED,     /* the handle is being closed */
};

/* TLS on a stream: OpenSSL reads records from `input` and writes them to `record` through a BIO without buffers of its own. */
struct stream_tls {
    SSL *ssl;
    struct tls *tls; /* a reference: connecting may need another SSL for the next address */
    struct tls_check check;
    struct bytes input;  /* what is left of the bytes that were just read */
    struct buffer stash; /* the same, kept while paused */
    size_t record_size;  /* made by the operation under way; in loop_record_buffer() */
    struct stream *stream;
};

struct stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct loop *loop;
    const struct stream_events *events;
    void *context;
    uint32_t write_stall_ms;
    size_t write_buffer_bytes;
    enum stream_stage stage;
    bool has_handle; /* uv is open, or closing */
    bool is_closing_handle;
    bool is_reading;
    bool is_paused;
    bool is_writing; /* `sending` is with libuv */
    bool was_full;   /* on_drain() is owed */
    bool wants_flush;
    bool is_flushing; /* on_flush() is being called */
    bool is_at_end;   /* the peer has closed; ends as soon as what waits is written, and keeps_end is off */
    bool keeps_end;
    struct buffer out;     /* written, not yet given to the kernel or TLS */
    struct buffer sending; /* given to libuv, which had to wait */
    struct buffer records; /* TLS records that wait for `sending` */
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    } request;
    struct loop_work flush_work, drain_work, ready_work;
    struct loop_timer timer;       /* connecting, handshaking, a stalled write, lingering: one at a time */
    size_t stall_mark;             /* libuv's queue when the timer was set */
    struct stream_tls *tls;        /* NULL: plain */
    struct connecting *connecting; /* while other addresses could be tried */
    unsigned resolving;            /* requests that libuv's resolver has */
    size_t address_index;
    struct peer peer;
    enum stream_end how;
    struct error *error; /* NULL: none */
};

enum { STREAM_LINGER_MS = 1000 };

/* stream.c */
must_check struct stream *stream_make(struct loop *loop, const struct net_limits *limits, const struct stream_events *events,
                                      void *context);
/* Of one that has no handle and no events due. */
void stream_free(struct stream *s);
/* A handle for the next address, or the accepted connection. */
must_check bool stream_open_handle(struct stream *s, bool is_pipe, struct error *e);
/* The end: the handle is closed, then on_end(). Or, while connecting, the end of this address: the next is tried. */
void stream_fail(struct stream *s, enum stream_end how, const struct error *e);
void stream_finish(struct stream *s, enum stream_end how, const struct error *e);
/* All is written: ends our side, and waits shortly for the peer to end its own; then the same. */
void stream_linger(struct stream *s, enum stream_end how, const struct error *e);
void stream_closed(struct stream *s);
/* The transport stands; begins TLS, or is ready. */
void stream_connected(struct stream *s);
/* TLS stands: calls on_ready(). */
void stream_is_ready(struct stream *s);
void stream_start_reading(struct stream *s);
void stream_reached_end(struct stream *s);
void stream_set_timer(struct stream *s, uint64_t in_ms);
void stream_fail_uv(struct stream *s, enum stream_end how, int code, const char *doing);

/* stream_write.c */
void stream_schedule_flush(struct stream *s);
/* Gives bytes to the kernel; what it doesn't take is copied and waits. False when the stream has failed. */
must_check bool stream_transmit(struct stream *s, struct bytes data);

/* stream_tls.c */
must_check bool stream_tls_make(struct stream *s, struct tls *tls, const uint8_t (*pins)[PIN_SIZE], size_t pin_count,
                                struct bytes server_name, struct error *e);
must_check bool stream_tls_begin(struct stream *s, bool is_server, struct error *e);
void stream_tls_end(struct stream *s);
void stream_tls_free(struct stream *s);
/* Works on what came in: handshake, then plain text for on_data(). `data` may be empty: what is stashed. */
void stream_tls_input(struct stream *s, struct bytes data);
/* Encrypts `out` and transmits it, until all is gone or the kernel takes no more. */
void stream_tls_push(struct stream *s);
/* Writes close_notify. False when the stream has failed. */
must_check bool stream_tls_shutdown(struct stream *s);

/* stream_connect.c */
void connecting_free(struct connecting *connecting);
/* An attempt failed: the next address is tried, or the stream ends with the most telling failure so far. */
void connecting_failed(struct stream *s, enum stream_end how, const struct error *e);
void connecting_timed_out(struct stream *s);

#endif
