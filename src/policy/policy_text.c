#include "policy/policy_text_internal.h"

#include "law/words.h"

enum {
    ID_MAX = 4096, /* five parts of 255 bytes, percent-encoded */
    IRI_MAX = IRI_SIZE_MAX,
    TEXT_MAX = 1024,
    FILE_MAX = 4096,
    PRESENT = CYAML_FLAG_POINTER,
    ABSENT = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
};

static const cyaml_strval_t connections[] = {
    { "http", CONNECTION_HTTP },
    { "https_no_auth", CONNECTION_HTTPS_NO_AUTH },
    { "https", CONNECTION_HTTPS },
};
static const cyaml_strval_t types[] = {
    { "rest", SERVICE_REST },
    { "openapi", SERVICE_OPENAPI },
    { "soap", SERVICE_SOAP },
};
static const cyaml_strval_t evidences[] = {
    { "batch", EVIDENCE_BATCH },
    { "individual", EVIDENCE_INDIVIDUAL },
};
static const cyaml_strval_t disclosures[] = {
    { "categories", DISCLOSE_CATEGORIES },
    { "fields", DISCLOSE_FIELDS },
    { "nothing", DISCLOSE_NOTHING },
};
static const cyaml_strval_t places[] = {
    { "none", PERSON_NONE }, { "path", PERSON_PATH }, { "query", PERSON_QUERY }, { "header", PERSON_HEADER }, { "body", PERSON_BODY },
};
/* Each table is in its enum's order. */
const char *policy_connection_word(enum policy_connection connection)
{
    return connections[connection].str;
}

const char *policy_type_word(enum policy_service_type type)
{
    return types[type].str;
}

static const cyaml_strval_t relations[] = {
    { "provide", RELATION_PROVIDE },
    { "entrust", RELATION_ENTRUST },
    { "joint", RELATION_JOINT },
};
const char *policy_relation_word(enum policy_relation relation)
{
    return relations[relation].str;
}

const char *policy_place_word(enum policy_person_place place)
{
    return places[place].str;
}

const char *policy_evidence_word(enum policy_evidence evidence)
{
    return evidences[evidence].str;
}

static const cyaml_schema_value_t line_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, FILE_MAX) };

static const cyaml_schema_field_t category_fields[] = {
    CYAML_FIELD_STRING_PTR("id", PRESENT, struct text_category, id, 1, IRI_MAX),
    CYAML_FIELD_BOOL_PTR("sensitive", ABSENT, struct text_category, is_sensitive),
    CYAML_FIELD_BOOL_PTR("never", ABSENT, struct text_category, is_never),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t category_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_category, category_fields) };

static const cyaml_schema_field_t client_fields[] = {
    CYAML_FIELD_STRING_PTR("subsystem", PRESENT, struct text_client, subsystem, 1, ID_MAX),
    CYAML_FIELD_ENUM("connection", CYAML_FLAG_STRICT, struct text_client, connection, connections, COUNT_OF(connections)),
    CYAML_FIELD_SEQUENCE("certificates", ABSENT, struct text_client, certificates, &line_value, 0, 64),
    CYAML_FIELD_SEQUENCE("tokens", ABSENT, struct text_client, tokens, &line_value, 0, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t client_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_client, client_fields) };

static const cyaml_schema_field_t person_fields[] = {
    CYAML_FIELD_ENUM("in", CYAML_FLAG_STRICT, struct text_person, place, places, COUNT_OF(places)),
    CYAML_FIELD_STRING_PTR("name", ABSENT, struct text_person, name, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("template", ABSENT, struct text_person, template, 1, TEXT_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t basis_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum law_basis, law_basis_words, BASIS_COUNT) };
static const cyaml_strval_t transforms[] = {
#define X(name, word) { word, TRANSFORM_##name },
    TRANSFORMS(X)
#undef X
};
static const cyaml_schema_value_t band_value = { CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t) };
static const cyaml_schema_field_t transform_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct text_transform, kind, transforms, COUNT_OF(transforms)),
    CYAML_FIELD_UINT_PTR("first", ABSENT, struct text_transform, first),
    CYAML_FIELD_UINT_PTR("last", ABSENT, struct text_transform, last),
    CYAML_FIELD_UINT_PTR("decimals", ABSENT, struct text_transform, decimals),
    CYAML_FIELD_UINT_PTR("geohash", ABSENT, struct text_transform, geohash),
    CYAML_FIELD_SEQUENCE("bands", ABSENT, struct text_transform, bands, &band_value, 0, TRANSFORM_BANDS_MAX),
    CYAML_FIELD_STRING_PTR("as", ABSENT, struct text_transform, as, 1, IRI_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t release_fields[] = {
    CYAML_FIELD_STRING_PTR("category", PRESENT, struct text_release, category, 1, IRI_MAX),
    CYAML_FIELD_ENUM("basis", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_release, basis, law_basis_words, BASIS_COUNT),
    CYAML_FIELD_STRING_PTR("law_ref", ABSENT, struct text_release, law_ref, 1, TEXT_MAX),
    CYAML_FIELD_MAPPING_PTR("transform", ABSENT, struct text_release, transform, transform_fields),
    CYAML_FIELD_STRING_PTR("ref", ABSENT, struct text_release, ref, 1, TEXT_MAX),
    CYAML_FIELD_SEQUENCE("also", ABSENT, struct text_release, also, &basis_value, 0, BASIS_COUNT),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t release_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_release, release_fields) };

static const cyaml_schema_field_t field_fields[] = {
    CYAML_FIELD_STRING_PTR("path", PRESENT, struct text_field, path, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("category", PRESENT, struct text_field, category, 1, IRI_MAX),
    CYAML_FIELD_MAPPING_PTR("transform", ABSENT, struct text_field, transform, transform_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t field_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_field, field_fields) };

static const cyaml_schema_field_t right_fields[] = {
    CYAML_FIELD_STRING_PTR("subject", PRESENT, struct text_right, subject, 1, ID_MAX),
    CYAML_FIELD_STRING_PTR("method", ABSENT, struct text_right, method, 1, 16),
    CYAML_FIELD_STRING_PTR("path", ABSENT, struct text_right, path, 1, TEXT_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t right_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_right, right_fields) };

static const cyaml_schema_field_t endpoint_fields[] = {
    CYAML_FIELD_STRING_PTR("method", PRESENT, struct text_endpoint, method, 1, 16),
    CYAML_FIELD_STRING_PTR("path", PRESENT, struct text_endpoint, path, 1, TEXT_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_endpoint, endpoint_fields) };

static const cyaml_schema_field_t dpia_fields[] = {
    CYAML_FIELD_STRING_PTR("ref", PRESENT, struct text_dpia, ref, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("date", PRESENT, struct text_dpia, date, 1, 64),
    CYAML_FIELD_STRING_PTR("valid_until", PRESENT, struct text_dpia, valid_until, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t contract_fields[] = {
    CYAML_FIELD_STRING_PTR("ref", PRESENT, struct text_contract, ref, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("from", ABSENT, struct text_contract, from, 1, 64),
    CYAML_FIELD_STRING_PTR("until", PRESENT, struct text_contract, until, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t harvest_fields[] = {
    CYAML_FIELD_UINT("persons", CYAML_FLAG_DEFAULT, struct text_harvest, persons),
    CYAML_FIELD_STRING_PTR("per", PRESENT, struct text_harvest, per, 1, 32),
    CYAML_FIELD_UINT("burst", CYAML_FLAG_OPTIONAL, struct text_harvest, burst),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t conditions_fields[] = {
    CYAML_FIELD_STRING_PTR("life", ABSENT, struct text_conditions, life, 1, 32),
    CYAML_FIELD_BOOL_PTR("onward", ABSENT, struct text_conditions, is_onward),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_fields[] = {
    CYAML_FIELD_STRING_PTR("id", PRESENT, struct text_service, id, 1, ID_MAX),
    CYAML_FIELD_ENUM("type", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_service, type, types, COUNT_OF(types)),
    CYAML_FIELD_ENUM("evidence", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_service, evidence, evidences, COUNT_OF(evidences)),
    CYAML_FIELD_STRING_PTR("url", ABSENT, struct text_service, url, 0, TEXT_MAX),
    CYAML_FIELD_BOOL_PTR("verify_tls", ABSENT, struct text_service, verify_tls),
    CYAML_FIELD_STRING_PTR("trusted", ABSENT, struct text_service, trusted, 1, FILE_MAX),
    CYAML_FIELD_STRING_PTR("openapi", ABSENT, struct text_service, openapi, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("timeout", ABSENT, struct text_service, timeout, 1, 32),
    CYAML_FIELD_STRING_PTR("disabled", ABSENT, struct text_service, disabled, 1, TEXT_MAX),
    CYAML_FIELD_MAPPING_PTR("person", ABSENT, struct text_service, person, person_fields),
    CYAML_FIELD_SEQUENCE("purposes", ABSENT, struct text_service, purposes, &line_value, 0, POLICY_PURPOSES_MAX),
    CYAML_FIELD_STRING_PTR("default_purpose", ABSENT, struct text_service, default_purpose, 1, IRI_MAX),
    CYAML_FIELD_SEQUENCE("releases", ABSENT, struct text_service, releases, &release_value, 0, POLICY_RELEASES_MAX),
    CYAML_FIELD_SEQUENCE("fields", ABSENT, struct text_service, fields, &field_value, 0, POLICY_FIELDS_MAX),
    CYAML_FIELD_SEQUENCE("rights", ABSENT, struct text_service, rights, &right_value, 0, POLICY_RIGHTS_MAX),
    CYAML_FIELD_SEQUENCE("endpoints", ABSENT, struct text_service, endpoints, &endpoint_value, 0, POLICY_ENDPOINTS_MAX),
    CYAML_FIELD_MAPPING_PTR("dpia", ABSENT, struct text_service, dpia, dpia_fields),
    CYAML_FIELD_ENUM("relation", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_service, relation, relations, COUNT_OF(relations)),
    CYAML_FIELD_MAPPING_PTR("contract", ABSENT, struct text_service, contract, contract_fields),
    CYAML_FIELD_STRING_PTR("duty", ABSENT, struct text_service, duty, 1, TEXT_MAX),
    CYAML_FIELD_BOOL("automated_decision", CYAML_FLAG_OPTIONAL, struct text_service, is_automated),
    CYAML_FIELD_ENUM("disclose_withheld", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_service, disclosure, disclosures,
                     COUNT_OF(disclosures)),
    CYAML_FIELD_BOOL("data_range", CYAML_FLAG_OPTIONAL, struct text_service, keeps_range),
    CYAML_FIELD_SEQUENCE("notices", ABSENT, struct text_service, notices, &line_value, 0, POLICY_NOTICES_MAX),
    CYAML_FIELD_SEQUENCE("instruments", ABSENT, struct text_service, instruments, &line_value, 0, POLICY_INSTRUMENTS_MAX),
    CYAML_FIELD_MAPPING_PTR("harvest", ABSENT, struct text_service, harvest, harvest_fields),
    CYAML_FIELD_MAPPING_PTR("conditions", ABSENT, struct text_service, conditions, conditions_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_service, service_fields) };

static const cyaml_schema_field_t call_fields[] = {
    CYAML_FIELD_STRING_PTR("service", PRESENT, struct text_call, service, 1, ID_MAX),
    CYAML_FIELD_ENUM("evidence", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct text_call, evidence, evidences, COUNT_OF(evidences)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t call_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_call, call_fields) };
static const cyaml_schema_field_t instrument_fields[] = {
    CYAML_FIELD_STRING_PTR("id", PRESENT, struct text_instrument, id, 1, 64),
    CYAML_FIELD_STRING_PTR("kind", PRESENT, struct text_instrument, kind, 1, 64),
    CYAML_FIELD_STRING_PTR("ref", ABSENT, struct text_instrument, ref, 1, TEXT_MAX),
    CYAML_FIELD_SEQUENCE("recipients", PRESENT, struct text_instrument, recipients, &line_value, 1, 1000),
    CYAML_FIELD_SEQUENCE("categories", PRESENT, struct text_instrument, categories, &line_value, 1, POLICY_CATEGORIES_MAX),
    CYAML_FIELD_STRING_PTR("from", PRESENT, struct text_instrument, from, 1, 64),
    CYAML_FIELD_STRING_PTR("until", ABSENT, struct text_instrument, until, 1, 64),
    CYAML_FIELD_BOOL("suspended", CYAML_FLAG_OPTIONAL, struct text_instrument, is_suspended),
    CYAML_FIELD_UINT_PTR("max_persons", ABSENT, struct text_instrument, max_persons),
    CYAML_FIELD_UINT_PTR("max_sensitive", ABSENT, struct text_instrument, max_sensitive),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t instrument_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_instrument, instrument_fields) };
static const cyaml_schema_field_t approval_fields[] = {
    CYAML_FIELD_STRING_PTR("ref", PRESENT, struct text_approval, ref, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("recipient", PRESENT, struct text_approval, recipient, 1, ID_MAX),
    CYAML_FIELD_STRING_PTR("purpose", ABSENT, struct text_approval, purpose, 1, IRI_MAX),
    CYAML_FIELD_STRING_PTR("from", PRESENT, struct text_approval, from, 1, 64),
    CYAML_FIELD_STRING_PTR("until", PRESENT, struct text_approval, until, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t approval_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_approval, approval_fields) };
static const cyaml_schema_field_t authority_fields[] = {
    CYAML_FIELD_SEQUENCE("purposes", ABSENT, struct text_authority, purposes, &line_value, 0, POLICY_PURPOSES_MAX),
    CYAML_FIELD_SEQUENCE("approvals", ABSENT, struct text_authority, approvals, &approval_value, 0, POLICY_APPROVALS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t year_fields[] = {
    CYAML_FIELD_UINT("year", CYAML_FLAG_DEFAULT, struct text_year, year),
    CYAML_FIELD_UINT("persons", CYAML_FLAG_DEFAULT, struct text_year, persons),
    CYAML_FIELD_UINT("sensitive", CYAML_FLAG_DEFAULT, struct text_year, sensitive),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t year_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_year, year_fields) };
static const cyaml_schema_field_t vital_fields[] = {
    CYAML_FIELD_BOOL("confirmed", CYAML_FLAG_OPTIONAL, struct text_vital, is_confirmed),
    CYAML_FIELD_STRING_PTR("review", ABSENT, struct text_vital, review, 1, 32),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t policy_fields[] = {
    CYAML_FIELD_SEQUENCE("categories", ABSENT, struct text_policy, categories, &category_value, 0, POLICY_CATEGORIES_MAX),
    CYAML_FIELD_SEQUENCE("clients", ABSENT, struct text_policy, clients, &client_value, 0, POLICY_CLIENTS_MAX),
    CYAML_FIELD_SEQUENCE("services", ABSENT, struct text_policy, services, &service_value, 0, POLICY_SERVICES_MAX),
    CYAML_FIELD_SEQUENCE("calls", ABSENT, struct text_policy, calls, &call_value, 0, POLICY_CALLS_MAX),
    CYAML_FIELD_IGNORE("law", CYAML_FLAG_OPTIONAL), /* law_tighten() reads it */
    CYAML_FIELD_SEQUENCE("instruments", ABSENT, struct text_policy, instruments, &instrument_value, 0, POLICY_INSTRUMENTS_MAX),
    CYAML_FIELD_SEQUENCE("blacklist", ABSENT, struct text_policy, blacklist, &line_value, 0, POLICY_BLACKLIST_MAX),
    CYAML_FIELD_MAPPING_PTR("foreign_authority", ABSENT, struct text_policy, authority, authority_fields),
    CYAML_FIELD_SEQUENCE("base_count", ABSENT, struct text_policy, years, &year_value, 0, POLICY_YEARS_MAX),
    CYAML_FIELD_MAPPING_PTR("harvest", ABSENT, struct text_policy, harvest, harvest_fields),
    CYAML_FIELD_MAPPING_PTR("vital", ABSENT, struct text_policy, vital, vital_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t policy_text_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct text_policy, policy_fields) };
