#include "law/tighten.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PD(name) BYTES("https://w3id.org/dpv/pd#" name)

static struct law *base;

static int load(void **state)
{
    struct error e = { 0 };
    (void)state;
    return law_load_builtin(&base, BYTES("CN-PIPL"), &e) ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    law_drop(base);
    return 0;
}

static void without_a_section_it_is_the_law_itself(void **state)
{
    struct law *law = NULL;
    struct error e = { 0 };
    (void)state;
    assert_true(law_tighten(&law, base, BYTES("services: []\nlawless: yes\n"), "policy.yaml", &e));
    assert_ptr_equal(law, base);
    law_drop(law);
    assert_true(law_tighten(&law, base, BYTES("law: {}\n"), "policy.yaml", &e));
    assert_true(law != base && law->is_tightened);
    assert_memory_equal(law->digest, base->digest, SHA256_SIZE);
    law_drop(law);
}

static void every_key_tightens(void **state)
{
    static const struct bytes policy = BYTES("services:\n- {id: x}\n"
                                             "law:\n"
                                             "  bases: [consent, contract, vital]\n"
                                             "  purposes: {forbidden: [dpv:Marketing]}\n"
                                             "  never_released: [pd:OfficialID]\n"
                                             "  minor: {age: 16, age_unknown: treat_as_minor}\n"
                                             "  sensitive: {categories: [pd:Income], other_bases: []}\n"
                                             "  separate_consent: [sensitive]\n"
                                             "  consent: {max_validity: P1Y, reask_after: P180D, written_for: [pd:Genetic]}\n"
                                             "  retention: {network_log: {least: P1Y, longest: P2Y}}\n"
                                             "  rights: {access: P1D, port: P7D}\n"
                                             "  breach: {person: PT12H, waiver_if_no_harm: false}\n"
                                             "  dpia: {valid: P6M}\n"
                                             "  border: {foreign_authority: refused, restricted: [XX]}\n"
                                             "  notice: {elements: [officer], languages: [zh]}\n"
                                             "categories: []\n");
    struct law *law = NULL;
    struct error e = { 0 };
    char text[512];
    (void)state;
    if (!law_tighten(&law, base, policy, "policy.yaml", &e)) {
        fail_msg("%s", error_text(&e, text, sizeof text));
    }
    assert_true(law_allows(law, BASIS_CONTRACT, false) && !law_allows(law, BASIS_STATUTORY_DUTY, false));
    assert_true(law_allows(base, BASIS_STATUTORY_DUTY, false));
    assert_false(law_allows(law, BASIS_VITAL, true));
    assert_true(law_allows(law, BASIS_VITAL, false) && law_allows(base, BASIS_VITAL, true));
    assert_true(law_forbids_purpose(law, BYTES("https://w3id.org/dpv#DirectMarketing")));
    assert_true(law_forbids_purpose(law, BYTES("https://w3id.org/dpv#SellDataToThirdParties")));
    assert_false(law_forbids_purpose(base, BYTES("https://w3id.org/dpv#DirectMarketing")));
    assert_true(law_never_releases(law, PD("Passport")) && !law_never_releases(base, PD("Passport")));
    assert_int_equal(law->minor_age.value, 16);
    assert_int_equal(law->minor_age_unknown, LAW_AGE_MINOR);
    assert_true(law_is_sensitive(law, PD("Income")) && !law_is_sensitive(base, PD("Income")) && law_is_sensitive(law, PD("Iris")));
    assert_int_equal(law->consent_max_validity.value.months, 12);
    assert_int_equal(law->consent_reask_after.value.days, 180);
    assert_int_equal(law->consent_written_for_count, 1);
    assert_int_equal(law->retention[LAW_NETWORK_LOG].longest.value.months, 24);
    assert_int_equal(law->rights[LAW_ACCESS].value.days, 1);
    assert_int_equal(law->rights_identity.value.days, 1); /* follows */
    assert_false(law->breach_waiver_if_no_harm.value);
    assert_int_equal(law->border.foreign_authority, LAW_FOREIGN_REFUSED);
    assert_int_equal(law->border.restricted_count, 1);
    assert_int_equal(law->notice_count, base->notice_count + 1);
    assert_int_equal(law->language_count, 1);
    law_drop(law);
}

static void nothing_loosens(void **state)
{
    static const struct {
        const char *section, *message;
    } row[] = {
        { "bases: [consent, legitimate_interest]", "policy.yaml:2: CN-PIPL doesn't allow the basis 'legitimate_interest' here" },
        { "bases: []", "policy.yaml:2: without 'consent' nobody could permit anything" },
        { "bases: [vital]", "policy.yaml:2: without 'consent' nobody could permit anything" },
        { "minor: {age: 13}", "policy.yaml:2: '13' loosens CN-PIPL, which says 14 (PIPL 31)" },
        { "minor: {age: 99}", "policy.yaml:2: an age of at most 25 stands here" },
        { "minor: {all_sensitive: false}", "policy.yaml:2: 'false' loosens CN-PIPL, which says true (PIPL 28)" },
        { "minor: {age_unknown: treat_as_adult}",
          "policy.yaml:2: 'treat_as_adult' loosens CN-PIPL, which says treat_as_minor_if_category_sensitive (PIPL 31)" },
        { "sensitive: {other_bases: [contract]}", "policy.yaml:2: CN-PIPL doesn't allow the basis 'contract' here" },
        { "sensitive: {categories: [pd:Incom]}", "policy.yaml:2: unknown category of data 'pd:Incom'; did you mean 'pd:Income'?" },
        { "consent: {max_validity: P4Y}", "policy.yaml:2: 'P4Y' loosens CN-PIPL, which says P3Y (PIPL 19)" },
        { "consent: {max_validity: P0D}", "policy.yaml:2: 'P0D' is no time at all" },
        { "consent: {reask_after: P1D}", "policy.yaml:2: 'P1D' loosens CN-PIPL, which says P90D (NDSMR 22)" },
        { "consent: {inherit_purpose: true}", "policy.yaml:2: 'true' loosens CN-PIPL, which says false (PIPL 6, 14)" },
        { "retention: {dpia: {least: P1Y}}", "policy.yaml:2: 'P1Y' loosens CN-PIPL, which says P3Y (PIPL 56)" },
        { "retention: {dpia: {longest: P1Y}}", "policy.yaml:2: the least retention can be longer than the longest: P3Y and P1Y" },
        { "rights: {access: P1M}", "policy.yaml:2: 'P1M' loosens CN-PIPL, which says P15D (PIPL 44, 45, 50)" },
        { "rights: {access: soon}", "policy.yaml:2: 'soon' is not a period of time" },
        { "breach: {authority: PT72H}", "policy.yaml:2: 'PT72H' loosens CN-PIPL, which says PT1H" },
        { "dpia: {valid: P2Y}", "policy.yaml:2: 'P2Y' loosens CN-PIPL, which says P1Y (PIPL 55, 56)" },
        { "border: {rule: free}", "policy.yaml:2: 'free' loosens CN-PIPL, which says instrument (PIPL 38)" },
        { "border: {separate_consent: never}", "policy.yaml:2: 'never' loosens CN-PIPL, which says always (PIPL 39)" },
        { "border: {restricted: [Kenya]}", "policy.yaml:2: 'Kenya' is not a country's code" },
        { "notice: {languages: [x]}", "policy.yaml:2: 'x' is not a language" },
        { "mercy: true", "policy.yaml:2: unknown key 'mercy'" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char policy[256], text[512];
        struct law *law = NULL;
        struct error e = { 0 };
        (void)snprintf(policy, sizeof policy, "law:\n  %s\n", row[i].section);
        if (law_tighten(&law, base, bytes_of_text(policy), "policy.yaml", &e)) {
            fail_msg("row %zu: %s is taken", i, row[i].section);
        }
        if (law != NULL || strstr(error_text(&e, text, sizeof text), row[i].message) == NULL) {
            fail_msg("row %zu: %s", i, text);
        }
    }
}

static void lines_are_those_of_the_file(void **state)
{
    static const struct {
        const char *policy, *where;
    } row[] = {
        { "# \xe4\xb8\xad\nservices: []\r\nlaw:\n  minor:\n    age: 3\ncategories: []\n", "p.yaml:5" },
        { "{services: [\xe4\xb8\xad], law: {minor: {age: 3}}, x: y}", "p.yaml:1" },
        { "\xef\xbb\xbflaw:\n  minor: {age: 3}\n", "p.yaml:2" },
        { "x: [1,\n2]\n\n\n\"law\": {minor: {\nage: 3}}\ny: {a: b}\n", "p.yaml:6" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct law *law = NULL;
        struct error e = { 0 };
        assert_false(law_tighten(&law, base, bytes_of_text(row[i].policy), "p.yaml", &e));
        if (strcmp(e.where, row[i].where) != 0 || strstr(e.what, "loosens") == NULL) {
            fail_msg("row %zu: %s: %s", i, e.where, e.what);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_section_it_is_the_law_itself),
        cmocka_unit_test(every_key_tightens),
        cmocka_unit_test(nothing_loosens),
        cmocka_unit_test(lines_are_those_of_the_file),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
