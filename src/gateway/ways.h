/*
 * What a worker reaches the world by: its sockets and the database's threads (worker.c), or what whoever steps a gateway puts in their place
 * (stepped.h). The tables of steps know nothing else of the outside.
 */
#ifndef COMITY_GATEWAY_WAYS_H
#define COMITY_GATEWAY_WAYS_H

#include "net/client.h"
#include "net/server.h"

/* Something that may wait for the disk: `run` on a thread for that, then `done` on the worker's. Lives with whoever began it, until `done`. */
struct gateway_job {
    void (*run)(struct gateway_job *job);
    void (*done)(struct gateway_job *job, bool is_run);
    uv_work_t work; /* the worker's */
};

struct gateway_ways {
    /* client_call() and server_answer(), as net/client.h and net/server.h have them. */
    bool (*call)(void *outside, struct client_call **out, const struct client_target *target, const struct client_request *request,
                 client_done *done, void *context, struct error *e);
    void (*answer)(void *outside, struct server_request *request, const struct server_answer *answer);
    /* False: it can't be begun, and nothing of it is called. */
    bool (*work)(void *outside, struct gateway_job *job);
};

#endif
