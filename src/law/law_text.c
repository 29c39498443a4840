#include "law/law_text_internal.h"

#include "law/words.h"

enum {
    WORD_MAX = 512,
    PRESENT = CYAML_FLAG_POINTER,
    ABSENT = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
};

#define SOURCE_FIELDS(type)                                                                                                                \
    CYAML_FIELD_STRING_PTR("article", PRESENT, type, source.article, 1, LAW_ARTICLE_SIZE_MAX),                                             \
        CYAML_FIELD_STRING_PTR("note", ABSENT, type, source.note, 1, LAW_ARTICLE_SIZE_MAX),                                                \
        CYAML_FIELD_BOOL_PTR("chosen", ABSENT, type, source.is_chosen),                                                                    \
        CYAML_FIELD_BOOL_PTR("unverified", ABSENT, type, source.is_unverified), CYAML_FIELD_END
#define CHOICE(name, words)                                                                                                                \
    static const cyaml_schema_field_t name##_fields[] = {                                                                                  \
        CYAML_FIELD_ENUM("value", CYAML_FLAG_STRICT, struct text_choice, value, words, COUNT_OF(words)),                                   \
        SOURCE_FIELDS(struct text_choice),                                                                                                 \
    }
#define CHOICE_VALUE(name)                                                                                                                 \
    static const cyaml_schema_value_t name##_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_choice, name##_fields) }
/* A value that is a mapping of its own, and must be there. */
#define VALUE(key, type, member, fields) CYAML_FIELD_MAPPING(key, CYAML_FLAG_DEFAULT, type, member, fields)
#define LIST(key, type, member, value, max) CYAML_FIELD_SEQUENCE(key, PRESENT, type, member, &value, 0, max)

/* ---- One value and its source ---- */

static const cyaml_schema_field_t word_fields[] = {
    CYAML_FIELD_STRING_PTR("value", PRESENT, struct text_word, value, 1, WORD_MAX),
    SOURCE_FIELDS(struct text_word),
};
static const cyaml_schema_value_t word_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_word, word_fields) };
static const cyaml_schema_field_t flag_fields[] = {
    CYAML_FIELD_BOOL("value", CYAML_FLAG_DEFAULT, struct text_flag, value),
    SOURCE_FIELDS(struct text_flag),
};
static const cyaml_schema_field_t number_fields[] = {
    CYAML_FIELD_UINT("value", CYAML_FLAG_DEFAULT, struct text_number, value),
    SOURCE_FIELDS(struct text_number),
};
static const cyaml_schema_value_t plain_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, WORD_MAX) };

/* ---- Bases, acts, kinds of processing ---- */

static const cyaml_schema_value_t needs_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, int, law_needs_words, COUNT_OF(law_needs_words)) };
static const cyaml_schema_field_t basis_fields[] = {
    CYAML_FIELD_ENUM("value", CYAML_FLAG_STRICT, struct text_basis, value, law_basis_words, BASIS_COUNT),
    CYAML_FIELD_SEQUENCE("needs", ABSENT, struct text_basis, needs, &needs_value, 0, COUNT_OF(law_needs_words)),
    SOURCE_FIELDS(struct text_basis),
};
static const cyaml_schema_value_t basis_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_basis, basis_fields) };

CHOICE(other_basis, law_basis_words);
CHOICE_VALUE(other_basis);
CHOICE(separate, law_separate_words);
CHOICE_VALUE(separate);
CHOICE(dpia_kind, law_dpia_words);
CHOICE_VALUE(dpia_kind);

/* ---- The sections ---- */

static const cyaml_schema_field_t purposes_fields[] = {
    LIST("forbidden", struct text_purposes, forbidden, word_value, LAW_CATEGORIES_MAX),
    CYAML_FIELD_END,
};

CHOICE(guardian, law_guardian_words);
CHOICE(age_unknown, law_age_unknown_words);
static const cyaml_schema_field_t minor_fields[] = {
    VALUE("age", struct text_minor, age, number_fields),
    VALUE("guardian", struct text_minor, guardian, guardian_fields),
    VALUE("all_sensitive", struct text_minor, all_sensitive, flag_fields),
    VALUE("age_unknown", struct text_minor, age_unknown, age_unknown_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t sensitive_fields[] = {
    LIST("categories", struct text_sensitive, categories, word_value, LAW_CATEGORIES_MAX),
    LIST("other_bases", struct text_sensitive, other_bases, other_basis_value, BASIS_COUNT),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t consent_fields[] = {
    VALUE("max_validity", struct text_consent, max_validity, word_fields),
    VALUE("reask_after", struct text_consent, reask_after, word_fields),
    VALUE("inherit_purpose", struct text_consent, inherit_purpose, flag_fields),
    LIST("written_for", struct text_consent, written_for, word_value, LAW_CATEGORIES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t retention_fields[] = {
    VALUE("least", struct text_retention, least, word_fields),
    VALUE("longest", struct text_retention, longest, word_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t retentions_fields[] = {
    VALUE("network_log", struct text_retentions, records[LAW_NETWORK_LOG], retention_fields),
    VALUE("processing_record", struct text_retentions, records[LAW_PROCESSING_RECORD], retention_fields),
    VALUE("consent_record", struct text_retentions, records[LAW_CONSENT_RECORD], retention_fields),
    VALUE("disclosure_log", struct text_retentions, records[LAW_DISCLOSURE_LOG], retention_fields),
    VALUE("dpia", struct text_retentions, records[LAW_DPIA_RECORD], retention_fields),
    CYAML_FIELD_END,
};

CHOICE(deceased, law_deceased_words);
static const cyaml_schema_field_t rights_fields[] = {
    VALUE("access", struct text_rights, rights[LAW_ACCESS], word_fields),
    VALUE("copy", struct text_rights, rights[LAW_COPY], word_fields),
    VALUE("port", struct text_rights, rights[LAW_PORT], word_fields),
    VALUE("correct", struct text_rights, rights[LAW_CORRECT], word_fields),
    VALUE("delete", struct text_rights, rights[LAW_DELETE], word_fields),
    VALUE("restrict", struct text_rights, rights[LAW_RESTRICT], word_fields),
    VALUE("object", struct text_rights, rights[LAW_OBJECT], word_fields),
    VALUE("explain", struct text_rights, rights[LAW_EXPLAIN], word_fields),
    VALUE("identity", struct text_rights, identity, word_fields),
    VALUE("extend", struct text_rights, extend, word_fields),
    VALUE("deceased", struct text_rights, deceased, deceased_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t breach_fields[] = {
    VALUE("authority", struct text_breach, authority, word_fields),
    VALUE("report", struct text_breach, report, word_fields),
    VALUE("person", struct text_breach, person, word_fields),
    VALUE("processor", struct text_breach, processor, word_fields),
    VALUE("possible_counts", struct text_breach, possible_counts, flag_fields),
    VALUE("waiver_if_no_harm", struct text_breach, waiver_if_no_harm, flag_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t dpia_fields[] = {
    LIST("required", struct text_dpia, required, dpia_kind_value, COUNT_OF(law_dpia_words)),
    VALUE("valid", struct text_dpia, valid, word_fields),
    CYAML_FIELD_END,
};

/* ---- The border ---- */

CHOICE(rule, law_border_rule_words);
CHOICE(border_consent, law_border_consent_words);
CHOICE(foreign, law_foreign_authority_words);
static const cyaml_schema_field_t instrument_fields[] = {
    CYAML_FIELD_STRING_PTR("kind", PRESENT, struct text_instrument, kind, 1, LAW_ID_SIZE_MAX),
    CYAML_FIELD_MAPPING_PTR("valid", ABSENT, struct text_instrument, valid, word_fields),
    CYAML_FIELD_MAPPING_PTR("renew_before", ABSENT, struct text_instrument, renew_before, word_fields),
    CYAML_FIELD_MAPPING_PTR("redo_on_change", ABSENT, struct text_instrument, redo_on_change, flag_fields),
    CYAML_FIELD_MAPPING_PTR("max_persons", ABSENT, struct text_instrument, max_persons, number_fields),
    CYAML_FIELD_MAPPING_PTR("max_sensitive", ABSENT, struct text_instrument, max_sensitive, number_fields),
    SOURCE_FIELDS(struct text_instrument),
};
static const cyaml_schema_value_t instrument_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_instrument, instrument_fields) };
static const cyaml_schema_field_t localise_fields[] = {
    CYAML_FIELD_BOOL("value", CYAML_FLAG_DEFAULT, struct text_localise, value),
    CYAML_FIELD_SEQUENCE("lifted_by", ABSENT, struct text_localise, lifted_by, &plain_value, 0, LAW_INSTRUMENTS_MAX),
    SOURCE_FIELDS(struct text_localise),
};
static const cyaml_schema_field_t localises_fields[] = {
    VALUE("state_organ", struct text_localises, state_organ, localise_fields),
    VALUE("critical", struct text_localises, critical, localise_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t border_fields[] = {
    VALUE("rule", struct text_border, rule, rule_fields),
    VALUE("separate_consent", struct text_border, separate_consent, border_consent_fields),
    VALUE("blacklist", struct text_border, blacklist, flag_fields),
    VALUE("foreign_authority", struct text_border, foreign_authority, foreign_fields),
    LIST("restricted", struct text_border, restricted, word_value, LAW_COUNTRIES_MAX),
    LIST("instruments", struct text_border, instruments, instrument_value, LAW_INSTRUMENTS_MAX),
    VALUE("count_from", struct text_border, count_from, word_fields),
    VALUE("localise", struct text_border, localise, localises_fields),
    CYAML_FIELD_END,
};

/* ---- Notices ---- */

static const cyaml_schema_field_t element_fields[] = {
    CYAML_FIELD_ENUM("value", CYAML_FLAG_STRICT, struct text_element, value, law_element_words, COUNT_OF(law_element_words)),
    CYAML_FIELD_ENUM("when", CYAML_FLAG_STRICT, struct text_element, when, law_when_words, COUNT_OF(law_when_words)),
    SOURCE_FIELDS(struct text_element),
};
static const cyaml_schema_value_t element_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct text_element, element_fields) };
static const cyaml_schema_field_t notice_fields[] = {
    LIST("elements", struct text_notice, elements, element_value, LAW_ELEMENTS_MAX),
    LIST("languages", struct text_notice, languages, word_value, LAW_COUNTRIES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t law_fields[] = {
    CYAML_FIELD_STRING_PTR("law", PRESENT, struct text_law, id, 1, LAW_ID_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("title", PRESENT, struct text_law, title, 1, LAW_ARTICLE_SIZE_MAX),
    CYAML_FIELD_STRING_PTR("version", PRESENT, struct text_law, version, 1, LAW_ID_SIZE_MAX),
    VALUE("in_force", struct text_law, in_force, word_fields),
    LIST("territory", struct text_law, territory, word_value, LAW_COUNTRIES_MAX),
    LIST("bases", struct text_law, bases, basis_value, BASIS_COUNT),
    VALUE("purposes", struct text_law, purposes, purposes_fields),
    LIST("never_released", struct text_law, never_released, word_value, LAW_CATEGORIES_MAX),
    VALUE("minor", struct text_law, minor, minor_fields),
    VALUE("sensitive", struct text_law, sensitive, sensitive_fields),
    LIST("separate_consent", struct text_law, separate_consent, separate_value, LAW_SEPARATE_COUNT),
    VALUE("consent", struct text_law, consent, consent_fields),
    VALUE("retention", struct text_law, retention, retentions_fields),
    VALUE("rights", struct text_law, rights, rights_fields),
    VALUE("breach", struct text_law, breach, breach_fields),
    VALUE("dpia", struct text_law, dpia, dpia_fields),
    VALUE("interconnection_permit", struct text_law, interconnection_permit, flag_fields),
    VALUE("border", struct text_law, border, border_fields),
    VALUE("notice", struct text_law, notice, notice_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t law_text_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct text_law, law_fields) };
