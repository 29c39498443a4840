/*
 * SipHash-2-4 with 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, and the authors' variant of 128 bits): for tables of what
 * others name. Who does not have the key can neither tell it from a random function nor aim two inputs at one output; for short inputs it
 * takes some 150 instructions, where SHA-256 takes thousands without the CPU's help. It is no hash to commit to anything by.
 */
#ifndef COMITY_CRYPTO_SIPHASH_H
#define COMITY_CRYPTO_SIPHASH_H

#include "base/bytes.h"

enum { SIPHASH_KEY_SIZE = 16, SIPHASH128_SIZE = 16 };

/* Any thread; can't fail. The key is secret and from random_fill(). */
void siphash128(const uint8_t key[SIPHASH_KEY_SIZE], struct bytes data, uint8_t out[SIPHASH128_SIZE]);

#endif
