/*
 * Webhooks: what happens to consents is told to URLs that have subscribed. An event is queued in the transaction that it comes from, so that
 * none is lost and none is told that did not happen; deliveries are signed, repeated with growing pauses, and given up at a deadline.
 *
 * Headers are those of Standard Webhooks 1.0.0: `webhook-id` (the same for each attempt), `webhook-timestamp` (seconds), `webhook-signature`:
 * "v1," and the base64 HMAC-SHA-256, under the webhook's secret, of "ID.TIMESTAMP.BODY".
 */
#ifndef COMITY_API_WEBHOOK_H
#define COMITY_API_WEBHOOK_H

#include <jansson.h>

#include "base/error.h"
#include "store/store.h"

enum { WEBHOOKS_MAX = 200 /* of all owners */, WEBHOOK_ATTEMPT_MS_MAX = 10 * 1000, WEBHOOK_KEPT_MS = 7 * 24 * 60 * 60 * 1000 };

/* GovStack's names. */
#define WEBHOOK_EVENTS(X)                                                                                                                  \
    X("consent.allowed")                                                                                                                   \
    X("consent.disallowed")                                                                                                                \
    X("consent.auto_expiry")                                                                                                               \
    X("data.delete.initiated")                                                                                                             \
    X("data.download.initiated")                                                                                                           \
    X("data.update.initiated")                                                                                                             \
    X("data.delete.cancelled")                                                                                                             \
    X("data.download.cancelled")                                                                                                           \
    X("data.update.cancelled")                                                                                                             \
    X("org.subscribed")                                                                                                                    \
    X("org.unsubscribed")
bool webhook_event_is_known(struct bytes name);

/*
 * Inside the transaction of what happened. `recipient` is the member whose webhooks hear of it besides the holder's own (empty: those only);
 * `data` is borrowed and names nobody by the holder's identifier.
 */
must_check bool webhooks_queue(struct store *store, struct bytes recipient, const char *event, const json_t *data, int64_t now_ms,
                               struct error *e);

/* A consent_listener: tells of what permits more or less from now on. */
struct consent_news;
must_check bool webhooks_hear(struct store *store, const struct consent_news *news, struct error *e);

struct rest;
struct webhooks;
/* Delivers from then on; looks once a second. */
must_check bool webhooks_start(struct webhooks **out, struct rest *rest, struct error *e);
/* After the deliveries under way; frees itself; then `done`. What is not delivered stays in the store. */
void webhooks_stop(struct webhooks *webhooks, void (*done)(void *context), void *context);

/* How long to wait after so many failed attempts (from 1), without the jitter. Pure. */
int64_t webhook_pause_ms(unsigned attempts);
/* "v1,<base64>". Pure. */
enum { WEBHOOK_SIGNATURE_SIZE = 48 };
void webhook_sign(struct bytes secret, const char *id, int64_t timestamp_s, struct bytes body, char out[WEBHOOK_SIGNATURE_SIZE]);

void webhook_metrics_register(void);

#endif
