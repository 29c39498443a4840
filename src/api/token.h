/*
 * Bearer tokens that are JWTs (RFC 7519, RFC 9068) signed by an OpenID provider: reading, and checking against its keys. The signature is
 * checked by cjose; what may be in the header is decided here (RFC 8725). Pure: time and keys are handed in. Any thread.
 */
#ifndef COMITY_API_TOKEN_H
#define COMITY_API_TOKEN_H

#include <jansson.h>

#include "base/error.h"

enum { TOKEN_BYTES_MAX = 16 * 1024, TOKEN_KEYS_MAX = 64, TOKEN_KEYS_BYTES_MAX = 256 * 1024 };

/* `none` and the HMAC ones are not there: they can't be allowed by mistake. cjose has no EdDSA. */
enum token_algorithm { TOKEN_RS256 = 1, TOKEN_PS256 = 2, TOKEN_ES256 = 4, TOKEN_ALL = 7 };
/* 0: none of them. */
enum token_algorithm token_algorithm_find(struct bytes name);

/* The public keys of a provider (RFC 7517 JWK Set): shared by reference count. */
struct token_keys;
/*
 * Takes the RSA keys of at least 2048 bits and the EC keys on P-256 that are for signatures, and passes over all others. ERROR_INPUT: no JWK
 * Set, none that can be used, a private or a symmetric key, a `kid` twice. On failure *out is NULL.
 */
must_check bool token_keys_parse(struct token_keys **out, struct bytes text, const char *where, struct error *e);
struct token_keys *token_keys_keep(struct token_keys *keys);
void token_keys_release(struct token_keys *keys); /* NULL is allowed */
size_t token_keys_count(const struct token_keys *keys);

/* What a token is for. One of another kind is refused: none of them may stand in for another (RFC 8725 3.12). */
enum token_kind {
    TOKEN_KIND_ACCESS = 0, /* typ JWT, at+jwt or none; no `events` */
    TOKEN_KIND_ID,         /* typ JWT or none */
    TOKEN_KIND_LOGOUT, /* typ logout+jwt, JWT or none; `events` names a back-channel logout (OpenID Connect Back-Channel Logout 1.0, 2.4) */
};

/* What must hold of a token. Borrowed. */
struct token_rules {
    enum token_kind kind;
    struct bytes issuer;
    const struct bytes *audiences; /* one of them must be among the token's */
    size_t audience_count;
    unsigned algorithms; /* enum token_algorithm, or-ed */
    int64_t skew_ms;     /* how far the provider's clock may be from ours */
    int64_t age_max_ms;  /* since `iat`; 0: as long as `exp` allows, and `iat` may be absent */
};

/* The `iss` that it claims, unverified: to find whose keys to take. The text is the caller's (free()). */
must_check bool token_read_issuer(struct bytes token, char **issuer, struct error *e);
/*
 * Checks header, signature and claims, in this order; `*claims` is the caller's (json_decref()). ERROR_DENIED: refused, `what` says why
 * and never repeats the token. `*is_key_unknown` is true when only the key is missing: fetch newer ones and try once more.
 */
must_check bool token_check(struct bytes token, const struct token_keys *keys, const struct token_rules *rules, int64_t now_ms,
                            json_t **claims, bool *is_key_unknown, struct error *e);

/* OpenID Connect Core 1.0, 3.1.3.6: `at_hash` of an ID token, if it has one, is that of the access token. All algorithms here hash with SHA-256. */
bool token_has_access_hash(const json_t *claims, struct bytes access_token);

#endif
