#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/encode.h"
#include "base/time.h"
#include "crypto/certificate.h"

static char folder[64];
static char key_path[96];
static char certificate_path[96];
static char other_path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/comity-certificate-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/certificate.pem", folder);
    (void)snprintf(other_path, sizeof other_path, "%s/other.pem", folder);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    (void)unlink(key_path);
    (void)unlink(certificate_path);
    (void)unlink(other_path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)remove_files(state);
    return rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void pin_of_a_known_certificate(void **state)
{
    /*
     * Made by `openssl req -x509`; the pin by
     * `openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256`.
     */
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                              "MIIBdjCCARugAwIBAgIUBPCTs+ILXgAwjFaC4E5bKTPMEjowCgYIKoZIzj0EAwIw\n"
                              "EDEOMAwGA1UEAwwFa25vd24wHhcNMjYxMTI0MDYzODE2WhcNMzYxMTIxMDYzODE2\n"
                              "WjAQMQ4wDAYDVQQDDAVrbm93bjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGj7\n"
                              "dVxvH/FKL83XdRanEttcHdN/UjJf3Tg7uPqevd0jv+VhohHOBZ4+2j2Ben3Nwobz\n"
                              "1U4dinoV+g+jeHZorfujUzBRMB0GA1UdDgQWBBQnujmWk9fovNEHNXASPduYgCNT\n"
                              "9jAfBgNVHSMEGDAWgBQnujmWk9fovNEHNXASPduYgCNT9jAPBgNVHRMBAf8EBTAD\n"
                              "AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCvOLXUF+fpTqCcyKXAPLmKT6IRBxUsRnBU\n"
                              "Mr5dXqVXQQIhAJrfnM4PCCH01gwtActYAHvt/BuAd4p4873WCXh197De\n"
                              "-----END CERTIFICATE-----\n";
    uint8_t pin[PIN_SIZE];
    char hex[2 * PIN_SIZE + 1], when[TIME_TEXT_SIZE];
    int64_t not_after_ms = 0;
    struct error e = { 0 };
    (void)state;
    write_file(certificate_path, pem);
    if (!certificate_read_pin(certificate_path, pin, &not_after_ms, &e)) {
        fail_msg("%s", e.what);
    }
    hex_write(bytes_of(pin, sizeof pin), hex);
    assert_string_equal(hex, "4ad90027de7ab13b4485dad42cd4281ac53b1860ee0484431d9a8161d3b6f277");
    assert_string_equal(time_text(not_after_ms, when), "2036-11-21T06:38:16.000Z");
    assert_true(certificate_read_pin(certificate_path, pin, NULL, &e));
}

static X509 *read_certificate(void)
{
    FILE *file = fopen(certificate_path, "re");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_int_equal(fclose(file), 0);
    assert_non_null(certificate);
    return certificate;
}

static void a_made_certificate_is_what_it_says(void **state)
{
    struct stat file;
    struct error e = { 0 };
    uint8_t pin[PIN_SIZE], same[PIN_SIZE];
    int64_t not_after_ms = 0;
    char name[128];
    (void)state;
    if (!certificate_make(key_path, certificate_path, "gateway \u00F6.example", 30, &e)) {
        fail_msg("%s", e.what);
    }
    assert_int_equal(stat(key_path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(stat(certificate_path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0644);
    assert_true(file_check_private(key_path, &e));
    assert_false(file_check_private(certificate_path, &e));

    FILE *key_file = fopen(key_path, "re");
    assert_non_null(key_file);
    EVP_PKEY *key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    assert_int_equal(fclose(key_file), 0);
    assert_non_null(key);
    X509 *certificate = read_certificate();
    assert_int_equal(X509_verify(certificate, key), 1);
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)), 0);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name) > 0);
    assert_string_equal(name, "gateway \u00F6.example");
    assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    assert_int_equal(X509_check_ca(certificate), 0);
    assert_true(ASN1_STRING_length(X509_get0_serialNumber(certificate)) == 16);

    assert_true(certificate_read_pin(certificate_path, pin, &not_after_ms, &e));
    assert_true(certificate_pin(certificate, same));
    assert_memory_equal(pin, same, sizeof pin);
    int64_t left_ms = not_after_ms - time_now_ms();
    assert_true(left_ms > 30 * 86400000LL - 60000 && left_ms <= 30 * 86400000LL);
    int64_t a_day_ago = time_now_ms() / 1000 - 86400;
    time_t at = (time_t)(a_day_ago + 1);
    assert_true(X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void nothing_is_overwritten(void **state)
{
    struct error e = { 0 };
    char text[32] = "";
    (void)state;
    write_file(key_path, "mine");
    assert_false(certificate_make(key_path, certificate_path, "a", 1, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_string_equal(e.where, key_path);
    assert_int_equal(access(certificate_path, F_OK), -1);
    FILE *file = fopen(key_path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "mine");

    /* No key is left behind when the certificate can't be written. */
    assert_int_equal(unlink(key_path), 0);
    write_file(certificate_path, "mine");
    assert_false(certificate_make(key_path, certificate_path, "a", 1, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_string_equal(e.where, certificate_path);
    assert_int_equal(access(key_path, F_OK), -1);

    /* Nor written through a link that somebody put there. */
    assert_int_equal(unlink(certificate_path), 0);
    assert_int_equal(symlink(other_path, key_path), 0);
    assert_false(certificate_make(key_path, certificate_path, "a", 1, &e));
    assert_int_equal(access(other_path, F_OK), -1);
}

static void bad_arguments_are_refused(void **state)
{
    char long_name[66];
    struct error e = { 0 };
    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        const char *name;
        int days;
    } row[] = { { "", 1 }, { long_name, 1 }, { "\xFF", 1 }, { "a", 0 }, { "a", -1 }, { "a", 40000 } };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_false(certificate_make(key_path, certificate_path, row[i].name, row[i].days, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(access(key_path, F_OK), -1);
    }
    assert_true(certificate_make(key_path, certificate_path, long_name + 1, 36500, &e)); /* past 2049: GeneralizedTime */
    uint8_t pin[PIN_SIZE];
    int64_t not_after_ms = 0;
    assert_true(certificate_read_pin(certificate_path, pin, &not_after_ms, &e));
    assert_true(not_after_ms - time_now_ms() > 36499 * 86400000LL);
}

static void files_without_a_certificate_are_refused(void **state)
{
    static const char *const row[] = { "", "text\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
    uint8_t pin[PIN_SIZE];
    struct error e = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        write_file(other_path, row[i]);
        assert_false(certificate_read_pin(other_path, pin, NULL, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    assert_false(certificate_read_pin(key_path, pin, NULL, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(certificate_read_pin(folder, pin, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
}

static void a_private_file_is_read_within_its_limit(void **state)
{
    struct buffer out;
    struct error e = { 0 };
    (void)state;
    write_file(other_path, "token");
    assert_int_equal(chmod(other_path, 0600), 0);
    buffer_init(&out, 5);
    assert_true(file_read_private(other_path, &out, &e));
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("token")));
    buffer_wipe(&out);
    buffer_init(&out, 4);
    assert_false(file_read_private(other_path, &out, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(out.size, 0);
    buffer_wipe(&out);
    assert_int_equal(chmod(other_path, 0644), 0);
    buffer_init(&out, 5);
    assert_false(file_read_private(other_path, &out, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_int_equal(out.size, 0);
    buffer_wipe(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pin_of_a_known_certificate, remove_files),
        cmocka_unit_test_teardown(a_made_certificate_is_what_it_says, remove_files),
        cmocka_unit_test_teardown(nothing_is_overwritten, remove_files),
        cmocka_unit_test_teardown(bad_arguments_are_refused, remove_files),
        cmocka_unit_test_teardown(files_without_a_certificate_are_refused, remove_files),
        cmocka_unit_test_teardown(a_private_file_is_read_within_its_limit, remove_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
