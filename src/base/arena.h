/* Memory that is freed all at once: what belongs to one message lives and dies with it. */
#ifndef COMITY_BASE_ARENA_H
#define COMITY_BASE_ARENA_H

#include "base/bytes.h"

/* One owner, one thread. Zeroed is ready: `struct arena a = { .size_max = ... }`; size_max 0 means no limit. */
struct arena_chunk;
struct arena {
    struct arena_chunk *chunks;
    size_t size; /* handed out so far */
    size_t size_max;
};

/* Wipes and frees all that was handed out, or keeps some of it for the next arenas of this thread; the arena may be used again. */
void arena_clear(struct arena *a);

/* `size` bytes, not zeroed, aligned for any type; NULL when memory or the arena's maximum is exhausted. */
must_check void *arena_take(struct arena *a, size_t size);
/* The same, zeroed. */
must_check void *arena_take_zeroed(struct arena *a, size_t size);
/* A copy that lives as long as the arena, followed by a NUL that is not counted. `.data` is NULL on failure, never for "". */
must_check struct bytes arena_copy(struct arena *a, struct bytes view);
__attribute__((format(printf, 2, 3))) must_check struct bytes arena_format(struct arena *a, const char *format, ...);

#endif
