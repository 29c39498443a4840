/* comity log mirror: copies of other gateways' logs, and the key of the mirror that this gateway is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/command_log_internal.h"
#include "cli/copies.h"
#include "cli/output.h"
#include "witness/key.h"
#include "witness/mirror_pull.h"
#include "witness/state.h"

enum { FROM_SIZE = 2048, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

struct mirroring {
    struct call *call;
    struct place place;
    struct copies copies;
    struct source *source;
    char from[FROM_SIZE];
    struct verifier key;
    char name[STATE_NAME_SIZE];
    char folder[PLACE_PATH_SIZE];
    struct disk *copy_disk, *state_disk;
    int lock;
    struct log_copy *copy;
    struct progress progress;
};

/* ---- Which log, from where, to where ---- */

static bool read_checkpoint(void *context, struct buffer *out, struct error *e)
{
    return source_read(context, "checkpoint", out, e);
}

/* An origin of the directory: its gateway's own address and key. */
static bool find_gateway(struct mirroring *m, const char *origin, struct error *e)
{
    const struct directory_gateway *gateway = copies_gateway(&m->copies, bytes_of_text(origin));
    if (gateway == NULL || gateway->address_count == 0) {
        return error_set(e, ERROR_ABSENT, origin, "name an address: https://HOST:PORT/log, and the log's key by --key",
                         "no directory that is at hand names this log");
    }
    m->key = gateway->statement_key;
    return snprintf(m->from, sizeof m->from, "https://%.*s/log", BYTES_FMT(gateway->addresses[0])) < (int)sizeof m->from ||
           error_set(e, ERROR_INPUT, origin, NULL, "its address is too long");
}

/* Whose log an address shows: by --key, or by the origin that it states and the directory's key for it. */
static bool find_key(struct mirroring *m, struct error *e)
{
    struct buffer note;
    struct bytes rest, origin = BYTES_NONE;
    const char *given = call_value(m->call, "key");
    if (given != NULL) {
        return verifier_parse(&m->key, bytes_of_text(given), "--key", e);
    }
    buffer_init(&note, LOG_COPY_NOTE_BYTES_MAX);
    bool ok = source_read(m->source, "checkpoint", &note, e);
    rest = buffer_bytes(&note);
    if (ok) {
        (void)bytes_split(&rest, '\n', &origin);
        const struct directory_gateway *gateway = copies_gateway(&m->copies, origin);
        ok = gateway != NULL || error_set(e, ERROR_ABSENT, m->from, "give the log's key by --key VKEY",
                                          "no directory that is at hand names the log that it shows");
        if (ok) {
            m->key = gateway->statement_key;
        }
    }
    buffer_clear(&note);
    return ok;
}

static bool find_source(struct mirroring *m, const char *word, struct error *e)
{
    bool is_address = strncmp(word, "http://", 7) == 0 || strncmp(word, "https://", 8) == 0;
    if (!is_address) {
        return find_gateway(m, word, e) && copies_source(&m->copies, m->from, &m->source, e);
    }
    (void)snprintf(m->from, sizeof m->from, "%s", word);
    return copies_source(&m->copies, m->from, &m->source, e) && find_key(m, e);
}

/* One writer: a gateway whose mirror.logs is set has the lock of the folder while it runs. */
static bool take_lock(struct mirroring *m, struct error *e)
{
    char path[PLACE_PATH_SIZE];
    if (!path_join(path, m->place.config->mirrors_folder, "lock", e)) {
        return false;
    }
    m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->lock < 0) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    return flock(m->lock, LOCK_EX | LOCK_NB) == 0 ||
           error_set(e, ERROR_DENIED, path, "let the log push to this gateway (its log.mirrors), or take another folder by --to",
                     "another process writes copies there");
}

static bool open_copy(struct mirroring *m, struct error *e)
{
    const char *to = call_value(m->call, "to");
    state_name(bytes_of_text(m->key.name), m->name);
    if (to != NULL) {
        char parent[PLACE_PATH_SIZE];
        (void)snprintf(parent, sizeof parent, "%s.mirror", to);
        if (snprintf(m->folder, sizeof m->folder, "%s", to) >= (int)sizeof m->folder) {
            return error_set(e, ERROR_INPUT, "--to", NULL, "the path is too long");
        }
        if (!disk_open_folder(&m->state_disk, parent, true, e)) {
            return false;
        }
    } else if (!disk_open_folder(&m->state_disk, m->place.config->mirrors_folder, true, e) || !take_lock(m, e) ||
               !path_join(m->folder, m->place.config->mirrors_folder, m->name, e)) {
        return false;
    }
    if (!disk_open_folder(&m->copy_disk, m->folder, true, e)) {
        return false;
    }
    const struct log_copy_options options = {
        .copy = m->copy_disk, .state = m->state_disk, .name = m->name, .key = &m->key, .bytes_max = m->place.config->mirror_bytes_max
    };
    return log_copy_open(&m->copy, &options, e);
}

/* ---- Pulling ---- */

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    struct mirroring *m = context;
    progress_show(&m->progress, done, all);
}

static bool pull_once(struct mirroring *m, struct error *e)
{
    const struct mirror_pull pull = { .fetch = source_fetch,
                                      .read_checkpoint = read_checkpoint,
                                      .context = m->source,
                                      .key = &m->key,
                                      .progress = tell_progress,
                                      .progress_context = m };
    m->progress = (struct progress){ .what = "copying" };
    bool ok = mirror_pull(&pull, m->copy, e);
    progress_end(&m->progress);
    return ok;
}

static bool say(const struct mirroring *m, uint64_t before)
{
    const uint64_t size = log_copy_size(m->copy);
    bool ok = m->call->is_json
                  ? output_json(json_pack("{s:s, s:s, s:I, s:I}", "origin", m->key.name, "folder", m->folder, "size", (json_int_t)size,
                                          "new", (json_int_t)(size - before)))
                  : printf("%s: %" PRIu64 " entries, %" PRIu64 " of them new, in %s\n", m->key.name, size, size - before, m->folder) > 0;
    return fflush(stdout) == 0 && ok;
}

static void pause_ms(int64_t ms)
{
    const struct timespec pause = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000) };
    (void)nanosleep(&pause, NULL);
}

static int pull(struct mirroring *m, int64_t every_ms)
{
    struct error e = { 0 };
    uint64_t before = log_copy_size(m->copy);
    if (every_ms == 0) {
        if (!pull_once(m, &e)) {
            return e.kind == ERROR_DENIED ? call_refuse(m->call, &e) : call_fail(m->call, &e);
        }
        return say(m, before) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    /* Until it is ended: a log that can't be reached now may be later; one with two histories never gets well again. */
    for (;;) {
        before = log_copy_size(m->copy);
        if (!pull_once(m, &e)) {
            if (e.kind == ERROR_DENIED || e.kind == ERROR_FULL) {
                return call_refuse(m->call, &e);
            }
            char text[sizeof e];
            (void)fprintf(stderr, "%s: %s\n", m->call->name, error_text(&e, text, sizeof text));
        } else if (log_copy_size(m->copy) != before && !say(m, before)) {
            return COMMAND_NOT_TRIED;
        }
        pause_ms(every_ms);
    }
}

/* ---- The mirror that this gateway is ---- */

struct holding {
    struct disk *disk;
    struct buffer text;
    json_t *logs;
    bool is_json;
};

static void tell_copy(void *context, const char *name, bool is_folder)
{
    struct holding *h = context;
    uint8_t *data = NULL;
    size_t size = 0;
    char path[STATE_NAME_SIZE + 16];
    struct bytes origin, entries;
    if (!is_folder || strlen(name) != STATE_NAME_SIZE - 1) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/checkpoint", name);
    if (disk_read_whole(h->disk, path, 2 * LOG_COPY_NOTE_BYTES_MAX, &data, &size) != 0) {
        return;
    }
    struct reader r = { .left = bytes_of(data, size) };
    origin = reader_line(&r);
    entries = reader_line(&r);
    uint64_t count = 0;
    if (!bytes_to_u64(entries, &count)) {
        free(data); /* damaged: `comity log verify` says so */
        return;
    }
    if (h->is_json) {
        (void)json_array_append_new(h->logs, json_pack("{s:o, s:I, s:s}", "origin", json_of_bytes(origin), "size", (json_int_t)count,
                                                       "folder", name));
    } else {
        buffer_append_format(&h->text, "  %-40.*s %.*s entries, in %s\n", BYTES_FMT(origin), BYTES_FMT(entries), name);
    }
    free(data);
}

static bool write_line(struct mirroring *m, const struct signer *signer, struct buffer *vkey, struct buffer *line)
{
    const struct gateway_config *config = m->place.config;
    const struct directory_gateway *self = copies_gateway(&m->copies, config->origin);
    struct bytes address = self != NULL && self->address_count > 0 ? self->addresses[0] : BYTES("HOST:PORT");
    verifier_write(signer_verifier(signer), vkey);
    buffer_append_format(line, "https://%.*s/mirror", BYTES_FMT(address));
    return !vkey->failed && !line->failed;
}

static int show(struct mirroring *m)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct signer *statement = NULL, *signer = NULL;
    struct buffer vkey, line;
    struct holding h = { .logs = json_array(), .is_json = m->call->is_json };
    const struct gateway_config *config = m->place.config;
    buffer_init(&vkey, 1024);
    buffer_init(&line, 4096);
    buffer_init(&h.text, TEXT_BYTES_MAX);
    if (call_is_given(m->call, "make") && !mirror_key_make(config->origin, config->mirror_key_path, &e)) {
        end = e.kind == ERROR_DENIED ? call_refuse(m->call, &e) : call_fail(m->call, &e);
        goto done;
    }
    if (!signer_load(&statement, config->origin, config->statement_key_path, &e) ||
        !mirror_key_load(&signer, config->origin, config->mirror_key_path, signer_verifier(statement), NULL, &e) ||
        !disk_open_folder(&h.disk, config->mirrors_folder, true, &e)) {
        if (e.kind == ERROR_ABSENT) {
            (void)snprintf(e.todo, sizeof e.todo, "make one with `comity log mirror --make`");
        }
        end = call_fail(m->call, &e);
        goto done;
    }
    (void)h.disk->functions->list(h.disk, "", tell_copy, &h);
    if (!write_line(m, signer, &vkey, &line)) {
        goto done;
    }
    if (m->call->is_json) {
        end = output_json(json_pack("{s:o, s:o, s:O}", "key", json_of_bytes(buffer_bytes(&vkey)), "url", json_of_bytes(buffer_bytes(&line)),
                                    "logs", h.logs))
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
        goto done;
    }
    struct buffer out;
    buffer_init(&out, TEXT_BYTES_MAX);
    buffer_append_format(&out, "Mirror key:\n  %.*s\n\nFor log.mirrors of other gateways:\n  %.*s\n\nCopies:\n",
                         BYTES_FMT(buffer_bytes(&vkey)), BYTES_FMT(buffer_bytes(&line)));
    buffer_append(&out, h.text.size > 0 ? buffer_bytes(&h.text) : BYTES("  none yet\n"));
    end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    buffer_clear(&out);
done:
    json_decref(h.logs);
    buffer_clear(&h.text);
    buffer_clear(&vkey);
    buffer_clear(&line);
    disk_free(h.disk);
    signer_free(signer);
    signer_free(statement);
    return end;
}

static int run_mirror(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    int64_t every_ms = 0;
    struct mirroring *m = calloc(1, sizeof *m);
    const char *every = call_value(call, "every");
    if (m == NULL) {
        (void)error_memory(&e, "mirror");
        return call_fail(call, &e);
    }
    m->call = call;
    m->lock = -1;
    if ((every != NULL && (!duration_parse(bytes_of_text(every), &every_ms) || every_ms < 100)) ||
        (every != NULL && call_is_given(call, "once"))) {
        end = call_misused(call, "--every is a duration from 100ms, and --once is without it");
        goto done;
    }
    if (call->word_count == 1 && call_is_given(call, "make")) {
        end = call_misused(call, "--make is without a log");
        goto done;
    }
    if (!place_open(&m->place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    copies_open(&m->copies, m->place.config);
    if (call->word_count == 0) {
        end = show(m);
    } else if (!find_source(m, call->words[0], &e) || !open_copy(m, &e)) {
        end = call_fail(call, &e);
    } else {
        end = pull(m, every_ms);
    }
done:
    log_copy_close(m->copy);
    disk_free(m->copy_disk);
    disk_free(m->state_disk);
    if (m->lock >= 0) {
        (void)close(m->lock);
    }
    source_close(m->source);
    copies_close(&m->copies);
    place_close(&m->place);
    free(m);
    return end;
}

static const struct command_option mirror_options[] = {
    { "once", NULL, "copy what is there now, and end; as without --every" },
    { "every", "DURATION", "go on until it is ended, looking so often: 10s, 5m" },
    { "key", "VKEY", "the log's key, for a log that the directory does not name" },
    { "to", "FOLDER", "keep the copy there; without it in mirror.folder" },
    { "make", NULL, "make the key of the mirror that this gateway is (keys.mirror)" },
};

const struct command log_mirror_command = {
    .name = "mirror",
    .arguments = "[--make | URL|ORIGIN [--once|--every DURATION] [--key VKEY] [--to FOLDER]]",
    .summary = "keep a copy of another gateway's log, or show the mirror that this gateway is",
    .text =
        "With an address (the URL prefix of a log's tiles) or the origin of a log that the directory names, keeps a durable copy of that log by "
        "plain GET of its tiles. Each entry is proven to belong to the signed checkpoint before it is kept, and the copy's checkpoint moves "
        "only over what is durable; an interrupted copy goes on where it was. Entries are commitments: a copy shows volume and nothing "
        "else. Any static web server may serve it, and 'comity log verify FOLDER' checks it. Ends with 1 when the log shrank or shows "
        "another history than before; the copy then stays as it was.\n"
        "Without a log it shows the key of the mirror that this gateway is for its peers (C2SP tlog-mirror; mirror.logs says for whom), "
        "the address for their log.mirrors, and the copies that it holds.",
    .examples = "comity log mirror AURORA/GOV/HOSPITAL/GW1 --once\n"
                "comity log mirror https://log.hospital.example/log --key 'AURORA/GOV/HOSPITAL/GW1+...' --every 1m\n"
                "comity log mirror --make",
    .options = mirror_options,
    .option_count = COUNT_OF(mirror_options),
    .word_max = 1,
    .run = run_mirror,
};
