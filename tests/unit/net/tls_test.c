/* TLS towards applications and services, and what is refused when contexts are made. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "crypto/hash.h"
#include "fixture.h"
#include "net/tls_internal.h"

static void must(bool ok, const struct error *e)
{
    char text[512];
    if (!ok) {
        fail_msg("%s", error_text(e, text, sizeof text));
    }
}

static bool accept_all(void *context, const uint8_t pin[PIN_SIZE])
{
    (void)context;
    (void)pin;
    return true;
}

/* An application's server with KEY_SERVER's certificate; the client is a service client made from the arguments. */
static void open_service(struct fixture *f, int client_key, const char *trusted)
{
    struct error e = { 0 };
    must(tls_make_application(&f->server_tls, f->certificate[KEY_SERVER], f->key[KEY_SERVER], &e), &e);
    must(tls_make_service(&f->client_tls, client_key < 0 ? NULL : f->certificate[client_key], client_key < 0 ? NULL : f->key[client_key],
                          trusted, &e),
         &e);
    fixture_serve(f, PROTOCOL_HTTP1, NULL);
    fixture_connect(f, NULL);
}

static enum client_failure call_service(struct fixture *f, const char *name, const char *path, struct outcome *out)
{
    const struct bytes address = bytes_of_text(f->address);
    const struct client_target target = {
        .addresses = &address, .address_count = 1, .tls = f->client_tls, .server_name = bytes_of_text(name)
    };
    const struct client_request request = { .method = BYTES("GET"), .target = bytes_of_text(path), .authority = BYTES("service.example") };
    fixture_call_to(f, out, &target, &request);
    if (strcmp(path, "/hold") == 0) {
        fixture_await_held(f, 1);
        return out->failure;
    }
    fixture_run_until(f, &out->is_done, 10000);
    return out->failure;
}

static void client_certificate_is_told_not_required(void **state)
{
    (void)state;
    for (int key = -1; key <= KEY_CLIENT; key += 2) {
        struct fixture f;
        struct outcome out;
        fixture_init(&f);
        open_service(&f, key, NULL);
        (void)call_service(&f, "", "/hold", &out);
        assert_int_equal(f.held_count, 1);
        const struct peer *peer = &f.held[0]->peer;
        assert_true(peer->is_tls);
        assert_int_equal(peer->has_certificate, key >= 0);
        if (key >= 0) {
            assert_memory_equal(peer->pin, f.pin[key], PIN_SIZE);
            FILE *file = fopen(f.certificate[key], "r");
            assert_non_null(file);
            X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
            (void)fclose(file);
            uint8_t digest[32], *der = NULL;
            int size = i2d_X509(certificate, &der);
            assert_true(size > 0);
            sha256(bytes_of(der, (size_t)size), digest);
            assert_memory_equal(peer->certificate_sha256, digest, 32);
            OPENSSL_free(der);
            X509_free(certificate);
        }
        fixture_answer(f.held[0], 200, NULL);
        f.held_count = 0;
        fixture_run_until(&f, &out.is_done, 5000);
        assert_non_null(out.answer);
        assert_true(out.answer->peer.has_certificate);
        assert_memory_equal(out.answer->peer.pin, f.pin[KEY_SERVER], PIN_SIZE);
        outcome_clear(&out);
        fixture_clear(&f);
    }
}

static void services_are_trusted_byte_for_byte(void **state)
{
    (void)state;
    const struct {
        int trusted; /* -1: anything */
        enum client_failure want;
    } rows[] = { { -1, CLIENT_FAILURE_NONE }, { KEY_SERVER, CLIENT_FAILURE_NONE }, { KEY_STRANGER, CLIENT_FAILURE_TLS } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        struct outcome out;
        fixture_init(&f);
        open_service(&f, KEY_CLIENT, rows[i].trusted < 0 ? NULL : f.certificate[rows[i].trusted]);
        if (call_service(&f, "service.example", "/echo", &out) != rows[i].want) {
            fail_msg("row %zu: failure %d: %s", i, (int)out.failure, out.error.what);
        }
        if (rows[i].want == CLIENT_FAILURE_TLS) {
            assert_int_equal(out.error.kind, ERROR_DENIED);
            assert_non_null(strstr(out.error.todo, "trusted"));
        }
        outcome_clear(&out);
        fixture_clear(&f);
    }
}

/* Makes an issuer's certificate at `ca_path` and one for `name` issued by it at certificate[KEY_SERVER], with new keys. */
static void make_issued(struct fixture *f, const char *ca_path, const char *name)
{
    EVP_PKEY *keys[2] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256") };
    X509 *made[2] = { X509_new(), X509_new() };
    for (int i = 0; i < 2; i++) {
        X509 *x = made[i];
        assert_non_null(keys[i]);
        assert_int_equal(X509_set_version(x, 2), 1);
        assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), i + 1), 1);
        assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
        assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
        assert_int_equal(X509_set_pubkey(x, keys[i]), 1);
        X509_NAME *subject = X509_get_subject_name(x);
        const char *text = i == 0 ? "issuer" : name;
        assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)text, -1, -1, 0), 1);
        assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(made[0])), 1);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, i == 0 ? "critical,CA:TRUE" : "CA:FALSE");
        assert_int_equal(X509_add_ext(x, extension, -1), 1);
        X509_EXTENSION_free(extension);
        assert_true(X509_sign(x, keys[0], EVP_sha256()) > 0);
        FILE *file = fopen(i == 0 ? ca_path : f->certificate[KEY_SERVER], "w");
        assert_non_null(file);
        assert_int_equal(PEM_write_X509(file, x), 1);
        assert_int_equal(fclose(file), 0);
    }
    FILE *file = fopen(f->key[KEY_SERVER], "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, keys[1], NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    for (int i = 0; i < 2; i++) {
        X509_free(made[i]);
        EVP_PKEY_free(keys[i]);
    }
}

static void issued_certificates_need_the_name(void **state)
{
    (void)state;
    const struct {
        const char *name;
        enum client_failure want;
    } rows[] = { { "service.example", CLIENT_FAILURE_NONE }, { "other.example", CLIENT_FAILURE_TLS }, { "", CLIENT_FAILURE_TLS } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        struct outcome out;
        char ca_path[120];
        fixture_init(&f);
        (void)snprintf(ca_path, sizeof ca_path, "%s/ca.pem", f.folder);
        make_issued(&f, ca_path, "service.example");
        open_service(&f, KEY_CLIENT, ca_path);
        if (call_service(&f, rows[i].name, "/echo", &out) != rows[i].want) {
            fail_msg("row %zu: failure %d: %s", i, (int)out.failure, out.error.what);
        }
        outcome_clear(&out);
        (void)unlink(ca_path);
        fixture_clear(&f);
    }
}

static void contexts_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct tls *tls = NULL;
    struct error e = { 0 };
    char broken[120];
    fixture_init(&f);
    (void)snprintf(broken, sizeof broken, "%s/broken.pem", f.folder);
    FILE *file = fopen(broken, "w");
    assert_non_null(file);
    assert_true(fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(broken, 0600), 0);
    /* the certificate of another key; no key; a broken certificate; a key that others may read */
    assert_false(tls_make_peer(&tls, f.certificate[KEY_SERVER], f.key[KEY_CLIENT], accept_all, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_false(tls_make_peer(&tls, f.certificate[KEY_SERVER], "/no/such/key", accept_all, NULL, &e));
    assert_false(tls_make_application(&tls, broken, f.key[KEY_SERVER], &e));
    assert_false(tls_make_application(&tls, f.certificate[KEY_SERVER], broken, &e));
    assert_false(tls_make_service(&tls, NULL, NULL, broken, &e));
    assert_false(tls_make_service(&tls, NULL, NULL, "/no/such/file", &e));
    assert_int_equal(chmod(f.key[KEY_SERVER], 0644), 0);
    assert_false(tls_make_peer(&tls, f.certificate[KEY_SERVER], f.key[KEY_SERVER], accept_all, NULL, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_null(tls);
    assert_string_equal(e.where, f.key[KEY_SERVER]);
    (void)unlink(broken);
    fixture_clear(&f);
}

/* What happens to a key file between its check and what is made of it. */
static struct {
    bool takes_place; /* another file takes its place */
    unsigned reads, wipes;
    struct buffer *held;
    bool was_key;
} race;

bool __real_file_read_private(const char *path, struct buffer *out, struct error *e);
bool __wrap_file_read_private(const char *path, struct buffer *out, struct error *e);
void __real_buffer_wipe(struct buffer *b);
void __wrap_buffer_wipe(struct buffer *b);

bool __wrap_file_read_private(const char *path, struct buffer *out, struct error *e)
{
    bool ok = __real_file_read_private(path, out, e);
    race.reads++;
    race.held = out;
    if (ok && race.takes_place) {
        assert_int_equal(unlink(path), 0);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs("not the file that was checked\n", file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    return ok;
}

void __wrap_buffer_wipe(struct buffer *b)
{
    race.wipes += b == race.held;
    race.was_key = b->size > 0 && bytes_start_with(buffer_bytes(b), BYTES("-----BEGIN"));
    __real_buffer_wipe(b);
}

/* The key is what was checked, whatever the name stands for later; and its text is wiped. */
static void key_file_is_read_once(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    struct tls *tls[3] = { NULL };
    for (size_t i = 0; i < COUNT_OF(tls); i++) {
        fixture_init(&f);
        memset(&race, 0, sizeof race);
        race.takes_place = true;
        switch (i) {
        case 0:
            must(tls_make_peer(&tls[i], f.certificate[0], f.key[0], accept_all, NULL, &e), &e);
            break;
        case 1:
            must(tls_make_application(&tls[i], f.certificate[0], f.key[0], &e), &e);
            break;
        default:
            must(tls_make_service(&tls[i], f.certificate[0], f.key[0], NULL, &e), &e);
            break;
        }
        race.takes_place = false;
        assert_int_equal(race.reads, 1);
        assert_int_equal(race.wipes, 1);
        assert_true(race.was_key);
        assert_false(tls_make_application(&tls[i == 2 ? 0 : 2], f.certificate[0], f.key[0], &e)); /* it has been put there */
        tls_free(tls[i]);
        tls[i] = NULL;
        fixture_clear(&f);
    }
}

/* A key with a password is refused at once: nobody is asked on a terminal. And it is wiped after failures, too. */
static void key_with_password_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    struct tls *tls = NULL;
    char path[120], text[512];
    fixture_init(&f);
    (void)snprintf(path, sizeof path, "%s/locked.key", f.folder);
    FILE *file = fopen(path, "w");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(file);
    assert_non_null(key);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
    assert_int_equal(chmod(path, 0600), 0);
    memset(&race, 0, sizeof race);
    assert_false(tls_make_application(&tls, f.certificate[0], path, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(error_text(&e, text, sizeof text), "without a password"));
    assert_int_equal(race.wipes, 1);
    assert_true(race.was_key);
    /* larger than any key; a link to one */
    assert_int_equal(truncate(path, 1 << 20), 0);
    assert_false(tls_make_application(&tls, f.certificate[0], path, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(f.key[0], path), 0);
    assert_false(tls_make_application(&tls, f.certificate[0], path, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_int_equal(unlink(path), 0);
    fixture_clear(&f);
}

/* Connections go on with a context that was freed, and new ones use what server_set_tls() gave. */
static void contexts_are_exchanged(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome first, second;
    struct error e = { 0 };
    fixture_init(&f);
    open_service(&f, KEY_CLIENT, f.certificate[KEY_SERVER]);
    (void)call_service(&f, "x", "/hold", &first);
    assert_int_equal(f.held_count, 1);
    struct tls *next = NULL;
    must(tls_make_application(&next, f.certificate[KEY_STRANGER], f.key[KEY_STRANGER], &e), &e);
    must(server_set_tls(f.server, next, &e), &e);
    assert_false(server_set_tls(f.server, NULL, &e));
    tls_free(f.server_tls);
    f.server_tls = next;
    assert_int_equal(call_service(&f, "x", "/echo", &second), CLIENT_FAILURE_TLS); /* a fresh connection meets the new certificate */
    outcome_clear(&second);
    fixture_answer(f.held[0], 200, NULL);
    f.held_count = 0;
    fixture_run_until(&f, &first.is_done, 5000);
    assert_non_null(first.answer);
    outcome_clear(&first);
    fixture_clear(&f);
}

enum { OWNERS = 4, RELOADS = 50 };

/* What a worker's connection does with the context that it came by. */
static void *own(void *context)
{
    struct tls *tls = context;
    struct error e = { 0 };
    for (int i = 0; i < 4; i++) {
        struct tls_check check = { .server_name = "" };
        struct tls *mine = tls_retain(tls);
        SSL *ssl = tls_open(mine, i % 2 == 0, &check, &e);
        if (ssl == NULL) {
            abort(); /* cmocka's asserts are for the main thread */
        }
        SSL_free(ssl);
        tls_free(mine);
    }
    tls_free(tls);
    return NULL;
}

/* A reload: the owner lets go while other threads' connections still hold the context, and whoever is last frees all of it. ASan sees a
 * leak or a use after that, TSan a free that is not ordered after the last use. */
static void last_owner_frees(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int n = 0; n < RELOADS; n++) {
        struct tls *tls = NULL;
        struct error e = { 0 };
        pthread_t threads[OWNERS];
        must(tls_make_service(&tls, f.certificate[0], f.key[0], f.certificate[1], &e), &e);
        for (size_t i = 0; i < OWNERS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, own, tls_retain(tls)), 0);
        }
        tls_free(tls);
        for (size_t i = 0; i < OWNERS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
    }
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_certificate_is_told_not_required),
        cmocka_unit_test(services_are_trusted_byte_for_byte),
        cmocka_unit_test(issued_certificates_need_the_name),
        cmocka_unit_test(contexts_are_refused),
        cmocka_unit_test(key_file_is_read_once),
        cmocka_unit_test(key_with_password_is_refused),
        cmocka_unit_test(contexts_are_exchanged),
        cmocka_unit_test(last_owner_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
