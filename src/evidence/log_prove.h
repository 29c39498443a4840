/* A receipt of an entry, made anew from a log's public folder, at any time after: also of entries whose records are gone. */
#ifndef COMITY_EVIDENCE_LOG_PROVE_H
#define COMITY_EVIDENCE_LOG_PROVE_H

#include "base/disk.h"
#include "evidence/log.h"

#define CHECKPOINT_COSIGNED_PATH "checkpoint.cosigned"

/*
 * Appends a tlog-proof of entry `index` under the newest cosigned checkpoint, or under the newest checkpoint if that one does not cover the
 * entry. With `entry` (may be NULL: it has an `extra` line, the salt) what was read is compared with it. ERROR_ABSENT: the entry is not published
 * yet, or `entry` is closed; ERROR_INPUT (where: the file): the tiles do not lead to the root. Signatures are not looked at. Any thread.
 */
must_check bool log_prove(struct disk *public, uint64_t index, const struct log_entry *entry, struct buffer *receipt, struct error *e);

#endif
