/* comity log heal: what the disk did to this log is put right, entry by entry, and told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/command_log_internal.h"
#include "cli/copies.h"
#include "cli/output.h"
#include "evidence/log_heal.h"
#include "witness/state.h"

enum { NOTE_BYTES_MAX = 64 * 1024, FROM_SIZE = 2048, TEXT_BYTES_MAX = 64 * 1024 * 1024 };

struct healing {
    struct call *call;
    struct place place;
    struct copies copies;
    int lock;
    struct source *open[LOG_HEAL_SOURCES_MAX];
    struct buffer notes[LOG_HEAL_SOURCES_MAX];
    char names[LOG_HEAL_SOURCES_MAX][FROM_SIZE];
    struct log_heal_source sources[LOG_HEAL_SOURCES_MAX];
    size_t count;
    struct buffer text;
    json_t *list;
    struct progress progress;
};

/* Nobody may write meanwhile. */
static bool take_lock(struct healing *h, struct error *e)
{
    const char *path = h->place.config->lock_path;
    h->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (h->lock < 0) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    return flock(h->lock, LOCK_EX | LOCK_NB) == 0 || error_set(e, ERROR_DENIED, path, "stop the gateway first", "the log is in use");
}

/* A copy that can't be had is told, and the others are used. */
static void add_source(struct healing *h, const char *from)
{
    struct error e = { 0 };
    size_t i = h->count;
    if (i == LOG_HEAL_SOURCES_MAX) {
        return;
    }
    buffer_init(&h->notes[i], NOTE_BYTES_MAX);
    (void)snprintf(h->names[i], sizeof h->names[i], "%s", from);
    if (!copies_source(&h->copies, from, &h->open[i], &e) || !source_read(h->open[i], "checkpoint", &h->notes[i], &e)) {
        char text[sizeof e];
        (void)fprintf(stderr, "%s: %s is left out: %s\n", h->call->name, from, error_text(&e, text, sizeof text));
        source_close(h->open[i]);
        h->open[i] = NULL;
        buffer_clear(&h->notes[i]);
        return;
    }
    h->sources[i] = (struct log_heal_source){
        .name = h->names[i], .fetch = source_fetch, .context = h->open[i], .checkpoint = buffer_bytes(&h->notes[i])
    };
    h->count++;
}

/* Those of --from; without it the copies that log.mirrors hold. */
static void add_sources(struct healing *h)
{
    const char *given[LOG_HEAL_SOURCES_MAX];
    size_t count = call_values(h->call, "from", given, LOG_HEAL_SOURCES_MAX);
    for (size_t i = 0; i < count && i < LOG_HEAL_SOURCES_MAX; i++) {
        add_source(h, given[i]);
    }
    const struct gateway_config *config = h->place.config;
    for (size_t i = 0; count == 0 && i < config->mirror_count; i++) {
        char from[FROM_SIZE];
        char name[STATE_NAME_SIZE];
        state_name(config->origin, name);
        size_t size = strlen(config->mirrors[i]);
        while (size > 0 && config->mirrors[i][size - 1] == '/') {
            size--;
        }
        if (snprintf(from, sizeof from, "%.*s/%s", (int)size, config->mirrors[i], name) < (int)sizeof from) {
            add_source(h, from);
        }
    }
}

static void tell(void *context, enum log_heal_what what, const struct error *about)
{
    static const char *const words[] = { [LOG_HEALED] = "healed", [LOG_REPLACED] = "replaced", [LOG_LOST] = "lost" };
    struct healing *h = context;
    char line[sizeof *about];
    if (h->call->is_json) {
        (void)json_array_append_new(h->list, json_pack("{s:s, s:s, s:s, s:s}", "what", words[what], "where", about->where, "text",
                                                       about->what, "todo", about->todo));
        return;
    }
    buffer_append_format(&h->text, "%-8s  %s\n", words[what], error_text(about, line, sizeof line));
}

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    struct healing *h = context;
    progress_show(&h->progress, done, all);
}

static int report(struct healing *h, const struct log_heal_result *r, bool is_dry_run)
{
    bool ok = false;
    if (h->call->is_json) {
        ok = output_json(json_pack("{s:I, s:I, s:I, s:I, s:b, s:O}", "entries", (json_int_t)r->entries, "healed", (json_int_t)r->healed,
                                   "replaced", (json_int_t)r->replaced, "lost", (json_int_t)r->lost, "dry_run", is_dry_run, "report",
                                   h->list));
    } else {
        buffer_append_format(&h->text,
                             "%s%" PRIu64 " entries: %" PRIu64 " healed, %" PRIu64 " replaced by their commitments, %" PRIu64 " lost\n",
                             is_dry_run ? "dry run: " : "", r->entries, r->healed, r->replaced, r->lost);
        ok = output_buffer(&h->text);
    }
    return !ok ? COMMAND_NOT_TRIED : r->lost > 0 ? COMMAND_NO : COMMAND_DONE;
}

static int run_heal(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct log_heal_result result;
    struct healing *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (void)error_memory(&e, "log");
        return call_fail(call, &e);
    }
    *h = (struct healing){ .call = call, .lock = -1, .list = json_array(), .progress = { .what = "healing" } };
    buffer_init(&h->text, TEXT_BYTES_MAX);
    if (!place_open(&h->place, call->folder, &e) || !place_open_disks(&h->place, &e) ||
        !signer_load(&h->place.signer, h->place.config->origin, h->place.config->statement_key_path, &e) || !take_lock(h, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    copies_open(&h->copies, h->place.config);
    add_sources(h);
    const struct log_heal_options options = {
        .public = h->place.public_disk,
        .private = h->place.private_disk,
        .key = signer_verifier(h->place.signer),
        .signer = h->place.signer,
        .sources = h->sources,
        .source_count = h->count,
        .is_dry_run = call_is_given(call, "dry-run"),
        .report = tell,
        .progress = tell_progress,
        .context = h,
    };
    bool ok = log_heal(&options, &result, &e);
    progress_end(&h->progress);
    end = ok ? report(h, &result, options.is_dry_run) : call_fail(call, &e);
done:
    for (size_t i = 0; i < h->count; i++) {
        source_close(h->open[i]);
        buffer_clear(&h->notes[i]);
    }
    copies_close(&h->copies);
    if (h->lock >= 0) {
        (void)close(h->lock);
    }
    json_decref(h->list);
    buffer_clear(&h->text);
    place_close(&h->place);
    free(h);
    return end;
}

static const struct command_option heal_options[] = {
    { "from", "URL|FOLDER", "a copy of this log's public folder, may be given again; without it those that log.mirrors hold" },
    { "dry-run", NULL, "say what would be done, and change nothing" },
};

const struct command log_heal_command = {
    .name = "heal",
    .arguments = "[--from URL|FOLDER]... [--dry-run]",
    .summary = "put right what a disk did to this log",
    .text =
        "Hash tiles are made again from the entries, entries from the private records, and what neither has from copies of the public folder, "
        "whose answers count only as far as they are proven to be of a checkpoint that this log's key signed. One flipped bit of a record, "
        "of a segment's header or of the checkpoint is found by its checksum or signature and turned back. A record that is lost becomes one "
        "of which only the commitment is known: every proof holds, and the other side of its exchange can be asked for its statement. "
        "Nothing is written before the whole leads to the signed root.\n"
        "Says for each file and entry what was healed, replaced by its commitment, or is lost, and ends with 1 if something is lost. Only "
        "while the gateway is stopped.",
    .examples = "comity log heal --dry-run\n"
                "comity log heal --from /mnt/rsync/log --from https://gw.clinic.example:5500/mirror/HEX",
    .options = heal_options,
    .option_count = COUNT_OF(heal_options),
    .run = run_heal,
};
