#include "law/tighten.h"

#include <stdio.h>

#include "base/yaml_schema.h"
#include "law/law_parse_internal.h"
#include "law/tighten_text_internal.h"
#include "law/words.h"

/* One tightening at work: a law_parser whose law is the copy, and the base that it must not fall below. */
struct tightening {
    struct law_parser parser; /* its text stays NULL: the section's is beside it */
    const struct law *base;
    const struct tight_law *text;
};

static const struct text_source policy_source = { .article = (char *)"the member's policy" };

static bool refuse_looser(struct tightening *t, const char *place, const char *value, const char *law_says, struct bytes article)
{
    return law_refuse(&t->parser, place, "a policy may only be stricter than its community's law",
                      "'%s' loosens %.*s, which says %s (%.*s)", value, BYTES_FMT(t->base->id), law_says,
                      (int)(article.size < 80 ? article.size : 80), article.data != NULL ? (const char *)article.data : "");
}

/* Keeps the law's article and says that somebody chose the value. */
static void mark(struct law_source *source)
{
    source->is_chosen = true;
    source->note = BYTES("tightened by the member's policy");
}

enum stricter { SHORTER, LONGER };

/* NULL text: nothing to do. */
static bool tighten_period(struct tightening *t, const char *text, const char *place, enum stricter stricter, struct law_period *period)
{
    struct period value;
    char says[PERIOD_TEXT_SIZE];
    if (text == NULL) {
        return true;
    }
    if (!period_parse(bytes_of_text(text), &value)) {
        return law_refuse(&t->parser, place, "write an ISO 8601 duration, such as P3Y, P6M, P90D or PT72H", "'%s' is not a period of time",
                          text);
    }
    if (stricter == SHORTER && period_is_zero(value) && !(period->is_set && period_is_zero(period->value))) {
        return law_refuse(&t->parser, place, "write a longer one", "'%s' is no time at all", text);
    }
    bool is_fine = !period->is_set ||
                   (stricter == SHORTER ? period_is_within(value, period->value) : period_is_within(period->value, value));
    if (!is_fine) {
        return refuse_looser(t, place, text, period_text(period->value, says), period->source.article);
    }
    period->is_set = true;
    period->value = value;
    mark(&period->source);
    return true;
}

static bool tighten_flag(struct tightening *t, const bool *text, const char *place, bool strict, struct law_flag *flag)
{
    if (text == NULL || *text == flag->value) {
        return true;
    }
    if (*text != strict) {
        return refuse_looser(t, place, *text ? "true" : "false", flag->value ? "true" : "false", flag->source.article);
    }
    flag->value = *text;
    mark(&flag->source);
    return true;
}

/* An enum whose strictest value is zero: a larger one is looser. `words` are in its order. */
static bool tighten_choice(struct tightening *t, const int *text, const char *place, const cyaml_strval_t *words, int *value,
                           struct law_source *source)
{
    if (text == NULL || *text == *value) {
        return true;
    }
    if (*text > *value) {
        return refuse_looser(t, place, words[*text].str, words[*value].str, source->article);
    }
    *value = *text;
    mark(source);
    return true;
}

/* ---- Lists: what is added, and bases, where only what is named stays ---- */

static bool take_words(struct tightening *t, char **from, size_t count, struct text_word **out)
{
    void *list = NULL;
    if (!law_take(&t->parser, count, sizeof **out, &list)) {
        return false;
    }
    *out = list;
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (struct text_word){ .value = from[i], .source = policy_source };
    }
    return true;
}

static bool add_terms(struct tightening *t, char **from, size_t from_count, enum vocabulary_kind kind, const char *place,
                      struct law_category **list, size_t *count)
{
    struct text_word *words = NULL;
    struct law_category *added = NULL;
    size_t added_count = 0;
    void *all = NULL;
    if (from_count == 0) {
        return true;
    }
    if (!take_words(t, from, from_count, &words) || !law_parse_terms(&t->parser, words, from_count, kind, place, &added, &added_count) ||
        !law_take(&t->parser, *count + added_count, sizeof **list, &all)) {
        return false;
    }
    struct law_category *joined = all;
    size_t joined_count = *count;
    if (*count > 0) {
        memcpy(joined, *list, *count * sizeof **list);
    }
    for (size_t i = 0; i < added_count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < *count; j++) {
            is_known = is_known || bytes_equal(joined[j].iri, added[i].iri);
        }
        if (!is_known) {
            joined[joined_count++] = added[i];
        }
    }
    *list = joined;
    *count = joined_count;
    return true;
}

static bool add_countries(struct tightening *t, char **from, size_t from_count)
{
    struct text_word *words = NULL;
    struct law_country *added = NULL;
    size_t added_count = 0;
    void *all = NULL;
    struct law_border *border = &t->parser.law->border;
    if (from_count == 0) {
        return true;
    }
    if (!take_words(t, from, from_count, &words) ||
        !law_parse_countries(&t->parser, words, from_count, "law.border.restricted", &added, &added_count) ||
        !law_take(&t->parser, border->restricted_count + added_count, sizeof *border->restricted, &all)) {
        return false;
    }
    struct law_country *joined = all;
    if (border->restricted_count > 0) {
        memcpy(joined, border->restricted, border->restricted_count * sizeof *joined);
    }
    memcpy(joined + border->restricted_count, added, added_count * sizeof *joined);
    border->restricted = joined;
    border->restricted_count += added_count;
    return true;
}

static void add_bits(const int *from, size_t count, struct law_mask *mask)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bit = (uint32_t)from[i];
        if ((mask->bits & bit) == 0) {
            mask->bits |= bit;
            mask->source[__builtin_ctz(bit)] = (struct law_source){ .article = bytes_of_text(policy_source.article), .is_chosen = true };
        }
    }
}

/* Only the named ones stay; naming one that the law doesn't have would open it. */
static bool keep_bases(struct tightening *t, const int *from, size_t count, const char *place, uint32_t allowed, uint32_t *kept)
{
    *kept = 0;
    for (size_t i = 0; i < count; i++) {
        if ((allowed & LAW_BASIS_BIT(from[i])) == 0) {
            return law_refuse(&t->parser, law_at(&t->parser, "%s[%zu]", place, i), "a policy may only be stricter than its community's law",
                              "%.*s doesn't allow the basis '%s' here", BYTES_FMT(t->base->id), law_basis_word((enum law_basis)from[i]));
        }
        *kept |= LAW_BASIS_BIT(from[i]);
    }
    return true;
}

/* libcyaml hands out the same NULL for an empty list as for none; an empty one says "none of them". */
static bool is_there(struct tightening *t, const char *place)
{
    unsigned line;
    return yaml_line(t->parser.yaml, place, &line);
}

static bool tighten_bases(struct tightening *t)
{
    const struct tight_law *text = t->text;
    struct law *law = t->parser.law;
    uint32_t allowed = 0, kept;
    for (size_t i = 0; i < BASIS_COUNT; i++) {
        allowed |= law->basis[i].is_allowed ? LAW_BASIS_BIT(i) : 0;
    }
    if (is_there(t, "law.bases")) {
        if (!keep_bases(t, text->bases, text->bases_count, "law.bases", allowed, &kept)) {
            return false;
        }
        if ((kept & LAW_BASIS_BIT(BASIS_CONSENT)) == 0) {
            return law_refuse(&t->parser, "law.bases", "add consent", "without 'consent' nobody could permit anything");
        }
        for (size_t i = 0; i < BASIS_COUNT; i++) {
            law->basis[i].is_allowed = (kept & LAW_BASIS_BIT(i)) != 0;
        }
        law->sensitive_bases &= kept;
    }
    if (text->sensitive != NULL && is_there(t, "law.sensitive.other_bases")) {
        if (!keep_bases(t, text->sensitive->other_bases, text->sensitive->other_bases_count, "law.sensitive.other_bases",
                        law->sensitive_bases, &kept)) {
            return false;
        }
        law->sensitive_bases = kept;
    }
    return true;
}

/* ---- The sections ---- */

static bool tighten_minor(struct tightening *t)
{
    const struct tight_minor *text = t->text->minor;
    struct law *law = t->parser.law;
    if (text == NULL) {
        return true;
    }
    if (text->age != NULL && *text->age != law->minor_age.value) {
        char value[32], says[32];
        (void)snprintf(value, sizeof value, "%llu", (unsigned long long)*text->age);
        (void)snprintf(says, sizeof says, "%llu", (unsigned long long)law->minor_age.value);
        if (*text->age < law->minor_age.value) {
            return refuse_looser(t, "law.minor.age", value, says, law->minor_age.source.article);
        }
        if (*text->age > LAW_MINOR_AGE_MAX) {
            return law_refuse(&t->parser, "law.minor.age", NULL, "an age of at most %d stands here", LAW_MINOR_AGE_MAX);
        }
        law->minor_age.value = *text->age;
        mark(&law->minor_age.source);
    }
    int unknown = (int)law->minor_age_unknown;
    if (!tighten_flag(t, text->all_sensitive, "law.minor.all_sensitive", true, &law->minor_all_sensitive) ||
        !tighten_choice(t, text->age_unknown, "law.minor.age_unknown", law_age_unknown_words, &unknown, &law->minor_age_unknown_source)) {
        return false;
    }
    law->minor_age_unknown = (enum law_age_unknown)unknown;
    return true;
}

static bool tighten_consent(struct tightening *t)
{
    const struct tight_consent *text = t->text->consent;
    struct law *law = t->parser.law;
    return text == NULL || (tighten_period(t, text->max_validity, "law.consent.max_validity", SHORTER, &law->consent_max_validity) &&
                            tighten_period(t, text->reask_after, "law.consent.reask_after", LONGER, &law->consent_reask_after) &&
                            tighten_flag(t, text->inherit_purpose, "law.consent.inherit_purpose", false, &law->consent_inherit_purpose) &&
                            add_terms(t, text->written_for, text->written_for_count, VOCABULARY_CATEGORY, "law.consent.written_for",
                                      &law->consent_written_for, &law->consent_written_for_count));
}

static bool tighten_retention(struct tightening *t)
{
    for (size_t i = 0; t->text->retention != NULL && i < LAW_RECORD_COUNT; i++) {
        const struct tight_retention *text = t->text->retention->records[i];
        struct law_retention *retention = &t->parser.law->retention[i];
        char place[64], least[PERIOD_TEXT_SIZE], longest[PERIOD_TEXT_SIZE];
        if (text == NULL) {
            continue;
        }
        (void)snprintf(place, sizeof place, "law.retention.%s.least", law_record_word((enum law_record)i));
        if (!tighten_period(t, text->least, place, LONGER, &retention->least)) {
            return false;
        }
        (void)snprintf(place, sizeof place, "law.retention.%s.longest", law_record_word((enum law_record)i));
        if (!tighten_period(t, text->longest, place, SHORTER, &retention->longest)) {
            return false;
        }
        if (retention->longest.is_set && !period_is_within(retention->least.value, retention->longest.value)) {
            return law_refuse(&t->parser, place, "make the longest at least as long as the least",
                              "the least retention can be longer than the longest: %s and %s", period_text(retention->least.value, least),
                              period_text(retention->longest.value, longest));
        }
    }
    return true;
}

static bool tighten_rights(struct tightening *t)
{
    const struct tight_rights *text = t->text->rights;
    struct law *law = t->parser.law;
    for (size_t i = 0; text != NULL && i < LAW_RIGHT_COUNT; i++) {
        char place[64];
        (void)snprintf(place, sizeof place, "law.rights.%s", law_right_word((enum law_right)i));
        if (!tighten_period(t, text->rights[i], place, SHORTER, &law->rights[i])) {
            return false;
        }
        if (law->rights[i].is_set && !period_is_within(law->rights_identity.value, law->rights[i].value)) {
            law->rights_identity.value = law->rights[i].value; /* who asks is known before the answer */
        }
    }
    return text == NULL || (tighten_period(t, text->identity, "law.rights.identity", SHORTER, &law->rights_identity) &&
                            tighten_period(t, text->extend, "law.rights.extend", SHORTER, &law->rights_extend));
}

static bool tighten_breach(struct tightening *t)
{
    const struct tight_breach *text = t->text->breach;
    struct law *law = t->parser.law;
    return text == NULL ||
           (tighten_period(t, text->authority, "law.breach.authority", SHORTER, &law->breach_authority) &&
            tighten_period(t, text->report, "law.breach.report", SHORTER, &law->breach_report) &&
            tighten_period(t, text->person, "law.breach.person", SHORTER, &law->breach_person) &&
            tighten_period(t, text->processor, "law.breach.processor", SHORTER, &law->breach_processor) &&
            tighten_flag(t, text->possible_counts, "law.breach.possible_counts", true, &law->breach_possible_counts) &&
            tighten_flag(t, text->waiver_if_no_harm, "law.breach.waiver_if_no_harm", false, &law->breach_waiver_if_no_harm));
}

static bool tighten_border(struct tightening *t)
{
    const struct tight_border *text = t->text->border;
    struct law_border *border = &t->parser.law->border;
    if (text == NULL) {
        return true;
    }
    int rule = (int)border->rule, consent = (int)border->separate_consent, foreign = (int)border->foreign_authority;
    if (!tighten_choice(t, text->rule, "law.border.rule", law_border_rule_words, &rule, &border->rule_source) ||
        !tighten_choice(t, text->separate_consent, "law.border.separate_consent", law_border_consent_words, &consent,
                        &border->separate_consent_source) ||
        !tighten_choice(t, text->foreign_authority, "law.border.foreign_authority", law_foreign_authority_words, &foreign,
                        &border->foreign_authority_source) ||
        !add_countries(t, text->restricted, text->restricted_count)) {
        return false;
    }
    border->rule = (enum law_border_rule)rule;
    border->separate_consent = (enum law_border_consent)consent;
    border->foreign_authority = (enum law_foreign_authority)foreign;
    for (size_t i = 0; i < text->localise_count; i++) {
        struct law_localise *localise = text->localise[i] == TIGHT_STATE_ORGAN ? &border->localise_state_organ : &border->localise_critical;
        if (!localise->value) {
            localise->value = true;
            mark(&localise->source);
        }
    }
    return true;
}

static bool tighten_notice(struct tightening *t)
{
    const struct tight_notice *text = t->text->notice;
    struct law *law = t->parser.law;
    void *elements = NULL, *languages = NULL;
    if (text == NULL) {
        return true;
    }
    if (!law_take(&t->parser, law->notice_count + text->elements_count, sizeof *law->notice, &elements) ||
        !law_take(&t->parser, law->language_count + text->languages_count, sizeof *law->languages, &languages)) {
        return false;
    }
    struct law_notice_element *all = elements;
    struct law_language *tags = languages;
    if (law->notice_count > 0) {
        memcpy(all, law->notice, law->notice_count * sizeof *all);
    }
    if (law->language_count > 0) {
        memcpy(tags, law->languages, law->language_count * sizeof *tags);
    }
    law->notice = all;
    law->languages = tags;
    for (size_t i = 0; i < text->elements_count; i++) {
        all[law->notice_count++] = (struct law_notice_element){
            .element = (enum law_element)text->elements[i],
            .when = LAW_WHEN_ALWAYS,
            .source = { .article = bytes_of_text(policy_source.article), .is_chosen = true },
        };
    }
    for (size_t i = 0; i < text->languages_count; i++) {
        if (!law_is_language(text->languages[i])) {
            return law_refuse(&t->parser, law_at(&t->parser, "law.notice.languages[%zu]", i),
                              "write a tag of BCP 47, such as en or zh-Hans", "'%s' is not a language", text->languages[i]);
        }
        struct law_language *tag = &tags[law->language_count++];
        tag->source = (struct law_source){ .article = bytes_of_text(policy_source.article), .is_chosen = true };
        if (!law_copy(&t->parser, text->languages[i], &tag->tag)) {
            return false;
        }
    }
    return true;
}

/* What one tightened value asks of another, so that the law stays free of contradictions. */
static void agree(struct law *law)
{
    if (law->border.separate_consent != LAW_BORDER_CONSENT_NEVER) {
        law->separate_consent.bits |= LAW_SEPARATE_BORDER;
    } else if ((law->separate_consent.bits & LAW_SEPARATE_BORDER) != 0) {
        law->border.separate_consent = LAW_BORDER_CONSENT_ALWAYS;
    }
    if ((law->separate_consent.bits & LAW_SEPARATE_MINOR) != 0) {
        law->minor_guardian = LAW_GUARDIAN_REQUIRED;
    }
}

static bool apply(struct tightening *t)
{
    const struct tight_law *text = t->text;
    struct law *law = t->parser.law;
    add_bits(text->separate_consent, text->separate_consent_count, &law->separate_consent);
    bool ok = tighten_bases(t) && tighten_minor(t) && tighten_consent(t) && tighten_retention(t) && tighten_rights(t) &&
              tighten_breach(t) && tighten_border(t) && tighten_notice(t) &&
              add_terms(t, text->never_released, text->never_released_count, VOCABULARY_CATEGORY, "law.never_released",
                        &law->never_released, &law->never_released_count);
    if (ok && text->purposes != NULL) {
        ok = add_terms(t, text->purposes->forbidden, text->purposes->forbidden_count, VOCABULARY_PURPOSE, "law.purposes.forbidden",
                       &law->forbidden_purposes, &law->forbidden_purpose_count);
    }
    if (ok && text->sensitive != NULL) {
        ok = add_terms(t, text->sensitive->categories, text->sensitive->categories_count, VOCABULARY_CATEGORY, "law.sensitive.categories",
                       &law->sensitive, &law->sensitive_count);
    }
    if (ok && text->dpia != NULL) {
        add_bits(text->dpia->required, text->dpia->required_count, &law->dpia_required);
        ok = tighten_period(t, text->dpia->valid, "law.dpia.valid", SHORTER, &law->dpia_valid);
    }
    agree(law);
    return ok && (law_mark_terms(law) ? true : error_memory(t->parser.e, t->parser.file));
}

bool law_tighten(struct law **out, struct law *base, struct bytes policy, const char *file, struct error *e)
{
    struct tightening t = { .parser = { .yaml = policy, .file = file, .e = e }, .base = base };
    struct buffer section;
    void *text = NULL;
    bool ok = false;
    *out = NULL;
    buffer_init(&section, policy.size);
    buffer_init(&t.parser.scratch, (size_t)8 * 1024);
    if (!yaml_section(policy, file, "law", &section, e)) {
        goto done;
    }
    if (section.size == 0) {
        *out = law_keep(base);
        ok = true;
        goto done;
    }
    if (!yaml_load(&tight_schema, buffer_bytes(&section), file, &text, e)) {
        goto done;
    }
    /* A copy is made the way the law itself was: from its text. */
    if (!law_parse(&t.parser.law, base->text, "law", e)) {
        goto done;
    }
    t.text = ((const struct tight_file *)text)->law;
    t.parser.law->is_tightened = true;
    ok = apply(&t);
    if (ok) {
        *out = t.parser.law;
    } else {
        law_drop(t.parser.law);
    }
done:
    yaml_unload(&tight_schema, text);
    buffer_clear(&t.parser.scratch);
    buffer_clear(&section);
    return ok;
}
