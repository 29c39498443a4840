#include "script.h"

#include <stdlib.h>
#include <time.h>

#include "raw.h"

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void send_answer(int fd, const struct exchange *x)
{
    size_t piece = x->piece != 0 ? x->piece : x->answer.size;
    for (size_t at = 0; at < x->answer.size; at += piece) {
        (void)raw_send(fd, bytes_slice(x->answer, at, at + piece > x->answer.size ? x->answer.size : at + piece));
    }
}

/* The request's head goes to the record, its body to the digest. */
static bool read_request(struct script *s, int fd, struct buffer *in, size_t body_bytes)
{
    if (!raw_read_until(fd, in, BYTES("\r\n\r\n"))) {
        return false;
    }
    size_t head = raw_find(buffer_bytes(in), BYTES("\r\n\r\n")) + 4;
    buffer_append(&s->requests, bytes_of(in->data, head));
    buffer_consume(in, head);
    while (in->size < body_bytes) {
        if (!raw_read_some(fd, in)) {
            return false;
        }
    }
    sha256(bytes_of(in->data, body_bytes), s->sha256);
    buffer_consume(in, body_bytes);
    return true;
}

static void *serve(void *context)
{
    struct script *s = context;
    int fd = -1, left[8];
    size_t left_count = 0;
    struct buffer in;
    buffer_init(&in, 64 << 20);
    for (size_t i = 0; i < s->count && left_count < COUNT_OF(left); i++) {
        const struct exchange *x = &s->exchanges[i];
        if (fd < 0) {
            fd = raw_accept(s->listener, RAW_WAIT_MS);
            s->connections += fd >= 0;
        }
        if (fd < 0) {
            break;
        }
        if (x->answers_first || read_request(s, fd, &in, x->body_bytes)) {
            send_answer(fd, x);
        }
        pause_ms(x->wait_ms);
        if (x->finish == LEAVE) {
            left[left_count++] = fd;
            fd = -1;
        } else if (x->finish != KEEP) {
            (x->finish == CLOSE ? raw_close : raw_reset)(fd);
            fd = -1;
        }
        if (fd < 0) {
            buffer_reset(&in);
        }
    }
    while (left_count > 0) {
        raw_close(left[--left_count]);
    }
    if (fd >= 0) {
        raw_close(fd);
    }
    buffer_clear(&in);
    return NULL;
}

void script_start(struct script *s, const struct exchange *exchanges, size_t count)
{
    *s = (struct script){ .exchanges = exchanges, .count = count };
    buffer_init(&s->requests, 1 << 20);
    s->listener = raw_listen(&s->port);
    if (pthread_create(&s->thread, NULL, serve, s) != 0) {
        abort();
    }
}

void script_wait(struct script *s)
{
    if (!s->has_ended && pthread_join(s->thread, NULL) != 0) {
        abort();
    }
    s->has_ended = true;
}

void script_end(struct script *s)
{
    script_wait(s);
    raw_close(s->listener);
    buffer_clear(&s->requests);
}
