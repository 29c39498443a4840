/*
 * GovStack's objects in the store: policies, data agreements, individuals, consent records, signatures; each with its chain of revisions
 * (reference consent-standards 1.3). A revision's SHA-256 goes into the evidence log as an event `revision/1` before it is told to anybody.
 * Functions block; those that write are one transaction each, or part of the one that is open.
 */
#ifndef COMITY_API_OBJECTS_INTERNAL_H
#define COMITY_API_OBJECTS_INTERNAL_H

#include <jansson.h>

#include "base/arena.h"
#include "evidence/committer.h"
#include "interchange/govstack.h"
#include "store/store.h"

#define OBJECT_POLICY "policy"
#define OBJECT_AGREEMENT "dataAgreement"
#define OBJECT_INDIVIDUAL "individual"
#define OBJECT_RECORD "consentRecord"
#define OBJECT_SIGNATURE "signature"

enum { OBJECT_ID_SIZE = 40 };

/* Texts and `content` (a new reference of the reader's) as stored. */
struct object {
    int64_t number;
    struct bytes id, owner, individual, agreement, revision;
    json_t *content; /* with its id */
    bool is_deleted;
};
void object_clear(struct object *object);

/* "p-", "a-", ... and 32 hex digits. */
void object_make_id(char prefix, char out[OBJECT_ID_SIZE]);

/* ERROR_ABSENT if there is none, or it was deleted and `with_deleted` is false. Texts go into `arena`. */
must_check bool object_find(struct store *store, const char *kind, struct bytes id, bool with_deleted, struct arena *arena,
                            struct object *out, struct error *e);
/* In the order of making. `each` returning false stops. Empty `owner`, `individual`, `agreement`: any. */
struct object_filter {
    const char *kind;
    struct bytes owner, individual, agreement;
    uint64_t offset, limit;
};
typedef bool object_each(void *context, struct object *object);
must_check bool object_list(struct store *store, const struct object_filter *filter, struct arena *arena, object_each *each, void *context,
                            struct error *e);

/* A new state of an object, and who made it. */
struct object_change {
    const char *kind;        /* OBJECT_... */
    const char *schema_name; /* "Policy": as the snapshot has it */
    struct bytes id;
    struct bytes owner;                 /* member whose it is */
    struct bytes individual, agreement; /* of a consent record; else empty */
    json_t *content;                    /* borrowed; with its id */
    struct bytes by_individual, by_other;
    struct bytes prev_signature; /* of the revision before, if that was signed */
    bool is_draft;               /* the snapshot leaves the object's id out (signedWithoutObjectId) */
    struct bytes snapshot;       /* what was signed, to be kept byte for byte; empty: it is made of the content */
    bool is_delete;
    bool has_no_revision; /* individuals: only the content changes */
    int64_t now_ms;
};
/*
 * Writes it, with a revision; inside the transaction that is open. `revision` (GovStack's Revision; may be NULL) is the caller's. The row of a new
 * object is made; ERROR_DENIED if `is_new` and the id is taken.
 */
must_check bool object_write(struct store *store, const struct object_change *change, bool is_new, json_t **revision, struct error *e);
/* The revision with this id, or the newest one of the object (`id` empty), as GovStack has it. ERROR_ABSENT. */
must_check bool object_revision(struct store *store, const char *kind, struct bytes object, struct bytes id, json_t **revision,
                                json_t **content, struct error *e);
/* The object that has a revision with this SHA-256 (hex), as it is now, and that revision; `*content` is NULL if there is none. */
must_check bool object_find_revision(struct store *store, const char *kind, struct bytes sha256, struct arena *arena, json_t **content,
                                     json_t **revision, struct error *e);
must_check bool object_revisions(struct store *store, const char *kind, struct bytes object, uint64_t offset, uint64_t limit,
                                 json_t **revisions, struct error *e);
/* The one individual behind the holder's identifier of a person. ERROR_ABSENT. */
must_check bool object_find_individual(struct store *store, struct bytes person, struct arena *arena, struct object *out, struct error *e);
/* The newest record of an individual on an agreement. ERROR_ABSENT. */
must_check bool object_find_newest_record(struct store *store, struct bytes individual, struct bytes agreement, struct arena *arena,
                                          struct object *out, struct error *e);
/* Empties the snapshots of an object's revisions and its content: what is left are digests. */
must_check bool object_erase(struct store *store, const char *kind, struct bytes id, struct error *e);

/* What its next revision would be stored as, appended. Pure but for memory. */
must_check bool object_snapshot(const struct object_change *change, struct buffer *out, struct error *e);
/* Writes the next revision of the object; `*out` is the caller's. Inside a transaction. */
must_check bool revision_add(struct store *store, const struct object_change *change, json_t **out, struct error *e);

/* Logs that a revision is what it is: before it is answered. */
must_check bool object_log_revision(struct committer *committer, const json_t *revision, int64_t now_ms, struct error *e);

/*
 * Empties all of a person's: the individual, its records with every revision's snapshot, and kept answers that name either. What stays are ids and
 * digests. Inside a transaction. Somebody who was never an individual here is no error.
 */
must_check bool objects_forget_person(struct store *store, struct bytes person, struct error *e);

#endif
