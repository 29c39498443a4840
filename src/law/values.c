#include "law/values.h"

#include <inttypes.h>
#include <stdio.h>

#include "law/iri.h"
#include "law/words.h"

enum { KEY_SIZE = 640, VALUE_SIZE = 256 };

struct listing {
    law_value_found *found;
    void *context;
};

static void tell(struct listing *l, const char *key, const char *value, const struct law_source *source)
{
    const struct law_value one = { .key = key, .value = value, .source = source };
    l->found(l->context, &one);
}

static void tell_period(struct listing *l, const char *key, const struct law_period *period)
{
    char text[PERIOD_TEXT_SIZE];
    tell(l, key, period->is_set ? period_text(period->value, text) : "none", &period->source);
}

static void tell_flag(struct listing *l, const char *key, const struct law_flag *flag)
{
    tell(l, key, flag->value ? "true" : "false", &flag->source);
}

static void tell_terms(struct listing *l, const char *list, const struct law_category *terms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer name;
        char key[KEY_SIZE];
        buffer_init(&name, IRI_SIZE_MAX);
        iri_shorten(terms[i].iri, &name);
        (void)snprintf(key, sizeof key, "%s %.*s", list, BYTES_FMT(buffer_bytes(&name)));
        buffer_clear(&name);
        tell(l, key, "yes", &terms[i].source);
    }
}

static void tell_countries(struct listing *l, const char *list, const struct law_country *countries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof key, "%s %.*s", list, BYTES_FMT(countries[i].code));
        tell(l, key, "yes", &countries[i].source);
    }
}

static void tell_mask(struct listing *l, const char *list, const struct law_mask *mask, const cyaml_strval_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[KEY_SIZE];
        if ((mask->bits & (uint32_t)words[i].val) != 0) {
            (void)snprintf(key, sizeof key, "%s %s", list, words[i].str);
            tell(l, key, "yes", &mask->source[__builtin_ctz((unsigned)words[i].val)]);
        }
    }
}

static void tell_bases(struct listing *l, const struct law *law)
{
    for (size_t i = 0; i < BASIS_COUNT; i++) {
        char key[KEY_SIZE], value[VALUE_SIZE] = "";
        size_t used = 0;
        if (!law->basis[i].is_allowed) {
            continue;
        }
        for (size_t j = 0; j < LAW_NEEDS_COUNT && used < sizeof value; j++) {
            if ((law->basis[i].needs & (uint32_t)law_needs_words[j].val) != 0) {
                used += (size_t)snprintf(value + used, sizeof value - used, "%s%s", used == 0 ? "needs " : ", ", law_needs_words[j].str);
            }
        }
        (void)snprintf(key, sizeof key, "bases %s", law_basis_word((enum law_basis)i));
        tell(l, key, used == 0 ? "yes" : value, &law->basis[i].source);
    }
}

static void tell_persons(struct listing *l, const struct law *law)
{
    char age[32], key[KEY_SIZE];
    (void)snprintf(age, sizeof age, "%" PRIu64, law->minor_age.value);
    tell(l, "minor.age", age, &law->minor_age.source);
    tell(l, "minor.guardian", law->minor_guardian == LAW_GUARDIAN_REQUIRED ? "required" : "not_required", &law->minor_guardian_source);
    tell_flag(l, "minor.all_sensitive", &law->minor_all_sensitive);
    tell(l, "minor.age_unknown", law_age_unknown_words[law->minor_age_unknown].str, &law->minor_age_unknown_source);
    tell_terms(l, "sensitive.categories", law->sensitive, law->sensitive_count);
    for (size_t i = 0; i < BASIS_COUNT; i++) {
        if ((law->sensitive_bases & LAW_BASIS_BIT(i)) != 0) {
            (void)snprintf(key, sizeof key, "sensitive.other_bases %s", law_basis_word((enum law_basis)i));
            tell(l, key, "yes", &law->sensitive_bases_source[i]);
        }
    }
    tell_mask(l, "separate_consent", &law->separate_consent, law_separate_words, LAW_SEPARATE_COUNT);
    tell_period(l, "consent.max_validity", &law->consent_max_validity);
    tell_period(l, "consent.reask_after", &law->consent_reask_after);
    tell_flag(l, "consent.inherit_purpose", &law->consent_inherit_purpose);
    tell_terms(l, "consent.written_for", law->consent_written_for, law->consent_written_for_count);
}

static void tell_clocks(struct listing *l, const struct law *law)
{
    char key[KEY_SIZE];
    for (size_t i = 0; i < LAW_RECORD_COUNT; i++) {
        (void)snprintf(key, sizeof key, "retention.%s.least", law_record_word((enum law_record)i));
        tell_period(l, key, &law->retention[i].least);
        (void)snprintf(key, sizeof key, "retention.%s.longest", law_record_word((enum law_record)i));
        tell_period(l, key, &law->retention[i].longest);
    }
    for (size_t i = 0; i < LAW_RIGHT_COUNT; i++) {
        (void)snprintf(key, sizeof key, "rights.%s", law_right_word((enum law_right)i));
        tell_period(l, key, &law->rights[i]);
    }
    tell_period(l, "rights.identity", &law->rights_identity);
    tell_period(l, "rights.extend", &law->rights_extend);
    tell(l, "rights.deceased", law_deceased_words[law->deceased].str, &law->deceased_source);
    tell_period(l, "breach.authority", &law->breach_authority);
    tell_period(l, "breach.report", &law->breach_report);
    tell_period(l, "breach.person", &law->breach_person);
    tell_period(l, "breach.processor", &law->breach_processor);
    tell_flag(l, "breach.possible_counts", &law->breach_possible_counts);
    tell_flag(l, "breach.waiver_if_no_harm", &law->breach_waiver_if_no_harm);
    tell_mask(l, "dpia.required", &law->dpia_required, law_dpia_words, LAW_DPIA_COUNT);
    tell_period(l, "dpia.valid", &law->dpia_valid);
    tell_flag(l, "interconnection_permit", &law->interconnection_permit);
}

static void tell_limit(struct listing *l, const struct law_instrument *instrument, const char *name, const struct law_number *limit)
{
    char key[KEY_SIZE], value[32];
    if (limit->value != UINT64_MAX) {
        (void)snprintf(key, sizeof key, "border.instruments %.*s %s", BYTES_FMT(instrument->kind), name);
        (void)snprintf(value, sizeof value, "%" PRIu64, limit->value);
        tell(l, key, value, &limit->source);
    }
}

static void tell_instrument(struct listing *l, const struct law_instrument *instrument)
{
    char key[KEY_SIZE];
    (void)snprintf(key, sizeof key, "border.instruments %.*s", BYTES_FMT(instrument->kind));
    tell(l, key, "yes", &instrument->source);
    if (instrument->valid.source.article.size > 0) {
        (void)snprintf(key, sizeof key, "border.instruments %.*s valid", BYTES_FMT(instrument->kind));
        tell_period(l, key, &instrument->valid);
    }
    if (instrument->renew_before.source.article.size > 0) {
        (void)snprintf(key, sizeof key, "border.instruments %.*s renew_before", BYTES_FMT(instrument->kind));
        tell_period(l, key, &instrument->renew_before);
    }
    if (instrument->redo_on_change.source.article.size > 0) {
        (void)snprintf(key, sizeof key, "border.instruments %.*s redo_on_change", BYTES_FMT(instrument->kind));
        tell_flag(l, key, &instrument->redo_on_change);
    }
    tell_limit(l, instrument, "max_persons", &instrument->max_persons);
    tell_limit(l, instrument, "max_sensitive", &instrument->max_sensitive);
}

static void tell_localise(struct listing *l, const char *key, const struct law_localise *localise)
{
    char value[VALUE_SIZE];
    size_t used = (size_t)snprintf(value, sizeof value, "%s", localise->value ? "true" : "false");
    for (size_t i = 0; i < localise->lifted_by_count && used < sizeof value; i++) {
        used += (size_t)snprintf(value + used, sizeof value - used, "%s%.*s", i == 0 ? ", lifted by " : ", ",
                                 BYTES_FMT(localise->lifted_by[i]));
    }
    tell(l, key, value, &localise->source);
}

static void tell_border(struct listing *l, const struct law *law)
{
    const struct law_border *border = &law->border;
    char day[16];
    tell(l, "border.rule", law_border_rule_words[border->rule].str, &border->rule_source);
    tell(l, "border.separate_consent", law_border_consent_words[border->separate_consent].str, &border->separate_consent_source);
    tell_flag(l, "border.blacklist", &border->blacklist);
    tell(l, "border.foreign_authority", law_foreign_authority_words[border->foreign_authority].str, &border->foreign_authority_source);
    tell_countries(l, "border.restricted", border->restricted, border->restricted_count);
    for (size_t i = 0; i < border->instrument_count; i++) {
        tell_instrument(l, &border->instruments[i]);
    }
    (void)snprintf(day, sizeof day, "%02u-%02u", border->count_from_month % 100, border->count_from_day % 100);
    tell(l, "border.count_from", day, &border->count_from_source);
    tell_localise(l, "border.localise.state_organ", &border->localise_state_organ);
    tell_localise(l, "border.localise.critical", &border->localise_critical);
}

static void tell_notice(struct listing *l, const struct law *law)
{
    for (size_t i = 0; i < law->notice_count; i++) {
        const struct law_notice_element *element = &law->notice[i];
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof key, "notice.elements %s", law_element_word(element->element));
        for (size_t j = 0; j < LAW_WHEN_COUNT; j++) {
            if (element->when == (uint32_t)law_when_words[j].val) {
                tell(l, key, law_when_words[j].str, &element->source);
            }
        }
    }
    for (size_t i = 0; i < law->language_count; i++) {
        char key[KEY_SIZE];
        (void)snprintf(key, sizeof key, "notice.languages %.*s", BYTES_FMT(law->languages[i].tag));
        tell(l, key, "yes", &law->languages[i].source);
    }
}

void law_each_value(const struct law *law, law_value_found *found, void *context)
{
    struct listing l = { .found = found, .context = context };
    int year;
    unsigned month, day;
    char date[32];
    period_date_of(law->in_force_day, &year, &month, &day);
    (void)snprintf(date, sizeof date, "%04d-%02u-%02u", year, month, day);
    tell(&l, "in_force", date, &law->in_force_source);
    tell_countries(&l, "territory", law->territory, law->territory_count);
    tell_bases(&l, law);
    tell_terms(&l, "purposes.forbidden", law->forbidden_purposes, law->forbidden_purpose_count);
    tell_terms(&l, "never_released", law->never_released, law->never_released_count);
    tell_persons(&l, law);
    tell_clocks(&l, law);
    tell_border(&l, law);
    tell_notice(&l, law);
}
