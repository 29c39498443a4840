/* Servers, clients and keys of one loop, for the tests of net that run over loopback. */
#ifndef COMITY_TESTS_NET_FIXTURE_H
#define COMITY_TESTS_NET_FIXTURE_H

#include <uv.h>

#include "net/client.h"
#include "net/server.h"

/* Two gateways' keys, and a service's, in a folder that is removed at the end. */
struct fixture {
    uv_loop_t loop;
    char folder[64];
    char certificate[3][96], key[3][96];
    uint8_t pin[3][PIN_SIZE];
    bool knows[3]; /* which of the pins the server lets in */
    struct tls *server_tls, *client_tls;
    struct server *server;
    struct client *client;
    char address[32];
    /* what the server does */
    struct server_request *held[512];
    size_t held_count;
    size_t requests; /* delivered */
    enum server_fault fault;
    size_t faults;
    size_t stopping;
};

enum { KEY_SERVER = 0, KEY_CLIENT, KEY_STRANGER };

void fixture_init(struct fixture *f);
/* Ends what runs, and checks that the loop is empty. */
void fixture_clear(struct fixture *f);
/* TLS for both sides: the server has KEY_SERVER and knows KEY_CLIENT; the client presents `client_key`. */
void fixture_tls(struct fixture *f, int client_key);
void fixture_serve(struct fixture *f, enum protocol protocol, const struct net_limits *limits);
/* The same with an address and limits of one's own; the handlers are the fixture's. */
void fixture_serve_at(struct fixture *f, const struct server_options *options);
void fixture_connect(struct fixture *f, const struct net_limits *limits);
void fixture_stop_server(struct fixture *f);

/* One call and its outcome. */
struct outcome {
    struct client_call *call;
    bool is_done;
    unsigned times;
    struct client_answer *answer;
    enum client_failure failure;
    struct error error;
};
/* Paths: /echo answers with the request's body; /hold keeps the request; /size/N answers N bytes; /close .. see fixture.c. */
void fixture_call(struct fixture *f, struct outcome *out, const char *method, const char *path, struct body *body);
void fixture_call_to(struct fixture *f, struct outcome *out, const struct client_target *target, const struct client_request *request);
void outcome_clear(struct outcome *out);
/* Runs the loop until *flag, or fails the test after `limit_ms`. */
void fixture_run_until(struct fixture *f, const bool *flag, unsigned limit_ms);
void fixture_run_for(struct fixture *f, unsigned ms);
bool fixture_wait(struct fixture *f, bool (*is_true)(void *context), void *context, unsigned limit_ms);
/* Runs the loop until so many requests are held. */
void fixture_await_held(struct fixture *f, size_t count);
/* With the request's own preface. */
void fixture_answer(struct server_request *request, unsigned status, struct body *body);
struct body *body_filled(size_t size);

/* Connections to a port that say nothing. */
struct raw_sockets {
    int fd[64];
    size_t count;
};
void raw_sockets_open(struct raw_sockets *sockets, uint16_t port, size_t count);
size_t raw_sockets_ended(const struct raw_sockets *sockets);
void raw_sockets_close(struct raw_sockets *sockets);

#endif
