/* Randomness for salts, nonces and identifiers: getrandom(2), drawn in blocks of a KiB for each thread. */
#ifndef COMITY_BASE_RANDOM_H
#define COMITY_BASE_RANDOM_H

#include "base/bytes.h"

/* Fills `out`. Ends the process when the kernel has no randomness to give: a guessable salt would open the log. Any thread. */
void random_fill(void *out, size_t size);

enum { UUID_TEXT_SIZE = 37 };
/* A random UUID (RFC 9562 version 4), lower case, with NUL. */
void random_uuid(char out[UUID_TEXT_SIZE]);

/* Puts another source in (NULL: the kernel again). For tests, before any thread draws. */
void random_replace(void (*fill)(void *context, void *out, size_t size), void *context);

#endif
