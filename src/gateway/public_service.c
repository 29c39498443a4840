/* Which path goes where, on a thread of the pool, with limits. */
#include "gateway/public_service_internal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/encode.h"
#include "base/metrics.h"
#include "base/time.h"
#include "rights/notice_message.h"
#include "witness/mirror_wire.h"
#include "witness/submission.h"

enum { ETAG_BYTES = 16, COMPRESS_BYTES_MIN = 512 };

/* ---- The table ---- */

#define REQUESTS(route, class)                                                                                                             \
    {                                                                                                                                      \
        .name = "comity_gateway_public_requests_total", .labels = "route=\"" route "\",status=\"" class "\"",                              \
        .help = "Requests to the public service, by route and class of status"                                                             \
    }
#define COUNTED(route)                                                                                                                     \
    {                                                                                                                                      \
        REQUESTS(route, "2xx"), REQUESTS(route, "3xx"), REQUESTS(route, "4xx"), REQUESTS(route, "5xx")                                     \
    }
enum { STATUS_CLASSES = 4 };

/* A path that ends with '/' stands for all below it, any other for itself. The first row that fits is taken. */
struct route {
    const char *method;
    struct bytes path;
    size_t body_max;
    bool is_peers_only;
    public_route *run;
    struct metric requests[STATUS_CLASSES];
};
static struct route routes[] = {
    { "POST", BYTES("/witness/add-checkpoint"), SUBMISSION_BYTES_MAX, false, public_witness_add, COUNTED("witness-add") },
    { "GET", BYTES("/witness/"), 0, false, public_witness_checkpoint, COUNTED("witness") },
    { "POST", BYTES("/mirror/add-checkpoint"), SUBMISSION_BYTES_MAX, false, public_mirror_checkpoint, COUNTED("mirror-checkpoint") },
    { "POST", BYTES("/mirror/add-entries"), MIRROR_UPLOAD_BYTES_MAX, false, public_mirror_entries, COUNTED("mirror-entries") },
    { "GET", BYTES("/mirror/"), 0, false, public_mirror_copy, COUNTED("mirror") },
    { "GET", BYTES("/evidence/exchanges"), 0, true, public_exchanges, COUNTED("exchanges") },
    { "POST", BYTES("/consent/erase-notices"), DATA_NOTICE_BYTES_MAX, true, public_erase_notice, COUNTED("erase-notices") },
    { "POST", BYTES("/consent/confirmations"), DATA_NOTICE_BYTES_MAX, true, public_confirmation, COUNTED("confirmations") },
    { "GET", BYTES("/log/receipt/"), 0, false, public_log_receipt, COUNTED("log-receipt") },
    { "GET", BYTES("/log/"), 0, false, public_log_file, COUNTED("log") },
};
static struct metric elsewhere[STATUS_CLASSES] = COUNTED("none");

/* What the public service has a say in, whether or not there is a route. */
static const struct bytes places[] = { BYTES("/log/"), BYTES("/witness/"), BYTES("/mirror/"), BYTES("/evidence/"), BYTES("/consent/") };

void public_metrics_register(void)
{
    for (size_t class = 0; class < STATUS_CLASSES; class ++) {
        for (size_t i = 0; i < COUNT_OF(routes); i++) {
            metric_register(&routes[i].requests[class]);
        }
        metric_register(&elsewhere[class]);
    }
}

unsigned gateway_public_calls_max(const struct gateway_config *config)
{
    return config->workers * 2 * PUBLIC_RUNNING_MAX;
}

uint64_t public_body_bytes_max(void)
{
    uint64_t most = 0;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        most = routes[i].body_max > most ? routes[i].body_max : most;
    }
    return most;
}

static bool route_has(const struct route *route, struct bytes path)
{
    return bytes_end_with(route->path, BYTES("/")) ? bytes_start_with(path, route->path) : bytes_equal(path, route->path);
}

/* NULL: no route has the path. `*is_allowed`: it has the method, too. */
static struct route *find_route(struct bytes path, struct bytes method, bool *is_allowed)
{
    struct route *found = NULL;
    *is_allowed = false;
    for (size_t i = 0; i < COUNT_OF(routes) && !*is_allowed; i++) {
        if (found == NULL ? route_has(&routes[i], path) : bytes_equal(found->path, routes[i].path)) {
            found = &routes[i];
            *is_allowed = bytes_equal(bytes_of_text(found->method), method);
        }
    }
    return found;
}

bool public_is_target(struct bytes target)
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (bytes_start_with(target, places[i])) {
            return true;
        }
    }
    return false;
}

/* ---- One call ---- */

struct public_job {
    struct worker *worker;
    struct server_request *request;
    struct snapshot *snapshot;
    struct route *route;
    struct public_calls *calls; /* whose turn it waits for */
    struct public_call call;
    struct body *body;
    uv_work_t work;
    struct public_job *next;
};

void public_refuse(struct public_call *call, unsigned status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_reset(&call->answer);
    buffer_append_format(&call->answer, "%s\n", text);
    call->status = status;
    call->content_type = PUBLIC_TEXT;
    call->cache = PUBLIC_CACHE_NEVER;
    call->may_compress = false;
}

void public_fail(struct public_call *call, const struct error *e)
{
    char text[sizeof *e];
    switch (e->kind) {
    case ERROR_INPUT:
        public_refuse(call, 400, "%s", error_text(e, text, sizeof text));
        return;
    case ERROR_DENIED:
        public_refuse(call, 403, "%s", error_text(e, text, sizeof text));
        return;
    case ERROR_ABSENT:
        public_refuse(call, 404, "%s", error_text(e, text, sizeof text));
        return;
    case ERROR_NONE:
    case ERROR_IO:
    case ERROR_FULL:
    case ERROR_MEMORY:
        break;
    }
    diag_error(DIAG_ERROR, "gateway", "a request to the public service failed", e);
    public_refuse(call, 503, "this gateway can't do that now; try again later");
}

void public_add_field(struct public_call *call, struct bytes name, struct bytes value)
{
    if (call->extra_count < PUBLIC_FIELDS_MAX) {
        call->extra[call->extra_count++] = (struct field){ name, value };
    }
}

/* Is the tag in the list (RFC 9110 13.1.2)? Weak comparison: caches in between may have weakened it. */
static bool has_tag(struct bytes list, struct bytes tag)
{
    struct bytes piece;
    while (bytes_split(&list, ',', &piece)) {
        piece = bytes_trim(piece);
        piece = bytes_start_with(piece, BYTES("W/")) ? bytes_slice(piece, 2, piece.size) : piece;
        if (bytes_equal(piece, tag) || bytes_equal(piece, BYTES("*"))) {
            return true;
        }
    }
    return false;
}

bool public_is_unchanged(struct public_call *call)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * ETAG_BYTES + 1];
    sha256(buffer_bytes(&call->answer), digest);
    hex_write(bytes_of(digest, ETAG_BYTES), hex);
    struct bytes tag = arena_format(call->arena, "\"%s\"", hex);
    const struct field *known = fields_find(call->fields, BYTES("If-None-Match"));
    if (tag.data == NULL) {
        return false;
    }
    public_add_field(call, BYTES("ETag"), tag);
    if (known == NULL || !has_tag(known->value, tag)) {
        return false;
    }
    buffer_reset(&call->answer);
    call->status = 304;
    return true;
}

/* "gzip" or "x-gzip" or "*", and not with a quality of zero. */
static bool accepts_gzip(const struct fields *fields)
{
    const struct field *accept = fields_find(fields, BYTES("Accept-Encoding"));
    struct bytes list = accept == NULL ? BYTES_NONE : accept->value, piece;
    while (bytes_split(&list, ',', &piece)) {
        struct bytes name = bytes_trim(bytes_slice(piece, 0, bytes_find(piece, ';')));
        struct bytes rest = bytes_slice(piece, bytes_find(piece, ';') + 1, piece.size);
        struct bytes quality = bytes_trim(bytes_slice(rest, bytes_find(rest, '=') + 1, rest.size));
        bool is_zero = quality.size > 0;
        for (size_t i = 0; i < quality.size; i++) {
            is_zero = is_zero && (quality.data[i] == '0' || quality.data[i] == '.');
        }
        if (bytes_equal_ignoring_case(name, BYTES("gzip")) || bytes_equal_ignoring_case(name, BYTES("x-gzip"))) {
            return !is_zero;
        }
    }
    return false;
}

/* Replaces the answer by its gzip form if that is smaller. Whatever fails, the answer stays as it is, which is right as well. */
static void compress_answer(struct public_call *call)
{
    struct buffer packed;
    z_stream z = { 0 };
    public_add_field(call, BYTES("Vary"), BYTES("Accept-Encoding"));
    if (call->answer.size < COMPRESS_BYTES_MIN || call->answer.size > UINT32_MAX || !accepts_gzip(call->fields)) {
        return;
    }
    buffer_init(&packed, call->answer.size);
    uint8_t *room = buffer_room(&packed, call->answer.size);
    /* 15 + 16: the largest window, gzip's wrapping. No more room than the answer has: a form that is not smaller does not end. */
    if (room != NULL && deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        z.next_in = call->answer.data;
        z.avail_in = (uInt)call->answer.size;
        z.next_out = room;
        z.avail_out = (uInt)call->answer.size - 1;
        bool is_smaller = deflate(&z, Z_FINISH) == Z_STREAM_END;
        buffer_added(&packed, z.total_out);
        (void)deflateEnd(&z); /* says that output was left over, when it was */
        if (is_smaller) {
            struct buffer plain = call->answer;
            call->answer = packed;
            packed = plain;
            public_add_field(call, BYTES("Content-Encoding"), BYTES("gzip"));
        }
    }
    buffer_clear(&packed);
}

/* Into memory, as a whole: at most what the route allows. */
static bool read_body(struct public_job *job)
{
    struct error e;
    struct body *body = job->request->body;
    size_t size = (size_t)body_size(body), got = 0;
    if (size == 0 || body_view(body, &job->call.body)) {
        return true;
    }
    uint8_t *data = arena_take(job->call.arena, size);
    if (data == NULL) {
        (void)error_memory(&e, "public service");
    } else if (body_read(body, 0, data, size, &got, &e)) {
        job->call.body = bytes_of(data, got);
        return true;
    }
    public_fail(&job->call, &e);
    return false;
}

static void run_job(uv_work_t *work)
{
    struct public_job *job = work->data;
    if (read_body(job)) {
        job->route->run(&job->call);
    }
    if (job->call.answer.failed) {
        public_refuse(&job->call, 500, "memory is out");
    }
    if (job->call.may_compress && job->call.status == 200) {
        compress_answer(&job->call);
    }
    if (job->call.answer.size > 0) {
        job->body = body_of(buffer_bytes(&job->call.answer));
    }
}

static void count(struct metric requests[STATUS_CLASSES], unsigned status)
{
    unsigned class = status / 100;
    metric_add(&requests[class < 2 || class > 5 ? STATUS_CLASSES - 1 : class - 2], 1);
}

static void send_answer(struct public_job *job)
{
    struct public_call *call = &job->call;
    struct field fields[3 + PUBLIC_FIELDS_MAX];
    size_t field_count = 0;
    if (call->status != 304) {
        fields[field_count++] = (struct field){ BYTES("Content-Type"), bytes_of_text(call->content_type) };
    }
    fields[field_count++] = (struct field){ BYTES("Cache-Control"), bytes_of_text(call->cache) };
    fields[field_count++] = (struct field){ BYTES("X-Content-Type-Options"), BYTES("nosniff") };
    for (size_t i = 0; i < call->extra_count; i++) {
        fields[field_count++] = call->extra[i];
    }
    bool is_lost = job->body == NULL && call->answer.size > 0;
    const struct server_answer answer = {
        .status = is_lost ? 500 : call->status, .fields = fields, .field_count = field_count, .body = job->body
    };
    struct snapshot *snapshot = job->snapshot;
    struct gateway *gateway = job->worker->gateway;
    count(job->route == NULL ? elsewhere : job->route->requests, answer.status);
    buffer_clear(&call->answer);
    server_answer(job->request, &answer); /* the job lives in the request: it is gone after this */
    snapshot_release(snapshot);
    atomic_fetch_sub_explicit(&gateway->requests, 1, memory_order_relaxed);
}

/* ---- Limits ---- */

static void start_next(struct worker *worker, struct public_calls *calls);

static void job_done(uv_work_t *work, int status)
{
    struct public_job *job = work->data;
    struct worker *worker = job->worker;
    struct public_calls *calls = job->calls;
    (void)status; /* nothing here cancels work */
    calls->running--;
    send_answer(job);
    start_next(worker, calls);
}

static void start_next(struct worker *worker, struct public_calls *calls)
{
    while (calls->first != NULL && (calls->running < PUBLIC_RUNNING_MAX || worker->is_stopping)) {
        struct public_job *job = calls->first;
        calls->first = job->next;
        calls->last = calls->first == NULL ? NULL : calls->last;
        calls->waiting--;
        if (job->request->is_gone || worker->is_stopping || uv_queue_work(&worker->loop, &job->work, run_job, job_done) != 0) {
            public_refuse(&job->call, 503, "this gateway is ending");
            job->body = body_of(buffer_bytes(&job->call.answer));
            send_answer(job);
            continue;
        }
        calls->running++;
    }
}

static void wait_turn(struct public_job *job)
{
    struct public_calls *calls = job->calls;
    if (calls->waiting >= PUBLIC_WAITING_MAX) {
        public_refuse(&job->call, 503, "too many requests are waiting; try again in a second");
        public_add_field(&job->call, BYTES("Retry-After"), BYTES("1"));
        job->body = body_of(buffer_bytes(&job->call.answer));
        send_answer(job);
        return;
    }
    if (calls->last == NULL) {
        calls->first = job;
    } else {
        calls->last->next = job;
    }
    calls->last = job;
    calls->waiting++;
    start_next(job->worker, calls);
}

/* ---- From the listeners ---- */

static struct public_job *make_job(struct worker *worker, bool is_peers, struct server_request *request)
{
    struct public_job *job = arena_take_zeroed(&request->arena, sizeof *job);
    if (job == NULL) {
        const struct server_answer answer = { .status = 503 };
        server_answer(request, &answer);
        return NULL;
    }
    job->worker = worker;
    job->calls = is_peers ? &worker->peer_calls : &worker->public_calls;
    job->request = request;
    job->work.data = job;
    job->snapshot = snapshot_keep(worker->snapshot);
    job->call = (struct public_call){
        .gateway = worker->gateway,
        .snapshot = job->snapshot,
        .method = bytes_equal(request->method, BYTES("HEAD")) ? BYTES("GET") : request->method,
        .fields = &request->fields,
        .arena = &request->arena,
        .status = 200,
        .content_type = PUBLIC_TEXT,
        .cache = PUBLIC_CACHE_NEVER,
    };
    buffer_init(&job->call.answer, PUBLIC_ANSWER_BYTES_MAX);
    atomic_fetch_add_explicit(&worker->gateway->requests, 1, memory_order_relaxed);
    return job;
}

/* False: the answer says why it goes no further. */
static bool admit(struct public_job *job, bool is_peers)
{
    bool is_allowed;
    struct public_call *call = &job->call;
    const struct server_request *request = job->request;
    size_t end = bytes_find(request->target, '?');
    struct bytes path = bytes_slice(request->target, 0, end);
    call->query = bytes_slice(request->target, end + 1, request->target.size);
    job->route = find_route(path, call->method, &is_allowed);
    if (job->route == NULL) {
        public_refuse(call, 404, "there is nothing at this path");
        return false;
    }
    if (!is_allowed) {
        public_refuse(call, 405, "this path is for %s only", job->route->method);
        public_add_field(call, BYTES("Allow"), job->route->method[0] == 'G' ? BYTES("GET, HEAD") : bytes_of_text(job->route->method));
        return false;
    }
    if (body_size(request->body) > job->route->body_max) {
        public_refuse(call, 413, "the body is too large: at most %zu bytes here", job->route->body_max);
        return false;
    }
    if (is_peers && request->peer.has_certificate) {
        call->peer = world_find_gateway_by_pin(job->snapshot->world, request->peer.pin, time_now_ms());
    }
    if (job->route->is_peers_only && call->peer == NULL) {
        public_refuse(call, 403, "this is for the gateways of the community only; ask by their listener");
        return false;
    }
    call->rest = bytes_slice(path, job->route->path.size, path.size);
    return true;
}

void public_begin(struct worker *worker, bool is_peers, struct server_request *request)
{
    struct public_job *job = make_job(worker, is_peers, request);
    if (job == NULL) {
        return;
    }
    if (admit(job, is_peers)) {
        wait_turn(job);
        return;
    }
    job->body = body_of(buffer_bytes(&job->call.answer));
    send_answer(job);
}

void public_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                  struct server_answer *answer)
{
    static const struct field fields[] = { { BYTES("Content-Type"), BYTES(PUBLIC_TEXT) }, { BYTES("Cache-Control"), BYTES("no-store") } };
    (void)context;
    (void)fault; /* the status says it already */
    (void)accept;
    struct bytes text = arena_format(arena, "%s\n", detail);
    answer->fields = fields;
    answer->field_count = COUNT_OF(fields);
    answer->body = text.data == NULL ? NULL : body_of(text);
}
