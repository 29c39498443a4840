/* The one decision: may this go out, and what of it? Pure and deterministic: all that it looks at is handed in. */
#ifndef COMITY_POLICY_DECIDE_H
#define COMITY_POLICY_DECIDE_H

#include "consent/consent.h"
#include "law/law.h"
#include "net/message.h"
#include "policy/policy.h"
#include "policy/reason.h"

struct notice;
struct notices; /* consent/notice.h */

enum { DECIDE_CATEGORIES_MAX = POLICY_RELEASES_MAX, JUSTIFICATION_SIZE_MAX = 500 };

/* What is asked. Views. */
struct decide_request {
    const struct identifier *client;      /* subsystem */
    struct bytes recipient;               /* its member, encoded: COMMUNITY/CLASS/MEMBER */
    const struct policy_service *service; /* NULL: no such service */
    struct bytes method;
    struct bytes path;          /* normalised service path */
    struct bytes purpose;       /* as declared (full IRI); empty: none was */
    struct bytes person;        /* empty: not found in the request */
    bool claims_vital;          /* Comity-Basis: vital: break-glass */
    struct bytes justification; /* Comity-Justification; empty: none */
    struct bytes confirmed_by;  /* Comity-Confirmed-By: a second person; empty: none */
    struct bytes authority;     /* Comity-Authority: the court or police that it is for; empty: none */
    int64_t now_ms;
};
/* What the directories say of both sides, at `now_ms`. Views. */
struct decide_parties {
    bool is_recognised;                          /* is the consumer's community ours, or recognised now? */
    bool is_same_member, is_same_community;      /* as the holder */
    struct bytes holder_country, client_country; /* ISO 3166-1 alpha-2; empty: not said, which is abroad */
    bool is_state_organ, is_critical;            /* traits of the holder */
    bool is_client_state_organ;
};
/*
 * The same from the directories themselves: our community's, and the client's as it is recognised now (our own for a client at home; NULL: it is not
 * recognised, or not known).
 */
struct decide_parties decide_parties_of(const struct identifier *client, const struct identifier *service, const struct directory *own,
                                        const struct directory *clients);
/* How often a record has been used: peeked at `now_ms`. */
struct decide_use {
    struct bytes record_id;
    uint64_t in_period, total;
};
/* What was counted before this request. All zero: nothing. */
struct decide_counters {
    uint64_t exported, exported_sensitive;   /* distinct persons that went abroad in this counting year, by this gateway */
    bool is_exported, is_exported_sensitive; /* is this one among them? */
    uint64_t asked;                /* distinct persons that the consumer asked about in the window, at any service of this gateway */
    bool is_asked;                 /* is this one among them? */
    bool is_full;                  /* too many to be told apart */
    uint64_t recent, usual;        /* requests about persons at this service in the present hour; usually in one; 0: not known */
    bool is_held;                  /* the consumer is held until an operator releases it */
    const struct decide_use *uses; /* of each record with limits that the view has */
    size_t use_count;
};
/* All that a decision stands on beside what is asked: values, which an auditor can hand in again. Borrowed for the call. */
struct decide_context {
    const struct policy *policy;
    const struct law *law; /* the holder's community's, with what the policy tightens; NULL: only to replay an event without a line `law` */
    const struct notices *notices; /* as they are in force; NULL: there are none */
    struct decide_parties parties;
    const struct consent_view *consents; /* of (person, client's member, purpose); NULL in a first call, see decide() */
    struct decide_counters counters;
};
/* What a category leaves on, or what holds it back. Views into the context. */
struct decide_category {
    enum reason withheld; /* REASON_NONE: it is permitted */
    enum law_basis basis;
    bool is_sensitive;                          /* by the law, the policy, or because the person is a minor */
    const struct consent_decision *consent;     /* the one that was looked at; NULL: none, or another basis */
    const struct notice *notice;                /* in force for it; NULL likewise */
    const struct border_instrument *instrument; /* on which it crosses the border; of border.instrument the nearest one */
    const struct law_source *source;            /* the article that decided; NULL: it is no question of law */
    uint32_t missing;                           /* LAW_SEPARATE_*: acts that the consent lacks */
    bool is_counted, is_counted_sensitive;      /* its release counts a new person for the border */
    uint64_t persons_max, sensitive_max; /* so many may this gateway export in the year, others' exports taken off; UINT64_MAX: any */
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
    bool is_looked_at;                                              /* it came to the categories */
    bool is_abroad;                                                 /* a border lies between the two */
    bool is_break_glass;                                            /* something leaves on vital interest that was claimed */
    bool starts_hold;                                               /* the consumer went over the guard's limit: hold it */
    bool is_minor, is_age_unknown;
    bool counts_export, counts_sensitive;      /* a new person goes abroad, as sensitive */
    uint64_t export_max, export_max_sensitive; /* at most so many, this one among them; UINT64_MAX: any */
    bool has_data_from, has_data_until;        /* only data of these dates: what all consents that it stands on allow */
    int64_t data_from_ms, data_until_ms;
    struct decide_category categories[DECIDE_CATEGORIES_MAX]; /* all about each; last: those that the service has not are not set */
};
/*
 * Checks in this order, the first failure refuses: recognised and not on a list, service, access right, purpose, contract, person, the guard against
 * harvesting, then for each category: never, basis, impact assessment, what of the border does not hang on the person, the person's state and
 * consent, what does. Whatever says something about the person comes after all that doesn't, so that a refusal shows nothing
 * (reason_told()). `context->consents` may be NULL in a first call: result->needs_consent then tells whether the view of (person, client's
 * member, result->purpose) is needed, and nothing is permitted.
 */
void decide(const struct decide_request *request, const struct decide_context *context, struct decide_result *result);
/* Must the law's impact assessment be there for this service whoever asks, and is not, or has ended? REASON_NONE: no. */
enum reason decide_published(const struct policy_service *service, const struct policy *policy, const struct law *law, int64_t now_ms);

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
