#include "crypto/key.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/key_name_internal.h"
#include "crypto/private_file_internal.h"

enum { VKEY_KEY_SIZE = 1 + ED25519_PUBLIC_SIZE };

struct signer {
    EVP_PKEY *key;
    struct verifier verifier;
};

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

bool verifier_check(const struct verifier *v, struct bytes message, const uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    static const uint8_t nothing[1];
    bool ok = false;
    /* Making the key and the context is a twentieth of the whole, and a batch is verified once: not worth a cache. */
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, v->public_key, sizeof v->public_key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (key != NULL && context != NULL && EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1) {
        ok = EVP_DigestVerify(context, signature, ED25519_SIGNATURE_SIZE, message.data == NULL ? nothing : message.data, message.size) == 1;
    }
    if (!ok) {
        ERR_clear_error(); /* a refused signature must not surface as the error of a later TLS call on this thread */
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

/* Takes `key` over, also on failure. */
static bool signer_from_pkey(struct signer **out, struct bytes name, EVP_PKEY *key, const char *where, struct error *e)
{
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    size_t size = sizeof public_key;
    struct signer *made = calloc(1, sizeof *made);
    if (made == NULL) {
        EVP_PKEY_free(key);
        return error_memory(e, where);
    }
    made->key = key;
    struct error cause;
    if (EVP_PKEY_get_raw_public_key(key, public_key, &size) != 1 || size != sizeof public_key) {
        ERR_clear_error();
        error_set(e, ERROR_INPUT, where, "make a new key", "the private key has no Ed25519 public key");
    } else if (!verifier_init(&made->verifier, name, SIGNATURE_ED25519, public_key, &cause)) {
        error_set(e, cause.kind, where, cause.todo, "%s", cause.what);
    } else {
        *out = made;
        return true;
    }
    signer_free(made);
    return false;
}

bool signer_from_seed(struct signer **out, struct bytes name, const uint8_t seed[ED25519_SEED_SIZE], struct error *e)
{
    *out = NULL;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_SEED_SIZE);
    if (key == NULL) {
        ERR_clear_error();
        return error_memory(e, "key");
    }
    return signer_from_pkey(out, name, key, "key", e);
}

bool signer_make(struct signer **out, struct bytes name, struct error *e)
{
    uint8_t seed[ED25519_SEED_SIZE];
    random_fill(seed, sizeof seed);
    bool ok = signer_from_seed(out, name, seed, e);
    OPENSSL_cleanse(seed, sizeof seed);
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
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1) {
        error_set(e, ERROR_INPUT, path, "make one with `comity init` or `openssl genpkey -algorithm ed25519`",
                  "holds no unencrypted Ed25519 private key in PEM");
        goto done;
    }
    ok = signer_from_pkey(out, name, key, path, e);
    key = NULL;
done:
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(pem);
    buffer_wipe(&file);
    return ok;
}

bool signer_save(const struct signer *signer, const char *path, struct error *e)
{
    bool ok = false;
    char *text = NULL;
    BIO *pem = BIO_new(BIO_s_mem()); /* wipes what it held when it is freed */
    if (pem == NULL || PEM_write_bio_PKCS8PrivateKey(pem, signer->key, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        error_memory(e, path);
        goto done;
    }
    long size = BIO_get_mem_data(pem, &text);
    ok = file_write_new(path, 0600, bytes_of(text, (size_t)size), e);
done:
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
        EVP_PKEY_free(signer->key); /* wipes the private key */
        free(signer);
    }
}

const struct verifier *signer_verifier(const struct signer *signer)
{
    return &signer->verifier;
}

void signer_sign(const struct signer *signer, struct bytes message, uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    static const uint8_t nothing[1];
    size_t size = ED25519_SIGNATURE_SIZE;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, signer->key, NULL) != 1 ||
        EVP_DigestSign(context, signature, &size, message.data == NULL ? nothing : message.data, message.size) != 1 ||
        size != ED25519_SIGNATURE_SIZE) {
        diag(DIAG_ERROR, "crypto", "OpenSSL failed where it must not", "what", "signature", NULL);
        abort();
    }
    EVP_MD_CTX_free(context);
}
