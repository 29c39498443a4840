/*
 * TLS contexts. Between gateways: TLS 1.3 only, mutual, each side known by its pin and by nothing else. Towards applications and
 * services: TLS 1.2 and 1.3, client certificates asked for but never required (the subsystem is known only from the head).
 */
#ifndef COMITY_NET_TLS_H
#define COMITY_NET_TLS_H

#include "crypto/certificate.h"

struct tls; /* a context: shared by connections of any thread, each an owner: the last one's tls_free() frees it */

/* May a peer with this pin come in? Called in the handshake, on the connection's thread. */
typedef bool tls_pin_known(void *context, const uint8_t pin[PIN_SIZE]);

/* Towards other gateways, as server and as client (ALPN h2). The key file must be private to its owner. */
must_check bool tls_make_peer(struct tls **out, const char *certificate_path, const char *key_path, tls_pin_known *is_known, void *context,
                              struct error *e);
/* A server towards applications (ALPN http/1.1). */
must_check bool tls_make_application(struct tls **out, const char *certificate_path, const char *key_path, struct error *e);
/*
 * A client towards services: presents our certificate (paths may be NULL); accepts any certificate when `trusted_path` is NULL (X-Road's
 * "do not verify"), else only the certificates in that PEM file, byte for byte, or issued by one of them.
 */
must_check bool tls_make_service(struct tls **out, const char *certificate_path, const char *key_path, const char *trusted_path,
                                 struct error *e);
void tls_free(struct tls *tls); /* NULL is allowed; connections that use it go on */

/* Who is at the other end of a connection. Lives as long as the connection; requests copy what they need. */
struct peer {
    bool is_tls;
    bool has_certificate;
    uint8_t pin[PIN_SIZE];          /* of the certificate's key */
    uint8_t certificate_sha256[32]; /* of the certificate's DER */
    char address[64];               /* "127.0.0.1:4711", "unix" */
};

#endif
