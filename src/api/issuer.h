/*
 * The keys of the OpenID providers that api.yaml names: read from a file, or fetched by discovery (OpenID Connect Discovery 1.0) and kept. A
 * key that is not known makes it fetch anew, at most once in ISSUER_FETCH_GAP_MS, so that a stream of made-up keys can't; after a fetch that failed,
 * sooner.
 */
#ifndef COMITY_API_ISSUER_H
#define COMITY_API_ISSUER_H

#include "api/api_config.h"

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

#endif
