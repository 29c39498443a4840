/* Many exchanges at once, and who of them was answered. */
#ifndef COMITY_DEMO_LOAD_H
#define COMITY_DEMO_LOAD_H

#include "base/error.h"

enum { LOAD_ID_SIZE = 37 };
struct load_result {
    char (*acknowledged)[LOAD_ID_SIZE]; /* exchange ids of all that were answered with 200, sorted; heap */
    size_t acknowledged_count, failed_count;
};
/*
 * Keeps `connections` exchanges under way at 127.0.0.1:`port` for `duration_ms`; `halfway` (may be NULL) is called once after half of it.
 * Free result->acknowledged.
 */
must_check bool load_run(unsigned port, const char *path, const char *client, unsigned connections, unsigned duration_ms,
                         void (*halfway)(void *context), void *context, struct load_result *result, struct error *e);
/* Is the id among those that were acknowledged? Its index, or -1. */
long load_find(const struct load_result *result, const char *id);

#endif
