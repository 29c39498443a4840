#include "cli/control_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "net/client.h"

/* Erasing and pruning read the whole log, and are answered when they are done; a part of an import takes its time on a slow disk. */
enum { CALL_TIMEOUT_MS = 30000, LONG_CALL_TIMEOUT_MS = 3600 * 1000, CALL_BYTES_MAX = 8 * 1024 * 1024, ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

static int append(const char *data, size_t size, void *context)
{
    struct buffer *out = context;
    buffer_append(out, bytes_of(data, size));
    return out->failed ? -1 : 0;
}

static bool make_body(const json_t *value, struct body **out, struct error *e)
{
    struct buffer text;
    *out = NULL;
    if (value == NULL) {
        return true;
    }
    buffer_init(&text, CALL_BYTES_MAX);
    if (json_dump_callback(value, append, &text, JSON_COMPACT) == 0 && !text.failed) {
        *out = body_of(buffer_bytes(&text));
    }
    buffer_wipe(&text); /* it may name a person */
    return *out != NULL || error_memory(e, "control");
}

static bool read_answer(const struct client_answer *answer, json_t **out, struct error *e)
{
    uint64_t size = body_size(answer->body);
    struct buffer text;
    json_error_t fault;
    size_t got = 0;
    *out = NULL;
    buffer_init(&text, ANSWER_BYTES_MAX);
    uint8_t *room = buffer_room(&text, (size_t)size);
    if (room == NULL) {
        return error_memory(e, "control");
    }
    bool ok = body_read(answer->body, 0, room, (size_t)size, &got, e);
    buffer_added(&text, got);
    if (ok) {
        *out = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
        ok = *out != NULL || error_set(e, ERROR_IO, "control socket", "is it this gateway's?", "what came back is not JSON");
    }
    buffer_wipe(&text);
    return ok;
}

/* A problem (RFC 9457) back into an error. */
static void error_of_problem(unsigned status, const json_t *problem, struct error *e)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    enum error_kind kind = status == 404 ? ERROR_ABSENT : status == 409 ? ERROR_DENIED : status < 500 ? ERROR_INPUT : ERROR_IO;
    error_set(e, kind, "", NULL, "%s", detail != NULL ? detail : "the gateway gave no reason");
}

enum control_outcome control_call(const struct gateway_config *config, const char *method, const char *target, const json_t *body,
                                  json_t **answer, struct error *e)
{
    enum control_outcome outcome = CONTROL_FAILED;
    enum client_failure failure = CLIENT_FAILURE_NONE;
    struct client_answer *received = NULL;
    struct body *sent = NULL;
    json_t *value = NULL;
    struct stat state;
    char address[256];
    if (answer != NULL) {
        *answer = NULL;
    }
    if (stat(config->control_path, &state) != 0) {
        return CONTROL_NOT_RUNNING;
    }
    (void)snprintf(address, sizeof address, "unix:%s", config->control_path); /* fits: at most 107 bytes, by gateway_config_load() */
    if (!make_body(body, &sent, e)) {
        return CONTROL_FAILED;
    }
    const struct bytes addresses[] = { bytes_of_text(address) };
    const struct field fields[] = { { BYTES("Content-Type"), BYTES("application/json") } };
    const struct client_target to = { .protocol = PROTOCOL_HTTP1, .addresses = addresses, .address_count = 1 };
    const struct client_request request = {
        .method = bytes_of_text(method),
        .target = bytes_of_text(target),
        .authority = BYTES("control"),
        .fields = fields,
        .field_count = body == NULL ? 0 : COUNT_OF(fields),
        .body = sent,
        .answer_bytes_max = ANSWER_BYTES_MAX,
    };
    bool is_long = strcmp(target, "/v1/erasures") == 0 || strcmp(target, "/v1/prunings") == 0 || strcmp(target, "/v1/consents/import") == 0;
    if (!client_fetch(&to, &request, is_long ? LONG_CALL_TIMEOUT_MS : CALL_TIMEOUT_MS, &received, &failure, e)) {
        outcome = failure == CLIENT_FAILURE_CONNECT || failure == CLIENT_FAILURE_RESOLVE ? CONTROL_NOT_RUNNING : CONTROL_FAILED;
        goto done;
    }
    if (!read_answer(received, &value, e)) {
        goto done;
    }
    if (received->status < 200 || received->status > 299) {
        error_of_problem(received->status, value, e);
        goto done;
    }
    outcome = CONTROL_DONE;
    if (answer != NULL) {
        *answer = value;
        value = NULL;
    }
done:
    json_decref(value);
    client_answer_free(received);
    body_free(sent);
    return outcome;
}
