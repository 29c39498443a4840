/* Each allocation fails in turn: the connection may end, or refuse, but it neither crashes nor leaks nor tells a half truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_client.h"

static bool counts;
static unsigned allocations, fail_at;

static bool fails(void)
{
    return counts && allocations++ == fail_at;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size)
{
    return fails() ? NULL : __real_realloc(data, size);
}

/* A head in two parts, more fields than the first list takes, a body that grows and is spooled, and a second request. */
static const struct bytes request[] = {
    BYTES("PUT / HTTP/1.1\r\nHo"),
    BYTES(
        "st: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\nH: 1\r\nI: 1\r\nJ: 1\r\nK: 1\r\nL: 1\r\nM: 1\r\nN: 1\r\nO: 1\r\n"
        "P: 1\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n01234567890123456789012345678901\r\n"),
    BYTES("20\r\n01234567890123456789012345678901\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
};

static void on_request(struct fake_server *fake, struct server_exchange *x)
{
    if (x->request.method.data[0] == 'P') {
        assert_int_equal(x->request.fields.count, 18);
        assert_int_equal(body_size(x->request.body), 64);
    }
    fake_server_answer(fake, x, &(struct server_answer){ .status = 200, .body = body_of(BYTES("answer")) });
}

static void server_survives(void **state)
{
    (void)state;
    for (fail_at = 0;; fail_at++) {
        struct fake_server fake = { .on_request = on_request };
        fake_server_open(&fake, &(struct net_limits){ .body = { .memory_bytes = 40 } });
        allocations = 0;
        counts = true;
        for (size_t i = 0; i < COUNT_OF(request); i++) {
            (void)fake_server_data(&fake, request[i]);
        }
        counts = false;
        bool met_fault = allocations > fail_at;
        bool ended = fake.stream.is_aborted || fake.stream.is_closed;
        if (!ended && fake.requests != 2) {
            fail_msg("allocation %u: %zu requests, and the connection stays", fail_at, fake.requests);
        }
        fake_server_close(&fake);
        if (!met_fault) {
            assert_false(ended);
            break;
        }
    }
    assert_in_range(fail_at, 8, 200);
}

static const struct bytes answer[] = {
    BYTES("HTTP/1.1 200 OK\r\nTransfer-"),
    BYTES("Encoding: chunked\r\n\r\n20\r\n01234567890123456789012345678901\r\n"),
    BYTES("20\r\n01234567890123456789012345678901\r\n0\r\n\r\n"),
};

static void client_survives(void **state)
{
    (void)state;
    for (fail_at = 0;; fail_at++) {
        struct fake_client fake;
        fake_client_open(&fake, BYTES("GET"), NULL, &(struct net_limits){ .body = { .memory_bytes = 40 } });
        allocations = 0;
        counts = true;
        for (size_t i = 0; i < COUNT_OF(answer) && !fake.is_done; i++) {
            (void)fake_client_data(&fake, answer[i]);
        }
        counts = false;
        bool met_fault = allocations > fail_at;
        assert_true(fake.is_done && !fake.is_lost);
        if (fake.failure == CLIENT_FAILURE_NONE) {
            assert_int_equal(body_size(fake.call.answer->body), 64);
        } else {
            assert_int_equal(fake.failure, CLIENT_FAILURE_STORAGE);
            assert_true(met_fault && fake.stream.is_aborted);
        }
        fake_client_close(&fake);
        if (!met_fault) {
            break;
        }
    }
    assert_in_range(fail_at, 4, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_survives),
        cmocka_unit_test(client_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
