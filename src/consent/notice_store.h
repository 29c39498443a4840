/*
 * Notices of one gateway: published revisions in the store, their events in the log, and the snapshot of what is in force, which lies with
 * the consents because it changes in the same order with them.
 */
#ifndef COMITY_CONSENT_NOTICE_STORE_H
#define COMITY_CONSENT_NOTICE_STORE_H

#include "base/disk.h"
#include "consent/consent.h"
#include "consent/notice_check.h"

/*
 * What is in force now; the caller drops it. Any thread. A decision takes the views of the person's consents first and this afterwards: a
 * publication overtakes all views, so a release that would rest on an older snapshot is refused and decided anew.
 */
must_check struct notices *consents_notices(struct consents *consents);

/* What is to be published. Borrowed. */
struct notice_submission {
    const json_t
        *value; /* the notice. `revision` and `prevSha256` may be absent, or must be the next one's; `publishedAt` and `publishedBy` are
                            set here, whatever it says */
    struct bytes by; /* who publishes: "operator:7" */
    struct notice_ground ground;
    struct disk *archive; /* keeps the text by its digest, for replay and bundles (evidence/archive.h); NULL: not kept there */
};
/* What came of it; on failure only `findings` (of a notice that is not complete) may be there. notice_published_clear() it in any case. */
struct notice_published {
    struct notice *notice;
    bool is_changed;                   /* false: it says what the newest revision says; that one is `notice` */
    bool is_first;                     /* there was no complete revision before it */
    enum notice_difference difference; /* from the complete revision before */
    uint64_t log_index;                /* of its event; UINT64_MAX when nothing changed */
    struct notice_findings findings;
};
void notice_published_clear(struct notice_published *published);
/*
 * Publishes a revision, complete or draft: durable in store and log when it returns true, and in force then. Consents on a revision that it
 * is not equivalent to are superseded from the moment its event enters the log; no release stands behind it. Blocks; one after the other
 * with changes of consents.
 * ERROR_INPUT: its form, or what the law demands (`out->findings`); ERROR_DENIED: it is no next revision, or `equivalentTo` names another
 * than the complete one before it or one that it widens, or the consents are open for reading only. When the log fails after the
 * store has committed, the revision is not in force, but what it supersedes is; it is logged at the next publication or start.
 */
must_check bool notice_publish(struct consents *consents, const struct notice_submission *submission, struct notice_published *out,
                               struct error *e);

#endif
