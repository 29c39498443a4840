/*
 * HL7 FHIR Consent, R4 (hl7.org/fhir/R4/consent.html, as IHE PCF profiles it) and R5. Persons and organisations by identifier only. In R4 the root
 * provision permits what was given, and nested ones deny what was refused; in R5 the decision is at the root and provisions are exceptions from it.
 */
#include <stdio.h>

#include "base/encode.h"
#include "consent/canonical_json.h"
#include "interchange/export_internal.h"
#include "law/vocabulary.h"

#define ACT_REASON "http://terminology.hl7.org/CodeSystem/v3-ActReason"
#define ACT_CODE "http://terminology.hl7.org/CodeSystem/v3-ActCode"
#define CONFIDENTIALITY "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
#define PARTICIPATION "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

enum { DATE_SIZE = 10 };

static json_t *coding(const char *code_system, const char *code)
{
    return json_pack("{s:s, s:s}", "system", code_system, "code", code);
}

static json_t *concept(const char *code_system, const char *code)
{
    return json_pack("{s:[{s:s, s:s}]}", "coding", "system", code_system, "code", code);
}

/* An IRI as a code: what stands behind its '#', in the system before it. */
static json_t *coding_of(struct bytes iri)
{
    size_t at = bytes_find(iri, '#');
    bool is_parted = at + 1 < iri.size;
    struct json_maker m = json_make();
    json_make_bytes(&m, "system", is_parted ? bytes_slice(iri, 0, at) : BYTES("urn:ietf:rfc:3986"));
    json_make_bytes(&m, "code", is_parted ? bytes_slice(iri, at + 1, iri.size) : iri);
    return json_made(&m);
}

static json_t *identified(const char *type, const char *code_system, struct bytes value)
{
    struct json_maker identifier = json_make(), m = json_make();
    json_make_text(&identifier, "system", code_system);
    json_make_bytes(&identifier, "value", value);
    json_make_text(&m, "type", type);
    json_make_value(&m, "identifier", json_made(&identifier));
    return json_made(&m);
}

static json_t *organization(struct bytes member)
{
    return identified("Organization", "urn:comity:member", member);
}

static const char *status_of(enum consent_state state, bool is_r5)
{
    switch (state) {
    case CONSENT_REQUESTED:
    case CONSENT_DEFERRED:
        return is_r5 ? "draft" : "proposed";
    case CONSENT_GIVEN:
    case CONSENT_REFUSED:
        return "active";
    case CONSENT_NONE:
    case CONSENT_PAUSED:
    case CONSENT_WITHDRAWN:
    case CONSENT_REVOKED:
    case CONSENT_EXPIRED:
    case CONSENT_SUPERSEDED:
    case CONSENT_INVALIDATED:
        break;
    }
    return "inactive";
}

/* The nearest word of v3-ActReason; NULL: there is none, and DPV's own code says it. */
static const char *act_reason(struct bytes purpose)
{
    static const struct {
        struct bytes broader;
        const char *code;
    } rows[] = {
        /* the more special first */
        { BYTES("https://w3id.org/dpv/sector/health#EmergencyCareManagement"), "ETREAT" },
        { BYTES("https://w3id.org/dpv/sector/health#HealthInsuranceManagement"), "HPAYMT" },
        { BYTES("https://w3id.org/dpv#PaymentManagement"), "HPAYMT" },
        { BYTES("https://w3id.org/dpv/sector/health#HealthcareScientificResearch"), "HRESCH" },
        { BYTES("https://w3id.org/dpv#ScientificResearch"), "HRESCH" },
        { BYTES("https://w3id.org/dpv/sector/health#PublicHealthSurveillance"), "PUBHLTH" },
        { BYTES("https://w3id.org/dpv/sector/health#PandemicResponseManagement"), "PUBHLTH" },
        { BYTES("https://w3id.org/dpv/sector/health#MedicalConditionDiagnosis"), "TREAT" },
        { BYTES("https://w3id.org/dpv/sector/health#PrimaryCareManagement"), "TREAT" },
        { BYTES("https://w3id.org/dpv/sector/health#ReferralManagement"), "TREAT" },
        { BYTES("https://w3id.org/dpv/sector/health#VaccinationManagement"), "TREAT" },
        { BYTES("https://w3id.org/dpv/sector/health#PrescriptionManagement"), "TREAT" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (vocabulary_is_within(purpose, rows[i].broader)) {
            return rows[i].code;
        }
    }
    return NULL;
}

static json_t *purposes(struct bytes purpose)
{
    const char *reason = act_reason(purpose);
    json_t *made = json_array();
    if ((reason != NULL && !json_list_add(made, coding(ACT_REASON, reason))) || !json_list_add(made, coding_of(purpose))) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static json_t *period(int64_t from_ms, int64_t to_ms)
{
    struct json_maker m = json_make();
    json_make_time(&m, "start", from_ms);
    json_make_time(&m, "end", to_ms);
    return json_made(&m);
}

static json_t *data_period(const struct use_limits *use)
{
    struct json_maker m = json_make();
    if (use->has_from) {
        json_make_time(&m, "start", use->range_from_ms);
    }
    if (use->has_to) {
        json_make_time(&m, "end", use->range_to_ms);
    }
    return json_made(&m);
}

static json_t *actors(const struct consent_document *d)
{
    return json_pack("[{s:o, s:o}]", "role", concept(PARTICIPATION, "IRCP"), "reference", organization(d->recipient));
}

/* Categories that were given, or those that were refused. NULL, and *is_empty true: there is none. */
static json_t *codes(const struct consent_document *d, bool is_given, bool *is_empty)
{
    json_t *made = json_array();
    *is_empty = true;
    for (size_t i = 0; made != NULL && i < d->decision_count; i++) {
        if (export_is_given(d, i) != is_given) {
            continue;
        }
        *is_empty = false;
        if (!json_list_add(made, json_pack("{s:[o]}", "coding", coding_of(d->decisions[i].category)))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

/* How confidential, and the kinds that v3-ActCode has a label for. */
static json_t *labels(const struct export_input *input)
{
    static const struct {
        struct bytes broader;
        const char *code;
    } kinds[] = {
        { BYTES("https://w3id.org/dpv/pd#Genetic"), "GDIS" },
        { BYTES("https://w3id.org/dpv/pd#MentalHealth"), "PSY" },
        { BYTES("https://w3id.org/dpv/pd#Sexual"), "SEX" },
    };
    const struct consent_document *d = input->document;
    bool is_sensitive = false, has[COUNT_OF(kinds)] = { false };
    for (size_t i = 0; i < d->decision_count; i++) {
        const struct notice_category *category = notice_find_category(input->notice, d->decisions[i].category);
        is_sensitive = is_sensitive || category == NULL || category->is_sensitive;
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            has[k] = has[k] || vocabulary_is_within(d->decisions[i].category, kinds[k].broader);
        }
    }
    json_t *made = json_array();
    bool ok = json_list_add(made, coding(CONFIDENTIALITY, is_sensitive ? "R" : "N"));
    for (size_t k = 0; ok && k < COUNT_OF(kinds); k++) {
        ok = !has[k] || json_list_add(made, coding(ACT_CODE, kinds[k].code));
    }
    if (!ok) {
        json_decref(made);
        return NULL;
    }
    return made;
}

/* The person, or whoever decided for the person. */
static json_t *decider(const struct consent_document *d)
{
    const struct consent_document_event *event = consent_document_decision_event(d);
    bool is_other = event != NULL && event->ref.size > 0 && !bytes_equal(event->role, BYTES("person"));
    return is_other ? identified("RelatedPerson", "urn:comity:person", event->ref) : identified("Patient", "urn:comity:person", d->person);
}

static json_t *attachment(const struct export_input *input)
{
    char urn[EXPORT_NOTICE_URN_SIZE];
    struct json_maker m = json_make();
    json_make_text(&m, "contentType", "application/json");
    json_make_text(&m, "url", export_notice_urn(input->document, urn));
    return json_made(&m);
}

/* The record and the proof, whole: what FHIR has no words for. */
static json_t *extensions(const struct export_input *input, const json_t *own)
{
    struct buffer text, encoded;
    json_t *made = NULL;
    buffer_init(&text, CONSENT_DOCUMENT_BYTES_MAX);
    buffer_init(&encoded, BASE64_SIZE((size_t)CONSENT_DOCUMENT_BYTES_MAX));
    if (canonical_json_write(own, "consent", &text, NULL)) {
        base64_append(&encoded, buffer_bytes(&text));
        made = json_pack("[{s:s, s:{s:s, s:o}}]", "url", "https://w3id.org/comity/fhir#record", "valueAttachment", "contentType",
                         "application/json", "data", json_from_bytes(buffer_bytes(&encoded)));
    }
    if (made != NULL && input->receipt.size > 0) {
        struct json_maker m = json_make();
        json_make_text(&m, "url", "https://w3id.org/comity/fhir#proof");
        json_make_bytes(&m, "valueString", input->receipt);
        if (!json_list_add(made, json_made(&m))) {
            json_decref(made);
            made = NULL;
        }
    }
    buffer_wipe(&text);
    buffer_wipe(&encoded);
    return made;
}

static bool is_denied(const struct consent_document *d)
{
    return d->state == CONSENT_REFUSED;
}

/* R4: permits what was given, with one exception that denies what was refused. */
static json_t *provision_r4(const struct export_input *input)
{
    const struct consent_document *d = input->document;
    bool none_given, none_refused;
    json_t *given = codes(d, true, &none_given), *refused = codes(d, false, &none_refused);
    struct json_maker m = json_make();
    json_make_text(&m, "type", is_denied(d) ? "deny" : "permit");
    json_make_value(&m, "period", period(d->valid_from_ms, d->valid_until_ms));
    json_make_value(&m, "actor", actors(d));
    json_make_value(&m, "securityLabel", labels(input));
    json_make_value(&m, "purpose", purposes(d->purpose));
    if (is_denied(d)) {
        json_make_value(&m, "code", refused);
        json_decref(given);
        return json_made(&m);
    }
    json_make_value(&m, "code", given);
    if (d->use.has_from || d->use.has_to) {
        json_make_value(&m, "dataPeriod", data_period(&d->use));
    }
    if (none_refused) {
        json_decref(refused);
    } else {
        json_make_value(&m, "provision", json_pack("[{s:s, s:o}]", "type", "deny", "code", refused));
    }
    return json_made(&m);
}

static json_t *fhir_r4(const struct export_input *input, struct json_maker *m)
{
    const struct consent_document *d = input->document;
    char urn[EXPORT_NOTICE_URN_SIZE];
    json_make_value(m, "scope", concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"));
    json_make_value(m, "patient", identified("Patient", "urn:comity:person", d->person));
    json_make_time(m, "dateTime", d->valid_from_ms);
    json_make_value(m, "performer", json_pack("[o]", decider(d)));
    json_make_value(m, "organization", json_pack("[o]", organization(d->holder)));
    json_make_value(m, "sourceAttachment", attachment(input));
    json_make_value(m, "policy", json_pack("[{s:s}]", "uri", export_notice_urn(d, urn)));
    json_make_value(m, "provision", provision_r4(input));
    return json_made(m);
}

/* R5's date has no time. */
static json_t *date_of(int64_t time_ms)
{
    json_t *whole = json_from_time(time_ms);
    json_t *made = whole == NULL ? NULL : json_stringn(json_string_value(whole), DATE_SIZE);
    json_decref(whole);
    return made;
}

static json_t *provisions_r5(const struct consent_document *d)
{
    bool is_empty;
    json_t *refused = codes(d, false, &is_empty);
    if (is_empty) {
        json_decref(refused);
        return json_array();
    }
    return json_pack("[{s:o, s:o}]", "actor", actors(d), "code", refused);
}

static json_t *fhir_r5(const struct export_input *input, struct json_maker *m)
{
    const struct consent_document *d = input->document;
    char urn[EXPORT_NOTICE_URN_SIZE];
    json_make_value(m, "subject", identified("Patient", "urn:comity:person", d->person));
    json_make_value(m, "date", date_of(d->valid_from_ms));
    json_make_value(m, "period", period(d->valid_from_ms, d->valid_until_ms));
    json_make_value(m, "grantor", json_pack("[o]", decider(d)));
    json_make_value(m, "grantee", json_pack("[o]", organization(d->recipient)));
    json_make_value(m, "manager", json_pack("[o]", organization(d->holder)));
    json_make_value(m, "controller", json_pack("[o]", organization(d->holder)));
    json_make_value(m, "sourceAttachment", json_pack("[o]", attachment(input)));
    json_make_value(m, "policyBasis", json_pack("{s:s}", "url", export_notice_urn(d, urn)));
    json_make_text(m, "decision", is_denied(d) ? "deny" : "permit");
    json_t *exceptions = is_denied(d) ? json_array() : provisions_r5(d);
    if (exceptions != NULL && json_array_size(exceptions) == 0) {
        json_decref(exceptions); /* FHIR has no empty arrays */
    } else {
        json_make_value(m, "provision", exceptions);
    }
    return json_made(m);
}

/* The one who decided said so to the holder. */
static json_t *verification(const struct consent_document *d, bool is_r5)
{
    const struct consent_document_event *event = consent_document_decision_event(d);
    json_t *at = json_from_time(event->at_ms);
    return is_r5 ? json_pack("[{s:b, s:[o]}]", "verified", 1, "verificationDate", at)
                 : json_pack("[{s:b, s:o}]", "verified", 1, "verificationDate", at);
}

json_t *fhir_write(const struct export_input *input, bool is_r5, const json_t *own)
{
    const struct consent_document *d = input->document;
    struct json_maker m = json_make();
    json_make_text(&m, "resourceType", "Consent");
    json_make_value(&m, "extension", extensions(input, own));
    json_make_value(&m, "identifier", json_pack("[{s:s, s:o}]", "system", "urn:comity:consent", "value", json_from_bytes(d->id)));
    json_make_text(&m, "status", status_of(d->state, is_r5));
    json_make_value(&m, "category", json_pack("[o]", concept("http://loinc.org", "59284-0")));
    if (consent_document_decision_event(d) != NULL) {
        json_make_value(&m, "verification", verification(d, is_r5));
    }
    return is_r5 ? fhir_r5(input, &m) : fhir_r4(input, &m);
}
