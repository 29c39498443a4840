/* A message between two gateways as RFC 9421 sees it, its statement, and the evidence that it carries. Pure but for memory. */
#ifndef COMITY_GATEWAY_MESSAGE_INTERNAL_H
#define COMITY_GATEWAY_MESSAGE_INTERNAL_H

#include "evidence/log.h"
#include "evidence/receipt.h"
#include "evidence/statement.h"
#include "net/message.h"

struct message {
    unsigned status; /* of an answer; 0: a request */
    struct bytes method, authority, target;
    struct fields fields;          /* as on the wire: names in lower case */
    struct bytes evidence;         /* what stands in front of its body: Signature-Input's value, LF, the receipt. Empty: none */
    const struct message *request; /* of an answer: for the ;req components */
};
/* How the evidence travels (docs/formats/exchange.md). */
enum { EVIDENCE_BYTES_MAX = 24 * 1024 };
extern const struct preface_form evidence_form;

/* The components that its statement covers, in the order of docs/formats/exchange.md; absent fields are left out. False: memory. */
must_check bool message_components(const struct message *message, struct arena *arena, struct statement_component *out, size_t *count);

/* What both sides put into the parameters. */
struct message_seal {
    struct bytes exchange_id; /* nonce */
    struct bytes origin;      /* keyid */
    int64_t created_s;
};
/* Makes the statement, in `arena`. */
must_check bool message_state(const struct message *message, const struct message_seal *seal, struct arena *arena,
                              struct statement *statement, struct error *e);
/* Makes message->evidence, once the statement is in the log; `parameters` are the statement's. */
must_check bool message_add_receipt(struct message *message, struct bytes parameters, const struct log_record *record,
                                    struct bytes checkpoint, struct arena *arena, struct error *e);

/*
 * Makes the statement of a message that came in anew, from what came in, and refuses (ERROR_INPUT) one whose parameters are not, byte for
 * byte, those that we would write; ERROR_ABSENT: it has no evidence. `receipt_text` is a view of the proof in it. The receipt itself is not
 * verified here.
 */
must_check bool message_read_seal(const struct message *message, struct arena *arena, struct message_seal *seal, struct bytes *statement,
                                  struct bytes *receipt_text, struct error *e);

/*
 * The message's own signature, asked for by `evidence: individual` (docs/formats/exchange.md): fields of its own, which the statement does not
 * cover. `statement` is that of the message; `own`: so many fields at the front are the application's or the service's, and are not looked at.
 */
/* Signs, and adds the two fields. `*signature`: the 64 bytes, in `arena`. */
must_check bool message_sign(struct message *message, struct bytes statement, const struct signer *signer, struct arena *arena,
                             struct bytes *signature, struct error *e);
/* Does it claim to have one, good or bad? */
bool message_is_signed(const struct fields *fields, size_t own);
/* ERROR_ABSENT: it has none. ERROR_INPUT: it is not of the form that we would write. ERROR_DENIED: not this key's over this message. */
must_check bool message_check_signature(const struct message *message, size_t own, struct bytes statement, const struct verifier *key,
                                        struct arena *arena, struct bytes *signature, struct error *e);

/* "sha-256=:<base64>:" and "sha-512=:<base64>:", in `arena`; .data NULL when memory is out. */
struct bytes digest_field(struct arena *arena, const char *algorithm, struct bytes digest);

#endif
