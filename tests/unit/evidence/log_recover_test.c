#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/note.h"
#include "evidence/log_recover.h"
#include "evidence/merkle.h"
#include "torture/faulty_disk.h"

static struct signer *signer;

static int set_up(void **state)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 7 };
    (void)state;
    return signer_from_seed(&signer, BYTES("log.example/a"), seed, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    signer_free(signer);
    return 0;
}

static struct log *open_log(struct disk *public, struct disk *private)
{
    struct log *log = NULL;
    struct error e = { 0 };
    if (!log_open(&log, public, private, NULL, signer, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return log;
}

static void append(struct log *log, size_t count, const char *what)
{
    struct buffer checkpoint;
    struct error e = { 0 };
    buffer_init(&checkpoint, 4096);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s %" PRIu64, what, log_size(log));
        struct log_record record = { .kind = RECORD_EVENT, .statement = bytes_of_text(text), .salt = { (uint8_t)i } };
        struct log_record *const records[] = { &record };
        buffer_reset(&checkpoint);
        assert_true(log_append(log, records, 1, &checkpoint, &e));
    }
    buffer_clear(&checkpoint);
}

static void checkpoint_of(struct disk *public, uint8_t **data, struct checkpoint_view *view)
{
    size_t size = 0, good = 0;
    struct note note;
    struct error e = { 0 };
    assert_int_equal(disk_read_whole(public, "checkpoint", 65536, data, &size), 0);
    assert_true(note_parse(&note, bytes_of(*data, size), "test", &e));
    assert_true(note_verify(&note, signer_verifier(signer), 1, &good, NULL, "test", &e) && good == 1);
    assert_true(checkpoint_parse(note.text, view, "test", &e));
}

/* A log of `size` entries and its state when it had `backup` of them. */
struct history {
    struct disk *public, *private, *old_public, *old_private;
    uint8_t *note;
    struct log_source source;
};

static void make_history(struct history *h, size_t backup, size_t size)
{
    *h = (struct history){ .public = sim_disk_make(), .private = sim_disk_make() };
    struct log *log = open_log(h->public, h->private);
    append(log, backup, "entry");
    log_close(log);
    h->old_public = sim_disk_copy(h->public);
    h->old_private = sim_disk_copy(h->private);
    log = open_log(h->public, h->private);
    append(log, size - backup, "entry");
    log_close(log);
    checkpoint_of(h->public, &h->note, &h->source.at);
    assert_int_equal(h->source.at.size, size);
    h->source.fetch = tile_fetch_disk;
    h->source.context = h->public;
}

static void free_history(struct history *h)
{
    disk_free(h->public);
    disk_free(h->private);
    disk_free(h->old_public);
    disk_free(h->old_private);
    free(h->note);
}

static void tell_fault(void *context, const struct error *e)
{
    (void)context;
    print_message("%s: %s\n", e->where, e->what);
}

/* The old copy is whole again: every file of the public folder is byte for byte the lost one's, what is lost is told by index, and it goes on. */
static void check_recovered(const struct history *h, size_t backup, size_t size)
{
    struct error e = { 0 };
    struct log_reader *reader = NULL;
    struct log_entry entry;
    uint64_t entries = 0, faults = 0;
    assert_true(sim_disk_equal(h->public, h->old_public));
    assert_true(log_verify(h->old_public, h->old_private, signer_verifier(signer), tell_fault, NULL, NULL, &entries, &faults, &e));
    assert_true(faults == 0 && entries == size);
    assert_true(log_reader_open(&reader, h->old_public, h->old_private, &e));
    for (size_t i = 0; i < size; i++) {
        assert_true(log_reader_get(reader, i, &entry, &e));
        assert_int_equal(entry.form, i < backup ? RECORD_OPEN : RECORD_RECOVERED);
    }
    log_reader_close(reader);
    struct log *log = open_log(h->old_public, h->old_private);
    append(log, 3, "after");
    log_close(log);
    assert_true(log_verify(h->old_public, h->old_private, signer_verifier(signer), tell_fault, NULL, NULL, &entries, &faults, &e));
    assert_true(faults == 0 && entries == size + 3);
    struct tile_nodes nodes = { .fetch = tile_fetch_disk, .context = h->old_public, .size = size + 3 };
    uint8_t root[SHA256_SIZE];
    assert_true(merkle_subtree_root(0, size, tile_nodes_read, &nodes, root));
    assert_memory_equal(root, h->source.at.root, sizeof root);
    tile_nodes_clear(&nodes);
}

static void what_is_missing_comes_back(void **state)
{
    static const size_t row[][2] = { { 0, 1 },     { 0, 300 },   { 1, 2 },     { 5, 7 },     { 255, 256 }, { 255, 257 },
                                     { 256, 257 }, { 256, 512 }, { 100, 700 }, { 511, 513 }, { 700, 701 } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct history h;
        struct error e = { 0 };
        uint64_t recovered = 0;
        make_history(&h, row[i][0], row[i][1]);
        struct log *log = open_log(h.old_public, h.old_private);
        if (!log_recover(log, &h.source, NULL, NULL, &recovered, &e)) {
            fail_msg("%zu of %zu: %s: %s", row[i][0], row[i][1], e.where, e.what);
        }
        assert_int_equal(recovered, row[i][1] - row[i][0]);
        assert_false(log_recover(log, &h.source, NULL, NULL, &recovered, &e));
        assert_int_equal(e.kind, ERROR_ABSENT);
        log_close(log);
        check_recovered(&h, row[i][0], row[i][1]);
        free_history(&h);
    }
}

static void a_log_that_went_on_is_never_joined(void **state)
{
    struct history h;
    struct error e = { 0 };
    uint64_t recovered = 0;
    (void)state;
    make_history(&h, 100, 300);
    struct log *log = open_log(h.old_public, h.old_private);
    append(log, 1, "of a second history");
    assert_false(log_recover(log, &h.source, NULL, NULL, &recovered, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "our 101 entries are not the beginning of the 300"));
    assert_int_equal(recovered, 0);
    append(log, 1, "it lives on"); /* whether it may is for its operator to say */
    assert_int_equal(log_size(log), 102);
    log_close(log);
    free_history(&h);
}

/* One byte of the copy changed: refused, and what a good copy gives afterwards is whole. */
static void change_one(struct history *h, const char *path, size_t at)
{
    struct error e = { 0 };
    uint64_t recovered = 0;
    struct disk *copy = sim_disk_copy(h->public);
    struct disk *public = sim_disk_copy(h->old_public), *private = sim_disk_copy(h->old_private);
    size_t size = 0;
    uint8_t *data = sim_disk_data(copy, path, &size);
    assert_non_null(data);
    data[at % size] ^= 1;
    struct log_source source = { tile_fetch_disk, copy, h->source.at };
    struct log *log = open_log(public, private);
    bool ok = log_recover(log, &source, NULL, NULL, &recovered, &e);
    log_close(log);
    assert_false(ok);
    assert_true(e.kind == ERROR_DENIED || e.kind == ERROR_INPUT);
    log = open_log(public, private);
    assert_true(log_recover(log, &h->source, NULL, NULL, &recovered, &e));
    log_close(log);
    assert_true(sim_disk_equal(h->public, public));
    disk_free(copy);
    disk_free(public);
    disk_free(private);
}

static void a_copy_that_is_wrong_is_refused(void **state)
{
    struct history h;
    (void)state;
    make_history(&h, 100, 700);
    for (size_t at = 0; at < 1500; at += 37) {
        change_one(&h, "tile/entries/001", at);
        change_one(&h, "tile/entries/002.p/188", at);
        change_one(&h, "tile/1/000.p/2", at);
    }
    free_history(&h);
}

static void every_fault_of_a_disk(void **state)
{
    static const int faults[] = { EIO, ENOSPC, EROFS };
    struct history h;
    bool is_through = false;
    (void)state;
    make_history(&h, 200, 600);
    for (uint64_t at = 0; !is_through; at++) {
        struct error e = { 0 };
        uint64_t recovered = 0;
        struct disk *public = sim_disk_copy(h.old_public), *private = sim_disk_copy(h.old_private);
        struct faults plan = { .kinds = CALL_CHANGES, .fail_at = UINT64_MAX, .fault = faults[at % COUNT_OF(faults)] };
        struct faulty_disk faulty_public, faulty_private;
        faulty_disk_init(&faulty_public, public, &plan);
        faulty_disk_init(&faulty_private, private, &plan);
        struct log *log = open_log(&faulty_public.disk, &faulty_private.disk);
        plan.calls = 0;
        plan.fail_at = at;
        plan.from_then_on = at % 2 == 0;
        bool ok = log_recover(log, &h.source, NULL, NULL, &recovered, &e);
        is_through = ok && plan.calls <= at;
        log_close(log);
        sim_disk_power_cut(public, at);
        sim_disk_power_cut(private, at);
        log = open_log(public, private);
        assert_true(log_size(log) >= 200 && log_size(log) <= 600);
        if (log_size(log) < 600) {
            assert_true(log_recover(log, &h.source, NULL, NULL, &recovered, &e));
        }
        log_close(log);
        uint8_t *note = NULL;
        struct checkpoint_view view;
        checkpoint_of(public, &note, &view);
        assert_true(view.size == 600 && memcmp(view.root, h.source.at.root, sizeof view.root) == 0);
        free(note);
        uint64_t entries = 0, wrong = 0;
        assert_true(log_verify(public, private, signer_verifier(signer), tell_fault, NULL, NULL, &entries, &wrong, &e));
        assert_true(wrong == 0 && entries == 600);
        disk_free(public);
        disk_free(private);
    }
    free_history(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_comes_back),
        cmocka_unit_test(a_log_that_went_on_is_never_joined),
        cmocka_unit_test(a_copy_that_is_wrong_is_refused),
        cmocka_unit_test(every_fault_of_a_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
