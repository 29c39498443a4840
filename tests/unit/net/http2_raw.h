/* An HTTP/2 peer made of raw frames on a socket, for misbehaving. Runs on the fixture's loop: what it sends fits into the socket. */
#ifndef COMITY_TESTS_HTTP2_RAW_H
#define COMITY_TESTS_HTTP2_RAW_H

#include "base/buffer.h"
#include "fixture.h"

enum frame_type { F_DATA = 0, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_WINDOW, F_CONTINUATION };
enum { F_END_STREAM = 1, F_ACK = 1, F_END_HEADERS = 4 };

struct raw_peer {
    int fd;
    struct buffer in; /* received, not parsed */
    bool is_closed;   /* the other side has ended the connection */
    bool is_reset;
    /* what came */
    unsigned counts[10];
    uint32_t goaway_code, rst_code;
    bool has_goaway;
    unsigned status; /* of the last HEADERS, from its first byte: our tests only look at a few */
    size_t data_bytes;
    struct buffer data;
};
/* As a client: preface and SETTINGS are sent. */
void raw_peer_connect(struct raw_peer *p, struct fixture *f);
/* As a server, on a connection that a client makes to `listening`; its preface is taken off, and SETTINGS with `settings` are sent. */
void raw_peer_accept(struct raw_peer *p, struct fixture *f, int listening, struct bytes settings);
/* A socket of a free port that listens; f->address is set to it. */
int raw_peer_listen(struct fixture *f);
void raw_peer_frame(struct raw_peer *p, enum frame_type type, uint8_t flags, uint32_t stream, struct bytes payload);
void raw_peer_send(struct raw_peer *p, struct bytes data);
/* Runs the loop and takes in what comes, for so long or until `count` frames of the type came, or the end. */
/* WINDOW_UPDATE of a stream, or of the connection (0). */
void raw_peer_open_window(struct raw_peer *p, uint32_t stream, uint32_t size);
void raw_peer_run(struct raw_peer *p, struct fixture *f, unsigned ms);
bool raw_peer_await(struct raw_peer *p, struct fixture *f, enum frame_type type, unsigned count, unsigned limit_ms);
bool raw_peer_await_end(struct raw_peer *p, struct fixture *f, unsigned limit_ms);
void raw_peer_close(struct raw_peer *p);
/* Literal fields without indexing and Huffman; `name` and `value` shorter than 127 each, or long values by two-byte sizes. */
void raw_field(struct buffer *block, const char *name, struct bytes value);
void raw_request(struct buffer *block, const char *method, const char *path);
/* HEADERS with END_HEADERS and `flags`, of a request. */
void raw_peer_request(struct raw_peer *p, uint32_t stream, const char *method, const char *path, uint8_t flags);

#endif
