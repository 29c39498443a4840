/*
 * JSON against the schemas of our OpenAPI document (components.schemas of src/api/schemas.json, JSON Schema 2020-12): what a request's body
 * must be is said once, for the reader of the document and for the program. Of JSON Schema it knows what that file uses:
 *
 *   $ref (#/components/schemas/NAME) type enum const properties required additionalProperties: false
 *   items minItems maxItems minLength maxLength minimum maximum pattern (POSIX extended, as ECMA-262 reads it too) format: date-time
 *
 * and title, description, examples, default, readOnly, writeOnly, deprecated, which check nothing. Any other word fails schemas_make().
 */
#ifndef COMITY_API_SCHEMA_H
#define COMITY_API_SCHEMA_H

#include <jansson.h>

#include "base/error.h"

struct schemas;
/* From the text of an object NAME -> schema. ERROR_INPUT: not JSON, a word or $ref that it doesn't know. On failure *out is NULL. */
must_check bool schemas_make(struct schemas **out, struct bytes text, struct error *e);
void schemas_free(struct schemas *schemas); /* NULL is allowed */
/* The object itself, borrowed. */
const json_t *schemas_json(const struct schemas *schemas);
bool schemas_have(const struct schemas *schemas, const char *name);
/*
 * ERROR_INPUT: `where` is the place (RFC 6901, "/dataAgreement/purpose"), `what` never repeats a value. Pure; any thread.
 */
must_check bool schema_check(const struct schemas *schemas, const char *name, const json_t *value, struct error *e);

#endif
