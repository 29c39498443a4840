/* What the policy file says for the law's questions: instruments, lists, counts; and of a service its assessment, relation, duty, notices. */
#include <stdio.h>

#include "base/time.h"
#include "law/period.h"
#include "law/tighten.h"
#include "policy/decide.h"
#include "policy/policy_parse_internal.h"

enum { YEAR_MIN = 2000, YEAR_MAX = 9999 };
enum { DAY_MS = 24 * 60 * 60 * 1000, HARVEST_PER_MAX_DAYS = 366, REVIEW_MAX_DAYS = 90 };

bool parser_recipient(struct policy_parser *parser, const char *text, const char *place, struct bytes *out)
{
    struct identifier parts;
    if (!parser_identifier(parser, text, 1, 3, place, &parts, out)) {
        return false;
    }
    return parts.part_count != 2 ? true
                                 : parser_refuse(parser, place, "write a member (COMMUNITY/CLASS/MEMBER) or a whole community (COMMUNITY)",
                                                 "'%s' is neither a member nor a community", text);
}

bool parser_time(struct policy_parser *parser, const char *text, bool is_end, const char *place, int64_t *out)
{
    int64_t day = 0;
    if (period_parse_date(bytes_of_text(text), &day)) {
        *out = (day + (is_end ? 1 : 0)) * DAY_MS;
        return true;
    }
    return time_parse(bytes_of_text(text), out)
               ? true
               : parser_refuse(parser, place, "write a date such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z",
                               "'%s' is not a date or time", text);
}

/* Both ends of something that holds for a time; `until` NULL: no end. */
static bool take_span(struct policy_parser *p, const char *from, const char *until, const char *place, int64_t *from_ms, int64_t *until_ms)
{
    *from_ms = INT64_MIN;
    *until_ms = INT64_MAX;
    if ((from != NULL && !parser_time(p, from, false, place, from_ms)) ||
        (until != NULL && !parser_time(p, until, true, place, until_ms))) {
        return false;
    }
    return *from_ms < *until_ms ? true : parser_refuse(p, place, "put the end behind the beginning", "it would end before it begins");
}

/* ---- Instruments ---- */

static bool take_recipients(struct policy_parser *p, char *const *from, size_t count, const char *key, struct bytes **out)
{
    void *list = NULL;
    if (!parser_take(p, count, sizeof **out, &list)) {
        return false;
    }
    *out = list;
    for (size_t i = 0; i < count; i++) {
        char place[128];
        (void)snprintf(place, sizeof place, "%s[%zu]", key, i);
        if (!parser_recipient(p, from[i], place, &(*out)[i])) {
            return false;
        }
    }
    return true;
}

static bool take_iris(struct policy_parser *p, char *const *from, size_t count, const char *key, struct bytes **out)
{
    void *list = NULL;
    if (!parser_take(p, count, sizeof **out, &list)) {
        return false;
    }
    *out = list;
    for (size_t i = 0; i < count; i++) {
        char place[128];
        (void)snprintf(place, sizeof place, "%s[%zu]", key, i);
        if (!parser_iri(p, from[i], place, &(*out)[i])) {
            return false;
        }
    }
    return true;
}

static bool take_instrument(struct policy_parser *p, size_t i)
{
    const struct text_instrument *from = &p->text->instruments[i];
    struct border_instrument *to = &p->policy->instruments[i];
    char key[64];
    struct bytes *recipients = NULL, *categories = NULL;
    const char *place = parser_at(p, "instruments[%zu].id", i);
    if (!parser_copy(p, from->id, &to->id) || !parser_copy(p, from->kind, &to->kind) ||
        !parser_copy(p, from->ref, &p->policy->instrument_refs[i])) {
        return false;
    }
    for (size_t j = 0; j < i; j++) {
        if (bytes_equal(p->policy->instruments[j].id, to->id)) {
            return parser_refuse(p, place, "give each its own id", "the instrument '%s' is there twice", from->id);
        }
    }
    for (size_t j = 0; j < to->id.size; j++) {
        if (to->id.data[j] <= ' ' || to->id.data[j] == 0x7f) {
            return parser_refuse(p, place, "write it without blanks", "'%s' is not an id", from->id);
        }
    }
    if (!take_span(p, from->from, from->until, parser_at(p, "instruments[%zu].%s", i, from->until != NULL ? "until" : "from"), &to->from_ms,
                   &to->until_ms)) {
        return false;
    }
    (void)snprintf(key, sizeof key, "instruments[%zu].recipients", i);
    if (!take_recipients(p, from->recipients, from->recipients_count, key, &recipients)) {
        return false;
    }
    (void)snprintf(key, sizeof key, "instruments[%zu].categories", i);
    if (!take_iris(p, from->categories, from->categories_count, key, &categories)) {
        return false;
    }
    to->recipients = recipients;
    to->recipient_count = from->recipients_count;
    to->categories = categories;
    to->category_count = from->categories_count;
    to->is_suspended = from->is_suspended;
    to->max_persons = from->max_persons == NULL ? UINT64_MAX : *from->max_persons;
    to->max_sensitive = from->max_sensitive == NULL ? UINT64_MAX : *from->max_sensitive;
    p->policy->instrument_count++;
    return true;
}

static bool take_instruments(struct policy_parser *p)
{
    void *list = NULL, *refs = NULL;
    if (!parser_take(p, p->text->instruments_count, sizeof *p->policy->instruments, &list) ||
        !parser_take(p, p->text->instruments_count, sizeof *p->policy->instrument_refs, &refs)) {
        return false;
    }
    p->policy->instruments = list;
    p->policy->instrument_refs = refs;
    for (size_t i = 0; i < p->text->instruments_count; i++) {
        if (!take_instrument(p, i)) {
            return false;
        }
    }
    return true;
}

/* ---- Foreign authorities, counts, the guard ---- */

static bool take_authority(struct policy_parser *p)
{
    const struct text_authority *from = p->text->authority;
    struct policy *to = p->policy;
    void *list = NULL;
    if (from == NULL) {
        return true;
    }
    if (!take_iris(p, from->purposes, from->purposes_count, "foreign_authority.purposes", &to->authority_purposes) ||
        !parser_take(p, from->approvals_count, sizeof *to->approvals, &list)) {
        return false;
    }
    to->authority_purpose_count = from->purposes_count;
    to->approvals = list;
    for (size_t i = 0; i < from->approvals_count; i++) {
        const struct text_approval *text = &from->approvals[i];
        struct policy_approval *approval = &to->approvals[i];
        if (!parser_copy(p, text->ref, &approval->document.ref) ||
            !parser_recipient(p, text->recipient, parser_at(p, "foreign_authority.approvals[%zu].recipient", i), &approval->recipient) ||
            (text->purpose != NULL &&
             !parser_iri(p, text->purpose, parser_at(p, "foreign_authority.approvals[%zu].purpose", i), &approval->purpose)) ||
            !take_span(p, text->from, text->until, parser_at(p, "foreign_authority.approvals[%zu].until", i), &approval->document.from_ms,
                       &approval->document.until_ms)) {
            return false;
        }
        to->approval_count++;
    }
    return true;
}

static bool take_years(struct policy_parser *p)
{
    void *list = NULL;
    if (!parser_take(p, p->text->years_count, sizeof *p->policy->years, &list)) {
        return false;
    }
    p->policy->years = list;
    for (size_t i = 0; i < p->text->years_count; i++) {
        const struct text_year *from = &p->text->years[i];
        if (from->year < YEAR_MIN || from->year > YEAR_MAX) {
            return parser_refuse(p, parser_at(p, "base_count[%zu].year", i), "write four digits", "%u is not a year", from->year);
        }
        for (size_t j = 0; j < i; j++) {
            if (p->policy->years[j].year == from->year) {
                return parser_refuse(p, parser_at(p, "base_count[%zu].year", i), "keep one of them", "the year %u is there twice",
                                     from->year);
            }
        }
        if (from->sensitive > from->persons) {
            return parser_refuse(p, parser_at(p, "base_count[%zu].sensitive", i), "'persons' counts all of them",
                                 "there can't be more persons with sensitive data than persons");
        }
        p->policy->years[i] = (struct policy_year){ .year = from->year, .persons = from->persons, .sensitive = from->sensitive };
        p->policy->year_count++;
    }
    return true;
}

static bool take_harvest(struct policy_parser *p, const struct text_harvest *from, const char *place, struct policy_harvest *to)
{
    int64_t per_ms = 0;
    if (!duration_parse(bytes_of_text(from->per), &per_ms) || per_ms < 1000 || per_ms > (int64_t)HARVEST_PER_MAX_DAYS * DAY_MS) {
        return parser_refuse(p, place, "write such as 1h, 24h or 7d; from 1s to 366d", "'%s' is not a window of time", from->per);
    }
    *to = (struct policy_harvest){ .persons = from->persons, .per_ms = per_ms, .burst = from->burst };
    return true;
}

static bool take_vital(struct policy_parser *p)
{
    const struct text_vital *from = p->text->vital;
    p->policy->vital_review_ms = POLICY_VITAL_REVIEW_MS;
    if (from == NULL) {
        return true;
    }
    p->policy->is_vital_confirmed = from->is_confirmed;
    if (from->review != NULL && (!duration_parse(bytes_of_text(from->review), &p->policy->vital_review_ms) ||
                                 p->policy->vital_review_ms < 1000 || p->policy->vital_review_ms > (int64_t)REVIEW_MAX_DAYS * DAY_MS)) {
        return parser_refuse(p, "vital.review", "write such as 24h or 3d; from 1s to 90d", "'%s' is not a time for the review",
                             from->review);
    }
    return true;
}

bool parser_law(struct policy_parser *p)
{
    if (!take_recipients(p, p->text->blacklist, p->text->blacklist_count, "blacklist", &p->policy->blacklist)) {
        return false;
    }
    p->policy->blacklist_count = p->text->blacklist_count;
    return take_instruments(p) && take_authority(p) && take_years(p) &&
           (p->text->harvest == NULL || take_harvest(p, p->text->harvest, "harvest.per", &p->policy->harvest)) && take_vital(p);
}

/* ---- Of a service ---- */

static bool take_documents(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    if (from->dpia != NULL && (!parser_copy(p, from->dpia->ref, &to->dpia.ref) ||
                               !take_span(p, from->dpia->date, from->dpia->valid_until,
                                          parser_at(p, "services[%zu].dpia.valid_until", index), &to->dpia.from_ms, &to->dpia.until_ms))) {
        return false;
    }
    if (from->contract != NULL &&
        (!parser_copy(p, from->contract->ref, &to->contract.ref) ||
         !take_span(p, from->contract->from, from->contract->until, parser_at(p, "services[%zu].contract.until", index),
                    &to->contract.from_ms, &to->contract.until_ms))) {
        return false;
    }
    to->relation = from->relation;
    if (to->relation == RELATION_ENTRUST && from->contract == NULL) {
        return parser_refuse(p, parser_at(p, "services[%zu].relation", index), "add contract: {ref, until}",
                             "'relation: entrust' needs a contract with an end");
    }
    return true;
}

static bool take_notices(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (!parser_take(p, from->notices_count, sizeof *to->notices, &list)) {
        return false;
    }
    to->notices = list;
    for (size_t i = 0; i < from->notices_count; i++) {
        if (!parser_copy(p, from->notices[i], &to->notices[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(to->notices[i], to->notices[j])) {
                return parser_refuse(p, parser_at(p, "services[%zu].notices[%zu]", index, i), "keep one of them",
                                     "the notice '%s' is there twice", from->notices[i]);
            }
        }
        to->notice_count++;
    }
    return true;
}

static bool name_instruments(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    void *list = NULL;
    if (from->instruments_count == 0) {
        to->instruments = p->policy->instruments;
        to->instrument_count = p->policy->instrument_count;
        return true;
    }
    if (!parser_take(p, from->instruments_count, sizeof *to->instruments, &list)) {
        return false;
    }
    to->instruments = list;
    for (size_t i = 0; i < from->instruments_count; i++) {
        struct bytes id = bytes_of_text(from->instruments[i]);
        size_t at = 0;
        while (at < p->policy->instrument_count && !bytes_equal(p->policy->instruments[at].id, id)) {
            at++;
        }
        if (at == p->policy->instrument_count) {
            return parser_refuse(p, parser_at(p, "services[%zu].instruments[%zu]", index, i), "declare it under 'instruments'",
                                 "unknown instrument '%s'", from->instruments[i]);
        }
        to->instruments[i] = p->policy->instruments[at];
        to->instrument_count++;
    }
    return true;
}

static bool take_conditions(struct policy_parser *p, const struct text_service *from, size_t index, struct policy_service *to)
{
    const struct text_conditions *text = from->conditions;
    if (text == NULL) {
        return true;
    }
    if (to->release_count == 0) {
        return parser_refuse(p, parser_at(p, "services[%zu].conditions", index), "take them out, or write 'releases'",
                             "'conditions' bind what leaves by 'releases', and there are none");
    }
    if (text->life != NULL && (!period_parse(bytes_of_text(text->life), &to->conditions.life) || period_is_zero(to->conditions.life))) {
        return parser_refuse(p, parser_at(p, "services[%zu].conditions.life", index), "write such as P30D, P6M or PT72H",
                             "'%s' is not a time that an answer may be kept", text->life);
    }
    to->conditions.has_life = text->life != NULL;
    to->conditions.is_never_onward = text->is_onward != NULL && !*text->is_onward;
    return true;
}

bool parser_service_law(struct policy_parser *p, size_t index)
{
    const struct text_service *from = &p->text->services[index];
    struct policy_service *to = &p->policy->services[index];
    to->is_automated = from->is_automated;
    to->keeps_range = from->keeps_range;
    to->disclosure = from->disclosure;
    to->harvest = p->policy->harvest;
    return take_documents(p, from, index, to) && parser_copy(p, from->duty, &to->duty) && take_notices(p, from, index, to) &&
           name_instruments(p, from, index, to) && take_conditions(p, from, index, to) &&
           (from->harvest == NULL || take_harvest(p, from->harvest, parser_at(p, "services[%zu].harvest.per", index), &to->harvest));
}

bool policy_is_listed(const struct bytes *list, size_t count, struct bytes member)
{
    struct bytes community = bytes_slice(member, 0, bytes_find(member, '/'));
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal(list[i], member) || bytes_equal(list[i], community)) {
            return true;
        }
    }
    return false;
}

/* ---- Under a law ---- */

bool policy_tighten(const struct policy *policy, struct law *base, const char *file, struct law **out, struct error *e)
{
    return law_tighten(out, base, policy->law_text.size > 0 ? policy->law_text : BYTES("{}\n"), file, e);
}

static void check_release(const struct policy *policy, const struct policy_service *service, const struct policy_release *release,
                          const struct law *law, struct buffer *out)
{
    const struct policy_category *category = &policy->categories[release->category];
    bool is_sensitive = category->is_sensitive || law_is_sensitive(law, category->iri);
    const char *what = NULL;
    if (category->is_never || law_never_releases(law, category->iri)) {
        what = "is never released";
    } else if (!law_allows(law, release->basis, is_sensitive)) {
        what = is_sensitive ? "is sensitive, and cannot leave on" : "cannot leave on";
    }
    if (what != NULL) {
        buffer_append_format(out, "%.*s: ", BYTES_FMT(service->id));
        iri_shorten(category->iri, out);
        buffer_append_format(out, " %s %s under %.*s\n", what, category->is_never ? "" : law_basis_word(release->basis),
                             BYTES_FMT(law->id));
    }
    if (release->also_bases != 0 && !law_allows(law, BASIS_VITAL, is_sensitive)) {
        buffer_append_format(out, "%.*s: ", BYTES_FMT(service->id));
        iri_shorten(category->iri, out);
        buffer_append_format(out, " cannot leave on vital under %.*s, though 'also' says so\n", BYTES_FMT(law->id));
    }
}

bool policy_check(const struct policy *policy, const struct law *law, int64_t now_ms, struct buffer *out, struct error *e)
{
    for (size_t i = 0; i < policy->instrument_count; i++) {
        if (law_find_instrument(law, policy->instruments[i].kind) == NULL) {
            buffer_append_format(out, "instrument %.*s: %.*s knows no kind '%.*s'\n", BYTES_FMT(policy->instruments[i].id),
                                 BYTES_FMT(law->id), BYTES_FMT(policy->instruments[i].kind));
        }
    }
    for (size_t i = 0; i < policy->service_count; i++) {
        const struct policy_service *service = &policy->services[i];
        enum reason reason = decide_published(service, policy, law, now_ms);
        if (reason != REASON_NONE) {
            buffer_append_format(out, "%.*s: is not published: %s\n", BYTES_FMT(service->id), reason_meaning(reason));
        }
        for (size_t j = 0; j < service->release_count; j++) {
            check_release(policy, service, &service->releases[j], law, out);
        }
    }
    return !out->failed || error_memory(e, "policy");
}
