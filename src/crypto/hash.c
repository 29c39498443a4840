#include "crypto/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/diag.h"

struct hash {
    EVP_MD_CTX *context;
    enum hash_kind kind;
};

/* Fetched once: a fetch for each hash costs more than hashing 1 KiB. They live as long as the process. */
static EVP_MD *algorithms[2];
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;

/* One context a thread and algorithm: making and freeing one for each hash would double the cost of a Merkle node. */
struct contexts {
    EVP_MD_CTX *of[2];
};
static _Thread_local struct contexts *contexts;

static _Noreturn void die(const char *what)
{
    diag(DIAG_ERROR, "crypto", "OpenSSL failed where it must not", "what", what, NULL);
    abort();
}

static void contexts_free(void *pointer)
{
    struct contexts *c = pointer;
    EVP_MD_CTX_free(c->of[HASH_SHA256]);
    EVP_MD_CTX_free(c->of[HASH_SHA512]);
    free(c);
    contexts = NULL; /* another thread-end destructor may still hash: it makes new ones, and pthreads calls this again */
}

static void fetch(void)
{
    algorithms[HASH_SHA256] = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    algorithms[HASH_SHA512] = EVP_MD_fetch(NULL, "SHA2-512", NULL);
    if (algorithms[HASH_SHA256] == NULL || algorithms[HASH_SHA512] == NULL) {
        die("SHA-256 and SHA-512 are not both available");
    }
    if (pthread_key_create(&contexts_key, contexts_free) != 0) {
        die("no thread-specific key is left");
    }
}

static void fetch_once(void)
{
    if (pthread_once(&fetched, fetch) != 0) {
        die("pthread_once");
    }
}

static void contexts_make(void)
{
    fetch_once();
    struct contexts *made = calloc(1, sizeof *made);
    if (made == NULL) {
        die("no memory for a hash context");
    }
    made->of[HASH_SHA256] = EVP_MD_CTX_new();
    made->of[HASH_SHA512] = EVP_MD_CTX_new();
    if (made->of[HASH_SHA256] == NULL || made->of[HASH_SHA512] == NULL || pthread_setspecific(contexts_key, made) != 0) {
        die("no memory for a hash context");
    }
    contexts = made;
}

static void hash_at_once(enum hash_kind kind, const struct bytes *parts, size_t count, uint8_t *out)
{
    if (contexts == NULL) {
        contexts_make();
    }
    EVP_MD_CTX *context = contexts->of[kind];
    /* OpenSSL 3.0 allocates here at each turn, so this may fail where memory is out. */
    bool ok = EVP_DigestInit_ex(context, algorithms[kind], NULL) == 1;
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(context, parts[i].data, parts[i].size) == 1;
    }
    if (!ok || EVP_DigestFinal_ex(context, out, NULL) != 1) {
        die("digest");
    }
}

void sha256(struct bytes data, uint8_t out[SHA256_SIZE])
{
    hash_at_once(HASH_SHA256, &data, 1, out);
}

void sha256_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_SIZE])
{
    hash_at_once(HASH_SHA256, parts, count, out);
}

void sha512(struct bytes data, uint8_t out[SHA512_SIZE])
{
    hash_at_once(HASH_SHA512, &data, 1, out);
}

void sha512_parts(const struct bytes *parts, size_t count, uint8_t out[SHA512_SIZE])
{
    hash_at_once(HASH_SHA512, parts, count, out);
}

/*
 * RFC 2104 2 by its two hashes: OpenSSL's EVP_MAC takes three times as long, for it looks the digest up by name at each key. What stays
 * behind in the thread's context is the outer hash's end, and OpenSSL wipes that.
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

struct hash *hash_make(enum hash_kind kind)
{
    fetch_once();
    struct hash *hash = calloc(1, sizeof *hash);
    if (hash == NULL) {
        return NULL;
    }
    hash->kind = kind;
    hash->context = EVP_MD_CTX_new();
    if (hash->context == NULL) {
        free(hash);
        return NULL;
    }
    if (EVP_DigestInit_ex(hash->context, algorithms[kind], NULL) != 1) {
        hash_free(hash);
        return NULL;
    }
    return hash;
}

void hash_add(struct hash *hash, struct bytes data)
{
    if (EVP_DigestUpdate(hash->context, data.data, data.size) != 1) {
        die("digest");
    }
}

void hash_end(struct hash *hash, uint8_t *out)
{
    if (EVP_DigestFinal_ex(hash->context, out, NULL) != 1) {
        die("digest");
    }
}

void hash_reset(struct hash *hash)
{
    if (EVP_DigestInit_ex(hash->context, algorithms[hash->kind], NULL) != 1) {
        die("digest");
    }
}

void hash_free(struct hash *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->context);
        free(hash);
    }
}
