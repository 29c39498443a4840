/* The schema, as numbered steps. Append only: a step that was released is never edited. Portable SQL: README.md says how. */
#ifndef COMITY_STORE_MIGRATIONS_H
#define COMITY_STORE_MIGRATIONS_H

#include <stddef.h>

struct migration {
    const char *what;              /* for the diagnostic */
    const char *const *statements; /* ended by NULL; each runs once, in the order given */
};
/* migrations[n] leads from version n to n + 1. */
extern const struct migration migrations[];
extern const size_t migration_count;

#endif
