#include "log_rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "crypto/note.h"

static void fill_random(void *context, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)test_random(context);
    }
}

struct rig *rig_make(uint64_t seed)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 7 };
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->random = seed;
    rig->public = sim_disk_make();
    rig->private = sim_disk_make();
    rig->faults.fail_at = UINT64_MAX;
    rig->cache = checkpoint_cache_make(64);
    assert_non_null(rig->cache);
    faulty_disk_init(&rig->faulty_public, rig->public, &rig->faults);
    faulty_disk_init(&rig->faulty_private, rig->private, &rig->faults);
    assert_true(signer_from_seed(&rig->signer, BYTES("log.example/rig"), key, NULL));
    random_replace(fill_random, &rig->random);
    return rig;
}

void rig_free(struct rig *rig)
{
    if (rig->log != NULL) {
        rig_kill(rig);
    }
    random_replace(NULL, NULL);
    disk_free(rig->public);
    disk_free(rig->private);
    signer_free(rig->signer);
    checkpoint_cache_free(rig->cache);
    free(rig);
}

static uint8_t text[RECORD_ATTACHMENT_BYTES_MAX];

static struct bytes make_text(uint64_t seed, size_t most)
{
    uint64_t random = seed;
    size_t size = (size_t)(test_random(&random) % most);
    for (size_t i = 0; i < size; i++) {
        text[i] = (uint8_t)(' ' + (test_random(&random) % 90));
    }
    return bytes_of(text, size);
}

bool rig_has_short_texts;

struct bytes rig_statement(uint64_t number)
{
    return make_text(number * 2 + 1, rig_has_short_texts ? 20 : number % 97 == 0 ? 5000 : 300);
}

struct bytes rig_attachment(uint64_t number)
{
    if (rig_has_short_texts) {
        return make_text(number * 2, 12);
    }
    return number % 3 == 0 ? BYTES_NONE : make_text(number * 2, number % 89 == 0 ? 20000 : 400);
}

bool rig_open(struct rig *rig)
{
    assert_null(rig->log);
    rig->last = (struct error){ 0 };
    return log_open(&rig->log, &rig->faulty_public.disk, &rig->faulty_private.disk, NULL, rig->signer, &rig->last);
}

/* Never two checkpoints for one size. */
static void remember_checkpoint(struct rig *rig, uint64_t size, struct bytes note, const char *when)
{
    assert_true(size <= RIG_ENTRIES_MAX && note.size < sizeof rig->signed_at[0].note);
    char *known = rig->signed_at[size].note;
    if (known[0] == '\0') {
        memcpy(known, note.data, note.size);
        known[note.size] = '\0';
    }
    if (!bytes_equal(note, bytes_of_text(known))) {
        fail_msg("%s: a second checkpoint for size %" PRIu64 ":\n%.*s\nwas\n%s", when, size, BYTES_FMT(note), known);
    }
}

static void check_receipt(const struct rig *rig, const struct log_record *record, struct bytes note)
{
    struct buffer receipt_text;
    struct receipt receipt;
    struct checkpoint_view view;
    struct error e = { 0 };
    buffer_init(&receipt_text, RECEIPT_BYTES_MAX);
    receipt_write(&receipt_text, record->salt, record->index, (const hash *)record->path, record->path_count, note);
    if (!receipt_parse(buffer_bytes(&receipt_text), &receipt, &e) ||
        !receipt_verify(&receipt, record->statement, signer_verifier(rig->signer), rig->cache, &view, &e)) {
        fail_msg("entry %" PRIu64 ": %s", record->index, e.what);
    }
    buffer_clear(&receipt_text);
}

bool rig_append(struct rig *rig, size_t count)
{
    struct log_record *records = calloc(count, sizeof *records);
    struct log_record **pointers = calloc(count, sizeof *pointers);
    uint8_t **texts = calloc(2 * count, sizeof *texts);
    struct buffer note;
    const uint64_t first_number = rig->next_number;
    uint64_t old_size = log_size(rig->log);
    buffer_init(&note, CHECKPOINT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct log_record *r = &records[i];
        struct bytes statement = rig_statement(rig->next_number);
        texts[2 * i] = malloc(statement.size + 1);
        memcpy(texts[2 * i], statement.data, statement.size);
        r->statement = bytes_of(texts[2 * i], statement.size);
        struct bytes attachment = rig_attachment(rig->next_number);
        texts[2 * i + 1] = malloc(attachment.size + 1);
        if (attachment.size > 0) {
            memcpy(texts[2 * i + 1], attachment.data, attachment.size);
        }
        r->attachment = bytes_of(texts[2 * i + 1], attachment.size);
        r->kind = RECORD_REQUEST_SENT;
        random_fill(r->salt, sizeof r->salt);
        pointers[i] = r;
        rig->next_number++;
    }
    rig->last = (struct error){ 0 };
    bool ok = log_append(rig->log, pointers, count, &note, &rig->last);
    if (ok) {
        assert_true(log_size(rig->log) <= RIG_ENTRIES_MAX);
        for (size_t i = 0; i < count; i++) {
            struct told *told = &rig->told[records[i].index];
            assert_true(records[i].index >= old_size && records[i].index < log_size(rig->log));
            assert_false(told->is_acknowledged);
            told->is_acknowledged = true;
            told->number = first_number + i;
            told->time_ms = records[i].time_ms;
            memcpy(told->salt, records[i].salt, SALT_SIZE);
            check_receipt(rig, &records[i], buffer_bytes(&note));
        }
        rig->acknowledged = log_size(rig->log);
        remember_checkpoint(rig, log_size(rig->log), buffer_bytes(&note), "appending");
    } else {
        assert_int_equal(log_size(rig->log), old_size);
    }
    for (size_t i = 0; i < 2 * count; i++) {
        free(texts[i]);
    }
    free(texts);
    free(records);
    free(pointers);
    buffer_clear(&note);
    return ok;
}

bool rig_publish(struct rig *rig)
{
    rig->last = (struct error){ 0 };
    return log_publish(rig->log, &rig->last);
}

void rig_close(struct rig *rig)
{
    log_close(rig->log);
    rig->log = NULL;
}

void rig_kill(struct rig *rig)
{
    rig->faults.is_dead = true;
    if (rig->log != NULL) {
        rig->log->is_dead = true; /* or it would say on stderr that it could not publish */
    }
    log_close(rig->log);
    rig->log = NULL;
    rig->faults = (struct faults){ .fail_at = UINT64_MAX };
}

void rig_power_cut(struct rig *rig, uint64_t seed)
{
    rig_kill(rig);
    sim_disk_power_cut(rig->public, seed);
    sim_disk_power_cut(rig->private, seed * 31 + 7);
}

static void check_published(struct rig *rig, const hash *leaves, uint64_t size, const char *when)
{
    uint8_t *data = NULL;
    size_t data_size = 0;
    struct note note;
    struct checkpoint_view view;
    hash root;
    if (disk_read_whole(rig->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &data, &data_size) != 0) {
        return; /* a crash before the log was made */
    }
    if (!note_parse(&note, bytes_of(data, data_size), "checkpoint", NULL) || !checkpoint_parse(note.text, &view, "checkpoint", NULL)) {
        fail_msg("%s: the published checkpoint is damaged", when);
    }
    if (view.size > size) {
        fail_msg("%s: published %" PRIu64 " entries, and there are %" PRIu64, when, view.size, size);
    }
    model_root(leaves, 0, view.size, root);
    if (memcmp(root, view.root, sizeof root) != 0) {
        fail_msg("%s: the published root of %" PRIu64 " entries is another one's", when, view.size);
    }
    remember_checkpoint(rig, view.size, bytes_of(data, data_size), when);
    free(data);
}

static void check_signed(const struct rig *rig, const hash *leaves, uint64_t size, const char *when)
{
    for (uint64_t n = 1; n <= size; n++) {
        hash root;
        struct note note;
        struct checkpoint_view view;
        const char *known = rig->signed_at[n].note;
        if (known[0] == '\0') {
            continue;
        }
        assert_true(note_parse(&note, bytes_of_text(known), "note", NULL) && checkpoint_parse(note.text, &view, "note", NULL));
        merkle_root(leaves, (size_t)n, root);
        if (memcmp(root, view.root, sizeof root) != 0) {
            fail_msg("%s: the signed root of %" PRIu64 " entries is not theirs any more", when, n);
        }
    }
}

void rig_check(struct rig *rig, const char *when)
{
    struct log_reader *reader = NULL;
    struct error e = { 0 };
    uint64_t size = 0;
    int64_t time_ms = INT64_MIN;
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e));
    if (!log_reader_size(reader, &size, &e) || size < rig->acknowledged || size > RIG_ENTRIES_MAX) {
        fail_msg("%s: %" PRIu64 " entries, %" PRIu64 " were acknowledged; %s", when, size, rig->acknowledged, e.what);
    }
    hash *leaves = calloc(size + 1, sizeof *leaves);
    for (uint64_t i = 0; i < size; i++) {
        const struct told *told = &rig->told[i];
        struct log_entry entry;
        if (!log_reader_get(reader, i, &entry, &e)) {
            fail_msg("%s: entry %" PRIu64 ": %s", when, i, e.what);
        }
        bool is_erased = entry.form == RECORD_ERASED && told->erasure != TOLD_OPEN;
        if (entry.form != RECORD_OPEN ? !is_erased : told->erasure == TOLD_ERASED) {
            fail_msg("%s: entry %" PRIu64 " has the form %d", when, i, (int)entry.form);
        }
        if (told->is_acknowledged && !is_erased &&
            (!bytes_equal(entry.statement, rig_statement(told->number)) || !bytes_equal(entry.attachment, rig_attachment(told->number)) ||
             memcmp(entry.salt, told->salt, SALT_SIZE) != 0 || entry.time_ms != told->time_ms)) {
            fail_msg("%s: entry %" PRIu64 " is not what was acknowledged", when, i);
        }
        if (entry.time_ms < time_ms) {
            fail_msg("%s: entry %" PRIu64 " is older than the one before", when, i);
        }
        time_ms = entry.time_ms;
        if (is_erased) {
            commitment(told->salt, rig_statement(told->number), leaves[i]);
            assert_memory_equal(entry.commitment, leaves[i], SHA256_SIZE);
        } else {
            commitment(entry.salt, entry.statement, leaves[i]);
        }
        merkle_leaf(bytes_of(leaves[i], SHA256_SIZE), leaves[i]);
    }
    check_signed(rig, (const hash *)leaves, size, when);
    check_published(rig, (const hash *)leaves, size, when);
    free(leaves);
    log_reader_close(reader);
}

static void print_fault(void *context, const struct error *e)
{
    char line[700];
    (void)context;
    print_message("%s\n", error_text(e, line, sizeof line));
}

void rig_verify(struct rig *rig, const char *when)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    if (!log_verify(rig->public, rig->private, signer_verifier(rig->signer), print_fault, NULL, NULL, &entries, &faults, &e)) {
        fail_msg("%s: %s", when, e.what);
    }
    if (faults != 0) {
        fail_msg("%s: %" PRIu64 " faults", when, faults);
    }
}
