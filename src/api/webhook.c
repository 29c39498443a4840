#include "api/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/fetch.h"
#include "api/objects_internal.h"
#include "api/rest_internal.h"
#include "base/diag.h"
#include "base/encode.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/time.h"
#include "consent/consent.h"

enum {
    TICK_MS = 1000,
    RUNNING_MAX = 4,
    IN_A_ROW_MAX = 8, /* deliveries that one work makes before it gives its thread back */
    LEASE_MS = 60 * 1000,
    BODY_BYTES_MAX = 64 * 1024,
    RESULT_BYTES_MAX = 200,
};
enum state { STATE_DUE = 0, STATE_DONE = 1, STATE_GIVEN_UP = 2 };

#define DELIVERIES(result)                                                                                                                 \
    {                                                                                                                                      \
        .name = "comity_api_webhook_attempts_total", .labels = "result=\"" result "\"", .help = "attempts to deliver a webhook",           \
        .kind = METRIC_COUNTER                                                                                                             \
    }
static struct metric delivered = DELIVERIES("delivered"), failed = DELIVERIES("failed"), given_up = DELIVERIES("given_up");

void webhook_metrics_register(void)
{
    metric_register(&delivered);
    metric_register(&failed);
    metric_register(&given_up);
}

bool webhook_event_is_known(struct bytes name)
{
#define EVENT_BYTES(text) BYTES(text),
    static const struct bytes names[] = { WEBHOOK_EVENTS(EVENT_BYTES) };
#undef EVENT_BYTES
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (bytes_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

int64_t webhook_pause_ms(unsigned attempts)
{
    static const int64_t seconds[] = { 5, 30, 120, 600, 1800, 3600, 7200, 14400 };
    size_t at = attempts == 0 ? 0 : attempts - 1;
    return seconds[at < COUNT_OF(seconds) ? at : COUNT_OF(seconds) - 1] * 1000;
}

void webhook_sign(struct bytes secret, const char *id, int64_t timestamp_s, struct bytes body, char out[WEBHOOK_SIGNATURE_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    struct buffer signed_text;
    buffer_init(&signed_text, body.size + 256);
    buffer_append_format(&signed_text, "%s.%" PRId64 ".", id, timestamp_s);
    buffer_append(&signed_text, body);
    if (signed_text.failed) { /* nothing verifies with that, and nothing false is said */
        buffer_reset(&signed_text);
    }
    hmac_sha256(secret, buffer_bytes(&signed_text), digest);
    buffer_wipe(&signed_text);
    (void)snprintf(out, WEBHOOK_SIGNATURE_SIZE, "v1,");
    size_t size = base64_write(bytes_of(digest, sizeof digest), (uint8_t *)out + 3);
    out[3 + size] = '\0';
}

/* ---- The queue ---- */

struct queueing {
    struct store *store;
    const char *event, *payload;
    struct bytes recipient;
    char message[OBJECT_ID_SIZE];
    int64_t now_ms;
    struct error *e;
    bool failed;
};

static bool is_subscribed(struct bytes events, struct bytes name)
{
    struct bytes one;
    if (events.size == 0) {
        return true;
    }
    while (bytes_split(&events, ' ', &one)) {
        if (bytes_equal(one, name)) {
            return true;
        }
    }
    return false;
}

/*
 * Numbers begin with the time, so that none is ever given again when old ones have gone: what a power cut took of the store is written again from the log
 * under its number.
 *
 * One row a webhook that listens; its foreign key keeps the webhook until they are gone.
 */
static bool queue_one(void *context, const struct store_value *columns, size_t count)
{
    static const char sql[] =
        "INSERT INTO api_deliveries (number, webhook, event, message, payload, created_at, next_at, attempts, state, result)"
        " SELECT max(coalesce(max(number), 0) + 1, ?5 * 1024), ?1, ?2, ?3, ?4, ?5, ?5, 0, 0, '' FROM api_deliveries";
    struct queueing *q = context;
    (void)count;
    if (!is_subscribed(columns[1].bytes, bytes_of_text(q->event))) {
        return true;
    }
    const struct store_value values[] = { STORE_STR(columns[0].bytes), STORE_STR(bytes_of_text(q->event)),
                                          STORE_STR(bytes_of_text(q->message)), STORE_STR(bytes_of_text(q->payload)),
                                          STORE_INT(q->now_ms) };
    q->failed = !store_run(q->store, sql, values, COUNT_OF(values), NULL, NULL, NULL, q->e);
    return !q->failed;
}

bool webhooks_queue(struct store *store, struct bytes recipient, const char *event, const json_t *data, int64_t now_ms, struct error *e)
{
    static const char sql[] = "SELECT id, events FROM api_webhooks WHERE is_disabled = 0 AND (is_own = 1 OR owner = ?1)";
    const struct store_value value = STORE_STR(recipient);
    char time[TIME_TEXT_SIZE];
    struct queueing q = { .store = store, .event = event, .recipient = recipient, .now_ms = now_ms, .e = e };
    object_make_id('m', q.message);
    json_t *whole = json_pack("{s:s, s:s, s:O}", "type", event, "timestamp", time_text(now_ms, time), "data", data);
    char *payload = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    if (payload == NULL) {
        return error_memory(e, "webhook");
    }
    q.payload = payload;
    bool ok = store_run(store, sql, &value, 1, queue_one, &q, NULL, e) && !q.failed;
    free(payload);
    return ok;
}

bool webhooks_hear(struct store *store, const struct consent_news *news, struct error *e)
{
    if (!news->is_begin && !news->is_end) {
        return true;
    }
    const char *name = news->is_expiry ? "consent.auto_expiry" : news->is_begin ? "consent.allowed" : "consent.disallowed";
    json_t *data = json_pack("{s:s%, s:b, s:s}", "consentId", (const char *)news->id.data, news->id.size, "optIn", news->is_begin, "event",
                             news->event);
    bool ok = data != NULL ? webhooks_queue(store, news->key->recipient, name, data, news->time_ms, e) : error_memory(e, "webhook");
    json_decref(data);
    return ok;
}

/* ---- Delivering ---- */

struct webhooks {
    struct rest *rest;
    uv_timer_t timer;
    struct work_group *works;
    bool is_stopping;
    unsigned closing;
    void (*done)(void *context);
    void *context;
};

struct delivery {
    struct work work; /* first */
    struct webhooks *webhooks;
    struct rest_settings *settings; /* those at its beginning: a reload may swap the gateway's */
    struct arena arena;
    bool has_found; /* something was due: another may be */
};

/* One delivery and its webhook. */
struct due {
    struct arena *arena;
    int64_t number, created_at_ms, attempts;
    struct bytes webhook, event, message, payload, url, content_type, secret;
    bool is_there, failed;
};

static bool take_due(void *context, const struct store_value *columns, size_t count)
{
    struct due *due = context;
    struct bytes *const texts[] = { &due->webhook, &due->event, &due->message, &due->payload, &due->url, &due->content_type, &due->secret };
    (void)count;
    due->is_there = true;
    due->number = columns[0].integer;
    due->created_at_ms = columns[1].integer;
    due->attempts = columns[2].integer;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = arena_copy(due->arena, columns[3 + i].bytes);
        due->failed = due->failed || texts[i]->data == NULL;
    }
    return false;
}

/* Takes the oldest that is due for as long as an attempt may take: should this process end meanwhile, another attempt is made after. */
static bool claim(struct store *store, int64_t now_ms, struct due *due, struct error *e)
{
    static const char find[] =
        "SELECT d.number, d.created_at, d.attempts, d.webhook, d.event, d.message, d.payload, w.url, w.content_type, w.secret"
        " FROM api_deliveries d JOIN api_webhooks w ON w.id = d.webhook"
        " WHERE d.state = 0 AND d.next_at <= ?1 ORDER BY d.next_at LIMIT 1";
    static const char lease[] = "UPDATE api_deliveries SET next_at = ?2 WHERE number = ?1";
    const struct store_value now = STORE_INT(now_ms);
    if (!store_read(store, find, &now, 1, take_due, due, e)) {
        return false;
    }
    if (!due->is_there) {
        return true; /* the usual: nothing was written for it */
    }
    *due = (struct due){ .arena = due->arena };
    if (!store_begin(store, e)) {
        return false;
    }
    bool ok = store_run(store, find, &now, 1, take_due, due, NULL, e) && (!due->failed || error_memory(e, "webhook"));
    if (ok && due->is_there) {
        const struct store_value values[] = { STORE_INT(due->number), STORE_INT(now_ms + LEASE_MS) };
        ok = store_run(store, lease, values, COUNT_OF(values), NULL, NULL, NULL, e);
    }
    if (!ok) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

static bool send_it(const struct rest_settings *settings, const struct due *due, int64_t now_ms, unsigned *status, struct error *e)
{
    char id[OBJECT_ID_SIZE + 16], timestamp[64], signature[WEBHOOK_SIGNATURE_SIZE + 32], type[160], made[WEBHOOK_SIGNATURE_SIZE];
    const char *fields[] = { id, timestamp, signature, type, "Expect:", NULL };
    struct buffer answer;
    const struct fetch fetch = { .url = (const char *)due->url.data,
                                 .fields = fields,
                                 .body = due->payload,
                                 .is_post = true,
                                 .allow_local = settings->config->webhooks_allow_local,
                                 .timeout_ms = WEBHOOK_ATTEMPT_MS_MAX };
    webhook_sign(due->secret, (const char *)due->message.data, now_ms / 1000, due->payload, made);
    (void)snprintf(id, sizeof id, "webhook-id: %s", (const char *)due->message.data);
    (void)snprintf(timestamp, sizeof timestamp, "webhook-timestamp: %" PRId64, now_ms / 1000);
    (void)snprintf(signature, sizeof signature, "webhook-signature: %s", made);
    (void)snprintf(type, sizeof type, "Content-Type: %.*s", BYTES_FMT(due->content_type));
    buffer_init(&answer, BODY_BYTES_MAX);
    bool ok = fetch_run(&fetch, status, &answer, e);
    buffer_clear(&answer); /* what it says is nothing to us */
    return ok;
}

static bool record(struct store *store, const struct due *due, enum state state, int64_t next_at_ms, const char *result, struct error *e)
{
    static const char sql[] = "UPDATE api_deliveries SET state = ?2, next_at = ?3, attempts = attempts + 1, result = ?4 WHERE number = ?1";
    const struct store_value values[] = { STORE_INT(due->number), STORE_INT(state), STORE_INT(next_at_ms),
                                          STORE_STR(bytes_of_text(result)) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* 410: who listened there is gone for good, and wants no more (Standard Webhooks). */
static bool disable(struct store *store, const struct due *due, struct error *e)
{
    static const char sql[] = "UPDATE api_webhooks SET is_disabled = 1 WHERE id = ?1";
    const struct store_value value = STORE_STR(due->webhook);
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}

static bool deliver(const struct delivery *delivery, const struct due *due, struct error *e)
{
    const struct rest *rest = delivery->webhooks->rest;
    char result[RESULT_BYTES_MAX];
    struct error cause = { 0 };
    unsigned status = 0;
    int64_t now_ms = time_now_ms();
    bool has_answered = send_it(delivery->settings, due, now_ms, &status, &cause);
    if (has_answered && status >= 200 && status < 300) {
        metric_add(&delivered, 1);
        (void)snprintf(result, sizeof result, "%u", status);
        return record(rest->options.store, due, STATE_DONE, now_ms, result, e);
    }
    if (has_answered) {
        (void)snprintf(result, sizeof result, "%u", status);
    } else {
        (void)snprintf(result, sizeof result, "%.150s", cause.what);
    }
    if (status == 410 && !disable(rest->options.store, due, e)) {
        return false;
    }
    uint16_t jitter;
    random_fill(&jitter, sizeof jitter);
    int64_t pause_ms = webhook_pause_ms((unsigned)due->attempts + 1);
    int64_t next_at_ms = now_ms + pause_ms + pause_ms / 4 * jitter / UINT16_MAX;
    bool is_over = status == 410 || next_at_ms > due->created_at_ms + delivery->settings->config->webhooks_deadline_ms;
    metric_add(is_over ? &given_up : &failed, 1);
    if (is_over) {
        diag(DIAG_WARN, "api", "a webhook was given up", "webhook", (const char *)due->webhook.data, "event", (const char *)due->event.data,
             "result", result, NULL);
    }
    return record(rest->options.store, due, is_over ? STATE_GIVEN_UP : STATE_DUE, next_at_ms, result, e);
}

static bool forget_old(struct store *store, int64_t now_ms, struct error *e)
{
    static const char sql[] = "DELETE FROM api_deliveries WHERE state <> 0 AND next_at < ?1";
    const struct store_value value = STORE_INT(now_ms - (int64_t)WEBHOOK_KEPT_MS);
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}

static void run_delivery(struct work *work)
{
    struct delivery *delivery = (struct delivery *)work;
    struct webhooks *webhooks = delivery->webhooks;
    struct error e = { 0 };
    for (unsigned i = 0; i < IN_A_ROW_MAX; i++) {
        struct due due = { .arena = &delivery->arena };
        int64_t now_ms = time_now_ms();
        if (!claim(webhooks->rest->options.store, now_ms, &due, &e)) {
            diag_error(DIAG_WARN, "api", "the queue of webhooks can't be read", &e);
            return;
        }
        delivery->has_found = due.is_there;
        if (!due.is_there) {
            return;
        }
        if (!deliver(delivery, &due, &e) || !forget_old(webhooks->rest->options.store, now_ms, &e)) {
            diag_error(DIAG_WARN, "api", "how a webhook went can't be stored: it goes out again", &e);
            return;
        }
        arena_clear(&delivery->arena);
    }
}

static void look(struct webhooks *webhooks);

static void after_delivery(struct work *work)
{
    struct delivery *delivery = (struct delivery *)work;
    struct webhooks *webhooks = delivery->webhooks;
    bool has_found = delivery->has_found;
    arena_clear(&delivery->arena);
    rest_settings_release(delivery->settings);
    free(delivery);
    if (has_found && !webhooks->is_stopping) {
        look(webhooks);
    }
}

/* One more work: each that finds something is followed by another. */
static void look(struct webhooks *webhooks)
{
    struct error e;
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL) {
        return; /* the next second, perhaps */
    }
    delivery->work = (struct work){ .run = run_delivery, .done = after_delivery };
    delivery->webhooks = webhooks;
    delivery->settings = webhooks->rest->settings;
    delivery->settings->reference_count++;
    if (!work_start(webhooks->works, &delivery->work, &e)) {
        rest_settings_release(delivery->settings);
        free(delivery);
    }
}

static void on_tick(uv_timer_t *timer)
{
    look(timer->data);
}

/* ---- Life ---- */

bool webhooks_start(struct webhooks **out, struct rest *rest, struct error *e)
{
    *out = NULL;
    struct webhooks *webhooks = calloc(1, sizeof *webhooks);
    struct work_group *works = work_group_make(rest->loop, RUNNING_MAX, 0);
    if (webhooks == NULL || works == NULL) {
        free(webhooks);
        if (works != NULL) {
            work_group_stop(works, NULL, NULL);
        }
        return error_memory(e, "webhooks");
    }
    webhooks->rest = rest;
    webhooks->works = works;
    webhooks->timer.data = webhooks;
    /* Neither fails with a loop and a callback. */
    (void)uv_timer_init(rest->loop, &webhooks->timer);
    (void)uv_timer_start(&webhooks->timer, on_tick, TICK_MS, TICK_MS);
    *out = webhooks;
    return true;
}

static void close_part(void *context)
{
    struct webhooks *webhooks = context;
    if (--webhooks->closing > 0) {
        return;
    }
    void (*done)(void *) = webhooks->done;
    void *done_context = webhooks->context;
    free(webhooks);
    done(done_context);
}

static void on_timer_closed(uv_handle_t *handle)
{
    close_part(handle->data);
}

void webhooks_stop(struct webhooks *webhooks, void (*done)(void *context), void *context)
{
    webhooks->is_stopping = true;
    webhooks->done = done;
    webhooks->context = context;
    webhooks->closing = 2;
    uv_close((uv_handle_t *)&webhooks->timer, on_timer_closed);
    work_group_stop(webhooks->works, close_part, webhooks);
}
