/*
 * Who may do what through the REST API: one table, role x resource x verb. Pure. What a cell says is narrowed further by whose data it is;
 * what no cell allows is refused.
 */
#ifndef COMITY_API_ACCESS_H
#define COMITY_API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

/* X(name, text): the text stands in api.yaml and in documents. Anonymous is whoever shows nothing, where api.yaml allows that. */
#define ROLES(X)                                                                                                                           \
    X(ROLE_ANONYMOUS, "anonymous")                                                                                                         \
    X(ROLE_PERSON, "person")                                                                                                               \
    X(ROLE_GUARDIAN, "guardian") /* a person, for another whom it answers for */                                                           \
    X(ROLE_ORGANISATION, "organisation")                                                                                                   \
    X(ROLE_AUDITOR, "auditor")                                                                                                             \
    X(ROLE_OPERATOR, "operator") /* keeps the gateway running; needs no person for that */                                                 \
    X(ROLE_HELPER, "helper")     /* reads for a person at that person's side, and ends what was given; gives nothing */                    \
    X(ROLE_VIEWER, "viewer")     /* figures, and nobody's data */                                                                          \
    X(ROLE_OFFICER, "officer")   /* the data protection officer: persons' requests, reviews, holds */

#define RESOURCES(X)                                                                                                                       \
    X(RESOURCE_PUBLIC, "public") /* the API's own description */                                                                           \
    X(RESOURCE_POLICY, "policy") /* GovStack's Policy and DataAgreement, and our notices */                                                \
    X(RESOURCE_NOTICE, "notice") /* of our own */                                                                                          \
    X(RESOURCE_INDIVIDUAL, "individual")                                                                                                   \
    X(RESOURCE_CONSENT, "consent")                                                                                                         \
    X(RESOURCE_USE, "use")       /* what was asked about a person, and what left; receipts and bundles */                                  \
    X(RESOURCE_PERSON, "person") /* a person's facts: paused, who answers for whom */                                                      \
    X(RESOURCE_RIGHT, "right")   /* requests of a person's rights */                                                                       \
    X(RESOURCE_WEBHOOK, "webhook")                                                                                                         \
    X(RESOURCE_GATEWAY, "gateway") /* its state */                                                                                         \
    X(RESOURCE_AUDIT, "audit")     /* GovStack's audit endpoints and ours: across persons */                                               \
    X(RESOURCE_SESSION, "session") /* whoever is signed in: the own ones */                                                                \
    X(RESOURCE_CODE, "code")       /* codes on paper, for signing in */                                                                    \
    X(RESOURCE_FIGURE, "figure")   /* the console's figures, live */                                                                       \
    X(RESOURCE_BUNDLE, "bundle")   /* the evidence of any exchange, which may name whom it is about */                                     \
    X(RESOURCE_EXCHANGE, "exchange")                                                                                                       \
    X(RESOURCE_SERVICE, "service")   /* who may ask what, and why something would be refused */                                            \
    X(RESOURCE_TASK, "task")         /* what waits for somebody of the staff */                                                            \
    X(RESOURCE_REVIEW, "review")     /* of what broke the glass */                                                                         \
    X(RESOURCE_HOLD, "hold")         /* consumers that asked about too many */                                                             \
    X(RESOURCE_BREACH, "breach")     /* of personal information: what, when, how many; not whom */                                         \
    X(RESOURCE_REGISTER, "register") /* processing activities, assessments, what holders told us to erase */

/* What is done with it. Decide is the person's own act: give, refuse, resume. Withdraw as well, but only takes back: withdraw, pause. */
#define VERBS(X)                                                                                                                           \
    X(VERB_READ, "read")                                                                                                                   \
    X(VERB_LIST, "list")                                                                                                                   \
    X(VERB_WRITE, "write")                                                                                                                 \
    X(VERB_DECIDE, "decide")                                                                                                               \
    X(VERB_WITHDRAW, "withdraw")                                                                                                           \
    X(VERB_ERASE, "erase")

#define ACCESS_NAME(name, text) name,
enum role { ROLES(ACCESS_NAME) ROLE_COUNT };
enum resource { RESOURCES(ACCESS_NAME) RESOURCE_COUNT };
enum verb { VERBS(ACCESS_NAME) VERB_COUNT };
#undef ACCESS_NAME

/* Whose data it is, or who stands for one. */
#define ROLES_OF_PERSONS ((1U << ROLE_PERSON) | (1U << ROLE_GUARDIAN) | (1U << ROLE_HELPER))
#define ROLES_OF_STAFF ((1U << ROLE_OPERATOR) | (1U << ROLE_OFFICER) | (1U << ROLE_AUDITOR)) /* that work with it; a viewer sees figures */

/* Zero is no. Ordered: the more a principal's roles allow, the larger. */
enum access {
    ACCESS_NO = 0,
    ACCESS_OWN,      /* of the person that the request is for */
    ACCESS_MEMBER,   /* of the principal's own organisation */
    ACCESS_REDACTED, /* of all, without saying whose */
    ACCESS_ALL,
};

const char *role_name(enum role role);
const char *resource_name(enum resource resource);
const char *verb_name(enum verb verb);
const char *access_name(enum access access); /* "no", "own", "member", "redacted", "all" */
/* ROLE_COUNT when there is none of this name. */
enum role role_find(const char *name);

/* One cell. */
enum access access_of(enum role role, enum resource resource, enum verb verb);
/* The most that any of the roles (bits: 1 << role) allows. */
enum access access_for(unsigned roles, enum resource resource, enum verb verb);

#endif
