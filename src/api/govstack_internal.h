/* What the handlers of GovStack's API share (reference consent-standards 1.1): its objects over objects_internal.h. */
#ifndef COMITY_API_GOVSTACK_INTERNAL_H
#define COMITY_API_GOVSTACK_INTERNAL_H

#include "api/objects_internal.h"
#include "api/rest_internal.h"

/* A kind of object that has an endpoint of its own. */
struct govstack_kind {
    const char *kind;        /* OBJECT_... */
    const char *schema_name; /* in snapshots */
    const char *member;      /* in bodies: "policy" */
    const char *list;        /* in bodies: "policies" */
    char prefix;             /* of ids */
};
extern const struct govstack_kind govstack_policy, govstack_agreement, govstack_individual, govstack_record, govstack_signature;

/* One transaction: the object's new state, its revision, and the event in the log, in front of the commit: what is told is in the log. */
must_check bool govstack_change(struct rest_call *call, const struct object_change *change, bool is_new, json_t **revision,
                                struct error *e);
/* Filled from the call; `content` borrowed. */
void govstack_fill(const struct rest_call *call, const struct govstack_kind *kind, struct bytes id, json_t *content,
                   struct object_change *change);
/* Finds it, or refuses as absent; also when it is another organisation's and the caller may not see those. */
must_check bool govstack_find(struct rest_call *call, const struct govstack_kind *kind, struct bytes id, struct object *out,
                              struct error *e);
/* `{ member: content, "revision": revision }`; takes both references over, also on failure. `revision` may be NULL: left out. */
must_check bool govstack_answer(struct rest_call *call, const char *member, json_t *content, json_t *revision, struct error *e);
/* `{ list: [..] }` of what the filter finds; `each` (may be NULL) may change a content, or leave it out by returning false. */
typedef bool govstack_each(struct rest_call *call, struct object *object);
must_check bool govstack_list(struct rest_call *call, const struct object_filter *filter, const char *list, govstack_each *each,
                              struct error *e);

/* A refusal as absent where the cause is that; else the cause itself. Returns false. */
bool govstack_pass_or_absent(struct rest_call *call, const struct error *cause, const char *where, struct error *e);

/* govstack_service.c: sets `individual` of the call to the one that the subject is; empty when that person never was one here. */
must_check bool govstack_find_own(struct rest_call *call, struct error *e);
/* The same, and makes one. */
must_check bool govstack_prepare_own(struct rest_call *call, struct error *e);

/* A data agreement at one revision. */
struct govstack_agreement_view {
    struct bytes id;
    json_t *content, *revision;
};
void govstack_agreement_clear(struct govstack_agreement_view *agreement);
/* `revision` empty: the current one. Must it be one that new consents may be given on? On failure nothing is left to clear. */
must_check bool govstack_agreement_get(struct rest_call *call, struct bytes id, struct bytes revision, bool must_be_active,
                                       struct govstack_agreement_view *out, struct error *e);

/* govstack_record.c */
bool govstack_is_text(const json_t *value, const char *text);
must_check bool govstack_set_id(json_t *content, struct bytes id);
/* Without `id`, as a draft is. NULL: memory. */
must_check json_t *govstack_record_content(const struct govstack_agreement_view *agreement, struct bytes individual, bool is_opted_in,
                                           const char *state);
void govstack_fill_record(const struct rest_call *call, struct bytes id, struct bytes agreement, json_t *content,
                          struct object_change *change);
/* In one transaction: the record with its revision, a signature (may be NULL), and who is told. */
must_check bool govstack_write_record(struct rest_call *call, struct object_change *change, bool is_new, json_t *signature,
                                      json_t **revision, struct error *e);
/* The body's signature with an id, and what it signs: it must be over `payload`. The caller's; NULL: refused. */
must_check json_t *govstack_take_signature(struct rest_call *call, struct bytes payload, const char *record, struct error *e);
/* The record in the path, which must be the individual's own; staff learns whose it is. */
must_check bool govstack_find_record(struct rest_call *call, struct object *out, struct error *e);

/* govstack_notice.c: published notices as data agreements, and consents to them. */
/* Writes those that the store has not yet; before an agreement is looked for. */
must_check bool govstack_show_notices(struct rest_call *call, struct error *e);
/* Of the revision of a notice that the agreement is; false: it is one of GovStack's own, on which records permit nothing. */
bool govstack_notice_digest(const json_t *agreement, uint8_t digest[SHA256_SIZE]);
/* False if the agreement is a notice: nobody changes that here. */
must_check bool govstack_refuse_notice(struct rest_call *call, const json_t *agreement, struct error *e);
/* The consent that a record on a notice came to; empty: none yet. A view of `record`. */
struct bytes govstack_consent_id(const json_t *record);
/*
 * Of a record on a notice (others pass): gives or refuses by the act and the separate acts in the body's `comity`, and notes the consent in the record. In
 * front of the record's own change.
 */
must_check bool govstack_decide(struct rest_call *call, json_t *record, bool is_given, struct error *e);
/* The same for another `optIn`: out withdraws or refuses, in asks for another signature. */
must_check bool govstack_opt(struct rest_call *call, json_t *record, bool wants_in, struct error *e);
/* Does the consent behind a record that says yes still stand? A new signature of one that has ended would say so. */
must_check bool govstack_must_be_given(struct rest_call *call, const json_t *record, struct error *e);
/* Says of a record on a notice what its consent is by now: `optIn` is false once that has ended. Of all in the answer's list; of one. */
must_check bool govstack_show_records(struct rest_call *call, struct error *e);
must_check bool govstack_show_record(struct rest_call *call, json_t *record, struct error *e);

/* govstack_audit.c: takes the individual out of a record. */
bool govstack_redact(struct rest_call *call, struct object *object);

#endif
