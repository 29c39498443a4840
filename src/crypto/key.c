#include "crypto/key.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/key_name_internal.h"
#include "crypto/private_file_internal.h"

enum { VKEY_KEY_SIZE = 1 + ED25519_PUBLIC_SIZE };

struct signer {
    uint8_t key[crypto_sign_SECRETKEYBYTES]; /* libsodium's form: the seed (RFC 8032's private key), then the public key */
    struct verifier verifier;
};
_Static_assert(crypto_sign_SECRETKEYBYTES == ED25519_SEED_SIZE + ED25519_PUBLIC_SIZE && crypto_sign_BYTES == ED25519_SIGNATURE_SIZE,
               "libsodium signs by Ed25519");

/*
 * The points of small order, by y with the sign bit clear, in every encoding that decodes to them (as in libsodium's
 * ge25519_has_small_order). For such a "key" one signature fits any message, so its owner could later disown, or claim, anything.
 */
static const uint8_t weak_points[][ED25519_PUBLIC_SIZE] = {
    { 0 },
    { 1 },
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
      0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
      0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

static bool is_weak(const uint8_t public_key[ED25519_PUBLIC_SIZE])
{
    uint8_t y[ED25519_PUBLIC_SIZE];
    memcpy(y, public_key, sizeof y);
    y[31] &= 0x7F;
    for (size_t i = 0; i < COUNT_OF(weak_points); i++) {
        if (memcmp(y, weak_points[i], sizeof y) == 0) {
            return true;
        }
    }
    return false;
}

/* White space as Unicode has it (property White_Space): what Go's signed notes refuse in a name. Advances past one character. */
static bool takes_space(struct bytes *left)
{
    static const char *const wide[] = { "\xC2\x85", "\u00A0", "\u1680", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000" };
    const uint8_t *p = left->data;
    bool is_space = p[0] == ' ' || (p[0] >= 0x09 && p[0] <= 0x0D);
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        is_space = is_space || bytes_start_with(*left, bytes_of_text(wide[i]));
    }
    /* U+2000 to U+200A */
    is_space = is_space || (left->size >= 3 && p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0x80 && p[2] <= 0x8A);
    *left = bytes_slice(*left, 1, left->size);
    return is_space;
}

bool key_name_is_valid(struct bytes name)
{
    if (name.size == 0 || bytes_find(name, '+') < name.size || !bytes_are_utf8(name)) {
        return false;
    }
    struct bytes left = name;
    while (left.size > 0) {
        if (left.data[0] < 0x20 || takes_space(&left)) {
            return false;
        }
    }
    return true;
}

bool verifier_init(struct verifier *v, struct bytes name, enum signature_type type, const uint8_t public_key[ED25519_PUBLIC_SIZE],
                   struct error *e)
{
    static const char where[] = "key";
    if (name.size > KEY_NAME_SIZE_MAX) {
        return error_set(e, ERROR_INPUT, where, "shorten the name", "the key's name is longer than %d bytes", KEY_NAME_SIZE_MAX);
    }
    if (!key_name_is_valid(name)) {
        return error_set(e, ERROR_INPUT, where, "use a name like log.example/gateway-1",
                         "the key's name is empty, not UTF-8, or has white space, a control character or '+'");
    }
    if (type != SIGNATURE_ED25519 && type != SIGNATURE_COSIGNATURE_V1) {
        return error_set(e, ERROR_INPUT, where, "use an Ed25519 key", "keys of type 0x%02x are not known here", (unsigned)type);
    }
    if (is_weak(public_key)) {
        return error_set(e, ERROR_INPUT, where, "make a new key", "the public key is a point of small order, which signs anything");
    }
    *v = (struct verifier){ .type = (uint8_t)type };
    memcpy(v->name, name.data, name.size);
    memcpy(v->public_key, public_key, ED25519_PUBLIC_SIZE);
    const struct bytes hashed[] = { name, BYTES("\n"), bytes_of(&v->type, 1), bytes_of(v->public_key, sizeof v->public_key) };
    uint8_t digest[SHA256_SIZE];
    sha256_parts(hashed, COUNT_OF(hashed), digest);
    memcpy(v->id, digest, KEY_ID_SIZE);
    return true;
}

bool verifier_parse(struct verifier *v, struct bytes text, const char *where, struct error *e)
{
    static const char todo[] = "use name+hash+key, as C2SP signed-note writes it";
    uint8_t id[KEY_ID_SIZE];
    uint8_t key[VKEY_KEY_SIZE];
    size_t key_size = 0;
    /* The base64 part may hold '+' itself, so only the first two separate. */
    size_t first = bytes_find(text, '+');
    struct bytes rest = bytes_slice(text, first + 1, text.size);
    size_t second = bytes_find(rest, '+');
    if (first == text.size || second == rest.size) {
        return error_set(e, ERROR_INPUT, where, todo, "a verifier key has three parts joined by '+'");
    }
    if (!hex_parse(bytes_slice(rest, 0, second), id, sizeof id)) {
        return error_set(e, ERROR_INPUT, where, todo, "the verifier key's second part is not 8 hex digits");
    }
    if (!base64_parse(bytes_slice(rest, second + 1, rest.size), key, sizeof key, &key_size) || key_size != sizeof key) {
        return error_set(e, ERROR_INPUT, where, todo, "the verifier key's third part is not the base64 of a type and an Ed25519 key");
    }
    struct error cause;
    if (!verifier_init(v, bytes_slice(text, 0, first), (enum signature_type)key[0], key + 1, &cause)) {
        return error_set(e, cause.kind, where, cause.todo, "%s", cause.what);
    }
    if (memcmp(v->id, id, sizeof id) != 0) {
        return error_set(e, ERROR_INPUT, where, "copy the key again, whole", "the verifier key's hash does not fit its name and key");
    }
    return true;
}

void verifier_write(const struct verifier *v, struct buffer *out)
{
    uint8_t key[VKEY_KEY_SIZE];
    char id[2 * KEY_ID_SIZE + 1];
    key[0] = v->type;
    memcpy(key + 1, v->public_key, sizeof v->public_key);
    hex_write(bytes_of(v->id, sizeof v->id), id);
    buffer_append_text(out, v->name);
    buffer_append_u8(out, '+');
    buffer_append_text(out, id);
    buffer_append_u8(out, '+');
    base64_append(out, bytes_of(key, sizeof key));
}

bool verifier_equal(const struct verifier *a, const struct verifier *b)
{
    return a->type == b->type && strcmp(a->name, b->name) == 0 && memcmp(a->public_key, b->public_key, sizeof a->public_key) == 0;
}

static void begin_sodium(void)
{
    if (sodium_init() < 0) {
        diag(DIAG_ERROR, "crypto", "libsodium failed where it must not", "what", "start", NULL);
        abort();
    }
}

/* Before any other function of it. */
static void need_sodium(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, begin_sodium);
}

/*
 * Signatures are libsodium's: made in less than half of OpenSSL 3.0's time, and checked likewise (docs/performance.md). It refuses what RFC 8032
 * leaves open: keys that aren't in their one encoding, and keys and commitments of small order.
 */
bool verifier_check(const struct verifier *v, struct bytes message, const uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    need_sodium();
    return crypto_sign_verify_detached(signature, message.data, message.size, v->public_key) == 0;
}

bool signer_from_seed(struct signer **out, struct bytes name, const uint8_t seed[ED25519_SEED_SIZE], struct error *e)
{
    *out = NULL;
    struct signer *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_memory(e, "key");
    }
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    need_sodium();
    if (crypto_sign_seed_keypair(public_key, made->key, seed) != 0) {
        signer_free(made);
        return error_set(e, ERROR_INPUT, "key", "make a new key", "no Ed25519 key can be made of the seed");
    }
    if (!verifier_init(&made->verifier, name, SIGNATURE_ED25519, public_key, e)) {
        signer_free(made);
        return false;
    }
    *out = made;
    return true;
}

bool signer_make(struct signer **out, struct bytes name, struct error *e)
{
    uint8_t seed[ED25519_SEED_SIZE];
    random_fill(seed, sizeof seed);
    bool ok = signer_from_seed(out, name, seed, e);
    explicit_bzero(seed, sizeof seed);
    return ok;
}

/* Without it OpenSSL would ask for a passphrase at the terminal, and a service would hang. */
static int no_passphrase(char *to, int size, int is_write, void *context)
{
    (void)to, (void)size, (void)is_write, (void)context;
    return -1;
}

bool signer_load(struct signer **out, struct bytes name, const char *path, struct error *e)
{
    bool ok = false;
    BIO *pem = NULL;
    EVP_PKEY *key = NULL;
    struct buffer file;
    struct error cause;
    uint8_t seed[ED25519_SEED_SIZE];
    size_t seed_size = sizeof seed;
    *out = NULL;
    buffer_init(&file, KEY_FILE_BYTES_MAX);
    if (!file_read_private(path, &file, e)) {
        goto done;
    }
    pem = BIO_new_mem_buf(file.data, (int)file.size);
    if (pem == NULL) {
        error_memory(e, path);
        goto done;
    }
    key = PEM_read_bio_PrivateKey_ex(pem, NULL, no_passphrase, NULL, NULL, NULL);
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1 || EVP_PKEY_get_raw_private_key(key, seed, &seed_size) != 1 ||
        seed_size != sizeof seed) {
        error_set(e, ERROR_INPUT, path, "make one with `comity init` or `openssl genpkey -algorithm ed25519`",
                  "holds no unencrypted Ed25519 private key in PEM");
        goto done;
    }
    ok = signer_from_seed(out, name, seed, &cause) || error_set(e, cause.kind, path, cause.todo, "%s", cause.what);
done:
    explicit_bzero(seed, sizeof seed);
    ERR_clear_error();
    EVP_PKEY_free(key); /* wipes the private key */
    BIO_free(pem);
    buffer_wipe(&file);
    return ok;
}

bool signer_save(const struct signer *signer, const char *path, struct error *e)
{
    bool ok = false;
    char *text = NULL;
    BIO *pem = BIO_new(BIO_s_mem()); /* wipes what it held when it is freed */
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, signer->key, ED25519_SEED_SIZE);
    if (pem == NULL || key == NULL || PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        error_memory(e, path);
        goto done;
    }
    long size = BIO_get_mem_data(pem, &text);
    ok = file_write_new(path, 0600, bytes_of(text, (size_t)size), e);
done:
    EVP_PKEY_free(key);
    BIO_free(pem);
    return ok;
}

bool signer_become_cosigner(struct signer *signer, struct error *e)
{
    struct verifier as_cosigner;
    if (!verifier_init(&as_cosigner, bytes_of_text(signer->verifier.name), SIGNATURE_COSIGNATURE_V1, signer->verifier.public_key, e)) {
        return false;
    }
    signer->verifier = as_cosigner;
    return true;
}

void signer_free(struct signer *signer)
{
    if (signer != NULL) {
        explicit_bzero(signer, sizeof *signer);
        free(signer);
    }
}

const struct verifier *signer_verifier(const struct signer *signer)
{
    return &signer->verifier;
}

void signer_sign(const struct signer *signer, struct bytes message, uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    if (crypto_sign_detached(signature, NULL, message.data, message.size, signer->key) != 0) {
        diag(DIAG_ERROR, "crypto", "libsodium failed where it must not", "what", "signature", NULL);
        abort();
    }
}
