/*
 * Is a notice complete and right under a law (reference law.md section 8), and what does a new revision change? Pure: the day is handed in.
 */
#ifndef COMITY_CONSENT_NOTICE_CHECK_H
#define COMITY_CONSENT_NOTICE_CHECK_H

#include "consent/notice.h"

enum { NOTICE_FINDINGS_MAX = 1000, NOTICE_POINTER_SIZE = 128 };

/* One thing that is missing or wrong. */
struct notice_finding {
    char pointer[NOTICE_POINTER_SIZE]; /* of the member: "/categories/0/impactText" */
    char what[224];                    /* "say what it can do to the person, in zh" */
    struct bytes article;              /* "PIPL 30": a view into the law; empty: a rule of Comity's own */
};
/* Owned by whoever asked. More than NOTICE_FINDINGS_MAX are cut. */
struct notice_findings {
    struct notice_finding *items;
    size_t count;
};
void notice_findings_clear(struct notice_findings *findings);

/* What a notice is held against. */
struct notice_ground {
    const struct law *law;
    int64_t now_ms;                                        /* for what ends: an impact assessment */
    bool (*is_own)(const void *context, struct bytes iri); /* a purpose or category of the policy's own; NULL: there is none */
    const void *context;
};
/* Is it one of Comity's, or of what `ground` calls its own? */
#define NOTICE_OWN_NAMESPACE "https://w3id.org/comity/"

/*
 * Lists everything that is missing or wrong, in the order of the checks; none: it may be published. False only when memory is out. The
 * findings' articles live as long as the law.
 */
must_check bool notice_check(const struct notice *notice, const struct notice_ground *ground, struct notice_findings *out, struct error *e);

/* What one difference means for consents on the older revision. The worst of all is what the revision means. */
enum notice_difference {
    NOTICE_SAME = 0, /* nothing but its number, its dates, and whether it is open for new consents */
    NOTICE_WORDING,  /* it says the same in other words */
    NOTICE_NARROWER, /* it lets less be done */
    NOTICE_WIDER,    /* it lets more be done: every person is asked again */
};
const char *notice_difference_name(enum notice_difference difference); /* "wider" */
struct notice_change {
    char pointer[NOTICE_POINTER_SIZE];
    char what[224];
    enum notice_difference difference;
};
struct notice_changes {
    struct notice_change *items;
    size_t count;
    enum notice_difference worst;
};
void notice_changes_clear(struct notice_changes *changes);
/* What `to` changes of `from`. What can't be compared counts as wider. False only when memory is out. */
must_check bool notice_compare(const struct notice *from, const struct notice *to, struct notice_changes *out, struct error *e);

#endif
