/* comity log witness: the witness that this gateway is for others, and what it has seen of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "cli/command_log_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "directory/directory.h"
#include "witness/key.h"
#include "witness/witness.h"

enum { TEXT_BYTES_MAX = 64 * 1024 * 1024 };

/* What the command opens. */
struct witnessed {
    struct call *call;
    struct place place;
    struct signer *signer;
    struct disk *disk;
    struct watch *watch;
    struct witness *witness;
    struct world *world; /* NULL: there is no directory yet, which is said */
    struct buffer vkey, line;
    json_t *logs;
    struct buffer text;
};

static void tell_left_out(void *context, const char *community, const struct error *e)
{
    const struct witnessed *w = context;
    (void)fprintf(stderr, "%s: the community %s is left out: %s\n", w->call->name, community, e->what);
}

static bool open_all(struct witnessed *w, struct error *e)
{
    const struct gateway_config *config = w->place.config;
    struct error why;
    if (!disk_open_folder(&w->disk, config->witness_folder, false, e) || !watch_open(&w->watch, w->disk, e) ||
        !witness_make(&w->witness, w->disk, w->signer, w->watch, config->origin, e)) {
        return false;
    }
    if (!world_load(&w->world, config->member.parts[0], config->directory.file, config->directory.foreign_folder,
                    config->directory.operators, config->directory.operator_count, config->directory.threshold, time_now_ms(), NULL,
                    tell_left_out, w, &why)) {
        char text[sizeof why];
        (void)fprintf(stderr, "%s: no logs are known: %s\n", w->call->name, error_text(&why, text, sizeof text));
        w->world = NULL;
    }
    return true;
}

/* "witness NAME VKEY URL", as another gateway's log.witnesses takes it; the address is the first one that the directory has for us. */
static bool write_line(struct witnessed *w, struct error *e)
{
    const struct gateway_config *config = w->place.config;
    const struct directory_gateway *self = w->world == NULL ? NULL : directory_find_gateway_by_origin(w->world->own, config->origin);
    buffer_append_format(&w->line, "witness %.*s %.*s https://", BYTES_FMT(config->origin), BYTES_FMT(buffer_bytes(&w->vkey)));
    buffer_append(&w->line, self != NULL && self->address_count > 0 ? self->addresses[0] : BYTES("HOST:PORT"));
    buffer_append_text(&w->line, "/witness");
    return !w->line.failed || error_memory(e, "witness");
}

static void tell_log(void *context, const struct witness_log *log)
{
    struct witnessed *w = context;
    const char *origin = log->gateway->statement_key.name;
    bool is_caught = watch_is_distrusted(w->watch, &log->gateway->statement_key);
    char time[TIME_TEXT_SIZE];
    int64_t time_ms = log->time_s > INT64_MAX / 1000 ? INT64_MAX : (int64_t)log->time_s * 1000;
    if (w->call->is_json) {
        json_t *row = json_pack("{s:s, s:b, s:b}", "origin", origin, "cosigned", log->is_cosigned, "distrusted", is_caught);
        if (row != NULL && log->is_cosigned) {
            (void)json_object_set_new(row, "size", json_integer((json_int_t)log->size));
            (void)json_object_set_new(row, "time", json_of_time(time_ms));
        }
        if (row != NULL && log->fault.kind != ERROR_NONE) {
            (void)json_object_set_new(row, "fault", json_string(log->fault.what));
        }
        (void)json_array_append_new(w->logs, row);
        return;
    }
    buffer_append_format(&w->text, "  %-40s ", origin);
    if (log->fault.kind != ERROR_NONE) {
        buffer_append_format(&w->text, "%s; %s", log->fault.what, log->fault.todo);
    } else if (log->is_cosigned) {
        buffer_append_format(&w->text, "%" PRIu64 " entries, cosigned %s", log->size, time_text(time_ms, time));
    } else {
        buffer_append_text(&w->text, "never asked us");
    }
    buffer_append_text(&w->text, is_caught ? "; NOT TRUSTED: two histories\n" : "\n");
}

static int report(struct witnessed *w)
{
    struct call *call = w->call;
    if (w->world != NULL) {
        witness_list(w->witness, w->world, time_now_ms(), tell_log, w);
    }
    if (call->is_json) {
        return output_json(json_pack("{s:o, s:o, s:O}", "key", json_of_bytes(buffer_bytes(&w->vkey)), "policy_line",
                                     json_of_bytes(buffer_bytes(&w->line)), "logs", w->logs))
                   ? COMMAND_DONE
                   : COMMAND_NOT_TRIED;
    }
    struct buffer out;
    buffer_init(&out, TEXT_BYTES_MAX);
    buffer_append_format(&out, "Witness key:\n  %.*s\n\nFor the policy files (log.witnesses) of other gateways:\n  %.*s\n\nLogs:\n",
                         BYTES_FMT(buffer_bytes(&w->vkey)), BYTES_FMT(buffer_bytes(&w->line)));
    buffer_append(&out, w->text.size > 0 ? buffer_bytes(&w->text) : BYTES("  none is known\n"));
    bool ok = output_buffer(&out);
    buffer_clear(&out);
    return ok ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

static int run_witness(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct signer *statement = NULL;
    struct witnessed w = { .call = call, .logs = json_array() };
    buffer_init(&w.vkey, 1024);
    buffer_init(&w.line, 4096);
    buffer_init(&w.text, TEXT_BYTES_MAX);
    if (!place_open(&w.place, call->folder, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    const struct gateway_config *config = w.place.config;
    if (call_is_given(call, "make") && !witness_key_make(config->origin, config->witness_key_path, &e)) {
        end = e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
        goto done;
    }
    if (!signer_load(&statement, config->origin, config->statement_key_path, &e) ||
        !witness_key_load(&w.signer, config->origin, config->witness_key_path, signer_verifier(statement), &e)) {
        if (e.kind == ERROR_ABSENT) {
            (void)snprintf(e.todo, sizeof e.todo, "make one with `comity log witness --make`");
        }
        end = call_fail(call, &e);
        goto done;
    }
    verifier_write(signer_verifier(w.signer), &w.vkey);
    end = open_all(&w, &e) && write_line(&w, &e) ? report(&w) : call_fail(call, &e);
done:
    json_decref(w.logs);
    buffer_clear(&w.text);
    buffer_clear(&w.line);
    buffer_clear(&w.vkey);
    world_release(w.world);
    witness_free(w.witness);
    watch_free(w.watch);
    disk_free(w.disk);
    signer_free(w.signer);
    signer_free(statement);
    place_close(&w.place);
    return end;
}

static const struct command_option witness_options[] = {
    { "make", NULL, "make the witness's key, for a gateway that was set up without one" },
};

const struct command log_witness_command = {
    .name = "witness",
    .arguments = "[--make]",
    .summary = "show the witness that this gateway is for others, and what it cosigned",
    .text =
        "A gateway cosigns the checkpoints of the logs that its directories know (C2SP tlog-witness), with a key of its own. Writes that key, the "
        "line that other gateways put into their log.witnesses, and for each log the newest checkpoint that was cosigned. A log that was "
        "caught with two histories is marked; its proof is in the folder 'equivocation' of log.witness_folder, and 'comity evidence verify' "
        "checks it. Remove the file and send SIGHUP to trust the log again.",
    .examples = "comity log witness\n"
                "comity log witness --make",
    .options = witness_options,
    .option_count = COUNT_OF(witness_options),
    .run = run_witness,
};
