/* What uses.c (the index), uses_list.c (reading it) and uses_entry.c (reading one log entry, pure) share. */
#ifndef COMITY_CONSENT_USES_INTERNAL_H
#define COMITY_CONSENT_USES_INTERNAL_H

#include <pthread.h>

#include "base/arena.h"
#include "crypto/hash.h"
#include "evidence/log.h"

#include "consent/uses.h"

enum {
    USES_KEY_SIZE = 32,
    USES_PERSON_SIZE = 16,      /* of the keyed hash */
    USES_BLOCK_ENTRIES = 16384, /* of the log, whose rows stand together in the tables. Changing it asks for a rebuild */
};

struct uses {
    struct store *store;
    struct disk *public;
    struct disk *private;
    pthread_mutex_t mutex;          /* of the reader that indexes */
    struct log_reader *reader;      /* NULL until the log is there */
    pthread_mutex_t list_mutex;     /* of the reader of lists, which don't wait for the indexing */
    struct log_reader *list_reader; /* NULL until the first list */
    uint8_t key[USES_KEY_SIZE];
};

/* How a person stands in the table. */
void uses_hash_person(const struct uses *uses, struct bytes person, uint8_t out[USES_PERSON_SIZE]);
/* How a decision does. */
int64_t uses_short_digest(const uint8_t digest[SHA256_SIZE]);
/* The first entry that isn't indexed; 0 when nothing was yet. */
must_check bool uses_read_next(struct uses *uses, uint64_t *next, struct error *e);

/* What the index keeps of one entry: found without reading all of the text. */
struct use_mark {
    enum use_kind kind;            /* USE_NONE: nothing */
    struct bytes person;           /* as it is written, with its escapes: a view into the entry; empty for an answer */
    uint8_t decision[SHA256_SIZE]; /* the decision that an answer names; else zero */
};
/*
 * Marks every entry that use_row_read() finds something in, with the same person or decision; it may mark more, where a text is not
 * well-formed.
 */
void use_mark_read(const struct log_entry *entry, struct use_mark *mark);

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
