/* comity consent export: one consent in a form of others. */
#include <stdlib.h>

#include "base/time.h"
#include "cli/command_consent_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "consent/notice_store.h"
#include "interchange/document_events.h"
#include "interchange/export.h"

enum { PROOF_BYTES_MAX = 64 * 1024 };

struct feeding {
    struct document_events *events;
    struct error *e;
    bool has_failed;
};

static bool feed(void *context, const struct consent_event_text *event)
{
    struct feeding *feeding = context;
    feeding->has_failed = !document_events_add(feeding->events, event->text, event->log_index, feeding->e);
    return !feeding->has_failed;
}

static bool write_form(const struct call *call, struct place *place, enum export_format format, struct document_events *events,
                       json_t **out, struct error *e)
{
    struct feeding feeding = { .events = events, .e = e };
    struct notices *notices = consents_notices(place->consents);
    const struct notice *notice = NULL;
    struct buffer proof;
    buffer_init(&proof, PROOF_BYTES_MAX);
    events->origin = place->config->origin;
    bool ok = consent_events(place->consents, bytes_of_text(call->words[0]), feed, &feeding, e) && !feeding.has_failed &&
              document_events_end(events, notices, time_now_ms(), &notice, e) &&
              (!call_is_given(call, "proof") || file_read_whole(call_value(call, "proof"), &proof, e));
    if (ok) {
        const struct export_input input = { .document = &events->document,
                                            .notice = notice,
                                            .language = bytes_of_text(call_value(call, "language")),
                                            .receipt = buffer_bytes(&proof) };
        ok = export_write(format, &input, out, e);
    }
    buffer_clear(&proof);
    notices_drop(notices);
    return ok;
}

static int run_export(struct call *call)
{
    struct place place = { 0 };
    struct document_events *events = calloc(1, sizeof *events);
    struct error e = { 0 };
    json_t *made = NULL;
    enum export_format format = EXPORT_OWN;
    int end = COMMAND_NOT_TRIED;
    const char *name = call_value(call, "format");
    if (name != NULL && !export_format_parse(bytes_of_text(name), &format)) {
        free(events);
        return call_misused(call, "'%.40s' is no format: comity, dpv, receipt, kantara, fhir-r4, fhir-r5, rebit", name);
    }
    if (events == NULL) {
        (void)error_memory(&e, "consent");
        return call_fail(call, &e);
    }
    if (!place_open(&place, call->folder, &e) || !place_open_consents(&place, false, &e)) {
        end = call_fail(call, &e);
    } else if (!write_form(call, &place, format, events, &made, &e)) {
        end = e.kind == ERROR_ABSENT || e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
    } else {
        end = output_json(made) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    document_events_clear(events);
    free(events);
    place_close(&place);
    return end;
}

static const struct command_option export_options[] = {
    { "format", "NAME", "comity (without it), dpv, receipt, kantara, fhir-r4, fhir-r5 or rebit" },
    { "language", "TAG", "the language of its texts; without it the notice's first" },
    { "proof", "FILE", "what 'comity log receipt' wrote for the deciding event; a receipt needs it" },
};
const struct command consent_export_command = {
    .name = "export",
    .arguments = "ID [--format NAME] [--language TAG] [--proof FILE]",
    .summary = "write one consent in a form that others read",
    .text =
        "JSON on standard output: W3C DPV (ISO/IEC TS 27560), Kantara, HL7 FHIR, ReBIT, or our own. Only of consents on a published notice. What a form can't say is "
        "refused (docs/interchange.md). The file names a person.",
    .examples = "comity consent export c-0123456789abcdef0123456789abcdef --format fhir-r4",
    .options = export_options,
    .option_count = COUNT_OF(export_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_export,
};
