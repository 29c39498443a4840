/* Statements: the RFC 9421 signature base of a message, and the signature parameters that say what it covers. Pure but for memory. */
#ifndef COMITY_EVIDENCE_STATEMENT_H
#define COMITY_EVIDENCE_STATEMENT_H

#include "base/arena.h"
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

/*
 * The signature base: a line a component, and the last line, "@signature-params", without a final LF. `parameters` is the end of `text`: the
 * inner list `("@method" "@status";req ...);created=..;nonce=".."` that Signature-Input carries, too.
 */
struct statement {
    struct bytes text;
    struct bytes parameters;
};
/*
 * Writes it into `arena`, once and in its size. ERROR_INPUT: a value with a byte that is neither printable ASCII nor a tab (RFC 9421 2.5:
 * ASCII, one line each: a line break could pass for another component), or a name or parameter that a quoted string can't hold bare. ERROR_FULL:
 * more than STATEMENT_BYTES_MAX, or than STATEMENT_COMPONENTS_MAX components.
 */
must_check bool statement_make(const struct statement_component *components, size_t count, const struct statement_parameters *parameters,
                               struct arena *arena, struct statement *out, struct error *e);
/*
 * The same in two pieces, into buffers: the parameters, then the base around them, given verbatim. What statement_make() refuses fails the
 * buffer.
 */
void statement_write_parameters(struct buffer *out, const struct statement_component *components, size_t count,
                                const struct statement_parameters *parameters);
void statement_write(struct buffer *out, const struct statement_component *components, size_t count, struct bytes parameters_text);
/*
 * What parameters that statement_make() wrote say, as views into `text`; all five must be there. False: they are not of that form. It does not
 * look at the components: whoever makes the statement anew with what it read, and compares, has checked every byte.
 */
must_check bool statement_parameters_read(struct bytes text, struct statement_parameters *out);

/* How the line of a component begins (RFC 9421 2.5): STATEMENT_LINE("content-digest"). Of those of the request (`;req`) it is another. */
#define STATEMENT_LINE(name) BYTES("\n\"" name "\": ")
/*
 * What follows the first `start`, an LF and how a line begins, up to that line's end: a view into `text`. The first line counts as if an LF stood
 * before it. Events are searched likewise: `"\nexchange: "`. False: there is no such line.
 */
must_check bool statement_find_line(struct bytes text, struct bytes start, struct bytes *value);
/* The same, empty without such a line. */
struct bytes statement_line(struct bytes text, struct bytes start);

#endif
