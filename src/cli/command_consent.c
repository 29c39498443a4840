#include <stdio.h>

#include "base/time.h"
#include "cli/question.h"
#include "cli/commands_internal.h"
#include "cli/output.h"
#include "cli/value.h"

enum { CATEGORIES_MAX = 64, LIST_BYTES_MAX = 64 * 1024 * 1024, TARGET_SIZE = 128 };

/* Puts the person of --person into the request. The buffer is wiped here; jansson's memory is wiped when it is freed (main.c). */
static bool put_person(const struct call *call, json_t *request, struct error *e)
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

/* Opens the folder, asks, and closes it again. */
static json_t *ask_in(const struct call *call, const struct question *question, const json_t *request, int *end)
{
    struct place place = { 0 };
    struct error e = { 0 };
    json_t *answer = NULL;
    if (!place_open(&place, call->folder, &e)) {
        *end = call_fail(call, &e);
    } else if (!question_ask(call, &place, question, request, &answer, end)) {
        answer = NULL;
    }
    place_close(&place);
    return answer;
}

/* ---- give and refuse ---- */

static bool put_categories(const struct call *call, json_t *request, struct error *e)
{
    const char *values[CATEGORIES_MAX];
    size_t count = call_values(call, "category", values, COUNT_OF(values));
    if (count > CATEGORIES_MAX) {
        return error_set(e, ERROR_INPUT, "--category", NULL, "more than %d", CATEGORIES_MAX);
    }
    json_t *list = json_object_get(request, "categories");
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_string(values[i])) != 0) {
            return error_set(e, ERROR_INPUT, "--category", NULL, "is not UTF-8");
        }
    }
    return true;
}

static bool put_until(const struct call *call, json_t *request, struct error *e)
{
    int64_t until_ms = 0;
    char text[TIME_TEXT_SIZE];
    const char *until = call_value(call, "until");
    if (until == NULL) {
        return true;
    }
    return until_parse(until, "--until", time_now_ms(), &until_ms, e) &&
           (json_object_set_new(request, "valid_until", json_string(time_text(until_ms, text))) == 0 || error_memory(e, "--until"));
}

static int decide(struct call *call, const char *decision, const char *done)
{
    static const struct question question = { "/v1/consents", operation_decide, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *answer = NULL;
    if (!call_is_given(call, "person") || !call_is_given(call, "recipient") || !call_is_given(call, "purpose") ||
        !call_is_given(call, "category")) {
        return call_misused(call, "--person, --recipient, --purpose and --category are needed");
    }
    json_t *request = json_pack("{s:s, s:s, s:s, s:[]}", "decision", decision, "recipient", call_value(call, "recipient"), "purpose",
                                call_value(call, "purpose"), "categories");
    if (request == NULL) {
        error_set(&e, ERROR_INPUT, "arguments", "write them in UTF-8", "can't be read");
        end = call_fail(call, &e);
        goto done;
    }
    if (!put_categories(call, request, &e) || !put_until(call, request, &e) || !put_person(call, request, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    answer = ask_in(call, &question, request, &end);
    if (answer == NULL) {
        goto done;
    }
    if (call->is_json) {
        end = output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    } else {
        end = printf("%s  %s, entry %lld of the log\n", json_string_value(json_object_get(answer, "id")), done,
                     json_integer_value(json_object_get(answer, "log_index"))) > 0
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    }
done:
    json_decref(request);
    json_decref(answer);
    return end;
}

static int run_give(struct call *call)
{
    return decide(call, "give", "given");
}

static int run_refuse(struct call *call)
{
    return decide(call, "refuse", "refused");
}

/* ---- withdraw ---- */

static int report_withdrawn(const struct call *call, json_t *answer)
{
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    const json_t *changed = json_object_get(answer, "changed");
    int written;
    if (json_is_integer(changed)) {
        written = printf("%lld withdrawn\n", json_integer_value(changed));
    } else if (json_is_true(changed)) {
        written = printf("withdrawn, entry %lld of the log\n", json_integer_value(json_object_get(answer, "log_index")));
    } else {
        written = printf("nothing to withdraw: it was withdrawn or over before\n");
    }
    return written > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int withdraw_all(struct call *call)
{
    static const struct question question = { "/v1/consents/withdraw-all", operation_withdraw_all, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *answer = NULL, *request = json_object();
    if (request == NULL || !put_person(call, request, &e)) {
        end = call_fail(call, &e);
    } else {
        answer = ask_in(call, &question, request, &end);
    }
    if (answer != NULL) {
        end = report_withdrawn(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* An id comes from us; anything else would only make a strange URL. */
static bool is_id(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && text[size] == '\0' && size < CONSENT_ID_SIZE;
}

static int run_withdraw(struct call *call)
{
    char target[TARGET_SIZE];
    int end = COMMAND_NOT_TRIED;
    bool is_all = call_is_given(call, "all");
    if (is_all != call_is_given(call, "person") || is_all == (call->word_count == 1) || (is_all && call_is_given(call, "category"))) {
        return call_misused(call, "name one consent by its ID, or all of a person by --person @FILE --all");
    }
    if (is_all) {
        return withdraw_all(call);
    }
    if (!is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    (void)snprintf(target, sizeof target, "/v1/consents/%s/withdraw", call->words[0]);
    const struct question question = { target, operation_withdraw, QUESTION_CHANGES };
    json_t *request = json_pack("{s:s, s:s*}", "id", call->words[0], "category", call_value(call, "category"));
    json_t *answer = ask_in(call, &question, request, &end);
    if (answer != NULL) {
        end = report_withdrawn(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- list and show ---- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "-" : text;
}

static int show_list(const struct call *call, json_t *answer)
{
    struct buffer out;
    const json_t *rows = json_object_get(answer, "consents");
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, LIST_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buffer_append_format(&out, "%s  %-9s  until %s  %s\n    to %s  for %s\n", text_of(row, "id"), text_of(row, "state"),
                             text_of(row, "valid_until"), text_of(row, "category"), text_of(row, "recipient"), text_of(row, "purpose"));
    }
    if (json_array_size(rows) == 0) {
        (void)fprintf(stderr, "%s: there is none\n", call->name);
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_list(struct call *call)
{
    static const struct question question = { "/v1/consents/list", operation_list, QUESTION_LOOKS };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *answer = NULL, *request = json_object();
    if (request == NULL || (call_is_given(call, "person") && !put_person(call, request, &e))) {
        end = call_fail(call, &e);
    } else {
        answer = ask_in(call, &question, request, &end);
    }
    if (answer != NULL) {
        end = show_list(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

static int show_one(const struct call *call, json_t *answer)
{
    const json_t *rows = json_object_get(answer, "consents"), *first = json_array_get(rows, 0);
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    struct buffer out;
    buffer_init(&out, LIST_BYTES_MAX);
    buffer_append_format(&out, "id          %s\nperson      %s\nrecipient   %s\npurpose     %s\nvalid       %s to %s\n",
                         text_of(first, "id"), text_of(first, "person"), text_of(first, "recipient"), text_of(first, "purpose"),
                         text_of(first, "valid_from"), text_of(first, "valid_until"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buffer_append_format(&out, "  %-9s %s  (since %s)\n", text_of(row, "state"), text_of(row, "category"), text_of(row, "changed_at"));
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_show(struct call *call)
{
    static const struct question question = { "/v1/consents/list", operation_list, QUESTION_LOOKS };
    int end = COMMAND_NOT_TRIED;
    if (!is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    json_t *request = json_pack("{s:s}", "id", call->words[0]);
    json_t *answer = ask_in(call, &question, request, &end);
    if (answer != NULL) {
        end = show_one(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- Tables ---- */

#define PERSON_OPTION                                                                                                                      \
    {                                                                                                                                      \
        "person", "-|@FILE", "the person's identifier, from standard input or a file; never on the command line"                           \
    }

static const struct command_option decide_options[] = {
    PERSON_OPTION,
    { "recipient", "MEMBER", "who may get it: COMMUNITY/CLASS/MEMBER" },
    { "purpose", "IRI", "what for: a full IRI, or short as dpv:MedicalHealth" },
    { "category", "IRI", "which kind of information: a full IRI, or short as pd:Vaccination; may be given again" },
    { "until", "DURATION|TIME", "how long it holds; without it 365d" },
};

static const struct command consent_give_command = {
    .name = "give",
    .arguments = "--person -|@FILE --recipient MEMBER --purpose IRI --category IRI... [--until DURATION|TIME]",
    .summary = "write down that a person consents",
    .text =
        "Keeps the person's consent and logs it; when it returns, it is durable and in force. Writes the id of the record.\n"
        "The person's identifier is read from a file or standard input, because everybody on a machine can read what stands on a command "
        "line.",
    .examples = "comity consent give --person @person.txt --recipient BAOBAB/GOV/CLINIC --purpose dpv:MedicalHealth \\\n"
                "  --category pd:Vaccination --until 90d",
    .options = decide_options,
    .option_count = COUNT_OF(decide_options),
    .run = run_give,
};

static const struct command consent_refuse_command = {
    .name = "refuse",
    .arguments = "--person -|@FILE --recipient MEMBER --purpose IRI --category IRI... [--until DURATION|TIME]",
    .summary = "write down that a person refuses",
    .text = "Like give, for a refusal: it overrides earlier consents to the same recipient, purpose and category.",
    .options = decide_options,
    .option_count = COUNT_OF(decide_options),
    .run = run_refuse,
};

static const struct command_option withdraw_options[] = {
    { "category", "IRI", "only this category of the consent" },
    PERSON_OPTION,
    { "all", NULL, "with --person: every consent of the person" },
};

static const struct command consent_withdraw_command = {
    .name = "withdraw",
    .arguments = "ID [--category IRI] | --person -|@FILE --all",
    .summary = "withdraw a consent, or all of a person",
    .text = "Once it returns, nothing more is released on that consent, on this gateway, and none stands behind the withdrawal in the log. "
            "Withdrawing again is no error.",
    .examples = "comity consent withdraw c-0123456789abcdef0123456789abcdef\n"
                "comity consent withdraw --person @person.txt --all",
    .options = withdraw_options,
    .option_count = COUNT_OF(withdraw_options),
    .word_max = 1,
    .run = run_withdraw,
};

static const struct command_option list_options[] = { PERSON_OPTION };

static const struct command consent_list_command = {
    .name = "list",
    .arguments = "[--person -|@FILE]",
    .summary = "list consents, of one person or all",
    .text = "One row a category, the newest record first.",
    .options = list_options,
    .option_count = COUNT_OF(list_options),
    .run = run_list,
};

static const struct command consent_show_command = {
    .name = "show",
    .arguments = "ID",
    .summary = "show one consent",
    .text = "Shows whom it is about, who may get what for which purpose, and the state of each category.",
    .word_min = 1,
    .word_max = 1,
    .run = run_show,
};

static const struct command *const consent_parts[] = {
    &consent_give_command, &consent_refuse_command, &consent_withdraw_command, &consent_list_command, &consent_show_command,
};

const struct command command_consent = {
    .name = "consent",
    .arguments = "give|refuse|withdraw|list|show ...",
    .summary = "give, refuse, withdraw, list and show persons' consents",
    .text = "Works through the running gateway of the folder (its control socket), or directly on the folder when none runs.",
    .parts = consent_parts,
    .part_count = COUNT_OF(consent_parts),
};
