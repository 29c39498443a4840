/* What streams need of a TLS context. */
#ifndef COMITY_NET_TLS_INTERNAL_H
#define COMITY_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "net/tls.h"

/* Why a certificate was refused: kept by the verify callback, since OpenSSL only says "certificate verify failed". */
enum tls_refusal {
    TLS_REFUSAL_NONE = 0,
    TLS_REFUSAL_UNKNOWN_PIN, /* server: the directory knows no gateway with this key */
    TLS_REFUSAL_WRONG_PIN,   /* client: not the key that the directory names for this gateway */
    TLS_REFUSAL_UNTRUSTED,   /* client towards a service: not in the trusted file, nor issued by one that is */
    TLS_REFUSAL_UNREADABLE,  /* no pin can be made of it */
};

/* One connection's side of the handshake; must outlive the SSL. */
struct tls_check {
    const uint8_t (*pins)[PIN_SIZE];
    size_t pin_count;
    const char *server_name; /* client: SNI when it is a name; "" for none */
    enum tls_refusal refusal;
};

/* Another reference: each needs its tls_free(). */
struct tls *tls_retain(struct tls *tls);
/* A connection's SSL, without BIOs. NULL on failure. Whoever opens it keeps `tls` until it is freed. */
must_check SSL *tls_open(struct tls *tls, bool is_server, struct tls_check *check, struct error *e);
/* After the handshake: who is there. */
void tls_fill_peer(SSL *ssl, struct peer *peer);
bool tls_alpn_is_h2(const SSL *ssl);
/* The handshake or a record failed: what and todo, from the check and OpenSSL's error queue, which is emptied. Returns false. */
bool tls_failed(const SSL *ssl, const struct tls_check *check, const char *where, struct error *e);

#endif
