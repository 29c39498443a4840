/*
 * Impact assessments (PIPL 55, 56; GDPR 35): the record that one was made before a service gave what the law asks one for, by whom, until when it is good. The policy file names it by its
 * reference. A record is never changed or deleted here: the law says how long it is kept, at least (law.retention[LAW_DPIA_RECORD]).
 */
#ifndef COMITY_RIGHTS_ASSESSMENT_H
#define COMITY_RIGHTS_ASSESSMENT_H

#include "rights/rights.h"

enum { ASSESSMENT_WORDS_MAX = 64 * 1024 };

/* Views. */
struct assessment {
    struct bytes id;        /* "a-" and 32 hex digits; not of a new one */
    struct bytes service;   /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE */
    struct bytes reference; /* as in the policy's `dpia.ref`; each once */
    struct bytes author;    /* who answers for it */
    struct bytes words;     /* the report: purpose and method, effect and risk, protection (PIPL 56); up to ASSESSMENT_WORDS_MAX */
    int64_t made_at_ms, valid_until_ms;
    int64_t created_at_ms; /* not of a new one */
};
/* ERROR_INPUT: a field; longer valid than the law lets one be; made in the future. ERROR_DENIED: the reference is taken. */
must_check bool assessment_add(struct rights *rights, const struct assessment *assessment, const struct law *law, int64_t now_ms,
                               char id[RIGHTS_ID_SIZE], uint64_t *index, struct error *e);
typedef bool assessment_each(void *context, const struct assessment *assessment); /* false stops, which is no error */
/* Newest first. `service` may be BYTES_NONE: all. Views until the callback returns. */
must_check bool assessment_list(struct rights *rights, struct bytes service, assessment_each *each, void *context, struct error *e);

#endif
