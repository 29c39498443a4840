/* Rows 8 and 9 of the faults: every flipped bit of a log's files, and every misplaced block, is found and named. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "log_rig.h"

struct found {
    const char *path; /* the file that was damaged */
    uint64_t count;
    bool is_named;
};

static void note_fault(void *context, const struct error *e)
{
    struct found *found = context;
    found->count++;
    found->is_named = found->is_named || strcmp(e->where, found->path) == 0;
}

static uint64_t verify(struct rig *rig, const char *path, bool with_private, bool *is_named)
{
    struct found found = { .path = path };
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    if (!log_verify(rig->public, with_private ? rig->private : NULL, signer_verifier(rig->signer), note_fault, NULL, &found, &entries,
                    &faults, &e)) {
        fail_msg("%s: could not be checked: %s: %s", path, e.where, e.what);
    }
    assert_int_equal(faults, found.count);
    *is_named = found.is_named;
    return faults;
}

struct paths {
    char path[64][64];
    size_t count;
};

static void add_path(void *context, const char *path)
{
    struct paths *paths = context;
    assert_true(paths->count < COUNT_OF(paths->path));
    (void)snprintf(paths->path[paths->count++], sizeof paths->path[0], "%s", path);
}

/* A log with partial tiles of several sizes, full ones, and two segments, of which a recovery made the second. */
static struct rig *make_log(size_t entries)
{
    struct rig *rig = rig_make(entries);
    assert_true(rig_open(rig) && rig_append(rig, 3) && rig_publish(rig) && rig_append(rig, 4));
    rig_kill(rig);
    assert_true(rig_open(rig) && rig_append(rig, entries - 7));
    rig_close(rig);
    rig_verify(rig, "whole");
    return rig;
}

/* The last byte of the segment that is used: behind it there are only zeros. */
static size_t used_of(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0) {
        size--;
    }
    return size;
}

static void flip_file(struct rig *rig, struct disk *disk, const char *path, bool with_private, size_t stride)
{
    size_t size = 0;
    uint8_t *data = sim_disk_data(disk, path, &size);
    size_t used = used_of(data, size);
    for (size_t bit = 0; bit < size * 8; bit += bit / 8 < used + 16 ? stride * RIG_STRIDE : 8 * 16411 + 1) {
        bool is_named = false;
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        uint64_t faults = verify(rig, path, with_private, &is_named);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (faults == 0 || !is_named) {
            fail_msg("%s: bit %zu of byte %zu: %" PRIu64 " faults, %s", path, bit % 8, bit / 8, faults, is_named ? "named" : "not named");
        }
    }
}

static void flip_all(struct rig *rig, struct disk *disk, bool with_private, size_t stride)
{
    struct paths paths = { .count = 0 };
    sim_disk_each(disk, add_path, &paths);
    assert_true(paths.count > 0);
    for (size_t i = 0; i < paths.count; i++) {
        if (strcmp(paths.path[i], SEGMENT_NEXT) != 0) {
            flip_file(rig, disk, paths.path[i], with_private, stride);
        }
    }
}

static void every_public_bit_is_checked(void **state)
{
    rig_has_short_texts = true;
    struct rig *rig = make_log(13);
    (void)state;
    flip_all(rig, rig->public, true, 1);
    flip_all(rig, rig->public, false, 3);
    rig_free(rig);
    rig_has_short_texts = false;
}

static void every_private_bit_is_checked(void **state)
{
    rig_has_short_texts = true;
    struct rig *rig = make_log(13);
    (void)state;
    flip_all(rig, rig->private, true, 1);
    rig_free(rig);
    rig_has_short_texts = false;
}

static void full_tiles_are_checked(void **state)
{
    struct rig *rig = make_log(600);
    (void)state;
    flip_all(rig, rig->public, true, 4001);
    flip_all(rig, rig->public, false, 4003);
    flip_all(rig, rig->private, true, 20011);
    rig_free(rig);
}

/* The entry is named that is damaged, by its index; and the reader gives all the others. */
static void the_entry_is_named(void **state)
{
    struct rig *rig = make_log(20);
    (void)state;
    for (uint64_t victim = 0; victim < 20; victim++) {
        struct log_reader *reader = NULL;
        struct log_entry entry;
        struct error e = { 0 };
        assert_true(log_reader_open(&reader, rig->public, rig->private, &e) && log_reader_get(reader, victim, &entry, &e));
        size_t size = 0;
        const char *path = victim < 3 ? "records/00000000000000000000.seg" : "records/00000000000000000003.seg";
        uint8_t *data = sim_disk_data(rig->private, path, &size);
        uint8_t *at = memmem(data, size, entry.salt, SALT_SIZE);
        assert_non_null(at);
        at[3] ^= 16;
        for (uint64_t i = 0; i < 20; i++) {
            struct log_reader *again = NULL;
            assert_true(log_reader_open(&again, rig->public, rig->private, &e));
            bool ok = log_reader_get(again, i, &entry, &e);
            if (ok != (i != victim)) {
                fail_msg("entry %" PRIu64 " with %" PRIu64 " damaged: %s: %s", i, victim, e.where, e.what);
            }
            if (!ok) {
                char want[32];
                (void)snprintf(want, sizeof want, "entry %" PRIu64 " ", victim);
                assert_int_equal(e.kind, ERROR_INPUT);
                assert_string_equal(e.where, path);
                assert_non_null(strstr(e.what, want));
            }
            log_reader_close(again);
        }
        at[3] ^= 16;
        log_reader_close(reader);
    }
    rig_free(rig);
}

/* Blocks that were written to the place of others, or swapped: each record is bound to its place. */
static void misplaced_blocks_are_found(void **state)
{
    enum { BLOCK = 512 };
    struct rig *rig = make_log(60);
    size_t size = 0;
    uint8_t kept[BLOCK];
    const char *path = "records/00000000000000000003.seg";
    uint8_t *data = sim_disk_data(rig->private, path, &size);
    size_t blocks = used_of(data, size) / BLOCK;
    (void)state;
    assert_true(blocks > 20);
    for (size_t i = 0; i < blocks; i++) {
        size_t j = (i * 7 + 3) % blocks;
        bool is_named = false;
        if (i == j) {
            continue;
        }
        memcpy(kept, data + j * BLOCK, BLOCK);
        memcpy(data + j * BLOCK, data + i * BLOCK, BLOCK);
        assert_true(verify(rig, path, true, &is_named) > 0 && is_named);
        memcpy(data + i * BLOCK, kept, BLOCK);
        assert_true(verify(rig, path, true, &is_named) > 0 && is_named);
        memcpy(data + i * BLOCK, data + j * BLOCK, BLOCK);
        memcpy(data + j * BLOCK, kept, BLOCK);
    }
    rig_verify(rig, "put back");
    rig_free(rig);
}

/* Whatever bit is flipped, a log that opens has every acknowledged entry and the same roots. */
static void flipped_logs_do_not_fork(void **state)
{
    struct rig *rig = make_log(20);
    struct paths paths = { .count = 0 };
    struct disk *const private = rig->private;
    struct disk *const public = rig->public;
    (void)state;
    sim_disk_each(private, add_path, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        size_t size = 0;
        uint8_t *data = sim_disk_data(private, paths.path[i], &size);
        size_t used = used_of(data, size);
        for (size_t bit = 0; bit < (used + 100) * 8; bit += 131 * RIG_STRIDE) {
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            rig->private = rig->faulty_private.real = sim_disk_copy(private);
            rig->public = rig->faulty_public.real = sim_disk_copy(public);
            if (rig_open(rig)) {
                assert_int_equal(log_size(rig->log), 20);
                rig_close(rig);
            } else {
                assert_int_equal(rig->last.kind, ERROR_INPUT);
                assert_true(sim_disk_equal(rig->private, private) && sim_disk_equal(rig->public, public));
            }
            disk_free(rig->private);
            disk_free(rig->public);
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    rig->private = rig->faulty_private.real = private;
    rig->public = rig->faulty_public.real = public;
    rig_free(rig);
}

static void missing_files_are_named(void **state)
{
    struct rig *rig = make_log(600);
    static const char *const public[] = { "checkpoint",     "tile/0/000",       "tile/0/001",           "tile/0/002.p/88",
                                          "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88" };
    bool is_named = false;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(public); i++) {
        assert_int_equal(rig->public->functions->rename(rig->public, public[i], "away"), 0);
        if (verify(rig, public[i], true, &is_named) == 0 || !is_named) {
            fail_msg("%s is missing, and nobody says so", public[i]);
        }
        assert_int_equal(rig->public->functions->rename(rig->public, "away", public[i]), 0);
    }
    assert_int_equal(rig->private->functions->rename(rig->private, "records/00000000000000000000.seg", "away"), 0);
    assert_true(verify(rig, "records", true, &is_named) > 0 && is_named);
    assert_int_equal(rig->private->functions->rename(rig->private, "away", "records/00000000000000000000.seg"), 0);
    assert_int_equal(rig->private->functions->rename(rig->private, "records/00000000000000000003.seg", "away"), 0);
    assert_true(verify(rig, "records/00000000000000000000.seg", true, &is_named) > 0 && is_named);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_public_bit_is_checked), cmocka_unit_test(every_private_bit_is_checked),
        cmocka_unit_test(full_tiles_are_checked),      cmocka_unit_test(the_entry_is_named),
        cmocka_unit_test(misplaced_blocks_are_found),  cmocka_unit_test(flipped_logs_do_not_fork),
        cmocka_unit_test(missing_files_are_named),
    };
    diag_configure(DIAG_NOTHING, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
