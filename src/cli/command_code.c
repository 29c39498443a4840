/* Codes on paper: what somebody signs in with who has no provider's login (docs/operations.md, "A counter"). */
#include <stdio.h>
#include <stdlib.h>

#include "api/api_config.h"
#include "api/operation_code.h"
#include "base/time.h"
#include "cli/asking.h"
#include "cli/commands_internal.h"
#include "cli/output.h"

enum { PAPER_BYTES_MAX = 64 * 1024, ADDRESS_SIZE = 2100 };

/* What api.yaml says: where the pages are, and how long a code is good. Nothing of it is needed. */
static int64_t read_portal(const struct call *call, char address[ADDRESS_SIZE])
{
    struct error ignored = { 0 };
    struct place place = { .config = NULL };
    struct api_config *config = NULL;
    int64_t age_ms = 0;
    (void)snprintf(address, ADDRESS_SIZE, "%s", "");
    if (place_open(&place, call->folder, &ignored) && place.config->api_path != NULL &&
        api_config_load(&config, place.config->api_path, place.config->folder, place.config->member_text, &ignored)) {
        age_ms = config->code_age_ms;
        if (config->public_url.size > 0) {
            (void)snprintf(address, ADDRESS_SIZE, "%.*s/sign-in", BYTES_FMT(config->public_url));
        }
    }
    api_config_free(config);
    place_close(&place);
    return age_ms;
}

/* ---- The paper ---- */

/* "2026-03-01T09:15:00.000Z" as somebody reads it at a counter. */
static void append_until(struct buffer *out, const json_t *answer)
{
    const char *until = asking_text(answer, "until");
    buffer_append_format(out, "%.10s, %.5s UTC", until, strlen(until) > 16 ? until + 11 : "");
}

static void write_text(struct buffer *out, const json_t *answer, const char *address)
{
    buffer_append_format(out, "\n        %s\n\n", asking_text(answer, "code"));
    if (address[0] != '\0') {
        buffer_append_format(out, "Go to  %s\nand type this code. ", address);
    }
    buffer_append_text(out, "It works once, until ");
    append_until(out, answer);
    buffer_append_text(out, ".\nKeep it to yourself: whoever types it first is let in.\n\n");
}

static void append_escaped(struct buffer *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            buffer_append_text(out, "&amp;");
            break;
        case '<':
            buffer_append_text(out, "&lt;");
            break;
        case '"':
            buffer_append_text(out, "&quot;");
            break;
        default:
            buffer_append_u8(out, (uint8_t)*c);
        }
    }
}

/* A page of its own, to be printed: nothing in it is fetched from anywhere. */
static void write_html(struct buffer *out, const json_t *answer, const char *address)
{
    buffer_append_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Code</title>\n"
                            "<style>body{font:14pt sans-serif;margin:2cm;max-width:15cm}.code{font:bold 28pt monospace;letter-spacing:2pt;"
                            "border:2pt solid;padding:12pt;text-align:center}.at{font:bold 18pt monospace;overflow-wrap:anywhere}</style>\n"
                            "</head><body>\n<p class=\"code\">");
    append_escaped(out, asking_text(answer, "code"));
    buffer_append_text(out, "</p>\n");
    if (address[0] != '\0') {
        buffer_append_text(out, "<p>Go to this address and type the code:</p>\n<p class=\"at\">");
        append_escaped(out, address);
        buffer_append_text(out, "</p>\n");
    }
    buffer_append_text(out, "<p>It works once, until ");
    append_until(out, answer);
    buffer_append_text(out, ". Keep it to yourself: whoever types it first is let in.</p>\n</body></html>\n");
}

static int show(const struct call *call, json_t *answer, const char *address)
{
    struct buffer out;
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, PAPER_BYTES_MAX);
    if (call_is_given(call, "html")) {
        write_html(&out, answer, address);
    } else {
        write_text(&out, answer, address);
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- issue ---- */

static bool put_age(const struct call *call, int64_t age_ms, json_t *request, struct error *e)
{
    const char *given = call_value(call, "age");
    if (given != NULL && (!duration_parse(bytes_of_text(given), &age_ms) || age_ms <= 0)) {
        return error_set(e, ERROR_INPUT, "--age", "write a duration such as 15m or 2h", "is no duration");
    }
    return age_ms == 0 || json_object_set_new(request, "age_ms", json_integer(age_ms)) == 0 || error_memory(e, "request");
}

static int run_issue(struct call *call)
{
    static const struct question question = { "/v1/codes", operation_code_issue, QUESTION_CHANGES };
    char address[ADDRESS_SIZE];
    struct error e = { 0 };
    int end = COMMAND_NOT_TRIED;
    json_t *answer = NULL, *request = json_object();
    int64_t age_ms = read_portal(call, address);
    if (request == NULL || !asking_put_text(call, "role", "role", request, &e) ||
        (call_is_given(call, "person") && !asking_put_secret(call, "person", "person", request, &e)) ||
        !asking_put_text(call, "guardianship", "guardianship", request, &e) || !asking_put_text(call, "name", "name", request, &e) ||
        !asking_put_text(call, "by", "by", request, &e) || !put_age(call, age_ms, request, &e)) {
        return asking_fail(call, request, &e);
    }
    answer = asking_ask(call, &question, request, &end);
    if (answer != NULL) {
        end = show(call, answer, address);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

static const struct command_option issue_options[] = {
    ASKING_PERSON_OPTION,
    { "role", "ROLE", "as whom: person (the default), guardian, helper; of staff: viewer, operator, officer, auditor" },
    { "guardianship", "ID", "of a guardian: by which guardianship, as 'comity person show' lists it; --person is the ward" },
    { "name", "NAME", "of helpers and staff: the name that stands in the log, and that persons see" },
    { "by", "NAME", "who issues it, as the person shall read it; without it 'command line'" },
    { "age", "DURATION", "how long it is good: at most 7d; without it what api.yaml says, 15m" },
    { "html", NULL, "write a page to be printed" },
};
static const struct command issue_command = {
    .name = "issue",
    .arguments = "[--person -|@FILE] [--role ROLE] [--guardianship ID] [--name NAME] [--html]",
    .summary = "issue a code that signs somebody in once",
    .text =
        "For whoever stands at the counter and has shown who they are: a person; a guardian, for a ward; a helper, who reads and withdraws at a person's side and gives nothing; "
        "an employee, in one role. The code stands on standard output and nowhere else: in the database is its digest. It works once and not for long. That it was issued is logged "
        "before it is shown, and the person sees it among the uses.\n"
        "Whoever may run this command may become anybody: it is for the gateway's own user. A counter's system uses POST /v1/codes instead, which issues no codes of staff.",
    .examples = "comity code issue --person @person.txt\n"
                "printf %s \"$PERSON\" | comity code issue --person - --role helper --name 'Ada, social worker'\n"
                "comity code issue --role officer --name eve",
    .options = issue_options,
    .option_count = COUNT_OF(issue_options),
    .run = run_issue,
};

static const struct command *const parts[] = { &issue_command };
const struct command command_code = {
    .name = "code",
    .arguments = "issue ...",
    .summary = "issue codes on paper, for signing in",
    .text = "Codes are for people who have no login of a provider, and for the first day, when no provider is set up yet.",
    .parts = parts,
    .part_count = COUNT_OF(parts),
};
