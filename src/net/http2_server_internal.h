/* The inside of an HTTP/2 connection of a listener, for http2_server.c, http2_receive.c and http2_answer.c alone. */
#ifndef COMITY_NET_HTTP2_SERVER_INTERNAL_H
#define COMITY_NET_HTTP2_SERVER_INTERNAL_H

#include "net/http2_internal.h"

struct http2_server {
    struct server_connection base;
    nghttp2_session *session;
    struct http2_stream *streams; /* open ones */
    struct http2_stream *ready;   /* whole or refused, to be delivered or answered; in order */
    struct http2_stream **ready_end;
    uint32_t stream_count;
    uint32_t receiving; /* streams that are not whole yet */
    struct http2_flood flood;
    uint64_t head_since_ms;  /* 0: no head is being received */
    uint64_t quiet_since_ms; /* since there is no stream */
    int32_t borrowing;       /* the stream whose head is being sent with borrowed fields; 0: none */
    int64_t date_s;          /* the second that `date` is the text of */
    uint8_t date[29];
    bool is_inside; /* of nghttp2 */
    bool is_flooded;
    bool is_ending; /* GOAWAY is said and the stream is being closed */
};

struct http2_stream {
    struct http2_server *connection;
    struct server_exchange *x; /* NULL once answered or gone */
    struct http2_stream *previous, *next, *next_ready;
    int32_t id;
    size_t head_bytes;
    size_t field_count;
    enum server_fault fault;
    const char *detail; /* not NULL: refused with `fault` */
    bool is_head_whole, is_whole, is_ready, is_delivered, is_answered, has_host;
    bool is_cut;                  /* reset once its answer is sent: the rest of the request is not wanted */
    uint64_t moved_at_ms;         /* the request's bytes while it is received; the answer: http2_sending_is_stalled() */
    struct http2_preface preface; /* the request's */
    struct http2_sending sending;
    uint8_t *sent_preface; /* what `sending` has a view of; owned */
};

/* http2_server.c */
void http2_stream_make_ready(struct http2_stream *stream);
/* The first fault counts. It is answered when nghttp2 has returned. */
void http2_stream_refuse(struct http2_stream *stream, enum server_fault fault, const char *detail);
/* The rest of its request doesn't come, or doesn't matter. */
void http2_stream_stop_receiving(struct http2_stream *stream);
must_check struct http2_stream *http2_stream_open(struct http2_server *c, int32_t id);
void http2_stream_free(struct http2_stream *stream);
/* The timer fires in `in_ms` at the latest. Early is fine: what is late is looked up then. So that costs nothing in most turns. */
void http2_server_set_timer(struct http2_server *c, uint64_t in_ms);
/* GOAWAY with `code`, then the end of the connection. */
void http2_server_end(struct http2_server *c, uint32_t code);

/* http2_receive.c: what nghttp2 tells. NULL when memory is out. */
must_check nghttp2_session_callbacks *http2_receive_callbacks(void);

/* http2_answer.c */
/* Moves what the session has to say to the stream, and sees whether that was all. */
void http2_server_pull(struct http2_server *c);
void http2_answer(struct server_connection *base, struct server_exchange *x, const struct server_answer *answer);
/* Answers what was refused. */
void http2_answer_fault(struct http2_stream *stream);

#endif
