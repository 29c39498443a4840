/*
 * Deciding as before there were laws: only for replaying old decision events, which have no line `law`. No gateway decides by it any more: without a law
 * it refuses (holder_decide.c). Nothing is added here, since what was decided then must come out as it did.
 */
#include "policy/decide_internal.h"

/* No policy can allow it (policy_parse() refuses it); nor can a policy that was made in another way. */
static const struct bytes purpose_never = BYTES("https://w3id.org/dpv#SellDataToThirdParties");

static void refuse(struct decide_result *result, enum reason reason)
{
    result->reason = reason;
}

/* The purpose that holds: the declared one, else the service's default. A service about nobody may leave it open. */
static bool check_purpose(const struct decide_request *request, struct decide_result *result)
{
    const struct policy_service *service = request->service;
    result->purpose = request->purpose.size > 0 ? request->purpose : service->default_purpose;
    if (bytes_equal(result->purpose, purpose_never)) {
        refuse(result, REASON_PURPOSE_FORBIDDEN);
        return false;
    }
    if (service->purpose_count == 0 && service->person_place == PERSON_NONE) {
        return true;
    }
    if (result->purpose.size == 0) {
        refuse(result, REASON_PURPOSE_UNDECLARED);
        return false;
    }
    for (size_t i = 0; i < service->purpose_count; i++) {
        if (bytes_equal(service->purposes[i], result->purpose)) {
            return true;
        }
    }
    refuse(result, REASON_PURPOSE_FORBIDDEN);
    return false;
}

/* REASON_NONE: this consent permits. */
static enum reason reason_of(enum consent_state state)
{
    switch (state) {
    case CONSENT_GIVEN:
        return REASON_NONE;
    case CONSENT_REFUSED:
        return REASON_CONSENT_REFUSED;
    case CONSENT_WITHDRAWN:
    case CONSENT_REVOKED:
        return REASON_CONSENT_WITHDRAWN;
    case CONSENT_PAUSED:
        return REASON_CONSENT_PAUSED;
    case CONSENT_EXPIRED:
        return REASON_CONSENT_EXPIRED;
    case CONSENT_NONE:
    case CONSENT_REQUESTED:
    case CONSENT_DEFERRED:
    case CONSENT_SUPERSEDED:
    case CONSENT_INVALIDATED:
        return REASON_CONSENT_NONE;
    }
    return REASON_CONSENT_NONE;
}

static enum reason plain_category(const struct decide_request *request, const struct decide_context *context, size_t index,
                                  struct decide_result *result)
{
    const struct policy_release *release = &request->service->releases[index];
    const struct policy_category *category = &context->policy->categories[release->category];
    if (release->basis != BASIS_CONSENT) {
        /* policy_parse() refuses the first; should one come in another way, the promise still holds. */
        return category->is_sensitive ? REASON_BASIS_NONE : REASON_NONE;
    }
    if (context->consents == NULL) {
        result->needs_consent = true;
        return REASON_CONSENT_NONE;
    }
    const struct consent_decision *decision = NULL;
    enum reason reason = reason_of(consent_view_state(context->consents, category->iri, request->now_ms, &decision));
    if (reason == REASON_NONE) {
        result->consents[index] = decision;
    }
    return reason;
}

/* How much a reason tells, when nothing at all is permitted: what the person did last and most decidedly comes first. */
static int weight(enum reason reason)
{
    static const enum reason rising[] = { REASON_BASIS_NONE,      REASON_CONSENT_NONE,   REASON_CONSENT_REFUSED,
                                          REASON_CONSENT_EXPIRED, REASON_CONSENT_PAUSED, REASON_CONSENT_WITHDRAWN };
    for (size_t i = 0; i < COUNT_OF(rising); i++) {
        if (rising[i] == reason) {
            return (int)i;
        }
    }
    return -1;
}

static void plain_categories(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    const struct policy_service *service = request->service;
    enum reason telling = REASON_BASIS_NONE;
    bool is_any = false;
    if (service->release_count > DECIDE_CATEGORIES_MAX) {
        refuse(result, REASON_GATEWAY_INTERNAL);
        return;
    }
    for (size_t i = 0; i < service->release_count; i++) {
        result->withheld[i] = plain_category(request, context, i, result);
        result->permitted[i] = result->withheld[i] == REASON_NONE;
        is_any = is_any || result->permitted[i];
        if (weight(result->withheld[i]) > weight(telling)) {
            telling = result->withheld[i];
        }
    }
    refuse(result, is_any ? REASON_NONE : telling);
}

void decide_plain(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    if (!context->parties.is_recognised) {
        refuse(result, REASON_BORDER_RECIPIENT);
        return;
    }
    if (request->service == NULL) {
        refuse(result, REASON_SERVICE_UNKNOWN);
        return;
    }
    if (!policy_allows(request->service, request->client, request->method, request->path)) {
        refuse(result, REASON_ACCESS_DENIED);
        return;
    }
    if (!check_purpose(request, result)) {
        return;
    }
    if (request->service->person_place == PERSON_NONE) {
        result->is_whole = true;
        return;
    }
    if (request->person.size == 0) {
        refuse(result, REASON_PERSON_MISSING);
        return;
    }
    plain_categories(request, context, result);
}
