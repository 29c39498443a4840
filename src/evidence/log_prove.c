#include "evidence/log_prove.h"

#include <errno.h>
#include <stdlib.h>

#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/log_internal.h"
#include "evidence/merkle.h"
#include "evidence/tile_nodes.h"

/* What a checkpoint file says. `*is_there` false: there is none. */
static bool read_checkpoint(struct disk *disk, const char *path, uint8_t **data, size_t *size, struct checkpoint_view *view, bool *is_there,
                            struct error *e)
{
    struct note note;
    int fault = disk_read_whole(disk, path, CHECKPOINT_BYTES_MAX, data, size);
    *is_there = fault == 0;
    if (fault == ENOENT) {
        return true;
    }
    if (fault != 0) {
        return disk_error(e, fault, path, "check the public folder's disk, owner and mode");
    }
    if (!note_parse(&note, bytes_of(*data, *size), path, e) || !checkpoint_parse(note.text, view, path, e)) {
        return false;
    }
    return view->size >> TREE_LEVELS == 0 || error_set(e, ERROR_INPUT, path, NULL, "the log is larger than this program can hold");
}

/* The text is the whole receipt: the lines of receipt_write(), with or without the salt's. */
static bool write_receipt(struct buffer *out, uint64_t index, const struct log_entry *entry, const uint8_t (*path)[SHA256_SIZE],
                          size_t count, struct bytes checkpoint, struct error *e)
{
    if (entry != NULL) {
        receipt_write(out, entry->salt, index, path, count, checkpoint);
    } else {
        buffer_append_format(out, "c2sp.org/tlog-proof@v1\nindex %llu\n", (unsigned long long)index);
        for (size_t i = 0; i < count; i++) {
            base64_append(out, bytes_of(path[i], SHA256_SIZE));
            buffer_append_u8(out, '\n');
        }
        buffer_append_u8(out, '\n');
        buffer_append(out, checkpoint);
    }
    return !out->failed || error_memory(e, "receipt");
}

static bool prove(struct disk *disk, const struct checkpoint_view *view, uint64_t index, const struct log_entry *entry,
                  struct bytes checkpoint, struct buffer *receipt, struct error *e)
{
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    uint8_t leaf[SHA256_SIZE], wanted[SHA256_SIZE];
    size_t count = 0;
    struct tile_nodes nodes = { .fetch = tile_fetch_disk, .context = disk, .size = view->size, .e = e };
    bool ok = tile_nodes_read(&nodes, 0, index, leaf) &&
              merkle_prove_inclusion(index, 0, view->size, tile_nodes_read, &nodes, path, &count);
    tile_nodes_clear(&nodes);
    if (!ok) {
        return false;
    }
    if (entry != NULL) {
        log_entry_commitment(entry, wanted);
        merkle_leaf(bytes_of(wanted, sizeof wanted), wanted);
        if (memcmp(wanted, leaf, sizeof leaf) != 0) {
            return error_set(e, ERROR_INPUT, "tile/0", "run comity log verify, which names what is damaged",
                             "entry %llu is not the one of the record", (unsigned long long)index);
        }
    }
    if (!merkle_verify_inclusion(index, view->size, leaf, (const uint8_t(*)[SHA256_SIZE])path, count, view->root)) {
        return error_set(e, ERROR_INPUT, "tile", "run comity log verify, which names the damaged file",
                         "the tiles do not lead from entry %llu to the checkpoint's root", (unsigned long long)index);
    }
    return write_receipt(receipt, index, entry, (const uint8_t(*)[SHA256_SIZE])path, count, checkpoint, e);
}

bool log_prove(struct disk *public, uint64_t index, const struct log_entry *entry, struct buffer *receipt, struct error *e)
{
    static const char *const files[] = { CHECKPOINT_COSIGNED_PATH, CHECKPOINT_PATH };
    if (entry != NULL && entry->form != RECORD_OPEN) {
        return error_set(e, ERROR_ABSENT, "log", "ask for the receipt without the salt",
                         "entry %llu opens to nobody: only its commitment is known", (unsigned long long)index);
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        uint8_t *data = NULL;
        size_t size = 0;
        bool is_there = false;
        struct checkpoint_view view = { .size = 0 };
        bool ok = read_checkpoint(public, files[i], &data, &size, &view, &is_there, e);
        bool has_entry = ok && is_there && index < view.size;
        ok = ok && (!has_entry || prove(public, &view, index, entry, bytes_of(data, size), receipt, e));
        free(data);
        if (!ok || has_entry) {
            return ok;
        }
    }
    return error_set(e, ERROR_ABSENT, CHECKPOINT_PATH, "try again in a second if it was just logged", "entry %llu is not published",
                     (unsigned long long)index);
}
