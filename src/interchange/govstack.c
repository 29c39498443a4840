#include "interchange/govstack.h"

#include <stdio.h>

#include "interchange/json_make.h"

/* Reference consent-standards 1.4. */
const char *govstack_state(enum consent_state state)
{
    return state == CONSENT_REQUESTED || state == CONSENT_DEFERRED || state == CONSENT_NONE ? "unsigned" : "signed";
}

bool govstack_opt_in(enum consent_state state)
{
    return state == CONSENT_GIVEN;
}

/* Its six bases; what has no word of its own there is nearest to one of them. */
static const char *lawful_basis(enum law_basis basis)
{
    switch (basis) {
    case BASIS_CONSENT:
        return "consent";
    case BASIS_CONTRACT:
        return "contract";
    case BASIS_STATUTORY_DUTY:
    case BASIS_OTHER_LAW:
        return "legal_obligation";
    case BASIS_VITAL:
        return "vital_interest";
    case BASIS_NEWS:
    case BASIS_PUBLIC_DATA:
    case BASIS_PUBLIC_INTEREST:
        return "public_task";
    case BASIS_LEGITIMATE_INTEREST:
        return "legitimate_interest";
    case BASIS_COUNT:
        break;
    }
    return "consent";
}

json_t *govstack_policy_json(const struct govstack_policy *policy)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", policy->id);
    json_make_bytes(&m, "name", policy->name);
    json_make_bytes(&m, "version", policy->version);
    json_make_bytes(&m, "url", policy->url);
    json_make_bytes_if_any(&m, "jurisdiction", policy->jurisdiction);
    json_make_bytes_if_any(&m, "industrySector", policy->industry_sector);
    if (policy->retention_days > 0) {
        json_make_number(&m, "dataRetentionPeriodDays", policy->retention_days);
    }
    json_make_bytes_if_any(&m, "geographicRestriction", policy->geographic_restriction);
    json_make_bytes_if_any(&m, "storageLocation", policy->storage_location);
    return json_made(&m);
}

/* What stands behind the last '#' or '/': a name for people where there is no text. */
static struct bytes last_part(struct bytes iri)
{
    size_t at = iri.size;
    while (at > 0 && iri.data[at - 1] != '#' && iri.data[at - 1] != '/') {
        at--;
    }
    return bytes_slice(iri, at, iri.size);
}

static json_t *attribute_of(const struct notice *notice, size_t index, struct bytes language)
{
    const struct notice_category *category = &notice->categories[index];
    struct bytes why = notice_texts_find(&category->necessity, language);
    char id[NOTICE_ID_SIZE_MAX + 32];
    (void)snprintf(id, sizeof id, "%.*s-%u-%zu", BYTES_FMT(notice->id), (unsigned)notice->revision, index + 1);
    struct json_maker comity = json_make();
    json_make_text(&comity, "necessity", category->is_required ? "required" : "optional");
    json_make_bytes_if_any(&comity, "necessityText", why);
    json_make_bytes_if_any(&comity, "impactText", notice_texts_find(&category->impact, language));
    struct json_maker m = json_make();
    json_make_text(&m, "id", id);
    json_make_bytes(&m, "name", last_part(category->iri));
    json_make_text(&m, "sensitivity", category->is_sensitive ? "sensitive" : "ordinary");
    json_make_bytes(&m, "category", category->iri);
    json_make_value(&m, "comity", json_made(&comity));
    return json_made(&m);
}

json_t *govstack_attributes_of_notice(const struct notice *notice, struct bytes language)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < notice->category_count; i++) {
        if (!json_list_add(list, attribute_of(notice, i, language))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *controller_of(const struct notice_party *holder, struct bytes language)
{
    struct bytes name = notice_texts_find(&holder->name, language);
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", holder->member);
    json_make_bytes(&m, "name", name.size > 0 ? name : holder->member);
    json_make_bytes(&m, "url", holder->url);
    return json_made(&m);
}

static json_t *comity_of_notice(const struct notice *notice)
{
    struct json_maker m = json_make();
    json_make_digest(&m, "sha256", notice->digest);
    json_make_value(&m, "notice", json_loadb((const char *)notice->text.data, notice->text.size, JSON_REJECT_DUPLICATES, NULL));
    return json_made(&m);
}

json_t *govstack_agreement_of_notice(const struct notice *notice, const struct govstack_policy *policy, struct bytes language)
{
    bool is_complete = notice->lifecycle == NOTICE_COMPLETE;
    struct bytes purpose = notice_texts_find(&notice->purpose_text, language);
    char version[16];
    (void)snprintf(version, sizeof version, "%u", (unsigned)notice->revision);
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", notice->id);
    json_make_text(&m, "version", version);
    json_make_value(&m, "controller", controller_of(&notice->holder, language));
    if (policy != NULL) {
        json_make_value(&m, "policy", govstack_policy_json(policy));
    }
    json_make_bytes(&m, "purpose", purpose.size > 0 ? purpose : notice->purpose);
    json_make_text(&m, "lawfulBasis", lawful_basis(notice->basis));
    json_make_text(&m, "dataUse", "data_source"); /* the holder's gateway speaks: it is where the data come from */
    json_make_bytes(&m, "dpia", notice->dpia_ref);
    json_make_bool(&m, "active", is_complete && notice->is_active);
    json_make_bool(&m, "forgettable", false);
    json_make_value(&m, "lifecycle", json_pack("{s:s, s:s}", "id", is_complete ? "2" : "1", "name", is_complete ? "Complete" : "Draft"));
    json_make_value(&m, "dataAttributes", govstack_attributes_of_notice(notice, language));
    json_make_value(&m, "comity", comity_of_notice(notice));
    return json_made(&m);
}

static json_t *individual_of(const struct consent_document *document)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", document->person);
    json_make_bytes(&m, "externalId", document->person);
    json_make_bytes_if_any(&m, "externalIdType", document->person_id_type);
    json_make_bytes_if_any(&m, "identityProviderId", document->person_idp);
    return json_made(&m);
}

bool govstack_record_of_document(const struct consent_document *document, const json_t *agreement, const struct govstack_revision *revision,
                                 json_t **out, struct error *e)
{
    json_t *comity = NULL;
    *out = NULL;
    if (!consent_document_write(document, &comity, e)) {
        return false;
    }
    struct json_maker m = json_make();
    json_make_bytes(&m, "id", document->id);
    if (agreement != NULL) {
        json_make_value(&m, "dataAgreement", json_deep_copy(agreement));
    }
    if (revision != NULL) {
        json_make_value(&m, "dataAgreementRevision", govstack_revision_json(revision));
    }
    json_make_text(&m, "dataAgreementRevisionHash", revision != NULL ? revision->sha1 : "");
    json_make_value(&m, "individual", individual_of(document));
    json_make_bool(&m, "optIn", govstack_opt_in(document->state));
    json_make_text(&m, "state", govstack_state(document->state));
    json_make_value(&m, "comity", comity);
    *out = json_made(&m);
    return *out != NULL || error_memory(e, "consent record");
}
