#include "interchange/export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../consent/notice_fixture.h"
#include "document_fixture.h"
#include "law/vocabulary.h"

static const struct bytes proof = { (const uint8_t *)"c2sp.org/tlog-proof@v1\nindex 41\n",
                                    sizeof("c2sp.org/tlog-proof@v1\nindex 41\n") - 1 };

static json_t *export(enum export_format format, const struct document_fixture *f, const struct notice *notice)
{
    const struct export_input input = {
        .document = &f->document, .notice = notice, .language = BYTES("en"), .receipt = format == EXPORT_RECEIPT ? proof : BYTES_NONE
    };
    json_t *made = NULL;
    struct error e = { 0 };
    if (!export_write(format, &input, &made, &e)) {
        fail_msg("%s: %s: %s", export_format_name(format), e.where, e.what);
    }
    return made;
}

static const char *at(const json_t *value, const char *key)
{
    const char *text = json_string_value(json_object_get(value, key));
    return text == NULL ? "" : text;
}

/* Writes what was made where COMITY_EXPORTS says, for validators of others (tests/interop/interchange.test.mjs). */
static void keep(const json_t *made, enum export_format format, enum consent_state state)
{
    const char *folder = getenv("COMITY_EXPORTS");
    char path[512];
    if (folder != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s-%s.json", folder, export_format_name(format), consent_state_name(state));
        assert_int_equal(json_dump_file(made, path, JSON_INDENT(2)), 0);
    }
}

/* What each form says of each state; NULL: it can't say it. */
static void says_every_state(void **state)
{
    (void)state;
    const struct {
        enum consent_state state;
        const char *dpv, *r4, *r5, *rebit;
    } rows[] = {
        { CONSENT_REQUESTED, "dpv:ConsentRequested", "proposed", "draft", "PENDING" },
        { CONSENT_DEFERRED, "dpv:ConsentRequestDeferred", "proposed", "draft", "PENDING" },
        { CONSENT_GIVEN, "dpv:ConsentGiven", "active", "active", "ACTIVE" },
        { CONSENT_PAUSED, "dpv:ConsentStatusInvalidForProcessing", "inactive", "inactive", "PAUSED" },
        { CONSENT_REFUSED, "dpv:ConsentRefused", "active", "active", "REJECTED" },
        { CONSENT_WITHDRAWN, "dpv:ConsentWithdrawn", "inactive", "inactive", "REVOKED" },
        { CONSENT_REVOKED, "dpv:ConsentRevoked", "inactive", "inactive", "REVOKED" },
        { CONSENT_EXPIRED, "dpv:ConsentExpired", "inactive", "inactive", "EXPIRED" },
        { CONSENT_SUPERSEDED, "dpv:ConsentExpired", "inactive", "inactive", "REVOKED" },
        { CONSENT_INVALIDATED, "dpv:ConsentInvalidated", "inactive", "inactive", "REVOKED" },
    };
    struct notice *notice = notice_fixture(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct document_fixture f;
        document_fixture_init(&f, notice, rows[i].state);
        json_t *made = export(EXPORT_DPV, &f, notice);
        const json_t *statuses = json_object_get(made, "dpv:hasConsentStatus");
        assert_string_equal(at(json_array_get(statuses, json_array_size(statuses) - 1), "@id"), rows[i].dpv);
        keep(made, EXPORT_DPV, rows[i].state);
        json_decref(made);
        made = export(EXPORT_RECEIPT, &f, notice);
        keep(made, EXPORT_RECEIPT, rows[i].state);
        json_decref(made);
        bool is_denied = rows[i].state == CONSENT_REFUSED;
        made = export(EXPORT_FHIR_R4, &f, notice);
        assert_string_equal(at(made, "status"), rows[i].r4);
        assert_string_equal(at(json_object_get(made, "provision"), "type"), is_denied ? "deny" : "permit");
        keep(made, EXPORT_FHIR_R4, rows[i].state);
        json_decref(made);
        made = export(EXPORT_FHIR_R5, &f, notice);
        assert_string_equal(at(made, "status"), rows[i].r5);
        assert_string_equal(at(made, "decision"), is_denied ? "deny" : "permit");
        keep(made, EXPORT_FHIR_R5, rows[i].state);
        json_decref(made);
        made = export(EXPORT_REBIT, &f, notice);
        assert_string_equal(at(made, "status"), rows[i].rebit);
        keep(made, EXPORT_REBIT, rows[i].state);
        json_decref(made);
        const struct export_input input = { .document = &f.document, .notice = notice };
        struct error e = { 0 };
        bool ok = export_write(EXPORT_KANTARA, &input, &made, &e);
        assert_int_equal(ok, rows[i].state == CONSENT_GIVEN);
        if (ok) {
            keep(made, EXPORT_KANTARA, rows[i].state);
        } else {
            assert_int_equal(e.kind, ERROR_DENIED);
        }
        json_decref(made);
    }
    notice_drop(notice);
}

static void kantara_has_its_members(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL);
    struct document_fixture f;
    document_fixture_init(&f, notice, CONSENT_GIVEN);
    json_t *made = export(EXPORT_KANTARA, &f, notice);
    assert_string_equal(at(made, "version"), "KI-CR-v1.1.0");
    assert_string_equal(at(made, "consentReceiptID"), "0f6d3f0e-5b7c-4a0f-9a6d-1f2e3c4b5a69");
    assert_string_equal(at(made, "jurisdiction"), "CN");
    assert_int_equal(json_integer_value(json_object_get(made, "consentTimestamp")), 1795507200);
    assert_true(json_is_true(json_object_get(made, "sensitive")));
    json_t *special = json_pack("[s]", "https://w3id.org/dpv/pd#BloodType"); /* the refused category is not in it */
    assert_true(json_equal(json_object_get(made, "spiCat"), special));
    const json_t *purpose = json_array_get(json_object_get(json_array_get(json_object_get(made, "services"), 0), "purposes"), 0);
    assert_true(json_equal(json_object_get(purpose, "piiCategory"), special));
    assert_string_equal(at(purpose, "thirdPartyName"), "Clinic Nine");
    assert_string_equal(at(json_array_get(json_object_get(made, "piiControllers"), 0), "email"), "privacy@hosp1.example");
    json_decref(special);
    json_decref(made);
    notice_drop(notice);
}

static void fhir_names_what_was_refused(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL);
    struct document_fixture f;
    document_fixture_init(&f, notice, CONSENT_GIVEN);
    json_t *made = export(EXPORT_FHIR_R4, &f, notice);
    const json_t *provision = json_object_get(made, "provision");
    const json_t *given = json_array_get(json_object_get(json_array_get(json_object_get(provision, "code"), 0), "coding"), 0);
    assert_string_equal(at(given, "code"), "BloodType");
    assert_string_equal(at(given, "system"), "https://w3id.org/dpv/pd");
    assert_int_equal(json_array_size(json_object_get(provision, "code")), 1);
    const json_t *refused = json_array_get(json_object_get(provision, "provision"), 0);
    assert_string_equal(at(refused, "type"), "deny");
    assert_string_equal(at(json_array_get(json_object_get(provision, "purpose"), 0), "code"), "TREAT");
    assert_string_equal(at(json_array_get(json_object_get(made, "performer"), 0), "type"), "RelatedPerson"); /* a guardian decided */
    assert_string_equal(at(json_array_get(json_object_get(provision, "securityLabel"), 0), "code"), "R");
    json_decref(made);
    made = export(EXPORT_FHIR_R5, &f, notice);
    assert_int_equal(json_array_size(json_object_get(made, "provision")), 1);
    assert_string_equal(at(made, "date"), "2026-11-24");
    json_decref(made);
    notice_drop(notice);
}

/* Never longer and never more often than the record says. */
static void rebit_rounds_down(void **state)
{
    (void)state;
    const struct {
        const char *per, *unit, *life, *life_unit;
        int64_t value, life_value;
    } rows[] = {
        { "P1D", "DAY", "P30D", "DAY", 3, 30 },     { "PT1H", "HOUR", "P2M", "MONTH", 3, 2 }, { "PT90M", "DAY", "P2Y", "YEAR", 3, 2 },
        { "P7D", "MONTH", "P1M15D", "DAY", 3, 43 }, { "P30D", "YEAR", "PT36H", "DAY", 3, 1 }, { "P3Y", "YEAR", "PT5H", "DAY", 1, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct document_fixture f;
        char patch[256];
        (void)snprintf(patch, sizeof patch, "{\"use\":{\"frequency\":{\"max\":3,\"per\":\"%s\"}},\"retention\":{\"recipientLife\":\"%s\"}}",
                       rows[i].per, rows[i].life);
        struct notice *notice = notice_fixture(patch);
        document_fixture_init(&f, notice, CONSENT_GIVEN);
        json_t *made = export(EXPORT_REBIT, &f, notice);
        const json_t *detail = json_object_get(made, "ConsentDetail");
        const json_t *frequency = json_object_get(detail, "Frequency"), *life = json_object_get(detail, "DataLife");
        if (strcmp(at(frequency, "unit"), rows[i].unit) != 0 || json_integer_value(json_object_get(frequency, "value")) != rows[i].value ||
            strcmp(at(life, "unit"), rows[i].life_unit) != 0 || json_integer_value(json_object_get(life, "value")) != rows[i].life_value) {
            fail_msg("row %zu: %s", i, json_dumps(detail, 0));
        }
        json_decref(made);
        notice_drop(notice);
    }
}

/* ---- Every term exists ---- */

static char terms[8192];

static bool is_term(const char *name)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\n%s\n", name);
    return strstr(terms, line) != NULL;
}

static void check_term(const char *text)
{
    char iri[600];
    if (strncmp(text, "dpv:", 4) == 0) {
        (void)snprintf(iri, sizeof iri, "https://w3id.org/dpv#%s", text + 4);
        if (!is_term(text + 4) && vocabulary_find(bytes_of_text(iri)) == NULL) {
            fail_msg("DPV has no %s", text);
        }
    } else if (strncmp(text, "https://w3id.org/dpv#", 21) == 0 && text[21] != '\0') {
        assert_true(is_term(text + 21) || vocabulary_find(bytes_of_text(text)) != NULL);
    } else if (strncmp(text, "https://w3id.org/dpv/pd#", 24) == 0 && text[24] != '\0') {
        assert_non_null(vocabulary_find(bytes_of_text(text)));
    }
}

static void check_terms(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_string(value)) {
        check_term(json_string_value(value));
    }
    json_array_foreach(value, i, member)
    {
        check_terms(member);
    }
    json_object_foreach((json_t *)value, key, member)
    {
        check_term(key);
        if (strcmp(key, "@context") != 0) {
            check_terms(member);
        }
    }
}

static void every_term_exists(void **state)
{
    (void)state;
    FILE *file = fopen(VECTORS "/dpv-2.3-terms.txt", "re");
    assert_non_null(file);
    terms[fread(terms, 1, sizeof terms - 1, file)] = '\0';
    (void)fclose(file);
    assert_true(is_term("hasPurpose") && !is_term("hasIndicationTime"));
    for (int gdpr = 0; gdpr < 2; gdpr++) {
        struct notice *notice = notice_fixture(gdpr ? "{\"law\":\"EU-GDPR\"}" : NULL);
        for (size_t i = 0; i < COUNT_OF(document_fixture_states); i++) {
            struct document_fixture f;
            document_fixture_init(&f, notice, document_fixture_states[i]);
            json_t *made = export(EXPORT_RECEIPT, &f, notice);
            check_terms(made);
            assert_string_equal(at(json_object_get(made, "dct:conformsTo"), "@id"),
                                gdpr ? "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
                                     : "https://w3id.org/dpv/schema/dpv-27560#receipt-record");
            json_decref(made);
        }
        notice_drop(notice);
    }
}

/* ---- Import ---- */

static struct notices *publish(struct notice *notice)
{
    const struct notices_entry entry = { notice, true };
    struct notices *notices = NULL;
    struct error e;
    assert_true(notices_make(&notices, &entry, 1, &e));
    return notices;
}

static void dpv_reads_back(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL);
    struct notices *notices = publish(notice), *none = NULL;
    struct error e = { 0 };
    assert_true(notices_make(&none, NULL, 0, &e));
    for (size_t i = 0; i < COUNT_OF(document_fixture_states); i++) {
        for (int is_receipt = 0; is_receipt < 2; is_receipt++) {
            enum export_format format = is_receipt ? EXPORT_RECEIPT : EXPORT_DPV;
            struct document_fixture f;
            struct consent_document back;
            struct arena arena = { 0 };
            document_fixture_init(&f, notice, document_fixture_states[i]);
            json_t *made = export(format, &f, notice);
            if (!import_dpv(made, notices, &arena, &back, &e)) {
                fail_msg("state %zu: %s: %s", i, e.where, e.what);
            }
            json_t *own = NULL, *again = NULL;
            assert_true(consent_document_write(&f.document, &own, &e) && consent_document_write(&back, &again, &e));
            assert_true(json_equal(own, again));
            json_decref(own);
            json_decref(again);
            assert_false(import_dpv(made, none, &arena, &back, &e));
            assert_int_equal(e.kind, ERROR_ABSENT);
            /* What the words around the record say is not free to differ. */
            assert_int_equal(json_object_set_new(made, "dct:valid", json_string("2099-01-01T00:00:00Z")), 0);
            assert_false(import_dpv(made, notices, &arena, &back, &e));
            assert_int_equal(e.kind, ERROR_INPUT);
            json_decref(made);
            arena_clear(&arena);
        }
    }
    notices_drop(none);
    notices_drop(notices);
    notice_drop(notice);
}

/* A foreign consent is a request at most, and only by a notice of ours that is in force. */
static void fhir_is_a_request(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL), *other = notice_fixture("{\"publishedBy\":\"operator:8\"}");
    struct notices *notices = publish(notice), *others = publish(other);
    for (int r5 = 0; r5 < 2; r5++) {
        struct document_fixture f;
        struct import_request request;
        struct arena arena = { 0 };
        struct error e = { 0 };
        document_fixture_init(&f, notice, CONSENT_GIVEN);
        json_t *made = export(r5 ? EXPORT_FHIR_R5 : EXPORT_FHIR_R4, &f, notice);
        assert_true(import_fhir(made, notices, &arena, &request, &e));
        assert_ptr_equal(request.notice, notice);
        assert_true(bytes_equal(request.person, BYTES("p-1001")));
        assert_false(import_fhir(made, others, &arena, &request, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        json_t *policy = json_object_get(made, r5 ? "policyBasis" : "policy");
        assert_int_equal(json_object_set_new(r5 ? policy : json_array_get(policy, 0), r5 ? "url" : "uri",
                                             json_string("https://hospital.example/policy")),
                         0);
        assert_false(import_fhir(made, notices, &arena, &request, &e));
        assert_int_equal(e.kind, ERROR_DENIED);
        assert_int_equal(json_object_set_new(made, "resourceType", json_string("Patient")), 0);
        assert_false(import_fhir(made, notices, &arena, &request, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        json_decref(made);
        arena_clear(&arena);
    }
    notices_drop(notices);
    notices_drop(others);
    notice_drop(notice);
    notice_drop(other);
}

static void refuses_another_notice(void **state)
{
    (void)state;
    struct notice *notice = notice_fixture(NULL), *other = notice_fixture("{\"publishedBy\":\"operator:8\"}");
    struct document_fixture f;
    struct error e = { 0 };
    json_t *made = NULL;
    document_fixture_init(&f, notice, CONSENT_GIVEN);
    for (enum export_format format = EXPORT_OWN; format < EXPORT_FORMAT_COUNT; format++) {
        enum export_format parsed;
        const struct export_input input = { .document = &f.document, .notice = other };
        assert_false(export_write(format, &input, &made, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_true(export_format_parse(bytes_of_text(export_format_name(format)), &parsed) && parsed == format);
        assert_true(export_media_type(format)[0] != '\0');
    }
    const struct export_input bare = { .document = &f.document, .notice = notice };
    assert_false(export_write(EXPORT_RECEIPT, &bare, &made, &e)); /* no proof, no receipt */
    assert_int_equal(e.kind, ERROR_DENIED);
    notice_drop(notice);
    notice_drop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_every_state),  cmocka_unit_test(kantara_has_its_members), cmocka_unit_test(fhir_names_what_was_refused),
        cmocka_unit_test(rebit_rounds_down), cmocka_unit_test(every_term_exists),       cmocka_unit_test(dpv_reads_back),
        cmocka_unit_test(fhir_is_a_request), cmocka_unit_test(refuses_another_notice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
