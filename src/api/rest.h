/*
 * The REST API, on the main loop: HTTP/1.1 with JSON for persons, organisations and auditors, over TLS or on loopback. GovStack's Consent
 * building block under /govstack/v1, Comity's own under /v1; /v1/openapi.json says all of it. Routes are a table (route.c), who may what is
 * another (access.c). Handlers run on libuv's thread pool.
 */
#ifndef COMITY_API_REST_H
#define COMITY_API_REST_H

#include <uv.h>

#include "api/operation.h"
#include "directory/directory.h"

enum { REST_WORKS_MAX = 32 /* on the thread pool at once */ };

struct rest;
struct rest_pages; /* rest_page.h */
/* What the gateway lends: all of it must outlive the API, until `done` of rest_stop(). Copied. */
struct rest_options {
    const char *address;
    const char *certificate_path, *key_path; /* NULL: plain HTTP */
    const char *config_path;                 /* api.yaml */
    const char *folder;                      /* that its paths are relative to */
    struct bytes member;                     /* the gateway's own: COMMUNITY/CLASS/MEMBER */
    struct bytes origin;                     /* of its log */
    struct store *store;
    struct committer *committer;
    struct operation_context operations;
    struct exchange_finder *finder; /* consent/exchange_find.h */
    struct disk *archive;           /* of notices by digest */
    const struct rest_pages *pages; /* NULL: none */
    int64_t drain_ms;               /* how long requests under way may take once it is told to stop */
    /* Ready? Fills `why` when not. On a thread of the pool; must not block. */
    bool (*is_ready)(void *context, struct error *why);
    /* The bundle of an exchange (docs/evidence.md), appended. On the pool; may block. ERROR_ABSENT. */
    bool (*bundle)(void *context, struct bytes exchange, struct buffer *out, struct error *e);
    /* A person's list of uses, with what proves that it is all (docs/evidence-uses.md), of what operation_uses_proof() answered; appended. On the pool; may block. */
    bool (*uses_file)(void *context, const json_t *proof, struct bytes person, struct buffer *out, struct error *e);
    /* Whom the gateway trusts, as a file for a verifier (docs/evidence.md); appended. On the pool. */
    bool (*trust)(void *context, struct buffer *out, struct error *e);
    /* Who is who now: a reference that the caller drops. Any thread. */
    struct world *(*world)(void *context);
    /* The community's law, before the policy tightens it: a reference that the receiver drops. Any thread. */
    struct law *(*law)(void *context);
    /* The figures of the moment (schema Figures), the caller's. On the pool; may block shortly. */
    bool (*figures)(void *context, json_t **out, struct error *e);
    void *context;
};
/* Registers the metrics, whether the API runs or not. */
void rest_metrics_register(void);
/* Errors: those of api_config_load(), issuers_make(), tls_make_application() and server_start(). On failure *out is NULL. */
must_check bool rest_start(struct rest **out, uv_loop_t *loop, const struct rest_options *options, struct error *e);
uint16_t rest_port(const struct rest *rest);
/* Reads api.yaml, the keys in files and the TLS certificate again; on failure what was there stays. Requests under way keep what they began with. */
must_check bool rest_reload(struct rest *rest, struct error *e);
/* Takes nothing new, ends what is under way within drain_ms; frees itself; then `done` (may be NULL). */
void rest_stop(struct rest *rest, void (*done)(void *context), void *context);

/* Everything that rest_start() would read, without starting anything: `comity gateway --check`. */
must_check bool rest_check(const struct rest_options *options, struct error *e);

#endif
