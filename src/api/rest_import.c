/*
 * /v1/consent-imports: a consent in somebody else's form. It is never a consent here (reference consent-standards 4): what permits is the person's own act on a
 * notice that this gateway published. A document that names such a revision becomes a request, for the person to decide; a copy of a
 * record that is here is told to be one; anything else is refused.
 */
#include <string.h>

#include "api/rest_handlers_internal.h"
#include "consent/notice_store.h"
#include "interchange/export.h"
#include "interchange/json_make.h"

enum { UUID_SIZE = 36, UUID_HEX = 32 };

/* What a document says. Views into the call's arena and the snapshot of notices. */
struct imported {
    const char *form;
    struct bytes person, copy_of; /* the id that it has as a record of ours; empty: none */
    const struct notice *notice;  /* NULL: it names none */
};

static struct consents *consents_of(const struct rest_call *call)
{
    return call->rest->options.operations.consents;
}

static bool take_document(struct imported *in, const struct notices *notices, const struct consent_document *document)
{
    in->person = document->person;
    in->copy_of = document->id;
    in->notice = notices_find_by_digest(notices, document->notice_digest);
    return true;
}

/* "1f0e..-..": the id of a record of ours, as a Kantara receipt writes it. */
static bool take_receipt_id(struct rest_call *call, struct bytes uuid, struct bytes *out, struct error *e)
{
    char id[2 + UUID_HEX + 1] = "c-";
    size_t size = 2;
    for (size_t i = 0; uuid.size == UUID_SIZE && i < uuid.size && size < sizeof id - 1; i++) {
        if (uuid.data[i] != '-') {
            id[size++] = (char)uuid.data[i];
        }
    }
    *out = size == sizeof id - 1 ? arena_copy(&call->arena, bytes_of(id, size)) : BYTES("");
    return out->data != NULL || error_memory(e, "receipt");
}

static bool read_document(struct rest_call *call, const struct notices *notices, struct imported *in, struct error *e)
{
    const json_t *document = json_object_get(call->body, "document");
    struct consent_document own;
    struct import_request request;
    struct bytes version = rest_json_bytes(json_object_get(document, "version"));
    *in = (struct imported){ .form = "comity" };
    if (bytes_equal(rest_json_bytes(json_object_get(document, "resourceType")), BYTES("Consent"))) {
        in->form = "fhir";
        if (!import_fhir(document, notices, &call->arena, &request, e)) {
            return false;
        }
        in->person = request.person;
        in->notice = request.notice;
        return true;
    }
    if (json_object_get(document, "@context") != NULL) {
        in->form = "dpv";
        return import_dpv(document, notices, &call->arena, &own, e) && take_document(in, notices, &own);
    }
    if (bytes_start_with(version, BYTES("KI-CR-"))) {
        in->form = "kantara";
        in->person = rest_json_bytes(json_object_get(document, "piiPrincipalId"));
        return take_receipt_id(call, rest_json_bytes(json_object_get(document, "consentReceiptID")), &in->copy_of, e);
    }
    if (json_object_get(document, "sha256") != NULL) {
        return consent_document_read(document, &call->arena, &own, e) && take_document(in, notices, &own);
    }
    return rest_refuse(call, e, 400, "request.malformed", "/document",
                       "send a FHIR Consent, an ISO/IEC TS 27560 record as W3C DPV JSON-LD, a Kantara receipt, or our own form",
                       "is none of the forms that are read here");
}

/* ---- What becomes of it ---- */

struct known {
    struct bytes person, member; /* whose it must be; for which recipient, empty: any */
    bool is_there;
};

static bool take_known(void *context, const struct consent_record *record)
{
    struct known *known = context;
    known->is_there = bytes_equal(record->person, known->person) &&
                      (known->member.size == 0 || bytes_equal(record->recipient, known->member));
    return false;
}

static bool is_own(const struct rest_call *call)
{
    return bytes_equal(call->principal.member, call->rest->options.member);
}

/* A record of ours that this caller may see: as if it weren't there for anybody else. */
static bool find_known(struct rest_call *call, const struct imported *in, bool *is_there, struct error *e)
{
    struct known known = { .person = in->person, .member = is_own(call) ? BYTES_NONE : call->principal.member };
    *is_there = false;
    if (in->copy_of.size == 0 || in->copy_of.size >= CONSENT_ID_SIZE || in->person.size == 0) {
        return true;
    }
    bool ok = consent_list(consents_of(call), BYTES_NONE, in->copy_of, take_known, &known, e);
    *is_there = known.is_there;
    return ok;
}

static bool answer_import(struct rest_call *call, const struct imported *in, const char *outcome, struct bytes id, struct error *e)
{
    struct json_maker m = json_make();
    json_make_text(&m, "form", in->form);
    json_make_text(&m, "outcome", outcome);
    json_make_bytes(&m, "id", id);
    call->answer = json_made(&m);
    return call->answer != NULL || error_memory(e, "answer");
}

static bool check_notice(struct rest_call *call, const struct notices *notices, const struct imported *in, struct error *e)
{
    if (in->notice == NULL) {
        return rest_refuse(call, e, 409, "notice.absent", "/document", "ask the person on a notice of yours: POST /v1/consent-requests",
                           "names no revision of a notice that was published here, so that nobody knows what the person was shown");
    }
    if (!is_own(call) && !bytes_equal(in->notice->recipient.member, call->principal.member)) {
        return rest_refuse(call, e, 404, "notice.absent", "/document", NULL, "names no notice of yours");
    }
    return notices_is_current(notices, in->notice) ||
           rest_refuse(call, e, 409, "consent.superseded", "/document", "ask the person on the current revision",
                       "names a revision of a notice that another has replaced");
}

static bool request_consent(struct rest_call *call, const struct rest_rules *rules, const struct imported *in, struct error *e)
{
    struct consent_receipt receipt = { .reason = NULL };
    const struct consent_act act = { .role = CONSENT_ROLE_SYSTEM, .ref = call->principal.member, .method = CONSENT_METHOD_API };
    const struct consent_offer offer = { .person = call->subject, .notice_id = in->notice->id };
    return (consent_request(consents_of(call), &rules->rules, &offer, &act, &receipt, e) || rest_denied(call, &receipt, e)) &&
           answer_import(call, in, "requested", bytes_of_text(receipt.id), e);
}

bool handle_consent_import(struct rest_call *call, struct error *e)
{
    struct rest_rules rules;
    struct imported in;
    bool is_there = false;
    if (!rest_rules_take(call, &rules, e)) {
        return false;
    }
    bool ok = read_document(call, rules.notices, &in, e) && find_known(call, &in, &is_there, e);
    ok = ok && (is_there || check_notice(call, rules.notices, &in, e)) &&
         rest_enter_subject(call, in.person, is_there ? call->principal.member : in.notice->recipient.member, e);
    ok = ok && (is_there ? answer_import(call, &in, "known", in.copy_of, e) : request_consent(call, &rules, &in, e));
    rest_rules_clear(&rules);
    return ok;
}
