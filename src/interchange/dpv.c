/*
 * W3C DPV 2 as JSON-LD, shaped as an ISO/IEC TS 27560 record (w3c/dpv guides/consent-27560; reference consent-standards 2). Every IRI is one of
 * DPV 2.3; the whole record is in it as a JSON literal, so that it reads back.
 */
#include <stdio.h>

#include "interchange/export_internal.h"

#define SCHEMA "https://w3id.org/dpv/schema/dpv-27560#"

static json_t *id_of_text(const char *iri)
{
    return json_pack("{s:s}", "@id", iri);
}

static json_t *id_of(struct bytes iri)
{
    struct json_maker m = json_make();
    json_make_bytes(&m, "@id", iri);
    return json_made(&m);
}

static json_t *ids_of(const struct notice_list *list)
{
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < list->count; i++) {
        if (!json_list_add(made, id_of(list->items[i]))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *typed(const char *value, const char *type)
{
    return json_pack("{s:s, s:s}", "@value", value, "@type", type);
}

static json_t *time_of(int64_t time_ms)
{
    struct json_maker m = json_make();
    json_make_time(&m, "@value", time_ms);
    json_make_text(&m, "@type", "xsd:dateTime");
    return json_made(&m);
}

static json_t *duration_of(struct period period)
{
    char text[PERIOD_TEXT_SIZE];
    return typed(period_text(period, text), "xsd:duration");
}

/* A text with its languages: DPV's names and descriptions. */
static json_t *literals_of(const struct notice_texts *texts)
{
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < texts->count; i++) {
        struct json_maker m = json_make();
        json_make_bytes(&m, "@value", texts->items[i].text);
        json_make_bytes(&m, "@language", texts->items[i].language);
        if (!json_list_add(made, json_made(&m))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *context(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "dpv", "https://w3id.org/dpv#", "pd", "https://w3id.org/dpv/pd#",
                     "loc", "https://w3id.org/dpv/loc#", "dct", "http://purl.org/dc/terms/", "xsd", "http://www.w3.org/2001/XMLSchema#",
                     "comity", "https://w3id.org/comity/terms#", "comity:record", "@id", "comity:record", "@type", "@json");
}

/* DPV's names; deferred and superseded as the reference maps them. */
static const char *status_of(enum consent_state state)
{
    switch (state) {
    case CONSENT_REQUESTED:
        return "dpv:ConsentRequested";
    case CONSENT_DEFERRED:
        return "dpv:ConsentRequestDeferred";
    case CONSENT_GIVEN:
        return "dpv:ConsentGiven";
    case CONSENT_PAUSED:
        return "dpv:ConsentStatusInvalidForProcessing";
    case CONSENT_REFUSED:
        return "dpv:ConsentRefused";
    case CONSENT_WITHDRAWN:
        return "dpv:ConsentWithdrawn";
    case CONSENT_REVOKED:
        return "dpv:ConsentRevoked";
    case CONSENT_EXPIRED:
    case CONSENT_SUPERSEDED:
        return "dpv:ConsentExpired";
    case CONSENT_INVALIDATED:
        return "dpv:ConsentInvalidated";
    case CONSENT_NONE:
        break;
    }
    return "dpv:ConsentUnknown";
}

static json_t *party_of(const struct notice_party *party, const char *type)
{
    struct json_maker m = json_make();
    json_make_text(&m, "@type", type);
    json_make_bytes(&m, "dct:identifier", party->member);
    json_make_value(&m, "dpv:hasName", literals_of(&party->name));
    json_make_bytes_if_any(&m, "dpv:hasAddress", party->address);
    json_make_bytes_if_any(&m, "dpv:hasContact", party->contact);
    return json_made(&m);
}

static json_t *person_of(const struct consent_document *d)
{
    struct json_maker m = json_make();
    json_make_value(&m, "@type", d->is_minor ? json_pack("[s, s]", "dpv:DataSubject", "dpv:Child") : json_string("dpv:DataSubject"));
    json_make_bytes(&m, "dct:identifier", d->person);
    return json_made(&m);
}

static json_t *notice_of(const struct export_input *input)
{
    char urn[EXPORT_NOTICE_URN_SIZE];
    struct bytes language = input->language.size > 0 ? input->language : input->notice->languages.items[0];
    struct json_maker m = json_make();
    json_make_text(&m, "@id", export_notice_urn(input->document, urn));
    json_make_text(&m, "@type", "dpv:ConsentNotice");
    json_make_bytes(&m, "dct:language", language);
    return json_made(&m);
}

/* The categories that were decided on; what was refused is no part of the process. */
static json_t *data_of(const struct export_input *input)
{
    const struct consent_document *d = input->document;
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < d->decision_count; i++) {
        const struct notice_category *category = notice_find_category(input->notice, d->decisions[i].category);
        struct json_maker m = json_make();
        bool is_sensitive = category == NULL || category->is_sensitive;
        json_make_bytes(&m, "@id", d->decisions[i].category);
        json_make_text(&m, "@type", is_sensitive ? "dpv:SensitivePersonalData" : "dpv:PersonalData");
        json_make_value(&m, "dpv:hasNecessity", id_of_text(category != NULL && category->is_required ? "dpv:Required" : "dpv:Optional"));
        json_make_value(&m, "dpv:hasConsentStatus", id_of_text(status_of(d->decisions[i].state)));
        if (!json_list_add(made, json_made(&m))) {
            json_decref(made);
            return NULL;
        }
    }
    return made;
}

static json_t *storage_of(const struct export_input *input)
{
    const struct consent_document *d = input->document;
    json_t *places = json_array();
    for (size_t i = 0; places != NULL && i < input->notice->storage.count; i++) {
        char iri[64];
        (void)snprintf(iri, sizeof iri, "loc:%.*s", BYTES_FMT(input->notice->storage.items[i]));
        if (!json_list_add(places, id_of_text(iri))) {
            json_decref(places);
            places = NULL;
        }
    }
    struct json_maker m = json_make();
    json_make_text(&m, "@type", "dpv:StorageCondition");
    if (d->has_recipient_life) {
        json_make_value(&m, "dpv:hasDuration", duration_of(d->recipient_life));
    }
    json_make_value(&m, "dpv:hasLocation", places);
    return json_made(&m);
}

static bool is_gdpr(const struct notice *notice)
{
    return bytes_equal(notice->law, BYTES("EU-GDPR"));
}

static bool has_sensitive(const struct export_input *input)
{
    for (size_t i = 0; i < input->document->decision_count; i++) {
        const struct notice_category *category = notice_find_category(input->notice, input->document->decisions[i].category);
        if (category == NULL || category->is_sensitive) {
            return true;
        }
    }
    return false;
}

static json_t *basis_of(const struct export_input *input)
{
    if (!is_gdpr(input->notice)) {
        return id_of_text("dpv:ExplicitlyExpressedConsent");
    }
    return json_pack("[{s:s}, {s:s}]", "@id", "dpv:ExplicitlyExpressedConsent", "@id",
                     has_sensitive(input) ? "https://w3id.org/dpv/legal/eu/gdpr#A9-2-a" : "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a");
}

static json_t *process_of(const struct export_input *input)
{
    const struct notice *n = input->notice;
    struct json_maker m = json_make();
    json_make_text(&m, "@type", "dpv:Process");
    json_make_value(&m, "dpv:hasPurpose", id_of(input->document->purpose));
    json_make_value(&m, "dpv:hasLegalBasis", basis_of(input));
    json_make_value(&m, "dpv:hasPersonalData", data_of(input));
    json_make_value(&m, "dpv:hasProcessing", ids_of(&n->processing));
    json_make_value(&m, "dpv:hasStorageCondition", storage_of(input));
    json_make_value(&m, "dpv:hasDataController", party_of(&n->holder, "dpv:DataController"));
    json_make_value(&m, "dpv:hasRecipient", party_of(&n->recipient, "dpv:ThirdParty"));
    if (n->services.count > 0) {
        json_make_value(&m, "dpv:hasService", json_of_list(&n->services));
    }
    if (n->dpia_ref.size > 0) {
        struct json_maker dpia = json_make();
        json_make_text(&dpia, "@type", "dpv:DPIA");
        json_make_bytes(&dpia, "dct:identifier", n->dpia_ref);
        json_make_value(&m, "dpv:hasImpactAssessment", json_made(&dpia));
    }
    return json_made(&m);
}

static const char *actor_type(struct bytes role)
{
    return bytes_equal(role, BYTES("person"))     ? "dpv:DataSubject"
           : bytes_equal(role, BYTES("guardian")) ? "dpv:GuardianOfDataSubject"
                                                  : "dpv:Entity";
}

static json_t *actor_of(const struct consent_document *d, const struct consent_document_event *event)
{
    struct json_maker m = json_make();
    json_make_text(&m, "@type", actor_type(event->role));
    json_make_bytes_if_any(&m, "dct:identifier",
                           event->ref.size > 0                         ? event->ref
                           : bytes_equal(event->role, BYTES("person")) ? d->person
                                                                       : BYTES_NONE);
    return json_made(&m);
}

static json_t *event_of(const struct consent_document *d, const struct consent_document_event *event)
{
    struct json_maker m = json_make();
    json_make_text(&m, "@type", status_of(event->to));
    json_make_value(&m, "dct:date", time_of(event->at_ms));
    json_make_value(&m, "dpv:isIndicatedAtTime", time_of(event->at_ms));
    json_make_value(&m, "dpv:isIndicatedBy", actor_of(d, event));
    json_make_value(&m, "dpv:isImplementedByEntity", actor_of(d, event));
    json_make_bytes_if_any(&m, "dpv:hasIndicationMethod", event->method);
    json_make_bytes_if_any(&m, "dct:language", event->language);
    if (event->to == CONSENT_GIVEN) {
        json_make_value(&m, "dct:valid", time_of(d->valid_until_ms));
    }
    return json_made(&m);
}

/* The events in their order, then the status as of now: 27560's event section. */
static json_t *statuses_of(const struct consent_document *d)
{
    json_t *made = json_array();
    for (size_t i = 0; made != NULL && i < d->event_count; i++) {
        if (!json_list_add(made, event_of(d, &d->events[i]))) {
            json_decref(made);
            return NULL;
        }
    }
    if (made != NULL && !json_list_add(made, id_of_text(status_of(d->state)))) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static json_t *controls_of(const struct notice *n)
{
    struct json_maker m = json_make();
    json_make_text(&m, "@type", "dpv:WithdrawConsent");
    json_make_bytes_if_any(&m, "dct:source", n->withdrawal_url);
    return json_made(&m);
}

static json_t *rights_of(const struct notice *n)
{
    struct json_maker m = json_make();
    json_make_text(&m, "@type", "dpv:RightExerciseNotice");
    json_make_bytes_if_any(&m, "dct:source", n->rights_url);
    return json_made(&m);
}

json_t *dpv_write(const struct export_input *input, bool is_receipt, const json_t *own)
{
    const struct consent_document *d = input->document;
    const struct notice *n = input->notice;
    const char *profile = is_receipt ? (is_gdpr(n) ? SCHEMA "receipt-eu-gdpr" : SCHEMA "receipt-record")
                                     : (is_gdpr(n) ? SCHEMA "record-eu-gdpr" : SCHEMA "record");
    char id[128];
    (void)snprintf(id, sizeof id, "urn:comity:%s:%.*s", is_receipt ? "receipt" : "consent", BYTES_FMT(d->id));
    struct json_maker m = json_make();
    json_make_value(&m, "@context", context());
    json_make_text(&m, "@id", id);
    json_make_text(&m, "@type", is_receipt ? "dpv:ConsentReceipt" : "dpv:ConsentRecord");
    json_make_value(&m, "dct:conformsTo", id_of_text(profile));
    json_make_bytes(&m, "dct:identifier", d->id);
    json_make_bytes(&m, "dpv:hasIdentifier", d->id);
    json_make_value(&m, "dpv:hasDataSubject", person_of(d));
    json_make_value(&m, "dpv:hasNotice", notice_of(input));
    json_make_value(&m, "dct:language", json_of_list(&n->languages));
    json_make_value(&m, "dpv:hasJurisdiction", ids_of(&n->jurisdictions));
    json_make_value(&m, "dpv:hasProcess", process_of(input));
    json_make_value(&m, "dpv:hasConsentStatus", statuses_of(d));
    json_make_value(&m, "dpv:hasConsentControl", controls_of(n));
    json_make_value(&m, "dpv:hasRight", rights_of(n));
    if (n->authority_url.size > 0) {
        json_make_value(&m, "dpv:hasAuthority", id_of(n->authority_url));
    }
    json_make_value(&m, "dct:valid", time_of(d->valid_until_ms));
    if (is_receipt) {
        json_make_bytes(&m, "comity:proof", input->receipt);
    }
    json_make_value(&m, "comity:record", json_incref((json_t *)own)); /* a JSON literal, by the context */
    return json_made(&m);
}
