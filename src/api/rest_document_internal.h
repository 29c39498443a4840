/* A consent with its history, made of its events as they are in the log. */
#ifndef COMITY_API_REST_DOCUMENT_INTERNAL_H
#define COMITY_API_REST_DOCUMENT_INTERNAL_H

#include "api/rest_internal.h"
#include "interchange/consent_document.h"

struct rest_document {
    struct consent_document value;
    bool has_notice;             /* it was decided on one: value.notice_digest */
    uint8_t digest[SHA256_SIZE]; /* of the record as it stands: what If-Match and `expected` compare */
    uint64_t log_index;          /* of the newest event; UINT64_MAX: not logged yet */
};
/* Views into `arena`. `notices` (may be NULL) says what is superseded. ERROR_ABSENT: no such record. */
must_check bool rest_document_make(struct consents *consents, struct bytes id, struct bytes origin, struct bytes holder,
                                   const struct notices *notices, int64_t now_ms, struct arena *arena, struct rest_document *out,
                                   struct error *e);

#endif
