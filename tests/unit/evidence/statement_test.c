#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "evidence/statement.h"

static void expect_text(const struct buffer *got, const char *want)
{
    if (got->failed || !bytes_equal(buffer_bytes(got), bytes_of_text(want))) {
        fail_msg("%.*s\nwant\n%s", BYTES_FMT(buffer_bytes(got)), want);
    }
}

/* RFC 9421 B.2.6: six components, created and keyid only. Its base has 284 bytes. */
static void rfc9421_b26(void **state)
{
    static const struct statement_component components[] = {
        { BYTES("date"), false, BYTES("Tue, 20 Apr 2021 02:07:55 GMT") },
        { BYTES("@method"), false, BYTES("POST") },
        { BYTES("@path"), false, BYTES("/foo") },
        { BYTES("@authority"), false, BYTES("example.com") },
        { BYTES("content-type"), false, BYTES("application/json") },
        { BYTES("content-length"), false, BYTES("18") },
    };
    const struct statement_parameters parameters = { .created_s = 1618884473, .keyid = BYTES("test-key-ed25519") };
    struct buffer text;
    struct buffer base;
    uint8_t key[ED25519_PUBLIC_SIZE];
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    size_t size = 0;
    struct verifier verifier;
    uint8_t hash[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    (void)state;
    buffer_init(&text, STATEMENT_BYTES_MAX);
    buffer_init(&base, STATEMENT_BYTES_MAX);
    statement_write_parameters(&text, components, COUNT_OF(components), &parameters);
    expect_text(&text, "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")"
                       ";created=1618884473;keyid=\"test-key-ed25519\"");
    statement_write(&base, components, COUNT_OF(components), buffer_bytes(&text));
    assert_int_equal(base.size, 284);
    sha256(buffer_bytes(&base), hash);
    hex_write(bytes_of(hash, sizeof hash), hex);
    assert_string_equal(hex, "e6402577f54303accfda63dfbde1a7b8c5e5e6f3f7898637b7d78dc07ee1896a");
    assert_true(hex_parse(BYTES("26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb"), key, sizeof key));
    assert_true(verifier_init(&verifier, BYTES("test-key-ed25519"), SIGNATURE_ED25519, key, NULL));
    assert_true(base64_parse(BYTES("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="), signature,
                             sizeof signature, &size));
    assert_true(verifier_check(&verifier, buffer_bytes(&base), signature));
    base.data[10] ^= 1;
    assert_false(verifier_check(&verifier, buffer_bytes(&base), signature));
    buffer_clear(&text);
    buffer_clear(&base);
}

/* tests/vectors/http-signature-kat.json: a request and the answer that is bound to it by ;req. */
static void pair_known_answers(void **state)
{
    static const struct statement_component request[] = {
        { BYTES("@method"), false, BYTES("POST") },
        { BYTES("@authority"), false, BYTES("b.example") },
        { BYTES("@path"), false, BYTES("/v1/lookup") },
        { BYTES("@query"), false, BYTES("?p=1") },
        { BYTES("content-digest"), false, BYTES("sha-256=:x25pOSknoH2/ZbP1sOsCVDIxGRx23XaK0NATUwvoRUo=:") },
        { BYTES("content-type"), false, BYTES("application/json") },
    };
    static const struct statement_component answer[] = {
        { BYTES("@status"), false, BYTES("200") },
        { BYTES("content-digest"), false, BYTES("sha-256=:QGLtr3UPuAdOfoPgyQKMlOMkaKi28WFHdDKO8EUVD5M=:") },
        { BYTES("content-type"), false, BYTES("application/json") },
        { BYTES("@method"), true, BYTES("POST") },
        { BYTES("@authority"), true, BYTES("b.example") },
        { BYTES("@path"), true, BYTES("/v1/lookup") },
        { BYTES("@query"), true, BYTES("?p=1") },
        { BYTES("content-digest"), true, BYTES("sha-256=:x25pOSknoH2/ZbP1sOsCVDIxGRx23XaK0NATUwvoRUo=:") },
    };
    const struct statement_parameters of_request = { 1700000000, BYTES("n-1"), BYTES("org-a"), BYTES_NONE, BYTES("comity-req/1") };
    const struct statement_parameters of_answer = { 1700000001, BYTES_NONE, BYTES("org-b"), BYTES_NONE, BYTES("comity-res/1") };
    json_error_t e;
    json_t *json = json_load_file(VECTORS "/http-signature-kat.json", 0, &e);
    struct buffer text;
    struct buffer base;
    (void)state;
    assert_non_null(json);
    buffer_init(&text, STATEMENT_BYTES_MAX);
    buffer_init(&base, STATEMENT_BYTES_MAX);
    statement_write_parameters(&text, request, COUNT_OF(request), &of_request);
    statement_write(&base, request, COUNT_OF(request), buffer_bytes(&text));
    expect_text(&base, json_string_value(json_object_get(json, "b1")));
    buffer_reset(&text);
    buffer_reset(&base);
    statement_write_parameters(&text, answer, COUNT_OF(answer), &of_answer);
    statement_write(&base, answer, COUNT_OF(answer), buffer_bytes(&text));
    expect_text(&base, json_string_value(json_object_get(json, "b2")));
    buffer_clear(&text);
    buffer_clear(&base);
    json_decref(json);
}

static void lines_can_not_be_smuggled(void **state)
{
    static const struct bytes bad[] = { BYTES("a\nb"), BYTES("a\rb"), BYTES("\x7f"), BYTES("\xc3\xa9"), BYTES("a\0b") };
    struct buffer out;
    (void)state;
    buffer_init(&out, STATEMENT_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const struct statement_component in_value = { BYTES("x"), false, bad[i] };
        const struct statement_component in_name = { bad[i], false, BYTES("x") };
        const struct statement_parameters in_nonce = { 1, bad[i], BYTES("k"), BYTES_NONE, BYTES_NONE };
        statement_write(&out, &in_value, 1, BYTES("()"));
        assert_true(out.failed);
        buffer_reset(&out);
        statement_write(&out, &in_name, 1, BYTES("()"));
        assert_true(out.failed);
        buffer_reset(&out);
        statement_write_parameters(&out, NULL, 0, &in_nonce);
        assert_true(out.failed);
        buffer_reset(&out);
    }
    const struct statement_parameters quoted = { 1, BYTES("a\"b"), BYTES("k"), BYTES_NONE, BYTES_NONE };
    statement_write_parameters(&out, NULL, 0, &quoted);
    assert_true(out.failed);
    buffer_reset(&out);
    const struct statement_component tab = { BYTES("x"), false, BYTES("a\tb") };
    statement_write(&out, &tab, 1, BYTES("()"));
    assert_false(out.failed);
    buffer_clear(&out);
}

static void input_is_parsed(void **state)
{
    struct statement_input in;
    struct error e = { 0 };
    (void)state;
    struct bytes field = BYTES("other=(\"a\";sf \"b\");x=?0;y=:AA==:;z=1.5, comity=(\"@method\" \"content-digest\";req);created=1700000000"
                               ";nonce=\"n-1\";keyid=\"log.example/a\";alg=\"tlog-ed25519\";tag=\"comity-answer/1\", flag;a=b, t=tok/en:x");
    assert_true(statement_input_parse(field, BYTES("comity"), &in, &e));
    assert_int_equal(in.count, 2);
    assert_true(bytes_equal(in.components[0].name, BYTES("@method")) && !in.components[0].of_request);
    assert_true(bytes_equal(in.components[1].name, BYTES("content-digest")) && in.components[1].of_request);
    assert_true(in.has_created && in.parameters.created_s == 1700000000 && !in.has_expires);
    assert_true(bytes_equal(in.parameters.nonce, BYTES("n-1")) && bytes_equal(in.parameters.keyid, BYTES("log.example/a")));
    assert_true(bytes_equal(in.parameters.alg, BYTES("tlog-ed25519")) && bytes_equal(in.parameters.tag, BYTES("comity-answer/1")));
    assert_true(bytes_start_with(in.raw, BYTES("(\"@method\" ")) && bytes_end_with(in.raw, BYTES("tag=\"comity-answer/1\"")));
    assert_true(statement_input_parse(BYTES("a=()"), BYTES("a"), &in, &e));
    assert_int_equal(in.count, 0);
    assert_true(statement_input_parse(BYTES("a=();expires=12"), BYTES("a"), &in, &e));
    assert_true(in.has_expires && in.expires_s == 12);
}

static void bad_input_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "a",
        "a=",
        "a=(",
        "a=(\"x\"",
        "a=(\"x\" \"x\")",
        "a=(\"x\";req \"x\";req)",
        "a=(\"x\"\"y\")",
        "a=(x)",
        "a=(\"\")",
        "a=(\"x\";sf)",
        "a=(\"x\";req=?0)",
        "a=(\"x\";req;req)",
        "a=(\"x\";req=1)",
        "a=(\"x\\\"y\")",
        "a=\"x\"",
        "a=:AA==:",
        "a=();created=\"1\"",
        "a=();created=-1",
        "a=();created=1.0",
        "a=();created=1234567890123456",
        "a=();created=1;created=2",
        "a=();nonce=1",
        "a=();nonce=\"a\\\\b\"",
        "a=();nonce=\"a\";nonce=\"b\"",
        "a=();other=\"x\"",
        "a=();created",
        "a=(), a=()",
        "a=(),",
        "a=(), ,b=1",
        "a=();",
        "a=() b=1",
        "A=()",
        "a=(\"x\x01\")",
        "a=(\"x\");nonce=\"\xc3\xa9\"",
        "a=();keyid=tok",
        "b=1..5, a=()",
        "b=(1 2, a=()",
        "b=:A, a=()",
        "b=?2, a=()",
        "b=\"\\x\", a=()",
        "b=1.2345, a=()",
        "a=();created=01",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct statement_input in;
        struct error e = { 0 };
        if (statement_input_parse(bytes_of_text(bad[i]), BYTES("a"), &in, &e)) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_true(e.kind == ERROR_INPUT || e.kind == ERROR_ABSENT);
    }
    struct statement_input in;
    struct error e = { 0 };
    assert_false(statement_input_parse(BYTES("b=()"), BYTES("a"), &in, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

static void components_are_bounded(void **state)
{
    struct statement_input in;
    struct error e = { 0 };
    struct buffer text;
    (void)state;
    buffer_init(&text, 4096);
    for (unsigned most = STATEMENT_COMPONENTS_MAX; most <= STATEMENT_COMPONENTS_MAX + 1; most++) {
        buffer_reset(&text);
        buffer_append_text(&text, "a=(");
        for (unsigned i = 0; i < most; i++) {
            buffer_append_format(&text, "%s\"h%u\"", i > 0 ? " " : "", i);
        }
        buffer_append_text(&text, ")");
        assert_int_equal(statement_input_parse(buffer_bytes(&text), BYTES("a"), &in, &e), most == STATEMENT_COMPONENTS_MAX);
    }
    buffer_clear(&text);
}

static void signature_is_found(void **state)
{
    struct bytes base64 = BYTES_NONE;
    struct error e = { 0 };
    (void)state;
    assert_true(statement_signature_parse(BYTES("x=:AA==:, comity=:YWJj:;p=1"), BYTES("comity"), &base64, &e));
    assert_true(bytes_equal(base64, BYTES("YWJj")));
    assert_false(statement_signature_parse(BYTES("comity=\"YWJj\""), BYTES("comity"), &base64, &e));
    assert_false(statement_signature_parse(BYTES("comity=:YWJj"), BYTES("comity"), &base64, &e));
    assert_false(statement_signature_parse(BYTES("comity=:YW Jj:"), BYTES("comity"), &base64, &e));
    assert_false(statement_signature_parse(BYTES("comity=:AA==:, comity=:AA==:"), BYTES("comity"), &base64, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_false(statement_signature_parse(BYTES("x=:AA==:"), BYTES("comity"), &base64, &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
}

/* What we write, we read: the list comes back verbatim, so that the base can be built from it. */
static void written_is_read(void **state)
{
    static const struct statement_component components[] = { { BYTES("@status"), false, BYTES("200") }, { BYTES("x-y"), true, BYTES("") } };
    const struct statement_parameters parameters = { 7, BYTES("n"), BYTES("k"), BYTES("a"), BYTES("t") };
    struct statement_input in;
    struct error e = { 0 };
    struct buffer field;
    (void)state;
    buffer_init(&field, 1024);
    buffer_append_text(&field, "comity=");
    statement_write_parameters(&field, components, 2, &parameters);
    assert_true(statement_input_parse(buffer_bytes(&field), BYTES("comity"), &in, &e));
    assert_true(bytes_equal(in.raw, BYTES("(\"@status\" \"x-y\";req);created=7;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\"")));
    buffer_clear(&field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9421_b26),        cmocka_unit_test(pair_known_answers),   cmocka_unit_test(lines_can_not_be_smuggled),
        cmocka_unit_test(input_is_parsed),    cmocka_unit_test(bad_input_is_refused), cmocka_unit_test(components_are_bounded),
        cmocka_unit_test(signature_is_found), cmocka_unit_test(written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
