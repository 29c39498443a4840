/* comity policy holds, release-hold, reviews, review: what the policy's guards leave for somebody to look at. The running gateway answers. */
#include "cli/command_rights_internal.h"
#include "cli/commands_internal.h"

static int ask_list(struct call *call, const char *target, const char *name, rights_row *row)
{
    int end = COMMAND_NOT_TRIED;
    json_t *request = json_object();
    static const char *const filters[] = { "open", "untold" };
    for (size_t i = 0; i < COUNT_OF(filters) && request != NULL; i++) {
        if (call_is_given(call, filters[i]) && json_object_set_new(request, filters[i], json_true()) != 0) {
            json_decref(request);
            request = NULL;
        }
    }
    json_t *answer = rights_ask(call, target, request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_tell(call, answer, row, name);
}

static int act(struct call *call, const char *target, json_t *request, const char *const *options, size_t count, const char *done)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (!call_is_given(call, options[i])) {
            json_decref(request);
            return call_misused(call, "all its options are needed");
        }
    }
    if (request != NULL && !rights_put_options(call, request, options, count, &e)) {
        json_decref(request);
        return call_fail(call, &e);
    }
    json_t *answer = rights_ask(call, target, request, &end);
    json_decref(request);
    return answer == NULL ? end : rights_done(call, answer, done);
}

/* ---- Holds ---- */

static void write_hold(const json_t *row, struct buffer *out)
{
    const json_t *asked = json_object_get(row, "asked");
    buffer_append_format(out, "%s  at %s\n    held since %s", rights_text(row, "consumer"), rights_text(row, "service"),
                         rights_text(row, "since"));
    if (json_is_integer(asked)) {
        buffer_append_format(out, ", after it had asked about %lld persons", json_integer_value(asked));
    }
    buffer_append_text(out, "\n");
}

static int run_holds(struct call *call)
{
    return ask_list(call, "/v1/policy/holds/list", "holds", write_hold);
}

const struct command command_policy_holds = {
    .name = "holds",
    .arguments = "",
    .summary = "list consumers that are held, because they asked about too many persons",
    .text =
        "A consumer that went over the limit of a service's `harvest` is refused at that service until somebody has looked, over restarts.",
    .run = run_holds,
};

static int run_release_hold(struct call *call)
{
    static const char *const options[] = { "consumer", "service", "by", "reason" };
    return act(call, "/v1/policy/holds/release", json_object(), options, COUNT_OF(options), "released");
}

static const struct command_option release_options[] = {
    { "consumer", "MEMBER", "who is held: COMMUNITY/CLASS/MEMBER" },
    { "service", "SERVICE", "where: COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE" },
    { "by", "NAME", "who decided: a name or an office; it is logged" },
    { "reason", "TEXT", "why it may go on; it is logged in clear, so name no person" },
};
const struct command command_policy_release_hold = {
    .name = "release-hold",
    .arguments = "--consumer MEMBER --service SERVICE --by NAME --reason TEXT",
    .summary = "let a consumer go on that is held",
    .text =
        "The persons that it asked about so far, at any service of this gateway, no longer count against it, nor do this hour's requests at the service: it begins anew. The limit stays as the policy "
        "has it.",
    .examples = "comity policy release-hold --consumer BAOBAB/HEALTH/CLINIC \\\n"
                "    --service AURORA/HEALTH/HOSPITAL/records/contact --by \"J. Officer\" --reason \"a queue at the counter\"",
    .options = release_options,
    .option_count = COUNT_OF(release_options),
    .run = run_release_hold,
};

/* ---- Reviews ---- */

static void write_review(const json_t *row, struct buffer *out)
{
    bool is_open = json_is_null(json_object_get(row, "reviewed_at"));
    buffer_append_format(out, "%s  %s %s%s\n    %s asked %s, exchange %s\n    because of: %s; confirmed by: %s\n", rights_text(row, "id"),
                         is_open ? "to be reviewed until" : rights_text(row, "verdict"),
                         rights_text(row, is_open ? "due_at" : "reviewed_at"),
                         json_is_true(json_object_get(row, "overdue")) ? "  OVERDUE" : "", rights_text(row, "client"),
                         rights_text(row, "service"), rights_text(row, "exchange"), rights_text(row, "justification"),
                         rights_text(row, "confirmed_by"));
    if (!is_open) {
        buffer_append_format(out, "    %s: %s\n", rights_text(row, "by"), rights_text(row, "words"));
    }
    if (json_is_null(json_object_get(row, "notice_at"))) {
        buffer_append_format(out, "    the person is to be told until %s%s\n", rights_text(row, "due_at"),
                             json_is_true(json_object_get(row, "notice_overdue")) ? "  OVERDUE" : "");
    } else {
        buffer_append_format(out, "    the person's notice: %s %s, by %s: %s\n", rights_text(row, "notice"), rights_text(row, "notice_at"),
                             rights_text(row, "notice_by"), rights_text(row, "notice_words"));
    }
}

static int run_reviews(struct call *call)
{
    return ask_list(call, "/v1/policy/reviews/list", "reviews", write_review);
}

static const struct command_option reviews_options[] = {
    { "open", NULL, "only those that nobody has reviewed" },
    { "untold", NULL, "only those whose person was not told of it yet" },
};
const struct command command_policy_reviews = {
    .name = "reviews",
    .arguments = "[--open] [--untold]",
    .summary = "list uses on a claimed vital interest, which have to be reviewed",
    .text =
        "The most urgent first. The policy's `vital.review` says how long there is time, for the review and for telling the person. The exchange shows whom it was about ('comity log show --exchange ID'); --json has it, too.",
    .options = reviews_options,
    .option_count = COUNT_OF(reviews_options),
    .run = run_reviews,
};

static int run_review(struct call *call)
{
    static const char *const options[] = { "verdict", "by", "words" };
    return act(call, "/v1/policy/reviews/do", json_pack("{s:s}", "id", call->words[0]), options, COUNT_OF(options), "reviewed");
}

static const struct command_option review_options[] = {
    { "verdict", "WORD", "justified or unjustified" },
    { "by", "NAME", "who reviewed it: a name or an office; it is logged" },
    { "words", "TEXT|@FILE", "what was found; the log has its digest" },
};
const struct command command_policy_review = {
    .name = "review",
    .arguments = "ID --verdict justified|unjustified --by NAME --words TEXT|@FILE",
    .summary = "say whether a use on a claimed vital interest was justified",
    .text =
        "It is said once and logged. What follows from a use that was not justified is for people to do: a breach is opened by 'comity breach open'.",
    .options = review_options,
    .option_count = COUNT_OF(review_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_review,
};

static int run_tell(struct call *call)
{
    static const char *const options[] = { "event", "by", "words" };
    return act(call, "/v1/policy/reviews/tell", json_pack("{s:s}", "id", call->words[0]), options, COUNT_OF(options), "noted");
}

static const struct command_option tell_options[] = {
    { "event", "WORD", "told, or waived where a law wants secrecy" },
    { "by", "NAME", "who told the person, or decided: a name or an office; it is logged" },
    { "words", "TEXT|@FILE", "how the person was told, or by which law not; the log has its digest" },
};
const struct command command_policy_tell = {
    .name = "tell",
    .arguments = "ID --event told|waived --by NAME --words TEXT|@FILE",
    .summary = "note that the person was told of a use on a claimed vital interest",
    .text =
        "In an emergency the person is told afterwards (PIPL 18; GDPR 14(3)). It is said once and logged; what is not said in time is overdue in the list and in the metrics. That the use stands in the person's own list "
        "of uses is no notice.",
    .options = tell_options,
    .option_count = COUNT_OF(tell_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_tell,
};
