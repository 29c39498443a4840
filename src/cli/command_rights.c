/* comity rights: requests of persons, what recipients owe, and the registers. The running gateway answers: its law and its clocks are meant. */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/command_rights_internal.h"
#include "cli/commands_internal.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/value.h"

enum { OUTPUT_BYTES_MAX = 256 * 1024 * 1024, WORDS_BYTES_MAX = 64 * 1024 };

/* ---- Asking ---- */

json_t *rights_ask(const struct call *call, const char *target, const json_t *request, int *end)
{
    struct place place = { 0 };
    struct error e = { 0 };
    json_t *answer = NULL;
    if (request == NULL) {
        (void)error_set(&e, ERROR_INPUT, "arguments", "write them in UTF-8", "can't be read");
        *end = call_fail(call, &e);
        return NULL;
    }
    if (!place_open(&place, call->folder, &e)) {
        *end = call_fail(call, &e);
        place_close(&place);
        return NULL;
    }
    switch (control_call(place.config, "POST", target, request, &answer, &e)) {
    case CONTROL_DONE:
        break;
    case CONTROL_NOT_RUNNING:
        (void)error_set(&e, ERROR_IO, "gateway", "start it by 'comity gateway'",
                        "it does not run, and only it knows its law and its clocks");
        *end = call_fail(call, &e);
        break;
    case CONTROL_FAILED:
        *end = e.kind == ERROR_DENIED || e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
        break;
    }
    place_close(&place);
    return answer;
}

bool rights_put_person(const struct call *call, json_t *request, struct error *e)
{
    struct buffer person;
    buffer_init(&person, PERSON_BYTES_MAX);
    bool ok = person_read(call_value(call, "person"), &person, e);
    if (ok && json_object_set_new(request, "person", json_stringn((const char *)person.data, person.size)) != 0) {
        ok = error_memory(e, "--person");
    }
    buffer_wipe(&person);
    return ok;
}

bool rights_put_options(const struct call *call, json_t *request, const char *const *names, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = call_value(call, names[i]);
        if (value == NULL) {
            continue;
        }
        struct buffer text;
        buffer_init(&text, WORDS_BYTES_MAX);
        bool ok = value[0] != '@' || file_read_whole(value + 1, &text, e);
        json_t *made = !ok ? NULL : value[0] == '@' ? json_stringn((const char *)text.data, text.size) : json_string(value);
        buffer_wipe(&text);
        if (made == NULL || json_object_set_new(request, names[i], made) != 0) {
            return ok ? error_set(e, ERROR_INPUT, names[i], "write it in UTF-8", "can't be read") : false;
        }
    }
    return true;
}

const char *rights_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "-" : text;
}

int rights_tell(const struct call *call, json_t *answer, rights_row *row, const char *list)
{
    struct buffer out;
    if (call->is_json) {
        return output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, OUTPUT_BYTES_MAX);
    const json_t *rows = json_object_get(answer, list);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        row(json_array_get(rows, i), &out);
    }
    if (json_array_size(rows) == 0) {
        (void)fprintf(stderr, "%s: there is none\n", call->name);
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    json_decref(answer);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

int rights_done(const struct call *call, json_t *answer, const char *what)
{
    if (call->is_json) {
        return output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    const char *id = json_string_value(json_object_get(answer, "id"));
    int written = id != NULL ? printf("%s  %s, entry %lld of the log\n", id, what, json_integer_value(json_object_get(answer, "log_index")))
                             : printf("%s\n", what);
    json_decref(answer);
    return written > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* ---- Requests ---- */

static int run_receive(struct call *call)
{
    static const char *const options[] = { "subject", "words", "by", "method" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    if (!call_is_given(call, "person")) {
        return call_misused(call, "name the person: --person - reads the identifier from standard input, --person @FILE from a file");
    }
    json_t *request = json_pack("{s:s, s:s, s:s}", "right", call->words[0], "by", "person", "method", "paper");
    if (request != NULL && (!rights_put_person(call, request, &e) || !rights_put_options(call, request, options, COUNT_OF(options), &e))) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/requests", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, "received");
}

static int act(struct call *call, const char *event, const char *done)
{
    static const char *const options[] = { "by", "reason", "remedy", "answer" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *request = json_pack("{s:s, s:s}", "id", call->words[0], "event", event);
    if (request != NULL && !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/requests/do", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, done);
}

static int run_accept(struct call *call)
{
    return act(call, "accept", "accepted");
}

static int run_extend(struct call *call)
{
    return act(call, "extend", "extended");
}

static int run_fulfil(struct call *call)
{
    return call_is_given(call, "partly") ? act(call, "fulfil-partly", "fulfilled in part") : act(call, "fulfil", "fulfilled");
}

static int run_refuse(struct call *call)
{
    return act(call, "refuse", "refused");
}

static int run_cancel(struct call *call)
{
    return act(call, "cancel", "cancelled");
}

static void write_request(const json_t *row, struct buffer *out)
{
    bool is_open = json_is_null(json_object_get(row, "closed_at"));
    buffer_append_format(out, "%s  %-9s %-9s %s%s%s\n    received %s by %s (%s)\n", rights_text(row, "id"), rights_text(row, "right"),
                         rights_text(row, "state"), is_open ? "due " : "closed ", rights_text(row, is_open ? "due_at" : "closed_at"),
                         json_is_true(json_object_get(row, "overdue")) ? "  OVERDUE" : "", rights_text(row, "received_at"),
                         rights_text(row, "by"), rights_text(row, "method"));
    static const char *const more[] = { "subject", "words", "reason", "remedy", "answer" };
    for (size_t i = 0; i < COUNT_OF(more); i++) {
        if (json_is_string(json_object_get(row, more[i]))) {
            buffer_append_format(out, "    %s: %s\n", more[i], rights_text(row, more[i]));
        }
    }
}

/* A list that may be narrowed by --person, --open, or one id. */
static int list(struct call *call, const char *target, const char *name, rights_row *row)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *request = json_object();
    bool ok = request != NULL && (!call_is_given(call, "person") || rights_put_person(call, request, &e)) &&
              (!call_is_given(call, "open") || json_object_set_new(request, "open", json_true()) == 0) &&
              (call->word_count == 0 || json_object_set_new(request, "id", json_string(call->words[0])) == 0);
    if (!ok) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, target, request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_tell(call, answer, row, name);
}

static int run_list(struct call *call)
{
    return list(call, "/v1/rights/requests/list", "requests", write_request);
}

static int run_report(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    if (!call_is_given(call, "person")) {
        return call_misused(call, "name the person: --person - reads the identifier from standard input, --person @FILE from a file");
    }
    json_t *request = json_object();
    if (request == NULL || !rights_put_person(call, request, &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/report", request, &end);
    json_decref(request);
    return answer == NULL ? end : output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED; /* it is for machines in any case */
}

/* ---- Obligations ---- */

static void write_obligation(const json_t *row, struct buffer *out)
{
    buffer_append_format(out, "%s  %-8s %-9s due %s%s\n    %s, at %s: %zu exchanges, because of %s (%s)\n", rights_text(row, "id"),
                         rights_text(row, "kind"), rights_text(row, "state"), rights_text(row, "due_at"),
                         json_is_true(json_object_get(row, "overdue")) ? "  OVERDUE" : "", rights_text(row, "recipient"),
                         rights_text(row, "gateway"), json_array_size(json_object_get(row, "exchanges")), rights_text(row, "reason"),
                         rights_text(row, "cause"));
    if (json_is_string(json_object_get(row, "failure"))) {
        buffer_append_format(out, "    %s\n", rights_text(row, "failure"));
    }
}

static int run_obligations(struct call *call)
{
    return list(call, "/v1/rights/obligations/list", "obligations", write_obligation);
}

static void write_received(const json_t *row, struct buffer *out)
{
    bool is_open = json_is_null(json_object_get(row, "outcome"));
    buffer_append_format(out, "%s  %-8s %s%s\n    from %s (%s), because of %s\n", rights_text(row, "id"), rights_text(row, "kind"),
                         is_open ? "to be confirmed until " : rights_text(row, "outcome"), is_open ? rights_text(row, "due_at") : "",
                         rights_text(row, "member"), rights_text(row, "from"), rights_text(row, "reason"));
    const json_t *exchanges = json_object_get(row, "exchanges");
    for (size_t i = 0; is_open && i < json_array_size(exchanges); i++) {
        buffer_append_format(out, "    exchange %s\n", json_string_value(json_array_get(exchanges, i)));
    }
}

static int run_notices(struct call *call)
{
    return list(call, "/v1/rights/notices/list", "notices", write_received);
}

static int run_confirm(struct call *call)
{
    static const char *const options[] = { "from", "by", "law" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    bool is_kept = call_is_given(call, "law");
    json_t *request = json_pack("{s:s, s:s}", "id", call->words[0], "outcome", is_kept ? "kept" : "erased");
    if (request != NULL && !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/notices/end", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, is_kept ? "kept, and said why" : "erased, and confirmed");
}

/* ---- Registers ---- */

static int run_register(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    json_t *request = json_object();
    json_t *answer = rights_ask(call, "/v1/rights/register", request, &end);
    json_decref(request);
    return answer == NULL ? end : output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_assess(struct call *call)
{
    static const char *const options[] = { "service", "reference", "author", "report" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    int64_t until_ms = 0, now_ms = time_now_ms();
    char made[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    const char *valid_until = call_value(call, "until");
    if (valid_until == NULL) {
        return call_misused(call, "--service, --reference, --author, --report @FILE and --until are needed");
    }
    if (!until_parse(valid_until, "--until", now_ms, &until_ms, &e)) {
        return call_fail(call, &e);
    }
    json_t *request = json_pack("{s:s, s:s}", "made_at", call_is_given(call, "made") ? call_value(call, "made") : time_text(now_ms, made),
                                "valid_until", time_text(until_ms, until));
    if (request != NULL && !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/assessments", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, "kept");
}

static void write_assessment(const json_t *row, struct buffer *out)
{
    buffer_append_format(out, "%s  %s  good until %s\n    %s, by %s\n", rights_text(row, "id"), rights_text(row, "reference"),
                         rights_text(row, "valid_until"), rights_text(row, "service"), rights_text(row, "author"));
}

static int run_assessments(struct call *call)
{
    static const char *const options[] = { "service" };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *request = json_object();
    if (request == NULL || !rights_put_options(call, request, options, COUNT_OF(options), &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, "/v1/rights/assessments/list", request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_tell(call, answer, write_assessment, "assessments");
}

/* ---- Tables ---- */

#define BY_OPTION                                                                                                                          \
    {                                                                                                                                      \
        "by", "NAME", "who decided: a name or an office; it is logged"                                                                     \
    }
#define PERSON_OPTION                                                                                                                      \
    {                                                                                                                                      \
        "person", "-|@FILE", "whose; the identifier from standard input or a file"                                                         \
    }

static const struct command_option receive_options[] = {
    PERSON_OPTION,
    { "subject", "TEXT", "what it is about: an exchange, a consent; needed for explain" },
    { "words", "TEXT|@FILE", "what the person said; needed for correct" },
    { "by", "ROLE", "who asks: person, guardian, delegate, relative; without it person" },
    { "method", "WORD", "how it came: portal, kiosk, paper, voice, ussd, api; without it paper" },
};
static const struct command rights_receive = {
    .name = "receive",
    .arguments = "RIGHT --person -|@FILE [--subject TEXT] [--words TEXT|@FILE] [--by ROLE] [--method WORD]",
    .summary = "write down that a person asks for a right",
    .text =
        "RIGHT is access, copy, port, correct, delete, restrict, object or explain, as far as the community's law gives it. The law's clock begins "
        "to run. Writes the id of the request.",
    .examples = "comity rights receive access --person @person.txt\n"
                "comity rights receive correct --person @person.txt --words \"I moved to 4 Hill Street\"",
    .options = receive_options,
    .option_count = COUNT_OF(receive_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_receive,
};

static const struct command_option by_options[] = { BY_OPTION };
static const struct command rights_accept = {
    .name = "accept",
    .arguments = "ID --by NAME",
    .summary = "say that it is known who asks",
    .text = "Somebody has made sure that it is the person, or who may act for the person. Only then can a request be fulfilled.",
    .options = by_options,
    .option_count = COUNT_OF(by_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_accept,
};
static const struct command_option reason_options[] = { BY_OPTION, { "reason", "TEXT", "why, which the person is told" } };
static const struct command rights_extend = {
    .name = "extend",
    .arguments = "ID --by NAME --reason TEXT",
    .summary = "put the answer off, once, as far as the law allows",
    .text = "Before the deadline only.",
    .options = reason_options,
    .option_count = COUNT_OF(reason_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_extend,
};
static const struct command_option fulfil_options[] = {
    BY_OPTION,
    { "answer", "TEXT|@FILE", "what the person is told" },
    { "partly", NULL, "only a part of it was done; --reason says why" },
    { "reason", "TEXT", "why only a part" },
};
static const struct command rights_fulfil = {
    .name = "fulfil",
    .arguments = "ID --by NAME --answer TEXT|@FILE [--partly --reason TEXT]",
    .summary = "say what was done about a request",
    .text =
        "When it asked to delete, to correct or to restrict, every recipient that the log knows of is told by its gateway, and must confirm "
        "('comity rights obligations').",
    .options = fulfil_options,
    .option_count = COUNT_OF(fulfil_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_fulfil,
};
static const struct command_option refuse_options[] = { BY_OPTION,
                                                        { "reason", "TEXT", "why, which the person is told" },
                                                        { "remedy", "TEXT", "where the person can complain" } };
static const struct command rights_refuse = {
    .name = "refuse",
    .arguments = "ID --by NAME --reason TEXT --remedy TEXT",
    .summary = "refuse a request, with the reason and the remedy",
    .text = "The person is told both (PIPL Art. 50, GDPR Art. 12).",
    .options = refuse_options,
    .option_count = COUNT_OF(refuse_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_refuse,
};
static const struct command rights_cancel = {
    .name = "cancel",
    .arguments = "ID --by NAME",
    .summary = "end a request that the person takes back",
    .text = "It stays in the list and in the log.",
    .options = by_options,
    .option_count = COUNT_OF(by_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_cancel,
};
static const struct command_option list_options[] = { PERSON_OPTION,
                                                      { "open", NULL, "only those that are not closed, the most urgent first" } };
static const struct command rights_list = {
    .name = "list",
    .arguments = "[ID] [--person -|@FILE] [--open]",
    .summary = "list requests and their deadlines",
    .text = "Newest first, or by deadline with --open.",
    .examples = "comity rights list --open",
    .options = list_options,
    .option_count = COUNT_OF(list_options),
    .word_max = 1,
    .run = run_list,
};
static const struct command_option person_options[] = { PERSON_OPTION };
static const struct command rights_report = {
    .name = "report",
    .arguments = "--person -|@FILE",
    .summary = "write all that this gateway has about a person, as JSON",
    .text =
        "Consents, uses (what was asked, why, what left), requests, and what recipients were told: what a request for access or for a copy is answered with, beside "
        "what the organisation's own systems hold. `comity log uses --prove` proves that the uses are complete.",
    .options = person_options,
    .option_count = COUNT_OF(person_options),
    .run = run_report,
};
static const struct command rights_obligations = {
    .name = "obligations",
    .arguments = "[ID] [--person -|@FILE] [--open]",
    .summary = "list what recipients owe: data that have to go",
    .text =
        "After a consent's end, the end of the data's life, or a fulfilled request, each gateway that had data is told until it has signed for the notice, and must confirm "
        "before the deadline.",
    .examples = "comity rights obligations --open",
    .options = list_options,
    .option_count = COUNT_OF(list_options),
    .word_max = 1,
    .run = run_obligations,
};
static const struct command_option open_options[] = { { "open", NULL, "only those without a confirmation" } };
static const struct command rights_notices = {
    .name = "notices",
    .arguments = "[--open]",
    .summary = "list what holders told us to erase, correct or restrict",
    .text = "Erase the data of these exchanges from your systems, then 'comity rights confirm'.",
    .options = open_options,
    .option_count = COUNT_OF(open_options),
    .run = run_notices,
};
static const struct command_option confirm_options[] = {
    { "from", "ORIGIN", "whose notice: the holder's origin, as 'comity rights notices' shows it" },
    BY_OPTION,
    { "law", "TEXT", "the data are kept, because this law obliges to it" },
};
static const struct command rights_confirm = {
    .name = "confirm",
    .arguments = "ID --from ORIGIN --by NAME [--law TEXT]",
    .summary = "confirm that data are gone, or say which law keeps them",
    .text = "The confirmation is signed by this gateway's key, logged, and sent to the holder.",
    .options = confirm_options,
    .option_count = COUNT_OF(confirm_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_confirm,
};
static const struct command rights_register = {
    .name = "register",
    .arguments = "",
    .summary = "write the record of processing activities, as JSON",
    .text = "Made from the policy and the law in force: services, purposes, categories, bases, recipients, assessments, retention.",
    .run = run_register,
};
static const struct command_option assess_options[] = {
    { "service", "SERVICE", "COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE" },
    { "reference", "TEXT", "its reference, as the policy file names it" },
    { "author", "NAME", "who answers for it" },
    { "report", "TEXT|@FILE", "the report: purpose and method, effect and risk, protection" },
    { "made", "TIME", "when it was made; without it now" },
    { "until", "DURATION|TIME", "how long it is good, at most as the law says" },
};
static const struct command rights_assess = {
    .name = "assess",
    .arguments = "--service SERVICE --reference TEXT --author NAME --report TEXT|@FILE --until DURATION|TIME [--made TIME]",
    .summary = "keep the record of an impact assessment",
    .text = "It can't be changed or taken away any more.",
    .options = assess_options,
    .option_count = COUNT_OF(assess_options),
    .run = run_assess,
};
static const struct command_option service_options[] = { { "service", "SERVICE", "only of this service" } };
static const struct command rights_assessments = {
    .name = "assessments",
    .arguments = "[--service SERVICE]",
    .summary = "list impact assessments",
    .text = "Newest first.",
    .options = service_options,
    .option_count = COUNT_OF(service_options),
    .run = run_assessments,
};

static const struct command *const rights_parts[] = {
    &rights_receive, &rights_accept,      &rights_extend,  &rights_fulfil,  &rights_refuse,   &rights_cancel, &rights_list,
    &rights_report,  &rights_obligations, &rights_notices, &rights_confirm, &rights_register, &rights_assess, &rights_assessments,
};

const struct command command_rights = {
    .name = "rights",
    .arguments = "COMMAND ...",
    .summary = "requests of persons, what recipients owe, and registers",
    .text =
        "What persons may ask of the holder, with the clocks of the community's law; what recipients must erase after an end; and the registers that the law asks for. The "
        "running gateway answers.",
    .parts = rights_parts,
    .part_count = COUNT_OF(rights_parts),
};
