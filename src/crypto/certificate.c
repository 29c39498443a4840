#include "crypto/certificate.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/random.h"
#include "base/time.h"
#include "crypto/hash.h"
#include "crypto/private_file_internal.h"

enum { COMMON_NAME_SIZE_MAX = 64 /* RFC 5280 ub-common-name */, DAYS_MAX = 36500, SERIAL_SIZE = 16 };

static bool openssl_failed(struct error *e, const char *where)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    error_set(e, ERROR_MEMORY, where, NULL, "OpenSSL could not make it: %s", reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
    return false;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* Random, so that two certificates with one name never look like one; positive and at most 20 bytes (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *certificate)
{
    uint8_t serial[SERIAL_SIZE];
    random_fill(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7F) | 0x40);
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

/* A day back: clocks of two organisations are rarely the same. */
static bool set_times(X509 *certificate, int days)
{
    const int64_t day_s = 86400;
    int64_t now_s = time_now_ms() / 1000;
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(now_s - day_s)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(now_s + days * day_s)) != NULL;
}

static X509 *make_x509(EVP_PKEY *key, const char *common_name, int days)
{
    X509 *made = X509_new();
    X509_NAME *name = made == NULL ? NULL : X509_get_subject_name(made);
    bool ok = made != NULL && X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) && set_times(made, days) &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1 &&
              X509_set_issuer_name(made, name) == 1 && X509_set_pubkey(made, key) == 1 &&
              add_extension(made, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(made, NID_key_usage, "critical,digitalSignature") &&
              add_extension(made, NID_ext_key_usage, "serverAuth,clientAuth") && add_extension(made, NID_subject_key_identifier, "hash") &&
              X509_sign(made, key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(made);
        return NULL;
    }
    return made;
}

static struct bytes bio_bytes(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    return bytes_of(data, size < 0 ? 0 : (size_t)size);
}

static bool check_arguments(const char *common_name, int days, struct error *e)
{
    struct bytes name = bytes_of_text(common_name);
    if (name.size == 0 || name.size > COMMON_NAME_SIZE_MAX || !bytes_are_utf8(name)) {
        return error_set(e, ERROR_INPUT, "certificate", "use a short name", "the common name must be 1 to %d bytes of UTF-8",
                         COMMON_NAME_SIZE_MAX);
    }
    if (days < 1 || days > DAYS_MAX) {
        return error_set(e, ERROR_INPUT, "certificate", NULL, "a certificate is valid for 1 to %d days, not %d", DAYS_MAX, days);
    }
    return true;
}

bool certificate_make(const char *key_path, const char *certificate_path, const char *common_name, int days, struct error *e)
{
    bool ok = false;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    BIO *key_pem = NULL;
    BIO *certificate_pem = NULL;
    if (!check_arguments(common_name, days, e)) {
        return false;
    }
    key = EVP_EC_gen("P-256");
    certificate = key == NULL ? NULL : make_x509(key, common_name, days);
    key_pem = BIO_new(BIO_s_mem()); /* wipes what it held when it is freed */
    certificate_pem = BIO_new(BIO_s_mem());
    if (certificate == NULL || key_pem == NULL || certificate_pem == NULL ||
        PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(certificate_pem, certificate) != 1) {
        openssl_failed(e, certificate_path);
        goto done;
    }
    if (!file_write_new(key_path, 0600, bio_bytes(key_pem), e)) {
        goto done;
    }
    ok = file_write_new(certificate_path, 0644, bio_bytes(certificate_pem), e);
    if (!ok) {
        (void)unlink(key_path); /* a key without its certificate would only stand in the way of the next try */
    }
done:
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}

bool certificate_pin(const struct x509_st *certificate, uint8_t pin[PIN_SIZE])
{
    unsigned char *der = NULL;
    X509_PUBKEY *key = X509_get_X509_PUBKEY(certificate);
    int size = key == NULL ? -1 : i2d_X509_PUBKEY(key, &der);
    if (size <= 0) {
        ERR_clear_error();
        return false;
    }
    sha256(bytes_of(der, (size_t)size), pin);
    OPENSSL_free(der);
    return true;
}

bool certificate_read_pin(const char *path, uint8_t pin[PIN_SIZE], int64_t *not_after_ms, struct error *e)
{
    bool ok = false;
    BIO *pem = NULL;
    X509 *certificate = NULL;
    struct tm end;
    struct buffer file;
    buffer_init(&file, KEY_FILE_BYTES_MAX);
    if (!public_file_read(path, &file, e)) {
        goto done;
    }
    pem = BIO_new_mem_buf(file.data, (int)file.size);
    if (pem == NULL) {
        error_memory(e, path);
        goto done;
    }
    certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    if (certificate == NULL || !certificate_pin(certificate, pin) || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
        error_set(e, ERROR_INPUT, path, "name a PEM file made by `comity init`", "holds no X.509 certificate in PEM");
        goto done;
    }
    if (not_after_ms != NULL) {
        *not_after_ms = (int64_t)timegm(&end) * 1000;
    }
    ok = true;
done:
    ERR_clear_error();
    X509_free(certificate);
    BIO_free(pem);
    buffer_clear(&file);
    return ok;
}
