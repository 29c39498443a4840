/* X-Road's metadata services (reference: X-Road REST 1.7): who there is, what each offers, and its description. */
#include "gateway/exchange_internal.h"

#include "base/encode.h"
#include "base/time.h"
#include "gateway/openapi_internal.h"

enum { METADATA_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- listClients ---- */

static void json_pair(struct buffer *out, const char *name, struct bytes value, const char *after)
{
    buffer_append_format(out, "\"%s\":\"", name);
    json_escape(out, value);
    buffer_append_format(out, "\"%s", after);
}

static void client_json(struct buffer *out, const struct directory *d, const struct directory_member *m,
                        const struct directory_subsystem *s)
{
    buffer_append_text(out, "{\"id\":{");
    json_pair(out, "member_class", m->class_code, ",");
    json_pair(out, "member_code", m->code, ",");
    if (s != NULL) {
        json_pair(out, "subsystem_code", s->code, ",");
    }
    json_pair(out, "object_type", s == NULL ? BYTES("MEMBER") : BYTES("SUBSYSTEM"), ",");
    json_pair(out, "xroad_instance", d->community, "},");
    json_pair(out, "name", m->name, "");
    if (s != NULL && s->name.size > 0) {
        buffer_append_u8(out, ',');
        json_pair(out, "subsystem_name", s->name, "");
    }
    buffer_append_u8(out, '}');
}

static void xml_element(struct buffer *out, const char *name, struct bytes value)
{
    buffer_append_format(out, "<%s>", name);
    xml_escape(out, value);
    buffer_append_format(out, "</%s>", name);
}

static void client_xml(struct buffer *out, const struct directory *d, const struct directory_member *m, const struct directory_subsystem *s)
{
    buffer_append_format(out, "<xrd:member><xrd:id id:objectType=\"%s\">", s == NULL ? "MEMBER" : "SUBSYSTEM");
    xml_element(out, "id:xRoadInstance", d->community);
    xml_element(out, "id:memberClass", m->class_code);
    xml_element(out, "id:memberCode", m->code);
    if (s != NULL) {
        xml_element(out, "id:subsystemCode", s->code);
    }
    buffer_append_text(out, "</xrd:id>");
    xml_element(out, "xrd:name", m->name);
    if (s != NULL && s->name.size > 0) {
        xml_element(out, "xrd:subsystemName", s->name);
    }
    buffer_append_text(out, "</xrd:member>");
}

static void write_clients(struct buffer *out, const struct directory *d, bool is_json)
{
    bool is_first = true;
    buffer_append_text(out, is_json
                                ? "{\"member\":["
                                : "<?xml version=\"1.0\" encoding=\"UTF-8\"?><xrd:clientList xmlns:xrd=\"http://x-road.eu/xsd/xroad.xsd\" "
                                  "xmlns:id=\"http://x-road.eu/xsd/identifiers\">");
    for (size_t i = 0; d != NULL && i < d->member_count; i++) {
        const struct directory_member *m = &d->members[i];
        for (size_t j = 0; j <= m->subsystem_count; j++) {
            const struct directory_subsystem *s = j == 0 ? NULL : &m->subsystems[j - 1];
            if (is_json) {
                buffer_append_text(out, is_first ? "" : ",");
                client_json(out, d, m, s);
            } else {
                client_xml(out, d, m, s);
            }
            is_first = false;
        }
    }
    buffer_append_text(out, is_json ? "]}" : "</xrd:clientList>");
}

/* The value of a query parameter, percent-decoded; false when it is absent. */
static bool query_value(struct bytes query, struct bytes name, struct arena *arena, struct bytes *value)
{
    struct bytes rest = query.size == 0 ? BYTES_NONE : query;
    struct bytes pair;
    while (bytes_split(&rest, '&', &pair)) {
        size_t equals = bytes_find(pair, '=');
        if (bytes_equal(bytes_slice(pair, 0, equals), name)) {
            struct bytes raw = bytes_slice(pair, equals + 1, pair.size);
            uint8_t *decoded = arena_take(arena, raw.size + 1);
            size_t size = 0;
            if (decoded == NULL || !percent_decode(raw, decoded, &size)) {
                return false;
            }
            *value = bytes_of(decoded, size);
            return true;
        }
    }
    return false;
}

static bool wants_json(struct bytes accept)
{
    struct bytes rest = accept;
    struct bytes item;
    while (bytes_split(&rest, ',', &item)) {
        if (bytes_equal_ignoring_case(bytes_trim(bytes_slice(item, 0, bytes_find(item, ';'))), BYTES("application/json"))) {
            return true;
        }
    }
    return false;
}

bool metadata_list_clients(struct worker *worker, struct server_request *request)
{
    size_t mark = bytes_find(request->target, '?');
    if (!bytes_equal(request->method, BYTES("GET")) || !bytes_equal(bytes_slice(request->target, 0, mark), BYTES("/listClients"))) {
        return false;
    }
    struct buffer out;
    struct bytes community = worker->gateway->config->member.parts[0];
    struct bytes accept = fields_join(request->fields.list, request->fields.count, BYTES("Accept"), &request->arena);
    bool is_json = wants_json(accept);
    buffer_init(&out, METADATA_BYTES_MAX);
    /* Absent leaves our own community. */
    (void)query_value(bytes_slice(request->target, mark + 1, request->target.size), BYTES("xRoadInstance"), &request->arena, &community);
    write_clients(&out, world_find_community(worker->snapshot->world, community, time_now_ms()), is_json);
    const struct field type = { BYTES("Content-Type"),
                                is_json ? BYTES("application/json; charset=utf-8") : BYTES("text/xml; charset=utf-8") };
    struct server_answer answer = {
        .status = 200, .fields = &type, .field_count = 1, .body = out.failed ? NULL : body_of(buffer_bytes(&out))
    };
    if (answer.body == NULL) {
        answer = (struct server_answer){ .status = 503 };
    }
    buffer_clear(&out);
    worker->ways->answer(worker->outside, request, &answer);
    return true;
}

/* ---- listMethods, allowedMethods, getOpenAPI ---- */

static bool is_code(const struct exchange *x, const char *code)
{
    return bytes_equal(x->parts.service.parts[4], bytes_of_text(code));
}

bool metadata_is_service(const struct exchange *x)
{
    return decide_is_metadata(&x->parts.service, x->request->method);
}

static bool is_in_subsystem(const struct exchange *x, const struct policy_service *service)
{
    struct identifier subsystem = x->parts.service;
    subsystem.part_count = 4;
    return identifier_is_within(&service->parts, &subsystem);
}

/* One that lacks the law's impact assessment answers nobody, and is not offered (PIPL 55). */
static bool is_published(const struct exchange *x, const struct policy_service *service)
{
    const struct law *rules = x->snapshot->rules;
    return decide_published(service, x->snapshot->policy, rules, time_now_ms()) == REASON_NONE;
}

static bool has_any_right(const struct policy_service *service, const struct identifier *client)
{
    struct buffer text;
    bool has = false;
    for (size_t parts = 3; parts <= client->part_count && !has; parts++) {
        buffer_init(&text, 8192);
        identifier_append_parts(&text, client, parts);
        for (size_t i = 0; i < service->right_count && !has; i++) {
            has = !text.failed && bytes_equal(service->rights[i].subject, buffer_bytes(&text));
        }
        buffer_clear(&text);
    }
    return has;
}

static void write_service(struct exchange *x, const struct policy_service *service, bool only_allowed, struct buffer *out)
{
    bool is_first = true;
    buffer_append_u8(out, '{');
    json_pair(out, "member_class", service->parts.parts[1], ",");
    json_pair(out, "member_code", service->parts.parts[2], ",");
    json_pair(out, "object_type", BYTES("SERVICE"), ",");
    json_pair(out, "service_code", service->parts.parts[4], ",");
    json_pair(out, "service_type", service->type == SERVICE_OPENAPI ? BYTES("OPENAPI") : BYTES("REST"), ",");
    json_pair(out, "subsystem_code", service->parts.parts[3], ",");
    json_pair(out, "xroad_instance", service->parts.parts[0], ",");
    buffer_append_text(out, "\"endpoint_list\":[");
    for (size_t i = 0; i < service->endpoint_count; i++) {
        const struct policy_endpoint *endpoint = &service->endpoints[i];
        if (only_allowed && !policy_allows(service, &x->client, endpoint->method, endpoint->path)) {
            continue;
        }
        buffer_append_text(out, is_first ? "{" : ",{");
        json_pair(out, "method", endpoint->method, ",");
        json_pair(out, "path", endpoint->path, "}");
        is_first = false;
    }
    buffer_append_text(out, "]}");
}

static enum verdict answer_bytes(struct exchange *x, struct buffer *out, struct bytes content_type)
{
    x->answer_status = 200;
    x->answer_fields = (struct fields){ 0 };
    x->answer_body = out->failed ? NULL : body_of(buffer_bytes(out));
    bool ok = x->answer_body != NULL && fields_add(&x->answer_fields, x->arena, BYTES("content-type"), content_type);
    buffer_clear(out);
    return ok ? GO_ON : exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
}

static enum verdict answer_methods(struct exchange *x, bool only_allowed)
{
    const struct policy *policy = x->snapshot->policy;
    struct buffer out;
    bool is_first = true;
    buffer_init(&out, METADATA_BYTES_MAX);
    buffer_append_text(&out, "{\"service\":[");
    for (size_t i = 0; i < policy->service_count; i++) {
        const struct policy_service *service = &policy->services[i];
        if (service->type == SERVICE_SOAP || !is_in_subsystem(x, service) || !is_published(x, service) ||
            (only_allowed && !has_any_right(service, &x->client))) {
            continue;
        }
        buffer_append_text(&out, is_first ? "" : ",");
        write_service(x, service, only_allowed, &out);
        is_first = false;
    }
    buffer_append_text(&out, "]}");
    return answer_bytes(x, &out, BYTES("application/json"));
}

static void description_came(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct exchange *x = context;
    (void)e; /* where the holder keeps its description is its own business; the consumer gets the reason */
    x->call = NULL;
    x->reply = answer;
    x->failure = failure;
    x->is_answered = true;
    x->pending--;
    exchange_run(x);
}

/* Finds the service that ?serviceCode= names, and asks for its description. */
static enum verdict ask_description(struct exchange *x)
{
    struct error e;
    struct bytes code = BYTES_NONE;
    struct identifier id = x->parts.service;
    if (!query_value(x->parts.query, BYTES("serviceCode"), x->arena, &code) || code.size == 0) {
        return exchange_refuse(x, REASON_METADATA_REQUEST, "send ?serviceCode=");
    }
    id.parts[4] = code;
    const struct policy_service *service = policy_find_service(x->snapshot->policy, &id);
    if (service == NULL || service->type != SERVICE_OPENAPI || service->openapi_url.size == 0) {
        return exchange_refuse(x, REASON_METADATA_SOURCE, "no such service, or it has no OpenAPI description");
    }
    struct service_url url;
    if (!service_url_split(service->openapi_url, &url)) {
        return exchange_refuse(x, REASON_METADATA_SOURCE, NULL);
    }
    struct tls *tls = url.is_tls ? snapshot_service_tls(x->snapshot, service) : NULL;
    struct bytes address = service_url_address(&url, x->arena);
    if ((url.is_tls && tls == NULL) || address.data == NULL) {
        return exchange_refuse(x, REASON_METADATA_SOURCE, NULL);
    }
    const struct client_target where = {
        .protocol = PROTOCOL_HTTP1, .addresses = &address, .address_count = 1, .tls = tls, .server_name = url.host
    };
    const struct client_request request = {
        .method = BYTES("GET"),
        .target = url.base.size == 0 ? BYTES("/") : url.base,
        .authority = url.authority,
        .read_stall_ms = service->timeout_ms,
        .answer_bytes_max = OPENAPI_BYTES_MAX,
    };
    x->service = service;
    x->is_called = true;
    x->pending++;
    if (!x->worker->ways->call(x->worker->outside, &x->call, &where, &request, description_came, x, &e)) {
        x->pending--;
        return exchange_refuse_error(x, REASON_GATEWAY_BUSY, &e);
    }
    return WAIT;
}

static bool is_json_source(struct bytes type, struct bytes url)
{
    struct bytes media = bytes_trim(bytes_slice(type, 0, bytes_find(type, ';')));
    if (bytes_equal_ignoring_case(media, BYTES("application/json"))) {
        return true;
    }
    return !bytes_equal_ignoring_case(media, BYTES("application/x-yaml")) && bytes_end_with(url, BYTES(".json"));
}

static enum verdict answer_description(struct exchange *x)
{
    struct error e;
    struct buffer text, out;
    size_t got = 0;
    if (x->failure != CLIENT_FAILURE_NONE || x->reply->status != 200) {
        return exchange_refuse(x, REASON_METADATA_SOURCE, NULL);
    }
    const struct field *type = fields_find_last(&x->reply->fields, BYTES("Content-Type"));
    size_t size = (size_t)body_size(x->reply->body);
    buffer_init(&text, OPENAPI_BYTES_MAX);
    buffer_init(&out, METADATA_BYTES_MAX);
    uint8_t *room = buffer_room(&text, size + 1);
    bool ok = room != NULL && body_read(x->reply->body, 0, room, size, &got, &e);
    if (ok) {
        buffer_added(&text, got);
        ok = is_json_source(type == NULL ? BYTES("") : type->value, x->service->openapi_url)
                 ? openapi_rewrite_json(buffer_bytes(&text), &out, &e)
                 : openapi_rewrite_yaml(buffer_bytes(&text), &out, &e);
    }
    buffer_clear(&text);
    if (!ok) {
        buffer_clear(&out);
        return exchange_refuse(x, REASON_METADATA_SOURCE, "the description is no JSON or YAML that can be read");
    }
    return answer_bytes(x, &out, type == NULL ? BYTES("text/yaml") : type->value);
}

enum verdict metadata_answer(struct exchange *x)
{
    if (is_code(x, "getOpenAPI")) {
        if (!x->is_called) {
            return ask_description(x);
        }
        return x->is_answered ? answer_description(x) : WAIT;
    }
    return answer_methods(x, is_code(x, "allowedMethods"));
}
