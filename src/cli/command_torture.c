/* The torture: one run a seed; what broke, and the shortest list of actions that breaks it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "cli/commands_internal.h"
#include "cli/output.h"
#include "torture/torture.h"

enum { ACTIONS_USUALLY = 600, RUNS_MAX = 1000000, TRACE_BYTES_MAX = 64 * 1024 * 1024 };

/* Sums over all runs. */
struct sum {
    uint64_t runs, exchanges, acknowledged, refused, released, withdrawn, erased;
    uint64_t starts, crashes, refused_starts, cosigned, mirrored, healed, recovered, equivocations, entries;
};

static void add(struct sum *sum, const struct torture_result *result)
{
    sum->runs++;
    sum->exchanges += result->exchanges;
    sum->acknowledged += result->acknowledged;
    sum->refused += result->refused;
    sum->released += result->released;
    sum->withdrawn += result->withdrawn;
    sum->erased += result->erased;
    sum->starts += result->starts;
    sum->crashes += result->crashes;
    sum->refused_starts += result->refused_starts;
    sum->cosigned += result->cosigned;
    sum->mirrored += result->mirrored;
    sum->healed += result->healed;
    sum->recovered += result->recovered;
    sum->equivocations += result->equivocations;
    sum->entries += result->entries;
}

static bool tell_broken(const struct call *call, uint64_t seed, const struct torture_result *result, struct buffer *trace)
{
    if (call->is_json) {
        buffer_clear(trace);
        return output_json(json_pack("{s:b, s:I, s:s, s:I}", "ok", 0, "seed", (json_int_t)seed, "broken", result->what, "action",
                                     (json_int_t)result->broken_at));
    }
    struct buffer out;
    buffer_init(&out, TRACE_BYTES_MAX + 4096);
    buffer_append_format(&out, "torture: seed %" PRIu64 " breaks: %s\n\nThe shortest list of actions that was found to break something:\n",
                         seed, result->what);
    buffer_append(&out, buffer_bytes(trace));
    buffer_append_format(&out, "\nDo it again: comity torture --seed %" PRIu64 "\n", seed);
    bool ok = output_buffer(&out);
    buffer_clear(&out);
    return ok;
}

static bool tell_fine(const struct call *call, uint64_t first, uint64_t digest, const struct sum *sum)
{
    if (call->is_json) {
        return output_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", 1, "seed",
                                     (json_int_t)first, "runs", (json_int_t)sum->runs, "exchanges", (json_int_t)sum->exchanges,
                                     "acknowledged", (json_int_t)sum->acknowledged, "released", (json_int_t)sum->released, "withdrawn",
                                     (json_int_t)sum->withdrawn, "starts", (json_int_t)sum->starts, "crashes", (json_int_t)sum->crashes,
                                     "refused_starts", (json_int_t)sum->refused_starts, "cosigned", (json_int_t)sum->cosigned, "entries",
                                     (json_int_t)sum->entries, "digest", (json_int_t)(digest >> 12)));
    }
    struct buffer out;
    buffer_init(&out, 4096);
    buffer_append_format(&out,
                         "torture: seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " exchanges, %" PRIu64 " of them acknowledged, %" PRIu64
                         " with a person's data, %" PRIu64 " refused; %" PRIu64 " consents withdrawn, %" PRIu64 " entries erased; %" PRIu64
                         " starts, %" PRIu64 " of them refused; %" PRIu64 " crashes; %" PRIu64 " cosignatures; %" PRIu64
                         " copies brought up to date, %" PRIu64 " logs healed, %" PRIu64 " entries recovered, %" PRIu64
                         " forks caught; %" PRIu64 " entries at the end; digest %016" PRIx64 "\ntorture: nothing broke\n",
                         first, first + sum->runs - 1, sum->exchanges, sum->acknowledged, sum->released, sum->refused, sum->withdrawn,
                         sum->erased, sum->starts + sum->refused_starts, sum->refused_starts, sum->crashes, sum->cosigned, sum->mirrored,
                         sum->healed, sum->recovered, sum->equivocations, sum->entries, digest);
    bool ok = output_buffer(&out);
    buffer_clear(&out);
    return ok;
}

static bool read_number(const struct call *call, const char *option, uint64_t most, uint64_t *number)
{
    const char *value = call_value(call, option);
    if (value == NULL) {
        return true;
    }
    if (!bytes_to_u64(bytes_of_text(value), number) || *number > most) {
        (void)call_misused(call, "--%s: '%.40s' is no whole number up to %" PRIu64, option, value, most);
        return false;
    }
    return true;
}

static int run_torture(struct call *call)
{
    struct error e = { 0 };
    struct sum sum = { 0 };
    struct progress progress = { .what = "torturing" };
    uint64_t seed, actions = ACTIONS_USUALLY, runs = 1, digest = 0;
    struct torture_options options = { .has_lying_disk = call_is_given(call, "lying-disk"), .is_told = call_is_given(call, "trace") };
    random_fill(&seed, sizeof seed);
    seed >>= 32; /* short enough to be told and typed */
    if (!read_number(call, "seed", INT64_MAX / 2, &seed) || !read_number(call, "actions", TORTURE_ACTIONS_MAX, &actions) ||
        !read_number(call, "runs", RUNS_MAX, &runs)) {
        return COMMAND_NOT_TRIED;
    }
    options.actions = (size_t)actions;
    for (uint64_t i = 0; i < runs; i++) {
        struct torture_result result;
        struct buffer trace;
        buffer_init(&trace, TRACE_BYTES_MAX);
        options.seed = seed + i;
        progress_show(&progress, i, runs);
        /* Making it short takes time, and JSON has no place for it. */
        bool ok = torture_run(&options, &result, call->is_json ? NULL : &trace, &e);
        if (!ok || result.is_broken) {
            progress_end(&progress);
            bool is_told = ok && tell_broken(call, options.seed, &result, &trace);
            buffer_clear(&trace);
            return !ok ? call_fail(call, &e) : is_told ? COMMAND_NO : COMMAND_NOT_TRIED;
        }
        if (options.is_told && !call->is_json && !output_buffer(&trace)) {
            buffer_clear(&trace);
            return COMMAND_NOT_TRIED;
        }
        buffer_clear(&trace);
        add(&sum, &result);
        digest = digest * 31 + result.digest;
    }
    progress_end(&progress);
    return tell_fine(call, seed, digest, &sum) ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static const struct command_option options[] = {
    { "seed", "N", "what everything is drawn from; the same seed always does the same (default: a new one, which is told)" },
    { "actions", "N", "how much happens in a run (default: 600)" },
    { "runs", "N", "how many runs, with N, N+1, ... as seeds (default: 1)" },
    { "trace", NULL, "tell every action and what became of it" },
    { "lying-disk", NULL, "let the disks say that they synced and forget, to see that it is noticed" },
};

const struct command command_torture = {
    .name = "torture",
    .arguments = "[--seed N] [--actions N] [--runs N] [--trace] [--lying-disk]",
    .summary = "run whole gateways against faults, in a simulation that a seed repeats",
    .text =
        "Runs three gateways in one process over simulated disks, lines and clocks: their steps, logs, consents, databases, witnesses and mirrors. Power "
        "cuts that tear and garble what was not synced, full disks, failing and slow calls, processes that end in the midst of anything, cut and lossy "
        "lines, messages that come twice or late, services that are slow or die, clocks that jump, old backups that are put back, bits that turn over; and "
        "persons who give, pause and withdraw consents meanwhile, policies, notices and directories that change. After every step it looks whether what was "
        "acknowledged is still there and provable, whether anything left without a consent that held, and whether any log ever told two histories.\n"
        "When something breaks it prints the seed and the shortest list of actions that it found to break it, and ends with 1. It touches "
        "no file and no network, and needs no gateway's folder.",
    .examples = "comity torture\n"
                "comity torture --seed 42 --trace\n"
                "comity torture --runs 1000",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run_torture,
};
