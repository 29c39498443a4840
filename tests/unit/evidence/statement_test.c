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

/* The two ways of writing give the same bytes, and the parameters are the end of the text. */
static void made_as_written(void **state)
{
    static const struct statement_component components[] = { { BYTES("@status"), false, BYTES("200") }, { BYTES("x-y"), true, BYTES("") } };
    const struct statement_parameters parameters = { 7, BYTES("n"), BYTES("k"), BYTES("a"), BYTES("t") };
    struct arena arena = { 0 };
    struct statement made;
    struct error e = { 0 };
    struct buffer text, base;
    (void)state;
    buffer_init(&text, 1024);
    buffer_init(&base, 1024);
    assert_true(statement_make(components, 2, &parameters, &arena, &made, &e));
    assert_true(bytes_equal(made.parameters, BYTES("(\"@status\" \"x-y\";req);created=7;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\"")));
    assert_ptr_equal(made.parameters.data + made.parameters.size, made.text.data + made.text.size);
    statement_write_parameters(&text, components, 2, &parameters);
    assert_true(bytes_equal(buffer_bytes(&text), made.parameters));
    statement_write(&base, components, 2, made.parameters);
    assert_true(bytes_equal(buffer_bytes(&base), made.text));
    buffer_clear(&text);
    buffer_clear(&base);
    arena_clear(&arena);
}

/* Each byte at each place of a value: what is refused must not hang on where it stands. */
static void each_byte_at_each_place(void **state)
{
    struct arena arena = { 0 };
    struct statement made;
    const struct statement_parameters parameters = { 7, BYTES("n"), BYTES("k"), BYTES("a"), BYTES("t") };
    (void)state;
    for (size_t size = 1; size <= 20; size++) {
        for (size_t at = 0; at < size; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t value[20];
                struct error e = { 0 };
                memset(value, byte % 2 == 0 ? ' ' : '~', sizeof value);
                value[at] = (uint8_t)byte;
                const struct statement_component one = { BYTES("x"), false, bytes_of(value, size) };
                bool is_good = byte == '\t' || (byte >= 0x20 && byte <= 0x7E);
                assert_int_equal(statement_make(&one, 1, &parameters, &arena, &made, &e), is_good);
                assert_int_equal(e.kind, is_good ? ERROR_NONE : ERROR_INPUT);
            }
            arena_clear(&arena);
        }
    }
}

static void sizes_are_bounded(void **state)
{
    static struct statement_component components[STATEMENT_COMPONENTS_MAX + 1];
    const struct statement_parameters parameters = { 7, BYTES("n"), BYTES("k"), BYTES("a"), BYTES("t") };
    uint8_t *text = test_malloc(STATEMENT_BYTES_MAX);
    struct arena arena = { 0 };
    struct statement made;
    struct error e = { 0 };
    (void)state;
    memset(text, 'v', STATEMENT_BYTES_MAX);
    struct statement_component one = { BYTES("x"), false, bytes_of(text, 1) };
    assert_true(statement_make(&one, 1, &parameters, &arena, &made, &e));
    size_t room = STATEMENT_BYTES_MAX - made.text.size;
    one.value.size = 1 + room;
    assert_true(statement_make(&one, 1, &parameters, &arena, &made, &e));
    assert_int_equal(made.text.size, STATEMENT_BYTES_MAX);
    one.value.size++;
    assert_false(statement_make(&one, 1, &parameters, &arena, &made, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    for (size_t i = 0; i < COUNT_OF(components); i++) {
        components[i] = (struct statement_component){ BYTES("x"), false, BYTES("") };
    }
    assert_true(statement_make(components, STATEMENT_COMPONENTS_MAX, &parameters, &arena, &made, &e));
    assert_false(statement_make(components, STATEMENT_COMPONENTS_MAX + 1, &parameters, &arena, &made, &e));
    assert_int_equal(e.kind, ERROR_FULL);
    arena_clear(&arena);
    test_free(text);
}

static void parameters_are_read(void **state)
{
    static const char *const bad[] = {
        "",
        "(",
        "()",
        "();created=",
        "();created=1",
        "();created=1;nonce=\"n\";keyid=\"k\";alg=\"a\"",
        "();created=1;keyid=\"k\";nonce=\"n\";alg=\"a\";tag=\"t\"",
        "();created=01;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=-1;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=1234567890123456;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=1;nonce=\"\";keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=1;nonce=n;keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=1;nonce=\"n;keyid=\"k\";alg=\"a\";tag=\"t\"",
        "();created=1;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t",
        "();created=1;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\" ",
        "();created=1;nonce=\"n\";keyid=\"k\";alg=\"a\";tag=\"t\";expires=2",
    };
    struct statement_parameters read;
    (void)state;
    assert_true(statement_parameters_read(
        BYTES("(\"@method\" \"x\";req);created=1700000000;nonce=\"n-1\";keyid=\"log.example/a\";alg=\"tlog-ed25519\";tag=\"t/1\""), &read));
    assert_int_equal(read.created_s, 1700000000);
    assert_true(bytes_equal(read.nonce, BYTES("n-1")) && bytes_equal(read.keyid, BYTES("log.example/a")));
    assert_true(bytes_equal(read.alg, BYTES("tlog-ed25519")) && bytes_equal(read.tag, BYTES("t/1")));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (statement_parameters_read(bytes_of_text(bad[i]), &read)) {
            fail_msg("%s was taken", bad[i]);
        }
    }
}

static void lines_are_found(void **state)
{
    const struct bytes text = BYTES("\"a\": first\n\"b\";req: of the request\n\"b\": \n\"ab\": \"a\": no\n\"b\": later");
    struct bytes value;
    (void)state;
    assert_true(bytes_equal(statement_line(text, STATEMENT_LINE("a")), BYTES("first")));
    assert_true(statement_find_line(text, STATEMENT_LINE("b"), &value) && value.size == 0);
    assert_true(bytes_equal(statement_line(text, BYTES("\n\"b\";req: ")), BYTES("of the request")));
    assert_true(bytes_equal(statement_line(text, STATEMENT_LINE("ab")), BYTES("\"a\": no")));
    assert_false(statement_find_line(text, STATEMENT_LINE("c"), &value));
    assert_false(statement_find_line(BYTES_NONE, STATEMENT_LINE("a"), &value));
    assert_int_equal(statement_line(BYTES("\"a\":"), STATEMENT_LINE("a")).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9421_b26),         cmocka_unit_test(pair_known_answers),      cmocka_unit_test(lines_can_not_be_smuggled),
        cmocka_unit_test(made_as_written),     cmocka_unit_test(each_byte_at_each_place), cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(parameters_are_read), cmocka_unit_test(lines_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
