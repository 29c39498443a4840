#include "net/stream_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "net/stream_parts_internal.h"

enum { ATTEMPT_MS_MIN = 500 };

/* What is left to try. Freed when the stream is ready or ends. */
struct connecting {
    struct bytes *addresses; /* with their texts behind them */
    size_t count;
    size_t next;            /* index of the next address */
    struct addrinfo *found; /* of the current name */
    struct addrinfo *next_found;
    struct resolve *resolve; /* under way */
    uv_connect_t request;
    uint64_t until_ms;
    enum stream_end how; /* the most telling failure so far */
    struct error error;
};

/* Separate, because libuv can't be made to give a running request back: it outlives a time limit. */
struct resolve {
    uv_getaddrinfo_t request;
    struct stream *stream;
    bool is_stale;
};

static void attempt(struct stream *s);

void connecting_free(struct connecting *c)
{
    if (c != NULL) {
        if (c->resolve != NULL) {
            c->resolve->is_stale = true;
            (void)uv_cancel((uv_req_t *)&c->resolve->request); /* if it runs already, it comes back later */
        }
        if (c->found != NULL) {
            uv_freeaddrinfo(c->found);
        }
        free(c->addresses);
        free(c);
    }
}

/* ---- Failing ---- */

/* A failed handshake says more than a refused connection, and that more than a name without address. */
static int weight(enum stream_end how)
{
    return how == STREAM_END_TLS ? 2 : how == STREAM_END_RESOLVE ? 0 : 1;
}

static void remember(struct connecting *c, enum stream_end how, const struct error *e)
{
    if (c->error.kind == ERROR_NONE || weight(how) >= weight(c->how)) {
        c->how = how;
        c->error = *e;
    }
}

/* The handle of a failed attempt is closed: its memory serves for the next. */
static void attempt_closed(uv_handle_t *handle)
{
    struct stream *s = handle->data;
    if (s->stage == STREAM_ENDED) {
        stream_closed(s);
        return;
    }
    s->has_handle = false;
    s->is_closing_handle = false;
    attempt(s);
}

static void attempt_end(struct stream *s)
{
    s->is_reading = false;
    s->is_writing = false;
    s->is_closing_handle = true;
    buffer_clear(&s->records);
    uv_close(&s->uv.handle, attempt_closed);
}

void connecting_failed(struct stream *s, enum stream_end how, const struct error *e)
{
    if (s->is_closing_handle) {
        return; /* this attempt has failed already */
    }
    if (how == STREAM_END_RESET) {
        how = s->stage == STREAM_HANDSHAKING ? STREAM_END_TLS : STREAM_END_CONNECT;
    }
    remember(s->connecting, how, e);
    s->stage = STREAM_CONNECTING;
    loop_timer_clear(&s->timer);
    attempt_end(s);
}

void connecting_timed_out(struct stream *s)
{
    struct connecting *c = s->connecting;
    struct error e = { 0 };
    const char *where = s->peer.address;
    if (c->resolve != NULL) {
        (void)error_set(&e, ERROR_IO, where, "check the name servers", "resolving the name took too long");
        c->resolve->is_stale = true;
        (void)uv_cancel((uv_req_t *)&c->resolve->request);
        c->resolve = NULL;
        remember(c, STREAM_END_RESOLVE, &e);
        attempt(s);
        return;
    }
    (void)error_set(&e, ERROR_IO, where, "check that the host is up and the port open", "connecting took too long");
    connecting_failed(s, STREAM_END_CONNECT, &e);
}

/* ---- One attempt ---- */

/* Each address gets its share of what time is left, so that a silent first one doesn't use up the others'. */
static void set_time(struct stream *s)
{
    const struct connecting *c = s->connecting;
    uint64_t now = loop_now_ms(s->loop);
    uint64_t left = c->until_ms > now ? c->until_ms - now : 0;
    uint64_t share = left / (c->count - c->next + 1);
    stream_set_timer(s, share < ATTEMPT_MS_MIN ? ATTEMPT_MS_MIN : share);
}

static void connect_done(uv_connect_t *request, int failed)
{
    struct stream *s = request->handle->data;
    if (s->stage != STREAM_CONNECTING || s->is_closing_handle) {
        return; /* given up before */
    }
    if (failed != 0) {
        struct error e = { 0 };
        (void)error_set(&e, ERROR_IO, s->peer.address, "check that the service runs and listens there", "connecting: %s",
                        uv_strerror(failed));
        connecting_failed(s, STREAM_END_CONNECT, &e);
        return;
    }
    stream_connected(s);
}

static void attempt_pipe(struct stream *s, struct bytes path)
{
    struct connecting *c = s->connecting;
    struct error e = { 0 };
    char text[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    (void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(path));
    if (!stream_open_handle(s, true, &e)) {
        remember(c, STREAM_END_CONNECT, &e);
        stream_finish(s, c->how, &c->error);
        return;
    }
    set_time(s);
    uv_pipe_connect(&c->request, &s->uv.pipe, text, connect_done);
}

static void attempt_tcp(struct stream *s, const struct sockaddr *address)
{
    struct connecting *c = s->connecting;
    struct error e = { 0 };
    if (!stream_open_handle(s, false, &e)) {
        remember(c, STREAM_END_CONNECT, &e);
        stream_finish(s, c->how, &c->error);
        return;
    }
    set_time(s);
    int failed = uv_tcp_connect(&c->request, &s->uv.tcp, address, connect_done);
    if (failed != 0) {
        (void)error_set(&e, ERROR_IO, s->peer.address, NULL, "connecting: %s", uv_strerror(failed));
        connecting_failed(s, STREAM_END_CONNECT, &e);
    }
}

static void resolve_done(uv_getaddrinfo_t *request, int failed, struct addrinfo *found)
{
    struct resolve *r = request->data;
    struct stream *s = r->stream;
    bool is_stale = r->is_stale;
    free(r);
    s->resolving--;
    if (is_stale || s->stage == STREAM_ENDED) {
        uv_freeaddrinfo(found);
        if (!is_stale) {
            s->connecting->resolve = NULL;
        }
        if (s->stage == STREAM_ENDED && !s->has_handle) {
            stream_closed(s);
        }
        return;
    }
    struct connecting *c = s->connecting;
    c->resolve = NULL;
    loop_timer_clear(&s->timer);
    if (failed != 0) {
        struct error e = { 0 };
        (void)error_set(&e, ERROR_IO, s->peer.address, "check the host name", "resolving the name: %s", uv_strerror(failed));
        remember(c, STREAM_END_RESOLVE, &e);
    } else {
        c->found = c->next_found = found;
    }
    attempt(s);
}

/* False: it failed at once. */
static bool resolve_start(struct stream *s, const char *host, const char *port, struct error *e)
{
    struct resolve *r = malloc(sizeof *r);
    if (r == NULL) {
        return error_memory(e, host);
    }
    *r = (struct resolve){ .stream = s };
    r->request.data = r;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    int failed = uv_getaddrinfo(loop_uv(s->loop), &r->request, resolve_done, host, port, &hints);
    if (failed != 0) {
        free(r);
        return error_set(e, ERROR_IO, host, "check the host name", "resolving the name: %s", uv_strerror(failed));
    }
    s->connecting->resolve = r;
    s->resolving++;
    set_time(s);
    return true;
}

/* ---- Addresses ---- */

static bool is_host(struct bytes host)
{
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alphanumeric && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    /* RFC 6761 6.4: names under "invalid" never resolve, so no server needs to be asked */
    return host.size > 0 && host.size < 256 && !bytes_end_with(host, BYTES(".invalid")) && !bytes_end_with(host, BYTES(".invalid."));
}

/* "host:port" or "[v6]:port". */
static bool split_address(struct bytes text, char host[256], char port[6])
{
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    struct bytes name = bytes_slice(text, 0, colon == 0 ? 0 : colon - 1), digits = bytes_slice(text, colon, text.size);
    uint64_t number = 0;
    if (!bytes_to_u64(digits, &number) || number == 0 || number > UINT16_MAX) {
        return false;
    }
    if (bytes_start_with(name, BYTES("[")) && bytes_end_with(name, BYTES("]"))) {
        name = bytes_slice(name, 1, name.size - 1);
        if (name.size == 0 || name.size > 45 || bytes_find(name, '%') < name.size) {
            return false;
        }
    } else if (!is_host(name)) {
        return false;
    }
    (void)snprintf(host, 256, "%.*s", BYTES_FMT(name));
    (void)snprintf(port, 6, "%u", (unsigned)number);
    return true;
}

static bool literal_address(const char *host, const char *port, struct sockaddr_storage *out)
{
    int number = (int)strtol(port, NULL, 10);
    return uv_ip4_addr(host, number, (struct sockaddr_in *)out) == 0 || uv_ip6_addr(host, number, (struct sockaddr_in6 *)out) == 0;
}

/* Begins with one address. False: it is no good, the next may be. */
static bool attempt_address(struct stream *s, struct bytes text, struct error *e)
{
    char host[256], port[6];
    struct sockaddr_storage literal;
    (void)snprintf(s->peer.address, sizeof s->peer.address, "%.*s", text.size < 63 ? (int)text.size : 63, (const char *)text.data);
    if (bytes_start_with(text, BYTES("unix:"))) {
        struct bytes path = bytes_slice(text, 5, text.size);
        if (path.size == 0 || path.size >= sizeof(((struct sockaddr_un *)NULL)->sun_path) || bytes_find(path, 0) < path.size) {
            return error_set(e, ERROR_INPUT, s->peer.address, "write unix:/path, of at most 107 bytes", "not an address");
        }
        attempt_pipe(s, path);
        return true;
    }
    if (!split_address(text, host, port)) {
        return error_set(e, ERROR_INPUT, s->peer.address, "write host:port, [v6]:port or unix:/path", "not an address");
    }
    if (literal_address(host, port, &literal)) {
        attempt_tcp(s, (const struct sockaddr *)&literal);
        return true;
    }
    if (strchr(host, ':') != NULL) {
        return error_set(e, ERROR_INPUT, s->peer.address, "write host:port, [v6]:port or unix:/path", "not an address");
    }
    return resolve_start(s, host, port, e);
}

/* No handle is open. Begins the next attempt, or ends the stream. */
static void attempt(struct stream *s)
{
    struct connecting *c = s->connecting;
    stream_tls_end(s);
    if (c->next_found != NULL && loop_now_ms(s->loop) < c->until_ms) {
        const struct sockaddr *address = c->next_found->ai_addr;
        c->next_found = c->next_found->ai_next;
        attempt_tcp(s, address);
        return;
    }
    if (c->found != NULL) {
        uv_freeaddrinfo(c->found);
        c->found = c->next_found = NULL;
    }
    while (c->next < c->count && loop_now_ms(s->loop) <= c->until_ms) {
        struct error e = { 0 };
        s->address_index = c->next++;
        if (attempt_address(s, c->addresses[s->address_index], &e)) {
            return;
        }
        remember(c, STREAM_END_RESOLVE, &e);
    }
    stream_finish(s, c->how, &c->error);
}

static struct connecting *connecting_make(const struct bytes *addresses, size_t count)
{
    size_t size = sizeof *addresses * count;
    for (size_t i = 0; i < count; i++) {
        size += addresses[i].size;
    }
    struct connecting *c = calloc(1, sizeof *c);
    struct bytes *list = malloc(size + 1);
    if (c == NULL || list == NULL) {
        free(c);
        free(list);
        return NULL;
    }
    uint8_t *text = (uint8_t *)(list + count);
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].size > 0) {
            memcpy(text, addresses[i].data, addresses[i].size);
        }
        list[i] = bytes_of(text, addresses[i].size);
        text += addresses[i].size;
    }
    c->addresses = list;
    c->count = count;
    c->how = STREAM_END_RESOLVE;
    return c;
}

bool stream_connect(struct stream **out, uv_loop_t *uv, const struct bytes *addresses, size_t address_count, struct tls *tls,
                    const uint8_t (*pins)[PIN_SIZE], size_t pin_count, struct bytes server_name, const struct net_limits *limits,
                    const struct stream_events *events, void *context, struct error *e)
{
    struct loop *loop = NULL;
    *out = NULL;
    if (address_count == 0 || address_count > 64) {
        return error_set(e, ERROR_INPUT, "addresses", "give 1 to 64 addresses", "%zu addresses", address_count);
    }
    if (!loop_retain(&loop, uv, e)) {
        return false;
    }
    struct stream *s = stream_make(loop, limits, events, context);
    if (s == NULL) {
        loop_release(loop, NULL, NULL);
        return error_memory(e, "connecting");
    }
    s->connecting = connecting_make(addresses, address_count);
    if (s->connecting == NULL || (tls != NULL && !stream_tls_make(s, tls, pins, pin_count, server_name, e))) {
        bool is_memory = s->connecting == NULL;
        stream_free(s);
        loop_release(loop, NULL, NULL);
        return is_memory ? error_memory(e, "connecting") : false;
    }
    s->connecting->until_ms = loop_now_ms(loop) + net_limits_complete(*limits).connect_ms;
    *out = s;
    attempt(s);
    return true;
}
