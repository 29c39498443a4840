#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/tls_internal.h"

/*
 * Counted here, and not only as the SSL_CTX inside is: whoever is last frees what the callbacks need, and that must come after every
 * other's last use, in a way that ThreadSanitizer sees, too (OpenSSL's counts it doesn't). Each stream holds one for as long as its SSL.
 */
struct tls {
    atomic_size_t owners;
    SSL_CTX *context;
    bool is_peer;
    tls_pin_known *is_known;
    void *known_context;
    STACK_OF(X509) * trusted; /* towards services; NULL: any certificate */
};

static bool openssl_failed(struct error *e, const char *where, const char *todo)
{
    char text[160] = "unknown error";
    unsigned long code = ERR_peek_last_error();
    if (code != 0) {
        ERR_error_string_n(code, text, sizeof text);
    }
    ERR_clear_error();
    return error_set(e, ERROR_INPUT, where, todo, "%s", text);
}

/* ---- Who may be at the other end ---- */

static bool pin_is_among(const uint8_t pin[PIN_SIZE], const struct tls_check *check)
{
    for (size_t i = 0; i < check->pin_count; i++) {
        if (memcmp(pin, check->pins[i], PIN_SIZE) == 0) { /* pins are public: no constant time needed */
            return true;
        }
    }
    return false;
}

/* Between gateways the pin is all: no dates, names or issuers are looked at, for the directory says which key is valid, and until when. */
static enum tls_refusal check_peer(const struct tls *tls, const SSL *ssl, const struct tls_check *check, const X509 *certificate)
{
    uint8_t pin[PIN_SIZE];
    if (certificate == NULL || !certificate_pin(certificate, pin)) {
        return TLS_REFUSAL_UNREADABLE;
    }
    if (SSL_is_server(ssl)) {
        return tls->is_known(tls->known_context, pin) ? TLS_REFUSAL_NONE : TLS_REFUSAL_UNKNOWN_PIN;
    }
    return pin_is_among(pin, check) ? TLS_REFUSAL_NONE : TLS_REFUSAL_WRONG_PIN;
}

/* In the file byte for byte; else issued by one that is, and then its name must be the service's: who trusts an issuer means the service,
 * not everybody that the issuer knows. */
static enum tls_refusal check_service(const struct tls *tls, const struct tls_check *check, X509_STORE_CTX *store, X509 *certificate)
{
    if (tls->trusted == NULL) {
        return TLS_REFUSAL_NONE;
    }
    for (int i = 0; i < sk_X509_num(tls->trusted); i++) {
        if (certificate != NULL && X509_cmp(certificate, sk_X509_value(tls->trusted, i)) == 0) {
            return TLS_REFUSAL_NONE;
        }
    }
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    X509_STORE_CTX_set0_trusted_stack(store, tls->trusted);
    X509_STORE_CTX_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    if (check->server_name[0] == '\0') {
        return TLS_REFUSAL_UNTRUSTED;
    }
    bool is_named = X509_VERIFY_PARAM_set1_ip_asc(param, check->server_name) == 1 ||
                    X509_VERIFY_PARAM_set1_host(param, check->server_name, 0) == 1;
    return is_named && X509_verify_cert(store) == 1 ? TLS_REFUSAL_NONE : TLS_REFUSAL_UNTRUSTED;
}

/* Replaces OpenSSL's verification of the chain. Possession of the key is proved by the handshake itself. */
static int verify(X509_STORE_CTX *store, void *context)
{
    struct tls *tls = context;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_check *check = ssl == NULL ? NULL : SSL_get_app_data(ssl);
    if (check == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    if (tls->is_peer) {
        check->refusal = check_peer(tls, ssl, check, certificate);
    } else if (SSL_is_server(ssl)) {
        check->refusal = TLS_REFUSAL_NONE; /* an application: who it is, is known from the head, and compared there */
    } else {
        check->refusal = check_service(tls, check, store, certificate);
    }
    bool ok = check->refusal == TLS_REFUSAL_NONE;
    X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_CERT_REJECTED); /* the alert: bad_certificate */
    return ok;
}

/* ---- ALPN ---- */

static const uint8_t alpn_h2[] = "\x02h2";
static const uint8_t alpn_http1[] = "\x08http/1.1";

static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in, unsigned int in_size,
                       void *context)
{
    (void)ssl;
    const uint8_t *ours = context;
    if (SSL_select_next_proto((unsigned char **)out, out_size, ours, 1U + ours[0], in, in_size) == OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: no_application_protocol */
}

/* ---- Contexts ---- */

enum { KEY_BYTES_MAX = 64 * 1024 };

/* OpenSSL would ask for it on the terminal, and wait. */
static int no_password(char *out, int size, int is_writing, void *context)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

/* Checked and read through one descriptor, and parsed from memory: a file put in its place after the check is never opened. */
static bool load_key(SSL_CTX *context, const char *path, struct error *e)
{
    bool ok = false;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    struct buffer pem;
    buffer_init(&pem, KEY_BYTES_MAX);
    if (!file_read_private(path, &pem, e)) {
        goto done;
    }
    bio = BIO_new_mem_buf(pem.data, (int)pem.size); /* no copy */
    if (bio == NULL) {
        (void)error_memory(e, path);
        goto done;
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (key == NULL || SSL_CTX_use_PrivateKey(context, key) != 1) {
        (void)openssl_failed(e, path, "give the PEM file with the key of that certificate, without a password");
        goto done;
    }
    ok = true;
done:
    EVP_PKEY_free(key);
    BIO_free(bio);
    buffer_wipe(&pem);
    return ok;
}

static bool load_identity(SSL_CTX *context, const char *certificate_path, const char *key_path, struct error *e)
{
    if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1) {
        return openssl_failed(e, certificate_path, "give a PEM file with the certificate, and its chain if it has one");
    }
    if (!load_key(context, key_path, e)) {
        return false;
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return openssl_failed(e, key_path, "give the key that the certificate was made for");
    }
    return true;
}

static void set_common_options(SSL_CTX *context)
{
    /* No resumption: it would carry a peer's identity past the directory that revokes it. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    (void)SSL_CTX_set_options(context,
                              SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Idle connections give back their 34 KiB of record buffers. Partial writes: a stream's outgoing buffer may move between attempts. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

/* AES-128 first: the same margin for what we protect, and a fifth less time a record than AES-256. */
static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

static bool tls_make(struct tls **out, const SSL_METHOD *method, int version_min, struct error *e)
{
    *out = NULL;
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        return error_memory(e, "TLS");
    }
    atomic_init(&tls->owners, 1);
    tls->context = SSL_CTX_new(method);
    if (tls->context == NULL) {
        free(tls);
        return openssl_failed(e, "TLS", "check OpenSSL's configuration file");
    }
    set_common_options(tls->context);
    if (SSL_CTX_set_min_proto_version(tls->context, version_min) != 1 || SSL_CTX_set_max_proto_version(tls->context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(tls->context, suites) != 1) {
        tls_free(tls);
        return openssl_failed(e, "TLS", "check OpenSSL's configuration file");
    }
    SSL_CTX_set_cert_verify_callback(tls->context, verify, tls);
    *out = tls;
    return true;
}

bool tls_make_peer(struct tls **out, const char *certificate_path, const char *key_path, tls_pin_known *is_known, void *context,
                   struct error *e)
{
    struct tls *tls = NULL;
    *out = NULL;
    if (!tls_make(&tls, TLS_method(), TLS1_3_VERSION, e)) {
        return false;
    }
    tls->is_peer = true;
    tls->is_known = is_known;
    tls->known_context = context;
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_alpn_select_cb(tls->context, alpn_choose, (void *)alpn_h2);
    if (!load_identity(tls->context, certificate_path, key_path, e)) {
        tls_free(tls);
        return false;
    }
    if (SSL_CTX_set_alpn_protos(tls->context, alpn_h2, sizeof alpn_h2 - 1) != 0) {
        tls_free(tls);
        return error_memory(e, "TLS");
    }
    *out = tls;
    return true;
}

bool tls_make_application(struct tls **out, const char *certificate_path, const char *key_path, struct error *e)
{
    struct tls *tls = NULL;
    *out = NULL;
    if (!tls_make(&tls, TLS_server_method(), TLS1_2_VERSION, e)) {
        return false;
    }
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_select_cb(tls->context, alpn_choose, (void *)alpn_http1);
    if (!load_identity(tls->context, certificate_path, key_path, e)) {
        tls_free(tls);
        return false;
    }
    *out = tls;
    return true;
}

static bool load_trusted(struct tls *tls, const char *path, struct error *e)
{
    bool ok = false;
    X509 *certificate = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_system(e, path, "give a readable PEM file with the certificates to trust");
    }
    tls->trusted = sk_X509_new_null();
    if (tls->trusted == NULL) {
        (void)error_memory(e, path);
        goto done;
    }
    while ((certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(tls->trusted, certificate) == 0) {
            X509_free(certificate);
            (void)error_memory(e, path);
            goto done;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || sk_X509_num(tls->trusted) == 0) {
        (void)openssl_failed(e, path, "give a PEM file with the certificates to trust");
        goto done;
    }
    ERR_clear_error(); /* the end of the file */
    ok = true;
done:
    (void)fclose(file); /* only read */
    return ok;
}

bool tls_make_service(struct tls **out, const char *certificate_path, const char *key_path, const char *trusted_path, struct error *e)
{
    struct tls *tls = NULL;
    *out = NULL;
    if (!tls_make(&tls, TLS_client_method(), TLS1_2_VERSION, e)) {
        return false;
    }
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    if ((certificate_path != NULL && !load_identity(tls->context, certificate_path, key_path, e)) ||
        (trusted_path != NULL && !load_trusted(tls, trusted_path, e))) {
        tls_free(tls);
        return false;
    }
    if (SSL_CTX_set_alpn_protos(tls->context, alpn_http1, sizeof alpn_http1 - 1) != 0) {
        tls_free(tls);
        return error_memory(e, "TLS");
    }
    *out = tls;
    return true;
}

struct tls *tls_retain(struct tls *tls)
{
    atomic_fetch_add_explicit(&tls->owners, 1, memory_order_relaxed); /* whoever calls holds one already */
    return tls;
}

void tls_free(struct tls *tls)
{
    /* Release: what this owner did is done before. Acquire: the last one sees all that the others did. */
    if (tls != NULL && atomic_fetch_sub_explicit(&tls->owners, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(tls->context);
        sk_X509_pop_free(tls->trusted, X509_free);
        free(tls);
    }
}

/* ---- Connections ---- */

static bool is_ip_literal(const char *name)
{
    return strchr(name, ':') != NULL || strspn(name, "0123456789.") == strlen(name);
}

SSL *tls_open(struct tls *tls, bool is_server, struct tls_check *check, struct error *e)
{
    SSL *ssl = SSL_new(tls->context);
    if (ssl == NULL || SSL_set_app_data(ssl, check) != 1) {
        SSL_free(ssl);
        (void)error_memory(e, "TLS connection");
        return NULL;
    }
    if (is_server) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_set_connect_state(ssl);
    if (check->server_name[0] != '\0' && !is_ip_literal(check->server_name) && SSL_set_tlsext_host_name(ssl, check->server_name) != 1) {
        SSL_free(ssl);
        (void)error_set(e, ERROR_INPUT, check->server_name, "give a host name", "not a name for TLS");
        return NULL;
    }
    return ssl;
}

void tls_fill_peer(SSL *ssl, struct peer *peer)
{
    peer->is_tls = true;
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    unsigned size = 0;
    peer->has_certificate = certificate != NULL && certificate_pin(certificate, peer->pin) &&
                            X509_digest(certificate, EVP_sha256(), peer->certificate_sha256, &size) == 1;
}

bool tls_alpn_is_h2(const SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return bytes_equal(bytes_of(name, size), BYTES("h2"));
}

struct refusal_text {
    enum tls_refusal refusal;
    const char *what, *todo;
};
static const struct refusal_text refusals[] = {
    { TLS_REFUSAL_UNKNOWN_PIN, "the peer's key is in no directory that is in force", "have its operator publish the gateway's new key" },
    { TLS_REFUSAL_WRONG_PIN, "the server's key is not the one that the directory names for it",
      "check the gateway's address, or update the directory" },
    { TLS_REFUSAL_UNTRUSTED, "the service's certificate is not trusted", "put it, or its issuer's, into the service's trusted file" },
    { TLS_REFUSAL_UNREADABLE, "the peer's certificate can't be read", "give the peer a certificate with an EC, RSA or Ed25519 key" },
};

static const char *todo_of(int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "speak TLS 1.3";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "present the gateway's certificate";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "offer the protocol of this listener by ALPN";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return "speak TLS at this port";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        return "have the other side's directory know our key";
    default:
        return "see the other side's diagnostics";
    }
}

bool tls_failed(const SSL *ssl, const struct tls_check *check, const char *where, struct error *e)
{
    (void)ssl;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (refusals[i].refusal == check->refusal) {
            ERR_clear_error();
            return error_set(e, ERROR_DENIED, where, refusals[i].todo, "%s", refusals[i].what);
        }
    }
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    return error_set(e, ERROR_IO, where, todo_of(code == 0 ? 0 : ERR_GET_REASON(code)), "TLS failed: %s",
                     reason == NULL ? "the connection broke" : reason);
}
