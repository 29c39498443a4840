#include "law/law_parse_internal.h"

#include <stdio.h>

/* Contradictions: what no value by itself shows. Each names the line of one and, where it helps, of the other. */

static bool check_bases(struct law_parser *parser)
{
    const struct law *law = parser->law;
    const struct text_sensitive *text = &parser->text->sensitive;
    if (!law->basis[BASIS_CONSENT].is_allowed) {
        return law_refuse(parser, "bases", "add {value: consent, needs: [record], article: ...}", "the basis 'consent' is missing");
    }
    if ((law->basis[BASIS_CONSENT].needs & LAW_NEEDS_RECORD) == 0) {
        return law_refuse(parser, "bases", "write needs: [record] at consent", "the basis 'consent' without a record can't be proved");
    }
    if (law->basis[BASIS_VITAL].is_allowed && (law->basis[BASIS_VITAL].needs & LAW_NEEDS_JUSTIFICATION) == 0) {
        return law_refuse(parser, "bases", "write needs: [justification] at vital",
                          "the basis 'vital' without a justification can't be reviewed");
    }
    for (size_t i = 0; i < text->other_bases_count; i++) {
        enum law_basis basis = (enum law_basis)text->other_bases[i].value;
        const char *place = law_at(parser, "sensitive.other_bases[%zu].value", i);
        if (basis == BASIS_CONSENT) {
            return law_refuse(parser, place, "take it out: consent always permits", "'consent' is not another basis than consent");
        }
        if (basis == BASIS_LEGITIMATE_INTEREST) {
            return law_refuse(parser, place, "take it out", "sensitive data never leave on 'legitimate_interest'");
        }
        if (!law->basis[basis].is_allowed) {
            return law_refuse(parser, place, "add it to 'bases', with its article, or take it out here",
                              "the basis '%s' is not among the law's 'bases'", law_basis_word(basis));
        }
    }
    if (law->sensitive_count == 0) {
        return law_refuse(parser, "sensitive.categories", "list what the law calls sensitive; the profile 'strict' has all",
                          "no category is sensitive");
    }
    return true;
}

static bool check_minor(struct law_parser *parser)
{
    const struct law *law = parser->law;
    bool is_required = law->minor_guardian == LAW_GUARDIAN_REQUIRED, is_separate = (law->separate_consent.bits & LAW_SEPARATE_MINOR) != 0;
    char todo[160];
    if (is_required && !is_separate) {
        (void)snprintf(todo, sizeof todo, "add minor to 'separate_consent' (line %u), or write not_required",
                       law_line(parser, "separate_consent"));
        return law_refuse(parser, "minor.guardian.value", todo, "a guardian is required, but no separate consent of one");
    }
    if (!is_required && is_separate) {
        return law_refuse(parser, "minor.guardian.value", "write required, or take minor out of 'separate_consent'",
                          "'separate_consent' asks for a guardian's act, but no guardian is required");
    }
    bool has_text = false;
    for (size_t i = 0; i < law->notice_count; i++) {
        has_text = has_text ||
                   (law->notice[i].element == LAW_ELEMENT_GUARDIAN_TEXT && (law->notice[i].when & (LAW_WHEN_MINOR | LAW_WHEN_ALWAYS)) != 0);
    }
    return !is_required || has_text ||
           law_refuse(parser, "notice.elements", "add {value: guardian_text, when: minor, article: ...}",
                      "a guardian is required, but no notice has a text for one");
}

static bool check_longer(struct law_parser *parser, const char *place, const struct law_period *shorter, const struct law_period *longer,
                         const char *todo, const char *what)
{
    char a[PERIOD_TEXT_SIZE], b[PERIOD_TEXT_SIZE];
    if (!shorter->is_set || !longer->is_set || period_is_within(shorter->value, longer->value)) {
        return true;
    }
    return law_refuse(parser, place, todo, "%s: %s and %s", what, period_text(shorter->value, a), period_text(longer->value, b));
}

static bool check_periods(struct law_parser *parser)
{
    const struct law *law = parser->law;
    for (size_t i = 0; i < LAW_RECORD_COUNT; i++) {
        char place[64];
        (void)snprintf(place, sizeof place, "retention.%s.longest.value", law_record_word((enum law_record)i));
        if (!check_longer(parser, place, &law->retention[i].least, &law->retention[i].longest,
                          "make the longest at least as long as the least, from every day of the calendar",
                          "the least retention can be longer than the longest")) {
            return false;
        }
    }
    for (size_t i = 0; i < LAW_RIGHT_COUNT; i++) {
        if (!check_longer(parser, "rights.identity.value", &law->rights_identity, &law->rights[i],
                          "the time to find out who asks is part of the time to answer",
                          "the time for the identity can be longer than one for an answer")) {
            return false;
        }
    }
    return check_longer(parser, "breach.report.value", &law->breach_authority, &law->breach_report,
                        "the full report comes with the first notice or after it",
                        "the first notice to the authority may come after the full report");
}

static bool check_instruments(struct law_parser *parser)
{
    const struct law_border *border = &parser->law->border;
    for (size_t i = 0; i < border->instrument_count; i++) {
        const struct law_instrument *instrument = &border->instruments[i];
        char place[64];
        (void)snprintf(place, sizeof place, "border.instruments[%zu].renew_before", i);
        if (instrument->renew_before.is_set && !instrument->valid.is_set) {
            return law_refuse(parser, place, "say how long it is 'valid', or take 'renew_before' out",
                              "'%.*s' has no end before which it could be renewed", BYTES_FMT(instrument->kind));
        }
        if (!check_longer(parser, place, &instrument->renew_before, &instrument->valid, "renew within the time that it is valid",
                          "'renew_before' can be longer than 'valid'")) {
            return false;
        }
        if (instrument->max_sensitive.value != UINT64_MAX && instrument->max_sensitive.value > instrument->max_persons.value) {
            (void)snprintf(place, sizeof place, "border.instruments[%zu].max_sensitive.value", i);
            return law_refuse(parser, place, "persons with sensitive data are among all persons",
                              "'max_sensitive' is larger than 'max_persons' of '%.*s'", BYTES_FMT(instrument->kind));
        }
    }
    return true;
}

static bool check_localise(struct law_parser *parser, const struct law_localise *localise, const char *name)
{
    char place[64];
    for (size_t i = 0; i < localise->lifted_by_count; i++) {
        if (law_find_instrument(parser->law, localise->lifted_by[i]) == NULL) {
            (void)snprintf(place, sizeof place, "border.localise.%s.lifted_by[%zu]", name, i);
            return law_refuse(parser, place, "name the 'kind' of one of 'border.instruments'", "there is no instrument '%.*s'",
                              BYTES_FMT(localise->lifted_by[i]));
        }
    }
    (void)snprintf(place, sizeof place, "border.localise.%s.value", name);
    return localise->value || localise->lifted_by_count == 0 ||
           law_refuse(parser, place, "write true, or take 'lifted_by' out", "nothing is lifted where nothing must stay at home");
}

static bool check_border(struct law_parser *parser)
{
    const struct law *law = parser->law;
    bool is_separate = (law->separate_consent.bits & LAW_SEPARATE_BORDER) != 0,
         is_needed = law->border.separate_consent != LAW_BORDER_CONSENT_NEVER;
    if (is_separate != is_needed) {
        return law_refuse(parser, "border.separate_consent.value",
                          is_needed ? "add border to 'separate_consent', or write never"
                                    : "write always or sensitive, or take border out there",
                          "'border.separate_consent' and 'separate_consent' disagree");
    }
    if (law->border.rule == LAW_BORDER_INSTRUMENT && law->border.instrument_count == 0) {
        return law_refuse(parser, "border.instruments", "list the kinds of instruments, or write rule: free",
                          "nothing could ever cross the border: an instrument is required, and there is none");
    }
    for (size_t i = 0; i < law->border.restricted_count; i++) {
        for (size_t j = 0; j < law->territory_count; j++) {
            if (bytes_equal(law->border.restricted[i].code, law->territory[j].code)) {
                return law_refuse(parser, law_at(parser, "border.restricted[%zu].value", i), "take it out here or in 'territory'",
                                  "a country of the law's own territory is restricted");
            }
        }
    }
    return check_instruments(parser) && check_localise(parser, &law->border.localise_state_organ, "state_organ") &&
           check_localise(parser, &law->border.localise_critical, "critical");
}

bool law_check(struct law_parser *parser)
{
    return check_bases(parser) && check_minor(parser) && check_periods(parser) && check_border(parser);
}
