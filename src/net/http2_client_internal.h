/* The inside of an HTTP/2 connection of a pool, for http2_client.c and http2_client_receive.c alone. */
#ifndef COMITY_NET_HTTP2_CLIENT_INTERNAL_H
#define COMITY_NET_HTTP2_CLIENT_INTERNAL_H

#include "net/http2_internal.h"

struct http2_client {
    struct client_connection base;
    nghttp2_session *session;
    struct http2_call *calls;    /* all whose stream nghttp2 may still ask about */
    struct http2_call *finished; /* to be reported, in order */
    struct http2_call **finished_end;
    struct http2_flood flood;
    uint64_t heard_at_ms; /* when the last byte came */
    bool is_flooded;
    bool is_ending;
};

enum http2_outcome { OUTCOME_NONE = 0, OUTCOME_ANSWERED, OUTCOME_FAILED, OUTCOME_LOST, OUTCOME_UNPROCESSED };

/* Outlives its call: until nghttp2 has closed the stream, it may ask for more of the body. */
struct http2_call {
    struct http2_client *connection;
    struct client_call *call; /* NULL once reported or cancelled */
    struct http2_call *previous, *next, *next_finished;
    int32_t id;
    uint64_t sent_at_ms;          /* the body: see http2_sending_is_stalled() */
    struct http2_sending sending; /* the preface is the call's and the body the user's: given up once the call is gone */
    struct http2_preface preface; /* the answer's */
    enum http2_outcome outcome;
    enum client_failure failure;
    const char *detail;
    size_t head_bytes, field_count;
    bool is_head_whole; /* of the final answer */
    bool is_closed;     /* nghttp2 is through with it */
};

/* http2_client.c */
/* Notes what has become of a call, to be reported when nghttp2 has returned. The first outcome counts. */
void http2_call_finish(struct http2_call *hc, enum http2_outcome outcome, enum client_failure failure, const char *detail);
void http2_call_free(struct http2_call *hc);

/* http2_client_receive.c: what nghttp2 tells. NULL when memory is out. */
must_check nghttp2_session_callbacks *http2_client_callbacks(void);

#endif
