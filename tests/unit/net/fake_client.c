#include "fake_client.h"

#include <stdlib.h>

void client_connection_set_timer(struct client_connection *c, uint64_t in_ms)
{
    (void)c;
    (void)in_ms;
}

void client_connection_clear_timer(struct client_connection *c)
{
    (void)c;
}

void client_answer_free(struct client_answer *answer)
{
    if (answer != NULL) {
        body_free(answer->body);
        arena_clear(&answer->arena);
        free(answer);
    }
}

bool client_answer_begin(struct client_call *call, struct error *e)
{
    struct fake_client *fake = (struct fake_client *)(void *)call->client;
    client_answer_free(call->answer);
    call->answer = calloc(1, sizeof *call->answer);
    if (call->answer == NULL) {
        return error_memory(e, "answer");
    }
    call->answer->body = body_make(&fake->limits.body, false);
    return call->answer->body != NULL || error_memory(e, "answer");
}

static void end_call(struct client_call *call, bool is_lost, enum client_failure failure)
{
    struct fake_client *fake = (struct fake_client *)(void *)call->client;
    if (fake->is_done) {
        abort(); /* reported twice */
    }
    fake->is_done = true;
    fake->is_lost = is_lost;
    fake->failure = failure;
    fake->connection->calls--;
}

void client_call_answered(struct client_call *call)
{
    end_call(call, false, CLIENT_FAILURE_NONE);
}

void client_call_failed(struct client_call *call, enum client_failure failure, const struct error *e)
{
    if (failure == CLIENT_FAILURE_NONE || e == NULL) {
        abort();
    }
    end_call(call, false, failure);
}

void client_call_lost(struct client_call *call, bool is_unprocessed, enum client_failure failure, const struct error *e)
{
    (void)is_unprocessed;
    (void)e;
    end_call(call, true, failure);
}

enum client_failure client_failure_of(enum stream_end how)
{
    (void)how;
    return CLIENT_FAILURE_BROKEN;
}

void fake_client_open(struct fake_client *fake, struct bytes method, struct body *body, const struct net_limits *limits)
{
    *fake = (struct fake_client){ .limits = net_limits_complete(*limits) };
    fake->stream.write_buffer_bytes = fake->limits.write_buffer_bytes;
    buffer_init(&fake->stream.out, SIZE_MAX / 2);
    fake->connection = calloc(1, http1_client_functions.size);
    if (fake->connection == NULL) {
        abort();
    }
    fake->connection->functions = &http1_client_functions;
    fake->connection->client = (struct client *)(void *)fake;
    fake->connection->stream = &fake->stream;
    fake->connection->limits = &fake->limits;
    if (!http1_client_functions.start(fake->connection, NULL)) {
        abort();
    }
    fake->connection->is_ready = true;
    fake->connection->calls = 1;
    fake->call = (struct client_call){
        .client = (struct client *)(void *)fake,
        .request = { .method = method, .target = BYTES("/"), .authority = BYTES("a"), .body = body, .read_stall_ms = 1000 },
        .is_head = bytes_equal(method, BYTES("HEAD")),
    };
    fake->call.request.answer_bytes_max = fake->limits.body.size_max;
    http1_client_functions.send(fake->connection, &fake->call);
}

bool fake_client_data(struct fake_client *fake, struct bytes data)
{
    if (fake->stream.is_closed || fake->stream.is_aborted) {
        return false;
    }
    http1_client_functions.data(fake->connection, data);
    return true;
}

void fake_client_end(struct fake_client *fake, enum stream_end how)
{
    if (fake->connection->stream != NULL) {
        fake->connection->stream = NULL;
        http1_client_functions.clear(fake->connection, how, NULL);
    }
}

void fake_client_close(struct fake_client *fake)
{
    fake_client_end(fake, STREAM_END_CLOSED);
    free(fake->connection);
    client_answer_free(fake->call.answer);
    buffer_clear(&fake->stream.out);
}
