/* Streamed answers: what is the same for each protocol. The bytes are the kind's. */
#include <stdlib.h>

#include "base/metrics.h"
#include "net/connection_internal.h"

struct server_stream {
    struct server_connection *connection; /* lives as long as this */
    size_t waiting_bytes_max;
    bool is_dropped;
    void (*on_end)(void *context);
    void *context;
};

static struct metric metric_streams = {
    .name = "comity_net_streams", .labels = "", .help = "Streamed answers under way (live figures).", .kind = METRIC_GAUGE
};
static struct metric metric_dropped = { .name = "comity_net_streams_dropped_total",
                                        .labels = "",
                                        .help = "Streamed answers cut because their reader did not keep pace.",
                                        .kind = METRIC_COUNTER };

void server_stream_metrics_register(void)
{
    metric_register(&metric_streams);
    metric_register(&metric_dropped);
}

bool server_answer_stream(struct server_stream **out, struct server_request *request, const struct server_answer *answer,
                          size_t waiting_bytes_max, void (*on_end)(void *context), void *context)
{
    struct server_exchange *x = (struct server_exchange *)request; /* `request` comes first in it */
    struct server_connection *c = x->connection;
    *out = NULL;
    bool is_able = c != NULL && c->functions->stream_begin != NULL && !c->is_draining && answer->body == NULL;
    struct server_stream *stream = is_able ? calloc(1, sizeof *stream) : NULL;
    if (stream == NULL) {
        body_free(answer->body);
        const struct server_answer unable = { .status = 503 };
        server_answer(request, &unable);
        return false;
    }
    *stream = (struct server_stream){
        .connection = server_request_back(x), .waiting_bytes_max = waiting_bytes_max, .on_end = on_end, .context = context
    };
    if (!c->functions->stream_begin(c, x, answer)) {
        free(stream);
        return false;
    }
    c->streaming = stream;
    metric_add(&metric_streams, 1);
    *out = stream;
    return true;
}

void server_stream_write(struct server_stream *stream, struct bytes data)
{
    struct server_connection *c = stream->connection;
    if (data.size == 0 || stream->is_dropped || c->stream == NULL) {
        return;
    }
    size_t waiting = stream_waiting(c->stream);
    if (waiting > stream->waiting_bytes_max || data.size > stream->waiting_bytes_max - waiting) {
        stream->is_dropped = true;
        metric_add(&metric_dropped, 1);
        stream_abort(c->stream); /* cut short, so that its reader doesn't take what it has for all; on_end follows */
        return;
    }
    c->functions->stream_write(c, data);
}

static void forget(struct server_stream *stream)
{
    stream->connection->streaming = NULL;
    metric_add(&metric_streams, -1);
    free(stream);
}

void server_stream_finish(struct server_stream *stream)
{
    struct server_connection *c = stream->connection;
    forget(stream);
    if (c->stream != NULL) {
        c->functions->stream_finish(c);
    }
}

void server_stream_ended(struct server_connection *c)
{
    struct server_stream *stream = c->streaming;
    if (stream == NULL) {
        return;
    }
    void (*on_end)(void *) = stream->on_end;
    void *context = stream->context;
    forget(stream);
    on_end(context);
}
