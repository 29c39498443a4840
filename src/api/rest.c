#include "api/rest.h"

#include <stdlib.h>

#include "api/answer.h"
#include "api/code_guard.h"
#include "api/fetch.h"
#include "api/live_internal.h"
#include "api/login.h"
#include "api/paper_code.h"
#include "api/rest_internal.h"
#include "api/webhook.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/time.h"

enum {
    WAITING_MAX = 1024,
    CONNECTIONS_MAX = 2048,
    HEAD_BYTES_MAX = 32 * 1024,
    STOP_STEP_MS = 20,
    FAULT_PAGE_BYTES_MAX = 64 * 1024,
    SETTLE_MS = 1000,
    CALL_ARENA_BYTES_MAX = 8 * 1024 * 1024
};

/* ---- Metrics ---- */

#define ANSWERS(class)                                                                                                                     \
    {                                                                                                                                      \
        .name = "comity_api_answers_total", .labels = "status=\"" class "\"", .help = "answers of the REST API, by their status",          \
        .kind = METRIC_COUNTER                                                                                                             \
    }
static struct metric answers[] = { ANSWERS("2xx"), ANSWERS("3xx"), ANSWERS("4xx"), ANSWERS("5xx") };

void rest_metrics_register(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        metric_register(&answers[i]);
    }
    webhook_metrics_register();
    login_metrics_register();
}

void rest_count_answer(unsigned status)
{
    if (status >= 200 && status < 600) {
        metric_add(&answers[status / 100 - 2], 1);
    }
}

/* ---- What a reload changes ---- */

bool rest_settings_load(struct rest_settings **out, const struct rest_options *options, struct error *e)
{
    *out = NULL;
    struct rest_settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL) {
        return error_memory(e, "api");
    }
    settings->reference_count = 1;
    bool ok = api_config_load(&settings->config, options->config_path, options->folder, options->member, e) &&
              issuers_make(&settings->issuers, settings->config, e) &&
              (options->certificate_path == NULL || tls_make_application(&settings->tls, options->certificate_path, options->key_path, e));
    if (ok) {
        *out = settings;
    } else {
        rest_settings_release(settings);
    }
    return ok;
}

void rest_settings_release(struct rest_settings *settings)
{
    if (settings == NULL || --settings->reference_count > 0) {
        return;
    }
    issuers_free(settings->issuers);
    api_config_free(settings->config);
    tls_free(settings->tls);
    free(settings);
}

bool rest_check(const struct rest_options *options, struct error *e)
{
    struct rest_settings *settings = NULL;
    bool ok = rest_settings_load(&settings, options, e);
    rest_settings_release(settings);
    return ok;
}

bool rest_reload(struct rest *rest, struct error *e)
{
    struct rest_settings *settings = NULL;
    if (!rest_settings_load(&settings, &rest->options, e)) {
        return false;
    }
    if (settings->tls != NULL && !server_set_tls(rest->server, settings->tls, e)) {
        rest_settings_release(settings);
        return false;
    }
    rest_settings_release(rest->settings);
    rest->settings = settings;
    return true;
}

/* ---- Requests ---- */

/* What needs no thread: paths and methods that aren't there. Says nothing about anybody. */
static bool answer_at_once(struct server_request *request, const struct route_match *match, bool is_options)
{
    char allow[64];
    if (match->route == NULL && match->methods == 0) {
        rest_count_answer(404);
        answer_problem(request, 404, "request.absent", "there is no such path; /v1/openapi.json has them all");
        return true;
    }
    route_allow(match->methods, allow, sizeof allow);
    if (is_options) {
        const struct field fields[] = { { BYTES("Allow"), bytes_of_text(allow) }, { BYTES("Cache-Control"), BYTES("no-store") } };
        const struct server_answer answer = { .status = 204, .fields = fields, .field_count = COUNT_OF(fields) };
        rest_count_answer(204);
        server_answer(request, &answer);
        return true;
    }
    if (match->route == NULL) {
        rest_count_answer(405);
        answer_wrong_method(request, allow);
        return true;
    }
    return false;
}

/* A browser, by what it says it takes. */
static bool takes_html(struct bytes accept)
{
    struct bytes range, type;
    while (bytes_split(&accept, ',', &range)) {
        if (bytes_split(&range, ';', &type) && bytes_equal_ignoring_case(bytes_trim(type), BYTES("text/html"))) {
            return true;
        }
    }
    return false;
}

static bool wants_page(const struct server_request *request)
{
    const struct field *accept = fields_find(&request->fields, BYTES("Accept"));
    return accept != NULL && takes_html(accept->value);
}

/* In the API's table, or else among the pages. False: memory. */
static bool find_route(const struct rest *rest, struct bytes method, struct rest_call *call)
{
    const struct rest_pages *pages = rest->options.pages;
    struct bytes path = target_path(call->request->target);
    method = bytes_equal(method, BYTES("HEAD")) ? BYTES("GET") : method;
    if (!route_find(method, path, &call->arena, &call->match)) {
        return false;
    }
    if (call->match.methods != 0 || pages == NULL) {
        return true;
    }
    if (!route_find_in(pages->routes, pages->count, method, path, &call->arena, &call->match)) {
        return false;
    }
    if (call->match.route == NULL && pages->absent != NULL && !bytes_equal(method, BYTES("OPTIONS")) && wants_page(call->request)) {
        call->match.route = pages->absent;
    }
    call->pages = call->match.route == NULL ? NULL : pages;
    return true;
}

static void on_request(void *context, struct server_request *request)
{
    struct rest *rest = context;
    struct error e = { 0 };
    struct bytes method = request->method;
    bool is_options = bytes_equal(method, BYTES("OPTIONS"));
    struct rest_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        answer_problem(request, 500, "gateway.internal", "memory is out");
        return;
    }
    call->arena.size_max = CALL_ARENA_BYTES_MAX;
    call->request = request;
    if (!find_route(rest, method, call)) {
        error_memory(&e, "request");
        answer_error(request, &e);
        goto drop;
    }
    if (answer_at_once(request, &call->match, is_options)) {
        goto drop;
    }
    call->work = (struct work){ .run = rest_call_run, .done = rest_call_done };
    call->rest = rest;
    call->route = call->match.route;
    call->settings = rest->settings;
    call->settings->reference_count++;
    if (work_start(rest->works, &call->work, &e)) {
        return;
    }
    rest_settings_release(call->settings);
    rest_count_answer(503);
    answer_error(request, &e);
drop:
    arena_clear(&call->arena);
    free(call);
}

/* What net refuses itself: to a browser by a page, to programs by a problem. */
static void on_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                     struct server_answer *answer)
{
    static const struct field fields[] = { { BYTES("Content-Type"), BYTES("text/html; charset=utf-8") },
                                           { BYTES("Cache-Control"), BYTES("no-store") },
                                           { BYTES("X-Content-Type-Options"), BYTES("nosniff") },
                                           { BYTES("Content-Security-Policy"), BYTES(REST_PAGE_CSP) } };
    const struct rest *rest = context;
    const struct rest_pages *pages = rest->options.pages;
    struct buffer text;
    buffer_init(&text, FAULT_PAGE_BYTES_MAX);
    if (pages != NULL && pages->fault != NULL && takes_html(accept) && pages->fault(pages->context, answer->status, detail, &text)) {
        answer->fields = fields;
        answer->field_count = COUNT_OF(fields);
        answer->body = body_of(buffer_bytes(&text));
    }
    buffer_clear(&text);
    if (answer->body == NULL) {
        answer_fault(NULL, fault, accept, detail, arena, answer);
    }
}

/* ---- Life ---- */

static bool make_document(struct rest *rest, struct error *e)
{
    struct buffer text;
    if (!schemas_make(&rest->schemas, bytes_of_text(rest_schemas_text), e)) {
        return false;
    }
    buffer_init(&text, REST_ANSWER_BYTES_MAX);
    bool ok = openapi_write(rest->schemas, &text, e);
    if (ok) {
        rest->openapi = buffer_bytes(&text); /* taken over */
    } else {
        buffer_clear(&text);
    }
    return ok;
}

static void free_rest(struct rest *rest)
{
    live_free(rest->live);
    rest_settings_release(rest->settings);
    schemas_free(rest->schemas);
    code_guard_free(rest->guard);
    free((uint8_t *)(uintptr_t)rest->openapi.data);
    free(rest);
}

static void close_part(void *context)
{
    struct rest *rest = context;
    if (--rest->closing > 0) {
        return;
    }
    void (*done)(void *) = rest->done;
    void *done_context = rest->done_context;
    free_rest(rest);
    if (done != NULL) {
        done(done_context);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    close_part(handle->data);
}

static bool listen_at(struct rest *rest, struct error *e)
{
    const struct server_options server = {
        .address = rest->options.address,
        .protocol = PROTOCOL_HTTP1,
        .tls = rest->settings->tls,
        .limits = { .connections_max = CONNECTIONS_MAX,
                    .head_bytes_max = HEAD_BYTES_MAX,
                    .body = { .size_max = REST_BODY_BYTES_MAX, .memory_bytes = REST_BODY_BYTES_MAX } },
        .on_request = on_request,
        .on_fault = on_fault,
        .context = rest,
    };
    return server_start(&rest->server, rest->loop, &server, e);
}

/* Sessions and codes that are over name persons: none stays for longer than until the next start, sign-in or code. */
static bool forget_old(const struct rest_options *options, struct error *e)
{
    int64_t now_ms = time_now_ms(), count = 0;
    return session_sweep(options->store, now_ms, &count, e) && paper_code_sweep(options->store, now_ms, e);
}

bool rest_start(struct rest **out, uv_loop_t *loop, const struct rest_options *options, struct error *e)
{
    *out = NULL;
    struct rest *rest = calloc(1, sizeof *rest);
    if (rest == NULL) {
        return error_memory(e, "api");
    }
    rest->loop = loop;
    rest->options = *options;
    random_fill(rest->process, sizeof rest->process);
    rest->live = live_make(rest);
    if (rest->live == NULL) {
        free(rest);
        return error_memory(e, "api");
    }
    if (!fetch_init(e) || !forget_old(options, e) || !rest_settings_load(&rest->settings, options, e) || !make_document(rest, e)) {
        free_rest(rest);
        return false;
    }
    rest->guard = code_guard_make();
    rest->works = rest->guard == NULL ? NULL : work_group_make(loop, REST_WORKS_MAX, WAITING_MAX);
    if (rest->works == NULL) {
        free_rest(rest);
        return error_memory(e, "api");
    }
    if (!webhooks_start(&rest->webhooks, rest, e)) {
        work_group_stop(rest->works, NULL, NULL);
        free_rest(rest);
        return false;
    }
    if (!listen_at(rest, e)) {
        work_group_stop(rest->works, NULL, NULL);
        rest->closing = 1;
        webhooks_stop(rest->webhooks, close_part, rest);
        return false;
    }
    *out = rest;
    return true;
}

uint16_t rest_port(const struct rest *rest)
{
    return server_port(rest->server);
}

/* The works may still be using what `rest` has: they end before it does. */
static void on_server_stopped(void *context)
{
    struct rest *rest = context;
    work_group_stop(rest->works, close_part, rest);
}

static void look_whether_drained(uv_timer_t *timer)
{
    struct rest *rest = timer->data;
    uint64_t now_ms = uv_now(rest->loop);
    if (server_request_count(rest->server) > 0 && now_ms < rest->stop_until_ms) {
        return;
    }
    /* The last words of answers and streams are on their way: a reset now could overtake them. */
    rest->settle_until_ms = rest->settle_until_ms == 0 ? now_ms + SETTLE_MS : rest->settle_until_ms;
    if (server_connection_count(rest->server) > 0 && now_ms < rest->settle_until_ms && now_ms < rest->stop_until_ms) {
        return;
    }
    (void)uv_timer_stop(timer);
    uv_close((uv_handle_t *)timer, on_timer_closed);
    server_stop(rest->server, on_server_stopped, rest);
}

void rest_stop(struct rest *rest, void (*done)(void *context), void *context)
{
    rest->done = done;
    rest->done_context = context;
    rest->closing = 4; /* timer, works, webhooks, live figures */
    live_stop(rest->live, close_part, rest);
    webhooks_stop(rest->webhooks, close_part, rest);
    server_drain(rest->server);
    rest->timer.data = rest;
    rest->stop_until_ms = uv_now(rest->loop) + (uint64_t)rest->options.drain_ms;
    /* Neither fails with a loop and a callback. */
    (void)uv_timer_init(rest->loop, &rest->timer);
    (void)uv_timer_start(&rest->timer, look_whether_drained, 0, STOP_STEP_MS);
}
