/* What the holder counts: uses of consents, persons that go abroad, persons that a consumer asks about. Peeked for the decision, counted at the release. */
#include "gateway/holder_internal.h"

#include "policy/peek.h"
#include "rights/hold.h"

static struct peek peek_of(struct exchange *x)
{
    return (struct peek){ .counters = consents_counters(x->worker->gateway->consents),
                          .request = &x->asked,
                          .service = &x->parts.service,
                          .context = &x->grounds };
}

void holder_peek_counters(struct exchange *x)
{
    const struct peek peek = peek_of(x);
    peek_counters(&peek, x->arena, &x->grounds.counters);
    x->grounds.counters.is_held = x->asked.service != NULL &&
                                  hold_is_on(x->worker->gateway->rights, x->asked.recipient, x->asked.service->id);
}

/* Without memory the background makes up for it, when it comes to the decision. */
static void begin_hold(struct exchange *x)
{
    const uint64_t asked = x->grounds.counters.asked;
    const struct hold hold = { .consumer = x->asked.recipient,
                               .service = x->asked.service->id,
                               .since_ms = x->asked.now_ms,
                               .asked = asked > INT64_MAX ? -1 : (int64_t)asked };
    (void)hold_begin(x->worker->gateway->rights, &hold);
}

void holder_count_ask(struct exchange *x)
{
    const struct peek peek = peek_of(x);
    struct counter_ask ask;
    if (x->decision.starts_hold) {
        begin_hold(x);
    }
    if (peek.counters != NULL && x->service != NULL && !x->is_metadata && x->person.size > 0 && x->decided_at_ms != 0 &&
        peek_make_ask(&peek, x->arena, &ask)) {
        counters_add_ask(peek.counters, &ask);
    }
}

static uint64_t limit_of(uint64_t max)
{
    return max == UINT64_MAX ? 0 : max;
}

bool holder_release_counts(struct exchange *x, struct holder_counts *out)
{
    const struct decide_result *decision = &x->decision;
    const struct peek peek = peek_of(x);
    *out = (struct holder_counts){ .release = { .use_count = 0 } };
    if (x->service == NULL || x->is_metadata) {
        return true;
    }
    for (size_t i = 0; i < x->service->release_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < out->release.use_count && !is_there; j++) {
            is_there = decision->consents[i] != NULL && bytes_equal(out->uses[j].record, decision->consents[i]->record_id);
        }
        if (decision->permitted[i] && !is_there && peek_has_limits(decision->consents[i])) {
            out->uses[out->release.use_count++] = peek_make_use(decision->consents[i], x->asked.now_ms);
        }
    }
    out->release.uses = out->uses;
    if (decision->counts_export || decision->counts_sensitive) {
        out->exported = peek_make_export(&peek, x->arena);
        out->exported.is_sensitive = decision->counts_sensitive;
        out->exported.max = limit_of(decision->export_max);
        out->exported.max_sensitive = limit_of(decision->export_max_sensitive);
        out->release.exported = &out->exported;
    }
    return out->release.exported == NULL || out->exported.exporter.data != NULL;
}
