#include "witness/state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "evidence/cosignature.h"

void state_name(struct bytes origin, char out[STATE_NAME_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256(origin, digest);
    hex_write(bytes_of(digest, sizeof digest), out);
}

void checkpoint_state_init(struct checkpoint_state *state)
{
    *state = (struct checkpoint_state){ .is_known = false };
    buffer_init(&state->note, STATE_BYTES_MAX);
}

void checkpoint_state_clear(struct checkpoint_state *state)
{
    buffer_clear(&state->note);
    state->is_known = false;
}

static bool refuse_state(const char *path, const char *what, struct error *e)
{
    return error_set(e, ERROR_INPUT, path,
                     "restore it from a copy; if there is none, remove it, and the log's history before now is not watched by us", "%s",
                     what);
}

static bool read_state(struct checkpoint_state *state, const char *path, struct bytes origin, const struct verifier *cosigner,
                       struct error *e)
{
    struct note note;
    struct checkpoint_view view;
    uint64_t time_s = 0;
    if (!note_parse(&note, buffer_bytes(&state->note), path, NULL) || !checkpoint_parse(note.text, &view, path, NULL) ||
        !cosignatures_verify(&note, cosigner, 1, &time_s, path, NULL)) {
        return refuse_state(path, "the checkpoint that we cosigned last is damaged", e);
    }
    if (time_s == 0) {
        return refuse_state(path, "our present witness key did not cosign it: was keys.witness replaced?", e);
    }
    if (!bytes_equal(view.origin, origin)) {
        return refuse_state(path, "it is a checkpoint of another log", e);
    }
    state->is_known = true;
    state->size = view.size;
    memcpy(state->root, view.root, SHA256_SIZE);
    state->time_s = time_s;
    return true;
}

bool checkpoint_state_load(struct checkpoint_state *state, struct disk *disk, const char *path, struct bytes origin,
                           const struct verifier *cosigner, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    state->is_known = false;
    state->size = 0;
    state->time_s = 0;
    buffer_reset(&state->note);
    int fault = disk_read_whole(disk, path, STATE_BYTES_MAX, &data, &size);
    if (fault == ENOENT) {
        return true;
    }
    if (fault == EFBIG) {
        return refuse_state(path, "the checkpoint that we cosigned last is damaged", e);
    }
    if (fault != 0) {
        errno = fault;
        return error_system(e, path, "check the witness folder's disk, owner and mode");
    }
    buffer_append(&state->note, bytes_of(data, size));
    free(data);
    if (state->note.failed) {
        return error_memory(e, path);
    }
    return read_state(state, path, origin, cosigner, e);
}

bool checkpoint_state_cosign(struct checkpoint_state *state, struct disk *disk, const char *path, struct bytes text, struct bytes log_lines,
                             const struct signer *cosigner, int64_t now_s, struct buffer *line, struct error *e)
{
    bool ok = false;
    struct checkpoint_view view;
    struct buffer note, made;
    uint64_t time_s = now_s < 0 ? 0 : (uint64_t)now_s;
    time_s = time_s < state->time_s ? state->time_s : time_s;
    buffer_init(&note, STATE_BYTES_MAX);
    buffer_init(&made, STATE_BYTES_MAX);
    if (!checkpoint_parse(text, &view, path, e) || !cosignature_add(text, cosigner, time_s, &made, e)) {
        goto done;
    }
    buffer_append(&note, text);
    buffer_append_u8(&note, '\n');
    buffer_append(&note, log_lines);
    buffer_append(&note, buffer_bytes(&made));
    if (note.failed) {
        error_set(e, ERROR_INPUT, path, "send fewer signatures", "the checkpoint is larger than %d bytes", STATE_BYTES_MAX);
        goto done;
    }
    int fault = disk_replace(disk, path, buffer_bytes(&note));
    if (fault != 0) {
        errno = fault;
        error_system(e, path, "make room, or check the witness folder's disk, owner and mode");
        goto done;
    }
    struct buffer old = state->note;
    state->note = note;
    note = old;
    state->is_known = true;
    state->size = view.size;
    memcpy(state->root, view.root, SHA256_SIZE);
    state->time_s = time_s;
    buffer_append(line, buffer_bytes(&made));
    ok = !line->failed || error_memory(e, path);
done:
    buffer_clear(&note);
    buffer_clear(&made);
    return ok;
}
