#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "base/time.h"
#include "evidence/cosignature.h"
#include "merkle_model.h"
#include "torture/faulty_disk.h"
#include "witness/peer.h"
#include "witness/witness.h"

#define ORIGIN "A/GOV/HOSPITAL/GW1"
#define DASH "\xE2\x80\x94 "
enum { LEAVES = 80, NOW_S = 1700000000 };
static const int64_t now_ms = (int64_t)NOW_S * 1000;

/* Two communities by hand: ours with two gateways (ORIGIN and ourselves), and one that claims ORIGIN for a key of its own. */
struct rig {
    struct signer *log, *claimant, *self, *witness_key;
    struct directory_gateway gateways[2], foreign_gateways[2];
    struct directory_member member, foreign_member;
    struct directory own, foreign, *foreigns[1];
    struct directory_recognition recognition;
    const struct directory_recognition *recognitions[1];
    struct world world;
    struct disk *disk;
    struct watch *watch;
    struct witness *witness;
    hash *leaves, *forked; /* forked: the same but for entry 0 */
};

static struct signer *signer_of(uint8_t number, const char *name)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    struct error e = { 0 };
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, &e));
    return signer;
}

static void open_witness(struct rig *r, struct disk *disk)
{
    struct error e = { 0 };
    r->disk = disk;
    assert_true(watch_open(&r->watch, disk, &e));
    assert_true(witness_make(&r->witness, disk, r->witness_key, r->watch, BYTES("A/GOV/CLINIC/GW1"), &e));
}

static void close_witness(struct rig *r)
{
    witness_free(r->witness);
    watch_free(r->watch);
    r->witness = NULL;
    r->watch = NULL;
}

static int set_up(void **state)
{
    struct error e = { 0 };
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->log = signer_of(1, ORIGIN);
    r->claimant = signer_of(2, ORIGIN);
    r->self = signer_of(3, "A/GOV/CLINIC/GW1");
    r->witness_key = signer_of(4, "A/GOV/CLINIC/GW1/witness");
    assert_true(signer_become_cosigner(r->witness_key, &e));
    r->gateways[0].statement_key = *signer_verifier(r->log);
    r->gateways[1].statement_key = *signer_verifier(r->self);
    r->member = (struct directory_member){ .gateways = r->gateways, .gateway_count = 2 };
    r->own = (struct directory){
        .community = BYTES("A"), .valid_from_ms = INT64_MIN, .valid_until_ms = INT64_MAX, .members = &r->member, .member_count = 1
    };
    r->foreign_gateways[0].statement_key = *signer_verifier(r->claimant);
    r->foreign_member = (struct directory_member){ .gateways = r->foreign_gateways, .gateway_count = 1 };
    r->foreign = (struct directory){
        .community = BYTES("B"), .valid_until_ms = INT64_MAX, .members = &r->foreign_member, .member_count = 1
    };
    r->foreigns[0] = &r->foreign;
    r->recognition = (struct directory_recognition){ .community = BYTES("B"), .valid_until_ms = INT64_MAX };
    r->recognitions[0] = &r->recognition;
    r->world = (struct world){ .own = &r->own, .foreign = r->foreigns, .foreign_count = 0, .recognitions = r->recognitions };
    r->leaves = model_leaves(5, LEAVES);
    r->forked = model_leaves(5, LEAVES);
    r->forked[0][0] ^= 1;
    open_witness(r, sim_disk_make_threaded());
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    close_witness(r);
    disk_free(r->disk);
    signer_free(r->log);
    signer_free(r->claimant);
    signer_free(r->self);
    signer_free(r->witness_key);
    free(r->leaves);
    free(r->forked);
    free(r);
    return 0;
}

static void sign(struct buffer *out, const struct signer *signer, uint64_t size, const hash *leaves)
{
    hash root;
    struct buffer text;
    struct error e = { 0 };
    buffer_init(out, 65536);
    buffer_init(&text, 4096);
    model_root(leaves, 0, size, root);
    checkpoint_write(&text, bytes_of_text(signer_verifier(signer)->name), size, root);
    assert_true(note_sign(buffer_bytes(&text), signer, out, &e));
    buffer_clear(&text);
}

/* The body for `old` to `size` of this history. */
static void body_of(struct buffer *out, const struct signer *signer, const hash *leaves, uint64_t old, uint64_t size)
{
    struct buffer note;
    hash path[MERKLE_PATH_MAX];
    size_t count = old > 0 && old < size ? model_consistency(leaves, 0, old, 0, size, true, path) : 0;
    sign(&note, signer, size, leaves);
    buffer_init(out, 1U << 20);
    submission_write(out, old, (const uint8_t(*)[SHA256_SIZE])path, count, buffer_bytes(&note));
    buffer_clear(&note);
}

static unsigned post(struct rig *r, struct bytes body, int64_t at_ms, struct witness_answer *answer)
{
    witness_answer_init(answer);
    witness_add_checkpoint(r->witness, &r->world, body, at_ms, answer);
    return answer->status;
}

/* Submits, and fails the test unless the answer is `status`, and, if 409, `known`. Of a 200 the cosignature's time. */
static uint64_t expect(struct rig *r, struct bytes body, int64_t at_ms, unsigned status, uint64_t known)
{
    struct witness_answer answer;
    uint64_t time_s = 0;
    if (post(r, body, at_ms, &answer) != status) {
        fail_msg("%u instead of %u: %s", answer.status, status, answer.why.what);
    }
    if (status == 409) {
        char text[32];
        (void)snprintf(text, sizeof text, "%llu\n", (unsigned long long)known);
        assert_true(bytes_equal(buffer_bytes(&answer.body), bytes_of_text(text)));
        assert_string_equal(answer.content_type, "text/x.tlog.size");
    } else if (status == 200) {
        struct error e = { 0 };
        struct submission s;
        struct buffer line;
        buffer_init(&line, 4096);
        assert_true(submission_parse(&s, body, &e));
        assert_true(cosignature_take(s.note.text, buffer_bytes(&answer.body), witness_key(r->witness), &line, &time_s, "test", &e));
        assert_true(bytes_equal(buffer_bytes(&line), buffer_bytes(&answer.body)));
        buffer_clear(&line);
    } else {
        assert_int_equal(answer.body.size, 0);
        assert_true(answer.why.what[0] != '\0');
    }
    witness_answer_clear(&answer);
    return time_s;
}

static uint64_t go(struct rig *r, uint64_t old, uint64_t size, unsigned status, uint64_t known)
{
    struct buffer body;
    body_of(&body, r->log, r->leaves, old, size);
    uint64_t time_s = expect(r, buffer_bytes(&body), now_ms, status, known);
    buffer_clear(&body);
    return time_s;
}

static void the_table_of_answers(void **state)
{
    struct rig *r = *state;
    go(r, 3, 7, 409, 0); /* never seen: old must be 0 */
    assert_int_equal(go(r, 0, 7, 200, 0), NOW_S);
    go(r, 0, 7, 409, 7);
    go(r, 0, 20, 409, 7);
    go(r, 3, 20, 409, 7);
    go(r, 7, 20, 200, 0);
    go(r, 20, 20, 200, 0); /* again, for a fresher time */
    go(r, 7, 20, 409, 20);
    go(r, 7, 7, 409, 20);
    struct buffer body;
    body_of(&body, r->claimant, r->leaves, 20, 21); /* another key of the name */
    expect(r, buffer_bytes(&body), now_ms, 403, 0);
    buffer_clear(&body);
    struct signer *stranger = signer_of(9, "A/GOV/NOBODY/GW1");
    body_of(&body, stranger, r->leaves, 0, 5);
    expect(r, buffer_bytes(&body), now_ms, 404, 0);
    buffer_clear(&body);
    signer_free(stranger);
    body_of(&body, r->self, r->leaves, 0, 5); /* our own log is not for us to witness */
    expect(r, buffer_bytes(&body), now_ms, 404, 0);
    buffer_clear(&body);
    r->own.valid_until_ms = now_ms; /* the directory has ended: nobody is known */
    go(r, 20, 21, 404, 0);
    r->own.valid_until_ms = INT64_MAX;
    go(r, 20, 21, 200, 0);
}

static void malformed_bodies_are_400(void **state)
{
    struct rig *r = *state;
    struct buffer note, body, many;
    sign(&note, r->log, 5, r->leaves);
    const char *const note_text = (const char *)note.data;
    int note_size = (int)note.size;
    static const char *const fronts[] = { "",
                                          "old 0\n",
                                          "old 00\n\n",
                                          "old -1\n\n",
                                          "old  0\n\n",
                                          "Old 0\n\n",
                                          "old 0\r\n\n",
                                          "old\n\n",
                                          "old 6\n\n",
                                          "old 0 \n\n",
                                          "old 0x1\n\n",
                                          "0\n\n",
                                          "old 18446744073709551616\n\n",
                                          "old 0\nAA==\n\n",
                                          "old 0\nnot base64\n\n",
                                          "old 0\n\n\n" };
    go(r, 0, 4, 200, 0);
    buffer_init(&body, 1U << 20);
    for (size_t i = 0; i < COUNT_OF(fronts); i++) {
        buffer_reset(&body);
        buffer_append_format(&body, "%s%.*s", fronts[i], note_size, note_text);
        expect(r, buffer_bytes(&body), now_ms, 400, 0);
    }
    /* 63 lines of proof are a proof, and wrong; 64 are too many. */
    for (unsigned lines = 63; lines <= 64; lines++) {
        buffer_reset(&body);
        buffer_append_text(&body, "old 4\n");
        for (unsigned i = 0; i < lines; i++) {
            buffer_append_text(&body, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
        }
        buffer_append_format(&body, "\n%.*s", note_size, note_text);
        expect(r, buffer_bytes(&body), now_ms, lines == 63 ? 422 : 400, 0);
    }
    /* Extension lines, leading zeros, no signature at all, too large a body. */
    static const char *const texts[] = { ORIGIN "\n5\n%s\nextension\n\n", ORIGIN "\n05\n%s\n\n", ORIGIN "\n5\n\n", ORIGIN "\n-5\n%s\n\n" };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buffer_reset(&body);
        buffer_append_text(&body, "old 4\n\n");
        struct bytes before = bytes_of_text(texts[i]);
        while (before.size > 0) {
            bool is_root = bytes_start_with(before, BYTES("%s"));
            buffer_append(&body, is_root ? BYTES("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") : bytes_slice(before, 0, 1));
            before = bytes_slice(before, is_root ? 2 : 1, before.size);
        }
        buffer_append_text(&body, DASH ORIGIN " AAAAAAA=\n");
        expect(r, buffer_bytes(&body), now_ms, 400, 0);
    }
    buffer_init(&many, 2 * SUBMISSION_BYTES_MAX);
    buffer_append_text(&many, "old 4\n\n");
    buffer_append(&many, buffer_bytes(&note));
    while (many.size <= SUBMISSION_BYTES_MAX) {
        buffer_append_text(&many, DASH "x AAAAAAA=\n");
    }
    expect(r, buffer_bytes(&many), now_ms, 400, 0);
    buffer_clear(&many);
    buffer_clear(&body);
    buffer_clear(&note);
    go(r, 4, 5, 200, 0); /* and it lives on */
}

static void other_signatures_are_passed_over_and_not_kept(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    struct witness_answer answer;
    char name[STATE_NAME_SIZE];
    size_t size = 0;
    body_of(&body, r->log, r->leaves, 0, 5);
    for (unsigned i = 0; i < NOTE_SIGNATURES_MAX - 1; i++) {
        buffer_append_format(&body, DASH "stranger%u AAAAAAA=\n", i);
    }
    expect(r, buffer_bytes(&body), now_ms, 200, 0);
    buffer_append_text(&body, DASH "one-too-many AAAAAAA=\n");
    expect(r, buffer_bytes(&body), now_ms, 400, 0);
    state_name(BYTES(ORIGIN), name);
    const uint8_t *data = sim_disk_data(r->disk, name, &size);
    assert_non_null(data);
    witness_answer_init(&answer);
    witness_get_checkpoint(r->witness, bytes_of_text(name), &answer);
    assert_int_equal(answer.status, 200);
    assert_true(bytes_equal(buffer_bytes(&answer.body), bytes_of(data, size)));
    struct note note;
    struct error e = { 0 };
    assert_true(note_parse(&note, buffer_bytes(&answer.body), "test", &e));
    assert_int_equal(note.signature_count, 2);
    witness_answer_clear(&answer);
    static const char *const none[] = { "", "0", "../../etc/passwd", "equivocation",
                                        "0000000000000000000000000000000000000000000000000000000000000000" };
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        witness_answer_init(&answer);
        witness_get_checkpoint(r->witness, bytes_of_text(none[i]), &answer);
        assert_int_equal(answer.status, 404);
        witness_answer_clear(&answer);
    }
    buffer_clear(&body);
}

static void the_empty_log(void **state)
{
    struct rig *r = *state;
    struct buffer body, text, note;
    struct error e = { 0 };
    go(r, 0, 0, 200, 0);
    go(r, 0, 0, 200, 0);
    hash wrong = { 1 };
    buffer_init(&text, 4096);
    buffer_init(&note, 4096);
    buffer_init(&body, 8192);
    checkpoint_write(&text, BYTES(ORIGIN), 0, wrong);
    assert_true(note_sign(buffer_bytes(&text), r->log, &note, &e));
    submission_write(&body, 0, NULL, 0, buffer_bytes(&note));
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    assert_int_equal(watch_count(r->watch), 1); /* two roots of size 0 are two histories as well */
    buffer_clear(&body);
    buffer_clear(&text);
    buffer_clear(&note);
}

static void a_proof_from_nothing_is_empty(void **state)
{
    struct rig *r = *state;
    struct buffer body, note;
    hash path[1] = { { 0 } };
    sign(&note, r->log, 5, r->leaves);
    buffer_init(&body, 65536);
    submission_write(&body, 0, (const uint8_t(*)[SHA256_SIZE])path, 1, buffer_bytes(&note));
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    go(r, 0, 5, 200, 0);
    buffer_reset(&body);
    submission_write(&body, 5, (const uint8_t(*)[SHA256_SIZE])path, 1, buffer_bytes(&note));
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    assert_int_equal(watch_count(r->watch), 0); /* garbage proves nothing */
    go(r, 5, 5, 200, 0);
    buffer_clear(&body);
    buffer_clear(&note);
}

static void every_pair_of_sizes(void **state)
{
    struct rig *r = *state;
    uint64_t at = 0;
    uint64_t random = 3;
    while (at < LEAVES) {
        uint64_t next = at + 1 + test_random(&random) % 9;
        next = next > LEAVES ? LEAVES : next;
        go(r, at, next, 200, 0);
        at = next;
    }
    for (uint64_t old = 0; old < LEAVES; old++) {
        go(r, old, LEAVES, 409, LEAVES);
    }
}

/* `body` shows the second history; the log is caught, also after a restart, until the file is gone. */
static void check_caught(struct rig *r, struct bytes body, unsigned status, uint64_t known)
{
    char path[WATCH_NAME_SIZE + 32], name[WATCH_NAME_SIZE];
    struct error e = { 0 };
    size_t size = 0;
    expect(r, body, now_ms, status, known);
    assert_int_equal(watch_count(r->watch), 1);
    assert_true(watch_is_distrusted(r->watch, signer_verifier(r->log)));
    assert_false(watch_is_distrusted(r->watch, signer_verifier(r->claimant)));
    watch_name(signer_verifier(r->log), name);
    (void)snprintf(path, sizeof path, WATCH_FOLDER "/%s", name);
    const uint8_t *data = sim_disk_data(r->disk, path, &size);
    assert_non_null(data);
    static struct equivocation proof;
    assert_true(equivocation_check(&proof, bytes_of(data, size), path, &e));
    assert_true(verifier_equal(&proof.log, signer_verifier(r->log)));
    expect(r, body, now_ms, 403, 0);

    close_witness(r);
    sim_disk_power_cut(r->disk, 1); /* the proof was synced */
    open_witness(r, r->disk);
    assert_true(watch_is_distrusted(r->watch, signer_verifier(r->log)));
    assert_int_equal(r->disk->functions->remove(r->disk, path), 0);
    assert_true(watch_reload(r->watch, &e));
    assert_false(watch_is_distrusted(r->watch, signer_verifier(r->log)));
}

static void two_histories_of_one_size(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    go(r, 0, 7, 200, 0);
    body_of(&body, r->log, r->forked, 7, 7);
    check_caught(r, buffer_bytes(&body), 422, 0);
    buffer_clear(&body);
    body_of(&body, r->log, r->forked, 0, 7); /* whatever old size it names */
    check_caught(r, buffer_bytes(&body), 409, 7);
    buffer_clear(&body);
    go(r, 7, 8, 200, 0); /* trusted again: the history that we cosigned goes on */
}

static void two_histories_of_two_sizes(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    go(r, 0, 7, 200, 0);
    body_of(&body, r->log, r->forked, 7, 20);
    check_caught(r, buffer_bytes(&body), 422, 0);
    buffer_clear(&body);
    go(r, 7, 8, 200, 0);
    body_of(&body, r->log, r->forked, 8, 20); /* from a power of two the path does not say what the past was */
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    assert_int_equal(watch_count(r->watch), 0);
    buffer_clear(&body);
}

static void bad_files_among_the_proofs(void **state)
{
    struct rig *r = *state;
    struct error e = { 0 };
    struct buffer body;
    char path[WATCH_NAME_SIZE + 32], name[WATCH_NAME_SIZE];
    size_t size = 0;
    go(r, 0, 7, 200, 0);
    body_of(&body, r->log, r->forked, 7, 7);
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    buffer_clear(&body);
    assert_int_equal(disk_replace(r->disk, WATCH_FOLDER "/nonsense.proof", BYTES("nonsense")), 0);
    assert_int_equal(disk_replace(r->disk, WATCH_FOLDER "/readme.txt", BYTES("kept by the operator")), 0);
    assert_true(watch_reload(r->watch, &e));
    assert_int_equal(watch_count(r->watch), 1);
    watch_name(signer_verifier(r->log), name);
    (void)snprintf(path, sizeof path, WATCH_FOLDER "/%s", name);
    uint8_t *data = sim_disk_data(r->disk, path, &size);
    data[size / 2] ^= 1;
    assert_true(watch_reload(r->watch, &e));
    assert_int_equal(watch_count(r->watch), 0);
}

/* Anybody may send a log's newest checkpoint: that makes no work for the disk. */
static void the_same_again_is_not_written_again(void **state)
{
    struct rig *r = *state;
    struct disk *real = r->disk;
    struct faults plan = { .fault = ENOSPC, .kinds = CALL_CHANGES, .fail_at = UINT64_MAX };
    struct faulty_disk faulty;
    struct buffer body;
    close_witness(r);
    faulty_disk_init(&faulty, real, &plan);
    open_witness(r, &faulty.disk);
    go(r, 0, 7, 200, 0);
    body_of(&body, r->log, r->leaves, 7, 7);
    plan.calls = 0;
    assert_int_equal(expect(r, buffer_bytes(&body), now_ms + 999, 200, 0), NOW_S);
    assert_int_equal(expect(r, buffer_bytes(&body), now_ms - 5000, 200, 0), NOW_S);
    assert_int_equal(plan.calls, 0);
    assert_int_equal(expect(r, buffer_bytes(&body), now_ms + 1000, 200, 0), NOW_S + 1);
    assert_true(plan.calls > 0);
    buffer_clear(&body);
    close_witness(r);
    r->disk = real;
    open_witness(r, real);
}

/* A folder that takes no proof, or gives none, makes nobody trusted. */
static void a_folder_of_proofs_that_fails(void **state)
{
    struct rig *r = *state;
    struct disk *real = r->disk;
    struct error e = { 0 };
    struct buffer body;
    struct faults plan = { .fault = ENOSPC, .kinds = CALL_ALL, .fail_at = UINT64_MAX };
    struct faulty_disk faulty;
    go(r, 0, 7, 200, 0);
    close_witness(r);
    faulty_disk_init(&faulty, real, &plan);
    open_witness(r, &faulty.disk);
    body_of(&body, r->log, r->forked, 7, 7);
    plan.calls = 0;
    plan.fail_at = 4; /* what is known of the log can be read, the proof not be written */
    plan.from_then_on = true;
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    assert_true(watch_is_distrusted(r->watch, signer_verifier(r->log)));
    plan.fail_at = UINT64_MAX;
    plan.from_then_on = false;
    assert_true(watch_reload(r->watch, &e));
    assert_true(watch_is_distrusted(r->watch, signer_verifier(r->log)));

    close_witness(r);
    open_witness(r, &faulty.disk);
    assert_false(watch_is_distrusted(r->watch, signer_verifier(r->log))); /* nothing was written */
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    buffer_clear(&body);
    plan.fault = EIO;
    for (uint64_t at = 0; at < 3; at++) { /* the folder, the file's open, its reading */
        plan.calls = 0;
        plan.fail_at = at;
        assert_false(watch_reload(r->watch, &e));
        assert_true(watch_is_distrusted(r->watch, signer_verifier(r->log)));
    }
    plan.fail_at = UINT64_MAX;
    assert_true(watch_reload(r->watch, &e));
    assert_int_equal(watch_count(r->watch), 1);
    close_witness(r);
    r->disk = real;
    open_witness(r, real);
}

/* Another community lists ORIGIN for its own key: it can't take over a log that we know, nor be taken for it. */
static void a_name_claimed_by_another_community(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    r->world.foreign_count = 1;
    go(r, 0, 7, 200, 0);
    body_of(&body, r->claimant, r->forked, 7, 20);
    expect(r, buffer_bytes(&body), now_ms, 403, 0);
    buffer_clear(&body);
    body_of(&body, r->claimant, r->forked, 0, 20);
    expect(r, buffer_bytes(&body), now_ms, 403, 0);
    buffer_clear(&body);
    go(r, 7, 8, 200, 0);
    assert_int_equal(watch_count(r->watch), 0);
    r->member.gateway_count = 0; /* the log's own community drops it: now the name is the other's, whose history does not fit */
    body_of(&body, r->claimant, r->forked, 0, 20);
    expect(r, buffer_bytes(&body), now_ms, 409, 8);
    buffer_clear(&body);
    body_of(&body, r->claimant, r->forked, 8, 20);
    expect(r, buffer_bytes(&body), now_ms, 422, 0);
    buffer_clear(&body);
    assert_int_equal(watch_count(r->watch), 0);
}

/* Nor one that we do not know yet: who lists it first would else be the log for good. */
static void a_name_claimed_before_its_log_comes(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    r->world.foreign_count = 1;
    body_of(&body, r->claimant, r->forked, 0, 7);
    expect(r, buffer_bytes(&body), now_ms, 403, 0);
    buffer_clear(&body);
    go(r, 0, 7, 200, 0);
    go(r, 7, 8, 200, 0);
}

/* Of two communities that we recognise, the one whose name the origin begins with has the word, wherever it stands. */
static void a_name_of_a_third_community(void **state)
{
    struct rig *r = *state;
    struct signer *claimant = signer_of(7, "C/GOV/SCHOOL/GW1"), *school = signer_of(8, "C/GOV/SCHOOL/GW1");
    struct directory_gateway gateways[2] = { { .statement_key = *signer_verifier(claimant) },
                                             { .statement_key = *signer_verifier(school) } };
    struct directory_member members[2] = { { .gateways = &gateways[0], .gateway_count = 1 },
                                           { .gateways = &gateways[1], .gateway_count = 1 } };
    struct directory b = r->foreign, c = r->foreign, *foreigns[2] = { &b, &c };
    const struct directory_recognition *recognitions[2] = { &r->recognition, &r->recognition };
    struct world world = { .own = &r->own, .foreign = foreigns, .foreign_count = 2, .recognitions = recognitions };
    const struct verifier *keys[PEER_KEYS_MAX];
    b.members = &members[0];
    c.members = &members[1];
    c.community = BYTES("C");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(peer_keys_by_origin(&world, BYTES("C/GOV/SCHOOL/GW1"), now_ms, keys), 1);
        assert_ptr_equal(keys[0], &gateways[1].statement_key);
        assert_ptr_equal(peer_by_origin(&world, BYTES("C/GOV/SCHOOL/GW1"), now_ms), &gateways[1]);
        foreigns[0] = &c;
        foreigns[1] = &b;
    }
    c.members = &r->foreign_member; /* it has no such gateway any more: others that list the name are asked, in their order */
    assert_int_equal(peer_keys_by_origin(&world, BYTES("C/GOV/SCHOOL/GW1"), now_ms, keys), 1);
    assert_ptr_equal(keys[0], &gateways[0].statement_key);
    assert_int_equal(peer_keys_by_origin(&world, BYTES("C/GOV/NOBODY/GW1"), now_ms, keys), 0);
    assert_null(peer_by_origin(&world, BYTES("C/GOV/NOBODY/GW1"), now_ms));
    signer_free(claimant);
    signer_free(school);
}

static void times_never_go_back(void **state)
{
    struct rig *r = *state;
    struct buffer body;
    static const struct {
        int64_t at_ms;
        uint64_t time_s;
        unsigned status;
    } row[] = {
        { 0, 0, 503 }, { 999, 0, 503 }, { -5000, 0, 503 }, { 5000, 5, 200 },      { 4000, 5, 200 },
        { 0, 5, 200 }, { -1, 5, 200 },  { 7000, 7, 200 },  { INT64_MIN, 7, 200 }, { 6999, 7, 200 },
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint64_t size = i < 4 ? 0 : 5;
        body_of(&body, r->log, r->leaves, size, 5);
        assert_int_equal(expect(r, buffer_bytes(&body), row[i].at_ms, row[i].status, 0), row[i].time_s);
        buffer_clear(&body);
        close_witness(r);
        sim_disk_power_cut(r->disk, i);
        open_witness(r, r->disk);
    }
}

/* Each call on the disk fails in turn, and the power fails after it: what was answered with 200 is never forgotten. */
static void a_disk_that_fails(void **state)
{
    struct rig *r = *state;
    struct disk *real = r->disk;
    static const int faults[] = { EIO, ENOSPC, EROFS };
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t acknowledged = 0;
        close_witness(r);
        struct faults plan = { .fault = faults[seed % COUNT_OF(faults)], .kinds = CALL_ALL, .fail_at = UINT64_MAX };
        struct faulty_disk faulty;
        faulty_disk_init(&faulty, real, &plan);
        struct error e = { 0 };
        assert_true(watch_open(&r->watch, NULL, &e));
        assert_true(witness_make(&r->witness, &faulty.disk, r->witness_key, r->watch, BYTES("A/GOV/CLINIC/GW1"), &e));
        r->disk = &faulty.disk;
        struct witness_answer answer;
        char name[STATE_NAME_SIZE];
        uint64_t at = 0;
        struct checkpoint_state known;
        checkpoint_state_init(&known);
        state_name(BYTES(ORIGIN), name);
        assert_true(checkpoint_state_load(&known, real, name, BYTES(ORIGIN), witness_key(r->witness), &e));
        at = known.size;
        checkpoint_state_clear(&known);
        acknowledged = at;
        plan.calls = 0;
        plan.fail_at = seed % 23;
        plan.from_then_on = seed % 2 == 1;
        for (unsigned i = 0; i < 4 && at + i < LEAVES; i++) {
            struct buffer body;
            body_of(&body, r->log, r->leaves, acknowledged, at + i);
            unsigned status = post(r, buffer_bytes(&body), now_ms, &answer);
            assert_true(status == 200 || status == 503 || status == 409);
            if (status == 200) {
                acknowledged = at + i;
            } else if (status == 409) { /* the store worked and the answer did not: it knows more than it said */
                uint64_t size = 0;
                assert_true(bytes_to_u64(bytes_slice(buffer_bytes(&answer.body), 0, answer.body.size - 1), &size));
                assert_true(size >= acknowledged);
                acknowledged = size;
            }
            witness_answer_clear(&answer);
            buffer_clear(&body);
        }
        plan.fail_at = UINT64_MAX;
        plan.from_then_on = false;
        sim_disk_power_cut(real, seed);
        checkpoint_state_init(&known);
        if (!checkpoint_state_load(&known, real, name, BYTES(ORIGIN), witness_key(r->witness), &e)) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, e.what);
        }
        assert_true(known.size >= acknowledged);
        if (known.size == LEAVES) {
            assert_int_equal(real->functions->remove(real, name), 0);
            assert_int_equal(real->functions->sync_folder(real, ""), 0);
        }
        checkpoint_state_clear(&known);
        r->disk = real;
    }
}

static void a_damaged_state_signs_nothing(void **state)
{
    struct rig *r = *state;
    char name[STATE_NAME_SIZE];
    size_t size = 0;
    go(r, 0, 7, 200, 0);
    state_name(BYTES(ORIGIN), name);
    uint8_t *data = sim_disk_data(r->disk, name, &size);
    for (size_t i = 0; i < size; i++) {
        struct witness_answer answer;
        struct buffer body;
        data = sim_disk_data(r->disk, name, &size);
        data[i] ^= 4;
        body_of(&body, r->log, r->leaves, 7, 8);
        unsigned status = post(r, buffer_bytes(&body), now_ms, &answer);
        if (status == 200) { /* the log's own line is not under our signature, and says nothing about what we know */
            const uint8_t *lines = memmem(data, size, "\n\n", 2);
            assert_true(lines == NULL || data + i > lines);
            assert_int_equal(r->disk->functions->remove(r->disk, name), 0);
            witness_answer_clear(&answer);
            buffer_clear(&body);
            go(r, 0, 7, 200, 0);
            continue;
        }
        assert_int_equal(status, 503);
        witness_answer_clear(&answer);
        buffer_clear(&body);
        data = sim_disk_data(r->disk, name, &size);
        data[i] ^= 4;
    }
    go(r, 7, 8, 200, 0);
    /* A witness key that was replaced does not know what the old one signed. */
    struct error e = { 0 };
    signer_free(r->witness_key);
    r->witness_key = signer_of(77, "A/GOV/CLINIC/GW1/witness");
    assert_true(signer_become_cosigner(r->witness_key, &e));
    struct disk *disk = r->disk;
    close_witness(r);
    open_witness(r, disk);
    go(r, 8, 9, 503, 0);
}

struct racer {
    struct rig *r;
    pthread_t thread;
    uint64_t size;
    unsigned status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct buffer body;
    struct witness_answer answer;
    body_of(&body, racer->r->log, racer->r->leaves, 10, racer->size);
    racer->status = post(racer->r, buffer_bytes(&body), now_ms, &answer);
    witness_answer_clear(&answer);
    buffer_clear(&body);
    return NULL;
}

/* Eight at once from the same old size: exactly one is cosigned, and no later one rolls it back. */
static void comparing_and_storing_is_one_step(void **state)
{
    struct rig *r = *state;
    for (unsigned round = 0; round < 20; round++) {
        struct racer racers[8];
        char name[STATE_NAME_SIZE];
        unsigned good = 0;
        state_name(BYTES(ORIGIN), name);
        (void)r->disk->functions->remove(r->disk, name);
        go(r, 0, 10, 200, 0);
        for (unsigned i = 0; i < COUNT_OF(racers); i++) {
            racers[i] = (struct racer){ .r = r, .size = 20 + i };
            assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        uint64_t won = 0;
        for (unsigned i = 0; i < COUNT_OF(racers); i++) {
            assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
            assert_true(racers[i].status == 200 || racers[i].status == 409);
            good += racers[i].status == 200;
            won = racers[i].status == 200 ? racers[i].size : won;
        }
        assert_int_equal(good, 1);
        go(r, 0, 30, 409, won);
    }
}

static void the_known_answer_as_a_body(void **state)
{
    json_error_t fault;
    struct error e = { 0 };
    struct submission s;
    struct buffer again;
    (void)state;
    json_t *kat = json_load_file(VECTORS "/tlog-kat.json", 0, &fault);
    assert_non_null(kat);
    struct bytes body = bytes_of_text(json_string_value(json_object_get(kat, "add_checkpoint_3_to_7")));
    assert_true(submission_parse(&s, body, &e));
    assert_int_equal(s.old_size, 3);
    assert_int_equal(s.path_count, 4);
    assert_int_equal(s.view.size, 7);
    buffer_init(&again, 4096);
    submission_write(&again, s.old_size, (const uint8_t(*)[SHA256_SIZE])s.path, s.path_count, s.checkpoint);
    assert_true(bytes_equal(buffer_bytes(&again), body));
    buffer_clear(&again);
    json_decref(kat);
}

static void count_logs(void *context, const struct witness_log *log)
{
    struct {
        unsigned all, cosigned;
        uint64_t size;
    } *count = context;
    count->all++;
    count->cosigned += log->is_cosigned;
    count->size = log->is_cosigned ? log->size : count->size;
    assert_int_equal(log->fault.kind, ERROR_NONE);
}

static void the_list_of_logs(void **state)
{
    struct rig *r = *state;
    struct {
        unsigned all, cosigned;
        uint64_t size;
    } count = { 0 };
    go(r, 0, 7, 200, 0);
    witness_list(r->witness, &r->world, now_ms, count_logs, &count);
    assert_true(count.all == 1 && count.cosigned == 1 && count.size == 7);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_RIG(the_table_of_answers),
        ON_RIG(malformed_bodies_are_400),
        ON_RIG(other_signatures_are_passed_over_and_not_kept),
        ON_RIG(the_empty_log),
        ON_RIG(a_proof_from_nothing_is_empty),
        ON_RIG(every_pair_of_sizes),
        ON_RIG(two_histories_of_one_size),
        ON_RIG(two_histories_of_two_sizes),
        ON_RIG(bad_files_among_the_proofs),
        ON_RIG(the_same_again_is_not_written_again),
        ON_RIG(a_folder_of_proofs_that_fails),
        ON_RIG(a_name_claimed_by_another_community),
        ON_RIG(a_name_claimed_before_its_log_comes),
        ON_RIG(a_name_of_a_third_community),
        ON_RIG(times_never_go_back),
        ON_RIG(a_disk_that_fails),
        ON_RIG(a_damaged_state_signs_nothing),
        ON_RIG(comparing_and_storing_is_one_step),
        ON_RIG(the_list_of_logs),
        cmocka_unit_test(the_known_answer_as_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
