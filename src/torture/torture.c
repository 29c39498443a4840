#include "torture/torture.h"

#include <stdlib.h>

#include "base/diag.h"
#include "torture/stage_internal.h"

/* One run of a list of actions; what it did is in `result`. */
static bool run_list(const struct torture_options *options, const struct action *actions, size_t count, struct torture_result *result,
                     struct buffer *trace, struct error *e)
{
    struct stage *stage = NULL;
    *result = (struct torture_result){ 0 };
    bool ok = stage_make(&stage, options, actions, count, result, trace, e);
    if (ok) {
        stage_run(stage);
    }
    if (ok && !result->is_broken) {
        stage->action = count;
        stage_settle(stage);
        check_all(stage);
        stage_mix(stage, result->entries);
    }
    stage_free(stage);
    return ok;
}

/*
 * Leaves out ever smaller pieces as long as something still breaks (Zeller's delta debugging, in its simplest form): each action's fate hangs on
 * its own seed, so that the rest stays what it was.
 */
static bool shorten(const struct torture_options *options, struct action *actions, size_t *count, struct torture_result *result,
                    struct error *e)
{
    struct torture_options quiet = *options;
    struct action *shorter = malloc((*count + 1) * sizeof *shorter);
    if (shorter == NULL) {
        return error_memory(e, "torture");
    }
    quiet.is_told = false;
    *count = result->broken_at < *count ? result->broken_at + 1 : *count;
    bool ok = true;
    for (size_t piece = (*count + 1) / 2; ok && piece > 0; piece = piece == 1 ? 0 : (piece + 1) / 2) {
        for (size_t at = 0; ok && at < *count;) {
            struct torture_result tried;
            size_t left_out = piece < *count - at ? piece : *count - at;
            size_t kept = *count - left_out;
            memcpy(shorter, actions, at * sizeof *shorter);
            memcpy(shorter + at, actions + at + left_out, (kept - at) * sizeof *shorter);
            ok = run_list(&quiet, shorter, kept, &tried, NULL, e);
            if (ok && tried.is_broken) {
                memcpy(actions, shorter, kept * sizeof *actions);
                *count = kept;
                *result = tried;
            } else {
                at += left_out;
            }
        }
    }
    free(shorter);
    return ok;
}

bool torture_run(const struct torture_options *options, struct torture_result *result, struct buffer *trace, struct error *e)
{
    size_t count = options->actions;
    bool ok = false;
    if (count == 0 || count > TORTURE_ACTIONS_MAX) {
        return error_set(e, ERROR_INPUT, "torture", NULL, "from 1 to %d actions can be drawn", TORTURE_ACTIONS_MAX);
    }
    struct action *actions = malloc(count * sizeof *actions);
    if (actions == NULL) {
        return error_memory(e, "torture");
    }
    diag_configure(DIAG_NOTHING, DIAG_TEXT); /* faults are what this is for */
    plan_draw(options->seed, actions, count);
    ok = run_list(options, actions, count, result, trace, e);
    if (ok && result->is_broken && trace != NULL) {
        struct torture_options told = *options;
        struct torture_result shortest = *result;
        ok = shorten(options, actions, &count, &shortest, e);
        buffer_reset(trace);
        told.is_told = true;
        ok = ok && run_list(&told, actions, count, &shortest, trace, e);
    }
    free(actions);
    return ok;
}
