/*
 * api.yaml: who may come to the REST API (docs/reference/configuration.md#api-yaml). Paths in it are relative to its folder; here they are
 * resolved. Never changes once loaded.
 */
#ifndef COMITY_API_API_CONFIG_H
#define COMITY_API_API_CONFIG_H

#include "api/access.h"
#include "api/session.h"
#include "api/token.h"
#include "base/arena.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"

enum { API_CONFIG_BYTES_MAX = 1024 * 1024, API_ISSUERS_MAX = 16, API_CLIENTS_MAX = 1000, API_PAGE_DEFAULT = 50 };

/* One value of the roles' claim and the role that it gives. */
struct api_role {
    struct bytes value;
    enum role role;
};
/* An OpenID provider whose tokens are taken. */
struct api_issuer {
    struct token_rules rules;
    const char *keys_path;    /* a JWK Set; NULL: by discovery */
    const char *trusted_path; /* PEM of who may have signed its certificate; NULL: the system's */
    bool allow_local;         /* it may stand on loopback and private addresses, and there speak plain HTTP */
    int64_t keys_age_max_ms;  /* fetched keys are used that long */
    struct bytes person_claim;
    struct bytes person_salt; /* HMAC-SHA-256's key; empty: the claim is the identifier itself */
    struct bytes person_prefix;
    struct bytes roles_claim; /* empty: everybody is a person */
    struct bytes member_claim;
    struct api_role *roles;
    size_t role_count;
    struct api_login *login; /* NULL: its tokens are taken, but nobody signs in there by our pages */
};
/* Signing in at a provider (OpenID Connect Core 1.0, authorization code). */
struct api_login {
    struct bytes name; /* what the page shows */
    struct bytes client_id;
    struct bytes client_secret; /* empty: a public client */
    struct bytes scopes;        /* joined by spaces; "openid" is among them */
    struct bytes audience;      /* of ID tokens: the client_id. token_rules.audiences points here */
    struct token_rules rules;   /* of ID tokens */
};
/* A system or an employee of an organisation, known by a token or by its certificate. */
struct api_client {
    struct bytes name;
    enum role role;
    struct bytes member; /* COMMUNITY/CLASS/MEMBER */
    uint8_t (*tokens)[SHA256_SIZE];
    size_t token_count;
    uint8_t (*pins)[PIN_SIZE];
    size_t pin_count;
};
struct api_config {
    struct arena arena; /* owns everything */
    struct api_issuer *issuers;
    size_t issuer_count;
    struct api_client *clients;
    size_t client_count;
    bool has_anonymous_govstack; /* GET of one policy and one data agreement without credentials */
    uint32_t page_max;
    int64_t idempotency_ms;
    struct bytes public_url; /* where browsers reach this listener: scheme, host, port; no '/' at its end. Empty: unknown */
    struct session_ages sessions;
    int64_t code_age_ms; /* how long a code on paper is good, unless its issuer says less */
    bool webhooks_allow_local;
    int64_t webhooks_deadline_ms; /* after the event; then a delivery is given up */
};
/*
 * `member` is the gateway's own, for clients that name none. Errors as of policy_parse(); an absent file is ERROR_ABSENT. Reads the salts'
 * files, which must be private. On failure *out is NULL.
 */
must_check bool api_config_load(struct api_config **out, const char *path, const char *folder, struct bytes member, struct error *e);
must_check bool api_config_parse(struct api_config **out, struct bytes yaml, const char *file, const char *folder, struct bytes member,
                                 struct error *e);
void api_config_free(struct api_config *config); /* NULL is allowed */

#endif
