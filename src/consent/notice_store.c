/* Publishing notices: a row in the store, then an event in the log (docs/formats/events.md, notice/1), then the new snapshot. */
#include "consent/notice_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/time.h"
#include "consent/consent_internal.h"
#include "consent/event_text.h"
#include "consent/notice_internal.h"
#include "evidence/archive.h"

enum { NOTICE_EVENT_BYTES_MAX = 4096, NOTICE_BY_SIZE_MAX = 128 };

/* ---- Rows ---- */

struct loading {
    struct notices_entry *entries;
    size_t count, capacity;
    struct error *e;
    bool failed;
};

static bool take_row(void *context, const struct store_value *columns, size_t count)
{
    struct loading *loading = context;
    struct notice *notice = NULL;
    (void)count;
    if (loading->count == loading->capacity) {
        size_t capacity = loading->capacity == 0 ? 64 : 2 * loading->capacity;
        struct notices_entry *entries = reallocarray(loading->entries, capacity, sizeof *entries);
        if (entries == NULL) {
            loading->failed = !error_memory(loading->e, "notices");
            return false;
        }
        loading->entries = entries;
        loading->capacity = capacity;
    }
    if (!notice_parse(&notice, columns[0].bytes, loading->e)) {
        loading->failed = true;
        return false;
    }
    if (columns[1].bytes.size != SHA256_SIZE || memcmp(columns[1].bytes.data, notice->digest, SHA256_SIZE) != 0) {
        loading->failed = !error_set(loading->e, ERROR_INPUT, "notices", "restore the database from a backup",
                                     "revision %u of %.*s no longer has its digest", (unsigned)notice->revision, BYTES_FMT(notice->id));
        notice_drop(notice);
        return false;
    }
    loading->entries[loading->count++] = (struct notices_entry){ notice, columns[2].type != STORE_NULL };
    return true;
}

static bool load(struct store *store, struct notices **out, struct error *e)
{
    struct loading loading = { .e = e };
    *out = NULL;
    bool ok = store_read(store, "SELECT content, digest, log_index FROM notices ORDER BY number", NULL, 0, take_row, &loading, e) &&
              !loading.failed && notices_make(out, loading.entries, loading.count, e);
    for (size_t i = 0; i < loading.count; i++) {
        notice_drop(loading.entries[i].notice);
    }
    free(loading.entries);
    return ok;
}

static bool take_number(void *context, const struct store_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)context = columns[0].integer;
    return true;
}

static bool insert(struct store *store, const struct notice *notice, struct bytes event, int64_t *number, struct error *e)
{
    if (!store_begin(store, e)) {
        return false;
    }
    if (!store_run(store, "SELECT coalesce(max(number), 0) + 1 FROM notices", NULL, 0, take_number, number, NULL, e)) {
        goto fail;
    }
    const struct store_value values[] = {
        STORE_INT(*number),      STORE_STR(notice->id), STORE_INT(notice->revision), STORE_BIN(bytes_of(notice->digest, SHA256_SIZE)),
        STORE_STR(notice->text), STORE_STR(event),
    };
    if (!store_run(store, "INSERT INTO notices (number, id, revision, digest, content, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values,
                   COUNT_OF(values), NULL, NULL, NULL, e)) {
        goto fail;
    }
    return store_commit(store, e);
fail:
    store_rollback(store);
    return false;
}

/* ---- Into the log ---- */

static void append_optional_digest(struct buffer *out, const char *name, bool has, const uint8_t digest[SHA256_SIZE])
{
    if (has) {
        event_text_append_digest(out, name, digest);
    }
}

static void write_event(const struct notice *n, bool is_first, enum notice_difference difference, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("notice/1"));
    event_text_append(out, "id", n->id);
    event_text_append_decimal(out, "revision", n->revision);
    event_text_append_digest(out, "digest", n->digest);
    append_optional_digest(out, "prev", n->has_prev, n->prev);
    append_optional_digest(out, "equivalent", n->has_equivalent, n->equivalent);
    event_text_append(out, "lifecycle", n->lifecycle == NOTICE_COMPLETE ? BYTES("complete") : BYTES("draft"));
    event_text_append(out, "change", is_first ? BYTES("first") : bytes_of_text(notice_difference_name(difference)));
    event_text_append(out, "by", n->published_by);
    event_text_append_decimal(out, "time", n->published_at_ms);
}

/* One entry on its way, and the wait for it. */
struct waiting {
    struct commit_entry entry;
    struct mailbox mailbox;
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    bool has_arrived;
};

static void on_arrival(void *context)
{
    struct waiting *w = context;
    (void)pthread_mutex_lock(&w->mutex);
    w->has_arrived = true;
    (void)pthread_cond_signal(&w->arrived);
    (void)pthread_mutex_unlock(&w->mutex);
}

/* Takes the snapshot over; all that was decided on the old one is overtaken in the same moment, in which `entry` (may be NULL) is submitted. */
static bool swap(struct consents *consents, struct notices *fresh, struct commit_entry *entry, struct error *e)
{
    (void)pthread_mutex_lock(&consents->mutex);
    struct notices *old = consents->notices;
    consents->notices = fresh;
    consent_cache_overtake_all(&consents->cache);
    bool ok = entry == NULL || committer_submit(consents->committer, entry, e);
    (void)pthread_mutex_unlock(&consents->mutex);
    notices_drop(old);
    return ok;
}

/* Submits the event while `pending` becomes the snapshot, and waits until it is durable. */
static bool append(struct consents *consents, struct notices *pending, struct bytes event, uint64_t *index, struct error *e)
{
    struct waiting w = { .mutex = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER };
    w.mailbox.notify = on_arrival;
    w.mailbox.context = &w;
    w.entry.record.kind = RECORD_EVENT;
    w.entry.record.statement = event;
    w.entry.mailbox = &w.mailbox;
    bool ok = swap(consents, pending, &w.entry, e);
    if (ok) {
        (void)pthread_mutex_lock(&w.mutex);
        while (!w.has_arrived) {
            committer_wait(consents->committer, &w.arrived, &w.mutex);
        }
        (void)pthread_mutex_unlock(&w.mutex);
        struct commit_entry *done = mailbox_take(&w.mailbox);
        *index = done->record.index;
        ok = !done->has_failed || error_set(e, ERROR_IO, "evidence log", "see the log's own message, then check its disk",
                                            "the log did not take the notice's event");
        shared_checkpoint_release(done->checkpoint);
    }
    (void)pthread_cond_destroy(&w.arrived);
    (void)pthread_mutex_destroy(&w.mutex);
    return ok;
}

/* Logs one revision that the store has, and brings it into force. */
static bool log_one(struct consents *consents, struct notice *notice, int64_t number, struct bytes event, uint64_t *index, struct error *e)
{
    struct notices *pending = NULL, *fresh = NULL;
    const struct notices_entry unlogged = { notice, false }, logged = { notice, true };
    if (!notices_add(&pending, consents->notices, &unlogged, e) || !notices_add(&fresh, consents->notices, &logged, e)) {
        notices_drop(pending);
        return false;
    }
    if (!append(consents, pending, event, index, e)) {
        notices_drop(fresh);
        return false;
    }
    const struct store_value values[] = { STORE_INT(number), STORE_INT((int64_t)*index) };
    if (!store_run(consents->store, "UPDATE notices SET log_index = ?2 WHERE number = ?1", values, COUNT_OF(values), NULL, NULL, NULL, e)) {
        /* It is in the log, and will be there a second time, with the same text. */
        notices_drop(fresh);
        return false;
    }
    return swap(consents, fresh, NULL, e);
}

/* What a crash or a full log left out. */
struct backlog {
    struct arena arena;
    struct unlogged {
        struct unlogged *next;
        int64_t number;
        struct bytes event;
        uint8_t digest[SHA256_SIZE];
    } * first, **end;
    bool failed;
};

static bool take_unlogged(void *context, const struct store_value *columns, size_t count)
{
    struct backlog *backlog = context;
    struct unlogged *row = arena_take_zeroed(&backlog->arena, sizeof *row);
    (void)count;
    if (row == NULL || columns[2].bytes.size != SHA256_SIZE) {
        backlog->failed = true;
        return false;
    }
    row->number = columns[0].integer;
    row->event = arena_copy(&backlog->arena, columns[1].bytes);
    memcpy(row->digest, columns[2].bytes.data, SHA256_SIZE);
    backlog->failed = row->event.data == NULL;
    *backlog->end = row;
    backlog->end = &row->next;
    return !backlog->failed;
}

static struct notice *find_kept(struct consents *consents, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < notices_count(consents->notices); i++) {
        const struct notice *notice = notices_at(consents->notices, i);
        if (memcmp(notice->digest, digest, SHA256_SIZE) == 0) {
            return notice_keep((struct notice *)notice);
        }
    }
    return NULL;
}

static bool log_backlog(struct consents *consents, struct error *e)
{
    struct backlog backlog = { 0 };
    uint64_t index = 0;
    backlog.end = &backlog.first;
    bool ok = store_run(consents->store, "SELECT number, event, digest FROM notices WHERE log_index IS NULL ORDER BY number", NULL, 0,
                        take_unlogged, &backlog, NULL, e) &&
              (!backlog.failed || error_memory(e, "notices"));
    for (struct unlogged *row = backlog.first; ok && row != NULL; row = row->next) {
        struct notice *notice = find_kept(consents, row->digest);
        ok = notice != NULL
                 ? log_one(consents, notice, row->number, row->event, &index, e)
                 : error_set(e, ERROR_INPUT, "notices", "restore the database from a backup", "a revision is not as it was stored");
        notice_drop(notice);
    }
    arena_clear(&backlog.arena);
    return ok;
}

bool notice_store_open(struct consents *consents, struct error *e)
{
    return load(consents->store, &consents->notices, e) && (consents->committer == NULL || log_backlog(consents, e));
}

struct notices *consents_notices(struct consents *consents)
{
    (void)pthread_mutex_lock(&consents->mutex);
    struct notices *notices = notices_keep(consents->notices);
    (void)pthread_mutex_unlock(&consents->mutex);
    return notices;
}

/* ---- Publishing ---- */

void notice_published_clear(struct notice_published *published)
{
    notice_drop(published->notice);
    notice_findings_clear(&published->findings);
    *published = (struct notice_published){ 0 };
}

static bool set(json_t *value, const char *key, json_t *member, struct error *e)
{
    return json_object_set_new(value, key, member) == 0 || error_memory(e, "notice");
}

static bool is_absent(const json_t *value, const char *key)
{
    const json_t *member = json_object_get(value, key);
    return member == NULL || json_is_null(member);
}

/* The value with what only the gateway can say. `newest` may be NULL. */
static bool complete(json_t *value, const struct notice *newest, struct bytes by, struct error *e)
{
    char prev[2 * SHA256_SIZE + 1], now[TIME_TEXT_SIZE], seconds[TIME_TEXT_SIZE];
    enum { WHOLE_SECONDS = 19 };
    (void)snprintf(seconds, sizeof seconds, "%.*sZ", WHOLE_SECONDS, time_text(time_now_ms(), now));
    if (newest != NULL) {
        hex_write(bytes_of(newest->digest, SHA256_SIZE), prev);
    }
    return (!is_absent(value, "v") || set(value, "v", json_integer(1), e)) &&
           (!is_absent(value, "revision") ||
            set(value, "revision", json_integer(newest == NULL ? 1 : (json_int_t)newest->revision + 1), e)) &&
           (!is_absent(value, "prevSha256") || set(value, "prevSha256", newest == NULL ? json_null() : json_string(prev), e)) &&
           set(value, "publishedAt", json_string(seconds), e) && set(value, "publishedBy", json_stringn((const char *)by.data, by.size), e);
}

static bool check_place(const struct notice *notice, const struct notice *newest, struct error *e)
{
    uint32_t next = newest == NULL ? 1 : newest->revision + 1;
    if (notice->revision != next) {
        return error_set(e, ERROR_DENIED, "notice: /revision", "leave it out, or look at what was published meanwhile",
                         "the next revision of %.*s is %u", BYTES_FMT(notice->id), (unsigned)next);
    }
    if (notice->has_prev != (newest != NULL) || (newest != NULL && memcmp(notice->prev, newest->digest, SHA256_SIZE) != 0)) {
        return error_set(e, ERROR_DENIED, "notice: /prevSha256", "leave it out, or look at what was published meanwhile",
                         "is not the digest of the revision before");
    }
    return true;
}

/* What it changes; and may it say that it is equivalent? */
static bool check_change(const struct notice *notice, const struct notice *before, struct notice_published *out, struct error *e)
{
    struct notice_changes changes = { 0 };
    out->is_first = before == NULL;
    if (before == NULL) {
        return !notice->has_equivalent || error_set(e, ERROR_DENIED, "notice: /equivalentTo", "leave it out",
                                                    "there is no complete revision to which it could be equivalent");
    }
    if (!notice_compare(before, notice, &changes, e)) {
        return false;
    }
    bool ok = true;
    out->difference = changes.worst;
    if (notice->has_equivalent && memcmp(notice->equivalent, before->digest, SHA256_SIZE) != 0) {
        ok = error_set(e, ERROR_DENIED, "notice: /equivalentTo",
                       "name the complete revision before it: consents on older ones are superseded", "is not the digest of revision %u",
                       (unsigned)before->revision);
    } else if (notice->has_equivalent && changes.worst == NOTICE_WIDER) {
        size_t i = 0;
        while (changes.items[i].difference != NOTICE_WIDER) {
            i++;
        }
        ok = error_set(e, ERROR_DENIED, "notice: /equivalentTo", "leave it out: every person is asked again",
                       "it is wider than revision %u: %s %s", (unsigned)before->revision, changes.items[i].pointer, changes.items[i].what);
    }
    notice_changes_clear(&changes);
    return ok;
}

/* Does it say, but for its number and its dates, what the newest revision says? */
static bool is_repeated(const json_t *value, const struct notice *newest)
{
    static const char *const own[] = { "v", "revision", "prevSha256", "equivalentTo", "publishedAt", "publishedBy" };
    json_t *left = json_copy((json_t *)value);
    json_t *right = json_loadb((const char *)newest->text.data, newest->text.size, 0, NULL);
    for (size_t i = 0; left != NULL && right != NULL && i < COUNT_OF(own); i++) {
        (void)json_object_del(left, own[i]);
        (void)json_object_del(right, own[i]);
    }
    bool is_same = left != NULL && right != NULL && json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return is_same;
}

static bool check_findings(const struct notice *notice, const struct notice_submission *submission, struct notice_published *out,
                           struct error *e)
{
    char where[NOTICE_POINTER_SIZE + 16];
    if (notice->lifecycle == NOTICE_DRAFT) {
        return true; /* nobody can consent to it */
    }
    if (!notice_check(notice, &submission->ground, &out->findings, e)) {
        return false;
    }
    if (out->findings.count == 0) {
        return true;
    }
    const struct notice_finding *first = &out->findings.items[0];
    (void)snprintf(where, sizeof where, "notice: %s", first->pointer);
    return error_set(e, ERROR_INPUT, where, "see all of it with 'comity notice check'", "%s%s%.*s (%zu findings)", first->what,
                     first->article.size > 0 ? "; " : "", BYTES_FMT(first->article), out->findings.count);
}

/* Under `changing`. */
static bool publish(struct consents *consents, json_t *value, const struct notice_submission *submission, struct notice_published *out,
                    struct error *e)
{
    struct bytes id = bytes_of_text(json_string_value(json_object_get(value, "id")));
    const struct notice *newest = notices_newest(consents->notices, id, false), *before = notices_newest(consents->notices, id, true);
    struct buffer event;
    int64_t number = 0;
    out->log_index = UINT64_MAX;
    if (newest != NULL && is_repeated(value, newest)) {
        out->notice = notice_keep((struct notice *)newest);
        return true;
    }
    if (!complete(value, newest, submission->by, e) || !notice_read(&out->notice, value, e) || !check_place(out->notice, newest, e) ||
        !check_findings(out->notice, submission, out, e) || !check_change(out->notice, before, out, e)) {
        return false;
    }
    if (submission->archive != NULL && !archive_put_text(submission->archive, out->notice->text, NULL, e)) {
        return false;
    }
    buffer_init(&event, NOTICE_EVENT_BYTES_MAX);
    write_event(out->notice, out->is_first, out->difference, &event);
    bool ok = (!event.failed || error_memory(e, "notice")) && insert(consents->store, out->notice, buffer_bytes(&event), &number, e) &&
              log_one(consents, out->notice, number, buffer_bytes(&event), &out->log_index, e);
    buffer_clear(&event);
    out->is_changed = ok;
    return ok;
}

static bool check_by(struct bytes by, struct error *e)
{
    bool is_plain = by.size > 0 && by.size <= NOTICE_BY_SIZE_MAX && bytes_are_utf8(by);
    for (size_t i = 0; i < by.size; i++) {
        is_plain = is_plain && by.data[i] >= 0x20 && by.data[i] != 0x7f;
    }
    return is_plain ||
           error_set(e, ERROR_INPUT, "by", "say who publishes, such as operator:7", "must have 1 to %d bytes", NOTICE_BY_SIZE_MAX);
}

bool notice_publish(struct consents *consents, const struct notice_submission *submission, struct notice_published *out, struct error *e)
{
    *out = (struct notice_published){ 0 };
    if (consents->committer == NULL) {
        return error_set(e, ERROR_DENIED, "notices", "send it to the running gateway", "they are open for reading only");
    }
    if (!json_is_object(submission->value)) {
        return error_set(e, ERROR_INPUT, "notice", NULL, "must be an object");
    }
    json_t *value = json_copy((json_t *)submission->value);
    if (value == NULL) {
        return error_memory(e, "notice");
    }
    bool ok = check_by(submission->by, e);
    if (ok) {
        (void)pthread_mutex_lock(&consents->changing);
        ok = log_backlog(consents, e) && publish(consents, value, submission, out, e);
        (void)pthread_mutex_unlock(&consents->changing);
    }
    json_decref(value);
    if (!ok) {
        notice_drop(out->notice);
        out->notice = NULL;
    }
    return ok;
}
