#include "net/client_pool_internal.h"

#include <stdlib.h>

#include "net/tls_internal.h"

static void dispatch_run(void *context);

/* ---- Targets ---- */

static bool target_equal(const struct client_target *a, const struct client_target *b)
{
    if (a->protocol != b->protocol || a->tls != b->tls || a->address_count != b->address_count || a->pin_count != b->pin_count ||
        !bytes_equal(a->server_name, b->server_name)) {
        return false;
    }
    for (size_t i = 0; i < a->address_count; i++) {
        if (!bytes_equal(a->addresses[i], b->addresses[i])) {
            return false;
        }
    }
    return a->pin_count == 0 || memcmp(a->pins, b->pins, a->pin_count * PIN_SIZE) == 0;
}

/* Copies everything behind the pool's struct. */
static struct client_pool *pool_make(struct client *client, const struct client_target *target)
{
    size_t texts = target->server_name.size;
    for (size_t i = 0; i < target->address_count; i++) {
        texts += target->addresses[i].size + 1;
    }
    size_t lists = target->address_count * sizeof(struct bytes), pins = target->pin_count * PIN_SIZE;
    struct client_pool *pool = calloc(1, sizeof *pool + lists + pins + texts + 1);
    if (pool == NULL) {
        return NULL;
    }
    struct bytes *addresses = (struct bytes *)(pool + 1);
    uint8_t *kept_pins = (uint8_t *)(addresses + target->address_count), *text = kept_pins + pins;
    for (size_t i = 0; i < target->address_count; i++) {
        if (target->addresses[i].size > 0) {
            memcpy(text, target->addresses[i].data, target->addresses[i].size);
        }
        addresses[i] = bytes_of(text, target->addresses[i].size);
        text += target->addresses[i].size + 1; /* ends with a NUL, for pool_name() */
    }
    if (pins > 0) {
        memcpy(kept_pins, target->pins, pins);
    }
    if (target->server_name.size > 0) {
        memcpy(text, target->server_name.data, target->server_name.size);
    }
    pool->client = client;
    pool->target = *target;
    pool->target.addresses = addresses;
    pool->target.pins = (const uint8_t(*)[PIN_SIZE])kept_pins;
    pool->target.server_name = bytes_of(text, target->server_name.size);
    pool->target.tls = target->tls == NULL ? NULL : tls_retain(target->tls); /* also keeps its address from being another context's */
    return pool;
}

static void pool_link(struct client_pool *pool)
{
    struct client *client = pool->client;
    pool->previous = NULL;
    pool->next = client->pools;
    if (pool->next != NULL) {
        pool->next->previous = pool;
    }
    client->pools = pool;
}

static void pool_unlink(struct client_pool *pool)
{
    if (pool->previous != NULL) {
        pool->previous->next = pool->next;
    } else {
        pool->client->pools = pool->next;
    }
    if (pool->next != NULL) {
        pool->next->previous = pool->previous;
    }
}

bool pool_find(struct client_pool **out, struct client *client, const struct client_target *target, struct error *e)
{
    enum { ADDRESSES_MAX = 64, PINS_MAX = 64 };
    *out = NULL;
    for (struct client_pool *pool = client->pools; pool != NULL; pool = pool->next) {
        if (target_equal(&pool->target, target)) {
            if (pool != client->pools) {
                pool_unlink(pool);
                pool_link(pool);
            }
            *out = pool;
            return true;
        }
    }
    if (target->address_count == 0 || target->address_count > ADDRESSES_MAX || target->pin_count > PINS_MAX) {
        return error_set(e, ERROR_INPUT, "target", "give 1 to 64 addresses, and at most 64 pins", "%zu addresses, %zu pins",
                         target->address_count, target->pin_count);
    }
    struct client_pool *pool = pool_make(client, target);
    if (pool == NULL) {
        return error_memory(e, "client");
    }
    pool_link(pool);
    *out = pool;
    return true;
}

void pool_free(struct client_pool *pool)
{
    loop_work_remove(&pool->work);
    loop_timer_clear(&pool->timer);
    pool_unlink(pool);
    tls_free(pool->target.tls);
    free(pool);
}

const char *pool_name(const struct client_pool *pool)
{
    return (const char *)pool->target.addresses[0].data;
}

/* ---- Lists of calls ---- */

void pool_wait(struct client_pool *pool, struct client_call *call, bool is_first)
{
    call->previous = is_first ? NULL : pool->waiting_last;
    call->next = is_first ? pool->waiting : NULL;
    if (call->previous != NULL) {
        call->previous->next = call;
    } else {
        pool->waiting = call;
    }
    if (call->next != NULL) {
        call->next->previous = call;
    } else {
        pool->waiting_last = call;
    }
    pool->waiting_count++;
    loop_work_add(pool->client->loop, LOOP_DISPATCH, &pool->work, dispatch_run, pool);
}

void pool_unwait(struct client_pool *pool, struct client_call *call)
{
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        pool->waiting = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    } else {
        pool->waiting_last = call->previous;
    }
    call->previous = call->next = NULL;
    pool->waiting_count--;
}

static void pool_run(struct client_pool *pool, struct client_call *call)
{
    call->previous = NULL;
    call->next = pool->running;
    if (call->next != NULL) {
        call->next->previous = call;
    }
    pool->running = call;
}

void pool_unrun(struct client_pool *pool, struct client_call *call)
{
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        pool->running = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->previous = call->next = NULL;
}

static void pool_forgotten(void *context)
{
    struct client_pool *pool = context;
    if (pool->connections == NULL && pool->waiting == NULL && pool->running == NULL) {
        pool_free(pool);
    }
}

void pool_settle(struct client_pool *pool)
{
    if (pool->waiting != NULL) {
        loop_work_add(pool->client->loop, LOOP_DISPATCH, &pool->work, dispatch_run, pool);
    } else if (pool->connections == NULL && pool->running == NULL) {
        loop_timer_set(pool->client->loop, &pool->timer, CLIENT_POOL_KEPT_MS, pool_forgotten, pool);
    }
}

/* ---- Connections ---- */

static void connection_unlink(struct client_connection *c)
{
    struct client_pool *pool = c->pool;
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        pool->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    } else {
        pool->connections_last = c->previous;
    }
}

static void connection_link(struct client_connection *c, bool is_first)
{
    struct client_pool *pool = c->pool;
    c->previous = is_first ? NULL : pool->connections_last;
    c->next = is_first ? pool->connections : NULL;
    if (c->previous != NULL) {
        c->previous->next = c;
    } else {
        pool->connections = c;
    }
    if (c->next != NULL) {
        c->next->previous = c;
    } else {
        pool->connections_last = c;
    }
}

static void end_connection(struct client_connection *c)
{
    c->is_closing = true;
    if (c->stream != NULL) {
        stream_close(c->stream);
    }
}

static void timer_fired(void *context)
{
    struct client_connection *c = context;
    if (c->calls > 0) {
        c->functions->timeout(c);
    } else if (c->stream != NULL) {
        end_connection(c); /* idle for idle_ms */
    }
}

void client_connection_set_timer(struct client_connection *c, uint64_t in_ms)
{
    loop_timer_set(c->loop, &c->timer, in_ms, timer_fired, c);
}

void client_connection_clear_timer(struct client_connection *c)
{
    loop_timer_clear(&c->timer);
}

void client_connection_changed(struct client_connection *c)
{
    if (c->is_closing && c->calls == 0) {
        end_connection(c);
    }
    pool_settle(c->pool);
}

static size_t count_idle(const struct client_pool *pool)
{
    size_t count = 0;
    for (const struct client_connection *c = pool->connections; c != NULL; c = c->next) {
        count += c->is_ready && !c->is_closing && c->calls == 0;
    }
    return count;
}

void pool_connection_settle(struct client_connection *c)
{
    if (c->calls > 0 || c->stream == NULL || !c->is_ready) {
        return;
    }
    bool is_surplus = c->pool->target.protocol == PROTOCOL_HTTP1 && !c->is_closing && c->pool->waiting == NULL &&
                      c->pool->connection_count > CLIENT_HTTP1_IDLE_MAX && count_idle(c->pool) > CLIENT_HTTP1_IDLE_MAX;
    if (c->is_closing || is_surplus) {
        end_connection(c);
        return;
    }
    connection_unlink(c);
    connection_link(c, true);
    loop_timer_set(c->loop, &c->timer, c->limits->idle_ms, timer_fired, c);
}

static void connection_ready(void *context)
{
    struct client_connection *c = context;
    struct client_pool *pool = c->pool;
    struct error e = { 0 };
    bool is_wrong = pool->target.protocol == PROTOCOL_HTTP2 && pool->target.tls != NULL && !stream_alpn_is_h2(c->stream);
    if (is_wrong || !c->functions->start(c, &e)) {
        stream_abort(c->stream);
        return;
    }
    c->is_ready = true;
    pool->good_index = (stream_address_index(c->stream) + c->first_address) % pool->target.address_count;
    pool->good_until_ms = loop_now_ms(c->loop) + CLIENT_GOOD_ADDRESS_MS;
    pool_connection_settle(c);
    pool_settle(pool);
}

static void connection_data(void *context, struct bytes data)
{
    struct client_connection *c = context;
    c->functions->data(c, data);
}

static void connection_drained(void *context)
{
    struct client_connection *c = context;
    c->functions->drained(c);
}

static void connection_flush(void *context)
{
    struct client_connection *c = context;
    if (c->is_ready && c->functions->flush != NULL) {
        c->functions->flush(c);
    }
}

/* No address took us. Those who wait on other connections, made or being made, wait on. */
static void fail_waiting(struct client_pool *pool, enum client_failure failure, const struct error *e)
{
    size_t others = 0;
    for (const struct client_connection *c = pool->connections; c != NULL; c = c->next) {
        others += !c->is_closing;
    }
    size_t count = others == 0 ? pool->waiting_count : pool->target.protocol == PROTOCOL_HTTP1 ? 1 : 0;
    /* `done` may make new calls, which then wait at the end: only those who waited now are failed */
    for (; count > 0 && pool->waiting != NULL; count--) {
        client_call_failed(pool->waiting, failure, e);
    }
}

static void connection_end(void *context, enum stream_end how, const struct error *e)
{
    struct client_connection *c = context;
    struct client_pool *pool = c->pool;
    struct client *client = pool->client;
    bool was_ready = c->is_ready;
    c->stream = NULL;
    c->is_closing = true;
    loop_timer_clear(&c->timer);
    c->functions->clear(c, how, e);
    connection_unlink(c);
    free(c);
    client->connection_count--;
    if (!was_ready && !client->is_stopping && pool->waiting != NULL) {
        pool->retry_at_ms = loop_now_ms(client->loop) + CLIENT_RETRY_MS;
        fail_waiting(pool, how == STREAM_END_CLOSED ? CLIENT_FAILURE_PROTOCOL : client_failure_of(how), e);
    }
    if (client->is_stopping) {
        client_check_end(client);
    } else {
        pool_settle(pool);
    }
}

static const struct stream_events connection_events = { .on_ready = connection_ready,
                                                        .on_data = connection_data,
                                                        .on_drain = connection_drained,
                                                        .on_flush = connection_flush,
                                                        .on_end = connection_end };

static bool connection_make(struct client_pool *pool, struct error *e)
{
    const struct client_target *target = &pool->target;
    const struct client_connection_functions *functions = target->protocol == PROTOCOL_HTTP2 ? &http2_client_functions
                                                                                             : &http1_client_functions;
    struct client_connection *c = calloc(1, functions->size);
    struct bytes *order = malloc(target->address_count * sizeof *order);
    if (c == NULL || order == NULL) {
        free(c);
        free(order);
        return error_memory(e, "client");
    }
    c->functions = functions;
    c->client = pool->client;
    c->pool = pool;
    c->loop = pool->client->loop;
    c->limits = &pool->client->limits;
    c->calls_max = 1;
    /* From the one that worked last, round to those before it. */
    c->first_address = loop_now_ms(c->loop) < pool->good_until_ms ? pool->good_index : 0;
    for (size_t i = 0; i < target->address_count; i++) {
        order[i] = target->addresses[(c->first_address + i) % target->address_count];
    }
    bool ok = stream_connect(&c->stream, loop_uv(c->loop), order, target->address_count, target->tls, target->pins, target->pin_count,
                             target->server_name, c->limits, &connection_events, c, e);
    free(order);
    if (!ok) {
        free(c);
        return false;
    }
    connection_link(c, false);
    pool->client->connection_count++;
    return true;
}

/* ---- Dispatching ---- */

/* A repeated call goes to no kept HTTP/1.1 connection: that may be as dead as the last one. */
static bool is_usable(const struct client_connection *c, const struct client_call *call)
{
    bool is_stale_risk = call->repeats > 0 && c->pool->target.protocol == PROTOCOL_HTTP1 && c->answers > 0;
    return c->is_ready && !c->is_closing && c->stream != NULL && c->calls < c->calls_max && !is_stale_risk;
}

/* Idle ones stand in front, the last used first, so that surplus ones grow old and end. */
static struct client_connection *choose_http1(const struct client_pool *pool, const struct client_call *call)
{
    for (struct client_connection *c = pool->connections; c != NULL && c->calls == 0; c = c->next) {
        if (!is_usable(c, call)) {
            continue;
        }
        /* What isn't safe is sent once only, so it is worth a system call to see whether the peer has closed meanwhile. */
        if (call->is_safe || c->answers == 0 || stream_looks_open(c->stream)) {
            return c;
        }
        c->is_closing = true;
        stream_abort(c->stream);
    }
    return NULL;
}

static struct client_connection *choose_connection(const struct client_pool *pool, const struct client_call *call)
{
    if (pool->target.protocol == PROTOCOL_HTTP1) {
        return choose_http1(pool, call);
    }
    struct client_connection *best = NULL;
    for (struct client_connection *c = pool->connections; c != NULL; c = c->next) {
        if (is_usable(c, call) && (best == NULL || c->calls < best->calls)) {
            best = c;
        }
    }
    return best;
}

static void hand_over(struct client_pool *pool, struct client_connection *c, struct client_call *call)
{
    pool_unwait(pool, call);
    pool_run(pool, call);
    connection_unlink(c);
    connection_link(c, false);
    call->connection = c;
    call->was_kept = c->answers > 0;
    call->moved_at_ms = loop_now_ms(c->loop);
    c->calls++;
    if (c->calls == 1) {
        loop_timer_clear(&c->timer); /* idle no more */
    }
    c->functions->send(c, call);
}

static void count_connections(struct client_pool *pool)
{
    bool is_http2 = pool->target.protocol == PROTOCOL_HTTP2;
    pool->connection_count = pool->connecting_count = 0;
    for (const struct client_connection *c = pool->connections; c != NULL; c = c->next) {
        pool->connection_count += !c->is_closing;
        pool->connecting_count += !c->is_closing && (!c->is_ready || (is_http2 && !c->is_settled));
    }
}

/* How many more connections those who wait deserve. */
static size_t wanted_connections(const struct client_pool *pool)
{
    if (pool->target.protocol == PROTOCOL_HTTP2) {
        bool may_try = pool->connection_count == 0 || loop_now_ms(pool->client->loop) >= pool->retry_at_ms;
        return pool->connecting_count == 0 && pool->connection_count < CLIENT_HTTP2_CONNECTIONS_MAX && may_try ? 1 : 0;
    }
    size_t room = CLIENT_HTTP1_CONNECTIONS_MAX > pool->connection_count ? CLIENT_HTTP1_CONNECTIONS_MAX - pool->connection_count : 0;
    size_t wanted = pool->waiting_count > pool->connecting_count ? pool->waiting_count - pool->connecting_count : 0;
    return wanted < room ? wanted : room;
}

static void dispatch_run(void *context)
{
    struct client_pool *pool = context;
    for (struct client_call *call = pool->waiting; call != NULL; call = pool->waiting) {
        struct client_connection *c = choose_connection(pool, call);
        if (c == NULL) {
            break;
        }
        hand_over(pool, c, call);
    }
    count_connections(pool);
    for (size_t count = pool->waiting_count == 0 ? 0 : wanted_connections(pool); count > 0; count--) {
        struct error e = { 0 };
        if (!connection_make(pool, &e)) {
            if (pool->connection_count == 0) {
                fail_waiting(pool, CLIENT_FAILURE_CONNECT, &e);
            }
            return;
        }
        pool->connection_count++;
        pool->connecting_count++;
    }
}

void pool_stop(struct client_pool *pool)
{
    loop_work_remove(&pool->work);
    while (pool->waiting != NULL) {
        client_call_stopped(pool->waiting);
    }
    while (pool->running != NULL) {
        client_call_stopped(pool->running);
    }
    for (struct client_connection *c = pool->connections; c != NULL; c = c->next) {
        if (c->stream != NULL) {
            stream_abort(c->stream);
        }
    }
    loop_work_remove(&pool->work);
}
