#include "policy/decide_event.h"

#include <inttypes.h>
#include <stdio.h>

#include "consent/counters.h"
#include "consent/event_text.h"
#include "consent/notice.h"
#include "law/law.h"

static struct bytes iri_of(const struct decide_request *request, const struct decide_context *context, size_t i)
{
    return context->policy->categories[request->service->releases[i].category].iri;
}

/* "WORD IRI" */
static void append_pair(struct buffer *out, const char *name, const char *word, struct bytes iri)
{
    char text[IRI_SIZE_MAX + 64];
    int size = snprintf(text, sizeof text, "%s %.*s", word, BYTES_FMT(iri));
    if (size < 0 || (size_t)size >= sizeof text) {
        out->failed = true;
        return;
    }
    event_text_append(out, name, bytes_of(text, (size_t)size));
}

static void append_categories(const struct decide_request *request, const struct decide_context *context,
                              const struct decide_result *result, bool is_permit, struct buffer *out)
{
    size_t count = request->service->release_count;
    for (size_t i = 0; i < count; i++) {
        event_text_append(out, is_permit && result->permitted[i] ? "released" : "withheld", iri_of(request, context, i));
    }
    for (size_t i = 0; i < count; i++) {
        if (is_permit && result->permitted[i] && result->consents[i] != NULL) {
            event_text_append(out, "consent", result->consents[i]->record_id);
        }
    }
}

/* Is it the first of the released ones that has this instrument, or this notice? */
static bool is_first(const struct decide_result *result, size_t index, bool of_notice)
{
    const struct decide_category *this = &result->categories[index];
    for (size_t i = 0; i < index; i++) {
        const struct decide_category *other = &result->categories[i];
        if (result->permitted[i] && (of_notice ? other->notice == this->notice : other->instrument == this->instrument)) {
            return false;
        }
    }
    return true;
}

static void append_by_law(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                          bool is_permit, struct buffer *out)
{
    size_t count = request->service->release_count;
    for (size_t i = 0; i < count; i++) {
        const struct decide_category *category = &result->categories[i];
        if (is_permit && result->permitted[i]) {
            append_pair(out, "basis", law_basis_word(category->basis), iri_of(request, context, i));
        } else if (result->withheld[i] != REASON_NONE) {
            append_pair(out, "why", reason_code(result->withheld[i]), iri_of(request, context, i));
        }
    }
    for (size_t i = 0; is_permit && i < count; i++) {
        const struct decide_category *category = &result->categories[i];
        if (result->permitted[i] && category->instrument != NULL && is_first(result, i, false)) {
            event_text_append(out, "instrument", category->instrument->id);
        }
    }
    for (size_t i = 0; is_permit && i < count; i++) {
        const struct decide_category *category = &result->categories[i];
        if (result->permitted[i] && category->notice != NULL && is_first(result, i, true)) {
            event_text_append_digest(out, "notice", category->notice->digest);
        }
    }
}

/* What is counted when it leaves (docs/formats/events.md): uses of records with limits, and a person that is new abroad this year. */
static void append_counts(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                          struct buffer *out)
{
    char text[512];
    const struct law_border *border = &context->law->border;
    for (size_t i = 0; i < request->service->release_count; i++) {
        const struct consent_decision *consent = result->permitted[i] ? result->consents[i] : NULL;
        bool is_first = consent != NULL && consent->terms != NULL && (consent->terms->limits.max > 0 || consent->terms->limits.total > 0);
        for (size_t j = 0; j < i && is_first; j++) {
            is_first = !result->permitted[j] || result->consents[j] == NULL ||
                       !bytes_equal(result->consents[j]->record_id, consent->record_id);
        }
        if (is_first) {
            (void)snprintf(text, sizeof text, "%.*s %" PRId64, BYTES_FMT(consent->record_id),
                           counters_window(consent->valid_from_ms, consent->terms->limits.per, request->now_ms));
            event_text_append(out, "use", bytes_of_text(text));
        }
    }
    if (result->counts_export || result->counts_sensitive) {
        struct buffer line;
        buffer_init(&line, 8192);
        buffer_append_format(&line, "%" PRId64 " ", period_year_start(request->now_ms, border->count_from_month, border->count_from_day));
        identifier_append_parts(&line, &request->service->parts, 3);
        out->failed = out->failed || line.failed;
        event_text_append(out, "export", buffer_bytes(&line));
        buffer_clear(&line);
    }
    if (result->counts_sensitive) {
        event_text_append(out, "sensitive", BYTES("yes"));
    }
}

static void append_claim(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                         bool is_permit, struct buffer *out)
{
    if (request->claims_vital) {
        event_text_append(out, "claim", BYTES("vital"));
    }
    if (request->justification.size > 0) {
        event_text_append(out, "justification", request->justification);
    }
    if (request->confirmed_by.size > 0) {
        event_text_append(out, "confirmed_by", request->confirmed_by);
    }
    if (request->authority.size > 0) {
        event_text_append(out, "authority", request->authority);
    }
    if (is_permit && result->is_break_glass) {
        event_text_append_decimal(out, "review_by", request->now_ms + context->policy->vital_review_ms);
    }
    if (result->starts_hold) {
        event_text_append(out, "hold", request->recipient);
    }
}

void decide_write_outcome(const struct decide_request *request, const struct decide_context *context, const struct decide_result *result,
                          enum reason reason, bool has_categories, struct buffer *out)
{
    bool is_permit = reason == REASON_NONE;
    struct bytes purpose = result->purpose.size > 0 ? result->purpose : request->purpose;
    if (request->person.size > 0) {
        event_text_append(out, "person", request->person);
    }
    if (purpose.size > 0) {
        event_text_append(out, "purpose", purpose);
    }
    event_text_append(out, "verdict", is_permit ? BYTES("permit") : BYTES("refuse"));
    if (!is_permit) {
        event_text_append(out, "reason", bytes_of_text(reason_code(reason)));
    }
    if (has_categories) {
        append_categories(request, context, result, is_permit, out);
    }
    if (has_categories && context->law != NULL) {
        append_by_law(request, context, result, is_permit, out);
        append_claim(request, context, result, is_permit, out);
        if (is_permit) {
            append_counts(request, context, result, out);
        }
    }
}

void decide_write_grounds(const struct decide_context *context, const struct decide_result *result, struct buffer *out)
{
    const struct decide_counters *counters = &context->counters;
    char text[256];
    if (context->law == NULL) {
        return;
    }
    event_text_append_digest(out, "law", context->law->digest);
    if (result->is_abroad) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %d %d", counters->exported, counters->exported_sensitive,
                       counters->is_exported, counters->is_exported_sensitive);
        event_text_append(out, "exported", bytes_of_text(text));
    }
    if (counters->asked > 0 || counters->is_full || counters->recent > 0 || counters->is_held) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " %d %d %" PRIu64 " %" PRIu64 " %d", counters->asked, counters->is_asked,
                       counters->is_full, counters->recent, counters->usual, counters->is_held);
        event_text_append(out, "asked", bytes_of_text(text));
    }
    for (size_t i = 0; i < counters->use_count; i++) {
        const struct decide_use *use = &counters->uses[i];
        (void)snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %.*s", use->in_period, use->total, BYTES_FMT(use->record_id));
        event_text_append(out, "used", bytes_of_text(text));
    }
}

bool decide_is_outcome(struct bytes name)
{
    static const struct bytes names[] = {
        BYTES("person"),     BYTES("purpose"), BYTES("verdict"),       BYTES("reason"),       BYTES("released"),
        BYTES("withheld"),   BYTES("consent"), BYTES("basis"),         BYTES("why"),          BYTES("notice"),
        BYTES("instrument"), BYTES("claim"),   BYTES("authority"),     BYTES("hold"),         BYTES("use"),
        BYTES("review_by"),  BYTES("export"),  BYTES("justification"), BYTES("confirmed_by"), BYTES("sensitive"),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, names[i])) {
            return true;
        }
    }
    return false;
}
