/*
 * By OpenSSL's functions for one algorithm. They are deprecated for EVP, which takes five times as long over a Merkle node: it allocates and
 * frees a context for each hash (OpenSSL 3.0), and there are some fifty of them in an exchange. What computes is the same code.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hash.h"

#include <stdlib.h>

#include <openssl/sha.h>

#include "base/diag.h"

struct hash {
    enum hash_kind kind;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512;
    } of;
};

static _Noreturn void die(void)
{
    diag(DIAG_ERROR, "crypto", "OpenSSL failed where it must not", "what", "digest", NULL);
    abort();
}

static void must(int ok)
{
    if (ok != 1) {
        die();
    }
}

void sha256_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_SIZE])
{
    SHA256_CTX context;
    must(SHA256_Init(&context));
    for (size_t i = 0; i < count; i++) {
        must(SHA256_Update(&context, parts[i].data, parts[i].size));
    }
    must(SHA256_Final(out, &context));
    explicit_bzero(&context, sizeof context); /* it may have been of a secret */
}

void sha512_parts(const struct bytes *parts, size_t count, uint8_t out[SHA512_SIZE])
{
    SHA512_CTX context;
    must(SHA512_Init(&context));
    for (size_t i = 0; i < count; i++) {
        must(SHA512_Update(&context, parts[i].data, parts[i].size));
    }
    must(SHA512_Final(out, &context));
    explicit_bzero(&context, sizeof context);
}

void sha1_for_compatibility(struct bytes data, uint8_t out[SHA1_SIZE])
{
    SHA_CTX context;
    must(SHA1_Init(&context));
    must(SHA1_Update(&context, data.data, data.size));
    must(SHA1_Final(out, &context));
    explicit_bzero(&context, sizeof context);
}

void sha256(struct bytes data, uint8_t out[SHA256_SIZE])
{
    sha256_parts(&data, 1, out);
}

void sha512(struct bytes data, uint8_t out[SHA512_SIZE])
{
    sha512_parts(&data, 1, out);
}

/*
 * RFC 2104 2 by its two hashes: OpenSSL's EVP_MAC takes three times as long, for it looks the digest up by name at each key.
 */
void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[SHA256_SIZE])
{
    enum { BLOCK_SIZE = 64 };
    uint8_t block[BLOCK_SIZE] = { 0 };
    uint8_t inner[SHA256_SIZE];
    if (key.size > BLOCK_SIZE) {
        sha256(key, block);
    } else if (key.size > 0) {
        memcpy(block, key.data, key.size);
    }
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] ^= 0x36;
    }
    sha256_parts((struct bytes[]){ bytes_of(block, BLOCK_SIZE), data }, 2, inner);
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    sha256_parts((struct bytes[]){ bytes_of(block, BLOCK_SIZE), bytes_of(inner, SHA256_SIZE) }, 2, out);
    explicit_bzero(block, sizeof block);
    explicit_bzero(inner, sizeof inner);
}

void hash_reset(struct hash *hash)
{
    must(hash->kind == HASH_SHA256 ? SHA256_Init(&hash->of.sha256) : SHA512_Init(&hash->of.sha512));
}

struct hash *hash_make(enum hash_kind kind)
{
    struct hash *hash = calloc(1, sizeof *hash);
    if (hash != NULL) {
        hash->kind = kind;
        hash_reset(hash);
    }
    return hash;
}

void hash_add(struct hash *hash, struct bytes data)
{
    must(hash->kind == HASH_SHA256 ? SHA256_Update(&hash->of.sha256, data.data, data.size)
                                   : SHA512_Update(&hash->of.sha512, data.data, data.size));
}

void hash_end(struct hash *hash, uint8_t *out)
{
    must(hash->kind == HASH_SHA256 ? SHA256_Final(out, &hash->of.sha256) : SHA512_Final(out, &hash->of.sha512));
}

void hash_free(struct hash *hash)
{
    if (hash != NULL) {
        explicit_bzero(hash, sizeof *hash);
        free(hash);
    }
}
