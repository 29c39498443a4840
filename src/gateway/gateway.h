/*
 * The running gateway: workers that take exchanges through the pipeline (consumer.c and holder.c each hold one table of steps), the
 * committer, and what they share. Started, reloaded and drained from the main loop's thread.
 */
#ifndef COMITY_GATEWAY_GATEWAY_H
#define COMITY_GATEWAY_GATEWAY_H

#include <jansson.h>
#include <uv.h>

#include "consent/consent.h"
#include "consent/erasure.h"
#include "consent/exchange_find.h"
#include "consent/uses.h"
#include "evidence/log_prune.h"
#include "gateway/config.h"
#include "policy/policy.h"
#include "rights/rights.h"

struct gateway;

/*
 * Opens everything, recovers the log, starts the workers, and returns when all listen. `config` is borrowed and must outlive the
 * gateway. The main loop carries what runs in the background (checking dates, the index of uses). On failure *out is NULL and nothing
 * is left running. `on_dead` (may be NULL) is called on another thread when the evidence log has failed: the process must end.
 */
must_check bool gateway_start(struct gateway **out, const struct gateway_config *config, uv_loop_t *main_loop,
                              void (*on_dead)(void *context, const struct error *e), void *context, struct error *e);
/* Reads directory, policy and TLS keys again and swaps them in; on failure what was there stays. No connection is dropped. */
must_check bool gateway_reload(struct gateway *gateway, struct error *e);
/* Takes no more exchanges, ends those under way within config's limit, then `done` on the main loop. */
void gateway_drain(struct gateway *gateway, void (*done)(void *context), void *context);
/* After `done`. NULL is allowed. */
void gateway_free(struct gateway *gateway);

/* May it serve? False: `why` says what is missing (directory expired, draining, log dead). Any thread. */
bool gateway_is_ready(struct gateway *gateway, struct error *why);
struct store *gateway_store(struct gateway *gateway);
struct consents *gateway_consents(struct gateway *gateway);
struct committer *gateway_committer(struct gateway *gateway);
struct uses *gateway_uses(struct gateway *gateway);
struct exchange_finder *gateway_finder(struct gateway *gateway);
struct rights *gateway_rights(struct gateway *gateway);
const struct signer *gateway_signer(const struct gateway *gateway);
/* Law and policy in force, as references that the caller drops. Any thread. */
void gateway_grounds(struct gateway *gateway, struct law **law, struct policy **policy);
/* Who is who now, as a reference that the caller drops. Any thread. */
struct world *gateway_world(struct gateway *gateway);
/* The community's law as its directory names it, before the policy tightens it; a reference that the caller drops. Any thread. */
struct law *gateway_law(struct gateway *gateway);
const struct retention *gateway_retention(const struct gateway *gateway);
/* For erasing persons; lives as long as the gateway. */
const struct erasure_log *gateway_erasure_log(const struct gateway *gateway);

/*
 * The figures of the moment (docs/reference/api.md, Figures): an object that the caller owns. Rates and quantiles are of the time since the last
 * reading but one, some seconds while somebody looks; the first is of all since the start. Reads files of /proc and certificates: blocks shortly. Any
 * thread, one at a time (a mutex inside). ERROR_MEMORY.
 */
must_check bool gateway_figures(struct gateway *gateway, json_t **out, struct error *e);

/* How many threads of libuv's pool calls to the public service may hold at once: the pool needs so many more. */
unsigned gateway_public_calls_max(const struct gateway_config *config);

/* Everything that gateway_start() would read, without starting or changing anything: `comity gateway --check`. */
must_check bool gateway_check(const struct gateway_config *config, struct error *e);

#endif
