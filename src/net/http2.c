#include "net/http2_internal.h"

#include <stdlib.h>

bool http2_flood_count(struct http2_flood *flood, uint64_t now_ms, uint32_t max)
{
    if (now_ms - flood->since_ms >= HTTP2_FLOOD_WINDOW_MS) {
        *flood = (struct http2_flood){ .since_ms = now_ms };
    }
    return ++flood->count <= max;
}

bool http2_frame_is_cheap(const nghttp2_frame_hd *header)
{
    switch (header->type) {
    case NGHTTP2_DATA:
        return header->length == 0 && (header->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    case NGHTTP2_HEADERS:       /* streams_max bounds them, and each that is cancelled counts by its RST_STREAM */
    case NGHTTP2_WINDOW_UPDATE: /* a receiver of a large body sends many; each gives us room to write */
        return false;
    default:
        return true;
    }
}

static nghttp2_option *make_option(const struct net_limits *limits)
{
    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0) {
        return NULL;
    }
    nghttp2_option_set_max_continuations(option, HTTP2_CONTINUATIONS_MAX);
    nghttp2_option_set_max_outbound_ack(option, limits->floods_max);
    nghttp2_option_set_max_settings(option, 32);
    nghttp2_option_set_no_closed_streams(option, 1); /* priorities are not used: closed streams need not be kept */
    return option;
}

static bool send_settings(nghttp2_session *session, bool is_server, const struct net_limits *limits)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)(limits->head_bytes_max < UINT32_MAX ? limits->head_bytes_max : UINT32_MAX) },
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max },
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
    };
    size_t count = is_server ? 3 : 4; /* a server never says ENABLE_PUSH */
    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, count) == 0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW) == 0;
}

nghttp2_session *http2_session_make(bool is_server, const nghttp2_session_callbacks *callbacks, void *context,
                                    const struct net_limits *limits)
{
    nghttp2_session *session = NULL;
    nghttp2_option *option = make_option(limits);
    if (option == NULL) {
        return NULL;
    }
    int failed = is_server ? nghttp2_session_server_new2(&session, callbacks, context, option)
                           : nghttp2_session_client_new2(&session, callbacks, context, option);
    nghttp2_option_del(option);
    if (failed != 0) {
        return NULL;
    }
    if (!send_settings(session, is_server, limits)) {
        nghttp2_session_del(session);
        return NULL;
    }
    return session;
}

/* ---- Fields ---- */

static bool is_one_of(struct bytes name, const struct bytes *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_ignoring_case(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool http2_is_connection_field(struct bytes name)
{
    static const struct bytes names[] = { { (const uint8_t *)"connection", 10 },       { (const uint8_t *)"keep-alive", 10 },
                                          { (const uint8_t *)"proxy-connection", 16 }, { (const uint8_t *)"transfer-encoding", 17 },
                                          { (const uint8_t *)"upgrade", 7 },           { (const uint8_t *)"http2-settings", 14 } };
    return is_one_of(name, names, COUNT_OF(names));
}

/* Each is new in nearly every message. */
static bool never_comes_twice(struct bytes name)
{
    switch (name.size) {
    case 9:
        return bytes_equal(name, BYTES("x-road-id"));
    case 14:
        return bytes_equal(name, BYTES("content-digest")) || bytes_equal(name, BYTES("content-length"));
    case 15:
        return bytes_equal(name, BYTES("comity-decision")) || bytes_equal(name, BYTES("comity-sequence"));
    case 11:
        return bytes_equal(name, BYTES("traceparent"));
    case 18:
        return bytes_equal(name, BYTES("comity-head-digest"));
    case 17:
        return bytes_equal(name, BYTES("x-road-request-id"));
    case 19:
        return bytes_equal(name, BYTES("x-road-request-hash"));
    case 22:
        return bytes_equal(name, BYTES("comity-peer-checkpoint"));
    case 5:
        return bytes_equal(name, BYTES(":path"));
    default:
        return false;
    }
}

static bool is_lower(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] >= 'A' && name.data[i] <= 'Z') {
            return false;
        }
    }
    return true;
}

nghttp2_nv http2_nv(struct bytes name, struct bytes value, bool may_borrow)
{
    unsigned flags = NGHTTP2_NV_FLAG_NONE;
    bool lower = is_lower(name);
    if (may_borrow) {
        /* nghttp2 makes a copied name lower case; a borrowed one must be so already */
        flags |= NGHTTP2_NV_FLAG_NO_COPY_VALUE | (lower ? (unsigned)NGHTTP2_NV_FLAG_NO_COPY_NAME : 0);
    }
    if (lower && never_comes_twice(name)) {
        flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    }
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name.data,
                         .value = (uint8_t *)(uintptr_t)value.data,
                         .namelen = name.size,
                         .valuelen = value.size,
                         .flags = (uint8_t)flags };
}

/* ---- Sending ---- */

struct bytes http2_decimal(uint64_t number, uint8_t out[HTTP2_DECIMAL_SIZE])
{
    size_t at = HTTP2_DECIMAL_SIZE;
    do {
        out[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return bytes_of(out + at, HTTP2_DECIMAL_SIZE - at);
}

bool http2_pull(nghttp2_session *session, struct stream *stream, size_t write_buffer_bytes, const int32_t *borrowing)
{
    while (stream_waiting(stream) < write_buffer_bytes || (borrowing != NULL && *borrowing != 0)) {
        const uint8_t *data = NULL;
        ssize_t size = nghttp2_session_mem_send(session, &data);
        if (size < 0) {
            return false;
        }
        if (size == 0) {
            return true;
        }
        stream_write(stream, bytes_of(data, (size_t)size));
    }
    return true;
}

bool http2_sending_is_left(const struct http2_sending *sending)
{
    return sending->preface.size > 0 || (sending->body != NULL && sending->offset < body_size(sending->body));
}

void http2_sending_give_up(struct http2_sending *sending)
{
    *sending = (struct http2_sending){ .is_given_up = true };
}

bool http2_window_is_shut(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_remote_window_size(session, id) <= 0 || nghttp2_session_get_remote_window_size(session) <= 0;
}

uint64_t http2_left_ms(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms)
{
    uint64_t gone = now_ms - since_ms;
    return gone >= limit_ms ? 0 : limit_ms - gone;
}

bool http2_sending_is_stalled(struct http2_sending *sending, bool is_shut, uint64_t *since_ms, uint64_t limit_ms, uint64_t now_ms)
{
    uint64_t gone = now_ms - *since_ms;
    uint64_t earned = sending->sent - sending->seen;
    sending->seen = sending->sent;
    *since_ms = is_shut && earned < gone ? *since_ms + earned : now_ms;
    return http2_left_ms(*since_ms, limit_ms, now_ms) == 0;
}

ssize_t http2_read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size, uint32_t *flags, nghttp2_data_source *source,
                        void *context)
{
    (void)session;
    (void)id;
    (void)context;
    struct http2_sending *sending = source->ptr;
    size_t first = sending->preface.size < size ? sending->preface.size : size;
    size_t got = 0;
    if (sending->is_given_up) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* its reset is on the way, and nghttp2 sends that first */
    }
    if (first > 0) {
        memcpy(out, sending->preface.data, first);
        sending->preface = bytes_slice(sending->preface, first, sending->preface.size);
    }
    if (sending->body != NULL && first < size && !body_read(sending->body, sending->offset, out + first, size - first, &got, NULL)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    sending->offset += got;
    sending->sent += first + got;
    if (!http2_sending_is_left(sending)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (first + got == 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the file behind it is shorter than it was */
    }
    return (ssize_t)(first + got);
}
