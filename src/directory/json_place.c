#include "directory/json_place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/time.h"

#define JSON_TIME_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* From the outermost in; cut when it doesn't fit, which codes of 255 bytes never make happen: places hold only our own keys. */
size_t json_place_write(const struct json_place *at, bool as_pointer, char *out, size_t size)
{
    if (at == NULL) {
        out[0] = '\0';
        return 0;
    }
    size_t used = json_place_write(at->above, as_pointer, out, size);
    const char *before_key = as_pointer ? "/" : used == 0 ? "" : ".";
    int more = at->key == NULL ? snprintf(out + used, size - used, as_pointer ? "/%zu" : "[%zu]", at->index)
                               : snprintf(out + used, size - used, "%s%s", before_key, at->key);
    return more < 0 || (size_t)more >= size - used ? size - 1 : used + (size_t)more;
}

bool json_refuse(const struct json_source *s, const struct json_place *at, const char *todo, const char *what, ...)
{
    struct error made;
    char place[96];
    char where[192];
    char text[sizeof made.what];
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    (void)json_place_write(at, s->writes_pointers, place, sizeof place);
    /* A long path is cut in front: its end and the place are what the reader needs. */
    size_t room = sizeof made.where - sizeof place;
    size_t size = strlen(s->where);
    const char *source = size > room - 4 ? s->where + size - (room - 4) : s->where;
    (void)snprintf(where, sizeof where, "%s%s%s", source, place[0] == '\0' ? "" : ": ", place);
    return error_set(s->e, ERROR_INPUT, where, todo, "%s", text);
}

bool json_no_memory(const struct json_source *s)
{
    return error_memory(s->e, s->where);
}

static bool is_known(const char *key, const char *const *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool json_check_object(const struct json_source *s, const struct json_place *at, const json_t *value, const char *const *keys,
                       size_t key_count)
{
    if (!json_is_object(value)) {
        return json_refuse(s, at, NULL, "must be an object");
    }
    const char *key;
    json_t *unused;
    json_object_foreach((json_t *)value, key, unused)
    {
        if (!is_known(key, keys, key_count)) {
            /* Not quoted whole: what stands there may be anything. */
            return json_refuse(s, at, "remove it, or use a newer comity", "has the unknown key \"%.40s\"", key);
        }
    }
    return true;
}

static struct json_place inside(const struct json_place *at, const char *key)
{
    return (struct json_place){ .above = at, .key = key };
}

/* NULL when it is absent; `*ok` tells whether it may be. */
static const json_t *get(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                         enum json_presence presence, bool *ok)
{
    const json_t *value = json_object_get(object, key);
    *ok = true;
    if (value == NULL && presence == JSON_REQUIRED) {
        struct json_place place = inside(at, key);
        *ok = json_refuse(s, &place, "add it", "is missing");
    }
    return presence == JSON_NULLABLE && json_is_null(value) ? NULL : value;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && i + 1 < text.size && text.data[i + 1] < 0xA0)) {
            return true;
        }
    }
    return false;
}

bool json_read_text(const struct json_source *s, const struct json_place *at, const json_t *value, size_t size_max, struct bytes *out)
{
    if (!json_is_string(value)) {
        return json_refuse(s, at, NULL, "must be a string");
    }
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));
    if (text.size == 0) {
        return json_refuse(s, at, NULL, "is empty");
    }
    if (text.size > size_max) {
        return json_refuse(s, at, "shorten it", "is longer than %zu bytes", size_max);
    }
    if (has_control(text)) {
        return json_refuse(s, at, "remove it", "has a control character");
    }
    *out = arena_copy(s->memory, text);
    return out->data != NULL || json_no_memory(s);
}

bool json_get_text(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                   enum json_presence presence, size_t size_max, struct bytes *out)
{
    bool ok;
    struct json_place place = inside(at, key);
    const json_t *value = get(s, at, object, key, presence, &ok);
    if (value == NULL) {
        *out = BYTES("");
        return ok;
    }
    return json_read_text(s, &place, value, size_max, out);
}

bool json_get_number(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, uint64_t least,
                     uint64_t most, uint64_t *out)
{
    bool ok;
    struct json_place place = inside(at, key);
    const json_t *value = get(s, at, object, key, JSON_REQUIRED, &ok);
    if (value == NULL) {
        return ok;
    }
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || (uint64_t)number < least || (uint64_t)number > most) {
        return json_refuse(s, &place, NULL, "must be a whole number from %" PRIu64 " to %" PRIu64, least, most);
    }
    *out = (uint64_t)number;
    return true;
}

bool json_get_flag(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *out)
{
    struct json_place place = inside(at, key);
    const json_t *value = json_object_get(object, key);
    *out = false;
    if (value != NULL && !json_is_boolean(value)) {
        return json_refuse(s, &place, NULL, "must be true or false");
    }
    *out = json_is_true(value);
    return true;
}

bool json_get_time(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, int64_t *time_ms)
{
    bool ok;
    struct json_place place = inside(at, key);
    const json_t *value = get(s, at, object, key, JSON_REQUIRED, &ok);
    if (value == NULL) {
        return ok;
    }
    struct bytes text = json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
    if (!time_parse(text, time_ms) || *time_ms < 0 || *time_ms > JSON_TIME_MS_MAX) {
        return json_refuse(s, &place, "write it like 2027-03-01T00:00:00Z", "must be an RFC 3339 time from 1970 to 9999");
    }
    return true;
}

bool json_get_array(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                    enum json_presence presence, size_t least, size_t most, const json_t **array, size_t *count)
{
    bool ok;
    struct json_place place = inside(at, key);
    *count = 0;
    *array = get(s, at, object, key, presence, &ok);
    if (*array == NULL) {
        return ok;
    }
    if (!json_is_array(*array)) {
        return json_refuse(s, &place, NULL, "must be an array");
    }
    *count = json_array_size(*array);
    if (*count < least || *count > most) {
        return json_refuse(s, &place, NULL, "must have %zu to %zu elements, and has %zu", least, most, *count);
    }
    return true;
}

void *json_take(const struct json_source *s, size_t count, size_t element_size)
{
    void *taken = count > SIZE_MAX / 2 / element_size ? NULL : arena_take_zeroed(s->memory, count * element_size);
    if (taken == NULL) {
        (void)json_no_memory(s);
    }
    return taken;
}
