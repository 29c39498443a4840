#include "law/border.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

static const char *const ids[] = { "CN-PIPL", "EU-GDPR", "IN-DPDP", "KE-DPA", "strict" };
static struct law *laws[COUNT_OF(ids)];
static uint64_t dice_state;

static uint64_t roll(uint64_t below) /* xorshift64*: the seed repeats a run */
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (dice_state * UINT64_C(2685821657736338717) >> 11) % below;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(time_parse(bytes_of_text(text), &ms));
    return ms;
}

static int load(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct error e = { 0 };
        if (!law_load_builtin(&laws[i], bytes_of_text(ids[i]), &e)) {
            return -1;
        }
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        law_drop(laws[i]);
    }
    return 0;
}

/* ---- A case that is permitted, and everything that stops it, one by one ---- */

#define PD(name) BYTES("https://w3id.org/dpv/pd#" name)
static const struct bytes recipients[] = { BYTES("KE/MED/CLINIC9") };
static const struct bytes covered[] = { PD("MedicalHealth"), PD("Name") };
static const struct border_category wanted[] = { { PD("BloodType"), true }, { PD("Name"), false } };

static struct border_instrument contract(void)
{
    return (struct border_instrument){ .id = BYTES("sc-1"),
                                       .kind = BYTES("standard_contract"),
                                       .from_ms = at("2026-01-01T00:00:00Z"),
                                       .until_ms = INT64_MAX,
                                       .recipients = recipients,
                                       .recipient_count = 1,
                                       .categories = covered,
                                       .category_count = 2,
                                       .max_persons = UINT64_MAX,
                                       .max_sensitive = UINT64_MAX };
}

static struct border_facts good(const struct border_instrument *instrument)
{
    return (struct border_facts){ .exporter_country = BYTES("CN"),
                                  .importer_country = BYTES("KE"),
                                  .is_recognised = true,
                                  .recipient = BYTES("KE/MED/CLINIC9"),
                                  .categories = wanted,
                                  .category_count = 2,
                                  .instruments = instrument,
                                  .instrument_count = 1,
                                  .has_border_act = true,
                                  .has_dpia = true,
                                  .dpia_until_ms = at("2027-01-01T00:00:00Z"),
                                  .now_ms = at("2026-11-24T00:00:00Z") };
}

static void expect(const struct border_facts *facts, enum border_outcome outcome, const char *what)
{
    struct border_decision decision;
    border_decide(laws[0], facts, &decision);
    if (decision.outcome != outcome) {
        fail_msg("%s: outcome %d, want %d", what, (int)decision.outcome, (int)outcome);
    }
}

static void each_step_stops_by_itself(void **state)
{
    struct border_instrument instrument = contract();
    struct border_facts facts = good(&instrument);
    struct border_decision decision;
    (void)state;
    border_decide(laws[0], &facts, &decision);
    assert_int_equal(decision.outcome, BORDER_PERMITTED);
    assert_ptr_equal(decision.instrument, &instrument);
    assert_int_equal(decision.persons_max, 999999);
    assert_int_equal(decision.sensitive_max, 9999);
    assert_true(decision.counts_person && decision.counts_sensitive);

    facts.importer_country = BYTES("CN");
    expect(&facts, BORDER_NONE, "the same country");
    facts.importer_country = BYTES_NONE;
    expect(&facts, BORDER_PERMITTED, "a country that isn't said is abroad");
    facts.is_same_community = true;
    expect(&facts, BORDER_NONE, "the same community");
    facts = good(&instrument);
    facts.is_recognised = false;
    expect(&facts, BORDER_RECIPIENT, "not recognised");
    facts = good(&instrument);
    facts.is_blacklisted = true;
    expect(&facts, BORDER_RECIPIENT, "blacklisted");
    facts = good(&instrument);
    facts.is_for_foreign_authority = true;
    expect(&facts, BORDER_FOREIGN_AUTHORITY, "a foreign court");
    facts.approval = BYTES("approval-7");
    expect(&facts, BORDER_PERMITTED, "a foreign court, approved");
    facts = good(&instrument);
    facts.is_critical = true;
    expect(&facts, BORDER_LOCALISED, "critical, without an assessment");
    instrument.kind = BYTES("security_assessment");
    expect(&facts, BORDER_PERMITTED, "critical, assessed");
    instrument = contract();
    facts = good(&instrument);
    facts.has_border_act = false;
    expect(&facts, BORDER_CONSENT, "no separate act");
    facts = good(&instrument);
    facts.has_dpia = false;
    expect(&facts, BORDER_DPIA, "no assessment");
    facts.has_dpia = true;
    facts.dpia_until_ms = facts.now_ms;
    expect(&facts, BORDER_DPIA, "the assessment ends this moment");
    facts.dpia_until_ms++;
    expect(&facts, BORDER_PERMITTED, "the assessment's last millisecond");
}

static void instruments_end_to_the_millisecond(void **state)
{
    struct border_instrument instrument = contract();
    struct border_facts facts = good(&instrument);
    struct border_decision decision;
    (void)state;
    facts.instrument_count = 0;
    expect(&facts, BORDER_INSTRUMENT, "none is named");
    facts.instrument_count = 1;
    instrument.until_ms = facts.now_ms;
    border_decide(laws[0], &facts, &decision);
    assert_int_equal(decision.outcome, BORDER_INSTRUMENT);
    assert_ptr_equal(decision.instrument, &instrument); /* so that one can say which, and when it ended */
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_ENDED);
    instrument.until_ms++;
    expect(&facts, BORDER_PERMITTED, "its last millisecond");
    instrument = contract();
    instrument.from_ms = facts.now_ms + 1;
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_NOT_YET);
    instrument.from_ms = facts.now_ms;
    expect(&facts, BORDER_PERMITTED, "its first millisecond");
    instrument.is_suspended = true;
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_SUSPENDED);
    instrument = contract();
    instrument.category_count = 1;
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_CATEGORY);
    instrument = contract();
    instrument.kind = BYTES("handshake");
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_KIND);
    /* A certificate of 3 years ends after 3 years, whatever the policy says. */
    instrument = contract();
    instrument.kind = BYTES("certification");
    instrument.from_ms = at("2023-11-24T00:00:00Z");
    assert_int_equal(border_instrument_end(laws[0], &instrument), at("2026-11-24T00:00:00Z"));
    assert_int_equal(border_instrument_fault(laws[0], &instrument, &facts), BORDER_FAULT_ENDED);
}

static void recipients_are_whole_parts(void **state)
{
    static const struct {
        struct bytes named;
        bool covers;
    } row[] = {
        { BYTES("KE"), true },
        { BYTES("KE/MED"), true },
        { BYTES("KE/MED/CLINIC9"), true },
        { BYTES("K"), false },
        { BYTES("KE/MED/CLINIC"), false },
        { BYTES("KE/ME"), false },
        { BYTES(""), false },
        { BYTES("KE/MED/CLINIC9/EHR"), false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct border_instrument instrument = contract();
        struct border_facts facts = good(&instrument);
        instrument.recipients = &row[i].named;
        enum border_fault fault = border_instrument_fault(laws[0], &instrument, &facts);
        if ((fault == BORDER_FAULT_NONE) != row[i].covers) {
            fail_msg("row %zu: fault %d", i, (int)fault);
        }
    }
}

static void limits_count_persons_once(void **state)
{
    static const struct {
        uint64_t persons, sensitive;
        bool counted, counted_sensitive;
        enum border_outcome outcome;
    } row[] = {
        { 999998, 0, false, false, BORDER_PERMITTED },  { 999999, 0, false, false, BORDER_VOLUME },
        { 999999, 1, true, true, BORDER_PERMITTED },    { 1000000, 1, true, true, BORDER_VOLUME },
        { 50000, 9998, true, false, BORDER_PERMITTED }, { 50000, 9999, true, false, BORDER_VOLUME },
        { 50000, 9999, true, true, BORDER_PERMITTED },  { 50000, 10000, true, true, BORDER_VOLUME },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct border_instrument instrument = contract();
        struct border_facts facts = good(&instrument);
        struct border_decision decision;
        facts.persons = row[i].persons;
        facts.sensitive_persons = row[i].sensitive;
        facts.is_counted_person = row[i].counted;
        facts.is_counted_sensitive = row[i].counted_sensitive;
        border_decide(laws[0], &facts, &decision);
        if (decision.outcome != row[i].outcome || decision.instrument != &instrument) {
            fail_msg("row %zu: outcome %d", i, (int)decision.outcome);
        }
    }
    /* Ordinary categories aren't held up by sensitive ones that left before. */
    struct border_instrument instrument = contract();
    struct border_facts facts = good(&instrument);
    facts.categories = &wanted[1];
    facts.category_count = 1;
    facts.sensitive_persons = 20000;
    expect(&facts, BORDER_PERMITTED, "ordinary data beside sensitive ones");
    /* The smaller of two limits holds. */
    instrument.max_persons = 5;
    facts.persons = 5;
    expect(&facts, BORDER_VOLUME, "the instrument's own limit");
}

static void each_law_decides_by_itself(void **state)
{
    static const struct {
        size_t law;
        const char *from, *to;
        bool has_act, has_instrument;
        enum border_outcome outcome;
    } row[] = {
        { 1, "DE", "EE", false, false, BORDER_NONE },      { 1, "DE", "KE", true, false, BORDER_INSTRUMENT },
        { 1, "DE", "KE", true, true, BORDER_PERMITTED },   { 1, "DE", "KE", false, true, BORDER_CONSENT },
        { 2, "IN", "KE", false, false, BORDER_PERMITTED }, { 3, "KE", "CN", false, false, BORDER_INSTRUMENT },
        { 3, "KE", "TZ", true, false, BORDER_INSTRUMENT }, { 4, "RW", "UG", true, false, BORDER_INSTRUMENT },
        { 4, "", "", true, false, BORDER_INSTRUMENT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct border_instrument instrument = contract();
        struct border_facts facts = good(&instrument);
        struct border_decision decision;
        facts.exporter_country = bytes_of_text(row[i].from);
        facts.importer_country = bytes_of_text(row[i].to);
        facts.has_border_act = row[i].has_act;
        facts.instrument_count = row[i].has_instrument ? 1 : 0;
        border_decide(laws[row[i].law], &facts, &decision);
        if (decision.outcome != row[i].outcome) {
            fail_msg("row %zu: outcome %d, want %d", i, (int)decision.outcome, (int)row[i].outcome);
        }
    }
}

/* ---- The slow model: sets, and every question asked anew ---- */

static bool model_in_territory(const struct law *law, struct bytes country)
{
    bool found = false;
    for (size_t i = 0; i < law->territory_count; i++) {
        found |= bytes_equal(law->territory[i].code, country);
    }
    return found;
}

static bool model_valid(const struct law *law, const struct border_instrument *i, const struct border_facts *f,
                        const struct law_instrument **kind)
{
    bool to = false, all = true;
    *kind = NULL;
    for (size_t k = 0; k < law->border.instrument_count; k++) {
        if (bytes_equal(law->border.instruments[k].kind, i->kind)) {
            *kind = &law->border.instruments[k];
        }
    }
    for (size_t r = 0; r < i->recipient_count; r++) {
        char slashed[2][64];
        (void)snprintf(slashed[0], sizeof slashed[0], "%.*s/", BYTES_FMT(i->recipients[r]));
        (void)snprintf(slashed[1], sizeof slashed[1], "%.*s/", BYTES_FMT(f->recipient));
        to |= strncmp(slashed[0], slashed[1], strlen(slashed[0])) == 0;
    }
    for (size_t c = 0; c < f->category_count; c++) {
        bool one = false;
        for (size_t n = 0; n < i->category_count; n++) {
            /* The only hierarchy in this test: blood types are medical. */
            one |= bytes_equal(i->categories[n], f->categories[c].iri) ||
                   (bytes_equal(i->categories[n], PD("MedicalHealth")) && bytes_equal(f->categories[c].iri, PD("BloodType")));
        }
        all &= one;
    }
    bool in_law = *kind != NULL && (!(*kind)->valid.is_set || f->now_ms < period_after(i->from_ms, (*kind)->valid.value));
    return in_law && to && all && f->now_ms >= i->from_ms && f->now_ms < i->until_ms && !i->is_suspended;
}

static bool model_lifts(const struct law_localise *l, const struct law_instrument *kind)
{
    bool found = !l->value;
    for (size_t i = 0; i < l->lifted_by_count; i++) {
        found |= bytes_equal(l->lifted_by[i], kind->kind);
    }
    return found;
}

static enum border_outcome model(const struct law *law, const struct border_facts *f, const struct border_instrument **chosen)
{
    bool sensitive = false,
         stays = (f->is_state_organ && law->border.localise_state_organ.value) || (f->is_critical && law->border.localise_critical.value);
    size_t valid = 0;
    *chosen = NULL;
    if (f->is_same_community) {
        return BORDER_NONE;
    }
    if (f->exporter_country.size > 0 && f->importer_country.size > 0 &&
        (bytes_equal(f->exporter_country, f->importer_country) ||
         (model_in_territory(law, f->exporter_country) && model_in_territory(law, f->importer_country)))) {
        return BORDER_NONE;
    }
    if (f->is_blacklisted || !f->is_recognised) {
        return BORDER_RECIPIENT;
    }
    for (size_t i = 0; i < law->border.restricted_count; i++) {
        if (bytes_equal(law->border.restricted[i].code, f->importer_country)) {
            return BORDER_RECIPIENT;
        }
    }
    if (f->is_for_foreign_authority && f->approval.size == 0) {
        return BORDER_FOREIGN_AUTHORITY;
    }
    for (size_t c = 0; c < f->category_count; c++) {
        sensitive |= f->categories[c].is_sensitive;
    }
    for (size_t i = f->instrument_count; i-- > 0;) {
        const struct law_instrument *kind;
        if (!model_valid(law, &f->instruments[i], f, &kind) ||
            (f->is_state_organ && !model_lifts(&law->border.localise_state_organ, kind)) ||
            (f->is_critical && !model_lifts(&law->border.localise_critical, kind))) {
            continue;
        }
        valid++;
        uint64_t persons = f->persons + (f->is_counted_person ? 0 : 1), many = f->sensitive_persons + (f->is_counted_sensitive ? 0 : 1);
        bool within = persons <= kind->max_persons.value && persons <= f->instruments[i].max_persons;
        within &= !sensitive || (many <= kind->max_sensitive.value && many <= f->instruments[i].max_sensitive);
        *chosen = within ? &f->instruments[i] : *chosen;
    }
    if (valid == 0 && stays) {
        return BORDER_LOCALISED;
    }
    if (*chosen == NULL && valid > 0) {
        return BORDER_VOLUME;
    }
    if (*chosen == NULL && law->border.rule == LAW_BORDER_INSTRUMENT) {
        return BORDER_INSTRUMENT;
    }
    if (!f->has_border_act && (law->border.separate_consent == LAW_BORDER_CONSENT_ALWAYS ||
                               (law->border.separate_consent == LAW_BORDER_CONSENT_SENSITIVE && sensitive))) {
        return BORDER_CONSENT;
    }
    if ((law->dpia_required.bits & LAW_DPIA_BORDER) != 0 && !(f->has_dpia && f->now_ms < f->dpia_until_ms)) {
        return BORDER_DPIA;
    }
    return BORDER_PERMITTED;
}

static void draw_instrument(struct border_instrument *i, const struct law *law, int64_t now_ms)
{
    static const struct bytes names[] = { BYTES("KE"), BYTES("KE/MED/CLINIC9"), BYTES("KE/MED/CLINIC"), BYTES("TZ") };
    static const struct bytes categories[] = { PD("MedicalHealth"), PD("Name"), PD("BloodType") };
    static const int64_t year_ms = INT64_C(31536000000);
    static const uint64_t limits[] = { UINT64_MAX, 3, 10, 0 };
    size_t first = roll(2);
    *i = (struct border_instrument){ .id = BYTES("i"),
                                     .from_ms = now_ms - (int64_t)roll(4) * year_ms + (int64_t)roll(2),
                                     .until_ms = roll(2) == 0 ? INT64_MAX : now_ms + (int64_t)roll(3) - 1,
                                     .is_suspended = roll(8) == 0,
                                     .recipients = &names[roll(4)],
                                     .recipient_count = 1,
                                     .categories = &categories[first],
                                     .category_count = 3 - first - roll(2),
                                     .max_persons = limits[roll(8) % 4],
                                     .max_sensitive = limits[roll(8) % 4] };
    i->kind = roll(10) == 0 ? BYTES("handshake") : law->border.instruments[roll(law->border.instrument_count)].kind;
}

static void decisions_match_the_model(void **state)
{
    static const struct bytes countries[] = { BYTES("CN"), BYTES("KE"), BYTES("DE"), BYTES("EE"), BYTES("IN"), BYTES("") };
    size_t seen[BORDER_DPIA + 1] = { 0 };
    (void)state;
    for (uint64_t seed = 1; seed <= 200000; seed++) {
        struct border_instrument instruments[4];
        struct border_category categories[2] = { { PD("BloodType"), true }, { PD("Name"), false } };
        dice_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        const struct law *law = laws[roll(COUNT_OF(laws))];
        struct border_facts f = { .is_same_community = roll(16) == 0,
                                  .exporter_country = countries[roll(6)],
                                  .importer_country = countries[roll(6)],
                                  .is_recognised = roll(16) != 0,
                                  .is_blacklisted = roll(16) == 0,
                                  .is_for_foreign_authority = roll(8) == 0,
                                  .approval = roll(2) == 0 ? BYTES("a") : BYTES_NONE,
                                  .is_state_organ = roll(6) == 0,
                                  .is_critical = roll(6) == 0,
                                  .recipient = BYTES("KE/MED/CLINIC9"),
                                  .categories = &categories[roll(2)],
                                  .category_count = 1,
                                  .instruments = instruments,
                                  .instrument_count = roll(5),
                                  .persons = roll(12),
                                  .sensitive_persons = roll(12),
                                  .is_counted_person = roll(2) == 0,
                                  .is_counted_sensitive = roll(2) == 0,
                                  .has_border_act = roll(3) != 0,
                                  .has_dpia = roll(4) != 0,
                                  .now_ms = at("2026-11-24T00:00:00Z") };
        f.category_count = f.categories == categories ? 1 + roll(2) : 1;
        f.dpia_until_ms = f.now_ms + (int64_t)roll(3) - 1;
        for (size_t i = 0; i < f.instrument_count; i++) {
            draw_instrument(&instruments[i], law, f.now_ms);
        }
        struct border_decision got;
        const struct border_instrument *chosen;
        enum border_outcome want = model(law, &f, &chosen);
        border_decide(law, &f, &got);
        if (got.outcome != want || (want == BORDER_PERMITTED && got.instrument != chosen)) {
            fail_msg("seed %" PRIu64 ", %.*s: outcome %d, want %d", seed, BYTES_FMT(law->id), (int)got.outcome, (int)want);
        }
        seen[want]++;
    }
    for (size_t i = BORDER_NONE; i < COUNT_OF(seen); i++) {
        if (seen[i] < 100) {
            fail_msg("outcome %zu came only %zu times: the model was hardly asked", i, seen[i]);
        }
    }
}

static void operators_are_warned(void **state)
{
    static const struct {
        uint64_t count, max;
        unsigned mark;
    } row[] = {
        { 49, 100, 0 },
        { 50, 100, 50 },
        { 79, 100, 50 },
        { 80, 100, 80 },
        { 94, 100, 80 },
        { 95, 100, 95 },
        { 99, 100, 95 },
        { 100, 100, 100 },
        { 0, 100, 0 },
        { 5, UINT64_MAX, 0 },
        { 0, 0, 0 },
        { 1, 0, 100 },
        { 499999, 999999, 0 },
        { 500000, 999999, 50 },
        { 950000, 999999, 95 },
        { 949999, 999999, 80 },
        { 1000000, 999999, 100 },
        { 1, 2, 50 },
    };
    int64_t moments[3];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        unsigned mark = border_volume_mark(row[i].count, row[i].max);
        if (mark != row[i].mark) {
            fail_msg("row %zu: %u", i, mark);
        }
    }
    struct border_instrument instrument = contract();
    assert_int_equal(border_renewal_moments(laws[0], &instrument, moments), 0);
    instrument.until_ms = at("2027-12-31T00:00:00Z");
    assert_int_equal(border_renewal_moments(laws[0], &instrument, moments), 2);
    assert_int_equal(moments[0], at("2027-12-01T00:00:00Z"));
    assert_int_equal(moments[1], at("2027-12-24T00:00:00Z"));
    instrument.kind = BYTES("certification");
    assert_int_equal(border_renewal_moments(laws[0], &instrument, moments), 3);
    assert_int_equal(moments[0], at("2027-06-30T00:00:00Z"));
    assert_int_equal(moments[2], at("2027-12-24T00:00:00Z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_stops_by_itself),  cmocka_unit_test(instruments_end_to_the_millisecond),
        cmocka_unit_test(recipients_are_whole_parts), cmocka_unit_test(limits_count_persons_once),
        cmocka_unit_test(each_law_decides_by_itself), cmocka_unit_test(decisions_match_the_model),
        cmocka_unit_test(operators_are_warned),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
