#include "policy/policy_text_internal.h"

#include <stdlib.h>

/* ---- Sets of lines: what is in only one of them changed ---- */

/* The entries of one list of a service, each written as a person would say it. Lines are views into `text`. */
struct lines {
    struct buffer text;
    struct bytes list[POLICY_FIELDS_MAX];
    size_t count;
};
struct difference {
    struct buffer *out;
    struct lines before, after;
};

static void end_line(struct lines *lines, size_t start)
{
    /* The text may move while it grows: only sizes are kept until it is whole. */
    lines->list[lines->count++] = (struct bytes){ NULL, lines->text.size - start };
}

static void settle(struct lines *lines)
{
    size_t at = 0;
    for (size_t i = 0; i < lines->count && !lines->text.failed; i++) {
        lines->list[i].data = lines->text.data + at;
        at += lines->list[i].size;
    }
}

static void restart(struct lines *lines)
{
    buffer_reset(&lines->text);
    lines->count = 0;
}

static bool has_line(const struct lines *lines, struct bytes line)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (bytes_equal(lines->list[i], line)) {
            return true;
        }
    }
    return false;
}

static void write_line(struct buffer *out, const char *sign, const char *kind, struct bytes id, struct bytes detail)
{
    buffer_append_text(out, sign);
    buffer_append_text(out, kind);
    buffer_append(out, id);
    if (detail.size > 0) {
        buffer_append_text(out, ": ");
        buffer_append(out, detail);
    }
    buffer_append_u8(out, '\n');
}

static void write_changes(struct difference *d, const char *kind, struct bytes id)
{
    settle(&d->before);
    settle(&d->after);
    if (d->before.text.failed || d->after.text.failed) {
        d->out->failed = true;
        return;
    }
    for (size_t i = 0; i < d->before.count; i++) {
        if (!has_line(&d->after, d->before.list[i])) {
            write_line(d->out, "- ", kind, id, d->before.list[i]);
        }
    }
    for (size_t i = 0; i < d->after.count; i++) {
        if (!has_line(&d->before, d->after.list[i])) {
            write_line(d->out, "+ ", kind, id, d->after.list[i]);
        }
    }
    restart(&d->before);
    restart(&d->after);
}

/* ---- The lists of a service; `service` may be NULL: then they are empty ---- */

typedef void list_lines(struct lines *lines, const struct policy *policy, const struct policy_service *service);

static void list_rights(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    (void)policy;
    for (size_t i = 0; i < service->right_count; i++) {
        const struct policy_right *right = &service->rights[i];
        size_t start = lines->text.size;
        buffer_append_format(&lines->text, "%.*s %.*s %.*s", BYTES_FMT(right->subject), BYTES_FMT(right->method), BYTES_FMT(right->path));
        end_line(lines, start);
    }
}

static void list_purposes(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    (void)policy;
    for (size_t i = 0; i < service->purpose_count; i++) {
        size_t start = lines->text.size;
        iri_shorten(service->purposes[i], &lines->text);
        end_line(lines, start);
    }
}

static void list_releases(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    for (size_t i = 0; i < service->release_count; i++) {
        const struct policy_release *release = &service->releases[i];
        size_t start = lines->text.size;
        iri_shorten(policy->categories[release->category].iri, &lines->text);
        buffer_append_format(&lines->text, " on %s", law_basis_word(release->basis));
        if (release->law_ref.size > 0) {
            buffer_append_format(&lines->text, " (%.*s)", BYTES_FMT(release->law_ref));
        }
        end_line(lines, start);
    }
}

static void list_fields(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    for (size_t i = 0; i < service->field_count; i++) {
        const struct policy_field *field = &service->fields[i];
        size_t start = lines->text.size;
        buffer_append(&lines->text, field->path_text);
        buffer_append_text(&lines->text, " is ");
        if (field->category == POLICY_STRUCTURE) {
            buffer_append_text(&lines->text, "structure");
        } else {
            iri_shorten(policy->categories[field->category].iri, &lines->text);
        }
        end_line(lines, start);
    }
}

static void list_endpoints(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    (void)policy;
    for (size_t i = 0; i < service->endpoint_count; i++) {
        size_t start = lines->text.size;
        buffer_append_format(&lines->text, "%.*s %.*s", BYTES_FMT(service->endpoints[i].method), BYTES_FMT(service->endpoints[i].path));
        end_line(lines, start);
    }
}

static const struct {
    const char *kind;
    list_lines *list;
} lists[] = {
    { "purpose ", list_purposes }, { "release ", list_releases },   { "field ", list_fields },
    { "right ", list_rights },     { "endpoint ", list_endpoints },
};

/* ---- Services ---- */

/* Adds ", name" (or the first without the comma) when something differs. */
static void note(struct buffer *names, bool differs, const char *name)
{
    if (differs) {
        buffer_append_text(names, names->size == 0 ? "" : ", ");
        buffer_append_text(names, name);
    }
}

static void compare_services(struct difference *d, const struct policy_service *a, const struct policy_service *b)
{
    struct buffer names;
    buffer_init(&names, 1024);
    note(&names, a->type != b->type, "type");
    note(&names, a->evidence != b->evidence, "evidence");
    note(&names, !bytes_equal(a->url, b->url), "url");
    note(&names, a->verify_tls != b->verify_tls, "verify_tls");
    note(&names, !bytes_equal(a->trusted_path, b->trusted_path), "trusted");
    note(&names, !bytes_equal(a->openapi_url, b->openapi_url), "openapi");
    note(&names, a->timeout_ms != b->timeout_ms, "timeout");
    note(&names, a->is_disabled != b->is_disabled || !bytes_equal(a->disabled_notice, b->disabled_notice), "disabled");
    note(&names,
         a->person_place != b->person_place || !bytes_equal(a->person_name, b->person_name) ||
             !bytes_equal(a->person_template, b->person_template),
         "person");
    note(&names, !bytes_equal(a->default_purpose, b->default_purpose), "default_purpose");
    if (names.size > 0) {
        write_line(d->out, "~ ", "service ", b->id, buffer_bytes(&names));
    }
    d->out->failed = d->out->failed || names.failed;
    buffer_clear(&names);
}

static void write_services(struct difference *d, const struct policy *from, const struct policy *to)
{
    for (size_t i = 0; i < from->service_count; i++) {
        if (policy_find_service(to, &from->services[i].parts) == NULL) {
            write_line(d->out, "- ", "service ", from->services[i].id, BYTES_NONE);
        }
    }
    for (size_t i = 0; i < to->service_count; i++) {
        const struct policy_service *after = &to->services[i], *before = policy_find_service(from, &after->parts);
        if (before == NULL) {
            write_line(d->out, "+ ", "service ", after->id, after->url);
        } else {
            compare_services(d, before, after);
        }
        for (size_t j = 0; j < COUNT_OF(lists); j++) {
            if (before != NULL) {
                lists[j].list(&d->before, from, before);
            }
            lists[j].list(&d->after, to, after);
            write_changes(d, lists[j].kind, after->id);
        }
    }
}

/* ---- Clients ---- */

static bool same_digests(const uint8_t (*a)[SHA256_SIZE], size_t a_count, const uint8_t (*b)[SHA256_SIZE], size_t b_count)
{
    return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * sizeof *a) == 0);
}

static void write_clients(struct difference *d, const struct policy *from, const struct policy *to)
{
    for (size_t i = 0; i < from->client_count; i++) {
        if (policy_find_client(to, &from->clients[i].parts) == NULL) {
            write_line(d->out, "- ", "client ", from->clients[i].subsystem, BYTES_NONE);
        }
    }
    for (size_t i = 0; i < to->client_count; i++) {
        const struct policy_client *b = &to->clients[i], *a = policy_find_client(from, &b->parts);
        struct buffer names;
        if (a == NULL) {
            write_line(d->out, "+ ", "client ", b->subsystem, bytes_of_text(policy_connection_word(b->connection)));
            continue;
        }
        buffer_init(&names, 256);
        note(&names, a->connection != b->connection, "connection");
        note(&names,
             !same_digests((const uint8_t(*)[SHA256_SIZE])a->certificates, a->certificate_count,
                           (const uint8_t(*)[SHA256_SIZE])b->certificates, b->certificate_count),
             "certificates");
        note(&names,
             !same_digests((const uint8_t(*)[SHA256_SIZE])a->tokens, a->token_count, (const uint8_t(*)[SHA256_SIZE])b->tokens,
                           b->token_count),
             "tokens");
        if (names.size > 0) {
            write_line(d->out, "~ ", "client ", b->subsystem, buffer_bytes(&names));
        }
        d->out->failed = d->out->failed || names.failed;
        buffer_clear(&names);
    }
}

/* ---- Calls ---- */

static void write_call(struct difference *d, const char *sign, const struct policy_call *call)
{
    buffer_append_format(d->out, "%scall %.*s: evidence %s\n", sign, BYTES_FMT(call->service), policy_evidence_word(call->evidence));
}

static void write_calls(struct difference *d, const struct policy *from, const struct policy *to)
{
    for (size_t i = 0; i < from->call_count; i++) {
        if (policy_find_call(to, &from->calls[i].parts) == NULL) {
            write_line(d->out, "- ", "call ", from->calls[i].service, BYTES_NONE);
        }
    }
    for (size_t i = 0; i < to->call_count; i++) {
        const struct policy_call *before = policy_find_call(from, &to->calls[i].parts);
        if (before == NULL || before->evidence != to->calls[i].evidence) {
            write_call(d, before == NULL ? "+ " : "~ ", &to->calls[i]);
        }
    }
}

/* ---- Categories ---- */

static const struct policy_category *find_category(const struct policy *policy, struct bytes iri)
{
    for (size_t i = 0; i < policy->category_count; i++) {
        if (bytes_equal(policy->categories[i].iri, iri)) {
            return &policy->categories[i];
        }
    }
    return NULL;
}

static void write_category(struct difference *d, const char *sign, const struct policy_category *category)
{
    buffer_append_text(d->out, sign);
    buffer_append_text(d->out, "category ");
    iri_shorten(category->iri, d->out);
    buffer_append_text(d->out, category->is_sensitive ? ": sensitive\n" : ": ordinary\n");
}

static void write_categories(struct difference *d, const struct policy *from, const struct policy *to)
{
    for (size_t i = 0; i < from->category_count; i++) {
        if (find_category(to, from->categories[i].iri) == NULL) {
            write_category(d, "- ", &from->categories[i]);
        }
    }
    for (size_t i = 0; i < to->category_count; i++) {
        const struct policy_category *before = find_category(from, to->categories[i].iri);
        if (before == NULL || before->is_sensitive != to->categories[i].is_sensitive) {
            write_category(d, before == NULL ? "+ " : "~ ", &to->categories[i]);
        }
    }
}

bool policy_difference(const struct policy *from, const struct policy *to, struct buffer *out, struct error *e)
{
    static const struct policy nothing = { .reference_count = 1 };
    struct difference *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_memory(e, "policy");
    }
    d->out = out;
    buffer_init(&d->before.text, (size_t)64 * 1024 * 1024);
    buffer_init(&d->after.text, (size_t)64 * 1024 * 1024);
    from = from != NULL ? from : &nothing;
    write_categories(d, from, to);
    write_clients(d, from, to);
    write_services(d, from, to);
    write_calls(d, from, to);
    buffer_clear(&d->before.text);
    buffer_clear(&d->after.text);
    free(d);
    return out->failed ? error_memory(e, "policy") : true;
}
