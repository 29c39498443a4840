#include "consent/notice_check.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "notice_fixture.h"

static const int64_t now_ms = 1795507200000; /* 2026-11-24T08:00:00Z */

static struct law *load(const char *id)
{
    struct law *law = NULL;
    struct error e = { 0 };
    if (!law_load_builtin(&law, bytes_of_text(id), &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    return law;
}

/* All findings as "pointer|article " in one text. */
static void check_text(const struct law *law, const char *patch, char *out, size_t size)
{
    struct notice *notice = notice_fixture(patch);
    struct notice_findings findings;
    struct error e;
    size_t used = 0;
    const struct notice_ground ground = { .law = law, .now_ms = now_ms };
    assert_true(notice_check(notice, &ground, &findings, &e));
    out[0] = '\0';
    for (size_t i = 0; i < findings.count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s|%.*s", i > 0 ? " " : "", findings.items[i].pointer,
                                 BYTES_FMT(findings.items[i].article));
        assert_true(used < size);
        assert_true(findings.items[i].what[0] != '\0');
    }
    notice_findings_clear(&findings);
    notice_drop(notice);
}

/* The complete notice passes; each element that is taken out of it is found, with its article, and nothing else is. */
static void finds_what_is_missing_under_pipl(void **state)
{
    (void)state;
    const struct {
        const char *patch, *want;
    } rows[] = {
        { NULL, "" },
        { "{\"lifecycle\":\"draft\"}", "/lifecycle|" },
        { "{\"law\":\"EU-GDPR\"}", "/law|" },
        { "{\"holder\":{\"name\":null}}", "/holder/name|PIPL 17(1)" },
        { "{\"holder\":{\"contact\":null}}", "/holder/contact|PIPL 17(1)" },
        { "{\"purpose\":{\"text\":null}}", "/purpose/text|PIPL 17(2)" },
        { "{\"method\":null}", "/method|PIPL 17(2)" },
        { "{\"processing\":[]}", "/processing|PIPL 17(2)" },
        { "{\"retention\":null}", "/retention|PIPL 17(2)" },
        { "{\"rights\":null}", "/rights/url|PIPL 17(3)" },
        { "{\"withdrawal\":null}", "/withdrawal/url|PIPL 15, 17(3)" },
        { "{\"withdrawal\":{\"text\":null}}", "/withdrawal/text|PIPL 15, 17(3)" },
        { "{\"refusalEffect\":null}", "/refusalEffect|PIPL 16" },
        { "{\"recipient\":{\"name\":null}}", "/recipient/name|PIPL 23" },
        { "{\"recipient\":{\"contact\":null}}", "/recipient/contact|PIPL 23" },
        { "{\"recipient\":{\"country\":null}}", "/recipient/country|PIPL 39" },
        { "{\"border\":{\"remedyText\":null}}", "/border/remedyText|PIPL 39" },
        { "{\"border\":{\"safeguardText\":null}}", "/border/safeguardText|PIPL 38, 39" },
        { "{\"minor\":{\"guardianText\":null}}", "/minor/guardianText|PIPL 31" },
        { "{\"minor\":{\"guardianRequiredBelow\":13}}", "/minor/guardianRequiredBelow|" },
        { "{\"minor\":{\"allowed\":false,\"guardianText\":null,\"guardianRequiredBelow\":null}}", "" },
        { "{\"automatedDecision\":true}", "/automatedText|PIPL 24" },
        { "{\"dpia\":null}", "/dpia|" },
        { "{\"recipient\":{\"member\":\"CN/GOV/HOSP1\"}}", "/recipient/member|" },
        { "{\"service\":[\"CN/GOV/HOSP1/EHR/summary\",\"CN/GOV/HOSP2/EHR/summary\"]}", "/service/1|" },
        { "{\"onward\":[\"KE/MED/LAB\",\"KE/MED/CLINIC9\"]}", "/onward/1|" },
        { "{\"purpose\":{\"iri\":\"https://w3id.org/dpv#MakeThingsUp\"}}", "/purpose/iri|" },
        { "{\"purpose\":{\"iri\":\"https://w3id.org/dpv/pd#Name\"}}", "/purpose/iri|" },
        { "{\"processing\":[\"https://w3id.org/dpv#Ponder\"]}", "/processing/0|" },
        { "{\"maxValidity\":null}", "/maxValidity|" },
        { "{\"maxValidity\":\"P10Y\"}", "/maxValidity|" },
        { "{\"maxValidity\":\"PT0S\"}", "/maxValidity|" },
        { "{\"retention\":{\"eraseAt\":\"2026-01-01T00:00:00Z\"}}", "/retention/eraseAt|" },
        { "{\"basis\":\"legitimate_interest\",\"basisText\":{\"zh\":\"x\",\"en\":\"x\"}}", "/basis|" },
        { "{\"method\":{\"en\":null}}", "/method|" },
        { "{\"method\":{\"sw\":\"mara moja\"}}", "/method|" },
        { "{\"recipient\":{\"representative\":{\"en\":\"r\"}}}", "/recipient/representative|" },
    };
    struct law *law = load("CN-PIPL");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char got[2048];
        check_text(law, rows[i].patch, got, sizeof got);
        /* An article that a row leaves open may be any. */
        size_t size = strlen(rows[i].want);
        bool is_open = size > 0 && rows[i].want[size - 1] == '|';
        if (is_open ? strncmp(got, rows[i].want, size) != 0 || strchr(got + size, '/') != NULL : strcmp(got, rows[i].want) != 0) {
            fail_msg("row %zu %s: found \"%s\", want \"%s\"", i, rows[i].patch, got, rows[i].want);
        }
    }
    law_drop(law);
}

/* Each category by itself. */
static void finds_each_category(void **state)
{
    (void)state;
    struct law *law = load("CN-PIPL");
    char got[2048];
    check_text(
        law,
        "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#BloodType\",\"sensitive\":true,\"necessity\":\"required\"},"
        "{\"iri\":\"https://w3id.org/dpv/pd#Location\",\"sensitive\":false,\"necessity\":\"optional\"},"
        "{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"sensitive\":false,\"necessity\":\"optional\"},"
        "{\"iri\":\"https://example.org/own#Thing\",\"sensitive\":true,\"necessity\":\"optional\",\"necessityText\":{\"zh\":\"a\",\"en\":\"a\"},"
        "\"impactText\":{\"zh\":\"a\"}}]}",
        got, sizeof got);
    assert_string_equal(got, "/categories/1/sensitive|PIPL 28 /categories/3/iri| /categories/0/necessityText|PIPL 30 "
                             "/categories/1/necessityText|PIPL 30 /categories/0/impactText|PIPL 30 /categories/1/impactText|PIPL 30 "
                             "/categories/3/impactText|");
    law_drop(law);
}

/* A border is what the countries make of it, whatever the notice says. */
static void finds_a_border_that_is_denied(void **state)
{
    (void)state;
    struct law *law = load("CN-PIPL");
    char got[2048];
    check_text(law, "{\"border\":null}", got, sizeof got);
    assert_non_null(strstr(got, "/border/crosses|"));
    assert_non_null(strstr(got, "/border/instrument|"));
    assert_non_null(strstr(got, "/border/remedyText|PIPL 39"));
    check_text(law, "{\"border\":null,\"recipient\":{\"country\":null}}", got, sizeof got); /* another community, no country */
    assert_non_null(strstr(got, "/border/crosses|"));
    check_text(law, "{\"border\":null,\"recipient\":{\"member\":\"CN/MED/CLINIC9\",\"country\":\"CN\"}}", got, sizeof got);
    assert_string_equal(got, "");
    law_drop(law);
}

static void forbidden_purposes_stay_forbidden(void **state)
{
    (void)state;
    const char *const laws[] = { "CN-PIPL", "EU-GDPR", "IN-DPDP", "KE-DPA", "strict" };
    for (size_t i = 0; i < COUNT_OF(laws); i++) {
        struct law *law = load(laws[i]);
        char got[4096], patch[160];
        (void)snprintf(patch, sizeof patch, "{\"law\":\"%s\",\"purpose\":{\"iri\":\"https://w3id.org/dpv#SellDataToThirdParties\"}}",
                       laws[i]);
        check_text(law, patch, got, sizeof got);
        assert_non_null(strstr(got, "/purpose/iri|"));
        law_drop(law);
    }
}

/* Under the other laws: what each asks for beside PIPL. */
static void finds_what_other_laws_ask(void **state)
{
    (void)state;
    const struct {
        const char *law, *missing;
    } rows[] = {
        { "EU-GDPR", "/holder/officer|" },
        { "EU-GDPR", "/obligationText|" },
        { "strict", "/minor/guardianRequiredBelow|" },
        { "IN-DPDP", "/minor/guardianRequiredBelow|" },
        { "KE-DPA", "/minor/guardianRequiredBelow|" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct law *law = load(rows[i].law);
        char got[4096], patch[64];
        (void)snprintf(patch, sizeof patch, "{\"law\":\"%s\"}", rows[i].law);
        check_text(law, patch, got, sizeof got);
        if (strstr(got, rows[i].missing) == NULL) {
            fail_msg("row %zu: %s", i, got);
        }
        law_drop(law);
    }
}

static bool owns(const void *context, struct bytes iri)
{
    return bytes_equal(iri, bytes_of_text(context));
}

static void takes_the_policys_own_words(void **state)
{
    (void)state;
    struct law *law = load("CN-PIPL");
    struct notice *notice = notice_fixture("{\"purpose\":{\"iri\":\"https://hosp1.example/purpose#Round\"}}");
    struct notice_ground ground = { .law = law, .now_ms = now_ms };
    struct notice_findings findings;
    struct error e;
    assert_true(notice_check(notice, &ground, &findings, &e));
    assert_int_equal(findings.count, 1);
    notice_findings_clear(&findings);
    ground.is_own = owns;
    ground.context = "https://hosp1.example/purpose#Round";
    assert_true(notice_check(notice, &ground, &findings, &e));
    assert_int_equal(findings.count, 0);
    notice_findings_clear(&findings);
    notice_drop(notice);
    notice = notice_fixture(
        "{\"categories\":[{\"iri\":\"https://w3id.org/comity/pd#Voiceprint\",\"sensitive\":false,\"necessity\":\"optional\"}]}");
    assert_true(notice_check(notice, &ground, &findings, &e)); /* known by its namespace, and sensitive because nobody says otherwise */
    assert_true(findings.count > 0);
    notice_findings_clear(&findings);
    notice_drop(notice);
    law_drop(law);
}

/* ---- Comparing ---- */

static void classifies_each_change(void **state)
{
    (void)state;
    const struct {
        const char *patch, *pointer;
        enum notice_difference there, back;
    } rows[] = {
        { "{\"active\":false}", NULL, NOTICE_SAME, NOTICE_SAME },
        { "{\"revision\":2,\"publishedBy\":\"operator:8\"}", NULL, NOTICE_SAME, NOTICE_SAME },
        { "{\"method\":{\"en\":\"looked up once only\"}}", "/method", NOTICE_WORDING, NOTICE_WORDING },
        { "{\"languages\":[\"zh\"]}", "/languages", NOTICE_WORDING, NOTICE_WORDING },
        { "{\"recipient\":{\"contact\":\"mailto:new@clinic9.example\"}}", "/recipient/contact", NOTICE_WORDING, NOTICE_WORDING },
        { "{\"recipient\":{\"member\":\"KE/MED/OTHER\"}}", "/recipient/member", NOTICE_WIDER, NOTICE_WIDER },
        { "{\"recipient\":{\"country\":\"UG\"}}", "/recipient/country", NOTICE_WIDER, NOTICE_WIDER },
        { "{\"holder\":{\"member\":\"CN/GOV/HOSP2\"}}", "/holder/member", NOTICE_WIDER, NOTICE_WIDER },
        { "{\"purpose\":{\"iri\":\"https://w3id.org/dpv#ScientificResearch\"}}", "/purpose/iri", NOTICE_WIDER, NOTICE_WIDER },
        { "{\"purpose\":{\"descends\":true}}", "/purpose/descends", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"basis\":\"contract\"}", "/basis", NOTICE_WIDER, NOTICE_WIDER },
        { "{\"service\":[]}", "/service", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#BloodType\",\"sensitive\":true,\"necessity\":\"required\",\"necessityText\":{\"zh\":\"输血需要\","
          "\"en\":\"blood must match\"},\"impactText\":{\"zh\":\"可能泄露健康状况\",\"en\":\"it can tell of your health\"},\"attributes\":[\"$.blood.type\"]}]}",
          "/categories", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"processing\":[\"https://w3id.org/dpv#Consult\"]}", "/processing", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"automatedDecision\":true}", "/automatedDecision", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"onward\":[\"KE/MED/LAB\"]}", "/onward", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"mode\":\"query\"}}", "/use/mode", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"mode\":\"store\"}}", "/use/mode", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"fetch\":\"periodic\"}}", "/use/fetch", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"frequency\":null}}", "/use/frequency/max", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"frequency\":{\"max\":2}}}", "/use/frequency/max", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"frequency\":{\"per\":\"P1M\"}}}", "/use/frequency/per", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"use\":{\"frequency\":{\"total\":null}}}", "/use/frequency/total", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"use\":{\"dataRange\":{\"from\":\"2021-01-01T00:00:00Z\"}}}", "/use/dataRange/from", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"use\":{\"dataRange\":{\"to\":\"2025-01-01T00:00:00Z\"}}}", "/use/dataRange/to", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"retention\":{\"recipientLife\":\"P31D\"}}", "/retention/recipientLife", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"retention\":{\"recipientLife\":\"P1M\"}}", "/retention/recipientLife", NOTICE_WIDER,
          NOTICE_WIDER }, /* depends on the month */
        { "{\"retention\":{\"recipientLife\":null}}", "/retention/recipientLife", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"retention\":{\"eraseAt\":\"2027-01-01T00:00:00Z\"}}", "/retention/eraseAt", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"storage\":[\"KE\",\"UG\"]}", "/storage", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"maxValidity\":\"P2Y\"}", "/maxValidity", NOTICE_WIDER, NOTICE_NARROWER },
        { "{\"border\":{\"instrument\":\"sc-2027-001\"}}", "/border/instrument", NOTICE_WORDING, NOTICE_WORDING },
        { "{\"border\":{\"crosses\":false}}", "/border/crosses", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"minor\":{\"guardianRequiredBelow\":16}}", "/minor/guardianRequiredBelow", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"minor\":{\"allowed\":false}}", "/minor/allowed", NOTICE_NARROWER, NOTICE_WIDER },
        { "{\"law\":\"EU-GDPR\"}", "/law", NOTICE_WIDER, NOTICE_WIDER },
    };
    struct notice *base = notice_fixture(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notice *other = notice_fixture(rows[i].patch);
        struct notice_changes there, back;
        struct error e;
        assert_true(notice_compare(base, other, &there, &e) && notice_compare(other, base, &back, &e));
        if (there.worst != rows[i].there || back.worst != rows[i].back || (rows[i].pointer == NULL) != (there.count == 0) ||
            (rows[i].pointer != NULL && strncmp(there.items[0].pointer, rows[i].pointer, strlen(rows[i].pointer)) != 0)) {
            fail_msg("row %zu %s: %s there, %s back, first at %s", i, rows[i].patch, notice_difference_name(there.worst),
                     notice_difference_name(back.worst), there.count > 0 ? there.items[0].pointer : "nothing");
        }
        notice_changes_clear(&there);
        notice_changes_clear(&back);
        notice_drop(other);
    }
    notice_drop(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_missing_under_pipl), cmocka_unit_test(finds_each_category),
        cmocka_unit_test(finds_a_border_that_is_denied),    cmocka_unit_test(forbidden_purposes_stay_forbidden),
        cmocka_unit_test(finds_what_other_laws_ask),        cmocka_unit_test(takes_the_policys_own_words),
        cmocka_unit_test(classifies_each_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
