/* Listening sockets of one loop, speaking HTTP/1.1 or HTTP/2 (over TLS with ALPN h2). Whole messages only. One thread: the loop's. */
#ifndef COMITY_NET_SERVER_H
#define COMITY_NET_SERVER_H

#include <uv.h>

#include "net/message.h"
#include "net/tls.h"

struct server;

/*
 * The listeners of one address on several loops, which part their connections evenly: of two connections, the kernel's hash may well put both
 * on one loop, and another core stands idle. A connection is passed on before anything is read from it; then it lives and dies on one loop.
 */
struct server_group;
must_check struct server_group *server_group_make(void); /* NULL when memory is out */
void server_group_free(struct server_group *group);      /* after its servers; NULL is allowed */

/*
 * A request whose head and body are whole. Owned by net until server_answer(); everything it points to lives until then. If its
 * peer goes away meanwhile, `is_gone` becomes true and the answer is dropped: the request still must be answered, to free it.
 */
struct server_request {
    struct arena arena; /* for whoever handles it, too: freed with it */
    struct bytes method;
    struct bytes target;    /* raw request-target: path and query byte for byte; over HTTP/2 :path */
    struct bytes authority; /* Host or :authority; may be empty over HTTP/1.0 */
    struct fields fields;   /* pseudo-fields not included */
    struct bytes preface;   /* empty: there was none */
    struct body *body;      /* never NULL; without the preface; owned by the request unless taken (set to NULL) */
    bool has_body;          /* Content-Length or Transfer-Encoding was there (HTTP/2: bytes behind the preface, or a
                               content-length that counts some) */
    enum protocol protocol;
    struct peer peer;
    void *listener;          /* server_options.context of the listener it came by */
    uint64_t received_at_us; /* monotonic, when the head was whole */
    bool is_gone;
    void *owner;      /* the handler's */
    void *connection; /* net's */
};

/* What goes back. `body` (may be NULL: no content) moves to net, also when the answer is dropped. Fields are copied. */
struct server_answer {
    unsigned status;
    const struct field *fields; /* without Content-Length, Transfer-Encoding and Connection, which net writes; Date is written if absent */
    size_t field_count;
    struct bytes preface; /* copied; sent in front of the body. Only where the listener has a preface_form */
    struct body *body;
    bool close; /* end the connection after it (HTTP/1.1) */
};

/* Why net itself refuses a request. The handler gives the answer's form; see server_on_fault. */
enum server_fault {
    SERVER_FAULT_MALFORMED = 0,  /* 400: not HTTP, or a shape that could smuggle a request */
    SERVER_FAULT_HEAD_TOO_LARGE, /* 431 */
    SERVER_FAULT_BODY_TOO_LARGE, /* 413 */
    SERVER_FAULT_TIMEOUT,        /* 408 */
    SERVER_FAULT_EXPECTATION,    /* 417: Expect with something else than 100-continue */
    SERVER_FAULT_STORAGE,        /* 507: the body could not be spooled */
    SERVER_FAULT_VERSION,        /* 505 */
    SERVER_FAULT_METHOD,         /* 501 */
};

/* A whole request. The handler answers now or later, exactly once, with server_answer(). */
typedef void server_on_request(void *context, struct server_request *request);
/*
 * Fills `answer` (its status is set already) for a request that net refuses; `accept` is its Accept field as far as known, may be
 * empty; `detail` says what was wrong. Fields and body must be made from `arena` or be static. May be NULL: a bare status goes out.
 */
typedef void server_on_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                             struct server_answer *answer);

struct server_options {
    const char *address; /* "127.0.0.1:8080", "[::1]:8080", or "unix:/path" (mode 0600, replaced if stale) */
    enum protocol protocol;
    struct tls *tls; /* NULL: plain. Kept by reference: the caller may free it after */
    struct net_limits limits;
    bool reuse_port;             /* SO_REUSEPORT: one listener a worker */
    struct server_group *group;  /* of those; borrowed, and outlives them. NULL: the kernel's hash alone says who gets a connection */
    bool with_sha512;            /* also make the body's SHA-512 */
    struct preface_form preface; /* HTTP/2 only */
    server_on_request *on_request;
    server_on_fault *on_fault;
    void *context;
};
must_check bool server_start(struct server **out, uv_loop_t *loop, const struct server_options *options, struct error *e);
/* The port it listens on (for ":0"). */
uint16_t server_port(const struct server *server);
/* New handshakes use this context; connections go on with theirs. */
must_check bool server_set_tls(struct server *server, struct tls *tls, struct error *e);
/* Stops listening, ends idle connections, sends GOAWAY or "Connection: close" on the others after their answers. */
void server_drain(struct server *server);
/* How many connections and unanswered requests there are. */
size_t server_connection_count(const struct server *server);
size_t server_request_count(const struct server *server);
/* Resets what is left; `done` (may be NULL) is called when nothing of it is on the loop any more, and it is freed. Unanswered
 * requests become `is_gone` and still must be answered. */
void server_stop(struct server *server, void (*done)(void *context), void *context);

void server_answer(struct server_request *request, const struct server_answer *answer);

/*
 * Streamed answers: the content comes piece by piece, as long as both sides like (server-sent events). HTTP/1.1 listeners only; in chunks, and
 * to a reader that speaks HTTP/1.0 until the connection ends. The loop's thread only.
 *
 * server_answer_stream() is instead of server_answer(), of an answer without a body; it takes the request in any case. False: there is nothing
 * to write to (the peer is gone, it asked for the head alone, the server drains, memory is out, HTTP/2), and `on_end` is not called.
 * `on_end` is called once, from the loop, when the answer ended without server_stream_finish(): the peer went away, was too slow, or the
 * server drained (its reader sees a whole answer then) or stopped. Afterwards, as after finishing, the stream is gone.
 * A streamed answer is no request under way: server_request_count() doesn't count it, and draining ends it.
 */
struct server_stream;
must_check bool server_answer_stream(struct server_stream **out, struct server_request *request, const struct server_answer *answer,
                                     size_t waiting_bytes_max, void (*on_end)(void *context), void *context);
/*
 * Copied; nothing is written of an empty piece. Where more than `waiting_bytes_max` would wait for the reader beside what the kernel holds, the
 * connection is reset instead: a reader that can't keep pace costs no more memory than that. Of one that has ended it is dropped.
 */
void server_stream_write(struct server_stream *stream, struct bytes data);
/* That was all; the connection may take the next request. */
void server_stream_finish(struct server_stream *stream);

#endif
