/* The pools of client.c: who may use which connection, and when another is made. */
#ifndef COMITY_NET_CLIENT_POOL_INTERNAL_H
#define COMITY_NET_CLIENT_POOL_INTERNAL_H

#include "net/connection_internal.h"

enum {
    CLIENT_WAITING_MAX = 4096,          /* calls of one target that wait for a connection: more are refused with ERROR_FULL */
    CLIENT_HTTP1_CONNECTIONS_MAX = 512, /* to one target */
    CLIENT_HTTP1_IDLE_MAX = 256,        /* kept of them without a call */
    CLIENT_HTTP2_CONNECTIONS_MAX = 2,   /* the second when the first one's streams are used up */
    CLIENT_REPEATS_MAX = 3,
    CLIENT_GOOD_ADDRESS_MS = 60000, /* how long the address that worked is tried first */
    CLIENT_RETRY_MS = 1000,         /* after a second connection to the same target failed */
    CLIENT_POOL_KEPT_MS = 60000,    /* how long a pool without connection and call is remembered */
};

struct client {
    struct loop *loop;
    struct net_limits limits;  /* without zeros */
    struct client_pool *pools; /* last used first */
    size_t call_count;
    size_t connection_count;
    bool is_stopping;
    struct loop_work end_work;
    void (*done)(void *context);
    void *done_context;
};

struct client_pool {
    struct client *client;
    struct client_pool *previous, *next;
    struct client_target target;                              /* copied; `tls` is a reference of its own */
    struct client_connection *connections, *connections_last; /* idle ones first, the last used of them in front */
    size_t connection_count;                                  /* those that may still take calls: connecting or ready, not closing */
    size_t connecting_count;                                  /* HTTP/2: also those whose peer has not said yet how many calls it takes */
    struct client_call *waiting, *waiting_last;
    size_t waiting_count;
    struct client_call *running;
    size_t good_index;
    uint64_t good_until_ms;
    uint64_t retry_at_ms; /* HTTP/2: when another connection beside a good one may be tried */
    struct loop_work work;
    struct loop_timer timer; /* set while unused */
};

/* client.c */
void client_check_end(struct client *client);

/* client_pool.c */
must_check bool pool_find(struct client_pool **out, struct client *client, const struct client_target *target, struct error *e);
/* Without connections and calls. */
void pool_free(struct client_pool *pool);
/* Its first address, for errors. */
const char *pool_name(const struct client_pool *pool);
/* Cancels all calls, resets all connections. */
void pool_stop(struct client_pool *pool);
/* The call waits (at the front: it is being repeated) and is dispatched at the end of this turn. */
void pool_wait(struct client_pool *pool, struct client_call *call, bool is_first);
void pool_unwait(struct client_pool *pool, struct client_call *call);
void pool_unrun(struct client_pool *pool, struct client_call *call);
/* A call has left: dispatch, or grow old, at the end of this turn. */
void pool_settle(struct client_pool *pool);
/* A call has left this connection: it ends, or is idle. */
void pool_connection_settle(struct client_connection *c);

#endif
