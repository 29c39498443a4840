#include <stdio.h>

#include "cli/asking.h"
#include "cli/command_consent_internal.h"
#include "cli/commands_internal.h"
#include "cli/output.h"

enum { LIST_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- give and refuse ---- */

static int decide(struct call *call, const char *decision, const char *done)
{
    static const struct question question = { "/v1/consents", operation_decide, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *answer = NULL;
    if (call_is_given(call, "notice") || call_is_given(call, "id")) {
        return consent_answer_notice(call, decision);
    }
    if (!call_is_given(call, "person") || !call_is_given(call, "recipient") || !call_is_given(call, "purpose") ||
        !call_is_given(call, "category")) {
        return call_misused(call, "--notice and --person, or --id of a record that asks, are needed");
    }
    json_t *request = json_pack("{s:s, s:s, s:s}", "decision", decision, "recipient", call_value(call, "recipient"), "purpose",
                                call_value(call, "purpose"));
    if (request == NULL) {
        error_set(&e, ERROR_INPUT, "arguments", "write them in UTF-8", "can't be read");
        end = call_fail(call, &e);
        goto done;
    }
    if (!asking_put_list(call, "category", "categories", request, &e) || !asking_put_until(call, "until", "valid_until", request, &e) ||
        !asking_put_secret(call, "person", "person", request, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    answer = asking_ask(call, &question, request, &end);
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
    if (strcmp(decision, "give") == 0) {
        (void)fprintf(stderr,
                      "%s: without a notice it permits nothing: publish one (comity notice publish), and give the consent with --notice\n",
                      call->name);
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
    const json_t *changed = json_object_get(answer, "changed"), *records = json_object_get(answer, "records");
    int written;
    if (json_is_null(json_object_get(answer, "id"))) {
        written = printf("%lld withdrawn\n", json_integer_value(records));
    } else if (json_is_true(changed)) {
        written = printf("withdrawn, entry %lld of the log\n", json_integer_value(json_object_get(answer, "log_index")));
    } else {
        written = printf("nothing to withdraw: it was withdrawn or over before\n");
    }
    return written > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int withdraw_all(struct call *call)
{
    static const struct question question = { "/v1/consents/withdrawals", operation_withdraw_where, QUESTION_CHANGES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    json_t *answer = NULL, *request = json_object();
    if (request == NULL || !asking_put_secret(call, "person", "person", request, &e) ||
        !asking_put_text(call, "recipient", "recipient", request, &e) || !asking_put_text(call, "purpose", "purpose", request, &e) ||
        !asking_put_text(call, "category", "category", request, &e) || !asking_put_act(call, request, &e)) {
        end = call_fail(call, &e);
    } else {
        answer = asking_ask(call, &question, request, &end);
    }
    if (answer != NULL) {
        end = report_withdrawn(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

static int run_withdraw(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    bool is_all = call_is_given(call, "all");
    is_all = is_all || call_is_given(call, "recipient") || call_is_given(call, "purpose");
    if (is_all != call_is_given(call, "person") || is_all == (call->word_count == 1)) {
        return call_misused(call, "name one consent by its ID, or all of a person by --person @FILE --all");
    }
    if (is_all) {
        return withdraw_all(call);
    }
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    static const struct question question = { "/v1/consents/changes", operation_change, QUESTION_CHANGES };
    struct error e = { 0 };
    json_t *request = json_pack("{s:s, s:s, s:s*}", "id", call->words[0], "event", "withdraw", "category", call_value(call, "category"));
    if (request == NULL || !asking_put_act(call, request, &e)) {
        return asking_fail(call, request, &e);
    }
    json_t *answer = asking_ask(call, &question, request, &end);
    if (answer != NULL) {
        end = report_withdrawn(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- list and show ---- */

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
        buffer_append_format(&out, "%s  %-9s  until %s  %s\n    to %s  for %s\n", asking_text(row, "id"), asking_text(row, "state"),
                             asking_text(row, "valid_until"), asking_text(row, "category"), asking_text(row, "recipient"),
                             asking_text(row, "purpose"));
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
    if (request == NULL || (call_is_given(call, "person") && !asking_put_secret(call, "person", "person", request, &e))) {
        end = call_fail(call, &e);
    } else {
        answer = asking_ask(call, &question, request, &end);
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
                         asking_text(first, "id"), asking_text(first, "person"), asking_text(first, "recipient"),
                         asking_text(first, "purpose"), asking_text(first, "valid_from"), asking_text(first, "valid_until"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buffer_append_format(&out, "  %-9s %s  (since %s)\n", asking_text(row, "state"), asking_text(row, "category"),
                             asking_text(row, "changed_at"));
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_show(struct call *call)
{
    static const struct question question = { "/v1/consents/list", operation_list, QUESTION_LOOKS };
    int end = COMMAND_NOT_TRIED;
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    json_t *request = json_pack("{s:s}", "id", call->words[0]);
    json_t *answer = asking_ask(call, &question, request, &end);
    if (answer != NULL) {
        end = show_one(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- Tables ---- */

static const struct command_option decide_options[] = {
    ASKING_PERSON_OPTION,
    { "notice", "ID", "which notice was shown; recipient, purpose, categories and limits are what it says" },
    { "id", "ID", "instead of person and notice: the record that asks" },
    { "sha256", "DIGEST", "the revision that was shown; without it the current one" },
    { "category", "IRI", "only this category of the notice; may be given again; the other optional ones are refused" },
    { "separate", "WORD",
      "an act that the person did by itself: sensitive, provide, border, publish, publicplace, minor; may be given again" },
    { "limit", "NAME=VALUE", "narrower than the notice: mode, fetch, max, per, total, data_from, data_until, recipient_life, erase_at" },
    { "until", "DURATION|TIME", "how long it holds; without it as long as notice and law allow" },
    ASKING_ACT_OPTIONS,
    { "recipient", "MEMBER", "without a notice: who may get it, COMMUNITY/CLASS/MEMBER" },
    { "purpose", "IRI", "without a notice: what for" },
};

static const struct command consent_give_command = {
    .name = "give",
    .arguments = "--person -|@FILE --notice ID | --id ID [--category IRI...] [--separate WORD...] [--limit NAME=VALUE...]",
    .summary = "write down that a person consents",
    .text =
        "Keeps the person's consent to a notice and logs it; when it returns, it is durable and in force. Writes the id of the record.\n"
        "The notice says who gets what for which purpose, and within which limits; the person may give less of it, never more. Each act that "
        "the law wants separately must be named. Who may decide for whom is the law's: a guardian for a minor, with --by guardian --by-ref.\n"
        "The person's identifier is read from a file or standard input, because everybody on a machine can read what stands on a command "
        "line.",
    .examples = "comity consent give --person @person.txt --notice n-blood --separate sensitive --separate provide \\\n"
                "  --language en --method portal\n"
                "comity consent give --person @child.txt --notice n-blood --by guardian --by-ref @mother.txt --separate minor",
    .options = decide_options,
    .option_count = COUNT_OF(decide_options),
    .run = run_give,
};

static const struct command consent_refuse_command = {
    .name = "refuse",
    .arguments = "--person -|@FILE --notice ID | --id ID",
    .summary = "write down that a person refuses",
    .text =
        "Like give, for a refusal of everything: it overrides earlier consents to the same recipient and purpose. The same recipient may not "
        "ask again for the time that the law sets.",
    .options = decide_options,
    .option_count = COUNT_OF(decide_options),
    .run = run_refuse,
};

static const struct command_option withdraw_options[] = {
    { "category", "IRI", "only this category" },
    ASKING_PERSON_OPTION,
    { "all", NULL, "with --person: every consent of the person" },
    { "recipient", "MEMBER", "with --person: every consent to this recipient" },
    { "purpose", "IRI", "with --person: every consent for this purpose" },
    ASKING_ACT_OPTIONS,
};

static const struct command consent_withdraw_command = {
    .name = "withdraw",
    .arguments = "ID [--category IRI] | --person -|@FILE --all|--recipient MEMBER|--purpose IRI",
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

static const struct command_option list_options[] = { ASKING_PERSON_OPTION };

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
    &consent_request_command, &consent_give_command,     &consent_refuse_command, &consent_defer_command, &consent_pause_command,
    &consent_resume_command,  &consent_withdraw_command, &consent_revoke_command, &consent_list_command,  &consent_show_command,
    &consent_history_command, &consent_export_command,   &consent_import_command, &consent_proof_command,
};

const struct command command_consent = {
    .name = "consent",
    .arguments = "request|give|refuse|defer|pause|resume|withdraw|revoke|list|show|history|export|import|proof ...",
    .summary = "ask for, give, refuse, pause, withdraw, list and show persons' consents",
    .text = "Works through the running gateway of the folder (its control socket), or directly on the folder when none runs.",
    .parts = consent_parts,
    .part_count = COUNT_OF(consent_parts),
};
