#include "policy/peek.h"

#include "base/buffer.h"
#include "law/law.h"
#include "law/period.h"

static const int64_t window_max_ms = (int64_t)COUNTER_WINDOW_STEPS_MAX * COUNTER_STEP_MS;

static struct bytes encoded(struct arena *arena, const struct identifier *id, size_t parts)
{
    struct buffer text;
    buffer_init(&text, 8192);
    identifier_append_parts(&text, id, parts);
    struct bytes copy = text.failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(&text));
    buffer_clear(&text);
    return copy;
}

bool peek_make_ask(const struct peek *peek, struct arena *arena, struct counter_ask *out)
{
    const struct decide_request *request = peek->request;
    int64_t per_ms = request->service->harvest.per_ms;
    *out = (struct counter_ask){ .client = encoded(arena, request->client, request->client->part_count),
                                 .service = request->service->id,
                                 .person = request->person,
                                 .now_ms = request->now_ms,
                                 .window_ms = per_ms > window_max_ms || per_ms == 0 ? window_max_ms : per_ms };
    return out->client.data != NULL;
}

static void peek_asked(const struct peek *peek, struct arena *arena, struct decide_counters *out)
{
    struct counter_ask ask;
    struct counter_asked asked;
    if (peek->request->service->harvest.per_ms == 0 || peek->request->person.size == 0) {
        return;
    }
    if (!peek_make_ask(peek, arena, &ask)) {
        out->is_full = true; /* fails closed */
        return;
    }
    counters_peek_asked(peek->counters, &ask, &asked);
    out->asked = asked.persons;
    out->is_asked = asked.is_known;
    out->is_full = asked.is_full;
    out->recent = asked.recent;
    /* A day of history, at least: before it nobody knows what is usual. */
    out->usual = asked.hours < COUNTER_RATE_WEIGHT ? 0 : asked.usual + asked.deviation;
}

struct counter_export peek_make_export(const struct peek *peek, struct arena *arena)
{
    const struct law_border *border = &peek->context->law->border;
    return (struct counter_export){ .exporter = encoded(arena, peek->service, 3),
                                    .year_ms = period_year_start(peek->request->now_ms, border->count_from_month, border->count_from_day),
                                    .person = peek->request->person };
}

struct counter_use peek_make_use(const struct consent_decision *consent, int64_t now_ms)
{
    const struct consent_limits *limits = &consent->terms->limits;
    return (struct counter_use){ .record = consent->record_id,
                                 .window_ms = counters_window(consent->valid_from_ms, limits->per, now_ms),
                                 .max = limits->max,
                                 .total = limits->total };
}

bool peek_has_limits(const struct consent_decision *consent)
{
    return consent != NULL && consent->terms != NULL && (consent->terms->limits.max > 0 || consent->terms->limits.total > 0);
}

static void peek_uses(const struct peek *peek, struct arena *arena, struct decide_counters *out)
{
    const struct consent_view *view = peek->context->consents;
    struct decide_use *uses = view->count == 0 ? NULL : arena_take(arena, view->count * sizeof *uses);
    out->uses = uses;
    out->use_count = 0;
    for (size_t i = 0; uses != NULL && i < view->count; i++) {
        const struct consent_decision *consent = &view->decisions[i];
        bool is_there = false;
        for (size_t j = 0; j < out->use_count && !is_there; j++) {
            is_there = bytes_equal(uses[j].record_id, consent->record_id);
        }
        if (!is_there && peek_has_limits(consent)) {
            const struct counter_use use = peek_make_use(consent, peek->request->now_ms);
            struct decide_use *to = &uses[out->use_count++];
            to->record_id = consent->record_id;
            counters_peek_use(peek->counters, &use, &to->in_period, &to->total);
        }
    }
}

void peek_counters(const struct peek *peek, struct arena *arena, struct decide_counters *out)
{
    struct counter_exported exported;
    if (peek->counters == NULL || peek->request->service == NULL) {
        return;
    }
    peek_asked(peek, arena, out);
    if (peek->context->consents == NULL) {
        return;
    }
    peek_uses(peek, arena, out);
    if (peek->context->parties.is_same_community) {
        return;
    }
    const struct counter_export export = peek_make_export(peek, arena);
    if (export.exporter.data == NULL) {
        out->is_full = true;
        return;
    }
    counters_peek_export(peek->counters, &export, &exported);
    out->exported = exported.persons;
    out->exported_sensitive = exported.sensitive_persons;
    out->is_exported = exported.is_counted;
    out->is_exported_sensitive = exported.is_counted_as_sensitive;
}
