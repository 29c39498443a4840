#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/answer.h"
#include "api/live_internal.h"
#include "api/rest_internal.h"
#include "base/encode.h"
#include "base/time.h"

/* ---- For handlers ---- */

struct bytes rest_query(const struct rest_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++) {
        if (bytes_equal(call->queries[i].name, bytes_of_text(name))) {
            return call->queries[i].value;
        }
    }
    return BYTES_NONE;
}

bool rest_refuse(struct rest_call *call, struct error *e, unsigned status, const char *reason, const char *where, const char *todo,
                 const char *what, ...)
{
    char text[sizeof e->what];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    call->status = status;
    call->reason = reason;
    return error_set(e,
                     status == 404                    ? ERROR_ABSENT
                     : status == 403 || status == 409 ? ERROR_DENIED
                                                      : ERROR_INPUT,
                     where, todo, "%s", text);
}

bool rest_absent(struct rest_call *call, struct error *e)
{
    return rest_refuse(call, e, 404, "request.absent", "path", NULL, "there is nothing of this name for you");
}

static struct bytes field_value(const struct rest_call *call, struct bytes name)
{
    const struct field *field = fields_find(&call->request->fields, name);
    return field == NULL ? BYTES_NONE : field->value;
}

/* RFC 9110 13.1.1: one of a list of quoted tags, or `*`. Weak ones (W/) never match strongly. */
static bool has_tag(struct bytes list, const char *etag, bool is_weak_allowed)
{
    struct bytes one;
    if (bytes_equal(bytes_trim(list), BYTES("*"))) {
        return true;
    }
    while (bytes_split(&list, ',', &one)) {
        one = bytes_trim(one);
        if (is_weak_allowed && bytes_start_with(one, BYTES("W/"))) {
            one = bytes_slice(one, 2, one.size);
        }
        if (one.size >= 2 && one.data[0] == '"' && one.data[one.size - 1] == '"' &&
            bytes_equal(bytes_slice(one, 1, one.size - 1), bytes_of_text(etag))) {
            return true;
        }
    }
    return false;
}

bool rest_match(struct rest_call *call, const char *etag, struct error *e)
{
    struct bytes wanted = field_value(call, BYTES("If-Match"));
    return wanted.size == 0 || has_tag(wanted, etag, false) ||
           rest_refuse(call, e, 412, "request.changed", "header If-Match", "read it again, then decide anew",
                       "it has changed since you read it");
}

const char *rest_text(struct rest_call *call, struct bytes text)
{
    struct bytes kept = arena_copy(&call->arena, text);
    return (const char *)kept.data;
}

struct bytes rest_member_part(struct bytes identifier)
{
    size_t at = 0;
    for (unsigned parts = 0; at < identifier.size; at++) {
        if (identifier.data[at] == '/' && ++parts == 3) {
            break;
        }
    }
    return bytes_slice(identifier, 0, at);
}

struct world *rest_world(const struct rest_call *call)
{
    const struct rest_options *options = &call->rest->options;
    return options->world == NULL ? NULL : options->world(options->context);
}

struct bytes rest_json_bytes(const json_t *value)
{
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
}

/* ---- The request ---- */

/* application/x-www-form-urlencoded, as browsers write queries. Views of the target where nothing is encoded. */
bool rest_decode_form(struct rest_call *call, struct bytes text, struct bytes *out)
{
    size_t size = 0;
    uint8_t *raw = arena_take(&call->arena, text.size + 1), *plain = arena_take(&call->arena, text.size + 1);
    if (raw == NULL || plain == NULL) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        raw[i] = text.data[i] == '+' ? ' ' : text.data[i];
    }
    bool ok = percent_decode(bytes_of(raw, text.size), plain, &size);
    *out = bytes_of(plain, size);
    return ok && bytes_are_utf8(*out) && memchr(plain, '\0', size) == NULL;
}

/* Is `name` among the space-separated words? `*is_required`: it has a '!'. */
static bool is_word(const char *words, struct bytes name, bool *is_required)
{
    struct bytes rest = bytes_of_text(words), word;
    while (words != NULL && bytes_split(&rest, ' ', &word)) {
        *is_required = bytes_end_with(word, BYTES("!"));
        if (bytes_equal(bytes_slice(word, 0, word.size - *is_required), name)) {
            return true;
        }
    }
    return false;
}

static bool is_allowed_query(const struct rest_route *route, struct bytes name)
{
    bool is_required;
    bool is_paged = (route->flags & (ROUTE_OFFSET | ROUTE_CURSOR)) != 0;
    return is_word(route->queries, name, &is_required) || (is_paged && bytes_equal(name, BYTES("limit"))) ||
           ((route->flags & ROUTE_OFFSET) != 0 && bytes_equal(name, BYTES("offset"))) ||
           ((route->flags & ROUTE_CURSOR) != 0 && bytes_equal(name, BYTES("cursor")));
}

static bool read_page(struct rest_call *call, struct error *e)
{
    struct bytes limit = rest_query(call, "limit"), offset = rest_query(call, "offset");
    uint64_t most = call->settings->config->page_max;
    call->limit = API_PAGE_DEFAULT;
    call->cursor = rest_query(call, "cursor");
    if (limit.data != NULL && (!bytes_to_u64(limit, &call->limit) || call->limit == 0 || call->limit > most)) {
        return rest_refuse(call, e, 400, "request.malformed", "query limit", NULL, "must be a whole number from 1 to %u", (unsigned)most);
    }
    if (offset.data != NULL && (!bytes_to_u64(offset, &call->offset) || call->offset > INT32_MAX)) {
        return rest_refuse(call, e, 400, "request.malformed", "query offset", NULL, "must be a whole number");
    }
    return true;
}

static bool read_query(struct rest_call *call, struct error *e)
{
    struct bytes rest = call->request->target, pair, name, value, words = bytes_of_text(call->route->queries), word;
    (void)bytes_split(&rest, '?', &pair);
    while (bytes_split(&rest, '&', &pair)) {
        if (pair.size == 0) {
            continue;
        }
        struct bytes left = pair, raw_name;
        (void)bytes_split(&left, '=', &raw_name);
        if (!rest_decode_form(call, raw_name, &name) || !rest_decode_form(call, left, &value)) {
            return rest_refuse(call, e, 400, "request.malformed", "query", NULL, "is not well-formed");
        }
        if (!is_allowed_query(call->route, name) && (call->route->flags & ROUTE_ANY_QUERY) != 0) {
            continue;
        }
        if (!is_allowed_query(call->route, name)) {
            return rest_refuse(call, e, 400, "request.malformed", "query", NULL, "a parameter that this operation doesn't have");
        }
        if (rest_query(call, rest_text(call, name)).data != NULL || call->query_count == QUERIES_MAX) {
            return rest_refuse(call, e, 400, "request.malformed", "query", NULL, "a parameter is there twice");
        }
        call->queries[call->query_count].name = name;
        call->queries[call->query_count++].value = value;
    }
    while (call->route->queries != NULL && bytes_split(&words, ' ', &word)) {
        name = bytes_slice(word, 0, word.size - 1);
        if (bytes_end_with(word, BYTES("!")) && rest_query(call, rest_text(call, name)).size == 0) {
            return rest_refuse(call, e, 400, "request.malformed", "query", NULL, "the parameter %.*s must be there", BYTES_FMT(name));
        }
    }
    return read_page(call, e);
}

/* The media type without parameters; of those only charset=utf-8 may be there. */
static bool is_json_type(struct bytes type)
{
    struct bytes name, parameter;
    (void)bytes_split(&type, ';', &name);
    if (!bytes_equal_ignoring_case(bytes_trim(name), BYTES("application/json"))) {
        return false;
    }
    while (bytes_split(&type, ';', &parameter)) {
        parameter = bytes_trim(parameter);
        if (parameter.size > 0 && !bytes_equal_ignoring_case(parameter, BYTES("charset=utf-8"))) {
            return false;
        }
    }
    return true;
}

static bool read_body(struct rest_call *call, struct error *e)
{
    struct bytes text = BYTES_NONE;
    json_error_t fault;
    const char *schema = call->route->body;
    if (!body_view(call->request->body, &text)) {
        return rest_refuse(call, e, 413, "request.too_large", "body", NULL, "is too large");
    }
    if (schema == NULL) {
        return text.size == 0 || rest_refuse(call, e, 400, "request.malformed", "body", "send none", "this operation takes no body");
    }
    if (text.size > 0 && !is_json_type(field_value(call, BYTES("Content-Type")))) {
        return rest_refuse(call, e, 415, "request.media_type", "header Content-Type", "send application/json",
                           "the body is of another type");
    }
    call->body = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(call->body)) {
        return rest_refuse(call, e, 400, "request.malformed", "body", NULL, "is no JSON object");
    }
    if (!schema_check(call->rest->schemas, schema, call->body, e)) {
        call->status = 400;
        call->reason = "request.malformed";
        return false;
    }
    return true;
}

/* Does Accept let JSON, or what the route makes, come? A range with a wildcard does; quality values other than 0 all count. */
static bool is_acceptable(const struct rest_call *call)
{
    struct bytes rest = field_value(call, BYTES("Accept")), range;
    if (rest.size == 0 || (call->route->flags & ROUTE_PLAIN) != 0) {
        return true;
    }
    while (bytes_split(&rest, ',', &range)) {
        struct bytes type;
        (void)bytes_split(&range, ';', &type);
        type = bytes_trim(type);
        if (bytes_equal(type, BYTES("*/*")) || bytes_equal_ignoring_case(type, BYTES("application/*")) ||
            bytes_equal_ignoring_case(type, BYTES("application/json")) ||
            bytes_equal_ignoring_case(type, BYTES("application/problem+json"))) {
            return true;
        }
    }
    return false;
}

/* ---- On the pool ---- */

bool rest_call_perform(struct rest_call *call, struct error *e)
{
    bool is_done = false;
    struct buffer text;
    if (!rest_authorise(call, e) || !read_query(call, e) || !rest_find_subject(call, e)) {
        return false;
    }
    if (!is_acceptable(call)) {
        return rest_refuse(call, e, 406, "request.media_type", "header Accept", "accept application/json", "there is no other form of it");
    }
    if (!read_body(call, e) || !rest_idempotency_begin(call, &is_done, e)) {
        return false;
    }
    if (is_done) {
        return rest_tell_subject(call, e); /* seen again is a look again */
    }
    if (!call->route->run(call, e) || !rest_tell_subject(call, e)) {
        rest_idempotency_abandon(call);
        return false;
    }
    call->status = call->status == 0 ? call->route->status : call->status;
    if (call->raw != NULL || (call->is_asked && !call->is_keyed)) {
        return true;
    }
    buffer_init(&text, REST_ANSWER_BYTES_MAX);
    bool ok = call->answer == NULL || answer_append_json(&text, call->answer, JSON_COMPACT | JSON_REAL_PRECISION(10));
    if (ok && call->answer != NULL) {
        call->raw = body_of(buffer_bytes(&text));
        ok = call->raw != NULL;
    }
    ok = ok ? rest_idempotency_end(call, buffer_bytes(&text), e) : error_memory(e, "answer");
    buffer_wipe(&text); /* it may name persons */
    return ok;
}

/* Its own idempotency is that of what it asks (rest_ask.h): the page is made anew each time. */
static bool perform_page(struct rest_call *call, struct error *e)
{
    bool is_static = (call->route->flags & ROUTE_STATIC) != 0;
    if (!is_static && (!rest_authenticate(call, e) || !rest_authorise(call, e) || !read_query(call, e) || !rest_find_subject(call, e) ||
                       !rest_page_read_form(call, e))) {
        return false;
    }
    if ((is_static && call->route->queries != NULL && !read_query(call, e)) || !call->route->run(call, e)) {
        return false;
    }
    call->status = call->status == 0 ? call->route->status : call->status;
    return rest_tell_subject(call, e);
}

static void refuse_page(struct rest_call *call)
{
    unsigned status = rest_call_status(call, &call->e);
    call->media_type = NULL;
    call->location = NULL;
    if (status == 401 && rest_page_lead_to_sign_in(call)) {
        call->e = (struct error){ .kind = ERROR_NONE };
    } else if (!call->pages->refuse(call, status, rest_call_reason(call, &call->e), &call->e)) {
        body_free(call->raw);
        call->raw = NULL;
    }
}

void rest_call_run(struct work *work)
{
    struct rest_call *call = (struct rest_call *)work;
    call->now_ms = time_now_ms();
    bool ok = call->pages != NULL ? perform_page(call, &call->e) : rest_authenticate(call, &call->e) && rest_call_perform(call, &call->e);
    if (ok) {
        call->e = (struct error){ .kind = ERROR_NONE };
    } else {
        body_free(call->raw);
        call->raw = NULL;
        if (call->e.kind == ERROR_NONE) {
            error_memory(&call->e, "request");
        }
        if (call->pages != NULL) {
            refuse_page(call);
        }
    }
    json_decref(call->body);
    json_decref(call->answer);
}

/* ---- Back on the loop ---- */

unsigned rest_call_status(const struct rest_call *call, const struct error *e)
{
    static const unsigned by_kind[] = {
        [ERROR_NONE] = 500, [ERROR_INPUT] = 400, [ERROR_DENIED] = 409, [ERROR_ABSENT] = 404,
        [ERROR_IO] = 503,   [ERROR_FULL] = 503,  [ERROR_MEMORY] = 500,
    };
    unsigned status = call->status >= 400 ? call->status : by_kind[e->kind];
    /* GovStack knows one refusal. What concerns who asks, and our own troubles, keep their names: a client must tell them apart. */
    bool is_folded = call->route != NULL && (call->route->flags & ROUTE_GOVSTACK) != 0 && status < 500 && status != 401 && status != 403;
    return is_folded ? 400 : status;
}

const char *rest_call_reason(const struct rest_call *call, const struct error *e)
{
    static const char *const by_kind[] = {
        [ERROR_NONE] = "gateway.internal",   [ERROR_INPUT] = "request.malformed", [ERROR_DENIED] = "request.denied",
        [ERROR_ABSENT] = "request.absent",   [ERROR_IO] = "store.unavailable",    [ERROR_FULL] = "gateway.busy",
        [ERROR_MEMORY] = "gateway.internal",
    };
    return call->reason != NULL ? call->reason : by_kind[e->kind];
}

static struct body *problem_body(unsigned status, const char *reason, const struct error *e)
{
    char detail[sizeof *e];
    struct buffer text;
    struct body *body = NULL;
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title", answer_status_title(status), "status",
                                (int)status, "reason", reason, "detail", error_text(e, detail, sizeof detail));
    buffer_init(&text, sizeof detail * 8);
    if (problem != NULL && answer_append_json(&text, problem, JSON_COMPACT)) {
        body = body_of(buffer_bytes(&text));
    }
    json_decref(problem);
    buffer_clear(&text);
    return body;
}

struct head {
    struct field fields[24];
    size_t count;
    char etag[ETAG_SIZE + 2], disposition[160], allow[64];
};

static void add(struct head *head, struct bytes name, const char *value)
{
    if (head->count < COUNT_OF(head->fields)) {
        head->fields[head->count++] = (struct field){ name, bytes_of_text(value) };
    }
}

/* No browser may run, frame or guess anything of an answer of the API. */
static const char csp_of_data[] = "default-src 'none'; frame-ancestors 'none'";
static const char permissions[] = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()";

/* A script that sends a form can't see where a redirection leads: it is told, and goes there itself. */
static bool is_sent_by_script(const struct rest_call *call)
{
    return fields_find(&call->request->fields, BYTES("Comity-Form")) != NULL;
}

static void add_page(struct head *head, const struct rest_call *call)
{
    add(head, BYTES("Cross-Origin-Opener-Policy"), "same-origin");
    add(head, BYTES("Cross-Origin-Embedder-Policy"), "require-corp");
    add(head, BYTES("Permissions-Policy"), permissions);
    if (call->encoding != NULL) {
        add(head, BYTES("Content-Encoding"), call->encoding);
    }
    if (call->language != NULL) {
        add(head, BYTES("Content-Language"), call->language);
    }
    if ((call->route->flags & ROUTE_STATIC) != 0) {
        add(head, BYTES("Vary"), "Accept-Encoding");
    }
    if (call->location != NULL) {
        add(head, is_sent_by_script(call) ? BYTES("Comity-Location") : BYTES("Location"), call->location);
    }
}

/* What is personal is kept nowhere. */
static const char *cache_control(const struct rest_call *call)
{
    return call->is_immutable ? "public, max-age=31536000, immutable" : call->is_public ? "no-cache" : "no-store";
}

static void add_common(struct head *head, const struct rest_call *call, const char *media_type)
{
    if (media_type != NULL) {
        add(head, BYTES("Content-Type"), media_type);
    }
    add(head, BYTES("Cache-Control"), cache_control(call));
    add(head, BYTES("X-Content-Type-Options"), "nosniff");
    add(head, BYTES("Content-Security-Policy"), call->pages != NULL ? REST_PAGE_CSP : csp_of_data);
    /* Nothing to others; to ourselves, since a browser without Sec-Fetch-Site would else write `Origin: null` into our own forms. */
    add(head, BYTES("Referrer-Policy"), "same-origin");
    add(head, BYTES("Cross-Origin-Resource-Policy"), "same-origin");
    if (call->pages != NULL) {
        add_page(head, call);
    }
    for (size_t i = 0; i < call->cookie_count; i++) {
        add(head, BYTES("Set-Cookie"), call->cookies[i]);
    }
    if (call->settings->tls != NULL) {
        add(head, BYTES("Strict-Transport-Security"), "max-age=31536000");
    }
    if (call->etag[0] != '\0') {
        (void)snprintf(head->etag, sizeof head->etag, "\"%s\"", call->etag);
        add(head, BYTES("ETag"), head->etag);
    }
    if (call->is_replay) {
        add(head, BYTES("Idempotency-Replayed"), "true");
    }
}

static void answer_failure(struct rest_call *call)
{
    struct head head = { .count = 0 };
    unsigned status = rest_call_status(call, &call->e);
    bool is_page = call->raw != NULL;
    call->etag[0] = '\0';
    call->is_public = false;
    call->is_immutable = false;
    call->encoding = is_page ? call->encoding : NULL;
    add_common(&head, call, is_page ? call->media_type : "application/problem+json");
    if (status == 405) {
        route_allow(call->match.methods, head.allow, sizeof head.allow);
        add(&head, BYTES("Allow"), head.allow);
    }
    if (status == 401) {
        add(&head, BYTES("WWW-Authenticate"), call->authenticate == NULL ? "Bearer realm=\"comity\"" : call->authenticate);
    }
    if (status == 503 || status == 429 || strcmp(rest_call_reason(call, &call->e), "request.under_way") == 0) {
        add(&head, BYTES("Retry-After"), "5");
    }
    struct body *body = is_page ? call->raw : problem_body(status, rest_call_reason(call, &call->e), &call->e);
    const struct server_answer answer = {
        .status = body == NULL ? 500 : status, .fields = head.fields, .field_count = head.count, .body = body
    };
    server_answer(call->request, &answer);
    rest_count_answer(answer.status);
}

static void answer_success(struct rest_call *call)
{
    struct head head = { .count = 0 };
    bool is_read = strcmp(call->route->method, "GET") == 0;
    struct bytes known = field_value(call, BYTES("If-None-Match"));
    unsigned status = call->status;
    if (is_read && status == 200 && call->etag[0] != '\0' && known.size > 0 && has_tag(known, call->etag, true)) {
        status = 304;
        body_free(call->raw);
        call->raw = NULL;
    }
    status = call->location != NULL && is_sent_by_script(call) ? 204 : status;
    add_common(&head, call, call->raw == NULL ? NULL : call->media_type != NULL ? call->media_type : "application/json");
    if (call->file_name != NULL) {
        (void)snprintf(head.disposition, sizeof head.disposition, "attachment; filename=\"%s\"", call->file_name);
        add(&head, BYTES("Content-Disposition"), head.disposition);
    }
    const struct server_answer answer = { .status = status, .fields = head.fields, .field_count = head.count, .body = call->raw };
    server_answer(call->request, &answer);
    rest_count_answer(status);
}

static void answer_live(struct rest_call *call)
{
    struct head head = { .count = 0 };
    add_common(&head, call, "text/event-stream; charset=utf-8");
    const struct server_answer answer = { .status = 200, .fields = head.fields, .field_count = head.count };
    live_join(call->rest->live, call->request, &answer, (unsigned)call->limit);
    rest_count_answer(200);
}

void rest_call_done(struct work *work)
{
    struct rest_call *call = (struct rest_call *)work;
    if (call->e.kind == ERROR_NONE && (call->route->flags & ROUTE_LIVE) != 0) {
        answer_live(call);
    } else if (call->e.kind == ERROR_NONE) {
        answer_success(call);
    } else {
        answer_failure(call);
    }
    rest_settings_release(call->settings);
    arena_clear(&call->arena);
    free(call);
}
