/* The archive: durable before it is used, checked when it is read, mended when it is put again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/note.h"
#include "evidence/archive.h"
#include "torture/faulty_disk.h"

static struct buffer get(struct disk *disk, const uint8_t digest[SHA256_SIZE])
{
    struct buffer out;
    struct error e = { 0 };
    buffer_init(&out, 1024);
    if (!archive_get(disk, digest, &out, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return out;
}

static void kept_by_digest_and_durable(void **state)
{
    (void)state;
    struct disk *disk = sim_disk_make();
    uint8_t digest[SHA256_SIZE], want[SHA256_SIZE];
    struct error e = { 0 };
    assert_true(archive_put_text(disk, BYTES("policy: text\n"), digest, &e));
    sha256(BYTES("policy: text\n"), want);
    assert_memory_equal(digest, want, sizeof want);
    sim_disk_power_cut(disk, 1);
    struct buffer out = get(disk, digest);
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("policy: text\n")));
    buffer_clear(&out);
    disk_free(disk);
}

static void a_note_by_the_digest_of_its_text(void **state)
{
    (void)state;
    struct disk *disk = sim_disk_make();
    struct signer *signer = NULL;
    struct buffer note;
    uint8_t digest[SHA256_SIZE], want[SHA256_SIZE];
    struct error e = { 0 };
    assert_true(signer_make(&signer, BYTES("a.example"), &e));
    buffer_init(&note, 4096);
    assert_true(note_sign(BYTES("a text\n"), signer, &note, &e));
    assert_true(archive_put_note(disk, buffer_bytes(&note), digest, &e));
    sha256(BYTES("a text\n"), want);
    assert_memory_equal(digest, want, sizeof want);
    struct buffer out = get(disk, digest);
    assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&note)));
    assert_false(archive_put_note(disk, BYTES("no note"), digest, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    buffer_clear(&out);
    buffer_clear(&note);
    signer_free(signer);
    disk_free(disk);
}

static void damage_is_named_and_mended(void **state)
{
    (void)state;
    struct disk *disk = sim_disk_make();
    uint8_t digest[SHA256_SIZE];
    char name[2 * SHA256_SIZE + 1];
    struct buffer out;
    struct error e = { 0 };
    assert_true(archive_put_text(disk, BYTES("policy: text\n"), digest, &e));
    hex_write(bytes_of(digest, sizeof digest), name);
    assert_int_equal(disk_replace(disk, name, BYTES("policy: tent\n")), 0);
    buffer_init(&out, 1024);
    assert_false(archive_get(disk, digest, &out, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_string_equal(e.where, name);
    assert_int_equal(out.size, 0);
    assert_true(archive_put_text(disk, BYTES("policy: text\n"), NULL, &e));
    assert_true(archive_get(disk, digest, &out, &e));
    buffer_clear(&out);
    digest[0] ^= 1;
    assert_false(archive_get(disk, digest, &out, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    buffer_clear(&out);
    disk_free(disk);
}

static void what_is_too_large_is_not_cut(void **state)
{
    (void)state;
    struct disk *disk = sim_disk_make();
    uint8_t digest[SHA256_SIZE];
    struct buffer out;
    struct error e = { 0 };
    assert_true(archive_put_text(disk, BYTES("0123456789"), digest, &e));
    buffer_init(&out, 9);
    assert_false(archive_get(disk, digest, &out, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    buffer_clear(&out);
    disk_free(disk);
}

/* Whichever call fails, and whatever the power cut then leaves: what was said to be kept is kept, and nothing else is taken for it. */
static void no_failure_makes_it_lie(void **state)
{
    (void)state;
    static const struct bytes text = BYTES("policy: text\n");
    for (uint64_t fail_at = 0; fail_at < 12; fail_at++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct disk *disk = sim_disk_make();
            struct faults faults = { .kinds = CALL_CHANGES, .fail_at = fail_at, .fault = EIO };
            struct faulty_disk faulty;
            uint8_t digest[SHA256_SIZE];
            struct buffer out;
            struct error e = { 0 };
            faulty_disk_init(&faulty, disk, &faults);
            sha256(text, digest);
            bool is_kept = archive_put_text(&faulty.disk, text, NULL, &e);
            is_kept = is_kept || (seed % 2 == 0 && archive_put_text(&faulty.disk, text, NULL, &e));
            sim_disk_power_cut(disk, seed);
            buffer_init(&out, 1024);
            bool is_there = archive_get(disk, digest, &out, &e);
            assert_true(is_there || !is_kept);
            assert_true(!is_there || bytes_equal(buffer_bytes(&out), text));
            buffer_clear(&out);
            disk_free(disk);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_by_digest_and_durable), cmocka_unit_test(a_note_by_the_digest_of_its_text),
        cmocka_unit_test(damage_is_named_and_mended), cmocka_unit_test(what_is_too_large_is_not_cut),
        cmocka_unit_test(no_failure_makes_it_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
