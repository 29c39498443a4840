/* comity breach: from when it is known until it is closed. */
#include "base/time.h"
#include "cli/command_rights_internal.h"
#include "cli/commands_internal.h"
#include "cli/output.h"
#include "cli/value.h"

enum { OUTPUT_BYTES_MAX = 256 * 1024 * 1024 };

/* A time given as one, or, as a duration, so long ago. */
static bool put_time(const struct call *call, json_t *request, const char *option, const char *key, int64_t usual_ms, struct error *e)
{
    const char *text = call_value(call, option);
    int64_t now_ms = time_now_ms(), ago = 0, at_ms = usual_ms;
    char out[TIME_TEXT_SIZE];
    if (text != NULL && duration_parse(bytes_of_text(text), &ago)) {
        at_ms = now_ms - ago;
    } else if (text != NULL && !time_parse(bytes_of_text(text), &at_ms)) {
        return error_set(e, ERROR_INPUT, option, "write it as 2027-03-01T00:00:00Z, or as 36h for so long ago", "is no time");
    }
    return json_object_set_new(request, key, json_string(time_text(at_ms, out))) == 0 || error_memory(e, option);
}

static int run_open(struct call *call)
{
    static const char *const options[] = { "service", "recipient", "category", "cause", "harm", "measures", "advice", "contact", "by" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    int64_t now_ms = time_now_ms();
    if (!call_is_given(call, "from")) {
        return call_misused(call, "--from says since when disclosures are to be counted");
    }
    json_t *request = json_pack("{s:b}", "possible", call_is_given(call, "possible"));
    if (request == NULL || !put_time(call, request, "from", "from", now_ms, &e) || !put_time(call, request, "until", "until", now_ms, &e) ||
        !put_time(call, request, "known", "known_at", now_ms, &e) || !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/breaches", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, "opened");
}

static void write_breach(const json_t *row, struct buffer *out)
{
    bool is_closed = !json_is_null(json_object_get(row, "closed_at"));
    buffer_append_format(out, "%s  %s%s  known since %s%s\n", rights_text(row, "id"), is_closed ? "closed " : "open",
                         json_is_true(json_object_get(row, "possible")) ? " (possible)" : "", rights_text(row, "known_at"),
                         json_is_true(json_object_get(row, "overdue")) ? "  OVERDUE" : "");
    static const char *const lines[][3] = { { "authority", "authority_told_at", "authority_due_at" },
                                            { "persons", "persons_told_at", "persons_due_at" },
                                            { "full report", "closed_at", "report_due_at" } };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        bool is_told = json_is_string(json_object_get(row, lines[i][1]));
        if (is_told || json_is_string(json_object_get(row, lines[i][2]))) {
            buffer_append_format(out, "    %-12s %s %s\n", lines[i][0], is_told ? "told" : "due ",
                                 rights_text(row, lines[i][is_told ? 1 : 2]));
        }
    }
    buffer_append_format(out, "    %s\n", rights_text(row, "cause"));
}

static int run_list(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    json_t *request = call->word_count == 0 ? json_object() : json_pack("{s:s}", "id", call->words[0]);
    json_t *answer = rights_ask(call, "/v1/breaches/list", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_tell(call, answer, write_breach, "breaches");
}

static void write_list(const json_t *row, const char *key, struct buffer *out)
{
    const json_t *list = json_object_get(row, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        buffer_append_format(out, "%s%s", i > 0 ? ", " : "", text == NULL ? "-" : text);
    }
}

static int tell_persons(const struct call *call, json_t *answer)
{
    struct buffer out;
    const json_t *rows = json_object_get(answer, "persons");
    if (call->is_json) {
        return output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, OUTPUT_BYTES_MAX);
    buffer_append_format(&out, "%lld persons, %lld disclosures\n", json_integer_value(json_object_get(answer, "person_count")),
                         json_integer_value(json_object_get(answer, "disclosures")));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buffer_append_format(&out, "\n%s  %lld from %s to %s\n    categories  ", rights_text(row, "person"),
                             json_integer_value(json_object_get(row, "disclosures")), rights_text(row, "first"), rights_text(row, "last"));
        write_list(row, "categories", &out);
        buffer_append_text(&out, "\n    recipients  ");
        write_list(row, "recipients", &out);
        buffer_append_u8(&out, '\n');
        if (json_is_string(json_object_get(row, "draft"))) {
            buffer_append_format(&out, "\n%s", rights_text(row, "draft"));
        }
    }
    if (json_is_string(json_object_get(answer, "authority_draft"))) {
        buffer_append_format(&out, "\n%s", rights_text(answer, "authority_draft"));
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    json_decref(answer);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_persons(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    json_t *request = json_pack("{s:s, s:b}", "id", call->words[0], "drafts", call_is_given(call, "drafts"));
    json_t *answer = rights_ask(call, "/v1/breaches/persons", request, &end);
    json_decref(request);
    return answer == NULL ? end : tell_persons(call, answer);
}

static int run_step(struct call *call)
{
    static const char *const options[] = { "words", "by" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *request = json_pack("{s:s, s:s}", "id", call->words[0], "step", call->words[1]);
    if (request != NULL && !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/breaches/do", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, "written down");
}

static const struct command_option open_options[] = {
    { "possible", NULL, "it is not known that it happened; the clock runs all the same" },
    { "from", "TIME|DURATION", "disclosures since then are touched (36h: so long ago)" },
    { "until", "TIME|DURATION", "and until then; without it now" },
    { "known", "TIME|DURATION", "when it was first known or suspected: the clock's start; without it now" },
    { "service", "SERVICE", "only disclosures of this service" },
    { "recipient", "MEMBER", "only disclosures to this member or subsystem" },
    { "category", "IRI", "only disclosures with this category, such as pd:HealthRecord" },
    { "cause", "TEXT|@FILE", "what happened" },
    { "harm", "TEXT|@FILE", "what harm it can do" },
    { "measures", "TEXT|@FILE", "what was done" },
    { "advice", "TEXT|@FILE", "what the persons can do" },
    { "contact", "TEXT", "whom authority and persons can ask" },
    { "by", "NAME", "who opens it; it is logged" },
};
static const struct command breach_open = {
    .name = "open",
    .arguments =
        "--from TIME --cause TEXT --harm TEXT --measures TEXT --advice TEXT --contact TEXT --by NAME [--until TIME] [--known TIME] [--possible] "
        "[--service SERVICE] [--recipient MEMBER] [--category IRI]",
    .summary = "open a breach, actual or possible: its clocks run",
    .text =
        "The deadlines for authority and persons are the law's, counted from when it was known. Which persons it touched is read from the evidence log ('comity breach persons').",
    .examples = "comity breach open --from 2026-11-20T00:00:00Z --service AURORA/GOV/HOSPITAL/records/summary \\\n"
                "  --cause \"a backup disk was stolen\" --harm \"health records can be read\" \\\n"
                "  --measures \"all keys were changed\" --advice \"be careful with calls\" \\\n"
                "  --contact mailto:officer@hospital.example --by \"J. Officer\" --possible",
    .options = open_options,
    .option_count = COUNT_OF(open_options),
    .run = run_open,
};
static const struct command breach_list_command = {
    .name = "list",
    .arguments = "[ID]",
    .summary = "list breaches and their deadlines",
    .text = "Newest first.",
    .word_max = 1,
    .run = run_list,
};
static const struct command_option persons_options[] = { { "drafts", NULL, "with drafts of what the authority and each person are told" } };
static const struct command breach_persons = {
    .name = "persons",
    .arguments = "ID [--drafts]",
    .summary = "list exactly which persons, categories and recipients it touched",
    .text =
        "By the disclosures in the evidence log: what left, about whom, to whom, within the breach's time and scope. The drafts are in plain English, for people to complete and to translate.",
    .examples = "comity --json breach persons b-0123456789abcdef0123456789abcdef --drafts",
    .options = persons_options,
    .option_count = COUNT_OF(persons_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_persons,
};
static const struct command_option step_options[] = {
    { "words", "TEXT|@FILE", "how they were told; why persons need not be told; or the closing report" },
    { "by", "NAME", "who did it; it is logged" },
};
static const struct command breach_step = {
    .name = "step",
    .arguments = "ID authority-told|persons-told|persons-waived|closed --words TEXT|@FILE --by NAME",
    .summary = "write down what was done about it",
    .text =
        "It can be closed once the authority and the persons were told. Persons may be left untold only where the law lets measures that avoid harm do.",
    .options = step_options,
    .option_count = COUNT_OF(step_options),
    .word_min = 2,
    .word_max = 2,
    .run = run_step,
};

static const struct command *const breach_parts[] = { &breach_open, &breach_list_command, &breach_persons, &breach_step };

const struct command command_breach = {
    .name = "breach",
    .arguments = "COMMAND ...",
    .summary = "breaches of personal information: clocks, whom they touched, drafts",
    .text =
        "What the law asks when personal information leaks, or may have: tell the authority and the persons in time, and say what, why, and what to do (PIPL Art. 57; GDPR Art. 33 and 34).",
    .parts = breach_parts,
    .part_count = COUNT_OF(breach_parts),
};
