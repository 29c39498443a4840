/* /v1/rules, /v1/services, /v1/explain, /v1/policy/difference: who may ask what, why something would be refused, what a file would change. */
#include <stdio.h>

#include "api/operation_explain.h"
#include "api/rest_handlers_internal.h"
#include "base/time.h"
#include "interchange/json_make.h"
#include "policy/preview.h"
#include "store/policies.h"

enum { LINES_BYTES_MAX = 4 * 1024 * 1024 };

/* ---- Pieces ---- */

static json_t *iris(const struct bytes *list, size_t count)
{
    json_t *made = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!json_list_add(made, json_from_bytes(list[i]))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *time_or_null(int64_t time_ms)
{
    return time_ms == 0 || time_ms == INT64_MAX ? json_null() : json_from_time(time_ms);
}

static json_t *document_of(const struct policy_document *document)
{
    if (document->ref.size == 0) {
        return json_null();
    }
    struct json_maker m = json_make();
    json_make_bytes(&m, "ref", document->ref);
    json_make_value(&m, "validUntil", time_or_null(document->until_ms));
    return json_made(&m);
}

/* One of an array whose rows `make` writes. NULL: memory. */
typedef json_t *make_row(const void *context, size_t i);
static json_t *rows(const void *context, size_t count, make_row *make)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!json_list_add(list, make(context, i))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* ---- Services ---- */

struct service_view {
    const struct policy *policy;
    const struct policy_service *service;
};

static json_t *right_row(const void *context, size_t i)
{
    const struct policy_right *right = &((const struct service_view *)context)->service->rights[i];
    struct json_maker m = json_make();
    json_make_bytes(&m, "subject", right->subject);
    json_make_bytes(&m, "method", right->method);
    json_make_bytes(&m, "path", right->path);
    return json_made(&m);
}

/* Where in the answers its values stand. */
static json_t *places_of(const struct service_view *view, size_t category)
{
    json_t *list = json_array();
    for (size_t i = 0; i < view->service->field_count; i++) {
        const struct policy_field *field = &view->service->fields[i];
        if (field->category == category && !json_list_add(list, json_from_bytes(field->path_text))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *release_row(const void *context, size_t i)
{
    const struct service_view *view = context;
    const struct policy_release *release = &view->service->releases[i];
    const struct policy_category *category = &view->policy->categories[release->category];
    struct json_maker m = json_make();
    json_make_bytes(&m, "category", category->iri);
    json_make_bool(&m, "sensitive", category->is_sensitive);
    json_make_bool(&m, "never", category->is_never);
    json_make_text(&m, "basis", law_basis_word(release->basis));
    json_make_bytes_or_null(&m, "lawRef", release->law_ref);
    json_make_value(&m, "places", places_of(view, release->category));
    return json_made(&m);
}

static json_t *instrument_row(const void *context, size_t i)
{
    const struct border_instrument *instrument = &((const struct border_instrument *)context)[i];
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", instrument->id);
    json_make_bytes(&m, "kind", instrument->kind);
    json_make_value(&m, "validFrom", time_or_null(instrument->from_ms));
    json_make_value(&m, "validUntil", time_or_null(instrument->until_ms));
    json_make_bool(&m, "suspended", instrument->is_suspended);
    json_make_value(&m, "recipients", iris(instrument->recipients, instrument->recipient_count));
    json_make_value(&m, "categories", iris(instrument->categories, instrument->category_count));
    return json_made(&m);
}

static json_t *service_row(const void *context, size_t i)
{
    static const char *const types[] = { [SERVICE_REST] = "rest", [SERVICE_OPENAPI] = "openapi", [SERVICE_SOAP] = "soap" };
    static const char *const places[] = {
        [PERSON_NONE] = "none", [PERSON_PATH] = "path", [PERSON_QUERY] = "query", [PERSON_HEADER] = "header", [PERSON_BODY] = "body"
    };
    const struct policy *policy = context;
    const struct policy_service *service = &policy->services[i];
    const struct service_view view = { .policy = policy, .service = service };
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", service->id);
    json_make_text(&m, "type", types[service->type]);
    json_make_bool(&m, "disabled", service->is_disabled);
    json_make_text(&m, "person", places[service->person_place]);
    json_make_value(&m, "purposes", iris(service->purposes, service->purpose_count));
    json_make_bytes_or_null(&m, "defaultPurpose", service->default_purpose);
    json_make_value(&m, "releases", rows(&view, service->release_count, release_row));
    json_make_value(&m, "rights", rows(&view, service->right_count, right_row));
    json_make_value(&m, "notices", iris(service->notices, service->notice_count));
    json_make_value(&m, "dpia", document_of(&service->dpia));
    json_make_value(&m, "contract", document_of(&service->contract));
    return json_made(&m);
}

/* The policy in force and its law, which are the caller's to drop. */
static bool take_grounds(const struct rest_call *call, struct operation_grounds *out, struct error *e)
{
    const struct operation_context *operations = &call->rest->options.operations;
    *out = operations->grounds(operations->grounds_context);
    return (out->law != NULL && out->policy != NULL) || error_set(e, ERROR_IO, "policy", "try again later", "not at hand");
}

static void drop_grounds(struct operation_grounds *grounds)
{
    law_drop(grounds->law);
    policy_drop(grounds->policy);
}

/* A page of the policy's services, in the file's order. The cursor is where the next one begins; a reload in between may shift it, which is seen in `policySha256`. */
bool handle_service_list(struct rest_call *call, struct error *e)
{
    struct operation_grounds grounds;
    uint64_t from = 0;
    char next[24];
    if (call->cursor.size > 0 && (!bytes_to_u64(call->cursor, &from) || from > POLICY_SERVICES_MAX)) {
        return rest_refuse(call, e, 400, "request.malformed", "query cursor", NULL, "is none of ours");
    }
    if (!take_grounds(call, &grounds, e)) {
        drop_grounds(&grounds);
        return false;
    }
    const struct policy *policy = grounds.policy;
    size_t start = from < policy->service_count ? (size_t)from : policy->service_count;
    size_t count = policy->service_count - start < call->limit ? policy->service_count - start : (size_t)call->limit;
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        ok = json_list_add(list, service_row(policy, start + i));
    }
    bool is_last = start + count == policy->service_count;
    (void)snprintf(next, sizeof next, "%zu", start + count);
    struct json_maker m = json_make();
    json_make_value(&m, "services", ok ? list : NULL);
    json_make_digest(&m, "policySha256", policy->digest);
    json_make_value(&m, "next", is_last ? json_null() : json_string(next));
    call->answer = json_made(&m);
    if (!ok) {
        json_decref(list);
    }
    drop_grounds(&grounds);
    return call->answer != NULL || error_memory(e, "services");
}

/* ---- Rules ---- */

static json_t *category_row(const void *context, size_t i)
{
    const struct operation_grounds *grounds = context;
    const struct policy_category *category = &grounds->policy->categories[i];
    struct json_maker m = json_make();
    json_make_bytes(&m, "iri", category->iri);
    json_make_bool(&m, "sensitive", category->is_sensitive || law_is_sensitive(grounds->law, category->iri));
    json_make_bool(&m, "never", category->is_never || law_never_releases(grounds->law, category->iri));
    return json_made(&m);
}

static json_t *client_row(const void *context, size_t i)
{
    static const char *const words[] = {
        [CONNECTION_HTTP] = "http", [CONNECTION_HTTPS_NO_AUTH] = "https_no_auth", [CONNECTION_HTTPS] = "https"
    };
    const struct policy_client *client = &((const struct policy *)context)->clients[i];
    struct json_maker m = json_make();
    json_make_bytes(&m, "subsystem", client->subsystem);
    json_make_text(&m, "connection", words[client->connection]);
    json_make_number(&m, "certificates", client->certificate_count);
    json_make_number(&m, "tokens", client->token_count);
    return json_made(&m);
}

static json_t *law_of(const struct law *law)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", law->id);
    json_make_bytes(&m, "title", law->title);
    json_make_bytes(&m, "version", law->version);
    json_make_digest(&m, "sha256", law->digest);
    json_make_bool(&m, "tightened", law->is_tightened);
    return json_made(&m);
}

/* How the files that made it came: the newest version in the store. */
static void add_version(struct rest_call *call, struct json_maker *m)
{
    struct policy_version version;
    struct buffer holder;
    struct error absent;
    buffer_init(&holder, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    bool is_there = policy_store_current(call->rest->options.store, &version, &holder, &absent);
    json_make_value(m, "version", is_there ? json_integer((json_int_t)version.version) : json_null());
    json_make_value(m, "appliedAt", is_there ? json_from_time(version.applied_at_ms) : json_null());
    json_make_value(m, "file", is_there ? json_from_bytes(version.file) : json_null());
    buffer_clear(&holder);
}

bool handle_rule_read(struct rest_call *call, struct error *e)
{
    struct operation_grounds grounds;
    if (!take_grounds(call, &grounds, e)) {
        drop_grounds(&grounds);
        return false;
    }
    const struct policy *policy = grounds.policy;
    struct json_maker m = json_make();
    json_make_value(&m, "law", law_of(grounds.law));
    json_make_digest(&m, "policySha256", policy->digest);
    add_version(call, &m);
    json_make_number(&m, "services", policy->service_count);
    json_make_value(&m, "categories", rows(&grounds, policy->category_count, category_row));
    json_make_value(&m, "clients", rows(policy, policy->client_count, client_row));
    json_make_value(&m, "instruments", rows(policy->instruments, policy->instrument_count, instrument_row));
    json_make_value(&m, "blacklist", iris(policy->blacklist, policy->blacklist_count));
    call->answer = json_made(&m);
    drop_grounds(&grounds);
    return call->answer != NULL || error_memory(e, "rules");
}

/* ---- Why? ---- */

/* With a person (Comity-Person) it shows what that person has consented to: a look, for those who may look at persons, which the person sees. */
bool handle_explain(struct rest_call *call, struct error *e)
{
    json_t *request = rest_request_of_body(call);
    if (request == NULL || json_object_del(request, "by") != 0 || !rest_set(request, "person", call->subject)) {
        json_decref(request);
        return error_memory(e, "request");
    }
    if (call->subject.size > 0 && access_for(call->principal.roles, RESOURCE_USE, VERB_READ) != ACCESS_ALL) {
        json_decref(request);
        return rest_refuse(call, e, 403, "auth.person", "header Comity-Person", "ask without naming a person",
                           "your role sees nobody's data by name");
    }
    return rest_run(call, operation_explain, request, e);
}

/* ---- What a file would change ---- */

static json_t *lines_of(const struct buffer *text)
{
    json_t *lines = json_array();
    struct bytes line, rest = buffer_bytes(text);
    bool ok = lines != NULL && !text->failed;
    while (ok && bytes_split(&rest, '\n', &line)) {
        ok = line.size == 0 || json_list_add(lines, json_from_bytes(line));
    }
    if (!ok) {
        json_decref(lines);
        return NULL;
    }
    return lines;
}

static bool preview(struct rest_call *call, struct law *base, const struct policy *current, struct buffer *difference,
                    struct buffer *warnings, struct policy **made, struct error *e)
{
    const struct rest_options *options = &call->rest->options;
    struct identifier owner;
    uint8_t *storage = arena_take(&call->arena, options->member.size + 1);
    if (storage == NULL) {
        return error_memory(e, "policy");
    }
    if (!identifier_parse(options->member, 3, 3, storage, &owner, e)) {
        return false;
    }
    const struct policy_preview with = {
        .current = current, .base = base, .owner = &owner, .folder = options->folder, .now_ms = time_now_ms()
    };
    struct bytes text = rest_json_bytes(json_object_get(call->body, "text"));
    return policy_preview(made, &with, text, "the file", difference, warnings, e);
}

bool handle_policy_difference(struct rest_call *call, struct error *e)
{
    struct operation_grounds grounds;
    struct buffer difference, warnings;
    struct policy *made = NULL;
    struct law *base = call->rest->options.law(call->rest->options.context);
    buffer_init(&difference, LINES_BYTES_MAX);
    buffer_init(&warnings, LINES_BYTES_MAX);
    bool ok = take_grounds(call, &grounds, e) && preview(call, base, grounds.policy, &difference, &warnings, &made, e);
    if (ok) {
        struct json_maker m = json_make();
        json_make_value(&m, "changes", lines_of(&difference));
        json_make_value(&m, "warnings", lines_of(&warnings));
        json_make_bool(&m, "changed", memcmp(made->digest, grounds.policy->digest, SHA256_SIZE) != 0);
        json_make_digest(&m, "sha256", made->digest);
        json_make_digest(&m, "inForceSha256", grounds.policy->digest);
        call->answer = json_made(&m);
        ok = call->answer != NULL || error_memory(e, "difference");
    }
    policy_drop(made);
    law_drop(base);
    drop_grounds(&grounds);
    buffer_clear(&difference);
    buffer_clear(&warnings);
    return ok;
}
