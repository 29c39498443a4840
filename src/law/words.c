#include "law/words.h"

const cyaml_strval_t law_basis_words[BASIS_COUNT] = {
    { "consent", BASIS_CONSENT },
    { "contract", BASIS_CONTRACT },
    { "statutory_duty", BASIS_STATUTORY_DUTY },
    { "vital", BASIS_VITAL },
    { "news", BASIS_NEWS },
    { "public_data", BASIS_PUBLIC_DATA },
    { "public_interest", BASIS_PUBLIC_INTEREST },
    { "legitimate_interest", BASIS_LEGITIMATE_INTEREST },
    { "other_law", BASIS_OTHER_LAW },
};
const cyaml_strval_t law_separate_words[LAW_SEPARATE_COUNT] = {
    { "sensitive", LAW_SEPARATE_SENSITIVE }, { "provide", LAW_SEPARATE_PROVIDE },         { "border", LAW_SEPARATE_BORDER },
    { "publish", LAW_SEPARATE_PUBLISH },     { "publicplace", LAW_SEPARATE_PUBLICPLACE }, { "minor", LAW_SEPARATE_MINOR },
};

const cyaml_strval_t law_dpia_words[LAW_DPIA_COUNT] = {
    { "sensitive", LAW_DPIA_SENSITIVE }, { "provide", LAW_DPIA_PROVIDE }, { "entrust", LAW_DPIA_ENTRUST },
    { "automated", LAW_DPIA_AUTOMATED }, { "publish", LAW_DPIA_PUBLISH }, { "border", LAW_DPIA_BORDER },
};
const cyaml_strval_t law_element_words[LAW_ELEMENT_COUNT] = {
#define ELEMENT_WORD(name, word, meaning) { word, LAW_ELEMENT_##name },
    LAW_ELEMENTS(ELEMENT_WORD)
#undef ELEMENT_WORD
};

const cyaml_strval_t law_age_unknown_words[3] = {
    { "treat_as_minor", LAW_AGE_MINOR },
    { "treat_as_minor_if_category_sensitive", LAW_AGE_MINOR_WHEN_SENSITIVE },
    { "treat_as_adult", LAW_AGE_ADULT },
};

const cyaml_strval_t law_border_rule_words[2] = { { "instrument", LAW_BORDER_INSTRUMENT }, { "free", LAW_BORDER_FREE } };

const cyaml_strval_t law_border_consent_words[3] = {
    { "always", LAW_BORDER_CONSENT_ALWAYS },
    { "sensitive", LAW_BORDER_CONSENT_SENSITIVE },
    { "never", LAW_BORDER_CONSENT_NEVER },
};

const cyaml_strval_t law_foreign_authority_words[2] = { { "refused", LAW_FOREIGN_REFUSED }, { "approval", LAW_FOREIGN_APPROVAL } };

const cyaml_strval_t law_needs_words[LAW_NEEDS_COUNT] = {
    { "record", LAW_NEEDS_RECORD },           { "contract", LAW_NEEDS_CONTRACT },
    { "law_ref", LAW_NEEDS_LAW_REF },         { "justification", LAW_NEEDS_JUSTIFICATION },
    { "origin", LAW_NEEDS_ORIGIN },           { "balancing", LAW_NEEDS_BALANCING },
    { "state_organ", LAW_NEEDS_STATE_ORGAN }, { "confirmation", LAW_NEEDS_CONFIRMATION },
};

const cyaml_strval_t law_deceased_words[4] = {
    { "nobody", LAW_DECEASED_NOBODY },
    { "relatives", LAW_DECEASED_RELATIVES },
    { "nominee", LAW_DECEASED_NOMINEE },
    { "nominee_else_relatives", LAW_DECEASED_NOMINEE_ELSE_RELATIVES },
};

const cyaml_strval_t law_when_words[LAW_WHEN_COUNT] = {
    { "always", LAW_WHEN_ALWAYS },
    { "provide", LAW_WHEN_PROVIDE },
    { "sensitive", LAW_WHEN_SENSITIVE },
    { "border", LAW_WHEN_BORDER },
    { "minor", LAW_WHEN_MINOR },
    { "automated", LAW_WHEN_AUTOMATED },
    { "legitimate_interest", LAW_WHEN_LEGITIMATE_INTEREST },
    { "not_from_person", LAW_WHEN_NOT_FROM_PERSON },
};

const cyaml_strval_t law_guardian_words[2] = { { "required", LAW_GUARDIAN_REQUIRED }, { "not_required", LAW_GUARDIAN_NOT_REQUIRED } };

const char *law_basis_word(enum law_basis basis)
{
    return (size_t)basis < COUNT_OF(law_basis_words) ? law_basis_words[basis].str : "unknown";
}

bool law_basis_parse(struct bytes word, enum law_basis *out)
{
    for (size_t i = 0; i < COUNT_OF(law_basis_words); i++) {
        if (bytes_equal(word, bytes_of_text(law_basis_words[i].str))) {
            *out = (enum law_basis)i;
            return true;
        }
    }
    return false;
}

const char *law_separate_word(unsigned bit)
{
    for (size_t i = 0; i < COUNT_OF(law_separate_words); i++) {
        if ((unsigned)law_separate_words[i].val == bit) {
            return law_separate_words[i].str;
        }
    }
    return "unknown";
}

bool law_separate_parse(struct bytes word, uint32_t *bit)
{
    for (size_t i = 0; i < COUNT_OF(law_separate_words); i++) {
        if (bytes_equal(word, bytes_of_text(law_separate_words[i].str))) {
            *bit = (uint32_t)law_separate_words[i].val;
            return true;
        }
    }
    return false;
}

const char *law_element_word(enum law_element element)
{
    return (size_t)element < COUNT_OF(law_element_words) ? law_element_words[element].str : "unknown";
}

const char *law_element_meaning(enum law_element element)
{
    static const char *const meanings[] = {
#define ELEMENT_MEANING(name, word, meaning) [LAW_ELEMENT_##name] = meaning,
        LAW_ELEMENTS(ELEMENT_MEANING)
#undef ELEMENT_MEANING
    };
    return (size_t)element < COUNT_OF(meanings) ? meanings[element] : "unknown";
}

const char *law_right_word(enum law_right right)
{
    static const char *const words[] = { "access", "copy", "port", "correct", "delete", "restrict", "object", "explain" };
    _Static_assert(COUNT_OF(words) == LAW_RIGHT_COUNT, "a word for each right");
    return (size_t)right < COUNT_OF(words) ? words[right] : "unknown";
}

const char *law_record_word(enum law_record record)
{
    static const char *const words[] = { "network_log", "processing_record", "consent_record", "disclosure_log", "dpia" };
    _Static_assert(COUNT_OF(words) == LAW_RECORD_COUNT, "a word for each kind of record");
    return (size_t)record < COUNT_OF(words) ? words[record] : "unknown";
}
