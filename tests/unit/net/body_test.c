#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/encode.h"
#include "net/body.h"

/* ---- Faults: the linker hands these calls of body.c to us (--wrap) ---- */

static int open_fault, write_fault;
static unsigned opens, writes, write_fault_at;
static bool writes_are_short;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    opens++;
    if (open_fault != 0 && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = open_fault;
        return -1;
    }
    return __real_open(path, flags, mode);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return __wrap_open(path, flags, mode);
}

ssize_t __real_pwrite64(int file, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *data, size_t size, off_t offset)
{
    if (write_fault != 0 && writes++ == write_fault_at) {
        errno = write_fault;
        return -1;
    }
    return __real_pwrite64(file, data, writes_are_short && size > 1 ? size / 2 : size, offset);
}

ssize_t __wrap_pwrite(int file, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int file, const void *data, size_t size, off_t offset)
{
    return __wrap_pwrite64(file, data, size, offset);
}

static int faults_reset(void **state)
{
    (void)state;
    open_fault = write_fault = 0;
    opens = writes = write_fault_at = 0;
    writes_are_short = false;
    return 0;
}

/* ---- */

struct dice {
    uint64_t state;
};

static uint32_t dice_below(struct dice *dice, uint32_t below)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice->state >> 33) % below);
}

static void check_hex(const uint8_t *digest, size_t size, const char *want)
{
    char hex[2 * SHA512_SIZE + 1];
    hex_write(bytes_of(digest, size), hex);
    assert_string_equal(hex, want);
}

static void known_digests(void **state)
{
    (void)state;
    struct body *empty = body_make(&(struct body_limits){ 0 }, true);
    assert_non_null(empty);
    check_hex(body_sha256(empty), SHA256_SIZE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_hex(
        body_sha512(empty), SHA512_SIZE,
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
    body_free(empty);
    /* FIPS 180-4's examples, in memory and (memory_bytes 1) spooled. */
    for (size_t memory = 1; memory <= 64; memory += 63) {
        struct body *abc = body_make(&(struct body_limits){ .memory_bytes = memory }, true);
        assert_non_null(abc);
        assert_true(body_append(abc, BYTES("a"), NULL));
        assert_true(body_append(abc, BYTES("bc"), NULL));
        check_hex(body_sha256(abc), SHA256_SIZE, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check_hex(
            body_sha512(abc), SHA512_SIZE,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
        check_hex(body_sha256(abc), SHA256_SIZE, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        struct error e = { 0 };
        assert_false(body_append(abc, BYTES("d"), &e)); /* the digest was given away */
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(body_size(abc), 3);
        body_free(abc);
    }
}

static void sha512_only_when_asked(void **state)
{
    (void)state;
    struct body *body = body_make(&(struct body_limits){ 0 }, false);
    assert_non_null(body);
    assert_null(body_sha512(body));
    body_free(body);
}

static void limit_is_exact(void **state)
{
    (void)state;
    for (size_t memory = 4; memory <= 64; memory += 60) {
        struct error e = { 0 };
        struct body *body = body_make(&(struct body_limits){ .memory_bytes = memory, .size_max = 10 }, false);
        assert_non_null(body);
        assert_true(body_append(body, BYTES("0123456789"), NULL));
        assert_false(body_append(body, BYTES("x"), &e));
        assert_int_equal(e.kind, ERROR_FULL);
        assert_int_equal(body_size(body), 10);
        assert_true(body_append(body, BYTES_NONE, NULL));
        body_free(body);
        body = body_make(&(struct body_limits){ .memory_bytes = memory, .size_max = 10 }, false);
        assert_non_null(body);
        assert_true(body_append(body, BYTES("01234"), NULL));
        assert_false(body_append(body, BYTES("012345"), NULL));
        assert_true(body_append(body, BYTES("56789"), NULL));
        uint8_t out[11];
        size_t got = 0;
        assert_true(body_read(body, 0, out, sizeof out, &got, NULL));
        assert_int_equal(got, 10);
        assert_memory_equal(out, "0123456789", 10);
        body_free(body);
    }
}

static void view_until_spooled(void **state)
{
    (void)state;
    struct bytes view = BYTES_NONE;
    struct body *body = body_make(&(struct body_limits){ .memory_bytes = 8 }, false);
    assert_non_null(body);
    assert_true(body_view(body, &view));
    assert_int_equal(view.size, 0);
    assert_true(body_append(body, BYTES("12345678"), NULL));
    assert_true(body_view(body, &view));
    assert_true(bytes_equal(view, BYTES("12345678")));
    assert_int_equal(opens, 0);
    assert_true(body_append(body, BYTES("9"), NULL));
    assert_false(body_view(body, &view));
    assert_int_equal(opens, 1);
    body_free(body);
    body_free(NULL);
}

static void body_of_copies(void **state)
{
    (void)state;
    uint8_t data[] = "data";
    struct bytes view = BYTES_NONE;
    struct body *body = body_of(bytes_of(data, 4));
    assert_non_null(body);
    data[0] = 'x';
    assert_true(body_view(body, &view));
    assert_true(bytes_equal(view, BYTES("data")));
    body_free(body);
    body = body_of(BYTES_NONE);
    assert_non_null(body);
    assert_int_equal(body_size(body), 0);
    body_free(body);
}

/* Against one flat array, with random sizes of pieces, of memory and of reads. */
static void matches_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        (void)faults_reset(NULL);
        struct dice dice = { seed };
        struct body_limits limits = { .memory_bytes = 1 + dice_below(&dice, 3000), .size_max = 1 + dice_below(&dice, 40000) };
        writes_are_short = dice_below(&dice, 2) == 0;
        open_fault = dice_below(&dice, 4) == 0 ? EOPNOTSUPP : 0;
        bool with_sha512 = dice_below(&dice, 2) == 0;
        struct body *body = body_make(&limits, with_sha512);
        uint8_t *model = malloc(limits.size_max + 4000), *out = malloc(50000);
        assert_true(body != NULL && model != NULL && out != NULL);
        if (dice_below(&dice, 2) == 0) {
            body_expect(body, dice_below(&dice, 50000));
        }
        size_t size = 0;
        for (uint32_t n = dice_below(&dice, 60); n > 0; n--) {
            size_t piece = dice_below(&dice, dice_below(&dice, 3) == 0 ? 4000 : 50);
            for (size_t i = 0; i < piece; i++) {
                model[size + i] = (uint8_t)dice_below(&dice, 256);
            }
            bool fits = piece <= limits.size_max - size;
            write_fault = dice_below(&dice, 10) == 0 ? (dice_below(&dice, 2) == 0 ? ENOSPC : EINTR) : 0;
            writes = 0;
            write_fault_at = dice_below(&dice, 2);
            struct error e = { 0 };
            bool appended = body_append(body, bytes_of(model + size, piece), &e);
            if (!appended && e.kind != (fits ? ERROR_IO : ERROR_FULL)) {
                fail_msg("seed %llu: kind %d: %s", (unsigned long long)seed, e.kind, e.what);
            }
            if (appended && !fits) {
                fail_msg("seed %llu: passed the limit", (unsigned long long)seed);
            }
            size += appended ? piece : 0;
            if (body_size(body) != size) {
                fail_msg("seed %llu: size", (unsigned long long)seed);
            }
            size_t from = dice_below(&dice, (uint32_t)size + 10), wanted = dice_below(&dice, 45000), got = 0;
            size_t want = from >= size ? 0 : size - from < wanted ? size - from : wanted;
            if (!body_read(body, from, out, wanted, &got, NULL) || got != want || (got > 0 && memcmp(out, model + from, got) != 0)) {
                fail_msg("seed %llu: read", (unsigned long long)seed);
            }
        }
        uint8_t digest[SHA512_SIZE];
        sha256(bytes_of(model, size), digest);
        if (memcmp(body_sha256(body), digest, SHA256_SIZE) != 0) {
            fail_msg("seed %llu: SHA-256", (unsigned long long)seed);
        }
        sha512(bytes_of(model, size), digest);
        if (with_sha512 && memcmp(body_sha512(body), digest, SHA512_SIZE) != 0) {
            fail_msg("seed %llu: SHA-512", (unsigned long long)seed);
        }
        body_free(body);
        free(model);
        free(out);
    }
}

static void full_disk_is_told(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct body *body = body_make(&(struct body_limits){ .memory_bytes = 4 }, false);
    assert_non_null(body);
    write_fault = ENOSPC;
    assert_true(body_append(body, BYTES("1234"), &e));
    assert_false(body_append(body, BYTES("56789"), &e));
    assert_int_equal(e.kind, ERROR_IO); /* not ERROR_FULL: the sender did nothing wrong */
    assert_int_equal(body_size(body), 4);
    write_fault = 0;
    assert_true(body_append(body, BYTES("56789"), &e)); /* nothing was lost */
    check_hex(body_sha256(body), SHA256_SIZE, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    body_free(body);
}

static void missing_folder_is_told(void **state)
{
    (void)state;
    struct error e = { 0 };
    struct body *body = body_make(&(struct body_limits){ .memory_bytes = 1, .spool_folder = "/nonexistent/folder" }, false);
    assert_non_null(body);
    assert_false(body_append(body, BYTES("12"), &e));
    assert_int_equal(e.kind, ERROR_IO);
    assert_string_equal(e.where, "/nonexistent/folder");
    body_free(body);
}

/* Nothing of a body has a name that others could open, or that stays. */
static void spool_has_no_name(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char folder[] = "/tmp/comity-body-test-XXXXXX";
        assert_non_null(mkdtemp(folder));
        open_fault = i == 0 ? 0 : EOPNOTSUPP;
        struct body *body = body_make(&(struct body_limits){ .memory_bytes = 1, .spool_folder = folder }, false);
        assert_non_null(body);
        assert_true(body_append(body, BYTES("personal"), NULL));
        assert_int_equal(rmdir(folder), 0); /* so it is empty */
        size_t got = 0;
        uint8_t out[8];
        assert_true(body_read(body, 0, out, sizeof out, &got, NULL));
        assert_memory_equal(out, "personal", 8);
        body_free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(known_digests, faults_reset),     cmocka_unit_test_setup(sha512_only_when_asked, faults_reset),
        cmocka_unit_test_setup(limit_is_exact, faults_reset),    cmocka_unit_test_setup(view_until_spooled, faults_reset),
        cmocka_unit_test_setup(body_of_copies, faults_reset),    cmocka_unit_test_setup(matches_model, faults_reset),
        cmocka_unit_test_setup(full_disk_is_told, faults_reset), cmocka_unit_test_setup(missing_folder_is_told, faults_reset),
        cmocka_unit_test_setup(spool_has_no_name, faults_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
