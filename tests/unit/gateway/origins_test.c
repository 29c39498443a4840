/* What is known of other logs: the newest checkpoint, and two histories of one size. */
#include "gateway/origins_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/note.h"

#define ORIGIN "A/GOV/HOSPITAL/GW1"

struct rig {
    struct signer *log;
    struct watch *watch;
    struct origins *origins;
};

static int set_up(void **state)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { 1 };
    struct error e = { 0 };
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_true(signer_from_seed(&r->log, BYTES(ORIGIN), seed, &e));
    assert_true(watch_open(&r->watch, NULL, &e));
    r->origins = origins_make();
    assert_non_null(r->origins);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    origins_free(r->origins);
    watch_free(r->watch);
    signer_free(r->log);
    free(r);
    return 0;
}

/* A checkpoint of `size` entries under the root `fill`, with so many lines of signers that nobody knows. */
static bool note(struct rig *r, uint64_t size, uint8_t fill, size_t strangers)
{
    struct checkpoint_view view = { .origin = BYTES(ORIGIN), .size = size };
    struct buffer text, signed_note;
    struct error e = { 0 };
    memset(view.root, fill, sizeof view.root);
    buffer_init(&text, 4096);
    buffer_init(&signed_note, 65536);
    checkpoint_write(&text, view.origin, size, view.root);
    assert_true(note_sign(buffer_bytes(&text), r->log, &signed_note, &e));
    for (size_t i = 0; i < strangers; i++) {
        buffer_append_format(&signed_note, "\xE2\x80\x94 stranger.example/%zu AAAAAAAA\n", i);
    }
    bool is_trusted = origins_note(r->origins, r->watch, signer_verifier(r->log), &view, buffer_bytes(&signed_note));
    buffer_clear(&text);
    buffer_clear(&signed_note);
    return is_trusted;
}

static void the_newest_is_named(void **state)
{
    struct rig *r = *state;
    struct arena arena = { 0 };
    assert_true(bytes_equal(origins_text(r->origins, signer_verifier(r->log), &arena), BYTES("none")));
    assert_true(note(r, 7, 1, 0));
    assert_true(note(r, 5, 2, 0)); /* older: of another size there is nothing to compare */
    assert_true(note(r, 7, 1, 3));
    assert_true(
        bytes_equal(origins_text(r->origins, signer_verifier(r->log), &arena), BYTES("7 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")));
    assert_int_equal(watch_count(r->watch), 0);
    arena_clear(&arena);
}

static void two_roots_are_caught(void **state)
{
    struct rig *r = *state;
    assert_true(note(r, 7, 1, 0));
    assert_false(note(r, 7, 2, 0));
    assert_int_equal(watch_count(r->watch), 1);
    assert_false(note(r, 8, 1, 0));
}

/* Lines that nobody knows make a note too long to be kept as it is: that must not save a log with two histories. */
static void two_roots_are_caught_behind_many_lines(void **state)
{
    struct rig *r = *state;
    assert_true(note(r, 7, 1, 90));
    assert_false(note(r, 7, 2, 90));
    assert_int_equal(watch_count(r->watch), 1);
}

int main(void)
{
#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_RIG(the_newest_is_named),
        ON_RIG(two_roots_are_caught),
        ON_RIG(two_roots_are_caught_behind_many_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
