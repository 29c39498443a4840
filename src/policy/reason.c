#include "policy/reason.h"

struct reason_row {
    const char *code, *error78, *error77, *meaning;
};

#define X(name, code, error78, error77, meaning) [REASON_##name] = { code, error78, error77, meaning },
static const struct reason_row rows[] = { REASONS(X) };
#undef X

/* A number from outside the enum (it can only be a bug) reads as the gateway's own failure, never as "permitted". */
static const struct reason_row *row_of(enum reason reason)
{
    return &rows[(size_t)reason < COUNT_OF(rows) ? reason : REASON_GATEWAY_INTERNAL];
}

bool reason_is_personal(enum reason reason)
{
    switch (reason) {
    case REASON_CONSENT_NONE:
    case REASON_CONSENT_REFUSED:
    case REASON_CONSENT_WITHDRAWN:
    case REASON_CONSENT_PAUSED:
    case REASON_CONSENT_EXPIRED:
    case REASON_CONSENT_SUPERSEDED:
    case REASON_CONSENT_NOT_SEPARATE:
    case REASON_CONSENT_BORDER:
    case REASON_CONSENT_WRITTEN:
    case REASON_CONSENT_GUARDIAN:
    case REASON_CONSENT_FREQUENCY:
    case REASON_CONSENT_RANGE:
    case REASON_NOTICE_INCOMPLETE:
    case REASON_MINOR_UNKNOWN:
    case REASON_PERSON_DIED:
    case REASON_PERSON_RESTRICTED:
    case REASON_BORDER_VOLUME: /* who was counted before passes where others don't */
        return true;
    default:
        return false;
    }
}

enum reason reason_told(enum reason reason)
{
    return reason_is_personal(reason) ? REASON_CONSENT_NONE : reason;
}

const char *reason_code(enum reason reason)
{
    return row_of(reason)->code;
}

const char *reason_meaning(enum reason reason)
{
    return row_of(reason)->meaning;
}

const char *reason_xroad(enum reason reason, bool is_77)
{
    return is_77 ? row_of(reason)->error77 : row_of(reason)->error78;
}

enum reason reason_find(struct bytes code)
{
    for (size_t i = 1; i < COUNT_OF(rows); i++) {
        if (bytes_equal(code, bytes_of_text(rows[i].code))) {
            return (enum reason)i;
        }
    }
    return REASON_NONE;
}
