/* The key of the witness that a gateway is: one of its own, which cosigns and never signs a log (docs/decisions/0009). */
#ifndef COMITY_WITNESS_KEY_H
#define COMITY_WITNESS_KEY_H

#include "crypto/key.h"

/*
 * Loads the PEM file as a cosigner's key with the name ORIGIN/witness. ERROR_ABSENT when there is no such file; ERROR_DENIED when others may
 * read it, or when it is `statement` (may be NULL), the key that signs our log.
 */
must_check bool witness_key_load(struct signer **out, struct bytes origin, const char *path, const struct verifier *statement,
                                 struct error *e);
/* Makes a fresh one; ERROR_DENIED when the file is there. */
must_check bool witness_key_make(struct bytes origin, const char *path, struct error *e);

/* The same for the mirror that a gateway is: ORIGIN/mirror, and neither of the other two keys (which may be NULL). */
must_check bool mirror_key_load(struct signer **out, struct bytes origin, const char *path, const struct verifier *statement,
                                const struct verifier *witness, struct error *e);
must_check bool mirror_key_make(struct bytes origin, const char *path, struct error *e);

#endif
