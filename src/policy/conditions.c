#include "policy/conditions.h"

#include "base/time.h"

static void bind_life(struct conditions *conditions, struct period life, int64_t now_ms)
{
    if (!conditions->has_life || period_after(now_ms, life) < period_after(now_ms, conditions->life)) {
        conditions->has_life = true;
        conditions->life = life;
    }
}

static void bind_consent(struct conditions *conditions, const struct consent_limits *limits, int64_t now_ms)
{
    if (limits->has_recipient_life) {
        bind_life(conditions, limits->recipient_life, now_ms);
    }
    if (limits->erase_at_ms != 0 && (conditions->erase_at_ms == 0 || limits->erase_at_ms < conditions->erase_at_ms)) {
        conditions->erase_at_ms = limits->erase_at_ms;
    }
}

struct conditions conditions_of(const struct policy_service *service, const struct decide_result *decision, const bool *released,
                                int64_t now_ms)
{
    struct conditions conditions = { 0 };
    bool is_any = false;
    for (size_t i = 0; i < service->release_count; i++) {
        const struct consent_decision *consent = decision->consents[i];
        is_any = is_any || released[i];
        if (released[i] && consent != NULL && consent->terms != NULL) {
            bind_consent(&conditions, &consent->terms->limits, now_ms);
        }
    }
    if (is_any && service->conditions.has_life) {
        bind_life(&conditions, service->conditions.life, now_ms);
    }
    conditions.is_never_onward = is_any && service->conditions.is_never_onward;
    return conditions;
}

static void begin_item(struct buffer *out, size_t start)
{
    buffer_append_text(out, out->size > start ? ", " : "");
}

void conditions_write(const struct conditions *conditions, struct buffer *out)
{
    char life[PERIOD_TEXT_SIZE], moment[TIME_TEXT_SIZE];
    const size_t start = out->size;
    if (conditions->has_life) {
        buffer_append_format(out, "life=%s", period_text(conditions->life, life));
    }
    if (conditions->erase_at_ms != 0) {
        begin_item(out, start);
        /* Cut to its second: no later than what was said. */
        buffer_append_format(out, "erase-at=%.19sZ", time_text(conditions->erase_at_ms, moment));
    }
    if (conditions->is_never_onward) {
        begin_item(out, start);
        buffer_append_text(out, "onward=no");
    }
}
