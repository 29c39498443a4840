/* log_verify() in two ways, for the test that compares them. */
#ifndef COMITY_EVIDENCE_VERIFY_INTERNAL_H
#define COMITY_EVIDENCE_VERIFY_INTERNAL_H

#include "evidence/log.h"

/*
 * As log_verify(). `is_close`: by one thread, and each block in the way that finds out which file is wrong, also where all is well. That is
 * what the fast way does with every block that is not clean, so both tell the same faults in the same order.
 */
must_check bool log_verify_how(struct disk *public, struct disk *private, const struct verifier *key, bool is_close, log_fault *report,
                               log_progress *progress, void *context, uint64_t *entries, uint64_t *faults, struct error *e);

#endif
