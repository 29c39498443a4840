/*
 * The words for data and purposes that this version knows: W3C DPV 2.3 and what Comity adds, compiled in from src/law/data/ (origin and licence
 * are there). Pure. What isn't here may still be used; it has no ancestors, and a law treats it as sensitive.
 */
#ifndef COMITY_LAW_VOCABULARY_H
#define COMITY_LAW_VOCABULARY_H

#include "base/bytes.h"

enum vocabulary_kind {
    VOCABULARY_UNKNOWN = 0,
    VOCABULARY_CATEGORY, /* of personal data */
    VOCABULARY_PURPOSE,
    VOCABULARY_PROCESSING, /* what is done with it: dpv:Consult, dpv:Store */
};
struct vocabulary_term {
    struct bytes iri; /* full */
    enum vocabulary_kind kind;
    struct bytes label;      /* in English, "Blood Type" */
    const uint16_t *parents; /* skos:broader, one up, within the kind; indexes of vocabulary_terms; an acyclic graph */
    size_t parent_count;
};

/* NULL for what isn't known. No allocation; any thread; one hash and about one comparison. */
const struct vocabulary_term *vocabulary_find(struct bytes iri);
/* Is `iri` the same as `broader`, or is `broader` among its ancestors? Unknown IRIs are within themselves only. */
bool vocabulary_is_within(struct bytes iri, struct bytes broader);

/* All of them, in the order of their IRIs' bytes. */
extern const struct vocabulary_term vocabulary_terms[];
extern const size_t vocabulary_term_count;

#endif
