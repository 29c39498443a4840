/* comity consent, as far as it is about notices and what becomes of a record. */
#include <stdio.h>

#include "cli/asking.h"
#include "cli/command_consent_internal.h"
#include "cli/output.h"

enum { LIMITS_MAX = 16, NAME_SIZE = 32, HISTORY_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- request, give and refuse ---- */

/* --limit NAME=VALUE, numbers as numbers. */
static bool put_limits(const struct call *call, json_t *request, struct error *e)
{
    const char *values[LIMITS_MAX];
    size_t count = call_values(call, "limit", values, COUNT_OF(values));
    json_t *limits = count > 0 ? json_object() : NULL;
    for (size_t i = 0; i < count && i < LIMITS_MAX; i++) {
        struct bytes rest = bytes_of_text(values[i]), name;
        char key[NAME_SIZE];
        uint64_t number;
        bool is_split = bytes_split(&rest, '=', &name) && name.size > 0 && name.size < sizeof key && rest.size > 0;
        if (is_split) {
            memcpy(key, name.data, name.size);
            key[name.size] = '\0';
        }
        bool is_number = is_split && bytes_to_u64(rest, &number) && number <= INT64_MAX;
        json_t *value = is_number ? json_integer((json_int_t)number) : json_stringn((const char *)rest.data, rest.size);
        if (!is_split || json_object_set_new(limits, key, value) != 0) {
            json_decref(limits);
            return error_set(e, ERROR_INPUT, "--limit", "write it as max=1 or recipient_life=P7D", "number %zu can't be read", i + 1);
        }
    }
    return limits == NULL || json_object_set_new(request, "limits", limits) == 0 || error_memory(e, "--limit");
}

int consent_answer_notice(struct call *call, const char *decision)
{
    static const struct question question = { "/v1/consents/answers", operation_answer, QUESTION_CHANGES };
    struct error e = { 0 };
    bool has_id = call_is_given(call, "id");
    if (has_id == call_is_given(call, "person") || has_id == call_is_given(call, "notice")) {
        return call_misused(call, "name the person and the notice, or by --id a record that asks");
    }
    if (call_is_given(call, "recipient") || call_is_given(call, "purpose")) {
        return call_misused(call, "recipient and purpose are the notice's");
    }
    json_t *request = json_pack("{s:s}", "decision", decision);
    if (request == NULL || (!has_id && !asking_put_secret(call, "person", "person", request, &e)) ||
        !asking_put_text(call, "notice", "notice", request, &e) || !asking_put_text(call, "id", "id", request, &e) ||
        !asking_put_text(call, "sha256", "sha256", request, &e) || !asking_put_list(call, "category", "categories", request, &e) ||
        !asking_put_list(call, "separate", "separate", request, &e) || !put_limits(call, request, &e) ||
        !asking_put_until(call, "until", "valid_until", request, &e) || !asking_put_act(call, request, &e)) {
        return asking_fail(call, request, &e);
    }
    return asking_change(call, &question, request, strcmp(decision, "give") == 0 ? "given" : "refused", "nothing has changed");
}

static int run_request(struct call *call)
{
    static const struct question question = { "/v1/consents/requests", operation_request, QUESTION_CHANGES };
    struct error e = { 0 };
    if (!call_is_given(call, "person") || !call_is_given(call, "notice")) {
        return call_misused(call, "--person and --notice are needed");
    }
    json_t *request = json_object();
    if (request == NULL || !asking_put_secret(call, "person", "person", request, &e) ||
        !asking_put_text(call, "notice", "notice", request, &e) || !asking_put_until(call, "until", "until", request, &e) ||
        !asking_put_act(call, request, &e)) {
        return asking_fail(call, request, &e);
    }
    return asking_change(call, &question, request, "asked", "nothing has changed");
}

/* ---- defer, pause, resume, revoke ---- */

static int change(struct call *call, const char *event, const char *by, const char *done)
{
    static const struct question question = { "/v1/consents/changes", operation_change, QUESTION_CHANGES };
    struct error e = { 0 };
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    json_t *request = json_pack("{s:s, s:s, s:s}", "id", call->words[0], "event", event, "by", by);
    if (request == NULL || !asking_put_text(call, "category", "category", request, &e) || !asking_put_act(call, request, &e)) {
        return asking_fail(call, request, &e);
    }
    return asking_change(call, &question, request, done, "nothing has changed");
}

static int run_defer(struct call *call)
{
    return change(call, "defer", "person", "deferred");
}

static int run_pause(struct call *call)
{
    return change(call, "pause", "person", "paused");
}

static int run_resume(struct call *call)
{
    return change(call, "resume", "person", "resumed");
}

static int run_revoke(struct call *call)
{
    return change(call, "revoke", "system", "revoked");
}

/* ---- history ---- */

static int show_history(const struct call *call, json_t *answer)
{
    struct buffer out;
    const json_t *events = json_object_get(answer, "events");
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    buffer_init(&out, HISTORY_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i), *categories = json_object_get(event, "categories");
        const json_t *index = json_object_get(event, "log_index");
        buffer_append_format(&out, "%-10s by %s, entry %lld of the log\n", asking_text(event, "event"), asking_text(event, "by"),
                             json_is_integer(index) ? json_integer_value(index) : -1);
        for (size_t j = 0; j < json_array_size(categories); j++) {
            buffer_append_format(&out, "    %s\n", json_string_value(json_array_get(categories, j)));
        }
    }
    bool ok = output_buffer(&out);
    buffer_wipe(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_history(struct call *call)
{
    static const struct question question = { "/v1/consents/history", operation_history, QUESTION_LOOKS };
    int end = COMMAND_NOT_TRIED;
    if (!asking_is_id(call->words[0])) {
        return call_misused(call, "'%.60s' is no id of a consent", call->words[0]);
    }
    json_t *request = json_pack("{s:s}", "id", call->words[0]);
    json_t *answer = request != NULL ? asking_ask(call, &question, request, &end) : NULL;
    if (answer != NULL) {
        end = show_history(call, answer);
    }
    json_decref(answer);
    json_decref(request);
    return end;
}

/* ---- Tables ---- */

static const struct command_option request_options[] = {
    ASKING_PERSON_OPTION,
    { "notice", "ID", "which notice is shown" },
    { "until", "DURATION|TIME", "until when it may be answered; without it 30d" },
    ASKING_ACT_OPTIONS,
};
static const struct command_option change_options[] = {
    { "category", "IRI", "only this category" },
    ASKING_ACT_OPTIONS,
};

const struct command consent_request_command = {
    .name = "request",
    .arguments = "--person -|@FILE --notice ID [--until DURATION|TIME]",
    .summary = "ask a person to decide on a notice",
    .text =
        "Makes a record that waits for an answer (give, refuse or defer, by --id). Asking permits nothing. Whoever refused a short while ago "
        "is not asked again: how long, the law says.",
    .options = request_options,
    .option_count = COUNT_OF(request_options),
    .run = run_request,
};

const struct command consent_defer_command = {
    .name = "defer",
    .arguments = "ID",
    .summary = "write down that a person wants to decide later",
    .text = "The record goes on waiting, until its time is over.",
    .options = change_options,
    .option_count = COUNT_OF(change_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_defer,
};

const struct command consent_pause_command = {
    .name = "pause",
    .arguments = "ID [--category IRI]",
    .summary = "pause a consent",
    .text = "Once it returns, nothing more is released on it, until the person resumes it.",
    .options = change_options,
    .option_count = COUNT_OF(change_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_pause,
};

const struct command consent_resume_command = {
    .name = "resume",
    .arguments = "ID [--category IRI]",
    .summary = "let a paused consent hold again",
    .text = "Only the person does that, or who answers for the person.",
    .options = change_options,
    .option_count = COUNT_OF(change_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_resume,
};

const struct command consent_revoke_command = {
    .name = "revoke",
    .arguments = "ID [--category IRI]",
    .summary = "end a consent, not by the person",
    .text = "By the holder, or with --by authority by an authority. Once it returns, nothing more is released on it. It is final.",
    .options = change_options,
    .option_count = COUNT_OF(change_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_revoke,
};

const struct command consent_history_command = {
    .name = "history",
    .arguments = "ID",
    .summary = "show what became of a consent, event by event",
    .text = "Each event with who did it and where it stands in the log: 'comity log receipt ENTRY' writes the receipt.",
    .word_min = 1,
    .word_max = 1,
    .run = run_history,
};
