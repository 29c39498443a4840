/*
 * The slow model: the rules of law.md (sections 4, 5, 7, 11; PIPL 13-16, 18, 21-24, 28-43, 55) as lists, read from top to bottom. Each row has a
 * reason and a question; the first question that is answered "yes" is the reason. It reads the world's plain values and the law's data.
 */
#include "decide_world.h"

#include "law/vocabulary.h"

struct asked {
    const struct case_world *w;
    const struct law *law;
    size_t index;
    const struct world_release *r;
    enum law_basis basis;
    bool is_sensitive; /* of the category as such */
};
struct row {
    enum reason reason;
    bool (*is_so)(const struct asked *a);
};

/* ---- Words ---- */

static bool is_under(const struct vocabulary_term *term, struct bytes above)
{
    if (term == NULL || bytes_equal(term->iri, above)) {
        return term != NULL;
    }
    for (size_t i = 0; i < term->parent_count; i++) {
        if (is_under(&vocabulary_terms[term->parents[i]], above)) {
            return true;
        }
    }
    return false;
}

static bool is_kind_of(struct bytes iri, struct bytes above)
{
    return bytes_equal(iri, above) || is_under(vocabulary_find(iri), above);
}

static bool is_in(struct bytes iri, const struct law_category *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_kind_of(iri, list[i].iri)) {
            return true;
        }
    }
    return false;
}

/* "A category is sensitive when it, or any of its ancestors, is in the profile's list; unknown is sensitive." The policy may only add. */
static bool is_sensitive_by_law(const struct law *law, unsigned iri)
{
    return vocabulary_find(world_iris[iri]) == NULL || is_in(world_iris[iri], law->sensitive, law->sensitive_count);
}

static bool is_good(enum when when)
{
    return when == WHEN_NOW;
}

/* ---- The person ---- */

static bool is_young(const struct case_world *w)
{
    return w->born == 2 || w->born == 4 || w->born == 5;
}

static bool is_minor_here(const struct asked *a, bool is_sensitive)
{
    if (a->w->born != 0) {
        return is_young(a->w);
    }
    return a->law->minor_age_unknown == LAW_AGE_MINOR || (a->law->minor_age_unknown == LAW_AGE_MINOR_WHEN_SENSITIVE && is_sensitive);
}

static bool is_surely_minor(const struct asked *a)
{
    return a->w->born != 0 ? is_young(a->w) : a->law->minor_age_unknown == LAW_AGE_MINOR;
}

/* PIPL 28: all information on minors is sensitive. */
static bool is_sensitive_here(const struct asked *a)
{
    return a->is_sensitive || (is_surely_minor(a) && a->law->minor_all_sensitive.value);
}

/* ---- Borders ---- */

static const char *const codes[] = { "", "CN", "KE", "DE", "FR", "IN" };

static bool is_home_to(const struct law *law, unsigned country)
{
    for (size_t i = 0; i < law->territory_count; i++) {
        if (country != 0 && bytes_equal(law->territory[i].code, bytes_of_text(codes[country]))) {
            return true;
        }
    }
    return false;
}

static bool is_abroad(const struct asked *a)
{
    const struct case_world *w = a->w;
    bool is_one_country = w->holder_country != 0 && w->holder_country == w->client_country;
    bool is_one_law = is_home_to(a->law, w->holder_country) && is_home_to(a->law, w->client_country);
    return !w->is_same_community && !is_one_country && !is_one_law;
}

static bool is_restricted(const struct asked *a)
{
    for (size_t i = 0; i < a->law->border.restricted_count; i++) {
        if (bytes_equal(a->law->border.restricted[i].code, bytes_of_text(codes[a->w->client_country]))) {
            return is_abroad(a);
        }
    }
    return false;
}

static bool is_unapproved(const struct asked *a)
{
    const struct case_world *w = a->w;
    bool is_foreign = w->purpose == 4 || w->is_for_authority;
    bool is_approved = is_good(w->approval) && !w->is_approval_for_other && (!w->is_approval_for_purpose || w->purpose == 4);
    return is_abroad(a) && is_foreign && (!is_approved || a->law->border.foreign_authority == LAW_FOREIGN_REFUSED);
}

static bool covers(const struct world_instrument *i, unsigned iri)
{
    for (unsigned j = 0; j < WORLD_IRIS; j++) {
        if (i->covers[j] && is_kind_of(world_iris[iri], world_iris[j])) {
            return true;
        }
    }
    return false;
}

static bool is_in_force(const struct asked *a, const struct world_instrument *i)
{
    if (i->kind >= a->law->border.instrument_count || i->is_suspended || !covers(i, a->r->iri) || i->recipient == 2) {
        return false;
    }
    if (i->is_old) {
        return !a->law->border.instruments[i->kind].valid.is_set && i->when != WHEN_ENDED;
    }
    return is_good(i->when);
}

static bool is_lifted_by(const struct law_localise *rule, struct bytes kind)
{
    for (size_t i = 0; i < rule->lifted_by_count; i++) {
        if (bytes_equal(rule->lifted_by[i], kind)) {
            return true;
        }
    }
    return false;
}

/* May it leave on this one at all: does it let go what the law keeps at home? */
static bool lets_go(const struct asked *a, const struct world_instrument *i)
{
    const struct law_border *border = &a->law->border;
    struct bytes kind = border->instruments[i->kind].kind;
    return (!a->w->is_state_organ || !border->localise_state_organ.value || is_lifted_by(&border->localise_state_organ, kind)) &&
           (!a->w->is_critical || !border->localise_critical.value || is_lifted_by(&border->localise_critical, kind));
}

static bool stays_at_home(const struct asked *a)
{
    const struct law_border *border = &a->law->border;
    return is_abroad(a) &&
           ((a->w->is_state_organ && border->localise_state_organ.value) || (a->w->is_critical && border->localise_critical.value));
}

static size_t usable(const struct asked *a)
{
    size_t count = 0;
    for (size_t i = 0; i < a->w->instrument_count; i++) {
        count += is_in_force(a, &a->w->instruments[i]) && lets_go(a, &a->w->instruments[i]);
    }
    return count;
}

static bool is_localised(const struct asked *a)
{
    return stays_at_home(a) && usable(a) == 0;
}

static bool lacks_instrument(const struct asked *a)
{
    return is_abroad(a) && a->law->border.rule == LAW_BORDER_INSTRUMENT && usable(a) == 0;
}

/* Is there no instrument with room: this person counted in (`is_for_all`: as one who is there already)? */
static bool is_too_many(const struct asked *a, bool is_for_all)
{
    const struct case_world *w = a->w;
    bool is_sensitive = is_for_all ? a->is_sensitive : is_sensitive_here(a);
    uint64_t persons = w->exported + (w->is_base_of_this_year ? w->base_persons : 0);
    uint64_t sensitive = w->exported_sensitive + (w->is_base_of_this_year ? w->base_sensitive : 0);
    persons += is_for_all || w->is_exported ? 0 : 1;
    sensitive += is_for_all || w->is_exported_sensitive ? 0 : 1;
    if (!is_abroad(a) || usable(a) == 0) {
        return false;
    }
    for (size_t i = 0; i < w->instrument_count; i++) {
        const struct world_instrument *one = &w->instruments[i];
        if (is_in_force(a, one) && lets_go(a, one)) {
            const struct law_instrument *kind = &a->law->border.instruments[one->kind];
            bool has_room = persons <= one->max_persons && persons <= kind->max_persons.value;
            bool has_sensitive_room = !is_sensitive || (sensitive <= one->max_sensitive && sensitive <= kind->max_sensitive.value);
            if (has_room && has_sensitive_room) {
                return false;
            }
        }
    }
    return true;
}

static bool is_too_many_for_all(const struct asked *a)
{
    return is_too_many(a, true);
}

static bool is_too_many_with_this(const struct asked *a)
{
    return is_too_many(a, false);
}

/* ---- Impact assessment (PIPL 55) ---- */

static uint32_t assessments(const struct asked *a, bool is_sensitive)
{
    uint32_t needed = is_sensitive ? LAW_DPIA_SENSITIVE : 0;
    if (!a->w->is_same_member) {
        needed |= a->w->relation == RELATION_ENTRUST ? LAW_DPIA_ENTRUST : LAW_DPIA_PROVIDE;
    }
    needed |= a->w->is_automated ? LAW_DPIA_AUTOMATED : 0;
    return needed & a->law->dpia_required.bits;
}

static bool is_not_assessed(const struct case_world *w)
{
    return w->dpia == WHEN_NONE || (w->dpia == WHEN_NOT_YET && !w->is_dpia_old);
}

static bool is_assessment_over(const struct asked *a)
{
    return a->w->dpia == WHEN_ENDED || (a->w->is_dpia_old && a->law->dpia_valid.is_set);
}

static bool lacks_assessment(const struct asked *a)
{
    return assessments(a, a->is_sensitive) != 0 && is_not_assessed(a->w);
}

static bool has_old_assessment(const struct asked *a)
{
    return assessments(a, a->is_sensitive) != 0 && is_assessment_over(a);
}

static bool lacks_assessment_here(const struct asked *a)
{
    return assessments(a, is_sensitive_here(a)) != 0 && is_not_assessed(a->w);
}

static bool has_old_assessment_here(const struct asked *a)
{
    return assessments(a, is_sensitive_here(a)) != 0 && is_assessment_over(a);
}

static bool lacks_border_assessment(const struct asked *a)
{
    return is_abroad(a) && (a->law->dpia_required.bits & LAW_DPIA_BORDER) != 0 && (is_not_assessed(a->w) || is_assessment_over(a));
}

/* ---- Basis ---- */

static bool is_never(const struct asked *a)
{
    return a->r->is_never || is_in(world_iris[a->r->iri], a->law->never_released, a->law->never_released_count);
}

static bool has_no_basis_if(const struct asked *a, bool is_sensitive)
{
    bool is_for_sensitive = a->basis == BASIS_CONSENT || (a->law->sensitive_bases >> a->basis & 1) != 0;
    return !a->law->basis[a->basis].is_allowed || (is_sensitive && !is_for_sensitive);
}

static bool lacks_ref_if(const struct asked *a, bool is_sensitive)
{
    uint32_t needs = a->law->basis[a->basis].needs;
    bool needs_law = (needs & LAW_NEEDS_LAW_REF) != 0 || (is_sensitive && a->basis != BASIS_CONSENT);
    bool needs_ref = (needs & (LAW_NEEDS_CONTRACT | LAW_NEEDS_ORIGIN | LAW_NEEDS_BALANCING)) != 0;
    return (needs_law && !a->r->has_law_ref) || (needs_ref && !a->r->has_ref);
}

static bool has_no_basis(const struct asked *a)
{
    return has_no_basis_if(a, a->is_sensitive);
}

static bool lacks_ref(const struct asked *a)
{
    return lacks_ref_if(a, a->is_sensitive);
}

static bool has_no_basis_here(const struct asked *a)
{
    return has_no_basis_if(a, is_sensitive_here(a));
}

static bool lacks_ref_here(const struct asked *a)
{
    return lacks_ref_if(a, is_sensitive_here(a));
}

static bool lacks_justification(const struct asked *a)
{
    return (a->law->basis[a->basis].needs & LAW_NEEDS_JUSTIFICATION) != 0 && !a->w->is_justified;
}

/* PIPL 34: within statutory powers. */
static bool has_other_duty(const struct asked *a)
{
    bool is_declared = a->w->duty == 1 && a->r->has_law_ref && !a->r->is_duty_other;
    bool is_public = (a->law->basis[a->basis].needs & LAW_NEEDS_STATE_ORGAN) != 0 ||
                     (a->basis == BASIS_STATUTORY_DUTY && (a->w->duty == 1 || a->w->is_client_state_organ));
    return is_public && !(a->w->is_client_state_organ && is_declared);
}

/* ---- Consent ---- */

static bool is_on_consent(const struct asked *a)
{
    return a->basis == BASIS_CONSENT;
}

static bool is_restricted_by_person(const struct asked *a)
{
    return a->w->is_restricted && a->basis != BASIS_VITAL && a->basis != BASIS_STATUTORY_DUTY;
}

static bool is_dead(const struct asked *a)
{
    return is_on_consent(a) && a->w->has_died;
}

static bool is_state(const struct asked *a, enum consent_state state)
{
    return is_on_consent(a) && a->r->has_decision && a->r->state == state;
}

static bool is_paused(const struct asked *a)
{
    return is_on_consent(a) && a->w->is_paused;
}

static bool is_paused_here(const struct asked *a)
{
    return is_state(a, CONSENT_PAUSED) && a->r->dates != WHEN_ENDED;
}

static bool is_refused(const struct asked *a)
{
    return is_state(a, CONSENT_REFUSED);
}

static bool is_withdrawn(const struct asked *a)
{
    return is_state(a, CONSENT_WITHDRAWN) || is_state(a, CONSENT_REVOKED);
}

static bool is_expired(const struct asked *a)
{
    /* What is not final ends with its dates: a request that nobody answered as well. */
    bool can_run_out = is_state(a, CONSENT_GIVEN) || is_state(a, CONSENT_PAUSED) || is_state(a, CONSENT_REQUESTED) ||
                       is_state(a, CONSENT_DEFERRED);
    bool has_run_out = can_run_out && a->r->dates == WHEN_ENDED;
    return is_state(a, CONSENT_EXPIRED) || has_run_out;
}

static bool is_superseded(const struct asked *a)
{
    return is_state(a, CONSENT_SUPERSEDED);
}

static bool has_none(const struct asked *a)
{
    return is_on_consent(a) &&
           (!a->r->has_decision || a->r->state != CONSENT_GIVEN || !is_good(a->r->dates) || a->r->notice == 0 || a->r->has_no_terms);
}

static bool has_old_notice(const struct asked *a)
{
    return is_on_consent(a) && (a->w->has_no_notices || a->r->notice == 2 || a->r->notice == 3);
}

/* DPV: searching is a kind of providing a service; a broader notice holds only if it says so and the law lets it. */
static bool is_notice_for_it(const struct asked *a)
{
    const struct case_world *w = a->w;
    if (w->is_notice_broader) {
        bool is_same = w->purpose == 0 || w->purpose == 1;
        return is_same || (w->purpose == 5 && w->does_notice_descend && a->law->consent_inherit_purpose.value);
    }
    return w->is_notice_for_purpose;
}

static bool has_other_notice(const struct asked *a)
{
    const struct case_world *w = a->w;
    return is_on_consent(a) && (!a->r->is_in_notice || !w->is_notice_for_recipient || !is_notice_for_it(a) || w->notices == 2 ||
                                (w->has_notice_services && !w->is_notice_for_service));
}

static bool was_not_told(const struct asked *a)
{
    const struct case_world *w = a->w;
    return is_on_consent(a) &&
           ((is_sensitive_by_law(a->law, a->r->iri) && !a->r->is_sensitive_in_notice) || (w->is_automated && !w->is_notice_automated) ||
            (is_abroad(a) && !w->does_notice_cross) || (is_minor_here(a, is_sensitive_here(a)) && !w->does_notice_allow_minor));
}

/* PIPL 31, and the age at this moment. */
static bool needs_guardian(const struct asked *a)
{
    return is_minor_here(a, is_sensitive_here(a)) && a->law->minor_guardian == LAW_GUARDIAN_REQUIRED;
}

static bool has_unknown_age(const struct asked *a)
{
    return is_on_consent(a) && needs_guardian(a) && a->w->born == 0 && a->r->role == CONSENT_ROLE_PERSON;
}

static bool has_wrong_voice(const struct asked *a)
{
    const struct case_world *w = a->w;
    bool by_guardian = a->r->role == CONSENT_ROLE_GUARDIAN && w->has_guardian;
    if (!is_on_consent(a)) {
        return false;
    }
    if (needs_guardian(a)) {
        return !by_guardian;
    }
    bool may_have_guardian = w->born == 0 || is_minor_here(a, is_sensitive_here(a));
    return !(a->r->role == CONSENT_ROLE_PERSON || (by_guardian && may_have_guardian) ||
             (a->r->role == CONSENT_ROLE_DELEGATE && w->has_delegate));
}

static bool has_act(const struct asked *a, uint32_t act)
{
    return (a->r->separate & act) != 0;
}

static bool law_wants(const struct asked *a, uint32_t act)
{
    return is_on_consent(a) && (a->law->separate_consent.bits & act) != 0;
}

static bool lacks_guardian_act(const struct asked *a)
{
    return law_wants(a, LAW_SEPARATE_MINOR) && is_minor_here(a, is_sensitive_here(a)) && !has_act(a, LAW_SEPARATE_MINOR);
}

static bool lacks_own_act(const struct asked *a)
{
    bool is_provided = !a->w->is_same_member && a->w->relation != RELATION_ENTRUST;
    return (law_wants(a, LAW_SEPARATE_SENSITIVE) && is_sensitive_here(a) && !has_act(a, LAW_SEPARATE_SENSITIVE)) ||
           (law_wants(a, LAW_SEPARATE_PROVIDE) && is_provided && !has_act(a, LAW_SEPARATE_PROVIDE));
}

static bool lacks_border_act(const struct asked *a)
{
    enum law_border_consent rule = a->law->border.separate_consent;
    bool is_wanted = rule == LAW_BORDER_CONSENT_ALWAYS || (rule == LAW_BORDER_CONSENT_SENSITIVE && is_sensitive_here(a));
    return is_on_consent(a) && is_abroad(a) && is_wanted && !has_act(a, LAW_SEPARATE_BORDER);
}

static bool is_not_written(const struct asked *a)
{
    return is_on_consent(a) && is_in(world_iris[a->r->iri], a->law->consent_written_for, a->law->consent_written_for_count) &&
           !a->r->is_written;
}

static bool is_used_up(const struct asked *a)
{
    const struct world_release *r = a->r;
    return is_on_consent(a) && (r->max > 0 || r->total > 0) &&
           (!r->is_counted || (r->max > 0 && r->in_period >= r->max) || (r->total > 0 && r->used >= r->total));
}

static bool has_range_that_nobody_keeps(const struct asked *a)
{
    return is_on_consent(a) && a->r->range != 0 && !a->w->keeps_range;
}

/* ---- A category ---- */

static const struct row for_anybody[] = {
    { REASON_CATEGORY_NEVER, is_never },
    { REASON_BASIS_NONE, has_no_basis },
    { REASON_BASIS_LAW_REF, lacks_ref },
    { REASON_BASIS_JUSTIFICATION, lacks_justification },
    { REASON_BASIS_DUTY, has_other_duty },
    { REASON_DPIA_MISSING, lacks_assessment },
    { REASON_DPIA_EXPIRED, has_old_assessment },
    { REASON_BORDER_RECIPIENT, is_restricted },
    { REASON_BORDER_FOREIGN_AUTHORITY, is_unapproved },
    { REASON_BORDER_LOCALISED, is_localised },
    { REASON_BORDER_INSTRUMENT, lacks_instrument },
    { REASON_BORDER_VOLUME, is_too_many_for_all },
    { REASON_BORDER_DPIA, lacks_border_assessment },
};
static const struct row for_person[] = {
    { REASON_PERSON_RESTRICTED, is_restricted_by_person },
    { REASON_PERSON_DIED, is_dead },
    { REASON_CONSENT_PAUSED, is_paused },
    { REASON_BASIS_NONE, has_no_basis_here },
    { REASON_BASIS_LAW_REF, lacks_ref_here },
    { REASON_DPIA_MISSING, lacks_assessment_here },
    { REASON_DPIA_EXPIRED, has_old_assessment_here },
    { REASON_CONSENT_REFUSED, is_refused },
    { REASON_CONSENT_WITHDRAWN, is_withdrawn },
    { REASON_CONSENT_PAUSED, is_paused_here },
    { REASON_CONSENT_EXPIRED, is_expired },
    { REASON_CONSENT_SUPERSEDED, is_superseded },
    { REASON_CONSENT_NONE, has_none },
    { REASON_CONSENT_SUPERSEDED, has_old_notice },
    { REASON_CONSENT_NONE, has_other_notice },
    { REASON_NOTICE_INCOMPLETE, was_not_told },
    { REASON_MINOR_UNKNOWN, has_unknown_age },
    { REASON_CONSENT_GUARDIAN, has_wrong_voice },
    { REASON_CONSENT_GUARDIAN, lacks_guardian_act },
    { REASON_CONSENT_NOT_SEPARATE, lacks_own_act },
    { REASON_CONSENT_BORDER, lacks_border_act },
    { REASON_CONSENT_WRITTEN, is_not_written },
    { REASON_CONSENT_FREQUENCY, is_used_up },
    { REASON_CONSENT_RANGE, has_range_that_nobody_keeps },
    { REASON_BORDER_VOLUME, is_too_many_with_this },
};

static enum reason first_of(const struct row *rows, size_t count, const struct asked *a)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].is_so(a)) {
            return rows[i].reason;
        }
    }
    return REASON_NONE;
}

static enum law_basis basis_of(const struct case_world *w, const struct world_release *r)
{
    return w->claims_vital && (r->is_also_vital || r->basis == BASIS_VITAL) ? BASIS_VITAL : r->basis;
}

/* ---- The whole ---- */

/*
 * How far a category came through the checks before it was held back: the further, the more its reason tells. Written from the references, not from the
 * code: the stages are those of the checks in order (never and basis; impact assessment; border; consent), the border's steps are numbered as the border
 * decision of law.md has them (2 recipient, 3 foreign authority, 4 localised, 5 instrument, 6 volume, 8 impact assessment), and a consent's
 * steps follow its life in consent-standards.md 6.3: not there; answered no; at its end by time or by another notice; given, but lacking something that
 * must be in it; given and complete, but used up; stopped for a while; taken back. What holds of the person as a whole is behind all of that.
 */
static int progress(enum reason reason)
{
    enum { NEVER = 0, BASIS = 100, ASSESSMENT = 200, BORDER = 300, CONSENT = 400, PERSON = 500 };
    enum { ABSENT = 0, REFUSED = 10, ENDED = 20, LACKING = 30, USED_UP = 40, STOPPED = 50, TAKEN_BACK = 60 };
    switch (reason) {
    case REASON_CATEGORY_NEVER: /* no basis is even looked for */
        return NEVER;
    case REASON_BASIS_NONE: /* the law has none */
        return BASIS;
    case REASON_BASIS_DUTY: /* it has, of others than this one */
        return BASIS + 1;
    case REASON_BASIS_LAW_REF: /* of this one, but not named */
        return BASIS + 2;
    case REASON_BASIS_JUSTIFICATION: /* named, but not justified */
        return BASIS + 3;
    case REASON_DPIA_MISSING:
        return ASSESSMENT;
    case REASON_DPIA_EXPIRED: /* there was one */
        return ASSESSMENT + 1;
    case REASON_BORDER_RECIPIENT:
        return BORDER + 2;
    case REASON_BORDER_FOREIGN_AUTHORITY:
        return BORDER + 3;
    case REASON_BORDER_LOCALISED:
        return BORDER + 4;
    case REASON_BORDER_INSTRUMENT:
        return BORDER + 5;
    case REASON_BORDER_DPIA:
        return BORDER + 8;
    case REASON_CONSENT_NONE:
        return CONSENT + ABSENT;
    case REASON_CONSENT_REFUSED:
        return CONSENT + REFUSED;
    case REASON_CONSENT_EXPIRED:
        return CONSENT + ENDED;
    case REASON_CONSENT_SUPERSEDED: /* its time is not over */
        return CONSENT + ENDED + 1;
    case REASON_NOTICE_INCOMPLETE: /* in the order in which a consent comes about: shown, by somebody, in a form, with acts, for uses */
        return CONSENT + LACKING;
    case REASON_MINOR_UNKNOWN:
        return CONSENT + LACKING + 1;
    case REASON_CONSENT_GUARDIAN:
        return CONSENT + LACKING + 2;
    case REASON_CONSENT_WRITTEN:
        return CONSENT + LACKING + 3;
    case REASON_CONSENT_NOT_SEPARATE:
        return CONSENT + LACKING + 4;
    case REASON_CONSENT_BORDER: /* one act in particular */
        return CONSENT + LACKING + 5;
    case REASON_CONSENT_RANGE:
        return CONSENT + LACKING + 6;
    case REASON_CONSENT_FREQUENCY: /* the consent's own count, then everybody's */
        return CONSENT + USED_UP;
    case REASON_BORDER_VOLUME:
        return CONSENT + USED_UP + 1;
    case REASON_CONSENT_PAUSED:
        return CONSENT + STOPPED;
    case REASON_CONSENT_WITHDRAWN:
        return CONSENT + TAKEN_BACK;
    case REASON_PERSON_RESTRICTED: /* can end */
        return PERSON;
    case REASON_PERSON_DIED:
        return PERSON + 1;
    default:
        return -1;
    }
}

static enum reason most_telling(const struct model_result *out, size_t count)
{
    enum reason reason = count == 0 ? REASON_BASIS_NONE : REASON_CATEGORY_NEVER;
    for (size_t i = 0; i < count; i++) {
        reason = progress(out->withheld[i]) > progress(reason) ? out->withheld[i] : reason;
    }
    return reason;
}

/* Whoever asks about too many persons is stopped; an emergency that somebody else confirms is not. */
static bool is_harvesting(const struct case_world *w, bool *starts)
{
    bool is_new = !w->is_asked;
    bool over_limit = w->harvest > 0 && is_new && (w->asked >= w->harvest || w->is_full);
    bool over_usual = w->burst > 0 && is_new && w->usual > 0 && w->recent >= 20 && w->recent >= w->usual * w->burst;
    *starts = !w->is_held && (over_limit || over_usual);
    return (w->is_held || over_limit || over_usual) && !(w->claims_vital && w->is_confirmed);
}

static enum reason before_categories(const struct case_world *w, const struct law *law, struct model_result *out)
{
    if (!w->is_recognised || w->listed == LISTED_MEMBER || w->listed == LISTED_COMMUNITY) {
        return REASON_BORDER_RECIPIENT;
    }
    if (!w->has_service) {
        return REASON_SERVICE_UNKNOWN;
    }
    if (!w->has_right) {
        return REASON_ACCESS_DENIED;
    }
    if (w->purpose == 3) {
        return REASON_PURPOSE_FORBIDDEN;
    }
    if (w->purpose == 0 && !w->has_default_purpose) {
        return REASON_PURPOSE_UNDECLARED;
    }
    if (w->purpose == 2) {
        return REASON_PURPOSE_FORBIDDEN;
    }
    if (w->contract == WHEN_ENDED || w->contract == WHEN_NOT_YET || (w->contract == WHEN_NONE && w->relation == RELATION_ENTRUST)) {
        return REASON_CONTRACT_ENDED;
    }
    if (!w->is_about_person) {
        out->is_whole = true;
        return REASON_NONE;
    }
    if (!w->has_person) {
        return REASON_PERSON_MISSING;
    }
    bool needs_second = w->needs_confirmation || (law->basis[BASIS_VITAL].needs & LAW_NEEDS_CONFIRMATION) != 0;
    if (w->claims_vital && (!w->is_justified || w->is_justified_too_long || (needs_second && !w->is_confirmed))) {
        return REASON_BASIS_JUSTIFICATION;
    }
    return is_harvesting(w, &out->starts_hold) ? REASON_HARVEST_LIMIT : REASON_NONE;
}

static void take_category(const struct case_world *w, const struct law *law, size_t i, struct model_result *out)
{
    struct asked a = { .w = w, .law = law, .index = i, .r = &w->releases[i], .basis = basis_of(w, &w->releases[i]) };
    a.is_sensitive = a.r->is_policy_sensitive || is_sensitive_by_law(law, a.r->iri);
    out->withheld[i] = first_of(for_anybody, COUNT_OF(for_anybody), &a);
    if (out->withheld[i] == REASON_NONE) {
        out->withheld[i] = first_of(for_person, COUNT_OF(for_person), &a);
    }
    out->permitted[i] = out->withheld[i] == REASON_NONE;
    if (out->permitted[i]) {
        out->is_break_glass = out->is_break_glass || a.basis == BASIS_VITAL;
        out->counts_export = out->counts_export || (is_abroad(&a) && !w->is_exported);
        out->counts_sensitive = out->counts_sensitive || (is_abroad(&a) && is_sensitive_here(&a) && !w->is_exported_sensitive);
    }
}

/* One answer can't keep to two ranges of dates that don't meet. */
static bool have_no_common_range(const struct case_world *w, const struct model_result *out)
{
    int64_t from = INT64_MIN, until = INT64_MAX;
    bool has_from = false, has_until = false;
    for (size_t i = 0; i < w->release_count; i++) {
        const struct world_release *r = &w->releases[i];
        if (!out->permitted[i] || basis_of(w, r) != BASIS_CONSENT || r->range == 0) {
            continue;
        }
        int64_t this_from = r->range == 4 ? 1000 : 100, this_until = r->range == 4 ? 2000 : 1000;
        if (r->range == 1 || r->range >= 3) {
            from = this_from > from ? this_from : from;
            has_from = true;
        }
        if (r->range >= 2) {
            until = this_until < until ? this_until : until;
            has_until = true;
        }
    }
    return has_from && has_until && from >= until;
}

void model_decide(const struct case_world *w, struct model_result *out)
{
    const struct law *law = world_law(w->law);
    *out = (struct model_result){ .reason = REASON_NONE };
    out->reason = before_categories(w, law, out);
    if (out->reason != REASON_NONE || out->is_whole) {
        return;
    }
    bool is_any = false;
    for (size_t i = 0; i < w->release_count; i++) {
        take_category(w, law, i, out);
        is_any = is_any || out->permitted[i];
    }
    if (!is_any) {
        out->reason = most_telling(out, w->release_count);
    } else if (have_no_common_range(w, out)) {
        memset(out->permitted, 0, sizeof out->permitted);
        out->reason = REASON_CONSENT_RANGE;
    }
}
