/*
 * decide() against the slow model, in worlds drawn from dice. The environment variable DECIDE_WORLDS says how many (20,000), DECIDE_SEED where to
 * begin: `make soak` does millions.
 */
#include "decide_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"
#include "policy/decide_event.h"

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void compare(uint64_t seed, const struct case_world *w, const struct model_result *want, const struct decide_result *got)
{
    bool is_same = want->reason == got->reason && want->is_whole == got->is_whole && want->starts_hold == got->starts_hold;
    bool has_categories = is_same && w->has_service && w->has_person && !want->is_whole &&
                          (got->reason == REASON_NONE || reason_is_personal(got->reason) || got->withheld[0] != REASON_NONE);
    for (size_t i = 0; has_categories && i < w->release_count; i++) {
        if (want->withheld[i] != got->withheld[i] || want->permitted[i] != got->permitted[i]) {
            fail_msg("seed %llu, law %s, category %zu: the model says '%s', decide() '%s'", (unsigned long long)seed, world_laws[w->law], i,
                     reason_code(want->withheld[i]), reason_code(got->withheld[i]));
        }
    }
    if (!is_same) {
        fail_msg("seed %llu, law %s: the model says '%s', decide() '%s'", (unsigned long long)seed, world_laws[w->law],
                 reason_code(want->reason), reason_code(got->reason));
    }
    if (got->reason == REASON_NONE && !got->is_whole &&
        (want->is_break_glass != got->is_break_glass || want->counts_export != got->counts_export ||
         want->counts_sensitive != got->counts_sensitive)) {
        fail_msg("seed %llu: break-glass or what is counted differs", (unsigned long long)seed);
    }
}

/* The same again gives the same; without the person's view nothing leaves that needs it. */
static void check_again(uint64_t seed, struct world_built *b, const struct decide_result *first)
{
    struct decide_result again;
    decide(&b->request, &b->context, &again);
    assert_int_equal(again.reason, first->reason);
    assert_memory_equal(again.permitted, first->permitted, sizeof again.permitted);
    assert_memory_equal(again.withheld, first->withheld, sizeof again.withheld);
    b->context.consents = NULL;
    decide(&b->request, &b->context, &again);
    for (size_t i = 0; !again.is_whole && i < WORLD_RELEASES; i++) {
        if (again.permitted[i]) {
            fail_msg("seed %llu: category %zu is permitted blindly", (unsigned long long)seed, i);
        }
    }
    if (first->reason == REASON_NONE && !first->is_whole) {
        assert_true(again.needs_consent);
    }
    b->context.consents = &b->view;
}

/*
 * A consumer that asks about a person who never was here, and about one with whom things stand in any way whatever, is told the same unless data leave:
 * the same reason, the same categories, the same reasons of them.
 */
static void check_alike(uint64_t seed, struct world_built *b, const struct decide_result *first)
{
    static const struct consent_view nobody = { 0 };
    struct decide_result unknown;
    b->context.consents = &nobody;
    b->context.counters.is_exported = b->context.counters.is_exported_sensitive = false;
    decide(&b->request, &b->context, &unknown);
    b->context.consents = &b->view;
    if (first->reason == REASON_NONE || unknown.reason == REASON_NONE || first->categories[0].withheld == REASON_NONE) {
        return;
    }
    for (size_t i = 0; i < b->service.release_count; i++) {
        if (first->categories[i].is_sensitive != unknown.categories[i].is_sensitive) {
            return; /* a minor: what the law then asks of the basis differs */
        }
    }
    if (reason_told(first->reason) != reason_told(unknown.reason)) {
        fail_msg("seed %llu: '%s' is told apart from '%s'", (unsigned long long)seed, reason_code(first->reason),
                 reason_code(unknown.reason));
    }
}

static void decides_as_the_model(void **state)
{
    uint64_t count = number_of("DECIDE_WORLDS", 20000), seed = number_of("DECIDE_SEED", 1);
    uint64_t permits = 0, reasons[REASON_COUNT] = { 0 };
    (void)state;
    for (uint64_t i = 0; i < count; i++, seed++) {
        struct dice dice = { .state = seed * UINT64_C(0x9E3779B97F4A7C15) | 1 };
        static struct case_world world;
        static struct world_built built;
        struct model_result want;
        static struct decide_result got;
        world_draw(&world, &dice);
        world_build(&world, &built);
        model_decide(&world, &want);
        memset(&got, 0, sizeof got);
        decide(&built.request, &built.context, &got);
        compare(seed, &world, &want, &got);
        check_again(seed, &built, &got);
        check_alike(seed, &built, &got);
        permits += got.reason == REASON_NONE;
        reasons[got.reason]++;
        for (size_t j = 0; j < world.release_count && got.reason == REASON_NONE && !got.is_whole; j++) {
            reasons[got.withheld[j]]++;
        }
        world_clear(&built);
    }
    print_message("%llu worlds, %llu permits\n", (unsigned long long)count, (unsigned long long)permits);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (reasons[i] > 0) {
            print_message("%8llu %s\n", (unsigned long long)reasons[i], reason_code((enum reason)i));
        }
    }
    /* The dice reach everything that decide() can say, and permit often enough to test what permits. */
    static const enum reason reached[] = {
        REASON_BORDER_RECIPIENT,   REASON_SERVICE_UNKNOWN,   REASON_ACCESS_DENIED,
        REASON_PURPOSE_UNDECLARED, REASON_PURPOSE_FORBIDDEN, REASON_CONTRACT_ENDED,
        REASON_PERSON_MISSING,     REASON_HARVEST_LIMIT,     REASON_CATEGORY_NEVER,
        REASON_BASIS_NONE,         REASON_BASIS_LAW_REF,     REASON_BASIS_JUSTIFICATION,
        REASON_DPIA_MISSING,       REASON_DPIA_EXPIRED,      REASON_BORDER_FOREIGN_AUTHORITY,
        REASON_BORDER_LOCALISED,   REASON_BORDER_INSTRUMENT, REASON_BORDER_VOLUME,
        REASON_PERSON_RESTRICTED,  REASON_PERSON_DIED,       REASON_CONSENT_PAUSED,
        REASON_CONSENT_REFUSED,    REASON_CONSENT_WITHDRAWN, REASON_CONSENT_EXPIRED,
        REASON_CONSENT_SUPERSEDED, REASON_CONSENT_NONE,      REASON_NOTICE_INCOMPLETE,
        REASON_MINOR_UNKNOWN,      REASON_CONSENT_GUARDIAN,  REASON_CONSENT_NOT_SEPARATE,
        REASON_CONSENT_BORDER,     REASON_CONSENT_FREQUENCY, REASON_CONSENT_RANGE,
    };
    for (size_t i = 0; count >= 20000 && i < COUNT_OF(reached); i++) {
        if (reasons[reached[i]] == 0) {
            fail_msg("no world came to %s", reason_code(reached[i]));
        }
    }
    assert_true(permits * 8 > count);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decides_as_the_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
