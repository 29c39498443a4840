/* comity log recover: what an old copy of a log has lost comes back from a copy of its public folder. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/command_log_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "crypto/note.h"
#include "directory/directory.h"
#include "evidence/log_recover.h"
#include "evidence/quorum.h"
#include "witness/cosigner.h"
#include "witness/peer.h"
#include "witness/source.h"
#include "witness/state.h"
#include "witness/url.h"

enum { NOTE_BYTES_MAX = 64 * 1024, CANDIDATE_SIZE = 2048 };

struct recovering {
    struct call *call;
    struct place place;
    struct quorum *policy; /* NULL: log.witnesses is not set */
    struct world *world;   /* NULL: no directory could be read; then nobody is known by his pins */
    struct tls *tls;       /* NULL likewise */
    struct source *source;
    char from[CANDIDATE_SIZE];
    struct buffer note; /* the checkpoint that is recovered to */
    struct checkpoint_view at;
    bool is_cosigned;
    uint64_t first, recovered;
    struct progress progress;
};

static void open_world(struct recovering *r)
{
    const struct gateway_config *config = r->place.config;
    struct error ignored;
    if (!world_load(&r->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                    config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), NULL, NULL,
                    NULL, &ignored)) {
        r->world = NULL;
    }
}

static bool open_all(struct recovering *r, struct error *e)
{
    struct place *place = &r->place;
    struct buffer text;
    if (place->config->witnesses_file != NULL) {
        buffer_init(&text, QUORUM_BYTES_MAX);
        bool ok = file_read_whole(place->config->witnesses_file, &text, e) &&
                  quorum_parse(&r->policy, buffer_bytes(&text), place->config->witnesses_file, e);
        buffer_clear(&text);
        if (!ok) {
            return false;
        }
    }
    open_world(r);
    return place_open_disks(place, e) && signer_load(&place->signer, place->config->origin, place->config->statement_key_path, e) &&
           log_open(&place->log, place->public_disk, place->private_disk, place->config->lock_path, place->signer, e);
}

/* ---- Where from ---- */

static bool nobody(void *context, const uint8_t pin[PIN_SIZE])
{
    (void)context, (void)pin;
    return false;
}

/* A gateway of the directory is known by its pins; everybody else by the system's authorities. */
static bool open_source(struct recovering *r, const char *from, struct error *e)
{
    const struct gateway_config *config = r->place.config;
    struct source_options options = { .tls = NULL };
    struct witness_url url;
    const struct directory_gateway *peer = NULL;
    source_close(r->source);
    r->source = NULL;
    if (r->world != NULL && witness_url_parse(&url, bytes_of_text(from), from, NULL) && url.is_tls) {
        peer = peer_by_address(r->world, bytes_of_text(url.address), time_now_ms());
    }
    if (peer != NULL) {
        if (r->tls == NULL && !tls_make_peer(&r->tls, config->certificate_path, config->tls_key_path, nobody, NULL, e)) {
            return false;
        }
        options = (struct source_options){ .tls = r->tls,
                                           .pins = (const uint8_t(*)[PIN_SIZE])peer->tls_pins,
                                           .pin_count = peer->tls_pin_count };
    }
    (void)snprintf(r->from, sizeof r->from, "%s", from);
    return source_open(&r->source, from, &options, e);
}

/* One of the copy's two checkpoints, if our own key signed it. Absent is no error. */
static bool read_checkpoint(struct recovering *r, const char *path, struct error *e)
{
    struct buffer text;
    struct quorum_result *result = calloc(1, sizeof *result);
    const struct verifier *key = signer_verifier(r->place.signer);
    static const struct quorum none = { .is_none = true };
    buffer_init(&text, NOTE_BYTES_MAX);
    bool ok = result != NULL || error_memory(e, path);
    if (ok && !source_read(r->source, path, &text, e)) {
        ok = e->kind == ERROR_ABSENT;
    } else if (ok && !quorum_check(r->policy == NULL ? &none : r->policy, key, buffer_bytes(&text), result, path, e)) {
        e->kind = ERROR_DENIED;
        ok = false;
    } else if (ok && (r->note.size == 0 || result->checkpoint.size > r->at.size)) {
        buffer_reset(&r->note);
        buffer_append(&r->note, buffer_bytes(&text));
        r->at = result->checkpoint;
        r->at.origin = bytes_of_text(key->name);
        r->is_cosigned = r->policy == NULL || (result->is_met && !r->policy->is_none);
        ok = !r->note.failed || error_memory(e, path);
    }
    buffer_clear(&text);
    free(result);
    return ok;
}

static bool read_checkpoints(struct recovering *r, struct error *e)
{
    buffer_reset(&r->note);
    if (!read_checkpoint(r, COSIGNED_PATH, e) || !read_checkpoint(r, "checkpoint", e)) {
        return false;
    }
    return r->note.size > 0 || error_set(e, ERROR_ABSENT, r->from, "name a copy of this log's public folder", "it holds no checkpoint");
}

/* The best copy so far: the one with the most entries. */
struct best {
    char from[CANDIDATE_SIZE];
    uint64_t size;
};

/* A mirror's copy at PREFIX/HEX, if it is at hand and has more than the best. */
static void try_mirror(struct recovering *r, struct bytes prefix, const char *name, struct best *best)
{
    char from[CANDIDATE_SIZE];
    struct error why;
    if (snprintf(from, sizeof from, "%.*s/%s", BYTES_FMT(prefix), name) < (int)sizeof from && open_source(r, from, &why) &&
        read_checkpoints(r, &why) && r->at.size > best->size) {
        best->size = r->at.size;
        memcpy(best->from, from, sizeof from);
    }
}

/* Without --from: the mirrors that our log was pushed to, and those of the gateways that witness us. */
static bool find_mirror(struct recovering *r, struct error *e)
{
    const struct gateway_config *config = r->place.config;
    struct best best = { .size = log_size(r->place.log) };
    char name[STATE_NAME_SIZE];
    state_name(config->origin, name);
    for (size_t i = 0; i < config->mirror_count; i++) {
        try_mirror(r, bytes_of_text(config->mirrors[i]), name, &best);
    }
    for (size_t i = 0; r->policy != NULL && i < r->policy->witness_count; i++) {
        struct bytes url = r->policy->witnesses[i].url;
        char prefix[CANDIDATE_SIZE];
        if (bytes_end_with(url, BYTES("/witness")) &&
            snprintf(prefix, sizeof prefix, "%.*s/mirror", BYTES_FMT(bytes_slice(url, 0, url.size - 8))) < (int)sizeof prefix) {
            try_mirror(r, bytes_of_text(prefix), name, &best);
        }
    }
    if (best.from[0] == '\0') {
        return error_set(e, ERROR_ABSENT, "mirrors", "name one by --from URL or --from FOLDER",
                         "no mirror of log.mirrors, and no gateway of log.witnesses, is at hand with more entries of this log");
    }
    return open_source(r, best.from, e) && read_checkpoints(r, e);
}

/* ---- Taking over ---- */

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    struct recovering *r = context;
    progress_show(&r->progress, done, all);
}

static bool take_over(struct recovering *r, struct error *e)
{
    const struct log_source source = { .fetch = source_fetch, .context = r->source, .at = r->at };
    r->progress.what = "recovering";
    r->first = log_size(r->place.log);
    bool ok = log_recover(r->place.log, &source, tell_progress, r, &r->recovered, e);
    progress_end(&r->progress);
    return ok;
}

static int report(const struct recovering *r)
{
    const uint64_t end = r->first + r->recovered;
    if (r->call->is_json) {
        return output_json(json_pack("{s:s, s:I, s:I, s:I, s:b}", "source", r->from, "from", (json_int_t)r->first, "to", (json_int_t)end,
                                     "recovered", (json_int_t)r->recovered, "cosigned", r->is_cosigned))
                   ? COMMAND_DONE
                   : COMMAND_NOT_TRIED;
    }
    const struct gateway_config *config = r->place.config;
    bool ok = printf(
                  "Recovered %" PRIu64 " entries from %s: %" PRIu64 " to %" PRIu64 ".\n"
                  "Each was proven to belong to a checkpoint that this log's key signed. Of these entries only the commitments are known:\n"
                  "their statements are lost here, and the other side of each exchange has its own. 'comity log verify' checks the whole.\n"
                  "Wait %lld s (limits.replay_window) after the loss before the gateway is started: requests that it accepted\n"
                  "in these entries can't be told from new ones.\n",
                  r->recovered, r->from, r->first, end - 1, (long long)(config->replay_window_ms / 1000)) > 0;
    if (ok && !r->is_cosigned) {
        ok = printf("That checkpoint is not cosigned by a quorum of log.witnesses. The start asks the witnesses whether there is more.\n") >
             0;
    }
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_recover(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct recovering r = { .call = call };
    const char *from = call_value(call, "from");
    buffer_init(&r.note, NOTE_BYTES_MAX);
    if (!place_open(&r.place, call->folder, &e) || !open_all(&r, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    bool ok = from == NULL ? find_mirror(&r, &e) : open_source(&r, from, &e);
    if (!ok) {
        end = call_fail(call, &e);
        goto done;
    }
    if ((from != NULL && !read_checkpoints(&r, &e)) || !take_over(&r, &e)) {
        end = e.kind == ERROR_DENIED || e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
        goto done;
    }
    end = report(&r);
done:
    source_close(r.source);
    buffer_clear(&r.note);
    tls_free(r.tls);
    world_release(r.world);
    quorum_free(r.policy);
    place_close(&r.place);
    return end;
}

static const struct command_option recover_options[] = {
    { "from", "URL|FOLDER",
      "a copy of this log's public folder; without it the mirrors of log.mirrors and of the gateways in log.witnesses" },
};

const struct command log_recover_command = {
    .name = "recover",
    .arguments = "[--from URL|FOLDER]",
    .summary = "fetch the entries that an old copy of this log has lost",
    .text =
        "For a log that was restored from a backup and does not start, because its witnesses have cosigned more entries than it has. Fetches the "
        "missing ones from a copy of its public folder: a mirror that another gateway keeps (https://HOST:PORT/mirror/HEX), any web "
        "server, or a folder. Each entry is proven to belong to a checkpoint that this log's own key signed, so a copy can be of "
        "anybody, and no size ever gets a second root. What the entries commit to is lost; their indexes are told.\n"
        "A log that was written to after it was restored, so that its entries are others than the lost ones, has two histories and can't go "
        "on: make a gateway with another code, and keep both. Only while the gateway is stopped.",
    .examples = "comity log recover\n"
                "comity log recover --from /mnt/rsync/log",
    .options = recover_options,
    .option_count = COUNT_OF(recover_options),
    .run = run_recover,
};
