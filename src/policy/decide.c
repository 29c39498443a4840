#include "policy/decide_internal.h"

#include <stddef.h>

#include "law/vocabulary.h"
#include "policy/glob.h"

/* Fewer persons at once are no burst, however quiet it was before. */
enum { HARVEST_BURST_LEAST = 20 };

/* No policy can allow it (policy_parse() refuses it); nor can a policy that was made in another way. */
static const struct bytes purpose_never = BYTES("https://w3id.org/dpv#SellDataToThirdParties");

static bool refuse(struct decide_result *result, enum reason reason)
{
    result->reason = reason;
    return false;
}

/* The purpose that holds: the declared one, else the service's default. A service about nobody may leave it open. */
static bool check_purpose(const struct decide_request *request, const struct law *law, struct decide_result *result)
{
    const struct policy_service *service = request->service;
    result->purpose = request->purpose.size > 0 ? request->purpose : service->default_purpose;
    if (vocabulary_is_within(result->purpose, purpose_never) || law_forbids_purpose(law, result->purpose)) {
        return refuse(result, REASON_PURPOSE_FORBIDDEN);
    }
    if (service->purpose_count == 0 && service->person_place == PERSON_NONE) {
        return true;
    }
    if (result->purpose.size == 0) {
        return refuse(result, REASON_PURPOSE_UNDECLARED);
    }
    for (size_t i = 0; i < service->purpose_count; i++) {
        if (bytes_equal(service->purposes[i], result->purpose)) {
            return true;
        }
    }
    return refuse(result, REASON_PURPOSE_FORBIDDEN);
}

static bool check_contract(const struct decide_request *request, struct decide_result *result)
{
    const struct policy_service *service = request->service;
    bool is_good = service->contract.ref.size > 0
                       ? request->now_ms >= service->contract.from_ms && request->now_ms < service->contract.until_ms
                       : service->relation != RELATION_ENTRUST;
    if (!is_good) {
        return refuse(result, REASON_CONTRACT_ENDED);
    }
    return true;
}

/* Break-glass is believed at once, but not without a word, and not without the second person where one is asked for. */
static bool check_claim(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    bool needs_second = context->policy->is_vital_confirmed || (context->law->basis[BASIS_VITAL].needs & LAW_NEEDS_CONFIRMATION) != 0;
    bool is_confirmed = request->confirmed_by.size > 0 || !needs_second;
    bool is_justified = request->justification.size > 0 && request->justification.size <= JUSTIFICATION_SIZE_MAX;
    bool is_good = !request->claims_vital || (is_confirmed && is_justified);
    if (!is_good) {
        return refuse(result, REASON_BASIS_JUSTIFICATION);
    }
    return true;
}

/*
 * How many persons a consumer asks about hangs on no person, and it knows it itself. A claim of vital interest that a second person confirmed
 * passes: a hold must not cost a life, and each is reviewed.
 */
static bool check_harvest(const struct decide_request *request, const struct decide_counters *counters, struct decide_result *result)
{
    const struct policy_harvest *limit = &request->service->harvest;
    bool is_over = limit->persons > 0 && !counters->is_asked && (counters->is_full || counters->asked >= limit->persons);
    bool is_burst = limit->burst > 0 && !counters->is_asked && counters->usual > 0 && counters->recent >= HARVEST_BURST_LEAST &&
                    counters->recent / limit->burst >= counters->usual;
    result->starts_hold = (is_over || is_burst) && !counters->is_held;
    bool is_emergency = request->claims_vital && request->confirmed_by.size > 0;
    bool is_good = (!is_over && !is_burst && !counters->is_held) || is_emergency;
    if (!is_good) {
        return refuse(result, REASON_HARVEST_LIMIT);
    }
    return true;
}

/*
 * How much a reason tells, when nothing at all is permitted: the further a category came through the checks, the more; of a consent, what the person did last
 * and most decidedly.
 */
static int weight(enum reason reason)
{
    static const enum reason rising[] = {
        REASON_CATEGORY_NEVER,     REASON_BASIS_NONE,          REASON_BASIS_DUTY,
        REASON_BASIS_LAW_REF,      REASON_BASIS_JUSTIFICATION, REASON_DPIA_MISSING,
        REASON_DPIA_EXPIRED,       REASON_BORDER_RECIPIENT,    REASON_BORDER_FOREIGN_AUTHORITY,
        REASON_BORDER_LOCALISED,   REASON_BORDER_INSTRUMENT,   REASON_BORDER_DPIA,
        REASON_CONSENT_NONE,       REASON_CONSENT_REFUSED,     REASON_CONSENT_EXPIRED,
        REASON_CONSENT_SUPERSEDED, REASON_NOTICE_INCOMPLETE,   REASON_MINOR_UNKNOWN,
        REASON_CONSENT_GUARDIAN,   REASON_CONSENT_WRITTEN,     REASON_CONSENT_NOT_SEPARATE,
        REASON_CONSENT_BORDER,     REASON_CONSENT_RANGE,       REASON_CONSENT_FREQUENCY,
        REASON_BORDER_VOLUME,      REASON_CONSENT_PAUSED,      REASON_CONSENT_WITHDRAWN,
        REASON_PERSON_RESTRICTED,  REASON_PERSON_DIED,
    };
    for (size_t i = 0; i < COUNT_OF(rising); i++) {
        if (rising[i] == reason) {
            return (int)i;
        }
    }
    return -1;
}

/* All that leaves must keep to all ranges of dates that it stands on: the service answers once. */
static void narrow_range(struct decide_result *result, const struct consent_decision *consent)
{
    if (consent == NULL) {
        return;
    }
    const struct consent_limits *limits = &consent->terms->limits; /* a consent without terms is on no notice, and permits nothing */
    if (limits->has_data_from && (!result->has_data_from || limits->data_from_ms > result->data_from_ms)) {
        result->has_data_from = true;
        result->data_from_ms = limits->data_from_ms;
    }
    if (limits->has_data_until && (!result->has_data_until || limits->data_until_ms < result->data_until_ms)) {
        result->has_data_until = true;
        result->data_until_ms = limits->data_until_ms;
    }
}

/* The strictest of the limits that it counts against. */
static void count_export(struct decide_result *result, const struct decide_category *category)
{
    result->counts_export = result->counts_export || category->is_counted;
    result->counts_sensitive = result->counts_sensitive || category->is_counted_sensitive;
    result->export_max = category->persons_max < result->export_max ? category->persons_max : result->export_max;
    result->export_max_sensitive = category->sensitive_max < result->export_max_sensitive ? category->sensitive_max
                                                                                          : result->export_max_sensitive;
}

static void take_category(struct deciding *d, size_t index)
{
    struct decide_result *result = d->result;
    d->release = &d->service->releases[index];
    d->category = &d->context->policy->categories[d->release->category];
    d->out = &result->categories[index];
    *d->out = (struct decide_category){ .persons_max = UINT64_MAX, .sensitive_max = UINT64_MAX };
    d->is_minor = false;
    d->out->withheld = decide_category(d);
    result->withheld[index] = d->out->withheld;
    result->permitted[index] = d->out->withheld == REASON_NONE;
    if (result->permitted[index]) {
        result->consents[index] = d->out->consent;
        result->is_break_glass = result->is_break_glass || d->out->basis == BASIS_VITAL;
        narrow_range(result, d->out->consent);
        count_export(result, d->out);
    }
}

static void decide_categories(struct deciding *d)
{
    struct decide_result *result = d->result;
    enum reason telling = REASON_CATEGORY_NEVER;
    bool is_any = false;
    result->is_looked_at = true;
    if (d->context->consents != NULL) {
        deciding_age(d->context, d->request->now_ms, result);
    }
    for (size_t i = 0; i < d->service->release_count; i++) {
        take_category(d, i);
        is_any = is_any || result->permitted[i];
        if (weight(result->withheld[i]) > weight(telling)) {
            telling = result->withheld[i];
        }
    }
    telling = d->service->release_count == 0 ? REASON_BASIS_NONE : telling;
    result->reason = is_any ? REASON_NONE : telling;
    if (is_any && result->has_data_from && result->has_data_until && result->data_from_ms >= result->data_until_ms) {
        memset(result->permitted, 0, sizeof result->permitted);
        result->reason = REASON_CONSENT_RANGE;
    }
}

/* What holds before it is asked about whom. */
static bool check_parties(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    const struct policy *policy = context->policy;
    if (!context->parties.is_recognised || policy_is_listed(policy->blacklist, policy->blacklist_count, request->recipient)) {
        return refuse(result, REASON_BORDER_RECIPIENT);
    }
    if (request->service == NULL) {
        return refuse(result, REASON_SERVICE_UNKNOWN);
    }
    if (!policy_allows(request->service, request->client, request->method, request->path)) {
        return refuse(result, REASON_ACCESS_DENIED);
    }
    return check_purpose(request, context->law, result) && check_contract(request, result);
}

static void decide_person_service(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    if (request->service->person_place == PERSON_NONE) {
        result->is_whole = true;
        return;
    }
    if (request->person.size == 0) {
        (void)refuse(result, REASON_PERSON_MISSING);
        return;
    }
    if (request->service->release_count > DECIDE_CATEGORIES_MAX) {
        (void)refuse(result, REASON_GATEWAY_INTERNAL);
        return;
    }
    struct deciding d = { .request = request, .context = context, .service = request->service, .result = result };
    result->is_abroad = deciding_is_abroad(context);
    if (check_claim(request, context, result) && check_harvest(request, &context->counters, result)) {
        decide_categories(&d);
    }
}

void decide(const struct decide_request *request, const struct decide_context *context, struct decide_result *result)
{
    memset(result, 0, offsetof(struct decide_result, categories));
    result->export_max = result->export_max_sensitive = UINT64_MAX;
    if (context->law == NULL) {
        decide_plain(request, context, result);
        return;
    }
    if (check_parties(request, context, result)) {
        decide_person_service(request, context, result);
    }
}

bool decide_is_metadata(const struct identifier *service, struct bytes method)
{
    static const struct bytes codes[] = { BYTES("listMethods"), BYTES("allowedMethods"), BYTES("getOpenAPI") };
    for (size_t i = 0; service->part_count == 5 && bytes_equal(method, BYTES("GET")) && i < COUNT_OF(codes); i++) {
        if (bytes_equal(service->parts[4], codes[i])) {
            return true;
        }
    }
    return false;
}

enum reason decide_find_service(const struct policy *policy, const struct identifier *id, const struct identifier *client,
                                struct bytes method, struct bytes raw_path, struct arena *arena, const struct policy_service **service,
                                struct bytes *path)
{
    struct buffer normal;
    *path = BYTES_NONE;
    *service = policy_find_service(policy, id);
    if (*service == NULL) {
        return REASON_SERVICE_UNKNOWN;
    }
    if ((*service)->type == SERVICE_SOAP) {
        return REASON_SERVICE_TYPE;
    }
    buffer_init(&normal, raw_path.size + 1);
    bool is_normal = glob_normalise(raw_path, &normal, NULL) && !normal.failed; /* COVERAGE: memory */
    *path = is_normal ? arena_copy(arena, buffer_bytes(&normal)) : BYTES_NONE;
    buffer_clear(&normal);
    if (is_normal && path->data == NULL) { /* COVERAGE: memory */
        return REASON_GATEWAY_INTERNAL;
    }
    if (!is_normal || !policy_allows(*service, client, method, *path)) {
        return REASON_ACCESS_DENIED;
    }
    if ((*service)->is_disabled) {
        return REASON_SERVICE_DISABLED;
    }
    return (*service)->url.size > 0 ? REASON_NONE : REASON_SERVICE_NO_URL;
}
