/* Statements: the RFC 9421 signature base of a message, and the Signature-Input member that says what it covers. Pure. */
#ifndef COMITY_EVIDENCE_STATEMENT_H
#define COMITY_EVIDENCE_STATEMENT_H

#include "base/buffer.h"
#include "base/error.h"

enum { STATEMENT_COMPONENTS_MAX = 32, STATEMENT_BYTES_MAX = 32 * 1024 };

/* One covered component (RFC 9421 2): its name without quotes ("@method", "content-digest"), whether it has ;req, and its value. */
struct statement_component {
    struct bytes name;
    bool of_request;
    struct bytes value;
};
/* The signature parameters (RFC 9421 2.3). Written in this order: created, nonce, keyid, alg, tag; empty ones are left out. */
struct statement_parameters {
    int64_t created_s;
    struct bytes nonce, keyid, alg, tag;
};

/* The text after "@signature-params": `("@method" "@status";req ...);created=..;nonce=".."`. What Signature-Input carries, too. */
void statement_write_parameters(struct buffer *out, const struct statement_component *components, size_t count,
                                const struct statement_parameters *parameters);
/*
 * The signature base: a line a component, and the last line with `parameters_text` verbatim, without a final LF. A value with a byte that
 * is neither printable ASCII nor a tab fails the buffer (RFC 9421 2.5: ASCII, one line each), as does a name or parameter that a
 * quoted string can't hold bare.
 */
void statement_write(struct buffer *out, const struct statement_component *components, size_t count, struct bytes parameters_text);

/* What a Signature-Input member said. Views into the text that was parsed. */
struct statement_input {
    struct bytes raw; /* the inner list with its parameters, verbatim: goes into the base */
    struct {
        struct bytes name;
        bool of_request;
    } components[STATEMENT_COMPONENTS_MAX];
    size_t count;
    struct statement_parameters parameters;
    bool has_created;
    bool has_expires;
    int64_t expires_s; /* RFC 9421 2.3; not written by us: the caller compares it with its clock */
};
/*
 * Finds `label` in a Signature-Input dictionary (RFC 8941) and parses its inner list. Refused: duplicates of the label, a component or a
 * parameter; parameters other than ;req on a component and created, expires, nonce, keyid, alg, tag on the list; unknown types; strings
 * with escapes; more than STATEMENT_COMPONENTS_MAX. ERROR_ABSENT if the label isn't there.
 */
must_check bool statement_input_parse(struct bytes field, struct bytes label, struct statement_input *out, struct error *e);
/* The base64 text between the colons of `label` in a Signature dictionary: `label=:base64:`. */
must_check bool statement_signature_parse(struct bytes field, struct bytes label, struct bytes *base64, struct error *e);

#endif
