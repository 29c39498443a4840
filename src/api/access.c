#include "api/access.h"

#include <string.h>

#include "base/bytes.h"

#define ACCESS_TEXT(name, text) [name] = text,
static const char *const roles[] = { ROLES(ACCESS_TEXT) };
static const char *const resources[] = { RESOURCES(ACCESS_TEXT) };
static const char *const verbs[] = { VERBS(ACCESS_TEXT) };
#undef ACCESS_TEXT

/* docs/reference/api.md has the same table, and a test compares both. A row that is not here allows nobody anything. */
enum { NO = ACCESS_NO, OWN = ACCESS_OWN, ORG = ACCESS_MEMBER, RED = ACCESS_REDACTED, ALL = ACCESS_ALL };
/* clang-format off */
static const unsigned char cells[RESOURCE_COUNT][VERB_COUNT][ROLE_COUNT] = {
    /*                                           anonymous person guardian organisation auditor operator helper viewer officer */
    [RESOURCE_PUBLIC]     = { [VERB_READ]     = { ALL,      ALL,   ALL,     ALL,         ALL,    ALL,     ALL,   ALL,   ALL } },
    [RESOURCE_POLICY]     = { [VERB_READ]     = { NO,       ALL,   ALL,     ALL,         ALL,    ALL,     ALL,   ALL,   ALL },
                              [VERB_LIST]     = { NO,       ALL,   ALL,     ALL,         ALL,    ALL,     ALL,   ALL,   ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO },
                              [VERB_ERASE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO } },
    [RESOURCE_NOTICE]     = { [VERB_READ]     = { NO,       ALL,   ALL,     ALL,         ALL,    ALL,     ALL,   ALL,   ALL },
                              [VERB_LIST]     = { NO,       ALL,   ALL,     ALL,         ALL,    ALL,     ALL,   ALL,   ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    ALL } },
    [RESOURCE_INDIVIDUAL] = { [VERB_READ]     = { NO,       OWN,   OWN,     ORG,         NO,     NO,      OWN,   NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      ORG,         NO,     NO,      NO,    NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     NO,      NO,    NO,    ALL } },
    [RESOURCE_CONSENT]    = { [VERB_READ]     = { NO,       OWN,   OWN,     ORG,         RED,    RED,     OWN,   NO,    ALL },
                              [VERB_LIST]     = { NO,       OWN,   OWN,     ORG,         RED,    RED,     OWN,   NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     NO,      NO,    NO,    NO },
                              [VERB_DECIDE]   = { NO,       OWN,   OWN,     ORG,         NO,     NO,      NO,    NO,    NO },
                              [VERB_WITHDRAW] = { NO,       OWN,   OWN,     ORG,         NO,     NO,      OWN,   NO,    NO },
                              [VERB_ERASE]    = { NO,       OWN,   OWN,     ORG,         NO,     NO,      NO,    NO,    NO } },
    [RESOURCE_USE]        = { [VERB_READ]     = { NO,       OWN,   OWN,     NO,          NO,     NO,      OWN,   NO,    ALL },
                              [VERB_LIST]     = { NO,       OWN,   OWN,     NO,          NO,     NO,      OWN,   NO,    ALL } },
    [RESOURCE_PERSON]     = { [VERB_READ]     = { NO,       OWN,   OWN,     NO,          NO,     NO,      OWN,   NO,    ALL },
                              [VERB_LIST]     = { NO,       OWN,   OWN,     NO,          NO,     NO,      OWN,   NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL },
                              [VERB_DECIDE]   = { NO,       OWN,   OWN,     NO,          NO,     NO,      NO,    NO,    NO },
                              [VERB_WITHDRAW] = { NO,       OWN,   OWN,     NO,          NO,     NO,      OWN,   NO,    NO } },
    [RESOURCE_RIGHT]      = { [VERB_READ]     = { NO,       OWN,   OWN,     NO,          RED,    RED,     OWN,   NO,    ALL },
                              [VERB_LIST]     = { NO,       OWN,   OWN,     NO,          RED,    RED,     OWN,   NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL },
                              [VERB_DECIDE]   = { NO,       OWN,   OWN,     NO,          NO,     NO,      NO,    NO,    NO } },
    [RESOURCE_WEBHOOK]    = { [VERB_READ]     = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO },
                              [VERB_LIST]     = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO },
                              [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO },
                              [VERB_ERASE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO } },
    [RESOURCE_GATEWAY]    = { [VERB_READ]     = { NO,       NO,    NO,      ALL,         ALL,    ALL,     NO,    ALL,   ALL } },
    [RESOURCE_AUDIT]      = { [VERB_READ]     = { NO,       NO,    NO,      NO,          RED,    NO,      NO,    NO,    NO },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          RED,    NO,      NO,    NO,    NO } },
    [RESOURCE_SESSION]    = { [VERB_READ]     = { NO,       OWN,   OWN,     OWN,         OWN,    OWN,     OWN,   OWN,   OWN },
                              [VERB_LIST]     = { NO,       OWN,   OWN,     OWN,         OWN,    OWN,     OWN,   OWN,   OWN },
                              [VERB_ERASE]    = { NO,       OWN,   OWN,     OWN,         OWN,    OWN,     OWN,   OWN,   OWN } },
    [RESOURCE_CODE]       = { [VERB_WRITE]    = { NO,       NO,    NO,      ORG,         NO,     ALL,     NO,    NO,    NO } },
    [RESOURCE_FIGURE]     = { [VERB_READ]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    ALL,   ALL } },
    [RESOURCE_BUNDLE]     = { [VERB_READ]     = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL } },
    [RESOURCE_EXCHANGE]   = { [VERB_READ]     = { NO,       NO,    NO,      NO,          RED,    RED,     NO,    NO,    RED },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          RED,    RED,     NO,    NO,    RED } },
    [RESOURCE_SERVICE]    = { [VERB_READ]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    ALL,   ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    ALL,   ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     ALL,     NO,    NO,    ALL } },
    [RESOURCE_TASK]       = { [VERB_READ]     = { NO,       NO,    NO,      NO,          RED,    ALL,     NO,    NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          RED,    ALL,     NO,    NO,    ALL } },
    [RESOURCE_REVIEW]     = { [VERB_READ]     = { NO,       NO,    NO,      NO,          RED,    RED,     NO,    NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          RED,    RED,     NO,    NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL } },
    [RESOURCE_HOLD]       = { [VERB_READ]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     ALL,     NO,    NO,    ALL } },
    [RESOURCE_BREACH]     = { [VERB_READ]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL } },
    [RESOURCE_REGISTER]   = { [VERB_READ]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_LIST]     = { NO,       NO,    NO,      NO,          ALL,    ALL,     NO,    NO,    ALL },
                              [VERB_WRITE]    = { NO,       NO,    NO,      NO,          NO,     NO,      NO,    NO,    ALL } },
};
/* clang-format on */

const char *role_name(enum role role)
{
    return (size_t)role < COUNT_OF(roles) ? roles[role] : "?";
}

const char *resource_name(enum resource resource)
{
    return (size_t)resource < COUNT_OF(resources) ? resources[resource] : "?";
}

const char *verb_name(enum verb verb)
{
    return (size_t)verb < COUNT_OF(verbs) ? verbs[verb] : "?";
}

const char *access_name(enum access access)
{
    static const char *const names[] = {
        [ACCESS_NO] = "no", [ACCESS_OWN] = "own", [ACCESS_MEMBER] = "member", [ACCESS_REDACTED] = "redacted", [ACCESS_ALL] = "all"
    };
    return (size_t)access < COUNT_OF(names) ? names[access] : "?";
}

enum role role_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(roles[i], name) == 0) {
            return (enum role)i;
        }
    }
    return ROLE_COUNT;
}

enum access access_of(enum role role, enum resource resource, enum verb verb)
{
    if ((size_t)role >= ROLE_COUNT || (size_t)resource >= RESOURCE_COUNT || (size_t)verb >= VERB_COUNT) {
        return ACCESS_NO;
    }
    return (enum access)cells[resource][verb][role];
}

enum access access_for(unsigned bits, enum resource resource, enum verb verb)
{
    enum access most = ACCESS_NO;
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        enum access one = (bits & (1U << role)) != 0 ? access_of((enum role)role, resource, verb) : ACCESS_NO;
        most = one > most ? one : most;
    }
    return most;
}
