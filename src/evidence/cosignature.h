/*
 * Cosignatures (C2SP tlog-cosignature 1.0.1): "at this time this was the largest consistent tree that I had seen of this log", as a signature
 * line of the checkpoint's note. Pure.
 *
 * Ed25519 (vkey type 0x04) is made and verified. ML-DSA-44 (type 0x06) is known by its number and refused in so many words, because
 * OpenSSL 3.0 has no ML-DSA: its keys are named where they are met, and its lines are passed over like those of any unknown key. What would
 * change with it is `struct verifier` (a key of 1312 bytes) and the message in cosignature.c.
 */
#ifndef COMITY_EVIDENCE_COSIGNATURE_H
#define COMITY_EVIDENCE_COSIGNATURE_H

#include "crypto/note.h"

enum {
    COSIGNATURE_ED25519 = SIGNATURE_COSIGNATURE_V1,
    COSIGNATURE_ML_DSA_44 = 0x06,
    ML_DSA_44_PUBLIC_SIZE = 1312,
    COSIGNATURE_LINES_BYTES_MAX = 64 * 1024, /* what a witness may answer */
};
#define COSIGNATURE_TIME_MAX ((uint64_t)INT64_MAX)

/* A cosigner's key from its vkey. ERROR_INPUT, in so many words, for a log's key (0x01) and for ML-DSA-44 (0x06). */
must_check bool cosigner_parse(struct verifier *v, struct bytes vkey, const char *where, struct error *e);

/* Appends the signature line of `cosigner` (a key that signer_become_cosigner() made one) over a note's text. `time_s` is not 0. */
must_check bool cosignature_add(struct bytes text, const struct signer *cosigner, uint64_t time_s, struct buffer *out, struct error *e);

/*
 * The cosignatures of `note` by known cosigners. `times_s[i]` becomes the time of the one by cosigners[i] (the earliest if there are more), 0
 * when there is none. Lines of others are passed over; one by a known cosigner that is wrong, or has the time 0, refuses the note
 * (ERROR_DENIED). Whether a time lies in the future is the caller's to judge.
 */
must_check bool cosignatures_verify(const struct note *note, const struct verifier *cosigners, size_t count, uint64_t *times_s,
                                    const char *where, struct error *e);

/*
 * From what a witness answered: its first good line over the note text `text`, appended to `line`. Lines of other keys are passed over.
 * ERROR_INPUT when these are no signature lines, ERROR_DENIED when `wanted` did not sign or did so wrongly.
 */
must_check bool cosignature_take(struct bytes text, struct bytes lines, const struct verifier *wanted, struct buffer *line,
                                 uint64_t *time_s, const char *where, struct error *e);

#endif
