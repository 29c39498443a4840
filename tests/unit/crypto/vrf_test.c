/* ECVRF-P256-SHA256-TAI: RFC 9381's own examples (appendix B.1), and that nothing but the one proof passes. */
#include "crypto/vrf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"

struct example {
    const char *secret, *public_key, *input, *proof, *output;
};
static const struct example examples[] = {
    { "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
      "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "sample",
      "035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4a53f0a46f018bc2c56e58d383f2305e0975972c26feea0eb122fe7893c15af376b33ed"
      "f7de17c6ea056d4d82de6bc02f",
      "a3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e" },
    { "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
      "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "test",
      "034dac60aba508ba0c01aa9be80377ebd7562c4a52d74722e0abae7dc3080ddb56c19e067b15a8a8174905b13617804534214f935b94c2287f797e393eb0816969d864f3"
      "7625b443f30f1a5a33f2b3c854",
      "a284f94ceec2ff4b3794629da7cbafa49121972671b466cab4ce170aa365f26d" },
};

static void the_rfcs_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        uint8_t secret[VRF_SECRET_SIZE], public_key[VRF_PUBLIC_SIZE], proof[VRF_PROOF_SIZE], output[VRF_OUTPUT_SIZE];
        char hex[2 * VRF_PROOF_SIZE + 1];
        struct error e = { 0 };
        struct vrf *vrf = NULL;
        assert_true(hex_parse(bytes_of_text(examples[i].secret), secret, sizeof secret));
        assert_true(vrf_make(&vrf, secret, &e));
        vrf_public(vrf, public_key);
        hex_write(bytes_of(public_key, sizeof public_key), hex);
        assert_string_equal(hex, examples[i].public_key);
        assert_true(vrf_prove(vrf, bytes_of_text(examples[i].input), proof, output, &e));
        hex_write(bytes_of(proof, sizeof proof), hex);
        assert_string_equal(hex, examples[i].proof);
        hex_write(bytes_of(output, sizeof output), hex);
        assert_string_equal(hex, examples[i].output);
        memset(output, 0, sizeof output);
        assert_true(vrf_output(vrf, bytes_of_text(examples[i].input), output, &e));
        hex_write(bytes_of(output, sizeof output), hex);
        assert_string_equal(hex, examples[i].output);
        memset(output, 0, sizeof output);
        assert_true(vrf_verify(public_key, bytes_of_text(examples[i].input), proof, output, &e));
        hex_write(bytes_of(output, sizeof output), hex);
        assert_string_equal(hex, examples[i].output);
        vrf_free(vrf);
    }
}

static void one_changed_bit_is_refused(void **state)
{
    (void)state;
    uint8_t secret[VRF_SECRET_SIZE] = { [31] = 7 }, public_key[VRF_PUBLIC_SIZE], proof[VRF_PROOF_SIZE], output[VRF_OUTPUT_SIZE];
    struct error e = { 0 };
    struct vrf *vrf = NULL;
    assert_true(vrf_make(&vrf, secret, &e));
    vrf_public(vrf, public_key);
    assert_true(vrf_prove(vrf, BYTES("p-1"), proof, output, &e));
    assert_true(vrf_verify(public_key, BYTES("p-1"), proof, output, &e));
    assert_false(vrf_verify(public_key, BYTES("p-2"), proof, output, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    for (size_t i = 0; i < 8 * VRF_PROOF_SIZE; i++) {
        proof[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(vrf_verify(public_key, BYTES("p-1"), proof, output, &e));
        proof[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t i = 0; i < 8 * VRF_PUBLIC_SIZE; i++) {
        public_key[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(vrf_verify(public_key, BYTES("p-1"), proof, output, &e));
        public_key[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    vrf_free(vrf);
}

static void secrets_out_of_range(void **state)
{
    (void)state;
    uint8_t secret[VRF_SECRET_SIZE] = { 0 };
    struct error e = { 0 };
    struct vrf *vrf = NULL;
    assert_false(vrf_make(&vrf, secret, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    memset(secret, 0xff, sizeof secret);
    assert_false(vrf_make(&vrf, secret, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_null(vrf);
    vrf_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_rfcs_examples), cmocka_unit_test(one_changed_bit_is_refused),
                                        cmocka_unit_test(secrets_out_of_range) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
