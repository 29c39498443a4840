/* A secret of our own in a file: made once, read at each start. */
#ifndef COMITY_CRYPTO_SECRET_H
#define COMITY_CRYPTO_SECRET_H

#include "base/error.h"

enum { SECRET_SIZE = 32 };

/*
 * Reads the secret of a file (64 hex digits, LF), which only its owner may read (ERROR_DENIED); makes one from the kernel's randomness where there is no
 * file (mode 0600, synced; `*is_new`). ERROR_INPUT when it holds anything else. The caller wipes `out` (explicit_bzero()).
 */
must_check bool secret_load_or_make(const char *path, uint8_t out[SECRET_SIZE], bool *is_new, struct error *e);

#endif
