/* What a statement says: the components of a request's or an answer's signature base (docs/formats/exchange.md), by name. Pure. */
#ifndef COMITY_AUDIT_SAID_H
#define COMITY_AUDIT_SAID_H

#include "base/error.h"
#include "crypto/hash.h"
#include "evidence/statement.h"

/* Views into the text that was parsed. */
struct said {
    struct bytes text;
    bool is_answer;
    struct statement_component components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    struct statement_parameters parameters;
};
/*
 * Parses a whole signature base of a message between gateways. ERROR_INPUT unless it is, byte for byte, what a gateway writes: one line a
 * component, each once, and the last line, which lists them in their order, with created, nonce, keyid, alg="tlog-ed25519" and the
 * tag of a request or an answer.
 */
must_check bool said_parse(struct bytes text, struct said *out, const char *where, struct error *e);
/* The value of a component; `of_request`: the one with ;req. Empty with .data NULL when it is not there. */
struct bytes said_value(const struct said *said, const char *name, bool of_request);

/* `sha-256=:<base64>:`, as fields and events name digests. False on anything else. */
must_check bool said_digest(struct bytes text, uint8_t out[SHA256_SIZE]);
/* `<community, percent-encoded> <serial> sha-256=:<base64>:` (Comity-Directory). `community` stays encoded: a view. */
must_check bool said_directory(struct bytes text, struct bytes *community, uint64_t *serial, uint8_t digest[SHA256_SIZE]);
/* `<size> <base64 root>` (Comity-Peer-Checkpoint); size 0 for `none`. */
must_check bool said_checkpoint(struct bytes text, uint64_t *size, uint8_t root[SHA256_SIZE]);

#endif
