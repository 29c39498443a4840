#include "witness/mirror.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "base/random.h"
#include "evidence/log_copy.h"
#include "evidence/merkle.h"
#include "witness/peer.h"

enum { PENDING_PATH_SIZE = STATE_NAME_SIZE + 16 };

/* One log, opened when it first comes. */
struct mirrored {
    char name[STATE_NAME_SIZE];
    struct verifier key;
    struct disk *folder;
    struct log_copy *copy;
    struct buffer pending; /* the newest checkpoint that was submitted: a note; empty: none */
    struct checkpoint_view at;
    pthread_mutex_t lock; /* guards what is above, once it is in the list */
    struct mirrored *next;
};

struct mirror {
    struct mirror_options options;
    uint8_t secret[SHA256_SIZE]; /* authenticates tickets, as long as this process lives */
    pthread_mutex_t lock;        /* guards the list */
    struct mirrored *logs;
    size_t log_count;
};

static struct metric entries_taken = { .name = "comity_mirror_entries_total",
                                       .labels = "",
                                       .help = "Entries of other gateways' logs that this mirror took",
                                       .kind = METRIC_COUNTER };
static struct metric cosigned = { .name = "comity_mirror_cosignatures_total",
                                  .labels = "",
                                  .help = "Checkpoints of other gateways' logs that this mirror holds in full and cosigned",
                                  .kind = METRIC_COUNTER };
static struct metric refused = { .name = "comity_mirror_refusals_total",
                                 .labels = "",
                                 .help = "Uploads to this mirror that were refused, those that had to begin elsewhere not counted",
                                 .kind = METRIC_COUNTER };

void mirror_metrics_register(void)
{
    metric_register(&entries_taken);
    metric_register(&cosigned);
    metric_register(&refused);
}

bool mirror_make(struct mirror **out, const struct mirror_options *options, struct error *e)
{
    *out = NULL;
    if (signer_verifier(options->cosigner)->type != SIGNATURE_COSIGNATURE_V1) {
        return error_set(e, ERROR_INPUT, "mirror", NULL, "the key is no cosigner's");
    }
    struct mirror *m = calloc(1, sizeof *m);
    if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return error_memory(e, "mirror");
    }
    m->options = *options;
    random_fill(m->secret, sizeof m->secret);
    mirror_metrics_register();
    *out = m;
    return true;
}

static void mirrored_free(struct mirrored *log)
{
    log_copy_close(log->copy);
    disk_free(log->folder);
    buffer_clear(&log->pending);
    (void)pthread_mutex_destroy(&log->lock);
    free(log);
}

void mirror_free(struct mirror *mirror)
{
    if (mirror == NULL) {
        return;
    }
    while (mirror->logs != NULL) {
        struct mirrored *log = mirror->logs;
        mirror->logs = log->next;
        mirrored_free(log);
    }
    explicit_bzero(mirror->secret, sizeof mirror->secret);
    (void)pthread_mutex_destroy(&mirror->lock);
    free(mirror);
}

/* ---- Answers ---- */

__attribute__((format(printf, 3, 4))) static void refuse(struct witness_answer *answer, unsigned status, const char *format, ...)
{
    char what[sizeof answer->why.what];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)error_set(&answer->why, ERROR_DENIED, "mirror", NULL, "%s", what);
    answer->status = status;
    answer->content_type = NULL;
    buffer_reset(&answer->body);
    metric_add(&refused, 1);
}

/* What our own disk did is said here, and not to the caller. */
static void fail(struct witness_answer *answer, const struct error *e)
{
    if (e->kind == ERROR_FULL) {
        diag_error(DIAG_WARN, "mirror", "a log can't be mirrored any further", e);
        refuse(answer, 507, "there is no more room for this log here");
        return;
    }
    diag_error(DIAG_ERROR, "mirror", "a log can't be mirrored now", e);
    refuse(answer, 503, "this mirror can't take entries now");
}

/* 409 and 202: where it stands. The ticket is the checkpoint that was asked about, authenticated. */
static void tell_where(const struct mirror *m, const struct mirrored *log, struct bytes note, uint64_t size, unsigned status,
                       struct witness_answer *answer)
{
    struct buffer ticket;
    uint8_t tag[SHA256_SIZE];
    buffer_init(&ticket, MIRROR_TICKET_BYTES_MAX);
    if (note.size > 0) {
        hmac_sha256(bytes_of(m->secret, sizeof m->secret), note, tag);
        buffer_append(&ticket, bytes_of(tag, sizeof tag));
        buffer_append(&ticket, note);
    }
    answer->status = status;
    answer->content_type = MIRROR_INFO_TYPE;
    buffer_reset(&answer->body);
    mirror_info_write(&answer->body, size, log_copy_next(log->copy), ticket.failed ? BYTES_NONE : buffer_bytes(&ticket));
    buffer_clear(&ticket);
}

/* ---- Which log ---- */

static bool is_mirrored(const struct mirror *m, struct bytes origin)
{
    if (bytes_equal(origin, m->options.own_origin)) {
        return false;
    }
    for (size_t i = 0; i < m->options.origin_count; i++) {
        if (bytes_equal(m->options.origins[i], origin)) {
            return true;
        }
    }
    return m->options.is_for_peers;
}

static void pending_path(const struct mirrored *log, char out[PENDING_PATH_SIZE])
{
    (void)snprintf(out, PENDING_PATH_SIZE, "%s.pending", log->name);
}

/* Takes a note over as the pending checkpoint; its views move with it. */
static bool set_pending(struct mirrored *log, struct bytes note, struct error *e)
{
    struct checkpoint_view view;
    if (!log_copy_check_note(note, &log->key, &view, "pending checkpoint", e)) {
        return false;
    }
    buffer_reset(&log->pending);
    buffer_append(&log->pending, note);
    if (log->pending.failed) {
        return error_memory(e, "pending checkpoint");
    }
    return log_copy_check_note(buffer_bytes(&log->pending), &log->key, &log->at, "pending checkpoint", e);
}

/* What was pending when the last process ended; without it, or when it is behind, what is held. */
static bool read_pending(const struct mirror *m, struct mirrored *log, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char path[PENDING_PATH_SIZE];
    struct error ignored;
    pending_path(log, path);
    int fault = disk_read_whole(m->options.disk, path, LOG_COPY_NOTE_BYTES_MAX, &data, &size);
    if (fault != 0 && fault != ENOENT && fault != EFBIG) {
        errno = fault;
        return error_system(e, path, "check the mirror folder's disk, owner and mode");
    }
    bool is_known = fault == 0 && set_pending(log, bytes_of(data, size), &ignored) && log->at.size >= log_copy_size(log->copy);
    free(data);
    struct bytes held = log_copy_checkpoint(log->copy);
    return is_known || held.size == 0 || set_pending(log, held, e);
}

static struct mirrored *mirrored_make(const struct mirror *m, const char *name, const struct verifier *key, struct error *e)
{
    struct mirrored *log = calloc(1, sizeof *log);
    if (log == NULL || pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        (void)error_memory(e, "mirror");
        return NULL;
    }
    (void)snprintf(log->name, sizeof log->name, "%s", name);
    log->key = *key;
    buffer_init(&log->pending, LOG_COPY_NOTE_BYTES_MAX);
    if (!m->options.open_folder(m->options.context, name, &log->folder, e)) {
        goto failed;
    }
    const struct log_copy_options options = {
        .copy = log->folder,
        .state = m->options.disk,
        .name = log->name,
        .key = &log->key,
        .cosigner = m->options.cosigner,
        .bytes_max = m->options.bytes_max,
    };
    if (log_copy_open(&log->copy, &options, e) && read_pending(m, log, e)) {
        return log;
    }
failed:
    mirrored_free(log);
    return NULL;
}

/* The log, locked; NULL: answered. A log that comes for the first time is the one of the first key that the directories have for it. */
static struct mirrored *take_log(struct mirror *m, const struct world *world, struct bytes origin, int64_t now_ms,
                                 struct witness_answer *answer)
{
    const struct verifier *keys[PEER_KEYS_MAX];
    char name[STATE_NAME_SIZE];
    struct error e = { 0 };
    size_t key_count = is_mirrored(m, origin) ? peer_keys_by_origin(world, origin, now_ms, keys) : 0;
    if (key_count == 0) {
        refuse(answer, 404, "this log is not mirrored here");
        return NULL;
    }
    state_name(origin, name);
    (void)pthread_mutex_lock(&m->lock);
    struct mirrored *log = m->logs;
    while (log != NULL && strcmp(log->name, name) != 0) {
        log = log->next;
    }
    if (log == NULL && m->log_count == MIRROR_LOGS_MAX) {
        (void)error_set(&e, ERROR_FULL, "mirror", "name the logs in mirror.logs", "more than %d logs", MIRROR_LOGS_MAX);
    } else if (log == NULL) {
        log = mirrored_make(m, name, keys[0], &e);
        if (log != NULL) {
            log->next = m->logs;
            m->logs = log;
            m->log_count++;
        }
    }
    (void)pthread_mutex_unlock(&m->lock);
    if (log == NULL) {
        fail(answer, &e);
        return NULL;
    }
    bool is_current = false;
    for (size_t i = 0; i < key_count; i++) {
        is_current = is_current || verifier_equal(keys[i], &log->key);
    }
    if (!is_current) {
        refuse(answer, 403, "the directory has another key for this log than its copy here was made with");
        return NULL;
    }
    if (watch_is_distrusted(m->options.watch, &log->key)) {
        refuse(answer, 403, "this log was caught with two histories: see the operators of its community");
        return NULL;
    }
    (void)pthread_mutex_lock(&log->lock);
    return log;
}

/* ---- add-checkpoint ---- */

/* Does it continue what is pending? NULL: yes; else what is wrong. The sizes have been compared. */
static const char *find_fault(const struct mirrored *log, const struct submission *s)
{
    if (s->old_size == 0) {
        uint8_t empty[SHA256_SIZE];
        merkle_root(NULL, 0, empty);
        return s->path_count != 0                                                   ? "there is a proof from size 0, which proves nothing"
               : s->view.size == 0 && memcmp(s->view.root, empty, SHA256_SIZE) != 0 ? "an empty log has another root"
                                                                                    : NULL;
    }
    return merkle_verify_consistency(s->old_size, s->view.size, log->at.root, s->view.root, (const uint8_t(*)[SHA256_SIZE])s->path,
                                     s->path_count)
               ? NULL
               : "it does not continue the checkpoint that is pending here";
}

static void take_checkpoint(const struct mirror *m, struct mirrored *log, const struct submission *s, struct witness_answer *answer)
{
    struct checkpoint_view view;
    struct error e = { 0 };
    char path[PENDING_PATH_SIZE];
    const uint64_t pending = log->pending.size > 0 ? log->at.size : 0;
    if (!log_copy_check_note(s->checkpoint, &log->key, &view, "add-checkpoint", &e)) {
        refuse(answer, e.kind == ERROR_DENIED ? 403 : 400, "%s", e.what);
        return;
    }
    if (s->old_size != pending) {
        answer->status = 409;
        answer->content_type = "text/x.tlog.size";
        buffer_append_decimal(&answer->body, pending);
        buffer_append_u8(&answer->body, '\n');
        return;
    }
    const char *fault = find_fault(log, s);
    if (fault != NULL) {
        if (pending > 0 && m->options.watch != NULL) {
            (void)watch_catch(m->options.watch, &log->key, buffer_bytes(&log->pending), s->checkpoint, NULL,
                              (const uint8_t(*)[SHA256_SIZE])s->path, s->path_count);
        }
        refuse(answer, 422, "%s", fault);
        return;
    }
    if (log->pending.size > 0 && s->view.size == log->at.size) {
        answer->status = 200; /* it is the one that is pending: anybody may send it, and nothing is written again */
        return;
    }
    pending_path(log, path);
    int code = disk_replace(m->options.disk, path, s->checkpoint);
    if (code != 0) {
        errno = code;
        (void)error_system(&e, path, "make room, or check the mirror folder's disk");
        fail(answer, &e);
    } else if (!set_pending(log, s->checkpoint, &e)) {
        fail(answer, &e);
    } else {
        answer->status = 200;
    }
}

void mirror_add_checkpoint(struct mirror *mirror, const struct world *world, struct bytes body, int64_t now_ms,
                           struct witness_answer *answer)
{
    struct error e;
    struct submission *s = calloc(1, sizeof *s);
    if (s == NULL) {
        refuse(answer, 503, "memory is out");
    } else if (!submission_parse(s, body, &e)) {
        refuse(answer, 400, "%s", e.what);
    } else {
        struct mirrored *log = take_log(mirror, world, s->view.origin, now_ms, answer);
        if (log != NULL) {
            take_checkpoint(mirror, log, s, answer);
            (void)pthread_mutex_unlock(&log->lock);
        }
    }
    free(s);
}

/* ---- add-entries ---- */

/* In a time that does not tell how much of a forged tag was right. */
static bool is_tag(const uint8_t a[SHA256_SIZE], const uint8_t b[SHA256_SIZE])
{
    unsigned difference = 0;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        difference |= (unsigned)(a[i] ^ b[i]);
    }
    return difference == 0;
}

/* The checkpoint of `size` entries that these entries are to be of: the pending one, or an earlier one by a ticket of ours. */
static bool find_checkpoint(const struct mirror *m, const struct mirrored *log, const struct mirror_upload *upload, struct bytes *note,
                            struct checkpoint_view *view)
{
    uint8_t tag[SHA256_SIZE];
    struct bytes ticket = upload->ticket;
    if (log->pending.size > 0 && log->at.size == upload->end) {
        *note = buffer_bytes(&log->pending);
        *view = log->at;
        return true;
    }
    if (ticket.size <= sizeof tag) {
        return false;
    }
    *note = bytes_slice(ticket, sizeof tag, ticket.size);
    hmac_sha256(bytes_of(m->secret, sizeof m->secret), *note, tag);
    return is_tag(tag, ticket.data) && log_copy_check_note(*note, &log->key, view, "ticket", NULL) && view->size == upload->end;
}

/* Packages up to the end of the body, or the first that is not right. `*taken` counts the good ones. False: answered. */
static bool take_packages(struct mirrored *log, const struct mirror_upload *upload, const struct checkpoint_view *view, struct bytes rest,
                          size_t *taken, struct witness_answer *answer)
{
    struct error e = { 0 };
    struct mirror_package *package = malloc(sizeof *package);
    enum mirror_package_state state = MIRROR_PACKAGE_GOOD;
    bool ok = package != NULL || error_memory(&e, "mirror");
    *taken = 0;
    for (uint64_t at = upload->start; ok && state == MIRROR_PACKAGE_GOOD && at < upload->end;) {
        size_t size = 0;
        state = mirror_package_parse(rest, at, upload->end, package, &size);
        if (state != MIRROR_PACKAGE_GOOD) {
            break;
        }
        uint64_t before = log_copy_next(log->copy);
        ok = log_copy_add(log->copy, view, at, (const uint8_t(*)[SHA256_SIZE])package->entries, package->count,
                          (const uint8_t(*)[SHA256_SIZE])package->proof, package->proof_count, &e);
        metric_add(&entries_taken, ok ? (int64_t)(log_copy_next(log->copy) - before) : 0);
        *taken += ok ? 1 : 0;
        at += package->count;
        rest = bytes_slice(rest, size, rest.size);
    }
    free(package);
    /* What was proven before the fault stays, and is durable before anything is said about it. */
    struct error failure = { 0 };
    if (!log_copy_save(log->copy, &failure)) {
        fail(answer, &failure);
        return false;
    }
    if (!ok && (e.kind == ERROR_DENIED || e.kind == ERROR_INPUT)) {
        refuse(answer, 422, "%s", e.what);
    } else if (!ok) {
        fail(answer, &e);
    } else if (state == MIRROR_PACKAGE_FOREIGN) {
        refuse(answer, 422, "an entry is no commitment of %d bytes, or a proof has more than %d hashes", SHA256_SIZE, MIRROR_PROOF_MAX);
    }
    return ok && state != MIRROR_PACKAGE_FOREIGN;
}

static void take_entries(const struct mirror *m, struct mirrored *log, const struct mirror_upload *upload, struct bytes rest,
                         struct witness_answer *answer)
{
    struct bytes note = BYTES_NONE;
    struct checkpoint_view view;
    struct error e = { 0 };
    size_t taken = 0;
    const uint64_t next = log_copy_next(log->copy);
    if (!find_checkpoint(m, log, upload, &note, &view) || upload->end < log_copy_size(log->copy)) {
        tell_where(m, log, buffer_bytes(&log->pending), log->pending.size > 0 ? log->at.size : 0, 409, answer);
        return;
    }
    if (upload->start > next || (upload->start < upload->end && upload->start / TILE_WIDTH != next / TILE_WIDTH)) {
        tell_where(m, log, note, upload->end, 409, answer);
        return;
    }
    if (!take_packages(log, upload, &view, rest, &taken, answer)) {
        return;
    }
    const uint64_t reached = log_copy_next(log->copy);
    if (reached < upload->end) {
        if (taken > 0) {
            tell_where(m, log, note, upload->end, 202, answer);
        } else {
            refuse(answer, 400, "the body ends before its first entries do");
        }
        return;
    }
    if (reached > upload->end) {
        tell_where(m, log, buffer_bytes(&log->pending), log->at.size, 409, answer); /* another upload went further */
        return;
    }
    buffer_reset(&answer->body);
    if (!log_copy_finish(log->copy, note, &answer->body, &e)) {
        if (e.kind == ERROR_DENIED) {
            refuse(answer, 422, "%s", e.what);
        } else {
            fail(answer, &e);
        }
        return;
    }
    metric_add(&cosigned, 1);
    answer->status = 200;
    answer->content_type = "text/plain; charset=utf-8";
}

void mirror_add_entries(struct mirror *mirror, const struct world *world, struct bytes body, int64_t now_ms, struct witness_answer *answer)
{
    struct mirror_upload upload;
    struct error e;
    size_t size = 0;
    if (!mirror_upload_parse(body, &upload, &size, &e)) {
        refuse(answer, 400, "%s", e.what);
        return;
    }
    struct mirrored *log = take_log(mirror, world, upload.origin, now_ms, answer);
    if (log != NULL) {
        take_entries(mirror, log, &upload, bytes_slice(body, size, body.size), answer);
        (void)pthread_mutex_unlock(&log->lock);
    }
}
