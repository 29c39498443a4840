/* What the files of the REST API share: the listener, one request under way, and the table of routes. */
#ifndef COMITY_API_REST_INTERNAL_H
#define COMITY_API_REST_INTERNAL_H

#include "api/access.h"
#include "api/issuer.h"
#include "api/rest.h"
#include "api/schema.h"
#include "api/work.h"
#include "net/server.h"

enum {
    ROUTE_PARAMETERS_MAX = 3,
    QUERIES_MAX = 8,
    REST_BODY_BYTES_MAX = 256 * 1024,
    REST_ANSWER_BYTES_MAX = 32 * 1024 * 1024,
    ETAG_SIZE = 80,
    PERSON_BYTES_MAX = 128,
};

struct rest_call;
/* Runs on the thread pool. True: `answer` (or `raw`) is set. False: `e` says why, `refusal` of the call may say it as HTTP has it. */
typedef bool rest_handler(struct rest_call *call, struct error *e);

enum route_flag {
    ROUTE_GOVSTACK = 1, /* every refusal of a request is 400 */
    ROUTE_OFFSET = 2,   /* query `offset` and `limit` */
    ROUTE_CURSOR = 4,   /* query `cursor` and `limit` */
    ROUTE_PERSON = 8,   /* is about one person: the subject must be known before the handler runs */
    ROUTE_ANONYMOUS = 16 /* GovStack's own tests come without credentials, if api.yaml allows that */,
    ROUTE_PLAIN = 32, /* the answer is no JSON of a schema, but a document of its own */
};
struct rest_route {
    const char *method;
    const char *path; /* "/v1/consents/{consentId}" */
    const char *id;   /* operationId */
    const char *summary;
    enum resource resource;
    enum verb verb;
    const char *body;    /* schema of the request's; NULL: none */
    const char *answer;  /* schema of the answer's; NULL: empty */
    unsigned status;     /* of success */
    unsigned flags;      /* enum route_flag */
    const char *queries; /* names besides those of the flags, joined by ' '; '!' behind one that must be there. NULL: none */
    rest_handler *run;
};
extern const struct rest_route rest_routes[];
extern const size_t rest_route_count;

struct route_match {
    const struct rest_route *route;                /* NULL: none has the path, or none has the method */
    struct bytes parameters[ROUTE_PARAMETERS_MAX]; /* decoded */
    unsigned methods;                              /* bits of route_methods[] that the path has; 0: no such path */
};
enum { METHOD_GET = 1, METHOD_POST = 2, METHOD_PUT = 4, METHOD_PATCH = 8, METHOD_DELETE = 16 };
/* `method` is GET for HEAD. Texts are made in `arena`. False: memory. */
must_check bool route_find(struct bytes method, struct bytes path, struct arena *arena, struct route_match *out);
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
    struct webhooks *webhooks;      /* webhook.h */
    struct rest_settings *settings; /* the loop's own reference */
    struct schemas *schemas;
    struct bytes openapi;   /* the document, made once */
    uv_timer_t timer;       /* while it stops */
    uint64_t stop_until_ms; /* of the loop's clock */
    unsigned closing;       /* of what is still on the loop */
    uint8_t process[16];    /* random: whose unfinished idempotency rows are our own */
    void (*done)(void *context);
    void *done_context;
};

/* Who asks. Views into the call's arena or the settings. */
struct principal {
    unsigned roles;              /* bits: 1 << enum role */
    struct bytes name;           /* the client's; of a token: issuer and subject, hashed */
    struct bytes person;         /* a person's own identifier; empty for all others */
    struct bytes member;         /* an organisation's */
    uint8_t digest[SHA256_SIZE]; /* whose idempotency keys are whose */
    bool is_anonymous;
};

struct rest_call {
    struct work work; /* first */
    struct rest *rest;
    struct rest_settings *settings;
    struct server_request *request;
    struct route_match match;
    const struct rest_route *route;
    struct arena arena;
    int64_t now_ms;
    struct principal principal;
    enum access access;
    struct bytes subject;      /* whom it is about: the holder's identifier; empty: nobody in particular */
    struct bytes individual;   /* the same person as GovStack's objects call it; empty: not looked up, or none */
    bool is_subject_told;      /* the look at the subject is in the log */
    struct bytes subject_role; /* "person", "guardian", or how staff is called in events */
    struct bytes guardianship; /* the id by which a guardian acts; empty: none */
    struct {
        struct bytes name, value;
    } queries[QUERIES_MAX];
    size_t query_count;
    uint64_t offset, limit;
    struct bytes cursor;
    json_t *body;
    bool is_keyed;  /* a row waits for the answer: Idempotency-Key */
    bool is_replay; /* the answer is an older one's: Idempotency-Key */
    /* What comes out of it. */
    unsigned status;
    const char *reason; /* of a refusal; NULL: by the error's kind */
    json_t *answer;
    struct body *raw; /* instead of `answer` */
    const char *media_type;
    const char *file_name;    /* of a download; NULL: none */
    char etag[ETAG_SIZE];     /* without quotes; "": none */
    bool is_public;           /* may be kept by whoever asked, if asked about anew */
    const char *authenticate; /* WWW-Authenticate of a 401 */
    struct error e;
};

/* rest_call.c: all of a call that is on the pool, and answering it. */
void rest_call_run(struct work *work);
void rest_call_done(struct work *work);

/* rest_auth.c. False: `e`, status and reason say why. */
must_check bool rest_authenticate(struct rest_call *call, struct error *e);
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

/* For handlers. */
struct bytes rest_query(const struct rest_call *call, const char *name); /* empty: not there */
/* A refusal with a status of its own; returns false. `todo` may be NULL. */
__attribute__((format(printf, 7, 8))) bool rest_refuse(struct rest_call *call, struct error *e, unsigned status, const char *reason,
                                                       const char *where, const char *todo, const char *what, ...);
bool rest_absent(struct rest_call *call, struct error *e);
/* If-Match: must be there or not, must it be this? 412 else. `etag` is the present one's. */
must_check bool rest_match(struct rest_call *call, const char *etag, struct error *e);
/* A text that lives as long as the call; NULL when memory is out. */
const char *rest_text(struct rest_call *call, struct bytes text);
/* COMMUNITY/CLASS/MEMBER of what begins so; all of it when it is shorter. A view. */
struct bytes rest_member_part(struct bytes identifier);
/* Who is who now; the caller drops it. NULL: not at hand. */
struct world *rest_world(const struct rest_call *call);
struct bytes rest_json_bytes(const json_t *value); /* empty if it is no string */

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
