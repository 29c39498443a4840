/*
 * Publishing in three steps, so that the slow one, which touches the public disk alone, can run on another thread: make (a copy of what
 * is new), write, end.
 */
#ifndef COMITY_EVIDENCE_PUBLICATION_INTERNAL_H
#define COMITY_EVIDENCE_PUBLICATION_INTERNAL_H

#include "evidence/log_internal.h"

struct publication;
/* The log's thread. */
must_check bool publication_make(struct publication **out, const struct log *log, struct error *e);
/* Any thread, one publication of a log at a time: tiles and bundles, synced, then the checkpoint. May be tried again. */
must_check bool publication_write(struct publication *publication, struct error *e);
/* The log's thread, after a write that succeeded: forgets what is on the disk now. */
void publication_end(const struct publication *publication, struct log *log);
void publication_free(struct publication *publication); /* NULL is allowed */

#endif
