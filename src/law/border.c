#include "law/border.h"

#include "law/vocabulary.h"

static const int64_t day_ms = INT64_C(86400000);

const char *border_reason_word(enum border_outcome outcome)
{
    switch (outcome) { /* COVERAGE: there is no other outcome */
    case BORDER_RECIPIENT:
        return "border.recipient";
    case BORDER_FOREIGN_AUTHORITY:
        return "border.foreign_authority";
    case BORDER_LOCALISED:
        return "border.localised";
    case BORDER_INSTRUMENT:
        return "border.instrument";
    case BORDER_VOLUME:
        return "border.volume";
    case BORDER_CONSENT:
        return "consent.border";
    case BORDER_DPIA:
        return "border.dpia";
    case BORDER_UNDECIDED:
    case BORDER_NONE:
    case BORDER_PERMITTED:
        break;
    }
    return "";
}

/* ---- One instrument ---- */

int64_t border_instrument_end(const struct law *law, const struct border_instrument *instrument)
{
    const struct law_instrument *kind = law_find_instrument(law, instrument->kind);
    if (kind == NULL || !kind->valid.is_set) {
        return instrument->until_ms;
    }
    int64_t longest = period_after(instrument->from_ms, kind->valid.value);
    return longest < instrument->until_ms ? longest : instrument->until_ms;
}

/* "KE" names the community, "KE/MED" the class, "KE/MED/CLINIC9" the member: whole parts only. */
static bool covers_recipient(const struct border_instrument *instrument, struct bytes recipient)
{
    for (size_t i = 0; i < instrument->recipient_count; i++) {
        struct bytes named = instrument->recipients[i];
        if (named.size > 0 && bytes_start_with(recipient, named) && (recipient.size == named.size || recipient.data[named.size] == '/')) {
            return true;
        }
    }
    return false;
}

static bool covers_category(const struct border_instrument *instrument, struct bytes category)
{
    for (size_t i = 0; i < instrument->category_count; i++) {
        if (vocabulary_is_within(category, instrument->categories[i])) {
            return true;
        }
    }
    return false;
}

enum border_fault border_instrument_fault(const struct law *law, const struct border_instrument *instrument,
                                          const struct border_facts *facts)
{
    if (law_find_instrument(law, instrument->kind) == NULL) {
        return BORDER_FAULT_KIND;
    }
    if (!covers_recipient(instrument, facts->recipient)) {
        return BORDER_FAULT_RECIPIENT;
    }
    for (size_t i = 0; i < facts->category_count; i++) {
        if (!covers_category(instrument, facts->categories[i].iri)) {
            return BORDER_FAULT_CATEGORY;
        }
    }
    if (facts->now_ms < instrument->from_ms) {
        return BORDER_FAULT_NOT_YET;
    }
    if (facts->now_ms >= border_instrument_end(law, instrument)) {
        return BORDER_FAULT_ENDED;
    }
    return instrument->is_suspended ? BORDER_FAULT_SUSPENDED : BORDER_FAULT_NONE;
}

/* ---- The steps ---- */

static bool is_restricted(const struct law *law, struct bytes country)
{
    for (size_t i = 0; i < law->border.restricted_count; i++) {
        if (bytes_equal(law->border.restricted[i].code, country)) {
            return true;
        }
    }
    return false;
}

static bool lifts(const struct law_localise *localise, struct bytes kind)
{
    for (size_t i = 0; i < localise->lifted_by_count; i++) {
        if (bytes_equal(localise->lifted_by[i], kind)) {
            return true;
        }
    }
    return false;
}

static bool must_stay(const struct law *law, const struct border_facts *facts)
{
    return (facts->is_state_organ && law->border.localise_state_organ.value) || (facts->is_critical && law->border.localise_critical.value);
}

/* Does an instrument of this kind let go what must stay at home, for every reason that it must? */
static bool lifts_all(const struct law *law, const struct border_facts *facts, struct bytes kind)
{
    bool state_organ = facts->is_state_organ && law->border.localise_state_organ.value;
    bool critical = facts->is_critical && law->border.localise_critical.value;
    return (!state_organ || lifts(&law->border.localise_state_organ, kind)) && (!critical || lifts(&law->border.localise_critical, kind));
}

static bool has_sensitive(const struct border_facts *facts)
{
    for (size_t i = 0; i < facts->category_count; i++) {
        if (facts->categories[i].is_sensitive) {
            return true;
        }
    }
    return false;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_full(uint64_t count, bool is_new, uint64_t max)
{
    return count > max || (is_new && count == max);
}

/* Takes the instrument over into the decision, and says whether one more person is within its limits. */
static bool fits(const struct law *law, const struct border_facts *facts, const struct border_instrument *instrument,
                 struct border_decision *decision)
{
    const struct law_instrument *kind = law_find_instrument(law, instrument->kind);
    decision->instrument = instrument;
    decision->persons_max = smaller(kind->max_persons.value, instrument->max_persons);
    decision->sensitive_max = smaller(kind->max_sensitive.value, instrument->max_sensitive);
    return !is_full(facts->persons, decision->counts_person, decision->persons_max) &&
           (!has_sensitive(facts) || !is_full(facts->sensitive_persons, decision->counts_sensitive, decision->sensitive_max));
}

/* Steps 4 to 6: the first instrument, in the policy's order, on which this may leave. BORDER_PERMITTED when there is one, or needs none. */
static enum border_outcome choose_instrument(const struct law *law, const struct border_facts *facts, struct border_decision *decision)
{
    const struct border_instrument *full = NULL, *nearest = NULL;
    enum border_fault least = BORDER_FAULT_NONE;
    bool stays = must_stay(law, facts), has_valid = false;
    for (size_t i = 0; i < facts->instrument_count; i++) {
        const struct border_instrument *instrument = &facts->instruments[i];
        enum border_fault fault = border_instrument_fault(law, instrument, facts);
        if (fault != BORDER_FAULT_NONE) {
            /* A later fault is a nearer miss: of the right kind and recipient, but ended. */
            nearest = fault > least ? instrument : nearest;
            least = fault > least ? fault : least;
            continue;
        }
        if (stays && !lifts_all(law, facts, instrument->kind)) {
            continue;
        }
        has_valid = true;
        if (fits(law, facts, instrument, decision)) {
            return BORDER_PERMITTED;
        }
        full = full == NULL ? instrument : full;
    }
    decision->instrument = nearest;
    if (stays && !has_valid) {
        return BORDER_LOCALISED;
    }
    if (full != NULL) {
        (void)fits(law, facts, full, decision);
        return BORDER_VOLUME;
    }
    if (law->border.rule == LAW_BORDER_FREE) {
        decision->instrument = NULL;
        return BORDER_PERMITTED;
    }
    return BORDER_INSTRUMENT;
}

static enum border_outcome decide(const struct law *law, const struct border_facts *facts, struct border_decision *decision)
{
    if (facts->is_same_community || law_is_domestic(law, facts->exporter_country, facts->importer_country)) {
        return BORDER_NONE;
    }
    if (!facts->is_recognised || facts->is_blacklisted || is_restricted(law, facts->importer_country)) {
        return BORDER_RECIPIENT;
    }
    if (facts->is_for_foreign_authority && (law->border.foreign_authority == LAW_FOREIGN_REFUSED || facts->approval.size == 0)) {
        return BORDER_FOREIGN_AUTHORITY;
    }
    decision->counts_person = !facts->is_counted_person;
    decision->counts_sensitive = has_sensitive(facts) && !facts->is_counted_sensitive;
    enum border_outcome outcome = choose_instrument(law, facts, decision);
    if (outcome != BORDER_PERMITTED) {
        return outcome;
    }
    enum law_border_consent needed = law->border.separate_consent;
    if (!facts->has_border_act &&
        (needed == LAW_BORDER_CONSENT_ALWAYS || (needed == LAW_BORDER_CONSENT_SENSITIVE && has_sensitive(facts)))) {
        return BORDER_CONSENT;
    }
    bool needs_dpia = (law->dpia_required.bits & LAW_DPIA_BORDER) != 0;
    return needs_dpia && (!facts->has_dpia || facts->now_ms >= facts->dpia_until_ms) ? BORDER_DPIA : BORDER_PERMITTED;
}

void border_decide(const struct law *law, const struct border_facts *facts, struct border_decision *decision)
{
    *decision = (struct border_decision){ .persons_max = UINT64_MAX, .sensitive_max = UINT64_MAX };
    decision->outcome = decide(law, facts, decision);
    if (decision->outcome != BORDER_PERMITTED) {
        decision->counts_person = decision->counts_sensitive = false;
    }
}

/* ---- What operators are told ---- */

unsigned border_volume_mark(uint64_t count, uint64_t max)
{
    static const unsigned marks[] = { 100, 95, 80, 50 };
    if (max == UINT64_MAX) {
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        /* count / max >= mark / 100, rounded so that nothing overflows: the mark of a limit is itself rounded up. */
        uint64_t reached = max / 100 * marks[i] + (max % 100 * marks[i] + 99) / 100;
        if (count > 0 && count >= reached) {
            return marks[i];
        }
    }
    return 0;
}

size_t border_renewal_moments(const struct law *law, const struct border_instrument *instrument, int64_t moments_ms[3])
{
    const struct law_instrument *kind = law_find_instrument(law, instrument->kind);
    int64_t end = border_instrument_end(law, instrument);
    size_t count = 0;
    if (end == INT64_MAX) {
        return 0;
    }
    int64_t wanted[] = { end - 30 * day_ms, end - 7 * day_ms, end };
    if (kind != NULL && kind->renew_before.is_set) {
        wanted[2] = period_before(end, kind->renew_before.value);
    }
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        size_t at = count;
        bool is_new = wanted[i] < end;
        for (size_t j = 0; j < count; j++) {
            is_new = is_new && moments_ms[j] != wanted[i];
        }
        if (!is_new) {
            continue;
        }
        while (at > 0 && moments_ms[at - 1] > wanted[i]) {
            moments_ms[at] = moments_ms[at - 1];
            at--;
        }
        moments_ms[at] = wanted[i];
        count++;
    }
    return count;
}
