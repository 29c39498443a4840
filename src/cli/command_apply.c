#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/commands_internal.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/ground.h"
#include "cli/output.h"
#include "cli/place.h"
#include "policy/preview.h"
#include "store/policies.h"

/* What is applied and what stands in the store. */
struct applying {
    struct place place;
    struct buffer text, current_text, difference;
    struct buffer warnings; /* a line each: what the law holds back */
    struct policy *policy, *current;
    uint64_t version;
    bool is_changed;
};

/* Files that a policy names are relative to the gateway's folder: there they will be read from at each start, too. */
static bool parse(const struct applying *a, struct bytes text, const char *file, struct policy **out, struct error *e)
{
    const struct gateway_config *config = a->place.config;
    return policy_parse(out, text, file, config->folder, &config->member, e);
}

/* What is in force now. None: `current` stays NULL. One that can't be read any more is replaced, and said to be. */
static bool load_current(struct applying *a, const struct call *call, struct error *e)
{
    struct policy_version version;
    struct error cause = { 0 };
    if (!policy_store_current(a->place.store, &version, &a->current_text, e)) {
        return e->kind == ERROR_ABSENT;
    }
    if (!parse(a, version.text, "the current policy", &a->current, &cause)) {
        char text[sizeof cause];
        (void)fprintf(stderr, "%s: %s\n", call->name, error_text(&cause, text, sizeof text));
    }
    return true;
}

/* A gateway without a directory yet has no law either: then there is nothing to check by, and that is said. What loosens the law is refused. */
static bool prepare(struct applying *a, const struct call *call, struct error *e)
{
    const char *path = call->words[0];
    char text[sizeof *e];
    struct error cause = { 0 };
    struct law *base = NULL;
    if (!place_open(&a->place, call->folder, e) || !file_read_whole(path, &a->text, e) || !place_open_store(&a->place, e) ||
        !load_current(a, call, e)) {
        return false;
    }
    if (!ground_law(a->place.config, &base, &cause)) {
        buffer_append_format(&a->warnings, "not checked by the law: %s\n", error_text(&cause, text, sizeof text));
    }
    const struct policy_preview preview = {
        .current = a->current, .base = base, .owner = &a->place.config->member, .folder = a->place.config->folder, .now_ms = time_now_ms()
    };
    bool ok = policy_preview(&a->policy, &preview, buffer_bytes(&a->text), path, &a->difference, &a->warnings, e);
    law_drop(base);
    return ok;
}

/* Tells the running gateway. `*told` says in words what happened. */
static bool tell_gateway(const struct applying *a, const char **told, struct error *e)
{
    switch (control_call(a->place.config, "POST", "/v1/reload", NULL, NULL, e)) {
    case CONTROL_DONE:
        *told = "in force";
        return true;
    case CONTROL_NOT_RUNNING:
        *told = "in force when the gateway starts";
        return true;
    case CONTROL_FAILED:
        break;
    }
    return false;
}

static json_t *json_of_lines(const struct buffer *text)
{
    json_t *lines = json_array();
    struct bytes line, rest = buffer_bytes(text);
    while (bytes_split(&rest, '\n', &line)) {
        if (line.size > 0) {
            (void)json_array_append_new(lines, json_of_bytes(line));
        }
    }
    return lines;
}

static void warn(const struct call *call, const struct applying *a)
{
    struct bytes line, rest = buffer_bytes(&a->warnings);
    while (bytes_split(&rest, '\n', &line)) {
        if (line.size > 0) {
            (void)fprintf(stderr, "%s: warning: %.*s\n", call->name, BYTES_FMT(line));
        }
    }
}

static int report(const struct call *call, struct applying *a, bool is_dry, const char *told)
{
    if (call->is_json) {
        return output_json(json_pack("{s:o, s:o, s:b, s:b, s:I, s:s}", "changes", json_of_lines(&a->difference), "warnings",
                                     json_of_lines(&a->warnings), "dry_run", is_dry, "changed", a->is_changed, "version",
                                     (json_int_t)a->version, "state", told))
                   ? COMMAND_DONE
                   : COMMAND_NOT_TRIED;
    }
    warn(call, a);
    if (a->difference.size == 0) {
        buffer_append_text(&a->difference, "no change\n");
    }
    if (!is_dry) {
        buffer_append_format(&a->difference, "version %" PRIu64 ", %s\n", a->version, told);
    }
    return output_buffer(&a->difference) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_apply(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct applying a = { 0 };
    bool is_dry = call_is_given(call, "dry-run");
    const char *told = "not applied";
    buffer_init(&a.text, POLICY_STORE_TEXT_MAX);
    buffer_init(&a.current_text, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    buffer_init(&a.difference, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    buffer_init(&a.warnings, 2 * (size_t)POLICY_STORE_TEXT_MAX);
    if (!prepare(&a, call, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (!is_dry && !policy_store_put(a.place.store, buffer_bytes(&a.text), call->words[0], time_now_ms(), &a.version, &a.is_changed, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    /* Also when nothing has changed: an earlier reload may have failed. */
    if (!is_dry && !tell_gateway(&a, &told, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    end = report(call, &a, is_dry, told);
done:
    policy_drop(a.policy);
    policy_drop(a.current);
    buffer_clear(&a.text);
    buffer_clear(&a.current_text);
    buffer_clear(&a.difference);
    buffer_clear(&a.warnings);
    place_close(&a.place);
    return end;
}

static const struct command_option apply_options[] = {
    { "dry-run", NULL, "only say what would change" },
};

const struct command command_apply = {
    .name = "apply",
    .arguments = "[--dry-run] FILE",
    .summary = "set services, rights and categories from YAML",
    .text =
        "Reads FILE (YAML; - is standard input), says what changes against what is in force, keeps it as the newest version, and tells the "
        "running gateway, which swaps it in without dropping a connection. The file is the whole: what it does not name is removed.\n"
        "Files that it names (certificates) are relative to the gateway's folder.\n"
        "\n"
        "What can't leave by this file under the law that the directory names, and why, is warned of: a service whose impact assessment is missing, a basis that "
        "the law hasn't, an instrument of an unknown kind. A file that loosens the law is refused.",
    .examples = "comity -C hospital apply --dry-run services.yaml\n"
                "comity -C hospital apply services.yaml",
    .options = apply_options,
    .option_count = COUNT_OF(apply_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_apply,
};
