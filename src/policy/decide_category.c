/* One category: may it leave at all, on which basis, is what the law asks for there, and may it cross the border? */
#include "policy/decide_internal.h"

#include "law/vocabulary.h"

enum reason deciding_refuse(struct deciding *d, enum reason reason, const struct law_source *source)
{
    d->out->source = source;
    return reason;
}

const struct law_source *deciding_source(const struct law_mask *mask, uint32_t bit)
{
    size_t index = 0;
    while (bit > 1) {
        bit >>= 1;
        index++;
    }
    return &mask->source[index];
}

bool deciding_is_abroad(const struct decide_context *context)
{
    const struct decide_parties *parties = &context->parties;
    return !parties->is_same_community && !law_is_domestic(context->law, parties->holder_country, parties->client_country);
}

/* ---- Basis ---- */

static enum reason check_duty(struct deciding *d, const struct law_basis_rule *rule)
{
    bool is_declared = d->service->duty.size > 0 && bytes_equal(d->service->duty, d->release->law_ref);
    return d->context->parties.is_client_state_organ && is_declared ? REASON_NONE : deciding_refuse(d, REASON_BASIS_DUTY, &rule->source);
}

static enum reason check_basis(struct deciding *d)
{
    const struct law *law = d->context->law;
    const struct law_basis_rule *rule = &law->basis[d->out->basis];
    if (!law_allows(law, d->out->basis, d->out->is_sensitive)) {
        bool is_sensitive_only = rule->is_allowed;
        return deciding_refuse(d, REASON_BASIS_NONE,
                               is_sensitive_only ? deciding_source(&law->separate_consent, LAW_SEPARATE_SENSITIVE) : &rule->source);
    }
    /* Comity's own rule, stricter than several laws: a sensitive category on another basis than consent names its law. */
    bool needs_law = (rule->needs & LAW_NEEDS_LAW_REF) != 0 || (d->out->is_sensitive && d->out->basis != BASIS_CONSENT);
    bool needs_ref = (rule->needs & (LAW_NEEDS_CONTRACT | LAW_NEEDS_ORIGIN | LAW_NEEDS_BALANCING)) != 0;
    if ((needs_law && d->release->law_ref.size == 0) || (needs_ref && d->release->ref.size == 0)) {
        return deciding_refuse(d, REASON_BASIS_LAW_REF, &rule->source);
    }
    if ((rule->needs & LAW_NEEDS_JUSTIFICATION) != 0 && d->request->justification.size == 0) {
        return deciding_refuse(d, REASON_BASIS_JUSTIFICATION, &rule->source);
    }
    /* A state organ acts within its statutory powers (PIPL 34), whether the profile says so or not: on the duty that the service was declared for. */
    bool is_public = (rule->needs & LAW_NEEDS_STATE_ORGAN) != 0 ||
                     (d->out->basis == BASIS_STATUTORY_DUTY && (d->service->duty.size > 0 || d->context->parties.is_client_state_organ));
    return is_public ? check_duty(d, rule) : REASON_NONE;
}

/* ---- Impact assessment ---- */

static uint32_t assessments(const struct deciding *d)
{
    uint32_t needed = 0;
    bool is_other = !d->context->parties.is_same_member;
    needed |= d->out->is_sensitive ? LAW_DPIA_SENSITIVE : 0;
    needed |= is_other && d->service->relation != RELATION_ENTRUST ? LAW_DPIA_PROVIDE : 0;
    needed |= is_other && d->service->relation == RELATION_ENTRUST ? LAW_DPIA_ENTRUST : 0;
    needed |= d->service->is_automated ? LAW_DPIA_AUTOMATED : 0;
    return needed & d->context->law->dpia_required.bits;
}

/* Until when the service's assessment is good: what it says, or sooner by the law. */
static int64_t assessment_end(const struct policy_service *service, const struct law *law)
{
    int64_t by_law = period_after(service->dpia.from_ms, law->dpia_valid.value);
    return by_law < service->dpia.until_ms ? by_law : service->dpia.until_ms;
}

static enum reason assessed(const struct policy_service *service, const struct law *law, int64_t now_ms)
{
    if (service->dpia.ref.size == 0 || now_ms < service->dpia.from_ms) {
        return REASON_DPIA_MISSING;
    }
    return now_ms < assessment_end(service, law) ? REASON_NONE : REASON_DPIA_EXPIRED;
}

static enum reason check_assessment(struct deciding *d)
{
    const struct law *law = d->context->law;
    uint32_t needed = assessments(d);
    enum reason reason = needed == 0 ? REASON_NONE : assessed(d->service, law, d->request->now_ms);
    uint32_t first = needed & (~needed + 1);
    return reason == REASON_NONE ? REASON_NONE : deciding_refuse(d, reason, deciding_source(&law->dpia_required, first));
}

enum reason decide_published(const struct policy_service *service, const struct policy *policy, const struct law *law, int64_t now_ms)
{
    uint32_t needed = service->relation == RELATION_ENTRUST ? LAW_DPIA_ENTRUST : LAW_DPIA_PROVIDE;
    needed |= service->is_automated ? LAW_DPIA_AUTOMATED : 0;
    for (size_t i = 0; i < service->release_count; i++) {
        const struct policy_category *category = &policy->categories[service->releases[i].category];
        needed |= category->is_sensitive || law_is_sensitive(law, category->iri) ? LAW_DPIA_SENSITIVE : 0;
    }
    bool is_about_persons = service->person_place != PERSON_NONE;
    return is_about_persons && (needed & law->dpia_required.bits) != 0 ? assessed(service, law, now_ms) : REASON_NONE;
}

/* ---- Border ---- */

static bool is_for_authority(const struct deciding *d)
{
    const struct policy *policy = d->context->policy;
    for (size_t i = 0; i < policy->authority_purpose_count; i++) {
        if (vocabulary_is_within(d->result->purpose, policy->authority_purposes[i])) {
            return true;
        }
    }
    return d->request->authority.size > 0;
}

static struct bytes find_approval(const struct deciding *d)
{
    const struct policy *policy = d->context->policy;
    for (size_t i = 0; i < policy->approval_count; i++) {
        const struct policy_approval *approval = &policy->approvals[i];
        if (policy_is_listed(&approval->recipient, 1, d->request->recipient) && d->request->now_ms >= approval->document.from_ms &&
            d->request->now_ms < approval->document.until_ms &&
            (approval->purpose.size == 0 || bytes_equal(approval->purpose, d->result->purpose))) {
            return approval->document.ref;
        }
    }
    return BYTES_NONE;
}

/* Persons that went abroad by other ways in this counting year. */
static void add_base_count(const struct deciding *d, struct border_facts *facts)
{
    const struct law_border *border = &d->context->law->border;
    int year;
    unsigned month, day;
    int64_t start = period_year_start(d->request->now_ms, border->count_from_month, border->count_from_day);
    period_date_of(start / (24 * 60 * 60 * 1000), &year, &month, &day);
    for (size_t i = 0; i < d->context->policy->year_count; i++) {
        const struct policy_year *base = &d->context->policy->years[i];
        if ((int)base->year == year) {
            facts->persons += base->persons;
            facts->sensitive_persons += base->sensitive;
        }
    }
}

static struct border_facts border_facts(const struct deciding *d, const struct border_category *category)
{
    const struct decide_parties *parties = &d->context->parties;
    const struct decide_counters *counters = &d->context->counters;
    struct border_facts facts = {
        .is_same_community = parties->is_same_community,
        .exporter_country = parties->holder_country,
        .importer_country = parties->client_country,
        .is_recognised = parties->is_recognised,
        .is_for_foreign_authority = is_for_authority(d),
        .approval = find_approval(d),
        .is_state_organ = parties->is_state_organ,
        .is_critical = parties->is_critical,
        .recipient = d->request->recipient,
        .categories = category,
        .category_count = 1,
        .instruments = d->service->instruments,
        .instrument_count = d->service->instrument_count,
        .persons = counters->exported,
        .sensitive_persons = counters->exported_sensitive,
        .is_counted_person = counters->is_exported,
        .is_counted_sensitive = counters->is_exported_sensitive,
        .has_border_act = true, /* the consent is asked for it itself: another basis has none */
        .has_dpia = d->service->dpia.ref.size > 0 && d->request->now_ms >= d->service->dpia.from_ms,
        .dpia_until_ms = d->service->dpia.ref.size > 0 ? assessment_end(d->service, d->context->law) : 0,
        .now_ms = d->request->now_ms,
    };
    add_base_count(d, &facts);
    return facts;
}

static const struct law_source *border_source(const struct law *law, enum border_outcome outcome, const struct border_facts *facts)
{
    switch (outcome) {
    case BORDER_RECIPIENT:
        return &law->border.blacklist.source;
    case BORDER_FOREIGN_AUTHORITY:
        return &law->border.foreign_authority_source;
    case BORDER_LOCALISED:
        return facts->is_state_organ ? &law->border.localise_state_organ.source : &law->border.localise_critical.source;
    case BORDER_VOLUME:
        return &law->border.count_from_source;
    case BORDER_DPIA:
        return deciding_source(&law->dpia_required, LAW_DPIA_BORDER);
    default:
        return &law->border.rule_source;
    }
}

static enum reason border_reason(enum border_outcome outcome)
{
    static const enum reason reasons[] = {
        [BORDER_RECIPIENT] = REASON_BORDER_RECIPIENT, [BORDER_FOREIGN_AUTHORITY] = REASON_BORDER_FOREIGN_AUTHORITY,
        [BORDER_LOCALISED] = REASON_BORDER_LOCALISED, [BORDER_INSTRUMENT] = REASON_BORDER_INSTRUMENT,
        [BORDER_VOLUME] = REASON_BORDER_VOLUME,       [BORDER_CONSENT] = REASON_CONSENT_BORDER,
        [BORDER_DPIA] = REASON_BORDER_DPIA,
    };
    enum reason reason = (size_t)outcome < COUNT_OF(reasons) ? reasons[outcome] : REASON_NONE; /* COVERAGE: there is no other outcome */
    return reason != REASON_NONE ? reason : REASON_GATEWAY_INTERNAL;                           /* COVERAGE: nor a good one here */
}

/* What is left of a limit when others have used some of it. */
static uint64_t less(uint64_t limit, uint64_t used)
{
    return limit == UINT64_MAX ? limit : limit > used ? limit - used : 0;
}

/*
 * `is_person_known` false: only what says nothing about the person, as if it had been counted already and were an adult; so that who gets another
 * refusal than "no consent" learns nothing of whom the holder knows.
 */
static enum reason check_border(struct deciding *d, bool is_person_known)
{
    const struct policy_category *category = d->category;
    const struct border_category by_law = {
        .iri = category->iri,
        .is_sensitive = is_person_known ? d->out->is_sensitive : category->is_sensitive || law_is_sensitive(d->context->law, category->iri)
    };
    struct border_facts facts = border_facts(d, &by_law);
    struct border_decision decision;
    if (!is_person_known) {
        facts.is_counted_person = facts.is_counted_sensitive = true;
    }
    border_decide(d->context->law, &facts, &decision);
    d->out->instrument = decision.instrument;
    d->out->persons_max = less(decision.persons_max, facts.persons - d->context->counters.exported);
    d->out->sensitive_max = less(decision.sensitive_max, facts.sensitive_persons - d->context->counters.exported_sensitive);
    d->out->is_counted = is_person_known && decision.counts_person;
    d->out->is_counted_sensitive = is_person_known && decision.counts_sensitive;
    if (decision.outcome == BORDER_NONE || decision.outcome == BORDER_PERMITTED) {
        return REASON_NONE;
    }
    return deciding_refuse(d, border_reason(decision.outcome), border_source(d->context->law, decision.outcome, &facts));
}

/* ---- All of it ---- */

static void choose_basis(struct deciding *d)
{
    bool may_claim = (d->release->also_bases & LAW_BASIS_BIT(BASIS_VITAL)) != 0 || d->release->basis == BASIS_VITAL;
    d->out->basis = d->request->claims_vital && may_claim ? BASIS_VITAL : d->release->basis;
}

/* What holds whoever the person is. */
static enum reason decide_for_anybody(struct deciding *d)
{
    enum reason reason = REASON_NONE;
    if (d->category->is_never || law_never_releases(d->context->law, d->category->iri)) {
        return deciding_refuse(d, REASON_CATEGORY_NEVER, NULL);
    }
    choose_basis(d);
    d->out->is_sensitive = d->category->is_sensitive || law_is_sensitive(d->context->law, d->category->iri);
    reason = check_basis(d);
    reason = reason != REASON_NONE ? reason : check_assessment(d);
    return reason != REASON_NONE ? reason : check_border(d, false);
}

/* What may differ for this one: a minor's categories are all sensitive, and that changes what the others ask for. */
static enum reason decide_for_person(struct deciding *d)
{
    const struct law *law = d->context->law;
    enum reason reason = decide_person(d);
    d->is_minor = d->result->is_minor ||
                  (d->result->is_age_unknown && d->out->is_sensitive && law->minor_age_unknown == LAW_AGE_MINOR_WHEN_SENSITIVE);
    if (reason == REASON_NONE && d->result->is_minor && law->minor_all_sensitive.value && !d->out->is_sensitive) {
        d->out->is_sensitive = true;
        reason = check_basis(d);
        reason = reason != REASON_NONE ? reason : check_assessment(d);
    }
    if (reason == REASON_NONE && d->out->basis == BASIS_CONSENT) {
        reason = decide_consent(d);
    }
    return reason != REASON_NONE ? reason : check_border(d, true);
}

enum reason decide_category(struct deciding *d)
{
    enum reason reason = decide_for_anybody(d);
    if (reason != REASON_NONE) {
        return reason;
    }
    if (d->context->consents == NULL) {
        d->result->needs_consent = true;
        return deciding_refuse(d, REASON_CONSENT_NONE, NULL);
    }
    return decide_for_person(d);
}
