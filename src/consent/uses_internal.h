/* What uses.c (the index), uses_list.c (reading it) and uses_entry.c (reading one log entry, pure) share. */
#ifndef COMITY_CONSENT_USES_INTERNAL_H
#define COMITY_CONSENT_USES_INTERNAL_H

#include <pthread.h>

#include "base/arena.h"
#include "crypto/hash.h"
#include "evidence/log.h"

#include "consent/uses.h"
#include "consent/uses_tree.h"
#include "crypto/vrf.h"

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
    /* Of the map (uses_map.c): the mutex of the indexing guards both. */
    struct vrf *vrf;
    uint8_t map_secret[SHA256_SIZE];
};

/* How a person stands in the table. */
void uses_hash_person(const struct uses *uses, struct bytes person, uint8_t out[USES_PERSON_SIZE]);
/* How a decision does. */
int64_t uses_short_digest(const uint8_t digest[SHA256_SIZE]);
/* The first entry that isn't indexed; 0 when nothing was yet. */
must_check bool uses_read_next(struct uses *uses, uint64_t *next, struct error *e);

/* uses_catch_up() by whoever has the mutex. */
must_check bool uses_catch_up_locked(struct uses *uses, size_t max_entries, uint64_t *lag, struct error *e);

/* uses_map.c: one entry on its way into the map. */
struct uses_map_entry {
    uint64_t entry;
    uint8_t person[USES_PERSON_SIZE];
    uint8_t leaf[SHA256_SIZE]; /* its hash in the log's tree */
    uint8_t place[USES_PLACE_SIZE];
};
must_check bool uses_map_open(struct uses *uses, struct error *e);
/* Sets `place`: from the map, or, the first time, by the identifier, which takes some 150 us. */
must_check bool uses_map_prepare(struct uses *uses, struct bytes person, struct uses_map_entry *entry, struct error *e);
/* In the index's transaction, in the log's order. */
must_check bool uses_map_add(struct uses *uses, const struct uses_map_entry *entry, struct error *e);
must_check bool uses_map_forget(struct uses *uses, const uint8_t person[USES_PERSON_SIZE], struct error *e);
must_check bool uses_map_empty(struct uses *uses, struct error *e);

/* Where the index begins: entries before it were pruned when it was made. */
must_check bool uses_read_first(struct uses *uses, uint64_t *first, struct error *e);

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

/* Does an answer say why it is none? */
bool use_is_refusal(const struct log_entry *entry);

/* What one log entry says; texts in the arena. */
struct use_row {
    enum use_kind kind;
    uint64_t entry;
    int64_t time_ms;
    struct bytes person;           /* the identifier; empty for an answer, whose decision names the person */
    uint8_t decision[SHA256_SIZE]; /* the digest of the decision event; zero for a consent event */
    struct bytes exchange, client, service, purpose, verdict, reason, released, withheld;
    struct bytes basis, why, consents, claim, justification; /* of a decision */
};

/*
 * False: out of memory. `row->kind` is USE_NONE when the entry has nothing for the index: another kind, nobody named, or a text that
 * isn't well-formed.
 */
must_check bool use_row_read(const struct log_entry *entry, struct arena *arena, struct use_row *row);

#endif
