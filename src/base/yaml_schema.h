/*
 * YAML by schema, with errors that a person can act on: "FILE:LINE: what is wrong; what is allowed". The schema is libcyaml's, and libcyaml
 * puts the values into the caller's struct; but it takes "flase" for true, "80x" for 80, and says too little, so the text is compared with
 * the schema here first.
 */
#ifndef COMITY_BASE_YAML_SCHEMA_H
#define COMITY_BASE_YAML_SCHEMA_H

#include <cyaml/cyaml.h>

#include "base/buffer.h"
#include "base/error.h"

/*
 * Loads one YAML document into a new struct at `*out`, to be freed with yaml_unload(). The top of `schema` must be a mapping with
 * CYAML_FLAG_POINTER; inside: INT, UINT, BOOL, ENUM, STRING, MAPPING, SEQUENCE and IGNORE; at most 64 keys a mapping.
 * Refused (ERROR_INPUT, with the line): what isn't YAML or isn't UTF-8, unknown, missing and repeated keys, values of another type or out of
 * bounds, aliases, a NUL inside a text, a second document, an empty file. A number is decimal digits; a truth value is true or false (yes,
 * no, on, off too, in any case). `file` is for messages. On failure *out is NULL.
 */
must_check bool yaml_load(const cyaml_schema_value_t *schema, struct bytes text, const char *file, void **out, struct error *e);
void yaml_unload(const cyaml_schema_value_t *schema, void *data); /* NULL is allowed; "yaml_free" is a symbol of libyaml */

/*
 * The line, from 1, where `path` stands, such as "services[2].fields[0].path": that of the key or of the list's entry. False when there is no
 * such place; `*line` is then that of the nearest place above it (of the list that lacks the entry, say), or 1.
 */
bool yaml_line(struct bytes text, const char *path, unsigned *line);

/*
 * For a schema of one section of a larger file: appends the text with everything but the top-level `key` and its value blanked out, so that
 * lines stay what they were. Nothing is appended when there is no such key. False for what isn't YAML or whose top isn't a mapping, and when
 * `out` is too small; the rest of the file is not looked at.
 */
must_check bool yaml_section(struct bytes text, const char *file, const char *key, struct buffer *out, struct error *e);

/* error_set() with ERROR_INPUT at the line of `path`: for what a schema can't say. `todo` may be NULL. Returns false. */
__attribute__((format(printf, 6, 7))) bool yaml_error(struct bytes text, const char *file, const char *path, struct error *e,
                                                      const char *todo, const char *what, ...);

/* "FILE:LINE", with the front of a long path cut away instead of the line. Returns `out`. */
const char *yaml_where(const char *file, unsigned line, char *out, size_t size);

/* The one of `words` that `word` was probably meant to be; NULL when none is near enough. */
const char *yaml_nearest(struct bytes word, const char *const *words, size_t count);

#endif
