/*
 * May this leave the country? The border decision (PIPL 38-43, 55; GDPR 44-49; KE 48-50; IN 16): a pure function of values. The exporter's law
 * decides, by the exporter's gateway; the importer's gateway decides by its own whether it takes it.
 */
#ifndef COMITY_LAW_BORDER_H
#define COMITY_LAW_BORDER_H

#include "law/law.h"

/* The steps in their order; the first that fails decides. Zero was not decided. */
enum border_outcome {
    BORDER_UNDECIDED = 0,
    BORDER_NONE,              /* there is no border between the two */
    BORDER_PERMITTED,         /* on `instrument`, or freely where the law lets it */
    BORDER_RECIPIENT,         /* listed, restricted country, or not recognised now */
    BORDER_FOREIGN_AUTHORITY, /* for a foreign court or police, without approval */
    BORDER_LOCALISED,         /* must stay at home */
    BORDER_INSTRUMENT,        /* none is valid now for this recipient and these categories */
    BORDER_VOLUME,            /* one more person would exceed the instrument's limit */
    BORDER_CONSENT,           /* the person's separate act is missing */
    BORDER_DPIA,              /* no valid impact assessment */
};

/* One real instrument, as a policy names it: of a kind that the law knows. Views; all live as long as the policy. */
struct border_instrument {
    struct bytes id;   /* "sc-2026-014" */
    struct bytes kind; /* a law_instrument's */
    int64_t from_ms;
    int64_t until_ms; /* INT64_MAX: no end, where the law sets none */
    bool is_suspended;
    const struct bytes *recipients; /* "KE", "KE/MED" or "KE/MED/CLINIC9": communities, classes or members, encoded; none: nobody */
    size_t recipient_count;
    const struct bytes *categories; /* full IRIs; each covers what is narrower; none: nothing */
    size_t category_count;
    uint64_t max_persons, max_sensitive; /* what the instrument itself says beside the law; UINT64_MAX: nothing */
};
struct border_category {
    struct bytes iri;
    bool is_sensitive; /* by the law, the policy, or because the person is a minor */
};
/* All that is looked at. Views. */
struct border_facts {
    bool is_same_community;
    struct bytes exporter_country, importer_country; /* ISO 3166-1 alpha-2 from the directories; empty: not said, which is abroad */
    bool is_recognised;                              /* is the importer's community recognised now? */
    bool is_blacklisted;                             /* recipient on the official or the policy's own list */
    bool is_for_foreign_authority;                   /* the request says so, or its purpose is one */
    struct bytes approval;                           /* reference of the authority's approval; empty: none */
    bool is_state_organ, is_critical;                /* traits of the exporting member */
    struct bytes recipient;                          /* member, encoded */
    const struct border_category *categories;        /* that would leave */
    size_t category_count;
    const struct border_instrument *instruments; /* that the service names for this recipient */
    size_t instrument_count;
    uint64_t persons, sensitive_persons;          /* distinct ones exported in this counting year, with the base count */
    bool is_counted_person, is_counted_sensitive; /* is this one among them already? */
    bool has_border_act;                          /* LAW_SEPARATE_BORDER in the record; true as well where the basis isn't consent */
    bool has_dpia;                                /* the service names an impact assessment */
    int64_t dpia_until_ms;                        /* until when it is good */
    int64_t now_ms;
};
struct border_decision {
    enum border_outcome outcome;
    const struct border_instrument *instrument; /* on which it leaves; of BORDER_INSTRUMENT the one that came nearest, or NULL */
    uint64_t persons_max, sensitive_max;        /* limits that hold for `instrument`; UINT64_MAX: none */
    bool counts_person, counts_sensitive;       /* must this export be counted for a new person? */
};

void border_decide(const struct law *law, const struct border_facts *facts, struct border_decision *decision);

/* "border.volume"; "" for the outcomes that aren't refusals. */
const char *border_reason_word(enum border_outcome outcome);

/* Why an instrument doesn't carry an export: for operators and `comity policy explain`. */
enum border_fault {
    BORDER_FAULT_NONE = 0,
    BORDER_FAULT_KIND,      /* of a kind that the law doesn't know */
    BORDER_FAULT_RECIPIENT, /* for another recipient */
    BORDER_FAULT_CATEGORY,  /* doesn't cover all the categories */
    BORDER_FAULT_NOT_YET,
    BORDER_FAULT_ENDED,
    BORDER_FAULT_SUSPENDED,
};
enum border_fault border_instrument_fault(const struct law *law, const struct border_instrument *instrument,
                                          const struct border_facts *facts);
/* When this instrument ends: what it says, or sooner by the law's `valid`. INT64_MAX: never. */
int64_t border_instrument_end(const struct law *law, const struct border_instrument *instrument);

/*
 * What operators are told. Volume: 0, or 50, 80, 95, 100 for the highest mark that `count` of `max` has reached. Renewal: the moments, ascending, at which
 * to warn: `renew_before`, 30 days and 7 days before the end; returns how many of the 3 there are (0: it never ends).
 */
unsigned border_volume_mark(uint64_t count, uint64_t max);
size_t border_renewal_moments(const struct law *law, const struct border_instrument *instrument, int64_t moments_ms[3]);

#endif
