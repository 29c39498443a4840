/*
 * Inclusion proofs of one batch end alike: their leaves lie side by side under the same root. A thread remembers the way that it went up last
 * under each of a few roots, and a new one need be hashed only to where it meets that. Pure but for this memory, which changes no answer.
 */
#ifndef COMITY_EVIDENCE_CLIMB_INTERNAL_H
#define COMITY_EVIDENCE_CLIMB_INTERNAL_H

#include "evidence/merkle.h"

/* merkle_verify_inclusion(), with the same answer for the same arguments. */
bool climb_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE],
                            size_t count, const uint8_t root[SHA256_SIZE]);

#endif
