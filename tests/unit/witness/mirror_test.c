/* A mirror and its client, face to face: whatever is lost or restarted in between, and what a log or a stranger may try. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"
#include "evidence/cosignature.h"
#include "evidence/log.h"
#include "evidence/log_copy.h"
#include "evidence/tile_nodes.h"
#include "merkle_model.h"
#include "torture/faulty_disk.h"
#include "witness/mirror.h"
#include "witness/mirror_push.h"

#define ORIGIN "A/GOV/HOSPITAL/GW1"
enum { ENTRIES = 12000 };
static const int64_t now_ms = INT64_C(1700000000000);

/* A log that is mirrored, with its public folder on a disk, and the mirror. */
struct rig {
    struct signer *log, *self, *cosigner;
    struct verifier mirror_key;
    struct directory_gateway gateways[2];
    struct directory_member member;
    struct directory own;
    struct world world;
    hash *entries, *leaves;
    struct disk *public, *source_state;
    struct log_copy *source; /* writes the log's public folder */
    struct disk *mirrors, *folder;
    struct faults faults;
    struct faulty_disk faulty_mirrors, faulty_folder;
    struct mirror *mirror;
    struct mirror_push push;
    struct watch *watch;
    uint64_t bytes_max;
    unsigned posts, lose_every; /* requests; each n-th is lost, its answer every other time */
};

static struct signer *signer_of(uint8_t number, const char *name)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { number };
    struct signer *signer = NULL;
    assert_true(signer_from_seed(&signer, bytes_of_text(name), seed, NULL));
    return signer;
}

/* The folder outlives the mirror that opens it. */
static void lent_free(struct disk *disk)
{
    (void)disk;
}

static bool open_folder(void *context, const char *name, struct disk **out, struct error *e)
{
    struct rig *r = context;
    static struct disk_functions functions;
    (void)name;
    (void)e;
    functions = *r->faulty_folder.disk.functions;
    functions.free = lent_free;
    r->faulty_folder.disk.functions = &functions;
    *out = &r->faulty_folder.disk;
    return true;
}

static void open_mirror(struct rig *r)
{
    struct error e = { 0 };
    static const struct bytes origins[] = { BYTES(ORIGIN) };
    const struct mirror_options options = {
        .disk = &r->faulty_mirrors.disk,
        .cosigner = r->cosigner,
        .watch = r->watch,
        .own_origin = BYTES("A/GOV/CLINIC/GW1"),
        .origins = origins,
        .origin_count = 1,
        .bytes_max = r->bytes_max,
        .open_folder = open_folder,
        .context = r,
    };
    assert_true(mirror_make(&r->mirror, &options, &e));
}

static void restart_mirror(struct rig *r)
{
    mirror_free(r->mirror);
    open_mirror(r);
}

static bool post(void *context, const char *name, const char *content_type, struct bytes body, unsigned *status, struct buffer *answer,
                 struct error *e)
{
    struct rig *r = context;
    struct witness_answer got;
    (void)content_type;
    r->posts++;
    bool is_lost = r->lose_every != 0 && r->posts % r->lose_every == 0;
    if (is_lost && r->posts / r->lose_every % 2 == 0) {
        return error_set(e, ERROR_IO, "test", NULL, "lost on the way");
    }
    witness_answer_init(&got);
    (strcmp(name, "add-checkpoint") == 0 ? mirror_add_checkpoint : mirror_add_entries)(r->mirror, &r->world, body, now_ms, &got);
    *status = got.status;
    buffer_append(answer,
                  got.status == 200 || got.status == 202 || got.status == 409 ? buffer_bytes(&got.body) : bytes_of_text(got.why.what));
    witness_answer_clear(&got);
    return !is_lost || error_set(e, ERROR_IO, "test", NULL, "the answer was lost");
}

static int set_up(void **state)
{
    uint64_t seed = 3;
    struct error e = { 0 };
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->log = signer_of(1, ORIGIN);
    r->self = signer_of(2, "A/GOV/CLINIC/GW1");
    r->cosigner = signer_of(3, "A/GOV/CLINIC/GW1/mirror");
    assert_true(signer_become_cosigner(r->cosigner, &e));
    r->mirror_key = *signer_verifier(r->cosigner);
    r->gateways[0].statement_key = *signer_verifier(r->log);
    r->gateways[1].statement_key = *signer_verifier(r->self);
    r->member = (struct directory_member){ .gateways = r->gateways, .gateway_count = 2 };
    r->own = (struct directory){
        .community = BYTES("A"), .valid_from_ms = INT64_MIN, .valid_until_ms = INT64_MAX, .members = &r->member, .member_count = 1
    };
    r->world = (struct world){ .own = &r->own };
    r->entries = calloc(ENTRIES, sizeof(hash));
    r->leaves = calloc(ENTRIES, sizeof(hash));
    for (size_t i = 0; i < ENTRIES; i++) {
        for (size_t j = 0; j < SHA256_SIZE; j++) {
            r->entries[i][j] = (uint8_t)test_random(&seed);
        }
        merkle_leaf(bytes_of(r->entries[i], SHA256_SIZE), r->leaves[i]);
    }
    r->public = sim_disk_make();
    r->source_state = sim_disk_make();
    const struct log_copy_options source = { .copy = r->public, .state = r->source_state, .name = "s", .key = signer_verifier(r->log) };
    assert_true(log_copy_open(&r->source, &source, &e));
    r->mirrors = sim_disk_make();
    r->folder = sim_disk_make();
    r->faults.fail_at = UINT64_MAX;
    faulty_disk_init(&r->faulty_mirrors, r->mirrors, &r->faults);
    faulty_disk_init(&r->faulty_folder, r->folder, &r->faults);
    open_mirror(r);
    r->push = (struct mirror_push){ .public = r->public, .log = signer_verifier(r->log), .post = post, .context = r };
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    mirror_push_clear(&r->push);
    mirror_free(r->mirror);
    log_copy_close(r->source);
    disk_free(r->public);
    disk_free(r->source_state);
    disk_free(r->mirrors);
    disk_free(r->folder);
    signer_free(r->log);
    signer_free(r->self);
    signer_free(r->cosigner);
    free(r->entries);
    free(r->leaves);
    free(r);
    return 0;
}

static void sign(const struct rig *r, uint64_t size, const hash *leaves, struct buffer *note, struct checkpoint_view *view)
{
    struct buffer text;
    buffer_init(&text, 4096);
    view->size = size;
    merkle_root(leaves, size, view->root);
    checkpoint_write(&text, BYTES(ORIGIN), size, view->root);
    buffer_reset(note);
    assert_true(note_sign(buffer_bytes(&text), r->log, note, NULL));
    buffer_clear(&text);
}

/* The log publishes up to `size`. */
static void publish(struct rig *r, uint64_t size, struct buffer *note)
{
    struct checkpoint_view view;
    struct model model = { (const hash *)r->leaves, ENTRIES };
    struct error e = { 0 };
    sign(r, size, (const hash *)r->leaves, note, &view);
    while (log_copy_next(r->source) < size) {
        hash proof[MERKLE_PATH_MAX];
        size_t count = 0;
        uint64_t start = log_copy_next(r->source);
        size_t n = mirror_package_count(start, size);
        assert_true(merkle_prove_consistency(start / 256 * 256, start + n, size, model_read, &model, proof, &count));
        assert_true(log_copy_add(r->source, &view, start, (const hash *)r->entries + start, n, (const hash *)proof, count, &e));
    }
    assert_true(log_copy_finish(r->source, buffer_bytes(note), NULL, &e));
}

static void verify_copy(struct rig *r, uint64_t want)
{
    uint64_t entries = 0;
    uint64_t faults = 0;
    struct error e = { 0 };
    if (!log_verify(r->folder, NULL, signer_verifier(r->log), NULL, NULL, NULL, &entries, &faults, &e) || faults != 0 || entries != want) {
        fail_msg("%" PRIu64 " entries, want %" PRIu64 "; %" PRIu64 " faults; %s: %s", entries, want, faults, e.where, e.what);
    }
}

static void check_cosignature(struct rig *r, struct bytes note, struct bytes lines)
{
    struct note parsed;
    struct buffer line;
    uint64_t time_s = 0;
    struct error e = { 0 };
    buffer_init(&line, 4096);
    assert_true(note_parse(&parsed, note, "note", &e));
    if (!cosignature_take(parsed.text, lines, &r->mirror_key, &line, &time_s, "answer", &e)) {
        fail_msg("%s", e.what);
    }
    buffer_clear(&line);
}

static void is_brought_to_each_checkpoint(void **state)
{
    struct rig *r = *state;
    struct buffer note, lines;
    struct error e = { 0 };
    static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 300, 5000, 5000, ENTRIES };
    buffer_init(&note, 4096);
    buffer_init(&lines, 65536);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        publish(r, sizes[i], &note);
        buffer_reset(&lines);
        if (!mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e)) {
            fail_msg("%" PRIu64 ": %s: %s", sizes[i], e.where, e.what);
        }
        check_cosignature(r, buffer_bytes(&note), buffer_bytes(&lines));
        verify_copy(r, sizes[i]);
        if (i % 3 == 0) {
            restart_mirror(r);
        }
    }
    buffer_clear(&note);
    buffer_clear(&lines);
}

/* Requests and answers are lost, and the mirror is killed and started, between any two of them. */
static void is_brought_there_over_a_bad_line(void **state)
{
    struct rig *r = *state;
    struct buffer note, lines;
    struct error e = { 0 };
    buffer_init(&note, 4096);
    buffer_init(&lines, 65536);
    for (unsigned lose = 4; lose < 9; lose++) {
        uint64_t size = log_copy_size(r->source) + 2300;
        unsigned tries = 0;
        publish(r, size, &note);
        r->lose_every = lose;
        buffer_reset(&lines);
        while (!mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e)) {
            assert_int_equal(e.kind, ERROR_IO);
            assert_true(++tries < 60);
            if (tries % 2 == 0) {
                restart_mirror(r);
            }
        }
        check_cosignature(r, buffer_bytes(&note), buffer_bytes(&lines));
        verify_copy(r, size);
    }
    buffer_clear(&note);
    buffer_clear(&lines);
}

/* The mirror's disk fails at each of its calls, and its power with it. */
static void survives_its_disk(void **state)
{
    struct rig *r = *state;
    struct buffer note, lines;
    struct error e = { 0 };
    uint64_t size = 0;
    buffer_init(&note, 4096);
    buffer_init(&lines, 65536);
    for (uint64_t at = 0; at < 120; at++) {
        uint64_t held = size;
        size += 61;
        publish(r, size, &note);
        r->faults = (struct faults){ .kinds = CALL_CHANGES, .fail_at = at % 40, .from_then_on = true, .fault = EIO };
        buffer_reset(&lines);
        bool ok = mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e);
        r->faults = (struct faults){ .fail_at = UINT64_MAX };
        mirror_free(r->mirror);
        if (at % 3 == 0) {
            sim_disk_power_cut(r->mirrors, at);
            sim_disk_power_cut(r->folder, at + 1);
        }
        open_mirror(r);
        if (!ok) { /* whatever it had signed before, it still holds */
            if (held > 0) {
                uint64_t entries = 0, faults = 0;
                assert_true(log_verify(r->folder, NULL, signer_verifier(r->log), NULL, NULL, NULL, &entries, &faults, &e));
                assert_true(entries >= held && faults == 0);
            }
            buffer_reset(&lines);
            if (!mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e)) {
                fail_msg("%" PRIu64 ": %s: %s", at, e.where, e.what);
            }
        }
        verify_copy(r, size);
    }
    buffer_clear(&note);
    buffer_clear(&lines);
}

static unsigned answer_of(struct rig *r, bool is_entries, struct bytes body, struct buffer *out)
{
    struct witness_answer got;
    witness_answer_init(&got);
    (is_entries ? mirror_add_entries : mirror_add_checkpoint)(r->mirror, &r->world, body, now_ms, &got);
    buffer_reset(out);
    buffer_append(out, buffer_bytes(&got.body));
    unsigned status = got.status;
    witness_answer_clear(&got);
    return status;
}

static void write_upload(struct rig *r, struct buffer *body, uint64_t start, uint64_t end, struct bytes ticket, uint64_t upto)
{
    struct model model = { (const hash *)r->leaves, ENTRIES };
    const struct mirror_upload upload = { .origin = BYTES(ORIGIN), .start = start, .end = end, .ticket = ticket };
    struct mirror_package package;
    buffer_reset(body);
    mirror_upload_write(body, &upload);
    for (uint64_t at = start; at < upto; at += package.count) {
        hash proof[MERKLE_PATH_MAX];
        package.start = at;
        package.count = mirror_package_count(at, end);
        memcpy(package.entries, r->entries[at], package.count * sizeof(hash));
        assert_true(merkle_prove_consistency(at / 256 * 256, at + package.count, end, model_read, &model, proof, &package.proof_count));
        memcpy(package.proof, proof, package.proof_count * sizeof(hash));
        mirror_package_write(body, &package);
    }
}

/* Each status that the protocol has, and what comes with it. */
static void answers_by_the_book(void **state)
{
    struct rig *r = *state;
    struct buffer note, other, body, out;
    struct checkpoint_view view;
    struct mirror_info *info = malloc(sizeof *info);
    buffer_init(&note, 4096);
    buffer_init(&other, 4096);
    buffer_init(&body, 1 << 20);
    buffer_init(&out, 1 << 20);
    hash *forked = calloc(ENTRIES, sizeof(hash));
    memcpy(forked, r->leaves, ENTRIES * sizeof(hash));
    forked[3][0] ^= 1;
    /* Nothing is known: it says so, whatever is asked. */
    write_upload(r, &body, 0, 0, BYTES_NONE, 0);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 409);
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("0\n0\n\n")));
    write_upload(r, &body, 0, 600, BYTES_NONE, 600);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 409);
    /* A pending checkpoint: 200 and nothing signed. Another size: 409. Another past, another root: 422. Another key: 403. */
    sign(r, 600, (const hash *)r->leaves, &note, &view);
    buffer_reset(&body);
    submission_write(&body, 0, NULL, 0, buffer_bytes(&note));
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 200);
    assert_int_equal(out.size, 0);
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 409);
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("600\n")));
    sign(r, 600, (const hash *)forked, &other, &view);
    buffer_reset(&body);
    submission_write(&body, 600, NULL, 0, buffer_bytes(&other));
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 422);
    buffer_reset(&other);
    buffer_append(&other, buffer_bytes(&note));
    other.data[other.size - 20] ^= 1;
    buffer_reset(&body);
    submission_write(&body, 600, NULL, 0, buffer_bytes(&other));
    assert_int_not_equal(answer_of(r, false, buffer_bytes(&body), &out), 200);
    /* A gap: 409 with where to go on. A part: 202. Behind a restart: it goes on there. */
    write_upload(r, &body, 256, 600, BYTES_NONE, 600);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 409);
    write_upload(r, &body, 0, 600, BYTES_NONE, 256);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 202);
    assert_true(mirror_info_parse(buffer_bytes(&out), info));
    assert_true(info->size == 600 && info->next == 256 && info->ticket_size > 0);
    restart_mirror(r);
    write_upload(r, &body, 256, 600, BYTES_NONE, 512);
    body.size -= 5; /* cut off within a package */
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 400);
    write_upload(r, &body, 256, 600, BYTES_NONE, 600);
    body.size -= 5;
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 202);
    assert_true(mirror_info_parse(buffer_bytes(&out), info) && info->next == 512);
    /* Every bit of an entry and of its proof. */
    write_upload(r, &body, 512, 600, BYTES_NONE, 600);
    for (size_t bit = 8 * 60; bit < body.size * 8; bit += 97) {
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        unsigned status = answer_of(r, true, buffer_bytes(&body), &out);
        if (status != 422 && status != 400) {
            fail_msg("bit %zu: %u", bit, status);
        }
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* The pending checkpoint has gone on meanwhile: by the ticket the old one still counts. A forged one does not. */
    struct mirror_info *kept = malloc(sizeof *kept);
    write_upload(r, &body, 512, 512, BYTES_NONE, 512);
    write_upload(r, &body, 700, 600, BYTES_NONE, 0);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 400);
    write_upload(r, &body, 550, 600, BYTES_NONE, 550);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 409);
    assert_true(mirror_info_parse(buffer_bytes(&out), kept) && kept->size == 600 && kept->next == 512);
    struct model model = { (const hash *)r->leaves, ENTRIES };
    hash path[MERKLE_PATH_MAX];
    size_t count = 0;
    assert_true(merkle_prove_consistency(0, 600, 900, model_read, &model, path, &count));
    sign(r, 900, (const hash *)r->leaves, &note, &view);
    buffer_reset(&body);
    submission_write(&body, 600, (const hash *)path, count, buffer_bytes(&note));
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 200);
    kept->ticket[3] ^= 1;
    write_upload(r, &body, 512, 600, bytes_of(kept->ticket, kept->ticket_size), 600);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 409);
    kept->ticket[3] ^= 1;
    write_upload(r, &body, 512, 600, bytes_of(kept->ticket, kept->ticket_size), 600);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 200);
    verify_copy(r, 600);
    /* Another log's name, and what is no body at all. */
    body.data[5] ^= 1;
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 404);
    for (size_t size = 0; size < 40; size++) {
        assert_int_equal(answer_of(r, true,
                                   bytes_of("\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7", size),
                                   &out),
                         400);
    }
    free(forked);
    free(kept);
    free(info);
    buffer_clear(&note);
    buffer_clear(&other);
    buffer_clear(&body);
    buffer_clear(&out);
}

/* A log that has shrunk is told so; and what has no room is told so, too. */
static void tells_a_rolled_back_log(void **state)
{
    struct rig *r = *state;
    struct buffer note, old, lines;
    struct error e = { 0 };
    buffer_init(&note, 4096);
    buffer_init(&old, 4096);
    buffer_init(&lines, 65536);
    publish(r, 300, &old);
    publish(r, 700, &note);
    assert_true(mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e));
    mirror_push_clear(&r->push);
    assert_false(mirror_push_to(&r->push, buffer_bytes(&old), &lines, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    r->bytes_max = 72 * 1024;
    restart_mirror(r);
    publish(r, 3000, &note);
    assert_false(mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    verify_copy(r, 700);
    buffer_clear(&note);
    buffer_clear(&old);
    buffer_clear(&lines);
}

/* Two histories: the proof is kept, and the log gets no further here. */
static void catches_two_histories(void **state)
{
    struct rig *r = *state;
    struct buffer note, body, out;
    struct checkpoint_view view;
    struct watch *watch = NULL;
    struct error e = { 0 };
    buffer_init(&note, 4096);
    buffer_init(&body, 1 << 20);
    buffer_init(&out, 1 << 20);
    hash *forked = calloc(ENTRIES, sizeof(hash));
    memcpy(forked, r->leaves, ENTRIES * sizeof(hash));
    forked[3][0] ^= 1;
    assert_true(watch_open(&watch, NULL, &e));
    r->watch = watch;
    restart_mirror(r);
    sign(r, 600, (const hash *)r->leaves, &note, &view);
    submission_write(&body, 0, NULL, 0, buffer_bytes(&note));
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 200);
    sign(r, 600, (const hash *)forked, &note, &view);
    buffer_reset(&body);
    submission_write(&body, 600, NULL, 0, buffer_bytes(&note));
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 422);
    assert_int_equal(watch_count(watch), 1);
    assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 403);
    write_upload(r, &body, 0, 600, BYTES_NONE, 600);
    assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 403);
    mirror_free(r->mirror);
    r->mirror = NULL;
    watch_free(watch);
    free(forked);
    buffer_clear(&note);
    buffer_clear(&body);
    buffer_clear(&out);
}

/* Anybody may send what is here already: that makes next to no work for the disk. */
static void the_same_again_is_not_written_again(void **state)
{
    struct rig *r = *state;
    struct buffer note, lines, body, out;
    struct error e = { 0 };
    enum { TIMES = 50 };
    buffer_init(&note, 4096);
    buffer_init(&lines, 65536);
    buffer_init(&body, MIRROR_UPLOAD_BYTES_MAX);
    buffer_init(&out, 65536);
    publish(r, 300, &note);
    assert_true(mirror_push_to(&r->push, buffer_bytes(&note), &lines, &e));
    r->faults = (struct faults){ .kinds = CALL_CHANGES, .fail_at = UINT64_MAX };
    for (unsigned i = 0; i < TIMES; i++) {
        buffer_reset(&body);
        submission_write(&body, 300, NULL, 0, buffer_bytes(&note));
        assert_int_equal(answer_of(r, false, buffer_bytes(&body), &out), 200);
        write_upload(r, &body, 300, 300, BYTES_NONE, 300);
        assert_int_equal(answer_of(r, true, buffer_bytes(&body), &out), 200);
        check_cosignature(r, buffer_bytes(&note), buffer_bytes(&out));
    }
    assert_true(r->faults.calls < TIMES); /* once a second: its cosignature has another time */
    buffer_clear(&note);
    buffer_clear(&lines);
    buffer_clear(&body);
    buffer_clear(&out);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(is_brought_to_each_checkpoint),
        TEST(is_brought_there_over_a_bad_line),
        TEST(survives_its_disk),
        TEST(answers_by_the_book),
        TEST(tells_a_rolled_back_log),
        TEST(catches_two_histories),
        TEST(the_same_again_is_not_written_again),
    };
    diag_configure(DIAG_ERROR + 1, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
