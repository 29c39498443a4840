/* Files for keys and certificates: read whole, or made new; never followed through a symbolic link when they hold a secret. */
#ifndef COMITY_CRYPTO_PRIVATE_FILE_INTERNAL_H
#define COMITY_CRYPTO_PRIVATE_FILE_INTERNAL_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

enum { KEY_FILE_BYTES_MAX = 64 * 1024 };

/* Reads a file that need not be secret. `out` is initialised by the caller, its maximum is the file's. */
must_check bool public_file_read(const char *path, struct buffer *out, struct error *e);
/*
 * Makes a file with this mode, holding `data`, and syncs it and its folder's names. ERROR_DENIED if something is there; a file
 * that could not be written whole is removed again.
 */
must_check bool file_write_new(const char *path, mode_t mode, struct bytes data, struct error *e);

#endif
