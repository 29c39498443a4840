/*
 * Ed25519 keys (RFC 8032): private ones in PEM files (PKCS #8, RFC 8410), public ones as C2SP vkeys (signed-note 1.0.0):
 * name "+" 8 hex digits of the key id "+" base64(0x01 || public key).
 */
#ifndef COMITY_CRYPTO_KEY_H
#define COMITY_CRYPTO_KEY_H

#include "base/buffer.h"
#include "base/error.h"

enum { ED25519_SIGNATURE_SIZE = 64, ED25519_PUBLIC_SIZE = 32, ED25519_SEED_SIZE = 32, KEY_ID_SIZE = 4, KEY_NAME_SIZE_MAX = 255 };

/* The first byte of what a key id is the hash of (signed-note 1.0.0, tlog-cosignature 1.0.1). */
enum signature_type { SIGNATURE_ED25519 = 0x01, SIGNATURE_COSIGNATURE_V1 = 0x04 };

/* A public key with its name. Plain data: copied by value. */
struct verifier {
    char name[KEY_NAME_SIZE_MAX + 1]; /* no white space, no '+'; not empty */
    uint8_t type;                     /* enum signature_type */
    uint8_t id[KEY_ID_SIZE];
    uint8_t public_key[ED25519_PUBLIC_SIZE];
};
/* Sets the id from name, type and key. ERROR_INPUT for a name that signed-note forbids. */
must_check bool verifier_init(struct verifier *v, struct bytes name, enum signature_type type,
                              const uint8_t public_key[ED25519_PUBLIC_SIZE], struct error *e);
/* From vkey text. Errors (ERROR_INPUT) say which part is wrong; `where` names the source in them. */
must_check bool verifier_parse(struct verifier *v, struct bytes text, const char *where, struct error *e);
void verifier_write(const struct verifier *v, struct buffer *out);
bool verifier_equal(const struct verifier *a, const struct verifier *b);
/* Pure Ed25519 over `message`. Any thread. */
must_check bool verifier_check(const struct verifier *v, struct bytes message, const uint8_t signature[ED25519_SIGNATURE_SIZE]);

/* A private key with its name; opaque, wiped when freed. Signing: any thread. */
struct signer;
/* A fresh key. */
must_check bool signer_make(struct signer **out, struct bytes name, struct error *e);
must_check bool signer_from_seed(struct signer **out, struct bytes name, const uint8_t seed[ED25519_SEED_SIZE], struct error *e);
/*
 * Reads a PEM file. ERROR_DENIED when others than the owner may read it or it belongs to somebody else (neither this user nor
 * root); ERROR_INPUT when it holds no Ed25519 key. The folder's mode is not looked at.
 */
must_check bool signer_load(struct signer **out, struct bytes name, const char *path, struct error *e);
/* Writes a PEM file, mode 0600, synced; refuses to overwrite (ERROR_DENIED). */
must_check bool signer_save(const struct signer *signer, const char *path, struct error *e);
/*
 * Makes it the key of a cosigner: type 0x04, so another id. From then on it signs cosignatures (evidence/cosignature.h) and notes refuse it:
 * a key that cosigns never signs a log, or what it says in one role could be passed off as said in the other.
 */
must_check bool signer_become_cosigner(struct signer *signer, struct error *e);
void signer_free(struct signer *signer); /* NULL is allowed */
const struct verifier *signer_verifier(const struct signer *signer);
/* Deterministic: the same message gives the same bytes. Ends the process if libsodium fails. */
void signer_sign(const struct signer *signer, struct bytes message, uint8_t signature[ED25519_SIGNATURE_SIZE]);

#endif
