/*
 * The one thread that owns the log: it takes whatever has queued while the last batch was being synced, appends it, syncs once, signs
 * one checkpoint, and hands the entries back to their mailboxes.
 */
#ifndef COMITY_EVIDENCE_COMMITTER_H
#define COMITY_EVIDENCE_COMMITTER_H

#include <pthread.h>

#include "evidence/log.h"

/* A checkpoint shared by the entries of a batch. */
struct shared_checkpoint {
    _Atomic int reference_count;
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    size_t note_size;
    uint8_t note[];
};
struct shared_checkpoint *shared_checkpoint_keep(struct shared_checkpoint *checkpoint);
void shared_checkpoint_release(struct shared_checkpoint *checkpoint); /* NULL is allowed */

/*
 * Where done entries of one worker go. `notify` is called by the committer's thread at most once a batch when entries were put in
 * (it wakes the worker: uv_async_send()); the worker then takes them all with mailbox_take().
 */
struct commit_entry;
struct mailbox {
    void (*notify)(void *context);
    void *context;
    _Atomic(struct commit_entry *) done; /* private to the committer */
};

enum { COMMIT_FOLLOWED_US = 2000 };

/* Lives with the caller, who leaves it alone from submit until it comes back from its mailbox. */
struct commit_entry {
    struct log_record record; /* kind, statement, attachment set by the caller; the salt is drawn by submit */
    struct mailbox *mailbox;
    void *owner; /* the caller's */
    /* Another entry of this caller follows, for which this one may wait up to COMMIT_FOLLOWED_US, so that both go in one batch. */
    bool is_followed;
    /* NULL; or an entry that was submitted before, and is still the caller's: where that one failed, this one does, and is not logged. */
    const struct commit_entry *after;
    bool has_failed;                      /* not logged: release nothing */
    struct shared_checkpoint *checkpoint; /* NULL if failed; the caller releases it */
    struct commit_entry *next;            /* the queue's, then the mailbox's list */
};

struct committer;
struct committer_options {
    size_t queue_max; /* entries; past it submit refuses: back-pressure. 0: 65,536 */
    size_t batch_max; /* entries in one sync. 0: 4,096 */
    /* Called on the committer's thread when the log is dead (a failed sync): the process must end. */
    void (*on_dead)(void *context, const struct error *e);
    /* How many exchanges are under way, each of which submits soon: a batch need not wait for more than they will. NULL: not known. Called on
     * the committer's thread, with its lock held. */
    size_t (*under_way)(void *context);
    /*
     * NULL: the committer has threads of its own. Else it has none, and its maker, all of one thread, calls committer_step(); whoever would wait
     * for an entry calls `turn` instead, again and again, which steps it at least once. For a simulation (docs/torture.md).
     */
    void (*turn)(void *context);
    void *context;
};
must_check bool committer_start(struct committer **out, struct log *log, const struct committer_options *options, struct error *e);
/* Any thread. False (ERROR_FULL) when the queue is full or the committer is stopping; the entry was then not taken. Order of calls is
 * the order in the log. */
must_check bool committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e);
/* For threads that may wait (the database's thread, commands): submits and waits until it is durable. */
must_check bool committer_append(struct committer *committer, enum record_kind kind, struct bytes statement, struct bytes attachment,
                                 uint64_t *index, struct error *e);
/*
 * As pthread_cond_wait(), for whoever waits with `lock` held for what a mailbox's notify signals; where the committer is stepped, takes a turn with
 * `lock` released.
 */
void committer_wait(struct committer *committer, pthread_cond_t *condition, pthread_mutex_t *lock);
/* One that is stepped: how long until committer_step() has something to do, in microseconds; 0: now, UINT64_MAX: not before something is submitted. */
uint64_t committer_due_us(struct committer *committer);
/* Does it: a publication that is due, then what others asked for, or one batch. */
void committer_step(struct committer *committer);
/* Done entries, oldest first, or NULL. The mailbox's own thread. */
struct commit_entry *mailbox_take(struct mailbox *mailbox);
/* log_seal() by the thread that writes. Blocks; any thread. */
must_check bool committer_seal(struct committer *committer, struct error *e);
/* How many entries the log has now. Any thread. */
uint64_t committer_log_size(const struct committer *committer);
/* Finishes what is queued, publishes, and joins the thread. The log stays open, and the committer is still there: whoever submits is
 * refused (ERROR_FULL). Once; NULL is allowed. */
void committer_finish(struct committer *committer);
/* The same, if it was not done before, and frees it: when no thread can submit any more. NULL is allowed. */
void committer_stop(struct committer *committer);

#endif
