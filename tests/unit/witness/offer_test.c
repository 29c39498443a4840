/* Cosignatures that mirrors offer: a good one counts, whatever others offer at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/cosignature.h"
#include "evidence/receipt.h"
#include "torture/faulty_disk.h"
#include "witness/cosigner.h"

#define ORIGIN "A/GOV/HOSPITAL/GW1"
enum { SIZE = 7 };

struct rig {
    struct signer *log, *bad, *good;
    struct disk *public;
    struct quorum *policy;
    struct cosigner *cosigner;
    struct buffer text;
};

static struct signer *signer_of(uint8_t number, const char *name, bool is_cosigner)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    struct error e = { 0 };
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, &e));
    assert_true(!is_cosigner || signer_become_cosigner(signer, &e));
    return signer;
}

static uint64_t log_size(void *context)
{
    (void)context;
    return SIZE;
}

static void rolled_back(void *context, const struct error *e)
{
    (void)context;
    fail_msg("%s", e->what);
}

static int set_up(void **state)
{
    const uint8_t root[SHA256_SIZE] = { 1 };
    struct rig *r = calloc(1, sizeof *r);
    struct buffer note, policy;
    struct error e = { 0 };
    assert_non_null(r);
    r->log = signer_of(1, ORIGIN, false);
    r->bad = signer_of(2, "mirror.example/bad", true);
    r->good = signer_of(3, "mirror.example/good", true);
    r->public = sim_disk_make_threaded();
    buffer_init(&r->text, 4096);
    buffer_init(&note, 4096);
    buffer_init(&policy, 4096);
    checkpoint_write(&r->text, BYTES(ORIGIN), SIZE, root);
    assert_true(note_sign(buffer_bytes(&r->text), r->log, &note, &e));
    assert_int_equal(disk_replace(r->public, "checkpoint", buffer_bytes(&note)), 0);
    buffer_append_text(&policy, "witness bad ");
    verifier_write(signer_verifier(r->bad), &policy);
    buffer_append_text(&policy, "\nwitness good ");
    verifier_write(signer_verifier(r->good), &policy);
    buffer_append_text(&policy, "\nquorum good\n");
    assert_true(quorum_parse(&r->policy, buffer_bytes(&policy), "policy", &e));
    buffer_clear(&note);
    buffer_clear(&policy);
    const struct cosigner_options options = {
        .public = r->public, .log = signer_verifier(r->log), .policy = r->policy, .log_size = log_size, .on_rolled_back = rolled_back
    };
    assert_true(cosigner_start(&r->cosigner, &options, &e));
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    cosigner_stop(r->cosigner);
    quorum_free(r->policy);
    disk_free(r->public);
    buffer_clear(&r->text);
    signer_free(r->log);
    signer_free(r->bad);
    signer_free(r->good);
    free(r);
    return 0;
}

static void a_moment(void)
{
    const struct timespec pause = { .tv_nsec = 20 * 1000000L };
    (void)nanosleep(&pause, NULL);
}

static void wait_wanted(struct rig *r)
{
    struct buffer note;
    bool is_wanted = false;
    for (unsigned i = 0; i < 500 && !is_wanted; i++) {
        buffer_init(&note, 65536);
        is_wanted = cosigner_wants(r->cosigner, &note);
        buffer_clear(&note);
        a_moment();
    }
    assert_true(is_wanted);
}

static void line_of(struct rig *r, const struct signer *signer, uint64_t time_s, struct buffer *line)
{
    struct error e = { 0 };
    buffer_init(line, 4096);
    assert_true(cosignature_add(buffer_bytes(&r->text), signer, time_s, line, &e));
}

/* The bad one signs under the good one's name, which everybody knows, and offers what is no line at all, and too much of it. */
static void a_bad_offer_spoils_no_good_one(void **state)
{
    struct rig *r = *state;
    struct buffer good, bad;
    uint64_t now_s = (uint64_t)(time_now_ms() / 1000);
    line_of(r, r->good, now_s, &good);
    line_of(r, r->good, now_s, &bad);
    bad.data[bad.size - 9] = bad.data[bad.size - 9] == 'A' ? 'B' : 'A';
    wait_wanted(r);
    cosigner_offer(r->cosigner, buffer_bytes(&bad));
    cosigner_offer(r->cosigner, BYTES("this is no signature line\n\n"));
    cosigner_offer(r->cosigner, BYTES("cut off"));
    for (unsigned i = 0; i < 1000; i++) {
        cosigner_offer(r->cosigner, buffer_bytes(&bad));
    }
    cosigner_offer(r->cosigner, buffer_bytes(&good));
    for (unsigned i = 0; i < 500 && cosigner_status(r->cosigner).size == 0; i++) {
        a_moment();
    }
    assert_int_equal(cosigner_status(r->cosigner).size, SIZE);
    buffer_clear(&good);
    buffer_clear(&bad);
}

/* A time of the future would be evidence of nothing. */
static void a_time_of_the_future_does_not_count(void **state)
{
    struct rig *r = *state;
    struct buffer line;
    line_of(r, r->good, (uint64_t)(time_now_ms() / 1000) + 100000, &line);
    wait_wanted(r);
    cosigner_offer(r->cosigner, buffer_bytes(&line));
    for (unsigned i = 0; i < 30; i++) {
        a_moment();
        assert_int_equal(cosigner_status(r->cosigner).size, 0);
    }
    buffer_clear(&line);
}

int main(void)
{
#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = { ON_RIG(a_bad_offer_spoils_no_good_one), ON_RIG(a_time_of_the_future_does_not_count) };
    diag_configure(DIAG_ERROR + 1, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
