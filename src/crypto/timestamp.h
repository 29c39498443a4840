/*
 * Time-stamp tokens (RFC 3161), by OpenSSL: an authority's word that some bytes were there at a time. The authority is known by its signing
 * certificate itself; no chain, no revocation list. Pure.
 */
#ifndef COMITY_CRYPTO_TIMESTAMP_H
#define COMITY_CRYPTO_TIMESTAMP_H

#include "base/error.h"

enum { TIMESTAMP_BYTES_MAX = 64 * 1024 };

/*
 * Is `token` (DER, a TimeStampToken) over SHA-256 of `data`, signed by the key of one of `authorities` (DER certificates, which must be for
 * time-stamping and valid at that time)? `*time_s` is then the time that it states, in whole seconds since 1970. ERROR_INPUT: it is no token;
 * ERROR_DENIED: of other bytes, or signed by none of them.
 */
must_check bool timestamp_verify(struct bytes token, struct bytes data, const struct bytes *authorities, size_t count, int64_t *time_s,
                                 const char *where, struct error *e);

#endif
