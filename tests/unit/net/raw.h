/* Blocking sockets for tests: bytes in, bytes out, nothing interpreted. Each call fails the test after RAW_WAIT_MS. */
#ifndef COMITY_TESTS_RAW_H
#define COMITY_TESTS_RAW_H

#include "base/buffer.h"

enum { RAW_WAIT_MS = 15000 };

int raw_connect(uint16_t port);
/* A listening socket on a free port of 127.0.0.1. */
int raw_listen(uint16_t *port);
/* The next connection; -1 when none came in `wait_ms`. */
int raw_accept(int listener, int wait_ms);
/* False when the peer has gone. */
bool raw_send(int fd, struct bytes data);
/* False when nothing more was taken for `wait_ms`. */
bool raw_send_without_waiting(int fd, struct bytes data, int wait_ms);
bool raw_send_text(int fd, const char *text);
/* Appends what comes next. False at the end. */
bool raw_read_some(int fd, struct buffer *into);
/* Appends what comes until `marker` stands in `into`, or the end. False at the end. */
bool raw_read_until(int fd, struct buffer *into, struct bytes marker);
/* Appends all until the end (in order, or by a reset: false). */
bool raw_read_to_end(int fd, struct buffer *into);
/* Nothing comes and nothing ends for so long? */
bool raw_is_quiet(int fd, int wait_ms);
/* One whole answer with Content-Length, taken off the front of `into` (which keeps what came behind it). Returns its status, 0 at the end. */
unsigned raw_read_answer(int fd, struct buffer *into, struct buffer *head, struct buffer *body, bool is_head);
/* Ends our side; the peer's stays open. */
void raw_end(int fd);
void raw_close(int fd);
void raw_reset(int fd);
size_t raw_find(struct bytes in, struct bytes what);

#endif
