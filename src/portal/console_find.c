/* The operator's console: finding an exchange, and its story as a picture with a text that says the same. */
#include <stdio.h>

#include "portal/page_handlers_internal.h"
#include "portal/person_internal.h"

enum { TARGET_BYTES_MAX = 4096, ROW_PX = 64, TOP_PX = 90, CONSUMER_X = 350, HOLDER_X = 650 };

static const char *const fields[] = { "id", "peer", "service", "reason", "from", "until" };

/* What was asked, as the API wants it: a browser's `2026-11-24T08:00` is UTC here. */
static bool append_asked(const struct rest_call *call, struct buffer *target)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct bytes value = rest_query(call, fields[i]);
        bool is_time = strcmp(fields[i], "from") == 0 || strcmp(fields[i], "until") == 0;
        if (value.size == 0) {
            continue;
        }
        buffer_append_format(target, "&%s=", fields[i]);
        rest_append_query(target, value);
        if (is_time && value.size == sizeof "2026-11-24T08:00" - 1) {
            buffer_append_text(target, "%3A00Z");
        }
    }
    return !target->failed;
}

static bool add_form(const struct rest_call *call, json_t *data, struct error *e)
{
    json_t *asked = json_object();
    bool ok = asked != NULL;
    for (size_t i = 0; i < COUNT_OF(fields) && ok; i++) {
        struct bytes value = rest_query(call, fields[i]);
        ok = json_object_set_new(asked, fields[i],
                                 value.size == 0 ? json_string("") : json_stringn((const char *)value.data, value.size)) == 0;
    }
    if (!ok) {
        json_decref(asked);
        return error_memory(e, "page");
    }
    return person_put(data, "asked", asked, e);
}

/* The link to what is behind this page. */
static bool add_older(const struct rest_call *call, json_t *data, struct error *e)
{
    const json_t *next = json_object_get(json_object_get(data, "answer"), "next");
    struct buffer link;
    if (!json_is_string(next)) {
        return true;
    }
    buffer_init(&link, TARGET_BYTES_MAX);
    buffer_append_format(&link, "/console/find?cursor=%s", json_string_value(next));
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct bytes value = rest_query(call, fields[i]);
        if (value.size > 0) {
            buffer_append_format(&link, "&%s=", fields[i]);
            rest_append_query(&link, value);
        }
    }
    bool ok = !link.failed ? person_put(data, "older", json_pack("{s:s%}", "link", (const char *)link.data, link.size), e)
                           : error_memory(e, "page");
    buffer_clear(&link);
    return ok;
}

static bool add_rows(json_t *data, struct error *e)
{
    json_t *row, *rows = json_object_get(json_object_get(data, "answer"), "exchanges");
    size_t i;
    json_array_foreach(rows, i, row)
    {
        bool is_permit = strcmp(json_string_value(json_object_get(row, "verdict")), "permit") == 0;
        if (!person_put(row, "class", json_string(is_permit ? "good" : "bad"), e) ||
            !person_put(row, "shape", json_string(is_permit ? "●" : "✕"), e)) {
            return false;
        }
    }
    return person_put(data, "has_rows", json_boolean(json_array_size(rows) > 0), e);
}

bool page_console_find(struct rest_call *call, struct error *e)
{
    struct buffer target;
    json_t *data = json_pack("{s:b}", "wide", 1);
    buffer_init(&target, TARGET_BYTES_MAX);
    buffer_append_text(&target, "/v1/exchanges?limit=50");
    struct bytes cursor = rest_query(call, "cursor");
    if (cursor.size > 0) {
        buffer_append_text(&target, "&cursor=");
        rest_append_query(&target, cursor);
    }
    bool ok = data != NULL && append_asked(call, &target);
    buffer_append_u8(&target, '\0');
    ok = ok && !target.failed ? person_ask_into(call, data, "answer", (const char *)target.data, e) : error_memory(e, "page");
    buffer_clear(&target);
    if (!ok || !add_form(call, data, e) || !add_older(call, data, e) || !add_rows(data, e)) {
        json_decref(data);
        return false;
    }
    return page_render(call, "console-find", data, e);
}

/* ---- One ---- */

/* Where each event stands in the picture: down its side's line, in the order in which they happened. */
static bool add_places(json_t *story, struct error *e)
{
    json_t *event, *events = json_object_get(story, "events");
    size_t i;
    int before = 0;
    json_array_foreach(events, i, event)
    {
        bool is_holder = strcmp(json_string_value(json_object_get(event, "side")), "holder") == 0;
        int x = is_holder ? HOLDER_X : CONSUMER_X, y = TOP_PX + (int)i * ROW_PX;
        const char *at = json_string_value(json_object_get(event, "at"));
        bool is_exact = json_is_true(json_object_get(event, "exact"));
        char clock[16] = "";
        if (at != NULL) {
            (void)snprintf(clock, sizeof clock, is_exact ? "%.12s" : "%.8s", at + 11);
        }
        bool is_crossing = before != 0 && before != x;
        if (!person_put(event, "x", json_integer(x), e) || !person_put(event, "y", json_integer(y), e) ||
            !person_put(event, "text_x", json_integer(is_holder ? x + 16 : x - 16), e) ||
            !person_put(event, "anchor", json_string(is_holder ? "start" : "end"), e) ||
            !person_put(event, "below", json_integer(y + 20), e) || !person_put(event, "clock", json_string(clock), e) ||
            (is_crossing &&
             !person_put(event, "crossing", json_pack("{s:i, s:i, s:i, s:i}", "x1", before, "y1", y - ROW_PX, "x2", x, "y2", y), e))) {
            return false;
        }
        before = x;
    }
    int height = TOP_PX + (int)json_array_size(events) * ROW_PX;
    return person_put(story, "height", json_integer(height), e) && person_put(story, "line_end", json_integer(height - 20), e);
}

bool page_console_exchange(struct rest_call *call, struct error *e)
{
    bool wants_person = bytes_equal(rest_query(call, "person"), BYTES("true"));
    const char *target = person_target(call, "/v1/exchanges/", call->match.parameters[0], wants_person ? "?person=true" : "");
    json_t *data = json_object();
    bool sees_persons = access_for(call->principal.roles, RESOURCE_USE, VERB_READ) == ACCESS_ALL;
    bool ok = data != NULL && target != NULL ? person_ask_into(call, data, "story", target, e) : error_memory(e, "page");
    json_t *story = json_object_get(data, "story");
    const char *verdict = json_string_value(json_object_get(story, "verdict"));
    bool is_permit = verdict != NULL && strcmp(verdict, "permit") == 0;
    ok = ok && add_places(story, e) && person_put(data, "sees_persons", json_boolean(sees_persons), e) &&
         person_put(data, "may_name", json_boolean(sees_persons && !wants_person && json_is_true(json_object_get(story, "aboutPerson"))),
                    e) &&
         person_put(story, "class", json_string(is_permit ? "good" : "bad"), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "console-exchange", data, e);
}
