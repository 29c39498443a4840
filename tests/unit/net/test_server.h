/*
 * A server on a thread and loop of its own, whose handler does what the target says:
 *   /echo          the request's body back
 *   /fields        the fields as "name=value" lines, then "authority=..."
 *   /digest        size and SHA-256 of the body
 *   /later?MS      answers after so many milliseconds
 *   /large?BYTES   a body of so many bytes, byte n being n * 7 + n / 256
 *   /status?CODE   without a body
 *   /close         with "close"
 *   /stream?BYTES  a streamed answer of so many bytes; 0: what test_server_write() writes, until it finishes
 *   /split         with a field that tries to split the answer
 *   else           the target itself
 */
#ifndef COMITY_TESTS_TEST_SERVER_H
#define COMITY_TESTS_TEST_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/server.h"

struct test_server {
    struct server_options options;
    uv_loop_t loop;
    uv_async_t wake;
    pthread_t thread;
    struct server *server;
    uint16_t port;
    atomic_uint requests, smuggled, faults, gone, last_fault;
    atomic_uint streams, streams_ended; /* begun; ended by on_end */
    struct server_stream *streaming;    /* the newest, of the loop's thread */
    atomic_size_t piece;                /* how much test_server_write() writes */
    atomic_uint order;                  /* what the loop's thread has to do: bits below */
    atomic_size_t connections, unanswered;
    char last_accept[64], last_detail[128]; /* read after the answer came */
};
/* `options` may say limits and with_sha512. */
void test_server_start(struct test_server *t, const struct server_options *options);
void test_server_drain(struct test_server *t);
/* Refreshes connections and unanswered. */
void test_server_count(struct test_server *t);
/* Writes so much to the newest stream, if it is still there, and returns when that is done; 0 finishes it. */
void test_server_write(struct test_server *t, size_t size);
void test_server_stop(struct test_server *t);
uint8_t test_byte(size_t n);

#endif
