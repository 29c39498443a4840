#include "law/law.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "law/vocabulary.h"

#define PD(name) BYTES("https://w3id.org/dpv/pd#" name)
#define DPV(name) BYTES("https://w3id.org/dpv#" name)

static struct law *builtin(const char *id)
{
    struct law *law = NULL;
    struct error e = { 0 };
    char text[512];
    if (!law_load_builtin(&law, bytes_of_text(id), &e)) {
        fail_msg("%s", error_text(&e, text, sizeof text));
    }
    return law;
}

static void check_source(const struct law *law, const struct law_source *source, const char *what)
{
    if (source->article.size == 0) {
        fail_msg("%.*s: %s has no article", BYTES_FMT(law->id), what);
    }
}

static void all_profiles_are_good(void **state)
{
    (void)state;
    assert_int_equal(law_builtin_count, 5);
    for (size_t i = 0; i < law_builtin_count; i++) {
        struct law *law = builtin(law_builtins[i].id);
        assert_true(bytes_equal(law->id, bytes_of_text(law_builtins[i].id)));
        assert_ptr_equal(law_find_builtin(law->digest), &law_builtins[i]);
        for (size_t j = 0; j < law->sensitive_count; j++) {
            check_source(law, &law->sensitive[j].source, "a sensitive category");
        }
        for (size_t j = 0; j < LAW_RIGHT_COUNT; j++) {
            check_source(law, &law->rights[j].source, "a right");
        }
        /* What every one of them says (reference law.md 5, 6, 8). */
        assert_true(law_forbids_purpose(law, DPV("SellDataToThirdParties")));
        assert_false(law_forbids_purpose(law, DPV("ServiceProvision")));
        assert_true(law_never_releases(law, PD("Password")) && law_never_releases(law, PD("PINCode")));
        assert_false(law_never_releases(law, PD("Name")));
        assert_true(law_is_sensitive(law, PD("BloodType")) && law_is_sensitive(law, PD("DNACode")) && law_is_sensitive(law, PD("Retina")));
        assert_true(law_is_sensitive(law, BYTES("https://w3id.org/comity/pd#Voiceprint")));
        assert_true(law_is_sensitive(law, BYTES("https://w3id.org/dpv/sector/health#PatientSummary")));
        assert_true(law_is_sensitive(law, BYTES("https://w3id.org/dpv/sector/health#PersonalElectronicHealthData")));
        assert_true(law_is_sensitive(law, BYTES("https://example.org/unknown")));
        assert_true(law_is_sensitive(law, DPV("ServiceProvision"))); /* not a category at all */
        assert_false(law_is_sensitive(law, PD("Name")));
        assert_false(law_is_sensitive(law, PD("BirthDate")));
        assert_true(law_allows(law, BASIS_CONSENT, true) && law_allows(law, BASIS_CONSENT, false));
        assert_false(law_allows(law, BASIS_LEGITIMATE_INTEREST, true));
        law_drop(law);
    }
    assert_null(law_find_builtin((const uint8_t[SHA256_SIZE]){ 0 }));
}

static void laws_differ_as_they_do(void **state) /* reference law.md 5 and 6 */
{
    static const struct {
        const char *id, *from, *to;
        uint64_t age;
        uint32_t separate;
        bool accounts, whereabouts, criminal, ownership, vital, interest, is_domestic;
        uint32_t access_days, access_months;
    } row[] = {
        { "CN-PIPL", "CN", "HK", 14, 63, true, true, true, false, true, false, false, 15, 0 },
        { "EU-GDPR", "DE", "NO", 16, 37, false, false, true, false, true, true, true, 0, 1 },
        { "IN-DPDP", "IN", "IN", 18, 32, true, true, true, true, true, false, true, 30, 0 },
        { "KE-DPA", "KE", "UG", 18, 37, true, false, false, true, true, true, false, 7, 0 },
        { "strict", "", "", 18, 63, true, true, true, true, false, false, false, 7, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct law *law = builtin(row[i].id);
        bool is_as_said = law->minor_age.value == row[i].age && law->separate_consent.bits == row[i].separate &&
                          law_is_sensitive(law, PD("BankAccount")) == row[i].accounts &&
                          law_is_sensitive(law, PD("GPSCoordinate")) == row[i].whereabouts &&
                          law_is_sensitive(law, PD("CriminalConviction")) == row[i].criminal &&
                          law_is_sensitive(law, PD("HouseOwned")) == row[i].ownership &&
                          law_allows(law, BASIS_VITAL, true) == row[i].vital &&
                          law_allows(law, BASIS_LEGITIMATE_INTEREST, false) == row[i].interest &&
                          law_is_domestic(law, bytes_of_text(row[i].from), bytes_of_text(row[i].to)) == row[i].is_domestic &&
                          law->rights[LAW_ACCESS].value.days == row[i].access_days &&
                          law->rights[LAW_ACCESS].value.months == row[i].access_months;
        if (!is_as_said) {
            fail_msg("row %zu: %s says something else (separate %u)", i, row[i].id, law->separate_consent.bits);
        }
        law_drop(law);
    }
}

static void sensitivity_is_that_of_the_ancestors(void **state) /* the slow way: by the parents, for every law and category */
{
    (void)state;
    for (size_t i = 0; i < law_builtin_count; i++) {
        struct law *law = builtin(law_builtins[i].id);
        for (size_t t = 0; t < vocabulary_term_count; t++) {
            bool is_sensitive = vocabulary_terms[t].kind != VOCABULARY_CATEGORY;
            size_t queue[64] = { t }, count = 1;
            for (size_t q = 0; q < count && !is_sensitive; q++) {
                const struct vocabulary_term *term = &vocabulary_terms[queue[q]];
                for (size_t s = 0; s < law->sensitive_count; s++) {
                    is_sensitive = is_sensitive || bytes_equal(law->sensitive[s].iri, term->iri);
                }
                for (size_t p = 0; p < term->parent_count; p++) {
                    assert_true(count < COUNT_OF(queue));
                    queue[count++] = term->parents[p];
                }
            }
            if (law_is_sensitive(law, vocabulary_terms[t].iri) != is_sensitive) {
                fail_msg("%s: %.*s", law_builtins[i].id, BYTES_FMT(vocabulary_terms[t].iri));
            }
        }
        law_drop(law);
    }
}

static void the_vocabulary_is_in_order(void **state)
{
    size_t pd = 0;
    (void)state;
    for (size_t i = 0; i < vocabulary_term_count; i++) {
        assert_true(i == 0 || bytes_compare(vocabulary_terms[i - 1].iri, vocabulary_terms[i].iri) < 0);
        assert_ptr_equal(vocabulary_find(vocabulary_terms[i].iri), &vocabulary_terms[i]);
        pd += bytes_start_with(vocabulary_terms[i].iri, BYTES("https://w3id.org/dpv/pd#")) ? 1 : 0;
    }
    assert_int_equal(pd, 231);
    assert_null(vocabulary_find(BYTES("https://w3id.org/dpv/pd#")));
    assert_null(vocabulary_find(BYTES_NONE));
    assert_true(vocabulary_is_within(PD("CreditCardNumber"), PD("FinancialAccount")));
    assert_false(vocabulary_is_within(PD("FinancialAccount"), PD("CreditCardNumber")));
    assert_true(vocabulary_is_within(PD("PhysicalAddress"), PD("Location")) && vocabulary_is_within(PD("PhysicalAddress"), PD("Contact")));
    assert_true(vocabulary_is_within(BYTES("https://a.example/x"), BYTES("https://a.example/x")));
    assert_false(vocabulary_is_within(BYTES("https://a.example/x"), PD("Location")));
}

/* A profile of CN-PIPL with one place changed. Caller frees. */
static char *changed(const char *from, const char *to)
{
    struct bytes text = law_builtins[0].text;
    char *copy = malloc(text.size + strlen(to) + 1);
    assert_non_null(copy);
    const char *found = NULL;
    for (size_t i = 0; i + strlen(from) <= text.size && found == NULL; i++) {
        found = memcmp(text.data + i, from, strlen(from)) == 0 ? (const char *)text.data + i : NULL;
    }
    if (found == NULL) {
        fail_msg("'%s' is not in the profile", from);
    }
    size_t before = (size_t)(found - (const char *)text.data), behind = text.size - before - strlen(from);
    memcpy(copy, text.data, before);
    memcpy(copy + before, to, strlen(to));
    memcpy(copy + before + strlen(to), found + strlen(from), behind);
    copy[before + strlen(to) + behind] = '\0';
    return copy;
}

static void contradictions_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *from, *to, *message;
    } row[] = {
        { "{value: vital, article: \"PIPL 13(4), 18\"", "{value: legitimate_interest, article: x", "sensitive data never leave on" },
        { "{value: vital, article: \"PIPL 13(4), 18\"", "{value: public_interest, article: x",
          "'public_interest' is not among the law's 'bases'" },
        { "{value: vital, article: \"PIPL 13(4), 18\"", "{value: consent, article: x", "not another basis than consent" },
        { "  - {value: minor, article: PIPL 31}\n", "", "a guardian is required, but no separate consent of one" },
        { "{value: required, article: PIPL 31}", "{value: not_required, article: PIPL 31}", "but no guardian is required" },
        { "    - {value: guardian_text, when: minor, article: PIPL 31}\n", "", "no notice has a text for one" },
        { "valid: {value: P3Y, article: CBDF 9", "valid: {value: P60D, article: CBDF 9", "'renew_before' can be longer than 'valid'" },
        { "valid: {value: P3Y, article: CBDF 9", "valid: {value: none, article: CBDF 9", "has no end before which it could be renewed" },
        { "max_sensitive: {value: 9999, article: CBDF 8}", "max_sensitive: {value: 1000000, article: x}",
          "'max_sensitive' is larger than" },
        { "longest: {value: none, article: PIPL 19}", "longest: {value: P5M, article: PIPL 19}", "P6M and P5M" },
        { "value: pd:MedicalHealth", "value: pd:MedicalHelth",
          "unknown category of data 'pd:MedicalHelth'; did you mean 'pd:MedicalHealth'?" },
        { "value: dpv:SellDataToThirdParties", "value: pd:Name", "unknown purpose 'pd:Name'" },
        { "{value: pd:Sexual,", "{value: pd:Genetic,", "'pd:Genetic' is there twice" },
        { "  access: {value: P15D", "  acces: {value: P15D", "unknown key 'acces'" },
        { "  copy: {value: P15D, article: \"PIPL 45, 50\", chosen: true}\n", "", "'rights' has no key 'copy'" },
        { "  access: {value: P15D", "  access: {value: P0D", "'P0D' is no time at all" },
        { "  access: {value: P15D", "  access: {value: P1D", "the time for the identity can be longer than one for an answer" },
        { "  access: {value: P15D", "  access: {value: 15", "'15' is not a period of time" },
        { "kind: certification", "kind: security_assessment", "the instrument 'security_assessment' is there twice" },
        { "lifted_by: [security_assessment], article: PIPL 36", "lifted_by: [handshake], article: x",
          "there is no instrument 'handshake'" },
        { "state_organ: {value: true", "state_organ: {value: false", "nothing is lifted where nothing must stay at home" },
        { "separate_consent: {value: always", "separate_consent: {value: never", "disagree" },
        { "needs: [record]", "needs: [law_ref]", "without a record can't be proved" },
        { "  - {value: consent, needs: [record], article: PIPL 13(1)}\n", "", "the basis 'consent' is missing" },
        { "report: {value: P30D", "report: {value: PT30M", "may come after the full report" },
        { "age: {value: 14", "age: {value: 0", "an age from 1 to 25 stands here" },
        { "{value: 14, article: PIPL 31}", "{value: 14}", "'age' has no key 'article'" },
        { "{value: CN, article: PIPL 3}", "{value: China, article: PIPL 3}", "'China' is not a country's code" },
        { "restricted: []", "restricted: [{value: CN, article: x}]", "a country of the law's own territory is restricted" },
        { "count_from: {value: \"01-01\"", "count_from: {value: \"02-29\"", "not a day of every year" },
        { "version: 2026-11-24", "version: today", "'today' is not a date" },
        { "value: 2021-11-01", "value: 2021-02-29", "'2021-02-29' is not a date" },
        { "law: CN-PIPL", "law: CN/PIPL", "'CN/PIPL' can't be a law's id" },
        { "languages: []", "languages: [{value: english language, article: x}]", "is not a language" },
        { "value: holder_contact", "value: holder_name", "the element 'holder_name' is there twice" },
        { "languages: []", "languages: []\nlaw: x", "'law' is there twice" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct law *law = NULL;
        struct error e = { 0 };
        char text[512];
        char *profile = changed(row[i].from, row[i].to);
        bool is_taken = law_parse(&law, bytes_of_text(profile), "mine.yaml", &e);
        (void)error_text(&e, text, sizeof text);
        free(profile);
        law_drop(law);
        if (is_taken || strstr(text, row[i].message) == NULL || strncmp(text, "mine.yaml:", 10) != 0) {
            fail_msg("row %zu (%s): %s", i, row[i].to, is_taken ? "is taken" : text);
        }
    }
}

static void lines_are_right(void **state)
{
    struct law *law = NULL;
    struct error e = { 0 };
    char *profile = changed("  age: {value: 14", "  age: {value: 99");
    char where[32];
    unsigned line = 1;
    (void)state;
    for (const char *at = profile; at != strstr(profile, "  age: {value: 99"); at++) {
        line += *at == '\n' ? 1 : 0;
    }
    (void)snprintf(where, sizeof where, "m.yaml:%u", line);
    assert_false(law_parse(&law, bytes_of_text(profile), "m.yaml", &e));
    assert_string_equal(e.where, where);
    free(profile);
    assert_false(law_load_builtin(&law, BYTES("KE-DAP"), &e));
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_string_equal(e.todo, "did you mean KE-DPA?");
}

static void ages_decide_who_is_a_minor(void **state)
{
    struct law *law = builtin("CN-PIPL");
    int64_t born = period_day_of(2012, 11, 24), day_ms = 86400000;
    (void)state;
    assert_true(law_is_minor(law, born, period_day_of(2026, 11, 24) * day_ms - 1));
    assert_false(law_is_minor(law, born, period_day_of(2026, 11, 24) * day_ms));
    assert_true(law_is_minor(law, born, period_day_of(2000, 1, 1) * day_ms)); /* not born yet */
    law_drop(law);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_profiles_are_good),
        cmocka_unit_test(laws_differ_as_they_do),
        cmocka_unit_test(sensitivity_is_that_of_the_ancestors),
        cmocka_unit_test(the_vocabulary_is_in_order),
        cmocka_unit_test(contradictions_are_refused_with_their_line),
        cmocka_unit_test(lines_are_right),
        cmocka_unit_test(ages_decide_who_is_a_minor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
