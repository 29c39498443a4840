/*
 * The policy of one gateway: its services, the rights to them, its own subsystems' clients, and its categories, as set by `comity
 * apply` (docs/reference/policy.md). Immutable once parsed; shared by reference count; swapped whole.
 */
#ifndef COMITY_POLICY_POLICY_H
#define COMITY_POLICY_POLICY_H

#include "base/arena.h"
#include "crypto/hash.h"
#include "directory/directory.h"
#include "law/border.h"
#include "law/iri.h"
#include "law/law.h"
#include "law/period.h"
#include "policy/transform.h"

struct law;          /* law/law.h */
struct json_path;    /* policy/json_path.h */
struct release_plan; /* policy/release.c */

/* What one file may hold. */
enum {
    POLICY_BYTES_MAX = 10 * 1024 * 1024,
    POLICY_CATEGORIES_MAX = 1000,
    POLICY_CLIENTS_MAX = 10000,
    POLICY_SERVICES_MAX = 10000,
    POLICY_PURPOSES_MAX = 256, /* a service, as are the next ones */
    POLICY_RELEASES_MAX = 64,  /* so that a set of them is one uint64_t */
    POLICY_FIELDS_MAX = 1024,
    POLICY_RIGHTS_MAX = 1000,
    POLICY_ENDPOINTS_MAX = 1000,
    POLICY_CALLS_MAX = 10000,
    POLICY_NOTICES_MAX = 64,
    POLICY_INSTRUMENTS_MAX = 1000, /* a file, as are the next ones */
    POLICY_BLACKLIST_MAX = 1000,
    POLICY_APPROVALS_MAX = 1000,
    POLICY_YEARS_MAX = 100,
    POLICY_VITAL_REVIEW_MS = 3 * 24 * 60 * 60 * 1000, /* where the file says nothing */
};

struct policy_category {
    struct bytes iri;  /* full, "pd:Name" expanded */
    bool is_sensitive; /* by the file; the law may call it so as well, and then it is */
    bool is_never;     /* never leaves, on whatever basis */
};
/* A transformation that the file asks for (policy/transform.h). */
struct policy_transform {
    struct transform how;
    size_t as; /* the category of what comes out (index into policy.categories), or POLICY_STRUCTURE: the value's own */
};
/*
 * A category of a service, and on which basis it leaves. A sensitive one leaves on consent only, or on one of `also_bases` when the request
 * claims it and the law allows it for sensitive categories.
 */
struct policy_release {
    size_t category; /* index into policy.categories */
    enum law_basis basis;
    uint32_t also_bases;  /* LAW_BASIS_BIT(): which a request may claim instead; only BASIS_VITAL can be claimed */
    struct bytes law_ref; /* law and article; mandatory for statutory_duty, news, public_interest, other_law, and with `also_bases` */
    struct bytes ref;     /* of the contract with the person, the origin, the weighing of interests; may be empty */
    const struct policy_transform *transform; /* of its fields that ask for none themselves; NULL: none */
};
/* A place in the answers, and what stands there. */
struct policy_field {
    struct json_path *path;
    struct bytes path_text;
    size_t category; /* index into policy.categories, or POLICY_STRUCTURE */
    /*
     * NULL: its release's, or none. Without `as` the value leaves transformed only, where its category is permitted; with it whole where its category
     * is, else transformed where `as` is.
     */
    const struct policy_transform *transform;
};
#define POLICY_STRUCTURE ((size_t)-1) /* mapped, but about nobody: "structure" in the file */

/* What an answer says of what was withheld, each with the reason: the categories; their fields' paths as well; nothing. */
enum policy_disclosure { DISCLOSE_CATEGORIES = 0, DISCLOSE_FIELDS, DISCLOSE_NOTHING };
enum policy_person_place { PERSON_NONE = 0, PERSON_PATH, PERSON_QUERY, PERSON_HEADER, PERSON_BODY };
struct policy_right {
    struct bytes subject; /* "COMMUNITY/CLASS/MEMBER[/SUBSYSTEM]" encoded */
    struct identifier parts;
    struct bytes method; /* "*" or a method, upper case */
    struct bytes path;   /* glob */
};
/* How each message is signed: with its batch of the log, by the receipt; or also by itself (evidence/individual.h). */
enum policy_evidence { EVIDENCE_BATCH = 0, EVIDENCE_INDIVIDUAL };
enum policy_service_type { SERVICE_REST = 0, SERVICE_OPENAPI, SERVICE_SOAP };
struct policy_endpoint {
    struct bytes method, path;
};
/* What the consumer is to the holder (PIPL 20, 21, 23). */
enum policy_relation { RELATION_PROVIDE = 0, RELATION_ENTRUST, RELATION_JOINT };
/* A document with an end: an impact assessment, a contract. */
struct policy_document {
    struct bytes ref;          /* empty: there is none */
    int64_t from_ms, until_ms; /* [from, until); INT64_MAX: no end is named */
};
/* How many distinct persons a consumer may ask about. */
struct policy_harvest {
    uint64_t persons; /* in `per`; 0: as many as it likes */
    int64_t per_ms;
    uint32_t burst; /* so many times what is usual; 0: any burst */
};
/* What every answer of a service binds its recipient to, beside what the consents say (policy/conditions.h). */
struct policy_conditions {
    bool has_life;
    struct period life;   /* how long the recipient may keep it */
    bool is_never_onward; /* it hands it to nobody */
};
/* Leave of an authority for what a foreign court or police asks (PIPL 41, GDPR 48). */
struct policy_approval {
    struct policy_document document;
    struct bytes recipient; /* member or community, encoded */
    struct bytes purpose;   /* full IRI; empty: any */
};
/* Persons whose data were exported by other ways than Comity, in a counting year. */
struct policy_year {
    uint32_t year;
    uint64_t persons, sensitive;
};
struct policy_service {
    struct bytes id; /* "COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE" encoded */
    struct identifier parts;
    enum policy_service_type type;
    enum policy_evidence evidence; /* what a request needs, and its answer gets */
    struct bytes url;              /* http:// or https:// base; may be empty (service_missing_url) */
    bool verify_tls;
    struct bytes trusted_path; /* PEM of certificates the service may have; empty: any */
    struct bytes openapi_url;  /* for SERVICE_OPENAPI */
    uint32_t timeout_ms;
    bool is_disabled;
    struct bytes disabled_notice;
    enum policy_person_place person_place; /* PERSON_NONE: about nobody; the answer is released whole */
    struct bytes person_name;              /* the query parameter, header, or JSON pointer (RFC 6901) */
    struct bytes person_template;          /* for PERSON_PATH: "/patients/{person}/record" or "/{person}/..." */
    struct bytes *purposes;                /* full IRIs allowed */
    size_t purpose_count;
    struct bytes default_purpose; /* of a plain X-Road client; may be empty */
    struct policy_release *releases;
    size_t release_count;
    struct policy_field *fields;
    size_t field_count;
    struct policy_right *rights;
    size_t right_count;
    struct policy_endpoint *endpoints;
    size_t endpoint_count;
    struct policy_document dpia;
    enum policy_relation relation;
    struct policy_document contract;
    struct bytes duty; /* the statutory duty that the service was declared for: law and article; empty: none */
    bool is_automated; /* answers feed decisions that no human makes (PIPL 24, GDPR 22) */
    enum policy_disclosure disclosure;
    bool has_pseudonyms;   /* one of its transformations makes some */
    bool is_whole_never;   /* a value leaves transformed only: what is no JSON, and so can't be cut, doesn't leave */
    bool keeps_range;      /* the service keeps to Comity-Data-From and Comity-Data-Until */
    struct bytes *notices; /* ids that a consent must be on; none: any notice that names the service */
    size_t notice_count;
    struct border_instrument *instruments; /* those of the policy that the service names; all of them if it names none */
    size_t instrument_count;
    struct policy_harvest harvest; /* the service's own, or the policy's */
    struct policy_conditions conditions;
    const struct release_plan *plan; /* made by policy_parse() from the fields; NULL in a service made by hand */
};
enum policy_connection { CONNECTION_HTTP = 0, CONNECTION_HTTPS_NO_AUTH, CONNECTION_HTTPS };
/* One of our own subsystems as consumer: how its systems prove themselves. */
struct policy_client {
    struct bytes subsystem; /* encoded */
    struct identifier parts;
    enum policy_connection connection;
    uint8_t (*certificates)[SHA256_SIZE]; /* of the DER of what may come in, for CONNECTION_HTTPS */
    size_t certificate_count;
    uint8_t (*tokens)[SHA256_SIZE]; /* SHA-256 of bearer tokens; none: no token asked */
    size_t token_count;
};
/* A service of anybody's that our clients call, and what we ask of the exchange. */
struct policy_call {
    struct bytes service; /* encoded, as policy_service.id */
    struct identifier parts;
    enum policy_evidence evidence;
};
struct policy {
    _Atomic int reference_count;
    struct arena arena;
    uint8_t digest[SHA256_SIZE]; /* of the text it was parsed from */
    struct bytes law_text;       /* the whole file, if it has a section `law`; else empty */
    struct policy_category *categories;
    size_t category_count;
    struct policy_service *services;
    size_t service_count;
    struct policy_client *clients;
    size_t client_count;
    struct policy_call *calls;
    size_t call_count;
    struct border_instrument *instruments;
    struct bytes *instrument_refs; /* one an instrument: the filing, the certificate; may be empty */
    size_t instrument_count;
    struct bytes *blacklist; /* members or communities that get nothing, encoded */
    size_t blacklist_count;
    struct bytes *authority_purposes; /* full IRIs: asking for one is asking for a foreign authority */
    size_t authority_purpose_count;
    struct policy_approval *approvals;
    size_t approval_count;
    struct policy_year *years;
    size_t year_count;
    struct policy_harvest harvest;
    bool is_vital_confirmed; /* break-glass needs a second person, whatever the law says */
    int64_t vital_review_ms; /* how soon a break-glass must be reviewed */
    /* Private: open-addressed tables of indexes + 1 by identifier; 0 is free. */
    uint32_t *service_table, *client_table, *call_table;
    size_t service_table_size, client_table_size, call_table_size; /* powers of two */
};

/*
 * Parses YAML by schema. `owner` is our own member: services and clients must be inside it. Errors: "FILE:LINE: what is wrong, what is
 * allowed". Files named in it (certificates) are read relative to `folder`.
 */
must_check bool policy_parse(struct policy **out, struct bytes yaml, const char *file, const char *folder, const struct identifier *owner,
                             struct error *e);
struct policy *policy_keep(struct policy *policy);
void policy_drop(struct policy *policy); /* NULL is allowed */
const struct policy_service *policy_find_service(const struct policy *policy, const struct identifier *id);
const struct policy_client *policy_find_client(const struct policy *policy, const struct identifier *subsystem);
const struct policy_call *policy_find_call(const struct policy *policy, const struct identifier *service);
/* Does any right of this service let the client call method and path (already normalised)? Rights of a member hold for its subsystems. */
bool policy_allows(const struct policy_service *service, const struct identifier *client, struct bytes method, struct bytes path);
/* The law that holds here: the community's with what this policy makes stricter. ERROR_INPUT with the line, for what would loosen it. */
must_check bool policy_tighten(const struct policy *policy, struct law *base, const char *file, struct law **out, struct error *e);
/*
 * What can never leave by this policy under this law, and why, a line each: for who applies it. A line is no error: the same file may serve under a
 * law that changes.
 */
must_check bool policy_check(const struct policy *policy, const struct law *law, int64_t now_ms, struct buffer *out, struct error *e);
/* Is the recipient (member, encoded), or its community, in the list? */
bool policy_is_listed(const struct bytes *list, size_t count, struct bytes member);
/* What changed, a line each ("+ service ...", "- right ...", "~ service ...: url"): what `comity apply` prints. `from` may be NULL. */
must_check bool policy_difference(const struct policy *from, const struct policy *to, struct buffer *out, struct error *e);

#endif
