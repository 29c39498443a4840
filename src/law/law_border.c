#include "law/law_parse_internal.h"

#include <stdio.h>

/* Border and notices: the sections of a profile whose entries have a form of their own. */

static bool parse_instrument(struct law_parser *parser, size_t index)
{
    const struct text_instrument *from = &parser->text->border.instruments[index];
    struct law_instrument *to = &parser->law->border.instruments[index];
    char place[64];
    for (size_t i = 0; i < index; i++) {
        if (bytes_equal(parser->law->border.instruments[i].kind, bytes_of_text(from->kind))) {
            return law_refuse(parser, law_at(parser, "border.instruments[%zu].kind", index), "keep one of them",
                              "the instrument '%s' is there twice", from->kind);
        }
    }
    if (!law_copy(parser, from->kind, &to->kind) || !law_parse_source(parser, &from->source, &to->source)) {
        return false;
    }
    (void)snprintf(place, sizeof place, "border.instruments[%zu].valid", index);
    if (from->valid != NULL && !law_parse_period(parser, from->valid, place, true, false, &to->valid)) {
        return false;
    }
    (void)snprintf(place, sizeof place, "border.instruments[%zu].renew_before", index);
    if (from->renew_before != NULL && !law_parse_period(parser, from->renew_before, place, true, false, &to->renew_before)) {
        return false;
    }
    if (from->redo_on_change != NULL) {
        to->redo_on_change.value = from->redo_on_change->value;
        if (!law_parse_source(parser, &from->redo_on_change->source, &to->redo_on_change.source)) {
            return false;
        }
    }
    to->max_persons.value = to->max_sensitive.value = UINT64_MAX;
    if (from->max_persons != NULL) {
        to->max_persons.value = from->max_persons->value;
        if (!law_parse_source(parser, &from->max_persons->source, &to->max_persons.source)) {
            return false;
        }
    }
    if (from->max_sensitive != NULL) {
        to->max_sensitive.value = from->max_sensitive->value;
        return law_parse_source(parser, &from->max_sensitive->source, &to->max_sensitive.source);
    }
    return true;
}

static bool parse_localise(struct law_parser *parser, const struct text_localise *from, struct law_localise *to)
{
    void *list = NULL;
    if (!law_take(parser, from->lifted_by_count, sizeof *to->lifted_by, &list) || !law_parse_source(parser, &from->source, &to->source)) {
        return false;
    }
    to->value = from->value;
    to->lifted_by = list;
    for (size_t i = 0; i < from->lifted_by_count; i++) {
        if (!law_copy(parser, from->lifted_by[i], &to->lifted_by[i])) {
            return false;
        }
        to->lifted_by_count++;
    }
    return true;
}

/* "01-01": month and day; not 29 February, which most years don't have. */
static bool parse_count_from(struct law_parser *parser, const struct text_word *from)
{
    char text[16];
    int64_t day;
    int year;
    struct law_border *to = &parser->law->border;
    (void)snprintf(text, sizeof text, "2027-%s", strlen(from->value) == 5 ? from->value : "");
    if (!period_parse_date(bytes_of_text(text), &day)) {
        return law_refuse(parser, "border.count_from.value", "write month and day, such as \"01-01\"", "'%s' is not a day of every year",
                          from->value);
    }
    period_date_of(day, &year, &to->count_from_month, &to->count_from_day);
    return law_parse_source(parser, &from->source, &to->count_from_source);
}

bool law_parse_border(struct law_parser *parser)
{
    const struct text_border *text = &parser->text->border;
    struct law_border *border = &parser->law->border;
    void *list = NULL;
    border->rule = (enum law_border_rule)text->rule.value;
    border->separate_consent = (enum law_border_consent)text->separate_consent.value;
    border->blacklist.value = text->blacklist.value;
    border->foreign_authority = (enum law_foreign_authority)text->foreign_authority.value;
    if (!law_parse_source(parser, &text->rule.source, &border->rule_source) ||
        !law_parse_source(parser, &text->separate_consent.source, &border->separate_consent_source) ||
        !law_parse_source(parser, &text->blacklist.source, &border->blacklist.source) ||
        !law_parse_source(parser, &text->foreign_authority.source, &border->foreign_authority_source) ||
        !law_parse_countries(parser, text->restricted, text->restricted_count, "border.restricted", &border->restricted,
                             &border->restricted_count) ||
        !law_take(parser, text->instruments_count, sizeof *border->instruments, &list)) {
        return false;
    }
    border->instruments = list;
    for (size_t i = 0; i < text->instruments_count; i++) {
        if (!parse_instrument(parser, i)) {
            return false;
        }
        border->instrument_count++;
    }
    return parse_count_from(parser, &text->count_from) &&
           parse_localise(parser, &text->localise.state_organ, &border->localise_state_organ) &&
           parse_localise(parser, &text->localise.critical, &border->localise_critical);
}

/* ---- Notices ---- */

static bool parse_element(struct law_parser *parser, size_t index)
{
    const struct text_element *from = &parser->text->notice.elements[index];
    struct law_notice_element *to = &parser->law->notice[index];
    to->element = (enum law_element)from->value;
    to->when = (uint32_t)from->when;
    for (size_t i = 0; i < index; i++) {
        const struct law_notice_element *other = &parser->law->notice[i];
        if (other->element == to->element && (other->when == to->when || other->when == LAW_WHEN_ALWAYS || to->when == LAW_WHEN_ALWAYS)) {
            return law_refuse(parser, law_at(parser, "notice.elements[%zu].value", index),
                              "keep one of them; always covers the other cases", "the element '%s' is there twice",
                              law_element_word(to->element));
        }
    }
    return law_parse_source(parser, &from->source, &to->source);
}

/* A tag of letters, digits and hyphens (RFC 5646 2.1), such as "en" or "zh-Hans". */
bool law_is_language(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t first = strspn(text, letters);
    return first >= 2 && first <= 8 && (text[first] == '\0' || text[first] == '-') &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text) && strlen(text) <= 35;
}

static bool parse_language(struct law_parser *parser, size_t index)
{
    const struct text_word *from = &parser->text->notice.languages[index];
    struct law_language *to = &parser->law->languages[index];
    if (!law_is_language(from->value)) {
        return law_refuse(parser, law_at(parser, "notice.languages[%zu].value", index), "write a tag of BCP 47, such as en or zh-Hans",
                          "'%s' is not a language", from->value);
    }
    for (size_t i = 0; i < index; i++) {
        if (bytes_equal_ignoring_case(parser->law->languages[i].tag, bytes_of_text(from->value))) {
            return law_refuse(parser, law_at(parser, "notice.languages[%zu].value", index), "keep one of them", "'%s' is there twice",
                              from->value);
        }
    }
    return law_copy(parser, from->value, &to->tag) && law_parse_source(parser, &from->source, &to->source);
}

bool law_parse_notice(struct law_parser *parser)
{
    const struct text_notice *text = &parser->text->notice;
    struct law *law = parser->law;
    void *elements = NULL, *languages = NULL;
    if (!law_take(parser, text->elements_count, sizeof *law->notice, &elements) ||
        !law_take(parser, text->languages_count, sizeof *law->languages, &languages)) {
        return false;
    }
    law->notice = elements;
    law->languages = languages;
    for (size_t i = 0; i < text->elements_count; i++) {
        if (!parse_element(parser, i)) {
            return false;
        }
        law->notice_count++;
    }
    for (size_t i = 0; i < text->languages_count; i++) {
        if (!parse_language(parser, i)) {
            return false;
        }
        law->language_count++;
    }
    return true;
}
