/*
 * What people do with consents and look at, as JSON in and JSON out: the same functions answer the control socket and serve a command that
 * works on a stopped gateway's folder, so that both always agree. Each blocks on the store and the log.
 */
#ifndef COMITY_API_OPERATION_H
#define COMITY_API_OPERATION_H

#include <jansson.h>

#include "consent/consent.h"
#include "consent/erasure.h"
#include "consent/uses.h"
#include "evidence/log_prune.h"
#include "policy/policy.h"
#include "rights/rights.h"

/* Law and policy at one moment; references that the receiver drops. Both NULL: not at hand. */
struct operation_grounds {
    struct law *law;
    struct policy *policy;
};

/* Borrowed. `uses` may be NULL where no list of uses is asked for, `log` where nothing is erased, `retention` where nothing is pruned. */
struct operation_context {
    struct consents *consents;
    struct uses *uses;
    const struct erasure_log *log;
    const struct retention *retention;
    /* Of the person's rights (operation_rights.h); NULL where nobody asks for them. */
    struct rights *rights;
    const struct signer *signer; /* the statement key */
    struct bytes holder;         /* our member, as drafts name it */
    struct operation_grounds (*grounds)(void *context);
    void *grounds_context;
};

/*
 * `request` is an object (NULL stands for an empty one) and is not changed; unknown keys are refused. On success `*answer` is the caller's.
 * Errors: ERROR_INPUT (the request), ERROR_ABSENT and ERROR_DENIED (the answer is no), or trouble. They never repeat a person's identifier.
 */
typedef bool operation(const struct operation_context *context, const json_t *request, json_t **answer, struct error *e);

/*
 * { "decision": "give"|"refuse", "person", "recipient", "purpose", "categories": [..], "valid_until": RFC 3339 } to
 * { "id", "log_index" }. Purpose and categories may be short ("pd:Health"). Without `valid_until` it ends after a year.
 */
operation operation_decide;
/* { "person"?, "id"? } to { "consents": [ { "id", "person", "recipient", "purpose", "category", "state", "valid_from", .. } ] }. */
operation operation_list;
/* { "id", "category"? } to { "changed", "log_index" }; log_index is null when nothing has changed. */
operation operation_withdraw;
/* { "person" } to { "changed": how many }. */
operation operation_withdraw_all;
/* { "person", "last"? } to { "uses": [..], "lag" }: the newest last; lag is how many entries of the log are not in the index yet. */
operation operation_uses;
/*
 * { "person" } to what proves that a list of that person's uses is all of it, under a root that is committed for it: { "root_entry", "from", "covers",
 * "vrf_proof", "salt", "path", "entries", "answers": [[entry, answer], ..] } (docs/evidence-uses.md). Needs `log`.
 */
operation operation_uses_proof;
/* { "person", "dry_run"? } to { "entries": [..], "event" }: what was erased, and the entry that says so (null: nothing was). */
operation operation_erase;
/* { "before"?: RFC 3339, "records"?, "dry_run"? } to { "minimum", "bundles", "records_minimum", "segments" } (evidence/log_prune.h). */
operation operation_prune;

#endif
