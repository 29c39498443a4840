/* What both sides of HTTP/2 (RFC 9113) share. */
#ifndef COMITY_NET_HTTP2_INTERNAL_H
#define COMITY_NET_HTTP2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "net/connection_internal.h"

/*
 * Windows: 1 MiB a stream, 4 MiB a connection. What fills them is spooled as it comes, so they bound nothing but what is in flight: 4 MiB
 * let one connection carry 320 Mbit/s at 100 ms of way.
 */
enum {
    HTTP2_STREAM_WINDOW = 1024 * 1024,
    HTTP2_CONNECTION_WINDOW = 4 * 1024 * 1024,
    HTTP2_CONTINUATIONS_MAX = 8,
    HTTP2_FLOOD_WINDOW_MS = 10000
};
/* A head that is over the limit is read on up to this many times it, to answer 431; past that it is an attack (an HPACK bomb: one byte
 * that names 4 KiB of the dynamic table, again and again). */
enum { HTTP2_HEAD_BOMB = 8 };
/* How often in write_stall_ms the bodies that wait for a window are looked at, all of a connection in one pass: so much may one end late. */
enum { HTTP2_STALL_LOOKS = 8 };

/* Counts cheap frames that make us work: resets, pings, settings, priorities, empty or unknown ones. */
struct http2_flood {
    uint64_t since_ms;
    uint32_t count;
};
/* False when there were more than `max` in HTTP2_FLOOD_WINDOW_MS. */
must_check bool http2_flood_count(struct http2_flood *flood, uint64_t now_ms, uint32_t max);
/* Is this frame, whose header has just come, one that counts? */
bool http2_frame_is_cheap(const nghttp2_frame_hd *header);

/* A session with our options, limits and first SETTINGS. NULL when memory is out. */
must_check nghttp2_session *http2_session_make(bool is_server, const nghttp2_session_callbacks *callbacks, void *context,
                                               const struct net_limits *limits);

/*
 * A field for sending. `may_borrow`: name and value live until the session has sent them, which saves copies. Values that never come twice
 * (signatures, digests, ids) are kept out of the HPACK table, where they would only push out those that do.
 */
nghttp2_nv http2_nv(struct bytes name, struct bytes value, bool may_borrow);
/* RFC 9113 8.2.2: fields of one HTTP/1.1 connection; they must not be sent. */
bool http2_is_connection_field(struct bytes name);

/* Digits of `number` into `out`. */
enum { HTTP2_DECIMAL_SIZE = 20 };
struct bytes http2_decimal(uint64_t number, uint8_t out[HTTP2_DECIMAL_SIZE]);

/*
 * Moves what the session wants to send into the stream, until write_buffer_bytes wait there; but on, whatever waits, as long as *borrowing
 * (may be NULL) is not 0: the fields of that stream's head are borrowed, and must be sent before their owner has them back. False when
 * the session failed.
 */
must_check bool http2_pull(nghttp2_session *session, struct stream *stream, size_t write_buffer_bytes, const int32_t *borrowing);

/* What is being sent, preface first; for nghttp2's data source. */
struct http2_sending {
    struct bytes preface; /* what is left of it */
    struct body *body;
    uint64_t offset;
    uint64_t sent, seen; /* bytes that went, and that had gone at the last look */
    bool is_given_up;
};
/* Nothing more of it goes: its stream's reset is on the way. */
void http2_sending_give_up(struct http2_sending *sending);
/* Is there more to send? */
bool http2_sending_is_left(const struct http2_sending *sending);
/*
 * Does an open stream wait for its peer to let it send, by its own window or by the connection's, which all share? A peer that lets us
 * send but is slow to read is another matter: the stream below has its limit for that.
 */
bool http2_window_is_shut(nghttp2_session *session, int32_t id);
/*
 * Asked now and then while there is more to send: has the peer kept it waiting for `limit_ms`? Time counts from *since_ms, which this moves
 * on: to now when no window is shut, else by a millisecond for each byte that went. So a peer that opens its window by a byte at a time can
 * hold n bytes for n milliseconds and the limit, and no longer.
 */
bool http2_sending_is_stalled(struct http2_sending *sending, bool is_shut, uint64_t *since_ms, uint64_t limit_ms, uint64_t now_ms);
/* How much of `limit_ms` is left of what began or moved at `since_ms`; 0: it is over. */
uint64_t http2_left_ms(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms);
/* nghttp2_data_source_read_callback with a struct http2_sending as source. A body that can't be read resets its stream. */
ssize_t http2_read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size, uint32_t *flags, nghttp2_data_source *source,
                        void *context);

/* ---- Prefaces (net/message.h): http2_preface.c ---- */

/* One that comes in. */
struct http2_preface {
    uint8_t *data; /* in the message's arena */
    size_t size;
    size_t got;
};
/*
 * When a head is whole: takes room for what its field announces. `has_content`: HTTP lets this message have some. Returns NULL, also when
 * none is announced, or what is wrong; if that is memory, `size` is more than 0 and `data` NULL.
 */
const char *http2_preface_begin(struct http2_preface *preface, const struct preface_form *form, const struct fields *fields,
                                bool has_content, struct arena *arena);
/* Keeps what of `data` belongs to the preface, and gives the rest. */
struct bytes http2_preface_add(struct http2_preface *preface, struct bytes data);
bool http2_preface_is_whole(const struct http2_preface *preface);
/* The field's value for one that is sent: its size in `digits`, or all of it in base64, in *coded, which the caller frees (NULL, and an
 * empty value, when memory is out). */
struct bytes http2_preface_value(struct bytes preface, bool has_content, uint8_t digits[HTTP2_DECIMAL_SIZE], uint8_t **coded);
/* Answers that have no content (RFC 9110 6.4.1). */
bool http2_has_content(unsigned status, bool is_head);

#endif
