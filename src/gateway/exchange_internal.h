/* One request and its answer on their way through this gateway, and the table of steps that takes them. */
#ifndef COMITY_GATEWAY_EXCHANGE_INTERNAL_H
#define COMITY_GATEWAY_EXCHANGE_INTERNAL_H

#include "consent/notice_store.h"
#include "gateway/gateway_internal.h"
#include "gateway/message_internal.h"
#include "gateway/xroad.h"
#include "policy/decide.h"

/*
 * WAIT: the step has arranged that exchange_run() is called again, and is then run again itself. JUMP: the step has set x->step to an
 * earlier one, which is to be done anew.
 */
enum verdict { GO_ON = 0, WAIT, REFUSE, JUMP };
struct exchange;
struct step {
    const char *name;
    enum verdict (*run)(struct exchange *x);
};
struct step_table {
    const struct step *steps;
    size_t count;
    size_t elsewhere; /* the step whose time is somebody else's (the other gateway's, the service's): not what we add */
};

/* Reserved at once for a text that usually fits, so that it is not copied as it grows. */
enum { HEAD_BYTES_USUAL = 960, EVENT_BYTES_USUAL = 1536 };

/* What each side logs in an exchange: the request (the holder: with its decision), the answer, and what is said when it is refused. */
enum { ENTRY_REQUEST = 0, ENTRY_ANSWER, ENTRY_REFUSAL, ENTRY_COUNT };

/* What a request claims for itself beside its purpose (docs/reference/policy.md, "Break-glass"); views; empty: not claimed. */
struct claims {
    bool is_vital;              /* Comity-Basis: vital */
    struct bytes justification; /* Comity-Justification */
    struct bytes confirmed_by;  /* Comity-Confirmed-By */
    struct bytes authority;     /* Comity-Authority */
};

/*
 * Lives in its request's arena and dies with it, in exchange_end(). Only what outlives a step is here. Strings are views into the
 * request, its arena, the peer's answer or the snapshot, all of which live until the end.
 */
struct exchange {
    struct worker *worker;
    struct snapshot *snapshot;
    struct server_request *request;
    struct arena *arena;
    const struct listener *listener;
    struct step_table table, refusal;
    size_t step;
    bool is_refused;
    const char *prefix; /* X-Road-Error's: which side speaks */
    uint64_t started_at_us;
    uint64_t step_at_us;   /* when the step before was through */
    uint64_t elsewhere_us; /* spent in steps that wait for somebody else */
    bool is_holder;
    /* What is under way, and will call exchange_run() again. Nothing ends before it is 0. */
    unsigned pending;

    /* The request, as X-Road has it. */
    struct bytes exchange_id, message_id;
    bool is_message_id_made;
    struct fields app_fields; /* the application's (request) that pass, in its letter case */
    struct bytes target;      /* raw, as the application sent it */
    struct xroad_target parts;
    struct identifier client;
    struct bytes client_text; /* X-Road-Client, as sent */
    struct bytes purpose;     /* full IRI; empty: none declared */
    struct claims claims;
    uint8_t head_sha512[SHA512_SIZE];
    uint8_t request_hash[XROAD_HASH_SIZE];
    struct bytes accept;

    /* Statements and their entries in our log. */
    struct message sent_request;                                  /* as it went between the gateways */
    struct message answer;                                        /* likewise */
    struct bytes request_statement, answer_statement, parameters; /* parameters: of what we state */
    /* Signatures of the messages by themselves (evidence/individual.h), 64 bytes each; empty: none was asked for. */
    struct bytes own_signature, peer_signature;
    bool is_submitted[ENTRY_COUNT];
    bool is_logged[ENTRY_COUNT];

    /* The consumer's side. */
    const struct directory_gateway *peer; /* the holder's gateway (consumer side), or the consumer's (holder side) */
    const struct directory_gateway **candidates;
    size_t candidate_count, candidate;
    struct client_call *call;
    struct client_answer *reply; /* from the peer, or from the service */
    enum client_failure failure;
    bool is_called, is_answered;
    uint64_t sequence; /* of our request to this peer (gateway/sequences_internal.h); 0: none */

    /* The holder's side. */
    struct bytes request_receipt; /* text, for the record */
    int64_t created_s;            /* of the request's statement */
    bool has_receipt;             /* the receipt proves the statement */
    const struct policy_service *service;
    struct bytes normal_path, person;
    struct decide_request asked;   /* as it was decided */
    struct decide_context grounds; /* likewise */
    struct decide_result decision;
    int64_t decided_at_ms;        /* the time that it was decided at; 0: it did not come to that */
    struct consent_view consents; /* zeroed until they were looked up */
    struct consent_room *room;    /* where they are found; NULL until they were wanted */
    struct notices *notices;      /* in force when the consents were looked up; NULL: not looked up */
    bool is_loading, has_load_failed;
    bool is_metadata;
    struct bytes decision_text; /* the decision event */
    struct body *answer_body;   /* what goes out */
    unsigned answer_status;
    struct fields answer_fields;
    bool kept[DECIDE_CATEGORIES_MAX]; /* one a release of the service: did a value of it stay in the answer? */
    /* Likewise: was one taken out as it could not be transformed; and how were those transformed that stayed, a bit a kind. */
    bool untransformed[DECIDE_CATEGORIES_MAX];
    uint8_t transformed[DECIDE_CATEGORIES_MAX];

    /* Of a refusal. */
    enum reason reason;
    const char *error_type;  /* overrides the reason's X-Road error; may be NULL */
    struct bytes error_text; /* X-Road-Error, of a holder's refusal */
    unsigned refusal_status; /* 0: 500 */
    struct bytes detail;     /* for people; never a person's identifier */

    /* Not zeroed with the rest, for their size: see exchange_make(). */
    struct commit_entry entries[ENTRY_COUNT];
};

/* "http://host:port/base" in its parts; views. */
struct service_url {
    bool is_tls;
    struct bytes authority, host, base;
};
/* False: neither http nor https, no host, or with a user name. */
must_check bool service_url_split(struct bytes url, struct service_url *out);
/* "host:port" with the scheme's port where none is named; .data NULL when memory is out. */
struct bytes service_url_address(const struct service_url *url, struct arena *arena);

/* A fresh one in its request's arena; `prefix` is X-Road-Error's. NULL when memory is out: the request is then answered already. */
struct exchange *exchange_make(struct worker *worker, const struct listener *listener, struct server_request *request, const char *prefix,
                               struct step_table table, struct step_table refusal);
/* Reads x->claims from the request's fields; GO_ON, or REFUSE with what is wrong. Both sides read them by the same rules. */
enum verdict exchange_read_claims(struct exchange *x);
/* Appends them as fields between the gateways; they stand in the request's statement. False: memory. */
must_check bool exchange_add_claims(struct exchange *x, struct fields *fields);
/* X-Road's request hash (1.5), and the SHA-512 of the head bytes: both sides make them from the same bytes. False: memory. */
must_check bool exchange_hash_request(struct exchange *x);
/* Runs steps until one waits or the exchange has ended. */
void exchange_run(struct exchange *x);
/* Notes why, and returns REFUSE. `detail` (may be NULL) is copied. */
enum verdict exchange_refuse(struct exchange *x, enum reason reason, const char *detail);
enum verdict exchange_refuse_error(struct exchange *x, enum reason reason, const struct error *e);
/* The answer goes out, and everything of the exchange is freed. */
void exchange_end(struct exchange *x, const struct server_answer *answer);

/* Submits a record to the log; the step then waits for is_logged[which]. False: refused. */
must_check bool exchange_log(struct exchange *x, int which, enum record_kind kind, struct bytes statement, struct bytes attachment);
/* Its two halves. An entry that is prepared may also be submitted by consents_release(). */
void exchange_prepare_entry(struct exchange *x, int which, enum record_kind kind, struct bytes statement, struct bytes attachment);
must_check bool exchange_submit_entry(struct exchange *x, int which);
/* Called with each entry that came back from the committer. */
void exchange_entry_done(struct commit_entry *entry);
/* GO_ON when durable, WAIT, or REFUSE when logging failed. */
enum verdict exchange_wait_logged(struct exchange *x, int which);

/* Copies formatted text into the exchange's arena. */
struct bytes exchange_format(struct exchange *x, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The two sides' tables. */
extern const struct step_table consumer_table, holder_table;
/* The two sides. */
void consumer_begin(struct worker *worker, const struct listener *listener, struct server_request *request);
void holder_begin(struct worker *worker, const struct listener *listener, struct server_request *request);

/* listClients at an application's port: answered at once, without an exchange. True: it was that. */
bool metadata_list_clients(struct worker *worker, struct server_request *request);
/* Is this one of the metadata services? They need no access right. */
bool metadata_is_service(const struct exchange *x);
/* listMethods, allowedMethods, getOpenAPI: sets answer_status, answer_fields, answer_body. A step of the holder's. */
enum verdict metadata_answer(struct exchange *x);

#endif
