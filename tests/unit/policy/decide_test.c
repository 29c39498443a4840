#include "policy/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct bytes purpose_care = BYTES("https://w3id.org/dpv#Care");
static const struct bytes purpose_other = BYTES("https://w3id.org/dpv#Other");
static const struct bytes purpose_sale = BYTES("https://w3id.org/dpv#SellDataToThirdParties");
static const struct bytes iris[] = { BYTES("urn:c:0"), BYTES("urn:c:1"), BYTES("urn:c:2"), BYTES("urn:c:3") };

enum { CATEGORIES = 4, NOW_MS = 1000000 };

/* A world of one service, one client, and consents; the tests and the dice change it. */
struct scene {
    struct policy_category categories[CATEGORIES];
    struct policy_release releases[CATEGORIES];
    struct policy_right rights[1];
    struct bytes purposes[2];
    struct policy_service service;
    struct policy policy;
    struct identifier client;
    struct consent_decision decisions[CATEGORIES];
    struct consent_view view;
    struct decide_request request;
    struct decide_context context;
};

static void set_scene(struct scene *s)
{
    *s = (struct scene){ 0 };
    s->client = (struct identifier){ .parts = { BYTES("X"), BYTES("Y"), BYTES("Z"), BYTES("app") }, .part_count = 4 };
    s->rights[0] = (struct policy_right){ .subject = BYTES("X/Y/Z/app"), .parts = s->client, .method = BYTES("GET"), .path = BYTES("/**") };
    for (size_t i = 0; i < CATEGORIES; i++) {
        s->categories[i] = (struct policy_category){ .iri = iris[i], .is_sensitive = true };
        s->releases[i] = (struct policy_release){ .category = i, .basis = BASIS_CONSENT };
        s->decisions[i] = (struct consent_decision){
            .category = iris[i], .state = CONSENT_GIVEN, .valid_from_ms = 0, .valid_until_ms = NOW_MS + 1, .record_id = BYTES("c-1")
        };
    }
    s->purposes[0] = purpose_care;
    s->service = (struct policy_service){ .person_place = PERSON_PATH,
                                          .purposes = s->purposes,
                                          .purpose_count = 1,
                                          .releases = s->releases,
                                          .release_count = 2,
                                          .rights = s->rights,
                                          .right_count = 1 };
    s->policy = (struct policy){ .categories = s->categories, .category_count = CATEGORIES };
    s->view = (struct consent_view){ .decisions = s->decisions, .count = CATEGORIES };
    s->request = (struct decide_request){ .client = &s->client,
                                          .service = &s->service,
                                          .method = BYTES("GET"),
                                          .path = BYTES("/p"),
                                          .purpose = purpose_care,
                                          .person = BYTES("p"),
                                          .now_ms = NOW_MS };
    s->context = (struct decide_context){ .policy = &s->policy, .parties = { .is_recognised = true }, .consents = &s->view };
}

static enum reason decided(const struct scene *s, struct decide_result *result)
{
    decide(&s->request, &s->context, result);
    return result->reason;
}

static void consents_permit(void **state)
{
    struct scene s;
    struct decide_result result;
    (void)state;
    set_scene(&s);
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(result.permitted[0] && result.permitted[1] && !result.permitted[2]);
    assert_ptr_equal(result.consents[0], &s.decisions[0]);
    assert_false(result.is_whole || result.needs_consent);
    assert_true(bytes_equal(result.purpose, purpose_care));
    /* One of them refused: the other leaves. */
    s.decisions[1].state = CONSENT_REFUSED;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(result.permitted[0] && !result.permitted[1]);
    assert_int_equal(result.withheld[1], REASON_CONSENT_REFUSED);
    assert_null(result.consents[1]);
    /* On another basis without a consent. */
    s.categories[1].is_sensitive = false;
    s.releases[1].basis = BASIS_CONTRACT;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(result.permitted[1]);
    assert_null(result.consents[1]);
    /* A sensitive one never, whatever a policy made by hand says. */
    s.categories[1].is_sensitive = true;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_int_equal(result.withheld[1], REASON_BASIS_NONE);
}

static void checks_have_an_order(void **state)
{
    struct scene s;
    struct decide_result result;
    (void)state;
    set_scene(&s);
    /* All is wrong; then one after the other is made right. */
    s.service.release_count = 0;
    s.context.parties.is_recognised = false;
    s.request = (struct decide_request){ .client = &s.client, .method = BYTES("PUT"), .path = BYTES("/p"), .now_ms = NOW_MS };
    assert_int_equal(decided(&s, &result), REASON_BORDER_RECIPIENT);
    s.context.parties.is_recognised = true;
    assert_int_equal(decided(&s, &result), REASON_SERVICE_UNKNOWN);
    s.request.service = &s.service;
    assert_int_equal(decided(&s, &result), REASON_ACCESS_DENIED);
    s.request.method = BYTES("GET");
    assert_int_equal(decided(&s, &result), REASON_PURPOSE_UNDECLARED);
    s.request.purpose = purpose_other;
    assert_int_equal(decided(&s, &result), REASON_PURPOSE_FORBIDDEN);
    s.request.purpose = purpose_care;
    assert_int_equal(decided(&s, &result), REASON_PERSON_MISSING);
    s.request.person = BYTES("p");
    assert_int_equal(decided(&s, &result), REASON_BASIS_NONE);
    s.service.release_count = 1;
    s.view.count = 0;
    assert_int_equal(decided(&s, &result), REASON_CONSENT_NONE);
    s.view.count = CATEGORIES;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    s.service.release_count = DECIDE_CATEGORIES_MAX + 1;
    assert_int_equal(decided(&s, &result), REASON_GATEWAY_INTERNAL);
}

static void purposes(void **state)
{
    struct scene s;
    struct decide_result result;
    (void)state;
    set_scene(&s);
    s.request.purpose = BYTES_NONE;
    s.service.default_purpose = purpose_care;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(bytes_equal(result.purpose, purpose_care));
    s.purposes[0] = purpose_sale;
    s.request.purpose = purpose_sale;
    assert_int_equal(decided(&s, &result), REASON_PURPOSE_FORBIDDEN);
    /* About nobody: whole; a purpose is looked at where some are listed. */
    set_scene(&s);
    s.service.person_place = PERSON_NONE;
    s.service.release_count = 0;
    s.request.person = BYTES_NONE;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(result.is_whole && !result.permitted[0]);
    s.request.purpose = purpose_other;
    assert_int_equal(decided(&s, &result), REASON_PURPOSE_FORBIDDEN);
    assert_false(result.is_whole);
    s.service.purpose_count = 0;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    assert_true(result.is_whole);
    s.request.purpose = purpose_sale;
    assert_int_equal(decided(&s, &result), REASON_PURPOSE_FORBIDDEN);
    s.request.purpose = BYTES_NONE;
    assert_int_equal(decided(&s, &result), REASON_NONE);
}

static void the_view_is_asked_for(void **state)
{
    struct scene s;
    struct decide_result result;
    (void)state;
    set_scene(&s);
    s.context.consents = NULL;
    decide(&s.request, &s.context, &result);
    assert_true(result.needs_consent);
    assert_int_equal(result.reason, REASON_CONSENT_NONE); /* who forgets to ask again refuses */
    s.categories[0].is_sensitive = false;
    s.releases[0].basis = BASIS_VITAL;
    decide(&s.request, &s.context, &result);
    assert_true(result.needs_consent);
    s.service.release_count = 1;
    decide(&s.request, &s.context, &result);
    assert_false(result.needs_consent);
    assert_int_equal(result.reason, REASON_NONE);
    s.request.method = BYTES("PUT");
    decide(&s.request, &s.context, &result);
    assert_false(result.needs_consent);
}

static void the_most_telling_reason(void **state)
{
    const struct {
        enum consent_state a, b;
        enum reason reason;
    } row[] = {
        { CONSENT_WITHDRAWN, CONSENT_PAUSED, REASON_CONSENT_WITHDRAWN },
        { CONSENT_PAUSED, CONSENT_WITHDRAWN, REASON_CONSENT_WITHDRAWN },
        { CONSENT_EXPIRED, CONSENT_PAUSED, REASON_CONSENT_PAUSED },
        { CONSENT_EXPIRED, CONSENT_REFUSED, REASON_CONSENT_EXPIRED },
        { CONSENT_NONE, CONSENT_REFUSED, REASON_CONSENT_REFUSED },
        { CONSENT_REVOKED, CONSENT_NONE, REASON_CONSENT_WITHDRAWN },
        { CONSENT_REQUESTED, CONSENT_DEFERRED, REASON_CONSENT_NONE },
        { CONSENT_SUPERSEDED, CONSENT_INVALIDATED, REASON_CONSENT_NONE },
        { CONSENT_WITHDRAWN, CONSENT_GIVEN, REASON_NONE },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct scene s;
        struct decide_result result;
        set_scene(&s);
        s.decisions[0].state = row[i].a;
        s.decisions[1].state = row[i].b;
        if (decided(&s, &result) != row[i].reason) {
            fail_msg("row %zu: %s", i, reason_code(result.reason));
        }
    }
}

static void consents_end(void **state)
{
    struct scene s;
    struct decide_result result;
    (void)state;
    set_scene(&s);
    s.service.release_count = 1;
    s.decisions[0].valid_until_ms = NOW_MS;
    assert_int_equal(decided(&s, &result), REASON_CONSENT_EXPIRED);
    s.decisions[0].valid_until_ms = NOW_MS + 1;
    assert_int_equal(decided(&s, &result), REASON_NONE);
    s.decisions[0].valid_from_ms = NOW_MS + 1;
    s.decisions[0].valid_until_ms = NOW_MS + 2;
    assert_int_not_equal(decided(&s, &result), REASON_NONE);
}

/* ---- The model: the rules as sentences, each asked of each category anew ---- */

static bool model_given(const struct scene *s, size_t category)
{
    for (size_t i = 0; i < s->view.count; i++) {
        const struct consent_decision *d = &s->decisions[i];
        if (bytes_equal(d->category, iris[category])) {
            return d->state == CONSENT_GIVEN && d->valid_from_ms <= NOW_MS && NOW_MS < d->valid_until_ms;
        }
    }
    return false;
}

static bool model_permits(const struct scene *s, size_t release)
{
    const struct policy_release *r = &s->releases[release];
    struct bytes purpose = s->request.purpose.size > 0 ? s->request.purpose : s->service.default_purpose;
    bool is_purpose = false;
    for (size_t i = 0; i < s->service.purpose_count; i++) {
        is_purpose = is_purpose || bytes_equal(purpose, s->purposes[i]);
    }
    return s->context.parties.is_recognised && bytes_equal(s->request.method, BYTES("GET")) && is_purpose &&
           !bytes_equal(purpose, purpose_sale) && s->request.person.size > 0 && s->service.person_place != PERSON_NONE &&
           release < s->service.release_count &&
           (r->basis == BASIS_CONSENT ? model_given(s, r->category) : !s->categories[r->category].is_sensitive);
}

static unsigned roll(unsigned *dice, unsigned sides)
{
    return (unsigned)rand_r(dice) % sides;
}

static void shuffle(struct scene *s, unsigned *dice)
{
    const struct bytes declared[] = { purpose_care, purpose_care, purpose_other, purpose_sale, BYTES_NONE };
    set_scene(s);
    s->purposes[0] = declared[roll(dice, 4)];
    s->purposes[1] = purpose_other;
    s->service.purpose_count = 1 + roll(dice, 2);
    s->service.default_purpose = declared[roll(dice, 5)];
    s->service.release_count = roll(dice, CATEGORIES + 1);
    s->service.person_place = roll(dice, 8) == 0 ? PERSON_NONE : PERSON_PATH;
    s->view.count = roll(dice, CATEGORIES + 1);
    s->request.purpose = declared[roll(dice, 5)];
    s->context.parties.is_recognised = roll(dice, 8) > 0;
    s->request.method = roll(dice, 8) > 0 ? BYTES("GET") : BYTES("POST");
    s->request.person = roll(dice, 8) > 0 ? BYTES("p") : BYTES_NONE;
    for (size_t i = 0; i < CATEGORIES; i++) {
        s->categories[i].is_sensitive = roll(dice, 2) == 0;
        s->releases[i].category = (i + roll(dice, 2)) % CATEGORIES;
        s->releases[i].basis = (enum law_basis)(roll(dice, 3) == 0 ? 1 + roll(dice, 8) : 0);
        s->decisions[i].state = roll(dice, 2) == 0 ? CONSENT_GIVEN : (enum consent_state)roll(dice, CONSENT_INVALIDATED + 1);
        s->decisions[i].valid_from_ms = NOW_MS - 2 + (int64_t)roll(dice, 4);
        s->decisions[i].valid_until_ms = s->decisions[i].valid_from_ms + 1 + (int64_t)roll(dice, 4);
    }
}

static void decides_as_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200000; seed++) {
        struct scene s;
        struct decide_result result, again, blind;
        unsigned dice = seed;
        bool is_any = false;
        shuffle(&s, &dice);
        enum reason reason = decided(&s, &result);
        for (size_t i = 0; i < CATEGORIES; i++) {
            if (result.permitted[i] != model_permits(&s, i)) {
                fail_msg("seed %u: category %zu: %d", seed, i, result.permitted[i]);
            }
            is_any = is_any || result.permitted[i];
        }
        if ((reason == REASON_NONE) != (is_any || result.is_whole) || (is_any && result.is_whole)) {
            fail_msg("seed %u: %s", seed, reason_code(reason));
        }
        /* Deterministic; and without the view nothing that needs it is permitted. */
        (void)decided(&s, &again);
        assert_int_equal(again.reason, reason);
        assert_memory_equal(result.permitted, again.permitted, sizeof result.permitted);
        assert_memory_equal(result.withheld, again.withheld, sizeof result.withheld);
        s.context.consents = NULL;
        decide(&s.request, &s.context, &blind);
        for (size_t i = 0; i < CATEGORIES; i++) {
            if (blind.permitted[i] && (s.releases[i].basis == BASIS_CONSENT || !result.permitted[i])) {
                fail_msg("seed %u: category %zu is permitted blindly", seed, i);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consents_permit),       cmocka_unit_test(checks_have_an_order),    cmocka_unit_test(purposes),
        cmocka_unit_test(the_view_is_asked_for), cmocka_unit_test(the_most_telling_reason), cmocka_unit_test(consents_end),
        cmocka_unit_test(decides_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
