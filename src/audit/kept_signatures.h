/*
 * Messages' own signatures (evidence/individual.h) as a log keeps them beside its records: each must be one of the message that it lies beside, by
 * the one who sent it. Ours are held against our log's key, others' against the keys in the directories that were in force here, which the
 * archive has. For log_verify_also().
 */
#ifndef COMITY_AUDIT_KEPT_SIGNATURES_H
#define COMITY_AUDIT_KEPT_SIGNATURES_H

#include "evidence/log.h"

/* All borrowed. */
struct kept_signatures_source {
    struct disk *archive;
    const struct verifier *log;       /* our log's key */
    const struct verifier *operators; /* who signs our community's directories */
    size_t operator_count, threshold;
};
struct kept_signatures;
/* The archive is read when the first signature of somebody else is met. */
must_check bool kept_signatures_make(struct kept_signatures **out, const struct kept_signatures_source *source, struct error *e);
void kept_signatures_free(struct kept_signatures *kept); /* NULL is allowed */
/* A log_check: `context` is the struct kept_signatures. One thread at a time. */
bool kept_signatures_check(void *context, const struct log_entry *entry, struct error *fault);

#endif
