#include "api/answer.h"

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

/* Nothing of these answers is for a cache, nor for a browser to guess about. */
static void send_body(struct server_request *request, unsigned status, const char *media_type, struct body *body, const char *allow)
{
    struct field fields[4] = {
        { BYTES("Content-Type"), bytes_of_text(media_type) },
        { BYTES("Cache-Control"), BYTES("no-store") },
        { BYTES("X-Content-Type-Options"), BYTES("nosniff") },
        { BYTES("Allow"), bytes_of_text(allow) },
    };
    struct server_answer answer = {
        .status = body == NULL ? 500 : status,
        .fields = fields,
        .field_count = allow == NULL ? 3 : 4,
        .body = body,
    };
    server_answer(request, &answer);
}

void answer_text(struct server_request *request, unsigned status, const char *media_type, struct bytes text)
{
    send_body(request, status, media_type, body_of(text), NULL);
}

static int append_json(const char *text, size_t size, void *context)
{
    struct buffer *out = context;
    buffer_append(out, bytes_of(text, size));
    return out->failed ? -1 : 0;
}

bool answer_append_json(struct buffer *out, const json_t *value, size_t flags)
{
    return json_dump_callback(value, append_json, out, flags) == 0;
}

static struct body *body_of_json(json_t *value)
{
    struct body *body = NULL;
    struct buffer text;
    buffer_init(&text, ANSWER_BYTES_MAX);
    if (value != NULL && answer_append_json(&text, value, JSON_COMPACT)) {
        body = body_of(buffer_bytes(&text));
    }
    buffer_wipe(&text); /* lists name persons */
    json_decref(value);
    return body;
}

void answer_json(struct server_request *request, unsigned status, json_t *value)
{
    send_body(request, status, "application/json", body_of_json(value), NULL);
}

const char *answer_status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } rows[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].title;
        }
    }
    return "Error";
}

/* RFC 9457 3: `type` about:blank means that the title is the status's own; `reason` is our extension member. */
static json_t *problem(unsigned status, const char *reason, const char *detail)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title", answer_status_title(status), "status", (int)status,
                     "reason", reason, "detail", detail);
}

void answer_problem(struct server_request *request, unsigned status, const char *reason, const char *detail)
{
    send_body(request, status, "application/problem+json", body_of_json(problem(status, reason, detail)), NULL);
}

void answer_wrong_method(struct server_request *request, const char *allow)
{
    send_body(request, 405, "application/problem+json", body_of_json(problem(405, "request.method", "the method is not allowed here")),
              allow);
}

void answer_error(struct server_request *request, const struct error *e)
{
    static const struct {
        unsigned status;
        const char *reason;
    } rows[] = {
        [ERROR_NONE] = { 500, "gateway.internal" },   [ERROR_INPUT] = { 400, "request.malformed" },
        [ERROR_DENIED] = { 409, "request.denied" },   [ERROR_ABSENT] = { 404, "request.absent" },
        [ERROR_IO] = { 503, "store.unavailable" },    [ERROR_FULL] = { 503, "gateway.busy" },
        [ERROR_MEMORY] = { 500, "gateway.internal" },
    };
    char text[sizeof *e];
    answer_problem(request, rows[e->kind].status, rows[e->kind].reason, error_text(e, text, sizeof text));
}

void answer_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                  struct server_answer *answer)
{
    static const struct field fields[] = {
        { BYTES("Content-Type"), BYTES("application/problem+json") },
        { BYTES("Cache-Control"), BYTES("no-store") },
    };
    (void)context;
    (void)accept;
    (void)arena;
    (void)fault; /* the status says it already */
    answer->fields = fields;
    answer->field_count = COUNT_OF(fields);
    answer->body = body_of_json(problem(answer->status, "request.malformed", detail));
    if (answer->body == NULL) {
        answer->field_count = 0;
    }
}

struct bytes target_path(struct bytes target)
{
    return bytes_slice(target, 0, bytes_find(target, '?'));
}
