/* The holder's side, by file: holder.c (the table, verifying), holder_decide.c (deciding), holder_service.c (the service), holder_answer.c (what goes back). */
#ifndef COMITY_GATEWAY_HOLDER_INTERNAL_H
#define COMITY_GATEWAY_HOLDER_INTERNAL_H

#include "consent/counters.h"
#include "gateway/exchange_internal.h"

/* Steps. */
enum verdict holder_decide(struct exchange *x);
enum verdict holder_call_service(struct exchange *x);
enum verdict holder_release(struct exchange *x);
enum verdict holder_log_answer(struct exchange *x);
enum verdict holder_send_answer(struct exchange *x);
/* Steps of a refusal. */
enum verdict holder_settle(struct exchange *x);
enum verdict holder_log_refused(struct exchange *x);
enum verdict holder_log_refusal(struct exchange *x);
enum verdict holder_send_refusal(struct exchange *x);

/* What the directories say of both sides at this moment. */
struct decide_parties holder_parties(const struct exchange *x, int64_t now_ms);
/* Fills x->grounds.counters for x->asked, with what is known so far: uses and exports when the consents are read. */
void holder_peek_counters(struct exchange *x);
/* Counts the request itself; once for each decision event. */
void holder_count_ask(struct exchange *x);
/* What the release counts for. `out` must not move while it is used. False: memory. */
struct holder_counts {
    struct counter_release release;
    struct counter_use uses[DECIDE_CATEGORIES_MAX];
    struct counter_export exported;
};
must_check bool holder_release_counts(struct exchange *x, struct holder_counts *out);
/* Writes the decision event and submits it; GO_ON at once. */
enum verdict holder_submit_decision(struct exchange *x, bool is_permitted);
/* Makes the exchange decide anew: a consent was overtaken between the decision and the release. */
enum verdict holder_decide_again(struct exchange *x);

#endif
