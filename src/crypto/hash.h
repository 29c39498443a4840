/* SHA-256 and SHA-512 (FIPS 180-4), by OpenSSL. Any thread. */
#ifndef COMITY_CRYPTO_HASH_H
#define COMITY_CRYPTO_HASH_H

#include "base/bytes.h"

enum { SHA256_SIZE = 32, SHA512_SIZE = 64 };

/* Of the parts, one after the other, without a copy. Ends the process if OpenSSL can't hash: nothing here works without. */
void sha256(struct bytes data, uint8_t out[SHA256_SIZE]);
void sha256_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_SIZE]);
void sha512(struct bytes data, uint8_t out[SHA512_SIZE]);
void sha512_parts(const struct bytes *parts, size_t count, uint8_t out[SHA512_SIZE]);

/* Only where a format of others demands it (GovStack's serializedHash): collisions can be made, so it proves nothing. */
enum { SHA1_SIZE = 20 };
void sha1_for_compatibility(struct bytes data, uint8_t out[SHA1_SIZE]);

/* Keyed: HMAC-SHA-256 (RFC 2104). */
void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_SIZE]);

/* Piece by piece. Heap; NULL when memory is out. */
enum hash_kind { HASH_SHA256 = 0, HASH_SHA512 };
struct hash;
must_check struct hash *hash_make(enum hash_kind kind);
void hash_add(struct hash *hash, struct bytes data);
/* Writes 32 or 64 bytes; the hash may then only be freed or reset. */
void hash_end(struct hash *hash, uint8_t *out);
void hash_reset(struct hash *hash);
void hash_free(struct hash *hash); /* NULL is allowed */

#endif
