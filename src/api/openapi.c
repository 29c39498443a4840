/* The OpenAPI 3.1 document: made from the table of routes and the schemas, so that it can't say anything else than what is done. */
#include <stdio.h>

#include "api/answer.h"
#include "api/rest_internal.h"

static json_t *ref(const char *kind, const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

static bool add(json_t *list, json_t *value)
{
    return value != NULL && json_array_append_new(list, value) == 0;
}

/* ---- Parameters ---- */

static json_t *query_parameter(struct bytes name, bool is_required)
{
    return json_pack("{s:s%, s:s, s:b, s:{s:s, s:i}}", "name", (const char *)name.data, name.size, "in", "query", "required", is_required,
                     "schema", "type", "string", "maxLength", 512);
}

static bool add_queries(json_t *list, const struct rest_route *route)
{
    struct bytes rest = bytes_of_text(route->queries), word;
    while (route->queries != NULL && bytes_split(&rest, ' ', &word)) {
        bool is_required = bytes_end_with(word, BYTES("!"));
        if (!add(list, query_parameter(bytes_slice(word, 0, word.size - is_required), is_required))) {
            return false;
        }
    }
    return true;
}

static bool add_path_parameters(json_t *list, const char *path)
{
    struct bytes rest = bytes_of_text(path), segment;
    while (bytes_split(&rest, '/', &segment)) {
        if (segment.size < 3 || segment.data[0] != '{') {
            continue;
        }
        if (!add(list, json_pack("{s:s%, s:s, s:b, s:{s:s, s:i, s:i}}", "name", (const char *)segment.data + 1, segment.size - 2, "in",
                                 "path", "required", 1, "schema", "type", "string", "minLength", 1, "maxLength", 512))) {
            return false;
        }
    }
    return true;
}

static json_t *parameters_of(const struct rest_route *route)
{
    json_t *list = json_array();
    bool is_about_somebody = route->resource == RESOURCE_CONSENT || route->resource == RESOURCE_USE || route->resource == RESOURCE_PERSON ||
                             route->resource == RESOURCE_RIGHT;
    bool is_govstack = (route->flags & ROUTE_GOVSTACK) != 0;
    bool ok = list != NULL && add_path_parameters(list, route->path) && add_queries(list, route);
    if ((route->flags & ROUTE_OFFSET) != 0) {
        ok = ok && add(list, ref("parameters", "Offset")) && add(list, ref("parameters", "Limit"));
    }
    if ((route->flags & ROUTE_CURSOR) != 0) {
        ok = ok && add(list, ref("parameters", "Cursor")) && add(list, ref("parameters", "Limit"));
    }
    if (is_about_somebody) {
        ok = ok && add(list, ref("parameters", is_govstack ? "IndividualId" : "Person"));
        ok = ok && (is_govstack || add(list, ref("parameters", "Guardianship")));
    }
    if (strcmp(route->method, "GET") != 0) {
        ok = ok && add(list, ref("parameters", "IdempotencyKey"));
    }
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

/* ---- Operations ---- */

static json_t *json_content(const char *schema)
{
    return json_pack("{s:{s:o}}", "application/json", "schema", ref("schemas", schema));
}

static json_t *responses_of(const struct rest_route *route)
{
    char status[8];
    (void)snprintf(status, sizeof status, "%u", route->status);
    json_t *done = (route->flags & ROUTE_LIVE) != 0
                       ? json_pack("{s:s, s:{s:{s:{s:s}}}}", "description",
                                   "Events `figures`, each with Figures as its data; at most 600, then come again", "content",
                                   "text/event-stream", "schema", "type", "string")
                   : route->answer == NULL
                       ? json_pack("{s:s}", "description", answer_status_title(route->status))
                       : json_pack("{s:s, s:o}", "description", answer_status_title(route->status), "content", json_content(route->answer));
    json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o}", status, done, "400", ref("responses", "Problem"), "401",
                            ref("responses", "Problem"), "403", ref("responses", "Problem"), "5XX", ref("responses", "Problem"));
    bool is_folded = (route->flags & ROUTE_GOVSTACK) != 0;
    if (all != NULL && !is_folded && json_object_set_new(all, "4XX", ref("responses", "Problem")) != 0) {
        json_decref(all);
        all = NULL;
    }
    return all;
}

static const char *tag_of(const struct rest_route *route)
{
    return (route->flags & ROUTE_GOVSTACK) != 0 ? "govstack" : resource_name(route->resource);
}

/* What of the table of access concerns this operation: role -> how far. */
static json_t *access_json(const struct rest_route *route)
{
    json_t *all = json_object();
    for (unsigned role = 0; role < ROLE_COUNT && all != NULL; role++) {
        enum access access = access_of((enum role)role, route->resource, route->verb);
        if (access != ACCESS_NO && json_object_set_new(all, role_name((enum role)role), json_string(access_name(access))) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

static json_t *operation_of(const struct rest_route *route)
{
    bool is_public = access_of(ROLE_ANONYMOUS, route->resource, route->verb) != ACCESS_NO;
    json_t *made = json_pack("{s:s, s:s, s:[s], s:s, s:s, s:o, s:o, s:o}", "operationId", route->id, "summary", route->summary, "tags",
                             tag_of(route), "x-comity-resource", resource_name(route->resource), "x-comity-verb", verb_name(route->verb),
                             "x-comity-access", access_json(route), "parameters", parameters_of(route), "responses", responses_of(route));
    bool ok = made != NULL;
    if (ok && route->body != NULL) {
        ok = json_object_set_new(made, "requestBody", json_pack("{s:b, s:o}", "required", 1, "content", json_content(route->body))) == 0;
    }
    if (ok && is_public) {
        ok = json_object_set_new(made, "security", json_array()) == 0;
    }
    if (!ok) {
        json_decref(made);
        made = NULL;
    }
    return made;
}

static bool add_route(json_t *paths, const struct rest_route *route)
{
    char method[8];
    json_t *path = json_object_get(paths, route->path);
    if (path == NULL) {
        path = json_object();
        if (path == NULL || json_object_set_new(paths, route->path, path) != 0) {
            return false;
        }
    }
    size_t size = strlen(route->method);
    for (size_t i = 0; i <= size && i < sizeof method; i++) {
        method[i] = route->method[i] >= 'A' && route->method[i] <= 'Z' ? (char)(route->method[i] | 0x20) : route->method[i];
    }
    return json_object_set_new(path, method, operation_of(route)) == 0;
}

/* ---- The rest ---- */

static json_t *parameter(const char *name, const char *in, const char *description, json_t *schema)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "name", name, "in", in, "description", description, "schema", schema);
}

static json_t *components(const struct schemas *schemas)
{
    json_t *parameters = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "Offset",
        parameter("offset", "query", "How many to pass over", json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0, "default", 0)),
        "Limit",
        parameter("limit", "query", "How many at most",
                  json_pack("{s:s, s:i, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", 1000, "default", (int)API_PAGE_DEFAULT)),
        "Cursor", parameter("cursor", "query", "`next` of the page before", json_pack("{s:s, s:i}", "type", "string", "maxLength", 512)),
        "Person",
        parameter("Comity-Person", "header", "Staff only: the holder's identifier of the person; the person sees that it was asked",
                  json_pack("{s:s, s:i}", "type", "string", "maxLength", (int)PERSON_BYTES_MAX)),
        "Guardianship",
        parameter("Comity-Guardianship", "header", "Persons only: the guardianship by which one acts for another",
                  json_pack("{s:s, s:i}", "type", "string", "maxLength", 64)),
        "IndividualId",
        parameter("X-ConsentBB-IndividualId", "header", "The individual; a person's own session needs none",
                  json_pack("{s:s, s:i}", "type", "string", "maxLength", (int)PERSON_BYTES_MAX)),
        "IdempotencyKey",
        parameter("Idempotency-Key", "header", "A random text: a request that repeats it gets the first one's answer",
                  json_pack("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 128)));
    json_t *problem = json_pack("{s:s, s:{s:{s:o}}}", "description", "Refused; `reason` says why", "content", "application/problem+json",
                                "schema", ref("schemas", "Problem"));
    json_t *security = json_pack("{s:{s:s, s:s, s:s}, s:{s:s}}", "bearer", "type", "http", "scheme", "bearer", "description",
                                 "A token of an OpenID provider that api.yaml names (persons), or one of its clients' (organisations)",
                                 "certificate", "type", "mutualTLS");
    return json_pack("{s:O, s:o, s:{s:o}, s:o}", "schemas", schemas_json(schemas), "parameters", parameters, "responses", "Problem",
                     problem, "securitySchemes", security);
}

static json_t *tags(void)
{
    json_t *list = json_array();
    bool ok = list != NULL &&
              add(list, json_pack("{s:s, s:s}", "name", "govstack", "description", "GovStack's Consent building block 1.1"));
    for (unsigned resource = 0; resource < RESOURCE_COUNT && ok; resource++) {
        ok = add(list, json_pack("{s:s}", "name", resource_name((enum resource)resource)));
    }
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

bool openapi_write(const struct schemas *schemas, struct buffer *out, struct error *e)
{
    json_t *paths = json_object();
    bool ok = paths != NULL;
    for (size_t i = 0; i < rest_route_count && ok; i++) {
        ok = add_route(paths, &rest_routes[i]);
    }
    json_t *document = json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s, s:s}], s:[{s:[]}, {s:[]}], s:o, s:o, s:o}", "openapi",
                                 "3.1.0", "info", "title", "Comity", "version", COMITY_VERSION, "description",
                                 "Consents, uses and rights of persons at one gateway: for persons, organisations and auditors.", "license",
                                 "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/", "description", "This gateway",
                                 "security", "bearer", "certificate", "tags", tags(), "paths", paths, "components", components(schemas));
    ok = ok && document != NULL && answer_append_json(out, document, JSON_COMPACT);
    json_decref(document);
    return ok || error_memory(e, "openapi");
}
