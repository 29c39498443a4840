#include "net/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "base/time.h"
#include "net/connection_internal.h"
#include "net/server_group_internal.h"
#include "net/server_listen_internal.h"
#include "net/tls_internal.h"

enum { ACCEPTS_A_TURN = 64, ACCEPT_PAUSE_MS = 200 };

struct server {
    struct loop *loop;
    const struct server_connection_functions *functions;
    struct server_options options; /* limits without zeros; `address` is not kept */
    struct tls *tls;
    struct listen_socket listen;
    uv_poll_t poll;  /* not uv_listen(): accepting must pause when descriptors run out, which libuv can't */
    bool is_polling; /* the handle is open or closing */
    struct group_member group;
    bool is_draining;
    bool is_stopping;
    struct loop_timer accept_timer;
    struct loop_work end_work;
    struct server_connection connections; /* list head */
    size_t connection_count;
    struct server_exchange *gone; /* unanswered ones without a connection */
    size_t request_count;
    void (*done)(void *context);
    void *done_context;
};

static struct metric metric_connections = {
    .name = "comity_net_connections", .labels = "", .help = "Open incoming connections.", .kind = METRIC_GAUGE
};
static struct metric metric_refused = { .name = "comity_net_connections_refused_total",
                                        .labels = "",
                                        .help = "Connections closed at once because connections_max was met.",
                                        .kind = METRIC_COUNTER };
static struct metric metric_accept_pauses = {
    .name = "comity_net_accept_pauses_total",
    .labels = "",
    .help = "Times that accepting paused because the system had no descriptor or memory for another.",
    .kind = METRIC_COUNTER
};
#define FAULT_METRIC(label)                                                                                                                \
    {                                                                                                                                      \
        .name = "comity_net_faults_total", .labels = "fault=\"" label "\"", .help = "Requests that net itself refused.",                   \
        .kind = METRIC_COUNTER                                                                                                             \
    }
static struct metric metric_faults[] = {
    [SERVER_FAULT_MALFORMED] = FAULT_METRIC("malformed"),
    [SERVER_FAULT_HEAD_TOO_LARGE] = FAULT_METRIC("head_too_large"),
    [SERVER_FAULT_BODY_TOO_LARGE] = FAULT_METRIC("body_too_large"),
    [SERVER_FAULT_TIMEOUT] = FAULT_METRIC("timeout"),
    [SERVER_FAULT_EXPECTATION] = FAULT_METRIC("expectation"),
    [SERVER_FAULT_STORAGE] = FAULT_METRIC("storage"),
    [SERVER_FAULT_VERSION] = FAULT_METRIC("version"),
    [SERVER_FAULT_METHOD] = FAULT_METRIC("method"),
};

static void register_metrics(void)
{
    metric_register(&metric_connections);
    metric_register(&metric_refused);
    metric_register(&metric_accept_pauses);
    for (size_t i = 0; i < COUNT_OF(metric_faults); i++) {
        metric_register(&metric_faults[i]);
    }
}

/* ---- Requests ---- */

static void exchange_unlink(struct server_exchange **list, struct server_exchange *x)
{
    if (x->previous != NULL) {
        x->previous->next = x->next;
    } else {
        *list = x->next; /* NOLINT(clang-analyzer-core.NullDereference): the first of a list has one */
    }
    if (x->next != NULL) {
        x->next->previous = x->previous;
    }
    x->previous = x->next = NULL;
}

static void exchange_link(struct server_exchange **list, struct server_exchange *x)
{
    x->previous = NULL;
    x->next = *list;
    if (x->next != NULL) {
        x->next->previous = x;
    }
    *list = x;
}

struct server_exchange *server_request_make(struct server_connection *c)
{
    struct arena arena = { 0 };
    struct server_exchange *x = arena_take(&arena, sizeof *x); /* it lives in the arena that it holds */
    struct body *body = body_make(&c->limits->body, c->server->options.with_sha512);
    if (x == NULL || body == NULL) {
        arena_clear(&arena);
        body_free(body);
        return NULL;
    }
    *x = (struct server_exchange){ .request = { .arena = arena,
                                                .body = body,
                                                .protocol = c->server->options.protocol,
                                                .peer = *stream_peer(c->stream),
                                                .listener = c->server->options.context,
                                                .connection = c },
                                   .server = c->server,
                                   .connection = c };
    return x;
}

void server_request_free(struct server_exchange *x)
{
    if (x != NULL) {
        struct arena arena = x->request.arena;
        body_free(x->request.body);
        arena_clear(&arena);
    }
}

void server_request_deliver(struct server_exchange *x)
{
    struct server *server = x->server;
    struct server_connection *c = x->connection;
    if (x->request.received_at_us == 0) {
        x->request.received_at_us = time_monotonic_us();
    }
    x->is_delivered = true;
    exchange_link(&c->exchanges, x);
    c->unanswered++;
    server->request_count++;
    x->is_withheld = server->is_stopping; /* the handler stopped us while others were waiting for their turn */
    if (!x->is_withheld) {
        server->options.on_request(server->options.context, &x->request);
    }
}

void server_request_gone(struct server_exchange *x)
{
    exchange_unlink(&x->connection->exchanges, x);
    x->connection->unanswered--;
    x->connection = NULL;
    x->request.connection = NULL;
    x->request.is_gone = true;
    if (x->is_withheld) {
        x->server->request_count--;
        server_request_free(x);
        return;
    }
    exchange_link(&x->server->gone, x);
}

const struct preface_form *server_connection_preface(const struct server_connection *c)
{
    return &c->server->options.preface;
}

struct server_connection *server_request_back(struct server_exchange *x)
{
    struct server_connection *c = x->connection;
    if (x->server != NULL) {
        exchange_unlink(c != NULL ? &c->exchanges : &x->server->gone, x);
        x->server->request_count--;
    }
    if (c != NULL) {
        c->unanswered--;
    }
    return c;
}

void server_answer(struct server_request *request, const struct server_answer *answer)
{
    struct server_exchange *x = (struct server_exchange *)request; /* `request` comes first in it */
    struct server_connection *c = server_request_back(x);
    if (c == NULL) {
        body_free(answer->body);
        server_request_free(x);
        return;
    }
    static const struct server_answer unable = { .status = 500 };
    if (answer->preface.size > 0 && c->server->options.preface.field.size == 0) {
        body_free(answer->body); /* half of an answer must not pass for a whole one */
        answer = &unable;
    }
    c->functions->answer(c, x, answer);
}

unsigned server_fault_status(enum server_fault fault)
{
    switch (fault) {
    case SERVER_FAULT_MALFORMED:
        return 400;
    case SERVER_FAULT_HEAD_TOO_LARGE:
        return 431;
    case SERVER_FAULT_BODY_TOO_LARGE:
        return 413;
    case SERVER_FAULT_TIMEOUT:
        return 408;
    case SERVER_FAULT_EXPECTATION:
        return 417;
    case SERVER_FAULT_STORAGE:
        return 507;
    case SERVER_FAULT_VERSION:
        return 505;
    case SERVER_FAULT_METHOD:
        return 501;
    }
    return 500;
}

void server_fault_make(struct server_connection *c, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                       struct server_answer *answer)
{
    const struct server_options *options = &c->server->options;
    metric_add(&metric_faults[fault], 1);
    *answer = (struct server_answer){ .status = server_fault_status(fault) };
    if (options->on_fault != NULL) {
        options->on_fault(options->context, fault, accept, detail, arena, answer);
    }
}

/* ---- Connections ---- */

static void end_run(void *context)
{
    struct server *server = context;
    while (server->gone != NULL) {
        struct server_exchange *x = server->gone;
        exchange_unlink(&server->gone, x);
        x->server = NULL; /* its answer only frees it */
    }
    struct loop *loop = server->loop;
    void (*done)(void *context) = server->done;
    void *done_context = server->done_context;
    tls_free(server->tls);
    free(server);
    loop_release(loop, done, done_context);
}

static void check_end(struct server *server)
{
    if (server->is_stopping && !server->is_polling && !server->group.is_open && server->connection_count == 0) {
        loop_work_add(server->loop, LOOP_DISPATCH, &server->end_work, end_run, server);
    }
}

static void connection_ready(void *context)
{
    struct server_connection *c = context;
    struct error e = { 0 };
    bool is_wrong = c->server->options.protocol == PROTOCOL_HTTP2 && stream_peer(c->stream)->is_tls && !stream_alpn_is_h2(c->stream);
    if (is_wrong || !c->functions->start(c, &e)) {
        stream_abort(c->stream);
        return;
    }
    c->is_started = true;
}

static void connection_data(void *context, struct bytes data)
{
    struct server_connection *c = context;
    if (c->is_started) {
        c->functions->data(c, data);
    }
}

static void connection_drained(void *context)
{
    struct server_connection *c = context;
    if (c->is_started) {
        c->functions->drained(c);
    }
}

static void connection_flush(void *context)
{
    struct server_connection *c = context;
    if (c->is_started && c->functions->flush != NULL) {
        c->functions->flush(c);
    }
}

static void connection_end(void *context, enum stream_end how, const struct error *e)
{
    struct server_connection *c = context;
    struct server *server = c->server;
    if (e != NULL) {
        /* A peer that is turned away is worth a line; one that breaks off isn't. */
        diag_error(how == STREAM_END_TLS && e->kind == ERROR_DENIED ? DIAG_WARN : DIAG_DEBUG, "net", "connection ended", e);
    }
    c->stream = NULL;
    loop_timer_clear(&c->timer);
    while (c->exchanges != NULL) {
        server_request_gone(c->exchanges); /* NOLINT(clang-analyzer-unix.Malloc): it takes it off the list */
    }
    c->functions->clear(c);
    server_stream_ended(c);
    c->previous->next = c->next;
    c->next->previous = c->previous;
    free(c);
    server->connection_count--;
    group_connection_ended(&server->group);
    metric_add(&metric_connections, -1);
    check_end(server);
}

static const struct stream_events connection_events = { .on_ready = connection_ready,
                                                        .on_data = connection_data,
                                                        .on_drain = connection_drained,
                                                        .on_flush = connection_flush,
                                                        .on_end = connection_end };

static void timer_fired(void *context)
{
    struct server_connection *c = context;
    if (c->is_started) {
        c->functions->timeout(c);
    }
}

void server_connection_set_timer(struct server_connection *c, uint64_t in_ms)
{
    loop_timer_set(c->loop, &c->timer, in_ms, timer_fired, c);
}

void server_connection_clear_timer(struct server_connection *c)
{
    loop_timer_clear(&c->timer);
}

/* One that was counted to this listener, and isn't made. */
static void refuse(struct server *server, int fd)
{
    (void)close(fd); /* nothing was read or written */
    group_connection_ended(&server->group);
}

static void connection_make(struct server *server, int fd)
{
    struct error e = { 0 };
    struct server_connection *c = calloc(1, server->functions->size);
    if (c == NULL) {
        refuse(server, fd);
        return;
    }
    c->functions = server->functions;
    c->server = server;
    c->loop = server->loop;
    c->limits = &server->options.limits;
    if (!stream_accept(&c->stream, loop_uv(server->loop), fd, server->listen.is_unix, server->tls, c->limits, &connection_events, c, &e)) {
        diag_error(DIAG_WARN, "net", "could not accept", &e);
        group_connection_ended(&server->group);
        free(c);
        return;
    }
    c->previous = server->connections.previous;
    c->next = &server->connections;
    c->previous->next = c;
    c->next->previous = c;
    server->connection_count++;
    metric_add(&metric_connections, 1);
}

/* ---- Listening ---- */

static void accept_run(uv_poll_t *poll, int failed, int events);

static void poll_start(struct server *server)
{
    int failed = uv_poll_start(&server->poll, UV_READABLE, accept_run);
    if (failed != 0) {
        diag(DIAG_ERROR, "net", "can't listen any more", "error", uv_strerror(failed), NULL);
    }
}

static void accept_again(void *context)
{
    struct server *server = context;
    if (server->is_polling && !server->is_draining) {
        poll_start(server);
    }
}

/* No descriptor or memory for another connection: asking again at once would only burn the processor that could end some. */
static void accept_pause(struct server *server, int why)
{
    metric_add(&metric_accept_pauses, 1);
    diag(DIAG_WARN, "net", "accepting pauses", "error", strerror(why), "todo", "raise the limit of open files, or lower connections_max",
         NULL);
    (void)uv_poll_stop(&server->poll);
    loop_timer_set(server->loop, &server->accept_timer, ACCEPT_PAUSE_MS, accept_again, server);
}

/* Accepted here, or passed on by another of the group. */
static void take_connection(void *context, int fd)
{
    struct server *server = context;
    if (server->connection_count >= server->options.limits.connections_max) {
        metric_add(&metric_refused, 1);
        refuse(server, fd);
        return;
    }
    connection_make(server, fd);
}

static void accept_run(uv_poll_t *poll, int failed, int events)
{
    struct server *server = poll->data;
    (void)failed; /* accept4() tells */
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !server->is_draining; i++) {
        int fd = accept4(server->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accept_pause(server, errno);
                return;
            }
            if (errno == EAGAIN) {
                return;
            }
            continue; /* the one that came is gone already */
        }
        if (!group_pass(&server->group, fd)) {
            take_connection(server, fd);
        }
    }
}

static void poll_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    server->is_polling = false;
    check_end(server);
}

static void group_closed(void *context)
{
    check_end(context);
}

static void stop_listening(struct server *server)
{
    group_leave(&server->group);
    if (server->is_polling && !uv_is_closing((uv_handle_t *)&server->poll)) {
        loop_timer_clear(&server->accept_timer);
        (void)uv_poll_stop(&server->poll);
        uv_close((uv_handle_t *)&server->poll, poll_closed);
        listen_close(&server->listen); /* libuv has taken it off its poll set in uv_close() */
    }
}

static struct server *server_make(uv_loop_t *uv, const struct server_options *options, struct error *e)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        (void)error_memory(e, options->address);
        return NULL;
    }
    if (!loop_retain(&server->loop, uv, e)) {
        free(server);
        return NULL;
    }
    server->options = *options;
    server->options.address = NULL;
    server->options.tls = NULL;
    server->options.limits = net_limits_complete(options->limits);
    server->functions = options->protocol == PROTOCOL_HTTP2 ? &http2_server_functions : &http1_server_functions;
    server->tls = options->tls == NULL ? NULL : tls_retain(options->tls);
    server->connections.previous = server->connections.next = &server->connections;
    return server;
}

bool server_start(struct server **out, uv_loop_t *uv, const struct server_options *options, struct error *e)
{
    *out = NULL;
    register_metrics();
    server_stream_metrics_register();
    if (options->preface.field.size > 0 && options->protocol != PROTOCOL_HTTP2) {
        return error_set(e, ERROR_INPUT, options->address, NULL, "prefaces need HTTP/2");
    }
    struct server *server = server_make(uv, options, e);
    if (server == NULL) {
        return false;
    }
    if (!listen_open(&server->listen, options->address, options->reuse_port, e)) {
        goto failed;
    }
    int failed = uv_poll_init(uv, &server->poll, server->listen.fd);
    if (failed != 0) {
        (void)error_set(e, ERROR_IO, options->address, NULL, "%s", uv_strerror(failed));
        listen_close(&server->listen);
        goto failed;
    }
    server->poll.data = server;
    server->is_polling = true;
    if (options->group != NULL && !group_join(&server->group, options->group, uv, take_connection, group_closed, server, e)) {
        server_stop(server, NULL, NULL); /* frees it, from the loop */
        return false;
    }
    poll_start(server);
    *out = server;
    return true;
failed:
    tls_free(server->tls);
    loop_release(server->loop, NULL, NULL);
    free(server);
    return false;
}

uint16_t server_port(const struct server *server)
{
    return server->listen.port;
}

bool server_set_tls(struct server *server, struct tls *tls, struct error *e)
{
    if ((tls == NULL) != (server->tls == NULL)) {
        return error_set(e, ERROR_INPUT, "TLS", "restart to change between plain and TLS", "a listener keeps its kind");
    }
    if (tls != NULL) {
        struct tls *old = server->tls;
        server->tls = tls_retain(tls);
        tls_free(old);
    }
    return true;
}

void server_drain(struct server *server)
{
    if (server->is_draining) {
        return;
    }
    server->is_draining = true;
    stop_listening(server);
    for (struct server_connection *c = server->connections.next; c != &server->connections; c = c->next) {
        c->is_draining = true; /* ending is later: the list stays as it is */
        if (c->stream == NULL) {
            continue;
        }
        if (c->is_started) {
            c->functions->drain(c);
        } else {
            stream_close(c->stream);
        }
    }
}

size_t server_connection_count(const struct server *server)
{
    return server->connection_count;
}

size_t server_request_count(const struct server *server)
{
    return server->request_count;
}

void server_stop(struct server *server, void (*done)(void *context), void *context)
{
    server->is_draining = true;
    server->is_stopping = true;
    server->done = done;
    server->done_context = context;
    stop_listening(server);
    for (struct server_connection *c = server->connections.next; c != &server->connections; c = c->next) {
        if (c->stream != NULL) {
            stream_abort(c->stream);
        }
    }
    check_end(server);
}
