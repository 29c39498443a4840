/*
 * Idempotency-Key: the answer of the first request is that of each that repeats it, so that a client whose line was cut may ask again without
 * doing anything twice. A row is written before the work begins and filled with the answer after. One whose process ended in between is taken
 * over by the next that asks: its work may have been done, and what it does again meets its own effect (a state that is reached already).
 */
#include <stdio.h>
#include <string.h>

#include "api/rest_internal.h"

enum { KEY_BYTES_MAX = 128, STORED_BYTES_MAX = 1024 * 1024 };

struct stored {
    struct rest_call *call;
    const uint8_t *digest;
    bool is_there, is_other, is_own_process, failed;
    unsigned status;
};

static bool take_stored(void *context, const struct store_value *columns, size_t count)
{
    struct stored *s = context;
    (void)count;
    s->is_there = true;
    s->is_other = columns[0].bytes.size != SHA256_SIZE || memcmp(columns[0].bytes.data, s->digest, SHA256_SIZE) != 0;
    s->is_own_process = bytes_equal(columns[1].bytes, bytes_of(s->call->rest->process, sizeof s->call->rest->process));
    s->status = (unsigned)columns[2].integer;
    if (s->status != 0 && !s->is_other) {
        (void)snprintf(s->call->etag, sizeof s->call->etag, "%.*s", BYTES_FMT(columns[3].bytes));
        s->call->raw = columns[4].bytes.size == 0 ? NULL : body_of(columns[4].bytes);
        s->failed = columns[4].bytes.size > 0 && s->call->raw == NULL;
    }
    return true;
}

static bool find_key(struct rest_call *call, struct bytes *key, struct error *e)
{
    const struct field *field = fields_find(&call->request->fields, BYTES("Idempotency-Key"));
    *key = BYTES_NONE;
    if (field == NULL || strcmp(call->route->method, "GET") == 0) {
        return true;
    }
    bool ok = field->value.size > 0 && field->value.size <= KEY_BYTES_MAX &&
              fields_count(&call->request->fields, BYTES("Idempotency-Key")) == 1;
    for (size_t i = 0; i < field->value.size; i++) {
        ok = ok && field->value.data[i] > 0x20 && field->value.data[i] < 0x7f;
    }
    *key = field->value;
    return ok || rest_refuse(call, e, 400, "request.malformed", "header Idempotency-Key", "send a random UUID",
                             "must have 1 to %d printable characters", KEY_BYTES_MAX);
}

/* Of all that makes it the same request. */
static void digest_request(struct rest_call *call, uint8_t out[SHA256_SIZE])
{
    struct bytes body = BYTES_NONE;
    (void)body_view(call->request->body, &body); /* read_body() has looked already */
    const struct bytes parts[] = {
        call->request->method, BYTES("\n"), call->request->target, BYTES("\n"), call->subject, BYTES("\n"), body
    };
    sha256_parts(parts, COUNT_OF(parts), out);
}

static bool forget_old(struct rest_call *call, struct error *e)
{
    static const char sql[] = "DELETE FROM api_requests WHERE created_at < ?1";
    const struct store_value value = STORE_INT(call->now_ms - call->settings->config->idempotency_ms);
    return store_run(call->rest->options.store, sql, &value, 1, NULL, NULL, NULL, e);
}

bool rest_idempotency_begin(struct rest_call *call, bool *is_done, struct error *e)
{
    static const char find[] = "SELECT digest, process, status, etag, body FROM api_requests WHERE principal = ?1 AND key = ?2";
    static const char put[] = "INSERT INTO api_requests (principal, key, digest, process, status, etag, body, created_at)"
                              " VALUES (?1, ?2, ?3, ?4, 0, '', '', ?5)"
                              " ON CONFLICT (principal, key) DO UPDATE SET process = ?4, created_at = ?5";
    struct store *store = call->rest->options.store;
    uint8_t digest[SHA256_SIZE];
    struct bytes key;
    struct stored s = { .call = call, .digest = digest };
    *is_done = false;
    if (!find_key(call, &key, e) || key.size == 0) {
        return key.size == 0 && e->kind == ERROR_NONE;
    }
    digest_request(call, digest);
    const struct store_value values[] = { STORE_BIN(bytes_of(call->principal.digest, SHA256_SIZE)), STORE_STR(key),
                                          STORE_BIN(bytes_of(digest, sizeof digest)),
                                          STORE_BIN(bytes_of(call->rest->process, sizeof call->rest->process)), STORE_INT(call->now_ms) };
    if (!store_begin(store, e)) {
        return false;
    }
    bool ok = forget_old(call, e) && store_run(store, find, values, 2, take_stored, &s, NULL, e) &&
              (!s.failed || error_memory(e, "answer"));
    if (ok && s.is_other) {
        ok = rest_refuse(call, e, 422, "request.key_reused", "header Idempotency-Key", "use a new key for a new request",
                         "this key came with another request before");
    } else if (ok && s.is_there && s.status == 0 && s.is_own_process) {
        ok = rest_refuse(call, e, 409, "request.under_way", "header Idempotency-Key", "ask again in a moment",
                         "the first request with this key runs still");
    } else if (ok && s.status != 0) {
        *is_done = true;
        call->is_replay = true;
        call->status = s.status;
    } else if (ok) {
        call->is_keyed = store_run(store, put, values, COUNT_OF(values), NULL, NULL, NULL, e);
        ok = call->is_keyed;
    }
    if (!ok) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

static bool write_end(struct rest_call *call, const char *sql, const struct store_value *more, size_t count, struct error *e)
{
    const struct field *field = fields_find(&call->request->fields, BYTES("Idempotency-Key"));
    struct store_value values[8] = { STORE_BIN(bytes_of(call->principal.digest, SHA256_SIZE)), STORE_STR(field->value) };
    for (size_t i = 0; i < count; i++) {
        values[2 + i] = more[i];
    }
    call->is_keyed = false;
    return store_run(call->rest->options.store, sql, values, 2 + count, NULL, NULL, NULL, e);
}

bool rest_idempotency_end(struct rest_call *call, struct bytes body, struct error *e)
{
    static const char sql[] = "UPDATE api_requests SET status = ?3, etag = ?4, body = ?5 WHERE principal = ?1 AND key = ?2";
    if (!call->is_keyed) {
        return true;
    }
    if (body.size > STORED_BYTES_MAX) {
        rest_idempotency_abandon(call);
        return true;
    }
    const struct store_value more[] = { STORE_INT(call->status), STORE_STR(bytes_of_text(call->etag)), STORE_STR(body) };
    return write_end(call, sql, more, COUNT_OF(more), e);
}

/* A refusal is not kept: whoever mends what was wrong may use the key again. */
void rest_idempotency_abandon(struct rest_call *call)
{
    static const char sql[] = "DELETE FROM api_requests WHERE principal = ?1 AND key = ?2";
    struct error ignored;
    if (call->is_keyed && !write_end(call, sql, NULL, 0, &ignored)) {
        return; /* it stays unfinished, and goes with the others that are old */
    }
}
