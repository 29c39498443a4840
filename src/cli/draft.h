/*
 * A directory on its way to be signed: the JSON of docs/formats/directory.md without dates, and with the serial of the newest signed
 * one (0: none yet). What is changed is read by the directory's own parser before it is kept.
 */
#ifndef COMITY_CLI_DRAFT_H
#define COMITY_CLI_DRAFT_H

#include <jansson.h>

#include "directory/directory.h"

/* ERROR_INPUT when it is no draft. On failure *out is NULL; else the caller releases it. */
must_check bool draft_load(json_t **out, const char *path, struct error *e);
/* Checks the draft and replaces the file. */
must_check bool draft_save(const json_t *draft, const char *path, struct error *e);
/* The text to be signed: the draft with the next serial and these dates, in the canonical form. */
must_check bool draft_write(const json_t *draft, int64_t from_ms, int64_t until_ms, const char *where, struct buffer *out, struct error *e);
/* The directory that a text describes, whoever signed it or not: for showing. */
must_check bool draft_parse_text(struct directory **out, struct bytes text, const char *where, struct error *e);

/* The member's object; NULL when absent. `id` has at least three parts; another community's is absent. */
json_t *draft_find_member(const json_t *draft, const struct identifier *id);
/* The index of the element of `array` whose `key` is `value`; the array's size when there is none. */
size_t draft_find(const json_t *array, const char *key, struct bytes value);
/* The array under `key`, made if absent. NULL when memory is out. */
json_t *draft_array(json_t *object, const char *key);

#endif
