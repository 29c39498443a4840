/* The handlers that the table of routes (routes.c) names. */
#ifndef COMITY_API_REST_HANDLERS_INTERNAL_H
#define COMITY_API_REST_HANDLERS_INTERNAL_H

#include "api/rest_internal.h"

/* rest_public.c */
rest_handler handle_openapi;
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
