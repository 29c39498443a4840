/* Making bundles of evidence: export, leaving things out, and the file that says whom one trusts. */
#include <stdio.h>
#include <stdlib.h>

#include "audit/export.h"
#include "audit/redact.h"
#include "cli/command_evidence_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "directory/directory.h"
#include "evidence/receipt.h"

int evidence_write(const struct call *call, const struct bundle *bundle)
{
    struct error e = { 0 };
    struct buffer out;
    const char *file = call_value(call, "output");
    int end = COMMAND_DONE;
    buffer_init(&out, BUNDLE_FILE_BYTES_MAX);
    bundle_write_file(bundle, &out);
    if (out.failed) {
        error_set(&e, ERROR_FULL, "evidence", NULL, "the file would be larger than %d bytes", BUNDLE_FILE_BYTES_MAX);
        end = call_fail(call, &e);
    } else if (file == NULL) {
        end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    } else if (!file_write_whole_new(file, buffer_bytes(&out), 0600, &e)) {
        end = call_fail(call, &e);
    } else if (call->is_json) {
        end = output_json(json_pack("{s:s, s:I, s:b}", "file", file, "bytes", (json_int_t)out.size, "ok", 1)) ? COMMAND_DONE
                                                                                                              : COMMAND_NOT_TRIED;
    } else {
        (void)fprintf(stderr, "%s: wrote %s, %zu bytes; it opens what it shows, so give it only to those who may see it\n", call->name,
                      file, out.size);
    }
    buffer_wipe(&out);
    return end;
}

/* ---- export ---- */

struct exporting_call {
    struct place place;
    struct disk *archive;
    struct bundle bundle;
    struct arena arena;
    struct buffer checkpoint;
    struct buffer token_data[BUNDLE_TIMESTAMPS_MAX];
    struct bytes tokens[BUNDLE_TIMESTAMPS_MAX];
    size_t token_count;
    struct progress progress;
};

static void show_progress(void *context, uint64_t done, uint64_t all)
{
    progress_show(context, done, all);
}

static bool read_tokens(struct exporting_call *x, const struct call *call, struct error *e)
{
    const char *files[BUNDLE_TIMESTAMPS_MAX];
    x->token_count = call_values(call, "timestamp", files, BUNDLE_TIMESTAMPS_MAX);
    if (x->token_count > BUNDLE_TIMESTAMPS_MAX) {
        x->token_count = 0;
        return error_set(e, ERROR_INPUT, "--timestamp", NULL, "a checkpoint may have up to %d", BUNDLE_TIMESTAMPS_MAX);
    }
    for (size_t i = 0; i < x->token_count; i++) {
        if (!file_read_whole(files[i], &x->token_data[i], e)) {
            return false;
        }
        x->tokens[i] = buffer_bytes(&x->token_data[i]);
    }
    return true;
}

static bool export_read(struct exporting_call *x, const struct call *call, struct error *e)
{
    const char *checkpoint = call_value(call, "checkpoint");
    return read_tokens(x, call, e) && (checkpoint == NULL || file_read_whole(checkpoint, &x->checkpoint, e)) &&
           place_open(&x->place, call->folder, e) && place_open_disks(&x->place, e) &&
           disk_open_folder(&x->archive, x->place.config->archive_folder, false, e) && bundle_init(&x->bundle, e);
}

static bool export_make(struct exporting_call *x, const struct call *call, unsigned redaction, struct error *e)
{
    const struct export_source source = { x->place.public_disk, x->place.private_disk, x->archive, x->place.config->origin };
    const struct export_options options = {
        .exchange = bytes_of_text(call_value(call, "exchange")),
        .checkpoint = buffer_bytes(&x->checkpoint),
        .timestamps = x->tokens,
        .timestamp_count = x->token_count,
        .has_policy = call_is_given(call, "policy"),
        .progress = show_progress,
        .context = &x->progress,
    };
    bool ok = bundle_export(&source, &options, &x->bundle, &x->arena, e);
    progress_end(&x->progress);
    return ok && bundle_redact(&x->bundle, redaction, &x->arena, e);
}

static int run_export(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    unsigned redaction = 0;
    struct exporting_call *x = calloc(1, sizeof *x);
    if (x == NULL) {
        error_memory(&e, "evidence");
        return call_fail(call, &e);
    }
    x->progress.what = "looking";
    buffer_init(&x->checkpoint, RECEIPT_BYTES_MAX);
    for (size_t i = 0; i < BUNDLE_TIMESTAMPS_MAX; i++) {
        buffer_init(&x->token_data[i], BUNDLE_TIMESTAMP_BYTES_MAX);
    }
    if (!call_is_given(call, "exchange")) {
        end = call_misused(call, "name the exchange: --exchange ID, as in X-Road-Request-Id");
    } else if ((call_is_given(call, "redact") && !redaction_parse(bytes_of_text(call_value(call, "redact")), &redaction, &e)) ||
               !export_read(x, call, &e)) {
        end = call_fail(call, &e);
    } else if (!export_make(x, call, redaction, &e)) {
        end = e.kind == ERROR_ABSENT || e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
    } else {
        end = evidence_write(call, &x->bundle);
    }
    bundle_clear(&x->bundle);
    arena_clear(&x->arena);
    buffer_wipe(&x->checkpoint);
    for (size_t i = 0; i < BUNDLE_TIMESTAMPS_MAX; i++) {
        buffer_wipe(&x->token_data[i]);
    }
    disk_free(x->archive);
    place_close(&x->place);
    free(x);
    return end;
}

/* ---- redact ---- */

static int run_redact(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct refusal refusal = { 0 };
    struct bundle bundle = { 0 };
    struct arena arena = { 0 };
    struct buffer file;
    unsigned redaction = 0;
    buffer_init(&file, BUNDLE_FILE_BYTES_MAX);
    if (!call_is_given(call, "remove")) {
        end = call_misused(call, "say what to leave out: --remove person,policy");
    } else if (!redaction_parse(bytes_of_text(call_value(call, "remove")), &redaction, &e) || !file_read_whole(call->words[0], &file, &e) ||
               !bundle_init(&bundle, &e)) {
        end = call_fail(call, &e);
    } else if (!bundle_parse_file(buffer_bytes(&file), &bundle, &refusal)) {
        end = evidence_refuse(call, &refusal);
    } else if (!bundle_redact(&bundle, redaction, &arena, &e)) {
        end = e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
    } else {
        end = evidence_write(call, &bundle);
    }
    bundle_clear(&bundle);
    arena_clear(&arena);
    buffer_wipe(&file);
    return end;
}

/* ---- trust ---- */

static bool append_witnesses(const struct gateway_config *config, struct buffer *out, struct error *e)
{
    if (config->witnesses_file == NULL) {
        buffer_append_text(
            out, "\n# This gateway has no witnesses: nothing but its own word says that its log was not rewritten.\nquorum none\n");
        return true;
    }
    buffer_append_text(out, "\n# The witnesses of this gateway's log, and how many are enough. Take out those that you do not trust.\n");
    return file_read_whole(config->witnesses_file, out, e);
}

bool evidence_write_trust(const struct gateway_config *config, struct buffer *out, struct error *e)
{
    struct directory *directory = NULL;
    buffer_append_text(out,
                       "# Whom to trust when evidence is verified (docs/evidence.md). Compare each key with what its owner publishes.\n");
    trust_write_community(out, config->member.parts[0], config->directory.threshold, config->directory.operators,
                          config->directory.operator_count);
    bool ok = gateway_config_check_complete(config, e) && directory_load(&directory, config->directory.file, config->directory.operators,
                                                                         config->directory.operator_count, config->directory.threshold, e);
    if (ok) {
        buffer_append_text(out, "\n# Whom it recognises. Without these lines its directory's word is taken for them.\n");
        for (size_t i = 0; i < directory->recognised_count; i++) {
            const struct directory_recognition *r = &directory->recognised[i];
            trust_write_community(out, r->community, r->threshold, r->operators, r->operator_count);
        }
        ok = append_witnesses(config, out, e);
    }
    directory_free(directory);
    return ok && (!out->failed || error_memory(e, "trust"));
}

static int run_trust(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct place place = { 0 };
    struct buffer out;
    const char *file = call_value(call, "output");
    buffer_init(&out, QUORUM_BYTES_MAX);
    if (!place_open(&place, call->folder, &e) || !evidence_write_trust(place.config, &out, &e)) {
        end = call_fail(call, &e);
    } else if (file == NULL) {
        end = output_buffer(&out) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    } else {
        end = file_write_whole_new(file, buffer_bytes(&out), 0644, &e) ? COMMAND_DONE : call_fail(call, &e);
    }
    buffer_clear(&out);
    place_close(&place);
    return end;
}

/* ---- Tables ---- */

static const struct command_option export_options[] = {
    { "exchange", "ID", "the exchange's id: X-Road-Request-Id of the answer" },
    { "output", "FILE", "write it there, a new file; without it to standard output" },
    { "policy", NULL, "with the text of the policy that was in force" },
    { "redact", "WHAT", "leave out: person, path, request, decision, answer, consent, policy; several with commas" },
    { "checkpoint", "FILE", "prove under this checkpoint of our log, which was kept; without it under the newest cosigned one" },
    { "timestamp", "FILE", "an RFC 3161 token over that checkpoint; may come more than once" },
};

const struct command evidence_export_command = {
    .name = "export",
    .arguments = "--exchange ID [--output FILE] [--policy] [--redact WHAT]",
    .summary = "write one file that proves an exchange to a stranger",
    .text =
        "Writes a bundle: request, decision, answer and consents, as far as this gateway may open them, with receipts of both logs, the "
        "directories that made the keys valid at that time, and what says that they were in force. Works on either side of the exchange, "
        "while the gateway runs or not.\n"
        "The file opens what it shows: it may name the person. --redact leaves statements out, whole; that they stand in the log is still "
        "proved, and what is left verifies.",
    .examples = "comity evidence export --exchange c7469189-d17f-4694-8ba5-aae179643285 --output case-12.comity-evidence\n"
                "comity evidence export --exchange c7469189-d17f-4694-8ba5-aae179643285 --redact person --output public.comity-evidence",
    .options = export_options,
    .option_count = COUNT_OF(export_options),
    .run = run_export,
};

static const struct command_option redact_options[] = {
    { "remove", "WHAT", "leave out: person, path, request, decision, answer, consent, policy; several with commas" },
    { "output", "FILE", "write it there, a new file; without it to standard output" },
};

const struct command evidence_redact_command = {
    .name = "redact",
    .arguments = "FILE --remove WHAT [--output FILE]",
    .summary = "leave out of a bundle what its recipient may not see",
    .text =
        "Writes the bundle again without the statements that are named. A statement goes whole, with its salt; what stays is its entry in the "
        "log, which tells nobody what it was. 'person' takes every statement in which the person's identifier stands. Digests in the "
        "statements that stay can confirm a guess by somebody who knows all the rest of what they were made of: docs/evidence.md says of which.",
    .examples = "comity evidence redact case-12.comity-evidence --remove person,policy --output public.comity-evidence",
    .options = redact_options,
    .option_count = COUNT_OF(redact_options),
    .word_min = 1,
    .word_max = 1,
    .run = run_redact,
};

static const struct command_option trust_options[] = {
    { "output", "FILE", "write it there, a new file; without it to standard output" },
};

const struct command evidence_trust_command = {
    .name = "trust",
    .arguments = "[--output FILE]",
    .summary = "write whom this gateway trusts, as a file for 'comity evidence verify'",
    .text =
        "Writes the operators of this gateway's community, those of the communities that it recognises, and its witnesses. It is what this "
        "gateway believes: whoever verifies evidence compares the keys with what their owners publish.",
    .examples = "comity evidence trust --output trust.txt",
    .options = trust_options,
    .option_count = COUNT_OF(trust_options),
    .run = run_trust,
};

static const struct command *const evidence_parts[] = {
    &evidence_export_command,
    &evidence_verify_command,
    &evidence_redact_command,
    &evidence_trust_command,
};

const struct command command_evidence = {
    .name = "evidence",
    .arguments = "export|redact|trust|verify ...",
    .summary = "prove an exchange to a stranger, and verify such proofs offline",
    .text =
        "A bundle (.comity-evidence) is one file with everything that proves an exchange. Anybody can verify it who has the keys of those "
        "whom he trusts: no gateway, no network. docs/evidence.md describes it, and tools/verify-evidence.py is a second verifier that "
        "shares no code with this one.",
    .parts = evidence_parts,
    .part_count = COUNT_OF(evidence_parts),
};
