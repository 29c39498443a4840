/* Healing (log_heal_internal.h): the checkpoint, without which nothing says how far the log had come. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/note.h"
#include "evidence/log_heal_internal.h"

enum { OWN_BYTES_MAX = 2048 }; /* a checkpoint that a gateway wrote; only so much is searched for a flipped bit */

bool heal_turn_bit(uint8_t *data, size_t from, size_t to, heal_is_good *is_good, void *context, size_t *bit)
{
    for (size_t i = from * 8; i < to * 8; i++) {
        data[i / 8] ^= (uint8_t)(1U << i % 8);
        if (is_good(context)) {
            *bit = i;
            return true;
        }
        data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    return false;
}

struct candidate {
    uint8_t *data;
    size_t size;
    const struct verifier *key;
    struct checkpoint_view view;
};

static bool is_good(void *context)
{
    struct candidate *c = context;
    return checkpoint_check(bytes_of(c->data, c->size), c->key, &c->view, NULL) && c->view.size >> TREE_LEVELS == 0;
}

/* Keeps a candidate, whose views move with its bytes. */
static bool keep(const struct heal *h, struct heal_checkpoint *out, struct bytes note, bool is_to_write, const char *how, struct error *e)
{
    buffer_reset(&out->note);
    buffer_append(&out->note, note);
    if (out->note.failed) {
        return error_memory(e, CHECKPOINT_PATH);
    }
    out->is_known = checkpoint_check(buffer_bytes(&out->note), h->options->key, &out->view, e);
    out->is_to_write = is_to_write;
    (void)snprintf(out->how, sizeof out->how, "%s", how);
    return out->is_known;
}

static bool find_own(struct heal *h, struct heal_checkpoint *out, bool *is_other, struct error *e)
{
    struct candidate c = { .key = h->options->key };
    struct error fault = { 0 };
    size_t bit = 0;
    bool ok = true;
    *is_other = false;
    int code = disk_read_whole(h->options->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &c.data, &c.size);
    if (code != 0 && code != ENOENT && code != EFBIG) {
        return disk_error(e, code, CHECKPOINT_PATH, "check the public folder's disk, owner and mode");
    }
    if (code != 0) {
        return true;
    }
    if (checkpoint_check(bytes_of(c.data, c.size), c.key, &c.view, &fault)) {
        ok = keep(h, out, bytes_of(c.data, c.size), false, "", e);
    } else if (c.size <= OWN_BYTES_MAX && heal_turn_bit(c.data, 0, c.size, is_good, &c, &bit)) {
        ok = keep(h, out, bytes_of(c.data, c.size), true, "one bit was turned back, by the signature", e);
    } else {
        /* Whole, and by another key: another log's, which nothing here may overwrite. */
        struct note note;
        struct checkpoint_view view;
        *is_other = note_parse(&note, bytes_of(c.data, c.size), CHECKPOINT_PATH, NULL) &&
                    checkpoint_parse(note.text, &view, CHECKPOINT_PATH, NULL) &&
                    !bytes_equal(view.origin, bytes_of_text(h->options->key->name));
    }
    free(c.data);
    return ok;
}

/* One that lies elsewhere, if it is good and newer than what is known. */
static bool consider(struct heal *h, struct heal_checkpoint *out, struct bytes note, const char *how, struct error *e)
{
    struct checkpoint_view view;
    if (note.size == 0 || note.size > CHECKPOINT_BYTES_MAX || !checkpoint_check(note, h->options->key, &view, NULL) ||
        view.size >> TREE_LEVELS != 0 || (out->is_known && view.size <= out->view.size)) {
        return true;
    }
    return keep(h, out, note, true, how, e);
}

bool heal_checkpoint_find(struct heal *h, struct heal_checkpoint *out, struct error *e)
{
    bool is_other = false;
    char how[sizeof out->how];
    if (!find_own(h, out, &is_other, e)) {
        return false;
    }
    if (out->is_known) {
        return true;
    }
    uint8_t *data = NULL;
    size_t size = 0;
    if (disk_read_whole(h->options->public, "checkpoint.cosigned", CHECKPOINT_BYTES_MAX, &data, &size) == 0) {
        bool ok = consider(h, out, bytes_of(data, size), "taken from checkpoint.cosigned", e);
        free(data);
        if (!ok) {
            return false;
        }
    }
    for (size_t i = 0; i < h->options->source_count; i++) {
        (void)snprintf(how, sizeof how, "taken from %.60s", h->options->sources[i].name);
        if (!consider(h, out, h->options->sources[i].checkpoint, how, e)) {
            return false;
        }
    }
    if (!out->is_known && is_other) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "use the folder and the key of one gateway", "it is of another log");
    }
    return true;
}

bool heal_checkpoint_sign(struct heal *h, uint64_t size, const uint8_t root[SHA256_SIZE], struct heal_checkpoint *out, struct error *e)
{
    struct buffer text;
    struct buffer note;
    buffer_init(&text, 1024);
    buffer_init(&note, CHECKPOINT_BYTES_MAX);
    checkpoint_write(&text, bytes_of_text(h->options->key->name), size, root);
    bool ok = !text.failed ? note_sign(buffer_bytes(&text), h->options->signer, &note, e) : error_memory(e, CHECKPOINT_PATH);
    ok = ok && (!note.failed || error_memory(e, CHECKPOINT_PATH)) &&
         keep(h, out, buffer_bytes(&note), true, "made again from the records, and signed: the bytes are those of before", e);
    buffer_clear(&text);
    buffer_clear(&note);
    return ok;
}
