#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "gateway/xroad.h"

static struct arena arena;

static struct fields fields_of(const struct field *list, size_t count)
{
    struct fields fields = { 0 };
    for (size_t i = 0; i < count; i++) {
        assert_true(fields_add(&fields, &arena, list[i].name, list[i].value));
    }
    return fields;
}

static void targets(void **state)
{
    (void)state;
    const struct {
        const char *target;
        enum xroad_target_fault fault;
        const char *service, *path, *query;
    } rows[] = {
        { "/r1/EE/BUSINESS/producer/sub/echo", XROAD_TARGET_FINE, "echo", "", NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/", XROAD_TARGET_FINE, "echo", "/", NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo?a=1", XROAD_TARGET_FINE, "echo", "", "a=1" },
        { "/r1/EE/BUSINESS/producer/sub/echo/a/../b//c?", XROAD_TARGET_FINE, "echo", "/a/../b//c", "" },
        { "/r1/EE/BUSINESS/producer/sub/Service%2FCode/x%2Fy", XROAD_TARGET_FINE, "Service/Code", "/x%2Fy", NULL },
        { "/r1/EE/BUSINESS/producer/sub/%C3%B6", XROAD_TARGET_FINE, "\xC3\xB6", "", NULL },
        { "/r2/EE/BUSINESS/producer/sub/echo", XROAD_TARGET_OTHER, NULL, NULL, NULL },
        { "/", XROAD_TARGET_OTHER, NULL, NULL, NULL },
        { "/r1", XROAD_TARGET_OTHER, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub", XROAD_TARGET_MALFORMED, NULL, NULL, NULL },
        { "/r1/EE//producer/sub/echo", XROAD_TARGET_MALFORMED, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/%FF", XROAD_TARGET_MALFORMED, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%4", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%zz", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%2e%2e/secret", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/.%2E/secret", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%2e/x", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/%2ehidden", XROAD_TARGET_FINE, "echo", "/%2ehidden", NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/\xC3\xB6", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
        { "/r1/EE/BUSINESS/producer/sub/echo/a b", XROAD_TARGET_UNREADABLE, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct xroad_target out;
        struct error e = { 0 };
        enum xroad_target_fault fault = xroad_target_parse(bytes_of_text(rows[i].target), &arena, &out, &e);
        if (fault != rows[i].fault) {
            fail_msg("%s: fault %d, want %d (%s)", rows[i].target, fault, rows[i].fault, e.what);
        }
        if (fault != XROAD_TARGET_FINE) {
            assert_true(e.what[0] != '\0');
            continue;
        }
        assert_true(bytes_equal(out.service.parts[4], bytes_of_text(rows[i].service)));
        assert_true(bytes_equal(out.path, bytes_of_text(rows[i].path)));
        assert_int_equal(out.has_query, rows[i].query != NULL);
        assert_true(bytes_equal(out.query, bytes_of_text(rows[i].query)));
    }
}

/* The worked examples of the reference, X-Road REST 1.5. */
static void request_hash_known_answers(void **state)
{
    (void)state;
    const struct field first[] = {
        { BYTES("Content-Type"), BYTES("application/json") },
        { BYTES("X-Road-Client"), BYTES("EE/BUSINESS/consumer/sub") },
        { BYTES("X-Road-Id"), BYTES("q-1") },
    };
    const struct bytes request_id = BYTES("f92591a3-6bf0-49b1-987b-0dd78c034cc3");
    struct buffer head;
    uint8_t h[SHA512_SIZE], b[SHA512_SIZE], out[XROAD_HASH_SIZE];
    char hex[2 * SHA512_SIZE + 1];
    buffer_init(&head, 65536);
    xroad_head_write(&head, BYTES("POST"), BYTES("/r1/EE/BUSINESS/producer/sub/echo?a=1"), first, COUNT_OF(first), request_id, BYTES_NONE);
    assert_int_equal(head.size, 187);
    sha512(buffer_bytes(&head), h);
    hex_write(bytes_of(h, sizeof h), hex);
    assert_string_equal(
        hex, "4ddba83a6137c58cfbb5004824cf322fef57d93ef3dcaab8dd59e0eb382c851c84bb5b9b412bd3a27c6eed0b9cfd4b06b75b240deda28581a23d403b2f"
             "d68d62");
    sha512(BYTES("{\"value\" : 42}"), b);
    xroad_request_hash(h, b, out);
    assert_memory_equal(out, "CmdLlRpSYVtT8SPPKzvqclAXkMJZOwdFFo1UE4Nh3STPN/gu86GqJJwmjHTGqPuyJpirLj+liofKSr07JN28Ug==", sizeof out);
    xroad_request_hash(h, NULL, out);
    assert_memory_equal(out, "TduoOmE3xYz7tQBIJM8yL+9X2T7z3Kq43Vng6zgshRyEu1ubQSvTonxu7Quc/UsGt1skDe2ihYGiPUA7L9aNYg==", sizeof out);
    buffer_reset(&head);
    xroad_head_write(&head, BYTES("GET"), BYTES("/r1/EE/BUSINESS/producer/sub/echo"), first + 1, 1, request_id,
                     BYTES("EE-0b0c1d2e-3f40-4a5b-8c6d-7e8f90a1b2c3"));
    sha512(buffer_bytes(&head), h);
    xroad_request_hash(h, NULL, out);
    assert_memory_equal(out, "xCByjMD0JTibFJTXBZVhFzY202xjkIZeMH872kgAnXLCpf/YkJETwvKrDQj75e7q9aeDpCcq4EFtq5CebbP3oQ==", sizeof out);
    buffer_clear(&head);
}

static void fields_that_pass(void **state)
{
    (void)state;
    const struct field list[] = {
        { BYTES("Connection"), BYTES("close, X-Secret-Hop") },
        { BYTES("x-secret-hop"), BYTES("1") },
        { BYTES("Accept"), BYTES("a") },
        { BYTES("ACCEPT"), BYTES("b") },
        { BYTES("X-Empty"), BYTES("") },
    };
    struct fields fields = fields_of(list, COUNT_OF(list));
    assert_true(field_is_named_by_connection(&fields, BYTES("X-SECRET-HOP")));
    assert_false(field_is_named_by_connection(&fields, BYTES("Accept")));
    assert_true(bytes_equal(fields_join(fields.list, fields.count, BYTES("accept"), &arena), BYTES("a, b")));
    assert_non_null(fields_join(fields.list, fields.count, BYTES("x-empty"), &arena).data);
    assert_null(fields_join(fields.list, fields.count, BYTES("absent"), &arena).data);
    static const char *const hops[] = { "transfer-encoding",
                                        "Keep-Alive",
                                        "Proxy-Authenticate",
                                        "Proxy-Authorization",
                                        "TE",
                                        "Trailer",
                                        "Upgrade",
                                        "Connection",
                                        "User-Agent",
                                        "Host",
                                        "Content-Length",
                                        "Server",
                                        "Expect" };
    for (size_t i = 0; i < COUNT_OF(hops); i++) {
        assert_true(field_is_hop(bytes_of_text(hops[i])));
    }
    static const char *const kept[] = {
        "Authorization", "Cookie", "Cache-Control", "Pragma", "X-Anything", "Content-Type", "X-Road-Client"
    };
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        assert_false(field_is_hop(bytes_of_text(kept[i])));
        assert_false(field_is_replaced_in_request(bytes_of_text(kept[i])));
    }
    assert_true(field_is_replaced_in_request(BYTES("x-road-request-ID")));
    assert_true(field_is_replaced_in_request(BYTES("Comity-Decision")));
    assert_false(field_is_replaced_in_request(BYTES("Comity")));
    static const char *const seven[] = { "X-Road-Id",         "X-Road-Client",       "X-Road-Service",
                                         "X-Road-Request-Id", "X-Road-Request-Hash", "X-Road-Error" };
    for (size_t i = 0; i < COUNT_OF(seven); i++) {
        assert_true(field_is_replaced_in_answer(bytes_of_text(seven[i])));
    }
}

static void represented_party(void **state)
{
    (void)state;
    assert_true(xroad_is_represented_party(BYTES("Class/Member")));
    assert_true(xroad_is_represented_party(BYTES("Member")));
    assert_false(xroad_is_represented_party(BYTES("")));
    assert_false(xroad_is_represented_party(BYTES("a/b/c")));
    assert_false(xroad_is_represented_party(BYTES("/b")));
    assert_false(xroad_is_represented_party(BYTES("a/")));
}

/* Cases 10 to 12 of the reference, and our own form. */
static void error_forms(void **state)
{
    (void)state;
    const struct {
        const char *accept, *content_type;
    } rows[] = {
        { "", "application/json" },
        { "application/json;charset=utf-8", "application/json" },
        { "application/xml", "application/xml;charset=utf-8" },
        { "text/xml, application/xml", "text/xml;charset=utf-8" },
        { "text/*;q=0.1", "text/xml;charset=utf-8" },
        { "text/xml-patch+xml", "application/json" },
        { "*/*", "application/json" },
        { "Application/Problem+JSON", "application/problem+json" },
    };
    const struct xroad_error error = { .prefix = "server.serverproxy",
                                       .reason = REASON_CONSENT_NONE,
                                       .status = 500,
                                       .message = BYTES("a \"b\" <c>\n"),
                                       .exchange = BYTES("id-1") };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer out;
        buffer_init(&out, 4096);
        assert_string_equal(xroad_error_write(&out, &error, bytes_of_text(rows[i].accept)), rows[i].content_type);
        assert_false(out.failed);
        buffer_clear(&out);
    }
    struct buffer out;
    buffer_init(&out, 4096);
    (void)xroad_error_write(&out, &error, BYTES(""));
    assert_true(bytes_equal(buffer_bytes(&out),
                            BYTES("{\"type\":\"server.serverproxy.access_denied.consent.none\",\"message\":\"a \\\"b\\\" <c>\\u000a\","
                                  "\"detail\":\"id-1\",\"reason\":\"consent.none\",\"exchange\":\"id-1\"}")));
    buffer_reset(&out);
    struct xroad_error old = error;
    old.is_77 = true;
    xroad_error_type(&out, &old);
    assert_true(bytes_equal(buffer_bytes(&out), BYTES("Server.ServerProxy.AccessDenied.consent.none")));
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),          cmocka_unit_test(request_hash_known_answers),
        cmocka_unit_test(fields_that_pass), cmocka_unit_test(represented_party),
        cmocka_unit_test(error_forms),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}
