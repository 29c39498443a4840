/*
 * The queue of reviews: each use that broke the glass, on a vital interest that the consumer claimed, is looked at by somebody of the holder until a date that the policy sets. What is to be
 * reviewed is derived from the decisions in the log, in the background; the store keeps only which they are and what was said: the person, the reason
 * that was given and who confirmed it stay in the log, and go with it when they are erased.
 */
#ifndef COMITY_RIGHTS_REVIEW_H
#define COMITY_RIGHTS_REVIEW_H

#include "base/disk.h"
#include "rights/rights.h"

enum review_verdict { REVIEW_NONE = 0, REVIEW_JUSTIFIED, REVIEW_UNJUSTIFIED }; /* numbers are in the store */
const char *review_verdict_name(enum review_verdict verdict);
must_check bool review_verdict_find(struct bytes name, enum review_verdict *out);

/*
 * In an emergency the person is told afterwards (PIPL 18; GDPR 14(3)): by the date of the review. Told, or waived where a law wants secrecy, which is then
 * cited. What the log and the list of uses show the person by themselves is no notice.
 */
enum review_notice { REVIEW_DEFERRED = 0, REVIEW_TOLD, REVIEW_WAIVED }; /* numbers are in the store */
const char *review_notice_name(enum review_notice notice);              /* "deferred", "told", "waived" */
/* Not "deferred", which nobody does. */
must_check bool review_notice_find(struct bytes name, enum review_notice *out);

/* Views. What comes from the log is empty when its entry was erased or pruned. */
struct review {
    struct bytes id;    /* "v-" and 32 hex digits: of the digest of the decision's event */
    uint64_t log_index; /* of the decision */
    int64_t time_ms, due_at_ms;
    struct bytes exchange, client, service, person, justification, confirmed_by; /* from the log */
    enum review_verdict verdict;
    struct bytes by, words;
    int64_t reviewed_at_ms; /* 0: not yet */
    enum review_notice notice;
    struct bytes notice_by, notice_words;
    int64_t notice_at_ms; /* 0: not yet */
};
bool review_is_overdue(const struct review *review, int64_t now_ms);
bool review_is_notice_overdue(const struct review *review, int64_t now_ms);
/* How many are overdue. */
must_check bool review_count_overdue(struct rights *rights, int64_t now_ms, int64_t *count, struct error *e);
must_check bool review_count_untold(struct rights *rights, int64_t now_ms, int64_t *count, struct error *e); /* overdue notices */

struct review_filter {
    struct bytes id;         /* BYTES_NONE: all */
    bool is_open, is_untold; /* only what nobody has reviewed; only whose person waits for the notice */
};
typedef bool review_each(void *context, const struct review *review); /* false stops, which is no error */
/* The most urgent first; those that were reviewed behind them. Blocks on the log. ERROR_INPUT: an entry is damaged. */
must_check bool review_list(struct rights *rights, struct disk *public, struct disk *private, const struct review_filter *filter,
                            review_each *each, void *context, struct error *e);
/* ERROR_ABSENT: no such item; ERROR_DENIED: reviewed already. `words`: up to RIGHTS_WORDS_MAX; the log has their digest. */
must_check bool review_do(struct rights *rights, struct bytes id, enum review_verdict verdict, struct bytes by, struct bytes words,
                          int64_t now_ms, uint64_t *index, struct error *e);
/* How the person was told, or which law lets it be left out: `words`, up to RIGHTS_WORDS_MAX; the log has their digest. Errors as above. */
must_check bool review_tell(struct rights *rights, struct bytes id, enum review_notice notice, struct bytes by, struct bytes words,
                            int64_t now_ms, uint64_t *index, struct error *e);

#endif
