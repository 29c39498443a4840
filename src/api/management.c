#include "api/management.h"

#include <stdlib.h>

#include "api/answer.h"
#include "api/process_metrics.h"
#include "base/metrics.h"

enum { METRICS_BYTES_MAX = 4 * 1024 * 1024, REQUEST_BODY_BYTES_MAX = 4096, CONNECTIONS_MAX = 64 };

struct management {
    struct server *server;
    bool (*is_ready)(void *context, struct error *why);
    void *context;
    void (*done)(void *context);
    void *done_context;
};

static void send_metrics(struct management *management, struct server_request *request)
{
    (void)management;
    struct buffer text;
    buffer_init(&text, METRICS_BYTES_MAX);
    process_metrics_write(&text);
    metrics_write(&text);
    if (text.failed) {
        answer_problem(request, 500, "gateway.internal", "memory is out");
    } else {
        answer_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_bytes(&text));
    }
    buffer_clear(&text);
}

static void send_health(struct management *management, struct server_request *request)
{
    (void)management;
    answer_text(request, 200, "text/plain; charset=utf-8", BYTES("ok\n"));
}

static void send_readiness(struct management *management, struct server_request *request)
{
    struct error why = { 0 };
    if (management->is_ready(management->context, &why)) {
        answer_text(request, 200, "text/plain; charset=utf-8", BYTES("ready\n"));
        return;
    }
    char text[sizeof why];
    answer_problem(request, 503, "gateway.not_ready", error_text(&why, text, sizeof text));
}

static const struct {
    struct bytes path;
    void (*send)(struct management *management, struct server_request *request);
} pages[] = {
    { BYTES("/metrics"), send_metrics },
    { BYTES("/healthz"), send_health },
    { BYTES("/readyz"), send_readiness },
};

static void on_request(void *context, struct server_request *request)
{
    struct bytes path = target_path(request->target);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        if (!bytes_equal(path, pages[i].path)) {
            continue;
        }
        if (!bytes_equal(request->method, BYTES("GET"))) {
            answer_wrong_method(request, "GET");
        } else {
            pages[i].send(context, request);
        }
        return;
    }
    answer_problem(request, 404, "request.absent", "there are /metrics, /healthz and /readyz");
}

bool management_start(struct management **out, uv_loop_t *loop, const struct management_options *options, struct error *e)
{
    *out = NULL;
    struct management *management = calloc(1, sizeof *management);
    if (management == NULL) {
        return error_memory(e, "management");
    }
    management->is_ready = options->is_ready;
    management->context = options->context;
    const struct server_options server = {
        .address = options->address,
        .protocol = PROTOCOL_HTTP1,
        .limits = { .connections_max = CONNECTIONS_MAX, .body = { .size_max = REQUEST_BODY_BYTES_MAX } },
        .on_request = on_request,
        .on_fault = answer_fault,
        .context = management,
    };
    if (!server_start(&management->server, loop, &server, e)) {
        free(management);
        return false;
    }
    *out = management;
    return true;
}

uint16_t management_port(const struct management *management)
{
    return server_port(management->server);
}

static void on_stopped(void *context)
{
    struct management *management = context;
    void (*done)(void *) = management->done;
    void *done_context = management->done_context;
    free(management);
    if (done != NULL) {
        done(done_context);
    }
}

void management_stop(struct management *management, void (*done)(void *context), void *context)
{
    management->done = done;
    management->done_context = context;
    server_stop(management->server, on_stopped, management);
}
