#include "net/stream_parts_internal.h"

#include <limits.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { RECORD_SIZE_MAX = 16384, RECORD_ROOM = 17 * 1024, NAME_SIZE_MAX = 256 };

/* ---- The BIO: no buffers of its own ---- */

static int bio_read(BIO *bio, char *out, size_t size, size_t *got)
{
    struct stream_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = size < t->input.size ? size : t->input.size;
    if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, t->input.data, *got);
    t->input = bytes_slice(t->input, *got, t->input.size);
    return 1;
}

static bool transmit_records(struct stream_tls *t)
{
    size_t size = t->record_size;
    t->record_size = 0;
    return stream_transmit(t->stream, bytes_of(loop_record_buffer(t->stream->loop), size));
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *wrote)
{
    struct stream_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size > LOOP_READ_SIZE - t->record_size && !transmit_records(t)) {
        return 0;
    }
    *wrote = size < LOOP_READ_SIZE ? size : LOOP_READ_SIZE;
    memcpy(loop_record_buffer(t->stream->loop) + t->record_size, data, *wrote);
    t->record_size += *wrote;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static CRYPTO_ONCE bio_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *bio_method;

static void bio_method_make(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "comity stream");
    if (bio_method != NULL && (BIO_meth_set_read_ex(bio_method, bio_read) != 1 || BIO_meth_set_write_ex(bio_method, bio_write) != 1 ||
                               BIO_meth_set_ctrl(bio_method, bio_control) != 1)) {
        BIO_meth_free(bio_method);
        bio_method = NULL;
    }
}

/* ---- Life ---- */

bool stream_tls_make(struct stream *s, struct tls *tls, const uint8_t (*pins)[PIN_SIZE], size_t pin_count, struct bytes server_name,
                     struct error *e)
{
    if (!CRYPTO_THREAD_run_once(&bio_once, bio_method_make) || bio_method == NULL) {
        return error_memory(e, "TLS");
    }
    if (server_name.size >= NAME_SIZE_MAX || pin_count > SIZE_MAX / PIN_SIZE / 2) {
        return error_set(e, ERROR_INPUT, "server name", "give a host name", "longer than %d bytes", NAME_SIZE_MAX - 1);
    }
    size_t pin_bytes = pin_count * PIN_SIZE;
    struct stream_tls *t = calloc(1, sizeof *t + pin_bytes + server_name.size + 1);
    if (t == NULL) {
        return error_memory(e, "TLS");
    }
    uint8_t *behind = (uint8_t *)(t + 1);
    if (pin_bytes > 0) {
        memcpy(behind, pins, pin_bytes);
    }
    if (server_name.size > 0) {
        memcpy(behind + pin_bytes, server_name.data, server_name.size);
    }
    t->check = (struct tls_check){ .pins = (const uint8_t(*)[PIN_SIZE])behind,
                                   .pin_count = pin_count,
                                   .server_name = (const char *)behind + pin_bytes };
    t->stream = s;
    t->tls = tls_retain(tls);
    buffer_init(&t->stash, 2 * (size_t)LOOP_READ_SIZE);
    s->tls = t;
    return true;
}

bool stream_tls_begin(struct stream *s, bool is_server, struct error *e)
{
    struct stream_tls *t = s->tls;
    t->check.refusal = TLS_REFUSAL_NONE;
    t->ssl = tls_open(t->tls, is_server, &t->check, e);
    if (t->ssl == NULL) {
        return false;
    }
    BIO *bio = BIO_new(bio_method);
    if (bio == NULL) {
        return error_memory(e, "TLS");
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return true;
}

void stream_tls_end(struct stream *s)
{
    if (s->tls != NULL) {
        SSL_free(s->tls->ssl);
        s->tls->ssl = NULL;
        s->tls->input = BYTES_NONE;
        s->tls->record_size = 0;
        buffer_clear(&s->tls->stash);
    }
}

void stream_tls_free(struct stream *s)
{
    if (s->tls != NULL) {
        stream_tls_end(s);
        tls_free(s->tls->tls);
        free(s->tls);
        s->tls = NULL;
    }
}

/* ---- Reading ---- */

static void tls_stream_failed(struct stream *s)
{
    struct error e = { 0 };
    (void)tls_failed(s->tls->ssl, &s->tls->check, s->peer.address, &e);
    if (s->stage == STREAM_ENDED) {
        return;
    }
    if (s->stage == STREAM_HANDSHAKING && s->connecting == NULL && !s->is_writing) {
        stream_linger(s, STREAM_END_TLS, &e); /* the alert says why: a reset must not overtake it */
        return;
    }
    stream_fail(s, STREAM_END_TLS, &e);
}

/* False: the stream is not ready, or no longer. */
static bool handshake(struct stream *s)
{
    struct stream_tls *t = s->tls;
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
    if (!transmit_records(t)) { /* its last flight, or the alert */
        return false;
    }
    if (why == SSL_ERROR_WANT_READ) {
        return false;
    }
    if (why != SSL_ERROR_NONE) {
        tls_stream_failed(s);
        return false;
    }
    tls_fill_peer(t->ssl, &s->peer);
    stream_is_ready(s);
    return s->stage == STREAM_READY;
}

/* Decrypts up to a buffer full, so that the user sees many small records as one piece. Returns how it stopped: an SSL_ERROR_. */
static int decrypt(struct stream_tls *t, uint8_t *out, size_t *size)
{
    *size = 0;
    ERR_clear_error();
    while (*size < LOOP_READ_SIZE) {
        size_t got = 0;
        int ok = SSL_read_ex(t->ssl, out + *size, LOOP_READ_SIZE - *size, &got);
        if (ok != 1) {
            return SSL_get_error(t->ssl, ok);
        }
        *size += got;
    }
    return SSL_ERROR_NONE;
}

static void work_on_input(struct stream *s)
{
    struct stream_tls *t = s->tls;
    if (s->stage == STREAM_HANDSHAKING && !handshake(s)) {
        return;
    }
    while (s->stage == STREAM_READY && !s->is_paused) {
        uint8_t *plain = loop_plain_buffer(s->loop);
        size_t size = 0;
        int why = decrypt(t, plain, &size);
        if (!transmit_records(t)) { /* key updates and alerts */
            return;
        }
        if (size > 0) {
            s->events->on_data(s->context, bytes_of(plain, size));
        }
        if (s->stage != STREAM_READY || why == SSL_ERROR_WANT_READ) {
            return;
        }
        if (why == SSL_ERROR_ZERO_RETURN) {
            stream_reached_end(s);
            return;
        }
        if (why != SSL_ERROR_NONE) {
            tls_stream_failed(s);
            return;
        }
    }
}

void stream_tls_input(struct stream *s, struct bytes data)
{
    struct stream_tls *t = s->tls;
    struct buffer held = t->stash; /* not empty only when nothing was read since, for it is kept while reading is paused */
    buffer_init(&t->stash, held.size_max);
    t->input = data.size > 0 ? data : buffer_bytes(&held);
    work_on_input(s);
    if (s->stage == STREAM_READY && t->input.size > 0) {
        buffer_append(&t->stash, t->input);
        if (t->stash.failed) {
            struct error e = { 0 };
            (void)error_memory(&e, s->peer.address);
            stream_finish(s, STREAM_END_RESET, &e);
        }
    }
    t->input = BYTES_NONE;
    buffer_clear(&held);
}

/* ---- Writing ---- */

/* Encrypts from `*offset` on, as much as the record buffer takes. */
static bool encrypt(struct stream *s, size_t *offset)
{
    struct stream_tls *t = s->tls;
    while (*offset < s->out.size && t->record_size <= LOOP_READ_SIZE - RECORD_ROOM) {
        size_t size = s->out.size - *offset, wrote = 0;
        if (size > RECORD_SIZE_MAX) {
            size = RECORD_SIZE_MAX;
        }
        if (SSL_write_ex(t->ssl, s->out.data + *offset, size, &wrote) != 1) {
            tls_stream_failed(s); /* the BIO never asks to wait, so this is final */
            return false;
        }
        *offset += wrote;
    }
    return true;
}

void stream_tls_push(struct stream *s)
{
    size_t offset = 0;
    ERR_clear_error();
    while (offset < s->out.size && !s->is_writing) {
        if (!encrypt(s, &offset) || !transmit_records(s->tls)) {
            return;
        }
    }
    if (offset == s->out.size) {
        buffer_clear(&s->out);
    } else {
        buffer_consume(&s->out, offset);
    }
}

bool stream_tls_shutdown(struct stream *s)
{
    if ((SSL_get_shutdown(s->tls->ssl) & SSL_SENT_SHUTDOWN) != 0) {
        return true;
    }
    ERR_clear_error();
    (void)SSL_shutdown(s->tls->ssl); /* 0: sent, not yet received; and if it can't be sent, the end comes all the same */
    ERR_clear_error();
    return transmit_records(s->tls);
}
