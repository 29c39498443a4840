#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Threads other than cmocka's call these, too: so a failure of the machinery ends the process. */
static void give_up(const char *what)
{
    (void)fprintf(stderr, "raw: %s: %s\n", what, strerror(errno));
    abort();
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int raw_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        give_up("connect");
    }
    return fd;
}

int raw_listen(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        give_up("listen");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static bool wait_for(int fd, short events, int wait_ms)
{
    struct pollfd pollfd = { .fd = fd, .events = events };
    int got;
    do {
        got = poll(&pollfd, 1, wait_ms);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        give_up("poll");
    }
    return got > 0;
}

int raw_accept(int listener, int wait_ms)
{
    if (!wait_for(listener, POLLIN, wait_ms)) {
        return -1;
    }
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        give_up("accept");
    }
    return fd;
}

bool raw_send_without_waiting(int fd, struct bytes data, int wait_ms)
{
    while (data.size > 0) {
        if (!wait_for(fd, POLLOUT, wait_ms)) {
            errno = ETIMEDOUT;
            return false;
        }
        ssize_t sent = send(fd, data.data, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        data = bytes_slice(data, (size_t)sent, data.size);
    }
    return true;
}

bool raw_send(int fd, struct bytes data)
{
    errno = 0;
    if (raw_send_without_waiting(fd, data, RAW_WAIT_MS)) {
        return true;
    }
    if (errno == ETIMEDOUT) {
        give_up("sending");
    }
    return false;
}

bool raw_send_text(int fd, const char *text)
{
    return raw_send(fd, bytes_of_text(text));
}

/* 1: more came; 0: the end; -1: a reset. */
static int read_more(int fd, struct buffer *into)
{
    if (!wait_for(fd, POLLIN, RAW_WAIT_MS)) {
        errno = ETIMEDOUT;
        give_up("reading");
    }
    uint8_t *room = buffer_room(into, 65536);
    if (room == NULL) {
        give_up("memory");
    }
    ssize_t got = recv(fd, room, 65536, 0);
    if (got > 0) {
        buffer_added(into, (size_t)got);
    }
    return got > 0 ? 1 : got == 0 ? 0 : -1;
}

bool raw_read_some(int fd, struct buffer *into)
{
    return read_more(fd, into) > 0;
}

size_t raw_find(struct bytes in, struct bytes what)
{
    const uint8_t *at = in.size == 0 ? NULL : memmem(in.data, in.size, what.data, what.size);
    return at == NULL ? SIZE_MAX : (size_t)(at - in.data);
}

bool raw_read_until(int fd, struct buffer *into, struct bytes marker)
{
    while (raw_find(buffer_bytes(into), marker) == SIZE_MAX) {
        if (read_more(fd, into) <= 0) {
            return false;
        }
    }
    return true;
}

bool raw_read_to_end(int fd, struct buffer *into)
{
    int got;
    do {
        got = read_more(fd, into);
    } while (got > 0);
    return got == 0;
}

bool raw_is_quiet(int fd, int wait_ms)
{
    return !wait_for(fd, POLLIN, wait_ms);
}

static size_t content_length(struct bytes head)
{
    struct bytes rest = head, line = BYTES_NONE;
    uint64_t size = 0;
    while (bytes_split(&rest, '\n', &line)) {
        struct bytes value = line;
        struct bytes name = BYTES_NONE;
        if (bytes_split(&value, ':', &name) && bytes_equal_ignoring_case(name, BYTES("Content-Length")) &&
            !bytes_to_u64(bytes_trim(bytes_slice(value, 0, value.size - 1)), &size)) {
            give_up("Content-Length");
        }
    }
    return (size_t)size;
}

unsigned raw_read_answer(int fd, struct buffer *into, struct buffer *head, struct buffer *body, bool is_head)
{
    buffer_reset(head);
    buffer_reset(body);
    if (!raw_read_until(fd, into, BYTES("\r\n\r\n"))) {
        return 0;
    }
    size_t size = raw_find(buffer_bytes(into), BYTES("\r\n\r\n")) + 4;
    buffer_append(head, bytes_of(into->data, size));
    buffer_consume(into, size);
    size_t length = is_head ? 0 : content_length(buffer_bytes(head));
    while (into->size < length) {
        if (read_more(fd, into) <= 0) {
            return 0;
        }
    }
    buffer_append(body, bytes_of(into->data, length));
    buffer_consume(into, length);
    if (!bytes_start_with(buffer_bytes(head), BYTES("HTTP/1.1 ")) || head->size < 13) {
        give_up("an answer that is not HTTP/1.1");
    }
    return (unsigned)((head->data[9] - '0') * 100 + (head->data[10] - '0') * 10 + (head->data[11] - '0'));
}

void raw_end(int fd)
{
    if (shutdown(fd, SHUT_WR) != 0) {
        give_up("shutdown");
    }
}

void raw_close(int fd)
{
    (void)close(fd);
}

void raw_reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    (void)close(fd);
}
