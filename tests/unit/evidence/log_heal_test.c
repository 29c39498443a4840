/* Row 8 of the faults, the other half: what bit-rot did to a log is put right, or said. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "evidence/log_heal.h"
#include "evidence/log_prune.h"
#include "log_rig.h"

struct heard {
    uint64_t count[3];
    struct error last[3];
};

static void hear(void *context, enum log_heal_what what, const struct error *about)
{
    struct heard *h = context;
    h->count[what]++;
    h->last[what] = *about;
}

static struct log_heal_result heal_with(struct rig *rig, const struct log_heal_source *sources, size_t count, bool is_dry_run,
                                        struct heard *heard)
{
    struct log_heal_result result;
    struct error e = { 0 };
    memset(heard, 0, sizeof *heard);
    const struct log_heal_options options = {
        .public = rig->public,
        .private = rig->private,
        .key = signer_verifier(rig->signer),
        .signer = rig->signer,
        .sources = sources,
        .source_count = count,
        .is_dry_run = is_dry_run,
        .report = hear,
        .context = heard,
    };
    if (!log_heal(&options, &result, &e)) {
        fail_msg("it could not be tried: %s: %s", e.where, e.what);
    }
    assert_int_equal(result.healed, heard->count[LOG_HEALED]);
    assert_int_equal(result.replaced, heard->count[LOG_REPLACED]);
    assert_int_equal(result.lost, heard->count[LOG_LOST]);
    return result;
}

/* How many faults a full check finds. */
static uint64_t faults_of(struct rig *rig)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    if (!log_verify(rig->public, rig->private, signer_verifier(rig->signer), NULL, NULL, NULL, &entries, &faults, &e)) {
        fail_msg("it could not be checked: %s: %s", e.where, e.what);
    }
    return faults;
}

static void must_go_on(struct rig *rig, const char *when)
{
    if (!rig_open(rig)) {
        fail_msg("%s: %s: %s", when, rig->last.where, rig->last.what);
    }
    assert_true(rig_append(rig, 3) && rig_publish(rig));
    rig_close(rig);
    assert_int_equal(faults_of(rig), 0);
}

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

struct paths {
    char path[256][64];
    size_t count;
};

static void add_path(void *context, const char *path)
{
    struct paths *paths = context;
    if (strcmp(path, SEGMENT_NEXT) != 0 && strcmp(path, PRUNED_PATH) != 0 && paths->count < COUNT_OF(paths->path)) {
        (void)snprintf(paths->path[paths->count++], sizeof paths->path[0], "%s", path);
    }
}

static size_t used_of(const uint8_t *data, size_t size)
{
    while (size > 0 && data[size - 1] == 0) {
        size--;
    }
    return size;
}

/* Each bit of a file, turned: healed to the very bytes that were there, by nothing but the log itself. */
static void flip_file(struct rig *rig, struct disk *disk, const char *path, size_t stride)
{
    size_t size = 0;
    uint8_t *data = sim_disk_data(disk, path, &size);
    size_t used = used_of(data, size);
    uint8_t *before = malloc(size + 1);
    memcpy(before, data, size);
    for (size_t bit = 0; bit < size * 8; bit += bit / 8 < used + 16 ? stride * RIG_STRIDE : 8 * 65537 + 1) {
        struct heard heard;
        data = sim_disk_data(disk, path, &size);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
        data = sim_disk_data(disk, path, &size);
        if (result.lost != 0 || result.replaced != 0 || result.healed == 0 || memcmp(data, before, size) != 0) {
            fail_msg("%s: bit %zu of byte %zu: %" PRIu64 " healed, %" PRIu64 " replaced, %" PRIu64 " lost: %s", path, bit % 8, bit / 8,
                     result.healed, result.replaced, result.lost, heard.last[LOG_LOST].what);
        }
    }
    free(before);
}

static void flip_all(struct rig *rig, struct disk *disk, size_t stride)
{
    struct paths paths = { .count = 0 };
    sim_disk_each(disk, add_path, &paths);
    assert_true(paths.count > 0);
    for (size_t i = 0; i < paths.count; i++) {
        /* Each bit that is tried of a checkpoint costs a signature's check. */
        flip_file(rig, disk, paths.path[i], strcmp(paths.path[i], "checkpoint") == 0 && stride == 1 ? 11 : stride);
    }
    assert_int_equal(faults_of(rig), 0);
}

static void every_public_bit_heals(void **state)
{
    rig_has_short_texts = true;
    struct rig *rig = make_log(13);
    (void)state;
    flip_all(rig, rig->public, 1);
    rig_free(rig);
    rig_has_short_texts = false;
}

static void every_private_bit_heals(void **state)
{
    rig_has_short_texts = true;
    struct rig *rig = make_log(13);
    (void)state;
    flip_all(rig, rig->private, 3);
    must_go_on(rig, "after all flips");
    rig_free(rig);
    rig_has_short_texts = false;
}

static void full_tiles_heal(void **state)
{
    struct rig *rig = make_log(600);
    (void)state;
    flip_all(rig, rig->public, 30011);
    flip_all(rig, rig->private, 200017);
    must_go_on(rig, "after flips");
    rig_free(rig);
}

static void a_whole_log_needs_nothing(void **state)
{
    struct rig *rig = make_log(300);
    struct heard heard;
    (void)state;
    struct disk *public = sim_disk_copy(rig->public);
    struct disk *private = sim_disk_copy(rig->private);
    struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
    assert_int_equal(result.entries, 300);
    assert_int_equal(result.healed + result.replaced + result.lost, 0);
    assert_true(sim_disk_equal(public, rig->public) && sim_disk_equal(private, rig->private));
    /* Neither does one that was cut off with a batch that nobody was told of. */
    assert_true(rig_open(rig) && rig_append(rig, 5));
    rig->faults = (struct faults){ .kinds = CALL_SYNC, .fail_at = 0, .from_then_on = true, .fault = 5 };
    assert_false(rig_append(rig, 2));
    rig_power_cut(rig, 3);
    result = heal_with(rig, NULL, 0, false, &heard);
    assert_int_equal(result.lost + result.replaced, 0);
    must_go_on(rig, "after a cut");
    disk_free(public);
    disk_free(private);
    rig_free(rig);
}

static void remove_file(struct disk *disk, const char *path)
{
    assert_int_equal(disk->functions->remove(disk, path), 0);
}

static void remove_all(struct disk *disk, const char *prefix, const char *but)
{
    struct paths paths = { .count = 0 };
    sim_disk_each(disk, add_path, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        if (strncmp(paths.path[i], prefix, strlen(prefix)) == 0 && strcmp(paths.path[i], but) != 0) {
            remove_file(disk, paths.path[i]);
        }
    }
}

/* The whole public folder from the records, the checkpoint too: to the same bytes. */
static void the_public_folder_is_made_again(void **state)
{
    struct heard heard;
    (void)state;
    for (unsigned with_checkpoint = 0; with_checkpoint < 2; with_checkpoint++) {
        struct rig *rig = make_log(700);
        uint8_t *before = NULL;
        size_t size = 0;
        uint8_t *data = sim_disk_data(rig->public, "checkpoint", &size);
        before = malloc(size);
        memcpy(before, data, size);
        remove_all(rig->public, with_checkpoint != 0 ? "tile" : "tile/0", "");
        if (with_checkpoint == 0) {
            remove_file(rig->public, "checkpoint");
        }
        struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
        assert_int_equal(result.lost + result.replaced, 0);
        assert_true(result.healed > 3);
        data = sim_disk_data(rig->public, "checkpoint", &size);
        assert_memory_equal(data, before, size);
        free(before);
        assert_int_equal(faults_of(rig), 0);
        must_go_on(rig, "made again");
        rig_free(rig);
    }
}

/* Without the key nothing can be signed, and a log without any checkpoint is left alone. */
static void nothing_is_signed_without_the_key(void **state)
{
    struct rig *rig = make_log(20);
    struct log_heal_result result;
    struct heard heard = { { 0 }, { { 0 } } };
    struct error e = { 0 };
    (void)state;
    remove_file(rig->public, "checkpoint");
    struct disk *public = sim_disk_copy(rig->public);
    const struct log_heal_options options = {
        .public = rig->public, .private = rig->private, .key = signer_verifier(rig->signer), .report = hear, .context = &heard
    };
    assert_true(log_heal(&options, &result, &e));
    assert_int_equal(result.lost, 1);
    assert_true(sim_disk_equal(public, rig->public));
    disk_free(public);
    rig_free(rig);
}

static void garble(struct disk *disk, const char *path, size_t offset, size_t count, uint64_t *random)
{
    size_t size = 0;
    uint8_t *data = sim_disk_data(disk, path, &size);
    assert_non_null(data);
    for (size_t i = offset; i < offset + count && i < size; i++) {
        data[i] ^= (uint8_t)(1 + test_random(random) % 255);
    }
}

static size_t offset_of(struct rig *rig, uint64_t index, char path[SEGMENT_PATH_SIZE])
{
    struct log_reader *reader = NULL;
    struct log_entry entry;
    struct error e = { 0 };
    struct paths paths = { .count = 0 };
    size_t found = 0;
    assert_true(log_reader_open(&reader, rig->public, rig->private, &e) && log_reader_get(reader, index, &entry, &e));
    sim_disk_each(rig->private, add_path, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        size_t size = 0;
        uint8_t *data = sim_disk_data(rig->private, paths.path[i], &size);
        const uint8_t *at = memmem(data, size, entry.salt, SALT_SIZE);
        if (at != NULL) {
            found = (size_t)(at - data);
            (void)snprintf(path, SEGMENT_PATH_SIZE, "%s", paths.path[i]);
        }
    }
    assert_true(found > 0);
    log_reader_close(reader);
    return found;
}

static void records_become_commitments(void **state)
{
    uint64_t random = 8;
    (void)state;
    for (uint64_t victim = 0; victim < 20; victim++) {
        for (unsigned neighbours = 0; neighbours < 3; neighbours++) {
            struct rig *rig = make_log(20);
            struct heard heard;
            struct disk *private = sim_disk_copy(rig->private);
            char path[SEGMENT_PATH_SIZE];
            size_t at = offset_of(rig, victim, path);
            garble(rig->private, path, at - 20, 60 + neighbours * 700, &random);
            struct disk *damaged = sim_disk_copy(rig->private);
            struct log_heal_result dry = heal_with(rig, NULL, 0, true, &heard);
            assert_true(sim_disk_equal(damaged, rig->private));
            struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
            assert_int_equal(dry.replaced, result.replaced);
            if (result.lost != 0 || result.replaced == 0) {
                fail_msg("entry %" PRIu64 " and %u: %" PRIu64 " replaced, %" PRIu64 " lost: %s: %s", victim, neighbours, result.replaced,
                         result.lost, heard.last[LOG_LOST].where, heard.last[LOG_LOST].what);
            }
            if (faults_of(rig) != 0) {
                fail_msg("entry %" PRIu64 " and %u: faults", victim, neighbours);
            }
            struct log_reader *reader = NULL;
            struct log_entry entry;
            struct error e = { 0 };
            assert_true(log_reader_open(&reader, rig->public, rig->private, &e) && log_reader_get(reader, victim, &entry, &e));
            assert_int_equal(entry.form, RECORD_RECOVERED);
            log_reader_close(reader);
            must_go_on(rig, "replaced");
            result = heal_with(rig, NULL, 0, false, &heard);
            assert_int_equal(result.healed + result.replaced + result.lost, 0);
            disk_free(private);
            disk_free(damaged);
            rig_free(rig);
        }
    }
}

static void a_lost_segment_is_closed(void **state)
{
    static const char *const paths[] = { "records/00000000000000000000.seg", "records/00000000000000000003.seg" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct rig *rig = make_log(300);
        struct heard heard;
        remove_file(rig->private, paths[i]);
        struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
        assert_int_equal(result.lost, 0);
        assert_int_equal(result.replaced, i == 0 ? 3 : 297);
        assert_int_equal(faults_of(rig), 0);
        rig->acknowledged = 0; /* their statements are gone, as was said */
        must_go_on(rig, "closed");
        rig_free(rig);
    }
}

/* Record and bundle of one entry: only a copy knows it, and one that lies is not believed. */
static void a_copy_is_asked_and_checked(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (unsigned lies = 0; lies < 2; lies++) {
        struct rig *rig = make_log(400);
        struct heard heard;
        char path[SEGMENT_PATH_SIZE];
        size_t size = 0;
        struct disk *copy = sim_disk_copy(rig->public);
        struct disk *whole = sim_disk_copy(rig->public);
        const uint8_t *note = sim_disk_data(copy, "checkpoint", &size);
        const struct bytes checkpoint = bytes_of(note, size);
        size_t at = offset_of(rig, 100, path);
        garble(rig->private, path, at, 30, &random);
        garble(rig->public, "tile/entries/000", 100 * 34 + 4, 20, &random);
        garble(rig->public, "tile/0/000", 100 * 32, 20, &random);
        struct disk *public = sim_disk_copy(rig->public);
        struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
        assert_true(result.lost > 0);
        assert_true(sim_disk_equal(public, rig->public));
        if (lies == 1) {
            garble(copy, "tile/entries/000", 100 * 34 + 4, 20, &random);
        }
        const struct log_heal_source source = { .name = "copy", .fetch = tile_fetch_disk, .context = copy, .checkpoint = checkpoint };
        result = heal_with(rig, &source, 1, false, &heard);
        assert_int_equal(result.lost == 0, lies == 0);
        assert_int_equal(result.replaced, lies == 0 ? 1 : 0);
        assert_true(sim_disk_equal(lies == 0 ? whole : public, rig->public));
        if (lies == 0) {
            assert_int_equal(faults_of(rig), 0);
        }
        disk_free(copy);
        disk_free(whole);
        disk_free(public);
        rig_free(rig);
    }
}

/* Anything at all, in any number: what is called whole is whole, and goes on; what is not is said. */
static void whatever_happens_it_is_said(void **state)
{
    unsigned whole = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400 / RIG_STRIDE; seed++) {
        uint64_t random = seed;
        struct rig *rig = make_log(20 + seed % 3 * 270);
        struct heard heard;
        struct paths paths = { .count = 0 };
        struct disk *copy = sim_disk_copy(rig->public);
        size_t note_size = 0;
        const uint8_t *note = sim_disk_data(copy, "checkpoint", &note_size);
        const struct log_heal_source source = {
            .name = "copy", .fetch = tile_fetch_disk, .context = copy, .checkpoint = bytes_of(note, note_size)
        };
        sim_disk_each(rig->public, add_path, &paths);
        size_t public_count = paths.count;
        sim_disk_each(rig->private, add_path, &paths);
        for (uint64_t blows = 1 + test_random(&random) % 5; blows > 0; blows--) {
            size_t which = (size_t)(test_random(&random) % paths.count);
            struct disk *disk = which < public_count ? rig->public : rig->private;
            size_t size = 0;
            uint8_t *data = sim_disk_data(disk, paths.path[which], &size);
            if (data == NULL || size == 0) {
                continue;
            }
            size_t used = used_of(data, size);
            used = used == 0 ? 1 : used;
            switch (test_random(&random) % 6) {
            case 0:
                remove_file(disk, paths.path[which]);
                break;
            case 1:
                memset(data, 0, used);
                break;
            case 2:
                data[test_random(&random) % used] ^= (uint8_t)(1 << test_random(&random) % 8);
                break;
            default:
                garble(disk, paths.path[which], (size_t)(test_random(&random) % used), (size_t)(test_random(&random) % 600), &random);
                break;
            }
        }
        struct log_heal_result result = heal_with(rig, seed % 2 == 0 ? &source : NULL, seed % 2 == 0 ? 1 : 0, false, &heard);
        uint64_t faults = faults_of(rig);
        if ((result.lost == 0) != (faults == 0)) {
            fail_msg("seed %" PRIu64 ": %" PRIu64 " lost, %" PRIu64 " faults: %s: %s", seed, result.lost, faults,
                     heard.last[LOG_LOST].where, heard.last[LOG_LOST].what);
        }
        if (result.lost == 0) {
            char when[32];
            (void)snprintf(when, sizeof when, "seed %" PRIu64, seed);
            rig->acknowledged = 0;
            must_go_on(rig, when);
            whole++;
        }
        disk_free(copy);
        rig_free(rig);
    }
    assert_true(whole > 300 / RIG_STRIDE);
}

/* At a start: hash tiles of the right edge are made again, whatever happened to them; entries are not guessed. */
static void a_start_mends_hash_tiles(void **state)
{
    static const char *const tiles[] = { "tile/0/002.p/88", "tile/1/000.p/2" };
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        struct rig *rig = make_log(600);
        for (size_t at = 0; at < 64; at += 7) {
            sim_disk_data(rig->public, tiles[i], &size)[at] ^= 4;
            if (!rig_open(rig)) {
                fail_msg("%s: %s", rig->last.where, rig->last.what);
            }
            rig_close(rig);
            assert_int_equal(faults_of(rig), 0);
        }
        remove_file(rig->public, tiles[i]);
        must_go_on(rig, tiles[i]);
        rig_free(rig);
    }
    struct rig *rig = make_log(600);
    sim_disk_data(rig->public, "tile/entries/002.p/88", &size)[40] ^= 4;
    struct disk *before = sim_disk_copy(rig->public);
    assert_false(rig_open(rig));
    assert_true(sim_disk_equal(before, rig->public));
    disk_free(before);
    rig_free(rig);
}

/* What retention took is not missing, and what it left is healed as ever. */
static void a_pruned_log_heals(void **state)
{
    (void)state;
    for (unsigned with_records = 0; with_records < 2; with_records++) {
        struct rig *rig = make_log(1100);
        struct heard heard;
        struct prune_result pruned;
        struct error e = { 0 };
        assert_true(rig_open(rig) && rig_append(rig, 600) && rig_append(rig, 2200) && rig_publish(rig));
        const struct prune_options options = {
            .public = rig->public, .private = rig->private, .signer = rig->signer, .before_ms = INT64_MAX, .with_records = with_records == 1
        };
        if (!log_prune(&options, &pruned, &e)) {
            fail_msg("%s: %s", e.where, e.what);
        }
        assert_int_equal(pruned.minimum, 3840);
        rig_close(rig);
        struct log_heal_result result = heal_with(rig, NULL, 0, false, &heard);
        if (result.healed + result.replaced + result.lost != 0) {
            fail_msg("%s: %s; %s", heard.last[LOG_HEALED].what, heard.last[LOG_LOST].where, heard.last[LOG_LOST].what);
        }
        flip_all(rig, rig->public, 50021);
        remove_all(rig->public, "tile/1", "");
        remove_all(rig->public, "tile/entries", "");
        result = heal_with(rig, NULL, 0, false, &heard);
        assert_int_equal(result.lost, 0);
        assert_true(result.healed >= 2);
        assert_int_equal(faults_of(rig), 0);
        size_t size = 0;
        assert_null(sim_disk_data(rig->public, "tile/entries/000", &size));
        rig->acknowledged = 0;
        must_go_on(rig, "pruned");
        rig_free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_log_needs_nothing),       cmocka_unit_test(every_public_bit_heals),
        cmocka_unit_test(every_private_bit_heals),         cmocka_unit_test(full_tiles_heal),
        cmocka_unit_test(the_public_folder_is_made_again), cmocka_unit_test(nothing_is_signed_without_the_key),
        cmocka_unit_test(records_become_commitments),      cmocka_unit_test(a_lost_segment_is_closed),
        cmocka_unit_test(a_copy_is_asked_and_checked),     cmocka_unit_test(whatever_happens_it_is_said),
        cmocka_unit_test(a_start_mends_hash_tiles),        cmocka_unit_test(a_pruned_log_heals),
    };
    diag_configure(DIAG_ERROR, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
