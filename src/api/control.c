#include "api/control.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/answer.h"
#include "api/operation_code.h"
#include "api/operation_notice.h"
#include "api/operation_rights.h"
#include "api/work.h"
#include "base/time.h"

enum {
    BODY_BYTES_MAX = 8 * 1024 * 1024 /* a part of an import */,
    CONNECTIONS_MAX = 64 /* fewer than the pool's threads: see command_gateway.c */
};

struct control {
    struct server *server;
    struct control_options options;
    struct work_group *works;
    void (*done)(void *context);
    void *done_context;
};

/* One operation on the thread pool: freed when it is answered. */
struct control_work {
    struct work work; /* first */
    struct control *control;
    struct server_request *request;
    operation *run;
    json_t *in, *out;
    unsigned status;
    bool ok;
    struct error e;
};

/* ---- Operations, on the thread pool ---- */

static void run_work(struct work *work)
{
    struct control_work *w = (struct control_work *)work;
    w->ok = w->run(&w->control->options.operations, w->in, &w->out, &w->e);
}

static void after_work(struct work *work)
{
    struct control_work *w = (struct control_work *)work;
    if (w->ok) {
        answer_json(w->request, w->status, w->out);
    } else {
        answer_error(w->request, &w->e);
    }
    json_decref(w->in);
    free(w);
}

/* Takes the reference over. */
static void start_work(struct control *control, struct server_request *request, operation *run, json_t *in, unsigned status)
{
    struct error e = { 0 };
    struct control_work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        json_decref(in);
        answer_problem(request, 500, "gateway.internal", "memory is out");
        return;
    }
    *w = (struct control_work){
        .work = { .run = run_work, .done = after_work }, .control = control, .request = request, .run = run, .in = in, .status = status
    };
    if (!work_start(control->works, &w->work, &e)) {
        json_decref(in);
        free(w);
        answer_error(request, &e);
    }
}

/* The request's body as JSON; on failure it has been answered. An empty body is an empty object. */
static bool read_body(struct server_request *request, json_t **out)
{
    struct bytes text;
    json_error_t fault;
    if (!body_view(request->body, &text)) {
        answer_problem(request, 413, "request.too_large", "the body is too large");
        return false;
    }
    *out = text.size == 0 ? json_object() : json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(*out)) {
        json_decref(*out);
        answer_problem(request, 400, "request.malformed", "the body is no JSON object");
        return false;
    }
    return true;
}

static void start_with_body(struct control *control, struct server_request *request, operation *run, unsigned status)
{
    json_t *in = NULL;
    if (read_body(request, &in)) {
        start_work(control, request, run, in, status);
    }
}

/* ---- Routes ---- */

static void route_reload(struct control *control, struct server_request *request)
{
    struct error e = { 0 };
    if (control->options.reload(control->options.context, &e)) {
        answer_json(request, 200, json_pack("{s:b}", "reloaded", 1));
    } else {
        answer_error(request, &e);
    }
}

static void route_status(struct control *control, struct server_request *request)
{
    struct control_status status = { 0 };
    char text[sizeof status.why], started[TIME_TEXT_SIZE];
    control->options.status(control->options.context, &status);
    answer_json(request, 200,
                json_pack("{s:s, s:s, s:b, s:o, s:I, s:s}", "version", COMITY_VERSION, "origin", status.origin, "ready", status.is_ready,
                          "why", status.is_ready ? json_null() : json_string(error_text(&status.why, text, sizeof text)), "log_entries",
                          (json_int_t)status.log_entries, "started_at", time_text(status.started_at_ms, started)));
}

static const struct {
    struct bytes method, path;
    operation *run; /* with the body; NULL: `route` */
    unsigned status;
    void (*route)(struct control *control, struct server_request *request);
} routes[] = {
    { BYTES("GET"), BYTES("/v1/consents"), operation_list, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents"), operation_decide, 201, NULL },
    { BYTES("POST"), BYTES("/v1/consents/requests"), operation_request, 201, NULL },
    { BYTES("POST"), BYTES("/v1/consents/answers"), operation_answer, 201, NULL },
    { BYTES("POST"), BYTES("/v1/consents/changes"), operation_change, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents/list"), operation_list, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents/import"), operation_import, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents/import/proof"), operation_import_proof, 200, NULL },
    { BYTES("POST"), BYTES("/v1/notices"), operation_publish_notice, 201, NULL },
    { BYTES("POST"), BYTES("/v1/consents/history"), operation_history, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents/withdraw-all"), operation_withdraw_all, 200, NULL },
    { BYTES("POST"), BYTES("/v1/consents/withdrawals"), operation_withdraw_where, 200, NULL },
    { BYTES("POST"), BYTES("/v1/persons/show"), operation_person, 200, NULL },
    { BYTES("POST"), BYTES("/v1/persons/born"), operation_person_born, 200, NULL },
    { BYTES("POST"), BYTES("/v1/persons/marks"), operation_person_mark, 200, NULL },
    { BYTES("POST"), BYTES("/v1/persons/representatives"), operation_representative_add, 201, NULL },
    { BYTES("POST"), BYTES("/v1/persons/representatives/end"), operation_representative_end, 200, NULL },
    { BYTES("POST"), BYTES("/v1/uses"), operation_uses, 200, NULL },
    { BYTES("POST"), BYTES("/v1/uses/proof"), operation_uses_proof, 200, NULL },
    { BYTES("POST"), BYTES("/v1/erasures"), operation_erase, 200, NULL },
    { BYTES("POST"), BYTES("/v1/prunings"), operation_prune, 200, NULL },
    { BYTES("POST"), BYTES("/v1/reload"), NULL, 0, route_reload },
    { BYTES("GET"), BYTES("/v1/status"), NULL, 0, route_status },
};

/* POST with the operation's object; most answer at once or after some seconds on the thread pool. */
static const struct {
    struct bytes path;
    operation *run;
    unsigned status;
} operations[] = {
    { BYTES("/v1/codes"), operation_code_issue, 201 },
    { BYTES("/v1/rights/requests"), operation_request_receive, 201 },
    { BYTES("/v1/rights/requests/list"), operation_request_list, 200 },
    { BYTES("/v1/rights/requests/do"), operation_request_do, 200 },
    { BYTES("/v1/rights/report"), operation_report, 200 },
    { BYTES("/v1/rights/obligations/list"), operation_obligation_list, 200 },
    { BYTES("/v1/rights/notices/list"), operation_received_list, 200 },
    { BYTES("/v1/rights/notices/end"), operation_received_end, 200 },
    { BYTES("/v1/rights/assessments"), operation_assessment_add, 201 },
    { BYTES("/v1/rights/assessments/list"), operation_assessment_list, 200 },
    { BYTES("/v1/rights/register"), operation_register, 200 },
    { BYTES("/v1/breaches"), operation_breach_open, 201 },
    { BYTES("/v1/breaches/list"), operation_breach_list, 200 },
    { BYTES("/v1/breaches/do"), operation_breach_do, 200 },
    { BYTES("/v1/breaches/persons"), operation_breach_persons, 200 },
    { BYTES("/v1/policy/holds/list"), operation_hold_list, 200 },
    { BYTES("/v1/policy/holds/release"), operation_hold_release, 200 },
    { BYTES("/v1/policy/reviews/list"), operation_review_list, 200 },
    { BYTES("/v1/policy/reviews/do"), operation_review_do, 200 },
    { BYTES("/v1/policy/reviews/tell"), operation_review_tell, 200 },
};

/* /v1/consents/{id}/withdraw: the id goes into the body's object, which may have a category. */
static bool route_withdraw(struct control *control, struct server_request *request, struct bytes path)
{
    static const struct bytes before = { (const uint8_t *)"/v1/consents/", 13 }, after = { (const uint8_t *)"/withdraw", 9 };
    json_t *in = NULL;
    if (!bytes_start_with(path, before) || !bytes_end_with(path, after) || path.size <= before.size + after.size) {
        return false;
    }
    struct bytes id = bytes_slice(path, before.size, path.size - after.size);
    if (bytes_find(id, '/') != id.size || !bytes_are_utf8(id)) {
        return false;
    }
    if (!bytes_equal(request->method, BYTES("POST"))) {
        answer_wrong_method(request, "POST");
        return true;
    }
    if (!read_body(request, &in)) {
        return true;
    }
    if (json_object_set_new(in, "id", json_stringn((const char *)id.data, id.size)) != 0) {
        json_decref(in);
        answer_problem(request, 500, "gateway.internal", "memory is out");
        return true;
    }
    start_work(control, request, operation_withdraw, in, 200);
    return true;
}

static void on_request(void *context, struct server_request *request)
{
    struct control *control = context;
    struct bytes path = target_path(request->target);
    const char *allow = NULL;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (!bytes_equal(path, routes[i].path)) {
            continue;
        }
        if (bytes_equal(request->method, routes[i].method)) {
            if (routes[i].run != NULL) {
                start_with_body(control, request, routes[i].run, routes[i].status);
            } else {
                routes[i].route(control, request);
            }
            return;
        }
        allow = allow == NULL ? (const char *)routes[i].method.data : "GET, POST";
    }
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        if (bytes_equal(path, operations[i].path)) {
            if (bytes_equal(request->method, BYTES("POST"))) {
                start_with_body(control, request, operations[i].run, operations[i].status);
            } else {
                answer_wrong_method(request, "POST");
            }
            return;
        }
    }
    if (allow != NULL) {
        answer_wrong_method(request, allow);
    } else if (!route_withdraw(control, request, path)) {
        answer_problem(request, 404, "request.absent", "there is nothing here");
    }
}

/* ---- Life ---- */

bool control_start(struct control **out, uv_loop_t *loop, const struct control_options *options, struct error *e)
{
    char address[256];
    *out = NULL;
    int size = snprintf(address, sizeof address, "unix:%s", options->path);
    if (size < 0 || (size_t)size >= sizeof address) {
        return error_set(e, ERROR_INPUT, "listen.control", "choose a shorter path", "the path is too long");
    }
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        return error_memory(e, "control");
    }
    control->options = *options;
    control->works = work_group_make(loop, CONNECTIONS_MAX, 0);
    if (control->works == NULL) {
        free(control);
        return error_memory(e, "control");
    }
    const struct server_options server = {
        .address = address,
        .protocol = PROTOCOL_HTTP1,
        .limits = { .connections_max = CONNECTIONS_MAX, .body = { .size_max = BODY_BYTES_MAX, .memory_bytes = BODY_BYTES_MAX } },
        .on_request = on_request,
        .on_fault = answer_fault,
        .context = control,
    };
    if (!server_start(&control->server, loop, &server, e)) {
        work_group_stop(control->works, NULL, NULL);
        free(control);
        return false;
    }
    *out = control;
    return true;
}

static void on_works_over(void *context)
{
    struct control *control = context;
    void (*done)(void *) = control->done;
    void *done_context = control->done_context;
    free(control);
    if (done != NULL) {
        done(done_context);
    }
}

static void on_server_stopped(void *context)
{
    struct control *control = context;
    work_group_stop(control->works, on_works_over, control);
}

void control_stop(struct control *control, void (*done)(void *context), void *context)
{
    control->done = done;
    control->done_context = context;
    server_stop(control->server, on_server_stopped, control);
}
