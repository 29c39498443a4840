/* Both sides of HTTP/2 over loopback, plain and between gateways. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "fixture.h"

static void open_both(struct fixture *f, const struct net_limits *limits)
{
    fixture_init(f);
    fixture_serve(f, PROTOCOL_HTTP2, limits);
    fixture_connect(f, limits);
}

static void check_echo(struct fixture *f, size_t size)
{
    struct outcome out;
    struct body *body = body_filled(size);
    fixture_call(f, &out, "POST", "/echo", body);
    fixture_run_until(f, &out.is_done, 60000);
    if (out.answer == NULL) {
        fail_msg("size %zu: %s: %s", size, out.error.where, out.error.what);
    }
    assert_int_equal(out.answer->status, 200);
    assert_int_equal(body_size(out.answer->body), size);
    assert_memory_equal(body_sha256(out.answer->body), body_sha256(body), SHA256_SIZE);
    const struct field *type = fields_find(&out.answer->fields, BYTES("content-type"));
    assert_non_null(type);
    assert_true(bytes_equal(type->name, BYTES("content-type")));
    outcome_clear(&out);
    body_free(body);
}

static void echoes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        if (with_tls == 1) {
            fixture_tls(&f, KEY_CLIENT);
        }
        fixture_serve(&f, PROTOCOL_HTTP2, NULL);
        if (with_tls == 0) {
            fixture_connect(&f, NULL);
        }
        const size_t sizes[] = { 0, 1, 1000, 16384, 65536, 65537, 1000000, 5000000 };
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            check_echo(&f, sizes[i]);
        }
        fixture_stop_server(&f);
    }
    fixture_clear(&f);
}

/* AddressSanitizer's quarantine. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_WHAT_WAS_FREED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_WHAT_WAS_FREED true
#endif
#endif
#ifndef KEEPS_WHAT_WAS_FREED
#define KEEPS_WHAT_WAS_FREED false
#endif

static long peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void large_bodies_in_constant_memory(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_tls(&f, KEY_CLIENT);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    fixture_connect(&f, NULL);
    check_echo(&f, 1000000);
    long before = peak_kib();
    check_echo(&f, 30 * 1024 * 1024);
    long grown = peak_kib() - before;
    if (!KEEPS_WHAT_WAS_FREED) {
        assert_true(grown < 8 * 1024);
    }
    fixture_clear(&f);
}

static void many_at_once(void **state)
{
    enum { COUNT = 600 }; /* more than two connections' streams: some wait */
    (void)state;
    struct fixture f;
    struct outcome *out = test_calloc(COUNT, sizeof *out);
    struct net_limits limits = { .streams_max = 200 };
    open_both(&f, &limits);
    for (size_t i = 0; i < COUNT; i++) {
        fixture_call(&f, &out[i], "GET", i % 3 == 0 ? "/size/100000" : "/size/100", NULL);
    }
    assert_int_equal(client_call_count(f.client), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        fixture_run_until(&f, &out[i].is_done, 30000);
        if (out[i].answer == NULL) {
            fail_msg("call %zu: %s: %s", i, out[i].error.where, out[i].error.what);
        }
        assert_int_equal(body_size(out[i].answer->body), i % 3 == 0 ? 100000 : 100);
        assert_int_equal(out[i].times, 1);
        outcome_clear(&out[i]);
    }
    assert_int_equal(client_call_count(f.client), 0);
    assert_int_equal(server_connection_count(f.server), 2);
    fixture_clear(&f);
    test_free(out);
}

/* More than may be sent before the peer's SETTINGS, but no more than it then takes: they wait for those, not for a second connection. */
static void one_connection_for_what_fits_it(void **state)
{
    enum { COUNT = 250 };
    (void)state;
    struct fixture f;
    struct outcome *out = test_calloc(COUNT, sizeof *out);
    open_both(&f, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        fixture_call(&f, &out[i], "GET", "/size/100", NULL);
    }
    for (size_t i = 0; i < COUNT; i++) {
        fixture_run_until(&f, &out[i].is_done, 30000);
        assert_non_null(out[i].answer);
        outcome_clear(&out[i]);
    }
    assert_int_equal(server_connection_count(f.server), 1);
    fixture_clear(&f);
    test_free(out);
}

static void head_and_no_content(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out;
    open_both(&f, NULL);
    fixture_call(&f, &out, "HEAD", "/size/1234", NULL);
    fixture_run_until(&f, &out.is_done, 5000);
    assert_non_null(out.answer);
    assert_int_equal(body_size(out.answer->body), 0);
    const struct field *length = fields_find(&out.answer->fields, BYTES("content-length"));
    assert_non_null(length);
    assert_true(bytes_equal(length->value, BYTES("1234")));
    outcome_clear(&out);
    fixture_call(&f, &out, "GET", "/hold", NULL);
    fixture_await_held(&f, 1);
    fixture_answer(f.held[0], 204, NULL);
    f.held_count = 0;
    fixture_run_until(&f, &out.is_done, 5000);
    assert_int_equal(out.answer->status, 204);
    assert_null(fields_find(&out.answer->fields, BYTES("content-length")));
    outcome_clear(&out);
    fixture_clear(&f);
}

/* ---- Who may talk to whom ---- */

static enum client_failure failure_of_call(struct fixture *f, struct error *e)
{
    struct outcome out;
    fixture_call(f, &out, "GET", "/echo", NULL);
    fixture_run_until(f, &out.is_done, 10000);
    *e = out.error;
    enum client_failure failure = out.failure;
    outcome_clear(&out);
    return failure;
}

static void pins_decide(void **state)
{
    (void)state;
    struct fixture f;
    struct error e;
    /* the client is known, but expects another server */
    fixture_init(&f);
    fixture_tls(&f, KEY_CLIENT);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    fixture_connect(&f, NULL);
    memset(f.pin[KEY_SERVER], 0, PIN_SIZE);
    assert_int_equal(failure_of_call(&f, &e), CLIENT_FAILURE_TLS);
    assert_int_equal(e.kind, ERROR_DENIED);
    assert_non_null(strstr(e.what, "directory"));
    assert_int_equal(f.requests, 0);
    fixture_clear(&f);
    /* the server is right, but doesn't know the client */
    fixture_init(&f);
    fixture_tls(&f, KEY_STRANGER);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    fixture_connect(&f, NULL);
    assert_int_equal(failure_of_call(&f, &e), CLIENT_FAILURE_TLS);
    assert_true(e.todo[0] != '\0');
    assert_int_equal(f.requests, 0);
    fixture_run_for(&f, 100);
    assert_int_equal(server_connection_count(f.server), 0);
    /* and from the moment that the directory knows it, does */
    f.knows[KEY_STRANGER] = true;
    assert_int_equal(failure_of_call(&f, &e), CLIENT_FAILURE_NONE);
    assert_int_equal(f.requests, 1);
    fixture_clear(&f);
}

/* An OpenSSL client of its own on a blocking socket in a child process: 0 when it got an answer to a ping over HTTP/2. */
static int foreign_client(uint16_t port, int version, const char *certificate, const char *key, const char *alpn)
{
    char address[32];
    int result = 1;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    BIO *bio = BIO_new_connect(address);
    SSL *ssl = NULL;
    if (context == NULL || bio == NULL || SSL_CTX_set_max_proto_version(context, version) != 1 ||
        (certificate != NULL && (SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
                                 SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)) ||
        (alpn != NULL && SSL_CTX_set_alpn_protos(context, (const uint8_t *)alpn, (unsigned)strlen(alpn)) != 0)) {
        return 2;
    }
    ssl = SSL_new(context);
    if (ssl == NULL || BIO_do_connect(bio) != 1) {
        return 2;
    }
    SSL_set_bio(ssl, bio, bio);
    char answer[64];
    if (SSL_connect(ssl) == 1 && SSL_write(ssl, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33) == 33 &&
        SSL_read(ssl, answer, sizeof answer) > 0) {
        result = 0;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return result;
}

static int run_foreign(struct fixture *f, int version, bool with_certificate, const char *alpn)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(foreign_client(server_port(f->server), version, with_certificate ? f->certificate[KEY_CLIENT] : NULL, f->key[KEY_CLIENT],
                             alpn));
    }
    int status = 0;
    pid_t got = 0;
    for (int i = 0; i < 500 && got == 0; i++) {
        fixture_run_for(f, 10);
        got = waitpid(child, &status, WNOHANG);
    }
    assert_int_equal(got, child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void only_tls13_with_a_certificate(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_tls(&f, KEY_CLIENT);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    assert_int_equal(run_foreign(&f, TLS1_3_VERSION, true, "\x02h2"), 0);
    assert_int_equal(run_foreign(&f, TLS1_2_VERSION, true, "\x02h2"), 1);
    assert_int_equal(run_foreign(&f, TLS1_3_VERSION, false, "\x02h2"), 1);
    assert_int_equal(run_foreign(&f, TLS1_3_VERSION, true, "\x08http/1.1"), 1);
    assert_int_equal(run_foreign(&f, TLS1_3_VERSION, true, NULL), 1);
    assert_int_equal(f.requests, 0);
    fixture_clear(&f);
}

static void plain_client_at_a_tls_port(void **state)
{
    (void)state;
    struct fixture f;
    struct error e;
    fixture_init(&f);
    fixture_tls(&f, KEY_CLIENT);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    fixture_connect(&f, NULL);
    tls_free(f.client_tls);
    f.client_tls = NULL;
    assert_int_equal(failure_of_call(&f, &e), CLIENT_FAILURE_BROKEN);
    fixture_clear(&f);
}

/* ---- Addresses ---- */

static enum client_failure call_addresses(struct fixture *f, const struct bytes *addresses, size_t count, struct error *e)
{
    struct outcome out;
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = addresses, .address_count = count };
    const struct client_request request = { .method = BYTES("GET"), .target = BYTES("/echo"), .authority = BYTES("x") };
    fixture_call_to(f, &out, &target, &request);
    fixture_run_until(f, &out.is_done, 10000);
    *e = out.error;
    enum client_failure failure = out.failure;
    outcome_clear(&out);
    return failure;
}

static void addresses_are_tried_in_order(void **state)
{
    (void)state;
    struct fixture f;
    struct error e;
    open_both(&f, NULL);
    const struct bytes good = bytes_of_text(f.address);
    const struct bytes some[] = { BYTES("server.invalid.:5500"),
                                  BYTES("127.0.0,78:5500"),
                                  BYTES("nonsense"),
                                  BYTES(""),
                                  BYTES("127.0.0.1:1"),
                                  BYTES("[::1"),
                                  BYTES("unix:/no/such"),
                                  BYTES("127.0.0.1:99999"),
                                  good };
    assert_int_equal(call_addresses(&f, some, COUNT_OF(some), &e), CLIENT_FAILURE_NONE);
    assert_int_equal(call_addresses(&f, some, COUNT_OF(some) - 1, &e), CLIENT_FAILURE_CONNECT);
    assert_int_equal(call_addresses(&f, some, 4, &e), CLIENT_FAILURE_RESOLVE);
    assert_int_equal(call_addresses(&f, &some[4], 1, &e), CLIENT_FAILURE_CONNECT);
    assert_non_null(strstr(e.what, "refused"));
    /* names go through the resolver; the fixture's end comes while the last one is with it */
    char named[40];
    struct outcome out;
    (void)snprintf(named, sizeof named, "localhost:%u", server_port(f.server));
    const struct bytes name = bytes_of_text(named);
    assert_int_equal(call_addresses(&f, &name, 1, &e), CLIENT_FAILURE_NONE);
    const struct bytes unknown = BYTES("no-such-host.localdomain:80");
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &unknown, .address_count = 1 };
    const struct client_request request = { .method = BYTES("GET"), .target = BYTES("/"), .authority = BYTES("x") };
    fixture_call_to(&f, &out, &target, &request);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    fixture_clear(&f);
    assert_int_equal(out.failure, CLIENT_FAILURE_BROKEN); /* told while the resolver still works on it */
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = { 0 };
    struct stat there;
    char address[120];
    fixture_init(&f);
    fixture_connect(&f, NULL);
    (void)snprintf(address, sizeof address, "unix:%s/socket", f.folder);
    struct server_options options = { .address = address, .protocol = PROTOCOL_HTTP2 };
    /* a stale one is replaced */
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    (void)snprintf(path.sun_path, sizeof path.sun_path, "%.100s", address + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&path, sizeof path), 0);
    (void)close(fd);
    fixture_serve_at(&f, &options);
    assert_int_equal(stat(address + 5, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    const struct bytes text = bytes_of_text(address);
    assert_int_equal(call_addresses(&f, &text, 1, &e), CLIENT_FAILURE_NONE);
    /* a live one is refused, and so is a file */
    struct server *other = NULL;
    assert_false(server_start(&other, &f.loop, &options, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    options.address = "unix:/etc/passwd";
    assert_false(server_start(&other, &f.loop, &options, &e));
    assert_int_equal(e.kind, ERROR_DENIED);
    fixture_clear(&f);
}

static void bad_listening_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ":80", "unix:", "1.2.3.4:1" };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error e = { 0 };
        struct server *server = NULL;
        if (server_start(&server, &f.loop, &(struct server_options){ .address = bad[i], .protocol = PROTOCOL_HTTP2 }, &e)) {
            fail_msg("listens at '%s'", bad[i]);
        }
        assert_true(e.what[0] != '\0');
        fixture_run_for(&f, 1);
    }
    fixture_clear(&f);
}

/* ---- Cancelling, breaking, repeating ---- */

static void cancel_at_each_stage(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out;
    open_both(&f, NULL);
    /* before anything was done; while connecting; while held; in the middle of both bodies */
    fixture_call(&f, &out, "GET", "/echo", NULL);
    client_cancel(out.call);
    assert_int_equal(client_call_count(f.client), 0);
    fixture_run_for(&f, 20);
    assert_false(out.is_done);
    fixture_call(&f, &out, "GET", "/hold", NULL);
    fixture_await_held(&f, 1);
    client_cancel(out.call);
    fixture_run_for(&f, 50);
    assert_false(out.is_done);
    assert_true(f.held[0]->is_gone); /* RST_STREAM came */
    fixture_answer(f.held[0], 200, NULL);
    f.held_count = 0;
    struct body *large = body_filled(20000000);
    for (int turns = 1; turns < 40; turns++) {
        fixture_call(&f, &out, "POST", "/echo", large);
        for (int i = 0; i < turns && !out.is_done; i++) {
            (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        }
        if (!out.is_done) {
            client_cancel(out.call);
        }
        outcome_clear(&out);
    }
    fixture_run_for(&f, 50);
    body_free(large);
    check_echo(&f, 1000);
    assert_int_equal(server_connection_count(f.server), 1); /* cancelling ends streams, not connections */
    fixture_clear(&f);
}

static void second_call_cancels_first(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct outcome *pair = context;
    (void)failure;
    (void)e;
    client_answer_free(answer);
    pair[0].is_done = true;
    if (pair[1].call != NULL) {
        client_cancel(pair[1].call);
        pair[1].call = NULL;
    }
}

/* Several answers come in one piece: the first `done` cancels a call that is answered, but not reported yet. */
static void cancel_from_done(void **state)
{
    (void)state;
    struct fixture f;
    open_both(&f, NULL);
    check_echo(&f, 10);
    struct error e = { 0 };
    struct outcome pair[2] = { 0 };
    const struct bytes address = bytes_of_text(f.address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2,
                                          .addresses = &address,
                                          .address_count = 1,
                                          .pins = (const uint8_t(*)[PIN_SIZE])f.pin,
                                          .pin_count = 1,
                                          .server_name = BYTES("gateway.example") };
    const struct client_request request = { .method = BYTES("GET"), .target = BYTES("/echo"), .authority = BYTES("x") };
    assert_true(client_call(&pair[0].call, f.client, &target, &request, second_call_cancels_first, pair, &e));
    assert_true(client_call(&pair[1].call, f.client, &target, &request, second_call_cancels_first, NULL, &e)); /* must not be called */
    fixture_run_until(&f, &pair[0].is_done, 5000);
    fixture_run_for(&f, 50);
    assert_int_equal(client_call_count(f.client), 0);
    fixture_clear(&f);
}

static void broken_connections(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome get, post;
    open_both(&f, NULL);
    check_echo(&f, 10);
    /* The server dies with both held: the safe one is repeated on a fresh connection (and then refused), the other one is not. */
    fixture_call(&f, &get, "GET", "/hold", NULL);
    fixture_call(&f, &post, "POST", "/hold", NULL);
    fixture_await_held(&f, 2);
    fixture_stop_server(&f);
    fixture_run_until(&f, &get.is_done, 5000);
    fixture_run_until(&f, &post.is_done, 5000);
    assert_int_equal(get.failure, CLIENT_FAILURE_CONNECT);
    assert_int_equal(post.failure, CLIENT_FAILURE_BROKEN);
    assert_int_equal(get.times, 1);
    assert_int_equal(post.times, 1);
    fixture_clear(&f);
}

static void safe_call_is_repeated(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome get, post;
    char address[32];
    struct server_options options = { .address = "127.0.0.1:0", .protocol = PROTOCOL_HTTP2, .reuse_port = true };
    fixture_init(&f);
    fixture_connect(&f, NULL);
    fixture_serve_at(&f, &options);
    check_echo(&f, 10);
    fixture_call(&f, &get, "GET", "/hold", NULL);
    fixture_call(&f, &post, "POST", "/hold", NULL);
    fixture_await_held(&f, 2);
    struct server *first = f.server;
    (void)snprintf(address, sizeof address, "%s", f.address);
    options.address = address;
    fixture_serve_at(&f, &options); /* a second listener takes over the port */
    struct server *second = f.server;
    f.server = first;
    fixture_stop_server(&f);
    f.server = second;
    fixture_run_until(&f, &post.is_done, 5000);
    assert_int_equal(post.failure, CLIENT_FAILURE_BROKEN);
    fixture_await_held(&f, 3); /* the GET came again */
    assert_false(get.is_done);
    fixture_answer(f.held[2], 200, NULL);
    f.held_count = 2;
    fixture_run_until(&f, &get.is_done, 5000);
    assert_non_null(get.answer);
    outcome_clear(&get);
    fixture_clear(&f);
}

static void drain_lets_requests_end(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome held, late;
    open_both(&f, NULL);
    fixture_call(&f, &held, "POST", "/hold", NULL);
    fixture_await_held(&f, 1);
    server_drain(f.server);
    fixture_run_for(&f, 50);
    assert_int_equal(server_connection_count(f.server), 1);
    fixture_call(&f, &late, "POST", "/echo", NULL); /* not on the old connection, and there is no other */
    fixture_run_until(&f, &late.is_done, 5000);
    assert_int_equal(late.failure, CLIENT_FAILURE_CONNECT);
    fixture_answer(f.held[0], 200, body_filled(100000));
    f.held_count = 0;
    fixture_run_until(&f, &held.is_done, 5000);
    assert_non_null(held.answer);
    assert_int_equal(body_size(held.answer->body), 100000);
    outcome_clear(&held);
    fixture_run_for(&f, 300);
    assert_int_equal(server_connection_count(f.server), 0);
    fixture_clear(&f);
}

static void answer_that_stalls(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out;
    open_both(&f, NULL);
    check_echo(&f, 10);
    const struct bytes address = bytes_of_text(f.address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &address, .address_count = 1 };
    const struct client_request request = {
        .method = BYTES("GET"), .target = BYTES("/hold"), .authority = BYTES("x"), .read_stall_ms = 300
    };
    fixture_call_to(&f, &out, &target, &request);
    fixture_run_until(&f, &out.is_done, 3000);
    assert_int_equal(out.failure, CLIENT_FAILURE_TIMEOUT);
    fixture_run_for(&f, 50);
    assert_true(f.held[0]->is_gone);
    fixture_clear(&f);
}

static void answer_over_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out;
    open_both(&f, NULL);
    const struct bytes address = bytes_of_text(f.address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &address, .address_count = 1 };
    struct client_request request = {
        .method = BYTES("GET"), .target = BYTES("/size/1001"), .authority = BYTES("x"), .answer_bytes_max = 1000
    };
    fixture_call_to(&f, &out, &target, &request);
    fixture_run_until(&f, &out.is_done, 3000);
    assert_int_equal(out.failure, CLIENT_FAILURE_TOO_LARGE);
    request.target = BYTES("/size/1000");
    fixture_call_to(&f, &out, &target, &request);
    fixture_run_until(&f, &out.is_done, 3000);
    assert_non_null(out.answer);
    outcome_clear(&out);
    fixture_clear(&f);
}

static void stop_with_everything_under_way(void **state)
{
    (void)state;
    struct fixture f;
    struct outcome out[20];
    struct body *large = body_filled(3000000);
    open_both(&f, NULL);
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        fixture_call(&f, &out[i], "POST", i % 2 == 0 ? "/hold" : "/echo", large);
    }
    for (int i = 0; i < 10; i++) {
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    fixture_clear(&f);
    /* Each was told, once: what waits for an answer must end with the client, or would be there for ever. */
    for (size_t i = 0; i < COUNT_OF(out); i++) {
        assert_int_equal(out[i].times, 1);
        assert_int_equal(out[i].failure, CLIENT_FAILURE_BROKEN);
        outcome_clear(&out[i]);
    }
    body_free(large);
}

/* ---- Limits of the process ---- */

static void connections_over_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct raw_sockets sockets;
    fixture_init(&f);
    fixture_serve(&f, PROTOCOL_HTTP2, &(struct net_limits){ .connections_max = 5 });
    raw_sockets_open(&sockets, server_port(f.server), 12);
    fixture_run_for(&f, 100);
    assert_int_equal(server_connection_count(f.server), 5);
    assert_int_equal(raw_sockets_ended(&sockets), 7);
    raw_sockets_close(&sockets);
    fixture_run_for(&f, 100);
    assert_int_equal(server_connection_count(f.server), 0);
    fixture_clear(&f);
}

static void accepting_pauses_without_descriptors(void **state)
{
    (void)state;
    struct fixture f;
    struct raw_sockets sockets;
    struct rlimit old, less;
    fixture_init(&f);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    raw_sockets_open(&sockets, server_port(f.server), 10);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    less = old;
    int next = dup(0);
    less.rlim_cur = (rlim_t)next + 4;
    (void)close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    fixture_run_for(&f, 500);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    size_t accepted = server_connection_count(f.server);
    assert_true(accepted >= 1 && accepted <= 4);
    long used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L +
                   after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    if (used_us > 150000) {
        fail_msg("used %ld us of processor in 500 ms", used_us);
    }
    fixture_run_for(&f, 500);
    assert_int_equal(server_connection_count(f.server), 10); /* goes on by itself */
    raw_sockets_close(&sockets);
    fixture_clear(&f);
}

static void fetch_for_commands(void **state)
{
    (void)state;
    struct client_answer *answer = NULL;
    enum client_failure failure = CLIENT_FAILURE_NONE;
    struct error e = { 0 };
    const struct bytes address = BYTES("127.0.0.1:1");
    const struct client_target target = { .protocol = PROTOCOL_HTTP2, .addresses = &address, .address_count = 1 };
    const struct client_request request = { .method = BYTES("GET"), .target = BYTES("/"), .authority = BYTES("x") };
    assert_false(client_fetch(&target, &request, 1000, &answer, &failure, &e));
    assert_int_equal(failure, CLIENT_FAILURE_CONNECT);
    assert_null(answer);
    /* A listener that never answers. */
    struct fixture f;
    fixture_init(&f);
    fixture_serve(&f, PROTOCOL_HTTP2, NULL);
    const struct bytes silent = bytes_of_text(f.address);
    const struct client_target to_silent = { .protocol = PROTOCOL_HTTP2, .addresses = &silent, .address_count = 1 };
    assert_false(client_fetch(&to_silent, &request, 200, &answer, &failure, &e));
    assert_int_equal(failure, CLIENT_FAILURE_TIMEOUT);
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes),
        cmocka_unit_test(large_bodies_in_constant_memory),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(one_connection_for_what_fits_it),
        cmocka_unit_test(head_and_no_content),
        cmocka_unit_test(pins_decide),
        cmocka_unit_test(only_tls13_with_a_certificate),
        cmocka_unit_test(plain_client_at_a_tls_port),
        cmocka_unit_test(addresses_are_tried_in_order),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(bad_listening_addresses),
        cmocka_unit_test(cancel_at_each_stage),
        cmocka_unit_test(cancel_from_done),
        cmocka_unit_test(broken_connections),
        cmocka_unit_test(safe_call_is_repeated),
        cmocka_unit_test(drain_lets_requests_end),
        cmocka_unit_test(answer_that_stalls),
        cmocka_unit_test(answer_over_the_limit),
        cmocka_unit_test(stop_with_everything_under_way),
        cmocka_unit_test(connections_over_the_limit),
        cmocka_unit_test(accepting_pauses_without_descriptors),
        cmocka_unit_test(fetch_for_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
