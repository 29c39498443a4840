#include <stdio.h>

#include "cli/asking.h"
#include "cli/commands_internal.h"
#include "cli/output.h"

/* ---- show ---- */

static int show(const struct call *call, json_t *answer)
{
    struct buffer out;
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    const json_t *list = json_object_get(answer, "representatives");
    buffer_init(&out, 16 * 1024 * 1024);
    buffer_append_format(&out, "born        %s\nstate       %s%s%s\n", asking_text(answer, "born"),
                         json_is_true(json_object_get(answer, "died")) ? "died" : "alive",
                         json_is_true(json_object_get(answer, "paused")) ? ", paused" : "",
                         json_is_true(json_object_get(answer, "restricted")) ? ", restricted" : "");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        buffer_append_format(&out, "%-11s %s  %s, %s  %s until %s\n", asking_text(row, "role"), asking_text(row, "id"),
                             asking_text(row, "relation"), json_is_true(json_object_get(row, "now")) ? "now" : "not now",
                             asking_text(row, "from"), asking_text(row, "until"));
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* A request with the person in it; on failure NULL, and it has been said. */
static json_t *person_request(const struct call *call, int *end)
{
    struct error e = { 0 };
    json_t *request = json_object();
    if (!call_is_given(call, "person")) {
        json_decref(request);
        *end = call_misused(call, "--person -|@FILE is needed");
        return NULL;
    }
    if (request == NULL || !asking_put_secret(call, "person", "person", request, &e) || !asking_put_act(call, request, &e)) {
        *end = asking_fail(call, request, &e);
        return NULL;
    }
    return request;
}

static int run_show(struct call *call)
{
    static const struct question question = { "/v1/persons/show", operation_person, QUESTION_LOOKS };
    int end = COMMAND_NOT_TRIED;
    json_t *request = person_request(call, &end);
    json_t *answer = request != NULL ? asking_ask(call, &question, request, &end) : NULL;
    if (answer != NULL) {
        end = show(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- set, died, alive, pause, resume, restrict, unrestrict ---- */

static int run_set(struct call *call)
{
    static const struct question question = { "/v1/persons/born", operation_person_born, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    const char *born = call_value(call, "born");
    if (born == NULL) {
        return call_misused(call, "--born DATE is needed");
    }
    json_t *request = person_request(call, &end);
    if (request == NULL) {
        return end;
    }
    bool is_unknown = strcmp(born, "unknown") == 0;
    if (json_object_set_new(request, "born", is_unknown ? json_null() : json_string(born)) != 0) {
        return asking_fail(call, request, &(struct error){ .kind = ERROR_INPUT, .where = "--born", .what = "can't be read" });
    }
    return asking_change(call, &question, request, "written down", "nothing to change: it is so already");
}

static int mark(struct call *call, const char *event, const char *done)
{
    static const struct question question = { "/v1/persons/marks", operation_person_mark, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    json_t *request = person_request(call, &end);
    if (request == NULL) {
        return end;
    }
    if (json_object_set_new(request, "event", json_string(event)) != 0) {
        return asking_fail(call, request, &(struct error){ .kind = ERROR_MEMORY, .where = "request", .what = "memory is out" });
    }
    return asking_change(call, &question, request, done, "nothing to change: it is so already");
}

static int run_died(struct call *call)
{
    return mark(call, "died", "written down: every consent has ended");
}

static int run_alive(struct call *call)
{
    return mark(call, "alive", "written down: consents that have ended stay ended");
}

static int run_pause(struct call *call)
{
    return mark(call, "pause", "paused");
}

static int run_resume(struct call *call)
{
    return mark(call, "resume", "resumed");
}

static int run_restrict(struct call *call)
{
    return mark(call, "restrict", "restricted");
}

static int run_unrestrict(struct call *call)
{
    return mark(call, "unrestrict", "restricted no longer");
}

/* ---- guardian and delegate ---- */

static int add(struct call *call, const char *role)
{
    static const struct question question = { "/v1/persons/representatives", operation_representative_add, QUESTION_CHANGES };
    struct error e = { 0 };
    int end = COMMAND_NOT_TRIED;
    if (!call_is_given(call, "ref") || !call_is_given(call, "relation") || !call_is_given(call, "relation-evidence") ||
        !call_is_given(call, "proof")) {
        return call_misused(call, "--ref, --relation, --relation-evidence and --proof are needed");
    }
    json_t *request = person_request(call, &end);
    if (request == NULL) {
        return end;
    }
    if (json_object_set_new(request, "role", json_string(role)) != 0 || !asking_put_secret(call, "ref", "ref", request, &e) ||
        !asking_put_text(call, "relation", "relation", request, &e) ||
        !asking_put_digest(call, "relation-evidence", "relation_evidence", request, &e) ||
        !asking_put_digest(call, "proof", "proof", request, &e) || !asking_put_until(call, "until", "until", request, &e)) {
        return asking_fail(call, request, &e);
    }
    return asking_change(call, &question, request, "registered", "nothing has changed");
}

static int end_one(struct call *call)
{
    static const struct question question = { "/v1/persons/representatives/end", operation_representative_end, QUESTION_CHANGES };
    struct error e = { 0 };
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of who answers for somebody", call->words[0]);
    }
    json_t *request = json_pack("{s:s}", "id", call->words[0]);
    if (request == NULL || !asking_put_act(call, request, &e)) {
        return asking_fail(call, request, &e);
    }
    return asking_change(call, &question, request, "ended", "nothing to end: it had ended before");
}

static int run_guardian_add(struct call *call)
{
    return add(call, "guardian");
}

static int run_delegate_add(struct call *call)
{
    return add(call, "delegate");
}

static int run_relative_add(struct call *call)
{
    return add(call, "relative");
}

/* ---- Tables ---- */

static const struct command_option show_options[] = { ASKING_PERSON_OPTION };
static const struct command_option mark_options[] = { ASKING_PERSON_OPTION, ASKING_ACT_OPTIONS };
static const struct command_option set_options[] = {
    ASKING_PERSON_OPTION,
    { "born", "DATE|unknown", "the day of birth, as 1980-03-01" },
    ASKING_ACT_OPTIONS,
};
static const struct command_option add_options[] = {
    ASKING_PERSON_OPTION,
    { "ref", "-|@FILE", "your own name of who answers for the person, from standard input or a file" },
    { "relation", "TEXT", "what they are to the person: mother, court-appointed" },
    { "relation-evidence", "SHA256|@FILE", "what shows the relation: a digest, or a file whose digest is taken" },
    { "proof", "SHA256|@FILE", "what shows who they are" },
    { "until", "DURATION|TIME", "until when; without it there is no end" },
    ASKING_ACT_OPTIONS,
};
static const struct command_option end_options[] = { ASKING_ACT_OPTIONS };

static const struct command show_command = {
    .name = "show",
    .arguments = "--person -|@FILE",
    .summary = "show what is known of a person, and who answers for them",
    .text =
        "The day of birth, whether the person has died, has paused every use or has it restricted, and guardians, delegates and relatives.",
    .options = show_options,
    .option_count = COUNT_OF(show_options),
    .run = run_show,
};

static const struct command set_command = {
    .name = "set",
    .arguments = "--person -|@FILE --born DATE|unknown",
    .summary = "write down when a person was born",
    .text = "By it the law says who is a minor, and so who consents. It is set by an authority or the system, from a document.",
    .examples = "comity person set --person @person.txt --born 1980-03-01",
    .options = set_options,
    .option_count = COUNT_OF(set_options),
    .run = run_set,
};

static const struct command died_command = {
    .name = "died",
    .arguments = "--person -|@FILE",
    .summary = "write down that a person has died",
    .text = "Once it returns, every consent of the person has ended, and nobody gives one any more.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_died,
};

static const struct command alive_command = {
    .name = "alive",
    .arguments = "--person -|@FILE",
    .summary = "take back that a person has died",
    .text = "For an error. Consents that have ended stay ended; the person may give new ones.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_alive,
};

static const struct command pause_command = {
    .name = "pause",
    .arguments = "--person -|@FILE",
    .summary = "let nothing be used that rests on a person's consents, for now",
    .text = "Once it returns, nothing more is released on any consent of the person, until 'comity person resume'.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_pause,
};

static const struct command resume_command = {
    .name = "resume",
    .arguments = "--person -|@FILE",
    .summary = "end the pause of a person",
    .text = "Consents that are given are in force again.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_resume,
};

static const struct command restrict_command = {
    .name = "restrict",
    .arguments = "--person -|@FILE",
    .summary = "restrict the processing of a person's data",
    .text = "A person's right (PIPL 44, GDPR 18), or an authority's order. Once it returns, it holds for every release.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_restrict,
};

static const struct command unrestrict_command = {
    .name = "unrestrict",
    .arguments = "--person -|@FILE",
    .summary = "end the restriction",
    .text = "The opposite of restrict.",
    .options = mark_options,
    .option_count = COUNT_OF(mark_options),
    .run = run_unrestrict,
};

#define ADD_ARGUMENTS                                                                                                                      \
    "--person -|@FILE --ref @FILE --relation TEXT --relation-evidence SHA256|@FILE --proof SHA256|@FILE [--until DURATION|TIME]"

static const struct command guardian_add_command = {
    .name = "add",
    .arguments = ADD_ARGUMENTS,
    .summary = "register a minor's guardian",
    .text =
        "A guardian decides for a minor, with the own proof of who they are and of the relation. Writes the id under which it is registered.",
    .examples = "comity person guardian add --person @child.txt --ref @mother.txt --relation mother \\\n"
                "  --relation-evidence @birth-certificate.pdf --proof @passport.pdf --until 2038-03-01",
    .options = add_options,
    .option_count = COUNT_OF(add_options),
    .run = run_guardian_add,
};

static const struct command delegate_add_command = {
    .name = "add",
    .arguments = ADD_ARGUMENTS,
    .summary = "register who acts for a person who cannot, or who asked for it",
    .text = "A delegate decides for a person who is of age. Writes the id under which it is registered.",
    .options = add_options,
    .option_count = COUNT_OF(add_options),
    .run = run_delegate_add,
};

static const struct command relative_add_command = {
    .name = "add",
    .arguments = ADD_ARGUMENTS,
    .summary = "register a near relative",
    .text =
        "A relative tells of a death, and has rights of the dead where the law says so (PIPL 49). Writes the id under which it is registered.",
    .options = add_options,
    .option_count = COUNT_OF(add_options),
    .run = run_relative_add,
};

static const struct command end_command = {
    .name = "end",
    .arguments = "ID",
    .summary = "end it: they answer for the person no longer",
    .text = "What was decided in their time stays as it is.",
    .options = end_options,
    .option_count = COUNT_OF(end_options),
    .word_min = 1,
    .word_max = 1,
    .run = end_one,
};

static const struct command *const guardian_parts[] = { &guardian_add_command, &end_command };
static const struct command *const delegate_parts[] = { &delegate_add_command, &end_command };
static const struct command *const relative_parts[] = { &relative_add_command, &end_command };

static const struct command guardian_command = {
    .name = "guardian",
    .arguments = "add|end ...",
    .summary = "register and end a minor's guardians",
    .text = "Who decides for a person under the law's age.",
    .parts = guardian_parts,
    .part_count = COUNT_OF(guardian_parts),
};

static const struct command delegate_command = {
    .name = "delegate",
    .arguments = "add|end ...",
    .summary = "register and end a person's delegates",
    .text = "Who decides for a person who is of age.",
    .parts = delegate_parts,
    .part_count = COUNT_OF(delegate_parts),
};

static const struct command relative_command = {
    .name = "relative",
    .arguments = "add|end ...",
    .summary = "register and end near relatives",
    .text = "Who may act for a person who has died.",
    .parts = relative_parts,
    .part_count = COUNT_OF(relative_parts),
};

static const struct command *const person_parts[] = {
    &show_command,     &set_command,        &died_command,     &alive_command,    &pause_command,    &resume_command,
    &restrict_command, &unrestrict_command, &guardian_command, &delegate_command, &relative_command,
};

const struct command command_person = {
    .name = "person",
    .arguments = "show|set|died|alive|pause|resume|restrict|unrestrict|guardian|delegate|relative ...",
    .summary = "what is known of a person, and who answers for them",
    .text =
        "Works through the running gateway of the folder (its control socket), or directly on the folder when none runs. Identifiers come from "
        "standard input or files, because everybody on a machine can read what stands on a command line.",
    .parts = person_parts,
    .part_count = COUNT_OF(person_parts),
};
