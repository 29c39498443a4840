/* Between the files that make up a directory. */
#ifndef COMITY_DIRECTORY_DIRECTORY_INTERNAL_H
#define COMITY_DIRECTORY_DIRECTORY_INTERNAL_H

#include "directory/directory.h"
#include "directory/json_place.h"
#include "directory/table_internal.h"

/* The lookups of a parsed directory. The seed is drawn anew for each, so that nobody can choose codes that fall together. */
struct directory_index {
    uint64_t seed;
    struct table members;
    struct table subsystems;
    struct table pins;    /* values: gateways, as in the next two */
    struct table origins; /* by the name of the statement key */
    struct table keys;    /* by the statement key itself */
};

/* Parses the text of a note whose signatures are the caller's matter. The digest is set. */
must_check bool directory_parse_text(struct directory **out, struct bytes text, const char *where, struct error *e);
/* Makes d->index; refuses members, subsystems, pins and statement keys that are there twice. */
must_check bool directory_index_make(struct directory *d, const struct json_source *s);

#endif
