/* The body of add-checkpoint (C2SP tlog-witness 1.0.0): "old SIZE", a consistency path, an empty line, a signed checkpoint. Pure. */
#ifndef COMITY_WITNESS_SUBMISSION_H
#define COMITY_WITNESS_SUBMISSION_H

#include "crypto/note.h"
#include "evidence/receipt.h"

enum { SUBMISSION_BYTES_MAX = 128 * 1024, SUBMISSION_PATH_MAX = 63 };

/* Views into the body that was parsed. */
struct submission {
    uint64_t old_size;
    uint8_t path[SUBMISSION_PATH_MAX][SHA256_SIZE];
    size_t path_count;
    struct bytes checkpoint; /* the note, verbatim */
    struct note note;
    struct checkpoint_view view;
};

/* ERROR_INPUT for everything that has another form: what a witness answers with 400. Signatures are not looked at. */
must_check bool submission_parse(struct submission *out, struct bytes body, struct error *e);
void submission_write(struct buffer *out, uint64_t old_size, const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                      struct bytes checkpoint);

#endif
