#include "witness/mirror_pusher.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/log_copy.h"
#include "net/client.h"
#include "witness/mirror_push.h"
#include "witness/source.h"
#include "witness/url.h"

enum {
    LOOK_EVERY_MS = 500,
    CALL_MS = 20000,
    BACKOFF_FIRST_MS = 1000, /* doubled at each failure */
    BACKOFF_LAST_MS = 300000,
    LABEL_SIZE = URL_HOST_SIZE + 32,
};

/* Registered series stay for good: they belong to the place in the list, not to a run. */
static struct series {
    struct metric behind, failures;
    char label[LABEL_SIZE];
} series[MIRROR_PUSHERS_MAX];

/* One mirror, and its thread. */
struct pushed {
    struct mirror_pusher *all;
    struct witness_url url;
    struct series *series;
    pthread_t thread;
    bool has_thread;
    uv_loop_t loop;
    uv_async_t wake; /* stop */
    uv_timer_t timer;
    struct client *client;
    struct mirror_push push;
    struct buffer done_note; /* the checkpoint that it holds */
    unsigned failures;       /* in a row */
    bool has_waited;         /* the timer came */
    struct {
        bool is_over;
        unsigned status;
        struct buffer *answer;
        struct error *e;
        bool ok;
    } call;
};

struct mirror_pusher {
    struct mirror_pusher_options options;
    struct tls *tls; /* for https of strangers; NULL: could not be made, see tls_fault */
    struct error tls_fault;
    atomic_bool is_stopping;
    struct pushed pushed[MIRROR_PUSHERS_MAX];
};

static void register_series(struct series *s, const struct witness_url *url)
{
    size_t at = (size_t)snprintf(s->label, sizeof s->label, "mirror=\"");
    for (size_t i = 0; url->address[i] != '\0' && at < sizeof s->label - 2; i++) {
        char c = url->address[i];
        s->label[at++] = c > ' ' && c < 0x7F && c != '"' && c != '\\' ? c : '_';
    }
    s->label[at++] = '"';
    s->label[at] = '\0';
    s->behind.name = "comity_mirror_behind_entries";
    s->behind.help = "Published entries of our log that a mirror of log.mirrors does not hold yet";
    s->behind.kind = METRIC_GAUGE;
    s->failures.name = "comity_mirror_push_failures_total";
    s->failures.help = "Times that our log could not be brought to a mirror of log.mirrors";
    s->failures.kind = METRIC_COUNTER;
    s->behind.labels = s->failures.labels = s->label;
    metric_register(&s->behind);
    metric_register(&s->failures);
}

/* ---- One call, waited for on the thread's own loop ---- */

static void called(void *context, struct client_answer *answer, enum client_failure failure, const struct error *e)
{
    struct pushed *p = context;
    struct bytes body = BYTES_NONE;
    (void)failure;
    p->call.is_over = true;
    if (answer == NULL) {
        *p->call.e = *e;
        return;
    }
    p->call.status = answer->status;
    p->call.ok = body_view(answer->body, &body) || error_set(p->call.e, ERROR_IO, "mirror", NULL, "its answer is too large");
    buffer_append(p->call.answer, body);
    if (p->call.ok && p->call.answer->failed) {
        p->call.ok = error_set(p->call.e, ERROR_IO, "mirror", NULL, "its answer is too large");
    }
    client_answer_free(answer);
}

static void timer_came(uv_timer_t *timer)
{
    struct pushed *p = timer->data;
    p->has_waited = true;
}

static void woken(uv_async_t *async)
{
    (void)async; /* uv_run() returns, and whoever waits looks whether it is to stop */
}

/* False when it is to stop. */
static bool wait_ms(struct pushed *p, uint64_t ms)
{
    p->has_waited = false;
    (void)uv_timer_start(&p->timer, timer_came, ms, 0);
    while (!p->has_waited && !atomic_load(&p->all->is_stopping)) {
        (void)uv_run(&p->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&p->timer);
    return !atomic_load(&p->all->is_stopping);
}

static bool begin_call(struct pushed *p, const char *name, const char *content_type, struct body *body, struct client_call **call,
                       struct error *e)
{
    struct mirror_pusher *all = p->all;
    struct cosigner_peer peer = { 0 };
    struct bytes address = bytes_of_text(p->url.address);
    char target[URL_PATH_SIZE + 32];
    bool is_peer = p->url.is_tls && all->options.find_peer != NULL && all->options.find_peer(all->options.context, address, &peer);
    if (p->url.is_tls && !is_peer && all->tls == NULL) {
        *e = all->tls_fault;
        return false;
    }
    (void)snprintf(target, sizeof target, "%s/%s", p->url.prefix, name);
    const struct client_target where = {
        .protocol = is_peer ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1,
        .addresses = &address,
        .address_count = 1,
        .tls = is_peer         ? peer.tls
               : p->url.is_tls ? all->tls
                               : NULL,
        .pins = (const uint8_t(*)[PIN_SIZE])peer.pins,
        .pin_count = peer.pin_count,
        .server_name = bytes_of_text(p->url.host),
    };
    const struct field fields[] = { { BYTES("Content-Type"), bytes_of_text(content_type) } };
    const struct client_request request = {
        .method = BYTES("POST"),
        .target = bytes_of_text(target),
        .authority = bytes_of_text(p->url.authority),
        .fields = fields,
        .field_count = COUNT_OF(fields),
        .body = body,
        .read_stall_ms = all->options.call_ms,
        .answer_bytes_max = MIRROR_ANSWER_BYTES_MAX,
    };
    bool ok = client_call(call, p->client, &where, &request, called, p, e);
    if (is_peer) {
        all->options.release_peer(all->options.context, &peer);
    }
    return ok;
}

static bool post(void *context, const char *name, const char *content_type, struct bytes data, unsigned *status, struct buffer *answer,
                 struct error *e)
{
    struct pushed *p = context;
    struct client_call *call = NULL;
    struct body *body = body_of(data);
    if (body == NULL) {
        return error_memory(e, "mirror");
    }
    p->call.is_over = p->call.ok = false;
    p->call.status = 0;
    p->call.answer = answer;
    p->call.e = e;
    p->has_waited = false;
    bool ok = begin_call(p, name, content_type, body, &call, e);
    if (ok) {
        (void)uv_timer_start(&p->timer, timer_came, p->all->options.call_ms, 0);
        while (!p->call.is_over && !p->has_waited && !atomic_load(&p->all->is_stopping)) {
            (void)uv_run(&p->loop, UV_RUN_ONCE);
        }
        (void)uv_timer_stop(&p->timer);
        if (!p->call.is_over) {
            client_cancel(call);
            (void)error_set(e, ERROR_IO, p->url.address, NULL, "it takes too long");
        }
        ok = p->call.is_over && p->call.ok;
    }
    body_free(body);
    *status = p->call.status;
    return ok;
}

/* ---- One mirror ---- */

static uint64_t size_of(struct bytes checkpoint)
{
    struct note note;
    struct checkpoint_view view;
    return note_parse(&note, checkpoint, "checkpoint", NULL) && checkpoint_parse(note.text, &view, "checkpoint", NULL) ? view.size : 0;
}

static uint64_t backoff_ms(unsigned failures)
{
    uint64_t ms = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < failures && ms < BACKOFF_LAST_MS; i++) {
        ms *= 2;
    }
    return ms > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : ms;
}

/* False: nothing is published yet, or the log has trouble with its disk and says so itself. */
static bool choose_note(const struct pushed *p, struct buffer *note)
{
    const struct mirror_pusher_options *o = &p->all->options;
    uint8_t *data = NULL;
    size_t size = 0;
    if (o->choose != NULL && o->choose(o->context, note)) {
        return true;
    }
    buffer_reset(note);
    if (disk_read_whole(o->public, "checkpoint", LOG_COPY_NOTE_BYTES_MAX, &data, &size) != 0) {
        return false;
    }
    buffer_append(note, bytes_of(data, size));
    free(data);
    return !note->failed;
}

/* Brings the mirror to the checkpoint that is published now, if it is not there. False: not this time. */
static bool push_newest(struct pushed *p)
{
    struct buffer newest;
    struct buffer lines;
    struct error e = { 0 };
    buffer_init(&newest, LOG_COPY_NOTE_BYTES_MAX);
    if (!choose_note(p, &newest) || bytes_equal(buffer_bytes(&newest), buffer_bytes(&p->done_note))) {
        buffer_clear(&newest);
        return true;
    }
    struct bytes note = buffer_bytes(&newest);
    uint64_t entries = size_of(note);
    uint64_t held = size_of(buffer_bytes(&p->done_note));
    metric_set(&p->series->behind, (int64_t)(entries > held ? entries - held : 0));
    buffer_init(&lines, MIRROR_ANSWER_BYTES_MAX);
    bool ok = mirror_push_to(&p->push, note, &lines, &e);
    if (ok) {
        buffer_reset(&p->done_note);
        buffer_append(&p->done_note, note);
        metric_set(&p->series->behind, 0);
        if (p->failures > 0) {
            diag(DIAG_INFO, "mirror", "a mirror of our log is up to date again", "mirror", p->url.address, NULL);
        }
        p->failures = 0;
        if (p->all->options.on_signed != NULL) {
            p->all->options.on_signed(p->all->options.context, note, buffer_bytes(&lines));
        }
    } else if (!atomic_load(&p->all->is_stopping)) {
        if (p->failures == 0) {
            diag(DIAG_WARN, "mirror", "our log can't be brought to a mirror; exchanges go on", "mirror", p->url.address, "what", e.what,
                 "todo", e.todo, NULL);
        }
        p->failures++;
        metric_add(&p->series->failures, 1);
    }
    buffer_clear(&lines);
    buffer_clear(&newest);
    return ok;
}

static void *run(void *context)
{
    struct pushed *p = context;
    bool goes_on = true;
    (void)pthread_setname_np(pthread_self(), "mirror-push");
    while (goes_on) {
        goes_on = wait_ms(p, push_newest(p) ? LOOK_EVERY_MS : backoff_ms(p->failures));
    }
    client_stop(p->client, NULL, NULL);
    uv_close((uv_handle_t *)&p->timer, NULL);
    uv_close((uv_handle_t *)&p->wake, NULL);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    return NULL;
}

static bool start_one(struct pushed *p, struct error *e)
{
    const struct net_limits limits = { .connect_ms = p->all->options.call_ms };
    if (uv_loop_init(&p->loop) != 0) {
        return error_set(e, ERROR_IO, "mirror", "raise the limit of open files", "the event loop can't be made");
    }
    if (uv_async_init(&p->loop, &p->wake, woken) != 0 || uv_timer_init(&p->loop, &p->timer) != 0 ||
        !client_make(&p->client, &p->loop, &limits, e)) {
        return error_set(e, ERROR_IO, "mirror", "raise the limit of open files", "the event loop's parts can't be made");
    }
    p->timer.data = p;
    p->push = (struct mirror_push){ .public = p->all->options.public, .log = p->all->options.log, .post = post, .context = p };
    buffer_init(&p->done_note, LOG_COPY_NOTE_BYTES_MAX);
    p->has_thread = pthread_create(&p->thread, NULL, run, p) == 0;
    return p->has_thread || error_set(e, ERROR_IO, "mirror", "raise the limit of threads", "its thread can't be started");
}

bool mirror_pusher_start(struct mirror_pusher **out, const struct mirror_pusher_options *options, struct error *e)
{
    *out = NULL;
    struct mirror_pusher *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return error_memory(e, "mirror");
    }
    all->options = *options;
    all->options.call_ms = options->call_ms == 0 ? CALL_MS : options->call_ms;
    if (!tls_make_service(&all->tls, NULL, NULL, source_authorities(), &all->tls_fault)) {
        all->tls = NULL; /* said when an https address of a stranger needs it */
    }
    bool ok = options->url_count <= MIRROR_PUSHERS_MAX ||
              error_set(e, ERROR_INPUT, "log.mirrors", NULL, "more than %d", MIRROR_PUSHERS_MAX);
    for (size_t i = 0; ok && i < options->url_count; i++) {
        struct pushed *p = &all->pushed[i];
        p->all = all;
        p->series = &series[i];
        ok = witness_url_parse(&p->url, bytes_of_text(options->urls[i]), "log.mirrors", e);
        if (ok) {
            register_series(p->series, &p->url);
            ok = start_one(p, e);
        }
    }
    if (!ok) {
        mirror_pusher_stop(all);
        return false;
    }
    *out = all;
    return true;
}

void mirror_pusher_stop(struct mirror_pusher *pusher)
{
    if (pusher == NULL) {
        return;
    }
    atomic_store(&pusher->is_stopping, true);
    for (size_t i = 0; i < MIRROR_PUSHERS_MAX; i++) {
        struct pushed *p = &pusher->pushed[i];
        if (p->has_thread) {
            (void)uv_async_send(&p->wake);
            (void)pthread_join(p->thread, NULL);
            (void)uv_loop_close(&p->loop);
        }
        mirror_push_clear(&p->push);
        buffer_clear(&p->done_note);
    }
    tls_free(pusher->tls);
    free(pusher);
}
