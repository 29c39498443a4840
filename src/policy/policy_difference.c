#include "policy/policy_text_internal.h"

#include <stdlib.h>

#include "base/time.h"

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

static void append_transform(struct lines *lines, const struct policy *policy, const struct policy_transform *transform)
{
    if (transform == NULL) {
        return;
    }
    const struct transform *how = &transform->how;
    buffer_append_format(&lines->text, ", %s", transform_word(how->kind));
    if (how->kind == TRANSFORM_MASK) {
        buffer_append_format(&lines->text, " but first %d and last %d", how->first, how->last);
    }
    if (how->kind == TRANSFORM_COARSEN_PLACE) {
        buffer_append_format(&lines->text, " to %d %s", how->places, how->is_geohash ? "letters" : "decimals");
    }
    for (size_t i = 0; i < how->band_count; i++) {
        buffer_append_format(&lines->text, "%s%d", i == 0 ? " " : "/", how->bands[i]);
    }
    if (transform->as != POLICY_STRUCTURE) {
        buffer_append_text(&lines->text, " as ");
        iri_shorten(policy->categories[transform->as].iri, &lines->text);
    }
}

static void list_releases(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    for (size_t i = 0; i < service->release_count; i++) {
        const struct policy_release *release = &service->releases[i];
        size_t start = lines->text.size;
        iri_shorten(policy->categories[release->category].iri, &lines->text);
        buffer_append_format(&lines->text, " on %s", law_basis_word(release->basis));
        if (release->also_bases != 0) {
            buffer_append_text(&lines->text, " or vital");
        }
        if (release->ref.size > 0) {
            buffer_append_format(&lines->text, " by %.*s", BYTES_FMT(release->ref));
        }
        if (release->law_ref.size > 0) {
            buffer_append_format(&lines->text, " (%.*s)", BYTES_FMT(release->law_ref));
        }
        append_transform(lines, policy, release->transform);
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
        append_transform(lines, policy, field->transform);
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

static void list_ids(struct lines *lines, const struct bytes *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t start = lines->text.size;
        buffer_append(&lines->text, ids[i]);
        end_line(lines, start);
    }
}

static void list_notices(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    (void)policy;
    list_ids(lines, service->notices, service->notice_count);
}

/* Only those that the service names: else they are the policy's. */
static void list_instruments(struct lines *lines, const struct policy *policy, const struct policy_service *service)
{
    for (size_t i = 0; service->instruments != policy->instruments && i < service->instrument_count; i++) {
        list_ids(lines, &service->instruments[i].id, 1);
    }
}

static const struct {
    const char *kind;
    list_lines *list;
} lists[] = {
    { "purpose ", list_purposes },   { "release ", list_releases }, { "field ", list_fields },           { "right ", list_rights },
    { "endpoint ", list_endpoints }, { "notice ", list_notices },   { "instrument ", list_instruments },
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

static bool same_document(const struct policy_document *a, const struct policy_document *b)
{
    return bytes_equal(a->ref, b->ref) && a->from_ms == b->from_ms && a->until_ms == b->until_ms;
}

static bool same_harvest(const struct policy_harvest *a, const struct policy_harvest *b)
{
    return a->persons == b->persons && a->per_ms == b->per_ms && a->burst == b->burst;
}

static bool same_conditions(const struct policy_conditions *a, const struct policy_conditions *b)
{
    return a->has_life == b->has_life && period_equal(a->life, b->life) && a->is_never_onward == b->is_never_onward;
}

static void note_law(struct buffer *names, const struct policy_service *a, const struct policy_service *b)
{
    note(names, !same_document(&a->dpia, &b->dpia), "dpia");
    note(names, a->relation != b->relation, "relation");
    note(names, !same_document(&a->contract, &b->contract), "contract");
    note(names, !bytes_equal(a->duty, b->duty), "duty");
    note(names, a->is_automated != b->is_automated, "automated_decision");
    note(names, a->keeps_range != b->keeps_range, "data_range");
    note(names, a->disclosure != b->disclosure, "disclose_withheld");
    note(names, !same_harvest(&a->harvest, &b->harvest), "harvest");
    note(names, !same_conditions(&a->conditions, &b->conditions), "conditions");
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
    note_law(&names, a, b);
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
    buffer_append_text(d->out, category->is_sensitive ? ": sensitive" : ": ordinary");
    buffer_append_text(d->out, category->is_never ? ", never leaves\n" : "\n");
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
        if (before == NULL || before->is_sensitive != to->categories[i].is_sensitive || before->is_never != to->categories[i].is_never) {
            write_category(d, before == NULL ? "+ " : "~ ", &to->categories[i]);
        }
    }
}

/* ---- What holds for all services ---- */

static void append_time(struct buffer *out, const char *word, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    if (time_ms != INT64_MIN && time_ms != INT64_MAX) {
        buffer_append_format(out, " %s %s", word, time_text(time_ms, text));
    }
}

static void append_list(struct buffer *out, const char *word, const struct bytes *list, size_t count, bool is_iri)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(out, i == 0 ? word : ", ");
        if (is_iri) {
            iri_shorten(list[i], out);
        } else {
            buffer_append(out, list[i]);
        }
    }
}

static void list_all_instruments(struct lines *lines, const struct policy *policy)
{
    for (size_t i = 0; i < policy->instrument_count; i++) {
        const struct border_instrument *from = &policy->instruments[i];
        size_t start = lines->text.size;
        buffer_append_format(&lines->text, "%.*s, %.*s", BYTES_FMT(from->id), BYTES_FMT(from->kind));
        if (policy->instrument_refs[i].size > 0) {
            buffer_append_format(&lines->text, " (%.*s)", BYTES_FMT(policy->instrument_refs[i]));
        }
        append_list(&lines->text, " for ", from->recipients, from->recipient_count, false);
        append_list(&lines->text, ", with ", from->categories, from->category_count, true);
        append_time(&lines->text, "from", from->from_ms);
        append_time(&lines->text, "until", from->until_ms);
        if (from->max_persons != UINT64_MAX) {
            buffer_append_format(&lines->text, ", at most %llu persons", (unsigned long long)from->max_persons);
        }
        if (from->max_sensitive != UINT64_MAX) {
            buffer_append_format(&lines->text, ", at most %llu sensitive", (unsigned long long)from->max_sensitive);
        }
        buffer_append_text(&lines->text, from->is_suspended ? ", suspended" : "");
        end_line(lines, start);
    }
}

static void list_blacklist(struct lines *lines, const struct policy *policy)
{
    list_ids(lines, policy->blacklist, policy->blacklist_count);
}

static void list_authority(struct lines *lines, const struct policy *policy)
{
    for (size_t i = 0; i < policy->authority_purpose_count; i++) {
        size_t start = lines->text.size;
        buffer_append_text(&lines->text, "purpose ");
        iri_shorten(policy->authority_purposes[i], &lines->text);
        end_line(lines, start);
    }
}

static void list_approvals(struct lines *lines, const struct policy *policy)
{
    for (size_t i = 0; i < policy->approval_count; i++) {
        const struct policy_approval *from = &policy->approvals[i];
        size_t start = lines->text.size;
        buffer_append_format(&lines->text, "approval %.*s for %.*s", BYTES_FMT(from->document.ref), BYTES_FMT(from->recipient));
        append_list(&lines->text, " to ", &from->purpose, from->purpose.size > 0 ? 1 : 0, true);
        append_time(&lines->text, "from", from->document.from_ms);
        append_time(&lines->text, "until", from->document.until_ms);
        end_line(lines, start);
    }
}

static void list_years(struct lines *lines, const struct policy *policy)
{
    for (size_t i = 0; i < policy->year_count; i++) {
        const struct policy_year *from = &policy->years[i];
        size_t start = lines->text.size;
        buffer_append_format(&lines->text, "%u: %llu persons, %llu sensitive", from->year, (unsigned long long)from->persons,
                             (unsigned long long)from->sensitive);
        end_line(lines, start);
    }
}

static void list_harvest(struct lines *lines, const struct policy *policy)
{
    const struct policy_harvest *from = &policy->harvest;
    size_t start = lines->text.size;
    if (from->per_ms > 0) {
        buffer_append_format(&lines->text, "%llu persons in %lld ms, burst %u", (unsigned long long)from->persons, (long long)from->per_ms,
                             from->burst);
        end_line(lines, start);
    }
}

static void list_vital(struct lines *lines, const struct policy *policy)
{
    size_t start = lines->text.size;
    buffer_append_format(&lines->text, "%sreview within %lld ms", policy->is_vital_confirmed ? "confirmed, " : "",
                         (long long)policy->vital_review_ms);
    end_line(lines, start);
}

static void write_whole(struct difference *d, const struct policy *from, const struct policy *to)
{
    static const struct {
        const char *kind;
        void (*list)(struct lines *lines, const struct policy *policy);
    } all[] = {
        { "instrument", list_all_instruments },
        { "blacklist", list_blacklist },
        { "foreign_authority", list_authority },
        { "foreign_authority", list_approvals },
        { "base_count", list_years },
        { "harvest", list_harvest },
        { "vital", list_vital },
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        all[i].list(&d->before, from);
        all[i].list(&d->after, to);
        write_changes(d, all[i].kind, BYTES_NONE);
    }
}

bool policy_difference(const struct policy *from, const struct policy *to, struct buffer *out, struct error *e)
{
    static const struct policy nothing = { .reference_count = 1, .vital_review_ms = POLICY_VITAL_REVIEW_MS };
    struct difference *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_memory(e, "policy");
    }
    d->out = out;
    buffer_init(&d->before.text, (size_t)64 * 1024 * 1024);
    buffer_init(&d->after.text, (size_t)64 * 1024 * 1024);
    from = from != NULL ? from : &nothing;
    write_whole(d, from, to);
    write_categories(d, from, to);
    write_clients(d, from, to);
    write_services(d, from, to);
    write_calls(d, from, to);
    buffer_clear(&d->before.text);
    buffer_clear(&d->after.text);
    free(d);
    return out->failed ? error_memory(e, "policy") : true;
}
