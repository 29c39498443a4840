#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/committer.h"
#include "evidence/log_internal.h"
#include "torture/faulty_disk.h"

/* A disk in memory with locks, a signer, a log, and one worker that waits on its mailbox. */
struct fixture {
    struct disk *public, *private;
    struct faults faults;
    struct faulty_disk faulty;
    struct signer *signer;
    struct log *log;
    struct committer *committer;
    _Atomic int deaths;
};

static void on_dead(void *context, const struct error *e)
{
    struct fixture *f = context;
    assert_int_equal(e->kind, ERROR_IO);
    f->deaths++;
}

static struct fixture *fixture_make(size_t queue_max, size_t batch_max)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 3 };
    struct fixture *f = calloc(1, sizeof *f);
    struct error e = { 0 };
    f->public = sim_disk_make_threaded();
    f->private = sim_disk_make_threaded();
    f->faults.fail_at = UINT64_MAX;
    faulty_disk_init(&f->faulty, f->private, &f->faults);
    assert_true(signer_from_seed(&f->signer, BYTES("log.example/c"), key, &e));
    assert_true(log_open(&f->log, f->public, &f->faulty.disk, NULL, f->signer, &e));
    const struct committer_options options = { .queue_max = queue_max, .batch_max = batch_max, .on_dead = on_dead, .context = f };
    assert_true(committer_start(&f->committer, f->log, &options, &e));
    return f;
}

static void fixture_free(struct fixture *f)
{
    committer_stop(f->committer);
    log_close(f->log);
    disk_free(f->public);
    disk_free(f->private);
    signer_free(f->signer);
    free(f);
}

struct worker {
    struct fixture *fixture;
    struct mailbox mailbox;
    pthread_mutex_t lock;
    pthread_cond_t bell;
    bool has_rung;
    _Atomic unsigned notified;
    unsigned id, entries, in_flight_max;
    uint64_t last_index;
    unsigned failed;
};

static void ring(void *context)
{
    struct worker *w = context;
    w->notified++;
    (void)pthread_mutex_lock(&w->lock);
    w->has_rung = true;
    (void)pthread_cond_signal(&w->bell);
    (void)pthread_mutex_unlock(&w->lock);
}

static void worker_init(struct worker *w, struct fixture *f, unsigned id, unsigned entries, unsigned in_flight_max)
{
    memset(w, 0, sizeof *w);
    w->fixture = f;
    w->mailbox = (struct mailbox){ .notify = ring, .context = w };
    assert_int_equal(pthread_mutex_init(&w->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&w->bell, NULL), 0);
    w->id = id;
    w->entries = entries;
    w->in_flight_max = in_flight_max;
}

static struct commit_entry *wait_for_mail(struct worker *w)
{
    for (;;) {
        struct commit_entry *entries = mailbox_take(&w->mailbox);
        if (entries != NULL) {
            return entries;
        }
        (void)pthread_mutex_lock(&w->lock);
        while (!w->has_rung) {
            (void)pthread_cond_wait(&w->bell, &w->lock);
        }
        w->has_rung = false;
        (void)pthread_mutex_unlock(&w->lock);
    }
}

struct job {
    struct commit_entry entry;
    char statement[48];
};

static bool submit(struct worker *w, unsigned number, struct error *e)
{
    struct job *job = calloc(1, sizeof *job);
    int size = snprintf(job->statement, sizeof job->statement, "worker %u statement %u", w->id, number);
    job->entry.record = (struct log_record){ .kind = RECORD_REQUEST_SENT, .statement = bytes_of(job->statement, (size_t)size) };
    job->entry.mailbox = &w->mailbox;
    job->entry.owner = job;
    if (!committer_submit(w->fixture->committer, &job->entry, e)) {
        free(job);
        return false;
    }
    return true;
}

/* Takes what came back: in order, each with a receipt that proves it. Returns how many. */
static unsigned take(struct worker *w, bool checks_receipts)
{
    unsigned count = 0;
    for (struct commit_entry *entry = wait_for_mail(w); entry != NULL;) {
        struct commit_entry *next = entry->next;
        struct job *job = entry->owner;
        if (entry->has_failed) {
            assert_null(entry->checkpoint);
            w->failed++;
        } else {
            assert_true(w->last_index == 0 || entry->record.index > w->last_index);
            w->last_index = entry->record.index;
            if (checks_receipts) {
                struct receipt receipt = { .index = entry->record.index,
                                           .path_count = entry->record.path_count,
                                           .checkpoint = bytes_of(entry->checkpoint->note, entry->checkpoint->note_size) };
                struct checkpoint_view view;
                memcpy(receipt.salt, entry->record.salt, SALT_SIZE);
                memcpy(receipt.path, entry->record.path, entry->record.path_count * SHA256_SIZE);
                assert_true(receipt_verify(&receipt, entry->record.statement, signer_verifier(w->fixture->signer), NULL, &view, NULL));
                assert_true(view.size == entry->checkpoint->size);
                assert_memory_equal(view.root, entry->checkpoint->root, SHA256_SIZE);
            }
        }
        shared_checkpoint_release(entry->checkpoint);
        free(job);
        entry = next;
        count++;
    }
    return count;
}

static void *work(void *context)
{
    struct worker *w = context;
    unsigned sent = 0;
    unsigned back = 0;
    struct error e = { 0 };
    while (back < w->entries) {
        while (sent < w->entries && sent - back < w->in_flight_max && submit(w, sent, &e)) {
            sent++;
        }
        back += take(w, w->in_flight_max < 8);
    }
    return NULL;
}

static void workers_get_their_entries(void **state)
{
    enum { WORKERS = 4, ENTRIES = 600 };
    struct fixture *f = fixture_make(0, 64);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    uint64_t faults = 0;
    uint64_t entries = 0;
    struct error e = { 0 };
    (void)state;
    for (unsigned i = 0; i < WORKERS; i++) {
        worker_init(&workers[i], f, i, ENTRIES, i < 2 ? 4 : 100);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    committer_stop(f->committer);
    f->committer = NULL;
    assert_int_equal(log_size(f->log), WORKERS * ENTRIES);
    assert_int_equal(log_published_size(f->log), WORKERS * ENTRIES);
    assert_true(log_verify(f->public, f->private, signer_verifier(f->signer), NULL, NULL, NULL, &entries, &faults, &e));
    assert_int_equal(faults, 0);
    assert_int_equal(entries, WORKERS * ENTRIES);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_null(mailbox_take(&workers[i].mailbox));
    }
    fixture_free(f);
}

/* The public disk lets no file be opened while this is shut. */
static struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_shut;
    const struct disk_functions *real;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };

static int open_through_gate(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    (void)pthread_mutex_lock(&gate.lock);
    while (gate.is_shut) {
        (void)pthread_cond_wait(&gate.opened, &gate.lock);
    }
    (void)pthread_mutex_unlock(&gate.lock);
    return gate.real->open(disk, path, mode, out);
}

/* A publisher that is slower than the load: entries wait for it, and are not refused, however many come. */
static void a_slow_publisher_holds_up_and_loses_nothing(void **state)
{
    enum { ENTRIES = LOG_UNPUBLISHED_MAX + 20000, IN_FLIGHT = 20000, PATIENCE_MS = 60000 };
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    pthread_t thread;
    unsigned waited_ms = 0;
    (void)state;
    gate.real = f->public->functions;
    gate.is_shut = true;
    struct disk_functions gated = *gate.real;
    gated.open = open_through_gate;
    f->public->functions = &gated;
    worker_init(&w, f, 1, ENTRIES, IN_FLIGHT);
    assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
    /* As many as the log takes without a publication, but for less than a batch; and then it stands still. */
    uint64_t size = 0;
    for (unsigned still_ms = 0; still_ms < 200 && waited_ms < PATIENCE_MS; waited_ms += 10, still_ms += 10) {
        const struct timespec rest = { .tv_nsec = 10 * 1000 * 1000 };
        uint64_t now = committer_log_size(f->committer);
        still_ms = now != size || now + 4096 < LOG_UNPUBLISHED_MAX ? 0 : still_ms;
        size = now;
        (void)nanosleep(&rest, NULL);
    }
    assert_true(waited_ms < PATIENCE_MS && size <= LOG_UNPUBLISHED_MAX);
    (void)pthread_mutex_lock(&gate.lock);
    gate.is_shut = false;
    (void)pthread_cond_broadcast(&gate.opened);
    (void)pthread_mutex_unlock(&gate.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.failed, 0);
    committer_stop(f->committer);
    f->committer = NULL;
    assert_int_equal(log_published_size(f->log), ENTRIES);
    f->public->functions = gate.real;
    fixture_free(f);
}

static size_t told_under_way;

static size_t under_way(void *context)
{
    (void)context;
    return told_under_way;
}

/* Rounds of entries that come all at once, as after a batch of the other side. Returns how long a round took, in the middle. */
static uint64_t round_us(size_t told, unsigned entries)
{
    enum { ROUNDS = 21 };
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    struct error e = { 0 };
    uint64_t took[ROUNDS];
    committer_stop(f->committer);
    told_under_way = told;
    const struct committer_options options = { .on_dead = on_dead, .under_way = under_way, .context = f };
    assert_true(committer_start(&f->committer, f->log, &options, &e));
    worker_init(&w, f, 1, 0, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned back = 0;
        uint64_t began = time_monotonic_us();
        for (unsigned j = 0; j < entries; j++) {
            assert_true(submit(&w, i * entries + j, &e));
        }
        while (back < entries) {
            back += take(&w, false);
        }
        took[i] = time_monotonic_us() - began;
        for (unsigned j = i; j > 0 && took[j] < took[j - 1]; j--) {
            uint64_t swapped = took[j];
            took[j] = took[j - 1];
            took[j - 1] = swapped;
        }
    }
    assert_int_equal(w.failed, 0);
    assert_int_equal(log_size(f->log), ROUNDS * entries);
    fixture_free(f);
    return took[ROUNDS / 2];
}

/* Whatever is expected, all come back; a batch rests for others, but not when all are there that may come. */
static void a_batch_waits_for_those_under_way(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const size_t told[] = { 0, 3, 40, SIZE_MAX };
        (void)round_us(told[i], 12);
        (void)round_us(told[i], 1);
    }
    uint64_t all_are_there = round_us(2 * 40, 40);
    uint64_t more_may_come = round_us(SIZE_MAX, 40);
    if (all_are_there >= more_may_come) {
        fail_msg("a full batch took %llu us, one that waits %llu us", (unsigned long long)all_are_there, (unsigned long long)more_may_come);
    }
}

/* It ends at once, not when its time is over, and takes what is queued. */
static void stopping_ends_a_rest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct fixture *f = fixture_make(0, 0);
        struct worker w;
        struct error e = { 0 };
        unsigned back = 0;
        worker_init(&w, f, 1, 0, 0);
        for (unsigned j = 0; j < 40; j++) {
            assert_true(submit(&w, j, &e));
        }
        committer_finish(f->committer);
        while (back < 40) {
            back += take(&w, false);
        }
        assert_int_equal(w.failed, 0);
        assert_int_equal(log_size(f->log), 40);
        fixture_free(f);
    }
}

/* Once a batch for a mailbox, however many entries of it were in the batch. */
static void a_mailbox_is_notified_once_a_batch(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    struct error e = { 0 };
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    for (unsigned i = 0; i < 300; i++) {
        assert_true(submit(&w, i, &e));
    }
    unsigned back = 0;
    while (back < 300) {
        back += take(&w, false);
    }
    committer_stop(f->committer);
    f->committer = NULL;
    assert_true(w.notified >= 1 && w.notified < 300);
    fixture_free(f);
}

/* A lone entry waits for no timer: it is back long before the idle publication or any second is over. */
static void a_lone_entry_is_not_held_up(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct error e = { 0 };
    uint64_t best_us = UINT64_MAX;
    (void)state;
    for (int i = 0; i < 50; i++) {
        uint64_t index = 0;
        uint64_t started = time_monotonic_us();
        assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("lone"), BYTES_NONE, &index, &e));
        uint64_t took = time_monotonic_us() - started;
        best_us = took < best_us ? took : best_us;
        assert_int_equal(index, i);
    }
    assert_true(best_us < 20000);
    fixture_free(f);
}

static void idle_logs_are_published(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct error e = { 0 };
    uint64_t published = 0;
    (void)state;
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("one"), BYTES_NONE, NULL, &e));
    for (int tries = 0; tries < 1000 && published < 1; tries++) {
        struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
        uint8_t *data = NULL;
        size_t size = 0;
        assert_int_equal(disk_read_whole(f->public, CHECKPOINT_PATH, 4096, &data, &size), 0);
        struct note note;
        struct checkpoint_view view;
        assert_true(note_parse(&note, bytes_of(data, size), "checkpoint", &e) && checkpoint_parse(note.text, &view, "checkpoint", &e));
        published = view.size;
        free(data);
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(published, 1);
    fixture_free(f);
}

static void oversized_entries_are_refused_at_once(void **state)
{
    static uint8_t large[RECORD_STATEMENT_BYTES_MAX + 1];
    struct fixture *f = fixture_make(0, 0);
    struct error e = { 0 };
    (void)state;
    assert_false(committer_append(f->committer, RECORD_EVENT, bytes_of(large, sizeof large), BYTES_NONE, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("fits"), BYTES_NONE, NULL, &e));
    fixture_free(f);
}

/* A notify that takes its time keeps the committer's thread, so that the queue behind it fills up. */
struct slow {
    pthread_mutex_t lock;
    struct worker *worker;
};

static void slow_ring(void *context)
{
    struct slow *slow = context;
    (void)pthread_mutex_lock(&slow->lock);
    (void)pthread_mutex_unlock(&slow->lock);
    ring(slow->worker);
}

static void a_full_queue_refuses(void **state)
{
    struct fixture *f = fixture_make(10, 0);
    struct worker w;
    struct slow slow = { .lock = PTHREAD_MUTEX_INITIALIZER, .worker = &w };
    struct error e = { 0 };
    unsigned sent = 0;
    unsigned back = 0;
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    w.mailbox = (struct mailbox){ .notify = slow_ring, .context = &slow };
    (void)pthread_mutex_lock(&slow.lock);
    while (sent < 100 && submit(&w, sent, &e)) {
        sent++;
    }
    assert_true(sent >= 10 && sent < 100);
    assert_int_equal(e.kind, ERROR_FULL);
    (void)pthread_mutex_unlock(&slow.lock);
    while (back < sent) {
        back += take(&w, false);
    }
    assert_true(submit(&w, 1, &e));
    assert_int_equal(take(&w, false), 1);
    fixture_free(f);
}

/* A failed sync: everything queued and later comes back failed, on_dead is called once, and nothing was acknowledged that is not there. */
static void a_dead_log_fails_everything(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    struct error e = { 0 };
    unsigned back = 0;
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("before"), BYTES_NONE, NULL, &e));
    committer_stop(f->committer);
    f->faults = (struct faults){ .kinds = CALL_SYNC, .fail_at = 3, .fault = EIO };
    const struct committer_options options = { .on_dead = on_dead, .context = f };
    assert_true(committer_start(&f->committer, f->log, &options, &e));
    for (unsigned i = 0; i < 50; i++) {
        assert_true(submit(&w, i, &e));
        back += take(&w, false);
    }
    assert_int_equal(back, 50);
    assert_int_equal(w.failed, 47);
    assert_int_equal(f->deaths, 1);
    assert_false(committer_append(f->committer, RECORD_EVENT, BYTES("after"), BYTES_NONE, NULL, &e));
    assert_int_equal(f->deaths, 1);
    assert_int_equal(log_size(f->log), 4);
    fixture_free(f);
}

/* No space: the batch comes back failed, the log lives, and later ones succeed. */
static void a_full_disk_is_no_death(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct error e = { 0 };
    (void)state;
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("before"), BYTES_NONE, NULL, &e));
    committer_stop(f->committer);
    f->faults = (struct faults){ .kinds = CALL_WRITE, .fail_at = 0, .fault = ENOSPC };
    const struct committer_options options = { .on_dead = on_dead, .context = f };
    assert_true(committer_start(&f->committer, f->log, &options, &e));
    assert_false(committer_append(f->committer, RECORD_EVENT, BYTES("refused"), BYTES_NONE, NULL, &e));
    uint64_t index = 0;
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("after"), BYTES_NONE, &index, &e));
    assert_int_equal(index, 1);
    assert_int_equal(f->deaths, 0);
    fixture_free(f);
}

static struct commit_entry entry_of(struct worker *w, const char *statement)
{
    return (struct commit_entry){ .record = { .kind = RECORD_EVENT, .statement = bytes_of_text(statement) }, .mailbox = &w->mailbox };
}

static void await(struct worker *w, unsigned count)
{
    while (count > 0) {
        for (struct commit_entry *entry = wait_for_mail(w); entry != NULL; entry = entry->next) {
            assert_true(count > 0);
            count--;
        }
    }
}

/* One batch for both, if the second comes in time: seldom not, when the machine is busy. Alone, the first is back as well. */
static void what_is_followed_shares_the_batch(void **state)
{
    enum { ROUNDS = 50 };
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    struct error e = { 0 };
    unsigned shared = 0;
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct commit_entry first = entry_of(&w, "decision"), second = entry_of(&w, "answer");
        first.is_followed = true;
        second.after = &first;
        assert_true(committer_submit(f->committer, &first, &e));
        assert_true(committer_submit(f->committer, &second, &e));
        await(&w, 2);
        assert_false(first.has_failed || second.has_failed);
        assert_int_equal(second.record.index, first.record.index + 1);
        shared += first.checkpoint == second.checkpoint;
        shared_checkpoint_release(first.checkpoint);
        shared_checkpoint_release(second.checkpoint);
    }
    assert_true(shared > ROUNDS / 2);
    struct commit_entry lone = entry_of(&w, "decision");
    lone.is_followed = true;
    assert_true(committer_submit(f->committer, &lone, &e));
    await(&w, 1);
    assert_false(lone.has_failed);
    shared_checkpoint_release(lone.checkpoint);
    assert_int_equal(log_size(f->log), 2 * ROUNDS + 1);
    fixture_free(f);
}

/* An answer whose decision is not in the log must not be there either, though the disk has room again. */
static void what_follows_a_failed_entry_fails(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct worker w;
    struct error e = { 0 };
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    committer_stop(f->committer);
    f->faults = (struct faults){ .kinds = CALL_WRITE, .fail_at = 0, .fault = ENOSPC };
    const struct committer_options options = { .on_dead = on_dead, .context = f };
    assert_true(committer_start(&f->committer, f->log, &options, &e));
    struct commit_entry first = entry_of(&w, "decision"), second = entry_of(&w, "answer"), other = entry_of(&w, "other");
    second.after = &first;
    assert_true(committer_submit(f->committer, &first, &e));
    await(&w, 1);
    assert_true(first.has_failed);
    assert_true(committer_submit(f->committer, &second, &e));
    assert_true(committer_submit(f->committer, &other, &e));
    await(&w, 2);
    assert_true(second.has_failed);
    assert_null(second.checkpoint);
    assert_false(other.has_failed);
    shared_checkpoint_release(other.checkpoint);
    assert_int_equal(log_size(f->log), 1);
    assert_int_equal(f->deaths, 0);
    fixture_free(f);
}

static void stopping_finishes_the_queue(void **state)
{
    struct fixture *f = fixture_make(0, 16);
    struct worker w;
    struct error e = { 0 };
    unsigned back = 0;
    (void)state;
    worker_init(&w, f, 1, 0, 0);
    for (unsigned i = 0; i < 500; i++) {
        assert_true(submit(&w, i, &e));
    }
    committer_stop(f->committer);
    f->committer = NULL;
    while (back < 500) {
        back += take(&w, false);
    }
    assert_int_equal(w.failed, 0);
    assert_int_equal(log_published_size(f->log), 500);
    fixture_free(f);
}

/* A reader beside the writer: what it sees only grows, and each record is whole. */
struct watch {
    struct fixture *fixture;
    _Atomic bool is_over;
    bool failed;
    char why[256];
};

static void keep_fault(void *context, const struct error *e)
{
    *(struct error *)context = *e;
}

static void *watch_run(void *context)
{
    struct watch *watch = context;
    struct log_reader *reader = NULL;
    struct error e = { 0 };
    uint64_t seen = 0;
    if (!log_reader_open(&reader, watch->fixture->public, watch->fixture->private, &e)) {
        watch->failed = true;
        return NULL;
    }
    while (!watch->is_over && !watch->failed) {
        uint64_t size = 0;
        struct log_entry entry;
        watch->failed = !log_reader_size(reader, &size, &e) || size < seen;
        for (uint64_t i = size > 40 ? size - 40 : 0; i < size && !watch->failed; i++) {
            watch->failed = !log_reader_get(reader, i, &entry, &e) || entry.index != i || entry.statement.size < 20;
        }
        seen = size;
        uint64_t entries = 0;
        uint64_t faults = 0;
        watch->failed = watch->failed ||
                        !log_verify(watch->fixture->public, watch->fixture->private, signer_verifier(watch->fixture->signer), keep_fault,
                                    NULL, &e, &entries, &faults, &e) ||
                        faults != 0;
    }
    if (watch->failed) {
        (void)error_text(&e, watch->why, sizeof watch->why);
    }
    log_reader_close(reader);
    return NULL;
}

static void a_reader_works_beside_the_writer(void **state)
{
    struct fixture *f = fixture_make(0, 0);
    struct watch watch = { .fixture = f };
    struct worker w;
    pthread_t watcher;
    (void)state;
    worker_init(&w, f, 1, 3000, 50);
    assert_int_equal(pthread_create(&watcher, NULL, watch_run, &watch), 0);
    (void)work(&w);
    watch.is_over = true;
    assert_int_equal(pthread_join(watcher, NULL), 0);
    if (watch.failed) {
        fail_msg("%s", watch.why);
    }
    fixture_free(f);
}

/* While two append, a third seals again and again: each time all that it had appended before stands in an older segment. */
static void sealing_works_beside_appending(void **state)
{
    (void)state;
    struct fixture *f = fixture_make(0, 0);
    struct worker workers[2];
    pthread_t threads[2];
    struct error e;
    for (unsigned i = 0; i < 2; i++) {
        worker_init(&workers[i], f, i, 400, 20);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 5; i++) {
        uint64_t index = 0, *firsts = NULL;
        size_t count = 0;
        assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("event"), BYTES_NONE, &index, &e));
        assert_true(committer_seal(f->committer, &e));
        assert_true(segment_list(f->private, &firsts, &count, &e));
        assert_true(count > 1 && firsts[count - 1] > index);
        free(firsts);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    fixture_free(f);
}

static void sealing_on_a_full_disk_is_no_death(void **state)
{
    (void)state;
    struct fixture *f = fixture_make(0, 0);
    struct error e;
    uint64_t index = 0;
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("event"), BYTES_NONE, &index, &e));
    sim_disk_limit(f->private, sim_disk_bytes(f->private) + 4096);
    assert_false(committer_seal(f->committer, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    assert_true(committer_append(f->committer, RECORD_EVENT, BYTES("event"), BYTES_NONE, &index, &e));
    sim_disk_limit(f->private, 0);
    assert_true(committer_seal(f->committer, &e));
    assert_int_equal(f->deaths, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_get_their_entries),
        cmocka_unit_test(a_slow_publisher_holds_up_and_loses_nothing),
        cmocka_unit_test(a_batch_waits_for_those_under_way),
        cmocka_unit_test(stopping_ends_a_rest),
        cmocka_unit_test(a_mailbox_is_notified_once_a_batch),
        cmocka_unit_test(a_lone_entry_is_not_held_up),
        cmocka_unit_test(idle_logs_are_published),
        cmocka_unit_test(oversized_entries_are_refused_at_once),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_dead_log_fails_everything),
        cmocka_unit_test(a_full_disk_is_no_death),
        cmocka_unit_test(what_is_followed_shares_the_batch),
        cmocka_unit_test(what_follows_a_failed_entry_fails),
        cmocka_unit_test(stopping_finishes_the_queue),
        cmocka_unit_test(a_reader_works_beside_the_writer),
        cmocka_unit_test(sealing_works_beside_appending),
        cmocka_unit_test(sealing_on_a_full_disk_is_no_death),
    };
    diag_configure(DIAG_NOTHING, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
