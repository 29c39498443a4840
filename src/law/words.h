/* The words of a profile and of a policy for what laws name, as tables for schemas. Each is in its enum's order. */
#ifndef COMITY_LAW_WORDS_H
#define COMITY_LAW_WORDS_H

#include <cyaml/cyaml.h>

#include "law/law.h"

extern const cyaml_strval_t law_basis_words[BASIS_COUNT];
extern const cyaml_strval_t law_separate_words[LAW_SEPARATE_COUNT]; /* values: LAW_SEPARATE_* bits */

extern const cyaml_strval_t law_dpia_words[LAW_DPIA_COUNT]; /* values: LAW_DPIA_* bits */
extern const cyaml_strval_t law_element_words[LAW_ELEMENT_COUNT];
extern const cyaml_strval_t law_guardian_words[2];
extern const cyaml_strval_t law_when_words[LAW_WHEN_COUNT];
extern const cyaml_strval_t law_deceased_words[4];
extern const cyaml_strval_t law_needs_words[LAW_NEEDS_COUNT];
extern const cyaml_strval_t law_foreign_authority_words[2];
extern const cyaml_strval_t law_border_consent_words[3];
extern const cyaml_strval_t law_border_rule_words[2];
extern const cyaml_strval_t law_age_unknown_words[3];

#endif
