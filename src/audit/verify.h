/*
 * What a bundle proves to somebody who trusts the keys in a trust file, and nobody else: docs/evidence.md, section by section and in its order,
 * so that the first thing that is wrong has the same code in every verifier. Pure: no clock, disk or network.
 */
#ifndef COMITY_AUDIT_VERIFY_H
#define COMITY_AUDIT_VERIFY_H

#include "audit/bundle.h"
#include "audit/said.h"
#include "audit/trust.h"
#include "directory/directory.h"

enum { VERIFY_SKEW_S = 3600 }; /* how far two clocks may be apart before their times contradict each other */

/* One receipt, found good. */
struct shown_receipt {
    struct bytes origin;
    uint64_t index, size;
    uint8_t root[SHA256_SIZE];
    size_t cosignature_count;
    uint64_t seen_s;  /* when enough witnesses had seen it; 0: they have not */
    uint64_t stamp_s; /* the earliest good time-stamp; 0: none */
    bool is_exporter;
};
/* One statement with its receipts; the same place as in bundle.statements. */
struct shown {
    const struct bundle_statement *from;
    struct shown_receipt receipts[BUNDLE_RECEIPTS_MAX];
    int64_t time_ms;       /* what it says itself; 0: hidden */
    uint64_t index;        /* in the exporter's log; UINT64_MAX: it is not there */
    uint64_t seen_s;       /* the earliest that any of its receipts shows; 0: none */
    uint64_t stamp_s;      /* likewise */
    int64_t not_before_ms; /* by an entry of the other's log that it knew; 0: nothing shows it */
};
struct shown_directory {
    struct directory *directory;
    bool is_recognised;        /* by another directory here, not by the trust file */
    struct bytes by;           /* that one's community */
    int64_t from_ms, until_ms; /* of the recognition; else all time */
};
enum { STORY_CATEGORIES_MAX = 64 };

/* What was proved. Views into the file and `arena`. */
struct story {
    struct bundle bundle;
    struct shown *shown;
    struct shown_directory directories[BUNDLE_DIRECTORIES_MAX];
    const struct shown *request, *decision, *answer; /* NULL: not in the file, or hidden */
    struct said request_said, answer_said;
    bool is_hidden[ROLE_COUNT];
    bool exporter_is_holder;
    const struct directory_member *consumer, *holder; /* NULL: no statement of theirs is shown */
    struct bytes client, service, purpose, person;    /* empty: not shown */
    bool has_verdict, is_permitted, is_answered;
    struct bytes reason;
    struct bytes released[STORY_CATEGORIES_MAX], withheld[STORY_CATEGORIES_MAX]; /* withheld: "IRI;reason=CODE" as it stands */
    size_t released_count, withheld_count;
    size_t on_consent_count;                    /* of the released ones */
    int64_t consent_given_ms, consent_until_ms; /* of the consent that it stood on; 0: none */
    int64_t withdrawn_later_ms;                 /* 0: not as far as shown */
    struct arena arena;
};

/*
 * False: refused, with the code, or (code NULL) memory was out, and `refusal->why` says so. `story` is to be cleared in both cases; it borrows
 * `file`, which must outlive it.
 */
must_check bool bundle_verify(struct bytes file, const struct trust *trust, struct story *story, struct refusal *refusal);
void story_clear(struct story *story);

#endif
