#include "net/client.h"

#include <stdlib.h>

#include "net/client_pool_internal.h"

/* ---- Calls ---- */

static bool is_safe_method(struct bytes method)
{
    return bytes_equal(method, BYTES("GET")) || bytes_equal(method, BYTES("HEAD")) || bytes_equal(method, BYTES("OPTIONS")) ||
           bytes_equal(method, BYTES("TRACE"));
}

static bool copy_text(struct arena *arena, struct bytes from, struct bytes *to)
{
    *to = arena_copy(arena, from);
    return to->data != NULL;
}

static bool copy_request(struct client_call *call, const struct client_request *request)
{
    struct client_request *copy = &call->request;
    *copy = *request;
    if (request->field_count > SIZE_MAX / sizeof(struct field)) {
        return false;
    }
    struct field *fields = arena_take(&call->arena, request->field_count * sizeof *fields + 1);
    if (fields == NULL || !copy_text(&call->arena, request->method, &copy->method) ||
        !copy_text(&call->arena, request->target, &copy->target) || !copy_text(&call->arena, request->authority, &copy->authority) ||
        !copy_text(&call->arena, request->preface, &copy->preface)) {
        return false;
    }
    for (size_t i = 0; i < request->field_count; i++) {
        if (!copy_text(&call->arena, request->fields[i].name, &fields[i].name) ||
            !copy_text(&call->arena, request->fields[i].value, &fields[i].value)) {
            return false;
        }
    }
    copy->fields = fields;
    return true;
}

static void call_free(struct client_call *call)
{
    struct arena arena = call->arena;
    client_answer_free(call->answer);
    arena_clear(&arena);
}

static struct client_call *call_make(struct client *client, const struct client_request *request, client_done *done, void *context)
{
    enum { READ_STALL_MS = 60000 };
    struct arena arena = { 0 };
    struct client_call *call = arena_take_zeroed(&arena, sizeof *call); /* it lives in the arena that it holds */
    if (call == NULL) {
        return NULL;
    }
    call->arena = arena;
    call->client = client;
    call->done = done;
    call->context = context;
    call->is_safe = is_safe_method(request->method);
    call->is_head = bytes_equal(request->method, BYTES("HEAD"));
    if (!copy_request(call, request)) {
        call_free(call);
        return NULL;
    }
    if (call->request.read_stall_ms == 0) {
        call->request.read_stall_ms = READ_STALL_MS;
    }
    if (call->request.answer_bytes_max == 0) {
        call->request.answer_bytes_max = client->limits.body.size_max;
    }
    return call;
}

bool client_call(struct client_call **out, struct client *client, const struct client_target *target, const struct client_request *request,
                 client_done *done, void *context, struct error *e)
{
    *out = NULL;
    if (client->is_stopping) {
        return error_set(e, ERROR_DENIED, "client", NULL, "it is being stopped");
    }
    if (request->preface_form.field.size == 0 ? request->preface.size > 0 : target->protocol != PROTOCOL_HTTP2) {
        return error_set(e, ERROR_INPUT, "client", NULL, "a preface needs HTTP/2, and a field that says its size");
    }
    struct client_pool *pool = NULL;
    if (!pool_find(&pool, client, target, e)) {
        return false;
    }
    if (pool->waiting_count >= CLIENT_WAITING_MAX) {
        return error_set(e, ERROR_FULL, pool_name(pool), "send fewer requests at a time", "%d calls wait for a connection",
                         CLIENT_WAITING_MAX);
    }
    struct client_call *call = call_make(client, request, done, context);
    if (call == NULL) {
        pool_settle(pool);
        return error_memory(e, "client");
    }
    call->pool = pool;
    client->call_count++;
    pool_wait(pool, call, false);
    *out = call;
    return true;
}

/* Off all lists; the connection's count is put right. */
static void call_detach(struct client_call *call)
{
    struct client_connection *c = call->connection;
    if (c == NULL) {
        pool_unwait(call->pool, call);
        return;
    }
    pool_unrun(call->pool, call);
    call->connection = NULL;
    c->calls--;
}

void client_cancel(struct client_call *call)
{
    struct client_connection *c = call->connection;
    struct client_pool *pool = call->pool;
    call_detach(call);
    call->client->call_count--;
    if (c != NULL) {
        c->functions->cancel(c, call);
        pool_connection_settle(c);
    }
    call_free(call);
    pool_settle(pool);
}

void client_call_stopped(struct client_call *call)
{
    client_done *done = call->done;
    void *context = call->context;
    struct error e = { 0 };
    (void)error_set(&e, ERROR_DENIED, pool_name(call->pool), NULL, "the client is being stopped");
    client_cancel(call);
    done(context, NULL, CLIENT_FAILURE_BROKEN, &e);
}

static void call_done(struct client_call *call, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    client_done *done = call->done;
    void *context = call->context;
    struct error copy = { 0 };
    if (e != NULL) {
        copy = *e; /* it may lie in what `done` ends */
    }
    call->client->call_count--;
    call->answer = answer == NULL ? call->answer : NULL;
    pool_settle(call->pool);
    call_free(call);
    done(context, answer, failure, answer == NULL ? &copy : NULL);
}

void client_call_answered(struct client_call *call)
{
    struct client_connection *c = call->connection;
    call_detach(call);
    c->answers++;
    pool_connection_settle(c);
    call_done(call, call->answer, CLIENT_FAILURE_NONE, NULL);
}

void client_call_failed(struct client_call *call, enum client_failure failure, const struct error *e)
{
    struct client_connection *c = call->connection;
    struct error unknown = { 0 };
    if (e == NULL) {
        (void)error_set(&unknown, ERROR_IO, pool_name(call->pool), NULL, "the connection ended");
    }
    call_detach(call);
    if (c != NULL) {
        pool_connection_settle(c);
    }
    call_done(call, NULL, failure, e == NULL ? &unknown : e);
}

/* client.h: at most once on the wire, but for what surely was not worked on, or may be worked on twice. */
static bool may_repeat(const struct client_call *call, bool is_unprocessed)
{
    if (call->client->is_stopping || call->is_answer_begun || call->repeats >= CLIENT_REPEATS_MAX) {
        return false;
    }
    return is_unprocessed || !call->is_begun || (call->was_kept && call->is_safe && !call->request.is_sent_once);
}

void client_call_lost(struct client_call *call, bool is_unprocessed, enum client_failure failure, const struct error *e)
{
    if (!may_repeat(call, is_unprocessed)) {
        client_call_failed(call, failure, e);
        return;
    }
    struct client_connection *c = call->connection;
    call_detach(call);
    pool_connection_settle(c);
    client_answer_free(call->answer);
    call->answer = NULL;
    call->repeats++;
    call->is_begun = false;
    call->was_kept = false;
    call->sent = 0;
    call->id = 0;
    call->state = NULL;
    call->kind_previous = call->kind_next = NULL;
    pool_wait(call->pool, call, true);
}

/* ---- Answers ---- */

bool client_answer_begin(struct client_call *call, struct error *e)
{
    const struct client_connection *c = call->connection;
    struct body_limits limits = call->client->limits.body;
    limits.size_max = call->request.answer_bytes_max;
    client_answer_free(call->answer);
    struct arena arena = { 0 };
    call->answer = arena_take_zeroed(&arena, sizeof *call->answer);
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    call->answer->arena = arena;
    call->answer->body = body_make(&limits, false);
    if (call->answer->body == NULL) {
        client_answer_free(call->answer);
        call->answer = NULL;
        return error_memory(e, "answer");
    }
    if (c->stream != NULL) {
        call->answer->peer = *stream_peer(c->stream);
    }
    return true;
}

void client_answer_free(struct client_answer *answer)
{
    if (answer != NULL) {
        struct arena arena = answer->arena;
        body_free(answer->body);
        arena_clear(&arena);
    }
}

enum client_failure client_failure_of(enum stream_end how)
{
    switch (how) {
    case STREAM_END_EOF:
    case STREAM_END_RESET:
    case STREAM_END_CLOSED:
        return CLIENT_FAILURE_BROKEN;
    case STREAM_END_TLS:
        return CLIENT_FAILURE_TLS;
    case STREAM_END_STALLED:
        return CLIENT_FAILURE_TIMEOUT;
    case STREAM_END_CONNECT:
        return CLIENT_FAILURE_CONNECT;
    case STREAM_END_RESOLVE:
        return CLIENT_FAILURE_RESOLVE;
    }
    return CLIENT_FAILURE_BROKEN;
}

/* ---- Life ---- */

bool client_make(struct client **out, uv_loop_t *uv, const struct net_limits *limits, struct error *e)
{
    *out = NULL;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return error_memory(e, "client");
    }
    if (!loop_retain(&client->loop, uv, e)) {
        free(client);
        return false;
    }
    struct net_limits given = { 0 };
    if (limits != NULL) {
        given = *limits;
    }
    client->limits = net_limits_complete(given);
    *out = client;
    return true;
}

size_t client_call_count(const struct client *client)
{
    return client->call_count;
}

static void end_run(void *context)
{
    struct client *client = context;
    while (client->pools != NULL) {
        pool_free(client->pools);
    }
    struct loop *loop = client->loop;
    void (*done)(void *context) = client->done;
    void *done_context = client->done_context;
    free(client);
    loop_release(loop, done, done_context);
}

void client_check_end(struct client *client)
{
    if (client->is_stopping && client->connection_count == 0) {
        loop_work_add(client->loop, LOOP_DISPATCH, &client->end_work, end_run, client);
    }
}

void client_stop(struct client *client, void (*done)(void *context), void *context)
{
    client->is_stopping = true;
    client->done = done;
    client->done_context = context;
    for (struct client_pool *pool = client->pools; pool != NULL; pool = pool->next) {
        pool_stop(pool);
    }
    client_check_end(client);
}

/* ---- One call for a command ---- */

struct fetch {
    struct client *client;
    struct client_call *call;
    struct client_answer *answer;
    enum client_failure failure;
    struct error *e;
    uv_timer_t timer;
    bool is_done;
};

static void fetch_end(struct fetch *f)
{
    uv_close((uv_handle_t *)&f->timer, NULL);
    client_stop(f->client, NULL, NULL);
}

static void fetch_done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct fetch *f = context;
    f->is_done = true;
    f->answer = answer;
    f->failure = failure;
    if (e != NULL && f->e != NULL) {
        *f->e = *e;
    }
    fetch_end(f);
}

static void fetch_timed_out(uv_timer_t *timer)
{
    struct fetch *f = timer->data;
    client_cancel(f->call);
    f->failure = CLIENT_FAILURE_TIMEOUT;
    (void)error_set(f->e, ERROR_IO, "request", "check that the service runs, or allow more time", "no whole answer in time");
    fetch_end(f);
}

bool client_fetch(const struct client_target *target, const struct client_request *request, uint32_t timeout_ms, struct client_answer **out,
                  enum client_failure *failure, struct error *e)
{
    uv_loop_t uv;
    struct fetch f = { .e = e, .failure = CLIENT_FAILURE_CONNECT };
    *out = NULL;
    int failed = uv_loop_init(&uv);
    if (failed != 0) {
        return error_set(e, ERROR_IO, "event loop", NULL, "%s", uv_strerror(failed));
    }
    uv_loop_set_data(&uv, NULL);
    if (!client_make(&f.client, &uv, NULL, e)) {
        goto done;
    }
    f.timer.data = &f;
    bool has_timer = uv_timer_init(&uv, &f.timer) == 0 && uv_timer_start(&f.timer, fetch_timed_out, timeout_ms, 0) == 0;
    if (!has_timer || !client_call(&f.call, f.client, target, request, fetch_done, &f, e)) {
        if (!has_timer) {
            (void)error_set(e, ERROR_IO, "event loop", NULL, "no timer");
        }
        fetch_end(&f);
    }
done:
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&uv) != 0) {
        abort(); /* everything on it was stopped */
    }
    *out = f.answer;
    if (failure != NULL) {
        *failure = f.failure;
    }
    return f.answer != NULL;
}
