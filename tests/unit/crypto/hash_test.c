#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "crypto/hash.h"

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void known_answers(void **state) /* FIPS 180-4 examples (NIST CSRC) */
{
    const struct {
        struct bytes data;
        const char *sha256, *sha512;
    } row[] = {
        { BYTES(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
        { BYTES("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
        { BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
          "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t digest[SHA512_SIZE];
        char hex[2 * SHA512_SIZE + 1];
        sha256(row[i].data, digest);
        hex_write(bytes_of(digest, SHA256_SIZE), hex);
        if (strcmp(hex, row[i].sha256) != 0) {
            fail_msg("row %zu: %s, want %s", i, hex, row[i].sha256);
        }
        sha512(row[i].data, digest);
        hex_write(bytes_of(digest, SHA512_SIZE), hex);
        if (strcmp(hex, row[i].sha512) != 0) {
            fail_msg("row %zu: %s, want %s", i, hex, row[i].sha512);
        }
    }
}

static void million(void **state) /* FIPS 180-4: one million times "a" */
{
    (void)state;
    struct hash *hash = hash_make(HASH_SHA256);
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    assert_non_null(hash);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100000; i++) {
            hash_add(hash, BYTES("aaaaaaaaaa"));
        }
        hash_end(hash, digest);
        hex_write(bytes_of(digest, sizeof digest), hex);
        assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        hash_reset(hash);
    }
    hash_free(hash);
    hash_free(NULL);
}

static void hmac_known_answers(void **state) /* RFC 4231 4.2, 4.3, 4.7; the empty key by Python's hmac */
{
    uint8_t key1[20], key6[131];
    memset(key1, 0x0b, sizeof key1);
    memset(key6, 0xaa, sizeof key6);
    const struct {
        struct bytes key, data;
        const char *mac;
    } row[] = {
        { bytes_of(key1, sizeof key1), BYTES("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { BYTES("Jefe"), BYTES("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { bytes_of(key6, sizeof key6), BYTES("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { BYTES_NONE, BYTES_NONE, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        uint8_t mac[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        hmac_sha256(row[i].key, row[i].data, mac);
        hex_write(bytes_of(mac, sizeof mac), hex);
        if (strcmp(hex, row[i].mac) != 0) {
            fail_msg("row %zu: %s, want %s", i, hex, row[i].mac);
        }
    }
}

/* However data is cut into parts, and whichever of the three ways it is hashed, the digest is that of the whole. */
static void parts_make_the_whole(void **state)
{
    (void)state;
    uint8_t data[4096];
    struct hash *hashes[2] = { hash_make(HASH_SHA256), hash_make(HASH_SHA512) };
    assert_true(hashes[0] != NULL && hashes[1] != NULL);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t dice = seed;
        size_t size = next(&dice) % sizeof data;
        struct bytes parts[16];
        size_t count = 0;
        uint8_t whole[2][SHA512_SIZE], cut[2][SHA512_SIZE], added[2][SHA512_SIZE];
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)next(&dice);
        }
        for (size_t at = 0; count < COUNT_OF(parts) - 1 && at < size;) {
            size_t more = next(&dice) % (size - at + 1);
            parts[count++] = bytes_of(data + at, more);
            at += more;
        }
        size_t used = 0;
        for (size_t i = 0; i < count; i++) {
            used += parts[i].size;
        }
        parts[count++] = bytes_of(data + used, size - used);
        sha256(bytes_of(data, size), whole[0]);
        sha512(bytes_of(data, size), whole[1]);
        sha256_parts(parts, count, cut[0]);
        sha512_parts(parts, count, cut[1]);
        for (size_t k = 0; k < 2; k++) {
            size_t digest_size = k == 0 ? SHA256_SIZE : SHA512_SIZE;
            for (size_t i = 0; i < count; i++) {
                hash_add(hashes[k], parts[i]);
            }
            hash_end(hashes[k], added[k]);
            hash_reset(hashes[k]);
            if (memcmp(whole[k], cut[k], digest_size) != 0 || memcmp(whole[k], added[k], digest_size) != 0) {
                fail_msg("seed %" PRIu64 ", kind %zu: the digests differ", seed, k);
            }
        }
    }
    hash_free(hashes[0]);
    hash_free(hashes[1]);
}

static void *hash_and_end(void *context)
{
    uint8_t *digest = context;
    for (int i = 0; i < 1000; i++) {
        sha256(BYTES("abc"), digest);
    }
    return NULL;
}

static void threads_have_their_own(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    uint8_t digests[THREADS][SHA256_SIZE], want[SHA256_SIZE];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_and_end, digests[i]), 0);
    }
    sha256(BYTES("abc"), want);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(digests[i], want, sizeof want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_have_their_own), cmocka_unit_test(known_answers),        cmocka_unit_test(million),
        cmocka_unit_test(hmac_known_answers),     cmocka_unit_test(parts_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
