#include "policy/policy_parse_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { CERTIFICATES_MAX = 64 };

static bool digest_of(X509 *certificate, uint8_t out[SHA256_SIZE])
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    if (size <= 0) {
        return false;
    }
    sha256(bytes_of(der, (size_t)size), out);
    OPENSSL_free(der);
    return true;
}

bool certificate_digests(const char *path, struct arena *arena, uint8_t (**out)[SHA256_SIZE], size_t *count, struct error *e)
{
    bool ok = false;
    X509 *certificate = NULL;
    uint8_t digests[CERTIFICATES_MAX][SHA256_SIZE];
    *out = NULL;
    *count = 0;
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL) {
        ERR_clear_error();
        return error_set(e, ERROR_INPUT, path, "name a PEM file that this user may read", "can't be opened");
    }
    while ((certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        bool is_kept = *count < CERTIFICATES_MAX && digest_of(certificate, digests[*count]);
        X509_free(certificate);
        if (!is_kept) {
            error_set(e, ERROR_INPUT, path, NULL, "more than %d certificates, or one that can't be read", CERTIFICATES_MAX);
            goto done;
        }
        *count += 1;
    }
    /* What ends the loop well is the file's end; anything else is a broken certificate. */
    if (*count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        error_set(e, ERROR_INPUT, path, "begin with -----BEGIN CERTIFICATE-----", "not certificates in PEM");
        goto done;
    }
    *out = arena_take(arena, *count * sizeof **out);
    if (*out == NULL) {
        error_memory(e, path);
        goto done;
    }
    memcpy(*out, digests, *count * sizeof **out);
    ok = true;
done:
    ERR_clear_error();
    BIO_free(file);
    return ok;
}
