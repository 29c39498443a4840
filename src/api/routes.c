#include "api/rest_handlers_internal.h"

/* One row an operation: path and method as in GovStack's specification or docs/reference/api.md, who may (resource and verb), what goes in and out. */
#define G ROUTE_GOVSTACK
#define P ROUTE_PERSON
/* clang-format off */
const struct rest_route rest_routes[] = {
    { "GET", "/v1/openapi.json", "readOpenapi", "This document", RESOURCE_PUBLIC, VERB_READ, NULL, "Openapi", 200, ROUTE_PLAIN, NULL, handle_openapi },
    { "GET", "/v1/gateway", "readGateway", "Is the gateway ready, and how far is its log?", RESOURCE_GATEWAY, VERB_READ, NULL, "Gateway", 200, 0, NULL, handle_gateway_read },
    { "GET", "/v1/figures", "readFigures", "How the gateway does: exchanges, latency by step, refusals, peers, log, queues", RESOURCE_FIGURE, VERB_READ, NULL, "Figures", 200, 0, NULL, handle_figure_read },
    { "GET", "/v1/live", "watchFigures", "The same each second, as server-sent events", RESOURCE_FIGURE, VERB_READ, NULL, NULL, 200, ROUTE_PLAIN | ROUTE_LIVE, "events", handle_figure_live },

    /* Exchanges */
    { "GET", "/v1/exchanges", "listExchanges", "Exchanges in the log by id, other member, service, reason and time, the newest first", RESOURCE_EXCHANGE, VERB_LIST, NULL, "Exchanges", 200, ROUTE_CURSOR, "id peer service reason from until", handle_exchange_list },
    { "GET", "/v1/exchanges/{exchangeId}", "readExchange", "The story of one exchange: who, what, when on both sides", RESOURCE_EXCHANGE, VERB_READ, NULL, "Exchange", 200, ROUTE_CURSOR, "person", handle_exchange_read },
    { "GET", "/v1/exchanges/{exchangeId}/bundle", "readExchangeBundle", "The evidence of an exchange, for comity evidence verify", RESOURCE_BUNDLE, VERB_READ, NULL, NULL, 200, ROUTE_PLAIN, NULL, handle_exchange_bundle },

    /* Who may ask what */
    { "GET", "/v1/rules", "readRules", "Law and policy in force: categories, clients, border instruments", RESOURCE_SERVICE, VERB_READ, NULL, "Rules", 200, 0, NULL, handle_rule_read },
    { "GET", "/v1/services", "listServices", "Services with their rights, purposes, categories and where these stand", RESOURCE_SERVICE, VERB_LIST, NULL, "Services", 200, ROUTE_CURSOR, NULL, handle_service_list },
    { "POST", "/v1/explain", "explain", "Why a request would be allowed or refused; nothing is asked, counted or logged of it", RESOURCE_SERVICE, VERB_READ, "ExplainInput", "Explanation", 200, 0, NULL, handle_explain },
    { "POST", "/v1/policy/difference", "comparePolicy", "What a policy file would change; nothing is applied", RESOURCE_SERVICE, VERB_WRITE, "PolicyText", "PolicyDifference", 200, 0, NULL, handle_policy_difference },
    { "GET", "/v1/tasks", "listTasks", "What waits for somebody of the staff, the most urgent first", RESOURCE_TASK, VERB_LIST, NULL, "Tasks", 200, 0, NULL, handle_task_list },
    /* Who is signed in */
    { "GET", "/v1/session", "readSession", "This session: as whom, until when, and a token for what changes something", RESOURCE_SESSION, VERB_READ, NULL, "Session", 200, 0, NULL, handle_session_read },
    { "GET", "/v1/sessions", "listSessions", "Where one is signed in, the newest first", RESOURCE_SESSION, VERB_LIST, NULL, "Sessions", 200, 0, NULL, handle_session_list },
    { "DELETE", "/v1/sessions", "endSessions", "Sign out everywhere", RESOURCE_SESSION, VERB_ERASE, NULL, "SessionsEnded", 200, 0, NULL, handle_session_end_all },
    { "DELETE", "/v1/sessions/{sessionId}", "endSession", "Sign out in one place", RESOURCE_SESSION, VERB_ERASE, NULL, NULL, 204, 0, NULL, handle_session_end },
    { "POST", "/v1/codes", "issueCode", "Issue a code on paper for whoever stands at the counter", RESOURCE_CODE, VERB_WRITE, "CodeInput", "Code", 201, P, NULL, handle_code_issue },

    /* A person, and who answers for whom */
    { "GET", "/v1/person", "readPerson", "For whom this session speaks, and whether that person has paused all consents", RESOURCE_PERSON, VERB_READ, NULL, "Person", 200, P, NULL, handle_person_read },
    { "POST", "/v1/person/pause", "pausePerson", "Refuse all uses that rest on consent, from now on", RESOURCE_PERSON, VERB_WITHDRAW, "Act", "Person", 200, P, NULL, handle_person_pause },
    { "POST", "/v1/person/resume", "resumePerson", "Let what was consented to be used again", RESOURCE_PERSON, VERB_DECIDE, "Act", "Person", 200, P, NULL, handle_person_resume },
    { "GET", "/v1/guardianships", "listGuardianships", "For whom the person answers, and who answers for the person", RESOURCE_PERSON, VERB_LIST, NULL, "Guardianships", 200, P, NULL, handle_guardianship_list },
    { "POST", "/v1/guardianships", "createGuardianship", "Register who answers for a person, with both proofs", RESOURCE_PERSON, VERB_WRITE, "GuardianshipInput", "GuardianshipMade", 201, P, NULL, handle_guardianship_create },
    { "POST", "/v1/guardianships/{guardianshipId}/end", "endGuardianship", "End a guardianship before its time", RESOURCE_PERSON, VERB_WRITE, NULL, "Changed", 200, 0, NULL, handle_guardianship_end },

    /* Uses */
    { "GET", "/v1/uses", "listUses", "What was asked about the person, what was decided, what left, and who looked; a page of the newest", RESOURCE_USE, VERB_LIST, NULL, "Uses", 200, P | ROUTE_CURSOR, "kind who verdict from until consent", handle_use_list },
    { "GET", "/v1/uses/proof", "proveUses", "The person's whole list, with the proof that nothing is left out", RESOURCE_USE, VERB_LIST, NULL, NULL, 200, P | ROUTE_PLAIN, NULL, handle_use_proof },
    { "GET", "/v1/uses/{entry}", "readUse", "One of them", RESOURCE_USE, VERB_READ, NULL, "Use", 200, P, NULL, handle_use_read },
    { "GET", "/v1/uses/{entry}/evidence", "readUseEvidence", "What opens the entry and its answer: statements, receipts with their salts, the log's key, and whom the gateway trusts", RESOURCE_USE, VERB_READ, NULL, "UseEvidence", 200, P, NULL, handle_use_evidence },
    { "GET", "/v1/uses/{entry}/receipt", "readUseReceipt", "The tlog-proof that an entry is in the log", RESOURCE_USE, VERB_READ, NULL, NULL, 200, P | ROUTE_PLAIN, NULL, handle_use_receipt },
    { "GET", "/v1/uses/{entry}/bundle", "readUseBundle", "The evidence of an exchange, for comity evidence verify", RESOURCE_USE, VERB_READ, NULL, NULL, 200, P | ROUTE_PLAIN, NULL, handle_use_bundle },
    { "GET", "/v1/trust", "readTrust", "Whom this gateway trusts: operators and witnesses with their keys, for comity evidence verify", RESOURCE_NOTICE, VERB_READ, NULL, NULL, 200, ROUTE_PLAIN, NULL, handle_trust },

    /* Notices */
    { "GET", "/v1/notices", "listNotices", "Notices that are in force; for organisations every revision", RESOURCE_NOTICE, VERB_LIST, NULL, "Notices", 200, ROUTE_CURSOR, NULL, handle_notice_list },
    { "GET", "/v1/notices/{sha256}", "readNotice", "One revision, by its digest", RESOURCE_NOTICE, VERB_READ, NULL, "Notice", 200, 0, NULL, handle_notice_read },
    { "POST", "/v1/notices", "publishNotice", "Publish a revision of a notice", RESOURCE_NOTICE, VERB_WRITE, "NoticeInput", "Notice", 201, 0, NULL, handle_notice_publish },

    /* Consents */
    { "GET", "/v1/consents", "listConsents", "The person's consents, the newest first", RESOURCE_CONSENT, VERB_LIST, NULL, "Consents", 200, P | ROUTE_CURSOR, "recipient purpose", handle_consent_list },
    { "POST", "/v1/consents", "createConsent", "Decide on a notice without having been asked", RESOURCE_CONSENT, VERB_DECIDE, "ConsentAnswer", "ConsentReceipt", 201, P, NULL, handle_consent_create },
    { "POST", "/v1/consents/withdraw", "withdrawConsents", "Withdraw everything, or what is for one recipient, purpose or category", RESOURCE_CONSENT, VERB_WITHDRAW, "ConsentWithdrawal", "ConsentReceipt", 200, P, NULL, handle_consent_withdraw_all },
    { "GET", "/v1/consents/{consentId}", "readConsent", "A consent with its history, or in another form: comity, dpv, receipt, kantara, fhir-r4, fhir-r5, rebit", RESOURCE_CONSENT, VERB_READ, NULL, "Consent", 200, ROUTE_PLAIN, "format language", handle_consent_read },
    { "GET", "/v1/consents/{consentId}/notice", "readConsentNotice", "The notice as it was shown then", RESOURCE_CONSENT, VERB_READ, NULL, "Notice", 200, 0, NULL, handle_consent_notice },
    { "GET", "/v1/consents/{consentId}/acts", "readConsentActs", "Which acts the law wants by themselves of whoever says yes to a request", RESOURCE_CONSENT, VERB_READ, NULL, "ConsentActs", 200, 0, NULL, handle_consent_acts },
    { "POST", "/v1/consents/{consentId}/answer", "answerConsent", "Answer a request", RESOURCE_CONSENT, VERB_DECIDE, "ConsentAnswer", "ConsentReceipt", 200, 0, NULL, handle_consent_answer },
    { "POST", "/v1/consents/{consentId}/withdraw", "withdrawConsent", "Withdraw a consent, or one category of it", RESOURCE_CONSENT, VERB_WITHDRAW, "ConsentChange", "ConsentReceipt", 200, 0, NULL, handle_consent_withdraw },
    { "POST", "/v1/consents/{consentId}/pause", "pauseConsent", "Let a consent rest", RESOURCE_CONSENT, VERB_WITHDRAW, "ConsentChange", "ConsentReceipt", 200, 0, NULL, handle_consent_pause },
    { "POST", "/v1/consents/{consentId}/resume", "resumeConsent", "End the rest", RESOURCE_CONSENT, VERB_DECIDE, "ConsentChange", "ConsentReceipt", 200, 0, NULL, handle_consent_resume },
    { "POST", "/v1/consents/{consentId}/defer", "deferConsent", "Answer a request later", RESOURCE_CONSENT, VERB_DECIDE, "ConsentChange", "ConsentReceipt", 200, 0, NULL, handle_consent_defer },
    { "POST", "/v1/consent-requests", "requestConsent", "Ask a person, on a notice", RESOURCE_CONSENT, VERB_WRITE, "ConsentRequest", "ConsentReceipt", 201, P, NULL, handle_consent_request },
    { "POST", "/v1/consent-imports", "importConsent", "A consent in another's form (W3C DPV, FHIR, Kantara, ours): a request to the person, or known here, or refused", RESOURCE_CONSENT, VERB_WRITE, "ConsentImport", "ConsentImported", 200, 0, NULL, handle_consent_import },

    /* The person's rights */
    { "GET", "/v1/requests", "listRequests", "A person's requests; for the holder's office the queue", RESOURCE_RIGHT, VERB_LIST, NULL, "RightRequests", 200, 0, "open", handle_right_list },
    { "POST", "/v1/requests", "createRequest", "Ask for access, a copy, correction, deletion, restriction or an explanation", RESOURCE_RIGHT, VERB_DECIDE, "RightRequestInput", "RightRequestMade", 201, P, NULL, handle_right_create },
    { "GET", "/v1/requests/{requestId}", "readRequest", "One request, with its clock and its answer", RESOURCE_RIGHT, VERB_READ, NULL, "RightRequest", 200, 0, NULL, handle_right_read },
    { "POST", "/v1/requests/{requestId}/cancel", "cancelRequest", "Take a request back", RESOURCE_RIGHT, VERB_DECIDE, NULL, "RightRequest", 200, 0, NULL, handle_right_cancel },
    { "POST", "/v1/requests/{requestId}/act", "actOnRequest", "Accept, extend, fulfil or refuse a request", RESOURCE_RIGHT, VERB_WRITE, "RightRequestAct", "RightRequest", 200, 0, NULL, handle_right_act },
    { "GET", "/v1/report", "readReport", "All that the gateway has about the person", RESOURCE_PERSON, VERB_READ, NULL, "Report", 200, P, NULL, handle_right_report },
    { "GET", "/v1/obligations", "listObligations", "What recipients must do after an end, and whether they have", RESOURCE_RIGHT, VERB_LIST, NULL, "Obligations", 200, 0, NULL, handle_right_obligations },

    /* What the guards of the policy leave for somebody to look at */
    { "GET", "/v1/holds", "listHolds", "Consumers that the guard against harvesting holds, at which service", RESOURCE_HOLD, VERB_LIST, NULL, "Holds", 200, 0, NULL, handle_hold_list },
    { "POST", "/v1/holds/release", "releaseHold", "Let a held consumer go on, after somebody has looked", RESOURCE_HOLD, VERB_WRITE, "HoldRelease", "Logged", 200, 0, NULL, handle_hold_release },
    { "GET", "/v1/reviews", "listReviews", "Uses on a claimed vital interest that somebody must look at, the most urgent first; persons are in each one", RESOURCE_REVIEW, VERB_LIST, NULL, "Reviews", 200, 0, "open untold", handle_review_list },
    { "GET", "/v1/reviews/{reviewId}", "readReview", "One use on a claimed vital interest: who claimed it, why, and about whom", RESOURCE_REVIEW, VERB_READ, NULL, "Review", 200, 0, NULL, handle_review_read },
    { "POST", "/v1/reviews/{reviewId}/decide", "decideReview", "Say whether the claim was justified", RESOURCE_REVIEW, VERB_WRITE, "ReviewDecision", "Review", 200, 0, NULL, handle_review_decide },
    { "POST", "/v1/reviews/{reviewId}/notice", "tellReviewed", "Say that the person was told of it, or by which law not", RESOURCE_REVIEW, VERB_WRITE, "ReviewNotice", "Review", 200, 0, NULL, handle_review_tell },

    /* Breaches and registers */
    { "GET", "/v1/breaches", "listBreaches", "Breaches of personal information with their clocks, the newest first", RESOURCE_BREACH, VERB_LIST, NULL, "Breaches", 200, 0, NULL, handle_breach_list },
    { "POST", "/v1/breaches", "openBreach", "Open a breach: what it is about, and when it was known", RESOURCE_BREACH, VERB_WRITE, "BreachInput", "Made", 201, 0, NULL, handle_breach_open },
    { "GET", "/v1/breaches/{breachId}", "readBreach", "One breach, what the log says it touched, and a draft to the authority", RESOURCE_BREACH, VERB_READ, NULL, "BreachExtent", 200, 0, NULL, handle_breach_read },
    { "POST", "/v1/breaches/{breachId}/steps", "stepBreach", "Write down that the authority or the persons were told, need not be, or that it is closed", RESOURCE_BREACH, VERB_WRITE, "BreachStep", "Logged", 200, 0, NULL, handle_breach_step },
    { "GET", "/v1/register", "readRegister", "The record of processing activities, made from the policy that is in force", RESOURCE_REGISTER, VERB_READ, NULL, "Register", 200, 0, NULL, handle_register_read },
    { "GET", "/v1/assessments", "listAssessments", "Impact assessments", RESOURCE_REGISTER, VERB_LIST, NULL, "Assessments", 200, 0, "service", handle_assessment_list },
    { "POST", "/v1/assessments", "addAssessment", "Register an impact assessment", RESOURCE_REGISTER, VERB_WRITE, "AssessmentInput", "Made", 201, 0, NULL, handle_assessment_add },
    { "GET", "/v1/received-notices", "listReceivedNotices", "What holders told us to erase, correct or restrict, with its deadline", RESOURCE_REGISTER, VERB_LIST, NULL, "ReceivedNotices", 200, 0, "open", handle_received_list },
    { "POST", "/v1/received-notices/end", "endReceivedNotice", "Confirm to the holder that it is erased, or say by which law it is kept", RESOURCE_REGISTER, VERB_WRITE, "ReceivedNoticeEnd", "Done", 200, 0, NULL, handle_received_end },

    /* GovStack: configuration */
    { "POST", "/govstack/v1/config/policy", "configCreatePolicy", "Make a policy", RESOURCE_POLICY, VERB_WRITE, "PolicyRequest", "PolicyAnswer", 200, G, NULL, govstack_policy_create },
    { "GET", "/govstack/v1/config/policy/{policyId}", "configReadPolicy", "Read a policy", RESOURCE_POLICY, VERB_READ, NULL, "PolicyAnswer", 200, G, "revisionId", govstack_policy_read },
    { "PUT", "/govstack/v1/config/policy/{policyId}", "configUpdatePolicy", "Make a new revision of a policy", RESOURCE_POLICY, VERB_WRITE, "PolicyRequest", "PolicyAnswer", 200, G, NULL, govstack_policy_update },
    { "DELETE", "/govstack/v1/config/policy/{policyId}", "configDeletePolicy", "Delete a policy", RESOURCE_POLICY, VERB_ERASE, NULL, "RevisionAnswer", 200, G, NULL, govstack_policy_delete },
    { "GET", "/govstack/v1/config/policy/{policyId}/revisions", "configListPolicyRevisions", "List the revisions of a policy", RESOURCE_POLICY, VERB_LIST, NULL, "PolicyRevisionsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_policy_revisions },
    { "GET", "/govstack/v1/config/policies", "configListPolicies", "List policies", RESOURCE_POLICY, VERB_LIST, NULL, "PoliciesAnswer", 200, G | ROUTE_OFFSET, "revisionId", govstack_policy_list },
    { "POST", "/govstack/v1/config/data-agreement", "configCreateDataAgreement", "Make a data agreement", RESOURCE_POLICY, VERB_WRITE, "DataAgreementRequest", "DataAgreementAnswer", 200, G, NULL, govstack_agreement_create },
    { "GET", "/govstack/v1/config/data-agreement/{dataAgreementId}", "configReadDataAgreement", "Read a data agreement", RESOURCE_POLICY, VERB_READ, NULL, "DataAgreementAnswer", 200, G | ROUTE_ANONYMOUS, "revisionId", govstack_agreement_read },
    { "PUT", "/govstack/v1/config/data-agreement/{dataAgreementId}", "configUpdateDataAgreement", "Make a new revision of a data agreement", RESOURCE_POLICY, VERB_WRITE, "DataAgreementRequest", "DataAgreementAnswer", 200, G, NULL, govstack_agreement_update },
    { "DELETE", "/govstack/v1/config/data-agreement/{dataAgreementId}", "configDeleteDataAgreement", "Delete a data agreement", RESOURCE_POLICY, VERB_ERASE, NULL, "RevisionAnswer", 200, G, NULL, govstack_agreement_delete },
    { "GET", "/govstack/v1/config/data-agreements", "configListDataAgreements", "List data agreements", RESOURCE_POLICY, VERB_LIST, NULL, "DataAgreementsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_agreement_list },
    { "POST", "/govstack/v1/config/individual", "configCreateIndividual", "Make an individual known", RESOURCE_INDIVIDUAL, VERB_WRITE, "IndividualRequest", "IndividualAnswer", 200, G, NULL, govstack_individual_create },
    { "GET", "/govstack/v1/config/individual/{individualId}", "configReadIndividual", "Read an individual", RESOURCE_INDIVIDUAL, VERB_READ, NULL, "IndividualAnswer", 200, G, NULL, govstack_individual_read },
    { "GET", "/govstack/v1/config/individuals", "configListIndividuals", "List individuals, by id only", RESOURCE_INDIVIDUAL, VERB_LIST, NULL, "IndividualsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_individual_list },

    /* GovStack: webhooks */
    { "POST", "/govstack/v1/config/webhook", "configCreateWebhook", "Subscribe a webhook", RESOURCE_WEBHOOK, VERB_WRITE, "WebhookRequest", "WebhookAnswer", 200, G, NULL, govstack_webhook_create },
    { "GET", "/govstack/v1/config/webhook/{webhookId}", "configReadWebhook", "Read a webhook", RESOURCE_WEBHOOK, VERB_READ, NULL, "WebhookAnswer", 200, G, "revisionId", govstack_webhook_read },
    { "PUT", "/govstack/v1/config/webhook/{webhookId}", "configUpdateWebhook", "Change a webhook", RESOURCE_WEBHOOK, VERB_WRITE, "WebhookRequest", "WebhookAnswer", 200, G, NULL, govstack_webhook_update },
    { "DELETE", "/govstack/v1/config/webhook/{webhookId}", "configDeleteWebhook", "Delete a webhook", RESOURCE_WEBHOOK, VERB_ERASE, NULL, NULL, 200, G, NULL, govstack_webhook_delete },
    { "GET", "/govstack/v1/config/webhooks", "configListWebhooks", "List webhooks", RESOURCE_WEBHOOK, VERB_LIST, NULL, "WebhooksAnswer", 200, G | ROUTE_OFFSET, "revisionId", govstack_webhook_list },

    /* GovStack: service */
    { "GET", "/govstack/v1/service/policy/{policyId}", "serviceReadPolicy", "Read a policy", RESOURCE_POLICY, VERB_READ, NULL, "PolicyAnswer", 200, G | ROUTE_ANONYMOUS, "revisionId", govstack_policy_read },
    { "GET", "/govstack/v1/service/data-agreement/{dataAgreementId}", "serviceReadDataAgreement", "Read a data agreement", RESOURCE_POLICY, VERB_READ, NULL, "DataAgreementAnswer", 200, G, "revisionId", govstack_agreement_read },
    { "POST", "/govstack/v1/service/individual", "serviceCreateIndividual", "Make an individual known", RESOURCE_INDIVIDUAL, VERB_WRITE, "IndividualRequest", "IndividualAnswer", 200, G, NULL, govstack_individual_create },
    { "GET", "/govstack/v1/service/individual/{individualId}", "serviceReadIndividual", "Read an individual", RESOURCE_INDIVIDUAL, VERB_READ, NULL, "IndividualAnswer", 200, G, NULL, govstack_individual_read },
    { "PUT", "/govstack/v1/service/individual/{individualId}", "serviceUpdateIndividual", "Change what is known of an individual", RESOURCE_INDIVIDUAL, VERB_WRITE, "IndividualRequest", "IndividualAnswer", 200, G, NULL, govstack_individual_update },
    { "GET", "/govstack/v1/service/individuals", "serviceListIndividuals", "List individuals, by id only", RESOURCE_INDIVIDUAL, VERB_LIST, NULL, "IndividualsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_individual_list },
    { "GET", "/govstack/v1/service/verification/data-agreements", "serviceVerificationListDataAgreements", "List data agreements", RESOURCE_POLICY, VERB_LIST, NULL, "AuditAgreementsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_verify_agreements },
    { "GET", "/govstack/v1/service/verification/consent-records", "serviceVerificationListConsentRecords", "List consent records as they are now", RESOURCE_CONSENT, VERB_LIST, NULL, "RecordsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_verify_records },
    { "GET", "/govstack/v1/service/verification/consent-record/{consentRecordId}", "serviceVerificationReadConsentRecord", "Read a consent record", RESOURCE_CONSENT, VERB_READ, NULL, "RecordAnswer", 200, G, NULL, govstack_verify_record },
    { "POST", "/govstack/v1/service/individual/record/data-agreement/{dataAgreementId}", "serviceCreateIndividualRecord", "Make an unsigned consent record", RESOURCE_CONSENT, VERB_DECIDE, NULL, "RecordAnswer", 200, G | ROUTE_PERSON, "individualId! revisionId", govstack_record_create },
    { "GET", "/govstack/v1/service/individual/record/data-agreement/{dataAgreementId}", "serviceReadIndividualRecord", "Read the individual's current record on an agreement", RESOURCE_CONSENT, VERB_READ, NULL, "RecordAnswer", 200, G | ROUTE_PERSON, NULL, govstack_record_of_agreement },
    { "POST", "/govstack/v1/service/individual/record/consent-record/draft", "serviceCreateIndividualRecordDraft", "Draft a consent record for signing; nothing is kept", RESOURCE_CONSENT, VERB_DECIDE, NULL, "DraftAnswer", 200, G | ROUTE_PERSON, "individualId! dataAgreementId! revisionId", govstack_draft_create },
    { "POST", "/govstack/v1/service/individual/record/consent-record", "serviceSubmitIndividualRecord", "Hand in a signed draft", RESOURCE_CONSENT, VERB_DECIDE, "DraftRequest", "SubmitAnswer", 200, G, NULL, govstack_draft_submit },
    { "GET", "/govstack/v1/service/individual/record/consent-record", "serviceListIndividualRecords", "List the individual's records", RESOURCE_CONSENT, VERB_LIST, NULL, "RecordsAnswer", 200, G | ROUTE_PERSON | ROUTE_OFFSET, NULL, govstack_record_list_own },
    { "PUT", "/govstack/v1/service/individual/record/consent-record/{consentRecordId}", "serviceUpdateIndividualRecord", "Opt in or out; the record is unsigned then", RESOURCE_CONSENT, VERB_DECIDE, "RecordUpdateRequest", "RecordAnswer", 200, G, NULL, govstack_record_update },
    { "POST", "/govstack/v1/service/individual/record/consent-record/{consentRecordId}/signature", "serviceCreateSignature", "Sign a record", RESOURCE_CONSENT, VERB_DECIDE, "SignatureRequest", "SignatureAnswer", 200, G, NULL, govstack_signature_create },
    { "PUT", "/govstack/v1/service/individual/record/consent-record/{consentRecordId}/signature", "serviceUpdateSignature", "Sign a record again", RESOURCE_CONSENT, VERB_DECIDE, "SignatureRequest", "SignatureAnswer", 200, G, NULL, govstack_signature_replace },
    { "GET", "/govstack/v1/service/individual/record/data-agreement/{dataAgreementId}/all", "serviceListIndividualRecordsOfAgreement", "List the individual's records on an agreement", RESOURCE_CONSENT, VERB_LIST, NULL, "RecordsAnswer", 200, G | ROUTE_PERSON | ROUTE_OFFSET, NULL, govstack_record_list_own },
    { "DELETE", "/govstack/v1/service/individual/record", "serviceEraseIndividualRecords", "Erase the individual's forgettable and unsigned records", RESOURCE_CONSENT, VERB_ERASE, NULL, NULL, 200, G | ROUTE_PERSON, NULL, govstack_record_erase },

    /* GovStack: audit */
    { "GET", "/govstack/v1/audit/consent-records", "auditListConsentRecords", "List consent records without individuals", RESOURCE_AUDIT, VERB_LIST, NULL, "RecordsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_audit_records },
    { "GET", "/govstack/v1/audit/consent-record/{consentRecordId}", "auditReadConsentRecord", "Read a consent record without its individual", RESOURCE_AUDIT, VERB_READ, NULL, "RecordAnswer", 200, G, NULL, govstack_audit_record },
    { "GET", "/govstack/v1/audit/data-agreements", "auditListDataAgreements", "List data agreements", RESOURCE_AUDIT, VERB_LIST, NULL, "AuditAgreementsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_verify_agreements },
    { "GET", "/govstack/v1/audit/data-agreement/{dataAgreementId}", "auditReadDataAgreement", "Read a data agreement", RESOURCE_AUDIT, VERB_READ, NULL, "AuditAgreementAnswer", 200, G, NULL, govstack_audit_agreement },
};
/* clang-format on */
#undef G
#undef P
const size_t rest_route_count = COUNT_OF(rest_routes);
