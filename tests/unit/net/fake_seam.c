#include "fake_seam.h"

#include <stdlib.h>

/* ---- Stream ---- */

void stream_write(struct stream *stream, struct bytes data)
{
    if (!stream->is_closed && !stream->is_aborted) {
        buffer_append(&stream->out, data);
    }
}

uint8_t *stream_room(struct stream *stream, size_t size)
{
    return stream->is_closed || stream->is_aborted ? NULL : buffer_room(&stream->out, size);
}

void stream_wrote(struct stream *stream, size_t size)
{
    buffer_added(&stream->out, size);
}

size_t stream_waiting(const struct stream *stream)
{
    return stream->out.size;
}

void stream_pause(struct stream *stream)
{
    stream->is_paused = true;
}

void stream_resume(struct stream *stream)
{
    stream->is_paused = false;
}

void stream_keep_end(struct stream *stream, bool keeps)
{
    (void)stream;
    (void)keeps;
}

void stream_close(struct stream *stream)
{
    stream->is_closed = true;
}

void stream_abort(struct stream *stream)
{
    stream->is_aborted = true;
}

const struct peer *stream_peer(const struct stream *stream)
{
    return &stream->peer;
}

/* ---- Loop ---- */

static struct loop_work *first_work;

void loop_work_add(struct loop *loop, enum loop_phase phase, struct loop_work *work, void (*run)(void *context), void *context)
{
    (void)loop;
    (void)phase;
    loop_work_remove(work);
    work->run = run;
    work->context = context;
    work->next = first_work;
    first_work = work;
}

void loop_work_remove(struct loop_work *work)
{
    for (struct loop_work **at = &first_work; *at != NULL; at = &(*at)->next) {
        if (*at == work) {
            *at = work->next;
            work->next = NULL;
            return;
        }
    }
}

void fake_run_work(void)
{
    while (first_work != NULL) {
        struct loop_work *work = first_work;
        first_work = work->next;
        work->next = NULL;
        work->run(work->context);
    }
}

/* ---- Server ---- */

static struct fake_server *fake_of(struct server_connection *c)
{
    return (struct fake_server *)(void *)c->server;
}

void server_connection_set_timer(struct server_connection *c, uint64_t in_ms)
{
    (void)in_ms;
    fake_of(c)->has_timer = true;
}

void server_connection_clear_timer(struct server_connection *c)
{
    fake_of(c)->has_timer = false;
}

struct server_exchange *server_request_make(struct server_connection *c)
{
    struct server_exchange *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    x->request.body = body_make(&fake_of(c)->limits.body, false);
    if (x->request.body == NULL) {
        free(x);
        return NULL;
    }
    x->connection = c;
    return x;
}

void server_request_free(struct server_exchange *x)
{
    if (x != NULL) {
        body_free(x->request.body);
        arena_clear(&x->request.arena);
        free(x);
    }
}

void server_request_deliver(struct server_exchange *x)
{
    struct fake_server *fake = fake_of(x->connection);
    fake->requests++;
    fake->pending = x;
    x->is_delivered = true;
    fake->on_request(fake, x);
}

void fake_server_answer(struct fake_server *fake, struct server_exchange *x, const struct server_answer *answer)
{
    fake->pending = NULL;
    fake->connection->functions->answer(fake->connection, x, answer);
}

unsigned server_fault_status(enum server_fault fault)
{
    static const unsigned status[] = { 400, 431, 413, 408, 417, 507, 505, 501 };
    return status[fault];
}

void server_fault_make(struct server_connection *c, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                       struct server_answer *answer)
{
    struct fake_server *fake = fake_of(c);
    (void)accept;
    (void)arena;
    fake->faults++;
    fake->fault = fault;
    fake->detail = detail;
    *answer = (struct server_answer){ .status = server_fault_status(fault), .body = body_of(bytes_of_text(detail)) };
}

void fake_server_open(struct fake_server *fake, const struct net_limits *limits)
{
    fake->limits = net_limits_complete(*limits);
    fake->stream = (struct stream){ .write_buffer_bytes = fake->limits.write_buffer_bytes };
    buffer_init(&fake->stream.out, SIZE_MAX / 2);
    fake->connection = calloc(1, http1_server_functions.size);
    if (fake->connection == NULL) {
        abort();
    }
    fake->connection->functions = &http1_server_functions;
    fake->connection->server = (struct server *)(void *)fake;
    fake->connection->stream = &fake->stream;
    fake->connection->limits = &fake->limits;
    if (!http1_server_functions.start(fake->connection, NULL)) {
        abort();
    }
    fake->connection->is_started = true;
}

bool fake_server_data(struct fake_server *fake, struct bytes data)
{
    if (fake->stream.is_paused || fake->stream.is_closed || fake->stream.is_aborted) {
        return false;
    }
    http1_server_functions.data(fake->connection, data);
    fake_run_work();
    return true;
}

void fake_server_drain_out(struct fake_server *fake, struct buffer *into)
{
    bool was_full = fake->stream.out.size >= fake->stream.write_buffer_bytes;
    if (into != NULL) {
        buffer_append(into, buffer_bytes(&fake->stream.out));
    }
    buffer_reset(&fake->stream.out);
    if (was_full && !fake->stream.is_closed && !fake->stream.is_aborted) {
        http1_server_functions.drained(fake->connection);
    }
    fake_run_work();
}

void fake_server_close(struct fake_server *fake)
{
    if (fake->pending != NULL) { /* as server.c: made gone first, and freed by whoever answers it */
        server_request_free(fake->pending);
        fake->pending = NULL;
    }
    fake->connection->stream = NULL;
    http1_server_functions.clear(fake->connection);
    free(fake->connection);
    buffer_clear(&fake->stream.out);
}
