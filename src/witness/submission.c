#include "witness/submission.h"

#include "base/encode.h"

static const char where[] = "add-checkpoint";

bool submission_parse(struct submission *out, struct bytes body, struct error *e)
{
    struct reader r = { .left = body };
    out->path_count = 0;
    if (body.size > SUBMISSION_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, where, "send fewer signatures", "more than %d bytes", SUBMISSION_BYTES_MAX);
    }
    struct bytes line = reader_line(&r);
    if (r.failed || !bytes_start_with(line, BYTES("old ")) || !bytes_to_u64(bytes_slice(line, 4, line.size), &out->old_size)) {
        return error_set(e, ERROR_INPUT, where, "send \"old\" and the size in decimal", "the first line is not the old size");
    }
    for (;;) {
        size_t size = 0;
        line = reader_line(&r);
        if (r.failed) {
            return error_set(e, ERROR_INPUT, where, NULL, "it ends before the checkpoint");
        }
        if (line.size == 0) {
            break;
        }
        if (out->path_count == SUBMISSION_PATH_MAX) {
            return error_set(e, ERROR_INPUT, where, NULL, "more than %d lines of proof", SUBMISSION_PATH_MAX);
        }
        if (!base64_parse(line, out->path[out->path_count], SHA256_SIZE, &size) || size != SHA256_SIZE) {
            return error_set(e, ERROR_INPUT, where, NULL, "line %zu of the proof is not a hash in base64", out->path_count + 1);
        }
        out->path_count++;
    }
    out->checkpoint = r.left;
    if (!note_parse(&out->note, out->checkpoint, where, e) || !checkpoint_parse(out->note.text, &out->view, where, e)) {
        return false;
    }
    return out->old_size <= out->view.size || error_set(e, ERROR_INPUT, where, NULL, "the old size is larger than the checkpoint's");
}

void submission_write(struct buffer *out, uint64_t old_size, const uint8_t (*path)[SHA256_SIZE], size_t path_count, struct bytes checkpoint)
{
    buffer_append_text(out, "old ");
    buffer_append_decimal(out, old_size);
    buffer_append_u8(out, '\n');
    for (size_t i = 0; i < path_count; i++) {
        base64_append(out, bytes_of(path[i], SHA256_SIZE));
        buffer_append_u8(out, '\n');
    }
    buffer_append_u8(out, '\n');
    buffer_append(out, checkpoint);
}
