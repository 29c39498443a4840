/* Memory that runs out inside OpenSSL, at one allocation after another: an error, no half file, and (under ASan) nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/key.h"

/* A prime: thousands of allocations and a sync of the disk for many of them would take minutes. */
enum { STRIDE = 23 };

static long allocations;
static long fail_at = -1;
static char folder[64];
static char key_path[96];
static char certificate_path[96];

/* Not those of a digest, which OpenSSL makes anew for each: without hashes the process ends, as hash.h says. */
static bool fails(const char *file)
{
    bool is_digest = file != NULL && strstr(file, "/digests/") != NULL;
    return fail_at >= 0 && !is_digest && allocations++ == fail_at;
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)line;
    return fails(file) ? NULL : malloc(size);
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void)line;
    return fails(file) ? NULL : realloc(old, size);
}

static void openssl_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Fetched and cached by OpenSSL on first use; what is made once is not what these tests are about. */
static void warm_up(void)
{
    uint8_t digest[SHA256_SIZE], pin[PIN_SIZE];
    struct error e = { 0 };
    sha256(BYTES(""), digest);
    assert_true(certificate_make(key_path, certificate_path, "warm", 1, &e));
    assert_true(certificate_read_pin(certificate_path, pin, NULL, &e));
    (void)unlink(key_path);
    (void)unlink(certificate_path);
}

static void certificates(void **state)
{
    bool met_fault = true;
    (void)state;
    warm_up();
    long n = 0;
    for (; met_fault && n < 20000; n += n < 50 ? 1 : STRIDE) {
        struct error e = { 0 };
        uint8_t pin[PIN_SIZE];
        allocations = 0;
        fail_at = n;
        bool ok = certificate_make(key_path, certificate_path, "test", 1, &e);
        met_fault = allocations > n;
        fail_at = -1;
        if (!ok && (e.kind == ERROR_NONE || is_there(key_path) || is_there(certificate_path))) {
            fail_msg("allocation %ld: half made, or no error", n);
        }
        if (ok && !certificate_read_pin(certificate_path, pin, NULL, &e)) {
            fail_msg("allocation %ld: %s", n, e.what);
        }
        (void)unlink(key_path);
        (void)unlink(certificate_path);
    }
    assert_true(n > 100 && !met_fault);
}

static void keys(void **state)
{
    bool met_fault = true;
    struct error e = { 0 };
    struct signer *made = NULL;
    (void)state;
    assert_true(signer_make(&made, BYTES("log.example"), &e));
    assert_true(signer_save(made, key_path, &e));
    long n = 0;
    for (; met_fault && n < 20000; n += n < 50 ? 1 : STRIDE) {
        struct signer *loaded = NULL;
        uint8_t signature[ED25519_SIGNATURE_SIZE];
        e = (struct error){ 0 };
        allocations = 0;
        fail_at = n;
        bool ok = signer_load(&loaded, BYTES("log.example"), key_path, &e);
        met_fault = allocations > n;
        fail_at = -1;
        if (ok != (loaded != NULL) || (!ok && e.kind == ERROR_NONE) || (!ok && !met_fault)) {
            fail_msg("allocation %ld", n);
        }
        if (ok) {
            signer_sign(loaded, BYTES("text"), signature);
            assert_true(verifier_check(signer_verifier(made), BYTES("text"), signature));
        }
        signer_free(loaded);
    }
    assert_true(n > 20 && !met_fault);

    /* A check that can't be made is a check that says no. */
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    signer_sign(made, BYTES("text"), signature);
    met_fault = true;
    for (n = 0; met_fault && n < 20000; n += n < 50 ? 1 : STRIDE) {
        allocations = 0;
        fail_at = n;
        bool ok = verifier_check(signer_verifier(made), BYTES("text"), signature);
        met_fault = allocations > n;
        fail_at = -1;
        if (!ok && !met_fault) {
            fail_msg("allocation %ld", n);
        }
        fail_at = n;
        allocations = 0;
        assert_false(verifier_check(signer_verifier(made), BYTES("forged"), signature));
        fail_at = -1;
    }
    signer_free(made);
    (void)unlink(key_path);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/comity-memory-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/certificate.pem", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(keys),
    };
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
