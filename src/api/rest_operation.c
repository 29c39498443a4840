/* Operations of operation.h as handlers of the REST API: the request made, the answer's names as this API writes them. */
#include "api/rest_handlers_internal.h"
#include "interchange/json_make.h"

enum { NAME_BYTES_MAX = 64 };

/* "due_at" as "dueAt". Of all objects in it. */
static json_t *in_camels(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach((json_t *)value, i, member)
        {
            if (!json_list_add(list, in_camels(member))) {
                json_decref(list);
                return NULL;
            }
        }
        return list;
    }
    if (!json_is_object(value)) {
        return json_incref((json_t *)value);
    }
    json_t *object = json_object();
    json_object_foreach((json_t *)value, key, member)
    {
        char name[NAME_BYTES_MAX];
        size_t size = 0;
        for (const char *at = key; *at != '\0' && size + 1 < sizeof name; at++) {
            bool is_hump = *at == '_' && at[1] >= 'a' && at[1] <= 'z';
            at += is_hump;
            name[size++] = is_hump ? (char)(*at - 'a' + 'A') : *at;
        }
        name[size] = '\0';
        if (json_object_set_new(object, name, in_camels(member)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

bool rest_run(struct rest_call *call, operation *what, json_t *request, struct error *e)
{
    bool ok = request != NULL ? what(&call->rest->options.operations, request, &call->answer, e) : error_memory(e, "request");
    json_decref(request);
    if (!ok) {
        return false;
    }
    json_t *answer = in_camels(call->answer);
    json_decref(call->answer);
    call->answer = answer;
    return answer != NULL || error_memory(e, "answer");
}

bool rest_set(json_t *object, const char *key, struct bytes value)
{
    return value.size == 0 || json_object_set_new(object, key, json_from_bytes(value)) == 0;
}

struct bytes rest_asked_by(const struct rest_call *call)
{
    return call->subject_role.size > 0 ? call->subject_role : call->principal.name;
}

bool rest_redact(struct rest_call *call, const char *list, const char *const *names, size_t count, struct error *e)
{
    json_t *rows = json_object_get(call->answer, list), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        for (size_t j = 0; j < count; j++) {
            if (json_object_get(row, names[j]) != NULL && json_object_set_new(row, names[j], json_null()) != 0) {
                return error_memory(e, "answer");
            }
        }
    }
    return true;
}

bool rest_take_row(struct rest_call *call, const char *list)
{
    json_t *row = json_incref(json_array_get(json_object_get(call->answer, list), 0));
    if (row != NULL) {
        json_decref(call->answer);
        call->answer = row;
    }
    return row != NULL;
}

json_t *rest_request_of_body(const struct rest_call *call)
{
    json_t *request = json_object(), *member;
    const char *key;
    bool ok = request != NULL && rest_set(request, "by", rest_asked_by(call));
    json_object_foreach(call->body, key, member)
    {
        char name[NAME_BYTES_MAX];
        size_t size = 0;
        for (const char *at = key; *at != '\0' && size + 2 < sizeof name; at++) {
            bool is_hump = *at >= 'A' && *at <= 'Z';
            if (is_hump) {
                name[size++] = '_';
            }
            name[size++] = is_hump ? (char)(*at - 'A' + 'a') : *at;
        }
        name[size] = '\0';
        ok = ok && json_object_set(request, name, member) == 0;
    }
    if (!ok) {
        json_decref(request);
        return NULL;
    }
    return request;
}
