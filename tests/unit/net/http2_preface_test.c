/* Prefaces: bytes in front of a body, over loopback, and what is refused of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "http2_raw.h"

enum { PREFACE_MAX = 20000 };
static const struct preface_form form = { .field = { (const uint8_t *)"x-preface", 9 }, .size_max = PREFACE_MAX };
static const struct net_limits limits = { .body.size_max = 100000, .body.memory_bytes = 1000, .body_stall_ms = 400 };

static void open_both(struct fixture *f, bool with_prefaces)
{
    struct server_options options = { .address = "127.0.0.1:0", .protocol = PROTOCOL_HTTP2, .limits = limits };
    if (with_prefaces) {
        options.preface = form;
    }
    fixture_init(f);
    fixture_serve_at(f, &options);
    fixture_connect(f, NULL);
}

static void call(struct fixture *f, struct outcome *out, const char *method, const char *path, struct bytes preface, struct body *body)
{
    const struct bytes address = bytes_of_text(f->address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &address, .address_count = 1 };
    const struct client_request request = { .method = bytes_of_text(method),
                                            .target = bytes_of_text(path),
                                            .authority = BYTES("gateway.example"),
                                            .body = body,
                                            .preface = preface,
                                            .preface_form = form };
    fixture_call_to(f, out, &target, &request);
}

static const char *field_of(const struct outcome *out, const char *name, char text[32])
{
    const struct field *field = fields_find(&out->answer->fields, bytes_of_text(name));
    (void)snprintf(text, 32, "%.*s", field == NULL ? 0 : (int)field->value.size, field == NULL ? "" : (const char *)field->value.data);
    return text;
}

/* There and back: each is told from the other, and the digest is the body's alone. */
static void travels_beside_the_body(void **state)
{
    static uint8_t bytes[PREFACE_MAX];
    const size_t prefaces[] = { 0, 1, 100, 16384, PREFACE_MAX }, bodies[] = { 0, 1, 999, 16384, 70000 };
    struct fixture f;
    char text[32], wanted[32];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 % 253);
    }
    open_both(&f, true);
    for (size_t i = 0; i < COUNT_OF(prefaces) * COUNT_OF(bodies); i++) {
        struct bytes preface = bytes_of(bytes, prefaces[i % COUNT_OF(prefaces)]);
        struct body *body = body_filled(bodies[i / COUNT_OF(prefaces)]);
        struct outcome out;
        call(&f, &out, "POST", "/echo", preface, body);
        fixture_run_until(&f, &out.is_done, 10000);
        assert_non_null(out.answer);
        assert_int_equal(out.answer->status, 200);
        assert_true(bytes_equal(out.answer->preface, preface));
        assert_int_equal(body_size(out.answer->body), body_size(body));
        assert_memory_equal(body_sha256(out.answer->body), body_sha256(body), SHA256_SIZE);
        (void)snprintf(wanted, sizeof wanted, "%zu", preface.size + (size_t)body_size(body));
        assert_string_equal(field_of(&out, "content-length", text), wanted);
        outcome_clear(&out);
        body_free(body);
    }
    fixture_clear(&f);
}

/* Where HTTP allows no content it stands in the field. */
static void travels_without_content(void **state)
{
    struct fixture f;
    struct outcome out;
    char text[32];
    (void)state;
    open_both(&f, true);
    call(&f, &out, "HEAD", "/echo", BYTES("some bytes"), NULL);
    fixture_run_until(&f, &out.is_done, 5000);
    assert_non_null(out.answer);
    assert_true(bytes_equal(out.answer->preface, BYTES("some bytes")));
    assert_string_equal(field_of(&out, "x-preface", text), ":c29tZSBieXRlcw==:");
    assert_int_equal(body_size(out.answer->body), 0);
    outcome_clear(&out);
    for (unsigned status = 204; status <= 304; status += 100) {
        call(&f, &out, "GET", "/hold", BYTES("some bytes"), NULL);
        fixture_await_held(&f, 1);
        fixture_answer(f.held[0], status, NULL);
        f.held_count = 0;
        fixture_run_until(&f, &out.is_done, 5000);
        assert_non_null(out.answer);
        assert_int_equal(out.answer->status, status);
        assert_true(bytes_equal(out.answer->preface, BYTES("some bytes")));
        outcome_clear(&out);
    }
    fixture_clear(&f);
}

/* To a listener that knows of none, it is content like any other. */
static void is_nothing_without_its_form(void **state)
{
    struct fixture f;
    struct outcome out;
    struct bytes content;
    (void)state;
    open_both(&f, false);
    call(&f, &out, "POST", "/echo", BYTES("some bytes"), NULL);
    fixture_run_until(&f, &out.is_done, 5000);
    assert_non_null(out.answer);
    assert_int_equal(out.answer->preface.size, 0);
    assert_true(body_view(out.answer->body, &content) && bytes_equal(content, BYTES("some bytes")));
    outcome_clear(&out);
    fixture_clear(&f);
}

static void needs_http2_and_a_field(void **state)
{
    struct fixture f;
    struct server *server;
    struct client_call *made;
    struct error e = { 0 };
    (void)state;
    open_both(&f, true);
    const struct bytes address = bytes_of_text(f.address);
    const struct server_options options = { .address = "127.0.0.1:0", .protocol = PROTOCOL_HTTP1, .preface = form };
    assert_false(server_start(&server, &f.loop, &options, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    struct client_target target = { .protocol = PROTOCOL_HTTP1, .addresses = &address, .address_count = 1 };
    struct client_request request = { .method = BYTES("GET"), .target = BYTES("/"), .authority = BYTES("x"), .preface_form = form };
    assert_false(client_call(&made, f.client, &target, &request, NULL, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    target.protocol = PROTOCOL_HTTP2;
    request.preface_form = (struct preface_form){ .size_max = 0 };
    request.preface = BYTES("some bytes");
    assert_false(client_call(&made, f.client, &target, &request, NULL, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    fixture_clear(&f);
}

/* One request by hand, whose field says `size`. Returns the answer's status. */
static unsigned status_of(struct fixture *f, struct bytes size, unsigned times, struct bytes content)
{
    struct raw_peer p;
    struct buffer block;
    size_t before = f->requests;
    raw_peer_connect(&p, f);
    buffer_init(&block, 4096);
    raw_request(&block, "POST", "/echo");
    for (unsigned i = 0; i < times; i++) {
        raw_field(&block, "x-preface", size);
    }
    raw_peer_frame(&p, F_HEADERS, (uint8_t)(F_END_HEADERS | (content.size == 0 ? F_END_STREAM : 0)), 1, buffer_bytes(&block));
    for (size_t i = 0; i < content.size; i++) { /* a byte a frame: the border may lie anywhere */
        raw_peer_frame(&p, F_DATA, i + 1 == content.size ? F_END_STREAM : 0, 1, bytes_slice(content, i, i + 1));
    }
    assert_true(raw_peer_await(&p, f, F_HEADERS, 1, 3000));
    unsigned status = p.status;
    assert_int_equal(f->requests - before, status == 200);
    buffer_clear(&block);
    raw_peer_close(&p);
    return status;
}

static void bad_sizes_are_refused(void **state)
{
    static const char *const bad[] = { "", "-1", "+1", "01", "1.0", "x", "0x2", "9", "20001", "18446744073709551616", ":AA==:" };
    struct fixture f;
    (void)state;
    open_both(&f, true);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(status_of(&f, bytes_of_text(bad[i]), 1, BYTES("12345678")), 400);
        assert_int_equal(f.fault, SERVER_FAULT_MALFORMED);
        assert_int_equal(f.faults, i + 1);
    }
    assert_int_equal(status_of(&f, BYTES("1"), 1, BYTES_NONE), 400); /* no content at all */
    assert_int_equal(status_of(&f, BYTES("2"), 2, BYTES("12345678")), 400);
    for (unsigned good = 0; good <= 8; good++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%u", good);
        assert_int_equal(status_of(&f, bytes_of_text(text), 1, BYTES("12345678")), 200);
    }
    assert_int_equal(status_of(&f, BYTES("0"), 1, BYTES_NONE), 200);
    fixture_clear(&f);
}

/* It doesn't count against the body's limit, and the body can't hide behind it. */
static void limits_are_of_the_body(void **state)
{
    static const uint8_t bytes[PREFACE_MAX];
    struct fixture f;
    struct outcome out;
    (void)state;
    open_both(&f, true);
    for (size_t over = 0; over <= 1; over++) {
        struct body *body = body_filled(100000 + over);
        call(&f, &out, "POST", "/echo", bytes_of(bytes, sizeof bytes), body);
        fixture_run_until(&f, &out.is_done, 10000);
        assert_non_null(out.answer);
        assert_int_equal(out.answer->status, over == 0 ? 200 : 413);
        outcome_clear(&out);
        body_free(body);
    }
    fixture_clear(&f);
}

/* Announced, and never sent: like a body that stalls. */
static void one_that_stalls_is_refused(void **state)
{
    struct fixture f;
    struct raw_peer p;
    struct buffer block;
    (void)state;
    open_both(&f, true);
    raw_peer_connect(&p, &f);
    buffer_init(&block, 4096);
    raw_request(&block, "POST", "/echo");
    raw_field(&block, "x-preface", BYTES("20000"));
    raw_peer_frame(&p, F_HEADERS, F_END_HEADERS, 1, buffer_bytes(&block));
    raw_peer_frame(&p, F_DATA, 0, 1, BYTES("1234"));
    assert_true(raw_peer_await(&p, &f, F_HEADERS, 1, 5000));
    assert_int_equal(p.status, 408);
    buffer_clear(&block);
    raw_peer_close(&p);
    fixture_clear(&f);
}

static void cancelled_while_it_is_sent(void **state)
{
    static const uint8_t bytes[PREFACE_MAX];
    struct fixture f;
    struct outcome out;
    (void)state;
    open_both(&f, true);
    for (unsigned ms = 0; ms < 8; ms++) {
        call(&f, &out, "POST", ms % 2 == 0 ? "/hold" : "/echo", bytes_of(bytes, sizeof bytes), NULL);
        fixture_run_for(&f, ms);
        if (!out.is_done) {
            client_cancel(out.call);
        }
        outcome_clear(&out);
    }
    fixture_run_for(&f, 20);
    assert_int_equal(client_call_count(f.client), 0);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(travels_beside_the_body),     cmocka_unit_test(travels_without_content),
        cmocka_unit_test(is_nothing_without_its_form), cmocka_unit_test(needs_http2_and_a_field),
        cmocka_unit_test(bad_sizes_are_refused),       cmocka_unit_test(limits_are_of_the_body),
        cmocka_unit_test(one_that_stalls_is_refused),  cmocka_unit_test(cancelled_while_it_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
