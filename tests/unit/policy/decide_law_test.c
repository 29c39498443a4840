/* What the dice of decide_model_test.c don't throw: what comes before the categories, what is published, what is written, what is explained. */
#include "decide_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/decide_event.h"
#include "policy/explain.h"

/* A world in which all is in order: Kenya's law, a clinic in Kenya asks a hospital there for a name and a blood type, on consent. */
static void set_world(struct case_world *w)
{
    *w = (struct case_world){ .law = 3,
                              .is_recognised = true,
                              .has_service = true,
                              .has_right = true,
                              .is_about_person = true,
                              .has_person = true,
                              .purpose = 1,
                              .dpia = WHEN_NOW,
                              .duty = 0,
                              .holder_country = 2,
                              .client_country = 2,
                              .born = 1,
                              .is_notice_for_recipient = true,
                              .is_notice_for_purpose = true,
                              .does_notice_cross = true,
                              .does_notice_allow_minor = true,
                              .release_count = 2 };
    for (size_t i = 0; i < 2; i++) {
        w->releases[i] = (struct world_release){ .iri = (unsigned)i,
                                                 .has_decision = true,
                                                 .state = CONSENT_GIVEN,
                                                 .dates = WHEN_NOW,
                                                 .notice = 1,
                                                 .separate = 63,
                                                 .role = CONSENT_ROLE_PERSON,
                                                 .is_counted = true,
                                                 .is_in_notice = true,
                                                 .is_sensitive_in_notice = true };
    }
}

static struct case_world world;
static struct world_built built;
static struct decide_result result;

static enum reason decided(void)
{
    decide(&built.request, &built.context, &result);
    return result.reason;
}

static void all_in_order(void **state)
{
    (void)state;
    set_world(&world);
    world_build(&world, &built);
    assert_int_equal(decided(), REASON_NONE);
    assert_true(result.permitted[0] && result.permitted[1]);
    assert_ptr_equal(result.categories[1].notice, notices_find(built.notices, BYTES("n"), 0));
    assert_false(result.is_abroad || result.is_break_glass || result.has_data_from);
    world_clear(&built);
}

static void before_the_categories(void **state)
{
    (void)state;
    set_world(&world);
    world_build(&world, &built);
    built.service.release_count = DECIDE_CATEGORIES_MAX + 1;
    assert_int_equal(decided(), REASON_GATEWAY_INTERNAL);
    built.service.release_count = 0;
    assert_int_equal(decided(), REASON_BASIS_NONE);
    built.service.person_place = PERSON_NONE;
    built.service.purpose_count = 0;
    built.request.purpose = BYTES_NONE;
    assert_int_equal(decided(), REASON_NONE);
    assert_true(result.is_whole);
    built.request.purpose = BYTES("urn:whatever");
    assert_int_equal(decided(), REASON_NONE);
    built.service.person_place = PERSON_PATH;
    assert_int_equal(decided(), REASON_PURPOSE_FORBIDDEN); /* about a person none will do */
    built.service.purpose_count = 1;
    assert_int_equal(decided(), REASON_PURPOSE_FORBIDDEN);
    built.request.purpose = BYTES("https://w3id.org/dpv#SellDataToThirdParties");
    assert_int_equal(decided(), REASON_PURPOSE_FORBIDDEN);
    world_clear(&built);
}

/* The range that all consents have in common goes to the service. */
static void ranges_meet(void **state)
{
    (void)state;
    set_world(&world);
    world.keeps_range = true;
    world.releases[0].range = 1;
    world.releases[1].range = 3;
    world_build(&world, &built);
    built.terms[1].limits.data_from_ms = 300;
    assert_int_equal(decided(), REASON_NONE);
    assert_true(result.has_data_from && result.has_data_until);
    assert_int_equal(result.data_from_ms, 300);
    assert_int_equal(result.data_until_ms, 1000);
    built.terms[0].limits.data_from_ms = 400;
    built.terms[0].limits.has_data_until = true;
    built.terms[0].limits.data_until_ms = 900;
    assert_int_equal(decided(), REASON_NONE);
    assert_int_equal(result.data_from_ms, 400);
    assert_int_equal(result.data_until_ms, 900);
    built.terms[1].limits.data_until_ms = 5000;
    assert_int_equal(decided(), REASON_NONE);
    assert_int_equal(result.data_until_ms, 900);
    built.terms[0].limits.data_until_ms = 6000;
    assert_int_equal(decided(), REASON_NONE);
    assert_int_equal(result.data_until_ms, 5000);
    built.terms[0].limits.data_until_ms = 350;
    built.terms[0].limits.data_from_ms = 200;
    assert_int_equal(decided(), REASON_NONE);
    built.terms[1].limits.data_from_ms = 350;
    assert_int_equal(decided(), REASON_CONSENT_RANGE);
    world_clear(&built);
}

static void guard_and_emergency(void **state)
{
    (void)state;
    set_world(&world);
    world.law = 0;
    world.holder_country = world.client_country = 1;
    world.releases[1].is_also_vital = world.releases[1].has_law_ref = true;
    world_build(&world, &built);
    built.context.counters.is_held = true;
    assert_int_equal(decided(), REASON_HARVEST_LIMIT);
    built.request.claims_vital = true;
    built.request.justification = BYTES("why");
    built.request.confirmed_by = BYTES("who");
    assert_int_equal(decided(), REASON_NONE);
    assert_true(result.is_break_glass);
    built.request.confirmed_by = BYTES_NONE;
    assert_int_equal(decided(), REASON_BASIS_JUSTIFICATION);
    world.law = 6; /* which asks for no second person */
    built.context.law = world_law(6);
    assert_int_equal(decided(), REASON_HARVEST_LIMIT);
    built.policy.is_vital_confirmed = true;
    assert_int_equal(decided(), REASON_BASIS_JUSTIFICATION);
    world_clear(&built);
}

static void published_with_its_assessment(void **state)
{
    (void)state;
    set_world(&world);
    world_build(&world, &built);
    const struct law *law = world_law(4);
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_NONE);
    assert_int_equal(decide_published(&built.service, &built.policy, law, built.service.dpia.until_ms), REASON_DPIA_EXPIRED);
    assert_int_equal(decide_published(&built.service, &built.policy, law, built.service.dpia.from_ms - 1), REASON_DPIA_MISSING);
    built.service.dpia.ref = BYTES_NONE;
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_DPIA_MISSING);
    built.service.is_automated = true;
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_DPIA_MISSING);
    built.service.relation = RELATION_ENTRUST;
    built.service.release_count = 1; /* a name */
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_NONE);
    built.categories[0].is_sensitive = true;
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_DPIA_MISSING);
    built.service.person_place = PERSON_NONE;
    assert_int_equal(decide_published(&built.service, &built.policy, law, WORLD_NOW), REASON_NONE);
    world_clear(&built);
}

static void services_are_found(void **state)
{
    struct policy *policy = NULL;
    struct error e = { 0 };
    struct arena arena = { 0 };
    const struct policy_service *service = NULL;
    struct bytes path;
    uint8_t storage[4][64];
    struct identifier owner, client, ids[5];
    (void)state;
    static const char yaml[] =
        "services:\n- {id: A/B/C/D/s, url: \"http://h\", person: {in: none}, rights: [{subject: X/Y/Z, path: /a/**}]}\n"
        "- {id: A/B/C/D/old, type: soap}\n- {id: A/B/C/D/off, url: \"http://h\", person: {in: none}, disabled: closed, rights: "
        "[{subject: X/Y/Z}]}\n- {id: A/B/C/D/no, person: {in: none}, rights: [{subject: X/Y/Z}]}\n";
    assert_true(identifier_parse(BYTES("A/B/C"), 3, 3, storage[0], &owner, &e) &&
                identifier_parse(BYTES("X/Y/Z/app"), 4, 4, storage[1], &client, &e));
    assert_true(policy_parse(&policy, bytes_of_text(yaml), "p.yaml", ".", &owner, &e));
    static const char *const names[] = { "s", "old", "off", "no", "none" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ids[i] = (struct identifier){ .parts = { BYTES("A"), BYTES("B"), BYTES("C"), BYTES("D"), bytes_of_text(names[i]) },
                                      .part_count = 5 };
    }
    const struct {
        size_t id;
        const char *path;
        enum reason want;
    } rows[] = { { 0, "/a/b", REASON_NONE },        { 0, "/b", REASON_ACCESS_DENIED },   { 0, "/a/%2e%2e/b", REASON_ACCESS_DENIED },
                 { 1, "/", REASON_SERVICE_TYPE },   { 2, "/", REASON_SERVICE_DISABLED }, { 3, "/", REASON_SERVICE_NO_URL },
                 { 4, "/", REASON_SERVICE_UNKNOWN } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(decide_find_service(policy, &ids[rows[i].id], &client, BYTES("GET"), bytes_of_text(rows[i].path), &arena, &service,
                                             &path),
                         rows[i].want);
        assert_int_equal(service != NULL, rows[i].want != REASON_SERVICE_UNKNOWN);
    }
    assert_false(decide_is_metadata(&ids[0], BYTES("GET")));
    ids[0].parts[4] = BYTES("listMethods");
    assert_true(decide_is_metadata(&ids[0], BYTES("GET")));
    assert_false(decide_is_metadata(&ids[0], BYTES("POST")));
    ids[0].part_count = 4;
    assert_false(decide_is_metadata(&ids[0], BYTES("GET")));
    arena_clear(&arena);
    policy_drop(policy);
}

static void directories_say_who_they_are(void **state)
{
    struct directory_member organ = { .class_code = BYTES("B"), .code = BYTES("C"), .traits = DIRECTORY_STATE_ORGAN | DIRECTORY_CRITICAL };
    struct directory_member clinic = { .class_code = BYTES("Y"), .code = BYTES("Z") };
    struct directory own = { .community = BYTES("A"), .country = BYTES("CN"), .members = &organ, .member_count = 1 };
    struct directory other = { .community = BYTES("X"), .country = BYTES("KE"), .members = &clinic, .member_count = 1 };
    struct identifier service = { .parts = { BYTES("A"), BYTES("B"), BYTES("C"), BYTES("D"), BYTES("s") }, .part_count = 5 };
    struct identifier client = { .parts = { BYTES("X"), BYTES("Y"), BYTES("Z"), BYTES("app") }, .part_count = 4 };
    (void)state;
    struct decide_parties p = decide_parties_of(&client, &service, &own, &other);
    assert_true(p.is_recognised && p.is_state_organ && p.is_critical && !p.is_client_state_organ && !p.is_same_community &&
                !p.is_same_member);
    assert_true(bytes_equal(p.holder_country, BYTES("CN")) && bytes_equal(p.client_country, BYTES("KE")));
    clinic.traits = DIRECTORY_STATE_ORGAN;
    assert_true(decide_parties_of(&client, &service, &own, &other).is_client_state_organ);
    p = decide_parties_of(&client, &service, &own, NULL);
    assert_true(!p.is_recognised && p.client_country.size == 0 && !p.is_client_state_organ);
    struct identifier home = { .parts = { BYTES("A"), BYTES("B"), BYTES("C"), BYTES("E") }, .part_count = 4 };
    p = decide_parties_of(&home, &service, &own, &own);
    assert_true(p.is_same_community && p.is_same_member && p.is_client_state_organ);
    home.parts[2] = BYTES("F");
    p = decide_parties_of(&home, &service, &own, &own);
    assert_true(p.is_same_community && !p.is_same_member && !p.is_client_state_organ);
    home.parts[1] = BYTES("G");
    assert_false(decide_parties_of(&home, &service, &own, &own).is_same_member);
}

static bool has(const struct buffer *text, const char *wanted)
{
    struct bytes want = bytes_of_text(wanted);
    for (size_t i = 0; i + want.size <= text->size; i++) {
        if (memcmp(text->data + i, want.data, want.size) == 0) {
            return true;
        }
    }
    return false;
}

static void write_both(enum reason reason, struct buffer *event, struct buffer *words)
{
    buffer_reset(event);
    buffer_reset(words);
    decide_write_outcome(&built.request, &built.context, &result, reason, true, event);
    decide_write_grounds(&built.context, &result, event);
    explain_write(&built.request, &built.context, &result, words);
    assert_false(event->failed || words->failed);
}

static void what_is_written(void **state)
{
    struct buffer event, words;
    (void)state;
    buffer_init(&event, 65536);
    buffer_init(&words, 65536);
    set_world(&world);
    world.law = 0;
    world.holder_country = 1;
    world.client_country = 2;
    world.instrument_count = 1;
    world.instruments[0] = (struct world_instrument){ .kind = 2, .when = WHEN_NOW, .max_persons = UINT64_MAX, .max_sensitive = UINT64_MAX };
    world.instruments[0].covers[0] = world.instruments[0].covers[1] = true;
    world.releases[1].separate = LAW_SEPARATE_PROVIDE | LAW_SEPARATE_BORDER;
    world.exported = 7;
    world_build(&world, &built);
    assert_int_equal(decided(), REASON_NONE);
    write_both(REASON_NONE, &event, &words);
    static const char *const event_lines[] = {
        "person: p-1\n",
        "verdict: permit\n",
        "released: https://w3id.org/dpv/pd#Name\n",
        "consent: c-0\n",
        "basis: consent https://w3id.org/dpv/pd#Name\n",
        "why: consent.not_separate https://w3id.org/dpv/pd#BloodType\n",
        "instrument: i-0\n",
        "notice: sha-256=:",
        "law: sha-256=:",
        "exported: 7 0 0 0\n",
        "used: 0 0 c-0\n",
    };
    for (size_t i = 0; i < COUNT_OF(event_lines); i++) {
        if (!has(&event, event_lines[i])) {
            fail_msg("no '%s' in\n%.*s", event_lines[i], BYTES_FMT(buffer_bytes(&event)));
        }
    }
    static const char *const told[] = { "permitted\n",
                                        "leaves on consent [PIPL 13(1)], consent c-0 on notice n@3, abroad on i-0",
                                        "missing: sensitive",
                                        "would change it: ",
                                        "PIPL 29",
                                        "from CN to KE" };
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        if (!has(&words, told[i])) {
            fail_msg("no '%s' in\n%.*s", told[i], BYTES_FMT(buffer_bytes(&words)));
        }
    }
    assert_false(has(&words, "p-1"));
    built.request.claims_vital = true;
    built.request.justification = BYTES("unconscious\nfor an hour");
    built.request.confirmed_by = BYTES("Dr B");
    built.context.counters.is_held = true;
    built.releases[1].also_bases = LAW_BASIS_BIT(BASIS_VITAL);
    built.releases[1].law_ref = BYTES("PIPL 13(4)");
    assert_int_equal(decided(), REASON_NONE);
    write_both(REASON_NONE, &event, &words);
    assert_true(has(&event, "claim: vital\njustification: unconscious%0Afor an hour\nconfirmed_by: Dr B\nreview_by: "));
    assert_true(has(&event, "asked: 0 0 0 0 0 1\n"));
    assert_true(has(&words, "break-glass: to be reviewed by "));
    /* Refused after it was permitted: nothing is said to have left. */
    write_both(REASON_LOG_UNAVAILABLE, &event, &words);
    assert_true(has(&event, "verdict: refuse\nreason: log.unavailable\nwithheld: "));
    assert_false(has(&event, "released: ") || has(&event, "basis: ") || has(&event, "review_by: "));
    world_clear(&built);
    buffer_clear(&event);
    buffer_clear(&words);
}

/* Of a kind that the law doesn't know, an instrument ends when it says; and operators are not warned twice of one day. */
static void instruments_end(void **state)
{
    int64_t moments[3];
    struct border_instrument instrument = { .kind = BYTES("nonesuch"), .from_ms = 0, .until_ms = WORLD_NOW };
    (void)state;
    assert_int_equal(border_instrument_end(world_law(6), &instrument), WORLD_NOW);
    assert_int_equal(border_renewal_moments(world_law(6), &instrument, moments), 2);
    instrument.kind = BYTES("contract"); /* which there is renewed 30 days before */
    instrument.from_ms = WORLD_NOW - 1000;
    assert_int_equal(border_renewal_moments(world_law(6), &instrument, moments), 2);
    assert_int_equal(border_renewal_moments(world_law(4), &instrument, moments), 3);
}

/* Whatever decide() gives as a reason, somebody can do something about it, or is told that nobody can. */
static void every_reason_has_a_remedy(void **state)
{
    (void)state;
    for (size_t i = 1; i < REASON_COUNT; i++) {
        assert_true(strlen(explain_remedy((enum reason)i, false)) > 0);
        if (reason_is_personal((enum reason)i)) {
            assert_string_not_equal(explain_remedy((enum reason)i, false), reason_meaning((enum reason)i));
        }
    }
    assert_string_not_equal(explain_remedy(REASON_HARVEST_LIMIT, true), explain_remedy(REASON_HARVEST_LIMIT, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_order),
        cmocka_unit_test(before_the_categories),
        cmocka_unit_test(ranges_meet),
        cmocka_unit_test(guard_and_emergency),
        cmocka_unit_test(published_with_its_assessment),
        cmocka_unit_test(services_are_found),
        cmocka_unit_test(directories_say_who_they_are),
        cmocka_unit_test(what_is_written),
        cmocka_unit_test(instruments_end),
        cmocka_unit_test(every_reason_has_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
