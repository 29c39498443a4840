/* Deciding every logged request again, and saying what comes out differently. */
#include <inttypes.h>
#include <stdio.h>

#include "audit/replay.h"
#include "cli/command_log_internal.h"
#include "cli/output.h"
#include "cli/place.h"
#include "evidence/log.h"

enum { FINDINGS_SHOWN_MAX = 1000 };

struct replaying {
    const struct call *call;
    json_t *list; /* with --json */
    uint64_t shown;
    struct progress progress;
};

static const char *outcome_name(enum replay_outcome outcome)
{
    return outcome == REPLAY_DIFFERENT ? "different" : "undecidable";
}

static void tell_finding(void *context, const struct replay_finding *f)
{
    struct replaying *r = context;
    progress_end(&r->progress);
    if (r->shown++ >= FINDINGS_SHOWN_MAX) {
        return; /* they are counted all the same */
    }
    if (r->list != NULL) {
        (void)json_array_append_new(r->list,
                                    json_pack("{s:s, s:I, s:o, s:o, s:s, s:s, s:s}", "outcome", outcome_name(f->outcome), "index",
                                              (json_int_t)f->entry, "time", json_of_time(f->time_ms), "exchange",
                                              json_of_bytes(f->exchange), "what", f->what, "logged", f->logged, "decided", f->decided));
        return;
    }
    (void)printf("%s: entry %" PRIu64 "%s%.*s: %s\n", outcome_name(f->outcome), f->entry, f->exchange.size > 0 ? ", exchange " : "",
                 BYTES_FMT(f->exchange), f->what);
    if (f->logged[0] != '\0' || f->decided[0] != '\0') {
        (void)printf("    logged   %s\n    decided  %s\n", f->logged[0] != '\0' ? f->logged : "-",
                     f->decided[0] != '\0' ? f->decided : "-");
    }
}

static int report(const struct call *call, json_t *list, const struct replay_counts *c)
{
    bool is_written;
    if (call->is_json) {
        is_written = output_json(
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:b}", "decisions", (json_int_t)c->decisions, "same", (json_int_t)c->same,
                      "different", (json_int_t)c->different, "undecidable", (json_int_t)c->undecidable, "before", (json_int_t)c->before,
                      "overtaken", (json_int_t)c->overtaken, "answers", (json_int_t)c->answers, "findings", list, "ok", c->different == 0));
    } else {
        is_written = printf("%" PRIu64 " decisions: %" PRIu64 " the same, %" PRIu64 " different, %" PRIu64 " not decidable, %" PRIu64
                            " refused before a decision; %" PRIu64 " answers compared\n",
                            c->decisions, c->same, c->different, c->undecidable, c->before, c->answers) > 0;
    }
    return !is_written ? COMMAND_NOT_TRIED : c->different == 0 ? COMMAND_DONE : COMMAND_NO;
}

/* False only when nothing more can be told. */
static bool replay_all(struct replaying *r, struct decision_replay *replay, struct log_reader *reader, uint64_t from, uint64_t size,
                       struct error *e)
{
    if (log_reader_first(reader) > 0) {
        struct error pruned;
        (void)error_set(&pruned, ERROR_ABSENT, "records", NULL,
                        "it and what is older was pruned: what these entries say of consents is not known");
        decision_replay_skip(replay, log_reader_first(reader) - 1, &pruned);
    }
    for (uint64_t i = log_reader_first(reader); i < size; i++) {
        struct log_entry entry;
        struct error why;
        progress_show(&r->progress, i, size);
        if (log_reader_get(reader, i, &entry, &why)) {
            if (!decision_replay_take(replay, &entry, i >= from, e)) {
                return false;
            }
        } else if (why.kind == ERROR_IO || why.kind == ERROR_MEMORY) {
            *e = why;
            return false;
        } else {
            decision_replay_skip(replay, i, &why);
        }
    }
    progress_end(&r->progress);
    return true;
}

static int replay_place(struct call *call, struct place *place, uint64_t from)
{
    int end = COMMAND_NOT_TRIED;
    uint64_t size = 0;
    struct error e = { 0 };
    struct replay_counts counts;
    struct replay_source source;
    struct decision_replay *replay = NULL;
    struct log_reader *reader = NULL;
    struct disk *archive = NULL;
    const struct gateway_config *config = place->config;
    struct replaying r = { .call = call, .list = call->is_json ? json_array() : NULL, .progress = { .what = "deciding again" } };
    struct replay_files files = { .store = place->store,
                                  .folder = config->folder,
                                  .owner = &config->member,
                                  .operators = config->directory.operators,
                                  .operator_count = config->directory.operator_count,
                                  .threshold = config->directory.threshold };
    if (!gateway_config_check_complete(config, &e) || !disk_open_folder(&archive, config->archive_folder, false, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    files.archive = archive;
    replay_files_source(&files, &source);
    source.private = place->private_disk;
    if (!decision_replay_make(&replay, config->origin, &source, tell_finding, &r, &e) ||
        !log_reader_open(&reader, place->public_disk, place->private_disk, &e) || !log_reader_size(reader, &size, &e) ||
        !replay_all(&r, replay, reader, from, size, &e) || !decision_replay_end(replay, &counts, &e)) {
        progress_end(&r.progress);
        end = call_fail(call, &e);
        goto done;
    }
    end = report(call, r.list, &counts);
done:
    decision_replay_free(replay);
    log_reader_close(reader);
    disk_free(archive);
    json_decref(r.list);
    return end;
}

static int run_replay(struct call *call)
{
    uint64_t from = 0;
    struct error e = { 0 };
    struct place place = { 0 };
    if (call_is_given(call, "from") && !log_index_parse(call, call_value(call, "from"), &from)) {
        return COMMAND_NOT_TRIED;
    }
    int end = place_open(&place, call->folder, &e) && place_open_store(&place, &e) && place_open_disks(&place, &e)
                  ? replay_place(call, &place, from)
                  : call_fail(call, &e);
    place_close(&place);
    return end;
}

static const struct command_option replay_options[] = {
    { "from", "INDEX", "begin with this entry; what entries before it say of consents still counts" },
};

const struct command log_replay_command = {
    .name = "replay",
    .arguments = "[--from INDEX]",
    .summary = "decide every logged request again, and list what comes out differently",
    .text =
        "Takes each decision's inputs as they were logged (the request's statement, the person, policy and directories by digest, the "
        "consents as the log's own events made them) and decides again. Lists each decision that comes out differently, with the first line that "
        "differs; each answer with which something left that was not permitted, or on a consent that an entry before it had taken back; and "
        "each decision whose inputs are gone, with what is gone. Works beside a running gateway.\n"
        "Requests that were refused before it came to a decision, for an invalid receipt for example, are counted only: of what was not "
        "proven nothing is kept. Ends with 1 if anything is different.",
    .examples = "comity log replay\n"
                "comity log replay --from 120000 --json",
    .options = replay_options,
    .option_count = COUNT_OF(replay_options),
    .run = run_replay,
};
