/*
 * The bundle: one file with everything that proves one exchange to a stranger (docs/evidence.md). A list of named sections with their sizes,
 * one form for one content, closed by a checksum. Parsing and writing are pure; what it proves is bundle_verify()'s to say.
 */
#ifndef COMITY_AUDIT_BUNDLE_H
#define COMITY_AUDIT_BUNDLE_H

#include "base/buffer.h"
#include "base/error.h"

enum {
    BUNDLE_FILE_BYTES_MAX = 160 * 1024 * 1024, /* two directories of the largest size and their like */
    BUNDLE_DIRECTORIES_MAX = 8,
    BUNDLE_CONSENTS_MAX = 256,
    BUNDLE_IN_FORCE_MAX = 8,
    BUNDLE_STATEMENTS_MAX = 3 + BUNDLE_CONSENTS_MAX + BUNDLE_IN_FORCE_MAX,
    BUNDLE_RECEIPTS_MAX = 4,   /* of one statement */
    BUNDLE_TIMESTAMPS_MAX = 4, /* of one checkpoint */
    BUNDLE_TIMESTAMP_BYTES_MAX = 64 * 1024,
    BUNDLE_NAME_BYTES_MAX = 1024, /* exchange and exporter */
};
#define BUNDLE_FIRST_LINE "comity-evidence/1\n"

/* What a statement is in the exchange; also the order in the file. */
enum bundle_role { ROLE_REQUEST = 0, ROLE_DECISION, ROLE_ANSWER, ROLE_CONSENT, ROLE_IN_FORCE, ROLE_COUNT };
const char *bundle_role_name(enum bundle_role role); /* "request", ... */

struct bundle_receipt {
    struct bytes text;                              /* a tlog-proof; of a hidden statement its `extra` is the entry, not the salt */
    struct bytes timestamps[BUNDLE_TIMESTAMPS_MAX]; /* RFC 3161 tokens over its checkpoint */
    size_t timestamp_count;
};
struct bundle_statement {
    enum bundle_role role;
    bool is_hidden; /* left out: only that it is in the log can be shown */
    struct bytes text;
    struct bundle_receipt receipts[BUNDLE_RECEIPTS_MAX];
    size_t receipt_count;
    bool has_consistency;
    struct bytes signature;   /* of a request or answer by itself (evidence/individual.h): 64 bytes; empty: none */
    struct bytes consistency; /* from the checkpoint that it names to the exporter's: a base64 hash a line */
};
/* Views into what was parsed or put together; `statements` is heap. */
struct bundle {
    struct bytes exchange, exporter; /* the exchange's id; the origin of the log that the exporter opens */
    struct bytes directories[BUNDLE_DIRECTORIES_MAX];
    size_t directory_count;
    bool has_policy;
    struct bytes policy;
    struct bundle_statement *statements; /* room for BUNDLE_STATEMENTS_MAX */
    size_t statement_count;
};

/* Makes an empty one. False: memory. */
must_check bool bundle_init(struct bundle *bundle, struct error *e);
void bundle_clear(struct bundle *bundle);

/* Why a file proves nothing; one word that programs may branch on, listed in docs/evidence.md. */
struct refusal {
    const char *code; /* "evidence.format"; NULL: not refused */
    struct error why; /* where, what */
};

/*
 * Parses a file into `bundle`, which bundle_init() made. Refused (false, `refusal`): anything that bundle_write_file() would not have written.
 */
must_check bool bundle_parse_file(struct bytes file, struct bundle *bundle, struct refusal *refusal);
/* Appends the file. Fails the buffer when it is too large. */
void bundle_write_file(const struct bundle *bundle, struct buffer *out);

__attribute__((format(printf, 4, 5))) bool bundle_refuse(struct refusal *refusal, const char *code, const char *where, const char *what,
                                                         ...);

#endif
