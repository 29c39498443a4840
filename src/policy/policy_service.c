#include "policy/policy_parse_internal.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"
#include "policy/glob.h"
#include "policy/json_path.h"
#include "policy/release_plan_internal.h"

enum { TIMEOUT_DEFAULT_MS = 60 * 1000, TIMEOUT_MAX_MS = 60 * 60 * 1000 };

/* ---- URLs ---- */

static bool is_host(struct bytes host)
{
    bool is_v6 = bytes_start_with(host, BYTES("[")) && bytes_end_with(host, BYTES("]"));
    for (size_t i = is_v6 ? 1 : 0; i < host.size - (is_v6 ? 1 : 0); i++) {
        uint8_t byte = host.data[i], lower = byte | 0x20;
        bool is_plain = (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '.' || byte == '-' || byte == '_';
        if (is_v6 ? !(is_plain || byte == ':') : !is_plain) {
            return false;
        }
    }
    return host.size > (is_v6 ? 2 : 0);
}

/* http or https, a host, maybe a port, maybe a path; a query only where it is allowed. No user, no fragment. */
static bool is_url(struct bytes url, bool may_have_query)
{
    struct bytes rest = bytes_slice(url, bytes_find(url, ':') + 3, url.size);
    if (!bytes_start_with(url, BYTES("http://")) && !bytes_start_with(url, BYTES("https://"))) {
        return false;
    }
    size_t path_at = bytes_find(rest, '/'), query_at = bytes_find(rest, '?');
    struct bytes authority = bytes_slice(rest, 0, path_at < query_at ? path_at : query_at), host = authority;
    size_t colon = authority.size;
    while (colon > 0 && authority.data[colon - 1] != ':' && authority.data[colon - 1] != ']') {
        colon--;
    }
    if (colon > 0 && authority.data[colon - 1] == ':') {
        uint64_t port = 0;
        if (!bytes_to_u64(bytes_slice(authority, colon, authority.size), &port) || port == 0 || port > 65535) {
            return false;
        }
        host = bytes_slice(authority, 0, colon - 1);
    }
    for (size_t i = authority.size; i < rest.size; i++) {
        uint8_t byte = rest.data[i];
        if (!is_pchar(byte) && byte != '/' && byte != '%' && !(may_have_query && byte == '?')) {
            return false;
        }
    }
    return is_host(host);
}

static bool take_url(struct policy_parser *p, const char *text, const char *place, bool may_have_query, struct bytes *out)
{
    if (!parser_copy(p, text, out)) {
        return false;
    }
    if (out->size > 0 && !is_url(*out, may_have_query)) {
        return parser_refuse(p, place,
                             may_have_query ? "write http:// or https://, a host, and a path"
                                            : "write http:// or https://, a host, and a path; no query, no user",
                             "'%s' is not a URL that can be called", text);
    }
    return true;
}

/* ---- Where the service is ---- */

static bool take_tls(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    bool is_https = bytes_start_with(to->url, BYTES("https://"));
    const char *place = parser_at(p, "services[%zu].%s", index, from->trusted != NULL ? "trusted" : "verify_tls");
    if (!is_https && (from->trusted != NULL || from->verify_tls != NULL)) {
        return parser_refuse(p, place, "take it out, or write https:// in 'url'", "'verify_tls' and 'trusted' are for services on https");
    }
    to->verify_tls = is_https && (from->verify_tls == NULL || *from->verify_tls);
    if (!is_https || !to->verify_tls) {
        return from->trusted == NULL ? true : parser_refuse(p, place, NULL, "'trusted' has no meaning with 'verify_tls: false'");
    }
    if (from->trusted == NULL) {
        return parser_refuse(p, parser_at(p, "services[%zu].url", index), "name a PEM file in 'trusted', or write verify_tls: false",
                             "it isn't said which certificates the service may have");
    }
    struct error cause = { 0 };
    uint8_t(*digests)[SHA256_SIZE] = NULL;
    size_t count = 0;
    if (!parser_file(p, from->trusted, &to->trusted_path)) {
        return false;
    }
    return certificate_digests((const char *)to->trusted_path.data, &p->policy->arena, &digests, &count, &cause)
               ? true
               : parser_refuse_because(p, place, from->trusted, &cause);
}

static bool take_timeout(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    int64_t duration = TIMEOUT_DEFAULT_MS;
    if (from->timeout != NULL && (!duration_parse(bytes_of_text(from->timeout), &duration) || duration < 1 || duration > TIMEOUT_MAX_MS)) {
        return parser_refuse(p, parser_at(p, "services[%zu].timeout", index), "write such as 500ms, 60s or 2m; from 1ms to 1h",
                             "'%s' is not a timeout", from->timeout);
    }
    to->timeout_ms = (uint32_t)duration;
    return true;
}

static bool take_address(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    to->type = from->type;
    if (!take_url(p, from->url, parser_at(p, "services[%zu].url", index), false, &to->url) || !take_tls(p, from, index, to) ||
        !take_timeout(p, from, index, to) ||
        !take_url(p, from->openapi, parser_at(p, "services[%zu].openapi", index), true, &to->openapi_url)) {
        return false;
    }
    if ((to->type == SERVICE_OPENAPI) != (to->openapi_url.size > 0)) {
        return parser_refuse(p, parser_at(p, "services[%zu].%s", index, to->type == SERVICE_OPENAPI ? "type" : "openapi"),
                             "'type: openapi' and 'openapi: URL' go together", "a service of type %s %s", policy_type_word(to->type),
                             to->type == SERVICE_OPENAPI ? "needs the URL of its description" : "has no description");
    }
    to->is_disabled = from->disabled != NULL;
    return parser_copy(p, from->disabled, &to->disabled_notice);
}

static bool take_id(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    static const struct bytes taken[] = { BYTES("listMethods"), BYTES("allowedMethods"), BYTES("getOpenAPI") };
    const char *place = parser_at(p, "services[%zu].id", index);
    struct error cause = { 0 };
    if (!parser_identifier(p, from->id, 5, 5, place, &to->parts, &to->id)) {
        return false;
    }
    if (!identifier_check_new(&to->parts, NULL, &cause)) {
        return parser_refuse_because(p, place, from->id, &cause);
    }
    if (!identifier_is_within(&to->parts, p->owner)) {
        return parser_refuse(p, place, "begin it with the member's own identifier", "'%s' is not a service of this gateway's member",
                             from->id);
    }
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        if (bytes_equal(to->parts.parts[4], taken[i])) {
            return parser_refuse(p, place, "choose another name", "'%s' is a metadata service that every subsystem has", from->id);
        }
    }
    return true;
}

/* ---- What for ---- */

static bool take_purpose(struct policy_parser *p, const char *text, const char *place, struct bytes *out)
{
    if (!parser_iri(p, text, place, out)) {
        return false;
    }
    /* China's Cybersecurity Law 44 and 46 among others: no basis makes it lawful, so no policy can name it. */
    if (bytes_equal(*out, BYTES("https://w3id.org/dpv#SellDataToThirdParties"))) {
        return parser_refuse(p, place, "take it out", "the purpose '%s' can never be allowed", text);
    }
    return true;
}

static bool take_purposes(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (!parser_take(p, from->purposes_count, sizeof *to->purposes, &list)) {
        return false;
    }
    to->purposes = list;
    for (size_t i = 0; i < from->purposes_count; i++) {
        const char *place = parser_at(p, "services[%zu].purposes[%zu]", index, i);
        if (!take_purpose(p, from->purposes[i], place, &to->purposes[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(to->purposes[i], to->purposes[j])) {
                return parser_refuse(p, place, "keep one of them", "the purpose '%s' is there twice", from->purposes[i]);
            }
        }
        to->purpose_count++;
    }
    if (from->default_purpose == NULL) {
        return true;
    }
    const char *place = parser_at(p, "services[%zu].default_purpose", index);
    if (!take_purpose(p, from->default_purpose, place, &to->default_purpose)) {
        return false;
    }
    for (size_t i = 0; i < to->purpose_count; i++) {
        if (bytes_equal(to->default_purpose, to->purposes[i])) {
            return true;
        }
    }
    return parser_refuse(p, place, "add it there", "the default purpose '%s' is not one of 'purposes'", from->default_purpose);
}

/* ---- What leaves, and on which basis ---- */

static bool needs_law_ref(enum law_basis basis)
{
    return basis == BASIS_STATUTORY_DUTY || basis == BASIS_NEWS || basis == BASIS_PUBLIC_INTEREST || basis == BASIS_OTHER_LAW;
}

static bool take_release(struct policy_parser *p, const struct text_release *from, size_t index, size_t i, struct policy_service *to)
{
    struct policy_release *release = &to->releases[i];
    if (!parser_category(p, from->category, parser_at(p, "services[%zu].releases[%zu].category", index, i), &release->category) ||
        !parser_copy(p, from->law_ref, &release->law_ref)) {
        return false;
    }
    if (!parser_copy(p, from->ref, &release->ref)) {
        return false;
    }
    release->basis = from->basis;
    for (size_t j = 0; j < from->also_count; j++) {
        const char *place = parser_at(p, "services[%zu].releases[%zu].also[%zu]", index, i, j);
        if (from->also[j] != BASIS_VITAL) {
            return parser_refuse(p, place, "write also: [vital]", "a request can claim 'vital' only, not '%s'",
                                 law_basis_word(from->also[j]));
        }
        if (release->law_ref.size == 0) {
            return parser_refuse(p, place, "add law_ref: the law and its article", "'also: [vital]' needs a 'law_ref'");
        }
        release->also_bases |= LAW_BASIS_BIT(from->also[j]);
    }
    for (size_t j = 0; j < i; j++) {
        if (to->releases[j].category == release->category) {
            return parser_refuse(p, p->place, "keep one of them", "the category '%s' is released twice", from->category);
        }
    }
    /* Whether the law lets it is asked where the law is known: policy_check() and decide(). */
    if (release->basis != BASIS_CONSENT && p->policy->categories[release->category].is_sensitive && release->law_ref.size == 0) {
        return parser_refuse(p, parser_at(p, "services[%zu].releases[%zu].basis", index, i),
                             "write basis: consent, or add law_ref: the law that allows it",
                             "the sensitive category '%s' can leave on consent only, not on '%s'", from->category,
                             law_basis_word(release->basis));
    }
    if (needs_law_ref(release->basis) && release->law_ref.size == 0) {
        return parser_refuse(p, parser_at(p, "services[%zu].releases[%zu].basis", index, i), "add law_ref: the law and its article",
                             "the basis '%s' needs a 'law_ref'", law_basis_word(release->basis));
    }
    return parser_transform(p, from->transform, parser_at(p, "services[%zu].releases[%zu]", index, i), release->category,
                            &release->transform);
}

static bool take_releases(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (!parser_take(p, from->releases_count, sizeof *to->releases, &list)) {
        return false;
    }
    to->releases = list;
    for (size_t i = 0; i < from->releases_count; i++) {
        if (!take_release(p, &from->releases[i], index, i, to)) {
            return false;
        }
        to->release_count++;
    }
    return true;
}

static bool is_released(const struct policy_service *service, size_t category)
{
    for (size_t i = 0; i < service->release_count; i++) {
        if (service->releases[i].category == category) {
            return true;
        }
    }
    return false;
}

static bool take_field(struct policy_parser *p, const struct text_field *from, size_t index, size_t i, struct policy_service *to)
{
    struct policy_field *field = &to->fields[i];
    struct error cause = { 0 };
    if (!json_path_parse(&field->path, bytes_of_text(from->path), &p->policy->arena, p->file, &cause)) {
        return parser_refuse_because(p, parser_at(p, "services[%zu].fields[%zu].path", index, i), from->path, &cause);
    }
    if (!parser_copy(p, from->path, &field->path_text)) {
        return false;
    }
    field->category = POLICY_STRUCTURE;
    if (strcmp(from->category, "structure") != 0) {
        const char *place = parser_at(p, "services[%zu].fields[%zu].category", index, i);
        if (!parser_category(p, from->category, place, &field->category)) {
            return false;
        }
        if (!is_released(to, field->category)) {
            return parser_refuse(p, place, "add it to 'releases', with its basis", "the category '%s' is not released by this service",
                                 from->category);
        }
    }
    for (size_t j = 0; j < i; j++) {
        if (to->fields[j].category == field->category && bytes_equal(to->fields[j].path_text, field->path_text)) {
            return parser_refuse(p, parser_at(p, "services[%zu].fields[%zu].path", index, i), "keep one of them",
                                 "the field '%s' is there twice", from->path);
        }
    }
    return parser_transform(p, from->transform, parser_at(p, "services[%zu].fields[%zu]", index, i), field->category, &field->transform);
}

static bool take_fields(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    bool is_placed[POLICY_RELEASES_MAX] = { false };
    void *list = NULL;
    if (!parser_take(p, from->fields_count, sizeof *to->fields, &list)) {
        return false;
    }
    to->fields = list;
    for (size_t i = 0; i < from->fields_count; i++) {
        if (!take_field(p, &from->fields[i], index, i, to)) {
            return false;
        }
        to->field_count++;
        for (size_t j = 0; j < to->release_count; j++) {
            is_placed[j] = is_placed[j] || to->releases[j].category == to->fields[i].category;
        }
    }
    for (size_t j = 0; j < to->release_count; j++) {
        if (!is_placed[j] && !parser_is_made(to, to->releases[j].category)) {
            return parser_refuse(p, parser_at(p, "services[%zu].releases[%zu].category", index, j),
                                 "add a field with this category, or take it out", "no field says where '%s' stands in the answers",
                                 from->releases[j].category);
        }
    }
    return true;
}

/* ---- Who may ---- */

static bool take_method(struct policy_parser *p, const char *text, const char *place, struct bytes *out)
{
    static const struct bytes methods[] = { BYTES("*"),      BYTES("GET"),   BYTES("HEAD"),    BYTES("POST"), BYTES("PUT"),
                                            BYTES("DELETE"), BYTES("PATCH"), BYTES("OPTIONS"), BYTES("TRACE") };
    struct bytes word = bytes_of_text(text);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (text == NULL ? i == 0 : bytes_equal_ignoring_case(word, methods[i])) {
            *out = methods[i]; /* static: outlives every policy */
            return true;
        }
    }
    return parser_refuse(p, place, "allowed: *, GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE", "'%s' is not a method", text);
}

/* A pattern that could never match anything is a mistake, and who made it should hear of it. */
static bool take_pattern(struct policy_parser *p, const char *text, const char *place, struct bytes *out)
{
    if (!parser_copy(p, text == NULL ? "**" : text, out)) {
        return false;
    }
    if (out->size > GLOB_PATTERN_SIZE_MAX) {
        return parser_refuse(p, place, NULL, "the pattern is longer than %d bytes", GLOB_PATTERN_SIZE_MAX);
    }
    if (out->data[0] != '/' && out->data[0] != '*') {
        return parser_refuse(p, place, "begin it with /, or write ** for every path", "'%s' can match no path: paths begin with '/'", text);
    }
    for (size_t i = 0; i < out->size; i++) {
        if (out->data[i] == '%' && !bytes_start_with(bytes_slice(*out, i, out->size), BYTES("%2F"))) {
            return parser_refuse(p, place, "write the letter itself; only a slash inside a segment stays encoded, as %2F",
                                 "'%s' can match no path: rights are checked on the decoded path", text);
        }
    }
    return true;
}

static bool take_right(struct policy_parser *p, const struct text_right *from, size_t index, size_t i, struct policy_service *to)
{
    struct policy_right *right = &to->rights[i];
    if (!parser_identifier(p, from->subject, 3, 4, parser_at(p, "services[%zu].rights[%zu].subject", index, i), &right->parts,
                           &right->subject) ||
        !take_method(p, from->method, parser_at(p, "services[%zu].rights[%zu].method", index, i), &right->method) ||
        !take_pattern(p, from->path, parser_at(p, "services[%zu].rights[%zu].path", index, i), &right->path)) {
        return false;
    }
    for (size_t j = 0; j < i; j++) {
        const struct policy_right *other = &to->rights[j];
        if (bytes_equal(other->subject, right->subject) && bytes_equal(other->method, right->method) &&
            bytes_equal(other->path, right->path)) {
            return parser_refuse(p, parser_at(p, "services[%zu].rights[%zu]", index, i), "keep one of them",
                                 "this right of '%s' is there twice", from->subject);
        }
    }
    return true;
}

static bool take_rights(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (!parser_take(p, from->rights_count, sizeof *to->rights, &list)) {
        return false;
    }
    to->rights = list;
    for (size_t i = 0; i < from->rights_count; i++) {
        if (!take_right(p, &from->rights[i], index, i, to)) {
            return false;
        }
        to->right_count++;
    }
    return true;
}

static bool take_endpoints(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (!parser_take(p, from->endpoints_count, sizeof *to->endpoints, &list)) {
        return false;
    }
    to->endpoints = list;
    for (size_t i = 0; i < from->endpoints_count; i++) {
        struct policy_endpoint *endpoint = &to->endpoints[i];
        if (!take_method(p, from->endpoints[i].method, parser_at(p, "services[%zu].endpoints[%zu].method", index, i), &endpoint->method) ||
            !take_pattern(p, from->endpoints[i].path, parser_at(p, "services[%zu].endpoints[%zu].path", index, i), &endpoint->path)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(to->endpoints[j].method, endpoint->method) && bytes_equal(to->endpoints[j].path, endpoint->path)) {
                return parser_refuse(p, p->place, "keep one of them", "the endpoint '%s' is there twice", from->endpoints[i].path);
            }
        }
        to->endpoint_count++;
    }
    return true;
}

/* ---- The whole ---- */

/* Nothing may look as if it were cut or asked for, where it isn't; and nothing be asked about a person of which nothing could leave. */
static bool check_person(struct policy_parser *p, const struct text_service *from, size_t index, const struct policy_service *to)
{
    const char *place = parser_at(p, "services[%zu]", index);
    if (to->person_place == PERSON_NONE) {
        if (from->releases_count > 0 || from->fields_count > 0) {
            return parser_refuse(p, parser_at(p, "services[%zu].%s", index, from->releases_count > 0 ? "releases" : "fields"),
                                 "say in 'person' where the person's identifier stands, or take them out",
                                 "a service about nobody has no 'releases' and 'fields': its answers leave whole");
        }
        return true;
    }
    if (to->purpose_count == 0) {
        return parser_refuse(p, place, "list the purposes that this service may be asked for", "a service about a person needs 'purposes'");
    }
    if (from->fields_count == 0) {
        return parser_refuse(p, place, "map places in the answers to categories; what is in no field is removed",
                             "a service about a person needs 'fields': else nothing could leave");
    }
    return true;
}

/* Made once here, so that an answer costs no compiling of paths. */
static bool take_plan(struct policy_parser *p, struct policy_service *to)
{
    struct release_plan *plan = NULL;
    if (to->person_place != PERSON_NONE && !release_plan_make(&plan, to, &p->policy->arena, p->e)) {
        return false;
    }
    to->plan = plan;
    return true;
}

bool parser_service(struct policy_parser *p, size_t index)
{
    const struct text_service *from = &p->text->services[index];
    struct policy_service *to = &p->policy->services[index];
    to->evidence = from->evidence;
    return take_id(p, from, index, to) && take_address(p, from, index, to) && parser_person(p, index) &&
           take_purposes(p, from, index, to) && check_person(p, from, index, to) && take_releases(p, from, index, to) &&
           take_fields(p, from, index, to) && parser_check_transforms(p, index) && take_rights(p, from, index, to) &&
           take_endpoints(p, from, index, to) && parser_service_law(p, index) && take_plan(p, to);
}
