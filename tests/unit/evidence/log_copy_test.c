/* Copies of logs: filled in any pieces, cut off at any moment, fed with what the log never signed. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "crypto/note.h"
#include "evidence/log_copy.h"
#include "evidence/log_internal.h"
#include "evidence/tile_nodes.h"
#include "torture/faulty_disk.h"
#include "merkle_model.h"

enum { ENTRIES_MAX = 20000 };

/* A log as its gateway has it: entries, and a checkpoint for any size. */
struct source {
    struct signer *signer;
    hash *entries, *leaves;
    uint64_t count;
};

static struct source source_make(uint64_t seed, uint64_t count)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 9 };
    struct source s = { .count = count, .entries = calloc(count + 1, sizeof(hash)), .leaves = calloc(count + 1, sizeof(hash)) };
    assert_true(signer_from_seed(&s.signer, BYTES("log.example/copied"), key, NULL));
    for (uint64_t i = 0; i < count; i++) {
        for (size_t j = 0; j < SHA256_SIZE; j++) {
            s.entries[i][j] = (uint8_t)test_random(&seed);
        }
        merkle_leaf(bytes_of(s.entries[i], SHA256_SIZE), s.leaves[i]);
    }
    return s;
}

static void source_free(struct source *s)
{
    signer_free(s->signer);
    free(s->entries);
    free(s->leaves);
}

static void source_sign(const struct source *s, uint64_t size, struct buffer *note, struct checkpoint_view *view)
{
    struct buffer text;
    buffer_init(&text, 1024);
    view->size = size;
    merkle_root((const hash *)s->leaves, size, view->root);
    checkpoint_write(&text, BYTES("log.example/copied"), size, view->root);
    buffer_reset(note);
    assert_true(note_sign(buffer_bytes(&text), s->signer, note, NULL));
    buffer_clear(&text);
}

/* One package of [start, end), as a mirror's client sends it, into the copy. */
static bool add(struct log_copy *copy, const struct source *s, const struct checkpoint_view *at, uint64_t start, uint64_t end,
                struct error *e)
{
    struct model model = { (const hash *)s->leaves, s->count };
    hash proof[MERKLE_PATH_MAX];
    size_t count = 0;
    assert_true(merkle_prove_consistency(start / 256 * 256, end, at->size, model_read, &model, proof, &count));
    return log_copy_add(copy, at, start, (const hash *)s->entries + start, (size_t)(end - start), (const hash *)proof, count, e);
}

static bool add_up_to(struct log_copy *copy, const struct source *s, const struct checkpoint_view *at, struct error *e)
{
    while (log_copy_next(copy) < at->size) {
        uint64_t start = log_copy_next(copy);
        uint64_t end = (start / 256 + 1) * 256;
        if (!add(copy, s, at, start, end < at->size ? end : at->size, e)) {
            return false;
        }
    }
    return true;
}

static struct log_copy_options options_of(const struct source *s, struct disk *copy, struct disk *state)
{
    return (struct log_copy_options){ .copy = copy, .state = state, .name = "copied", .key = signer_verifier(s->signer) };
}

static void verify_copy(const struct source *s, struct disk *disk, uint64_t want, const char *when)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    if (!log_verify(disk, NULL, signer_verifier(s->signer), NULL, NULL, NULL, &entries, &faults, &e) || faults != 0 || entries != want) {
        fail_msg("%s: %" PRIu64 " entries, want %" PRIu64 "; %" PRIu64 " faults; %s: %s", when, entries, want, faults, e.where, e.what);
    }
}

static void is_filled_in_any_pieces(void **state)
{
    uint64_t random = 77;
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        struct source s = source_make(round, 1 + test_random(&random) % 3000);
        struct disk *copy_disk = sim_disk_make();
        struct disk *state_disk = sim_disk_make();
        struct log_copy_options options = options_of(&s, copy_disk, state_disk);
        struct log_copy *copy = NULL;
        struct checkpoint_view view;
        struct buffer note;
        struct error e = { 0 };
        buffer_init(&note, 4096);
        for (uint64_t size = 0; size < s.count;) {
            uint64_t step = 1 + test_random(&random) % 900;
            size = size + step < s.count ? size + step : s.count;
            source_sign(&s, size, &note, &view);
            if (copy == NULL && !log_copy_open(&copy, &options, &e)) {
                fail_msg("%s: %s", e.where, e.what);
            }
            while (log_copy_next(copy) < size) {
                /* Some of what it has already, and a piece behind it, cut anywhere within the bundle. */
                uint64_t next = log_copy_next(copy);
                uint64_t base = next / 256 * 256;
                uint64_t start = base + test_random(&random) % (next - base + 1);
                uint64_t end = next + 1 + test_random(&random) % (base + 256 - next);
                end = end < size ? end : size;
                if (!add(copy, &s, &view, start, end, &e)) {
                    fail_msg("[%" PRIu64 ", %" PRIu64 ") of %" PRIu64 ": %s", start, end, size, e.what);
                }
            }
            if (!log_copy_finish(copy, buffer_bytes(&note), NULL, &e)) {
                fail_msg("%s", e.what);
            }
            assert_int_equal(log_copy_size(copy), size);
            verify_copy(&s, copy_disk, size, "after a checkpoint");
            if (test_random(&random) % 3 == 0) {
                log_copy_close(copy);
                copy = NULL;
            }
        }
        log_copy_close(copy);
        buffer_clear(&note);
        disk_free(copy_disk);
        disk_free(state_disk);
        source_free(&s);
    }
}

static void goes_on_after_any_cut(void **state)
{
    struct source s = source_make(5, 1700);
    (void)state;
    for (uint64_t cut = 1; cut < 400; cut += 3) {
        for (unsigned kind = 0; kind < 2; kind++) {
            struct disk *copy_disk = sim_disk_make();
            struct disk *state_disk = sim_disk_make();
            struct faults faults = { .kinds = CALL_CHANGES, .fail_at = cut, .from_then_on = true, .fault = EIO };
            struct faulty_disk faulty_copy, faulty_state;
            struct log_copy *copy = NULL;
            struct buffer note;
            struct checkpoint_view view;
            uint64_t promised = 0;
            struct error e = { 0 };
            buffer_init(&note, 4096);
            faulty_disk_init(&faulty_copy, copy_disk, &faults);
            faulty_disk_init(&faulty_state, state_disk, &faults);
            struct log_copy_options options = options_of(&s, &faulty_copy.disk, &faulty_state.disk);
            bool ok = log_copy_open(&copy, &options, &e);
            for (uint64_t size = 0; ok && size < s.count;) {
                size = size + 211 < s.count ? size + 211 : s.count;
                source_sign(&s, size, &note, &view);
                ok = add_up_to(copy, &s, &view, &e) && log_copy_save(copy, &e) && log_copy_finish(copy, buffer_bytes(&note), NULL, &e);
                promised = ok ? size : promised;
            }
            log_copy_close(copy);
            if (kind == 1) { /* not only the process is gone: so is what was not synced */
                sim_disk_power_cut(copy_disk, cut);
                sim_disk_power_cut(state_disk, cut + 1);
            }
            options = options_of(&s, copy_disk, state_disk);
            if (!log_copy_open(&copy, &options, &e)) {
                fail_msg("cut at %" PRIu64 ": %s: %s", cut, e.where, e.what);
            }
            if (log_copy_size(copy) < promised || log_copy_next(copy) < log_copy_size(copy)) {
                fail_msg("cut at %" PRIu64 ": %" PRIu64 " of %" PRIu64 " promised", cut, log_copy_size(copy), promised);
            }
            if (log_copy_size(copy) > 0) {
                verify_copy(&s, copy_disk, log_copy_size(copy), "after a cut");
            }
            source_sign(&s, s.count, &note, &view);
            if (!add_up_to(copy, &s, &view, &e) || !log_copy_finish(copy, buffer_bytes(&note), NULL, &e)) {
                fail_msg("cut at %" PRIu64 ": %s: %s", cut, e.where, e.what);
            }
            verify_copy(&s, copy_disk, s.count, "at the end");
            log_copy_close(copy);
            buffer_clear(&note);
            disk_free(copy_disk);
            disk_free(state_disk);
        }
    }
    source_free(&s);
}

static void refuses_what_the_log_did_not_sign(void **state)
{
    struct source s = source_make(1, 700);
    struct source other = source_make(2, 700);
    struct disk *copy_disk = sim_disk_make();
    struct disk *state_disk = sim_disk_make();
    struct log_copy_options options = options_of(&s, copy_disk, state_disk);
    struct log_copy *copy = NULL;
    struct checkpoint_view view, forked;
    struct buffer note;
    struct error e = { 0 };
    (void)state;
    buffer_init(&note, 4096);
    source_sign(&s, 700, &note, &view);
    assert_true(log_copy_open(&copy, &options, &e));
    assert_true(add(copy, &s, &view, 0, 256, &e) && add(copy, &s, &view, 256, 300, &e));
    /* Each bit of one entry, entries of another log, entries in another place. */
    for (unsigned bit = 0; bit < 8 * SHA256_SIZE; bit += 7) {
        s.entries[310][bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(add(copy, &s, &view, 300, 400, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        s.entries[310][bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(add(copy, &other, &view, 300, 512, &e));
    assert_false(log_copy_add(copy, &view, 300, (const hash *)s.entries + 301, 100, NULL, 0, &e));
    /* Numbers that do not fit: a gap, over the end of a bundle, an earlier bundle, nothing, past the checkpoint. */
    assert_false(add(copy, &s, &view, 301, 400, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_false(log_copy_add(copy, &view, 300, (const hash *)s.entries + 300, 213, NULL, 0, &e));
    assert_false(log_copy_add(copy, &view, 300, (const hash *)s.entries + 300, 0, NULL, 0, &e));
    assert_false(log_copy_add(copy, &view, 300, (const hash *)s.entries + 300, SIZE_MAX, NULL, 0, &e));
    view.size = 310;
    assert_false(log_copy_add(copy, &view, 300, (const hash *)s.entries + 300, 50, NULL, 0, &e));
    source_sign(&s, 700, &note, &view);
    assert_int_equal(log_copy_next(copy), 300);
    /* A second history: its checkpoint is signed, and not taken, and neither is one of another size. */
    assert_true(log_copy_save(copy, &e));
    source_sign(&other, 300, &note, &forked);
    assert_false(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    source_sign(&s, 299, &note, &forked);
    assert_false(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    assert_int_equal(log_copy_size(copy), 0);
    assert_true(add_up_to(copy, &s, &view, &e));
    source_sign(&s, 700, &note, &view);
    note.data[note.size - 10] ^= 1;
    assert_false(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    source_sign(&s, 700, &note, &view);
    assert_true(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    log_copy_close(copy);
    verify_copy(&s, copy_disk, 700, "whole");
    buffer_clear(&note);
    disk_free(copy_disk);
    disk_free(state_disk);
    source_free(&s);
    source_free(&other);
}

static void keeps_to_its_limit(void **state)
{
    struct source s = source_make(3, 1000);
    struct disk *copy_disk = sim_disk_make();
    struct disk *state_disk = sim_disk_make();
    struct log_copy_options options = options_of(&s, copy_disk, state_disk);
    struct log_copy *copy = NULL;
    struct checkpoint_view view;
    struct buffer note;
    struct error e = { 0 };
    (void)state;
    buffer_init(&note, 4096);
    source_sign(&s, 1000, &note, &view);
    options.bytes_max = UINT64_C(512) * 72;
    assert_true(log_copy_open(&copy, &options, &e));
    assert_false(add_up_to(copy, &s, &view, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    assert_int_equal(log_copy_next(copy), 512);
    /* A full disk: nothing is lost, and it goes on when there is room. */
    log_copy_close(copy);
    options.bytes_max = 0;
    assert_true(log_copy_open(&copy, &options, &e));
    sim_disk_limit(copy_disk, 20000);
    assert_true(add_up_to(copy, &s, &view, &e));
    assert_false(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    sim_disk_limit(copy_disk, 0);
    assert_true(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    verify_copy(&s, copy_disk, 1000, "after room was made");
    log_copy_close(copy);
    buffer_clear(&note);
    disk_free(copy_disk);
    disk_free(state_disk);
    source_free(&s);
}

/* Damage behind the checkpoint costs a fetch; damage that the checkpoint covers is an error that names the file. */
static void says_what_is_damaged(void **state)
{
    struct source s = source_make(4, 400);
    struct disk *copy_disk = sim_disk_make();
    struct disk *state_disk = sim_disk_make();
    struct log_copy_options options = options_of(&s, copy_disk, state_disk);
    struct log_copy *copy = NULL;
    struct checkpoint_view view;
    struct buffer note;
    struct error e = { 0 };
    size_t size = 0;
    (void)state;
    buffer_init(&note, 4096);
    source_sign(&s, 300, &note, &view);
    assert_true(log_copy_open(&copy, &options, &e) && add_up_to(copy, &s, &view, &e));
    assert_true(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    source_sign(&s, 400, &note, &view);
    assert_true(add_up_to(copy, &s, &view, &e) && log_copy_save(copy, &e));
    log_copy_close(copy);
    sim_disk_data(copy_disk, "tile/0/001.p/144", &size)[7] ^= 1;
    assert_true(log_copy_open(&copy, &options, &e));
    assert_int_equal(log_copy_next(copy), 300);
    assert_true(add_up_to(copy, &s, &view, &e) && log_copy_save(copy, &e));
    log_copy_close(copy);
    assert_true(log_copy_open(&copy, &options, &e));
    assert_int_equal(log_copy_next(copy), 400);
    log_copy_close(copy);
    sim_disk_data(state_disk, "copied.state", &size)[20] ^= 1;
    sim_disk_data(copy_disk, "tile/entries/001.p/44", &size)[9] ^= 1;
    assert_false(log_copy_open(&copy, &options, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    sim_disk_data(copy_disk, "checkpoint", &size)[40] ^= 1;
    assert_false(log_copy_open(&copy, &options, &e));
    assert_string_equal(e.where, "checkpoint");
    buffer_clear(&note);
    disk_free(copy_disk);
    disk_free(state_disk);
    source_free(&s);
}

/* A tree's nodes from a copy's tiles: every proof that the model gives. */
static void gives_proofs_from_its_tiles(void **state)
{
    struct source s = source_make(6, ENTRIES_MAX);
    struct disk *copy_disk = sim_disk_make();
    struct disk *state_disk = sim_disk_make();
    struct log_copy_options options = options_of(&s, copy_disk, state_disk);
    struct log_copy *copy = NULL;
    struct checkpoint_view view;
    struct buffer note;
    struct error e = { 0 };
    uint64_t random = 3;
    struct model model = { (const hash *)s.leaves, s.count };
    (void)state;
    buffer_init(&note, 4096);
    source_sign(&s, s.count, &note, &view);
    assert_true(log_copy_open(&copy, &options, &e) && add_up_to(copy, &s, &view, &e));
    assert_true(log_copy_finish(copy, buffer_bytes(&note), NULL, &e));
    struct tile_nodes nodes = { .fetch = tile_fetch_disk, .context = copy_disk, .size = s.count, .e = &e };
    for (unsigned i = 0; i < 300; i++) {
        hash got[MERKLE_PATH_MAX];
        hash want[MERKLE_PATH_MAX];
        size_t got_count = 0;
        size_t want_count = 0;
        uint64_t size = 1 + test_random(&random) % (s.count - 1);
        nodes.size = s.count;
        if (!merkle_prove_consistency(0, size, s.count, tile_nodes_read, &nodes, got, &got_count)) {
            fail_msg("%s: %s", e.where, e.what);
        }
        assert_true(merkle_prove_consistency(0, size, s.count, model_read, &model, want, &want_count));
        assert_int_equal(got_count, want_count);
        assert_memory_equal(got, want, got_count * sizeof(hash));
    }
    assert_false(tile_nodes_read(&nodes, 3, s.count, note.data));
    tile_nodes_clear(&nodes);
    log_copy_close(copy);
    buffer_clear(&note);
    disk_free(copy_disk);
    disk_free(state_disk);
    source_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_filled_in_any_pieces),
        cmocka_unit_test(goes_on_after_any_cut),
        cmocka_unit_test(refuses_what_the_log_did_not_sign),
        cmocka_unit_test(keeps_to_its_limit),
        cmocka_unit_test(says_what_is_damaged),
        cmocka_unit_test(gives_proofs_from_its_tiles),
    };
    diag_configure(DIAG_ERROR, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
