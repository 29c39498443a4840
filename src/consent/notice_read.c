/* Reading a notice revision: docs/formats/notices.md. Form only; what a law demands of it is notice_check.c's. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "consent/canonical_json.h"
#include "consent/json_form.h"

enum {
    NOTICE_INPUT_MAX = 4 * NOTICE_BYTES_MAX, /* white space and escapes may go */
    NOTICE_ARENA_MAX = 8 * NOTICE_INPUT_MAX,
    NOTICE_REVISION_MAX = 1000000,
    NOTICE_AGE_MAX = 150,
};

/* ---- The parts of a notice ---- */

static bool read_party(const struct json_source *s, const json_t *notice, const char *key, enum json_presence presence,
                       struct notice_party *out)
{
    static const char *const keys[] = { "member", "name", "contact", "address", "url", "country", "representative", "officer" };
    struct json_place at = json_form_inside(NULL, key);
    bool ok;
    const json_t *party = json_form_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    return ok && (party == NULL ||
                  (json_form_line(s, &at, party, "member", presence, NOTICE_MEMBER_SIZE_MAX, json_form_member_fault, &out->member) &&
                   json_form_texts(s, &at, party, "name", &out->name) &&
                   json_form_line(s, &at, party, "contact", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->contact) &&
                   json_form_line(s, &at, party, "address", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->address) &&
                   json_form_line(s, &at, party, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, json_form_url_fault, &out->url) &&
                   json_form_line(s, &at, party, "country", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, json_form_country_fault, &out->country) &&
                   json_form_texts(s, &at, party, "representative", &out->representative) &&
                   json_form_line(s, &at, party, "officer", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &out->officer)));
}

static bool read_purpose(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    static const char *const keys[] = { "iri", "text", "descends" };
    struct json_place at = json_form_inside(NULL, "purpose");
    bool ok;
    const json_t *purpose = json_form_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    return ok &&
           (purpose == NULL || (json_form_line(s, &at, purpose, "iri", presence, NOTICE_IRI_SIZE_MAX, json_form_iri_fault, &n->purpose) &&
                                json_form_texts(s, &at, purpose, "text", &n->purpose_text) &&
                                json_get_flag(s, &at, purpose, "descends", &n->purpose_descends)));
}

static bool read_basis(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    struct bytes word;
    struct json_place at = json_form_inside(NULL, "basis");
    if (!json_form_line(s, NULL, notice, "basis", presence, NOTICE_LINE_SIZE_MAX, NULL, &word) ||
        !json_form_texts(s, NULL, notice, "basisText", &n->basis_text)) {
        return false;
    }
    n->basis = BASIS_CONSENT;
    return word.size == 0 || law_basis_parse(word, &n->basis) || json_refuse(s, &at, NULL, "is no basis, such as consent");
}

static bool read_category(const struct json_source *s, const struct json_place *at, const json_t *value, struct notice_category *out)
{
    static const char *const keys[] = { "iri", "sensitive", "necessity", "necessityText", "impactText", "attributes" };
    struct bytes necessity;
    struct json_place place = json_form_inside(at, "necessity");
    if (!json_check_object(s, at, value, keys, COUNT_OF(keys)) ||
        !json_form_line(s, at, value, "iri", JSON_REQUIRED, NOTICE_IRI_SIZE_MAX, json_form_iri_fault, &out->iri) ||
        !json_get_flag(s, at, value, "sensitive", &out->is_sensitive) ||
        !json_form_line(s, at, value, "necessity", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &necessity) ||
        !json_form_texts(s, at, value, "necessityText", &out->necessity) || !json_form_texts(s, at, value, "impactText", &out->impact) ||
        !json_form_list(s, at, value, "attributes", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, NULL, &out->attributes)) {
        return false;
    }
    out->is_required = bytes_equal(necessity, BYTES("required"));
    return out->is_required || bytes_equal(necessity, BYTES("optional")) || json_refuse(s, &place, NULL, "must be required or optional");
}

static bool read_categories(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    const json_t *array;
    struct json_place at = json_form_inside(NULL, "categories");
    if (!json_get_array(s, NULL, notice, "categories", presence, presence == JSON_REQUIRED ? 1 : 0, NOTICE_CATEGORIES_MAX, &array,
                        &n->category_count)) {
        return false;
    }
    struct notice_category *categories = json_take(s, n->category_count, sizeof *categories);
    if (categories == NULL) {
        return false;
    }
    for (size_t i = 0; i < n->category_count; i++) {
        struct json_place element = { .above = &at, .index = i };
        if (!read_category(s, &element, json_array_get(array, i), &categories[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(categories[i].iri, categories[j].iri)) {
                return json_refuse(s, &element, "list it once", "is the same category as element %zu", j);
            }
        }
    }
    n->categories = categories;
    return true;
}

static bool read_use(const struct json_source *s, const json_t *notice, enum json_presence presence, struct notice *n)
{
    static const char *const keys[] = { "mode", "fetch", "frequency", "dataRange" };
    struct json_place at = json_form_inside(NULL, "use");
    bool ok;
    const json_t *use = json_form_object(s, &at, notice, presence, keys, COUNT_OF(keys), &ok);
    return ok && (use == NULL || json_form_limits(s, &at, use, &n->use));
}

static bool read_retention(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "recipientLife", "eraseAt" };
    struct json_place at = json_form_inside(NULL, "retention");
    bool ok;
    const json_t *retention = json_form_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (retention == NULL || (json_form_period(s, &at, retention, "recipientLife", &n->has_recipient_life, &n->recipient_life) &&
                                        json_form_time(s, &at, retention, "eraseAt", &n->has_erase_at, &n->erase_at_ms)));
}

static bool read_border(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "crosses", "instrument", "remedyText", "safeguardText" };
    struct json_place at = json_form_inside(NULL, "border");
    bool ok;
    const json_t *border = json_form_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok &&
           (border == NULL ||
            (json_get_flag(s, &at, border, "crosses", &n->crosses_border) &&
             json_form_line(s, &at, border, "instrument", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &n->instrument) &&
             json_form_texts(s, &at, border, "remedyText", &n->remedy) && json_form_texts(s, &at, border, "safeguardText", &n->safeguard)));
}

static bool read_minor(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "allowed", "guardianRequiredBelow", "guardianText", "childText" };
    struct json_place at = json_form_inside(NULL, "minor");
    uint64_t age = 0;
    bool ok;
    const json_t *minor = json_form_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    if (!ok || minor == NULL) {
        return ok;
    }
    ok = json_get_flag(s, &at, minor, "allowed", &n->allows_minor) &&
         json_form_number(s, &at, minor, "guardianRequiredBelow", NOTICE_AGE_MAX, &age) &&
         json_form_texts(s, &at, minor, "guardianText", &n->guardian_text) && json_form_texts(s, &at, minor, "childText", &n->child_text);
    n->guardian_below = (uint32_t)age;
    return ok;
}

static bool read_remedies(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const withdrawal_keys[] = { "url", "text" };
    static const char *const rights_keys[] = { "url", "authority" };
    struct json_place at_withdrawal = json_form_inside(NULL, "withdrawal"), at_rights = json_form_inside(NULL, "rights");
    bool ok;
    const json_t *withdrawal = json_form_object(s, &at_withdrawal, notice, JSON_NULLABLE, withdrawal_keys, COUNT_OF(withdrawal_keys), &ok);
    if (!ok || (withdrawal != NULL && !(json_form_line(s, &at_withdrawal, withdrawal, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX,
                                                       json_form_url_fault, &n->withdrawal_url) &&
                                        json_form_texts(s, &at_withdrawal, withdrawal, "text", &n->withdrawal)))) {
        return false;
    }
    const json_t *rights = json_form_object(s, &at_rights, notice, JSON_NULLABLE, rights_keys, COUNT_OF(rights_keys), &ok);
    return ok && (rights == NULL ||
                  (json_form_line(s, &at_rights, rights, "url", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, json_form_url_fault, &n->rights_url) &&
                   json_form_line(s, &at_rights, rights, "authority", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, json_form_url_fault,
                                  &n->authority_url)));
}

static bool read_dpia(const struct json_source *s, const json_t *notice, struct notice *n)
{
    static const char *const keys[] = { "ref", "date" };
    struct json_place at = json_form_inside(NULL, "dpia");
    bool ok;
    const json_t *dpia = json_form_object(s, &at, notice, JSON_NULLABLE, keys, COUNT_OF(keys), &ok);
    return ok && (dpia == NULL ||
                  (json_form_line(s, &at, dpia, "ref", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &n->dpia_ref) &&
                   json_form_line(s, &at, dpia, "date", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, json_form_date_fault, &n->dpia_date)));
}

/* What says which revision this is, and whether it is more than a draft. */
static bool read_head(const struct json_source *s, const json_t *notice, struct notice *n)
{
    struct bytes lifecycle;
    struct json_place at = json_form_inside(NULL, "lifecycle");
    uint64_t version, revision = 0;
    bool has_time;
    if (!json_get_number(s, NULL, notice, "v", 1, 1, &version) ||
        !json_form_line(s, NULL, notice, "id", JSON_REQUIRED, NOTICE_ID_SIZE_MAX, json_form_id_fault, &n->id) ||
        !json_get_number(s, NULL, notice, "revision", 1, NOTICE_REVISION_MAX, &revision) ||
        !json_form_digest(s, NULL, notice, "prevSha256", &n->has_prev, n->prev) ||
        !json_form_digest(s, NULL, notice, "equivalentTo", &n->has_equivalent, n->equivalent) ||
        !json_form_line(s, NULL, notice, "lifecycle", JSON_REQUIRED, NOTICE_LINE_SIZE_MAX, NULL, &lifecycle) ||
        !json_get_flag(s, NULL, notice, "active", &n->is_active) ||
        !json_form_time(s, NULL, notice, "publishedAt", &has_time, &n->published_at_ms) ||
        !json_form_line(s, NULL, notice, "publishedBy", JSON_NULLABLE, NOTICE_LINE_SIZE_MAX, NULL, &n->published_by)) {
        return false;
    }
    n->revision = (uint32_t)revision;
    n->lifecycle = bytes_equal(lifecycle, BYTES("complete")) ? NOTICE_COMPLETE : NOTICE_DRAFT;
    return n->lifecycle == NOTICE_COMPLETE || bytes_equal(lifecycle, BYTES("draft")) ||
           json_refuse(s, &at, NULL, "must be draft or complete");
}

static bool read_members(const struct json_source *s, const json_t *notice, struct notice *n)
{
    if (!read_head(s, notice, n)) {
        return false;
    }
    enum json_presence core = n->lifecycle == NOTICE_COMPLETE ? JSON_REQUIRED : JSON_NULLABLE;
    return json_form_line(s, NULL, notice, "law", core, LAW_ID_SIZE_MAX, json_form_id_fault, &n->law) &&
           json_form_list(s, NULL, notice, "jurisdiction", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_IRI_SIZE_MAX, json_form_iri_fault,
                          &n->jurisdictions) &&
           read_party(s, notice, "holder", core, &n->holder) && read_party(s, notice, "recipient", core, &n->recipient) &&
           read_purpose(s, notice, core, n) && read_basis(s, notice, core, n) &&
           json_form_list(s, NULL, notice, "service", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, json_form_service_fault,
                          &n->services) &&
           read_categories(s, notice, core, n) &&
           json_form_list(s, NULL, notice, "processing", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_IRI_SIZE_MAX, json_form_iri_fault,
                          &n->processing) &&
           json_form_texts(s, NULL, notice, "method", &n->method) &&
           json_get_flag(s, NULL, notice, "automatedDecision", &n->is_automated) &&
           json_form_texts(s, NULL, notice, "automatedText", &n->automated_text) &&
           json_form_list(s, NULL, notice, "onward", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_MEMBER_SIZE_MAX, json_form_member_fault,
                          &n->onward) &&
           read_use(s, notice, core, n) && read_retention(s, notice, n) &&
           json_form_list(s, NULL, notice, "storage", JSON_NULLABLE, NOTICE_LIST_MAX, NOTICE_LINE_SIZE_MAX, json_form_country_fault,
                          &n->storage) &&
           json_form_period(s, NULL, notice, "maxValidity", &n->has_max_validity, &n->max_validity) && read_border(s, notice, n) &&
           read_minor(s, notice, n) && read_remedies(s, notice, n) &&
           json_form_texts(s, NULL, notice, "refusalEffect", &n->refusal_effect) &&
           json_form_texts(s, NULL, notice, "obligationText", &n->obligation) &&
           json_form_texts(s, NULL, notice, "sourceText", &n->source) && read_dpia(s, notice, n) &&
           json_form_list(s, NULL, notice, "languages", core, NOTICE_LANGUAGES_MAX, NOTICE_LINE_SIZE_MAX, json_form_language_fault,
                          &n->languages);
}

static bool read_notice(const json_t *value, struct notice *n, struct error *e)
{
    static const char *const keys[] = {
        "v",
        "id",
        "revision",
        "prevSha256",
        "equivalentTo",
        "lifecycle",
        "active",
        "law",
        "jurisdiction",
        "holder",
        "recipient",
        "purpose",
        "basis",
        "basisText",
        "service",
        "categories",
        "processing",
        "method",
        "automatedDecision",
        "automatedText",
        "onward",
        "use",
        "retention",
        "storage",
        "maxValidity",
        "border",
        "minor",
        "withdrawal",
        "rights",
        "refusalEffect",
        "obligationText",
        "sourceText",
        "dpia",
        "languages",
        "publishedAt",
        "publishedBy",
    };
    const struct json_source s = { .memory = &n->arena, .where = "notice", .e = e, .writes_pointers = true };
    struct buffer text;
    if (!json_check_object(&s, NULL, value, keys, COUNT_OF(keys)) || !read_members(&s, value, n)) {
        return false;
    }
    buffer_init(&text, NOTICE_BYTES_MAX);
    bool ok = canonical_json_write(value, "notice", &text, e);
    if (ok) {
        n->text = arena_copy(&n->arena, buffer_bytes(&text));
        ok = n->text.data != NULL || error_memory(e, "notice");
    }
    buffer_clear(&text);
    if (ok) {
        sha256(n->text, n->digest);
    }
    return ok;
}

bool notice_read(struct notice **out, const json_t *value, struct error *e)
{
    *out = NULL;
    struct notice *notice = calloc(1, sizeof *notice);
    if (notice == NULL) {
        return error_memory(e, "notice");
    }
    atomic_init(&notice->reference_count, 1);
    notice->arena.size_max = NOTICE_ARENA_MAX;
    if (!read_notice(value, notice, e)) {
        notice_drop(notice);
        return false;
    }
    *out = notice;
    return true;
}

bool notice_parse(struct notice **out, struct bytes json, struct error *e)
{
    json_error_t fault;
    *out = NULL;
    if (json.size > NOTICE_INPUT_MAX) {
        return error_set(e, ERROR_INPUT, "notice", "shorten it", "is longer than %d bytes", NOTICE_INPUT_MAX);
    }
    json_t *value = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &fault);
    if (value == NULL) {
        return error_set(e, ERROR_INPUT, "notice", NULL, "line %d, column %d: %s", fault.line, fault.column, fault.text);
    }
    bool ok = notice_read(out, value, e);
    json_decref(value);
    return ok;
}
