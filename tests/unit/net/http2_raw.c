#include "http2_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void raw_peer_send(struct raw_peer *p, struct bytes data)
{
    while (data.size > 0 && !p->is_closed) {
        ssize_t sent = send(p->fd, data.data, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) { /* full, or ended by the other side: the test sees that by what it receives */
            return;
        }
        data = bytes_slice(data, (size_t)sent, data.size);
    }
}

void raw_peer_frame(struct raw_peer *p, enum frame_type type, uint8_t flags, uint32_t stream, struct bytes payload)
{
    struct buffer b;
    buffer_init(&b, 1 << 20);
    buffer_append_u8(&b, (uint8_t)(payload.size >> 16));
    buffer_append_u16(&b, (uint16_t)payload.size);
    buffer_append_u8(&b, (uint8_t)type);
    buffer_append_u8(&b, flags);
    buffer_append_u32(&b, stream);
    buffer_append(&b, payload);
    raw_peer_send(p, buffer_bytes(&b));
    buffer_clear(&b);
}

void raw_peer_connect(struct raw_peer *p, struct fixture *f)
{
    *p = (struct raw_peer){ .fd = connect_to(server_port(f->server)) };
    int on = 1;
    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    buffer_init(&p->in, 1 << 24);
    buffer_init(&p->data, 1 << 20);
    raw_peer_send(p, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    raw_peer_frame(p, F_SETTINGS, 0, 0, BYTES_NONE);
    fixture_run_for(f, 20);
}

int raw_peer_listen(struct fixture *f)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(f->address, sizeof f->address, "127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

void raw_peer_accept(struct raw_peer *p, struct fixture *f, int listening, struct bytes settings)
{
    enum { PREFACE_SIZE = 24 };
    uint8_t preface[PREFACE_SIZE];
    *p = (struct raw_peer){ .fd = -1 };
    for (unsigned gone = 0; gone < 5000 && p->fd < 0; gone += 5) {
        fixture_run_for(f, 5);
        p->fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    }
    assert_true(p->fd >= 0);
    buffer_init(&p->in, 1 << 24);
    buffer_init(&p->data, 1 << 20);
    raw_peer_frame(p, F_SETTINGS, 0, 0, settings);
    for (unsigned gone = 0; gone < 5000 && recv(p->fd, preface, sizeof preface, MSG_PEEK | MSG_DONTWAIT) < PREFACE_SIZE; gone += 5) {
        fixture_run_for(f, 5);
    }
    assert_int_equal(recv(p->fd, preface, sizeof preface, MSG_DONTWAIT), PREFACE_SIZE);
}

void raw_peer_open_window(struct raw_peer *p, uint32_t stream, uint32_t size)
{
    const uint8_t payload[] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
    raw_peer_frame(p, F_WINDOW, 0, stream, bytes_of(payload, sizeof payload));
}

static uint32_t u32_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static unsigned status_of(const uint8_t *block, size_t size)
{
    static const struct {
        uint8_t byte;
        unsigned status;
    } known[] = { { 0x88, 200 }, { 0x89, 204 }, { 0x8a, 206 }, { 0x8b, 304 }, { 0x8c, 400 }, { 0x8d, 404 }, { 0x8e, 500 } };
    nghttp2_hd_inflater *inflater = NULL;
    unsigned status = 0;
    for (size_t i = 0; size > 0 && i < COUNT_OF(known); i++) {
        if (known[i].byte == block[0]) {
            return known[i].status;
        }
    }
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block, size, 1);
        if (used < 0) {
            break; /* it refers to earlier fields: this inflater is fresh */
        }
        block += used;
        size -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0) {
            status = (unsigned)(nv.value[0] - '0') * 100 + (unsigned)(nv.value[1] - '0') * 10 + (unsigned)(nv.value[2] - '0');
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0 || used == 0) {
            break;
        }
    }
    nghttp2_hd_inflate_del(inflater);
    return status;
}

static void parse(struct raw_peer *p)
{
    while (p->in.size >= 9) {
        const uint8_t *d = p->in.data;
        size_t size = (size_t)d[0] << 16 | (size_t)d[1] << 8 | d[2];
        if (p->in.size < 9 + size) {
            return;
        }
        uint8_t type = d[3];
        assert_true(type < COUNT_OF(p->counts));
        p->counts[type]++;
        if (type == F_GOAWAY) {
            p->has_goaway = true;
            p->goaway_code = u32_at(d + 13);
        } else if (type == F_RST) {
            p->rst_code = u32_at(d + 9);
        } else if (type == F_HEADERS) {
            p->status = status_of(d + 9, size);
        } else if (type == F_DATA) {
            p->data_bytes += size;
            if (p->data.size < 65536) {
                buffer_append(&p->data, bytes_of(d + 9, size));
            }
        }
        buffer_consume(&p->in, 9 + size);
    }
}

static void take(struct raw_peer *p)
{
    uint8_t piece[65536];
    while (!p->is_closed) {
        ssize_t got = recv(p->fd, piece, sizeof piece, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (got <= 0) {
            p->is_closed = true;
            p->is_reset = got < 0;
            break;
        }
        buffer_append(&p->in, bytes_of(piece, (size_t)got));
        parse(p);
    }
}

void raw_peer_run(struct raw_peer *p, struct fixture *f, unsigned ms)
{
    for (unsigned gone = 0; gone < ms; gone += 5) {
        fixture_run_for(f, 5);
        take(p);
    }
}

bool raw_peer_await(struct raw_peer *p, struct fixture *f, enum frame_type type, unsigned count, unsigned limit_ms)
{
    for (unsigned gone = 0; gone < limit_ms && !p->is_closed && p->counts[type] < count; gone += 5) {
        fixture_run_for(f, 5);
        take(p);
    }
    return p->counts[type] >= count;
}

bool raw_peer_await_end(struct raw_peer *p, struct fixture *f, unsigned limit_ms)
{
    for (unsigned gone = 0; gone < limit_ms && !p->is_closed; gone += 5) {
        fixture_run_for(f, 5);
        take(p);
    }
    return p->is_closed;
}

void raw_peer_close(struct raw_peer *p)
{
    (void)close(p->fd);
    buffer_clear(&p->in);
    buffer_clear(&p->data);
}

static void raw_size(struct buffer *block, size_t size)
{
    if (size < 127) {
        buffer_append_u8(block, (uint8_t)size);
        return;
    }
    buffer_append_u8(block, 127);
    for (size -= 127; size >= 128; size /= 128) {
        buffer_append_u8(block, (uint8_t)(size % 128 + 128));
    }
    buffer_append_u8(block, (uint8_t)size);
}

void raw_field(struct buffer *block, const char *name, struct bytes value)
{
    buffer_append_u8(block, 0x00);
    raw_size(block, strlen(name));
    buffer_append_text(block, name);
    raw_size(block, value.size);
    buffer_append(block, value);
}

void raw_request(struct buffer *block, const char *method, const char *path)
{
    raw_field(block, ":method", bytes_of_text(method));
    raw_field(block, ":scheme", BYTES("http"));
    raw_field(block, ":authority", BYTES("gateway.example"));
    raw_field(block, ":path", bytes_of_text(path));
}

void raw_peer_request(struct raw_peer *p, uint32_t stream, const char *method, const char *path, uint8_t flags)
{
    struct buffer block;
    buffer_init(&block, 4096);
    raw_request(&block, method, path);
    raw_peer_frame(p, F_HEADERS, (uint8_t)(F_END_HEADERS | flags), stream, buffer_bytes(&block));
    buffer_clear(&block);
}
