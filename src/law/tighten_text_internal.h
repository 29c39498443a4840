/* The section `law` of a policy file as it is written: the keys of a profile, with plain values. NULL where a key is absent. */
#ifndef COMITY_LAW_TIGHTEN_TEXT_INTERNAL_H
#define COMITY_LAW_TIGHTEN_TEXT_INTERNAL_H

#include <cyaml/cyaml.h>

#include "law/law.h"

enum { TIGHT_STATE_ORGAN = 0, TIGHT_CRITICAL };

struct tight_purposes {
    char **forbidden;
    uint32_t forbidden_count;
};
struct tight_minor {
    uint64_t *age;
    bool *all_sensitive;
    int *age_unknown;
};
struct tight_sensitive {
    char **categories;
    uint32_t categories_count;
    int *other_bases;
    uint32_t other_bases_count;
};
struct tight_consent {
    char *max_validity, *reask_after;
    bool *inherit_purpose;
    char **written_for;
    uint32_t written_for_count;
};
struct tight_retention {
    char *least, *longest;
};
struct tight_retentions {
    struct tight_retention *records[LAW_RECORD_COUNT];
};
struct tight_rights {
    char *rights[LAW_RIGHT_COUNT];
    char *identity, *extend;
};
struct tight_breach {
    char *authority, *report, *person, *processor;
    bool *possible_counts, *waiver_if_no_harm;
};
struct tight_dpia {
    int *required;
    uint32_t required_count;
    char *valid;
};
struct tight_border {
    int *rule, *separate_consent, *foreign_authority;
    char **restricted;
    uint32_t restricted_count;
    int *localise;
    uint32_t localise_count;
};
struct tight_notice {
    int *elements;
    uint32_t elements_count;
    char **languages;
    uint32_t languages_count;
};
struct tight_law {
    int *bases;
    uint32_t bases_count;
    struct tight_purposes *purposes;
    char **never_released;
    uint32_t never_released_count;
    struct tight_minor *minor;
    struct tight_sensitive *sensitive;
    int *separate_consent;
    uint32_t separate_consent_count;
    struct tight_consent *consent;
    struct tight_retentions *retention;
    struct tight_rights *rights;
    struct tight_breach *breach;
    struct tight_dpia *dpia;
    struct tight_border *border;
    struct tight_notice *notice;
};
struct tight_file {
    struct tight_law *law;
};
extern const cyaml_schema_value_t tight_schema;

#endif
