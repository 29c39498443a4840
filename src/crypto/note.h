/* Signed notes (C2SP signed-note 1.0.0): text, an empty line, signature lines "— name base64(id || signature)". Pure. */
#ifndef COMITY_CRYPTO_NOTE_H
#define COMITY_CRYPTO_NOTE_H

#include "crypto/key.h"

enum { NOTE_SIGNATURES_MAX = 100, NOTE_SIGNATURE_SIZE_MAX = 8192, NOTE_KNOWN_KEYS_MAX = 256 };

struct note_signature {
    struct bytes name;
    uint8_t id[KEY_ID_SIZE];
    struct bytes base64; /* of id and signature, as in the line */
};
/* Views into the text that was parsed. */
struct note {
    struct bytes text; /* what is signed: ends in LF */
    size_t signature_count;
    struct note_signature signatures[NOTE_SIGNATURES_MAX];
};

/* Splits at the last empty line; checks UTF-8, control characters, and the form of each signature line. */
must_check bool note_parse(struct note *note, struct bytes data, const char *where, struct error *e);

/*
 * Verifies against known keys. Unknown (name, id) pairs are passed over; a known one whose signature is wrong refuses the whole note;
 * `*good` counts distinct keys of `known` that signed (the caller compares it with its threshold). A key listed twice counts once.
 * `is_good` (may be NULL): one flag a key. Only type SIGNATURE_ED25519 is looked at here.
 */
must_check bool note_verify(const struct note *note, const struct verifier *known, size_t known_count, size_t *good, bool *is_good,
                            const char *where, struct error *e);

/* Appends text (which must end in LF), an empty line, and one signature line. ERROR_INPUT for a cosigner's key. */
must_check bool note_sign(struct bytes text, const struct signer *signer, struct buffer *out, struct error *e);
/* Appends one more signature line to a note that is already in `out`, over `text`. With a cosigner's key `out` has failed. */
void note_add_signature(struct bytes text, const struct signer *signer, struct buffer *out);

#endif
