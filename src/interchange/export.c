#include "interchange/export_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "directory/json_place.h"

static const struct {
    const char *name, *media_type;
} formats[] = {
    [EXPORT_OWN] = { "comity", "application/json" },
    [EXPORT_DPV] = { "dpv", "application/ld+json" },
    [EXPORT_RECEIPT] = { "receipt", "application/ld+json" },
    [EXPORT_KANTARA] = { "kantara", "application/json" },
    [EXPORT_FHIR_R4] = { "fhir-r4", "application/fhir+json; fhirVersion=4.0" },
    [EXPORT_FHIR_R5] = { "fhir-r5", "application/fhir+json; fhirVersion=5.0" },
    [EXPORT_REBIT] = { "rebit", "application/json" },
};

const char *export_format_name(enum export_format format)
{
    return (size_t)format < COUNT_OF(formats) ? formats[format].name : "";
}

const char *export_media_type(enum export_format format)
{
    return (size_t)format < COUNT_OF(formats) ? formats[format].media_type : "";
}

bool export_format_parse(struct bytes name, enum export_format *out)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (bytes_equal(name, bytes_of_text(formats[i].name))) {
            *out = (enum export_format)i;
            return true;
        }
    }
    *out = EXPORT_OWN;
    return false;
}

bool export_is_given(const struct consent_document *document, size_t decision)
{
    return document->decisions[decision].state != CONSENT_REFUSED && document->state != CONSENT_REFUSED;
}

const char *export_notice_urn(const struct consent_document *document, char out[EXPORT_NOTICE_URN_SIZE])
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(document->notice_digest, SHA256_SIZE), hex);
    (void)snprintf(out, EXPORT_NOTICE_URN_SIZE, "urn:comity:notice:%.*s:%u:%s", BYTES_FMT(document->notice_id),
                   (unsigned)document->notice_revision, hex);
    return out;
}

bool export_notice_urn_parse(struct bytes urn, uint8_t digest[SHA256_SIZE])
{
    enum { HEX_SIZE = 2 * SHA256_SIZE };
    return bytes_start_with(urn, BYTES("urn:comity:notice:")) && urn.size > HEX_SIZE && urn.data[urn.size - HEX_SIZE - 1] == ':' &&
           hex_parse(bytes_slice(urn, urn.size - HEX_SIZE, urn.size), digest, SHA256_SIZE);
}

static bool check_input(enum export_format format, const struct export_input *input, struct error *e)
{
    const struct consent_document *d = input->document;
    if (memcmp(d->notice_digest, input->notice->digest, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_INPUT, "consent", "hand in the revision that it names",
                         "the notice is another than the one that was decided on");
    }
    if (format == EXPORT_KANTARA && d->state != CONSENT_GIVEN) {
        return error_set(e, ERROR_DENIED, "consent", "use another format",
                         "a Kantara receipt can only say that a consent is given; this one is %s", consent_state_name(d->state));
    }
    if (format == EXPORT_RECEIPT && input->receipt.size == 0) {
        return error_set(e, ERROR_DENIED, "consent", "use the format dpv", "there is no proof from the log that would make it a receipt");
    }
    return true;
}

bool export_write(enum export_format format, const struct export_input *input, json_t **out, struct error *e)
{
    json_t *own = NULL;
    *out = NULL;
    if (!check_input(format, input, e) || !consent_document_write(input->document, &own, e)) {
        return false;
    }
    switch (format) {
    case EXPORT_OWN:
        *out = json_incref(own);
        break;
    case EXPORT_DPV:
    case EXPORT_RECEIPT:
        *out = dpv_write(input, format == EXPORT_RECEIPT, own);
        break;
    case EXPORT_KANTARA:
        *out = kantara_write(input);
        break;
    case EXPORT_FHIR_R4:
    case EXPORT_FHIR_R5:
        *out = fhir_write(input, format == EXPORT_FHIR_R5, own);
        break;
    case EXPORT_REBIT:
        *out = rebit_write(input);
        break;
    case EXPORT_FORMAT_COUNT:
        break;
    }
    json_decref(own);
    return *out != NULL || error_set(e, ERROR_INPUT, "consent", NULL, "a text of it isn't UTF-8, or memory is out");
}

/* ---- Import ---- */

static struct bytes text_of(const json_t *value)
{
    return json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : BYTES_NONE;
}

bool import_dpv(const json_t *value, const struct notices *notices, struct arena *arena, struct consent_document *out, struct error *e)
{
    const json_t *record = json_object_get(value, "comity:record"), *proof = json_object_get(value, "comity:proof");
    const json_t *language = json_object_get(json_object_get(value, "dpv:hasNotice"), "dct:language");
    json_t *again = NULL;
    if (!json_is_object(record)) {
        return error_set(e, ERROR_INPUT, "consent: /comity:record", "import what a comity exported",
                         "is missing: this is not our own form");
    }
    if (!consent_document_read(record, arena, out, e)) {
        return false;
    }
    const struct notice *notice = notices_find_by_digest(notices, out->notice_digest);
    if (notice == NULL) {
        return error_set(e, ERROR_ABSENT, "consent: /notice/sha256", "publish the notice first", "its notice was not published here");
    }
    /* What stands around our own form must say the same, or one of the two is a lie. */
    const struct export_input input = { .document = out, .notice = notice, .language = text_of(language), .receipt = text_of(proof) };
    if (!export_write(input.receipt.size > 0 ? EXPORT_RECEIPT : EXPORT_DPV, &input, &again, e)) {
        return false;
    }
    bool is_same = json_equal(again, value);
    json_decref(again);
    return is_same || error_set(e, ERROR_INPUT, "consent", "ask for it anew", "what it says in DPV's words is not what its record says");
}

/* Where R4 and R5 name the policy. */
static struct bytes policy_of(const json_t *value)
{
    struct bytes r5 = text_of(json_object_get(json_object_get(value, "policyBasis"), "url"));
    return r5.size > 0 ? r5 : text_of(json_object_get(json_array_get(json_object_get(value, "policy"), 0), "uri"));
}

bool import_fhir(const json_t *value, const struct notices *notices, struct arena *arena, struct import_request *out, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    *out = (struct import_request){ 0 };
    if (!bytes_equal(text_of(json_object_get(value, "resourceType")), BYTES("Consent"))) {
        return error_set(e, ERROR_INPUT, "resource: /resourceType", NULL, "is no FHIR Consent");
    }
    const json_t *subject = json_object_get(value, "patient") != NULL ? json_object_get(value, "patient")
                                                                      : json_object_get(value, "subject");
    struct bytes person = text_of(json_object_get(json_object_get(subject, "identifier"), "value"));
    if (person.size == 0 || person.size > CONSENT_DOCUMENT_PERSON_SIZE_MAX) {
        return error_set(e, ERROR_INPUT, "resource: /patient/identifier/value", "name the person by the holder's identifier",
                         "is missing or too long");
    }
    if (!export_notice_urn_parse(policy_of(value), digest)) {
        return error_set(e, ERROR_DENIED, "resource: /policy", "ask the person by a notice of this gateway",
                         "it names no notice revision: a foreign consent proves nothing here");
    }
    out->notice = notices_find_accepting(notices, digest);
    if (out->notice == NULL || memcmp(out->notice->digest, digest, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_DENIED, "resource: /policy", "ask by the revision that is in force",
                         "its notice revision is not in force here");
    }
    out->person = arena_copy(arena, person);
    return out->person.data != NULL || error_memory(e, "resource");
}
