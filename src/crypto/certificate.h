/* The TLS identity of a gateway: a self-signed certificate whose key is pinned in the directory; no outside authority. */
#ifndef COMITY_CRYPTO_CERTIFICATE_H
#define COMITY_CRYPTO_CERTIFICATE_H

#include "base/buffer.h"
#include "base/error.h"

enum { PIN_SIZE = 32 }; /* SHA-256 of the DER SubjectPublicKeyInfo (RFC 7469 2.4) */

/* Makes an ECDSA P-256 key (PEM, 0600) and a self-signed certificate for it (PEM, 0644), valid for `days`; refuses to overwrite. */
must_check bool certificate_make(const char *key_path, const char *certificate_path, const char *common_name, int days, struct error *e);
/* The pin of a PEM certificate file, and when it ends (may be NULL). */
must_check bool certificate_read_pin(const char *path, uint8_t pin[PIN_SIZE], int64_t *not_after_ms, struct error *e);
/* The pin of an X509 certificate (an X509 * of OpenSSL). */
struct x509_st;
must_check bool certificate_pin(const struct x509_st *certificate, uint8_t pin[PIN_SIZE]);
/* ERROR_DENIED if others than the owner may read the file. For every file that holds a secret. */
must_check bool file_check_private(const char *path, struct error *e);
/*
 * Checks the same and reads the file, through one descriptor, so that nothing can take its place in between. `out` is initialised
 * by the caller, who wipes it (buffer_wipe()); its maximum is the file's (ERROR_INPUT beyond).
 */
must_check bool file_read_private(const char *path, struct buffer *out, struct error *e);

#endif
