/* SipHash with 128 bits against the authors' vectors (github.com/veorq/SipHash, vectors.h: the first two), and against OpenSSL's at every length. */
#include "crypto/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

enum { LENGTHS = 200 };

static void is_that_of_the_authors(void **state)
{
    static const uint8_t known[][SIPHASH128_SIZE] = {
        { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 },
        { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 },
    };
    uint8_t key[SIPHASH_KEY_SIZE], out[SIPHASH128_SIZE];
    const uint8_t zero = 0;
    (void)state;
    for (uint8_t i = 0; i < sizeof key; i++) {
        key[i] = i;
    }
    for (size_t size = 0; size < COUNT_OF(known); size++) {
        siphash128(key, bytes_of(&zero, size), out);
        assert_memory_equal(out, known[size], sizeof out);
    }
}

static void is_that_of_openssl(void **state)
{
    uint8_t key[SIPHASH_KEY_SIZE], data[LENGTHS], out[SIPHASH128_SIZE], theirs[SIPHASH128_SIZE];
    size_t size_out = sizeof theirs;
    const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size_out), OSSL_PARAM_construct_end() };
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 37 + 11);
    }
    for (uint8_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(251 - 7 * i);
    }
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    for (size_t size = 0; size <= LENGTHS; size++) {
        EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
        assert_non_null(context);
        assert_int_equal(EVP_MAC_init(context, key, sizeof key, parameters), 1);
        assert_int_equal(EVP_MAC_update(context, data, size), 1);
        assert_int_equal(EVP_MAC_final(context, theirs, &size_out, sizeof theirs), 1);
        EVP_MAC_CTX_free(context);
        siphash128(key, bytes_of(data, size), out);
        assert_memory_equal(out, theirs, sizeof out);
    }
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_that_of_the_authors),
        cmocka_unit_test(is_that_of_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
