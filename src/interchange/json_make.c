#include "interchange/json_make.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/time.h"

static const uint64_t whole_max = 9007199254740991; /* 2^53 - 1: RFC 7493 2.2 */

struct json_maker json_make(void)
{
    json_t *object = json_object();
    return (struct json_maker){ .object = object, .failed = object == NULL };
}

void json_make_value(struct json_maker *m, const char *key, json_t *value)
{
    if (m->failed) {
        json_decref(value);
        return;
    }
    m->failed = json_object_set_new(m->object, key, value) != 0; /* NULL too */
}

json_t *json_from_bytes(struct bytes text)
{
    return json_stringn(text.size == 0 ? "" : (const char *)text.data, text.size);
}

json_t *json_from_time(int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    (void)time_text(time_ms, text);
    enum { WHOLE_SECONDS = 19 };
    char whole[WHOLE_SECONDS + 2];
    (void)snprintf(whole, sizeof whole, "%.*sZ", WHOLE_SECONDS, text);
    return json_string(whole);
}

json_t *json_of_period(struct period period)
{
    char text[PERIOD_TEXT_SIZE];
    return json_string(period_text(period, text));
}

bool json_list_add(json_t *list, json_t *value)
{
    return list != NULL && value != NULL ? json_array_append_new(list, value) == 0 : (json_decref(value), false);
}

json_t *json_of_list(const struct notice_list *list)
{
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < list->count; i++) {
        if (!json_list_add(made, json_from_bytes(list->items[i]))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

json_t *json_of_texts(const struct notice_texts *texts)
{
    struct json_maker m = json_make();
    for (size_t i = 0; i < texts->count; i++) {
        char language[64];
        (void)snprintf(language, sizeof language, "%.*s", BYTES_FMT(texts->items[i].language));
        json_make_bytes(&m, language, texts->items[i].text);
    }
    return json_made(&m);
}

void json_make_text(struct json_maker *m, const char *key, const char *text)
{
    json_make_value(m, key, json_string(text));
}

void json_make_bytes(struct json_maker *m, const char *key, struct bytes text)
{
    json_make_value(m, key, json_from_bytes(text));
}

void json_make_bytes_if_any(struct json_maker *m, const char *key, struct bytes text)
{
    if (text.size > 0) {
        json_make_bytes(m, key, text);
    }
}

void json_make_bytes_or_null(struct json_maker *m, const char *key, struct bytes text)
{
    json_make_value(m, key, text.size > 0 ? json_from_bytes(text) : json_null());
}

void json_make_number(struct json_maker *m, const char *key, uint64_t number)
{
    json_make_value(m, key, number <= whole_max ? json_integer((json_int_t)number) : NULL);
}

void json_make_bool(struct json_maker *m, const char *key, bool value)
{
    json_make_value(m, key, json_boolean(value));
}

void json_make_time(struct json_maker *m, const char *key, int64_t time_ms)
{
    json_make_value(m, key, json_from_time(time_ms));
}

void json_make_digest(struct json_maker *m, const char *key, const uint8_t digest[SHA256_SIZE])
{
    char text[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(digest, SHA256_SIZE), text);
    json_make_text(m, key, text);
}

json_t *json_made(struct json_maker *m)
{
    json_t *made = m->object;
    m->object = NULL;
    if (m->failed) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static json_t *frequency_of(const struct use_limits *use)
{
    if (use->max == 0 && use->total == 0) {
        return json_null();
    }
    struct json_maker m = json_make();
    if (use->max > 0) {
        json_make_number(&m, "max", use->max);
        json_make_value(&m, "per", json_of_period(use->per));
    } else {
        json_make_value(&m, "max", json_null());
        json_make_value(&m, "per", json_null());
    }
    json_make_value(&m, "total", use->total > 0 ? json_integer((json_int_t)use->total) : json_null());
    return json_made(&m);
}

void json_make_limits(struct json_maker *m, const struct use_limits *use)
{
    struct json_maker range = json_make();
    json_make_value(&range, "from", use->has_from ? json_from_time(use->range_from_ms) : json_null());
    json_make_value(&range, "to", use->has_to ? json_from_time(use->range_to_ms) : json_null());
    json_make_text(m, "mode", use_mode_name(use->mode));
    json_make_text(m, "fetch", use_fetch_name(use->fetch));
    json_make_value(m, "frequency", frequency_of(use));
    json_make_value(m, "dataRange", json_made(&range));
}
