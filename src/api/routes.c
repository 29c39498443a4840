#include "api/rest_handlers_internal.h"

/* One row an operation: path and method as in GovStack's specification or docs/reference/api.md, who may (resource and verb), what goes in and out. */
#define G ROUTE_GOVSTACK
/* clang-format off */
const struct rest_route rest_routes[] = {
    { "GET", "/v1/openapi.json", "readOpenapi", "This document", RESOURCE_PUBLIC, VERB_READ, NULL, "Openapi", 200, ROUTE_PLAIN, NULL, handle_openapi },

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

    /* GovStack: service */
    { "GET", "/govstack/v1/service/policy/{policyId}", "serviceReadPolicy", "Read a policy", RESOURCE_POLICY, VERB_READ, NULL, "PolicyAnswer", 200, G | ROUTE_ANONYMOUS, "revisionId", govstack_policy_read },
    { "GET", "/govstack/v1/service/data-agreement/{dataAgreementId}", "serviceReadDataAgreement", "Read a data agreement", RESOURCE_POLICY, VERB_READ, NULL, "DataAgreementAnswer", 200, G, "revisionId", govstack_agreement_read },
    { "POST", "/govstack/v1/service/individual", "serviceCreateIndividual", "Make an individual known", RESOURCE_INDIVIDUAL, VERB_WRITE, "IndividualRequest", "IndividualAnswer", 200, G, NULL, govstack_individual_create },
    { "GET", "/govstack/v1/service/individual/{individualId}", "serviceReadIndividual", "Read an individual", RESOURCE_INDIVIDUAL, VERB_READ, NULL, "IndividualAnswer", 200, G, NULL, govstack_individual_read },
    { "PUT", "/govstack/v1/service/individual/{individualId}", "serviceUpdateIndividual", "Change what is known of an individual", RESOURCE_INDIVIDUAL, VERB_WRITE, "IndividualRequest", "IndividualAnswer", 200, G, NULL, govstack_individual_update },
    { "GET", "/govstack/v1/service/individuals", "serviceListIndividuals", "List individuals, by id only", RESOURCE_INDIVIDUAL, VERB_LIST, NULL, "IndividualsAnswer", 200, G | ROUTE_OFFSET, NULL, govstack_individual_list },
};
/* clang-format on */
#undef G
const size_t rest_route_count = COUNT_OF(rest_routes);
