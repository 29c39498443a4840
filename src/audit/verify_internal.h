/* What the files of the verification share. */
#ifndef COMITY_AUDIT_VERIFY_INTERNAL_H
#define COMITY_AUDIT_VERIFY_INTERNAL_H

#include "audit/verify.h"

struct verifying {
    const struct trust *trust;
    struct story *story;
    struct refusal *refusal;
};

bool verify_memory(struct verifying *v);
/* "request", "consent 2": where in the file. */
const char *verify_where(const struct verifying *v, size_t statement, char out[64]);

/* verify_directory.c */
must_check bool verify_directories(struct verifying *v);
/* The gateway whose log is `origin`, by a directory that was valid at `time_ms` (0: any time). */
must_check bool verify_find_gateway(struct verifying *v, struct bytes origin, int64_t time_ms, const char *where,
                                    const struct directory_gateway **out);
/* Is this the digest of a directory in the file? NULL: none. */
const struct shown_directory *verify_directory_of(const struct verifying *v, const uint8_t digest[SHA256_SIZE]);
/* The first three parts of two identifiers are the same member's. */
bool verify_same_member(struct verifying *v, struct bytes a, struct bytes b);

/* verify_receipt.c */
must_check bool verify_receipts(struct verifying *v, size_t statement, struct bytes signer);
must_check bool verify_named_checkpoints(struct verifying *v);

/* verify_relation.c, verify_consent.c */
must_check bool verify_relations(struct verifying *v);
must_check bool verify_consents(struct verifying *v);
/* A line of an event; empty when it is not there. */
struct bytes verify_event(struct bytes text, const char *name);
bool verify_is_category(const struct bytes *list, size_t count, struct bytes category);

#endif
