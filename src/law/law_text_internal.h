/* A law profile as it is written: what libcyaml fills in, before any meaning is checked. Every value stands beside its source. */
#ifndef COMITY_LAW_LAW_TEXT_INTERNAL_H
#define COMITY_LAW_LAW_TEXT_INTERNAL_H

#include <cyaml/cyaml.h>

#include "law/law.h"

struct text_source {
    char *article;
    char *note; /* NULL when absent, as are the next two */
    bool *is_chosen;
    bool *is_unverified;
};
struct text_word { /* a period, a date, an IRI, a code */
    char *value;
    struct text_source source;
};
struct text_flag {
    bool value;
    struct text_source source;
};
struct text_number {
    uint64_t value;
    struct text_source source;
};
struct text_choice { /* one of an enum's words */
    int value;
    struct text_source source;
};
struct text_basis {
    int value;
    int *needs;
    uint32_t needs_count;
    struct text_source source;
};
struct text_retention {
    struct text_word least, longest;
};
struct text_instrument {
    char *kind;
    struct text_word *valid, *renew_before; /* NULL when absent, as are the next ones */
    struct text_flag *redo_on_change;
    struct text_number *max_persons, *max_sensitive;
    struct text_source source;
};
struct text_localise {
    bool value;
    char **lifted_by;
    uint32_t lifted_by_count;
    struct text_source source;
};
struct text_element {
    int value, when;
    struct text_source source;
};
struct text_purposes {
    struct text_word *forbidden;
    uint32_t forbidden_count;
};
struct text_minor {
    struct text_number age;
    struct text_choice guardian;
    struct text_flag all_sensitive;
    struct text_choice age_unknown;
};
struct text_sensitive {
    struct text_word *categories;
    uint32_t categories_count;
    struct text_choice *other_bases;
    uint32_t other_bases_count;
};
struct text_consent {
    struct text_word max_validity, reask_after;
    struct text_flag inherit_purpose;
    struct text_word *written_for;
    uint32_t written_for_count;
};
struct text_retentions {
    struct text_retention records[LAW_RECORD_COUNT];
};
struct text_rights {
    struct text_word rights[LAW_RIGHT_COUNT];
    struct text_word identity, extend;
    struct text_choice deceased;
};
struct text_breach {
    struct text_word authority, report, person, processor;
    struct text_flag possible_counts, waiver_if_no_harm;
};
struct text_dpia {
    struct text_choice *required;
    uint32_t required_count;
    struct text_word valid;
};
struct text_localises {
    struct text_localise state_organ, critical;
};
struct text_border {
    struct text_choice rule, separate_consent;
    struct text_flag blacklist;
    struct text_choice foreign_authority;
    struct text_word *restricted;
    uint32_t restricted_count;
    struct text_instrument *instruments;
    uint32_t instruments_count;
    struct text_word count_from;
    struct text_localises localise;
};
struct text_notice {
    struct text_element *elements;
    uint32_t elements_count;
    struct text_word *languages;
    uint32_t languages_count;
};
struct text_law {
    char *id, *title, *version;
    struct text_word in_force;
    struct text_word *territory;
    uint32_t territory_count;
    struct text_basis *bases;
    uint32_t bases_count;
    struct text_purposes purposes;
    struct text_word *never_released;
    uint32_t never_released_count;
    struct text_minor minor;
    struct text_sensitive sensitive;
    struct text_choice *separate_consent;
    uint32_t separate_consent_count;
    struct text_consent consent;
    struct text_retentions retention;
    struct text_rights rights;
    struct text_breach breach;
    struct text_dpia dpia;
    struct text_flag interconnection_permit;
    struct text_border border;
    struct text_notice notice;
};
extern const cyaml_schema_value_t law_text_schema;

#endif
