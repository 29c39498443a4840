#include "policy/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/policy.h"

static void reasons_have_codes(void **state)
{
    (void)state;
    assert_string_equal(reason_code(REASON_NONE), "");
    assert_string_equal(reason_code(REASON_CONSENT_NONE), "consent.none");
    assert_string_equal(reason_xroad(REASON_CONSENT_NONE, false), "access_denied.consent.none");
    assert_string_equal(reason_xroad(REASON_CONSENT_NONE, true), "AccessDenied.consent.none");
    assert_string_equal(reason_xroad(REASON_SERVICE_UNKNOWN, true), "UnknownService");
    assert_string_equal(reason_meaning(REASON_CONSENT_WITHDRAWN), "the person withdrew");
    assert_string_equal(reason_code((enum reason)1000), "gateway.internal");
    for (size_t i = 1; i < REASON_COUNT; i++) {
        enum reason reason = (enum reason)i;
        assert_int_equal(reason_find(bytes_of_text(reason_code(reason))), reason); /* unique */
        assert_true(reason_meaning(reason)[0] != '\0' && reason_xroad(reason, false)[0] != '\0' && reason_xroad(reason, true)[0] != '\0');
    }
    assert_int_equal(reason_find(BYTES("consent.nonesuch")), REASON_NONE);
    assert_int_equal(reason_find(BYTES("")), REASON_NONE);
}

/* A consumer must not learn from a refusal whether the holder knows the person. */
static void personal_reasons_look_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        enum reason reason = (enum reason)i;
        struct bytes code = bytes_of_text(reason_code(reason));
        bool is_personal = bytes_start_with(code, BYTES("consent.")) || bytes_start_with(code, BYTES("minor.")) ||
                           bytes_equal(code, BYTES("person.died")) || bytes_equal(code, BYTES("person.restricted")) ||
                           bytes_equal(code, BYTES("notice.incomplete")) || bytes_equal(code, BYTES("border.volume"));
        assert_int_equal(reason_is_personal(reason), is_personal);
        assert_int_equal(reason_told(reason), is_personal ? REASON_CONSENT_NONE : reason);
    }
}

static void iris_are_expanded(void **state)
{
    const struct {
        struct bytes text;
        const char *want; /* NULL: refused */
        const char *shortened;
    } row[] = {
        { BYTES("dpv:ServiceProvision"), "https://w3id.org/dpv#ServiceProvision", "dpv:ServiceProvision" },
        { BYTES("pd:Name"), "https://w3id.org/dpv/pd#Name", "pd:Name" },
        { BYTES("health:VaccinationManagement"), "https://w3id.org/dpv/sector/health#VaccinationManagement",
          "health:VaccinationManagement" },
        { BYTES("fin:CreditChecking"), "https://w3id.org/dpv/sector/finance#CreditChecking", "fin:CreditChecking" },
        { BYTES("pub:SocialWelfareProvision"), "https://w3id.org/dpv/sector/publicservices#SocialWelfareProvision",
          "pub:SocialWelfareProvision" },
        { BYTES("comity:Voiceprint"), "https://w3id.org/comity/pd#Voiceprint", "comity:Voiceprint" },
        { BYTES("https://w3id.org/dpv/pd#Name"), "https://w3id.org/dpv/pd#Name", "pd:Name" },
        { BYTES("https://w3id.org/dpv/pd#"), "https://w3id.org/dpv/pd#", "https://w3id.org/dpv/pd#" },
        { BYTES("https://example.org/x%20y?z#Q"), "https://example.org/x%20y?z#Q", "https://example.org/x%20y?z#Q" },
        { BYTES("urn:example:a"), "urn:example:a", "urn:example:a" },
        { BYTES("pd:"), NULL, NULL },
        { BYTES("pd:Na me"), NULL, NULL },
        { BYTES("pd:Name,"), NULL, NULL },
        { BYTES("xx:Name"), NULL, NULL },
        { BYTES("Name"), NULL, NULL },
        { BYTES(""), NULL, NULL },
        { BYTES("https://"), NULL, NULL },
        { BYTES("urn:"), NULL, NULL },
        { BYTES("https://example.org/a b"), NULL, NULL },
        { BYTES("https://example.org/a\"b"), NULL, NULL },
        { BYTES("https://example.org/a,b"), NULL, NULL },
        { BYTES("https://example.org/a;b"), NULL, NULL },
        { BYTES("https://example.org/\xc3\xa4"), NULL, NULL },
        { BYTES("https://example.org/%4"), NULL, NULL },
        { BYTES("https://example.org/a\0b"), NULL, NULL },
        { BYTES("javascript:alert(1)"), NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct buffer full, brief;
        buffer_init(&full, 1024);
        buffer_init(&brief, 1024);
        bool ok = iri_expand(row[i].text, &full);
        if (ok != (row[i].want != NULL) || (ok && !bytes_equal(buffer_bytes(&full), bytes_of_text(row[i].want)))) {
            fail_msg("row %zu: %d %.*s", i, ok, BYTES_FMT(buffer_bytes(&full)));
        }
        if (ok) {
            iri_shorten(buffer_bytes(&full), &brief);
            assert_true(bytes_equal(buffer_bytes(&brief), bytes_of_text(row[i].shortened)));
        }
        buffer_clear(&full);
        buffer_clear(&brief);
    }
    uint8_t name[IRI_SIZE_MAX + 1];
    struct buffer out;
    memset(name, 'a', sizeof name);
    memcpy(name, "https://", 8);
    buffer_init(&out, 2048);
    assert_true(iri_expand(bytes_of(name, IRI_SIZE_MAX), &out));
    assert_false(iri_expand(bytes_of(name, IRI_SIZE_MAX + 1), &out));
    memcpy(name, "pd:aaaaa", 8);
    assert_false(iri_expand(bytes_of(name, IRI_SIZE_MAX), &out)); /* too long only once it is expanded */
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_codes),
        cmocka_unit_test(personal_reasons_look_alike),
        cmocka_unit_test(iris_are_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
