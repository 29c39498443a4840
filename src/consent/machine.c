/* The state machine of reference consent-standards 6.3: pure. */
#include "consent/consent_internal.h"

/* Zero is "not allowed", so a forgotten cell refuses; a state without a row is final. */
static const enum consent_state after[][CONSENT_EVENT_COUNT] = {
    [CONSENT_NONE] = { [CONSENT_EVENT_REQUEST] = CONSENT_REQUESTED },
    [CONSENT_REQUESTED] = { [CONSENT_EVENT_GIVE] = CONSENT_GIVEN,
                            [CONSENT_EVENT_REFUSE] = CONSENT_REFUSED,
                            [CONSENT_EVENT_DEFER] = CONSENT_DEFERRED,
                            [CONSENT_EVENT_EXPIRE] = CONSENT_EXPIRED },
    [CONSENT_DEFERRED] = { [CONSENT_EVENT_GIVE] = CONSENT_GIVEN,
                           [CONSENT_EVENT_REFUSE] = CONSENT_REFUSED,
                           [CONSENT_EVENT_EXPIRE] = CONSENT_EXPIRED },
    [CONSENT_GIVEN] = { [CONSENT_EVENT_PAUSE] = CONSENT_PAUSED,
                        [CONSENT_EVENT_WITHDRAW] = CONSENT_WITHDRAWN,
                        [CONSENT_EVENT_REVOKE] = CONSENT_REVOKED,
                        [CONSENT_EVENT_EXPIRE] = CONSENT_EXPIRED,
                        [CONSENT_EVENT_SUPERSEDE] = CONSENT_SUPERSEDED,
                        [CONSENT_EVENT_INVALIDATE] = CONSENT_INVALIDATED },
    [CONSENT_PAUSED] = { [CONSENT_EVENT_RESUME] = CONSENT_GIVEN,
                         [CONSENT_EVENT_WITHDRAW] = CONSENT_WITHDRAWN,
                         [CONSENT_EVENT_REVOKE] = CONSENT_REVOKED,
                         [CONSENT_EVENT_EXPIRE] = CONSENT_EXPIRED },
};

enum consent_state consent_after(enum consent_state state, enum consent_event event)
{
    return (size_t)state < COUNT_OF(after) && (size_t)event < CONSENT_EVENT_COUNT ? after[state][event] : CONSENT_NONE;
}

const char *consent_role_reason(enum consent_event event, enum consent_role role, enum consent_role record, bool is_registered,
                                bool has_died)
{
    bool is_person = role == CONSENT_ROLE_PERSON;
    bool answers = (role == CONSENT_ROLE_GUARDIAN || role == CONSENT_ROLE_DELEGATE) && is_registered;
    bool is_system = role == CONSENT_ROLE_SYSTEM;
    bool may = false;
    switch (event) {
    case CONSENT_EVENT_REQUEST:
        may = is_system || is_person || answers;
        break;
    case CONSENT_EVENT_GIVE:
    case CONSENT_EVENT_REFUSE:
    case CONSENT_EVENT_DEFER:
    case CONSENT_EVENT_PAUSE:
        may = is_person || answers;
        break;
    case CONSENT_EVENT_RESUME:
        /* What a guardian gave is not the minor's to give again. */
        may = answers || (is_person && record != CONSENT_ROLE_GUARDIAN);
        break;
    case CONSENT_EVENT_WITHDRAW:
        may = is_person || answers || (role == CONSENT_ROLE_RELATIVE && is_registered && has_died);
        break;
    case CONSENT_EVENT_REVOKE:
    case CONSENT_EVENT_INVALIDATE:
        may = is_system || role == CONSENT_ROLE_AUTHORITY;
        break;
    case CONSENT_EVENT_EXPIRE:
    case CONSENT_EVENT_SUPERSEDE:
        may = is_system;
        break;
    case CONSENT_EVENT_COUNT:
        break;
    }
    return may ? NULL : "consent.guardian";
}

const char *consent_state_name(enum consent_state state)
{
    static const char *const names[] = {
        [CONSENT_NONE] = "none",
        [CONSENT_REQUESTED] = "requested",
        [CONSENT_DEFERRED] = "deferred",
        [CONSENT_GIVEN] = "given",
        [CONSENT_PAUSED] = "paused",
        [CONSENT_REFUSED] = "refused",
        [CONSENT_WITHDRAWN] = "withdrawn",
        [CONSENT_REVOKED] = "revoked",
        [CONSENT_EXPIRED] = "expired",
        [CONSENT_SUPERSEDED] = "superseded",
        [CONSENT_INVALIDATED] = "invalidated",
    };
    return (size_t)state < COUNT_OF(names) ? names[state] : "unknown";
}

const char *consent_event_name(enum consent_event event)
{
    static const char *const names[CONSENT_EVENT_COUNT] = {
        [CONSENT_EVENT_REQUEST] = "request",       [CONSENT_EVENT_GIVE] = "give",
        [CONSENT_EVENT_REFUSE] = "refuse",         [CONSENT_EVENT_DEFER] = "defer",
        [CONSENT_EVENT_PAUSE] = "pause",           [CONSENT_EVENT_RESUME] = "resume",
        [CONSENT_EVENT_WITHDRAW] = "withdraw",     [CONSENT_EVENT_REVOKE] = "revoke",
        [CONSENT_EVENT_EXPIRE] = "expire",         [CONSENT_EVENT_SUPERSEDE] = "supersede",
        [CONSENT_EVENT_INVALIDATE] = "invalidate",
    };
    return (size_t)event < CONSENT_EVENT_COUNT ? names[event] : "unknown";
}

enum consent_state consent_state_at(enum consent_state state, int64_t valid_until_ms, int64_t now_ms)
{
    bool can_expire = state == CONSENT_GIVEN || state == CONSENT_PAUSED || state == CONSENT_REQUESTED || state == CONSENT_DEFERRED;
    return can_expire && now_ms >= valid_until_ms ? CONSENT_EXPIRED : state;
}

enum consent_state consent_view_state(const struct consent_view *view, struct bytes category, int64_t now_ms,
                                      const struct consent_decision **decision)
{
    if (decision != NULL) {
        *decision = NULL;
    }
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        const struct consent_decision *found = &view->decisions[i];
        if (!bytes_equal(found->category, category)) {
            continue;
        }
        if (decision != NULL) {
            *decision = found;
        }
        if (found->state == CONSENT_GIVEN && now_ms < found->valid_from_ms) {
            return CONSENT_NONE; /* its time has not come */
        }
        return consent_state_at(found->state, found->valid_until_ms, now_ms);
    }
    return CONSENT_NONE;
}
