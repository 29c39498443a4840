/* What the files of the REST API share: the listener, one request under way, and the table of routes. */
#ifndef COMITY_API_REST_INTERNAL_H
#define COMITY_API_REST_INTERNAL_H

#include "api/issuer.h"
#include "api/rest.h"
#include "api/rest_call.h"
#include "api/rest_page.h"
#include "api/schema.h"

enum {
    REST_BODY_BYTES_MAX = 256 * 1024,
    REST_ANSWER_BYTES_MAX = 32 * 1024 * 1024,
};

/* A page may use what comes from this place, and nothing inline. */
#define REST_PAGE_CSP                                                                                                                      \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; font-src 'self'; "  \
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

extern const struct rest_route rest_routes[];
extern const size_t rest_route_count;

enum { METHOD_GET = 1, METHOD_POST = 2, METHOD_PUT = 4, METHOD_PATCH = 8, METHOD_DELETE = 16 };
/* `method` is GET for HEAD. Texts are made in `arena`. False: memory. */
must_check bool route_find(struct bytes method, struct bytes path, struct arena *arena, struct route_match *out);
/* The same in another table. */
must_check bool route_find_in(const struct rest_route *routes, size_t count, struct bytes method, struct bytes path, struct arena *arena,
                              struct route_match *out);
/* "GET, HEAD, OPTIONS, PUT" of the bits. */
void route_allow(unsigned methods, char *out, size_t size);

/* What may be changed by a reload: shared by reference count. */
struct rest_settings {
    _Atomic int reference_count;
    struct api_config *config;
    struct issuers *issuers;
    struct tls *tls; /* NULL: plain */
};
must_check bool rest_settings_load(struct rest_settings **out, const struct rest_options *options, struct error *e);
void rest_settings_release(struct rest_settings *settings); /* NULL is allowed */

struct rest {
    uv_loop_t *loop;
    struct rest_options options;
    struct server *server;
    struct work_group *works;
    struct code_guard *guard;       /* code_guard.h */
    struct webhooks *webhooks;      /* webhook.h */
    struct live *live;              /* live_internal.h */
    struct rest_settings *settings; /* the loop's own reference */
    struct schemas *schemas;
    struct bytes openapi;         /* the document, made once */
    uv_timer_t timer;             /* while it stops */
    uint64_t stop_until_ms;       /* of the loop's clock */
    uint64_t settle_until_ms;     /* likewise: how long connections may take to end when their answers are out; 0: some are not */
    unsigned closing;             /* of what is still on the loop */
    uint8_t process[16];          /* random: whose unfinished idempotency rows are our own */
    _Atomic size_t shown_notices; /* so many revisions of notices are GovStack's agreements already */
    void (*done)(void *context);
    void *done_context;
};

/* rest_call.c: all of a call that is on the pool, and answering it. */
void rest_call_run(struct work *work);
void rest_call_done(struct work *work);
/* What comes after it is known who asks: rights, query, body, idempotency, handler. */
must_check bool rest_call_perform(struct rest_call *call, struct error *e);
unsigned rest_call_status(const struct rest_call *call, const struct error *e);
const char *rest_call_reason(const struct rest_call *call, const struct error *e);
/* application/x-www-form-urlencoded: one name or value, made in the call's arena. False: not well-formed, or memory. */
must_check bool rest_decode_form(struct rest_call *call, struct bytes text, struct bytes *out);

/* rest_page.c */
must_check bool rest_page_read_form(struct rest_call *call, struct error *e);
/* False: there is no sign-in page, or this is no page to come back to. */
must_check bool rest_page_lead_to_sign_in(struct rest_call *call);

/* rest_auth.c. False: `e`, status and reason say why. */
must_check bool rest_authenticate(struct rest_call *call, struct error *e);
/* Makes whom a token's claims name the call's principal: roles, person, member, as the issuer's configuration maps them. */
must_check bool rest_take_claims(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, struct error *e);
/* By the table. */
must_check bool rest_authorise(struct rest_call *call, struct error *e);
/* Of the principal's roles the one that lets this call in; after rest_authorise(). */
enum role rest_role(const struct rest_call *call);
/* Then, once the query is read: whom it is about. */
must_check bool rest_find_subject(struct rest_call *call, struct error *e);
/* Puts into the log that staff looked at the subject's data; once a call. Nothing for persons themselves. */
must_check bool rest_tell_subject(struct rest_call *call, struct error *e);
/* For handlers that learn only from a row whom it is about: may this principal see it? Sets the subject and tells it. Else as if it weren't there. */
must_check bool rest_enter_subject(struct rest_call *call, struct bytes person, struct bytes recipient, struct error *e);

/* rest_idempotency.c. `*is_done`: the answer of the first is the call's answer already. */
must_check bool rest_idempotency_begin(struct rest_call *call, bool *is_done, struct error *e);
must_check bool rest_idempotency_end(struct rest_call *call, struct bytes body, struct error *e);
void rest_idempotency_abandon(struct rest_call *call);

/* Who is who now; the caller drops it. NULL: not at hand. */
struct world *rest_world(const struct rest_call *call);

/* govstack_service.c: the person behind GovStack's id of an individual. */
must_check bool rest_find_individual(struct rest_call *call, struct bytes id, struct error *e);
/* rest_person.c: the person whom the signed-in one answers for, by the guardianship's id. */
must_check bool rest_find_ward(struct rest_call *call, struct bytes guardianship, struct error *e);

/* rest.c */
void rest_count_answer(unsigned status);

/* openapi.c: the document, from the routes and the schemas. Heap. */
must_check bool openapi_write(const struct schemas *schemas, struct buffer *out, struct error *e);
/* schemas.c, made from schemas.json. */
extern const char *const rest_schemas_text;

#endif
