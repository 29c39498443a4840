/*
 * The seam between server.c and its two kinds of connections (http1_server.c, http2_server.c), and between client.c and its two
 * (http1_client.c, http2_client.c). server.c and client.c own connections, streams, counts, pools and lives; a kind turns bytes into
 * messages and messages into bytes, and owns nothing but what its own struct holds.
 *
 * Calls go down through the functions tables and up through the functions named server_... and client_... here. A table's functions are
 * called on the loop, and never from inside an upward call that the kind made, except where it says so. Streams: see stream_internal.h;
 * their events reach the kind through its table. stream_abort() and stream_close() may be called at any time by either side; what
 * follows is `clear`, later, from the loop.
 */
#ifndef COMITY_NET_CONNECTION_INTERNAL_H
#define COMITY_NET_CONNECTION_INTERNAL_H

#include "net/client.h"
#include "net/loop_internal.h"
#include "net/server.h"
#include "net/stream_internal.h"

/* ---- Server ---------------------------------------------------------------------------------------------------------------- */

struct server_connection;
struct server_exchange;

struct server_connection_functions {
    size_t size; /* of the kind's struct, whose first member is a struct server_connection; server.c allocates it, zeroed */

    /* The stream is ready: TLS is done, stream_peer() is known. On false the connection is aborted, then `clear` follows. */
    bool (*start)(struct server_connection *c, struct error *e);
    /* stream_events.on_data, on_drain. After server_drain() data still comes. */
    void (*data)(struct server_connection *c, struct bytes data);
    void (*drained)(struct server_connection *c);
    /* The stream is about to be flushed after stream_want_flush(): the last moment to write to it. May be NULL. */
    void (*flush)(struct server_connection *c);
    /* The timer of server_connection_set_timer() fired. */
    void (*timeout)(struct server_connection *c);
    /*
     * Sends an answer to a request that was delivered and is not gone. Comes from inside server_request_deliver(), or at any later time.
     * `answer->body` is the kind's from here (body_free() when sent or dropped); its fields live only until this returns. The request is
     * the kind's again, too: it calls server_request_free() now or when it is done with it, in any case in `clear`.
     */
    void (*answer)(struct server_connection *c, struct server_exchange *x, const struct server_answer *answer);
    /*
     * Streamed answers (server_stream.c); all NULL where the protocol has none. `stream_begin` is like `answer`, whose body is NULL, and comes
     * only when the connection is not draining; false: the answer is over with its head, or the connection ends. `stream_write`: a piece that
     * isn't empty. `stream_finish`: that was all. Both do nothing once it has ended; `drain` ends one that is under way.
     */
    bool (*stream_begin)(struct server_connection *c, struct server_exchange *x, const struct server_answer *answer);
    void (*stream_write)(struct server_connection *c, struct bytes data);
    void (*stream_finish)(struct server_connection *c);
    /* Take no new request; stream_close() once nothing is under way (at once if nothing is). May come before `start` is through; called
     * once. HTTP/1.1 says "Connection: close" on the answer under way; HTTP/2 sends GOAWAY. */
    void (*drain)(struct server_connection *c);
    /*
     * The stream has ended; c->stream is NULL already. Frees all that the kind's struct holds (not the struct itself), answered or half
     * received requests included. Delivered, unanswered ones are server.c's: it makes them gone before it calls this. Comes also when
     * `start` was never called, or failed.
     */
    void (*clear)(struct server_connection *c);
};
extern const struct server_connection_functions http1_server_functions;
extern const struct server_connection_functions http2_server_functions;

/* First member of each kind's struct. The kind reads it; server.c writes it. */
struct server_connection {
    const struct server_connection_functions *functions;
    struct server *server;
    struct loop *loop;
    struct stream *stream;           /* NULL in `clear` */
    const struct net_limits *limits; /* complete: no zeros */
    bool is_started;                 /* `start` has succeeded */
    bool is_draining;                /* set before `drain` is called */
    struct loop_timer timer;
    size_t unanswered;                 /* delivered, neither answered nor gone */
    struct server_exchange *exchanges; /* those */
    struct server_stream *streaming;   /* the streamed answer under way, until its connection has ended or it is finished */
    struct server_connection *previous, *next;
};

/* A request with what net keeps about it. `request` comes first. The kind may use `id` and `state`, and `previous`/`next` while the
 * request is not with the handler (before deliver, after answer). */
struct server_exchange {
    struct server_request request;
    struct server *server;                /* NULL once the server is stopped */
    struct server_connection *connection; /* NULL once gone */
    struct server_exchange *previous, *next;
    bool is_delivered;
    bool is_withheld; /* delivered while the server was being stopped: the handler never saw it */
    int32_t id;       /* HTTP/2: the stream's */
    void *state;
};

/* A request comes back for its answer: it is counted no more, and the kind's. NULL: its peer is gone, or the server stopped. */
struct server_connection *server_request_back(struct server_exchange *x);
/* server_stream.c: the connection has ended, and with it the answer that streams. */
void server_stream_ended(struct server_connection *c);
void server_stream_metrics_register(void);

/* How prefaces come and go at this listener; its field is empty if they don't. */
const struct preface_form *server_connection_preface(const struct server_connection *c);
/* Fires `timeout` once, `in_ms` from now (LOOP_TICK_MS resolution); setting it again is cheap and replaces. */
void server_connection_set_timer(struct server_connection *c, uint64_t in_ms);
void server_connection_clear_timer(struct server_connection *c);

/* A fresh request: protocol, peer, listener and connection are set, the body is made (empty), the rest is zero. NULL when memory is out:
 * then abort the stream. The kind fills method, target, authority, fields (in request.arena), has_body, received_at_us. */
must_check struct server_exchange *server_request_make(struct server_connection *c);
/* Hands a whole request to the handler. From here it belongs to server.c until `answer` gives it back; if the peer goes away first it is
 * never seen again. The handler may answer, drain, or stop the server from inside. */
void server_request_deliver(struct server_exchange *x);
/* A delivered, unanswered request whose peer does not want it any more while the connection lives on (HTTP/2 RST_STREAM). */
void server_request_gone(struct server_exchange *x);
/* Of one that is the kind's: not delivered, or answered. NULL is allowed. */
void server_request_free(struct server_exchange *x);

/*
 * The answer to what net itself refuses: `*answer` is set by the listener's on_fault (status, fields and body from `arena` or static;
 * the body is the kind's to free), or is a bare status. The kind sends it, and then ends the connection or stream where the rest of
 * what comes can't be trusted. `accept` may be empty. Counts the fault.
 */
void server_fault_make(struct server_connection *c, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                       struct server_answer *answer);
unsigned server_fault_status(enum server_fault fault);

/* ---- Client ---------------------------------------------------------------------------------------------------------------- */

struct client_connection;
struct client_pool;

struct client_connection_functions {
    size_t size; /* of the kind's struct, whose first member is a struct client_connection; client.c allocates it, zeroed */

    /* As in the server's table. `start` comes before the first `send`; it may lower or raise c->calls_max (client.c set it to 1). */
    bool (*start)(struct client_connection *c, struct error *e);
    void (*data)(struct client_connection *c, struct bytes data);
    void (*drained)(struct client_connection *c);
    void (*flush)(struct client_connection *c);
    void (*timeout)(struct client_connection *c);
    /*
     * Sends a call's request. Called from the end of a turn, never from inside another function of the kind or an upward call; only when
     * c->calls < c->calls_max (already counted in c->calls when this is called) and not c->is_closing. Sets call->is_begun as soon as a
     * byte of the request may reach the peer.
     */
    void (*send)(struct client_connection *c, struct client_call *call);
    /* The user has cancelled a call that was sent and not reported: forget it. HTTP/1.1: set is_closing, stream_abort(). HTTP/2: reset
     * the stream. client.c has taken it off c->calls and frees it right after this returns. May come from inside an upward call (a `done`). */
    void (*cancel)(struct client_connection *c, struct client_call *call);
    /*
     * The stream has ended; c->stream is NULL. Reports each call that is still with this connection by client_call_lost(), and frees what
     * the kind's struct holds (not the struct itself). Comes also when `start` was never called, or failed.
     */
    void (*clear)(struct client_connection *c, enum stream_end how, const struct error *e);
};
extern const struct client_connection_functions http1_client_functions;
extern const struct client_connection_functions http2_client_functions;

/* First member of each kind's struct. */
struct client_connection {
    const struct client_connection_functions *functions;
    struct client *client;
    struct client_pool *pool;
    struct loop *loop;
    struct stream *stream;
    const struct net_limits *limits; /* complete: no zeros */
    bool is_ready;                   /* `start` has succeeded */
    bool is_closing;                 /* set by either side: no further call is handed to it; client.c ends the stream when calls is 0 */
    uint32_t calls;                  /* handed over and not reported; client.c counts */
    uint32_t calls_max;              /* HTTP/1.1: 1; HTTP/2: what the peer allows, at most limits->streams_max; the kind sets it */
    bool is_settled;                 /* HTTP/2: the peer has said how many calls it takes; the kind sets it */
    size_t first_address;            /* of client.c */
    uint64_t answers;                /* calls that were answered: a connection with some is a kept one */
    struct loop_timer timer;         /* of the kind while calls > 0 (stalls); of client.c while calls == 0 (idle) */
    struct client_connection *previous, *next;
};

/* A call. The kind uses what stands below the line; client.c the rest. */
struct client_call {
    struct client *client;
    struct client_pool *pool;
    struct client_connection *connection; /* NULL while it waits */
    struct client_call *previous, *next;
    struct arena arena; /* of the copied request */
    client_done *done;
    void *context;
    unsigned repeats;
    bool was_kept; /* the connection it was handed to had answered before */
    /* ---- */
    struct client_request request; /* copied; read_stall_ms and answer_bytes_max have no zeros */
    bool is_safe;                  /* GET, HEAD, OPTIONS, TRACE */
    bool is_head;                  /* HEAD: the answer has no body whatever it says */
    bool is_begun;                 /* a byte of the request may have reached the peer */
    bool is_answer_begun;          /* a byte of the answer has come */
    struct client_answer *answer;  /* being received; made by client_answer_begin(), owned by the call until it is reported */
    uint64_t sent;                 /* of the request's body */
    int32_t id;                    /* HTTP/2: the stream's */
    uint64_t moved_at_ms;          /* for the kind's stall timer */
    struct client_call *kind_previous, *kind_next; /* for the kind's own list */
    void *state;
};

void client_connection_set_timer(struct client_connection *c, uint64_t in_ms);
void client_connection_clear_timer(struct client_connection *c);
/* calls_max was changed, or the connection may take calls again: look at what waits, at the end of this turn. */
void client_connection_changed(struct client_connection *c);

/* Makes call->answer (arena, an empty body with the call's limit, the peer), or replaces it (after a 1xx). False when memory is out. */
must_check bool client_answer_begin(struct client_call *call, struct error *e);
/*
 * Each of the three ends the kind's hold on the call: it must have taken it off its own lists, and have set c->is_closing if the connection
 * can't take another. They call `done`, from which the user may make, cancel, or stop anything (`cancel` of other calls may come from
 * inside; `send` and `clear` don't): afterwards the connection still exists, but look at c->is_closing before going on.
 */
/* The answer is whole. */
void client_call_answered(struct client_call *call);
void client_call_failed(struct client_call *call, enum client_failure failure, const struct error *e);
/* The connection or stream ended before the answer was whole. `is_unprocessed`: the peer said that it did nothing with it (REFUSED_STREAM,
 * GOAWAY below its id). client.c repeats it where client.h allows, else reports `failure`. */
void client_call_lost(struct client_call *call, bool is_unprocessed, enum client_failure failure, const struct error *e);
/* client_stop() ends one that waits or is under way: unlike the three, it takes the call off the kind's lists by `cancel`. */
void client_call_stopped(struct client_call *call);
/* How the end of a stream is told to the user. */
enum client_failure client_failure_of(enum stream_end how);

#endif
