/* One submission to one witness (C2SP tlog-witness 1.0.0), and every answer that witnesses were met with in the field. */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "evidence/cosignature.h"
#include "evidence/merkle.h"
#include "evidence/tile_nodes.h"
#include "witness/cosigner_internal.h"
#include "witness/submission.h"

enum { SIZE_ANSWER_BYTES_MAX = 32 };

/* The path from `old_size` to the round's size, from our own tiles and checked: a witness that refuses it has seen another past. */
static bool prove(struct cosigning *c, uint64_t old_size, uint8_t (*path)[SHA256_SIZE], size_t *count, struct error *e)
{
    struct cosigner *all = c->cosigner;
    uint8_t old_root[SHA256_SIZE];
    *count = 0;
    if (old_size == 0 || old_size == all->size) {
        return true;
    }
    struct tile_nodes nodes = { .fetch = tile_fetch_disk, .context = all->options.public, .size = all->size, .e = e };
    (void)error_set(e, ERROR_INPUT, "tile", "run comity log verify", "no path from size %llu to %llu", (unsigned long long)old_size,
                    (unsigned long long)all->size);
    bool ok = merkle_prove_consistency(0, old_size, all->size, tile_nodes_read, &nodes, path, count) &&
              merkle_subtree_root(0, old_size, tile_nodes_read, &nodes, old_root);
    tile_nodes_clear(&nodes);
    if (!ok) {
        return false;
    }
    return merkle_verify_consistency(old_size, all->size, old_root, all->root, (const uint8_t(*)[SHA256_SIZE])path, *count) ||
           error_set(e, ERROR_INPUT, "tile", "run comity log verify, which names the damaged file",
                     "the tiles do not lead to the published checkpoint");
}

static void again(struct cosigning *c)
{
    c->resyncs++;
    if (c->resyncs > COSIGNER_RESYNCS_MAX) {
        cosigner_failed(c, "it answers 409 again and again", NULL);
        return;
    }
    cosigning_call(c);
}

static void take_signature(struct cosigning *c, struct bytes lines)
{
    struct cosigner *all = c->cosigner;
    struct error e = { 0 };
    buffer_reset(&c->line);
    if (!cosignature_take(all->text, lines, &c->witness->key, &c->line, &c->time_s, "answer", &e)) {
        buffer_reset(&c->line);
        cosigner_failed(c, "its answer is no cosignature", e.what);
        return;
    }
    if (c->time_s > (uint64_t)(time_now_ms() / 1000) + COSIGNER_AHEAD_MAX_S) {
        buffer_reset(&c->line);
        cosigner_failed(c, "its cosignature is of the future", "compare the clocks");
        return;
    }
    c->known_size = all->size;
    c->is_known = true;
    cosigner_signed(c);
}

/* A 409: whoever sends the size that it knows (text/x.tlog.size) is asked again from there; some send nothing when the root is another. */
static void take_conflict(struct cosigning *c, struct bytes body)
{
    struct cosigner *all = c->cosigner;
    uint64_t size = 0;
    bool has_size = body.size > 1 && body.size <= SIZE_ANSWER_BYTES_MAX && body.data[body.size - 1] == '\n' &&
                    bytes_to_u64(bytes_slice(body, 0, body.size - 1), &size);
    if (!has_size) {
        if (c->is_known && c->old_size == all->size && body.size == 0) {
            cosigner_deny_unless_shown(c, all->size, true);
        } else {
            cosigner_failed(c, "it answers 409 without a size", NULL);
        }
        return;
    }
    if (size > all->options.log_size(all->options.context)) {
        cosigner_deny_unless_shown(c, size, false);
        return;
    }
    c->is_known = true;
    c->known_size = size;
    if (size > all->size) {
        cosigner_failed(c, "it knows a checkpoint that is not published yet", NULL);
        return;
    }
    again(c);
}

static void take_answer(struct cosigning *c, struct client_answer *answer)
{
    struct bytes body = BYTES_NONE;
    char status[16];
    if (!body_view(answer->body, &body)) {
        cosigner_failed(c, "its answer is too large", NULL);
        return;
    }
    (void)snprintf(status, sizeof status, "%u", answer->status);
    switch (answer->status) {
    case 200:
        take_signature(c, body);
        break;
    case 403: /* some say 403 for a log that they do not know */
    case 404:
        cosigner_failed(c, "it does not know our log", status);
        break;
    case 409:
        take_conflict(c, body);
        break;
    case 422:
        cosigner_deny_unless_shown(c, c->old_size, true);
        break;
    default:
        cosigner_failed(c, "it answers with another status", status);
        break;
    }
}

static void done(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct cosigning *c = context;
    c->call = NULL;
    body_free(c->body);
    c->body = NULL;
    if (answer != NULL) {
        take_answer(c, answer);
        client_answer_free(answer);
    } else if (failure == CLIENT_FAILURE_TOO_LARGE) {
        cosigner_failed(c, "its answer is too large", NULL);
    } else {
        cosigner_failed(c, "it can't be reached", e == NULL ? NULL : e->what);
    }
}

/* As to a gateway when the directory lists the address, else as to anybody. */
bool cosigning_send(struct cosigning *c, struct bytes method, const char *path, struct body *body, uint64_t answer_bytes_max,
                    client_done *when_done, struct error *e)
{
    struct cosigner *all = c->cosigner;
    struct cosigner_peer peer = { 0 };
    struct bytes address = bytes_of_text(c->url.address);
    char target[URL_PATH_SIZE + 128];
    c->is_peer = c->url.is_tls && all->options.find_peer != NULL && all->options.find_peer(all->options.context, address, &peer);
    if (c->url.is_tls && !c->is_peer && all->tls == NULL) {
        *e = all->tls_fault;
        return false;
    }
    (void)snprintf(target, sizeof target, "%s%s", c->url.prefix, path);
    const struct client_target where = {
        .protocol = c->is_peer ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1,
        .addresses = &address,
        .address_count = 1,
        .tls = c->is_peer      ? peer.tls
               : c->url.is_tls ? all->tls
                               : NULL,
        .pins = (const uint8_t(*)[PIN_SIZE])peer.pins,
        .pin_count = peer.pin_count,
        .server_name = bytes_of_text(c->url.host),
    };
    const struct field fields[] = { { BYTES("Content-Type"), BYTES("text/plain; charset=utf-8") } };
    const struct client_request request = {
        .method = method,
        .target = bytes_of_text(target),
        .authority = bytes_of_text(c->url.authority),
        .fields = fields,
        .field_count = body == NULL ? 0 : COUNT_OF(fields),
        .body = body,
        .read_stall_ms = all->options.call_ms,
        .answer_bytes_max = answer_bytes_max,
    };
    bool ok = client_call(&c->call, all->client, &where, &request, when_done, c, e);
    if (c->is_peer) {
        all->options.release_peer(all->options.context, &peer);
    }
    return ok;
}

void cosigning_call(struct cosigning *c)
{
    struct cosigner *all = c->cosigner;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    struct buffer body;
    struct error e = { 0 };
    c->state = COSIGNING_CALLING;
    c->old_size = c->known_size;
    c->deadline_us = time_monotonic_us() + (uint64_t)all->options.call_ms * 1000;
    buffer_init(&body, SUBMISSION_BYTES_MAX);
    if (!prove(c, c->old_size, path, &count, &e)) {
        cosigner_failed(c, "our own tiles do not prove the past", e.what);
        goto done;
    }
    submission_write(&body, c->old_size, (const uint8_t(*)[SHA256_SIZE])path, count, buffer_bytes(&all->note));
    c->body = body.failed ? NULL : body_of(buffer_bytes(&body));
    if (c->body == NULL) {
        cosigner_failed(c, "memory is out", NULL);
        goto done;
    }
    if (!cosigning_send(c, BYTES("POST"), "/add-checkpoint", c->body, COSIGNATURE_LINES_BYTES_MAX, done, &e)) {
        body_free(c->body);
        c->body = NULL;
        cosigner_failed(c, "it can't be called", e.what);
    }
done:
    buffer_clear(&body);
}

void cosigning_give_up(struct cosigning *c)
{
    if (c->call != NULL) {
        client_cancel(c->call);
        c->call = NULL;
    }
    body_free(c->body);
    c->body = NULL;
    if (c->is_asked_to_show) {
        cosigner_show_nothing(c);
        return;
    }
    cosigner_failed(c, "it takes too long", NULL);
}
