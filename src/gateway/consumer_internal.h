/* The consumer's side, by file: consumer.c (the table, the request), consumer_answer.c (the answer, refusals). */
#ifndef COMITY_GATEWAY_CONSUMER_INTERNAL_H
#define COMITY_GATEWAY_CONSUMER_INTERNAL_H

#include "gateway/exchange_internal.h"

/* Steps. */
enum verdict consumer_verify_answer(struct exchange *x);
enum verdict consumer_log_answer(struct exchange *x);
enum verdict consumer_reply(struct exchange *x);
/* Steps of a refusal. */
enum verdict consumer_settle(struct exchange *x);
enum verdict consumer_log_refusal(struct exchange *x);
enum verdict consumer_reply_refusal(struct exchange *x);

/* Does our policy ask for a signature of each message by itself, of the service that is called? */
bool consumer_asks_individual(const struct exchange *x);
/* Does the request anew for the next gateway that serves the subsystem: only when nothing can have reached this one. */
enum verdict consumer_try_next(struct exchange *x);

#endif
