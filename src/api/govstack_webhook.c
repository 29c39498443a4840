/* GovStack's webhooks: subscriptions. Delivering is webhook.c's. */
#include <stdio.h>
#include <stdlib.h>

#include "api/govstack_internal.h"
#include "api/rest_handlers_internal.h"
#include "api/webhook.h"

enum { EVENTS_BYTES_MAX = 1024, URL_BYTES_MAX = 2000 };

/* Whose webhooks may this caller see? Empty: all. */
static struct bytes owner_of(const struct rest_call *call)
{
    bool is_foreign = call->access == ACCESS_MEMBER && !bytes_equal(call->principal.member, call->rest->options.member);
    return is_foreign ? call->principal.member : BYTES_NONE;
}

static bool is_own(const struct rest_call *call)
{
    return bytes_equal(call->principal.member, call->rest->options.member);
}

/* ---- Rows ---- */

struct rows {
    json_t *list;
    bool failed;
};

/* The secret is never told again: whoever could read it could sign. */
static bool take_webhook(void *context, const struct store_value *columns, size_t count)
{
    struct rows *rows = context;
    json_t *events = json_array();
    struct bytes rest = columns[4].bytes, one;
    (void)count;
    while (events != NULL && rest.size > 0 && bytes_split(&rest, ' ', &one)) {
        rows->failed = rows->failed || json_array_append_new(events, json_stringn((const char *)one.data, one.size)) != 0;
    }
    json_t *row = json_pack("{s:s%, s:s%, s:s%, s:b, s:s, s:{s:o}}", "id", (const char *)columns[0].bytes.data, columns[0].bytes.size,
                            "payloadUrl", (const char *)columns[1].bytes.data, columns[1].bytes.size, "contentType",
                            (const char *)columns[2].bytes.data, columns[2].bytes.size, "disabled", columns[3].integer != 0, "secretKey",
                            "", "comity", "events", events);
    rows->failed = rows->failed || row == NULL || json_array_append_new(rows->list, row) != 0;
    return !rows->failed;
}

/* `id` empty: a page of all. */
static bool find_webhooks(struct rest_call *call, struct bytes id, json_t **out, struct error *e)
{
    static const char sql[] =
        "SELECT id, url, content_type, is_disabled, events FROM api_webhooks WHERE (?1 = '' OR owner = ?1) AND (?2 = '' OR id = ?2)"
        " ORDER BY number LIMIT ?3 OFFSET ?4";
    const struct store_value values[] = { STORE_STR(owner_of(call)), STORE_STR(id), STORE_INT((int64_t)call->limit),
                                          STORE_INT((int64_t)call->offset) };
    struct rows rows = { .list = json_array() };
    *out = rows.list;
    bool ok = rows.list != NULL && store_run(call->rest->options.store, sql, values, COUNT_OF(values), take_webhook, &rows, NULL, e);
    if (ok && !rows.failed) {
        return true;
    }
    json_decref(rows.list);
    *out = NULL;
    return ok || rows.list == NULL ? error_memory(e, "webhooks") : false;
}

static bool answer_webhook(struct rest_call *call, struct bytes id, struct error *e)
{
    json_t *found = NULL;
    if (id.size == 0) {
        return rest_absent(call, e);
    }
    if (!find_webhooks(call, id, &found, e)) {
        return false;
    }
    if (json_array_size(found) != 1) {
        json_decref(found);
        return rest_absent(call, e);
    }
    call->answer = json_pack("{s:O}", "webhook", json_array_get(found, 0));
    json_decref(found);
    return call->answer != NULL || error_memory(e, "answer");
}

/* ---- Writing ---- */

struct subscription {
    const char *url, *content_type, *secret;
    bool is_disabled;
    struct buffer events; /* joined by ' ' */
};

/* Where a URL leads is looked at once more when it is called. */
static bool check_url(struct rest_call *call, const char *url, struct error *e)
{
    struct bytes text = bytes_of_text(url);
    bool is_plain = bytes_start_with(text, BYTES("http://")) && call->settings->config->webhooks_allow_local;
    bool ok = bytes_start_with(text, BYTES("https://")) || is_plain;
    for (size_t i = 0; i < text.size; i++) {
        ok = ok && text.data[i] > 0x20 && text.data[i] < 0x7f && text.data[i] != '@'; /* no user:password@ in our store */
    }
    return ok ||
           rest_refuse(call, e, 400, "request.malformed", "/webhook/payloadUrl", "write an https URL", "is no URL that webhooks may have");
}

static bool read_events(struct rest_call *call, const json_t *given, struct buffer *out, struct error *e)
{
    const json_t *list = json_object_get(json_object_get(given, "comity"), "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct bytes name = rest_json_bytes(json_array_get(list, i));
        if (!webhook_event_is_known(name)) {
            return rest_refuse(call, e, 400, "request.malformed", "/webhook/comity/events", NULL, "an event that there isn't");
        }
        if (out->size > 0) {
            buffer_append_u8(out, ' ');
        }
        buffer_append(out, name);
    }
    return !out->failed || error_memory(e, "webhook");
}

static bool read_subscription(struct rest_call *call, struct subscription *s, struct error *e)
{
    const json_t *given = json_object_get(call->body, "webhook");
    buffer_init(&s->events, EVENTS_BYTES_MAX);
    s->url = json_string_value(json_object_get(given, "payloadUrl"));
    s->content_type = json_string_value(json_object_get(given, "contentType"));
    s->secret = json_string_value(json_object_get(given, "secretKey"));
    s->is_disabled = json_is_true(json_object_get(given, "disabled"));
    return check_url(call, s->url, e) && read_events(call, given, &s->events, e);
}

struct counted {
    int64_t count, number;
};

static bool take_count(void *context, const struct store_value *columns, size_t count)
{
    struct counted *counted = context;
    (void)count;
    counted->count = columns[0].integer;
    counted->number = columns[1].type == STORE_INTEGER ? columns[1].integer : 0;
    return true;
}

static bool insert(struct rest_call *call, const char *id, const struct subscription *s, struct error *e)
{
    static const char count[] = "SELECT count(*), max(number) FROM api_webhooks";
    static const char sql[] =
        "INSERT INTO api_webhooks (id, number, owner, is_own, url, content_type, is_disabled, secret, events, created_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    struct store *store = call->rest->options.store;
    struct counted counted = { 0 };
    if (!store_run(store, count, NULL, 0, take_count, &counted, NULL, e)) {
        return false;
    }
    if (counted.count >= WEBHOOKS_MAX) {
        return rest_refuse(call, e, 409, "request.denied", "webhooks", "delete one that nobody needs", "there are %d already",
                           WEBHOOKS_MAX);
    }
    const struct store_value values[] = { STORE_STR(bytes_of_text(id)),        STORE_INT(counted.number + 1),
                                          STORE_STR(call->principal.member),   STORE_INT(is_own(call)),
                                          STORE_STR(bytes_of_text(s->url)),    STORE_STR(bytes_of_text(s->content_type)),
                                          STORE_INT(s->is_disabled),           STORE_STR(bytes_of_text(s->secret)),
                                          STORE_STR(buffer_bytes(&s->events)), STORE_INT(call->now_ms) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool govstack_webhook_create(struct rest_call *call, struct error *e)
{
    char id[OBJECT_ID_SIZE];
    struct subscription s;
    struct store *store = call->rest->options.store;
    bool ok = read_subscription(call, &s, e);
    if (ok && (s.secret == NULL || s.secret[0] == '\0')) {
        ok = rest_refuse(call, e, 400, "request.malformed", "/webhook/secretKey", "make a random one", "must be there");
    }
    object_make_id('w', id);
    ok = ok && store_begin(store, e);
    if (ok && !insert(call, id, &s, e)) {
        store_rollback(store);
        ok = false;
    }
    ok = ok && store_commit(store, e) && answer_webhook(call, bytes_of_text(id), e);
    buffer_clear(&s.events);
    return ok;
}

bool govstack_webhook_read(struct rest_call *call, struct error *e)
{
    return answer_webhook(call, call->match.parameters[0], e);
}

/* A secret that isn't sent, or is sent as it is shown, stays. */
bool govstack_webhook_update(struct rest_call *call, struct error *e)
{
    static const char sql[] = "UPDATE api_webhooks SET url = ?3, content_type = ?4, is_disabled = ?5, events = ?6,"
                              " secret = CASE WHEN ?7 = '' THEN secret ELSE ?7 END WHERE id = ?1 AND (?2 = '' OR owner = ?2)";
    struct subscription s;
    int64_t changed = 0;
    bool ok = read_subscription(call, &s, e);
    if (ok) {
        const struct store_value values[] = { STORE_STR(call->match.parameters[0]),
                                              STORE_STR(owner_of(call)),
                                              STORE_STR(bytes_of_text(s.url)),
                                              STORE_STR(bytes_of_text(s.content_type)),
                                              STORE_INT(s.is_disabled),
                                              STORE_STR(buffer_bytes(&s.events)),
                                              STORE_STR(bytes_of_text(s.secret == NULL ? "" : s.secret)) };
        ok = store_run(call->rest->options.store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e) &&
             (changed == 1 || rest_absent(call, e)) && answer_webhook(call, call->match.parameters[0], e);
    }
    buffer_clear(&s.events);
    return ok;
}

/* With what is still to be delivered to it. */
bool govstack_webhook_delete(struct rest_call *call, struct error *e)
{
    static const char rows[] =
        "DELETE FROM api_deliveries WHERE webhook IN (SELECT id FROM api_webhooks WHERE id = ?1 AND (?2 = '' OR owner = ?2))";
    static const char sql[] = "DELETE FROM api_webhooks WHERE id = ?1 AND (?2 = '' OR owner = ?2)";
    const struct store_value values[] = { STORE_STR(call->match.parameters[0]), STORE_STR(owner_of(call)) };
    struct store *store = call->rest->options.store;
    int64_t changed = 0;
    if (!store_begin(store, e)) {
        return false;
    }
    if (!store_run(store, rows, values, COUNT_OF(values), NULL, NULL, NULL, e) ||
        !store_run(store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e) || (changed != 1 && !rest_absent(call, e))) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

bool govstack_webhook_list(struct rest_call *call, struct error *e)
{
    json_t *found = NULL;
    if (!find_webhooks(call, BYTES_NONE, &found, e)) {
        return false;
    }
    call->answer = json_pack("{s:o}", "webhooks", found);
    return call->answer != NULL || error_memory(e, "answer");
}
