/* policy.yaml as it is written: what libcyaml fills in, before any meaning is checked. Strings are NULL where a key is absent. */
#ifndef COMITY_POLICY_POLICY_TEXT_INTERNAL_H
#define COMITY_POLICY_POLICY_TEXT_INTERNAL_H

#include <cyaml/cyaml.h>

#include "policy/policy.h"

struct text_category {
    char *id;
    bool *is_sensitive;
    bool *is_never;
};
struct text_client {
    char *subsystem;
    enum policy_connection connection;
    char **certificates;
    uint32_t certificates_count;
    char **tokens;
    uint32_t tokens_count;
};
struct text_person {
    enum policy_person_place place;
    char *name;
    char *template;
};
struct text_transform {
    enum transform_kind kind;
    uint32_t *first, *last, *decimals, *geohash;
    uint32_t *bands;
    uint32_t bands_count;
    char *as;
};
struct text_release {
    char *category;
    enum law_basis basis;
    char *law_ref;
    struct text_transform *transform;
    char *ref;
    enum law_basis *also;
    uint32_t also_count;
};
struct text_field {
    char *path;
    char *category;
    struct text_transform *transform;
};
struct text_right {
    char *subject;
    char *method;
    char *path;
};
struct text_endpoint {
    char *method;
    char *path;
};
struct text_dpia {
    char *ref, *date, *valid_until;
};
struct text_contract {
    char *ref, *from, *until;
};
struct text_harvest {
    uint64_t persons;
    char *per;
    uint32_t burst;
};
struct text_conditions {
    char *life;
    bool *is_onward;
};
struct text_instrument {
    char *id, *kind, *ref, *from, *until;
    char **recipients;
    uint32_t recipients_count;
    char **categories;
    uint32_t categories_count;
    bool is_suspended;
    uint64_t *max_persons, *max_sensitive;
};
struct text_approval {
    char *ref, *recipient, *purpose, *from, *until;
};
struct text_authority {
    char **purposes;
    uint32_t purposes_count;
    struct text_approval *approvals;
    uint32_t approvals_count;
};
struct text_year {
    uint32_t year;
    uint64_t persons, sensitive;
};
struct text_vital {
    bool is_confirmed;
    char *review;
};
struct text_service {
    char *id;
    enum policy_service_type type;
    enum policy_evidence evidence;
    char *url;
    bool *verify_tls;
    char *trusted;
    char *openapi;
    char *timeout;
    char *disabled;
    struct text_person *person;
    char **purposes;
    uint32_t purposes_count;
    char *default_purpose;
    struct text_release *releases;
    uint32_t releases_count;
    struct text_field *fields;
    uint32_t fields_count;
    struct text_right *rights;
    uint32_t rights_count;
    struct text_endpoint *endpoints;
    uint32_t endpoints_count;
    struct text_dpia *dpia;
    enum policy_relation relation;
    struct text_contract *contract;
    char *duty;
    bool is_automated;
    bool keeps_range;
    enum policy_disclosure disclosure;
    char **notices;
    uint32_t notices_count;
    char **instruments;
    uint32_t instruments_count;
    struct text_harvest *harvest;
    struct text_conditions *conditions;
};
struct text_call {
    char *service;
    enum policy_evidence evidence;
};
struct text_policy {
    struct text_category *categories;
    uint32_t categories_count;
    struct text_client *clients;
    uint32_t clients_count;
    struct text_service *services;
    uint32_t services_count;
    struct text_call *calls;
    uint32_t calls_count;
    struct text_instrument *instruments;
    uint32_t instruments_count;
    char **blacklist;
    uint32_t blacklist_count;
    struct text_authority *authority;
    struct text_year *years;
    uint32_t years_count;
    struct text_harvest *harvest;
    struct text_vital *vital;
};
extern const cyaml_schema_value_t policy_text_schema;

/* The words of the file for the enums; for messages and differences. */
const char *policy_connection_word(enum policy_connection connection);
const char *policy_type_word(enum policy_service_type type);
const char *policy_place_word(enum policy_person_place place);
const char *policy_evidence_word(enum policy_evidence evidence);
const char *policy_relation_word(enum policy_relation relation);

#endif
