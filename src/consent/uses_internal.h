/* What uses.c (the index) and uses_entry.c (reading one log entry, pure) share. */
#ifndef COMITY_CONSENT_USES_INTERNAL_H
#define COMITY_CONSENT_USES_INTERNAL_H

#include "base/arena.h"
#include "crypto/hash.h"
#include "evidence/log.h"

#include "consent/uses.h"

/* What one log entry says; texts in the arena. */
struct use_row {
    enum use_kind kind;
    uint64_t entry;
    int64_t time_ms;
    struct bytes person;           /* the identifier; empty for an answer, whose decision names the person */
    uint8_t decision[SHA256_SIZE]; /* the digest of the decision event; zero for a consent event */
    struct bytes exchange, client, service, purpose, verdict, reason, released, withheld;
};

/*
 * False: out of memory. `row->kind` is USE_NONE when the entry has nothing for the index: another kind, nobody named, or a text that
 * isn't well-formed.
 */
must_check bool use_row_read(const struct log_entry *entry, struct arena *arena, struct use_row *row);

#endif
