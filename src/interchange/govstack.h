/*
 * GovStack Consent Building Block 1.1 (GovStackWorkingGroup/bb-consent, api/consent-openapi.yaml): its objects made of ours, and its chain of
 * revisions. Pure: values in, values out. Members that it lacks are in a member `comity` of each object.
 */
#ifndef COMITY_INTERCHANGE_GOVSTACK_H
#define COMITY_INTERCHANGE_GOVSTACK_H

#include "interchange/consent_document.h"

enum {
    GOVSTACK_SHA1_TEXT_SIZE = 41, /* 40 hex digits and NUL */
    GOVSTACK_SNAPSHOT_BYTES_MAX = 512 * 1024,
};

/* A change of one object. Views; empty texts are written as null. */
struct govstack_change {
    struct bytes schema_name; /* "DataAgreement", "ConsentRecord", "Policy", ... */
    struct bytes object_id;   /* empty: a draft, signed without its id */
    int64_t timestamp_ms;
    struct bytes individual; /* id of the individual who authorised it */
    struct bytes other;      /* who else did: "operator:7" */
    const json_t *object;    /* of it `id`, `successor`, `predecessorHash` and `predecessorSignature` are left out */
};
/* One revision as it is kept. `snapshot` is never written anew: hashes are of these very bytes. */
struct govstack_revision {
    struct bytes id;
    struct bytes schema_name, object_id;
    int64_t timestamp_ms;
    struct bytes individual, other;
    struct bytes snapshot;
    char sha1[GOVSTACK_SHA1_TEXT_SIZE];             /* serializedHash; for compatibility only: SHA-1 proves nothing */
    uint8_t sha256[SHA256_SIZE];                    /* what we verify */
    char predecessor_sha1[GOVSTACK_SHA1_TEXT_SIZE]; /* "": it is the first */
    struct bytes predecessor_signature;
    bool has_predecessor;
    uint8_t predecessor_sha256[SHA256_SIZE];
    struct bytes successor; /* id of the next revision; empty: it is the newest */
};
/*
 * Appends the serializedSnapshot, in RFC 8785 form, so that anybody can make it anew from the object. ERROR_FULL above `out`'s maximum,
 * ERROR_INPUT for what has no canonical form.
 */
must_check bool govstack_snapshot_write(const struct govstack_change *change, struct buffer *out, struct error *e);
/* Both hashes of a snapshot's bytes. */
void govstack_snapshot_hash(struct bytes snapshot, char sha1[GOVSTACK_SHA1_TEXT_SIZE], uint8_t sha256[SHA256_SIZE]);
/* The next revision after `before` (NULL: the first) over a snapshot that was written. The views of `change` and `snapshot` are kept in it. */
void govstack_revision_make(const struct govstack_change *change, struct bytes id, struct bytes snapshot,
                            const struct govstack_revision *before, struct govstack_revision *out);
/* The schema Revision; NULL: memory is out, or a text isn't UTF-8. */
must_check json_t *govstack_revision_json(const struct govstack_revision *revision);
/*
 * Do the hashes fit the snapshots, each predecessor the one before, and each successor the one after? ERROR_INPUT (where: "revision ID"). An
 * empty chain is one.
 */
must_check bool govstack_chain_check(const struct govstack_revision *revisions, size_t count, struct error *e);

/* "requested", "given", ... as GovStack has it: state, and optIn. */
const char *govstack_state(enum consent_state state); /* "unsigned" or "signed" */
bool govstack_opt_in(enum consent_state state);       /* only given permits */

/* A Policy's member; NULL for what isn't set. Views. */
struct govstack_policy {
    struct bytes id, name, version, url, jurisdiction, industry_sector, geographic_restriction, storage_location;
    uint32_t retention_days; /* 0: not set */
};
must_check json_t *govstack_policy_json(const struct govstack_policy *policy);
/*
 * A DataAgreement of a notice, with its dataAttributes and, in `comity`, the notice. `policy` may be NULL. Texts are in `language`, or the
 * notice's first.
 */
must_check json_t *govstack_agreement_of_notice(const struct notice *notice, const struct govstack_policy *policy, struct bytes language);
/* Only the list of DataAttributes. */
must_check json_t *govstack_attributes_of_notice(const struct notice *notice, struct bytes language);
/*
 * A ConsentRecord; in `comity` is consent_document_write()'s JSON. `agreement` (may be NULL) is embedded as its dataAgreement, `revision` (may
 * be NULL: the hash is empty then) as its dataAgreementRevision. `*out` is the caller's.
 */
must_check bool govstack_record_of_document(const struct consent_document *document, const json_t *agreement,
                                            const struct govstack_revision *revision, json_t **out, struct error *e);

#endif
