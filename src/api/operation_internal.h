/* What the operations share: reading a request, writing an answer. */
#ifndef COMITY_API_OPERATION_INTERNAL_H
#define COMITY_API_OPERATION_INTERNAL_H

#include "api/operation.h"
#include "api/operation_notice.h"

enum {
    OPERATION_PERSON_BYTES_MAX = 512,
    OPERATION_IDENTIFIER_BYTES_MAX = 2400,
    OPERATION_IRI_BYTES_MAX = 512,
    OPERATION_CATEGORIES_MAX = 64,
    OPERATION_LIST_MAX = 100000,
};

/* Is it an object (or NULL) with no other keys than these? */
must_check bool operation_check_keys(const json_t *request, const char *const *keys, size_t count, struct error *e);
/* A text of 1 to `max` bytes. Absent: BYTES_NONE if it may be. */
must_check bool operation_get_text(const json_t *request, const char *key, bool may_be_absent, size_t max, struct bytes *out,
                                   struct error *e);
/* The same as a time of RFC 3339; absent: `*out` stays as it is. */
must_check bool operation_get_time(const json_t *request, const char *key, int64_t *out, struct error *e);
/* 64 hexadecimal digits of a SHA-256. Absent: `*has` false. */
must_check bool operation_get_digest(const json_t *request, const char *key, bool *has, uint8_t out[SHA256_SIZE], struct error *e);
/* A full IRI, from a full or short one. */
must_check bool operation_get_iri(const json_t *value, const char *where, struct buffer *out, struct error *e);
/* A member in its canonical form, because decisions look it up by its bytes. */
must_check bool operation_get_member(struct bytes text, const char *where, struct buffer *out, struct error *e);

/* The keys that say who acts: add them to a table of keys. */
#define OPERATION_ACT_KEYS "by", "by_ref", "evidence", "method", "language", "assurance"
/*
 * { "by"?: role, "by_ref"?, "evidence"?: SHA-256 in hex, "method"?, "language"?, "assurance"? }; `role` is who acts when nobody is named. Views of the
 * request.
 */
must_check bool operation_get_act(const json_t *request, enum consent_role role, struct consent_act *out, struct error *e);

/* Law and notices as they are now. */
struct operation_rules {
    struct consent_rules rules;
    struct operation_ground ground;
    struct notices *notices;
};
/* Cleared by operation_rules_clear(), which one that could not be taken does not need. */
must_check bool operation_rules_take(const struct operation_context *context, struct operation_rules *rules, struct error *e);
void operation_rules_clear(struct operation_rules *rules);

/* Null for nothing, and for what came over the network and is not UTF-8. */
json_t *operation_text(struct bytes view);
json_t *operation_time(int64_t time_ms);
/* { "id", "changed", "log_index", ..}: of what became of a change; NULL: out of memory. */
json_t *operation_receipt(const struct consent_receipt *receipt);

#endif
