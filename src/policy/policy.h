/*
 * The policy of one gateway: its services, the rights to them, its own subsystems' clients, and its categories, as set by `comity
 * apply` (docs/reference/policy.md). Immutable once parsed; shared by reference count; swapped whole.
 */
#ifndef COMITY_POLICY_POLICY_H
#define COMITY_POLICY_POLICY_H

#include "base/arena.h"
#include "crypto/hash.h"
#include "directory/directory.h"
#include "law/iri.h"
#include "law/law.h"

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
};

struct policy_category {
    struct bytes iri; /* full, "pd:Name" expanded */
    bool is_sensitive;
};
/* A category of a service, and on which basis it leaves. A sensitive one leaves on consent only. */
struct policy_release {
    size_t category; /* index into policy.categories */
    enum law_basis basis;
    struct bytes law_ref; /* mandatory for statutory_duty, news, public_interest, other_law */
};
/* A place in the answers, and what stands there. */
struct policy_field {
    struct json_path *path;
    struct bytes path_text;
    size_t category; /* index into policy.categories, or POLICY_STRUCTURE */
};
#define POLICY_STRUCTURE ((size_t)-1) /* mapped, but about nobody: "structure" in the file */

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
    struct policy_category *categories;
    size_t category_count;
    struct policy_service *services;
    size_t service_count;
    struct policy_client *clients;
    size_t client_count;
    struct policy_call *calls;
    size_t call_count;
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
/* What changed, a line each ("+ service ...", "- right ...", "~ service ...: url"): what `comity apply` prints. `from` may be NULL. */
must_check bool policy_difference(const struct policy *from, const struct policy *to, struct buffer *out, struct error *e);

#endif
