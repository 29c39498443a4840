/*
 * Reading the JSON of notices and records: on top of directory/json_place.h, the forms of texts that they have. Where `presence` is
 * JSON_NULLABLE, null is the same as absent, and an absent text is "". All are pure; all refuse with the place.
 */
#ifndef COMITY_CONSENT_JSON_FORM_H
#define COMITY_CONSENT_JSON_FORM_H

#include "consent/notice.h"
#include "directory/json_place.h"

/* A check of a text's form: NULL when it is good, else what is wrong with it. Static texts. */
typedef const char *json_form_fault(struct bytes text);
json_form_fault json_form_id_fault;       /* letters, digits, - and _ */
json_form_fault json_form_language_fault; /* BCP 47, its shape */
json_form_fault json_form_country_fault;  /* two capitals */
json_form_fault json_form_iri_fault;      /* a full IRI */
json_form_fault json_form_url_fault;      /* of https or http */
json_form_fault json_form_date_fault;     /* 2027-03-01 */
json_form_fault json_form_member_fault;   /* COMMUNITY/CLASS/MEMBER, canonical */
json_form_fault json_form_service_fault;  /* COMMUNITY/CLASS/MEMBER/SUBSYSTEM/SERVICE, canonical */

struct json_place json_form_inside(const struct json_place *at, const char *key);
/* A text without control characters; `fault` may be NULL. */
must_check bool json_form_line(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                               enum json_presence presence, size_t size_max, json_form_fault *fault, struct bytes *out);
/* The object at `place` with no other keys than these. NULL and *ok true: it is absent, and may be. */
must_check const json_t *json_form_object(const struct json_source *s, const struct json_place *place, const json_t *above,
                                          enum json_presence presence, const char *const *keys, size_t key_count, bool *ok);
/* A list of different texts; one that is required has at least one. */
must_check bool json_form_list(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                               enum json_presence presence, size_t most, size_t size_max, json_form_fault *fault, struct notice_list *out);
/* Nullable: free text (lines are allowed) by language, sorted. */
must_check bool json_form_texts(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                                struct notice_texts *out);
/* Nullable (0): a whole number from 1. */
must_check bool json_form_number(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key,
                                 uint64_t most, uint64_t *out);
/* Nullable: 64 lower-case hex digits. */
must_check bool json_form_digest(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                                 uint8_t digest[SHA256_SIZE]);
/* Nullable: RFC 3339 in UTC ("Z"), in whole seconds, so that a time has one form. */
must_check bool json_form_time(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                               int64_t *time_ms);
/* Nullable: an ISO 8601 duration. */
must_check bool json_form_period(const struct json_source *s, const struct json_place *at, const json_t *object, const char *key, bool *has,
                                 struct period *out);
/* "mode", "fetch", "frequency" and "dataRange" of `use`: what notices and records have in common. */
must_check bool json_form_limits(const struct json_source *s, const struct json_place *at, const json_t *use, struct use_limits *out);

#endif
