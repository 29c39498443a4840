#include "law/law_parse_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/yaml_schema.h"
#include "law/iri.h"

static const char period_todo[] = "write an ISO 8601 duration, such as P3Y, P6M, P90D or PT72H";

/* ---- What all pieces use ---- */

const char *law_at(struct law_parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(parser->place, sizeof parser->place, format, arguments);
    va_end(arguments);
    return parser->place;
}

bool law_refuse(struct law_parser *parser, const char *place, const char *todo, const char *what, ...)
{
    char text[sizeof parser->e->what];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    return yaml_error(parser->yaml, parser->file, place, parser->e, todo, "%s", text);
}

unsigned law_line(struct law_parser *parser, const char *place)
{
    unsigned line = 1;
    (void)yaml_line(parser->yaml, place, &line);
    return line;
}

bool law_copy(struct law_parser *parser, const char *text, struct bytes *to)
{
    *to = arena_copy(&parser->law->arena, bytes_of_text(text));
    return to->data != NULL ? true : error_memory(parser->e, parser->file);
}

bool law_take(struct law_parser *parser, size_t count, size_t size, void **to)
{
    *to = count == 0 ? NULL : arena_take_zeroed(&parser->law->arena, count * size);
    return count == 0 || *to != NULL ? true : error_memory(parser->e, parser->file);
}

bool law_parse_source(struct law_parser *parser, const struct text_source *from, struct law_source *to)
{
    to->is_chosen = from->is_chosen != NULL && *from->is_chosen;
    to->is_unverified = from->is_unverified != NULL && *from->is_unverified;
    return law_copy(parser, from->article, &to->article) && (from->note == NULL || law_copy(parser, from->note, &to->note));
}

bool law_parse_period(struct law_parser *parser, const struct text_word *from, const char *place, bool may_be_none, bool may_be_zero,
                      struct law_period *to)
{
    char at[sizeof parser->place];
    (void)snprintf(at, sizeof at, "%s.value", place);
    if (!law_parse_source(parser, &from->source, &to->source)) {
        return false;
    }
    if (may_be_none && strcmp(from->value, "none") == 0) {
        to->is_set = false;
        return true;
    }
    if (!period_parse(bytes_of_text(from->value), &to->value)) {
        char todo[160];
        (void)snprintf(todo, sizeof todo, "%s%s", period_todo, may_be_none ? "; or none, where the law sets nothing" : "");
        return law_refuse(parser, at, todo, "'%s' is not a period of time", from->value);
    }
    if (!may_be_zero && period_is_zero(to->value)) {
        return law_refuse(parser, at, may_be_none ? "write a longer one, or none" : "write a longer one", "'%s' is no time at all",
                          from->value);
    }
    to->is_set = true;
    return true;
}

static bool parse_flag(struct law_parser *parser, const struct text_flag *from, struct law_flag *to)
{
    to->value = from->value;
    return law_parse_source(parser, &from->source, &to->source);
}

/* ---- Lists ---- */

static bool refuse_term(struct law_parser *parser, const char *place, const char *text, enum vocabulary_kind kind)
{
    static const char *const kinds[] = { "term", "category of data", "purpose", "processing" };
    const char **words = calloc(vocabulary_term_count, sizeof *words);
    struct buffer texts;
    char todo[sizeof parser->e->todo] = "see 'comity law vocabulary' for the ones there are";
    buffer_init(&texts, vocabulary_term_count * 64);
    size_t count = 0;
    for (size_t i = 0; words != NULL && i < vocabulary_term_count; i++) {
        if (vocabulary_terms[i].kind == kind) {
            iri_shorten(vocabulary_terms[i].iri, &texts);
            buffer_append_u8(&texts, '\0');
        }
    }
    for (size_t at = 0; words != NULL && !texts.failed && at < texts.size; count++) {
        words[count] = (const char *)texts.data + at;
        at += strlen(words[count]) + 1;
    }
    const char *near = count > 0 ? yaml_nearest(bytes_of_text(text), words, count) : NULL;
    if (near != NULL) {
        (void)snprintf(todo, sizeof todo, "did you mean '%s'?", near);
    }
    (void)law_refuse(parser, place, todo, "unknown %s '%s'", kinds[kind], text);
    buffer_clear(&texts);
    free(words);
    return false;
}

bool law_parse_terms(struct law_parser *parser, const struct text_word *from, size_t count, enum vocabulary_kind kind, const char *place,
                     struct law_category **to, size_t *to_count)
{
    void *list = NULL;
    if (!law_take(parser, count, sizeof **to, &list)) {
        return false;
    }
    *to = list;
    for (size_t i = 0; i < count; i++) {
        const char *at = law_at(parser, "%s[%zu].value", place, i);
        buffer_reset(&parser->scratch);
        if (!iri_expand(bytes_of_text(from[i].value), &parser->scratch)) {
            return refuse_term(parser, at, from[i].value, kind);
        }
        const struct vocabulary_term *term = vocabulary_find(buffer_bytes(&parser->scratch));
        if (term == NULL || term->kind != kind) {
            return refuse_term(parser, at, from[i].value, kind);
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal((*to)[j].iri, term->iri)) {
                return law_refuse(parser, at, "keep one of them", "'%s' is there twice", from[i].value);
            }
        }
        (*to)[i].iri = term->iri; /* the vocabulary outlives every law */
        if (!law_parse_source(parser, &from[i].source, &(*to)[i].source)) {
            return false;
        }
        (*to_count)++;
    }
    return true;
}

bool law_parse_countries(struct law_parser *parser, const struct text_word *from, size_t count, const char *place, struct law_country **to,
                         size_t *to_count)
{
    void *list = NULL;
    if (!law_take(parser, count, sizeof **to, &list)) {
        return false;
    }
    *to = list;
    for (size_t i = 0; i < count; i++) {
        const char *at = law_at(parser, "%s[%zu].value", place, i), *code = from[i].value;
        if (strlen(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z') {
            return law_refuse(parser, at, "write two capital letters (ISO 3166-1 alpha-2), such as KE", "'%s' is not a country's code",
                              code);
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal((*to)[j].code, bytes_of_text(code))) {
                return law_refuse(parser, at, "keep one of them", "'%s' is there twice", code);
            }
        }
        if (!law_copy(parser, code, &(*to)[i].code) || !law_parse_source(parser, &from[i].source, &(*to)[i].source)) {
            return false;
        }
        (*to_count)++;
    }
    return true;
}

static size_t bit_index(uint32_t bit)
{
    return (size_t)__builtin_ctz(bit);
}

/* A list of {value, article} whose values are bits. */
static bool parse_mask(struct law_parser *parser, const struct text_choice *from, size_t count, const char *place, struct law_mask *to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bit = (uint32_t)from[i].value;
        if ((to->bits & bit) != 0) {
            return law_refuse(parser, law_at(parser, "%s[%zu].value", place, i), "keep one of them", "this is there twice");
        }
        to->bits |= bit;
        if (!law_parse_source(parser, &from[i].source, &to->source[bit_index(bit)])) {
            return false;
        }
    }
    return true;
}

/* ---- The sections ---- */

static bool is_id(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return text[0] != '-' && text[0] != '.' && text[strspn(text, allowed)] == '\0';
}

static bool parse_head(struct law_parser *parser)
{
    const struct text_law *text = parser->text;
    struct law *law = parser->law;
    int64_t day;
    if (!is_id(text->id)) {
        return law_refuse(parser, "law", "use letters, digits, - _ and .; begin with a letter or digit", "'%s' can't be a law's id",
                          text->id);
    }
    if (!period_parse_date(bytes_of_text(text->version), &day)) {
        return law_refuse(parser, "version", "write the date of this text, such as 2026-11-24", "'%s' is not a date", text->version);
    }
    if (!period_parse_date(bytes_of_text(text->in_force.value), &law->in_force_day)) {
        return law_refuse(parser, "in_force.value", "write a date, such as 2021-11-01", "'%s' is not a date", text->in_force.value);
    }
    return law_copy(parser, text->id, &law->id) && law_copy(parser, text->title, &law->title) &&
           law_copy(parser, text->version, &law->version) && law_parse_source(parser, &text->in_force.source, &law->in_force_source) &&
           law_parse_countries(parser, text->territory, text->territory_count, "territory", &law->territory, &law->territory_count);
}

static bool parse_bases(struct law_parser *parser)
{
    const struct text_law *text = parser->text;
    for (size_t i = 0; i < text->bases_count; i++) {
        struct law_basis_rule *rule = &parser->law->basis[text->bases[i].value];
        if (rule->is_allowed) {
            return law_refuse(parser, law_at(parser, "bases[%zu].value", i), "keep one of them", "the basis '%s' is there twice",
                              law_basis_word((enum law_basis)text->bases[i].value));
        }
        rule->is_allowed = true;
        for (size_t j = 0; j < text->bases[i].needs_count; j++) {
            rule->needs |= (uint32_t)text->bases[i].needs[j];
        }
        if (!law_parse_source(parser, &text->bases[i].source, &rule->source)) {
            return false;
        }
    }
    return true;
}

static bool parse_minor(struct law_parser *parser)
{
    const struct text_minor *text = &parser->text->minor;
    struct law *law = parser->law;
    if (text->age.value < 1 || text->age.value > LAW_MINOR_AGE_MAX) {
        return law_refuse(parser, "minor.age.value", "write the age at which a person decides alone, in years",
                          "an age from 1 to %d stands here", LAW_MINOR_AGE_MAX);
    }
    law->minor_age.value = text->age.value;
    law->minor_guardian = (enum law_guardian)text->guardian.value;
    law->minor_age_unknown = (enum law_age_unknown)text->age_unknown.value;
    return law_parse_source(parser, &text->age.source, &law->minor_age.source) &&
           law_parse_source(parser, &text->guardian.source, &law->minor_guardian_source) &&
           parse_flag(parser, &text->all_sensitive, &law->minor_all_sensitive) &&
           law_parse_source(parser, &text->age_unknown.source, &law->minor_age_unknown_source);
}

static bool parse_sensitive(struct law_parser *parser)
{
    const struct text_sensitive *text = &parser->text->sensitive;
    struct law *law = parser->law;
    for (size_t i = 0; i < text->other_bases_count; i++) {
        enum law_basis basis = (enum law_basis)text->other_bases[i].value;
        if ((law->sensitive_bases & LAW_BASIS_BIT(basis)) != 0) {
            return law_refuse(parser, law_at(parser, "sensitive.other_bases[%zu].value", i), "keep one of them",
                              "the basis '%s' is there twice", law_basis_word(basis));
        }
        law->sensitive_bases |= LAW_BASIS_BIT(basis);
        if (!law_parse_source(parser, &text->other_bases[i].source, &law->sensitive_bases_source[basis])) {
            return false;
        }
    }
    return law_parse_terms(parser, text->categories, text->categories_count, VOCABULARY_CATEGORY, "sensitive.categories", &law->sensitive,
                           &law->sensitive_count);
}

static bool parse_consent(struct law_parser *parser)
{
    const struct text_consent *text = &parser->text->consent;
    struct law *law = parser->law;
    return law_parse_period(parser, &text->max_validity, "consent.max_validity", false, false, &law->consent_max_validity) &&
           law_parse_period(parser, &text->reask_after, "consent.reask_after", false, true, &law->consent_reask_after) &&
           parse_flag(parser, &text->inherit_purpose, &law->consent_inherit_purpose) &&
           law_parse_terms(parser, text->written_for, text->written_for_count, VOCABULARY_CATEGORY, "consent.written_for",
                           &law->consent_written_for, &law->consent_written_for_count);
}

static bool parse_retention(struct law_parser *parser)
{
    for (size_t i = 0; i < LAW_RECORD_COUNT; i++) {
        const struct text_retention *from = &parser->text->retention.records[i];
        struct law_retention *to = &parser->law->retention[i];
        char place[64];
        (void)snprintf(place, sizeof place, "retention.%s.least", law_record_word((enum law_record)i));
        if (!law_parse_period(parser, &from->least, place, false, true, &to->least)) {
            return false;
        }
        (void)snprintf(place, sizeof place, "retention.%s.longest", law_record_word((enum law_record)i));
        if (!law_parse_period(parser, &from->longest, place, true, false, &to->longest)) {
            return false;
        }
    }
    return true;
}

static bool parse_rights(struct law_parser *parser)
{
    const struct text_rights *text = &parser->text->rights;
    struct law *law = parser->law;
    for (size_t i = 0; i < LAW_RIGHT_COUNT; i++) {
        char place[64];
        (void)snprintf(place, sizeof place, "rights.%s", law_right_word((enum law_right)i));
        if (!law_parse_period(parser, &text->rights[i], place, true, false, &law->rights[i])) {
            return false;
        }
    }
    law->deceased = (enum law_deceased)text->deceased.value;
    return law_parse_period(parser, &text->identity, "rights.identity", false, false, &law->rights_identity) &&
           law_parse_period(parser, &text->extend, "rights.extend", false, true, &law->rights_extend) &&
           law_parse_source(parser, &text->deceased.source, &law->deceased_source);
}

static bool parse_breach(struct law_parser *parser)
{
    const struct text_breach *text = &parser->text->breach;
    struct law *law = parser->law;
    return law_parse_period(parser, &text->authority, "breach.authority", false, false, &law->breach_authority) &&
           law_parse_period(parser, &text->report, "breach.report", true, false, &law->breach_report) &&
           law_parse_period(parser, &text->person, "breach.person", false, false, &law->breach_person) &&
           law_parse_period(parser, &text->processor, "breach.processor", false, false, &law->breach_processor) &&
           parse_flag(parser, &text->possible_counts, &law->breach_possible_counts) &&
           parse_flag(parser, &text->waiver_if_no_harm, &law->breach_waiver_if_no_harm);
}

static bool parse_text(struct law_parser *parser)
{
    const struct text_law *text = parser->text;
    struct law *law = parser->law;
    return parse_head(parser) && parse_bases(parser) &&
           law_parse_terms(parser, text->purposes.forbidden, text->purposes.forbidden_count, VOCABULARY_PURPOSE, "purposes.forbidden",
                           &law->forbidden_purposes, &law->forbidden_purpose_count) &&
           law_parse_terms(parser, text->never_released, text->never_released_count, VOCABULARY_CATEGORY, "never_released",
                           &law->never_released, &law->never_released_count) &&
           parse_minor(parser) && parse_sensitive(parser) &&
           parse_mask(parser, text->separate_consent, text->separate_consent_count, "separate_consent", &law->separate_consent) &&
           parse_consent(parser) && parse_retention(parser) && parse_rights(parser) && parse_breach(parser) &&
           parse_mask(parser, text->dpia.required, text->dpia.required_count, "dpia.required", &law->dpia_required) &&
           law_parse_period(parser, &text->dpia.valid, "dpia.valid", false, false, &law->dpia_valid) &&
           parse_flag(parser, &text->interconnection_permit, &law->interconnection_permit) && law_parse_border(parser) &&
           law_parse_notice(parser) && law_check(parser);
}

bool law_parse(struct law **out, struct bytes yaml, const char *file, struct error *e)
{
    struct law_parser parser = { .yaml = yaml, .file = file, .e = e };
    void *text = NULL;
    *out = NULL;
    if (yaml.size > LAW_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, file, NULL, "the profile is larger than %d KiB", LAW_BYTES_MAX / 1024);
    }
    if (!yaml_load(&law_text_schema, yaml, file, &text, e)) {
        return false;
    }
    buffer_init(&parser.scratch, IRI_SIZE_MAX + 1);
    parser.text = text;
    parser.law = calloc(1, sizeof *parser.law);
    bool ok = parser.law != NULL ? true : error_memory(e, file);
    if (ok) {
        parser.law->reference_count = 1;
        sha256(yaml, parser.law->digest);
        parser.law->text = arena_copy(&parser.law->arena, yaml);
        ok = parser.law->text.data != NULL ? true : error_memory(e, file);
    }
    ok = ok && parse_text(&parser) && (law_mark_terms(parser.law) ? true : error_memory(e, file));
    if (ok) {
        *out = parser.law;
    } else {
        law_drop(parser.law);
    }
    buffer_clear(&parser.scratch);
    yaml_unload(&law_text_schema, text);
    return ok;
}
