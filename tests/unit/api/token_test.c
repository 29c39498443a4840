/* Tokens: what cjose itself signs is taken, and what is not as it must be is not. The integration test has tokens of another hand's making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <cjose/cjose.h>

#include "api/token.h"

static const int64_t now_ms = 1800000000000;

struct provider {
    cjose_jwk_t *rsa, *ec;
    struct token_keys *keys;
};

static char *public_json(cjose_jwk_t *key)
{
    cjose_err fault;
    char *text = cjose_jwk_to_json(key, false, &fault);
    assert_non_null(text);
    return text;
}

static int setup(void **state)
{
    static const uint8_t e[] = { 1, 0, 1 };
    static char set[8192];
    cjose_err fault;
    struct error error = { 0 };
    struct provider *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->rsa = cjose_jwk_create_RSA_random(2048, e, sizeof e, &fault);
    p->ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &fault);
    assert_true(cjose_jwk_set_kid(p->rsa, "r", 1, &fault) && cjose_jwk_set_kid(p->ec, "e", 1, &fault));
    char *one = public_json(p->rsa), *two = public_json(p->ec);
    (void)snprintf(set, sizeof set, "{\"keys\":[%s,%s,{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}", one, two);
    assert_true(token_keys_parse(&p->keys, bytes_of_text(set), "test", &error));
    free(one);
    free(two);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct provider *p = *state;
    token_keys_release(p->keys);
    (void)cjose_jwk_release(p->rsa);
    (void)cjose_jwk_release(p->ec);
    free(p);
    return 0;
}

/* The caller frees it. */
static char *sign(const cjose_jwk_t *key, const char *algorithm, const char *kid, const char *claims)
{
    cjose_err fault;
    const char *text = NULL;
    cjose_header_t *header = cjose_header_new(&fault);
    assert_true(cjose_header_set(header, CJOSE_HDR_ALG, algorithm, &fault) && cjose_header_set(header, CJOSE_HDR_KID, kid, &fault));
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), &fault);
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &text, &fault));
    char *kept = strdup(text);
    cjose_jws_release(jws);
    cjose_header_release(header);
    return kept;
}

static const char good[] = "{\"iss\":\"https://id\",\"aud\":[\"x\",\"us\"],\"sub\":\"s\",\"exp\":1800000100,\"iat\":1799999900}";

static bool check(const struct provider *p, const char *text, const struct token_rules *changed, bool *is_key_unknown)
{
    static const struct bytes audiences[] = { BYTES("us") };
    const struct token_rules rules = {
        .issuer = BYTES("https://id"), .audiences = audiences, .audience_count = 1, .algorithms = TOKEN_ALL, .skew_ms = 60000
    };
    struct error e = { 0 };
    json_t *claims = NULL;
    bool is_unknown;
    bool ok = token_check(bytes_of_text(text), p->keys, changed == NULL ? &rules : changed, now_ms, &claims,
                          is_key_unknown == NULL ? &is_unknown : is_key_unknown, &e);
    assert_int_equal(ok, claims != NULL);
    assert_int_equal(e.kind, ok ? ERROR_NONE : ERROR_DENIED);
    json_decref(claims);
    return ok;
}

static bool check_once(const struct provider *p, char *text, const struct token_rules *rules)
{
    bool ok = check(p, text, rules, NULL);
    free(text);
    return ok;
}

static void each_algorithm(void **state)
{
    const struct provider *p = *state;
    assert_int_equal(token_keys_count(p->keys), 2); /* the third is of a kind that isn't taken */
    assert_true(check_once(p, sign(p->rsa, "RS256", "r", good), NULL));
    assert_true(check_once(p, sign(p->rsa, "PS256", "r", good), NULL));
    assert_true(check_once(p, sign(p->ec, "ES256", "e", good), NULL));
    assert_false(check_once(p, sign(p->rsa, "RS512", "r", good), NULL));
    const struct bytes audience = BYTES("us");
    const struct token_rules only_es = {
        .issuer = BYTES("https://id"), .audiences = &audience, .audience_count = 1, .algorithms = TOKEN_ES256
    };
    assert_false(check_once(p, sign(p->rsa, "RS256", "r", good), &only_es));
    assert_true(check_once(p, sign(p->ec, "ES256", "e", good), &only_es));
}

static void unknown_key_is_told(void **state)
{
    const struct provider *p = *state;
    bool is_unknown = false;
    char *text = sign(p->rsa, "RS256", "new", good);
    assert_false(check(p, text, NULL, &is_unknown));
    assert_true(is_unknown);
    free(text);
    text = sign(p->ec, "ES256", "r", good); /* known, but of the other kind: fetching again would not help */
    assert_false(check(p, text, NULL, &is_unknown));
    assert_false(is_unknown);
    free(text);
}

/* Each character changed: none of those tokens is taken. The last one of a part may have bits that mean nothing; the form is strict all the same. */
static void no_other_character(void **state)
{
    const struct provider *p = *state;
    char *text = sign(p->ec, "ES256", "e", good);
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        char kept = text[i];
        for (size_t j = 0; j < 3; j++) {
            text[i] = "A.z"[j];
            if (text[i] != kept && check(p, text, NULL, NULL)) {
                fail_msg("position %zu of %zu changed from %c to %c", i, size, kept, text[i]);
            }
        }
        text[i] = kept;
    }
    assert_true(check(p, text, NULL, NULL));
    /* 64 bytes leave four bits of the last character unused: the other fifteen are the same bytes for a lenient decoder. */
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char last = text[size - 1];
    size_t at = (size_t)(strchr(alphabet, last) - alphabet);
    assert_int_equal(at % 16, 0);
    for (size_t j = 1; j < 16; j++) {
        text[size - 1] = alphabet[at + j];
        assert_false(check(p, text, NULL, NULL));
    }
    text[size - 1] = last;
    for (size_t i = 0; i < size; i++) {
        text[size - 1 - i] = '\0';
        assert_false(check(p, text, NULL, NULL));
    }
    free(text);
}

static void times_at_their_borders(void **state)
{
    const struct provider *p = *state;
    const struct bytes audience = BYTES("us");
    const struct token_rules rules = { .issuer = BYTES("https://id"),
                                       .audiences = &audience,
                                       .audience_count = 1,
                                       .algorithms = TOKEN_ALL,
                                       .skew_ms = 60000,
                                       .age_max_ms = 600000 };
    const struct {
        const char *times;
        bool ok;
    } rows[] = {
        { "\"exp\":1799999941,\"iat\":1799999900", true },  /* 59 s over, with 60 s of skew */
        { "\"exp\":1799999940,\"iat\":1799999900", false }, /* 60 s over */
        { "\"exp\":1800000001,\"iat\":1800000060", true },  /* issued 60 s ahead */
        { "\"exp\":1800000001,\"iat\":1800000061", false }, /* 61 s */
        { "\"exp\":1800000001,\"iat\":1799999900,\"nbf\":1800000060", true },
        { "\"exp\":1800000001,\"iat\":1799999900,\"nbf\":1800000061", false },
        { "\"exp\":1800000001,\"iat\":1799999340", true }, /* 660 s old: the most, with skew */
        { "\"exp\":1800000001,\"iat\":1799999339", false },
        { "\"exp\":1800000001", false }, /* no age without iat */
        { "\"exp\":1800000001,\"iat\":\"1799999900\"", false },
        { "\"exp\":1e400,\"iat\":1799999900", false },
        { "\"exp\":-1,\"iat\":1799999900", false },
        { "\"exp\":true,\"iat\":1799999900", false },
        { "\"exp\":1800000001.5,\"iat\":1799999900.25", true }, /* NumericDate may have a fraction */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char claims[256];
        (void)snprintf(claims, sizeof claims, "{\"iss\":\"https://id\",\"aud\":\"us\",%s}", rows[i].times);
        if (check_once(p, sign(p->rsa, "RS256", "r", claims), &rules) != rows[i].ok) {
            fail_msg("row %zu: %s", i, rows[i].times);
        }
    }
}

static void key_sets(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}]}",
    };
    struct provider *p = *state;
    struct token_keys *keys = NULL;
    struct error e;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (token_keys_parse(&keys, bytes_of_text(bad[i]), "test", &e) || keys != NULL || e.kind != ERROR_INPUT) {
            fail_msg("row %zu: %s", i, bad[i]);
        }
    }
    /* A private key, and one kid for two keys. */
    cjose_err fault;
    char text[8192], *private = cjose_jwk_to_json(p->ec, true, &fault), *public = public_json(p->rsa);
    (void)snprintf(text, sizeof text, "{\"keys\":[%s]}", private);
    assert_false(token_keys_parse(&keys, bytes_of_text(text), "test", &e));
    (void)snprintf(text, sizeof text, "{\"keys\":[%s,%s]}", public, public);
    assert_false(token_keys_parse(&keys, bytes_of_text(text), "test", &e));
    free(private);
    free(public);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_algorithm, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_key_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(no_other_character, setup, teardown),
        cmocka_unit_test_setup_teardown(times_at_their_borders, setup, teardown),
        cmocka_unit_test_setup_teardown(key_sets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
