/*
 * The keys of the OpenID providers that api.yaml names: read from a file, or fetched by discovery (OpenID Connect Discovery 1.0) and kept. A
 * key that is not known makes it fetch anew, at most once in ISSUER_FETCH_GAP_MS, so that a stream of made-up keys can't; after a fetch that failed,
 * sooner.
 */
#ifndef COMITY_API_ISSUER_H
#define COMITY_API_ISSUER_H

#include "api/api_config.h"

enum { ISSUER_URL_SIZE = 2100 };
enum { ISSUER_FETCH_GAP_MS = 30 * 1000, ISSUER_RETRY_GAP_MS = 3 * 1000 };

struct issuers;
/* Reads the keys that are in files; those that are fetched come when a token first asks. `config` is borrowed and outlives it. */
must_check bool issuers_make(struct issuers **out, const struct api_config *config, struct error *e);
void issuers_free(struct issuers *issuers); /* NULL is allowed */
/*
 * Checks a token of any of them (api/token.h). Blocks while it fetches; any thread. ERROR_DENIED: the token is refused; ERROR_IO: its provider's
 * keys can't be had, so nobody knows. On success `*claims` is the caller's and `*issuer` is one of the configuration's.
 */
must_check bool issuers_check(struct issuers *issuers, struct bytes token, int64_t now_ms, json_t **claims,
                              const struct api_issuer **issuer, struct error *e);

/* The same for one provider, by rules of its own: ID tokens and logout tokens. */
must_check bool issuers_check_by(struct issuers *issuers, const struct api_issuer *issuer, const struct token_rules *rules,
                                 struct bytes token, int64_t now_ms, json_t **claims, struct error *e);

/* Where a provider's own pages and services are: of its discovery document. */
struct issuer_endpoints {
    char authorization[ISSUER_URL_SIZE], token[ISSUER_URL_SIZE];
    char end_session[ISSUER_URL_SIZE]; /* "": it has none */
    bool has_iss;                      /* its answers name it (RFC 9207) */
};
/* Blocks while it fetches, when what is there is older than keys_age_max; any thread. ERROR_IO: it can't be had. ERROR_INPUT: it is not good. */
must_check bool issuers_endpoints(struct issuers *issuers, const struct api_issuer *issuer, int64_t now_ms, struct issuer_endpoints *out,
                                  struct error *e);

#endif
