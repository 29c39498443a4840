/* The handlers that the table of routes (routes.c) names. */
#ifndef COMITY_API_REST_HANDLERS_INTERNAL_H
#define COMITY_API_REST_HANDLERS_INTERNAL_H

#include "api/operation.h"
#include "api/rest_internal.h"
#include "consent/consent.h"

/* rest_public.c */
rest_handler handle_openapi;
/* rest_gateway.c, rest_person.c, rest_use.c */
rest_handler handle_exchange_list, handle_exchange_read, handle_exchange_bundle;              /* rest_exchange.c */
rest_handler handle_service_list, handle_rule_read, handle_explain, handle_policy_difference; /* rest_service.c */
rest_handler handle_task_list;                                                                /* rest_task.c */
rest_handler handle_figure_read, handle_figure_live;                                          /* rest_figure.c */
rest_handler handle_gateway_read, handle_person_read, handle_person_pause, handle_person_resume, handle_guardianship_list,
    handle_guardianship_create, handle_guardianship_end, handle_use_list, handle_use_read, handle_use_receipt, handle_use_bundle,
    handle_use_evidence, handle_use_proof, handle_trust;
/* rest_session.c */
rest_handler handle_session_read, handle_session_list, handle_session_end, handle_session_end_all, handle_code_issue;
/* Who acts on the subject's behalf, as the body (schema Act) and the session say. Views into the body. */
must_check bool rest_act_of(struct rest_call *call, struct consent_act *act, struct error *e);
/* The same of a part of the body; `where` names its `method`. */
must_check bool rest_act_in(struct rest_call *call, const json_t *said, const char *where, struct consent_act *act, struct error *e);
/* By which law and notices a decision is checked, as they are now. */
struct rest_rules {
    struct consent_rules rules;
    struct law *law;
    struct policy *policy;
    struct notices *notices;
};
must_check bool rest_rules_take(struct rest_call *call, struct rest_rules *r, struct error *e);
void rest_rules_clear(struct rest_rules *r);
/* The status and the reason of a change that was denied. Returns false. */
bool rest_denied(struct rest_call *call, const struct consent_receipt *receipt, struct error *e);
/* rest_notice.c, rest_consent.c, rest_right.c */
rest_handler handle_notice_list, handle_notice_read, handle_notice_publish, handle_consent_list, handle_consent_create,
    handle_consent_withdraw_all, handle_consent_read, handle_consent_notice, handle_consent_acts, handle_consent_answer,
    handle_consent_withdraw, handle_consent_pause, handle_consent_resume, handle_consent_defer, handle_consent_request, handle_right_list,
    handle_right_create, handle_right_read, handle_right_cancel, handle_right_act, handle_right_report, handle_right_obligations;
/* rest_import.c */
rest_handler handle_consent_import;
/* rest_office.c: what the holder's office works through. */
rest_handler handle_hold_list, handle_hold_release, handle_review_list, handle_review_read, handle_review_decide, handle_review_tell,
    handle_breach_list, handle_breach_open, handle_breach_read, handle_breach_step, handle_register_read, handle_assessment_list,
    handle_assessment_add, handle_received_list, handle_received_end;
/* rest_operation.c */
/* An operation's answer as this call's, its names as this API writes them. Takes `request`, which may be NULL (out of memory). */
must_check bool rest_run(struct rest_call *call, operation *what, json_t *request, struct error *e);
/* A member of a request; an empty value is left out. */
must_check bool rest_set(json_t *object, const char *key, struct bytes value);
/* Who asks, as the log has it. */
struct bytes rest_asked_by(const struct rest_call *call);
/* In the rows of a list: what names a person or says what a person said becomes null. */
must_check bool rest_redact(struct rest_call *call, const char *list, const char *const *names, size_t count, struct error *e);
/* The only row of a list becomes the answer; false: there is none. */
must_check bool rest_take_row(struct rest_call *call, const char *list);
/* `{ "hold_at": .. }` of the body (names as this API has them), with who asks as "by". NULL: out of memory. The caller's. */
json_t *rest_request_of_body(const struct rest_call *call);
/* `{ "sha256", "notice" }`, with its ETag. */
must_check bool rest_answer_notice(struct rest_call *call, const struct notice *notice, struct error *e);
/* govstack_config.c */
rest_handler govstack_policy_create, govstack_policy_read, govstack_policy_update, govstack_policy_delete, govstack_policy_revisions,
    govstack_policy_list;
rest_handler govstack_agreement_create, govstack_agreement_read, govstack_agreement_update, govstack_agreement_delete,
    govstack_agreement_list;
rest_handler govstack_individual_create, govstack_individual_read, govstack_individual_update, govstack_individual_list;

/* govstack_record.c, govstack_draft.c, govstack_audit.c */
rest_handler govstack_record_create, govstack_record_of_agreement, govstack_record_list_own, govstack_record_update, govstack_record_erase,
    govstack_signature_create, govstack_signature_replace, govstack_draft_create, govstack_draft_submit, govstack_verify_records,
    govstack_verify_record, govstack_verify_agreements, govstack_audit_records, govstack_audit_record, govstack_audit_agreement;
/* govstack_webhook.c */
rest_handler govstack_webhook_create, govstack_webhook_read, govstack_webhook_update, govstack_webhook_delete, govstack_webhook_list;

#endif
