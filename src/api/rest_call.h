/*
 * One request of the REST API or of a page, as its handler sees it: who asks, what was sent, what goes back. Handlers run on libuv's thread
 * pool and may block; a call belongs to one thread at a time. Rows of the tables of routes name handlers (rest_route); who may is access.h's.
 */
#ifndef COMITY_API_REST_CALL_H
#define COMITY_API_REST_CALL_H

#include <jansson.h>

#include "api/access.h"
#include "api/work.h"
#include "crypto/hash.h"
#include "net/server.h"

enum {
    ROUTE_PARAMETERS_MAX = 3,
    QUERIES_MAX = 8,
    FORM_FIELDS_MAX = 128,
    FORM_BYTES_MAX = 64 * 1024,
    COOKIES_SET_MAX = 4,
    ETAG_SIZE = 80,
    PERSON_BYTES_MAX = 128,
};

struct rest;
struct rest_settings;
struct rest_call;
/* Runs on the thread pool. True: `answer` (or `raw`) is set. False: `e` says why, `refusal` of the call may say it as HTTP has it. */
typedef bool rest_handler(struct rest_call *call, struct error *e);

enum route_flag {
    ROUTE_GOVSTACK = 1, /* every refusal of a request is 400 */
    ROUTE_OFFSET = 2,   /* query `offset` and `limit` */
    ROUTE_CURSOR = 4,   /* query `cursor` and `limit` */
    ROUTE_PERSON = 8,   /* is about one person: the subject must be known before the handler runs */
    ROUTE_ANONYMOUS = 16 /* GovStack's own tests come without credentials, if api.yaml allows that */,
    ROUTE_PLAIN = 32,      /* the answer is no JSON of a schema, but a document of its own */
    ROUTE_LIVE = 128,      /* the answer is a stream of events (live_internal.h) */
    ROUTE_STATIC = 64,     /* of a page: a file that is the same for everybody; nobody is asked who he is */
    ROUTE_ANY_QUERY = 256, /* parameters that the route doesn't know are passed over: what a provider sends */
    ROUTE_PROVIDER = 512,  /* of a page: comes from a provider's server and shows a signed token; no browser, no CSRF token */
    ROUTE_SIGN_IN = 1024,  /* of a page: whoever is not signed in gets CSRF tokens, too (session.h) */
};
struct rest_route {
    const char *method;
    const char *path; /* "/v1/consents/{consentId}" */
    const char *id;   /* operationId */
    const char *summary;
    enum resource resource;
    enum verb verb;
    const char *body;    /* schema of the request's; NULL: none. Of a page: the form's fields, joined by ' '; '!' behind one that must be
                            there, '*' behind one that may be there more than once. Each form may have `csrf` and `key` besides */
    const char *answer;  /* schema of the answer's; NULL: empty */
    unsigned status;     /* of success */
    unsigned flags;      /* enum route_flag */
    const char *queries; /* names besides those of the flags, joined by ' '; '!' behind one that must be there. NULL: none */
    rest_handler *run;
};

struct route_match {
    const struct rest_route *route;                /* NULL: none has the path, or none has the method */
    struct bytes parameters[ROUTE_PARAMETERS_MAX]; /* decoded */
    unsigned methods;                              /* bits of route_methods[] that the path has; 0: no such path */
};

/* Who asks. Views into the call's arena or the settings. */
struct principal {
    unsigned roles;              /* bits: 1 << enum role */
    struct bytes name;           /* the client's; of a token: issuer and subject, hashed */
    struct bytes person;         /* a person's own identifier; empty for all others */
    struct bytes member;         /* an organisation's */
    struct bytes guardianship;   /* of a guardian's session: for whom it is, and for nobody else */
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
    const struct session *session; /* session.h; NULL: none */
    struct bytes visit;            /* what stands for a session before there is one: the secret behind the CSRF tokens of sign-in */
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
    /* Of a page (rest_page.h). */
    const struct rest_pages *pages; /* NULL: this is no page */
    struct {
        struct bytes name, value;
    } form[FORM_FIELDS_MAX];
    size_t form_count;
    const char *location; /* of a redirection; NULL: none */
    const char *cookies[COOKIES_SET_MAX];
    size_t cookie_count;
    const char *encoding;                            /* Content-Encoding; NULL: none */
    const char *language;                            /* Content-Language; NULL: none */
    bool is_immutable;                               /* a file whose name has its digest */
    struct bytes asking_guardianship, asking_person; /* rest_ask.h */
    struct bytes asking_match;                       /* rest_ask.h: the tag that a change must find; without quotes; empty: any */
    char asked_etag[ETAG_SIZE];                      /* rest_ask.h: of the last answer; without quotes; "": it had none */
    unsigned ask_count;
    bool is_asked;  /* by rest_ask(): a call inside of another */
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

/* For handlers. */
struct bytes rest_query(const struct rest_call *call, const char *name); /* empty: not there */
/* A refusal with a status of its own; returns false. `todo` may be NULL. */
__attribute__((format(printf, 7, 8))) bool rest_refuse(struct rest_call *call, struct error *e, unsigned status, const char *reason,
                                                       const char *where, const char *todo, const char *what, ...);
bool rest_absent(struct rest_call *call, struct error *e);
/* If-Match: must be there or not, must it be this? 412 else. `etag` is the present one's. */
must_check bool rest_match(struct rest_call *call, const char *etag, struct error *e);
/* COMMUNITY/CLASS/MEMBER of what begins so; all of it when it is shorter. A view. */
struct bytes rest_member_part(struct bytes identifier);
/* A text that lives as long as the call; NULL when memory is out. */
const char *rest_text(struct rest_call *call, struct bytes text);
struct bytes rest_json_bytes(const json_t *value); /* empty if it is no string */
/* What the gateway lent to the pages (rest_pages.context). */
void *rest_pages_context(const struct rest_call *call);

#endif
