#include "evidence/committer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/time.h"
#include "evidence/publication_internal.h"
#include "evidence/record_internal.h"

enum {
    QUEUE_MAX = 65536,
    BATCH_MAX = 4096,
    BATCH_BYTES_MAX = 4 * 1024 * 1024, /* an entry is at most 320 KiB: this bounds memory and the time of one sync */
    GATHER_ENTRIES = 4,                /* fewer in a batch: nobody is made to wait */
    GATHER_ENTRY_US = 500,             /* from the start of one batch to that of the next at most, for each entry of the one */
    GATHER_US_MAX = 8000,
    PUBLISH_LOAD_US = 1000 * 1000, /* under load: once a second, */
    PUBLISH_ENTRIES = 64 * 1024,   /* or when so many wait */
    PUBLISH_IDLE_US = 50 * 1000,   /* idle: soon, but one lone request after the other must not publish each for itself */
    PUBLISH_RETRY_US = 1000 * 1000,
};

/* The slow part of publishing has its own thread, so that no message waits for it: it touches the public disk alone. */
enum publisher_state { PUBLISHER_IDLE = 0, PUBLISHER_BUSY, PUBLISHER_DONE, PUBLISHER_FAILED };

struct committer {
    struct log *log;
    struct committer_options options;
    pthread_t thread, publisher;
    pthread_mutex_t lock;   /* of all below, up to the blank line */
    pthread_cond_t work;    /* something for the committer */
    pthread_cond_t publish; /* something for the publisher */
    struct commit_entry *first, **last;
    size_t queued;
    size_t urgent;       /* of these: whoever submitted them waits; the others may wait for more until `due_us` */
    uint64_t due_us;     /* of the oldest that may wait */
    size_t gather_until; /* so many urgent ones end the committer's rest; 0: it doesn't rest */
    bool is_stopping, is_publisher_stopping;
    bool is_finished;          /* of the thread that stops it */
    _Atomic uint64_t log_size; /* for whoever asks */
    enum publisher_state publisher_state;
    struct publication *publication;
    struct sealing *sealings; /* asked for by others */

    /* The committer's thread alone: */
    struct commit_entry **batch;
    struct log_record **records;
    struct mailbox **mailboxes;
    size_t mailbox_count;
    uint64_t last_batch_us, last_publish_us;
    uint64_t publish_after_us; /* after a failure: not at once again */
    bool is_dead;
};

static struct metric commit_duration = { .name = "comity_evidence_commit_duration_seconds",
                                         .labels = "",
                                         .kind = METRIC_HISTOGRAM,
                                         .help = "Time to make a batch durable and sign it" };
static struct metric entries_total = {
    .name = "comity_evidence_entries_total", .labels = "", .kind = METRIC_COUNTER, .help = "Entries appended to the log"
};
static struct metric batches_total = { .name = "comity_evidence_batches_total",
                                       .labels = "",
                                       .kind = METRIC_COUNTER,
                                       .help = "Batches appended to the log, each with one sync and one signature" };
static struct metric failures_total = {
    .name = "comity_evidence_commit_failures_total", .labels = "", .kind = METRIC_COUNTER, .help = "Batches that could not be made durable"
};
static struct metric publish_failures_total = { .name = "comity_evidence_publish_failures_total",
                                                .labels = "",
                                                .kind = METRIC_COUNTER,
                                                .help = "Attempts to publish tiles and checkpoint that failed" };
static struct metric queue_entries = {
    .name = "comity_evidence_queue_entries", .labels = "", .kind = METRIC_GAUGE, .help = "Entries waiting for the next batch"
};
static struct metric log_entries = {
    .name = "comity_evidence_log_entries", .labels = "", .kind = METRIC_GAUGE, .help = "Entries in the log"
};
static struct metric published_entries = {
    .name = "comity_evidence_published_entries", .labels = "", .kind = METRIC_GAUGE, .help = "Entries under the published checkpoint"
};

static void register_metrics(void)
{
    struct metric *const all[] = { &commit_duration,        &entries_total, &batches_total, &failures_total,
                                   &publish_failures_total, &queue_entries, &log_entries,   &published_entries };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        metric_register(all[i]);
    }
}

struct shared_checkpoint *shared_checkpoint_keep(struct shared_checkpoint *checkpoint)
{
    atomic_fetch_add_explicit(&checkpoint->reference_count, 1, memory_order_relaxed);
    return checkpoint;
}

void shared_checkpoint_release(struct shared_checkpoint *checkpoint)
{
    if (checkpoint != NULL && atomic_fetch_sub_explicit(&checkpoint->reference_count, 1, memory_order_acq_rel) == 1) {
        free(checkpoint);
    }
}

/* One reference for each entry of the batch. */
static void fill_checkpoint(struct shared_checkpoint *shared, const struct log *log, struct bytes note, size_t references)
{
    atomic_init(&shared->reference_count, (int)references);
    shared->size = log->tree.size;
    memcpy(shared->root, log->tree.root, SHA256_SIZE);
    shared->note_size = note.size;
    memcpy(shared->note, note.data, note.size);
}

/* ---- mailboxes ---- */

static void mailbox_put(struct mailbox *mailbox, struct commit_entry *entry)
{
    entry->next = atomic_load_explicit(&mailbox->done, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&mailbox->done, &entry->next, entry, memory_order_release, memory_order_relaxed)) {
    }
}

struct commit_entry *mailbox_take(struct mailbox *mailbox)
{
    struct commit_entry *newest_first = atomic_exchange_explicit(&mailbox->done, NULL, memory_order_acquire);
    struct commit_entry *oldest_first = NULL;
    while (newest_first != NULL) {
        struct commit_entry *next = newest_first->next;
        newest_first->next = oldest_first;
        oldest_first = newest_first;
        newest_first = next;
    }
    return oldest_first;
}

/* Hands entries back. From mailbox_put() on an entry is its owner's, who may free it: it is not touched again. */
static void hand_out(struct committer *c, struct commit_entry *const *entries, size_t count, struct shared_checkpoint *shared)
{
    c->mailbox_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct commit_entry *entry = entries[i];
        struct mailbox *mailbox = entry->mailbox;
        size_t known = c->mailbox_count;
        while (known > 0 && c->mailboxes[known - 1] != mailbox) {
            known--;
        }
        if (known == 0) {
            c->mailboxes[c->mailbox_count++] = mailbox;
        }
        entry->checkpoint = shared;
        entry->has_failed = shared == NULL;
        mailbox_put(mailbox, entry);
    }
    for (size_t i = 0; i < c->mailbox_count; i++) {
        c->mailboxes[i]->notify(c->mailboxes[i]->context);
    }
}

/* ---- the committer's thread ---- */

static void fail_batch(struct committer *c, size_t count, const struct error *e)
{
    metric_add(&failures_total, 1);
    diag_error(c->is_dead ? DIAG_DEBUG : DIAG_ERROR, "evidence", "a batch could not be made durable", e);
    hand_out(c, c->batch, count, NULL);
    if (c->log->is_dead && !c->is_dead) {
        c->is_dead = true;
        if (c->options.on_dead != NULL) {
            c->options.on_dead(c->options.context, e);
        }
    }
}

static void commit(struct committer *c, size_t count)
{
    struct error e = { 0 };
    struct buffer note;
    /* Before anything is written: entries that are durable and signed must not be told to have failed for want of memory. */
    struct shared_checkpoint *shared = malloc(sizeof *shared + CHECKPOINT_BYTES_MAX);
    uint64_t started_us = time_monotonic_us();
    buffer_init(&note, CHECKPOINT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        c->records[i] = &c->batch[i]->record;
    }
    bool ok = shared != NULL ? log_append(c->log, c->records, count, &note, &e) : error_memory(&e, "committer");
    if (ok && shared != NULL) {
        fill_checkpoint(shared, c->log, buffer_bytes(&note), count);
    }
    buffer_clear(&note);
    c->last_batch_us = time_monotonic_us();
    if (!ok) {
        free(shared);
        fail_batch(c, count, &e);
        return;
    }
    metric_observe_us(&commit_duration, c->last_batch_us - started_us);
    metric_add(&entries_total, (int64_t)count);
    metric_add(&batches_total, 1);
    metric_set(&log_entries, (int64_t)log_size(c->log));
    atomic_store_explicit(&c->log_size, log_size(c->log), memory_order_relaxed);
    hand_out(c, c->batch, count, shared);
}

/* Fails those that follow one that failed. Returns how many are left, in their order. */
static size_t drop_followers(struct committer *c, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct commit_entry *entry = c->batch[i];
        if (entry->after != NULL && entry->after->has_failed) {
            hand_out(c, &entry, 1, NULL);
        } else {
            c->batch[left++] = entry;
        }
    }
    return left;
}

/* Is there something that must not wait any longer? With the lock held. */
static bool is_batch_due(const struct committer *c)
{
    return c->urgent > 0 || (c->queued > 0 && (c->is_stopping || time_monotonic_us() >= c->due_us));
}

/* Takes what is queued, oldest first, up to the limits of a batch. With the lock held. */
static size_t take_batch(struct committer *c)
{
    size_t count = 0;
    size_t bytes = 0;
    while (c->first != NULL && count < c->options.batch_max && (count == 0 || bytes < BATCH_BYTES_MAX)) {
        struct commit_entry *entry = c->first;
        bytes += record_bytes(entry->record.statement.size, entry->record.attachment.size);
        c->batch[count++] = entry;
        c->first = entry->next;
    }
    if (c->first == NULL) {
        c->last = &c->first;
    }
    c->queued -= count;
    c->urgent = c->queued; /* what found no room waits no more */
    metric_set(&queue_entries, (int64_t)c->queued);
    return count;
}

/* When there is something to publish and nobody publishes: how long until that is due. UINT64_MAX: nothing is to be done. */
static uint64_t publish_due_us(const struct committer *c, uint64_t now)
{
    if (c->is_dead || log_published_size(c->log) == log_size(c->log) || c->publisher_state != PUBLISHER_IDLE) {
        return UINT64_MAX;
    }
    uint64_t by_load = c->last_publish_us + PUBLISH_LOAD_US;
    uint64_t by_idling = c->last_batch_us + PUBLISH_IDLE_US;
    uint64_t due = by_load < by_idling ? by_load : by_idling;
    due = log_size(c->log) - log_published_size(c->log) >= PUBLISH_ENTRIES ? now : due;
    due = due < c->publish_after_us ? c->publish_after_us : due;
    return due > now ? due - now : 0;
}

/* Ends a publication that the publisher is done with. With the lock held. */
static void end_publication(struct committer *c)
{
    if (c->publisher_state != PUBLISHER_DONE && c->publisher_state != PUBLISHER_FAILED) {
        return;
    }
    if (c->publisher_state == PUBLISHER_DONE) {
        publication_end(c->publication, c->log);
        metric_set(&published_entries, (int64_t)log_published_size(c->log));
    } else {
        c->publish_after_us = time_monotonic_us() + PUBLISH_RETRY_US;
    }
    publication_free(c->publication);
    c->publication = NULL;
    c->publisher_state = PUBLISHER_IDLE;
}

/* Gives the publisher something to do, if it is due. With the lock held. */
static void start_publication(struct committer *c)
{
    uint64_t now = time_monotonic_us();
    struct error e = { 0 };
    if (publish_due_us(c, now) != 0) {
        return;
    }
    c->last_publish_us = now;
    if (!publication_make(&c->publication, c->log, &e)) {
        c->publish_after_us = now + PUBLISH_RETRY_US;
        metric_add(&publish_failures_total, 1);
        diag_error(DIAG_WARN, "evidence", "publishing failed", &e);
        return;
    }
    c->publisher_state = PUBLISHER_BUSY;
    (void)pthread_cond_signal(&c->publish);
}

/* The log would refuse the batch, for too many entries wait to be published; but the publisher is at it. With the lock held. */
static bool must_wait_for_publisher(const struct committer *c)
{
    uint64_t waiting = log_size(c->log) - log_published_size(c->log);
    return c->publisher_state == PUBLISHER_BUSY && waiting > 0 && waiting + c->options.batch_max >= LOG_UNPUBLISHED_MAX;
}

/* Until something is signalled, or for so long. With the lock held. */
static void wait_for(struct committer *c, uint64_t due_us)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + due_us % 1000000 * 1000;
    until.tv_sec += (time_t)(due_us / 1000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    (void)pthread_cond_timedwait(&c->work, &c->lock, &until);
}

static void wait_for_work(struct committer *c)
{
    uint64_t now_us = time_monotonic_us();
    uint64_t due_us = publish_due_us(c, now_us);
    if (c->queued > 0) {
        uint64_t left_us = c->due_us > now_us ? c->due_us - now_us : 0;
        due_us = left_us < due_us ? left_us : due_us;
    }
    if (due_us == UINT64_MAX) {
        (void)pthread_cond_wait(&c->work, &c->lock);
        return;
    }
    wait_for(c, due_us);
}

/* How many entries are worth waiting for: half of the exchanges under way, so that the other half has the processors while these are synced. */
static size_t worth_gathering(const struct committer *c)
{
    size_t under_way = c->options.under_way == NULL ? SIZE_MAX : c->options.under_way(c->options.context);
    return under_way / 2 < c->options.batch_max ? under_way / 2 : c->options.batch_max;
}

/*
 * Under load: lets the next batch grow. A batch costs a signature here, a verification at each peer, a sync and some wakings, whatever its
 * size; those who wait have others beside them, and the machine has other work. A lone request, or a few, never waits. With the lock held.
 */
static void gather(struct committer *c, uint64_t started_us, size_t count)
{
    if (count < GATHER_ENTRIES) {
        return;
    }
    uint64_t most_us = count * GATHER_ENTRY_US < GATHER_US_MAX ? count * GATHER_ENTRY_US : GATHER_US_MAX;
    c->gather_until = worth_gathering(c);
    while (c->urgent < c->gather_until && !c->is_stopping && c->sealings == NULL) {
        uint64_t spent_us = time_monotonic_us() - started_us;
        if (spent_us >= most_us) {
            break;
        }
        wait_for(c, most_us - spent_us);
    }
    c->gather_until = 0;
}

/* What committer_seal() waits on; lives on its stack. */
struct sealing {
    pthread_cond_t done;
    bool is_done, ok;
    struct error e;
    struct sealing *next;
};

/* Between two batches. With the lock held; false: nobody had asked. */
static bool seal_log(struct committer *c)
{
    struct sealing *first = c->sealings;
    struct error e = { 0 };
    if (first == NULL) {
        return false;
    }
    c->sealings = NULL;
    (void)pthread_mutex_unlock(&c->lock);
    bool ok = log_seal(c->log, &e);
    if (!ok && c->log->is_dead && !c->is_dead) {
        c->is_dead = true;
        if (c->options.on_dead != NULL) {
            c->options.on_dead(c->options.context, &e);
        }
    }
    (void)pthread_mutex_lock(&c->lock);
    while (first != NULL) {
        struct sealing *next = first->next;
        first->ok = ok;
        first->e = e;
        first->is_done = true;
        (void)pthread_cond_signal(&first->done);
        first = next;
    }
    return true;
}

static void *committer_run(void *context)
{
    struct committer *c = context;
    (void)pthread_setname_np(pthread_self(), "committer"); /* for top -H and perf; without it nothing else changes */
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        end_publication(c);
        start_publication(c);
        if (must_wait_for_publisher(c)) {
            (void)pthread_cond_wait(&c->work, &c->lock); /* the queue grows meanwhile, and then refuses: back-pressure */
            continue;
        }
        if (seal_log(c)) {
            continue;
        }
        size_t count = is_batch_due(c) ? take_batch(c) : 0;
        if (count == 0) {
            if (c->is_stopping) {
                break;
            }
            if (c->queued == 0 && log_wants_prepare(c->log)) {
                (void)pthread_mutex_unlock(&c->lock);
                log_prepare(c->log, true);
                (void)pthread_mutex_lock(&c->lock);
            } else {
                wait_for_work(c);
            }
            continue;
        }
        (void)pthread_mutex_unlock(&c->lock);
        uint64_t started_us = time_monotonic_us();
        count = drop_followers(c, count);
        if (count > 0) {
            commit(c, count);
        }
        log_prepare(c->log, false);
        (void)pthread_mutex_lock(&c->lock);
        gather(c, started_us, count);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ---- the publisher's thread ---- */

static bool publish(struct committer *c)
{
    struct error e = { 0 };
    bool ok = publication_write(c->publication, &e);
    if (!ok) {
        metric_add(&publish_failures_total, 1);
        diag_error(DIAG_WARN, "evidence", "publishing failed", &e);
    }
    return ok;
}

static void *publisher_run(void *context)
{
    struct committer *c = context;
    (void)pthread_setname_np(pthread_self(), "publisher");
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->publisher_state != PUBLISHER_BUSY && !c->is_publisher_stopping) {
            (void)pthread_cond_wait(&c->publish, &c->lock);
        }
        if (c->publisher_state != PUBLISHER_BUSY) {
            break;
        }
        (void)pthread_mutex_unlock(&c->lock);
        bool ok = publish(c);
        (void)pthread_mutex_lock(&c->lock);
        c->publisher_state = ok ? PUBLISHER_DONE : PUBLISHER_FAILED;
        (void)pthread_cond_signal(&c->work);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ---- without threads ---- */

void committer_wait(struct committer *committer, pthread_cond_t *condition, pthread_mutex_t *lock)
{
    if (committer->options.turn == NULL) {
        (void)pthread_cond_wait(condition, lock);
        return;
    }
    (void)pthread_mutex_unlock(lock);
    committer->options.turn(committer->options.context);
    (void)pthread_mutex_lock(lock);
}

uint64_t committer_due_us(struct committer *committer)
{
    (void)pthread_mutex_lock(&committer->lock);
    bool is_now = committer->first != NULL || committer->sealings != NULL;
    uint64_t due_us = is_now ? 0 : publish_due_us(committer, time_monotonic_us());
    (void)pthread_mutex_unlock(&committer->lock);
    return due_us;
}

static void publish_stepped(struct committer *c)
{
    start_publication(c);
    if (c->publisher_state == PUBLISHER_BUSY) {
        c->publisher_state = publish(c) ? PUBLISHER_DONE : PUBLISHER_FAILED;
        end_publication(c);
    }
}

void committer_step(struct committer *committer)
{
    struct committer *c = committer;
    (void)pthread_mutex_lock(&c->lock);
    publish_stepped(c);
    size_t count = seal_log(c) ? 0 : take_batch(c);
    (void)pthread_mutex_unlock(&c->lock);
    count = drop_followers(c, count);
    if (count > 0) {
        commit(c, count);
        log_prepare(c->log, false);
    }
}

/* ---- starting and stopping ---- */

static void committer_free(struct committer *c)
{
    publication_free(c->publication);
    free(c->batch);
    free(c->records);
    free(c->mailboxes);
    free(c);
}

static bool make_conditions(struct committer *c)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_mutex_init(&c->lock, NULL) == 0 &&
              pthread_cond_init(&c->work, &attributes) == 0 && pthread_cond_init(&c->publish, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return ok;
}

static void stop_thread(struct committer *c, bool *is_stopping, pthread_cond_t *condition, pthread_t thread)
{
    (void)pthread_mutex_lock(&c->lock);
    *is_stopping = true;
    (void)pthread_cond_signal(condition);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(thread, NULL);
}

static bool start_threads(struct committer *c, struct error *e)
{
    if (pthread_create(&c->publisher, NULL, publisher_run, c) != 0) {
        return error_set(e, ERROR_IO, "committer", "raise the limit on threads", "a thread could not be started");
    }
    if (pthread_create(&c->thread, NULL, committer_run, c) != 0) {
        stop_thread(c, &c->is_publisher_stopping, &c->publish, c->publisher);
        return error_set(e, ERROR_IO, "committer", "raise the limit on threads", "a thread could not be started");
    }
    return true;
}

/* Nobody submits any more, and what is queued is committed. */
static void stop_threads(struct committer *c)
{
    if (c->options.turn == NULL) {
        stop_thread(c, &c->is_stopping, &c->work, c->thread);
        stop_thread(c, &c->is_publisher_stopping, &c->publish, c->publisher);
        return;
    }
    c->is_stopping = true;
    while (c->first != NULL || c->sealings != NULL) {
        committer_step(c);
    }
}

bool committer_start(struct committer **out, struct log *log, const struct committer_options *options, struct error *e)
{
    *out = NULL;
    struct committer *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_memory(e, "committer");
    }
    c->log = log;
    c->options = *options;
    atomic_init(&c->log_size, log_size(log));
    c->options.queue_max = options->queue_max == 0 ? QUEUE_MAX : options->queue_max;
    c->options.batch_max = options->batch_max == 0 || options->batch_max > BATCH_MAX ? BATCH_MAX : options->batch_max;
    c->last = &c->first;
    c->batch = calloc(c->options.batch_max, sizeof *c->batch);
    c->records = calloc(c->options.batch_max, sizeof *c->records);
    c->mailboxes = calloc(c->options.batch_max, sizeof *c->mailboxes);
    if (c->batch == NULL || c->records == NULL || c->mailboxes == NULL || !make_conditions(c)) {
        committer_free(c);
        return error_memory(e, "committer");
    }
    register_metrics();
    metric_set(&log_entries, (int64_t)log_size(log));
    metric_set(&published_entries, (int64_t)log_published_size(log));
    if (options->turn == NULL && !start_threads(c, e)) {
        committer_free(c);
        return false;
    }
    *out = c;
    return true;
}

bool committer_submit(struct committer *committer, struct commit_entry *entry, struct error *e)
{
    if (entry->record.statement.size > RECORD_STATEMENT_BYTES_MAX || entry->record.attachment.size > RECORD_ATTACHMENT_BYTES_MAX) {
        return error_set(e, ERROR_INPUT, "record", "keep statements and attachments below the limits of records.md",
                         "a statement of %zu bytes with an attachment of %zu is too large", entry->record.statement.size,
                         entry->record.attachment.size);
    }
    random_fill(entry->record.salt, SALT_SIZE);
    entry->next = NULL;
    entry->has_failed = false;
    entry->checkpoint = NULL;
    (void)pthread_mutex_lock(&committer->lock);
    bool is_taken = !committer->is_stopping && committer->queued < committer->options.queue_max;
    bool is_stopping = committer->is_stopping;
    bool is_awaited = false;
    if (is_taken) {
        bool was_empty = committer->first == NULL;
        *committer->last = entry;
        committer->last = &entry->next;
        committer->queued++;
        if (!entry->is_followed) {
            committer->urgent++;
            is_awaited = committer->urgent == (committer->gather_until == 0 ? 1 : committer->gather_until);
        } else if (committer->queued == committer->urgent + 1) {
            committer->due_us = time_monotonic_us() + COMMIT_FOLLOWED_US;
            is_awaited = was_empty && committer->gather_until == 0; /* it has to know until when */
        }
    }
    (void)pthread_mutex_unlock(&committer->lock);
    if (is_awaited) {
        (void)pthread_cond_signal(&committer->work); /* behind the lock, which the committer would else run into at once */
    }
    return is_taken || error_set(e, ERROR_FULL, "committer", is_stopping ? "start the gateway again" : "try again later",
                                 is_stopping ? "the log is closing" : "too many entries wait for the disk");
}

bool committer_seal(struct committer *committer, struct error *e)
{
    struct sealing sealing = { .done = PTHREAD_COND_INITIALIZER };
    (void)pthread_mutex_lock(&committer->lock);
    if (committer->is_stopping) {
        (void)pthread_mutex_unlock(&committer->lock);
        (void)pthread_cond_destroy(&sealing.done);
        return error_set(e, ERROR_FULL, "committer", "start the gateway again", "the log is closing");
    }
    sealing.next = committer->sealings;
    committer->sealings = &sealing;
    (void)pthread_cond_signal(&committer->work);
    while (!sealing.is_done) {
        committer_wait(committer, &sealing.done, &committer->lock);
    }
    (void)pthread_mutex_unlock(&committer->lock);
    (void)pthread_cond_destroy(&sealing.done);
    if (!sealing.ok && e != NULL) {
        *e = sealing.e;
    }
    return sealing.ok;
}

uint64_t committer_log_size(const struct committer *committer)
{
    return atomic_load_explicit(&committer->log_size, memory_order_relaxed);
}

void committer_finish(struct committer *committer)
{
    struct error e = { 0 };
    struct committer *c = committer;
    if (c == NULL || c->is_finished) {
        return;
    }
    c->is_finished = true;
    stop_threads(c);
    end_publication(c);
    if (!c->is_dead && !log_publish(c->log, &e)) {
        metric_add(&publish_failures_total, 1);
        diag_error(DIAG_WARN, "evidence", "publishing failed", &e);
    }
}

void committer_stop(struct committer *committer)
{
    struct committer *c = committer;
    if (c == NULL) {
        return;
    }
    committer_finish(c);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->publish);
    committer_free(c);
}
