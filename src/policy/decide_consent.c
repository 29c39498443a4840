/* What hangs on the person: alive and willing, old enough, and with a consent that says yes to this. */
#include "policy/decide_internal.h"

#include "consent/notice.h"
#include "law/vocabulary.h"

void deciding_age(const struct decide_context *context, int64_t now_ms, struct decide_result *result)
{
    const struct consent_person *person = &context->consents->person;
    result->is_age_unknown = !person->has_born;
    result->is_minor = person->has_born ? law_is_minor(context->law, person->born_day, now_ms)
                                        : context->law->minor_age_unknown == LAW_AGE_MINOR;
}

enum reason decide_person(struct deciding *d)
{
    const struct consent_person *person = &d->context->consents->person;
    if (person->is_restricted && d->out->basis != BASIS_VITAL && d->out->basis != BASIS_STATUTORY_DUTY) {
        return deciding_refuse(d, REASON_PERSON_RESTRICTED, &d->context->law->rights[LAW_RESTRICT].source);
    }
    if (d->out->basis != BASIS_CONSENT) {
        return REASON_NONE;
    }
    if (person->has_died) {
        return deciding_refuse(d, REASON_PERSON_DIED, &d->context->law->deceased_source);
    }
    return person->is_paused ? deciding_refuse(d, REASON_CONSENT_PAUSED, NULL) : REASON_NONE;
}

/* REASON_NONE: this consent permits. */
static enum reason reason_of(enum consent_state state)
{
    switch (state) { /* COVERAGE: there is no other state */
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
    case CONSENT_SUPERSEDED:
        return REASON_CONSENT_SUPERSEDED;
    case CONSENT_NONE:
    case CONSENT_REQUESTED:
    case CONSENT_DEFERRED:
    case CONSENT_INVALIDATED:
        return REASON_CONSENT_NONE;
    }
    return REASON_CONSENT_NONE;
}

/* ---- The notice ---- */

static bool has_notice(const struct consent_terms *terms)
{
    static const uint8_t none[SHA256_SIZE];
    return memcmp(terms->notice, none, sizeof none) != 0;
}

static bool names_notice(const struct policy_service *service, struct bytes id)
{
    for (size_t i = 0; i < service->notice_count; i++) {
        if (bytes_equal(service->notices[i], id)) {
            return true;
        }
    }
    return service->notice_count == 0;
}

/* A narrower purpose is covered only where the notice says so and the law lets it. */
static bool is_for_purpose(const struct deciding *d, const struct notice *notice)
{
    return bytes_equal(notice->purpose, d->result->purpose) ||
           (notice->purpose_descends && d->context->law->consent_inherit_purpose.value &&
            vocabulary_is_within(d->result->purpose, notice->purpose));
}

static enum reason check_notice(struct deciding *d, const struct consent_terms *terms)
{
    const struct law *law = d->context->law;
    const struct notice *notice = NULL;
    if (!has_notice(terms)) {
        return deciding_refuse(d, REASON_CONSENT_NONE, &law->basis[BASIS_CONSENT].source);
    }
    notice = d->context->notices == NULL ? NULL : notices_find_accepting(d->context->notices, terms->notice);
    if (notice == NULL) {
        return deciding_refuse(d, REASON_CONSENT_SUPERSEDED, &law->basis[BASIS_CONSENT].source);
    }
    d->out->notice = notice;
    const struct notice_category *category = notice_find_category(notice, d->category->iri);
    bool is_about_this = category != NULL && bytes_equal(notice->recipient.member, d->request->recipient) &&
                         names_notice(d->service, notice->id) &&
                         (notice->services.count == 0 || notice_list_has(&notice->services, d->service->id)) && is_for_purpose(d, notice);
    if (!is_about_this) {
        return deciding_refuse(d, REASON_CONSENT_NONE, &law->basis[BASIS_CONSENT].source);
    }
    /* What the person was not told cannot have been consented to. A minor's categories are all sensitive whatever the notice calls them. */
    bool is_told = (category->is_sensitive || !law_is_sensitive(law, d->category->iri)) &&
                   (notice->is_automated || !d->service->is_automated) && (notice->crosses_border || !d->result->is_abroad) &&
                   (notice->allows_minor || !d->is_minor);
    return is_told ? REASON_NONE : deciding_refuse(d, REASON_NOTICE_INCOMPLETE, NULL);
}

/* ---- Separate acts, writing ---- */

static bool needs_border_act(const struct deciding *d)
{
    const struct law_border *border = &d->context->law->border;
    return d->result->is_abroad && (border->separate_consent == LAW_BORDER_CONSENT_ALWAYS ||
                                    (border->separate_consent == LAW_BORDER_CONSENT_SENSITIVE && d->out->is_sensitive));
}

static uint32_t needed_acts(const struct deciding *d)
{
    const struct decide_parties *parties = &d->context->parties;
    uint32_t needed = 0;
    needed |= d->out->is_sensitive ? LAW_SEPARATE_SENSITIVE : 0;
    needed |= !parties->is_same_member && d->service->relation != RELATION_ENTRUST ? LAW_SEPARATE_PROVIDE : 0;
    needed |= d->is_minor ? LAW_SEPARATE_MINOR : 0;
    needed &= d->context->law->separate_consent.bits;
    return needed | (needs_border_act(d) ? LAW_SEPARATE_BORDER : 0);
}

static enum reason check_acts(struct deciding *d, const struct consent_terms *terms)
{
    const struct law *law = d->context->law;
    d->out->missing = needed_acts(d) & ~terms->separate;
    if ((d->out->missing & LAW_SEPARATE_MINOR) != 0) {
        return deciding_refuse(d, REASON_CONSENT_GUARDIAN, deciding_source(&law->separate_consent, LAW_SEPARATE_MINOR));
    }
    for (uint32_t bit = LAW_SEPARATE_SENSITIVE; bit <= LAW_SEPARATE_PROVIDE; bit <<= 1) {
        if ((d->out->missing & bit) != 0) {
            return deciding_refuse(d, REASON_CONSENT_NOT_SEPARATE, deciding_source(&law->separate_consent, bit));
        }
    }
    if (d->out->missing != 0) {
        return deciding_refuse(d, REASON_CONSENT_BORDER, &law->border.separate_consent_source);
    }
    for (size_t i = 0; i < law->consent_written_for_count && !terms->is_written; i++) {
        if (vocabulary_is_within(d->category->iri, law->consent_written_for[i].iri)) {
            return deciding_refuse(d, REASON_CONSENT_WRITTEN, &law->consent_written_for[i].source);
        }
    }
    return REASON_NONE;
}

/* ---- Who decided ---- */

static enum reason check_role(struct deciding *d, enum consent_role role)
{
    const struct consent_person *person = &d->context->consents->person;
    const struct law *law = d->context->law;
    bool has_guardian = person->guardian_until_ms > d->request->now_ms, has_delegate = person->delegate_until_ms > d->request->now_ms;
    if (d->is_minor && law->minor_guardian == LAW_GUARDIAN_REQUIRED) {
        if (role == CONSENT_ROLE_GUARDIAN && has_guardian) {
            return REASON_NONE;
        }
        return d->result->is_age_unknown && role == CONSENT_ROLE_PERSON
                   ? deciding_refuse(d, REASON_MINOR_UNKNOWN, &law->minor_age_unknown_source)
                   : deciding_refuse(d, REASON_CONSENT_GUARDIAN, &law->minor_guardian_source);
    }
    if (role == CONSENT_ROLE_PERSON) {
        return REASON_NONE;
    }
    /* A guardian's word ends with the minority; a delegate's with the delegation. Nobody else decides for a person. */
    bool is_good = (role == CONSENT_ROLE_GUARDIAN && has_guardian && (d->result->is_age_unknown || d->is_minor)) ||
                   (role == CONSENT_ROLE_DELEGATE && has_delegate);
    return is_good ? REASON_NONE : deciding_refuse(d, REASON_CONSENT_GUARDIAN, &law->minor_age.source);
}

/* ---- Limits ---- */

static const struct decide_use *find_use(const struct decide_counters *counters, struct bytes record_id)
{
    for (size_t i = 0; i < counters->use_count; i++) {
        if (bytes_equal(counters->uses[i].record_id, record_id)) {
            return &counters->uses[i];
        }
    }
    return NULL;
}

static enum reason check_limits(struct deciding *d, const struct consent_decision *consent, const struct consent_limits *limits)
{
    if (limits->max > 0 || limits->total > 0) {
        const struct decide_use *use = find_use(&d->context->counters, consent->record_id);
        /* Not counted is not free: who hands in no count gets nothing. */
        if (use == NULL || (limits->max > 0 && use->in_period >= limits->max) || (limits->total > 0 && use->total >= limits->total)) {
            return deciding_refuse(d, REASON_CONSENT_FREQUENCY, NULL);
        }
    }
    bool has_range = limits->has_data_from || limits->has_data_until;
    return has_range && !d->service->keeps_range ? deciding_refuse(d, REASON_CONSENT_RANGE, NULL) : REASON_NONE;
}

enum reason decide_consent(struct deciding *d)
{
    const struct consent_decision *consent = NULL;
    enum reason reason = reason_of(consent_view_state(d->context->consents, d->category->iri, d->request->now_ms, &consent));
    d->out->consent = consent;
    if (reason != REASON_NONE) {
        return deciding_refuse(d, reason, &d->context->law->basis[BASIS_CONSENT].source);
    }
    const struct consent_terms *terms = consent->terms == NULL ? &consent_terms_none : consent->terms;
    reason = check_notice(d, terms);
    reason = reason != REASON_NONE ? reason : check_role(d, terms->role);
    reason = reason != REASON_NONE ? reason : check_acts(d, terms);
    return reason != REASON_NONE ? reason : check_limits(d, consent, &terms->limits);
}
