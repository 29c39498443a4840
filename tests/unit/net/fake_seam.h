/* The seam below and above an HTTP/1.1 kind without sockets, loop or server: a test pushes bytes in and looks at what came out. */
#ifndef COMITY_TESTS_FAKE_SEAM_H
#define COMITY_TESTS_FAKE_SEAM_H

#include "net/connection_internal.h"

/* The fake stream: what was written stays in `out` until fake_take(). */
struct stream {
    struct buffer out;
    struct peer peer;
    bool is_paused, is_closed, is_aborted;
    size_t write_buffer_bytes;
};

struct fake_server {
    struct server_connection *connection; /* the kind's struct */
    struct stream stream;
    struct net_limits limits;
    bool has_timer;
    /* Called for each delivered request; answers by fake_server_answer(), now or later. */
    void (*on_request)(struct fake_server *fake, struct server_exchange *x);
    void *context;
    struct server_exchange *pending; /* delivered and not answered */
    size_t requests, faults;
    enum server_fault fault; /* the last */
    const char *detail;
};

void fake_server_open(struct fake_server *fake, const struct net_limits *limits);
/* As the stream would: false, and nothing, while paused or closed. Runs the work that was put off. */
bool fake_server_data(struct fake_server *fake, struct bytes data);
void fake_server_answer(struct fake_server *fake, struct server_exchange *x, const struct server_answer *answer);
/* Runs what was put off, until nothing is. */
void fake_run_work(void);
/* The reader took everything; tells the kind when it waited for that. */
void fake_server_drain_out(struct fake_server *fake, struct buffer *into);
void fake_server_close(struct fake_server *fake);

#endif
