/* What the holder counts: uses of consents, persons that go abroad, persons that a consumer asks about. Peeked for the decision, counted at the release. */
#include "gateway/holder_internal.h"

#include "law/period.h"

static const int64_t window_max_ms = (int64_t)COUNTER_WINDOW_STEPS_MAX * COUNTER_STEP_MS;

static struct bytes encoded(struct exchange *x, const struct identifier *id, size_t parts)
{
    struct buffer text;
    buffer_init(&text, 8192);
    identifier_append_parts(&text, id, parts);
    struct bytes copy = text.failed ? BYTES_NONE : arena_copy(x->arena, buffer_bytes(&text));
    buffer_clear(&text);
    return copy;
}

static bool make_ask(struct exchange *x, struct counter_ask *ask)
{
    int64_t per_ms = x->service->harvest.per_ms;
    *ask = (struct counter_ask){ .client = encoded(x, &x->client, x->client.part_count),
                                 .service = x->service->id,
                                 .person = x->person,
                                 .now_ms = x->asked.now_ms,
                                 .window_ms = per_ms > window_max_ms || per_ms == 0 ? window_max_ms : per_ms };
    return ask->client.data != NULL;
}

static void peek_asked(struct exchange *x, struct counters *counters, struct decide_counters *out)
{
    struct counter_ask ask;
    struct counter_asked asked;
    if (x->service->harvest.per_ms == 0 || x->person.size == 0) {
        return;
    }
    if (!make_ask(x, &ask)) {
        out->is_full = true; /* fails closed */
        return;
    }
    counters_peek_asked(counters, &ask, &asked);
    out->asked = asked.persons;
    out->is_asked = asked.is_known;
    out->is_full = asked.is_full;
    out->recent = asked.recent;
    /* A day of history, at least: before it nobody knows what is usual. */
    out->usual = asked.hours < COUNTER_RATE_WEIGHT ? 0 : asked.usual + asked.deviation;
}

static struct counter_export export_of(struct exchange *x)
{
    const struct law_border *border = &x->snapshot->rules->border;
    return (struct counter_export){ .exporter = encoded(x, &x->parts.service, 3),
                                    .year_ms = period_year_start(x->asked.now_ms, border->count_from_month, border->count_from_day),
                                    .person = x->person };
}

static struct counter_use use_of(const struct consent_decision *consent, int64_t now_ms)
{
    const struct consent_limits *limits = &consent->terms->limits;
    return (struct counter_use){ .record = consent->record_id,
                                 .window_ms = counters_window(consent->valid_from_ms, limits->per, now_ms),
                                 .max = limits->max,
                                 .total = limits->total };
}

static bool has_limits(const struct consent_decision *consent)
{
    return consent != NULL && consent->terms != NULL && (consent->terms->limits.max > 0 || consent->terms->limits.total > 0);
}

static void peek_uses(struct exchange *x, struct counters *counters, struct decide_counters *out)
{
    size_t count = x->consents.count;
    struct decide_use *uses = count == 0 ? NULL : arena_take(x->arena, count * sizeof *uses);
    out->uses = uses;
    out->use_count = 0;
    for (size_t i = 0; uses != NULL && i < count; i++) {
        const struct consent_decision *consent = &x->consents.decisions[i];
        bool is_there = false;
        for (size_t j = 0; j < out->use_count && !is_there; j++) {
            is_there = bytes_equal(uses[j].record_id, consent->record_id);
        }
        if (!is_there && has_limits(consent)) {
            const struct counter_use use = use_of(consent, x->asked.now_ms);
            struct decide_use *to = &uses[out->use_count++];
            to->record_id = consent->record_id;
            counters_peek_use(counters, &use, &to->in_period, &to->total);
        }
    }
}

void holder_peek_counters(struct exchange *x)
{
    struct counters *counters = consents_counters(x->worker->gateway->consents);
    struct decide_counters *out = &x->grounds.counters;
    struct counter_exported exported;
    if (counters == NULL || x->snapshot->rules == NULL) {
        return;
    }
    peek_asked(x, counters, out);
    if (!x->consents.is_read) {
        return;
    }
    peek_uses(x, counters, out);
    const struct counter_export export = export_of(x);
    if (!x->grounds.parties.is_same_community && export.exporter.data != NULL) {
        counters_peek_export(counters, &export, &exported);
        out->exported = exported.persons;
        out->exported_sensitive = exported.sensitive_persons;
        out->is_exported = exported.is_counted;
        out->is_exported_sensitive = exported.is_counted_as_sensitive;
    }
}

void holder_count_ask(struct exchange *x)
{
    struct counters *counters = consents_counters(x->worker->gateway->consents);
    struct counter_ask ask;
    if (counters != NULL && x->service != NULL && !x->is_metadata && x->person.size > 0 && x->decided_at_ms != 0 && make_ask(x, &ask)) {
        counters_add_ask(counters, &ask);
    }
}

static uint64_t limit_of(uint64_t max)
{
    return max == UINT64_MAX ? 0 : max;
}

bool holder_release_counts(struct exchange *x, struct holder_counts *out)
{
    const struct decide_result *decision = &x->decision;
    *out = (struct holder_counts){ .release = { .use_count = 0 } };
    if (x->snapshot->rules == NULL || x->service == NULL || x->is_metadata) {
        return true;
    }
    for (size_t i = 0; i < x->service->release_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < out->release.use_count && !is_there; j++) {
            is_there = decision->consents[i] != NULL && bytes_equal(out->uses[j].record, decision->consents[i]->record_id);
        }
        if (decision->permitted[i] && !is_there && has_limits(decision->consents[i])) {
            out->uses[out->release.use_count++] = use_of(decision->consents[i], x->asked.now_ms);
        }
    }
    out->release.uses = out->uses;
    if (decision->counts_export || decision->counts_sensitive) {
        out->exported = export_of(x);
        out->exported.is_sensitive = decision->counts_sensitive;
        out->exported.max = limit_of(decision->export_max);
        out->exported.max_sensitive = limit_of(decision->export_max_sensitive);
        out->release.exported = &out->exported;
    }
    return out->release.exported == NULL || out->exported.exporter.data != NULL;
}
