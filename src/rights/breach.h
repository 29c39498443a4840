/*
 * A breach of personal information, actual or possible (PIPL 57; GDPR 33, 34): when it was known, until when authority and persons must be told, exactly whom it
 * touched by the disclosures in the log, and drafts of what they are told. What it means, and what is done, people say.
 */
#ifndef COMITY_RIGHTS_BREACH_H
#define COMITY_RIGHTS_BREACH_H

#include "base/disk.h"
#include "consent/disclosures.h"
#include "rights/rights.h"

/* Which disclosures it is about; what is empty stands for all. Views. */
struct breach_scope {
    int64_t from_ms, until_ms; /* of the answers: from <= t < until */
    struct bytes service;      /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE */
    struct bytes recipient;    /* COMMUNITY/CLASS/MEMBER[/SUBSYSTEM] */
    struct bytes category;     /* full IRI */
};

/* One person that it touched. Views until the callback returns. */
struct breach_person {
    struct bytes person;     /* never in a diagnostic */
    struct bytes categories; /* full IRIs, joined by ", ", in the order of first release */
    struct bytes recipients; /* subsystems, likewise */
    uint64_t disclosures;
    int64_t first_ms, last_ms;
};
/* Of all persons together. */
struct breach_extent {
    uint64_t persons, disclosures;
    struct bytes categories, recipients; /* as above; live in the arena of the scan */
};
typedef bool breach_each(void *context, const struct breach_person *person); /* false stops, which is no error */
/*
 * Reads the log and tells each person once, in order of their identifiers. Some 200 bytes of memory a person and their lists. Blocks. ERROR_INPUT: an entry is
 * damaged, so that the list could not be complete.
 */
must_check bool breach_scan(struct disk *public, struct disk *private, const struct breach_scope *scope, breach_each *each, void *context,
                            struct arena *arena, struct breach_extent *extent, struct error *e);

enum breach_step { BREACH_AUTHORITY_TOLD = 1, BREACH_PERSONS_TOLD, BREACH_PERSONS_WAIVED, BREACH_CLOSED };
const char *breach_step_name(enum breach_step step);
must_check bool breach_step_find(struct bytes name, enum breach_step *out);

/* Views. What people say of it: all up to RIGHTS_WORDS_MAX. */
struct breach {
    struct bytes id;
    bool is_possible; /* not known to have happened */
    struct breach_scope scope;
    struct bytes cause, harm, measures, advice,
        contact; /* what happened; what it can do; what was done; what the person can do; who answers */
    struct bytes law;
    int64_t known_at_ms;                                     /* the clock's start */
    int64_t authority_due_ms, persons_due_ms, report_due_ms; /* report: 0: the law asks for none */
    int64_t authority_told_ms, persons_told_ms, closed_ms;   /* 0: not yet */
    bool is_waived;
    struct bytes waiver; /* why persons need not be told */
    struct bytes report; /* at its end */
};
/* `breach`: possible, scope, cause, harm, measures, advice, contact, known_at. ERROR_INPUT: a field. */
must_check bool breach_open(struct rights *rights, const struct breach *breach, const struct law *law, struct bytes by, int64_t now_ms,
                            char id[RIGHTS_ID_SIZE], uint64_t *index, struct error *e);
/*
 * What was done: `words` say how the authority or the persons were told, why the latter need not be (only where the law lets measures that avoid harm do so), or are the report that
 * closes it. ERROR_DENIED: done already; closed; closing before both were told; no waiver in this law.
 */
must_check bool breach_do(struct rights *rights, struct bytes id, enum breach_step step, struct bytes words, const struct law *law,
                          struct bytes by, int64_t now_ms, uint64_t *index, struct error *e);
typedef bool breach_list_each(void *context, const struct breach *breach);
/* Newest first; `id` may be BYTES_NONE: all. */
must_check bool breach_list(struct rights *rights, struct bytes id, breach_list_each *each, void *context, struct error *e);

/* Drafts, in plain English, for people to complete and to translate: to the authority (PIPL 57; GDPR 33 3), and to one person (GDPR 34 2). Pure. */
void breach_draft_authority(const struct breach *breach, const struct breach_extent *extent, struct bytes holder, struct buffer *out);
void breach_draft_person(const struct breach *breach, const struct breach_person *person, struct bytes holder, struct buffer *out);

#endif
