/* The forms, one function each; `notice` is known to be the document's. NULL: memory is out, or a text isn't UTF-8. */
#ifndef COMITY_INTERCHANGE_EXPORT_INTERNAL_H
#define COMITY_INTERCHANGE_EXPORT_INTERNAL_H

#include "interchange/export.h"
#include "interchange/json_make.h"

/* `own` is consent_document_write()'s; borrowed. */
must_check json_t *dpv_write(const struct export_input *input, bool is_receipt, const json_t *own);
must_check json_t *kantara_write(const struct export_input *input);
must_check json_t *fhir_write(const struct export_input *input, bool is_r5, const json_t *own);
must_check json_t *rebit_write(const struct export_input *input);

/* A decision that stands as given: in a record that was given, that of each category. */
bool export_is_given(const struct consent_document *document, size_t decision);
/* The text of a URN for a notice revision, "urn:comity:notice:ID:REVISION:HEX": what other forms name it by. */
enum { EXPORT_NOTICE_URN_SIZE = 192 };
const char *export_notice_urn(const struct consent_document *document, char out[EXPORT_NOTICE_URN_SIZE]);
/* The digest of such a URN; false: it is none. */
must_check bool export_notice_urn_parse(struct bytes urn, uint8_t digest[SHA256_SIZE]);

#endif
