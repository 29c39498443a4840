/* comity log prune: what log.retention does not keep. */
#include "base/time.h"
#include "cli/command_log_internal.h"
#include "cli/output.h"
#include "cli/question.h"

static int tell(const struct call *call, json_t *answer, bool is_dry)
{
    if (call->is_json) {
        return output_json(json_incref(answer)) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    long long bundles = json_integer_value(json_object_get(answer, "bundles")),
              segments = json_integer_value(json_object_get(answer, "segments"));
    bool ok = printf("%s %lld entry bundles; they are kept from entry %lld on\n", is_dry ? "would remove" : "removed", bundles,
                     json_integer_value(json_object_get(answer, "minimum"))) > 0;
    if (call_is_given(call, "records")) {
        ok = ok && printf("%s %lld segments of records; they are kept from entry %lld on\n", is_dry ? "would remove" : "removed", segments,
                          json_integer_value(json_object_get(answer, "records_minimum"))) > 0;
    }
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

/* A day is its first moment, UTC. */
static bool read_before(const char *text, char out[TIME_TEXT_SIZE], struct error *e)
{
    int64_t time_ms;
    char whole[64];
    (void)snprintf(whole, sizeof whole, "%.40sT00:00:00Z", text);
    if (!time_parse(bytes_of_text(text), &time_ms) && !time_parse(bytes_of_text(whole), &time_ms)) {
        return error_set(e, ERROR_INPUT, "--before", "write 2027-03-01, or 2027-03-01T09:00:00Z", "'%.40s' is no time", text);
    }
    (void)time_text(time_ms, out);
    return true;
}

static int run_prune(struct call *call)
{
    static const struct question question = { "/v1/prunings", operation_prune, QUESTION_PRUNES };
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct place place = { 0 };
    char before[TIME_TEXT_SIZE];
    bool is_dry = call_is_given(call, "dry-run");
    json_t *answer = NULL, *request = json_pack("{s:b, s:b}", "dry_run", is_dry, "records", call_is_given(call, "records"));
    if (request == NULL) {
        error_memory(&e, "prune");
        return call_fail(call, &e);
    }
    if (call_is_given(call, "before") &&
        (!read_before(call_value(call, "before"), before, &e) || json_object_set_new(request, "before", json_string(before)) != 0)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (!place_open(&place, call->folder, &e)) {
        end = call_fail(call, &e);
    } else if (question_ask(call, &place, &question, request, &answer, &end)) {
        end = tell(call, answer, is_dry);
    }
done:
    json_decref(answer);
    json_decref(request);
    place_close(&place);
    return end;
}

static const struct command_option prune_options[] = {
    { "before", "DATE", "only what is older than that; without it all that log.retention does not keep" },
    { "records", NULL, "old segments of private records, too: their statements are then gone for ever" },
    { "dry-run", NULL, "only say what would go" },
};

const struct command log_prune_command = {
    .name = "prune",
    .arguments = "[--before DATE] [--records] [--dry-run]",
    .summary = "remove entry bundles that are older than log.retention",
    .text =
        "Entry bundles of the public log go when all their entries are older than log.retention; a running gateway does this daily. Tiles stay, so that "
        "every receipt can still be made and verified. What goes is stated before it does, in log/pruned, signed with the log's key; 'comity log "
        "verify' excuses that, and nothing else. Nothing younger than log.retention is ever removed.\n"
        "Private records go only with --records: without them nothing of that time can be shown, decided again or exported any more, nor can later decisions be made again that rest on consents of that time.",
    .examples = "comity log prune --dry-run\n"
                "comity log prune --records --before 2026-01-01",
    .options = prune_options,
    .option_count = COUNT_OF(prune_options),
    .run = run_prune,
};
