#include "consent/grant_internal.h"

#include "law/vocabulary.h"

static const char reason_guardian[] = "consent.guardian";
static const char reason_unknown[] = "minor.unknown";

static bool deny(const char **reason, const char *code, struct error *e, const char *where, const char *todo, const char *what)
{
    *reason = code;
    return error_set(e, ERROR_DENIED, where, todo, "%s (%s)", what, code);
}

/* ---- Limits ---- */

struct consent_limits consent_limits_of(const struct notice *notice)
{
    const struct use_limits *use = &notice->use;
    return (struct consent_limits){ .mode = use->mode,
                                    .fetch = use->fetch,
                                    .max = use->max,
                                    .per = use->per,
                                    .total = use->total,
                                    .has_data_from = use->has_from,
                                    .has_data_until = use->has_to,
                                    .data_from_ms = use->has_from ? use->range_from_ms : 0,
                                    .data_until_ms = use->has_to ? use->range_to_ms : 0,
                                    .has_recipient_life = notice->has_recipient_life,
                                    .recipient_life = notice->recipient_life,
                                    .erase_at_ms = notice->has_erase_at ? notice->erase_at_ms : 0 };
}

/* More often: more uses in the same time or in less, or as many in less. */
static bool is_more_often(const struct consent_limits *notice, const struct consent_limits *asked)
{
    return notice->max != 0 && (asked->max == 0 || asked->max > notice->max || !period_is_within(notice->per, asked->per));
}

static bool is_kept_longer(const struct consent_limits *notice, const struct consent_limits *asked)
{
    return notice->has_recipient_life && (!asked->has_recipient_life || !period_is_within(asked->recipient_life, notice->recipient_life));
}

const char *grant_find_wider(const struct consent_limits *notice, const struct consent_limits *asked)
{
    if (asked->mode > notice->mode) {
        return "mode";
    }
    if (asked->fetch > notice->fetch) {
        return "fetch";
    }
    if (is_more_often(notice, asked)) {
        return "max";
    }
    if (notice->total != 0 && (asked->total == 0 || asked->total > notice->total)) {
        return "total";
    }
    if (notice->has_data_from && (!asked->has_data_from || asked->data_from_ms < notice->data_from_ms)) {
        return "data_from";
    }
    if (notice->has_data_until && (!asked->has_data_until || asked->data_until_ms > notice->data_until_ms)) {
        return "data_until";
    }
    if (is_kept_longer(notice, asked)) {
        return "recipient_life";
    }
    if (notice->erase_at_ms != 0 && (asked->erase_at_ms == 0 || asked->erase_at_ms > notice->erase_at_ms)) {
        return "erase_at";
    }
    return NULL;
}

static bool take_limits(const struct grant_case *c, struct grant *out, const char **reason, struct error *e)
{
    struct consent_limits *limits = &out->terms.limits;
    *limits = consent_limits_of(c->notice);
    if (!c->answer->has_limits) {
        return true;
    }
    const struct consent_limits *asked = &c->answer->limits;
    const char *wider = grant_find_wider(limits, asked);
    if (wider != NULL) {
        return deny(reason, "consent.wider", e, wider, "ask for as much as the notice does, or for less", "it is wider than the notice");
    }
    if ((asked->max != 0) == period_is_zero(asked->per)) {
        return error_set(e, ERROR_INPUT, "max", "say how many uses, and in which period", "it has no period, or a period has no number");
    }
    if (asked->has_data_from && asked->has_data_until && asked->data_from_ms >= asked->data_until_ms) {
        return error_set(e, ERROR_INPUT, "data_until", "set a later one", "it is not after data_from");
    }
    if (asked->erase_at_ms != 0 && asked->erase_at_ms <= c->now_ms) {
        return error_set(e, ERROR_INPUT, "erase_at", "set a moment that is to come", "it has passed already");
    }
    *limits = *asked;
    return true;
}

/* ---- Categories ---- */

/* What the answer says of one: NULL when nothing. */
static const struct consent_choice *find_choice(const struct consent_answer *answer, struct bytes category)
{
    for (size_t i = 0; i < answer->choice_count; i++) {
        if (bytes_equal(answer->choices[i].category, category)) {
            return &answer->choices[i];
        }
    }
    return NULL;
}

static bool check_choices(const struct grant_case *c, struct error *e)
{
    const struct consent_answer *answer = c->answer;
    for (size_t i = 0; i < answer->choice_count; i++) {
        if (notice_find_category(c->notice, answer->choices[i].category) == NULL) {
            return error_set(e, ERROR_INPUT, "category", "decide on the notice's categories", "number %zu is not in the notice", i + 1);
        }
        if (find_choice(answer, answer->choices[i].category) != &answer->choices[i]) {
            return error_set(e, ERROR_INPUT, "category", "name each one once", "number %zu is there twice", i + 1);
        }
    }
    if (answer->choice_count != 0 && answer->choice_count != c->notice->category_count) {
        return error_set(e, ERROR_INPUT, "category", "give or refuse each; nothing is given by default",
                         "%zu of the notice's %zu categories are decided", answer->choice_count, c->notice->category_count);
    }
    return true;
}

/* Refusing what isn't required refuses nothing else (PIPL 16); what is required can't be left out of what is given. */
static bool take_decisions(const struct grant_case *c, struct grant *out, const char **reason, struct error *e)
{
    bool is_required_refused = false;
    if (!check_choices(c, e)) {
        return false;
    }
    for (size_t i = 0; i < c->notice->category_count; i++) {
        const struct notice_category *category = &c->notice->categories[i];
        const struct consent_choice *choice = find_choice(c->answer, category->iri);
        bool is_given = !c->answer->is_refusal && (choice == NULL || choice->is_given);
        out->decisions[out->count++] = (struct consent_decision){ .category = category->iri,
                                                                  .state = is_given ? CONSENT_GIVEN : CONSENT_REFUSED,
                                                                  .terms = &out->terms };
        out->is_given = out->is_given || is_given;
        is_required_refused = is_required_refused || (category->is_required && !is_given);
    }
    if (out->is_given && is_required_refused) {
        return deny(reason, "consent.required", e, "category", "give it, or refuse everything",
                    "a category without which the purpose can't be met is refused");
    }
    return true;
}

/* By the law's list and not the notice's word. */
static bool gives_sensitive(const struct grant_case *c, const struct grant *out)
{
    for (size_t i = 0; i < out->count; i++) {
        if (out->decisions[i].state == CONSENT_GIVEN && law_is_sensitive(c->law, out->decisions[i].category)) {
            return true;
        }
    }
    return false;
}

/* ---- Who ---- */

/* Younger than the law's age, or than that of the notice if it is higher; an unknown age is what the law says that it is. */
static bool is_minor(const struct grant_case *c, const struct grant *out)
{
    if (c->person->has_born) {
        return law_is_minor(c->law, c->person->born_day, c->now_ms) ||
               period_age(c->person->born_day, c->now_ms) < (int)c->notice->guardian_below;
    }
    switch (c->law->minor_age_unknown) {
    case LAW_AGE_MINOR:
        return true;
    case LAW_AGE_MINOR_WHEN_SENSITIVE:
        return gives_sensitive(c, out);
    case LAW_AGE_ADULT:
        return false;
    }
    return true;
}

static bool check_minor(const struct grant_case *c, const struct grant *out, const char **reason, struct error *e)
{
    bool is_unknown = !c->person->has_born;
    if (c->act->role == CONSENT_ROLE_GUARDIAN) {
        return c->notice->allows_minor || deny(reason, reason_guardian, e, "notice", "show one that is for minors", "it is not for minors");
    }
    if (c->act->role == CONSENT_ROLE_DELEGATE) {
        return deny(reason, reason_guardian, e, "person", "let the guardian decide", "a delegate does not decide for a minor");
    }
    if (!out->is_given || c->law->minor_guardian == LAW_GUARDIAN_NOT_REQUIRED) {
        return true; /* a minor may say no */
    }
    return is_unknown ? deny(reason, reason_unknown, e, "person", "set the date of birth", "nobody knows whether the person is a minor")
                      : deny(reason, reason_guardian, e, "person", "let a registered guardian decide", "the person is a minor");
}

static bool check_who(const struct grant_case *c, struct grant *out, const char **reason, struct error *e)
{
    enum consent_role role = c->act->role;
    if (c->person->has_died) {
        return deny(reason, "person.died", e, "person", NULL, "the person has died, and nobody consents any more");
    }
    if (role != CONSENT_ROLE_PERSON && role != CONSENT_ROLE_GUARDIAN && role != CONSENT_ROLE_DELEGATE) {
        return deny(reason, reason_guardian, e, "by", "let the person, a guardian or a delegate decide", "this role does not decide");
    }
    if (role != CONSENT_ROLE_PERSON && !c->is_registered) {
        return deny(reason, reason_guardian, e, "by", "register who answers for the person, with evidence",
                    "is not registered, or no longer");
    }
    out->is_minor = is_minor(c, out);
    if (out->is_minor) {
        return check_minor(c, out, reason, e);
    }
    return role != CONSENT_ROLE_GUARDIAN ||
           deny(reason, reason_guardian, e, "by", "let the person decide", "a guardian does not decide for who is of age");
}

/* ---- How ---- */

/* One of the notice's languages; a region of one ("zh-CN" of "zh") is one. */
static bool check_language(const struct grant_case *c, struct error *e)
{
    for (size_t i = 0; i < c->notice->languages.count; i++) {
        struct bytes language = c->notice->languages.items[i];
        struct bytes said = c->act->language;
        if (bytes_equal(language, said) || (bytes_start_with(said, language) && said.data[language.size] == '-')) {
            return true;
        }
    }
    return error_set(e, ERROR_INPUT, "language", "say in which of the notice's languages it was shown", "the notice is not there in it");
}

uint32_t consent_acts(const struct law *law, const struct notice *notice, bool is_sensitive, bool is_minor)
{
    uint32_t wanted = law->separate_consent.bits, needed = wanted & LAW_SEPARATE_PROVIDE;
    is_sensitive = is_sensitive || (is_minor && law->minor_all_sensitive.value);
    if (is_sensitive) {
        needed |= wanted & LAW_SEPARATE_SENSITIVE;
    }
    if (is_minor) {
        needed |= wanted & LAW_SEPARATE_MINOR;
    }
    if (notice->crosses_border) {
        enum law_border_consent rule = law->border.separate_consent;
        bool is_due = rule == LAW_BORDER_CONSENT_ALWAYS || (rule == LAW_BORDER_CONSENT_SENSITIVE && is_sensitive);
        needed |= is_due ? LAW_SEPARATE_BORDER : 0;
    }
    return needed;
}

static bool check_separate(const struct grant_case *c, const struct grant *out, const char **reason, struct error *e)
{
    uint32_t missing = consent_acts(c->law, c->notice, gives_sensitive(c, out), out->is_minor) & ~c->answer->separate;
    for (unsigned i = 0; i < LAW_SEPARATE_COUNT; i++) {
        if ((missing & (1U << i)) != 0) {
            *reason = "consent.not_separate";
            return error_set(e, ERROR_DENIED, "separate", "ask for each by itself, and name those that had an act of their own",
                             "the law wants a separate consent: %s (consent.not_separate)", law_separate_word(1U << i));
        }
    }
    return true;
}

static bool check_written(const struct grant_case *c, const struct grant *out, const char **reason, struct error *e)
{
    for (size_t i = 0; i < out->count && !out->terms.is_written; i++) {
        for (size_t j = 0; out->decisions[i].state == CONSENT_GIVEN && j < c->law->consent_written_for_count; j++) {
            if (vocabulary_is_within(out->decisions[i].category, c->law->consent_written_for[j].iri)) {
                return deny(reason, "consent.written", e, "method", "let it be given on paper, with the scan's digest as evidence",
                            "the law wants it in writing");
            }
        }
    }
    return true;
}

static bool take_validity(const struct grant_case *c, struct grant *out, const char **reason, struct error *e)
{
    const struct consent_answer *answer = c->answer;
    int64_t from_ms = answer->valid_from_ms != 0 ? answer->valid_from_ms : c->now_ms;
    int64_t end_ms = period_after(from_ms, c->law->consent_max_validity.value);
    if (from_ms < 0 || from_ms > period_after(c->now_ms, (struct period){ .months = 12 })) {
        return error_set(e, ERROR_INPUT, "valid from", "let it begin within a year", "it is too far away");
    }
    int64_t by_notice_ms = period_after(from_ms, c->notice->max_validity);
    if (c->notice->has_max_validity && by_notice_ms < end_ms) {
        end_ms = by_notice_ms;
    }
    int64_t until_ms = answer->valid_until_ms != 0 ? answer->valid_until_ms : end_ms;
    if (until_ms > end_ms) {
        return deny(reason, "consent.wider", e, "valid until", "end it earlier", "it lasts longer than notice and law allow");
    }
    if (until_ms <= from_ms || until_ms <= c->now_ms) {
        return error_set(e, ERROR_INPUT, "valid until", "set an end that is to come, after the beginning; no consent is endless",
                         "it has passed already, or is before the beginning");
    }
    for (size_t i = 0; i < out->count; i++) {
        out->decisions[i].valid_from_ms = from_ms;
        out->decisions[i].valid_until_ms = until_ms;
    }
    return true;
}

bool grant_check(const struct grant_case *c, struct grant *out, const char **reason, struct error *e)
{
    *out = (struct grant){ .count = 0 };
    memcpy(out->terms.notice, c->notice->digest, sizeof out->terms.notice);
    out->terms.role = c->act->role;
    out->terms.separate = c->answer->separate;
    out->terms.is_written = c->act->method == CONSENT_METHOD_PAPER && c->act->has_evidence;
    if (law_forbids_purpose(c->law, c->notice->purpose)) {
        return deny(reason, "purpose.forbidden", e, "notice", NULL, "the law allows this purpose to nobody");
    }
    if (!take_decisions(c, out, reason, e) || !check_who(c, out, reason, e) || !check_language(c, e) || !take_validity(c, out, reason, e) ||
        !take_limits(c, out, reason, e)) {
        return false;
    }
    return !out->is_given || (check_separate(c, out, reason, e) && check_written(c, out, reason, e));
}
