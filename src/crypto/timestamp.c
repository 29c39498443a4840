#include "crypto/timestamp.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "crypto/hash.h"

static bool refuse(struct error *e, enum error_kind kind, const char *where, const char *what)
{
    ERR_clear_error();
    return error_set(e, kind, where, NULL, "%s", what);
}

/* SHA-256 of `data`, and nothing else, is what was stamped. */
static bool is_over(TS_TST_INFO *info, struct bytes data)
{
    uint8_t digest[SHA256_SIZE];
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OCTET_STRING *stamped = TS_MSG_IMPRINT_get_msg(imprint);
    sha256(data, digest);
    return OBJ_obj2nid(TS_MSG_IMPRINT_get_algo(imprint)->algorithm) == NID_sha256 && ASN1_STRING_length(stamped) == SHA256_SIZE &&
           memcmp(ASN1_STRING_get0_data(stamped), digest, SHA256_SIZE) == 0;
}

/* For time-stamping only (RFC 3161 2.3), and within its dates at the time that it states. */
static bool may_stamp(X509 *certificate, time_t time_s)
{
    const uint32_t usage = X509_get_extended_key_usage(certificate); /* all bits: it states none, and is for anything */
    return usage != UINT32_MAX && (usage & XKU_TIMESTAMP) != 0 && X509_cmp_time(X509_get0_notBefore(certificate), &time_s) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &time_s) > 0;
}

static bool is_signed_by(PKCS7 *token, struct bytes der, time_t time_s)
{
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    STACK_OF(X509) *known = sk_X509_new_null();
    BIO *content = NULL;
    bool is_good = certificate != NULL && known != NULL && sk_X509_push(known, certificate) > 0;
    /* The certificates that the token brings say nothing: only the one that is trusted counts. */
    is_good = is_good && may_stamp(certificate, time_s) && (content = BIO_new(BIO_s_mem())) != NULL &&
              PKCS7_verify(token, known, NULL, NULL, content, PKCS7_NOVERIFY | PKCS7_NOINTERN | PKCS7_BINARY) == 1;
    BIO_free(content);
    sk_X509_free(known);
    X509_free(certificate);
    ERR_clear_error();
    return is_good;
}

static bool read_time(TS_TST_INFO *info, int64_t *time_s)
{
    struct tm broken;
    const ASN1_GENERALIZEDTIME *stated = TS_TST_INFO_get_time(info);
    if (stated == NULL || ASN1_TIME_to_tm(stated, &broken) != 1) {
        return false;
    }
    *time_s = (int64_t)timegm(&broken);
    return *time_s > 0;
}

bool timestamp_verify(struct bytes token, struct bytes data, const struct bytes *authorities, size_t count, int64_t *time_s,
                      const char *where, struct error *e)
{
    const unsigned char *at = token.data;
    *time_s = 0;
    if (token.size == 0 || token.size > TIMESTAMP_BYTES_MAX) {
        return refuse(e, ERROR_INPUT, where, "a time-stamp is empty or too large");
    }
    PKCS7 *parsed = d2i_PKCS7(NULL, &at, (long)token.size);
    TS_TST_INFO *info = parsed != NULL && at == token.data + token.size && PKCS7_type_is_signed(parsed) ? PKCS7_to_TS_TST_INFO(parsed)
                                                                                                        : NULL;
    bool ok = info != NULL && read_time(info, time_s) ? true : refuse(e, ERROR_INPUT, where, "it is no time-stamp token (RFC 3161)");
    ok = ok && (is_over(info, data) || refuse(e, ERROR_DENIED, where, "the time-stamp is over other bytes"));
    if (ok) {
        bool is_good = false;
        for (size_t i = 0; i < count; i++) {
            is_good = is_good || is_signed_by(parsed, authorities[i], (time_t)*time_s);
        }
        ok = is_good || refuse(e, ERROR_DENIED, where, "no time-stamping authority that is trusted has signed it");
    }
    TS_TST_INFO_free(info);
    PKCS7_free(parsed);
    if (!ok) {
        *time_s = 0;
    }
    return ok;
}
