/* Outgoing calls of one loop, with pooled connections: HTTP/1.1 with keep-alive, HTTP/2 with many streams on one. One thread. */
#ifndef COMITY_NET_CLIENT_H
#define COMITY_NET_CLIENT_H

#include <uv.h>

#include "net/message.h"
#include "net/tls.h"

struct client;
struct client_call;

/* Where to. Copied. Calls with equal targets share a pool. */
struct client_target {
    enum protocol protocol;
    const struct bytes *addresses; /* "host:port", "[::1]:port", "unix:/path"; tried in order; bad ones are skipped */
    size_t address_count;
    struct tls *tls;                 /* NULL: plain */
    const uint8_t (*pins)[PIN_SIZE]; /* with tls_make_peer(): the server must have one of these */
    size_t pin_count;
    struct bytes server_name; /* SNI and Host default; may be empty */
};

struct client_request {
    struct bytes method;
    struct bytes target;        /* raw path and query; goes out byte for byte */
    struct bytes authority;     /* Host, :authority */
    const struct field *fields; /* without Host, Content-Length, Transfer-Encoding, Connection, which net writes */
    size_t field_count;
    struct body *body; /* borrowed until done or cancelled; NULL: none */
    /* HTTP/2 only; copied. Sent in front of the body if it isn't empty; the answer's is taken off its content. */
    struct bytes preface;
    struct preface_form preface_form;
    uint32_t read_stall_ms;    /* longest wait for the next bytes of the answer; 0: 60 s */
    uint64_t answer_bytes_max; /* 0: the client's limit */
    bool is_sent_once;         /* not repeated, even if its method is safe, once a byte of it may have reached the peer */
};

/* A whole answer, moved to the receiver of `done`, who frees it. 1xx answers are passed over. */
struct client_answer {
    struct arena arena; /* it lives in it itself */
    unsigned status;
    struct fields fields;
    struct bytes preface; /* empty: there was none; in `arena` */
    struct body *body;    /* never NULL; without the preface */
    struct peer peer;
};
void client_answer_free(struct client_answer *answer); /* NULL is allowed */

enum client_failure {
    CLIENT_FAILURE_NONE = 0,
    CLIENT_FAILURE_RESOLVE,   /* no address resolves */
    CLIENT_FAILURE_CONNECT,   /* refused, unreachable, timed out in connecting, or reset before anything was sent */
    CLIENT_FAILURE_TLS,       /* handshake, certificate or pin */
    CLIENT_FAILURE_TIMEOUT,   /* the answer stalled, or the peer took no more of the request's body (write_stall_ms) */
    CLIENT_FAILURE_BROKEN,    /* reset or ended midway */
    CLIENT_FAILURE_PROTOCOL,  /* what came back is not HTTP, or breaks a limit on heads */
    CLIENT_FAILURE_TOO_LARGE, /* the answer's body is over the limit */
    CLIENT_FAILURE_STORAGE,   /* the answer could not be spooled */
};

/*
 * `done` is called once, last, on the loop, and never from inside client_call(). `answer` is NULL on failure. After client_cancel()
 * `done` is not called and `context` is not touched. A request is sent at most once: it is repeated on a fresh connection only when a
 * kept one turned out closed before a byte of the answer came and the method is safe or nothing of the request had been sent.
 */
typedef void client_done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e);

must_check bool client_make(struct client **out, uv_loop_t *loop, const struct net_limits *limits, struct error *e);
/* Fields and texts of `request` are copied. */
must_check bool client_call(struct client_call **out, struct client *client, const struct client_target *target,
                            const struct client_request *request, client_done *done, void *context, struct error *e);
void client_cancel(struct client_call *call);
size_t client_call_count(const struct client *client);
/* Breaks all calls, their `done` called from inside (CLIENT_FAILURE_BROKEN), for what waits on them must end, too; frees itself once
 * nothing of it is on the loop, then `done` (may be NULL). */
void client_stop(struct client *client, void (*done)(void *context), void *context);

/* For commands: one call on a loop of its own; waits. The answer is the caller's. `failure` may be NULL. */
must_check bool client_fetch(const struct client_target *target, const struct client_request *request, uint32_t timeout_ms,
                             struct client_answer **out, enum client_failure *failure, struct error *e);

#endif
