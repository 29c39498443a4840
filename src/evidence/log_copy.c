#include "evidence/log_copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/cosignature.h"
#include "evidence/log_internal.h"
#include "evidence/merkle.h"
#include "evidence/tree_disk_internal.h"

enum {
    STATE_BYTES_MAX = 256,
    STATE_PATH_SIZE = 128,
    ENTRY_BYTES_ON_DISK = 72, /* 34 in the bundle, 32 in the tile of level 0, and its share of those above and of the folders */
};
static const char state_head[] = "comity-log-copy/1\n";

struct log_copy {
    struct log_copy_options options;
    char state_path[STATE_PATH_SIZE];
    struct tree tree;
    uint64_t saved; /* entries that are durable */
    uint64_t size;  /* of the checkpoint file */
    struct buffer checkpoint;
};

uint64_t log_copy_size(const struct log_copy *copy)
{
    return copy->size;
}

uint64_t log_copy_next(const struct log_copy *copy)
{
    return copy->tree.size;
}

struct bytes log_copy_checkpoint(const struct log_copy *copy)
{
    return buffer_bytes(&copy->checkpoint);
}

bool log_copy_check_note(struct bytes data, const struct verifier *key, struct checkpoint_view *out, const char *where, struct error *e)
{
    struct note note;
    size_t good = 0;
    if (data.size > LOG_COPY_NOTE_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, where, NULL, "a checkpoint of %zu bytes is too large", data.size);
    }
    if (!note_parse(&note, data, where, e) || !checkpoint_parse(note.text, out, where, e)) {
        return false;
    }
    if (out->size >> TREE_LEVELS != 0) {
        return error_set(e, ERROR_INPUT, where, NULL, "the log is larger than this program can hold");
    }
    if (!note_verify(&note, key, 1, &good, NULL, where, e)) {
        return false;
    }
    if (good == 0 || !bytes_equal(out->origin, bytes_of_text(key->name))) {
        return error_set(e, ERROR_DENIED, where, "use the key and the name of the log's gateway", "it is not signed by the key of %.80s",
                         key->name);
    }
    return true;
}

/* ---- State: "comity-log-copy/1", the number of entries, their root ---- */

static bool write_state(struct log_copy *c, struct error *e)
{
    struct buffer text;
    buffer_init(&text, STATE_BYTES_MAX);
    buffer_append_text(&text, state_head);
    buffer_append_decimal(&text, c->tree.size);
    buffer_append_u8(&text, '\n');
    base64_append(&text, bytes_of(c->tree.root, SHA256_SIZE));
    buffer_append_u8(&text, '\n');
    int fault = text.failed ? ENOMEM : disk_replace(c->options.state, c->state_path, buffer_bytes(&text));
    buffer_clear(&text);
    return fault == 0 || disk_error(e, fault, c->state_path, "make room, or check the disk");
}

/* False when there is none that can be read: then the checkpoint says how far the copy is. */
static bool read_state(struct log_copy *c, uint64_t *size, uint8_t root[SHA256_SIZE])
{
    uint8_t *data = NULL;
    size_t got = 0;
    size_t root_size = 0;
    if (disk_read_whole(c->options.state, c->state_path, STATE_BYTES_MAX, &data, &got) != 0) {
        return false;
    }
    struct reader r = { .left = bytes_of(data, got) };
    struct bytes head = reader_take(&r, sizeof state_head - 1);
    struct bytes number = reader_line(&r);
    struct bytes hash = reader_line(&r);
    bool ok = !r.failed && r.left.size == 0 && bytes_equal(head, BYTES("comity-log-copy/1\n")) && bytes_to_u64(number, size) &&
              base64_parse(hash, root, SHA256_SIZE, &root_size) && root_size == SHA256_SIZE;
    free(data);
    return ok;
}

/* ---- Opening ---- */

static bool read_checkpoint(struct log_copy *c, struct checkpoint_view *view, bool *is_there, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    *is_there = false;
    int fault = disk_read_whole(c->options.copy, CHECKPOINT_PATH, LOG_COPY_NOTE_BYTES_MAX, &data, &size);
    if (fault == ENOENT) {
        return true;
    }
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, "check the copy's disk, owner and mode");
    }
    buffer_append(&c->checkpoint, bytes_of(data, size));
    free(data);
    struct error cause = { 0 };
    if (c->checkpoint.failed || !log_copy_check_note(buffer_bytes(&c->checkpoint), c->options.key, view, CHECKPOINT_PATH, &cause)) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "remove the copy's folder and its .state file, and it is fetched anew",
                         "the copy's checkpoint is damaged, or of another log: %.120s", cause.what);
    }
    *is_there = true;
    return true;
}

/* Loads the tree of `size` entries and compares its root. */
static bool load(struct log_copy *c, uint64_t size, const uint8_t root[SHA256_SIZE], struct error *e)
{
    tree_clear(&c->tree);
    tree_init(&c->tree);
    if (!tree_load(&c->tree, c->options.copy, size, e)) {
        return false;
    }
    if (memcmp(c->tree.root, root, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "remove the copy's folder and its .state file, and it is fetched anew",
                         "the copy's tiles of %llu entries do not lead to their root", (unsigned long long)size);
    }
    c->saved = size;
    return true;
}

static bool open_copy(struct log_copy *c, struct error *e)
{
    struct checkpoint_view view = { .size = 0 };
    uint8_t root[SHA256_SIZE];
    uint64_t size = 0;
    bool has_checkpoint = false;
    struct error cause = { 0 };
    if (!read_checkpoint(c, &view, &has_checkpoint, e)) {
        return false;
    }
    c->size = view.size;
    /* What a process that was killed had named is trusted from here on, so it must stay. */
    int fault = c->options.copy->functions->sync_folder(c->options.copy, "");
    if (fault != 0) {
        return disk_error(e, fault, "copy", "check the disk");
    }
    if (read_state(c, &size, root) && size >= view.size && size >> TREE_LEVELS == 0) {
        if (load(c, size, root, &cause)) {
            return true;
        }
        if (cause.kind != ERROR_INPUT) {
            if (e != NULL) {
                *e = cause;
            }
            return false;
        }
        diag_error(DIAG_WARN, "evidence", "entries behind a copy's checkpoint are damaged and are fetched again", &cause);
    }
    if (!has_checkpoint) {
        merkle_root(NULL, 0, view.root);
    }
    return load(c, view.size, view.root, e);
}

bool log_copy_open(struct log_copy **out, const struct log_copy_options *options, struct error *e)
{
    *out = NULL;
    struct log_copy *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_memory(e, "copy");
    }
    c->options = *options;
    tree_init(&c->tree);
    buffer_init(&c->checkpoint, 2 * LOG_COPY_NOTE_BYTES_MAX);
    int size = snprintf(c->state_path, sizeof c->state_path, "%s.state", options->name);
    bool ok = (size > 0 && (size_t)size < sizeof c->state_path) ||
              error_set(e, ERROR_INPUT, options->name, NULL, "the copy's name is too long");
    if (!ok || !open_copy(c, e)) {
        log_copy_close(c);
        return false;
    }
    *out = c;
    return true;
}

void log_copy_close(struct log_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    tree_clear(&copy->tree);
    buffer_clear(&copy->checkpoint);
    free(copy);
}

/* ---- Entries ---- */

static bool is_within_limit(const struct log_copy *c, uint64_t entries, struct error *e)
{
    return c->options.bytes_max == 0 || entries <= c->options.bytes_max / ENTRY_BYTES_ON_DISK ||
           error_set(e, ERROR_FULL, c->options.key->name, "raise mirror.bytes_max",
                     "a copy of %llu entries would be larger than a log may be here", (unsigned long long)entries);
}

bool log_copy_add(struct log_copy *copy, const struct checkpoint_view *at, uint64_t start, const uint8_t (*entries)[SHA256_SIZE],
                  size_t count, const uint8_t (*proof)[SHA256_SIZE], size_t proof_count, struct error *e)
{
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE];
    uint8_t node[SHA256_SIZE];
    struct tree *tree = &copy->tree;
    const uint64_t base = start / TILE_WIDTH * TILE_WIDTH;
    if (count == 0 || count > TILE_WIDTH || start > tree->size || start - base + count > TILE_WIDTH || at->size < start ||
        at->size - start < count || base < tree->edges[0].first) {
        return error_set(e, ERROR_INPUT, "entries", "begin with the next entry that is wanted",
                         "%zu entries from %llu on do not fit a copy of %llu", count, (unsigned long long)start,
                         (unsigned long long)tree->size);
    }
    const size_t before = (size_t)(start - base);
    if (before > 0) {
        memcpy(leaves, tree->edges[0].hashes + (base - tree->edges[0].first), before * SHA256_SIZE);
    }
    for (size_t i = 0; i < count; i++) {
        merkle_leaf(bytes_of(entries[i], SHA256_SIZE), leaves[before + i]);
    }
    merkle_root((const uint8_t(*)[SHA256_SIZE])leaves, before + count, node);
    if (!merkle_verify_subtree(base, start + count, at->size, node, at->root, proof, proof_count)) {
        return error_set(e, ERROR_DENIED, "entries", "send the entries that the log signed",
                         "entries %llu to %llu are not proven to be of the checkpoint of %llu", (unsigned long long)start,
                         (unsigned long long)(start + count - 1), (unsigned long long)at->size);
    }
    if (start + count <= tree->size) {
        return true;
    }
    const size_t known = (size_t)(tree->size - start);
    if (tree->size - copy->saved >= LOG_COPY_UNSAVED_MAX && !log_copy_save(copy, e)) {
        return false; /* a disk that fails does not let the memory grow */
    }
    if (!is_within_limit(copy, start + count, e)) {
        return false;
    }
    if (!tree_reserve(tree, count - known)) {
        return error_memory(e, "entries");
    }
    tree_append(tree, entries + known, count - known, NULL);
    return tree->size - copy->saved < LOG_COPY_UNSAVED_MAX || log_copy_save(copy, e);
}

bool log_copy_save(struct log_copy *copy, struct error *e)
{
    if (copy->saved == copy->tree.size) {
        return true;
    }
    if (!tree_save(&copy->tree, copy->options.copy, copy->saved, e) || !write_state(copy, e)) {
        return false;
    }
    copy->saved = copy->tree.size;
    return true;
}

/* The checkpoint's new text: the note and, if this is a mirror, its cosignature, which says that everything below is durable here. */
static bool write_checkpoint(const struct log_copy *c, struct bytes note, struct buffer *text, struct buffer *cosignature, struct error *e)
{
    struct note parsed;
    buffer_append(text, note);
    if (c->options.cosigner != NULL) {
        if (!note_parse(&parsed, note, CHECKPOINT_PATH, e) ||
            !cosignature_add(parsed.text, c->options.cosigner, (uint64_t)(time_now_ms() / 1000), cosignature, e)) {
            return false;
        }
        buffer_append(text, buffer_bytes(cosignature));
    }
    return !text->failed || error_memory(e, CHECKPOINT_PATH);
}

/*
 * Is this what the checkpoint file says already, with our cosignature of this second? Then that is given again: anybody may ask for it, as often
 * as he likes, and each time would be a write and its syncs. `view` has the copy's own root.
 */
static bool repeat(const struct log_copy *c, const struct checkpoint_view *view, struct buffer *cosignature)
{
    struct note held;
    uint64_t time_s = 0;
    if (c->options.cosigner == NULL || c->size != view->size || !note_parse(&held, buffer_bytes(&c->checkpoint), CHECKPOINT_PATH, NULL)) {
        return false;
    }
    const struct bytes lines = bytes_slice(buffer_bytes(&c->checkpoint), held.text.size + 1, c->checkpoint.size);
    struct buffer line;
    buffer_init(&line, COSIGNATURE_LINES_BYTES_MAX);
    bool is_new = cosignature_take(held.text, lines, signer_verifier(c->options.cosigner), &line, &time_s, CHECKPOINT_PATH, NULL) &&
                  time_s >= (uint64_t)(time_now_ms() / 1000);
    if (is_new && cosignature != NULL) {
        buffer_append(cosignature, buffer_bytes(&line));
    }
    buffer_clear(&line);
    return is_new;
}

bool log_copy_finish(struct log_copy *copy, struct bytes note, struct buffer *cosignature, struct error *e)
{
    struct checkpoint_view view;
    struct buffer text;
    struct buffer line;
    if (!log_copy_check_note(note, copy->options.key, &view, CHECKPOINT_PATH, e)) {
        return false;
    }
    if (view.size != copy->tree.size) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, NULL, "a checkpoint of %llu entries for a copy of %llu",
                         (unsigned long long)view.size, (unsigned long long)copy->tree.size);
    }
    if (memcmp(view.root, copy->tree.root, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_DENIED, CHECKPOINT_PATH, "keep both checkpoints: they prove that the log has two histories",
                         "another root than that of the entries which the log proved before");
    }
    if (!log_copy_save(copy, e)) {
        return false;
    }
    if (repeat(copy, &view, cosignature)) {
        return cosignature == NULL || !cosignature->failed || error_memory(e, CHECKPOINT_PATH);
    }
    buffer_init(&text, 2 * LOG_COPY_NOTE_BYTES_MAX);
    buffer_init(&line, 1024);
    bool ok = write_checkpoint(copy, note, &text, &line, e);
    int fault = ok ? disk_replace(copy->options.copy, CHECKPOINT_PATH, buffer_bytes(&text)) : 0;
    ok = ok && (fault == 0 || disk_error(e, fault, CHECKPOINT_PATH, "make room, or check the disk"));
    if (ok) {
        copy->size = view.size;
        buffer_reset(&copy->checkpoint);
        buffer_append(&copy->checkpoint, buffer_bytes(&text));
        if (cosignature != NULL) {
            buffer_append(cosignature, buffer_bytes(&line));
        }
        ok = !copy->checkpoint.failed && (cosignature == NULL || !cosignature->failed);
        ok = ok || error_memory(e, CHECKPOINT_PATH);
    }
    buffer_clear(&text);
    buffer_clear(&line);
    return ok;
}
