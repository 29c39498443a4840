/*
 * Whom a reader of evidence trusts: a text file of lines. `community CODE THRESHOLD VKEY...` names the operators whose signatures make a
 * directory of that community; `timestamps BASE64` a certificate of a time-stamping authority (RFC 3161); all else is a C2SP tlog-policy:
 * witnesses, and which of them are enough (evidence/quorum.h). docs/evidence.md. Pure.
 */
#ifndef COMITY_AUDIT_TRUST_H
#define COMITY_AUDIT_TRUST_H

#include "base/arena.h"
#include "evidence/quorum.h"

enum { TRUST_COMMUNITIES_MAX = 256, TRUST_OPERATORS_MAX = 64, TRUST_AUTHORITIES_MAX = 8 };

struct trust_community {
    struct bytes code; /* decoded */
    struct verifier *operators;
    size_t operator_count, threshold;
};
/* Never changes once parsed. */
struct trust {
    struct trust_community communities[TRUST_COMMUNITIES_MAX];
    size_t community_count;
    struct bytes authorities[TRUST_AUTHORITIES_MAX]; /* DER certificates */
    size_t authority_count;
    struct quorum *quorum;
    struct arena arena;
};

/* Errors (ERROR_INPUT) name FILE:LINE. The caller frees *out. */
must_check bool trust_parse(struct trust **out, struct bytes text, const char *file, struct error *e);
void trust_free(struct trust *trust); /* NULL is allowed */
/* Appends one `community` line. */
void trust_write_community(struct buffer *out, struct bytes code, size_t threshold, const struct verifier *operators, size_t count);

#endif
