/*
 * Numbers in the place of texts that many rows share: recipients, purposes and categories (consent_names), and records' terms (consent_terms). A number
 * that was committed means the same for ever, so what was read once is kept: up to NAMES_KEPT_MAX of each, in memory that is never moved. They come
 * from notices and from what the holder's own commands name, never from requests.
 */
#ifndef COMITY_CONSENT_NAMES_INTERNAL_H
#define COMITY_CONSENT_NAMES_INTERNAL_H

#include <pthread.h>

#include "base/arena.h"
#include "consent/consent.h"

enum { NAMES_KEPT_MAX = 8192, NAMES_SLOTS = 4 * NAMES_KEPT_MAX };

struct name {
    int64_t number;
    struct bytes text;
};
struct names {
    struct store *store;
    pthread_mutex_t mutex; /* of whoever adds; readers take none */
    bool is_made;
    uint64_t seed;
    struct name *_Atomic *by_number;      /* NAMES_KEPT_MAX + 1 */
    struct name *_Atomic *by_text;        /* NAMES_SLOTS, open addressing */
    struct consent_terms *_Atomic *terms; /* NAMES_KEPT_MAX + 1 */
    size_t count;
};
must_check bool names_init(struct names *names, struct store *store);
void names_clear(struct names *names);

/* By store_read(). `*number` 0: there is no such name. */
must_check bool names_find(struct names *names, struct bytes text, int64_t *number, struct error *e);
/* The text lives with `names` or with the arena. ERROR_INPUT: no such number: the database is damaged. */
must_check bool names_text(struct names *names, int64_t number, struct arena *arena, struct bytes *out, struct error *e);
/* The same for terms; NULL for number 0. */
must_check bool names_terms(struct names *names, int64_t number, struct arena *arena, const struct consent_terms **out, struct error *e);

/* Inside a transaction: the number of this name, a new one if it has none; and of these terms (0 for NULL). */
must_check bool names_take(struct store *store, struct bytes text, int64_t *number, struct error *e);
must_check bool names_take_terms(struct store *store, const struct consent_terms *terms, int64_t *number, struct error *e);
/* The person's number likewise. */
must_check bool names_take_person(struct store *store, struct bytes person, int64_t *number, struct error *e);

#endif
