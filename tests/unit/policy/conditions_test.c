#include "policy/conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t january = INT64_C(1767225600000); /* 2026-01-01 */
static const int64_t february = INT64_C(1769904000000);

/* Three categories, each on a consent of its own. */
struct scene {
    struct policy_service service;
    struct consent_terms terms[3];
    struct consent_decision consents[3];
    struct decide_result decision;
    bool released[DECIDE_CATEGORIES_MAX];
};

static void set_scene(struct scene *s)
{
    *s = (struct scene){ .service = { .release_count = 3 } };
    for (size_t i = 0; i < 3; i++) {
        s->consents[i].terms = &s->terms[i];
        s->decision.consents[i] = &s->consents[i];
        s->released[i] = true;
    }
}

static void expect(const struct scene *s, int64_t now_ms, const char *text)
{
    struct buffer out;
    buffer_init(&out, 256);
    const struct conditions found = conditions_of(&s->service, &s->decision, s->released, now_ms);
    conditions_write(&found, &out);
    if (!bytes_equal(buffer_bytes(&out), bytes_of_text(text))) {
        fail_msg("'%.*s' for '%s'", BYTES_FMT(buffer_bytes(&out)), text);
    }
    buffer_clear(&out);
}

static void set_life(struct scene *s, size_t i, struct period life)
{
    s->terms[i].limits.has_recipient_life = true;
    s->terms[i].limits.recipient_life = life;
}

static void narrowest_binds(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s);
    expect(&s, january, "");
    set_life(&s, 0, (struct period){ .days = 90 });
    expect(&s, january, "life=P90D");
    set_life(&s, 2, (struct period){ .seconds = 3600 });
    expect(&s, january, "life=PT1H");
    s.released[2] = false; /* what stayed here binds nobody */
    s.terms[0].limits.erase_at_ms = february + 999;
    s.terms[1].limits.erase_at_ms = january;
    expect(&s, january, "life=P90D, erase-at=2026-01-01T00:00:00Z");
    s.released[1] = false;
    expect(&s, january, "life=P90D, erase-at=2026-02-01T00:00:00Z");
    s.service.conditions = (struct policy_conditions){ .has_life = true, .life = { .days = 30 }, .is_never_onward = true };
    expect(&s, january, "life=P30D, erase-at=2026-02-01T00:00:00Z, onward=no");
    s.service.conditions.life.days = 91;
    expect(&s, january, "life=P90D, erase-at=2026-02-01T00:00:00Z, onward=no");
    s.released[0] = false;
    expect(&s, january, "");
}

static void a_month_is_as_long_as_it_is(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s);
    set_life(&s, 0, (struct period){ .months = 1 });
    set_life(&s, 1, (struct period){ .days = 30 });
    expect(&s, january, "life=P30D");
    expect(&s, february, "life=P1M");
}

static void other_bases_are_bound_by_the_policy(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s);
    s.decision.consents[0] = NULL;
    s.consents[1].terms = NULL;
    s.service.conditions.is_never_onward = true;
    expect(&s, january, "onward=no");
    s.service.conditions = (struct policy_conditions){ .has_life = true, .life = { .days = 1 } };
    expect(&s, january, "life=P1D");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrowest_binds),
        cmocka_unit_test(a_month_is_as_long_as_it_is),
        cmocka_unit_test(other_bases_are_bound_by_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
