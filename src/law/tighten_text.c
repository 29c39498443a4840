#include "law/tighten_text_internal.h"

#include "law/words.h"

enum { WORD_MAX = 512, ABSENT = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL };

#define WORD(key, type, member) CYAML_FIELD_STRING_PTR(key, ABSENT, type, member, 1, WORD_MAX)
#define FLAG(key, type, member) CYAML_FIELD_BOOL_PTR(key, ABSENT, type, member)
#define CHOICE(key, type, member, words) CYAML_FIELD_ENUM_PTR(key, ABSENT | CYAML_FLAG_STRICT, type, member, words, COUNT_OF(words))
#define LIST(key, type, member, value) CYAML_FIELD_SEQUENCE(key, ABSENT, type, member, &value, 0, LAW_TIGHTENED_MAX)
#define SECTION(key, type, member, fields) CYAML_FIELD_MAPPING_PTR(key, ABSENT, type, member, fields)

static const cyaml_schema_value_t word_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, WORD_MAX) };
static const cyaml_schema_value_t basis_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_basis_words, BASIS_COUNT) };
static const cyaml_schema_value_t separate_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_separate_words, LAW_SEPARATE_COUNT) };
static const cyaml_schema_value_t dpia_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_dpia_words, LAW_DPIA_COUNT) };
static const cyaml_schema_value_t element_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_element_words, LAW_ELEMENT_COUNT) };

static const cyaml_schema_field_t purposes_fields[] = { LIST("forbidden", struct tight_purposes, forbidden, word_value), CYAML_FIELD_END };
static const cyaml_schema_field_t minor_fields[] = {
    CYAML_FIELD_UINT_PTR("age", ABSENT, struct tight_minor, age),
    FLAG("all_sensitive", struct tight_minor, all_sensitive),
    CHOICE("age_unknown", struct tight_minor, age_unknown, law_age_unknown_words),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t sensitive_fields[] = {
    LIST("categories", struct tight_sensitive, categories, word_value),
    LIST("other_bases", struct tight_sensitive, other_bases, basis_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t consent_fields[] = {
    WORD("max_validity", struct tight_consent, max_validity),
    WORD("reask_after", struct tight_consent, reask_after),
    FLAG("inherit_purpose", struct tight_consent, inherit_purpose),
    LIST("written_for", struct tight_consent, written_for, word_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t retention_fields[] = {
    WORD("least", struct tight_retention, least),
    WORD("longest", struct tight_retention, longest),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t retentions_fields[] = {
    SECTION("network_log", struct tight_retentions, records[LAW_NETWORK_LOG], retention_fields),
    SECTION("processing_record", struct tight_retentions, records[LAW_PROCESSING_RECORD], retention_fields),
    SECTION("consent_record", struct tight_retentions, records[LAW_CONSENT_RECORD], retention_fields),
    SECTION("disclosure_log", struct tight_retentions, records[LAW_DISCLOSURE_LOG], retention_fields),
    SECTION("dpia", struct tight_retentions, records[LAW_DPIA_RECORD], retention_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t rights_fields[] = {
    WORD("access", struct tight_rights, rights[LAW_ACCESS]),
    WORD("copy", struct tight_rights, rights[LAW_COPY]),
    WORD("port", struct tight_rights, rights[LAW_PORT]),
    WORD("correct", struct tight_rights, rights[LAW_CORRECT]),
    WORD("delete", struct tight_rights, rights[LAW_DELETE]),
    WORD("restrict", struct tight_rights, rights[LAW_RESTRICT]),
    WORD("object", struct tight_rights, rights[LAW_OBJECT]),
    WORD("explain", struct tight_rights, rights[LAW_EXPLAIN]),
    WORD("identity", struct tight_rights, identity),
    WORD("extend", struct tight_rights, extend),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t breach_fields[] = {
    WORD("authority", struct tight_breach, authority),
    WORD("report", struct tight_breach, report),
    WORD("person", struct tight_breach, person),
    WORD("processor", struct tight_breach, processor),
    FLAG("possible_counts", struct tight_breach, possible_counts),
    FLAG("waiver_if_no_harm", struct tight_breach, waiver_if_no_harm),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t dpia_fields[] = {
    LIST("required", struct tight_dpia, required, dpia_value),
    WORD("valid", struct tight_dpia, valid),
    CYAML_FIELD_END,
};
static const cyaml_strval_t localise_words[] = { { "state_organ", TIGHT_STATE_ORGAN }, { "critical", TIGHT_CRITICAL } };
static const cyaml_schema_value_t localise_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, localise_words, COUNT_OF(localise_words)) };
static const cyaml_schema_field_t border_fields[] = {
    CHOICE("rule", struct tight_border, rule, law_border_rule_words),
    CHOICE("separate_consent", struct tight_border, separate_consent, law_border_consent_words),
    CHOICE("foreign_authority", struct tight_border, foreign_authority, law_foreign_authority_words),
    LIST("restricted", struct tight_border, restricted, word_value),
    LIST("localise", struct tight_border, localise, localise_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t notice_fields[] = {
    LIST("elements", struct tight_notice, elements, element_value),
    LIST("languages", struct tight_notice, languages, word_value),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t law_fields[] = {
    LIST("bases", struct tight_law, bases, basis_value),
    SECTION("purposes", struct tight_law, purposes, purposes_fields),
    LIST("never_released", struct tight_law, never_released, word_value),
    SECTION("minor", struct tight_law, minor, minor_fields),
    SECTION("sensitive", struct tight_law, sensitive, sensitive_fields),
    LIST("separate_consent", struct tight_law, separate_consent, separate_value),
    SECTION("consent", struct tight_law, consent, consent_fields),
    SECTION("retention", struct tight_law, retention, retentions_fields),
    SECTION("rights", struct tight_law, rights, rights_fields),
    SECTION("breach", struct tight_law, breach, breach_fields),
    SECTION("dpia", struct tight_law, dpia, dpia_fields),
    SECTION("border", struct tight_law, border, border_fields),
    SECTION("notice", struct tight_law, notice, notice_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_MAPPING_PTR("law", CYAML_FLAG_POINTER, struct tight_file, law, law_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t tight_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct tight_file, file_fields) };
