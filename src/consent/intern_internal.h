/* What many records share, each kept once and until the end: texts (recipients, purposes, categories) and terms. Any thread. */
#ifndef COMITY_CONSENT_INTERN_INTERNAL_H
#define COMITY_CONSENT_INTERN_INTERNAL_H

#include <pthread.h>

#include "base/arena.h"
#include "consent/consent.h"

enum { INTERN_TEXTS_MAX = 64 * 1024 }; /* they come from notices and policies; whoever finds a way to make more is not cached */

struct interns {
    pthread_mutex_t mutex;
    struct arena arena;
    struct bytes *table; /* open addressing */
    size_t capacity, count, bytes;
    uint64_t seed;
};
must_check bool interns_init(struct interns *interns);
void interns_clear(struct interns *interns);
/* The one copy of `text`, which lives until interns_clear(). BYTES_NONE: no memory, or too many. */
struct bytes interns_add(struct interns *interns, struct bytes text);
/* The one copy of terms of this content; NULL as above, and for NULL. */
const struct consent_terms *interns_add_terms(struct interns *interns, const struct consent_terms *terms);
size_t interns_bytes(struct interns *interns);

#endif
