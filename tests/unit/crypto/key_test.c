#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/certificate.h"
#include "crypto/key.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[16][128]; /* as many as one test names */
    static size_t n;
    char *at = path[n++ % COUNT_OF(path)];
    (void)snprintf(at, sizeof path[0], "%s/%s", folder, name);
    return at;
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/comity-key-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "key", "copy", "link", "other", "fifo", "large", "text", "encrypted", "p256" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static struct signer *from_seed(const char *seed_hex, const char *name)
{
    uint8_t seed[ED25519_SEED_SIZE];
    struct signer *signer = NULL;
    struct error e = { 0 };
    assert_true(hex_parse(bytes_of_text(seed_hex), seed, sizeof seed));
    if (!signer_from_seed(&signer, bytes_of_text(name), seed, &e)) {
        fail_msg("%s", e.what);
    }
    return signer;
}

static void signatures_are_those_of_rfc_8032(void **state) /* RFC 8032 7.1, tests 1 to 3 */
{
    const struct {
        const char *seed, *public_key, *message, *signature;
    } row[] = {
        { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
        { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
          "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
        { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
          "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
          "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t message[2], signature[ED25519_SIGNATURE_SIZE], want[ED25519_SIGNATURE_SIZE], public_key[ED25519_PUBLIC_SIZE];
        struct signer *signer = from_seed(row[i].seed, "kat");
        struct bytes view = bytes_of(i == 0 ? NULL : message, i);
        assert_true(hex_parse(bytes_of_text(row[i].message), message, i));
        assert_true(hex_parse(bytes_of_text(row[i].signature), want, sizeof want));
        assert_true(hex_parse(bytes_of_text(row[i].public_key), public_key, sizeof public_key));
        assert_memory_equal(signer_verifier(signer)->public_key, public_key, sizeof public_key);
        signer_sign(signer, view, signature);
        assert_memory_equal(signature, want, sizeof want);
        assert_true(verifier_check(signer_verifier(signer), view, signature));
        assert_false(verifier_check(signer_verifier(signer), BYTES("other"), signature));
        for (size_t bit = 0; bit < 8 * sizeof signature; bit += 37) {
            signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(verifier_check(signer_verifier(signer), view, signature));
            signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        signer_free(signer);
    }
}

static void vkeys_are_read_and_written(void **state) /* reference: evidence formats 1.2; tests/vectors/tlog-kat.json */
{
    static const char *const row[] = {
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "log.example/comity-kat+81130afd+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
        "witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct verifier v, again;
        struct error e = { 0 };
        struct buffer out;
        buffer_init(&out, 1024);
        if (!verifier_parse(&v, bytes_of_text(row[i]), "test", &e)) {
            fail_msg("row %zu: %s", i, e.what);
        }
        verifier_write(&v, &out);
        assert_true(bytes_equal(buffer_bytes(&out), bytes_of_text(row[i])));
        assert_true(verifier_parse(&again, buffer_bytes(&out), "test", &e));
        assert_true(verifier_equal(&v, &again));
        again.public_key[0] ^= 1;
        assert_false(verifier_equal(&v, &again));
        assert_int_equal(v.type, i == 2 ? SIGNATURE_COSIGNATURE_V1 : SIGNATURE_ED25519);
        buffer_clear(&out);
    }
}

static void bad_vkeys_are_refused(void **state)
{
    static const struct {
        const char *text, *what;
    } row[] = {
        { "", "three parts" },
        { "example.com/foo", "three parts" },
        { "example.com/foo+530d903a", "three parts" },
        { "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "8 hex digits" },
        { "example.com/foo+530d903g+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "8 hex digits" },
        { "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "hash does not fit" },
        { "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "hash does not fit" },
        { "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2", "base64" },
        { "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAA==", "base64" },
        { "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==", "base64" },
        { "example.com/foo+530d903a+", "base64" },
        { "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "name is empty" },
        { "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "white space" },
        { "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "type 0x02" },
        { "example.com/foo+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "small order" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct verifier v;
        struct error e = { 0 };
        if (verifier_parse(&v, bytes_of_text(row[i].text), "keys.txt:3", &e)) {
            fail_msg("row %zu was read", i);
        }
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_string_equal(e.where, "keys.txt:3");
        if (strstr(e.what, row[i].what) == NULL) {
            fail_msg("row %zu: \"%s\", want \"%s\"", i, e.what, row[i].what);
        }
    }
}

static void names_are_those_of_signed_note(void **state)
{
    static const struct {
        struct bytes name;
        bool is_valid;
    } row[] = {
        { BYTES("a"), true },         { BYTES("log.example/\u00F6"), true },
        { BYTES(""), false },         { BYTES("a+b"), false },
        { BYTES("a\tb"), false },     { BYTES("a\nb"), false },
        { BYTES("a\0b"), false },     { BYTES("a\x1F"), false },
        { BYTES("\xC2\x85"), false }, { BYTES("a\u00A0"), false },
        { BYTES("\u1680"), false },   { BYTES("a\u2000"), false },
        { BYTES("a\u200A"), false },  { BYTES("a\u200B"), true }, /* zero width space: no White_Space, Go's notes take it */
        { BYTES("\u2028"), false },   { BYTES("\u202F"), false },
        { BYTES("\u205F"), false },   { BYTES("a\u3000b"), false },
        { BYTES("\xFF"), false },     { BYTES("\xE2\x80"), false },
    };
    uint8_t key[ED25519_PUBLIC_SIZE] = { 9 };
    char long_name[KEY_NAME_SIZE_MAX + 1];
    struct verifier v;
    struct error e;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (verifier_init(&v, row[i].name, SIGNATURE_ED25519, key, &e) != row[i].is_valid) {
            fail_msg("row %zu", i);
        }
    }
    memset(long_name, 'a', sizeof long_name);
    assert_true(verifier_init(&v, bytes_of(long_name, KEY_NAME_SIZE_MAX), SIGNATURE_ED25519, key, &e));
    assert_int_equal(strlen(v.name), KEY_NAME_SIZE_MAX);
    assert_false(verifier_init(&v, bytes_of(long_name, KEY_NAME_SIZE_MAX + 1), SIGNATURE_ED25519, key, &e));
    assert_false(verifier_init(&v, BYTES("a"), (enum signature_type)0x05, key, &e));
}

/* Under the neutral element as a key, the signature (R = neutral, S = 0) fits every message by RFC 8032's equation: OpenSSL takes it. */
static void points_of_small_order_are_refused(void **state)
{
    struct verifier v = { .name = "weak", .type = SIGNATURE_ED25519, .public_key = { 1 } };
    uint8_t signature[ED25519_SIGNATURE_SIZE] = { 1 };
    (void)state;
    assert_false(verifier_check(&v, BYTES("anything"), signature));
    assert_false(verifier_check(&v, BYTES("and anything else"), signature));
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        uint8_t key[ED25519_PUBLIC_SIZE];
        struct error e = { 0 };
        assert_true(hex_parse(bytes_of_text(keys[i]), key, sizeof key));
        if (verifier_init(&v, BYTES("weak"), SIGNATURE_ED25519, key, &e)) {
            fail_msg("row %zu was taken", i);
        }
    }
}

static void keys_are_saved_and_loaded(void **state)
{
    struct signer *made = NULL, *loaded = NULL;
    struct error e = { 0 };
    struct stat file;
    uint8_t a[ED25519_SIGNATURE_SIZE], b[ED25519_SIGNATURE_SIZE];
    (void)state;
    const char *path = in_folder("key");
    assert_true(signer_make(&made, BYTES("log.example/1"), &e));
    mode_t before = umask(0777); /* whatever the umask, the owner can read the key again */
    assert_true(signer_save(made, path, &e));
    (void)umask(before);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_true(signer_load(&loaded, BYTES("log.example/1"), path, &e));
    assert_true(verifier_equal(signer_verifier(made), signer_verifier(loaded)));
    signer_sign(made, BYTES("text"), a);
    signer_sign(loaded, BYTES("text"), b);
    assert_memory_equal(a, b, sizeof a);
    signer_free(loaded);

    assert_false(signer_save(made, path, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "never overwritten"));
    assert_false(signer_save(made, in_folder("no/such/folder"), &e));
    assert_int_equal(e.kind, ERROR_ABSENT);

    assert_false(signer_load(&loaded, BYTES("a b"), path, &e));
    assert_null(loaded);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_string_equal(e.where, path);
    signer_free(made);
    signer_free(NULL);
}

static void open_key_files_are_refused(void **state)
{
    struct signer *signer = NULL;
    struct error e = { 0 };
    (void)state;
    const char *path = in_folder("key");
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_false(signer_load(&signer, BYTES("a"), path, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        assert_non_null(strstr(e.what, "others than its owner"));
        assert_false(file_check_private(path, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_true(file_check_private(path, &e));
    assert_int_equal(symlink(path, in_folder("link")), 0);
    assert_false(signer_load(&signer, BYTES("a"), in_folder("link"), &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "symbolic link"));
    assert_false(file_check_private(in_folder("absent"), &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(file_check_private(folder, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_false(signer_load(&signer, BYTES("a"), in_folder("fifo"), &e)); /* and does not wait for a writer */
    assert_int_equal(e.kind, ERROR_INPUT);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_false(signer_load(&signer, BYTES("a"), path, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        assert_non_null(strstr(e.what, "another user"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
}

static void files_without_a_key_are_refused(void **state)
{
    /* Made by openssl for this test; its passphrase is "test", and must not be asked for. */
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj0JMzPpEyGowICCAAw\n"
                                    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEI51lTVJGfUL3PUnUtiPNnQEQEFx\n"
                                    "SeGMdWlFAGlISH0QZK2rhEZ4W0nyXGxNmTAFFZlU3jNROVJVTO+WpUksSI5ARU+2\n"
                                    "v/opftDTNovPJvUO1kY=\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    const struct {
        const char *name, *text;
    } row[] = { { "other", "" }, { "text", "no key at all\n" }, { "encrypted", encrypted } };
    struct signer *signer = NULL;
    struct error e = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        write_file(in_folder(row[i].name), row[i].text, 0600);
        assert_false(signer_load(&signer, BYTES("a"), in_folder(row[i].name), &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.what, "no unencrypted Ed25519"));
        assert_null(signer);
    }
    char *large = malloc(70001);
    assert_non_null(large);
    memset(large, 'A', 70000);
    large[70000] = '\0';
    write_file(in_folder("large"), large, 0600);
    free(large);
    assert_false(signer_load(&signer, BYTES("a"), in_folder("large"), &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.what, "larger than"));
    /* A TLS key is no statement key. */
    assert_true(certificate_make(in_folder("p256"), in_folder("copy"), "test", 1, &e));
    assert_false(signer_load(&signer, BYTES("a"), in_folder("p256"), &e));
    assert_int_equal(e.kind, ERROR_INPUT);
}

static void *sign_often(void *context)
{
    const struct signer *signer = context;
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    for (int i = 0; i < 100; i++) {
        signer_sign(signer, BYTES("text"), signature);
        if (!verifier_check(signer_verifier(signer), BYTES("text"), signature)) {
            abort();
        }
    }
    return NULL;
}

static void one_signer_serves_many_threads(void **state)
{
    pthread_t threads[4];
    struct signer *signer = from_seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "kat");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, signer), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_rfc_8032),
        cmocka_unit_test(vkeys_are_read_and_written),
        cmocka_unit_test(bad_vkeys_are_refused),
        cmocka_unit_test(names_are_those_of_signed_note),
        cmocka_unit_test(points_of_small_order_are_refused),
        cmocka_unit_test(keys_are_saved_and_loaded),
        cmocka_unit_test(open_key_files_are_refused),
        cmocka_unit_test(files_without_a_key_are_refused),
        cmocka_unit_test(one_signer_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
