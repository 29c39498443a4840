#include "audit/export.h"

#include <errno.h>
#include <stdlib.h>

#include "audit/export_internal.h"
#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/merkle.h"

enum { CHECKPOINT_BYTES_MAX = RECEIPT_BYTES_MAX };
static const char newest[] = "checkpoint", cosigned[] = "checkpoint.cosigned";

/* ---- The checkpoint that our entries are proved under ---- */

static bool parse_checkpoint(struct bytes data, struct checkpoint_view *view, const char *where, struct error *e)
{
    struct note *note = malloc(sizeof *note);
    bool ok = note != NULL || error_memory(e, where);
    ok = ok && note_parse(note, data, where, e) && checkpoint_parse(note->text, view, where, e);
    free(note);
    return ok;
}

/* False without an error when it is not there, cannot be read as one, or ends before `last`. */
static bool try_checkpoint(struct exporting *x, const char *name, uint64_t last)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (disk_read_whole(x->source->public, name, CHECKPOINT_BYTES_MAX, &data, &size) != 0) {
        return false;
    }
    x->checkpoint = arena_copy(x->arena, bytes_of(data, size));
    free(data);
    return x->checkpoint.data != NULL && parse_checkpoint(x->checkpoint, &x->view, name, NULL) && x->view.size > last;
}

static bool choose_checkpoint(struct exporting *x, uint64_t last)
{
    if (x->options->checkpoint.size > 0) {
        x->checkpoint = x->options->checkpoint;
        if (!parse_checkpoint(x->checkpoint, &x->view, "--checkpoint", x->e)) {
            return false;
        }
        if (x->view.size <= last) {
            return error_set(x->e, ERROR_ABSENT, "--checkpoint", "give a newer one", "the exchange's entries come after it");
        }
    } else if (!try_checkpoint(x, cosigned, last) && !try_checkpoint(x, newest, last)) {
        return error_set(x->e, ERROR_ABSENT, newest, "try again in a second; if the gateway does not run, start it once",
                         "entry %llu is not published yet", (unsigned long long)last);
    }
    if (!bytes_equal(x->view.origin, x->source->origin)) {
        return error_set(x->e, ERROR_INPUT, newest, "give a checkpoint of this gateway's log", "it is of another log");
    }
    x->nodes = (struct tile_nodes){ .fetch = tile_fetch_disk, .context = x->source->public, .size = x->view.size, .e = x->e };
    return true;
}

/* ---- Proofs ---- */

static bool own_receipt(struct exporting *x, const struct kept_entry *entry, struct bytes *out)
{
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE], hash[SHA256_SIZE];
    size_t count = 0;
    struct buffer text;
    if (entry->index >= x->view.size) {
        return error_set(x->e, ERROR_ABSENT, newest, "try again in a second", "entry %llu is not published yet",
                         (unsigned long long)entry->index);
    }
    *x->e = (struct error){ 0 };
    if (!merkle_prove_inclusion(entry->index, 0, x->view.size, tile_nodes_read, &x->nodes, path, &count)) {
        return x->e->kind != ERROR_NONE ? false : error_set(x->e, ERROR_INPUT, "tile", "run comity log verify", "the tiles give no path");
    }
    commitment(entry->salt, entry->statement, hash);
    merkle_leaf(bytes_of(hash, sizeof hash), hash);
    if (count > RECEIPT_PATH_MAX ||
        !merkle_verify_inclusion(entry->index, x->view.size, hash, (const uint8_t(*)[SHA256_SIZE])path, count, x->view.root)) {
        return error_set(x->e, ERROR_INPUT, "tile", "run comity log verify, which names the damaged file",
                         "the tiles do not lead from entry %llu to the checkpoint", (unsigned long long)entry->index);
    }
    buffer_init(&text, 2 * RECEIPT_BYTES_MAX);
    receipt_write(&text, entry->salt, entry->index, (const uint8_t(*)[SHA256_SIZE])path, count, x->checkpoint);
    *out = text.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&text));
    buffer_wipe(&text);
    return out->data != NULL || error_memory(x->e, "receipt");
}

bool export_add(struct exporting *x, enum bundle_role role, const struct kept_entry *own, struct bytes statement, struct bytes peer_receipt)
{
    struct bundle_statement *to = &x->bundle->statements[x->bundle->statement_count++];
    *to = (struct bundle_statement){ .role = role, .text = statement };
    if (peer_receipt.size > 0) {
        to->receipts[to->receipt_count++].text = peer_receipt;
    }
    if (own == NULL || !own->is_there) {
        return true;
    }
    struct bundle_receipt *receipt = &to->receipts[to->receipt_count++];
    for (size_t i = 0; i < x->options->timestamp_count && i < BUNDLE_TIMESTAMPS_MAX; i++) {
        receipt->timestamps[receipt->timestamp_count++] = x->options->timestamps[i];
    }
    return own_receipt(x, own, &receipt->text);
}

/* The other side named a checkpoint of ours: it is a past of the log that is shown now. */
static bool add_consistency(struct exporting *x, const struct said *said)
{
    struct bundle_statement *to = &x->bundle->statements[x->bundle->statement_count - 1];
    uint64_t size = 0;
    uint8_t root[SHA256_SIZE], path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    struct buffer text;
    if (!said_checkpoint(said_value(said, "comity-peer-checkpoint", false), &size, root) || size == 0 || size > x->view.size) {
        return true;
    }
    if (size < x->view.size && !merkle_prove_consistency(0, size, x->view.size, tile_nodes_read, &x->nodes, path, &count)) {
        return x->e->kind != ERROR_NONE ? false : error_set(x->e, ERROR_INPUT, "tile", "run comity log verify", "the tiles give no path");
    }
    buffer_init(&text, MERKLE_PATH_MAX * 64);
    for (size_t i = 0; i < count; i++) {
        base64_append(&text, bytes_of(path[i], SHA256_SIZE));
        buffer_append_u8(&text, '\n');
    }
    to->has_consistency = true;
    to->consistency = text.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&text));
    bool ok = to->consistency.data != NULL || error_memory(x->e, "consistency");
    buffer_clear(&text);
    return ok;
}

/* ---- The whole ---- */

static void add_signature(struct exporting *x, struct bytes signature)
{
    x->bundle->statements[x->bundle->statement_count - 1].signature = signature;
}

static bool add_exchange(struct exporting *x)
{
    if (x->has_request) {
        struct bytes peer = x->is_holder ? x->request_receipt : BYTES_NONE;
        if (!export_add(x, ROLE_REQUEST, &x->request_sent, x->request.text, peer) || (x->is_holder && !add_consistency(x, &x->request))) {
            return false;
        }
        add_signature(x, x->is_holder ? x->decision.signature : x->request_sent.signature);
    }
    if (x->decision.is_there && !export_add(x, ROLE_DECISION, &x->decision, x->decision.statement, BYTES_NONE)) {
        return false;
    }
    if (x->has_answer) {
        const struct kept_entry *own = x->is_holder ? &x->answer_sent : &x->answer_received;
        if (!export_add(x, ROLE_ANSWER, own, x->answer.text, x->is_holder ? BYTES_NONE : x->answer_receipt) ||
            (!x->is_holder && !add_consistency(x, &x->answer))) {
            return false;
        }
        add_signature(x, own->signature);
    }
    return true;
}

static uint64_t last_index(const struct exporting *x)
{
    const struct kept_entry *all[] = { &x->request_sent, &x->decision, &x->answer_sent, &x->answer_received };
    uint64_t last = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        last = all[i]->is_there && all[i]->index > last ? all[i]->index : last;
    }
    return last;
}

bool bundle_export(const struct export_source *source, const struct export_options *options, struct bundle *bundle, struct arena *arena,
                   struct error *e)
{
    struct exporting *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return error_memory(e, "evidence");
    }
    *x = (struct exporting){ .source = source, .options = options, .bundle = bundle, .arena = arena, .e = e };
    bundle->exchange = options->exchange;
    bundle->exporter = source->origin;
    bool ok = log_reader_open(&x->reader, source->public, source->private, e) && log_reader_size(x->reader, &x->size, e) &&
              export_find(x) && choose_checkpoint(x, last_index(x)) && export_directories(x) && export_policy(x) && add_exchange(x) &&
              export_consents(x) && export_in_force(x);
    tile_nodes_clear(&x->nodes);
    log_reader_close(x->reader);
    free(x->events);
    free(x);
    return ok;
}
