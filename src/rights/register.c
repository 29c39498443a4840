#include "rights/register.h"

#include "base/encode.h"
#include "base/time.h"

static json_t *text(struct bytes view)
{
    return view.size == 0 || !bytes_are_utf8(view) ? json_null() : json_stringn((const char *)view.data, view.size);
}

static json_t *short_iri(struct bytes iri)
{
    struct buffer out;
    buffer_init(&out, IRI_SIZE_MAX);
    iri_shorten(iri, &out);
    json_t *value = out.failed ? text(iri) : text(buffer_bytes(&out));
    buffer_clear(&out);
    return value;
}

static json_t *time_of(int64_t time_ms)
{
    char out[TIME_TEXT_SIZE];
    return time_ms == 0 || time_ms == INT64_MAX ? json_null() : json_string(time_text(time_ms, out));
}

static json_t *document(const struct policy_document *d)
{
    return d->ref.size == 0
               ? json_null()
               : json_pack("{s:o, s:o, s:o}", "reference", text(d->ref), "from", time_of(d->from_ms), "until", time_of(d->until_ms));
}

static json_t *categories_of(const struct policy *policy, const struct policy_service *service, const struct law *law)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < service->release_count; i++) {
        const struct policy_release *release = &service->releases[i];
        const struct policy_category *category = &policy->categories[release->category];
        json_t *row = json_pack("{s:o, s:b, s:s, s:o, s:b, s:o}", "category", short_iri(category->iri), "sensitive",
                                category->is_sensitive || law_is_sensitive(law, category->iri), "basis", law_basis_word(release->basis),
                                "law_ref", text(release->law_ref), "in_emergencies",
                                (release->also_bases & LAW_BASIS_BIT(BASIS_VITAL)) != 0, "reference", text(release->ref));
        if (row == NULL || json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *recipients_of(const struct policy_service *service)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < service->right_count; i++) {
        const struct policy_right *right = &service->rights[i];
        json_t *row = json_pack("{s:o, s:o, s:o}", "subject", text(right->subject), "method", text(right->method), "path",
                                text(right->path));
        if (row == NULL || json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *purposes_of(const struct policy_service *service)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < service->purpose_count; i++) {
        if (json_array_append_new(list, short_iri(service->purposes[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *service_row(const struct policy *policy, const struct policy_service *service, const struct law *law)
{
    static const char *const relations[] = { [RELATION_PROVIDE] = "provide", [RELATION_ENTRUST] = "entrust", [RELATION_JOINT] = "joint" };
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:b, s:s}", "service", text(service->id), "about_persons",
                     service->person_place != PERSON_NONE, "purposes", purposes_of(service), "categories",
                     categories_of(policy, service, law), "recipients", recipients_of(service), "relation", relations[service->relation],
                     "contract", document(&service->contract), "assessment", document(&service->dpia), "duty", text(service->duty),
                     "automated", service->is_automated, "evidence", service->evidence == EVIDENCE_INDIVIDUAL ? "individual" : "batch");
}

static json_t *period_or_null(const struct law_period *period)
{
    char out[PERIOD_TEXT_SIZE];
    return period->is_set ? json_string(period_text(period->value, out)) : json_null();
}

static json_t *retention_of(const struct law *law)
{
    json_t *all = json_object();
    for (size_t i = 0; all != NULL && i < LAW_RECORD_COUNT; i++) {
        const struct law_retention *r = &law->retention[i];
        json_t *row = json_pack("{s:o, s:o, s:s%}", "least", period_or_null(&r->least), "longest", period_or_null(&r->longest), "article",
                                (const char *)r->least.source.article.data, r->least.source.article.size);
        if (row == NULL || json_object_set_new(all, law_record_word((enum law_record)i), row) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

json_t *register_make(const struct policy *policy, const struct law *law)
{
    char digest[2 * SHA256_SIZE + 1];
    json_t *services = json_array();
    hex_write(bytes_of(policy->digest, SHA256_SIZE), digest);
    for (size_t i = 0; services != NULL && i < policy->service_count; i++) {
        json_t *row = service_row(policy, &policy->services[i], law);
        if (row == NULL || json_array_append_new(services, row) != 0) {
            json_decref(services);
            return NULL;
        }
    }
    return services == NULL ? NULL
                            : json_pack("{s:o, s:s, s:o, s:o}", "law", text(law->id), "policy", digest, "services", services, "retention",
                                        retention_of(law));
}
