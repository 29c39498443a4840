#include "witness/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/encode.h"
#include "base/metrics.h"

enum { PATH_SIZE = sizeof WATCH_FOLDER + WATCH_NAME_SIZE };

struct caught {
    struct verifier log;
    bool is_kept; /* its proof is in the folder, or was: an operator may take it out */
};

struct watch {
    struct disk *disk;
    pthread_mutex_t folder; /* held while it is read or written; before `lock` */
    pthread_mutex_t lock;   /* guards logs */
    struct caught *logs;
    _Atomic size_t count;
};

static struct metric distrusted = {
    .name = "comity_witness_equivocating_logs",
    .labels = "",
    .help = "Logs of peers that were caught with two histories and are not trusted",
    .kind = METRIC_GAUGE,
};

void watch_name(const struct verifier *log, char out[WATCH_NAME_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    const struct bytes parts[] = { bytes_of_text(log->name), BYTES("\n"), bytes_of(log->public_key, sizeof log->public_key) };
    sha256_parts(parts, COUNT_OF(parts), digest);
    hex_write(bytes_of(digest, sizeof digest), out);
    memcpy(out + 2 * sizeof digest, ".proof", sizeof ".proof");
}

static struct caught *find(struct caught *logs, size_t count, const struct verifier *log)
{
    for (size_t i = 0; i < count; i++) {
        if (verifier_equal(&logs[i].log, log)) {
            return &logs[i];
        }
    }
    return NULL;
}

bool watch_is_distrusted(const struct watch *watch, const struct verifier *log)
{
    if (watch == NULL || atomic_load_explicit(&watch->count, memory_order_acquire) == 0) {
        return false;
    }
    struct watch *w = (struct watch *)watch; /* the lock is no state that a caller sees */
    (void)pthread_mutex_lock(&w->lock);
    bool is_caught = find(w->logs, w->count, log) != NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return is_caught;
}

size_t watch_count(const struct watch *watch)
{
    return watch == NULL ? 0 : atomic_load(&watch->count);
}

/* False when the table is full: who is in it stays in it. */
static bool distrust(struct watch *watch, const struct verifier *log)
{
    (void)pthread_mutex_lock(&watch->lock);
    bool is_new = find(watch->logs, watch->count, log) == NULL && watch->count < WATCH_LOGS_MAX;
    if (is_new) {
        watch->logs[watch->count] = (struct caught){ .log = *log };
        watch->count++;
    }
    metric_set(&distrusted, (int64_t)watch->count);
    (void)pthread_mutex_unlock(&watch->lock);
    return is_new;
}

static int write_proof(struct watch *watch, const char *path, struct bytes proof)
{
    const struct disk_functions *f = watch->disk->functions;
    int fault = f->make_folder(watch->disk, WATCH_FOLDER);
    fault = fault != 0 ? fault : disk_replace(watch->disk, path, proof);
    return fault != 0 ? fault : f->sync_folder(watch->disk, "");
}

static void keep_proof(struct watch *watch, const struct verifier *log, struct bytes proof)
{
    char name[WATCH_NAME_SIZE];
    char path[PATH_SIZE];
    struct error e;
    watch_name(log, name);
    (void)snprintf(path, sizeof path, WATCH_FOLDER "/%s", name);
    diag(DIAG_ERROR, "witness", "a peer's log has two histories, and is not trusted any more", "origin", log->name, "proof",
         watch->disk == NULL ? "" : path, "todo",
         "give the proof to the peer and to the operators of both communities; remove the file, and reload, to trust it again", NULL);
    if (watch->disk == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&watch->folder);
    int fault = write_proof(watch, path, proof);
    (void)pthread_mutex_lock(&watch->lock);
    struct caught *caught = find(watch->logs, watch->count, log);
    if (caught != NULL) {
        caught->is_kept = fault == 0;
    }
    (void)pthread_mutex_unlock(&watch->lock);
    (void)pthread_mutex_unlock(&watch->folder);
    if (fault != 0) {
        errno = fault;
        (void)error_system(&e, path, "make room; until the next start the log stays distrusted without it");
        diag_error(DIAG_ERROR, "witness", "the proof of equivocation could not be kept", &e);
    }
}

bool watch_catch(struct watch *watch, const struct verifier *log, struct bytes a_note, struct bytes b_note,
                 const uint8_t prefix[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t path_count)
{
    struct buffer proof;
    if (watch_is_distrusted(watch, log)) {
        return true;
    }
    buffer_init(&proof, EQUIVOCATION_BYTES_MAX);
    bool is_proven = equivocation_write(&proof, log, a_note, b_note, prefix, path, path_count, NULL);
    if (is_proven && distrust(watch, log)) {
        keep_proof(watch, log, buffer_bytes(&proof));
    }
    buffer_clear(&proof);
    return is_proven;
}

/* ---- Reading the folder ---- */

struct reading {
    struct watch *watch;
    struct caught *logs;
    size_t count;
    struct equivocation proof;
    int fault; /* a proof that is there could not be read */
    char faulty[PATH_SIZE + 256];
};

static void warn(const char *path, const char *what)
{
    diag(DIAG_WARN, "witness", "a file in the folder of proofs is passed over", "file", path, "what", what, NULL);
}

static void read_one(void *context, const char *name, bool is_folder)
{
    struct reading *r = context;
    char path[PATH_SIZE + 256];
    char wanted[WATCH_NAME_SIZE];
    uint8_t *data = NULL;
    size_t size = 0;
    struct error e;
    if (is_folder || !bytes_end_with(bytes_of_text(name), BYTES(".proof"))) {
        return;
    }
    if (snprintf(path, sizeof path, WATCH_FOLDER "/%s", name) >= (int)sizeof path || r->count == WATCH_LOGS_MAX) {
        warn(name, "too long a name, or too many files");
        return;
    }
    int fault = disk_read_whole(r->watch->disk, path, EQUIVOCATION_BYTES_MAX, &data, &size);
    if (fault == EFBIG) {
        warn(path, "it is larger than a proof");
    } else if (fault != 0 && fault != ENOENT) {
        r->fault = fault;
        memcpy(r->faulty, path, sizeof path);
    } else if (fault == ENOENT) {
        /* an operator took it out just now */
    } else if (!equivocation_check(&r->proof, bytes_of(data, size), path, &e)) {
        warn(path, e.what);
    } else {
        watch_name(&r->proof.log, wanted);
        if (strcmp(wanted, name) != 0) {
            warn(path, "it is the proof about another log than its name says");
        } else {
            r->logs[r->count++] = (struct caught){ .log = r->proof.log, .is_kept = true };
        }
    }
    free(data);
}

/* What was caught without a proof that could be written stays caught. With both locks held. */
static void carry_over(const struct watch *watch, struct caught *logs, size_t *count)
{
    for (size_t i = 0; i < watch->count && *count < WATCH_LOGS_MAX; i++) {
        if (!watch->logs[i].is_kept && find(logs, *count, &watch->logs[i].log) == NULL) {
            logs[(*count)++] = watch->logs[i];
        }
    }
}

static bool read_folder(struct watch *watch, struct reading *r, struct error *e)
{
    int fault = watch->disk->functions->list(watch->disk, WATCH_FOLDER, read_one, r);
    if (fault != 0 && fault != ENOENT) {
        errno = fault;
        return error_system(e, WATCH_FOLDER, "check the witness folder's owner and mode");
    }
    /* Passed over, it would make a log trusted that was caught. */
    errno = r->fault;
    return r->fault == 0 || error_system(e, r->faulty, "check the witness folder's disk, owner and mode");
}

bool watch_reload(struct watch *watch, struct error *e)
{
    if (watch->disk == NULL) {
        return true;
    }
    struct reading *r = calloc(1, sizeof *r);
    struct caught *logs = calloc(WATCH_LOGS_MAX, sizeof *logs);
    if (r == NULL || logs == NULL) {
        free(r);
        free(logs);
        return error_memory(e, WATCH_FOLDER);
    }
    *r = (struct reading){ .watch = watch, .logs = logs };
    (void)pthread_mutex_lock(&watch->folder);
    bool ok = read_folder(watch, r, e);
    if (ok) {
        (void)pthread_mutex_lock(&watch->lock);
        carry_over(watch, logs, &r->count);
        struct caught *old = watch->logs;
        watch->logs = logs;
        logs = old;
        watch->count = r->count;
        metric_set(&distrusted, (int64_t)r->count);
        (void)pthread_mutex_unlock(&watch->lock);
    }
    (void)pthread_mutex_unlock(&watch->folder);
    free(logs);
    free(r);
    return ok;
}

bool watch_open(struct watch **out, struct disk *disk, struct error *e)
{
    *out = NULL;
    struct watch *watch = calloc(1, sizeof *watch);
    struct caught *logs = calloc(WATCH_LOGS_MAX, sizeof *logs);
    if (watch == NULL || logs == NULL || pthread_mutex_init(&watch->lock, NULL) != 0) {
        free(watch);
        free(logs);
        return error_memory(e, WATCH_FOLDER);
    }
    if (pthread_mutex_init(&watch->folder, NULL) != 0) {
        (void)pthread_mutex_destroy(&watch->lock);
        free(watch);
        free(logs);
        return error_memory(e, WATCH_FOLDER);
    }
    watch->disk = disk;
    watch->logs = logs;
    metric_register(&distrusted);
    if (!watch_reload(watch, e)) {
        watch_free(watch);
        return false;
    }
    *out = watch;
    return true;
}

void watch_free(struct watch *watch)
{
    if (watch != NULL) {
        (void)pthread_mutex_destroy(&watch->folder);
        (void)pthread_mutex_destroy(&watch->lock);
        free(watch->logs);
        free(watch);
    }
}
