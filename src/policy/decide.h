/* The one decision: may this go out, and what of it? Pure and deterministic: all that it looks at is handed in. */
#ifndef COMITY_POLICY_DECIDE_H
#define COMITY_POLICY_DECIDE_H

#include "consent/consent.h"
#include "net/message.h"
#include "policy/policy.h"
#include "policy/reason.h"

enum { DECIDE_CATEGORIES_MAX = 64 };

/* What is asked. Views. */
struct decide_request {
    const struct identifier *client;      /* subsystem */
    const struct policy_service *service; /* NULL: no such service */
    struct bytes method;
    struct bytes path;    /* normalised service path */
    struct bytes purpose; /* as declared (full IRI); empty: none was */
    struct bytes person;  /* empty: not found in the request */
    int64_t now_ms;
};
/* What the directories say of both sides, at `now_ms`. */
struct decide_parties {
    bool is_recognised; /* is the consumer's community ours, or recognised now? */
};
/* All that a decision stands on beside what is asked: values, which an auditor can hand in again. Borrowed for the call. */
struct decide_context {
    const struct policy *policy;
    struct decide_parties parties;
    const struct consent_view *consents; /* of (person, client's member, purpose); NULL in a first call, see decide() */
};
/* What comes out. */
struct decide_result {
    enum reason reason;                                             /* REASON_NONE: permitted */
    struct bytes purpose;                                           /* the one that holds: declared or the service's default */
    bool is_whole;                                                  /* about nobody: release everything */
    bool permitted[DECIDE_CATEGORIES_MAX];                          /* one a release of the service */
    enum reason withheld[DECIDE_CATEGORIES_MAX];                    /* why not */
    const struct consent_decision *consents[DECIDE_CATEGORIES_MAX]; /* what it stands on; NULL for other bases */
    bool needs_consent;                                             /* the caller must hand in a view, and did not */
};
/*
 * Checks in the order of design section 7: recognised, access right, purpose, basis, consent; the first failure refuses. `context->consents`
 * may be NULL in a first call: result->needs_consent then tells whether the view of (person, client's member, result->purpose) is needed.
 */
void decide(const struct decide_request *request, const struct decide_context *context, struct decide_result *result);

/* The metadata services of X-Road, which every subsystem has and which need no right: listMethods, allowedMethods, getOpenAPI. */
bool decide_is_metadata(const struct identifier *service, struct bytes method);
/*
 * What comes before decide(): the service of this name, if it can be called, and the path as rights are matched with (in `arena`). `raw_path` is
 * the request's behind the service code. REASON_NONE, or why not; `*service` is set wherever there is one.
 */
enum reason decide_find_service(const struct policy *policy, const struct identifier *id, const struct identifier *client,
                                struct bytes method, struct bytes raw_path, struct arena *arena, const struct policy_service **service,
                                struct bytes *path);

enum { PERSON_SIZE_MAX = 256 };
/*
 * Finds the person's identifier where the service says it stands: 1 to PERSON_SIZE_MAX bytes of UTF-8 without control characters and without
 * white space around, decoded into `arena`. Path and query are the raw ones, `fields` the request's, as they go to the service; `body` is the
 * request's (a whole view; at most 1 MiB is read). False when it isn't there, is there twice, or could be read otherwise by the service
 * (docs/reference/policy.md, "person"): consent is asked for the one that we read, and data leaves about the one that the service reads.
 * False for PERSON_NONE.
 */
must_check bool person_find(const struct policy_service *service, struct bytes service_path, struct bytes query, const struct field *fields,
                            size_t field_count, struct bytes body, struct arena *arena, struct bytes *out);

#endif
