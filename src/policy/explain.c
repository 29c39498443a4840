#include "policy/explain.h"

#include <stdio.h>

#include "base/time.h"
#include "consent/notice.h"
#include "law/border.h"
#include "law/law.h"

const char *explain_remedy(enum reason reason, bool is_held)
{
    switch (reason) {
    case REASON_SERVICE_UNKNOWN:
        return "name a service that the policy file has";
    case REASON_ACCESS_DENIED:
        return "give the client a right to this service, method and path, under the service's 'rights'";
    case REASON_PURPOSE_UNDECLARED:
        return "declare a purpose (header Comity-Purpose), or give the service a 'default_purpose'";
    case REASON_PURPOSE_FORBIDDEN:
        return "declare one of the service's 'purposes'; selling data can never be one";
    case REASON_PERSON_MISSING:
        return "say about whom, at the place that the service's 'person' names";
    case REASON_BASIS_NONE:
        return "release it on a basis that the law has for it: for a sensitive category that is consent";
    case REASON_BASIS_LAW_REF:
        return "name in the release what the basis rests on: 'law_ref' (law and article), 'ref' (contract, origin, weighing of interests)";
    case REASON_BASIS_DUTY:
        return "let a member with the trait state_organ ask, and let the release's 'law_ref' be the service's 'duty'";
    case REASON_BASIS_JUSTIFICATION:
        return "send Comity-Basis: vital with Comity-Justification, and Comity-Confirmed-By where a second person is asked for";
    case REASON_CATEGORY_NEVER:
        return "nothing: data of this category do not leave";
    case REASON_CONTRACT_ENDED:
        return "renew the contract and write its new 'until' into the service's 'contract'";
    case REASON_DPIA_MISSING:
        return "make an impact assessment and name it in the service's 'dpia'";
    case REASON_DPIA_EXPIRED:
    case REASON_BORDER_DPIA:
        return "make a new impact assessment and name it in the service's 'dpia', with its 'valid_until'";
    case REASON_HARVEST_LIMIT:
        return is_held
                   ? "somebody of the holder looks at what it asked and lets it go on: comity policy release-hold; waiting changes nothing"
                   : "wait until the window of time has moved on, or raise 'harvest' if the consumer has good reason";
    case REASON_BORDER_RECIPIENT:
        return "the recipient's community must be recognised now, and neither it nor the recipient be on the 'blacklist'";
    case REASON_BORDER_FOREIGN_AUTHORITY:
        return "get the competent authority's approval and write it under 'foreign_authority'";
    case REASON_BORDER_LOCALISED:
        return "get an instrument of a kind that lifts the duty to keep the data in the country";
    case REASON_BORDER_INSTRUMENT:
        return "get an instrument for this recipient and category and write it under 'instruments'";
    case REASON_BORDER_VOLUME:
        return "get an instrument that allows more persons in a year, or wait for the next counting year";
    case REASON_CONSENT_NONE:
        return "ask the person for a consent on a notice that is in force and names this recipient, purpose, service and category";
    case REASON_CONSENT_REFUSED:
        return "nothing but the person's own change of mind; the law says how soon they may be asked again";
    case REASON_CONSENT_WITHDRAWN:
        return "nothing but a new consent";
    case REASON_CONSENT_PAUSED:
        return "the person resumes";
    case REASON_CONSENT_EXPIRED:
        return "ask the person for a new consent";
    case REASON_CONSENT_SUPERSEDED:
        return "ask the person again, with the notice that is in force now";
    case REASON_CONSENT_NOT_SEPARATE:
        return "the person must consent by an act of its own to what is named here";
    case REASON_CONSENT_BORDER:
        return "the person must consent by an act of its own that the data leave the country";
    case REASON_CONSENT_WRITTEN:
        return "the person must consent in writing, and the evidence be named in the consent";
    case REASON_CONSENT_GUARDIAN:
        return "who answers for the person must decide, and be known here as such: a guardian for a minor; who has come of age decides anew";
    case REASON_CONSENT_FREQUENCY:
        return "wait for the next period, or ask the person for a consent with more uses";
    case REASON_CONSENT_RANGE:
        return "let the service keep to Comity-Data-From and Comity-Data-Until and say so: 'data_range: true'";
    case REASON_NOTICE_INCOMPLETE:
        return "publish a notice that says what this one leaves out (sensitive, automated, abroad, for minors), and ask the person again";
    case REASON_MINOR_UNKNOWN:
        return "note the person's day of birth, or have a guardian decide";
    case REASON_PERSON_DIED:
        return "nothing on consent; relatives have their own rights under the law";
    case REASON_PERSON_RESTRICTED:
        return "the restriction is lifted";
    default:
        return reason_meaning(reason);
    }
}

struct bytes explain_article(const struct decide_category *category)
{
    return category->source == NULL ? BYTES_NONE : category->source->article;
}

static void append_iri(struct buffer *out, struct bytes iri)
{
    iri_shorten(iri, out);
}

static void append_article(struct buffer *out, struct bytes article)
{
    if (article.size > 0) {
        buffer_append_format(out, " [%.*s]", BYTES_FMT(article));
    }
}

/* Why the nearest instrument does not carry it. */
static const char *fault_words(const struct decide_request *request, const struct decide_context *context, struct bytes iri,
                               const struct border_instrument *instrument)
{
    static const char *const words[] = {
        [BORDER_FAULT_NONE] = "its limit is reached",
        [BORDER_FAULT_KIND] = "of a kind that this law does not know",
        [BORDER_FAULT_RECIPIENT] = "for another recipient",
        [BORDER_FAULT_CATEGORY] = "does not cover this category",
        [BORDER_FAULT_NOT_YET] = "has not begun",
        [BORDER_FAULT_ENDED] = "has ended",
        [BORDER_FAULT_SUSPENDED] = "suspended",
    };
    const struct border_category category = { .iri = iri };
    const struct border_facts facts = {
        .recipient = request->recipient, .categories = &category, .category_count = 1, .now_ms = request->now_ms
    };
    return words[border_instrument_fault(context->law, instrument, &facts)];
}

static void append_instrument(struct buffer *out, const struct decide_request *request, const struct decide_context *context,
                              const struct decide_category *category, struct bytes iri)
{
    char text[TIME_TEXT_SIZE];
    const struct border_instrument *instrument = category->instrument;
    if (instrument == NULL) {
        return;
    }
    int64_t end = border_instrument_end(context->law, instrument);
    buffer_append_format(out, category->withheld == REASON_NONE ? ", abroad on %.*s" : "; the nearest is %.*s", BYTES_FMT(instrument->id));
    if (end != INT64_MAX) {
        buffer_append_format(out, " (until %s)", time_text(end, text));
    }
    if (category->withheld != REASON_NONE) {
        buffer_append_format(out, ": %s", fault_words(request, context, iri, instrument));
    }
}

static void explain_permitted(const struct decide_request *request, const struct decide_context *context,
                              const struct decide_category *category, struct bytes iri, struct buffer *out)
{
    const struct law_basis_rule *rule = &context->law->basis[category->basis];
    buffer_append_format(out, "leaves on %s", law_basis_word(category->basis));
    append_article(out, rule->source.article);
    if (category->consent != NULL) {
        buffer_append_format(out, ", consent %.*s", BYTES_FMT(category->consent->record_id));
    }
    if (category->notice != NULL) {
        buffer_append_format(out, " on notice %.*s@%u", BYTES_FMT(category->notice->id), (unsigned)category->notice->revision);
    }
    append_instrument(out, request, context, category, iri);
    buffer_append_u8(out, '\n');
}

static void explain_withheld(const struct decide_request *request, const struct decide_context *context,
                             const struct decide_category *category, struct bytes iri, struct buffer *out)
{
    buffer_append_format(out, "is withheld: %s: %s", reason_code(category->withheld), reason_meaning(category->withheld));
    append_article(out, explain_article(category));
    if (category->withheld == REASON_BORDER_INSTRUMENT || category->withheld == REASON_BORDER_VOLUME) {
        append_instrument(out, request, context, category, iri);
    }
    for (uint32_t bit = 1; category->withheld == REASON_CONSENT_NOT_SEPARATE && bit <= LAW_SEPARATE_MINOR; bit <<= 1) {
        if ((category->missing & bit) != 0) {
            buffer_append_format(out, "; missing: %s", law_separate_word(bit));
        }
    }
    buffer_append_format(out, "\n    would change it: %s\n", explain_remedy(category->withheld, context->counters.is_held));
}

static void explain_categories(const struct decide_request *request, const struct decide_context *context,
                               const struct decide_result *result, struct buffer *out)
{
    for (size_t i = 0; i < request->service->release_count; i++) {
        const struct decide_category *category = &result->categories[i];
        buffer_append_text(out, "  ");
        struct bytes iri = context->policy->categories[request->service->releases[i].category].iri;
        append_iri(out, iri);
        buffer_append_text(out, category->is_sensitive ? " (sensitive) " : " ");
        if (category->withheld == REASON_NONE) {
            explain_permitted(request, context, category, iri, out);
        } else {
            explain_withheld(request, context, category, iri, out);
        }
    }
}

static void explain_request(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                            struct buffer *out)
{
    char text[TIME_TEXT_SIZE];
    buffer_append_format(out, "  %.*s asks ", BYTES_FMT(request->recipient));
    if (request->service != NULL) {
        buffer_append(out, request->service->id);
    } else {
        buffer_append_text(out, "for no service that there is");
    }
    if (result->purpose.size > 0) {
        buffer_append_text(out, " for ");
        append_iri(out, result->purpose);
    }
    buffer_append_format(out, ", at %s, by %.*s %.*s", time_text(request->now_ms, text), BYTES_FMT(context->law->id),
                         BYTES_FMT(context->law->version));
    buffer_append_text(out, context->law->is_tightened ? ", tightened by the policy file\n" : "\n");
}

/* What else is to be known of it, whichever way it went. */
static void explain_rest(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                         struct buffer *out)
{
    char text[TIME_TEXT_SIZE];
    if (result->is_abroad) {
        buffer_append_format(out, "  a border lies between: from %.*s to %.*s\n", BYTES_FMT(context->parties.holder_country),
                             BYTES_FMT(context->parties.client_country));
    }
    if (result->is_minor || result->is_age_unknown) {
        buffer_append_text(out, result->is_age_unknown ? "  the person's age is not known" : "  the person is a minor");
        append_article(out, context->law->minor_age.source.article);
        buffer_append_u8(out, '\n');
    }
    if (result->is_break_glass) {
        buffer_append_format(out, "  break-glass: to be reviewed by %s, and the person is told\n",
                             time_text(request->now_ms + context->policy->vital_review_ms, text));
    }
    if (result->starts_hold) {
        buffer_append_text(out, "  the consumer asked about too many persons of late: from this request on it is held\n");
    }
    if (context->counters.is_held) {
        buffer_append_text(
            out, result->reason == REASON_NONE
                     ? "  the consumer is held at this service; this is let through nevertheless\n"
                     : "  the consumer is held at this service since it asked about too many persons, until somebody releases it\n");
    }
}

void explain_write(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                   struct buffer *out)
{
    bool is_told_otherwise = reason_told(result->reason) != result->reason;
    if (result->reason == REASON_NONE) {
        buffer_append_text(out, "permitted\n");
    } else {
        buffer_append_format(out, "refused: %s: %s\n", reason_code(result->reason), reason_meaning(result->reason));
    }
    explain_request(request, context, result, out);
    if (is_told_otherwise) {
        buffer_append_format(out, "  the consumer is told no more than %s\n", reason_code(reason_told(result->reason)));
    }
    explain_rest(request, context, result, out);
    if (result->is_whole) {
        buffer_append_text(out, "  it is about nobody: the answer leaves whole\n");
    } else if (result->is_looked_at) {
        explain_categories(request, context, result, out);
    } else {
        buffer_append_format(out, "  would change it: %s\n", explain_remedy(result->reason, context->counters.is_held));
    }
}
