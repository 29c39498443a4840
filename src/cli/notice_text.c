#include "cli/notice_text.h"

#include "law/vocabulary.h"

struct writing {
    const struct notice *notice;
    struct bytes language;
    struct buffer *out;
};

static void line(struct writing *w, const char *label, struct bytes text)
{
    if (text.size > 0) {
        buffer_append_format(w->out, "  %-12s ", label);
        struct bytes part, rest = text;
        for (bool is_first = true; bytes_split(&rest, '\n', &part); is_first = false) {
            if (!is_first) {
                buffer_append_format(w->out, "  %-12s ", "");
            }
            buffer_append(w->out, part);
            buffer_append_u8(w->out, '\n');
        }
    }
}

static void texts(struct writing *w, const char *label, const struct notice_texts *all)
{
    line(w, label, notice_texts_find(all, w->language));
}

static void heading(struct writing *w, const char *text)
{
    buffer_append_format(w->out, "\n%s\n", text);
}

static void party(struct writing *w, const char *title, const struct notice_party *p)
{
    heading(w, title);
    texts(w, "name", &p->name);
    line(w, "member", p->member);
    line(w, "contact", p->contact);
    line(w, "address", p->address);
    line(w, "on the web", p->url);
    line(w, "country", p->country);
    texts(w, "represented", &p->representative);
    line(w, "officer", p->officer);
}

/* "Blood Type", or what stands for it. */
static void append_label(struct buffer *out, struct bytes iri)
{
    const struct vocabulary_term *term = vocabulary_find(iri);
    if (term != NULL) {
        buffer_append(out, term->label);
    } else {
        iri_shorten(iri, out);
    }
}

static void categories(struct writing *w)
{
    heading(w, "WHICH DATA");
    for (size_t i = 0; i < w->notice->category_count; i++) {
        const struct notice_category *category = &w->notice->categories[i];
        buffer_append_text(w->out, category->is_required ? "  [needed]   " : "  [optional] ");
        append_label(w->out, category->iri);
        buffer_append_text(w->out, category->is_sensitive ? " (sensitive)\n" : "\n");
        texts(w, "  why", &category->necessity);
        texts(w, "  effect", &category->impact);
    }
}

static void list_line(struct writing *w, const char *label, const struct notice_list *list)
{
    if (list->count == 0) {
        return;
    }
    buffer_append_format(w->out, "  %-12s ", label);
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_text(w->out, i > 0 ? ", " : "");
        append_label(w->out, list->items[i]);
    }
    buffer_append_u8(w->out, '\n');
}

static void period_line(struct writing *w, const char *label, struct period period)
{
    char text[PERIOD_TEXT_SIZE];
    line(w, label, bytes_of_text(period_text(period, text)));
}

static void use(struct writing *w)
{
    const struct notice *n = w->notice;
    char per[PERIOD_TEXT_SIZE];
    heading(w, "HOW IT IS USED");
    texts(w, "method", &n->method);
    list_line(w, "processing", &n->processing);
    line(w, "mode", bytes_of_text(use_mode_name(n->use.mode)));
    line(w, "fetched", bytes_of_text(n->use.fetch == USE_FETCH_ONETIME ? "once" : "again and again"));
    if (n->use.max > 0) {
        buffer_append_format(w->out, "  %-12s at most %llu in %s\n", "how often", (unsigned long long)n->use.max,
                             period_text(n->use.per, per));
    }
    if (n->use.total > 0) {
        buffer_append_format(w->out, "  %-12s at most %llu in all\n", "", (unsigned long long)n->use.total);
    }
    if (n->has_recipient_life) {
        period_line(w, "kept for", n->recipient_life);
    }
    list_line(w, "stored in", &n->storage);
    list_line(w, "passed on to", &n->onward);
    if (n->is_automated) {
        texts(w, "automated", &n->automated_text);
    }
    if (n->has_max_validity) {
        period_line(w, "valid for", n->max_validity);
    }
}

static void rights(struct writing *w)
{
    const struct notice *n = w->notice;
    heading(w, "YOUR CHOICE AND YOUR RIGHTS");
    texts(w, "if you refuse", &n->refusal_effect);
    texts(w, "withdraw", &n->withdrawal);
    line(w, "", n->withdrawal_url);
    line(w, "rights", n->rights_url);
    line(w, "complain", n->authority_url);
    texts(w, "abroad", &n->remedy);
    texts(w, "safeguard", &n->safeguard);
    texts(w, "obligation", &n->obligation);
    texts(w, "source", &n->source);
    texts(w, "legal basis", &n->basis_text);
    if (n->allows_minor) {
        texts(w, "for guardians", &n->guardian_text);
        texts(w, "for children", &n->child_text);
    }
}

void notice_text_write(const struct notice *notice, struct bytes language, struct buffer *out)
{
    struct writing w = { .notice = notice, .language = language, .out = out };
    if (language.size == 0 && notice->languages.count > 0) {
        w.language = notice->languages.items[0];
    }
    buffer_append_format(out, "%.*s, revision %u\n", BYTES_FMT(notice->id), (unsigned)notice->revision);
    heading(&w, "WHAT FOR");
    texts(&w, "purpose", &notice->purpose_text);
    buffer_append_format(out, "  %-12s ", "");
    append_label(out, notice->purpose);
    buffer_append_u8(out, '\n');
    party(&w, "WHO HAS THE DATA", &notice->holder);
    party(&w, "WHO GETS THEM", &notice->recipient);
    categories(&w);
    use(&w);
    rights(&w);
}

/* ---- Draft ---- */

static void append_iri(struct buffer *out, struct bytes iri)
{
    iri_shorten(iri, out);
}

static void draft_categories(const struct notice_draft *d, struct buffer *out)
{
    buffer_append_text(out, "\n# Which data, one by one. A person may refuse what is optional and still get the rest.\ncategories:\n");
    for (size_t i = 0; i < d->service->release_count; i++) {
        struct bytes iri = d->policy->categories[d->service->releases[i].category].iri;
        bool is_sensitive = d->policy->categories[d->service->releases[i].category].is_sensitive || law_is_sensitive(d->law, iri);
        buffer_append_text(out, "  - iri: \"");
        append_iri(out, iri);
        buffer_append_format(out, "\"\n    sensitive: %s\n    necessity: optional # or required: the purpose can't be reached without\n",
                             is_sensitive ? "true" : "false");
        if (is_sensitive) {
            buffer_append_text(out, "    necessityText: {en: \"<why it is needed>\"}\n"
                                    "    impactText: {en: \"<what it can do to the person>\"}\n");
        }
    }
}

/* What the law asks for, as comments: who writes the notice sees it beside the texts. */
static void draft_elements(const struct law *law, struct buffer *out)
{
    buffer_append_format(out, "\n# What %.*s asks for:\n", BYTES_FMT(law->id));
    for (size_t i = 0; i < law->notice_count; i++) {
        buffer_append_format(out, "#   %s (%.*s)\n", law_element_meaning(law->notice[i].element), BYTES_FMT(law->notice[i].source.article));
    }
}

void notice_draft_write(const struct notice_draft *d, struct buffer *out)
{
    char life[PERIOD_TEXT_SIZE];
    struct bytes recipient = d->recipient.size > 0 ? d->recipient : BYTES("COMMUNITY/CLASS/MEMBER");
    buffer_append_text(
        out, "# A notice: what a person is shown before deciding. Write what stands in <>, then: comity notice check FILE\n"
             "# Every text is an object of languages; all texts are in all of `languages`.\n"
             "v: 1\nid: n-<name>\nlifecycle: draft # complete, once all of it is there\nactive: true # may consents be given on it?\n");
    buffer_append_format(out, "law: %.*s\n", BYTES_FMT(d->law->id));
    buffer_append_text(out, "languages: [en]\n\n# Who has the data.\nholder:\n  member: \"");
    buffer_append(out, d->holder);
    buffer_append_text(
        out,
        "\"\n  name: {en: \"<name>\"}\n  contact: \"mailto:<address>\"\n  address: \"<address>\"\n  officer: \"mailto:<data protection "
        "officer>\"\n\n# Who gets them: one member, never a class of members.\nrecipient:\n  member: \"");
    buffer_append(out, recipient);
    buffer_append_text(
        out,
        "\"\n  name: {en: \"<name>\"}\n  contact: \"mailto:<address>\"\n  country: <XX>\n\n# What for: one purpose.\npurpose:\n  iri: \"");
    append_iri(out, d->service->purpose_count > 0 ? d->service->purposes[0] : BYTES("https://w3id.org/dpv#ServiceProvision"));
    buffer_append_text(out, "\"\n  text: {en: \"<what the data are for, in plain words>\"}\nbasis: consent\nservice: [\"");
    buffer_append(out, d->service->id);
    buffer_append_text(out, "\"]\n");
    draft_categories(d, out);
    buffer_append_text(
        out,
        "\n# How they are used. mode: view (nothing is kept), query, store, stream. fetch: onetime, periodic.\n"
        "processing: [\"dpv:Consult\", \"dpv:Use\"]\nmethod: {en: \"<how>\"}\nautomatedDecision: false # true: write automatedText, and how to "
        "refuse\nuse:\n  mode: view\n  fetch: onetime\n  frequency: {max: 1, per: P1D, total: 1}\n"
        "retention: {recipientLife: P30D}\nstorage: [<XX>]\n# No consent on it lasts longer.\n");
    buffer_append_format(out, "maxValidity: %s\n", period_text(d->law->consent_max_validity.value, life));
    buffer_append_text(
        out,
        "\n# Only when the recipient is in another country.\nborder:\n  crosses: true\n  instrument: <id of the instrument in the policy>\n"
        "  remedyText: {en: \"<how to exercise rights against the recipient>\"}\n  safeguardText: {en: \"<which safeguard, and where to get a "
        "copy>\"}\n\n# Below this age a guardian decides.\n");
    buffer_append_format(out, "minor:\n  allowed: false\n  guardianRequiredBelow: %llu\n", (unsigned long long)d->law->minor_age.value);
    buffer_append_text(
        out, "\nwithdrawal: {url: \"https://<page>\", text: {en: \"<how to withdraw>\"}}\nrights: {url: \"https://<page>\", authority: "
             "\"https://<authority>\"}\nrefusalEffect: {en: \"<what happens when the person refuses>\"}\n"
             "dpia: {ref: <reference of the impact assessment>, date: 2026-01-01}\n");
    draft_elements(d->law, out);
}
