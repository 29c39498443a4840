/* What a notice must say under a law: reference law.md section 8. Which elements, the law's profile says; here is where each stands. */
#include "consent/notice_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "consent/notice_internal.h"
#include "law/iri.h"
#include "law/vocabulary.h"

struct checking {
    const struct notice *notice;
    const struct notice_ground *ground;
    const struct law *law;
    struct notice_findings *out;
    size_t capacity;
    bool failed;         /* memory */
    bool has_sensitive;  /* by the law or by the notice's own word */
    bool is_provided;    /* to another organisation */
    bool crosses_border; /* by what the law makes of the countries, or by the notice's own word */
    bool said_dpia;
    uint32_t when; /* LAW_WHEN_* that hold */
};

void notice_findings_clear(struct notice_findings *findings)
{
    free(findings->items);
    *findings = (struct notice_findings){ 0 };
}

__attribute__((format(printf, 4, 5))) static void find(struct checking *c, const char *pointer, struct bytes article, const char *what, ...)
{
    if (c->failed || c->out->count == NOTICE_FINDINGS_MAX) {
        return;
    }
    if (c->out->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 16 : 2 * c->capacity;
        struct notice_finding *items = reallocarray(c->out->items, capacity, sizeof *items);
        if (items == NULL) {
            c->failed = true;
            return;
        }
        c->out->items = items;
        c->capacity = capacity;
    }
    struct notice_finding *finding = &c->out->items[c->out->count++];
    va_list arguments;
    va_start(arguments, what);
    (void)snprintf(finding->pointer, sizeof finding->pointer, "%s", pointer);
    (void)vsnprintf(finding->what, sizeof finding->what, what, arguments);
    finding->article = article;
    va_end(arguments);
}

/* ---- Who, whereto, what ---- */

/* What the country of the holder is called: its own word, or a jurisdiction that is a country. */
static struct bytes holder_country(const struct notice *n)
{
    static const char prefix[] = "https://w3id.org/dpv/loc#";
    if (n->holder.country.size > 0) {
        return n->holder.country;
    }
    for (size_t i = 0; i < n->jurisdictions.count; i++) {
        struct bytes iri = n->jurisdictions.items[i];
        if (bytes_start_with(iri, BYTES("https://w3id.org/dpv/loc#")) && iri.size == sizeof prefix - 1 + 2) {
            return bytes_slice(iri, sizeof prefix - 1, iri.size);
        }
    }
    return BYTES_NONE;
}

static struct bytes community_of(struct bytes member)
{
    return bytes_slice(member, 0, bytes_find(member, '/'));
}

static void look(struct checking *c)
{
    const struct notice *n = c->notice;
    struct bytes from = holder_country(n), to = n->recipient.country;
    for (size_t i = 0; i < n->category_count; i++) {
        c->has_sensitive = c->has_sensitive || n->categories[i].is_sensitive || law_is_sensitive(c->law, n->categories[i].iri);
    }
    c->is_provided = !bytes_equal(n->holder.member, n->recipient.member);
    bool is_abroad = to.size > 0 && from.size > 0 ? !law_is_domestic(c->law, from, to)
                                                  : !bytes_equal(community_of(n->holder.member), community_of(n->recipient.member));
    c->crosses_border = n->crosses_border || is_abroad;
    c->when = LAW_WHEN_ALWAYS | (c->is_provided ? LAW_WHEN_PROVIDE | LAW_WHEN_NOT_FROM_PERSON : 0) |
              (c->has_sensitive ? LAW_WHEN_SENSITIVE : 0) | (c->crosses_border ? LAW_WHEN_BORDER : 0) |
              (n->allows_minor ? LAW_WHEN_MINOR : 0) | (n->is_automated ? LAW_WHEN_AUTOMATED : 0) |
              (n->basis == BASIS_LEGITIMATE_INTEREST ? LAW_WHEN_LEGITIMATE_INTEREST : 0);
    if (is_abroad && !n->crosses_border) {
        find(c, "/border/crosses", c->law->border.rule_source.article,
             "must be true: the recipient is in another country, or in another community and says no country");
    }
}

static void check_parties(struct checking *c)
{
    const struct notice *n = c->notice;
    if (!bytes_equal(n->law, c->law->id)) {
        find(c, "/law", BYTES_NONE, "must be %.*s, the community's law", BYTES_FMT(c->law->id));
    }
    if (!c->is_provided) {
        find(c, "/recipient/member", BYTES_NONE, "is the holder itself: nothing is provided to anybody");
    }
    for (size_t i = 0; i < n->services.count; i++) {
        char pointer[NOTICE_POINTER_SIZE];
        struct bytes service = n->services.items[i];
        bool is_inside = bytes_start_with(service, n->holder.member) && service.size > n->holder.member.size &&
                         service.data[n->holder.member.size] == '/';
        (void)snprintf(pointer, sizeof pointer, "/service/%zu", i);
        if (!is_inside) {
            find(c, pointer, BYTES_NONE, "is no service of the holder");
        }
    }
    for (size_t i = 0; i < n->onward.count; i++) {
        char pointer[NOTICE_POINTER_SIZE];
        (void)snprintf(pointer, sizeof pointer, "/onward/%zu", i);
        if (bytes_equal(n->onward.items[i], n->holder.member) || bytes_equal(n->onward.items[i], n->recipient.member)) {
            find(c, pointer, BYTES_NONE, "must be a third member");
        }
    }
}

static bool is_known(const struct checking *c, struct bytes iri, enum vocabulary_kind kind)
{
    const struct vocabulary_term *term = vocabulary_find(iri);
    return (term != NULL && term->kind == kind) || bytes_start_with(iri, BYTES(NOTICE_OWN_NAMESPACE)) ||
           (c->ground->is_own != NULL && c->ground->is_own(c->ground->context, iri));
}

static void check_purpose(struct checking *c)
{
    const struct notice *n = c->notice;
    const struct law *law = c->law;
    if (!is_known(c, n->purpose, VOCABULARY_PURPOSE)) {
        find(c, "/purpose/iri", BYTES_NONE, "is no purpose that the vocabulary or the policy knows");
    }
    for (size_t i = 0; i < law->forbidden_purpose_count; i++) {
        if (vocabulary_is_within(n->purpose, law->forbidden_purposes[i].iri)) {
            find(c, "/purpose/iri", law->forbidden_purposes[i].source.article, "is never allowed, whatever the person says");
            break;
        }
    }
    if (n->purpose_descends && !law->consent_inherit_purpose.value) {
        find(c, "/purpose/descends", law->consent_inherit_purpose.source.article, "must be false: a consent holds for its one purpose");
    }
    const struct law_basis_rule *basis = &law->basis[n->basis];
    if (!basis->is_allowed) {
        find(c, "/basis", basis->source.article, "is no basis in this law");
    } else if (c->has_sensitive && !law_allows(law, n->basis, true)) {
        find(c, "/basis", law->sensitive_bases_source[n->basis].article, "does not carry a sensitive category");
    }
    for (size_t i = 0; i < n->processing.count; i++) {
        char pointer[NOTICE_POINTER_SIZE];
        (void)snprintf(pointer, sizeof pointer, "/processing/%zu", i);
        if (!is_known(c, n->processing.items[i], VOCABULARY_PROCESSING)) {
            find(c, pointer, BYTES_NONE, "is no kind of processing that the vocabulary knows");
        }
    }
}

/* The entry of the law's list by which a category is sensitive; no article for what nobody knows. */
static struct bytes sensitive_article(const struct law *law, struct bytes iri)
{
    for (size_t i = 0; i < law->sensitive_count; i++) {
        if (vocabulary_is_within(iri, law->sensitive[i].iri)) {
            return law->sensitive[i].source.article;
        }
    }
    return BYTES_NONE;
}

static void check_categories(struct checking *c)
{
    for (size_t i = 0; i < c->notice->category_count; i++) {
        const struct notice_category *category = &c->notice->categories[i];
        char pointer[NOTICE_POINTER_SIZE];
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu/iri", i);
        if (!is_known(c, category->iri, VOCABULARY_CATEGORY)) {
            find(c, pointer, BYTES_NONE, "is no category that the vocabulary or the policy knows");
        }
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu/sensitive", i);
        if (!category->is_sensitive && law_is_sensitive(c->law, category->iri)) {
            find(c, pointer, sensitive_article(c->law, category->iri), "must be true: the category is sensitive by this law");
        }
    }
}

/* ---- Bounds ---- */

static void check_bounds(struct checking *c)
{
    const struct notice *n = c->notice;
    const struct law *law = c->law;
    char text[PERIOD_TEXT_SIZE];
    if (!n->has_max_validity) {
        find(c, "/maxValidity", law->consent_max_validity.source.article, "say for how long a consent holds at most; none is endless");
    } else if (!period_is_within(n->max_validity, law->consent_max_validity.value) || period_is_zero(n->max_validity)) {
        find(c, "/maxValidity", law->consent_max_validity.source.article, "must be above zero and at most %s",
             period_text(law->consent_max_validity.value, text));
    }
    if (n->allows_minor && law->minor_guardian == LAW_GUARDIAN_REQUIRED && n->guardian_below < law->minor_age.value) {
        find(c, "/minor/guardianRequiredBelow", law->minor_age.source.article, "must be at least %llu: below that age a guardian decides",
             (unsigned long long)law->minor_age.value);
    }
    if (c->crosses_border && law->border.rule == LAW_BORDER_INSTRUMENT && n->instrument.size == 0) {
        find(c, "/border/instrument", law->border.rule_source.article, "name the instrument on which the data leave the country");
    }
    if (n->has_erase_at && n->erase_at_ms <= c->ground->now_ms) {
        find(c, "/retention/eraseAt", BYTES_NONE, "has passed");
    }
}

/* Asked for by its kinds, beside what the profile lists among a notice's elements. */
static void check_dpia(struct checking *c)
{
    const struct law *law = c->law;
    const struct {
        uint32_t bit;
        bool holds;
    } kinds[] = {
        { LAW_DPIA_SENSITIVE, c->has_sensitive },
        { LAW_DPIA_PROVIDE, c->is_provided },
        { LAW_DPIA_AUTOMATED, c->notice->is_automated },
        { LAW_DPIA_BORDER, c->crosses_border },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!kinds[i].holds || (law->dpia_required.bits & kinds[i].bit) == 0) {
            continue;
        }
        size_t bit = 0;
        while (((uint32_t)1 << bit) != kinds[i].bit) {
            bit++;
        }
        struct bytes article = law->dpia_required.source[bit].article;
        int64_t day;
        if (c->notice->dpia_ref.size == 0) {
            find(c, "/dpia", article, "name the impact assessment, and its date");
            c->said_dpia = true;
        } else if (period_parse_date(c->notice->dpia_date, &day) &&
                   period_after(day * 86400 * 1000, law->dpia_valid.value) <= c->ground->now_ms) {
            find(c, "/dpia/date", law->dpia_valid.source.article, "is too long ago: assess again");
        }
        return; /* one is enough to say it */
    }
}

/* ---- Elements ---- */

/* Texts of categories: one finding for each that lacks it. */
static void check_category_texts(struct checking *c, bool wants_impact, struct bytes article)
{
    for (size_t i = 0; i < c->notice->category_count; i++) {
        const struct notice_category *category = &c->notice->categories[i];
        const struct notice_texts *texts = wants_impact ? &category->impact : &category->necessity;
        char pointer[NOTICE_POINTER_SIZE];
        if (texts->count > 0 || (!category->is_sensitive && !law_is_sensitive(c->law, category->iri))) {
            continue;
        }
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu/%s", i, wants_impact ? "impactText" : "necessityText");
        find(c, pointer, article, "%s", wants_impact ? "say what this category can do to the person" : "say why this category is needed");
    }
}

/* Where an element stands, and whether it is there. Pointer NULL: it always is, by the form of a notice, or was looked at by itself. */
struct element_place {
    const char *pointer;
    bool is_there;
};

static struct element_place place_of(const struct notice *n, enum law_element element, bool holder_is_outside)
{
    switch (element) {
    case LAW_ELEMENT_HOLDER_NAME:
        return (struct element_place){ "/holder/name", n->holder.name.count > 0 };
    case LAW_ELEMENT_HOLDER_CONTACT:
        return (struct element_place){ "/holder/contact", n->holder.contact.size > 0 };
    case LAW_ELEMENT_HOLDER_ADDRESS:
        return (struct element_place){ "/holder/address", n->holder.address.size > 0 };
    case LAW_ELEMENT_PURPOSE:
        return (struct element_place){ "/purpose/text", n->purpose_text.count > 0 };
    case LAW_ELEMENT_METHOD:
        return (struct element_place){ n->processing.count == 0 ? "/processing" : "/method",
                                       n->method.count > 0 && n->processing.count > 0 };
    case LAW_ELEMENT_CATEGORIES:
        return (struct element_place){ "/categories", n->category_count > 0 };
    case LAW_ELEMENT_RETENTION:
        return (struct element_place){ "/retention", n->has_recipient_life || n->has_erase_at };
    case LAW_ELEMENT_RIGHTS:
        return (struct element_place){ "/rights/url", n->rights_url.size > 0 };
    case LAW_ELEMENT_WITHDRAWAL:
        return (struct element_place){ n->withdrawal_url.size == 0 ? "/withdrawal/url" : "/withdrawal/text",
                                       n->withdrawal_url.size > 0 && n->withdrawal.count > 0 };
    case LAW_ELEMENT_REFUSAL_EFFECT:
        return (struct element_place){ "/refusalEffect", n->refusal_effect.count > 0 };
    case LAW_ELEMENT_RECIPIENT_NAME:
        return (struct element_place){ "/recipient/name", n->recipient.name.count > 0 };
    case LAW_ELEMENT_RECIPIENT_CONTACT:
        return (struct element_place){ "/recipient/contact", n->recipient.contact.size > 0 };
    case LAW_ELEMENT_RECIPIENT_COUNTRY:
        return (struct element_place){ "/recipient/country", n->recipient.country.size > 0 };
    case LAW_ELEMENT_BORDER_REMEDY:
        return (struct element_place){ "/border/remedyText", n->remedy.count > 0 };
    case LAW_ELEMENT_BORDER_INSTRUMENT:
        return (struct element_place){ "/border/safeguardText", n->safeguard.count > 0 };
    case LAW_ELEMENT_STORAGE:
        return (struct element_place){ "/storage", n->storage.count > 0 };
    case LAW_ELEMENT_GUARDIAN_TEXT:
        return (struct element_place){ "/minor/guardianText", n->guardian_text.count > 0 };
    case LAW_ELEMENT_CHILD_TEXT:
        return (struct element_place){ "/minor/childText", n->child_text.count > 0 };
    case LAW_ELEMENT_AUTOMATED:
        return (struct element_place){ "/automatedText", n->automated_text.count > 0 };
    case LAW_ELEMENT_OFFICER:
        return (struct element_place){ "/holder/officer", n->holder.officer.size > 0 };
    case LAW_ELEMENT_REPRESENTATIVE: /* only an organisation from abroad has one */
        return (struct element_place){ "/holder/representative", !holder_is_outside || n->holder.representative.count > 0 };
    case LAW_ELEMENT_LEGITIMATE_INTEREST:
        return (struct element_place){ "/basisText", n->basis_text.count > 0 };
    case LAW_ELEMENT_COMPLAINT:
        return (struct element_place){ "/rights/authority", n->authority_url.size > 0 };
    case LAW_ELEMENT_OBLIGATION:
        return (struct element_place){ "/obligationText", n->obligation.count > 0 };
    case LAW_ELEMENT_SOURCE: /* the recipient has the data from the holder, whom the notice names */
        return (struct element_place){ "/sourceText", n->source.count > 0 || n->holder.name.count > 0 };
    case LAW_ELEMENT_DPIA:
        return (struct element_place){ "/dpia", n->dpia_ref.size > 0 };
    case LAW_ELEMENT_NECESSITY:
    case LAW_ELEMENT_IMPACT: /* one by one: check_category_texts() */
    case LAW_ELEMENT_LEGAL_BASIS:
    case LAW_ELEMENT_ITEMISED:
    case LAW_ELEMENT_STANDALONE: /* the form has a basis, a list of categories, and nothing else in it */
    case LAW_ELEMENT_COUNT:
        break;
    }
    return (struct element_place){ NULL, true };
}

static void check_elements(struct checking *c)
{
    struct bytes country = holder_country(c->notice);
    bool is_outside = country.size > 0 && c->law->territory_count > 0 && !law_is_domestic(c->law, c->law->territory[0].code, country);
    bool is_said[LAW_ELEMENT_COUNT] = { [LAW_ELEMENT_DPIA] = c->said_dpia };
    for (size_t i = 0; i < c->law->notice_count; i++) {
        const struct law_notice_element *due = &c->law->notice[i];
        if ((due->when & c->when) == 0 || is_said[due->element]) {
            continue;
        }
        if (due->element == LAW_ELEMENT_NECESSITY || due->element == LAW_ELEMENT_IMPACT) {
            check_category_texts(c, due->element == LAW_ELEMENT_IMPACT, due->source.article);
            is_said[due->element] = true;
            continue;
        }
        struct element_place place = place_of(c->notice, due->element, is_outside);
        if (!place.is_there) {
            find(c, place.pointer, due->source.article, "say %s", law_element_meaning(due->element));
            is_said[due->element] = true;
        }
    }
}

/* ---- Languages ---- */

static bool has_language(const struct notice_texts *texts, struct bytes language)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (bytes_equal(texts->items[i].language, language)) {
            return true;
        }
    }
    return false;
}

/* A text that is there is there in all the notice's languages, and in no other. */
static void check_text(struct checking *c, const char *pointer, const struct notice_texts *texts)
{
    const struct notice_list *languages = &c->notice->languages;
    for (size_t i = 0; texts->count > 0 && i < languages->count; i++) {
        if (!has_language(texts, languages->items[i])) {
            find(c, pointer, BYTES_NONE, "is missing in %.*s", BYTES_FMT(languages->items[i]));
        }
    }
    for (size_t i = 0; i < texts->count; i++) {
        if (!notice_list_has(languages, texts->items[i].language)) {
            find(c, pointer, BYTES_NONE, "is in %.*s, which is not among the languages", BYTES_FMT(texts->items[i].language));
        }
    }
}

static void check_languages(struct checking *c)
{
    const struct notice *n = c->notice;
    for (size_t i = 0; i < c->law->language_count; i++) {
        const struct law_language *language = &c->law->languages[i];
        if (!notice_list_has(&n->languages, language->tag)) {
            find(c, "/languages", language->source.article, "must have %.*s", BYTES_FMT(language->tag));
        }
    }
    for (size_t i = 0; i < notice_text_member_count; i++) {
        check_text(c, notice_text_members[i].pointer, notice_text_at(n, i));
    }
    for (size_t i = 0; i < n->category_count; i++) {
        char pointer[NOTICE_POINTER_SIZE];
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu/necessityText", i);
        check_text(c, pointer, &n->categories[i].necessity);
        (void)snprintf(pointer, sizeof pointer, "/categories/%zu/impactText", i);
        check_text(c, pointer, &n->categories[i].impact);
    }
}

bool notice_check(const struct notice *notice, const struct notice_ground *ground, struct notice_findings *out, struct error *e)
{
    struct checking c = { .notice = notice, .ground = ground, .law = ground->law, .out = out };
    *out = (struct notice_findings){ 0 };
    if (notice->lifecycle == NOTICE_DRAFT) {
        find(&c, "/lifecycle", BYTES_NONE, "is draft: write complete once all of it is there");
    } else {
        look(&c);
        check_parties(&c);
        check_purpose(&c);
        check_categories(&c);
        check_bounds(&c);
        check_dpia(&c);
        check_elements(&c);
        check_languages(&c);
    }
    if (c.failed) {
        notice_findings_clear(out);
        return error_memory(e, "notice");
    }
    return true;
}
