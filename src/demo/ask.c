#include "demo/ask.h"

#include <poll.h>
#include <stdio.h>

#include "base/time.h"
#include "demo/scene.h"

enum { ANSWER_MS = 30000, OWN_FIELDS = 3, FIELDS_MAX = 8 };

static bool get(unsigned port, const char *path, const char *client, const struct field *more, size_t count, struct client_answer **out,
                struct error *e)
{
    char address[64];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    const struct bytes where = bytes_of_text(address);
    const struct client_target target = { .protocol = PROTOCOL_HTTP1, .addresses = &where, .address_count = 1 };
    struct field fields[FIELDS_MAX] = { { BYTES("Accept"), BYTES("application/json") },
                                        { BYTES("X-Road-Client"), bytes_of_text(client) },
                                        { BYTES("Comity-Purpose"), BYTES(SCENE_PURPOSE) } };
    for (size_t i = 0; i < count && OWN_FIELDS + i < FIELDS_MAX; i++) {
        fields[OWN_FIELDS + i] = more[i];
    }
    const struct client_request request = { .method = BYTES("GET"),
                                            .target = bytes_of_text(path),
                                            .authority = where,
                                            .fields = fields,
                                            .field_count = client == NULL ? 1 : OWN_FIELDS + count };
    return client_fetch(&target, &request, ANSWER_MS, out, NULL, e);
}

static void take(const struct client_answer *answer, struct bytes name, char *out, size_t size)
{
    const struct field *field = fields_find(&answer->fields, name);
    (void)snprintf(out, size, "%.*s", BYTES_FMT(field == NULL ? BYTES_NONE : field->value));
}

bool ask(unsigned port, const char *path, const char *client, struct reply *out, struct error *e)
{
    return ask_with(port, path, client, NULL, 0, out, e);
}

bool ask_with(unsigned port, const char *path, const char *client, const struct field *more, size_t count, struct reply *out,
              struct error *e)
{
    struct client_answer *answer = NULL;
    struct bytes body;
    *out = (struct reply){ 0 };
    if (!get(port, path, client, more, count, &answer, e)) {
        return false;
    }
    out->status = answer->status;
    if (body_view(answer->body, &body)) {
        out->body = json_loadb((const char *)body.data, body.size, 0, NULL);
    }
    take(answer, BYTES("Comity-Reason"), out->reason, sizeof out->reason);
    take(answer, BYTES("X-Road-Error"), out->error, sizeof out->error);
    take(answer, BYTES("X-Road-Request-Id"), out->exchange, sizeof out->exchange);
    take(answer, BYTES("Comity-Released"), out->released, sizeof out->released);
    take(answer, BYTES("Comity-Withheld"), out->withheld, sizeof out->withheld);
    client_answer_free(answer);
    return true;
}

static int append_text(const char *data, size_t size, void *context)
{
    buffer_append(context, bytes_of(data, size));
    return 0;
}

/* Not json_dumps(): what it returns belongs to an allocator that the program may have replaced. */
void json_text(const json_t *json, struct buffer *out)
{
    if (json != NULL && json_dump_callback(json, append_text, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        out->failed = true;
    }
    if (buffer_room(out, 1) != NULL) {
        out->data[out->size] = '\0';
    }
}

void reply_clear(struct reply *reply)
{
    json_decref(reply->body);
    *reply = (struct reply){ 0 };
}

bool ask_until_there(unsigned port, const char *path, unsigned wanted, int timeout_ms, const char *log_path, struct error *e)
{
    uint64_t until_us = time_monotonic_us() + (uint64_t)timeout_ms * 1000;
    unsigned status = 0;
    while (time_monotonic_us() < until_us) {
        struct client_answer *answer = NULL;
        if (get(port, path, NULL, NULL, 0, &answer, e)) {
            status = answer->status;
            client_answer_free(answer);
            if (status == wanted) {
                return true;
            }
        }
        (void)poll(NULL, 0, 10);
    }
    return error_set(e, ERROR_IO, log_path, "read that file", "%s at port %u did not become ready (last status %u)", path, port, status);
}
