/* How a value of JSON stands in a page: escaped, and in the reader's language where a format says so. Pure. */
#ifndef COMITY_PORTAL_FORMAT_INTERNAL_H
#define COMITY_PORTAL_FORMAT_INTERNAL_H

#include <jansson.h>

#include "portal/catalogue.h"

/* For text and for attributes in double or single quotes. */
void format_escape(struct buffer *out, struct bytes text);
bool format_is_known(struct bytes format);
/* NULL, null, objects and arrays are nothing. An empty format is the value as it is. */
void format_append(struct buffer *out, const json_t *value, struct bytes format, const struct catalogue *texts);

#endif
