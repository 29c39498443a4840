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

#endif
