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
#include "directory/directory.h"
#include "evidence/log_prune.h"
#include "policy/policy.h"
#include "rights/rights.h"

/* Law and policy at one moment; references that the receiver drops. Both NULL: not at hand. */
struct operation_grounds {
    struct law *law;
    struct policy *policy;
};

struct operation_ground; /* operation_notice.h */
/* Borrowed. `uses` may be NULL where no list of uses is asked for, `log` where nothing is erased, `retention` where nothing is pruned. */
struct operation_context {
    struct consents *consents;
    struct uses *uses;
    const struct erasure_log *log;
    const struct retention *retention;
    /* Of the person's rights (operation_rights.h); NULL where nobody asks for them. */
    struct rights *rights;
    struct store *store;         /* what the REST API keeps of persons; NULL where nothing is erased */
    const struct signer *signer; /* the statement key */
    struct bytes holder;         /* our member, as drafts name it */
    struct operation_grounds (*grounds)(void *context);
    void *grounds_context;
    /* The directories as they are now, as a reference that the receiver releases, and what was counted: of explanations; NULL elsewhere. */
    struct world *(*world)(void *context);
    void *world_context;
    struct counters *counters;
    /* What a notice and a consent on one are checked by, at this moment (operation_notice.h), and where notices' texts are kept; NULL where neither is done. */
    bool (*take_ground)(void *context, struct operation_ground *out, struct error *e);
    void *ground_context;
    const char *archive_folder;
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

/*
 * Consents on notices. Who acts stands in each: { "by"?: "person", "guardian", "relative", "delegate", "authority", "system"; "by_ref"?, "evidence"?:
 * SHA-256 in hex, "method"?, "language"?, "assurance"? }. The answer has { "id", "changed": is anything another than before, "records": how many,
 * "log_index": null when nothing was logged }. ERROR_DENIED names the reason in brackets at its end.
 */
/* { "person", "notice": its id, "until"? }: asks, by the system when nobody is named. */
operation operation_request;
/*
 * { "decision": "give" or "refuse"; "person" and "notice" (its id; the current revision), or "id" of a record that asks; "sha256"?: the revision that was
 * shown; "categories"?: those that are given, the other optional ones refused; "separate"?: [..]; "valid_from"?, "valid_until"?; "limits"?: { "mode",
 * "fetch", "max", "per", "total", "data_from", "data_until", "recipient_life", "erase_at" }, what is absent as the notice has it }.
 */
operation operation_answer;
/* { "id", "event": "defer", "pause", "resume", "withdraw", "revoke", "supersede", "invalidate" or "expire"; "category"?, "expected"?: sha256 }. */
operation operation_change;
/* { "person", "recipient"?, "purpose"?, "category"? }: withdraws all of that. */
operation operation_withdraw_where;
/*
 * Consents by the ten thousand (consent/import.h): { "columns": the file's first line; "lines": whole lines; "first_line"?: the number of the first; "notice"?: of
 * lines that name none; "dry_run"? } to { "batch": null when no record was made, "records", "there", "refused", "faults": [{ "line", "why" }],
 * "log_index" }.
 */
operation operation_import;
/*
 * { "id" } to what shows that an imported record is in the log: { "batch", "entry": of the batch, "place", "records", "salt", "path", "root", "event": its
 * text }.
 */
operation operation_import_proof;
/* { "id" } to { "events": [ each with its lines by name, "categories", "log_index", "sha256" of the record behind it ] }. */
operation operation_history;

/* Persons. { "person" } to { "born", "died", "paused", "restricted", "representatives": [..] }. */
operation operation_person;
/* { "person", "born": "1980-03-01" or null }; by an authority when nobody is named. */
operation operation_person_born;
/* { "person", "event": "died", "alive", "pause", "resume", "restrict" or "unrestrict" }. */
operation operation_person_mark;
/* { "person", "role": "guardian", "delegate" or "relative"; "ref", "relation", "relation_evidence", "proof": SHA-256 in hex; "from"?, "until"? }. */
operation operation_representative_add;
/* { "id" }. */
operation operation_representative_end;

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
