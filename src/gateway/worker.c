/* One worker: a thread with its own loop, listeners and pools. A connection lives and dies on one. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "gateway/exchange_internal.h"
#include "gateway/public_service_internal.h"

/* Of a request that net refuses before there is an exchange: X-Road's form, but nothing is logged (any stranger can send noise). */
static void on_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                     struct server_answer *answer)
{
    static const struct {
        enum reason reason;
        const char *type;
    } kinds[] = {
        [SERVER_FAULT_MALFORMED] = { REASON_REQUEST_MALFORMED, "malformed_request" },
        [SERVER_FAULT_HEAD_TOO_LARGE] = { REASON_REQUEST_TOO_LARGE, "head_too_large" },
        [SERVER_FAULT_BODY_TOO_LARGE] = { REASON_REQUEST_TOO_LARGE, "body_too_large" },
        [SERVER_FAULT_TIMEOUT] = { REASON_REQUEST_MALFORMED, "request_timeout" },
        [SERVER_FAULT_EXPECTATION] = { REASON_REQUEST_MALFORMED, "expectation_failed" },
        [SERVER_FAULT_STORAGE] = { REASON_GATEWAY_INTERNAL, "storage" },
        [SERVER_FAULT_VERSION] = { REASON_REQUEST_MALFORMED, "http_version" },
        [SERVER_FAULT_METHOD] = { REASON_REQUEST_METHOD, "method" },
    };
    const struct listener *listener = context;
    const struct xroad_error error = {
        .prefix = "client",
        .reason = kinds[fault].reason,
        .type = kinds[fault].type,
        .status = answer->status,
        .is_77 = listener->worker->gateway->config->xroad_is_77,
        .message = bytes_of_text(detail),
    };
    struct buffer body, type;
    struct fields fields = { 0 };
    buffer_init(&body, 16 * 1024);
    buffer_init(&type, 256);
    const char *content_type = xroad_error_write(&body, &error, accept);
    xroad_error_type(&type, &error);
    struct bytes type_text = arena_copy(arena, buffer_bytes(&type));
    if (!body.failed && type_text.data != NULL && fields_add(&fields, arena, BYTES("Content-Type"), bytes_of_text(content_type)) &&
        fields_add(&fields, arena, BYTES("X-Road-Error"), type_text) &&
        fields_add(&fields, arena, BYTES("Comity-Reason"), bytes_of_text(reason_code(error.reason)))) {
        answer->fields = fields.list;
        answer->field_count = fields.count;
        answer->body = body_of(buffer_bytes(&body));
    }
    buffer_clear(&body);
    buffer_clear(&type);
}

static void on_application(void *context, struct server_request *request)
{
    struct listener *listener = context;
    consumer_begin(listener->worker, listener, request);
}

static void on_peer(void *context, struct server_request *request)
{
    struct listener *listener = context;
    if (public_is_target(request->target)) {
        public_begin(listener->worker, true, request);
        return;
    }
    holder_begin(listener->worker, listener, request);
}

static void on_reader(void *context, struct server_request *request)
{
    struct listener *listener = context;
    public_begin(listener->worker, false, request);
}

/* The committer's thread. */
static void notify(void *context)
{
    struct worker *worker = context;
    (void)uv_async_send(&worker->wake);
}

static void take_entries(uv_async_t *wake)
{
    struct worker *worker = wake->data;
    struct commit_entry *entry = mailbox_take(&worker->mailbox);
    while (entry != NULL) {
        /* Read first: the exchange that the entry lives in may end. */
        struct commit_entry *next = entry->next;
        exchange_entry_done(entry);
        entry = next;
    }
}

static void something_closed(void *context)
{
    struct worker *worker = context;
    worker->stopping--;
    if (worker->stopping == 0) {
        uv_close((uv_handle_t *)&worker->wake, NULL);
        uv_close((uv_handle_t *)&worker->order, NULL);
    }
}

static void stop(struct worker *worker)
{
    /* What the committer gave back before it finished: after this no exchange of it can come while the client is going. */
    take_entries(&worker->wake);
    worker->is_stopping = true;
    worker->stopping = worker->server_count + (worker->client != NULL ? 1 : 0) + 1;
    for (size_t i = 0; i < worker->server_count; i++) {
        server_stop(worker->servers[i], something_closed, worker);
    }
    if (worker->client != NULL) {
        client_stop(worker->client, something_closed, worker);
    }
    something_closed(worker); /* the one more: so that it ends here when nothing had been started */
}

static void reload(struct worker *worker)
{
    struct error e;
    snapshot_release(worker->snapshot);
    worker->snapshot = gateway_snapshot(worker->gateway);
    for (size_t i = 0; i < worker->server_count; i++) {
        const struct snapshot *s = worker->snapshot;
        struct tls *tls = i == 0 ? s->peer_tls : i <= s->application_count ? s->application_tls[i - 1] : s->log_tls;
        if (tls != NULL && !server_set_tls(worker->servers[i], tls, &e)) {
            diag_error(DIAG_ERROR, "gateway", "a listener keeps its old TLS key", &e);
        }
    }
}

static void take_orders(uv_async_t *order)
{
    struct worker *worker = order->data;
    unsigned orders = atomic_exchange(&worker->orders, 0);
    if ((orders & WORKER_RELOAD) != 0) {
        reload(worker);
    }
    if ((orders & WORKER_DRAIN) != 0) {
        for (size_t i = 0; i < worker->server_count; i++) {
            server_drain(worker->servers[i]);
        }
        atomic_store(&worker->is_drained, true);
    }
    if ((orders & WORKER_STOP) != 0) {
        stop(worker);
    }
}

/* ---- What it reaches the world by ---- */

static bool call(void *outside, struct client_call **out, const struct client_target *target, const struct client_request *request,
                 client_done *done, void *context, struct error *e)
{
    const struct worker *worker = outside;
    return client_call(out, worker->client, target, request, done, context, e);
}

static void answer(void *outside, struct server_request *request, const struct server_answer *answer)
{
    (void)outside;
    server_answer(request, answer);
}

static void run_job(uv_work_t *work)
{
    struct gateway_job *job = work->data;
    job->run(job);
}

static void job_ended(uv_work_t *work, int status)
{
    struct gateway_job *job = work->data;
    job->done(job, status == 0);
}

static bool work(void *outside, struct gateway_job *job)
{
    struct worker *worker = outside;
    job->work.data = job;
    return uv_queue_work(&worker->loop, &job->work, run_job, job_ended) == 0;
}

static const struct gateway_ways sockets_and_threads = { .call = call, .answer = answer, .work = work };

/* ---- Start ---- */

/* A connection is a file: anybody together may have a quarter of them, or peers, services and disks would soon have none. */
static uint32_t readers_max(const struct gateway_config *config)
{
    struct rlimit files;
    uint64_t share = config->limits.connections_max;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY && files.rlim_cur / 4 / config->workers < share) {
        share = files.rlim_cur / 4 / config->workers;
    }
    return share == 0 ? 1 : (uint32_t)share;
}

/* The last of a worker's servers, if there is one. */
static bool start_log_server(struct worker *worker, struct error *e)
{
    const struct gateway_config *config = worker->gateway->config;
    struct listener *listener = &worker->listeners[worker->server_count];
    if (config->log_listener == NULL) {
        return true;
    }
    *listener = (struct listener){ .worker = worker };
    struct net_limits limits = config->limits;
    limits.connections_max = readers_max(config);
    limits.body.size_max = public_body_bytes_max() < limits.body.size_max ? public_body_bytes_max() : limits.body.size_max;
    const struct server_options options = {
        .address = config->log_listener->address,
        .protocol = PROTOCOL_HTTP1,
        .tls = worker->snapshot->log_tls,
        .limits = limits,
        .reuse_port = true,
        .on_request = on_reader,
        .on_fault = public_fault,
        .context = listener,
    };
    if (!server_start(&worker->servers[worker->server_count], &worker->loop, &options, e)) {
        return false;
    }
    worker->server_count++;
    return true;
}

static bool start_servers(struct worker *worker, struct error *e)
{
    const struct gateway_config *config = worker->gateway->config;
    for (size_t i = 0; i <= config->application_count; i++) {
        struct listener *listener = &worker->listeners[i];
        bool is_peers = i == 0;
        *listener = (struct listener){ .worker = worker, .config = is_peers ? NULL : &config->applications[i - 1] };
        const struct server_options options = {
            .address = is_peers ? config->peers_address : listener->config->address,
            .protocol = is_peers ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1,
            .tls = is_peers ? worker->snapshot->peer_tls : worker->snapshot->application_tls[i - 1],
            .limits = config->limits,
            .reuse_port = true,
            .group = is_peers ? worker->gateway->peer_group : NULL,
            .with_sha512 = true,
            .preface = is_peers ? evidence_form : (struct preface_form){ .size_max = 0 },
            .on_request = is_peers ? on_peer : on_application,
            .on_fault = on_fault,
            .context = listener,
        };
        if (!server_start(&worker->servers[i], &worker->loop, &options, e)) {
            return false;
        }
        worker->server_count++;
    }
    return start_log_server(worker, e);
}

static void *run(void *context)
{
    struct worker *worker = context;
    struct gateway *gateway = worker->gateway;
    struct error e = { 0 };
    char name[16];
    (void)snprintf(name, sizeof name, "worker-%u", worker->number % 1000);
    (void)pthread_setname_np(pthread_self(), name); /* for top -H and perf; without it nothing else changes */
    if (!start_servers(worker, &e) || !client_make(&worker->client, &worker->loop, &gateway->config->limits, &e)) {
        worker->start_error = e;
        stop(worker);
    }
    uv_sem_post(&worker->started);
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static bool make_loop(struct worker *worker, struct error *e)
{
    if (uv_loop_init(&worker->loop) != 0) {
        return error_set(e, ERROR_IO, "worker", "raise the limit of open files", "the event loop can't be made");
    }
    if (uv_async_init(&worker->loop, &worker->wake, take_entries) != 0 || uv_async_init(&worker->loop, &worker->order, take_orders) != 0 ||
        uv_sem_init(&worker->started, 0) != 0) {
        return error_set(e, ERROR_IO, "worker", "raise the limit of open files", "the event loop's wake-ups can't be made");
    }
    worker->wake.data = worker->order.data = worker;
    worker->mailbox = (struct mailbox){ .notify = notify, .context = worker };
    return true;
}

bool worker_start(struct worker *worker, struct gateway *gateway, unsigned number, struct error *e)
{
    size_t listeners = gateway->config->application_count + 2;
    worker->gateway = gateway;
    worker->number = number;
    worker->ways = &sockets_and_threads;
    worker->outside = worker;
    worker->listeners = calloc(listeners, sizeof *worker->listeners);
    worker->servers = calloc(listeners, sizeof(struct server *));
    worker->snapshot = gateway_snapshot(gateway);
    worker->tally = tally_make();
    if (worker->listeners == NULL || worker->servers == NULL || worker->tally == NULL) {
        return error_memory(e, "worker");
    }
    if (!make_loop(worker, e)) {
        return false;
    }
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        return error_set(e, ERROR_IO, "worker", "raise the limit of processes", "a thread can't be started");
    }
    worker->is_running = true;
    uv_sem_wait(&worker->started);
    if (worker->start_error.kind != ERROR_NONE) {
        *e = worker->start_error;
        return false;
    }
    return true;
}

void worker_tell(struct worker *worker, enum worker_order order)
{
    if (worker->is_running && worker->start_error.kind == ERROR_NONE) {
        atomic_fetch_or(&worker->orders, (unsigned)order);
        (void)uv_async_send(&worker->order);
    }
}

void worker_join(struct worker *worker)
{
    if (worker->is_running) {
        (void)pthread_join(worker->thread, NULL);
        worker->is_running = false;
        uv_sem_destroy(&worker->started);
        (void)uv_loop_close(&worker->loop);
    }
    snapshot_release(worker->snapshot);
    worker->snapshot = NULL;
    tally_free(worker->tally);
    free(worker->listeners);
    free(worker->servers);
    worker->tally = NULL;
    worker->listeners = NULL;
    worker->servers = NULL;
}
