#include "gateway/exchange_internal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/time.h"

struct exchange *exchange_make(struct worker *worker, const struct listener *listener, struct server_request *request, const char *prefix,
                               struct step_table table, struct step_table refusal)
{
    struct exchange *x = arena_take(&request->arena, sizeof *x);
    if (x == NULL) {
        const struct server_answer answer = { .status = 503 };
        worker->ways->answer(worker->outside, request, &answer);
        return NULL;
    }
    memset(x, 0, offsetof(struct exchange, entries));
    for (int i = 0; i < ENTRY_COUNT; i++) {
        x->entries[i].checkpoint = NULL;
        x->entries[i].has_failed = false;
    }
    x->worker = worker;
    x->snapshot = snapshot_keep(worker->snapshot);
    x->request = request;
    x->arena = &request->arena;
    x->listener = listener;
    x->table = table;
    x->refusal = refusal;
    x->prefix = prefix;
    x->started_at_us = x->step_at_us = request->received_at_us;
    x->is_holder = table.steps == holder_table.steps;
    x->target = request->target;
    request->owner = x;
    atomic_fetch_add_explicit(&worker->gateway->requests, 1, memory_order_relaxed);
    return x;
}

bool exchange_hash_request(struct exchange *x)
{
    struct buffer head;
    buffer_init(&head, SIZE_MAX);
    (void)buffer_room(&head, HEAD_BYTES_USUAL);
    xroad_head_write(&head, x->request->method, x->target, x->app_fields.list, x->app_fields.count, x->exchange_id,
                     x->is_message_id_made ? x->message_id : BYTES_NONE);
    bool ok = !head.failed;
    if (ok) {
        sha512(buffer_bytes(&head), x->head_sha512);
        xroad_request_hash(x->head_sha512, body_size(x->request->body) > 0 ? body_sha512(x->request->body) : NULL, x->request_hash);
    }
    buffer_clear(&head);
    return ok;
}

/* What the step took, from the end of the one before; so the steps add up to the whole. */
static void note_step(struct exchange *x, uint64_t now_us)
{
    struct tally *tally = x->worker->tally;
    uint64_t spent_us = now_us - x->step_at_us;
    x->step_at_us = now_us;
    if (tally == NULL || x->is_refused || x->step >= TALLY_STEPS_MAX) {
        return;
    }
    latency_add(&tally->steps[x->is_holder][x->step], spent_us);
    x->elsewhere_us += x->step == x->table.elsewhere ? spent_us : 0;
}

void exchange_run(struct exchange *x)
{
    for (;;) {
        /* Asked before: when the last step goes on, it has ended the exchange, and x is gone. */
        bool is_last = x->step + 1 == x->table.count;
        enum verdict verdict = x->table.steps[x->step].run(x);
        if (verdict == WAIT) {
            return;
        }
        if (verdict == JUMP) {
            continue;
        }
        if (verdict == REFUSE) {
            if (x->is_refused) {
                /* A step of the refusal itself failed: what it could not log or state, the last step says without evidence. */
                x->step = x->table.count - 1;
                continue;
            }
            x->is_refused = true;
            x->table = x->refusal;
            x->step = 0;
            continue;
        }
        if (is_last) {
            return;
        }
        note_step(x, time_monotonic_us());
        x->step++;
    }
}

struct bytes exchange_format(struct exchange *x, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return arena_copy(x->arena, bytes_of_text(text));
}

enum verdict exchange_refuse(struct exchange *x, enum reason reason, const char *detail)
{
    /* The first reason stands: what goes wrong while refusing is not what the caller asked about. */
    if (x->reason == REASON_NONE) {
        x->reason = reason;
        x->detail = detail == NULL ? bytes_of_text(reason_meaning(reason)) : arena_copy(x->arena, bytes_of_text(detail));
        if (x->detail.data == NULL) {
            x->detail = bytes_of_text(reason_meaning(reason));
        }
    }
    return REFUSE;
}

enum verdict exchange_refuse_error(struct exchange *x, enum reason reason, const struct error *e)
{
    char text[sizeof(struct error)];
    return exchange_refuse(x, reason, error_text(e, text, sizeof text));
}

void exchange_end(struct exchange *x, const struct server_answer *answer)
{
    struct worker *worker = x->worker;
    uint64_t now_us = time_monotonic_us(), whole_us = now_us - x->started_at_us;
    gateway_count_exchange(x->is_holder, x->reason, whole_us);
    if (x->reason == REASON_NONE && worker->tally != NULL) {
        note_step(x, now_us);
        latency_add(&worker->tally->whole[x->is_holder], whole_us);
        latency_add(&worker->tally->added[x->is_holder], whole_us - (x->elsewhere_us < whole_us ? x->elsewhere_us : whole_us));
    }
    for (int i = 0; i < ENTRY_COUNT; i++) {
        shared_checkpoint_release(x->entries[i].checkpoint);
    }
    consent_view_clear(&x->consents);
    notices_drop(x->notices);
    body_free(x->answer_body);
    struct client_answer *reply = x->reply;
    struct snapshot *snapshot = x->snapshot;
    /* The answer's fields are views into `reply` and the arena: both go after it. */
    worker->ways->answer(worker->outside, x->request, answer);
    client_answer_free(reply);
    snapshot_release(snapshot);
    atomic_fetch_sub_explicit(&worker->gateway->requests, 1, memory_order_relaxed);
}

void exchange_prepare_entry(struct exchange *x, int which, enum record_kind kind, struct bytes statement, struct bytes attachment)
{
    struct commit_entry *entry = &x->entries[which];
    entry->record.kind = kind;
    entry->record.statement = statement;
    entry->record.attachment = attachment;
    entry->record.index = 0;
    entry->record.path_count = 0; /* the path itself is large, and is written by the committer */
    entry->mailbox = &x->worker->mailbox;
    entry->owner = x;
    entry->is_followed = false;
    entry->after = NULL;
    entry->has_failed = false;
    entry->checkpoint = NULL;
}

bool exchange_log(struct exchange *x, int which, enum record_kind kind, struct bytes statement, struct bytes attachment)
{
    exchange_prepare_entry(x, which, kind, statement, attachment);
    return exchange_submit_entry(x, which);
}

bool exchange_submit_entry(struct exchange *x, int which)
{
    struct error e;
    if (!committer_submit(x->worker->gateway->committer, &x->entries[which], &e)) {
        (void)exchange_refuse_error(x, REASON_LOG_UNAVAILABLE, &e);
        return false;
    }
    x->is_submitted[which] = true;
    x->pending++;
    return true;
}

void exchange_entry_done(struct commit_entry *entry)
{
    struct exchange *x = entry->owner;
    x->is_logged[entry - x->entries] = true;
    x->pending--;
    exchange_run(x);
}

enum verdict exchange_wait_logged(struct exchange *x, int which)
{
    if (!x->is_logged[which]) {
        return WAIT;
    }
    if (x->entries[which].has_failed) {
        return exchange_refuse(x, REASON_LOG_UNAVAILABLE, NULL);
    }
    return GO_ON;
}

bool service_url_split(struct bytes url, struct service_url *out)
{
    struct bytes rest;
    *out = (struct service_url){ .is_tls = bytes_start_with(url, BYTES("https://")) };
    if (out->is_tls) {
        rest = bytes_slice(url, 8, url.size);
    } else if (bytes_start_with(url, BYTES("http://"))) {
        rest = bytes_slice(url, 7, url.size);
    } else {
        return false;
    }
    size_t slash = bytes_find(rest, '/');
    out->authority = bytes_slice(rest, 0, slash);
    out->base = bytes_slice(rest, slash, rest.size);
    /* The colons inside of a bracketed IPv6 address separate no port. */
    size_t end = out->authority.size > 0 && out->authority.data[0] == '[' ? bytes_find(out->authority, ']') : 0;
    struct bytes after = bytes_slice(out->authority, end, out->authority.size);
    out->host = bytes_slice(out->authority, 0, end + bytes_find(after, ':'));
    return out->authority.size > 0 && bytes_find(out->authority, '@') == out->authority.size;
}

struct bytes service_url_address(const struct service_url *url, struct arena *arena)
{
    if (url->host.size < url->authority.size) {
        return url->authority;
    }
    return arena_format(arena, "%.*s:%d", BYTES_FMT(url->authority), url->is_tls ? 443 : 80);
}
