/*
 * The public service: what a gateway shows of its evidence, and does for other logs (docs/decisions/0009). The same paths on two listeners:
 * listen.peers (mutual TLS, HTTP/2) and listen.log (HTTP/1.1, anybody). To add a route: a function `public_route` in a file of its own
 * (public_NOUN.c), declared at the end here, and its row in public_service.c.
 */
#ifndef COMITY_GATEWAY_PUBLIC_SERVICE_INTERNAL_H
#define COMITY_GATEWAY_PUBLIC_SERVICE_INTERNAL_H

#include "gateway/gateway_internal.h"

enum {
    PUBLIC_RUNNING_MAX = 4,    /* at once, of one listener of one worker; each on a thread of the pool */
    PUBLIC_WAITING_MAX = 1024, /* likewise; past it 503 */
    PUBLIC_ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    PUBLIC_FIELDS_MAX = 8,
};

/*
 * One call, on a thread of the pool: it may read disks and take its time. What it points to lives until `run` returns; so does memory from
 * `arena`. The answer's texts are static or from `arena`.
 */
struct public_call {
    struct gateway *gateway;
    const struct snapshot *snapshot; /* directory and policy, for the whole call */
    const struct directory_gateway
        *peer;           /* who calls, by its pin in a directory that is valid now; NULL: anybody. ->member is its member */
    struct bytes method; /* GET (HEAD arrives as GET) or POST: what the route's row says */
    struct bytes rest;   /* the path behind the route's own, raw: nothing is percent-decoded */
    struct bytes query;  /* without the '?'; empty: none */
    const struct fields *fields;
    struct bytes body; /* whole; at most the route's limit */
    struct arena *arena;

    /* The answer. Made ready as 200, text/plain in UTF-8, no-store, empty. */
    unsigned status;
    const char *content_type;
    const char *cache; /* Cache-Control */
    bool may_compress; /* gzip, where it is accepted and is smaller */
    struct buffer answer;
    struct field extra[PUBLIC_FIELDS_MAX];
    size_t extra_count;
};
typedef void public_route(struct public_call *call);

#define PUBLIC_TEXT "text/plain; charset=utf-8"
#define PUBLIC_OCTETS "application/octet-stream"
#define PUBLIC_CACHE_NEVER "no-store"
#define PUBLIC_CACHE_SHORT "public, max-age=1" /* what changes once a second */
#define PUBLIC_CACHE_FOREVER "public, max-age=31536000, immutable"

/* Replaces the answer by "what is wrong; what to do" in one line of text. For `run`, and returns so that it can end with it. */
__attribute__((format(printf, 3, 4))) void public_refuse(struct public_call *call, unsigned status, const char *format, ...);
/* The same from an error: 404 for ERROR_ABSENT, 403 for ERROR_DENIED, 400 for ERROR_INPUT, 503 for the rest, whose cause only goes to the
 * diagnostics: a stranger learns nothing of this machine. */
void public_fail(struct public_call *call, const struct error *e);
/* One more field. More than PUBLIC_FIELDS_MAX are left out: a mistake that a test meets. */
void public_add_field(struct public_call *call, struct bytes name, struct bytes value);
/* Adds an ETag over the answer as it stands; true when the caller has the same already (If-None-Match), and then the answer is 304. */
bool public_is_unchanged(struct public_call *call);

/* ---- For the workers ---- */

/* Does the target belong to the public service? On listen.peers everything else is an exchange. */
bool public_is_target(struct bytes target);
/* Answers the request, now or later. `is_peers`: it came by listen.peers. */
void public_begin(struct worker *worker, bool is_peers, struct server_request *request);
/* server_on_fault of listen.log. */
void public_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                  struct server_answer *answer);
void public_metrics_register(void);
/* The largest body that any route takes: of a stranger nothing larger is read, let alone spooled. */
uint64_t public_body_bytes_max(void);

/* ---- Routes ---- */

public_route public_erase_notice;       /* POST /consent/erase-notices: public_consent.c */
public_route public_confirmation;       /* POST /consent/confirmations */
public_route public_exchanges;          /* GET /evidence/exchanges: public_exchanges.c */
public_route public_log_file;           /* GET /log/...: public_log.c */
public_route public_log_receipt;        /* GET /log/receipt/<index> */
public_route public_witness_add;        /* POST /witness/add-checkpoint: public_witness.c */
public_route public_witness_checkpoint; /* GET /witness/<hex>/checkpoint */
public_route public_mirror_checkpoint;  /* POST /mirror/add-checkpoint: public_mirror.c */
public_route public_mirror_entries;     /* POST /mirror/add-entries */
public_route public_mirror_copy;        /* GET /mirror/<hex>/... */

#endif
