#include "cli/asking.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/value.h"
#include "crypto/hash.h"

enum { VALUES_MAX = 64, EVIDENCE_BYTES_MAX = 256 * 1024 * 1024 };

bool asking_put_secret(const struct call *call, const char *option, const char *key, json_t *request, struct error *e)
{
    struct buffer secret;
    buffer_init(&secret, PERSON_BYTES_MAX);
    bool ok = person_read(call_value(call, option), &secret, e);
    if (ok && json_object_set_new(request, key, json_stringn((const char *)secret.data, secret.size)) != 0) {
        ok = error_set(e, ERROR_INPUT, key, "write it in UTF-8", "can't be read");
    }
    buffer_wipe(&secret);
    return ok;
}

bool asking_put_text(const struct call *call, const char *option, const char *key, json_t *request, struct error *e)
{
    const char *value = call_value(call, option);
    return value == NULL || json_object_set_new(request, key, json_string(value)) == 0 ||
           error_set(e, ERROR_INPUT, option, "write it in UTF-8", "can't be read");
}

bool asking_put_list(const struct call *call, const char *option, const char *key, json_t *request, struct error *e)
{
    const char *values[VALUES_MAX];
    size_t count = call_values(call, option, values, COUNT_OF(values));
    if (count == 0) {
        return true;
    }
    if (count > VALUES_MAX) {
        return error_set(e, ERROR_INPUT, option, NULL, "more than %d", VALUES_MAX);
    }
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        if (json_array_append_new(list, json_string(values[i])) != 0) {
            json_decref(list);
            return error_set(e, ERROR_INPUT, option, "write it in UTF-8", "can't be read");
        }
    }
    return json_object_set_new(request, key, list) == 0 || error_memory(e, option);
}

bool asking_put_digest(const struct call *call, const char *option, const char *key, json_t *request, struct error *e)
{
    const char *value = call_value(call, option);
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1] = "";
    struct buffer text;
    if (value == NULL || value[0] != '@') {
        return asking_put_text(call, option, key, request, e);
    }
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    bool ok = file_read_whole(value + 1, &text, e);
    if (ok) {
        sha256(buffer_bytes(&text), digest);
        hex_write(bytes_of(digest, sizeof digest), hex);
        ok = json_object_set_new(request, key, json_string(hex)) == 0 || error_memory(e, option);
    }
    buffer_wipe(&text);
    return ok;
}

bool asking_put_until(const struct call *call, const char *option, const char *key, json_t *request, struct error *e)
{
    int64_t until_ms = 0;
    char text[TIME_TEXT_SIZE], where[COMMAND_NAME_SIZE];
    const char *until = call_value(call, option);
    if (until == NULL) {
        return true;
    }
    (void)snprintf(where, sizeof where, "--%s", option);
    return until_parse(until, where, time_now_ms(), &until_ms, e) &&
           (json_object_set_new(request, key, json_string(time_text(until_ms, text))) == 0 || error_memory(e, where));
}

bool asking_put_act(const struct call *call, json_t *request, struct error *e)
{
    return asking_put_text(call, "by", "by", request, e) &&
           (!call_is_given(call, "by-ref") || asking_put_secret(call, "by-ref", "by_ref", request, e)) &&
           asking_put_digest(call, "evidence", "evidence", request, e) && asking_put_text(call, "method", "method", request, e) &&
           asking_put_text(call, "language", "language", request, e) && asking_put_text(call, "assurance", "assurance", request, e);
}

json_t *asking_ask(const struct call *call, const struct question *question, const json_t *request, int *end)
{
    struct place place = { 0 };
    struct error e = { 0 };
    json_t *answer = NULL;
    if (!place_open(&place, call->folder, &e)) {
        *end = call_fail(call, &e);
    } else if (!question_ask(call, &place, question, request, &answer, end)) {
        answer = NULL;
    }
    place_close(&place);
    return answer;
}

int asking_fail(const struct call *call, json_t *request, const struct error *e)
{
    struct error none = { 0 };
    if (request == NULL) {
        (void)error_memory(&none, "request");
    }
    json_decref(request);
    return call_fail(call, request == NULL ? &none : e);
}

int asking_change(const struct call *call, const struct question *question, json_t *request, const char *done, const char *unchanged)
{
    int end = COMMAND_NOT_TRIED;
    json_t *answer = asking_ask(call, question, request, &end);
    json_decref(request);
    if (answer == NULL) {
        return end;
    }
    if (call->is_json) {
        return output_json(answer) ? COMMAND_DONE : COMMAND_NOT_TRIED;
    }
    const char *id = json_string_value(json_object_get(answer, "id"));
    const json_t *index = json_object_get(answer, "log_index");
    int written;
    if (!json_is_true(json_object_get(answer, "changed"))) {
        written = printf("%s\n", unchanged);
    } else if (json_is_integer(index)) {
        written = printf("%s%s%s, entry %lld of the log\n", id != NULL ? id : "", id != NULL ? "  " : "", done, json_integer_value(index));
    } else {
        written = printf("%s\n", done);
    }
    json_decref(answer);
    return written > 0 ? COMMAND_DONE : COMMAND_NOT_TRIED;
}

const char *asking_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "-" : text;
}

bool asking_is_id(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && text[size] == '\0' && size < CONSENT_ID_SIZE;
}
