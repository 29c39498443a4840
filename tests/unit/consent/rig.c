#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "consent/event_text.h"

#define MUST(call, e)                                                                                                                      \
    do {                                                                                                                                   \
        if (!(call)) {                                                                                                                     \
            fail_msg("%s: %s: %s", #call, (e).where, (e).what);                                                                            \
        }                                                                                                                                  \
    } while (0)

void rig_make(struct rig *rig)
{
    *rig = (struct rig){ 0 };
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/comity-consent-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->store_url, sizeof rig->store_url, "sqlite:%s/comity.db", rig->folder);
}

/* A disk that can be full: everything else goes to the real one. */
struct full_disk {
    struct disk disk;
    struct disk *real;
    _Atomic bool is_full;
};

static struct full_disk *full(struct disk *disk)
{
    return (struct full_disk *)disk;
}

static int full_open(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    return full(disk)->real->functions->open(full(disk)->real, path, mode, out);
}

static int full_close(struct disk *disk, struct disk_file *file)
{
    return full(disk)->real->functions->close(full(disk)->real, file);
}

static int full_read(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset, size_t *got)
{
    return full(disk)->real->functions->read(full(disk)->real, file, data, size, offset, got);
}

static int full_write(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset)
{
    return full(disk)->is_full ? ENOSPC : full(disk)->real->functions->write(full(disk)->real, file, data, offset);
}

static int full_sync(struct disk *disk, struct disk_file *file)
{
    return full(disk)->real->functions->sync(full(disk)->real, file);
}

static int full_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
    return full(disk)->real->functions->size(full(disk)->real, file, size);
}

static int full_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
    return full(disk)->real->functions->truncate(full(disk)->real, file, size);
}

static int full_rename(struct disk *disk, const char *from, const char *to)
{
    return full(disk)->real->functions->rename(full(disk)->real, from, to);
}

static int full_remove(struct disk *disk, const char *path)
{
    return full(disk)->real->functions->remove(full(disk)->real, path);
}

static int full_make_folder(struct disk *disk, const char *path)
{
    return full(disk)->real->functions->make_folder(full(disk)->real, path);
}

static int full_sync_folder(struct disk *disk, const char *path)
{
    return full(disk)->real->functions->sync_folder(full(disk)->real, path);
}

static int full_list(struct disk *disk, const char *path, disk_list_each *each, void *context)
{
    return full(disk)->real->functions->list(full(disk)->real, path, each, context);
}

static void full_free(struct disk *disk)
{
    disk_free(full(disk)->real);
    free(disk);
}

static const struct disk_functions full_functions = { .open = full_open,
                                                      .close = full_close,
                                                      .read = full_read,
                                                      .write = full_write,
                                                      .sync = full_sync,
                                                      .size = full_size,
                                                      .truncate = full_truncate,
                                                      .rename = full_rename,
                                                      .remove = full_remove,
                                                      .make_folder = full_make_folder,
                                                      .sync_folder = full_sync_folder,
                                                      .list = full_list,
                                                      .free = full_free };

static struct disk *put_in_front(struct disk *real)
{
    struct full_disk *made = calloc(1, sizeof *made);
    assert_non_null(made);
    made->disk.functions = &full_functions;
    made->real = real;
    return &made->disk;
}

void rig_fill_disk(struct rig *rig, bool is_full)
{
    assert_true(rig->has_faults);
    full(rig->private)->is_full = is_full;
}

static void open_disks(struct rig *rig)
{
    struct error e = { 0 };
    char path[128];
    (void)snprintf(path, sizeof path, "%s/public", rig->folder);
    MUST(disk_open_folder(&rig->public, path, true, &e), e);
    (void)snprintf(path, sizeof path, "%s/private", rig->folder);
    MUST(disk_open_folder(&rig->private, path, false, &e), e);
    rig->private = rig->has_faults ? put_in_front(rig->private) : rig->private;
}

void rig_open(struct rig *rig)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 1, 2, 3 };
    struct error e = { 0 };
    struct committer_options options = { .queue_max = rig->queue_max };
    if (rig->public == NULL) {
        open_disks(rig);
    }
    MUST(signer_from_seed(&rig->signer, BYTES("log.test.example"), seed, &e), e);
    MUST(log_open(&rig->log, rig->public, rig->private, NULL, rig->signer, &e), e);
    MUST(committer_start(&rig->committer, rig->log, &options, &e), e);
    MUST(store_open(&rig->store, rig->store_url, &e), e);
    const struct consents_options consents = {
        .store = rig->store, .committer = rig->committer, .public = rig->public, .private = rig->private, .cache_max = rig->cache_max
    };
    MUST(consents_open(&rig->consents, &consents, &e), e);
}

void rig_close(struct rig *rig)
{
    consents_close(rig->consents);
    store_close(rig->store);
    if (rig->committer != NULL) {
        committer_stop(rig->committer);
    }
    log_close(rig->log);
    signer_free(rig->signer);
    disk_free(rig->public);
    disk_free(rig->private);
    rig->consents = NULL;
    rig->store = NULL;
    rig->committer = NULL;
    rig->log = NULL;
    rig->signer = NULL;
    rig->public = NULL;
    rig->private = NULL;
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        (void)unlink(path);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char inner[512];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            remove_tree(inner);
        }
    }
    (void)closedir(folder);
    (void)rmdir(path);
}

void rig_remove(struct rig *rig)
{
    rig_close(rig);
    remove_tree(rig->folder);
}

uint64_t rig_read(struct rig *rig, rig_entry *each, void *context)
{
    struct error e = { 0 };
    struct log_reader *reader = NULL;
    uint64_t size = 0;
    bool was_open = rig->public != NULL;
    if (!was_open) {
        open_disks(rig);
    }
    MUST(log_reader_open(&reader, rig->public, rig->private, &e), e);
    MUST(log_reader_size(reader, &size, &e), e);
    for (uint64_t i = 0; i < size; i++) {
        struct log_entry entry;
        MUST(log_reader_get(reader, i, &entry, &e), e);
        assert_int_equal(entry.index, i);
        each(context, &entry);
    }
    log_reader_close(reader);
    if (!was_open) {
        rig_close(rig);
    }
    return size;
}

uint64_t rig_append(struct rig *rig, enum record_kind kind, struct bytes statement)
{
    struct error e = { 0 };
    uint64_t index = 0;
    MUST(committer_append(rig->committer, kind, statement, BYTES_NONE, &index, &e), e);
    return index;
}

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    bool is_filled;
};

static void notify(void *context)
{
    struct waiter *waiter = context;
    (void)pthread_mutex_lock(&waiter->mutex);
    waiter->is_filled = true;
    (void)pthread_cond_signal(&waiter->filled);
    (void)pthread_mutex_unlock(&waiter->mutex);
}

enum consent_result rig_release_counted(struct rig *rig, const struct consent_release *release, struct bytes statement, uint64_t *index)
{
    /* One a thread: the committer's last touch of it may come after the entry was taken out. */
    static _Thread_local struct waiter waiter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
    waiter.is_filled = false;
    struct mailbox mailbox = { .notify = notify, .context = &waiter };
    struct commit_entry entry = { .record = { .kind = RECORD_ANSWER_SENT, .statement = statement }, .mailbox = &mailbox };
    struct error e = { 0 };
    enum consent_result result;
    if (!consents_release(rig->consents, release, &entry, &result, &e)) {
        if (result == CONSENT_UNLOGGED) {
            fail_msg("release: %s: %s", e.where, e.what);
        }
        return result;
    }
    (void)pthread_mutex_lock(&waiter.mutex);
    while (!waiter.is_filled) {
        (void)pthread_cond_wait(&waiter.filled, &waiter.mutex);
    }
    (void)pthread_mutex_unlock(&waiter.mutex);
    assert_ptr_equal(mailbox_take(&mailbox), &entry);
    assert_false(entry.has_failed);
    shared_checkpoint_release(entry.checkpoint);
    if (index != NULL) {
        *index = entry.record.index;
    }
    return CONSENT_RELEASED;
}

bool rig_release(struct rig *rig, const struct consent_view *view, struct bytes statement, uint64_t *index)
{
    const struct consent_release release = { .view = view };
    return rig_release_counted(rig, &release, statement, index) == CONSENT_RELEASED;
}

void rig_answer(struct buffer *out, struct bytes person, struct bytes record_id)
{
    buffer_reset(out);
    event_text_append(out, "person", person);
    event_text_append(out, "consent", record_id);
}

/* What the auditor remembers of each record, in the order of the log. */
struct seen_record {
    char id[CONSENT_ID_SIZE], person[32];
    bool is_given;
    uint64_t sequence; /* of its newest event */
};

struct audit {
    struct rig_order order;
    struct seen_record *records;
    size_t count;
};

static bool equals(struct bytes view, const char *text)
{
    return bytes_equal(view, bytes_of_text(text));
}

static void audit_event(struct audit *audit, struct bytes text)
{
    struct bytes id, event, person, number;
    uint64_t sequence;
    assert_true(event_text_get(text, "id", &id) && event_text_get(text, "event", &event) && event_text_get(text, "person", &person) &&
                event_text_get(text, "sequence", &number) && bytes_to_u64(number, &sequence));
    struct seen_record *record = NULL;
    for (size_t i = audit->count; i > 0 && record == NULL; i--) {
        record = equals(id, audit->records[i - 1].id) ? &audit->records[i - 1] : NULL;
    }
    if (record == NULL) {
        struct seen_record *grown = realloc(audit->records, (audit->count + 1) * sizeof *grown);
        assert_non_null(grown);
        audit->records = grown;
        record = &grown[audit->count++];
        *record = (struct seen_record){ 0 };
        (void)snprintf(record->id, sizeof record->id, "%.*s", BYTES_FMT(id));
        (void)snprintf(record->person, sizeof record->person, "%.*s", BYTES_FMT(person));
    }
    audit->order.events++;
    if (sequence <= record->sequence) {
        audit->order.twice++;
        audit->order.faults += sequence < record->sequence;
        return;
    }
    record->sequence = sequence;
    record->is_given = equals(event, "give");
    for (size_t i = 0; i < audit->count && equals(event, "refuse"); i++) {
        audit->records[i].is_given = audit->records[i].is_given && !equals(person, audit->records[i].person);
    }
}

static void audit_entry(void *context, const struct log_entry *entry)
{
    struct audit *audit = context;
    struct bytes id;
    if (entry->kind == RECORD_EVENT && event_text_is(entry->statement, "consent/1")) {
        audit_event(audit, entry->statement);
    }
    if (entry->kind != RECORD_ANSWER_SENT || !event_text_get(entry->statement, "consent", &id)) {
        return;
    }
    bool is_given = false;
    for (size_t i = audit->count; i > 0 && !is_given; i--) {
        is_given = equals(id, audit->records[i - 1].id) && audit->records[i - 1].is_given;
    }
    audit->order.answers++;
    audit->order.faults += !is_given;
    if (!is_given) {
        print_error("entry %llu releases on a consent that does not hold\n", (unsigned long long)entry->index);
    }
}

struct rig_order rig_check_order(struct rig *rig)
{
    struct audit audit = { 0 };
    (void)rig_read(rig, audit_entry, &audit);
    free(audit.records);
    return audit.order;
}

bool rig_decide(struct rig *rig, const struct consent_key *key, const char *category, enum consent_event event, char id[CONSENT_ID_SIZE],
                struct error *e)
{
    struct bytes categories[] = { bytes_of_text(category) };
    int64_t now = time_now_ms();
    struct consent_grant grant = {
        .key = *key, .categories = categories, .category_count = 1, .event = event, .valid_from_ms = now, .valid_until_ms = now + 86400000
    };
    return consent_give(rig->consents, &grant, id, NULL, e);
}

enum consent_state rig_state(struct rig *rig, const struct consent_key *key, const char *category)
{
    struct error e = { 0 };
    struct consent_room room;
    struct consent_view view;
    if (!consents_find(rig->consents, key, &room, &view)) {
        MUST(consents_load(rig->consents, key, &view, &e), e);
    }
    enum consent_state state = consent_view_state(&view, bytes_of_text(category), time_now_ms(), NULL);
    consent_view_clear(&view);
    return state;
}
