/* A directory's text to begin with, and what tests make of it. */
#ifndef COMITY_TESTS_UNIT_DIRECTORY_DIRECTORY_FIXTURE_H
#define COMITY_TESTS_UNIT_DIRECTORY_DIRECTORY_FIXTURE_H

#include "directory/directory.h"

/* Operators "aurora.example/operator-<n>", made from seeds of their number. */
struct signer *fixture_signer(uint8_t number);
/* Fills `out` with a text that is valid; the caller clears it. */
void fixture_text(struct buffer *out);
/* Replaces the first `from` by `to`; fails the test when there is none. */
void fixture_replace(struct buffer *text, const char *from, const char *to);
/* The note of a text, signed by each of the operators; the caller clears `out`. */
void fixture_sign(struct bytes text, const uint8_t *operators, size_t count, struct buffer *out);
/* splitmix64 */
uint64_t fixture_next(uint64_t *state);

#endif
