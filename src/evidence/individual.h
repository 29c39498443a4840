/*
 * Individual signatures: a plain RFC 9421 signature (ed25519) over one message, beside its receipt, for who has to prove a message with nothing
 * but a public key. What is signed is the statement with alg="ed25519" in the place of "tlog-ed25519" in its last line: the algorithm is one of
 * the signed parameters, and a library of RFC 9421 verifies by the one that stands there. Nothing else differs, so a signature of 64 bytes
 * beside the statement says everything. Pure but for memory.
 *
 * The key is the log's, which also signs checkpoints and other notes (C2SP signed-note 1.0.0). Neither can be passed off as the other: the
 * text of a note ends with a line feed, a signature base never does. individual_base() makes nothing but texts that end with `"`.
 */
#ifndef COMITY_EVIDENCE_INDIVIDUAL_H
#define COMITY_EVIDENCE_INDIVIDUAL_H

#include "base/arena.h"
#include "crypto/key.h"

#define INDIVIDUAL_LABEL "comity-ed25519" /* of RFC 9421's dictionaries */

/* What is signed, and its end: the value of Signature-Input without the label. Views into `arena`. */
struct individual_base {
    struct bytes text, parameters;
};
/* ERROR_INPUT: `statement` is none of a message between gateways. ERROR_MEMORY. */
must_check bool individual_base_make(struct bytes statement, struct arena *arena, struct individual_base *out, struct error *e);

/*
 * Signatures are kept behind what a record has as its attachment anyhow (docs/formats/records.md): one line, told apart by its form. Such a line
 * ends no receipt, whose last line is that of a note's signature, and no origin.
 */
/* `attachment`, and the signature behind it; as it is when `signature` is empty. .data NULL: memory. */
struct bytes individual_attach(struct bytes attachment, struct bytes signature, struct arena *arena);
/* Takes it off again. False: there is none, and nothing was changed. */
bool individual_detach(struct bytes *attachment, uint8_t signature[ED25519_SIGNATURE_SIZE]);

#endif
