/*
 * A gateway's evidence log: an append-only Merkle tree (C2SP tlog-tiles 0.1.0) of salted commitments, and beside it the private
 * records that open them. Two disks: `public` holds checkpoint, tile/..., exactly as any static web server may serve it; `private`
 * holds records/ (docs/formats/records.md). One process, one thread: the committer (evidence/committer.h).
 */
#ifndef COMITY_EVIDENCE_LOG_H
#define COMITY_EVIDENCE_LOG_H

#include "base/disk.h"
#include "evidence/receipt.h"

enum { RECORD_STATEMENT_BYTES_MAX = 64 * 1024, RECORD_ATTACHMENT_BYTES_MAX = 256 * 1024 };

/* What a record is about. Stable numbers: they are on disk. */
enum record_kind {
    RECORD_NONE = 0,
    RECORD_REQUEST_SENT = 1,    /* statement: the request's signature base; attachment: the origin of the receiver's log */
    RECORD_DECISION = 2,        /* statement: the decision event; attachment: the request's statement and receipt */
    RECORD_ANSWER_SENT = 3,     /* statement: the answer's signature base */
    RECORD_ANSWER_RECEIVED = 4, /* statement: the answer's signature base; attachment: its receipt */
    RECORD_EVENT = 5,           /* statement: an event: consent, policy, directory, start, clock jump */
};

/* One record to append, and after log_append() where it went. */
struct log_record {
    enum record_kind kind;
    struct bytes statement;
    struct bytes attachment; /* not committed to; may be empty */
    uint8_t salt[SALT_SIZE];
    int64_t time_ms; /* of appending; never goes back within a log */
    uint64_t index;
    uint8_t path[RECEIPT_PATH_MAX][SHA256_SIZE]; /* to the root of the batch's checkpoint */
    size_t path_count;
};

struct log;
/*
 * Opens the log, making it if both disks are empty, recovers what a crash left (a prefix of what was written that holds all that was
 * acknowledged), and checks it against its newest checkpoint. The caller closes *out; `signer` (its name is the origin) and the
 * disks are borrowed and must outlive the log. Takes a lock on the private folder's "lock" file if `lock_path` isn't NULL.
 * Errors: ERROR_DENIED when another process has it; ERROR_INPUT when records, tiles and checkpoint disagree (where: the file and
 * entry), with nothing changed on disk; ERROR_IO.
 */
must_check bool log_open(struct log **out, struct disk *public, struct disk *private, const char *lock_path, const struct signer *signer,
                         struct error *e);
void log_close(struct log *log); /* NULL is allowed; publishes first if it can */

/*
 * Appends a batch: writes and syncs once, then signs one checkpoint for all. On success each record has its index and path, and
 * `checkpoint` (an empty buffer) holds the signed note. On failure nothing of the batch is in the log: ERROR_FULL (no space: may be
 * tried again), or ERROR_IO (a failed write or sync: the log is then dead, and every later call fails the same way).
 */
must_check bool log_append(struct log *log, struct log_record *const *records, size_t count, struct buffer *checkpoint, struct error *e);

/* Writes tiles, bundles and the checkpoint file for the current size; called when idle and at least once a second under load. */
must_check bool log_publish(struct log *log, struct error *e);
/*
 * Ends the segment that is appended to, so that nothing writes into what there is now, and records in it can be erased (evidence/log_erase.h).
 * ERROR_FULL: no space, the log goes on; ERROR_IO: the log is dead.
 */
must_check bool log_seal(struct log *log, struct error *e);
uint64_t log_size(const struct log *log);
/* The root of the tree at that size. */
void log_root(const struct log *log, uint8_t root[SHA256_SIZE]);
uint64_t log_published_size(const struct log *log);

/* Reading, without opening for writing; works beside a running gateway, up to what it has made durable. One thread. */
struct log_reader;
must_check bool log_reader_open(struct log_reader **out, struct disk *public, struct disk *private /* may be NULL */, struct error *e);
void log_reader_close(struct log_reader *reader);
/* What is left of a record. Stable numbers: they are on disk. */
enum record_form {
    RECORD_OPEN = 0,   /* all of it */
    RECORD_ERASED = 1, /* salt, statement and attachment were wiped: only the commitment is left */
    RECORD_RECOVERED =
        2, /* the commitment came back from a mirror; the rest was lost, and kind (RECORD_NONE) and time of appending with it */
};
struct log_entry {
    uint64_t index;
    enum record_kind kind;
    enum record_form form;
    int64_t time_ms;
    uint8_t salt[SALT_SIZE];            /* zeros unless RECORD_OPEN, as the next are empty */
    struct bytes statement, attachment; /* live until the next call on this reader */
    uint8_t commitment[SHA256_SIZE];    /* unless RECORD_OPEN */
};
/* The entry as it stands in the tree, whatever is left of its record. */
void log_entry_commitment(const struct log_entry *entry, uint8_t out[SHA256_SIZE]);
/* ERROR_ABSENT past the end; ERROR_INPUT (where: file and entry) if the record is damaged. */
must_check bool log_reader_get(struct log_reader *reader, uint64_t index, struct log_entry *out, struct error *e);
/* How many records are there now. */
must_check bool log_reader_size(struct log_reader *reader, uint64_t *size, struct error *e);
/* The first entry from `log_reader_first()` to `size` that is as young as `since_ms` or younger (`size`: none); by halving. */
must_check bool log_first_since(struct log_reader *reader, uint64_t size, int64_t since_ms, uint64_t *out, struct error *e);
/* The first entry whose record is there: 0, unless old segments were pruned; as of the last call on the reader that looked. */
uint64_t log_reader_first(const struct log_reader *reader);
/* A receipt for entry `index` under the published checkpoint, from the tiles. */
must_check bool log_reader_prove(struct log_reader *reader, uint64_t index, struct buffer *receipt, struct error *e);

/*
 * Checks everything on the disks: the checkpoint's signature, each tile against its entries, the root, and (if `private` is there)
 * each record against its commitment. `report` is called for each fault, which names the entry or the file; `*faults` counts. A thread
 * of its own reads ahead, where the disks allow it; `report` and `progress` are called by the caller's. Memory does not grow with the log.
 * Returns false only when it could not be tried.
 */
typedef void log_fault(void *context, const struct error *e);
typedef void log_progress(void *context, uint64_t done, uint64_t all);
must_check bool log_verify(struct disk *public, struct disk *private, const struct verifier *key, log_fault *report, log_progress *progress,
                           void *context, uint64_t *entries, uint64_t *faults, struct error *e);
/*
 * The same, and `check` looks at each record that is whole, in their order: false is one more fault, which says why. It is called by one thread at
 * a time, but not the caller's.
 */
typedef bool log_check(void *context, const struct log_entry *entry, struct error *fault);
must_check bool log_verify_also(struct disk *public, struct disk *private, const struct verifier *key, log_check *check,
                                void *check_context, log_fault *report, log_progress *progress, void *context, uint64_t *entries,
                                uint64_t *faults, struct error *e);

#endif
