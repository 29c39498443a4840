/* Proving that an entry is in the log, and verifying logs and receipts, our own and others'. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/kept_signatures.h"
#include "cli/command_log_internal.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/place.h"
#include "crypto/note.h"
#include "evidence/log.h"
#include "evidence/tile.h"

enum { FAULTS_SHOWN_MAX = 1000, CHECKPOINT_FILE_MAX = 64 * 1024 };

/* ---- prove ---- */

static int run_prove(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    uint64_t index = 0;
    struct error e = { 0 };
    struct place place = { 0 };
    struct log_reader *reader = NULL;
    struct buffer receipt;
    buffer_init(&receipt, RECEIPT_BYTES_MAX);
    if (!log_index_parse(call, call->words[0], &index)) {
        return COMMAND_NOT_TRIED;
    }
    if (!place_open(&place, call->folder, &e) || !place_open_disks(&place, &e) ||
        !log_reader_open(&reader, place.public_disk, place.private_disk, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (!log_reader_prove(reader, index, &receipt, &e)) {
        end = e.kind == ERROR_ABSENT ? call_refuse(call, &e) : call_fail(call, &e);
        goto done;
    }
    if (call->is_json) {
        end = output_json(json_pack("{s:I, s:o}", "index", (json_int_t)index, "receipt", json_of_bytes(buffer_bytes(&receipt))))
                  ? COMMAND_DONE
                  : COMMAND_NOT_TRIED;
    } else {
        end = output_buffer(&receipt) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
done:
    log_reader_close(reader);
    buffer_clear(&receipt);
    place_close(&place);
    return end;
}

/* ---- A whole log ---- */

/* The log to verify: a gateway's, or the public folder of any. */
struct target {
    struct place place;
    struct disk *public_disk, *private_disk; /* borrowed from the place, or `own` */
    struct disk *own;
    struct disk *archive; /* of a gateway: the directories that were in force */
    struct kept_signatures *signatures;
    struct verifier key;
    const char *folder;
};

static bool take_key(struct target *t, const struct call *call, struct error *e)
{
    struct signer *signer = NULL;
    const char *given = call_value(call, "key");
    if (given != NULL) {
        return verifier_parse(&t->key, bytes_of_text(given), "--key", e);
    }
    if (t->place.config == NULL) {
        return error_set(e, ERROR_INPUT, "--key", "give the log's key (vkey): the gateway's statement key in the directory",
                         "a public folder alone does not say whose log it is");
    }
    if (!signer_load(&signer, t->place.config->origin, t->place.config->statement_key_path, e)) {
        return false;
    }
    t->key = *signer_verifier(signer);
    signer_free(signer);
    return true;
}

/* Beside a gateway's records lie messages' own signatures: they are checked, too. */
static bool take_signatures(struct target *t, struct error *e)
{
    const struct gateway_config *config = t->place.config;
    if (!disk_open_folder(&t->archive, config->archive_folder, false, e)) {
        return false;
    }
    const struct kept_signatures_source source = {
        .archive = t->archive,
        .log = &t->key,
        .operators = config->directory.operators,
        .operator_count = config->directory.operator_count,
        .threshold = config->directory.threshold,
    };
    return kept_signatures_make(&t->signatures, &source, e);
}

static bool target_open(struct target *t, const struct call *call, struct error *e)
{
    char path[PLACE_PATH_SIZE];
    t->folder = call->word_count == 1 ? call->words[0] : call->folder;
    if (!path_join(path, t->folder, "gateway.yaml", e)) {
        return false;
    }
    if (call->word_count == 0 || file_is_there(path)) {
        if (!place_open(&t->place, t->folder, e) || !place_open_disks(&t->place, e)) {
            return false;
        }
        t->public_disk = t->place.public_disk;
        t->private_disk = t->place.private_disk;
        return take_key(t, call, e) && take_signatures(t, e);
    }
    /* Looked for first, because opening a disk makes its folder. */
    if (!path_join(path, t->folder, "checkpoint", e)) {
        return false;
    }
    if (!file_is_there(path)) {
        return error_set(e, ERROR_ABSENT, t->folder, "name a gateway's folder, or its public log folder",
                         "there is neither gateway.yaml nor checkpoint");
    }
    if (!take_key(t, call, e) || !disk_open_folder(&t->own, t->folder, true, e)) {
        return false;
    }
    t->public_disk = t->own;
    return true;
}

static void target_close(struct target *t)
{
    kept_signatures_free(t->signatures);
    disk_free(t->archive);
    disk_free(t->own);
    place_close(&t->place);
}

struct verifying {
    const struct call *call;
    json_t *faults; /* with --json */
    uint64_t shown;
    struct progress progress;
};

static void tell_fault(void *context, const struct error *e)
{
    struct verifying *v = context;
    char text[sizeof *e];
    progress_end(&v->progress);
    if (v->shown++ >= FAULTS_SHOWN_MAX) {
        return; /* they are counted all the same */
    }
    if (v->faults != NULL) {
        (void)json_array_append_new(v->faults, json_pack("{s:s, s:s, s:s}", "where", e->where, "what", e->what, "todo", e->todo));
    } else {
        (void)printf("fault: %s\n", error_text(e, text, sizeof text));
    }
}

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    struct verifying *v = context;
    progress_show(&v->progress, done, all);
}

static int verify_log(struct call *call, struct target *t)
{
    struct error e = { 0 };
    uint64_t entries = 0, faults = 0;
    struct verifying v = { .call = call, .faults = call->is_json ? json_array() : NULL, .progress = { .what = "verifying" } };
    bool ok = log_verify_also(t->public_disk, t->private_disk, &t->key, t->signatures == NULL ? NULL : kept_signatures_check, t->signatures,
                              tell_fault, tell_progress, &v, &entries, &faults, &e);
    progress_end(&v.progress);
    if (!ok) {
        json_decref(v.faults);
        return call_fail(call, &e);
    }
    bool is_written;
    if (call->is_json) {
        is_written = output_json(json_pack("{s:s, s:I, s:I, s:o, s:b}", "origin", t->key.name, "entries", (json_int_t)entries,
                                           "fault_count", (json_int_t)faults, "faults", v.faults, "ok", faults == 0));
    } else if (faults == 0) {
        is_written = printf("%s: %" PRIu64 " entries, good%s\n", t->key.name, entries,
                            t->private_disk == NULL ? " (public part alone: the statements were not looked at)" : "") > 0;
    } else {
        is_written = printf("%s: %" PRIu64 " entries, %" PRIu64 " faults\n", t->key.name, entries, faults) > 0;
    }
    return !is_written ? COMMAND_NOT_TRIED : faults == 0 ? COMMAND_DONE : COMMAND_NO;
}

/* ---- One receipt ---- */

/* The log's size by its checkpoint, which must have a good signature. */
static bool read_size(struct disk *disk, const struct verifier *key, uint64_t *size, struct error *e)
{
    uint8_t *data = NULL;
    size_t data_size = 0, good = 0;
    struct checkpoint_view view;
    struct note *note = calloc(1, sizeof *note);
    if (note == NULL) {
        return error_memory(e, "checkpoint");
    }
    int fault = disk_read_whole(disk, "checkpoint", CHECKPOINT_FILE_MAX, &data, &data_size);
    bool ok = fault == 0 ? note_parse(note, bytes_of(data, data_size), "checkpoint", e)
                         : error_set(e, ERROR_IO, "checkpoint", "check the folder", "%s", strerror(fault));
    ok = ok && note_verify(note, key, 1, &good, NULL, "checkpoint", e) && checkpoint_parse(note->text, &view, "checkpoint", e);
    if (ok && good == 0) {
        ok = error_set(e, ERROR_DENIED, "checkpoint", "is it that log's folder?", "is not signed by %s", key->name);
    }
    if (ok) {
        *size = view.size;
    }
    free(data);
    free(note);
    return ok;
}

/* Does the public folder have the receipt's entry at its place? The folder's own tree is verified before, by log_verify(). */
static bool is_entry_of(struct disk *disk, const struct verifier *key, const struct receipt *receipt, struct bytes statement,
                        struct error *e)
{
    uint64_t size = 0;
    uint8_t want[SHA256_SIZE], found[SHA256_SIZE];
    uint8_t *data = NULL;
    size_t data_size = 0;
    char path[TILE_PATH_SIZE];
    if (!read_size(disk, key, &size, e)) {
        return false;
    }
    if (receipt->index >= size) {
        return error_set(e, ERROR_DENIED, "the log", "get a newer copy of it", "it ends before entry %" PRIu64, receipt->index);
    }
    struct tile tile = { TILE_ENTRIES, receipt->index / TILE_WIDTH, 0 };
    tile.width = tile_width(TILE_ENTRIES, tile.index, size);
    tile_path(tile, path);
    int fault = disk_read_whole(disk, path, BUNDLE_BYTES_MAX, &data, &data_size);
    if (fault != 0) {
        return error_set(e, ERROR_IO, path, "check the folder", "%s", strerror(fault));
    }
    commitment(receipt->salt, statement, want);
    bool ok = bundle_entry(bytes_of(data, data_size), (unsigned)(receipt->index % TILE_WIDTH), found) &&
              memcmp(want, found, sizeof want) == 0;
    free(data);
    return ok ||
           error_set(e, ERROR_DENIED, path, "keep both: this log has two histories", "entry %" PRIu64 " is another one", receipt->index);
}

/* The folder that is named beside a receipt. */
static bool check_against_log(const struct call *call, const struct verifier *key, const struct receipt *receipt, struct bytes statement,
                              struct error *e)
{
    bool ok = false;
    uint64_t entries = 0, faults = 0;
    struct target t = { 0 };
    struct verifying v = { .call = call, .faults = json_array(), .progress = { .what = "verifying" } };
    if (target_open(&t, call, e) && log_verify(t.public_disk, NULL, key, tell_fault, tell_progress, &v, &entries, &faults, e)) {
        const char *first = json_string_value(json_object_get(json_array_get(v.faults, 0), "where"));
        ok = faults == 0 ? is_entry_of(t.public_disk, key, receipt, statement, e)
                         : error_set(e, ERROR_DENIED, first == NULL ? t.folder : first, "see 'comity log verify' on that folder",
                                     "the log itself has %" PRIu64 " faults", faults);
    }
    progress_end(&v.progress);
    json_decref(v.faults);
    target_close(&t);
    return ok;
}

static int report_receipt(const struct call *call, const struct verifier *key, const struct receipt *receipt,
                          const struct checkpoint_view *view)
{
    if (call->is_json) {
        return output_json(json_pack("{s:s, s:I, s:I, s:b}", "origin", key->name, "index", (json_int_t)receipt->index, "size",
                                     (json_int_t)view->size, "ok", 1))
                   ? COMMAND_DONE
                   : COMMAND_NOT_TRIED;
    }
    return printf("good: the statement is entry %" PRIu64 " of %s, by its checkpoint of %" PRIu64 " entries%s\n", receipt->index, key->name,
                  view->size, call->word_count == 1 ? ", and in that folder" : "") > 0
               ? COMMAND_DONE
               : COMMAND_NOT_TRIED;
}

static int verify_receipt(struct call *call)
{
    int end = COMMAND_NOT_TRIED;
    struct error e = { 0 };
    struct buffer text, statement;
    struct verifier key;
    struct checkpoint_view view;
    struct receipt *receipt = calloc(1, sizeof *receipt);
    buffer_init(&text, RECEIPT_BYTES_MAX);
    buffer_init(&statement, RECORD_STATEMENT_BYTES_MAX);
    if (receipt == NULL) {
        error_memory(&e, "receipt");
        return call_fail(call, &e);
    }
    if (!verifier_parse(&key, bytes_of_text(call_value(call, "key")), "--key", &e) ||
        !file_read_whole(call_value(call, "receipt"), &text, &e) || !file_read_whole(call_value(call, "statement"), &statement, &e)) {
        end = call_fail(call, &e);
        goto done;
    }
    if (!receipt_parse(buffer_bytes(&text), receipt, &e) || !receipt_verify(receipt, buffer_bytes(&statement), &key, NULL, &view, &e)) {
        end = call_refuse(call, &e);
        goto done;
    }
    if (call->word_count == 1 && !check_against_log(call, &key, receipt, buffer_bytes(&statement), &e)) {
        end = e.kind == ERROR_DENIED ? call_refuse(call, &e) : call_fail(call, &e);
        goto done;
    }
    end = report_receipt(call, &key, receipt, &view);
done:
    free(receipt);
    buffer_clear(&text);
    buffer_clear(&statement);
    return end;
}

static int run_verify(struct call *call)
{
    struct error e = { 0 };
    struct target t = { 0 };
    bool has_receipt = call_is_given(call, "receipt");
    if (has_receipt != call_is_given(call, "statement") || (has_receipt && !call_is_given(call, "key"))) {
        return call_misused(call, "--receipt, --statement and --key go together");
    }
    if (has_receipt) {
        return verify_receipt(call);
    }
    int end = target_open(&t, call, &e) ? verify_log(call, &t) : call_fail(call, &e);
    target_close(&t);
    return end;
}

/* ---- Tables ---- */

const struct command log_prove_command = {
    .name = "prove",
    .arguments = "INDEX",
    .summary = "write the receipt of an entry",
    .text =
        "Writes a C2SP tlog-proof: with the entry's statement ('comity log show INDEX --part statement') it proves to anyone who has the "
        "log's public key that the statement is in the log. It opens this one entry, so give it only to those who may see the statement.",
    .examples = "comity log prove 12 >12.tlog-proof\n"
                "comity log show 12 --part statement >12.statement",
    .word_min = 1,
    .word_max = 1,
    .run = run_prove,
};

static const struct command_option verify_options[] = {
    { "key", "VKEY", "the log's key; without it that of the gateway's folder" },
    { "receipt", "FILE", "verify this receipt instead of a whole log" },
    { "statement", "FILE", "with --receipt: the statement that it is for" },
};

const struct command log_verify_command = {
    .name = "verify",
    .arguments = "[--key VKEY] [FOLDER] | --receipt FILE --statement FILE --key VKEY [FOLDER]",
    .summary = "verify a whole log, or one receipt",
    .text =
        "Reads a whole log: the checkpoint's signature, every tile and entry up to the root, and in a gateway's folder every record against "
        "its commitment, and each message's own signature against its sender's key. FOLDER is a gateway's folder or the public folder of any log, a peer's copy for example; without it the "
        "folder of -C. Names each damaged entry and ends with 1 if there is one.\n"
        "With --receipt it checks that the statement is in the log of that key; with FOLDER also that this log has the entry at that "
        "place, so that neither side can have shown another history.",
    .examples = "comity log verify\n"
                "comity log verify --key 'BAOBAB/GOV/CLINIC/GW1+...' /srv/copies/clinic\n"
                "comity log verify --receipt 12.tlog-proof --statement 12.statement --key 'AURORA/GOV/HOSPITAL/GW1+...'",
    .options = verify_options,
    .option_count = COUNT_OF(verify_options),
    .word_max = 1,
    .run = run_verify,
};
