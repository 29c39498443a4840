/*
 * The law of a community, as data: what a profile in laws/ says (docs/law-profiles.md has the form, and what each key does). The code knows
 * functions, not countries. A loaded law never changes; what it hands out lives as long as it does. Pure.
 */
#ifndef COMITY_LAW_LAW_H
#define COMITY_LAW_LAW_H

#include "base/arena.h"
#include "base/error.h"
#include "crypto/hash.h"
#include "law/period.h"

/* What one profile may hold. */
enum {
    LAW_BYTES_MAX = 256 * 1024,
    LAW_ID_SIZE_MAX = 64,
    LAW_CATEGORIES_MAX = 256,
    LAW_COUNTRIES_MAX = 256,
    LAW_INSTRUMENTS_MAX = 32,
    LAW_ELEMENTS_MAX = 256,
    LAW_ARTICLE_SIZE_MAX = 500,
    LAW_TIGHTENED_MAX = 64,
};

/* On which ground data leave (GDPR 6, PIPL 13). The words of a profile, a policy and a log: law_basis_word(). */
enum law_basis {
    BASIS_CONSENT = 0,
    BASIS_CONTRACT,
    BASIS_STATUTORY_DUTY,
    BASIS_VITAL, /* life, health, property in an emergency: break-glass */
    BASIS_NEWS,
    BASIS_PUBLIC_DATA, /* lawfully made public */
    BASIS_PUBLIC_INTEREST,
    BASIS_LEGITIMATE_INTEREST,
    BASIS_OTHER_LAW,
    BASIS_COUNT
};
#define LAW_BASIS_BIT(basis) ((uint32_t)1 << (basis))

/* Acts that a person must do separately, each by itself (PIPL 23, 25, 26, 29, 31, 39): bits. A record has the ones that were done. */
enum {
    LAW_SEPARATE_SENSITIVE = 1 << 0,
    LAW_SEPARATE_PROVIDE = 1 << 1, /* to another organisation that decides for itself: every exchange between two members */
    LAW_SEPARATE_BORDER = 1 << 2,
    LAW_SEPARATE_PUBLISH = 1 << 3,
    LAW_SEPARATE_PUBLICPLACE = 1 << 4,
    LAW_SEPARATE_MINOR = 1 << 5, /* a guardian's act */
};
enum { LAW_SEPARATE_COUNT = 6 };

/* What a basis must be accompanied by in the policy or the request: bits of law.basis[].needs. */
enum {
    LAW_NEEDS_RECORD = 1 << 0,        /* a consent record */
    LAW_NEEDS_CONTRACT = 1 << 1,      /* a contract's reference, with the person a party to it */
    LAW_NEEDS_LAW_REF = 1 << 2,       /* the law and article that obliges or permits */
    LAW_NEEDS_JUSTIFICATION = 1 << 3, /* the request says why, is reviewed, and the person is told afterwards */
    LAW_NEEDS_ORIGIN = 1 << 4,        /* where the data were made public */
    LAW_NEEDS_BALANCING = 1 << 5,     /* reference of the weighing of interests */
    LAW_NEEDS_CONFIRMATION = 1 << 7,  /* a second person or a role confirms */
    LAW_NEEDS_STATE_ORGAN = 1 << 6,   /* the recipient has the trait state_organ in its directory */
};

enum { LAW_NEEDS_COUNT = 8 };

/* Kinds of processing for which an impact assessment must be there before: bits of law.dpia_required. */
enum {
    LAW_DPIA_SENSITIVE = 1 << 0,
    LAW_DPIA_PROVIDE = 1 << 1,
    LAW_DPIA_ENTRUST = 1 << 2,
    LAW_DPIA_AUTOMATED = 1 << 3,
    LAW_DPIA_PUBLISH = 1 << 4,
    LAW_DPIA_BORDER = 1 << 5,
};
enum { LAW_DPIA_COUNT = 6 };

/* Where a value comes from. Every value of a profile has one. */
struct law_source {
    struct bytes article; /* "PIPL 31"; never empty */
    struct bytes note;    /* for people; may be empty */
    bool is_chosen;       /* the law sets no value ("timely"): whoever wrote the profile chose this one */
    bool is_unverified;   /* from general knowledge: a lawyer must look before anybody relies on it */
};
struct law_flag {
    bool value;
    struct law_source source;
};
struct law_number {
    uint64_t value;
    struct law_source source;
};
struct law_period {
    bool is_set; /* false: the law sets no bound, or there is no such right; `value` is zero then */
    struct period value;
    struct law_source source;
};
struct law_mask { /* bits, and for each bit its source */
    uint32_t bits;
    struct law_source source[16];
};
struct law_category {
    struct bytes iri; /* full */
    struct law_source source;
};
struct law_country {
    struct bytes code; /* ISO 3166-1 alpha-2, upper case */
    struct law_source source;
};
struct law_basis_rule {
    bool is_allowed;
    uint32_t needs; /* LAW_NEEDS_* */
    struct law_source source;
};

/* When nobody knows how old the person is. */
enum law_age_unknown {
    LAW_AGE_MINOR = 0,            /* like a minor */
    LAW_AGE_MINOR_WHEN_SENSITIVE, /* like a minor for sensitive categories, like an adult for others */
    LAW_AGE_ADULT,
};
enum law_guardian { LAW_GUARDIAN_REQUIRED = 0, LAW_GUARDIAN_NOT_REQUIRED };
/* Who may act for somebody who has died. */
enum law_deceased { LAW_DECEASED_NOBODY = 0, LAW_DECEASED_RELATIVES, LAW_DECEASED_NOMINEE, LAW_DECEASED_NOMINEE_ELSE_RELATIVES };

/* Kinds of what is kept: indexes of law.retention. */
enum law_record { LAW_NETWORK_LOG = 0, LAW_PROCESSING_RECORD, LAW_CONSENT_RECORD, LAW_DISCLOSURE_LOG, LAW_DPIA_RECORD, LAW_RECORD_COUNT };
struct law_retention {
    struct law_period least;   /* erase no earlier; always set */
    struct law_period longest; /* erase no later; not set: as long as its purpose needs */
};

/* Rights of the person: indexes of law.rights. */
enum law_right { LAW_ACCESS = 0, LAW_COPY, LAW_PORT, LAW_CORRECT, LAW_DELETE, LAW_RESTRICT, LAW_OBJECT, LAW_EXPLAIN, LAW_RIGHT_COUNT };

/* What crosses a border legally: one kind of instrument (PIPL 38, GDPR 45-49). A policy names real ones of these kinds. */
struct law_instrument {
    struct bytes kind;              /* "standard_contract" */
    struct law_period valid;        /* not set: no fixed end */
    struct law_period renew_before; /* not set: no renewal is due */
    struct law_flag redo_on_change;
    struct law_number max_persons,
        max_sensitive; /* distinct persons in a counting year, in all and with sensitive ones; UINT64_MAX: no limit */
    struct law_source source;
};
/* For whom a separate act for the border is needed. */
enum law_border_consent { LAW_BORDER_CONSENT_ALWAYS = 0, LAW_BORDER_CONSENT_SENSITIVE, LAW_BORDER_CONSENT_NEVER };
enum law_border_rule { LAW_BORDER_INSTRUMENT = 0, LAW_BORDER_FREE }; /* FREE: to every country that isn't restricted (DPDP 16) */
enum law_foreign_authority { LAW_FOREIGN_REFUSED = 0, LAW_FOREIGN_APPROVAL };
/* Data that must stay at home unless one of some instruments is there. */
struct law_localise {
    bool value;
    struct bytes *lifted_by; /* kinds of instruments; none: nothing lifts it */
    size_t lifted_by_count;
    struct law_source source;
};
struct law_border {
    enum law_border_rule rule;
    struct law_source rule_source;
    enum law_border_consent separate_consent;
    struct law_source separate_consent_source;
    struct law_flag blacklist; /* is there an official list of recipients that get nothing? (PIPL 42) */
    enum law_foreign_authority foreign_authority;
    struct law_source foreign_authority_source;
    struct law_country *restricted; /* countries that nothing may go to */
    size_t restricted_count;
    struct law_instrument *instruments;
    size_t instrument_count;
    unsigned count_from_month, count_from_day; /* where the counting year begins */
    struct law_source count_from_source;
    struct law_localise localise_state_organ, localise_critical;
};

/*
 * What a notice must say: one X(ENUM, "word", "what a person reads in an error") an element. The words are those of a profile's `notice.elements`.
 */
#define LAW_ELEMENTS(X)                                                                                                                    \
    X(HOLDER_NAME, "holder_name", "the holder's name")                                                                                     \
    X(HOLDER_CONTACT, "holder_contact", "how to reach the holder")                                                                         \
    X(HOLDER_ADDRESS, "holder_address", "the holder's address")                                                                            \
    X(PURPOSE, "purpose", "the purpose, in words")                                                                                         \
    X(METHOD, "method", "how the data are processed")                                                                                      \
    X(CATEGORIES, "categories", "the categories of data")                                                                                  \
    X(RETENTION, "retention", "how long the data are kept")                                                                                \
    X(RIGHTS, "rights", "how to exercise one's rights")                                                                                    \
    X(WITHDRAWAL, "withdrawal", "how to withdraw")                                                                                         \
    X(REFUSAL_EFFECT, "refusal_effect", "what refusing means")                                                                             \
    X(RECIPIENT_NAME, "recipient_name", "the recipient's name")                                                                            \
    X(RECIPIENT_CONTACT, "recipient_contact", "how to reach the recipient")                                                                \
    X(NECESSITY, "necessity", "why each sensitive category is needed")                                                                     \
    X(IMPACT, "impact", "what each sensitive category can do to the person")                                                               \
    X(RECIPIENT_COUNTRY, "recipient_country", "the recipient's country")                                                                   \
    X(BORDER_REMEDY, "border_remedy", "how to exercise one's rights against the recipient abroad")                                         \
    X(BORDER_INSTRUMENT, "border_instrument", "the instrument or safeguard of the transfer")                                               \
    X(GUARDIAN_TEXT, "guardian_text", "a text for the guardian")                                                                           \
    X(CHILD_TEXT, "child_text", "a text for the child")                                                                                    \
    X(AUTOMATED, "automated", "that a decision is automated, and how to refuse it")                                                        \
    X(OFFICER, "officer", "how to reach the data protection officer")                                                                      \
    X(REPRESENTATIVE, "representative", "the representative of an organisation from abroad")                                               \
    X(LEGAL_BASIS, "legal_basis", "the legal basis")                                                                                       \
    X(LEGITIMATE_INTEREST, "legitimate_interest", "which legitimate interest")                                                             \
    X(COMPLAINT, "complaint", "the authority to complain to")                                                                              \
    X(OBLIGATION, "obligation", "whether giving the data is an obligation, and what happens without")                                      \
    X(STORAGE, "storage", "where the data are stored")                                                                                     \
    X(SOURCE, "source", "where the data come from")                                                                                        \
    X(ITEMISED, "itemised", "an itemised description, category by category")                                                               \
    X(STANDALONE, "standalone", "a text that stands by itself")                                                                            \
    X(DPIA, "dpia", "the reference of the impact assessment")
enum law_element {
#define LAW_ELEMENT_ENUM(name, word, meaning) LAW_ELEMENT_##name,
    LAW_ELEMENTS(LAW_ELEMENT_ENUM)
#undef LAW_ELEMENT_ENUM
        LAW_ELEMENT_COUNT
};
/* When an element is due: bits; an element may be due for several reasons. */
enum {
    LAW_WHEN_ALWAYS = 1 << 0,
    LAW_WHEN_PROVIDE = 1 << 1,   /* there is a recipient */
    LAW_WHEN_SENSITIVE = 1 << 2, /* some category is sensitive by this law */
    LAW_WHEN_BORDER = 1 << 3,
    LAW_WHEN_MINOR = 1 << 4, /* the notice is (also) for minors */
    LAW_WHEN_AUTOMATED = 1 << 5,
    LAW_WHEN_LEGITIMATE_INTEREST = 1 << 6, /* the basis is that one */
    LAW_WHEN_NOT_FROM_PERSON = 1 << 7,     /* the data didn't come from the person */
};
enum { LAW_WHEN_COUNT = 8 };
struct law_notice_element {
    enum law_element element;
    uint32_t when; /* one LAW_WHEN_* bit */
    struct law_source source;
};
struct law_language {
    struct bytes tag; /* BCP 47 */
    struct law_source source;
};

struct law {
    _Atomic int reference_count;
    struct arena arena;
    uint8_t digest[SHA256_SIZE]; /* of the profile's text: what a directory and a decision name. A tightened law keeps its base's */
    bool is_tightened;
    struct bytes text;               /* of the profile, as it was parsed */
    struct bytes id, title, version; /* "CN-PIPL"; for people; "2026-11-24" */
    int64_t in_force_day;            /* days since 1970-01-01 */
    struct law_source in_force_source;
    struct law_country *territory; /* countries between which this law sees no border */
    size_t territory_count;

    struct law_basis_rule basis[BASIS_COUNT];
    struct law_category *forbidden_purposes; /* and what is narrower: never, whatever the person says */
    size_t forbidden_purpose_count;

    struct law_category *never_released; /* and what is narrower: passwords, PINs; on no basis */
    size_t never_released_count;

    uint8_t *marks; /* private: one a term of the vocabulary: sensitive, forbidden, never released */

    struct law_number minor_age; /* in years: younger is a minor */
    enum law_guardian minor_guardian;
    struct law_source minor_guardian_source;
    struct law_flag minor_all_sensitive; /* every category of a minor is sensitive */
    enum law_age_unknown minor_age_unknown;
    struct law_source minor_age_unknown_source;

    struct law_category *sensitive; /* and what is narrower */
    size_t sensitive_count;
    uint32_t sensitive_bases; /* bits of bases other than consent on which a sensitive category may leave, when the service names its law */
    struct law_source sensitive_bases_source[BASIS_COUNT];

    struct law_mask separate_consent; /* LAW_SEPARATE_* */

    struct law_period consent_max_validity;   /* always set */
    struct law_period consent_reask_after;    /* after a refusal; always set */
    struct law_flag consent_inherit_purpose;  /* may a notice say that a consent for a purpose covers narrower ones? */
    struct law_category *consent_written_for; /* categories whose consent must be in writing */
    size_t consent_written_for_count;

    struct law_retention retention[LAW_RECORD_COUNT];

    struct law_period rights[LAW_RIGHT_COUNT]; /* from receipt to the answer; not set: no such right */
    struct law_period rights_identity;         /* from receipt until the identity is known */
    struct law_period rights_extend;           /* by how much an answer may be put off; zero: not at all */
    enum law_deceased deceased;
    struct law_source deceased_source;

    struct law_period breach_authority, breach_person, breach_processor; /* from knowing to telling; always set */
    struct law_period breach_report;                                     /* the full report to the authority; not set: none */
    struct law_flag breach_possible_counts;                              /* does a possible breach count? */
    struct law_flag breach_waiver_if_no_harm;                            /* need persons not be told when measures avoid harm? */

    struct law_mask dpia_required; /* LAW_DPIA_* */
    struct law_period dpia_valid;  /* how long one assessment is good; always set */

    struct law_flag interconnection_permit; /* does every link between two members need a permit? (Malabo 15) */
    struct law_border border;

    struct law_notice_element *notice; /* what a notice must say, and when */
    size_t notice_count;
    struct law_language *languages; /* a notice must be there in all of these */
    size_t language_count;
};

/*
 * Parses a profile. Errors (ERROR_INPUT): "FILE:LINE: what is wrong; what is allowed", also for one that contradicts itself. The text is copied.
 * On failure *out is NULL.
 */
must_check bool law_parse(struct law **out, struct bytes yaml, const char *file, struct error *e);
struct law *law_keep(struct law *law);
void law_drop(struct law *law); /* NULL is allowed */

/* The profiles that are compiled in: the files of laws/ in this version. */
struct law_builtin {
    const char *id; /* "CN-PIPL" */
    struct bytes text;
};
extern const struct law_builtin law_builtins[];
extern const size_t law_builtin_count;
/* ERROR_ABSENT when there is no such id (the error proposes the nearest). */
must_check bool law_load_builtin(struct law **out, struct bytes id, struct error *e);
/* The one whose text has this digest; NULL when there is none. */
const struct law_builtin *law_find_builtin(const uint8_t digest[SHA256_SIZE]);

/* The law of a community that names none. */
#define LAW_DEFAULT_ID "strict"

/* Is the category, or any of its ancestors, in the profile's list, or unknown to the vocabulary? No allocation. */
bool law_is_sensitive(const struct law *law, struct bytes category);
/* Is the purpose, or what it is narrower than, one that this law never allows? */
bool law_forbids_purpose(const struct law *law, struct bytes purpose);
/* Is it a category, or narrower than one, that never leaves, whatever the basis? */
bool law_never_releases(const struct law *law, struct bytes category);
/* May data of this kind leave on this basis at all? */
bool law_allows(const struct law *law, enum law_basis basis, bool is_sensitive);
bool law_is_minor(const struct law *law, int64_t born_day, int64_t now_ms);
/* Does the law see no border between these countries? Equal codes, or both in its territory. An empty code is nowhere: false. */
bool law_is_domestic(const struct law *law, struct bytes from, struct bytes to);
const struct law_instrument *law_find_instrument(const struct law *law, struct bytes kind); /* NULL when absent */

/* The words of profiles, for messages and logs. */
const char *law_basis_word(enum law_basis basis);
must_check bool law_basis_parse(struct bytes word, enum law_basis *out);
const char *law_separate_word(unsigned bit); /* of one LAW_SEPARATE_* bit */
must_check bool law_separate_parse(struct bytes word, uint32_t *bit);
const char *law_element_word(enum law_element element);
const char *law_element_meaning(enum law_element element);
const char *law_right_word(enum law_right right);
const char *law_record_word(enum law_record record);

#endif
