/* A server on a thread of its own that plays a script: one exchange after the other, byte for byte. */
#ifndef COMITY_TESTS_SCRIPT_H
#define COMITY_TESTS_SCRIPT_H

#include <pthread.h>

#include "base/buffer.h"
#include "crypto/hash.h"

/* LEAVE: keeps the connection open, says nothing more on it, and takes the next exchange from another. */
enum finish { KEEP = 0, CLOSE, RESET, LEAVE };

struct exchange {
    struct bytes answer;
    enum finish finish;
    long wait_ms;      /* before it finishes */
    size_t body_bytes; /* of the request's, to read before answering */
    size_t piece;      /* 0: sent at once */
    bool answers_first;
};

struct script {
    const struct exchange *exchanges;
    size_t count;
    int listener;
    uint16_t port;
    pthread_t thread;
    bool has_ended;
    size_t connections;
    struct buffer requests;      /* all that came */
    uint8_t sha256[SHA256_SIZE]; /* of the last body */
};

/* `exchanges` are borrowed until script_end(). */
void script_start(struct script *s, const struct exchange *exchanges, size_t count);
/* Until the last exchange is over; then connections, requests and sha256 may be read. */
void script_wait(struct script *s);
/* Waits, and frees. */
void script_end(struct script *s);

#endif
